/*
 * fingerprint.c
 *		Sums of hashes of rows.
 */
#include "model/fingerprint.h"

#include <string.h>

/* Fractional digits of the square roots of 2, 3, 5, 7, 11, 13, 17, 19, 23 and 29, the ninth made odd. */
#define KEY_1 UINT64_C(0x6a09e667f3bcc909)
#define KEY_2 UINT64_C(0xbb67ae8584caa73b)
#define KEY_3 UINT64_C(0x3c6ef372fe94f82b)
#define KEY_4 UINT64_C(0xa54ff53a5f1d36f1)
#define KEY_5 UINT64_C(0x510e527fade682d1)
#define KEY_6 UINT64_C(0x9b05688c2b3e6c1f)
#define KEY_7 UINT64_C(0x1f83d9abfb41bd6b)
#define KEY_8 UINT64_C(0x5be0cd19137e2179)
#define STEP_1 UINT64_C(0xcbbb9d5dc1059ed9)
#define STEP_2 UINT64_C(0x629a292a367cd507)

/*
 * Four words at a time: two are multiplied into one sum, two into the other, where the sum of the first two goes as well.  The 128
 * bits of a product are folded.  Keys differ from place to place, so the order of words shows; no product waits for the one before.
 */
typedef struct RowHash
{
	uint64_t	a;
	uint64_t	b;
	uint64_t	place_1;
	uint64_t	place_2;
} RowHash;

static inline uint64_t
fold(uint64_t x, uint64_t y)
{
	unsigned __int128 product = (unsigned __int128) x * y;

	return (uint64_t) (product >> 64) ^ (uint64_t) product;
}

static inline void
mix(RowHash *hash, uint64_t first, uint64_t second, uint64_t third, uint64_t fourth)
{
	hash->place_1 += STEP_1;
	hash->place_2 += STEP_2;
	hash->a = (hash->a + fold(first ^ hash->place_1 ^ KEY_1, second ^ hash->place_2 ^ KEY_2)) ^ (third + fourth);
	hash->b = (hash->b + fold(third ^ hash->place_2 ^ KEY_3, fourth ^ hash->place_1 ^ KEY_4)) ^ (first + second);
}

/* Words are read in the order of little endian. */
static inline uint64_t
read_8(const char *bytes)
{
	uint64_t	word;

	memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline uint64_t
read_4(const char *bytes)
{
	uint32_t	word;

	memcpy(&word, bytes, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap32(word);
#endif
	return word;
}

static inline void
mix_32(RowHash *hash, const char *first, const char *second)
{
	mix(hash, read_8(first), read_8(first + 8), read_8(second), read_8(second + 8));
}

/* The last of the bytes are read together with some of those before: how many there are is hashed too. */
static inline void
mix_bytes(RowHash *hash, const char *bytes, size_t length)
{
	size_t		left = length;

	for (; left >= 32; left -= 32, bytes += 32)
		mix_32(hash, bytes, bytes + 16);
	if (left == 0)
		return;
	if (length >= 32)
		mix_32(hash, bytes + left - 32, bytes + left - 16);
	else if (left >= 16)
		mix_32(hash, bytes, bytes + left - 16);
	else if (left >= 8)
		mix(hash, read_8(bytes), read_8(bytes + left - 8), 0, 0);
	else if (left >= 4)
		mix(hash, read_4(bytes), read_4(bytes + left - 4), 0, 0);
	else
		mix(hash, (unsigned char) bytes[0] | (uint64_t) (unsigned char) bytes[left / 2] << 8, (unsigned char) bytes[left - 1], 0,
			0);
}

void
fingerprint_add(Fingerprint *fingerprint, Fingerprint other)
{
	fingerprint->low += other.low;
	fingerprint->high += other.high + (fingerprint->low < other.low);
}

void
fingerprint_add_row(Fingerprint *fingerprint, int columns, const uint64_t *nulls, const char *bytes, size_t length)
{
	RowHash		hash = {.a = KEY_5, .b = KEY_6};

	mix(&hash, length, (uint64_t) columns, nulls[0], 0);
	for (int i = 1; i <= (columns - 1) / 64; i++)
		mix(&hash, nulls[i], 0, 0, 0);
	mix_bytes(&hash, bytes, length);
	fingerprint_add(fingerprint,
					(Fingerprint){.high = fold(hash.a ^ KEY_7, hash.b) + hash.a, .low = fold(hash.b ^ KEY_8, hash.a) + hash.b});
}
