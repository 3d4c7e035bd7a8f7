/*
 * category_sketch.c
 *		Rows of the categories that a table has no room for.
 */
#include "summary/category_sketch.h"

#include <math.h>
#include <string.h>

#include "summary/categories.h"
#include "summary/counts.h"
#include "summary/memory_inline.h"

#define HASH_BYTES 4
#define CHECK_BYTES 2
#define LANE_LIMIT 255 /* rows that a lane of a byte can count */
#define ERROR_WIDTH 3
#define MOST_PER_BUCKET (SKETCH_MOST_FREQUENT / SKETCH_BUCKETS)
#define DOUBTFUL_BITS 11

/* A byte's bits, each as a byte of its own. */
#define SPREAD_1(b) \
	((uint64_t) ((b) &1) | (uint64_t) ((b) >> 1 & 1) << 8 | (uint64_t) ((b) >> 2 & 1) << 16 | (uint64_t) ((b) >> 3 & 1) << 24 | \
	 (uint64_t) ((b) >> 4 & 1) << 32 | (uint64_t) ((b) >> 5 & 1) << 40 | (uint64_t) ((b) >> 6 & 1) << 48 | \
	 (uint64_t) ((b) >> 7 & 1) << 56)
#define SPREAD_4(b) SPREAD_1(b), SPREAD_1((b) + 1), SPREAD_1((b) + 2), SPREAD_1((b) + 3)
#define SPREAD_16(b) SPREAD_4(b), SPREAD_4((b) + 4), SPREAD_4((b) + 8), SPREAD_4((b) + 12)
#define SPREAD_64(b) SPREAD_16(b), SPREAD_16((b) + 16), SPREAD_16((b) + 32), SPREAD_16((b) + 48)

static const uint64_t spread[256] = {SPREAD_64(0), SPREAD_64(64), SPREAD_64(128), SPREAD_64(192)};

CategorySketch *
sketch_create(Allocator allocator)
{
	CategorySketch *sketch = allocate(allocator, sizeof(CategorySketch));

	memset(sketch, 0, sizeof(CategorySketch));
	return sketch;
}

SketchBucket *
sketch_new_bucket(Allocator allocator)
{
	SketchBucket *bucket = allocate(allocator, sizeof(SketchBucket));

	memset(bucket, 0, sizeof(SketchBucket));
	return bucket;
}

CategorySketch *
sketch_copy(Allocator allocator, const CategorySketch *sketch)
{
	CategorySketch *copy = sketch_create(allocator);

	for (int i = 0; i < SKETCH_BUCKETS; i++)
		if (sketch->buckets[i] != NULL)
		{
			copy->buckets[i] = allocate(allocator, sizeof(SketchBucket));
			*copy->buckets[i] = *sketch->buckets[i];
		}
	return copy;
}

void
sketch_free(CategorySketch *sketch, Allocator allocator)
{
	if (sketch == NULL)
		return;
	for (int i = 0; i < SKETCH_BUCKETS; i++)
		release(allocator, sketch->buckets[i], sizeof(SketchBucket));
	release(allocator, sketch, sizeof(CategorySketch));
}

size_t
sketch_memory(const CategorySketch *sketch)
{
	size_t		size = sketch == NULL ? 0 : sizeof(CategorySketch);

	for (int i = 0; sketch != NULL && i < SKETCH_BUCKETS; i++)
		size += sketch->buckets[i] == NULL ? 0 : sizeof(SketchBucket);
	return size;
}

int64_t
sketch_rows(const CategorySketch *sketch)
{
	int64_t		rows = 0;

	for (int i = 0; sketch != NULL && i < SKETCH_BUCKETS; i++)
		if (sketch->buckets[i] != NULL)
			add_count(&rows, sketch->buckets[i]->rows);
	return rows;
}

/* ---- identities ---- */

static uint16_t
check_of(const uint8_t *text)
{
	uint64_t	hash = category_hash((const char *) text, SKETCH_TEXT);

	return (uint16_t) (hash ^ hash >> 16 ^ hash >> 32 ^ hash >> 48);
}

/* The lowest bits choose the bucket, the ones above are in the identity; the highest were looked at to get here. */
static inline int
bucket_of(uint64_t hash)
{
	return (int) (hash % SKETCH_BUCKETS);
}

static inline uint32_t
signs_of(uint64_t hash)
{
	return (uint32_t) (hash / SKETCH_BUCKETS);
}

/*
 * Lays a stream of random bits, which follows from the signs, over the check and the text, or takes it off.  So texts that are
 * alike differ in half of their bits, and what other categories add to a bit has no direction.
 */
static void
cover(uint32_t signs, uint8_t *identity)
{
	uint64_t	state = signs;

	for (int i = HASH_BYTES; i < SKETCH_IDENTITY; i += 4)
	{
		uint64_t	word = state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

		word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
		word ^= word >> 31;
		for (int j = 0; j < 4; j++)
			identity[i + j] ^= (uint8_t) (word >> (8 * j));
	}
}

static void
make_identity(uint64_t hash, const char *bytes, size_t length, uint8_t identity[SKETCH_IDENTITY])
{
	uint8_t	   *text = identity + HASH_BYTES + CHECK_BYTES;
	uint32_t	signs = signs_of(hash);
	uint16_t	check;

	memset(text, 0, SKETCH_TEXT);
	if (length > 0)
		memcpy(text, bytes, length < SKETCH_TEXT ? length : SKETCH_TEXT);
	check = check_of(text);
	for (int i = 0; i < HASH_BYTES; i++)
		identity[i] = (uint8_t) (signs >> (8 * i));
	for (int i = 0; i < CHECK_BYTES; i++)
		identity[HASH_BYTES + i] = (uint8_t) (check >> (8 * i));
	cover(signs, identity);
}

static inline bool
has_bit(const uint8_t *identity, int bit)
{
	return (identity[bit / 8] >> (bit % 8) & 1) != 0;
}

/* ---- counting ---- */

static void
settle_bucket(SketchBucket *bucket)
{
	for (int i = 0; i < SKETCH_IDENTITY; i++)
		for (int bit = 0; bit < 8; bit++)
			bucket->set[8 * i + bit] += (int64_t) (bucket->lanes[i] >> (8 * bit) & 0xff);
	memset(bucket->lanes, 0, sizeof(bucket->lanes));
	bucket->gathered = 0;
}

void
sketch_settle(CategorySketch *sketch)
{
	for (int i = 0; i < SKETCH_BUCKETS; i++)
		if (sketch->buckets[i] != NULL && sketch->buckets[i]->gathered > 0)
			settle_bucket(sketch->buckets[i]);
}

void
sketch_add(CategorySketch *sketch, Allocator allocator, uint64_t hash, const char *bytes, size_t length, int64_t count)
{
	SketchBucket **place = &sketch->buckets[bucket_of(hash)];
	SketchBucket *bucket;
	uint8_t		identity[SKETCH_IDENTITY];

	if (*place == NULL)
		*place = sketch_new_bucket(allocator);
	bucket = *place;
	make_identity(hash, bytes, length, identity);
	add_count(&bucket->rows, count);
	if (count == 1)
	{
		for (int i = 0; i < SKETCH_IDENTITY; i++)
			bucket->lanes[i] += spread[identity[i]];
		if (++bucket->gathered == LANE_LIMIT)
			settle_bucket(bucket);
		return;
	}
	for (int bit = 0; bit < SKETCH_BITS; bit++)
		if (has_bit(identity, bit))
			add_count(&bucket->set[bit], count);
}

/* After something was taken off: no more rows with a bit than rows. False when that was not so. */
static bool
mend_bucket(SketchBucket *bucket)
{
	bool		sound = true;

	for (int bit = 0; bit < SKETCH_BITS; bit++)
		if (bucket->set[bit] > bucket->rows)
		{
			bucket->set[bit] = bucket->rows;
			sound = false;
		}
	return sound;
}

bool
sketch_remove(CategorySketch *sketch, uint64_t hash, const char *bytes, size_t length, int64_t count)
{
	SketchBucket *bucket = sketch->buckets[bucket_of(hash)];
	uint8_t		identity[SKETCH_IDENTITY];
	bool		exact;

	if (bucket == NULL)
		return false;
	make_identity(hash, bytes, length, identity);
	settle_bucket(bucket);
	exact = subtract_count(&bucket->rows, count);
	for (int bit = 0; bit < SKETCH_BITS; bit++)
		if (has_bit(identity, bit))
			exact &= subtract_count(&bucket->set[bit], count);
	return mend_bucket(bucket) && exact;
}

bool
sketch_merge(CategorySketch *into, Allocator allocator, CategorySketch *from, bool subtract)
{
	bool		exact = true;

	sketch_settle(into);
	sketch_settle(from);
	for (int i = 0; i < SKETCH_BUCKETS; i++)
	{
		SketchBucket *bucket = into->buckets[i];
		const SketchBucket *other = from->buckets[i];

		if (other == NULL)
			continue;
		if (bucket == NULL)
			bucket = into->buckets[i] = sketch_new_bucket(allocator);
		exact &= subtract ? subtract_count(&bucket->rows, other->rows) : add_count(&bucket->rows, other->rows);
		for (int bit = 0; bit < SKETCH_BITS; bit++)
			exact &= subtract ? subtract_count(&bucket->set[bit], other->set[bit]) : add_count(&bucket->set[bit], other->set[bit]);
		if (subtract)
			exact &= mend_bucket(bucket);
	}
	return exact;
}

bool
sketch_equal(CategorySketch *a, CategorySketch *b)
{
	static const SketchBucket empty;

	sketch_settle(a);
	sketch_settle(b);
	for (int i = 0; i < SKETCH_BUCKETS; i++)
		if (memcmp(a->buckets[i] == NULL ? &empty : a->buckets[i], b->buckets[i] == NULL ? &empty : b->buckets[i],
				   sizeof(SketchBucket)) != 0)
			return false;
	return true;
}

/* ---- reading ---- */

/* Rows of an identity: each bit gives an estimate, for the other rows have it as often as not. */
static void
estimate(const SketchBucket *bucket, const uint8_t *identity, int64_t *count, int64_t *error)
{
	double		mean = 0;
	double		squares = 0;
	int64_t		most = bucket->rows;

	for (int bit = 0; bit < SKETCH_BITS; bit++)
	{
		int64_t		agreeing = has_bit(identity, bit) ? bucket->set[bit] : bucket->rows - bucket->set[bit];
		double		signed_rows = 2 * (double) agreeing - (double) bucket->rows;
		double		difference = signed_rows - mean;

		mean += difference / (bit + 1);
		squares += difference * (signed_rows - mean);

		/* It has no more rows than agree with it in any one bit. */
		most = agreeing < most ? agreeing : most;
	}
	*count = mean > 0 ? (int64_t) rint(mean) : 0;
	if (*count > most)
		*count = most;
	*error = (int64_t) ceil(ERROR_WIDTH * sqrt(squares / (SKETCH_BITS - 1) / SKETCH_BITS));
}

/* Whether a category has this identity, and its text. */
static bool
is_identity(const uint8_t *identity, int index, FrequentCategory *category)
{
	uint8_t		plain[SKETCH_IDENTITY];
	const uint8_t *text = plain + HASH_BYTES + CHECK_BYTES;
	uint32_t	signs = 0;
	size_t		length = SKETCH_TEXT;
	uint64_t	hash;

	for (int i = 0; i < HASH_BYTES; i++)
		signs |= (uint32_t) identity[i] << (8 * i);
	memcpy(plain, identity, SKETCH_IDENTITY);
	cover(signs, plain);
	if (check_of(text) != (plain[HASH_BYTES] | plain[HASH_BYTES + 1] << 8))
		return false;
	while (length > 0 && text[length - 1] == 0)
		length--;

	/* A text of the full length may go on: the hash of the whole tells. */
	hash = category_hash((const char *) text, length);
	category->is_whole = signs_of(hash) == signs && bucket_of(hash) == index;
	category->length = length;
	memcpy(category->bytes, text, length);
	return category->is_whole || length == SKETCH_TEXT;
}

/*
 * The identity that most rows of the bucket have in each bit; where that is none, noise has turned some of the bits in which the
 * rows are nearly even: these are tried both ways (Chase 1972).  The check of a text that goes on is too short for that.
 */
static bool
read_identity(const SketchBucket *bucket, int index, uint8_t identity[SKETCH_IDENTITY], FrequentCategory *category)
{
	int			weakest[DOUBTFUL_BITS];
	int64_t		margins[DOUBTFUL_BITS] = {0};
	int			n_weakest = 0;

	memset(identity, 0, SKETCH_IDENTITY);
	for (int bit = 0; bit < SKETCH_BITS; bit++)
	{
		int64_t		margin = 2 * bucket->set[bit] - bucket->rows;
		int			place;

		if (margin > 0)
			identity[bit / 8] |= (uint8_t) (1 << (bit % 8));
		margin = margin < 0 ? -margin : margin;
		if (n_weakest == DOUBTFUL_BITS && margin >= margins[n_weakest - 1])
			continue;
		place = n_weakest < DOUBTFUL_BITS ? n_weakest++ : n_weakest - 1;
		for (; place > 0 && margins[place - 1] > margin; place--)
		{
			margins[place] = margins[place - 1];
			weakest[place] = weakest[place - 1];
		}
		margins[place] = margin;
		weakest[place] = bit;
	}
	if (is_identity(identity, index, category))
		return true;

	/* In the order of a Gray code: one bit at a time. */
	for (unsigned trial = 1; trial < 1U << DOUBTFUL_BITS; trial++)
	{
		int			bit = weakest[__builtin_ctz(trial)];

		identity[bit / 8] ^= (uint8_t) (1 << (bit % 8));
		if (is_identity(identity, index, category) && category->is_whole)
			return true;
	}
	return false;
}

static void
take_off(SketchBucket *bucket, const uint8_t *identity, int64_t count)
{
	bucket->rows -= count;
	for (int bit = 0; bit < SKETCH_BITS; bit++)
	{
		if (has_bit(identity, bit))
			subtract_count(&bucket->set[bit], count);
		if (bucket->set[bit] > bucket->rows)
			bucket->set[bit] = bucket->rows;
	}
}

size_t
sketch_frequent(CategorySketch *sketch, FrequentCategory *result, size_t capacity)
{
	size_t		n = 0;

	sketch_settle(sketch);
	for (int i = 0; i < SKETCH_BUCKETS; i++)
	{
		SketchBucket rest;
		uint8_t		previous[SKETCH_IDENTITY];

		if (sketch->buckets[i] == NULL)
			continue;
		rest = *sketch->buckets[i];
		for (int found = 0; found < MOST_PER_BUCKET && n < capacity && rest.rows > 0; found++)
		{
			FrequentCategory category = {0};
			uint8_t		identity[SKETCH_IDENTITY];

			if (!read_identity(&rest, i, identity, &category))
				break;

			/* Its own rest: nothing else stands out. */
			if (found > 0 && memcmp(identity, previous, SKETCH_IDENTITY) == 0)
				break;
			memcpy(previous, identity, SKETCH_IDENTITY);
			estimate(&rest, identity, &category.count, &category.error);
			if (category.count <= category.error)
				break;
			take_off(&rest, identity, category.count);
			result[n++] = category;
		}
	}
	return n;
}

void
sketch_estimate(CategorySketch *sketch, uint64_t hash, const char *bytes, size_t length, int64_t *count, int64_t *error)
{
	SketchBucket *bucket = sketch->buckets[bucket_of(hash)];
	uint8_t		identity[SKETCH_IDENTITY];

	*count = *error = 0;
	if (bucket == NULL)
		return;
	settle_bucket(bucket);
	make_identity(hash, bytes, length, identity);
	estimate(bucket, identity, count, error);
}
