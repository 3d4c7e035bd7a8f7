"""Figures of the change detectors: time per value beside River, and how soon and how often wrongly each raises an alarm."""
import os
import statistics
import time

import numpy as np

RUNS = int(os.environ.get('BENCH_RUNS', 100))
VALUES = int(os.environ.get('BENCH_VALUES', 500_000))


# ---- speed ----

def river_detectors():
    """What River has, with its own defaults; nothing where it is not installed."""
    try:
        from river import drift
    except ImportError:
        return {}
    binary = drift.binary
    return {'adwin': drift.ADWIN, 'page_hinkley': drift.PageHinkley, 'ddm': binary.DDM, 'eddm': binary.EDDM, 'hddm_a': binary.HDDMA, 'hddm_w': binary.HDDMW,
            'fhddm': binary.FHDDM, 'fhddms': lambda: binary.FHDDM(short_window_size=25), 'kswin': lambda: drift.KSWIN(seed=1)}


def river_seconds(make, values):
    """Per value: a loop over update, as River's documentation has it."""
    detector = make()
    start = time.perf_counter()
    for x in values:
        detector.update(x)
    return (time.perf_counter() - start) / len(values)


def seconds(cursor, statement, n):
    start = time.perf_counter()
    cursor.execute(statement)
    cursor.fetchall()
    return (time.perf_counter() - start) / n


def nanoseconds(value):
    return f'{value * 1e9:,.0f} ns'


def speed(cursor, row, rounds):
    random = np.random.default_rng(1)
    values = (random.random(VALUES) < 0.2).astype(float)
    cursor.execute('CREATE TABLE bench_errors (i int, x float8)')
    with cursor.copy('COPY bench_errors FROM STDIN') as copy:
        for i, x in enumerate(values):
            copy.write_row((i, x))
    cursor.execute('CREATE TABLE bench_error_array (x float8[])')
    cursor.execute('ALTER TABLE bench_error_array ALTER COLUMN x SET STORAGE EXTERNAL')
    cursor.execute('INSERT INTO bench_error_array SELECT array_agg(x ORDER BY i) AS x FROM bench_errors')
    cursor.execute('VACUUM ANALYZE bench_errors')
    cursor.execute('SELECT detector FROM weir.detectors')
    peers = river_detectors()
    plain = values.tolist()
    for (name,) in cursor.fetchall():
        few = plain[:2000] if name == 'kswin' else plain[:200_000]
        forms = {'`detections(x)` over rows': f"SELECT weir.detections(x, '{name}') FROM bench_errors",
                 '`detections(array)`': f"SELECT weir.detections(x, '{name}') FROM bench_error_array"}
        if name == 'adwin':
            forms['`detect(x) OVER (ORDER BY i)`'] = f"SELECT count(*) FILTER (WHERE s = 'drift') FROM (SELECT weir.detect(x, '{name}') OVER (ORDER BY i) AS s FROM bench_errors) s"
        for form, statement in forms.items():
            times = []
            for _ in range(rounds):
                ours = seconds(cursor, statement, VALUES)
                times.append((ours, river_seconds(peers[name], few) if name in peers else float('nan')))
            ours = statistics.median(a for a, _ in times)
            theirs = statistics.median(b for _, b in times)
            ratio = statistics.median(b / a for a, b in times)
            row(f'{name}, {form} / River, per value', nanoseconds(ours), nanoseconds(theirs) if name in peers else '', f'{ratio:,.0f} ×' if name in peers else '',
                'rates: how many times River\'s' if name in peers else 'not in River')


# ---- alarms ----

BEFORE = 10_000
AFTER = 3_000
RAMP = 1_000


def share_at(random, name, scenario):
    """BEFORE errors at the first share, then AFTER at the second, at once or over RAMP values."""
    first, second, ramp = scenario
    rise = np.minimum(1, np.arange(1, AFTER + 1) / ramp)
    chance = np.concatenate([np.full(BEFORE, first), first + (second - first) * rise])
    return (random.random(BEFORE + AFTER) < chance).astype(float)


SCENARIOS = {'0.2 → 0.4': (0.2, 0.4, 1), '0.2 → 0.6': (0.2, 0.6, 1), f'0.2 → 0.4 over {RAMP:,}': (0.2, 0.4, RAMP), '0.4 → 0.2 (improvement)': (0.4, 0.2, 1)}


def delays(cursor):
    """A Markdown table: false alarms per 10,000 values before the change; after it, the median delay and how many runs saw it."""
    cursor.execute('SELECT detector FROM weir.detectors')
    names = [name for (name,) in cursor.fetchall()]
    print(f'{RUNS} runs each: {BEFORE:,} errors at the first share, then {AFTER:,} at the second; false alarms per 10,000 before the change at 0.2, and, after '
          'it, median delay of the first alarm (share of runs with one).\n')
    print('| detector | false alarms per 10,000 | ' + ' | '.join(SCENARIOS) + ' |\n| --- | ---: |' + ' ---: |' * len(SCENARIOS))
    for name in names:
        cells, false = [], []
        for number, scenario in enumerate(SCENARIOS.values()):
            found = []
            for run in range(RUNS):
                stream = share_at(np.random.default_rng([number, run]), name, scenario)
                cursor.execute('SELECT weir.detections(%s::float8[], %s)', (stream.tolist(), name))
                alarms = cursor.fetchone()[0]
                if scenario[0] == 0.2:
                    false.append(sum(alarm < BEFORE for alarm in alarms) / BEFORE * 10_000)
                after = [alarm - BEFORE for alarm in alarms if alarm >= BEFORE]
                if after:
                    found.append(after[0])
            cells.append(f'{statistics.median(found):,.0f} ({len(found) / RUNS:.0%})' if found else 'none (0%)')
        print(f'| `{name}` | {statistics.mean(false):.2f} | ' + ' | '.join(cells) + ' |', flush=True)
