/*
 * summary_data.h
 *		Data sets for the tests of summaries: well-behaved, awkward and hostile.
 */
#ifndef WEIR_SUMMARY_DATA_H
#define WEIR_SUMMARY_DATA_H

#include <float.h>

#include "unit.h"

static double
draw_normal(void)
{
	return unit_random_normal();
}

static double
draw_offset(void)
{
	return 1000 + unit_random_normal();
}

static double
draw_far_offset(void)
{
	return 1e9 + unit_random_normal();
}

static double
draw_log_normal(void)
{
	return exp(2 * unit_random_normal());
}

static double
draw_pareto(void)
{
	return pow(1 - unit_random_uniform(), -1 / 1.2);
}

static double
draw_uniform(void)
{
	return unit_random_uniform();
}

static double
draw_exponential(void)
{
	return -log(1 - unit_random_uniform());
}

static double
draw_bimodal(void)
{
	return unit_random_below(3) == 0 ? -50 + unit_random_normal() : 20 + 3 * unit_random_normal();
}

static double
draw_constant(void)
{
	return 3.25;
}

static double
draw_few(void)
{
	return (double) unit_random_below(7) - 3;
}

static double
draw_integers(void)
{
	return (double) unit_random_below(100000);
}

static double
draw_prices(void)
{
	return round(exp(3 + unit_random_normal()) * 100) / 100;
}

static double
draw_half_zero(void)
{
	return unit_random_below(2) == 0 ? 0.0 : draw_log_normal();
}

static double
draw_huge_and_tiny(void)
{
	static bool huge = false;

	huge = !huge;
	return (huge ? 1e300 : 1e-300) * (unit_random_uniform() - 0.5);
}

static double
draw_denormals(void)
{
	return (double) unit_random_below(1 << 20) * 0x1p-1074 * (unit_random_below(2) == 0 ? 1 : -1);
}

static double
draw_powers_of_two(void)
{
	return ldexp(unit_random_below(2) == 0 ? 1 : -1, (int) unit_random_below(2098) - 1074);
}

static double
draw_any_bits(void)
{
	double		value = unit_random_bits();

	return isfinite(value) ? value : 0;
}

static double
draw_extremes(void)
{
	static const double extremes[] = {DBL_MAX, -DBL_MAX, DBL_MIN, -DBL_MIN, 0x1p-1074, -0x1p-1074, 0.0, -0.0, 1, -1};

	return extremes[unit_random_below(10)];
}

/* Each value one bit pattern after the other around zero: the level at which they fit is the highest. */
static double
draw_spread_keys(void)
{
	return ldexp(1 + unit_random_uniform(), (int) unit_random_below(2046) - 1023) * (unit_random_below(2) == 0 ? 1 : -1);
}

/* Over so many decades that bins beside zero's are empty, and hardly one is negative. */
static double
draw_likelihoods(void)
{
	return unit_random_below(1000) == 0 ? -1e-6 : pow(10, -300 * unit_random_uniform());
}

typedef struct DataSet
{
	const char *name;
	double		(*draw)(void);
	bool		typical;		/* the bins are expected to be light: at most 2 % at a million values */
} DataSet;

static const DataSet data_sets[] = {{"normal", draw_normal, true},
									{"offset 1000 +- 1", draw_offset, true},
									{"offset 1e9 +- 1", draw_far_offset, true},
									{"log-normal", draw_log_normal, true},
									{"Pareto", draw_pareto, true},
									{"uniform", draw_uniform, true},
									{"exponential", draw_exponential, true},
									{"bimodal", draw_bimodal, true},
									{"constant", draw_constant, true},
									{"few values", draw_few, true},
									{"integers", draw_integers, true},
									{"prices", draw_prices, true},
									{"half zero", draw_half_zero, false},
									{"huge and tiny", draw_huge_and_tiny, false},
									{"denormals", draw_denormals, false},
									{"powers of two", draw_powers_of_two, false},
									{"any bits", draw_any_bits, false},
									{"extremes", draw_extremes, false},
									{"spread keys", draw_spread_keys, false},
									{"likelihoods", draw_likelihoods, false}};

#define N_DATA_SETS ((int) (sizeof(data_sets) / sizeof(data_sets[0])))

static inline double *
draw_values(const DataSet *set, size_t n)
{
	double	   *values = malloc(sizeof(double) * (n > 0 ? n : 1));

	for (size_t i = 0; i < n; i++)
		values[i] = set->draw();
	return values;
}

static inline void
shuffle(double *values, size_t n)
{
	for (size_t i = n; i > 1; i--)
	{
		size_t		j = (size_t) unit_random_below(i);
		double		swap = values[i - 1];

		values[i - 1] = values[j];
		values[j] = swap;
	}
}

static inline int
compare_doubles(const void *a, const void *b)
{
	double		first = *(const double *) a;
	double		second = *(const double *) b;

	return first < second ? -1 : first > second;
}

#endif
