"""Compares weir's drift scores with scipy and with plain definitions in numpy.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import math
import os
import sys
import time

import numpy as np
import psycopg
from scipy import stats
from scipy.spatial import distance

SEED = int(os.environ.get("REFERENCE_SEED", time.time_ns() % 2**32))
random = np.random.default_rng(SEED)
passed = failed = 0


def check(good, what):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        if failed <= 20:
            print("not ok -", what)


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
    for metric in ("psi", "jensen_shannon", "hellinger", "total_variation", "kullback_leibler"):
        row = result[metric]
        tolerance = 1e-7 if metric in ("jensen_shannon", "hellinger") else 1e-9
        check(close(row["value"], expected[metric], tolerance), f"{metric} {what}: {row['value']}, expected {expected[metric]}")
        check(close(row["p_value"], p, 1e-8), f"p of {metric} {what}: {row['p_value']}, expected {p}")
        check(row["n_baseline"] == n + missing[0] and row["n_current"] == m + missing[1], "n with missing")
    ks = result["kolmogorov_smirnov"]
    expected_ks = stats.ks_2samp(a, b, method="asymp")
    check(close(ks["value"], expected_ks.statistic), f"KS {what}: {ks['value']}, expected {expected_ks.statistic}")
    if n * m > 100000:
        p = stats.kstwobign.sf(math.sqrt(n * m / (n + m)) * expected_ks.statistic)
        check(close(ks["p_value"], p, 1e-8), f"asymptotic p of KS {what}: {ks['p_value']}, expected {p}")
    elif len(np.unique(np.concatenate([a, b]))) == n + m:
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
    check_words(result, n, m, what)
    for metric, row in result.items():
        value = connection.execute(f"SELECT weir.{metric}(%s::float8[], %s::float8[])", arguments).fetchone()[0]
        check(value == row["value"], f"{metric} by name")

    # summaries: the same while they hold every value, else within the bound
    made = "(SELECT weir.summarize(x) FROM unnest(%s::float8[]) x)"
    summaries = rows(connection.execute(f"SELECT * FROM weir.drift({made}, {made})", arguments))
    for metric, row in result.items():
        other = summaries[metric]
        if row["value"] is None:
            check(other["value"] is None, f"{metric} of summaries {what}")
        elif metric in ("kolmogorov_smirnov", "wasserstein", "wasserstein_normalized") or len(set(a) | set(b)) < 1000:
            check(abs(other["value"] - row["value"]) <= other["error_bound"] + 1e-9 * max(1, abs(row["value"])),
                  f"{metric} of summaries {what}: {row['value']} {other['value']} +- {other['error_bound']}")


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
        tolerance = 1e-7 if metric in ("jensen_shannon", "hellinger", "cramers_v") else 1e-9
        check(close(row["value"], expected[metric], tolerance), f"{metric} {what}: {row['value']}, expected {expected[metric]}")
        check(close(row["p_value"], p, 1e-8), f"p of {metric} {what}: {row['p_value']}, expected {p}")
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
        connection.rollback()
    if failed:
        print(f"REFERENCE_SEED={SEED} repeats this run")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
