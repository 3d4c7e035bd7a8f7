# Real people: the census income data; fairness through capture equals plain SQL.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $file = real_data('adult.csv.gz');

my $publisher = start_publisher('publisher');
my $subscriber = start_weir('subscriber');
my $table = q{CREATE TABLE people(id int PRIMARY KEY, at timestamptz NOT NULL, age int, workclass text, education_num int, occupation text, race text, sex text,
  capital_gain int, hours_per_week int, income text, guess text); ALTER TABLE people REPLICA IDENTITY FULL};

$publisher->safe_psql('postgres', $table);
$subscriber->safe_psql('postgres', $table);
$publisher->safe_psql('postgres', 'CREATE UNLOGGED TABLE csv(id int, split text, age int, workclass text, fnlwgt int, education text,
	education_num int, marital_status text, occupation text, relationship text, race text, sex text,
	capital_gain int, capital_loss int, hours_per_week int, native_country text, income text)');
$publisher->safe_psql('postgres', "COPY csv FROM PROGRAM 'gzip -dc $file' WITH (FORMAT csv, HEADER)");

# A plain rule guesses, so that there is a prediction beside the label.
my $insert = q{INSERT INTO people SELECT id, '2020-01-01'::timestamptz + id * interval '1 min', age, workclass, education_num, occupation, race, sex, capital_gain, hours_per_week,
  income, CASE WHEN education_num >= 13 OR capital_gain > 5000 THEN '>50K' ELSE '<=50K' END FROM csv WHERE };
$publisher->safe_psql('postgres', $insert . 'id <= 20000');
$subscriber->safe_psql('postgres', q{SELECT weir.create_monitor('income', 'people', 'at', window_size => '30 days', prediction => 'income', positive => '>50K', protected => '{sex,race}')});
$subscriber->safe_psql('postgres', q{SELECT weir.create_monitor('guess', 'people', 'at', window_size => '1 day',
	prediction => 'guess', label => 'income', positive => '>50K', protected => '{sex,race}')});
subscribe($publisher, $subscriber, 'people');
$publisher->safe_psql('postgres', $insert . 'id > 20000');
$publisher->wait_for_catchup('weir_test');
all_equal($subscriber, 'income', 'every pane equals a batch recomputation');
all_equal($subscriber, 'guess', 'and so with labels');

for my $column (qw(sex race))
{
	my $number = $column eq 'sex' ? 1 : 2;
	is($subscriber->safe_psql('postgres', qq{
SELECT group_name, n, n_positive, selection_rate FROM (SELECT weir.merge(fairness[$number]) AS f FROM weir.pane JOIN weir.monitor m USING (monitor_id)
  WHERE m.name = 'guess' AND generation = 0) p, weir.fairness_groups(f) ORDER BY 1}),
		$subscriber->safe_psql('postgres', qq{SELECT $column, count(*), sum((income = '>50K')::int), avg((guess = '>50K')::int)::float8 FROM people GROUP BY 1 ORDER BY 1}),
		"groups by $column are those of plain SQL");
	is($subscriber->safe_psql('postgres', qq{
SELECT g.group_name, g.n, round(g.selection_rate::numeric, 12) FROM (SELECT weir.merge(fairness[$number]) AS f FROM weir.pane JOIN weir.monitor m USING (monitor_id)
  WHERE m.name = 'income' AND generation = 0) p, weir.fairness_groups(f) g ORDER BY 1}),
		$subscriber->safe_psql('postgres', qq{SELECT $column, count(*), round(avg((income = '>50K')::int), 12) FROM people GROUP BY 1 ORDER BY 1}),
		"selection rate of income above 50K by $column");
}

# By window, in the view: rates by group and their difference.
is($subscriber->safe_psql('postgres', q{
WITH rates AS (SELECT weir.tumble(at, '30 days') AS window_start, avg((income = '>50K')::int) FILTER (WHERE sex = 'Female') AS female,
    avg((income = '>50K')::int) FILTER (WHERE sex = 'Male') AS male FROM people GROUP BY 1)
SELECT count(*) > 0, count(*) FILTER (WHERE abs(f.value - (r.female - r.male)) > 1e-12) FROM weir.fairness_scores f JOIN rates r USING (window_start)
WHERE f.monitor = 'income' AND f.protected = 'sex' AND f.group_name = 'Female' AND f.metric = 'demographic_parity_difference'}), 't|0',
	'the demographic parity difference of each window');
is($subscriber->safe_psql('postgres', q{SELECT count(DISTINCT metric) FROM weir.fairness_scores WHERE monitor = 'guess' AND protected = 'sex'
  AND metric IN ('demographic_parity_difference', 'demographic_parity_ratio', 'equal_opportunity_difference', 'equal_opportunity_ratio')}), 4,
	'difference and ratio of demographic parity and equal opportunity');

# The whole table of counts is that of the aggregate, and so is every metric made of it; also after updates and deletes, which are taken back.
sub same_as_the_table
{
	my ($what) = @_;

	$publisher->wait_for_catchup('weir_test');
	all_equal($subscriber, 'guess', "$what: every pane equals a batch recomputation");
	for my $column (qw(sex race))
	{
		my $number = $column eq 'sex' ? 1 : 2;
		is($subscriber->safe_psql('postgres', qq{SELECT weir.merge(fairness[$number]) FROM weir.pane JOIN weir.monitor m USING (monitor_id) WHERE m.name = 'guess' AND generation = 0}),
			$subscriber->safe_psql('postgres', qq{SELECT weir.fairness_positive('>50K', income, guess, $column) FROM people}),
			"$what: the counts by $column are those of weir.fairness over the table");
		is($subscriber->safe_psql('postgres', qq{
WITH window_scores AS (SELECT metric, group_name, reference_group, value, low, high, p_value, n, n_reference, threshold, verdict, status
    FROM weir.fairness_scores('guess', window_size => '3650 days') WHERE protected = '$column' AND metric = ANY (weir.fairness_metric_names())),
  table_scores AS (SELECT x.metric, x.group_name, x.reference_group, x.value, x.low, x.high, x.p_value, x.n, x.n_reference, x.threshold, x.verdict, x.status
    FROM weir.fairness_metrics((SELECT weir.fairness_positive('>50K', income, guess, $column) FROM people)) x)
SELECT (SELECT count(*) > 0 FROM window_scores), (SELECT count(*) FROM ((TABLE window_scores EXCEPT ALL TABLE table_scores) UNION ALL (TABLE table_scores EXCEPT ALL TABLE window_scores)) d)}), 't|0',
			"$what: and so are all metrics by $column, exactly");
	}
}
same_as_the_table('inserted');
$publisher->safe_psql('postgres', q{UPDATE people SET guess = CASE WHEN hours_per_week > 45 THEN '>50K' ELSE '<=50K' END WHERE id % 10 = 0});
$publisher->safe_psql('postgres', q{UPDATE people SET income = NULL WHERE id % 23 = 0; DELETE FROM people WHERE id % 17 = 0; UPDATE people SET sex = NULL WHERE id % 501 = 0});
same_as_the_table('updated and deleted');

$subscriber->stop;
$publisher->stop;
done_testing();
