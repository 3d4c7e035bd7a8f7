/*
 * naive_bayes.c
 *		Naive Bayes: classes by the product of what each feature alone says of them.
 *
 * gaussian: numbers are normal within a class; bernoulli: numbers are 1 above a threshold, else 0; multinomial: numbers are counts.
 * Categories: their frequency within the class, smoothed. Missing values say nothing. As in Manning, Raghavan and Schuetze 2008,
 *ch. 13.
 */
#include "learn/fit.h"
#include "learn/learner_method.h"

enum
{
	MAX_MEMORY,
	SMOOTHING,					/* of counts: added to each (Lidstone) */
	THRESHOLD					/* of bernoulli */
};

static const Option smooth_options[] = {MEMORY_OPTION, NUMBER_OPTION("smoothing", 1, ABOVE_ZERO, 1e6)};
static const Option bernoulli_options[] = {MEMORY_OPTION, NUMBER_OPTION("smoothing", 1, ABOVE_ZERO, 1e6),
										   NUMBER_OPTION("threshold", 0, -1e100, 1e100)};

/* Densities are not below this: one value far from everything must not decide alone. */
#define SMALLEST_DENSITY 1e-9

/* What a class has seen of one feature. */
typedef struct Evidence
{
	double		n;				/* weight of values */
	double		mean;			/* gaussian: the mean; else the sum of what counts */
	double		squares;		/* gaussian: sum of squared deviations */
	int			n_categories;
	double	   *categories;		/* weight of each */
} Evidence;

typedef struct ClassEvidence
{
	double		weight;
	double		total;			/* multinomial: of all counts */
	Evidence   *features;
} ClassEvidence;

typedef struct NaiveBayes
{
	int			n_features;
	int			n_classes;
	ClassEvidence *classes;
	double		weight;
} NaiveBayes;

static void
bayes_start(Learner *learner)
{
	((NaiveBayes *) learner->state)->n_features = learner->features.n;
}

static void
bayes_finish(Learner *learner)
{
	NaiveBayes *bayes = learner->state;

	for (int class = 0; class < bayes->n_classes; class ++)
	{
		Evidence   *features = bayes->classes[class].features;

		for (int i = 0; features != NULL && i < bayes->n_features; i++)
			learner_release(learner, features[i].categories, (size_t) features[i].n_categories * sizeof(double));
		learner_release(learner, features, (size_t) bayes->n_features * sizeof(Evidence));
	}
	learner_release(learner, bayes->classes, (size_t) bayes->n_classes * sizeof(ClassEvidence));
}

/* NULL where there is no room for it. */
static ClassEvidence *
class_evidence(Learner *learner, NaiveBayes *bayes, int class)
{
	bool		is_there = class < bayes->n_classes && (bayes->classes[class].features != NULL || bayes->n_features == 0);
	int			n_more = class < bayes->n_classes ? 0 : class + 1 - bayes->n_classes;

	if (!is_there &&
		!learner_has_room(learner, (size_t) n_more * sizeof(ClassEvidence) + (size_t) bayes->n_features * sizeof(Evidence)))
		return NULL;
	if (class >= bayes->n_classes)
	{
		bayes->classes = learner_grow(learner->allocator, bayes->classes, (size_t) bayes->n_classes * sizeof(ClassEvidence),
									  (size_t) (class + 1) * sizeof(ClassEvidence));
		bayes->n_classes = class + 1;
	}
	if (bayes->classes[class].features == NULL && bayes->n_features > 0)
		bayes->classes[class].features = learner_room(learner, (size_t) bayes->n_features * sizeof(Evidence));
	return &bayes->classes[class];
}

/* False where there is no room for it. */
static bool
add_category(Learner *learner, Evidence *evidence, int category, double weight)
{
	if (category >= evidence->n_categories)
	{
		if (!learner_has_room(learner, (size_t) (category + 1 - evidence->n_categories) * sizeof(double)))
			return false;
		evidence->categories =
			learner_grow(learner->allocator, evidence->categories, (size_t) evidence->n_categories * sizeof(double),
						 (size_t) (category + 1) * sizeof(double));
		evidence->n_categories = category + 1;
	}
	evidence->categories[category] += weight;
	return true;
}

static void
bayes_learn(Learner *learner, const double *row, double target, double weight)
{
	NaiveBayes *bayes = learner->state;
	ClassEvidence *class = class_evidence(learner, bayes, (int) target);

	if (class == NULL)
		return;
	bayes->weight += weight;
	class->weight += weight;
	for (int i = 0; i < bayes->n_features; i++)
	{
		Evidence   *evidence = &class->features[i];
		double		value = row[i];

		if (isnan(value) || (learner->is_categorical[i] && !add_category(learner, evidence, (int) value, weight)))
			continue;
		evidence->n += weight;
		if (learner->is_categorical[i])
			class->total += weight;
		else if (learner->kind == LEARNER_GAUSSIAN_NAIVE_BAYES)
		{
			double		deviation = value - evidence->mean;

			evidence->mean += weight / evidence->n * deviation;
			evidence->squares += weight * deviation * (value - evidence->mean);
		}
		else if (learner->kind == LEARNER_BERNOULLI_NAIVE_BAYES)
			evidence->mean += value > learner->options[THRESHOLD] ? weight : 0;
		else if (value > 0)
		{
			/* A count below nothing is none. */
			evidence->mean += weight * value;
			class->total += weight * value;
		}
	}
}

void
fit_bayes_class(Learner *learner, int class, double weight)
{
	NaiveBayes *bayes;
	ClassEvidence *evidence;

	if (!learner->is_started)
		learner_start(learner);
	bayes = learner->state;
	evidence = class_evidence(learner, bayes, class);
	if (evidence == NULL)
		return;
	evidence->weight += weight;
	bayes->weight += weight;
}

void
fit_bayes_number(Learner *learner, int class, int feature, double n, double mean, double squares)
{
	ClassEvidence *of_class = class_evidence(learner, learner->state, class);
	Evidence   *evidence;

	if (of_class == NULL)
		return;
	evidence = &of_class->features[feature];
	evidence->n = n;
	evidence->mean = mean;
	evidence->squares = squares;
}

/* Inputs of the multinomial model: numbers, and all categories known. */
static int
n_terms(const Learner *learner)
{
	int			n = 0;

	for (int i = 0; i < learner->features.n; i++)
		n += learner->is_categorical[i] ? learner->categories[i].n : 1;
	return n;
}

/* The logarithm of what the feature's value says of the class. */
static double
log_likelihood(const Learner *learner, const ClassEvidence *class, int feature, double value, int terms)
{
	const Evidence *evidence = &class->features[feature];
	double		smoothing = learner->options[SMOOTHING];
	double		share;

	if (isnan(value))
		return 0;
	if (learner->is_categorical[feature])
	{
		int			category = (int) value;
		double		n = category < evidence->n_categories ? evidence->categories[category] : 0;
		double		total = evidence->n + smoothing * learner->categories[feature].n;

		if (learner->kind == LEARNER_MULTINOMIAL_NAIVE_BAYES)
			total = class->total + smoothing * terms;
		return log((n + smoothing) / total);
	}
	if (learner->kind == LEARNER_GAUSSIAN_NAIVE_BAYES)
	{
		double		variance = evidence->n > 0 ? evidence->squares / evidence->n : 0;
		double		deviation = value - evidence->mean;

		if (!(variance > 0))
			return log(SMALLEST_DENSITY);
		return log(SMALLEST_DENSITY + exp(-deviation * deviation / (2 * variance)) / sqrt(2 * 3.14159265358979323846 * variance));
	}
	if (learner->kind == LEARNER_BERNOULLI_NAIVE_BAYES)
	{
		share = (evidence->mean + smoothing) / (evidence->n + 2 * smoothing);
		return log(SMALLEST_DENSITY + (value > learner->options[THRESHOLD] ? share : 1 - share));
	}
	return value > 0 ? value * log((evidence->mean + smoothing) / (class->total + smoothing * terms)) : 0;
}

static void
bayes_predict(const Learner *learner, const double *row, double *probabilities)
{
	const NaiveBayes *bayes = learner->state;
	int			terms = n_terms(learner);

	for (int i = 0; i < learner->classes.n; i++)
	{
		const ClassEvidence *class = i < bayes->n_classes ? &bayes->classes[i] : NULL;

		probabilities[i] = class != NULL && class->weight > 0 ? log(class->weight / bayes->weight) : -INFINITY;
		if (probabilities[i] > -INFINITY)
			for (int j = 0; j < bayes->n_features; j++)
				probabilities[i] += log_likelihood(learner, class, j, row[j], terms);
		/* A state that somebody made up may say anything. */
		if (isnan(probabilities[i]))
			probabilities[i] = -INFINITY;
	}
	probabilities_of_logarithms(probabilities, learner->classes.n);
}

static void
bayes_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	const NaiveBayes *bayes = learner->state;
	int			terms = n_terms(learner);

	*bias = -INFINITY;
	if (class >= bayes->n_classes || !(bayes->classes[class].weight > 0))
		return;
	*bias = log(bayes->classes[class].weight / bayes->weight);
	for (int i = 0; i < bayes->n_features; i++)
		contributions[i] = log_likelihood(learner, &bayes->classes[class], i, row[i], terms);
}

static void
archive_evidence(Archive *archive, Evidence *evidence, bool is_categorical)
{
	archive_double(archive, &evidence->n);
	if (!is_categorical)
	{
		archive_double(archive, &evidence->mean);
		archive_double(archive, &evidence->squares);
		return;
	}
	if (archive_reads(archive))
	{
		int			n = 0;

		archive_count(archive, &n, 0, LEARNER_MAX_CATEGORIES);
		archive_doubles(archive, &evidence->categories, n);
		evidence->n_categories = evidence->categories == NULL ? 0 : n;
		return;
	}
	archive_count(archive, &evidence->n_categories, 0, LEARNER_MAX_CATEGORIES);
	archive_doubles(archive, &evidence->categories, evidence->n_categories);
}

static void
bayes_archive(Learner *learner, Archive *archive)
{
	NaiveBayes *bayes = learner->state;
	int			n = bayes->n_classes;

	archive_double(archive, &bayes->weight);
	archive_count(archive, &n, 0, learner->classes.n);
	if (archive_reads(archive))
	{
		bayes->classes = archive_room(archive, n, sizeof(ClassEvidence));
		bayes->n_classes = bayes->classes == NULL ? 0 : n;
	}
	for (int i = 0; i < bayes->n_classes && !archive_is_corrupt(archive); i++)
	{
		ClassEvidence *class = &bayes->classes[i];
		bool		is_seen = class->features != NULL;

		archive_double(archive, &class->weight);
		archive_double(archive, &class->total);
		archive_boolean(archive, &is_seen);
		if (archive_reads(archive) && is_seen)
			class->features = archive_room(archive, bayes->n_features, sizeof(Evidence));
		else if (archive_reads(archive) && (class->weight != 0 || class->total != 0))
			archive_refuse(archive);
		for (int j = 0; class->features != NULL && j < bayes->n_features; j++)
			archive_evidence(archive, &class->features[j], learner->is_categorical[j]);
	}
}

#define BAYES_METHOD(the_name, the_options) \
	{ \
		.name = the_name, .reference = "Manning, Raghavan and Schuetze 2008, ch. 13", .task = LEARNER_CLASSES, \
		.options = the_options, .n_options = N_OPTIONS(the_options), .state_size = sizeof(NaiveBayes), .start = bayes_start, \
		.finish = bayes_finish, .learn = bayes_learn, .predict = bayes_predict, .contribute = bayes_contribute, \
		.archive = bayes_archive \
	}

const LearnerMethod gaussian_naive_bayes_method = BAYES_METHOD("gaussian_naive_bayes", smooth_options);
const LearnerMethod bernoulli_naive_bayes_method = BAYES_METHOD("bernoulli_naive_bayes", bernoulli_options);
const LearnerMethod multinomial_naive_bayes_method = BAYES_METHOD("multinomial_naive_bayes", smooth_options);
