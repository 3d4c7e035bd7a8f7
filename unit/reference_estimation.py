"""Compares performance without labels with NannyML and scikit-learn's boosted trees, and rankings with scikit-learn and all orders of ties.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import itertools
import logging
import math
import sys
import warnings

from checks import check, close, random, finish
import numpy as np
import psycopg
from sklearn import metrics as sklearn_metrics
from sklearn.ensemble import HistGradientBoostingRegressor

import peers

try:
    cbpe, calibration, thresholds, regression_error = peers.nannyml()
except (ImportError, AttributeError):
    cbpe = None    # it has no wheel for this Python: its definitions are then left out
warnings.filterwarnings('ignore')


# ---- several classes ----

def class_case(n, k, digits):
    """Probabilities of k classes, what a model predicts from them, and labels that follow them."""
    q = random.dirichlet(np.full(k, 0.8), n)
    q = np.round(q, digits)
    p = q.argmax(axis=1)
    truth = q ** random.choice([0.6, 1.0, 1.6])
    truth = (truth + 1e-9) / (truth + 1e-9).sum(axis=1, keepdims=True)
    y = np.array([random.choice(k, p=row) for row in truth])
    return q, p, y


def check_classes(cursor):
    k = int(random.integers(2, 6))
    names = [f'class {i}' for i in range(k)]
    reference, current = class_case(2000, k, 3), class_case(700, k, 3)
    for table, (q, p, y) in (('class_reference', reference), ('class_current', current)):
        cursor.execute(f'CREATE TEMP TABLE {table} (y text, p text, q float8[]) ON COMMIT DROP')
        with cursor.copy(f'COPY {table} FROM STDIN') as copy:
            for label, prediction, row in zip(y, p, q):
                copy.write_row((names[label], names[prediction], row.tolist()))
    mode = str(random.choice(['always', 'none']))
    calibrator = ('(SELECT weir.fit_class_calibrator(y, q, %s::text[], \'always\') FROM class_reference)' if mode == 'always' else 'weir.class_calibrator(%s::text[])')
    cursor.execute(f'CREATE TEMP TABLE calibrators ON COMMIT DROP AS SELECT {calibrator} AS c', (names,))
    cursor.execute('SELECT e.metric, e.class_name, e.value FROM unnest((SELECT weir.estimate_class_performance(p, q, c) FROM class_current, calibrators)) e')
    found = {(m, c): v for m, c, v in cursor.fetchall()}
    cursor.execute('SELECT e.label, e.prediction, e.n FROM unnest((SELECT weir.expected_confusion_matrix(p, q, c) FROM class_current, calibrators)) e')
    matrix = {(a, b): v for a, b, v in cursor.fetchall()}
    q, p, _ = current
    mended = np.empty_like(q)
    for i in range(k):
        if mode == 'always':
            isotonic = calibration.IsotonicCalibrator() if cbpe else None
            if isotonic is None:
                from sklearn.isotonic import IsotonicRegression
                isotonic = IsotonicRegression(out_of_bounds='clip')
                isotonic.calibrate = isotonic.predict
            isotonic.fit(reference[0][:, i], (reference[2] == i).astype(float))
            mended[:, i] = isotonic.calibrate(q[:, i])
        else:
            mended[:, i] = q[:, i]
    total = mended.sum(axis=1, keepdims=True)
    mended = np.divide(mended, total, out=np.full_like(mended, 1 / k), where=total != 0)
    check(close(found['accuracy', None], float(mended[np.arange(len(p)), p].mean())), f'expected accuracy {found["accuracy", None]}')
    for i in range(k):
        for j in range(k):
            check(close(matrix[names[i], names[j]], float(mended[p == j, i].sum()), 1e-8), f'expected rows of {names[i]} predicted {names[j]}')
    if cbpe is None:
        return
    own = {'f1': [], 'precision': [], 'recall': [], 'specificity': [], 'roc_auc': []}
    for i in range(k):
        predicted, probability = (p == i).astype(int), mended[:, i]
        own['f1'].append(cbpe.estimate_f1(predicted, probability))
        own['precision'].append(cbpe.estimate_precision(predicted, probability) if predicted.any() else math.nan)
        own['recall'].append(cbpe.estimate_recall(predicted, probability))
        own['specificity'].append(cbpe.estimate_specificity(predicted, probability))
        # Equal raw probabilities have no order: NannyML takes that of its sort, so they are averaged as equals here.
        order = np.argsort(q[:, i], kind='stable')[::-1]
        scores, starts = np.unique(q[order, i][::-1], return_index=True)
        averaged = np.concatenate([np.full(len(part), part.mean()) for part in np.split(probability[order][::-1], starts[1:])])[::-1]
        own['roc_auc'].append(cbpe.estimate_roc_auc(averaged, q[order, i]))
    for metric, values in own.items():
        for i, value in enumerate(values):
            # Its areas round the counts to five digits.
            check(close(found[metric, names[i]], float(value), 1e-9 if metric != 'roc_auc' else 2e-3), f"NannyML's {metric} of {names[i]}: {found[metric, names[i]]}, not {value}")
        if not any(math.isnan(v) for v in values):
            check(close(found[f'macro_{metric}', None], float(np.mean(values)), 1e-9 if metric != 'roc_auc' else 2e-3), f"NannyML's macro {metric}: {found[f'macro_{metric}', None]}")


def check_classes_apart(cursor):
    """From one performance per class, as monitors keep them: the same as from the rows, where probabilities sum to 1 and are not mended; mended they come near."""
    k = int(random.integers(2, 5))
    names = [f'class {i}' for i in range(k)]
    q = random.dirichlet(np.ones(k), 800)
    p = [names[i] for i in q.argmax(axis=1)]
    y = [names[random.choice(k, p=row)] for row in q]
    cursor.execute('CREATE TEMP TABLE apart (y text, p text, q float8[]) ON COMMIT DROP')
    with cursor.copy('COPY apart FROM STDIN') as copy:
        for row in zip(y, p, q.tolist()):
            copy.write_row(row)
    found = {}
    for mode in ('never', 'always'):
        cursor.execute('SELECT e.metric, e.value, e.low, e.high FROM (SELECT array_agg(r ORDER BY i) AS r, array_agg(s ORDER BY i) AS s FROM (SELECT i, weir.binary_performance(y = c, q[i]) AS r, '
                       'weir.binary_performance(p = c, q[i]) AS s FROM apart, unnest(%s::text[]) WITH ORDINALITY k(c, i) GROUP BY i) g) g, weir.estimate_classes(r, s, %s) e', (names, mode))
        found[mode] = {row[0]: row[1:] for row in cursor.fetchall()}
    cursor.execute('SELECT e.metric, e.value, e.low, e.high FROM unnest((SELECT weir.estimate_class_performance(p, q, weir.class_calibrator(%s::text[])) FROM apart)) e '
                   'WHERE e.class_name IS NULL', (names,))
    for metric, value, low, high in cursor.fetchall():
        if metric in found['never']:
            ours = found['never'][metric]
            check(close(ours[0], value, 1e-9), f'{metric} from one performance per class: {ours}, not {value}')
            check(ours[1] <= low + 1e-9 and ours[2] >= high - 1e-9, f'its interval is wide enough: {ours}, of the rows {low, high}')
            check(abs(found['always'][metric][0] - value) < 0.1, f'{metric} mended: {found["always"][metric]}, of the rows {value}')


def check_binary(cursor):
    """The same functions of NannyML for two classes, against estimate_performance."""
    if cbpe is None:
        return
    s = np.round(random.beta(1.5, 2, 900), 3)
    cursor.execute("SELECT m.metric, m.value FROM (SELECT weir.binary_performance(NULL::int, s) AS p FROM unnest(%s::float8[]) s) q, weir.estimate_performance(p, p, 0.4, calibrate => 'never') m",
                   (s.tolist(),))
    found = dict(cursor.fetchall())
    predicted = (s >= 0.4).astype(int)
    for metric, value in (('accuracy', cbpe.estimate_accuracy(predicted, s)), ('precision', cbpe.estimate_precision(predicted, s)), ('recall', cbpe.estimate_recall(predicted, s)),
                          ('specificity', cbpe.estimate_specificity(predicted, s)), ('f1', cbpe.estimate_f1(predicted, s))):
        check(close(found[metric], float(value)), f"NannyML's {metric}: {found[metric]}, not {value}")
    check(close(found['roc_auc'], float(cbpe.estimate_roc_auc(s, s)), 2e-3), f"NannyML's area: {found['roc_auc']}")


def check_coverage(cursor):
    """Labels drawn again and again from the probabilities: their mean is the estimate, and the interval holds 95 % of them."""
    n, k, draws = 600, 3, 500
    q, p, _ = class_case(n, k, 3)
    q = np.where(q.sum(axis=1, keepdims=True) > 0, q / q.sum(axis=1, keepdims=True), 1 / k)
    names = ['a', 'b', 'c']
    cursor.execute('CREATE TEMP TABLE drawn (p text, q float8[]) ON COMMIT DROP')
    with cursor.copy('COPY drawn FROM STDIN') as copy:
        for prediction, row in zip(p, q):
            copy.write_row((names[prediction], row.tolist()))
    cursor.execute("SELECT e.metric, e.value, e.low, e.high FROM unnest((SELECT weir.estimate_class_performance(p, q, weir.class_calibrator('{a,b,c}')) FROM drawn)) e WHERE e.class_name IS NULL")
    found = {row[0]: row[1:] for row in cursor.fetchall()}
    values = {'accuracy': [], 'macro_recall': [], 'macro_precision': [], 'macro_f1': []}
    cumulated = q.cumsum(axis=1)
    for _ in range(draws):
        y = (random.random((n, 1)) > cumulated).sum(axis=1).clip(0, k - 1)
        precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(y, p, average='macro', zero_division=0)
        for metric, value in (('accuracy', (y == p).mean()), ('macro_recall', recall), ('macro_precision', precision), ('macro_f1', f1)):
            values[metric].append(value)
    for metric, drawn in values.items():
        drawn = np.array(drawn)
        value, low, high = found[metric]
        check(abs(drawn.mean() - value) < 7 * drawn.std() / math.sqrt(draws) + 2e-3, f'estimate of {metric}: {value}, drawn {drawn.mean()}')
        covered = ((drawn >= low) & (drawn <= high)).mean()
        check(0.88 <= covered <= 0.995, f'the interval of {metric} holds {covered:.3f}')


# ---- regressions ----

def boosted(x, losses, at):
    """scikit-learn's boosting over histograms with the same options: the same trees but for its single precision."""
    model = HistGradientBoostingRegressor(learning_rate=0.1, max_iter=100, max_leaf_nodes=31, min_samples_leaf=20, max_bins=255, early_stopping=False)
    return np.maximum(0, model.fit(x, losses).predict(at))


def check_regression(cursor):
    n = 4000
    x = np.column_stack([np.round(random.random(n), 2), random.integers(0, 5, n), random.normal(size=n)])
    if random.random() < 0.5:
        x[random.random(n) < 0.1, 2] = np.nan
    p = np.round(5 + 3 * x[:, 0] + x[:, 1], 3)
    y = p + random.normal(0, 0.2 + x[:, 0] + 0.5 * (x[:, 1] == 2))
    late = x[:, 0] > 0.6
    cursor.execute('CREATE TEMP TABLE forecasts (y float8, p float8, x float8[], late boolean) ON COMMIT DROP')
    with cursor.copy('COPY forecasts FROM STDIN') as copy:
        for row in zip(y.tolist(), p.tolist(), x.tolist(), late.tolist()):
            copy.write_row((row[0], row[1], [None if math.isnan(v) else v for v in row[2]], row[3]))
    cursor.execute('CREATE TEMP TABLE model ON COMMIT DROP AS SELECT weir.fit_loss_model(y, p, x) AS m FROM forecasts')
    cursor.execute('SELECT e.metric, e.value, e.low, e.high FROM unnest((SELECT weir.estimate_regression_performance(p, x, m) FROM forecasts, model WHERE late)) e')
    found = {row[0]: row[1:] for row in cursor.fetchall()}
    inputs = np.column_stack([p, x])
    for metric, losses in (('mean_absolute_error', abs(y - p)), ('mean_squared_error', (y - p) ** 2), ('mean_absolute_percentage_error', abs((y - p) / y))):
        value = boosted(inputs, losses, inputs[late]).mean()
        check(abs(found[metric][0] / value - 1) < 0.02, f'expected {metric} {found[metric][0]}, of scikit-learn {value}')
        check(abs(found[metric][0] / losses[late].mean() - 1) < 0.1, f'expected {metric} {found[metric][0]}, realised {losses[late].mean()}')
    check(close(found['root_mean_squared_error'][0], math.sqrt(found['mean_squared_error'][0])), 'the root of the mean')
    if regression_ready():
        error = regression_error.mae_sampling_error(regression_error.mae_sampling_error_components(y, p), p[late])
        half = (found['mean_absolute_error'][2] - found['mean_absolute_error'][1]) / 2
        check(close(half, 1.959963984540054 * float(error), 1e-3), f"NannyML's sampling error {error}, half-width {half}")
    rows = random.integers(0, n, 50)
    cursor.execute('SELECT weir.expected_loss(m, f.p, f.x) FROM model, (SELECT *, row_number() OVER () AS i FROM forecasts) f WHERE f.i = ANY (%s) ORDER BY f.i', ((np.unique(rows) + 1).tolist(),))
    ours = np.array([row[0] for row in cursor.fetchall()])
    theirs = boosted(inputs, abs(y - p), inputs[np.unique(rows)])
    check(np.corrcoef(ours, theirs)[0, 1] > 0.95, f'expected losses of rows: correlation {np.corrcoef(ours, theirs)[0, 1]}')


def regression_ready():
    return cbpe is not None


def check_same_trees(cursor):
    """Few different values, far from ties: the same trees, so the same losses to single precision."""
    n = 3000
    x = random.integers(0, 40, (n, 2)).astype(float)
    losses = np.abs(np.sin(x[:, 0] / 5) * 3 + x[:, 1] / 10) + 0.3 * random.random(n)
    cursor.execute('SELECT weir.fit_loss_model(y, 0, ARRAY[a, b]) FROM unnest(%s::float8[], %s::float8[], %s::float8[]) t(y, a, b)', (losses.tolist(), x[:, 0].tolist(), x[:, 1].tolist()))
    model = cursor.fetchone()[0]
    at = x[:200]
    cursor.execute('SELECT weir.expected_loss(%s, 0, ARRAY[a, b]) FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY t(a, b, i) ORDER BY i', (model, at[:, 0].tolist(), at[:, 1].tolist()))
    ours = np.array([row[0] for row in cursor.fetchall()])
    theirs = boosted(x, losses, at)
    check(np.median(np.abs(ours - theirs)) < 1e-3, f'the same trees: median difference {np.median(np.abs(ours - theirs))}, largest {np.abs(ours - theirs).max()}')


def check_limits(cursor):
    values = random.normal(0.8, 0.05, 20)
    cursor.execute('SELECT low, high FROM weir.reference_limits(%s, 3, 0, 1)', (values.tolist(),))
    low, high = cursor.fetchone()
    expected = (max(0, values.mean() - 3 * values.std()), min(1, values.mean() + 3 * values.std()))
    check(close(low, expected[0]) and close(high, expected[1]), f'limits {low}, {high}')
    if cbpe:
        theirs = thresholds.StandardDeviationThreshold().thresholds(values)
        check(close(low, max(0, float(theirs[0]))) and close(high, min(1, float(theirs[1]))), f"NannyML's thresholds {theirs}")


# ---- rankings ----

def measures(relevance, k):
    """Of one order."""
    r = np.asarray(relevance) > 0
    ranks = np.arange(1, len(r) + 1)
    found = ranks[r]
    top = r[:k]
    precision = [r[:rank].mean() for rank in found if rank <= k]
    return {'ranking_average_precision': sum(precision) / min(r.sum(), k), 'reciprocal_rank': 1 / found[0] if found[0] <= k else 0.0, 'precision_at': top.sum() / k,
            'recall_at': top.sum() / r.sum(), 'hit_rate_at': float(top.any())}


def check_ranking(cursor):
    n = int(random.integers(1, 7))
    relevance = random.choice([0.0, 0.0, 1.0, 2.0, 3.0], n)
    score = random.choice(np.round(random.random(4), 2), n)
    k = int(random.integers(1, n + 2))
    cursor.execute('SELECT weir.ndcg(r, s, %s), weir.ndcg(r, s), weir.ranking_average_precision(r, s, %s), weir.reciprocal_rank(r, s, %s), weir.precision_at(r, s, %s), weir.recall_at(r, s, %s), '
                   'weir.hit_rate_at(r, s, %s) FROM unnest(%s::float8[], %s::float8[]) t(r, s)', (k,) * 6 + (relevance.tolist(), score.tolist()))
    found = dict(zip(('ndcg', 'ndcg_all', 'ranking_average_precision', 'reciprocal_rank', 'precision_at', 'recall_at', 'hit_rate_at'), cursor.fetchone()))
    if (relevance > 0).any():
        if n > 1:
            check(close(found['ndcg'], float(sklearn_metrics.ndcg_score([relevance], [score], k=k))), f'ndcg at {k}: {found["ndcg"]}')
            check(close(found['ndcg_all'], float(sklearn_metrics.ndcg_score([relevance], [score]))), f'ndcg: {found["ndcg_all"]}')
        orders = [order for order in itertools.permutations(range(n)) if all(score[a] >= score[b] for a, b in zip(order, order[1:]))]
        every = [measures(relevance[list(order)], k) for order in orders]
        for name in every[0]:
            expected = float(np.mean([m[name] for m in every]))
            check(close(found[name], expected), f'{name} at {k} of {relevance}, {score}: {found[name]}, not {expected}')
        if len(orders) == 1 and k >= n:
            check(close(found['ranking_average_precision'], float(sklearn_metrics.average_precision_score(relevance > 0, score))), 'average precision of scikit-learn')
    else:
        check(all(found[name] is None for name in ('ndcg', 'ranking_average_precision', 'reciprocal_rank', 'recall_at', 'hit_rate_at')) and found['precision_at'] == 0, 'nothing to find')


def check_temporal(cursor):
    n = int(random.choice([2, 50, 400]))
    y = np.repeat(random.choice(['a', 'b', 'c'], n), random.integers(1, 6, n))[:n]
    p = np.where(random.random(n) < 0.6, y, random.choice(['a', 'b', 'c'], n))
    cursor.execute('SELECT (t).* FROM (SELECT weir.temporal_performance(y, p ORDER BY i) AS t FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY u(y, p, i)) q', (y.tolist(), p.tolist()))
    row = cursor.fetchone()
    accuracy, last = (y[1:] == p[1:]).mean(), (y[1:] == y[:-1]).mean()
    check(row[0] == n - 1 and close(row[1], float(accuracy)) and close(row[2], float(last)), f'temporal accuracies {row}')
    check(close(row[4], float((accuracy - last) / (1 - last)) if last < 1 else math.nan), f'kappa temporal {row}')
    kappa = sklearn_metrics.cohen_kappa_score(y[1:], p[1:]) if len(set(y[1:]) | set(p[1:])) > 1 else math.nan
    check(close(row[6], float(kappa)), f'kappa {row[6]}, not {kappa}')
    values, predictions = random.normal(size=n).cumsum(), random.normal(size=n).cumsum()
    cursor.execute('SELECT (t).mean_absolute_scaled_error FROM (SELECT weir.temporal_regression(y, p ORDER BY i) AS t FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY u(y, p, i)) q',
                   (values.tolist(), predictions.tolist()))
    expected = np.abs(values - predictions)[1:].mean() / np.abs(np.diff(values)).mean()
    check(close(cursor.fetchone()[0], float(expected)), 'mean absolute scaled error')


def check_fading(cursor):
    """Prequential evaluation with a fading factor, by its recursion; also where weights have to be scaled down."""
    factor = float(random.choice([1.0, 0.99, 0.9, 0.5, 0.02]))
    n = int(random.choice([2, 50, 400]))
    y = random.choice(['a', 'b', 'c'], n)
    p = np.where(random.random(n) < 0.6, y, random.choice(['a', 'b', 'c'], n))
    v, w = random.normal(size=n).cumsum(), random.normal(size=n).cumsum()
    cursor.execute('SELECT (t).*, (r).* FROM (SELECT weir.temporal_performance(y, p, %s ORDER BY i) AS t, weir.temporal_regression(v, w, %s ORDER BY i) AS r '
                   'FROM unnest(%s::text[], %s::text[], %s::float8[], %s::float8[]) WITH ORDINALITY u(y, p, v, w, i)) q',
                   (factor, factor, y.tolist(), p.tolist(), v.tolist(), w.tolist()))
    row = cursor.fetchone()
    sums = np.zeros(5)
    for i in range(1, n):
        sums = factor * sums + [1, y[i] == p[i], y[i] == y[i - 1], abs(v[i] - w[i]), abs(v[i] - v[i - 1])]
    accuracy, last = sums[1] / sums[0], sums[2] / sums[0]
    weights = factor ** np.arange(n - 2, -1, -1.0)
    check(row[0] == n - 1 and close(row[1], float(accuracy)) and close(row[2], float(last)), f'faded accuracies {row} at {factor}')
    check(close(row[4], float((accuracy - last) / (1 - last)) if last < 1 - 1e-12 else math.nan, 1e-7), f'faded kappa temporal {row} at {factor}')
    kappa = sklearn_metrics.cohen_kappa_score(y[1:], p[1:], sample_weight=weights) if len(set(y[1:]) | set(p[1:])) > 1 and factor > 0.5 else None
    if kappa is not None and math.isfinite(kappa):
        check(close(row[6], float(kappa), 1e-7), f'faded kappa {row[6]}, not {kappa} at {factor}')
    check(close(row[8], float(weights.sum() ** 2 / (weights ** 2).sum())), f'effective n {row[8]} at {factor}')
    check(close(row[10], float(sums[3] / sums[0])) and close(row[11], float(sums[4] / sums[0])) and close(row[12], float(sums[3] / sums[4])), f'faded errors {row} at {factor}')


def main():
    with psycopg.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE EXTENSION IF NOT EXISTS weir')
        connection.commit()
        for _ in range(8):
            check_classes(cursor)
            connection.rollback()
        for _ in range(4):
            check_classes_apart(cursor)
            connection.rollback()
        check_coverage(cursor)
        for _ in range(5):
            check_binary(cursor)
            check_limits(cursor)
        for _ in range(3):
            check_regression(cursor)
            connection.rollback()
        check_same_trees(cursor)
        for _ in range(150):
            check_ranking(cursor)
        for _ in range(20):
            check_temporal(cursor)
            check_fading(cursor)
        connection.rollback()
    logging.disable(logging.NOTSET)
    return finish()


if __name__ == '__main__':
    sys.exit(main())
