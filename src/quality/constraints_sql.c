/*
 * constraints_sql.c
 *		Constraints on the quality of data, as people write them: are they ones that can be checked?
 *
 * An array of objects with the members of weir.constraints.  What is said here of checks, view weir.quality_checks says to people.
 */
#include "postgres.h"

#include "catalog/pg_collation_d.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "quality/constraints.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(weir_valid_constraints);

typedef enum ExpectedForm
{
	EXPECTS_NOTHING,
	EXPECTS_RANGE,				/* an object of numbers */
	EXPECTS_TEXTS,				/* an array */
	EXPECTS_TEXT,
	EXPECTS_PATTERN
} ExpectedForm;

typedef struct CheckForm
{
	const char *metric;
	bool		of_window;		/* of no column */
	ExpectedForm expected;
	bool		is_required;	/* nothing can be checked without expected */
} CheckForm;

static const CheckForm forms[] = {
	{"null_share"},
	{"nan_share"},
	{"infinite_share"},
	{"out_of_range_share", .expected = EXPECTS_RANGE},
	{"outlier_share", .expected = EXPECTS_RANGE},
	{"unseen_share", .expected = EXPECTS_TEXTS},
	{"distinct_count"},
	{"constant"},
	{"duplicate_share", .expected = EXPECTS_TEXTS},
	{"pattern_mismatch_share", .expected = EXPECTS_PATTERN, .is_required = true},
	{"order_break_share", .expected = EXPECTS_TEXT},
	{"correlation", .expected = EXPECTS_TEXT, .is_required = true},
	{"schema_change", .expected = EXPECTS_TEXT},
	{"row_count", .of_window = true},
	{"late_share", .of_window = true},
	{"freshness", .of_window = true},
	{"row_share", .of_window = true},
	{"silence", .of_window = true},
	{"fault_share", .of_window = true},
	{"weight", .of_window = true},
};

static void
refuse(int number, const char *problem, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("constraint %d is not valid: %s", number, problem),
			 errhint("%s", hint)));
}

static char *
text_of(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static const char *
metric_names(void)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < lengthof(forms); i++)
		appendStringInfo(&text, "%s%s", i == 0 ? "" : ", ", forms[i].metric);
	return psprintf("Checks are %s.", text.data);
}

static bool
is_object(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
}

static bool
is_array(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data) &&
		!JsonContainerIsScalar(value->val.binary.data);
}

static bool
find_member(JsonbContainer *container, const char *name, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(container, name, strlen(name), value) != NULL && value->type != jbvNull;
}

static const CheckForm *
find_form(int number, JsonbContainer *constraint)
{
	JsonbValue	metric;

	if (!find_member(constraint, "metric", &metric) || metric.type != jbvString)
		refuse(number, "it names no metric", metric_names());
	for (int i = 0; i < lengthof(forms); i++)
		if (strlen(forms[i].metric) == metric.val.string.len &&
			memcmp(forms[i].metric, metric.val.string.val, metric.val.string.len) == 0)
			return &forms[i];
	refuse(number, psprintf("there is no check \"%s\"", text_of(&metric)), metric_names());
	return NULL;				/* not reached */
}

static bool
all_are_texts(const JsonbValue *array)
{
	for (uint32 i = 0; i < JsonContainerSize(array->val.binary.data); i++)
		if (getIthJsonbValueFromContainer(array->val.binary.data, i)->type != jbvString)
			return false;
	return true;
}

/* [0.01, 0.99] */
static bool
are_quantiles(const JsonbValue *value)
{
	double		quantiles[2];

	if (!is_array(value) || JsonContainerSize(value->val.binary.data) != 2)
		return false;
	for (uint32 i = 0; i < 2; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(value->val.binary.data, i);

		if (element->type != jbvNumeric)
			return false;
		quantiles[i] = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(element->val.numeric)));
	}
	return quantiles[0] >= 0 && quantiles[0] < quantiles[1] && quantiles[1] <= 1;
}

/* {"min": 0, "max": 100}, either of which may be left out, or {"quantiles": [0.01, 0.99]} */
static bool
is_range(const JsonbValue *value)
{
	JsonbValue	member;
	uint32		known = 0;

	if (!is_object(value))
		return false;
	if (find_member(value->val.binary.data, "quantiles", &member))
	{
		if (!are_quantiles(&member))
			return false;
		known++;
	}
	for (int i = 0; i < 2; i++)
		if (find_member(value->val.binary.data, i == 0 ? "min" : "max", &member))
		{
			if (member.type != jbvNumeric)
				return false;
			known++;
		}
	return known > 0 && known == JsonContainerSize(value->val.binary.data);
}

static void
check_expected(int number, const CheckForm *form, JsonbContainer *constraint)
{
	JsonbValue	expected;

	if (!find_member(constraint, "expected", &expected))
	{
		if (form->is_required)
			refuse(number, psprintf("%s needs expected", form->metric),
				   "SELECT metric, expected FROM weir.quality_checks shows its form.");
		return;
	}
	switch (form->expected)
	{
		case EXPECTS_NOTHING: refuse(number, psprintf("%s takes no expected", form->metric), "Say low or high, or both."); break;
		case EXPECTS_RANGE:
			if (!is_range(&expected))
				refuse(number, "expected must be a range",
					   "For example {\"min\": 0, \"max\": 100}, or of outlier_share {\"quantiles\": [0.01, 0.99]}.");
			break;
		case EXPECTS_TEXTS:
			if (!is_array(&expected) || !all_are_texts(&expected))
				refuse(number, "expected must be an array of texts", "For example [\"car\", \"home\"].");
			break;
		case EXPECTS_TEXT:
		case EXPECTS_PATTERN:
			if (expected.type != jbvString)
				refuse(number, "expected must be a text", "SELECT metric, expected FROM weir.quality_checks shows its form.");
			/* An error of its own says what is wrong with it. */
			if (form->expected == EXPECTS_PATTERN)
				(void) DirectFunctionCall2Coll(textregexeq, DEFAULT_COLLATION_OID, CStringGetTextDatum(""),
											   CStringGetTextDatum(text_of(&expected)));
			break;
	}
}

static void
check_member(int number, const char *name, const JsonbValue *value)
{
	if (value->type == jbvNull || strcmp(name, "expected") == 0)
		return;
	if (strcmp(name, "low") == 0 || strcmp(name, "high") == 0 || strcmp(name, "tolerance") == 0)
	{
		if (value->type != jbvNumeric)
			refuse(number, psprintf("%s must be a number", name), "For example {\"metric\": \"null_share\", \"high\": 0.05}.");
	}
	else if (strcmp(name, "column_name") == 0 || strcmp(name, "metric") == 0 || strcmp(name, "name") == 0)
	{
		if (value->type != jbvString)
			refuse(number, psprintf("%s must be a text", name),
				   "For example {\"column_name\": \"income\", \"metric\": \"null_share\"}.");
	}
	else if (strcmp(name, "severity") == 0)
	{
		if (value->type != jbvString || (strcmp(text_of(value), "warning") != 0 && strcmp(text_of(value), "alert") != 0))
			refuse(number, "severity must be \"warning\" or \"alert\"", "It is the verdict where the constraint is violated.");
	}
	else if (strcmp(name, "enabled") == 0)
	{
		if (value->type != jbvBool)
			refuse(number, "enabled must be true or false", "false leaves a check out.");
	}
	else
		refuse(number, psprintf("it has no member \"%s\"", name),
			   "Members are column_name, metric, low, high, tolerance, expected, severity, name and enabled.");
}

static void
check_constraint(int number, const JsonbValue *value)
{
	JsonbContainer *constraint;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	member;
	const char *name = "";
	const CheckForm *form;

	if (!is_object(value))
		refuse(number, "it is no object", "For example {\"column_name\": \"income\", \"metric\": \"null_share\", \"high\": 0.05}.");
	constraint = value->val.binary.data;
	iterator = JsonbIteratorInit(constraint);
	while ((token = JsonbIteratorNext(&iterator, &member, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = text_of(&member);
		else if (token == WJB_VALUE)
			check_member(number, name, &member);
	}
	form = find_form(number, constraint);
	if (form->of_window && find_member(constraint, "column_name", &member))
		refuse(number, psprintf("%s is of no column", form->metric), "Leave column_name out.");
	check_expected(number, form, constraint);
}

void
constraints_require_valid(const JsonbValue *constraints)
{
	JsonbContainer *array;

	if (!is_array(constraints))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("constraints must be an array of objects"),
				 errhint("For example [{\"column_name\": \"income\", \"metric\": \"null_share\", \"high\": 0.05}].")));
	array = constraints->val.binary.data;
	for (uint32 i = 0; i < JsonContainerSize(array); i++)
		check_constraint((int) i + 1, getIthJsonbValueFromContainer(array, i));
}

Datum
weir_valid_constraints(PG_FUNCTION_ARGS)
{
	Jsonb	   *constraints = PG_GETARG_JSONB_P(0);
	JsonbValue	value = {.type = jbvBinary};

	value.val.binary.data = &constraints->root;
	value.val.binary.len = (int) VARSIZE(constraints) - VARHDRSZ;
	constraints_require_valid(&value);
	PG_RETURN_JSONB_P(constraints);
}
