"""The cost model of docs/scale.md: what a row, a pane and a published pane cost, fitted to measurements at three sizes, then carried on to fleets of nodes."""
import numpy

from capture import capture_pid, processor_time, wait
from common import ROWS

ALL_COLUMNS = 8  # besides time and segment
SIZES = ((2, 2), (10, 4), (20, 8))  # segments, columns
HOURS = 100
DAY = 86400

# What one machine is taken to give: the smallest of these is what breaks first.
CENTRE_CORES = 8
NODE_CORES = 1
WORKERS = 200
DISK = 2e12
NETWORK = 1.25e8  # bytes/s

FLEETS = ((10, 'to the centre'), (100, 'to the centre'), (1_000, 'to the centre'), (1_000, 'by regions of 100'), (10_000, 'by regions of 100'), (10_000, 'by regions, panes of an hour'),
          (10_000, 'by regions, panes of an hour kept a week'))
TOTAL_ROWS = 10e6
FLEET_SEGMENTS = 10
FLEET_COLUMNS = 8
KEPT_DAYS = 30


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


def measure(connection, segments, columns, rows):
    """Seconds of capture per row, bytes of log and of disk per pane, seconds per published and per merged pane."""
    name = f'scale_{segments}_{columns}'
    source(connection, name, segments, columns)
    pid = capture_pid(connection)
    feed(connection, name, segments, rows)
    wait(connection)  # panes are there: from here on it is the steady state
    connection.execute('SELECT weir.pause_capture()')
    feed(connection, name, segments, rows)
    connection.execute('CHECKPOINT')
    before = position(connection)
    connection.execute('SELECT weir.resume_capture()')
    wait(connection)
    pid = capture_pid(connection)
    spent = processor_time(pid)
    log = float(position(connection) - before)
    feed(connection, name, segments, rows)
    wait(connection)
    spent = processor_time(pid) - spent
    panes, size = connection.execute("SELECT sum(panes), sum(bytes) FROM weir.monitor_storage WHERE monitor = %s", (name,)).fetchone()
    connection.execute(f"CREATE TABLE all_{name} (node text, LIKE {name})")
    connection.execute(f"SELECT weir.create_monitor('all_{name}', 'all_{name}', 'at', segment_by => '{{node,region}}', window_size => '1 hour', columns => "
                       f"'{{{','.join(f'x{number}' for number in range(columns))}}}', options => '{{\"pane_size\": \"1 hour\", \"nodes\": \"{name}\"}}')")
    publish = seconds_of(connection, lambda: connection.execute("SELECT weir.publish_panes(%s, 'here', 1)", (name,)),
                         "SELECT count(*) >= %s FROM weir.node_pane WHERE monitor = %s", (panes, name))
    merge = merged(connection, name)
    connection.execute('SELECT weir.drop_monitor(%s), weir.drop_monitor(%s)', (f'all_{name}', name))
    return {'segments': segments, 'columns': columns, 'panes': int(panes), 'row': spent / rows, 'log': log / int(panes), 'disk': float(size) / int(panes),
            'publish': publish / int(panes), 'merge': merge / int(panes)}


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
    model = {what: fit(measured, what, 'columns') for what in ('row', 'log', 'disk', 'publish', 'merge')}
    cost = {what: float(a + b * FLEET_COLUMNS) for what, (a, b) in model.items()}
    print('\nPer row or pane of n columns, fitted:\n')
    print('| what | fitted | of 8 columns |\n| --- | --- | ---: |')
    for what, text, unit, factor in (('row', 'capture, processor time per row', 'µs', 1e6), ('log', 'log that capture writes per pane and flush', 'kB', 1e-3),
                                     ('disk', 'a pane on disk', 'kB', 1e-3), ('publish', 'the node, processor time per pane that is published', 'µs', 1e6),
                                     ('merge', 'the centre, processor time per pane that arrives', 'µs', 1e6)):
        a, b = model[what]
        print(f'| {text} | {a * factor:.2f} + {b * factor:.2f} × n {unit} | {cost[what] * factor:,.1f} {unit} |')
    print(f'\n{TOTAL_ROWS:,.0f} rows/s in total, {FLEET_SEGMENTS} segments × {FLEET_COLUMNS} columns at each node, panes of 5 minutes kept {KEPT_DAYS} days:\n')
    print('| nodes | published | rows/s, cores of capture at a node | panes/s at the centre | cores there | processes that apply | bytes/s | disk | first past a limit |\n'
          '| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |')
    for nodes, way in FLEETS:
        pane_seconds = 3600 if 'hour' in way else 300
        days = 7 if 'week' in way else KEPT_DAYS
        # With min_group_size above 1 a pane is published once, when it is final.
        panes = nodes * FLEET_SEGMENTS / pane_seconds
        node_cores = TOTAL_ROWS / nodes * cost['row']
        centre = {'cores': (panes * cost['merge'], CENTRE_CORES), 'processes': (nodes / (100 if 'region' in way else 1), WORKERS), 'network': (panes * cost['disk'] * 4 / 3, NETWORK),
                  'disk': (nodes * FLEET_SEGMENTS * days * DAY / pane_seconds * cost['disk'] * 2, DISK)}
        past = ['capture at a node'] * (node_cores > NODE_CORES) + [f'{name} at the centre' for name, (value, limit) in centre.items() if value > limit]
        print(f"| {nodes:,} | {way} | {TOTAL_ROWS / nodes:,.0f}, {node_cores:.2f} | {panes:,.1f} | {centre['cores'][0]:.3f} | {centre['processes'][0]:,.0f} | {centre['network'][0]:,.0f} | "
              f"{centre['disk'][0] / 1e9:,.1f} GB | {', '.join(past) or 'nothing'} |")
    print(f'\nLimits: {NODE_CORES} core for capture at a node; {CENTRE_CORES} cores, {WORKERS} processes that apply, {DISK / 1e12:.0f} TB and {NETWORK * 8 / 1e9:.0f} Gbit/s at the centre.\n')


def scale(cursor):
    connection = cursor.connection
    per_pane = max(ROWS // 3000, 10)
    measured = [measure(connection, segments, columns, segments * HOURS * per_pane) for segments, columns in SIZES]
    print(f'Measured, {per_pane:,} rows per pane and feed, {HOURS} panes of each segment:\n')
    print('| segments | columns | panes | capture, µs/row | log, kB/pane and flush | disk, kB/pane | publish, µs/pane | merge, µs/pane |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
    for line in measured:
        print(f"| {line['segments']} | {line['columns']} | {line['panes']:,} | {line['row'] * 1e6:.2f} | {line['log'] / 1e3:.1f} | {line['disk'] / 1e3:.1f} | {line['publish'] * 1e6:,.0f} | "
              f"{line['merge'] * 1e6:,.0f} |")
    simulate(measured)
