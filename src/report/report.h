/*
 * report.h
 *		What reports have in common: the monitor, its last window, and queries that are run as the caller; internal to this room.
 *
 * Everything is read from weir's own views, so that a report shows nobody what he may not see.
 */
#ifndef WEIR_REPORT_H
#define WEIR_REPORT_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct Report
{
	StringInfo	out;
	const char *monitor;		/* NULL on pages that are about something else */
	const char *model;			/* NULL but on a model's page */
	const char *version;		/* an SQL literal, or NULL as SQL has it */
	/* SQL literals, or NULL as SQL has it */
	const char *since;
	const char *until;
	const char *last_start;
	const char *last_end;
	/* how the last window is written; NULL without windows */
	const char *last_name;
	bool		last_is_final;
} Report;

/*
 * Inside SPI: finds the range and the last window (the last final one; before there is one, the last).  Without since the range is
 * the last n_windows.  Raises 42704 or 42501 as weir.windows does.
 */
extern void report_begin(Report *report, const char *monitor, const char *since, const char *until, int n_windows);

/* Whether a character of so many bytes is a control character: of C0, of C1, or one that turns the direction of the text after it.
 */
extern bool report_is_control(const char *text, int length);

/*
 * The text of a query with its names filled in: @monitor; @range and @last, the arguments of a function of readings; @window, where
 * the last window starts; @model and @version.
 */
extern char *report_sql(const Report *report, const char *pattern);

/* Runs such a text; returns the number of rows, which stand where sql_text and sql_value look. */
extern uint64 report_run(const char *sql);

/* Column (1-based) of row (0-based) as a number; NaN for NULL. The column is a float8. */
extern double report_number(uint64 row, int column);

/* What should be done, one sentence per line of the result, worst first; never without a row: severity (alert, warning, ok), text.
 */
extern const char *const report_advice;

#endif
