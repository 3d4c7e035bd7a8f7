# alter_monitor: columns that come, go and change, and what makes everything anew; while rows come, and through crashes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('alter', 'weir.build_slice_rows' => 3000);

sub setting
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = $value; SELECT pg_reload_conf()");
}

sub run_sql
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	return IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', $sql ], '>', \$out, '2>', \$err);
}

sub start_query
{
	my ($sql, $found) = @_;
	return IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('postgres'), '-c', $sql ], '>', $found);
}

sub alter
{
	my ($arguments) = @_;
	return $node->safe_psql('postgres', "SELECT weir.alter_monitor('m', $arguments)");
}

$node->safe_psql('postgres', q{
CREATE TABLE loan(id bigserial PRIMARY KEY, at timestamptz NOT NULL, amount float8, age int, purpose text, region text, sex text, married text, granted boolean, paid int);
ALTER TABLE loan REPLICA IDENTITY FULL;
CREATE INDEX ON loan(at);
INSERT INTO loan(at, amount, age, purpose, region, sex, married, granted, paid)
SELECT '2026-01-01'::timestamptz + i * interval '2 min', i % 1000 / 7.0, 18 + i % 60, 'purpose ' || i % 5, (ARRAY['north','south'])[1 + i % 2],
  (ARRAY['F','M'])[1 + i % 2], (ARRAY['yes','no','no'])[1 + i % 3], i % 3 = 0, nullif(i % 4, 3) FROM generate_series(1, 30000) i;
SELECT weir.create_monitor('m', 'loan', 'at', columns => '{amount}', segment_by => '{region}', window_size => '6 hours',
  prediction => 'granted', label => 'paid', positive => '1', protected => '{sex}')});
all_equal($node, 'm', 'built');
my $writer = q{
DO $$ BEGIN FOR i IN 1..60 LOOP
  INSERT INTO loan(at, amount, age, purpose, region, sex, married, granted, paid) SELECT '2026-01-01'::timestamptz + random() * interval '42 days', random() * 100,
    random() * 50, 'new', 'north', 'F', 'no', true, 1 FROM generate_series(1, 10);
  UPDATE loan SET age = age + 1, amount = amount + 1 WHERE id IN (SELECT (random() * 30000)::int FROM generate_series(1, 10));
  UPDATE loan SET at = '2026-01-01'::timestamptz + random() * interval '42 days' WHERE id IN (SELECT (random() * 30000)::int FROM generate_series(1, 5));
  DELETE FROM loan WHERE id IN (SELECT (random() * 30000)::int FROM generate_series(1, 5));
  COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$};

# --- a column that is added: only it is read, the others stay, and until it is there it has no readings
setting('weir.build_rate', 12000);
my $started = run_sql($writer);
alter(q{add_columns => '{age,purpose}'});
wait_until($node, q{SELECT slices_done BETWEEN 1 AND slices - 1 FROM weir.progress WHERE monitor = 'm' AND kind = 'columns'}, 'columns that are added are built in slices');
is($node->safe_psql('postgres', q{
SELECT column_name, string_agg(DISTINCT status, ' ' ORDER BY status), count(mean) > 0, count(*) FILTER (WHERE status = 'undefined' AND mean IS NOT NULL)
FROM weir.window_stats('m') WHERE column_name IN ('amount', 'age') AND n IS DISTINCT FROM 0 AND segment IS NULL AND window_start < '2026-02-10' GROUP BY 1 ORDER BY 1}),
	"age|ok undefined|t|0\namount|ok|t|0", 'windows have it where it is built, and the others all the time');
$node->stop('immediate');
$node->start;
$started->finish;
all_equal($node, 'm', 'added while rows came, and through a crash');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.window_stats('m') WHERE status = 'undefined'}), 0, 'and everywhere in the end');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT at, age FROM loan) l JOIN (SELECT window_start, window_end, sum(n * mean) AS total FROM weir.window_stats('m', '7 days')
  WHERE column_name = 'age' AND segment IS NULL GROUP BY 1, 2) w ON at >= window_start AND at < window_end GROUP BY window_start HAVING abs(sum(age) - max(total)) > 0.01}), '', 'as SQL sums it');
setting('weir.build_rate', 0);

# --- dropped, and added again: what panes had of it is not taken for it
alter(q{drop_columns => '{age}'});
$node->safe_psql('postgres', q{SELECT weir.wait_for(); UPDATE loan SET age = 7 WHERE id % 100 = 1});
all_equal($node, 'm', 'without a column');
is($node->safe_psql('postgres', q{SELECT array_agg(DISTINCT column_name::text ORDER BY column_name::text) FROM weir.window_stats('m')}), '{amount,purpose}', 'it has no readings');
alter(q{add_columns => '{age}', kinds => '{"age": "category", "purpose": "ignore"}'});
all_equal($node, 'm', 'added again as another kind, and one ignored');
is($node->safe_psql('postgres', q{SELECT columns FROM weir.monitors}), '{"amount numeric","age category"}', 'the definition says so');
is($node->safe_psql('postgres', q{SELECT bool_and((top_values -> 0 ->> 'value') IS NOT NULL) FROM weir.window_stats('m') WHERE column_name = 'age' AND n > 0}), 't', 'and the readings');
alter(q{kinds => '{"age": "numeric", "amount": "numeric"}'});
all_equal($node, 'm', 'the kind of one changed back, the other as it was');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.build WHERE kind = 'columns' AND cardinality(columns) = 1 AND state = 'done'}), 2, 'only that one was built');

# --- baselines of a query are by column
$node->safe_psql('postgres', q{SELECT weir.set_baseline('m', query => 'SELECT amount, age FROM loan WHERE id < 5000')});
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT column_name || ' ' || status, ', ') FROM weir.drift_scores('m', '1 day') WHERE segment IS NULL
  AND is_primary}), 'age ok, amount ok', 'drift of both');

# --- a filter: everything is built anew, what was there is read until then
setting('weir.build_rate', 15000);
$started = run_sql($writer);
my $before = $node->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows('m') WHERE segment IS NULL});
alter(q{filter => $$amount < 60$$});
wait_until($node, q{SELECT slices_done BETWEEN 1 AND slices - 1 FROM weir.progress WHERE monitor = 'm' AND kind = 'build' AND phase = 'reading'}, 'a filter builds anew');
my $during = $node->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows('m') WHERE segment IS NULL});
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'weir capture'});
$started->finish;
all_equal($node, 'm', 'for another filter');
my $after = $node->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows('m') WHERE segment IS NULL});
ok($before > $during && $during > $after, "what was there is there until it is replaced ($before > $during > $after)");
is($node->safe_psql('postgres', q{SELECT count(*) FROM loan WHERE amount < 60}), $after, 'in the end it is what the filter lets through');
setting('weir.build_rate', 0);

# --- what is counted for fairness
alter(q{protected => '{married,sex}', reset => '{filter}'});
all_equal($node, 'm', 'other protected columns, no filter');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT protected || ' ' || group_name, ', ' ORDER BY protected || ' ' || group_name) FROM weir.fairness_scores('m', '1 day')
  WHERE group_name IS NOT NULL}),
	'married no, married yes, sex F, sex M', 'each with its groups');
is($node->safe_psql('postgres', q{SELECT sum(n) = (SELECT count(*) FROM loan WHERE at < '2026-02-09') FROM weir.fairness_scores('m', '1 day') WHERE protected = 'married'
  AND metric = 'selection_rate' AND segment IS NULL AND window_start < '2026-02-09'}), 't', 'and all rows in them');
alter(q{reset => '{label,positive}'});
all_equal($node, 'm', 'without labels');
is($node->safe_psql('postgres', q{SELECT max(n_labelled) FROM weir.windows('m')}), '0', 'none is labelled');

# --- another pane size
my $hours = $node->safe_psql('postgres', q{SELECT md5(string_agg(concat(window_start, n), ',' ORDER BY window_start)) FROM weir.windows('m') WHERE segment IS NULL});
alter(q{options => '{"pane_size": "30 minutes"}', window_size => '1 hour'});
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT status, ' ') FROM weir.windows('m') WHERE segment IS NULL AND n IS NOT NULL
  AND n > 40}), '', 'windows smaller than the panes of before are not made up')
  or diag($node->safe_psql('postgres', q{SELECT * FROM weir.windows('m') LIMIT 5}));
all_equal($node, 'm', 'finer panes');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE pane_end IS NOT NULL}), 0, 'all of the new size');
is($node->safe_psql('postgres', q{SELECT md5(string_agg(concat(window_start, n), ',' ORDER BY window_start)) FROM weir.windows('m', '6 hours')
  WHERE segment IS NULL}), $hours, 'windows of before are the same');
alter(q{options => '{"pane_size": "3 hours", "roll_up": [{"after": "20 days", "size": "1 day"}]}', window_size => '6 hours'});
all_equal($node, 'm', 'coarser panes');
wait_until($node, q{SELECT count(*) = 2 FROM weir.monitor_storage}, 'which are rolled up');
set_fault($node, 'slice_step:wait:1:8');
alter(q{options => '{"pane_size": "1 hour", "roll_up": null}'});
wait_for_fault($node, 'slice_step:wait:1:8', 1);
is($node->safe_psql('postgres', q{SELECT sum(n) FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'm' AND generation = 0}), $node->safe_psql('postgres', q{SELECT count(*) FROM loan}),
	'no slice begins in the middle of a pane that was rolled up');
set_fault($node, '');
all_equal($node, 'm', 'and are not any more');
is($node->safe_psql('postgres', q{SELECT string_agg(pane_size::text, ' ') FROM weir.monitor_storage}), '01:00:00', 'all are of one size');

# --- verify that has read the table when everything is to be built anew: it is begun again, and waits until live panes are of that definition
$node->safe_psql('postgres', q{CREATE TABLE parcel(at timestamptz NOT NULL, weight float8, depot text); CREATE INDEX ON parcel(at); ALTER TABLE parcel REPLICA IDENTITY FULL;
INSERT INTO parcel SELECT '2026-01-01'::timestamptz + i * interval '2 min', i, 'depot ' || i % 20 FROM generate_series(1, 12000) i;
SELECT weir.create_monitor('parcels', 'parcel', 'at', columns => '{weight}', segment_by => '{depot}', window_size => '6 hours', options => '{"max_groups": 3}')});
all_equal($node, 'parcels', 'segments put together');
for my $change (q{options => '{"max_groups": 100}'}, q{filter => 'weight > 100'})
{
	set_fault($node, 'slice_read:wait:1');
	my $found = '';
	my $verify = start_query(q{SELECT panes > 0, different, marked, first_difference FROM weir.verify('parcels')}, \$found);
	wait_for_fault($node, 'slice_read:wait:1', 1);
	$node->safe_psql('postgres', "SELECT weir.alter_monitor('parcels', $change)");
	wait_until($node, q{SELECT bool_and(is_prepared) FROM weir.build WHERE kind = 'build'}, "$change while verify reads");
	$node->safe_psql('postgres', q{INSERT INTO parcel SELECT '2026-01-01'::timestamptz + i * interval '1 min', i, 'new' FROM generate_series(1, 500) i});
	set_fault($node, '');
	$verify->finish;
	is($found, "t|0|0|\n", 'it tells no difference');
}

# --- what was compared before is not counted again
set_fault($node, 'slice_read:wait:1:3');
my $compared = '';
$started = start_query(q{SELECT panes, equal, different FROM weir.verify('parcels')}, \$compared);
wait_for_fault($node, 'slice_read:wait:1:3', 1);
wait_until($node, q{SELECT panes > 0 FROM weir.build WHERE kind = 'verify' AND state = 'reading'}, 'verify has compared slices');
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('parcels', filter => 'weight > 200')});
wait_until($node, q{SELECT bool_and(is_prepared) FROM weir.build WHERE kind = 'build'}, 'everything anew');
set_fault($node, '');
$started->finish;
is($compared, $node->safe_psql('postgres', q{SELECT panes, equal, different FROM weir.verify('parcels')}) . "\n", 'each pane is compared once');

# --- definitions that change while everything is built anew: the build that was begun is begun again for all of them
set_fault($node, 'slice_read:wait:0');
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('parcels', filter => 'weight > 300')});
wait_for_fault($node, 'slice_read:wait:0', 1);
my $first = $node->safe_psql('postgres', q{SELECT max(build_id) FROM weir.build});
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('parcels', options => '{"pane_size": "2 hours"}');
  SELECT weir.alter_monitor('parcels', filter => 'weight > 400')});
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('parcels', filter => 'weight > 500')});
wait_until($node, q{SELECT bool_and(is_prepared) FROM weir.build WHERE kind = 'build'}, 'noticed while the first is read');
is($node->safe_psql('postgres', qq{SELECT count(*), min(build_id) = $first, bool_and(pane_size_before IS NOT NULL) FROM weir.build WHERE build_id >= $first}), '1|t|t',
	'one build for all of them');
set_fault($node, '');
all_equal($node, 'parcels', 'after definitions that followed each other');
is($node->safe_psql('postgres', q{SELECT sum(n) = (SELECT count(*) FROM parcel WHERE weight > 500) FROM weir.windows('parcels') WHERE segment IS NULL}), 't',
	'and what the last of them lets through');
is($node->safe_psql('postgres', qq{SELECT count(*) FROM weir.build WHERE build_id >= $first AND kind = 'build' AND state = 'done'}), 1, 'the table was read once');
$node->safe_psql('postgres', q{BEGIN; SELECT weir.alter_monitor('parcels', options => '{"pane_size": "30 minutes"}');
  SELECT weir.alter_monitor('parcels', options => '{"pane_size": "3 hours"}'); COMMIT});
all_equal($node, 'parcels', 'panes of two other sizes, one after the other');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE pane_end IS NOT NULL}), 0, 'and all are of the last');

# --- a definition that changes while rows wait in memory does not lose them
setting('weir.flush_interval', 60000);
$node->safe_psql('postgres', q{INSERT INTO parcel SELECT '2026-01-01'::timestamptz + i * interval '1 min', i, 'late' FROM generate_series(1, 500) i});
my $folded = $node->safe_psql('postgres', q{SELECT pg_current_wal_insert_lsn()});
wait_until($node, q{SELECT lag_bytes > 0 AND state = 'streaming' FROM weir.capture_status}, 'rows wait for the flush');
set_fault($node, 'flush_decided:wait:1');
wait_for_fault($node, 'flush_decided:wait:1', 1);
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('m', lateness => '1 hour')});
setting('weir.flush_interval', 50);
set_fault($node, '');
all_equal($node, 'parcels', 'rows in memory when another monitor was altered');

# --- a build that fails takes what waits for it with it
set_fault($node, 'slice_read:wait:1');
my ($told, $complaint) = ('', '');
$started = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', q{SELECT weir.verify('parcels')} ], '>', \$told, '2>', \$complaint);
wait_for_fault($node, 'slice_read:wait:1', 1);
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('parcels', filter => '100 / (weight - 700) < 1000')});
wait_until($node, q{SELECT bool_and(is_prepared) FROM weir.build WHERE kind = 'build'}, 'a filter that fails on a row');
set_fault($node, '');
$started->finish;
like($complaint, qr/monitor "parcels" could not be verified\nDETAIL:  division by zero/, 'verify ends with the build that it waits for');
$node->safe_psql('postgres', q{SELECT weir.drop_monitor('parcels')});

# --- refused
my @refused = (
	[ q{'m', add_columns => '{nothing}'}, 'column "nothing" of table "loan" does not exist' ],
	[ q{'m', add_columns => '{amount}'}, 'summarizes column "amount" already' ],
	[ q{'m', drop_columns => '{purpose}'}, 'does not summarize column "purpose"' ],
	[ q{'m', drop_columns => '{age,amount}'}, 'no column would be left' ],
	[ q{'m', kinds => '{"purpose": "category"}'}, 'does not summarize column "purpose"' ],
	[ q{'m', kinds => '{"age": "round"}'}, 'kind of column "age" is not valid' ],
	[ q{'m', filter => 'random() > 0.5'}, 'not simple enough' ],
	[ q{'m', label => 'purpose'}, 'neither boolean nor a number' ],
	[ q{'m', reset => '{columns}'}, 'there is no setting "columns" to reset' ],
	[ q{'m', window_size => '90 minutes'}, 'not whole multiples' ],
	[ q{'nobody', lateness => '1 hour'}, 'does not exist' ]);
for (@refused)
{
	my ($code, $out, $err) = $node->psql('postgres', "SELECT weir.alter_monitor($_->[0])");
	like($err, qr/$_->[1]/, "refused: $_->[1]");
}
$node->safe_psql('postgres', q{CREATE ROLE somebody; CREATE TABLE other(at timestamptz NOT NULL, x float8, y float8); ALTER TABLE other REPLICA IDENTITY FULL;
INSERT INTO other SELECT '2026-01-01', i, i FROM generate_series(1, 100) i; GRANT USAGE ON SCHEMA weir TO somebody; GRANT SELECT ON loan TO somebody;
SELECT weir.create_monitor('young', 'other', 'at', columns => '{x}', backfill => false)});
my ($code, $out, $err) = $node->psql('postgres', q{SET ROLE somebody; SELECT weir.alter_monitor('m', add_columns => '{purpose}')});
like($err, qr/must be owner|permission denied/, 'refused: not the owner');
($code, $out, $err) = $node->psql('postgres', q{SELECT weir.alter_monitor('m', filter => 'amount > ' || i) FROM generate_series(1, 101) i});
like($err, qr/monitor "m" has 100 builds that are not over/, 'refused: more than a hundred builds at a time');
($code, $out, $err) = $node->psql('postgres', q{SELECT weir.alter_monitor('young', filter => 'x > 5')});
like($err, qr/backfill => false/, 'refused: panes without the rows of before cannot be built anew');
$node->safe_psql('postgres', q{SELECT weir.wait_for(); SELECT weir.alter_monitor('young', add_columns => '{y}'); SELECT weir.wait_for(); INSERT INTO other
  SELECT '2026-03-01', i, i FROM generate_series(1, 50) i});
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
is($node->safe_psql('postgres', q{SELECT column_name, n FROM weir.window_stats('young') WHERE window_start > '2026-02-01' ORDER BY 1}), "x|50\ny|50", 'but a column can be added, from now on');

$node->stop;
done_testing();
