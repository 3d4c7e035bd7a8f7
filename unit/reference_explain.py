#!/usr/bin/env python3
"""permutation_importance, partial_dependence and feature_attributions against scikit-learn's inspection of the same models, and attribution_drift against its ndcg_score;
explanations of trees and forests against shap's of the same trees, exported.

scikit-learn asks weir's models by SQL.  Importances are compared in expectation, for the permutations are others; the rest exactly.  REFERENCE_SEED repeats a run.
"""
import json
import sys
import warnings

import numpy
import psycopg
from sklearn import inspection, metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

import peers
from checks import SEED, check, finish

ROUNDS = 200
CLASSIFIERS = ['logistic_regression', 'gaussian_naive_bayes', 'hoeffding_tree']


# Leaves that say the same of every row, as shap's do.
TREES = {'hoeffding_tree': {'leaf_prediction': 'majority'}, 'extremely_fast_decision_tree': {'leaf_prediction': 'majority'},
         'hoeffding_adaptive_tree': {'leaf_prediction': 'majority', 'drift_window': 100000}, 'adaptive_random_forest': {'leaf_prediction': 'majority'},
         'streaming_random_patches': {'leaf_prediction': 'majority'}, 'online_bagging': {'leaf_prediction': 'majority'},
         'hoeffding_tree_regression': {'leaf_prediction': 'mean'}, 'adaptive_random_forest_regression': {'leaf_prediction': 'mean'},
         'streaming_random_patches_regression': {'leaf_prediction': 'mean'}}


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


def exported(connection, classes):
    """The trees of the model, as shap reads them; values are those of the leaves, weighted as they are in the forest."""
    trees = {}
    for tree, node, parent, feature, relation, threshold, takes_missing, weight, shares, mean, vote in connection.execute(
            'SELECT t.tree, t.node, t.parent, t.feature, t.relation, t.threshold, t.takes_missing, t.weight, t.class_shares, t.mean, t.vote '
            'FROM models, weir.learner_trees(model) t ORDER BY t.tree, t.node'):
        nodes = trees.setdefault(tree, {'vote': vote, **{name: [] for name in ('left', 'right', 'default', 'features', 'thresholds', 'values', 'weights')}})
        for name, value in (('left', -1), ('right', -1), ('default', -1), ('features', -2), ('thresholds', -2.0), ('weights', weight),
                            ('values', [mean] if shares is None else [shares[name] for name in classes])):
            nodes[name].append(value)
        if parent is not None:
            nodes['left' if relation == '<=' else 'right'][parent] = node
            if takes_missing:
                nodes['default'][parent] = node
            nodes['features'][parent], nodes['thresholds'][parent] = int(feature[1:]) - 1, threshold
    votes = sum(tree['vote'] for tree in trees.values())
    # shap has a child's share of the parent, weir that of its siblings: a child was watched for longer than its own children were.
    for tree in trees.values():
        tree['shares'] = [1.0] * len(tree['left'])
        for node, children in enumerate(zip(tree['left'], tree['right'])):
            for child in children if children[0] >= 0 else ():
                tree['shares'][child] = tree['shares'][node] * tree['weights'][child] / sum(tree['weights'][one] for one in children)
    return [{'children_left': numpy.array(tree['left']), 'children_right': numpy.array(tree['right']), 'children_default': numpy.array(tree['default']),
             'features': numpy.array(tree['features']), 'thresholds': numpy.array(tree['thresholds']), 'node_sample_weight': numpy.array(tree['shares']),
             'values': numpy.array(tree['values']) * tree['vote'] / votes} for tree in trees.values()]


def grow(connection, generator, learner, options):
    """A model of a random stream with values missing, in the table models, the stream in samples; returns its rows and its classes."""
    rows = generator.normal(size=(6000, 5)) * [1, 3, 1, 1, 10]
    signal = numpy.where(rows[:, 0] > 0.3, rows[:, 1], numpy.where(rows[:, 4] > 2, 5, -5)) + rows[:, 2]
    targets = signal if learner.endswith('regression') else [['a', 'b', 'c'][v] for v in (signal > -3).astype(int) + (signal > 3)]
    rows[generator.random(rows.shape) < 0.03] = numpy.nan
    connection.execute('DROP TABLE IF EXISTS models, samples')
    connection.execute('CREATE TEMP TABLE samples (i int, x float8[], y text)')
    with connection.cursor().copy('COPY samples FROM STDIN') as copy:
        for i, (row, target) in enumerate(zip(rows, targets)):
            copy.write_row((i, [float(v) for v in row], str(target)))
    label = 'y::float8' if learner.endswith('regression') else 'y'
    connection.execute(f"CREATE TEMP TABLE models AS SELECT weir.train('{learner}', x, {label}, '{json.dumps({'grace_period': 100, 'delta': 0.01, **options})}' ORDER BY i) AS model FROM samples")
    return rows, [row[0] for row in connection.execute('SELECT weir.learner_classes(model) FROM models')] or [None]


def shap_values(connection, generator):
    explainer = peers.shap_tree_explainer()
    for learner, options in TREES.items():
        # Trees that grow aside to replace others speak in predictions, and so in contributions, but are not exported; and a tree may have
        # taken its splits back. Then another stream is drawn.
        for stream in range(20):
            rows, classes = grow(connection, generator, learner, options)
            trees = exported(connection, classes)
            theirs = explainer({'trees': [tree for tree in trees if len(tree['features']) > 1]}, feature_perturbation='tree_path_dependent')
            wanted = theirs.shap_values(rows[:200], check_additivity=False).reshape(200, 5, -1)
            bias = numpy.atleast_1d(theirs.expected_value) + sum(tree['values'][0] for tree in trees if len(tree['features']) == 1)
            worst = off = aside = 0.0
            for number, name in enumerate(classes):
                says = 'weir.predict_number(model, x)' if name is None else 'weir.predict_proba(model, x, %(name)s)'
                found, said = connection.execute(
                    'SELECT array_agg(e.contributions ORDER BY s.i), array_agg(e.says ORDER BY s.i) FROM samples s, models, '
                    f'LATERAL (SELECT array_agg(contribution ORDER BY n) AS contributions, {says} AS says '
                    'FROM weir.explain(model, s.x, %(name)s::text) WITH ORDINALITY e (feature, contribution, n)) e WHERE s.i < 200', {'name': name}).fetchone()
                found, said = numpy.array(found), numpy.array(said)
                off = max(off, numpy.max(numpy.abs(found.sum(axis=1) - said)))
                aside = max(aside, numpy.max(numpy.abs(wanted[:, :, number].sum(axis=1) + bias[number] - said)))
                worst = max(worst, numpy.max(numpy.abs(found[:, 1:] - wanted[:, :, number])), numpy.max(numpy.abs(found[:, 0] - bias[number])))
            check(off < 1e-9, f'{learner}: contributions of stream {stream} sum to what is said: {off:.1e} off')
            n_nodes = sum(len(tree['features']) for tree in trees)
            if n_nodes > 10 and aside < 1e-9:
                break
        check(n_nodes > 10 and aside < 1e-9 and worst < 1e-9,
              f"{learner}: contributions of {len(trees)} trees with {n_nodes} nodes are shap's, missing values too: {worst:.1e} off")


def main():
    warnings.simplefilter('ignore')
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
        shap_values(connection, generator)
    return finish()


if __name__ == '__main__':
    sys.exit(main())
