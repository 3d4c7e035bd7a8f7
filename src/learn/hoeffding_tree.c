/*
 * hoeffding_tree.c
 *		Learners of one tree: the Hoeffding tree, the extremely fast decision tree and the Hoeffding adaptive tree; those of
 *		regression.
 */
#include "learn/tree_options.h"

const char *const tree_criteria[] = {"information_gain", "gini", NULL};
const char *const tree_leaf_predictions[] = {"majority", "naive_bayes", "adaptive", NULL};
const char *const target_leaf_predictions[] = {"mean", "model", "adaptive", NULL};

/* Beyond those of every tree. */
enum
{
	ADAPTIVE_BOOTSTRAP,
	ADAPTIVE_DRIFT_WINDOW,
	ADAPTIVE_SIGNIFICANCE
};

enum
{
	FAST_RECONSIDER_AFTER = N_TREE_OPTIONS
};

#define ADAPTIVE_OPTIONS \
	BOOLEAN_OPTION("bootstrap", 1), COUNT_OPTION("drift_window", 300, 1, 1e9), \
		NUMBER_OPTION("switch_significance", 0.05, ABOVE_ZERO, BELOW_ONE), COUNT_OPTION("seed", 1, 0, 1e15)

static const Option plain_options[] = {TREE_OPTIONS(100, 1e-7)};
static const Option fast_options[] = {TREE_OPTIONS(100, 1e-7), COUNT_OPTION("reconsider_after", 200, 1, 1e9)};
static const Option adaptive_options[] = {TREE_OPTIONS(200, 1e-7), ADAPTIVE_OPTIONS};
static const Option target_options[] = {TARGET_TREE_OPTIONS(200, 1e-7, 0.03), INTERVAL_OPTIONS};
static const Option adaptive_target_options[] = {TARGET_TREE_OPTIONS(200, 1e-7, 0.03), ADAPTIVE_OPTIONS, INTERVAL_OPTIONS};

TreeSettings
tree_settings(const Learner *learner)
{
	const double *options = learner->options;

	if (learner->method->task == LEARNER_REGRESSION)
		return (TreeSettings){
			.is_regression = true,
			.grace_period = options[GRACE_PERIOD],
			.delta = options[DELTA],
			.tie_threshold = options[TIE_THRESHOLD],
			.max_depth = (int) options[MAX_DEPTH],
			.leaf_prediction = (LeafPrediction) options[TARGET_LEAF_PREDICTION],
			.selector_decay = options[TARGET_SELECTOR_DECAY],
			.model_rate = options[TARGET_MODEL_RATE],
			.model_is_scaled = options[TARGET_MODEL_SCALE] != 0,
			.min_samples_split = options[TARGET_MIN_SAMPLES_SPLIT],
			.max_bins = (int) options[TARGET_MAX_BINS],
			.is_binary = options[TARGET_BINARY_SPLIT] != 0,
		};
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

	const double *options =
		learner->options + (learner->method->task == LEARNER_REGRESSION ? N_TARGET_TREE_OPTIONS : N_TREE_OPTIONS);

	single->settings = tree_settings(learner);
	if (learner->kind == LEARNER_HOEFFDING_ADAPTIVE_TREE || learner->kind == LEARNER_HOEFFDING_ADAPTIVE_TREE_REGRESSION)
	{
		single->settings.is_adaptive = true;
		single->settings.is_bootstrapped = options[ADAPTIVE_BOOTSTRAP] != 0;
		single->settings.drift_window = options[ADAPTIVE_DRIFT_WINDOW];
		single->settings.switch_significance = options[ADAPTIVE_SIGNIFICANCE];
	}
	if (learner->kind == LEARNER_EXTREMELY_FAST_DECISION_TREE)
		single->settings.reconsider_after = learner->options[FAST_RECONSIDER_AFTER];
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
	tree_learn(learner, &((SingleTree *) learner->state)->tree, row, target, weight);
}

static void
single_predict(const Learner *learner, const double *row, double *probabilities)
{
	tree_predict(learner, &((const SingleTree *) learner->state)->tree, row, probabilities);
	if (learner->method->task == LEARNER_CLASSES)
		probabilities_of_votes(probabilities, learner->classes.n);
}

static void
single_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	tree_contribute(learner, &((const SingleTree *) learner->state)->tree, row, class, 1, bias, contributions);
}

static Tree *
single_tree(Learner *learner, int number)
{
	return number == 0 ? &((SingleTree *) learner->state)->tree : NULL;
}

static void
single_visit(const Learner *learner, LearnerNodeVisitor visit, void *context)
{
	tree_visit(learner, &((const SingleTree *) learner->state)->tree, 0, 1, visit, context);
}

static void
single_archive(Learner *learner, Archive *archive)
{
	archive_tree(learner, archive, &((SingleTree *) learner->state)->tree);
}

#define SINGLE_METHOD(the_name, the_reference, the_task, the_options) \
	{ \
		.name = the_name, .reference = the_reference, .task = the_task, .options = the_options, \
		.n_options = N_OPTIONS(the_options), .state_size = sizeof(SingleTree), .start = single_start, .finish = single_finish, \
		.learn = single_learn, .predict = single_predict, .contribute = single_contribute, .tree = single_tree, \
		.visit_trees = single_visit, .archive = single_archive \
	}

const LearnerMethod hoeffding_tree_method =
	SINGLE_METHOD("hoeffding_tree", "Domingos and Hulten 2000; Holmes, Kirkby and Pfahringer 2005", LEARNER_CLASSES, plain_options);
const LearnerMethod extremely_fast_decision_tree_method =
	SINGLE_METHOD("extremely_fast_decision_tree", "Manapragada, Webb and Salehi 2018", LEARNER_CLASSES, fast_options);
const LearnerMethod hoeffding_adaptive_tree_method =
	SINGLE_METHOD("hoeffding_adaptive_tree", "Bifet and Gavalda 2009", LEARNER_CLASSES, adaptive_options);
const LearnerMethod hoeffding_tree_regression_method =
	SINGLE_METHOD("hoeffding_tree_regression", "Ikonomovska, Gama and Dzeroski 2011", LEARNER_REGRESSION, target_options);
const LearnerMethod hoeffding_adaptive_tree_regression_method =
	SINGLE_METHOD("hoeffding_adaptive_tree_regression", "Bifet and Gavalda 2009; Ikonomovska, Gama and Dzeroski 2011",
				  LEARNER_REGRESSION, adaptive_target_options);
