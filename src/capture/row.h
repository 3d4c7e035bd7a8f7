/*
 * row.h
 *		Where a row belongs, and adding it to a pane: the same for decoded changes and for rows that the builder reads.  Inside this
 *		room only.
 */
#ifndef WEIR_CAPTURE_ROW_H
#define WEIR_CAPTURE_ROW_H

#include "postgres.h"

#include "capture/pane.h"
#include "capture/relation_map.h"

typedef struct RowImage
{
	Datum	   *values;
	bool	   *nulls;
} RowImage;

/* Where a row belongs. */
typedef struct Place
{
	bool		inside;			/* passes the filter and has a time */
	bool		untimed;		/* passes the filter and has none */
	TimestampTz time;
	TimestampTz start;
	Segment	   *segment;
} Place;

extern void row_find_place(RelationMap *map, MonitorMap *entry, RowImage *row, Place *place);

/*
 * Adds the row to the part; row_add_value one value of it, to a row that pane_part_begin_row gave; row_add_fairness its outcomes;
 * row_add_category a text, whether or not it was said to be missing.
 */
extern void row_add(MonitorMap *entry, PanePart *part, RowImage *row);
extern void row_add_value(MonitorMap *entry, int column, PanePart *part, char *gathered, const RowImage *row);
extern void
row_add_category(CapturedMonitor *monitor, int column, PanePart *part, char *gathered, const char *bytes, size_t length);
extern Outcome row_outcome(const OutcomeReader *reader, RowImage *row, AttrNumber attribute);
extern void row_add_fairness(MonitorMap *entry, PanePart *part, RowImage *row);

#endif
