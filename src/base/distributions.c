/*
 * distributions.c
 *		Probabilities of the distributions behind tests and intervals.
 */
#include "base/distributions.h"

#include <float.h>
#include <math.h>

double
normal_upper(double z)
{
	return 0.5 * erfc(z / M_SQRT2);
}

double
normal_two_sided(double z)
{
	return erfc(fabs(z) / M_SQRT2);
}

/* Highest power first. */
static double
polynomial(const double *coefficients, int n, double x)
{
	double		result = 0;

	for (int i = 0; i < n; i++)
		result = result * x + coefficients[i];
	return result;
}

double
normal_quantile(double p)
{
	static const double central_top[] = {2.50908092873012267270e3, 3.34305755835881281050e4, 6.72657709270087008530e4,
										 4.59219539315498714570e4, 1.37316937655094611250e4, 1.97159095030655144270e3,
										 1.33141667891784377450e2, 3.38713287279636660800e0};
	static const double central_bottom[] = {5.22649527885285456100e3, 2.87290857357219426740e4,
											3.93078958000927106100e4, 2.12137943015865958670e4,
											5.39419602142475110770e3, 6.87187007492057908300e2,
											4.23133307016009112520e1, 1.0};
	static const double middle_top[] = {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
										1.27045825245236838258e0,  3.64784832476320460504e0,  5.76949722146069140550e0,
										4.63033784615654529590e0,  1.42343711074968357734e0};
	static const double middle_bottom[] = {1.05075007164441684324e-9, 5.47593808499534494600e-4,
										   1.51986665636164571966e-2, 1.48103976427480074590e-1,
										   6.89767334985100004550e-1, 1.67638483018380384940e0,
										   2.05319162663775882187e0,  1.0};
	static const double far_top[] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
									 2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
									 5.46378491116411436990e0,  6.65790464350110377720e0};
	static const double far_bottom[] = {2.04426310338993978564e-15, 1.42151175831644588870e-7,
										1.84631831751005468180e-5,  7.86869131145613259100e-4,
										1.48753612908506148525e-2,  1.36929880922735805310e-1,
										5.99832206555887937690e-1,  1.0};
	double		q = p - 0.5;
	double		r;
	double		z;

	if (fabs(q) <= 0.425)
	{
		r = 0.180625 - q * q;
		return q * polynomial(central_top, 8, r) / polynomial(central_bottom, 8, r);
	}
	r = sqrt(-log(q < 0 ? p : 1 - p));
	if (r <= 5)
		z = polynomial(middle_top, 8, r - 1.6) / polynomial(middle_bottom, 8, r - 1.6);
	else
		z = polynomial(far_top, 8, r - 5) / polynomial(far_bottom, 8, r - 5);
	return q < 0 ? -z : z;
}

#define MAX_ITERATIONS 1000000

/* Regularised upper incomplete gamma function: series below the mean, Lentz's continued fraction above. */
static double
gamma_upper(double a, double x)
{
	double		scale;

	if (x <= 0)
		return 1;
	if (isinf(x))
		return 0;
	scale = exp(a * log(x) - x - lgamma(a));
	if (x < a + 1)
	{
		double		term = 1 / a;
		double		sum = term;

		for (int i = 1; i < MAX_ITERATIONS && term > sum * DBL_EPSILON; i++)
		{
			term *= x / (a + i);
			sum += term;
		}
		return fmax(0, 1 - sum * scale);
	}
	else
	{
		double		b = x + 1 - a;
		double		c = 1 / DBL_MIN;
		double		d = 1 / b;
		double		fraction = d;

		for (int i = 1; i < MAX_ITERATIONS; i++)
		{
			double		numerator = -i * (i - a);
			double		step;

			b += 2;
			d = numerator * d + b;
			d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
			c = b + numerator / c;
			if (fabs(c) < DBL_MIN)
				c = DBL_MIN;
			step = c * d;
			fraction *= step;
			if (fabs(step - 1) < DBL_EPSILON)
				break;
		}
		return fmin(1, scale * fraction);
	}
}

double
chi_square_upper(double x, double degrees_of_freedom)
{
	return gamma_upper(degrees_of_freedom / 2, x / 2);
}

double
kolmogorov_upper(double x)
{
	double		sum = 0;

	if (x <= 0)
		return 1;
	if (x < 1)
	{
		/* the theta-transformed series converges here at once */
		for (int k = 1; k <= 20; k += 2)
			sum += exp(-(double) (k * k) * M_PI * M_PI / (8 * x * x));
		return 1 - sqrt(2 * M_PI) / x * sum;
	}
	for (int k = 10; k >= 1; k--)
		sum += (k % 2 == 1 ? 1 : -1) * exp(-2.0 * k * k * x * x);
	return fmin(1, 2 * sum);
}

/* From this standard deviation of a count on, the normal distribution gives the same p to a millionth. */
#define FISHER_NORMAL_FROM 1e5

/*
 * Weights relative to the most probable table, by the ratio of neighbours: no logarithm, no large factorial. What is far smaller
 * than the observed table adds nothing: each walk is some tens of standard deviations long. (It could not wait for weights to
 * become 0: the smallest denormal number times 0.9 is itself.) The factor forgives rounding between tables that are equally
 * probable.
 */
double
fisher_exact(int64_t a, int64_t b, int64_t c, int64_t d)
{
	double		row = (double) a + (double) b;
	double		column = (double) a + (double) c;
	double		total = row + (double) c + (double) d;
	double		lowest = fmax(0, row + column - total);
	double		highest = fmin(row, column);
	double		mode = fmin(highest, fmax(lowest, floor((row + 1) * (column + 1) / (total + 2))));
	double		mean = row / total * column;
	double		deviation = sqrt(mean * ((total - row) / total) * ((total - column) / (total - 1)));
	double		observed = 0;
	double		sum = 0;
	double		extreme = 0;

	if (deviation > FISHER_NORMAL_FROM)
		return normal_two_sided(fmax(0, fabs((double) a - mean) - 0.5) / deviation);
	for (int pass = 0; pass < 2; pass++)
	{
		double		limit = observed * (1 + 1e-7);
		double		least = fmax(DBL_MIN, limit * 1e-20);
		double		weight = 1;
		double		x;

		for (x = mode; x <= highest && weight >= least; x++)
		{
			if (pass == 0 && x == (double) a)
				observed = weight;
			if (pass == 1)
			{
				sum += weight;
				if (weight <= limit)
					extreme += weight;
			}
			weight *= (row - x) * (column - x) / ((x + 1) * (total - row - column + x + 1));
		}
		weight = 1;
		for (x = mode; x > lowest && weight >= least; x--)
		{
			weight *= x * (total - row - column + x) / ((row - x + 1) * (column - x + 1));
			if (pass == 0 && x - 1 == (double) a)
				observed = weight;
			if (pass == 1)
			{
				sum += weight;
				if (weight <= limit)
					extreme += weight;
			}
		}
	}
	return fmin(1, extreme / sum);
}
