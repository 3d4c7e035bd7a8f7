-- feed: learners that are fed with the rows of monitors -------------------------------------------------------------------------------------

CREATE FUNCTION weir.create_learner(monitor text, model text, learner text DEFAULT NULL, features text[] DEFAULT NULL, label text DEFAULT NULL, options jsonb DEFAULT '{}',
    backfill boolean DEFAULT true, version int DEFAULT NULL, snapshot_interval interval DEFAULT '1 day', snapshot_rows bigint DEFAULT NULL, on_drift text DEFAULT 'keep',
    detector text DEFAULT 'adwin', detector_options jsonb DEFAULT '{}', keep_predictions boolean DEFAULT false, prediction_retention interval DEFAULT '30 days',
    keep_versions int DEFAULT 30) RETURNS name
    AS 'MODULE_PATHNAME', 'weir_create_learner' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.create_learner(text, text, text, text[], text, jsonb, boolean, int, interval, bigint, text, text, jsonb, boolean, interval, int) IS
    'Feeds a learner with the rows of a monitor: each new row is first predicted, then, when its label is there, learned. Returns the name of the model, which is made where it does not exist, and has at most '
    'one learner. learner: as in weir.learners; NULL: adaptive_random_forest, or linear_regression where the label is a number other than an integer. features: columns of the source; NULL: those that the monitor '
    'summarizes, without label, prediction, score, protected columns, primary key, vectors, and personal or sensitive columns. label: a column; NULL: the monitor''s, and of learners of clusters and anomalies, which learn each row as it comes, none. options: of the learner, such as max_memory. '
    'backfill: learns the rows that are there first, in the order of their time. version: of the model, to go on from; NULL: untrained. A label that comes later, as an '
    'UPDATE of its row (or by weir.join_labels), is learned then: what was predicted when the row came is remembered under the primary key for prediction_retention, and is what counts; without a key it is predicted '
    'anew, and REPLICA IDENTITY FULL is needed. A label that changes after it was learned, and a row that is deleted, cannot be unlearned: they are counted. Rows are learned exactly once, in the order of commits. '
    'A version of the model is made every snapshot_interval or snapshot_rows learned rows, whichever comes first (NULL: not so); of versions that it makes by itself, the latest keep_versions stay (NULL: all), and those that an '
    'alias has ever meant, or that evaluations, recorded predictions, reviews or complaints are about. on_drift: what a signal of the detector (weir.detectors) over the errors does: keep (it is counted), '
    'reset (a version is made, and learning begins anew), replace (likewise, with a learner that has learned since the detector''s warning); without labels there are no errors, and keep is all there is. keep_predictions: keeps all predictions, in '
    'weir.learner_predictions. For the owner of the monitor, who must be able to read the columns. Errors: 42704 no such monitor, 42703 no such column, 42804 a type that cannot be read, 42710 the model has a learner, '
    '22023 an unknown learner, detector or option, or a pipeline that does not go with the features, 54000 too little max_memory, 42501.';

CREATE FUNCTION weir.drop_learner(model text, snapshot boolean DEFAULT true) RETURNS int
    AS 'MODULE_PATHNAME', 'weir_drop_learner' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.drop_learner(text, boolean) IS
    'Ends feeding the learner of a model; the model and its versions stay. snapshot: makes a last version of what it has learned, whose number is returned, NULL where there is nothing new. For its owner. Errors: 42704 the model has no learner, 42501.';
CREATE FUNCTION weir.snapshot_learner(model text, note text DEFAULT NULL) RETURNS int
    AS 'MODULE_PATHNAME', 'weir_snapshot_learner' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.snapshot_learner(text, text) IS
    'Makes a version of a model from what its learner has learned by now, and returns its number: its artefact is the weir.learner, its metrics are those of weir.learner_metrics. For its owner. Errors: 42704 the model has no learner, 55000 it has not learned anything, 42501.';
CREATE FUNCTION weir.reset_learner(model text, backfill boolean DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_reset_learner' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.reset_learner(text, boolean) IS
    'Lets the learner of a model begin anew, as weir.create_learner did; the rows of its table are learned first where backfill says so (NULL: as before). Mends what a gap has left out, and what deleted rows and '
    'corrected labels have left in. For its owner. Errors: 42704 the model has no learner, 42501.';
CREATE FUNCTION weir.resume_learner(model text) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_resume_learner' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.resume_learner(text) IS
    'Goes on with a learner that was set aside, once its reason is mended: from what it had learned, with the rows that come from now on; those in between count as a gap. Where nothing is mended it is set aside again. For its owner. Errors: 42704 the model has no learner, 42501.';
CREATE FUNCTION weir.wait_for_learners(timeout interval DEFAULT '30 s') RETURNS void
    AS 'MODULE_PATHNAME', 'weir_wait_for_learners' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.wait_for_learners(interval) IS
    'Returns when all learners of the database that are not set aside have learned what was committed before the call. As weir.wait_for, it refuses to run in a transaction that has written, and raises 57014 after timeout.';

-- asking models by name

CREATE FUNCTION weir.model_learner(model text, alias text DEFAULT 'champion') RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_model_learner' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION weir.model_learner(text, text) IS
    'The learner that a version of a model is. alias: that of the version (champion, challenger and so on), its number (''3''), or current: the learner of the model as it is now. For members of the model''s owner and of '
    'pg_read_all_data. Errors: 42704 no such model, alias or version, 22P03 an artefact that is no learner, 42501. NULL for NULL.';
CREATE FUNCTION weir.predict_with(model text, features "any", alias text DEFAULT 'champion') RETURNS text
    AS 'MODULE_PATHNAME', 'weir_predict_with' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION weir.predict_with(text, "any", text) IS
    'What a version of a model says of the features: as weir.predict of weir.model_learner(model, alias), which is read once per query.';
CREATE FUNCTION weir.predict_number_with(model text, features "any", alias text DEFAULT 'champion') RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_predict_number_with' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION weir.predict_number_with(text, "any", text) IS
    'The number that a version of a model of regression says of the features: as weir.predict_number of weir.model_learner(model, alias), which is read once per query.';
CREATE FUNCTION weir.predict_proba_with(model text, features "any", class text, alias text DEFAULT 'champion') RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_predict_proba_with' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION weir.predict_proba_with(text, "any", text, text) IS
    'The probability (0 to 1) of a class that a version of a model says of the features: as weir.predict_proba of weir.model_learner(model, alias), which is read once per query.';

CREATE FUNCTION weir.attribution_scores(monitor text, model text, alias text DEFAULT 'champion', window_size interval DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL)
    RETURNS TABLE (window_start timestamptz, window_end timestamptz, metric text, value float8, verdict text, status text, n bigint, feature text, baseline_share float8, current_share float8)
    AS 'MODULE_PATHNAME', 'weir_attribution_scores' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION weir.attribution_scores(text, text, text, interval, timestamptz, timestamptz) IS
    'Whether a version of a model rests on other features than in the baseline of a monitor, window by window: weir.attribution_drift of weir.feature_attributions over the rows of the range of the baseline and over those of each window, '
    'with columns as there. The table must have columns called like the model''s features. window_size: NULL for the monitor''s. status: ok, insufficient (fewer than 30 rows), undefined, no_baseline (the monitor has none '
    'that is a range). Reads the rows of the table as the caller. Errors: 42704 no such monitor or model, 42501 not readable, 0A000 a model without contributions.';

-- views

CREATE VIEW weir.learner_metrics WITH (security_barrier) AS
    SELECT m.name AS model, e.scope, e.metric, e.value, e.majority, e.last_label, e.n
    FROM weir.monitor_learner l JOIN weir.learner_state s USING (learner_id) JOIN weir.model m USING (model_id),
        LATERAL unnest(weir._prequential_metrics(s.evaluation)) e
    WHERE weir._may_see(m.owner::oid) AND l.label IS NOT NULL;
COMMENT ON VIEW weir.learner_metrics IS
    'How good what learners of monitors said of rows was, before they learned them, beside the majority and the last label: columns as in weir.prequential_metric.';
GRANT SELECT ON weir.learner_metrics TO PUBLIC;

CREATE VIEW weir.monitor_learners WITH (security_barrier) AS
    SELECT o.name AS monitor, m.name AS model, l.learner, l.options, l.feature_names AS features, l.label::text AS label,
        CASE WHEN s.disabled_reason IS NOT NULL THEN 'disabled' WHEN s.cut IS NULL OR s.applied < 0 OR NOT s.followed THEN 'starting' ELSE 'active' END AS status,
        s.disabled_reason, s.waiting_reason, s.n_seen, s.n_learned, (SELECT coalesce(sum(c.n), 0)::bigint FROM weir.learner_change c WHERE c.learner_id = l.learner_id) AS n_waiting,
        e.accuracy, e.kappa, e.kappa_temporal, e.majority_accuracy, e.last_label_accuracy, e.sliding_accuracy, e.mean_absolute_error, e.root_mean_squared_error, e.r2,
        e.majority_mean_absolute_error, e.last_label_mean_absolute_error,
        s.memory_bytes,
        coalesce(l.options ->> 'max_memory', (SELECT c.options ->> 'max_memory' FROM weir.learners c WHERE c.learner = l.learner))::float8::bigint AS max_memory, l.on_drift, l.detector,
        s.n_warnings, s.n_drifts, s.last_drift_at, s.n_corrected, s.n_retracted, g.n AS n_gaps, g.noticed_at AS gap_at, g.reason AS gap_reason,
        s.latest_at, (SELECT max(v.version) FROM weir.model_version v WHERE v.model_id = l.model_id AND v.config ->> 'monitor' = o.name) AS last_version,
        s.snapshot_at AS last_snapshot_at, s.updated_at, l.owner
    FROM weir.monitor_learner l JOIN weir.model m USING (model_id) JOIN weir.monitor o USING (monitor_id) LEFT JOIN weir.learner_state s USING (learner_id)
        CROSS JOIN LATERAL (SELECT count(*)::int AS n, max(x.noticed_at) AS noticed_at, (array_agg(x.reason ORDER BY x.noticed_at DESC))[1] AS reason FROM weir.learner_gap x
            WHERE x.learner_id = l.learner_id AND (x.brought_by IS NULL OR NOT pg_visible_in_snapshot(x.brought_by, s.cut))) g
        LEFT JOIN LATERAL (SELECT max(x.value) FILTER (WHERE x.metric = 'accuracy' AND x.scope = 'all') AS accuracy,
                max(x.value) FILTER (WHERE x.metric = 'kappa' AND x.scope = 'all') AS kappa,
                max(x.value) FILTER (WHERE x.metric = 'kappa_temporal' AND x.scope = 'all') AS kappa_temporal,
                max(x.majority) FILTER (WHERE x.metric = 'accuracy' AND x.scope = 'all') AS majority_accuracy,
                max(x.last_label) FILTER (WHERE x.metric = 'accuracy' AND x.scope = 'all') AS last_label_accuracy,
                max(x.value) FILTER (WHERE x.metric = 'accuracy' AND x.scope = 'sliding') AS sliding_accuracy,
                max(x.value) FILTER (WHERE x.metric = 'mean_absolute_error' AND x.scope = 'all') AS mean_absolute_error,
                max(x.value) FILTER (WHERE x.metric = 'root_mean_squared_error' AND x.scope = 'all') AS root_mean_squared_error, max(x.value) FILTER (WHERE x.metric = 'r2' AND x.scope = 'all') AS r2,
                max(x.majority) FILTER (WHERE x.metric = 'mean_absolute_error' AND x.scope = 'all') AS majority_mean_absolute_error,
                max(x.last_label) FILTER (WHERE x.metric = 'mean_absolute_error' AND x.scope = 'all') AS last_label_mean_absolute_error
            FROM unnest(weir._prequential_metrics(s.evaluation)) x) e ON true
    WHERE weir._may_see(m.owner::oid);
COMMENT ON VIEW weir.monitor_learners IS
    'Learners that are fed with the rows of monitors (weir.create_learner), of the models in weir.models. status: starting (capture has not taken note of it, or it learns the rows that were there before), active, disabled (set aside, disabled_reason says why; '
    'its monitor goes on). waiting_reason: what it failed to do lately, and tries again, or why it was set aside before weir.resume_learner, until it goes on. n_seen: rows that came, n_learned: with their label, n_waiting: changes that capture has noted, and rows that were there before, that are not applied yet. accuracy to last_label_mean_absolute_error: of what was said of rows before they were learned, '
    'see weir.learner_metrics; sliding: the latest 1000; NULL without labels. memory_bytes: of the model in memory, bounded by max_memory. n_corrected: labels that changed, n_retracted: rows that were deleted, after they were learned. n_gaps: how often rows may have '
    'passed unseen, the last time noticed at gap_at, for gap_reason: weir.reset_learner learns the table as it is, which mends that. latest_at: time of the latest row. last_version: of the model, made from it.';
GRANT SELECT ON weir.monitor_learners TO PUBLIC;

CREATE VIEW weir.learner_predictions WITH (security_barrier) AS
    SELECT m.name AS model, p.subject, p.at AS row_at, p.prediction, p.score, p.label, p.predicted_at, p.labelled_at
    FROM weir.learner_prediction p JOIN weir.monitor_learner l USING (learner_id) JOIN weir.model m USING (model_id)
    WHERE weir._may_see(m.owner::oid);
COMMENT ON VIEW weir.learner_predictions IS
    'What learners of monitors said of rows when they came: of those whose label has not come, and of all where keep_predictions says so. subject: the primary key as text, of several columns a JSON array; row_at: the row''s time; prediction: a class, or a '
    'number as text, NULL where nothing was known; score: the probability of the class, of regression the number, of clusters its number, of anomalies how anomalous (0 to 1); label: NULL until it comes, and, with labelled_at, when it was taken back.';
GRANT SELECT ON weir.learner_predictions TO PUBLIC;

ALTER TABLE weir.monitor_learner ADD FOREIGN KEY (model_id) REFERENCES weir.model;
SELECT pg_catalog.pg_extension_config_dump('weir.monitor_learner', '');
SELECT pg_catalog.pg_extension_config_dump('weir.monitor_learner_learner_id_seq', '');

-- models from panes

CREATE FUNCTION weir.fit_from_windows(monitor text, kind text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, column_name text DEFAULT NULL, features text[] DEFAULT NULL,
    alpha float8 DEFAULT 1) RETURNS weir.learner
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH w AS (
        SELECT s.segment, s.column_name::text AS name, s.kind, s.summary
        FROM (SELECT v.window_size FROM weir.monitors v WHERE v.monitor = $1) m, weir.window_stats($1, window_size => m.window_size, slide => m.window_size, since => $3, until => $4) s
        WHERE s.summary IS NOT NULL)
    SELECT CASE $2
        WHEN 'gaussian_naive_bayes' THEN (SELECT weir.fit_gaussian_naive_bayes(w.segment, w.name, w.summary) FROM w WHERE w.segment IS NOT NULL AND w.kind = 'numeric'
            AND ($6 IS NULL OR w.name = ANY ($6)))
        WHEN 'linear_discriminant' THEN (SELECT weir.fit_linear_discriminant(w.segment, w.summary, $6) FROM w WHERE w.segment IS NOT NULL AND w.kind = 'vector' AND w.name = $5)
        WHEN 'ridge' THEN weir.fit_ridge((SELECT weir.merge(w.summary) FROM w WHERE w.segment IS NULL AND w.kind = 'vector' AND w.name = $5), $6, $7)
        ELSE weir.untrained_learner($2 || ' from windows') END;
END;
COMMENT ON FUNCTION weir.fit_from_windows(text, text, timestamptz, timestamptz, text, text[], float8) IS
    'A model from the panes of a monitor, for any range of its windows, without reading a row. kind: gaussian_naive_bayes, of a monitor with segment_by => ''{label}'', from its numbers (features: some of them); linear_discriminant, of '
    'such a monitor with a column of vectors (column_name) of the features, which features names in order; ridge, of a column of vectors that hold the features and, last, the label, with alpha. since, until: windows that begin in it; NULL: all. '
    'See weir.fit_gaussian_naive_bayes, weir.fit_linear_discriminant and weir.fit_ridge. NULL without windows that have such columns, and of a monitor that the caller may not see. Raises 22023 for another kind.';
