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

/*
 * Appends text with &, <, >, " and ' as entities, and control characters, those that turn the direction of text included, as
 * U+FFFD; NULL is nothing.
 */
extern void html_text(StringInfo out, const char *text);

/* A name, which may be broken after each underscore. */
extern void html_name(StringInfo out, const char *name);

/* A number as people read it, four digits; nothing for NaN. */
extern void html_number(StringInfo out, double value);

/* A p-value, and a share in percent. */
extern void html_p_value(StringInfo out, double value);
extern void html_share(StringInfo out, double value);

/* A verdict, severity or state with its sign and colour; nothing for NULL. */
extern void html_verdict(StringInfo out, const char *verdict);

/* Everything up to the first section; title is not escaped yet. */
extern void html_begin(StringInfo out, const char *title);
extern void html_end(StringInfo out);

extern void html_begin_section(StringInfo out, const char *id, const char *title);
extern void html_end_section(StringInfo out);

/* The query behind a figure (what: it, the distribution), to be opened. */
extern void html_query(StringInfo out, const char *what, const char *sql);

/* One line of a list of facts, between <dl> and </dl>; nothing for NULL. */
extern void html_fact(StringInfo out, const char *name, const char *value);

/* ---- tables ---- */

/*
 * The last result of SPI as a table with this caption, which can be sorted.  Numbers stand right, with their exact value in
 * data-value; columns called verdict, severity and state are marked; value, low, high and threshold beside each other get an
 * interval drawn, in a column more.  Columns without a single value are left out, and so is a status that says no more than the
 * verdict or that all is well.
 */
extern void html_table(StringInfo out, const char *caption);

/* What intervals are drawn on: an axis for each row, made for what stands there, or one for all rows. */
typedef enum Axis
{
	AXIS_EACH,
	AXIS_RATE,					/* 0 to 1 */
	AXIS_DIFFERENCE,			/* with 0 in its middle; thresholds on both sides */
	AXIS_RATIO					/* from 0; thresholds and their inverse on both sides of 1 */
} Axis;

extern void html_table_on_axis(StringInfo out, const char *caption, Axis axis);

/* What stands before and after the rows of a table that is made by hand; head is HTML. */
extern void html_begin_table(StringInfo out, const char *label, const char *caption, const char *head);
extern void html_end_table(StringInfo out);

/* A cell with the number in this column of the last result, or with a number. */
extern void html_number_cell(StringInfo out, uint64 row, int column);
extern void html_value_cell(StringInfo out, double value);
extern void html_p_value_cell(StringInfo out, double value);
extern void html_share_cell(StringInfo out, double value);
extern void html_text_cell(StringInfo out, const char *text);
/* the verdict, or where there is none the status */
extern void html_verdict_cell(StringInfo out, const char *verdict, const char *status);

/* ---- arrays of the last result ---- */

/* The float8[] in a column, NaN for NULL, and the text[]; none for NULL. */
extern double *numbers_at(uint64 row, int column, int *n);
extern char **texts_at(uint64 row, int column, int *n);

/* ---- charts ---- */

typedef struct Point
{
	double		x;				/* in [0, 1] */
	double		value;			/* NaN: none */
	char		verdict;		/* a(lert), w(arning), o(k) or anything else */
	const char *name;			/* what stands at x; may be NULL */
} Point;

/*
 * The course of a score with its threshold (NaN: none) and, dashed, an estimate (n_estimates may be 0). The axis begins at 0, or at
 * the smallest value.  Where some values were judged, the line is theirs alone.  What stands beside it is the value of the window
 * that the page is about (shown; NaN: the last that there is).
 */
extern void chart_course(StringInfo out, const char *label, const Point *points, int n, double threshold, const Point *estimates,
						 int n_estimates, double shown, bool from_zero);

/* Two distributions over the same bins or categories. */
typedef struct Shares
{
	int			n;
	double	   *baseline;
	double	   *current;
	char	  **labels;			/* of bins: what they reach from and to */
	bool		is_category;
	const char *low;			/* of bins: the ends of the axis, as text */
	const char *high;
} Shares;

/*
 * Reads arrays of baseline and current shares and of labels, whether they are categories, and the ends of the axis, from this
 * column of the row on; n is 0 where there is nothing.
 */
#define SHARES_COLUMNS 6
extern void shares_read(Shares *shares, uint64 row, int column);

/* Bars for the current, a line for the baseline; of categories one row each. */
extern void chart_shares(StringInfo out, const char *label, const Shares *shares);

/* The ends of an axis; the threshold is shown with its counterpart on differences and ratios. */
typedef struct AxisEnds
{
	Axis		axis;
	double		smallest;
	double		largest;
} AxisEnds;

/* A value with its interval and threshold (NaN: none). */
extern void
chart_interval(StringInfo out, double value, double low, double high, double threshold, AxisEnds ends, const char *verdict);

/* The axis above such charts. */
extern void chart_interval_axis(StringInfo out, AxisEnds ends);

#endif
