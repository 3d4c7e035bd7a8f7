# The random side of the torture test: tables, changes, blows. Everything random comes from rand(), so that a seed repeats it.
package WeirTorture;

use strict;
use warnings;
use Exporter 'import';
use File::Path qw(make_path);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use WeirTest;

our @EXPORT = qw(torture_events torture_parts torture_monitors first_rows change change_of_events start_writer stop_writer writer_count blow strike settle caught_up verify_now
  all_monitors_equal);

sub pick { return $_[ rand @_ ] }

# ---- tables and monitors ----

my $columns = 'id bigint, at timestamptz, amount float8, item text, region text, sex text, won boolean, paid int, note text, spare int';

sub torture_events
{
	return qq{
CREATE TABLE events($columns, PRIMARY KEY (id));
ALTER TABLE events REPLICA IDENTITY FULL;
};
}

# parts_4 comes and goes.
sub torture_parts
{
	return qq{
CREATE TABLE parts($columns) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-01-02');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2026-01-02') TO ('2026-01-04');
CREATE TABLE parts_3 PARTITION OF parts DEFAULT;
CREATE TABLE parts_4 (LIKE parts);
INSERT INTO parts_4 SELECT i, '2025-06-01'::timestamptz + i * interval '1 min', i, 'four' FROM generate_series(1, 3000) i;
ALTER TABLE parts_4 ADD CHECK (at >= '2025-06-01' AND at < '2025-06-04' AND at IS NOT NULL);
ALTER TABLE parts_1 REPLICA IDENTITY FULL;
ALTER TABLE parts_2 REPLICA IDENTITY FULL;
ALTER TABLE parts_3 REPLICA IDENTITY FULL;
ALTER TABLE parts_4 REPLICA IDENTITY FULL;
ALTER TABLE parts ADD CHECK (true);
};
}

sub torture_monitors
{
	return q{
SELECT weir.create_monitor('events', 'events', 'at', columns => '{amount,item,won}', window_size => '6 hours');
SELECT weir.create_monitor('by_region', 'events', 'at', columns => '{amount,item,paid}', window_size => '1 hour', segment_by => '{region}',
       prediction => 'won', label => 'paid', protected => '{sex}');
SELECT weir.create_monitor('filtered', 'events', 'at', columns => '{amount,note}', window_size => '1 day', filter => $$amount > 10 AND item IS NOT NULL$$);
SELECT weir.create_monitor('parts', 'parts', 'at', columns => '{amount,item}', window_size => '3 hours', segment_by => '{region}', options => '{"max_groups": 3}');
SELECT weir.create_monitor('kept', 'events', 'at', columns => '{amount,spare}', window_size => '1 day', on_delete => 'ignore');
SELECT weir.create_monitor('kept parts', 'parts', 'at', columns => '{amount}', window_size => '6 hours', on_delete => 'ignore');
};
}

# ---- changes ----

my $next = 1000; # ids below are those of first_rows

# A value of each column as SQL over the row's number i; now and then one of the awkward ones.
sub row
{
	my $at = pick(("'2026-01-01'::timestamptz + random() * interval '5 days'") x 8, "'2025-12-01'::timestamptz + random() * interval '40 days'", 'NULL', "'infinity'");
	my $amount = pick(('random() * 100') x 6, 'floor(random() * 5)', "'NaN'", "'-Infinity'", 'NULL', '1e300 * (random() - .5)', '-0.0');
	my $note = pick(('NULL') x 3, "repeat(md5(i::text), 300)");

	return "$at, $amount, 'item ' || (random() * 8)::int, (ARRAY['north','south','east',NULL])[1 + (random() * 3)::int], (ARRAY['F','M',NULL])[1 + (random() * 2)::int], "
	  . "random() < .4, (ARRAY[0,1,NULL])[1 + (random() * 2)::int], $note, 0";
}

# Ids of this writer, unlike those of all others.
sub insert_into
{
	my ($table, $writer, $n) = @_;
	my $first = $next * 10 + $writer;

	$next += $n + 1;
	return "INSERT INTO $table SELECT $first + 10 * i, " . row() . " FROM generate_series(1, $n) i;\n";
}

# Rows in every table before the storm.
sub first_rows
{
	my ($table, $writer) = @_;

	return "INSERT INTO $table SELECT $writer + 10 * i, '2026-01-01'::timestamptz + i * interval '7 min', 20 + i, 'item', 'north', 'F', true, 1, NULL, 0 FROM generate_series(1, 500) i;\n"
	  . insert_into($table, $writer, 100);
}

sub alter_some
{
	my ($table, $writer) = @_;
	my $some = sprintf 'id %% 10 = %d AND random() < %.3f', $writer, rand() < .2 ? .2 : .02;

	return pick(
		"UPDATE $table SET amount = amount + 1 WHERE $some;\n",
		"UPDATE $table SET item = 'changed', paid = 1 - paid WHERE $some;\n",
		"UPDATE $table SET at = at + interval '7 hours' WHERE $some;\n",
		"UPDATE $table SET region = 'moved' WHERE $some;\n",
		"UPDATE $table SET sex = 'X', won = NOT won WHERE $some;\n",
		"UPDATE $table SET spare = spare + 1 WHERE $some;\n",
		"UPDATE $table SET note = repeat('n', 5000) WHERE $some;\n",
		"MERGE INTO $table t USING (SELECT id, random() AS chance FROM $table WHERE $some) s ON t.id = s.id "
		  . "WHEN MATCHED AND chance < .3 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = -amount, at = at + interval '1 hour';\n",
		"DELETE FROM $table WHERE $some;\n",
		"DELETE FROM $table WHERE $some;\n");
}

sub one
{
	my ($table, $writer) = @_;

	return rand() < .5 ? insert_into($table, $writer, 1 + int rand 60) : alter_some($table, $writer);
}

# A transaction over the table.
sub transaction
{
	my ($table, $writer) = @_;
	my $dice = rand;

	return one($table, $writer) if $dice < .35;
	return "BEGIN;\n" . one($table, $writer) . one($table, $writer) . pick('COMMIT', 'COMMIT', 'ROLLBACK') . ";\n" if $dice < .55;
	return "BEGIN;\n" . one($table, $writer) . "SAVEPOINT a;\n" . one($table, $writer) . "SAVEPOINT b;\n" . one($table, $writer)
	  . pick('ROLLBACK TO a', 'ROLLBACK TO b', 'RELEASE a', 'RELEASE b') . ";\n" . one($table, $writer) . "COMMIT;\n"
	  if $dice < .75;
	return "BEGIN;\n" . insert_into($table, $writer, 2000 + int rand 3000) . "SAVEPOINT a;\n" . alter_some($table, $writer) . insert_into($table, $writer, 1500)
	  . pick('ROLLBACK TO a', 'RELEASE a', 'SAVEPOINT b') . ";\n" . one($table, $writer) . pick('COMMIT', 'COMMIT', 'ROLLBACK') . ";\n"
	  if $dice < .80;
	return "DO \$\$ BEGIN FOR n IN 1..40 LOOP BEGIN\n" . one($table, $writer)
	  . "IF n % 3 = 0 THEN RAISE division_by_zero; END IF; EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END \$\$;\n"
	  if $dice < .85;
	if ($dice < .95)
	{
		my $name = "writer $writer";
		my $end = pick('COMMIT', 'COMMIT', 'ROLLBACK');

		return "BEGIN;\n" . one($table, $writer) . one($table, $writer) . "PREPARE TRANSACTION '$name';\nSELECT pg_sleep(random() * .2);\n$end PREPARED '$name';\n";
	}
	return "BEGIN;\n" . alter_some($table, $writer) . "TRUNCATE $table;\n" . one($table, $writer) . pick('COMMIT', 'ROLLBACK') . ";\n" if $dice < .955;
	return insert_into($table, $writer, 300);
}

sub change_of_events { my ($writer) = @_; return transaction('events', $writer) }

# DDL and definitions, which only the writers of the subscriber do.
sub definition
{
	my ($writer) = @_;

	return pick(
		"ALTER TABLE events ADD extra$writer int DEFAULT 7; ALTER TABLE events DROP extra$writer;\n",
		"ALTER TABLE events ALTER spare TYPE bigint; ALTER TABLE events ALTER spare TYPE int;\n",
		"ALTER TABLE parts ALTER amount TYPE float8 USING amount + 1;\n",
		"BEGIN; ALTER TABLE events ALTER amount TYPE float8 USING amount * 2; ROLLBACK;\n",
		"BEGIN; ALTER TABLE parts RENAME TO parts_renamed; INSERT INTO parts_renamed(id, at, amount) VALUES ($writer, '2026-01-03', 5); ALTER TABLE parts_renamed RENAME TO parts; COMMIT;\n",
		"CREATE INDEX ON events (amount);\nDROP INDEX IF EXISTS events_amount_idx;\n",
		"VACUUM FULL parts_1;\n", "VACUUM events;\n", "ANALYZE;\n",
		"CLUSTER events USING events_pkey;\n",
		"TRUNCATE parts_2;\n",
		"ALTER TABLE parts ATTACH PARTITION parts_4 FOR VALUES FROM ('2025-06-01') TO ('2025-06-04');\n",
		"ALTER TABLE parts DETACH PARTITION parts_4;\n",
		"SELECT weir.create_monitor('extra $writer', 'events', 'at', columns => '{amount,spare}', window_size => '2 hours');\n",
		"SELECT weir.drop_monitor('extra $writer');\n",
		"SELECT weir.rebuild('" . pick(qw(events by_region filtered parts kept)) . "');\n",
		"SELECT weir.alter_monitor('parts', options => '{\"max_groups\": " . pick(2 .. 6) . "}');\n",
		"SELECT weir.alter_monitor('filtered', filter => \$\$amount > " . pick(1 .. 20) . " AND item IS NOT NULL\$\$);\n",
		"SELECT weir.alter_monitor('events', "
		  . pick("add_columns => '{paid}'", "drop_columns => '{paid}'", "options => '{\"pane_size\": \"2 hours\"}'", "options => '{\"pane_size\": \"3 hours\"}'") . ");\n",
		"SELECT weir.rebuild('events', since => '2026-01-02', until => '2026-01-03');\n");
}

sub change
{
	my ($writer) = @_;

	return rand() < .05 ? definition($writer) : transaction(rand() < .6 ? 'events' : 'parts', $writer);
}

# ---- writers ----

# A shell that runs one transaction after the other, each in a session of its own, and waits while the server is away.
sub start_writer
{
	my ($node, $directory, @transactions) = @_;
	my $number = 0;

	make_path($directory);
	append_to_file(sprintf('%s/%06d.sql', $directory, $number++), "SET lock_timeout = '5s';\n$_") for @transactions;
	my $script = q{
cd "$1" || exit
for file in *.sql; do
  while :; do
    if [ -e stop ]; then exit 0; fi
    psql -X -q -d "$2" -f "$file" >>log 2>&1
    if [ $? != 2 ]; then break; fi
    sleep 0.2
  done
  echo "$file" >done
done};
	my $handle = IPC::Run::start([ 'sh', '-c', $script, 'sh', $directory, $node->connstr('postgres') ], '<', \undef);
	return { directory => $directory, handle => $handle };
}

sub stop_writer
{
	my ($writer) = @_;

	append_to_file("$writer->{directory}/stop", '');
	$writer->{handle}->finish;
}

sub writer_count
{
	my ($writer) = @_;
	return 0 unless -e "$writer->{directory}/done";
	return 1 + (slurp_file("$writer->{directory}/done") =~ s/\D.*//sr);
}

# ---- blows ----

sub blow
{
	return pick(qw(verify verify verify verify fault fault fault capture capture builder walsender scheduler restart crash kill publisher pause checkpoint switch));
}

# kill -9 of a server's process of that type, if it has one.
sub kill_backend
{
	my ($node, $type) = @_;
	my ($code, $pid) = $node->psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' LIMIT 1");

	kill 'KILL', $pid if defined $pid && $pid =~ /^\d+$/;
}

sub kill_postmaster
{
	my ($node) = @_;

	my ($pid) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	kill 'KILL', $pid;
	start_again($node);
}

# The processes of a killed postmaster go by themselves, a little later.
sub start_again
{
	my ($node) = @_;

	# As PostgreSQL::Test::Cluster does it: connections of the server's own must not carry the test's name.
	local %ENV = $node->_get_env(PGAPPNAME => undef);

	$node->{_pid} = undef;
	for (1 .. 100)
	{
		return if run_log([ 'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, 'start' ]);
		sleep 0.2;
	}
	die 'the server does not start again';
}

# The server may be restarting.
sub resume
{
	my ($node) = @_;

	for (1 .. 600)
	{
		return if $node->psql('postgres', 'SELECT weir.resume_capture()') == 0;
		sleep 0.2;
	}
	die 'capture cannot be resumed';
}

sub strike
{
	my ($blow, $node, $publisher) = @_;

	if ($blow eq 'capture') { kill_backend($node, 'weir capture') }
	elsif ($blow eq 'builder') { kill_backend($node, 'weir builder') }
	elsif ($blow eq 'scheduler') { kill_backend($node, 'weir scheduler') }
	elsif ($blow eq 'walsender') { kill_backend($publisher, 'walsender') }
	elsif ($blow eq 'restart') { $node->restart }
	elsif ($blow eq 'crash') { $node->stop('immediate'); $node->start }
	elsif ($blow eq 'kill') { kill_postmaster($node); $node->_update_pid(1) }
	elsif ($blow eq 'publisher') { $publisher->stop('immediate'); $publisher->start }
	elsif ($blow eq 'pause')
	{
		$node->psql('postgres', 'SELECT weir.pause_capture()');
		sleep rand 2;
		resume($node);
	}
	elsif ($blow eq 'fault')
	{
		my $point = pick(qw(change fold commit stream_change stream_abort stream_commit stream_merged definitions flush_begin flush_decided pane_written limit_lowered flush_written
		  flush_committed before_confirm after_confirm cut_taken cut_committed slice_read slice_written slice_committed));

		note "fault at $point";
		$node->psql('postgres', "ALTER SYSTEM SET weir.fault = '$point:" . pick(qw(kill exit error)) . ':1:' . int(1 + rand 40) . "'");
		$node->psql('postgres', 'SELECT pg_reload_conf()');
	}
	elsif ($blow eq 'checkpoint') { $node->psql('postgres', 'CHECKPOINT') }
	elsif ($blow eq 'switch') { $node->psql('postgres', 'SELECT pg_switch_wal()') }
}

# ---- looking ----

# Waits until nothing is prepared, nothing is building and capture is level.
sub settle
{
	my ($node) = @_;

	# A fault that was set may still be restarting the server, or do so before its end is read.
	set_fault($node, '');
	for (1 .. 3)
	{
		sleep 1;
		$node->poll_query_until('postgres', 'SELECT true');
	}
	for my $name (split /\n/, $node->safe_psql('postgres', 'SELECT gid FROM pg_prepared_xacts'))
	{
		$node->safe_psql('postgres', "ROLLBACK PREPARED '$name'");
	}
	$node->safe_psql('postgres', q{SELECT weir.wait_for(timeout => '600 s')});
}

# Waits until the subscriber has applied what the publisher has; tells what is in the way where it does not.
sub caught_up
{
	my ($publisher, $node) = @_;
	my $lsn = $publisher->lsn('write');

	return if $publisher->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_replication WHERE application_name = 'weir_test' AND replay_lsn >= '$lsn'");
	diag "not caught up with $lsn: " . $publisher->safe_psql('postgres', 'SELECT * FROM pg_stat_replication');
	diag $node->safe_psql('postgres', 'SELECT pid, backend_type, wait_event_type, wait_event, state, pg_blocking_pids(pid), query FROM pg_stat_activity');
	diag $node->safe_psql('postgres', 'SELECT * FROM pg_prepared_xacts');
	diag $node->safe_psql('postgres', 'SELECT * FROM pg_stat_subscription');
	die 'the subscriber does not catch up';
}

# What verify finds now; nothing where it could not run, because a server was just killed or a monitor is being built anew.
sub verify_now
{
	my ($node, $monitor) = @_;
	my ($code, $found, $error) = $node->psql('postgres', "SET statement_timeout = '60s'; SELECT different, marked, first_difference FROM weir.verify('$monitor')");

	return $found if $code == 0 && $error !~ /ERROR|FATAL/;
	note "verify of $monitor: $error";
	if ($error =~ /timeout/)
	{
		for my $query ('SELECT * FROM weir.capture_status', 'SELECT * FROM weir.build ORDER BY build_id DESC LIMIT 5', 'SELECT * FROM pg_prepared_xacts',
			'SELECT pid, backend_type, wait_event_type, wait_event, state, age(backend_xmin), pg_blocking_pids(pid), left(query, 80) FROM pg_stat_activity')
		{
			($code, $found, $error) = $node->psql('postgres', $query);
			note "$query: $found $error";
		}
	}
	return;
}

sub all_monitors_equal
{
	my ($node, $when) = @_;
	all_equal($node, $_, "$_ equals its source $when") for qw(events by_region filtered parts);
	# What their tables do not have any more they do: those panes are marked.
	is($node->safe_psql('postgres', "SELECT panes > 0, different, first_difference FROM weir.verify('$_')"), 't|0|', "$_ differs from its source where it says so $when") for 'kept', 'kept parts';
}

1;
