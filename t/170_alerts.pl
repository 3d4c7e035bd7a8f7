# Rules over a live stream, and what becomes of their alerts: k of n, hysteresis, composite rules, absence, snooze, silence; events in order under
# concurrent writers and kill -9.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('alerts');

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }
sub becomes { my ($query, $what) = @_; return wait_until($node, "SELECT coalesce(($query), false)", $what); }

sql(q{CREATE ROLE ann LOGIN; GRANT CREATE ON SCHEMA public TO ann; SET ROLE ann;
CREATE TABLE sales(id bigserial PRIMARY KEY, at timestamptz NOT NULL, price float8, store text);
ALTER TABLE sales REPLICA IDENTITY FULL;
SELECT weir.create_monitor('sales', 'sales', 'at', columns => '{price}', window_size => '1 hour', segment_by => '{store}', options => '{"idle_grace": "1 hour", "min_n": 1}')});
becomes(q{SELECT state = 'active' FROM weir.monitors}, 'a monitor');

# A day's hours with these prices: each is committed when the one before has become final.
sub stream
{
	my ($first, @prices) = @_;
	my $hour = $first;
	sql(join(';', map { my $at = $hour++; "INSERT INTO sales(at, price, store) SELECT timestamptz '2026-01-01 00:00+00' + $at * interval '1 hour' + i * interval '1 min',
		$_ + i % 2 - 0.5, 's' || i FROM generate_series(0, 39) i" } @prices));
	return $hour;
}

sub evaluated
{
	my ($hour, $what) = @_;
	return becomes("SELECT bool_and(evaluated_to >= timestamptz '2026-01-01 00:00+00' + $hour * interval '1 hour') FROM weir.rules WHERE family <> 'capture'", $what);
}

# ---- k of n, hysteresis, composite: told live as test_rule tells it ----
stream(0, 10);
sql(q{SET ROLE ann;
SELECT weir.create_rule('absence', 'sales', 'time_without_rows', above => 1);
SELECT weir.create_rule('two of three', 'sales', 'mean', above => 15, windows => 2, out_of => 3, options => '{"history": true}');
SELECT weir.create_rule('hysteresis', 'sales', 'mean', above => 15, clear_below => 12, options => '{"history": true}');
SELECT weir.create_rule('levels', 'sales', 'mean', above => 25, warning_above => 15, options => '{"history": true, "silent": true}');
SELECT weir.create_rule('learns', 'sales', 'mean', learn => '{"windows": 5, "k": 4}', options => '{"history": true, "silent": true}');
SELECT weir.create_rule('few rows', 'sales', 'rows', below => 30, options => '{"history": true, "silent": true}');
SELECT weir.create_composite_rule('both', '{two of three, hysteresis}', options => '{"history": true}')});
my @prices = (11, 9, 10, 11, 20, 9, 20, 20, 13, 11, 10, 30, 10, 20, 10, 10);
stream(1, @prices);
evaluated(15, 'the rules have seen all hours that are final');
my $told = q{SET timezone = 'UTC'; SELECT r.rule, string_agg(to_char(a.window_start, 'HH24') || '-' || to_char(a.window_end, 'HH24') || ' ' || a.severity, ', ' ORDER BY a.window_start)
  FROM weir.rules r LEFT JOIN weir.alerts a ON a.rule = r.rule AND a.state = 'resolved' WHERE r.family <> 'capture' GROUP BY 1 ORDER BY 1};
is(sql($told), join("\n", 'both|07-09 alert, 14-15 alert', 'few rows|', 'hysteresis|05-06 alert, 07-09 alert, 12-13 alert, 14-15 alert',
	'learns|05-06 alert', 'levels|05-06 warning, 07-09 warning, 12-13 alert, 14-15 warning', 'two of three|07-10 alert, 14-15 alert'), 'what was told');
is(sql(q{SELECT rule FROM weir.rules r WHERE family <> 'capture' AND (SELECT string_agg(window_start::text, ' ' ORDER BY window_start) FROM weir.alerts a WHERE a.rule = r.rule)
  IS DISTINCT FROM (SELECT string_agg(window_start::text, ' ' ORDER BY window_start) FROM weir.test_rule(r.rule) WHERE event = 'opened')}), '', 'is what test_rule tells');
becomes(q{SELECT string_agg(event || ' ' || to_char(window_start AT TIME ZONE 'UTC', 'HH24'), ', ' ORDER BY event_id)
  = 'opened 05, resolved 05, opened 07, resolved 07, opened 12, resolved 12, opened 14, resolved 14' FROM weir.alert_events WHERE rule = 'hysteresis'}, 'events in order');
is(sql(q{SELECT count(*) FROM weir.alert_events WHERE rule IN ('learns', 'levels', 'few rows')}), 0, 'silent rules tell nobody');
like(sql(q{SELECT detail #>> '{explanation,parts}' FROM weir.alerts WHERE rule = 'both' LIMIT 1}), qr/"rule": "hysteresis", "holds": true.*"rule": "two of three", "holds": true/, 'the parts explain');

# Late rows make another hour one out of bounds: alerts that begin earlier, and are over too.
sql(q{INSERT INTO sales(at, price, store) SELECT '2026-01-01 04:00+00', 40, 's1' FROM generate_series(1, 40); });
sql(q{SELECT weir.wait_for(timeout => '120 s')});
becomes(q{SELECT bool_and(s.panes_seen_at >= (SELECT max(updated_at) FROM weir.pane)) FROM weir.rule_state s JOIN weir.rule r USING (rule_id) WHERE r.family <> 'capture'}, 'late rows are seen');
is(sql($told), join("\n", 'both|05-06 alert, 07-09 alert, 14-15 alert', 'few rows|', 'hysteresis|04-06 alert, 05-06 alert, 07-09 alert, 12-13 alert, 14-15 alert',
	'learns|05-06 alert', 'levels|04-06 alert, 05-06 warning, 07-09 warning, 12-13 alert, 14-15 warning', 'two of three|05-10 alert, 07-10 alert, 14-15 alert'), 'and tell of themselves');

# ---- snooze, silence ----
sql(q{SET ROLE ann; SELECT weir.create_event_consumer('pager')});
sub events { my ($consumer) = @_; return sql("SET ROLE ann; SELECT string_agg(event || ' ' || severity, ', ' ORDER BY event_id) FROM weir.read_events('$consumer')"); }
stream(17, 10, 30, 30);
becomes(q{SELECT count(*) = 1 FROM weir.alerts WHERE rule = 'hysteresis' AND state = 'open'}, 'an alert');
my $alert = sql(q{SELECT alert_id FROM weir.alerts WHERE rule = 'hysteresis' AND state = 'open'});
sql("SET ROLE ann; SELECT weir.acknowledge_alert($alert, snooze => '1 s')");
becomes("SELECT count(*) = 1 FROM weir.alert_events WHERE alert_id = $alert AND event = 'reminded'", 'a snooze ends');
is(sql("SELECT string_agg(event || ' ' || state, ', ' ORDER BY event_id) FROM weir.alert_events WHERE alert_id = $alert"),
	'opened open, acknowledged acknowledged, reminded open', 'after it was acknowledged');
my $silence = sql(q{SET ROLE ann; SELECT weir.create_silence(rule => 'hysteresis', until => now() + interval '1 hour')});
my $before = sql('SELECT max(event_id) FROM weir.alert_events');
stream(20, 10, 10, 30, 30);
becomes(q{SELECT count(*) = 1 FROM weir.alerts WHERE rule = 'hysteresis' AND state = 'open' AND window_start = '2026-01-01 22:00+00'}, 'an alert in a silence');
becomes("SELECT string_agg(event, ', ' ORDER BY event_id) = 'resolved' FROM weir.alert_events WHERE event_id > $before AND rule = 'hysteresis'", 'nobody is told but that the one before is over');
sql("SET ROLE ann; SELECT weir.drop_silence($silence)");
becomes("SELECT string_agg(event, ', ' ORDER BY event_id) = 'resolved, opened' FROM weir.alert_events WHERE event_id > $before AND rule = 'hysteresis'", 'when the silence is over, one is');

# ---- events in order, whoever commits first, and through kill -9 ----
sql(q{SET ROLE ann; SELECT weir.create_rule('each store', 'sales', 'mean', above => 5, segment => '*', min_n => 1)});
becomes(q{SELECT count(*) = 40 FROM weir.alert_events WHERE rule = 'each store'}, 'an alert for each store');
sql(q{SET ROLE ann; SELECT weir.create_event_consumer('reader')});
# Eight clients with five alerts each acknowledge them again and again, in transactions of various lengths.
my $script = $node->basedir . '/acknowledge.sql';
append_to_file($script, q{\set k :client_id * 5 + random(0, 4)
\set duration random(0, 30)
BEGIN;
SELECT weir.acknowledge_alert((SELECT min(alert_id) FROM weir.alerts WHERE rule = 'each store') + :k);
SELECT pg_sleep(:duration / 1000.0);
COMMIT;
});
my (%seen, @trouble);
my $last_confirmed = sql(q{SELECT confirmed_to FROM weir.event_consumers WHERE consumer = 'reader'});
my $start = $last_confirmed;

# What is read is what follows; a crash may lose a confirmation, then events are read again, the same.
sub read_some
{
	my ($code, $out) = $node->psql('postgres', q{SET ROLE ann; SELECT event_id || ' ' || alert_id || ' ' || event FROM weir.read_events('reader', 50)});
	return 0 if $code != 0 || $out eq '';
	my @events = split /\n/, $out;
	my $expected = $last_confirmed;
	for (@events)
	{
		my ($event_id) = /^(\d+)/;
		push @trouble, "event $event_id after $expected" if $event_id != ++$expected;
		push @trouble, "event $event_id was another" if exists $seen{$event_id} && $seen{$event_id} ne $_;
		$seen{$event_id} = $_;
	}
	my ($confirm, $position) = $node->psql('postgres', "SET ROLE ann; SELECT weir.confirm_events('reader', $expected)");
	$last_confirmed = $position if $confirm == 0;
	$last_confirmed = $node->safe_psql('postgres', q{SELECT confirmed_to FROM weir.event_consumers WHERE consumer = 'reader'}) if $confirm != 0 && $node->poll_query_until('postgres', 'SELECT true');
	return scalar @events;
}

for my $victim ('weir scheduler', 'client backend', undef)
{
	my $killed = !defined $victim;
	# Clients that were gone before one could be killed come again.
	do
	{
		my ($in, $out, $err) = ('', '', '');
		my $clients = IPC::Run::start([ 'pgbench', '-n', '-c', 8, '-j', 2, '-t', 30, '-f', $script, '-h', $node->host, '-p', $node->port, 'postgres' ], \$in, \$out, \$err);
		my $seen_before = keys %seen;
		while ($clients->pumpable)
		{
			$clients->pump_nb;
			read_some();
			next if $killed || keys %seen == $seen_before;
			my $pid = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = '$victim' AND pid <> pg_backend_pid() AND datname = 'postgres' ORDER BY pid LIMIT 1");
			$killed = $pid ne '' && kill('KILL', $pid);
		}
		$clients->finish;
		$node->poll_query_until('postgres', 'SELECT true');
	} until $killed;
}
becomes(q{SELECT count(*) = 0 FROM weir.alert_event WHERE event_id IS NULL}, 'all events are numbered');
1 while read_some();
is(join("\n", @trouble), '', 'no event was read out of its order');
is(sql("SELECT count(*) FROM weir.alert_events WHERE event_id > $start"), scalar keys %seen, 'each event was read');
is(sql(q{SELECT max(event_id) = (SELECT last_event_id FROM weir.alert_event_position) AND count(*) = max(event_id) FROM weir.alert_event}), 't', 'and none is missing');
cmp_ok(scalar(keys %seen), '>', 200, 'there were many');

# ---- retention ----
$node->append_conf('postgresql.conf', "weir.alert_event_retention = 1s\n");
$node->restart;
becomes(q{SELECT count(*) = 0 FROM weir.alert_event}, 'events expire');
my (undef, undef, $error) = $node->psql('postgres', q{SET ROLE ann; SELECT * FROM weir.read_events('pager')});
like($error, qr/event consumer "pager" has missed events/, 'which who missed them is told');
is(sql(q{SET ROLE ann; SELECT missed > 0 FROM weir.event_consumers WHERE consumer = 'pager'}), 't', 'and how many');

# ---- absence: minutes of the wall clock without a row ----
becomes(q{SELECT count(*) > 0 FROM weir.alerts WHERE rule = 'absence' AND state = 'open'}, 'no row has come for a while');
like(sql(q{SELECT message FROM weir.alerts WHERE rule = 'absence' LIMIT 1}), qr/^time_without_rows is [\d.]+, above 1, in sales/, 'it says so');

$node->stop;
done_testing();
