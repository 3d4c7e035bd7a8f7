/*
 * drift_options_datum.c
 *		Options of scores, from jsonb.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "base/compat.h"
#include "catalog/pg_type_d.h"
#include "drift/drift_datum.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define EPOCH_SECONDS 946684800.0 /* stored times count from 2000, shown ones from 1970 */

pg_noreturn static void
refuse(const char *name, const char *needs)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" is not valid", name),
			 errdetail("It must be %s.", needs)));
}

static double
number_of(const JsonbValue *value)
{
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
}

static double
read_number(const char *name, const JsonbValue *value, double low, double high, const char *needs)
{
	double		number = value->type == jbvNumeric ? number_of(value) : NAN;

	if (!(number >= low && number <= high))
		refuse(name, needs);
	return number;
}

static double
read_whole(const char *name, const JsonbValue *value, double low, double high, const char *needs)
{
	double		number = read_number(name, value, low, high, needs);

	if (number != floor(number))
		refuse(name, needs);
	return number;
}

static bool
read_boolean(const char *name, const JsonbValue *value)
{
	if (value->type != jbvBool)
		refuse(name, "true or false");
	return value->val.boolean;
}

static int
read_word(const char *name, const JsonbValue *value, const char *const *words, const char *needs)
{
	if (value->type == jbvString)
		for (int i = 0; words[i] != NULL; i++)
			if (strlen(words[i]) == value->val.string.len && memcmp(words[i], value->val.string.val, value->val.string.len) == 0)
				return i;
	refuse(name, needs);
}

static void
read_edges(const JsonbValue *value, SummaryUnit unit, DriftOptions *options)
{
	static const char *const needs = "an array of 1 to 10000 ascending numbers";
	JsonbContainer *container;
	double	   *edges;
	int			n;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		refuse("edges", needs);
	container = value->val.binary.data;
	n = JsonContainerSize(container);
	if (n < 1 || n > DRIFT_MAX_BINS)
		refuse("edges", needs);
	edges = palloc(sizeof(double) * n);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(container, i);

		if (element->type != jbvNumeric)
			refuse("edges", needs);
		edges[i] = number_of(element);
		if (unit != SUMMARY_PLAIN)
			edges[i] = (edges[i] - (unit == SUMMARY_TIME ? EPOCH_SECONDS : 0)) * 1e6;
		if (i > 0 && !(edges[i] > edges[i - 1]))
			refuse("edges", needs);
	}
	options->binning = BINNING_EDGES;
	options->edges = edges;
	options->n_edges = n;
}

/* {"psi": 0.2, "ks": [0.05, 0.1]}: alert, or warning and alert. */
static void
read_thresholds(const JsonbValue *value, DriftOptions *options)
{
	static const char *const needs =
		"an object of metrics, each with the value from which it alerts, or with those of warning and alert: {\"psi\": 0.2, \"ks\": [0.05, 0.1]}";
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	member;
	int			metric = -1;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		refuse("thresholds", needs);
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char	   *name = pnstrdup(member.val.string.val, member.val.string.len);

			metric = drift_metric_find(name);
			if (metric < 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no drift metric \"%s\"", name),
						 errhint("See SELECT weir.drift_metric_names().")));
		}
		else if (token == WJB_VALUE && member.type == jbvNumeric)
			options->warning[metric] = options->alert[metric] = number_of(&member);
		else if (token == WJB_VALUE && member.type == jbvBinary && JsonContainerIsArray(member.val.binary.data) &&
				 JsonContainerSize(member.val.binary.data) == 2)
		{
			JsonbValue *warning = getIthJsonbValueFromContainer(member.val.binary.data, 0);
			JsonbValue *alert = getIthJsonbValueFromContainer(member.val.binary.data, 1);

			if (warning->type != jbvNumeric || alert->type != jbvNumeric || number_of(warning) > number_of(alert))
				refuse("thresholds", needs);
			options->warning[metric] = number_of(warning);
			options->alert[metric] = number_of(alert);
		}
		else if (token == WJB_VALUE)
			refuse("thresholds", needs);
	}
}

static void
read_option(const char *name, const JsonbValue *value, SummaryUnit unit, DriftOptions *options)
{
	static const char *const binnings[] = {"quantile", "equal_width", "doane", "sturges", "edges", "grid", NULL};
	static const char *const ranges[] = {"baseline", "pooled", NULL};
	static const char *const smoothings[] = {"floor", "none", "laplace", NULL};
	static const char *const tests[] = {"auto", "exact", "asymptotic", NULL};

	if (strcmp(name, "bins") == 0)
		options->binning =
			read_word(name, value, binnings, "\"quantile\", \"equal_width\", \"doane\", \"sturges\", \"edges\" or \"grid\"");
	else if (strcmp(name, "n_bins") == 0)
		options->n_bins = (int) read_whole(name, value, 1, DRIFT_MAX_BINS, "a whole number from 1 to 10000");
	else if (strcmp(name, "edges") == 0)
		read_edges(value, unit, options);
	else if (strcmp(name, "range") == 0)
		options->pooled_range = read_word(name, value, ranges, "\"baseline\" or \"pooled\"") == 1;
	else if (strcmp(name, "smoothing") == 0)
		options->smoothing = read_word(name, value, smoothings, "\"floor\", \"none\" or \"laplace\"");
	else if (strcmp(name, "floor") == 0)
		options->floor = read_number(name, value, DBL_MIN, 1, "a number above 0, at most 1");
	else if (strcmp(name, "alpha") == 0)
		options->alpha = read_number(name, value, DBL_MIN, 1e6, "a number above 0");
	else if (strcmp(name, "base") == 0)
	{
		if (value->type == jbvString && value->val.string.len == 1 && value->val.string.val[0] == 'e')
			options->log_base = M_E;
		else
			options->log_base = read_number(name, value, 1.000001, 1e6, "\"e\" or a number above 1, like 2");
	}
	else if (strcmp(name, "missing_as_category") == 0)
		options->ignore_missing = !read_boolean(name, value);
	else if (strcmp(name, "top_k") == 0)
		options->top_k = (int) read_whole(name, value, 1, 1e6, "a whole number from 1");
	else if (strcmp(name, "test") == 0)
		options->test = read_word(name, value, tests, "\"auto\", \"exact\" or \"asymptotic\"");
	else if (strcmp(name, "significance") == 0)
		options->significance = read_number(name, value, 0, 1, "a number from 0 to 1, like 0.05");
	else if (strcmp(name, "min_n") == 0)
		options->min_n = (int64) read_whole(name, value, 0, 1e15, "a whole number from 0");
	else if (strcmp(name, "permutations") == 0)
		options->n_permutations = (int) read_whole(name, value, 1, 100000, "a whole number from 1 to 100000");
	else if (strcmp(name, "seed") == 0)
		options->seed = (uint64) read_whole(name, value, 0, 9007199254740992.0, "a whole number from 0");
	else if (strcmp(name, "max_rows") == 0)
		options->max_rows = (int) read_whole(name, value, 2, DRIFT_MAX_ROWS, "a whole number from 2 to 4000");
	else if (strcmp(name, "explained") == 0)
		options->explained = read_number(name, value, 0, 1, "a number from 0 to 1, like 0.65");
	else if (strcmp(name, "thresholds") == 0)
		read_thresholds(value, options);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("drift has no option \"%s\"", name),
				 errhint(
					 "The options are bins, n_bins, edges, range, smoothing, floor, alpha, base, missing_as_category, top_k, test, "
					 "significance, min_n, permutations, seed, max_rows, explained and thresholds.")));
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

void
drift_read_options(Jsonb *given, SummaryUnit unit, DriftOptions *options)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	const char *name = "";

	/* every pair is made after its options were read */
	drift_check_interrupts = check_interrupts;
	drift_options_default(options);
	if (given == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object"),
				 errhint("For example options => '{\"bins\": \"equal_width\", \"n_bins\": 20}'.")));
	iterator = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			read_option(name, &value, unit, options);
	}
	if (options->binning == BINNING_EDGES && options->edges == NULL)
		refuse("bins", "given with \"edges\": [...] when it is \"edges\"");
}

void
drift_read_metrics(ArrayType *array, bool wanted[DRIFT_N_METRICS])
{
	Datum	   *names;
	bool	   *nulls;
	int			n;

	for (int i = 0; i < DRIFT_N_METRICS; i++)
		wanted[i] = array == NULL;
	if (array == NULL)
		return;
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		char	   *name;
		int			metric;

		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a metric's name must not be null")));
		name = TextDatumGetCString(names[i]);
		metric = drift_metric_find(name);
		if (metric >= 0)
			wanted[metric] = true;
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no drift metric \"%s\"", name),
					 errhint("See SELECT weir.drift_metric_names().")));
	}
}
