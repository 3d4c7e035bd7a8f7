/*
 * score_scan_sql.c
 *		subset_scan over the performances of groups: labels against what the scores expect.
 */
#include "postgres.h"

#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/subset_scan_datum.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "quality/performance_datum.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_score_subset_scan);

/* Each score that can be told apart expects its rows to be positive with that probability. */
static void
fill_cell(ScanCell *cell, const Performance *performance)
{
	ScoreMoments moments;
	ScoreCell  *scores;
	ScanExpectation *expectations;
	size_t		n;

	if (performance->kind != PERFORMANCE_BINARY)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a subset scan of scores needs binary performances"),
				 errhint("Make them with weir.binary_performance(label, score).")));
	if (performance_n(performance) == 0)
		return;
	performance_score_moments(performance, &moments);
	if (!moments.is_probability)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a subset scan needs scores that are probabilities"),
				 errdetail("A score lies outside of 0 and 1.")));
	scores = performance_cells(performance, allocator_in(CurrentMemoryContext), &n);
	expectations = palloc(mul_size(n + 1, sizeof(ScanExpectation)));
	for (size_t i = 0; i < n; i++)
	{
		expectations[i].probability = Min(1, Max(0, score_cell_middle(&scores[i])));
		expectations[i].n = scores[i].negatives + scores[i].positives;
		cell->observed += scores[i].positives;
	}
	cell->n_expectations = n;
	cell->expectations = expectations;
}

Datum
weir_score_subset_scan(PG_FUNCTION_ARGS)
{
	ScanProblem problem = {0};
	int			permutations = subset_scan_options(fcinfo, 2, &problem);
	ArrayType  *values_array;
	ArrayType  *performances_array;
	GroupColumns *columns;
	ScanCell   *cells;
	Datum	   *values;
	Datum	   *performances;
	bool	   *value_nulls;
	bool	   *nulls;
	int			n_values;
	int			n;
	int			n_columns;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	values_array = PG_GETARG_ARRAYTYPE_P(0);
	performances_array = PG_GETARG_ARRAYTYPE_P(1);
	n_columns = ARR_NDIM(values_array) == 2 ? ARR_DIMS(values_array)[1] : 1;
	deconstruct_array(values_array, TEXTOID, -1, false, TYPALIGN_INT, &values, &value_nulls, &n_values);
	deconstruct_array(performances_array, ARR_ELEMTYPE(performances_array), -1, false, TYPALIGN_INT, &performances, &nulls, &n);
	if (ARR_NDIM(values_array) > 2 || n_values != n * n_columns)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("values of %d groups but %d performances", n_values / n_columns, n),
				 errhint("Take both from one query: SELECT array_agg(ARRAY[sex, race]), array_agg(p) FROM (SELECT sex, race, "
						 "weir.binary_performance(label, score) AS p FROM t GROUP BY sex, race) q.")));
	columns = group_columns_create(n_columns);
	cells = palloc0(mul_size(n + 1, sizeof(ScanCell)));
	for (int i = 0; i < n; i++)
	{
		ScanCell   *cell = &cells[problem.n_cells];
		int		   *own;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		own = palloc(mul_size(n_columns, sizeof(int)));
		for (int j = 0; j < n_columns; j++)
		{
			bool		is_null = value_nulls[i * n_columns + j];
			text	   *value = is_null ? NULL : DatumGetTextPP(values[i * n_columns + j]);

			own[j] = group_columns_value(columns, j, is_null ? NULL : VARDATA_ANY(value), is_null ? 0 : VARSIZE_ANY_EXHDR(value));
		}
		cell->values = own;
		fill_cell(cell, performance_borrow(performances[i]));
		problem.n_cells++;
	}
	problem.n_attributes = n_columns;
	problem.n_values = columns->n_values;
	problem.cells = cells;
	if (problem.n_cells > 0)
		subset_scan_rows((ReturnSetInfo *) fcinfo->resultinfo, columns, &problem, permutations, false);
	return (Datum) 0;
}
