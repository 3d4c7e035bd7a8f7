# On a Citus cluster, where the server has Citus: every aggregate that can be computed in parts is, on the workers, with the results of one server;
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
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'citus, weir'\ncitus.enable_statistics_collection = off\ncitus.node_conninfo = 'sslmode=prefer'\n"
		  . "citus.local_hostname = '" . $node->host . "'");
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION citus; CREATE EXTENSION weir');
}
my $coordinator = $node[0];
sub sql { my ($query) = @_; return $coordinator->safe_psql('postgres', $query); }
sql("SELECT citus_set_coordinator_host('" . $coordinator->host . "', " . $coordinator->port . ')');
sql("SELECT citus_add_node('" . $_->host . "', " . $_->port . ')') foreach @node[ 1, 2 ];
my $citus = sql(q{SELECT extversion FROM pg_extension WHERE extname = 'citus'});

my $columns = q{id bigint, at timestamptz, amount float8, status text, sex text, score float8, approved boolean, repaid boolean, old boolean, embedding float8[]};
sql("SET citus.shard_count = 4; CREATE TABLE events($columns); SELECT create_distributed_table('events', 'id'); CREATE TABLE alone($columns); ALTER TABLE alone REPLICA IDENTITY FULL");
sql(q{INSERT INTO alone SELECT i, '2026-03-01'::timestamptz + i * interval '7 s', exp((i * 7919 % 977) / 200.0), 's' || i % 7, (ARRAY['F','M'])[1 + (i / 3) % 2], (i * 31 % 100) / 100.0,
	i % 2 = 0, i % 3 = 0, i % 2000 < 900, ARRAY[i % 10, i * i % 7, sin(i)] FROM generate_series(1, 20000) i; INSERT INTO events SELECT * FROM alone});

# ---- every aggregate of the catalogue, for some types; sql/citus.sql has all of these ----
sql('CREATE EXTENSION weir_citus');
is($node[1]->safe_psql('postgres', q{SELECT count(*) > 1000 FROM pg_proc WHERE pronamespace = 'weir_citus'::regnamespace}), 't', 'the extension is on the workers, too');
$coordinator->safe_psql('postgres', slurp_file("$FindBin::Bin/lib/aggregate_calls.sql"));
sql(q{SET citus.shard_count = 4; CREATE TABLE spread (LIKE sample_rows); SELECT create_distributed_table('spread', 'id'); INSERT INTO spread SELECT * FROM sample_rows});
my %value = (':model' => q{weir.fit_loss_model(f8, f8 / 2, vector)}, ':bare_model' => q{weir.fit_loss_model(f8, f8 / 2)},
	':learner' => q{weir.train('linear_regression', vector, f8 ORDER BY id)});
$_ = "'" . sql("SELECT $_ FROM sample_rows") . "'" . (/train/ ? '::weir.learner' : '') foreach values %value;
my (%pushed, %gathered, @other, @different);
foreach my $line (split /\n/, sql(q{SELECT DISTINCT ON (stands_for) concat_ws('|', is_part, name, types, stands_for, arguments) FROM aggregate_calls ORDER BY stands_for, md5(types)}))
{
	my ($is_part, $name, $types, $stands_for, $arguments) = split /\|/, $line;
	my $in_order = $stands_for =~ /train|prequential|temporal|detections|ewm.*precision,double|flip|consistency|permutation|loss_model|naive_bayes/ ? ' ORDER BY id' : '';
	$arguments =~ s/(:\w+)/$value{$1}/;
	my ($here, $there) = map { "SELECT $_->[0].$name($arguments$in_order)::text FROM $_->[1]" } [ 'weir', 'sample_rows' ], [ $is_part eq 't' ? 'weir_citus' : 'weir', 'spread' ];
	my $plan = eval { sql("EXPLAIN (VERBOSE, COSTS OFF) $there") } // '';

	# What travels is one state per shard, or rows.
	if ($plan =~ /Custom Scan \(Citus Adaptive\).*worker_partial_agg\('weir_citus\.$name\(/s) { $pushed{$stands_for} = 1 }
	elsif ($plan =~ /Custom Scan \(Citus Adaptive\)/) { $gathered{$stands_for} = 1 }
	else { push @other, $stands_for }
	my ($status, $out, $error) = $coordinator->psql('postgres',
		"SELECT rounded(x) IS NOT DISTINCT FROM rounded(y) OR (left(x, 100) || ' or ' || left(y, 100))::boolean FROM (VALUES (($there), ($here))) v (x, y)");
	push @different, "$name($types): $out$error" if $out ne 't';
}
is(join("\n", @different), '', 'every aggregate over all shards gives what it gives on one server');
is(join(' ', @other), '', 'by a plan of Citus');
my $aggregates = q{FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
	WHERE p.pronamespace = 'weir'::regnamespace AND p.proname NOT LIKE '\_%' AND p.oid <> 'weir.fingerprint(record)'::regprocedure};
is(join("\n", sort keys %pushed), join("\n", sort split /\n/, sql("SELECT p.oid::regprocedure $aggregates AND aggcombinefn <> 0")),
	'each that can be computed in parts is computed on the workers');
is(join("\n", sort keys %gathered), join("\n", sort split /\n/, sql("SELECT p.oid::regprocedure $aggregates AND aggcombinefn = 0")),
	'those that need all rows, or their order, get the rows');

# ---- groups, filters and plans ----
my $grouped = q{SELECT status, (weir_citus.stats(amount)).mean, weir_citus.quantile(amount, 0.9) FILTER (WHERE old),
	weir_citus.psi(amount, old), weir_citus.last(score, at) FROM %s GROUP BY status};
is(sql(sprintf 'SELECT count(*) FROM (%s EXCEPT %s) d', map { sprintf $grouped, $_ } 'events', 'alone'), 0, 'by another column, with a filter, parts are put together, too');
like(sql('EXPLAIN (VERBOSE, COSTS OFF) ' . sprintf $grouped, 'events'),
	qr/Custom Scan.*worker_partial_agg\('weir_citus\.psi\(double precision,boolean\)'::regprocedure, ROW\(amount, old\)\)/s, 'as the plan says');
is(sql(q{SELECT count(*) FROM (SELECT id, weir.stats(amount)::text, weir.quantile(amount, 0.9), weir.psi(amount, old) FROM events GROUP BY id
	EXCEPT SELECT id, weir.stats(amount)::text, weir.quantile(amount, 0.9), weir.psi(amount, old) FROM alone GROUP BY id) d}), 0,
	'by the column that rows are distributed by, everything runs on the workers');
like(sql(q{EXPLAIN (VERBOSE, COSTS OFF) SELECT id, weir.stats(amount) FROM events GROUP BY id}), qr/Query: SELECT id, weir\.stats\(amount\)/, 'as the plan says');
my ($status, $out, $error) = $coordinator->psql('postgres', 'SELECT weir.stats(amount) FROM events');
like($error, qr/could not confirm type correctness/, 'the aggregates of schema weir take any type, which Citus refuses');
is(sql('SELECT weir.merge_fingerprints(weir.row_fingerprint(e)) FROM events e'), sql('SELECT weir.fingerprint(a) FROM alone a'), 'the fingerprint of all shards, row by row');
like(sql('EXPLAIN (VERBOSE, COSTS OFF) SELECT weir.merge_fingerprints(weir.row_fingerprint(e)) FROM events e'),
	qr/worker_partial_agg\('weir\.merge_fingerprints\(text\)'::regprocedure, weir\.row_fingerprint\(/, 'is added up on the workers');
is(sql(q{SELECT weir.merge_fingerprints(result) FROM run_command_on_shards('events', 'SELECT weir.fingerprint(t) FROM %s t')}), sql('SELECT weir.fingerprint(a) FROM alone a'), 'and shard by shard');
# Shards without rows, and no rows at all.
is(sql(q{SELECT weir_citus.summarize(amount)::text FROM events WHERE id < 3}), sql(q{SELECT weir.summarize(amount)::text FROM alone WHERE id < 3}), 'some shards without rows');
is(sql(q{SELECT weir_citus.summarize(amount) IS NULL AND weir_citus.distinct_count(status) = 0 FROM events WHERE id < 0}), 't', 'all of them');

# ---- what travels ----
sql(q{SET citus.shard_count = 4; CREATE TABLE many(id bigint, amount float8); SELECT create_distributed_table('many', 'id');
	INSERT INTO many SELECT i, exp((i * 7919 % 99991) / 20000.0) FROM generate_series(1, 200000) i});
my $states = sql(q{SELECT sum(result::bigint) FROM run_command_on_shards('many',
	$$SELECT length(textin(worker_partial_agg('weir_citus.summarize(double precision)'::regprocedure, amount))) FROM %s$$)});
my ($n, $unit) = sql('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT weir.summarize(amount) FROM (SELECT amount FROM many OFFSET 0) m') =~
  /Tuple data received from nodes: (\d+) (bytes|kB|MB)/;
my $rows = $n * { bytes => 1, kB => 1024, MB => 1024 * 1024 }->{$unit};
cmp_ok($states, '<', $rows, 'states are less than the rows');
note(sprintf 'figure: a summary of 200,000 rows in 4 shards: %d bytes travel as states, %d as rows: %.3f', $states, $rows, $states / $rows);
note(sprintf 'figure: Citus %s: %d aggregates in parts on the workers, %d over rows that are fetched, %d with another result', $citus, scalar(keys %pushed), scalar(keys %gathered),
	scalar(@different));

# ---- a monitor on each worker's shard, put together on the coordinator ----
# The lines of docs/scale.md; several shards on each.
my $document = slurp_file("$FindBin::Bin/../docs/scale.md");
my ($on_worker, $on_coordinator) = $document =~ /### A monitor on each worker.*?```text\n(.*?)```.*?```text\n(.*?)```/s or die 'docs/scale.md has no such section';
my $number = 0;
foreach my $worker (@node[ 1, 2 ])
{
	$number++;
	$worker->safe_psql('postgres', $on_worker =~ s/worker 1/worker $number/r);
	is($worker->safe_psql('postgres', q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'events_here'::regclass}), 2, "worker $number has two shards");
}
$on_coordinator =~ s/CREATE SUBSCRIPTION.*//s;
sql($on_coordinator);
sql("CREATE SUBSCRIPTION worker_$_ CONNECTION '" . $node[$_]->connstr . " dbname=postgres' PUBLICATION weir_panes") foreach 1, 2;
sql(q{SELECT weir.create_monitor('alone', 'alone', 'at', columns => '{amount,status}', window_size => '1 hour', prediction => 'approved', label => 'repaid', protected => '{sex}');
	SELECT weir.wait_for()});
# Both ways: nothing is not what one server says.
sub differ
{
	my ($query) = @_;
	my ($there, $here) = map { $query =~ s/MONITOR/$_/r } qw(all_events alone);

	return "(SELECT count(*) FROM (($there EXCEPT ALL $here) UNION ALL ($here EXCEPT ALL $there)) d)";
}
wait_until($coordinator, 'SELECT ' . differ(q{SELECT window_start, column_name, n, summary::text FROM weir.window_stats('MONITOR') WHERE segment IS NULL}) . ' = 0', 'windows are those of one server');
sql(q{INSERT INTO events SELECT i, '2026-03-01'::timestamptz + i * interval '5 s', i % 99, 's', 'F', .5, true, true, false, NULL FROM generate_series(20001, 23000) i;
	DELETE FROM events WHERE id % 10 = 0; UPDATE events SET amount = amount + 1, repaid = NOT repaid WHERE id % 7 = 0;
	INSERT INTO alone SELECT * FROM events WHERE id > 20000; DELETE FROM alone WHERE id % 10 = 0; UPDATE alone SET amount = amount + 1, repaid = NOT repaid WHERE id % 7 = 0 AND id <= 20000;
	SELECT weir.wait_for()});
wait_until($coordinator, 'SELECT ' . differ(q{SELECT window_start, column_name, n, summary::text FROM weir.window_stats('MONITOR') WHERE segment IS NULL}) . ' = 0', 'and follow what changes');
my $fairness = 'SELECT ' . differ(q{SELECT window_start, group_name, metric, value, low, high FROM weir.fairness_scores('MONITOR') WHERE segment IS NULL});
is(sql($fairness), 0, 'fairness, too');

# ---- a shard moves ----
my $address = sub { my ($node) = @_; return "'" . $node->host . "', " . $node->port; };
sql(q{SELECT citus_move_shard_placement((SELECT min(shardid) FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) JOIN pg_dist_node USING (groupid)
	WHERE logicalrelid = 'events'::regclass AND nodeport = }
	  . $node[1]->port . '), ' . $address->($node[1]) . ', ' . $address->($node[2]) . q{, 'block_writes')});
sql('CALL citus_cleanup_orphaned_resources()');
$node[2]->safe_psql('postgres', $on_worker =~ s/CREATE TABLE.*?;//r =~ s/\\gexec\K.*//sr);
is($node[2]->safe_psql('postgres', q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'events_here'::regclass}), 3, 'a shard that has moved is watched where it is now');
wait_until($coordinator, q{SELECT n = (SELECT count(*) FROM alone) AND n = (SELECT sum(n) FROM weir.nodes)
	FROM (SELECT sum(n) AS n FROM weir.windows('all_events') WHERE segment IS NULL) w}, 'and no more where it was');
wait_until($coordinator, 'SELECT ' . differ(q{SELECT window_start, column_name, n, summary::text FROM weir.window_stats('MONITOR') WHERE segment IS NULL}) . ' = 0', 'with the same windows');
is(sql($fairness), 0, 'and fairness');

$_->stop foreach reverse @node;
done_testing();
