# Partitions on other servers, by postgres_fdw: what runs there, and that results are those of one table. The servers are databases of one cluster.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = PostgreSQL::Test::Cluster->new('fdw');
$node->init;
configure_weir($node);
$node->start;
my ($share) = run_command([ $node->installed_command('pg_config'), '--sharedir' ]);
plan(skip_all => 'this server has no postgres_fdw') unless -r "$share/extension/postgres_fdw.control";
sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }

my $columns = 'id bigint, at timestamptz, amount float8, status text, old boolean, region text';
sql("CREATE EXTENSION weir; CREATE EXTENSION postgres_fdw; CREATE TABLE alone ($columns); CREATE TABLE events ($columns) PARTITION BY LIST (region)");
sql(q{INSERT INTO alone SELECT i, '2026-03-01'::timestamptz + i * interval '7 s', exp((i * 7919 % 977) / 200.0), 's' || i % 7, i % 2000 < 900,
	(ARRAY['north','south'])[1 + i % 2] FROM generate_series(1, 4000) i});
foreach my $region (qw(north south))
{
	sql("CREATE DATABASE $region");
	$node->safe_psql($region, "CREATE EXTENSION weir; CREATE TABLE events ($columns)");
	sql("CREATE SERVER $region FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '" . $node->host . "', port '" . $node->port . "', dbname '$region', extensions 'weir');
		CREATE USER MAPPING FOR CURRENT_USER SERVER $region; CREATE FOREIGN TABLE events_$region PARTITION OF events FOR VALUES IN ('$region') SERVER $region OPTIONS (table_name 'events')");
}
sql('INSERT INTO events SELECT * FROM alone; ANALYZE events');

# The queries that other servers are asked, and the result beside that of one table.
sub remote { my ($query, $settings) = @_; return join("\n", sql(($settings // '') . "EXPLAIN (VERBOSE, COSTS OFF) $query") =~ /Remote SQL: (.*)/g); }
sub same
{
	my ($query, $what) = @_;
	my $there = $query =~ s/\bEVENTS\b/events/r;
	my $here = $query =~ s/\bEVENTS\b/alone/r;

	return is(sql("SELECT count(*) FROM (($there) EXCEPT ALL ($here)) d") . sql("SELECT count(*) FROM (($here) EXCEPT ALL ($there)) d"), '00', $what);
}

my $one = q{SELECT weir.tumble(at, '1 hour'), weir.quantile(amount, 0.9), weir.psi(amount, old), weir.summarize(status)::text FROM events_north GROUP BY 1};
like(remote($one), qr/^SELECT weir\.tumble\(at, .*weir\.quantile\(amount, .*weir\.psi\(amount, old\).* GROUP BY 1$/, 'aggregates over one foreign table run there, with their groups');
is(sql("SELECT count(*) FROM (($one) EXCEPT ALL (" . ($one =~ s/FROM events_north/FROM alone WHERE region = 'north'/r) . ')) d'), 0, 'with the same result');
like(remote(q{SELECT id FROM events_south WHERE weir.tumble(at, '1 hour') = '2026-03-01'}), qr/WHERE \(\(weir\.tumble\(at, /, 'filters by window run there');

my $by_key = q{SELECT region, weir.quantile(amount, 0.9), weir.psi(amount, old) FROM EVENTS GROUP BY region};
my $partitionwise = 'SET enable_partitionwise_aggregate = on;';
is(scalar(() = remote($by_key =~ s/EVENTS/events/r, $partitionwise) =~ /SELECT region, weir\.quantile\(amount, /g), 2, 'grouped by the key of the partitions, each server makes its groups');
same($by_key, 'with the same result');

my $all = q{SELECT weir.summarize(amount)::text, weir.quantile(amount, 0.9), weir.psi(amount, old) FROM EVENTS};
unlike(remote($all =~ s/EVENTS/events/r, $partitionwise), qr/weir\./, 'over all partitions, rows are fetched');
same($all, 'with the same result');

my $merged = q{SELECT weir.merge(s)::text FROM (SELECT region, weir.summarize(amount) AS s FROM EVENTS GROUP BY region) parts};
is(scalar(() = remote($merged =~ s/EVENTS/events/r, $partitionwise) =~ /weir\.summarize\(amount\)/g), 2, 'written as a merge, only summaries travel');
same($merged, 'with the same result');
is(sql($partitionwise . ($merged =~ s/EVENTS/events/r)), sql('SELECT weir.summarize(amount)::text FROM alone'), 'which is the summary of all rows');

# Without being told that weir is there, too, nothing of it is sent.
sql('ALTER SERVER north OPTIONS (DROP extensions)');
unlike(remote($one), qr/weir\./, 'a server that is not known to have weir is asked for rows');
is(sql("SELECT count(*) FROM (($one) EXCEPT ALL (" . ($one =~ s/FROM events_north/FROM alone WHERE region = 'north'/r) . ')) d'), 0, 'with the same result');

$node->stop;
done_testing();
