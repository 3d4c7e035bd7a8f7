# Partitions and children that come filled, go away, are emptied or get rows from each other; each ends in panes that equal the table, or
# in marks that say why not.
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

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Rows of a month, one every ten minutes.
sub rows { my ($table, $month) = @_; return "INSERT INTO $table(at, kind, x) SELECT '2026-$month-01 00:00+00'::timestamptz + i * interval '10 min',
	'k' || i % 3, i FROM generate_series(1, 400) i" }

# n of the monitor's windows, and of those that are marked in its panes.
sub kept { my ($monitor) = @_; sql('SELECT weir.wait_for()'); return sql("SELECT sum(n) FROM weir.windows WHERE monitor = '$monitor' AND segment IS NULL") }

sql(q{CREATE TABLE events(at timestamptz NOT NULL, kind text, x int) PARTITION BY RANGE (at)});
for my $month ('01' .. '04')
{
	my $next = sprintf('%02d', $month + 1);
	sql("CREATE TABLE events_$month PARTITION OF events FOR VALUES FROM ('2026-$month-01 00:00+00') TO ('2026-$next-01 00:00+00'); ALTER TABLE events_$month REPLICA IDENTITY FULL");
	sql(rows('events', $month));
}
sql(q{SELECT weir.create_monitor('events', 'events', 'at', window_size => '1 day', segment_by => '{kind}'); SELECT weir.create_monitor('kept', 'events',
	'at', window_size => '1 day', on_delete => 'ignore')});
all_equal($node, 'events', 'four partitions');
my $builds = sql('SELECT count(*) FROM weir.build');

# --- created in place: every row is decoded
sql(q{CREATE TABLE events_05 PARTITION OF events FOR VALUES FROM ('2026-05-01 00:00+00') TO ('2026-06-01 00:00+00'); ALTER TABLE events_05 REPLICA IDENTITY FULL; } . rows('events', '05'));
all_equal($node, 'events', 'a new partition');
is(sql(q{SELECT count(*) FROM weir.build WHERE kind = 'rebuild'}), 0, 'needs no build');

# --- attached with rows: made before, or in the same transaction
sql(q{CREATE TABLE june(LIKE events INCLUDING ALL); ALTER TABLE june REPLICA IDENTITY FULL; } . rows('june', '06'));
sql(q{ALTER TABLE events ATTACH PARTITION june FOR VALUES FROM ('2026-06-01 00:00+00') TO ('2026-07-01 00:00+00')});
sql(rows('events', '06'));
wait_until($node, q{SELECT count(*) FILTER (WHERE since = '2026-06-01 00:00+00' AND until = '2026-07-01 00:00+00') = 2 FROM weir.build WHERE kind = 'rebuild'},
	'only the range of an attached partition is built');
all_equal($node, 'events', 'a partition that came with rows');
all_equal($node, 'kept', 'for both monitors');
sql(q{BEGIN; CREATE TABLE july(LIKE events); } . rows('july', '07') . q{;
	ALTER TABLE events ATTACH PARTITION july FOR VALUES FROM ('2026-07-01 00:00+00') TO ('2026-08-01 00:00+00'); } . rows('events', '07') . '; COMMIT');
all_equal($node, 'events', 'made, filled and attached in one transaction');
like(slurp_file($node->logfile), qr/table "july" now belongs to monitor "events", and its replica identity is not full/, 'its replica identity is complained of');
is(sql(q{SELECT ok FROM weir.check_setup() WHERE check_name LIKE 'replica identity of %july (monitor events)'}), 'f', 'by check_setup too');
sql(q{ALTER TABLE july REPLICA IDENTITY FULL});

# --- dropped and detached: the rows go, or stay
my $n = kept('kept');
sql(q{DROP TABLE events_01; ALTER TABLE events DETACH PARTITION events_02});
all_equal($node, 'events', 'rows of a dropped and of a detached partition are taken back');
is(kept('kept'), $n, 'or kept, with on_delete => ignore');
is(sql(q{SELECT different, marked > 0 FROM weir.verify('kept')}), '0|t', 'and marked');
sql(q{SELECT weir.rebuild('kept')});
is(kept('kept'), $n, 'a rebuild does not overwrite them');
sql(rows('events_02', '02'));
all_equal($node, 'events', 'what a detached partition gets is nobody\'s concern');
sql(q{ALTER TABLE events ATTACH PARTITION events_02 FOR VALUES FROM ('2026-02-01 00:00+00') TO ('2026-03-01 00:00+00')});
all_equal($node, 'events', 'until it comes back');
sql(q{BEGIN; ALTER TABLE events DETACH PARTITION events_03; DELETE FROM events_03 WHERE x > 100;
	ALTER TABLE events ATTACH PARTITION events_03 FOR VALUES FROM ('2026-03-01 00:00+00') TO ('2026-04-01 00:00+00'); COMMIT});
all_equal($node, 'events', 'detached, changed and attached again in one transaction');
$node->safe_psql('postgres', 'ALTER TABLE events DETACH PARTITION events_04 CONCURRENTLY');
sql(rows('events_04', '04'));
all_equal($node, 'events', 'detached concurrently');

# --- emptied
sql('TRUNCATE events_05; ' . rows('events', '05'));
all_equal($node, 'events', 'a partition was truncated');
is(sql(q{SELECT inexact_since IS NULL FROM weir.monitors WHERE monitor = 'events'}), 't', 'the rest of the monitor is as exact as before');
is(sql(q{SELECT different, marked > 0 FROM weir.verify('kept')}), '0|t', 'rows of a truncated partition are kept and marked');

# --- rows move between partitions: an update, whatever becomes of deleted rows
sql(q{SELECT weir.create_monitor('moving', 'events', 'at', window_size => '1 day', segment_by => '{kind}', on_delete => 'ignore')});
all_equal($node, 'moving', 'another monitor');
sql(q{UPDATE events SET at = at + interval '1 month' WHERE at >= '2026-05-01 00:00+00' AND at < '2026-05-02 00:00+00'; UPDATE events SET kind = 'k9', at = '2026-02-05 00:00+00' WHERE x = 7});
all_equal($node, 'moving', 'a row that moves to another partition is not kept where it was');
all_equal($node, 'events', 'nor in the other monitor');
sql(q{BEGIN; DELETE FROM events WHERE x = 8 AND at >= '2026-07-01 00:00+00'; INSERT INTO events(at, kind, x) VALUES ('2026-05-20', 'k1', 8); COMMIT});
is(sql(q{SELECT weir.wait_for() IS NOT NULL; SELECT different, marked FROM weir.verify('moving')}), "t\n0|1", 'a delete beside an insert is a delete');

# --- replica identity of one partition
sql(q{ALTER TABLE events_05 REPLICA IDENTITY DEFAULT; UPDATE events SET x = 1000 WHERE at = '2026-05-03 00:00+00'});
sql('SELECT weir.wait_for()');
is(sql(q{SELECT inexact_since IS NOT NULL FROM weir.monitors WHERE monitor = 'events'}), 't', 'an update of a partition without its old row makes the monitor inexact');
sql(q{ALTER TABLE events_05 REPLICA IDENTITY FULL; SELECT weir.rebuild('events')});
all_equal($node, 'events', 'a rebuild mends it');

# --- sub-partitions, of another shape
sql(q{CREATE TABLE august(x int, gone int, kind text, at timestamptz NOT NULL) PARTITION BY LIST (kind);
ALTER TABLE august DROP gone; CREATE TABLE august_0 PARTITION OF august FOR VALUES IN ('k0'); CREATE TABLE august_1 PARTITION OF august DEFAULT;
ALTER TABLE august_0 REPLICA IDENTITY FULL; ALTER TABLE august_1 REPLICA IDENTITY FULL;
INSERT INTO august(at, kind, x) SELECT '2026-08-01 00:00+00'::timestamptz + i * interval '10 min', 'k' || i % 3, i FROM generate_series(1, 400) i;
ALTER TABLE events ATTACH PARTITION august FOR VALUES FROM ('2026-08-01 00:00+00') TO ('2026-09-01 00:00+00')});
sql(q{UPDATE events SET x = x + 1 WHERE at >= '2026-08-01 00:00+00'});
all_equal($node, 'events', 'a partition that is partitioned itself');
is(sql(q{SELECT bool_and(since = '2026-08-01 00:00+00' AND until = '2026-09-01 00:00+00') FROM weir.source_relation JOIN weir.monitor USING (monitor_id) WHERE name = 'events'
	AND relation = 'august_1'::regclass}), 't', 'its leaves are known by the range above them');
sql(q{DROP TABLE august_0});
all_equal($node, 'events', 'one of its leaves is dropped');
sql(q{ALTER TABLE events ALTER x TYPE bigint USING x * 2; UPDATE events SET x = 1 WHERE x = 100});
all_equal($node, 'events', 'a column of all of them has another type');

# --- inheritance
sql(q{CREATE TABLE readings(at timestamptz, v float8); CREATE TABLE readings_a(extra text) INHERITS (readings); ALTER TABLE readings REPLICA IDENTITY FULL;
	ALTER TABLE readings_a REPLICA IDENTITY FULL;
INSERT INTO readings SELECT '2026-01-01', i FROM generate_series(1, 50) i; INSERT INTO readings_a SELECT '2026-01-01', i FROM generate_series(1, 50) i;
SELECT weir.create_monitor('readings', 'readings', 'at')});
all_equal($node, 'readings', 'a table and its child');
sql(q{CREATE TABLE readings_b(more int, v float8, at timestamptz); ALTER TABLE readings_b REPLICA IDENTITY FULL; INSERT INTO readings_b SELECT 1, i, '2026-01-02' FROM generate_series(1, 50) i;
ALTER TABLE readings_b INHERIT readings; UPDATE readings SET v = v + 1 WHERE v < 10});
all_equal($node, 'readings', 'a table becomes a child');
sql(q{ALTER TABLE readings_a NO INHERIT readings; INSERT INTO readings_a VALUES ('2026-01-01', 5)});
all_equal($node, 'readings', 'a child is none any more');
sql(q{TRUNCATE ONLY readings});
all_equal($node, 'readings', 'only the parent is truncated');

# --- partitions that nobody can watch
my ($code, $out, $err) = $node->psql('postgres', q{CREATE TABLE quiet(at timestamptz NOT NULL, x int) PARTITION BY RANGE (at);
	CREATE UNLOGGED TABLE quiet_1 PARTITION OF quiet DEFAULT; SELECT weir.create_monitor('quiet', 'quiet', 'at')});
like($err, qr/cannot be monitored.*unlogged/s, 'unlogged partitions are refused');

sql(q{CREATE UNLOGGED TABLE events_09 PARTITION OF events FOR VALUES FROM ('2026-09-01 00:00+00') TO ('2026-10-01 00:00+00')});
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE 'table "events_09" is unlogged%' FROM weir.monitors WHERE monitor = 'events'}, 'and disable the monitor when they come later');
sql(q{DROP TABLE events_09; SELECT weir.rebuild('events')});
all_equal($node, 'events', 'until they are gone');

$node->stop;
done_testing();
