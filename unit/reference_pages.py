#!/usr/bin/env python3
"""The pages in a browser: a headless Chromium opens each at the width of a desk and of a telephone, in light and dark, and with names that are hostile
in every place that names can have.  Nothing is executed, nothing is loaded, nothing goes wrong; axe-core finds no violation of WCAG; tables are sorted and
charts tell what is under the pointer; the numbers are those of the views; personal values are nowhere.

PAGES_DIRECTORY keeps the pages and pictures of them there.
"""
import base64
import importlib.util
import os
import pathlib
import re
import sys
import tempfile
import time

import psycopg

import browser

RESULTS = [0, 0]
# Ends of tags, attributes, comments, scripts and CDATA; formats; entities; a terminal's escape; text that runs the other way.
HOSTILE = '''</td></title><script>executed++</script><img src=x onerror=executed++>"'&amp;]]>--> %s \\ \x1b[31m ‮ עברית'''
COLUMN = '''<b onclick="executed++">'"]]>'''
CATEGORY = '''<svg onload=executed++>'"'''
MONITOR = '<i>' + HOSTILE[:40]
MODEL = "m'\"</script><script>executed++</script>"
PERSONAL = 'someone@example.org'
WIDTHS = (1280, 390)


def check(good, name, detail=''):
    RESULTS[not good] += 1
    if not good:
        print(f'not ok: {name} {detail}', flush=True)


def wait_for(connection, query, parameters=()):
    for _ in range(1200):
        if connection.execute(query, parameters).fetchone()[0]:
            return
        time.sleep(0.1)
    raise RuntimeError(f'did not become true: {query}')


def prepare(connection):
    """A monitor with drift, an alert, a failed job, versions, reviews, an audit and complaints."""
    literal = connection.execute
    literal('CREATE ROLE weir_pages_reviewer')
    literal(psycopg.sql.SQL('CREATE TABLE {} (id int PRIMARY KEY, at timestamptz NOT NULL, plain float8, {} float8, {} text, mail text, sex text, score float8, approved boolean, '
                            'repaid boolean)').format(psycopg.sql.Identifier('<u>events'), psycopg.sql.Identifier(COLUMN), psycopg.sql.Identifier(CATEGORY)))
    literal('ALTER TABLE "<u>events" REPLICA IDENTITY FULL')
    literal("INSERT INTO \"<u>events\" SELECT i, timestamptz '2026-01-01' + i * interval '6 minutes', i * 7919 %% 1009 + CASE WHEN i > 3600 THEN 400 ELSE 0 END, "
            "i * 104729 %% 997, CASE i %% 3 WHEN 0 THEN 'x' ELSE %s END, %s, CASE i %% 2 WHEN 0 THEN 'F' ELSE %s END, i * 7907 %% 1000 / 1000.0, "
            'i * 7907 %% 1000 > 400 + i %% 2 * 200, i * 7907 %% 1000 > i * 7919 %% 1000 FROM generate_series(0, 4799) i', (HOSTILE, PERSONAL, HOSTILE))
    literal("SELECT weir.classify_column('\"<u>events\"', 'mail', 'personal')")
    literal("SELECT weir.create_model(%s, purpose => %s, risk => 'high')", (MODEL, HOSTILE))
    literal('SELECT weir.describe_model(%s, %s, %s, %s, %s)', (MODEL, HOSTILE, HOSTILE, HOSTILE, HOSTILE))
    for metric in (0.75, 0.8):
        literal("SELECT weir.create_model_version(%s, note => %s, metrics => jsonb_build_object(%s::text, %s::float8))", (MODEL, HOSTILE, HOSTILE, metric))
    literal('SELECT weir.promote_model(%s, 1, reason => %s)', (MODEL, HOSTILE))
    literal("SELECT weir.create_monitor(%s, '\"<u>events\"', 'at', window_size => '1 day', columns => %s, model => %s, prediction => 'approved', score => 'score', "
            "label => 'repaid', protected => '{sex}')", (MONITOR, ['plain', COLUMN, CATEGORY, 'mail'], MODEL))
    literal("SELECT weir.set_baseline(%s, since => '2026-01-01', until => '2026-01-11')", (MONITOR,))
    wait_for(connection, "SELECT state = 'active' FROM weir.monitors WHERE monitor = %s", (MONITOR,))
    literal("SELECT weir.create_rule(%s, %s, 'psi', above => 0.25, column_name => 'plain', options => '{\"history\": true}')", (HOSTILE[:40], MONITOR))
    wait_for(connection, 'SELECT EXISTS (SELECT FROM weir.alerts WHERE monitor = %s)', (MONITOR,))
    literal("SELECT weir.acknowledge_alert((SELECT max(alert_id) FROM weir.alerts WHERE monitor = %s), %s)", (MONITOR, HOSTILE))
    literal("SELECT weir.create_trainer('<s>trainer', %s)", (MODEL,))
    literal("SELECT weir.enqueue_job('<s>trainer')")
    job, token = literal("SELECT job_id, token FROM weir.claim_job('{<s>trainer}')").fetchone()
    literal('SELECT weir.fail_job(%s, %s, %s, retry => false)', (job, token, HOSTILE))
    literal("SELECT weir.request_review('model_version', %s, reviewers => '{weir_pages_reviewer}', note => %s)", (MODEL + '/2', HOSTILE))
    literal("SELECT weir.create_audit('<s>audit', %s, reviewers => '{weir_pages_reviewer}')", (MONITOR,))
    literal("SELECT weir.file_complaint(%s, '7', %s)", (MONITOR, HOSTILE))
    literal("SELECT weir.create_monitor('empty', '\"<u>events\"', 'at', columns => '{plain}', backfill => false)")
    return literal("SELECT weir.run_audit('<s>audit')").fetchone()[0]


def make_pages(connection, run):
    value = lambda query, *parameters: connection.execute(query, parameters).fetchone()[0]
    both = [f'SELECT plain, "{COLUMN.replace(chr(34), chr(34) * 2)}", "{CATEGORY.replace(chr(34), chr(34) * 2)}", mail, sex, at {extra} FROM "<u>events" WHERE at {sign} '
            "'2026-01-16'" for extra, sign in ((', 1 AS gone', '<'), (', 1 AS new', '>='))]
    return {
        'monitor': value('SELECT weir.report_html(%s)', MONITOR),
        'empty': value("SELECT weir.report_html('empty')"),
        'comparison': value('SELECT weir.compare_html(%s, %s)', *both),
        'summaries': value("SELECT weir.compare_html(weir.summarize(plain) FILTER (WHERE at < '2026-01-16'), weir.summarize(plain) FILTER (WHERE at >= '2026-01-16'), %s) "
                           'FROM "<u>events"', HOSTILE),
        'fairness': value('SELECT weir.fairness_html(weir.fairness(repaid, approved, sex), %s) FROM "<u>events"', HOSTILE),
        'model': value('SELECT weir.model_html(%s)', MODEL),
        'audit': value('SELECT weir.audit_html(%s)', run),
    }


# ---- what holds for every page ----

OPEN_ALL = "for (const d of document.querySelectorAll('details')) d.open = true"
# Elements and attributes that only a name that became markup could make.
FOREIGN = ("[...document.querySelectorAll('b, i, u, s, img, iframe, object, embed, form, input, svg[onload]')].length + document.scripts.length - 1"
           " + [...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length")


def visit(page, name, url, axe):
    """The page with most in it in every way, the others at a desk in light and on a telephone in the dark."""
    for width in WIDTHS:
        for dark in (False, True):
            if name != 'monitor' and dark != (width < 600):
                continue
            where = f'{name}, {width} wide, {"dark" if dark else "light"}'
            page.open(url, width, dark)
            page.evaluate(OPEN_ALL)
            requests = [request['request']['url'] for request in page.happened('Network.requestWillBeSent')]
            check(all(request == url or request.startswith('data:') for request in requests), f'{where}: nothing is loaded', requests)
            troubles = page.happened('Runtime.exceptionThrown', 'Log.entryAdded', 'Runtime.consoleAPICalled')
            check(not troubles, f'{where}: nothing goes wrong', troubles)
            check(page.evaluate('executed') == 0 and page.evaluate(FOREIGN) == 0, f'{where}: no name is executed')
            check(page.evaluate('document.documentElement.scrollWidth <= innerWidth'), f'{where}: only tables and pictures are scrolled sideways')
            page.evaluate(axe)
            violations = page.evaluate("axe.run({resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html).join(' ')))")
            check(violations == [], f'{where}: axe-core finds nothing', violations)


def keep_picture(page, directory, name, url):
    for width in WIDTHS:
        for dark in (False, True):
            page.open(url, width, dark)
            height = min(4000, page.evaluate('document.documentElement.scrollHeight'))
            picture = page.call('Page.captureScreenshot', captureBeyondViewport=True, clip={'x': 0, 'y': 0, 'width': width, 'height': height, 'scale': 1})['data']
            (directory / f'{name}-{width}-{"dark" if dark else "light"}.png').write_bytes(base64.b64decode(picture))


# ---- what script adds, and what remains without ----

def place(page, expression):
    """The middle of an element, after it was scrolled to."""
    return page.evaluate(f"(() => {{ const e = {expression}; e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }})()")


def sorting(page, url, section, column):
    page.open(url)
    table = f"document.querySelector('#{section} table')"
    head = f"[...{table}.tHead.rows[0].cells].find(c => c.textContent === '{column}')"
    values = f"(() => {{ const i = {head}.cellIndex; return [...{table}.tBodies[0].rows].map(r => r.cells[i].dataset.value === undefined ? null : +r.cells[i].dataset.value) }})()"
    before = page.evaluate(values)
    known = sorted(value for value in before if value is not None)
    page.click(*place(page, head + '.firstChild'))
    after = page.evaluate(values)
    check(len(known) > 1 and [value for value in after if value is not None] == known and page.evaluate(head + '.ariaSort') == 'ascending', f'{section}: a click sorts', after)
    page.evaluate(head + '.firstChild.focus()')
    page.key('Enter', 13)
    after = page.evaluate(values)
    check([value for value in after if value is not None] == known[::-1] and page.evaluate(head + '.ariaSort') == 'descending', f'{section}: the keyboard sorts the other way', after)


def hovering(page, url, chart, expected):
    page.open(url)
    page.mouse('mouseMoved', *place(page, chart))
    tip = page.evaluate("(t => t.hidden ? null : t.textContent)(document.querySelector('.tip'))")
    check(tip is not None and expected(tip), f'{chart}: tells what is under the pointer', tip)
    page.mouse('mouseMoved', 2, 2)
    check(page.evaluate("document.querySelector('.tip').hidden"), f'{chart}: and no longer when it is not')


def keyboard(page, url):
    """Everything that can be worked is reached by Tab, and is seen to have the focus."""
    page.open(url)
    count = page.evaluate("[...document.querySelectorAll('a[href], button, summary, [tabindex=\"0\"]')].filter(e => e.checkVisibility()).length")
    seen = set()
    hidden = 0
    for _ in range(min(count, 40)):
        page.key('Tab', 9)
        seen.add(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        hidden += page.evaluate("getComputedStyle(document.activeElement).outlineStyle === 'none'")
    check(len(seen) == min(count, 40) and hidden == 0, 'the keyboard reaches everything, visibly', (count, len(seen), hidden))


def without_script(page, url):
    page.open(url)
    rows = page.evaluate("document.querySelectorAll('tr').length"), page.evaluate("document.querySelectorAll('svg').length")
    page.open(url, script=False)
    document = page.call('DOM.getDocument')['root']['nodeId']
    same = tuple(len(page.call('DOM.querySelectorAll', nodeId=document, selector=selector)['nodeIds']) for selector in ('tr', 'svg'))
    check(rows == same and min(rows) > 5, 'without script the page says the same', (rows, same))


def printing(page, url):
    page.open(url, dark=True, media='print')
    check(page.evaluate("getComputedStyle(document.body).backgroundColor") == 'rgb(255, 255, 255)' and not page.evaluate("document.querySelector('nav').checkVisibility()"),
          'in print: dark on white, no links to sections')
    check(len(base64.b64decode(page.call('Page.printToPDF')['data'])) > 10000, 'it is printed')


# ---- the numbers ----

def numbers(page, connection, url):
    page.open(url)
    shown = page.evaluate("[...document.querySelectorAll('#columns table.s tbody tr')].filter(r => r.querySelector('th')).map(r => [r.cells[0].textContent, "
                          "...[...r.cells].slice(4, 6).map(c => +c.dataset.value), r.cells[1].textContent.replace(/^\\W+/, '')])")
    # The page is of that moment: a minute without rows later, another window is final.
    last = re.search(r'the last final window, (\S+ \S+) to ', page.evaluate('document.body.textContent'))[1]
    expected = connection.execute("SELECT column_name::text, value, threshold, coalesce(verdict, status) FROM weir.drift_scores(%s, since => %s, until => %s::timestamptz + interval '1 day') "
                                  'WHERE is_primary AND segment IS NULL', (MONITOR, last, last)).fetchall()
    check(sorted(map(tuple, shown)) == sorted(expected) and len(expected) == 4, 'columns: the numbers of weir.drift_scores', (shown, expected))
    every = set(page.evaluate("[...document.querySelectorAll('[data-value]')].map(c => c.dataset.value)"))
    # Performance is that of the newest window with labels, the others that of the last final one.
    queries = {
        'fairness_scores': 'SELECT value::text FROM weir.fairness_scores(%s, since => %s) WHERE window_start = %s AND segment IS NULL AND value IS NOT NULL',
        'quality_scores': "SELECT value::text FROM weir.quality_scores(%s, since => %s) WHERE window_start = %s AND segment IS NULL AND value IS NOT NULL AND metric <> 'freshness'",
        'performance_scores': 'SELECT DISTINCT ON (metric) value::text FROM weir.performance_scores(%s, since => %s) WHERE window_start >= %s AND segment IS NULL AND value IS NOT NULL '
                              'AND NOT is_estimate ORDER BY metric, window_start DESC'}
    for view, query in queries.items():
        values = [row[0] for row in connection.execute(query, (MONITOR, last, last))]
        check(len(values) > 3 and set(values) <= every, f'{view}: its numbers are shown', set(values) - every)


def tables_of_charts(page, connection, url):
    """What courses and the timeline show stands in tables too: as many values as the views have, the same to four digits."""
    page.open(url)
    since, until = page.evaluate("(r => [r[0].cells[0].textContent, r[r.length - 1].cells[0].textContent])([...document.querySelector('#columns .courses').tBodies[0].rows])")
    queries = {
        'columns': "SELECT window_start, metric || ' of ' || column_name, value FROM weir.drift_scores(%s, since => %s, until => %s::timestamptz + interval '1 s') "
                   'WHERE is_primary AND segment IS NULL AND value IS NOT NULL',
        'fairness': "SELECT window_start, metric || ' of ' || protected, value FROM weir.fairness_scores(%s, since => %s, until => %s::timestamptz + interval '1 s') "
                    'WHERE group_name IS NULL AND segment IS NULL AND value IS NOT NULL',
        'performance': "SELECT window_start, metric || CASE WHEN is_estimate THEN ', estimated' ELSE '' END, value FROM weir.performance_scores(%s, since => %s, "
                       "until => %s::timestamptz + interval '1 s') WHERE segment IS NULL AND value IS NOT NULL"}
    for section, query in queries.items():
        rows = page.evaluate(f"(t => [[...t.tHead.rows[0].cells], ...[...t.tBodies[0].rows].map(r => [...r.cells])].map(r => r.map(c => c.textContent.trim())))"
                             f"(document.querySelector('#{section} .courses'))")
        shown = {(row[0], name): float(value.split()[0].replace('∞', 'inf').replace('−', '-')) for row in rows[1:] for name, value in zip(rows[0][1:], row[1:]) if value}
        expected = {(at.strftime('%Y-%m-%d %H:%M'), name): value for at, name, value in connection.execute(query, (MONITOR, since, until))}
        check(len(expected) >= 20 and shown.keys() == expected.keys(), f'{section}: the table of courses has every value', shown.keys() ^ expected.keys())
        far = [(key, shown[key], value) for key, value in expected.items() if key in shown and abs(shown[key] - value) > 5.1e-4 * abs(value) and shown[key] != value]
        check(not far, f'{section}: the table of courses has the values of the view', far[:3])
    told = page.evaluate("[...document.querySelectorAll('#timeline [data-tip]')].map(g => g.dataset.tip)")
    listed = page.evaluate("[...document.querySelectorAll('#timeline tbody tr')].map(r => r.cells[1].textContent)")
    check(len(told) > 20 and sorted(told) == sorted(listed), 'the timeline: its table has what the picture tells', set(told) ^ set(listed))


def main():
    program = browser.find()
    found = importlib.util.find_spec('axe_playwright_python')
    if program is None or found is None:
        print(f'1..0 # SKIP there is no {"Chromium" if program is None else "axe-core"} on this machine')
        return 0
    axe = (pathlib.Path(found.submodule_search_locations[0]) / 'axe.min.js').read_text(encoding='utf-8')
    with psycopg.connect(autocommit=True) as connection, tempfile.TemporaryDirectory(prefix='weir-pages-') as temporary:
        connection.execute("SET timezone = 'UTC'")
        pages = make_pages(connection, prepare(connection))
        kept = os.environ.get('PAGES_DIRECTORY')
        directory = pathlib.Path(kept or temporary)
        directory.mkdir(exist_ok=True)
        urls = {}
        for name, html in pages.items():
            path = directory / f'{name}.html'
            path.write_text(html, encoding='utf-8')
            urls[name] = path.as_uri()
            check(PERSONAL not in html, f'{name}: no personal value')
            check('\x1b' not in html and '‮' not in html, f'{name}: no control character')
            check(len(html.encode()) < 1_000_000, f'{name}: at most a megabyte')
        page = browser.Browser(program)
        try:
            page.call('Page.addScriptToEvaluateOnNewDocument', source='window.executed = 0')
            for name, url in urls.items():
                visit(page, name, url, axe)
                if kept:
                    keep_picture(page, directory, name, url)
            sorting(page, urls['monitor'], 'columns', 'value')
            sorting(page, urls['comparison'], 'columns', 'value')
            sorting(page, urls['fairness'], 'fairness', 'value')
            sorting(page, urls['model'], 'versions', 'version')
            hovering(page, urls['monitor'], "document.querySelector('#columns svg')", lambda tip: tip.startswith('2026-01-') and ': 0.' in tip)
            hovering(page, urls['monitor'], "document.querySelectorAll('#columns svg')[1]", lambda tip: ' to ' in tip and 'baseline' in tip)
            hovering(page, urls['monitor'], "document.querySelector('#timeline svg g rect')", lambda tip: tip.endswith('rows'))
            hovering(page, urls['comparison'], "document.querySelector('#columns svg[data-down]')", lambda tip: 'baseline' in tip)
            hovering(page, urls['model'], "document.querySelector('#versions svg g rect')", lambda tip: tip.startswith('champion was version 1'))
            keyboard(page, urls['monitor'])
            without_script(page, urls['monitor'])
            printing(page, urls['monitor'])
            numbers(page, connection, urls['monitor'])
            tables_of_charts(page, connection, urls['monitor'])
        finally:
            page.close()
        connection.execute("SELECT weir.drop_monitor(%s), weir.drop_monitor('empty')", (MONITOR,))
    print(f'{RESULTS[0]} passed, {RESULTS[1]} failed')
    return 1 if RESULTS[1] else 0


if __name__ == '__main__':
    sys.exit(main())
