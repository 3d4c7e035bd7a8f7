# Change detectors over the rows of a table: what is there, what comes, and kill -9 in between; then they say what one run over the table says.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('row_detectors');

$node->safe_psql('postgres', q{
CREATE TABLE predictions(id bigserial PRIMARY KEY, at timestamptz NOT NULL, score float8, said boolean, truth int);
ALTER TABLE predictions REPLICA IDENTITY FULL;
CREATE FUNCTION add(since int, until int, share float8) RETURNS void LANGUAGE sql AS $$
INSERT INTO predictions(at, score, said, truth)
SELECT '2026-01-01 00:00+00'::timestamptz + i * interval '1 second', i::bigint * 7919 % 1000 / 1000.0 + share, i % 2 = 0,
  CASE WHEN i::bigint * 104729 % 1000 < share * 1000 THEN i % 2 ELSE 1 - i % 2 END
FROM generate_series(since, until) i $$;
SELECT add(1, 300000, 0.1), add(300001, 450000, 0.3);
SELECT weir.create_monitor('predictions', 'predictions', 'at', window_size => '1 hour', prediction => 'said', label => 'truth', options => '{"detectors": [
  {"detector": "adwin", "metric": "error", "name": "mistakes"}, {"detector": "page_hinkley", "metric": "value", "column": "score", "name": "scores"}]}');
SELECT weir.create_rule('mistakes', 'predictions', 'mistakes', above => 1, options => '{"history": true}');
});

# A turn reads some 200,000 rows: killed after the first, while the second is on its way.
wait_until($node, q{SELECT count(*) = 2 FROM weir.row_detectors WHERE n > 0}, 'detectors read the rows that are there');
is($node->safe_psql('postgres', q{SELECT bool_and(is_final = (window_end <= read_until)) FROM weir.windows w,
  (SELECT min(read_until) AS read_until FROM weir.row_detectors) r WHERE monitor = 'predictions'}), 't', 'windows are final as far as they have read');
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', 'SELECT add(450001, 600000, 0.6)');
wait_until($node, q{SELECT min(read_until) >= '2026-01-07 22:00+00' FROM weir.row_detectors}, 'they go on after a crash');
$node->stop('immediate');
$node->start;
$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '60 s')});

my $one_run = q{
SELECT d.name, d.n = t.n AND d.n_drifts = cardinality(t.detections) AND d.signal = t.signal FROM weir.row_detectors d
JOIN LATERAL (SELECT count(x) AS n, weir.detections(x, d.detector ORDER BY at) AS detections,
    weir.signal(weir.advance(weir.detector(d.detector), array_agg(x ORDER BY at))) AS signal
  FROM (SELECT at, CASE d.name WHEN 'scores' THEN score ELSE (said <> (truth = 1))::int END AS x FROM predictions WHERE at < d.read_until) s) t ON true ORDER BY 1};
is($node->safe_psql('postgres', $one_run), "mistakes|t\nscores|t", 'and say what one run over the table says');
is($node->safe_psql('postgres', q{SELECT sum(p.n) = max(d.n) FROM weir.row_detectors d JOIN weir.scores p ON p.metric = d.name AND p.monitor = d.monitor WHERE d.name = 'mistakes'}), 't',
	'every row is in one window');
ok($node->safe_psql('postgres', q{SELECT count(*) FROM weir.scores WHERE metric = 'mistakes' AND verdict = 'alert' AND window_start BETWEEN '2026-01-04 11:00+00' AND '2026-01-04 12:00+00'}) >= 1,
	'the first change is seen in the hour in which it was');
wait_until($node, q{SELECT count(*) >= 1 FROM weir.alerts WHERE rule = 'mistakes' AND window_start = '2026-01-04 11:00+00'}, 'and a rule alerts');

$node->stop;
done_testing();
