/*
 * vector_embedding.c
 *		The random features of a vector; summary_vector.h says what they are for.
 *
 * With p the dimension padded to a power of two, H the Hadamard matrix, S random signs and U random numbers of variance 1, the rows
 * of H S H U H S / p are nearly orthogonal and their elements nearly independent standard normal numbers, for p >= 64; its product
 * with a vector takes 3 p log2(p) additions and no table.  (With signs in place of U, the frequencies of short vectors would lie on
 * a lattice, and far vectors would look near.)  The bandwidths differ by factors of four, so the waves of all follow from those of
 * the widest by doubling the angle.
 */
#include "summary/vector_sums.h"

#include <math.h>
#include <string.h>

#define LEAST_PADDED 64
#define WIDEST_BANDWIDTH 4096.0
#define FIXED_POINT 16777216.0 /* 2^24 */

int
vector_embedding_padded(int dimension)
{
	int			padded = LEAST_PADDED;

	while (padded < dimension)
		padded *= 2;
	return padded;
}

/* 64 random bits (Steele, Lea and Flood 2014, SplitMix). */
static uint64_t
random_bits(uint64_t index)
{
	uint64_t	bits = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

static void
flip_signs(double *values, int padded, int round)
{
	for (int begin = 0; begin < padded; begin += 64)
	{
		uint64_t	bits = random_bits((uint64_t) round << 32 | (uint64_t) begin);

		for (int i = 0; i < 64; i++)
			values[begin + i] = (bits >> i & 1) != 0 ? -values[begin + i] : values[begin + i];
	}
}

/* By uniform numbers between -sqrt(3) and sqrt(3). */
static void
scale_randomly(double *values, int padded, int round)
{
	for (int i = 0; i < padded; i++)
		values[i] *= (double) (int64_t) random_bits((uint64_t) round << 32 | (uint64_t) i) * (1.7320508075688772 * 0x1p-63);
}

static void
hadamard(double *values, int padded)
{
	for (int half = 1; half < padded; half *= 2)
		for (int begin = 0; begin < padded; begin += 2 * half)
			for (int i = begin; i < begin + half; i++)
			{
				double		a = values[i];
				double		b = values[i + half];

				values[i] = a + b;
				values[i + half] = a - b;
			}
}

static inline void
add_feature(int64_t *feature, double value, bool remove)
{
	int64_t		fixed = (int64_t) lrint(value * FIXED_POINT);

	/* Wraps around after 5e11 vectors, and back again when they are taken off. */
	*feature = (int64_t) ((uint64_t) *feature + (uint64_t) (remove ? -fixed : fixed));
}

void
vector_embedding_add(const double *values, int dimension, double *scratch, int64_t *features, bool remove)
{
	int			padded = vector_embedding_padded(dimension);

	memcpy(scratch, values, sizeof(double) * (size_t) dimension);
	memset(scratch + dimension, 0, sizeof(double) * (size_t) (padded - dimension));
	flip_signs(scratch, padded, 0);
	hadamard(scratch, padded);
	scale_randomly(scratch, padded, 1);
	hadamard(scratch, padded);
	flip_signs(scratch, padded, 2);
	hadamard(scratch, padded);
	for (int i = 0; i < VECTOR_DIRECTIONS; i++)
	{
		double		angle = scratch[i] / ((double) padded * WIDEST_BANDWIDTH);
		double		cosine = cos(angle);
		double		sine = sin(angle);

		for (int scale = VECTOR_SCALES - 1; scale >= 0; scale--)
		{
			int64_t	   *feature = features + 2 * VECTOR_DIRECTIONS * scale + i;

			add_feature(feature, cosine, remove);
			add_feature(feature + VECTOR_DIRECTIONS, sine, remove);
			for (int doubling = 0; doubling < 2; doubling++)
			{
				double		twice = 2 * sine * cosine;

				cosine = 1 - 2 * sine * sine;
				sine = twice;
			}
		}
	}
}
