/*
 * batch.c
 *		Values on their way into the summaries of a pane, gathered by column.
 */
#include "postgres.h"

#include "capture/batch.h"
#include "utils/memutils.h"

#define LARGEST_CAPACITY 256
#define FEWEST_ROWS 8

/* ---- dictionaries ---- */

#define MOST_CODES 2048
#define DICTIONARY_SLOTS (2 * MOST_CODES)
#define MOST_PROBES 16

typedef struct DictionaryText
{
	uint64		first;			/* the first and the last bytes: all of a text of at most 16 */
	uint64		last;
	char	   *bytes;
	size_t		length;
} DictionaryText;

struct Dictionary
{
	int			n;
	DictionaryText texts[MOST_CODES];
	uint16		slots[DICTIONARY_SLOTS]; /* code + 1; 0: free */
};

/* The first eight bytes, or all of a text that has fewer. */
static inline uint64
first_word(const char *bytes, size_t length)
{
	const unsigned char *text = (const unsigned char *) bytes;
	uint64		word = 0;
	uint32		low;
	uint32		high;

	if (length >= sizeof(word))
		memcpy(&word, bytes, sizeof(word));
	else if (length >= sizeof(low))
	{
		memcpy(&low, bytes, sizeof(low));
		memcpy(&high, bytes + length - sizeof(high), sizeof(high));
		word = (uint64) high << 32 | low;
	}
	else if (length > 0)
		word = text[0] | (uint64) text[length / 2] << 8 | (uint64) text[length - 1] << 16;
	return word;
}

/* The last eight bytes of a text that has more. */
static inline uint64
last_word(const char *bytes, size_t length)
{
	uint64		word = 0;

	if (length > sizeof(word))
		memcpy(&word, bytes + length - sizeof(word), sizeof(word));
	return word;
}

int
dictionary_code(CapturedMonitor *monitor, CapturedColumn *column, const char *bytes, size_t length)
{
	Dictionary *dictionary = column->dictionary;
	MemoryContext context;
	uint64		first = first_word(bytes, length);
	uint64		last = last_word(bytes, length);
	uint64		hash = (first * UINT64CONST(0x9e3779b97f4a7c15) ^ last) * UINT64CONST(0xff51afd7ed558ccd) + length;
	uint32		slot = (uint32) (hash >> 40) % DICTIONARY_SLOTS;
	DictionaryText *text;

	if (dictionary == NULL)
		dictionary = column->dictionary = MemoryContextAllocZero(GetMemoryChunkContext(monitor), sizeof(Dictionary));
	/* Texts that differ only in the middle crowd one place: the later ones do without a code. */
	for (int probe = 0; dictionary->slots[slot] != 0; slot = (slot + 1) % DICTIONARY_SLOTS)
	{
		text = &dictionary->texts[dictionary->slots[slot] - 1];
		if (text->first == first && text->last == last && text->length == length &&
			(length <= 2 * sizeof(uint64) || memcmp(text->bytes, bytes, length) == 0))
			return dictionary->slots[slot] - 1;
		if (++probe == MOST_PROBES)
			return -1;
	}
	if (dictionary->n == MOST_CODES)
		return -1;
	context = GetMemoryChunkContext(monitor);
	text = &dictionary->texts[dictionary->n];
	text->first = first;
	text->last = last;
	text->length = length;
	text->bytes = MemoryContextAlloc(context, Max(length, 1));
	memcpy(text->bytes, bytes, length);
	dictionary->slots[slot] = (uint16) (dictionary->n + 1);
	return dictionary->n++;
}

/* ---- batches ---- */

/* As large as the server's allocator gives without loss; a pane that few rows come to has the smallest. */
static const size_t sizes[] = {1024, 4096, 16384};

static inline size_t
value_size(const CapturedColumn *column)
{
	return column->reader.kind == SUMMARY_NUMERIC ? sizeof(double) : sizeof(uint16);
}

static Batch *
make_batch(CapturedMonitor *monitor, int grade, Allocator allocator)
{
	size_t		header = MAXALIGN(offsetof(Batch, columns) + sizeof(BatchColumn) * monitor->n_columns);
	size_t		row = 0;
	size_t		size = header;
	int			capacity;
	Batch	   *batch;
	char	   *next;

	for (int i = 0; i < monitor->n_columns; i++)
		row += value_size(&monitor->columns[i]);
	capacity = (int) ((sizes[grade] - Min(header + MAXIMUM_ALIGNOF * monitor->n_columns, sizes[grade])) / Max(row, 1));
	capacity = Min(Max(capacity, FEWEST_ROWS << grade), LARGEST_CAPACITY);
	for (int i = 0; i < monitor->n_columns; i++)
		size += MAXALIGN((size_t) capacity * value_size(&monitor->columns[i]));
	batch = allocator.resize(allocator.context, NULL, 0, size);
	memset(batch, 0, header);
	batch->grade = grade;
	batch->capacity = capacity;
	batch->size = size;
	next = (char *) batch + header;
	for (int i = 0; i < monitor->n_columns; i++)
	{
		batch->columns[i].values = next;
		next += MAXALIGN((size_t) capacity * value_size(&monitor->columns[i]));
	}
	return batch;
}

Batch *
batch_create(CapturedMonitor *monitor, bool first, Allocator allocator)
{
	return make_batch(monitor, first ? 0 : 1, allocator);
}

void
batch_free(Batch *batch, Allocator allocator)
{
	if (batch != NULL)
		allocator.resize(allocator.context, batch, batch->size, 0);
}

Batch *
batch_grow(Batch *batch, CapturedMonitor *monitor, Allocator allocator)
{
	int			grade = batch->grade + 1;

	Assert(batch->n_rows == 0);
	if (grade == lengthof(sizes))
		return batch;
	batch_free(batch, allocator);
	return make_batch(monitor, grade, allocator);
}

/* Counts equal codes first: a category is looked up once. */
static void
fold_codes(const Dictionary *dictionary, const uint16 *codes, int n, Summary *summary)
{
	static uint16 counts[MOST_CODES];
	uint16		met[LARGEST_CAPACITY];
	int			n_met = 0;

	for (int i = 0; i < n; i++)
		if (counts[codes[i]]++ == 0)
			met[n_met++] = codes[i];
	for (int i = 0; i < n_met; i++)
	{
		const DictionaryText *text = &dictionary->texts[met[i]];
		int			count = counts[met[i]];

		counts[met[i]] = 0;
		summary_add_category_times(summary, text->bytes, text->length, count);
	}
}

void
batch_fold(Batch *batch, CapturedMonitor *monitor, Summary **summaries)
{
	for (int i = 0; i < monitor->n_columns; i++)
	{
		BatchColumn *column = &batch->columns[i];

		if (column->n_nulls > 0)
			summary_add_nulls(summaries[i], column->n_nulls);
		if (column->n > 0 && monitor->columns[i].reader.kind == SUMMARY_NUMERIC)
			summary_add_numbers(summaries[i], column->values, (size_t) column->n);
		else if (column->n > 0)
			fold_codes(monitor->columns[i].dictionary, column->values, column->n, summaries[i]);
		column->n = 0;
		column->n_nulls = 0;
	}
	batch->n_rows = 0;
}
