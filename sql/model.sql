-- Models, trainers, the queue, versions. All in one transaction, so that no worker sees any of it; t/ has the workers.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_weir_owner LOGIN;
CREATE ROLE regress_weir_member;
CREATE ROLE regress_weir_stranger LOGIN;
CREATE ROLE regress_weir_nologin;
GRANT regress_weir_owner TO regress_weir_member;
BEGIN;
GRANT CREATE ON SCHEMA public TO regress_weir_owner, regress_weir_nologin;
SET ROLE regress_weir_owner;

-- ---- models ----
SELECT weir.create_model('regress m', purpose => 'approve loans', risk => 'high');
SELECT weir.create_model('regress m');
SELECT weir.create_model('');
SELECT weir.create_model(NULL);
SELECT weir.create_model('m2', risk => 'enormous');
SELECT weir.create_model('m2', approvals => -1);
SELECT weir.create_model(repeat('x', 64));
SELECT weir.create_model('regress m2', approvals => 1);
SELECT model, purpose, risk, approvals, owner, latest_version FROM weir.models ORDER BY 1;

-- ---- trainers ----
CREATE PROCEDURE regress_train(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE regress_train_int(job_id int, config jsonb) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE regress_train_out(job_id bigint, config jsonb, OUT x int) LANGUAGE plpgsql AS $$ BEGIN x := 1; END $$;
CREATE FUNCTION regress_train_function(job_id bigint, config jsonb) RETURNS void LANGUAGE sql AS '';
CREATE PROCEDURE regress_train_twice(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE regress_train_twice(job_id int) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE regress_train_private(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$ BEGIN END $$;
REVOKE ALL ON PROCEDURE regress_train_private FROM PUBLIC, regress_weir_owner;
SELECT weir.create_trainer('regress t', 'no such');
SELECT weir.create_trainer('regress t', 'regress m', procedure => 'regress_train_int');
SELECT weir.create_trainer('regress t', 'regress m', procedure => 'regress_train_out');
SELECT weir.create_trainer('regress t', 'regress m', procedure => 'regress_train_function');
SELECT weir.create_trainer('regress t', 'regress m', procedure => 'regress_train_private');
SELECT weir.create_trainer('regress t', 'regress m', procedure => 'no_such_procedure');
SELECT weir.create_trainer('regress t', 'regress m', procedure => 'regress_train_twice');
SELECT weir.create_trainer('regress t', 'regress m', procedure => 4000000000::oid::regproc);
SELECT weir.create_trainer('regress t', 'regress m', config => '[1]');
SELECT weir.create_trainer('regress t', 'regress m', timeout => '0');
SELECT weir.create_trainer('regress t', 'regress m', timeout => '31 days');
SELECT weir.create_trainer('regress t', 'regress m', timeout => '178000000 years');
SELECT weir.create_trainer('regress t', 'regress m', timeout => '100000 months -2999990 days');
SELECT weir.create_trainer('regress t', 'regress m', timeout => NULL);
SELECT weir.create_trainer('regress t', 'regress m', max_attempts => 0);
SELECT weir.create_trainer('regress t', 'regress m', max_attempts => 2147483647);
SELECT weir.create_trainer('regress t', 'regress m', schedule => '0 3 * * *');
SELECT weir.create_trainer('regress t', 'regress m', schedule => '-1 day');
SELECT weir.create_trainer('regress t', 'regress m', schedule => '59 s');
SELECT weir.create_trainer('regress t', 'regress m', schedule => '11 years');
SELECT weir.create_trainer('regress t', 'regress m', schedule => 'sometimes');
SELECT weir.create_trainer('regress procedure', 'regress m', procedure => 'regress_train', config => '{"trees": 50}', schedule => '1 day');
SELECT weir.create_trainer('regress twice', 'regress m', procedure => 'regress_train_twice(bigint, jsonb)'::regprocedure);
SELECT weir.create_trainer('regress external', 'regress m', config => '{"trees": 50, "depth": 3}', timeout => '20 min', max_attempts => 2);
SELECT weir.create_trainer('regress external', 'regress m');
SELECT trainer, model, kind, procedure, config, schedule, timeout, max_attempts, owner, next_at IS NOT NULL AS is_due FROM weir.trainers ORDER BY 1;
RESET ROLE;
SET ROLE regress_weir_stranger;
SELECT weir.create_trainer('regress mine', 'regress m');
SELECT count(*) AS sees FROM weir.models;
SELECT count(*) AS sees FROM weir.trainers;
RESET ROLE;
SET ROLE regress_weir_nologin;
CREATE PROCEDURE regress_train_nologin(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$ BEGIN END $$;
SELECT weir.create_model('regress nologin');
SELECT weir.create_trainer('regress nologin', 'regress nologin', procedure => 'regress_train_nologin');
SELECT weir.create_trainer('regress nologin', 'regress nologin');
RESET ROLE;

-- ---- the queue ----
SET ROLE regress_weir_owner;
SELECT weir.enqueue_job('no such');
SELECT weir.enqueue_job('regress external', config => '7');
SELECT weir.enqueue_job('regress external', priority => NULL);
SELECT weir.enqueue_job('regress external', run_after => 'infinity');
SELECT weir.enqueue_job('regress external', config => '{"depth": 5}', dedupe_key => 'a') AS a \gset
SELECT weir.enqueue_job('regress external', dedupe_key => 'a') = :a AS coincides;
SELECT weir.enqueue_job('regress external', dedupe_key => 'b', run_after => now() + interval '1 hour') AS later \gset
SELECT weir.enqueue_job('regress external', priority => 5) AS urgent \gset
SELECT weir.enqueue_job('regress external') AS last \gset
SELECT weir.enqueue_job('regress procedure') AS procedure \gset
SELECT kind, trainer, model, state, priority, attempt, max_attempts, config, owner, dedupe_key FROM weir.jobs ORDER BY job_id;
RESET ROLE;
SET ROLE regress_weir_stranger;
SELECT count(*) AS sees FROM weir.jobs;
SELECT weir.enqueue_job('regress external');
\set VERBOSITY sqlstate
SELECT weir.cancel_job(:a);
\set VERBOSITY terse
SELECT weir.claim_job();
SELECT weir.claim_job('{regress external}');
SELECT * FROM weir.job;
INSERT INTO weir.job DEFAULT VALUES;
DELETE FROM weir.jobs;
SELECT nextval('weir.job_token_seq');
RESET ROLE;

-- By priority, then age; a member of the owner may claim; what waits for later or for the server is not handed out.
SET ROLE regress_weir_member;
SELECT weir.claim_job('{no such}');
SELECT weir.claim_job(lease => '0');
SELECT weir.claim_job(lease => '100000 years');
SET client_min_messages = notice;
SELECT * FROM weir.claim_job('{regress procedure}');
SET client_min_messages = warning;
SELECT job_id AS job, token FROM weir.claim_job('{regress external}', lease => '10 min', worker => 'gpu-1') \gset first_
SELECT job_id AS job, token FROM weir.claim_job(lease => '1 day') \gset second_
SELECT job_id AS job, token FROM weir.claim_job() \gset third_
SELECT count(*) AS left FROM weir.claim_job();
SELECT :first_job = :urgent AS urgent_first, :second_job = :a AS then_oldest, :third_job = :last AS then_last,
    :first_token < :second_token AND :second_token < :third_token AS tokens_ascend;
SELECT state, attempt, claimed_by, lease_until - started_at < interval '21 min' AS lease_within_timeout, started_at IS NOT NULL AS started
    FROM weir.jobs WHERE job_id IN (:first_job, :second_job) ORDER BY priority DESC;

-- ---- heartbeat, fencing ----
SELECT weir.heartbeat(:first_job, :first_token, progress => 0.4, message => 'epoch 4/10', lease => '15 min');
SELECT weir.heartbeat(:first_job, :first_token + 1000);
SELECT weir.heartbeat(:first_job);
SELECT weir.heartbeat(:first_job, :first_token, progress => 1.5);
SELECT weir.heartbeat(:first_job, :first_token, progress => 'NaN');
SELECT weir.heartbeat(0, 1);
SELECT state, progress, message, lease_until - started_at > interval '14 min' AS extended FROM weir.jobs WHERE job_id = :first_job;
SELECT weir.heartbeat(:first_job, :first_token, lease => '10 years');
SELECT weir.heartbeat(:first_job, :first_token, lease => '30 days');
SELECT lease_until - started_at <= interval '20 min' AS within_timeout FROM weir.jobs WHERE job_id = :first_job;
-- The lease passes: the job is given to another, and the late one is refused.
RESET ROLE;
UPDATE weir.job SET lease_until = clock_timestamp() - interval '1 s' WHERE job_id = :first_job;
SET ROLE regress_weir_owner;
SELECT count(*) AS not_at_once FROM weir.claim_job();
SELECT state, attempt, run_after > clock_timestamp() AS later, error FROM weir.jobs WHERE job_id = :first_job;
RESET ROLE;
UPDATE weir.job SET run_after = clock_timestamp() WHERE job_id = :first_job;
SET ROLE regress_weir_owner;
SELECT attempt, token > :first_token AS newer, token AS new_token FROM weir.claim_job(worker => 'gpu-2') \gset again_
SELECT :again_attempt AS attempt, :'again_newer' AS newer;
\set VERBOSITY sqlstate
SELECT weir.heartbeat(:first_job, :first_token);
SELECT weir.complete_job(:first_job, :first_token);
SELECT weir.fail_job(:first_job, :first_token, 'too late');
SELECT state, claimed_by FROM weir.jobs WHERE job_id = :first_job;
SELECT weir.complete_job(:first_job, :again_new_token, result => '{"auc": 0.83}');
SELECT weir.complete_job(:first_job, :again_new_token);
SELECT weir.fail_job(:first_job, :again_new_token, 'after all');
SELECT weir.complete_job(0, 1);
SELECT weir.complete_job(:first_job, NULL);
\set VERBOSITY terse
SELECT state, attempt, result, progress, finished_at IS NOT NULL AS finished, error, lease_until FROM weir.jobs WHERE job_id = :first_job;

-- ---- failure, retry, dead letters ----
SELECT weir.fail_job(:second_job, :second_token, NULL);
SELECT weir.fail_job(:second_job, :second_token, 'out of memory');
SELECT state, attempt, error, finished_at IS NULL AS unfinished, run_after - clock_timestamp() BETWEEN interval '0' AND interval '13 s' AS soon
    FROM weir.jobs WHERE job_id = :second_job;
-- A retry and a new job of the same key get along.
SELECT weir.enqueue_job('regress external', dedupe_key => 'a') <> :second_job AS another;
RESET ROLE;
UPDATE weir.job SET run_after = clock_timestamp() - interval '1 day', priority = 9 WHERE job_id = :second_job;
SET ROLE regress_weir_owner;
SELECT job_id = :second_job AS same_job, token FROM weir.claim_job() \gset fourth_
SELECT weir.fail_job(:second_job, :fourth_token, 'again out of memory');
SELECT state, attempt, error, finished_at IS NOT NULL AS finished FROM weir.jobs WHERE job_id = :second_job;
SELECT weir.requeue_job(:second_job);
SELECT weir.requeue_job(:second_job);
SELECT state, attempt, max_attempts FROM weir.jobs WHERE job_id = :second_job;
SELECT weir.fail_job(:third_job, :third_token, 'this data makes no sense', retry => false);
SELECT state, error FROM weir.jobs WHERE job_id = :third_job;
-- Each time it waits twice as long, with some jitter, up to an hour: 10 s, 20 s, 40 s, ... from the tenth attempt on 3600 s.
RESET ROLE;
UPDATE weir.job SET max_attempts = 30, dedupe_key = NULL WHERE job_id = :second_job;
CREATE FUNCTION fail_times(failing bigint, times int) RETURNS TABLE (failures int, at_least interval, at_most interval) LANGUAGE plpgsql AS $$
DECLARE
    claimed record;
    before timestamptz;
BEGIN
    FOR i IN 1 .. times LOOP
        UPDATE weir.job SET run_after = clock_timestamp() - interval '1 s', priority = 9 WHERE job_id = failing;
        SELECT * INTO STRICT claimed FROM weir.claim_job() c;
        before := clock_timestamp();
        PERFORM weir.fail_job(claimed.job_id, claimed.token, 'not yet');
        SELECT j.attempt, j.run_after - before, j.run_after - clock_timestamp() INTO failures, at_most, at_least FROM weir.job j WHERE j.job_id = claimed.job_id AND j.job_id = failing;
        RETURN NEXT;
    END LOOP;
END $$;
-- (What is left of it after the call is at most what was drawn, and that at most what is left of it before the call.)
SELECT count(*) AS failures, max(failures) > 12 AS up_to_an_hour, bool_and(at_most >= w.least AND at_least <= w.least * 1.25) AS doubled
    FROM fail_times(:second_job, 12) f, LATERAL (SELECT least('1 h', current_setting('weir.job_retry_delay')::interval * 2 ^ (f.failures - 1)) AS least) w;
DROP FUNCTION fail_times;
SET ROLE regress_weir_owner;
SELECT weir.cancel_job(:second_job);
SELECT weir.cancel_job(:second_job);
SELECT weir.cancel_job(0);
SELECT weir.requeue_job(:first_job);

-- ---- versions ----
SELECT weir.create_model_version('no such');
SELECT weir.create_model_version('regress m', metrics => '[]');
SELECT weir.create_model_version('regress m', artifact => '\x00', artifact_uri => 's3://x');
\set VERBOSITY sqlstate
SELECT weir.create_model_version('regress m', job_id => 0);
SELECT weir.create_model_version('regress m2', job_id => :first_job);
\set VERBOSITY terse
SELECT weir.create_model_version('regress m', artifact => '\x616263', metrics => '{"auc": 0.81}', job_id => :first_job, code_version => 'v1', note => 'first');
SELECT weir.create_data_version('regress', 'SELECT 1 AS x', materialize => false) AS data \gset
SELECT weir.create_model_version('regress m', artifact_uri => 's3://models/2', artifact_hash => 'ABCDEF', data_version => :data, signature => '{"in": ["income"]}');
SELECT weir.create_model_version('regress m2');
SELECT model, version, aliases, state, job_id = :first_job AS of_job, data_version = :data AS on_data, trainer, config, code_version, metrics, signature, artifact_uri, artifact_hash, created_by, note
    FROM weir.model_versions ORDER BY 1, 2;
SELECT weir.model_artifact('regress m', 1), weir.model_artifact('regress m', 2);
SELECT weir.model_artifact('regress m', 3);
SELECT weir.promote_model('regress m', 3);
SELECT weir.promote_model('regress m2', 1);
SELECT weir.roll_back_model('regress m', 'nothing yet');
SELECT weir.promote_model('regress m', 1);
SELECT weir.promote_model('regress m', 1);
SELECT weir.roll_back_model('regress m', 'nothing before');
SELECT weir.promote_model('regress m', 2, reason => 'better');
SELECT weir.promote_model('regress m', 1, alias => 'challenger');
SELECT version, aliases, state FROM weir.model_versions WHERE model = 'regress m' ORDER BY 1;
SELECT weir.roll_back_model('regress m', NULL);
SELECT weir.roll_back_model('regress m', 'complaints');
SELECT version, aliases, state FROM weir.model_versions WHERE model = 'regress m' ORDER BY 1;
SELECT alias, version, until IS NULL AS now, set_by, reason FROM weir.model_aliases WHERE model = 'regress m' ORDER BY since;
SELECT weir.drop_model('regress m');
SELECT weir.drop_model('no such');
RESET ROLE;
SET ROLE regress_weir_stranger;
SELECT weir.create_model_version('regress m');
SELECT weir.model_artifact('regress m', 1);
SELECT weir.promote_model('regress m', 2);
SELECT weir.roll_back_model('regress m', 'because');
SELECT weir.drop_model('regress m');
SELECT weir.drop_trainer('regress external');
\set VERBOSITY sqlstate
SELECT weir.heartbeat(:first_job, 1);
SELECT weir.complete_job(:first_job, 1);
SELECT weir.fail_job(:first_job, 1, 'x');
SELECT weir.requeue_job(:first_job);
\set VERBOSITY terse
SELECT count(*) AS sees FROM weir.model_versions;
SELECT count(*) AS sees FROM weir.model_aliases;
RESET ROLE;
GRANT pg_read_all_data TO regress_weir_stranger;
SET ROLE regress_weir_stranger;
SELECT count(*) AS sees FROM weir.model_versions WHERE model LIKE 'regress%';
SELECT weir.model_artifact('regress m', 1);
RESET ROLE;
-- Dropping: what waits is cancelled, the history stays.
SET ROLE regress_weir_owner;
SELECT weir.drop_trainer('regress external');
SELECT weir.drop_trainer('regress external');
SELECT state, count(*) FROM weir.jobs WHERE trainer = 'regress external' GROUP BY 1 ORDER BY 1;
SELECT weir.requeue_job(:second_job);
ROLLBACK;
DROP ROLE regress_weir_owner, regress_weir_member, regress_weir_stranger, regress_weir_nologin;
