"""Compares weir's change detectors with River, row by row, and those that River lacks with the papers' definitions in plain Python.

Connects to the server that PGHOST, PGPORT, PGUSER and PGDATABASE name. Prints "N passed, N failed"; the exit status is 1 when something
failed. REFERENCE_SEED repeats a run. Streams have several changes, so that what happens after the first one is compared too.
"""
import bisect
import json
import math
import random as python_random
import sys

import numpy as np
import psycopg
from river import drift
from river._river_rust.drift import AdaptiveWindowing
from scipy import stats

from checks import check, random, finish


# ---- streams ----

def pieces(make, choices):
    return np.concatenate([make(choice, int(random.integers(150, 900))) for choice in random.choice(choices, 6)])


def errors():
    return pieces(lambda p, n: (random.random(n) < p).astype(float), [0, 0.02, 0.1, 0.2, 0.4, 0.7, 0.95])


def numbers():
    scale, offset = float(random.choice([1, 1e-6, 1e5])), float(random.choice([0, 0, 1000]))
    return offset + scale * pieces(lambda mean, n: random.normal(mean, 1, n), [0, 0.3, 1, -2, 5])


def plain_numbers():
    return pieces(lambda mean, n: random.normal(mean, 1, n), [0, 0.3, 1, -2, 5])


def waves():
    """Errors that become many, and few again, three times."""
    return np.concatenate([(random.random(int(random.integers(200, 300))) < p).astype(float) for p in [0.1, 0.8] * 3 + [0.1]])


def steps():
    return np.concatenate([random.normal(mean, 1, int(random.integers(100, 150))) for mean in (0, 5, -1, 6, 0)])


def shares():
    return pieces(lambda b, n: random.beta(2, b, n), [1, 2, 5, 9])


# ---- what River says ----

class Adaptive:
    """ADWIN as River computes it, but without forgetting the newer part of the window after a change."""

    def __init__(self, **options):
        self.window = AdaptiveWindowing(**{"delta": 0.002, "clock": 32, "max_buckets": 5, "min_window_length": 5, "grace_period": 10, **options})
        self.drift_detected = False

    def update(self, x):
        self.drift_detected = self.window.update(x)


def signals_of(detector, stream):
    found = []
    for x in stream:
        detector.update(x)
        found.append("drift" if detector.drift_detected else "warning" if getattr(detector, "warning_detected", False) else "stable")
    return found


binary = drift.binary
RIVER = [
    ("adwin", {"variant": "river"}, lambda: drift.ADWIN(), [numbers, waves, shares]),
    ("adwin", {"variant": "river", "delta": 0.1, "clock": 7, "max_buckets": 2}, lambda: drift.ADWIN(delta=0.1, clock=7, max_buckets=2), [numbers, waves]),
    ("adwin", {}, Adaptive, [numbers, waves, shares]),
    ("adwin", {"delta": 0.05, "clock": 1, "max_buckets": 3, "min_window": 2, "min_n": 5},
     lambda: Adaptive(delta=0.05, clock=1, max_buckets=3, min_window_length=2, grace_period=5), [numbers, waves]),
    ("page_hinkley", {}, lambda: drift.PageHinkley(), [plain_numbers, waves]),
    ("page_hinkley", {"mode": "up", "threshold": 5, "min_n": 10}, lambda: drift.PageHinkley(mode="up", threshold=5, min_instances=10), [plain_numbers, waves]),
    ("page_hinkley", {"mode": "down", "threshold": 10, "delta": 0.05, "alpha": 1},
     lambda: drift.PageHinkley(mode="down", threshold=10, delta=0.05, alpha=1.0), [plain_numbers, waves]),
    ("ddm", {}, lambda: binary.DDM(), [errors, waves]),
    ("ddm", {"min_n": 5, "warning_level": 1, "drift_level": 1.5}, lambda: binary.DDM(warm_start=5, warning_threshold=1, drift_threshold=1.5), [errors, waves]),
    ("eddm", {}, lambda: binary.EDDM(), [errors, waves]),
    ("eddm", {"min_n": 10, "warning_level": 0.8, "drift_level": 0.75}, lambda: binary.EDDM(warm_start=10, alpha=0.8, beta=0.75), [errors, waves]),
    ("hddm_a", {}, lambda: binary.HDDMA(), [errors, waves, shares]),
    ("hddm_a", {"two_sided": True, "drift_confidence": 0.01, "warning_confidence": 0.05},
     lambda: binary.HDDMA(drift_confidence=0.01, warning_confidence=0.05, two_sided_test=True), [errors, waves, shares]),
    ("hddm_w", {"variant": "river"}, lambda: binary.HDDMW(), [errors, waves, shares]),
    ("hddm_w", {"variant": "river", "two_sided": True, "lambda": 0.1}, lambda: binary.HDDMW(lambda_val=0.1, two_sided_test=True), [errors, waves, shares]),
    ("fhddm", {"variant": "river"}, lambda: binary.FHDDM(), [errors, waves]),
    ("fhddms", {"variant": "river", "short_window_size": 20, "delta": 0.001}, lambda: binary.FHDDM(short_window_size=20, confidence_level=0.001), [errors, waves]),
    ("kswin", {"variant": "river", "seed": 7, "alpha": 0.01, "window_size": 60, "stat_size": 20},
     lambda: drift.KSWIN(alpha=0.01, window_size=60, stat_size=20, seed=7), [lambda: plain_numbers()[:1200], steps]),
    ("kswin", {"variant": "river", "seed": 3, "alpha": 0.001, "window_size": 700, "stat_size": 10},
     lambda: drift.KSWIN(alpha=0.001, window_size=700, stat_size=10, seed=3), [lambda: plain_numbers()[:1500]]),
]


# ---- the papers, in plain Python: each takes the stream and yields 0 (stable), 1 (warning), 2 (drift) ----

def judge(value, warning, alert):
    return 2 if value > alert else 1 if value > warning else 0


def baseline_of(stream, start, min_n, mean, stddev):
    """Mean, standard deviation and where it is known: from min_n values on, and two that differ."""
    if mean is not None:
        return mean, stddev, start
    n = max(min_n, 2)
    while start + n <= len(stream) and len(set(stream[start:start + n])) == 1:
        n += 1
    values = stream[start:start + n]
    return (np.mean(values), np.std(values, ddof=1) if len(values) > 1 else 1.0, start + n)


def charted(make):
    """A detector on standardised values that begins again after a drift; make(options) gives a function of z."""
    def run(stream, options):
        signals, start = [], 0
        while start < len(stream):
            mean, stddev, known = baseline_of(stream, start, options["min_n"], options["mean"], options["stddev"])
            signals += [0] * (min(known, len(stream)) - start)
            step = make(options)
            start = len(stream)
            for i in range(known, len(stream)):
                signals.append(step((stream[i] - mean) / stddev))
                if signals[-1] == 2:
                    start = i + 1
                    break
        return signals
    return run


def sided(value, mode):
    return abs(value) if mode == "both" else value if mode == "up" else -value


def make_cusum(o):
    state = [0.0, 0.0]

    def step(z):
        state[0] = max(0.0, state[0] + z - o["allowance"])
        state[1] = max(0.0, state[1] - z - o["allowance"])
        shown = max(state) if o["mode"] == "both" else state[0 if o["mode"] == "up" else 1]
        return 2 if shown > o["threshold"] else 0
    return step


def make_shewhart(o):
    return lambda z: judge(sided(z, o["mode"]), o["warning_level"], o["drift_level"])


def make_ewma(o):
    state, weight = [0.0, 0], o["lambda"]

    def step(z):
        state[0] = (1 - weight) * state[0] + weight * z
        state[1] += 1
        sigma = math.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * state[1])))
        return judge(sided(state[0], o["mode"]) / sigma, o["warning_level"], o["drift_level"])
    return step


def make_glr(o):
    seen = []

    def step(z):
        seen.append(z)
        sums = np.cumsum(seen[::-1][:o["window_size"]])
        ratios = sums**2 / (2 * np.arange(1, len(sums) + 1))
        if o["mode"] != "both":
            ratios = ratios[sums > 0] if o["mode"] == "up" else ratios[sums < 0]
        return 2 if len(ratios) and ratios.max() > o["threshold"] else 0
    return step


def make_bocd(o):
    """The recursion of the paper on probabilities by run length, capped; the density is scipy's Student t."""
    probability = np.array([1.0])
    history = []

    def step(z):
        nonlocal probability
        longest = o["max_run_length"]
        density = np.empty(len(probability))
        for length in range(len(probability)):
            run = np.array(history[len(history) - length:]) if length else np.array([])
            kappa, alpha = o["prior_kappa"] + length, o["prior_alpha"] + length / 2
            mean = run.sum() / kappa
            beta = o["prior_alpha"]
            if length:
                center = run.mean()
                beta += 0.5 * ((run - center) ** 2).sum() + o["prior_kappa"] * length * center**2 / (2 * kappa)
            density[length] = stats.t.pdf(z, 2 * alpha, mean, math.sqrt(beta * (kappa + 1) / (alpha * kappa)))
        joint = probability * density
        grown = np.concatenate([[joint.sum() / o["hazard"]], joint * (1 - 1 / o["hazard"])])
        if len(grown) > longest + 1:
            grown[longest] += grown[longest + 1]
            grown = grown[:longest + 1]
        probability = grown / grown.sum()
        history.append(z)
        if len(history) <= 2 * o["lag"]:
            return 0
        return judge(probability[:o["lag"] + 1].sum(), o["warning_probability"], o["drift_probability"])
    return step


def restarting(make):
    """A detector of raw values that begins again after a drift."""
    def run(stream, options):
        signals, step = [], make(options)
        for x in stream:
            signals.append(step(x))
            if signals[-1] == 2:
                step = make(options)
        return signals
    return run


LIMITS = {100: (2.76, -6.23, 18.12, -312.45, 1002.18), 400: (3.97, -6.56, 48.73, -330.13, 848.18), 1000: (1.17, 7.56, -21.24, 112.12, -987.23)}


def make_ecdd(o):
    seen, z = [], [0.0]

    def step(x):
        seen.append(x)
        weight, n = o["lambda"], len(seen)
        z[0] = (1 - weight) * z[0] + weight * x
        if n < o["min_n"]:
            return 0
        p = sum(seen) / n
        limit = sum(c * p**power for c, power in zip(LIMITS[o["average_run_length"]], (0, 1, 3, 5, 7)))
        sigma = math.sqrt(p * (1 - p) * weight / (2 - weight) * (1 - (1 - weight) ** (2 * n)))
        return judge(z[0], p + o["warning_share"] * limit * sigma, p + limit * sigma)
    return step


def make_stepd(o):
    seen = []

    def step(x):
        seen.append(x)
        w = o["window_size"]
        older, recent = seen[:-w], seen[-w:]
        p = np.mean(seen)
        if len(older) < w or p in (0, 1):
            return 0
        difference = np.mean(recent) - np.mean(older)
        if difference < 0 and not o["two_sided"]:
            return 0
        reciprocals = 1 / len(older) + 1 / w
        z = (abs(difference) - reciprocals / 2) / math.sqrt(p * (1 - p) * reciprocals)
        return judge(-2 * stats.norm.sf(max(z, 0)), -o["warning_alpha"], -o["drift_alpha"])
    return step


def make_wstd(o):
    seen = []

    def step(x):
        seen.append(x)
        w = o["window_size"]
        older, recent = seen[:-w][-o["max_older"]:], seen[-w:]
        if len(older) < w or len(set(older + recent)) == 1 or (np.mean(recent) < np.mean(older) and not o["two_sided"]):
            return 0
        p = stats.mannwhitneyu(recent, older, use_continuity=False, method="asymptotic").pvalue
        return judge(-p, -o["warning_alpha"], -o["drift_alpha"])
    return step


def make_mddm(weight):
    def make(o):
        n = o["window_size"]
        weights = np.array([weight(i, o) for i in range(1, n + 1)])
        weights = weights / weights.sum()
        bounds = [math.sqrt((weights**2).sum() / 2 * math.log(1 / o[name])) for name in ("warning_delta", "delta")]
        seen, greatest = [], [0.0]

        def step(x):
            seen.append(1 - x)
            if len(seen) < n:
                return 0
            share = float(np.dot(weights, seen[-n:]))
            greatest[0] = max(greatest[0], share)
            return judge(greatest[0] - share, *bounds)
        return step
    return make


def make_hddm_w(o):
    """The first value has all the weight: River's detector, its bound put right there."""
    detector = binary.HDDMW(o["drift_confidence"], o["warning_confidence"], o["lambda"], o["two_sided"])

    class Info(type(detector._total)):
        def update(self, x):
            first = not self._is_init
            super().update(x)
            if first:
                self._ibc = 1.0
    for name in ("_total", "_s1_decr", "_s1_incr", "_s2_decr", "_s2_incr"):
        getattr(detector, name).__class__ = Info
    import river.drift.binary.hddm_w as module

    def step(x):
        original, module.SampleInfo = module.SampleInfo, Info
        try:
            detector.update(x)
        finally:
            module.SampleInfo = original
        return 2 if detector.drift_detected else 1 if detector.warning_detected else 0
    return step


def run_rddm(stream, o):
    signals = []
    stored, since_warning, warning_row = [], None, None     # since_warning: how many of those stored came since
    n, rate, least = 0, 1.0, (math.inf, math.inf)
    pending = None
    for row, x in enumerate(stream, 1):
        if pending:
            if since_warning is not None:
                stored = stored[-since_warning:]
            n, rate = 0, 1.0
            if pending == "renew":
                least = (math.inf, math.inf)
            for old in stored:
                n += 1
                rate += (old - rate) / n
                spread = math.sqrt(rate * (1 - rate) / n)
                if pending == "renew" and n > o["min_n"] and rate + spread < sum(least):
                    least = (rate, spread)
            since_warning = warning_row = pending = None
        stored.append(x)
        if since_warning is not None:
            since_warning += 1
        if len(stored) > o["min_stable"]:
            stored.pop(0)
            if since_warning is not None and since_warning > o["min_stable"]:
                since_warning = None
        n += 1
        rate += (x - rate) / n
        spread = math.sqrt(rate * (1 - rate) / n)
        if n + 1 <= o["min_n"]:
            signals.append(0)
            continue
        if rate + spread < sum(least):
            least = (rate, spread)
        if rate + spread > least[0] + o["drift_level"] * least[1]:
            pending = "renew"
            if warning_row is None:
                stored = [x]
            signals.append(2)
        elif rate + spread > least[0] + o["warning_level"] * least[1]:
            if warning_row is not None and warning_row + o["warning_limit"] <= row:
                pending, stored, since_warning, warning_row = "renew", [x], None, None
                signals.append(2)
            else:
                if warning_row is None:
                    warning_row, since_warning = row, 1
                signals.append(1)
        else:
            warning_row = since_warning = None
            if n + 1 > o["max_concept"]:
                pending = "shorten"
            signals.append(0)
    return signals


def run_kswin(stream, o):
    """After a drift the latest values stay, and the generator goes on."""
    signals, window, generator = [], [], python_random.Random(o["seed"])
    for x in stream:
        window = (window + [x])[-o["window_size"]:]
        if len(window) < o["window_size"]:
            signals.append(0)
            continue
        older = o["window_size"] - o["stat_size"]
        drawn = [window[i] for i in generator.sample(range(older), o["stat_size"])]
        test = stats.ks_2samp(drawn, window[older:], method="exact")
        signals.append(2 if test.pvalue <= o["alpha"] and test.statistic > o["min_distance"] else 0)
        if signals[-1] == 2:
            window = window[older:]
    return signals


def make_e_process(o):
    """For each cell of means the sum over starting times, stakes and sides, each product computed from its start."""
    cells, alpha = o["cells"], o["alpha"]
    uppers, lowers = np.arange(1, cells + 1) / cells, np.arange(cells) / cells
    stakes = np.array([1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2])
    products = []               # by starting time: its weight, and wealth by side, stake and cell
    live = np.ones(cells, bool)
    n = [0]

    def step(x):
        n[0] += 1
        y = (x - o["lower"]) / (o["upper"] - o["lower"])
        products.append([1 / (n[0] * (n[0] + 1)), np.ones((2, len(stakes), cells))])
        factors = np.stack([1 - stakes[:, None] + stakes[:, None] * y / uppers, 1 - stakes[:, None] + stakes[:, None] * (1 - y) / (1 - lowers)])
        wealth = np.full(cells, 1 - sum(weight for weight, _ in products))
        for item in products:
            item[1] = np.minimum(item[1] * factors, 1e200)
            wealth = wealth + item[0] * item[1].mean(axis=(0, 1))
        live[wealth >= 1 / alpha] = False
        return 0 if live.any() else 2
    return step


PAPERS = [
    ("cusum", charted(make_cusum), [{}, {"mode": "up", "threshold": 8}, {"mean": 0, "stddev": 1, "allowance": 1, "mode": "down"}], [plain_numbers, waves]),
    ("shewhart", charted(make_shewhart), [{}, {"mode": "down", "min_n": 100}, {"mean": 1, "stddev": 2}], [numbers, waves]),
    ("ewma", charted(make_ewma), [{}, {"mode": "up", "lambda": 0.3}, {"lambda": 1, "min_n": 5}, {"mean": 0, "stddev": 1}], [plain_numbers, waves]),
    ("glr", charted(make_glr), [{}, {"mode": "down", "threshold": 6, "window_size": 30}], [plain_numbers, waves]),
    ("bocd", charted(make_bocd), [{"max_run_length": 40, "lag": 12, "hazard": 60, "prior_kappa": 0.3, "prior_alpha": 2}], [steps]),
    ("ecdd", restarting(make_ecdd), [{}, {"average_run_length": 100, "warning_share": 0.7}, {"average_run_length": 1000, "lambda": 0.1}], [errors, waves]),
    ("stepd", restarting(make_stepd), [{}, {"two_sided": False, "window_size": 50}], [errors, waves]),
    ("wstd", restarting(make_wstd), [{}, {"two_sided": False, "max_older": 70}], [lambda: errors()[:2000], waves]),
    ("mddm_a", restarting(make_mddm(lambda i, o: 1 + (i - 1) * o["difference"])), [{}, {"difference": 1, "window_size": 30, "delta": 0.001, "warning_delta": 0.01}], [errors, waves]),
    ("mddm_e", restarting(make_mddm(lambda i, o: math.exp(o["lambda"] * i))), [{}, {"lambda": 0.2, "window_size": 40}], [errors, waves]),
    ("mddm_g", restarting(make_mddm(lambda i, o: o["ratio"] ** (i - 1))), [{}, {"ratio": 1.1, "delta": 0.001, "warning_delta": 0.01}], [errors, waves]),
    ("hddm_w", lambda stream, o: [step(x) for step in [make_hddm_w(o)] for x in stream], [{}, {"two_sided": True}], [errors, waves, shares]),
    ("rddm", run_rddm, [{}, {"min_n": 30, "min_stable": 100, "max_concept": 300, "warning_limit": 40}], [errors, waves]),
    ("kswin", run_kswin, [{"seed": 11}, {"seed": 5, "alpha": 0.02, "window_size": 50, "stat_size": 25}], [lambda: np.round(steps(), 1)]),
    ("e_process", restarting(make_e_process), [{"cells": 16, "alpha": 0.05}, {"lower": -1, "upper": 3, "cells": 8}], [lambda: shares()[:700], waves]),
]


# ---- what weir says ----

ROWS = """SELECT array_agg(signal ORDER BY place) FROM (
    SELECT place, weir.detect(x, %(detector)s, %(options)s) OVER (ORDER BY place) AS signal FROM unnest(%(stream)s::{type}[]) WITH ORDINALITY u (x, place)) s"""
POSITIONS = """SELECT weir.detections(%(stream)s::float8[], %(detector)s, %(options)s),
    (SELECT weir.detections(x, %(detector)s, %(options)s ORDER BY place) FROM unnest(%(stream)s::float8[]) WITH ORDINALITY u (x, place))"""
STATES = """SELECT weir.advance(weir.detector(%(detector)s, %(options)s), %(stream)s::float8[])::text,
    weir.advance(weir.advance(weir.advance(weir.detector(%(detector)s, %(options)s), (%(stream)s::float8[])[:%(first)s])::text::weir.detector_state,
                 (%(stream)s::float8[])[%(first)s + 1:%(second)s]), (%(stream)s::float8[])[%(second)s + 1:])::text"""


def compare(connection, name, options, stream, expected, what):
    values = {"detector": name, "options": json.dumps(options), "stream": [float(x) for x in stream]}
    got = connection.execute(ROWS.format(type="float8"), values).fetchone()[0]
    different = [i for i, (a, b) in enumerate(zip(got, expected)) if a != b]
    check(len(got) == len(expected) and not different, f"{name} {options} {what}: differs first at {different[:1]} of {len(stream)}")
    if set(values["stream"]) <= {0.0, 1.0}:
        booleans = {**values, "stream": [bool(x) for x in stream]}
        check(connection.execute(ROWS.format(type="boolean"), booleans).fetchone()[0] == got, f"{name} {options} {what}: booleans")
    drifts = [i for i, signal in enumerate(got) if signal == "drift"]
    arrays, aggregate = connection.execute(POSITIONS, values).fetchone()
    check(arrays == drifts and aggregate == drifts, f"{name} {options} {what}: detections {arrays} {aggregate} {drifts}")
    first, second = sorted(int(x) for x in random.integers(0, len(stream) + 1, 2))
    whole, parts = connection.execute(STATES, {**values, "first": first, "second": second}).fetchone()
    check(whole == parts, f"{name} {options} {what}: stopped at {first} and {second}")
    return len(drifts)


def check_evaluation(connection):
    """Precision, recall and delays against a plain count."""
    for _ in range(60):
        n = int(random.integers(50, 400))
        alarms, drifts = (sorted({int(x) for x in random.integers(0, n, random.integers(0, 12))}) for _ in range(2))
        limit = int(random.choice([n, 20, 5, 0]))
        delays, episodes = [], 0
        for i, position in enumerate(drifts):
            end = drifts[i + 1] if i + 1 < len(drifts) else n
            after = bisect.bisect_left(alarms, position)
            if after < len(alarms) and alarms[after] < end:
                episodes += 1
                if alarms[after] - position <= limit:
                    delays.append(alarms[after] - position)
        row = connection.execute("SELECT n_detected, n_missed, n_false, precision, recall, episode_recall, mean_delay, false_alarm_rate "
                                 "FROM weir.detector_evaluation(%s::bigint[], %s::bigint[], %s, %s) WHERE source = 'detector'", (alarms, drifts, n, limit)).fetchone()
        k = len(delays)
        expected = (k, len(drifts) - k, len(alarms) - k, k / len(alarms) if alarms else None, k / len(drifts) if drifts else None,
                    episodes / len(drifts) if drifts else None, sum(delays) / k if k else None, (len(alarms) - k) / n * 10000)
        check(all(a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-12)) for a, b in zip(row, expected)),
              f"evaluation {alarms} {drifts} {n} {limit}: {row}, expected {expected}")


def main():
    names = ["stable", "warning", "drift"]
    drifts = {}
    with psycopg.connect(autocommit=True) as connection:
        for name, options, make, makers in RIVER:
            for maker in makers:
                for number in range(1 if name == "kswin" else 4):
                    stream = maker()
                    found = compare(connection, name, options, stream, signals_of(make(), stream.tolist()), f"river, {number}")
                    drifts[name] = max(drifts.get(name, 0), found)
        initial = dict(connection.execute("SELECT detector, options FROM weir.detectors").fetchall())
        for name, run, variants, makers in PAPERS:
            for options in variants:
                for maker in makers:
                    stream = maker()
                    expected = [names[signal] for signal in run(stream.tolist(), {**initial[name], **options})]
                    found = compare(connection, name, options, stream, expected, "paper")
                    drifts[name] = max(drifts.get(name, 0), found)
        # FHDDM counts errors: River's, turned round.
        for name, options, make in (("fhddm", {}, lambda: binary.FHDDM()), ("fhddms", {}, lambda: binary.FHDDM(short_window_size=25))):
            for _ in range(4):
                stream = waves()
                drifts[name] = max(drifts[name], compare(connection, name, options, stream, signals_of(make(), (1 - stream).tolist()), "paper"))
        check(set(drifts) == set(initial), f"not compared: {set(initial) - set(drifts)}")
        # What happens after a change is part of the comparison.
        for name, found in drifts.items():
            check(found >= 2, f"{name} saw only {found} changes in every stream")
        check_evaluation(connection)
    print("most drifts in a stream:", ", ".join(f"{name} {n}" for name, n in sorted(drifts.items())))
    return finish()


if __name__ == "__main__":
    sys.exit(main())
