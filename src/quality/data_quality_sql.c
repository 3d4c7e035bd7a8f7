/*
 * data_quality_sql.c
 *		weir._quality_measures: what the summaries of a column say about the quality of its data, before it is judged.
 */
#include "postgres.h"

#include <math.h>

#include "base/memory.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "quality/data_quality.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_quality_measures);

#define N_RESULT 9
#define DEFAULT_LOW_QUANTILE 0.01
#define DEFAULT_HIGH_QUANTILE 0.99

/* ---- what is expected ---- */

static void
refuse(const char *check, const char *needs)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("expected of check \"%s\" is not valid", check),
			 errhint("It must be %s.", needs)));
}

static bool
find_member(JsonbContainer *container, const char *name, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(container, name, strlen(name), value) != NULL && value->type != jbvNull;
}

/* {"check": {"expected": value}}: whether there is such a value. */
static bool
find_expected(Jsonb *checks, QualityCheck check, JsonbValue *value)
{
	JsonbValue	entry;

	return find_member(&checks->root, quality_check_name(check), &entry) && entry.type == jbvBinary &&
		JsonContainerIsObject(entry.val.binary.data) && find_member(entry.val.binary.data, "expected", value);
}

static double
number_of(const JsonbValue *value, const char *check, const char *needs)
{
	if (value->type != jbvNumeric)
		refuse(check, needs);
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
}

/* {"min": number, "max": number}, each of which may be left out; false when neither is there. */
static bool
read_range(const JsonbValue *value, QualityCheck check, SummaryUnit unit, QualityRange *range)
{
	static const char needs[] = "an object like {\"min\": 0, \"max\": 100}";
	JsonbValue	bound;
	bool		found = false;

	*range = (QualityRange){-INFINITY, INFINITY};
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		refuse(quality_check_name(check), needs);
	if (find_member(value->val.binary.data, "min", &bound))
	{
		range->low = stored_value(unit, number_of(&bound, quality_check_name(check), needs));
		found = true;
	}
	if (find_member(value->val.binary.data, "max", &bound))
	{
		range->high = stored_value(unit, number_of(&bound, quality_check_name(check), needs));
		found = true;
	}
	return found;
}

/* {"quantiles": [0.01, 0.99]} */
static void
read_quantiles(const JsonbValue *value, double quantiles[2])
{
	static const char needs[] = "{\"min\": number, \"max\": number} or {\"quantiles\": [0.01, 0.99]}";
	const char *check = quality_check_name(QUALITY_OUTLIER_SHARE);
	JsonbValue	list;

	if (!find_member(value->val.binary.data, "quantiles", &list))
		return;
	if (list.type != jbvBinary || !JsonContainerIsArray(list.val.binary.data) || JsonContainerSize(list.val.binary.data) != 2)
		refuse(check, needs);
	for (uint32 i = 0; i < 2; i++)
		quantiles[i] = number_of(getIthJsonbValueFromContainer(list.val.binary.data, i), check, needs);
	if (!(quantiles[0] >= 0 && quantiles[0] < quantiles[1] && quantiles[1] <= 1))
		refuse(check, needs);
}

static void
read_categories(const JsonbValue *value, QualityExpectation *expectation)
{
	static const char needs[] = "an array of texts like [\"car\", \"home\"]";
	const char *check = quality_check_name(QUALITY_UNSEEN_SHARE);
	JsonbContainer *array;
	QualityText *texts;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		refuse(check, needs);
	array = value->val.binary.data;
	texts = palloc(sizeof(QualityText) * (JsonContainerSize(array) + 1));
	for (uint32 i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);

		if (element->type != jbvString)
			refuse(check, needs);
		texts[i] = (QualityText){element->val.string.val, element->val.string.len};
	}
	expectation->has_categories = true;
	expectation->categories = texts;
	expectation->n_categories = JsonContainerSize(array);
}

static void
read_expectation(Jsonb *checks, SummaryUnit unit, QualityExpectation *expectation)
{
	JsonbValue	value;

	*expectation = (QualityExpectation){.band_quantiles = {DEFAULT_LOW_QUANTILE, DEFAULT_HIGH_QUANTILE}};
	if (checks == NULL || !JB_ROOT_IS_OBJECT(checks))
		return;
	if (find_expected(checks, QUALITY_OUT_OF_RANGE_SHARE, &value))
		expectation->has_range = read_range(&value, QUALITY_OUT_OF_RANGE_SHARE, unit, &expectation->range);
	if (find_expected(checks, QUALITY_OUTLIER_SHARE, &value))
	{
		expectation->has_band = read_range(&value, QUALITY_OUTLIER_SHARE, unit, &expectation->band);
		read_quantiles(&value, expectation->band_quantiles);
	}
	if (find_expected(checks, QUALITY_UNSEEN_SHARE, &value))
		read_categories(&value, expectation);
}

/* ---- rows ---- */

static void
append_bound(StringInfo text, const char *name, SummaryUnit unit, double bound)
{
	if (isfinite(bound))
		appendStringInfo(text, "%s\"%s\": %s", text->data[text->len - 1] == '{' ? "" : ", ", name,
						 float8out_internal(shown_value(unit, bound)));
}

/* What explains a measure, as JSON; NULL when nothing does. */
static Datum
detail_of(const QualityReport *report, QualityCheck check, SummaryUnit unit)
{
	const QualityMeasure *measure = &report->measures[check];
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	if (check == QUALITY_OUT_OF_RANGE_SHARE || check == QUALITY_OUTLIER_SHARE)
	{
		const QualityRange *range = check == QUALITY_OUTLIER_SHARE ? &report->band : &report->range;

		if (!measure->has_value)
			return (Datum) 0;
		append_bound(&text, "min", unit, range->low);
		append_bound(&text, "max", unit, range->high);
	}
	else if (check == QUALITY_UNSEEN_SHARE && report->n_unseen > 0)
	{
		appendStringInfo(&text, "\"n_categories\": " INT64_FORMAT ", \"categories\": [", report->n_unseen);
		for (int i = 0; i < report->n_shown; i++)
		{
			const SummaryCategory *category = &report->unseen[i];

			appendStringInfo(&text, "%s{\"value\": ", i == 0 ? "" : ", ");
			escape_json(&text, pnstrdup(category->bytes, category->length));
			appendStringInfo(&text, ", \"n\": " INT64_FORMAT "}", category->count);
		}
		appendStringInfoChar(&text, ']');
	}
	if (text.len == 1)
		return (Datum) 0;
	appendStringInfoChar(&text, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

static void
put_measure(ReturnSetInfo *result, const QualityReport *report, QualityCheck check, SummaryUnit unit)
{
	const QualityMeasure *measure = &report->measures[check];
	Datum		values[N_RESULT] = {CStringGetTextDatum(quality_check_name(check)),
							  Float8GetDatum(measure->value),
							  Float8GetDatum(measure->expected),
							  Float8GetDatum(measure->standard_error),
							  Int64GetDatum(measure->n),
							  Int64GetDatum(measure->n_baseline),
							  (Datum) 0,
							  detail_of(report, check, unit),
							  (Datum) 0};
	bool		nulls[N_RESULT] = {0};

	nulls[1] = !measure->has_value;
	nulls[2] = nulls[3] = !measure->has_expected;
	nulls[5] = measure->n_baseline == 0;
	nulls[6] = measure->reason == NULL;
	if (!nulls[6])
		values[6] = CStringGetTextDatum(measure->reason);
	nulls[7] = values[7] == (Datum) 0;
	values[8] = BoolGetDatum(measure->has_expected && check == QUALITY_DUPLICATE_SHARE && measure->expected == 0);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
weir_quality_measures(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext temporary;
	MemoryContext old;
	QualityReport report;
	QualityExpectation expectation;
	const Summary *baseline = NULL;
	const Summary *current;
	Allocator	allocator;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	temporary = AllocSetContextCreate(CurrentMemoryContext, "weir quality", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(temporary);
	allocator = allocator_in(temporary);
	if (!PG_ARGISNULL(0))
		baseline = summary_from_datum(allocator, PG_GETARG_DATUM(0));
	current = summary_from_datum(allocator, PG_GETARG_DATUM(1));
	read_expectation(PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2), summary_unit(current), &expectation);
	if (!quality_measure(allocator, baseline, current, &expectation, &report))
		summary_check_status(SUMMARY_KIND_MISMATCH);
	for (QualityCheck check = 0; check < QUALITY_N_CHECKS; check++)
		if (report.measures[check].applies)
			put_measure(result, &report, check, summary_unit(current));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(temporary);
	return (Datum) 0;
}
