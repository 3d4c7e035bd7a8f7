#!/usr/bin/env python3
"""The figures of bench/run, as a Markdown table; the server is the one that PGHOST and so on name.

Statements that are compared alternate in one run, after a warm-up, so that what disturbs the machine disturbs both; a figure is the median of
the rounds, a ratio the median of the rounds' ratios.
"""
import os
import platform
import sys
import time

import psycopg

import builds
import capture
import detectors
import drift
import fairness
import jobs
import learner_peers
import learners
import reports
import scale
import series
import summaries
import systems
from common import ROUNDS, ROWS, TABLE, compare, row


# ---- windows ----

def prepare_values(cursor):
    cursor.execute('CREATE TABLE IF NOT EXISTS bench_values (x float8, c text, at timestamptz)')
    cursor.execute('SELECT count(*) FROM bench_values')
    if cursor.fetchone()[0] == 0:
        cursor.execute('SELECT setseed(0.5)')
        cursor.execute('INSERT INTO bench_values SELECT exp(sqrt(-2 * ln(1 - random())) * cos(6.283185307179586 * random())), '
                       "'category ' || (random() * 20)::int, timestamptz '2026-01-01 00:00+00' + n * interval '1 s' FROM generate_series(1, %s) n", (ROWS,))
        cursor.execute('VACUUM ANALYZE bench_values')


def windows(cursor):
    prepare_values(cursor)
    note = f'count(…) of {ROWS:,} rows'
    compare(cursor, "`tumble(at, '5 min')` / `date_bin`", "SELECT count(weir.tumble(at, '5 min')) FROM bench_values",
            "SELECT count(date_bin('5 min', at, '2000-01-03')) FROM bench_values", note)
    compare(cursor, "`tumble(at, '1 day', time_zone => …)` / `date_trunc`", "SELECT count(weir.tumble(at, '1 day', time_zone => 'Europe/Berlin')) FROM bench_values",
            "SELECT count(date_trunc('day', at, 'Europe/Berlin')) FROM bench_values", note)


def machine(cursor):
    model = platform.processor()
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        for line in file:
            if line.startswith('model name'):
                model = line.split(':', 1)[1].strip()
                break
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    cursor.execute('SHOW server_version')
    return f'{model}, {os.cpu_count()} processors, {memory:.0f} GB, Linux {platform.release()}, PostgreSQL {cursor.fetchone()[0]}, {time.strftime("%Y-%m-%d")}'


FIGURES = {**summaries.FIGURES, 'windows': windows, **builds.FIGURES, **capture.FIGURES,
           'detectors': lambda cursor: detectors.speed(cursor, row, min(ROUNDS, 3)), 'detector_delays': detectors.delays, **series.FIGURES,
           'drift': drift.speed, **fairness.FIGURES, **jobs.FIGURES, 'learners': lambda cursor: learners.speed(cursor, row),
           'learner_peers': lambda cursor: learner_peers.peers(cursor, row), 'scale': scale.scale, **systems.FIGURES, **reports.FIGURES}


def main():
    wanted = sys.argv[1:] or list(FIGURES)
    failed = []
    with psycopg.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE EXTENSION weir')
        for name in wanted:
            if name not in FIGURES:
                raise SystemExit(f'no figure {name}; there are {", ".join(FIGURES)}')
            print(f'{name} …', file=sys.stderr, flush=True)
            try:
                FIGURES[name](cursor)
            except (psycopg.Error, RuntimeError) as error:
                failed.append(name)
                print(f'  {name}: {error}', file=sys.stderr)
        print(f'\n{machine(cursor)}; medians of {ROUNDS} rounds\n')
    print('| figure | weir | other | ratio | of |\n| --- | ---: | ---: | ---: | --- |')
    for line in TABLE:
        print('| ' + ' | '.join(line) + ' |')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
