/*
 * classification.h
 *		Classes of columns: public, internal, personal, sensitive.
 *
 * A class is a security label of the provider weir on the column, so it follows renames and dumps by itself, and goes with the
 * column.  monitor_column.class is a copy of it, which stays where the column goes: what panes remember of it stays withheld.
 */
#ifndef WEIR_CLASSIFICATION_H
#define WEIR_CLASSIFICATION_H

#include "postgres.h"

/* From monitor_init. */
extern void classification_init(void);

/* Raises 22023 when values of the column are withheld, as segments are named by values. */
extern void classification_check_segment_column(Oid source, const char *column);

/* The column of that name in a copy of the table gets the class that it has in the table, if any. */
extern void classification_carry_over(Oid source, const char *column, Oid copy);

/* Whether values of a column of a table are withheld from reports: it is personal or sensitive. */
extern bool classification_is_withheld(Oid relation, AttrNumber attribute);

/* Inside SPI: for each of the n_columns of the query's result, whether it shows values of such a column. */
extern bool *classification_of_query(const char *query, int n_columns);

#endif
