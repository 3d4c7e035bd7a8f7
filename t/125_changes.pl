# Changes of every kind, from several sides at once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('local', max_prepared_transactions => 5);

sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{CREATE TABLE loans(id int PRIMARY KEY, at timestamptz, income float8, region text, sex text, approved boolean, repaid int, note text);
ALTER TABLE loans REPLICA IDENTITY FULL; ALTER TABLE loans ALTER note SET STORAGE EXTERNAL;
INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', i % 97, 'r' || i % 4, (ARRAY['F', 'M'])[1 + i % 2], i % 3 = 0, i % 2, repeat('n', 3000 + i)
	FROM generate_series(1, 600) i;
SELECT weir.create_monitor('loans', 'loans', 'at', window_size => '1 hour', segment_by => '{region}', prediction => 'approved', label => 'repaid', protected => '{sex}')});
all_equal($node, 'loans', 'before');

# --- two phases, upserts, savepoints, columns that decide where a row counts
sql(q{BEGIN; INSERT INTO loans(id, at, income, region) VALUES (1000, '2026-01-01', 1, 'r0'); UPDATE loans SET income = 5 WHERE id = 5; PREPARE TRANSACTION 'later';
BEGIN; DELETE FROM loans WHERE id = 6; INSERT INTO loans(id, at, region) VALUES (1001, '2026-01-01', 'never'); PREPARE TRANSACTION 'never'});
all_equal($node, 'loans', 'a prepared transaction does not count');
$node->restart;
sql(q{COMMIT PREPARED 'later'; ROLLBACK PREPARED 'never'});
all_equal($node, 'loans', 'before it is committed, after a restart');
is(sql(q{SELECT sum(n) FROM weir.windows WHERE monitor = 'loans' AND segment IS NULL}), 601, 'each row counts once');
sql(q{INSERT INTO loans(id, at, income, region) SELECT i, '2026-01-01', i, 'r1' FROM generate_series(590, 620) i ON CONFLICT (id) DO UPDATE SET income = excluded.income, region = 'r2';
INSERT INTO loans(id, at) VALUES (1, '2026-02-01') ON CONFLICT DO NOTHING});
all_equal($node, 'loans', 'upserts');
sql(q{UPDATE loans SET note = 'other' WHERE income = (SELECT max(income) FROM loans)});
all_equal($node, 'loans', 'an update of one column');
is(sql(q{SELECT count(*) FROM weir.window_stats WHERE monitor = 'loans' AND column_name = 'income' AND weir.extremes_stale(summary)}),
	0, 'leaves the extremes of the others alone');
sql(q{UPDATE loans SET sex = 'X' WHERE id % 7 = 0; UPDATE loans SET approved = NOT approved, repaid = NULL WHERE id % 11 = 0;
	UPDATE loans SET region = NULL, at = at + interval '1 day' WHERE id % 13 = 0;
UPDATE loans SET note = note || 'x' WHERE id % 17 = 0; UPDATE loans SET income = income + 1 WHERE id % 19 = 0; UPDATE loans SET at = NULL WHERE id = 20;
	UPDATE loans SET id = id + 100000 WHERE id % 23 = 0});
all_equal($node, 'loans', 'updates of protected, outcome, segment, time, key and long columns');
sql(q{BEGIN; SAVEPOINT a; DELETE FROM loans WHERE id < 50; SAVEPOINT b; UPDATE loans SET region = 'gone'; ROLLBACK TO b; INSERT INTO loans(id, at, region) VALUES (1,
	'2026-03-01', 'back'); RELEASE a; COMMIT;
DO $$ BEGIN FOR i IN 2000..2200 LOOP BEGIN INSERT INTO loans(id, at, region) VALUES (i, '2026-01-03', 'loop'); IF i % 3 = 0 THEN RAISE 'no'; END IF;
	EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$});
all_equal($node, 'loans', 'subtransactions, of which some are rolled back');
$node->psql('postgres', "COPY loans(id, at, region) FROM STDIN;\n3000\t2026-01-04\tcopy\n3001\t2026-01-04\t\\N\n\\.\n");
all_equal($node, 'loans', 'COPY');

# --- every replica identity, with values out of line that do not change: taken back exactly, or said not to be
my %identities = (
	full => 'FULL',
	default => 'DEFAULT',
	index => 'USING INDEX index_id_at_idx',
	nothing => 'NOTHING');
for my $name (sort keys %identities)
{
	sql(qq{CREATE TABLE "$name"(id int PRIMARY KEY, at timestamptz NOT NULL, x float8, note text); ALTER TABLE "$name" ALTER note SET STORAGE EXTERNAL; CREATE UNIQUE INDEX ON "$name"(id, at);
ALTER TABLE "$name" REPLICA IDENTITY $identities{$name}; INSERT INTO "$name" SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', i, repeat('n', 3000 + i % 3) FROM generate_series(1, 300) i;
SELECT weir.create_monitor('$name', '$name', 'at', columns => '{x,note}', kinds => '{"note": "category"}', window_size => '1 hour')});
	all_equal($node, $name, "replica identity $name");
	sql(qq{INSERT INTO "$name" SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', i, repeat('n', 3000) FROM generate_series(301, 350) i});
	all_equal($node, $name, 'inserts are exact');
	sql(qq{UPDATE "$name" SET x = x + 1 WHERE id % 50 = 0; UPDATE "$name" SET note = repeat('m', 3000) WHERE id = 7; UPDATE "$name" SET at = at + interval '5 hours' WHERE id % 60 = 1;
MERGE INTO "$name" t USING (VALUES (10), (11), (9000)) v(id) ON t.id = v.id WHEN MATCHED AND v.id = 10 THEN DELETE WHEN MATCHED THEN UPDATE SET x = -1
	WHEN NOT MATCHED THEN INSERT VALUES (v.id, '2026-01-02', 1, repeat('n', 3000)); DELETE FROM "$name" WHERE id = 8});
	all_equal($node, $name, 'updates, deletes and MERGE, too') if $name eq 'full';
	sql('SELECT weir.wait_for()');
	# An index that has the time tells which panes; without it, it may be any.
	is(sql(qq{SELECT inexact_since IS NOT NULL FROM weir.monitors WHERE monitor = '$name'}), $name =~ /full|index/ ? 'f' : 't', "$name: whether it is exact is said");
	is(sql(qq{SELECT different, marked > 0 FROM weir.verify('$name')}), '0|t', 'of each pane that a change touched') if $name eq 'index';
	sql(qq{SELECT weir.rebuild('$name')});
	all_equal($node, $name, 'a rebuild makes it so');
}

# --- two publishers, and local rows, into one table that is published itself
my @publishers = map { start_publisher("publisher$_") } 1 .. 2;
sql(q{CREATE TABLE events(source int, id int, at timestamptz, x float8, PRIMARY KEY (source, id)); ALTER TABLE events REPLICA IDENTITY FULL; CREATE PUBLICATION onward FOR TABLE events;
SELECT weir.create_monitor('events', 'events', 'at', window_size => '1 hour')});
for my $i (1 .. 2)
{
	$publishers[$i - 1]->safe_psql('postgres', qq{CREATE TABLE events(source int, id int, at timestamptz, x float8, PRIMARY KEY (source, id)); ALTER TABLE events REPLICA IDENTITY FULL;
		INSERT INTO events SELECT $i, i, '2026-01-01'::timestamptz + i * interval '1 min', i FROM generate_series(1, 300) i; CREATE PUBLICATION p FOR TABLE events});
	sql("CREATE SUBSCRIPTION s$i CONNECTION '" . $publishers[$i - 1]->connstr . " dbname=postgres' PUBLICATION p");
}
$node->wait_for_subscription_sync($publishers[$_ - 1], "s$_") for 1 .. 2;
for my $round (1 .. 3)
{
	$_->safe_psql('postgres', qq{UPDATE events SET x = x + 1 WHERE id % 5 = $round; DELETE FROM events WHERE id % 50 = $round; INSERT INTO events
	SELECT source, id + 1000 * $round, at, x FROM events WHERE id < 50}) for @publishers;
	sql(qq{INSERT INTO events SELECT 3, i + 100 * $round, '2026-01-01 02:00', i FROM generate_series(1, 50) i; UPDATE events SET x = -1 WHERE source = 3 AND id % 7 = 0});
}
$publishers[$_ - 1]->wait_for_catchup("s$_") for 1 .. 2;
all_equal($node, 'events', 'rows of two publishers and of its own');
is(sql(q{SELECT sum(n) = (SELECT count(*) FROM events) FROM weir.windows WHERE monitor = 'events'}), 't', 'all of them');
sql("DROP SUBSCRIPTION s$_") for 1 .. 2;
$_->stop for @publishers;

$node->stop;
done_testing();
