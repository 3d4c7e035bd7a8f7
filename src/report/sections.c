/*
 * sections.c
 *		What sections of pages are made with.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "report/sections.h"

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
section_table(Report *report, const char *caption, const char *pattern, const char *nothing)
{
	char	   *sql = report_sql(report, pattern);

	if (report_run(sql) > 0)
		html_table(report->out, caption);
	else
		appendStringInfo(report->out, "<p>%s</p>\n", nothing);
	html_query(report->out, sql);
}

void
section_query(Report *report, const char *id, const char *title, const char *caption, const char *pattern, const char *nothing)
{
	html_begin_section(report->out, id, title);
	section_table(report, caption, pattern, nothing);
	html_end_section(report->out);
}
