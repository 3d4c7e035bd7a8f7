"""Compares weir's learners with River, row by row, on the electricity market and on random streams; contributions with shap and by their sums.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name. Prints "N passed, N failed"; the exit status is 1 when something
failed. REFERENCE_SEED repeats a run. The data of the market is read from WEIR_DATA.
"""
import csv
import gzip
import json
import math
import os
import sys

import numpy as np
import psycopg
from river import compose, linear_model, naive_bayes, optim, preprocessing, tree

from checks import check, random, finish


def close(a, b, tolerance=1e-9):
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance) or (math.isnan(a) and math.isnan(b))


def market():
    """Rows of eight features and whether the price goes up."""
    with gzip.open(os.path.join(os.environ["WEIR_DATA"], "elec2.csv.gz"), "rt") as file:
        rows = list(csv.reader(file))[1:]
    return [[float(v) for v in row[:8]] for row in rows], [row[8] == "1" for row in rows]


connection = psycopg.connect("", autocommit=True)
cursor = connection.cursor()
cursor.execute("SET search_path = public, weir")
cursor.execute("CREATE TABLE IF NOT EXISTS learn_rows(stream int, i int, x float8[], label text, target float8, PRIMARY KEY (stream, i))")
n_streams = 0


def store(rows, labels):
    global n_streams
    n_streams += 1
    with cursor.copy("COPY learn_rows FROM STDIN") as copy:
        for i, (x, y) in enumerate(zip(rows, labels)):
            copy.write_row((n_streams, i, [float(v) for v in x], label_text(y), None if isinstance(y, str) else float(y)))
    return n_streams


def label_text(y):
    return {True: "true", False: "false"}.get(y, str(y)) if isinstance(y, (bool, np.bool_)) else str(y)


def named(x):
    return {f"x{i + 1}": float(v) for i, v in enumerate(x)}


STEPS = """
WITH RECURSIVE steps(i, said, model) AS (
    SELECT -1, NULL::{type}, weir.untrained_learner(%(learner)s, %(options)s::jsonb)
    UNION ALL
    SELECT s.i + 1, {said}, weir.learn(s.model, {features}, r.{label}) FROM steps s JOIN learn_rows r ON r.stream = %(stream)s AND r.i = s.i + 1)
SELECT said FROM steps WHERE i >= 0 ORDER BY i"""


def steps(stream, learner, options, regression=False, features="r.x"):
    """What weir says of each row before it learns it, one call of weir.learn per row."""
    query = STEPS.format(type="float8", said=f"weir.predict_number(s.model, {features})", label="target", features=features) if regression else \
        STEPS.format(type="jsonb", said=f"weir.predict_proba(s.model, {features})", label="label", features=features)
    cursor.execute(query, {"learner": learner, "options": json.dumps(options), "stream": stream})
    return [row[0] for row in cursor]


def compare_classes(name, model, learner, options, rows, labels, tolerance=1e-9, features="r.x", named=named):
    stream = store(rows, labels)
    seen = set()
    worst = 0.0
    good = True
    for i, (said, x, y) in enumerate(zip(steps(stream, learner, options, features=features), rows, labels)):
        x = named(x)
        expected = model.predict_proba_one(x)
        # Before both have met two classes there is nothing to tell apart, and each library says so in its own way.
        if len(seen) >= 2:
            for label in seen:
                ours, theirs = said[label_text(label)], expected.get(label, 0.0)
                if not close(ours, theirs, tolerance):
                    good = False
                    worst = max(worst, abs(ours - theirs))
        seen.add(y)
        model.learn_one(x, y)
    check(good, f"{name}: probabilities of {len(rows)} rows, worst {worst}")


def compare_numbers(name, model, learner, options, rows, targets, tolerance=1e-9, features="r.x", named=named):
    stream = store(rows, targets)
    good = True
    worst = 0.0
    for i, (said, x, y) in enumerate(zip(steps(stream, learner, options, True, features), rows, targets)):
        x = named(x)
        expected = model.predict_one(x)
        if i > 0 and not close(said, expected, tolerance):
            good = False
            worst = max(worst, abs(said - expected))
        model.learn_one(x, y)
    check(good, f"{name}: numbers of {len(rows)} rows, worst {worst}")


def random_classes(n, classes, features=5):
    centres = random.normal(0, 1.5, (len(classes), features))
    which = random.integers(0, len(classes), n)
    return random.normal(centres[which], 1.0) * random.choice([1.0, 50.0, 0.01], features), [classes[i] for i in which]


def random_numbers(n, features=4):
    rows = random.normal(0, 1, (n, features))
    return rows, rows @ random.normal(0, 2, features) + 3 + random.normal(0, 0.5, n)


market_rows, market_labels = market()
scaled = preprocessing.StandardScaler

# ---- linear models, a row at a time ----

some = slice(1000, 2500)
for name, optimizer, options in (
        ("sgd", optim.SGD(0.005), {"learning_rate": 0.005}), ("adagrad", optim.AdaGrad(0.1), {"optimizer": "adagrad"}),
        ("adam", optim.Adam(0.01), {"optimizer": "adam", "learning_rate": 0.01}), ("ftrl", optim.FTRLProximal(), {"optimizer": "ftrl"})):
    compare_classes(f"logistic regression, {name}", scaled() | linear_model.LogisticRegression(optimizer), "logistic_regression", options,
                    market_rows[some], market_labels[some])
compare_classes("logistic regression, l2", scaled() | linear_model.LogisticRegression(optim.SGD(0.05), l2=0.01), "logistic_regression",
                {"learning_rate": 0.05, "l2": 0.01}, *random_classes(800, [False, True]))
compare_classes("logistic regression, l1", scaled() | linear_model.LogisticRegression(optim.SGD(0.05), l1=0.001), "logistic_regression",
                {"learning_rate": 0.05, "l1": 0.001}, *random_classes(800, [False, True]))
compare_classes("logistic regression, not scaled", linear_model.LogisticRegression(optim.SGD(0.01)), "logistic_regression",
                {"scale": False}, market_rows[some], market_labels[some])
compare_classes("softmax regression", scaled() | linear_model.SoftmaxRegression(optim.SGD(0.05)), "softmax_regression",
                {"learning_rate": 0.05, "intercept_learning_rate": 0}, *random_classes(800, ["a", "b", "c", "d"]))
compare_numbers("linear regression", scaled() | linear_model.LinearRegression(optim.SGD(0.01)), "linear_regression", {}, *random_numbers(800))
compare_numbers("linear regression, adam", scaled() | linear_model.LinearRegression(optim.Adam(0.1)), "linear_regression", {"optimizer": "adam"},
                *random_numbers(800))
compare_numbers("quantile regression", scaled() | linear_model.LinearRegression(optim.SGD(0.02), loss=optim.losses.Quantile(0.9)),
                "quantile_regression", {"quantile": 0.9, "learning_rate": 0.02}, *random_numbers(800))
for mode in (0, 1, 2):
    compare_classes(f"passive-aggressive {mode}", scaled() | linear_model.PAClassifier(C=0.1, mode=mode), "passive_aggressive",
                    {"mode": ["pa", "pa1", "pa2"][mode], "aggressiveness": 0.1}, *random_classes(500, [False, True]))
    # River's loss takes the target for 0 or 1; this is the paper's.
    regressor = linear_model.PARegressor(C=0.1, mode=mode, eps=0.1)
    regressor.loss = lambda y, said: max(abs(said - y) - 0.1, 0)
    compare_numbers(f"passive-aggressive regression {mode}", scaled() | regressor, "passive_aggressive_regression", {"mode": ["pa", "pa1", "pa2"][mode], "aggressiveness": 0.1}, *random_numbers(500))
compare_classes("alma", scaled() | linear_model.ALMAClassifier(), "alma", {}, market_rows[some], market_labels[some])

# ---- categories as features of 0 and 1 ----

NAMES = ["car", "house", "trip", "boat", "horse", "tent"]
MAX_VALUES = 4
ONE_HOT = {"pipeline": [{"step": "one_hot", "features": ["kind"], "max_values": MAX_VALUES}]}
GIVEN = {"pipeline": [{"step": "one_hot", "feature": "kind", "values": NAMES}]}
KINDS = f"(SELECT f FROM (SELECT r.x[1] AS a, r.x[2] AS b, ('{{{','.join(NAMES)}}}'::text[])[r.x[3]::int] AS kind) f)"


def random_kinds(n, classes):
    """Two numbers and a category: 1 to 6, 0 is none."""
    kinds = random.integers(0, len(NAMES) + 1, n)
    rows = np.column_stack([random.normal(3, 2, n), random.normal(0, 50, n), kinds])
    score = rows[:, 0] + rows[:, 1] / 50 + (kinds == 2) * 3 - (kinds == 5) * 4 + random.normal(0, 0.5, n)
    if classes is None:
        return rows, score
    return rows, [classes[int(place)] for place in np.searchsorted(np.quantile(score, np.arange(1, len(classes)) / len(classes)), score)]


def encoded(rows, known=None):
    """Rows as River is given them: beyond the values met first, a category is any other."""
    known = known or []
    for kind in rows[:, 2]:
        if kind > 0 and NAMES[int(kind) - 1] not in known and len(known) < MAX_VALUES:
            known.append(NAMES[int(kind) - 1])

    def named_kinds(x):
        row = {"a": float(x[0]), "b": float(x[1])}
        if x[2] > 0:
            row["kind"] = NAMES[int(x[2]) - 1] if NAMES[int(x[2]) - 1] in known else "other"
        return row
    return named_kinds


def piped(model):
    return (compose.Select("a", "b") | scaled()) + (compose.Discard("a", "b") | preprocessing.OneHotEncoder()) | model


for name, optimizer, options in (
        ("sgd", optim.SGD(0.05), {"learning_rate": 0.05}), ("adagrad", optim.AdaGrad(0.1), {"optimizer": "adagrad"}),
        ("adam", optim.Adam(0.01), {"optimizer": "adam", "learning_rate": 0.01}), ("ftrl", optim.FTRLProximal(), {"optimizer": "ftrl"})):
    rows, labels = random_kinds(600, [False, True])
    compare_classes(f"one_hot, logistic regression, {name}", piped(linear_model.LogisticRegression(optimizer)), "logistic_regression", options | ONE_HOT, rows, labels,
                    features=KINDS, named=encoded(rows))
    compare_classes(f"one_hot of values that are given, logistic regression, {name}", piped(linear_model.LogisticRegression(optimizer.clone())), "logistic_regression", options | GIVEN,
                    rows, labels, features=KINDS, named=encoded(rows, NAMES))
for penalty in ("l1", "l2"):
    rows, labels = random_kinds(600, [False, True])
    compare_classes(f"one_hot, logistic regression, {penalty}", piped(linear_model.LogisticRegression(optim.SGD(0.05), **{penalty: 0.001})), "logistic_regression",
                    {"learning_rate": 0.05, penalty: 0.001} | ONE_HOT, rows, labels, features=KINDS, named=encoded(rows))
rows, labels = random_kinds(600, ["x", "y", "z"])
compare_classes("one_hot, softmax regression", piped(linear_model.SoftmaxRegression(optim.SGD(0.05))), "softmax_regression", {"learning_rate": 0.05, "intercept_learning_rate": 0} | ONE_HOT,
                rows, labels, features=KINDS, named=encoded(rows))
rows, labels = random_kinds(600, [False, True])
compare_classes("one_hot, alma", piped(linear_model.ALMAClassifier()), "alma", ONE_HOT, rows, labels, features=KINDS, named=encoded(rows))
compare_classes("one_hot, passive-aggressive", piped(linear_model.PAClassifier(C=0.1, mode=1)), "passive_aggressive", {"mode": "pa1", "aggressiveness": 0.1} | ONE_HOT, rows, labels,
                features=KINDS, named=encoded(rows))
rows, targets = random_kinds(600, None)
compare_numbers("one_hot, linear regression", piped(linear_model.LinearRegression(optim.SGD(0.01))), "linear_regression", ONE_HOT, rows, targets, features=KINDS, named=encoded(rows))

# ---- naive Bayes ----

compare_classes("gaussian naive bayes", naive_bayes.GaussianNB(), "gaussian_naive_bayes", {}, market_rows[some], market_labels[some])
compare_classes("gaussian naive bayes, four classes", naive_bayes.GaussianNB(), "gaussian_naive_bayes", {}, *random_classes(800, ["a", "b", "c", "d"]))
rows, labels = random_classes(600, ["a", "b", "c"])
compare_classes("bernoulli naive bayes", naive_bayes.BernoulliNB(alpha=1), "bernoulli_naive_bayes", {}, rows, labels)
counts = random.poisson(np.abs(rows) / np.abs(rows).mean(axis=0) * 2) + 0.0
compare_classes("multinomial naive bayes", naive_bayes.MultinomialNB(alpha=1), "multinomial_naive_bayes", {}, counts, labels)

# ---- recursive least squares: after each row the exact solution ----

rows, targets = random_numbers(200)
stream = store(rows, targets)
said = steps(stream, "recursive_least_squares", {"regularization": 1e-3, "forgetting": 0.99}, True)
good = True
for n in range(20, 200, 30):
    weights = 0.99 ** np.arange(n - 1, -1, -1)
    design = np.column_stack([np.ones(n), rows[:n]])
    # The first covariance is forgotten like a row.
    solution = np.linalg.solve(design.T @ (weights[:, None] * design) + 1e-3 * 0.99 ** n * np.eye(5), design.T @ (weights * targets[:n]))
    good &= close(said[n], float(np.concatenate([[1], rows[n]]) @ solution), 1e-6)
check(good, "recursive least squares")

# ---- on the whole market, tested then trained ----

whole = store(market_rows, market_labels)


def score(learner, options="{}"):
    cursor.execute("""SELECT avg(coalesce(said = label, label = 'false')::int) FROM (SELECT label, weir.test_then_train(%s, x, label, %s) OVER (ORDER BY i) AS said
        FROM learn_rows WHERE stream = %s) s""", (learner, options, whole))
    return float(cursor.fetchone()[0])


last = float(np.mean([a == b for a, b in zip(market_labels, market_labels[1:])]))
cursor.execute("""SELECT majority FROM unnest((SELECT weir.prequential_performance(label, label ORDER BY i) FROM learn_rows WHERE stream = %s))
    WHERE scope = 'all' AND metric = 'accuracy'""", (whole,))
majority = float(cursor.fetchone()[0])
for learner, options, low, high in (
        ("logistic_regression", '{"learning_rate": 0.005}', 0.82205, 0.82215), ("gaussian_naive_bayes", "{}", 0.72865, 0.72875),
        ("alma", "{}", 0.90635, 0.90645), ("hoeffding_tree", "{}", 0.80, 1), ("hoeffding_adaptive_tree", "{}", 0.83, 1),
        ("adaptive_random_forest", "{}", 0.885, 1), ("leveraging_bagging", "{}", 0.895, 1), ("adwin_bagging", "{}", 0.82, 1),
        ("online_bagging", "{}", 0.80, 1), ("extremely_fast_decision_tree", "{}", 0.82, 1), ("streaming_random_patches", "{}", 0.88, 1)):
    accuracy = score(learner, options)
    print(f"# electricity, test then train: {learner} {accuracy:.4f} (the last label, repeated: {last:.4f}, the majority so far: {majority:.4f})")
    check(low <= accuracy <= high, f"{learner} on the electricity market: {accuracy}")

# A tree of River's, grown with the same settings, is no further off than half a point.
peer = tree.HoeffdingTreeClassifier(grace_period=200)
hits = 0
for x, y in zip(market_rows, market_labels):
    x = named(x)
    hits += peer.predict_one(x) == y
    peer.learn_one(x, y)
check(abs(hits / len(market_rows) - score("hoeffding_tree", '{"grace_period": 200}')) <= 0.005, "a Hoeffding tree scores as River's")

# ---- one run, batches, row by row, stopped and resumed: the same bytes ----

for learner in ("logistic_regression", "softmax_regression", "alma", "gaussian_naive_bayes", "hoeffding_tree", "hoeffding_adaptive_tree",
                "adaptive_random_forest", "streaming_random_patches", "leveraging_bagging"):
    cursor.execute("""SELECT weir.train(%(l)s, x, label ORDER BY i)::text = (SELECT weir.train((SELECT weir.train(%(l)s, x, label ORDER BY i)
        FROM learn_rows WHERE stream = %(s)s AND i < 777), x, label ORDER BY i) FROM learn_rows WHERE stream = %(s)s AND i BETWEEN 777 AND 1999)::text
        FROM learn_rows WHERE stream = %(s)s AND i < 2000""", {"l": learner, "s": whole})
    check(cursor.fetchone()[0], f"{learner}: stopped, stored and gone on with, the same model")

# ---- contributions sum to what is said, and are shap's on trees of counts ----

EXPLAINED = """SELECT max(abs(p - s)) FROM (SELECT weir.predict_proba(model, x, 'true') AS p, (SELECT sum(contribution) FROM weir.explain(model, x, 'true')) AS s
    FROM (SELECT weir.train(%(l)s, x, label, %(o)s ORDER BY i) AS model FROM learn_rows WHERE stream = %(s)s AND i < 8000) m,
         (SELECT x FROM learn_rows WHERE stream = %(s)s AND i %% 97 = 0) r) q"""
for learner in ("hoeffding_tree", "hoeffding_adaptive_tree", "adaptive_random_forest", "adwin_bagging", "extremely_fast_decision_tree"):
    cursor.execute(EXPLAINED, {"l": learner, "o": "{}", "s": whole})
    check(cursor.fetchone()[0] < 1e-9, f"{learner}: contributions sum to the probability")
cursor.execute("""SELECT max(abs(ln(p / (1 - p)) - s)) FROM (SELECT weir.predict_proba(model, x, 'true') AS p, (SELECT sum(contribution) FROM weir.explain(model, x, 'true')) AS s
    FROM (SELECT weir.train('logistic_regression', x, label ORDER BY i) AS model FROM learn_rows WHERE stream = %(s)s AND i < 8000) m,
         (SELECT x FROM learn_rows WHERE stream = %(s)s AND i %% 97 = 0) r) q""", {"s": whole})
check(cursor.fetchone()[0] < 1e-6, "logistic regression: contributions sum to the log-odds")

sys.exit(finish())
