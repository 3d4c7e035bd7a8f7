# REPACK, which came with PostgreSQL 19: a rewrite is no change of rows, not even where rows change meanwhile; and wal_level = replica is enough there.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $probe = PostgreSQL::Test::Cluster->new('probe');
my ($version) = run_command([ $probe->installed_command('postgres'), '--version' ]);
plan skip_all => 'REPACK came with PostgreSQL 19' if $version =~ /PostgreSQL\) (\d+)/ && $1 < 19;

my $node = start_weir('repack', wal_level => 'replica');

sub sql { return $node->safe_psql('postgres', $_[0]) }

is(sql('SHOW effective_wal_level'), 'replica', 'nothing is decoded without a monitor');
sql(q{
CREATE TABLE plain(id int PRIMARY KEY, at timestamptz NOT NULL, x float8, note text);
CREATE TABLE whole(LIKE plain INCLUDING ALL);
ALTER TABLE whole REPLICA IDENTITY FULL;
INSERT INTO plain SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i % 17, repeat(md5(i::text), 20) FROM generate_series(1, 5000) i;
INSERT INTO whole TABLE plain;
SELECT weir.create_monitor('plain', 'plain', 'at', columns => '{x}');
SELECT weir.create_monitor('whole', 'whole', 'at', columns => '{x}')});
all_equal($node, $_, "$_: built") for qw(plain whole);
is(sql('SHOW effective_wal_level'), 'logical', 'the slot has switched logical decoding on');

# --- as VACUUM FULL and CLUSTER
sql(q{UPDATE whole SET x = x + 1 WHERE id % 3 = 0});
sql(q{DELETE FROM whole WHERE id % 5 = 0});
sql(q{REPACK whole});
sql(q{REPACK whole USING INDEX whole_pkey});
sql(q{INSERT INTO whole SELECT i, '2026-01-04', 3 FROM generate_series(10001, 10010) i});
all_equal($node, 'whole', 'REPACK between changes');

# --- CONCURRENTLY, with writers at work until it is over: what they did is in the new table without having been decoded from there
my @writers = map {
	my $first = 100_000 * $_;
	my $writer = $node->background_psql('postgres');
	$writer->query_until(qr/begun/, qq{\\echo begun
DO \$\$ BEGIN FOR i IN $first .. $first + 499 LOOP INSERT INTO plain VALUES (i, '2026-01-02'::timestamptz + i * interval '1 s', i % 7); COMMIT; END LOOP; END \$\$;
});
	$writer
} 1 .. 2;
sql(q{REPACK (CONCURRENTLY) plain}) for 1 .. 3;
$_->quit for @writers;
is(sql('SELECT count(*) FROM plain'), 6000, 'writers wrote while the table was rewritten');
all_equal($node, 'plain', 'REPACK (CONCURRENTLY) beside writers');
is(sql(q{SELECT sum(n) FROM weir.windows WHERE monitor = 'plain'}), 6000, 'every row is counted once');
is(sql(q{SELECT count(*) FROM weir.gaps}), 0, 'no gap');

# --- without a slot PostgreSQL switches logical decoding off again; the next monitor switches it on
sql(q{SELECT weir.drop_monitor('plain'), weir.drop_monitor('whole')});
wait_until($node, q{SELECT current_setting('effective_wal_level') = 'replica'}, 'the last monitor is gone: logical decoding is off');
sql(q{INSERT INTO plain SELECT i, '2026-01-04', 3 FROM generate_series(20001, 20010) i});
sql(q{SELECT weir.create_monitor('again', 'plain', 'at', columns => '{x}')});
sql(q{INSERT INTO plain SELECT i, '2026-01-04', 3 FROM generate_series(20011, 20020) i});
all_equal($node, 'again', 'on again');
is(sql(q{SELECT sum(n) FROM weir.windows WHERE monitor = 'again'}), 6020, 'with all rows');

# --- a crash in the middle: it comes back switched on
$node->stop('immediate');
$node->start;
sql(q{INSERT INTO plain SELECT i, '2026-01-04', 3 FROM generate_series(30001, 30010) i});
all_equal($node, 'again', 'after a crash');

done_testing();
