# What leaves of personal columns: nothing that quotes a value, in no view, alert or detail; retention per class; classes through DDL, dump and restore.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('governance');

sub sql { return $node->safe_psql('postgres', $_[0]) }

# --- two columns of secrets, a number and a word, which can be recognised wherever they come out
sql(q{CREATE TABLE people(id bigint PRIMARY KEY, at timestamptz NOT NULL, income float8, city text, region text, sex text, approved boolean);
ALTER TABLE people REPLICA IDENTITY FULL;
INSERT INTO people SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', 424242 + i % 50, 'Timbuktu' || i % 5, 'north', (ARRAY['F', 'M'])[1 + i % 2], i % 3 = 0
	FROM generate_series(1, 2000) i;
INSERT INTO people VALUES (5000, '2026-02-01 00:05', 424299, 'Timbuktu', 'north', 'F', true);
SELECT weir.create_monitor('people', 'people', 'at', window_size => '1 day', segment_by => '{region}', prediction => 'approved', protected => '{sex}');
SELECT weir.set_baseline('people', since => '2026-01-01', until => '2026-01-05');
SELECT weir.create_rule('shifts', 'people', 'psi', above => 0.0)});
sql(q{SELECT weir.wait_for()});
wait_until($node, q{SELECT count(*) > 0 FROM weir.rules WHERE evaluated_to IS NOT NULL}, 'the rule begins');
sql(q{INSERT INTO people SELECT 6000 + i, '2026-02-03'::timestamptz + i * interval '10 min', 424242 + i % 3, 'Timbuktu' || i % 2, 'north', 'F', true FROM generate_series(1, 300) i});
wait_until($node, q{SELECT count(DISTINCT subject) = 2 FROM weir.alert WHERE subject IN ('income', 'city')}, 'alerts on what is not classified yet');
my @views = split /\n/, sql(q{SELECT c.relname FROM pg_class c WHERE relnamespace = 'weir'::regnamespace AND relkind = 'v' ORDER BY 1});
sub views_that_tell { return join ' ', grep { sql("SELECT count(*) > 0 FROM weir.$_ v WHERE (to_jsonb(v) - 'mean')::text ~ '4242\\d\\d|Timbuktu'") eq 't' } @views }
like(views_that_tell(), qr/window_stats/, 'values of columns that are not classified are shown');
is(sql(q{SELECT count(*) > 0 FROM weir.window_stats('people', window_size => '6 hours')
	WHERE column_name = 'income' AND n = 1 AND mean = 424299}), 't', 'as is the mean of a single row');
# What is written of them: all that quotes a word of the one, or the largest number of the other, which is alone in its window.
sub documents_that_tell
{
	return join ' ', grep { sql("SELECT $_") =~ /Timbuktu|424299/ } "weir.report_html('people')", "weir.report_text('people')", "weir.source_sheet('people')",
	  q{string_agg(t::text, ' ') FROM weir.window_distributions('people') d, LATERAL weir.top(d.summary, 9) t}, q{string_agg(s::text, ' ') FROM weir.scores('people') s};
}
like(documents_that_tell(), qr/report_html.*window_distributions/, 'documents, too');

sql(q{SELECT weir.classify_column('people', 'income', 'sensitive'), weir.classify_column('people', 'city', 'personal')});
is(views_that_tell(), '', 'no view tells a value once they are');
is(documents_that_tell(), '', 'and no document');
is(sql(q{SELECT count(*) FROM weir.window_stats WHERE column_name IN ('income', 'city')
	AND (summary IS NOT NULL OR top_values IS NOT NULL OR min IS NOT NULL OR p50 IS NOT NULL)}), 0, 'neither as summaries');
is(sql(q{SELECT count(*) FROM weir.window_stats('people', window_size => '6 hours') WHERE column_name = 'income'
	AND n = 1 AND (mean IS NOT NULL OR stddev IS NOT NULL)}), 0, 'nor as the mean of a few');
is(sql(q{SELECT count(*) > 0, bool_and(value IS NOT NULL) FROM weir.drift_scores WHERE column_name IN ('income', 'city') AND status = 'ok' AND is_primary}), 't|t', 'scores stay');
is(sql(q{SELECT count(*) > 0, bool_and(detail = '{"withheld": "sensitive"}') FROM weir.drift_scores WHERE column_name = 'income'}), 't|t', 'without what they were made of');
is(sql(q{SELECT count(*) > 0, bool_and(detail ? 'withheld') FROM weir.alerts WHERE subject = 'city'}), 't|t', 'alerts that were there are stripped');
sql(q{INSERT INTO people SELECT 10000 + i, '2026-03-01'::timestamptz + i * interval '1 min', 424200 + i % 10, 'Timbuktu' || i % 2, 'north', 'F', true FROM generate_series(1, 3000) i});
wait_until($node, q{SELECT count(*) > 0 FROM weir.alerts WHERE subject = 'income' AND window_end > '2026-03-01'}, 'new alerts come');
is(views_that_tell(), '', 'and quote nothing');
is(sql(q{SELECT count(*) > 0, count(s.value) FROM weir.monitor m, weir._statistic_scores(m.monitor_id, NULL, NULL, NULL, NULL, false, true, NULL, '{min,p50,max}') s
	WHERE s.subject = 'income'}), 't|0', 'nor do statistics as scores');
is(sql(q{SELECT count(*) > 0, count(*) FILTER (WHERE expected IS NOT NULL) FROM weir.suggest_constraints('people') WHERE column_name IN ('income', 'city')}), 't|0', 'nor suggested constraints');
is(sql(q{SELECT count(*) > 0, bool_and(detail ? 'withheld') FROM weir.quality_scores WHERE column_name IN ('income', 'city')}), 't|t', 'nor the quality of data');
sql(q{SELECT weir.create_monitor('homes', 'people', 'at', window_size => '1 day', prediction => 'region', label => 'city')});
wait_until($node, q{SELECT count(p.performance) > 0 FROM weir.monitor m, LATERAL weir._performances(m.monitor_id, NULL, NULL, NULL, NULL, false,
	(SELECT array_agg(d.ordinal) FROM weir.derived_column d WHERE d.monitor_id = m.monitor_id)) p WHERE m.name = 'homes'}, 'classes are counted');
is(sql(q{SELECT count(*) > 0, count(performance) FROM weir.window_performances('homes')}), 't|0', 'nor the state of performances');
sql(q{SELECT weir.drop_monitor('homes')});

# --- through DDL: renamed, classified before capture looks, dropped
sql(q{ALTER TABLE people RENAME city TO town; SELECT weir.classify_column('people', 'town', 'sensitive')});
wait_until($node, q{SELECT count(*) = 1 FROM weir.monitor_column WHERE column_name = 'town' AND class = 'sensitive'}, 'a class follows its column');
sql(q{ALTER TABLE people DROP COLUMN town});
wait_until($node, q{SELECT count(*) = 1 FROM weir.monitor_column WHERE column_name = 'town' AND retired_at IS NOT NULL}, 'the column is gone');
is(views_that_tell(), '', 'what is remembered of it stays withheld');

# --- dumped and restored
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'dumped');
sql('CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', $dump ], 'restored');
is($node->safe_psql('restored', q{SELECT weir.column_class('people', 'income'), (SELECT class FROM weir.monitor_column WHERE column_name = 'income')}), 'sensitive|sensitive', 'with the classes');
is($node->safe_psql('restored', q{SELECT first_broken, reason FROM weir.verify_audit_log()}), '|', 'and the audit log');

# --- retention of a class, though the monitor has none
is(sql(q{SELECT count(*) > 0 FROM weir.windows WHERE window_start < '2026-01-20'}), 't', 'old windows are there');
sql(q{SELECT weir.set_class_retention('sensitive', '10 days')});
wait_until($node, q{SELECT count(*) = 0 FROM weir.pane WHERE pane_start < '2026-02-20'}, 'panes with a column of the class are given up when it has had its time');
all_equal($node, 'people', 'what is left is exact');

# --- what other databases get: panes without such columns
sql(q{SELECT weir.publish_panes('people', node => 'here', min_group_size => 1)});
wait_until($node, q{SELECT count(*) > 0 FROM weir.node_pane}, 'panes are published');
is(sql(q{SELECT string_agg(c.column_name || ' ' || p.published, ', ' ORDER BY c.column_name::text) FROM weir.monitor_column c,
	LATERAL (SELECT bool_or(p.summaries[c.ordinal] IS NOT NULL) AS published FROM weir.node_pane p) p WHERE c.column_name IN ('income', 'sex')}), 'income false, sex true',
	'without the column of the class');

$node->stop;
done_testing();
