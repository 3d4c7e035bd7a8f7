#!/usr/bin/env python3
"""Statistics of pairs and of values with their times against numpy, scipy, pandas, statsmodels, exact fractions, and Prometheus' formula.

REFERENCE_SEED repeats a run.
"""
import datetime as dt
import fractions
import math
import sys

import numpy
import pandas
import psycopg
import scipy.stats
import statsmodels.tsa.stattools
from checks import SEED, check, finish

RANDOM = numpy.random.default_rng(SEED)
EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.timezone.utc)


def near(a, b, relative=1e-12, absolute=0.0):
    if a is None or b is None:
        return a is None and (b is None or (isinstance(b, float) and math.isnan(b)))
    return math.isclose(a, b, rel_tol=relative, abs_tol=absolute)


# ---- pairs ----

def exact_regression(y, x):
    """Slope, intercept, covariance, correlation as exact as they get; None where undefined."""
    ys = [fractions.Fraction(value) for value in y]
    xs = [fractions.Fraction(value) for value in x]
    n = len(ys)
    sum_y, sum_x = sum(ys), sum(xs)
    xx = n * sum(value * value for value in xs) - sum_x ** 2
    yy = n * sum(value * value for value in ys) - sum_y ** 2
    xy = n * sum(a * b for a, b in zip(xs, ys)) - sum_x * sum_y
    covariance = xy / (n * (n - 1)) if n > 1 else None
    slope = xy / xx if xx else None
    intercept = (sum_y - slope * sum_x) / n if xx else None
    if xx and yy:
        scale = 1 << 2200  # a root of some 300 digits
        root = fractions.Fraction(math.isqrt(int(xx * yy * scale * scale)), scale)
        correlation = xy / root if root else None
    else:
        correlation = None
    return slope, intercept, covariance, correlation


def as_double(value):
    if value is None:
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def pair_shapes(n):
    x = RANDOM.standard_normal(n)
    noise = RANDOM.standard_normal(n)
    yield 'linear', 3 * x + noise, x
    yield 'offset 1e9', 1e9 + 3 * x + noise, 1e9 + x
    yield 'steep', 1e12 * x + noise, x
    yield 'unrelated', noise, x
    yield 'huge', noise * 1e200, x * 1e100
    yield 'tiny', noise * 1e-200, x * 1e-100
    yield 'few values', RANDOM.integers(0, 3, n).astype(float), RANDOM.integers(0, 2, n).astype(float)
    yield 'constant x', noise, numpy.full(n, 0.1)
    yield 'constant y', numpy.full(n, 0.1), x
    yield 'scales', noise * 10.0 ** RANDOM.integers(-20, 20, n), x


def test_pairs(cursor, n):
    for name, y, x in pair_shapes(n):
        cursor.execute('DROP TABLE IF EXISTS p')
        cursor.execute('CREATE TEMP TABLE p AS SELECT y, x, i FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY u(y, x, i)', (y.tolist(), x.tolist()))
        cursor.execute('SELECT (weir.regression(y, x)).*, weir.slope(y, x), weir.intercept(y, x), weir.covariance(y, x), weir.correlation(y, x), weir.r_squared(y, x), '
                       'weir.summarize_pairs(y, x)::text, (SELECT weir.merge(s)::text FROM (SELECT weir.summarize_pairs(y, x ORDER BY y) AS s FROM p GROUP BY i % 5) q), '
                       '(weir.summarize_pairs(y, x) OPERATOR(weir.-) weir.summarize_pairs(y, x) FILTER (WHERE i % 3 = 0))::text, weir.summarize_pairs(y, x) FILTER (WHERE i % 3 <> 0)::text FROM p')
        row = cursor.fetchone()
        slope, intercept, covariance, correlation = map(as_double, exact_regression(y.tolist(), x.tolist()))
        good = near(row[1], slope, 1e-15) and near(row[2], intercept, 1e-14) and near(row[6], covariance, 1e-15) and near(row[5], correlation, 1e-14)
        good = good and (row[11], row[12], row[13], row[14], row[15]) == (row[1], row[2], row[6], row[5], row[3])
        check(good, f'pairs, {name}, n {n}: regression is the exact one' + ('' if good else f' {row[1:7]} {slope} {intercept} {correlation} {covariance}'))
        check(row[16] == row[17] and (n < 3 or row[18] == (row[19] or row[18])), f'pairs, {name}, n {n}: the same bytes merged and taken back')
        if n > 2 and name in ('linear', 'unrelated', 'few values') and numpy.ptp(x) > 0 and numpy.ptp(y) > 0:
            line = scipy.stats.linregress(x, y)
            check(near(row[1], line.slope, 1e-9, 1e-12) and near(row[2], line.intercept, 1e-9, 1e-12) and near(row[5], line.rvalue, 1e-9, 1e-12) and
                  near(row[4], line.stderr, 1e-6, 1e-6) and near(row[9], y.std(ddof=1), 1e-9) and near(row[10], x.std(ddof=1), 1e-9), f'pairs, {name}, n {n}: scipy')
    at = [EPOCH + dt.timedelta(days=9000, microseconds=int(value)) for value in RANDOM.integers(0, 10**12, 50)]
    values = RANDOM.standard_normal(50)
    cursor.execute('SELECT weir.slope(y, ts), weir.intercept(y, ts), weir.slope(ts, y), weir.slope(y, i) FROM '
                   '(SELECT y, ts, ts - min(ts) OVER () AS i FROM unnest(%s::float8[], %s::timestamptz[]) u(y, ts)) q',
                   (values.tolist(), at))
    row = cursor.fetchone()
    exact = exact_regression(values.tolist(), [fractions.Fraction((moment - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)) // dt.timedelta(microseconds=1), 10**6) for moment in at])
    check(near(row[0], float(exact[0]), 1e-12) and near(row[1], float(exact[1]), 1e-12) and near(row[3], row[0], 1e-9), 'slope and intercept over time, per second')


def test_sliding(cursor):
    y = RANDOM.standard_normal(120) * 10.0 ** RANDOM.integers(-10, 10, 120)
    x = RANDOM.standard_normal(120)
    y[RANDOM.integers(0, 120, 6)] = math.nan
    x[RANDOM.integers(0, 120, 6)] = math.inf
    cursor.execute('DROP TABLE IF EXISTS f')
    cursor.execute('CREATE TEMP TABLE f AS SELECT i, y, CASE WHEN i %% 11 <> 0 THEN x END AS x, i * i / 20 AS t FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY u(y, x, i)',
                   (y.tolist(), x.tolist()))
    for aggregate in ('slope(y, x)', 'correlation(y, x)', 'regression(y, x)', 'time_weighted_mean(y, t)', 'rate(abs(y), t)', 'ewma(y, t, 5)', 'first(y, t)', 'last(y, t)',
                      'candlestick(y, t)', 'autocorrelation(y, t, 1)', 'increase(y, t)'):
        for frame in ('ROWS 7 PRECEDING', 'ROWS BETWEEN 3 PRECEDING AND 5 FOLLOWING', 'RANGE BETWEEN 20 PRECEDING AND 10 PRECEDING', 'GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW'):
            # A fresh aggregate over an array of the frame's rows.
            name, arguments = aggregate.split('(', 1)
            cursor.execute(f'SELECT count(*), count(*) FILTER (WHERE a::text IS DISTINCT FROM (SELECT weir.{name}({arguments} FROM unnest(ys, xs, ts) u(y, x, t))::text) '
                           f'FROM (SELECT weir.{name}({arguments} OVER w AS a, array_agg(y) OVER w AS ys, array_agg(x) OVER w AS xs, array_agg(t) OVER w AS ts '
                           f'FROM f WINDOW w AS (ORDER BY t {frame})) q')
            n, wrong = cursor.fetchone()
            check(n == 120 and wrong == 0, f'{aggregate} over {frame}: as a fresh aggregate ({wrong} differ)')


# ---- values with their times ----

def series(n, shape):
    gaps = RANDOM.integers(1, 100_000_000, n)
    if shape == 'bursts':
        gaps = numpy.where(RANDOM.random(n) < 0.9, RANDOM.integers(1, 1000, n), RANDOM.integers(10**9, 10**11, n))
    at = numpy.cumsum(gaps) + RANDOM.integers(-10**15, 10**15)
    return at, RANDOM.standard_normal(n) * 10 + 5


def load(cursor, at, values):
    order = RANDOM.permutation(len(at))
    cursor.execute('DROP TABLE IF EXISTS s')
    cursor.execute('CREATE TEMP TABLE s AS SELECT timestamptz \'2000-01-01 00:00+00\' + t * interval \'1 microsecond\' AS ts, t, x FROM unnest(%s::bigint[], %s::float8[]) u(t, x)',
                   (at[order].tolist(), values[order].tolist()))
    cursor.execute('ANALYZE s')


def prometheus_increase(at, values, since, until, counter):
    """extrapolatedRate of Prometheus without the division by the range, from its documentation."""
    increase = values[-1] - values[0]
    if counter:
        increase += sum(before for before, after in zip(values, values[1:]) if after < before)
    sampled = at[-1] - at[0]
    average = sampled / (len(at) - 1)
    start, end = at[0] - since, until - at[-1]
    if start >= average * 1.1:
        start = average / 2
    if counter and increase > 0 and values[0] >= 0:
        start = min(start, sampled * (values[0] / increase))
    if end >= average * 1.1:
        end = average / 2
    return increase * (sampled + start + end) / sampled


def test_time_weighted(cursor, n, shape):
    at, values = series(n, shape)
    load(cursor, at, values)
    seconds = (at - at[0]) / 1e6
    cursor.execute("SELECT weir.time_weighted_mean(x, ts), weir.time_integral(x, ts), weir.time_weighted_mean(x, ts, 'linear'), weir.time_integral(x, ts, 'linear'), weir.time_integral(x, t), "
                   "(SELECT ARRAY[weir.time_weighted_mean(weir.merge(a)), weir.time_weighted_mean(weir.merge(b))] FROM (SELECT weir.summarize_time_weighted(x, ts) AS a, "
                   "weir.summarize_time_weighted(x, ts, 'linear') AS b FROM s GROUP BY weir.tumble(ts, '7 minutes')) q) FROM s")
    step_mean, step, linear_mean, linear, ticks, merged = cursor.fetchone()
    expected = math.fsum(values[:-1] * numpy.diff(seconds))
    trapezoid = numpy.trapezoid(values, seconds)
    if n > 1:
        check(near(step, expected, 1e-12, 1e-6) and near(linear, trapezoid, 1e-9, 1e-6) and near(step_mean, expected / seconds[-1], 1e-12, 1e-9) and
              near(linear_mean, trapezoid / seconds[-1], 1e-9, 1e-9) and near(ticks, step * 1e6, 1e-12, 1e-3) and near(merged[0], step_mean, 1e-12, 1e-9) and
              near(merged[1], linear_mean, 1e-12, 1e-9), f'{shape}, n {n}: time-weighted mean and integral')
    else:
        check(step_mean == linear_mean == values[0] and step == 0, f'{shape}, n 1: a single value')
    # Windows extended by their neighbours tile the whole.
    cursor.execute("""WITH w AS (SELECT weir.tumble(ts, '11 minutes') AS since, weir.summarize_time_weighted(x, ts) AS a, weir.summarize_time_weighted(x, ts, 'linear') AS b FROM s GROUP BY 1),
        e AS (SELECT weir.time_weighted_between(a, since, since + interval '11 minutes', lag(a) OVER o, lead(a) OVER o) AS a,
                     weir.time_weighted_between(b, since, since + interval '11 minutes', lag(b) OVER o, lead(b) OVER o) AS b,
                     coalesce(lead(since) OVER o = since + interval '11 minutes', true) AS followed FROM w WINDOW o AS (ORDER BY since))
        SELECT bool_and(followed), sum(weir.time_integral(a)), sum(weir.time_integral(b)) FROM e""")
    followed, sum_step, sum_linear = cursor.fetchone()
    if followed and n > 1:
        # The last window goes on to its end by step.
        cursor.execute("SELECT extract(epoch FROM weir.tumble(max(ts), '11 minutes') + interval '11 minutes' - max(ts)) FROM s")
        rest = float(cursor.fetchone()[0]) * values[-1]
        check(near(sum_step, step + rest, 1e-9, 1e-6) and near(sum_linear, linear, 1e-9, 1e-6), f'{shape}, n {n}: windows extended to their bounds add up')


def test_counters(cursor, n, shape):
    at, _ = series(n, shape)
    values = numpy.cumsum(RANDOM.integers(0, 5, n)).astype(float)
    for reset in sorted(RANDOM.integers(0, n, n // 20)):
        values[reset:] -= values[reset]
        values[reset:] += RANDOM.integers(0, 3)
    values -= min(0, values.min())
    load(cursor, at, values)
    differences = numpy.diff(values)
    increase = differences[differences > 0].sum() + values[1:][differences < 0].sum()
    span = (at[-1] - at[0]) / 1e6
    cursor.execute("SELECT weir.increase(x, ts), weir.rate(x, ts), weir.delta(x, ts), weir.resets(x, ts), weir.changes(x, ts), weir.instant_rate(x, ts), "
                   "(SELECT ARRAY[weir.increase(weir.merge(c)), weir.resets(weir.merge(c)), weir.changes(weir.merge(c)), weir.instant_rate(weir.merge(c))] FROM "
                   "(SELECT weir.summarize_counter(x, ts) AS c FROM s GROUP BY weir.tumble(ts, '3 minutes')) q) FROM s")
    row = cursor.fetchone()
    last = (values[-1] if values[-1] < values[-2] else values[-1] - values[-2]) / ((at[-1] - at[-2]) / 1e6)
    check(row[0] == increase and near(row[1], increase / span) and row[2] == values[-1] - values[0] and row[3] == (differences < 0).sum() and
          row[4] == (differences != 0).sum() and near(row[5], last) and row[6] == [row[0], row[3], row[4], row[5]], f'counters, {shape}, n {n}')
    good = True
    for _ in range(30):
        since = int(at[0] - RANDOM.integers(0, 3 * max(1, int(span * 1e6 / n))))
        until = int(at[-1] + RANDOM.integers(0, 3 * max(1, int(span * 1e6 / n))))
        cursor.execute("SELECT weir.extrapolated_increase(c, since, until), weir.extrapolated_rate(c, since, until), weir.extrapolated_increase(g, since, until) FROM "
                       "(SELECT weir.summarize_counter(x, ts) AS c, weir.summarize_gauge(x, ts) AS g FROM s) q, "
                       "(SELECT timestamptz '2000-01-01 00:00+00' + %s * interval '1 microsecond' AS since, timestamptz '2000-01-01 00:00+00' + %s * interval '1 microsecond' AS until) b",
                       (since, until))
        found, rate, gauge = cursor.fetchone()
        expected = prometheus_increase(at.tolist(), values.tolist(), since, until, True)
        good = good and near(found, expected, 1e-9) and near(rate, expected / ((until - since) / 1e6), 1e-9) and \
            near(gauge, prometheus_increase(at.tolist(), values.tolist(), since, until, False), 1e-9, 1e-9)
    check(good, f'counters, {shape}, n {n}: extrapolated as Prometheus does')


def test_decay(cursor, n, shape):
    at, values = series(n, shape)
    load(cursor, at, values)
    frame = pandas.Series(values)
    alpha = RANDOM.uniform(0.01, 1)
    cursor.execute('SELECT array_agg(m ORDER BY ts), array_agg(v ORDER BY ts) FROM '
                   '(SELECT ts, weir.ewma(x, %s) OVER (ORDER BY ts) AS m, weir.ewm_variance(x, %s) OVER (ORDER BY ts) AS v FROM s) q', (alpha, alpha))
    means, variances = cursor.fetchone()
    expected = frame.ewm(alpha=alpha, adjust=False)
    check(numpy.allclose(means, expected.mean(), rtol=1e-10) and
          all(near(v, e, 1e-8, 1e-12) or (v is None and math.isnan(e)) for v, e in zip(variances, expected.var())), f'ewma by alpha, {shape}, n {n}: pandas')
    half_life = int(RANDOM.integers(10**6, 10**9))
    times = pandas.to_datetime(at, unit='us')
    expected = frame.ewm(halflife=pandas.Timedelta(half_life, unit='us'), times=times).mean()
    cursor.execute("SELECT array_agg(m ORDER BY ts), (SELECT weir.ewma(x, ts, %s * interval '1 microsecond') FROM s), (SELECT weir.ewm_variance(x, ts, %s * interval '1 microsecond') FROM s), "
                   "(SELECT weir.ewma(x, t, %s) FROM s) FROM (SELECT ts, weir.ewma(x, ts, %s * interval '1 microsecond') OVER (ORDER BY ts) AS m FROM s) q",
                   (half_life, half_life, half_life, half_life))
    means, mean, variance, by_number = cursor.fetchone()
    weights = 0.5 ** ((at[-1] - at) / half_life)
    exact = math.fsum(weights * values) / math.fsum(weights)
    spread = math.fsum(weights * (values - exact) ** 2) / math.fsum(weights)
    total, squared = math.fsum(weights), math.fsum(weights ** 2)
    corrected = spread * total ** 2 / (total ** 2 - squared) if n > 1 and total ** 2 > squared else None
    check(numpy.allclose(means, expected, rtol=1e-9) and near(mean, exact, 1e-9) and near(by_number, mean, 1e-9) and
          (corrected is None or near(variance, corrected, 1e-6) or total ** 2 - squared < 1e-9), f'ewma by half-life, {shape}, n {n}: pandas, in any order')


def largest_triangle(at, values, n):
    """Steinarsson's thesis, in plain loops."""
    if len(at) <= n:
        return list(zip(at, values))
    edges = [1 + i * (len(at) - 2) // (n - 2) for i in range(n - 1)] + [len(at)] if n > 2 else [1, len(at)]
    chosen = [0]
    for begin, end, following in zip(edges, edges[1:], edges[2:]):
        mean = numpy.mean([float(t - at[0]) for t in at[end:following]]), numpy.mean(values[end:following])
        a = float(at[chosen[-1]] - at[0]), values[chosen[-1]]
        areas = [abs((a[0] - mean[0]) * (values[i] - a[1]) - (a[0] - float(at[i] - at[0])) * (mean[1] - a[1])) for i in range(begin, end)]
        chosen.append(begin + int(numpy.argmax(areas)))
    chosen.append(len(at) - 1)
    return [(at[i], values[i]) for i in chosen]


def test_downsampling(cursor, n, shape):
    at, values = series(n, shape)
    load(cursor, at, values)
    for wanted in (2, 3, 10, int(RANDOM.integers(4, n + 5))):
        cursor.execute('SELECT p.ts, p.value FROM unnest((SELECT weir.largest_triangle(x, t, %s) FROM s)) p', (wanted,))
        found = cursor.fetchall()
        check(found == largest_triangle(at.tolist(), values.tolist(), wanted), f'largest triangle, {shape}, {wanted} of {n}')
        cursor.execute('SELECT p.ts, p.value FROM unnest((SELECT weir.min_max_points(x, t, %s) FROM s)) p', (wanted,))
        found = cursor.fetchall()
        if wanted >= n:
            expected = list(zip(at.tolist(), values.tolist()))
        else:
            frame = pandas.DataFrame({'t': at, 'x': values})
            span = int(at[-1] - at[0]) + 1
            frame['bucket'] = [int(t - at[0]) * (wanted // 2) // span for t in at]
            rows = sorted(set(frame.groupby('bucket')['x'].idxmin()) | set(frame.groupby('bucket')['x'].idxmax()))
            expected = [(int(at[i]), values[i]) for i in rows]
        check(found == expected, f'smallest and largest, {shape}, {wanted} of {n}')


def test_scores(cursor, n, shape):
    at, values = series(n, shape)
    if shape == 'bursts':
        values = numpy.round(values)
    load(cursor, at, values)
    cursor.execute('SELECT array_agg(z ORDER BY t), array_agg(r ORDER BY t), array_agg(b ORDER BY t) FROM (SELECT t, weir.z_score(x) OVER () AS z, weir.robust_z_score(x) OVER () AS r, '
                   'weir.z_score(x, (SELECT weir.summarize(x) FROM s)) AS b FROM s) q')
    scores, robust, against = cursor.fetchone()
    deviation = scipy.stats.median_abs_deviation(values, scale='normal')
    good = numpy.allclose(numpy.array(scores, float), scipy.stats.zscore(values, ddof=1), rtol=1e-9, atol=1e-9) if n > 1 and numpy.ptp(values) > 0 else scores == [None] * n
    good = good and (against == scores or numpy.allclose(numpy.array(against, float), numpy.array(scores, float), rtol=1e-9, atol=1e-9))
    good = good and (numpy.allclose(numpy.array(robust, float), (values - numpy.median(values)) / deviation, rtol=1e-9, atol=1e-9) if deviation > 0 else robust == [None] * n)
    check(good, f'z-scores, {shape}, n {n}: scipy')
    cursor.execute('SELECT weir.median_absolute_deviation(x), weir.median_absolute_deviation(weir.summarize(x, 256)), array_agg(r ORDER BY t) FROM '
                   '(SELECT t, x, weir.robust_z_score(x, (SELECT weir.summarize(x) FROM s)) AS r FROM s) q')
    exact, coarse, against = cursor.fetchone()
    unscaled = scipy.stats.median_abs_deviation(values)
    good = near(exact, unscaled, 1e-12, 1e-12) and near(coarse, unscaled, 0.2, 0.1)
    good = good and (numpy.allclose(numpy.array(against, float), numpy.array(robust, float), rtol=1e-9, atol=1e-9) if deviation > 0 else against == robust)
    check(good, f'median absolute deviation, {shape}, n {n}: scipy')
    lags = [0, 1, 2, n // 2]
    cursor.execute('SELECT ARRAY[' + ', '.join(f'weir.autocorrelation(x, ts, {lag})' for lag in lags) + '] FROM s')
    found = cursor.fetchone()[0]
    if n > 3:
        expected = statsmodels.tsa.stattools.acf(values, nlags=n - 1, fft=False)
        check(all(near(f, expected[lag], 1e-9, 1e-12) for f, lag in zip(found, lags)), f'autocorrelation, {shape}, n {n}: statsmodels')


def test_filling(cursor, n, shape):
    at, values = series(n, shape)
    values[RANDOM.random(n) < 0.4] = math.nan
    load(cursor, at, values)
    cursor.execute("SELECT array_agg(f ORDER BY t), array_agg(b ORDER BY t), array_agg(l ORDER BY t), array_agg(d ORDER BY t) FROM "
                   "(SELECT t, weir.fill_forward(x) OVER o AS f, weir.fill_backward(x) OVER o AS b, "
                   "weir.fill_linear(x, ts) OVER o AS l, weir.fill_linear(x, t) OVER o AS d FROM (SELECT t, ts, nullif(x, 'NaN') AS x FROM s) q WINDOW o AS (ORDER BY ts)) q")
    forward, backward, linear, by_number = cursor.fetchone()
    frame = pandas.Series(values, index=pandas.to_datetime(at, unit='us'))

    def same(found, expected):
        return all((f is None and math.isnan(e)) or (f is not None and near(f, e, 1e-9, 1e-9)) for f, e in zip(found, expected))
    check(same(forward, frame.ffill()) and same(backward, frame.bfill()) and same(linear, frame.interpolate('time', limit_area='inside')) and linear == by_number,
          f'filling, {shape}, n {n}: pandas')


def main():
    with psycopg.connect(options='-c timezone=UTC -c extra_float_digits=3', autocommit=True) as connection, connection.cursor() as cursor:
        for n in (1, 2, 3, 50, 400):
            test_pairs(cursor, n)
        test_sliding(cursor)
        for shape in ('even', 'bursts'):
            for n in (1, 2, 30, 500):
                test_time_weighted(cursor, n, shape)
                test_decay(cursor, n, shape)
                test_scores(cursor, n, shape)
                test_filling(cursor, n, shape)
            for n in (2, 40, 600):
                test_counters(cursor, n, shape)
            for n in (5, 100, 1000):
                test_downsampling(cursor, n, shape)
    return finish()


if __name__ == '__main__':
    sys.exit(main())
