#!/usr/bin/env python3
"""permutation_importance, partial_dependence and feature_attributions against scikit-learn's inspection of the same models, and attribution_drift against its ndcg_score.

scikit-learn asks weir's models by SQL.  Importances are compared in expectation, for the permutations are others; the rest exactly.  REFERENCE_SEED repeats a run.
"""
import os
import sys
import time
import warnings

import numpy
import psycopg
from sklearn import inspection, metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

SEED = int(os.environ.get('REFERENCE_SEED', time.time_ns() % 1_000_000))
TOTALS = [0, 0]
ROUNDS = 200
CLASSIFIERS = ['logistic_regression', 'gaussian_naive_bayes', 'hoeffding_tree']


def check(good, name):
    TOTALS[not good] += 1
    print(f'{"ok" if good else "not ok"} {sum(TOTALS)} - {name}')


class Model(BaseEstimator):
    """A model in the table models, asked by SQL: for scikit-learn."""
    def __init__(self, connection=None):
        self.connection = connection
        self.fitted_ = True

    def fit(self, rows, labels):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def ask(self, expression, rows):
        texts = ['{' + ','.join(map(repr, map(float, row))) + '}' for row in rows]
        return [row[0] for row in self.connection.execute(f'SELECT {expression} FROM models, unnest(%s::text[]) WITH ORDINALITY u (x, i) ORDER BY i', (texts,))]


class Classifier(ClassifierMixin, Model):
    classes_ = numpy.array([0, 1])

    def predict(self, rows):
        return numpy.array([int(p == 'true') for p in self.ask('weir.predict(model, x::float8[])', rows)])

    def predict_proba(self, rows):
        positive = numpy.array(self.ask("weir.predict_proba(model, x::float8[], 'true')", rows))
        return numpy.column_stack([1 - positive, positive])


class Regressor(RegressorMixin, Model):
    def predict(self, rows):
        return numpy.array(self.ask('weir.predict_number(model, x::float8[])', rows))


def with_model(connection, learner, rows, labels):
    connection.execute('DROP TABLE IF EXISTS models, samples')
    connection.execute('CREATE TEMP TABLE samples (i int, x float8[], y text)')
    with connection.cursor().copy('COPY samples FROM STDIN') as copy:
        for i, (row, label) in enumerate(zip(rows, labels)):
            copy.write_row((i, [float(v) for v in row], str(label)))
    label = 'y::float8' if learner == 'linear_regression' else 'y::boolean'
    connection.execute(f"CREATE TEMP TABLE models AS SELECT weir.train('{learner}', x, {label} ORDER BY i) AS model FROM samples")
    return label


def importances(connection, estimator, label, rows, labels, name):
    found = connection.execute(f'SELECT i.feature, i.importance, i.stddev, i.score FROM '
                               f'unnest((SELECT weir.permutation_importance(model, x, {label}, {ROUNDS}, 1 ORDER BY i) FROM samples, models)) i').fetchall()
    repeats = 20
    wanted = inspection.permutation_importance(estimator, rows, labels, n_repeats=repeats, random_state=SEED % 1000)
    for k, (_, importance, stddev, score) in enumerate(found):
        # Both means are of independent rounds: nine standard errors are not met by chance.
        error = 9 * (stddev / numpy.sqrt(ROUNDS) + max(stddev, wanted.importances_std[k]) / numpy.sqrt(repeats)) + 1e-9
        check(abs(importance - wanted.importances_mean[k]) <= error, f'{name}: importance of x{k + 1}: {importance:.4f} beside {wanted.importances_mean[k]:.4f}, error {error:.4f}')
    check(abs(found[0][3] - estimator.score(rows, labels)) < 1e-9, f'{name}: score')


def dependences(connection, estimator, rows, name):
    for feature in range(rows.shape[1]):
        for resolution in (20, 7):
            found = connection.execute("SELECT p.value::float8, p.prediction FROM unnest((SELECT weir.partial_dependence(model, x, %s, NULL::text, %s) FROM samples, models)) p",
                                       (f'x{feature + 1}', resolution)).fetchall()
            wanted = inspection.partial_dependence(estimator, rows, [feature], grid_resolution=resolution, method='brute', kind='average',
                                                   **({'response_method': 'predict_proba'} if isinstance(estimator, Classifier) else {}))
            grid = wanted['grid_values'][0] if 'grid_values' in wanted else wanted['values'][0]
            check(numpy.allclose([f[0] for f in found], grid, rtol=1e-12) and numpy.allclose([f[1] for f in found], wanted['average'][0], rtol=1e-9),
                  f'{name}: partial dependence on x{feature + 1}, {resolution} values')


def attributions(connection, rows, name):
    found = connection.execute('SELECT a.feature, a.mean_absolute, a.share, a.mean, a.n FROM unnest((SELECT weir.feature_attributions(model, x) FROM samples, models)) a').fetchall()
    single = connection.execute("SELECT e.feature, avg(abs(e.contribution)), avg(e.contribution) FROM samples, models, "
                                "LATERAL weir.explain(model, x) e WHERE e.feature <> '(bias)' GROUP BY 1 ORDER BY 1").fetchall()
    total = sum(s[1] for s in single)
    good = len(found) == rows.shape[1]
    for f, s in zip(found, single):
        # A tree that has not split rests on nothing.
        good = good and abs(f[1] - s[1]) < 1e-9 * max(1, s[1]) and abs(f[3] - s[2]) < 1e-9 * max(1, s[1]) and (f[2] is None if total == 0 else abs(f[2] - s[1] / total) < 1e-9)
    check(good, f'{name}: attributions are means of explanations')


def drift(connection, generator):
    for case in range(20):
        n = int(generator.integers(2, 8))
        shares = [generator.dirichlet(numpy.ones(n)) for _ in range(2)]
        arrays = ['{' + ','.join(f'"(f{i},1,{s!r},0,1)"' for i, s in enumerate(map(float, side))) + '}' for side in shares]
        found = dict(connection.execute('SELECT metric, value FROM weir.attribution_drift(%s::weir.feature_attribution[], %s::weir.feature_attribution[])', arrays).fetchall())
        wanted = 1 - metrics.ndcg_score([shares[0]], [shares[1]])
        check(abs(found['attribution_ndcg_loss'] - wanted) < 1e-9, f'drift {case}: ndcg')
        check(abs(found['attribution_total_variation'] - numpy.abs(shares[0] - shares[1]).sum() / 2) < 1e-9, f'drift {case}: total variation')


def main():
    warnings.simplefilter('ignore')
    print(f'# REFERENCE_SEED={SEED}')
    generator = numpy.random.default_rng(SEED)
    with psycopg.connect(autocommit=True) as connection:
        for learner in CLASSIFIERS + ['linear_regression']:
            rows = numpy.column_stack([generator.normal(size=300), generator.normal(size=300) * 3 + 10, generator.integers(0, 5, 300), generator.normal(size=300)]).astype(float)
            signal = rows[:, 0] * 2 + rows[:, 1] - 10 + (rows[:, 2] > 2)
            regression = learner == 'linear_regression'
            labels = signal if regression else (signal + generator.normal(size=300) > 0).astype(int)
            label = with_model(connection, learner, rows, labels if regression else [bool(v) for v in labels])
            estimator = (Regressor if regression else Classifier)(connection)
            importances(connection, estimator, label, rows, labels, learner)
            dependences(connection, estimator, rows, learner)
            attributions(connection, rows, learner)
        drift(connection, generator)
    print(f'{TOTALS[0]} passed, {TOTALS[1]} failed')
    return 1 if TOTALS[1] else 0


if __name__ == '__main__':
    sys.exit(main())
