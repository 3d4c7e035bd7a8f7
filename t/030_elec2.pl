# Real drift: two years of the New South Wales electricity market in event-time order through two clusters. The Victorian columns are constant
# until 1997-05-05 00:00 and move from then on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $file = real_data('elec2.csv.gz');

my $publisher = start_publisher('publisher');
my $subscriber = start_weir('subscriber');
my $table = q{CREATE TABLE market(id int PRIMARY KEY, at timestamptz NOT NULL, nswprice float8, nswdemand float8, vicprice float8, vicdemand float8,
  transfer float8, class_up int); ALTER TABLE market REPLICA IDENTITY FULL};

$publisher->safe_psql('postgres', $table);
$subscriber->safe_psql('postgres', $table);
subscribe($publisher, $subscriber, 'market');

# Three calls of a newcomer, and a trainer: the share of rising prices by half-hour of the day over the last four weeks.
$subscriber->safe_psql('postgres', q{
SELECT weir.create_monitor('market', 'market', 'at', window_size => '7 days', label => 'class_up', kinds => '{"id": "ignore"}');
SELECT weir.set_baseline('market', since => '1996-05-07', until => '1996-11-05');
SELECT weir.create_model('price_direction');
CREATE PROCEDURE train(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
DECLARE shares jsonb; accuracy float8;
BEGIN
  WITH recent AS (SELECT at, class_up FROM market WHERE at > (SELECT max(at) FROM market) - interval '28 days'),
  slots AS (SELECT to_char(at, 'HH24:MI') AS slot, avg(class_up) AS share FROM recent GROUP BY 1)
  SELECT (SELECT jsonb_object_agg(slot, share) FROM slots),
         (SELECT avg(((s.share > 0.5)::int = r.class_up)::int) FROM recent r JOIN slots s ON s.slot = to_char(r.at, 'HH24:MI')) INTO shares, accuracy;
  PERFORM weir.create_model_version('price_direction', artifact => convert_to(shares::text, 'UTF8'), metrics => jsonb_build_object('accuracy', accuracy), job_id => job_id);
END $$;
SELECT weir.create_trainer('price_direction', 'price_direction', procedure => 'train');
SELECT weir.create_rule(c || ' moves', 'market', 'psi', above => 0.25, column_name => c) FROM unnest('{vicprice,vicdemand}'::name[]) c;
SELECT weir.create_rule('transfer moves', 'market', 'psi', above => 0.25, column_name => 'transfer', action => 'retrain', trainer => 'price_direction', cooldown => '365 days');
});

# As it came: in order, some weeks at a time.
$publisher->safe_psql('postgres', 'CREATE UNLOGGED TABLE csv(date text, day text, period text, nswprice float8, nswdemand float8,
	vicprice float8, vicdemand float8, transfer float8, class_up int, n serial)');
$publisher->safe_psql('postgres', "COPY csv(date, day, period, nswprice, nswdemand, vicprice, vicdemand, transfer, class_up) FROM PROGRAM 'gzip -dc $file' WITH (FORMAT csv, HEADER)");
my $rows = $publisher->safe_psql('postgres', 'SELECT count(*) FROM csv');
is($rows, 45312, 'the whole file');
for (my $from = 0; $from < $rows; $from += 2000)
{
	$publisher->safe_psql('postgres', "INSERT INTO market SELECT n - 1, '1996-05-07 00:00+00'::timestamptz + (n - 1) * interval '30 min',
		nswprice, nswdemand, vicprice, vicdemand, transfer, class_up FROM csv WHERE n > $from AND n <= $from + 2000 ORDER BY n");
}
$publisher->wait_for_catchup('weir_test');

all_equal($subscriber, 'market', 'every pane equals a batch recomputation');
is($subscriber->safe_psql('postgres', q{SELECT sum(n) FROM weir.windows WHERE monitor = 'market'}), $rows, 'every row is in one window');

wait_until($subscriber, q{SELECT count(*) >= 3 FROM weir.alerts}, 'alerts were opened');
is($subscriber->safe_psql('postgres', q{SELECT subject, min(window_start) AT TIME ZONE 'UTC' FROM weir.alerts GROUP BY 1 ORDER BY 1}),
	"transfer|1997-05-05 00:00:00\nvicdemand|1997-05-05 00:00:00\nvicprice|1997-05-05 00:00:00",
	'all three alert in the first complete week after the change and in none before');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM weir.drift_scores WHERE monitor = 'market' AND metric = 'psi' AND column_name IN ('vicprice', 'vicdemand', 'transfer')
  AND window_start < '1997-05-05' AND is_final AND value <> 0}), 0, 'constant columns score exactly 0 until then');
is($subscriber->safe_psql('postgres', q{SELECT count(DISTINCT window_start) FROM weir.test_rule('transfer moves', until => '1997-05-05') WHERE state = 'alert'}), 0,
	'test_rule agrees');

wait_until($subscriber, q{SELECT count(*) = 1 FROM weir.jobs WHERE state = 'succeeded' AND trainer = 'price_direction'}, 'one retraining ran');
is($subscriber->safe_psql('postgres', q{SELECT version, job_id IS NOT NULL, (metrics->>'accuracy')::float8 > 0.5 FROM weir.model_versions}), '1|t|t',
	'and recorded a model version with its metrics');

# The window's statistics are those of plain SQL.
is($subscriber->safe_psql('postgres', q{
SELECT count(*) FROM weir.window_stats('market') w
CROSS JOIN LATERAL (SELECT count(nswprice) AS n, avg(nswprice) AS mean, stddev(nswprice) AS stddev, min(nswprice) AS min, max(nswprice) AS max
  FROM market WHERE at >= w.window_start AND at < w.window_end) t
WHERE w.column_name = 'nswprice' AND (w.n <> t.n OR abs(w.mean - t.mean) > 1e-12 OR abs(w.stddev - t.stddev) > 1e-9 OR w.min::float8 <> t.min OR w.max::float8 <> t.max)}), 0,
	'windows have the mean, spread and extremes of plain SQL');

$subscriber->stop;
$publisher->stop;
done_testing();
