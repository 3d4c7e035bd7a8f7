"""What references share: a seed that repeats a run, counting what holds, the last line that scripts/test reads."""
import math
import os
import time

# Threads that wait for each other cost more than they give on a machine that runs other tests.
os.environ.setdefault('OMP_NUM_THREADS', '1')
import numpy as np  # noqa: E402

SEED = int(os.environ.get('REFERENCE_SEED', time.time_ns() % 2**32))
random = np.random.default_rng(SEED)
np.random.seed(SEED % 2**32)    # what scikit-learn and others draw from when they are not told
COUNTS = [0, 0]     # what held, and what did not


def check(good, what):
    COUNTS[0 if good else 1] += 1
    if not good and COUNTS[1] <= 20:
        print('not ok -', what)


def close(a, b, tolerance=1e-9):
    """Equal to the tolerance; what is not defined is NULL here and not finite there."""
    if a is None or b is None or (isinstance(b, float) and not math.isfinite(b)):
        return a is None and (b is None or not math.isfinite(b))
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def finish():
    """Says how it went; the exit status."""
    if COUNTS[1]:
        print(f'REFERENCE_SEED={SEED} repeats this run')
    print(f'{COUNTS[0]} passed, {COUNTS[1]} failed')
    return 1 if COUNTS[1] else 0
