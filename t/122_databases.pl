# Commands that need a captured database to itself: they succeed while capture runs, and capture comes back when they fail.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('local');

# A database with a monitor that is captured.
sub captured
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, q{CREATE EXTENSION weir; CREATE TABLE t(at timestamptz, x int); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t SELECT now(), i FROM generate_series(1, 100) i;
		SELECT weir.create_monitor('t', 't', 'at')});
	$node->safe_psql($name, q{SELECT weir.wait_for(timeout => '60 s')});
}

# Its panes equal its table, and no gap was needed for it.
sub equal
{
	my ($name, $what) = @_;
	$node->safe_psql($name, q{INSERT INTO t VALUES (now(), 1)});
	$node->safe_psql($name, q{SELECT weir.wait_for(timeout => '60 s')});
	is($node->safe_psql($name, q{SELECT panes > 0, different, marked, (SELECT count(*) FROM weir.gap WHERE kind <> 'foreign identity') FROM weir.verify('t')}),
		't|0|0|0', $what);
}

sub slots { return $node->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots}) }

captured('shop');
equal('shop', 'captured');

# --- names and places
$node->safe_psql('postgres', 'ALTER DATABASE shop RENAME TO store');
equal('store', 'renamed');
my $space = $node->basedir . '/space';
mkdir $space;
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$space'");
$node->safe_psql('postgres', 'ALTER DATABASE store SET TABLESPACE elsewhere');
equal('store', 'moved to another tablespace');
$node->safe_psql('postgres', 'BEGIN; ALTER DATABASE store RENAME TO never; ROLLBACK');
equal('store', 'a renaming that was rolled back');

# --- copies
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE store');
equal('store', 'the original of a copy');
wait_until($node, q{SELECT count(*) = 2 FROM pg_replication_slots}, 'the copy has a slot of its own');
equal('copy', 'and is captured by itself');
is($node->safe_psql('copy', q{SELECT count(*) FROM weir.gap WHERE kind = 'foreign identity'}), 1, 'what it copied of the position is not believed');

# --- commands that fail
my ($in, $out) = ('', '');
my $guest = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('store') ], '<', \$in, '>', \$out);
$in .= "SELECT 'there';\n";
$guest->pump until $out =~ /there/;
for my $command ('DROP DATABASE store', 'CREATE DATABASE never TEMPLATE store')
{
	my ($code, $stdout, $stderr) = $node->psql('postgres', $command);
	like($stderr, qr/being accessed by other users/, "$command fails while others are there");
}
equal('store', 'and capture comes back, where it was');
$node->safe_psql('postgres', q{CREATE ROLE stranger LOGIN});
my $pid = $node->safe_psql('store', 'SELECT pid FROM weir.capture_status');
my ($code, $stdout, $stderr) = $node->psql('postgres', 'DROP DATABASE store', extra_params => [ '-U', 'stranger' ]);
like($stderr, qr/must be owner/, 'one who may not drop it');
is($node->safe_psql('store', 'SELECT pid FROM weir.capture_status'), $pid, 'does not disturb capture by trying');

# --- away
$node->safe_psql('postgres', 'DROP DATABASE store WITH (FORCE)');
eval { $guest->finish };
is(slots(), 1, 'DROP DATABASE WITH (FORCE) succeeds, and the slot goes with it');
$node->safe_psql('postgres', 'DROP DATABASE copy');
is(slots(), 0, 'DROP DATABASE, too');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_origin}), 0, 'and the origins of their writes');
captured('shop');
equal('shop', 'a new database of an old name');

# --- the extension is dropped: by a transaction that thinks better of it, and for good
$node->safe_psql('shop', 'BEGIN; DROP EXTENSION weir; SELECT pg_sleep(2); ROLLBACK');
equal('shop', 'DROP EXTENSION was rolled back');
$node->safe_psql('shop', 'DROP EXTENSION weir');
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'the slot goes with the extension');
my $load = IPC::Run::start(
	[ 'psql', '-X', '-q', '-d', $node->connstr('shop'), '-c', q{DO $$ BEGIN FOR i IN 1..400 LOOP INSERT INTO t SELECT now(), i FROM generate_series(1, 100) i;
	COMMIT; PERFORM pg_sleep(0.01); END LOOP; END $$} ],
	'>', \my $ignored, '2>', \my $errors);
for my $round (1 .. 3)
{
	$node->safe_psql('shop', q{CREATE EXTENSION weir; SELECT weir.create_monitor('t', 't', 'at')});
	$node->safe_psql('shop', q{SELECT weir.wait_for(timeout => '60 s')});
	is($node->psql('shop', 'DROP EXTENSION weir'), 0, "DROP EXTENSION while capture flushes, $round");
}
$load->finish;
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'again without a slot');

# Tasks read and lock one table after the other, most when the server has just begun.
for my $round (1 .. 3)
{
	$node->safe_psql('shop', q{CREATE EXTENSION weir; SELECT weir.create_monitor('t', 't', 'at', window_size => '1 hour');
		SELECT weir.create_rule('rule ' || i, 't', 'mean', above => 1e6, column_name => 'x') FROM generate_series(1, 10) i; SELECT weir.wait_for(timeout => '60 s')});
	$node->restart;
	is($node->psql('shop', "SELECT pg_sleep(0.1 * $round); DROP EXTENSION weir CASCADE"), 0, "DROP EXTENSION beside tasks, $round");
}
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'without a slot');

# --- a table that was out of the log for a moment
captured('brief');
$node->safe_psql('brief', q{BEGIN; ALTER TABLE t SET UNLOGGED; INSERT INTO t SELECT now(), i FROM generate_series(1, 500) i; ALTER TABLE t SET LOGGED; COMMIT});
equal('brief', 'rows that came while a table was unlogged');

# --- long records (the commit of CREATE EXTENSION) behind invalidations of others, and the end of what is written behind them
my $reader = $node->safe_psql('brief', 'SELECT pid FROM weir.capture_status');
my @others = map {
	my ($out, $err) = ('', '');
	IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), map { ('-c', $_) } @$_ ], '>', \$out, '2>', \$err)
} (map { ["DO \$\$ BEGIN FOR i IN 1..4000 LOOP CREATE TABLE d$_(); DROP TABLE d$_; COMMIT; END LOOP; END \$\$"] } 1 .. 2),
	[ ('CREATE EXTENSION weir', 'DROP EXTENSION weir') x 12 ];
$_->finish or fail('another session') foreach @others;
equal('brief', 'capture reads over long records');
is($node->safe_psql('brief', 'SELECT pid FROM weir.capture_status'), $reader, 'without a new worker');

# --- a database without a schema public, one that gets another, and settings of old
$node->safe_psql('postgres', q{CREATE DATABASE bare; ALTER DATABASE bare SET search_path = ''});
$node->safe_psql('postgres', q{ALTER DATABASE bare SET standard_conforming_strings = off}) if $node->pg_version < 19;
is($node->safe_psql('bare', q{SET client_min_messages = error; DROP SCHEMA public; CREATE EXTENSION weir; CREATE EXTENSION weir_citus; CREATE SCHEMA public; DROP SCHEMA public CASCADE;
	SELECT count(*) FROM pg_extension WHERE extname ~ '^weir'}),
	2, 'the extension is in no schema that is dropped for another reason');
is($node->safe_psql('bare', <<'SQL'), 't|t', 'texts with backslashes');
SELECT weir._prometheus_labels('x', E'a"\\\n') = E'{x="a\\"\\\\\\n"}', count(*) > 0 FROM weir.check_setup()
SQL

is($node->safe_psql('bare', q{SELECT weir.wait_for() IS NOT NULL}), 't', 'there is nothing to wait for where nothing is monitored');

# --- more databases than weir keeps track of: those without it make room
$node->safe_psql('postgres', join '', map { "CREATE DATABASE other_$_ STRATEGY file_copy;" } 1 .. 65);
captured('other_66');
equal('other_66', 'the last of many databases');

$node->stop;
done_testing();
