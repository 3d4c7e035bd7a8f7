/*
 * exact_sum.c
 *		An exact sum of doubles, or of products of two doubles.
 */
#include "series/exact_sum.h"

#include <string.h>

#define MANTISSA_BITS 52
#define MOST_DIGITS (2 * EXACT_PRODUCT_WORDS + 3)
#define SLACK 2 /* digits on both sides, so that sums seldom grow */

/* A digit takes at most 2^33 a time: this many stay below 2^63. */
#define ADDED_LIMIT (1 << 29)

static void *
resize(Allocator allocator, void *pointer, size_t old_size, size_t size)
{
	return allocator.resize(allocator.context, pointer, old_size, size);
}

void
exact_sum_free(ExactSum *sum, Allocator allocator)
{
	if (sum->n > 0)
		resize(allocator, sum->digits, sizeof(int64_t) * (size_t) sum->n, 0);
	memset(sum, 0, sizeof(ExactSum));
}

void
exact_sum_copy(ExactSum *into, Allocator allocator, const ExactSum *from)
{
	*into = *from;
	if (from->n == 0)
		return;
	into->digits = resize(allocator, NULL, 0, sizeof(int64_t) * (size_t) from->n);
	memcpy(into->digits, from->digits, sizeof(int64_t) * (size_t) from->n);
}

size_t
exact_sum_memory(const ExactSum *sum)
{
	return sizeof(int64_t) * (size_t) sum->n;
}

/* Makes room for the digits from first to before end. */
static void
make_room(ExactSum *sum, Allocator allocator, int first, int end)
{
	int			low;
	int64_t	   *digits;

	if (sum->n > 0)
	{
		if (first >= sum->low && end <= sum->low + sum->n)
			return;
		if (first > sum->low)
			first = sum->low;
		if (end < sum->low + sum->n)
			end = sum->low + sum->n;
	}
	low = first > SLACK ? first - SLACK : 0;
	end = end + SLACK < MOST_DIGITS ? end + SLACK : MOST_DIGITS;
	digits = resize(allocator, NULL, 0, sizeof(int64_t) * (size_t) (end - low));
	memset(digits, 0, sizeof(int64_t) * (size_t) (end - low));
	if (sum->n > 0)
	{
		memcpy(digits + (sum->low - low), sum->digits, sizeof(int64_t) * (size_t) sum->n);
		resize(allocator, sum->digits, sizeof(int64_t) * (size_t) sum->n, 0);
	}
	sum->digits = digits;
	sum->low = low;
	sum->n = end - low;
}

/* Brings all digits but the topmost into [0, 2^32). */
static void
propagate(ExactSum *sum)
{
	int64_t		carry = 0;

	for (int i = 0; i < sum->n; i++)
	{
		int64_t		digit = sum->digits[i] + carry;

		if (i == sum->n - 1)
			sum->digits[i] = digit;
		else
		{
			sum->digits[i] = digit & 0xffffffff;
			carry = digit >> 32;
		}
	}
	sum->n_added = 0;
}

/* Splits a finite double: mantissa, exponent above that of the smallest number; returns whether it is negative. */
static inline bool
split(double value, uint64_t *mantissa, int *exponent)
{
	uint64_t	bits;
	int			field;

	memcpy(&bits, &value, sizeof(bits));
	field = (int) (bits >> MANTISSA_BITS & 0x7ff);
	*mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
	if (field != 0)
		*mantissa |= UINT64_C(1) << MANTISSA_BITS;
	*exponent = field == 0 ? 0 : field - 1;
	return bits >> 63 != 0;
}

static inline void
count_added(ExactSum *sum)
{
	if (++sum->n_added == ADDED_LIMIT)
		propagate(sum);
}

void
exact_sum_add(ExactSum *sum, Allocator allocator, double value, bool subtract)
{
	uint64_t	mantissa;
	int			exponent;
	bool		negative = split(value, &mantissa, &exponent);
	unsigned __int128 shifted = (unsigned __int128) mantissa << (exponent & 31);
	int64_t		sign = negative != subtract ? -1 : 1;
	int			first = exponent >> 5;
	int64_t	   *digits;

	if (mantissa == 0)
		return;
	make_room(sum, allocator, first, first + 3);
	digits = sum->digits + (first - sum->low);
	digits[0] += sign * (int64_t) (uint32_t) shifted;
	digits[1] += sign * (int64_t) (uint32_t) (shifted >> 32);
	digits[2] += sign * (int64_t) (uint32_t) (shifted >> 64);
	count_added(sum);
}

void
exact_sum_add_product(ExactSum *sum, Allocator allocator, double a, double b, bool subtract)
{
	uint64_t	mantissa_a;
	uint64_t	mantissa_b;
	int			exponent_a;
	int			exponent_b;
	bool		negative = split(a, &mantissa_a, &exponent_a) != split(b, &mantissa_b, &exponent_b);
	int			exponent = exponent_a + exponent_b;
	unsigned __int128 product = (unsigned __int128) mantissa_a * mantissa_b;
	unsigned __int128 lower = (unsigned __int128) (uint64_t) product << (exponent & 31);
	unsigned __int128 upper = (product >> 64) << (exponent & 31);
	int64_t		sign = negative != subtract ? -1 : 1;
	int			first = exponent >> 5;
	int64_t	   *digits;

	if (product == 0)
		return;
	make_room(sum, allocator, first, first + 5);
	digits = sum->digits + (first - sum->low);
	digits[0] += sign * (int64_t) (uint32_t) lower;
	digits[1] += sign * (int64_t) (uint32_t) (lower >> 32);
	digits[2] += sign * ((int64_t) (uint32_t) (lower >> 64) + (int64_t) (uint32_t) upper);
	digits[3] += sign * (int64_t) (uint32_t) (upper >> 32);
	digits[4] += sign * (int64_t) (uint32_t) (upper >> 64);
	count_added(sum);
}

void
exact_sum_merge(ExactSum *into, Allocator allocator, ExactSum *from, bool subtract)
{
	int64_t	   *digits;
	int			n = from->n;

	propagate(from);
	while (n > 0 && from->digits[n - 1] == 0)
		n--;
	if (n == 0)
		return;
	make_room(into, allocator, from->low, from->low + n);
	propagate(into);
	digits = into->digits + (from->low - into->low);
	for (int i = 0; i < n; i++)
		digits[i] += subtract ? -from->digits[i] : from->digits[i];
	propagate(into);
}

void
exact_sum_get(ExactSum *sum, WideInteger *result, int *low)
{
	uint64_t	words[EXACT_PRODUCT_WORDS + 4] = {0};
	int			n_words = 0;
	int			first = sum->low / 2;
	bool		negative;
	int			zeros = 0;

	*low = 0;
	wide_set(result, words, 0, false);
	if (sum->n == 0)
		return;
	propagate(sum);

	/* The sign is that of the topmost digit; of a negative sum all digits are negated first. */
	negative = sum->digits[sum->n - 1] < 0;
	if (negative)
	{
		for (int i = 0; i < sum->n; i++)
			sum->digits[i] = -sum->digits[i];
		propagate(sum);
	}
	for (int i = 0; i < sum->n; i++)
	{
		int			position = sum->low + i - 2 * first;
		uint64_t	digit = (uint64_t) sum->digits[i];

		/* Only the topmost digit can have more than 32 bits. */
		words[position / 2] |= digit << (32 * (position % 2));
		if (position % 2 != 0)
			words[position / 2 + 1] |= digit >> 32;
		n_words = position / 2 + 2;
	}
	if (negative)
	{
		for (int i = 0; i < sum->n; i++)
			sum->digits[i] = -sum->digits[i];
		propagate(sum);
	}
	while (n_words > 0 && words[n_words - 1] == 0)
		n_words--;
	while (zeros < n_words && words[zeros] == 0)
		zeros++;
	if (n_words == 0)
		return;
	wide_set(result, words + zeros, n_words - zeros, negative);
	*low = first + zeros;
}

void
exact_sum_set(ExactSum *sum, Allocator allocator, const WideInteger *value, int low)
{
	exact_sum_free(sum, allocator);
	if (value->n_words == 0)
		return;
	make_room(sum, allocator, 2 * low, 2 * (low + value->n_words) + 1);
	for (int i = 0; i < value->n_words; i++)
		for (int half = 0; half < 2; half++)
		{
			int64_t		digit = (int64_t) (uint32_t) (value->words[i] >> (32 * half));

			sum->digits[2 * (low + i) + half - sum->low] = value->negative ? -digit : digit;
		}
	propagate(sum);
}
