# Labels that come late, as updates of their predictions and as rows of another table, through logical replication and crashes: they land in the windows of
# their predictions, and performance is exactly that of the rows.
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
my $tables = q{
CREATE TABLE loans(id bigint PRIMARY KEY, decided_at timestamptz NOT NULL, region text, score float8, approved boolean, repaid int);
ALTER TABLE loans REPLICA IDENTITY FULL;
CREATE TABLE predictions(id bigint PRIMARY KEY, at timestamptz NOT NULL, region text, score float8, kind text, amount float8);
CREATE TABLE outcomes(prediction bigint PRIMARY KEY, defaulted boolean, true_kind text, true_amount float8, note text);
};

sub predict
{
	my ($from, $to) = @_;
	return qq{INSERT INTO predictions SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', (ARRAY['north','south'])[1 + i % 2], i::bigint * 7907 % 1000 / 1000.0,
	  (ARRAY['a','b','c'])[1 + i % 3], i % 97 FROM generate_series($from, $to) i};
}

sub label
{
	my ($from, $to, $step) = @_;
	return qq{INSERT INTO outcomes SELECT i, i::bigint * 7907 % 1000 > i::bigint * 104729 % 1000, (ARRAY['a','b','c'])[1 + (i + (i % 7 = 0)::int) % 3], i % 97 + i % 5, 'note'
	  FROM generate_series($from, $to, $step) i};
}

$_->safe_psql('postgres', $tables) for $publisher, $subscriber;
$publisher->safe_psql('postgres', predict(1, 5000) . ';' . label(1, 3000, 2));
subscribe($publisher, $subscriber, 'loans', 'predictions', 'outcomes');

# ---- what is refused ----

$subscriber->safe_psql('postgres', 'CREATE TABLE keyless(id bigint, label int); CREATE TABLE twice(id bigint NOT NULL, score float8, label int); CREATE INDEX ON twice(id)');
for ([ "'loans', 'keyless', key => '{id}', label => '{label}'", qr/not part of the replica identity of "keyless"/ ],
	[ "'loans', 'outcomes', key => '{id}', label => '{defaulted}'", qr/key column "id" of labels "outcomes" does not exist/ ],
	[ "'loans', 'outcomes', key => '{score}', label_key => '{prediction}', label => '{defaulted}'", qr/is of type double precision/ ],
	[ "'loans', 'outcomes', key => '{id}', label_key => '{prediction}', label => '{default}'", qr/column "default" of the labels does not exist/ ],
	[ "'twice', 'loans', key => '{id}', label => '{repaid,score}'", qr/not part of the replica identity of "twice"/ ])
{
	my ($out, $err) = (undef, undef);
	$subscriber->psql('postgres', "SELECT weir.join_labels('refused', $_->[0])", stdout => \$out, stderr => \$err);
	like($err, $_->[1], "refused: $_->[0]");
}
$subscriber->safe_psql('postgres', 'ALTER TABLE twice REPLICA IDENTITY FULL; DROP TABLE keyless');
my ($out, $err);
$subscriber->psql('postgres', q{SELECT weir.join_labels('refused', 'twice', 'loans', key => '{id}', label => '{repaid,score}')}, stderr => \$err);
like($err, qr/both have a column "score"/, 'refused: a name that both have');
$subscriber->safe_psql('postgres', 'ALTER TABLE outcomes ENABLE ROW LEVEL SECURITY');
$subscriber->psql('postgres', q{SELECT weir.join_labels('refused', 'predictions', 'outcomes', key => '{id}', label_key => '{prediction}', label => '{defaulted}')}, stderr => \$err);
like($err, qr/"outcomes" has row security.*HINT/s, 'refused: rows that not everybody may see');
$subscriber->safe_psql('postgres', 'ALTER TABLE outcomes DISABLE ROW LEVEL SECURITY');

# ---- both ways ----

$subscriber->safe_psql('postgres', q{
SELECT weir.join_labels('labelled', 'predictions', 'outcomes', key => '{id}', label_key => '{prediction}', label => '{defaulted,true_kind,true_amount}');
SELECT weir.create_monitor('updated', 'loans', 'decided_at', window_size => '1 day', segment_by => '{region}', prediction => 'approved', score => 'score', label => 'repaid');
SELECT weir.create_monitor('joined', 'labelled', 'at', window_size => '1 day', segment_by => '{region}', score => 'score', label => 'defaulted');
SELECT weir.create_monitor('kinds', 'labelled', 'at', window_size => '1 day', prediction => 'kind', label => 'true_kind');
SELECT weir.create_monitor('amounts', 'labelled', 'at', window_size => '1 day', prediction => 'amount', label => 'true_amount');
SELECT weir.set_baseline('joined', since => '2026-01-01', until => '2026-01-03');
SELECT weir.create_rule('ranks badly', 'joined', 'auc', below => 0.99, min_n => 100);
});

# Everything that is committed on the publisher is in the tables, and all that follows from it in the panes.
sub settled
{
	$publisher->wait_for_catchup('weir_test');
	$subscriber->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '120 s')});
	$subscriber->poll_query_until('postgres', 'SELECT bool_and(followed) AND sum(n_pending) = 0 FROM weir.labelled_tables')
	  or die 'labels are not looked at';
	$subscriber->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '120 s')});
	return;
}

# The performance of each day, as streamed, is what the aggregate makes of the rows; and the join is what a query says.
sub exact
{
	my ($what) = @_;
	my $join = 'SELECT id, at, region, score, kind, amount, defaulted, true_kind, true_amount FROM predictions LEFT JOIN outcomes ON prediction = id';

	settled();
	is($subscriber->safe_psql('postgres', q{SELECT different FROM weir.verify_labels('labelled')}), '0', "$what: every label is with its prediction");
	is($subscriber->safe_psql('postgres', qq{SELECT count(*) FROM (($join EXCEPT ALL TABLE labelled)
	  UNION ALL (TABLE labelled EXCEPT ALL $join)) d}),
		'0', "$what: as a query says");
	all_equal($subscriber, $_, "$what: panes of $_") for qw(joined kinds amounts updated);
	for ([ 'joined', 'labelled', 'at', 'weir.binary_performance(defaulted, score)', 'binary' ],
		[ 'kinds', 'labelled', 'at', 'weir.class_performance(true_kind, kind)', 'class' ],
		[ 'amounts', 'labelled', 'at', 'weir.regression_performance(true_amount, amount)', 'regression' ],
		[ 'updated', 'loans', 'decided_at', 'weir.binary_performance(repaid, score)', 'binary' ],
		[ 'updated', 'loans', 'decided_at', 'weir.binary_performance(repaid, approved::int)', 'decision' ])
	{
		my ($monitor, $table, $time, $aggregate, $derivation) = @$_;
		# Of decisions only what is read of them is kept.
		my $differs = $derivation ne 'decision' ? 'NOT weir.performances_equal(p.performance, q.p)'
		  : join ' IS DISTINCT FROM ', map {
			"(SELECT array_agg(m ORDER BY m.metric) FROM weir.performance_metrics($_, metrics => '{accuracy,precision,recall,specificity}') m)"
		  } qw(p.performance q.p);

		is($subscriber->safe_psql('postgres', qq{SELECT count(*) > 0, count(*) FILTER (WHERE p.n <> q.n OR } . $differs . qq{) FROM weir.monitor o, LATERAL weir._performances(o.monitor_id,
		    NULL, NULL, NULL, NULL, false, (SELECT array_agg(d.ordinal) FROM weir.derived_column d WHERE d.monitor_id = o.monitor_id)) p
		  JOIN (SELECT weir.tumble($time, '1 day') AS window_start, $aggregate AS p, count(*) AS n FROM $table GROUP BY 1) q USING (window_start)
		  WHERE o.name = '$monitor' AND p.derivation = '${derivation}_performance'}), 't|0', "$what: $derivation performance of $monitor is that of the rows");
	}
	return;
}

$publisher->safe_psql('postgres', q{INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', (ARRAY['north','south'])[1 + i % 2], i::bigint * 7907 % 1000 / 1000.0,
  i::bigint * 7907 % 1000 > 400, CASE WHEN i % 3 = 0 THEN (i::bigint * 7907 % 1000 > i::bigint * 104729 % 1000)::int END FROM generate_series(1, 5000) i});
exact('first');
my $labelled = q{SELECT string_agg(n_labelled::text, ',' ORDER BY window_start), sum(n_late) FROM weir.windows('%s') WHERE segment IS NULL};
is($subscriber->safe_psql('postgres', sprintf $labelled, 'joined'), '720,720,60,0|0', 'labels are in the windows of their predictions');
$publisher->safe_psql('postgres', $_) for label(2, 1000, 2), 'UPDATE loans SET repaid = 0 WHERE repaid IS NULL AND id < 1000';
settled();
is($subscriber->safe_psql('postgres', sprintf $labelled, 'joined'), '1220,720,60,0|0', 'so are those that come late, and no row is late for them');
is($subscriber->safe_psql('postgres', sprintf $labelled, 'updated'), '1145,480,480,227|0', 'the same of those that come as updates');

# Late, before their predictions, for none at all, changed and taken back; predictions that change and go; keys that change.
$publisher->safe_psql('postgres', $_) for label(1002, 5000, 2), label(5001, 6000, 1), predict(5001, 5600), 'UPDATE outcomes SET defaulted = NOT defaulted WHERE prediction % 10 = 0',
  'DELETE FROM outcomes WHERE prediction % 11 = 0', 'UPDATE predictions SET score = score / 2, region = NULL WHERE id % 13 = 0', 'DELETE FROM predictions WHERE id % 17 = 0',
  "UPDATE predictions SET at = at + interval '1 day' WHERE id % 19 = 0", 'UPDATE outcomes SET prediction = prediction + 100000 WHERE prediction % 23 = 0',
  'UPDATE predictions SET id = id + 200000 WHERE id % 29 = 0', 'UPDATE outcomes SET note = note || note', 'UPDATE loans SET repaid = 1 WHERE repaid IS NULL AND id % 5 = 0',
  'UPDATE loans SET repaid = NULL WHERE id % 7 = 0', 'UPDATE loans SET approved = NOT approved, score = NULL WHERE id % 31 = 0', 'DELETE FROM loans WHERE id % 37 = 0';
exact('late and changed');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM weir.performance_scores('joined') WHERE NOT is_estimate AND segment IS NULL AND metric = 'roc_auc' AND value IS NOT NULL

  AND round(label_share::numeric, 9) <> (SELECT round((count(defaulted)::numeric / count(*)), 9) FROM labelled WHERE weir.tumble(at, '1 day') = window_start)}), '0',
	'label_share is that of the rows');
wait_until($subscriber, q{SELECT count(*) > 0 FROM weir.alerts WHERE rule = 'ranks badly' AND window_end >= '2026-01-04'}, 'a rule sees a window whose labels came after it was final');

# ---- without labels: the estimates are those of the functions over the rows ----

is($subscriber->safe_psql('postgres', q{SELECT count(*) > 20, count(*) FILTER (WHERE s.value IS NULL OR round(s.value::numeric, 9) <> round(e.value::numeric, 9) OR s.n <> e.n)
  FROM (SELECT weir.binary_performance(defaulted, score) AS p FROM labelled WHERE at >= '2026-01-01' AND at < '2026-01-03') b,
    (SELECT weir.tumble(at, '1 day') AS window_start, weir.binary_performance(defaulted, score) AS p FROM labelled GROUP BY 1) c,
    LATERAL weir.estimate_performance(b.p, c.p) e JOIN weir.performance_scores('joined') s ON s.metric = e.metric
  WHERE s.is_estimate AND s.segment IS NULL AND s.window_start = c.window_start}), 't|0', 'estimates of a binary model');
$subscriber->safe_psql('postgres', q{SELECT weir.set_loss_model('amounts', (SELECT weir.fit_loss_model(true_amount, amount) FROM labelled WHERE at < '2026-01-03'))});
is($subscriber->safe_psql('postgres', q{SELECT count(*) > 5, count(*) FILTER (WHERE round(s.value::numeric, 9) IS DISTINCT FROM round(e.value::numeric, 9) OR s.n <> e.n)
  FROM (SELECT weir.tumble(at, '1 day') AS window_start, weir.summarize(amount) AS x FROM labelled GROUP BY 1) c, weir.loss_model m,
    LATERAL unnest(weir.estimate_regression(c.x, m.model)) e JOIN weir.performance_scores('amounts') s ON s.metric = e.metric
  WHERE s.is_estimate AND s.window_start = c.window_start}), 't|0', 'estimates of a regression');
$subscriber->safe_psql('postgres', q{SELECT weir.create_rule('errs', 'amounts', 'mae', above => 0.1, column_name => 'amount: estimated', min_n => 10)});
wait_until($subscriber, q{SELECT count(*) > 0 FROM weir.alerts WHERE rule = 'errs' AND subject = 'amount: estimated'}, 'a rule watches estimates');

# A large transaction that is decoded in progress, with a part that is taken back, and one that is rolled back wholly.
$publisher->safe_psql('postgres', 'BEGIN;' . predict(10001, 14000) . ';SAVEPOINT a; DELETE FROM outcomes WHERE prediction < 500; ROLLBACK TO a;' . label(9001, 13000, 3) . '; COMMIT; BEGIN;'
	  . label(13002, 16000, 3) . '; ROLLBACK');
$subscriber->safe_psql('postgres', 'BEGIN; UPDATE predictions SET amount = amount + 1 WHERE id > 12000; SAVEPOINT a; UPDATE outcomes SET true_amount = 0; ROLLBACK TO a; COMMIT');
exact('large transactions');

# ---- crashes: of the server while keys wait, of capture, of the worker that looks them up ----

$publisher->safe_psql('postgres', predict(20001, 23000) . ';' . label(20001, 23000, 2));
$publisher->wait_for_catchup('weir_test');
$subscriber->stop('immediate');
$publisher->safe_psql('postgres', label(20002, 23000, 2) . '; DELETE FROM predictions WHERE id % 41 = 0; UPDATE outcomes SET defaulted = NULL WHERE prediction % 43 = 0');
$subscriber->start;
exact('after a crash');
my $first = 6001;
for my $fault ('flush_written:kill', 'labels_written:kill', 'labels_committed:kill')
{
	my $last = $first + 999;

	set_fault($subscriber, $fault);
	$publisher->safe_psql('postgres', label($first, $last, 1) . ';' . predict($first, $last));
	wait_for_fault($subscriber, $fault, 1);
	$publisher->wait_for_catchup('weir_test');
	set_fault($subscriber, '');
	exact("after $fault");
	$first += 1000;
}

# ---- what leaves no trace of keys ----

$subscriber->safe_psql('postgres', 'BEGIN; TRUNCATE outcomes; ' . label(1, 6000, 5) . '; COMMIT');
exact('truncated and filled again');
$subscriber->safe_psql('postgres', 'SELECT weir.pause_capture()');
wait_until($subscriber, q{SELECT state = 'paused' FROM weir.capture_status}, 'capture is paused');
$subscriber->safe_psql('postgres', q{SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'weir%'});
$subscriber->safe_psql('postgres', label(2, 6000, 5) . '; DELETE FROM predictions WHERE id % 47 = 0');
$subscriber->safe_psql('postgres', 'SELECT weir.resume_capture()');
wait_until($subscriber, q{SELECT count(*) FILTER (WHERE healed_at IS NULL) = 0 AND count(*) > 0 FROM weir.gaps}, 'a gap is healed');
exact('after a gap');

# ---- predictions in partitions: attached and dropped ----

$subscriber->safe_psql('postgres', q{
CREATE TABLE parts(id bigint NOT NULL, at timestamptz NOT NULL, score float8, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE parts_2 (LIKE parts INCLUDING ALL);
ALTER TABLE parts_1 REPLICA IDENTITY FULL; ALTER TABLE parts_2 REPLICA IDENTITY FULL;
CREATE TABLE facts(id bigint PRIMARY KEY, fact boolean);
INSERT INTO parts_2 SELECT i, '2026-01-02'::timestamptz + i * interval '1 min', .5 FROM generate_series(1, 500) i;
INSERT INTO facts SELECT i, i % 2 = 0 FROM generate_series(1, 2000, 2) i;
SELECT weir.join_labels('parts_labelled', 'parts', 'facts', key => '{id}', label => '{fact}');
SELECT weir.create_monitor('parts', 'parts_labelled', 'at', window_size => '1 day', score => 'score', label => 'fact');
INSERT INTO parts SELECT i, '2026-01-01'::timestamptz + i * interval '1 s', .5 FROM generate_series(1000, 1400) i;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
});
wait_until($subscriber, q{SELECT n = 901 AND different = 0 AND pending = 0 FROM weir.verify_labels('parts_labelled')}, 'a partition that is attached');
$subscriber->safe_psql('postgres', 'DROP TABLE parts_1');
wait_until($subscriber, q{SELECT n = 500 AND different = 0 AND pending = 0 FROM weir.verify_labels('parts_labelled')}, 'a partition that is dropped');
all_equal($subscriber, 'parts', 'panes of partitions');

# ---- classes that are set later follow; row security that is set later stops it ----

sub class_of { return $subscriber->safe_psql('postgres', "SELECT coalesce(weir.column_class('parts_labelled', '$_[0]'), 'none')") }
$subscriber->safe_psql('postgres', q{SELECT weir.classify_column('facts', 'fact', 'sensitive')});
is(class_of('fact'), 'sensitive', 'the class of a label follows');
$subscriber->safe_psql('postgres', q{SECURITY LABEL FOR weir ON COLUMN parts.score IS 'internal'});
is(class_of('score'), 'internal', 'a security label follows');
$subscriber->safe_psql('postgres', q{SELECT weir.classify_column('facts', 'fact', NULL), weir.classify_column('parts_labelled', 'score', 'personal'),
  weir.classify_column('parts', 'score', 'public')});
is(class_of('fact') . ', ' . class_of('score'), 'none, personal', 'it is taken back likewise, but a stricter one of the copy stays');
$subscriber->psql('postgres', q{SELECT weir.create_monitor('by region', 'labelled', 'at', segment_by => '{region}', columns => '{score}');
  SELECT weir.classify_column('predictions', 'region', 'personal')},
	stderr => \$err);
like($err, qr/has segments by column "region"/, 'not one that names segments of a monitor of the copy');
$subscriber->safe_psql('postgres', q{ALTER TABLE facts ENABLE ROW LEVEL SECURITY; UPDATE facts SET fact = NOT fact WHERE id < 100});
wait_until($subscriber, q{SELECT disabled_reason LIKE '%has row security%' FROM weir.labelled_tables WHERE relation = 'parts_labelled'::regclass}, 'row security stops it');
$subscriber->safe_psql('postgres', q{ALTER TABLE facts DISABLE ROW LEVEL SECURITY; SELECT weir.resume_labels('parts_labelled')});
wait_until($subscriber, q{SELECT n = 500 AND different = 0 AND pending = 0 FROM weir.verify_labels('parts_labelled')}, 'and it goes on');

$subscriber->stop;
$publisher->stop;
done_testing();
