/*
 * pairs.c
 *		A mergeable, retractable, canonical summary of pairs.
 *
 * Stored form: byte version (1), byte flags (1 y in seconds, 2 x in seconds, 4 inexact); integers (LEB128, 7 bits per byte, least
 * significant first, no superfluous byte): pairs, other pairs; per sum (y, x, yy, xx, xy) 2 * bytes of the magnitude + (1 if
 * negative), and if there are any: zero bytes below them, the bytes, least significant first.
 */
#include "series/pairs.h"

#include <math.h>
#include <string.h>

#include "base/wire.h"

#define VERSION 1
#define FLAG_Y_SECONDS 1
#define FLAG_X_SECONDS 2
#define FLAG_INEXACT 4
#define COUNT_LIMIT (INT64_MAX / 16)
#define UNIT (-1074) /* binary exponent of the unit of a sum; of a sum of products twice that */
#define MICROSECONDS 1e6

Pairs *
pairs_create(Allocator allocator, bool y_seconds, bool x_seconds)
{
	Pairs	   *pairs = allocator.resize(allocator.context, NULL, 0, sizeof(Pairs));

	memset(pairs, 0, sizeof(Pairs));
	pairs->allocator = allocator;
	pairs->y_seconds = y_seconds;
	pairs->x_seconds = x_seconds;
	return pairs;
}

static ExactSum *
sum_of(const Pairs *pairs, int i)
{
	ExactSum   *sums[] = {(ExactSum *) &pairs->y, (ExactSum *) &pairs->x, (ExactSum *) &pairs->yy, (ExactSum *) &pairs->xx,
						(ExactSum *) &pairs->xy};

	return sums[i];
}

#define N_SUMS 5

Pairs *
pairs_copy(Allocator allocator, const Pairs *pairs)
{
	Pairs	   *copy = allocator.resize(allocator.context, NULL, 0, sizeof(Pairs));

	*copy = *pairs;
	copy->allocator = allocator;
	for (int i = 0; i < N_SUMS; i++)
		exact_sum_copy(sum_of(copy, i), allocator, sum_of(pairs, i));
	return copy;
}

void
pairs_free(Pairs *pairs)
{
	for (int i = 0; i < N_SUMS; i++)
		exact_sum_free(sum_of(pairs, i), pairs->allocator);
	pairs->allocator.resize(pairs->allocator.context, pairs, sizeof(Pairs), 0);
}

static void
change(Pairs *pairs, double y, double x, bool remove)
{
	exact_sum_add(&pairs->y, pairs->allocator, y, remove);
	exact_sum_add(&pairs->x, pairs->allocator, x, remove);
	exact_sum_add_product(&pairs->yy, pairs->allocator, y, y, remove);
	exact_sum_add_product(&pairs->xx, pairs->allocator, x, x, remove);
	exact_sum_add_product(&pairs->xy, pairs->allocator, x, y, remove);
}

void
pairs_add(Pairs *pairs, double y, double x)
{
	if (!isfinite(y) || !isfinite(x))
	{
		pairs->n_other++;
		return;
	}
	pairs->n++;
	change(pairs, y, x, false);
}

void
pairs_remove(Pairs *pairs, double y, double x)
{
	int64_t	   *count = isfinite(y) && isfinite(x) ? &pairs->n : &pairs->n_other;

	if (*count == 0)
	{
		pairs->inexact = true;
		return;
	}
	--*count;
	if (count == &pairs->n)
		change(pairs, y, x, true);
}

bool
pairs_merge(Pairs *into, const Pairs *from, bool subtract)
{
	if (into->y_seconds != from->y_seconds || into->x_seconds != from->x_seconds)
		return false;
	into->inexact |= from->inexact;
	into->n += subtract ? -from->n : from->n;
	into->n_other += subtract ? -from->n_other : from->n_other;
	for (int i = 0; i < N_SUMS; i++)
		exact_sum_merge(sum_of(into, i), into->allocator, sum_of(from, i), subtract);
	if (into->n < 0 || into->n_other < 0 || into->n > COUNT_LIMIT || into->n_other > COUNT_LIMIT)
	{
		into->inexact = true;
		into->n = into->n < 0 ? 0 : into->n > COUNT_LIMIT ? COUNT_LIMIT : into->n;
		into->n_other = into->n_other < 0 ? 0 : into->n_other > COUNT_LIMIT ? COUNT_LIMIT : into->n_other;
	}
	return true;
}

/* ---- statistics ---- */

/* An integer times 2^(64 low). */
typedef struct Scaled
{
	WideInteger value;
	int			low;
} Scaled;

static void
get(const Pairs *pairs, int i, Scaled *result)
{
	exact_sum_get(sum_of(pairs, i), &result->value, &result->low);
}

static void
product(const Scaled *a, const Scaled *b, Scaled *result)
{
	wide_multiply(&result->value, &a->value, &b->value);
	result->low = a->low + b->low;
}

static void
subtract(Scaled *a, Scaled *b)
{
	if (b->value.n_words == 0)
		return;
	if (a->value.n_words == 0)
		a->low = b->low;
	if (a->low > b->low)
	{
		wide_shift(&a->value, a->low - b->low);
		a->low = b->low;
	}
	else
	{
		wide_shift(&b->value, b->low - a->low);
		b->low = a->low;
	}
	wide_add(&a->value, &b->value, true);
}

/* n * sum of products - product of sums: n (n - 1) times the covariance. */
static void
centred(const Scaled *products, const Scaled *a, const Scaled *b, int64_t n, Scaled *result)
{
	Scaled		square;

	*result = *products;
	wide_multiply_word(&result->value, (uint64_t) n);
	product(a, b, &square);
	subtract(result, &square);
}

static WideFloat
quotient(const Scaled *value, uint64_t first, uint64_t second, int unit)
{
	WideFloat	result = wide_quotient_float(&value->value, first, second);

	result.exponent += 64 * value->low + unit;
	return result;
}

static double
as_double(WideFloat value)
{
	return ldexp(value.fraction, value.exponent);
}

static WideFloat
divide(WideFloat a, WideFloat b)
{
	return (WideFloat){a.fraction / b.fraction, a.exponent - b.exponent};
}

static WideFloat
root(WideFloat value)
{
	if (value.exponent % 2 != 0)
	{
		value.fraction *= 2;
		value.exponent--;
	}
	return (WideFloat){sqrt(value.fraction), value.exponent / 2};
}

void
pairs_regression(const Pairs *pairs, Regression *result)
{
	uint64_t	n = (uint64_t) pairs->n;
	double		y_unit = pairs->y_seconds ? MICROSECONDS : 1;
	double		x_unit = pairs->x_seconds ? MICROSECONDS : 1;
	Scaled		y;
	Scaled		x;
	Scaled		yy;
	Scaled		xx;
	Scaled		xy;
	Scaled		term;
	Scaled		part;
	Scaled		products;
	WideFloat	y_spread;
	WideFloat	x_spread;
	WideFloat	together;

	*result = (Regression){pairs->n, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
	if (n == 0)
		return;
	get(pairs, 0, &y);
	get(pairs, 1, &x);
	result->y_mean = as_double(quotient(&y, n, 1, UNIT)) / y_unit;
	result->x_mean = as_double(quotient(&x, n, 1, UNIT)) / x_unit;
	if (n < 2)
		return;
	get(pairs, 2, &term);
	centred(&term, &y, &y, pairs->n, &yy);
	get(pairs, 3, &term);
	centred(&term, &x, &x, pairs->n, &xx);
	get(pairs, 4, &term);
	centred(&term, &x, &y, pairs->n, &xy);
	result->y_variance = as_double(quotient(&yy, n, n - 1, 2 * UNIT)) / y_unit / y_unit;
	result->x_variance = as_double(quotient(&xx, n, n - 1, 2 * UNIT)) / x_unit / x_unit;
	result->covariance = as_double(quotient(&xy, n, n - 1, 2 * UNIT)) / y_unit / x_unit;
	if (xx.value.n_words == 0 || xx.value.negative || yy.value.negative)
		return;
	y_spread = quotient(&yy, 1, 1, 2 * UNIT);
	x_spread = quotient(&xx, 1, 1, 2 * UNIT);
	together = quotient(&xy, 1, 1, 2 * UNIT);
	result->slope = as_double(divide(together, x_spread)) / y_unit * x_unit;

	/* (sum y * sum xx - sum x * sum xy) / (n sum xx - (sum x)^2) */
	get(pairs, 3, &part);
	product(&y, &part, &term);
	get(pairs, 4, &products);
	product(&x, &products, &part);
	subtract(&term, &part);
	result->intercept = as_double(divide(quotient(&term, 1, 1, 3 * UNIT), x_spread)) / y_unit;
	if (yy.value.n_words == 0)
	{
		/* A line without slope fits a constant: as regr_r2 has it. */
		result->r_squared = 1;
		result->slope_error = n > 2 ? 0 : NAN;
		return;
	}
	result->correlation = as_double(divide(divide(together, root(y_spread)), root(x_spread)));
	if (fabs(result->correlation) > 1)
		result->correlation = result->correlation > 0 ? 1 : -1;
	result->r_squared = result->correlation * result->correlation;
	if (n < 3)
		return;

	/* The squared residuals are (yy xx - xy^2) / (n xx): subtracted as integers, for of a good fit little is left. */
	product(&yy, &xx, &term);
	product(&xy, &xy, &part);
	subtract(&term, &part);
	if (term.value.negative)
		return;
	result->slope_error =
		as_double(divide(root(quotient(&term, 1, 1, 4 * UNIT)), x_spread)) / sqrt((double) (n - 2)) / y_unit * x_unit;
}

/* ---- stored form ---- */

size_t
pairs_encode(const Pairs *pairs, uint8_t *buffer)
{
	size_t		position = 0;

	position = wire_put_byte(buffer, position, VERSION);
	position = wire_put_byte(buffer, position,
							 (uint8_t) ((pairs->y_seconds ? FLAG_Y_SECONDS : 0) | (pairs->x_seconds ? FLAG_X_SECONDS : 0) |
										(pairs->inexact ? FLAG_INEXACT : 0)));
	position = wire_put_integer(buffer, position, (uint64_t) pairs->n);
	position = wire_put_integer(buffer, position, (uint64_t) pairs->n_other);
	for (int i = 0; i < N_SUMS; i++)
	{
		Scaled		sum;
		int			first = 0;
		int			end;

		get(pairs, i, &sum);
		end = 8 * sum.value.n_words;
#define BYTE(j) ((uint8_t) (sum.value.words[(j) / 8] >> (8 * ((j) % 8))))
		while (end > 0 && BYTE(end - 1) == 0)
			end--;
		while (first < end && BYTE(first) == 0)
			first++;
		position = wire_put_integer(buffer, position, (uint64_t) (end - first) << 1 | sum.value.negative);
		if (end == first)
			continue;
		position = wire_put_integer(buffer, position, (uint64_t) (8 * sum.low + first));
		for (int j = first; j < end; j++)
			position = wire_put_byte(buffer, position, BYTE(j));
#undef BYTE
	}
	return position;
}

static void
get_sum(WireReader *reader, Pairs *pairs, int i)
{
	const uint64_t limit = 8 * (i < 2 ? EXACT_SUM_WORDS : EXACT_PRODUCT_WORDS);
	uint64_t	head = wire_get_at_most(reader, 2 * limit + 1);
	uint64_t	n_bytes = head >> 1;
	uint64_t	low;
	uint64_t	words[EXACT_PRODUCT_WORDS + 1] = {0};
	WideInteger value;
	int			offset;

	if (n_bytes == 0)
	{
		reader->corrupt |= head != 0;
		return;
	}
	low = wire_get_at_most(reader, limit);
	if (reader->corrupt || low + n_bytes > limit)
	{
		reader->corrupt = true;
		return;
	}
	offset = (int) (low % 8);
	for (int j = 0; j < (int) n_bytes; j++)
	{
		uint8_t		byte = wire_get_byte(reader);

		if (byte == 0 && (j == 0 || j == (int) n_bytes - 1))
			reader->corrupt = true;
		words[(offset + j) / 8] |= (uint64_t) byte << (8 * ((offset + j) % 8));
	}
	if (reader->corrupt)
		return;
	wide_set(&value, words, (offset + (int) n_bytes + 7) / 8, (head & 1) != 0);
	exact_sum_set(sum_of(pairs, i), pairs->allocator, &value, (int) (low / 8));
}

Pairs *
pairs_decode(Allocator allocator, const uint8_t *bytes, size_t size)
{
	WireReader	reader = {bytes, size, 0, false};
	Pairs	   *pairs;
	uint8_t		flags;

	if (wire_get_byte(&reader) != VERSION)
		return NULL;
	flags = wire_get_byte(&reader);
	if (reader.corrupt || flags > 7)
		return NULL;
	pairs = pairs_create(allocator, (flags & FLAG_Y_SECONDS) != 0, (flags & FLAG_X_SECONDS) != 0);
	pairs->inexact = (flags & FLAG_INEXACT) != 0;
	pairs->n = (int64_t) wire_get_at_most(&reader, COUNT_LIMIT);
	pairs->n_other = (int64_t) wire_get_at_most(&reader, COUNT_LIMIT);
	for (int i = 0; i < N_SUMS && !reader.corrupt; i++)
		get_sum(&reader, pairs, i);
	if (reader.corrupt || reader.position != size)
	{
		pairs_free(pairs);
		return NULL;
	}
	return pairs;
}
