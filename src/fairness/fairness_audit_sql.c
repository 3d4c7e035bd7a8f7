/*
 * fairness_audit_sql.c
 *		What auditors ask beside fairness_metrics, as rows.
 */
#include "postgres.h"

#include <math.h>

#include "base/distributions.h"
#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_audit.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_named.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_fairness_clarify);
PG_FUNCTION_INFO_V1(weir_fairness_inequality);
PG_FUNCTION_INFO_V1(weir_fairness_differential);
PG_FUNCTION_INFO_V1(weir_fairness_spread);
PG_FUNCTION_INFO_V1(weir_fairness_stratified);
PG_FUNCTION_INFO_V1(weir_fairness_project);

static Datum
float_or_null(double value, bool *is_null)
{
	*is_null = isnan(value);
	return *is_null ? (Datum) 0 : Float8GetDatum(value);
}

static Datum
text_or_null(const char *value, bool *is_null)
{
	*is_null = value == NULL;
	return *is_null ? (Datum) 0 : CStringGetTextDatum(value);
}

static Datum
status_of(bool is_defined)
{
	return CStringGetTextDatum(is_defined ? "ok" : "undefined");
}

/* ---- Clarify ---- */

Datum
weir_fairness_clarify(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *name = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	NamedGroup *groups;
	const NamedGroup *advantaged;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	advantaged = fairness_reference_group(groups, n, name, fairness_metric_find("demographic_parity_difference"), 1);
	if (advantaged == NULL && name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no group \"%s\"", name),
				 errhint("SELECT group_name FROM weir.fairness_groups(f) shows the groups.")));
	for (size_t i = 0; i < n; i++)
	{
		double		scores[CLARIFY_N_METRICS];

		CHECK_FOR_INTERRUPTS();
		if (advantaged == NULL || &groups[i] == advantaged)
			continue;
		fairness_clarify(&advantaged->group, &groups[i].group, scores);
		for (int metric = 0; metric < CLARIFY_N_METRICS; metric++)
		{
			Datum		values[8];
			bool		nulls[8] = {false};

			values[0] = CStringGetTextDatum(clarify_metrics[metric].name);
			values[1] = CStringGetTextDatum(clarify_metrics[metric].title);
			values[2] = CStringGetTextDatum(clarify_metrics[metric].of_labels ? "pre-training" : "post-training");
			values[3] = CStringGetTextDatum(groups[i].name);
			values[4] = CStringGetTextDatum(advantaged->name);
			values[5] = float_or_null(scores[metric], &nulls[5]);
			values[6] = Float8GetDatum(clarify_metrics[metric].fair);
			values[7] = status_of(!isnan(scores[metric]));
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		}
	}
	return (Datum) 0;
}

/* ---- inequality and differential fairness ---- */

static void
put_inequality(ReturnSetInfo *result, const char *measure, double total, double between, double within, int64 n)
{
	Datum		values[6];
	bool		nulls[6] = {false};

	values[0] = CStringGetTextDatum(measure);
	values[1] = float_or_null(total, &nulls[1]);
	values[2] = float_or_null(between, &nulls[2]);
	values[3] = float_or_null(within, &nulls[3]);
	values[4] = Int64GetDatum(n);
	values[5] = status_of(!isnan(total));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_fairness_inequality(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	double		alpha = PG_ARGISNULL(1) ? 2 : PG_GETARG_FLOAT8(1);
	NamedGroup *named;
	FairnessGroup *groups;
	Inequality	inequality;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	if (!isfinite(alpha))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("alpha must be a finite number")));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	named = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	groups = fairness_bare_groups(named, n);
	fairness_inequality(groups, n, alpha, &inequality);
	put_inequality(result, "generalized_entropy", inequality.total, inequality.between, inequality.total - inequality.between,
				   inequality.n);
	fairness_inequality(groups, n, 1, &inequality);
	put_inequality(result, "theil", inequality.total, inequality.between, inequality.total - inequality.between, inequality.n);
	/* Standard deviation over mean: the square root of twice the entropy of order 2. A root does not decompose. */
	fairness_inequality(groups, n, 2, &inequality);
	put_inequality(result, "coefficient_of_variation", sqrt(2 * inequality.total), sqrt(2 * inequality.between), NAN, inequality.n);
	return (Datum) 0;
}

Datum
weir_fairness_differential(PG_FUNCTION_ARGS)
{
	static const FairnessRate rates[] = {RATE_BASE, RATE_SELECTION};
	static const char *const outcomes[] = {"label", "prediction"};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	double		concentration = PG_ARGISNULL(1) ? 1 : PG_GETARG_FLOAT8(1);
	double		epsilons[2];
	NamedGroup *groups;
	FairnessGroup *bare;
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	if (!(concentration > 0 && isfinite(concentration)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("concentration must be above 0")));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	bare = fairness_bare_groups(groups, n);
	for (int i = 0; i < 3; i++)
	{
		Datum		values[5];
		bool		nulls[5] = {false};
		DifferentialFairness score = {0};

		if (i < 2)
			fairness_differential(bare, n, rates[i], concentration, &score);
		else
			score.epsilon = epsilons[1] - epsilons[0];
		if (i < 2)
			epsilons[i] = score.epsilon;
		values[0] = CStringGetTextDatum(i < 2 ? outcomes[i] : "amplification");
		values[1] = float_or_null(score.epsilon, &nulls[1]);
		values[2] = text_or_null(i < 2 && !isnan(score.epsilon) ? groups[score.lowest].name : NULL, &nulls[2]);
		values[3] = text_or_null(i < 2 && !isnan(score.epsilon) ? groups[score.highest].name : NULL, &nulls[3]);
		values[4] = status_of(!isnan(score.epsilon));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- spread over groups ---- */

Datum
weir_fairness_spread(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int32		min_group_size = PG_ARGISNULL(1) ? 1 : PG_GETARG_INT32(1);
	NamedGroup *groups;
	FairnessGroup all = {.key = NULL};
	size_t		n;

	InitMaterializedSRF(fcinfo, 0);
	fairness_check_options(min_group_size, 0.95);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	groups = fairness_named_groups(PG_GETARG_DATUM(0), &n);
	for (size_t i = 0; i < n; i++)
		for (int j = 0; j < 9; j++)
			all.counts[j / 3][j % 3] += groups[i].group.counts[j / 3][j % 3];
	for (int i = 0; i < fairness_n_named_rates; i++)
	{
		Proportion	overall = fairness_rate(&all, fairness_named_rates[i].rate);
		double		whole = overall.trials == 0 ? NAN : (double) overall.successes / (double) overall.trials;
		const NamedGroup *lowest = NULL;
		const NamedGroup *highest = NULL;
		double		low = INFINITY;
		double		high = -INFINITY;
		double		from_overall = 0;
		double		to_overall = 1;
		int			n_groups = 0;
		Datum		values[12];
		bool		nulls[12] = {false};

		for (size_t j = 0; j < n; j++)
		{
			Proportion	rate = fairness_rate(&groups[j].group, fairness_named_rates[i].rate);
			double		value = (double) rate.successes / (double) rate.trials;

			if (rate.trials == 0 || rate.trials < min_group_size)
				continue;
			n_groups++;
			if (value < low)
			{
				low = value;
				lowest = &groups[j];
			}
			if (value > high)
			{
				high = value;
				highest = &groups[j];
			}
			from_overall = fmax(from_overall, fabs(value - whole));
			to_overall = fmin(to_overall, value == 0 || whole == 0 ? (value == whole ? 1 : 0) : fmin(value / whole, whole / value));
		}
		values[0] = CStringGetTextDatum(fairness_named_rates[i].name);
		values[1] = float_or_null(whole, &nulls[1]);
		values[2] = float_or_null(n_groups > 0 ? low : NAN, &nulls[2]);
		values[3] = text_or_null(lowest != NULL ? lowest->name : NULL, &nulls[3]);
		values[4] = float_or_null(n_groups > 0 ? high : NAN, &nulls[4]);
		values[5] = text_or_null(highest != NULL ? highest->name : NULL, &nulls[5]);
		values[6] = float_or_null(n_groups > 0 ? high - low : NAN, &nulls[6]);
		values[7] = float_or_null(n_groups > 0 && high > 0 ? low / high : NAN, &nulls[7]);
		values[8] = float_or_null(n_groups > 0 ? from_overall : NAN, &nulls[8]);
		values[9] = float_or_null(n_groups > 0 ? to_overall : NAN, &nulls[9]);
		values[10] = Int32GetDatum(n_groups);
		values[11] = CStringGetTextDatum(n_groups > 1 ? "ok" : n_groups == 1 ? "insufficient" : "undefined");
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- some columns of the key ---- */

/* Positions, from 1, of columns of the table; each at most once. */
static bool *
read_columns(ArrayType *array, int n_columns, const char *argument)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	bool	   *wanted = palloc0(sizeof(bool) * (n_columns + 1));

	deconstruct_array(array, INT4OID, sizeof(int32), true, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		int			column = nulls[i] ? 0 : DatumGetInt32(elements[i]);

		if (column < 1 || column > n_columns || wanted[column - 1])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be positions of group columns, each once", argument),
					 errdetail("The table has %d group columns, counted from 1.", n_columns)));
		wanted[column - 1] = true;
	}
	return wanted;
}

/* The part of a key whose columns are wanted (or, negated, are not). */
static size_t
project_key(const FairnessGroup *group, int n_columns, const bool *wanted, bool value, char *buffer)
{
	const char **values = palloc(sizeof(char *) * (n_columns + 1));
	size_t	   *lengths = palloc(sizeof(size_t) * (n_columns + 1));
	const char *element;
	size_t		element_length;
	size_t		offset = 0;
	size_t		size;
	int			n = 0;

	for (int i = 0; i < n_columns && fairness_key_next(group->key, group->length, &offset, &element, &element_length); i++)
		if (wanted[i] == value)
		{
			values[n] = element;
			lengths[n++] = element == NULL ? 0 : element_length;
		}
	size = fairness_key(n, values, lengths, buffer);
	pfree(values);
	pfree(lengths);
	return size;
}

static FairnessTable *
project(const FairnessTable *table, const bool *wanted, bool value)
{
	int			n_columns = fairness_n_columns(table);
	int			n_kept = 0;
	size_t		n = fairness_groups(table, NULL, 0);
	FairnessGroup *groups = palloc(mul_size(n + 1, sizeof(FairnessGroup)));
	FairnessTable *result;

	for (int i = 0; i < n_columns; i++)
		n_kept += wanted[i] == value;
	fairness_groups(table, groups, n);
	result = fairness_create(allocator_in(CurrentMemoryContext), n_kept, 0);
	for (size_t i = 0; i < n; i++)
	{
		char	   *key = palloc(groups[i].length + 1);
		size_t		length = project_key(&groups[i], n_columns, wanted, value, key);

		CHECK_FOR_INTERRUPTS();
		fairness_check_status(fairness_add_counts(result, key, length, groups[i].counts));
		pfree(key);
	}
	return result;
}

Datum
weir_fairness_project(PG_FUNCTION_ARGS)
{
	FairnessTable *table = fairness_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));
	bool	   *wanted = read_columns(PG_GETARG_ARRAYTYPE_P(1), fairness_n_columns(table), "columns");

	PG_RETURN_DATUM(fairness_to_datum(project(table, wanted, true)));
}

/* ---- within strata ---- */

typedef struct StrataReader
{
	int			n_columns;
	const bool *is_stratum;
	size_t		n;
	FairnessGroup *groups;		/* of the whole table */
	FairnessRate rate;
} StrataReader;

static bool
same_part(const StrataReader *reader, size_t i, const FairnessGroup *part, bool stratum)
{
	char	   *key = palloc(reader->groups[i].length + 1);
	size_t		length = project_key(&reader->groups[i], reader->n_columns, reader->is_stratum, stratum, key);
	bool		same = length == part->length && memcmp(key, part->key, length) == 0;

	pfree(key);
	return same;
}

static Proportion
add(Proportion a, Proportion b)
{
	return (Proportion){a.successes + b.successes, a.trials + b.trials};
}

Datum
weir_fairness_stratified(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *name = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	char	   *outcome = PG_ARGISNULL(3) ? pstrdup("prediction") : text_to_cstring(PG_GETARG_TEXT_PP(3));
	double		confidence = PG_ARGISNULL(4) ? 0.95 : PG_GETARG_FLOAT8(4);
	int32		min_group_size = PG_ARGISNULL(5) ? 30 : PG_GETARG_INT32(5);
	StrataReader reader;
	FairnessTable *table;
	NamedGroup *groups;
	const NamedGroup *reference;
	FairnessGroup *strata;
	size_t		n_strata;
	size_t		n_groups;
	int		   *stratum_of;

	InitMaterializedSRF(fcinfo, 0);
	fairness_check_options(min_group_size, confidence);
	if (strcmp(outcome, "prediction") != 0 && strcmp(outcome, "label") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("outcome must be prediction or label")));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"strata\" must not be null")));
	table = fairness_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));
	reader.n_columns = fairness_n_columns(table);
	reader.is_stratum = read_columns(PG_GETARG_ARRAYTYPE_P(1), reader.n_columns, "strata");
	reader.rate = strcmp(outcome, "label") == 0 ? RATE_BASE : RATE_SELECTION;
	reader.n = fairness_groups(table, NULL, 0);
	reader.groups = palloc(mul_size(reader.n + 1, sizeof(FairnessGroup)));
	fairness_groups(table, reader.groups, reader.n);

	groups = fairness_named_groups(fairness_to_datum(project(table, reader.is_stratum, false)), &n_groups);
	reference = fairness_reference_group(groups, n_groups, name,
										 fairness_metric_find(reader.rate == RATE_BASE ? "base_rate_difference"
																					   : "demographic_parity_difference"),
										 1);
	if (reference == NULL && name != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no group \"%s\"", name),
				 errhint("A group is named without the columns of the strata.")));
	{
		FairnessTable *projected = project(table, reader.is_stratum, true);

		n_strata = fairness_groups(projected, NULL, 0);
		strata = palloc(mul_size(n_strata + 1, sizeof(FairnessGroup)));
		fairness_groups(projected, strata, n_strata);
	}
	stratum_of = palloc(mul_size(reader.n + 1, sizeof(int)));
	for (size_t i = 0; i < reader.n; i++)
		for (size_t j = 0; j < n_strata; j++)
			if (same_part(&reader, i, &strata[j], true))
			{
				stratum_of[i] = (int) j;
				break;
			}

	for (size_t g = 0; g < n_groups; g++)
	{
		Stratum	   *cells = palloc0(mul_size(n_strata + 1, sizeof(Stratum)));
		StratifiedDisparity score;
		Datum		values[14];
		bool		nulls[14] = {false};
		int			column = 0;

		CHECK_FOR_INTERRUPTS();
		if (reference == NULL || &groups[g] == reference)
			continue;
		for (size_t i = 0; i < reader.n; i++)
		{
			Stratum	   *cell = &cells[stratum_of[i]];
			Proportion	rate = fairness_rate(&reader.groups[i], reader.rate);

			cell->all = add(cell->all, rate);
			if (same_part(&reader, i, &groups[g].group, false))
				cell->group = add(cell->group, rate);
			else if (same_part(&reader, i, &reference->group, false))
				cell->reference = add(cell->reference, rate);
		}
		fairness_stratified(cells, n_strata, -normal_quantile((1 - confidence) / 2), &score);
		values[column++] = CStringGetTextDatum(groups[g].name);
		values[column++] = CStringGetTextDatum(reference->name);
		values[column++] = Int32GetDatum(score.n_strata);
		values[column++] = Int64GetDatum(score.n);
		{
			const double numbers[] = {score.difference, score.difference_low,       score.difference_high,
									  score.odds_ratio, score.odds_ratio_low,       score.odds_ratio_high,
									  score.p_value,    score.demographic_disparity};

			for (int i = 0; i < lengthof(numbers); i++, column++)
				values[column] = float_or_null(numbers[i], &nulls[column]);
		}
		values[column++] = CStringGetTextDatum(isnan(score.difference)        ? "undefined"
												   : score.n < min_group_size ? "insufficient"
																			  : "ok");
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		pfree(cells);
	}
	return (Datum) 0;
}
