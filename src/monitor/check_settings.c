/*
 * check_settings.c
 *		Sizes, options and words of a monitor's definition: do they make sense in themselves.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "drift/adjust.h"
#include "drift/drift_datum.h"
#include "fairness/fairness_metrics.h"
#include "fmgr.h"
#include "monitor/definition.h"
#include "quality/constraints.h"
#include "quality/performance_datum.h"
#include "quality/performance_metric.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "window/window.h"

/* Ten years, counted in days or in months of 30 days. */
#define MAX_DAYS INT64CONST(3660)

/* A row belongs to so many windows at most. */
#define MAX_SLIDES 10000

pg_noreturn static void
refuse(const char *message, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), detail ? errdetail("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0));
}

/* ---- intervals ---- */

/* Saturates: an interval may be longer than what microseconds count, or infinite. */
int64
interval_length(const Interval *interval)
{
	int64		days = interval->day + interval->month * (int64) DAYS_PER_MONTH;
	int64		length;

	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &length) || pg_add_s64_overflow(length, interval->time, &length))
		return days < 0 || (days == 0 && interval->time < 0) ? PG_INT64_MIN : PG_INT64_MAX;
	return length;
}

char *
interval_text(const Interval *interval)
{
	return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)));
}

static bool
has_negative_part(const Interval *interval)
{
	return interval->month < 0 || interval->day < 0 || interval->time < 0;
}

static bool
is_positive(const Interval *interval)
{
	return !has_negative_part(interval) && interval_length(interval) > 0;
}

/* What is added to times of rows and taken from them stays far from where the calendar ends. */
static bool
is_too_long(const Interval *interval)
{
	return interval_length(interval) > MAX_DAYS * USECS_PER_DAY;
}

void
check_not_too_long(const Interval *interval, const char *what)
{
	if (is_too_long(interval))
		refuse(psprintf("%s is longer than ten years", what), psprintf("It is %s.", interval_text(interval)),
			   "Give at most ten years.");
}

static bool
is_multiple(const Interval *whole, const Interval *part)
{
	if (whole->month != 0 || part->month != 0)
		return whole->month != 0 && part->month != 0 && whole->month % part->month == 0;
	return interval_length(whole) % interval_length(part) == 0;
}

/* ---- windows and panes ---- */

/* True when windows of this size that begin every slide are unions of panes of that size. */
static bool
panes_fit(const Interval *pane_size, const Interval *window_size, const Interval *slide, const char *time_zone)
{
	WindowClock pane;
	WindowClock window;
	WindowClock step;

	window_clock_init(&pane, pane_size, NULL, time_zone);
	window_clock_init(&window, window_size, NULL, time_zone);
	window_clock_init(&step, slide, NULL, time_zone);
	return window_divides(&pane, &window) && window_divides(&pane, &step);
}

static void
check_window_and_slide(const Interval *window_size, const Interval *slide, const char *time_zone)
{
	WindowClock clock;

	if (!is_positive(window_size))
		refuse("window_size must be positive", psprintf("It is %s.", interval_text(window_size)),
			   "Give a size like '5 minutes', '1 day' or '1 month'.");
	if (!is_positive(slide))
		refuse("slide must be positive", psprintf("It is %s.", interval_text(slide)),
			   "Leave it out for windows that do not overlap.");
	check_not_too_long(window_size, "window_size");
	check_not_too_long(slide, "slide");
	/* These refuse sizes that mix units, and zones that do not exist. */
	window_clock_init(&clock, window_size, NULL, time_zone);
	window_clock_init(&clock, slide, NULL, time_zone);
	if (!is_multiple(window_size, slide))
		refuse("window_size is not a multiple of slide",
			   psprintf("window_size is %s, slide is %s.", interval_text(window_size), interval_text(slide)),
			   (window_size->month != 0) != (slide->month != 0)
				   ? "Months differ in length: give both in months, or both in days and hours."
				   : "Choose a slide that divides the window, like 5 minutes for 1 hour.");
	if (interval_length(window_size) / interval_length(slide) > MAX_SLIDES)
		refuse(psprintf("window_size is more than %d times slide", MAX_SLIDES),
			   psprintf("window_size is %s, slide is %s.", interval_text(window_size), interval_text(slide)),
			   "Every row belongs to that many windows: choose a larger slide or a smaller window.");
}

void
check_window_of_panes(const Interval *window_size, const Interval *slide, const Interval *pane_size, const char *time_zone)
{
	check_window_and_slide(window_size, slide, time_zone);
	if (!panes_fit(pane_size, window_size, slide, time_zone))
		refuse("windows are not whole multiples of the monitor's panes",
			   psprintf("window_size is %s, slide is %s, the pane size is %s%s%s.", interval_text(window_size),
						interval_text(slide), interval_text(pane_size), time_zone ? " in time zone " : "",
						time_zone ? time_zone : ""),
			   "Choose sizes that are; or create a monitor with smaller panes: options => '{\"pane_size\": \"1 minute\"}'.");
}

/*
 * The largest slice that fits windows and slides and still gives four to a window, so that smaller windows can be asked for later;
 * the slide itself when none does.
 */
static Interval
choose_pane_size(const Interval *window_size, const Interval *slide, const char *time_zone)
{
	static const Interval ladder[] = {{.day = 1},
									  {.time = 6 * USECS_PER_HOUR},
									  {.time = USECS_PER_HOUR},
									  {.time = 15 * USECS_PER_MINUTE},
									  {.time = 5 * USECS_PER_MINUTE},
									  {.time = USECS_PER_MINUTE},
									  {.time = 10 * USECS_PER_SEC},
									  {.time = USECS_PER_SEC}};

	for (int i = 0; i < lengthof(ladder); i++)
		if (interval_length(&ladder[i]) <= interval_length(window_size) / 4 && panes_fit(&ladder[i], window_size, slide, time_zone))
			return ladder[i];
	return *slide;
}

void
check_sizes(MonitorDefinition *definition, bool keep_pane_size)
{
	char	   *pane_size = option_text(definition->options, "pane_size");

	check_window_and_slide(&definition->window_size, &definition->slide, definition->time_zone);
	if (pane_size != NULL && !keep_pane_size)
	{
		definition->pane_size = *DatumGetIntervalP(
			DirectFunctionCall3(interval_in, CStringGetDatum(pane_size), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		if (!is_positive(&definition->pane_size))
			refuse("option pane_size must be positive", NULL, "Leave it out to have it chosen.");
	}
	else if (!keep_pane_size)
		definition->pane_size = choose_pane_size(&definition->window_size, &definition->slide, definition->time_zone);
	check_window_of_panes(&definition->window_size, &definition->slide, &definition->pane_size, definition->time_zone);

	if (has_negative_part(&definition->lateness))
		refuse("lateness must not be negative", NULL,
			   "It is how long after the end of a window rows are still expected: '10 minutes'.");
	check_not_too_long(&definition->lateness, "lateness");
	if (definition->retention != NULL && !is_positive(definition->retention))
		refuse("retention must be positive", NULL, "Leave it out to keep panes for ever.");
	if (definition->retention != NULL && interval_length(definition->retention) < interval_length(&definition->window_size))
		refuse("retention is shorter than a window", NULL,
			   "Keep panes for at least as long as a window, and as a moving baseline looks back.");
	check_roll_up(definition);
}

/* ---- options ---- */

typedef enum OptionType
{
	OPTION_INTERVAL,
	OPTION_COUNT,				/* a whole number from 0 */
	OPTION_SHARE,				/* a number between 0 and 1, both excluded */
	OPTION_ADJUSTMENT,
	OPTION_ADJUST_OVER,
	OPTION_TEXTS,				/* an object of strings */
	OPTION_BOOLEAN,
	OPTION_ROLL_UP,				/* see roll_up.c */
	OPTION_DRIFT,				/* options of weir.drift */
	OPTION_THRESHOLDS,
	OPTION_LEARN,
	OPTION_BY_COLUMN,			/* an object of objects */
	OPTION_DETECTORS,
	OPTION_TASK,
	OPTION_PERFORMANCE,			/* see check_performance.c */
	OPTION_CONSTRAINTS,			/* see quality/constraints.h */
	OPTION_SOURCES,
	OPTION_NAME,
	OPTION_CLASSES
} OptionType;

static const struct
{
	const char *name;
	OptionType	type;
	const char *needs;
} option_list[] = {
	{"pane_size", OPTION_INTERVAL, "an interval of at most ten years, like \"5 minutes\""},
	{"idle_grace", OPTION_INTERVAL, "an interval of at most ten years, like \"1 minute\""},
	{"min_n", OPTION_COUNT, "a whole number, written without a point"},
	{"min_group_size", OPTION_COUNT, "a whole number, written without a point"},
	{"max_groups", OPTION_COUNT, "a whole number, written without a point"},
	{"confidence", OPTION_SHARE, "a number between 0 and 1, like 0.95"},
	{"adjust", OPTION_ADJUSTMENT, "\"none\", \"bonferroni\", \"holm\", \"benjamini_hochberg\" or \"benjamini_yekutieli\""},
	{"adjust_over", OPTION_ADJUST_OVER, "\"columns\", \"windows\" or \"both\""},
	{"drift", OPTION_DRIFT, "an object of options of weir.drift, like {\"bins\": \"equal_width\"}"},
	{"thresholds", OPTION_THRESHOLDS, "an object of metrics with their thresholds, like {\"psi\": 0.2, \"ks\": [0.05, 0.1]}"},
	{"learn_thresholds", OPTION_LEARN,
	 "\"none\", \"stddev\", \"quantile\" or an object like {\"method\": \"stddev\", \"k\": 3} or {\"method\": \"quantile\", \"quantile\": 0.99}, "
	 "and there since and until, times that begin with the year"},
	{"drift_by_column", OPTION_BY_COLUMN,
	 "an object of columns with what drift and thresholds are for them, and metrics, like {\"income\": {\"metrics\": [\"ks\"], \"thresholds\": {\"ks\": 0.3}}}"},
	{"detectors", OPTION_DETECTORS,
	 "an array of objects like {\"detector\": \"ewma\", \"metric\": \"mean\"}, and there column, name and options"},
	{"task", OPTION_TASK, "\"binary\", \"class\", \"regression\" or \"none\""},
	{"performance", OPTION_PERFORMANCE,
	 "an object like {\"threshold\": 0.5, \"thresholds\": {\"roc_auc\": 0.7}, \"calibrate\": \"auto\", \"estimate\": true}"},
	{"constraints", OPTION_CONSTRAINTS,
	 "an array of objects like {\"column_name\": \"income\", \"metric\": \"null_share\", \"high\": 0.05}"},
	{"classes", OPTION_CLASSES,
	 "an array of two to sixteen different classes, in the order of their probabilities in the score column"},
	{"sources", OPTION_SOURCES, "\"segments\", or an array of other monitors' names"},
	{"nodes", OPTION_NAME, "the name that the monitor has at the nodes"},
	{"silent_after", OPTION_INTERVAL, "an interval of at most ten years, like \"10 minutes\""},
	{"reference", OPTION_TEXTS, "an object that names a group for each protected column, like {\"sex\": \"M\"}"},
	{"insert_only", OPTION_BOOLEAN, "true or false"},
	{"roll_up", OPTION_ROLL_UP, "an array of steps, like [{\"after\": \"7 days\", \"size\": \"1 hour\"}]"},
};

/* 30.0 is refused too: the number is read as it is written. */
static bool
is_count(const JsonbValue *value)
{
	return value->type == jbvNumeric &&
		strchr(DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))), '.') == NULL &&
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric))) >= 0 &&
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric))) <= PG_INT32_MAX;
}

static bool
is_share(const JsonbValue *value)
{
	double		number;

	if (value->type != jbvNumeric)
		return false;
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	return number > 0 && number < 1;
}

static bool
is_object_of_texts(JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	member;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return false;
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
		if (token == WJB_VALUE && member.type != jbvString)
			return false;
	return true;
}

static Jsonb *
jsonb_of(JsonbValue *value)
{
	return value->type == jbvBinary ? JsonbValueToJsonb(value) : NULL;
}

/* Raises an error of its own for what is not valid in it. */
static bool
is_drift_options(Jsonb *options)
{
	DriftOptions parsed;

	if (options == NULL || !JB_ROOT_IS_OBJECT(options))
		return false;
	drift_read_options(options, SUMMARY_PLAIN, &parsed);
	return true;
}

/* {"thresholds": value}, which drift_read_options can look at. */
static bool
is_thresholds(JsonbValue *value)
{
	JsonbInState state = {0};
	JsonbValue	key = {.type = jbvString};

	key.val.string.val = pstrdup("thresholds");
	key.val.string.len = (int) strlen("thresholds");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	pushJsonbValue(&state, WJB_VALUE, value);
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return is_drift_options(JsonbValueToJsonb(state.result));
}

static bool
is_word(const JsonbValue *value, const char *const *words, int n)
{
	for (int i = 0; i < n && value->type == jbvString; i++)
		if (strlen(words[i]) == value->val.string.len && memcmp(words[i], value->val.string.val, value->val.string.len) == 0)
			return true;
	return false;
}

/* It begins with the year: so every reader takes it for the same day, whatever his DateStyle. */
static bool
is_timestamp(const JsonbValue *value)
{
	char	   *text;

	if (value->type != jbvString)
		return false;
	text = pnstrdup(value->val.string.val, value->val.string.len);
	/* an error of its own says what is wrong */
	DirectFunctionCall3(timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	return strspn(text, "0123456789") == 4 && text[4] == '-';
}

static bool
is_learning(JsonbValue *value)
{
	static const char *const methods[] = {"none", "stddev", "quantile"};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	member;
	const char *name = "";

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return is_word(value, methods, lengthof(methods));
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(member.val.string.val, member.val.string.len);
		else if (token == WJB_VALUE &&
				 !(strcmp(name, "method") == 0  ? is_word(&member, methods, lengthof(methods))
					   : strcmp(name, "k") == 0 ? member.type == jbvNumeric &&
						   DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(member.val.numeric))) > 0
					   : strcmp(name, "quantile") == 0
					   ? is_share(&member)
					   : (strcmp(name, "since") == 0 || strcmp(name, "until") == 0) && is_timestamp(&member)))
			return false;
	}
	return true;
}

/* {"income": {"metrics": [...], "thresholds": {...}, and options of weir.drift}} */
static bool
is_by_column(JsonbValue *value)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	member;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return false;
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		Jsonb	   *options;
		JsonbValue	metrics;

		if (token != WJB_VALUE)
			continue;
		options = jsonb_of(&member);
		if (options == NULL || !JB_ROOT_IS_OBJECT(options))
			return false;
		if (getKeyJsonValueFromContainer(&options->root, "metrics", strlen("metrics"), &metrics) != NULL)
		{
			if (metrics.type != jbvBinary || !JsonContainerIsArray(metrics.val.binary.data))
				return false;
			for (uint32 i = 0; i < JsonContainerSize(metrics.val.binary.data); i++)
			{
				JsonbValue *name = getIthJsonbValueFromContainer(metrics.val.binary.data, i);

				if (name->type != jbvString || drift_metric_find(pnstrdup(name->val.string.val, name->val.string.len)) < 0)
					return false;
			}
			options = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(options), CStringGetTextDatum("metrics")));
		}
		if (!is_drift_options(options))
			return false;
	}
	return true;
}

/* "segments", or ["other monitor", ...] */
static bool
is_sources(const JsonbValue *value)
{
	static const char *const words[] = {"segments"};

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		return is_word(value, words, lengthof(words));
	for (uint32 i = 0; i < JsonContainerSize(value->val.binary.data); i++)
		if (getIthJsonbValueFromContainer(value->val.binary.data, i)->type != jbvString)
			return false;
	return JsonContainerSize(value->val.binary.data) > 0;
}

static bool
are_classes(const JsonbValue *value)
{
	JsonbContainer *container = value->type == jbvBinary ? value->val.binary.data : NULL;
	uint32		n = container != NULL && JsonContainerIsArray(container) ? JsonContainerSize(container) : 0;

	if (n < 2 || n > PERFORMANCE_MAX_CLASSES)
		return false;
	for (uint32 i = 0; i < n; i++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(container, i);

		/* As definitions hold them: as names. */
		if (name->type != jbvString || name->val.string.len == 0 || name->val.string.len >= NAMEDATALEN)
			return false;
		for (uint32 j = 0; j < i; j++)
		{
			JsonbValue *other = getIthJsonbValueFromContainer(container, j);

			if (other->val.string.len == name->val.string.len &&
				memcmp(other->val.string.val, name->val.string.val, name->val.string.len) == 0)
				return false;
		}
	}
	return true;
}

static bool
option_is_valid(OptionType type, JsonbValue *value)
{
	char	   *text = value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
	Interval   *interval;

	switch (type)
	{
		case OPTION_INTERVAL:
			/* An error of its own says what is wrong with the text. */
			if (text == NULL)
				return false;
			interval = DatumGetIntervalP(
				DirectFunctionCall3(interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
			return !has_negative_part(interval) && !is_too_long(interval);
		case OPTION_COUNT: return is_count(value);
		case OPTION_SHARE: return is_share(value);
		case OPTION_ADJUSTMENT: return text != NULL && adjustment_find(text) >= 0;
		case OPTION_ADJUST_OVER:
			return text != NULL && (strcmp(text, "columns") == 0 || strcmp(text, "windows") == 0 || strcmp(text, "both") == 0);
		case OPTION_DRIFT: return is_drift_options(jsonb_of(value));
		case OPTION_THRESHOLDS: return is_thresholds(value);
		case OPTION_LEARN: return is_learning(value);
		case OPTION_BY_COLUMN: return is_by_column(value);
		case OPTION_DETECTORS: return check_detectors(value);
		case OPTION_TASK: return text != NULL && task_is_known(text);
		case OPTION_PERFORMANCE: return performance_options_are_valid(value);
		case OPTION_SOURCES: return is_sources(value);
		case OPTION_NAME: return text != NULL && text[0] != '\0';
		case OPTION_CLASSES: return are_classes(value);
		case OPTION_CONSTRAINTS: constraints_require_valid(value); return true;
		case OPTION_TEXTS: return is_object_of_texts(value);
		case OPTION_BOOLEAN: return value->type == jbvBool;
		case OPTION_ROLL_UP: return roll_up_is_array(value);
	}
	return false;
}

static char *
option_names(void)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < lengthof(option_list); i++)
		appendStringInfo(&text, "%s%s", i == 0 ? "" : ", ", option_list[i].name);
	return text.data;
}

/* Readings count in double precision: a number beyond that would make every one of them fail. */
static void
check_numbers(Jsonb *options)
{
	JsonbIterator *iterator = JsonbIteratorInit(&options->root);
	JsonbIteratorToken token;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
	{
		Datum		numeric;
		double		number;

		if ((token != WJB_VALUE && token != WJB_ELEM) || value.type != jbvNumeric)
			continue;
		numeric = NumericGetDatum(value.val.numeric);
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, numeric));
		if (isinf(number) ||
			(number == 0 && !DatumGetBool(DirectFunctionCall2(numeric_eq, numeric, NumericGetDatum(int64_to_numeric(0))))))
			refuse("a number in the options is too large or too small", "It is beyond the range of double precision.",
				   "Leave a bound out to have none.");
	}
}

void
check_options(Jsonb *options)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	int			option = -1;

	if (!JB_ROOT_IS_OBJECT(options))
		refuse("options must be a JSON object", NULL, "For example options => '{\"min_n\": 100}'.");
	check_numbers(options);
	iterator = JsonbIteratorInit(&options->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char	   *name = pnstrdup(value.val.string.val, value.val.string.len);

			for (option = lengthof(option_list) - 1; option >= 0; option--)
				if (strcmp(option_list[option].name, name) == 0)
					break;
			if (option < 0)
				refuse(psprintf("monitors have no option \"%s\"", name), NULL, psprintf("The options are %s.", option_names()));
		}
		else if (token == WJB_VALUE && !option_is_valid(option_list[option].type, &value))
			refuse(psprintf("option %s is not valid", option_list[option].name), NULL,
				   psprintf("It must be %s.", option_list[option].needs));
	}
}

/* Inside an SPI scope. */
void
check_sources(const MonitorDefinition *definition, Jsonb *options_before)
{
	Oid			types[] = {JSONBOID, JSONBOID};
	Datum		values[] = {JsonbPGetDatum(definition->options), JsonbPGetDatum(options_before)};
	char		nulls[] = {' ', options_before == NULL ? 'n' : ' ', '\0'};
	bool		is_null;

	if (sql_execute("SELECT pg_catalog.jsonb_typeof($1 -> 'sources') WHERE $1 -> 'sources' IS DISTINCT FROM $2 -> 'sources'",
					lengthof(types), types, values, nulls) == 0 ||
		((void) sql_value(0, 1, &is_null), is_null))
		return;
	if (strcmp(sql_text(0, 1), "array") != 0)
	{
		if (definition->segment_by == NIL)
			refuse("option sources is \"segments\", but the monitor has none", NULL,
				   "Make the monitor with segment_by => the column that names the publisher, or name other monitors.");
		return;
	}
	if (sql_execute("SELECT s FROM pg_catalog.jsonb_array_elements_text($1 -> 'sources') s "
					"WHERE NOT EXISTS (SELECT FROM weir.monitor m WHERE m.name = s) LIMIT 1",
					1, types, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("option sources names a monitor \"%s\", which does not exist", sql_text(0, 1)),
				 errhint(
					 "SELECT monitor FROM weir.monitors lists them. Two that name each other: make both, then set the option.")));
}

char *
option_text(Jsonb *options, const char *name)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(&options->root, name, strlen(name), &value) == NULL || value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* ---- words ---- */

/* The rates per group that fairness_scores shows beside the metrics of weir.fairness_metrics. */
static bool
is_rate(const char *metric)
{
	return strcmp(metric, "selection_rate") == 0 || strcmp(metric, "true_positive_rate") == 0 ||
		strcmp(metric, "false_positive_rate") == 0;
}

bool
is_score_metric(const char *name)
{
	const PerformanceMetric *performance = performance_metric_find(name);

	return fairness_metric_find(name) >= 0 || is_rate(name) || (performance != NULL && strcmp(performance->name, name) == 0);
}

static void
check_metrics(List *metrics)
{
	ListCell   *cell;

	if (metrics == NIL)
		refuse("metrics is empty", NULL, "Leave it out for all metrics that apply, or name some: metrics => '{psi, ks}'.");
	foreach(cell, metrics)
		if (drift_metric_find(lfirst(cell)) < 0 && !is_score_metric(lfirst(cell)))
			refuse(psprintf("there is no metric \"%s\"", (char *) lfirst(cell)), NULL,
				   "SELECT weir.drift_metric_names(), weir.fairness_metric_names(), weir.performance_metric_names() lists them.");
}

void
check_words(const MonitorDefinition *definition)
{
	if (strcmp(definition->on_delete, "retract") != 0 && strcmp(definition->on_delete, "ignore") != 0)
		refuse(psprintf("on_delete \"%s\" is not known", definition->on_delete), NULL,
			   "It is 'retract' (deleted rows leave their windows) or 'ignore' (deletion is only housekeeping).");
	if (definition->metrics != NULL)
		check_metrics(text_array_list(definition->metrics, "metrics"));
}
