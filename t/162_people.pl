# Many people label at once; a subject is erased and the panes forget it; audits fall due by schedule; reviews that are late are told of; a dump keeps it all.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('people');

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub sql_as { my ($role, $query) = @_; return $node->safe_psql('postgres', $query, extra_params => [ '-U', $role ]) }

sql(q{CREATE ROLE ml LOGIN; CREATE ROLE board LOGIN; CREATE ROLE labellers; GRANT CREATE ON SCHEMA public TO ml});
sql("CREATE ROLE labeller$_ LOGIN IN ROLE labellers") for 1 .. 6;
sql_as('ml', q{CREATE TABLE loans(id bigint PRIMARY KEY, at timestamptz NOT NULL, person text, income float8, sex text, score float8, approved boolean, repaid boolean);
ALTER TABLE loans REPLICA IDENTITY FULL;
INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', 'person ' || i % 100, i % 97, (ARRAY['F', 'M'])[1 + i % 2],
	(i * 7 % 100) / 100.0, i % 3 = 0 FROM generate_series(1, 2000) i;
INSERT INTO loans VALUES (5000, '2026-01-02 12:00', 'Croesus', 1e6, 'M', 0.99, true), (5001, '2026-01-09 12:00', 'Croesus', -1e6, 'M', 0.99, true);
SELECT weir.create_monitor('loans', 'loans', 'at', window_size => '1 day', prediction => 'approved', score => 'score', label => 'repaid', protected => '{sex}');
SELECT weir.set_baseline('loans', since => '2026-01-01', until => '2026-01-08')});
all_equal($node, 'loans', 'the monitor is built');

# --- labelling by several at once: each row is labelled by as many as wanted, by nobody twice
sql_as('ml', q{SELECT weir.create_labelling_queue('q', 'loans', labellers => '{labellers}', labels_per_item => 3, uncertain => 0.5, random_share => 0);
SELECT weir.fill_labelling_queue('q', 60)});
my @sessions;
for my $labeller (1 .. 6)
{
	my ($in, $out, $err) = (
		q{DO $$ DECLARE item bigint; BEGIN
			LOOP
				SELECT item_id INTO item FROM weir.claim_labelling_item('q');
				EXIT WHEN item IS NULL;
				COMMIT;
				PERFORM weir.label_item(item, CASE WHEN item % 4 = 0 THEN 'false' ELSE 'true' END);
				COMMIT;
			END LOOP;
		END $$;}, '', '');
	my $handle = IPC::Run::start([ $node->installed_command('psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') . " user=labeller$labeller" ], \$in, \$out, \$err);
	push @sessions, [ $handle, \$err ];
}
for my $session (@sessions)
{
	ok($session->[0]->finish, 'a labeller is through') or diag ${ $session->[1] };
}
is(sql(q{SELECT count(*), bool_and(state = 'done'), bool_and(jsonb_array_length(labels) = 3), bool_and(label = CASE WHEN item_id % 4 = 0 THEN 'false' ELSE 'true' END) FROM weir.labelling_items}),
	'60|t|t|t', 'every row has its three labels, and what they agree on');
is(sql(q{SELECT count(*) FROM (SELECT i.item_id, l ->> 'person' FROM weir.labelling_items i, jsonb_array_elements(i.labels) l GROUP BY 1, 2 HAVING count(*) > 1) x}), 0, 'nobody labelled twice');
is(sql(q{SELECT count(*) FROM loans WHERE repaid IS NOT NULL}), 60, 'labels went back to the table');
is(sql(q{SELECT kappa, alpha FROM weir.labelling_agreement WHERE first_person IS NULL}), '1|1', 'they agree');
all_equal($node, 'loans', 'late labels are in the panes');
is(sql(q{SELECT sum(n_labelled) FROM weir.windows('loans') WHERE segment IS NULL}), 60, 'and counted there');

# --- a claim that runs out goes to another
sql_as('ml', q{SELECT weir.create_labelling_queue('one', 'loans', labellers => '{labellers}', uncertain => 0, random_share => 1); SELECT weir.fill_labelling_queue('one', 1)});
sql_as('labeller1', q{SELECT weir.claim_labelling_item('one', lease => '1 hour')});
is(sql_as('labeller2', q{SELECT count(*) FROM weir.claim_labelling_item('one')}), 0, 'what one holds is not handed out');
sql(q{UPDATE weir.labelling_label SET lease_until = now() - interval '1 second' WHERE label IS NULL});
is(sql_as('labeller2', q{SELECT weir.label_item((SELECT item_id FROM weir.claim_labelling_item('one')), 'true')}), 'done', 'until its lease has passed');
my ($code, $out, $error) = $node->psql('postgres', q{SELECT weir.label_item((SELECT max(item_id) FROM weir.labelling_item), 'false')}, extra_params => [ '-U', 'labeller1' ]);
isnt($code, 0, 'the late one is refused');

# --- erasing: minima, maxima, categories forget
sql_as('ml', q{SELECT weir.create_data_version('loans', 'SELECT * FROM loans')});
sql_as('ml', q{SELECT weir.file_complaint('loans', '5000', 'too little')});
sql(q{INSERT INTO weir.alert (monitor_id, rule, severity, family, subject, metric, value, threshold, window_start, window_end, last_window_start, message, detail)
	SELECT monitor_id, 'shifts', 'alert', 'drift', 'person', 'psi', 1, 0, '2026-01-02', '2026-01-03', '2026-01-02', 'psi of person is 1', x
	FROM weir.monitor, unnest('{"{\\"explanation\\": {\\"categories\\": [{\\"category\\": \\"Croesus\\"}]}}",
	"{\\"explanation\\": {\\"categories\\": [{\\"category\\": \\"person 1\\"}]}}", "{\\"explanation\\": {\\"categories\\": [{\\"category\\": \\"1000000\\"}]}}",
	"{\\"explanation\\": {\\"categories\\": [{\\"category\\": \\"M\\"}]}}"}'::jsonb[]) x});
is(sql(q{SELECT max(max), min(min) FROM weir.window_stats('loans') WHERE column_name = 'income'}), '1000000|-1000000', 'who is to be erased stands out');
is(sql_as('ml', q{SELECT string_agg(what || ' ' || coalesce(n::text, '-'), ', ') FROM weir.erase_subject('loans', 'person', 'Croesus', 'asked to be forgotten')}),
	'panes 2, rows 2, data version 2, alerts 2, complaints 1', 'erased');
is(sql(q{SELECT count(*) FROM weir.alerts WHERE detail ? 'explanation'}), 2, 'what quoted them, or what they alone had, tells no more; what they shared with others stays');
wait_until($node, q{SELECT count(*) = 0 FROM weir.progress WHERE phase NOT IN ('done', 'failed')}, 'panes are built anew');
all_equal($node, 'loans', 'exactly');
is(sql(q{SELECT max(max), min(min) FROM weir.window_stats('loans') WHERE column_name = 'income'}), '96|0', 'and have forgotten it');
is(sql(q{SELECT count(*) FROM weir.audit_log WHERE to_jsonb(audit_log)::text LIKE '%Croesus%'}), 0, 'the audit log does not tell who it was');
is(sql(q{SELECT status FROM weir.data_versions}), 'changed', 'the data version says that it was changed');

# --- audits by the clock
sql_as('ml', q{SELECT weir.create_audit('fairness', 'loans', schedule => '1 year', reviewers => '{board}', first_at => now());
SELECT weir.create_audit('women', 'loans', 'representativeness', schedule => '1 year', column_name => 'sex',
	 population => '{"F": 0.9, "M": 0.1}', reviewers => '{board}', first_at => now())});
wait_until($node, q{SELECT count(*) = 2 FROM weir.audit_runs}, 'audits run when they are due');
is(sql(q{SELECT verdict IS NOT NULL, jsonb_array_length(findings) > 0, review_state FROM weir.audit_runs WHERE audit = 'fairness'}), 't|t|open', 'fairness');
is(sql(q{SELECT verdict, (SELECT sum((f ->> 'n')::int) FROM jsonb_array_elements(findings) f)
	FROM weir.audit_runs WHERE audit = 'women'}), 'alert|2000', 'representativeness');
is(sql(q{SELECT bool_and(next_at > now() + interval '300 days') FROM weir.audits}), 't', 'and are not due again');
is(sql_as('board', q{SELECT weir.review(review_id, 'approve', 'seen') FROM weir.audit_runs WHERE audit = 'women'}), 'approved', 'signed off by somebody else');
# one that cannot be run keeps its reason, and holds up nobody
sql(q{UPDATE weir.periodic_audit SET population = '{"F": "x", "M": 1}', next_at = now() WHERE name = 'women'; UPDATE weir.periodic_audit SET next_at = now() WHERE name = 'fairness'});
wait_until($node, q{SELECT (SELECT count(*) FROM weir.audit_runs WHERE audit = 'fairness') = 2 AND (SELECT last_error IS NOT NULL FROM weir.audits WHERE audit = 'women')}, 'an audit that fails');

# --- overdue reviews are told of once
my $review = sql(q{SELECT review_id FROM weir.reviews WHERE state = 'open' LIMIT 1});
my $listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN weir_reviews');
sql("UPDATE weir.review SET due_at = now() - interval '1 minute' WHERE review_id = $review");
wait_until($node, "SELECT reminded_at IS NOT NULL FROM weir.review WHERE review_id = $review", 'an overdue review');
like($listener->query('SELECT 1'), qr/"event": "overdue".*"review_id": $review\b/, 'NOTIFY tells');
$listener->quit;
is(sql("SELECT is_overdue FROM weir.audit_runs WHERE review_id = $review"), 't', 'and so does the view');

# --- retention of a class: what people gave goes, too
sql(q{SELECT weir.answer_complaint(complaint_id, 'rejected', 'no') FROM weir.complaints WHERE outcome IS NULL});
sql_as('ml', q{SELECT weir.file_complaint('loans', '1', 'too much')});
sql(q{SELECT weir.answer_complaint(max(complaint_id), 'upheld', 'yes') FROM weir.complaints;
UPDATE weir.complaint SET answered_at = now() - interval '2 years'; UPDATE weir.labelling_item SET added_at = now() - interval '2 years'});
sql_as('ml', q{SELECT weir.classify_column('loans', 'income', 'sensitive')});
sql(q{SELECT weir.set_class_retention('sensitive', '1 year')});
wait_until($node, q{SELECT (SELECT count(*) = 0 FROM weir.labelling_items)
	AND (SELECT count(*) = 2 AND bool_and(complaint IS NULL AND answer IS NULL) FROM weir.complaints)}, 'labelling items and complaints are given up');
is(sql(q{SELECT sum(n) FROM weir.complaint_counts}), 2, 'and stay counted');
wait_until($node, q{SELECT retention = '1 year' FROM weir.data_version}, 'tables of data versions are kept no longer');

# --- dump and restore
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'dumped');
sql('CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', $dump ], 'restored');
for my $view (qw(complaints audit_runs audits reviews labelling_queues class_retentions))
{
	is($node->safe_psql('restored', "SELECT count(*) FROM weir.$view"), sql("SELECT count(*) FROM weir.$view"), "$view are the same");
}
is($node->safe_psql('restored', q{SELECT first_broken, reason FROM weir.verify_audit_log()}), '|', 'and the audit log');

# --- the owner goes
sql('DROP DATABASE restored');
sql(q{ALTER ROLE ml RENAME TO analytics; REASSIGN OWNED BY analytics TO postgres; DROP OWNED BY analytics; DROP ROLE analytics});
is(sql(q{SELECT count(*) FROM weir.audits}), 2, 'audits of a role that was dropped are still there');
sql(q{UPDATE weir.periodic_audit SET next_at = now() WHERE name = 'fairness'});
wait_until($node, q{SELECT (SELECT count(*) FROM weir.audit_runs WHERE audit = 'fairness') = 3}, 'and run');

$node->stop;
done_testing();
