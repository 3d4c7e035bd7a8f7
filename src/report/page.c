/*
 * page.c
 *		Pieces of an HTML page: style and script, text, verdicts.
 */
#include "postgres.h"

#include <math.h>

#include "base/sql.h"
#include "mb/pg_wchar.h"
#include "report/page.h"
#include "report/report.h"
#include "utils/builtins.h"

/*
 * One visual language: blue is fine or now, a dark line is then, amber is a warning, vermilion an alert; each with a sign of its
 * own. Bars and lines stand out from the page by 3 to 1, texts by 4.5 to 1, in light and dark.
 */
#define LIGHT \
	"--back:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--panel:#f6f8fa;--ok:#00558c;--warning:#8a5300;--alert:#b0330a;--bar:#5a9bcf"
#define DARK \
	"--back:#0f1419;--ink:#e6edf3;--soft:#a2adb8;--line:#38424d;--panel:#182029;--ok:#79c0ff;--warning:#f0b040;--alert:#ff9068;--bar:#36719f"
static const char style[] =
	":root{" LIGHT "}@media screen and (prefers-color-scheme:dark){:root{" DARK "}}"
	"*{box-sizing:border-box}body{margin:0 auto;max-width:82rem;padding:1rem;background:var(--back);color:var(--ink);font:1rem/1.45 "
	"system-ui,sans-serif}"
	"h1{font-size:1.5rem;margin:.2rem 0;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid "
	"var(--line)}h3{font-size:1rem;margin:1.2rem 0 .3rem;overflow-wrap:anywhere}p{margin:.3rem 0;overflow-wrap:anywhere}"
	".soft,caption,summary,figcaption{color:var(--soft)}.soft{font-weight:400}.head{border-left:.5rem solid var(--ok);background:var(--panel);padding:.7rem "
	"1rem;margin:1rem 0}"
	".head.alert{border-color:var(--alert)}.head.warning{border-color:var(--warning)}.head.unknown{border-color:var(--soft)}.head "
	"ul{margin:.3rem 0;padding-left:1.2rem;overflow-wrap:anywhere}"
	".wide{overflow-x:auto}.wide:focus-visible,summary:focus-visible,button:focus-visible,a:focus-visible{outline:2px solid "
	"var(--ok);outline-offset:2px}"
	"table{border-collapse:collapse;font-size:.9rem;min-width:40%}caption{text-align:left;padding:.2rem 0}caption "
	"span{display:block;max-width:min(70rem,calc(100vw - 3rem))}th,td{padding:.25rem .5rem;border-bottom:1px solid "
	"var(--line);text-align:left;vertical-align:middle}"
	"td,th[scope=row]{max-width:26rem;overflow-wrap:break-word}th[scope=row]{white-space:normal}"
	"th{white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.t{white-space:nowrap}td.m{min-width:12rem}td.l{min-width:22rem}"
	"th button{all:unset;cursor:pointer}"
	"th[aria-sort=ascending] button::after{content:' \\25b4'}th[aria-sort=descending] button::after{content:' \\25be'}"
	".courses td{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.courses th[scope=row]{white-space:nowrap;font-weight:400}"
	".v{font-weight:600;white-space:nowrap}.v.ok{color:var(--ok)}.v.warning{color:var(--warning)}.v.alert{color:var(--alert)}"
	"pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--panel);padding:.6rem;font-size:.8rem}details{margin:.4rem "
	"0}summary{cursor:pointer;font-size:.9rem;overflow-wrap:anywhere}.column{border-left:2px solid var(--line);padding-left:.8rem}"
	"svg{display:block;max-width:none}svg text{font:11px "
	"system-ui,sans-serif;fill:var(--soft)}.course{fill:none;stroke:var(--ok);stroke-width:1.5}.estimate{fill:none;stroke:var(--soft);stroke-dasharray:4 2;stroke-width:1.5}"
	".threshold{stroke:var(--alert);stroke-dasharray:2 "
	"2}.axis{stroke:var(--line)}.f-ok{fill:var(--ok)}.f-warning{fill:var(--warning)}.f-alert{fill:var(--alert)}.f-none{fill:var(--line)}"
	".now{fill:var(--bar)}.then{fill:none;stroke:var(--ink);stroke-width:1.5}.range{stroke:var(--ok);stroke-width:2}.s-warning{stroke:var(--warning)}.s-alert{stroke:var(--alert)}"
	".at{stroke:var(--ink);stroke-width:1;pointer-events:none}"
	".tip{position:fixed;z-index:1;max-width:22rem;padding:.2rem "
	".5rem;background:var(--ink);color:var(--back);font-size:.8rem;border-radius:.2rem;pointer-events:none;overflow-wrap:anywhere}"
	"nav{display:flex;flex-wrap:wrap;gap:.2rem "
	"1rem;font-size:.9rem}a{color:var(--ok)}dl{display:flex;flex-wrap:wrap;gap:.1rem "
	"1.6rem;margin:0}dl div{display:flex;gap:.5rem}dt{white-space:nowrap}dd{margin:0;overflow-wrap:anywhere}figure{margin:0}figcaption{font-size:.9rem}.fill{width:100%;min-width:62rem;height:auto}"
	"@media(max-width:40rem){td.l{min-width:14rem}th,td{padding:.25rem .4rem}tbody th[scope=row]{position:sticky;left:0;min-width:5.5rem;max-width:8rem;background:var(--back)}}"
	"@page{margin:1.2cm}@media print{body{max-width:none;padding:0}th,td{padding:.15rem .3rem}td.m,td.l,.fill{min-width:0}"
	"nav,details:not([open]),.tip{display:none}.wide{overflow:visible}table{font-size:.7rem}tr,svg,.head{break-inside:avoid}h2,h3{break-after:avoid}}";

/*
 * What a page can do with script, and is complete without: tables are sorted by a column, and charts tell what is under the
 * pointer. A chart has its places and texts in data-tips, one line each; a part of a picture its text in data-tip.
 */
static const char script[] =
	"for(const h of document.querySelectorAll('table.s th[scope=col]')){const "
	"b=document.createElement('button');b.type='button';b.append(...h.childNodes);h.append(b);"
	"b.onclick=()=>{const t=h.closest('table'),i=h.cellIndex,d=h.ariaSort==='ascending'?-1:1,k=r=>{const "
	"c=r.cells[i],v=c.dataset.value;return v===undefined?c.textContent:v==='Infinity'?1/0:v==='-Infinity'?-1/0:+v};"
	"for(const x of h.parentNode.cells)x.removeAttribute('aria-sort');h.setAttribute('aria-sort',d>0?'ascending':'descending');"
	"t.tBodies[0].append(...[...t.tBodies[0].rows].sort((p,q)=>{const a=k(p),b=k(q);return d*(typeof a===typeof b?(a>b)-(a<b):typeof "
	"a==='number'?-1:1)}))}}"
	"const tip=document.createElement('div');let at;"
	"tip.className='tip';tip.hidden=true;tip.setAttribute('aria-hidden','true');document.body.append(tip);"
	"document.addEventListener('pointermove',e=>{at?.remove();tip.hidden=true;"
	"const g=e.target.closest('[data-tip]'),s=e.target.closest('svg[data-tips]');let text;"
	"if(g)text=g.dataset.tip;else if(s){const r=s.getBoundingClientRect(),v=s.viewBox.baseVal,y=s.dataset.down!==undefined,"
	"p=y?(e.clientY-r.top)*v.height/r.height:(e.clientX-r.left)*v.width/r.width;let best,d=1/0;"
	"for(const l of s.dataset.tips.split('\\n')){const i=l.indexOf(' '),q=Math.abs(l.slice(0,i)-p);if(q<d){d=q;best=+l.slice(0,i);text=l.slice(i+1)}}"
	"if(text&&!y){at=document.createElementNS(s.namespaceURI,'line');at.setAttribute('class','at');at.setAttribute('x1',best);at.setAttribute('x2',best);at.setAttribute('y2',v.height);s.append(at)}}"
	"if(text){tip.textContent=text;tip.hidden=false;tip.style.left=Math.max(4,Math.min(e.clientX+12,innerWidth-tip.offsetWidth-8))+'px';"
	"tip.style.top=(e.clientY+20+tip.offsetHeight>innerHeight?e.clientY-tip.offsetHeight-8:e.clientY+16)+'px'}});";

void
html_text(StringInfo out, const char *text)
{
	int			length;

	for (; text && *text; text += length)
	{
		length = pg_mblen(text);
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
				if (report_is_control(text, length))
					appendStringInfoString(out, "&#xfffd;");
				else
					appendBinaryStringInfo(out, text, length);
		}
	}
}

void
html_name(StringInfo out, const char *name)
{
	while (*name)
	{
		int			length = strcspn(name, "_");

		length += name[length] == '_';
		html_text(out, pnstrdup(name, length));
		name += length;
		if (*name)
			appendStringInfoString(out, "<wbr>");
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

/* Exact to four places: nobody needs to know how small it is beyond. */
void
html_p_value(StringInfo out, double value)
{
	if (value < 0.0001)
		appendStringInfoString(out, "&lt;0.0001");
	else if (!isnan(value))
		appendStringInfo(out, "%.4g", value);
}

void
html_share(StringInfo out, double value)
{
	if (!isnan(value))
		appendStringInfo(out, "%.3g %%", 100 * value);
}

/* alert, warning, ok or, of what is neither, nothing */
static const char *
verdict_class(const char *verdict)
{
	static const char *const classes[][2] = {{"ok", "ok"},          {"warning", "warning"},
											 {"alert", "alert"},    {"critical", "alert"},
											 {"failed", "alert"},   {"dead", "alert"},
											 {"disabled", "alert"}, {"active", "ok"},
											 {"succeeded", "ok"},   {"resolved", "ok"},
											 {"approved", "ok"},    {"confirmed", "ok"},
											 {"live", "ok"},        {"streaming", "ok"},
											 {"done", "ok"},        {"catching up", "warning"},
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

/* The SHA-256 of the script: the page's policy lets this one run, and no other. */
static char *
hash_of_script(void)
{
	Datum		hash = DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text(script)));

	return TextDatumGetCString(DirectFunctionCall2(binary_encode, hash, CStringGetTextDatum("base64")));
}

void
html_begin(StringInfo out, const char *title)
{
	appendStringInfo(out,
					 "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
					 "content=\"width=device-width,initial-scale=1\">"
					 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
					 "'unsafe-inline'; script-src 'sha256-%s'; img-src data:\">"
					 "<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\"><title>",
					 hash_of_script());
	html_text(out, title);
	appendStringInfo(out, "</title><style>%s</style></head><body><main>\n", style);
}

void
html_end(StringInfo out)
{
	appendStringInfo(out, "</main><script>%s</script></body></html>\n", script);
}

void
html_begin_section(StringInfo out, const char *id, const char *title)
{
	appendStringInfo(out, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
}

void
html_end_section(StringInfo out)
{
	appendStringInfoString(out, "</section>\n");
}

void
html_query(StringInfo out, const char *what, const char *sql)
{
	appendStringInfo(out, "<details><summary>The query behind %s</summary><pre>", what);
	html_text(out, sql);
	appendStringInfoString(out, ";</pre></details>\n");
}

void
html_fact(StringInfo out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(out, "<div><dt class=\"soft\">%s</dt><dd>", name);
	html_text(out, value);
	appendStringInfoString(out, "</dd></div>");
}
