/*
 * batch.h
 *		Values on their way into the summaries of a pane, gathered by column so that they are folded in tight loops: summaries do
 *		not depend on order.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_BATCH_H
#define WEIR_CAPTURE_BATCH_H

#include "postgres.h"

#include "base/allocator.h"
#include "capture/definition.h"

typedef struct BatchColumn
{
	int			n;
	int			n_nulls;
	void	   *values;			/* double, or for categories uint16: codes of the column's dictionary */
} BatchColumn;

typedef struct Batch
{
	int			n_rows;
	int			capacity;		/* rows */
	int			grade;			/* of its size: it grows with the pane */
	size_t		size;			/* of the allocation */
	BatchColumn columns[FLEXIBLE_ARRAY_MEMBER];
} Batch;

/* An empty batch; first: for a pane that may have no more than a few rows. */
extern Batch *batch_create(CapturedMonitor *monitor, bool first, Allocator allocator);
extern void batch_free(Batch *batch, Allocator allocator);

/* Folds what is gathered into the summaries, one per column, and empties the batch. */
extern void batch_fold(Batch *batch, CapturedMonitor *monitor, Summary **summaries);

/* A larger batch in the place of an empty one, up to a limit. */
extern Batch *batch_grow(Batch *batch, CapturedMonitor *monitor, Allocator allocator);

/*
 * Texts of one category column that came lately, numbered.  When it is full it takes no more: a column with that many categories
 * gains nothing.
 */
typedef struct Dictionary Dictionary;

/* The code of the text, or -1 when it has none and gets none. */
extern int	dictionary_code(CapturedMonitor *monitor, CapturedColumn *column, const char *bytes, size_t length);

static inline void
batch_add_null(Batch *batch, int column)
{
	batch->columns[column].n_nulls++;
}

static inline void
batch_add_number(Batch *batch, int column, double value)
{
	BatchColumn *gathered = &batch->columns[column];

	((double *) gathered->values)[gathered->n++] = value;
}

static inline void
batch_add_code(Batch *batch, int column, int code)
{
	BatchColumn *gathered = &batch->columns[column];

	((uint16 *) gathered->values)[gathered->n++] = (uint16) code;
}

#endif
