/*
 * detector_datum.c
 *		Options of detectors from and to jsonb; values given to a detector, and what it refuses.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/memory.h"
#include "common/shortest_dec.h"
#include "detect/detector_datum.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

/* ---- from jsonb ---- */

static char *
option_names(DetectorKind kind)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < detector_n_options(kind); i++)
		appendStringInfo(&text, "%s%s", i == 0 ? "" : ", ", detector_option(kind, i)->name);
	return text.data;
}

static char *
choices_text(const DetectorOption *option)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; option->choices[i] != NULL; i++)
		appendStringInfo(&text, isdigit((unsigned char) option->choices[i][0]) ? "%s%s" : "%s\"%s\"",
						 i == 0                               ? ""
							 : option->choices[i + 1] == NULL ? " or "
															  : ", ",
						 option->choices[i]);
	return text.data;
}

/* Bounds next to a round number stand for it, itself left out. */
static char *
range_text(const DetectorOption *option)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, option->type == DETECTOR_OPTION_COUNT ? "a whole number" : "a number");
	if (option->low > 0 && option->low < 1e-200)
		appendStringInfoString(&text, " above 0");
	else if (option->low > -DETECTOR_LARGEST)
		appendStringInfo(&text, " of at least %.15g", option->low);
	if (option->high < 1 && option->high > 0.999999)
		appendStringInfoString(&text, ", below 1");
	else if (option->high < DETECTOR_LARGEST)
		appendStringInfo(&text, ", at most %.15g", option->high);
	return text.data;
}

pg_noreturn static void
refuse_option(DetectorKind kind, const DetectorOption *option)
{
	const char *needs = option->type == DETECTOR_OPTION_BOOLEAN ? "true or false"
		: option->type == DETECTOR_OPTION_CHOICE                ? choices_text(option)
																: range_text(option);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" of detector %s is not valid", option->name, detector_name(kind)),
			 errdetail("It must be %s%s.", needs, isnan(option->initial) ? ", or null to have it estimated" : "")));
}

static double
choice_number(const DetectorOption *option, const JsonbValue *value)
{
	char	   *text;

	if (value->type == jbvString)
		text = pnstrdup(value->val.string.val, value->val.string.len);
	else if (value->type == jbvNumeric)
		text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	else
		return -1;
	for (int i = 0; option->choices[i] != NULL; i++)
		if (strcmp(option->choices[i], text) == 0)
			return i;
	return -1;
}

static double
option_value(DetectorKind kind, const DetectorOption *option, const JsonbValue *value)
{
	double		number;

	if (value->type == jbvNull)
		return option->initial;
	if (option->type == DETECTOR_OPTION_BOOLEAN)
	{
		if (value->type != jbvBool)
			refuse_option(kind, option);
		return value->val.boolean;
	}
	if (option->type == DETECTOR_OPTION_CHOICE)
		number = choice_number(option, value);
	else if (value->type == jbvNumeric)
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	else
		refuse_option(kind, option);
	if (isnan(number) || !detector_option_allows(option, number))
		refuse_option(kind, option);
	return number;
}

static void
read_options(DetectorKind kind, Jsonb *jsonb, double *options)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	int			option = -1;
	const char *conflict;

	detector_initial_options(kind, options);
	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of a detector must be a JSON object"),
				 errhint("The options of %s are %s.", detector_name(kind), option_names(kind))));
	iterator = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char	   *name = pnstrdup(value.val.string.val, value.val.string.len);

			option = detector_find_option(kind, name);
			if (option < 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("detector %s has no option \"%s\"", detector_name(kind), name),
						 errhint("Its options are %s.", option_names(kind))));
		}
		else if (token == WJB_VALUE)
			options[option] = option_value(kind, detector_option(kind, option), &value);
	}
	conflict = detector_check_options(kind, options);
	if (conflict != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of detector %s do not go together", detector_name(kind)),
				 errdetail("%s", conflict)));
}

Detector *
detector_from_names(MemoryContext context, const char *name, Jsonb *options)
{
	int			kind = detector_find(name);
	double		values[DETECTOR_MAX_OPTIONS];

	if (kind < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no detector \"%s\"", name),
				 errhint("SELECT detector FROM weir.detectors lists them.")));
	if (options == NULL)
		detector_initial_options(kind, values);
	else
		read_options(kind, options, values);
	return detector_create(allocator_in(context), kind, values);
}

Detector *
detector_from_arguments(MemoryContext context, FunctionCallInfo fcinfo, int number, const char *initial)
{
	for (int i = number; i < PG_NARGS() && i < number + 2; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be null", i == number ? "detector" : "options")));
	return detector_from_names(context, PG_NARGS() > number ? text_to_cstring(PG_GETARG_TEXT_PP(number)) : initial,
							   PG_NARGS() > number + 1 ? PG_GETARG_JSONB_P(number + 1) : NULL);
}

/* ---- to jsonb ---- */

static void
append_option(StringInfo text, const DetectorOption *option, double value)
{
	appendStringInfo(text, "\"%s\": ", option->name);
	if (isnan(value))
		appendStringInfoString(text, "null");
	else if (option->type == DETECTOR_OPTION_BOOLEAN)
		appendStringInfoString(text, value != 0 ? "true" : "false");
	else if (option->type == DETECTOR_OPTION_CHOICE && !isdigit((unsigned char) option->choices[(int) value][0]))
		appendStringInfo(text, "\"%s\"", option->choices[(int) value]);
	else if (option->type == DETECTOR_OPTION_CHOICE)
		appendStringInfoString(text, option->choices[(int) value]);
	else
		appendStringInfoString(text, double_to_shortest_decimal(value));
}

Jsonb *
detector_options_jsonb(DetectorKind kind, const double *options)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < detector_n_options(kind); i++)
	{
		if (i > 0)
			appendStringInfoString(&text, ", ");
		append_option(&text, detector_option(kind, i), options[i]);
	}
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}

/* ---- values ---- */

void
detector_refuse(const Detector *detector, DetectorStatus status, double value)
{
	const char *name = detector == NULL ? NULL : detector_name(detector_kind(detector));

	switch (status)
	{
		case DETECTOR_NOT_AN_ERROR:
			ereport(
				ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("detector %s takes only 0 and 1", name),
				 errdetail("The value is %.15g.", value),
				 errhint(
					 "Give a boolean, or 1 for an error and 0 for none. SELECT detector, input FROM weir.detectors lists those that take numbers.")));
			break;
		case DETECTOR_OUTSIDE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value %.15g is outside what detector %s takes", value, name),
					 detector_input(detector_kind(detector)) == DETECTOR_SHARE
						 ? errhint("It takes numbers from 0 to 1.")
						 : errhint("Set its options lower and upper to the least and the greatest value that there can be.")));
			break;
		case DETECTOR_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("value %.15g is too large for a detector", value),
					 errdetail("Its square, summed, would overflow."), errhint("Divide the values by a constant.")));
			break;
		case DETECTOR_OTHER_VERSION:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("weir.detector_state of a version that is not known"),
					 errhint("It was written by a later release of weir.")));
			break;
		case DETECTOR_OK:
		case DETECTOR_CORRUPT: break;
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid weir.detector_state")));
}

bool
detector_feed(Detector *detector, double value, bool is_null, DetectorSignal *signal)
{
	DetectorStatus status;
	bool		observed;

	if (is_null)
	{
		detector_skip(detector);
		return false;
	}
	status = detector_advance(detector, value, signal, &observed);
	if (unlikely(status != DETECTOR_OK))
		detector_refuse(detector, status, value);
	return observed;
}

#define NUMBERS_BETWEEN_INTERRUPTS 1024 /* some detectors take tens of microseconds for a value */

Size
detector_feed_numbers(Detector *detector, const double *values, Size n)
{
	size_t		n_done;
	DetectorStatus status;

	CHECK_FOR_INTERRUPTS();
	status = detector_advance_to_drift(detector, values, Min(n, NUMBERS_BETWEEN_INTERRUPTS), &n_done);
	if (status != DETECTOR_OK)
		detector_refuse(detector, status, values[n_done]);
	return n_done;
}
