/*
 * hoeffding_tree.c
 *		Learners of one tree: the Hoeffding tree and the Hoeffding adaptive tree.
 */
#include "learn/tree_options.h"

const char *const tree_criteria[] = {"information_gain", "gini", NULL};
const char *const tree_leaf_predictions[] = {"majority", "naive_bayes", "adaptive", NULL};

enum
{
	ADAPTIVE_BOOTSTRAP = N_TREE_OPTIONS,
	ADAPTIVE_DRIFT_WINDOW,
	ADAPTIVE_SIGNIFICANCE,
	ADAPTIVE_SEED
};

static const Option plain_options[] = {TREE_OPTIONS(100, 1e-7)};
static const Option adaptive_options[] = {TREE_OPTIONS(200, 1e-7), BOOLEAN_OPTION("bootstrap", 1),
										  COUNT_OPTION("drift_window", 300, 1, 1e9),
										  NUMBER_OPTION("switch_significance", 0.05, ABOVE_ZERO, BELOW_ONE),
										  COUNT_OPTION("seed", 1, 0, 1e15)};

typedef struct SingleTree
{
	TreeSettings settings;
	Tree		tree;
} SingleTree;

TreeSettings
tree_settings(const double *options)
{
	return (TreeSettings){
		.grace_period = options[GRACE_PERIOD],
		.delta = options[DELTA],
		.tie_threshold = options[TIE_THRESHOLD],
		.max_depth = (int) options[MAX_DEPTH],
		.criterion = (SplitCriterion) options[CRITERION],
		.leaf_prediction = (LeafPrediction) options[LEAF_PREDICTION],
		.bayes_threshold = options[BAYES_THRESHOLD],
		.is_binary = options[BINARY_SPLIT] != 0,
		.min_branch_share = 0.01,
		.max_class_share = 0.99,
	};
}

static void
single_start(Learner *learner)
{
	SingleTree *single = learner->state;

	single->settings = tree_settings(learner->options);
	if (learner->kind == LEARNER_HOEFFDING_ADAPTIVE_TREE)
	{
		single->settings.is_adaptive = true;
		single->settings.is_bootstrapped = learner->options[ADAPTIVE_BOOTSTRAP] != 0;
		single->settings.drift_window = learner->options[ADAPTIVE_DRIFT_WINDOW];
		single->settings.switch_significance = learner->options[ADAPTIVE_SIGNIFICANCE];
	}
	single->tree.settings = &single->settings;
}

static void
single_finish(Learner *learner)
{
	tree_free(learner, &((SingleTree *) learner->state)->tree);
}

static void
single_learn(Learner *learner, const double *row, double target, double weight)
{
	tree_learn(learner, &((SingleTree *) learner->state)->tree, row, (int) target, weight);
}

static void
single_predict(const Learner *learner, const double *row, double *probabilities)
{
	tree_predict(learner, &((const SingleTree *) learner->state)->tree, row, probabilities);
	probabilities_of_votes(probabilities, learner->classes.n);
}

static void
single_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	tree_contribute(learner, &((const SingleTree *) learner->state)->tree, row, class, 1, bias, contributions);
}

static void
single_archive(Learner *learner, Archive *archive)
{
	archive_tree(learner, archive, &((SingleTree *) learner->state)->tree);
}

#define SINGLE_METHOD(the_name, the_reference, the_options) \
	{ \
		.name = the_name, .reference = the_reference, .task = LEARNER_CLASSES, .options = the_options, \
		.n_options = N_OPTIONS(the_options), .state_size = sizeof(SingleTree), .start = single_start, .finish = single_finish, \
		.learn = single_learn, .predict = single_predict, .contribute = single_contribute, .archive = single_archive \
	}

const LearnerMethod hoeffding_tree_method =
	SINGLE_METHOD("hoeffding_tree", "Domingos and Hulten 2000; Holmes, Kirkby and Pfahringer 2005", plain_options);
const LearnerMethod hoeffding_adaptive_tree_method =
	SINGLE_METHOD("hoeffding_adaptive_tree", "Bifet and Gavalda 2009", adaptive_options);
