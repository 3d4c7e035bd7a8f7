# Columns of vectors in a monitor: captured, taken back, verified; another dimension disables the monitor with its reason.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('vectors');

$node->safe_psql('postgres', q{
CREATE TABLE documents(id bigserial PRIMARY KEY, at timestamptz NOT NULL, small float8[], embedding real[], title text);
ALTER TABLE documents REPLICA IDENTITY FULL;
ALTER TABLE documents ALTER embedding SET STORAGE EXTERNAL;
CREATE FUNCTION vector(seed int, n int) RETURNS float8[] LANGUAGE sql IMMUTABLE AS 'SELECT array_agg(sin(seed * 12.9898 + k * 78.233)) FROM generate_series(1, n) k';
INSERT INTO documents(at, small, embedding, title)
SELECT '2026-01-01'::timestamptz + i * interval '10 min', vector(i, 5), vector(i, 800)::real[], 'document ' || i % 3 FROM generate_series(1, 300) i;
});
$node->safe_psql('postgres', q{
SELECT weir.create_monitor('documents', 'documents', 'at', kinds => '{"small": "vector", "embedding": "vector"}', window_size => '1 day')});
all_equal($node, 'documents', 'rows that were there before are built');

$node->safe_psql('postgres', q{
INSERT INTO documents(at, small, embedding) SELECT '2026-01-02'::timestamptz + i * interval '10 min', vector(-i, 5), vector(-i, 800)::real[] FROM generate_series(1, 200) i;
INSERT INTO documents(at, small, embedding) VALUES ('2026-01-02', NULL, NULL), ('2026-01-02', '{1,NULL,3,4,5}', NULL), ('2026-01-02', '{1,2,3,4,NaN}', NULL);
UPDATE documents SET small = vector(id::int + 1000, 5) WHERE id % 7 = 0;
UPDATE documents SET title = 'renamed' WHERE id % 11 = 0;
UPDATE documents SET embedding = vector(id::int, 800)::real[] WHERE id % 13 = 0;
UPDATE documents SET at = at + interval '2 days' WHERE id % 17 = 0;
DELETE FROM documents WHERE id % 5 = 0;
});
all_equal($node, 'documents', 'inserts, updates and deletes of vectors, TOASTed ones among them');
is($node->safe_psql('postgres', q{
WITH kept AS (
    SELECT weir.merge(p.summaries[c.ordinal]) AS s FROM weir.pane p JOIN weir.monitor_column c USING (monitor_id) WHERE generation = 0 AND c.column_name = 'small'),
fresh AS (SELECT weir.summarize(small) AS s FROM documents)
SELECT weir.value_count(kept.s) = weir.value_count(fresh.s) AND weir.null_count(kept.s) = weir.null_count(fresh.s) AND weir.vector_distance(kept.s, fresh.s) = 0
   AND (SELECT max(abs(a - b)) < 1e-12 FROM unnest(weir.vector_covariance(kept.s), weir.vector_covariance(fresh.s)) u(a, b)) FROM kept, fresh}), 't',
    'panes have the covariance of the rows');
is($node->safe_psql('postgres', q{
SELECT kind, sum(n), bool_and(mean > 0 AND p50 BETWEEN min AND max) FROM weir.window_stats WHERE column_name = 'embedding' GROUP BY kind}),
    'vector|' . $node->safe_psql('postgres', 'SELECT count(embedding) FROM documents') . '|t', 'window_stats tells of norms');
$node->safe_psql('postgres', q{SELECT weir.set_baseline('documents', query => 'SELECT vector(7 * i, 5) AS small FROM generate_series(1, 50) i')});
like($node->safe_psql('postgres', q{SELECT count(*) FROM weir.drift_scores WHERE column_name = 'small'}), qr/^\d+$/, 'scores can be read with a baseline of vectors');

# --- pgvector's type, where it is installed
SKIP: {
	skip 'pgvector is not installed', 3
	  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'}) eq '0';
	$node->safe_psql('postgres', q{
CREATE EXTENSION vector;
CREATE TABLE images(id bigserial PRIMARY KEY, at timestamptz NOT NULL, v vector(5));
ALTER TABLE images REPLICA IDENTITY FULL;
INSERT INTO images(at, v) SELECT at, small::vector FROM documents WHERE small IS NOT NULL AND NOT 'NaN' = ANY (small) AND array_position(small, NULL) IS NULL;
});
	is($node->safe_psql('postgres', q{SELECT weir.summarize(v)::text = weir.summarize(v::real[])::text, weir.vector_dimension(weir.summarize(v)) FROM images}), 't|5',
		'a vector of pgvector is the array it casts to');
	$node->safe_psql('postgres', q{SELECT weir.create_monitor('images', 'images', 'at', columns => '{v}', window_size => '1 day')});
	all_equal($node, 'images', 'pgvectors are built');
	$node->safe_psql('postgres', q{UPDATE images SET v = v + '[1,1,1,1,1]' WHERE id % 3 = 0; DELETE FROM images WHERE id % 4 = 0});
	all_equal($node, 'images', 'pgvectors are captured');
}

# --- a vector of another dimension
$node->safe_psql('postgres', q{INSERT INTO documents(at, small) VALUES ('2026-01-02', '{1,2}')});
wait_until($node, q{SELECT state = 'disabled' FROM weir.monitor_state JOIN weir.monitor USING (monitor_id) WHERE name = 'documents'}, 'a vector of another dimension disables the monitor');
like($node->safe_psql('postgres', q{SELECT reason FROM weir.monitor_state JOIN weir.monitor USING (monitor_id) WHERE name = 'documents'}),
	qr/vector has [25] dimensions, others summarized with it have [25]|different dimensions/, 'which says why');

done_testing();
