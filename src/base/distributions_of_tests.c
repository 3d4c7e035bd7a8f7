/*
 * distributions_of_tests.c
 *		Student's t, F, Kuiper and Cramer-von Mises: the distributions behind tests of two samples.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/distributions.h"

#define MAX_ITERATIONS 1000000

/* log Gamma(a + b) - log Gamma(a) - log Gamma(b), whose terms nearly cancel where a or b is large. */
static double
log_inverse_beta(double a, double b)
{
	double		large = fmax(a, b);
	double		small = fmin(a, b);

	if (large < 1000)
		return lgamma(a + b) - lgamma(a) - lgamma(b);
	/* Stirling's series of both large arguments, subtracted term by term */
	return (large - 0.5) * log1p(small / large) + small * log(large + small) - small + (1 / (large + small) - 1 / large) / 12 -
		(pow(large + small, -3) - pow(large, -3)) / 360 - lgamma(small);
}

/* The continued fraction of the incomplete beta function, by Lentz's method; x < (a + 1) / (a + b + 2). */
static double
beta_fraction(double a, double b, double x)
{
	double		c = 1;
	double		d = 1 - (a + b) * x / (a + 1);
	double		fraction;

	d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
	fraction = d;
	for (int i = 1; i < MAX_ITERATIONS; i++)
	{
		double		numerator = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
		double		step = 1;

		for (int half = 0; half < 2; half++)
		{
			d = 1 + numerator * d;
			d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
			c = 1 + numerator / c;
			if (fabs(c) < DBL_MIN)
				c = DBL_MIN;
			step = c * d;
			fraction *= step;
			numerator = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));
		}
		if (fabs(step - 1) < DBL_EPSILON)
			break;
	}
	return fraction;
}

/* Regularised incomplete beta function of x, where y = 1 - x is given too, to keep its digits. */
static double
beta_lower(double a, double b, double x, double y)
{
	double		scale;

	if (x <= 0)
		return 0;
	if (y <= 0)
		return 1;
	scale = exp(log_inverse_beta(a, b) + a * log(x) + b * log(y));
	if (x < (a + 1) / (a + b + 2))
		return fmin(1, scale * beta_fraction(a, b, x) / a);
	return fmax(0, 1 - scale * beta_fraction(b, a, y) / b);
}

double
student_two_sided(double t, double degrees_of_freedom)
{
	double		square = t * t;

	if (isinf(square))
		return 0;
	return beta_lower(degrees_of_freedom / 2, 0.5, degrees_of_freedom / (degrees_of_freedom + square),
					  square / (degrees_of_freedom + square));
}

double
f_upper(double f, double numerator, double denominator)
{
	if (f <= 0)
		return 1;
	if (isinf(f))
		return 0;
	return beta_lower(denominator / 2, numerator / 2, denominator / (denominator + numerator * f),
					  numerator * f / (denominator + numerator * f));
}

double
kuiper_upper(double x)
{
	double		sum = 0;

	if (x < 0.4)
		return 1;				/* to all digits */
	for (int j = 1; j <= 100; j++)
	{
		double		square = (double) j * j * x * x;
		double		term = (4 * square - 1) * exp(-2 * square);

		sum += term;
		if (j > 1 && fabs(term) <= DBL_EPSILON * fabs(sum))
			break;
	}
	return fmax(0, fmin(1, 2 * sum));
}

double
harmonic(int64_t n)
{
	static const double gamma = 0.57721566490153286061;
	double		x = (double) n;
	double		sum = 0;

	if (n > 50)
		return log(x) + gamma + 1 / (2 * x) - 1 / (12 * x * x) + 1 / (120 * x * x * x * x) - 1 / (252 * pow(x, 6));
	for (int64_t i = n; i >= 1; i--)
		sum += 1 / (double) i;
	return sum;
}

double
harmonic_squares(int64_t n)
{
	double		x = (double) n;
	double		sum = 0;

	if (n > 50)
		return M_PI * M_PI / 6 - 1 / x + 1 / (2 * x * x) - 1 / (6 * x * x * x) + 1 / (30 * pow(x, 5)) - 1 / (42 * pow(x, 7));
	for (int64_t i = n; i >= 1; i--)
		sum += 1 / ((double) i * (double) i);
	return sum;
}

/* ---- Cramer-von Mises ---- */

/*
 * exp(x) K(x) of the modified Bessel function of order 1/4: the integral of exp(-x (cosh t - 1)) cosh(t / 4), on which the
 * trapezoidal rule converges faster than any power of the step.
 */
static double
scaled_bessel_quarter(double x)
{
	static const double step = 0.25;
	double		sum = 0.5;

	for (int i = 1; i < 2000; i++)
	{
		double		t = i * step;
		double		term = exp(-2 * x * sinh(t / 2) * sinh(t / 2)) * cosh(t / 4);

		sum += term;
		if (term < 1e-17 * sum)
			break;
	}
	return sum * step;
}

/*
 * Far out the first term of Smirnov's series (1936) is all: (2 / pi) times the integral over (pi, 2 pi) of exp(-x u^2 / 2) /
 * sqrt(-u sin u), here with u = pi + s^2: an even function of s, smooth far beyond where it matters, so the trapezoidal rule gets
 * it right with few steps.
 */
static double
smirnov_tail(double x)
{
	static const int n_steps = 32;
	double		step = sqrt(40 / (x * M_PI)) / n_steps;
	double		sum = 1 / sqrt(M_PI);

	for (int i = 1; i <= n_steps; i++)
	{
		double		square = i * step * i * step;

		sum += 2 * sqrt(square / (sin(square) * (M_PI + square))) * exp(-x * (M_PI * square + square * square / 2));
	}
	return 2 / M_PI * exp(-x * M_PI * M_PI / 2) * sum * step;
}

double
cramer_von_mises_upper(double x)
{
	double		sum = 0;

	if (x < 0.003)
		return 1;
	if (x > 5)
		return smirnov_tail(x);
	/* Csorgo and Faraway (1996), 1.3 */
	for (int k = 0; k < 200; k++)
	{
		double		y = 4 * k + 1;
		double		q = y * y / (16 * x);
		double		term =
			exp(lgamma(k + 0.5) - lgamma(k + 1.0) - 2 * q) / (pow(M_PI, 1.5) * sqrt(x)) * sqrt(y) * scaled_bessel_quarter(q);

		sum += term;
		if (term < 1e-14)
			break;
	}
	return fmax(0, fmin(1, 1 - sum));
}

/* How many paths have which value so far; ascending by value. */
typedef struct Frequencies
{
	int			n;
	int			room;
	int64_t	   *values;
	double	   *counts;
} Frequencies;

static void
reserve(Allocator allocator, Frequencies *frequencies, int room)
{
	if (room <= frequencies->room)
		return;
	frequencies->values = allocator.resize(allocator.context, frequencies->values, (size_t) frequencies->room * sizeof(int64_t),
										   (size_t) room * sizeof(int64_t));
	frequencies->counts = allocator.resize(allocator.context, frequencies->counts, (size_t) frequencies->room * sizeof(double),
										   (size_t) room * sizeof(double));
	frequencies->room = room;
}

/* into := a + b, each value then larger by shift. */
static void
merge_frequencies(Allocator allocator, Frequencies *into, const Frequencies *a, const Frequencies *b, int64_t shift)
{
	int			i = 0;
	int			j = 0;

	into->n = 0;
	reserve(allocator, into, a->n + b->n);
	while (i < a->n || j < b->n)
	{
		bool		from_a = j == b->n || (i < a->n && a->values[i] <= b->values[j]);
		bool		from_b = i == a->n || (j < b->n && b->values[j] <= a->values[i]);

		into->values[into->n] = (from_a ? a->values[i] : b->values[j]) + shift;
		into->counts[into->n] = (from_a ? a->counts[i] : 0) + (from_b ? b->counts[j] : 0);
		into->n++;
		i += from_a;
		j += from_b;
	}
}

static int64_t
greatest_common_divisor(int64_t a, int64_t b)
{
	return b == 0 ? a : greatest_common_divisor(b, a % b);
}

double
cramer_von_mises_exact(Allocator allocator, double t, int n, int m)
{
	Frequencies columns[CRAMER_VON_MISES_EXACT_LIMIT + 1];
	Frequencies spare;
	int64_t		multiple = (int64_t) n * m / greatest_common_divisor(n, m);
	int64_t		a = multiple / n;
	int64_t		b = multiple / m;

	/* The sum over all values of the squared differences, as whole numbers, that belongs to t; for values without ties. */
	double		reached = rint(t * (double) multiple * (double) multiple * (n + m) * (n + m) / ((double) n * m));
	double		all = 0;
	double		upper = 0;

	memset(columns, 0, sizeof(columns));
	memset(&spare, 0, sizeof(spare));
	/* Paths through the grid of (values of the first, values of the second) so far: column v holds those at (v, u). */
	for (int u = 0; u <= m; u++)
		for (int v = 0; v <= n; v++)
		{
			int64_t		difference = a * v - b * u;

			if (u == 0 && v == 0)
			{
				reserve(allocator, &columns[0], 1);
				columns[0].n = 1;
				columns[0].values[0] = 0;
				columns[0].counts[0] = 1;
				continue;
			}
			{
				Frequencies none = {0};
				Frequencies swap;

				merge_frequencies(allocator, &spare, v > 0 ? &columns[v - 1] : &none, u > 0 ? &columns[v] : &none,
								  difference * difference);
				swap = columns[v];
				columns[v] = spare;
				spare = swap;
			}
		}
	for (int i = 0; i < columns[n].n; i++)
	{
		all += columns[n].counts[i];
		if ((double) columns[n].values[i] >= reached)
			upper += columns[n].counts[i];
	}
	for (int v = 0; v <= n; v++)
	{
		allocator.resize(allocator.context, columns[v].values, (size_t) columns[v].room * sizeof(int64_t), 0);
		allocator.resize(allocator.context, columns[v].counts, (size_t) columns[v].room * sizeof(double), 0);
	}
	if (spare.room > 0)
	{
		allocator.resize(allocator.context, spare.values, (size_t) spare.room * sizeof(int64_t), 0);
		allocator.resize(allocator.context, spare.counts, (size_t) spare.room * sizeof(double), 0);
	}
	return upper / all;
}
