/*
 * group_performance_sql.c
 *		Fairness from the performances of groups: score_fairness as rows, fairness_at and fairness_of_class as fairness tables.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "catalog/pg_type_d.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_metrics.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "quality/performance_datum.h"
#include "quality/score_fairness.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_score_fairness);
PG_FUNCTION_INFO_V1(weir_fairness_at);
PG_FUNCTION_INFO_V1(weir_fairness_of_class);
PG_FUNCTION_INFO_V1(weir_abroca);

typedef struct Groups
{
	int			n;
	char	  **names;			/* NULL: unknown */
	const Performance **performances;
} Groups;

static Groups
read_groups(FunctionCallInfo fcinfo)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	Groups		groups;
	Datum	   *names;
	Datum	   *performances;
	bool	   *name_nulls;
	bool	   *nulls;
	int			n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &names, &name_nulls, &groups.n);
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &performances, &nulls, &n);
	if (n != groups.n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%d names of groups but %d performances", groups.n, n),
				 errhint("Take both from one query: SELECT array_agg(sex), array_agg(p) FROM (SELECT sex, "
						 "weir.binary_performance(label, score) AS p FROM t GROUP BY sex) q.")));
	groups.names = palloc0(mul_size(n + 1, sizeof(char *)));
	groups.performances = palloc0(mul_size(n + 1, sizeof(Performance *)));
	n = 0;
	for (int i = 0; i < groups.n; i++)
	{
		if (nulls[i])
			continue;
		groups.names[n] = name_nulls[i] ? NULL : TextDatumGetCString(names[i]);
		groups.performances[n] = performance_borrow(performances[i]);
		if (groups.performances[n]->kind != groups.performances[0]->kind)
			performance_check_status(PERFORMANCE_KIND_MISMATCH);
		for (int j = 0; j < n; j++)
			if (groups.names[j] == groups.names[n] ||
				(groups.names[j] != NULL && groups.names[n] != NULL && strcmp(groups.names[j], groups.names[n]) == 0))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("group \"%s\" is named twice", groups.names[n] == NULL ? "(unknown)" : groups.names[n])));
		n++;
	}
	groups.n = n;
	return groups;
}

static const char *
display(const char *name)
{
	return name == NULL ? "(unknown)" : name;
}

/* Known before unknown, larger before smaller, then by name. */
static bool
comes_first(const Groups *groups, int a, int b)
{
	int64		n = performance_n(groups->performances[a]);
	int64		m = performance_n(groups->performances[b]);

	if ((groups->names[a] == NULL) != (groups->names[b] == NULL))
		return groups->names[b] == NULL;
	return n > m || (n == m && strcmp(display(groups->names[a]), display(groups->names[b])) < 0);
}

/* By name, or the largest that is known; -1: there is none of that name. */
static int
find_reference(const Groups *groups, const char *name)
{
	int			largest = -1;

	for (int i = 0; i < groups->n; i++)
	{
		if (name != NULL && strcmp(display(groups->names[i]), name) == 0)
			return i;
		if (largest < 0 || comes_first(groups, i, largest))
			largest = i;
	}
	return name == NULL || strcmp(name, "largest") == 0 ? largest : -1;
}

/* ---- scores and numbers ---- */

typedef struct ScoreRows
{
	ReturnSetInfo *result;
	const char *group;
	const char *reference;
	int32		min_group_size;
	double		confidence;
} ScoreRows;

static void
put_score(void *context, const GroupScore *score)
{
	ScoreRows  *rows = context;
	ScoreStatus status = isnan(score->value)                                           ? SCORE_UNDEFINED
		: score->n < rows->min_group_size || score->n_reference < rows->min_group_size ? SCORE_INSUFFICIENT
																					   : SCORE_OK;
	double		threshold = fairness_rule_find("four_fifths")->difference;
	bool		is_judged = status == SCORE_OK && score->has_threshold && !isnan(score->p_value);
	Datum		values[12] = {0};
	bool		nulls[12] = {false};

	values[0] = CStringGetTextDatum(score->name);
	values[1] = CStringGetTextDatum(rows->group);
	values[2] = CStringGetTextDatum(rows->reference);
	values[3] = performance_float_or_null(score->value, &nulls[3]);
	values[4] = performance_float_or_null(score->low, &nulls[4]);
	values[5] = performance_float_or_null(score->high, &nulls[5]);
	values[6] = performance_float_or_null(score->p_value, &nulls[6]);
	values[7] = Int64GetDatum(score->n);
	values[8] = Int64GetDatum(score->n_reference);
	values[9] = Float8GetDatum(threshold);
	nulls[9] = !score->has_threshold;
	nulls[10] = !is_judged;
	if (is_judged)
		values[10] = CStringGetTextDatum(score_verdict_name(fabs(score->value) <= threshold             ? VERDICT_OK
																: score->p_value < 1 - rows->confidence ? VERDICT_ALERT
																										: VERDICT_WARNING));
	values[11] = CStringGetTextDatum(score_status_name(status));
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, nulls);
}

/* (group_names, performances, reference, min_group_size, confidence) */
Datum
weir_score_fairness(PG_FUNCTION_ARGS)
{
	const char *name = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	ScoreRows	rows = {.result = (ReturnSetInfo *) fcinfo->resultinfo,
					  .min_group_size = PG_ARGISNULL(3) ? 30 : PG_GETARG_INT32(3),
					  .confidence = PG_ARGISNULL(4) ? 0.95 : PG_GETARG_FLOAT8(4)};
	double		z = performance_normal_of_confidence(rows.confidence);
	Groups		groups;
	int			reference;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	groups = read_groups(fcinfo);
	reference = find_reference(&groups, name);
	if (reference < 0 && groups.n > 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no group \"%s\"", name)));
	for (int i = 0; i < groups.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == reference)
			continue;
		rows.group = display(groups.names[i]);
		rows.reference = display(groups.names[reference]);
		if (groups.performances[i]->kind == PERFORMANCE_BINARY)
			score_fairness_binary(groups.performances[i], groups.performances[reference], z, put_score, &rows);
		else if (groups.performances[i]->kind == PERFORMANCE_REGRESSION)
			score_fairness_regression(groups.performances[i], groups.performances[reference], z, put_score, &rows);
		else
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("classes have no scores"),
					 errhint("See weir.class_fairness(group_names, performances).")));
	}
	return (Datum) 0;
}

Datum
weir_abroca(PG_FUNCTION_ARGS)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	ScoreCell  *cells[2];
	size_t		n_cells[2];
	double		area;

	for (int side = 0; side < 2; side++)
	{
		const Performance *performance = performance_borrow(PG_GETARG_DATUM(side));

		if (performance->kind != PERFORMANCE_BINARY)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("there is no ROC curve of this performance"),
					 errhint("It needs one of weir.binary_performance(label, score).")));
		cells[side] = performance_cells(performance, allocator, &n_cells[side]);
	}
	area = area_between_roc_curves(cells[0], n_cells[0], cells[1], n_cells[1], allocator);
	if (isnan(area))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(area);
}

/* ---- tables of counts ---- */

static void
add_counts(FairnessTable *table, const char *name, int64_t counts[3][3])
{
	size_t		length = name == NULL ? 0 : strlen(name);
	size_t		size = fairness_key_size(1, &name, &length);
	char	   *key = palloc(size);

	size = fairness_key(1, &name, &length, key);
	fairness_check_status(fairness_add_counts(table, key, size, counts));
	pfree(key);
}

static Datum
table_of(FunctionCallInfo fcinfo, PerformanceKind kind, const char *hint,
		 void (*count)(const Performance *performance, FunctionCallInfo fcinfo, int64_t counts[3][3]))
{
	FairnessTable *table = fairness_create(allocator_in(CurrentMemoryContext), 1, 0);
	Groups		groups = read_groups(fcinfo);

	for (int i = 0; i < groups.n; i++)
	{
		int64_t		counts[3][3] = {{0}};

		CHECK_FOR_INTERRUPTS();
		if (groups.performances[i]->kind != kind)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("these performances are of another kind"), errhint("%s", hint)));
		count(groups.performances[i], fcinfo, counts);
		add_counts(table, groups.names[i], counts);
	}
	return fairness_to_datum(table);
}

/* Argument 2: the threshold. */
static void
count_at(const Performance *performance, FunctionCallInfo fcinfo, int64_t counts[3][3])
{
	double		threshold = PG_GETARG_FLOAT8(2);
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	const Summary *unlabelled = performance->parts[BINARY_UNLABELLED];
	size_t		n_cells;
	ScoreCell  *cells = performance_cells(performance, allocator, &n_cells);
	Confusion	confusion;
	size_t		n = summary_bins(unlabelled, summary_level(unlabelled), NULL, 0);
	SummaryBin *bins = palloc(mul_size(n + 1, sizeof(SummaryBin)));
	ScoreCell  *others = palloc0(mul_size(n + 1, sizeof(ScoreCell)));

	confusion_at(cells, n_cells, threshold, &confusion);
	counts[OUTCOME_NEGATIVE][OUTCOME_NEGATIVE] = confusion.true_negatives;
	counts[OUTCOME_NEGATIVE][OUTCOME_POSITIVE] = confusion.false_negatives;
	counts[OUTCOME_POSITIVE][OUTCOME_NEGATIVE] = confusion.false_positives;
	counts[OUTCOME_POSITIVE][OUTCOME_POSITIVE] = confusion.true_positives;
	summary_bins(unlabelled, summary_level(unlabelled), bins, n);
	for (size_t i = 0; i < n; i++)
		others[i] = (ScoreCell){.lower = bins[i].lower, .upper = bins[i].upper, .positives = bins[i].count};
	confusion_at(others, n, threshold, &confusion);
	counts[OUTCOME_NEGATIVE][OUTCOME_UNKNOWN] = confusion.false_negatives;
	counts[OUTCOME_POSITIVE][OUTCOME_UNKNOWN] = confusion.true_positives;
}

Datum
weir_fairness_at(PG_FUNCTION_ARGS)
{
	if (isnan(PG_GETARG_FLOAT8(2)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("threshold must be a number")));
	return table_of(fcinfo, PERFORMANCE_BINARY, "They must be those of weir.binary_performance(label, score).", count_at);
}

/* Argument 2: the class. */
static void
count_class(const Performance *performance, FunctionCallInfo fcinfo, int64_t counts[3][3])
{
	text	   *class = PG_GETARG_TEXT_PP(2);
	const Summary *pairs = performance->parts[CLASS_PAIRS];
	size_t		n = summary_categories(pairs, NULL, 0);
	SummaryCategory *categories = palloc(mul_size(n + 1, sizeof(SummaryCategory)));

	if (summary_hash_threshold(pairs) != UINT64_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a performance has more pairs of classes than are kept by name")));
	summary_categories(pairs, categories, n);
	for (size_t i = 0; i < n; i++)
	{
		const char *sides[2];
		size_t		lengths[2];
		bool		is_class[2];

		if (!performance_pair(categories[i].bytes, categories[i].length, &sides[0], &lengths[0], &sides[1], &lengths[1]))
			continue;
		for (int side = 0; side < 2; side++)
			is_class[side] =
				lengths[side] == VARSIZE_ANY_EXHDR(class) && memcmp(sides[side], VARDATA_ANY(class), lengths[side]) == 0;
		counts[is_class[1] ? OUTCOME_POSITIVE : OUTCOME_NEGATIVE][is_class[0] ? OUTCOME_POSITIVE : OUTCOME_NEGATIVE] +=
			categories[i].count;
	}
}

Datum
weir_fairness_of_class(PG_FUNCTION_ARGS)
{
	return table_of(fcinfo, PERFORMANCE_CLASS, "They must be those of weir.class_performance(label, prediction).", count_class);
}
