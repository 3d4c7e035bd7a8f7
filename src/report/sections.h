/*
 * sections.h
 *		Parts of pages that several have, and what they are made with; internal to this room.
 */
#ifndef WEIR_SECTIONS_H
#define WEIR_SECTIONS_H

#include "postgres.h"

#include "report/page.h"
#include "report/report.h"

/* Where a window lies in the range, 0 to 1. */
#define REPORT_PLACES \
	"w AS MATERIALIZED (SELECT window_start, " \
	"coalesce(extract(epoch FROM window_start - min(window_start) OVER ())::float8 " \
	"/ nullif(extract(epoch FROM max(window_start) OVER () - min(window_start) OVER ())::float8, 0), 1) AS place " \
	"FROM weir.windows(@range) WHERE segment IS NULL) "

/* Places in [0, 1], values and first letters of verdicts, of three columns beginning with this one, and names, of another. */
extern Point *report_points(uint64 row, int column, int names_column, int *n);

/* A table of metrics over the windows: those of which column is_shown says t first, the others to be opened. */
typedef struct CoursesText
{
	const char *label;
	const char *caption;
	const char *rest_label;
	const char *rest_summary;
	const char *columns;		/* the cells of the head */
} CoursesText;
extern void
section_courses(StringInfo out, uint64 n, int is_shown, const CoursesText *text, void (*add_row)(StringInfo out, uint64 row));

/* The same courses as numbers, to be opened: a row per window, a column per course. What a chart shows is told without it, too. */
typedef struct Course
{
	const char *name;
	const Point *points;		/* by x */
	int			n;
} Course;
/* is_exact: the exact numbers are in data-value, as elsewhere; not where there are too many of them. */
extern void section_courses_table(StringInfo out, const char *caption, const Course *courses, int n, bool is_exact);

/* What to do, in column 2 of the n rows read last: ends the head of the page. */
extern void section_advice(StringInfo out, uint64 n);

/* A table of a query with the query behind it, or that there is nothing to show. */
extern void section_table(Report *report, const char *caption, const char *pattern, const char *nothing);

/* The same as a section of its own. */
extern void
section_query(Report *report, const char *id, const char *title, const char *caption, const char *pattern, const char *nothing);

/* The verdicts of primary drift scores, by window and column. */
typedef struct DriftReading
{
	double		window_start;	/* seconds since 1970 */
	char		verdict;		/* a(lert), w(arning), or anything else */
	const char *column_name;
} DriftReading;

typedef struct DriftReadings
{
	int			n;
	DriftReading *readings;
} DriftReadings;

/* Of the report's monitor, in its range; section_columns has its own heading, and gives what it read. */
extern DriftReadings section_columns(Report *report);
extern void section_performance(Report *report);
extern void section_fairness(Report *report);

/*
 * Tables of what stands after FROM in rows, with the columns protected, metric, group_name, reference_group, value, low, high,
 * threshold, n, verdict, status, is_primary: what concerns all groups, rates of groups, differences from and ratios to the
 * reference group.
 */
extern void section_fairness_rows(Report *report, const char *rows);

#endif
