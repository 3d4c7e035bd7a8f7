/*
 * fingerprint.h
 *		A hash of 128 bits over a multiset of rows: neither their order nor who counted them shows, a row that is there twice does.
 *
 * Each row is hashed by itself, its columns in their order; the hashes are added modulo 2^128.  So fingerprints of parts add up to
 * that of the whole.  It finds changes and mistakes; it is not made to withstand somebody who looks for collisions.  Plain C.
 */
#ifndef WEIR_MODEL_FINGERPRINT_H
#define WEIR_MODEL_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Fingerprint
{
	uint64_t	high;
	uint64_t	low;
} Fingerprint;

/*
 * The hash of one row while its columns are given to it: words of 64 bits, two at a time into two chains, each of which multiplies
 * what it has with what comes and folds the 128 bits of the product.
 */
typedef struct RowHash
{
	uint64_t	a;
	uint64_t	b;
	uint64_t	first;			/* of two words, when the second has not come yet */
	uint64_t	n;				/* words so far */
} RowHash;

/* Fractional digits of the square roots of 2, 3, 5, 7, 11 and 13. */
#define FINGERPRINT_KEY_1 UINT64_C(0x6a09e667f3bcc909)
#define FINGERPRINT_KEY_2 UINT64_C(0xbb67ae8584caa73b)
#define FINGERPRINT_KEY_3 UINT64_C(0x3c6ef372fe94f82b)
#define FINGERPRINT_KEY_4 UINT64_C(0xa54ff53a5f1d36f1)
#define FINGERPRINT_KEY_5 UINT64_C(0x510e527fade682d1)
#define FINGERPRINT_KEY_6 UINT64_C(0x9b05688c2b3e6c1f)

static inline uint64_t
fingerprint_fold(uint64_t x, uint64_t y)
{
	unsigned __int128 product = (unsigned __int128) x * y;

	return (uint64_t) (product >> 64) ^ (uint64_t) product;
}

static inline uint64_t
fingerprint_read(const char *bytes, size_t length)
{
	uint64_t	word = 0;

	memcpy(&word, bytes, length);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline void
row_hash_begin(RowHash *hash)
{
	*hash = (RowHash){.a = FINGERPRINT_KEY_5, .b = FINGERPRINT_KEY_6};
}

static inline void
row_hash_two_words(RowHash *hash, uint64_t first, uint64_t second)
{
	hash->a = fingerprint_fold(hash->a ^ first, second ^ FINGERPRINT_KEY_1) + first;
	hash->b = fingerprint_fold(hash->b ^ second, first ^ FINGERPRINT_KEY_2) + second;
}

static inline void
row_hash_word(RowHash *hash, uint64_t word)
{
	if (hash->n++ % 2 == 0)
		hash->first = word;
	else
		row_hash_two_words(hash, hash->first, word);
}

/* Bytes and their number; words are read in the order of little endian. */
static inline void
row_hash_bytes(RowHash *hash, const char *bytes, size_t length)
{
	row_hash_word(hash, length);
	for (; length >= 16 && hash->n % 2 == 0; length -= 16, bytes += 16)
		row_hash_two_words(hash, fingerprint_read(bytes, 8), fingerprint_read(bytes + 8, 8));
	for (; length >= 8; length -= 8, bytes += 8)
		row_hash_word(hash, fingerprint_read(bytes, 8));
	if (length > 0)
		row_hash_word(hash, fingerprint_read(bytes, length));
}

/* Adds the row to the fingerprint. */
extern void fingerprint_add_row(Fingerprint *fingerprint, const RowHash *hash);

/* Adds another fingerprint. */
extern void fingerprint_add(Fingerprint *fingerprint, Fingerprint other);

#endif
