# ALTER EXTENSION weir UPDATE: what it leaves is what a new installation has; until then nothing of weir runs, and afterwards everything goes on.
# From an earlier version made here, to try the comparison itself, and from every release that WEIR_OLD_RELEASES names (scripts/old-releases).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my %of = map { my ($path) = run_command([ 'pg_config', "--$_" ]); $_ => $path } qw(bindir sharedir pkglibdir);
my ($version) = slurp_file("$of{sharedir}/extension/weir.control") =~ /^default_version = '(.*)'/m;
my $catalog = slurp_file("$FindBin::Bin/lib/catalog.sql");

# A server whose files of weir may be changed: programs find the other files by their own place, so these are copied, the rest is linked.
sub copy_server
{
	my ($name) = @_;
	my $root = "$PostgreSQL::Test::Utils::tmp_check/$name";

	make_path(map { $root . dirname($_) } values %of);
	system_or_bail('cp', '-aL', $of{bindir}, $root . dirname($of{bindir}));
	system_or_bail('cp', '-as', $of{$_}, $root . dirname($of{$_})) for qw(sharedir pkglibdir);
	return $root;
}

# Puts the files of weir below $from, laid out as make install does, in the place of those of the server.
sub install_weir
{
	my ($root, $from) = @_;

	unlink glob("$root$of{sharedir}/extension/weir*"), "$root$of{pkglibdir}/weir.so";
	symlink($_, "$root$of{sharedir}/extension/" . basename($_)) or die for glob("$from$of{sharedir}/extension/weir*");
	symlink("$from$of{pkglibdir}/weir.so", "$root$of{pkglibdir}/weir.so") or die;
	return;
}

sub start_server
{
	my ($name, $root) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => $root . dirname($of{bindir}));

	$node->init(allows_streaming => 'logical');
	configure_weir($node)->start;
	return $node;
}

# The facts that two databases do not share, in a few words each.
sub differences
{
	my ($node, $one, $other) = @_;
	my (%count, @found);

	$count{$_}++ for split /\n/, $node->safe_psql($one, $catalog);
	$count{$_}-- for split /\n/, $node->safe_psql($other, $catalog);
	push @found, ($count{$_} > 0 ? "only in $one: " : "only in $other: ") . substr($_, 0, 300) for grep { $count{$_} } sort keys %count;
	return @found;
}

sub is_same_catalog
{
	my ($node, $one, $what) = @_;
	my @found;

	$node->safe_psql('postgres', 'CREATE DATABASE fresh');
	$node->safe_psql('fresh', 'CREATE EXTENSION weir');
	cmp_ok(scalar(split /\n/, $node->safe_psql('fresh', $catalog)), '>', 1000, "$what: a catalogue worth comparing");
	@found = differences($node, $one, 'fresh');
	is(scalar(@found), 0, "$what: the catalogue is that of a new installation") or diag(join "\n", @found);
	return;
}

sub make_monitor
{
	my ($node) = @_;

	$node->safe_psql('postgres', q{
CREATE TABLE sales(id bigserial PRIMARY KEY, at timestamptz NOT NULL, amount float8, item text, sex text, won boolean, paid int);
ALTER TABLE sales REPLICA IDENTITY FULL;
INSERT INTO sales(at, amount, item, sex, won, paid) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i % 97, 'item ' || i % 13, (ARRAY['F','M'])[1 + i % 2], i % 5 < 2, i % 2
FROM generate_series(1, 3000) i;
SELECT weir.create_monitor('sales', 'sales', 'at', window_size => '6 hours', segment_by => '{sex}', prediction => 'won', label => 'paid', protected => '{sex}');
SELECT weir.create_rule('drifts', 'sales', 'psi', above => 0.2)});
	return;
}

sub is_idle
{
	my ($node, $old, $what) = @_;

	$node->wait_for_log(qr/weir does nothing in database "postgres"\n.*DETAIL:  The extension is of version \Q$old\E there, the library that the server has loaded of \Q$version\E/);
	is($node->safe_psql('postgres', q{SELECT ok, found, remedy FROM weir.check_setup() WHERE check_name = 'version'}), "f|$old|ALTER EXTENSION weir UPDATE", "$what: said by check_setup");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'weir capture'}), 0, "$what: no capture");
	return;
}

# ---- an earlier version, made of this one by a script that takes a little of each kind back ----

my $root = copy_server('made');
my $script = slurp_file("$of{sharedir}/extension/weir--$version.sql");
my ($comment) = $script =~ /^(COMMENT ON FUNCTION weir\.check_setup\(\) IS\s.*?';)$/ms or die;
my ($view) = $script =~ /^(CREATE VIEW weir\.gaps .*?;)$/ms or die;
my ($view_comment) = $script =~ /^(COMMENT ON VIEW weir\.gaps IS\s.*?';)$/ms or die;
my ($view_grant) = $script =~ /^(GRANT SELECT ON weir\.gaps TO PUBLIC;)$/m or die;
my $before = q{
COMMENT ON FUNCTION weir.check_setup() IS 'As it was.';
DROP VIEW weir.gaps;
ALTER TABLE weir.capture_pause ADD COLUMN obsolete integer;
CREATE FUNCTION weir.obsolete() RETURNS integer LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION weir.wait_for(pg_lsn, interval) COST 77;
ALTER TABLE weir.capture_pause DROP CONSTRAINT capture_pause_singleton_check;
};
my $update = qq{
$comment
$view
$view_comment
$view_grant
ALTER TABLE weir.capture_pause DROP COLUMN obsolete;
DROP FUNCTION weir.obsolete();
ALTER FUNCTION weir.wait_for(pg_lsn, interval) COST 1;
ALTER TABLE weir.capture_pause ADD CHECK (singleton);
};
for my $old ('0.0.1', '0.0.2')
{
	append_to_file("$root$of{sharedir}/extension/weir--$old.sql", $script . $before);
	append_to_file("$root$of{sharedir}/extension/weir--$old--$version.sql", $old eq '0.0.1' ? $update : "SELECT 1;\n");
}
my $node = start_server('made', $root);
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(plain forgetful);
$node->safe_psql($_, q{CREATE EXTENSION weir VERSION '0.0.1'}) for qw(plain postgres);
$node->safe_psql('forgetful', q{CREATE EXTENSION weir VERSION '0.0.2'});
make_monitor($node);
is_idle($node, '0.0.1', 'before the update');
$node->safe_psql($_, 'ALTER EXTENSION weir UPDATE') for qw(plain postgres forgetful);
is_same_catalog($node, 'plain', 'after a good script');
my @found = differences($node, 'forgetful', 'fresh');
for my $what (qr/^only in forgetful: function weir\.check_setup\(\): comment: As it was/, qr/^only in fresh: view weir\.gaps/, qr/^only in fresh: relation weir\.gaps: rule/,
	qr/^only in forgetful: relation weir\.capture_pause: column obsolete/, qr/^only in forgetful: function weir\.obsolete\(\)/,
	qr/^only in forgetful: function weir\.wait_for\(.*cost 77/s, qr/^only in fresh: relation weir\.capture_pause: constraint/)
{
	is(scalar(grep { $_ =~ $what } @found) > 0, 1, "after a forgetful script: found $what") or diag(join "\n", @found);
}
is($node->safe_psql('postgres', q{SELECT ok FROM weir.check_setup() WHERE check_name = 'version'}), 't', 'the catalogue suits the library');
all_equal($node, 'sales', 'capture begins by itself, and has every row');

# An update that nobody runs: budgets hold all the same.
$node->safe_psql('postgres', q{UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'weir'});
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'weir capture'}, 'the catalogue is of another version once more');
# Nobody's command fails because weir's tables are those of another version.
$node->safe_psql('postgres', q{ALTER TABLE weir.source_change RENAME TO source_change_of_before});
my ($code, $out, $warning) = $node->psql('postgres', 'ALTER TABLE sales SET UNLOGGED; ALTER TABLE sales SET LOGGED');
is($code, 0, 'a table comes back to the log before the update');
like($warning, qr/weir cannot take note of what was written to table "sales" while it was unlogged.*HINT:  Run ALTER EXTENSION weir UPDATE, then weir\.rebuild/s, 'and what is to be done is said');
$node->safe_psql('postgres', q{ALTER TABLE weir.source_change_of_before RENAME TO source_change; ALTER SYSTEM SET weir.max_wal = '1MB'});
$node->reload;
$node->safe_psql('postgres', q{INSERT INTO sales(at, amount, sex) SELECT '2026-01-05', i, 'F' FROM generate_series(1, 30000) i});
wait_until($node, q{SELECT count(*) = 0 FROM pg_replication_slots}, 'the slot goes when it is past weir.max_wal');
$node->safe_psql('postgres', q{ALTER SYSTEM RESET weir.max_wal});
$node->reload;
$node->safe_psql('postgres', qq{UPDATE pg_extension SET extversion = '$version' WHERE extname = 'weir'});
wait_until($node, q{SELECT count(*) = 1 FROM weir.gaps WHERE healed_at IS NOT NULL}, 'and the gap is healed after the update');
all_equal($node, 'sales', 'with every row');
$node->stop;

# ---- from every release ----

for (split / /, $ENV{WEIR_OLD_RELEASES} // '')
{
	my ($old, $files) = split /=/, $_, 2;
	my $what = "from $old";

	$root = copy_server("from_$old");
	install_weir($root, $files);
	$node = start_server("from_$old", $root);
	$node->safe_psql('postgres', "CREATE DATABASE plain");
	$node->safe_psql($_, 'CREATE EXTENSION weir') for qw(plain postgres);
	make_monitor($node);
	all_equal($node, 'sales', "$what: before");
	$node->stop;
	install_weir($root, '');
	$node->start;
	is_idle($node, $old, $what);
	$node->safe_psql('postgres', q{INSERT INTO sales(at, amount, sex) SELECT '2026-01-05', i, 'F' FROM generate_series(1, 100) i; UPDATE sales SET amount = -1 WHERE id = 5});
	$node->safe_psql($_, 'ALTER EXTENSION weir UPDATE') for qw(plain postgres);
	is_same_catalog($node, 'plain', $what);
	all_equal($node, 'sales', "$what: capture goes on where it was, every row is in the panes");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM weir.gaps'), 0, "$what: without a gap");
	for my $view (split /\n/, $node->safe_psql('postgres', q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'weir'::regnamespace AND relkind = 'v' ORDER BY 1}))
	{
		$node->safe_psql('postgres', "SELECT * FROM $view");
	}
	$node->stop;
}

done_testing();
