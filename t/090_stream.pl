# Large transactions, folded while they are in progress: subtransactions, truncations, crashes, and the limit of memory.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('stream', 'weir.decoding_memory' => "'64kB'", max_prepared_transactions => 4);

$node->safe_psql('postgres', q{
CREATE TABLE big(id bigserial PRIMARY KEY, at timestamptz, amount float8, item text, note text);
ALTER TABLE big REPLICA IDENTITY FULL;
CREATE FUNCTION fill(n int, what text, since timestamptz DEFAULT '2026-01-01') RETURNS void LANGUAGE sql AS
$$INSERT INTO big(at, amount, item) SELECT since + i * interval '7 s', i % 89 + i / 3.0, what || i % 5 FROM generate_series(1, n) i$$;
SELECT fill(1000, 'first ');
SELECT weir.create_monitor('big', 'big', 'at', segment_by => '{item}', window_size => '1 hour');
SELECT weir.create_monitor('kept', 'big', 'at', columns => '{amount}', window_size => '1 hour', on_delete => 'ignore')});
all_equal($node, 'big', 'before');

my $streamed = 0;

# What a query says of the table, what the panes say, and that the changes really came in progress.
sub check
{
	my ($what) = @_;
	all_equal($node, 'big', $what);
	is($node->safe_psql('postgres', q{
SELECT count(*) FROM (SELECT weir.tumble(at, (SELECT pane_size FROM weir.monitor WHERE name = 'big')) AS pane_start, ARRAY[item] AS segment, count(*) AS n, sum(amount) AS total
  FROM big GROUP BY 1, 2) t
FULL JOIN (SELECT pane_start, segment, p.n, weir.value_sum(summaries[(SELECT ordinal FROM weir.monitor_column c WHERE c.monitor_id = p.monitor_id AND column_name = 'amount')]) AS total
  FROM weir.pane p JOIN weir.monitor m USING (monitor_id) WHERE m.name = 'big' AND generation = 0 AND n > 0) p USING (pane_start, segment)
WHERE t.n IS DISTINCT FROM p.n OR round(t.total::numeric, 4) IS DISTINCT FROM round(p.total::numeric, 4)}), 0, "$what: as SQL counts and sums");
	return;
}

sub was_streamed
{
	my ($what) = @_;
	my $now = $node->safe_psql('postgres', 'SELECT rows_streamed FROM weir.capture_status');
	cmp_ok($now, '>', $streamed, "$what: in progress");
	$streamed = $now;
	return;
}

# --- one large transaction; then one of every kind of change
$node->safe_psql('postgres', q{SELECT fill(20000, 'large ')});
check('a large INSERT');
# Shared memory is told once a second.
$node->poll_query_until('postgres', 'SELECT rows_streamed >= 20000 FROM weir.capture_status');
was_streamed('a large INSERT');
my $copy = join '', map { "2026-01-02 00:00:$_\t$_\tcopied\n" } map { $_ % 60 } 1 .. 5000;
$node->safe_psql('postgres', "COPY big(at, amount, item) FROM STDIN;\n$copy\\.\n");
$node->safe_psql('postgres', q{
BEGIN;
UPDATE big SET amount = amount + 1 WHERE id % 3 = 0;
UPDATE big SET at = at + interval '2 hours' WHERE id % 7 = 0;
UPDATE big SET item = 'moved' WHERE id % 11 = 0;
UPDATE big SET note = repeat(md5(id::text), 500) WHERE id % 400 = 1;
UPDATE big SET amount = 7 WHERE note IS NOT NULL;
INSERT INTO big(id, at, amount, item) SELECT id, at, 5, 'conflict' FROM big WHERE id % 5 = 0 ON CONFLICT (id) DO UPDATE SET amount = 3;
INSERT INTO big(id, at, amount, item) SELECT id, at, 5, 'conflict' FROM big WHERE id % 9 = 0 ON CONFLICT DO NOTHING;
MERGE INTO big USING (SELECT id FROM big WHERE id % 13 = 0) s ON big.id = s.id WHEN MATCHED AND s.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = 9;
DELETE FROM big WHERE id % 17 = 0;
COMMIT});
check('COPY, UPDATE of values, time, segment and TOASTed rows, ON CONFLICT, MERGE and DELETE in one transaction');
$node->poll_query_until('postgres', "SELECT rows_streamed > $streamed FROM weir.capture_status");
was_streamed('a transaction of everything');
is($node->safe_psql('postgres', q{SELECT different FROM weir.verify('kept')}), 0, 'with deletes ignored');

# --- what is rolled back
$node->safe_psql('postgres', q{BEGIN; SELECT fill(5000, 'never '); ROLLBACK});
$node->safe_psql('postgres', q{
BEGIN; SELECT fill(3000, 'top '); SAVEPOINT a; SELECT fill(3000, 'never '); ROLLBACK TO a;
SAVEPOINT b; SELECT fill(3000, 'b '); SAVEPOINT c; SELECT fill(3000, 'c '); RELEASE c; SAVEPOINT d; SELECT fill(3000, 'never '); DELETE FROM big WHERE id % 4 = 1; ROLLBACK TO d;
SELECT fill(3000, 'b again '); RELEASE b;
SAVEPOINT e; SAVEPOINT f; SELECT fill(3000, 'never '); RELEASE f; SELECT fill(2000, 'never '); ROLLBACK TO e; SELECT fill(2000, 'last '); COMMIT});
check('savepoints, released and rolled back');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE segment::text LIKE '%never%'}), 0, 'nothing of what was rolled back');

# Rolled back while its changes are read: the catalogs that these need cannot be read any more, which the decoder, not capture, has to see to.
$node->safe_psql('postgres', q{CREATE TABLE side(x int); ALTER TABLE side REPLICA IDENTITY FULL});
my $pid = capture_pid($node);
my $fading = $node->background_psql('postgres');
set_fault($node, 'stream_change:wait:1');
$fading->query_safe(q{BEGIN; SELECT fill(1, 'never '); INSERT INTO side SELECT generate_series(1, 50); SELECT fill(5000, 'never ')});
wait_for_fault($node, 'stream_change:wait:1', 1);
$fading->query_safe('ROLLBACK');
$fading->quit;
set_fault($node, '');
check('rolled back while it is read');
is(capture_pid($node), $pid, 'capture has not begun again');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE segment::text LIKE '%never%'}), 0, 'nothing of it, either');

# --- TRUNCATE: in the transaction, rolled back, before and after rows
$node->safe_psql('postgres', q{
BEGIN; SELECT fill(3000, 'kept '); SAVEPOINT a; SELECT fill(3000, 'never '); TRUNCATE big; SELECT fill(3000, 'never '); ROLLBACK TO a; SELECT fill(3000, 'kept too '); COMMIT});
check('a TRUNCATE that is rolled back with its savepoint');
$node->safe_psql('postgres', q{
BEGIN; SELECT fill(3000, 'gone '); SAVEPOINT a; TRUNCATE big; SELECT fill(3000, 'stays '); SAVEPOINT b; TRUNCATE big; SELECT fill(3000, 'never '); ROLLBACK TO b;
SELECT fill(3000, 'stays too '); COMMIT; SELECT fill(500, 'later ')});
check('a TRUNCATE that stays, and one behind it that does not');
is($node->safe_psql('postgres', q{SELECT sum(n) FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'big' AND generation = 0}), 6500, 'what came after the TRUNCATE');

# --- a loop with an exception handler: thousands of subtransactions
$node->safe_psql('postgres', q{
DO $$ BEGIN FOR i IN 1..4000 LOOP
  BEGIN INSERT INTO big(id, at, amount, item)
    VALUES (CASE WHEN i % 3 = 0 THEN (SELECT min(id) FROM big) ELSE nextval('big_id_seq') END, '2026-01-03'::timestamptz + i * interval '1 min', i, 'loop ' || i % 3);
  EXCEPTION WHEN unique_violation THEN NULL; END; END LOOP; END $$});
check('a loop with an exception handler');
is($node->safe_psql('postgres', q{SELECT transactions_given_up FROM weir.capture_status}), 0, 'no transaction was given up so far');

# An outer savepoint that is rolled back after many inner ones that ended well: they were joined.
$node->safe_psql('postgres', q{
BEGIN; SELECT fill(2000, 'outer '); SAVEPOINT a;
DO $$ BEGIN FOR i IN 1..300 LOOP BEGIN PERFORM fill(30, 'never '); EXCEPTION WHEN unique_violation THEN NULL; END; END LOOP; END $$;
ROLLBACK TO a; SELECT fill(2000, 'after '); COMMIT});
check('an outer savepoint rolled back over many inner ones');
$node->poll_query_until('postgres', 'SELECT transactions_given_up = 1 FROM weir.capture_status');
is($node->safe_psql('postgres', q{SELECT transactions_given_up FROM weir.capture_status}), 1, 'which could not be told apart any more');

# --- prepared transactions
$node->safe_psql('postgres', q{BEGIN; SELECT fill(5000, 'prepared '); SAVEPOINT a; SELECT fill(3000, 'never '); ROLLBACK TO a; PREPARE TRANSACTION 'one';
BEGIN; SELECT fill(5000, 'never '); PREPARE TRANSACTION 'two'; SELECT fill(100, 'meanwhile ')});
$node->safe_psql('postgres', q{SELECT pg_sleep(0.3)});
is($node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '180 s'); SELECT count(*) FROM weir.pane WHERE segment::text LIKE '%prepared%'}) =~ /^0$/m, 1, 'nothing of a prepared transaction');
$node->safe_psql('postgres', q{COMMIT PREPARED 'one'});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'two'});
check('COMMIT PREPARED and ROLLBACK PREPARED');

# --- a monitor is created, and one verified, while a large transaction is in progress
my $writer = $node->background_psql('postgres');
$writer->query_safe(q{BEGIN});
$writer->query_safe(q{SELECT fill(6000, 'open ')});
$writer->query_safe(q{DELETE FROM big WHERE id % 19 = 0});
$node->safe_psql('postgres', q{SELECT weir.create_monitor('later', 'big', 'at', window_size => '1 hour')});
$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '180 s')});
is($node->safe_psql('postgres', q{SELECT different FROM weir.verify('big')}), 0, 'verify while a transaction is in progress');
$writer->query_safe(q{SELECT fill(6000, 'open ')});
$writer->query_safe(q{COMMIT});
check('a monitor created meanwhile');
all_equal($node, 'later', 'and that monitor itself');

# --- definitions change while a large transaction deletes: what is kept of its rows stays marked, and what has no time stays counted
$writer->quit;
$node->safe_psql('postgres', q{
CREATE TABLE archive(at timestamptz, amount float8, item text);
ALTER TABLE archive REPLICA IDENTITY FULL;
INSERT INTO archive SELECT '2026-01-01'::timestamptz + i * interval '1 s', i, CASE i % 3 WHEN 0 THEN NULL ELSE 'item ' || i % 3 END FROM generate_series(1, 20000) i;
SELECT weir.create_monitor('archived', 'archive', 'at', segment_by => '{item}', window_size => '1 hour', on_delete => 'ignore');
SELECT weir.create_monitor('archived coarse', 'archive', 'at', columns => '{amount}', window_size => '1 hour', on_delete => 'ignore',
  options => '{"pane_size": "1 hour"}');
SELECT weir.create_monitor('archived once', 'archive', 'at', columns => '{amount}', window_size => '1 hour', on_delete => 'ignore')});
all_equal($node, $_, "$_, before") foreach 'archived', 'archived coarse', 'archived once';
wait_until($node, 'SELECT partial_bytes = 0 FROM weir.capture_status', 'nothing is in progress');
$writer = $node->background_psql('postgres');
$writer->query_safe(q{BEGIN});
$writer->query_safe(q{DELETE FROM archive WHERE amount <= 10000});
$writer->query_safe(q{INSERT INTO archive SELECT NULL, i, 'untimed' FROM generate_series(1, 2000) i});
$writer->query_safe(q{SAVEPOINT a});
$writer->query_safe(q{DELETE FROM archive WHERE amount > 15000});
$writer->query_safe(q{ROLLBACK TO a});
wait_until($node, 'SELECT partial_bytes > 0 FROM weir.capture_status', 'rows are deleted in a large transaction');
$node->safe_psql('postgres', q{SELECT weir.create_monitor('in between', 'archive', 'at', columns => '{amount}', window_size => '1 hour'); SELECT weir.wait_for(timeout => '180 s')});
# The second is committed while capture takes up the first: it is neither missed nor half prepared.
set_fault($node, 'definitions:wait:1');
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('archived once', on_delete => 'retract')});
wait_for_fault($node, 'definitions:wait:1', 1);
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('archived coarse', options => '{"pane_size": "10 minutes"}')});
set_fault($node, '');
all_equal($node, 'archived coarse', 'panes of another size, built while the transaction is in progress');
$writer->query_safe(q{DELETE FROM archive WHERE amount BETWEEN 10001 AND 12000});
$writer->query_safe(q{COMMIT});
$writer->quit;
$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '180 s')});
wait_until($node, q{
SELECT NOT EXISTS (SELECT FROM weir.pane WHERE marks & 6 = 4) AND NOT EXISTS (SELECT FROM weir.progress WHERE phase NOT IN ('done', 'failed'))}, 'what was given up is built again');
is($node->safe_psql('postgres', q{
SELECT sum(n), count(*) FILTER (WHERE marks & 2 = 0 AND pane_start < '2026-01-01 03:20'), count(*) FILTER (WHERE marks & 2 <> 0 AND pane_start > '2026-01-01 03:20:00')
FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'archived' AND generation = 0}), '20000|0|0', 'ignored deletes: all rows are kept, and exactly their panes are marked');
is($node->safe_psql('postgres', q{SELECT different, marked > 0 FROM weir.verify('archived')}), '0|t', 'and verify leaves them out');
is($node->safe_psql('postgres', q{SELECT n_untimed FROM weir.monitor_state JOIN weir.monitor USING (monitor_id) WHERE name = 'archived'}), 2000, 'rows without a time are counted');
is($node->safe_psql('postgres', q{SELECT different FROM weir.verify('archived coarse')}), 0, 'panes that became smaller');
all_equal($node, $_, "$_, after") foreach 'archived once', 'in between';
$node->safe_psql('postgres', q{SELECT weir.drop_monitor(name) FROM weir.monitor WHERE name LIKE 'archived%' OR name = 'in between'; DROP TABLE archive});

# --- crashes in the middle
foreach my $fault ('stream_change:kill:1:2000', 'stream_commit:exit', 'stream_merged', 'stream_abort:kill')
{
	set_fault($node, $fault);
	$node->psql('postgres', q{BEGIN; SELECT fill(4000, 'crash '); SAVEPOINT a; SELECT fill(4000, 'never '); ROLLBACK TO a; COMMIT});
	wait_for_fault($node, $fault, 1);
	set_fault($node, '');
	$node->poll_query_until('postgres', q(SELECT state = 'streaming' FROM weir.capture_status));
	check("after $fault");
}
$writer = $node->background_psql('postgres', on_error_stop => 0);
$writer->query(q{BEGIN; SELECT fill(6000, 'lost ')});
$node->poll_query_until('postgres', 'SELECT partial_bytes > 0 FROM weir.capture_status');
$node->stop('immediate');
eval { $writer->quit };
$node->start;
check('after a crash of the server that leaves a transaction without an end');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE segment::text LIKE '%lost%' OR segment::text LIKE '%never%'}), 0, 'nothing of it');
# The checkpoint tells the decoder which transactions run: that one does not.
$node->safe_psql('postgres', 'CHECKPOINT');
$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '180 s'); SELECT pg_sleep(2)});
wait_until($node, 'SELECT partial_bytes = 0 FROM weir.capture_status', 'nor in memory');

# --- more partial panes than memory allows: given up, and rebuilt after the commit
$node->safe_psql('postgres', q{ALTER SYSTEM SET weir.capture_memory = '1MB'});
$node->restart;
$node->poll_query_until('postgres', q(SELECT state = 'streaming' FROM weir.capture_status));
$node->safe_psql('postgres', q{BEGIN; SELECT fill(200000, 'huge ', '2026-02-01'); UPDATE big SET amount = 1 WHERE id % 1000 = 0; COMMIT});
check('200,000 rows past the limit of memory');
$node->poll_query_until('postgres', 'SELECT transactions_given_up > 0 FROM weir.capture_status');
cmp_ok($node->safe_psql('postgres', q{SELECT transactions_given_up FROM weir.capture_status}), '>', 0, 'it was given up');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE marks <> 0 AND monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'big')}), 0, 'no pane is stale any more');
all_equal($node, 'later', 'the other monitor');

# --- without backfill the table has more than the panes should: it is read from when the monitor was created
$node->safe_psql('postgres', q{
CREATE TABLE fresh(at timestamptz, amount float8, item text); ALTER TABLE fresh REPLICA IDENTITY FULL;
INSERT INTO fresh SELECT now() - interval '3 days', i, 'there already' FROM generate_series(1, 100) i;
SELECT weir.create_monitor('fresh', 'fresh', 'at', segment_by => '{item}', window_size => '1 hour', backfill => false)});
$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '180 s')});
my $given_up = $node->safe_psql('postgres', 'SELECT transactions_given_up FROM weir.capture_status');

# A row of before, and so many segments of after that they do not fit into memory.
sub exceed_memory
{
	my ($before) = @_;
	$node->safe_psql('postgres', "INSERT INTO fresh SELECT CASE WHEN i <= $before THEN now() - interval '3 days' ELSE now() + interval '1 day' + i * interval '7 s' END,
  i, 'item ' || i FROM generate_series(1, 3000) i");
	$given_up++;
	wait_until($node, "SELECT transactions_given_up >= $given_up FROM weir.capture_status", 'a transaction is given up');
	$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '180 s')});
	wait_until($node, q{SELECT NOT EXISTS (SELECT FROM weir.progress WHERE phase NOT IN ('done', 'failed'))}, 'and what it touched is built');
	return $node->safe_psql('postgres', q{
SELECT sum(p.n) FILTER (WHERE pane_start > created_at), sum(p.n) FILTER (WHERE pane_start <= created_at), max(marks & 4), (SELECT inexact_since IS NOT NULL FROM weir.monitors WHERE monitor = 'fresh')
FROM weir.pane p JOIN weir.monitor m USING (monitor_id) WHERE name = 'fresh' AND generation = 0});
}
is(exceed_memory(0), '3000||0|f', 'the rows of after are all there, of before there is none');
is(exceed_memory(1), '5999||0|t', 'a row of before is left out, which the monitor says');

$node->stop;
done_testing();
