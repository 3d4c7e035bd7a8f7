/*
 * random.h
 *		Random numbers of learners: xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64.  Plain C.
 *
 * The state is part of the model, so that going on from a stored one draws what one run would have drawn.
 */
#ifndef WEIR_RANDOM_H
#define WEIR_RANDOM_H

#include <math.h>

#include "learn/archive.h"

typedef struct Random
{
	uint64_t	word[4];
} Random;

static inline void
random_seed(Random *random, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
	{
		uint64_t	z = (seed += UINT64_C(0x9E3779B97F4A7C15));

		z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
		z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
		random->word[i] = z ^ z >> 31;
	}
}

static inline uint64_t
random_rotate(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static inline uint64_t
random_next(Random *random)
{
	uint64_t   *s = random->word;
	uint64_t	result = random_rotate(s[1] * 5, 7) * 9;
	uint64_t	t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = random_rotate(s[3], 45);
	return result;
}

/* Uniform in [0, 1). */
static inline double
random_uniform(Random *random)
{
	return (double) (random_next(random) >> 11) * 0x1p-53;
}

/* Uniform among 0 .. limit - 1; limit is small, so a remainder's bias is far below what can be seen. */
static inline int
random_below(Random *random, int limit)
{
	return (int) (random_next(random) % (uint64_t) limit);
}

/* Poisson with that mean, at most 100 (Knuth 1969: products of uniforms). */
static inline int
random_poisson(Random *random, double mean)
{
	double		limit = exp(-mean);
	double		product = random_uniform(random);
	int			n = 0;

	while (product > limit)
	{
		product *= random_uniform(random);
		n++;
	}
	return n;
}

/* Standard normal (Box and Muller 1958). */
static inline double
random_normal(Random *random)
{
	double		u = 1.0 - random_uniform(random);

	return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * random_uniform(random));
}

static inline void
archive_random(Archive *archive, Random *random)
{
	for (int i = 0; i < 4; i++)
		archive_word(archive, &random->word[i]);
	/* Zero alone is a state that never leaves itself. */
	if (archive_reads(archive) && (random->word[0] | random->word[1] | random->word[2] | random->word[3]) == 0)
		archive_refuse(archive);
}

#endif
