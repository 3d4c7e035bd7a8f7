"""Compares weir's model performance, calibration and estimation without labels with scikit-learn, statsmodels and brute force in numpy.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import math
import sys
import warnings

import numpy as np
import psycopg
import statsmodels.api as sm
from scipy import stats
from sklearn import metrics
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from statsmodels.stats.proportion import proportion_confint
from checks import check, finish, random

warnings.filterwarnings('ignore')
Z = stats.norm.ppf(0.975)


def close(a, b, tolerance=1e-9):
    if a is None or b is None or (isinstance(b, float) and math.isnan(b)):
        return a is None and (b is None or math.isnan(b))
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def rows_of(cursor, query, *arguments):
    cursor.execute(query, arguments)
    return {row[0]: row[1:] for row in cursor.fetchall()}


def ratio(a, b):
    return math.nan if b == 0 else a / b


# ---- binary ----

def binary_case():
    n = int(random.choice([1, 2, 5, 40, 300, 1000]))
    base = random.choice([0.0, 0.02, 0.3, 0.5, 0.9, 1.0])
    y = (random.random(n) < base).astype(int)
    form = random.integers(5)
    if form == 0:
        s = random.random(n)
    elif form == 1:
        s = np.clip(0.3 * y + 0.6 * random.random(n), 0, 1)
    elif form == 2:
        s = np.round(random.random(n), 1)
    elif form == 3:
        s = np.full(n, random.choice([0.0, 0.5, 1.0]))
    else:
        s = random.normal(y, 2)
    return y, s


def delong(y, s):
    """Half-width of the interval, straight from the kernel over all pairs."""
    positives, negatives = s[y == 1], s[y == 0]
    kernel = (positives[:, None] > negatives[None, :]) + 0.5 * (positives[:, None] == negatives[None, :])
    return Z * math.sqrt(kernel.mean(axis=1).var(ddof=1) / len(positives) + kernel.mean(axis=0).var(ddof=1) / len(negatives))


def check_binary(cursor, y, s, threshold):
    found = rows_of(cursor, 'SELECT m.metric, m.value, m.low, m.high, m.n, m.status, m.error_bound FROM (SELECT weir.binary_performance(y, s) AS p '
                    'FROM unnest(%s::int[], %s::float8[]) t(y, s)) q, weir.performance_metrics(p, %s) m', y.tolist(), s.tolist(), threshold)
    both = 0 < y.sum() < len(y)
    hat = (s >= threshold).astype(int)
    probability = s.min() >= 0 and s.max() <= 1
    tp, fp = int(((y == 1) & (hat == 1)).sum()), int(((y == 0) & (hat == 1)).sum())
    fn, tn = int(((y == 1) & (hat == 0)).sum()), int(((y == 0) & (hat == 0)).sum())
    auc = metrics.roc_auc_score(y, s) if both else math.nan
    expected = {
        'roc_auc': auc, 'gini': 2 * auc - 1, 'average_precision': metrics.average_precision_score(y, s) if both else math.nan,
        'kolmogorov_smirnov': stats.ks_2samp(s[y == 0], s[y == 1], method='asymp').statistic if both else math.nan,
        'log_loss': metrics.log_loss(y, s, labels=[0, 1]) if probability else math.nan,
        'brier_score': metrics.brier_score_loss(y, s, pos_label=1) if probability else math.nan,
        'brier_skill_score': 1 - metrics.brier_score_loss(y, s, pos_label=1) / (y.mean() * (1 - y.mean())) if probability and both else math.nan,
        'accuracy': metrics.accuracy_score(y, hat), 'precision': ratio(tp, tp + fp), 'recall': ratio(tp, tp + fn), 'specificity': ratio(tn, tn + fp),
        'balanced_accuracy': metrics.balanced_accuracy_score(y, hat) if both else math.nan,
        'negative_predictive_value': ratio(tn, tn + fn), 'false_positive_rate': ratio(fp, fp + tn), 'false_negative_rate': ratio(fn, fn + tp),
        'false_discovery_rate': ratio(fp, fp + tp), 'false_omission_rate': ratio(fn, fn + tn), 'selection_rate': hat.mean(), 'base_rate': y.mean(),
        'f1': metrics.f1_score(y, hat) if tp + fp + fn else math.nan, 'jaccard': metrics.jaccard_score(y, hat) if tp + fp + fn else math.nan,
        'matthews_correlation': metrics.matthews_corrcoef(y, hat) if both and 0 < hat.sum() < len(y) else math.nan,
        'cohen_kappa': metrics.cohen_kappa_score(y, hat, labels=[0, 1]), 'youden_j': metrics.balanced_accuracy_score(y, hat, adjusted=True) if both else math.nan,
        'geometric_mean': math.sqrt(ratio(tp, tp + fn) * ratio(tn, tn + fp)) if both else math.nan, 'lift': ratio(ratio(tp, tp + fp), y.mean()),
        'majority_accuracy': max(y.mean(), 1 - y.mean()),
    }
    for name, value in expected.items():
        check(close(found[name][0], value), f'binary {name} of {len(y)} rows at {threshold}: {found[name][0]}, not {value}')
        check((found[name][4] == 'ok') == (not math.isnan(value)), f'binary {name}: status {found[name][4]} of {value}')
    beta = float(random.choice([0.5, 2.0, 3.0]))
    value = cursor.execute("SELECT m.value FROM (SELECT weir.binary_performance(y, s) AS p FROM unnest(%s::int[], %s::float8[]) t(y, s)) q, "
                           "weir.performance_metrics(p, %s, '{f_beta}', beta => %s) m", (y.tolist(), s.tolist(), threshold, beta)).fetchone()[0]
    check(close(value, float(metrics.fbeta_score(y, hat, beta=beta)) if tp + fp + fn else math.nan), f'F of beta {beta}: {value}')
    check(all(row[5] in (None, 0) for row in found.values()), f'binary of {len(y)} rows is exact')
    for name, successes, trials in (('accuracy', tp + tn, len(y)), ('recall', tp, tp + fn), ('precision', tp, tp + fp)):
        if trials:
            low, high = proportion_confint(successes, trials, method='wilson')
            check(close(found[name][1], max(low, 0), 1e-8) and close(found[name][2], min(high, 1), 1e-8), f'interval of {name}: {found[name][1:3]}, not {low, high}')
    if both and min(y.sum(), len(y) - y.sum()) > 1:
        half = delong(y, s)
        check(close(found['roc_auc'][1], max(0, auc - half)) and close(found['roc_auc'][2], min(1, auc + half)), f'DeLong: {found["roc_auc"][1:3]}, not {auc - half}, {auc + half}')
    if probability and len(y) > 1:
        losses = (y - s) ** 2
        half = Z * losses.std(ddof=1) / math.sqrt(len(y))
        check(close(found['brier_score'][2], losses.mean() + half, 1e-7), f'interval of the Brier score: {found["brier_score"][2]}, not {losses.mean() + half}')


def check_bounds(cursor):
    """More scores than are kept one by one: answers lie within their bounds, what comes from moments stays exact."""
    n = 60_000
    s = random.beta(2, 5, n)
    y = (random.random(n) < s).astype(int)
    threshold = 0.3
    found = rows_of(cursor, 'SELECT m.metric, m.value, m.error_bound FROM (SELECT weir.binary_performance(y, s) AS p FROM unnest(%s::int[], %s::float8[]) t(y, s)) q, '
                    'weir.performance_metrics(p, %s) m', y.tolist(), s.tolist(), threshold)
    hat = (s >= threshold).astype(int)
    for name, value in (('roc_auc', metrics.roc_auc_score(y, s)), ('average_precision', metrics.average_precision_score(y, s)), ('accuracy', metrics.accuracy_score(y, hat)),
                        ('recall', metrics.recall_score(y, hat)), ('precision', metrics.precision_score(y, hat)), ('f1', metrics.f1_score(y, hat)),
                        ('kolmogorov_smirnov', stats.ks_2samp(s[y == 0], s[y == 1], method='asymp').statistic), ('matthews_correlation', metrics.matthews_corrcoef(y, hat)),
                        ('cohen_kappa', metrics.cohen_kappa_score(y, hat))):
        check(abs(found[name][0] - value) <= found[name][1] and 0 < found[name][1] < 0.1, f'{name}: {found[name]} bounds {value}')
    check(close(found['brier_score'][0], metrics.brier_score_loss(y, s)) and found['brier_score'][1] == 0, 'the Brier score stays exact')
    check(close(found['log_loss'][0], metrics.log_loss(y, s)), 'log loss stays exact')
    found = rows_of(cursor, 'SELECT m.metric, m.value, m.error_bound FROM (SELECT weir.binary_performance(y, s) AS p FROM unnest(%s::int[], %s::float8[]) t(y, s)) q, '
                    'weir.performance_metrics(p, 0.5) m', y.tolist(), s.tolist())
    check(close(found['accuracy'][0], metrics.accuracy_score(y, s >= 0.5)) and found['accuracy'][1] == 0, 'at a threshold of one half everything is exact')


# ---- classes and regression ----

def check_classes(cursor):
    n = int(random.choice([1, 3, 50, 500]))
    names = [f'class {i}' for i in range(int(random.integers(1, 6)))] + ['é|"', '']
    y = random.choice(names, n)
    hat = np.where(random.random(n) < 0.6, y, random.choice(names, n))
    found = rows_of(cursor, 'SELECT m.metric, m.value, m.status FROM (SELECT weir.class_performance(y, h) AS p FROM unnest(%s::text[], %s::text[]) t(y, h)) q, '
                    'weir.performance_metrics(p) m', y.tolist(), hat.tolist())
    expected = {
        'accuracy': metrics.accuracy_score(y, hat), 'balanced_accuracy': metrics.balanced_accuracy_score(y, hat),
        'matthews_correlation': metrics.matthews_corrcoef(y, hat) if len(set(y)) > 1 and len(set(hat)) > 1 else math.nan,
        'cohen_kappa': metrics.cohen_kappa_score(y, hat) if len(set(y) | set(hat)) > 1 else math.nan,
    }
    for mean in ('macro', 'weighted'):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(y, hat, average=mean, zero_division=0)
        expected.update({f'{mean}_precision': precision, f'{mean}_recall': recall, f'{mean}_f1': f1})
    for name, value in expected.items():
        check(close(found[name][0], value), f'classes: {name} of {n} rows: {found[name]}, not {value}')
    beta = float(random.choice([0.5, 2.0, 3.0]))
    for name, value in cursor.execute("SELECT m.metric, m.value FROM (SELECT weir.class_performance(y, h) AS p FROM unnest(%s::text[], %s::text[]) t(y, h)) q, "
                                      "weir.performance_metrics(p, metrics => '{macro_f_beta,weighted_f_beta}', beta => %s) m", (y.tolist(), hat.tolist(), beta)).fetchall():
        theirs = metrics.fbeta_score(y, hat, beta=beta, average=name.split('_')[0], zero_division=0)
        check(close(value, float(theirs)), f'{name} of beta {beta}: {value}, not {theirs}')
    matrix = dict(((row[0], row[1]), row[2]) for row in cursor.execute(
        'SELECT m.label, m.prediction, m.n FROM (SELECT weir.class_performance(y, h) AS p FROM unnest(%s::text[], %s::text[]) t(y, h)) q, weir.confusion_matrix(p) m',
        (y.tolist(), hat.tolist())).fetchall())
    check(matrix == {(a, b): int(((y == a) & (hat == b)).sum()) for a in set(y) for b in set(hat) if ((y == a) & (hat == b)).any()}, f'confusion matrix {matrix}')


def check_class_ranking(cursor):
    """One class against the rest, from one performance per class."""
    n, k = int(random.choice([20, 300])), int(random.integers(2, 5))
    names = [f'c{i}' for i in range(k)]
    s = np.round(random.dirichlet(np.ones(k), n), 3)
    s = s / s.sum(axis=1, keepdims=True)
    y = np.concatenate([np.arange(k), [random.choice(k, p=row) for row in s[k:]]]).astype(int)
    rows = cursor.execute('WITH t AS (SELECT i, y FROM unnest(%s::text[]) WITH ORDINALITY u(y, i)), s AS (SELECT * FROM unnest(%s::int[], %s::int[], %s::float8[]) u(i, c, s)), '
                          "q AS (SELECT (%s::text[])[s.c] AS c, weir.binary_performance(t.y = (%s::text[])[s.c], s.s) AS p FROM t JOIN s USING (i) GROUP BY 1) "
                          'SELECT m.metric, m.class_name, m.value, m.low, m.high FROM (SELECT array_agg(c) AS c, array_agg(p) AS p FROM q) r, weir.class_ranking(c, p) m',
                          ([names[v] for v in y], np.repeat(np.arange(1, n + 1), k).tolist(), np.tile(np.arange(1, k + 1), n).tolist(), s.ravel().tolist(), names, names)).fetchall()
    found = {(row[0], row[1]): row[2:] for row in rows}
    for i, name in enumerate(names):
        check(close(found['roc_auc', name][0], float(metrics.roc_auc_score(y == i, s[:, i]))), f'area of {name} against the rest {found["roc_auc", name]}')
        check(close(found['average_precision', name][0], float(metrics.average_precision_score(y == i, s[:, i]))), f'average precision of {name}')
    for mean in ('macro', 'weighted'):
        own = [metrics.roc_auc_score(y == i, s[:, i]) for i in range(k)]
        theirs = metrics.roc_auc_score(y, s, multi_class='ovr', average=mean) if k > 2 else float(np.average(own, weights=None if mean == 'macro' else np.bincount(y, minlength=k)))
        check(close(found[f'{mean}_roc_auc', None][0], float(theirs)), f'{mean} area: {found[f"{mean}_roc_auc", None]}, not {theirs}')
        low, high = found[f'{mean}_roc_auc', None][1:3]
        # DeLong's variance needs two rows of the class and two of the rest.
        if min(np.bincount(y, minlength=k).min(), (n - np.bincount(y, minlength=k)).min()) > 1:
            check(low <= theirs <= high, f'its interval holds it: {low}, {high}')
        else:
            check(low is None and high is None, f'no interval where a class has one row: {low}, {high}')
    brier = ((s - np.eye(k)[y]) ** 2).sum(axis=1).mean()
    check(close(found['brier_score', None][0], float(brier)), f'Brier score of all classes {found["brier_score", None]}, not {brier}')


def check_regression(cursor):
    n = int(random.choice([1, 2, 30, 800]))
    offset = random.choice([0.0, 1e9])
    y = offset + random.normal(5, 2, n)
    hat = y + random.normal(random.choice([0.0, 0.5]), random.choice([0.0, 1.0]), n)
    if random.random() < 0.3:
        y, hat = np.abs(y), np.abs(hat)
    found = rows_of(cursor, 'SELECT m.metric, m.value, m.low, m.high FROM (SELECT weir.regression_performance(y, h) AS p FROM unnest(%s::float8[], %s::float8[]) t(y, h)) q, '
                    'weir.performance_metrics(p) m', y.tolist(), hat.tolist())
    varies = n > 1
    expected = {
        'mean_absolute_error': metrics.mean_absolute_error(y, hat), 'mean_squared_error': metrics.mean_squared_error(y, hat),
        'root_mean_squared_error': metrics.root_mean_squared_error(y, hat), 'max_error': metrics.max_error(y, hat), 'mean_error': float(np.mean(hat - y)),
        'mean_absolute_percentage_error': metrics.mean_absolute_percentage_error(y, hat),
        'r2': metrics.r2_score(y, hat) if varies else math.nan, 'explained_variance': metrics.explained_variance_score(y, hat) if varies else math.nan,
        'root_mean_squared_logarithmic_error': metrics.root_mean_squared_log_error(y, hat) if y.min() >= 0 and hat.min() >= 0 else None,
    }
    for name, value in expected.items():
        if value is not None:
            check(close(found[name][0], value, 1e-9 if offset == 0 or name not in ('r2', 'explained_variance') else 1e-6), f'regression: {name} of {n} rows: {found[name][0]}, not {value}')
    features, quantile = int(random.integers(0, 5)), float(random.choice([0.05, 0.5, 0.9]))
    more = rows_of(cursor, 'SELECT m.metric, m.value, m.low, m.high FROM (SELECT weir.regression_performance(y, h) AS p FROM unnest(%s::float8[], %s::float8[]) t(y, h)) q, '
                   'weir.performance_metrics(p, n_features => %s, quantile => %s) m', y.tolist(), hat.tolist(), features, quantile)
    loss = metrics.mean_pinball_loss(y, hat, alpha=quantile)
    check(close(more['pinball_loss'][0], float(loss)), f'pinball loss at {quantile}: {more["pinball_loss"]}, not {loss}')
    if n > 2:
        losses = np.maximum(quantile * (y - hat), (quantile - 1) * (y - hat))
        check(more['pinball_loss'][2] >= losses.mean() + Z * losses.std(ddof=1) / math.sqrt(n) - 1e-9, f'the interval of the pinball loss is wide enough: {more["pinball_loss"]}')
    check(close(more['coverage'][0], float((y <= hat).mean())), f'coverage {more["coverage"]}')
    low, high = proportion_confint(int((y <= hat).sum()), n, method='wilson')
    check(close(more['coverage'][1], max(low, 0), 1e-8) and close(more['coverage'][2], min(high, 1), 1e-8), f'interval of coverage {more["coverage"]}')
    adjusted = 1 - (1 - expected['r2']) * (n - 1) / (n - features - 1) if varies and n > features + 1 else math.nan
    check(close(more['adjusted_r2'][0], adjusted, 1e-9 if offset == 0 else 1e-5), f'adjusted R2 with {features} features of {n} rows: {more["adjusted_r2"]}, not {adjusted}')
    if n % 2 == 1 or n == 1:
        check(close(found['median_absolute_error'][0], metrics.median_absolute_error(y, hat)), 'median absolute error')
    if n > 2 and offset == 0:
        check(close(found['correlation'][0], float(np.corrcoef(y, hat)[0, 1]), 1e-8), f'correlation: {found["correlation"][0]}')


# ---- calibration ----

def check_calibration(cursor):
    n = int(random.choice([60, 400, 1000]))
    s = random.random(n) if random.random() < 0.7 else np.round(random.random(n), 2)
    y = (random.random(n) < s ** random.choice([0.5, 1.0, 2.0])).astype(int)
    if not 0 < y.sum() < n:
        return
    bins = int(random.choice([5, 10, 20]))
    edges = np.arange(bins + 1) / bins
    number = np.clip(np.searchsorted(edges, s, side='left') - 1, 0, bins - 1)
    table = cursor.execute('SELECT c.n, c.n_positive, c.mean_score FROM (SELECT weir.binary_performance(y, s) AS p FROM unnest(%s::int[], %s::float8[]) t(y, s)) q, '
                           'weir.calibration(p, %s) c ORDER BY bin', (y.tolist(), s.tolist(), bins)).fetchall()
    check([row[0] for row in table] == [int((number == b).sum()) for b in range(bins)], f'rows of the {bins} bins')
    check([row[1] for row in table] == [int(y[number == b].sum()) for b in range(bins)], f'positives of the {bins} bins')
    ece = sum(abs(y[number == b].sum() - s[number == b].sum()) for b in range(bins)) / n
    found = rows_of(cursor, 'SELECT c.metric, c.value, c.p_value FROM (SELECT weir.binary_performance(y, s) AS p FROM unnest(%s::int[], %s::float8[]) t(y, s)) q, '
                    'weir.calibration_metrics(p, %s) c', y.tolist(), s.tolist(), bins)
    check(close(found['expected_calibration_error'][0], ece), f'expected calibration error {found["expected_calibration_error"][0]}, not {ece}')
    z = ((y - s) * (1 - 2 * s)).sum() / math.sqrt(((1 - 2 * s) ** 2 * s * (1 - s)).sum())
    check(close(found['spiegelhalter_z'][0], z, 1e-8) and close(found['spiegelhalter_z'][1], 2 * stats.norm.sf(abs(z)), 1e-8), f'Spiegelhalter {found["spiegelhalter_z"]}, not {z}')
    logit = np.log(np.clip(s, 1e-15, 1 - 1e-15)) - np.log1p(-np.clip(s, 1e-15, 1 - 1e-15))
    fit = sm.Logit(y, sm.add_constant(logit)).fit(disp=0, method='newton', maxiter=200, tol=1e-12)
    check(close(found['calibration_intercept'][0], fit.params[0], 1e-6) and close(found['calibration_slope'][0], fit.params[1], 1e-6),
          f'slope and intercept {found["calibration_intercept"][0], found["calibration_slope"][0]}, not {fit.params}')
    brier = found['reliability'][0] - found['resolution'][0] + found['uncertainty'][0] + found['within_bins'][0]
    check(close(brier, metrics.brier_score_loss(y, s)), 'the decomposition adds up')
    filled = [b for b in range(bins) if (number == b).any()]
    expectation = [s[number == b].sum() for b in filled]
    sizes = [(number == b).sum() for b in filled]
    if all(0 < e < m for e, m in zip(expectation, sizes)):
        statistic = sum((y[number == b].sum() - e) ** 2 / (e * (1 - e / m)) for b, e, m in zip(filled, expectation, sizes))
        check(close(found['hosmer_lemeshow'][0], statistic, 1e-8), f'Hosmer and Lemeshow {found["hosmer_lemeshow"]}, not {statistic}')
    x = random.random(50)

    def curve(method):
        return np.array([row[0] for row in cursor.execute(
            'WITH c AS MATERIALIZED (SELECT weir.fit_calibrator(weir.binary_performance(y, s), %s) AS c FROM unnest(%s::int[], %s::float8[]) t(y, s)) '
            'SELECT weir.recalibrate(x, c.c) FROM c, unnest(%s::float8[]) WITH ORDINALITY u(x, i) ORDER BY i', (method, y.tolist(), s.tolist(), x.tolist())).fetchall()])
    isotonic = IsotonicRegression(out_of_bounds='clip').fit(s, y).predict(x)
    check(np.allclose(curve('isotonic'), isotonic, atol=1e-9), 'isotonic calibrator')
    check(np.allclose(curve('platt'), _SigmoidCalibration().fit(s, y).predict(x), atol=1e-4), "Platt's calibrator")
    check(np.allclose(curve('logit'), fit.predict(sm.add_constant(np.log(x / (1 - x)))), atol=1e-6), 'logit calibrator')
    beta = sm.Logit(y, sm.add_constant(np.column_stack([np.log(np.clip(s, 1e-15, 1)), -np.log1p(-np.clip(s, 0, 1 - 1e-15))]))).fit(disp=0, method='newton', maxiter=200, tol=1e-12)
    check(np.allclose(curve('beta'), beta.predict(sm.add_constant(np.column_stack([np.log(x), -np.log1p(-x)]))), atol=1e-6), 'beta calibrator')


# ---- without labels ----

def check_estimate(cursor):
    """Labels drawn again and again from the probabilities: their mean is the estimate, and the interval holds 95 % of them."""
    n = 800
    s = np.round(random.beta(1.5, 2, n), 3)
    found = rows_of(cursor, "SELECT m.metric, m.value, m.low, m.high FROM (SELECT weir.binary_performance(NULL::int, s) AS p FROM unnest(%s::float8[]) s) q, "
                    "weir.estimate_performance(p, p, 0.4, calibrate => 'never') m", s.tolist())
    hat = s >= 0.4
    draws = {'accuracy': [], 'precision': [], 'recall': [], 'specificity': [], 'f1': [], 'roc_auc': [], 'base_rate': []}
    for _ in range(600):
        y = (random.random(n) < s).astype(int)
        draws['accuracy'].append(metrics.accuracy_score(y, hat))
        draws['precision'].append(y[hat].mean())
        draws['recall'].append(hat[y == 1].mean())
        draws['specificity'].append(1 - hat[y == 0].mean())
        draws['f1'].append(2 * y[hat].sum() / (hat.sum() + y.sum()))
        draws['roc_auc'].append(metrics.roc_auc_score(y, s))
        draws['base_rate'].append(y.mean())
    for name, values in draws.items():
        values = np.array(values)
        value, low, high = found[name]
        check(abs(values.mean() - value) < 5 * values.std() / math.sqrt(len(values)) + 1e-3, f'estimate of {name}: {value}, drawn {values.mean()}')
        covered = ((values >= low) & (values <= high)).mean()
        check(0.9 <= covered <= 0.99, f'the interval of {name} holds {covered:.3f}')


def check_states(cursor):
    """Parts merged, taken back, sent and read again are the whole."""
    cursor.execute('CREATE TEMP TABLE r ON COMMIT DROP AS SELECT i, i %% 3 AS part, (random() < .4)::int AS y, '
                   'round(random()::numeric, 3)::float8 AS s FROM generate_series(1, %s) i', (3000,))
    for aggregate in ('binary_performance(y, s)', "class_performance(y, s > 0.5)", 'regression_performance(y, s)'):
        good = cursor.execute(f'WITH whole AS (SELECT weir.{aggregate} AS p FROM r), parts AS (SELECT part, weir.{aggregate} AS p FROM r GROUP BY part) '
                              'SELECT weir.performances_equal(whole.p, m.p), weir.performances_equal(whole.p OPERATOR(weir.-) a.p OPERATOR(weir.-) b.p, c.p), '
                              'whole.p::text::weir.performance::text = whole.p::text '
                              'FROM whole, (SELECT weir.merge(p) AS p FROM parts) m, parts a, parts b, parts c WHERE a.part = 0 AND b.part = 1 AND c.part = 2').fetchone()
        check(good == (True, True, True), f'{aggregate}: merged, taken back, written and read: {good}')


def main():
    with psycopg.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE EXTENSION IF NOT EXISTS weir')
        for _ in range(60):
            y, s = binary_case()
            check_binary(cursor, y, s, float(random.choice([0.5, 0.25, 0.3, s[0]])))
        check_bounds(cursor)
        for _ in range(30):
            check_classes(cursor)
            check_class_ranking(cursor)
            check_regression(cursor)
        for _ in range(25):
            check_calibration(cursor)
        check_estimate(cursor)
        check_states(cursor)
        connection.rollback()
    return finish()


if __name__ == '__main__':
    sys.exit(main())
