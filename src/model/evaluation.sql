-- evaluation: two versions on the same rows -----------------------------------------------------------------------------------------------

CREATE FUNCTION weir.compare_models(query text, label text = 'label', champion text = 'champion', challenger text = 'challenger',
    protected text[] = '{}', threshold float8 = 0.5, confidence float8 = 0.95, min_group_size bigint = 30, rounds int = 2000, seed bigint = 0)
    RETURNS TABLE (group_name text, metric text, champion_value float8, challenger_value float8, difference float8, low float8, high float8,
                   p_value float8, method text, n bigint, outcome text, is_primary boolean, status text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_compare_models';
COMMENT ON FUNCTION weir.compare_models(text, text, text, text, text[], float8, float8, bigint, int, bigint) IS
'Two models on the same rows: those of query (one SELECT, or a table; run with the caller''s rights), whose columns label, champion and challenger
hold the outcome and both predictions. The label''s type decides: boolean, or numbers that are all 0 or 1: scores are compared (roc_auc, primary, by
DeLong''s test; accuracy at threshold by McNemar''s exact test; log_loss and brier_score by a paired bootstrap, for scores in [0, 1]); other
numbers: mean_absolute_error (primary) and root_mean_squared_error by a paired bootstrap; anything else: accuracy of classes (McNemar). rounds
(100 to 1000000) and seed are the bootstrap''s; from rounds * n = 2e8 on the normal approximation stands for it. difference is
challenger less champion, low to high its interval at confidence, p_value two-sided; outcome: better, worse or no_difference of
the challenger at that confidence. Each value of each column in protected is a group with rows of its own (sex=F; NULL is (unknown)),
status insufficient below min_group_size rows; and each such column has the gaps between its groups (of scores at threshold), as
Fairlearn defines them: demographic_parity_difference and equalized_odds_difference, with a Poisson bootstrap. champion => NULL: the
challenger alone. Rows with NULL or NaN in any of the three are left out. At most 20 million rows and 1000 groups.';

CREATE TABLE weir.promotion_policy (
    model_id int PRIMARY KEY REFERENCES weir.model ON DELETE CASCADE,
    metric text,
    requirement text NOT NULL CHECK (requirement IN ('better', 'not_worse')),
    tolerance float8 NOT NULL CHECK (tolerance >= 0),
    min_n bigint NOT NULL CHECK (min_n > 0),
    fairness_tolerance float8 NOT NULL CHECK (fairness_tolerance >= 0),
    max_age interval NOT NULL,
    automatic boolean NOT NULL,
    set_by regrole NOT NULL,
    set_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE weir.promotion_policy IS 'What a version has to show before it replaces another; read the view weir.promotion_policies.';

CREATE TABLE weir.evaluation (
    evaluation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id int NOT NULL,
    version int NOT NULL,
    against int,                          -- the version that was champion; NULL: none
    query text NOT NULL,
    n bigint NOT NULL,
    passed boolean NOT NULL,
    reasons text[] NOT NULL,
    note text,
    job_id bigint,
    evaluated_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    evaluated_by regrole NOT NULL,
    FOREIGN KEY (model_id, version) REFERENCES weir.model_version
);
COMMENT ON TABLE weir.evaluation IS 'Evaluations of versions of models; read the view weir.evaluations.';
CREATE INDEX evaluation_version ON weir.evaluation (model_id, version);

CREATE TABLE weir.evaluation_score (
    evaluation_id bigint NOT NULL REFERENCES weir.evaluation,
    ordinal int NOT NULL,
    group_name text,
    metric text NOT NULL,
    champion_value float8,
    challenger_value float8,
    difference float8,
    low float8,
    high float8,
    p_value float8,
    method text,
    n bigint NOT NULL,
    outcome text,
    is_primary boolean NOT NULL,
    status text NOT NULL,
    PRIMARY KEY (evaluation_id, ordinal)
);
COMMENT ON TABLE weir.evaluation_score IS 'What evaluations found; read the view weir.evaluation_scores.';

-- What a model said about a case, be it in charge or in the shadow of the one that is.
CREATE TABLE weir.prediction (
    model_id int NOT NULL,
    version int NOT NULL,
    subject text NOT NULL,
    predicted_at timestamptz NOT NULL,
    score float8,
    prediction text,
    is_shadow boolean NOT NULL,
    FOREIGN KEY (model_id, version) REFERENCES weir.model_version
);
COMMENT ON TABLE weir.prediction IS 'Predictions of versions of models; read the view weir.predictions.';
CREATE INDEX prediction_subject ON weir.prediction (model_id, version, subject);
CREATE INDEX prediction_time ON weir.prediction USING brin (predicted_at);

SELECT pg_catalog.pg_extension_config_dump('weir.promotion_policy', '');
SELECT pg_catalog.pg_extension_config_dump('weir.evaluation', '');
SELECT pg_catalog.pg_extension_config_dump('weir.evaluation_evaluation_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.evaluation_score', '');
SELECT pg_catalog.pg_extension_config_dump('weir.prediction', '');

CREATE FUNCTION weir.set_promotion_policy(model text, metric text = NULL, requirement text = 'better', tolerance float8 = 0, min_n bigint = 100,
    fairness_tolerance float8 = 0.02, max_age interval = '30 days', automatic boolean = false) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_set_promotion_policy';
COMMENT ON FUNCTION weir.set_promotion_policy(text, text, text, float8, bigint, float8, interval, boolean) IS
'From now on a version replaces another as champion (and under any alias but challenger and shadow) only when its last evaluation against
that one passed, at most max_age ago. It passes when there are at least min_n rows; metric (NULL: the primary one) is significantly better by more
than tolerance (requirement better) or at most tolerance worse, and with tolerance 0 not significantly worse (not_worse); it is significantly worse
for no protected group; and no gap between groups is wider than the champion''s by more than fairness_tolerance. The first champion needs no evaluation.
automatic: a version that passes is promoted at once, or, where the model asks for approvals, a review of it is requested. For the model''s owner.';

CREATE FUNCTION weir.drop_promotion_policy(model text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_promotion_policy';
COMMENT ON FUNCTION weir.drop_promotion_policy(text) IS 'Versions of the model are promoted without an evaluation again. For the model''s owner.';

CREATE FUNCTION weir.evaluate_model(model text, version int, query text, against text = 'champion', label text = 'label',
    champion text = 'champion', challenger text = 'challenger', protected text[] = '{}', threshold float8 = 0.5, confidence float8 = 0.95,
    min_group_size bigint = 30, rounds int = 2000, seed bigint = 0, note text = NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_evaluate_model';
COMMENT ON FUNCTION weir.evaluate_model(text, int, text, text, text, text, text, text[], float8, float8, bigint, int, bigint, text) IS
'Compares a version with the one that an alias means, as weir.compare_models does, and records the result with whether it passes the model''s
promotion policy (or its defaults) and why not: weir.evaluations, weir.evaluation_scores. Returns the number of the evaluation. In query $1 is the
version of the champion and $2 that of the challenger, so that one text does for every evaluation. Where the alias means nothing, or
champion is NULL, the version is evaluated alone. Runs the query with the caller''s rights. For the model''s owner.';

CREATE PROCEDURE weir.run_evaluation(job_id bigint, config jsonb)
    LANGUAGE c AS 'MODULE_PATHNAME', 'weir_run_evaluation';
COMMENT ON PROCEDURE weir.run_evaluation(bigint, jsonb) IS
'evaluate_model as the procedure of a trainer, for evaluations by schedule: create_trainer(''weekly'', ''m'', procedure => ''weir.run_evaluation'',
schedule => ''7 days'', config => ''{"query": "SELECT ..."}''). config: query; label, champion, challenger, protected (an array), threshold,
confidence, min_group_size, rounds, seed, note as there; version: an alias (challenger), a number, or previous: the version that was champion
before, which with roll_back true takes its place again when it does significantly better. Nothing is done when there is no such version.';

CREATE FUNCTION weir.record_predictions(model text, version int, query text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_record_predictions';
COMMENT ON FUNCTION weir.record_predictions(text, int, text) IS
'Keeps what a version predicts and returns how many rows: query (one SELECT, or a table; run with the caller''s rights) gives subject (what the
prediction is about, read as text, not NULL), score (a number) or prediction (read as text), or both, and, if it likes, predicted_at
(timestamptz; else now). Of a version that neither champion nor live means they are shadow predictions: nobody acted on them. In query $1 is the
version. Kept for weir.prediction_retention. For the model''s owner.';

CREATE VIEW weir.promotion_policies WITH (security_barrier) AS
    SELECT m.name AS model, p.metric, p.requirement, p.tolerance, p.min_n, p.fairness_tolerance, p.max_age, p.automatic, p.set_by, p.set_at
    FROM weir.promotion_policy p JOIN weir.model m USING (model_id) WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.promotion_policies IS 'What versions of the models in weir.models have to show before they replace another.';
GRANT SELECT ON weir.promotion_policies TO PUBLIC;

CREATE VIEW weir.evaluations WITH (security_barrier) AS
    SELECT e.evaluation_id, m.name AS model, e.version, e.against, e.n, e.passed, e.reasons, e.evaluated_at, e.evaluated_by, e.query, e.note, e.job_id
    FROM weir.evaluation e JOIN weir.model m USING (model_id) WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.evaluations IS
'Evaluations of the models in weir.models: version against the one that was champion then (NULL: alone), the largest number of rows, whether it
passed the promotion policy of that time (or its defaults), and the reasons why not.';
GRANT SELECT ON weir.evaluations TO PUBLIC;

CREATE VIEW weir.evaluation_scores WITH (security_barrier) AS
    SELECT s.evaluation_id, m.name AS model, e.version, e.against, s.group_name, s.metric, s.champion_value, s.challenger_value, s.difference, s.low,
           s.high, s.p_value, s.method, s.n, s.outcome, s.is_primary, s.status
    FROM weir.evaluation_score s JOIN weir.evaluation e USING (evaluation_id) JOIN weir.model m USING (model_id) WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.evaluation_scores IS 'What each evaluation in weir.evaluations found, in the columns of weir.compare_models.';
GRANT SELECT ON weir.evaluation_scores TO PUBLIC;

CREATE VIEW weir.predictions WITH (security_barrier) AS
    SELECT m.name AS model, p.version, p.subject, p.predicted_at, p.score, p.prediction, p.is_shadow
    FROM weir.prediction p JOIN weir.model m USING (model_id) WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.predictions IS 'What versions of the models in weir.models predicted; is_shadow: nobody acted on it.';
GRANT SELECT ON weir.predictions TO PUBLIC;

CREATE VIEW weir.lineage WITH (security_barrier) AS
    SELECT m.name AS model, v.version,
           ARRAY(SELECT a.alias FROM weir.model_alias a WHERE a.model_id OPERATOR(pg_catalog.=) v.model_id
                 AND a.version OPERATOR(pg_catalog.=) v.version AND a.until IS NULL ORDER BY a.alias) AS aliases,
           v.created_at, v.created_by, v.job_id, v.trainer, v.config, v.code_version, v.artifact_hash, v.data_version, d.name AS data_name, d.query,
           d.relation, d.n, d.content_hash, d.snapshot, d.status AS data_status, p.n_predictions, p.first_predicted_at, p.last_predicted_at
    FROM weir.model_version v JOIN weir.model m USING (model_id) LEFT JOIN weir.data_versions d USING (data_version)
        CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS n_predictions, pg_catalog.min(p.predicted_at) AS first_predicted_at,
                                   pg_catalog.max(p.predicted_at) AS last_predicted_at
                            FROM weir.prediction p WHERE p.model_id OPERATOR(pg_catalog.=) v.model_id
                                AND p.version OPERATOR(pg_catalog.=) v.version) p
    WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.lineage IS
'From rows to predictions: each version of the models in weir.models with the data version, the job''s configuration and the code it was made from,
and how many predictions of it are kept. What the reader may not see of a data version is NULL.';
GRANT SELECT ON weir.lineage TO PUBLIC;
