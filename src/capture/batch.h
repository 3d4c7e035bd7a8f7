/*
 * batch.h
 *		Values on their way into the summaries of a pane, gathered row by row and folded column by column, in tight loops: summaries
 *		do not depend on order.  Inside this room only.
 *
 * A row of a batch has bits that tell which of its values are missing, then the numbers as doubles, then the codes of categories:
 * few cache lines are touched for it, although rows of many panes take turns.
 */
#ifndef WEIR_CAPTURE_BATCH_H
#define WEIR_CAPTURE_BATCH_H

#include "postgres.h"

#include "base/allocator.h"
#include "capture/definition.h"

/* All zero bytes is a batch without room. */
typedef struct Batch
{
	int			n_rows;
	int			capacity;		/* rows */
	char	   *rows;
	uint64	   *missing;		/* the bits of all rows together; begins the allocation */
	int		   *n_nulls;		/* by column; they are missing too */
	int			grade;			/* of its size: it grows with the pane */
	size_t		size;			/* of the allocation */
} Batch;

/* Says where the values of each column stand in rows of batches. */
extern void batch_lay_out(CapturedMonitor *monitor);

/* Gives the batch room; first: for a pane that may have no more than a few rows. */
extern void batch_open(Batch *batch, CapturedMonitor *monitor, bool first, Allocator allocator);

/* Without room as before. */
extern void batch_close(Batch *batch, Allocator allocator);

/* Folds what is gathered into the summaries, one per column, and empties the batch. */
extern void batch_fold(Batch *batch, CapturedMonitor *monitor, Summary **summaries);

/* More room for an empty one, up to a limit; the most only where there is plenty of memory. */
extern void batch_grow(Batch *batch, CapturedMonitor *monitor, bool roomy, Allocator allocator);

#define BATCH_CACHE_LINE 64

/* A row without missing values, where there is room for one: each column is put or said to be missing. */
static inline char *
batch_begin_row(Batch *batch, const CapturedMonitor *monitor)
{
	char	   *row = batch->rows + (size_t) batch->n_rows++ * monitor->row_size;

	/* The place of the next one is fetched now, as rows of other panes come in between: stores that wait for memory hold up
	 * everything. */
	for (int i = 0; i <= monitor->row_size; i += BATCH_CACHE_LINE)
		__builtin_prefetch(row + monitor->row_size + i, 1);
	for (int i = 0; i < monitor->missing_words; i++)
		((uint64 *) row)[i] = 0;
	return row;
}

static inline void
batch_put_missing(Batch *batch, char *row, int column)
{
	uint64		bit = UINT64CONST(1) << (column % 64);

	((uint64 *) row)[column / 64] |= bit;
	batch->missing[column / 64] |= bit;
}

/* A value comes after all: derived ones are known last. */
static inline void
batch_unput_missing(char *row, int column)
{
	((uint64 *) row)[column / 64] &= ~(UINT64CONST(1) << (column % 64));
}

static inline void
batch_put_null(Batch *batch, char *row, int column)
{
	batch->n_nulls[column]++;
	batch_put_missing(batch, row, column);
}

/* place: of the column, see batch_lay_out. */
static inline void
batch_put_number(char *row, int place, double value)
{
	memcpy(row + place, &value, sizeof(value));
}

static inline void
batch_put_code(char *row, int place, int code)
{
	*(uint16 *) (row + place) = (uint16) code;
}

/* ---- dictionaries ---- */

#define DICTIONARY_SLOT_BITS 11
#define DICTIONARY_SLOTS (1 << DICTIONARY_SLOT_BITS)
#define DICTIONARY_WHOLE 24 /* a text of so many bytes stands in its words */

/* Three words of a text: its first eight bytes, the next eight where it has more than 16, the last eight. */
typedef struct DictionaryText
{
	uint64		first;
	uint64		second;
	uint64		last;
	size_t		room;			/* the length and one; 0: free */
	char	   *bytes;
} DictionaryText;

/*
 * Texts of one category column that came lately, each with the number of its slot as its code.  When it is full it takes no more: a
 * column with that many categories gains nothing.
 */
typedef struct Dictionary
{
	int			n;
	int			booleans[2];	/* codes of false and true, and one; 0: not there yet */
	DictionaryText slots[DICTIONARY_SLOTS];
} Dictionary;

static inline uint64
dictionary_word(const char *bytes)
{
	uint64		word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* The first word of a text that has less than eight bytes; it tells them all, with the length. */
static inline uint64
dictionary_short_word(const char *bytes, size_t length)
{
	const unsigned char *text = (const unsigned char *) bytes;
	uint32		low;
	uint32		high;

	if (length < sizeof(low))
		return length == 0 ? 0 : text[0] | (uint64) text[length / 2] << 8 | (uint64) text[length - 1] << 16;
	memcpy(&low, bytes, sizeof(low));
	memcpy(&high, bytes + length - sizeof(high), sizeof(high));
	return (uint64) high << 32 | low;
}

static inline DictionaryText
dictionary_text(const char *bytes, size_t length)
{
	if (length < sizeof(uint64))
		return (DictionaryText){.first = dictionary_short_word(bytes, length), .room = length + 1};
	return (DictionaryText){.first = dictionary_word(bytes),
							.second = length > 2 * sizeof(uint64) ? dictionary_word(bytes + sizeof(uint64)) : 0,
							.last = dictionary_word(bytes + length - sizeof(uint64)),
							.room = length + 1};
}

static inline uint32
dictionary_slot(const DictionaryText *text)
{
	uint64		hash = (text->first + text->room) * UINT64CONST(0x9e3779b97f4a7c15) ^ text->last * UINT64CONST(0xff51afd7ed558ccd) ^
		text->second * UINT64CONST(0xc4ceb9fe1a85ec53);

	return (uint32) (hash >> (64 - DICTIONARY_SLOT_BITS));
}

static inline bool
dictionary_same_words(const DictionaryText *a, const DictionaryText *b)
{
	return ((a->first ^ b->first) | (a->second ^ b->second) | (a->last ^ b->last) | (a->room ^ b->room)) == 0;
}

/* The code of the text, or -1 when it has none and gets none; slot is where it begins to look. */
extern int
dictionary_find(CapturedMonitor *monitor, CapturedColumn *column, const DictionaryText *text, uint32 slot, const char *bytes);

/* The same, at once for a text that came before and that no other took the place of. */
static inline int
dictionary_code(CapturedMonitor *monitor, CapturedColumn *column, const char *bytes, size_t length)
{
	const Dictionary *dictionary = column->dictionary;
	DictionaryText text = dictionary_text(bytes, length);
	uint32		slot = dictionary_slot(&text);

	if (dictionary != NULL && length <= DICTIONARY_WHOLE && dictionary_same_words(&dictionary->slots[slot], &text))
		return (int) slot;
	return dictionary_find(monitor, column, &text, slot, bytes);
}

extern int	dictionary_add_boolean(CapturedMonitor *monitor, CapturedColumn *column, bool value);

static inline int
dictionary_boolean(CapturedMonitor *monitor, CapturedColumn *column, bool value)
{
	const Dictionary *dictionary = column->dictionary;

	if (dictionary != NULL && dictionary->booleans[value] > 0)
		return dictionary->booleans[value] - 1;
	return dictionary_add_boolean(monitor, column, value);
}

#endif
