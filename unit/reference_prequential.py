#!/usr/bin/env python3
"""prequential_performance against scikit-learn's metrics: over all rows, over the latest 1000, and with fading weights; of the predictions, the majority so far and the last label.

Classes and numbers, few and many rows, rare classes, missing labels and predictions.  REFERENCE_SEED repeats a run.
"""
import math
import random
import sys
import warnings

import numpy
import psycopg
from sklearn import metrics
from checks import SEED, check, finish

RANDOM = random.Random(SEED)
WINDOW = 1000
FADING = 0.999
NOTHING = '(nothing)'


def close(a, b, tolerance=1e-9):
    if a is None or b is None or math.isnan(b):
        return a is None and (b is None or math.isnan(b))
    return abs(a - b) <= tolerance * max(1, abs(a), abs(b))


def baselines(labels, of_numbers):
    """What the majority (the first to reach its count) or the mean so far, and the last label, say of each row but the first."""
    counts, best, total, said = {}, None, 0, []
    for i, label in enumerate(labels):
        if i > 0:
            said.append((total / i if of_numbers else best, labels[i - 1]))
        if of_numbers:
            total += label
        else:
            counts[label] = counts.get(label, 0) + 1
            if best is None or counts[label] > counts[best]:
                best = label
    return said


def class_values(labels, predictions, weights):
    accuracy = metrics.accuracy_score(labels, predictions, sample_weight=weights)
    kappa = metrics.cohen_kappa_score(labels, predictions, sample_weight=weights) if len(set(labels) | set(predictions)) > 1 else math.nan
    return {'accuracy': accuracy, 'kappa': kappa}


def number_values(labels, predictions, weights):
    known = [i for i, p in enumerate(predictions) if p is not None]
    labels_known, said, kept = [[values[i] for i in known] for values in (labels, predictions, weights)]
    if not known:
        return {'mean_absolute_error': math.nan, 'root_mean_squared_error': math.nan, 'r2': math.nan}
    squared = metrics.mean_squared_error(labels_known, said, sample_weight=kept)
    mean = numpy.average(labels, weights=weights)
    spread = numpy.average((numpy.array(labels) - mean) ** 2, weights=weights)
    return {'mean_absolute_error': metrics.mean_absolute_error(labels_known, said, sample_weight=kept), 'root_mean_squared_error': math.sqrt(squared),
            'r2': 1 - squared / spread if spread > 0 else math.nan}


def expected(labels, predictions, of_numbers):
    said = baselines(labels, of_numbers)
    rows = list(zip(labels[1:], predictions[1:], (s[0] for s in said), (s[1] for s in said)))
    n = len(rows)
    result = {}
    for scope, kept, weights in (('all', rows, [1.0] * n), ('sliding', rows[-WINDOW:], [1.0] * min(n, WINDOW)),
                                 ('fading', rows, [FADING ** (n - 1 - i) for i in range(n)])):
        values = []
        for source in (1, 2, 3):
            column = [row[source] for row in kept]
            if of_numbers:
                values.append(number_values([row[0] for row in kept], column, weights))
            else:
                values.append(class_values([row[0] for row in kept], [NOTHING if c is None else c for c in column], weights))
        for metric in values[0]:
            result[scope, metric] = [v[metric] for v in values]
        if not of_numbers:
            for metric, against in (('kappa_majority', 1), ('kappa_temporal', 2)):
                base = values[against]['accuracy']
                result[scope, metric] = [(v['accuracy'] - base) / (1 - base) if base < 1 else math.nan for v in values]
    return result


def ask(connection, labels, predictions, of_numbers):
    kind = 'float8' if of_numbers else 'text'
    rows = connection.execute(f'SELECT m.scope, m.metric, m.value, m.majority, m.last_label, m.n FROM unnest((SELECT weir.prequential_performance(l, p ORDER BY i) '
                              f'FROM unnest(%s::{kind}[], %s::{kind}[]) WITH ORDINALITY u (l, p, i))) m', (labels, predictions)).fetchall()
    return {(row[0], row[1]): row[2:5] for row in rows}, {row[0]: row[5] for row in rows}


def case(connection, number):
    of_numbers = number % 3 == 2
    n = RANDOM.choice([2, 3, 50, 999, 1001, 1002, 2500])
    if of_numbers:
        offset = RANDOM.choice([0, 0, 1000])
        labels = [offset + RANDOM.gauss(0, 5) for _ in range(n)]
        predictions = [None if RANDOM.random() < 0.05 else label + RANDOM.gauss(0, 2) for label in labels]
    else:
        classes = [f'c{i}' for i in range(RANDOM.choice([1, 2, 3, 20]))]
        labels = RANDOM.choices(classes, weights=[1 / (i + 1) for i in range(len(classes))], k=n)
        predictions = [None if RANDOM.random() < 0.05 else label if RANDOM.random() < 0.7 else RANDOM.choice(classes) for label in labels]
    found, counts = ask(connection, labels, predictions, of_numbers)
    wanted = expected(labels, predictions, of_numbers)
    wrong = [(key, source, found.get(key, (None,) * 3)[source], values[source]) for key, values in wanted.items() for source in range(3)
             if not close(found.get(key, (None,) * 3)[source], values[source])]
    check(not wrong and set(found) == set(wanted), f'case {number}: {n} {"numbers" if of_numbers else "classes"} {wrong[:3]}')
    check(counts['all'] == n - 1 and counts['sliding'] == min(n - 1, WINDOW), f'case {number}: rows')


def main():
    warnings.simplefilter('ignore')
    with psycopg.connect(autocommit=True) as connection:
        for number in range(60):
            case(connection, number)
        found, counts = ask(connection, [None, 'a', None, 'a', 'b'], ['a', 'a', 'b', 'a', 'b'], False)
        check(counts['all'] == 2 and found['all', 'accuracy'][0] == 1, 'rows without a label are left out')
        check(connection.execute("SELECT weir.prequential_performance(l, 'a'::text) FROM (SELECT 1 AS l WHERE false) s").fetchone()[0] is None, 'NULL over no rows')
    return finish()


if __name__ == '__main__':
    sys.exit(main())
