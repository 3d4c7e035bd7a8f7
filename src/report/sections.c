/*
 * sections.c
 *		What sections of pages are made with.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "miscadmin.h"
#include "report/sections.h"
#include "utils/float.h"

Point *
report_points(uint64 row, int column, int names_column, int *n)
{
	int			n_values;
	int			n_names;
	double	   *places = numbers_at(row, column, n);
	double	   *values = numbers_at(row, column + 1, &n_values);
	char	   *verdicts = sql_text(row, column + 2);
	char	  **names = texts_at(row, names_column, &n_names);
	int			n_verdicts = verdicts ? (int) strlen(verdicts) : 0;
	Point	   *points = palloc0(mul_size(sizeof(Point), (Size) Max(*n, 1)));

	for (int i = 0; i < *n; i++)
		points[i] = (Point){
			.x = places[i],
			.value = i < n_values ? values[i] : NAN,
			.verdict = i < n_verdicts ? verdicts[i] : '-',
			.name = i < n_names ? names[i] : NULL,
		};
	return points;
}

void
section_courses(StringInfo out, uint64 n, int is_shown, const CoursesText *text, void (*add_row)(StringInfo out, uint64 row))
{
	uint64		n_shown = 0;

	while (n_shown < n && strcmp(sql_text(n_shown, is_shown), "t") == 0)
		n_shown++;
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_rest = i == n_shown && i > 0;

		if (is_rest)
		{
			html_end_table(out);
			appendStringInfo(out, "<details><summary>%s</summary>", text->rest_summary);
		}
		if (i == 0 || is_rest)
			html_begin_table(out, is_rest ? text->rest_label : text->label,
							 is_rest ? "Metrics that are neither the primary one nor beyond their threshold" : text->caption,
							 text->columns);
		add_row(out, i);
	}
	if (n > 0)
		html_end_table(out);
	if (n_shown > 0 && n_shown < n)
		appendStringInfoString(out, "</details>\n");
}

/* The value at x, and on to the next point; its window's name, where it has one. */
static const char *
add_course_cell(StringInfo out, const Course *course, int *next, double x, bool is_exact)
{
	const Point *point = &course->points[*next];

	if (*next >= course->n || point->x > x)
	{
		appendStringInfoString(out, "<td>");
		return NULL;
	}
	(*next)++;
	if (is_exact && !isnan(point->value))
		appendStringInfo(out, "<td data-value=\"%s\">", float8out_internal(point->value));
	else
		appendStringInfoString(out, "<td>");
	html_number(out, point->value);
	if (point->verdict == 'a' || point->verdict == 'w')
		appendStringInfoString(out, point->verdict == 'a' ? " alert" : " warning");
	return point->name;
}

/* Without the ends of tags, which HTML lets out: there can be tens of thousands of cells. */
void
section_courses_table(StringInfo out, const char *caption, const Course *courses, int n, bool is_exact)
{
	int		   *next = palloc0(mul_size(sizeof(int), (Size) Max(n, 1)));
	StringInfoData cells;

	if (n == 0)
		return;
	appendStringInfoString(out,
						   "<details><summary>The courses as a table</summary><div class=\"wide\" tabindex=\"0\" role=\"region\" "
						   "aria-label=\"");
	html_text(out, caption);
	appendStringInfoString(out, "\"><table class=\"courses\"><caption><span>");
	html_text(out, caption);
	appendStringInfoString(out, "</span></caption><thead><tr><th scope=\"col\">window");
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(out, "<th scope=\"col\">");
		html_name(out, courses[i].name);
	}
	appendStringInfoString(out, "<tbody>\n");
	initStringInfo(&cells);
	for (;;)
	{
		double		x = INFINITY;
		const char *window = NULL;

		for (int i = 0; i < n; i++)
			if (next[i] < courses[i].n)
				x = fmin(x, courses[i].points[next[i]].x);
		if (isinf(x))
			break;
		resetStringInfo(&cells);
		for (int i = 0; i < n; i++)
		{
			const char *name = add_course_cell(&cells, &courses[i], &next[i], x, is_exact);

			window = name ? name : window;
		}
		appendStringInfoString(out, "<tr><th scope=\"row\">");
		html_text(out, window);
		appendBinaryStringInfo(out, cells.data, cells.len);
		appendStringInfoChar(out, '\n');
		CHECK_FOR_INTERRUPTS();
	}
	appendStringInfoString(out, "</table></div></details>\n");
	pfree(cells.data);
}

void
section_advice(StringInfo out, uint64 n)
{
	appendStringInfoString(out, "</p><ul>");
	for (uint64 i = 0; i < n; i++)
	{
		appendStringInfoString(out, "<li>");
		html_text(out, sql_text(i, 2));
		appendStringInfoString(out, "</li>");
	}
	appendStringInfoString(out, "</ul></div></header>\n");
}

void
section_table(Report *report, const char *caption, const char *pattern, const char *nothing)
{
	char	   *sql = report_sql(report, pattern);

	if (report_run(sql) > 0)
		html_table(report->out, caption);
	else
		appendStringInfo(report->out, "<p>%s</p>\n", nothing);
	html_query(report->out, "it", sql);
}

void
section_query(Report *report, const char *id, const char *title, const char *caption, const char *pattern, const char *nothing)
{
	html_begin_section(report->out, id, title);
	section_table(report, caption, pattern, nothing);
	html_end_section(report->out);
}
