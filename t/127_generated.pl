# Generated columns: stored ones are in the log and follow their expression; virtual ones (18) are not, and are refused.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('generated');
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub error_of
{
	my ($code, $stdout, $stderr) = $node->psql('postgres', $_[0]);
	return $stderr;
}

# The sum that the panes of monitor 'orders' have of column gross, and that of the table.
sub sums
{
	return sql(q{SELECT (SELECT round(sum(weir.value_sum(summaries[ordinal]))) FROM weir.pane JOIN weir.monitor m USING (monitor_id) JOIN weir.monitor_column c USING (monitor_id)
WHERE m.name = 'orders' AND generation = 0 AND c.column_name = 'gross') = (SELECT round(sum(gross)::numeric) FROM orders), (SELECT count(*) FROM orders)});
}

sql(q{
CREATE TABLE orders(id bigserial PRIMARY KEY, at timestamptz, net float8, gross float8 GENERATED ALWAYS AS (net * 2) STORED,
  size text GENERATED ALWAYS AS (CASE WHEN net > 50 THEN 'large' ELSE 'small' END) STORED);
ALTER TABLE orders REPLICA IDENTITY FULL;
INSERT INTO orders(at, net) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i % 100 FROM generate_series(1, 500) i;
SELECT weir.create_monitor('orders', 'orders', 'at', segment_by => '{size}', window_size => '1 hour', filter => 'gross >= 0')});
all_equal($node, 'orders', 'stored generated columns: values, segment and filter');
sql(q{UPDATE orders SET net = net + 40 WHERE id % 7 = 0; DELETE FROM orders WHERE id % 11 = 0;
INSERT INTO orders(at, net) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i % 90 FROM generate_series(1, 100) i});
all_equal($node, 'orders', 'are computed again by an update');
is(sums(), 't|555', 'as SQL counts and sums');

SKIP:
{
	skip 'ALTER COLUMN ... SET EXPRESSION came with PostgreSQL 17', 4 if $version < 170000;
	sql(q{ALTER TABLE orders ALTER gross SET EXPRESSION AS (net * 3); INSERT INTO orders(at, net) VALUES ('2026-01-01', 5)});
	all_equal($node, 'orders', 'another expression rewrites the table: its panes are built again');
	is(sums(), 't|556', 'as SQL counts and sums');
	sql(q{ALTER TABLE orders ALTER size SET EXPRESSION AS (CASE WHEN net > 20 THEN 'large' ELSE 'tiny' END); UPDATE orders SET net = net + 1 WHERE id % 5 = 0});
	all_equal($node, 'orders', 'another expression of the segment');
	is(sql(q{SELECT count(*) FROM weir.pane WHERE generation = 0 AND n > 0 AND segment = '{small}'}), 0, 'whose former values are gone');
}

sql(q{ALTER TABLE orders ALTER gross DROP EXPRESSION; UPDATE orders SET gross = 1 WHERE id % 3 = 0; INSERT INTO orders(at, net, gross) VALUES ('2026-01-01', 5, 7)});
all_equal($node, 'orders', 'a column that is not generated any more');

SKIP:
{
	skip 'virtual generated columns came with PostgreSQL 18', 13 if $version < 180000;
	sql(q{
CREATE TABLE visits(id bigserial PRIMARY KEY, at timestamptz, x float8, doubled float8 GENERATED ALWAYS AS (x * 2),
  seen timestamptz GENERATED ALWAYS AS (at) VIRTUAL, word text GENERATED ALWAYS AS ('a'));
ALTER TABLE visits REPLICA IDENTITY FULL;
INSERT INTO visits(at, x) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 100) i});
	foreach my $case ([ 'time_column', q{'seen'} ], [ 'columns', q{'at', columns => '{doubled}'} ], [ 'segment_by', q{'at', segment_by => '{word}'} ])
	{
		my ($what, $arguments) = @$case;
		like(error_of("SELECT weir.create_monitor('v', 'visits', $arguments)"),
			qr/is a virtual generated column.*DETAIL.*HINT.*stored generated column/s, "$what: a virtual column is refused, with a hint");
	}
	like(error_of(q{SELECT weir.create_monitor('v', 'visits', 'at', filter => 'doubled > 5')}), qr/not simple enough.*Virtual generated columns/s, 'and in a filter');
	sql(q{SELECT weir.create_monitor('visits', 'visits', 'at', window_size => '1 hour')});
	is(sql(q{SELECT string_agg(column_name, ',') FROM weir.monitor_column JOIN weir.monitor USING (monitor_id) WHERE name = 'visits'}), 'x', 'where nobody names columns, they are left out');
	sql(q{UPDATE visits SET x = x + 1 WHERE id % 4 = 0; DELETE FROM visits WHERE id % 9 = 0});
	all_equal($node, 'visits', 'and do not disturb those that are stored');
	like(error_of(q{SELECT weir.alter_monitor('visits', add_columns => '{doubled}')}), qr/is a virtual generated column/, 'alter_monitor refuses one');
	like(error_of(q{SELECT weir.alter_monitor('visits', filter => 'doubled > 5')}), qr/Virtual generated columns/, 'likewise in a filter');
	sql(q{ALTER TABLE visits ALTER doubled SET EXPRESSION AS (x * 3); INSERT INTO visits(at, x) VALUES ('2026-01-01', 5)});
	all_equal($node, 'visits', 'another expression of a virtual column changes nothing');
	sql(q{ALTER TABLE visits ADD y float8; UPDATE visits SET y = x; SELECT weir.alter_monitor('visits', add_columns => '{y}', filter => 'y > 3')});
	all_equal($node, 'visits', 'a column that is stored');
	sql(q{ALTER TABLE visits DROP y; ALTER TABLE visits ADD y float8 GENERATED ALWAYS AS (x * 2); INSERT INTO visits(at, x) VALUES ('2026-01-01', 6)});
	wait_until($node, q{SELECT state = 'disabled' FROM weir.monitors WHERE monitor = 'visits'}, 'one that became virtual disables the monitor that filters by it');
	like(sql(q{SELECT reason FROM weir.monitors WHERE monitor = 'visits'}), qr/\S/, 'with its reason');
	note sql(q{SELECT reason FROM weir.monitors WHERE monitor = 'visits'});
	sql(q{ALTER TABLE visits DROP y; ALTER TABLE visits ADD y float8 GENERATED ALWAYS AS (x * 2) STORED; SELECT weir.drop_monitor('visits');
  SELECT weir.create_monitor('visits', 'visits', 'at', filter => 'y > 3')});
	all_equal($node, 'visits', 'one that is stored serves');
}

$node->stop;
done_testing();
