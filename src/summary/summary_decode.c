/*
 * summary_decode.c
 *		Reads the stored form of a summary, of version 1 and 2 (wire_format.h).  Every byte may be hostile: what is accepted is a
 *		state that could have been written, and of version 2 the only form of it.
 */
#include "summary/summary_internal.h"
#include "summary/wire_buffer.h"
#include "summary/wire_format.h"

#include <math.h>

#include "summary/counts.h"
#include "summary/memory_inline.h"
#include "summary/vector_wire.h"

/* ---- numbers ---- */

/* The distance to the next bin and its count; of the first one only the count. */
typedef struct BinCoder
{
	int			version;
	GolombOrder gaps;
	GolombOrder counts;
	int64_t		previous_count;
} BinCoder;

static void
get_bin_1(Reader *reader, bool is_first, uint64_t *gap, uint64_t *count)
{
	uint64_t	head = get_integer(reader);

	*count = head >> 1;
	*gap = 1;
	if ((head & 1) == 0)
		return;
	*gap = get_integer(reader);
	reader->corrupt |= is_first || *gap > UINT64_MAX - 2;
	*gap += 2;
}

static inline __attribute__((always_inline)) void
get_bin(Reader *reader, BinCoder *coder, bool is_first, uint64_t *gap, uint64_t *count)
{
	int64_t		difference;

	if (coder->version == WIRE_VERSION_1)
	{
		get_bin_1(reader, is_first, gap, count);
		return;
	}
	*gap = is_first ? 0 : get_adaptive(reader, &coder->gaps);
	reader->corrupt |= *gap == UINT64_MAX;
	*gap += 1;
	difference = unzigzag(get_adaptive(reader, &coder->counts));
	if (difference > COUNT_LIMIT || difference < -COUNT_LIMIT || coder->previous_count + difference < 0)
	{
		reader->corrupt = true;
		difference = 0;
	}
	coder->previous_count += difference;
	*count = (uint64_t) coder->previous_count;
}

static void
get_bins(Reader *reader, Summary *summary, int version, int n_bins, int level)
{
	Distribution *distribution = &summary->distribution;
	DistributionBin *bins;
	BinCoder	coder = {.version = version};
	int			zeros = get_byte(reader);
	uint64_t	last_key = DISTRIBUTION_MAX_KEY >> level;
	uint64_t	key = get_integer(reader);
	uint64_t	all = 0;
	int64_t		total = 0;
	Reader		local;			/* most is read without a pointer to it, from registers */

	if (zeros > 63 || key > last_key >> zeros || key << zeros < DISTRIBUTION_MIN_KEY >> level)
	{
		reader->corrupt = true;
		return;
	}
	bins = distribution_assign(distribution, summary->allocator, n_bins, level);
	local = *reader;
	for (int i = 0; i < n_bins; i++)
	{
		uint64_t	gap;
		uint64_t	count;

		get_bin(&local, &coder, i == 0, &gap, &count);
		if (i > 0)
		{
			if (gap > (last_key >> zeros) - key)
				local.corrupt = true;
			key += gap;
		}
		if (local.corrupt || count == 0 || count > COUNT_LIMIT || !add_count(&total, (int64_t) count))
		{
			reader->corrupt = true;
			return;
		}
		bins[i] = (DistributionBin){key << zeros, (int64_t) count};
		all |= key;
	}
	end_bits_read(&local);
	*reader = local;
	if (zeros > 0 ? (all & 1) == 0 : all != 0 && (all & 1) == 0)
		reader->corrupt = true;
	distribution->total = total;
}

static double
get_extreme(Reader *reader)
{
	uint64_t	key = get_word(reader);

	if (key >= DISTRIBUTION_MIN_KEY && key <= DISTRIBUTION_MAX_KEY)
		return distribution_value(key);
	reader->corrupt = true;
	return 0;
}

static void
get_extremes(Reader *reader, Summary *summary)
{
	const Distribution *distribution = &summary->distribution;
	uint64_t	first = distribution->sorted[0].key;
	uint64_t	last = distribution->sorted[distribution->n_bins - 1].key;
	uint64_t	minimum;
	uint64_t	maximum;

	summary->minimum = get_extreme(reader);
	summary->maximum = get_extreme(reader);
	minimum = distribution_key(summary->minimum) >> distribution->level;
	maximum = distribution_key(summary->maximum) >> distribution->level;
	if (summary->minimum > summary->maximum || minimum > first || maximum < last || (minimum < first && !summary->minimum_stale) ||
		(maximum > last && !summary->maximum_stale))
		reader->corrupt = true;
}

static void
get_sum(Reader *reader, Summary *summary, int power)
{
	uint64_t	words[WIDE_INTEGER_WORDS] = {0};
	uint64_t	head = get_integer(reader);
	uint64_t	n_bytes = head >> 1;
	uint64_t	limit = 8 * (uint64_t) moments_limit(power);
	uint64_t	low;
	int			offset;

	if (n_bytes == 0)
	{
		reader->corrupt |= head != 0;
		return;
	}
	low = get_integer(reader);
	if (reader->corrupt || n_bytes > limit || low > limit || low + n_bytes > limit)
	{
		reader->corrupt = true;
		return;
	}
	offset = (int) (low % 8);
	for (int i = 0; i < (int) n_bytes; i++)
	{
		uint8_t		byte = get_byte(reader);

		if (byte == 0 && (i == 0 || i == (int) n_bytes - 1))
			reader->corrupt = true;
		words[(offset + i) / 8] |= (uint64_t) byte << (8 * ((offset + i) % 8));
	}
	if (!moments_set(&summary->moments, summary->allocator, power, words, (offset + (int) n_bytes + 7) / 8, (int) (low / 8),
					 (head & 1) != 0))
		reader->corrupt = true;
}

static void
get_distinct(Reader *reader, Summary *summary)
{
	int			head = get_byte(reader);
	int			central = (head & ~WIRE_DISTINCT_STALE) - 1;

	if (head == 0)
		return;
	summary->distinct_stale = (head & WIRE_DISTINCT_STALE) != 0;

	/* A register takes at least two bits, so this bounds the memory by the input. */
	if (central < 0 || central > DISTINCT_MAX_RANK || summary->kind != SUMMARY_NUMERIC || reader->corrupt ||
		reader->size - reader->position < DISTINCT_REGISTERS / 4)
	{
		reader->corrupt = true;
		return;
	}
	summary_start_distinct(summary);
	for (int i = 0; i < DISTINCT_REGISTERS; i++)
	{
		uint64_t	code = get_golomb(reader, WIRE_RANK_ORDER);
		int			rank;

		/* Checked first: far from the middle, the sum would overflow. */
		if (reader->corrupt || code > 2 * DISTINCT_MAX_RANK)
		{
			reader->corrupt = true;
			return;
		}
		rank = central + (int) unzigzag(code);
		if (rank < 0 || rank > DISTINCT_MAX_RANK)
		{
			reader->corrupt = true;
			return;
		}
		summary->distinct->ranks[i] = (uint8_t) rank;
	}
	end_bits_read(reader);
	if (wire_central_rank(summary->distinct) != central)
		reader->corrupt = true;
}

static void
get_numeric(Reader *reader, Summary *summary, int version, bool more)
{
	int			level;
	int			n_bins;

	if (more)
	{
		summary->nan_count = get_count(reader, COUNT_LIMIT);
		summary->positive_infinity_count = get_count(reader, COUNT_LIMIT);
		summary->negative_infinity_count = get_count(reader, COUNT_LIMIT);
		if ((summary->nan_count | summary->positive_infinity_count | summary->negative_infinity_count) == 0)
			reader->corrupt = true;
	}
	level = get_byte(reader);
	n_bins = (int) get_count(reader, (uint64_t) summary->budget);

	/* A bin takes at least a byte, of version 2 two bits: so this bounds the memory by the input. */
	if (level > DISTRIBUTION_MAX_LEVEL || (size_t) n_bins / (version == WIRE_VERSION_1 ? 1 : 4) > reader->size - reader->position ||
		(level == 0 && (summary->minimum_stale || summary->maximum_stale)) || (n_bins == 0 && level > 0))
		reader->corrupt = true;
	if (reader->corrupt || n_bins == 0)
		return;
	get_bins(reader, summary, version, n_bins, level);
	if (reader->corrupt || level == 0)
		return;
	get_extremes(reader, summary);
	for (int power = 1; power <= MOMENT_POWERS && !reader->corrupt; power++)
		get_sum(reader, summary, power);
	if (version > WIRE_VERSION_1 && !reader->corrupt)
		get_distinct(reader, summary);
}

/* ---- categories ---- */

static SketchBucket *
get_bucket(Reader *reader, Allocator allocator, uint64_t rows)
{
	SketchBucket *bucket;
	GolombOrder order = {0};

	/* A bit for each count at least, so this bounds the memory by the input. */
	if (rows > COUNT_LIMIT || (rows > 0 && bits_left(reader) < SKETCH_BITS))
		reader->corrupt = true;
	if (reader->corrupt || rows == 0)
		return NULL;
	bucket = sketch_new_bucket(allocator);
	bucket->rows = (int64_t) rows;
	for (int bit = 0; bit < SKETCH_BITS && !reader->corrupt; bit++)
	{
		int64_t		difference = unzigzag(get_adaptive(reader, &order));

		if (difference < -(bucket->rows / 2) || difference > bucket->rows - bucket->rows / 2)
			reader->corrupt = true;
		else
			bucket->set[bit] = bucket->rows / 2 + difference;
	}
	return bucket;
}

static void
get_sketch(Reader *reader, Summary *summary, int64_t other)
{
	CategorySketch *sketch;
	GolombOrder order = {0};
	int			has_rows = get_byte(reader);
	int64_t		rows;

	if (has_rows > 1)
		reader->corrupt = true;
	if (reader->corrupt || has_rows == 0)
		return;
	sketch = summary->categories.sketch = sketch_create(summary->allocator);
	for (int i = 0; i < SKETCH_BUCKETS && !reader->corrupt; i++)
		sketch->buckets[i] = get_bucket(reader, summary->allocator, get_adaptive(reader, &order));
	end_bits_read(reader);
	rows = sketch_rows(sketch);
	if (rows == 0 || rows > other)
		reader->corrupt = true;
}

static void
get_categories(Reader *reader, Summary *summary, int version, bool more)
{
	Categories *categories = &summary->categories;
	uint64_t	threshold = UINT64_MAX;
	int64_t		other = 0;
	int			n;
	uint64_t	previous_hash = 0;
	const char *previous = NULL;
	size_t		previous_length = 0;

	if (more)
	{
		threshold = get_word(reader);
		other = get_count(reader, COUNT_LIMIT);
		if (threshold == UINT64_MAX)
			reader->corrupt = true;
		if (version > WIRE_VERSION_1)
			get_sketch(reader, summary, other);
	}
	n = (int) get_count(reader, (uint64_t) summary->budget);
	for (int i = 0; i < n && !reader->corrupt; i++)
	{
		size_t		length = (size_t) get_count(reader, CATEGORY_MAX_LENGTH);
		const char *bytes = (const char *) reader->bytes + reader->position;
		uint64_t	hash;
		int64_t		count;

		if (length > reader->size - reader->position)
			reader->corrupt = true;
		if (reader->corrupt)
			return;
		reader->position += length;
		count = get_count(reader, COUNT_LIMIT);
		hash = category_hash(bytes, length);
		if (count == 0 || hash > threshold || hash < previous_hash)
			reader->corrupt = true;
		else if (previous != NULL && hash == previous_hash)
		{
			size_t		shorter = length < previous_length ? length : previous_length;
			int			order = memcmp(previous, bytes, shorter);

			if (order > 0 || (order == 0 && previous_length >= length))
				reader->corrupt = true;
		}
		if (!reader->corrupt && !categories_add(categories, summary->allocator, bytes, length, count, summary->budget))
			reader->corrupt = true;
		previous_hash = hash;
		previous = bytes;
		previous_length = length;
	}
	categories->threshold = threshold;
	categories->other = other;
	if (!add_count(&categories->total, other))
		reader->corrupt = true;
}

/* ---- both ---- */

static void
get_vectors(Reader *reader, Summary *summary)
{
	size_t		read = vector_sums_decode(summary->allocator, reader->bytes + reader->position, reader->size - reader->position,
									 &summary->vectors);

	reader->corrupt |= read == 0;
	reader->position += read;
}

SummaryStatus
summary_decode(Allocator allocator, const uint8_t *bytes, size_t size, Summary **result)
{
	Reader		reader = {.bytes = bytes, .size = size};
	Summary	   *summary;
	uint8_t		flags;
	int			unit;
	int			budget;
	int			version;
	bool		category;
	bool		vector;
	SummaryKind kind;

	*result = NULL;
	if (size == 0)
		return SUMMARY_CORRUPT;
	version = get_byte(&reader);
	if (version != WIRE_VERSION_1 && version != WIRE_VERSION)
		return SUMMARY_VERSION_UNKNOWN;
	flags = get_byte(&reader);
	budget = (int) get_count(&reader, SUMMARY_MAX_BUDGET);
	category = (flags & FLAG_CATEGORY) != 0;
	vector = (flags & FLAG_VECTOR) != 0;
	kind = category ? SUMMARY_CATEGORY : vector ? SUMMARY_VECTOR : SUMMARY_NUMERIC;
	unit = flags >> FLAG_UNIT_SHIFT & 3;
	if (reader.corrupt || budget < SUMMARY_MIN_BUDGET || unit > SUMMARY_TIME || (vector && (category || unit != SUMMARY_PLAIN)) ||
		(category && (unit != SUMMARY_PLAIN || (flags & (FLAG_MINIMUM_STALE | FLAG_MAXIMUM_STALE)) != 0)))
		return SUMMARY_CORRUPT;
	summary = summary_create(allocator, kind, (SummaryUnit) unit, budget);
	summary->inexact = (flags & FLAG_INEXACT) != 0;
	summary->minimum_stale = (flags & FLAG_MINIMUM_STALE) != 0;
	summary->maximum_stale = (flags & FLAG_MAXIMUM_STALE) != 0;
	summary->null_count = get_count(&reader, COUNT_LIMIT);
	if (category)
		get_categories(&reader, summary, version, (flags & FLAG_MORE) != 0);
	else
		get_numeric(&reader, summary, version, (flags & FLAG_MORE) != 0);
	if (vector && summary->distribution.n_bins > 0 && !reader.corrupt)
		get_vectors(&reader, summary);
	if (reader.corrupt || reader.position != size)
	{
		summary_free(summary);
		return SUMMARY_CORRUPT;
	}
	*result = summary;
	return SUMMARY_OK;
}
