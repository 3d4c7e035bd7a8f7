# DDL on monitored tables while capture runs: columns, rewrites, names; nobody waits, and each ends in panes that equal the table.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('local');
my $insert = q{INSERT INTO sales(at, amount, item, region, won, sex, paid) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i % 97, 'item ' || i % 13,
	(ARRAY['north', 'south'])[1 + i % 2], i % 3 = 0, (ARRAY['F', 'M'])[1 + i % 2], i % 2 FROM generate_series(1, 500) i};

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub builds { return sql(q{SELECT count(*) FROM weir.build WHERE kind = 'rebuild'}) }

sql(qq{CREATE TABLE sales(id bigserial PRIMARY KEY, spare int, at timestamptz, amount int, item text, region text, won boolean, sex text, paid int);
ALTER TABLE sales DROP spare; ALTER TABLE sales REPLICA IDENTITY FULL; $insert;
CREATE TABLE calm(id int PRIMARY KEY, at timestamptz, x float8); ALTER TABLE calm REPLICA IDENTITY FULL;
INSERT INTO calm SELECT i, '2026-01-01', i FROM generate_series(1, 100) i;
SELECT weir.create_monitor('sales', 'sales', 'at', segment_by => '{region}', window_size => '1 hour', filter => \$\$item <> 'item 3' AND amount >= 0\$\$,
	prediction => 'won', label => 'paid', protected => '{sex}', options => '{"reference": {"sex": "F"}}');
SELECT weir.create_monitor('calm', 'calm', 'at');
SELECT weir.create_rule('much', 'sales', 'psi', above => 0.2, column_name => 'amount')});
all_equal($node, 'sales', 'before any DDL');

# --- columns are added, others dropped: nothing to do
sql(qq{ALTER TABLE sales ADD extra int DEFAULT 7, ADD surprise float8 DEFAULT random(), ADD another text; $insert; ALTER TABLE sales DROP another; $insert});
all_equal($node, 'sales', 'columns that nobody captures come and go');

# --- rewrites that change no row
my $before = builds();
sql(qq{VACUUM FULL sales}); sql(qq{CLUSTER sales USING sales_pkey}); sql(qq{$insert; ALTER TABLE sales ALTER extra TYPE text});
all_equal($node, 'sales', 'VACUUM FULL, CLUSTER, a rewrite for other columns');
is(builds(), $before, 'need no rebuild');

# --- names: of columns (two change theirs with each other), of the table, of its schema
sql(qq{ALTER TABLE sales RENAME amount TO total; ALTER TABLE sales RENAME item TO article; ALTER TABLE sales RENAME at TO sold_at; ALTER TABLE sales RENAME sex TO gender;
INSERT INTO sales(sold_at, total, article, region, won, gender, paid) SELECT '2026-01-01', 5, 'item 3', 'north', true, 'F', 1 FROM generate_series(1, 10)});
wait_until($node, q{SELECT time_column = 'sold_at' AND filter LIKE '%article%' AND filter LIKE '%total%' AND protected = '{gender}'
	AND options -> 'reference' ->> 'gender' = 'F' FROM weir.monitors WHERE monitor = 'sales'},
	'the definition follows renamed columns');
wait_until($node, q{SELECT column_name = 'total' FROM weir.rules WHERE rule = 'much'}, 'and so do rules');
all_equal($node, 'sales', 'columns were renamed');
sql(q{BEGIN; ALTER TABLE sales RENAME region TO x; ALTER TABLE sales RENAME gender TO region; ALTER TABLE sales RENAME x TO gender; COMMIT;
INSERT INTO sales(sold_at, total, article, gender, won, region, paid) SELECT '2026-01-01', 5, 'item 4', 'north', true, 'F', 1 FROM generate_series(1, 10)});
wait_until($node, q{SELECT segment_by = '{gender}' AND protected = '{region}' FROM weir.monitors WHERE monitor = 'sales'}, 'two columns change names');
all_equal($node, 'sales', 'with each other');
sql(q{CREATE SCHEMA shop; ALTER TABLE sales SET SCHEMA shop; ALTER TABLE shop.sales RENAME TO turnover; INSERT INTO shop.turnover(sold_at, total, article) VALUES ('2026-01-01', 6, 'x')});
all_equal($node, 'sales', 'table renamed, and moved to another schema');
is(builds(), $before, 'no rebuild for names');
sql(q{ALTER TABLE shop.turnover RENAME TO sales; ALTER TABLE shop.sales SET SCHEMA public});

# --- a type that can be read the same way: rows that the rewrite changed are built again
sql(q{ALTER TABLE sales ALTER total TYPE float8 USING total * 1.5; INSERT INTO sales(sold_at, total, article) VALUES ('2026-01-01', 6.5, 'x'); DELETE FROM sales WHERE id % 17 = 0});
all_equal($node, 'sales', 'a column of another type, with other values');
sql(q{ALTER TABLE sales ALTER total TYPE float8 USING total + 1});
all_equal($node, 'sales', 'other values of the same type');
sql(q{ALTER TABLE sales ALTER sold_at TYPE timestamp USING sold_at AT TIME ZONE 'UTC' - interval '90 min'; UPDATE sales SET total = 3 WHERE id % 19 = 0});
all_equal($node, 'sales', 'the time column, too');
is(sql(q{SELECT count(*) FROM weir.build b JOIN weir.monitor USING (monitor_id) WHERE name = 'calm' AND kind = 'rebuild'}), 0, 'a monitor of another table did not notice');

# --- a change that is decoded after its column has another type
sub keep_out
{
	sql(q{ALTER SYSTEM SET weir.databases = 'nowhere'});
	$node->reload;
	wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'weir capture'}, 'capture is kept out');
}

sub let_in
{
	sql(q{ALTER SYSTEM RESET weir.databases});
	$node->reload;
}

keep_out();
sql(q{INSERT INTO sales(sold_at, total, article) VALUES ('2026-01-01', 7.5, 'x'); ALTER TABLE sales ALTER total TYPE numeric;
	INSERT INTO sales(sold_at, total, article) VALUES ('2026-01-01', 8.5, 'y');
ALTER TABLE sales RENAME total TO amount; ALTER TABLE sales RENAME sold_at TO at; DELETE FROM sales WHERE id % 23 = 0});
let_in();
all_equal($node, 'sales', 'DDL while capture did not run');

# --- columns that a monitor cannot do without, and that changes which are decoded later do not have yet
sql(q{CREATE TABLE late(id bigserial PRIMARY KEY, at text, x int, place text, y int, z int) PARTITION BY RANGE (id);
CREATE TABLE late_1(y int, z int, x int, id bigint NOT NULL DEFAULT nextval('late_id_seq'), at text, place text);
ALTER TABLE late ATTACH PARTITION late_1 FOR VALUES FROM (0) TO (1000000);
ALTER TABLE late_1 REPLICA IDENTITY FULL; INSERT INTO late(at, x, place, y, z) SELECT '2026-01-01', i, 'a', i, i FROM generate_series(1, 50) i;
CREATE TABLE seen(id bigserial PRIMARY KEY, at timestamptz, x int, y int, place text); ALTER TABLE seen REPLICA IDENTITY FULL;
INSERT INTO seen(at, x, y) SELECT '2026-01-01', i, i FROM generate_series(1, 50) i;
SELECT weir.create_monitor('seen', 'seen', 'at', filter => 'y > 10', segment_by => '{place}');
SELECT weir.create_monitor('seen since', 'seen', 'at', filter => 'y > 10', backfill => false)});
all_equal($node, 'seen', 'before');
keep_out();
sql(q{INSERT INTO late(at, x, place, y, z) SELECT '2026-01-01', i, 'b', i, i FROM generate_series(1, 50) i; UPDATE late SET x = x + 1 WHERE y = 7;
ALTER TABLE late DROP y; ALTER TABLE late ADD y float8; ALTER TABLE late DROP place; ALTER TABLE late ADD place text; ALTER TABLE late ALTER z TYPE text;
ALTER TABLE late ALTER at TYPE timestamptz USING at::timestamptz; UPDATE late SET y = x, place = 'c' || x % 3;
SELECT weir.create_monitor('late', 'late', 'at', filter => $$y > 3 AND z <> 'a'$$, segment_by => '{place}');
SELECT weir.create_monitor('late since', 'late', 'at', filter => 'y > 3', backfill => false);
INSERT INTO seen(at, x, y) SELECT '2026-01-01', i, i FROM generate_series(1, 50) i; ALTER TABLE seen DROP y; ALTER TABLE seen ADD y numeric; UPDATE seen SET y = x;
ALTER TABLE seen DROP place; INSERT INTO seen(at, x, y) VALUES ('2026-01-01', 4, 100); ALTER TABLE seen ADD place text; UPDATE seen SET place = 'd' WHERE x = 3});
let_in();
all_equal($node, 'late', 'a new monitor over columns that changes of before do not have');
all_equal($node, 'seen', 'a monitor whose filter and segment were replaced');
sql(q{INSERT INTO late(at, x, place, y, z) SELECT '2026-01-01', i, 'b', i, i FROM generate_series(1, 50) i; UPDATE late SET y = 5 WHERE x = 7; DELETE FROM seen WHERE x = 8});
all_equal($node, $_, "$_: and what comes") foreach 'late', 'seen';
is(sql(q{SELECT sum(n) FROM weir.windows('late since') WHERE segment IS NULL}), 47, 'without backfill a new monitor has what came since');
is(sql(q{SELECT string_agg(monitor, ',' ORDER BY monitor) FROM weir.monitors WHERE inexact_since IS NOT NULL OR state <> 'active'}), 'seen since', 'one that began before lacks rows, and says so');
sql(q{SELECT weir.drop_monitor(name) FROM weir.monitor WHERE name ~ '^(late|seen)'; DROP TABLE late, seen});

# --- columns that the monitor can do without
sql(q{SELECT weir.create_monitor('wide', 'sales', 'at', columns => '{amount, article, extra}', window_size => '1 hour')});
all_equal($node, 'wide', 'another monitor');
my $kept = sql(q{SELECT sum(n) FROM weir.window_stats WHERE monitor = 'wide' AND segment IS NULL AND column_name = 'extra'});
sql(qq{ALTER TABLE sales DROP extra; INSERT INTO sales(at, amount, article) VALUES ('2026-01-01', 1, 'z'); DELETE FROM sales WHERE id % 29 = 0});
wait_until($node, q{SELECT 'extra category (dropped)' = ANY (columns) AND state = 'active' FROM weir.monitors WHERE monitor = 'wide'}, 'a dropped column is set aside');
all_equal($node, 'wide', 'the monitor goes on without');
is(sql(q{SELECT sum(n) FROM weir.window_stats WHERE monitor = 'wide' AND segment IS NULL AND column_name = 'extra'}), $kept, 'what was known of it is kept');
sql(q{SELECT weir.rebuild('wide')});
all_equal($node, 'wide', 'rebuilt');
is(sql(q{SELECT sum(n) FROM weir.window_stats WHERE monitor = 'wide' AND segment IS NULL AND column_name = 'extra'}), $kept, 'even then');
sql(q{ALTER TABLE sales ADD extra text DEFAULT 'new'});
wait_until($node, q{SELECT 'extra category' = ANY (columns) FROM weir.monitors WHERE monitor = 'wide'}, 'a column of the same name is taken for it');
all_equal($node, 'wide', 'and read');
sql(q{ALTER TABLE sales ALTER amount TYPE text; INSERT INTO sales(at, amount, article) VALUES ('2026-01-01', 'much', 'z')});
wait_until($node, q{SELECT columns[1] = 'amount numeric (of type text now, which cannot be read as numeric)' AND state = 'active' FROM weir.monitors WHERE monitor = 'wide'},
	'a type that cannot be read sets a column aside');
all_equal($node, 'wide', 'and the others go on');
sql(q{DELETE FROM sales WHERE amount = 'much'; ALTER TABLE sales ALTER amount TYPE int USING amount::numeric::int});
wait_until($node, q{SELECT columns[1] = 'amount numeric' FROM weir.monitors WHERE monitor = 'wide'}, 'it is taken back when it can be read');
all_equal($node, 'wide', 'with all rows');

# --- columns that it cannot do without
like(sql(q{SELECT state, reason FROM weir.monitors WHERE monitor = 'sales'}), qr/^disabled\|operator does not exist: text/, 'a filter that does not compile any more disables the monitor');
sql(q{SELECT weir.rebuild('sales')});
all_equal($node, 'sales', 'rebuild begins it again when it does');
sql(q{ALTER TABLE sales DROP gender; INSERT INTO sales(at, amount, article) VALUES ('2026-01-01', 2, 'z')});
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE '%column "gender" was dropped%' FROM weir.monitors WHERE monitor = 'sales'}, 'without its segment column a monitor is disabled');
all_equal($node, 'wide', 'the other one goes on');
sql(q{SELECT weir.drop_monitor('sales')});

# --- labels of an enum that get other names, also of rows that were there: of values, and of segments by way of domains
sql(q{CREATE TYPE weather AS ENUM ('rain', 'sun'); CREATE DOMAIN outlook AS weather; CREATE DOMAIN forecast AS outlook;
CREATE TABLE days(id int PRIMARY KEY, at timestamptz, was weather, said forecast, degrees float8); ALTER TABLE days REPLICA IDENTITY FULL;
INSERT INTO days SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', (ARRAY['rain', 'sun'])[1 + i % 2]::weather, (ARRAY['sun', 'rain'])[1 + i % 3 % 2]::weather, i
  FROM generate_series(1, 300) i;
SELECT weir.create_monitor('weather', 'days', 'at', columns => '{was,degrees}');
SELECT weir.create_monitor('forecast', 'days', 'at', columns => '{degrees}', segment_by => '{said}');
SELECT weir.create_monitor('degrees', 'days', 'at', columns => '{degrees}')});
all_equal($node, $_, "$_: before") for 'weather', 'forecast', 'degrees';
sql(q{ALTER TYPE weather ADD VALUE 'snow' BEFORE 'rain'});
sql(q{INSERT INTO days VALUES (1001, '2026-01-01 01:00', 'snow', 'snow', -1)});
all_equal($node, 'weather', 'a value is added');
is(sql(q{SELECT count(*) FROM weir.build JOIN weir.monitor USING (monitor_id) WHERE name IN ('weather', 'forecast') AND kind = 'rebuild'}), 0, 'which builds nothing');
# One who has written the label by its former name commits when everything is read again by the other.
my $writer = $node->background_psql('postgres');
$writer->query_safe(q{BEGIN; INSERT INTO days SELECT i, '2026-01-01 00:30', 'rain', 'rain', i FROM generate_series(2001, 2040) i; DELETE FROM days WHERE id = 2001});
sql(q{ALTER TYPE weather RENAME VALUE 'rain' TO 'drizzle'});
wait_until($node, q{SELECT count(DISTINCT name) = 2 FROM weir.build JOIN weir.monitor USING (monitor_id) WHERE name IN ('weather', 'forecast') AND kind = 'rebuild' AND state = 'done'},
	'a label is renamed: its rows are read again');
$writer->query_safe(q{UPDATE days SET degrees = 1 WHERE id = 2002; COMMIT});
$writer->quit;
all_equal($node, $_, "$_: also what was written by the former one") for 'weather', 'forecast', 'degrees';
sql(q{DELETE FROM days WHERE id % 7 = 0; UPDATE days SET was = 'drizzle', degrees = 0 WHERE id % 11 = 0});
all_equal($node, $_, "$_: by the new name") for 'weather', 'forecast', 'degrees';
is(sql(q{SELECT count(*) FROM weir.build JOIN weir.monitor USING (monitor_id) WHERE name = 'degrees' AND kind = 'rebuild'}), 0, 'a monitor without the enum does not notice');
# Types that are made anew, or dropped with their columns.
sql(q{BEGIN; ALTER TABLE days ALTER was TYPE text, ALTER said TYPE text; DROP TYPE weather CASCADE; CREATE TYPE weather AS ENUM ('sun', 'snow', 'drizzle');
ALTER TABLE days ALTER was TYPE weather USING was::weather; COMMIT; UPDATE days SET was = 'sun', said = 'fog' WHERE id % 13 = 0});
all_equal($node, $_, "$_: another type of the same name") for 'weather', 'forecast', 'degrees';
sql(q{DROP TYPE weather CASCADE; UPDATE days SET degrees = degrees + 1 WHERE id % 3 = 0});
wait_until($node, q{SELECT retired_at IS NOT NULL FROM weir.monitor_column WHERE column_name = 'was'}, 'a type is dropped with its column, which is set aside');
all_equal($node, $_, "$_: goes on without") for 'weather', 'forecast', 'degrees';
sql(q{SELECT weir.alter_monitor('weather', lateness => '1 hour'); SELECT weir.rebuild('weather')});
all_equal($node, 'weather', 'also when it is altered and built again');
is(sql(q{SELECT string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_name) FROM weir.monitor_column JOIN weir.monitor USING (monitor_id) WHERE name = 'weather'}),
	'degrees double precision, was text', 'nothing names the type any more, so that a dump can be restored');
sql(q{SELECT weir.drop_monitor(name) FROM weir.monitor WHERE name IN ('weather', 'forecast', 'degrees'); DROP TABLE days});

# --- what a definition names of an enum's values goes with their labels: what counts as positive, groups of reference, classes, segments of rules
sub outcomes
{
	my $of = $_[0] // 'loans';
	return sql(qq{SELECT string_agg(metric || ' ' || round(value::numeric, 3), ', ' ORDER BY metric) FROM weir.performance_scores
		WHERE monitor = '$of' AND segment IS NULL AND metric IN ('accuracy', 'recall', 'base_rate')});
}

sub rebuilt_of_label
{
	my ($monitor, $count, $what) = @_;
	wait_until($node, qq{SELECT count(*) = $count AND bool_and(state = 'done') FROM weir.build JOIN weir.monitor USING (monitor_id) WHERE name = '$monitor' AND kind = 'rebuild'}, $what);
	all_equal($node, $monitor, "$what: equal");
}

sql(q{CREATE TYPE answer AS ENUM ('no', 'yes'); CREATE DOMAIN reply AS answer; CREATE TYPE place AS ENUM ('north', 'south'); CREATE TYPE opinion AS ENUM ('no', 'yes');
CREATE TABLE loans(id int PRIMARY KEY, at timestamptz, said answer, was reply, other opinion, region place, x float8); ALTER TABLE loans REPLICA IDENTITY FULL;
INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '1 s', (ARRAY['no', 'yes'])[1 + i % 2]::answer, (ARRAY['no', 'yes'])[1 + i % 3 % 2]::answer,
  (ARRAY['no', 'yes'])[1 + i % 2]::opinion, (ARRAY['north', 'south'])[1 + i % 5 % 2]::place, i FROM generate_series(1, 300) i;
SELECT weir.create_monitor('loans', 'loans', 'at', columns => '{x}', prediction => 'said', label => 'was', positive => 'yes', protected => '{region}', segment_by => '{region,said}',
  options => '{"reference": {"region": "north"}}');
SELECT weir.create_monitor('opinions', 'loans', 'at', columns => '{x}', prediction => 'other', label => 'was', positive => 'yes');
SELECT weir.create_rule('northern', 'loans', 'psi', above => 0.2, column_name => 'x', segment => 'north | yes')});
all_equal($node, $_, "$_: before") for 'loans', 'opinions';
my $outcomes = outcomes();
is($outcomes, 'accuracy 0.500, base_rate 0.333, recall 0.500', 'some are positive');
sql(q{ALTER TYPE answer RENAME VALUE 'yes' TO 'ja'; ALTER TYPE place RENAME VALUE 'north' TO 'nord'});
rebuilt_of_label('loans', 1, 'the label of what is positive is renamed');
is(outcomes(), $outcomes, 'the same are positive');
my $said = q{SELECT concat_ws(', ', positive, options #>> '{reference,region}', (SELECT segment FROM weir.rule WHERE name = 'northern')) FROM weir.monitor WHERE name = 'loans'};
wait_until($node, "SELECT ($said) = 'ja, nord, nord | ja'", 'the definition and a rule have the new names');
is(sql(q{SELECT string_agg(DISTINCT reference_group, ',') FROM weir.fairness_scores WHERE monitor = 'loans' AND reference_group IS NOT NULL}), 'nord', 'groups are compared with the same one');
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE 'its positive value "yes" is no label of enum public.answer, the type of column "was"%' FROM weir.monitors WHERE monitor = 'opinions'},
	'where it would no longer fit another column, the monitor is disabled');
sql(q{SELECT weir.rebuild('opinions')});
wait_until($node, q{SELECT state = 'disabled' FROM weir.monitors WHERE monitor = 'opinions'}, 'and stays so until that is mended');
sql(q{ALTER TYPE opinion RENAME VALUE 'yes' TO 'ja'; SELECT weir.alter_monitor('opinions', positive => 'ja'); SELECT weir.rebuild('opinions')});
wait_until($node, q{SELECT state = 'active' FROM weir.monitors WHERE monitor = 'opinions'}, 'as it then is');
all_equal($node, 'opinions', 'it reads the other label');
is(outcomes('opinions'), $outcomes, 'with which the same are positive');

keep_out();
sql(q{BEGIN; ALTER TYPE answer RENAME VALUE 'ja' TO 'a'; ALTER TYPE answer RENAME VALUE 'no' TO 'ja'; ALTER TYPE answer RENAME VALUE 'a' TO 'no'; COMMIT; ALTER TABLE loans RENAME was TO became});
let_in();
rebuilt_of_label('loans', 2, 'two labels change names with each other while capture does not run, and a column is renamed');
is(outcomes(), $outcomes, 'the same are positive even then');
wait_until($node, "SELECT ($said) = 'no, nord, nord | no'", 'by the name that they have');
my ($status, $out, $error) = $node->psql('postgres', q{SELECT weir.create_monitor('never', 'loans', 'at', prediction => 'said', label => 'became', positive => 'yes')});
like($error, qr/positive "yes" is no label of enum answer/, 'what no row can be is refused');
sql(q{SELECT weir.drop_monitor(name) FROM weir.monitor WHERE name IN ('loans', 'opinions'); DROP TABLE loans; DROP DOMAIN reply; DROP TYPE answer, place, opinion});

# --- so does what was taken down before: alerts and states of rules, of segments and groups, and baselines that were read once
sql(q{CREATE TYPE place AS ENUM ('north', 'south', 'east | west'); CREATE TYPE sort AS ENUM ('a', 'b');
CREATE TABLE visits(id bigserial PRIMARY KEY, at timestamptz, place place, sort sort, guess sort, x float8); ALTER TABLE visits REPLICA IDENTITY FULL;
INSERT INTO visits(at, place, sort, guess, x) SELECT '2026-01-01'::timestamptz + i * interval '1 min', (enum_range(NULL::place))[1 + i % 3], (enum_range(NULL::sort))[1 + i % 2],
  (enum_range(NULL::sort))[1 + i / 2 % 2], CASE WHEN i >= 240 AND i % 3 = 0 THEN 100 ELSE i % 7 END FROM generate_series(0, 360) i;
SELECT weir.create_monitor('visits', 'visits', 'at', columns => '{x,sort}', segment_by => '{place,sort}', window_size => '1 hour', prediction => 'guess', label => 'sort',
  protected => '{place}', positive => 'a', options => '{"min_n": 2, "min_group_size": 2}');
SELECT weir.create_monitor('guesses', 'visits', 'at', columns => '{x}', window_size => '1 hour', prediction => 'guess', label => 'sort', options => '{"task": "class"}')});
sql(q{SELECT weir.set_baseline(m, query => $$SELECT * FROM visits WHERE at < '2026-01-01 03:00'$$) FROM unnest('{visits,guesses}'::text[]) m});
all_equal($node, $_, "$_: before") for 'visits', 'guesses';
sql(q{SELECT weir.create_rule(name, 'visits', metric, above => above, column_name => column_name, segment => segment, min_n => 2, options => '{"history": true}')
  FROM (VALUES ('high', 'mean', 50, 'x', '*'), ('low', 'mean', 5000, 'x', '"east | west" | a'), ('share', 'selection_rate', 0.1, 'place', NULL)) r(name, metric, above, column_name, segment)});
my $alerts = q{SELECT coalesce(string_agg(concat_ws(' ', rule, subject, segment, state), ', ' ORDER BY rule, subject, segment), '') FROM weir.alerts WHERE monitor = 'visits'};
wait_until($node, "SELECT ($alerts) = 'high x north | a open, high x north | b open, share place: east | west open, share place: north open, share place: south open'",
	'alerts of segments and groups');
my $first = sql(q{SELECT string_agg(alert_id::text, ',' ORDER BY alert_id) FROM weir.alerts WHERE monitor = 'visits'});
my $drift = q{SELECT string_agg(round(value::numeric, 6)::text, ' ' ORDER BY segment IS NULL, round(value::numeric, 6)) FROM weir.drift_scores
	WHERE monitor = 'visits' AND metric = 'psi' AND window_start = '2026-01-01 01:00+00'};
my $drifted = sql($drift);
# One who has a rule and an alert locked: capture goes on, and so do rules of others.
my $holder = $node->background_psql('postgres');
$holder->query_safe(q{BEGIN; SELECT FROM weir.rule WHERE name = 'low' FOR UPDATE; SELECT FROM weir.alert WHERE rule = 'share' FOR UPDATE});
sql(q{BEGIN; ALTER TYPE place RENAME VALUE 'north' TO 'norden'; ALTER TYPE place RENAME VALUE 'east | west' TO 'mid | dle';
ALTER TYPE sort RENAME VALUE 'a' TO 'long'; ALTER TYPE sort RENAME VALUE 'b' TO 'a'; COMMIT});
rebuilt_of_label($_, 1, "$_: labels are renamed while somebody has a rule and an alert locked") for 'visits', 'guesses';
sql(q{ALTER TYPE place RENAME VALUE 'norden' TO 'nord, 1'});
rebuilt_of_label('visits', 2, 'and one of them again');
sql(q{SELECT weir.create_rule('calm', 'calm', 'rows', above => 1, options => '{"history": true}'); INSERT INTO calm VALUES (999, '2026-01-01 23:00', 1)});
wait_until($node, q{SELECT count(*) = 1 FROM weir.alerts WHERE rule = 'calm'}, 'a rule of another monitor is evaluated');
is(sql(q{SELECT segment FROM weir.rule WHERE name = 'low'}), '"east | west" | a', 'the rule is as it was');
$holder->query_safe('COMMIT');
$holder->quit;
wait_until($node, q{SELECT (SELECT count(*) FROM weir.label_rename) = 0 AND segment = '"mid | dle" | long' FROM weir.rule WHERE name = 'low'}, 'until nobody has it locked');
wait_until($node, "SELECT ($alerts) = 'high x nord, 1 | a open, high x nord, 1 | long open, share place: mid | dle open, share place: nord, 1 open, share place: south open'",
	'alerts have the new names');
is(sql(q{SELECT count(*) FROM weir.alerts WHERE monitor = 'visits' AND (rule = 'high') = (strpos(message, 'segment nord, 1 | ') > 0 AND strpos(detail ->> 'query', $$segment = 'nord, 1 | $$) > 0)}),
	5, 'in what they say, too');
is(sql(q{SELECT string_agg(DISTINCT segment, ', ' ORDER BY segment) FROM weir.rule_states WHERE monitor = 'visits'}),
	'"mid | dle" | a, "mid | dle" | long, nord, 1 | a, nord, 1 | long, south | a, south | long', 'and so have states of rules');
is(sql($drift), $drifted, 'a baseline from a query is compared with the same segments and categories');
is(sql(q{SELECT string_agg(c.value || ' ' || c.count, ', ' ORDER BY c.value) FROM weir.baseline_summary s JOIN weir.monitor m USING (monitor_id)
	JOIN weir.derived_column d USING (monitor_id), weir.top(s.summaries[d.ordinal], 9) c WHERE m.name = 'guesses' AND d.derivation = 'class_performance'}),
	'01aa 45, 01along 45, 04longa 45, 04longlong 45', 'and so are pairs of classes');
sql(q{INSERT INTO visits(at, place, sort, guess, x) SELECT '2026-01-01 06:00'::timestamptz + i * interval '1 min', (enum_range(NULL::place))[1 + i % 3], (enum_range(NULL::sort))[1 + i % 2], 'a', i % 7
  FROM generate_series(1, 180) i});
wait_until($node, q{SELECT bool_and(state = 'resolved') AND count(*) = 5 FROM weir.alerts WHERE monitor = 'visits'}, 'they resolve under these');
is(sql(q{SELECT string_agg(alert_id::text, ',' ORDER BY alert_id) FROM weir.alerts WHERE monitor = 'visits'}), $first, 'and none was opened twice');
sql(q{SELECT weir.drop_rule('calm'), weir.drop_monitor('visits'), weir.drop_monitor('guesses'); DROP TABLE visits; DROP TYPE place, sort});

# --- and what learners have learned: categories, classes, predictions of rows that wait for their label, also where two change names, and of transactions in progress
sub trained
{
	my ($learner, $features) = @_;
	return qq{(SELECT weir.train($learner ORDER BY id) FROM (SELECT id, mood::text AS y, (SELECT f FROM (SELECT $features) f) AS f FROM moods) s)::text};
}

sub feel
{
	my ($from, $to, $skies, $moods) = @_;
	return qq{INSERT INTO moods SELECT i, '2026-01-01'::timestamptz + i * interval '1 min',
	  ('{$skies}'::sky[])[1 + i % 3 % 2], i % 97, ('{$moods}'::mood[])[1 + (i % 97 > 48)::int] FROM generate_series($from, $to) i};
}

sql(q{ALTER SYSTEM SET weir.decoding_memory = '64kB'});
keep_out();
let_in();
sql(q{CREATE TYPE sky AS ENUM ('grey', 'blue'); CREATE TYPE mood AS ENUM ('bad', 'good');
CREATE TABLE moods(id int PRIMARY KEY, at timestamptz, sky sky, x float8, mood mood); ALTER TABLE moods REPLICA IDENTITY FULL;
SELECT weir.create_monitor('moods', 'moods', 'at', columns => '{sky,x}');
SELECT weir.create_learner('moods', 'tree', 'hoeffding_tree', label => 'mood', options => '{"grace_period": 50}', keep_predictions => true);
SELECT weir.create_learner('moods', 'line', 'logistic_regression', features => '{x}', label => 'mood')});
sql(feel(1, 400, 'grey,blue', 'bad,good') . q{; INSERT INTO moods VALUES (5000, '2026-01-01 12:00', 'grey', 1)});
sql('SELECT weir.wait_for_learners()');
my $mood = $node->background_psql('postgres');
$mood->query_safe('BEGIN; ' . feel(1001, 4000, 'grey,blue', 'bad,good'));
sql('SELECT weir.wait_for()');
sql(q{BEGIN; ALTER TYPE sky RENAME VALUE 'grey' TO 'azure'; ALTER TYPE sky RENAME VALUE 'blue' TO 'grey'; ALTER TYPE mood RENAME VALUE 'bad' TO 'low'; COMMIT});
sql(feel(401, 800, 'azure,grey', 'low,good') . q{; UPDATE moods SET mood = 'low' WHERE id = 5000});
sql('SELECT weir.wait_for_learners()');
sql('UPDATE moods SET id = 801 WHERE id = 5000');
all_equal($node, 'moods', 'moods: labels are renamed');
$mood->query_safe('COMMIT');
$mood->quit;
sql('SELECT weir.wait_for_learners()');
is(sql(q{SELECT string_agg(concat_ws(' ', model, status, n_learned, disabled_reason), ', ' ORDER BY model) FROM weir.monitor_learners}), 'line active 3801, tree active 3801',
	'learners go on');
is(sql(q{SELECT weir.model_learner('tree', 'current')::text = } . trained(q{'hoeffding_tree', f, y, '{"grace_period": 50}'}, 'sky, x')), 't', 'categories and classes are those of the table');
is(sql(q{SELECT weir.model_learner('line', 'current')::text = } . trained(q{'logistic_regression', f, y}, 'x')), 't', 'of a learner of two classes, too');
is(sql(q{SELECT string_agg(DISTINCT label, ',') || ' ' || string_agg(DISTINCT prediction, ',') FROM weir.learner_predictions}), 'good,low good,low', 'and predictions');
is(sql(q{SELECT round(accuracy * 3800) = (SELECT count(*) FROM weir.learner_predictions WHERE prediction = label) FROM weir.monitor_learners WHERE model = 'tree'}), 't',
	'those of rows whose label came later count: of all but the first');
sql(q{SELECT weir.drop_monitor('moods'); DROP TABLE moods; DROP TYPE sky, mood; ALTER SYSTEM RESET weir.decoding_memory});

# --- a table that leaves the log, and one that is gone
sql(q{ALTER TABLE sales SET UNLOGGED});
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE '%unlogged%' FROM weir.monitors WHERE monitor = 'wide'}, 'an unlogged table disables the monitor');
sql(q{ALTER TABLE sales SET LOGGED; SELECT weir.rebuild('wide')});
all_equal($node, 'wide', 'and it comes back with the log');
sql(q{DROP TABLE sales});
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE 'its table was dropped%' FROM weir.monitor_state JOIN weir.monitor USING (monitor_id) WHERE name = 'wide'},
	'a dropped table disables the monitor');
sql(q{INSERT INTO calm VALUES (1000, '2026-01-02', 5)});
all_equal($node, 'calm', 'the other table goes on');
sql(q{SELECT weir.drop_monitor('wide')});

$node->stop;
done_testing();
