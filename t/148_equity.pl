# Fairness and performance in monitors, of what is derived from several columns: after updates, deletes, late rows, changes of the definition and a crash they are
# what the aggregates say over the table, exactly.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('equity');

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub settle { return sql(q{SELECT weir.wait_for(timeout => '120 s')}) }

sql(q{
CREATE TABLE loans(id bigint PRIMARY KEY, at timestamptz NOT NULL, sex text, score float8, repaid boolean);
ALTER TABLE loans REPLICA IDENTITY FULL;
INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', CASE WHEN i % 17 > 0 THEN (ARRAY['F','M'])[1 + i % 2] END, CASE WHEN i % 29 > 0 THEN i::bigint * 7907 % 1000 / 1000.0 END,
  CASE WHEN i % 5 > 0 THEN i::bigint * 104729 % 1000 < 600 END FROM generate_series(1, 6000) i;
SELECT weir.create_monitor('loans', 'loans', 'at', window_size => '1 day', score => 'score', label => 'repaid', protected => '{sex}', options => '{"performance": {"threshold": 0.6, "beta": 2}}');
SELECT weir.create_monitor('unlabelled', 'loans', 'at', window_size => '1 day', score => 'score', protected => '{sex}');
});
settle();

# ---- fairness of a score alone ----

# The panes' counts against those of the table, at a threshold.
sub fair
{
	my ($monitor, $label, $threshold, $what) = @_;
	settle();
	is(sql(qq{SELECT weir.fairness_tables_equal((SELECT weir.merge(fairness[1 + m.first_protected]) FROM weir.pane p JOIN weir.monitor m USING (monitor_id)
	  WHERE m.name = '$monitor' AND generation = 0), (SELECT weir.fairness($label, nullif(score, 'NaN') >= $threshold, sex) FROM loans))}), 't', $what);
	all_equal($node, $monitor, "$what: verified");
}

fair('loans', 'repaid', 0.6, 'fairness of a score');
fair('unlabelled', 'NULL::boolean', 0.5, 'without labels');
sql(q{UPDATE loans SET score = 1 - score WHERE id % 7 = 0; UPDATE loans SET score = NULL WHERE id % 101 = 0; UPDATE loans SET score = 'NaN' WHERE id % 103 = 0;
  UPDATE loans SET sex = 'M' WHERE id % 107 = 0; UPDATE loans SET repaid = true WHERE id % 10 = 0; DELETE FROM loans WHERE id % 11 = 0;
  INSERT INTO loans SELECT i, '2026-01-02'::timestamptz + i * interval '1 s', 'F', .6, false FROM generate_series(10001, 10100) i});
fair('loans', 'repaid', 0.6, 'after updates, deletes and late rows');
fair('unlabelled', 'NULL::boolean', 0.5, 'the same without labels');
sql(q{SELECT weir.alter_monitor('loans', options => '{"performance": {"threshold": 0.3}}')});
wait_until($node, q{SELECT NOT EXISTS (SELECT FROM weir.build WHERE state NOT IN ('done', 'failed'))}, 'panes are built anew for it');
fair('loans', 'repaid', 0.3, 'at another threshold');
$node->stop('immediate');
$node->start;
sql(q{UPDATE loans SET score = score / 2 WHERE id % 13 = 0});
fair('loans', 'repaid', 0.3, 'after a crash');
my $err;
$node->psql('postgres', q{SELECT weir.create_monitor('nothing', 'loans', 'at', protected => '{sex}')}, stderr => \$err);
like($err, qr/protected columns need a prediction or a score/, 'neither prediction nor score');
sql(q{ALTER TABLE loans RENAME score TO points; UPDATE loans SET points = points / 3 WHERE id % 3 = 0; ALTER TABLE loans RENAME points TO score});
fair('loans', 'repaid', 0.3, 'the score is followed through a rename');

# ---- metrics that need to be told something ----

is(sql(q{SELECT count(*) FILTER (WHERE metric = 'f_beta') FROM weir.performance_scores('loans')}), '0', 'no F-beta without a beta');
sql(q{SELECT weir.alter_monitor('loans', options => '{"performance": {"threshold": 0.3, "beta": 0.5}}')});
is(sql(q{SELECT bool_and(s.value IS NOT DISTINCT FROM b.value), count(*) > 3 FROM weir.performance_scores('loans') s,
  LATERAL (SELECT m.value FROM weir.performance_metrics((SELECT weir.binary_performance(repaid, score) FROM loans WHERE at >= s.window_start AND at < s.window_end), 0.3, '{f_beta}', beta => 0.5) m) b
  WHERE s.metric = 'f_beta'}), 't|t', 'F-beta of windows is that of the table');
for ([ '{"beta": -1}', 'beta' ], [ '{"n_features": 1.5}', 'features' ], [ '{"quantile": 1}', 'quantile' ])
{
	$node->psql('postgres', "SELECT weir.alter_monitor('loans', options => '{\"performance\": $_->[0]}')", stderr => \$err);
	like($err, qr/option performance is not valid/, "a $_->[1] that is none");
}

# ---- several classes with a probability each ----

sql(q{
CREATE TABLE kinds(id bigint PRIMARY KEY, at timestamptz NOT NULL, kind text, predicted text, probabilities float8[]);
ALTER TABLE kinds REPLICA IDENTITY FULL;
INSERT INTO kinds SELECT i, '2026-01-01'::timestamptz + i * interval '2 min', CASE WHEN i % 4 > 0 THEN (ARRAY['a','b','c d'])[1 + i::bigint * 104729 % 3] END,
  (ARRAY['a','b','c d'])[1 + i::bigint * 7907 % 3],
  CASE WHEN i % 31 > 0 THEN ARRAY[(i % 50) / 100.0, (i % 20) / 40.0, 1 - (i % 50) / 100.0 - (i % 20) / 40.0] END FROM generate_series(1, 4000) i;
SELECT weir.create_monitor('kinds', 'kinds', 'at', columns => '{kind}', window_size => '1 day', prediction => 'predicted', label => 'kind', score => 'probabilities',
  options => '{"classes": ["a", "b", "c d"]}');
SELECT weir.set_baseline('kinds', since => '2026-01-01', until => '2026-01-04');
SELECT weir.create_rule('ranks badly', 'kinds', 'macro_roc_auc', below => 0.99);
});

sub classes
{
	my ($what) = @_;
	settle();
	is(sql(q{SELECT count(*) FILTER (WHERE NOT weir.performances_equal(w.p, t.p)), count(*) FROM
	  (SELECT kind, weir.merge(performance) AS p FROM weir.window_performances('kinds') WHERE kind <> 'class' GROUP BY 1) w
	  JOIN (SELECT 'probability of ' || c AS kind, weir.binary_performance(kind = c, probabilities[i]) AS p
      FROM kinds, unnest('{a,b,c d}'::text[]) WITH ORDINALITY k(c, i) GROUP BY c) t USING (kind)}),
		'0|3', "$what: each class against the rest is that of the table");
	is(sql(q{SELECT count(*) FILTER (WHERE abs(s.value - r.value) > 1e-12), count(*) > 10 FROM weir.performance_scores('kinds') s,
	  LATERAL (SELECT x.* FROM (SELECT array_agg(c ORDER BY i) AS c, array_agg(p ORDER BY i) AS p
    FROM (SELECT c, i, weir.binary_performance(kind = c, probabilities[i]) AS p FROM kinds,
	    unnest('{a,b,c d}'::text[]) WITH ORDINALITY k(c, i) WHERE at >= s.window_start AND at < s.window_end GROUP BY c, i) q) a, weir.class_ranking(c, p) x) r
	  WHERE r.metric = s.metric AND r.class_name IS NULL AND NOT s.is_estimate}), '0|t', "$what: its readings are those of the table");
	all_equal($node, 'kinds', "$what: verified");
}

classes('classes');
is(sql(q{SELECT count(DISTINCT metric) FROM weir.performance_scores('kinds') WHERE is_estimate AND status = 'ok' AND low <= value AND value <= high}), '5', 'estimates without labels');
is(sql(q{SELECT count(*) FILTER (WHERE abs(s.value - e.value) > 1e-9), count(*) > 3 FROM weir.performance_scores('kinds') s,
  LATERAL (SELECT x.value FROM (SELECT array_agg(l ORDER BY i) AS l, array_agg(c ORDER BY i) AS c
    FROM (SELECT i, weir.binary_performance(kind = k.c, probabilities[i]) FILTER (WHERE at < '2026-01-04') AS l,
      weir.binary_performance(predicted = k.c, probabilities[i]) FILTER (WHERE at >= s.window_start AND at < s.window_end) AS c
      FROM kinds, unnest('{a,b,c d}'::text[]) WITH ORDINALITY k(c, i) GROUP BY i) q) a,
    weir.estimate_classes(l, c) x WHERE x.metric = 'macro_f1') e WHERE s.metric = 'macro_f1' AND s.is_estimate}), '0|t', 'estimates are those of the table');
sql(q{UPDATE kinds SET kind = 'a' WHERE id % 8 = 0; UPDATE kinds SET kind = NULL WHERE id % 19 = 0;
  UPDATE kinds SET predicted = 'other' WHERE id % 23 = 0; UPDATE kinds SET probabilities = '{0.2,0.3,0.5}' WHERE id % 29 = 0;
  UPDATE kinds SET probabilities = '{0.2,NULL,0.5}' WHERE id % 37 = 0; UPDATE kinds SET probabilities = '{0.2}' WHERE id % 41 = 0; DELETE FROM kinds WHERE id % 13 = 0;
  INSERT INTO kinds SELECT i, '2026-01-02'::timestamptz + i * interval '1 s', 'b', 'b', '{0.1,0.8,0.1}' FROM generate_series(10001, 10100) i});
sql(q{SELECT weir.create_monitor('copy', 'kinds', 'at', columns => '{kind}', window_size => '1 day', prediction => 'predicted', label => 'kind', score => 'probabilities',
  options => '{"classes": ["a", "b", "c d"]}');
  SELECT weir.set_baseline('copy', query => 'SELECT * FROM kinds')});
$node->stop('immediate');
$node->start;
settle();
# How many rows have no label a baseline does not know.
is(sql(q{SELECT count(*) FILTER (WHERE a.value IS DISTINCT FROM b.value), count(*) > 30 FROM (SELECT kind, weir.merge(performance) AS performance, (array_agg(baseline))[1] AS baseline
  FROM weir.window_performances('copy') WHERE kind <> 'class' GROUP BY kind) w, LATERAL weir.performance_metrics(w.performance) a JOIN LATERAL weir.performance_metrics(w.baseline) b USING (metric)
  WHERE w.kind LIKE 'probability%' OR a.metric = 'roc_auc'}), '0|t', 'a baseline from a query says the same');
wait_until($node, q{SELECT count(*) > 0 FROM weir.alerts WHERE rule = 'ranks badly'}, 'a rule watches the areas');
sql(q{UPDATE kinds SET predicted = 'a' WHERE id % 17 = 0});
for ([ q{score => 'probabilities'}, qr/option classes needs a label, a prediction and a score/ ],
	[ q{label => 'kind', prediction => 'predicted', score => 'id'}, qr/is of type bigint, not double precision\[\]/ ])
{
	$node->psql('postgres', qq{SELECT weir.create_monitor('bad', 'kinds', 'at', $_->[0], options => '{"classes": ["a", "b"]}')}, stderr => \$err);
	like($err, $_->[1], "refused: $_->[0]");
}
for ('["a"]', '["a", "a"]', '["a", 1]', '"a"')
{
	$node->psql('postgres', qq{SELECT weir.create_monitor('bad', 'kinds', 'at', options => '{"classes": $_}')}, stderr => \$err);
	like($err, qr/option classes is not valid/, "refused: classes $_");
}
$node->psql('postgres', q{SELECT weir.create_rule('never', 'loans', 'macro_roc_auc', below => 0.9)}, stderr => \$err);
like($err, qr/ERROR/, 'no rule over a metric that the monitor does not compute');
classes('after updates, deletes, late rows and a crash');

$node->stop;
done_testing();
