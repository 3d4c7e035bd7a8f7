# Learners that are fed with the rows of monitors: through logical replication, with labels that come late, through kills of capture and of the worker that learns, the model is bit for bit that
# which weir.train makes of the rows in the order of their commits.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $publisher = start_publisher('publisher');
my $subscriber = start_weir('subscriber', 'weir.decoding_memory' => "'64kB'");
my $table = q{
CREATE TABLE loans(id bigint PRIMARY KEY, at timestamptz NOT NULL, income float8, debt float8, purpose text, repaid boolean, seq bigint);
ALTER TABLE loans REPLICA IDENTITY FULL;
};

# Rows, of which every third has no label yet. seq is the order in which labels come.
sub rows
{
	my ($from, $to, $shift) = @_;
	$shift //= 0;
	return qq{INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', nullif(i::bigint * 7919 % 1000, 7) / 10.0, i::bigint * 104729 % 100 / 100.0,
	  (ARRAY['car','house','trip'])[1 + i % 7 % 3], CASE WHEN i % 3 > 0 THEN (i::bigint * 7919 % 1000 > i::bigint * 104729 % 100 * 8) <> ($shift = 1) END,
	  CASE WHEN i % 3 > 0 THEN nextval('label_seq') END FROM generate_series($from, $to) i};
}

sub labels
{
	my ($from, $to, $shift) = @_;
	$shift //= 0;
	return qq{UPDATE loans SET repaid = (id::bigint * 7919 % 1000 > id::bigint * 104729 % 100 * 8) <> ($shift = 1), seq = nextval('label_seq') WHERE repaid IS NULL AND id BETWEEN $from AND $to};
}

$_->safe_psql('postgres', $table) for $publisher, $subscriber;
$publisher->safe_psql('postgres', 'CREATE SEQUENCE label_seq');
$subscriber->safe_psql('postgres', q{
SELECT weir.create_monitor('loans', 'loans', 'at', window_size => '1 day', columns => '{income,debt,purpose,repaid}', label => 'repaid');
SELECT weir.create_learner('loans', 'tree', 'hoeffding_tree', options => '{"grace_period": 50}');
SELECT weir.create_learner('loans', 'forest', 'adaptive_random_forest', options => '{"n_models": 3, "seed": 7}', snapshot_rows => 2000, keep_predictions => true);
});
subscribe($publisher, $subscriber, 'loans');

my %options = (tree => q{'hoeffding_tree', f, repaid, '{"grace_period": 50}'}, forest => q{'adaptive_random_forest', f, repaid, '{"n_models": 3, "seed": 7}'});
my $features = '(SELECT id, at, seq, repaid, (SELECT f FROM (SELECT income, debt, purpose) f) AS f FROM loans) s';

sub learned
{
	$publisher->wait_for_catchup('weir_test');
	$subscriber->safe_psql('postgres', q{SELECT weir.wait_for_learners('180 s')});
	return;
}

sub same_models
{
	my ($what) = @_;
	learned();
	for my $model (sort keys %options)
	{
		is($subscriber->safe_psql('postgres', qq{SELECT weir.model_learner('$model', 'current')::text = (SELECT weir.train($options{$model} ORDER BY seq) FROM $features)::text,
		  (SELECT n_seen = (SELECT count(*) FROM loans) AND n_learned = (SELECT count(repaid) FROM loans) AND n_gaps = 0 FROM weir.monitor_learners WHERE model = '$model')}),
			't|t', "$what: $model is what train makes of the rows");
	}
	return;
}

# ---- streamed, late, rolled back ----

$publisher->safe_psql('postgres', rows($_ * 200 + 1, $_ * 200 + 200)) for 0 .. 4;
$publisher->safe_psql('postgres', labels(1, 300));
same_models('small transactions');
is($subscriber->safe_psql('postgres', q{SELECT count(*), count(*) = (SELECT count(*) FROM loans WHERE repaid IS NULL) FROM weir.learner_predictions WHERE model = 'tree'}),
	'233|t', 'rows without a label are remembered');

$publisher->safe_psql('postgres', 'BEGIN;' . rows(1001, 4000) . '; SAVEPOINT a;' . rows(4001, 5000) . '; ROLLBACK TO a;' . rows(5001, 6000) . ';' . labels(301, 2000) . '; COMMIT');
same_models('a large transaction with a part that was rolled back');
$publisher->safe_psql('postgres', 'BEGIN;' . rows(6001, 9000) . '; ROLLBACK');
$publisher->safe_psql('postgres', 'UPDATE loans SET income = income + 1 WHERE id % 100 = 50 AND repaid IS NULL; UPDATE loans SET debt = debt WHERE id < 100');
$publisher->safe_psql('postgres', labels(2001, 2100));
same_models('updates of other columns');
is($subscriber->safe_psql('postgres', q{SELECT n_seen, count(*) FILTER (WHERE p.prediction IS NOT NULL) > 4000, count(p.label) = count(*) FILTER (WHERE l.repaid IS NOT NULL),
  bool_and(p.label IS NOT DISTINCT FROM l.repaid::text)
  FROM weir.monitor_learners m JOIN weir.learner_predictions p USING (model) JOIN loans l ON l.id = p.subject::bigint
  WHERE model = 'forest' GROUP BY 1}), '5000|t|t|t', 'predictions are kept with their labels');
is($subscriber->safe_psql('postgres', q{SELECT count(*) >= 1, bool_and(metrics ? 'accuracy' AND metrics ? 'majority_accuracy' AND metrics ? 'last_label_accuracy'
  AND metrics ? 'kappa_temporal'), bool_and(signature ->> 'learner' = 'adaptive_random_forest'
  AND job_id IS NULL AND artifact_hash IS NOT NULL) FROM weir.model_versions WHERE model = 'forest'}), 't|t|t', 'versions by rows');
is($subscriber->safe_psql('postgres', q{SELECT count(*) = count(*) FILTER (WHERE abs(e.value - m.value) < 1e-12) AND count(*) = 4
  FROM weir.learner_metrics m, unnest((SELECT weir.prequential_performance(label, prediction ORDER BY seq)
  FROM weir.learner_predictions JOIN loans ON id = subject::bigint WHERE model = 'forest' AND label IS NOT NULL)) e
  WHERE m.model = 'forest' AND m.scope = 'all' AND e.scope = 'all' AND e.metric = m.metric}),
	't', 'metrics are those of what was predicted when rows came');

# ---- crashes ----

sub has_happened
{
	my ($fault) = @_;
	return grep { slurp_file($_) =~ /^[1-9]\d* \Q$fault\E\n/ } glob($subscriber->data_dir . '/weir_fault_*');
}

my $next = 10001;
for my $fault ('flush_written:kill', 'flush_committed:kill', 'learner_applied:kill:1:2', 'learner_stored:kill', 'learner_committed:exit', 'learner_stored:error')
{
	set_fault($subscriber, $fault);
	# A worker may have been busy when the setting came: then the next rows meet it.
	for (1 .. 4)
	{
		$publisher->safe_psql('postgres', rows($next, $next + 199));
		$publisher->safe_psql('postgres', labels($next, $next + 100));
		$publisher->safe_psql('postgres', rows($next + 200, $next + 399) . ';' . labels($next, $next + 150));
		$next += 400;
		for (1 .. 200)
		{
			last if has_happened($fault);
			select undef, undef, undef, 0.1;
		}
		last if has_happened($fault);
	}
	wait_for_fault($subscriber, $fault, 1);
	set_fault($subscriber, '');
	same_models($fault);
}
$subscriber->restart;
$publisher->safe_psql('postgres', rows($next, $next + 99));
same_models('restart');

# ---- a learner begins while a transaction is in progress whose changes are streamed ----

my $session = $subscriber->background_psql('postgres', on_error_stop => 1);
$subscriber->safe_psql('postgres', 'CREATE TABLE late(id bigint PRIMARY KEY, at timestamptz NOT NULL, x float8, y boolean)');
$subscriber->safe_psql('postgres', q{SELECT weir.create_monitor('late', 'late', 'at', window_size => '1 day', label => 'y');
  INSERT INTO late SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i * 7919 % 100, i * 7919 % 100 > 50 FROM generate_series(1, 500) i});
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for()});
$session->query_safe(q{BEGIN; INSERT INTO late SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i * 7919 % 100, i * 7919 % 100 > 50 FROM generate_series(501, 6000) i});
wait_until($subscriber, 'SELECT partial_bytes > 0 FROM weir.capture_status', 'the transaction is streamed');
$subscriber->safe_psql('postgres', q{SELECT weir.create_learner('late', 'late', 'hoeffding_tree')});
$session->query_safe(q{INSERT INTO late SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i * 7919 % 100, i * 7919 % 100 > 50 FROM generate_series(6001, 8000) i; COMMIT});
$session->quit;
$subscriber->safe_psql('postgres', q{INSERT INTO late SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i * 7919 % 100, i * 7919 % 100 > 50 FROM generate_series(8001, 8500) i});
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for_learners('180 s')});
is($subscriber->safe_psql('postgres', q{SELECT n_seen, n_learned, weir.model_learner('late', 'current')::text = (SELECT weir.train('hoeffding_tree', f, y ORDER BY id)
  FROM (SELECT id, y, (SELECT f FROM (SELECT x) f) AS f FROM late) s)::text
  FROM weir.monitor_learners WHERE model = 'late'}), '8500|8500|t', 'all of it is learned, once');

# ---- drift: row by row, and from the table at once, give the same ----

my $drifting = q{learner => 'gaussian_naive_bayes', on_drift => 'replace', detector => 'ddm', snapshot_interval => NULL};
$subscriber->safe_psql('postgres', qq{
CREATE TABLE drifting(id bigint PRIMARY KEY, at timestamptz NOT NULL, x float8, y int);
SELECT weir.create_monitor('drifting', 'drifting', 'at', window_size => '1 day', label => 'y');
SELECT weir.create_learner('drifting', 'replaced', features => '{x}', $drifting);
SELECT weir.create_learner('drifting', 'reset', features => '{x}', learner => 'gaussian_naive_bayes', on_drift => 'reset', snapshot_interval => NULL);
SELECT weir.create_learner('drifting', 'kept', features => '{x}', learner => 'gaussian_naive_bayes', snapshot_interval => NULL);
});
$subscriber->safe_psql('postgres', qq{INSERT INTO drifting SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i * 7919 % 100, ((i * 7919 % 100 > 50) <> (i > 3000))::int
  FROM generate_series($_ * 500 + 1, $_ * 500 + 500) i}) for 0 .. 11;
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for_learners('180 s')});
$subscriber->safe_psql('postgres', qq{SELECT weir.create_learner('drifting', 'at_once', features => '{x}', $drifting);
  SELECT weir.create_learner('drifting', 'reset_at_once', features => '{x}', learner => 'gaussian_naive_bayes', on_drift => 'reset', snapshot_interval => NULL)});
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for_learners('180 s')});
is($subscriber->safe_psql('postgres', q{SELECT model, n_drifts > 0, last_drift_at > '2026-01-03 02:00', sliding_accuracy > 0.9, (SELECT count(*) > 0
  FROM weir.model_versions v WHERE v.model = m.model AND v.note LIKE '%drift%')
  FROM weir.monitor_learners m WHERE monitor = 'drifting' AND model IN ('replaced', 'reset', 'kept') ORDER BY model}), "kept|t|t|f|f\nreplaced|t|t|t|t\nreset|t|t|t|t",
  'a learner that is replaced or reset on drift recovers');
is($subscriber->safe_psql('postgres', q{SELECT weir.model_learner('replaced', 'current')::text = weir.model_learner('at_once', 'current')::text, weir.model_learner('reset',
  'current')::text = weir.model_learner('reset_at_once', 'current')::text,
  (SELECT count(DISTINCT (n_drifts, last_drift_at, n_learned, accuracy)) FROM weir.monitor_learners WHERE model IN ('replaced', 'at_once'))}), 't|t|1', 'the same by rows and at once');

# ---- models from panes ----

$subscriber->safe_psql('postgres', q{
CREATE TABLE measured(id int PRIMARY KEY, at timestamptz NOT NULL, a float8, b float8, kind text, pair float8[], all_three float8[]);
INSERT INTO measured SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', a, b, k, ARRAY[a, b], ARRAY[a, b, 2 * a - b + i % 3]
  FROM (SELECT i, i * 7919 % 100 / 10.0 AS a, i * 104729 % 97 / 10.0 + i % 2 AS b, (ARRAY['x','y'])[1 + i % 2] AS k FROM generate_series(1, 1000) i) q;
SELECT weir.create_monitor('measured', 'measured', 'at', window_size => '1 day', segment_by => '{kind}', columns => '{a,b,pair,all_three}', options => '{"insert_only": true}');
SELECT weir.create_monitor('hopping', 'measured', 'at', window_size => '2 days', slide => '1 day', columns => '{all_three}', options => '{"insert_only": true}');
});
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '120 s')});
my $range = q{since => '2026-01-02', until => '2026-01-05'};
my $within = q{at >= '2026-01-02' AND at < '2026-01-05'};
is($subscriber->safe_psql('postgres', qq{SELECT max(abs(weir.predict_number(r, pair) - weir.predict_number(rr, pair))) < 1e-9, max(abs(weir.predict_proba(l, pair,
  'x') - weir.predict_proba(ll, pair, 'x'))) < 1e-9,
  max(abs(weir.predict_proba(g, f, 'x') - weir.predict_proba(gg, f, 'x'))) < 1e-9, min((weir.learner_stats(r)).n), min((weir.learner_stats(l)).n), min((weir.learner_stats(g)).n)
  FROM (SELECT weir.fit_from_windows('measured', 'ridge', column_name => 'all_three', features => '{a,b}', $range) AS r,
    weir.fit_from_windows('measured', 'linear_discriminant', column_name => 'pair', features => '{a,b}', $range) AS l, weir.fit_from_windows('measured', 'gaussian_naive_bayes', $range) AS g,
    (SELECT weir.fit_ridge(weir.summarize(all_three), '{a,b}') FROM measured WHERE $within) AS rr,
    (SELECT weir.fit_linear_discriminant(kind, s, '{a,b}') FROM (SELECT kind, weir.summarize(pair) AS s FROM measured WHERE $within GROUP BY 1) q) AS ll,
    (SELECT weir.train('gaussian_naive_bayes', f, kind ORDER BY id) FROM measured, LATERAL (SELECT a, b) f WHERE $within) AS gg OFFSET 0) models, measured, LATERAL (SELECT a, b) f}),
	't|t|t|432|432|432', 'ridge regression, linear discriminant and naive Bayes of a range of windows');
is($subscriber->safe_psql('postgres', q{SELECT (weir.learner_stats(weir.fit_from_windows('hopping', 'ridge', column_name => 'all_three', features => '{a,b}'))).n}), '1000',
  'windows that overlap count rows once');
$subscriber->psql('postgres', q{SELECT weir.fit_from_windows('measured', 'oracle')}, stderr => \my $refusal);
like($refusal, qr/there is no learner "oracle from windows"/, 'another kind is refused');

# ---- without the old row: what is remembered decides; rows that move between partitions; deletes and corrections ----

$subscriber->safe_psql('postgres', q{
CREATE TABLE parts(id bigint, at timestamptz NOT NULL, region text, x float8, y text, seq int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b');
CREATE TABLE moving(id bigint, at timestamptz NOT NULL, done boolean, x float8, y text, seq int) PARTITION BY LIST (done);
CREATE TABLE moving_1 PARTITION OF moving FOR VALUES IN (false);
CREATE TABLE moving_2 PARTITION OF moving FOR VALUES IN (true);
ALTER TABLE moving_1 ADD PRIMARY KEY (id);
ALTER TABLE moving_2 ADD PRIMARY KEY (id);
ALTER TABLE moving_1 REPLICA IDENTITY FULL;
ALTER TABLE moving_2 REPLICA IDENTITY FULL;
SELECT weir.create_monitor('parts', 'parts', 'at', window_size => '1 day', options => '{"insert_only": true}');
SELECT weir.create_monitor('moving', 'moving', 'at', window_size => '1 day');
SELECT weir.create_learner('parts', 'parts', 'hoeffding_tree', features => '{x,region}', label => 'y');
SELECT weir.create_learner('moving', 'moving', 'hoeffding_tree', features => '{x}', label => 'y');
});
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for_learners('180 s')});
$subscriber->safe_psql('postgres', $_) for
  q{INSERT INTO parts SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', (ARRAY['a','b'])[1 + i % 2], i * 7919 % 100, CASE WHEN i <= 100 THEN (i % 5)::text END,
  CASE WHEN i <= 100 THEN i END FROM generate_series(1, 300) i},
  q{CREATE SEQUENCE part_seq START 1000; UPDATE parts SET y = (id % 5)::text, seq = nextval('part_seq') WHERE y IS NULL AND id <= 200},
  q{UPDATE parts SET x = x WHERE id <= 250},
  q{UPDATE parts SET y = 'other' WHERE id = 1},
  q{INSERT INTO moving SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i % 10 = 0, i * 7919 % 100, CASE WHEN i % 10 = 0 THEN (i % 5)::text END,
  CASE WHEN i % 10 = 0 THEN i END FROM generate_series(1, 300) i},
  q{UPDATE moving SET y = (id % 5)::text, done = true, seq = 1000 + id WHERE NOT done AND id <= 200},
  q{UPDATE moving SET done = false WHERE done AND id <= 50},
  q{UPDATE moving SET y = 'other' WHERE id = 10},
  q{DELETE FROM moving WHERE id > 290},
  q{SELECT weir.wait_for_learners('180 s')};
is($subscriber->safe_psql('postgres', q{SELECT n_seen, n_learned, weir.model_learner('parts', 'current')::text = (SELECT weir.train('hoeffding_tree', f,
  CASE WHEN y = 'other' THEN '1' ELSE y END ORDER BY seq) FROM (SELECT seq, y, (SELECT f FROM (SELECT x, region) f) AS f FROM parts) s)::text
  FROM weir.monitor_learners WHERE model = 'parts'}), '300|200|t', 'late labels without the old row: each is learned once');
is($subscriber->safe_psql('postgres', q{SELECT n_seen, n_learned, n_corrected, n_retracted, weir.model_learner('moving', 'current')::text = (SELECT weir.train('hoeffding_tree', f,
  CASE WHEN y = 'other' THEN '0' ELSE y END ORDER BY seq)
  FROM (SELECT seq, y, (SELECT f FROM (SELECT x) f) AS f FROM (SELECT seq, y, x FROM moving UNION ALL VALUES (300, '0', 300 * 7919 % 100)) m) s)::text
  FROM weir.monitor_learners WHERE model = 'moving'}), '300|210|1|1|t', 'rows that move with their label are learned once; what cannot be unlearned is counted');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM weir.learner_predictions WHERE model = 'moving'}), '81', 'what was deleted is waited for no longer');

# A change is one change, however many monitors see it: the second half of a move comes right behind the first, for each of them.
$subscriber->safe_psql('postgres', q{
CREATE TABLE twice(id bigint, at timestamptz NOT NULL, part text, x float8, y text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE twice_a PARTITION OF twice FOR VALUES IN ('a');
CREATE TABLE twice_b PARTITION OF twice FOR VALUES IN ('b');
ALTER TABLE twice_a REPLICA IDENTITY FULL;
ALTER TABLE twice_b REPLICA IDENTITY FULL;
SELECT weir.create_monitor('twice_' || i, 'twice', 'at', window_size => '1 day') FROM generate_series(1, 2) i;
SELECT weir.create_learner('twice_' || i, 'twice_' || i, 'hoeffding_tree', features => '{x}', label => 'y') FROM generate_series(1, 2) i;
});
$subscriber->safe_psql('postgres', $_)
  for q{SELECT weir.wait_for_learners('180 s')}, q{INSERT INTO twice SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', 'a', i, (i % 3)::text FROM generate_series(1, 100) i},
  q{UPDATE twice SET part = 'b'}, q{SELECT weir.wait_for_learners('180 s')};
is($subscriber->safe_psql('postgres', q{SELECT model, n_seen, n_learned, n_retracted FROM weir.monitor_learners WHERE model LIKE 'twice%' ORDER BY 1}),
	"twice_1|100|100|0\ntwice_2|100|100|0", 'rows that move under two monitors with learners are the same rows for both');

# Values stored out of line that an update did not change are nowhere to be read: neither labels nor what places the row. And what is cut is cut between characters.
my $log_before = -s $subscriber->logfile;
$subscriber->safe_psql('postgres', q{
CREATE TABLE wide(id bigint PRIMARY KEY, at timestamptz NOT NULL, region text, x float8, y text);
ALTER TABLE wide ALTER region SET STORAGE EXTERNAL, ALTER y SET STORAGE EXTERNAL;
SELECT weir.create_monitor('wide', 'wide', 'at', window_size => '1 day', segment_by => '{region}', columns => '{x}', options => '{"insert_only": true}');
SELECT weir.create_learner('wide', 'wide', 'hoeffding_tree', features => '{x}', label => 'y');
SELECT weir.wait_for_learners('180 s');
INSERT INTO wide SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', repeat('r' || i % 2, 2000), i % 10, CASE WHEN i <= 50 THEN repeat('x', 3000)
  WHEN i <= 100 THEN repeat('x', 254) || chr(233) END
FROM generate_series(1, 200) i});
$subscriber->safe_psql('postgres', 'UPDATE wide SET x = x + 1');
$subscriber->safe_psql('postgres', q{UPDATE wide SET y = 'no' WHERE y IS NULL AND id <= 150});
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for_learners('180 s')});
is($subscriber->safe_psql('postgres', q{SELECT n_seen, n_learned, n_corrected, disabled_reason, (SELECT state FROM weir.monitors WHERE monitor = 'wide'),
  (SELECT string_agg(length(class)::text, ',' ORDER BY length(class)) FROM weir.learner_classes(weir.model_learner('wide', 'current')) AS c (class))
  FROM weir.monitor_learners WHERE model = 'wide'}), '200|150|0||active|2,254,255', 'labels and segments that nobody can read again have been told before');
unlike(slurp_file($subscriber->logfile, $log_before), qr/ERROR/, 'and capture goes on');

# ---- set aside ----

$subscriber->safe_psql('postgres', q{SELECT weir.create_learner('parts', 'two', 'logistic_regression', features => '{x}', label => 'y')});
wait_until($subscriber, q{SELECT status = 'disabled' AND disabled_reason LIKE '%tell 2 classes apart%'
  FROM weir.monitor_learners WHERE model = 'two'}, 'a learner that cannot go on is set aside with its reason');
$subscriber->safe_psql('postgres', q{INSERT INTO parts VALUES (1000, '2026-01-01', 'a', 1, '1', 1000)});
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for_learners('180 s')});
is($subscriber->safe_psql('postgres', q{SELECT state, (SELECT n_learned FROM weir.monitor_learners WHERE model = 'parts')
  FROM weir.monitors WHERE monitor = 'parts'}), 'active|201', 'its monitor and the other learner go on');
$subscriber->safe_psql('postgres', q{ALTER TABLE moving DROP COLUMN x CASCADE});
wait_until($subscriber, q{SELECT status = 'disabled' AND disabled_reason LIKE 'column "x" was dropped%'
  FROM weir.monitor_learners WHERE model = 'moving'}, 'a column that is dropped sets its learners aside');

$subscriber->safe_psql('postgres', q{SELECT weir.resume_learner('moving')});
is($subscriber->safe_psql('postgres', q{SELECT coalesce(disabled_reason, waiting_reason) LIKE '%column "x" was dropped%', n_gaps, gap_reason LIKE 'it was set aside: column "x" was dropped%'
  FROM weir.monitor_learners WHERE model = 'moving'}), 't|1|t', 'one that goes on although nothing is mended says why it cannot at once');
wait_until($subscriber, q{SELECT status = 'disabled' AND waiting_reason IS NULL FROM weir.monitor_learners WHERE model = 'moving'}, 'and is set aside again');

# ---- erased ----

is($subscriber->safe_psql('postgres', q{SELECT what, n FROM weir.erase_subject('loans', 'id', '10001', 'asked', delete_rows => false) WHERE what = 'predictions of learners';
  SELECT count(*) FROM weir.learner_predictions WHERE model = 'forest' AND subject = '10001'}), "predictions of learners|1\n0", 'what was said of a subject is erased');
is($subscriber->safe_psql('postgres', q{SELECT string_agg(DISTINCT note, ' ') ~ 'weir.reset_learner', bool_and(n IS NULL), bool_or(name = 'forest')
  FROM weir.erase_subject('loans', 'id', '10001', 'asked', delete_rows => false) WHERE what = 'learner'}), 't|t|t', 'and who learned from it is named');

# ---- who may ----

$subscriber->safe_psql('postgres', q{CREATE ROLE analyst LOGIN; CREATE ROLE reader LOGIN IN ROLE pg_read_all_data; SELECT weir.snapshot_learner('tree'); SELECT weir.promote_model('tree', 1)});
my ($out, $err);
for ([ "weir.create_learner('loans', 'mine')", qr/must be|permission denied/ ], [ "weir.drop_learner('tree')", qr/must be owner of model "tree"/ ], [ "weir.reset_learner('tree')",
  qr/must be owner/ ], [ "weir.snapshot_learner('tree')", qr/must be owner/ ],
	[ "weir.predict_with('tree', ROW(1.0, 2.0, 'car'))", qr/must be owner/ ], [ "weir.model_learner('tree', 'current')", qr/must be owner/ ])
{
	$subscriber->psql('postgres', "SELECT $_->[0]", extra_params => [ '-U', 'analyst' ], stderr => \$err);
	like($err, $_->[1], "refused: $_->[0]");
}
is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM weir.monitor_learners', extra_params => [ '-U', 'analyst' ]), '0', 'others see no learners');
is($subscriber->safe_psql('postgres', q{SELECT weir.predict_with('tree', ROW(90.0, 0.1, 'car')), weir.predict_with('tree', ROW(90.0, 0.1, 'car'), '1')}, extra_params => [ '-U',
  'reader' ]), 'true|true', 'pg_read_all_data asks them');
$subscriber->psql('postgres', q{SELECT weir.predict_with('forest', ROW(90.0, 0.1, 'car'))}, stderr => \$err);
like($err, qr/model "forest" has no champion/, 'no champion yet');
for ([ "'loans', 'tree'", qr/has a learner already/ ], [ "'loans', 'x', 'nothing'", qr/there is no learner "nothing"/ ], [ "'loans', 'x', features => '{repaid}'",
  qr/label "repaid" cannot be a feature/ ], [ "'loans', 'x', features => '{nowhere}'", qr/is no column/ ],
	[ "'loans', 'x', 'linear_regression', label => 'purpose'", qr/cannot learn a label of type text/ ], [ "'nowhere', 'x'", qr/monitor "nowhere" does not exist/ ], [ "'loans', 'x',
  on_drift => 'panic'", qr/unknown value "panic"/ ],
	[ "'loans', 'x', 'linear_regression', label => 'debt', features => '{income}', detector => 'ddm'", qr/cannot watch the errors of numbers/ ], [ "'loans', 'x', version => 3",
  qr/has no version 3/ ], [ "'loans', 'x', 'k_means', label => 'repaid'", qr/k_means learns no label/ ], [ "'loans', 'x', 'half_space_trees', on_drift => 'reset'",
  qr/half_space_trees makes no errors/ ],
	[ q{'loans', 'x', 'alma', options => '{"pipeline": [{"step": "scale", "feature": "purpose"}]}'}, qr/step 1 of the pipeline, scale, does not go with the features/ ],
	[ q{'loans', 'x', options => '{"max_memory": 5000}'}, qr/max_memory of 5000 bytes does not suffice/ ])
{
	$subscriber->psql('postgres', "SELECT weir.create_learner($_->[0])", stderr => \$err);
	like($err, $_->[1], "refused: $_->[0]");
}

# ---- promoted, rolled back, gone on from ----

$publisher->safe_psql('postgres', rows(20001, 20300));
learned();
is($subscriber->safe_psql('postgres', q{SELECT weir.promote_model('tree', weir.snapshot_learner('tree'), reason => 'newer')}), '', 'promoted');
is($subscriber->safe_psql('postgres', q{SELECT weir.model_learner('tree')::text = weir.model_learner('tree', 'current')::text, weir.roll_back_model('tree', 'worse'),
  (weir.learner_stats(weir.model_learner('tree'))).n < (weir.learner_stats(weir.model_learner('tree', 'current'))).n}),
	't|1|t', 'rolled back');
$subscriber->safe_psql('postgres', q{SELECT weir.drop_learner('tree')});
$publisher->safe_psql('postgres', rows(21001, 21300));
$publisher->wait_for_catchup('weir_test');
$subscriber->safe_psql('postgres', q{SELECT weir.create_learner('loans', 'tree', 'hoeffding_tree', options => '{"grace_period": 50}', version => 2, backfill => false);
  SELECT weir.wait_for_learners('180 s')});
$publisher->safe_psql('postgres', rows(22001, 22300));
learned();
is($subscriber->safe_psql('postgres', qq{SELECT n_learned, weir.model_learner('tree', 'current')::text = (SELECT weir.train(weir.model_learner('tree', '2'), f,
  repaid ORDER BY seq) FROM $features WHERE id > 22000)::text FROM weir.monitor_learners WHERE model = 'tree'}),
	'200|t', 'from a version, with the rows that come');

# ---- dump and restore: the learner begins anew, from the table ----

my $dump = $subscriber->data_dir . '/../dump.sql';
command_ok([ 'pg_dump', '-f', $dump, '--no-subscriptions', $subscriber->connstr('postgres') ], 'dumped');
$subscriber->safe_psql('postgres', 'CREATE DATABASE restored');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $subscriber->connstr('restored') ], 'restored');
$subscriber->safe_psql('restored', q{SELECT weir.wait_for_learners('180 s')});
is($subscriber->safe_psql('restored', qq{SELECT n_seen = (SELECT count(*) FROM loans), weir.model_learner('forest',
  'current')::text = (SELECT weir.train($options{forest} ORDER BY at) FROM $features WHERE repaid IS NOT NULL)::text,
  (SELECT count(*) > 0 FROM weir.model_versions v WHERE v.model = 'forest') FROM weir.monitor_learners
  WHERE model = 'forest'}), 't|t|t', 'a restored learner learns its table; versions are there');

# ---- each learner: rows of before, rows that come through replication, late labels, and a kill in between ----

$publisher->safe_psql('postgres', rows(30001, 30300));
$publisher->wait_for_catchup('weir_test');
my $before = $publisher->safe_psql('postgres', 'SELECT last_value FROM label_seq');
$subscriber->safe_psql('postgres', q{
SELECT weir.create_monitor('families', 'loans', 'at', window_size => '1 day', filter => 'id > 30000', columns => '{income,debt,purpose}');
CREATE TABLE families AS SELECT learner AS model, learner, task, CASE WHEN task = 'regression' THEN '{income}' ELSE '{income,debt}' END::text[] AS features,
    CASE WHEN task = 'regression' THEN 'debt' WHEN task LIKE '%classes' THEN 'repaid' END AS label, CASE WHEN options ? 'n_models' THEN '{"n_models": 3}' ELSE '{}' END::jsonb AS options
  FROM weir.learners
  UNION ALL SELECT learner || ' of a pipeline', learner, 'pipeline', '{income,debt,purpose}', 'repaid', '{"pipeline": [{"step": "impute", "feature": "income"},
    {"step": "window", "feature": "income", "by": "purpose", "rows": 20, "as": "mean_income"},
    {"step": "one_hot", "feature": "purpose", "max_values": 2, "missing": "feature"}]}' FROM unnest('{logistic_regression,hoeffding_tree}'::text[]) learner;
SELECT weir.create_learner('families', model, learner, features => features, label => label, options => options) FROM families;
});
learned();
set_fault($subscriber, 'learner_stored:kill:1:9');
$publisher->safe_psql('postgres', rows(30301, 30400));
$publisher->safe_psql('postgres', labels(30001, 30200));
$publisher->safe_psql('postgres', 'BEGIN;' . rows(30401, 30500) . ';' . labels(30201, 30450) . '; COMMIT');
wait_for_fault($subscriber, 'learner_stored:kill:1:9', 1);
set_fault($subscriber, '');
learned();
is($subscriber->safe_psql('postgres', qq{
SELECT count(*) = count(m.n_seen) AND count(*) >= 33, bool_and(m.n_seen = 500 AND m.n_gaps = 0), string_agg(x.model, ',') FILTER (WHERE weir.model_learner(x.model, 'current')::text IS DISTINCT FROM
  CASE WHEN x.task = 'regression' THEN (SELECT weir.train(x.learner, f, debt, x.options ORDER BY at) FROM loans, LATERAL (SELECT income) f WHERE id > 30000)
  WHEN x.label IS NULL THEN (SELECT weir.train(x.learner, f, NULL, x.options ORDER BY at) FROM loans, LATERAL (SELECT income, debt) f WHERE id > 30000)
  WHEN x.task = 'pipeline' THEN (SELECT weir.train(x.learner, f, repaid, x.options ORDER BY seq > $before, CASE WHEN seq <= $before THEN at END, seq)
    FROM loans, LATERAL (SELECT income, debt, purpose) f WHERE id > 30000 AND repaid IS NOT NULL)
  ELSE (SELECT weir.train(x.learner, f, repaid, x.options ORDER BY seq > $before, CASE WHEN seq <= $before THEN at END, seq) FROM loans, LATERAL (SELECT income, debt) f
    WHERE id > 30000 AND repaid IS NOT NULL) END::text)
FROM families x LEFT JOIN weir.monitor_learners m USING (model)}), 't|t|', 'every learner is bit for bit that of one run');

# ---- the end ----

$subscriber->safe_psql('postgres', q{SELECT weir.drop_monitor('loans')});
wait_until($subscriber, q{SELECT NOT EXISTS (SELECT FROM weir.learner_prediction p WHERE p.learner_id NOT IN (SELECT learner_id FROM weir.monitor_learner)) AND NOT EXISTS (SELECT
  FROM weir.learner_change c WHERE c.learner_id NOT IN (SELECT learner_id FROM weir.monitor_learner))},
	'nothing is left of the learners of a monitor that is gone');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM weir.monitor_learners WHERE monitor = 'loans'; SELECT count(*) > 2
  FROM weir.model_versions WHERE model IN ('tree', 'forest')}), "0\nt", 'versions stay');

$subscriber->stop;
$publisher->stop;
done_testing();
