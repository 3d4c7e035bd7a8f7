"""Figures of the learners beyond those of learners.py: rows per second beside River when each row is asked about before it is learned; and what a budget of memory costs."""
import csv
import os
import subprocess
import tempfile
import time

import numpy as np

from learners import compiled, stream, thousands

MEMORY_ROWS = int(os.environ.get('BENCH_MEMORY_ROWS', 1_000_000))
BUDGET = 1_000_000


def river_models():
    """Of each learner River's, with the settings that it has here, how many rows it is given, and what the last column is to it."""
    from river import anomaly, cluster, ensemble, forest, linear_model, naive_bayes, neighbors, optim, preprocessing, tree
    scaled = preprocessing.StandardScaler
    window = neighbors.LazySearch(window_size=1000)
    return {
        'softmax_regression': (lambda: scaled() | linear_model.SoftmaxRegression(optim.SGD(0.01)), 5000, 'class'),
        'linear_regression': (lambda: scaled() | linear_model.LinearRegression(optim.SGD(0.01)), 5000, 'number'),
        'gaussian_naive_bayes': (naive_bayes.GaussianNB, 3000, 'class'),
        'bernoulli_naive_bayes': (naive_bayes.BernoulliNB, 3000, 'class'),
        'multinomial_naive_bayes': (naive_bayes.MultinomialNB, 3000, 'class'),
        'extremely_fast_decision_tree': (lambda: tree.ExtremelyFastDecisionTreeClassifier(grace_period=100, min_samples_reevaluate=200), 2000, 'class'),
        'hoeffding_adaptive_tree': (lambda: tree.HoeffdingAdaptiveTreeClassifier(seed=1), 2000, 'class'),
        'online_bagging': (lambda: ensemble.BaggingClassifier(tree.HoeffdingTreeClassifier(), seed=1), 1000, 'class'),
        'adwin_bagging': (lambda: ensemble.ADWINBaggingClassifier(tree.HoeffdingTreeClassifier(), seed=1), 1000, 'class'),
        'leveraging_bagging': (lambda: ensemble.LeveragingBaggingClassifier(tree.HoeffdingTreeClassifier(grace_period=50, delta=0.01), seed=1), 500, 'class'),
        'streaming_random_patches': (lambda: ensemble.SRPClassifier(n_models=10, seed=1), 500, 'class'),
        'nearest_neighbors': (lambda: scaled() | neighbors.KNNClassifier(n_neighbors=5, engine=window), 1500, 'class'),
        'nearest_neighbors_regression': (lambda: scaled() | neighbors.KNNRegressor(n_neighbors=5, engine=window), 1500, 'number'),
        'hoeffding_tree_regression': (tree.HoeffdingTreeRegressor, 2000, 'number'),
        'hoeffding_adaptive_tree_regression': (lambda: tree.HoeffdingAdaptiveTreeRegressor(seed=1), 2000, 'number'),
        'adaptive_random_forest_regression': (lambda: forest.ARFRegressor(seed=1), 500, 'number'),
        'online_bagging_regression': (lambda: ensemble.BaggingRegressor(tree.HoeffdingTreeRegressor(), seed=1), 500, 'number'),
        'streaming_random_patches_regression': (lambda: ensemble.SRPRegressor(seed=1), 300, 'number'),
        'k_means': (lambda: scaled() | cluster.KMeans(n_clusters=5, seed=1), 5000, 'nothing'),
        'half_space_trees': (lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1), 2000, 'nothing'),
    }


def river_rate(make, rows, targets, kind):
    """Rows per second, asked before it learns."""
    model = make()
    ask = model.score_one if hasattr(model, 'score_one') and kind == 'nothing' and not hasattr(model[-1], 'centers') else model.predict_one
    start = time.perf_counter()
    for row, target in zip(rows, targets):
        ask(row)
        if kind == 'nothing':
            model.learn_one(row)
        else:
            model.learn_one(row, target)
    return len(rows) / (time.perf_counter() - start)


def beside_river(row, folder):
    program = compiled(folder)
    for learner, (make, n, kind) in river_models().items():
        x, y = stream(n)
        # Naive Bayes of counts wants none below 0.
        x = np.abs(x) if learner == 'multinomial_naive_bayes' else x
        targets = x[:, 0] * 3 + y if kind == 'number' else y
        path = os.path.join(folder, 'rows.csv')
        with open(path, 'w', newline='', encoding='ascii') as file:
            csv.writer(file, lineterminator='\n').writerows(np.column_stack([x, targets]).tolist())
        ours = float(subprocess.run([program, learner, path, str(n)], capture_output=True, text=True, check=True).stdout)
        theirs = river_rate(make, [dict(enumerate(values)) for values in x.tolist()], targets.tolist(), kind)
        row(f'{learner}, plain C / River, {n:,} rows asked about and learned', thousands(ours), thousands(theirs), f'{ours / theirs:,.1f} ×')


def memory(row, folder):
    program = compiled(folder, 'memory_budget')
    for learner in ('hoeffding_tree', 'extremely_fast_decision_tree', 'hoeffding_adaptive_tree', 'hoeffding_tree_regression', 'hoeffding_adaptive_tree_regression',
                    'online_bagging', 'adwin_bagging', 'leveraging_bagging', 'adaptive_random_forest', 'streaming_random_patches', 'adaptive_random_forest_regression',
                    'streaming_random_patches_regression', 'nearest_neighbors', 'nearest_neighbors_regression'):
        said = [subprocess.run([program, learner, str(MEMORY_ROWS), str(budget)], capture_output=True, text=True, check=True).stdout.split() for budget in (BUDGET, 4e9)]
        (held, good), (free_held, free_good) = [(int(words[0]), float(words[1])) for words in said]
        row(f'{learner}, most bytes held over {MEMORY_ROWS:,} rows, with max_memory of {BUDGET:,} / without', f'{held:,}', f'{free_held:,}', f'{held / free_held:.2f}',
            f'{"R²" if "regression" in learner else "accuracy"} {good:.4f}, without {free_good:.4f}')


def peers(_, row):
    with tempfile.TemporaryDirectory() as folder:
        beside_river(row, folder)
        memory(row, folder)
