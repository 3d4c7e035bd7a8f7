# What weir's TAP tests share: clusters set up for capture, and short ways to ask them.
package WeirTest;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_weir configure_weir start_publisher subscribe wait_until all_equal verify_is capture_pid real_data set_fault wait_for_fault);

# While a server is away, psql can end before its input is written, and that write then dies: as if the test were to blame. It has run nothing
# (the input fits into a pipe), so it is asked again, and says itself that there is no server.
for my $method (qw(psql poll_query_until))
{
	my $original = PostgreSQL::Test::Cluster->can($method);
	my $patient = sub {
		my ($node, $database, $sql) = @_;
		my @arguments = @_;

		for (1 .. 100)
		{
			my @result = eval { wantarray ? $original->(@arguments) : scalar $original->(@arguments) };

			return wantarray ? @result : $result[0] unless $@;
			die $@ unless $@ =~ /Broken pipe/ && length($sql) < 60_000;
			select undef, undef, undef, 0.1;
		}
		die "psql never reads its input: $@";
	};
	no strict 'refs';
	no warnings 'redefine';
	*{"PostgreSQL::Test::Cluster::$method"} = $patient;
}

# Has a cluster that is initialised preload weir and decode; settings come on top.
sub configure_weir
{
	my ($node, %settings) = @_;

	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'weir'\nwal_level = logical\nmax_worker_processes = 20\n"
		  . "weir.flush_interval = 50\nautovacuum_naptime = 5s\nlog_min_messages = info\nrestart_after_crash = on\n");
	$node->append_conf('postgresql.conf', "output_plugin_libraries = 'pgoutput, test_decoding, weir'\n") if restricts_plugins($node);
	$node->append_conf('postgresql.conf', "$_ = $settings{$_}\n") for sort keys %settings;
	return $node;
}

# A cluster with weir preloaded and the extension created in database postgres.
sub start_weir
{
	my ($name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 'logical');
	configure_weir($node, %settings);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION weir');
	return $node;
}

# True when this release of the server restricts output plugins.
sub restricts_plugins
{
	my ($node) = @_;
	my ($out, $err) = run_command([ $node->installed_command('postgres'), '--describe-config' ]);
	return $out =~ /^output_plugin_libraries\t/m;
}

# The path of a file of real data, which is not part of the project: a test skips everything without it. WEIR_DATA names the directory.
sub real_data
{
	my ($name) = @_;
	my $path = ($ENV{WEIR_DATA} // '../shared/data') . "/$name";

	plan(skip_all => "$name is not there (WEIR_DATA names its directory)") unless -r $path;
	return $path;
}

sub start_publisher
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 'logical');
	$node->start;
	return $node;
}

# Publishes the tables and waits until their rows are there. Copies the definition with replica identity full.
sub subscribe
{
	my ($publisher, $subscriber, @tables) = @_;
	my $connection = $publisher->connstr . ' dbname=postgres';

	$publisher->safe_psql('postgres', 'CREATE PUBLICATION weir_test FOR TABLE ' . join(', ', @tables));
	$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION weir_test CONNECTION '$connection' PUBLICATION weir_test");
	$subscriber->wait_for_subscription_sync($publisher, 'weir_test');
}

# Polls until the query says t.
sub wait_until
{
	my ($node, $query, $what) = @_;
	my $reached = $node->poll_query_until('postgres', $query);

	ok($reached, $what);
	return $reached;
}

sub verify_is
{
	my ($node, $monitor, $expected, $what) = @_;
	$node->safe_psql('postgres', q(SELECT weir.wait_for(timeout => '120 s')));
	my $found = $node->safe_psql('postgres', "SELECT different, marked, first_difference FROM weir.verify('$monitor')");

	return is($found, $expected, $what);
}

# Every pane equals its batch recomputation, none is marked, and there are some.
sub all_equal
{
	my ($node, $monitor, $what) = @_;
	$node->safe_psql('postgres', q(SELECT weir.wait_for(timeout => '120 s')));
	my $found = $node->safe_psql('postgres',
		"SELECT panes > 0, equal = panes, different, marked, first_difference FROM weir.verify('$monitor')");

	return is($found, 't|t|0|0|', $what);
}

# Makes capture die, fail or wait at a point: see src/capture/fault.h. An empty text: not any more.
sub set_fault
{
	my ($node, $fault) = @_;
	# The fault before may be restarting the server.
	for (1 .. 100)
	{
		last if $node->psql('postgres', "ALTER SYSTEM SET weir.fault = '$fault'") == 0 && $node->psql('postgres', 'SELECT pg_reload_conf()') == 0;
		select undef, undef, undef, 0.1;
	}
	return;
}

# Waits until the fault that was set has happened so often, and the server takes connections.
sub wait_for_fault
{
	my ($node, $fault, $times) = @_;
	my $found = '';

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		$found = join '', map { slurp_file($_) } glob($node->data_dir . '/weir_fault_*');
		last if $found =~ /^(\d+) \Q$fault\E\n/ && $1 >= $times;
		select undef, undef, undef, 0.1;
	}
	like($found, qr/^\d+ \Q$fault\E\n/, "$fault happened");
	$node->poll_query_until('postgres', 'SELECT true');
	return;
}

sub capture_pid
{
	my ($node) = @_;
	return $node->safe_psql('postgres', 'SELECT pid FROM weir.capture_status');
}

1;
