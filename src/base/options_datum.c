/*
 * options_datum.c
 *		Options of methods that are chosen by name, from and to jsonb.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/options_datum.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

/* ---- from jsonb ---- */

static char *
option_names(const Option *options, int n)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < n; i++)
		appendStringInfo(&text, "%s%s", i == 0 ? "" : ", ", options[i].name);
	return text.data;
}

static char *
choices_text(const Option *option)
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
range_text(const Option *option)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, option->type == OPTION_IS_COUNT ? "a whole number" : "a number");
	if (option->low > 0 && option->low < 1e-200)
		appendStringInfoString(&text, " above 0");
	else if (option->low > -OPTION_UNBOUNDED)
		appendStringInfo(&text, " of at least %.15g", option->low);
	if (option->high < 1 && option->high > 0.999999)
		appendStringInfoString(&text, ", below 1");
	else if (option->high < OPTION_UNBOUNDED)
		appendStringInfo(&text, ", at most %.15g", option->high);
	return text.data;
}

pg_noreturn static void
refuse_option(const char *what, const char *name, const Option *option)
{
	const char *needs = option->type == OPTION_IS_BOOLEAN ? "true or false"
		: option->type == OPTION_IS_CHOICE                ? choices_text(option)
														  : range_text(option);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" of %s %s is not valid", option->name, what, name),
			 errdetail("It must be %s%s.", needs, isnan(option->initial) ? ", or null to have it estimated" : "")));
}

static double
choice_number(const Option *option, const JsonbValue *value)
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
option_value(const char *what, const char *name, const Option *option, const JsonbValue *value)
{
	double		number;

	if (value->type == jbvNull)
		return option->initial;
	if (option->type == OPTION_IS_BOOLEAN)
	{
		if (value->type != jbvBool)
			refuse_option(what, name, option);
		return value->val.boolean;
	}
	if (option->type == OPTION_IS_CHOICE)
		number = choice_number(option, value);
	else if (value->type == jbvNumeric)
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	else
		refuse_option(what, name, option);
	if (isnan(number) || !option_allows(option, number))
		refuse_option(what, name, option);
	return number;
}

void
options_from_jsonb(const char *what, const char *name, const Option *options, int n, Jsonb *jsonb, double *values)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	int			option = -1;

	options_initial(options, n, values);
	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options of a %s must be a JSON object", what),
				 errhint("The options of %s are %s.", name, option_names(options, n))));
	iterator = JsonbIteratorInit(&jsonb->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			char	   *key = pnstrdup(value.val.string.val, value.val.string.len);

			option = option_find(options, n, key);
			if (option < 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s %s has no option \"%s\"", what, name, key),
						 errhint("Its options are %s.", option_names(options, n))));
		}
		else if (token == WJB_VALUE)
			values[option] = option_value(what, name, &options[option], &value);
	}
}

/* ---- to jsonb ---- */

static void
append_option(StringInfo text, const Option *option, double value)
{
	appendStringInfo(text, "\"%s\": ", option->name);
	if (isnan(value))
		appendStringInfoString(text, "null");
	else if (option->type == OPTION_IS_BOOLEAN)
		appendStringInfoString(text, value != 0 ? "true" : "false");
	else if (option->type == OPTION_IS_CHOICE && !isdigit((unsigned char) option->choices[(int) value][0]))
		appendStringInfo(text, "\"%s\"", option->choices[(int) value]);
	else if (option->type == OPTION_IS_CHOICE)
		appendStringInfoString(text, option->choices[(int) value]);
	else
		appendStringInfoString(text, double_to_shortest_decimal(value));
}

Jsonb *
options_to_jsonb(const Option *options, int n, const double *values)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(&text, ", ");
		append_option(&text, &options[i], values[i]);
	}
	appendStringInfoChar(&text, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data)));
}
