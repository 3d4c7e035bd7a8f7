"""Compares audits with AI Fairness 360, Aequitas, Fairlearn, scikit-learn, scipy and statsmodels: on random tables, and of a classifier trained on adult.csv.gz.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back); WEIR_DATA is where adult.csv.gz lies. Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import logging
import math
import os
import sys

from checks import check, close, random, finish
import numpy as np
import pandas as pd
import psycopg

import peers
from fairlearn import metrics as fairlearn
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, roc_auc_score, roc_curve
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.preprocessing import OrdinalEncoder
from statsmodels.stats.contingency_tables import StratifiedTable

ClassificationMetric, BinaryLabelDataset = peers.aif360()
Group, Bias, Fairness = peers.aequitas()

TABLE = '(SELECT weir.fairness(y, p, g) AS f FROM unnest(%s::int[], %s::int[], %s::text[]) t(y, p, g)) s'


def fetch(cursor, query, *arguments):
    cursor.execute(query, arguments)
    return cursor.fetchall()


def random_case():
    """Every group has every outcome, so that the peers' ratios exist."""
    n = int(random.choice([200, 1000, 5000]))
    names = [f'g{i}' for i in range(int(random.integers(2, 6)))]
    g = np.concatenate([np.repeat(names, 4), random.choice(names, n)])
    rates = {name: (random.uniform(0.2, 0.8), random.uniform(0.2, 0.9)) for name in names}
    y = np.concatenate([np.tile([0, 0, 1, 1], len(names)), [int(random.random() < rates[x][0]) for x in g[4 * len(names):]]])
    p = np.concatenate([np.tile([0, 1, 0, 1], len(names)), [int(random.random() < (rates[x][1] if label else 1 - rates[x][1])) for x, label in zip(g[4 * len(names):], y[4 * len(names):])]])
    return y, p, g


# ---- AI Fairness 360 ----

def check_aif360(cursor, y, p, g, reference):
    found = {(m, group): v for m, group, v in fetch(cursor, f'SELECT m.metric, m.group_name, m.value FROM {TABLE}, weir.fairness_metrics(f, %s, min_group_size => 1) m',
                                                    y.tolist(), p.tolist(), g.tolist(), reference)}
    inequality = {}
    for name in sorted(set(g) - {reference}):
        here = (g == name) | (g == reference)
        frame = pd.DataFrame({'y': y[here].astype(float), 'g': (g[here] == reference).astype(float), 'x': 0.0})
        truth = BinaryLabelDataset(df=frame, label_names=['y'], protected_attribute_names=['g'], favorable_label=1.0, unfavorable_label=0.0)
        guess = truth.copy()
        guess.labels = p[here].astype(float).reshape(-1, 1)
        theirs = ClassificationMetric(truth, guess, unprivileged_groups=[{'g': 0.0}], privileged_groups=[{'g': 1.0}])
        for metric, value in {
            'demographic_parity_difference': theirs.statistical_parity_difference(), 'disparate_impact': theirs.disparate_impact(),
            'equal_opportunity_difference': theirs.equal_opportunity_difference(), 'average_odds_difference': theirs.average_odds_difference(),
            'average_absolute_odds_difference': theirs.average_abs_odds_difference(), 'average_predictive_value_difference': theirs.average_predictive_value_difference(),
            'false_positive_rate_difference': theirs.false_positive_rate_difference(), 'false_positive_rate_ratio': theirs.false_positive_rate_ratio(),
            'false_negative_rate_difference': theirs.false_negative_rate_difference(), 'false_negative_rate_ratio': theirs.false_negative_rate_ratio(),
            'false_discovery_rate_difference': theirs.false_discovery_rate_difference(), 'false_discovery_rate_ratio': theirs.false_discovery_rate_ratio(),
            'false_omission_rate_difference': theirs.false_omission_rate_difference(), 'false_omission_rate_ratio': theirs.false_omission_rate_ratio(),
            'error_rate_difference': theirs.error_rate_difference(), 'error_rate_ratio': theirs.error_rate_ratio(),
        }.items():
            check(close(found[metric, name], float(value)), f"AI Fairness 360's {metric} of {name}: {found[metric, name]}, not {value}")
        inequality = {m: (value, between) for m, value, between in fetch(
            cursor, f'SELECT i.measure, i.value, i.between_groups FROM {TABLE}, weir.fairness_inequality(f) i', y[here].tolist(), p[here].tolist(), g[here].tolist())}
        for measure, value in (('generalized_entropy', theirs.generalized_entropy_index()), ('theil', theirs.theil_index())):
            check(close(inequality[measure][0], float(value)), f"AI Fairness 360's {measure}: {inequality[measure]}, not {value}")
        check(close(inequality['coefficient_of_variation'][0], float(theirs.coefficient_of_variation())), "AI Fairness 360's coefficient of variation")
        check(close(inequality['generalized_entropy'][1], float(theirs.between_group_generalized_entropy_index())), "AI Fairness 360's entropy between groups")
        check(close(inequality['theil'][1], float(theirs.between_group_theil_index())), "AI Fairness 360's Theil index between groups")
        epsilon = dict(fetch(cursor, f'SELECT d.outcome, d.epsilon FROM {TABLE}, weir.fairness_differential(f) d', y[here].tolist(), p[here].tolist(), g[here].tolist()))
        check(close(epsilon['amplification'], float(theirs.differential_fairness_bias_amplification())), f"AI Fairness 360's bias amplification: {epsilon}")
    counts = {name: [int(((g == name) & (y == a) & (p == b)).sum()) for a, b in ((1, 0), (0, 1))] for name in set(g)}
    for name in sorted(set(g) - {reference}):
        expected = counts[name][0] / counts[name][1] / (counts[reference][0] / counts[reference][1])
        check(close(found['treatment_equality_ratio', name], expected), f'treatment equality of {name}: {found["treatment_equality_ratio", name]}, not {expected}')


# ---- Aequitas ----

def check_aequitas(cursor, y, p, g, reference):
    frame = pd.DataFrame({'score': p, 'label_value': y, 'g': np.array(g, dtype=object)})
    frame['g'] = frame['g'].astype(object)
    crosstab, _ = Group().get_crosstabs(frame)
    bias = Bias()
    for named, given in (('predefined', reference), ('min_metric', 'min_metric'), ('majority', None)):
        if named == 'predefined':
            theirs = bias.get_disparity_predefined_groups(crosstab, original_df=frame, ref_groups_dict={'g': reference}, check_significance=False)
        elif named == 'majority':
            theirs = bias.get_disparity_major_group(crosstab, original_df=frame, check_significance=False)
        else:
            theirs = bias.get_disparity_min_metric(crosstab, original_df=frame, check_significance=False)
        theirs = theirs.set_index('attribute_value')
        sizes = pd.Series(g).value_counts()
        if named == 'majority' and (sizes == sizes.max()).sum() > 1:
            continue
        for group, metric, value, disparity, fair in fetch(cursor, f'SELECT a.group_name, a.metric, a.value, a.disparity, a.is_fair FROM {TABLE}, weir.fairness_aequitas(f, %s) a',
                                                           y.tolist(), p.tolist(), g.tolist(), given):
            check(close(value, float(theirs.loc[group, metric])), f"Aequitas' {metric} of {group}: {value}, not {theirs.loc[group, metric]}")
            expected = float(theirs.loc[group, f'{metric}_disparity'])
            check(close(disparity, expected), f"Aequitas' {metric} disparity ({named}) of {group}: {disparity}, not {expected}")
            if abs(expected - 0.8) > 1e-9 and abs(expected - 1.25) > 1e-9:
                check(fair == (0.8 <= expected <= 1.25), f"Aequitas' parity of {metric}")


# ---- similar rows ----

def check_similar(cursor):
    n = int(random.choice([30, 200, 600]))
    x = random.normal(size=(n, int(random.integers(1, 5))))
    p = (x[:, 0] + random.normal(0, 0.7, n) > 0).astype(int)
    d = random.random(n) < 0.4
    d[:2] = [True, False]
    k = int(random.choice([1, 3, 5, 7]))
    rows = [(int(a), bool(b), c.tolist()) for a, b, c in zip(p, d, x)]
    cursor.execute('CREATE TEMP TABLE similar_rows (i serial, p int, d boolean, x float8[]) ON COMMIT DROP')
    cursor.executemany('INSERT INTO similar_rows (p, d, x) VALUES (%s, %s, %s)', rows)
    flip, refused, chosen, consistency = fetch(cursor, 'SELECT (f).value, (f).n_refused_like_chosen, (f).n_chosen_like_refused, c FROM '
                                               '(SELECT weir.flip_test(p, d, x, %s ORDER BY i) AS f, weir.consistency(p, x, %s ORDER BY i) AS c FROM similar_rows) q', k, k)[0]
    if k <= (~d).sum():
        like = KNeighborsClassifier(n_neighbors=k).fit(x[~d], p[~d]).predict(x[d]) if len(set(p[~d])) > 1 else np.full(d.sum(), p[~d][0])
        check((refused, chosen) == (int(((p[d] == 0) & (like == 1)).sum()), int(((p[d] == 1) & (like == 0)).sum())), f'flip test with {k}: {refused}, {chosen}')
        check(close(flip, float(((p[d] == 0) & (like == 1)).sum() - ((p[d] == 1) & (like == 0)).sum()) / d.sum()), f'flip test {flip}')
    if k <= n:
        nearest = NearestNeighbors(n_neighbors=k, algorithm='brute').fit(x).kneighbors(x, return_distance=False)
        check(close(consistency, 1 - np.abs(p - p[nearest].mean(axis=1)).mean()), f'consistency with {k}: {consistency}')
        frame = pd.DataFrame(x, columns=[f'x{i}' for i in range(x.shape[1])]).assign(y=p.astype(float), g=0.0)
        if k == 5 and len(set(p)) > 1:
            data = BinaryLabelDataset(df=frame, label_names=['y'], protected_attribute_names=['g'])
            near = NearestNeighbors(n_neighbors=5, algorithm='ball_tree').fit(data.features).kneighbors(data.features, return_distance=False)
            check(close(consistency, 1 - np.abs(data.labels.ravel() - data.labels.ravel()[near].mean(axis=1)).mean()), "consistency as AI Fairness 360 computes it")
    cursor.execute('DROP TABLE similar_rows')


# ---- scores ----

def area_between(y, s, a, b):
    """Exactly: both curves are straight between the false positive rates at which either has a point."""
    curves = [roc_curve(y[m], s[m], drop_intermediate=False)[:2] for m in (a, b)]
    grid = np.unique(np.concatenate([c[0] for c in curves]))
    area = 0.0
    for x0, x1 in zip(grid[:-1], grid[1:]):
        ends = []
        for fpr, tpr in curves:
            i = np.searchsorted(fpr, x0, side='right') - 1    # the last point at x0: the segment that leaves it
            slope = (tpr[i + 1] - tpr[i]) / (fpr[i + 1] - fpr[i])
            ends.append((tpr[i] + slope * (x0 - fpr[i]), tpr[i] + slope * (x1 - fpr[i])))
        left, right = ends[0][0] - ends[1][0], ends[0][1] - ends[1][1]
        area += (x1 - x0) * (abs(left + right) / 2 if left * right >= 0 else (left * left + right * right) / (2 * (abs(left) + abs(right))))
    return area


GROUPED = '(SELECT array_agg(g) AS names, array_agg(q) AS ps FROM (SELECT g, weir.{} AS q FROM unnest({}) t({}) GROUP BY g) r) s'


def check_scores(cursor):
    n = int(random.choice([60, 400, 1500]))
    g = random.choice(['a', 'b'], n)
    s = np.round(np.clip(random.normal(0.5 + 0.1 * (g == 'a'), 0.2, n), 0, 1), int(random.choice([1, 3])))
    y = (random.random(n) < np.clip(s + random.choice([0, 0.15]) * (g == 'a'), 0, 1)).astype(int)
    a, b = g == 'a', g == 'b'
    if min(y[a].sum(), y[b].sum(), (1 - y[a]).sum(), (1 - y[b]).sum()) < 2:
        return
    source = GROUPED.format('binary_performance(y, s)', '%s::int[], %s::float8[], %s::text[]', 'y, s, g')
    found = {row[0]: row[1:] for row in fetch(cursor, f"SELECT m.metric, m.value, m.low, m.high, m.p_value FROM {source}, weir.score_fairness(names, ps, 'b') m", y.tolist(), s.tolist(), g.tolist())}
    check(close(found['abroca'][0], area_between(y, s, a, b)), f'ABROCA {found["abroca"][0]}, not {area_between(y, s, a, b)}')
    check(close(found['roc_auc_difference'][0], roc_auc_score(y[a], s[a]) - roc_auc_score(y[b], s[b])), 'difference of areas')
    variances = []
    for mask in (a, b):
        positives, negatives = s[mask][y[mask] == 1], s[mask][y[mask] == 0]
        kernel = (positives[:, None] > negatives[None, :]) + 0.5 * (positives[:, None] == negatives[None, :])
        variances.append(kernel.mean(axis=1).var(ddof=1) / len(positives) + kernel.mean(axis=0).var(ddof=1) / len(negatives))
    z = found['roc_auc_difference'][0] / math.sqrt(sum(variances))
    check(close(found['roc_auc_difference'][3], 2 * stats.norm.sf(abs(z)), 1e-8), f'p of the difference of areas {found["roc_auc_difference"]}')
    for metric, x, z in (('mean_score_difference', s[a], s[b]), ('positive_class_balance_difference', s[a & (y == 1)], s[b & (y == 1)]),
                         ('negative_class_balance_difference', s[a & (y == 0)], s[b & (y == 0)]), ('calibration_in_the_large_difference', (y - s)[a], (y - s)[b])):
        test = stats.ttest_ind(x, z, equal_var=False)
        half = stats.norm.ppf(0.975) * math.sqrt(x.var(ddof=1) / len(x) + z.var(ddof=1) / len(z))
        check(close(found[metric][0], x.mean() - z.mean(), 1e-8) and close(found[metric][1], x.mean() - z.mean() - half, 1e-6) and close(found[metric][3], float(test.pvalue), 1e-6),
              f'{metric}: {found[metric]}, not {x.mean() - z.mean()} +- {half}, p {test.pvalue}')
    ks = stats.ks_2samp(s[a], s[b], method='asymp')
    check(close(found['score_kolmogorov_smirnov'][0], float(ks.statistic)), f'distance of scores {found["score_kolmogorov_smirnov"]}, not {ks}')
    check(close(found['score_kolmogorov_smirnov'][3], float(stats.kstwobign.sf(ks.statistic * math.sqrt(a.sum() * b.sum() / n))), 1e-6), 'p of the distance of scores')
    check(close(found['score_wasserstein'][0], stats.wasserstein_distance(s[a], s[b])), 'Wasserstein distance of scores')
    # Labels within ten bins of scores.
    number = np.clip(np.searchsorted(np.arange(11) / 10, s, side='left') - 1, 0, 9)
    tables = [np.array([[y[m & (number == i)].sum(), (1 - y[m & (number == i)]).sum()] for m in (a, b)], dtype=float) for i in range(10)]
    tables = [t for t in tables if (t.sum(axis=1) > 0).all()]
    weights = [t[0].sum() * t[1].sum() / t.sum() for t in tables]
    expected = sum(w * (t[0, 0] / t[0].sum() - t[1, 0] / t[1].sum()) for w, t in zip(weights, tables)) / sum(weights)
    check(close(found['calibration_within_groups_difference'][0], expected), f'calibration within groups {found["calibration_within_groups_difference"]}, not {expected}')
    usable = [t for t in tables if t.sum() > 1]
    theirs = StratifiedTable(usable).test_null_odds(correction=False)
    if np.isfinite(theirs.statistic):
        check(close(found['calibration_within_groups_difference'][3], float(theirs.pvalue), 1e-8),
              f'p of calibration within groups {found["calibration_within_groups_difference"]}, not {theirs.pvalue}')
    gap = sum(t.sum() * abs(t[0, 0] / t[0].sum() - t[1, 0] / t[1].sum()) for t in tables) / sum(t.sum() for t in tables)
    check(close(found['calibration_gap'][0], gap), f'calibration gap {found["calibration_gap"]}, not {gap}')
    for threshold in (0.25, 0.5, float(s[0])):
        rates = dict(fetch(cursor, f'SELECT r.group_name, r.selection_rate FROM {source}, weir.fairness_groups(weir.fairness_at(names, ps, %s)) r', y.tolist(), s.tolist(), g.tolist(), threshold))
        check(all(close(rates[name], float((s[m] >= threshold).mean())) for name, m in (('a', a), ('b', b))), f'selection rates at {threshold}')


def check_numbers(cursor):
    n = int(random.choice([60, 900]))
    g = random.choice(['a', 'b'], n)
    y = random.normal(10, 3, n)
    p = y + random.normal(0.3 * (g == 'a'), 1 + (g == 'a'), n)
    a, b = g == 'a', g == 'b'
    source = GROUPED.format('regression_performance(y, p)', '%s::float8[], %s::float8[], %s::text[]', 'y, p, g')
    found = {row[0]: row[1:] for row in fetch(cursor, f"SELECT m.metric, m.value, m.p_value FROM {source}, weir.score_fairness(names, ps, 'b') m", y.tolist(), p.tolist(), g.tolist())}
    for metric, x in (('mean_prediction_difference', p), ('mean_label_difference', y), ('mean_error_difference', p - y), ('mean_absolute_error_difference', abs(p - y))):
        check(close(found[metric][0], x[a].mean() - x[b].mean(), 1e-9), f'{metric} {found[metric]}')
        check(close(found[metric][1], float(stats.ttest_ind(x[a], x[b], equal_var=False).pvalue), 1e-7), f'p of {metric} {found[metric]}')
    roots = [math.sqrt(((p - y)[m] ** 2).mean()) for m in (a, b)]
    check(close(found['root_mean_squared_error_ratio'][0], roots[0] / roots[1]) and close(found['root_mean_squared_error_difference'][0], roots[0] - roots[1]), 'root mean squared errors')
    for name, x in (('prediction', p), ('error', p - y)):
        check(close(found[f'{name}_kolmogorov_smirnov'][0], float(stats.ks_2samp(x[a], x[b], method='asymp').statistic)), f'distance of {name}s')
        check(close(found[f'{name}_wasserstein'][0], stats.wasserstein_distance(x[a], x[b])), f'Wasserstein distance of {name}s {found[f"{name}_wasserstein"]}')


def check_classes(cursor):
    n = 600
    g = random.choice(['a', 'b', 'c'], n)
    y = random.choice(['x', 'y', 'z'], n)
    p = np.where(random.random(n) < 0.5 + 0.1 * (g == 'a'), y, random.choice(['x', 'y', 'z'], n))
    source = GROUPED.format('class_performance(y, p)', '%s::text[], %s::text[], %s::text[]', 'y, p, g')
    for name, value in fetch(cursor, f"SELECT m.class_name, m.value FROM {source}, weir.class_fairness(names, ps, metrics => '{{equalized_odds_difference}}', min_group_size => 1) m "
                             'WHERE m.group_name IS NULL', y.tolist(), p.tolist(), g.tolist()):
        expected = fairlearn.equalized_odds_difference(y == name, p == name, sensitive_features=g)
        check(close(value, float(expected)), f'equalized odds of class {name} against the rest: {value}, not {expected}')


# ---- the census income data ----

def adult(cursor):
    frame = pd.read_csv(os.path.join(os.environ['WEIR_DATA'], 'adult.csv.gz'))
    frame.columns = [name.replace('.', '_').replace('-', '_') for name in frame.columns]
    text = ['workclass', 'education', 'marital_status', 'occupation', 'relationship', 'native_country']
    numbers = ['age', 'education_num', 'capital_gain', 'capital_loss', 'hours_per_week']
    y = (frame['income'].str.strip() == '>50K').astype(int).to_numpy()
    x = ColumnTransformer([('text', OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1, max_categories=200), text)], remainder='passthrough').fit_transform(
        frame[text + numbers].assign(**{c: frame[c].astype(str) for c in text}))
    train = np.arange(len(frame)) < len(frame) // 2
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(x[train], y[train])
    s = np.round(model.predict_proba(x[~train])[:, 1], 3)
    held = frame[~train].reset_index(drop=True)
    y, p = y[~train], (s >= 0.5).astype(int)
    check(accuracy_score(y, p) > 0.85, f'the classifier is worth auditing: accuracy {accuracy_score(y, p)}')
    cursor.execute('CREATE TEMP TABLE people (y int, s float8, sex text, race text, age int) ON COMMIT DROP')
    with cursor.copy('COPY people FROM STDIN') as copy:
        for row in zip(y.tolist(), s.tolist(), held['sex'].str.strip(), held['race'].str.strip(), held['age'].tolist()):
            copy.write_row(row)
    band = np.array(['<25', '25-45', '45-65', '>=65'])[np.searchsorted([25, 45, 65], held['age'], side='right')]
    check(fetch(cursor, "SELECT weir.band(age, '{25,45,65}'), count(*) FROM people GROUP BY 1 ORDER BY 1") == sorted(pd.Series(band).value_counts().items()), 'bands of age')
    cursor.execute("CREATE TEMP TABLE audit ON COMMIT DROP AS SELECT weir.fairness(y, s >= 0.5, sex, race, weir.band(age, '{25,45,65}')) AS f FROM people")
    columns = {'sex': held['sex'].str.strip().to_numpy(), 'race': held['race'].str.strip().to_numpy(), 'age': band}
    for kept in (['sex'], ['race'], ['age'], ['sex', 'race'], ['sex', 'race', 'age']):
        positions = [list(columns).index(name) + 1 for name in kept]
        g = columns[kept[0]] if len(kept) == 1 else np.array([' | '.join(values) for values in zip(*(columns[name] for name in kept))])
        frame = fairlearn.MetricFrame(metrics={'selection_rate': fairlearn.selection_rate, 'accuracy': accuracy_score, 'tpr': fairlearn.true_positive_rate, 'fpr': fairlearn.false_positive_rate},
                                      y_true=y, y_pred=p, sensitive_features=g)
        groups = {row[0]: dict(zip(('n', 'selection_rate', 'accuracy', 'tpr', 'fpr'), row[1:])) for row in fetch(
            cursor, 'SELECT r.group_name, r.n, r.selection_rate, r.accuracy, r.tpr, r.fpr FROM audit, weir.fairness_groups(weir.fairness_project(f, %s)) r', positions)}
        check(set(groups) == set(g), f'groups by {kept}')
        for name in set(g):
            for rate in ('selection_rate', 'accuracy'):
                check(close(groups[name][rate], float(frame.by_group.loc[name, rate])), f'{rate} of {name}')
            for rate, label in (('tpr', 1), ('fpr', 0)):
                if ((g == name) & (y == label)).any():
                    check(close(groups[name][rate], float(frame.by_group.loc[name, rate])), f'{rate} of {name}')
        if len(kept) < 3:
            overall = dict(fetch(cursor, "SELECT m.metric, m.value FROM audit, weir.fairness_metrics(weir.fairness_project(f, %s), min_group_size => 1) m WHERE m.group_name IS NULL", positions))
            for metric, expected in (('demographic_parity_difference', fairlearn.demographic_parity_difference(y, p, sensitive_features=g)),
                                     ('demographic_parity_ratio', fairlearn.demographic_parity_ratio(y, p, sensitive_features=g)),
                                     ('equalized_odds_difference', fairlearn.equalized_odds_difference(y, p, sensitive_features=g)),
                                     ('equalized_odds_ratio', fairlearn.equalized_odds_ratio(y, p, sensitive_features=g))):
                check(close(overall[metric], float(expected)), f'{metric} by {kept}: {overall[metric]}, not {expected}')
        if len(kept) == 1:
            every = all(((g == name) & (y == a) & (p == b)).any() for name in set(g) for a in (0, 1) for b in (0, 1))
            if every:
                reference = max(sorted(set(g)), key=lambda name: (g == name).sum())
                check_aif360(cursor, y, p, g, reference)
                check_aequitas(cursor, y, p, g, reference)
    # The scores themselves, by sex.
    a, b = columns['sex'] == 'Female', columns['sex'] == 'Male'
    found = dict(fetch(cursor, "SELECT m.metric, m.value FROM (SELECT array_agg(sex) AS names, array_agg(q) AS ps FROM (SELECT sex, weir.binary_performance(y, s) AS q FROM people GROUP BY sex) r) t, "
                       "weir.score_fairness(names, ps, 'Male') m"))
    check(close(found['abroca'], area_between(y, s, a, b)), f'ABROCA by sex {found["abroca"]}, not {area_between(y, s, a, b)}')
    check(close(found['roc_auc_difference'], roc_auc_score(y[a], s[a]) - roc_auc_score(y[b], s[b])), 'difference of areas by sex')


def main():
    with psycopg.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE EXTENSION IF NOT EXISTS weir')
        for _ in range(8):
            y, p, g = random_case()
            check_aif360(cursor, y, p, g, str(random.choice(sorted(set(g)))))
            check_aequitas(cursor, y, p, g, str(random.choice(sorted(set(g)))))
        for _ in range(10):
            check_similar(cursor)
            check_scores(cursor)
            check_numbers(cursor)
        for _ in range(3):
            check_classes(cursor)
        adult(cursor)
        connection.rollback()
    logging.disable(logging.NOTSET)
    return finish()


if __name__ == '__main__':
    sys.exit(main())
