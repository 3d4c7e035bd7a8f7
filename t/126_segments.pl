# More segments than a monitor may keep apart: the others are one, exactly, however rows come, move and go.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('segments', 'weir.decoding_memory' => "'64kB'", 'weir.build_slice_rows' => 2000);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub log_count { my ($pattern) = @_; my $n = () = slurp_file($node->logfile) =~ /$pattern/g; return $n }

# No pane keeps more apart than it may, rows of the others are there, and every row counts once.
sub put_together
{
	my ($monitor, $most, $what) = @_;
	all_equal($node, $monitor, $what);
	is(sql(qq{SELECT max(kept) <= $most, max(kept) > $most / 8, sum(other) > 0, sum(n) = (SELECT count(*) FROM clicks) FROM (SELECT count(*) FILTER (WHERE segment <> '{}') AS kept,
		sum(n) FILTER (WHERE segment = '{}') AS other, sum(n) AS n FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = '$monitor' AND generation = 0 GROUP BY pane_start) p}),
		't|t|t|t', "$what: bounded");
}

sql(q{CREATE TABLE clicks(id int PRIMARY KEY, at timestamptz, page text, x float8); ALTER TABLE clicks REPLICA IDENTITY FULL; CREATE INDEX ON clicks(at);
SELECT weir.create_monitor('clicks', 'clicks', 'at', window_size => '1 hour');
SELECT weir.create_monitor('pages', 'clicks', 'at', window_size => '1 hour', segment_by => '{page}', options => '{"max_groups": 50}');
INSERT INTO clicks SELECT i, '2026-01-01'::timestamptz + i % 3 * interval '1 hour', CASE i % 50 WHEN 0 THEN '(other)' WHEN 1 THEN NULL ELSE 'page ' || i % 50 END, i FROM generate_series(1, 600) i});
all_equal($node, 'pages', 'as many segments as there may be');
is(sql(q{SELECT other_since IS NULL, kept_share FROM weir.monitors WHERE monitor = 'pages'}), 't|1', 'all are kept');
is(sql(q{SELECT count(*) FROM weir.windows WHERE monitor = 'pages' AND segment = '"(other)"'}), 3, 'a value that reads like the others is quoted');
my $pid = capture_pid($node);

# --- by ordinary inserts, a few at a time
sql(qq{INSERT INTO clicks SELECT i, '2026-01-01'::timestamptz + i % 3 * interval '1 hour', 'more ' || i % 200, i FROM generate_series($_ * 100 + 501, $_ * 100 + 600) i}) for 1 .. 5;
put_together('pages', 50, 'too many by inserts');
is(sql(q{SELECT other_since > now() - interval '1 hour', kept_share IN (0.5, 0.25, 0.125, 0.0625) FROM weir.monitors WHERE monitor = 'pages'}), 't|t', 'the monitor says so');
is(sql(q{SELECT ok, found LIKE 'about % % kept apart, the others together as (other) since %', remedy FROM weir.check_setup() WHERE check_name = 'segments of monitor pages'}),
	q{f|t|SELECT weir.alter_monitor('pages', options => '{"max_groups": 100}')}, 'so does check_setup, with the remedy');
is(sql(q{SELECT count(*) FROM weir.windows WHERE monitor = 'pages' AND segment = '(other)'}), 3, 'the others have windows');
is(sql(q{SELECT state, (SELECT kept_share IS NULL FROM weir.monitors WHERE monitor = 'clicks') FROM weir.monitors WHERE monitor = 'pages'}), 'active|t', 'and nobody else is concerned');
sql(q{SELECT weir.set_baseline('pages', since => '2026-01-01 00:00', until => '2026-01-01 02:00')});
is(sql(q{SELECT count(*) FROM weir.drift_scores WHERE monitor = 'pages' AND segment = '(other)' AND column_name = 'x'
	AND metric = 'psi' AND status = 'ok'}), 3, 'with drift against a baseline of their own');

# --- rows that move between those kept and the others, and rows that go
sql(q{UPDATE clicks SET page = 'page ' || id * 7 % 90 WHERE id % 3 = 0; UPDATE clicks SET page = NULL WHERE id % 17 = 0; UPDATE clicks SET at = at + interval '1 hour' WHERE id % 5 = 0;
UPDATE clicks SET x = x + 1 WHERE id % 7 = 0; DELETE FROM clicks WHERE id % 11 = 0});
put_together('pages', 50, 'updates and deletes across the limit');

# --- by one large transaction, folded while it is in progress, that also takes some back; rows of before the limit fell are removed after it
sql(q{BEGIN; INSERT INTO clicks SELECT i, '2026-01-01'::timestamptz + i % 5 * interval '1 hour', 'large ' || i % 700, i FROM generate_series(10001, 16000) i;
SAVEPOINT a; INSERT INTO clicks SELECT i, '2026-01-01', 'never ' || i, i FROM generate_series(20001, 23000) i; ROLLBACK TO a;
UPDATE clicks SET page = 'large ' || id * 3 % 900 WHERE id % 4 = 1; DELETE FROM clicks WHERE id BETWEEN 300 AND 500; COMMIT});
put_together('pages', 50, 'too many in a large transaction');
wait_until($node, 'SELECT rows_streamed > 6000 FROM weir.capture_status', 'which was folded in progress');
is(sql(q{SELECT count(*) FROM weir.windows WHERE monitor = 'clicks' AND segment IS NOT NULL}), 0, 'a monitor without segments has none');
is(capture_pid($node), $pid, 'capture has never started again');

# --- one that is in progress while the limit falls
sql(q{SELECT weir.create_monitor('narrow', 'clicks', 'at', window_size => '1 hour', segment_by => '{page}', options => '{"max_groups": 2000}')});
all_equal($node, 'narrow', 'one that may have more');
my ($out, $err) = ('', '');
my $open = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c',
	q{BEGIN; INSERT INTO clicks SELECT i, '2026-01-01', 'open ' || i % 600, i FROM generate_series(30001, 33000) i; UPDATE clicks SET page = 'open ' || id % 500 WHERE id BETWEEN 10001 AND 10400;
	SELECT pg_sleep(3); COMMIT} ], '>', \$out, '2>', \$err);
select undef, undef, undef, 0.5;
sql(q{INSERT INTO clicks SELECT i, '2026-01-01', 'while ' || i, i FROM generate_series(40001, 42500) i});
wait_until($node, q{SELECT other_since IS NOT NULL FROM weir.monitors WHERE monitor = 'narrow'}, 'the limit falls beside an open transaction');
$open->finish;
put_together('narrow', 2000, 'too many while a large transaction is open');
put_together('pages', 50, 'again');

# --- while it is built, from rows that are there and rows that come
sql(q{ALTER SYSTEM SET weir.build_rate = 4000; SELECT pg_reload_conf()});
sql(q{SELECT weir.create_monitor('built', 'clicks', 'at', window_size => '1 hour', segment_by => '{page}', options => '{"max_groups": 20}')});
for my $round (1 .. 10)
{
	sql(qq{INSERT INTO clicks SELECT 50000 + $round * 100 + i, '2026-01-01'::timestamptz + i % 5 * interval '1 hour', 'built ' || $round * 10 + i % 40, i FROM generate_series(1, 99) i;
		UPDATE clicks SET page = 'page ' || (id + $round) % 60 WHERE id % 23 = $round; DELETE FROM clicks WHERE id % 101 = $round});
	select undef, undef, undef, 0.1;
}
put_together('built', 20, 'too many while it is built');
sql(q{ALTER SYSTEM RESET weir.build_rate; SELECT pg_reload_conf()});

# --- capture is killed around the flush in which the limit falls
my $round = 0;
for my $fault ('limit_lowered:kill', 'flush_written:exit', 'flush_committed')
{
	$round++;
	sql(qq{SELECT weir.create_monitor('crash$round', 'clicks', 'at', window_size => '1 hour', segment_by => '{page}', backfill => false, options => '{"max_groups": 30}');
		SELECT weir.wait_for()});
	set_fault($node, $fault);
	sql(qq{INSERT INTO clicks SELECT 60000 + $round * 1000 + i, '2026-02-01'::timestamptz + i % 2 * interval '1 hour', 'crash $round ' || i, i FROM generate_series(1, 900) i});
	wait_for_fault($node, $fault, 1);
	set_fault($node, '');
	wait_until($node, q{SELECT state = 'streaming' FROM weir.capture_status}, 'capture is back');
	put_together('built', 20, "after $fault");
	is(sql(qq{SELECT sum(n), count(DISTINCT segment) BETWEEN 4 AND 61, (SELECT kept_share < 0.1 FROM weir.monitors WHERE monitor = 'crash$round') FROM weir.windows
		WHERE monitor = 'crash$round' AND segment IS NOT NULL}), '900|t|t', "after $fault: each row of a new monitor counts once");
}

# --- built again, under the limit and with more room
sql(q{SELECT weir.rebuild('pages')});
put_together('pages', 50, 'built again');
sql(q{SELECT weir.alter_monitor('pages', options => '{"max_groups": 5000}')});
all_equal($node, 'pages', 'with more room');
is(sql(q{SELECT other_since IS NULL, kept_share, (SELECT count(*) FROM weir.windows WHERE monitor = 'pages' AND segment = '(other)') FROM weir.monitors WHERE monitor = 'pages'}), 't|1|0',
	'every segment is apart again');
sql(q{UPDATE clicks SET page = 'page ' || id % 30 WHERE id % 2 = 0});
all_equal($node, $_, "$_ at the end") for qw(clicks pages narrow built);
is(log_count(qr/WARNING:  weir puts segments of monitor "narrow" together as \(other\)/), 1, 'the log says it once');

$node->stop;
done_testing();
