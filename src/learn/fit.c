/*
 * fit.c
 *		Models made at once from moments.
 */
#include "learn/fit.h"

#include <math.h>
#include <string.h>

#include "drift/matrix.h"

/* Solves L' x = vector, in place. */
static void
backward(int n, const double *lower, double *vector)
{
	for (int i = n - 1; i >= 0; i--)
	{
		for (int j = i + 1; j < n; j++)
			vector[i] -= lower[j * n + i] * vector[j];
		vector[i] /= lower[i * n + i];
	}
}

static double
product(int n, const double *a, const double *b)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

bool
fit_ridge(int n_features, const double *scatter, const double *mean, double alpha, double *room, double *coefficients,
		  double *intercept)
{
	int			n = n_features;
	int			width = n + 1;

	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
			room[i * n + j] = scatter[i * width + j] + (i == j ? alpha : 0);
		coefficients[i] = scatter[i * width + n];
	}
	if (!matrix_cholesky(n, room))
		return false;
	matrix_forward(n, room, coefficients);
	backward(n, room, coefficients);
	*intercept = mean[n] - product(n, coefficients, mean);
	return true;
}

bool
fit_discriminant(int n_features, int n_classes, double *covariance, const double *means, const double *shares, double *coefficients,
				 double *intercepts)
{
	int			n = n_features;

	if (!matrix_cholesky(n, covariance))
		return false;
	for (int class = 0; class < n_classes; class ++)
	{
		double	   *of_class = coefficients + class * n;

		memcpy(of_class, means + class * n, (size_t) n * sizeof(double));
		matrix_forward(n, covariance, of_class);
		backward(n, covariance, of_class);
		intercepts[class] = log(shares[class]) - product(n, of_class, means + class * n) / 2;
	}
	return true;
}
