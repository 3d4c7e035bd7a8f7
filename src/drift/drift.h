/*
 * drift.h
 *		How far a current sample of one column is from its baseline: scores, tests, verdicts.  Plain C.
 *
 * Both samples are first laid side by side (a DriftPair): numbers as counts per value, or per bin of the universal grid at the
 * coarser of two levels; categories as counts per category at the smaller of two hash thresholds.  Nothing is interpolated.
 *
 * Scores that need few and well-filled bins use the pair's cells, unless options say otherwise:
 *	numbers: the deciles of the baseline, frozen, as (previous decile, decile], the first and the last open; a value (a bin of
 *		the grid) that alone holds a tenth of the baseline is a cell of its own, with the gaps beside it;
 *	categories: each of the twenty largest, each that is expected to be seen five times in the smaller sample, the rest together;
 *	both: what is missing (NULL, NaN) is a cell.
 *
 * A score is never negative (but for the Anderson-Darling statistic, which is centred) and larger where there is more drift; the
 * classical statistic of a test, with its sign, stands beside it.
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
#define DRIFT_MAX_EXACT 1e9 /* and on request up to this one */
#define DRIFT_EXACT_VALUES 10000 /* of arrays, which hold every value: up to this size of both */
#define DRIFT_EXACT_PLACES 2e7 /* and while it takes no more steps than this */
#define DRIFT_RANK_EXACT_LIMIT 8 /* the Mann-Whitney test is exact, without ties, up to this size of the smaller sample */
#define DRIFT_RANK_MAX_EXACT 1e8 /* and no further than this product of n, m and the smaller of them */
#define DRIFT_MAX_BINS 10000
#define DRIFT_MAX_ROWS 4000 /* their pairs take half a gigabyte */

/* Index of the two samples in every array of two. */
enum
{
	BASELINE = 0,
	CURRENT = 1
};

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
	DRIFT_MMD,					/* of vectors, as far as DRIFT_DRIFTED_DIMENSIONS */
	DRIFT_HOTELLING,
	DRIFT_MAHALANOBIS,
	DRIFT_COVARIANCE_DIFFERENCE,
	DRIFT_CORRELATION_DIFFERENCE,
	DRIFT_PCA_RECONSTRUCTION_ERROR,
	DRIFT_CENTROID_COSINE,
	DRIFT_DRIFTED_DIMENSIONS,
	DRIFT_N_COMMON,				/* those above are what monitors compute when nobody says which */
	DRIFT_JENSEN_SHANNON_DIVERGENCE = DRIFT_N_COMMON,
	DRIFT_BHATTACHARYYA,
	DRIFT_HISTOGRAM_INTERSECTION,
	DRIFT_G_TEST,
	DRIFT_FISHER_EXACT,
	DRIFT_TWO_PROPORTION_Z,
	DRIFT_KUIPER,
	DRIFT_ENERGY_DISTANCE,
	DRIFT_CRAMER_VON_MISES,
	DRIFT_ANDERSON_DARLING,
	DRIFT_MANN_WHITNEY,
	DRIFT_WELCH_T,
	DRIFT_STUDENT_T,
	DRIFT_EPPS_SINGLETON,
	DRIFT_MEAN_DIFFERENCE,
	DRIFT_MEDIAN_DIFFERENCE,
	DRIFT_SPREAD_DIFFERENCE,
	DRIFT_DOMAIN_CLASSIFIER,	/* of vectors */
	DRIFT_N_METRICS
} DriftMetric;

/* How numbers are cut into cells. */
typedef enum DriftBinning
{
	BINNING_QUANTILE = 0,		/* of the baseline */
	BINNING_EQUAL_WIDTH,
	BINNING_DOANE,				/* equal width; their number by Doane's rule or Sturges' */
	BINNING_STURGES,
	BINNING_EDGES,				/* given */
	BINNING_GRID				/* of the universal grid, at the finest level with at most n_bins cells */
} DriftBinning;

/* The share of an empty cell where a logarithm needs one. */
typedef enum DriftSmoothing
{
	SMOOTHING_FLOOR = 0,		/* see drift_floor */
	SMOOTHING_NONE,				/* the score is then undefined */
	SMOOTHING_LAPLACE			/* alpha is added to the count of each cell, empty or not */
} DriftSmoothing;

typedef enum DriftTestMethod
{
	TEST_AUTO = 0,
	TEST_EXACT,
	TEST_ASYMPTOTIC
} DriftTestMethod;

/* All zero but for what drift_options_default sets. */
typedef struct DriftOptions
{
	DriftBinning binning;
	int			n_bins;			/* 0: DRIFT_QUANTILE_CELLS */
	bool		pooled_range;	/* equal widths over both samples, not over the baseline */
	const double *edges;		/* ascending, in stored units; owned by the caller, as long as the pair lives */
	int			n_edges;
	DriftSmoothing smoothing;
	double		floor;			/* 0: the default one */
	double		alpha;
	double		log_base;		/* 0: e, for Jensen-Shannon 2 */
	bool		ignore_missing;
	int			top_k;			/* categories with a cell of their own; 0: by the rule above */
	DriftTestMethod test;
	double		significance;
	int64_t		min_n;
	int			n_permutations; /* of tests of vectors */
	uint64_t	seed;
	int			max_rows;		/* of each side that scores of pairs of vectors look at, spread evenly over it */
	double		explained;		/* share of the variance that principal components keep */
	double		warning[DRIFT_N_METRICS]; /* NaN: the default */
	double		alert[DRIFT_N_METRICS];
} DriftOptions;

extern void drift_options_default(DriftOptions *options);

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

/* What one pass over the bins gives to the scores that compare the distribution functions (drift_ranks.c). */
typedef struct DriftRanks
{
	double		kuiper;
	double		kuiper_bound;
	double		area;			/* between the distribution functions, every value of a bin at its middle; in stored units */
	double		area_bound;
	double		energy;			/* the energy distance */
	double		energy_bound;
	double		cramer_von_mises;
	double		cramer_von_mises_bound;
	double		anderson_darling; /* not centred */
	double		anderson_darling_bound;
	double		baseline_wins;	/* pairs in which the baseline's value is the larger one, ties half */
	double		undecided_pairs; /* within bins of several values */
	double		ties;			/* sum of t^3 - t over the groups of equal values */
} DriftRanks;

/* Of the finite values of one side, in stored units. */
typedef struct DriftMoments
{
	int64_t		n;
	double		mean;
	double		variance;		/* sample: n - 1 */
	double		fourth;			/* central moment, divided by n */
} DriftMoments;

typedef struct DriftPair
{
	Allocator	allocator;
	DriftOptions options;
	SummaryKind kind;
	SummaryUnit unit;
	DriftBin   *bins;			/* ascending; numbers only */
	size_t		n_bins;
	size_t		bins_capacity;
	DriftCategory *categories;	/* ascending by bytes; categories only */
	size_t		n_categories;
	size_t		categories_capacity;
	bool		has_cells;
	DriftCell  *cells;
	size_t		n_cells;
	size_t		cells_capacity;
	int64_t		n_occupied;		/* cells that some row is in */
	int64_t		n_values[2];	/* neither NULL nor NaN */
	int64_t		n_missing[2];
	int64_t		n_other[2];		/* categories without a name */
	double		straddling[2];	/* rows in bins that an edge of a cell cuts: which side they are on is not known */
	bool		is_binned;		/* there are bins of several values */
	bool		is_of_arrays;	/* not of summaries */
	bool		has_moments;
	DriftMoments moments[2];
	struct DriftVectors *vectors; /* of vectors, else NULL; drift_vectors.h */
	bool		has_ranks;		/* each is computed once, when a score first asks for it */
	DriftRanks	ranks;
	bool		has_kolmogorov;
	KolmogorovResult kolmogorov;
} DriftPair;

/* Options: NULL for the defaults. */

/* The pair, or NULL when the kinds or units differ. What it points to must live as long as it does. */
extern DriftPair *
drift_pair_of_summaries(Allocator allocator, const DriftOptions *options, const Summary *baseline, const Summary *current);

/* NaN among the values counts as missing, beside n_missing. The arrays are sorted in place. */
extern DriftPair *drift_pair_of_numbers(Allocator allocator, const DriftOptions *options, double *baseline, size_t n_baseline,
										int64_t missing_baseline, double *current, size_t n_current, int64_t missing_current);

typedef struct DriftText
{
	const char *bytes;
	size_t		length;
} DriftText;

extern DriftPair *drift_pair_of_texts(Allocator allocator, const DriftOptions *options, DriftText *baseline, size_t n_baseline,
									  int64_t missing_baseline, DriftText *current, size_t n_current, int64_t missing_current);
/*
 * Of vectors, row by row; those with an element that is not finite count as missing. Rows are moved in place and must live as long
 * as the pair.
 */
extern DriftPair *
drift_pair_of_vectors(Allocator allocator, const DriftOptions *options, int dimension, double *baseline, size_t n_baseline,
					  int64_t missing_baseline, double *current, size_t n_current, int64_t missing_current);
extern void drift_pair_free(DriftPair *pair);

/* Fills the cells, once; drift_score does so for scores that need them (drift_cells.c). */
extern void drift_make_cells(DriftPair *pair);

extern const char *drift_metric_name(DriftMetric metric);

/* Accepts the usual short names too (ks, js, kl, …); -1 when there is none. */
extern int	drift_metric_find(const char *name);
extern bool drift_metric_applies(DriftMetric metric, SummaryKind kind);

/* The same, with a look at the samples: some scores are of two values only. */
extern bool drift_metric_applies_to(DriftMetric metric, const DriftPair *pair);

/* True for those that monitors compute when nobody says which. */
static inline bool
drift_metric_is_common(DriftMetric metric)
{
	return metric < DRIFT_N_COMMON;
}

/* True when the score is computed on the cells. */
extern bool drift_metric_uses_cells(DriftMetric metric);

/* The largest value that the score can have, infinite when there is no limit. */
extern double drift_metric_limit(DriftMetric metric);

typedef struct DriftScore
{
	ScoreStatus status;
	ScoreVerdict verdict;
	const char *reason;			/* why there is no value, else NULL */
	bool		has_value;
	double		value;
	bool		has_statistic;
	double		statistic;		/* of the test, where it is not the value itself */
	bool		has_p_value;
	double		p_value;
	const char *test;			/* what gave the p-value */
	double		degrees_of_freedom; /* of that test; 0: it has none */
	bool		has_threshold;
	double		threshold;		/* alert from it on; in units of the score */
	double		warning_threshold;
	bool		has_error_bound;
	double		error_bound;	/* how far the score can be from that of the values themselves, by what the summaries do not keep */
	int64_t		n[2];			/* rows behind it: with the missing for scores on cells, without for scores on values */
	bool		has_location;	/* where the distribution functions differ most, and the shares at or below it */
	double		location;
	double		location_share[2];
	bool		has_level;		/* the mean, median, spread or share of each side, in units of the score */
	double		level[2];
	bool		has_elements;	/* of vectors: the element or the pair of elements, from 1, that differs most; the second 0: none */
	int			elements[2];
	bool		has_standard_error;
	double		standard_error; /* of the difference between the two */
} DriftScore;

/* The metric must apply to the pair's kind. */
extern void drift_score(DriftPair *pair, DriftMetric metric, DriftScore *score);

/* What a cell adds to the score: the terms of the sum for sums, the difference of shares for the others. */
extern double drift_cell_contribution(const DriftPair *pair, DriftMetric metric, const DriftCell *cell);

/*
 * All rows of a side, and the share that an empty cell is given there where a logarithm needs one: half a row, at least
 * DRIFT_MIN_SHARE, unless options say otherwise.
 */
extern int64_t drift_n_rows(const DriftPair *pair, int side);
extern double drift_floor(const DriftPair *pair, int side);

/* Pearson's test that both samples fall into the cells alike: statistic, degrees of freedom, p. */
extern double drift_chi_square(const DriftPair *pair, double *degrees_of_freedom, double *p_value);

/* The test on the bins, neither sample empty; made once per pair. */
extern void drift_kolmogorov(DriftPair *pair, KolmogorovResult *result);

/* The same for what all scores on distribution functions and on moments need. */
extern const DriftRanks *drift_ranks(DriftPair *pair);
extern const DriftMoments *drift_moments(DriftPair *pair);

/* True when a sample holds an infinite value. */
extern bool drift_has_infinities(const DriftPair *pair);

/* Seconds for stored durations and times, which are microseconds. */
static inline double
drift_unit(const DriftPair *pair)
{
	return pair->unit == SUMMARY_PLAIN ? 1 : 1e-6;
}

/* Exactly two values in both samples together: of a binary column, the larger of them counts as success. */
extern bool drift_two_values(const DriftPair *pair, int64_t successes[2], int64_t totals[2]);

/* One family of scores each; the caller has checked that neither sample is empty (drift_scores.c). */
extern void drift_score_cells(DriftPair *pair, DriftMetric metric, DriftScore *score);
extern void drift_score_proportions(DriftPair *pair, DriftMetric metric, DriftScore *score);
extern void drift_score_ranks(DriftPair *pair, DriftMetric metric, DriftScore *score);
extern void drift_score_moments(DriftPair *pair, DriftMetric metric, DriftScore *score);
extern void drift_score_epps_singleton(DriftPair *pair, DriftScore *score);
extern void drift_score_vectors(DriftPair *pair, DriftMetric metric, DriftScore *score);

/* The p-value of the Kolmogorov-Smirnov test, for distances without a test of their own. */
extern void drift_borrow_p_value(DriftPair *pair, DriftScore *score);

/* fmax and fmin without their care for NaN, which costs a call. */
static inline double
larger_of(double a, double b)
{
	return a > b ? a : b;
}

static inline double
smaller_of(double a, double b)
{
	return a < b ? a : b;
}

static inline void
drift_undefined(DriftScore *score, const char *reason)
{
	score->status = SCORE_UNDEFINED;
	score->reason = reason;
}

/*
 * What long computations call now and then: the server's check for interrupts, which may not return (memory of the Allocator is
 * then released with its context).  NULL outside the server.
 */
extern void (*drift_check_interrupts)(void);

static inline void
drift_pause(void)
{
	if (drift_check_interrupts != NULL)
		drift_check_interrupts();
}

/* ascending; sort_doubles.c. No NaN. */
extern void sort_doubles(Allocator allocator, double *values, size_t n);

#endif
