/*
 * calibrator.c
 *		Curves from scores to probabilities: isotonic steps, and logistic curves by Newton's method.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "quality/calibration.h"

#define MAX_STEPS 100
#define TOLERANCE 1e-12
#define SMALLEST_PROBABILITY 1e-15 /* scores of 0 and 1 have a logit that far out */

static double
inside(double score)
{
	return fmin(1 - SMALLEST_PROBABILITY, fmax(SMALLEST_PROBABILITY, score));
}

/* What the curve of the method is linear in: x[0] belongs to the intercept. */
static void
features(CalibratorMethod method, double score, double x[3])
{
	double		s = inside(score);

	x[0] = 1;
	x[1] = method == CALIBRATOR_PLATT ? score : method == CALIBRATOR_BETA ? log(s) : log(s) - log1p(-s);
	x[2] = method == CALIBRATOR_BETA ? -log1p(-s) : 0;
}

static int
n_features(CalibratorMethod method)
{
	return method == CALIBRATOR_BETA ? 3 : 2;
}

static double
logistic(double x)
{
	return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double
linear(const double *coefficients, const double *x, int n)
{
	double		sum = 0;

	for (int i = 0; i < n; i++)
		sum += coefficients[i] * x[i];
	return sum;
}

/* Solves the small symmetric positive system by Cholesky; false when it is singular. */
static bool
solve(double matrix[3][3], double *right, int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++)
		{
			double		sum = matrix[i][j];

			for (int k = 0; k < j; k++)
				sum -= matrix[i][k] * matrix[j][k];
			if (i == j)
			{
				if (!(sum > DBL_EPSILON * fabs(matrix[i][i])))
					return false;
				matrix[i][i] = sqrt(sum);
			}
			else
				matrix[i][j] = sum / matrix[j][j];
		}
	for (int i = 0; i < n; i++)
	{
		for (int k = 0; k < i; k++)
			right[i] -= matrix[i][k] * right[k];
		right[i] /= matrix[i][i];
	}
	for (int i = n; i-- > 0;)
	{
		for (int k = i + 1; k < n; k++)
			right[i] -= matrix[k][i] * right[k];
		right[i] /= matrix[i][i];
	}
	return true;
}

typedef struct CurveFit
{
	const ScoreCell *cells;
	size_t		n_cells;
	CalibratorMethod method;
	double		targets[2];		/* of a negative, of a positive */
} CurveFit;

/* -ln likelihood, its gradient and curvature. */
static double
likelihood(const CurveFit *fit, const double *coefficients, double gradient[3], double curvature[3][3])
{
	const int	n = n_features(fit->method);
	double		sum = 0;

	memset(gradient, 0, sizeof(double) * 3);
	memset(curvature, 0, sizeof(double) * 9);
	for (size_t i = 0; i < fit->n_cells; i++)
	{
		double		x[3] = {0};
		double		counts[2] = {(double) fit->cells[i].negatives, (double) fit->cells[i].positives};
		double		rows = counts[0] + counts[1];
		double		wanted = counts[0] * fit->targets[0] + counts[1] * fit->targets[1];
		double		eta;
		double		p;

		features(fit->method, score_cell_middle(&fit->cells[i]), x);
		eta = linear(coefficients, x, n);
		p = logistic(eta);
		/* ln (1 + e^eta) without overflow */
		sum += rows * (fmax(eta, 0) + log1p(exp(-fabs(eta)))) - wanted * eta;
		for (int j = 0; j < n; j++)
		{
			gradient[j] += (rows * p - wanted) * x[j];
			for (int k = 0; k < n; k++)
				curvature[j][k] += rows * p * (1 - p) * x[j] * x[k];
		}
	}
	return sum;
}

static bool
fit_curve(Calibrator *calibrator, const CurveFit *fit)
{
	double		coefficients[3] = {0, fit->method == CALIBRATOR_PLATT ? 0 : 1, 1};
	const int	first = fit->method == CALIBRATOR_TEMPERATURE ? 1 : 0;
	const int	n = n_features(fit->method);

	for (int step = 0; step < MAX_STEPS; step++)
	{
		double		gradient[3];
		double		curvature[3][3];
		double		direction[3] = {0};
		double		reduced[3][3] = {{0}};
		double		value;
		double		scale = 1;
		double		largest = 0;

		value = likelihood(fit, coefficients, gradient, curvature);
		for (int i = first; i < n; i++)
		{
			direction[i - first] = gradient[i];
			for (int j = first; j < n; j++)
				reduced[i - first][j - first] = curvature[i][j];
		}
		if (!solve(reduced, direction, n - first))
			return false;
		/* A step that does not lead downhill is halved. */
		for (int attempt = 0; attempt < 50; attempt++)
		{
			double		candidate[3] = {coefficients[0], coefficients[1], coefficients[2]};
			double		ignored[3];
			double		ignored_curvature[3][3];

			for (int i = first; i < n; i++)
				candidate[i] -= scale * direction[i - first];
			if (likelihood(fit, candidate, ignored, ignored_curvature) <= value + 1e-12 * fabs(value))
				break;
			scale /= 2;
		}
		for (int i = first; i < n; i++)
		{
			double		change = scale * direction[i - first];

			coefficients[i] -= change;
			largest = fmax(largest, fabs(change) / (1 + fabs(coefficients[i])));
			if (!isfinite(coefficients[i]) || fabs(coefficients[i]) > 1e6)
				return false;	/* the curve separates the classes: the likelihood has no maximum */
		}
		if (largest < TOLERANCE)
		{
			memcpy(calibrator->coefficients, coefficients, sizeof(coefficients));
			return true;
		}
	}
	return false;
}

/* Pool adjacent violators, then the ends of each pool, so that values between two pools are interpolated. */
static void
fit_isotonic(Calibrator *calibrator, const ScoreCell *cells, size_t n_cells, Allocator allocator)
{
	size_t		size = (n_cells + 1) * sizeof(double);
	double	   *weight = allocator.resize(allocator.context, NULL, 0, size);
	double	   *value = allocator.resize(allocator.context, NULL, 0, size);
	double	   *first = allocator.resize(allocator.context, NULL, 0, size);
	double	   *last = allocator.resize(allocator.context, NULL, 0, size);
	size_t		n = 0;

	for (size_t i = 0; i < n_cells; i++)
	{
		weight[n] = (double) (cells[i].negatives + cells[i].positives);
		value[n] = (double) cells[i].positives / weight[n];
		first[n] = last[n] = score_cell_middle(&cells[i]);
		n++;
		while (n > 1 && value[n - 2] >= value[n - 1])
		{
			value[n - 2] = (value[n - 2] * weight[n - 2] + value[n - 1] * weight[n - 1]) / (weight[n - 2] + weight[n - 1]);
			weight[n - 2] += weight[n - 1];
			last[n - 2] = last[n - 1];
			n--;
		}
	}
	calibrator->scores = allocator.resize(allocator.context, NULL, 0, (2 * n + 1) * sizeof(double));
	calibrator->values = allocator.resize(allocator.context, NULL, 0, (2 * n + 1) * sizeof(double));
	for (size_t i = 0; i < n; i++)
		for (int end = 0; end < (first[i] < last[i] ? 2 : 1); end++)
		{
			calibrator->scores[calibrator->n_points] = end == 0 ? first[i] : last[i];
			calibrator->values[calibrator->n_points++] = value[i];
		}
	calibrator->scores = allocator.resize(allocator.context, calibrator->scores, (2 * n + 1) * sizeof(double),
										  (calibrator->n_points + 1) * sizeof(double));
	calibrator->values = allocator.resize(allocator.context, calibrator->values, (2 * n + 1) * sizeof(double),
										  (calibrator->n_points + 1) * sizeof(double));
	allocator.resize(allocator.context, weight, size, 0);
	allocator.resize(allocator.context, value, size, 0);
	allocator.resize(allocator.context, first, size, 0);
	allocator.resize(allocator.context, last, size, 0);
}

bool
calibrator_fit(Calibrator *calibrator, CalibratorMethod method, const ScoreCell *cells, size_t n_cells, Allocator allocator)
{
	CurveFit	fit = {.cells = cells, .n_cells = n_cells, .method = method, .targets = {0, 1}};
	double		totals[2] = {0, 0};

	memset(calibrator, 0, sizeof(Calibrator));
	calibrator->method = method;
	for (size_t i = 0; i < n_cells; i++)
	{
		totals[0] += (double) cells[i].negatives;
		totals[1] += (double) cells[i].positives;
	}
	if (totals[0] == 0 || totals[1] == 0)
		return false;
	if (method == CALIBRATOR_ISOTONIC)
	{
		fit_isotonic(calibrator, cells, n_cells, allocator);
		return true;
	}
	if (method == CALIBRATOR_PLATT)
	{
		fit.targets[0] = 1 / (totals[0] + 2);
		fit.targets[1] = (totals[1] + 1) / (totals[1] + 2);
	}
	return fit_curve(calibrator, &fit);
}

double
calibrator_apply(const Calibrator *calibrator, double score)
{
	double		x[3] = {0};
	size_t		low = 0;
	size_t		high = calibrator->n_points;

	if (isnan(score))
		return NAN;
	if (calibrator->method != CALIBRATOR_ISOTONIC)
	{
		features(calibrator->method, score, x);
		return logistic(linear(calibrator->coefficients, x, n_features(calibrator->method)));
	}
	/* The first point beyond the score. */
	while (low < high)
	{
		size_t		between = low + (high - low) / 2;

		if (calibrator->scores[between] <= score)
			low = between + 1;
		else
			high = between;
	}
	if (low == 0)
		return calibrator->values[0];
	if (low == calibrator->n_points || calibrator->values[low] == calibrator->values[low - 1])
		return calibrator->values[low - 1];
	return calibrator->values[low - 1] +
		(calibrator->values[low] - calibrator->values[low - 1]) * (score - calibrator->scores[low - 1]) /
		(calibrator->scores[low] - calibrator->scores[low - 1]);
}

void
calibrator_free(Calibrator *calibrator, Allocator allocator)
{
	if (calibrator->scores == NULL)
		return;
	allocator.resize(allocator.context, calibrator->scores, (calibrator->n_points + 1) * sizeof(double), 0);
	allocator.resize(allocator.context, calibrator->values, (calibrator->n_points + 1) * sizeof(double), 0);
	calibrator->scores = calibrator->values = NULL;
}
