# Capture on a subscriber: rows from the initial copy of a table and from the apply worker, through crashes of everybody; and on the publisher.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $publisher = start_weir('publisher');
my $subscriber = start_weir('subscriber');
my $table = q{
CREATE TABLE loans(id bigint PRIMARY KEY, decided_at timestamptz NOT NULL, income float8, purpose text, sex text, approved boolean, repaid int);
ALTER TABLE loans REPLICA IDENTITY FULL};

sub insert_loans
{
	my ($node, $from, $to) = @_;
	$node->safe_psql('postgres', qq{INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '10 s', 1000 + i % 777,
	  (ARRAY['car','home','study'])[1 + i % 3], (ARRAY['F','M',NULL])[1 + i % 3], i % 2 = 0, CASE WHEN i % 4 < 3 THEN i % 2 END
	  FROM generate_series($from, $to) i});
	return;
}

$publisher->safe_psql('postgres', $table);
$subscriber->safe_psql('postgres', $table);
insert_loans($publisher, 1, 20000);

# The monitor is there before the subscription: the initial copy comes through the stream.
$subscriber->safe_psql('postgres', q{SELECT weir.create_monitor('loans', 'loans', 'decided_at', window_size => '1 hour', prediction => 'approved',
  label => 'repaid', protected => '{sex}')});
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for()});
subscribe($publisher, $subscriber, 'loans');
all_equal($subscriber, 'loans', 'rows of the initial copy');
is($subscriber->safe_psql('postgres', q{SELECT sum(n) FROM weir.pane WHERE generation = 0}), 20000, 'all of them');

insert_loans($publisher, 20001, 40000);
$publisher->safe_psql('postgres', q{UPDATE loans SET repaid = 1 WHERE repaid IS NULL AND id < 1000; DELETE FROM loans WHERE id % 100 = 0});
$publisher->wait_for_catchup('weir_test');
all_equal($subscriber, 'loans', 'rows from the apply worker, with late labels and deletes');

# Labels that have not arrived are no drift of the labels.
$subscriber->safe_psql('postgres', q{SELECT weir.set_baseline('loans', since => '2026-01-01', until => '2026-01-02')});
$publisher->safe_psql('postgres', q{INSERT INTO loans SELECT 50000 + i, '2026-01-20', 1000 + i % 777, 'car', 'F', i % 2 = 0,
	CASE WHEN i <= 300 THEN (i % 3 = 0)::int END FROM generate_series(1, 1500) i});
$publisher->wait_for_catchup('weir_test');
$subscriber->safe_psql('postgres', q{SELECT weir.wait_for()});
is($subscriber->safe_psql('postgres', q{SELECT status, verdict, n FROM weir.drift_scores('loans', since => '2026-01-20') WHERE column_name = 'repaid' AND metric = 'psi'}), 'ok|ok|300',
	'labels that have not arrived are no drift');
is($subscriber->safe_psql('postgres', q{SELECT n, n_labelled FROM weir.windows('loans', since => '2026-01-20')}), '1500|300', 'but their window counts them');

# A second monitor while rows stream in: no gap, no double, and nobody waits.
my $stream = IPC::Run::start([ 'psql', '-X', '-q', '-d', $publisher->connstr('postgres'), '-c', q{
DO $$ BEGIN FOR i IN 1..100 LOOP
  INSERT INTO loans SELECT 100000 + i * 100 + j, '2026-01-03'::timestamptz + (i * 100 + j) * interval '1 s', j, 'car', 'F', true, 1 FROM generate_series(0, 99) j;
  COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$} ], '>', \my $out, '2>', \my $err);
$subscriber->safe_psql('postgres', q{SELECT weir.create_monitor('second', 'loans', 'decided_at', segment_by => '{purpose}', window_size => '1 day')});
my ($worker) = split /\n/, capture_pid($subscriber);
sleep 1;
kill 'KILL', $worker;
$stream->finish;
is($err, '', 'the stream was not disturbed');
$subscriber->poll_query_until('postgres', 'SELECT true');
$publisher->wait_for_catchup('weir_test');
all_equal($subscriber, 'loans', 'the first monitor after kill -9 of the worker');
all_equal($subscriber, 'second', 'the second monitor, built meanwhile');

$stream = IPC::Run::start([ 'psql', '-X', '-q', '-d', $publisher->connstr('postgres'), '-c', q{
DO $$ BEGIN FOR i IN 1..100 LOOP
  INSERT INTO loans SELECT 200000 + i * 100 + j, '2026-01-04'::timestamptz + (i * 100 + j) * interval '1 s', j, 'home', 'M', false, 0 FROM generate_series(0, 99) j;
  COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$} ], '>', \$out, '2>', \$err);
sleep 1;
$subscriber->stop('immediate');
sleep 1;
$subscriber->start;
$stream->finish;
$publisher->wait_for_catchup('weir_test');
all_equal($subscriber, 'loans', 'after a crash of the subscriber');
all_equal($subscriber, 'second', 'both of them');

# The publisher can watch its own table as well.
$publisher->safe_psql('postgres', q{SELECT weir.create_monitor('loans', 'loans', 'decided_at', window_size => '1 hour', prediction => 'approved',
  label => 'repaid', protected => '{sex}')});
all_equal($publisher, 'loans', 'a monitor on the publisher');
my $summaries = q{SELECT md5(string_agg(pane_start || n::text || summaries::text, ';' ORDER BY pane_start)) FROM weir.pane p JOIN weir.monitor m USING (monitor_id)
  WHERE m.name = 'loans' AND generation = 0 AND pane_start >= '2026-01-03'};
is($publisher->safe_psql('postgres', $summaries), $subscriber->safe_psql('postgres', $summaries),
	'the node that saw a row does not show: same rows, same bytes');

# A publisher's primary key is enough, and a list of columns: what rows were before is known here.
$publisher->safe_psql('postgres', q{CREATE TABLE keyed(id bigint PRIMARY KEY, at timestamptz NOT NULL, amount float8, remarks text);
	INSERT INTO keyed SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i, 'stays there' FROM generate_series(1, 1000) i;
	CREATE PUBLICATION keyed FOR TABLE keyed (id, at, amount)});
$subscriber->safe_psql('postgres', q{CREATE TABLE keyed(id bigint PRIMARY KEY, at timestamptz NOT NULL, amount float8); ALTER TABLE keyed REPLICA IDENTITY FULL;
	SELECT weir.create_monitor('keyed', 'keyed', 'at', window_size => '1 hour')});
$subscriber->safe_psql('postgres', sprintf(q{CREATE SUBSCRIPTION keyed CONNECTION '%s dbname=postgres' PUBLICATION keyed}, $publisher->connstr));
$subscriber->wait_for_subscription_sync($publisher, 'keyed');
$publisher->safe_psql('postgres', q{UPDATE keyed SET amount = -amount WHERE id % 7 = 0; DELETE FROM keyed WHERE id % 10 = 0; UPDATE keyed SET remarks = 'changes';
	UPDATE keyed SET id = id + 100000 WHERE id % 11 = 0});
$publisher->wait_for_catchup('keyed');
all_equal($subscriber, 'keyed', 'updates and deletes of a publisher that sends the key alone');
is($subscriber->safe_psql('postgres', q{SELECT (SELECT sum(n) FROM weir.windows('keyed')),
	(SELECT sum(amount) FROM keyed) = (SELECT sum(weir.value_sum(summary)) FROM weir.window_stats('keyed') WHERE column_name = 'amount')}),
	'900|t', 'are taken back');

# wait_for and a transaction that has written.
my ($code, $stdout, $stderr) = $subscriber->psql('postgres', q{BEGIN; CREATE TEMP TABLE t(x int); SELECT weir.wait_for(); COMMIT});
like($stderr, qr/cannot run in a transaction that has written/, 'wait_for refuses to wait for itself');
($code, $stdout, $stderr) = $subscriber->psql('postgres', q{SELECT weir.wait_for('FFFF/0', '200 ms')});
like($stderr, qr/has not reached FFFF\/0 in time/, 'wait_for gives up in time');

# What every user may ask.
$subscriber->safe_psql('postgres', q{CREATE ROLE nosy LOGIN});
($code, $stdout, $stderr) = $subscriber->psql('postgres', q{SET ROLE nosy; SELECT * FROM weir.verify('loans')});
like($stderr, qr/must be owner of monitor "loans"/, 'verify is for the owner');
($code, $stdout, $stderr) = $subscriber->psql('postgres', q{SET ROLE nosy; SELECT * FROM weir.pane});
like($stderr, qr/permission denied/, 'panes are not readable');
is($subscriber->safe_psql('postgres', q{SET ROLE nosy; SELECT count(*) FROM weir.windows}), '0', 'nobody sees windows of a table they may not read');
like($subscriber->safe_psql('postgres', q{SET ROLE nosy; SELECT state FROM weir.capture_status}), qr/^(streaming|catching up)$/, 'the state of capture is for all');
($code, $stdout, $stderr) = $subscriber->psql('postgres', q{SELECT * FROM pg_create_logical_replication_slot('thief', 'weir')});
like($stderr, qr/serves weir's own worker only/, 'the output plugin serves nobody else');

$subscriber->stop;
$publisher->stop;
done_testing();
