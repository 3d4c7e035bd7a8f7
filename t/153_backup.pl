# Backups and copies: point-in-time recovery, a copy of all files, a copy of a database, a dump. None pretends to have seen what it has not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = PostgreSQL::Test::Cluster->new('origin');
$node->init(has_archiving => 1, allows_streaming => 'logical');
configure_weir($node)->start;
$node->safe_psql('postgres', q{
CREATE EXTENSION weir;
CREATE TABLE sales(id bigserial PRIMARY KEY, at timestamptz NOT NULL, amount float8);
ALTER TABLE sales REPLICA IDENTITY FULL;
INSERT INTO sales(at, amount) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 2000) i;
SELECT weir.create_monitor('sales', 'sales', 'at', window_size => '6 hours')});
all_equal($node, 'sales', 'before');
my $more = q{INSERT INTO sales(at, amount) SELECT '2026-01-02'::timestamptz + i * interval '1 min', i FROM generate_series(1, 500) i; DELETE FROM sales WHERE id % 7 = 1};

# --- point-in-time recovery: the slot is not part of a base backup
$node->backup('base');
$node->safe_psql('postgres', $more);
$node->safe_psql('postgres', q{SELECT weir.wait_for()});
my $rows = $node->safe_psql('postgres', 'SELECT count(*), sum(amount) FROM sales');
$node->safe_psql('postgres', q{SELECT pg_create_restore_point('here')});
$node->safe_psql('postgres', q{DELETE FROM sales WHERE id < 1500; SELECT weir.wait_for(); SELECT pg_switch_wal()});
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf', "archive_mode = off\nrecovery_target_name = 'here'\nrecovery_target_action = promote\n");
$restored->start;
wait_until($restored, q{SELECT count(*) = 1 AND bool_and(healed_at IS NOT NULL) FROM weir.gaps}, 'after point-in-time recovery a gap is recorded and healed');
is($restored->safe_psql('postgres', 'SELECT count(*), sum(amount) FROM sales'), $rows, 'the rows are those of that point');
all_equal($restored, 'sales', 'and so are the panes');
$restored->stop;

# --- all files of a stopped server: the slot is among them, and nothing was missed
$node->safe_psql('postgres', $more);
$node->stop;
$node->backup_fs_cold('files');
$node->start;
my $copy = PostgreSQL::Test::Cluster->new('copy');
$copy->init_from_backup($node, 'files');
$copy->append_conf('postgresql.conf', "archive_mode = off\n");
$copy->start;
$copy->safe_psql('postgres', $more);
all_equal($copy, 'sales', 'a copy of all files goes on');
is($copy->safe_psql('postgres', 'SELECT count(*) FROM weir.gaps'), 0, 'without a gap');
# Its slot needs WAL that somebody removed: said and healed, not tried for ever.
my $segment = $copy->safe_psql('postgres', q{SELECT weir.pause_capture(); SELECT pg_walfile_name(restart_lsn) FROM pg_replication_slots WHERE plugin = 'weir'});
$segment =~ s/\s//g;
$copy->safe_psql('postgres', "$more; SELECT pg_switch_wal()") for 1 .. 2;
$copy->safe_psql('postgres', 'CHECKPOINT');
$copy->stop;
unlink($copy->data_dir . "/pg_wal/$segment") or die "no $segment: $!";
$copy->start;
$copy->safe_psql('postgres', 'SELECT weir.resume_capture()');
wait_until($copy, q{SELECT kind = 'wal missing' AND healed_at IS NOT NULL FROM weir.gaps}, 'WAL that is not there is a gap, which is healed');
all_equal($copy, 'sales', 'from the table');
$copy->stop;

# --- a dump carries definitions and decisions, no state
my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr('postgres') ]);
unlike($dump, qr/^COPY weir\.(pane|build\w*|gap|capture\w*|monitor_state|generation)\b/m, 'a dump carries no state');
like($dump, qr/^COPY weir\.monitor /m, 'but definitions');

$node->stop;
done_testing();
