/*
 * matrix.c
 *		Small dense matrices.
 */
#include "drift/matrix.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define MAX_SWEEPS 100

/* Turns rows and columns p and q so that the element between them vanishes. */
static void
rotate(int n, double *matrix, double *vectors, int p, int q)
{
	double		between = matrix[p * n + q];
	double		theta = (matrix[q * n + q] - matrix[p * n + p]) / (2 * between);
	double		t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
	double		c = 1 / sqrt(t * t + 1);
	double		s = t * c;

	for (int i = 0; i < n; i++)
	{
		double		a = matrix[i * n + p];
		double		b = matrix[i * n + q];

		matrix[i * n + p] = c * a - s * b;
		matrix[i * n + q] = s * a + c * b;
	}
	for (int i = 0; i < n; i++)
	{
		double		a = matrix[p * n + i];
		double		b = matrix[q * n + i];

		matrix[p * n + i] = c * a - s * b;
		matrix[q * n + i] = s * a + c * b;
		a = vectors[p * n + i];
		b = vectors[q * n + i];
		vectors[p * n + i] = c * a - s * b;
		vectors[q * n + i] = s * a + c * b;
	}
}

static void
sort_by_value(int n, double *values, double *vectors)
{
	for (int i = 0; i < n; i++)
	{
		int			largest = i;

		for (int j = i + 1; j < n; j++)
			if (values[j] > values[largest])
				largest = j;
		if (largest == i)
			continue;
		for (int k = -1; k < n; k++)
		{
			double	   *a = k < 0 ? &values[i] : &vectors[i * n + k];
			double	   *b = k < 0 ? &values[largest] : &vectors[largest * n + k];
			double		swap = *a;

			*a = *b;
			*b = swap;
		}
	}
}

void
matrix_eigen(int n, double *matrix, double *values, double *vectors)
{
	memset(vectors, 0, sizeof(double) * n * n);
	for (int i = 0; i < n; i++)
		vectors[i * n + i] = 1;
	for (int sweep = 0; sweep < MAX_SWEEPS; sweep++)
	{
		bool		is_diagonal = true;

		for (int p = 0; p < n; p++)
			for (int q = p + 1; q < n; q++)
			{
				double		scale = sqrt(fabs(matrix[p * n + p])) * sqrt(fabs(matrix[q * n + q]));

				if (fabs(matrix[p * n + q]) <= DBL_EPSILON * scale || fabs(matrix[p * n + q]) < DBL_MIN)
					continue;
				rotate(n, matrix, vectors, p, q);
				is_diagonal = false;
			}
		if (is_diagonal)
			break;
	}
	for (int i = 0; i < n; i++)
		values[i] = matrix[i * n + i];
	sort_by_value(n, values, vectors);
}

bool
matrix_cholesky(int n, double *matrix)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++)
		{
			double		sum = matrix[i * n + j];

			for (int k = 0; k < j; k++)
				sum -= matrix[i * n + k] * matrix[j * n + k];
			if (i != j)
				matrix[i * n + j] = sum / matrix[j * n + j];
			else if (sum > 1e-12 * matrix[i * n + i])
				matrix[i * n + i] = sqrt(sum);
			else
				return false;
		}
	return true;
}

void
matrix_forward(int n, const double *lower, double *vector)
{
	for (int i = 0; i < n; i++)
	{
		for (int k = 0; k < i; k++)
			vector[i] -= lower[i * n + k] * vector[k];
		vector[i] /= lower[i * n + i];
	}
}
