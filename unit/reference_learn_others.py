"""Compares weir's nearest neighbours, k-means, half-space trees and Holt-Winters with River and statsmodels; intervals with their definition.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name. Prints "N passed, N failed"; the exit status is 1 when something
failed. REFERENCE_SEED repeats a run.
"""
import json
import math
import sys
import warnings

import numpy as np
import psycopg
from river import anomaly, cluster, neighbors, preprocessing, time_series
from sklearn.metrics import roc_auc_score
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from checks import check, random, result
from learner_streams import Streams

warnings.simplefilter("ignore")

connection = psycopg.connect("", autocommit=True)
cursor = connection.cursor()
cursor.execute("SET search_path = public, weir")
streams = Streams(cursor, "learn_other_rows")
store, tested = streams.store, streams.tested


def numbers(stream, learner, options, label="target"):
    return np.array([math.nan if v is None else float(v) for v in tested(stream, learner, options, label)])


def named(x):
    return {f"x{i + 1}": float(v) for i, v in enumerate(x)}


# ---- nearest neighbours in a window ----

rows = random.normal(0, 1, (700, 3))
classes = ["a" if a + b * c > 0.5 else "b" if a < 0 else "c" for a, b, c in rows]
targets = rows[:, 0] * 3 - rows[:, 1] ** 2 + random.normal(0, 0.1, 700)
stream = store(rows, targets)
class_stream = store(rows, [hash(c) % 1000 for c in classes])
cursor.executemany("UPDATE learn_other_rows SET label = %s WHERE stream = %s AND i = %s", [(c, class_stream, i) for i, c in enumerate(classes)])
for n_neighbors, window, weighted in ((1, 100, True), (5, 300, True), (7, 700, False)):
    options = {"neighbors": n_neighbors, "window": window, "weighted": weighted, "scale": False}
    model = neighbors.KNNClassifier(n_neighbors=n_neighbors, engine=neighbors.LazySearch(window_size=window), weighted=weighted)
    different = 0
    for x, y, ours in zip(rows, classes, tested(class_stream, "nearest_neighbors", options, "label")):
        said = model.predict_proba_one(named(x))
        # Equally many votes are told apart by name here, by order there.
        if said and ours is not None and said[ours] < max(said.values()) - 1e-12:
            different += 1
        model.learn_one(named(x), y)
    check(different == 0, f"{n_neighbors} nearest neighbours: {different} rows are told otherwise")
    model = neighbors.KNNRegressor(n_neighbors=n_neighbors, engine=neighbors.LazySearch(window_size=window), aggregation_method="weighted_mean" if weighted else "mean")
    worst = 0.0
    for i, (x, y, ours) in enumerate(zip(rows, targets, numbers(stream, "nearest_neighbors_regression", options))):
        if i > 0:
            worst = max(worst, abs(model.predict_one(named(x)) - ours))
        model.learn_one(named(x), y)
    check(worst < 1e-9, f"{n_neighbors} nearest neighbours, numbers: {worst}")

# ---- k-means: from the same centres ----

centres = random.normal(0, 5, (4, 3))
rows = random.normal(centres[random.integers(0, 4, 1500)], 1.0)
stream = store(rows, np.zeros(1500))
for halflife in (0.5, 0.05):
    model = cluster.KMeans(n_clusters=4, halflife=halflife, seed=1)
    for i in range(4):
        model.centers[i] = dict(named(rows[i]))
    different = 0
    for i, (x, ours) in enumerate(zip(rows, numbers(stream, "k_means", {"clusters": 4, "halflife": halflife, "scale": False}, "NULL::int"))):
        if i >= 4:
            different += model.predict_one(named(x)) != ours
            model.learn_one(named(x))
    check(different == 0, f"k-means, halflife {halflife}: {different} rows are told otherwise")

# ---- half-space trees: how well they tell what is far off from what is not ----

ours_all, theirs_all = [], []
for round_number in range(4):
    n = 3000
    rows = random.normal(0, 1, (n, 4))
    is_anomaly = (random.random(n) < 0.02) & (np.arange(n) > 500)
    rows[is_anomaly] = random.uniform(-8, 8, (int(is_anomaly.sum()), 4))
    stream = store(rows, is_anomaly.astype(int))
    model = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(n_trees=25, seed=round_number)
    theirs = []
    for x in rows:
        theirs.append(model.score_one(named(x)))
        model.learn_one(named(x))
    ours = numbers(stream, "half_space_trees", {"seed": round_number}, "NULL::int")
    check(np.nanmin(ours) >= 0 and np.nanmax(ours) <= 1, "scores are between 0 and 1")
    ours_all.append(roc_auc_score(is_anomaly[500:], ours[500:]))
    theirs_all.append(roc_auc_score(is_anomaly[500:], theirs[500:]))
print(f"# anomalies, area under the curve: half_space_trees {np.mean(ours_all):.4f}, River {np.mean(theirs_all):.4f}")
check(np.mean(ours_all) > 0.85 and np.mean(ours_all) > np.mean(theirs_all) - 0.05, f"half-space trees: {ours_all}, River {theirs_all}")

# ---- Holt-Winters ----

n = 240
series = 50 + np.arange(n) * 0.3 + 8 * np.sin(np.arange(n) * 2 * np.pi / 12) + random.normal(0, 1, n)
stream = store(np.ones((n, 1)), series)
for name, peer, options, first in (
        ("level", time_series.HoltWinters(alpha=0.4), {"alpha": 0.4}, 2),
        ("trend", time_series.HoltWinters(alpha=0.4, beta=0.2), {"alpha": 0.4, "beta": 0.2}, 2),
        ("multiplicative season", time_series.HoltWinters(alpha=0.4, beta=0.2, gamma=0.3, seasonality=12, multiplicative=True),
         {"alpha": 0.4, "beta": 0.2, "gamma": 0.3, "seasonality": 12, "multiplicative": True}, 12)):
    worst = 0.0
    for i, (y, ours) in enumerate(zip(series, numbers(stream, "holt_winters", options))):
        if i >= first:
            worst = max(worst, abs(peer.forecast(1)[0] - ours))
        peer.learn_one(y)
    check(worst < 1e-9, f"Holt-Winters, {name}: {worst}")
    cursor.execute("""SELECT weir.predict_number(m, ARRAY[h::float8])
        FROM (SELECT weir.train('holt_winters', x, target, %s ORDER BY i) AS m FROM learn_other_rows WHERE stream = %s) s, generate_series(1, 30) h ORDER BY h""",
                   (json.dumps(options), stream))
    check(np.allclose([row[0] for row in cursor], peer.forecast(30), rtol=1e-9), f"Holt-Winters, {name}: thirty steps ahead")
# An additive season: statsmodels, begun with the same level, trend and season.
fit = ExponentialSmoothing(series[12:], trend="add", seasonal="add", seasonal_periods=12, initialization_method="known", initial_level=float(np.mean(series[:12])),
                           initial_trend=float((series[11] - series[0]) / 11), initial_seasonal=series[:12] - np.mean(series[:12])).fit(
    smoothing_level=0.4, smoothing_trend=0.2, smoothing_seasonal=0.3, optimized=False)
ours = numbers(stream, "holt_winters", {"alpha": 0.4, "beta": 0.2, "gamma": 0.3, "seasonality": 12})
check(np.allclose(ours[12:], fit.fittedvalues, rtol=1e-9), "Holt-Winters, additive season")

# ---- intervals: the quantile of the last errors ----

n = 600
rows = random.normal(0, 1, (n, 2))
targets = rows @ [2.0, -1.0] + random.normal(0, 1, n)
stream = store(rows, targets)
options = {"intervals": 100}
said = numbers(stream, "linear_regression", {})
cursor.execute("""SELECT weir.predict_number(m, x), (weir.predict_interval(m, x, 0.8)).* FROM learn_other_rows,
    (SELECT weir.train('linear_regression', x, target, %s ORDER BY i) AS m FROM learn_other_rows WHERE stream = %s AND i < 500) s WHERE stream = %s AND i >= 500 ORDER BY i""",
               (json.dumps(options), stream, stream))
errors = np.sort(np.abs(said - targets)[400:500])
width = errors[math.ceil(0.8 * 101) - 1]
good = all(math.isclose(low, number - width, rel_tol=1e-9, abs_tol=1e-9) and math.isclose(high, number + width, rel_tol=1e-9, abs_tol=1e-9) for number, low, high in cursor)
check(good, "intervals are quantiles of the last hundred errors")

sys.exit(result())
