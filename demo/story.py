#!/usr/bin/env python3
"""Tells the story of the demo while it happens: streams the bank's applications through two servers and shows what weir makes of them.

Usage: story.py PUBLISHER SUBSCRIBER     the directories of the two servers' sockets
"""
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

from terminal import Database, Lost, Screen, amber, bold, blue, dim, green, red

HERE = os.path.dirname(os.path.abspath(__file__))
PAGES = os.path.join(os.path.dirname(HERE), 'build', 'demo')
DAYS = 60
HISTORY = 20                # days that the bank has before it meets weir
AFTER_TAX = 30              # incomes shift
PARENTAL_LEAVE = 42         # a category appears, and women's approvals sink
KILL = 36
NEW_BASELINE = 53
APPLICATIONS = 200000
CHUNKS = 9                  # a day comes in that many transactions
SECONDS_PER_DAY = float(os.environ.get('WEIR_DEMO_PACE', '0.95'))
PATIENCE = 60               # seconds after which something that ought to happen has not

# What the panel shows: a label, subject and metric of weir.scores, and the scale of the bars.
SCORES = [
    ('psi of income', 'income', 'psi', 0, 0.5),
    ('psi of purpose', 'purpose', 'psi', 0, 0.5),
    ('psi of score', 'score', 'psi', 0, 0.5),
    ('psi of approved', 'approved', 'psi', 0, 0.5),
    ('psi of amount', 'amount', 'psi', 0, 0.5),
    ('psi of age', 'age', 'psi', 0, 0.5),
    ('women approved', 'sex: F', 'selection_rate', 0.2, 0.9),
    ('men approved', 'sex: M', 'selection_rate', 0.2, 0.9),
    ('demographic parity', 'sex', 'demographic_parity_ratio', 0.6, 1),
    ('equal opportunity', 'sex', 'equal_opportunity_difference', 0, 0.4),
]
LABEL_WIDTH = 20

CHANGING = 4                # days: outcomes come a day late, older windows stay as they are


class Bank(threading.Thread):
    """Feeds the publisher, day by day, and waits at the gates where the story must have caught up."""

    def __init__(self, publisher):
        super().__init__(daemon=True)
        self.publisher = publisher
        self.sizes = [int(row[0]) for row in publisher.query('SELECT n FROM plan ORDER BY day')]
        self.day = HISTORY
        self.taken_in = sum(self.sizes[:HISTORY])
        self.version = 1
        self.gates = {}             # day: what must be so before it begins
        self.error = None
        self.finished = False
        self.holding = False

    def run(self):
        try:
            for day in range(HISTORY + 1, DAYS + 2):
                began = time.monotonic()
                gate = self.gates.get(day)
                while gate is not None and not gate():
                    self.holding = True
                    if time.monotonic() - began > PATIENCE:
                        raise TimeoutError(f'day {day} could not begin: what was to happen before did not')
                    time.sleep(0.05)
                    self.take_in(0)
                self.holding = False
                began = time.monotonic()
                self.day = min(day, DAYS)
                size = self.sizes[day - 1]
                for chunk in range(CHUNKS):
                    self.take_in(size * (chunk + 1) // CHUNKS - size * chunk // CHUNKS)
                    ahead = began + SECONDS_PER_DAY * (chunk + 1) / CHUNKS - time.monotonic()
                    if ahead > 0 and day <= DAYS:
                        time.sleep(ahead)
            self.finished = True
        except Exception as error:      # shown by the main thread
            self.error = error

    def take_in(self, how_many):
        sql = 'SELECT max(version) FROM scorecard'
        if how_many > 0:
            sql = f'SELECT take_in({how_many}); ' + sql
        self.version = int(self.publisher.query(sql)[-1][0])
        self.taken_in += how_many


class Story:
    def __init__(self, publisher_directory, subscriber_directory):
        self.directories = {'publisher': publisher_directory, 'subscriber': subscriber_directory}
        self.publisher = Database(publisher_directory)
        self.subscriber = Database(subscriber_directory)
        self.screen = Screen()
        self.began = time.monotonic()
        self.marks = {}
        self.known_alerts = {}
        self.known_versions = {1}
        self.deployed = 1
        self.scores = [{} for _ in range(len(SCORES) + 1)]
        self.baseline = (1, HISTORY)

    # ---- telling ----

    def tell(self, glyph, text, style=None):
        """One event: the glyph, the day, the text."""
        day = f'day {self.bank.day:<2}' if hasattr(self, 'bank') else '      '
        lines = textwrap.wrap(text, 83)
        style = style or (lambda s: s)
        self.screen.log(f'  {style(glyph)} {dim(day)}  {lines[0]}', *(f'            {line}' for line in lines[1:]))

    def heading(self, text):
        self.screen.log('', f'  {bold(text)}', '')

    def psql(self, server, sql, shown=True, options=()):
        """Runs what somebody would type, and shows it with what it gives."""
        text = textwrap.dedent(sql).strip()
        if shown:
            self.screen.log(*(f'    {blue(line)}' for line in text.split('\n')))
        result = subprocess.run(['psql', '-X', '-h', self.directories[server], '-U', 'postgres', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', *options, '-c', text],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(result.stderr.strip())
        return result.stdout.rstrip('\n'), result.stderr.strip()

    def table(self, sql):
        out, _ = self.psql('subscriber', sql, options=('-P', 'footer=off'))
        self.screen.log(*(f'    {line.rstrip()}' for line in out.split('\n')), '')
        return [[cell.strip() for cell in line.split('|')] for line in out.split('\n')[2:]]

    def call(self, sql):
        _, notice = self.psql('subscriber', sql, options=('-q', '-t'))
        for line in notice.split('\n') if notice else []:
            self.screen.log(*(f'      {dim(part)}' for part in textwrap.wrap(line, 88, subsequent_indent='  ')))

    # ---- setting up ----

    def run_file(self, server, name):
        subprocess.run(['psql', '-X', '-q', '-h', self.directories[server], '-U', 'postgres', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', '-o', os.devnull,
                        '-f', os.path.join(HERE, name)], check=True)

    def set_up(self):
        screen = self.screen
        screen.log('', f'  {bold("weir")}  measures the data that flows into a database, and the models that live on it', '')
        self.run_file('publisher', 'loans.sql')
        self.run_file('publisher', 'bank.sql')
        self.publisher.query('CALL open_bank()')
        self.publisher.query('CREATE PUBLICATION bank FOR TABLE loans')
        n = int(self.publisher.query('SELECT count(*) FROM loans')[0][0])
        screen.log('  A bank decides on loans by a scorecard, on a PostgreSQL of its own: the publisher.',
                   f'  It has {HISTORY} days behind it, {n:,} applications, and {DAYS - HISTORY} to come.')
        self.run_file('subscriber', 'loans.sql')
        self.run_file('subscriber', 'subscriber.sql')
        began = time.monotonic()
        self.subscriber.query(f"CREATE SUBSCRIPTION bank CONNECTION 'host={self.directories['publisher']} user=postgres dbname=postgres' PUBLICATION bank")
        self.wait(lambda: self.subscriber.query('SELECT bool_and(srsubstate = $$r$$) FROM pg_subscription_rel')[0][0] == 't', 'the initial copy')
        screen.log(f'  Logical replication copies them to the subscriber, which has weir: {time.monotonic() - began:.1f} s.')
        self.put_first_scorecard_into_use()
        days = self.publisher.query('SELECT day, starts_at::date FROM plan ORDER BY day')
        self.dates = [None] + [date for _, date in days]

    def put_first_scorecard_into_use(self):
        points = self.publisher.query('SELECT points FROM scorecard')[0][0].replace("'", "''")
        self.subscriber.query(f"""
            INSERT INTO scorecard VALUES (1, '{points}');
            SELECT weir.create_model_version('scorecard', artifact => convert_to('{points}', 'UTF8'), note => 'in use since before',
                metrics => jsonb_build_object('fitted to', '{points}'::jsonb -> 'fitted to', 'auc', round(scorecard_auc('{points}', '-infinity')::numeric, 3),
                    'repaid', (scorecard_calibration('{points}', '-infinity')).repaid, 'expected', (scorecard_calibration('{points}', '-infinity')).expected));
            SELECT weir.promote_model('scorecard', 1, reason => 'the first');
            CREATE PUBLICATION scorecards FOR TABLE scorecard""")
        self.publisher.query(f"CREATE SUBSCRIPTION scorecards CONNECTION 'host={self.directories['subscriber']} user=postgres dbname=postgres'"
                             " PUBLICATION scorecards WITH (copy_data = false)")

    def three_calls(self):
        self.heading('Three calls, on the subscriber: what to watch, what is normal, when to act')
        began = time.monotonic()
        self.call("""
            SELECT weir.create_monitor('loans', 'loans', 'decided_at', window_size => '1 day',
                     columns => '{income,purpose,score,approved,amount,age}', model => 'scorecard',
                     prediction => 'approved', label => 'repaid', protected => '{sex}');""")
        self.call(f"""
            SELECT weir.set_baseline('loans', since => '{self.dates[1]}', until => '{self.dates[HISTORY + 1]}');""")
        self.call("""
            SELECT weir.create_rule('drift', 'loans', 'psi', above => 0.25, windows => 2,
                     action => 'retrain', trainer => 'fit the scorecard', cooldown => '10 days');""")
        self.screen.log('', '  What “retrain” runs is a procedure in SQL, see demo/subscriber.sql. A second rule only tells:', '')
        self.call("""
            SELECT weir.create_rule('fairness', 'loans', 'demographic_parity_ratio', below => 0.8,
                     windows => 2);""")
        self.subscriber.query('SELECT weir.wait_for()')
        windows, n = self.subscriber.query("SELECT count(*), sum(n) FROM weir.windows('loans')")[0]
        self.screen.log('', f'  The {int(n):,} rows that were there already fill {windows} windows: {time.monotonic() - began:.1f} s.')

    # ---- the panel ----

    def read_scores(self, since):
        """Scores and rows of the windows from that day on; those before are kept from the last time."""
        wanted = ', '.join(f"({i}, '{subject}', '{metric}')" for i, (_, subject, metric, _, _) in enumerate(SCORES))
        bounds = f"since => '{self.dates[since]}', until => '{self.dates[DAYS + 1]}'"
        for ordinal, date, value, verdict in self.subscriber.query(f"""
                SELECT ordinal, window_start::date, value, verdict FROM weir.scores('loans', {bounds})
                JOIN (VALUES {wanted}) w (ordinal, subject, metric) USING (subject, metric) WHERE segment IS NULL
                UNION ALL SELECT {len(SCORES)}, window_start::date, n, CASE WHEN is_final THEN 'final' END FROM weir.windows('loans', {bounds})"""):
            self.scores[int(ordinal)][self.dates.index(date)] = (value, verdict)

    def read_sparklines(self):
        """Of each score a bar per day, on its scale: that is what the two numbers at the end are for."""
        arrays = []
        for ordinal, by_day in enumerate(self.scores):
            low, high = SCORES[ordinal][3:] if ordinal < len(SCORES) else (0, 3636)
            values = [by_day.get(day, ('', ''))[0] for day in range(1, max(by_day) + 1)]
            values = [f'{max(low, min(high, float(value)))}' if value else 'NULL' for value in values]
            arrays.append(f"({ordinal}, ARRAY[{', '.join(values)}, {low}, {high}]::float8[])")
        return [row[0] for row in self.subscriber.query(
            f"SELECT left(weir.sparkline(points), -2) FROM (VALUES {', '.join(arrays)}) v (ordinal, points) ORDER BY ordinal")]

    def draw(self, keep=False):
        self.read_scores(1 if keep or not self.scores[0] else max(1, self.bank.day - CHANGING))
        capture = self.subscriber.query('SELECT extract(epoch FROM lag) FROM weir.capture_status')[0]
        panel = self.panel(self.read_sparklines(), float(capture[0] or 0))
        if keep:
            self.screen.keep(panel)
        else:
            self.screen.live(panel)

    def panel(self, sparklines, lag):
        bank = self.bank
        width = 32
        done = bank.taken_in * width / APPLICATIONS
        bar = ('█' * int(done) + ('' if done >= width else ' ▏▎▍▌▋▊▉'[int(done * 8) % 8])).ljust(width)
        lines = [f'  {bold(f"day {bank.day} of {DAYS}")}  {self.dates[bank.day]}   {blue(bar)}{dim("▏")} {bank.taken_in:>7,} applications   '
                 + dim(f'{lag:.1f} s behind'), ' ' * (LABEL_WIDTH + 3) + dim(self.axis())]
        for ordinal, (label, *_) in enumerate(SCORES):
            by_day = self.scores[ordinal]
            bars = ''.join({'alert': red, 'warning': amber}.get(by_day.get(day, ('', ''))[1], str)(bar) for day, bar in enumerate(sparklines[ordinal], 1))
            value, verdict = next((by_day[day] for day in sorted(by_day, reverse=True) if by_day[day][0]), ('0', ''))
            shown = {'alert': red('▲ alert'), 'warning': amber('△ warning'), 'ok': green('ok')}.get(verdict, '')
            lines.append(f'  {label:<{LABEL_WIDTH}} {bars}{self.days_to_come(sparklines[ordinal])} {float(value):5.2f} {shown}'.rstrip())
        final = [day for day, (_, is_final) in self.scores[-1].items() if is_final]
        bars = ''.join(bar if day in final else blue(bar) for day, bar in enumerate(sparklines[-1], 1))
        lines.append(f'  {"rows per window":<{LABEL_WIDTH}} {bars}{self.days_to_come(sparklines[-1])} {len(final):>5} {dim("final")}')
        return lines

    @staticmethod
    def days_to_come(sparkline):
        return dim('·' * (DAYS - len(sparkline)))

    def axis(self):
        """What happened on which day, and the days of the baseline."""
        first, last = self.baseline
        marks = ['─' if first <= day <= last else ' ' for day in range(1, DAYS + 1)]
        if first == 1:
            marks[4:14] = ' baseline '
        for day, glyph in self.marks.items():
            marks[day - 1] = glyph
        return ''.join(marks).rstrip()

    # ---- what happens ----

    def wait(self, condition, what):
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f'waited {PATIENCE} s for {what}')
            time.sleep(0.05)

    def mark(self, glyph):
        self.marks[self.bank.day] = glyph

    def poll(self):
        """Tells what is new since the last time."""
        for alert_id, rule, subject, metric, value, threshold, state, job in self.subscriber.query(
                "SELECT alert_id, rule, subject, metric, round(value::numeric, 2), threshold, state, coalesce(job_id::text, '') FROM weir.alerts ORDER BY alert_id"):
            before = self.known_alerts.get(alert_id)
            if before is None and state == 'open':
                queued = ' A job is queued in the same transaction.' if job else ''
                side = 'above' if float(value) > float(threshold) else 'below'
                self.tell('▲', f'Alert by rule “{rule}”: {metric} of {subject} is {value}, {side} {threshold}, two days running.{queued}', red)
            elif before != 'resolved' and state == 'resolved':
                self.tell('△', f'Resolved: {metric} of {subject} is within its bounds again.', green)
            self.known_alerts[alert_id] = state
        for version, n, repaid, new, old, new_auc, old_auc, seconds in self.subscriber.query("""
                SELECT version, m ->> 'fitted to', m ->> 'repaid', m ->> 'expected', m ->> 'expected by the one before', m ->> 'auc',
                       m ->> 'auc of the one before', round(extract(epoch FROM j.duration), 2)
                FROM weir.model_versions v JOIN weir.jobs j USING (job_id), LATERAL (SELECT v.metrics AS m) x
                WHERE j.state = 'succeeded' ORDER BY version"""):
            if int(version) not in self.known_versions:
                self.known_versions.add(int(version))
                self.mark('↻')
                self.tell('↻', f'The job has fitted the scorecard anew, in the background, in {seconds} s: version {version}, from {int(n):,} loans.'
                          f' Of loans kept from the fit {float(repaid):.1%} were repaid; it expects {float(new):.1%}, the one in use {float(old):.1%}.'
                          f' AUC {new_auc}, of the one in use {old_auc}.', blue)
        if self.bank.version > self.deployed:
            self.deployed = self.bank.version
            self.tell('→', f'Version {self.deployed} went to the bank the way the loans came, by replication: it decides by it now.', blue)

    def world(self):
        """What the bank does, told on the day."""
        day = self.bank.day
        if day >= AFTER_TAX and '①' not in self.marks.values():
            self.marks[AFTER_TAX] = '①'
            self.tell('①', 'From today incomes are given after tax, a third lower: the same people, and they repay as before. Nobody told the scorecard.', bold)
        if day >= PARENTAL_LEAVE and '②' not in self.marks.values():
            self.marks[PARENTAL_LEAVE] = '②'
            self.tell('②', 'The bank lends for parental leave, mostly to women. The scorecard has never seen such loans, and gives them the fewest points it knows.', bold)

    def kill(self):
        self.mark('✗')
        pid, lsn = self.subscriber.query('SELECT pid, captured_lsn FROM weir.capture_status')[0]
        began = time.monotonic()
        os.kill(int(pid), signal.SIGKILL)
        self.tell('✗', f'kill -9 {pid}, the capture worker, in the middle of it all. PostgreSQL restarts every process of that server; the bank goes on.', red)
        while True:
            try:
                state, new_pid = self.subscriber.query('SELECT state, coalesce(pid, 0) FROM weir.capture_status')[0]
                if state == 'streaming' and new_pid not in ('0', pid):
                    break
            except Lost:
                pass
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError('capture did not come back')
            time.sleep(0.05)
        self.tell('✓', f'Back after {time.monotonic() - began:.1f} s: capture, now {new_pid}, goes on from where its last panes were committed, near {lsn}.', green)

    def move_baseline(self):
        first, last = NEW_BASELINE - 6, NEW_BASELINE - 1
        self.tell('⚑', 'Both changes are here to stay, and the scorecard knows them. So the baseline moves:', bold)
        self.call(f"SELECT weir.set_baseline('loans', since => '{self.dates[first]}', until => '{self.dates[last + 1]}');")
        self.baseline = (first, last)
        self.marks[first] = '⚑'
        self.read_scores(1)

    def stream(self):
        self.heading(f'{DAYS - HISTORY} days come in, a day a second')
        self.bank = bank = Bank(self.publisher)
        killed = moved = False
        back = threading.Event()
        kept = set()
        bank.gates = {AFTER_TAX + 4: lambda: bank.version >= 2, KILL + 1: back.is_set, PARENTAL_LEAVE + 4: lambda: bank.version >= 3,
                      NEW_BASELINE + 1: lambda: moved}
        self.draw()
        bank.start()
        while not bank.finished:
            if bank.error is not None:
                raise bank.error
            self.world()
            if bank.day >= KILL and not killed:
                killed = True
                self.kill()
                back.set()
            if bank.day >= NEW_BASELINE and not moved:
                self.poll()
                self.move_baseline()
                moved = True
            self.poll()
            for day in (AFTER_TAX + 5, PARENTAL_LEAVE + 3):
                if bank.day >= day and day not in kept:
                    kept.add(day)
                    self.draw(keep=True)
            if self.screen.is_live:
                self.draw()
            time.sleep(0.2)
        end = self.publisher.query('SELECT pg_current_wal_lsn()')[0][0]
        self.wait(lambda: self.publisher.query(f"SELECT replay_lsn >= '{end}' FROM pg_stat_replication WHERE application_name = 'bank'") == [('t',)], 'replication')
        self.subscriber.query('SELECT weir.wait_for()')
        self.wait(lambda: self.subscriber.query(f"SELECT bool_and(evaluated_to >= '{self.dates[DAYS]}') FROM weir.rules")[0][0] == 't',
                  'the rules to see the last day')
        self.poll()
        self.draw(keep=True)

    # ---- afterwards ----

    def afterwards(self):
        self.heading('The stream’s answer is the batch’s answer: every pane, computed again from the table')
        panes, equal, different = self.table("SELECT * FROM weir.verify('loans');")[0][:3]
        self.heading('Who decided what, and why')
        self.table("""
            SELECT version, state, metrics->'fitted to' AS fitted_to, metrics->'repaid' AS repaid,
                   metrics->'expected' AS expected, metrics->'auc' AS auc, note
            FROM weir.model_versions WHERE model = 'scorecard';""")
        self.table("""
            SELECT rule, subject, metric, round(value::numeric, 2) AS value,
                   window_start::date AS since, state, job_id IS NOT NULL AS retrained
            FROM weir.alerts ORDER BY opened_at;""")
        self.write_pages()
        self.heading('To look around, with psql')
        self.screen.log(*(f'    {blue(line) if not line.startswith("--") else dim(line)}' for line in LOOK_AROUND.strip().split('\n')), '')
        n, outcomes = self.subscriber.query('SELECT count(*), count(repaid) FROM loans')[0]
        self.screen.log(f'  {int(n):,} applications, {int(outcomes):,} outcomes entered afterwards, in {time.monotonic() - self.began:.0f} s.')
        if os.environ.get('KEEP', '0') != '1':
            self.screen.log(f'  Both servers stop now and leave nothing behind; {bold("make demo KEEP=1")} keeps them to look around.',
                            '  The same by hand, on your own server: docs/tutorial.md', '')
        if int(n) != APPLICATIONS or different != '0' or panes != equal:
            raise RuntimeError(f'{n} applications, {panes} panes, {equal} equal, {different} different')

    def write_pages(self):
        """What a browser shows: each is one file, which needs nothing else."""
        self.heading('The same as pages, for a browser')
        os.makedirs(PAGES, exist_ok=True)
        pages = {'loans.html': ("weir.report_html('loans')", 'the monitor: what drifts, since when, and what was done about it'),
                 'scorecard.html': ("weir.model_html('scorecard')", 'the model: versions, performance, fairness, lineage'),
                 'changes.html': (f"weir.compare_html('SELECT income, purpose, amount, age, sex FROM loans WHERE decided_at < $${self.dates[AFTER_TAX]}$$', "
                                  f"'SELECT income, purpose, amount, age, sex FROM loans WHERE decided_at >= $${self.dates[PARENTAL_LEAVE]}$$')", 'the first month against the last weeks')}
        for name, (call, what) in pages.items():
            path = os.path.join(PAGES, name)
            subprocess.run(['psql', '-X', '-q', '-At', '-h', self.directories['subscriber'], '-U', 'postgres', '-d', 'postgres', '-v', 'ON_ERROR_STOP=1', '-o', path,
                            '-c', f'SELECT {call}'], check=True, env={**os.environ, 'PGCLIENTENCODING': 'UTF8'})
            self.screen.log(f'    {blue(os.path.relpath(path))}{" " * max(1, 30 - len(os.path.relpath(path)))}{what}')
        self.subscriber.query('CREATE ROLE weir_reader LOGIN IN ROLE pg_read_all_data')
        if os.environ.get('KEEP', '0') != '1':
            self.screen.log(f'    {bold("make demo KEEP=1")} leaves the servers running, for the page that is live: demo/live', '')

    def run(self):
        self.set_up()
        self.three_calls()
        self.stream()
        self.afterwards()


LOOK_AROUND = """
SELECT * FROM weir.overview;                                    -- one line per monitor
SELECT * FROM weir.windows;                                     -- how full each window is
SELECT * FROM weir.window_stats('loans', window_size => '7 days') WHERE column_name = 'age';
SELECT window_start, column_name, value, verdict FROM weir.drift_scores WHERE is_primary;
SELECT detail FROM weir.drift_scores WHERE column_name = 'purpose' AND verdict = 'alert';
SELECT * FROM weir.fairness_scores WHERE is_primary;
SELECT * FROM weir.test_rule('drift');                          -- what the rule sees
SELECT * FROM weir.jobs;
SELECT * FROM weir.capture_status;                              -- lag, memory, WAL kept
"""


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    story = Story(sys.argv[1], sys.argv[2])
    try:
        story.run()
    except KeyboardInterrupt:
        story.screen.close()
        return 130
    except (Lost, RuntimeError, TimeoutError, subprocess.CalledProcessError) as error:
        story.screen.close()
        print(f'\nthe demo failed: {error}', file=sys.stderr)
        for name, directory in story.directories.items():
            with open(os.path.join(directory, 'log'), encoding='utf-8', errors='replace') as log:
                print(f'---- end of the log of the {name}', *log.read().split('\n')[-15:], sep='\n', file=sys.stderr)
        return 1
    story.screen.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
