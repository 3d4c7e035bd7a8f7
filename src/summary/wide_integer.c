/*
 * wide_integer.c
 *		Integers of up to 10,240 bits: schoolbook arithmetic, rounded once at the end.
 */
#include "summary/wide_integer.h"

#include <math.h>
#include <string.h>

#define PRECISION 53
#define LEAST_EXPONENT (-1074) /* of the smallest positive double */

/* Quotients are computed from at least this many words, so that 53 bits and a sticky bit remain after dividing by two words. */
#define QUOTIENT_WORDS 6

static void
trim(WideInteger *value)
{
	while (value->n_words > 0 && value->words[value->n_words - 1] == 0)
		value->n_words--;
	if (value->n_words == 0)
		value->negative = false;
}

void
wide_set(WideInteger *value, const uint64_t *words, int n_words, bool negative)
{
	value->negative = negative;
	value->n_words = n_words;
	if (n_words > 0)
		memcpy(value->words, words, sizeof(uint64_t) * (size_t) n_words);
	trim(value);
}

void
wide_shift(WideInteger *value, int n_words)
{
	if (n_words == 0 || value->n_words == 0)
		return;
	memmove(value->words + n_words, value->words, sizeof(uint64_t) * (size_t) value->n_words);
	memset(value->words, 0, sizeof(uint64_t) * (size_t) n_words);
	value->n_words += n_words;
}

static int
compare_magnitudes(const WideInteger *a, const WideInteger *b)
{
	if (a->n_words != b->n_words)
		return a->n_words < b->n_words ? -1 : 1;
	for (int i = a->n_words - 1; i >= 0; i--)
		if (a->words[i] != b->words[i])
			return a->words[i] < b->words[i] ? -1 : 1;
	return 0;
}

/* value := value + other, magnitudes only */
static void
add_magnitude(WideInteger *value, const WideInteger *other)
{
	int			n_words = value->n_words > other->n_words ? value->n_words : other->n_words;
	unsigned __int128 carry = 0;

	for (int i = 0; i < n_words; i++)
	{
		carry += i < value->n_words ? value->words[i] : 0;
		carry += i < other->n_words ? other->words[i] : 0;
		value->words[i] = (uint64_t) carry;
		carry >>= 64;
	}
	if (carry != 0)
		value->words[n_words++] = (uint64_t) carry;
	value->n_words = n_words;
}

/* result := larger - smaller, magnitudes only; result may be either of them */
static void
subtract_magnitude(WideInteger *result, const WideInteger *larger, const WideInteger *smaller)
{
	uint64_t	borrow = 0;
	int			n_words = larger->n_words;

	for (int i = 0; i < n_words; i++)
	{
		uint64_t	a = larger->words[i];
		uint64_t	b = i < smaller->n_words ? smaller->words[i] : 0;
		uint64_t	difference = a - b;
		uint64_t	next = (a < b) | (difference < borrow);

		result->words[i] = difference - borrow;
		borrow = next;
	}
	result->n_words = n_words;
}

void
wide_add(WideInteger *value, const WideInteger *other, bool subtract)
{
	bool		other_negative = other->negative != subtract;

	if (other->n_words == 0)
		return;
	if (value->n_words == 0)
		value->negative = other_negative;
	if (value->negative == other_negative)
		add_magnitude(value, other);
	else if (compare_magnitudes(value, other) >= 0)
		subtract_magnitude(value, value, other);
	else
	{
		subtract_magnitude(value, other, value);
		value->negative = other_negative;
	}
	trim(value);
}

void
wide_multiply(WideInteger *result, const WideInteger *a, const WideInteger *b)
{
	result->n_words = a->n_words + b->n_words;
	result->negative = a->negative != b->negative;
	memset(result->words, 0, sizeof(uint64_t) * (size_t) result->n_words);
	for (int i = 0; i < a->n_words; i++)
	{
		uint64_t	carry = 0;

		for (int j = 0; j < b->n_words; j++)
		{
			unsigned __int128 product = (unsigned __int128) a->words[i] * b->words[j] + result->words[i + j] + carry;

			result->words[i + j] = (uint64_t) product;
			carry = (uint64_t) (product >> 64);
		}
		result->words[i + b->n_words] = carry;
	}
	trim(result);
}

void
wide_multiply_word(WideInteger *value, uint64_t factor)
{
	uint64_t	carry = 0;

	for (int i = 0; i < value->n_words; i++)
	{
		unsigned __int128 product = (unsigned __int128) value->words[i] * factor + carry;

		value->words[i] = (uint64_t) product;
		carry = (uint64_t) (product >> 64);
	}
	if (carry != 0)
		value->words[value->n_words++] = carry;
	trim(value);
}

static bool
divide_words(uint64_t *words, int n_words, uint64_t divisor)
{
	unsigned __int128 remainder = 0;

	if (divisor == 1)
		return false;
	for (int i = n_words - 1; i >= 0; i--)
	{
		remainder = remainder << 64 | words[i];
		words[i] = (uint64_t) (remainder / divisor);
		remainder %= divisor;
	}
	return remainder != 0;
}

static int
bit_length(const uint64_t *words, int n_words)
{
	while (n_words > 0 && words[n_words - 1] == 0)
		n_words--;
	return n_words == 0 ? 0 : 64 * n_words - __builtin_clzll(words[n_words - 1]);
}

/* The 64 bits from bit `first` up; bits below zero and above the words read as zero. */
static uint64_t
bits_from(const uint64_t *words, int n_words, int first)
{
	int			word = first >= 0 ? first / 64 : -((63 - first) / 64);
	int			shift = first - word * 64;
	uint64_t	low = word >= 0 && word < n_words ? words[word] : 0;
	uint64_t	high = word + 1 >= 0 && word + 1 < n_words ? words[word + 1] : 0;

	return low >> shift | (shift == 0 ? 0 : high << (64 - shift));
}

static bool
any_bit_below(const uint64_t *words, int bit)
{
	int			word = bit / 64;

	if (bit <= 0)
		return false;
	for (int i = 0; i < word; i++)
		if (words[i] != 0)
			return true;
	return bit % 64 != 0 && (words[word] << (64 - bit % 64)) != 0;
}

/*
 * The quotient's words and whether anything was cut off below them; returns their number, and in shift the words they were
 * scaled up by.
 */
static int
quotient_words(const WideInteger *value, uint64_t first, uint64_t second, uint64_t *words, int *shift, bool *sticky)
{
	int			n_words = value->n_words;
	bool		first_rest;
	bool		second_rest;

	*shift = n_words < QUOTIENT_WORDS ? QUOTIENT_WORDS - n_words : 0;
	memset(words, 0, sizeof(uint64_t) * (size_t) *shift);
	memcpy(words + *shift, value->words, sizeof(uint64_t) * (size_t) n_words);
	n_words += *shift;
	first_rest = divide_words(words, n_words, first);
	second_rest = divide_words(words, n_words, second);
	*sticky = first_rest || second_rest;
	return n_words;
}

/* The topmost `kept` of `length` bits, rounded to the nearest, ties to even. kept <= 53. */
static double
round_bits(const uint64_t *words, int n_words, int length, int kept, bool sticky)
{
	int			lowest = length - kept;
	uint64_t	fraction = kept > 0 ? bits_from(words, n_words, lowest) : 0;
	bool		half = lowest > 0 && (bits_from(words, n_words, lowest - 1) & 1) != 0;

	if (half && ((fraction & 1) != 0 || sticky || any_bit_below(words, lowest - 1)))
		fraction++;
	return (double) fraction;
}

WideFloat
wide_quotient_float(const WideInteger *value, uint64_t first, uint64_t second)
{
	uint64_t	words[WIDE_INTEGER_WORDS + QUOTIENT_WORDS];
	WideFloat	result = {0.0, 0};
	int			shift;
	int			n_words;
	int			length;
	bool		sticky;

	if (value->n_words == 0)
		return result;
	n_words = quotient_words(value, first, second, words, &shift, &sticky);
	length = bit_length(words, n_words);
	result.fraction = round_bits(words, n_words, length, PRECISION, sticky);
	result.exponent = length - PRECISION - 64 * shift;
	if (value->negative)
		result.fraction = -result.fraction;
	return result;
}

double
wide_quotient(const WideInteger *value, uint64_t first, uint64_t second, int exponent)
{
	uint64_t	words[WIDE_INTEGER_WORDS + QUOTIENT_WORDS];
	int			shift;
	int			n_words;
	int			length;
	int			kept;
	bool		sticky;
	double		result;

	if (value->n_words == 0)
		return 0.0;
	n_words = quotient_words(value, first, second, words, &shift, &sticky);
	length = bit_length(words, n_words);
	exponent -= 64 * shift;

	/* A result below the normal range has fewer bits: cut there, so that ldexp does not round a second time. */
	kept = length + exponent - LEAST_EXPONENT;
	if (kept > PRECISION)
		kept = PRECISION;
	if (kept < 0)
		return value->negative ? -0.0 : 0.0;
	result = ldexp(round_bits(words, n_words, length, kept, sticky), length - kept + exponent);
	return value->negative ? -result : result;
}
