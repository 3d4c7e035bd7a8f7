# Retention and roll-up: panes grow coarser with age and go; windows read across levels, late rows, updates and deletes stay exact.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('retention');

# A year of readings around both changes of the clocks in Berlin, irregular within the hour.
$node->safe_psql('postgres', q{
CREATE TABLE reading(id bigserial PRIMARY KEY, at timestamptz NOT NULL, value float8, place text, won boolean, sex text);
ALTER TABLE reading REPLICA IDENTITY FULL;
CREATE INDEX ON reading(at);
INSERT INTO reading(at, value, place, won, sex) SELECT '2025-01-01'::timestamptz + i * interval '47 min', i % 101, (ARRAY['roof','cellar'])[1 + i % 2], i % 3 = 0, (ARRAY['F','M'])[1 + i % 2]
FROM generate_series(1, 10800) i;
SELECT weir.create_monitor('plain', 'reading', 'at', columns => '{value}', window_size => '1 hour', time_zone => 'Europe/Berlin');
SELECT weir.create_monitor('rolled', 'reading', 'at', columns => '{value}', segment_by => '{place}', window_size => '1 hour', time_zone => 'Europe/Berlin',
  prediction => 'won', protected => '{sex}',
  options => '{"pane_size": "15 minutes", "roll_up": [{"after": "7 days", "size": "1 hour"}, {"after": "60 days", "size": "1 day"}, {"after": "240 days", "size": "1 month"}]}')});

sub refused
{
	my ($options, $expected, %more) = @_;
	my $arguments = join ', ', map { "$_ => $more{$_}" } sort keys %more;
	my ($code, $out, $err) = $node->psql('postgres', "SELECT weir.create_monitor('x', 'reading', 'at', options => '$options'" . ($arguments ? ", $arguments" : '') . ')');
	return like($err, qr/$expected/, "refused: $expected");
}
refused('{"roll_up": 1}', 'option roll_up is not valid');
refused('{"roll_up": [{"after": "7 days"}]}', 'not an object of two members');
refused('{"roll_up": [{"after": "7 days", "size": "25 minutes"}]}', 'not a multiple');
refused('{"roll_up": [{"after": "7 days", "size": "1 day"}, {"after": "6 days", "size": "2 days"}]}', 'not in the order of age');
refused('{"roll_up": [{"after": "7 days", "size": "1 week"}, {"after": "60 days", "size": "1 month"}]}', 'not a multiple');
refused('{"roll_up": [{"after": "7 days", "size": "-1 day"}]}', 'not positive');
refused('{"roll_up": [{"after": "7 days", "size": "1 day"}]}', 'after the retention', retention => "'5 days'");

$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '60 s')});
my $sizes = q{SELECT string_agg(pane_size::text || ' ' || (panes > 0), ', ' ORDER BY pane_size) FROM weir.monitor_storage WHERE monitor = 'rolled'};
wait_until($node, "SELECT ($sizes) = '00:15:00 true, 01:00:00 true, 1 day true, 1 mon true'", 'panes are rolled up by their age, step by step');
wait_until($node, q{SELECT count(*) = 3 AND min(before) = '2025-04-01 00:00 Europe/Berlin' FROM weir.pane_level WHERE before > '2025-01-01'}, 'up to whole panes of each size');
is($node->safe_psql('postgres', q{SELECT sum(n), count(DISTINCT bytes > 0), min(since) < '2025-01-01 12:00', max(until) > '2025-12-18' FROM weir.monitor_storage WHERE monitor = 'rolled'}),
	'10800|1|t|t', 'storage is shown, and no row is lost');
all_equal($node, 'rolled', 'verify compares at each level');

# --- windows as the other monitor has them, where the level allows; else said
my $compare = sub {
	my ($size, $condition) = @_;
	return $node->safe_psql('postgres', qq{
SELECT count(*) > 0, count(*) FILTER (WHERE r.n IS DISTINCT FROM p.n OR r.mean IS DISTINCT FROM p.mean OR r.p50 IS DISTINCT FROM p.p50)
FROM weir.window_stats('plain', '$size') p FULL JOIN (SELECT * FROM weir.window_stats('rolled', '$size') WHERE segment IS NULL) r USING (window_start)
WHERE $condition});
};
is($compare->('1 month', 'true'), 't|0', 'windows of a month: all');
is($compare->('1 day', q{window_start >= '2025-04-01 00:00 Europe/Berlin'}), 't|0', 'windows of a day: where panes are of a day or less');
is($compare->('1 hour', q{window_start >= '2025-10-20 00:00 Europe/Berlin'}), 't|0', 'windows of an hour: across the change of the clocks in October');
is($node->safe_psql('postgres', q{SELECT status, count(*) = 59 + 31, bool_and(n IS NULL) FROM weir.windows('rolled', '1 day')
  WHERE window_start < '2025-04-01 00:00 Europe/Berlin' AND segment IS NULL GROUP BY 1}),
	'rolled_up|t|t', 'smaller windows than panes say so');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT status, ' '), count(mean)
  FROM weir.window_stats('rolled', since => '2025-03-30', until => '2025-03-31')}), 'rolled_up|0', 'their statistics too');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT status, ' '), count(value)
  FROM weir.fairness_scores('rolled', since => '2025-03-30', until => '2025-03-31')}), 'rolled_up|0', 'and fairness');
is($node->safe_psql('postgres', q{SELECT count(*), min(window_start) >= '2025-03-10 12:00'
  FROM weir.windows('rolled', '1 day', since => '2025-03-10 12:00', until => '2025-03-12 12:00') WHERE segment IS NULL AND status = 'rolled_up'}),
	'2|t', 'also where the range asked for begins within a pane');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT status), min(status), count(*) FILTER (WHERE window_start = date_trunc('month', window_start, 'Europe/Berlin')) > 2
  FROM weir.windows('rolled', '1 month', '1 month', since => '2025-02-01 00:00 Europe/Berlin', until => '2025-06-01 00:00 Europe/Berlin') WHERE segment IS NULL}), '1|ok|t', 'whole months are');

# --- baselines: a range of whole panes, and one that cuts them
$node->safe_psql('postgres', q{SELECT weir.set_baseline('rolled', '2025-02-01 00:00 Europe/Berlin', '2025-04-01 00:00 Europe/Berlin'),
  weir.set_baseline('plain', '2025-02-01 00:00 Europe/Berlin', '2025-04-01 00:00 Europe/Berlin')});
my $drift = sub { my ($m) = @_; return $node->safe_psql('postgres', qq{SELECT metric, value, n_baseline, status FROM weir.drift_scores('$m', '1 day')
  WHERE window_start = '2025-11-03 00:00 Europe/Berlin' AND segment IS NULL AND column_name = 'value' ORDER BY 1}) };
is($drift->('rolled'), $drift->('plain'), 'drift against months that were rolled up');
$node->safe_psql('postgres', q{SELECT weir.set_baseline('rolled', '2025-02-10', '2025-03-10')});
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT status, ' '), count(value)
  FROM weir.drift_scores('rolled', '1 day', since => '2025-11-02', until => '2025-11-05') WHERE segment IS NULL}), 'rolled_up|0', 'a baseline that cuts a pane is none');

# --- late rows, updates and deletes of what was rolled up
$node->safe_psql('postgres', q{
INSERT INTO reading(at, value, place, won, sex) SELECT '2025-01-05'::timestamptz + i * interval '7 hours', 1000 + i, 'attic', true, 'F' FROM generate_series(1, 900) i;
UPDATE reading SET value = value + 0.5 WHERE id % 7 = 0;
UPDATE reading SET at = at - interval '40 days' WHERE id % 11 = 0 AND at > '2025-03-01';
DELETE FROM reading WHERE id % 13 = 0});
all_equal($node, 'rolled', 'late rows, updates and deletes at every level');
is($compare->('1 month', 'true'), 't|0', 'and windows are those of the other monitor');
is($node->safe_psql('postgres', $sizes), '00:15:00 true, 01:00:00 true, 1 day true, 1 mon true', 'at the same levels');

# --- large transactions in progress while panes are rolled up; a crash in the middle
$node->safe_psql('postgres', q{ALTER SYSTEM SET weir.decoding_memory = '64kB'; SELECT pg_reload_conf()});
$node->restart;
my $writer = $node->background_psql('postgres');
$writer->query_safe(q{BEGIN; INSERT INTO reading(at, value, place, won, sex) SELECT '2025-10-01'::timestamptz + i * interval '13 min', i, 'roof', true, 'F' FROM generate_series(1, 6000) i});
$node->safe_psql('postgres', q{INSERT INTO reading(at, value, place, won, sex) SELECT '2026-01-20'::timestamptz + i * interval '1 min', i, 'roof', true, 'F' FROM generate_series(1, 50) i});
wait_until($node, q{SELECT max(before) > '2026-01-12' FROM weir.pane_level}, 'time goes on: panes are rolled up further');
$writer->query_safe('COMMIT');
$writer->quit;
all_equal($node, 'rolled', 'what a transaction had folded into finer panes goes into the coarser ones');
$node->safe_psql('postgres', q{INSERT INTO reading(at, value, place, won, sex) SELECT '2026-03-20'::timestamptz + i * interval '1 min', i, 'roof', true, 'F'
  FROM generate_series(1, 50) i; SELECT 1});
$node->stop('immediate');
$node->start;
all_equal($node, 'rolled', 'after a crash');
$node->safe_psql('postgres', q{UPDATE weir.pane SET n = n + 1 WHERE generation = 0; SELECT weir.rebuild('rolled', since => '2025-02-10', until => '2025-07-10 13:00')});
verify_is($node, 'plain', $node->safe_psql('postgres', q{SELECT 1}) ? $node->safe_psql('postgres', q{SELECT different, marked, first_difference
  FROM weir.verify('plain')}) : '', 'the other monitor is broken, as it should be');
is($node->safe_psql('postgres', q{SELECT different FROM weir.verify('rolled', since => '2025-02-10', until => '2025-07-10 13:00')}), '0', 'rebuild mends what was rolled up, in whole panes');
$node->safe_psql('postgres', q{SELECT weir.rebuild('rolled'), weir.rebuild('plain')});
all_equal($node, 'rolled', 'and all of it');

# --- retention gives up whole panes
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('rolled', retention => '300 days')});
wait_until($node, q{SELECT min(since) = '2025-05-01 00:00 Europe/Berlin' FROM weir.monitor_storage WHERE monitor = 'rolled'}, 'of the largest size');
$node->safe_psql('postgres', q{INSERT INTO reading(at, value, place) VALUES ('2025-04-30 12:00', 7, 'roof'), ('2025-05-01 12:00', 7, 'roof')});
all_equal($node, 'rolled', 'and rows for what was given up are left out');

# --- deletes ignored: what was rolled up says that it holds more than the table
$node->safe_psql('postgres', q{SELECT weir.create_monitor('kept', 'reading', 'at', columns => '{value}', window_size => '1 day', on_delete => 'ignore',
  options => '{"roll_up": [{"after": "60 days", "size": "2 days"}]}')});
all_equal($node, 'kept', 'built');
$node->safe_psql('postgres', q{SELECT weir.wait_for(); DELETE FROM reading WHERE at < '2025-08-01'});
wait_until($node, q{SELECT bool_or(pane_size = '2 days') FROM weir.monitor_storage WHERE monitor = 'kept'}, 'rolled up');
like($node->safe_psql('postgres', q{SELECT weir.wait_for(); SELECT different, marked > 0, equal > 0 FROM weir.verify('kept')}), qr/^0\|t\|t$/m,
	'verify marks what the table has deleted, and compares the rest');
is($node->safe_psql('postgres', q{SELECT sum(n) > 5000 FROM weir.windows('kept', '2 days') WHERE window_start < '2025-08-01' AND status = 'ok'}), 't', 'windows keep it');

# --- nor is it overwritten where nobody saw the deletes: the monitor was set aside meanwhile
$node->safe_psql('postgres', q{CREATE TABLE logbook(id int, at timestamptz NOT NULL, x float8); ALTER TABLE logbook REPLICA IDENTITY FULL;
INSERT INTO logbook SELECT i, '2026-01-01'::timestamptz + i * interval '1 hour', i FROM generate_series(1, 480) i;
SELECT weir.create_monitor('logbook', 'logbook', 'at', columns => '{x}', window_size => '1 day', on_delete => 'ignore')});
all_equal($node, 'logbook', 'a monitor');
$node->safe_psql('postgres', q{ALTER TABLE logbook SET UNLOGGED});
wait_until($node, q{SELECT state = 'disabled' FROM weir.monitors WHERE monitor = 'logbook'}, 'is disabled');
$node->safe_psql('postgres', q{DELETE FROM logbook WHERE at < '2026-01-06'; INSERT INTO logbook SELECT i, '2026-01-20', i FROM generate_series(1, 7) i; ALTER TABLE logbook SET LOGGED;
SELECT weir.rebuild('logbook')});
is($node->safe_psql('postgres', q{SELECT weir.wait_for() IS NOT NULL; SELECT sum(n) FROM weir.windows('logbook')}), "t\n487", 'and begins again with what was deleted and what was added meanwhile');
is($node->safe_psql('postgres', q{SELECT different, marked > 0, equal > 0 FROM weir.verify('logbook')}), '0|t|t', 'the panes that hold more than the table are marked');

$node->stop;
done_testing();
