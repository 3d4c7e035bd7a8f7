# Panes of three databases: two nodes publish theirs, a third puts them together. Equal to one database that saw every row, through updates,
# deletes, late rows, crashes and definitions that change; rows and small groups stay at the nodes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my %node = (lyon => start_weir('lyon'), oslo => start_weir('oslo'));
my $center = start_weir('center');
my $columns = q{id bigint, at timestamptz NOT NULL, region text, income float8, purpose text, sex text, score float8, approved boolean, repaid int};
my $monitor = q{'at', columns => '{income,purpose,score}', window_size => '1 hour', prediction => 'approved', score => 'score', label => 'repaid', protected => '{sex}'};

sub center { my ($query) = @_; return $center->safe_psql('postgres', $query); }

# The same change at a node and in the table of everything.
sub both
{
	my ($name, $query, $condition) = @_;
	$condition //= '';
	my $there = $query =~ s/NODE//gr;
	my $here = $query =~ s/TABLE/everything/r;

	$here =~ s/NODE/ AND node = '$name'/g;
	$here =~ s/INTO everything SELECT/INTO everything SELECT '$name',/;
	$node{$name}->safe_psql('postgres', $there =~ s/TABLE/loans/r) if $node{$name};
	center($here);
	return;
}

sub insert
{
	my ($name, $from, $to) = @_;
	both($name, qq{INSERT INTO TABLE SELECT i, '2026-03-01'::timestamptz + i * interval '7 s', (ARRAY['north','south',NULL])[1 + i % 3], 1000 + (i * 7919) % 977 / 3.0,
		'p' || i % 5, (ARRAY['F','M'])[1 + (i / 3) % 2], (i * 31 % 100) / 100.0, i % 2 = 0, CASE WHEN i % 4 < 3 THEN (i % 3 = 0)::int END FROM generate_series($from, $to) i});
	return;
}

# What the centre says of its nodes' monitor, of the nodes and of all together, against the monitor over everything.
my @readings = (
	q{SELECT window_start, segment, n, n_labelled, status FROM weir.windows('MONITOR')},
	q{SELECT window_start, segment, column_name, n, null_count, mean, stddev, p50, p99, summary::text FROM weir.window_stats('MONITOR')},
	q{SELECT window_start, segment, column_name, metric, value, p_value, verdict FROM weir.drift_scores('MONITOR')},
	q{SELECT window_start, segment, protected, group_name, metric, value, low, high, verdict FROM weir.fairness_scores('MONITOR')},
	q{SELECT window_start, segment, metric, value, low, high, n FROM weir.performance_scores('MONITOR') WHERE NOT is_estimate});

sub differences
{
	return join ', ', map { my $query = $_; '(' . join(' + ', map { my ($a, $b) = @$_; "(SELECT count(*) FROM (($query) EXCEPT ALL ($query)) d)" =~ s/MONITOR/$a/r =~ s/MONITOR/$b/r }
		[ 'loans', 'everything' ], [ 'everything', 'loans' ]) . ')' } @_;
}

sub equal
{
	my ($what, @only) = @_;
	center(q{SELECT weir.wait_for(timeout => '120 s')});
	wait_until($center, 'SELECT ' . differences($readings[1]) . ' = 0', "$what: statistics are those of one database");
	is(center('SELECT ' . differences(@only ? @only : @readings)), join('|', (0) x (@only || @readings)), "$what: and so is everything else");
	return;
}

# ---- begin ----
for my $name (sort keys %node)
{
	$node{$name}->safe_psql('postgres', qq{CREATE TABLE loans($columns); ALTER TABLE loans REPLICA IDENTITY FULL;
		SELECT weir.create_monitor('loans', 'loans', $monitor, segment_by => '{region}'); SELECT weir.publish_panes('loans', '$name', min_group_size => 1);
		CREATE PUBLICATION panes FOR TABLE weir.node, weir.node_pane});
}
center(qq{CREATE TABLE loans(node text, $columns); CREATE TABLE everything(node text, $columns); ALTER TABLE everything REPLICA IDENTITY FULL;
	SELECT weir.create_monitor('everything', 'everything', $monitor, segment_by => '{node,region}')});
insert('lyon', 1, 3000);
insert('oslo', 1, 500);

# One node before the monitor is there, one after it.
sub join_center { my ($name) = @_; return center("CREATE SUBSCRIPTION $name CONNECTION '" . $node{$name}->connstr . " dbname=postgres' PUBLICATION panes"); }
join_center('lyon');
wait_until($center, q{SELECT sum(n) = 3000 FROM weir.node_pane}, 'panes have arrived');
center(qq{SELECT weir.create_monitor('loans', 'loans', $monitor, segment_by => '{node,region}', options => '{"nodes": "loans", "silent_after": "1 hour"}')});
join_center('oslo');
center("SELECT weir.set_baseline('$_', since => '2026-03-01', until => '2026-03-01 02:00') FROM generate_series(1, 1)") for qw(loans everything);
equal('at first');
is(center(q{SELECT monitor, node, state, n, missing_columns FROM weir.nodes ORDER BY node}), "loans|lyon|active|3000|\nloans|oslo|active|500|", 'both nodes are there');
cmp_ok(center(q{SELECT count(*) FROM weir.fairness_scores('loans')}), '>', 100, 'there is something to compare');
is(center(q{SELECT count(*) FROM loans}), 0, 'no row has left its node');

# ---- everything that changes rows ----
insert('oslo', 501, 2500);
both('lyon', q{UPDATE TABLE SET repaid = 1 WHERE repaid IS NULL AND id < 1500NODE});
both('lyon', q{UPDATE TABLE SET at = at + interval '3 hours', income = income * 1.5 WHERE id % 10 = 3NODE});
both('oslo', q{DELETE FROM TABLE WHERE id BETWEEN 100 AND 400NODE});
insert('lyon', -500, -1);
equal('updates, deletes and late rows');

# ---- crashes ----
$node{oslo}->stop('immediate');
insert('lyon', 3001, 4000);
wait_until($center, q{SELECT n > 3900 FROM weir.nodes WHERE node = 'lyon'}, 'one node goes on while the other is down');
is(center(q{SELECT state, n FROM weir.nodes WHERE node = 'oslo'}), 'active|2199', 'which still counts with what it had');
$node{oslo}->start;
insert('oslo', 2501, 3500);
$center->stop('immediate');
$node{lyon}->safe_psql('postgres', q{DELETE FROM loans WHERE id % 7 = 0});
$center->start;
center(q{DELETE FROM everything WHERE id % 7 = 0 AND node = 'lyon'});
equal('a node and the centre crashed');

# ---- who is waited for ----
is(center(q{SELECT bool_and(is_final) FROM weir.windows('loans', until => '2026-03-01 03:00')}), 't', 'windows become final');
is(center(q{SELECT weir._final_before(monitor_id) = (SELECT min(final_before) FROM weir.node) FROM weir.monitor WHERE name = 'loans'}), 't', 'where they are at all nodes');
$node{oslo}->stop;
center(q{UPDATE weir.node SET published_at = now() - interval '2 hours', final_before = '2026-03-01 01:00' WHERE node = 'oslo'});
is(center(q{SELECT state FROM weir.nodes WHERE node = 'oslo'}), 'silent', 'a node that has long been silent');
is(center(q{SELECT weir._final_before(monitor_id) = (SELECT final_before FROM weir.node WHERE node = 'lyon') FROM weir.monitor WHERE name = 'loans'}), 't', 'is not waited for');
$node{oslo}->start;
wait_until($center, q{SELECT state = 'active' FROM weir.nodes WHERE node = 'oslo'}, 'until it is heard of again');

# ---- a node whose slot was lost, and much has changed since ----
sub copied { my ($name) = @_; return "SELECT count(*) = 2 FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid WHERE s.subname = '$name' AND r.srsubstate = 'r'"; }
# ---- and which would pass for another one before ----
$node{oslo}->safe_psql('postgres', q{INSERT INTO weir.node SELECT monitor, 'lyon', definition, levels, min_group_size, 0, final_before, published_at FROM weir.node WHERE node = 'oslo'});
$center->wait_for_log(qr/node "lyon" already brings the panes of monitor "loans" to this database, by subscription "lyon"/);
is(center(q{SELECT string_agg(node, ' ' ORDER BY node) FROM weir.nodes WHERE state = 'active'}), 'lyon oslo', 'a node cannot bring what is of another one');
$node{oslo}->safe_psql('postgres', q{DELETE FROM weir.node WHERE node = 'lyon'});
center('DROP SUBSCRIPTION oslo');
both('oslo', q{DELETE FROM TABLE WHERE id BETWEEN 500 AND 1200NODE});
insert('oslo', 3501, 4000);
$node{oslo}->safe_psql('postgres', 'SELECT weir.wait_for()');
like(($center->psql('postgres', q{SELECT weir.forget_node('bergen')}))[2], qr/no node "bergen" publishes panes to this database/, 'only a node can be forgotten');
center(q{SELECT weir.forget_node('oslo')});
is(center(q{SELECT (SELECT string_agg(node, ' ') FROM weir.nodes), count(*) FILTER (WHERE segment LIKE 'oslo%') FROM weir.windows('loans')}), 'lyon|0', 'a node is forgotten');
join_center('oslo');
wait_until($center, copied('oslo'), 'it is subscribed to anew');
equal('a node that was away for too long');

# ---- a region passes on what its nodes send ----
my $world = start_weir('world');
center(q{CREATE PUBLICATION panes FOR TABLE weir.node, weir.node_pane});
$world->safe_psql('postgres', qq{CREATE TABLE loans(node text, $columns);
	SELECT weir.create_monitor('loans', 'loans', $monitor, segment_by => '{node,region}', options => '{"nodes": "loans"}')});
$world->safe_psql('postgres', "CREATE SUBSCRIPTION center CONNECTION '" . $center->connstr . " dbname=postgres' PUBLICATION panes");
my $said = q{SELECT string_agg(w::text, E'\n' ORDER BY window_start, segment) FROM (SELECT window_start, segment, n, n_labelled FROM weir.windows('loans')) w};
my $expected = center($said);
wait_until($world, "SELECT ($said) = \$said\$$expected\$said\$", 'a third level reads the same');
$world->stop;

# ---- definitions that differ ----
$node{lyon}->safe_psql('postgres', q{SELECT weir.alter_monitor('loans', add_columns => '{region}', drop_columns => '{purpose}'); SELECT weir.wait_for()});
wait_until($center, q{SELECT missing_columns = '{purpose}' FROM weir.nodes WHERE node = 'lyon'}, 'a node has a column no more');
is(center(q{SELECT count(*) FROM weir.window_stats('loans') WHERE column_name = 'purpose' AND segment LIKE 'lyon%' AND n > 0}), 0, 'its windows say nothing of it');
center(q{SELECT weir.alter_monitor(m, drop_columns => '{purpose}') FROM unnest(ARRAY['loans', 'everything']) m});
equal('without that column');
$node{oslo}->safe_psql('postgres', q{SELECT weir.alter_monitor('loans', kinds => '{"income": "category"}'); SELECT weir.wait_for()});
wait_until($center, q{SELECT state = 'refused' AND reason = 'its column income is category (double precision), not numeric (double precision)' FROM weir.nodes WHERE node = 'oslo'},
	'a node with another kind of column is left out, and says why');
is(center(q{SELECT count(*) FILTER (WHERE segment LIKE 'oslo%'), count(*) FILTER (WHERE segment LIKE 'lyon%') > 0 FROM weir.windows('loans')}), '0|t', 'the other one stays');
$node{oslo}->safe_psql('postgres', q{SELECT weir.alter_monitor('loans', kinds => '{"income": "numeric"}'); SELECT weir.wait_for()});
equal('it is as the others again');

# ---- a pane that cannot be merged, until the node tells it anew ----
$node{oslo}->safe_psql('postgres', q{UPDATE weir.node_pane SET n_labelled = -1 WHERE pane_start = (SELECT min(pane_start) FROM weir.node_pane)});
wait_until($center, q{SELECT state = 'refused' AND reason LIKE '% rows, -1 labels, %' AND refused_panes = 3 FROM weir.nodes WHERE node = 'oslo'}, 'a node is left out for panes that cannot be merged');
both('oslo', q{UPDATE TABLE SET income = income + 1 WHERE at < '2026-03-01 01:00'NODE});
equal('it comes in again by itself');
is(center(q{SELECT state, refused_panes FROM weir.nodes WHERE node = 'oslo'}), 'active|0', 'for none is left');

# ---- what stays at the nodes ----
$node{lyon}->safe_psql('postgres', q{SELECT weir.classify_column('loans', 'income', 'personal'); SELECT weir.publish_panes('loans', 'lyon', min_group_size => 20)});
wait_until($center, q{SELECT min_group_size = 20 AND 'income' = ANY (missing_columns) FROM weir.nodes WHERE node = 'lyon'}, 'personal columns stay');
wait_until($center, q{SELECT count(*) > 0 AND min(n) >= 20 FROM weir.node_pane WHERE node = 'lyon'}, 'small panes stay');
is(center(q{SELECT sum(p.n) + max(o.n_suppressed) FROM weir.node_pane p JOIN weir.node o USING (monitor, node) WHERE node = 'lyon'}),
	$node{lyon}->safe_psql('postgres', q{SELECT count(*) - (count(*) - (SELECT sum(n) FROM weir.node_pane)) % 20 FROM loans}), 'and are counted, in steps');
is(center(q{SELECT min(g.n) >= 20 FROM weir.node_pane p, unnest(p.fairness) f, weir.fairness_groups(f) g WHERE node = 'lyon'}), 't', 'so do small groups');
is(center(q{SELECT min(t.count) >= 20 FROM weir.node_pane p, unnest(p.summaries) s,
	LATERAL (SELECT t.count FROM weir.top(s, 1000) t WHERE weir.kind(s) = 'category') t WHERE node = 'lyon'}), 't', 'and rare categories');
is(center(q{SELECT bool_and(weir.value_count(s) >= 20 AND weir.distinct_count(s) <= greatest(weir.value_count(s) / 20, 1)) FROM weir.node_pane p JOIN weir.monitor_column c ON c.column_name = 'score'
	JOIN weir.monitor m ON m.monitor_id = c.monitor_id AND m.name = 'loans' JOIN weir.node_merge g ON g.monitor_id = m.monitor_id AND g.node = p.node,
	LATERAL (SELECT p.summaries[g.positions[c.ordinal]] AS s) v
	WHERE p.node = 'lyon' AND s IS NOT NULL}), 't', 'and single numbers');
# Two states of a pane that has left do not differ by a few rows. Later panes may become final meanwhile, as nothing comes.
my $state = q{SELECT md5(string_agg(p::text, ' ' ORDER BY pane_start, segment)) FROM weir.node_pane p WHERE node = 'lyon' AND pane_start < '2026-03-01 03:00'};
my $compared = q{SELECT NOT EXISTS (SELECT FROM weir.published_pane q JOIN weir.pane p USING (monitor_id, pane_start, segment) WHERE p.generation = 0 AND p.xmin <> q.version)};
wait_until($node{lyon}, $compared, 'all panes have been looked at');
my $before = $node{lyon}->safe_psql('postgres', $state);
$node{lyon}->safe_psql('postgres', q{UPDATE loans SET score = 0.99 WHERE id = (SELECT min(id) FROM loans WHERE region = 'north' AND at < '2026-03-01 02:00' AND id > 0); SELECT weir.wait_for()});
wait_until($node{lyon}, $compared, 'so has the one of a row that changed');
is($node{lyon}->safe_psql('postgres', $state), $before, 'one row more does not leave');
$node{lyon}->safe_psql('postgres', q{UPDATE loans SET score = 0.99 WHERE region = 'north' AND at BETWEEN '2026-03-01 01:00' AND '2026-03-01 01:59'});
wait_until($node{lyon}, "SELECT ($state) <> '$before'", 'many do');
is(center(q{SELECT count(*) FROM weir.node_pane p, unnest(p.summaries) WITH ORDINALITY s (summary, ordinal) WHERE node = 'lyon' AND summary IS NOT NULL AND ordinal = 1}), 0,
	'nothing of a personal column has left');
# Who holds a publication is not waited for, and the others go on.
$node{oslo}->safe_psql('postgres', qq{SELECT weir.create_monitor('others', 'loans', $monitor); SELECT weir.publish_panes('others', 'oslo', min_group_size => 1); SELECT weir.wait_for()});
my $others = q{SELECT coalesce(sum(n), 0) = (SELECT count(*) FROM loans) FROM weir.node_pane WHERE monitor = 'others'};
wait_until($node{oslo}, $others, 'a second monitor is published');
# Nor does an error of one stop the others.
$node{oslo}->safe_psql('postgres', q{CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'quoted %', NEW USING ERRCODE = '22000'; RAISE 'refused'; END$$;
	CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON weir.node_pane FOR EACH ROW WHEN (NEW.monitor = 'loans') EXECUTE FUNCTION refuse()});
$node{oslo}->safe_psql('postgres', q{DELETE FROM loans WHERE id % 10 = 5; SELECT weir.wait_for()});
wait_until($node{oslo}, $others, 'an error of the first stops no others');
is($node{oslo}->safe_psql('postgres', q{SELECT sum(n) > (SELECT count(*) FROM loans) FROM weir.node_pane WHERE monitor = 'loans'}), 't', 'it was one');
like(slurp_file($node{oslo}->logfile), qr/weir could not publish panes of monitor/, 'and is told');
unlike(slurp_file($node{oslo}->logfile), qr/ quoted \(/, 'what a function of a user logs beside it is withheld');
$node{oslo}->safe_psql('postgres', q{DROP TRIGGER refuse ON weir.node_pane; DROP FUNCTION refuse()});
my $owner = $node{oslo}->background_psql('postgres');
$owner->query_safe(q{BEGIN; SELECT weir.withdraw_panes('loans')});
$node{oslo}->safe_psql('postgres', q{DELETE FROM loans WHERE id % 10 = 4; SELECT weir.wait_for()});
wait_until($node{oslo}, $others, 'it goes on while somebody takes back the first');
is($node{oslo}->safe_psql('postgres', q{SELECT sum(n) > (SELECT count(*) FROM loans) FROM weir.node_pane WHERE monitor = 'loans'}), 't', 'which stays as it was');
$owner->query_safe(q{SELECT weir.withdraw_panes('others'); COMMIT});
$owner->quit;
wait_until($center, q{SELECT count(*) = 0 FROM weir.windows('loans') WHERE segment LIKE 'oslo%'}, 'a node takes back everything');
is($node{oslo}->safe_psql('postgres', q{SELECT (SELECT count(*) FROM weir.node), (SELECT count(*) FROM weir.node_pane)}), '0|0', 'and has nothing to publish');
is(center(q{SELECT count(*) FROM weir.nodes}), 1, 'and the node is no more');
# What was published of panes that have been rolled up is not merged while somebody drops the monitor.
$node{lyon}->safe_psql('postgres', qq{SELECT weir.create_monitor('others', 'loans', $monitor); SELECT weir.publish_panes('others', 'lyon', min_group_size => 1); SELECT weir.wait_for()});
wait_until($node{lyon}, $others, 'there, too');
$owner = $node{lyon}->background_psql('postgres');
$owner->query_safe(q{BEGIN; SELECT FROM weir.pane_publication WHERE monitor = 'loans' FOR UPDATE});
$node{lyon}->safe_psql('postgres', q{SELECT weir.alter_monitor('loans', options => '{"roll_up": [{"after": "1 hour", "size": "6 hours"}]}')});
wait_until($node{lyon}, q{SELECT count(*) > 0 FROM weir._finer_published}, 'panes are rolled up');
$node{lyon}->safe_psql('postgres', q{DELETE FROM loans WHERE id % 10 = 4; SELECT weir.wait_for()});
wait_until($node{lyon}, $others, 'the task has passed over it');
is($node{lyon}->safe_psql('postgres', q{SELECT count(*) > 0 FROM weir._finer_published}), 't', 'and has merged nothing');
$owner->query_safe(q{SELECT weir.drop_monitor('loans'), weir.drop_monitor('others'); COMMIT});
$owner->quit;
is($node{lyon}->safe_psql('postgres', q{SELECT (SELECT count(*) FROM weir.node_pane), (SELECT count(*) FROM weir.published_pane)}), '0|0', 'nothing is left of a monitor that is dropped');
wait_until($center, q{SELECT count(*) = 0 FROM weir.node_pane}, 'nor elsewhere');

$_->stop foreach values %node, $center;
done_testing();
