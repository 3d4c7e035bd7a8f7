-- Reviews, and the audit log of what they decide. t/160_audit.pl has concurrent writers, dumps and tampering.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_weir_ml LOGIN;
CREATE ROLE regress_weir_ann LOGIN;
CREATE ROLE regress_weir_ben LOGIN;
CREATE ROLE regress_weir_cat LOGIN;
CREATE ROLE regress_weir_risk;
CREATE ROLE regress_weir_stranger LOGIN;
GRANT regress_weir_risk TO regress_weir_ann, regress_weir_ben, regress_weir_cat;
GRANT regress_weir_ml TO regress_weir_ann;
GRANT CREATE ON SCHEMA public TO regress_weir_ml;

SELECT coalesce(max(audit_id), 0) AS before FROM weir.audit_log \gset

-- ---- requesting ----
SET ROLE regress_weir_ml;
SELECT weir.create_model('regress r/1', purpose => 'approve loans', approvals => 2);
SELECT weir.create_model('regress r0');
SELECT weir.create_model_version('regress r/1'), weir.create_model_version('regress r/1'), weir.create_model_version('regress r0');
SELECT weir.request_review(NULL, 'regress r/1/1');
SELECT weir.request_review('model_version', NULL);
SELECT weir.request_review('promise', 'regress r/1/1');
SELECT weir.request_review('model_version', 'regress r0');
SELECT weir.request_review('model_version', 'regress r0/1x');
SELECT weir.request_review('model_version', 'regress r0/-1');
SELECT weir.request_review('model_version', 'regress r0/99999999999');
SELECT weir.request_review('model_version', 'regress r0/2');
SELECT weir.request_review('model_version', 'no such/1');
SELECT weir.request_review('alert', 'x1');
SELECT weir.request_review('alert', '99999999999999999999999');
SELECT weir.request_review('alert', '0');
SELECT weir.request_review('model_version', 'regress r0/1', reviewers => '{no such role}');
SELECT weir.request_review('model_version', 'regress r0/1', reviewers => '{}');
SELECT weir.request_review('model_version', 'regress r0/1', reviewers => '{NULL}');
SELECT weir.request_review('model_version', 'regress r0/1', approvals => 0);
SELECT weir.request_review('model_version', 'regress r0/1', approvals => 101);
SELECT weir.request_review('model_version', 'regress r0/1', approvals => NULL);
SELECT weir.request_review('model_version', 'regress r0/1', due_at => 'yesterday');
SELECT weir.request_review('model_version', 'regress r0/1', due_at => 'infinity');
SELECT weir.promote_model('regress r/1', 2);
SELECT weir.promote_model('regress r/1', 2, alias => 'challenger');
SELECT weir.request_review('model_version', 'regress r/1/2', reviewers => '{regress_weir_risk, regress_weir_risk, regress_weir_ml}', note => 'please',
    due_at => now() + interval '1 day') AS r \gset
SELECT weir.request_review('model_version', 'regress r/1/02');
SELECT review_id = :r AS it, kind, subject, state, requested_by, reviewers, approvals, n_decisions, note, is_overdue, decisions, owner FROM weir.reviews WHERE review_id = :r;

-- ---- deciding ----
SELECT weir.review(:r, 'approve', 'mine');
SET ROLE regress_weir_stranger;
\set VERBOSITY sqlstate
SELECT weir.review(:r, 'approve', 'why not');
SELECT weir.withdraw_review(:r, 'why not');
SELECT weir.review(0, 'approve', 'x');
\set VERBOSITY terse
SELECT weir.request_review('model_version', 'regress r/1/1');
SELECT count(*) AS sees FROM weir.reviews;
SELECT count(*) AS sees FROM weir.audit_log;
SELECT weir.verify_audit_log();
SELECT * FROM weir.review;
INSERT INTO weir.review_decision VALUES (1, 10, 10, 'approve', 'x');
RESET ROLE;
-- a superuser is no reviewer by that alone
\set VERBOSITY sqlstate
SELECT weir.review(:r, 'approve', 'I may everything');
\set VERBOSITY terse
SET ROLE regress_weir_ben;
SELECT weir.review(:r, 'confirm', 'x');
SELECT weir.review(:r, 'approve', NULL);
SELECT weir.review(:r, 'approve', E' \n\t');
SELECT weir.review(NULL, 'approve', 'x');
SELECT weir.review(:r, 'approve', 'looks good');
\set VERBOSITY sqlstate
SELECT weir.review(:r, 'approve', 'twice');
\set VERBOSITY terse
SET ROLE regress_weir_ml;
SELECT weir.promote_model('regress r/1', 2);
SET ROLE regress_weir_cat;
SELECT weir.review(:r, 'approve', 'fair for women');
\set VERBOSITY sqlstate
SELECT weir.review(:r, 'reject', 'too late');
SELECT weir.withdraw_review(:r, 'too late');
\set VERBOSITY terse
SELECT state, n_decisions, decisions -> 0 ->> 'reason' AS first, decisions -> 1 ->> 'person' AS second FROM weir.reviews WHERE review_id = :r;
SET ROLE regress_weir_ml;
SELECT weir.promote_model('regress r/1', 2, reason => 'reviewed');

-- A later rejection takes the approval back; one is enough.
SELECT weir.request_review('model_version', 'regress r/1/2', reviewers => '{regress_weir_ben}') AS again \gset
SET ROLE regress_weir_ben;
SELECT weir.review(:again, 'reject', 'worse than I thought');
SET ROLE regress_weir_ml;
\set VERBOSITY sqlstate
SELECT weir.promote_model('regress r/1', 2, alias => 'live');
\set VERBOSITY terse
-- Fewer approvals than the model asks for cannot be asked for.
SELECT weir.request_review('model_version', 'regress r/1/1', approvals => 1) AS few \gset
SELECT approvals, reviewers IS NULL AS the_owners_members FROM weir.reviews WHERE review_id = :few;
-- Without reviewers the owner's members decide; requested by the role, not by her.
SET ROLE regress_weir_ann;
SELECT weir.review(:few, 'approve', 'fine');
SELECT weir.withdraw_review(:few, '');
SELECT weir.withdraw_review(:few, 'asked the wrong people');
SELECT state, is_overdue FROM weir.reviews WHERE review_id = :few;
RESET ROLE;

-- ---- who one is: the role that logged in, unless a pool speaks for many ----
CREATE ROLE regress_weir_pool LOGIN NOINHERIT;
GRANT regress_weir_ann, regress_weir_ben TO regress_weir_pool;
SET SESSION AUTHORIZATION regress_weir_pool;
SET weir.identify_by = 'current_user';
SET ROLE regress_weir_ann;
SELECT weir.request_review('model_version', 'regress r0/1', reviewers => '{regress_weir_risk}') AS pooled \gset
SET ROLE regress_weir_ben;
SELECT weir.review(:pooled, 'approve', 'somebody else?');
RESET SESSION AUTHORIZATION;
SET weir.identify_by = 'current_user';
SET SESSION AUTHORIZATION regress_weir_pool;
SET ROLE regress_weir_ben;
SELECT weir.review(:pooled, 'approve', 'somebody else');
RESET SESSION AUTHORIZATION;
RESET weir.identify_by;
-- who made a version is known by login, too
SET SESSION AUTHORIZATION regress_weir_ann;
SET ROLE regress_weir_ml;
SELECT weir.create_model_version('regress r0') AS made \gset
SELECT weir.request_review('model_version', 'regress r0/' || :made, reviewers => '{regress_weir_risk}') AS own \gset
RESET ROLE;
\set VERBOSITY sqlstate
SELECT weir.review(:own, 'approve', 'my own');
SET ROLE regress_weir_risk;
SELECT weir.review(:own, 'approve', 'my own');
\set VERBOSITY terse
RESET SESSION AUTHORIZATION;

-- who made the trainer, and whose procedure it ran, are no other eyes: whoever queued the job and registered the version
GRANT CREATE ON SCHEMA public TO regress_weir_ben;
BEGIN;
SET SESSION AUTHORIZATION regress_weir_ben;
CREATE PROCEDURE regress_train(job_id bigint, config jsonb) LANGUAGE sql AS 'SELECT 1';
SET SESSION AUTHORIZATION regress_weir_ann;
SET ROLE regress_weir_ml;
SELECT weir.create_trainer('regress t', 'regress r0', procedure => 'regress_train');
SET SESSION AUTHORIZATION regress_weir_ml;
SELECT weir.enqueue_job('regress t', run_after => now() + interval '1 year') AS job \gset
SELECT weir.create_model_version('regress r0', job_id => :job) AS made \gset
SELECT weir.request_review('model_version', 'regress r0/' || :made, reviewers => '{regress_weir_risk}') AS trained \gset
\set ON_ERROR_ROLLBACK on
\set VERBOSITY sqlstate
SET SESSION AUTHORIZATION regress_weir_ben;
SELECT weir.review(:trained, 'approve', 'my own procedure');
SET SESSION AUTHORIZATION regress_weir_ann;
SELECT weir.review(:trained, 'approve', 'my own trainer');
\set VERBOSITY terse
SET SESSION AUTHORIZATION regress_weir_cat;
SELECT weir.review(:trained, 'approve', 'somebody else');
ROLLBACK;
\set ON_ERROR_ROLLBACK off
RESET SESSION AUTHORIZATION;
REVOKE CREATE ON SCHEMA public FROM regress_weir_ben;

-- ---- overdue ----
UPDATE weir.review SET due_at = now() - interval '1 minute' WHERE review_id = :own;
SELECT is_overdue FROM weir.reviews WHERE review_id = :own;

-- ---- alerts ----
SET ROLE regress_weir_ml;
CREATE TABLE regress_loans (id bigint PRIMARY KEY, at timestamptz NOT NULL, income float8);
SELECT weir.create_monitor('regress loans', 'regress_loans', 'at', backfill => false);
RESET ROLE;
INSERT INTO weir.alert (monitor_id, rule, severity, family, subject, metric, value, threshold, window_start, window_end, last_window_start, message, detail)
    SELECT monitor_id, 'r', 'alert', 'drift', 'income', 'psi', 0.5, 0.25, '2026-01-01', '2026-01-02', '2026-01-01', 'psi is high', '{}' FROM weir.monitor,
    generate_series(1, 2) WHERE name = 'regress loans';
SELECT min(alert_id) AS a, max(alert_id) AS b FROM weir.alert WHERE rule = 'r' \gset
SET ROLE regress_weir_ml;
SELECT weir.request_review('alert', :'a', reviewers => '{regress_weir_risk}', approvals => 2) AS false_alarm \gset
SELECT weir.request_review('alert', :'b', reviewers => '{regress_weir_risk}') AS true_alarm \gset
SET ROLE regress_weir_ben;
SELECT weir.review(:false_alarm, 'dismiss', 'a holiday');
SELECT weir.review(:true_alarm, 'confirm', 'incomes fell');
SET ROLE regress_weir_cat;
SELECT weir.review(:false_alarm, 'dismiss', 'Easter');
RESET ROLE;
SELECT alert_id = :a AS first, state, verdict, note, resolved_by FROM weir.alerts WHERE rule = 'r' ORDER BY alert_id;
SELECT weir.resolve_alert(:a, 'confirmed', 'no holiday after all');
SELECT state, verdict, note, resolved_by FROM weir.alerts WHERE alert_id = :a;

-- ---- the record ----
SELECT role, action, kind, regexp_replace(subject, '^\d+$', 'number') AS subject, detail - 'artifact_hash' - 'subject' - 'owner' AS detail FROM weir.audit_log
    WHERE audit_id > :before AND kind IN ('model', 'model_version', 'review', 'alert') ORDER BY audit_id;
SELECT first_broken, reason, entries = last_number AS without_gap FROM weir.verify_audit_log();
UPDATE weir.audit_entry SET role = 'somebody else';
DELETE FROM weir.audit_chain;
TRUNCATE weir.audit_entry;
SET session_replication_role = replica;
DELETE FROM weir.audit_entry;
RESET session_replication_role;
SELECT weir.verify_audit_log(1, NULL);
BEGIN;
ALTER TABLE weir.audit_entry DISABLE TRIGGER append_only;
UPDATE weir.audit_entry SET detail = detail || '{"approvals": 0}' WHERE action = 'create' AND kind = 'model' AND subject = 'regress r/1';
SELECT first_broken = (SELECT number FROM weir.audit_log WHERE action = 'create' AND kind = 'model' AND subject = 'regress r/1') AS found, reason FROM weir.verify_audit_log();
ROLLBACK;
-- A transaction's entries have their places when it commits, those of rolled back subtransactions none.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT weir.create_model('regress kept');
SAVEPOINT s;
SELECT weir.create_model('regress taken back');
ROLLBACK TO s;
SELECT weir.create_model('regress kept, too');
SELECT number, action, subject FROM weir.audit_log WHERE subject LIKE 'regress %kept%' OR subject LIKE 'regress taken%' ORDER BY audit_id;
SELECT first_broken, reason FROM weir.verify_audit_log();
COMMIT;
SELECT row_number() OVER (ORDER BY number), number IS NOT NULL AS placed, subject FROM weir.audit_log WHERE subject LIKE 'regress %kept%' OR subject LIKE 'regress taken%';
SELECT first_broken, reason FROM weir.verify_audit_log();
BEGIN;
SELECT weir.drop_model('regress kept');
PREPARE TRANSACTION 'regress';
SELECT weir.drop_model('regress kept'), weir.drop_model('regress kept, too');

-- ---- clean up: versions and reviews are kept for good, but not by the tests that follow ----
SELECT weir.drop_monitor('regress loans');
DELETE FROM weir.review_decision;
DELETE FROM weir.review;
DELETE FROM weir.model_alias;
DELETE FROM weir.model_version;
DELETE FROM weir.model;
DROP TABLE regress_loans;
REVOKE ALL ON SCHEMA public FROM regress_weir_ml;
DROP ROLE regress_weir_ml, regress_weir_ann, regress_weir_ben, regress_weir_cat, regress_weir_risk, regress_weir_stranger, regress_weir_pool;
