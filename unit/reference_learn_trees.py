"""Compares weir's regression trees and the extremely fast decision tree with River: row by row where conventions agree, else how far off they are.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name. Prints "N passed, N failed"; the exit status is 1 when something
failed. REFERENCE_SEED repeats a run. The data of the market is read from WEIR_DATA.
"""
import csv
import gzip
import math
import os
import sys

import numpy as np
import psycopg
from river import ensemble, forest, linear_model, optim, tree
from river.datasets import synth
from river.stats import Var
from river.tree.nodes.htr_nodes import LeafMean
from river.tree.nodes.leaf import HTLeaf
from river.tree.splitter import EBSTSplitter

from checks import check, random, finish
from learner_streams import Streams

connection = psycopg.connect("", autocommit=True)
cursor = connection.cursor()
cursor.execute("SET search_path = public, weir")
streams = Streams(cursor, "learn_tree_rows")
store, tested = streams.store, streams.tested


def named(x):
    return {f"x{i + 1}": float(v) for i, v in enumerate(x)}


def peer_numbers(model, rows, targets):
    said = []
    for x, y in zip(rows, targets):
        x = named(x)
        said.append(model.predict_one(x))
        model.learn_one(x, float(y))
    return np.array(said)


def numbers(stream, learner, options):
    return np.array([math.nan if v is None else float(v) for v in tested(stream, learner, options)])


class Observed(EBSTSplitter):
    """Splits what the leaf has observed. River takes the right child for all that is not in the left one, with the targets that the leaf
    began with, of which no feature was seen."""

    def __init__(self):
        super().__init__()
        self.all = Var()

    def update(self, att_val, target_val, w):
        super().update(att_val, target_val, w)
        self.all.update(target_val, w)

    def best_evaluated_split_suggestion(self, criterion, pre_split_dist, att_idx, binary_only=True):
        return super().best_evaluated_split_suggestion(criterion, self.all, att_idx, binary_only)


# River forgets candidates after an attempt that failed, and then counts what comes back as new; here they are kept.
LeafMean.manage_memory = lambda *_: None

# ---- the same tree, row by row: few distinct values, so that each is a bin of its own ----

for round_number in range(3):
    n = 4000
    rows = random.integers(0, 12, (n, 4)).astype(float)
    targets = np.where(rows[:, 0] > 5, 10.0, 0.0) + np.where(rows[:, 1] > 3, 4.0, 0.0) * (rows[:, 0] > 5) + rows[:, 2] + random.normal(0, 1, n)
    stream = store(rows, targets)
    for leaf in ("mean", "model"):
        model = tree.HoeffdingTreeRegressor(grace_period=100, splitter=Observed(), leaf_prediction=leaf, leaf_model=linear_model.LinearRegression(optim.SGD(0.001), intercept_lr=0.001))
        theirs = peer_numbers(model, rows, targets)
        ours = numbers(stream, "hoeffding_tree_regression", {"grace_period": 100, "leaf_prediction": leaf, "learning_rate": 0.001, "scale": False})
        check(model.n_nodes > 5, f"River's tree has {model.n_nodes} nodes")
        worst = float(np.max(np.abs(ours[1:] - theirs[1:])))
        check(worst < 1e-7, f"regression tree, {leaf}: {worst}")

# ---- how far off: on the market the demand, and the price, from the rest; on Friedman's numbers ----

with gzip.open(os.path.join(os.environ["WEIR_DATA"], "elec2.csv.gz"), "rt") as file:
    market = [[float(v) for v in row[:8]] + [row[8] == "1"] for row in list(csv.reader(file))[1:]]
some = market[5000:8000]
LEARNERS = (("hoeffding_tree_regression", lambda: tree.HoeffdingTreeRegressor(splitter=EBSTSplitter())),
            ("hoeffding_adaptive_tree_regression", lambda: tree.HoeffdingAdaptiveTreeRegressor(seed=1)),
            ("adaptive_random_forest_regression", lambda: forest.ARFRegressor(seed=1)),
            ("online_bagging_regression", lambda: ensemble.BaggingRegressor(tree.HoeffdingTreeRegressor(splitter=EBSTSplitter()), seed=1)),
            ("streaming_random_patches_regression", lambda: ensemble.SRPRegressor(tree.HoeffdingTreeRegressor(grace_period=50, delta=0.01, splitter=Observed()), seed=1)))
ratios = {learner: [] for learner, _ in LEARNERS}
friedman = list(synth.Friedman(seed=3).take(2000))
for name, rows, targets in (*((name, [row[:target] + row[target + 1:8] for row in some], [row[target] for row in some]) for name, target in (("demand", 4), ("price", 3))),
                            ("Friedman", [list(x.values()) for x, _ in friedman], [y for _, y in friedman])):
    targets = np.array(targets)
    stream = store(rows, targets)
    for learner, model in LEARNERS:
        theirs = float(np.mean(np.abs(peer_numbers(model(), rows, targets) - targets)[1:]))
        ours = float(np.mean(np.abs(numbers(stream, learner, {}) - targets)[1:]))
        ratios[learner].append(ours / theirs)
        print(f"# {name}, mean absolute error, tested then trained: {learner} {ours:.4f}, River {theirs:.4f}")
for learner, both in ratios.items():
    check(math.prod(both) ** (1 / len(both)) <= 1.05, f"{learner}: errors of River's are {both} times as large")

# ---- the extremely fast decision tree: the same tree, row by row ----


class Reconsidering(tree.ExtremelyFastDecisionTreeClassifier):
    """River reconsiders a split at every row once it has been due, and never splits a leaf again in which one class was nearly alone."""

    def _reevaluate_best_split(self, node, *arguments, **named_arguments):
        node.last_split_reevaluation_at = node.total_weight
        return super()._reevaluate_best_split(node, *arguments, **named_arguments)


HTLeaf.deactivate = lambda _: None
rows = [row[:8] for row in market[:6000]]
labels = [row[8] for row in market[:6000]]
stream = store(rows, labels)
for tie_threshold in (0, 0.05):
    model = Reconsidering(grace_period=100, min_samples_reevaluate=200, tau=tie_threshold, leaf_prediction="mc")
    said = []
    for x, y in zip(rows, labels):
        said.append(model.predict_one(named(x)))
        model.learn_one(named(x), y)
    ours = tested(stream, "extremely_fast_decision_tree", {"leaf_prediction": "majority", "tie_threshold": tie_threshold}, "label")
    different = sum(str(a) != b for a, b in list(zip(said, ours))[1:])
    check(model.n_nodes > 5 and different == 0, f"extremely fast decision tree: {different} of 6000 rows are told otherwise, {model.n_nodes} nodes")

sys.exit(finish())
