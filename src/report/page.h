/*
 * page.h
 *		Pieces of an HTML page: text, marks of a verdict, tables of queries, charts; internal to this room.
 *
 * Whatever comes from the database goes through html_text.
 */
#ifndef WEIR_PAGE_H
#define WEIR_PAGE_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* Appends text with &, <, >, " and ' as entities, and control characters as U+FFFD or ?; NULL is nothing. */
extern void html_text(StringInfo out, const char *text);

/* A number as people read it, four digits; nothing for NaN. */
extern void html_number(StringInfo out, double value);

/* A verdict, severity or state with its sign and colour; nothing for NULL. */
extern void html_verdict(StringInfo out, const char *verdict);

/* Everything up to the first section; title is not escaped yet. */
extern void html_begin(StringInfo out, const char *title);
extern void html_end(StringInfo out);

/* The query behind a figure, to be opened. */
extern void html_query(StringInfo out, const char *sql);

/*
 * The last result of SPI as a table with this caption, which can be sorted.  Numbers stand right, with their exact value in
 * data-value; columns called verdict, severity and state are marked; value, low, high and threshold beside each other get an
 * interval drawn, in a column more.
 */
extern void html_table(StringInfo out, const char *caption);

typedef struct Point
{
	double		x;				/* in [0, 1] */
	double		value;			/* NaN: none */
	char		verdict;		/* a(lert), w(arning) or anything else */
} Point;

/*
 * The course of a score with its threshold (NaN: none) and, dashed, an estimate (n_estimates may be 0). The axis begins at 0, or at
 * the smallest value.
 */
extern void chart_course(StringInfo out, const char *label, const Point *points, int n, double threshold, const Point *estimates,
						 int n_estimates, bool from_zero);

/* Two distributions over the same bins: bars for the current, a stepped line for the baseline. */
extern void chart_distributions(StringInfo out, const char *label, const double *baseline, const double *current, int n);

/* A value with its interval and threshold on an axis from smallest to largest. */
extern void
chart_interval(StringInfo out, double value, double low, double high, double threshold, double smallest, double largest);

#endif
