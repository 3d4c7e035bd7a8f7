/*
 * mersenne.c
 *		The Mersenne Twister MT19937, seeded and used to draw samples as Python's random does.
 */
#include "detect/mersenne.h"

#include <math.h>
#include <string.h>

#define MIDDLE 397

static void
store(Mersenne *random, const uint32_t *words)
{
	for (int i = 0; i < MERSENNE_SIZE / 2; i++)
		random->pairs[i] = words[2 * i] | (uint64_t) words[2 * i + 1] << 32;
}

static void
load(const Mersenne *random, uint32_t *words)
{
	for (int i = 0; i < MERSENNE_SIZE; i++)
		words[i] = (uint32_t) (random->pairs[i / 2] >> (i % 2 * 32));
}

/* The reference's init_by_array with one key. */
void
mersenne_seed(Mersenne *random, uint32_t seed)
{
	uint32_t	words[MERSENNE_SIZE];
	int			i = 1;

	words[0] = 19650218;
	for (uint32_t j = 1; j < MERSENNE_SIZE; j++)
		words[j] = UINT32_C(1812433253) * (words[j - 1] ^ words[j - 1] >> 30) + j;
	for (int round = 0; round < 2 * MERSENNE_SIZE - 1; round++)
	{
		uint32_t	before = words[i - 1] ^ words[i - 1] >> 30;

		if (round < MERSENNE_SIZE)
			words[i] = (words[i] ^ before * UINT32_C(1664525)) + seed;
		else
			words[i] = (words[i] ^ before * UINT32_C(1566083941)) - (uint32_t) i;
		if (++i == MERSENNE_SIZE)
		{
			words[0] = words[MERSENNE_SIZE - 1];
			i = 1;
		}
	}
	words[0] = UINT32_C(0x80000000);
	store(random, words);
	random->next = MERSENNE_SIZE;
}

static void
generate(Mersenne *random)
{
	uint32_t	words[MERSENNE_SIZE];

	load(random, words);
	for (int i = 0; i < MERSENNE_SIZE; i++)
	{
		uint32_t	mixed = (words[i] & UINT32_C(0x80000000)) | (words[(i + 1) % MERSENNE_SIZE] & UINT32_C(0x7fffffff));

		words[i] = words[(i + MIDDLE) % MERSENNE_SIZE] ^ mixed >> 1 ^ (mixed & 1 ? UINT32_C(0x9908b0df) : 0);
	}
	store(random, words);
	random->next = 0;
}

uint32_t
mersenne_next(Mersenne *random)
{
	uint32_t	y;

	if (random->next == MERSENNE_SIZE)
		generate(random);
	y = (uint32_t) (random->pairs[random->next / 2] >> (random->next % 2 * 32));
	random->next++;
	y ^= y >> 11;
	y ^= y << 7 & UINT32_C(0x9d2c5680);
	y ^= y << 15 & UINT32_C(0xefc60000);
	return y ^ y >> 18;
}

/* Uniform in [0, limit): as many bits as limit has, until they are below it. */
static int64_t
below(Mersenne *random, int64_t limit)
{
	int			shift = 32;
	uint32_t	draw;

	for (int64_t rest = limit; rest > 0; rest >>= 1)
		shift--;
	do
		draw = mersenne_next(random) >> shift;
	while (draw >= limit);
	return draw;
}

void
mersenne_sample(Mersenne *random, int64_t n, int64_t k, uint64_t *drawn)
{
	uint16_t	pool[MERSENNE_MAX_SAMPLED];
	double		set_size = 21;

	if (k > 5)
		set_size += pow(4, ceil(log((double) k * 3) / log(4)));
	if (n <= set_size)
	{
		/* From a pool that shrinks. */
		memset(pool, 0, (size_t) n * sizeof(uint16_t));
		for (int64_t i = 1; i < n; i++)
			pool[i] = (uint16_t) i;
		for (int64_t left = n; left > n - k; left--)
		{
			int64_t		place = below(random, left);

			drawn[pool[place] >> 6] |= UINT64_C(1) << (pool[place] & 63);
			pool[place] = pool[left - 1];
		}
		return;
	}
	for (int64_t i = 0; i < k; i++)
	{
		int64_t		place;

		/* With so few of so many, again until it is a new one. */
		do
			place = below(random, n);
		while (drawn[place >> 6] >> (place & 63) & 1);
		drawn[place >> 6] |= UINT64_C(1) << (place & 63);
	}
}

/* All zero would never draw anything else, and never end a draw. */
bool
mersenne_is_safe(const Mersenne *random)
{
	/* Of the first word only the first bit matters. */
	uint64_t	any = random->pairs[0] & UINT64_C(0xffffffff80000000);

	for (int i = 1; i < MERSENNE_SIZE / 2; i++)
		any |= random->pairs[i];
	return random->next >= 0 && random->next <= MERSENNE_SIZE && any != 0;
}
