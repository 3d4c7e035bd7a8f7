# Capture among users who do not wait for it: builds under load, changed types, locks, workers ended by hand.
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
$node->safe_psql('postgres', q{
CREATE TABLE sales(id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), amount float8 DEFAULT random(), item text DEFAULT 'x', other int DEFAULT 1);
ALTER TABLE sales REPLICA IDENTITY FULL;
INSERT INTO sales(at) SELECT now() - i * interval '1 s' FROM generate_series(1, 2000) i;
SELECT weir.create_monitor('sales', 'sales', 'at', window_size => '1 hour')});
all_equal($node, 'sales', 'before the load');

# --- builds while rows arrive all the time
my $script = $node->basedir . '/load.sql';
append_to_file($script, "\\set id random(1, 2000)\nINSERT INTO sales DEFAULT VALUES;\nUPDATE sales SET amount = random() WHERE id = :id;\n");
my $load = IPC::Run::start([ 'pgbench', '-n', '-c', '2', '-T', '12', '-f', $script, '-d', $node->connstr('postgres') ], '>', \my $out, '2>', \my $err);
my @verified;
push @verified, $node->safe_psql('postgres', q{SELECT different, marked, panes > 0 FROM weir.verify('sales')}) for 1 .. 4;
is(join(' ', @verified), '0|0|t 0|0|t 0|0|t 0|0|t', 'verify under load');
$node->safe_psql('postgres', q{SELECT weir.create_monitor('second', 'sales', 'at', window_size => '1 hour', segment_by => '{item}'); SELECT weir.rebuild('sales')});
sleep 2;
is($node->safe_psql('postgres', q{SELECT different, marked, panes > 0 FROM weir.verify('second')}), '0|0|t', 'a monitor that was created under load');
$load->finish;
all_equal($node, 'sales', 'after the load');
all_equal($node, 'second', 'both');

# --- a transaction that drops a monitor and stays open stops nobody
my ($in, $dropping) = ('', '');
my $session = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$dropping);
$in .= "BEGIN; SELECT weir.drop_monitor('second'); SELECT 'dropped';\n";
$session->pump until $dropping =~ /dropped/;
$node->safe_psql('postgres', q{SELECT weir.rebuild('sales'); INSERT INTO sales DEFAULT VALUES});
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
is($node->safe_psql('postgres', q{SELECT different FROM weir.verify('sales')}), '0', 'capture goes on while a transaction that drops a monitor is open');
$in .= "ROLLBACK;\n\\q\n";
$session->finish;

# --- the end of WAL at the beginning of a page
$node->safe_psql('postgres', q{SELECT pg_switch_wal(); SELECT weir.wait_for()});
pass('wait_for at the beginning of a segment');

# --- other types than those that the definition was made for
$node->safe_psql('postgres', q{ALTER TABLE sales ALTER item DROP DEFAULT, ALTER item TYPE bytea USING item::bytea; INSERT INTO sales DEFAULT VALUES});
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE '%type%' FROM weir.monitors WHERE monitor = 'second'}, 'a type that cannot be a segment disables the monitor, with its reason');
wait_until($node, q{SELECT state = 'active' FROM weir.monitors WHERE monitor = 'sales'}, 'the one that only summarizes the column goes on');
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM weir.check_setup() WHERE NOT ok AND check_name LIKE 'monitor %'}), 't', 'check_setup says so');
my ($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT * FROM weir.verify('second')});
like($stderr, qr/is disabled/, 'and so does verify');
$node->safe_psql('postgres', q{ALTER TABLE sales ALTER item TYPE text USING 'x', ALTER item SET DEFAULT 'x'; SELECT weir.rebuild('second')});
wait_until($node, q{SELECT bool_and(s.state = 'active') FROM weir.monitor_state s}, 'rebuild begins it again');
all_equal($node, 'sales', 'with all its rows');

# --- an unchanged value that is stored out of line, in a filter
$node->safe_psql('postgres', q{
CREATE TABLE notes(id int PRIMARY KEY, at timestamptz, x int, note text); ALTER TABLE notes ALTER note SET STORAGE EXTERNAL; ALTER TABLE notes REPLICA IDENTITY FULL;
INSERT INTO notes SELECT i, now(), i, repeat('b', 10000) FROM generate_series(1, 20) i;
SELECT weir.create_monitor('notes', 'notes', 'at', filter => $$note > 'a'$$);});
$node->safe_psql('postgres', q{SELECT weir.wait_for(); UPDATE notes SET x = x + 1 WHERE id < 10});
all_equal($node, 'notes', 'a filter over a value stored out of line');

# --- a filter that fails for a value sets its monitor aside, and nobody notices
$node->safe_psql('postgres', q{SELECT weir.create_monitor('fragile', 'notes', 'at', columns => '{x}', filter => '100 / x > 0')});
all_equal($node, 'fragile', 'a filter that divides');
my $pid = capture_pid($node);
$node->safe_psql('postgres', q{INSERT INTO notes VALUES (0, now(), 0, 'c'), (50, now(), 50, 'd')});
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE '%division by zero%' FROM weir.monitors WHERE monitor = 'fragile'}, 'is set aside with its reason');
all_equal($node, 'notes', 'the other monitor of the table goes on');
is(capture_pid($node), $pid, 'and capture did not begin again');
$node->safe_psql('postgres', q{SELECT weir.drop_monitor('fragile'); DELETE FROM notes WHERE id IN (0, 50)});

# --- TRUNCATE that keeps history
$node->safe_psql('postgres', q{SELECT weir.create_monitor('kept', 'notes', 'at', on_delete => 'ignore')});
$node->safe_psql('postgres', q{SELECT weir.wait_for(); INSERT INTO notes VALUES (100, now(), 1, 'c')});
$node->safe_psql('postgres', q{SELECT weir.wait_for(); TRUNCATE notes; INSERT INTO notes VALUES (101, now(), 1, 'c')});
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
is($node->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows WHERE monitor = 'kept' AND segment IS NULL}), 22, 'history is kept');
is($node->safe_psql('postgres', q{SELECT different, marked > 0 FROM weir.verify('kept')}), '0|t', 'and marked');
all_equal($node, 'notes', 'the other monitor forgot it');

# --- more segments than a key can have
$node->safe_psql('postgres', 'CREATE TABLE wide(at timestamptz, ' . join(', ', map { "c$_ int" } 1 .. 40) . ')');
($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT weir.create_monitor('wide', 'wide', 'at', segment_by => ARRAY(SELECT 'c' || i FROM generate_series(1, 40) i)::text[])});
like($stderr, qr/at most 8 segment columns/, 'more than eight segment columns are refused');

# --- launcher and scheduler ended by hand, one after the other
for my $type ('weir scheduler', 'weir launcher', 'weir scheduler')
{
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = '$type'");
	sleep 2;
}
wait_until($node, q{SELECT count(*) = 3 AND count(DISTINCT backend_type) = 3 FROM pg_stat_activity WHERE backend_type IN ('weir scheduler', 'weir launcher', 'weir capture')},
	'there is one of each again');
$node->safe_psql('postgres', q{INSERT INTO sales DEFAULT VALUES});
all_equal($node, 'sales', 'and capture works');

# --- settings that are meant for sessions: the workers go by their own
my $old_pid = capture_pid($node);
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'; ALTER DATABASE postgres SET lock_timeout = '50ms';
	ALTER DATABASE postgres SET default_transaction_read_only = on});
wait_until($node, "SELECT pid <> $old_pid AND state = 'streaming' FROM weir.capture_status", 'capture begins again with the settings of its database');
$session = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres') ], '<', \($in = "BEGIN READ WRITE; LOCK TABLE sales; SELECT 'locked';\n"), '>', \($dropping = ''));
$session->pump until $dropping =~ /locked/;
$node->safe_psql('postgres', q{BEGIN READ WRITE; SELECT weir.rebuild('sales'); COMMIT});
$in .= "SELECT pg_sleep(1.5); INSERT INTO sales DEFAULT VALUES; COMMIT;\n\\q\n";
$session->finish;
all_equal($node, 'sales', 'as long as it takes');
is($node->safe_psql('postgres', q{SELECT state FROM weir.monitors WHERE monitor = 'sales'}), 'active', 'and its monitor goes on');
$node->safe_psql('postgres', q{BEGIN READ WRITE; ALTER DATABASE postgres RESET ALL; COMMIT});

# --- a filter's times are those of who wrote it, whatever the settings of the workers
$node->safe_psql('postgres', q{SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Tokyo'; SET IntervalStyle = 'sql_standard';
CREATE TABLE dated(at timestamptz NOT NULL, day date, lag interval, x float8); ALTER TABLE dated REPLICA IDENTITY FULL;
INSERT INTO dated SELECT timestamptz '2026-01-01 00:00:00+00' + i * interval '1 hour', date '2026-01-01' + i / 24, i * interval '1 hour', i FROM generate_series(1, 2000) i;
SELECT weir.create_monitor('dated', 'dated', 'at', columns => '{x}', filter => $$day >= '03/02/2026' AND at < '05/03/2026 00:00' AND lag > '-1 2:00'$$)});
all_equal($node, 'dated', 'a filter with times');
my $expected = $node->safe_psql('postgres', q{SELECT count(*) FROM dated WHERE day >= '2026-02-03' AND at < '2026-03-05 00:00+09'});
is($node->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows WHERE monitor = 'dated'}), $expected, 'means what it meant to who wrote it');
$node->safe_psql('postgres', q{SET DateStyle = 'German'; ALTER TABLE dated RENAME day TO date; SELECT weir.wait_for()});
all_equal($node, 'dated', 'also when a column of it is renamed');
is($node->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows WHERE monitor = 'dated'}), $expected, 'it means the same');
$node->safe_psql('postgres', q{SELECT weir.drop_monitor('dated')});

# --- who waits for a position that is far away makes nobody else wait
$node->safe_psql('postgres', q{ALTER SYSTEM SET weir.flush_interval = '60s'});
$node->reload;
$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '120 s'); INSERT INTO sales DEFAULT VALUES});
$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '120 s'); INSERT INTO sales DEFAULT VALUES});
($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT weir.wait_for('FFFFFFF/0', timeout => '10 ms')});
like($stderr, qr/has not reached/, 'a position that is far away');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT weir.wait_for(timeout => '30 s')) w}), 1, 'the next who waits is flushed for');
$node->safe_psql('postgres', q{ALTER SYSTEM RESET weir.flush_interval});
$node->reload;

# --- weir.databases away and back again
$node->safe_psql('postgres', q{ALTER SYSTEM SET weir.databases = 'nowhere'});
$node->reload;
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type IN ('weir scheduler', 'weir capture')}, 'weir.databases keeps the workers out');
is($node->safe_psql('postgres', q{SELECT ok FROM weir.check_setup() WHERE check_name = 'weir.databases'}), 'f', 'check_setup says so');
$node->safe_psql('postgres', q{ALTER SYSTEM RESET weir.databases});
$node->reload;
wait_until($node, q{SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type IN ('weir scheduler', 'weir capture')}, 'and lets them in again');

# --- weir.capture_nice: lower at once, higher again in a new process
sub nice_becomes
{
	my ($wanted, $what, $former) = @_;
	my $pid;

	for (1 .. 1800)
	{
		$pid = capture_pid($node);
		last if $pid && $pid != ($former // 0) && (getpriority(0, $pid) // -100) == $wanted;
		select(undef, undef, undef, 0.1);
	}
	is($pid && getpriority(0, $pid), $wanted, $what);
	return $pid;
}
my $usual = getpriority(0, 0);
my $capture = nice_becomes($usual, 'capture has the priority of the server');
$node->safe_psql('postgres', q{ALTER SYSTEM SET weir.capture_nice = 19});
$node->reload;
is(nice_becomes(19, 'and the lowest one'), $capture, 'in the same process');
$node->safe_psql('postgres', q{INSERT INTO sales DEFAULT VALUES});
all_equal($node, 'sales', 'which goes on');
$node->safe_psql('postgres', q{ALTER SYSTEM RESET weir.capture_nice});
$node->reload;
isnt(nice_becomes($usual, 'and the usual one again', $capture), $capture, 'in another process');
$node->safe_psql('postgres', q{INSERT INTO sales DEFAULT VALUES});
all_equal($node, 'sales', 'which goes on where that was');

# --- what people set for a database is meant for their sessions: not for weir's, which write there, wait for locks and read texts
my %for_sessions = (default_transaction_read_only => 'on', default_transaction_isolation => 'serializable', default_transaction_deferrable => 'on', statement_timeout => '1',
	lock_timeout => '1', idle_in_transaction_session_timeout => '1', session_replication_role => 'replica', datestyle => 'SQL, DMY', intervalstyle => 'sql_standard',
	array_nulls => 'off', standard_conforming_strings => 'off', quote_all_identifiers => 'on', extra_float_digits => '-15', timezone => 'Asia/Kolkata', row_security => 'off',
	search_path => 'pg_temp, nowhere', synchronous_commit => 'off');
$for_sessions{transaction_timeout} = '1' if $node->pg_version >= 17;
$node->safe_psql('postgres', join ';', map { "ALTER DATABASE postgres SET $_ = " . ($_ eq 'search_path' ? $for_sessions{$_} : "'$for_sessions{$_}'") } sort keys %for_sessions);
{
	# The test's own sessions are as before.
	local $ENV{PGOPTIONS} = join ' ', '-c search_path=public', map { "-c $_=off" } qw(default_transaction_read_only default_transaction_deferrable);
	$ENV{PGOPTIONS} .= join '', map { " -c $_=0" } grep { /timeout/ } sort keys %for_sessions;
	$ENV{PGOPTIONS} .= ' -c default_transaction_isolation=read\ committed';
	wait_until($node, qq{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'weir capture' AND pid <> $capture}, 'capture takes note of what is set for a database');
	$node->safe_psql('postgres', q{UPDATE sales SET item = 'set' WHERE id % 3 = 0; DELETE FROM sales WHERE id % 5 = 0;
SELECT weir.create_monitor('settings', 'sales', 'at', segment_by => '{item}', filter => 'id > 2'); SELECT weir.rebuild('sales')});
	all_equal($node, $_, "$_: settings of a database are not weir's") for 'sales', 'settings';
	$node->restart;
	$node->safe_psql('postgres', q{INSERT INTO sales DEFAULT VALUES});
	all_equal($node, $_, "$_: nor in the workers of another start") for 'sales', 'settings';
}

$node->stop;
done_testing();
