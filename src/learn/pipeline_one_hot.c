/*
 * pipeline_one_hot.c
 *		A category as a feature of 0 and 1 per value: of values that are given, or of those met first.
 *
 * Nothing is learned here: the code of a category is its place among those met, or given, and so its feature. What is not among
 *them is 1 in the place of the category itself.
 */
#include "learn/pipeline_one_hot.h"

#include <math.h>
#include <stdio.h>

enum
{
	MAX_VALUES,
	MISSING
};

enum
{
	MISSING_IS_ZERO,			/* in all features */
	MISSING_STAYS,				/* missing in all features */
	MISSING_IS_ADDED			/* a feature of its own */
};

static const char *const missing_as[] = {"zero", "missing", "feature", NULL};
static const Option options_list[] = {COUNT_OPTION("max_values", 20, 1, LEARNER_MAX_CATEGORIES),
									  CHOICE_OPTION("missing", missing_as, MISSING_IS_ZERO)};

const Option *
step_one_hot_options(int *n)
{
	*n = N_OPTIONS(options_list);
	return options_list;
}

int
step_one_hot_values(const PipelineStep *step)
{
	return (int) step->options[MAX_VALUES];
}

int
step_one_hot_width(const PipelineStep *step)
{
	return step_one_hot_values(step) + ((int) step->options[MISSING] == MISSING_IS_ADDED);
}

const char *
step_one_hot_bind(PipelineStep *step, const PipelineFeatures *features)
{
	int			feature = step->places[STEP_FEATURE];
	int			n = step_one_hot_width(step);

	if (step->values.n > 0 && step->values.n != step_one_hot_values(step))
		return "Its \"max_values\" is not how many values there are.";
	for (int i = 0; i < step->values.n; i++)
		if (!features->know(features->context, feature, i, step->values.names[i].bytes, step->values.names[i].length))
			return "Its values are not those that the feature has.";
	for (int i = 0; i < n; i++)
	{
		char		name[2 * LEARNER_MAX_NAME + 16];
		int			place;

		if (i == step_one_hot_values(step))
			snprintf(name, sizeof(name), "%s#missing", step->names[STEP_FEATURE]);
		else if (step->values.n > 0)
			snprintf(name, sizeof(name), "%s=%s", step->names[STEP_FEATURE], step->values.names[i].bytes);
		else
			snprintf(name, sizeof(name), "%s#%d", step->names[STEP_FEATURE], i + 1);
		place = features->add(features->context, name);
		if (place < 0)
			return "A feature for one of its values is there already, or there are too many.";
		if (i == 0)
			step->first = place;
	}
	return NULL;
}

void
step_one_hot_apply(const PipelineStep *step, double *row)
{
	double	   *value = &row[step->places[STEP_FEATURE]];
	double	   *features = &row[step->first];
	bool		is_missing = isnan(*value);
	double		none = is_missing && (int) step->options[MISSING] == MISSING_STAYS ? NAN : 0;
	int			n = step_one_hot_values(step);
	int			code = is_missing || *value >= n ? n : (int) *value;

	for (int i = 0; i < n; i++)
		features[i] = none;
	if ((int) step->options[MISSING] == MISSING_IS_ADDED)
		features[n] = is_missing;
	if (code < n)
		features[code] = 1;
	*value = is_missing ? none : code == n;
}
