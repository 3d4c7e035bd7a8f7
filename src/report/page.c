/*
 * page.c
 *		Pieces of an HTML page: text, verdicts, tables.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "report/page.h"

/* One visual language: blue is fine or now, grey is then, amber is a warning, vermilion an alert; each with a sign of its own. */
static const char style[] =
	":root{--back:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--panel:#f6f8fa;--ok:#00558c;--warning:#8a5300;--alert:#b0330a;--bar:#8fc1e3}"
	"@media(prefers-color-scheme:dark){:root{--back:#0f1419;--ink:#e6edf3;--soft:#a2adb8;--line:#38424d;--panel:#182029;--ok:#79c0ff;--warning:#f0b040;--alert:#ff9068;--bar:#2f6690}}"
	"*{box-sizing:border-box}body{margin:0 auto;max-width:82rem;padding:1rem;background:var(--back);color:var(--ink);font:1rem/1.45 "
	"system-ui,sans-serif}"
	"h1{font-size:1.5rem;margin:.2rem 0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid "
	"var(--line)}p{margin:.3rem 0}"
	".soft,caption,summary,figcaption{color:var(--soft)}.head{border-left:.5rem solid var(--ok);background:var(--panel);padding:.7rem "
	"1rem;margin:1rem 0}"
	".head.alert{border-color:var(--alert)}.head.warning{border-color:var(--warning)}.head.unknown{border-color:var(--soft)}.head "
	"ul{margin:.3rem 0;padding-left:1.2rem;overflow-wrap:anywhere}"
	".wide{overflow-x:auto}.wide:focus-visible,summary:focus-visible,button:focus-visible,a:focus-visible{outline:2px solid "
	"var(--ok);outline-offset:2px}"
	"table{border-collapse:collapse;font-size:.9rem;min-width:40%}caption{text-align:left;padding:.2rem 0}caption "
	"span{display:block;max-width:min(70rem,calc(100vw - 3rem))}th,td{padding:.25rem .6rem;border-bottom:1px solid "
	"var(--line);text-align:left;vertical-align:middle}"
	"td,th[scope=row]{max-width:26rem;overflow-wrap:break-word}th[scope=row]{white-space:normal}"
	"th{white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
	"th button{all:unset;cursor:pointer}"
	"th[aria-sort=ascending] button::after{content:' \\25b4'}th[aria-sort=descending] button::after{content:' \\25be'}"
	".v{font-weight:600;white-space:nowrap}.v.ok{color:var(--ok)}.v.warning{color:var(--warning)}.v.alert{color:var(--alert)}"
	"pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--panel);padding:.6rem;font-size:.8rem}details{margin:.4rem "
	"0}summary{cursor:pointer;font-size:.9rem}"
	"svg{display:block;max-width:none}svg text{font:11px "
	"system-ui,sans-serif;fill:var(--soft)}.course{fill:none;stroke:var(--ok);stroke-width:1.5}.estimate{fill:none;stroke:var(--soft);stroke-dasharray:4 2;stroke-width:1.5}"
	".threshold{stroke:var(--alert);stroke-dasharray:2 "
	"2}.axis{stroke:var(--line)}.f-ok{fill:var(--ok)}.f-warning{fill:var(--warning)}.f-alert{fill:var(--alert)}.f-none{fill:var(--line)}"
	".now{fill:var(--bar)}.then{fill:none;stroke:var(--soft);stroke-width:1.5}.range{stroke:var(--ok);stroke-width:2}"
	"nav{display:flex;flex-wrap:wrap;gap:.2rem "
	"1rem;font-size:.9rem}a{color:var(--ok)}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem "
	"1rem;margin:0}dd{margin:0;overflow-wrap:anywhere}"
	"@media print{body{max-width:none;padding:0}nav,details:not([open]){display:none}.wide{overflow:visible}table{font-size:.7rem}tr,svg,.head{break-inside:avoid}h2{break-after:avoid}}";

/* Sorts a table by a column; without it the page reads the same. */
static const char script[] =
	"for(const h of document.querySelectorAll('table.s th[scope=col]')){const "
	"b=document.createElement('button');b.type='button';b.append(...h.childNodes);h.append(b);"
	"b.onclick=()=>{const t=h.closest('table'),i=h.cellIndex,d=h.ariaSort==='ascending'?-1:1,k=r=>{const "
	"c=r.cells[i],v=c.dataset.value;return v===undefined?c.textContent:+v};"
	"for(const x of h.parentNode.cells)x.removeAttribute('aria-sort');h.setAttribute('aria-sort',d>0?'ascending':'descending');"
	"t.tBodies[0].append(...[...t.tBodies[0].rows].sort((p,q)=>{const a=k(p),b=k(q);return d*(typeof a===typeof b?(a>b)-(a<b):typeof "
	"a==='number'?-1:1)}))}}";

void
html_text(StringInfo out, const char *text)
{
	for (; text && *text; text++)
		switch (*text)
		{
			case '&': appendStringInfoString(out, "&amp;"); break;
			case '<': appendStringInfoString(out, "&lt;"); break;
			case '>': appendStringInfoString(out, "&gt;"); break;
			case '"': appendStringInfoString(out, "&quot;"); break;
			case '\'': appendStringInfoString(out, "&#39;"); break;
			case '\n':
			case '\t': appendStringInfoChar(out, *text); break;
			default:
				if ((unsigned char) *text < 0x20 || *text == 0x7f)
					appendStringInfoString(out, "&#xfffd;");
				else
					appendStringInfoChar(out, *text);
		}
}

void
html_number(StringInfo out, double value)
{
	if (isinf(value))
		appendStringInfoString(out, value > 0 ? "&infin;" : "&minus;&infin;");
	else if (fabs(value) >= 1e4 && fabs(value) < 1e15)
		appendStringInfo(out, "%.0f", value);
	else if (!isnan(value))
		appendStringInfo(out, "%.4g", value);
}

/* alert, warning, ok or, of what is neither, nothing */
static const char *
verdict_class(const char *verdict)
{
	static const char *const classes[][2] = {{"ok", "ok"},          {"warning", "warning"}, {"alert", "alert"},
											 {"critical", "alert"}, {"failed", "alert"},    {"dead", "alert"},
											 {"disabled", "alert"}, {"active", "ok"},       {"succeeded", "ok"},
											 {"resolved", "ok"},    {"approved", "ok"},     {"confirmed", "ok"},
											 {"open", "warning"},   {"rejected", "alert"}};

	for (int i = 0; i < lengthof(classes); i++)
		if (strcmp(verdict, classes[i][0]) == 0)
			return classes[i][1];
	return "";
}

void
html_verdict(StringInfo out, const char *verdict)
{
	const char *class;

	if (verdict == NULL)
		return;
	class = verdict_class(verdict);
	appendStringInfo(out, "<span class=\"v %s\">%s", class,
					 *class == 'o'       ? "&#9679; "
						 : *class == 'w' ? "&#9650; "
						 : *class == 'a' ? "&#9632; "
										 : "");
	html_text(out, verdict);
	appendStringInfoString(out, "</span>");
}

void
html_begin(StringInfo out, const char *title)
{
	appendStringInfoString(out,
						   "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
						   "content=\"width=device-width,initial-scale=1\">"
						   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
						   "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">"
						   "<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\"><title>");
	html_text(out, title);
	appendStringInfo(out, "</title><style>%s</style></head><body><main>\n", style);
}

void
html_end(StringInfo out)
{
	appendStringInfo(out, "</main><script>%s</script></body></html>\n", script);
}

void
html_query(StringInfo out, const char *sql)
{
	appendStringInfoString(out, "<details><summary>The query behind it</summary><pre>");
	html_text(out, sql);
	appendStringInfoString(out, ";</pre></details>\n");
}

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

static void
html_cell(StringInfo out, uint64 row, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(SPI_tuptable->tupdesc, column);
	const char *name = NameStr(attribute->attname);
	char	   *text = sql_text(row, column + 1);

	if (is_number(attribute->atttypid) && text)
	{
		appendStringInfo(out, "<td class=\"n\" data-value=\"%s\">", text);
		if (attribute->atttypid == FLOAT8OID)
			html_number(out, number_at(row, column));
		else
			appendStringInfoString(out, text);
	}
	else if (strcmp(name, "verdict") == 0 || strcmp(name, "severity") == 0 || strcmp(name, "state") == 0)
	{
		appendStringInfoString(out, "<td>");
		html_verdict(out, text);
	}
	else
	{
		appendStringInfoString(out, is_number(attribute->atttypid) ? "<td class=\"n\">" : "<td>");
		html_text(out, text);
	}
	appendStringInfoString(out, "</td>");
}

void
html_table(StringInfo out, const char *caption)
{
	TupleDesc	shape = SPI_tuptable->tupdesc;
	uint64		n = SPI_processed;
	int			value = column_called("value");
	int			low = column_called("low");
	int			high = column_called("high");
	int			threshold = column_called("threshold");
	bool		has_interval = value >= 0 && low >= 0 && high >= 0;

	appendStringInfoString(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"");
	html_text(out, caption);
	appendStringInfoString(out, "\"><table class=\"s\"><caption>");
	html_text(out, caption);
	appendStringInfoString(out, "</caption><thead><tr>");
	for (int i = 0; i < shape->natts; i++)
	{
		appendStringInfo(out, "<th scope=\"col\"%s>", is_number(TupleDescAttr(shape, i)->atttypid) ? " class=\"n\"" : "");
		html_text(out, NameStr(TupleDescAttr(shape, i)->attname));
		appendStringInfoString(out, "</th>");
	}
	appendStringInfoString(out, has_interval ? "<th>interval, threshold</th></tr></thead><tbody>" : "</tr></thead><tbody>");
	for (uint64 row = 0; row < n; row++)
	{
		appendStringInfoString(out, "<tr>");
		for (int i = 0; i < shape->natts; i++)
			html_cell(out, row, i);
		if (has_interval)
		{
			double		smallest = fmin(0, fmin(number_at(row, value), number_at(row, low)));
			double		largest = fmax(1, fmax(number_at(row, value), number_at(row, high)));

			smallest = fmin(smallest, number_at(row, threshold));
			largest = fmax(largest, number_at(row, threshold));
			appendStringInfoString(out, "<td>");
			chart_interval(out, number_at(row, value), number_at(row, low), number_at(row, high), number_at(row, threshold),
						   smallest, largest);
			appendStringInfoString(out, "</td>");
		}
		appendStringInfoString(out, "</tr>\n");
		CHECK_FOR_INTERRUPTS();
	}
	appendStringInfoString(out, "</tbody></table></div>\n");
}
