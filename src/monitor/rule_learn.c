/*
 * rule_learn.c
 *		Bounds that a rule learns from the history of its scores: the argument learn, and how improbable a next value is.
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/distributions.h"
#include "fmgr.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_next_value_p);

#define MAX_LEARNT_WINDOWS 1000

typedef struct LearnArgument
{
	const char *method;
	const char *direction;
	const char *since;
	const char *until;
	double		k;
	double		warning_k;		/* NaN: not given, as the others */
	double		clear_k;
	double		quantile;
	double		warning_quantile;
	double		clear_quantile;
	double		windows;
	double		min_windows;
} LearnArgument;

static void
refuse_member(const char *name, const char *what)
{
	rule_refuse(
		psprintf("\"%s\" of learn must be %s", name, what),
		"learn => '{\"method\": \"stddev\", \"k\": 3, \"windows\": 30}', or '{\"method\": \"quantile\", \"quantile\": 0.99}'.");
}

static double
number_member(const char *name, const JsonbValue *value, double low, double high, const char *what)
{
	double		number = NAN;

	if (value->type == jbvNumeric)
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
	if (!(number >= low && number <= high))
		refuse_member(name, what);
	return number;
}

static char *
text_member(const char *name, const JsonbValue *value)
{
	if (value->type != jbvString)
		refuse_member(name, "a string");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static void
read_member(LearnArgument *learn, const char *name, const JsonbValue *value)
{
	static const char *const positive = "a positive number";
	static const char *const share = "between 0 and 1";

	if (strcmp(name, "method") == 0)
		learn->method = text_member(name, value);
	else if (strcmp(name, "direction") == 0)
		learn->direction = text_member(name, value);
	else if (strcmp(name, "since") == 0)
		learn->since = text_member(name, value);
	else if (strcmp(name, "until") == 0)
		learn->until = text_member(name, value);
	else if (strcmp(name, "k") == 0)
		learn->k = number_member(name, value, 1e-300, 1e300, positive);
	else if (strcmp(name, "warning_k") == 0)
		learn->warning_k = number_member(name, value, 1e-300, 1e300, positive);
	else if (strcmp(name, "clear_k") == 0)
		learn->clear_k = number_member(name, value, 0, 1e300, "a number that is not negative");
	else if (strcmp(name, "quantile") == 0)
		learn->quantile = number_member(name, value, 0, 1, share);
	else if (strcmp(name, "warning_quantile") == 0)
		learn->warning_quantile = number_member(name, value, 0, 1, share);
	else if (strcmp(name, "clear_quantile") == 0)
		learn->clear_quantile = number_member(name, value, 0, 1, share);
	else if (strcmp(name, "windows") == 0 || strcmp(name, "min_windows") == 0)
	{
		double		number =
			number_member(name, value, 2, MAX_LEARNT_WINDOWS, psprintf("a whole number from 2 to %d", MAX_LEARNT_WINDOWS));

		if (number != floor(number))
			refuse_member(name, psprintf("a whole number from 2 to %d", MAX_LEARNT_WINDOWS));
		if (name[0] == 'w')
			learn->windows = number;
		else
			learn->min_windows = number;
	}
	else
		rule_refuse(
			psprintf("unknown member \"%s\" of learn", name),
			"Members are method, direction, windows, min_windows, since, until, k, warning_k, clear_k, quantile, warning_quantile and clear_quantile.");
}

static bool
is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 || (c != NULL && strcmp(word, c) == 0);
}

/* A range of windows, as timestamps that every session reads alike. */
static void
check_range(LearnArgument *learn)
{
	TimestampTz bounds[2];
	const char *texts[2] = {learn->since, learn->until};

	for (int i = 0; i < 2; i++)
	{
		bounds[i] = DatumGetTimestampTz(
			DirectFunctionCall3(timestamptz_in, CStringGetDatum(texts[i]), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		if (TIMESTAMP_NOT_FINITE(bounds[i]))
			refuse_member(i == 0 ? "since" : "until", "a finite time");
	}
	if (bounds[0] >= bounds[1])
		rule_refuse("\"since\" of learn must be before \"until\"", NULL);
	learn->since = timestamptz_to_str(bounds[0]);
	learn->since = pstrdup(learn->since);
	learn->until = pstrdup(timestamptz_to_str(bounds[1]));
}

static void
check_members(LearnArgument *learn, bool is_drift, bool has_above, bool has_below)
{
	bool		is_quantile;

	if (learn->method == NULL)
		learn->method = isnan(learn->quantile) ? "stddev" : "quantile";
	if (!is_one_of(learn->method, "stddev", "quantile", NULL))
		rule_refuse(psprintf("unknown method \"%s\" of learn", learn->method), "The method is stddev or quantile.");
	is_quantile = strcmp(learn->method, "quantile") == 0;
	if (is_quantile ? !isnan(learn->k) || !isnan(learn->warning_k) || !isnan(learn->clear_k)
					: !isnan(learn->quantile) || !isnan(learn->warning_quantile) || !isnan(learn->clear_quantile))
		rule_refuse("learn has members of another method",
					"Method stddev takes k, warning_k and clear_k, method quantile takes quantile, "
					"warning_quantile and clear_quantile.");
	if (is_quantile && isnan(learn->quantile))
		learn->quantile = 0.99;
	if (!is_quantile && isnan(learn->k))
		learn->k = 3;
	if (is_quantile ? learn->warning_quantile >= learn->quantile || learn->clear_quantile > learn->quantile
					: learn->warning_k >= learn->k || learn->clear_k > learn->k)
		rule_refuse("the bounds for warning and clearing must be nearer to the history than the other", NULL);

	if (learn->direction == NULL)
		learn->direction = has_above && !has_below ? "above"
			: has_below && !has_above              ? "below"
			: is_drift && !has_below               ? "above"
												   : "both";
	if (!is_one_of(learn->direction, "above", "below", "both"))
		rule_refuse(psprintf("unknown direction \"%s\" of learn", learn->direction), "The direction is above, below or both.");
	if ((has_above && strcmp(learn->direction, "below") == 0) || (has_below && strcmp(learn->direction, "above") == 0))
		rule_refuse("the direction of learn is not that of the bound", NULL);

	if ((learn->since == NULL) != (learn->until == NULL))
		rule_refuse("learn takes both of since and until, or none", NULL);
	if (learn->since != NULL && !isnan(learn->windows))
		rule_refuse("learn takes either windows or since and until", NULL);
	if (learn->since != NULL)
		check_range(learn);
	else if (isnan(learn->windows))
		learn->windows = 30;
	if (isnan(learn->min_windows))
		learn->min_windows = isnan(learn->windows) ? 5 : Min(5, learn->windows);
	if (learn->min_windows > learn->windows)
		rule_refuse("\"min_windows\" of learn must not be more than \"windows\"", NULL);
}

static void
push_text(JsonbInState *state, const char *name, const char *text)
{
	JsonbValue	key = {.type = jbvString, .val.string = {.len = strlen(name), .val = (char *) name}};
	JsonbValue	value;

	if (text == NULL)
		return;
	value = (JsonbValue){.type = jbvString, .val.string = {.len = strlen(text), .val = (char *) text}};
	pushJsonbValue(state, WJB_KEY, &key);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_number(JsonbInState *state, const char *name, double number)
{
	JsonbValue	key = {.type = jbvString, .val.string = {.len = strlen(name), .val = (char *) name}};
	JsonbValue	value = {.type = jbvNumeric};

	if (isnan(number))
		return;
	value.val.numeric = DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(number)));
	pushJsonbValue(state, WJB_KEY, &key);
	pushJsonbValue(state, WJB_VALUE, &value);
}

Jsonb *
rule_check_learn(Jsonb *argument, bool is_drift, bool has_above, bool has_below)
{
	LearnArgument learn = {.k = NAN,
						   .warning_k = NAN,
						   .clear_k = NAN,
						   .quantile = NAN,
						   .warning_quantile = NAN,
						   .clear_quantile = NAN,
						   .windows = NAN,
						   .min_windows = NAN};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	JsonbInState state = {0};

	if (!JB_ROOT_IS_OBJECT(argument))
		rule_refuse("learn must be a JSON object",
					"learn => '{}' learns from the mean and standard deviation of the last 30 windows.");
	iterator = JsonbIteratorInit(&argument->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		(void) JsonbIteratorNext(&iterator, &value, true);
		read_member(&learn, name, &value);
	}
	check_members(&learn, is_drift, has_above, has_below);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_text(&state, "method", learn.method);
	push_text(&state, "direction", learn.direction);
	push_text(&state, "since", learn.since);
	push_text(&state, "until", learn.until);
	push_number(&state, "k", learn.k);
	push_number(&state, "warning_k", learn.warning_k);
	push_number(&state, "clear_k", learn.clear_k);
	push_number(&state, "quantile", learn.quantile);
	push_number(&state, "warning_quantile", learn.warning_quantile);
	push_number(&state, "clear_quantile", learn.clear_quantile);
	push_number(&state, "windows", learn.windows);
	push_number(&state, "min_windows", learn.min_windows);
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(state.result);
}

/* A next value of the same normal distribution differs from the mean of n by stddev sqrt(1 + 1 / n), of which stddev is an
 * estimate. */
Datum
weir_next_value_p(PG_FUNCTION_ARGS)
{
	double		distance = PG_GETARG_FLOAT8(0) - PG_GETARG_FLOAT8(1);
	double		stddev = PG_GETARG_FLOAT8(2);
	double		n = (double) PG_GETARG_INT64(3);

	if (n < 2 || isnan(distance) || isnan(stddev))
		PG_RETURN_NULL();
	if (stddev <= 0)
		PG_RETURN_FLOAT8(distance == 0 ? 1 : 0);
	PG_RETURN_FLOAT8(student_two_sided(distance / (stddev * sqrt(1 + 1 / n)), n - 1));
}
