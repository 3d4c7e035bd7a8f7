#!/usr/bin/env python3
"""The live page of the demo, served by itself over a real server: what it shows is what the views say, alerts arrive as events, names stay text, the role that it
reads with can do nothing else, and it answers to this machine alone.  A browser looks at it where there is one."""
import http.client
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.parse

import psycopg

import browser

RESULTS = [0, 0]
TOP = pathlib.Path(__file__).resolve().parent.parent
MONITOR = '''sales </script><script>executed++</script>"'&'''
MODEL = '''m/<img src=x onerror=executed++>'''
SECONDS = 120


def check(good, name, detail=''):
    RESULTS[not good] += 1
    if not good:
        print(f'not ok: {name} {detail}', flush=True)


def wait_for(what, condition):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise RuntimeError(f'{what} did not happen')


def prepare(connection):
    connection.execute('DROP ROLE IF EXISTS weir_live_reader')
    connection.execute('CREATE ROLE weir_live_reader LOGIN IN ROLE pg_read_all_data')
    connection.execute('CREATE TABLE sales (at timestamptz NOT NULL, price float8)')
    connection.execute('ALTER TABLE sales REPLICA IDENTITY FULL')
    connection.execute("INSERT INTO sales SELECT timestamptz '2026-01-01 00:00+00' + i * interval '10 minutes', 100 + i % 7 FROM generate_series(0, 1439) i")
    connection.execute('SELECT weir.create_model(%s)', (MODEL,))
    connection.execute("SELECT weir.create_monitor(%s, 'sales', 'at', window_size => '1 day', model => %s)", (MONITOR, MODEL))
    connection.execute("SELECT weir.set_baseline(%s, since => '2026-01-01', until => '2026-01-05')", (MONITOR,))
    wait_for('the monitor', lambda: connection.execute('SELECT state FROM weir.monitors WHERE monitor = %s', (MONITOR,)).fetchone()[0] == 'active')
    connection.execute("SELECT weir.create_rule('price', %s, 'mean', above => 150, column_name => 'price')", (MONITOR,))


class Live:
    def __init__(self, user):
        self.process = subprocess.Popen(        # pylint: disable=consider-using-with
            [sys.executable, str(TOP / 'demo' / 'live'), '--port', '0', psycopg.conninfo.make_conninfo(
                host=os.environ['PGHOST'], port=os.environ.get('PGPORT', '5432'), dbname=os.environ['PGDATABASE'], user=user)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1'})
        line = self.process.stdout.readline()
        self.address = urllib.parse.urlsplit(line.split()[0]).netloc if line else None

    def ask(self, path, method='GET', **headers):
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, dict(answer.getheaders())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        out, error = self.process.communicate(timeout=SECONDS)
        return out, error


class Events:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=SECONDS)
        self.connection.request('GET', '/events')
        self.answer = self.connection.getresponse()

    def next(self, kind):
        """The data of the next event of this kind."""
        event = None
        while True:
            line = self.answer.readline().decode()
            if not line:
                return None
            if line.startswith('event: '):
                event = line[7:].strip()
            elif line.startswith('data:') and event == kind:
                return line[5:].strip()


def look(live, connection):
    """What a browser makes of it."""
    program = browser.find()
    found = importlib.util.find_spec('axe_playwright_python')
    if program is None or found is None:
        return
    axe = (pathlib.Path(found.submodule_search_locations[0]) / 'axe.min.js').read_text(encoding='utf-8')
    page = browser.Browser(program)
    try:
        page.call('Page.addScriptToEvaluateOnNewDocument', source='window.executed = 0')
        for width, dark in ((1280, False), (390, True)):
            page.open(f'http://{live.address}/', width, dark)
            wait_for('a row of the monitor', lambda: page.evaluate("document.querySelector('tbody a')?.textContent") == MONITOR)
            check(page.evaluate('executed') == 0 and page.evaluate("document.querySelectorAll('img, main script').length") == 0, 'no name is executed')
            check(not page.happened('Runtime.exceptionThrown', 'Log.entryAdded', 'Runtime.consoleAPICalled'), 'nothing goes wrong', page.happened('Log.entryAdded'))
            page.evaluate(axe)
            violations = page.evaluate("axe.run({resultTypes: ['violations']}).then(r => r.violations.map(v => v.id))")
            check(violations == [], f'{width}: axe-core finds nothing', violations)
        connection.execute("SELECT weir.resolve_alert((SELECT max(alert_id) FROM weir.alerts WHERE state <> 'resolved'), 'dismissed')")
        wait_for('the event in the page', lambda: 'resolved' in page.evaluate("document.querySelector('#log').textContent"))
    finally:
        page.close()


def main():
    with psycopg.connect(autocommit=True) as connection:
        prepare(connection)
        refused = Live(connection.info.user)
        check(refused.address is None and 'superuser' in refused.process.communicate(timeout=SECONDS)[1] and refused.process.returncode != 0, 'a superuser is refused')
        live = Live('weir_live_reader')
        try:
            check(live.address is not None and live.address.startswith('127.0.0.1:'), 'it is served to this machine')
            status, text, headers = live.ask('/')
            check(status == 200 and '<img' not in text and MODEL.replace('<', '&lt;').replace('>', '&gt;') in text, 'the first page, with names as text')
            check("default-src 'none'" in headers['Content-Security-Policy'] and headers['X-Content-Type-Options'] == 'nosniff', 'its policy')
            status, text, _ = live.ask('/overview')
            shown = json.loads(text)
            expected = connection.execute('SELECT monitor, state, n, verdict, open_alerts FROM weir.overview ORDER BY monitor').fetchall()
            check([tuple(row[name] for name in ('monitor', 'state', 'n', 'verdict', 'open_alerts')) for row in shown] == expected and len(expected) == 1, 'the overview', shown)
            status, text, _ = live.ask('/monitors/' + urllib.parse.quote(MONITOR, safe=''))
            check(status == 200 and '<h2>Columns</h2>' in text and '<script>executed' not in text, 'the page of a monitor')
            status, text, _ = live.ask('/models/' + urllib.parse.quote(MODEL, safe=''))
            check(status == 200 and 'weir model card' in text and '<img' not in text, 'the page of a model')
            for path in ('/monitors/nothing', '/models/', '/models/%00', '/nothing', '/monitors/x/y', '/monitors/../overview'):
                check(live.ask(path)[0] == 404, f'{path}: nothing there')
            check(live.ask('/overview', Host='somebody.example')[0] == 421, 'a name of another host is refused')
            check(live.ask('/overview', method='POST')[0] == 501, 'nothing can be posted')
            check(live.ask('/overview', method='HEAD')[1] == '', 'HEAD has no body')

            events = Events(live.address)
            check(events.answer.getheader('Content-Type').startswith('text/event-stream'), 'events are server-sent')
            check(events.next('listening') == '', 'and say when they can be relied on')
            connection.execute("INSERT INTO sales SELECT timestamptz '2026-01-11 00:00+00' + i * interval '10 minutes', 200 FROM generate_series(0, 300) i")
            told = json.loads(events.next('weir_alerts'))
            check(told['event'] == 'opened', 'an alert that opens arrives', told)
            status, text, _ = live.ask('/alerts')
            check([row['rule'] for row in json.loads(text)] == ['price'], 'and is among the alerts', text)
            look(live, connection)

            with psycopg.connect(user='weir_live_reader', autocommit=True) as reader:
                for statement in ("INSERT INTO sales VALUES (now(), 1)", 'DELETE FROM weir.pane', "SELECT weir.drop_rule('price')",
                                  "SELECT weir.resolve_alert((SELECT max(alert_id) FROM weir.alerts), 'confirmed')"):
                    try:
                        reader.execute(statement)
                        check(False, f'the role cannot: {statement}')
                    except psycopg.errors.InsufficientPrivilege:
                        check(True, f'the role cannot: {statement}')
        finally:
            _, error = live.stop()
        check('Traceback' not in error and live.process.returncode == 0, 'it ends when it is told to', error)
        connection.execute('SELECT weir.drop_monitor(%s)', (MONITOR,))
        connection.execute('DROP ROLE weir_live_reader')
    print(f'{RESULTS[0]} passed, {RESULTS[1]} failed')
    return 1 if RESULTS[1] else 0


if __name__ == '__main__':
    sys.exit(main())
