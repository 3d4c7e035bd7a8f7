"""Compares agreement of raters and representativeness with scikit-learn, statsmodels and scipy.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back). Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import json
import math
import sys
import warnings

import numpy as np
import psycopg
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa, to_table
from checks import check, finish, random

warnings.filterwarnings("ignore")


def close(a, b, tolerance=1e-9):
    if a is None or b is None or math.isnan(b):
        return a is None and (b is None or math.isnan(b))
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def one(connection, query, *parameters):
    return connection.execute(query, parameters).fetchone()[0]


def raters(n, n_raters, n_categories):
    """Labels of n subjects by raters who know better or worse."""
    truth = random.integers(0, n_categories, n)
    skill = random.random(n_raters)
    guess = random.choice(n_categories, (n, n_raters), p=random.dirichlet(np.ones(n_categories)))
    return np.where(random.random((n, n_raters)) < skill, truth[:, None], guess)


def compare_cohen(connection):
    for _ in range(300):
        n, n_categories = int(random.choice([1, 2, 10, 300])), int(random.integers(1, 6))
        labels = raters(n, 2, n_categories)
        first, second = [f"c{x}" for x in labels[:, 0]], [f"c{x}" for x in labels[:, 1]]
        found = one(connection, "SELECT weir.cohen_kappa(%s::text[], %s::text[])", first, second)
        # Both always say one and the same: no agreement beyond chance can be told.
        expected = math.nan if len(set(first + second)) == 1 else cohen_kappa_score(first, second)
        check(close(found, expected), f"cohen_kappa of {n} pairs is {found}, scikit-learn has {expected}")
        if len(set(first + second)) > 1:
            table = to_table(labels)[0]
            check(close(found, cohens_kappa(table).kappa), f"cohen_kappa and statsmodels of {n} pairs")
            order = random.permutation(n)
            check(close(one(connection, "SELECT weir.cohen_kappa(%s::text[], %s::text[])", [second[i] for i in order] + [None, "x"], [first[i] for i in order] + ["y", None]), found),
                  "cohen_kappa does not depend on the order of pairs and raters, and leaves NULL out")


def compare_fleiss(connection):
    for _ in range(300):
        n, n_raters, n_categories = int(random.choice([1, 2, 10, 200])), int(random.integers(2, 8)), int(random.integers(1, 6))
        counts = aggregate_raters(raters(n, n_raters, n_categories), n_cat=n_categories)[0].astype(int)
        found = one(connection, "SELECT weir.fleiss_kappa(%s::bigint[])", counts.tolist())
        expected = math.nan if np.count_nonzero(counts.sum(axis=0)) == 1 else fleiss_kappa(counts)
        check(close(found, expected), f"fleiss_kappa of {counts.tolist()} is {found}, statsmodels has {expected}")
        # Subjects with one rater or none say nothing.
        single = np.zeros((2, n_categories), dtype=int)
        single[0, 0] = 1
        check(close(one(connection, "SELECT weir.fleiss_kappa(%s::bigint[])", np.vstack([counts, single]).tolist()), expected), "fleiss_kappa with subjects of one rater")


def compare_krippendorff(connection):
    def alpha(counts):
        return one(connection, "SELECT weir.krippendorff_alpha(%s::bigint[])", counts.tolist())

    # Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: what two and four observers said, "." nothing; his results, to the digits printed.
    for observers, published in ((("0100000010", "1110010000"), 0.095), (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743)):
        values = sorted(set("".join(observers)) - {"."})
        counts = np.array([[sum(observer[unit] == value for observer in observers) for value in values] for unit in range(len(observers[0]))])
        found = alpha(counts)
        check(abs(found - published) < 6e-4, f"krippendorff_alpha is {found}, published {published}")
    for _ in range(300):
        n, n_raters, n_categories = int(random.choice([1, 2, 10, 200])), int(random.integers(2, 8)), int(random.integers(1, 6))
        labels = raters(n, n_raters, n_categories)
        counts = aggregate_raters(labels, n_cat=n_categories)[0].astype(int)
        # With as many raters for each, it differs from Fleiss' kappa in how expected disagreement is counted, without replacement, alone.
        expected = math.nan if np.count_nonzero(counts.sum(axis=0)) == 1 else 1 - (1 - fleiss_kappa(counts)) * (counts.sum() - 1) / counts.sum()
        check(close(alpha(counts), expected), f"krippendorff_alpha of {counts.tolist()}, statsmodels has {expected}")
        # With values missing: by his coincidence matrix.
        missing = random.random(labels.shape) < 0.4
        counts = np.array([[np.sum((row == j) & ~gone) for j in range(n_categories)] for row, gone in zip(labels, missing)])
        coincidences = sum(((np.outer(c, c) - np.diag(c)) / (c.sum() - 1) for c in counts if c.sum() > 1), np.zeros((n_categories, n_categories)))
        marginals, total = coincidences.sum(axis=0), coincidences.sum()
        disagreement = total**2 - np.sum(marginals**2)
        expected = 1 - (total - 1) * (total - np.trace(coincidences)) / disagreement if disagreement > 1e-6 else math.nan
        check(close(alpha(counts), expected), f"krippendorff_alpha of {counts.tolist()} is {alpha(counts)}, its coincidences give {expected}")


def compare_representativeness(connection):
    for _ in range(200):
        k = int(random.integers(2, 7))
        groups = [f"g {i}" for i in range(k)]
        population = random.dirichlet(np.ones(k)) * random.choice([1.0, 100.0]) + 1e-6
        n = int(random.choice([0, 1, 20, 5000, 10**9]))
        counts = random.multinomial(n, random.dirichlet(np.ones(k)) if random.random() < 0.5 else population / population.sum())
        given = {g: int(c) for g, c in zip(groups, counts) if c > 0 or random.random() < 0.5}
        other = int(random.integers(0, 3))
        if other:
            given["elsewhere"] = other
        rows = connection.execute("SELECT group_name, n, share, population_share, ratio, chi_square, p_value, effect_size FROM weir.representativeness(%s::jsonb, %s::jsonb)",
                                  (json.dumps(given), json.dumps(dict(zip(groups, population))))).fetchall()
        found = {row[0]: row[1:] for row in rows}
        check(set(found) == set(groups) | ({"(other)"} if other else set()), f"groups {sorted(found)}")
        check(not other or found["(other)"] == (other, None, None, None, None, None, None), "what belongs to no group")
        expected_shares = population / population.sum()
        if n > 0:
            statistic, p_value = stats.chisquare(counts, n * expected_shares)
        for i, group in enumerate(groups):
            count, share, population_share, ratio, chi_square, p, effect = found[group]
            check(count == counts[i] and close(population_share, expected_shares[i]), "counts and shares")
            if n == 0:
                check(share is None and ratio is None and p is None and effect is None, "nothing without rows")
                continue
            check(close(share, counts[i] / n) and close(ratio, counts[i] / n / expected_shares[i], 1e-7), "share and ratio")
            check(close(chi_square, statistic, 1e-7) and math.isclose(p, p_value, rel_tol=1e-6, abs_tol=1e-280), f"chi-square {chi_square} {p}, scipy has {statistic} {p_value}")
            check(close(effect, math.sqrt(statistic / n), 1e-7), "Cohen's w")


def edges(connection):
    for query, expected in (("weir.cohen_kappa('{}', '{}')", None), ("weir.cohen_kappa('{a}', '{a}')", None), ("weir.cohen_kappa('{a}', '{b}')", 0.0),
                            ("weir.cohen_kappa('{a,b}', '{b,a}')", -1.0), ("weir.cohen_kappa(NULL, '{a}')", None), ("weir.fleiss_kappa('{}')", None),
                            ("weir.fleiss_kappa('{{3,0}}')", None), ("weir.fleiss_kappa('{{2,0},{0,2}}')", 1.0), ("weir.fleiss_kappa('{{1,1},{1,1}}')", -1.0),
                            ("weir.krippendorff_alpha('{}')", None), ("weir.krippendorff_alpha('{{3,0}}')", None), ("weir.krippendorff_alpha('{{1,0},{0,1}}')", None),
                            ("weir.krippendorff_alpha('{{2,0},{0,2}}')", 1.0), ("weir.krippendorff_alpha('{{1,1},{1,1}}')", -0.5)):
        found = one(connection, "SELECT " + query)
        check(close(found, expected), f"{query} is {found}, not {expected}")


def main():
    with psycopg.connect() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS weir")
        compare_cohen(connection)
        compare_fleiss(connection)
        compare_krippendorff(connection)
        compare_representativeness(connection)
        edges(connection)
        connection.rollback()
    return finish()


if __name__ == "__main__":
    sys.exit(main())
