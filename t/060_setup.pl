# What is missing is said, with the command that mends it; without preload everything but monitors works; dump and restore.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

# --- a server that was not set up
my $node = PostgreSQL::Test::Cluster->new('bare');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION weir');
is($node->safe_psql('postgres', q{SELECT weir.mean(weir.summarize(x)), weir.quantile(x, 0.5) FROM generate_series(1, 9) x}), '5|5', 'aggregates work without preload');
is($node->safe_psql('postgres', q{SELECT verdict FROM weir.drift(ARRAY(SELECT x::float8 FROM generate_series(1, 500) x),
	ARRAY(SELECT x + 900.0::float8 FROM generate_series(1, 500) x)) WHERE is_primary}),
	'alert', 'so does drift');
is($node->safe_psql('postgres', q{SELECT string_agg(check_name, ', ' ORDER BY check_name) FROM weir.check_setup() WHERE NOT ok AND check_name IN ('shared_preload_libraries', 'wal_level')}),
	'shared_preload_libraries, wal_level', 'check_setup finds what is missing');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.check_setup() WHERE ok = (remedy IS NOT NULL)}), 0, 'a remedy where something is missing, and only there');
$node->safe_psql('postgres', q{CREATE TABLE t(id int PRIMARY KEY, at timestamptz NOT NULL, x float8)});
my ($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT weir.create_monitor('t', 't', 'at')});
is($code, 0, 'a monitor can be defined');
# Since PostgreSQL 19 a slot switches logical decoding on where wal_level is replica.
my $level = $node->safe_psql('postgres', 'SHOW server_version_num') >= 190000 ? 'replica' : 'logical';
like($stderr, qr/ALTER SYSTEM SET wal_level = $level/, 'with a notice of the remedy');
like($stderr, qr/ALTER TABLE public\.t REPLICA IDENTITY FULL/, 'and of the replica identity');
for my $call (q{weir.wait_for()}, q{weir.verify('t')}, q{weir.rebuild('t')})
{
	($code, $stdout, $stderr) = $node->psql('postgres', "SELECT $call");
	like($stderr, qr/needs weir to be preloaded.*HINT:/s, "$call says what it needs");
}
is($node->safe_psql('postgres', 'SELECT state FROM weir.capture_status'), 'not preloaded', 'and so does the status');

# --- set up as it says
for my $remedy (split /\n/, $node->safe_psql('postgres', q{SELECT remedy FROM weir.check_setup() WHERE NOT ok}))
{
	$remedy =~ s/; then restart the server//;
	$node->safe_psql('postgres', $_) for split /;/, $remedy;
}
$node->restart;
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.check_setup() WHERE NOT ok}), 0, 'its remedies are enough');
$node->safe_psql('postgres', q{INSERT INTO t SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 1000) i; UPDATE t SET x = 0 WHERE id = 7});
all_equal($node, 't', 'the monitor that was defined before is captured');

# --- a schema that somebody made before
$node->safe_psql('postgres', 'CREATE DATABASE hostile');
$node->safe_psql('hostile', q{CREATE SCHEMA weir; CREATE FUNCTION weir.tumble(timestamptz, interval) RETURNS timestamptz LANGUAGE sql AS 'SELECT $1'});
($code, $stdout, $stderr) = $node->psql('hostile', 'CREATE EXTENSION weir');
like($stderr, qr/schema "weir" already exists/, 'the installation trusts nothing that was there before');

# --- dump and restore: definitions survive, state is built again
$node->safe_psql('postgres', q{SELECT weir.set_baseline('t', since => '2026-01-01', until => '2026-01-02'); SELECT weir.create_rule('r', 't', 'psi', above => 0.2)});
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], 'restore');
$node->safe_psql('copy', q{SELECT weir.wait_for(timeout => '60 s')});
is($node->safe_psql('copy', q{SELECT panes > 0, equal = panes FROM weir.verify('t')}), 't|t', 'the restored monitor is built from its table');
is($node->safe_psql('copy', q{SELECT count(*) FROM weir.rule}), 1, 'its rule is there');
is($node->safe_psql('copy', q{SELECT count(*) FROM pg_replication_slots}), 2, 'with a slot of its own');
$node->safe_psql('copy', q{INSERT INTO t VALUES (5000, '2026-01-01', 5)});
$node->safe_psql('copy', q{SELECT weir.wait_for()});
is($node->safe_psql('copy', q{SELECT equal = panes FROM weir.verify('t')}), 't', 'and goes on');

$node->stop;
done_testing();
