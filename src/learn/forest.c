/*
 * forest.c
 *		Many trees that vote: online bagging (Oza and Russell 2001), bagging with ADWIN (Bifet et al. 2009), leveraging bagging
 *(Bifet, Holmes and Pfahringer 2010), the adaptive random forest (Gomes et al. 2017), streaming random patches (Gomes, Read and
 *Bifet 2019).
 *
 * A tree sees each row with a weight drawn from a Poisson distribution. Bagging with ADWIN replaces the worst tree when one has
 *become worse. In forests and patches each tree has detectors of its own: at a warning another tree grows in the background, at a
 *drift it takes the place; and trees vote by how often they were right. Of regression a forest says the mean of its trees.
 */
#include "learn/forest.h"

#define MAX_MODELS 200
#define BAGGING_OPTIONS COUNT_OPTION("n_models", 10, 1, MAX_MODELS), COUNT_OPTION("seed", 1, 0, 1e15)
#define DELTA_OPTION(name, initial) NUMBER_OPTION(name, initial, ABOVE_ZERO, BELOW_ONE)

static const Option bagging_options[] = {TREE_OPTIONS(200, 1e-7), BAGGING_OPTIONS};
static const Option leveraging_options[] = {TREE_OPTIONS(50, 0.01), BAGGING_OPTIONS, NUMBER_OPTION("lambda", 6, ABOVE_ZERO, 50),
											DELTA_OPTION("drift_delta", 0.002)};
static const Option forest_options[] = {TREE_OPTIONS(50, 0.01),
										BAGGING_OPTIONS,
										NUMBER_OPTION("lambda", 6, ABOVE_ZERO, 50),
										DELTA_OPTION("drift_delta", 0.001),
										DELTA_OPTION("warning_delta", 0.01),
										COUNT_OPTION("max_features", NAN, 1, LEARNER_MAX_FEATURES)};
static const Option target_bagging_options[] = {TARGET_TREE_OPTIONS(200, 1e-7, 0.03), BAGGING_OPTIONS, INTERVAL_OPTIONS};
static const Option target_leveraging_options[] = {TARGET_TREE_OPTIONS(50, 0.01, 0.1), BAGGING_OPTIONS,
												   NUMBER_OPTION("lambda", 6, ABOVE_ZERO, 50), DELTA_OPTION("drift_delta", 0.002),
												   INTERVAL_OPTIONS};
static const Option target_patches_options[] = {TARGET_TREE_OPTIONS(50, 0.01, 0.1),
												BAGGING_OPTIONS,
												NUMBER_OPTION("lambda", 6, ABOVE_ZERO, 50),
												DELTA_OPTION("drift_delta", 1e-5),
												DELTA_OPTION("warning_delta", 1e-4),
												NUMBER_OPTION("feature_share", 0.6, ABOVE_ZERO, 1),
												INTERVAL_OPTIONS};
static const Option target_forest_options[] = {TARGET_TREE_OPTIONS(50, 0.01, 0.1),
											   BAGGING_OPTIONS,
											   NUMBER_OPTION("lambda", 6, ABOVE_ZERO, 50),
											   DELTA_OPTION("drift_delta", 0.001),
											   DELTA_OPTION("warning_delta", 0.01),
											   COUNT_OPTION("max_features", NAN, 1, LEARNER_MAX_FEATURES),
											   INTERVAL_OPTIONS};
static const Option patches_options[] = {TREE_OPTIONS(50, 0.01),
										 BAGGING_OPTIONS,
										 NUMBER_OPTION("lambda", 6, ABOVE_ZERO, 50),
										 DELTA_OPTION("drift_delta", 1e-5),
										 DELTA_OPTION("warning_delta", 1e-4),
										 NUMBER_OPTION("feature_share", 0.6, ABOVE_ZERO, 1)};

static void
forest_start(Learner *learner)
{
	Forest	   *forest = learner->state;

	forest->settings = tree_settings(learner);
	if (forest_draws_features(learner))
		forest->settings.n_observed = isnan(forest_option(learner, FEATURES)) ? (int) fmax(1, round(sqrt(learner->features.n)))
																			  : (int) forest_option(learner, FEATURES);
	forest->n_members = (int) forest_option(learner, N_MODELS);
	forest->members = learner_room(learner, (size_t) forest->n_members * sizeof(Member));
	for (int i = 0; i < forest->n_members; i++)
		member_start(learner, &forest->members[i], &forest->settings);
}

static void
forest_finish(Learner *learner)
{
	Forest	   *forest = learner->state;

	for (int i = 0; i < forest->n_members; i++)
		member_finish(learner, &forest->members[i]);
	learner->allocator.resize(learner->allocator.context, forest->members, (size_t) forest->n_members * sizeof(Member), 0);
}

/* ---- learning ---- */

static void
forest_learn(Learner *learner, const double *row, double target, double weight)
{
	Forest	   *forest = learner->state;
	Member	   *worst = NULL;
	bool		changed = false;

	for (int i = 0; i < forest->n_members; i++)
		changed |= member_learn(learner, forest, &forest->members[i], row, target, weight);
	if (!changed)
		return;
	for (int i = 0; i < forest->n_members; i++)
		if (worst == NULL || detector_window_mean(forest->members[i].drift) > detector_window_mean(worst->drift))
			worst = &forest->members[i];
	member_renew(learner, worst);
}

/* ---- asking ---- */

static double
vote_weight(const Learner *learner, const Member *member)
{
	return forest_replaces_itself(learner) && !forest_is_regression(learner) && member->n_correct > 0
		? member->n_correct / member->n
		: 1;
}

/* The votes of a tree, weighted; 0 for one that knows nothing. Of regression its number. */
static double
add_votes(const Learner *learner, const Member *member, const double *row, double *votes)
{
	double		says[LEARNER_MAX_CLASSES];
	double		weight = vote_weight(learner, member);
	double		sum = 0;

	tree_predict(learner, &member->tree, row, says);
	if (forest_is_regression(learner))
	{
		votes[0] += isnan(says[0]) ? 0 : says[0];
		return isnan(says[0]) ? 0 : 1;
	}
	for (int i = 0; i < learner->classes.n; i++)
	{
		sum += says[i];
		votes[i] += weight * says[i];
	}
	return sum > 0 ? weight : 0;
}

static void
forest_predict(const Learner *learner, const double *row, double *probabilities)
{
	const Forest *forest = learner->state;
	double		n = 0;

	if (forest_is_regression(learner))
	{
		probabilities[0] = 0;
		for (int i = 0; i < forest->n_members; i++)
			n += add_votes(learner, &forest->members[i], row, probabilities);
		probabilities[0] = n > 0 ? probabilities[0] / n : NAN;
		return;
	}
	memset(probabilities, 0, (size_t) learner->classes.n * sizeof(double));
	for (int i = 0; i < forest->n_members; i++)
		add_votes(learner, &forest->members[i], row, probabilities);
	probabilities_of_votes(probabilities, learner->classes.n);
}

static void
forest_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	const Forest *forest = learner->state;
	double		weights[MAX_MODELS];
	double		votes[LEARNER_MAX_CLASSES] = {0};
	double		sum = 0;

	for (int i = 0; i < forest->n_members; i++)
		sum += weights[i] = add_votes(learner, &forest->members[i], row, votes);
	if (sum == 0 && !forest_is_regression(learner))
		*bias = 1.0 / learner->classes.n;
	for (int i = 0; i < forest->n_members; i++)
		if (weights[i] > 0)
			tree_contribute(learner, &forest->members[i].tree, row, class, weights[i] / sum, bias, contributions);
}

static Tree *
forest_tree(Learner *learner, int number)
{
	Forest	   *forest = learner->state;
	Member	   *member = &forest->members[number / 2];

	if (number / 2 >= forest->n_members)
		return NULL;
	return number % 2 == 0 ? &member->tree : &member->background;
}

static void
forest_visit(const Learner *learner, LearnerNodeVisitor visit, void *context)
{
	const Forest *forest = learner->state;

	for (int i = 0; i < forest->n_members; i++)
		tree_visit(learner, &forest->members[i].tree, i, vote_weight(learner, &forest->members[i]), visit, context);
}

/* ---- the stored form ---- */

static void
forest_archive(Learner *learner, Archive *archive)
{
	Forest	   *forest = learner->state;

	if (forest_replaces_worst(learner) && forest_is_regression(learner))
	{
		archive_double(archive, &forest->n_errors);
		archive_double(archive, &forest->squared_errors);
	}
	for (int i = 0; i < forest->n_members && !archive_is_corrupt(archive); i++)
		archive_member(learner, archive, &forest->members[i]);
}

#define FOREST_METHOD(the_name, the_reference, the_task, the_options) \
	{ \
		.name = the_name, .reference = the_reference, .task = the_task, .options = the_options, \
		.n_options = N_OPTIONS(the_options), .state_size = sizeof(Forest), .start = forest_start, .finish = forest_finish, \
		.learn = forest_learn, .predict = forest_predict, .contribute = forest_contribute, .tree = forest_tree, \
		.visit_trees = forest_visit, .archive = forest_archive \
	}

const LearnerMethod online_bagging_method =
	FOREST_METHOD("online_bagging", "Oza and Russell 2001", LEARNER_CLASSES, bagging_options);
const LearnerMethod adwin_bagging_method = FOREST_METHOD("adwin_bagging", "Bifet et al. 2009", LEARNER_CLASSES, bagging_options);
const LearnerMethod leveraging_bagging_method =
	FOREST_METHOD("leveraging_bagging", "Bifet, Holmes and Pfahringer 2010", LEARNER_CLASSES, leveraging_options);
const LearnerMethod adaptive_random_forest_method =
	FOREST_METHOD("adaptive_random_forest", "Gomes et al. 2017", LEARNER_CLASSES, forest_options);
const LearnerMethod streaming_random_patches_method =
	FOREST_METHOD("streaming_random_patches", "Gomes, Read and Bifet 2019", LEARNER_CLASSES, patches_options);
const LearnerMethod adaptive_random_forest_regression_method =
	FOREST_METHOD("adaptive_random_forest_regression", "Gomes et al. 2018", LEARNER_REGRESSION, target_forest_options);
const LearnerMethod online_bagging_regression_method =
	FOREST_METHOD("online_bagging_regression", "Oza and Russell 2001", LEARNER_REGRESSION, target_bagging_options);
const LearnerMethod adwin_bagging_regression_method =
	FOREST_METHOD("adwin_bagging_regression", "Bifet et al. 2009", LEARNER_REGRESSION, target_bagging_options);
const LearnerMethod leveraging_bagging_regression_method =
	FOREST_METHOD("leveraging_bagging_regression", "Bifet, Holmes and Pfahringer 2010", LEARNER_REGRESSION,
				  target_leveraging_options);
const LearnerMethod streaming_random_patches_regression_method =
	FOREST_METHOD("streaming_random_patches_regression", "Gomes et al. 2021", LEARNER_REGRESSION, target_patches_options);
