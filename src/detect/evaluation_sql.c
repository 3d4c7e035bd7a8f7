/*
 * evaluation_sql.c
 *		detector_evaluation(alarms, drifts, n, ...).
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "catalog/pg_type_d.h"
#include "detect/evaluation.h"
#include "funcapi.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_detector_evaluation);

static int
compare_positions(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

/* Sorted, each once. */
static int64 *
read_positions(ArrayType *array, const char *argument, int64 n, int *n_positions)
{
	Datum	   *elements;
	bool	   *nulls;
	int64	   *positions;
	int			kept = 0;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, n_positions);
	positions = palloc(mul_size(sizeof(int64), (Size) *n_positions + 1));
	for (int i = 0; i < *n_positions; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not contain null", argument)));
		positions[i] = DatumGetInt64(elements[i]);
		if (positions[i] < 0 || positions[i] >= n)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s has a position outside the stream", argument),
					 errdetail("It is %lld; the stream's %lld rows are numbered from 0.", (long long) positions[i],
							   (long long) n)));
	}
	qsort(positions, *n_positions, sizeof(int64), compare_positions);
	for (int i = 0; i < *n_positions; i++)
		if (kept == 0 || positions[i] != positions[kept - 1])
			positions[kept++] = positions[i];
	*n_positions = kept;
	return positions;
}

static void
put_row(ReturnSetInfo *result, const char *source, const Evaluation *e, int n_drifts, double per)
{
	double		fields[] = {e->n_alarms,
					   n_drifts,
					   e->n_detected,
					   n_drifts - e->n_detected,
					   e->n_false,
					   e->precision,
					   e->recall,
					   e->episode_recall,
					   e->f1,
					   e->mean_delay,
					   e->normalized_delay,
					   1 - e->recall,
					   e->false_alarm_rate * per,
					   e->mean_time_between_false_alarms,
					   e->mean_time_ratio};
	Datum		values[lengthof(fields) + 1];
	bool		nulls[lengthof(fields) + 1] = {false};

	values[0] = CStringGetTextDatum(source);
	for (int i = 0; i < lengthof(fields); i++)
	{
		nulls[i + 1] = isnan(fields[i]);
		values[i + 1] = Float8GetDatum(fields[i]);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_detector_evaluation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64	   *alarms;
	int64	   *drifts;
	int			n_alarms;
	int			n_drifts;
	int64		n;
	int64		max_delay;
	int64		per;
	Evaluation	evaluation;

	InitMaterializedSRF(fcinfo, 0);
	require_argument(fcinfo, 0, "alarms");
	require_argument(fcinfo, 1, "drifts");
	require_argument(fcinfo, 2, "n");
	require_argument(fcinfo, 4, "per");
	n = PG_GETARG_INT64(2);
	max_delay = PG_ARGISNULL(3) ? PG_INT64_MAX : PG_GETARG_INT64(3);
	per = PG_GETARG_INT64(4);
	if (n < 1 || per < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be at least 1", n < 1 ? "n" : "per"),
				 n < 1 ? errhint("It is the number of rows that the detector saw.") : 0));
	if (max_delay < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_delay must not be negative")));
	alarms = read_positions(PG_GETARG_ARRAYTYPE_P(0), "alarms", n, &n_alarms);
	drifts = read_positions(PG_GETARG_ARRAYTYPE_P(1), "drifts", n, &n_drifts);
	evaluate_alarms(alarms, n_alarms, drifts, n_drifts, n, max_delay, &evaluation);
	put_row(result, "detector", &evaluation, n_drifts, (double) per);
	evaluate_periodic(alarms, n_alarms, drifts, n_drifts, n, max_delay, &evaluation);
	put_row(result, "periodic", &evaluation, n_drifts, (double) per);
	return (Datum) 0;
}
