"""Compares weir's drift scores of vectors with scipy, scikit-learn and plain definitions in numpy.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import itertools
import json
import math
import os
import sys
import warnings

import numpy as np
import psycopg
from scipy import stats
from scipy.spatial.distance import cdist, pdist
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests
from checks import check, finish, random

warnings.filterwarnings("ignore", category=RuntimeWarning)


def close(a, b, tolerance=1e-9):
    return a is not None and math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def rows(cursor):
    names = [column.name for column in cursor.description]
    return {row[0]: dict(zip(names, row)) for row in cursor.fetchall()}


def sample(n, d, shift, scale, mixing):
    x = random.normal(0, 1, (n, d)) @ mixing * scale + shift
    return np.exp(x) if shift is None else x


def kernel_mean(k, same):
    n = len(k)
    return (k.sum() - np.trace(k)) / (n * (n - 1)) if same else k.mean()


def mmd(a, b):
    bandwidth = np.median(pdist(np.concatenate([a, b])))
    kernel = lambda x, y: np.exp(-cdist(x, y, "sqeuclidean") / (2 * bandwidth**2))
    return kernel_mean(kernel(a, a), True) + kernel_mean(kernel(b, b), True) - 2 * kernel_mean(kernel(a, b), False)


def energy(a, b):
    return math.sqrt(max(0, 2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean()))


def permutation_p(statistic, a, b, n):
    pooled, observed = np.concatenate([a, b]), statistic(a, b)
    count = 0
    for _ in range(n):
        order = random.permutation(len(pooled))
        count += statistic(pooled[order[:len(a)]], pooled[order[len(a):]]) >= observed
    return (count + 1) / (n + 1)


def box_m(s1, s2, n, m, d):
    pooled = ((n - 1) * s1 + (m - 1) * s2) / (n + m - 2)
    value = (n + m - 2) * np.linalg.slogdet(pooled)[1] - (n - 1) * np.linalg.slogdet(s1)[1] - (m - 1) * np.linalg.slogdet(s2)[1]
    correction = (2 * d * d + 3 * d - 1) / (6 * (d + 1)) * (1 / (n - 1) + 1 / (m - 1) - 1 / (n + m - 2))
    value = max(0, (1 - correction) * value)
    return value, stats.chi2.sf(value, d * (d + 1) / 2)


def check_moments(result, a, b, what, tolerance):
    n, m, d = len(a), len(b), a.shape[1]
    delta = b.mean(axis=0) - a.mean(axis=0)
    s1, s2 = np.cov(a.T).reshape(d, d), np.cov(b.T).reshape(d, d)
    if n > d + 1:
        expected = math.sqrt(delta @ np.linalg.solve(s1, delta))
        check(close(result["mahalanobis"]["value"], expected, tolerance), f"mahalanobis {what}: {result['mahalanobis']['value']}, expected {expected}")
    if n + m - d - 1 > 0 and n + m > d + 3:
        square = n * m / (n + m) * delta @ np.linalg.solve(((n - 1) * s1 + (m - 1) * s2) / (n + m - 2), delta)
        p = stats.f.sf(square * (n + m - d - 1) / (d * (n + m - 2)), d, n + m - d - 1)
        row = result["hotelling_t_square"]
        check(close(row["value"], square, tolerance) and abs(row["p_value"] - p) < 1e-6, f"T2 {what}: {row['value']} {row['p_value']}, expected {square} {p}")
    scale = np.sqrt(np.diag(s1))
    x, y = s1 / np.outer(scale, scale), s2 / np.outer(scale, scale)
    row = result["covariance_difference"]
    check(close(row["value"], np.linalg.norm(y - x) / np.linalg.norm(x), tolerance), f"covariance {what}")
    if min(n, m) > d + 1:
        value, p = box_m(s1, s2, n, m, d)
        check(abs(row["detail"]["statistic"] - value) < 1e-6 * max(1, value) and abs(row["p_value"] - p) < 1e-6,
              f"Box's M {what}: {row['detail'].get('statistic')} {row['p_value']}, expected {value} {p}")
    if d > 1:
        r1, r2 = np.corrcoef(a.T), np.corrcoef(b.T)
        expected = np.abs(r2 - r1).max()
        row = result["correlation_difference"]
        check(close(row["value"], expected, tolerance), f"correlation {what}")
        z = max(abs(math.atanh(r1[i, j]) - math.atanh(r2[i, j])) for i, j in itertools.combinations(range(d), 2))
        p = min(1, d * (d - 1) / 2 * 2 * stats.norm.sf(z / math.sqrt(1 / (n - 3) + 1 / (m - 3))))
        check(abs(row["p_value"] - p) < 1e-6, f"p of correlation {what}: {row['p_value']}, expected {p}")
        components = PCA(n_components=0.65).fit(StandardScaler().fit(a).transform(a))
        if components.n_components_ < d:
            scaler = StandardScaler().fit(a)
            errors = [((scaler.transform(x) - components.inverse_transform(components.transform(scaler.transform(x)))) ** 2).sum(axis=1) for x in (a, b)]
            expected = abs(math.sqrt(errors[1].mean() / errors[0].mean()) - 1)
            row = result["pca_reconstruction_error"]
            check(row["detail"]["statistic"] != components.n_components_ or close(row["value"], expected, 1e-6),
                  f"pca {what}: {row['value']}, expected {expected}")
            check(row["detail"]["statistic"] == components.n_components_, f"components {what}: {row['detail']['statistic']}, {components.n_components_}")
            if row["p_value"] is not None:          # components of every other vector, so that they know none of those they reproduce
                scaler = StandardScaler().fit(a[::2])
                half = PCA(n_components=0.65).fit(scaler.transform(a[::2]))
                errors = [((scaler.transform(x) - half.inverse_transform(half.transform(scaler.transform(x)))) ** 2).sum(axis=1) for x in (a[1::2], b)]
                p = stats.ttest_ind(*errors, equal_var=False).pvalue
                check(abs(row["p_value"] - p) < 1e-6, f"p of pca {what}: {row['p_value']}, expected {p}")
    expected = 1 - a.mean(axis=0) @ b.mean(axis=0) / np.linalg.norm(a.mean(axis=0)) / np.linalg.norm(b.mean(axis=0))
    check(abs(result["centroid_cosine"]["value"] - expected) < 1e-9, f"cosine {what}")
    p = stats.chi2.sf(delta @ delta / (np.trace(s1) / n + np.trace(s2) / m), 1)
    check(abs(result["centroid_cosine"]["p_value"] - p) < 1e-6, f"p of cosine {what}")


def check_dimensions(row, a, b, of_summaries, what):
    if of_summaries:
        p = [stats.ttest_ind(x, y, equal_var=False).pvalue for x, y in zip(a.T, b.T)]
        effect = np.abs(b.mean(axis=0) - a.mean(axis=0)) / a.std(axis=0, ddof=1) / 0.2
    else:
        tests = [stats.ks_2samp(x, y, method="exact" if len(x) * len(y) <= 100000 else "asymp") for x, y in zip(a.T, b.T)]
        p = [t.pvalue if len(a) * len(b) <= 100000 else stats.kstwobign.sf(t.statistic * math.sqrt(len(a) * len(b) / (len(a) + len(b)))) for t in tests]
        effect = np.array([t.statistic for t in tests]) / 0.1
    expected = np.mean((multipletests(p, method="fdr_bh")[1] < 0.05) & (effect >= 1))
    check(close(row["value"], expected), f"drifted dimensions {what}: {row['value']}, expected {expected}")


def vectors_case(connection, number):
    d = int(random.choice([1, 2, 5, 12]))
    n, m = (int(x) for x in random.choice([d + 8, 60, 250], 2))
    mixing = np.eye(d) if random.random() < 0.3 else random.normal(0, 1, (d, d))
    a = sample(n, d, random.normal(0, 3, d), 1, mixing)
    b = a.mean(axis=0) + sample(m, d, float(random.choice([0, 0.3, 1])), float(random.choice([1, 1, 1.5])), mixing if random.random() < 0.7 else np.eye(d))
    missing = [[math.nan] * d, [None] + [1.0] * (d - 1), [math.inf] * d]
    what = f"{d} elements, {n} {m}"
    arguments = ([[float(x) for x in v] for v in a] + missing[:1], missing[1:2] + [[float(x) for x in v] for v in b] + missing[2:3])
    options = json.dumps({"permutations": 199, "seed": number})
    result = rows(connection.execute("SELECT * FROM weir.drift(%s::float8[], %s::float8[], NULL, %s::jsonb)", (*arguments, options)))
    check(all(row["n_baseline"] == n and row["n_current"] == m for row in result.values()), f"rows {what}")
    check([metric for metric, row in result.items() if row["is_primary"]] == ["mmd"], "primary")
    check(close(result["mmd"]["value"], mmd(a, b), 1e-8), f"mmd {what}: {result['mmd']['value']}, expected {mmd(a, b)}")
    check(close(result["energy_distance"]["value"], energy(a, b), 1e-6), f"energy {what}: {result['energy_distance']['value']}, expected {energy(a, b)}")
    check(abs(result["mmd"]["p_value"] * 200 - round(result["mmd"]["p_value"] * 200)) < 1e-9 and result["mmd"]["p_value"] > 0, f"(k + 1) / (n + 1) {what}")
    check_moments(result, a, b, what, 1e-8)
    check_dimensions(result["drifted_dimensions"], a, b, False, what)
    again = rows(connection.execute("SELECT * FROM weir.drift(%s::float8[], %s::float8[], '{mmd,energy,domain_classifier}', %s::jsonb)", (*arguments, options)))
    check(all(again[metric] == result[metric] | {"is_primary": again[metric]["is_primary"]} for metric in again), f"the seed decides {what}")
    made = "(SELECT weir.summarize(v::float8[]) FROM (SELECT ARRAY(SELECT e FROM jsonb_array_elements_text(j) WITH ORDINALITY x (e, i) ORDER BY i) v FROM jsonb_array_elements(%s::jsonb) j) s)"
    summaries = rows(connection.execute(f"SELECT * FROM weir.drift({made}, {made})", (json.dumps(a.tolist()), json.dumps(b.tolist()))))
    check_moments(summaries, a, b, what + ", summaries", 1e-6)
    check_dimensions(summaries["drifted_dimensions"], a, b, True, what + ", summaries")
    for metric in ("mmd", "hotelling_t_square", "centroid_cosine"):
        value = connection.execute(f"SELECT weir.{metric}(%s::float8[], %s::float8[])", arguments).fetchone()[0]
        check(close(value, result[metric]["value"]), f"{metric} by name")
    return a, b, result


def check_permutations(a, b, result):
    for metric, statistic in (("mmd", mmd), ("energy_distance", energy)):
        p = permutation_p(statistic, a, b, 199)
        error = 5 * math.sqrt(2 * max(p * (1 - p), 0.005) / 199)
        check(abs(result[metric]["p_value"] - p) < error, f"p of {metric}: {result[metric]['p_value']}, another 199 permutations say {p}")


def check_classifier(a, b, result):
    label = np.concatenate([np.zeros(len(a)), np.ones(len(b))])
    expected = cross_val_score(GradientBoostingClassifier(n_estimators=60, max_depth=2, learning_rate=0.2), np.concatenate([a, b]), label, scoring="roc_auc", cv=5).mean()
    found = result["domain_classifier_auc"]["value"]
    check(abs(found - expected) < 0.15, f"domain classifier: {found}, scikit-learn's has {expected}")


def check_false_alarms(connection):
    """Without drift few p-values are small, with drift nearly all."""
    counts = {}
    for shift in (0.0, 1.0):
        for _ in range(40):
            a, b = random.normal(0, 1, (120, 4)), random.normal(shift, 1, (110, 4))
            result = rows(connection.execute("SELECT * FROM weir.drift(%s::float8[], %s::float8[], NULL, '{\"permutations\": 99}')", (a.tolist(), b.tolist())))
            made = "(SELECT weir.summarize(v::float8[]) FROM (SELECT ARRAY(SELECT jsonb_array_elements_text(j)) v FROM jsonb_array_elements(%s::jsonb) j) s)"
            result["mmd of summaries"] = rows(connection.execute(f"SELECT * FROM weir.drift({made}, {made}, '{{mmd}}')", (json.dumps(a.tolist()), json.dumps(b.tolist()))))["mmd"]
            for metric, row in result.items():
                if row["p_value"] is not None:
                    counts[metric, shift] = counts.get((metric, shift), 0) + (row["p_value"] < 0.05)
    for metric, shift in counts:
        if shift == 0:
            check(counts[metric, shift] <= 8, f"{metric}: {counts[metric, shift]} of 40 false alarms")
        elif metric not in ("covariance_difference", "correlation_difference", "pca_reconstruction_error"):
            check(counts[metric, shift] >= 38, f"{metric}: {counts[metric, shift]} of 40 drifts found")


def main():
    with psycopg.connect(dbname=os.environ.get("PGDATABASE", "postgres")) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS weir")
        for number in range(int(os.environ.get("REFERENCE_ROUNDS", "60"))):
            a, b, result = vectors_case(connection, number)
            if number % 10 == 0 and len(a) <= 60 and len(b) <= 60:
                check_permutations(a, b, result)
            if number % 6 == 0 and min(len(a), len(b)) >= 60:
                check_classifier(a, b, result)
        check_false_alarms(connection)
        connection.rollback()
    sys.exit(finish())


main()
