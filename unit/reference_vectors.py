#!/usr/bin/env python3
"""Summaries of vectors against numpy: mean, covariance, norms; the embedding's distance against the exact maximum mean discrepancy.

REFERENCE_SEED repeats a run.
"""
import sys

import numpy
import psycopg
import scipy.spatial.distance
from checks import SEED, check, finish

RANDOM = numpy.random.default_rng(SEED)
BANDWIDTHS = 4.0 ** numpy.arange(-1, 7)


def shapes(n, dimension):
    normal = RANDOM.standard_normal((n, dimension))
    mixing = RANDOM.standard_normal((dimension, dimension))
    yield 'normal', normal
    yield 'correlated', normal @ mixing
    yield 'offset 1e8', 1e8 + normal
    yield 'unit length', normal / numpy.linalg.norm(normal, axis=1, keepdims=True)
    yield 'skewed', numpy.exp(2 * normal)
    yield 'scales', normal * 10.0 ** RANDOM.integers(-9, 9, dimension)
    yield 'constant', numpy.full((n, dimension), 0.1)
    yield 'single precision', (normal @ mixing).astype(numpy.float32).astype(float)


def load(cursor, values):
    cursor.execute('DROP TABLE IF EXISTS v')
    cursor.execute('CREATE TEMP TABLE v (x float8[])')
    with cursor.copy('COPY v FROM STDIN') as copy:
        for row in values.tolist():
            copy.write_row((row,))


def test_moments(cursor, n, dimension):
    for name, values in shapes(n, dimension):
        load(cursor, values)
        cursor.execute('SELECT weir.vector_mean(s), weir.vector_variance(s), weir.vector_covariance(s), weir.mean(s), weir.quantile(s, 0.5), weir.value_count(s) '
                       'FROM (SELECT weir.summarize(x) AS s FROM v) q')
        mean, variance, covariance, norm, median, count = cursor.fetchone()
        exact = values.astype(numpy.longdouble)
        centred = exact - exact.mean(axis=0)
        expected = (centred.T @ centred / (n - 1)).astype(float)
        size = numpy.sqrt(numpy.outer(expected.diagonal(), expected.diagonal()))
        good = (count == n and numpy.allclose(mean, exact.mean(axis=0).astype(float), rtol=1e-14, atol=0) and
                numpy.all(numpy.abs(numpy.array(variance) - expected.diagonal()) <= 1e-10 * expected.diagonal() + 1e-24))
        if dimension <= 64:
            good = good and numpy.all(numpy.abs(numpy.array(covariance) - expected) <= 1e-10 * size + 1e-24)
        else:
            good = good and covariance is None
        norms = numpy.linalg.norm(values, axis=1)
        good = good and numpy.isclose(norm, norms.mean(), rtol=1e-12) and numpy.isclose(median, numpy.quantile(norms, 0.5, method='inverted_cdf'), rtol=1e-12)
        check(good, f'{name}, {n} vectors of {dimension}: mean, covariance, norms')


def exact_discrepancy(a, b):
    """Of the mixture of Gaussian kernels, biased estimate, over all pairs."""
    def mean_kernel(x, y):
        squared = scipy.spatial.distance.cdist(x, y, 'sqeuclidean')
        return numpy.mean([numpy.exp(-squared / (2 * width ** 2)).mean() for width in BANDWIDTHS])
    return numpy.sqrt(max(0, mean_kernel(a, a) + mean_kernel(b, b) - 2 * mean_kernel(a, b)))


def as_texts(values):
    return [str(row).replace('[', '{').replace(']', '}') for row in values.tolist()]


def distance_of(cursor, a, b):
    cursor.execute('SELECT weir.vector_distance((SELECT weir.summarize(x::float8[]) FROM unnest(%s::text[]) x), (SELECT weir.summarize(x::float8[]) FROM unnest(%s::text[]) x))',
                   (as_texts(a), as_texts(b)))
    return cursor.fetchone()[0]


def test_distance(cursor, dimension):
    """Embeddings estimate the discrepancy: within a third where there is one, and in the order of its size."""
    base = RANDOM.standard_normal((600, dimension))
    direction = RANDOM.standard_normal(dimension)
    direction /= numpy.linalg.norm(direction)
    found = []
    exact = []
    for shift in (0.5, 1, 2, 4, 8):
        other = RANDOM.standard_normal((600, dimension)) + shift * direction
        found.append(distance_of(cursor, base, other))
        exact.append(exact_discrepancy(base, other))
    large = [(f, e) for f, e in zip(found, exact) if e > 0.1]
    check(all(abs(f - e) < e / 3 for f, e in large) and sorted(large) == large and len(large) > 0,
          f'distance of shifted samples, {dimension} dimensions: {numpy.round(found, 3).tolist()}, exactly {numpy.round(exact, 3).tolist()}')
    # The same covariance and mean, another shape: what no comparison of moments can see.
    ring = RANDOM.standard_normal((600, dimension))
    ring *= numpy.sqrt(dimension) / numpy.linalg.norm(ring, axis=1, keepdims=True)
    signs = RANDOM.choice([-1.0, 1.0], (600, dimension))
    for name, other in (('on a sphere', ring), ('corners of a cube', signs)):
        distance = distance_of(cursor, base, other)
        expected = exact_discrepancy(base, other)
        check(abs(distance - expected) < max(expected / 3, 0.03), f'distance of vectors {name}, {dimension} dimensions: {distance:.3f}, exactly {expected:.3f}')


def main():
    with psycopg.connect(autocommit=True) as connection, connection.cursor() as cursor:
        for n, dimension in [(2, 3), (50, 1), (1000, 2), (500, 8), (300, 64), (200, 65), (150, 384)]:
            test_moments(cursor, n, dimension)
        for dimension in (1, 2, 5, 64, 200):
            test_distance(cursor, dimension)
    return finish()


if __name__ == '__main__':
    sys.exit(main())
