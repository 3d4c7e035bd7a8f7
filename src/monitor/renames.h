/*
 * renames.h
 *		Labels of enums that were renamed, for what follows them.  Inside this room only; see renames.c.
 */
#ifndef WEIR_MONITOR_RENAMES_H
#define WEIR_MONITOR_RENAMES_H

#include "postgres.h"

/* One label of one column. */
typedef struct RenamedLabel
{
	char	   *column;
	int			segment_position; /* in segment_by, from 1; 0: it makes no segments */
	int			ordinal;		/* of its summary, from 1; 0: it has none */
	bool		is_label;		/* the column of labels, that of predictions */
	bool		is_prediction;
	int32		hash;			/* of the former name */
	char	   *name;
} RenamedLabel;

/* Of one look, which take effect together: two labels may change names with each other. */
typedef struct LabelRenames
{
	Datum		monitor_id;
	Datum		noticed_at;
	int			n;
	RenamedLabel *labels;
} LabelRenames;

/* The name that a value of a segment column has now, its position from 1; NULL: the same. context: LabelRenames. */
extern const char *renames_segment_value(void *context, int position, const char *value);

/* Segments, categories and classes of what was read before they were noticed. Inside an SQL scope. */
extern void renames_follow_in_baseline(LabelRenames *renames);

#endif
