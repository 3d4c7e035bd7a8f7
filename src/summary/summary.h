/*
 * summary.h
 *		A mergeable, retractable, canonical summary of one column.  Plain C.
 *
 * One summary holds the counts (rows, NULLs, NaN, infinities), and by kind either the moments (exact sums of the powers of the
 * finite values) with their distribution (a histogram over the universal binary grid), or the categories with their counts, or
 * what vectors have in common; what is said of numbers below is then said of the norms of the vectors.
 *
 * Canonical: the same multiset of values gives the same bytes, whatever the order, batching or merge tree.  After retraction
 * two summaries of the same multiset may differ in level (distribution), in threshold (categories) and in the extremes;
 * summary_equal compares them at the coarser level.
 *
 * Units.  Durations and times are stored as whole microseconds so that sums are exact; the unit says how to show them: an
 * interval in seconds, a time in seconds since 1970-01-01 UTC.
 */
#ifndef WEIR_SUMMARY_H
#define WEIR_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "summary/category_sketch.h"
#include "summary/moments.h"

/* What a budget of 0 stands for. */
#define SUMMARY_DEFAULT_BUDGET 0
#define SUMMARY_DEFAULT_BINS 1536
#define SUMMARY_DEFAULT_CATEGORIES 1024
#define SUMMARY_MIN_BUDGET 16
#define SUMMARY_MAX_BUDGET 65536

typedef enum SummaryKind
{
	SUMMARY_NUMERIC = 1,
	SUMMARY_CATEGORY = 2,
	SUMMARY_VECTOR = 3			/* of one dimension: summary_vector.h */
} SummaryKind;

/* numeric, category, vector. */
extern const char *summary_kind_name(SummaryKind kind);

/* False when no kind is called so. */
extern bool summary_kind_of_name(const char *name, SummaryKind *kind);

typedef enum SummaryUnit
{
	SUMMARY_PLAIN = 0,			/* the number itself; for categories always this */
	SUMMARY_INTERVAL = 1,		/* microseconds, shown in seconds */
	SUMMARY_TIME = 2			/* microseconds since 2000-01-01 UTC, shown in seconds since 1970-01-01 UTC */
} SummaryUnit;

typedef struct Summary Summary;

/* ---- life ---- */
extern Summary *summary_create(Allocator allocator, SummaryKind kind, SummaryUnit unit, int budget);
extern Summary *summary_copy(Allocator allocator, const Summary *summary);
extern void summary_reset(Summary *summary); /* to the empty summary, keeping kind, unit and budget */
extern void summary_forget_nulls(Summary *summary); /* as if no NULL had been added */
extern void summary_free(Summary *summary);
extern size_t summary_memory(const Summary *summary); /* bytes held now */

/* ---- filling ---- */
extern void summary_add_number(Summary *summary, double value);
extern void summary_add_numbers(Summary *summary, const double *values, size_t n); /* the same for all of them */
extern void summary_add_nulls(Summary *summary, int64_t n);
extern void summary_add_category(Summary *summary, const char *bytes, size_t length);
extern void summary_add_category_times(Summary *summary, const char *bytes, size_t length, int64_t times);
extern void summary_add_null(Summary *summary);

/*
 * Takes back one value that was added before. Counts below zero mean that the caller erred: they are clamped and
 * summary_is_inexact.
 */
extern void summary_remove_number(Summary *summary, double value);
extern void summary_remove_category(Summary *summary, const char *bytes, size_t length);
extern void summary_remove_null(Summary *summary);

typedef enum SummaryStatus
{
	SUMMARY_OK = 0,
	SUMMARY_KIND_MISMATCH,		/* numeric with category, or different units */
	SUMMARY_DIMENSION_MISMATCH, /* vectors of different dimensions */
	SUMMARY_CORRUPT,
	SUMMARY_VERSION_UNKNOWN
} SummaryStatus;

/* into := into + from, and into := into - from (the multiset difference). Budgets differ: the smaller one wins. */
extern SummaryStatus summary_merge(Summary *into, const Summary *from);
extern SummaryStatus summary_subtract(Summary *into, const Summary *from);

/* ---- reading ---- */
extern SummaryKind summary_kind(const Summary *summary);
extern SummaryUnit summary_unit(const Summary *summary);
extern int	summary_budget(const Summary *summary);
extern int	summary_level(const Summary *summary); /* of the distribution; 0 = every value exact */
extern bool summary_is_inexact(const Summary *summary); /* more was removed than had been added */
extern bool summary_extremes_stale(const Summary *summary); /* a removal touched the minimum or maximum */
extern int64_t summary_n(const Summary *summary); /* values that are not NULL, NaN and infinities included */
extern int64_t summary_finite_count(const Summary *summary);
extern int64_t summary_null_count(const Summary *summary);
extern int64_t summary_nan_count(const Summary *summary);
extern int64_t summary_positive_infinity_count(const Summary *summary);
extern int64_t summary_negative_infinity_count(const Summary *summary);

/*
 * Moments over the finite values, rounded once from exact sums (skewness and kurtosis: a few times); false when undefined (no
 * values, one for the sample variance, a constant for skewness and kurtosis).  In stored units.  Beyond the range of doubles:
 * infinite.
 */
extern bool summary_sum(const Summary *summary, double *result);
extern bool summary_mean(const Summary *summary, double *result);
extern bool summary_variance(const Summary *summary, double *result); /* sample: n - 1 */
extern bool summary_standard_deviation(const Summary *summary, double *result); /* in range even where the variance is not */
extern bool summary_skewness(const Summary *summary, double *result); /* population g1, as scipy.stats.skew */
extern bool summary_kurtosis(const Summary *summary, double *result); /* excess g2, as scipy.stats.kurtosis */

/* Infinities count, NaN does not.  When stale, a bound: the true minimum is at least this and in the same or a higher bin. */
extern bool summary_min(const Summary *summary, double *result);
extern bool summary_max(const Summary *summary, double *result);

/* The same over the finite values only; false when there are none. */
extern bool summary_finite_extremes(const Summary *summary, double *minimum, double *maximum);

/* All of these at once, in less time. */
typedef struct SummaryStatistics
{
	int64_t		n;
	int64_t		n_finite;
	int64_t		null_count;
	MomentStatistics moments;	/* of the finite values */
	bool		has_extremes;
	double		minimum;
	double		maximum;
} SummaryStatistics;

extern void summary_statistics(const Summary *summary, SummaryStatistics *statistics);

/*
 * p in [0, 1]; within [min, max], monotone in p; where the level is 0 equal to percentile_disc over the values that are not
 * NaN.
 */
extern bool summary_quantile(const Summary *summary, double p, double *result);

/* Share of the values <= x, in [0, 1]; and the largest rank error any quantile or cdf answer can have. */
extern bool summary_cdf(const Summary *summary, double x, double *result);
extern double summary_error_bound(const Summary *summary);

/*
 * Mean of the values but for this share of the smallest and of the largest (as many as whole values fit into it), exact at level
 * 0, else within error; false when nothing is left.
 */
extern bool summary_trimmed_mean(const Summary *summary, double low, double high, double *mean, double *error);

/*
 * One bin of the distribution, in ascending order: values in [lower, upper] (both inclusive: smallest and largest double of the
 * bin).
 */
typedef struct SummaryBin
{
	uint64_t	key;			/* ascending; equal in two summaries, at the same level, for the same bin */
	double		lower;
	double		upper;
	int64_t		count;
} SummaryBin;

/*
 * The occupied bins at the given level (>= summary_level) in ascending order, -infinity first and +infinity last as bins of
 * their own, NaN not among them.  Writes at most capacity bins, returns how many there are.
 */
extern size_t summary_bins(const Summary *summary, int level, SummaryBin *bins, size_t capacity);

typedef struct SummaryCategory
{
	const char *bytes;			/* not terminated; owned by the summary */
	size_t		length;
	uint64_t	hash;
	int64_t		count;
} SummaryCategory;

/*
 * Categories past their budget are a canonical sample: those whose hash is at most the threshold keep exact counts, all others
 * are counted together as "other", with a sketch that shows the frequent ones of them.  Two summaries are comparable at the
 * smaller threshold.
 */
extern size_t
summary_categories(const Summary *summary, SummaryCategory *categories, size_t capacity); /* by descending count, then bytes */
extern int64_t summary_other_count(const Summary *summary);
extern uint64_t summary_hash_threshold(const Summary *summary); /* UINT64_MAX when complete */

/* Number of distinct values when it is known exactly (level 0, or all categories kept), else -1. */
extern int64_t summary_distinct_exact(const Summary *summary);

/*
 * Number of distinct values and its relative standard error, 0 when exact; false when nothing tells.  Stale: values were taken
 * back that may have been the last of their kind, so that there may be fewer.
 */
extern bool summary_distinct(const Summary *summary, double *estimate, double *relative_error);
extern bool summary_distinct_stale(const Summary *summary);

/*
 * Rows of one category: exactly (error 0) when it is kept or all are, else an estimate from the sketch of the others with three
 * standard errors.  False when nothing tells.
 */
extern bool summary_category_count(const Summary *summary, const char *bytes, size_t length, int64_t *count, int64_t *error);

/* The frequent ones among the categories that are not kept, as far as the sketch shows them; returns how many. */
extern size_t summary_frequent_others(const Summary *summary, FrequentCategory *result, size_t capacity);

/*
 * Same multiset as far as both can tell: everything exact must be equal, the distributions at the coarser level, the categories
 * at the smaller threshold; extremes only where neither is stale.  Where nothing was retracted this is equality of the bytes.
 */
extern bool summary_equal(const Summary *a, const Summary *b);

/* ---- wire: versioned, compact, the same bytes for the same state, independent of byte order ---- */
extern size_t summary_encoded_size(const Summary *summary);
extern size_t summary_encode(const Summary *summary, uint8_t *buffer);

/* The same in one pass, into a buffer that has this much room, which is more than it takes. */
extern size_t summary_encoding_room(const Summary *summary);
extern size_t summary_encode_in_room(const Summary *summary, uint8_t *buffer);

/* Hostile input gives SUMMARY_CORRUPT, never more memory than some constant times size. */
extern SummaryStatus summary_decode(Allocator allocator, const uint8_t *bytes, size_t size, Summary **result);

#endif
