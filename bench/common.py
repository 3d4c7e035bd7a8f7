"""What the files of figures share: sizes from the environment, timing, and the table of results."""
import os
import statistics
import sys
import time

ROWS = int(os.environ.get('BENCH_ROWS', 1_000_000))
ROUNDS = int(os.environ.get('BENCH_ROUNDS', 7))
SECONDS = float(os.environ.get('BENCH_SECONDS', 15))
TABLE = []


def row(figure, value, other='', ratio='', note=''):
    TABLE.append((figure, value, other, ratio, note))
    print(f'  {figure}: {value} {other} {ratio} {note}'.rstrip(), file=sys.stderr, flush=True)


def milliseconds(seconds):
    return f'{seconds * 1000:,.0f} ms' if seconds > 0.1 else f'{seconds * 1000:,.1f} ms'


def timed(cursor, statement):
    start = time.perf_counter()
    cursor.execute(statement)
    cursor.fetchall()
    return time.perf_counter() - start


def alternate(cursor, first, second):
    """Medians of both statements, and of the ratio first / second."""
    timed(cursor, first)
    timed(cursor, second)
    times = []
    for number in range(ROUNDS):
        if number % 2 == 0:
            a = timed(cursor, first)
            b = timed(cursor, second)
        else:
            b = timed(cursor, second)
            a = timed(cursor, first)
        times.append((a, b))
    return statistics.median(a for a, _ in times), statistics.median(b for _, b in times), statistics.median(a / b for a, b in times)


def compare(cursor, name, first, second, note=''):
    a, b, ratio = alternate(cursor, first, second)
    row(name, milliseconds(a), milliseconds(b), f'{ratio:.2f}', note)
