"""Figures of fairness: an audit of a table against a plain GROUP BY and Fairlearn's MetricFrame, and an audit read from a monitor.

They are of ten times BENCH_ROWS, or of BENCH_AUDIT_ROWS: what an audit of a table costs grows with it, what one of a monitor costs does not.
"""
import os
import time

from common import ROUNDS, ROWS as TABLE_ROWS, compare, milliseconds, row

ROWS = int(os.environ.get('BENCH_AUDIT_ROWS', 10 * TABLE_ROWS))

GROUPS = "(ARRAY['F', 'M'])[1 + (random() < 0.5)::int] AS sex, (ARRAY['White', 'Black', 'Asian', 'Native', 'Other'])[1 + floor(random() * 5)::int] AS race"


def prepare(cursor):
    cursor.execute('CREATE TABLE IF NOT EXISTS bench_decisions (label int, prediction boolean, sex text, race text)')
    cursor.execute('SELECT count(*) FROM bench_decisions')
    if cursor.fetchone()[0] == 0:
        cursor.execute('SELECT setseed(0.5)')
        cursor.execute(f'INSERT INTO bench_decisions SELECT (random() < 0.4)::int, random() < 0.5, {GROUPS} FROM generate_series(1, %s)', (ROWS,))
        cursor.execute('VACUUM ANALYZE bench_decisions')


AUDIT = ('SELECT count(*) FROM (SELECT weir.fairness(label, prediction, sex, race) AS f FROM bench_decisions) s, weir.fairness_groups(f), weir.fairness_metrics(f)')


def metric_frame(cursor):
    """The same rates by group, as somebody with Fairlearn does it: read the rows, then MetricFrame."""
    import pandas
    from fairlearn import metrics
    start = time.perf_counter()
    cursor.execute('SELECT label, prediction, sex, race FROM bench_decisions')
    rows = pandas.DataFrame(cursor.fetchall(), columns=['label', 'prediction', 'sex', 'race'])
    frame = metrics.MetricFrame(metrics={'selection_rate': metrics.selection_rate, 'tpr': metrics.true_positive_rate, 'fpr': metrics.false_positive_rate},
                                y_true=rows['label'], y_pred=rows['prediction'].astype(int), sensitive_features=rows[['sex', 'race']])
    frame.difference()
    frame.ratio()
    return time.perf_counter() - start


def fairness_audit(cursor):
    prepare(cursor)
    note = f'{ROWS:,} rows, 2 x 5 groups, one process'
    compare(cursor, '`fairness(label, prediction, sex, race)` with groups and metrics / `count(*), sum(label), sum(prediction) GROUP BY sex, race`', AUDIT,
            'SELECT sex, race, count(*), sum(label), sum(prediction::int) FROM bench_decisions GROUP BY sex, race', note)
    theirs = metric_frame(cursor)
    start = time.perf_counter()
    cursor.execute(AUDIT)
    cursor.fetchall()
    ours = time.perf_counter() - start
    row("Fairlearn's MetricFrame, rows read from the database / the same audit", milliseconds(theirs), milliseconds(ours), f'{theirs / ours:.0f}', note)


def fairness_monitor(cursor):
    """A month of decisions in a monitor: the audit of all of it from panes, and by a query over the rows."""
    cursor.execute('CREATE TABLE IF NOT EXISTS bench_month (at timestamptz, label int, prediction boolean, sex text, race text)')
    cursor.execute('SELECT count(*) FROM bench_month')
    if cursor.fetchone()[0] == 0:
        cursor.execute('SELECT setseed(0.5)')
        cursor.execute(f"INSERT INTO bench_month SELECT timestamptz '2026-01-01 00:00+00' + random() * interval '30 days', (random() < 0.4)::int, random() < 0.5, {GROUPS} "
                       'FROM generate_series(1, %s)', (ROWS,))
        cursor.execute('VACUUM ANALYZE bench_month')
        cursor.execute("SELECT weir.create_monitor('bench_month', 'bench_month', 'at', columns => '{label}', window_size => '1 day', prediction => 'prediction', label => 'label', "
                       "protected => '{sex,race}')")
    deadline = time.monotonic() + 600
    while True:
        cursor.execute("SELECT coalesce(sum(n), 0) FROM weir.windows WHERE monitor = 'bench_month' AND segment IS NULL")
        if cursor.fetchone()[0] == ROWS:
            break
        if time.monotonic() > deadline:
            raise RuntimeError('the monitor was not built in ten minutes')
        time.sleep(0.2)
    monitor = ("SELECT count(*), max(value) FROM weir.fairness_scores('bench_month', window_size => '30 days', since => '2026-01-01 00:00+00', until => '2026-01-31 00:00+00') "
               "WHERE metric = 'demographic_parity_ratio'")
    batch = ('SELECT count(*) FROM (SELECT weir.fairness(label, prediction, sex) AS f FROM bench_month UNION ALL SELECT weir.fairness(label, prediction, race) FROM bench_month) s, '
             'weir.fairness_metrics(f)')
    compare(cursor, 'a 30-day audit computed from the rows / read from a monitor', batch, monitor, f'{ROWS:,} rows, by sex and by race, {ROUNDS} rounds')


FIGURES = {'fairness_audit': fairness_audit, 'fairness_monitor': fairness_monitor}
