#!/usr/bin/env python3
"""What is for Prometheus and Grafana, on live data: the exposition format as Prometheus's own parser reads it, the exporters' queries against it, and each query of each
dashboard, which returns rows and reaches the index of the panes by its range of time; the dashboards as Grafana's own model of them reads them.  Where postgres_exporter
and promtool are there (scripts/install-dependencies gets them into build/prometheus), the one is run with the queries, and the other checks what comes of it."""
import datetime
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import psycopg
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'dashboards')
HOSTILE = 'a "quoted" \\ back\\nslash\nline, é } {'
# What changes between two reads of the same snapshot.
MOVING = re.compile(r'^weir_capture_(lag|wal_kept|memory|spill|xmin|state|up|rows)|^weir_build_')
# Where no rows are the good case.
MAY_BE_EMPTY = {'capture/Gaps', 'capture/annotation Alerts on capture'}

results = [0, 0]


def check(good, what):
    results[0 if good else 1] += 1
    if not good:
        print(f'not ok - {what}')


def wait_for(connection, query):
    for _ in range(1200):
        if connection.execute(query).fetchone()[0]:
            return
        time.sleep(0.1)
    raise SystemExit(f'never true: {query}')


def prepare(connection):
    """Four weeks of loans: incomes and shares of approval change in the last one; a model that is retrained for it."""
    connection.execute("""CREATE TABLE loans (id bigint PRIMARY KEY, decided_at timestamptz NOT NULL, income float8, purpose text, region text, sex text, score float8, approved boolean,
                                              repaid int)""")
    connection.execute("""INSERT INTO loans SELECT i, date_trunc('hour', now()) - (8000 - i) * interval '5 minutes', 1000 + i * 7919 % 1009 * CASE WHEN i > 6500 THEN 1.6 ELSE 1 END,
        CASE WHEN i % 50 > 0 THEN (ARRAY['car', 'home', 'school'])[1 + i * 31 % 3] END, (ARRAY['north', 'south'])[1 + i % 2], (ARRAY['F', 'M'])[1 + i / 3 % 2], i * 7907 % 1000 / 1000.0,
        i * 7907 % 1000 > CASE WHEN i / 3 % 2 = 0 AND i > 6500 THEN 700 ELSE 400 END, CASE WHEN i < 7700 THEN (i * 7907 % 1000 > i * 7919 % 1000)::int END FROM generate_series(1, 8000) i""")
    connection.execute("""CREATE PROCEDURE train(job_id bigint, config jsonb) LANGUAGE sql AS $$
        SELECT weir.promote_model('loan_model', weir.create_model_version('loan_model', artifact => 'x', job_id => job_id), reason => 'test') $$""")
    connection.execute("SELECT weir.create_model('loan_model'), weir.create_trainer('fit', 'loan_model', procedure => 'train')")
    connection.execute("""SELECT weir.create_monitor('loans', 'loans', 'decided_at', window_size => '1 day', segment_by => '{region}', model => 'loan_model', prediction => 'approved',
        score => 'score', label => 'repaid', protected => '{sex}')""")
    connection.execute("SELECT weir.create_monitor(%s, 'loans', 'decided_at', columns => '{income}', window_size => '6 hours')", [HOSTILE])
    connection.execute("SELECT weir.wait_for(timeout => '120 s')")
    for monitor in ('loans', HOSTILE):
        connection.execute("SELECT weir.set_baseline(%s, since => date_trunc('day', now()) - interval '24 days', until => date_trunc('day', now()) - interval '8 days')", [monitor])
    connection.execute("""SELECT weir.create_rule('income drifts', 'loans', 'psi', above => 0.25, column_name => 'income', action => 'retrain', trainer => 'fit', cooldown => '1 day',
        options => '{"history": true}')""")
    # Of capture, so that its history is kept: it always has some WAL.
    connection.execute("SELECT weir.create_rule('capture keeps WAL', 'loans', 'capture_wal_kept_bytes', above => -1)")
    wait_for(connection, "SELECT count(*) > 0 FROM weir.jobs WHERE state = 'succeeded'")
    wait_for(connection, "SELECT count(*) > 0 FROM weir.alerts WHERE rule = 'income drifts' AND state = 'open'")
    wait_for(connection, 'SELECT count(*) > 0 FROM weir.capture_history')


# ---- Prometheus ------------------------------------------------------------------------------------------------------------------------------


def prometheus(connection):
    with connection.transaction():
        connection.execute('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
        text = connection.execute('SELECT weir.prometheus_text()').fetchone()[0]
        lines = [line for line, in connection.execute('SELECT line FROM weir.prometheus_metrics')]
        families = list(text_string_to_metric_families(text))
        samples = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}
        exported = {}
        with open(os.path.join(TOP, 'prometheus', 'queries.yaml'), encoding='utf-8') as file:
            queries = yaml.safe_load(file)
        for namespace, query in queries.items():
            usage = {name: about['usage'] for entry in query['metrics'] for name, about in entry.items()}
            cursor = connection.execute(query['query'])
            columns = [column.name for column in cursor.description]
            check(set(columns) == set(usage), f'{namespace}: columns {set(columns) ^ set(usage)}')
            for row in cursor:
                row = dict(zip(columns, row))
                labels = tuple(sorted((name, row[name]) for name in columns if usage[name] == 'LABEL'))
                check(all(isinstance(value, str) for _, value in labels), f'{namespace}: labels are texts')
                for name in columns:
                    if usage[name] != 'LABEL' and row[name] is not None:
                        exported[f'{namespace}_{name}', labels] = float(row[name])
    check(len({line for line in lines}) == len(lines) and '\n' not in ''.join(lines), 'each line once')
    check(text.endswith('\n') and text.count('\n') == len(lines), 'the text has the lines of the view')
    check(all(family.documentation and family.type in ('gauge', 'counter') for family in families), 'every family has help and a type')
    check(all((family.type == 'counter') == any(sample.name.endswith('_total') for sample in family.samples) for family in families), 'counters, and they alone, end with _total')
    names = {name for name, _ in samples}
    check(all(re.fullmatch(r'weir_[a-z_]+', name) for name in names), 'names')
    check(len(names) > 40, f'{len(names)} names')
    # In the order and form that promtool asks for: all lines of a family together.
    check(len({family.name for family in families}) == len(families), 'families in one piece')
    monitors = {labels_of['monitor'] for labels_of in (dict(labels) for _, labels in samples) if 'monitor' in labels_of}
    check(monitors == {'loans', HOSTILE}, f'labels come back: {monitors}')
    for key in sorted(set(samples) ^ set(exported)):
        check(MOVING.search(key[0]), f'in one of view and queries alone: {key}')
    for key in sorted(set(samples) & set(exported)):
        check(MOVING.search(key[0]) or samples[key] == exported[key], f'{key}: {samples[key]} in the view, {exported[key]} by the query')
    check(samples['weir_drift_score', (('column_name', 'income'), ('database', connection.info.dbname), ('metric', 'psi'), ('monitor', 'loans'))] > 0.25, 'drift of income')
    with open(os.path.join(TOP, 'prometheus', 'weir.collector.yml'), encoding='utf-8') as file:
        collector = yaml.safe_load(file)
    check({metric['metric_name'] for metric in collector['metrics']} >= names - {name for name in names if name.startswith('weir_build_')}, 'the collector has every metric')


def program(*names):
    path = os.pathsep.join([os.path.join(TOP, '..', 'build', 'prometheus'), os.environ['PATH']])
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def samples_of(text):
    """The samples of weir that do not move, without the label with which the exporter says which server it asked; of NULL it makes NaN."""
    return {(sample.name, tuple(sorted((name, value) for name, value in sample.labels.items() if name != 'server'))): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples
            if sample.name.startswith('weir_') and not math.isnan(sample.value) and not MOVING.search(sample.name) and not sample.name.startswith('weir_monitor_lag')}


def view(connection):
    return samples_of(connection.execute('SELECT weir.prometheus_text()').fetchone()[0])


def exporter(connection):
    """What a real postgres_exporter makes of queries.yaml, as a role that can only read, is what the view says."""
    found = program('prometheus-postgres-exporter', 'postgres_exporter')
    if found is None:
        print('there is no postgres_exporter on this machine: it is left out')
        return
    connection.execute('CREATE ROLE weir_exporter_try LOGIN; GRANT pg_read_all_data, pg_monitor TO weir_exporter_try')
    name = psycopg.conninfo.make_conninfo(host=connection.info.host, port=connection.info.port, dbname=connection.info.dbname, user='weir_exporter_try', sslmode='disable')
    with subprocess.Popen([found, '--disable-default-metrics', '--disable-settings-metrics', f'--extend.query-path={os.path.join(TOP, "prometheus", "queries.yaml")}',
                           '--web.listen-address=127.0.0.1:0'], stderr=subprocess.PIPE, text=True, env={**os.environ, 'DATA_SOURCE_NAME': name}) as process:
        try:
            log = ''
            while (address := re.search(r'Listening on.*address=(127\.0\.0\.1:\d+)', log)) is None and (line := process.stderr.readline()):
                log += line
            check(address is not None, f'the exporter listens: {log}')
            threading.Thread(target=process.stderr.read, daemon=True).start()
            # Between two looks at the view that say the same, so does the exporter.
            before, after, scraped = None, view(connection), ''
            for _ in range(20):
                before = after
                with urllib.request.urlopen(f'http://{address[1]}/metrics', timeout=120) as answer:
                    scraped = answer.read().decode()
                after = view(connection)
                if before == after:
                    break
            exported = samples_of(scraped)
            check(all(re.search(f'^{name}[{{ ]', scraped, re.MULTILINE) for name in ('weir_capture_lag_bytes', 'weir_monitor_lag_seconds', 'weir_capture_up')), 'what moves is there, too')
            check(before == after and exported == after and len(after) > 20, f'the exporter says what the view says: {sorted(set(exported.items()) ^ set(after.items()))[:5]}')
        finally:
            process.terminate()
    connection.execute('DROP ROLE weir_exporter_try')
    promtool = program('promtool')
    if promtool is not None:
        for what, text in (('the view', connection.execute('SELECT weir.prometheus_text()').fetchone()[0]), ('the exporter', scraped)):
            told = subprocess.run([promtool, 'check', 'metrics'], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            about_weir = [line for line in told.stdout.split('\n') if line.startswith('weir_') or 'error' in line]
            check(not about_weir and (told.returncode == 0 or what != 'the view'), f'promtool has nothing to say of {what}: {told.stdout}')


# ---- Grafana ---------------------------------------------------------------------------------------------------------------------------------


def quoted(value):
    return ','.join("'" + part.replace("'", "''") + "'" for part in (value if isinstance(value, list) else [value]))


def expanded(query, variables, since, until, interval):
    """The query as Grafana's PostgreSQL data source sends it."""
    query = query.replace('$__timeFrom()', f"'{since}'").replace('$__timeTo()', f"'{until}'").replace('$__interval', interval)
    query = re.sub(r'\$\{(\w+):sqlstring\}', lambda match: quoted(variables[match[1]]), query)
    if '$' in query:
        raise SystemExit(f'not expanded: {query}')
    return query


def keys(value, path=''):
    """Every key of a document, by its path, with the value where it is none of more."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from keys(part, f'{path}/{key}')
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from keys(part, f'{path}/{i}')
    else:
        yield path, value


def decoded(name, document):
    """Grafana's model knows every key: nothing is lost on the way through it. (Targets are of a data source, and it has none of PostgreSQL.)"""
    through = json.loads(json.dumps(Dashboard.from_json(json.loads(json.dumps(document))), cls=JSONEncoder))
    lost = [key for key in set(keys(document)) - set(keys(through)) if '/targets/' not in key[0] and not re.search(r'/annotations/list/\d+/target/(format|rawQuery|rawSql|refId)$', key[0])]
    check(not lost, f'{name}: not of Grafana\'s schema: {sorted(lost)[:5]}')
    boxes = [panel['gridPos'] for panel in document['panels']]
    check(all(a['x'] + a['w'] <= 24 and (a is b or a['x'] + a['w'] <= b['x'] or b['x'] + b['w'] <= a['x'] or a['y'] + a['h'] <= b['y'] or b['y'] + b['h'] <= a['y'])
              for a in boxes for b in boxes), f'{name}: panels do not overlap')
    check(len({panel['id'] for panel in document['panels']}) == len(boxes), f'{name}: numbers of panels')


class Plans:
    """What auto_explain tells of the statements within functions."""

    def __init__(self, connection):
        self.texts = []
        connection.add_notice_handler(lambda notice: self.texts.append(notice.message_primary))
        connection.execute("LOAD 'auto_explain'")
        connection.execute('SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; SET client_min_messages = log; SET enable_seqscan = off')

    def of_panes(self):
        """(how panes are reached, by which condition) for each scan of them."""
        scans = []
        for text in self.texts:
            found = re.findall(r'(\w+ (?:Only )?Scan)[^\n]* on pane( p)?(?: [a-z_0-9]+)?  \(cost[^\n]*\n\s+(?:(?:Index|Recheck) Cond: ([^\n]*))?', text)
            scans += [(kind, condition) for kind, _, condition in found]
        return scans


def grafana(connection):
    plans = Plans(connection)
    now = connection.execute("SELECT date_trunc('hour', now()) + interval '1 hour'").fetchone()[0]
    until = now.isoformat()
    ranges = [((now - datetime.timedelta(days=20)).isoformat(), '6h'), ((now - datetime.timedelta(days=300)).isoformat(), '7d')]
    for name in ('fleet', 'monitor', 'fairness', 'model', 'capture'):
        with open(os.path.join(TOP, 'grafana', 'dashboards', f'{name}.json'), encoding='utf-8') as file:
            document = json.load(file)
        decoded(name, document)
        for since, interval in ranges:
            variables = {}
            queries = []
            for variable in document['templating']['list']:
                if variable['type'] == 'query':
                    queries.append((f"{name}/variable {variable['name']}", variable['query'], variable))
            queries += [(f"{name}/annotation {annotation['name']}", annotation['target']['rawSql'], None) for annotation in document['annotations']['list']]
            queries += [(f"{name}/{panel['title']}", target['rawSql'], panel) for panel in document['panels'] for target in panel['targets']]
            for what, text, owner in queries:
                plans.texts.clear()
                cursor = connection.execute(expanded(text, variables, since, until, interval))
                rows = cursor.fetchall()
                columns = [column.name for column in cursor.description]
                check(rows or what in MAY_BE_EMPTY, f'{what}: no rows in {interval}')
                if owner and 'name' in owner:
                    values = [row[0] for row in rows]
                    check(values and all(isinstance(value, str) for value in values), f'{what}: texts')
                    # The last monitor by name is the one that has everything.
                    preferred = {'monitor': 'loans', 'segment': '(all rows)', 'metric': {'fairness': 'demographic_parity_ratio', 'model': 'roc_auc'}.get(name, '(primary)')}
                    variables[owner['name']] = values if owner['multi'] else preferred.get(owner['name'], values[0])
                    check(owner['multi'] or variables[owner['name']] in values, f'{what}: has {variables[owner["name"]]}')
                elif owner and owner['type'] in ('timeseries', 'state-timeline'):
                    check(columns[:1] == ['time'] and columns[-1] == 'value', f'{what}: columns {columns}')
                    times = sorted({row[0] for row in rows})
                    check(all(value is not None for value in times), f'{what}: times')
                    if interval == '7d' and 'window_size_at_least' in text:
                        check(all((b - a).days % 7 == 0 for a, b in zip(times, times[1:])) and len(times) <= 6, f'{what}: windows of a week')
                elif owner is None:
                    check(columns[0] == 'time' and columns[-1] == 'tags' and 'text' in columns, f'{what}: columns {columns}')
                scans = plans.of_panes()
                if re.search(r'weir\.\w+\((\$\{monitor|m\.monitor)[^)]*.*\$__timeFrom', text) and 'window_' in text:
                    check(scans, f'{what}: panes are read')
                    check(all('pane_start >=' in condition and 'pane_start <' in condition and 'infinity' not in condition for _, condition in scans),
                          f'{what}: by their index, of a range of time: {scans}')


def window_sizes(connection):
    """Sizes for charts are long enough, multiples of the windows, and such as panes fit."""
    durations = ['1 s', '1 min', '37 min', '1 h', '5 h', '1 day', '36 h', '6 days', '8 days', '1 month', '40 days', '1 year']
    for size in ('1 minute', '1 hour', '90 minutes', '6 hours', '1 day', '7 days', '1 month'):
        connection.execute("SELECT weir.create_monitor(%s, 'loans', 'decided_at', columns => '{income}', window_size => %s, backfill => false, time_zone => 'Europe/Vienna')",
                           [f'of {size}', size])
        for duration in durations:
            found, long_enough, multiple, is_own = connection.execute(
                """SELECT s::text, s >= %(duration)s::interval,
                       CASE %(size)s WHEN '1 month' THEN extract(day FROM s) = 0 ELSE extract(epoch FROM s) %% extract(epoch FROM %(size)s::interval) = 0 END,
                       %(duration)s::interval <= %(size)s::interval
                   FROM weir.window_size_at_least(%(monitor)s, %(duration)s::interval) s""", {'duration': duration, 'size': size, 'monitor': f'of {size}'}).fetchone()
            check(found is None if is_own else long_enough and multiple, f'{duration} of windows of {size}: {found}')
            connection.execute("SELECT count(*) FROM weir.windows(%s, window_size => %s, since => now() - interval '1 year')", [f'of {size}', found])
        connection.execute('SELECT weir.drop_monitor(%s)', [f'of {size}'])
    check(connection.execute("SELECT weir.window_size_at_least('nothing', '1 day') IS NULL").fetchone()[0], 'no such monitor')


def screen(connection):
    """The screen of all monitors fits a terminal, and says what weir.overview says."""
    shown = subprocess.run(['psql', '-X', '-q', '-P', 'pager=off', '-d', connection.info.dbname, '-c', 'SELECT * FROM weir.overview_screen'], stdout=subprocess.PIPE, text=True, check=True)
    widths = [len(line) for line in shown.stdout.rstrip('\n').split('\n')]
    check(max(widths) <= 120, f'the screen has {max(widths)} columns')
    rows = connection.execute("""SELECT s.monitor, s.verdict LIKE '!! %' AND o.verdict = 'alert' OR s.verdict LIKE '! %' AND o.verdict = 'warning' OR s.verdict = coalesce(o.verdict, '-'),
        char_length(s.course) = 12, s.waiting LIKE '%alert%' AND s.waiting NOT LIKE '%capture%' FROM weir.overview_screen s JOIN weir.overview o ON starts_with(o.monitor, s.monitor)""").fetchall()
    check(len(rows) == 2 and all(row[1] and row[2] for row in rows), f'the screen: {rows}')
    check([row[3] for row in rows if row[0] == 'loans'] == [True], f'with its alerts: {rows}')


def generated():
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, os.path.join(TOP, 'generate'), directory], check=True)
        for base, _, files in os.walk(directory):
            for file in files:
                made = os.path.join(base, file)
                kept = os.path.join(TOP, os.path.relpath(made, directory))
                with open(made, encoding='utf-8') as a, open(kept, encoding='utf-8') as b:
                    check(a.read() == b.read(), f'{os.path.relpath(kept, TOP)} is as dashboards/generate makes it')
    for path in ('datasources/weir.yaml', 'dashboards/weir.yaml'):
        with open(os.path.join(TOP, 'grafana', 'provisioning', path), encoding='utf-8') as file:
            check(yaml.safe_load(file)['apiVersion'] == 1, path)


def main():
    signal.alarm(600)
    generated()
    with psycopg.connect(autocommit=True, options='-c jit=off') as connection:
        prepare(connection)
        prometheus(connection)
        exporter(connection)
        screen(connection)
        window_sizes(connection)
        grafana(connection)
    print(f'{results[0]} passed, {results[1]} failed')
    return 1 if results[1] else 0


if __name__ == '__main__':
    sys.exit(main())
