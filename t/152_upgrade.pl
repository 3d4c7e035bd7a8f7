# pg_upgrade, from the same release and from those that WEIR_OLD_SERVERS names (directories with bin/, weir installed): definitions
# survive, state is rebuilt, and nothing pretends that no change was missed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my ($bindir) = run_command([ 'pg_config', '--bindir' ]);
chdir $PostgreSQL::Test::Utils::tmp_check or die;    # pg_upgrade leaves a script behind

# The options of initdb that both sides have alike: checksums became the default with 18.
sub initialise
{
	my ($node) = @_;
	$node->init(allows_streaming => 'logical', extra => $node->pg_version >= 18 ? ['--no-data-checksums'] : []);
	# What the tests of 18 write for every release, older ones do not know.
	$node->adjust_conf('postgresql.conf', 'autovacuum_worker_slots', undef) if $node->pg_version < 18;
	return configure_weir($node);
}

sub upgrade
{
	my ($name, $old_path, $prepares) = @_;
	my $old = PostgreSQL::Test::Cluster->new("old_$name", $old_path ? (install_path => $old_path) : ());
	my $new = PostgreSQL::Test::Cluster->new("new_$name");
	my $from = 'from ' . ($old_path ? $old->pg_version : 'the same release') . ($prepares ? '' : ', unprepared');

	initialise($old)->start;
	$old->safe_psql('postgres', q{
CREATE EXTENSION weir;
CREATE TABLE sales(id bigserial PRIMARY KEY, at timestamptz NOT NULL, amount float8, item text, sex text, won boolean, paid int);
ALTER TABLE sales REPLICA IDENTITY FULL;
INSERT INTO sales(at, amount, item, sex, won, paid) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i % 97, 'item ' || i % 13, (ARRAY['F','M'])[1 + i % 2], i % 5 < 2, i % 2
FROM generate_series(1, 3000) i;
SELECT weir.create_monitor('sales', 'sales', 'at', window_size => '6 hours', segment_by => '{sex}', prediction => 'won', label => 'paid', protected => '{sex}');
SELECT weir.set_baseline('sales', since => '2026-01-01', until => '2026-01-02');
SELECT weir.create_rule('drifts', 'sales', 'psi', above => 0.2)});
	all_equal($old, 'sales', "$from: before");
	if ($prepares)
	{
		is($old->safe_psql('postgres', 'SELECT weir.prepare_upgrade()'), 1, "$from: prepared");
		is($old->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), 0, "$from: without a slot");
		is($old->safe_psql('postgres', 'SELECT state, gaps FROM weir.capture_status'), 'prepared for upgrade|1', "$from: which is shown");
		my ($code, $stdout, $stderr) = $old->psql('postgres', 'SELECT weir.wait_for()');
		like($stderr, qr/stopped for an upgrade/, "$from: and waits for nothing");
		$old->safe_psql('postgres', 'SELECT weir.resume_capture()');
		all_equal($old, 'sales', "$from: it can be taken back");
		is($old->safe_psql('postgres', 'SELECT kind, healed_at IS NOT NULL FROM weir.gaps'), 'upgrade|t', "$from: with a gap that is healed");
		$old->safe_psql('postgres', 'SELECT weir.prepare_upgrade()');
	}
	$old->safe_psql('postgres', q{INSERT INTO sales(at, amount, sex) SELECT '2026-01-05', i, 'F' FROM generate_series(1, 100) i}) if $prepares;
	$old->stop;

	initialise($new);
	$new->command_ok([ 'pg_upgrade', '--no-sync', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $old_path ? "$old_path/bin" : $bindir, '-B', $bindir,
			'-s', $new->host, '-p', $old->port, '-P', $new->port ], "$from: pg_upgrade");
	$new->start;
	wait_until($new, q{SELECT count(*) > 0 AND bool_and(healed_at IS NOT NULL) FROM weir.gaps}, "$from: the gap is noticed and healed");
	is($new->safe_psql('postgres', 'SELECT kind FROM weir.gaps ORDER BY gap_id DESC LIMIT 1'), $prepares ? 'upgrade' : 'foreign identity', "$from: with its reason");
	all_equal($new, 'sales', "$from: every row is in the panes");
	is($new->safe_psql('postgres', q{SELECT (SELECT count(*) FROM weir.rules), (SELECT count(*) FROM weir.baseline), (SELECT count(*) FROM pg_replication_slots)}),
		'1|1|1', "$from: definitions are there");
	$new->safe_psql('postgres', q{INSERT INTO sales(at, amount, sex) SELECT '2026-01-06', i, 'M' FROM generate_series(1, 100) i});
	all_equal($new, 'sales', "$from: and it goes on");
	$new->stop;
	return;
}

upgrade('same', undef, 1);
upgrade('unprepared', undef, 0) if PostgreSQL::Test::Cluster->new('any')->pg_version < 17;
upgrade('major_' . $_, (split /:/, $ENV{WEIR_OLD_SERVERS})[$_], 1) for 0 .. (() = split(/:/, $ENV{WEIR_OLD_SERVERS} // '')) - 1;

done_testing();
