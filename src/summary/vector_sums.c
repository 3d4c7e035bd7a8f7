/*
 * vector_sums.c
 *		What is summed of vectors: adding, taking back, merging.
 */
#include "summary/vector_sums.h"

#include <math.h>
#include <string.h>

#include "summary/memory_inline.h"

int
vector_sums_count(int dimension)
{
	return dimension <= VECTOR_FULL_COVARIANCE ? dimension + dimension * (dimension + 1) / 2 : 2 * dimension;
}

/* The arrays are one piece of memory: high, low, scratch. */
static size_t
array_size(const VectorSums *sums)
{
	int			scratch = sums->padded > 2 * sums->dimension ? sums->padded : 2 * sums->dimension;

	return sizeof(double) * (size_t) (2 * sums->n_sums + scratch);
}

static void
set_arrays(VectorSums *sums, double *memory)
{
	sums->high = memory;
	sums->low = memory + sums->n_sums;
	sums->scratch = memory + 2 * sums->n_sums;
}

VectorSums *
vector_sums_create(Allocator allocator, int dimension)
{
	VectorSums *sums = allocate(allocator, sizeof(VectorSums));

	memset(sums, 0, sizeof(VectorSums));
	sums->dimension = dimension;
	sums->n_sums = vector_sums_count(dimension);
	sums->padded = vector_embedding_padded(dimension);
	set_arrays(sums, allocate(allocator, array_size(sums)));
	memset(sums->high, 0, array_size(sums));
	return sums;
}

VectorSums *
vector_sums_copy(Allocator allocator, const VectorSums *sums)
{
	VectorSums *copy;

	if (sums == NULL)
		return NULL;
	copy = allocate(allocator, sizeof(VectorSums));
	*copy = *sums;
	set_arrays(copy, allocate(allocator, array_size(sums)));
	memcpy(copy->high, sums->high, sizeof(double) * 2 * (size_t) sums->n_sums);
	return copy;
}

void
vector_sums_free(VectorSums *sums, Allocator allocator)
{
	if (sums == NULL)
		return;
	release(allocator, sums->high, array_size(sums));
	release(allocator, sums, sizeof(VectorSums));
}

size_t
vector_sums_memory(const VectorSums *sums)
{
	return sums == NULL ? 0 : sizeof(VectorSums) + array_size(sums);
}

bool
vector_norm(const double *values, int dimension, double *norm)
{
	double		greatest = 0;
	double		sum = 0;
	double		scale = 1;

	for (int i = 0; i < dimension; i++)
	{
		double		size = fabs(values[i]);

		if (!(size <= VECTOR_MAX_ELEMENT))
			return false;
		if (size > greatest)
			greatest = size;
	}

	/* Squares of tiny numbers would vanish. */
	if (greatest < 0x1p-400)
		scale = 0x1p600;
	for (int i = 0; i < dimension; i++)
		sum += (values[i] * scale) * (values[i] * scale);
	*norm = sqrt(sum) / scale;
	return true;
}

/* high + low += value + error, element by element. */
static inline void
accumulate(double *high, double *low, double value, double error)
{
	DoubleDouble sum = two_sum(*high, value);
	double		rest = sum.low + (*low + error);

	*high = sum.high + rest;
	*low = rest - (*high - sum.high);
}

/* The products of an element with the elements before it; halves are those of the other factors. */
static void
add_row(double *restrict high, double *restrict low, double factor, const double *restrict values, const double *restrict upper,
		const double *restrict lower, int n)
{
	double		factor_upper = upper_half(factor);
	double		factor_lower = factor - factor_upper;

	for (int j = 0; j < n; j++)
	{
		double		product = factor * values[j];
		double		error =
			((factor_upper * upper[j] - product) + factor_upper * lower[j] + factor_lower * upper[j]) + factor_lower * lower[j];

		accumulate(&high[j], &low[j], product, error);
	}
}

/* The same where no product needs more bits than a double has: elements that were float4, for instance. */
static void
add_short_row(double *restrict high, double *restrict low, double factor, const double *restrict values, int n)
{
	for (int j = 0; j < n; j++)
		accumulate(&high[j], &low[j], factor * values[j], 0);
}

void
vector_sums_add(VectorSums *sums, const double *values, bool remove)
{
	int			n = sums->dimension;
	double		sign = remove ? -1 : 1;
	double	   *upper = sums->scratch;
	double	   *lower = sums->scratch + n;
	double	   *high = sums->high + n;
	double	   *low = sums->low + n;
	bool		is_short = true;

	for (int i = 0; i < n; i++)
	{
		accumulate(&sums->high[i], &sums->low[i], sign * values[i], 0);
		upper[i] = upper_half(values[i]);
		lower[i] = values[i] - upper[i];
		is_short &= lower[i] == 0;
	}
	if (n > VECTOR_FULL_COVARIANCE)
		for (int i = 0; i < n; i++)
		{
			DoubleDouble square = two_product(values[i], values[i]);

			accumulate(&high[i], &low[i], sign * square.high, sign * square.low);
		}
	else
		for (int i = 0; i < n; high += i + 1, low += i + 1, i++)
		{
			if (is_short)
				add_short_row(high, low, sign * values[i], values, i + 1);
			else
				add_row(high, low, sign * values[i], values, upper, lower, i + 1);
		}
	vector_embedding_add(values, n, sums->scratch, sums->features, remove);
}

/* The sum of the squares of element i. */
static double
square_sum(const VectorSums *sums, int i)
{
	return sums->high[sums->dimension + (sums->dimension > VECTOR_FULL_COVARIANCE ? i : i * (i + 3) / 2)];
}

bool
vector_sums_outweighed(const VectorSums *sums, const double *values)
{
	const double limit = 0x1p40; /* of the 106 bits of the sums this leaves more than a double has */

	for (int i = 0; i < sums->dimension; i++)
		if (values[i] * values[i] > limit * fabs(square_sum(sums, i)))
			return true;
	return false;
}

bool
vector_sums_merge(VectorSums *into, const VectorSums *from, bool subtract)
{
	bool		in_range = true;
	double		sign = subtract ? -1 : 1;

	for (int i = 0; i < into->n_sums; i++)
	{
		DoubleDouble sum = double_double_add((DoubleDouble){into->high[i], into->low[i]},
											 (DoubleDouble){sign * from->high[i], sign * from->low[i]});

		if (!isfinite(sum.high))
		{
			sum = (DoubleDouble){0, 0};
			in_range = false;
		}
		into->high[i] = sum.high;
		into->low[i] = sum.low;
	}
	for (int i = 0; i < VECTOR_EMBEDDING_SIZE; i++)
	{
		uint64_t	feature = (uint64_t) from->features[i];

		into->features[i] = (int64_t) ((uint64_t) into->features[i] + (subtract ? -feature : feature));
	}
	return in_range;
}

bool
vector_sums_similar(const VectorSums *a, const VectorSums *b)
{
	const double tolerance = 1e-9;
	int			n;

	if (a == NULL || b == NULL)
		return a == b;
	n = a->dimension;
	if (b->dimension != n || memcmp(a->features, b->features, sizeof(a->features)) != 0)
		return false;

	/*
	 * Of vectors that were taken back some rounding may stay, relative to what had been summed: judged by the squares, for sums
	 * may cancel.  Elements cannot differ unseen, for the features are exact.
	 */
	for (int i = 0; i < n; i++)
	{
		double		square = square_sum(a, i);
		double		size = sqrt(fabs(square));

		if (fabs(a->high[i] - b->high[i]) > tolerance * (fabs(a->high[i]) + size))
			return false;
		if (n > VECTOR_FULL_COVARIANCE)
		{
			if (fabs(square - b->high[n + i]) > tolerance * fabs(square))
				return false;
			continue;
		}
		for (int j = 0, row = n + i * (i + 1) / 2; j <= i; j++)
			if (fabs(a->high[row + j] - b->high[row + j]) > tolerance * size * sqrt(fabs(square_sum(a, j))))
				return false;
	}
	return true;
}
