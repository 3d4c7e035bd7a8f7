/*
 * pane_table.h
 *		Panes between memory and the table weir.pane.  Inside this room only; within a transaction and an SPI scope.
 */
#ifndef WEIR_CAPTURE_PANE_TABLE_H
#define WEIR_CAPTURE_PANE_TABLE_H

#include "postgres.h"

#include "capture/pane.h"

/* One row of weir.pane. Datums live in the SPI memory they came from. */
typedef struct PaneRow
{
	int			monitor_id;
	int			generation;
	TimestampTz start;
	Datum		segment;		/* text[] */
	char		part;
	int64		n;
	int64		n_labelled;
	int64		n_late;
	int			marks;
	bool		is_coarse;		/* rolled up: it ends at end, not after one pane size */
	TimestampTz end;
	Datum		summaries;
	Datum		fairness;
} PaneRow;

/* text[] of a segment's values, NULL where unknown. */
extern Datum pane_table_segment(const Segment *segment);

/* Fills the row's counts and arrays from a part. */
extern void pane_table_encode(CapturedMonitor *monitor, PanePart *part, PaneRow *row);

/*
 * Decodes into an empty part; its memory is that of the panes.  What the row does not have, because the monitor did not summarize
 * it when the row was written, is unknown.
 */
extern void pane_table_decode(CapturedMonitor *monitor, const PaneRow *row, PanePart *part);

/* Reads the row with this key; false when there is none. */
extern bool pane_table_read(PaneRow *row);

/* Inserts, or updates the row with the same key. */
extern void pane_table_write(const PaneRow *row);

/* Deletes the row with this key. */
extern void pane_table_delete(const PaneRow *row);

/* The columns of a SELECT list that pane_table_row understands, in order. */
#define PANE_TABLE_COLUMNS "monitor_id, generation, pane_start, segment, part, n, n_labelled, n_late, marks, summaries, fairness"

extern void pane_table_row(HeapTuple tuple, TupleDesc shape, PaneRow *row);

#endif
