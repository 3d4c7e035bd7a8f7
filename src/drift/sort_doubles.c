/*
 * sort_doubles.c
 *		Sorting numbers by their digits: several times faster than by comparison where there are many.
 */
#include "drift/drift.h"

#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 8
#define N_DIGITS 8
#define N_BUCKETS (1 << DIGIT_BITS)
#define FEW 2048 /* below it comparisons are as fast */

#define SIGN (UINT64_C(1) << 63)

static int
compare_doubles(const void *a, const void *b)
{
	double		left = *(const double *) a;
	double		right = *(const double *) b;

	return (left > right) - (left < right);
}

/* In the order of the numbers, -0 just before 0. */
static inline uint64_t
key_of(uint64_t bits)
{
	return (bits & SIGN) != 0 ? ~bits : bits | SIGN;
}

static inline uint64_t
bits_of(uint64_t key)
{
	return (key & SIGN) != 0 ? key & ~SIGN : ~key;
}

static inline size_t
digit_of(uint64_t key, int digit)
{
	return (size_t) (key >> (digit * DIGIT_BITS)) & (N_BUCKETS - 1);
}

void
sort_doubles(Allocator allocator, double *values, size_t n)
{
	size_t		counts[N_DIGITS][N_BUCKETS] = {{0}};
	uint64_t   *keys = (uint64_t *) (void *) values;
	uint64_t   *spare;
	uint64_t   *from = keys;
	uint64_t   *into;

	if (n < FEW)
	{
		if (n > 1)
			qsort(values, n, sizeof(double), compare_doubles);
		return;
	}
	spare = into = allocator.resize(allocator.context, NULL, 0, n * sizeof(uint64_t));
	for (size_t i = 0; i < n; i++)
	{
		uint64_t	key;

		memcpy(&key, &values[i], sizeof(key));
		key = key_of(key);
		memcpy(&values[i], &key, sizeof(key));
		for (int digit = 0; digit < N_DIGITS; digit++)
			counts[digit][digit_of(key, digit)]++;
	}
	for (int digit = 0; digit < N_DIGITS; digit++)
	{
		size_t	   *place = counts[digit];
		size_t		begin = 0;
		uint64_t   *swap;

		if (place[digit_of(from[0], digit)] == n)
			continue;			/* all alike in this digit */
		for (size_t bucket = 0; bucket < N_BUCKETS; bucket++)
		{
			size_t		count = place[bucket];

			place[bucket] = begin;
			begin += count;
		}
		for (size_t i = 0; i < n; i++)
			into[place[digit_of(from[i], digit)]++] = from[i];
		swap = from;
		from = into;
		into = swap;
	}
	for (size_t i = 0; i < n; i++)
	{
		uint64_t	bits = bits_of(from[i]);

		memcpy(&values[i], &bits, sizeof(bits));
	}
	allocator.resize(allocator.context, spare, n * sizeof(uint64_t), 0);
}
