# Jobs in real workers: transactions of their own, failures, time-outs, crashes, roles that change; and the way from a rule to a new version.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('jobs', 'weir.job_retry_delay' => '200ms', 'weir.max_running_jobs' => 2, 'weir.job_retention' => '2h', 'restart_after_crash' => 'on');

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }
sub as_ann { my ($query) = @_; return sql("SET SESSION AUTHORIZATION ann; SET search_path = lab, public; $query"); }
sub enqueue { my ($trainer) = @_; return as_ann("SELECT weir.enqueue_job('$trainer')"); }
sub job_becomes { my ($job, $state, $what) = @_; return wait_until($node, "SELECT state = '$state' FROM weir.jobs WHERE job_id = $job", $what); }
sub of_job { my ($job, $columns) = @_; return sql("SELECT $columns FROM weir.jobs WHERE job_id = $job"); }

sql(q{CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE SCHEMA lab AUTHORIZATION ann; GRANT CREATE ON DATABASE postgres TO bob; ALTER ROLE ann SET search_path = lab, public});
as_ann(q{
CREATE TABLE ran(job_id bigint, what text, pid int DEFAULT pg_backend_pid(), at timestamptz DEFAULT clock_timestamp());
CREATE PROCEDURE good(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ran(job_id, what) VALUES (job_id, current_user || ' ' || session_user || ' ' || (config ->> 'trees'));
  COMMIT;
  CREATE TEMP TABLE scratch AS SELECT 1 AS x;
  IF NOT weir.heartbeat(job_id, progress => 0.5, message => 'half') THEN RAISE 'no heartbeat'; END IF;
  COMMIT;
  PERFORM weir.create_model_version('m', artifact => '\x00', metrics => '{"auc": 0.8}', job_id => job_id);
END $$;
CREATE PROCEDURE bad(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ran(job_id, what) VALUES (job_id, 'committed'); COMMIT;
  INSERT INTO ran(job_id, what) VALUES (job_id, 'rolled back');
  SET default_transaction_read_only = on;
  RAISE 'no good data' USING HINT = 'Get better data.';
END $$;
CREATE PROCEDURE read_only(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
BEGIN SET default_transaction_read_only = on; COMMIT; PERFORM 1; END $$;
CREATE TABLE parent(id int PRIMARY KEY);
CREATE TABLE child(id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE PROCEDURE late_error(job_id bigint, config jsonb) LANGUAGE sql AS 'INSERT INTO lab.child VALUES (1)';
CREATE PROCEDURE slow(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
BEGIN INSERT INTO ran(job_id, what) VALUES (job_id, 'slow'); COMMIT; PERFORM pg_sleep((config ->> 'seconds')::float8);
  INSERT INTO ran(job_id, what) VALUES (job_id, 'end'); END $$;
SELECT weir.create_model('m');
SELECT weir.create_trainer('good', 'm', 'good', '{"trees": 50}'), weir.create_trainer('bad', 'm', 'bad', max_attempts => 2),
  weir.create_trainer('read_only', 'm', 'read_only'), weir.create_trainer('late_error', 'm', 'late_error', max_attempts => 1),
  weir.create_trainer('endless', 'm', 'slow', '{"seconds": 600}', timeout => '1 s', max_attempts => 1),
  weir.create_trainer('slow', 'm', 'slow', '{"seconds": 3}', max_attempts => 2),
  weir.create_trainer('cancelled', 'm', 'slow', '{"seconds": 600}'), weir.create_trainer('external', 'm');
});

# ---- one of each ----
my %job = map { $_ => enqueue($_) } qw(good bad read_only late_error endless);
job_becomes($job{good}, 'succeeded', 'a procedure that commits and uses a temporary table');
is(sql("SELECT what FROM lab.ran WHERE job_id = $job{good}"), 'ann ann 50', 'it ran as its owner, with its search path and configuration');
is(of_job($job{good}, 'attempt, progress, message, error'), '1|1|half|', 'what it reported');
is(sql("SELECT version, job_id FROM weir.model_versions WHERE model = 'm'"), "1|$job{good}", 'its version');
job_becomes($job{bad}, 'dead', 'a procedure that fails is tried again, then dead');
like(of_job($job{bad}, 'error'), qr/no good data \(SQLSTATE P0001\)\nHINT: Get better data\.\nCONTEXT: .*RAISE/s, 'its error');
is(sql("SELECT count(*), min(what) FROM lab.ran WHERE job_id = $job{bad}"), '2|committed', 'two attempts; what was not committed is not there');
is(sql("SELECT string_agg(attempt || ' ' || state || ' ' || (user_seconds >= 0 AND system_seconds >= 0 AND max_memory > 1000000), ', ' ORDER BY attempt) FROM weir.job_log WHERE job_id = $job{bad}"),
	'1 failed true, 2 failed true', 'both are in the log, with what they used');
like(sql("SELECT error FROM weir.job_log WHERE job_id = $job{bad} AND attempt = 1"), qr/no good data/, 'and their errors');
job_becomes($job{read_only}, 'succeeded', 'a procedure that leaves its session read-only');
job_becomes($job{late_error}, 'dead', 'a procedure whose commit fails');
like(of_job($job{late_error}, 'error'), qr/violates foreign key constraint/, 'with the error of the commit');
job_becomes($job{endless}, 'dead', 'a procedure that takes too long');
like(of_job($job{endless}, 'error'), qr/^timed out after 00:00:01/, 'says so');

# ---- not too many at once ----
as_ann(q{SELECT weir.create_trainer('wait' || i, 'm', 'slow', '{"seconds": 1}') FROM generate_series(1, 3) i;
SELECT weir.enqueue_job('wait' || i) FROM generate_series(1, 3) i; SELECT weir.enqueue_job('wait1')});
wait_until($node, q{SELECT count(*) = 4 FROM weir.jobs WHERE trainer LIKE 'wait%' AND state = 'succeeded'}, 'four jobs of three trainers');
is(sql(q{SELECT max(n) <= 2 FROM (SELECT (SELECT count(*) FROM weir.jobs b WHERE b.trainer LIKE 'wait%' AND a.started_at >= b.started_at AND a.started_at < b.finished_at) AS n
  FROM weir.jobs a WHERE trainer LIKE 'wait%') q}), 't', 'never more than two at a time');
is(sql(q{SELECT max(started_at) >= min(finished_at) FROM weir.jobs WHERE trainer = 'wait1'}), 't', 'one at a time per trainer');

# ---- between owners ----
sql(q{SET SESSION AUTHORIZATION bob; SELECT weir.create_model('b'); CREATE SCHEMA bobs;
CREATE PROCEDURE bobs.quick(job_id bigint, config jsonb) LANGUAGE sql AS 'SELECT 1'; SELECT weir.create_trainer('bobs', 'b', 'bobs.quick')});
sql(q{BEGIN; SELECT weir.enqueue_job('wait' || i, priority => 10, dedupe_key => 'fair') FROM generate_series(1, 3) i; SELECT weir.enqueue_job('bobs', dedupe_key => 'fair'); COMMIT});
wait_until($node, q{SELECT count(*) = 4 FROM weir.jobs WHERE dedupe_key = 'fair' AND state = 'succeeded'}, 'three urgent jobs of one owner, one of another');
# Two are launched at once, and either may be the first to begin.
like(sql(q{SELECT string_agg(owner::text, ' ' ORDER BY token) FROM weir.job WHERE dedupe_key = 'fair'}), qr/^(ann bob|bob ann) ann ann$/, 'are launched in turn');

# ---- cancel ----
my $cancelled = enqueue('cancelled');
wait_until($node, "SELECT count(*) = 1 FROM lab.ran WHERE job_id = $cancelled", 'a long job runs');
is(as_ann("SELECT weir.cancel_job($cancelled)"), 't', 'it is cancelled');
wait_until($node, "SELECT pid IS NULL AND state = 'cancelled' FROM weir.jobs WHERE job_id = $cancelled", 'its worker stops');
wait_until($node, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'weir job' AND query LIKE '%slow%' AND state = 'active'}, 'and is gone');
is(sql("SELECT state FROM weir.job_log WHERE job_id = $cancelled"), 'cancelled', 'the log says so');

# ---- crashes ----
my $killed = enqueue('slow');
wait_until($node, "SELECT pid IS NOT NULL FROM weir.jobs WHERE job_id = $killed", 'a job runs');
kill 'KILL', of_job($killed, 'pid');
sleep 1;
$node->poll_query_until('postgres', 'SELECT true');
job_becomes($killed, 'succeeded', 'a job whose worker was killed runs again');
is(of_job($killed, 'attempt'), 2, 'both attempts count');
my $restarted = enqueue('slow');
wait_until($node, "SELECT count(*) = 1 FROM lab.ran WHERE job_id = $restarted", 'a job runs');
# Jobs that are over are kept for a while; the scheduler looks when it starts.
my $queued_long = as_ann(q{SELECT weir.enqueue_job('cancelled', run_after => now() + interval '1 day', dedupe_key => 'later')});
sql("UPDATE weir.job SET created_at = created_at - interval '3 h', finished_at = finished_at - CASE WHEN job_id = $job{bad} THEN interval '1 h' ELSE interval '3 h' END
  WHERE job_id IN ($job{good}, $job{bad}, $job{endless}, $queued_long)");
$node->stop('immediate');
$node->start;
wait_until($node, "SELECT count(*) = 0 FROM weir.jobs WHERE job_id IN ($job{good}, $job{endless})", 'jobs that were over for longer than they are kept are gone');
is(sql("SELECT count(*) FROM weir.jobs WHERE job_id IN ($job{bad}, $queued_long)"), 2, 'not one that has just ended, nor one that waits');
as_ann("SELECT weir.cancel_job($queued_long)");
job_becomes($restarted, 'succeeded', 'a job that the end of the server interrupted runs again');
my $terminated = enqueue('slow');
wait_until($node, "SELECT count(*) = 1 FROM lab.ran WHERE job_id = $terminated", 'a job runs');
sql("SELECT pg_terminate_backend(pid) FROM weir.jobs WHERE job_id = $terminated");
job_becomes($terminated, 'succeeded', 'a job whose worker was terminated runs again');
is(sql("SELECT count(*) FROM lab.ran WHERE what = 'end' AND job_id IN ($killed, $restarted, $terminated)"), 3, 'each ended once');

# ---- roles and procedures that change ----
sql('ALTER ROLE ann RENAME TO anna');
my $renamed = sql(q{SET SESSION AUTHORIZATION anna; SELECT weir.enqueue_job('good')});
job_becomes($renamed, 'succeeded', 'after its owner was renamed');
sql('ALTER ROLE anna RENAME TO ann; ALTER ROLE ann NOLOGIN');
my $no_login = enqueue('good');
job_becomes($no_login, 'failed', 'an owner that may not log in');
like(of_job($no_login, 'error'), qr/owner "ann" is not permitted to log in/, 'says so');
sql('ALTER ROLE ann LOGIN; REVOKE CONNECT ON DATABASE postgres FROM PUBLIC');
my $no_connect = enqueue('good');
job_becomes($no_connect, 'failed', 'an owner that may not connect');
sql('GRANT CONNECT ON DATABASE postgres TO PUBLIC; GRANT CREATE, USAGE ON SCHEMA lab TO bob; ALTER PROCEDURE lab.good RENAME TO old_good');
my $dropped = enqueue('good');
job_becomes($dropped, 'failed', 'a procedure that is gone');
sql(q{SET SESSION AUTHORIZATION bob; CREATE PROCEDURE lab.good(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$ BEGIN DELETE FROM lab.ran; END $$});
my $hijacked = enqueue('good');
job_becomes($hijacked, 'failed', 'a procedure of somebody else under its name');
like(of_job($hijacked, 'error'), qr/has another owner than when the trainer was made/, 'says so');
sql(q{SET SESSION AUTHORIZATION bob; DROP PROCEDURE lab.good});
sql(q{ALTER PROCEDURE lab.old_good RENAME TO good});
as_ann(sql(q{SELECT replace(pg_get_functiondef('lab.good'::regproc), 'lab.good', 'lab.kept_good')}));

# Its owner changes between the checks and the call: an open transaction is not seen by the former.
my $changer = $node->background_psql('postgres', on_error_stop => 1);
$changer->query_safe('BEGIN; ALTER PROCEDURE lab.good OWNER TO bob; CREATE OR REPLACE PROCEDURE lab.good(job_id bigint, config jsonb) LANGUAGE sql AS $$DELETE FROM lab.ran$$');
my $ran = sql('SELECT count(*) > 0, count(*) FROM lab.ran');
my $swapped = enqueue('good');
wait_until($node, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'weir job' AND wait_event_type = 'Lock'}, 'a worker waits for the procedure');
$changer->query_safe('COMMIT');
$changer->quit;
job_becomes($swapped, 'failed', 'a procedure that changed hands while its job began');
is(of_job($swapped, 'attempt'), 1, 'it was refused by the worker, then at the launch');
is(sql('SELECT count(*) > 0, count(*) FROM lab.ran'), $ran, 'and never ran');
sql('DROP PROCEDURE lab.good; ALTER PROCEDURE lab.kept_good RENAME TO good');

# A role that is dropped leaves its number: nothing runs, nothing breaks, superusers clear up.
sql(q{CREATE ROLE gone LOGIN; CREATE SCHEMA gones AUTHORIZATION gone; SET SESSION AUTHORIZATION gone;
CREATE PROCEDURE gones.work(job_id bigint, config jsonb) LANGUAGE sql AS 'SELECT 1';
SELECT weir.create_model('gones'), weir.create_model('gones kept'), weir.create_trainer('gones', 'gones', 'gones.work', schedule => '1 h'),
  weir.create_trainer('gones external', 'gones'), weir.create_model_version('gones kept'), weir.promote_model('gones kept', 1)});
my $number = sql(q{SELECT 'gone'::regrole::oid});
sql('REASSIGN OWNED BY gone TO ann; DROP OWNED BY gone; DROP ROLE gone');
my $ownerless = sql(q{SELECT weir.enqueue_job('gones')});
job_becomes($ownerless, 'failed', 'an owner that is gone');
like(of_job($ownerless, 'error'), qr/the role that owns the trainer does not exist any more/, 'says so');
sql(q{UPDATE weir.trainer_state SET next_at = now() WHERE trainer_id = (SELECT trainer_id FROM weir.trainer WHERE name = 'gones')});
wait_until($node, q{SELECT count(*) = 1 FROM weir.jobs WHERE trainer = 'gones' AND state = 'failed' AND dedupe_key = 'schedule'}, 'by its schedule, too');
is(sql(q{SELECT count(*), min(owner::text) FROM weir.trainers WHERE model = 'gones'}), "2|$number", 'views show its number');
is(sql(q{SELECT owner, created_by, set_by FROM weir.models JOIN weir.model_versions USING (model) JOIN weir.model_aliases USING (model)}) =~ /^$number\|$number\|$number$/m, 1, 'in all of them');
is(sql(q{SELECT count(*) FROM weir.models m WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = m.owner)}), 2, 'which finds what it left');
is(as_ann(q{SELECT count(*) FROM weir.trainers WHERE model = 'gones'}), 0, 'nobody else sees them');
my ($refused, $out, $refusal) = $node->psql('postgres', q{SET SESSION AUTHORIZATION ann; SELECT weir.drop_trainer('gones')});
like($refusal, qr/must be owner of trainer "gones"/, 'nor drops them');
is(as_ann(q{SELECT count(*) FROM weir.claim_job()}), 0, 'nor claims their jobs');
sql(q{SELECT weir.enqueue_job('gones external'); SELECT weir.claim_job('{gones external}'); SELECT weir.drop_trainer('gones'), weir.drop_trainer('gones external')});
sql(q{SELECT weir.drop_model('gones'); UPDATE weir.model SET owner = 'ann' WHERE name = 'gones kept'});
is(as_ann(q{SELECT weir.create_model_version('gones kept')}), 2, 'a model that was handed over');

# ---- who is behind a job ----
sql(q{CREATE ROLE team LOGIN; CREATE ROLE carl LOGIN IN ROLE team; CREATE SCHEMA desk AUTHORIZATION team});
my $as_carl = 'SET SESSION AUTHORIZATION carl; SET ROLE team; SET search_path = desk';
sql(qq{$as_carl; CREATE TABLE sample(x int);
CREATE PROCEDURE fit(job_id bigint, config jsonb) LANGUAGE plpgsql AS \$\$ BEGIN
  INSERT INTO sample VALUES (1); COMMIT;
  PERFORM weir.create_model_version('reviewed', note => (SELECT count(*) FROM sample)::text, job_id => job_id);
END \$\$;
SELECT weir.create_model('reviewed', approvals => 1), weir.create_trainer('reviewed', 'reviewed', 'fit'), weir.enqueue_job('reviewed')});
wait_until($node, q{SELECT count(*) = 1 FROM weir.model_versions WHERE model = 'reviewed' AND note = '1'}, 'names mean what they meant where the trainer was made');
my $asked = sql(q{SET SESSION AUTHORIZATION team; SELECT weir.request_review('model_version', 'reviewed/1', reviewers => '{carl}')});
($refused, $out, $refusal) = $node->psql('postgres', "SET SESSION AUTHORIZATION carl; SELECT weir.review($asked, 'approve', 'mine')");
like($refusal, qr/carl cannot decide in a review of their own/, 'who queued the job does not approve what it made');

# ---- a dump ----
my ($dump, $warnings) = run_command([ 'pg_dump', '-d', $node->connstr('postgres') ]);
is($warnings, '', 'pg_dump warns of nothing');
like($dump, qr/^COPY weir\.model_alias .*^COPY weir\.trainer /ms, 'and dumps what is defined');

# ---- external workers: eight at once, no job twice ----
as_ann(q{SELECT count(weir.enqueue_job('external')) FROM generate_series(1, 200)});
my @claimers = map { IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', q{SET ROLE ann}, '-c', q{
DO $$ DECLARE job record; BEGIN LOOP
  SELECT * INTO job FROM weir.claim_job('{external}');
  EXIT WHEN job.job_id IS NULL;
  INSERT INTO lab.ran(job_id, what) VALUES (job.job_id, 'external');
  IF NOT weir.complete_job(job.job_id, job.token) THEN RAISE 'lost'; END IF;
  COMMIT;
END LOOP; END $$} ], '>', \my $out, '2>&1') } 1 .. 8;
$_->finish for @claimers;
is(sql(q{SELECT count(*), count(DISTINCT job_id), count(DISTINCT pid) > 1 FROM lab.ran WHERE what = 'external'}), '200|200|t', 'two hundred jobs, eight claimers');
is(sql(q{SELECT DISTINCT state, attempt FROM weir.jobs WHERE trainer = 'external'}), 'succeeded|1', 'each once');

# ---- schedule ----
as_ann(q{SELECT weir.create_trainer('often', 'm', 'good', '{"trees": 1}', schedule => '1 min'),
  weir.create_trainer('held', 'm', 'good', '{"trees": 1}', schedule => '1 min')});
is(sql(q{SELECT bool_and(next_at BETWEEN created_at + interval '55 s' AND created_at + interval '65 s') FROM weir.trainers WHERE next_at IS NOT NULL}), 't', 'schedules');
# A transaction that stays open holds the key of one schedule's job: the other's goes on.
my $holder = $node->background_psql('postgres', on_error_stop => 1);
$holder->query_safe(q{BEGIN; SELECT weir.enqueue_job('held', dedupe_key => 'schedule')});
my $due = q{UPDATE weir.trainer_state SET next_at = clock_timestamp() - interval '1 h' + trainer_id * interval '-1 s'};
sql($due);
wait_until($node, q{SELECT count(*) = 1 FROM weir.jobs WHERE trainer = 'often' AND state = 'succeeded'}, 'a scheduled job, though another trainer waits for a lock');
is(sql(q{SELECT next_at BETWEEN now() AND now() + interval '65 s' FROM weir.trainers WHERE trainer = 'often'}), 't', 'times that passed are made up for once');
is(sql(q{SELECT count(*) FROM weir.jobs WHERE trainer = 'held'}), 0, 'the other waits');
$holder->query_safe('ROLLBACK');
$holder->quit;
sql($due);
wait_until($node, q{SELECT count(*) = 2 AND bool_and(state = 'succeeded') FROM (SELECT DISTINCT trainer, state FROM weir.jobs WHERE trainer IN ('often', 'held')) q}, 'and runs when it is free');
as_ann(q{SELECT weir.drop_trainer('often'), weir.drop_trainer('held')});
# What a row says can stop neither the others nor the workers.
my $endless = enqueue('cancelled');
wait_until($node, "SELECT count(*) = 1 FROM lab.ran WHERE job_id = $endless", 'a long job runs');
sql("UPDATE weir.job SET timeout = '178000000 years' WHERE job_id = $endless");
job_becomes(enqueue('good'), 'succeeded', 'others run while the timeout of one is beyond all time');
as_ann("SELECT weir.cancel_job($endless)");

# ---- from a stream to a new version ----
as_ann(q{
CREATE TABLE loans(id bigint PRIMARY KEY, at timestamptz NOT NULL, income float8);
ALTER TABLE loans REPLICA IDENTITY FULL;
SELECT weir.create_monitor('loans', 'loans', 'at', window_size => '1 day');
SELECT weir.set_baseline('loans', since => '2026-01-01', until => '2026-01-08');
SELECT weir.create_rule('income drifts', 'loans', 'psi', above => 0.25, column_name => 'income', action => 'retrain', trainer => 'good');
});
my $versions = sql(q{SELECT count(*) FROM weir.model_versions});
my $listener = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'LISTEN weir_alerts',
	map { ('-c', 'SELECT pg_sleep(0.5)') } 1 .. 40 ], '>', \my $heard, '2>', \my $listener_error);
as_ann(q{INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '5 min', i % 100 FROM generate_series(1, 288 * 12) i});
as_ann(q{INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '5 min', 80 + i % 100 FROM generate_series(288 * 12 + 1, 288 * 14) i});
wait_until($node, q{SELECT count(*) = 1 FROM weir.alerts WHERE rule = 'income drifts'}, 'an alert');
is(sql(q{SELECT subject, metric, state, window_start AT TIME ZONE 'UTC', n FROM weir.alerts}), 'income|psi|open|2026-01-13 00:00:00|288', 'of the first day that drifts');
wait_until($node, q{SELECT j.state = 'succeeded' FROM weir.jobs j JOIN weir.alerts a USING (job_id)}, 'its job');
is(sql(q{SELECT count(*) FROM weir.model_versions}), $versions + 1, 'and a new version');
is(sql(q{SELECT config ->> 'monitor', config ->> 'rule', (config ->> 'alert_id')::bigint = a.alert_id, config ->> 'trees' FROM weir.jobs j JOIN weir.alerts a USING (job_id)}),
	'loans|income drifts|t|50', 'what the job was told');
as_ann(q{INSERT INTO loans SELECT i, '2026-01-01'::timestamptz + i * interval '5 min', i % 100 FROM generate_series(288 * 14 + 1, 288 * 17) i});
wait_until($node, q{SELECT state = 'resolved' FROM weir.alerts}, 'the alert resolves by itself');
is(sql(q{SELECT window_end AT TIME ZONE 'UTC' FROM weir.alerts}), '2026-01-15 00:00:00', 'after the last day that drifts');
# Late rows make a day that was in order drift.
as_ann(q{INSERT INTO loans SELECT 100000 + i, '2026-01-11'::timestamptz + i * interval '1 min', 500 FROM generate_series(1, 300) i});
wait_until($node, q{SELECT count(*) = 2 FROM weir.alerts WHERE state = 'resolved'}, 'late rows open an alert on their day, which the next day resolves');
is(sql(q{SELECT window_start AT TIME ZONE 'UTC' FROM weir.alerts ORDER BY alert_id DESC LIMIT 1}), '2026-01-11 00:00:00', 'on that day');
is(sql(q{SELECT segment IS NULL, state FROM weir.rule_states WHERE rule = 'income drifts'}), 't|ok', 'the present state of the rule');
$listener->finish;
like($heard, qr/"weir_alerts" with payload "\{.*"rule": "income drifts".*"event": "opened"/, 'listeners heard of it');
like($heard, qr/"event": "resolved"/, 'and of its end');
unlike($heard, qr/"(value|n|threshold|message|subject|segment|metric)":/, 'of nothing that only some may see');
$node->stop;
done_testing();
