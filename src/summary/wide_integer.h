/*
 * wide_integer.h
 *		Integers of up to 10,240 bits, wide enough for every product of power sums that the moments need.  Plain C.
 *
 * Sign and magnitude; words from the least significant; no leading zero word, so zero has no words.
 */
#ifndef WEIR_WIDE_INTEGER_H
#define WEIR_WIDE_INTEGER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The widest, the fourth central moment of the widest sums with its counts and coefficients, takes 145. */
#define WIDE_INTEGER_WORDS 160

typedef struct WideInteger
{
	bool		negative;
	int			n_words;
	uint64_t	words[WIDE_INTEGER_WORDS];
} WideInteger;

/* fraction * 2^exponent; fraction is 0 or a 53-bit integer, so that no range limits it. */
typedef struct WideFloat
{
	double		fraction;
	int			exponent;
} WideFloat;

/* Of the words only those that there are. */
static inline void
wide_copy(WideInteger *into, const WideInteger *from)
{
	into->negative = from->negative;
	into->n_words = from->n_words;
	memcpy(into->words, from->words, sizeof(uint64_t) * (size_t) from->n_words);
}

extern void wide_set(WideInteger *value, const uint64_t *words, int n_words, bool negative);
extern void wide_shift(WideInteger *value, int n_words); /* times 2^(64 n_words) */
extern void wide_add(WideInteger *value, const WideInteger *other, bool subtract);
extern void wide_multiply(WideInteger *result, const WideInteger *a, const WideInteger *b);
extern void wide_multiply_word(WideInteger *value, uint64_t factor);

/*
 * value / (first * second) * 2^exponent, rounded once to the nearest double (ties to even, gradual underflow, overflow to
 * infinity).
 */
extern double wide_quotient(const WideInteger *value, uint64_t first, uint64_t second, int exponent);

/* value / (first * second) rounded once to 53 bits, whatever its size. */
extern WideFloat wide_quotient_float(const WideInteger *value, uint64_t first, uint64_t second);

#endif
