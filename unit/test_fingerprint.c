/*
 * test_fingerprint.c
 *		Hashes of rows: order does not show, everything else does, and rows that are alike have hashes that are not.
 */
#include "model/fingerprint.h"
#include "unit.h"

static Fingerprint
of_row(int columns, uint64_t nulls, const void *bytes, size_t length)
{
	Fingerprint fingerprint = {0};
	uint64_t	words[4] = {nulls, 0, 0, 0};

	fingerprint_add_row(&fingerprint, columns, words, bytes, length);
	return fingerprint;
}

static int
compare_words(const void *a, const void *b)
{
	uint32_t	x = *(const uint32_t *) a;
	uint32_t	y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

/* Pairs of equal 32 bits among n hashes: n (n - 1) / 2 / 2^32 are expected of chance, with a Poisson distribution. */
static int
collisions(uint32_t *words, int n)
{
	int			found = 0;

	qsort(words, n, sizeof(*words), compare_words);
	for (int i = 1; i < n; i++)
		found += words[i] == words[i - 1];
	return found;
}

#define MANY (1 << 18)
static uint32_t words[4][MANY];

static void
keep(int i, Fingerprint hash)
{
	words[0][i] = (uint32_t) hash.low;
	words[1][i] = (uint32_t) (hash.low >> 32);
	words[2][i] = (uint32_t) hash.high;
	words[3][i] = (uint32_t) (hash.high >> 32);
}

/* 8 pairs are expected; that there are more than 40 has a probability below 1e-14. */
static void
check_kept(const char *what)
{
	for (int part = 0; part < 4; part++)
		CHECK(collisions(words[part], MANY) <= 40, "%s: 32 bits of place %d are equal about as often as by chance", what, part);
}

static void
test_alike(void)
{
	char		bytes[96];

	for (int at = 0; at <= 88; at += 8)
	{
		char		what[64];

		memset(bytes, 0, sizeof(bytes));
		for (int i = 0; i < MANY; i++)
		{
			int64_t		value = i;

			memcpy(bytes + at, &value, 8);
			keep(i, of_row(12, 0, bytes, sizeof(bytes)));
		}
		snprintf(what, sizeof(what), "small numbers at byte %d", at);
		check_kept(what);
	}
	for (int i = 0; i < MANY; i++)
	{
		double		pair[2] = {i % 512, i / 512};

		keep(i, of_row(2, 0, pair, sizeof(pair)));
	}
	check_kept("pairs of round numbers");
	for (int i = 0; i < MANY; i++)
		keep(i, of_row(18, i, "", 0));
	check_kept("which columns are NULL");
	memset(bytes, 0, sizeof(bytes));
	for (int i = 0; i < MANY; i++)
	{
		int			length = snprintf(bytes, sizeof(bytes), "customer %d", i);

		keep(i, of_row(1, 0, bytes, length));
	}
	check_kept("short texts");
}

/* Each bit of a row, its length and its number of columns show, and about half of the hash changes. */
static void
test_changes(void)
{
	bool		good = true;
	char		bytes[160];

	for (int length = 0; length <= 160; length++)
	{
		Fingerprint whole;
		int			changed = 0;

		for (int i = 0; i < length; i++)
			bytes[i] = (char) unit_random();
		whole = of_row(3, 0, bytes, length);
		for (int bit = 0; bit < 8 * length; bit++)
		{
			Fingerprint other;

			bytes[bit / 8] ^= (char) (1 << bit % 8);
			other = of_row(3, 0, bytes, length);
			bytes[bit / 8] ^= (char) (1 << bit % 8);
			EXPECT(&good, other.low != whole.low && other.high != whole.high, "bit %d of %d bytes", bit, length);
			changed += __builtin_popcountll(other.low ^ whole.low) + __builtin_popcountll(other.high ^ whole.high);
		}
		EXPECT(&good, length < 16 || (changed > 8 * length * 60 && changed < 8 * length * 68), "%d bits change of %d bytes",
			   changed, length);
		EXPECT(&good, length == 0 || of_row(3, 0, bytes, length - 1).low != whole.low, "a byte less than %d", length);
		EXPECT(&good, of_row(4, 0, bytes, length).low != whole.low && of_row(3, 1, bytes, length).low != whole.low,
			   "columns of %d bytes", length);
	}
	CHECK(good, "every bit shows");
}

static void
test_sums(void)
{
	Fingerprint forth = {0};
	Fingerprint back = {0};
	Fingerprint parts[2] = {{0}, {0}};
	uint64_t	nulls[2] = {0, 0};

	for (int i = 0; i < 1000; i++)
	{
		int			last = 999 - i;

		fingerprint_add_row(&forth, 1, nulls, (char *) &i, sizeof(i));
		fingerprint_add_row(&back, 1, nulls, (char *) &last, sizeof(last));
		fingerprint_add_row(&parts[i % 2], 1, nulls, (char *) &i, sizeof(i));
	}
	fingerprint_add(&parts[0], parts[1]);
	CHECK(forth.low == back.low && forth.high == back.high, "order does not show");
	CHECK(forth.low == parts[0].low && forth.high == parts[0].high, "parts add up");
	fingerprint_add(&forth, of_row(1, 0, "\0\0\0\0", 4));
	CHECK(forth.low != back.low && forth.high != back.high, "a row twice shows");
	/* Stored hashes are compared for ever: this one may not change. */
	back = of_row(3, 2, "weir, a low wall across a river, and more than 32 bytes", 55);
	CHECK(back.high == UINT64_C(0xe8756a0b66fd83e5) && back.low == UINT64_C(0x1e2e4f30869a3eb7),
		  "the hash is what it was: %016llx%016llx", (unsigned long long) back.high, (unsigned long long) back.low);
}

int
main(void)
{
	test_alike();
	test_changes();
	test_sums();
	return unit_summary();
}
