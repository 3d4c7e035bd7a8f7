"""The cost model of docs/scale.md: what a row, a pane and a published pane cost, fitted to measurements at three sizes, then carried on to fleets of nodes."""
import numpy
import psycopg

from capture import capture_pid, private_memory, processor_time, wait
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

# Nodes, databases of each server that has some, and how they publish.
FLEETS = ((10, 1, 'to the centre'), (10, 4, 'to the centre'), (40, 1, 'to the centre'), (100, 1, 'to the centre'), (1_000, 1, 'to the centre'), (1_000, 1, 'by regions of 100'),
          (10_000, 1, 'by regions of 100'), (10_000, 1, 'by regions, panes of an hour'), (10_000, 1, 'by regions, panes of an hour kept a week'))
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
    """Seconds of capture per row, here and in another database, bytes of log, of memory and of disk per pane, seconds per published and per merged pane."""
    name = f'scale_{segments}_{columns}'
    source(connection, name, segments, columns)
    empty = private_memory(capture_anew(connection))
    before = position(connection)
    feed(connection, name, segments, rows)
    source_log = float(position(connection) - before) / rows
    wait(connection)  # panes are there: from here on it is the steady state
    memory = max(private_memory(capture_pid(connection)) - empty, 0)
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
    publish = seconds_of(connection, lambda: connection.execute("SELECT weir.publish_panes(%s, 'here', 1)", (name,)),
                         "SELECT count(*) >= %s FROM weir.node_pane WHERE monitor = %s", (panes, name))
    merge = merged(connection, name)
    connection.execute('SELECT weir.drop_monitor(%s), weir.drop_monitor(%s)', (f'all_{name}', name))
    return {'segments': segments, 'columns': columns, 'panes': int(panes), 'row': spent / rows, 'skip': skipped / rows, 'source': source_log, 'log': log / int(panes),
            'memory': memory / int(panes), 'disk': float(size) / int(panes), 'publish': publish / int(panes), 'merge': merge / int(panes)}


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
    spent = processor_time(pid)
    connection.execute('INSERT INTO weir.node_pane SELECT monitor, %s, pane_start, pane_end, segment, n, n_labelled, n_late, marks, summaries, fairness, version '
                       "FROM weir.node_pane WHERE monitor = %s AND node = 'here'", ('there', name))
    return processor_time(pid) - spent


def fit(measured, what, *of):
    """Least squares, without a negative coefficient: what = a + b × of."""
    matrix = numpy.array([[1.0] + [float(line[name]) for name in of] for line in measured])
    values = numpy.array([line[what] for line in measured])
    solution = numpy.linalg.lstsq(matrix, values, rcond=None)[0]
    if (solution < 0).any():
        solution = numpy.array([values.mean()] + [0.0] * len(of))
    return solution


def simulate(measured):
    model = {what: fit(measured, what, 'columns') for what in ('row', 'log', 'memory', 'disk', 'publish', 'merge')}
    cost = {what: float(a + b * FLEET_COLUMNS) for what, (a, b) in model.items()}
    for what in ('skip', 'source'):  # of the row as it is in the log, whatever is folded of it
        cost[what] = sum(line[what] for line in measured) / len(measured)
    print('\nPer row or pane of n columns, fitted:\n')
    print('| what | fitted | of 8 columns |\n| --- | --- | ---: |')
    for what, text, unit, factor in (('row', 'capture, processor time per row', 'µs', 1e6), ('log', 'log that capture writes per pane and flush', 'kB', 1e-3),
                                     ('memory', 'a pane in the memory of capture', 'kB', 1e-3), ('disk', 'a pane on disk', 'kB', 1e-3),
                                     ('publish', 'the node, processor time per pane that is published', 'µs', 1e6),
                                     ('merge', 'the centre, processor time per pane that arrives', 'µs', 1e6)):
        a, b = model[what]
        print(f'| {text} | {a * factor:.2f} + {b * factor:.2f} × n {unit} | {cost[what] * factor:,.1f} {unit} |')
    print(f"| the same row, read by capture of another database of that server | | {cost['skip'] * 1e6:.2f} µs |")
    print(f"| the row in the log of its source | | {cost['source']:.0f} bytes |")
    print(f'\n{TOTAL_ROWS:,.0f} rows/s in total, {FLEET_SEGMENTS} segments × {FLEET_COLUMNS} columns at each node, panes of 5 minutes kept {KEPT_DAYS} days:\n')
    print('| nodes | published | rows/s, cores of each capture at a node | its memory for panes | slots there | log of panes there, bytes/s | panes/s at the centre | cores there '
          '| processes that apply | bytes/s | disk | past a limit |\n| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |')
    for nodes, databases, way in FLEETS:
        pane_seconds = 3600 if 'hour' in way else 300
        days = 7 if 'week' in way else KEPT_DAYS
        # With min_group_size above 1 a pane is published once, when it is final.
        panes = nodes * databases * FLEET_SEGMENTS / pane_seconds
        rate = TOTAL_ROWS / nodes
        # Each database folds its share of the rows, and reads past those of the others.
        node_cores = rate / databases * cost['row'] + rate * (databases - 1) / databases * cost['skip']
        hot = FLEET_SEGMENTS * 2  # the pane of now, and the one before it, where rows are late
        memory = hot * cost['memory']
        log = min(hot * databases * cost['log'] / FLUSH_SECONDS, databases * WAL_FLOOR + WAL_SHARE * rate * cost['source'])
        centre = {'cores': (panes * cost['merge'], CENTRE_CORES),
                  'processes': (nodes * databases / (100 if 'region' in way else 1), WORKERS),
                  'network': (panes * cost['disk'] * 4 / 3, NETWORK),
                  'disk': (nodes * databases * FLEET_SEGMENTS * days * DAY / pane_seconds * cost['disk'] * 2, DISK)}
        past = ['capture at a node'] * (node_cores > NODE_CORES) + ['memory at a node'] * (memory > NODE_MEMORY)
        past += [f'{name} at the centre' for name, (value, limit) in centre.items() if value > limit]
        of = '' if databases == 1 else f' of {databases} databases'
        # One slot for capture of each database, one for the subscription to it.
        print(f"| {nodes:,}{of} | {way} | {rate:,.0f}, {node_cores:.2f} | {memory / 1e6:,.1f} MB | {2 * databases} | {log:,.0f} | {panes:,.1f} | {centre['cores'][0]:.3f} | "
              f"{centre['processes'][0]:,.0f} | {centre['network'][0]:,.0f} | {centre['disk'][0] / 1e9:,.1f} GB | {', '.join(past) or 'nothing'} |")
    print(f"\nLimits: {NODE_CORES} core for each capture and {NODE_MEMORY / 1e9:.0f} GB for its panes at a node; "
          f'{CENTRE_CORES} cores, {WORKERS} processes that apply, {DISK / 1e12:.0f} TB and {NETWORK * 8 / 1e9:.0f} Gbit/s at the centre.\n')


def scale(cursor):
    connection = cursor.connection
    per_pane = max(ROWS // 3000, 10)
    with elsewhere() as other:
        measured = [measure(connection, other, segments, columns, segments * HOURS * per_pane) for segments, columns in SIZES]
    print(f'Measured, {per_pane:,} rows per pane and feed, {HOURS} panes of each segment:\n')
    print('| segments | columns | panes | capture, µs/row | of another database, µs/row | log, kB/pane and flush | memory, kB/pane | disk, kB/pane | publish, µs/pane | merge, µs/pane |\n'
          '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
    for line in measured:
        print(f"| {line['segments']} | {line['columns']} | {line['panes']:,} | {line['row'] * 1e6:.2f} | {line['skip'] * 1e6:.2f} | {line['log'] / 1e3:.1f} | {line['memory'] / 1e3:.1f} | "
              f"{line['disk'] / 1e3:.1f} | {line['publish'] * 1e6:,.0f} | {line['merge'] * 1e6:,.0f} |")
    simulate(measured)
