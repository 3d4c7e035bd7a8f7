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

pg_noreturn static void
refuse_step(int number, const char *what)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("step %d of the pipeline is not valid", number + 1),
		 errdetail("%s", what),
		 errhint(
			 "A step is an object such as {\"step\": \"impute\", \"feature\": \"income\", \"with\": \"mean\"}; others are target_encode, scale and "
			 "window.")));
}

static Jsonb *
without(Jsonb *object, const char *key)
{
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(object), CStringGetTextDatum(key)));
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

static void
add_step(Learner *learner, Jsonb *object, int number)
{
	const char *kind_name = take_text(&object, "step", number);
	const char *names[STEP_N_NAMES];
	double		values[STEP_MAX_OPTIONS];
	int			n;
	const Option *options;
	int			kind = 0;

	while (step_kinds[kind] != NULL && strcmp(step_kinds[kind], kind_name) != 0)
		kind++;
	if (step_kinds[kind] == NULL)
		refuse_step(number, psprintf("There is no step \"%s\".", kind_name));
	for (int i = 0; i < STEP_N_NAMES; i++)
		names[i] = take_text(&object, step_names[i], number);
	options = step_options(kind, &n);
	options_from_jsonb("step", kind_name, options, n, object, values);
	learner_add_step(learner, kind, names, values);
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
	if (n > PIPELINE_MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a pipeline can have at most %d steps", PIPELINE_MAX_STEPS)));
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
