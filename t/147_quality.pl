# Data quality of a stream: hour by hour one fault after the other, and each check fires in its hour and in no other; a column is added, one renamed; sources go
# silent; after kill -9 all of it is still so.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('quality');

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub wait_for { return sql(q{SELECT weir.wait_for(timeout => '120 s')}) }

# 120 rows an hour: every number, lane and code as often as in any other hour.
sql(q{
CREATE TABLE readings(id bigserial PRIMARY KEY, at timestamptz NOT NULL, speed float8, lane text, code text, counter bigint);
ALTER TABLE readings REPLICA IDENTITY FULL;
CREATE FUNCTION add_hours(since int, until int, fault text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
INSERT INTO readings(at, speed, lane, code, counter)
SELECT '2026-03-02 00:00+00'::timestamptz + h * interval '1 hour' + i * interval '30 s',
  CASE WHEN fault = 'nulls' AND i < 12 THEN NULL WHEN fault = 'nans' AND i < 6 THEN 'NaN' WHEN fault = 'infinite' AND i = 7 THEN 'Infinity'
       WHEN fault = 'range' AND i < 5 THEN 500 WHEN fault = 'constant' THEN 42 WHEN fault = 'outliers' AND i < 18 THEN 100.5
       ELSE n::bigint * 7919 % 1009 / 10.0 END,
  CASE WHEN fault = 'unseen' AND i < 6 THEN 'middle' ELSE 'l' || n % 10 END,
  CASE WHEN fault = 'duplicates' AND i < 40 THEN 'K' || n / 2 WHEN fault = 'pattern' AND i < 10 THEN 'bad' || n ELSE 'K' || n END,
  n - CASE WHEN fault = 'order' THEN 500 ELSE 0 END
FROM generate_series(since, until) h, generate_series(0, CASE WHEN fault = 'few' THEN 49 ELSE 119 END) i, LATERAL (SELECT h * 120 + i AS n) x $$;
SELECT add_hours(0, 71);
SELECT weir.create_monitor('readings', 'readings', 'at', columns => '{speed,lane,code,counter}', kinds => '{"code": "category"}', window_size => '1 hour');
SELECT weir.set_baseline('readings', since => '2026-03-02 00:00+00', until => '2026-03-05 00:00+00');
SELECT weir.set_constraints('readings', '[{"column_name": "code", "metric": "pattern_mismatch_share", "expected": "^K[0-9]+$"},
  {"column_name": "counter", "metric": "order_break_share"}, {"column_name": "counter", "metric": "out_of_range_share", "enabled": false},
  {"column_name": "counter", "metric": "outlier_share", "enabled": false}, {"column_name": "lane", "metric": "schema_change", "expected": "text"}]');
});
wait_for();
is(sql(q{SELECT count(*) > 1000, count(*) FILTER (WHERE verdict <> 'ok') FROM weir.quality_scores WHERE metric <> 'freshness'}), 't|0', 'nothing wrong in three good days');
is(sql(q{SELECT count(*), min(verdict) FROM weir.quality_scores WHERE metric = 'freshness' AND window_start = '2026-03-04 23:00+00'}), '1|warning', 'but that the newest row is old');

# A fault an hour, one hour empty.
my @faults = (undef, 'nulls', 'nans', 'infinite', 'range', 'outliers', 'unseen', 'constant', 'few', 'empty', 'duplicates', 'pattern', 'order', undef);
my $hour = 72;
for my $fault (@faults)
{
	sql(sprintf('SELECT add_hours(%d, %d, %s)', $hour, $hour, defined $fault ? "'$fault'" : 'NULL')) unless ($fault // '') eq 'empty';
	$hour++;
}
wait_for();
sql('ALTER TABLE readings ADD COLUMN note text');
wait_until($node, q{SELECT count(*) = 1 FROM weir.schema_changes}, 'capture sees a column that was added');
sql('SELECT add_hours(86, 88)');
wait_for();
# rows of an hour that is over
sql(q{INSERT INTO readings(at, speed, lane, code, counter) SELECT '2026-03-05 14:30+00'::timestamptz + i * interval '1 s',
  50 + i, 'l' || i % 10, 'K' || 900000 + i, 86 * 120 + i FROM generate_series(1, 20) i});
wait_for();

my $found = q{SELECT coalesce(string_agg(concat_ws(' ', extract(epoch FROM window_start - '2026-03-02 00:00+00')::int / 3600, column_name, metric), E'\n'
  ORDER BY window_start, column_name, metric), '') FROM weir.quality_scores WHERE verdict <> 'ok' AND metric <> 'freshness'};
my $expected = <<'END';
73 speed null_share
74 speed nan_share
75 speed infinite_share
76 speed out_of_range_share
77 speed outlier_share
78 lane unseen_share
79 speed constant
79 speed distinct_count
80 row_count
81 row_count
82 code duplicate_share
83 code pattern_mismatch_share
84 counter order_break_share
85 schema_change
86 late_share
END
chomp $expected;
is(sql($found), $expected, 'each check fires in its hour, and in no other');
is(sql(q{SELECT detail -> 'categories' FROM weir.quality_scores WHERE metric = 'unseen_share' AND verdict <> 'ok'}), '[{"n": 6, "value": "middle"}]', 'new categories are named');
is(sql(q{SELECT detail -> 'changes' FROM weir.quality_scores WHERE metric = 'schema_change' AND verdict <> 'ok'}),
	'[{"change": "added", "type_after": "text", "column_name": "note"}]', 'so are changes of the schema');
is(sql(q{SELECT count(*) FROM (SELECT * FROM weir.scores WHERE family = 'quality' AND metric <> 'freshness') s}), sql(q{SELECT count(*) FROM weir.quality_scores WHERE metric <> 'freshness'}),
	'all of them are scores');

# Rules read them.
sql(q{SELECT weir.create_rule('numbers', 'readings', 'nan_share', above => 0.01, options => '{"history": true}'),
  weir.create_rule('volume', 'readings', 'row_count', below => 100, options => '{"history": true}')});
wait_until($node, q{SELECT count(*) = 2 AND bool_and(evaluated_to >= '2026-03-05 15:00+00') FROM weir.rules}, 'rules look at the checks');
is(sql(q{SELECT string_agg(concat_ws(' ', rule, subject, window_start, state), ', ' ORDER BY rule) FROM weir.alerts}),
	'numbers speed 2026-03-05 02:00:00+00 resolved, volume 2026-03-05 08:00:00+00 resolved', 'and alert in the hours of the faults');

# Rows that are put right, or taken away, put the windows right.
sql(q{UPDATE readings SET speed = 50 WHERE speed IS NULL; UPDATE readings SET lane = 'l1' WHERE lane = 'middle'; DELETE FROM readings WHERE code LIKE 'bad%'});
wait_for();
$expected =~ s/73 speed null_share\n//;
$expected =~ s/78 lane unseen_share\n//;
$expected =~ s/83 code pattern_mismatch_share\n//;
is(sql($found), $expected, 'and no more where rows are put right');

# Renamed and retyped: constraints follow, and say what has changed.
sql('ALTER TABLE readings RENAME COLUMN lane TO track');
wait_until($node, q{SELECT count(*) = 1 FROM weir.constraints WHERE column_name = 'track'}, 'constraints follow a column that is renamed');
sql(q{
CREATE FUNCTION add_good_hour(h int) RETURNS void LANGUAGE sql AS $$
INSERT INTO readings(at, speed, track, code, counter) SELECT '2026-03-02 00:00+00'::timestamptz + h * interval '1 hour' + i * interval '30 s', n::bigint * 7919 % 1009 / 10.0,
  'l' || n % 10, 'K' || n, n FROM generate_series(0, 119) i, LATERAL (SELECT h * 120 + i AS n) x $$});
sql('SELECT add_good_hour(89)');
wait_for();
sql('ALTER TABLE readings ALTER COLUMN track TYPE varchar(20)');
wait_until($node, q{SELECT count(*) = 3 FROM weir.schema_changes}, 'a renamed and a retyped column');
sql('SELECT add_good_hour(90)');
wait_for();
is(sql(q{SELECT string_agg(concat_ws(' ', extract(epoch FROM window_start - '2026-03-02 00:00+00')::int / 3600, column_name, detail ->> 'found'), ', ' ORDER BY window_start)
  FROM weir.quality_scores WHERE metric = 'schema_change' AND column_name IS NOT NULL AND verdict <> 'ok'}),
	'89 track character varying(20), 90 track character varying(20)', 'its type is another from then on');

# Sources: one goes silent, and comes back.
sql(q{
CREATE TABLE feed(at timestamptz NOT NULL, site text, x float8);
ALTER TABLE feed REPLICA IDENTITY FULL;
SELECT weir.create_monitor('feed', 'feed', 'at', columns => '{x}', segment_by => '{site}', window_size => '1 hour', options => '{"sources": "segments"}');
});
sql(qq{INSERT INTO feed SELECT '2026-03-02 00:00+00'::timestamptz + $_ * interval '1 hour' + i * interval '30 s', s, i * 31 % 97 FROM generate_series(0, 99) i, unnest('{a,b,c}'::text[]) s
  WHERE NOT (s = 'b' AND $_ BETWEEN 20 AND 22)}) for 0 .. 25;
wait_for();
my $silent = q{SELECT string_agg(concat_ws(' ', extract(epoch FROM window_start - '2026-03-02 00:00+00')::int / 3600, source, metric), ', ' ORDER BY window_start, source, metric)
  FROM weir.source_scores WHERE monitor = 'feed' AND verdict <> 'ok' AND metric IN ('silence', 'fault_share')};
is(sql($silent), '21 b fault_share, 21 b silence, 22 b fault_share, 22 b silence', 'a source that is silent is told from the others');
is(sql(q{SELECT count(*) FROM weir.scores WHERE monitor = 'feed' AND family = 'source' AND segment = 'b' AND metric = 'silence' AND verdict = 'alert'}), '2', 'in scores, too');

sql(q{SELECT weir.create_rule('silence', 'feed', 'silence', above => 3600, segment => '*', options => '{"history": true}')});
wait_until($node, q{SELECT evaluated_to >= '2026-03-03 00:00+00' FROM weir.rules WHERE rule = 'silence'}, 'a rule looks at every source');
is(sql(q{SELECT string_agg(concat_ws(' ', segment, window_start, state), ', ') FROM weir.alerts WHERE rule = 'silence'}),
	'b 2026-03-02 21:00:00+00 resolved', 'and alerts on the one that goes bad');

my ($quality, $sources) = map { sql("SELECT md5(string_agg(r::text, '|' ORDER BY r::text)) FROM weir.$_ r WHERE metric <> 'freshness'") } qw(quality_scores source_scores);
$node->stop('immediate');
$node->start;
wait_for();
is(sql("SELECT md5(string_agg(r::text, '|' ORDER BY r::text)) FROM weir.quality_scores r WHERE metric <> 'freshness'"), $quality, 'after a crash, the same');
is(sql("SELECT md5(string_agg(r::text, '|' ORDER BY r::text)) FROM weir.source_scores r WHERE metric <> 'freshness'"), $sources, 'of sources, too');
all_equal($node, 'readings', 'every pane is what the table holds');

$node->stop;
done_testing();
