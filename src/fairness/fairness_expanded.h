/*
 * fairness_expanded.h
 *		weir.fairness_table in memory: an expanded object around a FairnessTable, flattened only when it leaves the process.
 */
#ifndef WEIR_FAIRNESS_EXPANDED_H
#define WEIR_FAIRNESS_EXPANDED_H

#include "fairness/fairness_datum.h"
#include "utils/expandeddatum.h"

/* A new expanded object below parent, holding a table with n_columns columns. */
extern Datum fairness_expanded_create(MemoryContext parent, int n_columns);

/* The same holding a private copy of what datum holds. */
extern Datum fairness_expanded_copy(MemoryContext parent, Datum datum);

/* The table inside, when the datum is a read-write expanded one; else NULL. */
extern FairnessTable *fairness_expanded_writable(Datum datum);

/* The table inside, when the datum is expanded at all; else NULL. */
extern const FairnessTable *fairness_expanded_readable(Datum datum);

#endif
