"""Figures of capture: throughput beside a bare output plugin and the apply worker, what writers lose, freshness, many groups."""
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import psycopg

from common import ROUNDS, ROWS, SECONDS, milliseconds, row

COLUMNS = ('id bigint PRIMARY KEY, at timestamptz NOT NULL, customer int, amount float8, price numeric(12,2), latency float8, status text, region text, ok boolean, '
           'note text')
EVENT = ("n, timestamptz '2026-01-01 00:00+00' + n % 64 * interval '1 hour' + n % 3600 * interval '1 s', n % 1000, exp(random() * 5), (n % 9999) / 100.0, random() * 100, "
         "'status ' || n % 5, 'region ' || n % 16, n % 3 = 0, 'a note of some length'")
FOLDED = '10 columns, all folded, 64 panes'
PREFIX = os.environ.get('BENCH_AS', '').split()


def events_table(connection, name, columns='{id,at,customer,amount,price,latency,status,region,ok,note}', monitors=1):
    connection.execute(f'CREATE TABLE {name} ({COLUMNS})')
    connection.execute(f'ALTER TABLE {name} REPLICA IDENTITY FULL')
    for number in range(monitors):
        connection.execute(f"SELECT weir.create_monitor('{name}_{number}', '{name}', 'at', columns => '{columns}', window_size => '1 hour', "
                           "options => '{\"pane_size\": \"1 hour\"}')")
    if monitors > 0:
        wait(connection)


def load(connection, name, since, rows, per_transaction=10_000):
    if per_transaction == 1:
        connection.execute('SET synchronous_commit = off')
        connection.execute(f'DO $$ BEGIN FOR n IN {since}..{since + rows - 1} LOOP INSERT INTO {name} SELECT {EVENT}; COMMIT; END LOOP; END $$')
        connection.execute('RESET synchronous_commit')
        connection.execute("SELECT pg_logical_emit_message(true, 'bench', 'flushes the log')")
        return
    for first in range(since, since + rows, per_transaction):
        connection.execute(f'INSERT INTO {name} SELECT {EVENT} FROM generate_series({first}, {min(first + per_transaction, since + rows) - 1}) n')


def wait(connection):
    connection.execute("SELECT weir.wait_for(timeout => '30 min')").fetchall()


def capture_pid(connection):
    return connection.execute('SELECT pid FROM weir.capture_status').fetchone()[0]


def signal_process(pid, number):
    subprocess.run(PREFIX + ['kill', f'-{number}', str(pid)], check=True)


def private_memory(pid):
    """Bytes that the process has for itself."""
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        for line in file:
            if line.startswith('RssAnon:'):
                return int(line.split()[1]) * 1024
    raise RuntimeError('no RssAnon')


def processor_time(pid):
    """Seconds that the process has spent so far, to the microsecond."""
    with open(f'/proc/{pid}/schedstat', encoding='utf-8') as file:
        return int(file.read().split()[0]) / 1e9


def watch_memory(pid, stop, peak):
    while not stop.is_set():
        peak.value = max(peak.value, private_memory(pid))
        time.sleep(0.01)


class Peak:
    """The most memory that the process had while the block ran."""

    def __init__(self, pid):
        self.stop = multiprocessing.Event()
        self.peak = multiprocessing.Value('q', 0)
        self.watcher = multiprocessing.Process(target=watch_memory, args=(pid, self.stop, self.peak))

    def __enter__(self):
        self.watcher.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.watcher.join()


# ---- beside a bare plugin ----

def settle(connection):
    """Both slots restart where they stand, so that neither reads again what the last round wrote."""
    for _ in range(2):
        connection.execute('CHECKPOINT')
        connection.execute("SELECT weir_bench.drain('bench')").fetchall()
        wait(connection)
        time.sleep(0.5)


def captured_seconds(connection, name, since, rows, per_transaction, drain):
    """Times that capture and drain take for the same rows; drain comes first or second by turns."""
    pid = capture_pid(connection)
    own = connection.info.backend_pid
    idle = private_memory(pid)
    # Capture stands still while rows are written, and has nothing in hand: it waits on its latch.
    signal_process(pid, signal.SIGSTOP.value)
    try:
        load(connection, name, since, rows, per_transaction)
        before = processor_time(own)
        read, bare = drain() if since // rows % 2 == 0 else (None, None)
        bare_processor = processor_time(own) - before
    finally:
        signal_process(pid, signal.SIGCONT.value)
    with Peak(pid) as peak:
        start = time.perf_counter()
        before = processor_time(pid)
        wait(connection)
        captured = time.perf_counter() - start
        captured_processor = processor_time(pid) - before
    if bare is None:
        before = processor_time(own)
        read, bare = drain()
        bare_processor = processor_time(own) - before
    if read != rows:
        raise RuntimeError(f'the bare plugin read {read} of {rows} rows')
    ratio = bare_processor / max(captured_processor, 0.01)
    print(f'  captured {captured:.3f} s, bare {bare:.3f} s, by processor time {ratio:.2f}', file=sys.stderr)
    return captured, bare, ratio, peak.peak.value - idle


def against_bare(connection, figure, name, rows, per_transaction, note, rounds=min(ROUNDS, 5), in_progress=False):
    def drain():
        return connection.execute("SELECT * FROM weir_bench.drain('bench', %s)", (in_progress,)).fetchone()

    connection.execute('CREATE EXTENSION IF NOT EXISTS weir_bench')
    events_table(connection, name)
    connection.execute("SELECT pg_create_logical_replication_slot('bench', 'weir_bench')").fetchall()
    connection.execute("SET logical_decoding_work_mem = '16MB'")
    times = []
    memory = 0
    for number in range(rounds + 1):
        settle(connection)
        captured, bare, ratio, more = captured_seconds(connection, name, 1 + number * rows, rows, per_transaction, drain)
        if number == 0 and rounds > 0:  # the first is the warm-up, but the panes are new
            memory = more
            continue
        times.append((rows / captured, rows / bare, ratio))
    connection.execute('RESET logical_decoding_work_mem')
    panes, equal = connection.execute('SELECT panes, equal FROM weir.verify(%s)', (f'{name}_0',)).fetchone()
    row(f'{figure} / bare plugin, rows/s', f'{statistics.median(a for a, _, _ in times):,.0f}', f'{statistics.median(b for _, b, _ in times):,.0f}',
        f'{statistics.median(a / b for a, b, _ in times):.2f}',
        f'{FOLDED}; {note}; by processor time {statistics.median(c for _, _, c in times):.2f}; verify: {equal} of {panes} panes equal')
    connection.execute("SELECT pg_drop_replication_slot('bench')")
    connection.execute('SELECT weir.drop_monitor(%s)', (f'{name}_0',))
    return memory


def capture(cursor):
    against_bare(cursor.connection, 'capture', 'bench_batches', ROWS, 10_000, 'transactions of 10,000 rows')


def capture_single(cursor):
    against_bare(cursor.connection, 'capture', 'bench_singles', max(ROWS // 4, 1), 1, 'transactions of one row')


def capture_large(cursor):
    for in_progress in (True, False):
        name = 'bench_large' if in_progress else 'bench_spilled'
        memory = against_bare(cursor.connection, 'capture', name, ROWS, ROWS,
                              f'one transaction of {ROWS:,} rows; the plugin decodes it {"in progress, as capture does" if in_progress else "from disk, after it is over"}',
                              rounds=2, in_progress=in_progress)
        if in_progress:
            row('memory of the capture worker above idle', f'{memory / 2**20:,.0f} MB', '', '', f'one transaction of {ROWS:,} rows into {FOLDED}')


# ---- beside the apply worker ----

def apply(cursor):
    """The subscription lives in the same cluster, in another database."""
    connection = cursor.connection
    rows = max(ROWS // 2, 1)
    connection.execute('CREATE DATABASE bench_publisher')
    publisher = psycopg.connect(dbname='bench_publisher', autocommit=True)
    publisher.execute(f'CREATE TABLE bench_applied ({COLUMNS})')
    publisher.execute('CREATE PUBLICATION bench FOR TABLE bench_applied')
    publisher.execute("SELECT pg_create_logical_replication_slot('bench_apply', 'pgoutput')").fetchall()
    events_table(connection, 'bench_applied')
    connection.execute(f"CREATE SUBSCRIPTION bench CONNECTION 'dbname=bench_publisher host={os.environ['PGHOST']} port={os.environ['PGPORT']} "
                       f"user={os.environ['PGUSER']}' PUBLICATION bench WITH (create_slot = false, slot_name = bench_apply, copy_data = false)")
    wait(connection)
    ratios = []
    for number in range(min(ROUNDS, 3)):
        pid = capture_pid(connection)
        signal_process(pid, signal.SIGSTOP.value)
        try:
            before = connection.execute('SELECT count(*) FROM bench_applied').fetchone()[0]
            connection.execute('ALTER SUBSCRIPTION bench DISABLE')
            load(publisher, 'bench_applied', 1 + number * rows, rows)
            start = time.perf_counter()
            connection.execute('ALTER SUBSCRIPTION bench ENABLE')
            publisher.execute("SELECT pg_current_wal_lsn()")
            while connection.execute('SELECT count(*) FROM (SELECT FROM bench_applied OFFSET %s LIMIT 1) last', (before + rows - 1,)).fetchone()[0] == 0:
                time.sleep(0.05)
            applied = time.perf_counter() - start
        finally:
            signal_process(pid, signal.SIGCONT.value)
        start = time.perf_counter()
        wait(connection)
        ratios.append((rows / (time.perf_counter() - start), rows / applied))
    row('capture / apply worker that feeds it, rows/s', f'{statistics.median(a for a, _ in ratios):,.0f}', f'{statistics.median(b for _, b in ratios):,.0f}',
        f'{statistics.median(a / b for a, b in ratios):.1f}', f'{FOLDED}; {rows:,} rows in transactions of 10,000')
    connection.execute('DROP SUBSCRIPTION bench')
    connection.execute("SELECT weir.drop_monitor('bench_applied_0')")
    publisher.close()


# ---- what writers lose ----

SCRIPT = """\\set n random(1, 1000000000)
INSERT INTO {name} SELECT nextval('bench_id'), now(), x % 1000, exp(random() * 5), (x % 9999) / 100.0, random() * 100,
  'status ' || x % 5, 'region ' || x % 16, x % 3 = 0, 'a note of some length' FROM (VALUES (CAST(:n AS int))) v(x);
"""

TRIGGER = """
CREATE TABLE bench_aggregates (window_start timestamptz, region text, n bigint, sums float8[], squares float8[], low float8[], high float8[], PRIMARY KEY (window_start, region));
CREATE FUNCTION bench_aggregate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO bench_aggregates AS a VALUES (date_trunc('hour', new.at), new.region, 1, ARRAY[new.customer, new.amount, new.price, new.latency],
      ARRAY[new.customer::float8 ^ 2, new.amount ^ 2, new.price ^ 2, new.latency ^ 2], ARRAY[new.customer, new.amount, new.price, new.latency],
      ARRAY[new.customer, new.amount, new.price, new.latency])
  ON CONFLICT (window_start, region) DO UPDATE SET n = a.n + 1,
      sums = ARRAY[a.sums[1] + new.customer, a.sums[2] + new.amount, a.sums[3] + new.price, a.sums[4] + new.latency],
      squares = ARRAY[a.squares[1] + new.customer::float8 ^ 2, a.squares[2] + new.amount ^ 2, a.squares[3] + new.price ^ 2, a.squares[4] + new.latency ^ 2],
      low = ARRAY[least(a.low[1], new.customer), least(a.low[2], new.amount), least(a.low[3], new.price), least(a.low[4], new.latency)],
      high = ARRAY[greatest(a.high[1], new.customer), greatest(a.high[2], new.amount), greatest(a.high[3], new.price), greatest(a.high[4], new.latency)];
  RETURN NULL;
END $$;
CREATE TRIGGER bench_aggregate AFTER INSERT ON bench_triggered FOR EACH ROW EXECUTE FUNCTION bench_aggregate();
"""


SUMMED = ("SELECT date_bin('1 hour', at, '2000-01-01 00:00+00') AS window_start, region, count(*) AS n, sum(customer) AS customer, sum(amount) AS amount, sum(price) AS price, "
          "sum(latency) AS latency, min(amount) AS low, max(amount) AS high FROM {} GROUP BY date_bin('1 hour', at, '2000-01-01 00:00+00'), region")


class Refresh(threading.Thread):
    """Computes the materialized view anew, every second as long as that takes less: what a job of pg_cron would do."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopping = threading.Event()

    def run(self):
        with psycopg.connect(autocommit=True) as connection:
            while not self.stopping.wait(1):
                connection.execute('REFRESH MATERIALIZED VIEW bench_refreshed_sums')


def has_pg_ivm(connection):
    if connection.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_ivm'").fetchone()[0] == 0:
        print('  writers: beside pg_ivm is left out, this server does not have it', file=sys.stderr)
        return False
    connection.execute('CREATE EXTENSION pg_ivm')
    return True


def pgbench(name, seconds):
    with tempfile.NamedTemporaryFile('w', suffix='.sql', delete=False) as file:
        file.write(SCRIPT.format(name=name))
    try:
        os.chmod(file.name, 0o644)
        result = subprocess.run([os.path.join(os.environ['BENCH_BIN'], 'pgbench'), '-n', '-M', 'prepared', '-c', '2', '-j', '1', '-T', str(seconds), '-f', file.name,
                                 os.environ.get('PGDATABASE', 'postgres')], check=True, capture_output=True, text=True)
    finally:
        os.unlink(file.name)
    return float(next(line.split('=')[1].split()[0] for line in result.stdout.splitlines() if line.startswith('tps = ')))


def let_capture(connection, way):
    """Lets it run as any process, or with processor time that nobody else wants (idle); or pauses it. Its pid, when it has caught up."""
    if way == 'pause':
        connection.execute('SELECT weir.pause_capture()')
        while capture_pid(connection) is not None:
            time.sleep(0.05)
        return None
    connection.execute(f"ALTER SYSTEM SET weir.capture_nice = {20 if way == 'idle' else 0}")
    connection.execute('SELECT pg_reload_conf()')
    connection.execute('SELECT weir.resume_capture()')
    wanted = os.SCHED_IDLE if way == 'idle' else os.SCHED_OTHER
    while True:
        wait(connection)
        pid = capture_pid(connection)
        try:
            if pid is not None and os.sched_getscheduler(pid) == wanted:
                return pid
        except ProcessLookupError:
            pass
        time.sleep(0.05)


def writers(cursor):
    """The same inserts into tables of the same replica identity; by turns, in one run. Where no monitor watches, capture is paused."""
    connection = cursor.connection
    connection.execute('CREATE SEQUENCE bench_id CACHE 1000')
    events_table(connection, 'bench_unwatched', monitors=0)
    events_table(connection, 'bench_watched', monitors=3)
    events_table(connection, 'bench_triggered', monitors=0)
    connection.execute(TRIGGER)
    events_table(connection, 'bench_refreshed', monitors=0)
    connection.execute('CREATE MATERIALIZED VIEW bench_refreshed_sums AS ' + SUMMED.format('bench_refreshed'))
    beside = {'bench_triggered': ('a trigger', 'sums, squares and extremes of 4 columns by hour and region, row by row'),
              'bench_refreshed': ('a materialized view refreshed every second', 'sums of 4 columns and extremes of one by hour and region')}
    if has_pg_ivm(connection):
        events_table(connection, 'bench_incremental', monitors=0)
        connection.execute("SELECT pgivm.create_immv('bench_incremental_sums', %s)", (SUMMED.format('bench_incremental'),))
        beside['bench_incremental'] = ('pg_ivm', 'sums of 4 columns and extremes of one by hour and region, kept by statement')
    seconds = max(2, int(SECONDS / 3))
    found = {name: [] for name in ('bench_unwatched', 'bench_watched', 'idle', *beside)}
    shares = []
    for number in range(min(ROUNDS, 5)):
        for name in (list(found) if number % 2 == 0 else list(reversed(found))):
            pid = let_capture(connection, {'bench_watched': 'run', 'idle': 'idle'}.get(name, 'pause'))
            before = 0 if pid is None else processor_time(pid)
            refresh = Refresh()
            if name == 'bench_refreshed':
                refresh.start()
            found[name].append(pgbench('bench_watched' if name == 'idle' else name, seconds))
            refresh.stopping.set()
            if name == 'bench_refreshed':
                refresh.join()
            if name == 'bench_watched':
                shares.append((processor_time(pid) - before) / seconds)
    let_capture(connection, 'run')
    none = statistics.median(found['bench_unwatched'])
    folded = '10 columns each, folded'
    names = {'bench_watched': ('3 monitors', f'{folded}; capture took {statistics.median(shares):.1%} of one processor'),
             'idle': ('3 monitors, weir.capture_nice = 20', folded), **beside}
    for name, (figure, what) in names.items():
        ratio = statistics.median(a / b for a, b in zip(found[name], found['bench_unwatched']))
        row(f'insert, tps: {figure} / none', f'{statistics.median(found[name]):,.0f}', f'{none:,.0f}', f'{ratio:.3f}', f'2 clients, single rows; {what}')
    for number in range(3):
        connection.execute('SELECT weir.drop_monitor(%s)', (f'bench_watched_{number}',))


# ---- freshness ----

def poll(name, stop, seen):
    """When how many rows were visible."""
    with psycopg.connect(autocommit=True) as connection:
        found = []
        while not stop.is_set():
            n = connection.execute('SELECT coalesce(sum(n), 0)::bigint FROM weir.windows WHERE monitor = %s', (name,)).fetchone()[0]
            found.append((time.monotonic(), n))
            time.sleep(0.002)
        seen.send(found)


def delays_of(connection, name, per_commit, rate, seconds, insert):
    """Delays from commit to visible of commits that come at a steady rate."""
    before = connection.execute('SELECT coalesce(sum(n), 0)::bigint FROM weir.windows WHERE monitor = %s', (name,)).fetchone()[0]
    stop = multiprocessing.Event()
    receiver, sender = multiprocessing.Pipe(False)
    poller = multiprocessing.Process(target=poll, args=(name, stop, sender))
    poller.start()
    time.sleep(1)
    committed = []
    start = time.monotonic()
    for number in range(int(rate * seconds)):
        insert(before + number * per_commit + 1, per_commit)
        committed.append(time.monotonic())
        time.sleep(max(0.0, start + (number + 1) / rate - time.monotonic()))
    took = time.monotonic() - start
    wait(connection)
    time.sleep(0.5)
    stop.set()
    found = receiver.recv()
    poller.join()
    delays = []
    position = 0
    for number, moment in enumerate(committed):
        while position < len(found) and found[position][1] < before + (number + 1) * per_commit:
            position += 1
        if position == len(found):
            raise RuntimeError('rows did not become visible')
        delays.append(found[position][0] - moment)
    delays.sort()
    polls = statistics.median(b[0] - a[0] for a, b in zip(found, found[1:]))
    return delays, polls, len(committed) * per_commit / took


# As rows of a stream come: of the moment, so that one pane or two change.
EVENT_NOW = EVENT.replace("timestamptz '2026-01-01 00:00+00' + n % 64 * interval '1 hour' + n % 3600 * interval '1 s'", 'clock_timestamp()')


def freshness(cursor):
    """Rows of the moment; then rows that change 64 panes each time, whose flushes write more than the share of the source's WAL allows five times a second."""
    connection = cursor.connection
    events_table(connection, 'bench_fresh', columns='{amount,latency,status,ok}')
    for event, panes, synchronous_commit, per_commit in ((EVENT_NOW, 'rows of the moment', 'on', 1), (EVENT_NOW, 'rows of the moment', 'off', 1),
                                                         (EVENT_NOW, 'rows of the moment', 'on', 25), (EVENT, 'rows in all of 64 panes', 'on', 25)):
        connection.execute(f'SET synchronous_commit = {synchronous_commit}')
        delays, polls, rate = delays_of(connection, 'bench_fresh_0', per_commit, 200, SECONDS,
                                        lambda first, n, event=event: connection.execute(f'INSERT INTO bench_fresh SELECT {event} FROM generate_series({first}, {first + n - 1}) n'))
        connection.execute('RESET synchronous_commit')
        row(f'commit → visible in `weir.windows`, synchronous_commit = {synchronous_commit}, {panes}', f'p50 {milliseconds(delays[len(delays) // 2])}',
            f'p99 {milliseconds(delays[int(len(delays) * 0.99)])}', '', f'{rate:,.0f} rows/s in commits of {per_commit}, polled every {milliseconds(polls)}')
    connection.execute("SELECT weir.drop_monitor('bench_fresh_0')")


# ---- many groups ----

GROUPS = 1000
GROUP_EVENT = ("n, now() - 3 * interval '1 s' * random(), n % 777, exp(random() * 5), (n % 9999) / 100.0, random() * 100, 'status ' || n % 5, "
               f"'group ' || (n::bigint * 7919) % {GROUPS}, n % 3 = 0, 'a note of some length'")


def insert_steadily(connection, name, since, rate, seconds):
    """Ten transactions a second; the WAL that was written meanwhile."""
    wal = connection.execute('SELECT pg_current_wal_lsn()').fetchone()[0]
    start = time.monotonic()
    per_commit = rate // 10
    for number in range(int(seconds * 10)):
        connection.execute(f'INSERT INTO {name} SELECT {GROUP_EVENT} FROM generate_series({since}, {since + per_commit - 1}) n')
        since += per_commit
        time.sleep(max(0.0, start + (number + 1) / 10 - time.monotonic()))
    return since, float(connection.execute('SELECT pg_current_wal_lsn() - %s::pg_lsn', (wal,)).fetchone()[0]), time.monotonic() - start


def groups(cursor):
    """The source's own WAL is measured on a table that nobody watches."""
    connection = cursor.connection
    seconds = SECONDS * 20
    rate = 10_000
    for name in ('bench_plain', 'bench_groups'):
        connection.execute(f'CREATE TABLE {name} ({COLUMNS})')
    next_id, plain, took = insert_steadily(connection, 'bench_plain', 1, rate, seconds / 5)
    plain /= took
    connection.execute("SELECT weir.create_monitor('bench_groups', 'bench_groups', 'at', columns => '{id,at,customer,amount,price,latency,status,region,ok,note}', "
                       "segment_by => '{region}', window_size => '5 minutes', options => '{\"pane_size\": \"5 minutes\"}')")
    wait(connection)
    pid = capture_pid(connection)
    with Peak(pid) as peak:
        next_id, watched, took = insert_steadily(connection, 'bench_groups', next_id, rate, seconds)
        flushed = connection.execute('SELECT extract(epoch FROM flush_interval) FROM weir.capture_status').fetchone()[0]
    wait(connection)
    panes, equal = connection.execute("SELECT panes, equal FROM weir.verify('bench_groups')").fetchone()
    note = f'{GROUPS:,} groups × 10 columns, 5-minute panes, {rate:,} rows/s for {took:,.0f} s; verify: {equal} of {panes} panes equal'
    row('memory of the capture worker', f'{peak.peak.value / 2**20:,.0f} MB', '', '', note)
    row('WAL written by capture / by the source, MB/s', f'{(watched / took - plain) / 2**20:.2f}', f'{plain / 2**20:.2f}', f'{(watched / took - plain) / plain:.2f}',
        f'the same; flushed about every {flushed:,.0f} s')
    connection.execute("SELECT weir.drop_monitor('bench_groups')")


FIGURES = {'capture': capture, 'capture_single': capture_single, 'capture_large': capture_large, 'apply': apply, 'writers': writers, 'freshness': freshness,
           'groups': groups}
