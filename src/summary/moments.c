/*
 * moments.c
 *		Exact sums of the first four powers: adding, removing, merging.  Statistics from them are in moments_statistics.c.
 */
#include "summary/moments.h"

#include <string.h>

#include "summary/memory_inline.h"

#define MANTISSA_BITS 52
#define GREATEST_EXPONENT 2045 /* exponents count from the smallest denormal: value = mantissa * 2^(exponent - 1074) */
#define EXPONENT_SLACK 8 /* room on both sides, so that windows seldom grow */

/*
 * The window of a power for exponents up to `last` ends here: the product, the words a shift and a count may spill into, the
 * sign.
 */
static inline int
window_end(int power, int last)
{
	return power * last / 64 + power + 2;
}

int
moments_limit(int power)
{
	return window_end(power, GREATEST_EXPONENT);
}

void
moments_init(Moments *moments)
{
	memset(moments, 0, sizeof(Moments));
	moments->first_exponent = 1; /* an empty range */
	moments->last_exponent = 0;
}

void
moments_free(Moments *moments, Allocator allocator)
{
	release(allocator, moments->words, sizeof(uint64_t) * (size_t) moments->n_words);
	release(allocator, moments->buckets, sizeof(MomentBucket) * MOMENT_BUCKETS);
	moments_init(moments);
}

size_t
moments_memory(const Moments *moments)
{
	return sizeof(uint64_t) * (size_t) moments->n_words + (moments->buckets == NULL ? 0 : sizeof(MomentBucket) * MOMENT_BUCKETS);
}

void
moments_copy(Moments *into, Allocator allocator, const Moments *from)
{
	*into = *from;
	into->words = NULL;
	into->buckets = NULL;
	if (from->n_words == 0)
		return;
	into->words = allocate(allocator, sizeof(uint64_t) * (size_t) from->n_words);
	memcpy(into->words, from->words, sizeof(uint64_t) * (size_t) from->n_words);
	for (int k = 0; k < MOMENT_POWERS; k++)
		into->sums[k].words = into->words + (from->sums[k].words - from->words);
}

static inline uint64_t
sign_word(const PowerSum *sum)
{
	return sum->n_words > 0 && sum->words[sum->n_words - 1] >> 63 != 0 ? UINT64_MAX : 0;
}

/* Gives every power the window [low, end), which contains its present one (unless that is empty). */
static void
set_windows(Moments *moments, Allocator allocator, const int *low, const int *end)
{
	PowerSum	sums[MOMENT_POWERS];
	int			n_words = 0;
	uint64_t   *words;
	uint64_t   *next;

	for (int k = 0; k < MOMENT_POWERS; k++)
		n_words += end[k] - low[k];
	words = allocate(allocator, sizeof(uint64_t) * (size_t) n_words);
	next = words;
	for (int k = 0; k < MOMENT_POWERS; k++)
	{
		const PowerSum *old = &moments->sums[k];
		PowerSum   *sum = &sums[k];
		int			below = old->n_words > 0 ? old->low - low[k] : 0;
		int			above;

		sum->low = low[k];
		sum->n_words = end[k] - low[k];
		sum->words = next;
		next += sum->n_words;
		above = sum->n_words - below - old->n_words;
		memset(sum->words, 0, sizeof(uint64_t) * (size_t) below);
		if (old->n_words > 0)
			memcpy(sum->words + below, old->words, sizeof(uint64_t) * (size_t) old->n_words);
		memset(sum->words + below + old->n_words, sign_word(old) != 0 ? 0xff : 0, sizeof(uint64_t) * (size_t) above);
	}
	release(allocator, moments->words, sizeof(uint64_t) * (size_t) moments->n_words);
	moments->words = words;
	moments->n_words = n_words;
	memcpy(moments->sums, sums, sizeof(sums));
}

static void
make_room(Moments *moments, Allocator allocator, int exponent)
{
	int			first = exponent < EXPONENT_SLACK ? 0 : exponent - EXPONENT_SLACK;
	int			last = exponent > GREATEST_EXPONENT - EXPONENT_SLACK ? GREATEST_EXPONENT : exponent + EXPONENT_SLACK;
	int			low[MOMENT_POWERS];
	int			end[MOMENT_POWERS];

	if (moments->first_exponent <= moments->last_exponent)
	{
		if (moments->first_exponent < first)
			first = moments->first_exponent;
		if (moments->last_exponent > last)
			last = moments->last_exponent;
	}
	for (int k = 0; k < MOMENT_POWERS; k++)
	{
		const PowerSum *old = &moments->sums[k];

		low[k] = (k + 1) * first / 64;
		end[k] = window_end(k + 1, last);
		if (old->n_words > 0 && old->low < low[k])
			low[k] = old->low;
		if (old->n_words > 0 && old->low + old->n_words > end[k])
			end[k] = old->low + old->n_words;
	}
	set_windows(moments, allocator, low, end);
	moments->first_exponent = first;
	moments->last_exponent = last;
}

/* Splits a finite double: its mantissa, its exponent; returns whether it is negative. */
static inline bool
split(double value, uint64_t *mantissa, int *exponent)
{
	uint64_t	bits;
	int			field;

	memcpy(&bits, &value, sizeof(bits));
	field = (int) (bits >> MANTISSA_BITS & 0x7ff);
	*mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
	if (field != 0)
		*mantissa |= UINT64_C(1) << MANTISSA_BITS;
	*exponent = field == 0 ? 0 : field - 1;
	return bits >> 63 != 0;
}

static void
powers_of(uint64_t mantissa, uint64_t power[MOMENT_POWERS][MOMENT_POWERS])
{
	unsigned __int128 square = (unsigned __int128) mantissa * mantissa;
	uint64_t	low = (uint64_t) square;
	uint64_t	high = (uint64_t) (square >> 64);
	unsigned __int128 low_low = (unsigned __int128) low * low;
	unsigned __int128 twice_low_high = ((unsigned __int128) low * high) << 1; /* 64 + 42 + 1 bits */
	unsigned __int128 high_high = (unsigned __int128) high * high;
	unsigned __int128 partial;

	power[0][0] = mantissa;
	power[1][0] = low;
	power[1][1] = high;

	partial = (unsigned __int128) mantissa * low;
	power[2][0] = (uint64_t) partial;
	partial = (unsigned __int128) mantissa * high + (uint64_t) (partial >> 64);
	power[2][1] = (uint64_t) partial;
	power[2][2] = (uint64_t) (partial >> 64);

	power[3][0] = (uint64_t) low_low;
	partial = (low_low >> 64) + (uint64_t) twice_low_high;
	power[3][1] = (uint64_t) partial;
	partial = (partial >> 64) + (twice_low_high >> 64) + (uint64_t) high_high;
	power[3][2] = (uint64_t) partial;
	power[3][3] = (uint64_t) (partial >> 64) + (uint64_t) (high_high >> 64);
}

/*
 * sum +-= magnitude (n words) * 2^position; the window has room for n + 1 words from there, the last of them possibly its
 * topmost.
 */
static void
add_shifted(PowerSum *sum, const uint64_t *magnitude, int n, int position, bool negative)
{
	uint64_t   *words = sum->words + ((int) ((unsigned) position / 64) - sum->low);
	uint64_t   *end = sum->words + sum->n_words;
	int			shift = (int) ((unsigned) position % 64);
	uint64_t	below = 0;
	unsigned char carry = 0;

	/* The part of a word that a shift moves into the next one; in two steps, for a shift of 64 is undefined. */
#define SHIFTED(i) ((i) < n ? magnitude[i] << shift | below >> 1 >> (63 - shift) : below >> 1 >> (63 - shift))
	if (!negative)
	{
		for (int i = 0; i <= n; i++)
		{
			uint64_t	addend = SHIFTED(i);
			uint64_t	total;
			unsigned char first = __builtin_add_overflow(words[i], addend, &total);
			unsigned char second = __builtin_add_overflow(total, (uint64_t) carry, &total);

			words[i] = total;
			carry = first | second;
			below = i < n ? magnitude[i] : 0;
		}
		for (words += n + 1; carry != 0 && words < end; words++)
			carry = ++*words == 0;
	}
	else
	{
		for (int i = 0; i <= n; i++)
		{
			uint64_t	subtrahend = SHIFTED(i);
			uint64_t	total;
			unsigned char first = __builtin_sub_overflow(words[i], subtrahend, &total);
			unsigned char second = __builtin_sub_overflow(total, (uint64_t) carry, &total);

			words[i] = total;
			carry = first | second;
			below = i < n ? magnitude[i] : 0;
		}
		for (words += n + 1; carry != 0 && words < end; words++)
			carry = (*words)-- == 0;
	}
#undef SHIFTED
}

void
moments_remove(Moments *moments, Allocator allocator, double value)
{
	uint64_t	power[MOMENT_POWERS][MOMENT_POWERS];
	uint64_t	mantissa;
	int			exponent;
	bool		negative = !split(value, &mantissa, &exponent);

	if (mantissa == 0)
		return;
	if (exponent < moments->first_exponent || exponent > moments->last_exponent)
		make_room(moments, allocator, exponent);
	powers_of(mantissa, power);
	add_shifted(&moments->sums[0], power[0], 1, exponent, negative);
	add_shifted(&moments->sums[1], power[1], 2, 2 * exponent, true);
	add_shifted(&moments->sums[2], power[2], 3, 3 * exponent, negative);
	add_shifted(&moments->sums[3], power[3], 4, 4 * exponent, true);
}

/* ---- buckets ---- */

#define HALF_BITS 53

/* Each value adds less than 2^106 to a sum, which stays below 2^127 for this many. */
#define MOST_GATHERED (1 << 20)

static void
add_integer(Moments *moments, int power, MomentInteger value, int position)
{
	bool		negative = value < 0;
	unsigned __int128 magnitude = negative ? -(unsigned __int128) value : (unsigned __int128) value;
	uint64_t	words[2] = {(uint64_t) magnitude, (uint64_t) (magnitude >> 64)};

	if (magnitude != 0)
		add_shifted(&moments->sums[power - 1], words, 2, position, negative);
}

static void
empty_bucket(Moments *moments, Allocator allocator, MomentBucket *bucket)
{
	int			exponent = bucket->exponent;

	if (exponent < moments->first_exponent || exponent > moments->last_exponent)
		make_room(moments, allocator, exponent);
	add_integer(moments, 1, bucket->sum, exponent);
	add_integer(moments, 2, bucket->square, 2 * exponent);
	add_integer(moments, 3, bucket->cube_low, 3 * exponent);
	add_integer(moments, 3, bucket->cube_high, 3 * exponent + HALF_BITS);
	add_integer(moments, 4, bucket->fourth_low, 4 * exponent);
	add_integer(moments, 4, bucket->fourth_middle, 4 * exponent + HALF_BITS + 1); /* twice the product */
	add_integer(moments, 4, bucket->fourth_high, 4 * exponent + 2 * HALF_BITS);
	memset(bucket, 0, sizeof(MomentBucket));
	bucket->exponent = MOMENT_FREE;
}

void
moments_settle(Moments *moments, Allocator allocator)
{
	moments->n_gathered = 0;
	while (moments->used_buckets != 0)
	{
		int			index = __builtin_ctz(moments->used_buckets);

		empty_bucket(moments, allocator, &moments->buckets[index]);
		moments->used_buckets &= moments->used_buckets - 1;
	}
}

static void
take_bucket(Moments *moments, Allocator allocator, MomentBucket *bucket, int exponent)
{
	if (bucket->exponent != MOMENT_FREE)
		empty_bucket(moments, allocator, bucket);
	bucket->exponent = exponent;
	moments->used_buckets |= UINT32_C(1) << (exponent % MOMENT_BUCKETS);
}

static inline MomentBucket *
bucket_for(Moments *moments, Allocator allocator, int exponent)
{
	MomentBucket *bucket = &moments->buckets[(unsigned) exponent % MOMENT_BUCKETS];

	if (bucket->exponent != exponent)
		take_bucket(moments, allocator, bucket, exponent);
	return bucket;
}

/* Room for n more values, at most as many as there may be. */
static void
gather(Moments *moments, Allocator allocator, int n)
{
	if (moments->buckets == NULL)
	{
		moments->buckets = allocate(allocator, sizeof(MomentBucket) * MOMENT_BUCKETS);
		memset(moments->buckets, 0, sizeof(MomentBucket) * MOMENT_BUCKETS);
		for (int i = 0; i < MOMENT_BUCKETS; i++)
			moments->buckets[i].exponent = MOMENT_FREE;
	}
	if (moments->n_gathered > MOST_GATHERED - n)
		moments_settle(moments, allocator);
	moments->n_gathered += n;
}

static void
add_gathered(Moments *moments, Allocator allocator, const double *values, int n)
{
	gather(moments, allocator, n);
	for (int i = 0; i < n; i++)
	{
		uint64_t	mantissa;
		int			exponent;
		bool		negative = split(values[i], &mantissa, &exponent);
		MomentBucket *bucket = bucket_for(moments, allocator, exponent);
		int64_t		signed_mantissa = negative ? -(int64_t) mantissa : (int64_t) mantissa;
		unsigned __int128 square = (unsigned __int128) mantissa * mantissa;
		uint64_t	low = (uint64_t) square & ((UINT64_C(1) << HALF_BITS) - 1);
		uint64_t	high = (uint64_t) (square >> HALF_BITS);

		bucket->sum += signed_mantissa;
		bucket->square += (__int128) square;
		bucket->cube_low += (__int128) signed_mantissa * (int64_t) low;
		bucket->cube_high += (__int128) signed_mantissa * (int64_t) high;
		bucket->fourth_low += (__int128) ((unsigned __int128) low * low);
		bucket->fourth_middle += (__int128) ((unsigned __int128) low * high);
		bucket->fourth_high += (__int128) ((unsigned __int128) high * high);
	}
}

void
moments_add(Moments *moments, Allocator allocator, const double *values, size_t n)
{
	while (n > 0)
	{
		size_t		now = n < MOST_GATHERED ? n : MOST_GATHERED;

		add_gathered(moments, allocator, values, (int) now);
		values += now;
		n -= now;
	}
}

void
moments_add_times(Moments *moments, Allocator allocator, double value, int64_t count)
{
	uint64_t	mantissa;
	int			exponent;
	bool		negative = split(value, &mantissa, &exponent);
	int64_t		signed_mantissa = negative ? -(int64_t) mantissa : (int64_t) mantissa;
	unsigned __int128 square = (unsigned __int128) mantissa * mantissa;
	int64_t		low = (int64_t) ((uint64_t) square & ((UINT64_C(1) << HALF_BITS) - 1));
	int64_t		high = (int64_t) (square >> HALF_BITS);
	MomentBucket *bucket;

	if (count > MOST_GATHERED)
	{
		moments_add_weighted(moments, allocator, value, count);
		return;
	}
	gather(moments, allocator, (int) count);
	bucket = bucket_for(moments, allocator, exponent);
	bucket->sum += (__int128) signed_mantissa * count;
	bucket->square += (__int128) square * count;
	bucket->cube_low += (__int128) signed_mantissa * low * count;
	bucket->cube_high += (__int128) signed_mantissa * high * count;
	bucket->fourth_low += (__int128) low * low * count;
	bucket->fourth_middle += (__int128) low * high * count;
	bucket->fourth_high += (__int128) high * high * count;
}

void
moments_add_weighted(Moments *moments, Allocator allocator, double value, int64_t count)
{
	uint64_t	power[MOMENT_POWERS][MOMENT_POWERS];
	uint64_t	mantissa;
	int			exponent;
	bool		negative = split(value, &mantissa, &exponent);

	if (mantissa == 0)
		return;
	if (exponent < moments->first_exponent || exponent > moments->last_exponent)
		make_room(moments, allocator, exponent);
	powers_of(mantissa, power);
	for (int k = 0; k < MOMENT_POWERS; k++)
	{
		uint64_t	product[MOMENT_POWERS + 1];
		uint64_t	carry = 0;

		for (int i = 0; i <= k; i++)
		{
			unsigned __int128 partial = (unsigned __int128) power[k][i] * (uint64_t) count + carry;

			product[i] = (uint64_t) partial;
			carry = (uint64_t) (partial >> 64);
		}
		product[k + 1] = carry;
		add_shifted(&moments->sums[k], product, k + 2, (k + 1) * exponent, negative && k % 2 == 0);
	}
}

/* The end of the words that matter: all above them repeat the sign bit of the one before. */
static int
significant_end(const PowerSum *sum)
{
	int			n_words = sum->n_words;

	while (n_words > 1 && sum->words[n_words - 1] == (sum->words[n_words - 2] >> 63 != 0 ? UINT64_MAX : 0))
		n_words--;
	return sum->low + n_words;
}

/* Widens the windows so that both sums and the sign of their total fit. */
static void
make_room_for(Moments *into, Allocator allocator, const Moments *from)
{
	int			low[MOMENT_POWERS];
	int			end[MOMENT_POWERS];
	bool		grows = false;

	for (int k = 0; k < MOMENT_POWERS; k++)
	{
		const PowerSum *old = &into->sums[k];
		const PowerSum *other = &from->sums[k];
		int			limit = moments_limit(k + 1);

		low[k] = old->low;
		end[k] = old->low + old->n_words;
		if (other->n_words > 0)
		{
			int			needed = significant_end(other);

			if (old->n_words == 0 || other->low < low[k])
				low[k] = other->low;
			if (old->n_words > 0 && significant_end(old) > needed)
				needed = significant_end(old);
			needed = needed < limit ? needed + 1 : limit;
			if (needed > end[k])
				end[k] = needed;
		}
		grows |= low[k] != old->low || end[k] != old->low + old->n_words;
	}
	if (grows)
		set_windows(into, allocator, low, end);
}

void
moments_merge(Moments *into, Allocator allocator, const Moments *from, bool subtract)
{
	make_room_for(into, allocator, from);
	for (int k = 0; k < MOMENT_POWERS; k++)
	{
		PowerSum   *sum = &into->sums[k];
		const PowerSum *other = &from->sums[k];
		uint64_t	sign = sign_word(other);
		uint64_t	flip = subtract ? UINT64_MAX : 0;
		unsigned __int128 carry = subtract ? 1 : 0;

		if (other->n_words == 0)
			continue;
		for (int i = other->low - sum->low, j = 0; i < sum->n_words; i++, j++)
		{
			carry += (unsigned __int128) sum->words[i] + ((j < other->n_words ? other->words[j] : sign) ^ flip);
			sum->words[i] = (uint64_t) carry;
			carry >>= 64;
		}
	}
}

void
moments_get(const Moments *moments, int power, WideInteger *result, int *low)
{
	const PowerSum *sum = &moments->sums[power - 1];
	uint64_t	flip = sign_word(sum);
	uint64_t	carry = flip & 1;
	int			first = 0;

	while (first < sum->n_words && sum->words[first] == 0)
		first++;
	*low = sum->low + first;
	result->negative = flip != 0;
	result->n_words = sum->n_words - first;
	for (int i = first; i < sum->n_words; i++)
	{
		uint64_t	word = (sum->words[i] ^ flip) + carry;

		carry = carry != 0 && word == 0;
		result->words[i - first] = word;
	}
	while (result->n_words > 0 && result->words[result->n_words - 1] == 0)
		result->n_words--;
	if (result->n_words == 0)
	{
		result->negative = false;
		*low = 0;
	}
}

bool
moments_set(Moments *moments, Allocator allocator, int power, const uint64_t *words, int n_words, int low, bool negative)
{
	int			lows[MOMENT_POWERS];
	int			ends[MOMENT_POWERS];
	PowerSum   *sum = &moments->sums[power - 1];
	uint64_t	carry = negative;
	int			end = low + n_words + 1; /* a word more than the magnitude, for the sign */

	if (n_words == 0)
		return true;
	if (low < 0 || end > moments_limit(power) + 1)
		return false;
	if (end > moments_limit(power))
	{
		/* The widest sums have room for the sign in their last word. */
		if (words[n_words - 1] >> 63 != 0)
			return false;
		end--;
	}
	for (int k = 0; k < MOMENT_POWERS; k++)
	{
		lows[k] = moments->sums[k].low;
		ends[k] = moments->sums[k].low + moments->sums[k].n_words;
	}
	sum->n_words = 0;
	lows[power - 1] = low;
	ends[power - 1] = end;
	set_windows(moments, allocator, lows, ends);
	for (int i = 0; i < end - low; i++)
	{
		uint64_t	word = i < n_words ? words[i] : 0;

		word = (negative ? ~word : word) + carry;
		carry = carry != 0 && word == 0;
		sum->words[i] = word;
	}
	return true;
}

bool
moments_equal(const Moments *a, const Moments *b)
{
	WideInteger sum_a;
	WideInteger sum_b;
	int			low_a;
	int			low_b;

	for (int power = 1; power <= MOMENT_POWERS; power++)
	{
		moments_get(a, power, &sum_a, &low_a);
		moments_get(b, power, &sum_b, &low_b);
		if (low_a != low_b || sum_a.negative != sum_b.negative || sum_a.n_words != sum_b.n_words ||
			memcmp(sum_a.words, sum_b.words, sizeof(uint64_t) * (size_t) sum_a.n_words) != 0)
			return false;
	}
	return true;
}
