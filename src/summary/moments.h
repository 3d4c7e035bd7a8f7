/*
 * moments.h
 *		Exact sums of the first four powers of finite doubles, and the statistics that follow from them.  Plain C.
 *
 * A finite double is an integer times 2^-1074, so the sum of k-th powers is an integer times 2^-1074k.  It is kept as that
 * integer, in two's complement, of which only the window of words that the data has reached is stored (Kulisch's accumulator,
 * cut to size): nothing is ever rounded, so adding, removing and merging in any order give the same words, and no range of data
 * breaks it (the widest sum of fourth powers takes 133 words).  Statistics combine the sums as integers and round once.
 */
#ifndef WEIR_MOMENTS_H
#define WEIR_MOMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "summary/wide_integer.h"

#define MOMENT_POWERS 4
#define MOMENT_BUCKETS 32
#define MOMENT_FREE (-1)

/* The windowed integer: word i is worth 2^(64 (low + i) - 1074 power); the topmost word carries the sign. */
typedef struct PowerSum
{
	int			low;
	int			n_words;		/* 0: the sum is zero and nothing is allocated */
	uint64_t   *words;			/* into Moments.words */
} PowerSum;

/*
 * Values with the same exponent are first gathered here, as integers, which takes neither shifts nor carries: with m the
 * mantissa, signed, and its square cut into 53 bits each (low, high), the sums of m, m low, m high (signed) and m^2, low^2, low
 * high, high^2.
 */
typedef __int128 MomentInteger __attribute__((aligned(8))); /* the Allocator promises no more */

typedef struct MomentBucket
{
	int			exponent;		/* MOMENT_FREE: it is empty */
	MomentInteger sum;
	MomentInteger square;
	MomentInteger cube_low;
	MomentInteger cube_high;
	MomentInteger fourth_low;
	MomentInteger fourth_middle;
	MomentInteger fourth_high;
} MomentBucket;

typedef struct Moments
{
	MomentBucket *buckets;		/* NULL until values are added */
	uint32_t	used_buckets;	/* a bit for each */
	int			n_gathered;		/* values that came since all buckets were empty */
	int			first_exponent; /* the windows have room for values with exponents in this range */
	int			last_exponent;
	int			n_words;		/* allocated, of all powers */
	uint64_t   *words;
	PowerSum	sums[MOMENT_POWERS];
} Moments;

extern void moments_init(Moments *moments);
extern void moments_free(Moments *moments, Allocator allocator);
extern void moments_copy(Moments *into, Allocator allocator, const Moments *from);

/*
 * Values must be finite.  They are only gathered: every other function but moments_remove and moments_add_weighted wants
 * moments_settle to be called before.
 */
extern void moments_add(Moments *moments, Allocator allocator, const double *values, size_t n);
extern void moments_add_times(Moments *moments, Allocator allocator, double value, int64_t count);
extern void moments_settle(Moments *moments, Allocator allocator);
extern void moments_remove(Moments *moments, Allocator allocator, double value);

/* The same value count times; count > 0. */
extern void moments_add_weighted(Moments *moments, Allocator allocator, double value, int64_t count);

extern void moments_merge(Moments *into, Allocator allocator, const Moments *from, bool subtract);
extern size_t moments_memory(const Moments *moments);
extern bool moments_equal(const Moments *a, const Moments *b);

/*
 * The sum of one power (1 to 4) as sign and magnitude; the value is sum * 2^(64 low - 1074 power), its lowest word is not zero.
 */
extern void moments_get(const Moments *moments, int power, WideInteger *sum, int *low);

/* Sets the sum of one power from sign and magnitude words; false when it lies beyond what doubles can reach. */
extern bool
moments_set(Moments *moments, Allocator allocator, int power, const uint64_t *words, int n_words, int low, bool negative);

/* The most words that the sum of a power can reach. */
extern int	moments_limit(int power);

/* Statistics of n > 0 values; false when undefined. */
extern double moments_sum(const Moments *moments);
extern double moments_mean(const Moments *moments, int64_t n);
extern bool moments_variance(const Moments *moments, int64_t n, double *result);
extern bool moments_standard_deviation(const Moments *moments, int64_t n, double *result);
extern bool moments_skewness(const Moments *moments, int64_t n, double *result);
extern bool moments_kurtosis(const Moments *moments, int64_t n, double *result);

/* The same, together in less time. */
typedef struct MomentStatistics
{
	bool		has_sum;		/* and a mean */
	bool		has_standard_deviation;
	bool		has_skewness;
	bool		has_kurtosis;
	double		sum;
	double		mean;
	double		standard_deviation;
	double		skewness;
	double		kurtosis;
} MomentStatistics;

extern void moments_statistics(const Moments *moments, int64_t n, MomentStatistics *result);

#endif
