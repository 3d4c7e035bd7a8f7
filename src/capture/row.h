/*
 * row.h
 *		Where a row belongs, and adding it to a pane: the same for decoded changes and for rows that the builder reads.  Inside this
 *		room only.
 */
#ifndef WEIR_CAPTURE_ROW_H
#define WEIR_CAPTURE_ROW_H

#include "postgres.h"

#include "capture/capture.h"
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
	TimestampTz time;
	TimestampTz start;
	char	   *segment[CAPTURE_MAX_SEGMENT_COLUMNS];
} Place;

/* Strings of the place are in the current memory context. counts_untimed: a row without a time is told to the monitor. */
extern void row_find_place(RelationMap *map, MonitorMap *entry, RowImage *row, bool counts_untimed, Place *place);
extern bool row_same_place(CapturedMonitor *monitor, const Place *a, const Place *b);

/* Adds the row to the part; row_add_fairness only its outcomes. */
extern void row_add(MonitorMap *entry, PanePart *part, RowImage *row);
extern void row_add_fairness(MonitorMap *entry, PanePart *part, RowImage *row);

#endif
