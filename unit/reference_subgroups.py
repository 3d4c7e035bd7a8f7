"""Compares searches for subgroups and tests of groups with AI Fairness 360, Aequitas, brute force and scipy.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name (the extension is created where it is missing, in a transaction
that is rolled back); WEIR_DATA is where adult.csv.gz lies. Prints "N passed, N failed"; the exit status is 1 when something failed. REFERENCE_SEED repeats a run.
"""
import itertools
import logging
import math
import os
import sys

from checks import check, close, random, finish
import numpy as np
import pandas as pd
import psycopg

import peers
from scipy import optimize, stats
from sklearn.linear_model import LogisticRegression

ClassificationMetric, BinaryLabelDataset = peers.aif360()
Group, Bias, _ = peers.aequitas()
bias_scan, MDSS, Bernoulli, Auditor = peers.aif360_searches()


def fetch(cursor, query, *arguments):
    cursor.execute(query, arguments)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


ROWS = '(SELECT weir.fairness(y, p, a, b, c) AS f FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[], %s::text[]) t(y, p, a, b, c)) q'
SCORED = ('(SELECT array_agg(ARRAY[a, b, c]) AS v, array_agg(w) AS w FROM (SELECT a, b, c, weir.binary_performance(y, s) AS w '
          'FROM unnest(%s::int[], %s::float8[], %s::text[], %s::text[], %s::text[]) t(y, s, a, b, c) GROUP BY a, b, c) r) q')


def case():
    n = int(random.choice([60, 400, 2000]))
    people = pd.DataFrame({'a': random.choice(['F', 'M'], n), 'b': random.choice(['u', 'v', 'w'], n), 'c': random.choice(['i', 'j', 'k', 'l'], n)})
    s = np.round(random.beta(2, 3, n), 2).clip(0.01, 0.99)
    odds = s / (1 - s) * np.where(((people.a == 'F') & people.b.isin(['u', 'w'])).to_numpy(), random.choice([1, 3]), 1)
    y = (random.random(n) < odds / (1 + odds)).astype(int)
    p = (s + 0.1 * (people.c == 'i').to_numpy() > 0.45).astype(int)
    return people, s, y, p


# ---- subset scan ----

def likelihood_at(y, s, q):
    return y.sum() * math.log(q) - np.log1p(s * (q - 1)).sum()


def likelihood(y, s, higher):
    """The largest log likelihood ratio, by minimisation over log q."""
    def loss(u):
        return -(y.sum() * u - np.log1p(s * np.expm1(u)).sum())
    bounds = (0, math.log(1000)) if higher else (-math.log(1000), 0)
    best = optimize.minimize_scalar(loss, bounds=bounds, method='bounded', options={'xatol': 1e-12})
    return max(0.0, -best.fun, -loss(bounds[0]), -loss(bounds[1]))


def every_subset(people, y, s, higher, penalty):
    """All subsets of all columns' values, those of the last column by all of its subsets too."""
    best = -math.inf
    values = [sorted(people[column].unique()) for column in people]
    subsets = [[c for size in range(1, len(v) + 1) for c in itertools.combinations(v, size)] for v in values]
    for chosen in itertools.product(*subsets):
        inside = np.logical_and.reduce([people[column].isin(c) for column, c in zip(people, chosen)])
        cost = penalty * sum(len(c) for c, v in zip(chosen, values) if len(c) < len(v))
        best = max(best, likelihood(y[inside], s[inside], higher) - cost)
    return best


def inside_of(people, subset):
    inside = np.ones(len(people), dtype=bool)
    for position, values in subset.items():
        inside &= people.iloc[:, int(position) - 1].isin(values).to_numpy()
    return inside


def check_scan(cursor, with_scores, brute):
    people, s, y, p = case()
    penalty = float(random.choice([0, 0.3, 2]))
    columns = [people[column].tolist() for column in people]
    if with_scores:
        found = fetch(cursor, f'SELECT m.* FROM {SCORED}, weir.subset_scan(v, w, penalty => %s, permutations => 0) m', y.tolist(), s.tolist(), *columns, penalty)
        expected = s
    else:
        found = fetch(cursor, f"SELECT m.* FROM {ROWS}, weir.subset_scan(f, 'base_rate', penalty => %s, permutations => 0) m", y.tolist(), p.tolist(), *columns, penalty)
        expected = np.full(len(y), y.mean())
    for row in found:
        higher = row['direction'] == 'higher'
        inside = inside_of(people, row['subset'])
        cost = penalty * sum(len(v) for v in row['subset'].values())
        check(row['is_exact'] and row['n'] == inside.sum() and row['observed'] == y[inside].sum() and close(row['expected'], float(expected[inside].sum())), f'rows of the subset {row}')
        score = likelihood(y[inside], expected[inside], higher) - cost
        check(close(row['score'], score, 1e-8), f'score of the subset {row}, not {score}')
        if brute:
            best = every_subset(people, y, expected, higher, penalty)
            check(close(row['score'], best, 1e-8), f'the best subset {row}: {best}')
        theirs, best = bias_scan(people, pd.Series(y), pd.Series(expected), overpredicted=not higher, penalty=max(penalty, 1e-17), num_iters=3)
        check(row['score'] >= best - 1e-3, f"AI Fairness 360 finds {theirs} with {best}, not {row}")
        named = {people.columns[int(position) - 1]: values for position, values in row['subset'].items()}
        same = MDSS(Bernoulli(direction='positive' if higher else 'negative')).score_current_subset(people, pd.Series(expected), pd.Series(y), named, penalty)
        # Its odds are found to 1e-3, its scores rounded to four digits.
        near = [likelihood_at(y[inside], expected[inside], max(5e-4, row['odds_ratio'] + step)) - cost for step in (-2e-3, 2e-3)]
        check(min(near) - 2e-4 <= same <= row['score'] + 2e-4, f"AI Fairness 360's score of {named}: {same}, not {row['score']}")


def check_scan_by_ascent(cursor):
    """Too many values for all subsets: what is found is at least as good as what the peer finds."""
    n = 6000
    people = pd.DataFrame({name: random.choice([f'{name}{i}' for i in range(8)], n) for name in 'abc'})
    y = (random.random(n) < np.where(people.a.isin(['a1', 'a2']) & people.b.isin(['b1', 'b2', 'b3']), 0.7, 0.3)).astype(int)
    columns = [people[column].tolist() for column in people]
    query = f"SELECT m.* FROM {ROWS}, weir.subset_scan(f, 'base_rate', penalty => 1, restarts => 10, permutations => 19) m WHERE m.direction = 'higher'"
    row = fetch(cursor, query, y.tolist(), y.tolist(), *columns)[0]
    check(not row['is_exact'] and set(row['subset'].get('1', [])) == {'a1', 'a2'}, f'the subset that was made is found {row}')
    check(row['p_value'] == 1 / 20, f'it is no chance {row}')
    theirs, best = bias_scan(people, pd.Series(y), pd.Series(np.full(n, y.mean())), overpredicted=False, penalty=1, num_iters=3)
    check(row['score'] >= best - 1e-2, f'AI Fairness 360 finds {theirs} with {best}, not {row}')
    check(row == fetch(cursor, query, y.tolist(), y.tolist(), *columns)[0], 'the same seed gives the same subset')


def check_scan_p_values(cursor):
    """Without a difference p is not small more often than chance allows: of 40 draws fewer than 15 below 0.1 (p < 1e-5 of more)."""
    low = {False: 0, True: 0}
    for _ in range(40):
        n = 300
        people = pd.DataFrame({'a': random.choice(['F', 'M'], n), 'b': random.choice(['u', 'v', 'w'], n), 'c': random.choice(['i', 'j'], n)})
        s = np.round(random.uniform(0.1, 0.9, n), 2)
        y = (random.random(n) < s).astype(int)
        columns = [people[column].tolist() for column in people]
        seed = int(random.integers(2**31))
        for with_scores in (False, True):
            query = f'{SCORED}, weir.subset_scan(v, w, permutations => 49, seed => %s) m' if with_scores else f"{ROWS}, weir.subset_scan(f, 'base_rate', permutations => 49, seed => %s) m"
            row = fetch(cursor, f"SELECT m.p_value FROM {query} WHERE m.direction = 'higher'", y.tolist(), (s if with_scores else y).tolist(), *columns, seed)[0]
            low[with_scores] += row['p_value'] < 0.1
    check(max(low.values()) < 15, f'p of the scan is small by chance {low} times of 40')


# ---- subgroups ----

def check_subgroups(cursor, people, y, p):
    columns = [people[column].tolist() for column in people]
    for rate, label, outcome in (('false_positive_rate', 0, p), ('false_negative_rate', 1, 1 - p)):
        found = {row['family']: row for row in fetch(cursor, f'SELECT m.* FROM {ROWS}, weir.fairness_subgroups(f, %s, permutations => 19) m', y.tolist(), p.tolist(), *columns, rate)}
        counted = y == label
        overall = outcome[counted].mean()
        best = 0.0
        for size in range(1, people.shape[1] + 1):
            for names in itertools.combinations(people.columns, size):
                for _, inside in people[counted].groupby(list(names)).indices.items():
                    best = max(best, abs(outcome[counted][inside].mean() - overall) * len(inside) / len(y))
        check(close(found['conjunction']['gamma'], float(best)), f'{rate} of conjunctions {found["conjunction"]}, not {best}')
        inside = inside_of(people, found['conjunction']['subset']) & counted
        check(close(found['conjunction']['gamma'], float(abs(outcome[inside].mean() - overall) * inside.sum() / len(y))), 'gamma of the conjunction that is named')
        rates = pd.DataFrame({'o': outcome[counted]}).groupby([people[counted][column].to_numpy() for column in people]).o.agg(['mean', 'size'])
        expected = ((rates['mean'] - overall).clip(lower=0) * rates['size']).sum() / len(y)
        check(close(found['any']['gamma'], float(expected)), f'{rate} of any groups {found["any"]}, not {expected}')
        check(found['any']['gamma'] >= max(found['linear']['gamma'], found['conjunction']['gamma']) - 1e-12, 'no family goes beyond any')
        coded = pd.get_dummies(people).astype(float)
        frame = coded.assign(y=y.astype(float))
        data = BinaryLabelDataset(df=frame, label_names=['y'], protected_attribute_names=list(coded.columns))
        auditor = Auditor(data, 'FP' if rate == 'false_positive_rate' else 'FN')
        # It takes predictions by their place among the rows that it keeps, and the rate of all from the labels as they are.
        _, theirs = auditor.audit(p.astype(float))
        check(close(found['linear']['gamma'], float(theirs), 1e-9), f"AI Fairness 360's gamma of {rate}: {theirs}, not {found['linear']}")
        check(all(0 < row['p_value'] <= 1 for row in found.values()), 'p of subgroups')


# ---- inequality between all groups ----

def check_between_all(cursor):
    people, _, y, p = case()
    coded = people[['a', 'b']].apply(lambda column: column.astype('category').cat.codes.astype(float))
    truth = BinaryLabelDataset(df=coded.assign(y=y.astype(float)), label_names=['y'], protected_attribute_names=['a', 'b'],
                               privileged_protected_attributes=[[1.0], [0.0]], unprivileged_protected_attributes=[[0.0], [1.0, 2.0]])
    guess = truth.copy()
    guess.labels = p.astype(float).reshape(-1, 1)
    theirs = ClassificationMetric(truth, guess)
    for alpha in (2, 0.5, 1):
        found = {row['measure']: row['between_groups'] for row in fetch(
            cursor, 'SELECT i.measure, i.between_groups FROM (SELECT weir.fairness(y, p, a, b) AS f FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[]) t(y, p, a, b)) q, '
            'weir.fairness_inequality(f, %s) i', y.tolist(), p.tolist(), people.a.tolist(), people.b.tolist(), alpha)}
        expected = theirs.between_all_groups_generalized_entropy_index(alpha=alpha)
        check(close(found['generalized_entropy'], float(expected)), f'entropy {alpha} between all groups {found}, not {expected}')
    check(close(found['theil'], float(theirs.between_all_groups_theil_index())), f'Theil between all groups {found}')
    check(close(found['coefficient_of_variation'], float(theirs.between_all_groups_coefficient_of_variation())), f'coefficient of variation between all groups {found}')


# ---- Aequitas' tests ----

DENOMINATORS = {'pprev': lambda y, p: np.ones(len(y), dtype=bool), 'precision': lambda y, p: p == 1, 'fdr': lambda y, p: p == 1, 'for': lambda y, p: p == 0, 'npv': lambda y, p: p == 0,
                'fpr': lambda y, p: y == 0, 'tnr': lambda y, p: y == 0, 'fnr': lambda y, p: y == 1, 'tpr': lambda y, p: y == 1}


def check_significance(cursor):
    n = int(random.choice([150, 900]))
    g = np.concatenate([np.repeat(['g0', 'g1', 'g2'], 4), random.choice(['g0', 'g1', 'g2'], n)])
    y = np.concatenate([np.tile([0, 0, 1, 1], 3), (random.random(n) < 0.3 + 0.2 * (g[12:] == 'g1')).astype(int)])
    p = np.concatenate([np.tile([0, 1, 0, 1], 3), np.where(random.random(n) < 0.7, y[12:], random.integers(0, 2, n))])
    frame = pd.DataFrame({'score': p, 'label_value': y, 'g': np.array(g, dtype=object)})
    frame['g'] = frame['g'].astype(object)
    crosstab, _ = Group().get_crosstabs(frame)
    selected = ['pprev', 'precision', 'fdr', 'for', 'npv', 'fpr', 'fnr']
    # The p-values themselves: what turns them into flags does not work with this release of pandas.
    theirs = Bias._get_statistical_significance(frame.copy(), crosstab.copy(), {'g': dict.fromkeys(selected + ['label_value', 'score'], 'g0')}, alpha=0.05,
                                                selected_significance=selected).set_index('attribute_value')
    found = {}
    for test in ('proportions', 'welch', 'brown_forsythe'):
        for row in fetch(cursor, "SELECT a.* FROM (SELECT weir.fairness(y, p, g) AS f FROM unnest(%s::int[], %s::int[], %s::text[]) t(y, p, g)) q, weir.fairness_aequitas(f, 'g0', test => %s) a",
                         y.tolist(), p.tolist(), g.tolist(), test):
            found[test, row['group_name'], row['metric']] = row['p_value']
            check(row['is_significant'] == (None if row['p_value'] is None else row['p_value'] < 0.05), 'significance follows p')
            check((row['p_value'] is None) == (row['metric'] == 'ppr' or row['group_name'] == 'g0'), f'a p where there is a hypothesis {row}')
    right = (y == p).astype(float)
    for name in ('g1', 'g2'):
        for metric, denominator in DENOMINATORS.items():
            outcome = p.astype(float) if metric == 'pprev' else right
            x, z = outcome[denominator(y, p) & (g == name)], outcome[denominator(y, p) & (g == 'g0')]
            expected = stats.ttest_ind(x, z, equal_var=False).pvalue
            check(close(found['welch', name, metric], float(expected)), f"Welch's test of {metric}: {found['welch', name, metric]}, not {expected}")
            equal = stats.levene(x, z, center='median').pvalue >= 0.05
            expected = stats.ttest_ind(x, z, equal_var=bool(equal)).pvalue
            check(close(found['brown_forsythe', name, metric], float(expected)), f"the test of {metric} with Brown and Forsythe's: {found['brown_forsythe', name, metric]}, not {expected}")
            if metric in ('pprev', 'precision', 'fdr', 'for', 'npv'):
                column = f'{metric}_significance'
                check(close(found['brown_forsythe', name, metric], float(theirs.loc[name, column])), f"Aequitas' test of {metric}: {theirs.loc[name, column]}")
        # Where Aequitas tests another rate than it names.
        check(close(float(theirs.loc[name, 'fpr_significance']), found['brown_forsythe', name, 'fdr']), 'Aequitas tests fpr over the predicted positives')
        check(close(float(theirs.loc[name, 'fnr_significance']), found['brown_forsythe', name, 'for']), 'Aequitas tests fnr over the predicted negatives')


# ---- the census income data ----

def adult(cursor):
    frame = pd.read_csv(os.path.join(os.environ['WEIR_DATA'], 'adult.csv.gz'))
    frame.columns = [name.replace('.', '_').replace('-', '_') for name in frame.columns]
    y = (frame['income'].str.strip() == '>50K').astype(int).to_numpy()
    x = frame[['age', 'education_num', 'hours_per_week']].to_numpy(dtype=float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    s = np.round(LogisticRegression().fit(x, y).predict_proba(x)[:, 1], 2)
    people = pd.DataFrame({'a': frame['sex'].str.strip(), 'b': frame['race'].str.strip(), 'c': np.array(['<25', '25-45', '45-65', '>=65'])[np.searchsorted([25, 45, 65], frame['age'], side='right')]})
    columns = [people[column].tolist() for column in people]
    for row in fetch(cursor, f'SELECT m.* FROM {SCORED}, weir.subset_scan(v, w, permutations => 19) m', y.tolist(), s.tolist(), *columns):
        inside = inside_of(people, row['subset'])
        check(close(row['score'], likelihood(y[inside], s[inside], row['direction'] == 'higher'), 1e-8), f'score of the subset of adults {row}')
        check(row['is_exact'] and row['p_value'] == 1 / 20, f'a model that does not know the sex is biased {row}')
        theirs, best = bias_scan(people, pd.Series(y), pd.Series(s), overpredicted=row['direction'] == 'lower', num_iters=1)
        check(row['score'] >= best - 1e-2 and row['score'] < best * 1.001 + 1, f'AI Fairness 360 finds {theirs} with {best}, not {row}')
    few = random.choice(len(y), 4000, replace=False)
    check_subgroups(cursor, people.iloc[few].reset_index(drop=True), y[few], (s[few] >= 0.4).astype(int))


def main():
    with psycopg.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute('CREATE EXTENSION IF NOT EXISTS weir')
        for number in range(6):
            check_scan(cursor, number % 2 == 0, number < 2)
            people, _, y, p = case()
            check_subgroups(cursor, people, y, p)
            check_between_all(cursor)
            check_significance(cursor)
        check_scan_by_ascent(cursor)
        check_scan_p_values(cursor)
        adult(cursor)
        connection.rollback()
    logging.disable(logging.NOTSET)
    return finish()


if __name__ == '__main__':
    sys.exit(main())
