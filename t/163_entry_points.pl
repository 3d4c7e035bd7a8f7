# Every function that takes what belongs to somebody refuses a stranger. The list is the catalog's, so that none can be forgotten: a new function either
# refuses, or is entered below with the reason why it need not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('entries', 'weir.job_worker_idle' => 0);

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub sql_as { my ($role, $query) = @_; return $node->safe_psql('postgres', $query, extra_params => [ '-U', $role ]) }

# What a stranger may call, and why.
my %allowed = (
	check_setup => 'tells what the server is set up for; of monitors only to who owns them',
	compare => 'reads what the caller names, with his rights',
	compare_html => 'reads what the caller names, with his rights',
	fairness_html => 'reads the counts that the caller gives',
	compare_models => 'reads what the caller names, with his rights',
	drifted_columns => 'reads what the caller names, with his rights',
	create_data_version => 'reads what the caller names, with his rights, and makes a table of his',
	create_model => 'makes a model of the caller',
	create_event_consumer => 'a position of the caller; reading shows what he may see',
	read_events => 'shows what the caller may see',
	confirm_events => 'moves a position of the caller',
	drop_event_consumer => 'removes a position of the caller',
	wait_for => 'waits for capture, and tells nothing of tables',
	wait_for_learners => 'waits for learners, and tells nothing of tables',
	column_class => 'a class is a security label, which everybody sees in pg_seclabels',
	may_read_rows => 'tells what the caller himself may read',
	fit_from_windows => 'reads views as the caller: NULL of a monitor that he may not see',
	window_size_at_least => 'the size of windows that a view would have, of no monitor that he may not see',
);

# Where what one may not see does not exist.
my %hidden = (data_sheet => '42704', model_card => '42704', model_html => '42704', source_sheet => '42704');

# --- one of everything, of a role "holder"
sql(q{CREATE ROLE holder LOGIN; CREATE ROLE stranger LOGIN; CREATE SCHEMA bank AUTHORIZATION holder; GRANT USAGE ON SCHEMA bank TO PUBLIC; GRANT CREATE ON SCHEMA public TO holder, stranger});
sql_as('holder', q{SET search_path = bank;
CREATE TABLE loans(id bigint PRIMARY KEY, at timestamptz NOT NULL, income float8, sex text, score float8, approved boolean, repaid boolean);
ALTER TABLE loans REPLICA IDENTITY FULL;
INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', i % 97, (ARRAY['F', 'M'])[1 + i % 2], i % 10 / 10.0, i % 3 = 0 FROM generate_series(1, 2000) i;
CREATE TABLE labels(id bigint PRIMARY KEY, outcome boolean);
ALTER TABLE labels REPLICA IDENTITY FULL;
SELECT weir.create_model('m');
SELECT weir.create_model_version('m', artifact => '\x01'), weir.create_model_version('m', artifact => '\x02');
SELECT weir.promote_model('m', 1), weir.promote_model('m', 2), weir.set_promotion_policy('m');
SELECT weir.create_monitor('loans', 'loans', 'at', window_size => '1 day', model => 'm', prediction => 'approved', score => 'score', label => 'repaid',
	protected => '{sex}');
SELECT weir.set_baseline('loans', since => '2026-01-01', until => '2026-01-04');
SELECT weir.create_rule('r', 'loans', 'psi', above => -1), weir.create_rule('r2', 'loans', 'mean', above => 0), weir.create_silence('loans', until => 'tomorrow', reason => 'x');
CREATE PROCEDURE train(job_id bigint, config jsonb) LANGUAGE sql AS 'SELECT 1';
SELECT weir.create_trainer('t', 'm', procedure => 'train'), weir.create_trainer('outside', 'm');
SELECT weir.enqueue_job('outside');
SELECT weir.create_data_version('d', 'loans', materialize => false), weir.create_data_version('d', 'loans', materialize => false);
SELECT weir.request_review('model_version', 'm/1');
SELECT weir.create_labelling_queue('q', 'loans'), weir.fill_labelling_queue('q', 10);
SELECT weir.create_audit('a', 'loans'), weir.file_complaint('loans', '7', 'x');
SELECT weir.create_matching('people', sources => '{"a": {"table": "bank.loans", "key": "id", "columns": {"sex": "sex"}},
	"b": {"table": "bank.labels", "key": "id", "columns": {"sex": "id"}}}',
	compare => '{"sex": {"method": "equal"}}');
SELECT weir.join_labels('joined', 'loans', 'labels', key => '{id}', label => '{outcome}');
SELECT weir.create_event_consumer('c');
});
wait_until($node, q{SELECT count(*) > 0 FROM weir.alert}, 'the rule finds something');
sql(q{INSERT INTO weir.match_pair (matching_id, left_source, left_key, right_source, right_key, score, similarities, state)
	SELECT matching_id, 'a', '1', 'b', '1', 0.6, '{}', 'review' FROM weir.matching});

# --- how each argument is called; what is not here has a value by its type
my ($alert, $job) = split /\|/, sql('SELECT (SELECT min(alert_id) FROM weir.alert), (SELECT min(job_id) FROM weir.job)');
my %argument = (
	monitor => "'loans'", rule => "'r'", model => "'m'", trainer => "'outside'", trainers => "'{outside}'", queue => "'q'", audit => "'a'", matching => "'people'", consumer => "'c'",
	alert_id => $alert, job_id => $job, silence_id => 1, review_id => sql('SELECT min(review_id) FROM weir.review'), pair_id => sql('SELECT min(pair_id) FROM weir.match_pair'),
	complaint_id => sql('SELECT min(complaint_id) FROM weir.complaint'), item_id => sql('SELECT min(item_id) FROM weir.labelling_item'),
	data_version => sql('SELECT min(data_version) FROM weir.data_version'), version => 1, model_version => 1, source => "'bank.loans'", relation => "'bank.joined'",
	 parts => "'{r, r2}'",
	predictions => "'bank.loans'", labels => "'bank.labels'", label_table => 'NULL',
	key_column => "'id'", time_column => "'at'", column_name => "'income'", key => "'7'", row_key => "'7'",
	query => "'SELECT 1 AS label, 0.5 AS champion, 0.5 AS challenger'", kind => "'model_version'", subject => "'m/1'", decision => "'approve'", verdict => "'confirmed'", outcome => "'upheld'",
	class => "'personal'", metric => "'psi'", learner => "'logistic_regression'", sources => q('{"a": {"table": "bank.loans", "key": "id", "columns": {"sex": "sex"}},
		"b": {"table": "bank.labels", "key": "id", "columns": {"sex": "id"}}}'), compare => q('{"sex": {"method": "equal"}}'),
	a => sql('SELECT min(data_version) FROM weir.data_version'), b => sql('SELECT max(data_version) FROM weir.data_version'), baseline => "'SELECT 1 AS x'", current => "'SELECT 1 AS x'",
	procedure => 'NULL', until => "'2030-01-01'", token => sql("SELECT coalesce(max(token), 1) FROM weir.job"));
my %given = ('join_labels.label' => "'{outcome}'", 'join_labels.key' => "'{id}'", 'join_labels.relation' => "'mine'", 'create_trainer.name' => "'mine'",
	'decide_match.decision' => "'match'", 'resolve_alert.alert_id' => $alert,
	'create_silence.rule' => 'NULL', 'fairness_html.f' => 'NULL', 'set_baseline.data_version' => 'NULL',
	'create_model_version.data_version' => 'NULL', 'create_model_version.job_id' => 'NULL',
	'check_quality.source' => "'bank.loans'", 'create_monitor.model' => 'NULL', 'create_labelling_queue.key' => 'NULL',
	'run_evaluation.config' => q('{"query": "SELECT 1 AS label, 0.5 AS champion, 0.5 AS challenger"}'),
	'create_composite_rule.trainer' => 'NULL', 'create_rule.trainer' => 'NULL',
	'check_quality.baseline' => 'NULL', 'data_version_rows.split' => 'NULL',
	'record_predictions.query' => q('SELECT 1 AS subject, 0.5 AS score'), 'claim_job.lease' => "'1 min'", 'set_baseline.until' => "'2026-01-03'");
my %by_type = (text => "'x'", 'text[]' => "'{income}'", name => "'income'", bigint => 1, integer => 1, jsonb => "'{}'", interval => "'1 hour'", boolean => 'true', bytea => "'\\x00'",
	'double precision' => 0.5, 'timestamp with time zone' => "'2026-01-02'", regclass => "'bank.loans'", regproc => 'NULL', '"any"' => '1');

my %seen;
my $calls = sql(q{SELECT p.oid, p.proname, p.prokind, coalesce(string_agg(format('%s!%s!%s', a.name, format_type(a.type, NULL), a.i <= p.pronargs - p.pronargdefaults), '|' ORDER BY a.i), '')
	FROM pg_proc p LEFT JOIN LATERAL unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) WITH ORDINALITY a(name, type, i) ON true
	WHERE pronamespace = 'weir'::regnamespace AND proname !~ '^_' AND prokind IN ('f', 'p') AND prorettype <> 'trigger'::regtype
		AND provolatile <> 'i' AND (provolatile = 'v' OR proargnames &&
			'{monitor,model,trainer,trainers,rule,queue,audit,matching,consumer,alert_id,job_id,review_id,data_version,complaint_id,item_id,source}')
	GROUP BY p.oid ORDER BY p.proname, p.oid});
for (split /\n/, $calls)
{
	my ($oid, $name, $kind, $arguments) = split /\|/, $_, 4;
	my @call;

	for my $one (split /\|/, $arguments)
	{
		my ($argument, $type, $is_required) = split /!/, $one;
		my $value = $given{"$name.$argument"} // $argument{$argument};

		next if $is_required ne 't' && !defined $value;
		next if $is_required ne 't' && $value eq 'NULL';
		$value //= $by_type{$type} // die "$name: no value for $argument of type $type";
		push @call, $argument eq '' ? $value : "$argument => $value";
	}
	my $statement = ($kind eq 'p' ? 'CALL' : 'SELECT * FROM') . " weir.$name(" . join(', ', @call) . ')';
	$seen{$name} = 1;
	next if $allowed{$name};
	my ($code, $stdout, $stderr) = $node->psql('postgres', "BEGIN; SET LOCAL statement_timeout = '60s'; $statement; ROLLBACK", extra_params => [ '-U', 'stranger', '-v', 'VERBOSITY=verbose' ]);
	my $expected = $hidden{$name} // '42501';
	like($stderr, qr/ERROR:  $expected:/, "a stranger is refused: $statement");
}
is_deeply([ grep { !$seen{$_} } sort keys %allowed ], [], 'what is allowed is there');

# --- what is not a function
is(sql(q{SELECT string_agg(c.oid::regclass::text, ',') FROM pg_class c WHERE relnamespace = 'weir'::regnamespace AND relkind IN ('r', 'S', 'm') AND
	(has_any_column_privilege('stranger', CASE WHEN relkind <> 'S' THEN c.oid END, 'SELECT, INSERT, UPDATE')
	OR has_table_privilege('stranger', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
	OR has_sequence_privilege('stranger', CASE WHEN relkind = 'S' THEN c.oid END, 'USAGE, SELECT, UPDATE'))}), '', 'no table and no sequence of weir is open to a stranger');
is(sql(q{SELECT string_agg(p.oid::regprocedure::text, ',') FROM pg_proc p WHERE pronamespace = 'weir'::regnamespace AND prosecdef}), '', 'no function runs with the privileges of somebody else');

# --- the owner himself may, so it is not the calls that are wrong: one of each kind
is(sql_as('holder', "SELECT $_"), $_ =~ /artifact/ ? '\x01' : 't', "the holder may: $_")
  for "weir.acknowledge_alert($alert) IS NOT NULL", "weir.model_artifact('m', 1)", "weir.verify_data_version($argument{data_version}) = 'ok'", 'count(*) > 0 FROM weir.windows(\'loans\')',
  "weir.fill_labelling_queue('q', 1) = 1", "weir.run_audit('a') > 0", "weir.cancel_job($job)", "weir.drop_rule('r') IS NOT NULL";

$node->stop;
done_testing();
