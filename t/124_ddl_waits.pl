# DDL does not wait for weir, and weir does not wait for DDL.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('local', lock_timeout => "'5s'");

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A session that keeps a transaction open.
sub session
{
	my ($query) = @_;
	my ($in, $out) = ('', '');
	my $handle = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out);
	$in .= "$query; SELECT 'done';\n";
	$handle->pump until $out =~ /done/;
	return sub { $in .= "$_[0];\n\\q\n"; $handle->finish };
}

sql(q{CREATE TABLE big(id bigint, at timestamptz, x float8); ALTER TABLE big REPLICA IDENTITY FULL;
INSERT INTO big SELECT i, '2026-01-01'::timestamptz + i * interval '1 s', i FROM generate_series(1, 60000) i;
CREATE TABLE small(id int, at timestamptz, x float8) PARTITION BY RANGE (at); CREATE TABLE small_1 PARTITION OF small DEFAULT; ALTER TABLE small_1 REPLICA IDENTITY FULL;
INSERT INTO small SELECT i, '2026-01-01', i FROM generate_series(1, 100) i});

# --- a build that would take a minute holds up no DDL
sql(q{ALTER SYSTEM SET weir.build_rate = 1000}); $node->reload;
sql(q{SELECT weir.create_monitor('big', 'big', 'at', window_size => '1 hour')});
wait_until($node, q{SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE relation = 'big'::regclass AND granted AND backend_type = 'weir builder')},
	'the builder reads');
for my $command ('ALTER TABLE big ADD y int', 'ALTER TABLE big ALTER x TYPE numeric', 'VACUUM FULL big', 'TRUNCATE big', 'ALTER TABLE big RENAME x TO z')
{
	# TRUNCATE, once captured, leaves nothing to build.
	is(sql(q{SELECT state IN ('starting', 'building') FROM weir.monitors WHERE monitor = 'big'}), 't', 'the build goes on all the same') if $command =~ /TRUNCATE/;
	is($node->psql('postgres', $command, extra_params => [ '-v', 'ON_ERROR_STOP=1' ]), 0, "$command does not wait for a build");
	sql(q{INSERT INTO big(id, at) SELECT i, '2026-01-01'::timestamptz + i * interval '1 s' FROM generate_series(1, 10000) i}) if $command =~ /TRUNCATE/;
}
sql(q{ALTER SYSTEM RESET weir.build_rate}); $node->reload;
all_equal($node, 'big', 'and is right in the end');

# --- nor the making anew of an index by which rows are found
sql(q{CREATE INDEX big_at ON big(at); ALTER SYSTEM SET weir.build_slice_rows = 2000; ALTER SYSTEM SET weir.build_rate = 100}); $node->reload;
sql(q{SELECT weir.rebuild('big')});
wait_until($node, q{SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE relation = 'big_at'::regclass AND granted AND backend_type = 'weir builder')},
	'the builder reads by an index');
is($node->psql('postgres', 'REINDEX INDEX big_at', extra_params => [ '-v', 'ON_ERROR_STOP=1' ]), 0, 'REINDEX does not wait for a build');
sql(q{ALTER SYSTEM RESET weir.build_rate; ALTER SYSTEM RESET weir.build_slice_rows}); $node->reload;
all_equal($node, 'big', 'which is right in the end');

# --- a transaction with DDL that stays open holds up no other monitor, and no new one of another table
sql(q{SELECT weir.create_monitor('small', 'small', 'at')});
all_equal($node, 'small', 'another table');
my $alter = session(q{BEGIN; ALTER TABLE big ADD yy int; ALTER TABLE big ALTER z TYPE float8; CREATE TABLE extra(id int, at timestamptz, x float8)});
sql(q{INSERT INTO small SELECT i, '2026-01-02', i FROM generate_series(1, 100) i});
is(sql(q{SELECT count(*) FROM (SELECT weir.wait_for(timeout => '20 s')) s}), 1, 'capture goes on while DDL on another table is not committed');
is(sql(q{SELECT equal = panes FROM weir.verify('small')}), 't', 'and verifies');
sql(q{SELECT weir.create_monitor('second', 'small', 'at', filter => 'x > 10'); SELECT weir.drop_monitor('second');
	SELECT weir.create_monitor('second', 'small', 'at', filter => 'x > 10')});
is(sql(q{SELECT count(*) FROM (SELECT weir.wait_for(timeout => '20 s')) s}), 1, 'takes up new monitors');
my $pid = capture_pid($node);
sql("SELECT pg_terminate_backend($pid)");
wait_until($node, "SELECT pid IS NOT NULL AND pid <> $pid AND state = 'streaming' FROM weir.capture_status", 'begins anew');
is(sql(q{SELECT count(*) FROM (SELECT weir.wait_for(timeout => '20 s')) s}), 1, 'and is level again');
sql(q{SELECT weir.rebuild('big'); SELECT pg_sleep(1); SELECT weir.create_monitor('third', 'small', 'at')});
wait_until($node, q{SELECT state = 'active' FROM weir.monitors WHERE monitor = 'third'}, 'builds new ones though a rebuild of that table waits');
is(sql(q{SELECT state FROM weir.build ORDER BY build_id DESC OFFSET 1 LIMIT 1}), 'requested', 'which it does');
$alter->('COMMIT');
all_equal($node, 'big', 'the DDL is committed');

# --- a partition that is attached while its rows are locked by others, detached while weir verifies
sql(q{CREATE TABLE small_2(LIKE small); ALTER TABLE small_2 REPLICA IDENTITY FULL; INSERT INTO small_2 SELECT i, '2027-01-01', i FROM generate_series(1, 100) i});
is($node->psql('postgres', q{ALTER TABLE small ATTACH PARTITION small_2 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')}), 0, 'ATTACH does not wait');
all_equal($node, 'small', 'the attached rows are there');
is($node->psql('postgres', q{DROP TABLE small_2}), 0, 'DROP of a partition does not wait');
all_equal($node, 'small', 'they are gone');
all_equal($node, 'second', 'from the other monitor, too');

# --- whoever only has a monitor holds no lock on its table
is(sql(q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
	WHERE relation IN ('big'::regclass, 'small'::regclass, 'small_1'::regclass) AND backend_type LIKE 'weir%'}), 0, 'capture holds no lock on a source');

$node->stop;
done_testing();
