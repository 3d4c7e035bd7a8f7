#!/usr/bin/env python3
"""Checks of data quality against pandas and SciPy, which see the rows themselves.

Random tables with NULLs, NaN, infinities, new categories, repeated keys; edges: no rows, one row, all NULL, one value. REFERENCE_SEED repeats a run.
"""
import json
import math
import random
import sys

import numpy
import pandas
import psycopg
from scipy import stats
from checks import SEED, check, finish

RANDOM = random.Random(SEED)
NUMBERS = numpy.random.default_rng(SEED)


def same(found, expected, tolerance=1e-9):
    if expected is None or found is None:
        return found is None and expected is None
    return abs(found - expected) <= tolerance * max(1, abs(expected))


def numbers(n):
    """Values of a coarse grid, so that every value is known to a summary, with what columns have of trouble."""
    kind = RANDOM.choice(['normal', 'skewed', 'few', 'constant', 'wide'])
    values = {'normal': lambda: NUMBERS.normal(100, 20, n).round(), 'skewed': lambda: NUMBERS.exponential(30, n).round(), 'few': lambda: NUMBERS.integers(0, 5, n),
              'constant': lambda: numpy.full(n, 7.0), 'wide': lambda: 10.0 ** NUMBERS.integers(-300, 300, n)}[kind]()
    series = [float(value) for value in values]
    for value, share in [(None, RANDOM.choice([0, 0, 0.05, 0.5, 1])), (math.nan, RANDOM.choice([0, 0, 0.02])), (math.inf, RANDOM.choice([0, 0, 0.02])),
                         (-math.inf, RANDOM.choice([0, 0, 0.01])), (1e6, RANDOM.choice([0, 0, 0.03]))]:
        for position in range(n):
            if RANDOM.random() < share:
                series[position] = value
    return series


def texts(n, shift):
    width = RANDOM.choice([2, 10, 300])
    series = ['k%d' % (int(value) + shift) for value in NUMBERS.integers(0, width, n)]
    if RANDOM.random() < 0.3:
        series = [None if RANDOM.random() < 0.1 else value for value in series]
    return series


def is_nan(value):
    return value is not None and isinstance(value, float) and math.isnan(value)


def frame_facts(rows):
    """What pandas says of a column; NULL is None, NaN a value like others."""
    column = pandas.Series(rows, dtype='object')
    present = pandas.Series([value for value in rows if value is not None], dtype='object')
    return column, present


def expected_numbers(baseline, current):
    column, present = frame_facts(current)
    values = pandas.Series([float(value) for value in present], dtype='float64')
    ordered = values[~values.isna()]
    before = pandas.Series([float(value) for value in baseline if value is not None], dtype='float64')
    finite = before[numpy.isfinite(before)]
    result = {'null_share': float(column.isna().mean() - (values.isna().sum() / len(column))) if len(column) else None,
              'nan_share': float(values.isna().mean()) if len(values) else None,
              'infinite_share': float(numpy.isinf(values).mean()) if len(values) else None,
              'constant': float(len({'nan' if math.isnan(value) else value for value in values}) == 1) if len(values) else None,
              'distinct_count': float(values.nunique(dropna=False)) if len(values) else None}
    if len(finite) and len(ordered):
        result['out_of_range_share'] = float(((ordered < finite.min()) | (ordered > finite.max())).mean())
        known = before[~before.isna()].sort_values().to_numpy()
        low, high = (known[max(math.ceil(p * len(known)), 1) - 1] for p in (0.01, 0.99))
        result['outlier_share'] = float(((ordered < low) | (ordered > high)).mean())
    return result


def rarefied(baseline, n):
    """The expected number of distinct values among n of the rows, drawn without putting back: one hypergeometric chance per value."""
    counts = pandas.Series(['nan' if is_nan(value) else value for value in baseline if value is not None], dtype='object').value_counts()
    total = int(counts.sum())
    return float(sum(1 - stats.hypergeom.pmf(0, total, int(count), n) for count in counts)) if n <= total else None


def expected_texts(baseline, current):
    column, present = frame_facts(current)
    known = pandas.Series([value for value in baseline if value is not None], dtype='object')
    result = {'null_share': float(column.isna().mean()) if len(column) else None, 'distinct_count': float(present.nunique()) if len(present) else None,
              'constant': float(present.nunique() == 1) if len(present) else None}
    if len(known) and len(present):
        result['unseen_share'] = float((~present.isin(known)).mean())
    return result


def upper_bound(share, n_baseline, n, tolerance):
    """The threshold of a share: the baseline's, and the larger of the tolerance and three standard errors of the difference."""
    smoothed = (share * n_baseline + 0.5) / (n_baseline + 1)
    return share + max(tolerance, 3 * math.sqrt(smoothed * (1 - smoothed) * (1 / n + 1 / n_baseline)))


def compare_columns(cursor, kind, baseline, current, label):
    cursor.execute(f'''SELECT metric, value, threshold, baseline_value, n FROM weir.column_quality(
        (SELECT weir.summarize(x) FROM unnest(%s::{kind}[]) x), (SELECT weir.summarize(x) FROM unnest(%s::{kind}[]) x), min_n => 0)''', (baseline, current))
    found = {row[0]: row[1:] for row in cursor.fetchall()}
    expected = (expected_numbers if kind == 'float8' else expected_texts)(baseline, current)
    wrong = {name: (found.get(name), value) for name, value in expected.items() if name not in found or not same(found[name][0], value)}
    check(bool(found) == bool(current) and (not current or not wrong), f'{label}: values {wrong or ""}')
    if not current or not baseline:
        return
    rows = len([value for value in baseline if value is not None])
    value, threshold, share, n = found['null_share']
    check(same(share, 1 - rows / len(baseline)) and same(threshold, upper_bound(1 - rows / len(baseline), len(baseline), len(current), 0.01)), f'{label}: bound of NULLs')
    value, threshold, distinct, n = found['distinct_count']
    if rows and n and distinct is not None and rarefied(baseline, n) is not None:
        check(same(distinct, rarefied(baseline, n), 1e-7), f'{label}: {distinct} distinct values expected, {rarefied(baseline, n)}')
    if kind == 'text' and rows and n:
        counts = pandas.Series([value for value in baseline if value is not None]).value_counts()
        check(same(found['unseen_share'][2], float((counts == 1).sum()) / rows), f'{label}: Good and Turing')


def compare_tables(cursor, label):
    """Keys, patterns, order and correlation of a table against pandas."""
    n = RANDOM.choice([2, 5, 40, 500])
    frame = pandas.DataFrame({'i': range(n), 'a': NUMBERS.integers(0, max(n // 2, 1), n), 'b': NUMBERS.integers(0, 3, n), 'x': NUMBERS.normal(0, 1, n)})
    frame['y'] = frame['x'] * RANDOM.choice([-2, 0, 0.5]) + NUMBERS.normal(0, 1, n)
    frame['code'] = [RANDOM.choice(['AB12', 'X1', 'zz', '']) for _ in range(n)]
    cursor.execute('DROP TABLE IF EXISTS reference_quality; CREATE TEMP TABLE reference_quality (i int, a int, b int, x float8, y float8, code text)')
    cursor.executemany('INSERT INTO reference_quality VALUES (%s, %s, %s, %s, %s, %s)', [(int(r.i), int(r.a), int(r.b), float(r.x), float(r.y), r.code) for r in frame.itertuples()])
    constraints = [{'metric': 'duplicate_share', 'expected': ['a', 'b']}, {'column_name': 'code', 'metric': 'pattern_mismatch_share', 'expected': '^[A-Z]+[0-9]+$'},
                   {'column_name': 'x', 'metric': 'order_break_share', 'expected': 'i'}, {'column_name': 'x', 'metric': 'correlation', 'expected': 'y'},
                   {'column_name': 'a', 'metric': 'duplicate_share'}]
    cursor.execute("SELECT column_name, metric, value FROM weir.check_quality('reference_quality', %s) WHERE detail ? 'constraint'", (json.dumps(constraints),))
    found = {(row[0], row[1]): row[2] for row in cursor.fetchall()}
    expected = {('a, b', 'duplicate_share'): float(frame.duplicated(['a', 'b']).mean()), ('a', 'duplicate_share'): float(frame.duplicated(['a']).mean()),
                ('code', 'pattern_mismatch_share'): float((~frame['code'].str.contains('^[A-Z]+[0-9]+$')).mean()),
                ('x', 'order_break_share'): float((frame['x'].diff().dropna() < 0).mean()), ('x', 'correlation'): float(stats.pearsonr(frame['x'], frame['y'])[0])}
    wrong = {name: (found.get(name), value) for name, value in expected.items() if not same(found.get(name), value)}
    check(not wrong, f'{label}: keys, patterns, order, correlation of {n} rows {wrong or ""}')


def main():
    with psycopg.connect(autocommit=True) as connection, connection.cursor() as cursor:
        for case in range(60):
            sizes = RANDOM.choice([(1000, 200), (200, 200), (50, 49), (1, 1), (1000, 1), (1, 40), (300, 0), (0, 100)])
            compare_columns(cursor, 'float8', numbers(sizes[0]), numbers(sizes[1]), f'numbers {case} of {sizes}')
            compare_columns(cursor, 'text', texts(sizes[0], 0), texts(sizes[1], RANDOM.choice([0, 0, 1, 500])), f'texts {case} of {sizes}')
        for case in range(12):
            compare_tables(cursor, f'table {case}')
    return finish()


if __name__ == '__main__':
    sys.exit(main())
