"""Compares weir's drift scores with scipy and with plain definitions in numpy.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import inspect
import json
import math
import os
import sys
import warnings

import numpy as np
import psycopg
from scipy import stats
from scipy.spatial import distance
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest
from checks import check, finish, random

warnings.filterwarnings("ignore", category=RuntimeWarning)


def close(a, b, tolerance=1e-9):
    return a is not None and math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def sample(kind, n, shift):
    if kind == "normal":
        return random.normal(shift, 1, n)
    if kind == "lognormal":
        return np.exp(random.normal(shift, 1, n))
    if kind == "few":
        return random.integers(0, 5, n) + np.floor(shift * 2)
    if kind == "zeros":
        return np.where(random.random(n) < 0.5, 0, random.normal(shift, 2, n))
    if kind == "offset":
        return 1000 + shift + random.random(n)
    if kind == "constant":
        return np.full(n, 3.25 if random.random() < 0.5 else 3.25 + shift)
    return random.standard_cauchy(n) + shift


def numeric_cells(baseline, current):
    """Counts by cell: deciles of the baseline, heavy values apart. Written from the description, not from the C."""
    n = len(baseline)
    values, counts = np.unique(baseline, return_counts=True)
    heavy = set(values[counts * 10 >= n])
    edges = []                      # (value, belongs to the left)
    cumulative = 0
    for value, count in zip(values, counts):
        before = math.floor(cumulative / n * 10 + 1e-9)
        cumulative += count
        if value in heavy:
            edges += [(value, False), (value, True)]
        elif math.floor(cumulative / n * 10 + 1e-9) > before and cumulative < n:
            edges.append((value, True))

    def count(data):
        data = np.sort(data)
        cuts = [np.searchsorted(data, v, side="right" if left else "left") for v, left in edges]
        return np.diff(np.concatenate([[0], cuts, [len(data)]]))
    return np.array([count(baseline), count(current)])


def from_cells(cells):
    cells = cells[:, cells.sum(axis=0) > 0]
    n = cells.sum(axis=1)
    b, c = cells[0] / n[0], cells[1] / n[1]
    floor = np.maximum(1e-4, 0.5 / n)
    b1, c1 = np.where(b > 0, b, floor[0]), np.where(c > 0, c, floor[1])
    if cells.shape[1] > 1:
        chi_square, p = stats.chi2_contingency(cells, correction=False)[:2]
    else:
        chi_square, p = 0.0, 1.0
    return {
        "psi": np.sum((c1 - b1) * np.log(c1 / b1)),
        "jensen_shannon": float(np.nan_to_num(distance.jensenshannon(b, c, base=2))),
        "hellinger": np.linalg.norm(np.sqrt(b) - np.sqrt(c)) / math.sqrt(2),
        "total_variation": np.abs(b - c).sum() / 2,
        "kullback_leibler": max(0, float(np.sum(np.where(c > 0, c * np.log(np.where(c > 0, c, 1) / b1), 0)))),
        "chi_square": chi_square,
        "cramers_v": math.sqrt(chi_square / n.sum()),
        "l_infinity": np.abs(b - c).max(),
        "jensen_shannon_divergence": float(np.nan_to_num(distance.jensenshannon(b, c, base=2))) ** 2,
        "histogram_intersection": 1 - np.minimum(b, c).sum(),
        "bhattacharyya": -math.log(np.sqrt(b * c).sum()) if np.sqrt(b * c).sum() > 0 else None,
        "g_test": stats.chi2_contingency(cells, correction=False, lambda_="log-likelihood")[0] if cells.shape[1] > 1 else 0.0,
    }, p


def rows(cursor):
    names = [column.name for column in cursor.description]
    return {row[0]: dict(zip(names, row)) for row in cursor.fetchall()}


def judge(row, warning, alert):
    if row["value"] == 0 or row["value"] < warning or not row["p_value"] < 0.05:
        return "ok"
    return "warning" if row["value"] < alert else "alert"


THRESHOLDS = {"psi": (0.1, 0.25), "kolmogorov_smirnov": (0.1, 0.2), "jensen_shannon": (0.1, 0.2), "wasserstein_normalized": (0.1, 0.25),
              "cramers_v": (0.1, 0.2), "hellinger": (0.1, 0.2), "total_variation": (0.1, 0.2), "kullback_leibler": (0.05, 0.1), "l_infinity": (0.1, 0.3)}


def kuiper(a, b):
    pooled = np.concatenate([a, b])
    gap = np.searchsorted(np.sort(a), pooled, side="right") / len(a) - np.searchsorted(np.sort(b), pooled, side="right") / len(b)
    value = max(0, gap.max()) + max(0, -gap.min())
    root = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    scaled = (root + 0.155 + 0.24 / root) * value
    j = np.arange(1, 200)
    p = 1.0 if scaled < 0.4 else 2 * np.sum((4 * j**2 * scaled**2 - 1) * np.exp(-2 * j**2 * scaled**2))
    return value, min(1, p)


def median_variance(x):
    """McKean and Schrader (1984)."""
    x, n, z = np.sort(x), len(x), stats.norm.ppf(0.995)
    k = max(1, int(np.rint((n + 1) / 2 - z * math.sqrt(n / 4))))
    return ((x[n - k] - x[k - 1]) / (2 * z)) ** 2


def check_test(row, metric, what, value=None, p=None, statistic=None, tolerance=1e-9):
    if value is not None:
        check(close(row["value"], value, tolerance), f"{metric} {what}: {row['value']}, expected {value}")
    if statistic is not None:
        check(close(row["detail"]["statistic"], statistic, tolerance), f"statistic of {metric} {what}: {row['detail']['statistic']}, expected {statistic}")
    if p is not None:
        check(row["p_value"] is not None and abs(row["p_value"] - p) < 1e-6, f"p of {metric} {what}: {row['p_value']}, expected {p}")


def check_tests(result, a, b, what):
    """Scores of values against scipy, wherever it has them."""
    n, m = len(a), len(b)
    distinct = len(np.unique(np.concatenate([a, b])))
    ties = distinct < n + m
    value, p = kuiper(a, b)
    check_test(result["kuiper"], "kuiper", what, value, p)
    check_test(result["energy_distance"], "energy_distance", what, stats.energy_distance(a, b), tolerance=1e-7)
    if n > 1 and m > 1:
        method = "exact" if max(n, m) <= 20 and not ties else "asymptotic"
        expected = stats.cramervonmises_2samp(a, b, method=method)
        x = np.concatenate([a, b])
        gap = np.searchsorted(np.sort(a), x, side="right") / n - np.searchsorted(np.sort(b), x, side="right") / m
        check_test(result["cramer_von_mises"], "cramer_von_mises", what, n * m / (n + m) ** 2 * np.sum(gap**2))
        if not ties:            # with ties scipy's statistic is not 0 for equal samples
            check_test(result["cramer_von_mises"], "cramer_von_mises", what, expected.statistic, expected.pvalue, tolerance=1e-8)
    if distinct > 1 and n + m > 3:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = stats.anderson_ksamp([a, b], variant="midrank") if "variant" in inspect.signature(stats.anderson_ksamp).parameters else stats.anderson_ksamp([a, b])
        check_test(result["anderson_darling"], "anderson_darling", what, expected.statistic, expected.pvalue, tolerance=1e-8)
    exact = not ties and min(n, m) <= 8
    expected = stats.mannwhitneyu(a, b, method="exact" if exact else "asymptotic")
    check_test(result["mann_whitney"], "mann_whitney", what, abs(2 * expected.statistic / (n * m) - 1), min(1, expected.pvalue) if distinct > 1 else 1,
               expected.statistic)
    scale = max(np.abs(a).max(), np.abs(b).max())
    if n > 1 and m > 1 and (np.ptp(a) > 1e-6 * scale or np.ptp(b) > 1e-6 * scale):
        for metric, equal in (("welch_t", False), ("student_t", True)):
            expected = stats.ttest_ind(a, b, equal_var=equal)
            check_test(result[metric], metric, what, abs(expected.statistic), expected.pvalue, expected.statistic, tolerance=1e-8)
    if min(n, m) >= 5 and stats.iqr(np.concatenate([a, b])) > 0 and distinct >= 12:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                expected = stats.epps_singleton_2samp(a, b)
                check_test(result["epps_singleton"], "epps_singleton", what, expected.statistic, expected.pvalue, tolerance=1e-6 if "offset" in what else 1e-7)
            except UserWarning:
                pass            # a singular covariance: which directions are left out depends on rounding
    if n > 1 and m > 1:
        for metric, of, variance in (("mean_difference", np.mean, lambda x: np.var(x, ddof=1) / len(x)), ("median_difference", np.median, median_variance)):
            error = math.sqrt(variance(a) + variance(b))
            check(abs(result[metric]["value"] - abs(of(b) - of(a))) <= 1e-9 * scale, f"{metric} {what}")
            check(abs(result[metric]["detail"]["standard_error"] - error) <= 1e-8 * scale, f"error of {metric} {what}")
            if error > 1e-6 * scale:
                check_test(result[metric], metric, what, p=2 * stats.norm.sf(abs(of(b) - of(a)) / error))
        check(abs(result["spread_difference"]["value"] - abs(np.std(b, ddof=1) - np.std(a, ddof=1))) <= 1e-9 * scale, f"spread_difference {what}")


VALUE_METRICS = {"kolmogorov_smirnov", "wasserstein", "wasserstein_normalized", "kuiper", "energy_distance", "cramer_von_mises", "anderson_darling", "mann_whitney",
                 "welch_t", "student_t", "mean_difference", "median_difference", "spread_difference"}


def check_words(result, n, m, what):
    check(sum(row["is_primary"] for row in result.values()) == 1 and result["psi"]["is_primary"], "primary")
    for metric, row in result.items():
        if row["status"] == "undefined":
            continue
        check(row["status"] == ("ok" if min(row["n_baseline"], row["n_current"]) >= 10 else "insufficient"), f"status {metric} {what}")
        if metric in THRESHOLDS and row["status"] == "ok":
            check(row["verdict"] == judge(row, *THRESHOLDS[metric]), f"verdict {metric} {row['value']} {row['p_value']} {row['verdict']} {what}")


def numeric_case(connection):
    kind = str(random.choice(["normal", "lognormal", "few", "zeros", "offset", "constant", "cauchy"]))
    n, m = (int(x) for x in random.choice([1, 5, 12, 60, 300, 2500], 2))
    a, b = sample(kind, n, 0.0), sample(kind, m, float(random.choice([0, 0, 0.2, 1, -3])))
    missing = [int(random.choice([0, 0, 3, 50])) for _ in range(2)]
    what = f"{kind} {n} {m} {missing}"
    arguments = ([float(x) for x in a] + [None] * missing[0], [float(x) for x in b] + [math.nan] * missing[1])
    result = rows(connection.execute("SELECT * FROM weir.drift(%s::float8[], %s::float8[])", arguments))
    cells = numeric_cells(a, b)
    if sum(missing):
        cells = np.column_stack([cells, missing])
    expected, p = from_cells(cells)
    for metric in ("psi", "jensen_shannon", "hellinger", "total_variation", "kullback_leibler", "jensen_shannon_divergence", "histogram_intersection"):
        row = result[metric]
        tolerance = 1e-7 if metric in ("jensen_shannon", "hellinger") else 1e-9
        check(close(row["value"], expected[metric], tolerance), f"{metric} {what}: {row['value']}, expected {expected[metric]}")
        check(close(row["p_value"], p, 1e-8), f"p of {metric} {what}: {row['p_value']}, expected {p}")
        check(row["n_baseline"] == n + missing[0] and row["n_current"] == m + missing[1], "n with missing")
    ks = result["kolmogorov_smirnov"]
    expected_ks = stats.ks_2samp(a, b, method="asymp")
    check(close(ks["value"], expected_ks.statistic), f"KS {what}: {ks['value']}, expected {expected_ks.statistic}")
    asymptotic = connection.execute("SELECT p_value FROM weir.drift(%s::float8[], %s::float8[], '{ks}', '{\"test\": \"asymptotic\"}')", arguments).fetchone()[0]
    p = stats.kstwobign.sf(math.sqrt(n * m / (n + m)) * expected_ks.statistic)
    check(close(asymptotic, p, 1e-8), f"asymptotic p of KS {what}: {asymptotic}, expected {p}")
    if len(np.unique(np.concatenate([a, b]))) == n + m:
        p = stats.ks_2samp(a, b, method="exact").pvalue
        check(close(ks["p_value"], p, 1e-7), f"exact p of KS {what}: {ks['p_value']}, expected {p}")
    w = stats.wasserstein_distance(a, b)
    check(close(result["wasserstein"]["value"], w, 1e-9) or abs(result["wasserstein"]["value"] - w) < 1e-9 * np.abs(a).max(),
          f"Wasserstein {what}: {result['wasserstein']['value']}, expected {w}")
    spread = np.std(a, ddof=1) if n > 1 else math.nan
    if n > 1 and len(set(a)) > 1:
        check(close(result["wasserstein_normalized"]["value"], w / spread, 1e-8), f"normalised Wasserstein {what}")
        check(close(result["wasserstein"]["threshold"], 0.25 * spread, 1e-8), "threshold of Wasserstein")
    elif w > 0:
        check(result["wasserstein_normalized"]["value"] is None and result["wasserstein_normalized"]["status"] == "undefined", "undefined")
    check_tests(result, a, b, what)
    check_words(result, n, m, what)
    for metric, row in result.items():
        value = connection.execute(f"SELECT weir.{metric}(%s::float8[], %s::float8[])", arguments).fetchone()[0]
        check(value == row["value"], f"{metric} by name")

    # summaries: the same while they hold every value, else within the bound
    made = "(SELECT weir.summarize(x) FROM unnest(%s::float8[]) x)"
    summaries = rows(connection.execute(f"SELECT * FROM weir.drift({made}, {made})", arguments))
    for metric, row in result.items():
        other = summaries[metric]
        if metric == "bhattacharyya" and row["value"] is None:
            continue                # samples that share no value may share a bin
        if row["value"] is None:
            check(other["value"] is None, f"{metric} of summaries {what}")
        elif other["error_bound"] is not None and (metric in VALUE_METRICS or len(set(a) | set(b)) < 1000):
            check(abs(other["value"] - row["value"]) <= other["error_bound"] + (1e-7 if metric == "epps_singleton" else 1e-9) * max(1, abs(row["value"])),
                  f"{metric} of summaries {what}: {row['value']} {other['value']} +- {other['error_bound']}")


def check_proportions(row, metric, a, b, what):
    larger = max(max(a), max(b))
    x, y = np.sum(a == larger), np.sum(b == larger)
    n, m = len(a), len(b)
    h = abs(2 * math.asin(math.sqrt(x / n)) - 2 * math.asin(math.sqrt(y / m)))
    if metric == "fisher_exact":
        odds, p = stats.fisher_exact([[x, n - x], [y, m - y]])
        check_test(row, metric, what, h, p, odds if math.isfinite(odds) else None)
    else:
        z, p = proportions_ztest([x, y], [n, m])
        check_test(row, metric, what, abs(z), p, z)


def options_case(connection):
    """Other bins, other smoothing, the logarithm's base."""
    n, m = (int(x) for x in random.choice([20, 300, 2000], 2))
    a, b = random.normal(0, 1, n), random.normal(float(random.choice([0, 0.5])), 1.3, m)
    arguments = [float(x) for x in a], [float(x) for x in b]
    method = str(random.choice(["equal_width", "doane", "sturges", "edges", "quantile"]))
    pooled = bool(random.random() < 0.5) and method != "quantile"
    data = np.concatenate([a, b]) if pooled else a
    options = {"bins": method, "range": "pooled" if pooled else "baseline"}
    if method == "edges":
        edges = np.sort(random.normal(0, 1, int(random.integers(1, 12))))
        options["edges"] = [float(x) for x in edges]
    elif method in ("equal_width", "quantile"):
        options["n_bins"] = int(random.choice([2, 5, 30]))
    if method == "equal_width":
        edges = np.histogram_bin_edges(data, options["n_bins"])[1:-1]
    elif method in ("doane", "sturges"):
        edges = np.histogram_bin_edges(data, method)[1:-1]
    if method == "quantile":
        k = options["n_bins"]
        if n < k * 10:
            return
        edges = np.sort(a)[[math.ceil(i * n / k - 1e-9) - 1 for i in range(1, k)]]
    cells = np.array([np.diff(np.concatenate([[0], np.searchsorted(np.sort(x), edges, side="right"), [len(x)]])) for x in (a, b)])
    cells = cells[:, cells.sum(axis=0) > 0].astype(float)
    smoothing = str(random.choice(["floor", "laplace", "none"]))
    base = float(random.choice([2, 10, math.e]))
    options |= {"smoothing": smoothing, "base": "e" if base == math.e else base}
    shares = cells / cells.sum(axis=1)[:, None]
    if smoothing == "floor":
        options["floor"] = 0.003
        smoothed = np.where(cells > 0, shares, 0.003)
    elif smoothing == "laplace":
        options["alpha"] = 0.5
        smoothed = (cells + 0.5) / (cells + 0.5).sum(axis=1)[:, None]
    else:
        smoothed = shares
    what = f"{n} {m} {options}"
    result = rows(connection.execute("SELECT * FROM weir.drift(%s::float8[], %s::float8[], NULL, %s::jsonb)", (*arguments, json.dumps(options))))
    with np.errstate(divide="ignore", invalid="ignore"):
        psi = np.sum((smoothed[1] - smoothed[0]) * np.log(smoothed[1] / smoothed[0])) / math.log(base)
        current = smoothed[1] if smoothing == "laplace" else shares[1]
        kl = np.sum(np.where(current > 0, current * np.log(current / smoothed[0]), 0)) / math.log(base)
    for metric, expected in (("psi", psi), ("kullback_leibler", max(0, kl))):
        if math.isfinite(expected):
            check(close(result[metric]["value"], expected), f"{metric} {what}: {result[metric]['value']}, expected {expected}")
        else:
            check(result[metric]["status"] == "undefined" and result[metric]["value"] is None, f"{metric} {what}: infinite")
    js = distance.jensenshannon(shares[0], shares[1], base=base)
    check(close(result["jensen_shannon"]["value"], float(np.nan_to_num(js)), 1e-7), f"jensen_shannon {what}")
    check(close(result["total_variation"]["value"], np.abs(shares[0] - shares[1]).sum() / 2), f"total_variation {what}")


def adjust_case(connection):
    p = random.random(int(random.integers(1, 40))) ** 3
    for ours, theirs in (("bonferroni", "bonferroni"), ("holm", "holm"), ("benjamini_hochberg", "fdr_bh"), ("by", "fdr_by")):
        expected = multipletests(p, method=theirs)[1]
        mine = connection.execute("SELECT weir.adjust_p_values(%s::float8[], %s)", ([float(x) for x in p] + [None], ours)).fetchone()[0]
        check(mine[-1] is None and all(close(x, y) for x, y in zip(mine, expected)), f"{ours} {p}")
        mine = connection.execute("SELECT weir.adjusted_p_value(p, %s) OVER () FROM unnest(%s::float8[]) WITH ORDINALITY u (p, i) ORDER BY i",
                                  (ours, [float(x) for x in p])).fetchall()
        check(all(close(x[0], y) for x, y in zip(mine, expected)), f"{ours} over a partition {p}")


def category_case(connection):
    n, m = (int(x) for x in random.choice([3, 12, 80, 500, 3000], 2))
    k = int(random.choice([1, 2, 5, 30, 200]))
    p = random.dirichlet(np.full(k, 0.5))
    q = p if random.random() < 0.5 else random.dirichlet(np.full(k, 0.5))
    names = np.array([f"c{i:03d}" for i in range(k)])
    a, b = random.choice(names, n, p=p), random.choice(names, m, p=q)
    missing = [int(random.choice([0, 0, 4])) for _ in range(2)]
    what = f"{k} categories {n} {m} {missing}"
    arguments = ([str(x) for x in a] + [None] * missing[0], [str(x) for x in b] + [None] * missing[1])
    result = rows(connection.execute("SELECT * FROM weir.drift(%s::text[], %s::text[])", arguments))
    counts = np.array([[np.sum(a == name), np.sum(b == name)] for name in names])
    total = np.array([n + missing[0], m + missing[1]])
    order = sorted(range(k), key=lambda i: (-(counts[i] / total).sum(), names[i]))
    kept, rare = [], np.zeros(2)
    for rank, i in enumerate(order):
        if counts[i].sum() == 0:
            continue
        if rank < 20 or counts[i].sum() * total.min() / total.sum() >= 5:
            kept.append(counts[i])
        else:
            rare += counts[i]
    cells = np.array(kept + ([rare] if rare.sum() else []) + ([missing] if sum(missing) else []), dtype=float).T
    expected, p = from_cells(cells)
    for metric, row in result.items():
        if metric in ("fisher_exact", "two_proportion_z"):
            check_proportions(row, metric, a, b, what)
            continue
        tolerance = 1e-7 if metric in ("jensen_shannon", "hellinger", "cramers_v") else 1e-9
        if expected[metric] is None:
            check(row["value"] is None and row["status"] == "undefined", f"{metric} {what}")
            continue
        check(close(row["value"], expected[metric], tolerance), f"{metric} {what}: {row['value']}, expected {expected[metric]}")
        expected_p = stats.chi2.sf(expected[metric], cells.shape[1] - 1) if metric == "g_test" and cells.shape[1] > 1 else p
        check(close(row["p_value"], expected_p, 1e-8), f"p of {metric} {what}: {row['p_value']}, expected {expected_p}")
    check_words(result, n, m, what)
    check(set(result["psi"]["detail"].get("new", [])) == set(sorted((set(b) - set(a)), key=lambda c: (-np.sum(b == c), c))[:20]), f"new {what}")
    check(set(result["psi"]["detail"].get("vanished", [])) == set(sorted((set(a) - set(b)), key=lambda c: (-np.sum(a == c), c))[:20]), f"vanished {what}")
    made = "(SELECT weir.summarize(x) FROM unnest(%s::text[]) x)"
    summaries = rows(connection.execute(f"SELECT * FROM weir.drift({made}, {made})", arguments))
    check({k: (r["value"], r["verdict"], r["detail"]) for k, r in result.items()} ==
          {k: (r["value"], r["verdict"], r["detail"]) for k, r in summaries.items()}, f"summaries {what}")


def main():
    with psycopg.connect(dbname=os.environ.get("PGDATABASE", "postgres")) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS weir")
        for _ in range(int(os.environ.get("REFERENCE_ROUNDS", "150"))):
            numeric_case(connection)
            category_case(connection)
            options_case(connection)
            adjust_case(connection)
        connection.rollback()
    sys.exit(finish())


main()
