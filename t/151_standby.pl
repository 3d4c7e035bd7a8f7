# Physical standbys: weir does nothing there; after a promotion panes are exact, on PostgreSQL 17 and later without a gap.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $primary = start_weir('primary', hot_standby_feedback => 'on', wal_receiver_status_interval => '1s');
my $has_failover = $primary->pg_version >= 17;

$primary->safe_psql('postgres', q{
SELECT pg_create_physical_replication_slot('standby');
CREATE TABLE sales(id bigserial PRIMARY KEY, at timestamptz NOT NULL, amount float8);
ALTER TABLE sales REPLICA IDENTITY FULL;
INSERT INTO sales(at, amount) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 2000) i;
SELECT weir.create_monitor('sales', 'sales', 'at', window_size => '6 hours')});
all_equal($primary, 'sales', 'on the primary');
$primary->backup('backup');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "primary_slot_name = 'standby'\nhot_standby_feedback = on\nwal_receiver_status_interval = 1s\n");
if ($has_failover)
{
	my $connection = $primary->connstr . ' dbname=postgres';
	$standby->append_conf('postgresql.conf', "sync_replication_slots = on\nprimary_conninfo = '$connection'\n");
}
$standby->start;
$primary->wait_for_catchup($standby);

# --- on a standby
is($standby->safe_psql('postgres', q{SELECT state FROM weir.capture_status}), 'in recovery', 'capture does not run on a standby');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'weir%'}), 0, 'nor does any worker of weir');
is($standby->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows WHERE monitor = 'sales'}), 2000, 'windows can be read');
for my $call (q{wait_for()}, q{verify('sales')}, q{rebuild('sales')})
{
	my ($code, $stdout, $stderr) = $standby->psql('postgres', "SELECT weir.$call");
	like($stderr, qr/cannot run on a standby/, "$call says that it is one");
}

my $load = q{DO $$ BEGIN FOR turn IN 1..%d LOOP
INSERT INTO sales(at, amount) SELECT '2026-01-03'::timestamptz + random() * interval '2 days', i FROM generate_series(1, 100) i;
UPDATE sales SET amount = amount + 1 WHERE id %% 500 = turn %% 500; COMMIT; PERFORM pg_sleep(0.005); END LOOP; END $$};

if ($has_failover)
{
	is($primary->safe_psql('postgres', q{SELECT failover FROM pg_replication_slots WHERE plugin = 'weir'}), 't', 'the slot is one for a failover');
	# It does once the slot has moved past the transactions that the standby began with; which a primary where nothing happens does not do.
	my $kept;
	for (1 .. $PostgreSQL::Test::Utils::timeout_default)
	{
		$primary->safe_psql('postgres', $_) for q{UPDATE sales SET amount = amount + 1 WHERE id = 1}, q{SELECT pg_log_standby_snapshot()}, q{UPDATE sales SET amount = amount - 1 WHERE id = 1};
		$primary->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '120 s')});
		$kept = $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE plugin = 'weir' AND synced AND NOT temporary});
		last if $kept;
		sleep 1;
	}
	ok($kept, 'the standby keeps a copy of it') or diag($standby->safe_psql('postgres', 'SELECT * FROM pg_replication_slots'));

	# --- a standby that is connected and behind is waited for, by what is confirmed alone
	$primary->safe_psql('postgres', q{ALTER SYSTEM SET synchronized_standby_slots = 'standby'});
	$primary->reload;
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	my $receiver = $standby->safe_psql('postgres', 'SELECT pid FROM pg_stat_wal_receiver');
	kill 'STOP', $receiver;
	my $confirmed = $primary->safe_psql('postgres', q{SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE plugin = 'weir'});
	$primary->safe_psql('postgres', sprintf($load, 50));
	all_equal($primary, 'sales', 'capture goes on while the standby hangs');
	# What was confirmed last may lie behind the first reading, but not behind what the standby had.
	sleep 2;
	is($primary->safe_psql('postgres', q{SELECT confirmed_flush_lsn <= (SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'standby') FROM pg_replication_slots WHERE plugin = 'weir'}),
		't', 'and confirms nothing that the standby does not have');
	kill 'CONT', $receiver;
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
	ok($primary->poll_query_until('postgres', qq{SELECT confirmed_flush_lsn > '$confirmed' FROM pg_replication_slots WHERE plugin = 'weir'}), 'until it has');

	# --- nor does one that is gone for long cost the slot
	$primary->safe_psql('postgres', q{ALTER SYSTEM SET synchronized_standby_slots = ''});
	$primary->reload;
}

# --- promoted in the middle of a load
my ($out, $err);
my $writer = IPC::Run::start([ 'psql', '-X', '-q', '-d', $primary->connstr('postgres'), '-c', sprintf($load, 400) ], '>', \$out, '2>', \$err);
sleep 2;
$primary->stop('immediate');
$writer->finish;
$standby->promote;
wait_until($standby, q{SELECT state = 'streaming' FROM weir.capture_status}, 'capture begins on the promoted standby');
all_equal($standby, 'sales', 'its panes are neither ahead of its rows nor behind');
if ($has_failover)
{
	is($standby->safe_psql('postgres', 'SELECT count(*) FROM weir.gaps'), 0, 'without a gap');
}
else
{
	is($standby->safe_psql('postgres', q{SELECT kind, healed_at IS NOT NULL FROM weir.gaps}), 'slot missing|t', 'a gap is recorded and healed');
}
note('figure: PostgreSQL ' . $standby->pg_version . ', promoted amid writes: '
	  . $standby->safe_psql('postgres', q{SELECT format('%s of %s panes equal to the table, %s gaps, %s of them healed', equal, panes, (SELECT count(*) FROM weir.gaps),
		(SELECT count(healed_at) FROM weir.gaps)) FROM weir.verify('sales')}));
$standby->safe_psql('postgres', sprintf($load, 20));
all_equal($standby, 'sales', 'and it goes on');

$standby->stop;
done_testing();
