/*
 * subset_scan_datum.h
 *		Columns of groups with the names of their values, and what searches over these find, as rows.
 */
#ifndef WEIR_SUBSET_SCAN_DATUM_H
#define WEIR_SUBSET_SCAN_DATUM_H

#include "postgres.h"

#include "fairness/subset_scan.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/jsonb.h"

typedef struct GroupColumns
{
	int			n_columns;
	int		   *n_values;		/* by column */
	char	 ***names;			/* by column and value; NULL: unknown */
} GroupColumns;

extern GroupColumns *group_columns_create(int n_columns);

/* The number of a value of the column, which is new where it was not seen before. value NULL is unknown. */
extern int	group_columns_value(GroupColumns *columns, int column, const char *value, size_t length);

/* {"1": ["F"], "3": ["old", null]}: the columns, from 1, some of whose values are left out. */
extern Jsonb *group_columns_subset(const GroupColumns *columns, const bool *included);

/* The rows of weir.subset_scan: more and fewer outcomes than expected. */
extern void subset_scan_rows(ReturnSetInfo *result, const GroupColumns *columns, const ScanProblem *problem, int permutations,
							 bool conserve_total);

/* Raises 22023: penalty, restarts, permutations and seed, the arguments from first on. */
extern int	subset_scan_options(FunctionCallInfo fcinfo, int first, ScanProblem *problem);

#endif
