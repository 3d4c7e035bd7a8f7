# Capture of local writes: every kind of change, crashes at any time, and what happens without the old row.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('local');

$node->safe_psql('postgres', q{
CREATE TABLE sales(id bigserial PRIMARY KEY, at timestamptz, amount float8, item text, region text, sex text, won boolean, paid int, note text);
ALTER TABLE sales REPLICA IDENTITY FULL;
INSERT INTO sales(at, amount, item, region, sex, won, paid)
SELECT '2026-01-01'::timestamptz + i * interval '1 min', i % 97 + i / 7.0, 'item ' || i % 13, (ARRAY['north','south',NULL])[1 + i % 3],
       (ARRAY['F','M'])[1 + i % 2], i % 5 < 2, nullif(i % 3, 2)
FROM generate_series(1, 5000) i;
});
$node->safe_psql('postgres', q{
SELECT weir.create_monitor('sales', 'sales', 'at', segment_by => '{region}', window_size => '6 hours',
       prediction => 'won', label => 'paid', protected => '{sex}')});
all_equal($node, 'sales', 'rows that were there before are built');
is($node->safe_psql('postgres', q(SELECT sum(n) FROM weir.pane WHERE generation = 0)), 5000, 'each row is in one pane');

# --- every kind of change
$node->safe_psql('postgres', q{
INSERT INTO sales(at, amount, item, region, sex, won, paid) VALUES ('2026-01-02', 1e300, 'x', 'north', 'F', true, 1), ('2026-01-02', 'NaN', NULL, NULL, NULL, NULL, NULL),
  ('2026-01-02', '-Infinity', '', '', '', false, 0), (NULL, 3, 'no time', 'north', 'F', true, 1), ('infinity', 3, 'no time', 'north', 'F', true, 1);
UPDATE sales SET amount = amount + 1 WHERE id % 10 = 0;
UPDATE sales SET paid = 1 WHERE paid IS NULL AND id % 2 = 0;
UPDATE sales SET at = at + interval '3 days' WHERE id % 50 = 1;
UPDATE sales SET region = 'west' WHERE id % 60 = 2;
UPDATE sales SET id = -id WHERE id % 70 = 3;
UPDATE sales SET note = repeat(md5(id::text), 400) WHERE id % 500 = 4;
UPDATE sales SET amount = 5 WHERE note IS NOT NULL;
DELETE FROM sales WHERE id % 40 = 5;
});
all_equal($node, 'sales', 'updates of values, time, segment, key, TOASTed rows; deletes');
is($node->safe_psql('postgres', q(SELECT n_untimed FROM weir.monitor_state)), 2, 'rows without a finite time are counted');

$node->safe_psql('postgres', q{
BEGIN; INSERT INTO sales(at, amount, region) VALUES ('2026-01-03', 7, 'rolled back'); ROLLBACK;
BEGIN; INSERT INTO sales(at, amount, region) VALUES ('2026-01-03', 7, 'kept'); SAVEPOINT s;
INSERT INTO sales(at, amount, region) VALUES ('2026-01-03', 8, 'rolled back'); ROLLBACK TO s;
DELETE FROM sales WHERE id % 40 = 6; COMMIT;
MERGE INTO sales USING (VALUES (7), (8), (9)) v(id) ON sales.id = v.id WHEN MATCHED AND v.id = 8 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = 0;
});
all_equal($node, 'sales', 'savepoints, rollbacks, MERGE');
is($node->safe_psql('postgres', q(SELECT count(*) FROM weir.pane WHERE segment = '{"rolled back"}')), 0, 'nothing of what was rolled back');

# --- a pace of its own for one database
$node->safe_psql('postgres', q{ALTER DATABASE postgres SET weir.flush_interval = '60s'});
wait_until($node, q{SELECT flush_interval >= '60 s' FROM weir.capture_status}, 'ALTER DATABASE ... SET weir.flush_interval takes effect');
$node->safe_psql('postgres', q{INSERT INTO sales(at, amount, region) VALUES ('2026-01-04', 9, 'north')});
my $began = time;
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
cmp_ok(time - $began, '<', 40, 'wait_for does not wait for the interval');
$node->safe_psql('postgres', q{ALTER DATABASE postgres RESET weir.flush_interval});
wait_until($node, q{SELECT flush_interval < '60 s' FROM weir.capture_status}, 'and so does RESET');

# --- the same values as a query over the table, byte for byte
is($node->safe_psql('postgres', q{
WITH b AS (SELECT weir.tumble(at, '5 min') AS t FROM sales LIMIT 0),
fresh AS (SELECT weir.tumble(at, (SELECT pane_size FROM weir.monitor)) AS pane_start, ARRAY[region] AS segment, weir.summarize(amount) AS s
          FROM sales WHERE isfinite(at) GROUP BY 1, 2),
kept AS (SELECT pane_start, segment, summaries[(SELECT ordinal FROM weir.monitor_column WHERE column_name = 'amount')] AS s FROM weir.pane WHERE generation = 0 AND n > 0)
SELECT count(*) FROM fresh FULL JOIN kept USING (pane_start, segment) WHERE weir.value_count(fresh.s) IS DISTINCT FROM weir.value_count(kept.s)
  OR round(weir.mean(fresh.s)::numeric, 9) IS DISTINCT FROM round(weir.mean(kept.s)::numeric, 9)}), 0, 'panes equal a query over the table');

# --- crash of the worker in the middle of a load, then of the server
my $pid = capture_pid($node);
my $loader = IPC::Run::start(
	[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', q{
DO $$ BEGIN FOR i IN 1..60 LOOP
  INSERT INTO sales(at, amount, item, region, sex, won, paid)
  SELECT '2026-02-01'::timestamptz + random() * interval '3 days', random() * 100, 'item', 'north', 'F', true, 1 FROM generate_series(1, 200);
  UPDATE sales SET amount = amount + 1 WHERE id IN (SELECT id FROM sales ORDER BY random() LIMIT 20);
  COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$} ], '>', \my $out, '2>', \my $err);
sleep 1;
kill 'KILL', $pid;
$loader->finish;
sleep 1;
wait_until($node, "SELECT pid IS NOT NULL AND pid <> $pid FROM weir.capture_status", 'capture is back after kill -9 of its worker');
all_equal($node, 'sales', 'after kill -9 of the worker in the middle of a load');

$loader = IPC::Run::start(
	[ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', q{
DO $$ BEGIN FOR i IN 1..200 LOOP
  INSERT INTO sales(at, amount, item, region) SELECT '2026-02-05'::timestamptz + random() * interval '3 days', random() * 100, 'item', 'south' FROM generate_series(1, 200);
  COMMIT; PERFORM pg_sleep(0.01); END LOOP; END $$} ], '>', \$out, '2>', \$err);
sleep 1;
$node->stop('immediate');
$loader->finish;
$node->start;
all_equal($node, 'sales', 'after a crash of the server in the middle of a load');

# --- truncate, then go on
$node->safe_psql('postgres', q{TRUNCATE sales; INSERT INTO sales(at, amount, region) SELECT '2026-03-01'::timestamptz + i * interval '1 s', i, 'north' FROM generate_series(1, 1000) i});
all_equal($node, 'sales', 'TRUNCATE forgets what was there');
is($node->safe_psql('postgres', q(SELECT sum(n) FROM weir.pane WHERE generation = 0)), 1000, 'and keeps what came after');

# --- rebuild
$node->safe_psql('postgres', q(UPDATE weir.pane SET n = n + 1 WHERE generation = 0 AND pane_start >= '2026-03-01'));
$node->safe_psql('postgres', q(SELECT weir.rebuild('sales', since => '2026-03-01', until => '2026-03-02')));
all_equal($node, 'sales', 'rebuild mends panes that somebody broke');

# --- without the old row: said, not guessed
$node->safe_psql('postgres', q{CREATE TABLE plain(id int PRIMARY KEY, at timestamptz NOT NULL, x float8); INSERT INTO plain SELECT i, '2026-01-01', i FROM generate_series(1, 100) i;
SELECT weir.create_monitor('plain', 'plain', 'at')});
all_equal($node, 'plain', 'a table with its default replica identity, inserts only');
$node->safe_psql('postgres', q{UPDATE plain SET x = 0 WHERE id = 1});
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
is($node->safe_psql('postgres', q{SELECT inexact_since IS NOT NULL FROM weir.monitor_state JOIN weir.monitor USING (monitor_id) WHERE name = 'plain'}), 't',
	'an update without its old row makes the monitor inexact');
is($node->safe_psql('postgres', q{SELECT remedy FROM weir.check_setup() WHERE check_name LIKE '%plain%' AND NOT ok}),
	'ALTER TABLE public.plain REPLICA IDENTITY FULL', 'check_setup names the remedy');
$node->safe_psql('postgres', q{ALTER TABLE plain REPLICA IDENTITY FULL; SELECT weir.rebuild('plain')});
all_equal($node, 'plain', 'a rebuild makes it exact again');
is($node->safe_psql('postgres', q{SELECT inexact_since IS NULL FROM weir.monitor_state JOIN weir.monitor USING (monitor_id) WHERE name = 'plain'}), 't', 'and says so');

# --- a partitioned table, a filter, deletes ignored
$node->safe_psql('postgres', q{
CREATE TABLE events(at timestamp NOT NULL, kind text, x int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_2(x int, dropped int, kind text, at timestamp NOT NULL); ALTER TABLE events_2 DROP dropped;
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
ALTER TABLE events_1 REPLICA IDENTITY FULL; ALTER TABLE events_2 REPLICA IDENTITY FULL;
INSERT INTO events SELECT '2026-01-31 22:00'::timestamp + i * interval '1 min', 'k' || i % 3, i FROM generate_series(0, 300) i;
SELECT weir.create_monitor('events', 'events', 'at', window_size => '1 hour', filter => $$kind <> 'k1' AND x % 2 = 0$$);
SELECT weir.create_monitor('kept', 'events', 'at', window_size => '1 hour', on_delete => 'ignore');
});
$node->safe_psql('postgres', q{SELECT weir.wait_for(); INSERT INTO events SELECT '2026-01-31 23:00'::timestamp + i * interval '1 min', 'k' || i % 3, i FROM generate_series(0, 300) i;
UPDATE events SET kind = 'k1' WHERE x = 100; UPDATE events SET at = at - interval '5 hours' WHERE x = 1});
all_equal($node, 'events', 'partitions with columns in another order, and a filter that rows enter and leave');
all_equal($node, 'kept', 'the same without deletes');
$node->safe_psql('postgres', q{DELETE FROM events WHERE x < 50});
verify_is($node, 'events', '0|0|', 'deletes are taken back');
like($node->safe_psql('postgres', q{SELECT weir.wait_for(); SELECT different, marked > 0 FROM weir.verify('kept')}), qr/^0\|t$/m,
	'on_delete => ignore: panes that hold deleted rows are marked, the others equal');

# --- retention: old panes are given up, and rows for them left out
$node->safe_psql('postgres', q{SELECT weir.create_monitor('short', 'events', 'at', window_size => '1 hour', retention => '2 days')});
all_equal($node, 'short', 'with a retention');
$node->safe_psql('postgres', q{INSERT INTO events VALUES ('2026-02-10 12:00', 'k0', 1)});
wait_until($node, q{SELECT min(pane_start) = '2026-02-10 12:00+00' FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'short' AND generation = 0}, 'panes older than it go');
$node->safe_psql('postgres', q{INSERT INTO events VALUES ('2026-01-31 12:00', 'k0', 1), ('2026-02-10 13:00', 'k0', 1)});
all_equal($node, 'short', 'and verify compares what is kept');
is($node->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows WHERE monitor = 'short'}), 2, 'a row for what was given up is left out');

# --- a slot that is gone is a gap, recorded and healed
$node->stop;
$node->start;
my $slot = $node->safe_psql('postgres', q{SELECT slot FROM weir.capture_status});
$node->poll_query_until('postgres', q{SELECT state IN ('streaming', 'catching up') FROM weir.capture_status});
$node->safe_psql('postgres', q{ALTER SYSTEM SET weir.databases = 'nowhere'; SELECT pg_reload_conf()});
wait_until($node, qq{SELECT NOT active FROM pg_replication_slots WHERE slot_name = '$slot'}, 'weir.databases keeps the workers out');
$node->safe_psql('postgres', qq{SELECT pg_drop_replication_slot('$slot'); INSERT INTO sales(at, amount, region) SELECT '2026-03-05', i, 'north' FROM generate_series(1, 100) i});
$node->safe_psql('postgres', q{ALTER SYSTEM RESET weir.databases; SELECT pg_reload_conf()});
$node->restart;
wait_until($node, q{SELECT count(*) = 1 AND bool_and(healed_at IS NOT NULL) FROM weir.gap}, 'the gap is recorded and healed');
all_equal($node, 'sales', 'rows that came while there was no slot are in the panes');

# --- the last monitor goes, and the slot with it; so does the extension
$node->safe_psql('postgres', q{SELECT weir.drop_monitor(name) FROM weir.monitor WHERE name <> 'sales'});
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
$node->safe_psql('postgres', q{SELECT weir.drop_monitor('sales')});
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'the slot goes with the last monitor');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane}), 0, 'and so do the panes');
$node->safe_psql('postgres', q{SELECT weir.create_monitor('sales', 'sales', 'at'); SELECT 1});
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
$node->safe_psql('postgres', q{DROP EXTENSION weir});
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'the slot goes with the extension');

$node->stop;
done_testing();
