/*
 * fingerprint.c
 *		Sums of hashes of rows.
 */
#include "model/fingerprint.h"

/* Every bit of x shows in every bit of the result, and no two x give the same: the finaliser of SplitMix64 (Steele et al. 2014). */
static uint64_t
scramble(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

void
fingerprint_add(Fingerprint *fingerprint, Fingerprint other)
{
	fingerprint->low += other.low;
	fingerprint->high += other.high + (fingerprint->low < other.low);
}

void
fingerprint_add_row(Fingerprint *fingerprint, const RowHash *hash)
{
	uint64_t	a = fingerprint_fold(hash->a ^ (hash->n % 2 == 0 ? 0 : hash->first), hash->n ^ FINGERPRINT_KEY_3) + hash->a;
	uint64_t	b = fingerprint_fold(hash->b ^ hash->n, (hash->n % 2 == 0 ? 0 : hash->first) ^ FINGERPRINT_KEY_4) + hash->b;

	fingerprint_add(fingerprint, (Fingerprint){.high = scramble(a), .low = scramble(b)});
}
