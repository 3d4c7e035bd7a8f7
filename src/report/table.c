/*
 * table.c
 *		Results of queries as tables of a page.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "report/page.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"

/* Texts up to so many bytes are not broken: times and names. Longer ones get more room. */
#define UNBROKEN 20
#define LONG 60

static bool
is_number(Oid type)
{
	return type == FLOAT8OID || type == INT8OID || type == INT4OID;
}

/* 0-based number of the column, or -1 */
static int
column_called(const char *name)
{
	int			number = SPI_fnumber(SPI_tuptable->tupdesc, name);

	return number > 0 ? number - 1 : -1;
}

static double
number_at(uint64 row, int column)
{
	bool		is_null;
	Datum		value;

	if (column < 0)
		return NAN;
	value = sql_value(row, column + 1, &is_null);
	return is_null ? NAN : DatumGetFloat8(value);
}

double *
numbers_at(uint64 row, int column, int *n)
{
	bool		is_null;
	Datum		array = sql_value(row, column, &is_null);
	Datum	   *elements;
	bool	   *nulls;
	double	   *values;

	*n = 0;
	if (is_null)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(array), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, n);
	values = palloc(mul_size(sizeof(double), (Size) Max(*n, 1)));
	for (int i = 0; i < *n; i++)
		values[i] = nulls[i] ? NAN : DatumGetFloat8(elements[i]);
	return values;
}

char **
texts_at(uint64 row, int column, int *n)
{
	bool		is_null;
	Datum		array = sql_value(row, column, &is_null);
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	*n = 0;
	if (is_null)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, n);
	texts = palloc(mul_size(sizeof(char *), (Size) Max(*n, 1)));
	for (int i = 0; i < *n; i++)
		texts[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]);
	return texts;
}

/* ---- cells ---- */

static void
add_number_cell(StringInfo out, double value, void (*add_number)(StringInfo out, double value))
{
	if (isnan(value))
	{
		appendStringInfoString(out, "<td class=\"n\"></td>");
		return;
	}
	appendStringInfo(out, "<td class=\"n\" data-value=\"%s\">", float8out_internal(value));
	add_number(out, value);
	appendStringInfoString(out, "</td>");
}

void
html_value_cell(StringInfo out, double value)
{
	add_number_cell(out, value, html_number);
}

void
html_p_value_cell(StringInfo out, double value)
{
	add_number_cell(out, value, html_p_value);
}

void
html_share_cell(StringInfo out, double value)
{
	add_number_cell(out, value, html_share);
}

void
html_number_cell(StringInfo out, uint64 row, int column)
{
	html_value_cell(out, number_at(row, column - 1));
}

void
html_text_cell(StringInfo out, const char *text)
{
	Size		length = text ? strlen(text) : 0;

	appendStringInfoString(out,
						   length == 0              ? "<td>"
							   : length <= UNBROKEN ? "<td class=\"t\">"
							   : length <= LONG     ? "<td class=\"m\">"
													: "<td class=\"l\">");
	html_text(out, text);
	appendStringInfoString(out, "</td>");
}

void
html_verdict_cell(StringInfo out, const char *verdict, const char *status)
{
	appendStringInfoString(out, "<td>");
	if (verdict)
		html_verdict(out, verdict);
	else
		html_text(out, status);
	appendStringInfoString(out, "</td>");
}

/* status: what stands where there is no verdict; may be NULL */
static void
add_cell(StringInfo out, uint64 row, int column, const char *status)
{
	Form_pg_attribute attribute = TupleDescAttr(SPI_tuptable->tupdesc, column);
	const char *name = NameStr(attribute->attname);
	char	   *text = sql_text(row, column + 1);

	if (attribute->atttypid == FLOAT8OID)
		add_number_cell(out, number_at(row, column),
						strcmp(name, "p_value") == 0 || strcmp(name, "p_adjusted") == 0 ? html_p_value : html_number);
	else if (attribute->atttypid == BOOLOID)
		html_text_cell(out, text == NULL ? NULL : *text == 't' ? "yes" : "no");
	else if (is_number(attribute->atttypid))
	{
		appendStringInfoString(out, "<td class=\"n\"");
		if (text)
			appendStringInfo(out, " data-value=\"%s\">%s</td>", text, text);
		else
			appendStringInfoString(out, "></td>");
	}
	else if (strcmp(name, "verdict") == 0)
		html_verdict_cell(out, text, status);
	else if (strcmp(name, "severity") == 0 || strcmp(name, "state") == 0)
		html_verdict_cell(out, text, NULL);
	else
		html_text_cell(out, text);
}

/* ---- tables ---- */

void
html_begin_table(StringInfo out, const char *label, const char *caption, const char *head)
{
	appendStringInfoString(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"");
	html_text(out, label);
	appendStringInfoString(out, "\"><table class=\"s\"><caption><span>");
	html_text(out, caption);
	appendStringInfo(out, "</span></caption><thead><tr>%s</tr></thead><tbody>\n", head);
}

void
html_end_table(StringInfo out)
{
	appendStringInfoString(out, "</tbody></table></div>\n");
}

typedef struct IntervalColumns
{
	int			value;
	int			low;
	int			high;
	int			threshold;
	int			verdict;
} IntervalColumns;

/* The next number that is round: 1, 1.5, 2, 3, 5 times a power of ten. */
static double
round_up(double value)
{
	static const double round[] = {1, 1.5, 2, 3, 5, 10};
	double		scale = pow(10, floor(log10(value)));
	int			i = 0;

	while (i < lengthof(round) - 1 && round[i] * scale < value * (1 - 1e-9))
		i++;
	return round[i] * scale;
}

/* The axis of a row, or of all rows from this one on. */
static AxisEnds
axis_ends(Axis axis, const IntervalColumns *columns, uint64 first, uint64 n)
{
	double		smallest = 0;
	double		largest = axis == AXIS_RATIO ? 1.5 : axis == AXIS_DIFFERENCE ? 0.05 : 1;
	const int	numbers[] = {columns->value, columns->low, columns->high, columns->threshold};

	if (axis == AXIS_RATE)
		return (AxisEnds){axis, 0, 1};
	for (uint64 row = first; row < first + n; row++)
		for (int i = 0; i < lengthof(numbers); i++)
		{
			double		number = number_at(row, numbers[i]);

			if (!isfinite(number))
				continue;
			smallest = fmin(smallest, number);
			largest = fmax(largest, axis == AXIS_DIFFERENCE ? fabs(number) : number);
		}
	/* ratios of nearly nothing would hide all others */
	if (axis == AXIS_RATIO)
		return (AxisEnds){axis, 0, fmin(round_up(largest), 3)};
	if (axis == AXIS_DIFFERENCE)
		return (AxisEnds){axis, -round_up(largest), round_up(largest)};
	return (AxisEnds){axis, smallest, largest};
}

static bool
has_value(int column)
{
	bool		is_null = true;

	for (uint64 row = 0; row < SPI_processed && is_null; row++)
		(void) sql_value(row, column + 1, &is_null);
	return !is_null;
}

/* Whether a verdict, or that it is ok, says all that the status says. */
static bool
is_told_by_verdict(int status, int verdict)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		char	   *text = sql_text(row, status + 1);

		if (text != NULL && strcmp(text, "ok") != 0 && (verdict < 0 || sql_text(row, verdict + 1) != NULL))
			return false;
	}
	return true;
}

/* Which columns are worth their place. */
static bool *
choose_columns(TupleDesc shape, int status, int verdict)
{
	bool	   *is_shown = palloc(mul_size(sizeof(bool), (Size) shape->natts));

	for (int i = 0; i < shape->natts; i++)
		is_shown[i] = SPI_processed == 0 || has_value(i) || i == verdict;
	if (status >= 0 && is_told_by_verdict(status, verdict))
		is_shown[status] = false;
	return is_shown;
}

void
html_table_on_axis(StringInfo out, const char *caption, Axis axis)
{
	TupleDesc	shape = SPI_tuptable->tupdesc;
	uint64		n = SPI_processed;
	IntervalColumns columns = {column_called("value"), column_called("low"), column_called("high"), column_called("threshold"),
							   column_called("verdict")};
	bool		has_interval = columns.value >= 0 && columns.low >= 0 && columns.high >= 0;
	int			status = column_called("status");
	bool	   *is_shown = choose_columns(shape, status, columns.verdict);
	bool		is_folded = status >= 0 && !is_shown[status];
	AxisEnds	common = {axis};
	StringInfoData head;

	initStringInfo(&head);
	for (int i = 0; i < shape->natts; i++)
	{
		if (!is_shown[i])
			continue;
		appendStringInfo(&head, "<th scope=\"col\"%s>", is_number(TupleDescAttr(shape, i)->atttypid) ? " class=\"n\"" : "");
		html_text(&head, NameStr(TupleDescAttr(shape, i)->attname));
		appendStringInfoString(&head, "</th>");
	}
	if (has_interval)
	{
		appendStringInfoString(&head,
							   columns.threshold >= 0 ? "<th><span>interval, threshold</span>" : "<th><span>interval</span>");
		if (axis != AXIS_EACH)
		{
			common = axis_ends(axis, &columns, 0, n);
			chart_interval_axis(&head, common);
		}
		appendStringInfoString(&head, "</th>");
	}
	html_begin_table(out, caption, caption, head.data);
	for (uint64 row = 0; row < n; row++)
	{
		appendStringInfoString(out, "<tr>");
		for (int i = 0; i < shape->natts; i++)
			if (is_shown[i])
				add_cell(out, row, i, is_folded ? sql_text(row, status + 1) : NULL);
		if (has_interval)
		{
			appendStringInfoString(out, "<td>");
			chart_interval(out, number_at(row, columns.value), number_at(row, columns.low), number_at(row, columns.high),
						   number_at(row, columns.threshold), axis == AXIS_EACH ? axis_ends(axis, &columns, row, 1) : common,
						   columns.verdict >= 0 ? sql_text(row, columns.verdict + 1) : NULL);
			appendStringInfoString(out, "</td>");
		}
		appendStringInfoString(out, "</tr>\n");
		CHECK_FOR_INTERRUPTS();
	}
	html_end_table(out);
}

void
html_table(StringInfo out, const char *caption)
{
	html_table_on_axis(out, caption, AXIS_EACH);
}
