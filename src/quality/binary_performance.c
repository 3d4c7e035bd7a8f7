/*
 * binary_performance.c
 *		Metrics of a binary model: ranking, probabilities, decisions at a threshold.
 *
 * Intervals: Wilson (1927) for rates and, by way of the Jaccard index, for F1; Zou and Donner (2008) for means and differences
 * of two rates; DeLong, DeLong and Clarke-Pearson (1988) for the area under the ROC curve; normal for means of losses.
 */
#include <math.h>

#include "quality/performance_writer.h"

/* ---- ranking ---- */

static void
tell_ranking(const ScoreWriter *writer, const ScoreCell *cells, size_t n_cells, double n_negative, double n_positive)
{
	double		tied = 0;
	double		variance;
	double		area = score_cells_area(cells, n_cells, &variance);
	double		ks = 0;
	double		ks_bound = 0;
	double		cumulated[2] = {0, 0};
	double		half;
	double		precision = 0;
	double		precision_bound = 0;
	double		above[2] = {0, 0};

	if (n_negative == 0 || n_positive == 0)
	{
		static const char *const names[] = {"roc_auc", "gini", "average_precision", "kolmogorov_smirnov"};

		for (int i = 0; i < 4; i++)
			tell_undefined(writer, names[i], writer->n);
		return;
	}
	for (size_t i = 0; i < n_cells; i++)
	{
		double		negatives = (double) cells[i].negatives;
		double		positives = (double) cells[i].positives;
		bool		exact = cells[i].lower == cells[i].upper;

		if (!exact)
			tied += positives * negatives / 2;
		if (!exact)
			ks_bound = fmax(ks_bound, fmax(positives / n_positive, negatives / n_negative));
		cumulated[0] += negatives / n_negative;
		cumulated[1] += positives / n_positive;
		ks = fmax(ks, fabs(cumulated[0] - cumulated[1]));
	}
	for (size_t i = n_cells; i-- > 0;)
	{
		double		positives = (double) cells[i].positives;

		/* Precision once this cell is predicted positive; with the best and the worst order within it, its bound. */
		if (positives > 0)
		{
			double		after = (above[1] + positives) / (above[0] + (double) cells[i].negatives + above[1] + positives);
			double		best = (above[1] + positives) / (above[0] + above[1] + positives);
			double		worst = (above[1] + 1) / (above[0] + (double) cells[i].negatives + above[1] + 1);

			precision += positives / n_positive * after;
			if (cells[i].lower != cells[i].upper)
				precision_bound += positives / n_positive * fmax(best - after, after - worst);
		}
		above[0] += (double) cells[i].negatives;
		above[1] += positives;
	}
	if (!isnan(variance))
	{
		half = writer->z * sqrt(variance);
		tell_interval(writer, "roc_auc", area, fmax(0, area - half), fmin(1, area + half), writer->n,
					  tied / n_negative / n_positive);
		tell_interval(writer, "gini", 2 * area - 1, fmax(-1, 2 * (area - half) - 1), fmin(1, 2 * (area + half) - 1), writer->n,
					  2 * tied / n_negative / n_positive);
	}
	else
	{
		tell_value(writer, "roc_auc", area, writer->n, tied / n_negative / n_positive);
		tell_value(writer, "gini", 2 * area - 1, writer->n, 2 * tied / n_negative / n_positive);
	}
	tell_value(writer, "average_precision", precision, writer->n, fmin(1, precision_bound));
	tell_value(writer, "kolmogorov_smirnov", ks, writer->n, ks_bound);
}

/* ---- probabilities ---- */

static void
tell_probabilities(const ScoreWriter *writer, const Performance *performance)
{
	const Summary *losses = performance->parts[BINARY_LOSSES];
	ScoreMoments moments = {0};
	double		loss = 0;
	double		variance = 0;
	double		n = (double) writer->n;

	if (writer->n > 0)
		performance_score_moments(performance, &moments);
	if (!moments.is_probability)
	{
		tell_undefined(writer, "log_loss", writer->n);
		tell_undefined(writer, "brier_score", writer->n);
		tell_undefined(writer, "brier_skill_score", writer->n);
		return;
	}
	summary_mean(losses, &loss);
	summary_variance(losses, &variance);
	tell_mean(writer, "log_loss", loss, variance, writer->n);
	tell_mean(writer, "brier_score", moments.brier, n > 1 ? moments.brier_variance * n / (n - 1) : 0, writer->n);
	/* Against always forecasting the base rate. */
	if (moments.base_rate > 0 && moments.base_rate < 1)
		tell_value(writer, "brier_skill_score", 1 - moments.brier / (moments.base_rate * (1 - moments.base_rate)), writer->n, 0);
	else
		tell_undefined(writer, "brier_skill_score", writer->n);
}

/* ---- decisions ---- */

/* Half the sum (weight .5) or the sum less one (weight 1, less 1) of two rates, with the distances of their ends added like errors.
 */
static void
tell_two_rates(const ScoreWriter *writer, const char *name, Proportion a, Proportion b, double weight, double less)
{
	double		low[2];
	double		high[2];
	double		p;
	double		q;
	double		value;

	if (a.trials == 0 || b.trials == 0)
	{
		tell_undefined(writer, name, writer->n);
		return;
	}
	wilson_interval(a, writer->z, &low[0], &high[0]);
	wilson_interval(b, writer->z, &low[1], &high[1]);
	p = (double) a.successes / (double) a.trials;
	q = (double) b.successes / (double) b.trials;
	value = weight * (p + q) - less;
	tell_interval(writer, name, value, value - weight * hypot(p - low[0], q - low[1]),
				  value + weight * hypot(high[0] - p, high[1] - q), writer->n,
				  fmin(1, writer->cut * (double) writer->n / fmin((double) a.trials, (double) b.trials)));
}

static void
tell_decisions(const ScoreWriter *writer, const Confusion *c, double beta)
{
	int64_t		positives = c->true_positives + c->false_negatives;
	int64_t		negatives = c->true_negatives + c->false_positives;
	int64_t		selected = c->true_positives + c->false_positives;
	int64_t		left = c->true_negatives + c->false_negatives;
	int64_t		any = c->true_positives + c->false_positives + c->false_negatives;
	double		n = (double) writer->n;
	Proportion	recall = {c->true_positives, positives};
	Proportion	specificity = {c->true_negatives, negatives};
	double		accuracy = (double) (c->true_positives + c->true_negatives) / n;
	double		majority = (double) (positives > negatives ? positives : negatives) / n;

	tell_rate(writer, "accuracy", c->true_positives + c->true_negatives, writer->n);
	tell_two_rates(writer, "balanced_accuracy", recall, specificity, 0.5, 0);
	tell_rate(writer, "precision", c->true_positives, selected);
	tell_rate(writer, "recall", c->true_positives, positives);
	tell_rate(writer, "specificity", c->true_negatives, negatives);
	tell_rate(writer, "negative_predictive_value", c->true_negatives, left);
	tell_rate(writer, "false_positive_rate", c->false_positives, negatives);
	tell_rate(writer, "false_negative_rate", c->false_negatives, positives);
	tell_rate(writer, "false_discovery_rate", c->false_positives, selected);
	tell_rate(writer, "false_omission_rate", c->false_negatives, left);
	tell_rate(writer, "selection_rate", selected, writer->n);
	tell_rate(writer, "base_rate", positives, writer->n);
	if (any == 0)
	{
		tell_undefined(writer, "f1", 0);
		tell_undefined(writer, "jaccard", 0);
	}
	else
	{
		double		jaccard = (double) c->true_positives / (double) any;
		double		low;
		double		high;
		double		bound = fmin(1, writer->cut * n / (double) any);

		wilson_interval((Proportion){c->true_positives, any}, writer->z, &low, &high);
		/* F1 = 2 J / (1 + J) rises with J, and so do the ends of its interval. */
		tell_interval(writer, "f1", 2 * jaccard / (1 + jaccard), 2 * low / (1 + low), 2 * high / (1 + high), any,
					  fmin(1, 2 * bound));
		tell_interval(writer, "jaccard", jaccard, low, high, any, bound);
	}
	if (!isnan(beta))
	{
		double		weight = beta * beta;
		double		parts =
			(1 + weight) * (double) c->true_positives + weight * (double) c->false_negatives + (double) c->false_positives;

		/* A row of the cut moves the numerator by 1 + weight, the denominator by less. */
		tell_value(writer, "f_beta", any == 0 ? NAN : score_ratio((1 + weight) * (double) c->true_positives, parts), any,
				   fmin(1, 2 * (1 + weight) * writer->cut * n / fmax(parts, 1)));
	}
	tell_value(writer, "matthews_correlation",
			   score_ratio((double) c->true_positives * (double) c->true_negatives -
							   (double) c->false_positives * (double) c->false_negatives,
						   sqrt((double) selected) * sqrt((double) positives) * sqrt((double) negatives) * sqrt((double) left)),
			   writer->n,
			   fmin(2,
					2 * writer->cut * n /
						fmax(1, fmin(fmin((double) selected, (double) left), fmin((double) positives, (double) negatives)))));
	tell_agreement(writer, "cohen_kappa", accuracy,
				   ((double) selected * (double) positives + (double) left * (double) negatives) / n / n);
	tell_two_rates(writer, "youden_j", recall, specificity, 1, 1);
	tell_value(writer, "geometric_mean",
			   sqrt(score_ratio((double) c->true_positives, (double) positives) *
					score_ratio((double) c->true_negatives, (double) negatives)),
			   writer->n, fmin(1, writer->cut * n / fmax(1, fmin((double) positives, (double) negatives))));
	tell_value(writer, "lift", score_ratio(score_ratio((double) c->true_positives, (double) selected), (double) positives / n),
			   selected, score_ratio(writer->cut * n / fmax(1, (double) selected), (double) positives / n));
	tell_rate(writer, "majority_accuracy", positives > negatives ? positives : negatives, writer->n);
	tell_agreement(writer, "kappa_majority", accuracy, majority);
}

void
performance_binary_scores(const Performance *performance, const PerformanceOptions *options, PerformanceSink sink, void *context)
{
	ScoreWriter writer = {.sink = sink,
						  .context = context,
						  .z = options->z,
						  .min_n = options->min_n,
						  .n = performance_n(performance)};
	size_t		n_cells;
	ScoreCell  *cells = performance_cells(performance, performance->allocator, &n_cells);
	Confusion	confusion;

	tell_ranking(&writer, cells, n_cells, (double) summary_n(performance->parts[BINARY_NEGATIVES]),
				 (double) summary_n(performance->parts[BINARY_POSITIVES]));
	tell_probabilities(&writer, performance);
	confusion_at(cells, n_cells, options->threshold, &confusion);
	if (writer.n > 0)
		writer.cut = (double) confusion.uncertain / (double) writer.n;
	tell_decisions(&writer, &confusion, options->beta);
	performance->allocator.resize(performance->allocator.context, cells, (n_cells + 1) * sizeof(ScoreCell), 0);
}
