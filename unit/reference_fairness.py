"""Compares weir's fairness functions with fairlearn, scikit-learn, scipy and statsmodels.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import math
import os
import sys
import time
import warnings

import numpy as np
import psycopg
from fairlearn import metrics as fairlearn
from scipy import stats
from sklearn.metrics import confusion_matrix
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

warnings.filterwarnings("ignore")
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
    if a is None or b is None or (isinstance(b, float) and math.isnan(b)):
        return a is None and (b is None or math.isnan(b))
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def share(successes, trials):
    return None if trials == 0 else successes / trials


def random_case():
    n = int(random.choice([5, 40, 200, 1000]))
    n_groups = int(random.integers(1, 5))
    groups = random.choice([f"g{i}" for i in range(n_groups)], n, p=random.dirichlet(np.ones(n_groups)))
    base = {f"g{i}": random.choice([0.0, 0.02, 0.3, 0.5, 0.9, 1.0]) for i in range(n_groups)}
    skill = random.random()
    label = np.array([int(random.random() < base[g]) for g in groups])
    prediction = np.where(random.random(n) < skill, label, (random.random(n) < random.random()).astype(int))
    return label, prediction, groups


RATES = {
    "selection_rate": lambda m: (m["tp"] + m["fp"], m["n"]),
    "base_rate": lambda m: (m["tp"] + m["fn"], m["n"]),
    "accuracy": lambda m: (m["tp"] + m["tn"], m["n"]),
    "tpr": lambda m: (m["tp"], m["tp"] + m["fn"]),
    "fpr": lambda m: (m["fp"], m["fp"] + m["tn"]),
    "tnr": lambda m: (m["tn"], m["fp"] + m["tn"]),
    "fnr": lambda m: (m["fn"], m["tp"] + m["fn"]),
    "ppv": lambda m: (m["tp"], m["tp"] + m["fp"]),
    "npv": lambda m: (m["tn"], m["tn"] + m["fn"]),
    "fdr": lambda m: (m["fp"], m["tp"] + m["fp"]),
    "for": lambda m: (m["fn"], m["tn"] + m["fn"]),
}
METRICS = {
    "demographic_parity": "selection_rate", "equal_opportunity": "tpr", "false_positive_rate": "fpr", "predictive_parity": "ppv",
    "accuracy": "accuracy", "false_negative_rate": "fnr", "true_negative_rate": "tnr", "negative_predictive_value": "npv",
    "false_discovery_rate": "fdr", "false_omission_rate": "for", "base_rate": "base_rate",
}


def p_value_of_two(x, n, y, m):
    pooled = (x + y) / (n + m)
    if pooled in (0, 1):
        return 1.0
    if min(n, m) * min(pooled, 1 - pooled) < 5:
        return stats.fisher_exact([[x, n - x], [y, m - y]])[1]
    return proportions_ztest([x, y], [n, m])[1]


def p_value_of_all(pairs):
    if len(pairs) == 2:
        return p_value_of_two(*pairs[0], *pairs[1])
    table = np.array([[x, n - x] for x, n in pairs])
    if (table.sum(axis=0) == 0).any():
        return 1.0
    return stats.chi2_contingency(table, correction=False)[1]


def ratio_interval(x, n, y, m, confidence):
    """Katz; half a success and half a failure more where a rate is 0 or 1."""
    ratio = (x / n) / (y / m)
    if 0 < x < n and 0 < y < m:
        return confint_proportions_2indep(x, n, y, m, compare="ratio", method="log", alpha=1 - confidence)
    a, b, c, d = x + 0.5, n + 1, y + 0.5, m + 1
    error = stats.norm.ppf((1 + confidence) / 2) * math.sqrt(1 / a - 1 / b + 1 / c - 1 / d)
    middle = math.log(a / b) - math.log(c / d)
    return min(ratio, math.exp(middle - error)), max(ratio, math.exp(middle + error))


def compare_case(connection, label, prediction, groups):
    confidence = float(random.choice([0.9, 0.95, 0.99]))
    confusions = {}
    for group in sorted(set(groups)):
        here = groups == group
        tn, fp, fn, tp = (int(x) for x in confusion_matrix(label[here], prediction[here], labels=[0, 1]).ravel())
        confusions[group] = {"tn": tn, "fp": fp, "fn": fn, "tp": tp, "n": tn + fp + fn + tp}
    rows = list(zip(label.tolist(), prediction.tolist(), groups.tolist()))
    arguments = ([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])
    source = "(SELECT weir.fairness(y, p, g) FROM unnest(%s::int[], %s::int[], %s::text[]) AS t(y, p, g))"
    cursor = connection.execute(f"SELECT * FROM weir.fairness_groups({source}, confidence => %s)", arguments + (confidence,))
    names = [column.name for column in cursor.description]
    for row in cursor.fetchall():
        row = dict(zip(names, row))
        confusion = confusions[row["group_name"]]
        check(row["n"] == confusion["n"] and row["n_positive"] == confusion["tp"] + confusion["fn"], "counts")
        for rate in ("selection_rate", "base_rate", "accuracy", "tpr", "fpr", "tnr", "fnr", "ppv", "npv"):
            check(close(row[rate], share(*RATES[rate](confusion))), f"{rate} {row[rate]} of {confusion}")
        low, high = proportion_confint(*RATES["selection_rate"](confusion), alpha=1 - confidence, method="wilson")
        check(close(row["selection_rate_low"], low) and close(row["selection_rate_high"], high), f"Wilson interval of {confusion}")

    cursor = connection.execute(f"SELECT * FROM weir.fairness_metrics({source}, min_group_size => 0, confidence => %s)", arguments + (confidence,))
    names = [column.name for column in cursor.description]
    result = {(row[0], row[1]): dict(zip(names, row)) for row in cursor.fetchall()}
    reference = max(sorted(confusions), key=lambda g: confusions[g]["n"])
    for metric, rate in METRICS.items():
        y, m = RATES[rate](confusions[reference])
        for group in confusions:
            if group == reference:
                continue
            x, n = RATES[rate](confusions[group])
            difference = result[metric + "_difference", group]
            ratio = result[metric + "_ratio", group]
            check(difference["reference_group"] == reference and difference["n"] == n and difference["n_reference"] == m, "reference and n")
            if n == 0 or m == 0:
                check(difference["value"] is None and difference["status"] == "undefined" and difference["verdict"] is None, "undefined difference")
                check(ratio["value"] is None and ratio["status"] == "undefined" and ratio["verdict"] is None, "undefined ratio")
                continue
            check(close(difference["value"], x / n - y / m), f"{metric} difference")
            low, high = confint_proportions_2indep(x, n, y, m, compare="diff", method="newcomb", alpha=1 - confidence)
            check(close(difference["low"], low) and close(difference["high"], high),
                  f"Newcombe {x}/{n} {y}/{m}: {difference['low']} {difference['high']}, expected {low} {high}")
            p = p_value_of_two(x, n, y, m)
            check(close(difference["p_value"], p, 1e-8), f"p of {x}/{n} {y}/{m}: {difference['p_value']}, expected {p}")
            beyond = abs(difference["value"]) > 0.1
            check(difference["verdict"] == ("ok" if not beyond else "alert" if difference["p_value"] < 1 - confidence else "warning"), "verdict")
            if y == 0:
                check(ratio["value"] is None and ratio["status"] == "undefined", "ratio to 0")
                continue
            check(close(ratio["value"], (x / n) / (y / m)), f"{metric} ratio")
            low, high = ratio_interval(x, n, y, m, confidence)
            check(close(ratio["low"], low, 1e-8) and close(ratio["high"], high, 1e-8),
                  f"Katz {x}/{n} {y}/{m}: {ratio['low']} {ratio['high']}, expected {low} {high}")
            beyond = ratio["value"] < 0.8 or ratio["value"] > 1.25
            check(ratio["verdict"] == ("ok" if not beyond else "alert" if ratio["p_value"] < 1 - confidence else "warning"), "verdict of ratio")
        pairs = [RATES[rate](c) for c in confusions.values() if RATES[rate](c)[1] > 0]
        overall = result[metric + "_difference", None]
        if len(pairs) < 2:
            check(overall["value"] is None and overall["status"] == "undefined", "overall of one group")
        else:
            shares = [x / n for x, n in pairs]
            check(close(overall["value"], max(shares) - min(shares)), f"overall {metric}")
            p = p_value_of_all(pairs)
            check(close(overall["p_value"], p, 1e-8), f"overall p of {pairs}: {overall['p_value']}, expected {p}")
            check(overall["low"] <= overall["value"] + 1e-12 and overall["value"] <= overall["high"] + 1e-12, "overall interval")
            if max(shares) > 0:
                check(close(result[metric + "_ratio", None]["value"], min(shares) / max(shares)), f"overall {metric} ratio")
            else:
                check(result[metric + "_ratio", None]["value"] is None, f"overall {metric} ratio of zeros")

    whole = all(RATES[rate](c)[1] > 0 for rate in ("tpr", "fpr") for c in confusions.values())
    if len(confusions) < 2:
        return
    features = {"sensitive_features": groups}
    expected = {"demographic_parity_difference": fairlearn.demographic_parity_difference(label, prediction, **features)}
    if prediction.any():
        expected["demographic_parity_ratio"] = fairlearn.demographic_parity_ratio(label, prediction, **features)
    if whole:
        expected["equalized_odds_difference"] = fairlearn.equalized_odds_difference(label, prediction, **features)
        expected["equal_opportunity_difference"] = fairlearn.equal_opportunity_difference(label, prediction, **features)
        if max(share(*RATES["tpr"](c)) for c in confusions.values()) > 0 and max(share(*RATES["fpr"](c)) for c in confusions.values()) > 0:
            expected["equalized_odds_ratio"] = fairlearn.equalized_odds_ratio(label, prediction, **features)
            expected["equal_opportunity_ratio"] = fairlearn.equal_opportunity_ratio(label, prediction, **features)
    for metric, value in expected.items():
        check(close(result[metric, None]["value"], float(value)), f"fairlearn's {metric}: {result[metric, None]['value']}, expected {value}")


def main():
    with psycopg.connect(dbname=os.environ.get("PGDATABASE", "postgres")) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS weir")
        for _ in range(int(os.environ.get("REFERENCE_ROUNDS", "80"))):
            compare_case(connection, *random_case())
        connection.rollback()
    if failed:
        print(f"REFERENCE_SEED={SEED} repeats this run")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
