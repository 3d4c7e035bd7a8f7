/*
 * fairness_permutation_sql.c
 *		fairness_permutation: p-values of the metrics by permutation, as rows.
 */
#include "postgres.h"

#include "base/memory.h"
#include "fairness/fairness_named.h"
#include "fairness/fairness_permutation.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_fairness_permutation);

#define MAX_PERMUTATIONS 1000000

typedef struct PermutationOptions
{
	int32		min_group_size;
	int32		n_permutations;
	uint64		seed;
} PermutationOptions;

static void
put_test(ReturnSetInfo *result, const PermutationOptions *options, int metric, const FairnessGroup *groups, size_t n,
		 const char *group_name, const char *reference_name)
{
	FairnessPermutation test;
	Datum		values[8];
	bool		nulls[8] = {false};

	fairness_permutation_start(&test, metric, groups, n, options->min_group_size, options->seed,
							   allocator_in(CurrentMemoryContext));
	for (int i = 0; i < options->n_permutations && test.status == SCORE_OK; i++)
	{
		CHECK_FOR_INTERRUPTS();
		fairness_permutation_step(&test);
	}
	values[0] = CStringGetTextDatum(fairness_metric_name(metric));
	nulls[1] = group_name == NULL;
	if (group_name != NULL)
		values[1] = CStringGetTextDatum(group_name);
	nulls[2] = reference_name == NULL;
	if (reference_name != NULL)
		values[2] = CStringGetTextDatum(reference_name);
	nulls[3] = nulls[4] = test.status != SCORE_OK;
	values[3] = Float8GetDatum(test.value);
	values[4] = Float8GetDatum(fairness_permutation_p_value(&test));
	values[5] = Int64GetDatum(test.n_permutations);
	values[6] = Int64GetDatum(test.n);
	values[7] = CStringGetTextDatum(score_status_name(test.status));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	fairness_permutation_free(&test);
}

Datum
weir_fairness_permutation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *asked = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	PermutationOptions options = {.min_group_size = PG_ARGISNULL(3) ? 30 : PG_GETARG_INT32(3),
								  .n_permutations = PG_ARGISNULL(4) ? 1000 : PG_GETARG_INT32(4),
								  .seed = PG_ARGISNULL(5) ? 1 : (uint64) PG_GETARG_INT64(5)};
	int			n_metrics;
	int		   *metrics;
	NamedGroup *groups;
	FairnessGroup *bare;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	fairness_check_options(options.min_group_size, 0.95);
	if (options.n_permutations < 1 || options.n_permutations > MAX_PERMUTATIONS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("permutations must lie between 1 and %d", MAX_PERMUTATIONS)));
	metrics = fairness_read_metrics(fcinfo, 2, &n_metrics);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	bare = fairness_bare_groups(groups, n);
	for (int i = 0; i < n_metrics; i++)
	{
		const NamedGroup *reference = fairness_reference_group(groups, n, asked, metrics[i], options.min_group_size);

		for (size_t j = 0; j < n && reference != NULL; j++)
		{
			FairnessGroup pair[2] = {bare[j], reference->group};

			if (&groups[j] != reference)
				put_test(result, &options, metrics[i], pair, 2, groups[j].name, reference->name);
		}
		put_test(result, &options, metrics[i], bare, n, NULL, NULL);
	}
	return (Datum) 0;
}
