# Learners of monitors over time: their turns, the rows of before, labels from another table, and what people do to tables, monitors, owners and databases meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('learners');

sub learned
{
	$node->safe_psql('postgres', q{SELECT weir.wait_for_learners('180 s')});
	return;
}

sub refused
{
	my ($sql, $pattern, $what) = @_;
	my $error;

	$node->psql('postgres', $sql, stderr => \$error);
	like($error, $pattern, $what);
	return;
}

# ---- turns: a learner with much to do keeps no other waiting ----

my $rows = q{SELECT i AS id, '2026-01-01'::timestamptz + i * interval '1 s' AS at, i * 7919 % 1000 AS a, i * 104729 % 997 AS b, i * 31 % 89 AS c, i * 7919 % 1000 > i * 104729 % 997 AS y};
$node->safe_psql('postgres', qq{
CREATE TABLE large AS $rows FROM generate_series(1::bigint, 24000) i;
ALTER TABLE large ADD PRIMARY KEY (id);
CREATE TABLE huge AS $rows FROM generate_series(1::bigint, 300000) i;
CREATE TABLE small AS $rows FROM generate_series(1::bigint, 100) i;
ALTER TABLE small ADD PRIMARY KEY (id);
ALTER TABLE large REPLICA IDENTITY FULL;
ALTER TABLE small REPLICA IDENTITY FULL;
SELECT weir.create_monitor('large', 'large', 'at', window_size => '1 hour', label => 'y');
SELECT weir.create_monitor('huge', 'huge', 'at', window_size => '1 day', label => 'y');
SELECT weir.create_monitor('small', 'small', 'at', window_size => '1 hour', label => 'y');
SELECT weir.create_learner('huge', 'slow', 'adaptive_random_forest', options => '{"n_models": 200}');
});
wait_until($node, q{SELECT n_seen > 0 AND n_waiting > 0 AND status = 'starting' FROM weir.monitor_learners WHERE model = 'slow'}, 'a learner has many rows of before');
$node->safe_psql('postgres', qq{
SELECT weir.create_learner('small', 'quick', 'hoeffding_tree');
INSERT INTO small $rows FROM generate_series(101::bigint, 200) i});
wait_until($node, q{SELECT n_learned = 200 FROM weir.monitor_learners WHERE model = 'quick'}, 'another begins and learns what comes');
is($node->safe_psql('postgres', q{SELECT n_waiting > 0, n_seen < 300000, status FROM weir.monitor_learners WHERE model = 'slow'}), 't|t|starting', 'while the first has rows to learn');
my $seen = $node->safe_psql('postgres', q{SELECT n_seen FROM weir.monitor_learners WHERE model = 'slow'});
$node->restart;
cmp_ok($node->safe_psql('postgres', q{SELECT n_seen FROM weir.monitor_learners WHERE model = 'slow'}), '>=', $seen, 'a restart repeats one turn at most');
is($node->safe_psql('postgres', q{SELECT weir.drop_learner('slow') IS NOT NULL}), 't', 'a learner is dropped while it is busy, and leaves a version');
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM weir.learner_change c WHERE c.learner_id NOT IN (SELECT learner_id FROM weir.monitor_learner))}, 'what waited for it goes');

# ---- killed while the rows of before are read, and while they are learned ----

for my $fault ('learner_begun:kill', 'learner_applied:kill:1:3', 'learner_stored:kill', 'learner_read:error:3')
{
	set_fault($node, $fault);
	$node->safe_psql('postgres', q{SELECT weir.create_learner('large', 'killed', 'gaussian_naive_bayes')});
	wait_for_fault($node, $fault, $fault =~ /:error:3/ ? 3 : 1);
	set_fault($node, '');
	learned();
	is($node->safe_psql('postgres', q{SELECT n_seen, n_learned, n_gaps, weir.model_learner('killed', 'current')::text = (SELECT weir.train('gaussian_naive_bayes', f, y ORDER BY at)
	  FROM (SELECT at, y, (SELECT f FROM (SELECT a, b, c) f) AS f FROM large) s)::text FROM weir.monitor_learners WHERE model = 'killed'}), '24000|24000|0|t', "$fault: the model of one run");
	if ($fault eq 'learner_read:error:3')
	{
		# Errors that pass leave nothing in memory.
		my $offset = -s $node->logfile;

		$node->safe_psql('postgres', q{SELECT pg_log_backend_memory_contexts(pid) FROM pg_stat_activity WHERE backend_type LIKE '%weir learners%'});
		$node->wait_for_log(qr/Grand total/, $offset);
		my @contexts = slurp_file($node->logfile, $offset) =~ /(weir fed learner)/g;
		is(scalar(@contexts), 2, 'the worker has two learners in memory');
	}
	$node->safe_psql('postgres', q{SELECT weir.drop_learner('killed', snapshot => false)});
}

# ---- labels in another table: late, before their row, corrected, taken back, after a reset ----

$node->safe_psql('postgres', q{
CREATE TABLE cases(id bigint PRIMARY KEY, at timestamptz NOT NULL, x float8);
CREATE TABLE outcomes(case_id bigint PRIMARY KEY, y text);
SELECT weir.join_labels('labelled', 'cases', 'outcomes', key => '{id}', label_key => '{case_id}', label => '{y}');
SELECT weir.create_monitor('labelled', 'labelled', 'at', window_size => '1 hour');
SELECT weir.create_learner('labelled', 'joined', 'hoeffding_tree', features => '{x}', label => 'y', options => '{"grace_period": 20}');
SELECT weir.create_learner('labelled', 'joined_kept', 'gaussian_naive_bayes', features => '{x}', label => 'y', keep_predictions => true);
SELECT weir.wait_for_learners('180 s');
});

# Everything that was committed is in the kept table, and learned from there.
sub joined
{
	my ($sql) = @_;

	$node->safe_psql('postgres', $sql);
	$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '120 s')});
	$node->poll_query_until('postgres', q{SELECT followed AND n_pending = 0 FROM weir.labelled_tables});
	learned();
	return;
}

# What each has learned, in the order in which it came: ids and labels are given.
sub learned_is
{
	my ($values, $expected, $what) = @_;

	is($node->safe_psql('postgres', qq{SELECT m.n_seen, m.n_learned, m.n_corrected, m.n_retracted,
	  weir.model_learner('joined', 'current')::text = (SELECT weir.train('hoeffding_tree', f, y, '{"grace_period": 20}' ORDER BY place)
	    FROM (SELECT v.place, v.y, (SELECT f FROM (SELECT (v.id * 7919 % 100)::float8 AS x) f) AS f FROM ($values) v (place, id, y)) s)::text
	  FROM weir.monitor_learners m WHERE model = 'joined'}), $expected, $what);
	return;
}

my $case = q{INSERT INTO cases SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i * 7919 % 100 FROM generate_series};
my $outcome = q{INSERT INTO outcomes SELECT i, CASE WHEN i * 7919 % 100 > 50 THEN 'yes' ELSE 'no' END FROM generate_series};
my $y = q{CASE WHEN i * 7919 % 100 > 50 THEN 'yes' ELSE 'no' END};
joined("$case(1, 50) i");
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.learner_predictions WHERE model = 'joined' AND label IS NULL}), '50', 'rows wait for their labels');
joined("$outcome(11, 12) i; $outcome(61, 61) i");
joined("$case(61, 61) i");
learned_is("SELECT i, i::bigint, $y FROM generate_series(11, 61) i WHERE i IN (11, 12, 61)", '51|3|0|0|t', 'labels that come after their rows, and before');
joined(q{UPDATE outcomes SET y = 'other' WHERE case_id = 11; DELETE FROM outcomes WHERE case_id = 12});
is($node->safe_psql('postgres', q{SELECT n_learned, n_corrected, n_retracted FROM weir.monitor_learners WHERE model = 'joined'}), '3|2|0', 'one is corrected, one taken back');
is($node->safe_psql('postgres', q{SELECT prediction IS NULL, label IS NULL, labelled_at IS NOT NULL FROM weir.learner_predictions WHERE model = 'joined_kept' AND subject = '12'}), 't|t|t',
	'is shown as such');
joined(q{INSERT INTO outcomes VALUES (12, 'no'); DELETE FROM cases WHERE id IN (11, 20)});
is($node->safe_psql('postgres', q{SELECT n_learned, n_corrected, n_retracted, (SELECT count(*) FROM weir.learner_predictions WHERE model = 'joined' AND subject = '20') FROM weir.monitor_learners
  WHERE model = 'joined'}), '3|2|1|0', 'and is not learned again when it comes again; rows go, learned and not');
is($node->safe_psql('postgres', q{SELECT label FROM weir.learner_predictions WHERE model = 'joined_kept' AND subject = '12'}), 'no', 'it is kept with the prediction');
joined("$case(20, 20) i; $outcome(20, 20) i");
learned_is("SELECT n, i::bigint, $y FROM unnest(ARRAY[11, 12, 61, 20]) WITH ORDINALITY u (i, n)", '52|4|2|1|t', 'a row that comes again with its label');
$node->safe_psql('postgres', q{SELECT weir.reset_learner('joined')});
learned();
is($node->safe_psql('postgres', q{SELECT n_seen = (SELECT count(*) FROM labelled), n_learned = (SELECT count(y) FROM labelled), n_corrected, n_retracted FROM weir.monitor_learners
  WHERE model = 'joined'}), 't|t|0|0', 'a reset learns the table as it is');
joined("$outcome(30, 30) i");
learned_is(q{SELECT at + (id = 30)::int * interval '1 year', id, y FROM labelled WHERE y IS NOT NULL}, '50|4|0|0|t', 'a label of a row that came before the reset');

# ---- versions that nobody asked for: the latest stay, and those that mattered ----

$node->safe_psql('postgres', q{SELECT weir.create_learner('large', 'versioned', 'gaussian_naive_bayes', snapshot_rows => 2000, snapshot_interval => NULL, keep_versions => 3)});
learned();
sub versions { return $node->safe_psql('postgres', q{SELECT string_agg(version::text, ',' ORDER BY version) FROM weir.model_versions WHERE model = 'versioned'}) }
is(versions(), '10,11,12', 'a version every 2000 rows, of which three stay');
$node->safe_psql('postgres', q{SELECT weir.promote_model('versioned', 10, reason => 'it will do'); SELECT weir.reset_learner('versioned')});
learned();
is(versions(), '10,22,23,24', 'one that was promoted stays');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.audit_log WHERE action = 'expire' AND subject LIKE 'versioned/%'}), '20', 'the audit log tells which went');
refused("SELECT weir.create_learner('large', 'x', keep_versions => 0)", qr/keep_versions must be at least 1/, 'refused: no versions');
$node->safe_psql('postgres', q{SELECT weir.evaluate_model('versioned', 24, $q$SELECT y AS label, weir.predict_with('versioned', f, $1::text)::boolean AS champion,
  weir.predict_with('versioned', f, $2::text)::boolean AS challenger FROM large, LATERAL (SELECT a, b, c) f WHERE id > 23000$q$)});
is($node->safe_psql('postgres', q{SELECT version, against, n FROM weir.evaluations WHERE model = 'versioned'}), '24|10|1000', 'versions are evaluated like any');
is($node->safe_psql('postgres', q{SELECT weir.drop_learner('versioned') IS NULL}), 't', 'nothing new to be kept');
# By time: once there is something new to be kept.
$node->safe_psql('postgres', q{SELECT weir.create_learner('small', 'timed', 'gaussian_naive_bayes', snapshot_interval => '1 second')});
wait_until($node, q{SELECT count(*) = 1 FROM weir.model_versions WHERE model = 'timed' AND note = 'on schedule'}, 'a version when it is time');
$node->safe_psql('postgres', qq{INSERT INTO small $rows FROM generate_series(201::bigint, 210) i});
wait_until($node, q{SELECT count(*) = 2 AND bool_and(metrics ? 'accuracy') FROM weir.model_versions WHERE model = 'timed'}, 'and the next when more is learned');
$node->safe_psql('postgres', q{DELETE FROM small WHERE id > 200; SELECT weir.drop_learner('timed')});

# ---- rows that leave their partition and arrive nowhere; a gap while somebody has the state locked; predictions of an idle learner ----

$node->safe_psql('postgres', q{
CREATE TABLE parts(id bigint, at timestamptz NOT NULL, part text, x float8, y text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b');
ALTER TABLE parts_a REPLICA IDENTITY FULL;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id > 100 THEN RETURN NULL; END IF; RETURN NEW; END$$;
CREATE TRIGGER swallow BEFORE INSERT ON parts_b FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT weir.create_monitor('parts', 'parts', 'at', window_size => '1 day', options => '{"insert_only": true}');
SELECT weir.create_learner('parts', 'parted', 'logistic_regression', features => '{x}', label => 'y');
});
learned();
$node->safe_psql('postgres', $_) for q{INSERT INTO parts SELECT i, '2026-01-01'::timestamptz + i * interval '1 min',
	'a', i * 7919 % 100, CASE WHEN i % 2 = 0 THEN 'yes' END FROM generate_series(1, 700) i},
  q{UPDATE parts SET part = 'b'}, q{INSERT INTO parts VALUES (1000, '2026-01-01', 'a', 1, 'no')};
learned();
is($node->safe_psql('postgres', q{SELECT n_seen - (SELECT count(*) FROM parts), n_retracted, status FROM weir.monitor_learners WHERE model = 'parted'}), '600|300|active',
	'rows that a trigger kept from their partition are gone');
$node->safe_psql('postgres', q{UPDATE parts SET y = 'no' WHERE id = 1; UPDATE parts SET id = 2000 WHERE id = 3; UPDATE parts SET y = 'no' WHERE id = 2000});
learned();
is($node->safe_psql('postgres', q{SELECT n_learned FROM weir.monitor_learners WHERE model = 'parted'}), '353', 'what was said of rows is found under their new keys');
# Two transactions in progress at a time, each with rows that went nowhere: those of the one that is rolled back stay.
$node->safe_psql('postgres', q{ALTER SYSTEM SET weir.decoding_memory = '64kB'});
$node->restart;
$node->safe_psql('postgres', q{INSERT INTO parts SELECT i, '2026-01-01', 'a', 1, 'no' FROM generate_series(3001, 6000) i});
learned();
wait_until($node, 'SELECT rows_streamed >= 3000 FROM weir.capture_status', 'large transactions are read in progress');
my ($streamed, $retracted) = split /\|/, $node->safe_psql('postgres', q{SELECT rows_streamed, n_retracted FROM weir.capture_status, weir.monitor_learners WHERE model = 'parted'});
my @sessions = map { $node->background_psql('postgres', on_error_stop => 1) } 1 .. 2;
$sessions[$_]->query_safe('BEGIN; UPDATE parts SET part = \'b\' WHERE id > 3000 AND id <= 3160 AND id % 2 = ' . $_ . '; UPDATE parts SET x = x + 1 WHERE id > 4000 AND id % 2 = ' . $_) for 0, 1;
$sessions[0]->query_safe('ROLLBACK');
$sessions[1]->query_safe('COMMIT');
$_->quit for @sessions;
learned();
wait_until($node, qq{SELECT rows_streamed >= $streamed + 1000 FROM weir.capture_status}, 'and so are both');
is($node->safe_psql('postgres', qq{SELECT n_retracted - $retracted FROM weir.monitor_learners WHERE model = 'parted'}), '80',
	'rows that were kept from their partition by a transaction that is rolled back, while another goes on');
$node->safe_psql('postgres', q{ALTER SYSTEM RESET weir.decoding_memory});
$node->safe_psql('postgres', q{INSERT INTO parts VALUES (1001, '2026-01-01', 'a', 1, 'perhaps')});
wait_until($node, q{SELECT status = 'disabled' FROM weir.monitor_learners WHERE model = 'parted'}, 'a third class sets it aside');
my $session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe(q{BEGIN; SELECT weir.resume_learner('parted')});
$node->safe_psql('postgres', q{INSERT INTO parts VALUES (1002, '2026-01-01', 'a', 1, NULL); SELECT weir.wait_for(timeout => '120 s')});
$session->query_safe('COMMIT');
$session->quit;
is($node->safe_psql('postgres', q{SELECT n_gaps FROM weir.monitor_learners WHERE model = 'parted'}), '1', 'a learner that goes on counts the gap, whoever had its state');

# A partition that brings rows brings no changes of them: that is said, but of learners that have read them, however they did.
$node->safe_psql('postgres', q{
DELETE FROM parts WHERE y = 'perhaps';
CREATE TABLE parts_c (LIKE parts INCLUDING ALL);
INSERT INTO parts_c SELECT i, '2026-01-02', 'c', i % 7, 'no' FROM generate_series(10001, 10100) i;
CREATE TABLE parts_d PARTITION OF parts FOR VALUES IN ('d');
INSERT INTO parts SELECT i, '2026-01-02', 'd', i % 7, 'no' FROM generate_series(11001, 11100) i});
learned();
is($node->safe_psql('postgres', q{SELECT n_gaps FROM weir.monitor_learners WHERE model = 'parted'}), '1', 'a partition that is created brings no gap');
$seen = $node->safe_psql('postgres', q{SELECT n_seen FROM weir.monitor_learners WHERE model = 'parted'});
$node->safe_psql('postgres', q{
SELECT weir.pause_capture();
ALTER TABLE parts ATTACH PARTITION parts_c FOR VALUES IN ('c');
SELECT weir.create_learner('parts', 'parted_later', 'k_means', features => '{x}', keep_predictions => true);
INSERT INTO parts SELECT i, '2026-01-02', 'c', i % 7, 'no' FROM generate_series(12001, 12100) i;
SELECT weir.resume_capture()});
wait_until($node, q{SELECT n_gaps = 2 FROM weir.monitor_learners WHERE model = 'parted'}, 'one that is attached with rows does');
learned();
is($node->safe_psql('postgres', qq{SELECT n_seen - $seen, n_gaps, gap_at > now() - interval '1 hour',
  gap_reason LIKE 'table "parts_c" was attached, and the rows that it brought are not learned: weir.reset_learner%' FROM weir.monitor_learners WHERE model = 'parted'}),
	'100|2|t|t', 'with its reason');
is($node->safe_psql('postgres', q{SELECT n_seen - (SELECT count(*) FROM parts), n_learned = n_seen, n_gaps, label IS NULL, accuracy IS NULL, status
  FROM weir.monitor_learners WHERE model = 'parted_later'}),
	'0|t|0|t|t|active', 'one that began later has read them: it has no gap, nor a label');
$node->safe_psql('postgres', q{SELECT weir.reset_learner('parted')});
learned();
is($node->safe_psql('postgres', q{SELECT n_seen - (SELECT count(*) FROM parts), n_gaps, gap_at, gap_reason FROM weir.monitor_learners WHERE model = 'parted'}), '0|0||',
	'a reset learns the table as it is');
# As docs/learning.md has it: rows of a table that is to be attached, and those that one has brought.
$node->safe_psql('postgres', q{
CREATE TABLE parts_e (LIKE parts INCLUDING ALL);
INSERT INTO parts_e SELECT i, '2026-01-03', 'e', i % 7, 'no' FROM generate_series(7001, 7100) i;
BEGIN;
CREATE TEMPORARY TABLE brought ON COMMIT DROP AS TABLE parts_e;
TRUNCATE parts_e;
ALTER TABLE parts ATTACH PARTITION parts_e FOR VALUES IN ('e');
INSERT INTO parts SELECT * FROM brought ORDER BY at, id;
COMMIT;
CREATE TABLE parts_f (LIKE parts INCLUDING ALL);
INSERT INTO parts_f SELECT i, '2026-01-04', 'f', i % 7, 'no' FROM generate_series(8001, 8100) i;
ALTER TABLE parts ATTACH PARTITION parts_f FOR VALUES IN ('f');
INSERT INTO parts SELECT i, '2026-01-04', 'f', i % 7, 'no' FROM generate_series(8101, 8150) i});
learned();
is($node->safe_psql('postgres', q{SELECT n_seen - (SELECT count(*) FROM parts), n_retracted FROM weir.monitor_learners WHERE model = 'parted'}), '-100|0',
	'rows that were inserted through the parent are learned, those that were brought are not');
$node->safe_psql('postgres', q{
BEGIN;
LOCK TABLE parts_f;
CREATE TEMPORARY TABLE brought ON COMMIT DROP AS SELECT * FROM parts_f WHERE id <= 8100;
ALTER TABLE parts DETACH PARTITION parts_f;
DELETE FROM parts_f WHERE id <= 8100;
ALTER TABLE parts ATTACH PARTITION parts_f FOR VALUES IN ('f');
INSERT INTO parts SELECT * FROM brought ORDER BY at, id;
COMMIT});
learned();
is($node->safe_psql('postgres', q{SELECT n_seen - (SELECT count(*) FROM parts), n_retracted FROM weir.monitor_learners WHERE model = 'parted'}), '0|0',
	'until they are');
$node->safe_psql('postgres', q{DELETE FROM parts WHERE id > 12050});
learned();
is($node->safe_psql('postgres', q{SELECT n_retracted, (SELECT count(*) = (SELECT count(*) FROM parts) AND count(prediction) >= count(*) - 5
    AND bool_and(coalesce(prediction::int BETWEEN 0 AND 4, true) AND label IS NULL) FROM weir.learner_predictions p WHERE p.model = m.model),
  (SELECT count(*) FROM weir.learner_metrics e WHERE e.model = m.model) FROM weir.monitor_learners m WHERE model = 'parted_later'}),
	'50|t|0', 'what it said of rows goes with them');
$node->safe_psql('postgres', q{SELECT weir.drop_learner('parted_later')});
$node->safe_psql('postgres', q{UPDATE weir.monitor_learner SET prediction_retention = '1 second' WHERE features = '{x}' AND label = 'y' AND learner = 'logistic_regression'});
$node->restart;
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM weir.learner_predictions WHERE model = 'parted')}, 'predictions of a learner that is idle expire');

# ---- where there is no room for the worker that reads their tables, learners are begun by the one that feeds them, if nobody else does ----

# Both launchers, the scheduler, capture, and the worker that feeds learners.
$node->safe_psql('postgres', 'ALTER SYSTEM SET max_worker_processes = 5');
$node->restart;
$session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe(q{BEGIN; SELECT weir.create_learner('large', 'read_elsewhere', 'gaussian_naive_bayes');
  SELECT pg_advisory_lock('weir.learner_state'::regclass::oid::int, learner_id) FROM weir.monitor_learner JOIN weir.model USING (model_id) WHERE name = 'read_elsewhere'; COMMIT});
$node->safe_psql('postgres', q{SELECT weir.create_learner('small', 'read_here', 'gaussian_naive_bayes')});
wait_until($node, q{SELECT n_learned = 200 FROM weir.monitor_learners WHERE model = 'read_here'}, 'one is begun');
is($node->safe_psql('postgres', q{SELECT cut IS NULL, waiting_reason FROM weir.learner_state JOIN weir.monitor_learner USING (learner_id)
  JOIN weir.model USING (model_id) WHERE name = 'read_elsewhere'}),
	't|', 'one that another process reads for is left alone');
$session->query_safe('SELECT pg_advisory_unlock_all()');
$session->quit;
learned();
is($node->safe_psql('postgres', q{SELECT n_learned, status, waiting_reason FROM weir.monitor_learners WHERE model = 'read_elsewhere'}), '24000|active|', 'until that process has gone');
$node->safe_psql('postgres', q{SELECT weir.drop_learner(m, snapshot => false) FROM unnest('{read_elsewhere,read_here}'::text[]) m});
$node->safe_psql('postgres', 'ALTER SYSTEM RESET max_worker_processes');
$node->restart;

# ---- columns, tables, monitors, owners, databases ----

my $t = q{INSERT INTO t SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', (i % 100)::text::numeric, i % 3, i % 100 > 50 FROM generate_series};
$node->safe_psql('postgres', qq{
CREATE ROLE first_owner LOGIN;
CREATE ROLE heir LOGIN;
GRANT CREATE ON SCHEMA public TO first_owner, heir;
SET ROLE first_owner;
CREATE TABLE t(id bigint PRIMARY KEY, at timestamptz NOT NULL, x int, z text, y boolean);
ALTER TABLE t REPLICA IDENTITY FULL;
SELECT weir.create_monitor('t', 't', 'at', window_size => '1 day', label => 'y');
$t(1, 100) i;
SELECT weir.create_learner('t', 'steady', 'hoeffding_tree');
});
learned();
my $n = 100;

sub goes_on
{
	my ($sql, $what) = @_;

	$node->safe_psql('postgres', "$sql; $t(" . ($n + 1) . ', ' . ($n + 10) . ') i');
	$n += 10;
	learned();
	is($node->safe_psql('postgres', q{SELECT n_seen, n_learned, n_gaps, status FROM weir.monitor_learners WHERE model = 'steady'}), "$n|$n|0|active", "a learner goes on: $what");
	return;
}

goes_on(@$_)
  for [ 'ALTER TABLE t ALTER x TYPE bigint', 'a column of another type' ], [ 'ALTER TABLE t RENAME x TO xx', 'a column that is renamed' ], [ 'TRUNCATE t', 'a table that is emptied' ],
  [ q{SELECT weir.alter_monitor('t', window_size => '2 days', filter => 'xx >= 0')}, 'a monitor that is altered' ], [ 'SELECT weir.pause_capture(); SELECT weir.resume_capture()',
	'capture that is paused' ],
  [ 'REASSIGN OWNED BY first_owner TO heir; DROP OWNED BY first_owner; DROP ROLE first_owner', 'an owner that is gone' ];
$node->safe_psql('postgres', q{SELECT weir.reset_learner('steady')});
learned();
is($node->safe_psql('postgres', q{SELECT n_seen = (SELECT count(*) FROM t), status, owner, (SELECT owner FROM weir.models WHERE model = 'steady') FROM weir.monitor_learners
  WHERE model = 'steady'}), 't|active|heir|heir',
	'and belongs to the table\'s owner');

# ---- what models rest on: kept for each pane, compared with the baseline, watched by rules ----

my $scored = q{INSERT INTO scored SELECT i, '2026-01-01'::timestamptz + i * interval '5 min', i * 7919 % 100, i * 104729 % 97, i * 31 % 89,
  i * 7919 % 100 + i * 104729 % 97 / 4 > 60 FROM generate_series};
$node->safe_psql('postgres', qq{
CREATE TABLE scored(id bigint PRIMARY KEY, at timestamptz NOT NULL, a float8, b float8, c float8, y boolean);
ALTER TABLE scored REPLICA IDENTITY FULL;
$scored(1, 2000) i;
SELECT weir.create_monitor('scored', 'scored', 'at', window_size => '1 day', columns => '{a,b,c,y}', label => 'y', options => '{"pane_size": "6 hours"}');
SELECT weir.set_baseline('scored', since => '2026-01-01', until => '2026-01-04');
SELECT weir.create_learner('scored', 'explained', 'logistic_regression', features => '{a,b,c}');
SELECT weir.create_trainer('anew', 'explained');
SELECT weir.create_rule('rests on others', 'scored', 'attribution_total_variation', above => 0.2, column_name => 'explained', action => 'retrain', trainer => 'anew');
ALTER TABLE scored RENAME b TO bb;
});
learned();

# As a query over the rows has it, and the model as it is.
sub attributed
{
	my ($since, $until, $n, $what) = @_;

	wait_until($node, qq{SELECT count(*) = 2 AND min(n) = $n AND bool_and(status = 'ok' AND is_final) FROM weir.scores('scored', since => '$since', until => '$until')
	  WHERE family = 'attribution' AND subject = 'explained'},
		"$what: rows are explained");
	is($node->safe_psql('postgres', qq{SELECT bool_and(abs(s.value - q.value) < 1e-9), bool_and(s.verdict = q.verdict), count(*) FROM weir.scores('scored', since => '$since', until => '$until') s
	  JOIN (SELECT d.* FROM
	    (SELECT weir.feature_attributions(m, f) AS f FROM scored, LATERAL (SELECT a, bb AS b, c) f, weir.model_learner('explained', 'current') m WHERE at >= '2026-01-01' AND at < '2026-01-04') b,
	    (SELECT weir.feature_attributions(m, f) AS f FROM scored, LATERAL (SELECT a, bb AS b, c) f, weir.model_learner('explained', 'current') m WHERE at >= '$since' AND at < '$until') c,
	    LATERAL weir.attribution_drift(b.f, c.f) d) q USING (metric) WHERE s.family = 'attribution' AND s.subject = 'explained'}), 't|t|2', "$what: scores are those of the rows");
	return;
}

attributed('2026-01-05', '2026-01-06', 288, 'a window');

# The baseline is read again where the model or its rows have changed, and only there: rows without a label change neither.
sub baseline_read { return $node->safe_psql('postgres', q{SELECT baseline_explained_at FROM weir.attribution WHERE model = 'explained'}) }
my $read = baseline_read();
$node->safe_psql('postgres', q{INSERT INTO scored SELECT 10000 + i, '2026-01-05'::timestamptz + i * interval '1 min', 90, i, i FROM generate_series(1, 50) i;
  UPDATE scored SET c = c + 1000 WHERE id > 10000});
attributed('2026-01-05', '2026-01-06', 338, 'rows that come late, and are updated');
is(baseline_read(), $read, 'the baseline is not read again');
$node->safe_psql('postgres', q{UPDATE scored SET a = a + 1 WHERE id = 10});
wait_until($node, qq{SELECT baseline_explained_at > '$read' FROM weir.attribution WHERE model = 'explained'}, 'until a row of it is another');
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT feature, ',' ORDER BY feature), min(version) IS NULL, min(n_baseline), max(n) <= max(n_rows), bool_and(share BETWEEN 0 AND 1)
  FROM weir.window_attributions WHERE monitor = 'scored' AND model = 'explained'}), 'a,b,c|t|863|t|t', 'what each feature contributes');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.alerts WHERE rule = 'rests on others'}), '0', 'no alert yet');

# A model that gets no further keeps no rule on another waiting, nor one of several rules.
$node->safe_psql('postgres', q{SELECT weir.create_learner('scored', 'stuck', 'gaussian_naive_bayes', features => '{a}');
  SELECT weir.create_rule('drifts', 'scored', 'psi', above => 0.2, column_name => 'a'); SELECT weir.create_composite_rule('both', '{rests on others,drifts}')});
wait_until($node, q{SELECT EXISTS (SELECT FROM weir.attribution WHERE model = 'stuck')}, 'another model is to be explained');
my $session_of_stuck = $node->background_psql('postgres', on_error_stop => 1);
$session_of_stuck->query_safe(q{BEGIN; SELECT FROM weir.attribution WHERE model = 'stuck' FOR UPDATE});
$node->safe_psql('postgres', q{SELECT weir.promote_model('explained', weir.snapshot_learner('explained'), reason => 'the first');
  INSERT INTO scored SELECT i, '2026-01-01'::timestamptz + i * interval '5 min', 50, i * 104729 % 97 * 4, i * 31 % 89 FROM generate_series(2001, 3000) i});
wait_until($node, q{SELECT count(*) = 1 FROM weir.alerts WHERE rule = 'rests on others' AND state = 'open'}, 'a rule fires where a model rests on other features');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.jobs WHERE trainer = 'anew'}), '1', 'a job is queued with it');
wait_until($node, q{SELECT count(*) = 1 FROM weir.alerts WHERE rule = 'both'}, 'and one of which it is a part');
is($node->safe_psql('postgres', q{SELECT read_until < '2026-01-08' FROM weir.attribution WHERE model = 'stuck'}), 't', 'while another model is not explained');
$session_of_stuck->quit;
$node->safe_psql('postgres', q{SELECT weir.drop_learner('stuck', snapshot => false)});
is($node->safe_psql('postgres', q{SELECT min(version) FILTER (WHERE window_start > '2026-01-09'), bool_and(disabled_reason IS NULL) FROM weir.window_attributions WHERE model = 'explained'}), '1|t',
	'the champion is explained where there is one');
refused("SELECT weir.create_rule('x', 'scored', 'attribution_ndcg_loss', above => 0.1, segment => 'a')", qr/family "attribution" have no segments/, 'no segments');
refused("SELECT weir.create_rule('x', 'scored', 'attribution_ndcg_loss', above => 0.1, column_name => 'nobody')", qr/has no column "nobody"/, 'no such model');
refused("SELECT weir.create_rule('x', 'cases', 'attribution_ndcg_loss', above => 0.1)", qr/does not exist/, 'no such monitor');
$node->safe_psql('postgres', q{CREATE ROLE stranger LOGIN; GRANT SELECT (at, a) ON scored TO stranger});
is($node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM weir.scores WHERE family = 'attribution'), (SELECT count(*) FROM weir.window_attributions)},
	extra_params => [ '-U', 'stranger' ]), '0|0', 'who may not read the features sees nothing');

# Panes and baselines of many rows are explained by some of them, chosen by a hash of rows that hold what has none.
$node->safe_psql('postgres', q{
CREATE TABLE many(id bigint PRIMARY KEY, at timestamptz NOT NULL, a int, b int, c int, y boolean, j json, s bit(3));
ALTER TABLE many REPLICA IDENTITY FULL;
INSERT INTO many SELECT i, '2026-01-01'::timestamptz + i / 3000 * interval '1 day' + i % 3000 * interval '1 s',
  i * 7919 % 10, i * 104729 % 7, 1000 + i % 1000, i * 7919 % 10 > 5, '{}', B'101' FROM generate_series(0, 6000) i;
INSERT INTO many VALUES (10000, '2026-01-10', 1, 1, 1, true);
SELECT weir.create_monitor('many', 'many', 'at', window_size => '1 day', columns => '{a,b,c,y}', label => 'y', filter => 'c >= 0', options => '{"pane_size": "1 day"}');
SELECT weir.set_baseline('many', since => '2026-01-01', until => '2026-01-02');
SELECT weir.create_learner('many', 'sampled', 'logistic_regression', features => '{a,b}');
});
learned();
my $sampled = q{SELECT count(*) = 2, bool_and(n_rows = 3000 AND n BETWEEN 850 AND 1150 AND n_baseline BETWEEN 850 AND 1150 AND disabled_reason IS NULL) FROM weir.window_attributions
  WHERE model = 'sampled' AND window_start = '2026-01-02'};
my $disabled = q{SELECT disabled_reason FROM weir.window_attributions WHERE model = 'sampled' AND disabled_reason IS NOT NULL};

sub sampled
{
	my ($what) = @_;

	wait_until($node, qq{SELECT count(*) = 2 OR EXISTS ($disabled) FROM weir.attribution a JOIN weir.baseline b ON b.monitor_id = a.monitor_id AND b.set_at = a.baseline_set_at
	  JOIN weir.window_attributions w USING (model) WHERE a.model = 'sampled' AND w.window_start = '2026-01-02'}, $what);
	is($node->safe_psql('postgres', $disabled), '', "$what: and nothing is disabled");
	is($node->safe_psql('postgres', $sampled), 't|t', "$what: some of the rows");
	return;
}

sampled('panes of many rows are explained');
my $anew = q{SELECT weir.set_baseline('many', since => '2026-01-01', until => '2026-01-02')};
$node->safe_psql('postgres', "SELECT weir.pause_capture(); ALTER TABLE many RENAME b TO bb; ALTER TABLE many RENAME at TO t; $anew");
sampled('under names that capture has not seen');
# What fails meanwhile is told once.
my $log = -s $node->logfile;
$node->safe_psql('postgres', "ALTER TABLE many RENAME c TO cc; $anew");
wait_until($node, q{SELECT waiting_reason LIKE 'column "c" does not exist. Capture has not seen yet%' AND disabled_reason IS NULL FROM weir.window_attributions WHERE model = 'sampled'},
	'what waits for capture says so');
my $looked = $node->safe_psql('postgres', q{SELECT looked_at FROM weir.attribution WHERE model = 'sampled'});
wait_until($node, qq{SELECT looked_at > '$looked' FROM weir.attribution WHERE model = 'sampled'}, 'and is tried again');
is(scalar(() = slurp_file($node->logfile, $log) =~ /could not explain model "sampled"/g), 1, 'which is told once');
$node->safe_psql('postgres', q{ALTER TABLE many RENAME bb TO b; ALTER TABLE many RENAME t TO at; ALTER TABLE many RENAME cc TO c; SELECT weir.resume_capture();
  SELECT weir.promote_model('sampled', weir.drop_learner('sampled'), reason => 'the first');
  SELECT weir.create_learner('many', 'sampled', 'logistic_regression', features => '{c,b}')});
learned();
$node->safe_psql('postgres', $anew);
sampled('the version of a learner that had other features');
is($node->safe_psql('postgres', q{SELECT string_agg(w.feature, ',' ORDER BY w.feature), bool_and(w.version = 1 AND abs(w.mean_absolute - q.mean_absolute) < 0.1 * q.mean_absolute)
  FROM weir.window_attributions w, (SELECT unnest(weir.feature_attributions(weir.model_learner('sampled', '1'), f)) AS q
    FROM (SELECT (SELECT f FROM (SELECT a, b) f) AS f FROM many WHERE id BETWEEN 3000 AND 5999) r) u,
    LATERAL (SELECT (u.q).*) q
  WHERE w.model = 'sampled' AND w.window_start = '2026-01-02' AND w.feature = q.feature}), 'a,b|t', 'is explained with its own');

# Who drops a monitor, and has not committed yet, keeps nobody waiting.
$session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe(q{BEGIN; SELECT weir.drop_monitor('many')});
$node->safe_psql('postgres', q{INSERT INTO scored SELECT i, '2026-01-01'::timestamptz + i * interval '5 min', 50, i * 104729 % 97 * 4, i * 31 % 89 FROM generate_series(3001, 3600) i});
wait_until($node, q{SELECT max(window_start) >= '2026-01-12' FROM weir.window_attributions WHERE model = 'explained'}, 'others are explained while somebody drops a monitor');
$session->query_safe('ROLLBACK');
$session->quit;

# No row was there when the panes of these days were read, nor any before.
$node->safe_psql('postgres', q{INSERT INTO scored VALUES (30000, '2026-01-20 12:00', 1, 1, 1)});
wait_until($node, q{SELECT read_until >= '2026-01-20' FROM weir.attribution WHERE model = 'explained'}, 'days without a row are read');
$node->safe_psql('postgres', q{INSERT INTO scored SELECT 30000 + i, (ARRAY['2025-12-20', '2026-01-15'])[1 + i % 2]::timestamptz + i * interval '10 min', i % 10, i, i % 7
  FROM generate_series(1, 100) i});
attributed('2025-12-20', '2025-12-21', 50, 'rows of a day before');
attributed('2026-01-15', '2026-01-16', 50, 'rows of a day in between');
is($node->safe_psql('postgres', q{SELECT bool_and(n = n_rows) FROM weir.attribution_pane WHERE model = 'explained'}), 't', 'no row is of two panes');

# Panes that have gone count no more.
$node->safe_psql('postgres', q{DELETE FROM weir.pane WHERE pane_start = '2026-01-02' AND monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'many');
  INSERT INTO many VALUES (10001, '2026-01-10', 1, 1, 1, true)});
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM weir.window_attributions WHERE model = 'sampled' AND window_start = '2026-01-02')}, 'panes that have gone leave nothing');

$node->safe_psql('template1', 'ALTER DATABASE postgres RENAME TO other');
$node->safe_psql('other', "$t(1001, 1100) i; SELECT weir.wait_for_learners('180 s')");
is($node->safe_psql('other', q{SELECT n_seen = (SELECT count(*) FROM t), n_gaps <= 1 FROM weir.monitor_learners WHERE model = 'steady'}), 't|t',
	'a database that is renamed: nothing is missed, or a gap is told');

$node->stop;
done_testing();
