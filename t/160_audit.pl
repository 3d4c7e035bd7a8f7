# The audit log with many writers at once, through a crash, a dump and a restore; what was changed by hand is found; reviews race.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('audit', 'max_prepared_transactions' => 5);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub verified { my ($what, $database) = @_; return is($node->safe_psql($database // 'postgres', 'SELECT first_broken, reason, entries = last_number FROM weir.verify_audit_log()'), '||t', $what) }

# --- concurrent writers, some in long transactions, some rolled back, some in repeatable read
sql(q{CREATE ROLE ml LOGIN; CREATE ROLE ann LOGIN; CREATE ROLE ben LOGIN; CREATE ROLE risk; GRANT risk TO ann, ben; SET ROLE ml;
SELECT weir.create_model('m' || i, approvals => 2) FROM generate_series(1, 8) i});
my $script = $node->basedir . '/writer.sql';
append_to_file($script, <<'END');
\set m random(1, 8)
\set kind random(1, 4)
SET ROLE ml;
\if :kind = 1
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT weir.create_model('r' || :client_id || '_' || nextval('number'));
SELECT weir.create_model('r' || :client_id || '_' || nextval('number'));
COMMIT;
\elif :kind = 2
BEGIN;
SELECT weir.create_model('s' || :client_id || '_' || nextval('number'));
SAVEPOINT s;
SELECT weir.create_model('t' || :client_id || '_' || nextval('number'));
ROLLBACK TO s;
COMMIT;
\elif :kind = 3
BEGIN;
SELECT weir.create_model('u' || :client_id || '_' || nextval('number'));
ROLLBACK;
\else
SELECT weir.create_model_version('m' || :m);
\endif
END
sql('CREATE SEQUENCE number; GRANT USAGE ON SEQUENCE number TO ml');
$node->command_ok([ 'pgbench', '-n', '-c', '8', '-t', '40', '-f', $script, 'postgres' ], 'eight writers at once');
is(sql(q{SELECT (SELECT count(*) FROM weir.audit_log WHERE action = 'create' AND kind = 'model') = (SELECT count(*) FROM weir.model),
	(SELECT count(*) FROM weir.audit_log WHERE action = 'create' AND kind = 'model_version') = (SELECT count(*) FROM weir.model_version)}),
	't|t', 'an entry for what was committed, none for what was not');
verified('one chain');

# --- an open transaction keeps nobody waiting; places follow commits, not beginnings
my $long = $node->background_psql('postgres');
$long->query_safe(q{BEGIN; SELECT weir.create_model('long')});
sql(q{SET lock_timeout = '60s'; SELECT weir.create_model('short')});
$long->query_safe('COMMIT');
$long->quit;
is(sql(q{SELECT string_agg(subject, ' ' ORDER BY number) FROM weir.audit_log WHERE subject IN ('long', 'short')}), 'short long', 'in the order of commits');
my ($code, $out, $error) = $node->psql('postgres', q{BEGIN; SELECT weir.create_model('prepared'); PREPARE TRANSACTION 'x'});
like($error, qr/cannot PREPARE a transaction that has written to weir's audit log/, 'no prepared transaction holds the end of the chain');
$node->psql('postgres', q{BEGIN; SELECT weir.create_model('gone'); DROP EXTENSION weir CASCADE; ROLLBACK});
verified('dropping the extension in a transaction that wrote');

# --- two who approve at once: each counts, and only once
my $review = sql(q{SET ROLE ml; SELECT weir.create_model_version('m1'); SELECT weir.request_review('model_version', 'm1/1', reviewers => '{risk}')});
$review = (split /\n/, $review)[-1];
my @sessions = map { $node->background_psql('postgres') } 1 .. 2;
$sessions[$_]->query_safe('SET SESSION AUTHORIZATION ' . (qw(ann ben))[$_]) for 0 .. 1;
is($sessions[0]->query_safe("BEGIN; SELECT weir.review($review, 'approve', 'good')"), 'open', 'the first approves, and waits to commit');
$sessions[1]->query_until(qr/begun/, "\\echo begun\nSELECT weir.review($review, 'approve', 'good, too');\n");
wait_until($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%good, too%'}, 'the second waits for the first');
$sessions[0]->query_safe('COMMIT');
$_->quit for @sessions;
is(sql("SELECT state, n_decisions FROM weir.reviews WHERE review_id = $review"), 'approved|2', 'both count');
sql(q{SET ROLE ml; SELECT weir.promote_model('m1', 1)});

# --- roles that are renamed and dropped stay in the record as they were called
sql(q{ALTER ROLE ann RENAME TO anna; REASSIGN OWNED BY ml TO postgres; DROP OWNED BY ml; DROP ROLE ml});
is(sql(q{SELECT string_agg(DISTINCT role, ',' ORDER BY role) FROM weir.audit_log WHERE kind IN ('review', 'model_version')}), 'ann,ben,ml', 'names are those of the time');
is(sql("SELECT decisions -> 0 ->> 'person' FROM weir.reviews WHERE review_id = $review"), 'anna', 'decisions follow the role');
is(sql(q{SELECT count(*) > 0 FROM weir.model_versions WHERE model = 'm1'}), 't', 'what a dropped role owned is still there');
verified('all the same');

# --- a crash
$node->stop('immediate');
$node->start;
verified('after a crash');

# --- dumped, restored, continued
my $head = sql(q{SELECT last_number, quote_literal(last_hash) FROM weir.verify_audit_log()});
$head =~ s/\|/, /;
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'dumped');
sql('CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', $dump ], 'restored');
verified('the chain of a restored log', 'restored');
is($node->safe_psql('restored', "SELECT first_broken FROM weir.verify_audit_log($head)"), '', 'with the end that was noted');
is($node->safe_psql('restored', 'SELECT state, n_decisions FROM weir.reviews'), 'approved|2', 'reviews are restored');
$node->safe_psql('restored', q{SELECT weir.create_model('after'); SELECT weir.create_model_version('after')});
verified('and it goes on', 'restored');

# --- by hand: refused, and where a superuser forces it, found
for my $statement (q{UPDATE weir.audit_entry SET role = 'x'}, 'DELETE FROM weir.audit_chain', 'TRUNCATE weir.audit_entry, weir.audit_chain')
{
	($code, $out, $error) = $node->psql('restored', "SET session_replication_role = replica; $statement");
	like($error, qr/the audit log is append-only/, "refused: $statement");
}
my $force = 'ALTER TABLE weir.audit_entry DISABLE TRIGGER append_only; ALTER TABLE weir.audit_chain DISABLE TRIGGER append_only';
my @tampering = (
	[ 'an entry changed', q{UPDATE weir.audit_entry SET role = 'x' WHERE audit_id = (SELECT audit_id FROM weir.audit_chain WHERE number = 7)}, qr/^7\|the entry or its hash/ ],
	[ 'its time changed', q{UPDATE weir.audit_entry SET recorded_at = recorded_at + interval '1 us'
		WHERE audit_id = (SELECT audit_id FROM weir.audit_chain WHERE number = 8)}, qr/^8\|the entry or its hash/ ],
	[ 'an entry removed', q{DELETE FROM weir.audit_entry WHERE audit_id = (SELECT audit_id FROM weir.audit_chain WHERE number = 9)}, qr/^9\|the entry is missing/ ],
	[ 'entry and link removed', q{WITH c AS (DELETE FROM weir.audit_chain WHERE number = 9 RETURNING audit_id)
		DELETE FROM weir.audit_entry WHERE audit_id IN (SELECT audit_id FROM c)},
		qr/^9\|a link of the chain is missing/ ],
	[ 'the first removed', q{DELETE FROM weir.audit_chain WHERE number = 1}, qr/^1\|a link of the chain is missing/ ],
	[ 'two exchanged', q{UPDATE weir.audit_chain c SET audit_id = o.audit_id + 1000000 FROM weir.audit_chain o WHERE c.number IN (5, 6) AND o.number = 11 - c.number;
		UPDATE weir.audit_chain SET audit_id = audit_id - 1000000 WHERE number IN (5, 6)}, qr/^5\|the entry or its hash/ ],
	[ 'one put in', q{INSERT INTO weir.audit_entry (role, session_role, action, kind, subject, detail)
		VALUES ('x', 'x', 'promote', 'model_version', 'm/1', '{}')},
		qr/^\|entry with audit_id \d+ is not part of the chain/ ],
	[ 'the end cut off', q{WITH c AS (DELETE FROM weir.audit_chain WHERE number > 3 RETURNING audit_id)
		DELETE FROM weir.audit_entry WHERE audit_id IN (SELECT audit_id FROM c)},
		qr/^\d+\|the hash noted earlier/ ]);
for my $case (@tampering)
{
	my ($what, $statement, $expected) = @$case;
	my $found = $node->safe_psql('restored', "BEGIN; $force; $statement; SELECT first_broken, reason FROM weir.verify_audit_log($head); ROLLBACK");
	like($found, $expected, "found: $what");
}
verified('nothing of that is left', 'restored');

$node->stop;
done_testing();
