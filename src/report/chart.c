/*
 * chart.c
 *		Charts as inline SVG, in the colours of the page. What the pointer is told stands in data-tips.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "mb/pg_wchar.h"
#include "report/page.h"

#define COURSE_WIDTH 190
#define COURSE_HEIGHT 44
#define COURSE_LABEL 54 /* room for the last value, right of the line */
#define BINS_WIDTH 200
#define BINS_HEIGHT 44
#define BINS_LABEL 15 /* below: where the axis begins and ends */
#define CATEGORY_NAME 100
#define CATEGORY_BAR 80
#define CATEGORY_SHARE 36
#define CATEGORY_ROW 15
#define CATEGORY_LETTERS 12
#define INTERVAL_WIDTH 220

static void
begin_chart(StringInfo out, int width, int height, const char *label)
{
	appendStringInfo(out,
					 "<svg role=\"img\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
					 "aria-label=\"",
					 width, height, width, height);
	html_text(out, label);
	appendStringInfoChar(out, '"');
}

/* Between begin_chart and the end of the tag: a line of data-tips. */
static void
add_tip(StringInfo out, bool is_first, double at, const char *text)
{
	appendStringInfo(out, "%s%.1f ", is_first ? " data-tips=\"" : "\n", at);
	for (; text && *text;)
	{
		int			length = strcspn(text, "\n");
		char	   *line = pnstrdup(text, length);

		html_text(out, line);
		pfree(line);
		text += length;
		if (*text)
		{
			appendStringInfoChar(out, ' ');
			text++;
		}
	}
}

/* ---- courses ---- */

/* A value on a vertical axis that ends at largest, finite */
static double
height_of(double value, double smallest, double largest)
{
	double		share = largest > smallest ? (value / 2 - smallest / 2) / (largest / 2 - smallest / 2) : 0;

	return COURSE_HEIGHT - 3 - fmin(1, fmax(0, share)) * (COURSE_HEIGHT - 6);
}

static void
widen(double *smallest, double *largest, double value)
{
	if (!isfinite(value))
		return;
	*smallest = fmin(*smallest, value);
	*largest = fmax(*largest, value);
}

static bool
is_judged(const Point *point)
{
	return isfinite(point->value) && (point->verdict == 'a' || point->verdict == 'w' || point->verdict == 'o');
}

static double
place_of(const Point *point)
{
	return 3 + point->x * (COURSE_WIDTH - 6);
}

static void
append_line(StringInfo out, const char *class, const Point *points, int n, double smallest, double largest, bool only_judged)
{
	bool		is_down = false;

	appendStringInfo(out, "<path class=\"%s\" d=\"", class);
	for (int i = 0; i < n; i++)
	{
		bool		is_point = only_judged ? is_judged(&points[i]) : isfinite(points[i].value);

		if (is_point)
			appendStringInfo(out, "%c%.1f %.1f", is_down ? 'L' : 'M', place_of(&points[i]),
							 height_of(points[i].value, smallest, largest));
		is_down = is_point;
	}
	appendStringInfoString(out, "\"/>");
}

static void
add_course_tips(StringInfo out, const Point *points, int n, const char *what)
{
	bool		is_first = true;

	for (int i = 0; i < n; i++)
	{
		if (points[i].name == NULL || isnan(points[i].value))
			continue;
		add_tip(out, is_first, place_of(&points[i]),
				psprintf("%s: %s%.4g%s", points[i].name, what, points[i].value,
						 points[i].verdict == 'a'       ? ", alert"
							 : points[i].verdict == 'w' ? ", warning"
							 : points[i].verdict == 'o' ? ", ok"
														: ""));
		is_first = false;
	}
	if (!is_first)
		appendStringInfoChar(out, '"');
}

void
chart_course(StringInfo out, const char *label, const Point *points, int n, double threshold, const Point *estimates,
			 int n_estimates, double shown, bool from_zero)
{
	double		smallest = from_zero ? 0 : INFINITY;
	double		largest = -INFINITY;
	double		last = NAN;
	int			n_judged = 0;

	for (int i = 0; i < n; i++)
		n_judged += is_judged(&points[i]);
	widen(&smallest, &largest, threshold);
	for (int i = 0; i < n; i++)
		if (n_judged == 0 || is_judged(&points[i]))
		{
			widen(&smallest, &largest, points[i].value);
			last = isfinite(points[i].value) ? points[i].value : last;
		}
	for (int i = 0; i < n_estimates; i++)
		widen(&smallest, &largest, estimates[i].value);
	if (isnan(last))
		for (int i = 0; i < n_estimates; i++)
			last = isfinite(estimates[i].value) ? estimates[i].value : last;
	if (isfinite(shown))
		last = shown;
	begin_chart(out, COURSE_WIDTH + COURSE_LABEL, COURSE_HEIGHT, label);
	if (n > 0)
		add_course_tips(out, points, n, "");
	else
		add_course_tips(out, estimates, n_estimates, "estimated ");
	appendStringInfo(out,
					 "><line class=\"axis\" x1=\"0\" x2=\"%d\" y1=\"%d\" "
					 "y2=\"%d\"/>",
					 COURSE_WIDTH, COURSE_HEIGHT - 1, COURSE_HEIGHT - 1);
	if (isfinite(threshold))
		appendStringInfo(out,
						 "<line class=\"threshold\" x1=\"0\" x2=\"%d\" y1=\"%.1f\" "
						 "y2=\"%.1f\"/>",
						 COURSE_WIDTH, height_of(threshold, smallest, largest), height_of(threshold, smallest, largest));
	append_line(out, "estimate", estimates, n_estimates, smallest, largest, false);
	append_line(out, "course", points, n, smallest, largest, n_judged > 0);
	for (int i = 0; i < n; i++)
		if (isfinite(points[i].value) && (points[i].verdict == 'a' || points[i].verdict == 'w'))
			appendStringInfo(out,
							 "<circle class=\"f-%s\" r=\"2\" cx=\"%.1f\" "
							 "cy=\"%.1f\"/>",
							 points[i].verdict == 'a' ? "alert" : "warning", place_of(&points[i]),
							 height_of(points[i].value, smallest, largest));
	if (isfinite(last))
		appendStringInfo(out, "<text x=\"%d\" y=\"%.1f\">%.2g</text>", COURSE_WIDTH + 4,
						 fmax(10, height_of(last, smallest, largest) + 3), last);
	appendStringInfoString(out, "</svg>");
}

/* ---- distributions ---- */

void
shares_read(Shares *shares, uint64 row, int column)
{
	int			n_current;
	int			n_labels;
	bool		is_null;

	shares->baseline = numbers_at(row, column, &shares->n);
	shares->current = numbers_at(row, column + 1, &n_current);
	shares->labels = texts_at(row, column + 2, &n_labels);
	shares->is_category = DatumGetBool(sql_value(row, column + 3, &is_null)) && !is_null;
	shares->low = sql_text(row, column + 4);
	shares->high = sql_text(row, column + 5);
	if (n_current != shares->n || n_labels != shares->n)
		shares->n = 0;
}

static double
share_of(double share)
{
	return isfinite(share) ? fmin(1, fmax(0, share)) : 0;
}

static void
add_share_tips(StringInfo out, const Shares *shares, double first, double step)
{
	for (int i = 0; i < shares->n; i++)
		add_tip(out, i == 0, first + i * step,
				psprintf("%s: %.3g %%, baseline %.3g %%", shares->labels[i], 100 * share_of(shares->current[i]),
						 100 * share_of(shares->baseline[i])));
	appendStringInfoChar(out, '"');
}

static void
chart_bins(StringInfo out, const char *label, const Shares *shares, double largest)
{
	int			n = shares->n;
	double		width = (double) BINS_WIDTH / n;

	begin_chart(out, BINS_WIDTH, BINS_HEIGHT + BINS_LABEL, label);
	add_share_tips(out, shares, width / 2, width);
	appendStringInfoChar(out, '>');
	for (int i = 0; i < n; i++)
		appendStringInfo(out,
						 "<rect class=\"now\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
						 "height=\"%.1f\"/>",
						 i * width + 0.5, BINS_HEIGHT * (1 - share_of(shares->current[i]) / largest), width - 1,
						 BINS_HEIGHT * share_of(shares->current[i]) / largest);
	appendStringInfoString(out, "<path class=\"then\" d=\"");
	for (int i = 0; i < n; i++)
	{
		double		y = fmax(1, BINS_HEIGHT * (1 - share_of(shares->baseline[i]) / largest));

		appendStringInfo(out, "%c%.1f %.1fH%.1f", i ? 'L' : 'M', i * width, y, (i + 1) * width);
	}
	appendStringInfo(out,
					 "\"/><line class=\"axis\" x1=\"0\" x2=\"%d\" y1=\"%d\" "
					 "y2=\"%d\"/><text x=\"0\" y=\"%d\">",
					 BINS_WIDTH, BINS_HEIGHT, BINS_HEIGHT, BINS_HEIGHT + 12);
	html_text(out, shares->low);
	appendStringInfo(out, "</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">", BINS_WIDTH, BINS_HEIGHT + 12);
	html_text(out, shares->high);
	appendStringInfoString(out, "</text></svg>");
}

/* As much of a name as there is room for. */
static void
add_short_name(StringInfo out, const char *name)
{
	int			used = 0;
	const char *at = name;

	while (*at)
	{
		int			places = Max(0, pg_encoding_dsplen(GetDatabaseEncoding(), at));

		if (used + places > CATEGORY_LETTERS)
		{
			html_text(out, pnstrdup(name, at - name));
			appendStringInfoString(out, "&#8230;");
			return;
		}
		used += places;
		at += pg_mblen(at);
	}
	html_text(out, *name ? name : "(empty)");
}

static void
chart_categories(StringInfo out, const char *label, const Shares *shares, double largest)
{
	begin_chart(out, CATEGORY_NAME + CATEGORY_BAR + CATEGORY_SHARE, shares->n * CATEGORY_ROW, label);
	add_share_tips(out, shares, CATEGORY_ROW / 2.0, CATEGORY_ROW);
	appendStringInfoString(out, " data-down=\"\">");
	for (int i = 0; i < shares->n; i++)
	{
		double		bar = CATEGORY_BAR * share_of(shares->current[i]) / largest;
		double		then = CATEGORY_NAME + CATEGORY_BAR * share_of(shares->baseline[i]) / largest;
		int			top = i * CATEGORY_ROW;

		appendStringInfo(out, "<text x=\"0\" y=\"%d\">", top + 11);
		add_short_name(out, shares->labels[i]);
		appendStringInfo(out,
						 "</text><rect class=\"now\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/><path class=\"then\" "
						 "d=\"M%.1f %dV%d\"/><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.2g %%</text>",
						 CATEGORY_NAME, top + 3, bar, CATEGORY_ROW - 5, then, top + 1, top + CATEGORY_ROW - 1,
						 CATEGORY_NAME + CATEGORY_BAR + CATEGORY_SHARE, top + 11, 100 * share_of(shares->current[i]));
	}
	appendStringInfoString(out, "</svg>");
}

void
chart_shares(StringInfo out, const char *label, const Shares *shares)
{
	double		largest = 0;

	for (int i = 0; i < shares->n; i++)
		largest = fmax(largest, fmax(share_of(shares->baseline[i]), share_of(shares->current[i])));
	if (largest <= 0)
		largest = 1;
	if (shares->is_category)
		chart_categories(out, label, shares, largest);
	else
		chart_bins(out, label, shares, largest);
}

/* ---- intervals ---- */

/* Where a value stands on the axis, or at its end. */
static double
interval_place(double value, double smallest, double largest)
{
	return 5 + fmin(1, fmax(0, (value - smallest) / (largest - smallest))) * (INTERVAL_WIDTH - 10);
}

void
chart_interval_axis(StringInfo out, AxisEnds ends)
{
	/* none at all for differences and ratios */
	double		between = ends.axis == AXIS_RATIO ? 1 : ends.smallest + (ends.largest - ends.smallest) / 2;

	appendStringInfo(out,
					 "<svg aria-hidden=\"true\" width=\"%d\" height=\"16\" viewBox=\"0 0 %d 16\"><text x=\"2\" "
					 "y=\"12\">%.2g</text><text x=\"%.1f\" y=\"12\" text-anchor=\"middle\">%.2g</text><text x=\"%d\" y=\"12\" "
					 "text-anchor=\"end\">%.2g</text></svg>",
					 INTERVAL_WIDTH, INTERVAL_WIDTH, ends.smallest, interval_place(between, ends.smallest, ends.largest), between,
					 INTERVAL_WIDTH - 2, ends.largest);
}

static void
add_upright(StringInfo out, const char *class, double value, AxisEnds ends)
{
	if (isfinite(value) && value >= ends.smallest && value <= ends.largest)
		appendStringInfo(out, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"18\"/>", class,
						 interval_place(value, ends.smallest, ends.largest), interval_place(value, ends.smallest, ends.largest));
}

void
chart_interval(StringInfo out, double value, double low, double high, double threshold, AxisEnds ends, const char *verdict)
{
	const char *colour = "ok";

	if (verdict != NULL && (strcmp(verdict, "alert") == 0 || strcmp(verdict, "warning") == 0))
		colour = verdict;
	if (!isfinite(value) || !(ends.largest > ends.smallest) || !isfinite(ends.largest - ends.smallest))
		return;
	appendStringInfo(out,
					 "<svg aria-hidden=\"true\" width=\"%d\" height=\"18\" viewBox=\"0 0 %d 18\"><line class=\"axis\" x1=\"5\" "
					 "x2=\"%d\" y1=\"9\" y2=\"9\"/>",
					 INTERVAL_WIDTH, INTERVAL_WIDTH, INTERVAL_WIDTH - 5);
	add_upright(out, "threshold", threshold, ends);
	if (ends.axis == AXIS_DIFFERENCE)
	{
		add_upright(out, "axis", 0, ends);
		add_upright(out, "threshold", -threshold, ends);
	}
	else if (ends.axis == AXIS_RATIO)
	{
		add_upright(out, "axis", 1, ends);
		add_upright(out, "threshold", 1 / threshold, ends);
	}
	if (isfinite(low) && isfinite(high))
		appendStringInfo(out, "<line class=\"range s-%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"9\" y2=\"9\"/>", colour,
						 interval_place(low, ends.smallest, ends.largest), interval_place(high, ends.smallest, ends.largest));
	appendStringInfo(out, "<circle class=\"f-%s\" r=\"4\" cx=\"%.1f\" cy=\"9\"/></svg>", colour,
					 interval_place(value, ends.smallest, ends.largest));
}
