/*
 * summary_wire.c
 *		Writes the stored form of a summary (wire_format.h).
 */
#include "summary/summary_internal.h"
#include "summary/wire_buffer.h"
#include "summary/wire_format.h"

#include "summary/memory_inline.h"
#include "summary/vector_wire.h"

/* ---- numbers ---- */

static void
put_bins(Writer *all_bytes, const DistributionBin *bins, int n_bins)
{
	Writer		local = *all_bytes;
	Writer	   *writer = &local;
	GolombOrder gaps = {0};
	GolombOrder counts = {0};
	uint64_t	all = 0;
	int			zeros;
	uint64_t	previous;

	for (int i = 0; i < n_bins; i++)
		all |= bins[i].key;
	zeros = all == 0 ? 0 : __builtin_ctzll(all);
	put_byte(writer, (uint8_t) zeros);
	previous = bins[0].key >> zeros;
	put_integer(writer, previous);
	put_adaptive(writer, &counts, zigzag(bins[0].count));
	for (int i = 1; i < n_bins; i++)
	{
		uint64_t	key = bins[i].key >> zeros;

		put_adaptive(writer, &gaps, key - previous - 1);
		put_adaptive(writer, &counts, zigzag(bins[i].count - bins[i - 1].count));
		previous = key;
	}
	end_bits_written(writer);
	*all_bytes = local;
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

int
wire_central_rank(const DistinctSketch *sketch)
{
	int			with_rank[DISTINCT_MAX_RANK + 1] = {0};
	int			best = 0;
	int			least = 0;
	int			greatest = DISTINCT_MAX_RANK;
	int64_t		fewest = INT64_MAX;

	for (int i = 0; i < DISTINCT_REGISTERS; i++)
		with_rank[sketch->ranks[i]]++;
	while (with_rank[least] == 0)
		least++;
	while (with_rank[greatest] == 0)
		greatest--;
	for (int central = least; central <= greatest; central++)
	{
		int64_t		bits = 0;

		/* The length of an exponential Golomb code. */
		for (int rank = least; rank <= greatest; rank++)
			bits += (int64_t) with_rank[rank] *
				(2 * (63 - __builtin_clzll(zigzag(rank - central) + (1 << WIRE_RANK_ORDER))) - WIRE_RANK_ORDER + 1);
		if (bits < fewest)
		{
			fewest = bits;
			best = central;
		}
	}
	return best;
}

static void
put_distinct(Writer *all_bytes, const DistinctSketch *sketch, bool stale)
{
	Writer		local = *all_bytes;
	Writer	   *writer = &local;
	int			central;

	if (sketch == NULL)
	{
		put_byte(all_bytes, 0);
		return;
	}
	central = wire_central_rank(sketch);
	put_byte(writer, (uint8_t) ((1 + central) | (stale ? WIRE_DISTINCT_STALE : 0)));
	for (int i = 0; i < DISTINCT_REGISTERS; i++)
		put_golomb(writer, zigzag(sketch->ranks[i] - central), WIRE_RANK_ORDER);
	end_bits_written(writer);
	*all_bytes = local;
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
	put_distinct(writer, summary->distinct, summary->distinct_stale);
}

/* ---- categories ---- */

static void
put_bucket(Writer *writer, GolombOrder *rows_order, const SketchBucket *bucket)
{
	GolombOrder set_order = {0};
	int64_t		rows = bucket == NULL ? 0 : bucket->rows;

	put_adaptive(writer, rows_order, (uint64_t) rows);
	if (rows == 0)
		return;
	for (int bit = 0; bit < SKETCH_BITS; bit++)
		put_adaptive(writer, &set_order, zigzag(bucket->set[bit] - rows / 2));
}

/* Where more is taken away than there was, it can be left with more rows than there are: then it tells nothing. */
static void
put_sketch(Writer *writer, CategorySketch *sketch, int64_t other)
{
	GolombOrder order = {0};
	int64_t		rows = sketch_rows(sketch);
	bool		has_rows = rows > 0 && rows <= other;

	put_byte(writer, has_rows);
	if (!has_rows)
		return;
	sketch_settle(sketch);
	for (int i = 0; i < SKETCH_BUCKETS; i++)
		put_bucket(writer, &order, sketch->buckets[i]);
	end_bits_written(writer);
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
		put_sketch(writer, categories->sketch, categories->other);
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

/* ---- both ---- */

static void
put_vectors(Writer *writer, const VectorSums *vectors)
{
	writer->position += vector_sums_encode(vectors, writer->buffer == NULL ? NULL : writer->buffer + writer->position);
}

/* Where more is taken away than there was, the bin of an extreme can be empty without that value having been among it. */
static void
settle_extremes(Summary *summary)
{
	const Distribution *distribution = &summary->distribution;
	const DistributionBin *bins = distribution_sorted(&summary->distribution, summary->allocator);

	if (distribution->level == 0 || distribution->n_bins == 0)
		return;
	summary->minimum_stale |= distribution_key(summary->minimum) >> distribution->level < bins[0].key;
	summary->maximum_stale |= distribution_key(summary->maximum) >> distribution->level > bins[distribution->n_bins - 1].key;
}

static void
put_summary(Writer *writer, Summary *summary)
{
	bool		category = summary->kind == SUMMARY_CATEGORY;
	bool		more = category ? summary->categories.threshold != UINT64_MAX
						 : (summary->nan_count | summary->positive_infinity_count | summary->negative_infinity_count) != 0;

	if (!category)
		settle_extremes(summary);
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
	Writer		writer = {0};

	put_summary(&writer, summary_settle(summary));
	return writer.position;
}

size_t
summary_encode(const Summary *summary, uint8_t *buffer)
{
	Writer		writer = {.buffer = buffer};

	put_summary(&writer, summary_settle(summary));
	return writer.position;
}

/* Bytes of the longest codes: of an integer, and of an exponential Golomb code. */
#define LONGEST_INTEGER 10
#define LONGEST_GOLOMB 17
#define FIXED_ROOM 128 /* for all that is there once, and the word more that a writer with room wants */

size_t
summary_encoding_room(const Summary *summary)
{
	const Summary *settled = summary_settle(summary);
	const Categories *categories = &settled->categories;
	size_t		room = FIXED_ROOM;

	if (settled->vectors != NULL || categories->sketch != NULL)
		return room + summary_encoded_size(settled);
	room += (size_t) categories->n_kept * 2 * LONGEST_INTEGER + categories->n_bytes;
	room += (size_t) settled->distribution.n_bins * 2 * LONGEST_GOLOMB;
	room += (size_t) settled->moments.n_words * sizeof(uint64_t) + MOMENT_POWERS * 2 * LONGEST_INTEGER;
	return room + (settled->distinct == NULL ? 0 : DISTINCT_REGISTERS * LONGEST_GOLOMB);
}

size_t
summary_encode_in_room(const Summary *summary, uint8_t *buffer)
{
	Writer		writer = {.buffer = buffer, .has_room = true};

	put_summary(&writer, summary_settle(summary));
	return writer.position;
}
