/*
 * attribution_rows.h
 *		What features contribute to what a model says of some rows of a monitor.  Inside this room only.
 */
#ifndef WEIR_ATTRIBUTION_ROWS_H
#define WEIR_ATTRIBUTION_ROWS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

/* A model of a monitor, and its panes that are to be explained. */
typedef struct Attribution
{
	int			monitor_id;
	char	   *monitor;
	char	   *model;
	Oid			source;
	Oid			owner;
	char	   *time_column;
	bool		names_are_present; /* capture had seen the columns as they are */
	char	   *filter;
	TimestampTz baseline_since;
	TimestampTz baseline_until;
	TimestampTz read_since;
	TimestampTz read_until;
	TimestampTz target;
	bool		looks_for_late;
	TimestampTz changed_at;		/* the monitor, last; DT_NOBEGIN: never */
	int			version;		/* 0: the learner as it is */
	bytea	   *bytes;			/* of the learner; NULL: it has learned nothing */
	List	   *features;		/* of char *, of the learner that the monitor feeds; NIL: there is none */
	List	   *columns;		/* of char *, of the source: one for each of these */

	/* Panes. */
	int			n;
	TimestampTz *starts;
	TimestampTz *ends;
	TimestampTz *updated;
	int64	   *n_rows;
	TimestampTz until;
	bool		is_whole;		/* all of them that there were are explained */
} Attribution;

/* What the features contribute over some of the rows in [since, until). */
typedef struct Explained
{
	int64		n;
	Datum		features;		/* text[], by name */
	Datum		absolute;		/* float8[] */
} Explained;

/*
 * Of the rows in [since, until), at most some of the n_rows that there may be.  rows: the query of attribution_rows_query.
 * Outside any SPI scope; arrays are in the context.
 */
extern Explained attribution_explain(const Attribution *attribution, const char *rows, TimestampTz since, TimestampTz until,
									 int64 n_rows, MemoryContext context);

/* Of those of the baseline, which are read only where the model, its rows or what is read has changed since they were last. */
extern Explained attribution_explain_baseline(const Attribution *attribution, const char *rows, MemoryContext context);

#endif
