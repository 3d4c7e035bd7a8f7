# Faults at every step between decoding and confirming: nothing is lost, nothing doubled.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('faults');

$node->safe_psql('postgres', q{
CREATE TABLE orders(id bigserial PRIMARY KEY, at timestamptz, amount float8, item text);
ALTER TABLE orders REPLICA IDENTITY FULL;
INSERT INTO orders(at, amount, item) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i, 'item ' || i % 7 FROM generate_series(1, 500) i;
SELECT weir.create_monitor('orders', 'orders', 'at', segment_by => '{item}', window_size => '1 hour')});
all_equal($node, 'orders', 'before any fault');
my ($result, $stdout, $stderr) = $node->psql('postgres', q(ALTER SYSTEM SET weir.fault = 'nowhere'));
like($stderr, qr/invalid value for parameter "weir.fault"/, 'a point that does not exist is refused');

# Every point that there is, some test strikes.
my ($source, @tests) = ("$FindBin::Bin/../src/capture/fault.c", glob "$FindBin::Bin/*.pl");
SKIP:
{
	skip 'the source is not there', 1 unless -r $source;
	my $struck = join '', map { slurp_file($_) } @tests;

	is(join(' ', grep { $struck !~ /'$_[:']/ } slurp_file($source) =~ /\[FAULT_\w+\] = "(\w+)"/g), '', 'each point is one that a test names');
}

# What the fault interrupts is not there in the table either.
sub change
{
	$node->psql('postgres', q{
INSERT INTO orders(at, amount, item) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i, 'item ' || i % 7 FROM generate_series(1, 200) i;
UPDATE orders SET amount = amount + 1 WHERE id % 10 = 0; DELETE FROM orders WHERE id % 100 = 7});
	return;
}

# Runs what comes to the fault, while rows change, and what has come of it.
sub strike
{
	my ($fault, $provoke) = @_;
	my ($times) = $fault =~ /^\w+:\w+:(\d+)/;
	set_fault($node, $fault);
	$provoke->() if $provoke;
	change();
	wait_for_fault($node, $fault, $times // 1);
	set_fault($node, '');
	change() if $provoke;
	$node->poll_query_until('postgres', q(SELECT state = 'streaming' FROM weir.capture_status));
	wait_until($node, q{SELECT NOT EXISTS (SELECT FROM weir.progress WHERE phase NOT IN ('done', 'failed'))}, "after $fault: what is built is ready") if $provoke;
	all_equal($node, 'orders', "after $fault");
	is($node->safe_psql('postgres', q(SELECT (SELECT count(*) FROM orders) = (SELECT sum(n) FROM weir.pane WHERE generation = 0))), 't', 'as many rows as there are');
	return;
}

strike($_) foreach 'change:kill:1:37', 'fold:kill:1:37', 'commit', 'flush_begin', 'flush_decided', 'pane_written:kill:2:3', 'flush_written:exit', 'flush_committed', 'before_confirm',
  'after_confirm:kill:2', 'flush_written:error:2';

# --- likewise at each step of a build, in capture and in the builder
my $rebuild = sub { $node->psql('postgres', q(SELECT weir.rebuild('orders'))) };
strike('definitions', sub { $node->psql('postgres', q(SELECT weir.alter_monitor('orders', lateness => '1 hour'))) });
strike($_, $rebuild) foreach 'cut_taken', 'cut_taken:error', 'cut_committed', 'slice_read', 'slice_written', 'slice_committed', 'slice_committed:exit';
is($node->safe_psql('postgres', q(SELECT count(*) FROM weir.build WHERE state = 'failed')), 0, 'no build has failed for it');
is($node->safe_psql('postgres', q(SELECT count(*) FROM weir.gap)), 0, 'none of them is a gap');

# --- and while capture lets go of a slot and makes another
my $gaps = 0;
foreach my $fault ('gap_written', 'gap_committed', 'slot_created', 'position_stored')
{
	strike($fault, sub {
		$node->safe_psql('postgres', 'SELECT weir.pause_capture()');
		wait_until($node, q{SELECT state = 'paused' FROM weir.capture_status}, "$fault: paused");
		change();
		$node->safe_psql('postgres', 'SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM pg_replication_slots');
		$node->safe_psql('postgres', 'CHECKPOINT'); # or a crash would undo it
		$node->psql('postgres', 'SELECT weir.resume_capture()');
	});
	$gaps++;
	is($node->safe_psql('postgres', q(SELECT count(*) || ' ' || count(healed_at) FROM weir.gap WHERE kind = 'slot ahead')), "$gaps $gaps", "after $fault: the gap is recorded once, and healed");
}

# --- a monitor for which memory runs out, or the worker dies, again and again is set aside; others go on
$node->safe_psql('postgres', q{
CREATE TABLE greedy(at timestamptz, amount float8);
INSERT INTO greedy SELECT '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 100) i;
SELECT weir.create_monitor('greedy', 'greedy', 'at', window_size => '1 hour', options => '{"insert_only": true}')});
all_equal($node, 'greedy', 'another monitor');
sub greedy_rows
{
	$node->psql('postgres', q{INSERT INTO greedy SELECT '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 10) i});
	return;
}

# Three times may be chance.
set_fault($node, 'fold:kill:3');
greedy_rows();
wait_for_fault($node, 'fold:kill:3', 3);
set_fault($node, '');
all_equal($node, 'greedy', 'the worker died three times');

foreach my $case ([ 'fold:kill:4', qr/died 4 times/ ], [ 'pane_written:memory:4', qr/ran out of memory/ ])
{
	my ($fault, $reason) = @$case;
	set_fault($node, $fault);
	greedy_rows();
	wait_for_fault($node, $fault, 4);
	wait_until($node, q{SELECT state = 'disabled' FROM weir.monitors WHERE monitor = 'greedy'}, "$fault: the monitor is set aside");
	like($node->safe_psql('postgres', q{SELECT reason FROM weir.monitors WHERE monitor = 'greedy'}), $reason, 'with its reason');
	set_fault($node, '');
	change();
	all_equal($node, 'orders', 'the other monitor goes on');
	greedy_rows();
	$node->safe_psql('postgres', q{SELECT weir.rebuild('greedy')});
	all_equal($node, 'greedy', 'and this one, once it is begun again');
}

# A server that is ended and started again has nothing to do with the monitor that is worked for.
set_fault($node, 'fold:wait:0');
greedy_rows();
for (1 .. 5)
{
	wait_for_fault($node, 'fold:wait:0', $_);
	$node->stop('immediate');
	$node->start;
}
set_fault($node, '');
all_equal($node, 'greedy', 'a server that is stopped over and over blames nobody');
is($node->safe_psql('postgres', q(SELECT count(*) FROM weir.gap)), $gaps, 'still no other gap');

# A monitor that is committed while capture takes up another one.
set_fault($node, 'definitions:wait:1');
$node->safe_psql('postgres', q{SELECT weir.create_monitor('first twin', 'orders', 'at')});
wait_for_fault($node, 'definitions:wait:1', 1);
$node->safe_psql('postgres', q{SELECT weir.create_monitor('second twin', 'orders', 'at')});
set_fault($node, '');
all_equal($node, $_, "the $_ is built") for 'first twin', 'second twin';

# --- what capture's snapshots see, vacuum keeps: decoding does not hide this worker from it
set_fault($node, 'flush_written:wait:1');
change();
wait_for_fault($node, 'flush_written:wait:1', 1);
$node->safe_psql('postgres', q{CREATE TABLE gone AS SELECT 1 AS x; DELETE FROM gone});
($result, $stdout, $stderr) = $node->psql('postgres', 'VACUUM (VERBOSE) gone');
like($stderr, qr/\b1 are dead but not yet removable/, 'a row that it may see is kept');
set_fault($node, '');
all_equal($node, 'orders', 'and it goes on');

$node->stop;
done_testing();
