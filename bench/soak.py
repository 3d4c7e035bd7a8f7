#!/usr/bin/env python3
"""The soak of bench/soak; the server is the one that PGHOST and so on name."""
import os
import statistics
import sys
import threading
import time

import psycopg

MINUTES = float(os.environ.get('SOAK_MINUTES', 30))
RATE = int(os.environ.get('SOAK_RATE', 2000))
EVERY = float(os.environ.get('SOAK_EVERY', 60))
KEPT_HOURS = 6  # of event time: what is older is deleted from the table and given up by the monitors, as in a database that lives for years
SPEED = 60  # event time passes so many times faster than the clock

SETUP = f"""
CREATE TABLE soak (id bigserial PRIMARY KEY, at timestamptz NOT NULL, amount float8, latency float8, status text, region text, sex text, won boolean, paid int);
CREATE INDEX ON soak (at);
ALTER TABLE soak REPLICA IDENTITY FULL;
SELECT weir.create_monitor('soak', 'soak', 'at', window_size => '5 min', segment_by => '{{region}}', prediction => 'won', label => 'paid', protected => '{{sex}}',
    columns => '{{amount,latency,status}}', retention => '{KEPT_HOURS} hours', on_delete => 'ignore');
SELECT weir.create_monitor('exact', 'soak', 'at', window_size => '1 hour', columns => '{{amount,status}}', retention => '{KEPT_HOURS - 2} hours');
"""


class Load(threading.Thread):
    """Inserts in transactions of a twentieth of a second, changes one row in twenty, deletes what is old."""

    def __init__(self, began):
        super().__init__(daemon=True)
        self.began = began
        self.stopping = threading.Event()
        self.rows = 0
        self.error = None

    def run(self):
        try:
            with psycopg.connect(autocommit=True) as connection:
                batch = max(RATE // 20, 1)
                next_delete = 0.0
                while not self.stopping.is_set():
                    passed = time.monotonic() - self.began
                    with connection.transaction():
                        connection.execute(
                            'INSERT INTO soak (at, amount, latency, status, region, sex, won, paid) '
                            "SELECT now() - %(hours)s * interval '1 hour' + (%(event)s - random() * 300 * (random() < .02)::int) * interval '1 s', exp(3 * random()), 100 * random(), "
                            "'status ' || (random() * 6)::int, 'region ' || (random() * 9)::int, (ARRAY['F', 'M'])[1 + (random() < .5)::int], random() < .4, (random() < .5)::int "
                            'FROM generate_series(1, %(batch)s)', {'event': passed * (SPEED - 1), 'hours': MINUTES * SPEED / 60, 'batch': batch})
                        connection.execute('UPDATE soak SET paid = 1 - paid, amount = amount + 1 WHERE id = ANY(ARRAY(SELECT last - (random() * 20000)::int '
                                           'FROM (SELECT max(id) AS last FROM soak) l, generate_series(1, %s)))', (max(batch // 20, 1),))
                    self.rows += batch
                    if passed > next_delete:
                        connection.execute("DELETE FROM soak WHERE at < (SELECT max(at) FROM soak) - %s * interval '1 hour'", (KEPT_HOURS,))
                        next_delete = passed + 10
                    time.sleep(max(0.0, self.began + self.rows / RATE - time.monotonic()))
        except Exception as error:  # told by the main thread
            self.error = error


def resident(pid):
    """Private memory of a process, in bytes."""
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        for line in file:
            if line.startswith('RssAnon:'):
                return int(line.split()[1]) * 1024
    return 0


def look(connection):
    pid, lag, kept, own, rows = connection.execute(
        'SELECT pid, coalesce(lag_bytes, 0), coalesce(wal_kept_bytes, 0), coalesce(memory_bytes, 0), rows_total FROM weir.capture_status').fetchone()
    panes, size, dead = connection.execute(
        "SELECT (SELECT count(*) FROM weir.pane), pg_total_relation_size('weir.pane'), (SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = 'weir.pane'::regclass)").fetchone()
    spilled = connection.execute('SELECT coalesce(sum(spill_bytes), 0)::bigint FROM pg_stat_replication_slots').fetchone()[0]
    return {'rows': rows, 'worker, MB': resident(pid) / 2**20 if pid else 0, 'of it panes and contexts, MB': own / 2**20, 'lag, kB': lag / 1024, 'WAL kept, MB': kept / 2**20,
            'spilled, MB': spilled / 2**20, 'panes': panes, 'pane table, MB': size / 2**20, 'dead rows in it': dead}


def main():
    looks = []
    with psycopg.connect(autocommit=True) as connection:
        connection.execute('CREATE EXTENSION weir')
        connection.execute(SETUP)
        connection.execute("SELECT weir.wait_for(timeout => '1 min')")
        began = time.monotonic()
        load = Load(began)
        load.start()
        number = 0
        while time.monotonic() - began < MINUTES * 60 and load.error is None:
            number += 1
            time.sleep(max(0.0, began + number * EVERY - time.monotonic()))
            found = {'minute': (time.monotonic() - began) / 60, **look(connection)}
            looks.append(found)
            print('  ' + ', '.join(f'{name} {value:,.1f}' for name, value in found.items()), file=sys.stderr, flush=True)
        load.stopping.set()
        load.join()
        if load.error is not None:
            raise SystemExit(f'the load failed: {load.error}')
        connection.execute("SELECT weir.wait_for(timeout => '5 min')")
        verified = {name: connection.execute('SELECT panes, equal, different, marked FROM weir.verify(%s)', (name,)).fetchone() for name in ('soak', 'exact')}
        gaps = connection.execute('SELECT count(*) FROM weir.gap').fetchone()[0]

    names = list(looks[0])
    print('| ' + ' | '.join(names) + ' |\n|' + ' ---: |' * len(names))
    shown = looks[::max(1, len(looks) // 15)]
    for found in shown:
        print('| ' + ' | '.join(f'{value:,.0f}' if name in ('rows', 'panes', 'dead rows in it', 'minute') else f'{value:,.1f}' for name, value in found.items()) + ' |')
    print(f'\n{RATE:,} rows/s for {MINUTES:g} minutes, event time {SPEED} times faster than the clock, {KEPT_HOURS} hours of it kept; {load.rows:,} rows inserted; gaps: {gaps}')
    failed = gaps != 0
    for name, (panes, equal, different, marked) in verified.items():
        print(f'verify of {name}: {panes} panes, {equal} equal, {different} different, {marked} marked')
        failed |= different != 0
    # Flat: the median of the last third is not above that of the middle third by more than a quarter and a little that noise explains.
    third = max(1, len(looks) // 3)
    for name, slack in (('worker, MB', 4), ('lag, kB', 2048), ('WAL kept, MB', 48), ('pane table, MB', 8)):
        middle, last = (statistics.median(found[name] for found in part) for part in (looks[third:2 * third] or looks, looks[-third:]))
        flat = last <= middle * 1.25 + slack
        failed |= not flat
        print(f'{name}: {middle:,.1f} in the middle third, {last:,.1f} in the last: {"flat" if flat else "NOT FLAT"}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
