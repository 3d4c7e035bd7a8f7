/*
 * drift_detail.c
 *		Why a score is what it is, as jsonb: the cells that contribute most, new and vanished categories, the test.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "drift/drift_detail.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#define MAX_CELLS_SHOWN 5
#define MAX_NAMES_SHOWN 20

static void
push_key(JsonbInState *state, const char *key)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, key);
	value.val.string.len = (int) strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

static void
push_string(JsonbInState *state, JsonbIteratorToken token, const char *bytes, size_t length)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, bytes);
	value.val.string.len = (int) length;
	pushJsonbValue(state, token, &value);
}

static void
put_string(JsonbInState *state, const char *key, const char *text)
{
	push_key(state, key);
	push_string(state, WJB_VALUE, text, strlen(text));
}

/* JSON has neither infinities nor NaN: they become null, which reads as an open end. */
static void
put_number(JsonbInState *state, const char *key, double number)
{
	JsonbValue	value = {.type = jbvNull};

	push_key(state, key);
	if (isfinite(number))
	{
		value.type = jbvNumeric;
		value.val.numeric = DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(number)));
	}
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
put_integer(JsonbInState *state, const char *key, int64 number)
{
	JsonbValue	value = {.type = jbvNumeric};

	push_key(state, key);
	value.val.numeric = int64_to_numeric(number);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* From stored units to those of stats(): durations in seconds, times in seconds since 1970. */
static double
shown(const DriftPair *pair, double value)
{
	if (pair->unit == SUMMARY_PLAIN)
		return value;
	return value * 1e-6 + (pair->unit == SUMMARY_TIME ? 946684800.0 : 0);
}

typedef struct RankedCell
{
	const DriftCell *cell;
	double		contribution;
} RankedCell;

/* By size; in the order of cells among equals. */
static int
compare_ranked(const void *a, const void *b)
{
	const RankedCell *left = a;
	const RankedCell *right = b;

	if (fabs(left->contribution) != fabs(right->contribution))
		return fabs(left->contribution) < fabs(right->contribution) ? 1 : -1;
	return (left->cell > right->cell) - (left->cell < right->cell);
}

static void
put_cell(JsonbInState *state, const DriftPair *pair, const RankedCell *ranked)
{
	const DriftCell *cell = ranked->cell;

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	switch (cell->kind)
	{
		case CELL_VALUES:
			put_number(state, "lower", shown(pair, cell->lower));
			put_number(state, "upper", shown(pair, cell->upper));
			break;
		case CELL_CATEGORY:
			push_key(state, "category");
			push_string(state, WJB_VALUE, pair->categories[cell->category].bytes, pair->categories[cell->category].length);
			break;
		case CELL_RARE: put_string(state, "part", "rare categories"); break;
		case CELL_OTHER: put_string(state, "part", "other categories"); break;
		case CELL_MISSING: put_string(state, "part", "missing"); break;
	}
	put_number(state, "baseline", (double) cell->n[BASELINE] / (double) drift_n_rows(pair, BASELINE));
	put_number(state, "current", (double) cell->n[CURRENT] / (double) drift_n_rows(pair, CURRENT));
	put_number(state, "contribution", ranked->contribution);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
put_cells(JsonbInState *state, const DriftPair *pair, DriftMetric metric)
{
	RankedCell *ranked = palloc(sizeof(RankedCell) * (pair->n_cells + 1));

	for (size_t i = 0; i < pair->n_cells; i++)
	{
		ranked[i].cell = &pair->cells[i];
		ranked[i].contribution = drift_cell_contribution(pair, metric, &pair->cells[i]);
	}
	if (pair->n_cells > 1)
		qsort(ranked, pair->n_cells, sizeof(RankedCell), compare_ranked);
	push_key(state, pair->kind == SUMMARY_NUMERIC ? "bins" : "categories");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (size_t i = 0; i < pair->n_cells && i < MAX_CELLS_SHOWN; i++)
		if (ranked[i].contribution != 0)
			put_cell(state, pair, &ranked[i]);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
	pfree(ranked);
}

typedef struct RankedName
{
	const DriftCategory *category;
	int64		count;
} RankedName;

static int
compare_names(const void *a, const void *b)
{
	const RankedName *left = a;
	const RankedName *right = b;

	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return (left->category > right->category) - (left->category < right->category);
}

/* Categories that only one side has, the most frequent first. A summary keeps its counts by hash, so absence is certain. */
static void
put_names(JsonbInState *state, const DriftPair *pair, int present, const char *names_key, const char *count_key)
{
	RankedName *names = palloc(sizeof(RankedName) * (pair->n_categories + 1));
	size_t		n = 0;

	for (size_t i = 0; i < pair->n_categories; i++)
		if (pair->categories[i].n[present] > 0 && pair->categories[i].n[1 - present] <= 0)
		{
			names[n].category = &pair->categories[i];
			names[n].count = pair->categories[i].n[present];
			n++;
		}
	if (n > 1)
		qsort(names, n, sizeof(RankedName), compare_names);
	if (n > 0)
	{
		push_key(state, names_key);
		pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		for (size_t i = 0; i < n && i < MAX_NAMES_SHOWN; i++)
			push_string(state, WJB_ELEM, names[i].category->bytes, names[i].category->length);
		pushJsonbValue(state, WJB_END_ARRAY, NULL);
		if (n > MAX_NAMES_SHOWN)
			put_integer(state, count_key, (int64) n);
	}
	pfree(names);
}

static void
put_levels(JsonbInState *state, const DriftScore *score)
{
	if (score->has_statistic)
		put_number(state, "statistic", score->statistic);
	if (score->has_level)
	{
		put_number(state, "baseline", score->level[BASELINE]);
		put_number(state, "current", score->level[CURRENT]);
	}
	if (score->has_elements)
	{
		put_integer(state, score->elements[1] == 0 ? "element" : "first_element", score->elements[0]);
		if (score->elements[1] != 0)
			put_integer(state, "second_element", score->elements[1]);
	}
	if (score->has_standard_error)
		put_number(state, "standard_error", score->standard_error);
}

Datum
drift_detail(const DriftPair *pair, DriftMetric metric, const DriftScore *score)
{
	JsonbInState state = {0};

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (score->reason != NULL)
		put_string(&state, "reason", score->reason);
	if (score->has_value)
	{
		if (score->has_threshold)
			put_number(&state, "warning_threshold", score->warning_threshold);
		put_levels(&state, score);
	}
	if (score->has_p_value && score->test != NULL)
	{
		put_string(&state, "test", score->test);
		if (score->degrees_of_freedom > 0 || drift_metric_uses_cells(metric))
			put_number(&state, "degrees_of_freedom", score->degrees_of_freedom);
	}
	if (drift_metric_uses_cells(metric) && score->has_p_value)
	{
		put_cells(&state, pair, metric);
		put_names(&state, pair, CURRENT, "new", "n_new");
		put_names(&state, pair, BASELINE, "vanished", "n_vanished");
	}
	if (score->has_location)
	{
		put_number(&state, "at", shown(pair, score->location));
		put_number(&state, "baseline", score->location_share[BASELINE]);
		put_number(&state, "current", score->location_share[CURRENT]);
	}
	if (score->has_value && (metric == DRIFT_WASSERSTEIN || metric == DRIFT_WASSERSTEIN_NORMALIZED) &&
		pair->moments[BASELINE].n > 1)
		put_number(&state, "baseline_stddev", sqrt(pair->moments[BASELINE].variance) * drift_unit(pair));
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(state.result));
}
