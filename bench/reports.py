"""Figures of reports: a page over 10 columns and 90 days, how long it takes and how large it is; the same rows compared without a monitor."""
import statistics

from common import ROUNDS, milliseconds, row, timed

COLUMNS = ['income', 'amount', 'age', 'rate', 'score', 'balance', 'purpose', 'region', 'channel', 'approved']


def prepare(cursor):
    cursor.execute('DROP TABLE IF EXISTS bench_report')
    cursor.execute('CREATE TABLE bench_report (at timestamptz NOT NULL, income float8, amount float8, age int, rate float8, score float8, balance float8, '
                   'purpose text, region text, channel text, approved boolean, repaid boolean, sex text)')
    cursor.execute('SELECT setseed(0.5)')
    cursor.execute("INSERT INTO bench_report SELECT timestamptz '2026-01-01' + n * interval '86.4 s', exp(10 + random()), exp(9 + random()), 18 + (random() * 60)::int, "
                   "random() / 10, random(), 1e4 * random() * CASE WHEN n > 75000 THEN 2 ELSE 1 END, 'purpose ' || (random() * 8)::int, 'region ' || (random() * 12)::int, "
                   "'channel ' || (random() * 3)::int, random() < 0.6, random() < 0.8, CASE WHEN random() < 0.5 THEN 'F' ELSE 'M' END FROM generate_series(0, 89999) n")
    cursor.execute('ALTER TABLE bench_report REPLICA IDENTITY FULL')
    cursor.execute("SELECT weir.create_monitor('bench_report', 'bench_report', 'at', window_size => '1 day', columns => %s, prediction => 'approved', score => 'score', "
                   "label => 'repaid', protected => '{sex}')", (COLUMNS,))
    cursor.execute("SELECT weir.set_baseline('bench_report', since => '2026-01-01', until => '2026-02-01')")
    cursor.execute("SELECT weir.create_rule('bench_report drifts', 'bench_report', 'psi', above => 0.25)")
    cursor.execute("SELECT weir.wait_for(timeout => '5 min')")


def measure(cursor, name, statement, note):
    timed(cursor, statement)
    seconds = statistics.median(timed(cursor, statement) for _ in range(ROUNDS))
    cursor.execute(statement)
    size = len(cursor.fetchone()[0].encode())
    row(name, milliseconds(seconds), f'{size / 1e6:.2f} MB', '', note)


def reports(cursor):
    prepare(cursor)
    measure(cursor, '`report_html`: time, size', "SELECT weir.report_html('bench_report')", '10 columns, 90 windows, 90,000 rows')
    measure(cursor, '`report_text`: time, size', "SELECT weir.report_text('bench_report')", 'the last 30 windows')
    measure(cursor, '`compare_html`: time, size', "SELECT weir.compare_html($$SELECT * FROM bench_report WHERE at < '2026-02-01'$$, "
            "$$SELECT * FROM bench_report WHERE at >= '2026-03-01'$$)", '13 columns, 31,000 rows against 31,000')
    cursor.execute("SELECT weir.drop_monitor('bench_report')")


FIGURES = {'reports': reports}
