/*
 * estimate.c
 *		Expected confusion matrix and ranking of rows whose labels are not known.
 */
#include "quality/estimate.h"

#include <math.h>

#include "quality/performance_writer.h"

/* Rows with scores that cannot be told apart. */
typedef struct ScoredCell
{
	double		n;
	double		p;				/* of being positive */
	double		above;			/* share of the rows at or above the threshold */
	double		wins;			/* expected share of the negatives below it, of the positives above it; equal scores count half */
	double		losses;
} ScoredCell;

typedef struct Expected
{
	double		n;
	double		selected;
	double		positives;
	double		true_positives;
	double		cut;
} Expected;

/* The variance of a value whose derivative by the label of a row is given for rows above and below the threshold. */
static double
variance_of(const ScoredCell *cells, size_t n, double above, double below)
{
	double		sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += cells[i].n * cells[i].p * (1 - cells[i].p) * (cells[i].above * above * above + (1 - cells[i].above) * below * below);
	return sum;
}

static void
tell_expected(const ScoreWriter *writer, const ScoredCell *cells, size_t n, const char *name, double value, double above,
			  double below)
{
	double		half = writer->z * sqrt(variance_of(cells, n, above, below));

	tell_interval(writer, name, value, fmax(0, value - half), fmin(1, value + half), writer->n, 0);
}

static void
tell_ranking(const ScoreWriter *writer, ScoredCell *cells, size_t n, const Expected *e)
{
	double		negatives = e->n - e->positives;
	double		below = 0;
	double		above = 0;
	double		area = 0;
	double		variance = 0;
	double		half;

	for (size_t i = 0; i < n; i++)
	{
		double		own = cells[i].n * (1 - cells[i].p);

		cells[i].wins = (below + own / 2) / negatives;
		below += own;
		area += cells[i].n * cells[i].p * cells[i].wins / e->positives;
	}
	for (size_t i = n; i-- > 0;)
	{
		double		own = cells[i].n * cells[i].p;
		double		slope;

		cells[i].losses = (above + own / 2) / e->positives;
		above += own;
		slope = (cells[i].wins - area) / e->positives - (cells[i].losses - area) / negatives;
		variance += cells[i].n * cells[i].p * (1 - cells[i].p) * slope * slope;
	}
	half = writer->z * sqrt(variance);
	if (e->positives > 0 && negatives > 0)
		tell_interval(writer, "roc_auc", area, fmax(0, area - half), fmin(1, area + half), writer->n, 0);
	else
		tell_undefined(writer, "roc_auc", writer->n);
}

static void
tell_losses(const ScoreWriter *writer, const ScoredCell *cells, size_t n, const Expected *e)
{
	double		brier = 0;
	double		loss = 0;

	for (size_t i = 0; i < n; i++)
	{
		double		p = cells[i].p;

		brier += cells[i].n * p * (1 - p);
		if (p > 0 && p < 1)
			loss -= cells[i].n * (p * log(p) + (1 - p) * log1p(-p));
	}
	/* Of the probabilities as mended; those of the scores as they are cannot be better. */
	tell_value(writer, "brier_score", score_ratio(brier, e->n), writer->n, 0);
	tell_value(writer, "log_loss", score_ratio(loss, e->n), writer->n, 0);
}

static void
tell_decisions(const ScoreWriter *writer, const ScoredCell *cells, size_t n, const Expected *e)
{
	double		tp = e->true_positives;
	double		fp = e->selected - tp;
	double		fn = e->positives - tp;
	double		tn = e->n - e->selected - fn;
	double		negatives = fp + tn;
	double		recall = score_ratio(tp, e->positives);
	double		specificity = score_ratio(tn, negatives);
	double		f1 = score_ratio(2 * tp, e->selected + e->positives);

	tell_expected(writer, cells, n, "accuracy", score_ratio(tp + tn, e->n), 1 / e->n, -1 / e->n);
	tell_expected(writer, cells, n, "precision", score_ratio(tp, e->selected), 1 / fmax(e->selected, 1e-300), 0);
	tell_expected(writer, cells, n, "recall", recall, (1 - recall) / e->positives, -recall / e->positives);
	/* A label that turns positive leaves the negatives. */
	tell_expected(writer, cells, n, "specificity", specificity, specificity / negatives, (specificity - 1) / negatives);
	tell_expected(writer, cells, n, "f1", f1, (2 - f1) / (e->selected + e->positives), -f1 / (e->selected + e->positives));
	tell_expected(writer, cells, n, "base_rate", score_ratio(e->positives, e->n), 1 / e->n, 1 / e->n);
	tell_value(writer, "selection_rate", score_ratio(e->selected, e->n), writer->n, e->cut);
}

static Summary *
all_scores(const Performance *performance)
{
	Summary	   *scores = summary_copy(performance->allocator, performance->parts[BINARY_UNLABELLED]);

	summary_merge(scores, performance->parts[BINARY_NEGATIVES]);
	summary_merge(scores, performance->parts[BINARY_POSITIVES]);
	return scores;
}

void
performance_estimate(const Performance *performance, const Calibrator *calibrator, double threshold, double z, int64_t min_n,
					 PerformanceSink sink, void *context)
{
	Allocator	allocator = performance->allocator;
	Summary	   *scores = all_scores(performance);
	size_t		n = summary_bins(scores, summary_level(scores), NULL, 0);
	SummaryBin *bins = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(SummaryBin));
	ScoredCell *cells = allocator.resize(allocator.context, NULL, 0, (n + 1) * sizeof(ScoredCell));
	ScoreWriter writer = {.sink = sink, .context = context, .z = z, .min_n = min_n, .n = summary_n(scores)};
	Expected	expected = {0};

	summary_bins(scores, summary_level(scores), bins, n);
	for (size_t i = 0; i < n; i++)
	{
		const SummaryBin *bin = &bins[i];
		double		score = bin->lower == bin->upper ? bin->lower : bin->lower + (bin->upper - bin->lower) / 2;
		ScoredCell *cell = &cells[i];

		cell->n = (double) bin->count;
		cell->p = calibrator != NULL ? calibrator_apply(calibrator, score) : fmin(1, fmax(0, score));
		cell->above = bin->lower >= threshold ? 1
			: bin->upper < threshold          ? 0
											  : (bin->upper - threshold) / (bin->upper - bin->lower);
		expected.n += cell->n;
		expected.selected += cell->n * cell->above;
		expected.positives += cell->n * cell->p;
		expected.true_positives += cell->n * cell->p * cell->above;
		if (cell->above > 0 && cell->above < 1)
			expected.cut = cell->n;
	}
	expected.cut = expected.n > 0 ? expected.cut / expected.n : 0;
	tell_ranking(&writer, cells, n, &expected);
	tell_losses(&writer, cells, n, &expected);
	tell_decisions(&writer, cells, n, &expected);
	allocator.resize(allocator.context, bins, (n + 1) * sizeof(SummaryBin), 0);
	allocator.resize(allocator.context, cells, (n + 1) * sizeof(ScoredCell), 0);
	summary_free(scores);
}
