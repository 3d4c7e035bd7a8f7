# The care of the slot: what it may keep, what is confirmed, what happens when it is lost, and that nothing of it is hidden.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('slots', wal_keep_size => '0', max_wal_size => '256MB', autovacuum => 'off');
my $new_rows = q{INSERT INTO sales(at, amount) SELECT '2026-01-03'::timestamptz + i * interval '1 min', i FROM generate_series(1, 500) i};

sub set
{
	my ($setting, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $setting = $value");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
}

# WAL without rows, a segment at a time.
sub write_wal
{
	my ($segments) = @_;
	$node->safe_psql('postgres', 'SELECT pg_logical_emit_message(false, $$test$$, $$x$$); SELECT pg_switch_wal()') for 1 .. $segments;
}

sub pause
{
	$node->safe_psql('postgres', 'SELECT weir.pause_capture()');
	wait_until($node, q{SELECT state = 'paused' FROM weir.capture_status}, 'paused');
}

sub resume { $node->safe_psql('postgres', 'SELECT weir.resume_capture()') }

# The last gap is of that kind and healed, and so are the monitors.
sub healed_from
{
	my ($kind) = @_;
	wait_until($node, qq{SELECT kind = '$kind' AND healed_at IS NOT NULL FROM weir.gaps ORDER BY gap_id DESC LIMIT 1}, "$kind: healed");
	is($node->safe_psql('postgres', q{SELECT kind FROM weir.gaps ORDER BY gap_id DESC LIMIT 1}), $kind, "$kind: the reason is recorded");
	return all_equal($node, 'sales', "$kind: every row is in the panes");
}

$node->safe_psql('postgres', q{
CREATE TABLE sales(id bigserial PRIMARY KEY, at timestamptz NOT NULL, amount float8);
ALTER TABLE sales REPLICA IDENTITY FULL;
INSERT INTO sales(at, amount) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 2000) i;
SELECT weir.create_monitor('sales', 'sales', 'at', window_size => '6 hours');
SELECT weir.create_monitor('history', 'sales', 'at', window_size => '6 hours', on_delete => 'ignore');
SELECT weir.create_rule('keeps WAL', 'sales', 'capture_wal_kept_bytes', above => 0);
SELECT weir.create_rule('lags', 'sales', 'capture_lag', above => 3600);
CREATE TABLE other(x int)});
all_equal($node, 'sales', 'before');
my $slot = $node->safe_psql('postgres', 'SELECT slot FROM weir.capture_status');

# --- a monitor is created in a transaction that the creation of a slot would wait for; waiting for oneself is refused
my ($code, $stdout, $stderr) = $node->psql('postgres', q{BEGIN; INSERT INTO other VALUES (1); SELECT weir.create_monitor('mine', 'sales', 'at'); SELECT weir.wait_for(); COMMIT});
like($stderr, qr/cannot run in a transaction that has written/, 'wait_for refuses to wait for itself');

# --- what is confirmed is stored
my $load = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c',
	"DO \$\$ BEGIN FOR turn IN 1..400 LOOP $new_rows; COMMIT; END LOOP; END \$\$" ], '>', \my $out, '2>', \my $err);
is($node->safe_psql('postgres', q{
SET client_min_messages = warning;
CREATE FUNCTION confirmed_too_much() RETURNS int LANGUAGE plpgsql AS $$
DECLARE n int := 0; confirmed pg_lsn; captured pg_lsn; moved int := 0; last pg_lsn;
BEGIN
  FOR i IN 1..200 LOOP
    SELECT confirmed_flush_lsn INTO confirmed FROM pg_replication_slots WHERE plugin = 'weir';
    SELECT captured_lsn INTO captured FROM weir.capture_progress;
    n := n + (confirmed > captured)::int;
    moved := moved + (confirmed IS DISTINCT FROM last)::int;
    last := confirmed;
    PERFORM pg_sleep(0.01);
  END LOOP;
  RETURN CASE WHEN moved < 3 THEN -1 ELSE n END;
END $$;
SELECT confirmed_too_much()}), 0, 'under load nothing is confirmed that is not stored');
$load->finish;
is($err, '', 'the load went through');

# --- a crash right after: neither ahead nor behind; and a standby that never answers hangs nobody
$node->stop('immediate');
$node->start;
all_equal($node, 'sales', 'after a crash');
is($node->safe_psql('postgres', 'SELECT count(*) FROM weir.gaps'), 0, 'without a gap');
set('synchronous_standby_names', q('nobody'));
$node->safe_psql('postgres', "SET synchronous_commit = local; $new_rows");
all_equal($node, 'sales', 'while a synchronous standby does not answer');
set('synchronous_standby_names', q(''));

# --- reads that want everything do not wait for the next flush
set('weir.flush_interval', 60000);
$node->safe_psql('postgres', $new_rows);
$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '20 s')});
is($node->safe_psql('postgres', q{SELECT sum(n) = (SELECT count(*) FROM sales) FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'sales' AND generation = 0}),
	't', 'wait_for has the rows written that wait for their flush');
set('weir.flush_interval', 50);

# --- a server that is busy elsewhere lets its WAL go, and an idle one stays idle
write_wal(3);
$node->safe_psql('postgres', 'CHECKPOINT');
wait_until($node, q{SELECT wal_kept_bytes < 16 * 1024 * 1024 FROM weir.capture_status}, 'changes of others are confirmed, too');
# The history of capture gets a row each minute, whose position is stored some seconds later: look between two of them.
sleep 1 while time % 60 < 12 || time % 60 > 46;
# Vacuum may write so much meanwhile that it is worth storing one.
my ($before, $lsn) = split /\|/, $node->safe_psql('postgres', 'SELECT xmin, captured_lsn FROM weir.capture_progress');
sleep 11;
is($node->safe_psql('postgres', "SELECT xmin = '$before' OR captured_lsn - '$lsn'::pg_lsn >= 65536 FROM weir.capture_progress"), 't', 'no position is stored only because one was');

# --- paused
pause();
($code, $stdout, $stderr) = $node->psql('postgres', 'SELECT weir.wait_for()');
like($stderr, qr/capture, which is paused.*resume_capture/s, 'nobody waits for capture that is paused');
$node->restart;
is($node->safe_psql('postgres', q{SELECT state, pid IS NULL, paused_at IS NOT NULL FROM weir.capture_status}), 'paused|t|t', 'a restart does not end a pause');
$node->safe_psql('postgres', $new_rows);
resume();
all_equal($node, 'sales', 'after a pause');
is($node->safe_psql('postgres', 'SELECT count(*) FROM weir.gaps'), 0, 'without a gap');
$node->safe_psql('postgres', 'CREATE ROLE somebody');
($code, $stdout, $stderr) = $node->psql('postgres', "SET ROLE somebody; SELECT weir.$_()") and like($stderr, qr/permission denied|must be/, "$_ is not for everybody")
  for qw(pause_capture resume_capture prepare_upgrade);

# --- the WAL budget holds during a pause; healing does not bring back what retention deletes, nor lose what it deleted
set('weir.max_wal', q('40MB'));
pause();
$node->safe_psql('postgres', qq{$new_rows; DELETE FROM sales WHERE at < '2026-01-02'});
my $history = $node->safe_psql('postgres', q{SELECT sum(n) FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'history' AND pane_start < '2026-01-02'});
write_wal(4);
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'past the budget the slot goes, though capture is paused');
is($node->safe_psql('postgres', q{SELECT gaps FROM weir.capture_status}), 1, 'the gap is shown');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT status, ' ') FROM weir.windows WHERE monitor = 'sales'}), 'gap', 'and so it is by every window');
resume();
healed_from('wal budget');
isnt($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT status, ' ') FROM weir.windows WHERE monitor = 'sales'}), 'gap', 'windows are healed');
is($node->safe_psql('postgres', q{SELECT sum(n) FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'history' AND generation = 0 AND pane_start < '2026-01-02'}),
	$history, 'panes keep the rows that retention deleted during the gap');
is($node->safe_psql('postgres', q{SELECT different, marked > 0 FROM weir.verify('history')}), '0|t', 'and say so');

# --- the budget holds while capture runs, and while its next slot waits for a long transaction; it does not heal and overrun for ever
my ($in, $said) = ('', '');
my $session = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$said);
$in .= "BEGIN; INSERT INTO other VALUES (1); SELECT 'open';\n";
$session->pump until $said =~ /open/;
write_wal(4);
wait_until($node, q{SELECT state = 'backing off' AND gaps = 1 AND retry_at > now() FROM weir.capture_status}, 'the second time in an hour it waits before it begins again');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots}), 0, 'and keeps nothing meanwhile');
$node->safe_psql('postgres', q{UPDATE weir.gap SET retry_at = now() WHERE healed_at IS NULL});
wait_until($node, q{SELECT state = 'creating its slot' FROM weir.capture_status}, 'a new slot waits for the transaction');
write_wal(4);
wait_until($node, q{SELECT attempts = 3 AND retry_at > now() + interval '30 s' FROM weir.gaps WHERE healed_at IS NULL}, 'its WAL is within the budget, too; and it waits for longer');
$in .= "ROLLBACK;\n\\q\n";
$session->finish;
set('weir.max_wal', q('10GB'));
$node->safe_psql('postgres', q{UPDATE weir.gap SET retry_at = now() WHERE healed_at IS NULL});
healed_from('wal budget');

# --- what is read and only waits to be flushed is not held against a small budget
set('weir.flush_interval', q('60s'));
set('weir.max_wal', q('100MB'));
for (1 .. 12)
{
	$node->safe_psql('postgres', $new_rows);
	write_wal(1);
	my $written_at = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
	$node->poll_query_until('postgres', "SELECT clock_timestamp() - lag > '$written_at' FROM weir.capture_status") or die 'capture does not catch up';
}
is($node->safe_psql('postgres', q{SELECT gaps, wal_kept_bytes < 100 * 1024 * 1024 FROM weir.capture_status}), '0|t', 'twice the budget is read between flushes, and no gap');
$node->safe_psql('postgres', q{ALTER SYSTEM RESET weir.flush_interval});
set('weir.max_wal', q('40MB'));

# --- while one transaction is decoded it is looked at, too
set_fault($node, 'fold:wait:1');
$node->safe_psql('postgres', q{INSERT INTO sales(at, amount) SELECT '2026-01-05'::timestamptz + i * interval '1 s', i FROM generate_series(1, 5000) i});
wait_for_fault($node, 'fold:wait:1', 1);
my $log = -s $node->logfile;
write_wal(4);
set_fault($node, '');
wait_until($node, q{SELECT count(*) > 0 FROM weir.gaps WHERE healed_at IS NULL}, 'past the budget in the middle of a transaction');
like(slurp_file($node->logfile, $log), qr/more WAL than weir.max_wal while one transaction is read|does not answer/, 'which is not read to its end');
set('weir.max_wal', q('10GB'));
$node->safe_psql('postgres', q{UPDATE weir.gap SET retry_at = now() WHERE healed_at IS NULL});
healed_from('wal budget');

# --- lost in other ways
pause();
$node->safe_psql('postgres', qq{$new_rows; SELECT pg_replication_slot_advance('$slot', pg_current_wal_lsn())});
resume();
healed_from('slot ahead');

set('max_slot_wal_keep_size', q('16MB'));
pause();
$node->safe_psql('postgres', $new_rows);
write_wal(4);
$node->safe_psql('postgres', 'CHECKPOINT');
is($node->safe_psql('postgres', 'SELECT wal_status FROM pg_replication_slots'), 'lost', 'the server has its own limit');
resume();
healed_from('slot invalidated');
set('max_slot_wal_keep_size', '-1');

set('weir.max_xmin_age', 1000);
pause();
$node->safe_psql('postgres', $new_rows);
$node->safe_psql('postgres', 'DO $$ BEGIN FOR i IN 1..1100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'past the budget of catalog_xmin');
resume();
healed_from('xmin budget');
set('weir.max_xmin_age', 200000000);

set('weir.max_spill', q('1MB'));
pause();
$node->safe_psql('postgres', $new_rows);
append_to_file($node->data_dir . "/pg_replslot/$slot/xid-1-lsn-0-0.spill", 'x' x 2000000);
is($node->safe_psql('postgres', 'SELECT spill_bytes FROM weir.capture_status'), 2000000, 'what is spilled is shown');
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'past the budget of spilled changes');
resume();
healed_from('spill budget');
set('weir.max_spill', q('10GB'));

SKIP:
{
	skip 'idle_replication_slot_timeout came with PostgreSQL 18', 4 if $node->pg_version < 18;
	set('idle_replication_slot_timeout', q('1s'));
	pause();
	$node->safe_psql('postgres', $new_rows);
	sleep 2;
	$node->safe_psql('postgres', 'CHECKPOINT');
	resume();
	healed_from('slot invalidated');
	set('idle_replication_slot_timeout', 0);
}

# --- what capture itself does is watched by rules, minute by minute of the wall clock
wait_until($node, q{SELECT count(*) = 1 FROM weir.alerts WHERE rule = 'keeps WAL' AND state = 'open' AND family = 'capture'}, 'a rule on capture itself opens an alert');
is($node->safe_psql('postgres', q{SELECT string_agg(rule || ' ' || state, ', ' ORDER BY rule) FROM weir.rule_states}), 'keeps WAL alert, lags ok', 'another is in order');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM weir.test_rule('lags')}), 't', 'and can be tested');

# --- where workers may not run, the budget holds all the same, and a slot that serves nobody goes; without backfill a gap is healed from the monitor's creation on
sub new_and_late { return $node->safe_psql('postgres', q{INSERT INTO fresh SELECT now() + d * interval '1 day' FROM generate_series(-1, 1, 2) d, generate_series(1, 10)}) }

$node->safe_psql('postgres', q{CREATE TABLE fresh(at timestamptz); INSERT INTO fresh SELECT now() - interval '1 day' FROM generate_series(1, 10)});
$node->safe_psql('postgres', q{SELECT weir.create_monitor('fresh', 'fresh', 'at', columns => '{at}', backfill => false, options => '{"insert_only": true}')});
$node->safe_psql('postgres', 'SELECT weir.wait_for()');
new_and_late();
$node->safe_psql('postgres', 'SELECT weir.wait_for()');
set('weir.databases', q('nowhere'));
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type IN ('weir scheduler', 'weir capture')}, 'workers are kept out');
set('weir.max_wal', q('40MB'));
write_wal(4);
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'the launcher drops a slot that is past the budget');
set('weir.max_wal', q('10GB'));
new_and_late();
set('weir.databases', q(''));
healed_from('slot missing');
is($node->safe_psql('postgres', q{SELECT string_agg(concat_ws(' ', pane_start > created_at, n, marks), ', ' ORDER BY pane_start) FROM weir.pane JOIN weir.monitor USING (monitor_id)
  WHERE name = 'fresh' AND generation = 0}), 'f 10 1, t 20 0', 'without backfill: what came since it was created is there, panes of before are marked');
set('weir.databases', q('nowhere'));
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type IN ('weir scheduler', 'weir capture')}, 'kept out again');
$node->safe_psql('postgres', 'SELECT weir.drop_monitor(monitor) FROM weir.monitors');
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'an orphan is dropped though weir may not work there');

$node->stop;
done_testing();
