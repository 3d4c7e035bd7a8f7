/*
 * learner_rename.c
 *		Categories and classes of a model that have other names than when they were learned.
 */
#include "learn/learner_method.h"

/* A step whose values were given names features by them, and its options say so for ever. */
static bool
has_given_values(const Learner *learner, int feature)
{
	for (int i = 0; i < learner->pipeline.n_steps; i++)
		if (learner->pipeline.steps[i].values.n > 0 && learner->pipeline.steps[i].places[STEP_FEATURE] == feature)
			return true;
	return false;
}

static void
rename_in(Learner *learner, Names *names, PresentLabel present, void *context)
{
	if (learner_make_room(learner, names_rename_growth(names, present, context)))
		names_rename(learner->allocator, names, present, context);
}

void
learner_rename_categories(Learner *learner, int feature, PresentLabel present, void *context)
{
	if (feature < learner_n_inputs(learner) && learner_feature_is_categorical(learner, feature) &&
		!has_given_values(learner, feature))
		rename_in(learner, &learner->categories[feature], present, context);
}

void
learner_rename_classes(Learner *learner, PresentLabel present, void *context)
{
	rename_in(learner, &learner->classes, present, context);
}
