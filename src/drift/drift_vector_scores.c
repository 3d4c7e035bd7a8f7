/*
 * drift_vector_scores.c
 *		Scores of two samples of vectors that follow from means and covariances, so that summaries have them too.
 */
#include <math.h>
#include <string.h>

#include "base/distributions.h"
#include "drift/adjust.h"
#include "drift/drift_vectors.h"
#include "drift/matrix.h"

#define SMALL_EFFECT 0.2 /* of a mean, in standard deviations: what counts as a drifted element of summaries */
#define SMALL_DISTANCE 0.1 /* of Kolmogorov and Smirnov: the same of vectors */

static double *
allocate(const DriftPair *pair, size_t n)
{
	return pair->allocator.resize(pair->allocator.context, NULL, 0, (n + 1) * sizeof(double));
}

static void
release(const DriftPair *pair, double *values, size_t n)
{
	pair->allocator.resize(pair->allocator.context, values, (n + 1) * sizeof(double), 0);
}

static bool
has_covariance(const DriftPair *pair, DriftScore *score)
{
	const DriftVectors *vectors = pair->vectors;

	if (vectors->covariance[BASELINE] == NULL)
		drift_undefined(score, "covariances are kept of up to 64 elements only");
	else if (vectors->n[BASELINE] < 2 || vectors->n[CURRENT] < 2)
		drift_undefined(score, "a sample has only one vector");
	return score->status == SCORE_OK;
}

/* ---- means ---- */

/*
 * The squared Mahalanobis distance of the means: by the covariance of both samples together, or of the baseline.  False where that
 * is singular.
 */
static bool
squared_mahalanobis(const DriftPair *pair, bool pooled, double *result)
{
	const DriftVectors *vectors = pair->vectors;
	int			d = vectors->dimension;
	size_t		size = (size_t) d * (size_t) d;
	double		n = (double) vectors->n[BASELINE];
	double		m = (double) vectors->n[CURRENT];
	double	   *matrix = allocate(pair, size);
	double	   *difference = allocate(pair, (size_t) d);
	bool		regular;

	for (size_t i = 0; i < size; i++)
		matrix[i] = pooled ? ((n - 1) * vectors->covariance[BASELINE][i] + (m - 1) * vectors->covariance[CURRENT][i]) / (n + m - 2)
						   : vectors->covariance[BASELINE][i];
	for (int i = 0; i < d; i++)
		difference[i] = vectors->mean[CURRENT][i] - vectors->mean[BASELINE][i];
	regular = matrix_cholesky(d, matrix);
	*result = 0;
	if (regular)
	{
		matrix_forward(d, matrix, difference);
		for (int i = 0; i < d; i++)
			*result += difference[i] * difference[i];
	}
	release(pair, matrix, size);
	release(pair, difference, (size_t) d);
	return regular && isfinite(*result);
}

static void
score_means(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	double		n = (double) pair->vectors->n[BASELINE];
	double		m = (double) pair->vectors->n[CURRENT];
	double		d = pair->vectors->dimension;
	double		pooled = 0;
	double		by_baseline = 0;
	bool		has_pooled;

	if (!has_covariance(pair, score))
		return;
	has_pooled = n + m - d - 1 > 0 && squared_mahalanobis(pair, true, &pooled);
	if (metric == DRIFT_MAHALANOBIS ? !squared_mahalanobis(pair, false, &by_baseline) : !has_pooled)
	{
		drift_undefined(score, "the covariance is singular: elements depend on each other, or there are too few vectors");
		return;
	}
	score->has_value = true;
	score->has_error_bound = true;
	score->value = sqrt(by_baseline);
	if (metric == DRIFT_HOTELLING)
	{
		score->value = n / (n + m) * m * pooled;
		score->threshold = score->threshold * score->threshold * n / (n + m) * m;
		score->warning_threshold = score->warning_threshold * score->warning_threshold * n / (n + m) * m;
	}
	if (has_pooled)
	{
		score->has_p_value = true;
		score->test = "hotelling_t_square";
		score->degrees_of_freedom = d;
		score->p_value = f_upper(n / (n + m) * m * pooled * (n + m - d - 1) / (d * (n + m - 2)), d, n + m - d - 1);
	}
}

static void
score_cosine(const DriftPair *pair, DriftScore *score)
{
	const DriftVectors *vectors = pair->vectors;
	double		squares[2] = {0, 0};
	double		product = 0;
	double		distance = 0;
	double		expected = 0;	/* of the squared distance of the means, by chance */

	for (int i = 0; i < vectors->dimension; i++)
	{
		double		gap = vectors->mean[CURRENT][i] - vectors->mean[BASELINE][i];

		distance += gap * gap;
		expected += vectors->variance[BASELINE][i] / (double) vectors->n[BASELINE] +
			vectors->variance[CURRENT][i] / (double) vectors->n[CURRENT];
		product += vectors->mean[BASELINE][i] * vectors->mean[CURRENT][i];
		for (int side = 0; side < 2; side++)
			squares[side] += vectors->mean[side][i] * vectors->mean[side][i];
	}
	if (!(squares[BASELINE] > 0 && squares[CURRENT] > 0) || !isfinite(squares[BASELINE]) || !isfinite(squares[CURRENT]))
	{
		drift_undefined(score, "a mean is zero, or too large for a number");
		return;
	}
	score->has_value = true;
	score->has_error_bound = true;
	/* equal means have exactly 0, where their squares allow it */
	if (isnormal(squares[BASELINE] * squares[CURRENT]))
		score->value = fmin(2, fmax(0, 1 - product / sqrt(squares[BASELINE] * squares[CURRENT])));
	else
		score->value = fmin(2, fmax(0, 1 - product / sqrt(squares[BASELINE]) / sqrt(squares[CURRENT])));
	if (expected > 0 && vectors->n[BASELINE] > 1 && vectors->n[CURRENT] > 1)
	{
		/* as in mmd_of_embeddings: no sum of squares of normal variables has a heavier tail than one square */
		score->has_p_value = true;
		score->test = "distance of the means, upper bound";
		score->p_value = chi_square_upper(distance / expected, 1);
	}
	score->has_level = true;	/* the lengths */
	for (int side = 0; side < 2; side++)
		score->level[side] = sqrt(squares[side]);
}

/* ---- covariances ---- */

/* log of the determinant; false where it is singular. */
static bool
log_determinant(const DriftPair *pair, const double *covariance, double *result)
{
	int			d = pair->vectors->dimension;
	size_t		size = (size_t) d * (size_t) d;
	double	   *matrix = allocate(pair, size);
	bool		regular;

	memcpy(matrix, covariance, size * sizeof(double));
	regular = matrix_cholesky(d, matrix);
	*result = 0;
	for (int i = 0; i < d && regular; i++)
		*result += 2 * log(matrix[i * d + i]);
	release(pair, matrix, size);
	return regular;
}

/* Box's M test (1949) that both covariances are the same, with the chi-square approximation. */
static void
box_test(const DriftPair *pair, DriftScore *score)
{
	const DriftVectors *vectors = pair->vectors;
	int			d = vectors->dimension;
	size_t		size = (size_t) d * (size_t) d;
	double		degrees[2] = {(double) (vectors->n[BASELINE] - 1), (double) (vectors->n[CURRENT] - 1)};
	double		total = degrees[0] + degrees[1];
	double	   *pooled = allocate(pair, size);
	double		logs[3];
	double		correction;

	for (size_t i = 0; i < size; i++)
		pooled[i] = (degrees[0] * vectors->covariance[0][i] + degrees[1] * vectors->covariance[1][i]) / total;
	if (fmin(degrees[0], degrees[1]) >= d && log_determinant(pair, vectors->covariance[0], &logs[0]) &&
		log_determinant(pair, vectors->covariance[1], &logs[1]) && log_determinant(pair, pooled, &logs[2]))
	{
		correction = (2.0 * d * d + 3 * d - 1) / (6.0 * (d + 1)) * (1 / degrees[0] + 1 / degrees[1] - 1 / total);
		score->has_p_value = true;
		score->test = "box_m";
		score->degrees_of_freedom = d * (d + 1) / 2.0;
		score->has_statistic = true;
		score->statistic = fmax(0, (1 - correction) * (total * logs[2] - degrees[0] * logs[0] - degrees[1] * logs[1]));
		score->p_value = chi_square_upper(score->statistic, score->degrees_of_freedom);
	}
	release(pair, pooled, size);
}

/* The elements are brought to the scale of the baseline, so that units do not matter. */
static void
score_covariance(const DriftPair *pair, DriftScore *score)
{
	const DriftVectors *vectors = pair->vectors;
	int			d = vectors->dimension;
	double		difference = 0;
	double		norm = 0;
	double		largest = -1;

	if (!has_covariance(pair, score))
		return;
	for (int i = 0; i < d; i++)
		for (int j = 0; j <= i; j++)
		{
			double		scale = sqrt(vectors->variance[BASELINE][i]) * sqrt(vectors->variance[BASELINE][j]);
			double		b = vectors->covariance[BASELINE][i * d + j] / scale;
			double		c = vectors->covariance[CURRENT][i * d + j] / scale;
			double		weight = i == j ? 1 : 2;

			if (!(scale > 0))
			{
				drift_undefined(score, "an element of the baseline does not vary");
				return;
			}
			difference += weight * (c - b) * (c - b);
			norm += weight * b * b;
			if (fabs(c - b) > largest)
			{
				largest = fabs(c - b);
				score->elements[0] = j + 1;
				score->elements[1] = i + 1;
				score->level[BASELINE] = b;
				score->level[CURRENT] = c;
			}
		}
	if (!isfinite(difference))
	{
		drift_undefined(score, "the difference is too large for a number");
		return;
	}
	score->has_value = true;
	score->has_error_bound = true;
	score->value = sqrt(difference) / sqrt(norm);
	score->has_elements = true;
	score->has_level = true;
	box_test(pair, score);
}

/* The correlation that has changed most; its test is Fisher's, corrected for how many there are. */
static void
score_correlation(const DriftPair *pair, DriftScore *score)
{
	const DriftVectors *vectors = pair->vectors;
	int			d = vectors->dimension;
	double		n = (double) vectors->n[BASELINE];
	double		m = (double) vectors->n[CURRENT];
	double		z = 0;
	int			n_pairs = 0;

	if (!has_covariance(pair, score))
		return;
	for (int i = 0; i < d; i++)
		for (int j = 0; j < i; j++)
		{
			double		r[2];
			double		gap;

			for (int side = 0; side < 2; side++)
				r[side] =
					vectors->covariance[side][i * d + j] / sqrt(vectors->variance[side][i]) / sqrt(vectors->variance[side][j]);
			if (!isfinite(r[0]) || !isfinite(r[1]))
				continue;		/* a constant */
			for (int side = 0; side < 2; side++)
				r[side] = fmax(-1, fmin(1, r[side]));
			n_pairs++;
			gap = fabs(r[CURRENT] - r[BASELINE]);
			if (n > 3 && m > 3)
				z = fmax(z, fabs(atanh(fmin(1 - 1e-15, fmax(1e-15 - 1, r[0]))) - atanh(fmin(1 - 1e-15, fmax(1e-15 - 1, r[1])))));
			if (gap < score->value || (gap == score->value && n_pairs > 1))
				continue;
			score->value = gap;
			score->elements[0] = j + 1;
			score->elements[1] = i + 1;
			memcpy(score->level, r, sizeof(score->level));
		}
	if (n_pairs == 0)
	{
		drift_undefined(score, "no two elements vary in both samples");
		return;
	}
	score->has_value = true;
	score->has_error_bound = true;
	score->has_elements = true;
	score->has_level = true;
	if (n > 3 && m > 3)
	{
		score->has_p_value = true;
		score->test = "fisher_z, bonferroni";
		score->p_value = fmin(1, n_pairs * normal_two_sided(z / sqrt(1 / (n - 3) + 1 / (m - 3))));
	}
}

/* ---- principal components ---- */

/* How many components explain the share of variance that the options give. */
static int
components_to_keep(const DriftPair *pair, const double *values)
{
	int			d = pair->vectors->dimension;
	double		total = 0;
	double		kept = 0;
	int			n_kept = 0;

	for (int i = 0; i < d; i++)
		total += values[i];
	while (n_kept < d && kept < pair->options.explained * total)
		kept += values[n_kept++];
	return n_kept;
}

/*
 * Welch's test of the squared errors of the vectors themselves.  Vectors that the components were made of are reproduced better
 * than others, so here they are made of every other vector of the baseline, and the rest is compared.
 */
static void
test_errors(const DriftPair *pair, double *matrix, double *components, double *values, DriftScore *score)
{
	const DriftVectors *vectors = pair->vectors;
	int			d = vectors->dimension;
	int64_t		n_fit = (vectors->n[BASELINE] + 1) / 2;
	double	   *center = allocate(pair, (size_t) d);
	double	   *scaled = allocate(pair, (size_t) d);
	double	   *deviations = allocate(pair, (size_t) d);
	int			n_kept;
	double		mean[2] = {0, 0};
	double		squares[2] = {0, 0};
	int64_t		n[2] = {0, 0};
	double		parts[2];

	memset(center, 0, (size_t) d * sizeof(double));
	memset(matrix, 0, (size_t) d * (size_t) d * sizeof(double));
	for (int64_t row = 0; row < vectors->n[BASELINE]; row += 2)
		for (int i = 0; i < d; i++)
			center[i] += vectors->rows[BASELINE][row * d + i] / (double) n_fit;
	for (int64_t row = 0; row < vectors->n[BASELINE]; row += 2)
		for (int i = 0; i < d; i++)
			for (int j = 0; j < d; j++)
				matrix[i * d + j] +=
					(vectors->rows[BASELINE][row * d + i] - center[i]) * (vectors->rows[BASELINE][row * d + j] - center[j]);
	for (int i = 0; i < d; i++)
		deviations[i] = matrix[i * d + i] > 0 ? sqrt(matrix[i * d + i]) : 1;
	for (int i = 0; i < d; i++)
		for (int j = 0; j < d; j++)
			matrix[i * d + j] /= deviations[i] * deviations[j];
	matrix_eigen(d, matrix, values, components);
	n_kept = components_to_keep(pair, values);
	for (int side = 0; side < 2; side++)
		for (int64_t row = side == BASELINE ? 1 : 0; row < vectors->n[side]; row += side == BASELINE ? 2 : 1)
		{
			double		error = 0;
			double		step;

			for (int i = 0; i < d; i++)
			{
				scaled[i] = (vectors->rows[side][row * d + i] - center[i]) / deviations[i];
				error += scaled[i] * scaled[i];
			}
			for (int k = 0; k < n_kept; k++)
			{
				double		projection = 0;

				for (int i = 0; i < d; i++)
					projection += components[k * d + i] * scaled[i];
				error -= projection * projection;
			}
			step = error - mean[side];
			mean[side] += step / (double) ++n[side];
			squares[side] += step * (error - mean[side]);
		}
	release(pair, center, (size_t) d);
	release(pair, scaled, (size_t) d);
	release(pair, deviations, (size_t) d);
	if (n[0] < 2 || n[1] < 2 || n_kept == d || n_fit < d + 2)
		return;
	for (int side = 0; side < 2; side++)
		parts[side] = squares[side] / (double) (n[side] - 1) / (double) n[side];
	if (!(parts[0] + parts[1] > 0) || !isfinite(parts[0] + parts[1]))
		return;
	score->has_p_value = true;
	score->test = "welch_t of squared errors, half of the baseline";
	score->degrees_of_freedom = (parts[0] + parts[1]) * (parts[0] + parts[1]) /
		(parts[0] * parts[0] / (double) (n[0] - 1) + parts[1] * parts[1] / (double) (n[1] - 1));
	score->p_value = student_two_sided((mean[1] - mean[0]) / sqrt(parts[0] + parts[1]), score->degrees_of_freedom);
}

/*
 * The baseline's principal components, of its standardised elements, as many as explain the share of variance that the options
 * give; how well they reproduce the vectors of each side.
 */
static void
score_components(const DriftPair *pair, DriftScore *score)
{
	const DriftVectors *vectors = pair->vectors;
	int			d = vectors->dimension;
	size_t		size = (size_t) d * (size_t) d;
	double	   *matrix;
	double	   *components;
	double	   *values;
	double	   *deviations;
	double		total = 0;
	int			n_kept;

	if (!has_covariance(pair, score))
		return;
	matrix = allocate(pair, size);
	components = allocate(pair, size);
	values = allocate(pair, (size_t) d);
	deviations = allocate(pair, (size_t) d);
	for (int i = 0; i < d; i++)
		deviations[i] = vectors->variance[BASELINE][i] > 0 ? sqrt(vectors->variance[BASELINE][i]) : 1;
	for (int i = 0; i < d; i++)
		for (int j = 0; j < d; j++)
			matrix[i * d + j] = vectors->covariance[BASELINE][i * d + j] / deviations[i] / deviations[j];
	matrix_eigen(d, matrix, values, components);
	for (int i = 0; i < d; i++)
		total += values[i];
	n_kept = components_to_keep(pair, values);
	for (int side = 0; side < 2; side++)
	{
		double		n = (double) vectors->n[side];
		double		error = 0;

		/* second moments around the baseline's mean */
		for (int i = 0; i < d; i++)
			for (int j = 0; j < d; j++)
				matrix[i * d + j] = (vectors->covariance[side][i * d + j] * (n - 1) / n +
									 (vectors->mean[side][i] - vectors->mean[BASELINE][i]) *
										 (vectors->mean[side][j] - vectors->mean[BASELINE][j])) /
					deviations[i] / deviations[j];
		for (int i = 0; i < d; i++)
			error += matrix[i * d + i];
		for (int k = 0; k < n_kept; k++)
			for (int i = 0; i < d; i++)
				for (int j = 0; j < d; j++)
					error -= components[k * d + i] * matrix[i * d + j] * components[k * d + j];
		score->level[side] = sqrt(fmax(0, error));
	}
	if (n_kept == d || !(score->level[BASELINE] > 1e-9 * sqrt(total)))
		drift_undefined(score, "the components that are kept leave no error in the baseline");
	else if (!isfinite(score->level[CURRENT]))
		drift_undefined(score, "the error is too large for a number");
	else
	{
		score->has_value = true;
		score->has_error_bound = true;
		score->value = fabs(score->level[CURRENT] / score->level[BASELINE] - 1);
		score->has_level = true;
		score->has_statistic = true;
		score->statistic = n_kept;
		if (vectors->rows[BASELINE] != NULL)
			test_errors(pair, matrix, components, values, score);
	}
	release(pair, matrix, size);
	release(pair, components, size);
	release(pair, values, (size_t) d);
	release(pair, deviations, (size_t) d);
}

/* ---- element by element ---- */

/* p-value and effect of one element: the Kolmogorov-Smirnov test of vectors, Welch's of summaries. */
static void
test_element(DriftPair *pair, int element, double *p_value, double *effect)
{
	const DriftVectors *vectors = pair->vectors;
	int			d = vectors->dimension;

	if (vectors->rows[BASELINE] != NULL)
	{
		double	   *values[2];
		DriftPair  *numbers;
		KolmogorovResult test;

		for (int side = 0; side < 2; side++)
		{
			values[side] = allocate(pair, (size_t) vectors->n[side]);
			for (int64_t row = 0; row < vectors->n[side]; row++)
				values[side][row] = vectors->rows[side][row * d + element];
		}
		numbers = drift_pair_of_numbers(pair->allocator, &pair->options, values[0], (size_t) vectors->n[0], 0, values[1],
										(size_t) vectors->n[1], 0);
		drift_kolmogorov(numbers, &test);
		drift_pair_free(numbers);
		for (int side = 0; side < 2; side++)
			release(pair, values[side], (size_t) vectors->n[side]);
		*p_value = test.p_value;
		*effect = test.distance / SMALL_DISTANCE;
	}
	else
	{
		double		difference = fabs(vectors->mean[1][element] - vectors->mean[0][element]);
		double		parts[2];

		for (int side = 0; side < 2; side++)
			parts[side] = vectors->variance[side][element] / (double) vectors->n[side];
		*effect = difference == 0 ? 0 : difference / sqrt(vectors->variance[BASELINE][element]) / SMALL_EFFECT;
		if (difference == 0)
			*p_value = 1;
		else if (vectors->n[0] < 2 || vectors->n[1] < 2)
			*p_value = NAN;
		else if (!(parts[0] + parts[1] > 0))
			*p_value = 0;
		else
			*p_value = student_two_sided(difference / sqrt(parts[0] + parts[1]),
										 (parts[0] + parts[1]) * (parts[0] + parts[1]) /
											 (parts[0] * parts[0] / (double) (vectors->n[0] - 1) +
											  parts[1] * parts[1] / (double) (vectors->n[1] - 1)));
	}
}

static void
score_dimensions(DriftPair *pair, DriftScore *score)
{
	int			d = pair->vectors->dimension;
	double	   *p_values = allocate(pair, (size_t) d);
	double	   *effects = allocate(pair, (size_t) d);
	int			largest = 0;
	int			n_drifted = 0;

	for (int i = 0; i < d; i++)
	{
		drift_pause();
		test_element(pair, i, &p_values[i], &effects[i]);
		if (effects[i] > effects[largest])
			largest = i;
	}
	adjust_p_values(pair->allocator, p_values, (size_t) d, ADJUST_BENJAMINI_HOCHBERG);
	for (int i = 0; i < d; i++)
		n_drifted += p_values[i] < pair->options.significance && effects[i] >= 1;
	score->has_value = true;
	score->has_error_bound = pair->vectors->rows[BASELINE] != NULL;
	score->value = (double) n_drifted / d;
	score->has_elements = true;
	score->elements[0] = largest + 1;
	score->elements[1] = 0;
	release(pair, p_values, (size_t) d);
	release(pair, effects, (size_t) d);
}

void
drift_score_vectors(DriftPair *pair, DriftMetric metric, DriftScore *score)
{
	switch (metric)
	{
		case DRIFT_MMD: drift_score_mmd(pair, score); break;
		case DRIFT_ENERGY_DISTANCE: drift_score_energy(pair, score); break;
		case DRIFT_HOTELLING:
		case DRIFT_MAHALANOBIS: score_means(pair, metric, score); break;
		case DRIFT_COVARIANCE_DIFFERENCE: score_covariance(pair, score); break;
		case DRIFT_CORRELATION_DIFFERENCE: score_correlation(pair, score); break;
		case DRIFT_PCA_RECONSTRUCTION_ERROR: score_components(pair, score); break;
		case DRIFT_CENTROID_COSINE: score_cosine(pair, score); break;
		case DRIFT_DRIFTED_DIMENSIONS: score_dimensions(pair, score); break;
		default:
			if (pair->vectors->rows[BASELINE] == NULL)
				drift_undefined(score, "summaries do not keep the vectors");
			else
				drift_score_domain_classifier(pair, score);
	}
}
