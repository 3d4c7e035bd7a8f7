#!/usr/bin/env python3
"""The listeners that docs/alerts.md shows, run as they stand: they hand on every event in order, also those from before they were started, and each once."""
import os
import re
import signal
import subprocess
import sys
import time

import psycopg

results = [0, 0]


def check(good, what):
    results[0 if good else 1] += 1
    if not good:
        print(f'not ok - {what}')


def block(language):
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'docs', 'alerts.md')
    with open(page, encoding='utf-8') as file:
        return re.search(rf'<!-- run by unit/reference_listener.py -->\n```{language}\n(.*?)```', file.read(), re.S)[1]


class Listener:
    """A listener in a process of its own, whose lines are read one by one."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def lines(self, n):
        return [self.process.stdout.readline().strip() for _ in range(n)]

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()


def wait_for(connection, query):
    for _ in range(1200):
        if connection.execute(query).fetchone()[0]:
            return
        time.sleep(0.1)
    raise SystemExit(f'never true: {query}')


def main():
    signal.alarm(300)
    with psycopg.connect(autocommit=True) as connection:
        connection.execute('CREATE TABLE sales (id bigserial PRIMARY KEY, at timestamptz NOT NULL, price float8)')
        connection.execute("INSERT INTO sales (at, price) SELECT timestamptz '2026-01-01 00:00+00' + i * interval '1 min', 100 + i % 7 + i / 1440 * 10 FROM generate_series(0, 7199) i")
        connection.execute("SELECT weir.create_monitor('sales', 'sales', 'at', window_size => '1 day')")
        connection.execute("SELECT weir.create_event_consumer('python', 0), weir.create_event_consumer('shell', 0)")
        for bound in (105, 115, 125):
            connection.execute("SELECT weir.create_rule(%s, 'sales', 'mean', above => %s, options => '{\"history\": true}')", [f'above {bound}', bound])
        wait_for(connection, "SELECT count(*) = 3 FROM weir.alert_events WHERE event = 'opened'")
        listeners = {'python': ([sys.executable, '-c', block('python')], ' '), 'shell': (['bash', '-c', block('sh')], '|')}
        for name, (command, separator) in listeners.items():
            expected = [separator.join(map(str, row)) for row in
                        connection.execute('SELECT event_id, event, severity, message FROM weir.alert_events ORDER BY event_id').fetchall()]
            listener = Listener(command)
            check(listener.lines(len(expected)) == expected, f'{name}: what happened before it was started')
            alert = connection.execute("SELECT min(alert_id) FROM weir.alerts WHERE state = 'open'").fetchone()[0]
            connection.execute('SELECT weir.acknowledge_alert(%s)', [alert])
            check(re.match(rf'{len(expected) + 1}[ |]acknowledged[ |]alert[ |]mean of price is', listener.lines(1)[0]), f'{name}: what happens while it listens')
            wait_for(connection, f"SELECT behind = 0 FROM weir.event_consumers WHERE consumer = '{name}'")
            listener.stop()
            # While it is away.
            connection.execute('SELECT weir.resolve_alert(%s)', [alert])
            wait_for(connection, f"SELECT behind = 1 FROM weir.event_consumers WHERE consumer = '{name}'")
            listener = Listener(command)
            check(re.match(rf'{len(expected) + 2}[ |]resolved', listener.lines(1)[0]), f'{name}: what happened while it was away, and nothing twice')
            listener.stop()
        connection.execute("SELECT weir.drop_monitor('sales')")
    print(f'{results[0]} passed, {results[1]} failed')
    return 1 if results[1] else 0


if __name__ == '__main__':
    sys.exit(main())
