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
#include "learn/tree_options.h"

/* Beyond those of trees. */
enum
{
	N_MODELS,
	SEED,
	LAMBDA,						/* of all but online and ADWIN bagging, where it is 1 */
	DRIFT_DELTA,
	WARNING_DELTA,				/* of forests and patches */
	FEATURES,					/* forests: features that a leaf observes; patches: the share that a tree may use */
};

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
static const Option target_forest_options[] = {TARGET_TREE_OPTIONS(50, 0.01),
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

typedef struct Member
{
	Tree		tree;
	bool	   *allowed;		/* of patches: the features that the tree may use */
	Tree		background;		/* grown since a warning */
	bool	   *background_allowed;
	double		n;				/* rows since the tree took its place */
	double		n_correct;		/* of regression: the sum of squared errors */
	Detector   *drift;
	Detector   *warning;
} Member;

typedef struct Forest
{
	TreeSettings settings;
	int			n_members;
	Member	   *members;
} Forest;

static bool
is_regression(const Learner *learner)
{
	return learner->method->task == LEARNER_REGRESSION;
}

static double
forest_option(const Learner *learner, int number)
{
	return learner->options[number + (is_regression(learner) ? N_TARGET_TREE_OPTIONS : N_TREE_OPTIONS)];
}

static bool
replaces_worst(const Learner *learner)
{
	return learner->kind == LEARNER_ADWIN_BAGGING || learner->kind == LEARNER_LEVERAGING_BAGGING;
}

/* Each tree looks after itself, and votes with the weight of its accuracy. */
static bool
replaces_itself(const Learner *learner)
{
	return learner->kind == LEARNER_ADAPTIVE_RANDOM_FOREST || learner->kind == LEARNER_STREAMING_RANDOM_PATCHES ||
		is_regression(learner);
}

static Detector *
new_detector(Learner *learner, double delta)
{
	double		options[DETECTOR_MAX_OPTIONS];

	detector_initial_options(DETECTOR_ADWIN, options);
	options[0] = delta;
	return detector_create(learner->allocator, DETECTOR_ADWIN, options);
}

static void
renew_detector(Learner *learner, Detector **detector, double delta)
{
	if (*detector != NULL)
		detector_free(*detector);
	*detector = new_detector(learner, delta);
}

static double
drift_delta(const Learner *learner)
{
	return learner->kind == LEARNER_ADWIN_BAGGING ? 0.002 : forest_option(learner, DRIFT_DELTA);
}

/* The features that a tree of patches may use: a share of all, at least one, drawn at random. */
static bool *
draw_patch(Learner *learner)
{
	int			n = learner->features.n;
	int			wanted = (int) fmax(1, round(forest_option(learner, FEATURES) * n));
	bool	   *allowed = learner_room(learner, (size_t) n * sizeof(bool));

	for (int i = 0; i < n; i++)
		if (random_below(&learner->random, n - i) < wanted)
		{
			allowed[i] = true;
			wanted--;
		}
	return allowed;
}

static void
free_patch(Learner *learner, bool **allowed)
{
	if (*allowed != NULL)
		learner->allocator.resize(learner->allocator.context, *allowed, (size_t) learner->features.n * sizeof(bool), 0);
	*allowed = NULL;
}

static void
begin_tree(Learner *learner, Tree *tree, bool **allowed)
{
	tree_free(learner, tree);
	free_patch(learner, allowed);
	if (learner->kind == LEARNER_STREAMING_RANDOM_PATCHES)
		*allowed = draw_patch(learner);
	tree->allowed = *allowed;
}

static void
forest_start(Learner *learner)
{
	Forest	   *forest = learner->state;

	forest->settings = tree_settings(learner);
	if (learner->kind == LEARNER_ADAPTIVE_RANDOM_FOREST || is_regression(learner))
		forest->settings.n_observed = isnan(forest_option(learner, FEATURES)) ? (int) fmax(1, round(sqrt(learner->features.n)))
																			  : (int) forest_option(learner, FEATURES);
	forest->n_members = (int) forest_option(learner, N_MODELS);
	forest->members = learner_room(learner, (size_t) forest->n_members * sizeof(Member));
	for (int i = 0; i < forest->n_members; i++)
	{
		Member	   *member = &forest->members[i];

		member->tree.settings = member->background.settings = &forest->settings;
		begin_tree(learner, &member->tree, &member->allowed);
		if (replaces_worst(learner) || replaces_itself(learner))
			member->drift = new_detector(learner, drift_delta(learner));
		if (replaces_itself(learner))
			member->warning = new_detector(learner, forest_option(learner, WARNING_DELTA));
	}
}

static void
forest_finish(Learner *learner)
{
	Forest	   *forest = learner->state;

	for (int i = 0; i < forest->n_members; i++)
	{
		Member	   *member = &forest->members[i];

		tree_free(learner, &member->tree);
		tree_free(learner, &member->background);
		free_patch(learner, &member->allowed);
		free_patch(learner, &member->background_allowed);
		if (member->drift != NULL)
			detector_free(member->drift);
		if (member->warning != NULL)
			detector_free(member->warning);
	}
	learner->allocator.resize(learner->allocator.context, forest->members, (size_t) forest->n_members * sizeof(Member), 0);
}

/* ---- learning ---- */

/* How far a tree is off: 1 for the wrong class, else 0; of regression the distance. */
static double
tree_error(const Learner *learner, const Tree *tree, const double *row, double target)
{
	double		votes[LEARNER_MAX_CLASSES];

	tree_predict(learner, tree, row, votes);
	if (is_regression(learner))
		return isnan(votes[0]) ? 0 : fabs(votes[0] - target);
	return most_votes(votes, learner->classes.n) != (int) target;
}

/*
 * Of regression the error as a share of three times the root mean square so far, at most 1, since ADWIN wants bounded numbers; and
 * the mean square follows.
 */
static double
bounded_error(Member *member, double error)
{
	double		largest = member->n > 0 ? 3 * sqrt(member->n_correct / member->n) : 0;

	member->n_correct = fmin(member->n_correct + error * error, 1e300);
	return largest > 0 ? fmin(1, error / largest) : 0.5;
}

static bool
has_changed(Detector *detector, double error)
{
	DetectorSignal signal;
	bool		observed;

	detector_advance(detector, error, &signal, &observed);
	return signal == DETECTOR_DRIFT;
}

/* The background tree takes the place, or a new one where none has grown. */
static void
replace_tree(Learner *learner, Member *member)
{
	if (member->background.root != NULL)
	{
		Tree		grown = member->background;
		bool	   *allowed = member->background_allowed;

		tree_free(learner, &member->tree);
		free_patch(learner, &member->allowed);
		member->tree = grown;
		member->allowed = allowed;
		member->background = (Tree){.settings = grown.settings};
		member->background_allowed = NULL;
		renew_detector(learner, &member->warning, forest_option(learner, WARNING_DELTA));
	}
	else
		begin_tree(learner, &member->tree, &member->allowed);
	renew_detector(learner, &member->drift, forest_option(learner, DRIFT_DELTA));
	member->n = member->n_correct = 0;
}

static void
learn_and_replace_itself(Learner *learner, Member *member, const double *row, double target, double weight)
{
	double		error = tree_error(learner, &member->tree, row, target);
	int			k = random_poisson(&learner->random, forest_option(learner, LAMBDA));

	if (is_regression(learner))
		error = bounded_error(member, error);
	else
		member->n_correct += error == 0;
	member->n += 1;
	if (k == 0)
		return;
	if (member->background.root != NULL)
		tree_learn(learner, &member->background, row, target, weight * k);
	tree_learn(learner, &member->tree, row, target, weight * k);
	if (has_changed(member->warning, error) && !learner_is_full(learner))
	{
		begin_tree(learner, &member->background, &member->background_allowed);
		/* A tree without rows yet: its first leaf stands for it. */
		member->background.root = node_create(learner, &member->background, 0, NULL, 0);
		leaf_model_create(learner, member->background.settings, member->background.root, NULL);
		renew_detector(learner, &member->warning, forest_option(learner, WARNING_DELTA));
	}
	if (has_changed(member->drift, error))
		replace_tree(learner, member);
}

/* Whether the tree has become worse. */
static bool
learn_and_watch(Learner *learner, Member *member, const double *row, double target, double weight)
{
	double		mean = learner->kind == LEARNER_LEVERAGING_BAGGING ? forest_option(learner, LAMBDA) : 1;
	int			k = random_poisson(&learner->random, mean);
	double		before;

	if (k > 0)
		tree_learn(learner, &member->tree, row, target, weight * k);
	if (member->drift == NULL)
		return false;
	before = detector_window_mean(member->drift);
	return has_changed(member->drift, tree_error(learner, &member->tree, row, target)) &&
		detector_window_mean(member->drift) > before;
}

static void
forest_learn(Learner *learner, const double *row, double target, double weight)
{
	Forest	   *forest = learner->state;
	Member	   *worst = NULL;
	bool		changed = false;

	for (int i = 0; i < forest->n_members; i++)
		if (replaces_itself(learner))
			learn_and_replace_itself(learner, &forest->members[i], row, target, weight);
		else
			changed |= learn_and_watch(learner, &forest->members[i], row, target, weight);
	if (!changed)
		return;
	for (int i = 0; i < forest->n_members; i++)
		if (worst == NULL || detector_window_mean(forest->members[i].drift) > detector_window_mean(worst->drift))
			worst = &forest->members[i];
	begin_tree(learner, &worst->tree, &worst->allowed);
	renew_detector(learner, &worst->drift, drift_delta(learner));
}

/* ---- asking ---- */

static double
vote_weight(const Learner *learner, const Member *member)
{
	return replaces_itself(learner) && !is_regression(learner) && member->n_correct > 0 ? member->n_correct / member->n : 1;
}

/* The votes of a tree, weighted; 0 for one that knows nothing. Of regression its number. */
static double
add_votes(const Learner *learner, const Member *member, const double *row, double *votes)
{
	double		says[LEARNER_MAX_CLASSES];
	double		weight = vote_weight(learner, member);
	double		sum = 0;

	tree_predict(learner, &member->tree, row, says);
	if (is_regression(learner))
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

	if (is_regression(learner))
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
	if (sum == 0 && !is_regression(learner))
		*bias = 1.0 / learner->classes.n;
	for (int i = 0; i < forest->n_members; i++)
		if (weights[i] > 0)
			tree_contribute(learner, &forest->members[i].tree, row, class, weights[i] / sum, bias, contributions);
}

/* ---- the stored form ---- */

static void
archive_patch(Learner *learner, Archive *archive, bool **allowed)
{
	int			n = 0;

	if (archive_reads(archive))
	{
		free_patch(learner, allowed);
		*allowed = archive_room(archive, learner->features.n, sizeof(bool));
		if (*allowed == NULL)
			return;
	}
	for (int i = 0; i < learner->features.n; i++)
	{
		archive_boolean(archive, &(*allowed)[i]);
		n += (*allowed)[i];
	}
	if (archive_reads(archive) && n == 0)
		archive_refuse(archive);
}

static void
archive_member(Learner *learner, Archive *archive, Member *member)
{
	bool		has_background = member->background.root != NULL;

	if (learner->kind == LEARNER_STREAMING_RANDOM_PATCHES)
		archive_patch(learner, archive, &member->allowed);
	member->tree.allowed = member->allowed;
	archive_tree(learner, archive, &member->tree);
	archive_double(archive, &member->n);
	archive_double(archive, &member->n_correct);
	if (member->drift != NULL)
		archive_detector(archive, &member->drift);
	if (member->warning != NULL)
		archive_detector(archive, &member->warning);
	archive_boolean(archive, &has_background);
	if (!has_background)
		return;
	if (learner->kind == LEARNER_STREAMING_RANDOM_PATCHES)
		archive_patch(learner, archive, &member->background_allowed);
	member->background.allowed = member->background_allowed;
	archive_tree(learner, archive, &member->background);
	if (archive_reads(archive) && (member->background.root == NULL || !replaces_itself(learner)))
		archive_refuse(archive);
}

static void
forest_archive(Learner *learner, Archive *archive)
{
	Forest	   *forest = learner->state;

	for (int i = 0; i < forest->n_members && !archive_is_corrupt(archive); i++)
		archive_member(learner, archive, &forest->members[i]);
}

#define FOREST_METHOD(the_name, the_reference, the_task, the_options) \
	{ \
		.name = the_name, .reference = the_reference, .task = the_task, .options = the_options, \
		.n_options = N_OPTIONS(the_options), .state_size = sizeof(Forest), .start = forest_start, .finish = forest_finish, \
		.learn = forest_learn, .predict = forest_predict, .contribute = forest_contribute, .archive = forest_archive \
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
