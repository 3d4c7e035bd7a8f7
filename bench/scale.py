"""The cost model of docs/scale.md: what a row, a pane and a published pane cost, fitted to measurements at three sizes, then carried on to fleets of nodes."""
import time

import numpy
import psycopg

from capture import capture_pid, processor_time, wait
from common import ROWS

ALL_COLUMNS = 8  # besides time and segment
SIZES = ((2, 2), (10, 4), (20, 8))  # segments, columns
HOURS = 100
DAY = 86400

# What one machine is taken to give: what is past its limit first breaks first.
CENTRE_CORES = 8
NODE_CORES = 1  # one process captures a database
NODE_MEMORY = 1e9
WORKERS = 200
DISK = 2e12
NETWORK = 1.25e8  # bytes/s
LOG = 1e8  # bytes/s

# Nodes, databases of each server that has some, and how they publish.
FLEETS = ((10, 1, 'to the centre'), (10, 4, 'to the centre'), (40, 1, 'to the centre'), (100, 1, 'to the centre'), (1_000, 1, 'to the centre'), (1_000, 1, 'by regions of 100'),
          (1_000, 1, 'by regions, panes as they grow'), (10_000, 1, 'by regions of 100'), (10_000, 1, 'by regions, panes of an hour'), (10_000, 1, 'by regions, panes of an hour kept a week'))
TOTAL_ROWS = 10e6
FLEET_SEGMENTS = 10
FLEET_COLUMNS = 8
KEPT_DAYS = 30

# As src/capture/pace.c: flushes write this share of the WAL that they read, and what is nobody's concern anyway.
FLUSH_SECONDS = 0.2
WAL_SHARE = 0.45
WAL_FLOOR = 512 * 1024


def source(connection, name, segments, columns):
    names = [f'x{number}' for number in range(ALL_COLUMNS)]
    connection.execute(f"CREATE TABLE {name} (at timestamptz NOT NULL, region text, {', '.join(c + ' float8' for c in names)})")
    connection.execute(f'ALTER TABLE {name} REPLICA IDENTITY FULL')
    connection.execute(f"SELECT weir.create_monitor('{name}', '{name}', 'at', columns => '{{{','.join(names[:columns])}}}', segment_by => '{{region}}', window_size => '1 hour', "
                       "options => '{\"pane_size\": \"1 hour\"}')")
    wait(connection)


def feed(connection, name, segments, rows):
    values = ', '.join(f'exp({2 + number % 3} * random())' for number in range(ALL_COLUMNS))
    connection.execute(f"INSERT INTO {name} SELECT timestamptz '2026-01-01 00:00+00' + n % {HOURS} * interval '1 hour', 'region ' || n / {HOURS} % {segments}, {values} "
                       f'FROM generate_series(1, {rows}) n')


def capture_memory(connection):
    """Bytes that the worker has allocated, as it says itself once a second."""
    time.sleep(2.5)
    return connection.execute('SELECT memory_bytes FROM weir.capture_status').fetchone()[0]


def sent(connection, slot, publication):
    """Bytes that a subscriber of the publication would have been sent since the last time."""
    return connection.execute("SELECT coalesce(sum(length(data)), 0)::float8 FROM pg_logical_slot_get_binary_changes(%s, NULL, NULL, 'proto_version', '1', 'publication_names', %s)",
                              (slot, publication)).fetchone()[0]


def position(connection):
    return connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()[0]


def capture_anew(connection):
    """Another process, which has nothing in memory yet."""
    connection.execute('SELECT weir.pause_capture()')
    connection.execute('SELECT weir.resume_capture()')
    wait(connection)
    return capture_pid(connection)


def elsewhere():
    """Another database of this server with a monitor of its own, whose capture reads the same WAL."""
    with psycopg.connect(autocommit=True) as connection:
        connection.execute('CREATE DATABASE scale_elsewhere')
    connection = psycopg.connect(dbname='scale_elsewhere', autocommit=True)
    connection.execute('CREATE EXTENSION weir')
    source(connection, 'quiet', 1, 1)
    return connection


def measure(connection, other, segments, columns, rows):
    """Seconds of capture per row, here and in another database, bytes of log, of memory, of disk and on the way per pane, seconds per published and per merged pane."""
    name = f'scale_{segments}_{columns}'
    source(connection, name, segments, columns)
    capture_anew(connection)
    empty = capture_memory(connection)
    before = position(connection)
    feed(connection, name, segments, rows)
    source_log = float(position(connection) - before) / rows
    wait(connection)  # panes are there: from here on it is the steady state
    memory = max(capture_memory(connection) - empty, 0)
    connection.execute('SELECT weir.pause_capture()')
    feed(connection, name, segments, rows)
    connection.execute('CHECKPOINT')
    before = position(connection)
    connection.execute('SELECT weir.resume_capture()')
    wait(connection)
    wait(other)
    pid, other_pid = capture_pid(connection), capture_pid(other)
    spent, skipped = processor_time(pid), processor_time(other_pid)
    log = float(position(connection) - before)
    feed(connection, name, segments, rows)
    wait(connection)
    wait(other)
    spent, skipped = processor_time(pid) - spent, processor_time(other_pid) - skipped
    panes, size = connection.execute("SELECT sum(panes), sum(bytes) FROM weir.monitor_storage WHERE monitor = %s", (name,)).fetchone()
    connection.execute(f"CREATE TABLE all_{name} (node text, LIKE {name})")
    connection.execute(f"SELECT weir.create_monitor('all_{name}', 'all_{name}', 'at', segment_by => '{{node,region}}', window_size => '1 hour', columns => "
                       f"'{{{','.join(f'x{number}' for number in range(columns))}}}', options => '{{\"pane_size\": \"1 hour\", \"nodes\": \"{name}\"}}')")
    connection.execute("SELECT pg_create_logical_replication_slot('scale_panes', 'pgoutput')")
    publish = seconds_of(connection, lambda: connection.execute("SELECT weir.publish_panes(%s, 'here', 1)", (name,)),
                         "SELECT count(*) >= %s FROM weir.node_pane WHERE monitor = %s", (panes, name))
    travels = sent(connection, 'scale_panes', 'scale_panes')
    connection.execute("SELECT pg_drop_replication_slot('scale_panes')")
    merge, merge_log = merged(connection, name)
    read = reading(connection, f'all_{name}')
    connection.execute('SELECT weir.drop_monitor(%s), weir.drop_monitor(%s)', (f'all_{name}', name))
    return {'segments': segments, 'columns': columns, 'panes': int(panes), 'row': spent / rows, 'skip': skipped / rows, 'source': source_log, 'log': log / int(panes),
            'memory': memory / int(panes), 'disk': float(size) / int(panes), 'sent': travels / int(panes), 'publish': publish / int(panes), 'merge': merge / int(panes),
            'merge_log': merge_log / int(panes), 'read': read}


def seconds_of(connection, begin, done, parameters):
    """What the scheduler of this database spends until done."""
    pid = connection.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'weir scheduler' AND datname = current_database()").fetchone()[0]
    spent = processor_time(pid)
    begin()
    while not connection.execute(done, parameters).fetchone()[0]:
        connection.execute('SELECT pg_sleep(0.1)')
    return processor_time(pid) - spent


def merged(connection, name):
    """What it takes to put panes that arrive into a monitor, in the process that applies them: here this session, as another node."""
    pid = connection.execute('SELECT pg_backend_pid()').fetchone()[0]
    connection.execute('INSERT INTO weir.node '
                       "SELECT monitor, 'there', definition, levels, min_group_size, n_suppressed, final_before, published_at FROM weir.node WHERE monitor = %s AND node = 'here'",
                       (name,))
    spent, before = processor_time(pid), position(connection)
    connection.execute('INSERT INTO weir.node_pane SELECT monitor, %s, pane_start, pane_end, segment, n, n_labelled, n_late, marks, summaries, fairness, version '
                       "FROM weir.node_pane WHERE monitor = %s AND node = 'here'", ('there', name))
    return processor_time(pid) - spent, float(position(connection) - before)


def reading(connection, monitor):
    """What a pane costs when every column of every window is read, of each node and of all together: what scores and rules do with each window once."""
    pid = connection.execute('SELECT pg_backend_pid()').fetchone()[0]
    spent = processor_time(pid)
    connection.execute('SELECT count(p50) FROM weir.window_stats(%s)', (monitor,)).fetchall()
    spent = processor_time(pid) - spent
    return spent / int(connection.execute('SELECT sum(panes) FROM weir.monitor_storage WHERE monitor = %s', (monitor,)).fetchone()[0])


def fit(measured, what, *of):
    """Least squares, without a negative coefficient: what = a + b × of."""
    matrix = numpy.array([[1.0] + [float(line[name]) for name in of] for line in measured])
    values = numpy.array([line[what] for line in measured])
    solution = numpy.linalg.lstsq(matrix, values, rcond=None)[0]
    if (solution < 0).any():
        solution = numpy.array([values.mean()] + [0.0] * len(of))
    return solution


def simulate(measured):
    model = {what: fit(measured, what, 'columns') for what in ('row', 'log', 'disk', 'sent', 'publish', 'merge', 'merge_log', 'read')}
    cost = {what: float(a + b * FLEET_COLUMNS) for what, (a, b) in model.items()}
    for what in ('skip', 'source'):  # of the row as it is in the log, whatever is folded of it
        cost[what] = sum(line[what] for line in measured) / len(measured)
    cost['memory'] = max(line['memory'] for line in measured)  # blocks of the allocator hide what one pane takes: the worst is taken
    print('\nPer row or pane of n columns, fitted:\n')
    print(f"| what | fitted | of {FLEET_COLUMNS} columns | measured / fitted, at the three sizes |\n| --- | --- | ---: | --- |")
    for what, text, unit, factor in (('row', 'capture, processor time per row', 'µs', 1e6), ('log', 'log that capture writes per pane and flush', 'kB', 1e-3),
                                     ('disk', 'a pane on disk', 'kB', 1e-3), ('sent', 'a pane on its way to the centre', 'kB', 1e-3),
                                     ('publish', 'the node, processor time per pane that is published', 'µs', 1e6),
                                     ('merge', 'the centre, processor time per pane that arrives', 'µs', 1e6), ('merge_log', 'its log for that', 'kB', 1e-3),
                                     ('read', 'a pane when its window is read, of the node and of all, processor time', 'µs', 1e6)):
        a, b = model[what]
        off = ', '.join(f"{line[what] / (a + b * line['columns']):.2f}" for line in measured)
        print(f'| {text} | {a * factor:.2f} + {b * factor:.2f} × n {unit} | {cost[what] * factor:,.1f} {unit} | {off} |')
    for what, text, unit, factor in (('skip', 'the same row, read by capture of another database of that server', 'µs', 1e6), ('source', 'the row in the log of its source', 'bytes', 1)):
        off = ', '.join(f'{line[what] / cost[what]:.2f}' for line in measured)
        print(f'| {text} | the mean | {cost[what] * factor:.2f} {unit} | {off} |')
    off = ', '.join(f"{line['memory'] / cost['memory']:.2f}" for line in measured)
    print(f"| a pane in the memory of capture | the largest | {cost['memory'] / 1e3:.1f} kB | {off} |")
    print(f'\n{TOTAL_ROWS:,.0f} rows/s in total, {FLEET_SEGMENTS} segments × {FLEET_COLUMNS} columns at each node, panes of 5 minutes kept {KEPT_DAYS} days:\n')
    print('| nodes | published | rows/s, cores of each capture at a node | its memory for panes | slots there | log of panes there, bytes/s | panes/s at the centre | cores there '
          '| processes that apply | network, bytes/s | log there, bytes/s | disk | the last hour of all nodes, read in | past a limit |\n'
          '| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |')
    for nodes, databases, way in FLEETS:
        pane_seconds = 3600 if 'hour' in way else 300
        days = 7 if 'week' in way else KEPT_DAYS
        # With min_group_size above 1 a pane is published once, when it is final; otherwise whenever it has changed, once a second at most.
        panes = nodes * databases * FLEET_SEGMENTS / (1 if 'grow' in way else pane_seconds)
        rate = TOTAL_ROWS / nodes
        # Each database folds its share of the rows, and reads past those of the others.
        node_cores = rate / databases * cost['row'] + rate * (databases - 1) / databases * cost['skip']
        hot = FLEET_SEGMENTS * 2  # the pane of now, and the one before it, where rows are late
        memory = hot * cost['memory']
        log = min(hot * databases * cost['log'] / FLUSH_SECONDS, databases * WAL_FLOOR + WAL_SHARE * rate * cost['source'])
        # Each pane that has come is put in, and read with its window once, by scores and rules.
        final = nodes * databases * FLEET_SEGMENTS / pane_seconds
        centre = {'cores': (panes * cost['merge'] + final * cost['read'], CENTRE_CORES),
                  'processes': (nodes * databases / (100 if 'region' in way else 1), WORKERS),
                  'network': (panes * cost['sent'], NETWORK),
                  'log': (panes * cost['merge_log'], LOG),
                  'disk': (nodes * databases * FLEET_SEGMENTS * days * DAY / pane_seconds * cost['disk'] * 2, DISK)}
        past = ['capture at a node'] * (node_cores > NODE_CORES) + ['memory at a node'] * (memory > NODE_MEMORY)
        past += [f'{name} at the centre' for name, (value, limit) in centre.items() if value > limit]
        of = '' if databases == 1 else f' of {databases} databases'
        # One slot for capture of each database, one for the subscription to it.
        print(f"| {nodes:,}{of} | {way} | {rate:,.0f}, {node_cores:.2f} | {memory / 1e6:,.1f} MB | {2 * databases} | {log:,.0f} | {panes:,.1f} | {centre['cores'][0]:.3f} | "
              f"{centre['processes'][0]:,.0f} | {centre['network'][0]:,.0f} | {centre['log'][0]:,.0f} | {centre['disk'][0] / 1e9:,.1f} GB | "
              f"{final * 3600 * cost['read']:,.1f} s | {', '.join(past) or 'nothing'} |")
    print(f"\nLimits: {NODE_CORES} core for each capture and {NODE_MEMORY / 1e9:.0f} GB for its panes at a node; "
          f'{CENTRE_CORES} cores, {WORKERS} processes that apply, {NETWORK * 8 / 1e9:.0f} Gbit/s, {LOG / 1e6:.0f} MB/s of log and {DISK / 1e12:.0f} TB at the centre.\n')


def scale(cursor):
    connection = cursor.connection
    per_pane = max(ROWS // 3000, 10)
    with elsewhere() as other:
        connection.execute('CREATE PUBLICATION scale_panes FOR TABLE weir.node, weir.node_pane')
        measured = [measure(connection, other, segments, columns, segments * HOURS * per_pane) for segments, columns in SIZES]
    print(f'Measured, {per_pane:,} rows per pane and feed, {HOURS} panes of each segment:\n')
    print('| segments | columns | panes | capture, µs/row | of another database, µs/row | log, kB/pane and flush | memory, kB/pane | disk, kB/pane '
          '| on the way, kB/pane | publish, µs/pane | merge, µs/pane | merge, kB of log/pane | read, µs/pane |\n'
          '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
    for line in measured:
        print(f"| {line['segments']} | {line['columns']} | {line['panes']:,} | {line['row'] * 1e6:.2f} | {line['skip'] * 1e6:.2f} | {line['log'] / 1e3:.1f} | {line['memory'] / 1e3:.1f} | "
              f"{line['disk'] / 1e3:.1f} | {line['sent'] / 1e3:.1f} | {line['publish'] * 1e6:,.0f} | {line['merge'] * 1e6:,.0f} | "
              f"{line['merge_log'] / 1e3:.1f} | {line['read'] * 1e6:,.0f} |")
    simulate(measured)
