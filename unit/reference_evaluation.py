"""Compares compare_models with statsmodels (McNemar), scikit-learn (metrics), Fairlearn (gaps), SciPy (bootstrap) and brute force in numpy (DeLong).

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import math
import sys
import warnings

import numpy as np
import psycopg
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from scipy import stats
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from checks import SEED, check, finish, random

warnings.filterwarnings('ignore')
Z = stats.norm.ppf(0.975)


def close(a, b, tolerance=1e-9):
    if a is None or b is None or math.isnan(b):
        return a is None and (b is None or math.isnan(b))
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def compared(cursor, columns, **options):
    """Fills the table and compares; {(group, metric): row as a dictionary}."""
    cursor.execute('DROP TABLE IF EXISTS reference_rows')
    kinds = {name: 'text' if values.dtype.kind in 'UO' else 'float8' for name, values in columns.items()}
    cursor.execute('CREATE TEMP TABLE reference_rows (' + ', '.join(f'{name} {kind}' for name, kind in kinds.items()) + ')')
    with cursor.copy('COPY reference_rows FROM STDIN') as copy:
        for row in zip(*columns.values()):
            copy.write_row([value if isinstance(value, str) else float(value) for value in row])
    arguments = ''.join(f', {name} => %s' for name in options)
    cursor.execute("SELECT * FROM weir.compare_models('reference_rows'" + arguments + ')', list(options.values()))
    names = [column.name for column in cursor.description]
    return {(row[0], row[1]): dict(zip(names, row)) for row in cursor.fetchall()}


# ---- accuracy and area ----

def delong(y, a, b):
    """Difference of areas and its standard error, straight from the kernel over all pairs."""
    areas, components = [], []
    for s in (a, b):
        positives, negatives = s[y == 1], s[y == 0]
        kernel = (positives[:, None] > negatives[None, :]) + 0.5 * (positives[:, None] == negatives[None, :])
        areas.append(kernel.mean())
        components.append((kernel.mean(axis=1), kernel.mean(axis=0)))
    if min((y == 1).sum(), (y == 0).sum()) < 2:
        return areas[1] - areas[0], math.nan
    positives, negatives = (np.cov(components[0][i], components[1][i]) for i in (0, 1))
    contrast = np.array([-1, 1])
    return areas[1] - areas[0], math.sqrt(max(0, contrast @ (positives / (y == 1).sum() + negatives / (y == 0).sum()) @ contrast))


def scores_of(y, form):
    n = len(y)
    if form == 0:
        return random.random(n)
    if form == 1:
        return np.clip(0.3 * y + 0.6 * random.random(n), 0, 1)
    if form == 2:
        return np.round(np.clip(0.2 * y + 0.8 * random.random(n), 0, 1), 1)
    if form == 3:
        return np.full(n, random.choice([0.0, 0.5, 1.0]))
    return random.normal(y, 2)


def check_binary(cursor):
    n = int(random.choice([2, 3, 5, 40, 300, 1500]))
    y = (random.random(n) < random.choice([0.0, 0.05, 0.3, 0.5, 1.0])).astype(int)
    forms = [int(form) for form in random.integers(5, size=2)]
    a = scores_of(y, forms[0])
    b = a.copy() if random.random() < 0.1 else scores_of(y, forms[1])
    threshold = float(random.choice([0.5, 0.25, 0.7]))
    what = f'n {n}, forms {forms}, positives {y.sum()}'
    found = compared(cursor, {'label': y, 'champion': a, 'challenger': b}, threshold=threshold, rounds=100)

    right = [(s >= threshold) == y for s in (a, b)]
    table = [[np.sum(right[0] & right[1]), np.sum(right[0] & ~right[1])], [np.sum(~right[0] & right[1]), np.sum(~right[0] & ~right[1])]]
    row = found[None, 'accuracy']
    check(close(row['champion_value'], right[0].mean()) and close(row['challenger_value'], right[1].mean()), f'accuracy, {what}')
    check(close(row['p_value'], float(mcnemar(table, exact=True).pvalue), 1e-8), f'McNemar {row["p_value"]}, {what}')

    row = found[None, 'roc_auc']
    if 0 < y.sum() < n:
        check(close(row['champion_value'], metrics.roc_auc_score(y, a)) and close(row['challenger_value'], metrics.roc_auc_score(y, b)), f'area, {what}')
        difference, error = delong(y, a, b)
        if math.isnan(error):
            check(row['p_value'] is None, f'DeLong of too few, {what}')
        elif error < 1e-7:  # a difference that is the same for all rows but for rounding
            check(close(row['difference'], difference, 1e-7), f'DeLong without spread, {what}')
        else:
            check(close(row['low'], difference - Z * error, 1e-7) and close(row['high'], difference + Z * error, 1e-7), f'DeLong interval {row}, {what}')
            check(close(row['p_value'], 2 * stats.norm.sf(abs(difference) / error), 1e-6), f'DeLong p-value, {what}')
    else:
        check(row['challenger_value'] is None and row['p_value'] is None and row['status'] == 'undefined', f'area of one label, {what}')

    if max(forms) < 4:
        for name, function in (('log_loss', lambda s: metrics.log_loss(y, np.clip(s, 1e-15, 1 - 1e-15), labels=[0, 1])), ('brier_score', lambda s: np.mean((s - y) ** 2))):
            row = found[None, name]
            check(close(row['champion_value'], function(a), 1e-8) and close(row['challenger_value'], function(b), 1e-8), f'{name} {row}, {what}')


# ---- the bootstrap: its ends differ from another's by chance alone ----

def check_interval(row, differences, statistic, rounds, what):
    """Ends within what two independent bootstraps of so many rounds differ by at p < 1e-9 (6.5 standard errors of both)."""
    other = stats.bootstrap(differences, statistic, n_resamples=rounds, paired=True, vectorized=False, method='percentile', rng=random)
    sample = other.bootstrap_distribution
    for end, share, theirs in (('low', 0.025, other.confidence_interval.low), ('high', 0.975, other.confidence_interval.high)):
        density = stats.gaussian_kde(sample)(np.quantile(sample, share))[0]
        error = math.sqrt(share * (1 - share) / rounds) / density
        check(abs(row[end] - theirs) < 6.5 * math.sqrt(2) * error * 1.3, f'{what}: {end} {row[end]} and {theirs}, error {error}')


def check_bootstrap(cursor):
    n, rounds = int(random.choice([30, 200])), 2000
    label = random.normal(size=n)
    a = label + random.normal(scale=1.0, size=n)
    b = label + random.normal(scale=random.choice([0.8, 1.0, 1.3]), size=n)
    found = compared(cursor, {'label': label, 'champion': a, 'challenger': b}, rounds=rounds, seed=int(random.integers(2**62)))
    errors = [np.abs(s - label) for s in (a, b)]
    row = found[None, 'mean_absolute_error']
    check(close(row['champion_value'], metrics.mean_absolute_error(label, a)) and close(row['challenger_value'], metrics.mean_absolute_error(label, b)), 'mean absolute error')
    check_interval(row, errors, lambda x, y: np.mean(y) - np.mean(x), rounds, f'mean absolute error, n {n}')
    row = found[None, 'root_mean_squared_error']
    check(close(row['challenger_value'], metrics.root_mean_squared_error(label, b)), 'root mean squared error')
    check_interval(row, errors, lambda x, y: math.sqrt(np.mean(y**2)) - math.sqrt(np.mean(x**2)), rounds, f'root mean squared error, n {n}')


def check_large(cursor):
    """From rounds * n = 2e8 on, the normal approximation."""
    n = 2500
    label = random.normal(size=n)
    a, b = label + random.normal(size=n), label + random.normal(scale=1.1, size=n)
    found = compared(cursor, {'label': label, 'champion': a, 'challenger': b}, rounds=100000)
    difference = np.abs(b - label) - np.abs(a - label)
    row = found[None, 'mean_absolute_error']
    error = difference.std(ddof=1) / math.sqrt(n)
    check(row['method'] == 'normal' and close(row['low'], difference.mean() - Z * error, 1e-8), f'normal approximation {row}')
    squares = [(s - label) ** 2 for s in (a, b)]
    roots = [math.sqrt(s.mean()) for s in squares]
    error = (squares[1] / (2 * roots[1]) - squares[0] / (2 * roots[0])).std(ddof=1) / math.sqrt(n)
    check(close(found[None, 'root_mean_squared_error']['high'], roots[1] - roots[0] + Z * error, 1e-8), 'delta method')


# ---- gaps between groups ----

def check_gaps(cursor):
    n = int(random.choice([60, 400, 3000]))
    groups = random.choice(['a', 'b', 'c'], size=n, p=[0.6, 0.3, 0.1])
    y = (random.random(n) < 0.4).astype(int)
    a, b = scores_of(y, 1), scores_of(y, 1) + 0.2 * (groups == 'b')
    found = compared(cursor, {'label': y, 'champion': a, 'challenger': b, 'sex': groups}, protected=['sex'], min_group_size=1, rounds=200)
    for name, function in (('demographic_parity_difference', demographic_parity_difference), ('equalized_odds_difference', equalized_odds_difference)):
        if any(len(set(y[groups == group])) < 2 for group in set(groups)):
            continue  # Fairlearn takes a rate without rows for 0
        row = found['sex', name]
        for column, s in (('champion_value', a), ('challenger_value', b)):
            check(close(row[column], function(y, (s >= 0.5).astype(int), sensitive_features=groups)), f'{name} of the {column}')
        check(row['low'] <= row['high'] and 0 < row['p_value'] <= 1, f'interval of {name}')
    for group in set(groups):
        rows = groups == group
        check(close(found[f'sex={group}', 'accuracy']['challenger_value'], np.mean((b[rows] >= 0.5) == y[rows])), f'accuracy of a group, {group}')


def check_level(cursor):
    """Two models that are equally good are told apart about as often as the level says, by every test."""
    trials = 120
    found = {'roc_auc': 0, 'accuracy': 0, 'brier_score': 0}
    for _ in range(trials):
        y = (random.random(400) < 0.5).astype(int)
        a, b = (np.clip(0.2 * y + 0.8 * random.random(400), 0, 1) for _ in range(2))
        rows = compared(cursor, {'label': y, 'champion': a, 'challenger': b}, rounds=400, seed=int(random.integers(2**62)))
        for name in found:
            found[name] += rows[None, name]['outcome'] != 'no_difference'
    for name, n in found.items():
        check(n <= stats.binom.isf(1e-10, trials, 0.07), f'{name} tells equal models apart {n} times of {trials}')


with psycopg.connect() as connection:
    with connection.cursor() as cursor:
        cursor.execute('CREATE EXTENSION IF NOT EXISTS weir')
        print('seed', SEED)
        for _ in range(150):
            check_binary(cursor)
        for _ in range(8):
            check_bootstrap(cursor)
        check_large(cursor)
        for _ in range(10):
            check_gaps(cursor)
        check_level(cursor)
    connection.rollback()
sys.exit(finish())
