/*
 * class_estimate.c
 *		Expected confusion matrix and ranking of a model of several classes.
 *
 * Intervals: given its probabilities, a row is of one class, so the variance of a metric is the sum over rows of
 * sum(q g^2) - sum(q g)^2, where g is what the metric gains when the row is of a class (delta method).  g depends on the row's
 * prediction alone, so sums of q and of products of q are enough.  The variance of ranking is that of the binary case by bins.
 */
#include <math.h>
#include <string.h>

#include "quality/class_estimate.h"

#define EXPECTED_UNIT 0x1p-60 /* of a sum of probabilities */
#define PRODUCT_UNIT 0x1p-30 /* of a sum of products: 2^33 rows fit */

static size_t
cells(int n_classes)
{
	return (size_t) n_classes * (size_t) n_classes;
}

static size_t
bins(int n_classes)
{
	return (size_t) n_classes * CLASS_ESTIMATE_BINS;
}

size_t
class_estimate_size(int n_classes)
{
	return (cells(n_classes) + bins(n_classes)) * sizeof(ExactSum) +
		(cells(n_classes) * (size_t) n_classes + bins(n_classes)) * sizeof(int64_t);
}

void
class_estimate_init(ClassEstimate *estimate, int n_classes, void *memory)
{
	memset(estimate, 0, sizeof(ClassEstimate));
	estimate->n_classes = n_classes;
	estimate->expected = memory;
	estimate->bin_expected = estimate->expected + cells(n_classes);
	estimate->products = (int64_t *) (estimate->bin_expected + bins(n_classes));
	estimate->bin_rows = estimate->products + cells(n_classes) * (size_t) n_classes;
}

void
class_estimate_mend(int n_classes, const Calibrator *const *calibrators, const double *raw, double *mended)
{
	double		sum = 0;

	for (int i = 0; i < n_classes; i++)
	{
		mended[i] = calibrators[i] != NULL ? calibrator_apply(calibrators[i], raw[i]) : raw[i];
		sum += mended[i];
	}
	for (int i = 0; i < n_classes; i++)
		mended[i] = sum > 0 ? mended[i] / sum : 1 / (double) n_classes;
}

static int
bin_of(double probability)
{
	int			bin = (int) (probability * CLASS_ESTIMATE_BINS);

	return bin < 0 ? 0 : bin >= CLASS_ESTIMATE_BINS ? CLASS_ESTIMATE_BINS - 1 : bin;
}

static ExactSum
exact(double probability)
{
	return (ExactSum) llrint(probability / EXPECTED_UNIT);
}

void
class_estimate_add(ClassEstimate *estimate, int prediction, const double *raw, const double *mended)
{
	int			n = estimate->n_classes;
	int64_t	   *products = estimate->products + (size_t) prediction * cells(n);

	estimate->n++;
	estimate->n_predicted[prediction]++;
	for (int i = 0; i < n; i++)
	{
		ExactSum	sum = exact(mended[i]);
		size_t		bin = (size_t) i * CLASS_ESTIMATE_BINS + (size_t) bin_of(raw[i]);

		estimate->expected[prediction * n + i] += sum;
		estimate->bin_rows[bin]++;
		estimate->bin_expected[bin] += sum;
		for (int j = 0; j <= i; j++)
			products[i * n + j] += llrint(mended[i] * mended[j] / PRODUCT_UNIT);
	}
}

void
class_estimate_merge(ClassEstimate *into, const ClassEstimate *from)
{
	int			n = into->n_classes;

	into->n += from->n;
	for (int i = 0; i < n; i++)
		into->n_predicted[i] += from->n_predicted[i];
	for (size_t i = 0; i < cells(n) + bins(n); i++)
		into->expected[i] += from->expected[i];
	for (size_t i = 0; i < cells(n) * (size_t) n + bins(n); i++)
		into->products[i] += from->products[i];
}

double
class_estimate_expected(const ClassEstimate *estimate, int prediction, int class)
{
	return (double) estimate->expected[prediction * estimate->n_classes + class] * EXPECTED_UNIT;
}

/* The variance of a metric that gains gains[prediction][class] when a row predicted so is of the class. */
static double
variance_of(const ClassEstimate *estimate, const double *gains)
{
	int			n = estimate->n_classes;
	double		variance = 0;

	for (int p = 0; p < n; p++)
	{
		const int64_t *products = estimate->products + (size_t) p * cells(n);
		const double *g = gains + (size_t) p * (size_t) n;

		for (int i = 0; i < n; i++)
		{
			variance += class_estimate_expected(estimate, p, i) * g[i] * g[i];
			for (int j = 0; j <= i; j++)
				variance -= (i == j ? 1 : 2) * (double) products[i * n + j] * PRODUCT_UNIT * g[i] * g[j];
		}
	}
	return fmax(0, variance);
}

/* A metric of one class against the rest, and what each row adds to it. */
typedef struct Marginals
{
	double		n;
	double		predicted;
	double		labelled;
	double		correct;
} Marginals;

enum
{
	SCORE_PRECISION,
	SCORE_RECALL,
	SCORE_F1,
	SCORE_SPECIFICITY,
	N_SCORES
};

static const char *const score_names[N_SCORES] = {"precision", "recall", "f1", "specificity"};
static const char *const macro_names[N_SCORES] = {"macro_precision", "macro_recall", "macro_f1", "macro_specificity"};

/*
 * The value, and its derivatives by the rows of the class among those predicted so (correct) and among the others (missed); each
 * adds to the labelled.
 */
static double
score_of(int score, const Marginals *m, double *correct, double *missed)
{
	double		negatives = m->n - m->labelled;
	double		value = NAN;

	*correct = *missed = 0;
	switch (score)
	{
		case SCORE_PRECISION:
			value = m->predicted > 0 ? m->correct / m->predicted : NAN;
			*correct = 1 / m->predicted;
			break;
		case SCORE_RECALL:
			value = m->labelled > 0 ? m->correct / m->labelled : NAN;
			*correct = (1 - value) / m->labelled;
			*missed = -value / m->labelled;
			break;
		case SCORE_F1:
			value = m->predicted + m->labelled > 0 ? 2 * m->correct / (m->predicted + m->labelled) : NAN;
			*correct = (2 - value) / (m->predicted + m->labelled);
			*missed = -value / (m->predicted + m->labelled);
			break;
		default:
			value = negatives > 0 ? (negatives - m->predicted + m->correct) / negatives : NAN;
			/* It leaves the negatives; a correct one was no false positive. */
			*correct = value / negatives;
			*missed = (value - 1) / negatives;
	}
	if (isnan(value))
		*correct = *missed = 0;
	return value;
}

/* Of one class against the rest: area under the ROC curve, its error (z = 1), and how far bins may hide it. */
static double
ranking(const ClassEstimate *estimate, int class, double *half_width)
{
	const int64_t *rows = estimate->bin_rows + (size_t) class * CLASS_ESTIMATE_BINS;
	const ExactSum *expected = estimate->bin_expected + (size_t) class * CLASS_ESTIMATE_BINS;
	double		positives = 0;
	double		negatives = 0;
	double		below = 0;
	double		area = 0;
	double		variance = 0;
	double		above;
	double		before = 0;

	for (int i = 0; i < CLASS_ESTIMATE_BINS; i++)
	{
		double		own = (double) expected[i] * EXPECTED_UNIT;

		area += own * (below + ((double) rows[i] - own) / 2);
		below += (double) rows[i] - own;
		positives += own;
	}
	negatives = below;
	*half_width = NAN;
	if (!(positives > 0 && negatives > 0))
		return NAN;
	area /= positives * negatives;
	above = positives;
	for (int i = 0; i < CLASS_ESTIMATE_BINS; i++)
	{
		double		own = (double) expected[i] * EXPECTED_UNIT;
		double		other = (double) rows[i] - own;
		double		slope;

		if (rows[i] == 0)
			continue;
		above -= own;
		slope = ((before + other / 2) / negatives - area) / positives - ((above + own / 2) / positives - area) / negatives;
		variance += own * other / (double) rows[i] * slope * slope;
		before += other;
	}
	*half_width = sqrt(variance);
	return area;
}

static void
tell(ClassScoreSink sink, void *context, const char *name, int class, double value, double half_width)
{
	ClassScore	score = {.name = name, .class = class, .value = value, .half_width = half_width};

	sink(context, &score);
}

void
class_estimate_scores(const ClassEstimate *estimate, Allocator allocator, ClassScoreSink sink, void *context)
{
	int			n = estimate->n_classes;
	size_t		size = cells(n) * sizeof(double);
	double	   *gains = allocator.resize(allocator.context, NULL, 0, size);
	double	   *macro = allocator.resize(allocator.context, NULL, 0, N_SCORES * size);
	double		macro_values[N_SCORES] = {0};
	double		rows = (double) estimate->n;
	double		accuracy = 0;
	double		area = 0;
	double		area_half = 0;

	memset(gains, 0, size);
	memset(macro, 0, N_SCORES * size);
	for (int i = 0; i < n; i++)
	{
		accuracy += class_estimate_expected(estimate, i, i) / rows;
		gains[i * n + i] = 1 / rows;
	}
	if (rows == 0)
		tell(sink, context, "accuracy", -1, NAN, NAN);
	else
		tell(sink, context, "accuracy", -1, accuracy, sqrt(variance_of(estimate, gains)));
	for (int score = 0; score < N_SCORES; score++)
		for (int class = 0; class < n; class ++)
		{
			Marginals	m = {.n = rows,
						   .predicted = (double) estimate->n_predicted[class],
						   .correct = class_estimate_expected(estimate, class, class)};
			double		correct;
			double		missed;
			double		value;

			for (int p = 0; p < n; p++)
				m.labelled += class_estimate_expected(estimate, p, class);
			value = score_of(score, &m, &correct, &missed);
			memset(gains, 0, size);
			for (int p = 0; p < n; p++)
			{
				gains[p * n + class] = p == class ? correct : missed;
				macro[(size_t) score * cells(n) + (size_t) (p * n + class)] = gains[p * n + class] / n;
			}
			/* Conventions as of labelled classes: one never predicted counts as 0 in the mean. */
			macro_values[score] += isnan(value) ? 0 : value / n;
			tell(sink, context, score_names[score], class, value, isnan(value) ? NAN : sqrt(variance_of(estimate, gains)));
		}
	for (int score = 0; score < N_SCORES; score++)
		tell(sink, context, macro_names[score], -1, rows == 0 ? NAN : macro_values[score],
			 rows == 0 ? NAN : sqrt(variance_of(estimate, macro + (size_t) score * cells(n))));
	for (int class = 0; class < n; class ++)
	{
		double		half_width;
		double		value = ranking(estimate, class, &half_width);

		tell(sink, context, "roc_auc", class, value, half_width);
		area += value / n;
		area_half += half_width / n;
	}
	/* Errors of classes go together in an unknown way: at the worst they add. */
	tell(sink, context, "macro_roc_auc", -1, area, area_half);
	allocator.resize(allocator.context, gains, size, 0);
	allocator.resize(allocator.context, macro, N_SCORES * size, 0);
}
