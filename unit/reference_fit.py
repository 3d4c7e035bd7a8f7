#!/usr/bin/env python3
"""Models that are made from summaries against scikit-learn's, fitted to the rows: ridge regression, linear discriminant, Gaussian naive Bayes; and against weir.train.

Few and many features, skewed classes, offsets, several summaries per class.  REFERENCE_SEED repeats a run.
"""
import sys

import numpy
import psycopg
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from checks import SEED, check, finish


def store(connection, rows, labels):
    connection.execute('DROP TABLE IF EXISTS samples')
    connection.execute('CREATE TEMP TABLE samples (i int, x float8[], y text)')
    with connection.cursor().copy('COPY samples FROM STDIN') as copy:
        for i, (row, label) in enumerate(zip(rows, labels)):
            copy.write_row((i, [float(v) for v in row], str(label)))


def column(connection, query):
    return numpy.array([row[0] for row in connection.execute(query)], dtype=float)


def near(a, b, tolerance):
    return bool(numpy.all(numpy.abs(a - b) <= tolerance * numpy.maximum(1, numpy.abs(b))))


def names(n):
    return '{' + ','.join(f'x{i + 1}' for i in range(n)) + '}'


def ridge(connection, generator, n, d):
    rows = generator.normal(size=(n, d)) * generator.uniform(0.5, 5, d) + generator.choice([0, 0, 100], d)
    labels = rows @ generator.normal(size=d) + generator.normal(size=n) + 7
    store(connection, rows, [float(v) for v in labels])
    for alpha in (0.0, 1.0, 50.0):
        found = column(connection, f"""SELECT weir.predict_number(m.model, x) FROM samples, (SELECT weir.fit_ridge(weir.merge(s), '{names(d)}', {alpha}) AS model
            FROM (SELECT weir.summarize(x || y::float8) AS s FROM samples GROUP BY i % 3) parts) m ORDER BY i""")
        wanted = Ridge(alpha=alpha, solver='cholesky').fit(rows, labels).predict(rows)
        check(near(found, wanted, 1e-6), f'ridge {n} x {d}, alpha {alpha}: {numpy.max(numpy.abs(found - wanted)):.2e}')


def classes_of(generator, n, d, k):
    labels = numpy.concatenate([numpy.arange(k).repeat(d + 5), generator.choice(k, n, p=generator.dirichlet(numpy.ones(k)))])
    centres = generator.normal(size=(k, d)) * 2
    return generator.normal(size=(len(labels), d)) @ generator.normal(size=(d, d)) + centres[labels] + generator.choice([0, 10], d), labels


def discriminant(connection, generator, n, d, k):
    rows, labels = classes_of(generator, n, d, k)
    store(connection, rows, [f'c{v}' for v in labels])
    wanted = LinearDiscriminantAnalysis(solver='svd', tol=1e-12).fit(rows, labels).predict_proba(rows)
    found = numpy.column_stack([column(connection, f"""SELECT weir.predict_proba(m.model, x, 'c{v}') FROM samples,
        (SELECT weir.fit_linear_discriminant(y, s, '{names(d)}') AS model FROM (SELECT y, weir.summarize(x) AS s FROM samples GROUP BY y, i % 2) parts) m ORDER BY i""") for v in range(k)])
    check(near(found, wanted, 1e-6), f'discriminant {n} x {d}, {k} classes: {numpy.max(numpy.abs(found - wanted)):.2e}')


def bayes(connection, generator, n, d, k):
    rows, labels = classes_of(generator, n, d, k)
    store(connection, rows, [f'c{v}' for v in labels])
    fitted = """(SELECT weir.fit_gaussian_naive_bayes(y, 'x' || j, s) AS model FROM (SELECT y, j, weir.summarize(v) AS s FROM samples, unnest(x) WITH ORDINALITY u (v, j)
        GROUP BY y, j, i % 2 ORDER BY j, y) parts) m"""
    found = numpy.column_stack([column(connection, f"SELECT weir.predict_proba(m.model, x, 'c{v}') FROM samples, {fitted} ORDER BY i") for v in range(k)])
    trained = numpy.column_stack([column(connection, f"SELECT weir.predict_proba(m.model, x, 'c{v}') FROM samples, "
                                             f"(SELECT weir.train('gaussian_naive_bayes', x, y ORDER BY i) AS model FROM samples) m ORDER BY i")
                                  for v in range(k)])
    check(near(found, trained, 1e-9), f'bayes {n} x {d}, {k} classes, as trained: {numpy.max(numpy.abs(found - trained)):.2e}')
    wanted = GaussianNB(var_smoothing=0).fit(rows, labels).predict_proba(rows)
    # A density of weir's is not below 1e-9: of rows far from a class, probabilities differ where nobody would see it.
    close = numpy.mean(numpy.abs(found - wanted) < 1e-4)
    check(close > 0.97, f'bayes {n} x {d}, {k} classes, as scikit-learn: {close:.3f} of probabilities within 1e-4')


def refused(connection, query, word):
    try:
        connection.execute(query)
        check(False, f'refused: {query}')
    except psycopg.Error as error:
        check(word in str(error), f'refused with {word}')


def main():
    generator = numpy.random.default_rng(SEED)
    with psycopg.connect(autocommit=True) as connection:
        for n, d in ((20, 2), (500, 8), (400, 30)):
            ridge(connection, generator, n, d)
        for n, d, k in ((40, 2, 2), (400, 5, 3), (600, 12, 6)):
            discriminant(connection, generator, n, d, k)
        for n, d, k in ((40, 2, 2), (400, 3, 3), (500, 4, 5)):
            bayes(connection, generator, n, d, k)
        refused(connection, "SELECT weir.fit_ridge(weir.summarize(ARRAY[i::float8, i, 1]), '{a,b}', 0) FROM generate_series(1, 10) i", 'singular')
        refused(connection, "SELECT weir.fit_ridge(weir.summarize(ARRAY[i::float8, i, 1]), '{a}', 0) FROM generate_series(1, 10) i", 'vectors of 3 elements')
        refused(connection, "SELECT weir.fit_ridge(weir.summarize(i::float8), '{a}', 0) FROM generate_series(1, 10) i", 'needs a summary of vectors')
        refused(connection, "SELECT weir.fit_linear_discriminant('a', s, '{a}') FROM (SELECT weir.summarize(ARRAY[i::float8]) AS s FROM generate_series(1, 10) i) q", 'two classes')
        refused(connection, "SELECT weir.fit_gaussian_naive_bayes('a', 'b', s) FROM (SELECT weir.summarize(i::text) AS s FROM generate_series(1, 10) i) q", 'kind category')
        check(connection.execute(
            "SELECT weir.fit_gaussian_naive_bayes(NULL, 'b', NULL), weir.fit_ridge(weir.summarize(ARRAY[1.0, 2.0]::float8[]), '{a}')").fetchone() == (None, None), 'NULL over nothing')
    return finish()


if __name__ == '__main__':
    sys.exit(main())
