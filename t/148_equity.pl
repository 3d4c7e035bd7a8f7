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

$node->stop;
done_testing();
