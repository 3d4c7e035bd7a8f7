/*
 * test_summary_vector.c
 *		Summaries of vectors: sums against long double, merging and taking back, the embedding against the kernel, the stored form.
 */
#include "summary_bytes.h"
#include "summary_exercise.h"
#include "summary/summary_vector.h"

#define MOST 400

static Summary *
empty(void)
{
	return summary_create(unit_allocator(), SUMMARY_VECTOR, SUMMARY_PLAIN, 64);
}

static void
draw(double *vector, int dimension, double offset, double scale, bool single)
{
	for (int i = 0; i < dimension; i++)
	{
		vector[i] = offset + scale * (unit_random_normal() + (i > 0 ? 0.5 * vector[i - 1] / scale : 0));
		if (single)
			vector[i] = (double) (float) vector[i];
	}
}

/* In two passes, in long double. */
static long double
covariance_of(double *const *vectors, int n, int i, int j)
{
	long double mean_i = 0;
	long double mean_j = 0;
	long double sum = 0;

	for (int k = 0; k < n; k++)
	{
		mean_i += (long double) vectors[k][i] / n;
		mean_j += (long double) vectors[k][j] / n;
	}
	for (int k = 0; k < n; k++)
		sum += (vectors[k][i] - mean_i) * (vectors[k][j] - mean_j);
	return sum / (n - 1);
}

static void
test_moments(int dimension, double offset, double scale, bool single)
{
	int			n = 2 + (int) unit_random_below(MOST - 2);
	double	   *vectors[MOST];
	double	   *mean = malloc(sizeof(double) * (size_t) dimension);
	Summary	   *whole = empty();
	Summary	   *parts[3] = {empty(), empty(), empty()};
	Summary	   *again;
	bool		good = true;

	for (int k = 0; k < n; k++)
	{
		vectors[k] = malloc(sizeof(double) * (size_t) dimension);
		draw(vectors[k], dimension, offset, scale, single);
		summary_add_vector(whole, vectors[k], dimension);
		summary_add_vector(parts[unit_random_below(3)], vectors[k], dimension);
	}
	EXPECT(&good, summary_vector_mean(whole, mean) && summary_vector_count(whole) == n, "mean of %d", n);
	for (int round = 0; round < 40; round++)
	{
		int			i = (int) unit_random_below((uint64_t) dimension);
		int			j = dimension <= VECTOR_FULL_COVARIANCE ? (int) unit_random_below((uint64_t) dimension) : i;
		long double expected = covariance_of(vectors, n, i, j);
		double		size = (double) sqrtl(covariance_of(vectors, n, i, i) * covariance_of(vectors, n, j, j));
		double		covariance = NAN;
		long double sum = 0;

		for (int k = 0; k < n; k++)
			sum += vectors[k][i];
		EXPECT(&good, unit_close(mean[i], (double) (sum / n), 1e-15), "mean %d: %g, not %g", i, mean[i], (double) (sum / n));
		EXPECT(&good, summary_vector_covariance(whole, i, j, &covariance) && fabs(covariance - (double) expected) <= 1e-9 * size,
			   "covariance %d %d: %g, not %g", i, j, covariance, (double) expected);
	}
	CHECK(good, "mean and covariance of %d vectors of %d dimensions around %g, %g apart", n, dimension, offset, scale);

	again = recode(whole);
	good = same_bytes(again, whole) && summary_equal(again, whole);
	summary_merge(parts[0], parts[1]);
	summary_merge(parts[0], parts[2]);
	if (single)
		EXPECT(&good, same_bytes(parts[0], whole), "merged bytes of vectors of float4");
	EXPECT(&good, summary_equal(parts[0], whole), "merged");
	summary_subtract(parts[0], parts[1]);
	summary_subtract(parts[0], parts[2]);
	summary_merge(parts[2], parts[1]);
	summary_subtract(whole, parts[2]);
	EXPECT(&good, summary_equal(parts[0], whole), "taken back");
	for (int k = 0; k < n; k++)
		summary_remove_vector(again, vectors[k], dimension);
	EXPECT(&good, summary_vector_dimension(again) == 0 && summary_n(again) == 0 && !summary_is_inexact(again), "all taken back");
	CHECK(good, "stored, merged and taken back");
	for (int k = 0; k < n; k++)
		free(vectors[k]);
	free(mean);
	summary_free(whole);
	summary_free(again);
	for (int part = 0; part < 3; part++)
		summary_free(parts[part]);
}

/* The kernel whose mean over pairs the embedding estimates. */
static double
kernel(const double *a, const double *b, int dimension)
{
	double		squared = 0;
	double		sum = 0;

	for (int i = 0; i < dimension; i++)
		squared += (a[i] - b[i]) * (a[i] - b[i]);
	for (int scale = 0; scale < VECTOR_SCALES; scale++)
		sum += exp(-squared / 2 / pow(16, scale - 1));
	return sum / VECTOR_SCALES;
}

static void
test_kernel(int dimension)
{
	const int	n_pairs = 300;
	double		bias = 0;
	double		squares = 0;
	double	   *a = malloc(sizeof(double) * (size_t) dimension);
	double	   *b = malloc(sizeof(double) * (size_t) dimension);

	/* Of one vector each, the squared distance is 2 - 2 k(a, b). */
	for (int pair = 0; pair < n_pairs; pair++)
	{
		Summary	   *one = empty();
		Summary	   *other = empty();
		double		distance = NAN;
		double		error;

		draw(a, dimension, 0, exp(2 * unit_random_normal()), false);
		for (int i = 0; i < dimension; i++)
			b[i] = a[i] + exp(2 * unit_random_normal()) * unit_random_normal();
		summary_add_vector(one, a, dimension);
		summary_add_vector(other, b, dimension);
		summary_vector_distance_squared(one, other, &distance);
		error = (2 - distance) / 2 - kernel(a, b, dimension);
		bias += error / n_pairs;
		squares += error * error / n_pairs;
		summary_free(one);
		summary_free(other);
	}

	/* A wave of a random phase has variance 1/2: of 256 of them the mean has a standard error of 0.044. */
	CHECK(fabs(bias) < 0.03 && sqrt(squares) < 0.06, "%d dimensions: embedding is the kernel: bias %.4f, standard error %.3f",
		  dimension, bias, sqrt(squares));
	free(a);
	free(b);
}

static void
test_edges(void)
{
	Summary	   *summary = empty();
	Summary	   *other = empty();
	double		vector[3] = {1, 2, 2};
	double		unusable[3] = {1, NAN, 2};
	double		huge[3] = {1, 0x1p481, 2};
	double		result = 0;
	double		mean[3];

	CHECK(summary_vector_dimension(summary) == 0 && !summary_vector_mean(summary, mean) &&
			  !summary_vector_distance_squared(summary, other, &result),
		  "nothing is known of no vectors");
	CHECK(summary_add_vector(summary, unusable, 3) == SUMMARY_OK && summary_add_vector(summary, huge, 3) == SUMMARY_OK &&
			  summary_n(summary) == 2 && summary_nan_count(summary) == 2 && summary_vector_count(summary) == 0,
		  "vectors that cannot be summed are counted");
	CHECK(summary_add_vector(summary, vector, 3) == SUMMARY_OK && summary_mean(summary, &result) && result == 3 &&
			  !summary_vector_covariance(summary, 0, 0, &result),
		  "a vector of norm 3");
	CHECK(summary_add_vector(summary, vector, 2) == SUMMARY_DIMENSION_MISMATCH && summary_vector_count(summary) == 1,
		  "another dimension is refused");
	summary_add_vector(other, vector, 2);
	CHECK(summary_merge(summary, other) == SUMMARY_DIMENSION_MISMATCH && summary_vector_count(summary) == 1, "when merging, too");
	summary_remove_vector(other, vector, 2);
	CHECK(summary_add_vector(other, vector, 3) == SUMMARY_OK, "without vectors there is no dimension");
	CHECK(summary_vector_distance_squared(summary, other, &result) && result == 0, "equal sets have no distance");
	summary_remove_vector(other, vector, 3);
	summary_remove_vector(other, vector, 3);
	CHECK(summary_is_inexact(other), "what was never added cannot be taken back");
	summary_free(summary);
	summary_free(other);
}

static void
test_corruption(void)
{
	int			n_accepted = 0;
	bool		good = true;

	for (int round = 0; round < unit_rounds(3000); round++)
	{
		Summary	   *summary = empty();
		Summary	   *decoded;
		double		vector[8];
		int			dimension = 1 + (int) unit_random_below(8);
		Bytes		bytes;

		for (int k = (int) unit_random_below(4); k >= 0; k--)
		{
			draw(vector, dimension, 0, 1, unit_random_below(2) == 0);
			summary_add_vector(summary, vector, dimension);
		}
		bytes = encode(summary);
		for (int change = 1 + (int) unit_random_below(2); change > 0; change--)
			if (unit_random_below(4) == 0)
				bytes.size = (size_t) unit_random_below(bytes.size + 1);
			else if (bytes.size > 0)
				bytes.bytes[unit_random_below(bytes.size < 200 ? bytes.size : 200)] ^= (uint8_t) (1 << unit_random_below(8));
		if (summary_decode(unit_allocator(), bytes.bytes, bytes.size, &decoded) == SUMMARY_OK)
		{
			Bytes		again = encode(decoded);

			n_accepted++;
			EXPECT(&good, again.size == bytes.size && memcmp(again.bytes, bytes.bytes, again.size) == 0, "round %d", round);
			exercise(decoded);
			free(again.bytes);
			summary_free(decoded);
		}
		free(bytes.bytes);
		summary_free(summary);
	}
	CHECK(good && n_accepted > 0, "damaged bytes are refused, or read as they stand (%d)", n_accepted);
}

int
main(void)
{
	static const int dimensions[] = {1, 2, 3, 8, 63, 64, 65, 100, 300};

	for (int i = 0; i < 9; i++)
	{
		test_moments(dimensions[i], 0, 1, false);
		test_moments(dimensions[i], 1e6, 1, false);
		test_moments(dimensions[i], 3, 1e-6, true);
		test_moments(dimensions[i], 0, 1e140, false);
		test_moments(dimensions[i], 0, 1e-100, false);
		test_kernel(dimensions[i]);
	}
	test_edges();
	test_corruption();
	CHECK(unit_allocated() == 0, "no memory is left");
	return unit_summary();
}
