/*
 * forest_member.c
 *		One tree of a forest: the weights that it gives to rows, the features that it may use, and how it is watched and replaced.
 */
#include "learn/forest.h"

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
	return forest_replaces_itself(learner) || forest_leverages(learner) ? forest_option(learner, DRIFT_DELTA) : 0.002;
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
	if (forest_draws_patches(learner))
		*allowed = draw_patch(learner);
	tree->allowed = *allowed;
}

void
member_start(Learner *learner, Member *member, const TreeSettings *settings)
{
	member->tree.settings = member->background.settings = settings;
	begin_tree(learner, &member->tree, &member->allowed);
	if (forest_replaces_worst(learner) || forest_replaces_itself(learner))
		member->drift = new_detector(learner, drift_delta(learner));
	if (forest_replaces_itself(learner))
		member->warning = new_detector(learner, forest_option(learner, WARNING_DELTA));
}

void
member_finish(Learner *learner, Member *member)
{
	tree_free(learner, &member->tree);
	tree_free(learner, &member->background);
	free_patch(learner, &member->allowed);
	free_patch(learner, &member->background_allowed);
	if (member->drift != NULL)
		detector_free(member->drift);
	if (member->warning != NULL)
		detector_free(member->warning);
}

void
member_renew(Learner *learner, Member *member)
{
	begin_tree(learner, &member->tree, &member->allowed);
	renew_detector(learner, &member->drift, drift_delta(learner));
}

/* ---- learning ---- */

/* How far a tree is off: 1 for the wrong class, else 0; of regression the distance. */
static double
tree_error(const Learner *learner, const Tree *tree, const double *row, double target)
{
	double		votes[LEARNER_MAX_CLASSES];

	tree_predict(learner, tree, row, votes);
	if (forest_is_regression(learner))
		return isnan(votes[0]) ? 0 : fabs(votes[0] - target);
	return most_votes(votes, learner->classes.n) != (int) target;
}

/*
 * Of regression the error as a share of three times the root mean square of the n before, at most 1, since ADWIN wants bounded
 * numbers; and the sum of squares follows.
 */
static double
bounded_error(double error, double n, double *squares)
{
	double		largest = n > 0 ? 3 * sqrt(*squares / n) : 0;

	*squares = fmin(*squares + error * error, 1e300);
	return largest > 0 ? fmin(1, error / largest) : 0.5;
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

	if (forest_is_regression(learner))
		error = bounded_error(error, member->n, &member->n_correct);
	else
		member->n_correct += error == 0;
	member->n += 1;
	if (k == 0)
		return;
	if (member->background.root != NULL)
		tree_learn(learner, &member->background, row, target, weight * k);
	tree_learn(learner, &member->tree, row, target, weight * k);
	if (errors_have_changed(learner, member->warning, error) &&
		learner_has_room(learner, node_size(learner, &member->tree, 0, NULL) + (size_t) learner->features.n * sizeof(bool)))
	{
		begin_tree(learner, &member->background, &member->background_allowed);
		/* A tree without rows yet: its first leaf stands for it. */
		member->background.root = node_create(learner, &member->background, 0, NULL, 0);
		leaf_model_create(learner, member->background.settings, member->background.root, NULL);
		renew_detector(learner, &member->warning, forest_option(learner, WARNING_DELTA));
	}
	if (errors_have_changed(learner, member->drift, error))
		replace_tree(learner, member);
}

/* Whether the tree has become worse. */
static bool
learn_and_watch(Learner *learner, Forest *forest, Member *member, const double *row, double target, double weight)
{
	int			k = random_poisson(&learner->random, forest_leverages(learner) ? forest_option(learner, LAMBDA) : 1);
	double		before;
	double		error;

	if (k > 0)
		tree_learn(learner, &member->tree, row, target, weight * k);
	if (member->drift == NULL)
		return false;
	error = tree_error(learner, &member->tree, row, target);
	if (forest_is_regression(learner))
	{
		error = bounded_error(error, forest->n_errors, &forest->squared_errors);
		forest->n_errors += 1;
	}
	before = detector_window_mean(member->drift);
	return errors_have_changed(learner, member->drift, error) && detector_window_mean(member->drift) > before;
}

bool
member_learn(Learner *learner, Forest *forest, Member *member, const double *row, double target, double weight)
{
	if (!forest_replaces_itself(learner))
		return learn_and_watch(learner, forest, member, row, target, weight);
	learn_and_replace_itself(learner, member, row, target, weight);
	return false;
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

void
archive_member(Learner *learner, Archive *archive, Member *member)
{
	bool		has_background = member->background.root != NULL;

	if (forest_draws_patches(learner))
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
	if (forest_draws_patches(learner))
		archive_patch(learner, archive, &member->background_allowed);
	member->background.allowed = member->background_allowed;
	archive_tree(learner, archive, &member->background);
	if (archive_reads(archive) && (member->background.root == NULL || !forest_replaces_itself(learner)))
		archive_refuse(archive);
}
