/*
 * summary_wire.c
 *		The stored form of a summary, version 1: the same bytes for the same state, on every machine.
 *
 * Integers are unsigned LEB128 unless said otherwise (7 bits per byte, least significant first, no superfluous byte).
 *
 *		byte	version (1)
 *		byte	flags: 1 category, 2 and 4 unit, 8 inexact, 16 minimum stale, 32 maximum stale,
 *				64 (numeric, vector) NaN or infinities follow, (category) not every category is kept, 128 vector
 *		int		budget
 *		int		NULLs
 *
 * numeric:
 *		int * 3 NaN, positive infinities, negative infinities	(only with flag 64)
 *		byte	level
 *		int		bins
 *	  and if there are bins:
 *		byte	zero bits that all keys end with; keys are stored without them
 *		int		key of the first bin
 *		per bin:
 *		  int	2 * count + (1 if the key is not one above the previous)
 *		  int	key - previous key - 2	(only then)
 *	  and if the level is above 0:
 *		8 + 8	keys of minimum and maximum, most significant byte first
 *		per power 1 … 4:
 *		  int	2 * bytes of the magnitude of the sum + (1 if negative)
 *		  int	zero bytes below it, and the bytes, least significant first	(only if there are any)
 *
 * vector: the norms as numbers, then, if there are bins, the sums of the vectors (vector_wire.c)
 *
 * category:
 *		8		threshold, most significant byte first	(only with flag 64)
 *		int		rows of categories not kept	(only with flag 64)
 *		int		categories
 *		per category, by hash, then bytes:
 *		  int	length, the bytes
 *		  int	count
 */
#include "summary/summary_internal.h"

#include <math.h>

#include "summary/counts.h"
#include "summary/memory_inline.h"
#include "summary/vector_wire.h"

#define WIRE_VERSION 1

#define FLAG_CATEGORY 1
#define FLAG_UNIT_SHIFT 1
#define FLAG_INEXACT 8
#define FLAG_MINIMUM_STALE 16
#define FLAG_MAXIMUM_STALE 32
#define FLAG_MORE 64
#define FLAG_VECTOR 128

/* ---- writing: with no buffer only the position moves, which gives the size ---- */

typedef struct Writer
{
	uint8_t	   *buffer;			/* NULL: only measure */
	size_t		position;
} Writer;

static inline void
put_byte(Writer *writer, uint8_t byte)
{
	if (writer->buffer != NULL)
		writer->buffer[writer->position] = byte;
	writer->position++;
}

static inline void
put_integer(Writer *writer, uint64_t value)
{
	while (value >= 0x80)
	{
		put_byte(writer, (uint8_t) (value | 0x80));
		value >>= 7;
	}
	put_byte(writer, (uint8_t) value);
}

static void
put_word(Writer *writer, uint64_t word)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		put_byte(writer, (uint8_t) (word >> shift));
}

static void
put_bins(Writer *writer, const DistributionBin *bins, int n_bins)
{
	uint64_t	all = 0;
	int			zeros;
	uint64_t	previous;

	for (int i = 0; i < n_bins; i++)
		all |= bins[i].key;
	zeros = all == 0 ? 0 : __builtin_ctzll(all);
	put_byte(writer, (uint8_t) zeros);
	previous = bins[0].key >> zeros;
	put_integer(writer, previous);
	put_integer(writer, (uint64_t) bins[0].count << 1);
	for (int i = 1; i < n_bins; i++)
	{
		uint64_t	key = bins[i].key >> zeros;
		uint64_t	gap = key - previous;

		put_integer(writer, (uint64_t) bins[i].count << 1 | (gap != 1));
		if (gap != 1)
			put_integer(writer, gap - 2);
		previous = key;
	}
}

static inline uint8_t
magnitude_byte(const WideInteger *magnitude, int index)
{
	return (uint8_t) (magnitude->words[index / 8] >> (8 * (index % 8)));
}

static void
put_sum(Writer *writer, const Moments *moments, int power)
{
	WideInteger sum;
	int			low;
	int			first = 0;
	int			end;

	moments_get(moments, power, &sum, &low);
	end = 8 * sum.n_words;
	while (end > 0 && magnitude_byte(&sum, end - 1) == 0)
		end--;
	while (first < end && magnitude_byte(&sum, first) == 0)
		first++;
	put_integer(writer, (uint64_t) (end - first) << 1 | sum.negative);
	if (end == first)
		return;
	put_integer(writer, (uint64_t) (8 * low + first));
	for (int i = first; i < end; i++)
		put_byte(writer, magnitude_byte(&sum, i));
}

static void
put_numeric(Writer *writer, Summary *summary, bool more)
{
	Distribution *distribution = &summary->distribution;
	const DistributionBin *bins = distribution_sorted(distribution, summary->allocator);

	if (more)
	{
		put_integer(writer, (uint64_t) summary->nan_count);
		put_integer(writer, (uint64_t) summary->positive_infinity_count);
		put_integer(writer, (uint64_t) summary->negative_infinity_count);
	}
	put_byte(writer, (uint8_t) distribution->level);
	put_integer(writer, (uint64_t) distribution->n_bins);
	if (distribution->n_bins == 0)
		return;
	put_bins(writer, bins, distribution->n_bins);
	if (distribution->level == 0)
		return;
	put_word(writer, distribution_key(summary->minimum));
	put_word(writer, distribution_key(summary->maximum));
	for (int power = 1; power <= MOMENT_POWERS; power++)
		put_sum(writer, &summary->moments, power);
}

static void
put_categories(Writer *writer, Summary *summary, bool more)
{
	Categories *categories = &summary->categories;
	SummaryCategory *all = categories_by_hash(categories, summary->allocator);

	if (more)
	{
		put_word(writer, categories->threshold);
		put_integer(writer, (uint64_t) categories->other);
	}
	put_integer(writer, (uint64_t) categories->n_kept);
	for (int i = 0; i < categories->n_kept; i++)
	{
		put_integer(writer, all[i].length);
		for (size_t j = 0; j < all[i].length; j++)
			put_byte(writer, (uint8_t) all[i].bytes[j]);
		put_integer(writer, (uint64_t) all[i].count);
	}
	release(summary->allocator, all, sizeof(SummaryCategory) * (size_t) categories->n_kept);
}

static void
put_vectors(Writer *writer, const VectorSums *vectors)
{
	writer->position += vector_sums_encode(vectors, writer->buffer == NULL ? NULL : writer->buffer + writer->position);
}

static void
put_summary(Writer *writer, Summary *summary)
{
	bool		category = summary->kind == SUMMARY_CATEGORY;
	bool		more = category ? summary->categories.threshold != UINT64_MAX
						 : (summary->nan_count | summary->positive_infinity_count | summary->negative_infinity_count) != 0;

	put_byte(writer, WIRE_VERSION);
	put_byte(writer,
			 (uint8_t) ((category ? FLAG_CATEGORY : 0) | summary->unit << FLAG_UNIT_SHIFT | (summary->inexact ? FLAG_INEXACT : 0) |
						(summary->minimum_stale ? FLAG_MINIMUM_STALE : 0) | (summary->maximum_stale ? FLAG_MAXIMUM_STALE : 0) |
						(more ? FLAG_MORE : 0) | (summary->kind == SUMMARY_VECTOR ? FLAG_VECTOR : 0)));
	put_integer(writer, (uint64_t) summary->budget);
	put_integer(writer, (uint64_t) summary->null_count);
	if (category)
		put_categories(writer, summary, more);
	else
		put_numeric(writer, summary, more);
	if (summary->vectors != NULL)
		put_vectors(writer, summary->vectors);
}

size_t
summary_encoded_size(const Summary *summary)
{
	Writer		writer = {NULL, 0};

	put_summary(&writer, summary_settle(summary));
	return writer.position;
}

size_t
summary_encode(const Summary *summary, uint8_t *buffer)
{
	Writer		writer = {buffer, 0};

	put_summary(&writer, summary_settle(summary));
	return writer.position;
}

/* ---- reading: after the first fault every read gives 0 and the fault stays ---- */

typedef struct Reader
{
	const uint8_t *bytes;
	size_t		size;
	size_t		position;
	bool		corrupt;
} Reader;

static inline uint8_t
get_byte(Reader *reader)
{
	if (reader->position < reader->size)
		return reader->bytes[reader->position++];
	reader->corrupt = true;
	return 0;
}

static inline uint64_t
get_integer(Reader *reader)
{
	uint64_t	value = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8_t		byte = get_byte(reader);

		value |= (uint64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			/* A superfluous byte, or bits beyond the 64th. */
			if ((byte == 0 && shift > 0) || (shift == 63 && byte > 1))
				reader->corrupt = true;
			return reader->corrupt ? 0 : value;
		}
	}
	reader->corrupt = true;
	return 0;
}

static uint64_t
get_word(Reader *reader)
{
	uint64_t	word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | get_byte(reader);
	return word;
}

static int64_t
get_count(Reader *reader, uint64_t maximum)
{
	uint64_t	value = get_integer(reader);

	if (value > maximum)
	{
		reader->corrupt = true;
		return 0;
	}
	return (int64_t) value;
}

static void
get_bins(Reader *reader, Summary *summary, int n_bins, int level)
{
	Distribution *distribution = &summary->distribution;
	DistributionBin *bins;
	int			zeros = get_byte(reader);
	uint64_t	last_key = DISTRIBUTION_MAX_KEY >> level;
	uint64_t	key = get_integer(reader);
	uint64_t	all = 0;
	int64_t		total = 0;

	if (zeros > 63 || key > last_key >> zeros || key << zeros < DISTRIBUTION_MIN_KEY >> level)
	{
		reader->corrupt = true;
		return;
	}
	bins = distribution_assign(distribution, summary->allocator, n_bins, level);
	for (int i = 0; i < n_bins; i++)
	{
		uint64_t	head = get_integer(reader);

		if (i == 0)
			reader->corrupt |= (head & 1) != 0;
		else
		{
			uint64_t	gap = 1;

			if ((head & 1) != 0)
			{
				gap = get_integer(reader);
				reader->corrupt |= gap > UINT64_MAX - 2;
				gap += 2;
			}
			if (gap > (last_key >> zeros) - key)
				reader->corrupt = true;
			key += gap;
		}
		if (reader->corrupt || head >> 1 == 0 || head >> 1 > COUNT_LIMIT || !add_count(&total, (int64_t) (head >> 1)))
		{
			reader->corrupt = true;
			return;
		}
		bins[i] = (DistributionBin){key << zeros, (int64_t) (head >> 1)};
		all |= key;
	}
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
get_numeric(Reader *reader, Summary *summary, bool more)
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

	/* A bin takes at least a byte, so this bounds the memory by the input. */
	if (level > DISTRIBUTION_MAX_LEVEL || (size_t) n_bins > reader->size - reader->position ||
		(level == 0 && (summary->minimum_stale || summary->maximum_stale)) || (n_bins == 0 && level > 0))
		reader->corrupt = true;
	if (reader->corrupt || n_bins == 0)
		return;
	get_bins(reader, summary, n_bins, level);
	if (reader->corrupt || level == 0)
		return;
	get_extremes(reader, summary);
	for (int power = 1; power <= MOMENT_POWERS && !reader->corrupt; power++)
		get_sum(reader, summary, power);
}

static void
get_categories(Reader *reader, Summary *summary, bool more)
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
	Reader		reader = {bytes, size, 0, false};
	Summary	   *summary;
	uint8_t		flags;
	int			unit;
	int			budget;
	bool		category;
	bool		vector;
	SummaryKind kind;

	*result = NULL;
	if (size == 0)
		return SUMMARY_CORRUPT;
	if (get_byte(&reader) != WIRE_VERSION)
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
		get_categories(&reader, summary, (flags & FLAG_MORE) != 0);
	else
		get_numeric(&reader, summary, (flags & FLAG_MORE) != 0);
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
