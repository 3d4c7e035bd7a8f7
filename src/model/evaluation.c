/*
 * evaluation.c
 *		compare_models: two models on the rows of a query.
 *
 * The query runs once, as the caller; its columns are read into arrays, from which every metric is computed, for all rows and then
 *for the rows of each group.
 */
#include "postgres.h"

#include <math.h>

#include "base/arguments.h"
#include "base/memory.h"
#include "base/query.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "model/evaluation.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_compare_models);

#define FETCH_ROWS 1000
#define MAX_ROWS 20000000
#define MAX_GROUPS 1000

/* As scikit-learn does, so that one sure mistake is not infinitely bad. */
#define CLIP 1e-15

typedef enum EvaluationTask
{
	TASK_BINARY,
	TASK_CLASS,
	TASK_REGRESSION
} EvaluationTask;

/* The rows, by column. */
typedef struct Sample
{
	int64		n;
	int64		room;
	int			n_protected;
	char	  **protected;
	EvaluationTask task;
	double	   *values[3];		/* label, champion, challenger; of classes their numbers */
	int32	   *groups;			/* n_protected per row */
	List	   *group_names;	/* char *, 'sex=F' */
	List	   *group_columns;	/* int */
	bool		all_labels_are_bits;
} Sample;

enum
{
	LABEL,
	CHAMPION,
	CHALLENGER
};

/* ---- reading ---- */

static char
category_of(const RowSource *source, const char *name)
{
	int			number = SPI_fnumber(source->shape, name);
	char		category;
	bool		is_preferred;

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("the query has no column \"%s\"", name),
				 errhint("Name its columns with label, champion, challenger and protected.")));
	get_type_category_preferred(getBaseType(SPI_gettypeid(source->shape, number)), &category, &is_preferred);
	return category;
}

static bool
is_number(char category)
{
	return category == TYPCATEGORY_NUMERIC || category == TYPCATEGORY_BOOLEAN;
}

static char *
number_expression(char category, const char *name)
{
	return psprintf(category == TYPCATEGORY_BOOLEAN ? "rows.%s::pg_catalog.int4::pg_catalog.float8" : "rows.%s::pg_catalog.float8",
					quote_identifier(name));
}

/* Three numbers and the groups, as the statement gives them. Of classes the numbers say who is right. */
static char *
reading_statement(const EvaluationRequest *request, const RowSource *source, Sample *sample)
{
	const char *champion = request->champion ? request->champion : request->challenger;
	char		categories[] = {category_of(source, request->label), category_of(source, champion),
						 category_of(source, request->challenger)};
	const char *names[] = {request->label, champion, request->challenger};
	StringInfoData statement;

	initStringInfo(&statement);
	appendStringInfoString(&statement, "SELECT ");
	if (is_number(categories[LABEL]) && is_number(categories[CHAMPION]) && is_number(categories[CHALLENGER]))
	{
		sample->task = categories[LABEL] == TYPCATEGORY_BOOLEAN ? TASK_BINARY : TASK_REGRESSION;
		for (int i = 0; i < 3; i++)
			appendStringInfo(&statement, "%s%s", i == 0 ? "" : ", ", number_expression(categories[i], names[i]));
	}
	else
	{
		sample->task = TASK_CLASS;
		appendStringInfo(&statement, "CASE WHEN rows.%s IS NOT NULL THEN 1::pg_catalog.float8 END", quote_identifier(names[LABEL]));
		for (int i = 1; i < 3; i++)
			appendStringInfo(&statement,
							 ", (rows.%s::pg_catalog.text OPERATOR(pg_catalog.=) rows.%s::pg_catalog.text)::pg_catalog.int4"
							 "::pg_catalog.float8",
							 quote_identifier(names[LABEL]), quote_identifier(names[i]));
	}
	for (int i = 0; i < sample->n_protected; i++)
	{
		(void) category_of(source, sample->protected[i]);
		appendStringInfo(&statement, ", rows.%s::pg_catalog.text", quote_identifier(sample->protected[i]));
	}
	appendStringInfo(&statement, " FROM %s", source->is_query ? source->from : psprintf("%s AS rows", source->from));
	return statement.data;
}

typedef struct GroupEntry
{
	char		name[128];		/* the key */
	int32		number;
} GroupEntry;

static int32
group_number(HTAB *table, Sample *sample, int column, const char *value)
{
	char		name[128];
	char	   *full = psprintf("%s=%s", sample->protected[column], value ? value : "(unknown)");
	GroupEntry *entry;
	bool		found;

	memset(name, 0, sizeof(name));
	memcpy(name, full, pg_mbcliplen(full, strlen(full), sizeof(name) - 1));
	pfree(full);
	entry = hash_search(table, name, HASH_ENTER, &found);
	if (!found)
	{
		entry->number = list_length(sample->group_names);
		if (entry->number == MAX_GROUPS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("more than %d groups", MAX_GROUPS),
					 errhint("Protected columns have few values: bin those that are numbers.")));
		sample->group_names = lappend(sample->group_names, pstrdup(name));
		sample->group_columns = lappend_int(sample->group_columns, column);
	}
	return entry->number;
}

static void
keep_row(Sample *sample, HTAB *table, SPITupleTable *rows, uint64 row)
{
	double		values[3];
	bool		is_null;

	for (int i = 0; i < 3; i++)
	{
		Datum		value = SPI_getbinval(rows->vals[row], rows->tupdesc, i + 1, &is_null);

		if (is_null)
			return;
		values[i] = DatumGetFloat8(value);
		if (isnan(values[i]))
			return;
	}
	if (sample->n == sample->room)
	{
		if (sample->n == MAX_ROWS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("more than %d rows", MAX_ROWS),
					 errhint("Take a sample, or a shorter window.")));
		sample->room = sample->room == 0 ? 4096 : sample->room * 2;
		for (int i = 0; i < 3; i++)
			sample->values[i] = sample->values[i] == NULL ? palloc_extended(sample->room * sizeof(double), MCXT_ALLOC_HUGE)
														  : repalloc_huge(sample->values[i], sample->room * sizeof(double));
		if (sample->n_protected > 0)
			sample->groups = sample->groups == NULL
				? palloc_extended(sample->room * sample->n_protected * sizeof(int32), MCXT_ALLOC_HUGE)
				: repalloc_huge(sample->groups, sample->room * sample->n_protected * sizeof(int32));
	}
	for (int i = 0; i < 3; i++)
		sample->values[i][sample->n] = values[i];
	for (int i = 0; i < sample->n_protected; i++)
		sample->groups[sample->n * sample->n_protected + i] =
			group_number(table, sample, i, SPI_getvalue(rows->vals[row], rows->tupdesc, i + 4));
	sample->all_labels_are_bits &= values[LABEL] == 0 || values[LABEL] == 1;
	sample->n++;
}

static Sample
read_sample(const EvaluationRequest *request)
{
	MemoryContext caller = CurrentMemoryContext;
	Sample		sample = {.all_labels_are_bits = true};
	HASHCTL		control = {.keysize = sizeof(((GroupEntry *) 0)->name), .entrysize = sizeof(GroupEntry), .hcxt = caller};
	HTAB	   *table = hash_create("weir groups", 64, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	Datum		versions[2] = {Int32GetDatum(request->versions[0]), Int32GetDatum(request->versions[1])};
	char		nulls[] = {request->version_is_null[0] ? 'n' : ' ', request->version_is_null[1] ? 'n' : ' ', '\0'};
	Oid			types[] = {INT4OID, INT4OID};
	RowSource	source;
	SPIPlanPtr	plan;
	Portal		portal;
	bool		more = true;

	if (request->protected != NULL)
	{
		Datum	   *names;
		bool	   *is_null;

		deconstruct_array(request->protected, TEXTOID, -1, false, TYPALIGN_INT, &names, &is_null, &sample.n_protected);
		sample.protected = palloc(sizeof(char *) * Max(sample.n_protected, 1));
		for (int i = 0; i < sample.n_protected; i++)
		{
			if (is_null[i])
				ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a protected column must not be null")));
			sample.protected[i] = TextDatumGetCString(names[i]);
		}
	}
	sql_connect();
	source = row_source(request->query, "query", request->n_versions, types);
	plan = SPI_prepare(reading_statement(request, &source, &sample), request->n_versions, types);
	if (plan == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the query cannot be read")));
	portal = SPI_cursor_open(NULL, plan, versions, nulls, true);
	while (more)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		MemoryContextSwitchTo(caller);
		more = SPI_processed > 0;
		for (uint64 row = 0; row < SPI_processed; row++)
			keep_row(&sample, table, SPI_tuptable, row);
		SPI_freetuptable(SPI_tuptable);
		MemoryContextSwitchTo(spi);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	MemoryContextSwitchTo(caller);
	hash_destroy(table);
	if (sample.task == TASK_REGRESSION && sample.all_labels_are_bits && sample.n > 0)
		sample.task = TASK_BINARY;
	return sample;
}

/* ---- scores ---- */

/* Rows of one group, or all; room is for as many. */
typedef struct Subset
{
	int64		n;
	double	   *values[3];
	bool	   *bits[3];
	double	   *losses[2];
} Subset;

static EvaluationScore *
add_score(List **scores, char *group, const char *metric, bool lower_is_better, bool is_primary, PairedResult result,
		  const EvaluationRequest *request, bool enough)
{
	EvaluationScore *score = palloc0(sizeof(EvaluationScore));

	score->group = group;
	score->metric = metric;
	score->lower_is_better = lower_is_better;
	score->is_primary = is_primary;
	if (request->champion == NULL)
		result.champion = result.difference = result.low = result.high = result.p_value = NAN;
	score->result = result;
	score->status = !enough ? "insufficient" : isfinite(result.challenger) ? "ok" : "undefined";
	if (enough && isfinite(result.p_value))
		score->outcome = result.p_value >= 1 - request->options.confidence ? "no_difference"
			: (result.difference < 0) == lower_is_better                   ? "better"
																		   : "worse";
	*scores = lappend(*scores, score);
	return score;
}

static PairedResult
undefined(int64 n)
{
	return (PairedResult){.n = n, .champion = NAN, .challenger = NAN, .difference = NAN, .low = NAN, .high = NAN, .p_value = NAN};
}

static double
log_loss(double label, double score)
{
	score = fmin(fmax(score, CLIP), 1 - CLIP);
	return -(label == 1 ? log(score) : log1p(-score));
}

static void
score_binary(List **scores, char *group, Subset *subset, const EvaluationRequest *request, bool enough)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	bool		are_probabilities = true;

	for (int64 i = 0; i < subset->n; i++)
	{
		subset->bits[LABEL][i] = subset->values[LABEL][i] == 1;
		for (int model = CHAMPION; model <= CHALLENGER; model++)
		{
			double		score = subset->values[model][i];

			subset->bits[model][i] = (score >= request->threshold) == subset->bits[LABEL][i];
			are_probabilities &= score >= 0 && score <= 1;
		}
	}
	add_score(scores, group, "roc_auc", false, true,
			  paired_roc_auc(allocator, subset->bits[LABEL], subset->values[CHAMPION], subset->values[CHALLENGER], subset->n,
							 request->options.confidence),
			  request, enough);
	add_score(scores, group, "accuracy", false, false,
			  paired_accuracy(subset->bits[CHAMPION], subset->bits[CHALLENGER], subset->n, request->options.confidence), request,
			  enough);
	for (int is_brier = 0; is_brier < 2; is_brier++)
	{
		PairedResult result = undefined(subset->n);

		if (are_probabilities)
		{
			for (int model = 0; model < 2; model++)
				for (int64 i = 0; i < subset->n; i++)
				{
					double		label = subset->values[LABEL][i];
					double		score = subset->values[CHAMPION + model][i];

					subset->losses[model][i] = is_brier ? (score - label) * (score - label) : log_loss(label, score);
				}
			result = paired_mean(allocator, subset->losses[0], subset->losses[1], subset->n, false, &request->options);
		}
		add_score(scores, group, is_brier ? "brier_score" : "log_loss", true, false, result, request, enough);
	}
}

static void
score_regression(List **scores, char *group, Subset *subset, const EvaluationRequest *request, bool enough)
{
	for (int squared = 0; squared < 2; squared++)
	{
		for (int model = 0; model < 2; model++)
			for (int64 i = 0; i < subset->n; i++)
			{
				double		error = fabs(subset->values[CHAMPION + model][i] - subset->values[LABEL][i]);

				subset->losses[model][i] = squared ? error * error : error;
			}
		add_score(scores, group, squared ? "root_mean_squared_error" : "mean_absolute_error", true, !squared,
				  paired_mean(allocator_in(CurrentMemoryContext), subset->losses[0], subset->losses[1], subset->n, squared,
							  &request->options),
				  request, enough);
	}
}

static void
score_subset(List **scores, char *group, const Sample *sample, Subset *subset, const EvaluationRequest *request)
{
	bool		enough = subset->n >= (group == NULL ? 2 : Max(request->min_group_size, 2));

	if (sample->task == TASK_BINARY)
		score_binary(scores, group, subset, request, enough);
	else if (sample->task == TASK_REGRESSION)
		score_regression(scores, group, subset, request, enough);
	else
	{
		for (int model = CHAMPION; model <= CHALLENGER; model++)
			for (int64 i = 0; i < subset->n; i++)
				subset->bits[model][i] = subset->values[model][i] == 1;
		add_score(scores, group, "accuracy", false, true,
				  paired_accuracy(subset->bits[CHAMPION], subset->bits[CHALLENGER], subset->n, request->options.confidence),
				  request, enough);
	}
}

/* The gaps between the groups of one protected column that are large enough. */
static void
score_gaps(List **scores, const Sample *sample, int column, const EvaluationRequest *request)
{
	static const char *const names[] = {"demographic_parity_difference", "equalized_odds_difference"};
	int			n_all = list_length(sample->group_names);
	PairedCounts *counts = palloc0(sizeof(PairedCounts) * Max(n_all, 1));
	int			n_groups = 0;

	for (int64 row = 0; row < sample->n; row++)
	{
		int32		group = sample->groups[row * sample->n_protected + column];

		counts[group].n[sample->values[LABEL][row] == 1][sample->values[CHAMPION][row] >= request->threshold]
					   [sample->values[CHALLENGER][row] >= request->threshold]++;
	}
	for (int group = 0; group < n_all; group++)
	{
		int64		n = 0;

		for (int cell = 0; cell < 8; cell++)
			n += (&counts[group].n[0][0][0])[cell];
		if (n > 0 && n >= request->min_group_size)
			counts[n_groups++] = counts[group];
	}
	for (int gap = 0; gap < 2; gap++)
	{
		EvaluationScore *score = add_score(scores, sample->protected[column], names[gap], true, false,
										   paired_gap(allocator_in(CurrentMemoryContext), gap, counts, n_groups, &request->options),
										   request, n_groups >= 2);

		score->is_gap = true;
	}
	pfree(counts);
}

/* The group that stands in this place when they are sorted by column, then by name. */
static int
group_in_place(const Sample *sample, int place)
{
	for (int group = 0; group < list_length(sample->group_names); group++)
	{
		int			n_before = 0;

		for (int other = 0; other < list_length(sample->group_names); other++)
		{
			int			columns = list_nth_int(sample->group_columns, other) - list_nth_int(sample->group_columns, group);

			n_before += columns < 0 ||
				(columns == 0 && strcmp(list_nth(sample->group_names, other), list_nth(sample->group_names, group)) < 0);
		}
		if (n_before == place)
			return group;
	}
	return place;
}

List *
evaluation_scores(const EvaluationRequest *request)
{
	Sample		sample = read_sample(request);
	List	   *scores = NIL;
	Subset		subset;
	int			n_groups = list_length(sample.group_names);
	int64		room = Max(sample.n, 1);

	for (int i = 0; i < 3; i++)
	{
		subset.values[i] = palloc_extended(room * sizeof(double), MCXT_ALLOC_HUGE);
		subset.bits[i] = palloc_extended(room * sizeof(bool), MCXT_ALLOC_HUGE);
	}
	for (int i = 0; i < 2; i++)
		subset.losses[i] = palloc_extended(room * sizeof(double), MCXT_ALLOC_HUGE);

	subset.n = sample.n;
	for (int i = 0; i < 3; i++)
		if (sample.n > 0)
			memcpy(subset.values[i], sample.values[i], sample.n * sizeof(double));
	score_subset(&scores, NULL, &sample, &subset, request);
	for (int place = 0; place < n_groups; place++)
	{
		int			group = group_in_place(&sample, place);
		int			column = list_nth_int(sample.group_columns, group);

		subset.n = 0;
		for (int64 row = 0; row < sample.n; row++)
		{
			if (sample.groups[row * sample.n_protected + column] != group)
				continue;
			for (int i = 0; i < 3; i++)
				subset.values[i][subset.n] = sample.values[i][row];
			subset.n++;
		}
		score_subset(&scores, list_nth(sample.group_names, group), &sample, &subset, request);
	}
	for (int column = 0; sample.task == TASK_BINARY && column < sample.n_protected; column++)
		score_gaps(&scores, &sample, column, request);
	return scores;
}

/* ---- SQL ---- */

static void
set_number(Datum *values, bool *nulls, int column, double number)
{
	nulls[column] = isnan(number);
	values[column] = Float8GetDatum(number);
}

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	values[column] = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

void
evaluation_row(const EvaluationScore *score, Datum *values, bool *nulls)
{
	memset(nulls, 0, EVALUATION_COLUMNS * sizeof(bool));
	set_text(values, nulls, 0, score->group);
	set_text(values, nulls, 1, score->metric);
	set_number(values, nulls, 2, score->result.champion);
	set_number(values, nulls, 3, score->result.challenger);
	set_number(values, nulls, 4, score->result.difference);
	set_number(values, nulls, 5, score->result.low);
	set_number(values, nulls, 6, score->result.high);
	set_number(values, nulls, 7, score->result.p_value);
	set_text(values, nulls, 8, isnan(score->result.p_value) ? NULL : score->result.method);
	values[9] = Int64GetDatum(score->result.n);
	set_text(values, nulls, 10, score->outcome);
	values[11] = BoolGetDatum(score->is_primary);
	set_text(values, nulls, 12, score->status);
}

static void
look_for_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

void
evaluation_set_options(EvaluationRequest *request, double threshold, double confidence, double min_group_size, double rounds,
					   int64 seed)
{
	if (!(confidence > 0 && confidence < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("confidence must be between 0 and 1")));
	if (isnan(threshold))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("threshold must be a number")));
	if (!(min_group_size >= 1 && min_group_size <= MAX_ROWS))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_group_size must be between 1 and %d", MAX_ROWS)));
	if (!(rounds >= 100 && rounds <= 1000000))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rounds must be between 100 and 1000000")));
	request->threshold = threshold;
	request->min_group_size = (int64) min_group_size;
	request->options =
		(PairedOptions){.confidence = confidence, .rounds = (int) rounds, .seed = (uint64) seed, .tick = look_for_interrupts};
}

void
evaluation_arguments(FunctionCallInfo fcinfo, int first, EvaluationRequest *request)
{
	static const char *const names[] = {"threshold", "confidence", "min_group_size", "rounds", "seed"};

	request->label = required_text(fcinfo, first, "label");
	request->champion = argument_text(fcinfo, first + 1);
	request->challenger = required_text(fcinfo, first + 2, "challenger");
	request->protected = PG_ARGISNULL(first + 3) ? NULL : PG_GETARG_ARRAYTYPE_P(first + 3);
	for (int i = 0; i < lengthof(names); i++)
		require_argument(fcinfo, first + 4 + i, names[i]);
	evaluation_set_options(request, PG_GETARG_FLOAT8(first + 4), PG_GETARG_FLOAT8(first + 5), (double) PG_GETARG_INT64(first + 6),
						   PG_GETARG_INT32(first + 7), PG_GETARG_INT64(first + 8));
}

Datum
weir_compare_models(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	EvaluationRequest request = {.query = required_text(fcinfo, 0, "query")};
	ListCell   *cell;

	evaluation_arguments(fcinfo, 1, &request);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, evaluation_scores(&request))
	{
		Datum		values[EVALUATION_COLUMNS];
		bool		nulls[EVALUATION_COLUMNS];

		evaluation_row(lfirst(cell), values, nulls);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
