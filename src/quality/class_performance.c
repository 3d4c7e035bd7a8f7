/*
 * class_performance.c
 *		Metrics of a model of several classes, from its confusion matrix.
 *
 * Conventions as scikit-learn's: classes are those that occur as label or prediction; in macro and weighted means the precision of
 * a class that was never predicted, and the recall of one that never occurred, count as 0; balanced accuracy is the mean recall of
 * the classes that occurred.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quality/class_performance.h"
#include "quality/performance_writer.h"

static int
compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int			order = memcmp(a, b, a_length < b_length ? a_length : b_length);

	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static int
compare_classes(const void *a, const void *b)
{
	const ClassCounts *x = a;
	const ClassCounts *y = b;

	return compare_names(x->name, x->length, y->name, y->length);
}

static ClassCounts *
find(ClassCounts *classes, size_t n, const char *name, size_t length)
{
	ClassCounts key = {.name = name, .length = length};

	return bsearch(&key, classes, n, sizeof(ClassCounts), compare_classes);
}

ClassCounts *
performance_classes(const Performance *performance, Allocator allocator, size_t *n)
{
	const Summary *pairs = performance->parts[CLASS_PAIRS];
	size_t		n_pairs = summary_categories(pairs, NULL, 0);
	size_t		pairs_size = (n_pairs + 1) * sizeof(SummaryCategory);
	size_t		capacity = 2 * n_pairs + 1;
	SummaryCategory *categories = allocator.resize(allocator.context, NULL, 0, pairs_size);
	ClassCounts *classes = allocator.resize(allocator.context, NULL, 0, capacity * sizeof(ClassCounts));
	size_t		used = 0;

	memset(classes, 0, capacity * sizeof(ClassCounts));
	summary_categories(pairs, categories, n_pairs);
	for (size_t i = 0; i < n_pairs; i++)
	{
		ClassCounts *label = &classes[2 * i];
		ClassCounts *prediction = &classes[2 * i + 1];

		performance_pair(categories[i].bytes, categories[i].length, &label->name, &label->length, &prediction->name,
						 &prediction->length);
	}
	qsort(classes, 2 * n_pairs, sizeof(ClassCounts), compare_classes);
	for (size_t i = 0; i < 2 * n_pairs; i++)
		if (used == 0 || compare_classes(&classes[used - 1], &classes[i]) != 0)
			classes[used++] = classes[i];
	for (size_t i = 0; i < n_pairs; i++)
	{
		ClassCounts key[2];
		ClassCounts *label;
		ClassCounts *prediction;

		performance_pair(categories[i].bytes, categories[i].length, &key[0].name, &key[0].length, &key[1].name, &key[1].length);
		label = find(classes, used, key[0].name, key[0].length);
		prediction = find(classes, used, key[1].name, key[1].length);
		label->n_labelled += categories[i].count;
		prediction->n_predicted += categories[i].count;
		if (label == prediction)
			label->n_correct += categories[i].count;
	}
	allocator.resize(allocator.context, categories, pairs_size, 0);
	*n = used;
	return allocator.resize(allocator.context, classes, capacity * sizeof(ClassCounts), (used + 1) * sizeof(ClassCounts));
}

static double
or_zero(double value)
{
	return isnan(value) ? 0 : value;
}

static double
f1_of(const ClassCounts *class)
{
	return score_ratio(2 * (double) class->n_correct, (double) class->n_labelled + (double) class->n_predicted);
}

/* Mean recall of the classes that occurred; each recall's variance p (1 - p) / n adds up to that of the mean. */
static void
tell_balanced_accuracy(const ScoreWriter *writer, const ClassCounts *classes, size_t n_classes)
{
	double		sum = 0;
	double		variance = 0;
	double		occurred = 0;
	double		value;
	double		half;

	for (size_t i = 0; i < n_classes; i++)
	{
		double		n = (double) classes[i].n_labelled;
		double		recall = (double) classes[i].n_correct / n;

		if (n == 0)
			continue;
		occurred++;
		sum += recall;
		variance += recall * (1 - recall) / n;
	}
	value = score_ratio(sum, occurred);
	half = writer->z * sqrt(variance) / occurred;
	tell_interval(writer, "balanced_accuracy", value, fmax(0, value - half), fmin(1, value + half), writer->n, 0);
}

static void
tell_means(const ScoreWriter *writer, const ClassCounts *classes, size_t n_classes, double n, double beta)
{
	static const char *const names[2][4] = {{"macro_precision", "macro_recall", "macro_f1", "macro_f_beta"},
											{"weighted_precision", "weighted_recall", "weighted_f1", "weighted_f_beta"}};
	int			n_means = isnan(beta) ? 3 : 4;
	double		sums[2][4] = {{0}};

	for (size_t i = 0; i < n_classes; i++)
	{
		const ClassCounts *class = &classes[i];
		double		values[4] = {or_zero(score_ratio((double) class->n_correct, (double) class->n_predicted)),
							or_zero(score_ratio((double) class->n_correct, (double) class->n_labelled)), or_zero(f1_of(class)),
							or_zero(score_ratio((1 + beta * beta) * (double) class->n_correct,
												beta * beta * (double) class->n_labelled + (double) class->n_predicted))};

		for (int j = 0; j < n_means; j++)
		{
			sums[0][j] += values[j];
			sums[1][j] += values[j] * (double) class->n_labelled;
		}
	}
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < n_means; j++)
			tell_value(writer, names[i][j], score_ratio(sums[i][j], i == 0 ? (double) n_classes : n), writer->n, 0);
}

void
performance_class_scores(const Performance *performance, const PerformanceOptions *options, PerformanceSink sink, void *context)
{
	ScoreWriter writer = {.sink = sink,
						  .context = context,
						  .z = options->z,
						  .min_n = options->min_n,
						  .n = performance_n(performance)};
	size_t		n_found;
	ClassCounts *classes = performance_classes(performance, performance->allocator, &n_found);
	size_t		n_classes = n_found;
	double		n = (double) writer.n;
	int64_t		correct = 0;
	int64_t		most = 0;
	double		by_chance = 0;
	double		labels_squared = 0;
	double		predictions_squared = 0;

	for (size_t i = 0; i < n_classes; i++)
	{
		double		labelled = (double) classes[i].n_labelled / n;
		double		predicted = (double) classes[i].n_predicted / n;

		correct += classes[i].n_correct;
		most = classes[i].n_labelled > most ? classes[i].n_labelled : most;
		by_chance += labelled * predicted;
		labels_squared += labelled * labelled;
		predictions_squared += predicted * predicted;
	}
	/* Pairs past the budget are known in number, not by name: nothing of the matrix can then be said. */
	if (summary_hash_threshold(performance->parts[CLASS_PAIRS]) != UINT64_MAX)
	{
		n = by_chance = labels_squared = predictions_squared = NAN;
		correct = most = 0;
		n_classes = 0;
	}
	if (isnan(n))
		tell_undefined(&writer, "accuracy", writer.n);
	else
		tell_rate(&writer, "accuracy", correct, writer.n);
	tell_balanced_accuracy(&writer, classes, n_classes);
	tell_means(&writer, classes, n_classes, n, options->beta);
	tell_agreement(&writer, "cohen_kappa", (double) correct / n, by_chance);
	/* Gorodkin (2004); for two classes the usual coefficient. */
	tell_value(&writer, "matthews_correlation",
			   score_ratio((double) correct / n - by_chance, sqrt((1 - labels_squared) * (1 - predictions_squared))), writer.n, 0);
	if (isnan(n))
		tell_undefined(&writer, "majority_accuracy", writer.n);
	else
		tell_rate(&writer, "majority_accuracy", most, writer.n);
	tell_agreement(&writer, "kappa_majority", (double) correct / n, (double) most / n);
	performance->allocator.resize(performance->allocator.context, classes, (n_found + 1) * sizeof(ClassCounts), 0);
}
