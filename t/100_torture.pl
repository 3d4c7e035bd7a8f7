# Torture: random changes, DDL and definitions from several sessions at once on a subscriber, while workers, walsenders and servers are killed;
# at random moments and at the end every pane equals its batch recomputation, on the promoted standby as well.
# WEIR_TORTURE_SEED repeats a run's statements and blows (not their interleaving), WEIR_TORTURE_SECONDS makes it longer.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use WeirTest;
use WeirTorture;

my $seed = $ENV{WEIR_TORTURE_SEED} // int(time * 1000) % 1_000_000_007;
my $seconds = $ENV{WEIR_TORTURE_SECONDS} // 40;
note "WEIR_TORTURE_SEED=$seed WEIR_TORTURE_SECONDS=$seconds";
srand($seed);

my $publisher = start_publisher('publisher');
# Checkpoints come as blows, and not because a server for tests has as good as no memory.
my %room = (shared_buffers => "'64MB'", max_wal_size => "'1GB'");
$publisher->append_conf('postgresql.conf', join "\n", 'restart_after_crash = on', 'max_prepared_transactions = 10', map({ "$_ = $room{$_}" } sort keys %room), '');
$publisher->restart;
my $node = start_weir('subscriber', max_prepared_transactions => 10, logical_decoding_work_mem => '64kB', hot_standby => 'on', %room);

for my $server ($publisher, $node)
{
	$server->safe_psql('postgres', torture_events());
}
subscribe($publisher, $node, 'events');
$node->safe_psql('postgres', torture_parts());
$publisher->safe_psql('postgres', first_rows('events', 1));
$node->safe_psql('postgres', first_rows('parts', 2) . torture_monitors());
$publisher->wait_for_catchup('weir_test');
all_monitors_equal($node, 'before the storm');

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

# --- the storm
my $directory = $node->basedir;
my @writers;
for my $number (1 .. 4)
{
	my $on_publisher = $number == 1;

	push @writers, start_writer($on_publisher ? $publisher : $node, "$directory/writer$number",
		map { $on_publisher ? change_of_events($number) : change($number) } 1 .. $seconds * 40);
}

my $end = time + $seconds;
my %blows;
my $verified = 0;
while (time < $end)
{
	my $blow = blow();

	sleep 0.3 + rand 1.5;
	$blows{$blow}++;
	note sprintf '%5.1f s before the end: %s', $end - time, $blow;
	if ($blow eq 'verify')
	{
		my $monitor = ('events', 'by_region', 'filtered', 'parts', 'kept', 'kept parts')[ rand 6 ];
		my ($different, $error) = verify_now($node, $monitor);

		next unless defined $different;
		# What was just rewritten is marked, not compared, until it has been read again.
		like($different, qr/^0\|\d+\|$/, "$monitor equals its source in the middle of the storm");
		$verified++;
	}
	else { strike($blow, $node, $publisher) }
}
stop_writer($_) for @writers;
note 'blows: ' . join ', ', map { "$_ $blows{$_}" } sort keys %blows;
my @counts = map { writer_count($_) } @writers;
note "transactions: @counts";
cmp_ok($counts[0] + $counts[1] + $counts[2] + $counts[3], '>', 20, 'there was a storm');

settle($node);
# Whatever was truncated last: there are rows to compare.
$node->safe_psql('postgres',
	qq{INSERT INTO $_(id, at, amount, item, region) SELECT 1000000001 + 2 * i, '2026-01-04'::timestamptz + i * interval '1 min', i, 'last', 'last' FROM generate_series(1, 500) i})
  for qw(events parts);
caught_up($publisher, $node);
all_monitors_equal($node, 'after the storm');

# --- what comes after still arrives
$publisher->safe_psql('postgres', q{INSERT INTO events(id, at, amount, region) SELECT 2000000001 + 2 * i, '2026-01-05'::timestamptz + i * interval '1 min', i, 'after' FROM generate_series(1, 500) i});
caught_up($publisher, $node);
all_monitors_equal($node, 'with rows from after the storm');

# --- promotion
$node->wait_for_catchup($standby, 'replay', $node->lsn('flush'));
$node->stop('immediate');
$standby->promote;
$standby->poll_query_until('postgres', q{SELECT state = 'streaming' FROM weir.capture_status}) or diag 'capture does not stream on the promoted standby';
$standby->safe_psql('postgres',
	q{INSERT INTO events(id, at, amount, region) SELECT 3000000000 + 2 * i, '2026-01-06'::timestamptz + i * interval '1 min', i, 'promoted' FROM generate_series(1, 500) i});
settle($standby);
all_monitors_equal($standby, 'on the promoted standby');

$standby->stop;
$publisher->stop;
done_testing();
