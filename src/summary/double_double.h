/*
 * double_double.h
 *		Sums with twice the digits of a double: an unevaluated pair high + low, |low| at most half a unit in the last place of high.
 *		Plain C; needs -ffp-contract=off.
 *
 * Error-free transformations: Knuth's two-sum, Dekker's product (1971).
 */
#ifndef WEIR_DOUBLE_DOUBLE_H
#define WEIR_DOUBLE_DOUBLE_H

typedef struct DoubleDouble
{
	double		high;
	double		low;
} DoubleDouble;

/* a + b without error. */
static inline DoubleDouble
two_sum(double a, double b)
{
	double		sum = a + b;
	double		part = sum - a;

	return (DoubleDouble){sum, (a - (sum - part)) + (b - part)};
}

/* The same where |a| >= |b|, or a is 0. */
static inline DoubleDouble
quick_two_sum(double a, double b)
{
	double		sum = a + b;

	return (DoubleDouble){sum, b - (sum - a)};
}

/* The upper 26 bits of a; |a| < 2^996. */
static inline double
upper_half(double a)
{
	double		scaled = a * 134217729.0; /* 2^27 + 1 */

	return scaled - (scaled - a);
}

/* a * b without error, as long as neither overflows nor underflows. */
static inline DoubleDouble
two_product(double a, double b)
{
	double		product = a * b;
	double		a_high = upper_half(a);
	double		b_high = upper_half(b);
	double		a_low = a - a_high;
	double		b_low = b - b_high;

	return (DoubleDouble){product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

static inline DoubleDouble
double_double_add(DoubleDouble a, DoubleDouble b)
{
	DoubleDouble high = two_sum(a.high, b.high);
	DoubleDouble low = two_sum(a.low, b.low);
	DoubleDouble sum = quick_two_sum(high.high, high.low + low.high);

	return quick_two_sum(sum.high, sum.low + low.low);
}

static inline DoubleDouble
double_double_negate(DoubleDouble a)
{
	return (DoubleDouble){-a.high, -a.low};
}

static inline DoubleDouble
double_double_multiply(DoubleDouble a, DoubleDouble b)
{
	DoubleDouble product = two_product(a.high, b.high);

	return quick_two_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

static inline DoubleDouble
double_double_divide(DoubleDouble a, double divisor)
{
	double		first = a.high / divisor;
	DoubleDouble product = two_product(first, divisor);
	DoubleDouble rest = double_double_add(a, double_double_negate(product));

	return quick_two_sum(first, rest.high / divisor);
}

#endif
