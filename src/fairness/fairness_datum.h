/*
 * fairness_datum.h
 *		Between the server's values and fairness tables: used by the aggregate and by the capture worker alike.
 */
#ifndef WEIR_FAIRNESS_DATUM_H
#define WEIR_FAIRNESS_DATUM_H

#include "postgres.h"

#include "fairness/fairness.h"
#include "summary/summary_datum.h"

/*
 * How to read a label or a prediction: boolean, or a number that is 0 or 1, or (positive given) any category, positive where
 * its text equals positive.  A boolean stays a boolean unless positive is 'true' or 'false', a number stays 0 or 1 unless
 * positive is a number.
 */
typedef struct OutcomeReader
{
	ValueReader value;
	char	   *positive;		/* NULL: boolean or 0/1 */
} OutcomeReader;

/* False when the type cannot be an outcome. */
extern bool outcome_reader_init(OutcomeReader *reader, Oid type, const char *positive, MemoryContext context);

/*
 * NULL reads as OUTCOME_UNKNOWN. valid is set false for a number that is neither 0 nor 1 (the aggregate raises 22023, capture
 * counts it unknown).
 */
extern Outcome outcome_reader_read(const OutcomeReader *reader, Datum value, bool is_null, bool *valid);

/* weir.fairness_table as a flat varlena, and back. */
extern Datum fairness_to_datum(const FairnessTable *table);
extern FairnessTable *fairness_from_datum(Allocator allocator, Datum datum);
extern void fairness_check_status(FairnessStatus status);

#endif
