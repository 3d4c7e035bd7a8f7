#!/usr/bin/env python3
"""weir.summary against numpy, scipy, exact fractions and the server's own percentile_disc, on random data of many shapes.

REFERENCE_SEED repeats a run.
"""
import fractions
import math
import sys

import numpy
import pandas
import psycopg
import scipy.stats
from checks import SEED, check, finish

RANDOM = numpy.random.default_rng(SEED)
PROBABILITIES = sorted([0.0, 1.0, 0.5, 0.001, 0.999] + list(RANDOM.random(40)))


def shapes(n):
    """Name and values; what scipy computes in doubles is compared only where doubles are good enough ('gentle')."""
    normal = RANDOM.standard_normal(n)
    yield 'normal', normal, True
    yield 'offset 1000', 1000 + normal, True
    yield 'offset 1e9', 1e9 + normal, False
    yield 'log-normal', numpy.exp(normal), True
    yield 'Pareto', RANDOM.pareto(1.5, n) + 1, True
    yield 'bimodal', numpy.where(RANDOM.random(n) < 0.3, normal - 50, 3 * normal + 20), True
    yield 'exponential', RANDOM.exponential(3, n), True
    yield 'integers', RANDOM.integers(-1000, 100000, n).astype(float), True
    yield 'few values', RANDOM.integers(0, 7, n).astype(float), True
    yield 'two decimals', numpy.round(numpy.exp(3 + normal), 2), True
    yield 'constant', numpy.full(n, 0.1), False
    yield 'huge', normal * 1e300, False
    yield 'tiny', normal * 1e-308, False
    yield 'cancelling', numpy.concatenate([normal * 1e16, -normal * 1e16, normal]), False


def exact_moments(values):
    """Sum, mean, variance as fractions; m2, m3, m4 for what follows from them."""
    exact = [fractions.Fraction(value) for value in values.tolist()]
    n = len(exact)
    sums = [sum(value ** power for value in exact) for power in range(1, 5)]
    mean = sums[0] / n
    m2 = sums[1] / n - mean ** 2
    m3 = sums[2] / n - 3 * mean * sums[1] / n + 2 * mean ** 3
    m4 = sums[3] / n - 4 * mean * sums[2] / n + 6 * mean ** 2 * sums[1] / n - 3 * mean ** 4
    return sums[0], mean, m2, m3, m4


def as_double(fraction):
    """The nearest double, infinite beyond the range."""
    try:
        return float(fraction)
    except OverflowError:
        return math.inf if fraction > 0 else -math.inf


def root(fraction):
    """The square root to about 60 digits, so that rounding it is right."""
    scale = 1 << max(0, 400 - fraction.numerator.bit_length() + fraction.denominator.bit_length())
    scale = scale * scale
    return fractions.Fraction(math.isqrt(fraction.numerator * scale // fraction.denominator), math.isqrt(scale))


def near(a, b, units=4):
    """Within some units in the last place."""
    return a == b or abs(a - b) <= units * math.ulp(max(abs(a), abs(b)))


def test_shape(cursor, name, values, gentle):
    n = len(values)
    cursor.execute('CREATE TEMP TABLE v AS SELECT unnest(%s::float8[]) AS x', (values.tolist(),))
    cursor.execute('SELECT (weir.stats(x)).*, weir.sample_variance(weir.summarize(x)), weir.summarize(x)::text FROM v')
    _, _, total, mean, stddev, skewness, kurtosis, low, high, variance, _ = cursor.fetchone()
    label = f'{name}, n {n}'
    check((low, high) == (values.min(), values.max()), f'{label}: extremes')
    if n <= 3000:
        exact_sum, exact_mean, m2, m3, m4 = exact_moments(values)
        check(total == as_double(exact_sum) and mean == as_double(exact_mean), f'{label}: sum and mean are the nearest doubles')
        if n > 1:
            sample = m2 * n / (n - 1)
            check(variance == as_double(sample), f'{label}: variance is the nearest double')
            check(near(stddev, as_double(root(sample)), 1), f'{label}: standard deviation')
        if m2 == 0:
            check(skewness is None and kurtosis is None, f'{label}: skewness and kurtosis of a constant are undefined')
        else:
            check(near(skewness, as_double(m3 / (m2 * root(m2)))), f'{label}: skewness')
            check(near(kurtosis, as_double(m4 / m2 ** 2 - 3)), f'{label}: kurtosis')
    if gentle and n > 2:
        check(math.isclose(stddev, values.std(ddof=1), rel_tol=1e-9) and math.isclose(mean, values.mean(), rel_tol=1e-9, abs_tol=1e-9) and
              math.isclose(skewness, scipy.stats.skew(values), rel_tol=1e-6, abs_tol=1e-9) and
              math.isclose(kurtosis, scipy.stats.kurtosis(values), rel_tol=1e-6, abs_tol=1e-9), f'{label}: numpy and scipy')

    cursor.execute('SELECT weir.quantile(x, %s::float8[]), percentile_disc(%s::float8[]) WITHIN GROUP (ORDER BY x), '
                   'weir.error_bound(weir.summarize(x)), weir.summary_level(weir.summarize(x)) FROM v', (PROBABILITIES, PROBABILITIES))
    quantiles, truth, bound, level = cursor.fetchone()
    ordered = numpy.sort(values)
    if level == 0:
        check(quantiles == truth and bound == 0, f'{label}: quantiles are those of percentile_disc')
    below = numpy.searchsorted(ordered, quantiles, 'left') / n
    at_most = numpy.searchsorted(ordered, quantiles, 'right') / n
    errors = numpy.maximum(0, numpy.maximum(below - PROBABILITIES, PROBABILITIES - at_most))
    check(errors.max() <= bound + 1e-12, f'{label}: rank error {errors.max():.5f} of quantiles within {bound:.5f} (level {level})')

    points = numpy.concatenate([RANDOM.choice(values, 30), RANDOM.choice(values, 30) * RANDOM.random(30) * 2])
    points = points[numpy.isfinite(points)]
    cursor.execute('SELECT array_agg(weir.cdf(s, p) ORDER BY o) FROM (SELECT weir.summarize(x) AS s FROM v) q, '
                   'unnest(%s::float8[]) WITH ORDINALITY AS u(p, o)', (points.tolist(),))
    shares = numpy.array(cursor.fetchone()[0])
    truth = numpy.searchsorted(ordered, points, 'right') / n
    check(abs(shares - truth).max() <= bound + 1e-12, f'{label}: error {abs(shares - truth).max():.5f} of cdf within {bound:.5f}')

    edges = sorted(RANDOM.integers(0, n + 1, 3).tolist())
    cursor.execute('SELECT weir.merge(s ORDER BY random())::text = (SELECT weir.summarize(x)::text FROM v) '
                   'FROM (SELECT weir.summarize(x) AS s FROM (SELECT x, row_number() OVER () AS i FROM v) q '
                   'GROUP BY width_bucket(i, %s::bigint[])) p', (edges,))
    check(cursor.fetchone()[0], f'{label}: merged from parts the same bytes')
    cursor.execute('DROP TABLE v')


def test_histogram(cursor):
    for n, buckets in ((500, 10), (800, 7)):
        values = RANDOM.standard_normal(n)
        cursor.execute('SELECT h.lower_bound, h.upper_bound, h.count FROM (SELECT weir.summarize(x) AS s FROM unnest(%s::float8[]) x) q, '
                       'weir.histogram(s, %s) h ORDER BY bucket', (values.tolist(), buckets))
        rows = cursor.fetchall()
        counts, edges = numpy.histogram(values, buckets)
        check([row[2] for row in rows] == counts.tolist() and numpy.allclose([row[0] for row in rows] + [rows[-1][1]], edges),
              f'histogram of {n} values in {buckets} buckets: numpy')


def test_categories(cursor):
    for n, kinds in ((1000, 50), (20000, 900), (50000, 20000)):
        values = [f'value {k}' for k in RANDOM.zipf(1.3, n) % kinds]
        names, counts = numpy.unique(values, return_counts=True)
        truth = dict(zip(names.tolist(), counts.tolist()))
        cursor.execute('SELECT t.value, t.count, t.count_error, weir.distinct_count(s), weir.distinct_error(s), weir.error_bound(s) '
                       'FROM (SELECT weir.summarize(x) AS s FROM unnest(%s::text[]) x) q, weir.top(s, 100000) t', (values,))
        rows = cursor.fetchall()
        label = f'{n} values of {len(truth)} categories'
        kept = [row for row in rows if row[2] == 0]
        check(all(truth[value] == count for value, count, _, _, _, _ in kept), f'{label}: counts')
        _, _, _, distinct, distinct_error, other = rows[0]
        if len(truth) <= 1024:
            check(len(rows) == len(kept) == len(truth) == distinct and other == 0, f'{label}: complete')
            continue
        check(abs(other - (1 - sum(row[1] for row in kept) / n)) < 1e-12 and abs(distinct / len(truth) - 1) < 5 * distinct_error,
              f'{label}: {len(kept)} kept, estimated {distinct}')
        found = [row for row in rows if row[2] > 0]
        check(all(abs(truth[value] - count) <= 2 * error for value, count, error, _, _, _ in found), f'{label}: {len(found)} others found, with their errors')
        asked = RANDOM.choice(names, 200).tolist() + ['nowhere']
        cursor.execute('SELECT v, f.* FROM (SELECT weir.summarize(x) AS s FROM unnest(%s::text[]) x) q, unnest(%s::text[]) v, weir.frequency(s, v) f',
                       (values, asked))
        within = [low <= truth.get(value, 0) <= high for value, _, low, high, _ in cursor.fetchall()]
        check(sum(within) >= 0.96 * len(within), f'{label}: {sum(within)} of {len(within)} frequencies within their bounds')


def test_trimmed_mean(cursor):
    for size in (10, 1000, 50000):
        for name, values, _ in shapes(size):
            n = len(values)
            low, high = RANDOM.random() * 0.4, RANDOM.random() * 0.4
            cursor.execute('SELECT weir.trimmed_mean(s, %s, %s), weir.trimmed_mean_error(s, %s, %s), weir.trimmed_mean(s, %s, %s), weir.trimmed_mean_error(s, %s, %s) '
                           'FROM (SELECT weir.summarize(x) AS s FROM unnest(%s::float8[]) x) q', (low, high, low, high, low, low, low, low, values.tolist()))
            ours, error, even, even_error = cursor.fetchone()
            ordered = numpy.sort(values)[int(low * n):n - int(high * n)].tolist()
            truth = as_double(sum(fractions.Fraction(value) for value in ordered) / len(ordered))
            slack = 4 * math.ulp(truth)
            check(abs(ours - truth) <= error + slack and (n > 1536 or error == 0), f'{name}, n {n}: trimmed mean {ours:g} within {error:g}')
            if abs(truth) < 1e100:
                theirs = scipy.stats.trim_mean(values, low)
                check(abs(even - theirs) <= even_error + 1e-9 * max(1, abs(values).max()), f'{name}, n {n}: trim_mean of scipy')


def test_table(cursor):
    """summarize_table against pandas' describe."""
    n = 1500
    frame = pandas.DataFrame({'a': RANDOM.integers(0, 500, n), 'b': RANDOM.standard_normal(n).round(2), 'c': RANDOM.choice(['x', 'y', 'zz'], n)})
    frame.loc[RANDOM.random(n) < 0.1, 'b'] = numpy.nan
    cursor.execute('CREATE TEMP TABLE described (a int, b float8, c text)')
    with cursor.copy('COPY described FROM STDIN') as copy:
        for row in frame.itertuples(index=False):
            copy.write_row([row.a, None if math.isnan(row.b) else row.b, row.c])
    cursor.execute('SELECT column_name, n, null_count, distinct_count, min, max, mean, stddev, p25, p50, p75, top_values FROM weir.summarize_table(%s)', ('described',))
    for name, count, nulls, distinct, low, high, mean, stddev, *quartiles, top in cursor.fetchall():
        column = frame[name]
        check((count, nulls, distinct) == (column.count(), column.isna().sum(), column.nunique()), f'summarize_table, {name}: counts')
        frequencies = column.value_counts()
        check([entry['n'] for entry in top] == frequencies.iloc[:5].tolist() and all(frequencies[type(frequencies.index[0])(entry['value'])] == entry['n'] for entry in top),
              f'summarize_table, {name}: top values')
        if name == 'c':
            check((low, high) == (column.min(), column.max()), f'summarize_table, {name}: extremes')
            continue
        described = column.describe()
        check((float(low), float(high)) == (described['min'], described['max']) and math.isclose(mean, described['mean'], rel_tol=1e-12, abs_tol=1e-12) and
              math.isclose(stddev, described['std'], rel_tol=1e-12), f'summarize_table, {name}: describe of pandas')
        check(quartiles == numpy.quantile(column.dropna(), [0.25, 0.5, 0.75], method='inverted_cdf').tolist(), f'summarize_table, {name}: quartiles')
    cursor.execute('DROP TABLE described')


def test_distinct(cursor):
    for n, limit in ((1000, 500), (5000, 10 ** 6), (100000, 30000), (200000, 2 ** 52)):
        values = RANDOM.integers(0, limit, n).astype(float)
        truth = len(numpy.unique(values))
        cursor.execute('SELECT weir.distinct_count(s), weir.distinct_error(s) FROM (SELECT weir.summarize(x) AS s FROM unnest(%s::float8[]) x) q',
                       (values.tolist(),))
        distinct, error = cursor.fetchone()
        check(abs(distinct / truth - 1) <= 5 * error, f'{n} values: {distinct} distinct ones estimated of {truth}, standard error {error}')


def test_sliding(cursor):
    """Frames of rows against pandas; quantiles against numpy's of each frame."""
    for frame in (7, 400, 1500):
        values = numpy.round(numpy.exp(2 * RANDOM.standard_normal(2500)), 3)
        values[RANDOM.random(len(values)) < 0.05] = numpy.nan  # NULL: pandas leaves it out
        cursor.execute("SELECT s.n, s.sum, s.mean, s.stddev, s.skewness, s.kurtosis, s.min, s.max, q FROM (SELECT o, weir.stats(v) OVER w AS stats, "
                       "weir.quantile(v, ARRAY[0.1, 0.5, 0.99]) OVER w AS q FROM (SELECT o, nullif(x, 'NaN') AS v FROM unnest(%s::float8[]) WITH ORDINALITY u(x, o)) y "
                       f"WINDOW w AS (ORDER BY o ROWS {frame - 1} PRECEDING)) z, LATERAL (SELECT (stats).*) s ORDER BY o", (values.tolist(),))
        rows = cursor.fetchall()
        rolling = pandas.Series(values).rolling(frame, min_periods=1)
        n = rolling.count()
        expected = {'n': (n, 0), 'sum': (rolling.sum(), 1e-9), 'mean': (rolling.mean(), 1e-9), 'stddev': (rolling.std(), 1e-7), 'min': (rolling.min(), 0),
                    'max': (rolling.max(), 0)}
        for name, (truth, tolerance) in expected.items():
            column = ['n', 'sum', 'mean', 'stddev', 'skewness', 'kurtosis', 'min', 'max'].index(name)
            ours = numpy.array([numpy.nan if row[column] is None else row[column] for row in rows])
            check(numpy.allclose(ours, truth, rtol=tolerance, atol=1e-6 if tolerance else 0, equal_nan=True), f'frames of {frame} rows: {name} of pandas')
        good = True
        for i in RANDOM.integers(0, len(values), 200):
            window = values[max(0, i - frame + 1):i + 1]
            window = window[~numpy.isnan(window)]
            if len(window) > 3:
                good &= list(numpy.quantile(window, [0.1, 0.5, 0.99], method='inverted_cdf')) == rows[i][8]
                good &= numpy.isclose(scipy.stats.skew(window), rows[i][4] or 0, rtol=1e-6, atol=1e-9)
                good &= numpy.isclose(scipy.stats.kurtosis(window), rows[i][5] or 0, rtol=1e-6, atol=1e-9)
        check(good, f'frames of {frame} rows: quantiles of numpy, skewness and kurtosis of scipy')


def test_numerics(cursor):
    """numeric reads as numeric::float8 does."""
    texts = []
    for _ in range(4000):
        digits = ''.join(RANDOM.choice(list('0123456789'), RANDOM.integers(1, 25)))
        point = int(RANDOM.integers(0, len(digits) + 1))
        texts.append(('-' if RANDOM.random() < 0.5 else '') + digits[:point] + ('.' if point < len(digits) else '') + digits[point:])
    texts += [f'{text}e{int(RANDOM.integers(-300, 280))}' for text in texts[:1000]]
    texts = [text if text[-1] != '.' else text + '0' for text in texts]
    cursor.execute('SELECT count(*) FROM (SELECT t::numeric AS v, weir.mean(weir.summarize(t::numeric)) AS m '
                   'FROM unnest(%s::text[]) t GROUP BY t) q WHERE m IS DISTINCT FROM v::float8', (texts,))
    check(cursor.fetchone()[0] == 0, f'{len(texts)} numerics')


def main():
    with psycopg.connect(autocommit=True) as connection, connection.cursor() as cursor:
        for n in (2, 30, 900, 2500, 60000):
            for name, values, gentle in shapes(n):
                test_shape(cursor, name, values, gentle)
        test_histogram(cursor)
        test_categories(cursor)
        test_distinct(cursor)
        test_trimmed_mean(cursor)
        test_table(cursor)
        test_sliding(cursor)
        test_numerics(cursor)
    return finish()


if __name__ == '__main__':
    sys.exit(main())
