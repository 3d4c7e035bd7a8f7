/*
 * batch.c
 *		Values on their way into the summaries of a pane, gathered row by row and folded column by column.
 */
#include "postgres.h"

#include "capture/batch.h"
#include "utils/memutils.h"

#define LARGEST_CAPACITY 1024
#define FEWEST_ROWS 8

/* ---- dictionaries ---- */

#define MOST_CODES (DICTIONARY_SLOTS / 2)
#define MOST_PROBES 16

int
dictionary_find(CapturedMonitor *monitor, CapturedColumn *column, const DictionaryText *text, uint32 slot, const char *bytes)
{
	Dictionary *dictionary = column->dictionary;
	MemoryContext context = GetMemoryChunkContext(monitor);
	size_t		length = text->room - 1;
	DictionaryText *found;

	if (dictionary == NULL)
		dictionary = column->dictionary = MemoryContextAllocZero(context, sizeof(Dictionary));
	/* Texts that differ only in the middle crowd one place: the later ones do without a code. */
	for (int probe = 0; (found = &dictionary->slots[slot])->room != 0; slot = (slot + 1) % DICTIONARY_SLOTS)
	{
		if (dictionary_same_words(found, text) && (length <= DICTIONARY_WHOLE || memcmp(found->bytes, bytes, length) == 0))
			return (int) slot;
		if (++probe == MOST_PROBES)
			return -1;
	}
	if (dictionary->n == MOST_CODES)
		return -1;
	*found = *text;
	found->bytes = MemoryContextAlloc(context, Max(length, 1));
	memcpy(found->bytes, bytes, length);
	dictionary->n++;
	return (int) slot;
}

int
dictionary_add_boolean(CapturedMonitor *monitor, CapturedColumn *column, bool value)
{
	const char *bytes = value ? "true" : "false";
	int			code = dictionary_code(monitor, column, bytes, strlen(bytes));

	column->dictionary->booleans[value] = code + 1;
	return code;
}

/* ---- batches ---- */

/* As large as the server's allocator gives without loss; a pane that few rows come to has the smallest. */
static const size_t sizes[] = {1024, 4096, 16384, 65536};

/* Vectors are not gathered. */
static size_t
value_size(const CapturedColumn *column)
{
	switch (column->reader.kind)
	{
		case SUMMARY_NUMERIC: return sizeof(double);
		case SUMMARY_CATEGORY: return sizeof(uint16);
		default: return 0;
	}
}

static int
place_columns(CapturedMonitor *monitor, SummaryKind kind, int next)
{
	for (int i = 0; i < monitor->n_columns; i++)
		if (monitor->columns[i].reader.kind == kind)
		{
			monitor->columns[i].place = next;
			next += (int) value_size(&monitor->columns[i]);
		}
	return next;
}

void
batch_lay_out(CapturedMonitor *monitor)
{
	int			next;

	monitor->missing_words = (monitor->n_columns + 63) / 64;
	next = place_columns(monitor, SUMMARY_NUMERIC, monitor->missing_words * (int) sizeof(uint64));
	next = place_columns(monitor, SUMMARY_CATEGORY, next);
	monitor->row_size = (int) TYPEALIGN(sizeof(uint64), next);
}

static void
open_batch(Batch *batch, CapturedMonitor *monitor, int grade, Allocator allocator)
{
	size_t		words = MAXALIGN(sizeof(uint64) * monitor->missing_words);
	size_t		header = words + MAXALIGN(sizeof(int) * monitor->n_columns) + BATCH_CACHE_LINE;
	int			capacity = (int) ((sizes[grade] - Min(header, sizes[grade])) / Max(monitor->row_size, 1));

	capacity = Min(Max(capacity, FEWEST_ROWS << grade), LARGEST_CAPACITY);
	batch->n_rows = 0;
	batch->capacity = capacity;
	batch->grade = grade;
	batch->size = header + (size_t) capacity * monitor->row_size;
	batch->missing = allocator.resize(allocator.context, NULL, 0, batch->size);
	memset(batch->missing, 0, header);
	batch->n_nulls = (int *) ((char *) batch->missing + words);
	batch->rows = (char *) TYPEALIGN_DOWN(BATCH_CACHE_LINE, (char *) batch->missing + header);
}

void
batch_open(Batch *batch, CapturedMonitor *monitor, bool first, Allocator allocator)
{
	open_batch(batch, monitor, first ? 0 : 1, allocator);
}

void
batch_close(Batch *batch, Allocator allocator)
{
	if (batch->missing != NULL)
		allocator.resize(allocator.context, batch->missing, batch->size, 0);
	memset(batch, 0, sizeof(Batch));
}

void
batch_grow(Batch *batch, CapturedMonitor *monitor, bool roomy, Allocator allocator)
{
	int			grade = batch->grade + 1;

	Assert(batch->n_rows == 0);
	if (grade >= lengthof(sizes) - (roomy ? 0 : 1))
		return;
	batch_close(batch, allocator);
	open_batch(batch, monitor, grade, allocator);
}

/* ---- folding ---- */

/* Whether the row lacks the column. */
static inline bool
is_missing(const char *row, int column)
{
	return (((const uint64 *) row)[column / 64] >> (column % 64) & 1) != 0;
}

static void
fold_numbers(const Batch *batch, const CapturedMonitor *monitor, int column, bool complete, Summary *summary)
{
	double		values[LARGEST_CAPACITY];
	int			place = monitor->columns[column].place;
	const char *row = batch->rows;
	int			n = batch->n_rows;

	if (complete)
		for (int i = 0; i < n; i++, row += monitor->row_size)
			memcpy(&values[i], row + place, sizeof(double));
	else
	{
		n = 0;
		for (int i = 0; i < batch->n_rows; i++, row += monitor->row_size)
		{
			memcpy(&values[n], row + place, sizeof(double));
			n += !is_missing(row, column);
		}
	}
	if (n > 0)
		summary_add_numbers(summary, values, (size_t) n);
}

/* Counts equal codes first: a category is looked up once. */
static void
fold_codes(const Batch *batch, const CapturedMonitor *monitor, int column, bool complete, Summary *summary)
{
	static uint16 counts[DICTIONARY_SLOTS];
	const Dictionary *dictionary = monitor->columns[column].dictionary;
	int			place = monitor->columns[column].place;
	const char *row = batch->rows;
	static uint16 met[LARGEST_CAPACITY];
	int			n_met = 0;

	for (int i = 0; i < batch->n_rows; i++, row += monitor->row_size)
	{
		uint16		code = *(const uint16 *) (row + place);

		if (!complete && is_missing(row, column))
			continue;
		met[n_met] = code;
		n_met += counts[code]++ == 0;
	}
	for (int i = 0; i < n_met; i++)
	{
		const DictionaryText *text = &dictionary->slots[met[i]];
		int			count = counts[met[i]];

		counts[met[i]] = 0;
		summary_add_category_times(summary, text->bytes, text->room - 1, count);
	}
}

void
batch_fold(Batch *batch, CapturedMonitor *monitor, Summary **summaries)
{
	for (int i = 0; i < monitor->n_columns; i++)
	{
		bool		complete = (batch->missing[i / 64] >> (i % 64) & 1) == 0;

		if (batch->n_nulls[i] > 0)
			summary_add_nulls(summaries[i], batch->n_nulls[i]);
		batch->n_nulls[i] = 0;
		if (monitor->columns[i].reader.kind == SUMMARY_NUMERIC)
			fold_numbers(batch, monitor, i, complete, summaries[i]);
		else if (monitor->columns[i].reader.kind == SUMMARY_CATEGORY)
			fold_codes(batch, monitor, i, complete, summaries[i]);
	}
	memset(batch->missing, 0, sizeof(uint64) * monitor->missing_words);
	batch->n_rows = 0;
}
