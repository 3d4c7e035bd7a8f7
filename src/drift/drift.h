/*
 * drift.h
 *		How far a current sample of one column is from its baseline: scores, tests, verdicts.  Plain C.
 *
 * Both samples are first laid side by side (a DriftPair): numbers as counts per value, or per bin of the universal grid at the
 * coarser of two levels; categories as counts per category at the smaller of two hash thresholds.  Nothing is interpolated.
 *
 * Scores that need few and well-filled bins use the pair's cells:
 *	numbers: the deciles of the baseline, frozen, as (previous decile, decile], the first and the last open; a value (a bin of
 *		the grid) that alone holds a tenth of the baseline is a cell of its own, with the gaps beside it;
 *	categories: each of the twenty largest, each that is expected to be seen five times in the smaller sample, the rest together;
 *	both: what is missing (NULL, NaN) is a cell.
 */
#ifndef WEIR_DRIFT_H
#define WEIR_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "base/verdict.h"
#include "summary/summary.h"

#define DRIFT_MIN_N 10 /* below it, on either side, the status is insufficient */
#define DRIFT_SIGNIFICANCE 0.05 /* a verdict other than ok needs a p-value below it as well as the effect size */
#define DRIFT_QUANTILE_CELLS 10
#define DRIFT_ALWAYS_KEPT_CATEGORIES 20
#define DRIFT_MIN_EXPECTED 5
#define DRIFT_MIN_SHARE 0.0001 /* see drift_floor */
#define DRIFT_EXACT_LIMIT 100000.0 /* the Kolmogorov-Smirnov test is exact up to this product of the sample sizes */

/* Index of the two samples in every array of two. */
enum
{
	BASELINE = 0,
	CURRENT = 1
};

typedef struct DriftBin
{
	double		lower;			/* smallest and largest value of the bin, in stored units; equal where the value is exact */
	double		upper;
	int64_t		n[2];
} DriftBin;

typedef struct DriftCategory
{
	const char *bytes;			/* owned by the summary or the array it came from */
	size_t		length;
	int64_t		n[2];
	bool		has_cell;		/* not among the rare */
} DriftCategory;

typedef enum DriftCellKind
{
	CELL_VALUES,				/* a range of numbers */
	CELL_CATEGORY,
	CELL_RARE,					/* categories too rare for a cell of their own */
	CELL_OTHER,					/* categories whose names a summary has dropped */
	CELL_MISSING
} DriftCellKind;

typedef struct DriftCell
{
	DriftCellKind kind;
	double		lower;			/* of CELL_VALUES: (lower, upper], or the one bin that is a cell; infinite: open */
	double		upper;
	size_t		category;		/* of CELL_CATEGORY */
	int64_t		n[2];
} DriftCell;

/* Two-sample Kolmogorov-Smirnov test. */
typedef struct KolmogorovResult
{
	double		distance;
	double		error_bound;
	double		p_value;
	bool		is_exact;
	double		location;
	double		location_share[2];
} KolmogorovResult;

typedef struct DriftPair
{
	Allocator	allocator;
	SummaryKind kind;
	SummaryUnit unit;
	DriftBin   *bins;			/* ascending; numbers only */
	size_t		n_bins;
	size_t		bins_capacity;
	DriftCategory *categories;	/* ascending by bytes; categories only */
	size_t		n_categories;
	size_t		categories_capacity;
	DriftCell  *cells;
	size_t		n_cells;
	size_t		cells_capacity;
	int64_t		n_values[2];	/* neither NULL nor NaN */
	int64_t		n_missing[2];
	int64_t		n_other[2];		/* categories without a name */
	bool		has_spread;
	double		spread;			/* sample standard deviation of the finite values of the baseline, in stored units */
	bool		has_kolmogorov; /* the test below was made: three scores show its p-value */
	KolmogorovResult kolmogorov;
} DriftPair;

/* The pair, or NULL when the kinds or units differ. What it points to must live as long as it does. */
extern DriftPair *drift_pair_of_summaries(Allocator allocator, const Summary *baseline, const Summary *current);

/* NaN among the values counts as missing, beside n_missing. The arrays are sorted in place. */
extern DriftPair *drift_pair_of_numbers(Allocator allocator, double *baseline, size_t n_baseline, int64_t missing_baseline,
										double *current, size_t n_current, int64_t missing_current);

typedef struct DriftText
{
	const char *bytes;
	size_t		length;
} DriftText;

extern DriftPair *drift_pair_of_texts(Allocator allocator, DriftText *baseline, size_t n_baseline, int64_t missing_baseline,
									  DriftText *current, size_t n_current, int64_t missing_current);
extern void drift_pair_free(DriftPair *pair);

/* Fills the cells; called by the makers above (drift_cells.c). */
extern void drift_make_cells(DriftPair *pair);

typedef enum DriftMetric
{
	DRIFT_PSI = 0,
	DRIFT_KOLMOGOROV_SMIRNOV,
	DRIFT_JENSEN_SHANNON,
	DRIFT_WASSERSTEIN,
	DRIFT_WASSERSTEIN_NORMALIZED,
	DRIFT_CHI_SQUARE,
	DRIFT_CRAMERS_V,
	DRIFT_HELLINGER,
	DRIFT_TOTAL_VARIATION,
	DRIFT_KULLBACK_LEIBLER,
	DRIFT_L_INFINITY,
	DRIFT_N_METRICS
} DriftMetric;

extern const char *drift_metric_name(DriftMetric metric);

/* Accepts the usual short names too (ks, js, kl, …); -1 when there is none. */
extern int	drift_metric_find(const char *name);
extern bool drift_metric_applies(DriftMetric metric, SummaryKind kind);

/* True when the score is computed on the cells. */
extern bool drift_metric_uses_cells(DriftMetric metric);

typedef struct DriftScore
{
	ScoreStatus status;
	ScoreVerdict verdict;
	const char *reason;			/* why there is no value, else NULL */
	bool		has_value;
	double		value;
	bool		has_p_value;
	double		p_value;		/* scores on values: Kolmogorov-Smirnov test; scores on cells: chi-square test */
	bool		p_value_is_exact;
	int64_t		degrees_of_freedom; /* of the chi-square test */
	bool		has_threshold;
	double		threshold;		/* alert above it; in units of the score */
	double		warning_threshold;
	bool		has_error_bound;
	double		error_bound;	/* how far the score can be from that of the values themselves, by what the summaries do not keep */
	int64_t		n[2];			/* rows behind it: with the missing for scores on cells, without for scores on values */
	double		location;		/* of Kolmogorov-Smirnov: the value at which the distributions differ most */
	double		location_share[2]; /* and the shares at or below it */
} DriftScore;

/* The metric must apply to the pair's kind. */
extern void drift_score(DriftPair *pair, DriftMetric metric, DriftScore *score);

/* What a cell adds to the score: the terms of the sum for sums, the difference of shares for the others. */
extern double drift_cell_contribution(const DriftPair *pair, DriftMetric metric, const DriftCell *cell);

/*
 * All rows of a side, and the share that an empty cell is given there where a logarithm needs one: half a row, at least
 * DRIFT_MIN_SHARE.
 */
extern int64_t drift_n_rows(const DriftPair *pair, int side);
extern double drift_floor(const DriftPair *pair, int side);

/* Pearson's test that both samples fall into the cells alike: statistic, degrees of freedom, p. */
extern double drift_chi_square(const DriftPair *pair, int64_t *degrees_of_freedom, double *p_value);

/* The test on the bins, neither sample empty; made once per pair. */
extern void drift_kolmogorov(DriftPair *pair, KolmogorovResult *result);

#endif
