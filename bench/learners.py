"""Figures of the learners: rows per second beside River and MOA, in plain C and through SQL, on a stream of 30 numbers and 5 classes."""
import csv
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

TOP = pathlib.Path(__file__).resolve().parent.parent
ROWS = int(os.environ.get('BENCH_LEARNER_ROWS', 100_000))
RIVER_ROWS = {'hoeffding_tree': 10_000, 'adaptive_random_forest': 1_000}
# A directory with moa, sizeofag, commons-math3 and weka-dev (jars, as Maven Central has them); without it MOA is left out.
JARS = os.environ.get('BENCH_MOA', '')
MOA = {'hoeffding_tree': 'trees.HoeffdingTree', 'adaptive_random_forest': 'meta.AdaptiveRandomForest -s 10'}


def stream(n, seed=7):
    """Fifty balls of points, each of one of five classes."""
    random = np.random.default_rng(seed)
    centres, classes, radius = random.random((50, 30)), random.integers(0, 5, 50), random.random(50)
    weights = random.random(50)
    ball = random.choice(50, n, p=weights / weights.sum())
    direction = random.normal(size=(n, 30))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    return centres[ball] + direction * (random.normal(size=n) * radius[ball])[:, None], classes[ball]


def river_rate(learner, x, y):
    """Rows per second of test-then-train, as River's documentation has it."""
    from river import forest, tree
    model = {'hoeffding_tree': tree.HoeffdingTreeClassifier, 'adaptive_random_forest': lambda: forest.ARFClassifier(seed=1)}[learner]()
    n = RIVER_ROWS[learner]
    rows = [dict(enumerate(row)) for row in x[:n].tolist()]
    start = time.perf_counter()
    for row, label in zip(rows, y[:n].tolist()):
        model.learn_one(row, label)
    return n / (time.perf_counter() - start)


def moa_rate(learner, path):
    """Rows per second of MOA; None where it, or Java, cannot be had."""
    jars = sorted(str(jar) for jar in pathlib.Path(JARS).glob('*.jar')) if JARS else []
    agent = [jar for jar in jars if 'sizeofag' in jar]
    if not agent:
        return None
    try:
        out = subprocess.run(['java', f'-javaagent:{agent[0]}', '-cp', ':'.join(jars), str(TOP / 'bench' / 'learners' / 'MoaPeer.java'), MOA[learner],
                              path], capture_output=True, text=True, check=True, timeout=900)
        return float(out.stdout.split()[-2])
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def plain_rates(learner, path, program):
    """Rows per second outside a server: learning, asking."""
    out = subprocess.run([program, learner, path], capture_output=True, text=True, check=True)
    return [float(word) for word in out.stdout.split()]


def compiled(folder, name='plain_learner'):
    sources = subprocess.run(['sh', '-c', "grep -L '#include \"postgres.h\"' src/*/*.c"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
    program = os.path.join(folder, name)
    subprocess.run(['gcc', '-std=gnu11', '-O2', '-ffp-contract=off', '-w', '-Isrc', '-o', program, f'bench/learners/{name}.c', *sources, '-lm'], cwd=TOP, check=True)
    return program


def sql_rate(cursor, statement, rounds=3):
    rates = []
    for _ in range(rounds):
        start = time.perf_counter()
        cursor.execute(statement)
        cursor.fetchall()
        rates.append(ROWS / (time.perf_counter() - start))
    return statistics.median(rates)


def thousands(rate):
    return '' if rate is None else f'{rate / 1000:,.1f} k/s'


def speed(cursor, row):
    x, y = stream(ROWS)
    cursor.execute('CREATE TABLE bench_learn (i int PRIMARY KEY, x float8[], label int)')
    with cursor.copy('COPY bench_learn FROM STDIN') as copy:
        for i, (values, label) in enumerate(zip(x.tolist(), y.tolist())):
            copy.write_row((i, values, label))
    cursor.execute('VACUUM ANALYZE bench_learn')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'rows.csv')
        with open(path, 'w', newline='', encoding='ascii') as file:
            csv.writer(file, lineterminator='\n').writerows(np.column_stack([x, y]).tolist())
        program = compiled(folder)
        for learner, goal in (('hoeffding_tree', '≥ 15 ×'), ('adaptive_random_forest', '≥ 15 ×')):
            plain = plain_rates(learner, path, program)[0]
            through = sql_rate(cursor, f"SELECT length(weir.train('{learner}', x, label ORDER BY i)::text) FROM bench_learn", 3 if learner == 'hoeffding_tree' else 1)
            river, moa = river_rate(learner, x, y), moa_rate(learner, path)
            row(f'{learner}, plain C / River, rows learned', thousands(plain), thousands(river), f'{plain / river:,.1f} ×', goal)
            row(f'{learner}, SQL / River', thousands(through), thousands(river), f'{through / river:,.1f} ×', '')
            row(f'{learner}, plain C / MOA', thousands(plain), thousands(moa), f'{plain / moa:,.1f} ×' if moa else '', '≥ 1.5 ×' if moa else 'BENCH_MOA names no jars')
        for learner, goal in (('hoeffding_tree', 500_000), ('softmax_regression', 1_000_000)):
            asking = plain_rates(learner, path, program)[1]
            cursor.execute(f"DROP TABLE IF EXISTS bench_model; CREATE TABLE bench_model AS SELECT weir.train('{learner}', x, label ORDER BY i) AS model FROM bench_learn")
            through = sql_rate(cursor, 'SELECT count(weir.predict((SELECT model FROM bench_model), x)) FROM bench_learn')
            row(f'{learner}, predictions, plain C / SQL', thousands(asking), thousands(through), f'{asking / through:,.1f} ×', f'≥ {goal:,} rows/s in plain C')

