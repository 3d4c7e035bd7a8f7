/*
 * mersenne.h
 *		The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded and used to draw samples as Python's random does.
 */
#ifndef WEIR_MERSENNE_H
#define WEIR_MERSENNE_H

#include <stdbool.h>
#include <stdint.h>

#define MERSENNE_SIZE 624

typedef struct Mersenne
{
	int64_t		next;			/* of the 32-bit words below */
	uint64_t	pairs[MERSENNE_SIZE / 2];
} Mersenne;

/* As random.Random(seed). */
extern void mersenne_seed(Mersenne *random, uint32_t seed);

/* The next 32 bits. */
extern uint32_t mersenne_next(Mersenne *random);

#define MERSENNE_MAX_SAMPLED 10000

/* As random.sample(range(n), k), n at most MERSENNE_MAX_SAMPLED: bit i is set for what was drawn; drawn has n bits, all 0 before.
 */
extern void mersenne_sample(Mersenne *random, int64_t n, int64_t k, uint64_t *drawn);
extern bool mersenne_is_safe(const Mersenne *random);

#endif
