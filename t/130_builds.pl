# Builds in slices: with writers at work, killed at any time, truncated, throttled, in parallel; and how they choose to read.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('builds', 'weir.build_slice_rows' => 3000);

sub setting
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $name = $value; SELECT pg_reload_conf()");
}

# In the background, until the handle is finished.
sub run_sql
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	return IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', $sql ], '>', \$out, '2>', \$err);
}

sub slices_done
{
	my ($monitor) = @_;
	return $node->safe_psql('postgres', "SELECT slices_done FROM weir.progress WHERE monitor = '$monitor' ORDER BY build_id DESC LIMIT 1");
}

$node->safe_psql('postgres', q{
CREATE TABLE orders(id bigserial PRIMARY KEY, at timestamptz NOT NULL, amount float8, region text, note text);
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE INDEX ON orders(at);
INSERT INTO orders(at, amount, region) SELECT '2026-01-01'::timestamptz + i * interval '2 min', i % 1000 / 7.0, (ARRAY['north','south',NULL])[1 + i % 3]
FROM generate_series(1, 40000) i;
});

# --- writers of every kind while the slices are read, one after the other, slowly
my $writer = q{
DO $$ DECLARE r float8; BEGIN FOR i IN 1..120 LOOP
  INSERT INTO orders(at, amount, region) SELECT '2026-01-01'::timestamptz + random() * interval '56 days', random() * 100, 'north' FROM generate_series(1, 20);
  UPDATE orders SET at = '2026-01-01'::timestamptz + random() * interval '56 days' WHERE id IN (SELECT (random() * 40000)::int FROM generate_series(1, 15));
  UPDATE orders SET amount = amount + 1, region = 'east' WHERE id IN (SELECT (random() * 40000)::int FROM generate_series(1, 15));
  DELETE FROM orders WHERE id IN (SELECT (random() * 40000)::int FROM generate_series(1, 10));
  BEGIN INSERT INTO orders(at, amount) SELECT '2026-01-20', i FROM generate_series(1, 5); r := 1 / (i % 2); EXCEPTION WHEN division_by_zero THEN NULL; END;
  COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$};
my $straddling = q{BEGIN; UPDATE orders SET at = at + interval '20 days' WHERE id % 400 = 7; DELETE FROM orders WHERE id % 400 = 8;
  INSERT INTO orders(at, amount) SELECT '2026-01-01'::timestamptz + i * interval '1 day', i FROM generate_series(1, 50) i; SELECT pg_sleep(2.5); COMMIT};
setting('weir.build_rate', 15000);
my @writers = (run_sql($writer), run_sql($straddling));
$node->safe_psql('postgres', q{SELECT weir.create_monitor('orders', 'orders', 'at', columns => '{amount}', segment_by => '{region}', window_size => '6 hours')});
push @writers, run_sql($writer);
wait_until($node, q{SELECT slices_done BETWEEN 1 AND slices - 1 AND share_done BETWEEN 0 AND 1 AND time_left > '0 s' AND read_since > '2026-01-02'
  FROM weir.progress WHERE monitor = 'orders' AND phase = 'reading'}, 'progress is shown while slices are read, the newest first');
ok($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM weir.windows WHERE monitor = 'orders' AND window_start > '2026-02-20'}) eq 't',
	'windows of what is built are there before the rest');
$_->finish for @writers;
all_equal($node, 'orders', 'built while rows came, went, and moved between slices');
is($node->safe_psql('postgres', q{SELECT method, slices IS NOT NULL, rows_done > 39000, phase, share_done > 0.5 FROM weir.progress WHERE monitor = 'orders' AND kind = 'build'}),
	'slices of time|t|t|done|t', 'and how it was read is kept');

# --- no snapshot is old for long: the builder's xmin moves on while a rebuild is under way
setting('weir.build_rate', 4000);
$node->safe_psql('postgres', q{SELECT weir.rebuild('orders')});
my %xmin;
for (1 .. 30)
{
	my $xmin = $node->safe_psql('postgres', q{SELECT backend_xmin FROM pg_stat_activity WHERE backend_type = 'weir builder' AND backend_xmin IS NOT NULL});
	$xmin{$xmin} = 1 if $xmin ne '';
	last if keys(%xmin) >= 3;
	$node->safe_psql('postgres', 'SELECT pg_current_xact_id()');
	select(undef, undef, undef, 0.1);
}
cmp_ok(scalar(keys %xmin), '>=', 3, 'each slice has a snapshot of its own');

# --- kill -9: of the builder, of capture, of the server; what was reached is kept
@writers = (run_sql($writer));
my $before = slices_done('orders');
my $builder = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'weir builder'});
ok($builder, 'the builder is at work');
kill 'KILL', $builder;
$_->finish for @writers;
$node->poll_query_until('postgres', 'SELECT true');
wait_until($node, qq{SELECT slices_done > $before AND slices_done < slices FROM weir.progress WHERE monitor = 'orders' AND phase = 'reading'},
	'after kill -9 of the builder it goes on at the slice reached');
$before = slices_done('orders');
$node->stop('immediate');
$node->start;
cmp_ok(slices_done('orders'), '>=', $before, 'after a crash of the server the slices that were done are done');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT build_id) FROM weir.build WHERE state = 'reading'}), 1, 'in the same build');
@writers = (run_sql($writer));
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'weir capture'});
setting('weir.build_rate', 0);
setting('weir.build_workers', 3);
$_->finish for @writers;
all_equal($node, 'orders', 'rebuilt through all that');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE generation <> 0}), 0, 'nothing is left of what was given up');

# --- several builders, several monitors
@writers = (run_sql($writer));
$node->safe_psql('postgres', q{SELECT weir.create_monitor('second', 'orders', 'at', filter => $$amount > 50$$, columns => '{amount,region}', window_size => '1 day');
SELECT weir.rebuild('orders', since => '2026-01-10', until => '2026-02-10')});
$_->finish for @writers;
all_equal($node, 'orders', 'a rebuild of a part by several builders');
all_equal($node, 'second', 'and a new monitor at the same time');

# --- truncated in the middle
setting('weir.build_rate', 10000);
$node->safe_psql('postgres', q{SELECT weir.create_monitor('third', 'orders', 'at', columns => '{amount}', window_size => '1 day')});
wait_until($node, q{SELECT slices_done >= 1 FROM weir.progress WHERE monitor = 'third'}, 'a third is being built');
$node->safe_psql('postgres', q{TRUNCATE orders; INSERT INTO orders(at, amount, region) SELECT '2026-01-01'::timestamptz + i * interval '5 min', i, 'north' FROM generate_series(1, 9000) i});
setting('weir.build_rate', 0);
all_equal($node, $_, "TRUNCATE in the middle of a build: $_") for qw(orders second third);

# --- memory for panes runs out
setting('weir.capture_memory', q('1MB'));
$node->safe_psql('postgres', q{SELECT weir.rebuild('orders'), weir.rebuild('second')});
all_equal($node, $_, "with little memory: $_") for qw(orders second);
setting('weir.capture_memory', q('256MB'));

# --- how it is read: by what finds the rows of a slice, and how the heap lies
my @tables = (
	[ 'brin', 'CREATE INDEX ON brin USING brin(at)', 'i', 'slices of time' ],
	[ 'bare', '', 'i', 'one pass: neither an index nor the order of rows finds a slice of time' ],
	[ 'shuffled', 'CREATE INDEX ON shuffled(at)', 'i * 7919 % 30000', 'slices of time' ],
	[ 'shuffled_cold', 'CREATE INDEX ON shuffled_cold(at)', 'i * 7919 % 30000', 'one pass: neither an index nor the order of rows finds a slice of time' ],
	[ 'monthly_cold', 'CREATE INDEX ON monthly_cold(at)', 'i / 5000 * 5000 + i * 7919 % 5000', 'fewer slices of time: rows are not in its order' ]);
for (@tables)
{
	my ($name, $index, $minute, $method) = @$_;
	# A table that does not fit into memory is not read more often than it must be.
	setting('effective_cache_size', $name =~ /cold/ ? q('1MB') : q('4GB'));
	$node->safe_psql('postgres', qq{CREATE TABLE $name(at timestamp NOT NULL, x float8, pad text);
INSERT INTO $name SELECT timestamp '2026-01-01' + ($minute) * interval '3 min', i, repeat('x', 60) FROM generate_series(0, 29999) i; $index;
SELECT weir.create_monitor('$name', '$name', 'at', columns => '{x}', window_size => '1 day')});
	all_equal($node, $name, "$name: built");
	is($node->safe_psql('postgres', "SELECT method FROM weir.progress WHERE monitor = '$name' AND kind = 'build'"), $method, "$name: $method");
}
$node->safe_psql('postgres', q{
CREATE TABLE parted(at date NOT NULL, x float8) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
INSERT INTO parted SELECT date '2026-01-01' + i % 90, i FROM generate_series(1, 30000) i;
SELECT weir.create_monitor('parted', 'parted', 'at', columns => '{x}', window_size => '1 day')});
all_equal($node, 'parted', 'partitions by time, without an index: built');
is($node->safe_psql('postgres', q{SELECT method ~ 'slices of time' FROM weir.progress WHERE monitor = 'parted' AND kind = 'build'}), 't', 'in slices of partitions');
$node->safe_psql('postgres', q{CREATE TABLE nothing(at timestamptz NOT NULL, x float8); SELECT weir.create_monitor('nothing', 'nothing', 'at')});
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
is($node->safe_psql('postgres', q{SELECT panes, different FROM weir.verify('nothing')}), '0|0', 'an empty table');

# --- a builder that is cancelled disables no monitor: what it was reading is read again
setting('weir.build_workers', 1);
setting('weir.build_rate', 1000);
$node->safe_psql('postgres', q{SELECT weir.rebuild('brin')});
wait_until($node, q{SELECT pg_cancel_backend(a.pid) FROM pg_stat_activity a, weir._builders() b WHERE a.backend_type = 'weir builder' AND b.rows_read > 0}, 'a builder is cancelled');
setting('weir.build_rate', 0);
all_equal($node, 'brin', 'and the rebuild ends all the same');

# --- nobody waits for a verification whose caller has gone
setting('weir.build_rate', 2000);
my ($code, $stdout, $stderr) = $node->psql('postgres', q{SET statement_timeout = '500ms'; SELECT weir.verify('brin')});
like($stderr, qr/statement timeout/, 'verify is cancelled');
wait_until($node, q{SELECT state IN ('done', 'failed') FROM weir.build WHERE kind = 'verify' ORDER BY build_id DESC LIMIT 1}, 'and its build is over');
is($node->safe_psql('postgres', q{SELECT state, error FROM weir.build WHERE kind = 'verify' ORDER BY build_id DESC LIMIT 1}), 'failed|nobody waits for it any more', 'with its caller');
setting('weir.build_rate', 0);

# --- who asks for much has others wait for a part of it only
($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT weir.rebuild('brin', since => '2026-01-01', until => '2026-01-02') FROM generate_series(1, 101)});
like($stderr, qr/has 100 builds that are not over/, 'more than a hundred builds are refused');
$node->safe_psql('postgres', q{BEGIN; SELECT weir.rebuild('brin', since => '2026-01-01', until => '2026-01-02') FROM generate_series(1, 60); SELECT weir.rebuild('orders'); COMMIT});
all_equal($node, $_, "many builds: $_") for qw(brin orders);
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.build b, weir.build o WHERE b.monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'brin')
	AND o.monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'orders') AND b.kind = 'rebuild' AND o.kind = 'rebuild'
	AND o.build_id = (SELECT max(build_id) FROM weir.build WHERE monitor_id = o.monitor_id AND kind = 'rebuild') AND b.build_id < o.build_id AND b.finished_at > o.finished_at}),
	19, 'another monitor does not wait for all of one');

# --- a rate is kept to
setting('weir.build_rate', 4000);
$node->safe_psql('postgres', q{SELECT weir.rebuild('brin', since => '2026-01-01', until => '2026-01-21')});
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
is($node->safe_psql('postgres', q{SELECT rows_done, finished_at - started_at > '2.2 s' FROM weir.progress WHERE monitor = 'brin' AND kind = 'rebuild' ORDER BY build_id DESC LIMIT 1}), '9600|t',
	'weir.build_rate holds the builder back');

# --- a source that cannot be read: said, and the others go on
$node->safe_psql('postgres', q{SELECT weir.drop_monitor(monitor) FROM weir.monitors WHERE monitor NOT IN ('orders', 'brin')});
setting('weir.build_rate', 0);
all_equal($node, 'orders', 'at the end');

# --- while a builder reads, panes are written no more often than without it; only its cut and the end of its slice need that
$node->safe_psql('postgres', q{CREATE TABLE steady(at timestamptz NOT NULL, x float8); INSERT INTO steady SELECT '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 1000) i;
SELECT weir.create_monitor('steady', 'steady', 'at', columns => '{x}', window_size => '1 hour')});
all_equal($node, 'steady', 'a monitor to be rebuilt');
set_fault($node, 'slice_read:wait:1');
$node->safe_psql('postgres', q{SELECT weir.rebuild('steady')});
wait_for_fault($node, 'slice_read:wait:1', 1);
setting('weir.flush_interval', q('60s'));
wait_until($node, q{SELECT flush_interval >= '60 s' FROM weir.capture_status}, 'without it they would be written once a minute');
$node->safe_psql('postgres', q{INSERT INTO steady SELECT '2026-01-01', i FROM generate_series(1, 100) i});
my $look = q{SELECT state_change FROM pg_stat_activity WHERE backend_type = 'weir capture'};
my %flushes;
my $began = time;
for (1 .. 12)
{
	my $last = $node->safe_psql('postgres', $look);
	$node->safe_psql('postgres', q{INSERT INTO steady VALUES ('2026-01-01', 0)});
	$node->poll_query_until('postgres', "SELECT state_change > '$last' FROM ($look) s") or die 'capture does not look around any more';
	$flushes{$node->safe_psql('postgres', q{SELECT updated_at FROM weir.capture_progress})} = 1;
}
cmp_ok(scalar(keys %flushes), '<=', 3 + int((time - $began) / 60), 'of a dozen looks at what comes meanwhile, hardly any flushes');
set_fault($node, '');
wait_until($node, q{SELECT state = 'done' FROM weir.build WHERE kind = 'rebuild' ORDER BY build_id DESC LIMIT 1}, 'once it has read, its end does not wait for the next flush');
setting('weir.flush_interval', q('200ms'));
all_equal($node, 'steady', 'and it is right');

# --- a slice with very many panes ends in steps, between which capture reads on; also when it dies in one of them
$node->safe_psql('postgres', q{
CREATE TABLE ticks(id int, at timestamptz NOT NULL, x float8); ALTER TABLE ticks REPLICA IDENTITY FULL;
INSERT INTO ticks SELECT i, '2026-01-01'::timestamptz + i * interval '10 s', i FROM generate_series(1, 4500) i});
setting('weir.build_slice_rows', 100000);
set_fault($node, 'slice_step:wait:1:4');
$node->safe_psql('postgres', q{SELECT weir.create_monitor('ticks', 'ticks', 'at', columns => '{x}', window_size => '1 minute', options => '{"pane_size": "10 s"}')});
wait_for_fault($node, 'slice_step:wait:1:4', 1);
my $live = q{SELECT count(*) FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'ticks' AND generation = 0};
is($node->safe_psql('postgres', $live), 3000, 'a thousand panes at a time');
is(slices_done('ticks'), 0, 'of one slice');
$node->safe_psql('postgres', q{UPDATE ticks SET x = x + 0.5 WHERE id % 100 = 0; DELETE FROM ticks WHERE id % 100 = 1; INSERT INTO ticks SELECT i, '2026-01-01'::timestamptz + i * interval '40 s', -1
FROM generate_series(1, 1200) i});
set_fault($node, '');
all_equal($node, 'ticks', 'what changes meanwhile is in both');
is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE generation <> 0}), 0, 'and nothing is left over');
# Panes of another size take the place of those that there are in steps, too: each ends where no pane of either size goes on.
my $rows = q{SELECT sum(n) FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'ticks' AND generation = 0};
for ([ '25 s', 3 ], [ '1 minute', 2 ])
{
	my ($size, $step) = @$_;
	set_fault($node, "slice_step:wait:1:$step");
	$node->safe_psql('postgres', qq{SELECT weir.alter_monitor('ticks', options => '{"pane_size": "$size"}', window_size => '5 minutes')});
	wait_for_fault($node, "slice_step:wait:1:$step", 1);
	is($node->safe_psql('postgres', q{SELECT bool_or(pane_end IS NULL) AND bool_or(pane_end IS NOT NULL) FROM weir.pane JOIN weir.monitor USING (monitor_id) WHERE name = 'ticks'
		AND generation = 0}), 't', "$size: some panes are of the new size, some of the one before");
	is($node->safe_psql('postgres', $rows), $node->safe_psql('postgres', q{SELECT count(*) FROM ticks}), 'and each row is in one of them');
	$node->safe_psql('postgres', q{UPDATE ticks SET x = x + 0.5 WHERE id % 100 = 0; DELETE FROM ticks WHERE id % 100 = 2; INSERT INTO ticks
		SELECT i, '2026-01-01'::timestamptz + i * interval '40 s', -1
		FROM generate_series(1, 1200) i});
	set_fault($node, '');
	all_equal($node, 'ticks', "panes of $size");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM weir.pane WHERE pane_end IS NOT NULL}), 0, 'all of them');
}
$node->safe_psql('postgres', q{SELECT weir.alter_monitor('ticks', options => '{"pane_size": "10 s"}', window_size => '1 minute')});
all_equal($node, 'ticks', 'as it was');
for my $fault ('slice_step:kill:1:2', 'flush_committed:kill:1:6')
{
	set_fault($node, $fault);
	$node->safe_psql('postgres', q{SELECT weir.rebuild('ticks'); INSERT INTO ticks SELECT i, '2026-01-01'::timestamptz + i * interval '10 s', -1 FROM generate_series(1, 4600, 7) i});
	wait_for_fault($node, $fault, 1);
	set_fault($node, '');
	all_equal($node, 'ticks', "$fault: goes on with what is left");
}

# --- a monitor that somebody has locked puts off no build of another, with one builder for both
setting('weir.build_workers', 1);
my $holder = $node->background_psql('postgres');
$holder->query_safe(q{BEGIN; SELECT FROM weir.monitor_state JOIN weir.monitor USING (monitor_id) WHERE name = 'ticks' FOR UPDATE OF monitor_state});
my $behind = $node->safe_psql('postgres', q{SELECT weir.rebuild('ticks')});
wait_until($node, "SELECT state = 'reading' FROM weir.build WHERE build_id = $behind", 'a build of a monitor that is locked is planned');
$node->safe_psql('postgres', q{INSERT INTO orders(at, amount, region) VALUES ('2026-01-02', 1, 'north')});
is($node->safe_psql('postgres', q{SELECT panes > 0, equal = panes, different, marked FROM weir.verify('orders')}), 't|t|0|0', 'another is verified meanwhile');
is(slices_done('ticks'), 0, 'and that one waits');
$holder->query_safe('COMMIT');
$holder->quit;
wait_until($node, "SELECT state = 'done' FROM weir.build WHERE build_id = $behind", 'until nobody has it locked');

$node->stop;
done_testing();
