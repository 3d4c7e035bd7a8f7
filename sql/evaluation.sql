-- Two models on the same rows; recorded evaluations, promotion policies, shadow predictions, lineage. unit/reference_evaluation.py has the numbers.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_weir_owner LOGIN;
CREATE ROLE regress_weir_stranger;
BEGIN;
\set ON_ERROR_ROLLBACK on
CREATE SCHEMA regress_evaluation AUTHORIZATION regress_weir_owner;
GRANT USAGE ON SCHEMA regress_evaluation TO PUBLIC;
SET ROLE regress_weir_owner;
SET search_path = regress_evaluation;
-- The champion is right less often; the challenger is worse for group b alone.
CREATE TABLE outcomes (id int, label boolean, old float8, new float8, unfair float8, sex text, region text);
INSERT INTO outcomes SELECT i, i % 5 < 2, CASE WHEN i % 4 = 0 THEN i % 5 >= 2 ELSE i % 5 < 2 END::int * 0.6 + 0.2 + i % 7 / 100.0,
    CASE WHEN i % 16 = 0 THEN i % 5 >= 2 ELSE i % 5 < 2 END::int * 0.6 + 0.2 + i % 7 / 100.0,
    CASE WHEN i % 32 = 0 OR i % 3 = 0 AND i % 2 = 0 THEN i % 5 >= 2 ELSE i % 5 < 2 END::int * 0.6 + 0.2 + i % 7 / 100.0,
    CASE WHEN i % 3 = 0 THEN 'b' ELSE 'a' END, CASE WHEN i < 20 THEN 'small' END FROM generate_series(1, 1200) i;

-- ---- compare_models ----
SELECT group_name, metric, round(champion_value::numeric, 4) AS champion, round(challenger_value::numeric, 4) AS challenger, round(difference::numeric, 4) AS difference,
    low < difference AND difference < high AS interval, p_value < 0.01 AS significant, method, n, outcome, is_primary, status
    FROM weir.compare_models('outcomes', champion => 'old', challenger => 'new', protected => '{sex,region}');
SELECT group_name, metric, outcome FROM weir.compare_models('outcomes', champion => 'old', challenger => 'unfair', protected => '{sex}') WHERE is_primary OR group_name = 'sex';
SELECT metric, difference, p_value, outcome, status FROM weir.compare_models('outcomes', champion => 'old', challenger => 'old');
SELECT metric, round(champion_value::numeric, 4) AS champion, challenger_value IS NOT NULL AS challenger, p_value, outcome, status FROM weir.compare_models('outcomes',
    champion => NULL, challenger => 'new');
-- the label's type decides
SELECT DISTINCT metric FROM weir.compare_models('SELECT label::int AS label, old AS champion, new AS challenger FROM outcomes') ORDER BY 1;
SELECT metric, outcome FROM weir.compare_models('SELECT id AS label, id + 2 AS champion, id + 1::numeric AS challenger FROM outcomes');
SELECT metric, champion_value, challenger_value, outcome FROM weir.compare_models($$SELECT CASE WHEN label THEN 'yes' ELSE 'no' END AS label, 'no' AS champion,
    CASE WHEN new > 0.5 THEN 'yes' ELSE 'no' END AS challenger FROM outcomes$$);
-- no probabilities; nothing to compare; NULL and NaN
SELECT metric, champion_value IS NOT NULL AS value, status FROM weir.compare_models('SELECT label, old * 10 AS champion, new * 10 AS challenger FROM outcomes', threshold => 5);
SELECT metric, champion_value, n, status FROM weir.compare_models('SELECT label, old AS champion, new AS challenger FROM outcomes WHERE false', protected => '{}');
SELECT metric, champion_value, n, status FROM weir.compare_models('SELECT label, old AS champion, new AS challenger FROM outcomes WHERE label') WHERE metric = 'roc_auc';
SELECT DISTINCT n FROM weir.compare_models('SELECT CASE WHEN id % 2 = 0 THEN label END AS label, CASE WHEN id % 3 = 0 THEN ''NaN'' ELSE old END AS champion,
    CASE WHEN id % 5 > 0 THEN new END AS challenger FROM outcomes');
SELECT weir.compare_models('no_such_table');
SELECT weir.compare_models('outcomes');
SELECT weir.compare_models('outcomes', champion => 'old', challenger => 'new', protected => '{no such}');
SELECT weir.compare_models('outcomes', champion => 'old', challenger => NULL);
SELECT weir.compare_models('outcomes', champion => 'old', challenger => 'new', confidence => 1);
SELECT weir.compare_models('outcomes', champion => 'old', challenger => 'new', rounds => 99);
SELECT weir.compare_models('outcomes', champion => 'old', challenger => 'new', min_group_size => 0);
SELECT weir.compare_models('outcomes', champion => 'old', challenger => 'new', threshold => 'NaN');
SELECT weir.compare_models('DELETE FROM outcomes');
SELECT weir.compare_models('SELECT id AS label, id AS champion, id AS challenger, id AS g FROM outcomes', protected => '{g}');

-- ---- evaluations and what they allow ----
SELECT weir.create_model('regress e');
SELECT weir.create_model_version('regress e'), weir.create_model_version('regress e'), weir.create_model_version('regress e');
SELECT weir.set_promotion_policy('regress e', requirement => 'best');
SELECT weir.set_promotion_policy('regress e', tolerance => -1);
SELECT weir.set_promotion_policy('regress e', min_n => 0);
SELECT weir.set_promotion_policy('regress e', max_age => '0');
SELECT weir.set_promotion_policy('no such');
SELECT weir.set_promotion_policy('regress e');
SELECT model, metric, requirement, tolerance, min_n, fairness_tolerance, max_age, automatic, set_by FROM weir.promotion_policies;
SELECT weir.evaluate_model('regress e', 9, 'outcomes');
SELECT weir.evaluate_model('no such', 1, 'outcomes');
-- the first champion needs no evaluation; evaluated alone
SELECT weir.promote_model('regress e', 1);
SELECT weir.evaluate_model('regress e', 1, 'outcomes', challenger => 'old') AS alone \gset
SELECT version, against, n, passed, reasons, evaluated_by FROM weir.evaluations WHERE evaluation_id = :alone;
-- not evaluated; better, but less fair; worse; better
SELECT weir.promote_model('regress e', 2);
SELECT weir.promote_model('regress e', 2, alias => 'challenger');
SELECT weir.evaluate_model('regress e', 2, 'outcomes', champion => 'old', challenger => 'unfair', protected => '{sex}') AS unfair \gset
SELECT version, against, passed, reasons FROM weir.evaluations WHERE evaluation_id = :unfair;
SELECT weir.promote_model('regress e', 2);
SELECT weir.evaluate_model('regress e', 3, 'SELECT *, $1 = 1 AND $2 = 3 AS right FROM outcomes WHERE $1 = 1 AND $2 = 3', champion => 'new', challenger => 'old',
    note => 'the wrong way round') AS worse \gset
SELECT passed, reasons, note FROM weir.evaluations WHERE evaluation_id = :worse;
SELECT weir.promote_model('regress e', 3);
SELECT weir.evaluate_model('regress e', 3, 'SELECT * FROM outcomes LIMIT 90', champion => 'old', challenger => 'new') AS few \gset
SELECT passed, reasons FROM weir.evaluations WHERE evaluation_id = :few;
SELECT weir.evaluate_model('regress e', 3, 'outcomes', champion => 'old', challenger => 'new', protected => '{sex}') AS better \gset
SELECT passed, reasons FROM weir.evaluations WHERE evaluation_id = :better;
SELECT count(*), count(*) FILTER (WHERE outcome = 'better') AS better FROM weir.evaluation_scores WHERE evaluation_id = :better;
RESET ROLE;
UPDATE weir.evaluation SET evaluated_at = evaluated_at - interval '31 days' WHERE evaluation_id = :better;
SET ROLE regress_weir_owner;
SELECT weir.promote_model('regress e', 3);
RESET ROLE;
UPDATE weir.evaluation SET evaluated_at = now() WHERE evaluation_id = :better;
SET ROLE regress_weir_owner;
SELECT weir.promote_model('regress e', 3, reason => 'better');
-- the evaluation was against another champion
SELECT weir.promote_model('regress e', 2);
SELECT weir.roll_back_model('regress e', 'back without an evaluation');
SELECT version, reason FROM weir.model_aliases WHERE model = 'regress e' AND alias = 'champion' AND until IS NULL;
-- not worse is enough; another metric
SELECT weir.set_promotion_policy('regress e', requirement => 'not_worse', metric => 'accuracy');
SELECT weir.evaluate_model('regress e', 2, 'outcomes', champion => 'old', challenger => 'old') AS same \gset
SELECT passed, reasons FROM weir.evaluations WHERE evaluation_id = :same;
SELECT weir.set_promotion_policy('regress e', metric => 'no_such');
SELECT weir.evaluate_model('regress e', 2, 'outcomes', champion => 'old', challenger => 'new') AS unknown \gset
SELECT passed, reasons FROM weir.evaluations WHERE evaluation_id = :unknown;
-- at once, when it passes
SELECT weir.set_promotion_policy('regress e', automatic => true);
SELECT weir.evaluate_model('regress e', 2, 'outcomes', champion => 'old', challenger => 'new') AS automatic \gset
SELECT version, reason = 'evaluation ' || :automatic || ' passed' AS reason FROM weir.model_aliases WHERE model = 'regress e' AND alias = 'champion' AND until IS NULL;
SELECT weir.drop_promotion_policy('regress e');
SELECT weir.drop_promotion_policy('regress e');
-- people are asked where the model asks for approvals
SELECT weir.create_model('regress approved', approvals => 1);
SELECT weir.create_model_version('regress approved'), weir.create_model_version('regress approved');
SELECT weir.set_promotion_policy('regress approved', automatic => true);
RESET ROLE;
INSERT INTO weir.model_alias (model_id, alias, version, set_by) SELECT model_id, 'champion', 1, owner FROM weir.model WHERE name = 'regress approved';
SET ROLE regress_weir_owner;
SELECT weir.evaluate_model('regress approved', 2, 'outcomes', champion => 'old', challenger => 'new') > 0 AS evaluated, weir.evaluate_model('regress approved', 2, 'outcomes',
    champion => 'old', challenger => 'new') > 0 AS again;
SELECT kind, subject, state, approvals FROM weir.reviews WHERE subject LIKE 'regress approved%';

-- ---- as a job, by schedule ----
SELECT weir.create_trainer('regress weekly', 'regress e', procedure => 'weir.run_evaluation', schedule => '7 days', config => '{"query": "SELECT * FROM regress_evaluation.outcomes",
    "champion": "old", "challenger": "new", "protected": ["sex"]}');
SELECT weir.enqueue_job('regress weekly') AS job \gset
SET client_min_messages = notice;
CALL weir.run_evaluation(:job, '{"version": "shadow", "query": "outcomes"}');
CALL weir.run_evaluation(:job, '{}');
CALL weir.run_evaluation(0, '{"query": "outcomes"}');
\set VERBOSITY sqlstate
CALL weir.run_evaluation(:job, '{"query": "outcomes", "champion": "old", "challenger": "new", "rounds": 1}');
SET client_min_messages = warning;
\set VERBOSITY terse
SELECT weir.promote_model('regress e', 3, alias => 'challenger');
CALL weir.run_evaluation(:job, '{"query": "outcomes", "champion": "old", "challenger": "new", "protected": ["sex", "region"], "confidence": 0.9, "note": "by hand"}');
SELECT version, against, passed, job_id = :job AS of_job, note FROM weir.evaluations WHERE model = 'regress e' ORDER BY evaluation_id DESC LIMIT 1;
-- the version before would do better
CALL weir.run_evaluation(:job, '{"query": "outcomes", "champion": "old", "challenger": "new", "version": "previous"}');
SELECT version FROM weir.model_aliases WHERE model = 'regress e' AND alias = 'champion' AND until IS NULL;
CALL weir.run_evaluation(:job, '{"query": "outcomes", "champion": "old", "challenger": "new", "version": "previous", "roll_back": true}');
SELECT version, reason ~ 'version 1 does better' AS reason FROM weir.model_aliases WHERE model = 'regress e' AND alias = 'champion' AND until IS NULL;

-- ---- predictions and lineage ----
SELECT weir.record_predictions('regress e', 9, 'outcomes');
SELECT weir.record_predictions('regress e', 1, 'outcomes');
SELECT weir.record_predictions('regress e', 1, 'SELECT id AS subject FROM outcomes');
SELECT weir.record_predictions('regress e', 1, 'SELECT NULL AS subject, 1 AS score');
SELECT weir.record_predictions('regress e', 1, 'SELECT id AS subject, old AS score FROM outcomes WHERE $1 = 1');
SELECT weir.record_predictions('regress e', 3, 'SELECT id AS subject, new::numeric AS score, new > 0.5 AS prediction, ''2026-01-01''::timestamptz AS predicted_at FROM outcomes');
SELECT version, is_shadow, count(*), count(score) AS scores, count(prediction) AS predictions, min(predicted_at) = now() AS now FROM weir.predictions GROUP BY 1, 2 ORDER BY 1;
SELECT weir.evaluate_model('regress e', 3, $$SELECT o.label, c.score AS champion, n.score AS challenger, o.sex FROM outcomes o
    JOIN weir.predictions c ON c.model = 'regress e' AND c.version = $1 AND c.subject = o.id::text
    JOIN weir.predictions n ON n.model = 'regress e' AND n.version = $2 AND n.subject = o.id::text$$, protected => '{sex}') AS shadow \gset
SELECT version, against, n, passed FROM weir.evaluations WHERE evaluation_id = :shadow;
SELECT weir.create_data_version('regress e', 'outcomes') AS data \gset
SELECT weir.create_model_version('regress e', artifact => '\x01', data_version => :data, job_id => :job) AS version \gset
SELECT version, aliases, trainer, config ->> 'champion' AS config, code_version ~ '^sha256:' AS code, artifact_hash IS NOT NULL AS hash, data_name, n, data_status,
    n_predictions FROM weir.lineage WHERE model = 'regress e' ORDER BY version;

-- ---- who may ----
SET ROLE regress_weir_stranger;
SELECT count(*) FROM weir.evaluations, weir.evaluation_scores, weir.predictions, weir.lineage, weir.promotion_policies;
\set VERBOSITY sqlstate
SELECT weir.compare_models('regress_evaluation.outcomes', champion => 'old', challenger => 'new');
SELECT weir.evaluate_model('regress e', 1, 'SELECT true AS label, 1 AS challenger');
SELECT weir.set_promotion_policy('regress e');
SELECT weir.drop_promotion_policy('regress e');
SELECT weir.record_predictions('regress e', 1, 'SELECT 1 AS subject, 1 AS score');
CALL weir.run_evaluation(:job, '{"query": "SELECT true AS label, 1 AS challenger"}');
SELECT * FROM weir.prediction;
ROLLBACK;
DROP ROLE regress_weir_owner, regress_weir_stranger;
