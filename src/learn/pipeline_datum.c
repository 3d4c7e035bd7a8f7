/*
 * pipeline_datum.c
 *		The steps of a pipeline from jsonb and back.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/options_datum.h"
#include "learn/learner_datum.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#define PIPELINE_KEY "pipeline"
#define FEATURES_KEY "features"
#define VALUES_KEY "values"
#define MAX_VALUES_KEY "max_values"

pg_noreturn static void
refuse_step(int number, const char *what)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("step %d of the pipeline is not valid", number + 1),
		 errdetail("%s", what),
		 errhint(
			 "A step is an object such as {\"step\": \"impute\", \"feature\": \"income\", \"with\": \"mean\"}; others are target_encode, scale, "
			 "window and one_hot.")));
}

static Jsonb *
without(Jsonb *object, const char *key)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(object), CStringGetTextDatum(key)));
}

static Jsonb *
with_number(Jsonb *object, const char *key, int number)
{
	char	   *text = psprintf("{\"%s\": %d}", key, number);

	return DatumGetJsonbP(
		DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(object), DirectFunctionCall1(jsonb_in, CStringGetDatum(text))));
}

/* Text under a key, which the object then has no longer; an empty one where it has none. */
static const char *
take_text(Jsonb **object, const char *key, int number)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&(*object)->root, key, (int) strlen(key), NULL);

	if (value == NULL)
		return "";
	if (value->type != jbvString || value->val.string.len > LEARNER_MAX_NAME)
		refuse_step(number, psprintf("\"%s\" must be a name of at most %d bytes.", key, LEARNER_MAX_NAME));
	*object = without(*object, key);
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* An array of names under a key, which the object then has no longer; NULL where it has none. */
static JsonbContainer *
take_names(Jsonb **object, const char *key, int number)
{
	JsonbValue *value = getKeyJsonValueFromContainer(&(*object)->root, key, (int) strlen(key), NULL);
	JsonbContainer *array;

	if (value == NULL || value->type == jbvNull)
		array = NULL;
	else if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
			 JsonContainerSize(value->val.binary.data) == 0)
		refuse_step(number, psprintf("\"%s\" must be an array of names, and have one.", key));
	else
		array = value->val.binary.data;
	if (value != NULL)
		*object = without(*object, key);
	return array;
}

static JsonbValue *
name_in(JsonbContainer *array, int i, const char *key, int number)
{
	JsonbValue *name = getIthJsonbValueFromContainer(array, (uint32) i);

	if (name->type != jbvString || name->val.string.len > LEARNER_MAX_NAME)
		refuse_step(number, psprintf("\"%s\" must be names of at most %d bytes.", key, LEARNER_MAX_NAME));
	return name;
}

static void
add_values(Learner *learner, JsonbContainer *values, int number)
{
	for (int i = 0; i < (int) JsonContainerSize(values); i++)
	{
		JsonbValue *value = name_in(values, i, VALUES_KEY, number);

		if (!learner_add_step_value(learner, value->val.string.val, (size_t) value->val.string.len))
			refuse_step(number, psprintf("\"%s\" must be different, and at most %d.", VALUES_KEY, LEARNER_MAX_CATEGORIES));
	}
}

static void
add_step(Learner *learner, Jsonb *object, int number)
{
	const char *kind_name = take_text(&object, "step", number);
	const char *names[STEP_N_NAMES];
	double		given[STEP_MAX_OPTIONS];
	int			n;
	const Option *options;
	JsonbContainer *features;
	JsonbContainer *values = NULL;
	int			kind = 0;

	while (step_kinds[kind] != NULL && strcmp(step_kinds[kind], kind_name) != 0)
		kind++;
	if (step_kinds[kind] == NULL)
		refuse_step(number, psprintf("There is no step \"%s\".", kind_name));
	for (int i = 0; i < STEP_N_NAMES; i++)
		names[i] = take_text(&object, step_names[i], number);
	features = take_names(&object, FEATURES_KEY, number);
	if (features != NULL && (names[STEP_FEATURE][0] != '\0' || kind == STEP_WINDOW))
		refuse_step(number,
					"\"features\" stands for a step of each: it is for other steps than windows, and instead of \"feature\".");
	if (kind == STEP_ONE_HOT)
		values = take_names(&object, VALUES_KEY, number);
	options = step_options(kind, &n);
	if (values != NULL && getKeyJsonValueFromContainer(&object->root, MAX_VALUES_KEY, (int) strlen(MAX_VALUES_KEY), NULL) == NULL)
		object = with_number(object, MAX_VALUES_KEY, (int) JsonContainerSize(values));
	options_from_jsonb("step", kind_name, options, n, object, given);
	for (int i = 0; i < (features == NULL ? 1 : (int) JsonContainerSize(features)); i++)
	{
		if (features != NULL)
		{
			JsonbValue *feature = name_in(features, i, FEATURES_KEY, number);

			names[STEP_FEATURE] = pnstrdup(feature->val.string.val, feature->val.string.len);
		}
		if (learner_pipeline(learner)->n_steps == PIPELINE_MAX_STEPS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a pipeline can have at most %d steps", PIPELINE_MAX_STEPS)));
		learner_add_step(learner, kind, names, given);
		if (values != NULL)
			add_values(learner, values, number);
	}
}

JsonbValue *
pipeline_value(Jsonb *options)
{
	return JB_ROOT_IS_OBJECT(options) ? getKeyJsonValueFromContainer(&options->root, PIPELINE_KEY, (int) strlen(PIPELINE_KEY), NULL)
									  : NULL;
}

Jsonb *
without_pipeline(Jsonb *options)
{
	return without(options, PIPELINE_KEY);
}

void
pipeline_from_jsonb(Learner *learner, const JsonbValue *value)
{
	int			n;

	if (value->type == jbvNull)
		return;
	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" must be an array of steps", PIPELINE_KEY)));
	n = JsonContainerSize(value->val.binary.data);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *step = getIthJsonbValueFromContainer(value->val.binary.data, (uint32) i);

		if (step->type != jbvBinary || !JsonContainerIsObject(step->val.binary.data))
			refuse_step(i, "It is no object.");
		add_step(learner, JsonbValueToJsonb(step), i);
	}
}

/* ---- to jsonb ---- */

static void
append_step(StringInfo text, const PipelineStep *step)
{
	int			n;
	const Option *options = step_options(step->kind, &n);
	char	   *values = JsonbToCString(NULL, &options_to_jsonb(options, n, step->options)->root, 0);

	appendStringInfo(text, "{\"step\": \"%s\"", step_kinds[step->kind]);
	for (int i = 0; i < STEP_N_NAMES; i++)
		if (step->names[i][0] != '\0')
		{
			appendStringInfo(text, ", \"%s\": ", step_names[i]);
			escape_json(text, step->names[i]);
		}
	for (int i = 0; i < step->values.n; i++)
	{
		appendStringInfo(text, i == 0 ? ", \"%s\": [" : ", ", VALUES_KEY);
		escape_json(text, pnstrdup(step->values.names[i].bytes, step->values.names[i].length));
		appendStringInfoString(text, i + 1 == step->values.n ? "]" : "");
	}
	/* The object of the options goes on. */
	appendStringInfo(text, ", %s", values + 1);
}

Jsonb *
learner_all_options(const Learner *learner)
{
	Jsonb	   *options = learner_options_jsonb(learner_kind(learner), learner_options(learner));
	const Pipeline *pipeline = learner_pipeline(learner);
	StringInfoData text;

	if (pipeline->n_steps == 0)
		return options;
	initStringInfo(&text);
	appendStringInfo(&text, "{\"%s\": [", PIPELINE_KEY);
	for (int i = 0; i < pipeline->n_steps; i++)
	{
		appendStringInfoString(&text, i == 0 ? "" : ", ");
		append_step(&text, &pipeline->steps[i]);
	}
	appendStringInfoString(&text, "]}");
	return DatumGetJsonbP(
		DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(options), DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data))));
}
