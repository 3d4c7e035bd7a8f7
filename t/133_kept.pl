# Rows that are deleted between the request of a build and the cut of their slice, where deletes are ignored: none is lost, none counts
# twice, at every point where a delete can come, after crashes, in transactions in progress. Beside it stands a table where nothing is deleted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('kept', 'weir.build_slice_rows' => 1000);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# What happens to the table happens to its twin too, but for what is deleted.
sub both
{
	my ($statement) = @_;

	sql(join '; ', map { (my $one = $statement) =~ s{%(?= |\()}{$_}g; $one } qw(visit twin));
	return;
}

sub forget { return sql("DELETE FROM visit WHERE $_[0]") }

# Waits until capture has so many rows apart for builds.
sub kept_are
{
	my ($n, $what) = @_;
	return wait_until($node, "SELECT coalesce(sum(p.n), 0) = $n FROM weir.pane p JOIN weir.build b ON b.kept = p.generation", $what);
}

# Every window of the monitor is that of its twin, of which nothing was deleted; so many of its panes differ from the table.
sub is_whole
{
	my ($monitor, $twin, $what) = @_;

	sql(q{SELECT weir.wait_for(timeout => '120 s')});
	is(sql(qq{SELECT count(*) > 0, count(*) FILTER (WHERE (k.n, k.mean, k.min, k.max, k.p50, k.distinct_count, k.status) IS DISTINCT FROM
		(t.n, t.mean, t.min, t.max, t.p50, t.distinct_count, t.status))
		FROM (SELECT * FROM weir.window_stats('$monitor') WHERE segment IS NOT NULL) k
		FULL JOIN (SELECT * FROM weir.window_stats('$twin') WHERE segment IS NOT NULL) t USING (window_start, segment, column_name)}), 't|0', $what);
	is(sql("SELECT different FROM weir.verify('$monitor')"), '0', '... and where the table has them all, panes are equal');
	is(sql(q{SELECT count(*) FROM weir.pane WHERE generation <> 0}), '0', '... and nothing is left over');
	return;
}

both(q{CREATE TABLE %(id int PRIMARY KEY, at timestamptz NOT NULL, place text, x float8, y float8, z float8); ALTER TABLE % REPLICA IDENTITY FULL;
CREATE INDEX ON %(at); INSERT INTO % SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', (ARRAY['roof','cellar'])[1 + mod(i, 2)], mod(i, 997), -i, mod(i, 7)
FROM generate_series(1, 3000) i});
sql(q{SELECT weir.create_monitor('twin', 'twin', 'at', columns => '{x}', segment_by => '{place}', window_size => '1 day'); SELECT weir.wait_for()});

# --- what was deleted before the monitor is made is not in it, however far capture is behind
set_fault($node, 'flush_begin:wait:0');
sql(q{DELETE FROM visit WHERE id BETWEEN 1 AND 50});
sql(q{SELECT weir.create_monitor('kept', 'visit', 'at', columns => '{x}', segment_by => '{place}', window_size => '1 day', on_delete => 'ignore')});
sql(q{DELETE FROM twin WHERE id BETWEEN 1 AND 50});
forget('id BETWEEN 51 AND 150');
set_fault($node, '');
is_whole('kept', 'twin', 'deleted right after the monitor was made, but not what was deleted before');

# --- before the cut; after it; inserted, moved and updated meanwhile; twice
set_fault($node, 'plan:wait:0');
sql(q{SELECT weir.rebuild('kept')});
both(q{INSERT INTO % SELECT i, '2026-01-05', 'roof', 5000 + i, i, i FROM generate_series(3001, 3010) i; UPDATE % SET at = at + interval '3 days', x = x + 0.5
WHERE id BETWEEN 1001 AND 1020});
forget('id BETWEEN 3001 AND 3005 OR id BETWEEN 1001 AND 1010 OR id = 2000');
kept_are(16, 'what is deleted before the cut is kept apart');
set_fault($node, 'slice_read:wait:0');
wait_for_fault($node, 'slice_read:wait:0', 1);
forget('id BETWEEN 3006 AND 3010 OR id BETWEEN 1011 AND 1015 OR id BETWEEN 2900 AND 2950 OR id = 160');
kept_are(78, 'and what is deleted after it, as long as the slice is not done');
set_fault($node, '');
is_whole('kept', 'twin', 'a rebuild');

# --- a column that is added: of panes that had lost rows before, nobody knows it; of the others all is known
sql(q{SELECT weir.create_monitor('other', 'visit', 'at', columns => '{x}', window_size => '1 day', on_delete => 'ignore'); SELECT weir.wait_for();
CREATE TABLE archive AS TABLE visit; ALTER TABLE archive REPLICA IDENTITY FULL;
SELECT weir.create_monitor('archive', 'archive', 'at', columns => '{x}', window_size => '1 day'); SELECT weir.wait_for()});
forget('id BETWEEN 500 AND 505');
sql('SELECT weir.wait_for()');
set_fault($node, 'plan:wait:0');
sql(q{SELECT weir.alter_monitor('other', add_columns => '{y}')});
forget('id BETWEEN 506 AND 510 OR id BETWEEN 1300 AND 1700 OR id % 50 = 0 AND id < 3000');
wait_until($node, q{SELECT sum(p.n) > 400 FROM weir.pane p JOIN weir.build b ON b.kept = p.generation}, 'deleted before the column is read');
set_fault($node, '');
sql(q{SELECT weir.wait_for(); SELECT weir.alter_monitor('archive', add_columns => '{y}'); SELECT weir.wait_for()});
is(sql(q{SELECT count(*), min(k.status), max(k.status) FROM weir.window_stats('other') k JOIN weir.window_stats('archive') t USING (window_start, column_name)
	WHERE (k.n, k.mean, k.min, k.max, k.p50, k.distinct_count) IS DISTINCT FROM (t.n, t.mean, t.min, t.max, t.p50, t.distinct_count)}), '1|undefined|undefined',
	'a column that is added: the one window that had lost rows before is without it');
is(sql(q{SELECT count(*) > 15 FROM weir.window_stats('other') WHERE column_name = 'y' AND n > 0}), 't', 'and there are others');
sql(q{SELECT weir.drop_monitor('other'), weir.drop_monitor('archive')});

# --- the cut sees transactions that are decoded behind it
set_fault($node, 'cut:wait:0');
sql(q{SELECT weir.rebuild('kept')});
wait_for_fault($node, 'cut:wait:0', 1);
both(q{INSERT INTO % SELECT i, '2026-01-06', 'cellar', 7000 + i, i, i FROM generate_series(3011, 3020) i});
forget('id BETWEEN 3011 AND 3015 OR id BETWEEN 1800 AND 1820 OR id BETWEEN 200 AND 210');
set_fault($node, '');
is_whole('kept', 'twin', 'deleted between the position of a cut and its snapshot');

# --- the builder dies with the slice that it has read; the server with what was kept
set_fault($node, 'plan:wait:0');
sql(q{SELECT weir.rebuild('kept')});
forget('id BETWEEN 2100 AND 2110');
wait_until($node, q{SELECT sum(p.n) > 5 FROM weir.pane p JOIN weir.build b ON b.kept = p.generation}, 'kept');
$node->stop('immediate');
$node->append_conf('postgresql.auto.conf', "weir.fault = 'slice_read:wait:0'");
$node->start;
wait_for_fault($node, 'slice_read:wait:0', 1);
forget('id BETWEEN 2111 AND 2115 OR id BETWEEN 300 AND 305');
wait_until($node, q{SELECT sum(p.n) > 10 FROM weir.pane p JOIN weir.build b ON b.kept = p.generation}, 'and after the cut');
$node->stop('immediate');
$node->append_conf('postgresql.auto.conf', "weir.fault = ''");
$node->start;
is_whole('kept', 'twin', 'after two crashes, and a slice that began again');

# --- transactions in progress: begun before the request or after it, large enough to be folded by then, partly rolled back
sql(q{ALTER SYSTEM SET weir.decoding_memory = '64kB'; SELECT pg_reload_conf()});
$node->restart;
both(q{INSERT INTO % SELECT i, '2026-02-01'::timestamptz + i * interval '1 min', 'roof', i, i, i FROM generate_series(4001, 8000) i});
sql('SELECT weir.wait_for()');
my $early = $node->background_psql('postgres');
$early->query_safe('BEGIN; DELETE FROM visit WHERE id BETWEEN 4001 AND 5500');
wait_until($node, 'SELECT partial_bytes > 0 FROM weir.capture_status', 'a transaction is folded while it is in progress');
set_fault($node, 'plan:wait:0');
sql(q{SELECT weir.rebuild('kept')});
my $late = $node->background_psql('postgres');
$late->query_safe('BEGIN; DELETE FROM visit WHERE id BETWEEN 5501 AND 6500; SAVEPOINT s; DELETE FROM visit WHERE id BETWEEN 6501 AND 7500; ROLLBACK TO s');
wait_until($node, q{SELECT kept IS NOT NULL FROM weir.build WHERE state = 'requested'}, 'while both are in progress');
$_->query_safe('COMMIT'), $_->quit for $early, $late;
kept_are(2500, 'what they deleted is kept, also from before the request');
set_fault($node, '');
is_whole('kept', 'twin', 'transactions in progress');

# --- what the stream does not tell is said
sql(q{CREATE TABLE part(at timestamptz NOT NULL, x float8) PARTITION BY RANGE (at);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2026-01-02'); CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
ALTER TABLE part_1 REPLICA IDENTITY FULL; ALTER TABLE part_2 REPLICA IDENTITY FULL;
INSERT INTO part SELECT '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(0, 2879) i});
set_fault($node, 'plan:wait:0');
sql(q{SELECT weir.create_monitor('part', 'part', 'at', columns => '{x}', window_size => '1 day', on_delete => 'ignore')});
wait_until($node, q{SELECT kept IS NOT NULL FROM weir.build WHERE state = 'requested'}, 'a monitor begins');
sql('DROP TABLE part_1; DELETE FROM part_2 WHERE x >= 2000');
set_fault($node, '');
is(sql(q{SELECT weir.wait_for() IS NOT NULL; SELECT n FROM weir.windows('part') WHERE window_start = '2026-01-02'}), "t\n1440", 'deleted rows are there');
is(sql(q{SELECT inexact_since IS NOT NULL FROM weir.monitors WHERE monitor = 'part'}), 't', 'a partition that was dropped before it was read is not: the monitor is inexact');

# --- a synchronous standby that does not answer: what asks for a build is committed, and nobody sees it; capture goes on
my @hanging;

# Runs the statement in a session of its own, which waits for the standby at the commit.
sub hang
{
	my ($statement, $n) = @_;

	push @hanging, $node->background_psql('postgres');
	$hanging[-1]->query_until(qr/asked/, "\\echo asked\nSET synchronous_commit = on;\n$statement;\n");
	wait_until($node, "SELECT count(*) = $n FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_type = 'client backend'", 'it hangs');
	return;
}

both(q{INSERT INTO % SELECT i, '2026-03-01'::timestamptz + mod(i, 100) / 50 * interval '2 days', 'roof', i, i, i FROM generate_series(9001, 9100) i});
sql(q{CREATE TABLE probe(i int); ALTER SYSTEM SET synchronous_commit = local; ALTER SYSTEM SET synchronous_standby_names = 'nobody'; SELECT pg_reload_conf()});
hang(q{DO 'BEGIN LOOP INSERT INTO probe VALUES (1); COMMIT; PERFORM pg_sleep(0.05); END LOOP; END'}, 1);
my $before = -s $node->logfile;
hang(q{SELECT weir.rebuild('twin')}, 2);
sql(q{SELECT weir.wait_for(timeout => '120 s')});
unlike(slurp_file($node->logfile, $before), qr/weir goes on while transaction/, 'the rebuild of a monitor that follows deletes stops nothing');
# It is made visible: while one waits that is in the audit log, no other can be written there.
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%weir.rebuild%'});
wait_until($node, q{SELECT count(*) = 1 FROM weir.build JOIN weir.monitor USING (monitor_id) WHERE name = 'twin' AND state <> 'done'}, 'its build waits');
hang(q{SELECT weir.rebuild('kept'), weir.create_monitor('fresh', 'visit', 'at', columns => '{x}', window_size => '1 day', on_delete => 'ignore')}, 2);
forget('id BETWEEN 9001 AND 9010');
both(q{INSERT INTO % VALUES (9101, '2026-03-05', 'roof', 1, 1, 1)});
wait_until($node, q{SELECT max(n) = 1 FROM weir.windows('twin') WHERE window_start = '2026-03-05'}, 'a monitor that ignores deletes is waited for, but not for ever');
like(slurp_file($node->logfile, $before), qr/weir goes on while transaction/, '... and the log says so');
sql(q{SELECT pg_terminate_backend(pid, 60000) FROM weir.capture_status});
both(q{INSERT INTO % VALUES (9102, '2026-03-05', 'roof', 1, 1, 1)});
wait_until($node, q{SELECT max(n) = 2 FROM weir.windows('twin') WHERE window_start = '2026-03-05'}, 'after capture has begun again too');
set_fault($node, 'plan:wait:0');
sql(q{ALTER SYSTEM RESET synchronous_standby_names; ALTER SYSTEM RESET synchronous_commit; SELECT pg_reload_conf()});
wait_until($node, q{SELECT count(*) = 2 FROM weir.build JOIN weir.monitor USING (monitor_id) WHERE name IN ('kept', 'fresh') AND kept IS NOT NULL AND state = 'requested'},
	'when the standby is given up, rows are kept from then on');
forget('id BETWEEN 9050 AND 9060');
set_fault($node, '');
is_whole('kept', 'twin', 'deleted while nobody saw the request, and after it');
is(sql(q{SELECT monitor, inexact_since IS NOT NULL FROM weir.monitors WHERE monitor IN ('kept', 'fresh') ORDER BY 1}), "fresh|t\nkept|f",
	'the monitor that was made meanwhile may lack rows, and says so');
sql(q{SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE query LIKE 'DO %probe%' AND pid <> pg_backend_pid()});

$node->stop;
done_testing();
