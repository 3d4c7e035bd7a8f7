"""Compares weir's fairness functions with fairlearn, scikit-learn, scipy and statsmodels.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import math
import os
import sys
import warnings

import numpy as np
import psycopg
from fairlearn import metrics as fairlearn
from scipy import stats
from sklearn.metrics import confusion_matrix
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest
from checks import check, finish, random

warnings.filterwarnings("ignore")
Z95 = stats.norm.ppf(0.975)


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
SHORT = {"true_positive_rate": "tpr", "false_positive_rate": "fpr", "true_negative_rate": "tnr", "false_negative_rate": "fnr", "positive_predictive_value": "ppv",
         "negative_predictive_value": "npv", "false_discovery_rate": "fdr", "false_omission_rate": "for"}
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
    for rate, group, value, low, high, n, status in connection.execute(f"SELECT * FROM weir.fairness_rates({source}, min_group_size => 20, confidence => %s)", arguments + (confidence,)):
        x, trials = RATES[SHORT.get(rate, rate)](confusions[group])
        expected = (None, None, None) if trials == 0 else (x / trials, *proportion_confint(x, trials, alpha=1 - confidence, method="wilson"))
        check(n == trials and all(map(close, (value, low, high), expected)), f"{rate}, Wilson interval of {x} in {trials}: {value, low, high} {expected}")
        check(status == ("undefined" if trials == 0 else "insufficient" if trials < 20 else "ok"), f"{rate} of {trials}: {status}")

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


# ---- what auditors ask beside ----

def rows_of(cursor, query, *arguments):
    cursor.execute(query, arguments)
    return {row[0]: row[1:] for row in cursor.fetchall()}


def check_clarify(cursor, label, prediction, groups):
    """From the rows, by the formulas of Clarify's documentation."""
    if len(set(groups)) < 2:
        return
    names, sizes = np.unique(groups, return_counts=True)
    advantaged = names[np.argmax(sizes)]
    found = {}
    cursor.execute("SELECT c.metric, c.group_name, c.value FROM (SELECT weir.fairness(y, p, g) AS f FROM unnest(%s::int[], %s::int[], %s::text[]) t(y, p, g)) s, weir.fairness_clarify(f) c",
                   (label.tolist(), prediction.tolist(), groups.tolist()))
    for metric, group, value in cursor.fetchall():
        found[metric, group] = value
    a = groups == advantaged
    for name in names:
        if name == advantaged:
            continue
        d = groups == name
        qa, qd, ha, hd = label[a].mean(), label[d].mean(), prediction[a].mean(), prediction[d].mean()
        pa, pd = np.array([1 - qa, qa]), np.array([1 - qd, qd])

        def part(mask, y, p):
            return int(((label[mask] == y) & (prediction[mask] == p)).sum())

        def quotient(x, y):
            return math.nan if y == 0 else x / y

        with np.errstate(all='ignore'):
            kl = stats.entropy(pa, pd)
            js = (stats.entropy(pa, (pa + pd) / 2) + stats.entropy(pd, (pa + pd) / 2)) / 2
        expected = {
            'CI': (a.sum() - d.sum()) / (a.sum() + d.sum()), 'DPL': qa - qd, 'KL': kl if math.isfinite(kl) else math.nan, 'JS': js, 'LP': np.linalg.norm(pa - pd), 'TVD': abs(pa - pd).sum() / 2,
            'KS': abs(pa - pd).max(), 'DPPL': ha - hd, 'DI': quotient(hd, ha),
            'DCA': quotient(label[a].sum(), prediction[a].sum()) - quotient(label[d].sum(), prediction[d].sum()),
            'DCR': quotient((1 - label[d]).sum(), (1 - prediction[d]).sum()) - quotient((1 - label[a]).sum(), (1 - prediction[a]).sum()),
            'RD': quotient(part(a, 1, 1), label[a].sum()) - quotient(part(d, 1, 1), label[d].sum()),
            'SD': quotient(part(d, 0, 0), (1 - label[d]).sum()) - quotient(part(a, 0, 0), (1 - label[a]).sum()),
            'DAR': quotient(part(a, 1, 1), prediction[a].sum()) - quotient(part(d, 1, 1), prediction[d].sum()),
            'DRR': quotient(part(d, 0, 0), (1 - prediction[d]).sum()) - quotient(part(a, 0, 0), (1 - prediction[a]).sum()),
            'AD': (label[a] == prediction[a]).mean() - (label[d] == prediction[d]).mean(),
            'TE': quotient(part(d, 1, 0), part(d, 0, 1)) - quotient(part(a, 1, 0), part(a, 0, 1)),
        }
        for metric, value in expected.items():
            check(close(found[metric, name], float(value)), f'Clarify {metric}: {found[metric, name]}, not {value}')


def check_inequality(cursor, label, prediction, groups):
    benefit = (prediction - label + 1).astype(float)
    means = {g: benefit[groups == g].mean() for g in set(groups)}
    between = np.array([means[g] for g in groups])
    mean = benefit.mean()
    for alpha in (2, 0.5, -1):
        found = rows_of(cursor, "SELECT i.measure, i.value, i.between_groups FROM (SELECT weir.fairness(y, p, g) AS f FROM unnest(%s::int[], %s::int[], %s::text[]) t(y, p, g)) s, "
                        "weir.fairness_inequality(f, %s) i", label.tolist(), prediction.tolist(), groups.tolist(), alpha)
        with np.errstate(all='ignore'):
            total = np.mean((benefit / mean) ** alpha - 1) / (alpha * (alpha - 1)) if mean > 0 else math.nan
            part = np.mean((between / mean) ** alpha - 1) / (alpha * (alpha - 1)) if mean > 0 else math.nan
            theil = np.mean(np.where(benefit > 0, benefit / mean * np.log(np.where(benefit > 0, benefit, 1) / mean), 0)) if mean > 0 else math.nan
        check(close(found['generalized_entropy'][0], float(total) if math.isfinite(total) else math.nan), f'generalized entropy {alpha}: {found}, not {total}')
        check(close(found['generalized_entropy'][1], float(part) if math.isfinite(part) else math.nan), f'between groups {alpha}: {found}, not {part}')
        check(close(found['theil'][0], float(theil)), f'Theil: {found}, not {theil}')
        check(close(found['coefficient_of_variation'][0], float(benefit.std() / mean) if mean > 0 else math.nan), f'coefficient of variation {found}')


def check_spread(cursor, label, prediction, groups):
    frame = fairlearn.MetricFrame(metrics={'selection_rate': fairlearn.selection_rate, 'accuracy': lambda y, p: (y == p).mean()}, y_true=label, y_pred=prediction, sensitive_features=groups)
    found = rows_of(cursor, "SELECT s.rate, overall, lowest, highest, difference, ratio, difference_to_overall, ratio_to_overall FROM (SELECT weir.fairness(y, p, g) AS f "
                    "FROM unnest(%s::int[], %s::int[], %s::text[]) t(y, p, g)) q, weir.fairness_spread(f) s", label.tolist(), prediction.tolist(), groups.tolist())
    for rate in ('selection_rate', 'accuracy'):
        row = found[rate]
        expected = [frame.overall[rate], frame.group_min()[rate], frame.group_max()[rate], frame.difference(method='between_groups')[rate], frame.ratio(method='between_groups')[rate],
                    frame.difference(method='to_overall')[rate]]
        check(all(close(x, float(y)) for x, y in zip(row, expected)), f'spread of {rate}: {row}, not {expected}')
        if frame.group_min()[rate] > 0:
            check(close(row[6], float(frame.ratio(method='to_overall')[rate])), f'ratio to overall of {rate}: {row[6]}, not {frame.ratio(method="to_overall")[rate]}')


def check_pairs_of_rates(cursor, label, prediction, groups):
    """Fairlearn's equalized odds with agg='mean', AIF360's averages by their definition."""
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2 or any(len(set(label[groups == g])) < 2 for g in names):
        return
    found = {}
    cursor.execute("SELECT m.metric, m.group_name, m.reference_group, m.value FROM (SELECT weir.fairness(y, p, g) AS f FROM unnest(%s::int[], %s::int[], %s::text[]) t(y, p, g)) q, "
                   "weir.fairness_metrics(f, min_group_size => 1, metrics => '{average_absolute_odds_difference,average_predictive_value_difference,error_rate_difference}') m",
                   (label.tolist(), prediction.tolist(), groups.tolist()))
    for metric, group, reference, value in cursor.fetchall():
        found[metric, group] = (reference, value)
    expected = fairlearn.equalized_odds_difference(label, prediction, sensitive_features=groups, agg='mean')
    check(close(found['average_absolute_odds_difference', None][1], float(expected)), f'mean equalized odds: {found}, not {expected}')
    for g in names:
        if (('error_rate_difference', g)) not in found:
            continue
        rates = []
        for mask in (groups == g, groups == found['error_rate_difference', g][0]):
            y, p = label[mask], prediction[mask]
            rates.append((p[y == 1].mean(), p[y == 0].mean(), y[p == 1].mean() if p.any() else math.nan, y[p == 0].mean() if not p.all() else math.nan, (y != p).mean()))
        d, a = rates
        check(close(found['average_absolute_odds_difference', g][1], (abs(d[0] - a[0]) + abs(d[1] - a[1])) / 2), 'average absolute odds difference')
        check(close(found['average_predictive_value_difference', g][1], (d[2] - a[2] + d[3] - a[3]) / 2), 'average predictive value difference')
        check(close(found['error_rate_difference', g][1], d[4] - a[4]), 'error rate difference')


def check_differential(cursor, label, prediction, groups):
    found = rows_of(cursor, "SELECT d.outcome, d.epsilon FROM (SELECT weir.fairness(y, p, g) AS f FROM unnest(%s::int[], %s::int[], %s::text[]) t(y, p, g)) q, weir.fairness_differential(f) d",
                    label.tolist(), prediction.tolist(), groups.tolist())
    for name, outcome in (('label', label), ('prediction', prediction)):
        rates = [((outcome[groups == g].sum() + 0.5) / ((groups == g).sum() + 1)) for g in sorted(set(groups))]
        epsilon = max((max(abs(math.log(p / q)), abs(math.log((1 - p) / (1 - q)))) for p in rates for q in rates), default=math.nan) if len(rates) > 1 else math.nan
        check(close(found[name][0], epsilon), f'differential fairness of {name}: {found[name]}, not {epsilon}')


def check_strata(cursor):
    from statsmodels.stats.contingency_tables import StratifiedTable
    n = int(random.choice([200, 2000]))
    stratum = random.choice(['s0', 's1', 's2', 's3'], n)
    group = random.choice(['a', 'b', 'b', 'c'], n)
    prediction = (random.random(n) < 0.2 + 0.15 * (stratum == 's1') + random.choice([0.0, 0.1]) * (group == 'a')).astype(int)
    found = rows_of(cursor, "SELECT m.group_name, n_strata, n, difference, difference_low, difference_high, odds_ratio, odds_ratio_low, odds_ratio_high, p_value, demographic_disparity "
                    "FROM (SELECT weir.fairness(NULL::int, p, g, s) AS f FROM unnest(%s::int[], %s::text[], %s::text[]) t(p, g, s)) q, weir.fairness_stratified(f, '{2}', 'b') m",
                    prediction.tolist(), group.tolist(), stratum.tolist())
    for name in ('a', 'c'):
        tables, weights, differences, p_sum, q_sum, disparity = [], 0.0, 0.0, 0.0, 0.0, 0.0
        for s in sorted(set(stratum)):
            here, own, other = stratum == s, (stratum == s) & (group == name), (stratum == s) & (group == 'b')
            x, m, y, k = prediction[own].sum(), own.sum(), prediction[other].sum(), other.sum()
            tables.append(np.array([[x, m - x], [y, k - y]], dtype=float))
            weights += m * k / (m + k)
            differences += (x * k - y * m) / (m + k)
            p_sum += (m * m * y - k * k * x + m * k * (k - m) / 2) / (m + k) ** 2
            q_sum += (x * (k - y) + y * (m - x)) / (2 * (m + k))
            refused, chosen = here & (prediction == 0), here & (prediction == 1)
            disparity += here.sum() * ((own & refused).sum() / refused.sum() - (own & chosen).sum() / chosen.sum()) / n
        pooled = StratifiedTable(tables)
        row = found[name]
        low, high = pooled.oddsratio_pooled_confint()
        half = Z95 * math.sqrt(differences / weights * p_sum + q_sum) / weights
        expected = [4, int(sum(t.sum() for t in tables)), differences / weights, differences / weights - half, differences / weights + half, pooled.oddsratio_pooled, low, high,
                    pooled.test_null_odds(correction=False).pvalue, disparity]
        check(all(close(float(x), float(y), 1e-8) for x, y in zip(row, expected)), f'strata: {row}, not {expected}')


def check_shrinking(cursor):
    """Groups whose rates come from a beta prior: shrunk rates are nearer to the truth than raw ones; equal groups are all drawn to the whole."""
    truth = random.beta(8, 12, 60)
    sizes = random.integers(5, 40, 60)
    groups = np.repeat([f'g{i:02}' for i in range(60)], sizes)
    prediction = (random.random(sizes.sum()) < np.repeat(truth, sizes)).astype(int)
    cursor.execute("SELECT g.selection_rate, r.selection_rate FROM (SELECT weir.fairness(NULL::int, p, g) AS f FROM unnest(%s::int[], %s::text[]) t(p, g)) q, "
                   "weir.fairness_groups(f, small_groups => 'shrink') g, weir.fairness_groups(f) r WHERE g.group_name = r.group_name ORDER BY g.group_name", (prediction.tolist(), groups.tolist()))
    shrunk, raw = np.array(cursor.fetchall()).T
    check(((shrunk - truth) ** 2).mean() < ((raw - truth) ** 2).mean(), 'shrunk rates are nearer to the truth')
    overall = prediction.mean()
    check(np.all(np.abs(shrunk - overall) <= np.abs(raw - overall) + 1e-12), 'shrunk rates lie between their own and that of all')


def main():
    with psycopg.connect(dbname=os.environ.get("PGDATABASE", "postgres")) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS weir")
        for _ in range(int(os.environ.get("REFERENCE_ROUNDS", "80"))):
            compare_case(connection, *random_case())
        with connection.cursor() as cursor:
            for _ in range(30):
                case = random_case()
                for compare in (check_clarify, check_inequality, check_spread, check_differential, check_pairs_of_rates):
                    compare(cursor, *case)
            for _ in range(10):
                check_strata(cursor)
            check_shrinking(cursor)
        connection.rollback()
    sys.exit(finish())


main()
