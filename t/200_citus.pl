# On a Citus cluster, where the server has Citus: summaries of shards are made on the workers and merged, with the results of one server;
# monitors of the workers' shards are put together on the coordinator.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my @node = map { PostgreSQL::Test::Cluster->new($_) } qw(coordinator worker1 worker2);
my ($share) = run_command([ $node[0]->installed_command('pg_config'), '--sharedir' ]);
plan(skip_all => 'this server has no Citus') unless -r "$share/extension/citus.control";
foreach my $node (@node)
{
	$node->init(allows_streaming => 'logical');
	configure_weir($node);
	# Citus must come first.
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'citus, weir'\ncitus.enable_statistics_collection = off\ncitus.node_conninfo = 'sslmode=prefer'");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION citus; CREATE EXTENSION weir');
}
my $coordinator = $node[0];
sub sql { my ($query) = @_; return $coordinator->safe_psql('postgres', $query); }
sql("SELECT citus_set_coordinator_host('" . $coordinator->host . "', " . $coordinator->port . ')');
sql("SELECT citus_add_node('" . $_->host . "', " . $_->port . ')') foreach @node[ 1, 2 ];
my $citus = sql(q{SELECT extversion FROM pg_extension WHERE extname = 'citus'});
diag("Citus $citus");

my $columns = q{id bigint, at timestamptz, amount float8, status text, sex text, score float8, approved boolean, repaid boolean, old boolean, embedding float8[]};
sql("SET citus.shard_count = 2; CREATE TABLE events($columns); SELECT create_distributed_table('events', 'id'); CREATE TABLE alone($columns); ALTER TABLE alone REPLICA IDENTITY FULL");
sql(q{INSERT INTO alone SELECT i, '2026-03-01'::timestamptz + i * interval '7 s', exp((i * 7919 % 977) / 200.0), 's' || i % 7, (ARRAY['F','M'])[1 + (i / 3) % 2], (i * 31 % 100) / 100.0,
	i % 2 = 0, i % 3 = 0, i % 2000 < 900, ARRAY[i % 10, i * i % 7, sin(i)] FROM generate_series(1, 20000) i; INSERT INTO events SELECT * FROM alone});

# ---- aggregates: in parts on the workers, put together here ----
# Citus hands the rows' types to no aggregate that takes several types, so partial results are asked for by shard.
sub in_parts
{
	my ($type, $call) = @_;
	return "SELECT weir.merge(result::weir.$type)::text FROM run_command_on_shards('events', \$\$SELECT ($call)::text FROM %s\$\$) WHERE success";
}
foreach ([ summary => 'weir.summarize(amount)' ], [ summary => 'weir.summarize(status)' ], [ summary => 'weir.summarize(at)' ], [ pair_summary => 'weir.summarize_pairs(amount, score)' ],
	[ fairness_table => 'weir.fairness(approved, repaid, sex)' ], [ performance => 'weir.binary_performance(repaid, score)' ], [ performance => 'weir.class_performance(status, sex)' ],
	[ performance => 'weir.regression_performance(amount, score)' ])
{
	my ($type, $call) = @$_;
	is(sql(in_parts($type, $call)), sql("SELECT ($call)::text FROM alone"), "$call is that of one server");
}
is(sql(q{SELECT count(*) FROM (SELECT id, weir.stats(amount)::text, weir.quantile(amount, 0.9), weir.psi(amount, old) FROM events GROUP BY id
	EXCEPT SELECT id, weir.stats(amount)::text, weir.quantile(amount, 0.9), weir.psi(amount, old) FROM alone GROUP BY id) d}), 0,
	'by the column that rows are distributed by, everything runs on the workers');
like(sql(q{EXPLAIN (VERBOSE, COSTS OFF) SELECT id, weir.stats(amount) FROM events GROUP BY id}), qr/Query: SELECT id, weir\.stats\(amount\)/, 'as the plan says');
like(sql(q{EXPLAIN (VERBOSE, COSTS OFF) SELECT weir.merge(s) FROM (SELECT weir.summarize(amount) AS s FROM events GROUP BY id) d}), qr/worker_partial_agg\('weir\.merge\(weir\.summary\)'/,
	'summaries are merged on the workers, and what comes of it here');
is(sql(q{SELECT weir.merge(s)::text FROM (SELECT weir.summarize(amount) AS s FROM events GROUP BY id) d}), sql(q{SELECT weir.summarize(amount)::text FROM alone}), 'with the same result');

# ---- a monitor on each worker's shard, put together on the coordinator ----
my $monitor = q{'at', columns => '{amount,status}', window_size => '1 hour', prediction => 'approved', label => 'repaid', protected => '{sex}'};
my $number = 0;
foreach my $worker (@node[ 1, 2 ])
{
	my $shard = $worker->safe_psql('postgres', q{SELECT shardid FROM pg_dist_shard s JOIN pg_dist_placement p USING (shardid) JOIN pg_dist_node n USING (groupid)
		WHERE s.logicalrelid = 'events'::regclass AND n.nodeport = current_setting('port')::int});
	$number++;
	$worker->safe_psql('postgres', qq{SET citus.override_table_visibility = off; SET citus.enable_ddl_propagation = off; ALTER TABLE events_$shard REPLICA IDENTITY FULL;
		SELECT weir.create_monitor('events', 'events_$shard', $monitor); SELECT weir.publish_panes('events', 'worker $number', min_group_size => 1);
		CREATE PUBLICATION panes FOR TABLE weir.node, weir.node_pane});
	sql("CREATE SUBSCRIPTION worker$number CONNECTION '" . $worker->connstr . " dbname=postgres' PUBLICATION panes");
}
sql(qq{CREATE TABLE all_events(node text, $columns); SELECT weir.create_monitor('all_events', 'all_events', $monitor, segment_by => '{node}', options => '{"nodes": "events"}');
	SELECT weir.create_monitor('alone', 'alone', $monitor); SELECT weir.wait_for()});
sub differ { my ($query) = @_; return "(SELECT count(*) FROM (" . ($query =~ s/MONITOR/all_events/r) . " EXCEPT ALL " . ($query =~ s/MONITOR/alone/r) . ') d)'; }
wait_until($coordinator, 'SELECT ' . differ(q{SELECT window_start, column_name, n, summary::text FROM weir.window_stats('MONITOR') WHERE segment IS NULL}) . ' = 0', 'windows are those of one server');
sql(q{INSERT INTO events SELECT i, '2026-03-01'::timestamptz + i * interval '5 s', i % 99, 's', 'F', .5, true, true, false, NULL FROM generate_series(20001, 23000) i;
	DELETE FROM events WHERE id % 10 = 0; INSERT INTO alone SELECT * FROM events WHERE id > 20000; DELETE FROM alone WHERE id % 10 = 0; SELECT weir.wait_for()});
wait_until($coordinator, 'SELECT ' . differ(q{SELECT window_start, column_name, n, summary::text FROM weir.window_stats('MONITOR') WHERE segment IS NULL}) . ' = 0', 'and follow what changes');
is(sql('SELECT ' . differ(q{SELECT window_start, group_name, metric, value, low, high FROM weir.fairness_scores('MONITOR') WHERE segment IS NULL})), 0, 'fairness, too');

$_->stop foreach reverse @node;
done_testing();
