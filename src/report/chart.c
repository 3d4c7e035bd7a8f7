/*
 * chart.c
 *		Charts as inline SVG, in the colours of the page.
 */
#include "postgres.h"

#include <math.h>

#include "report/page.h"

#define COURSE_WIDTH 190
#define COURSE_HEIGHT 44
#define COURSE_LABEL 58 /* room for the last value, right of the line */
#define BINS_WIDTH 160
#define BINS_HEIGHT 44
#define INTERVAL_WIDTH 140

static void
begin_chart(StringInfo out, int width, int height, const char *label)
{
	appendStringInfo(out,
					 "<svg role=\"img\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
					 "aria-label=\"",
					 width, height, width, height);
	html_text(out, label);
	appendStringInfoString(out, "\">");
}

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

static void
append_line(StringInfo out, const char *class, const Point *points, int n, double smallest, double largest)
{
	bool		is_down = false;

	appendStringInfo(out, "<path class=\"%s\" d=\"", class);
	for (int i = 0; i < n; i++)
	{
		if (isfinite(points[i].value))
			appendStringInfo(out, "%c%.1f %.1f", is_down ? 'L' : 'M', 3 + points[i].x * (COURSE_WIDTH - 6),
							 height_of(points[i].value, smallest, largest));
		is_down = isfinite(points[i].value);
	}
	appendStringInfoString(out, "\"/>");
}

void
chart_course(StringInfo out, const char *label, const Point *points, int n, double threshold, const Point *estimates,
			 int n_estimates, bool from_zero)
{
	double		smallest = from_zero ? 0 : INFINITY;
	double		largest = -INFINITY;
	double		last = NAN;

	widen(&smallest, &largest, threshold);
	for (int i = 0; i < n; i++)
		widen(&smallest, &largest, points[i].value);
	for (int i = 0; i < n_estimates; i++)
		widen(&smallest, &largest, estimates[i].value);
	begin_chart(out, COURSE_WIDTH + COURSE_LABEL, COURSE_HEIGHT, label);
	appendStringInfo(out,
					 "<line class=\"axis\" x1=\"0\" x2=\"%d\" y1=\"%d\" "
					 "y2=\"%d\"/>",
					 COURSE_WIDTH, COURSE_HEIGHT - 1, COURSE_HEIGHT - 1);
	if (isfinite(threshold))
		appendStringInfo(out,
						 "<line class=\"threshold\" x1=\"0\" x2=\"%d\" y1=\"%.1f\" "
						 "y2=\"%.1f\"/>",
						 COURSE_WIDTH, height_of(threshold, smallest, largest), height_of(threshold, smallest, largest));
	append_line(out, "estimate", estimates, n_estimates, smallest, largest);
	append_line(out, "course", points, n, smallest, largest);
	for (int i = 0; i < n; i++)
	{
		bool		is_marked = points[i].verdict == 'a' || points[i].verdict == 'w';

		if (!isfinite(points[i].value))
			continue;
		last = points[i].value;
		if (is_marked)
			appendStringInfo(out,
							 "<circle class=\"f-%s\" r=\"2\" cx=\"%.1f\" "
							 "cy=\"%.1f\"/>",
							 points[i].verdict == 'a' ? "alert" : "warning", 3 + points[i].x * (COURSE_WIDTH - 6),
							 height_of(points[i].value, smallest, largest));
	}
	if (isfinite(last))
		appendStringInfo(out, "<text x=\"%d\" y=\"%.1f\">%.2g</text>", COURSE_WIDTH + 4,
						 fmax(10, height_of(last, smallest, largest) + 3), last);
	appendStringInfoString(out, "</svg>");
}

void
chart_distributions(StringInfo out, const char *label, const double *baseline, const double *current, int n)
{
	double		largest = 0;
	double		width = (double) BINS_WIDTH / n;

	for (int i = 0; i < n; i++)
		largest = fmax(largest, fmax(baseline[i], current[i]));
	if (largest <= 0)
		largest = 1;
	begin_chart(out, BINS_WIDTH, BINS_HEIGHT + 1, label);
	for (int i = 0; i < n; i++)
		appendStringInfo(out,
						 "<rect class=\"now\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
						 "height=\"%.1f\"/>",
						 i * width + 0.5, BINS_HEIGHT * (1 - fmax(0, current[i]) / largest), width - 1,
						 BINS_HEIGHT * fmax(0, current[i]) / largest);
	appendStringInfoString(out, "<path class=\"then\" d=\"");
	for (int i = 0; i < n; i++)
	{
		double		y = BINS_HEIGHT * (1 - fmax(0, baseline[i]) / largest) + (baseline[i] >= largest ? 1 : 0);

		appendStringInfo(out, "%c%.1f %.1fH%.1f", i ? 'L' : 'M', i * width, y, (i + 1) * width);
	}
	appendStringInfo(out,
					 "\"/><line class=\"axis\" x1=\"0\" x2=\"%d\" y1=\"%d\" "
					 "y2=\"%d\"/></svg>",
					 BINS_WIDTH, BINS_HEIGHT, BINS_HEIGHT);
}

void
chart_interval(StringInfo out, double value, double low, double high, double threshold, double smallest, double largest)
{
	double		scale = (INTERVAL_WIDTH - 10) / (largest - smallest);

#define PLACE(v) (5 + ((v) -smallest) * scale)
	if (!isfinite(value) || !isfinite(scale) || scale <= 0)
		return;
	appendStringInfo(out,
					 "<svg aria-hidden=\"true\" width=\"%d\" height=\"18\" viewBox=\"0 0 %d 18\"><line class=\"axis\" x1=\"5\" "
					 "x2=\"%d\" y1=\"9\" y2=\"9\"/>",
					 INTERVAL_WIDTH, INTERVAL_WIDTH, INTERVAL_WIDTH - 5);
	if (isfinite(low) && isfinite(high))
		appendStringInfo(out, "<line class=\"range\" x1=\"%.1f\" x2=\"%.1f\" y1=\"9\" y2=\"9\"/>", PLACE(low), PLACE(high));
	if (isfinite(threshold))
		appendStringInfo(out,
						 "<line class=\"threshold\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" "
						 "y2=\"18\"/>",
						 PLACE(threshold), PLACE(threshold));
	appendStringInfo(out, "<circle class=\"f-ok\" r=\"4\" cx=\"%.1f\" cy=\"9\"/></svg>", PLACE(value));
#undef PLACE
}
