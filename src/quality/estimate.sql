-- performance without labels: several classes, and numbers ---------------------------------------------------------------------------------

CREATE TYPE weir.estimated_metric AS (metric text, class_name text, value float8, low float8, high float8, n bigint, status text);
COMMENT ON TYPE weir.estimated_metric IS
    'A row of what a metric will be once labels are there: class_name NULL is over all classes; low, high: where the realised value lies with the confidence asked for, when the '
    'probabilities (the losses) are right; n: rows; status undefined: it has no value.';
CREATE TYPE weir.expected_cell AS (label text, prediction text, n float8);
COMMENT ON TYPE weir.expected_cell IS 'A cell of an expected confusion matrix: rows expected to be labelled so among those predicted so.';

CREATE FUNCTION weir.fit_class_calibrator_accumulate(state internal, label "any", probabilities float8[], classes text[]) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_class_calibrator_accumulate';
CREATE FUNCTION weir.fit_class_calibrator_accumulate(state internal, label "any", probabilities float8[], classes text[], calibrate text) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_class_calibrator_accumulate';
CREATE FUNCTION weir.fit_class_calibrator_combine(state internal, other internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_class_calibrator_combine';
CREATE FUNCTION weir.fit_class_calibrator_serialize(state internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_class_calibrator_serialize';
CREATE FUNCTION weir.fit_class_calibrator_deserialize(bytes bytea, state internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_class_calibrator_deserialize';
CREATE FUNCTION weir.fit_class_calibrator_final(state internal) RETURNS jsonb
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_class_calibrator_final';
COMMENT ON FUNCTION weir.fit_class_calibrator_accumulate(internal, "any", float8[], text[]) IS 'Step of the aggregate fit_class_calibrator.';
COMMENT ON FUNCTION weir.fit_class_calibrator_accumulate(internal, "any", float8[], text[], text) IS 'Step of the aggregate fit_class_calibrator.';
COMMENT ON FUNCTION weir.fit_class_calibrator_combine(internal, internal) IS 'Joins the states of parallel workers.';
COMMENT ON FUNCTION weir.fit_class_calibrator_serialize(internal) IS 'The state of a parallel worker.';
COMMENT ON FUNCTION weir.fit_class_calibrator_deserialize(bytea, internal) IS 'The state of a parallel worker.';
COMMENT ON FUNCTION weir.fit_class_calibrator_final(internal) IS 'Result of the aggregate fit_class_calibrator.';

CREATE AGGREGATE weir.fit_class_calibrator(label "any", probabilities float8[], classes text[]) (
    SFUNC = weir.fit_class_calibrator_accumulate, STYPE = internal, SSPACE = 200000, FINALFUNC = weir.fit_class_calibrator_final,
    COMBINEFUNC = weir.fit_class_calibrator_combine, SERIALFUNC = weir.fit_class_calibrator_serialize, DESERIALFUNC = weir.fit_class_calibrator_deserialize, PARALLEL = SAFE
);
CREATE AGGREGATE weir.fit_class_calibrator(label "any", probabilities float8[], classes text[], calibrate text) (
    SFUNC = weir.fit_class_calibrator_accumulate, STYPE = internal, SSPACE = 200000, FINALFUNC = weir.fit_class_calibrator_final,
    COMBINEFUNC = weir.fit_class_calibrator_combine, SERIALFUNC = weir.fit_class_calibrator_serialize, DESERIALFUNC = weir.fit_class_calibrator_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.fit_class_calibrator("any", float8[], text[]) IS 'As fit_class_calibrator with calibrate auto.';
COMMENT ON AGGREGATE weir.fit_class_calibrator("any", float8[], text[], text) IS
    'Calibrators of the probabilities of 2 to 64 classes, each against the rest, fitted on labelled rows, for estimate_class_performance. probabilities: in the order of classes, which are the '
    'same for all rows. calibrate: auto (isotonic where Hosmer and Lemeshow''s test over deciles rejects the probabilities of a class at 5 %, else as they are) or always. Rows with a NULL are '
    'left out; a label that is none of the classes, or a probability outside [0, 1], raises 22023. NULL over no rows.';

CREATE FUNCTION weir.class_calibrator(classes text[]) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_class_calibrator';
COMMENT ON FUNCTION weir.class_calibrator(text[]) IS 'A calibrator for estimate_class_performance that believes probabilities as they are.';

CREATE FUNCTION weir.class_estimate_accumulate(state internal, prediction "any", probabilities float8[], calibrator jsonb) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_class_estimate_accumulate';
CREATE FUNCTION weir.class_estimate_accumulate(state internal, prediction "any", probabilities float8[], calibrator jsonb, confidence float8) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_class_estimate_accumulate';
CREATE FUNCTION weir.class_estimate_combine(state internal, other internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_class_estimate_combine';
CREATE FUNCTION weir.class_estimate_serialize(state internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_class_estimate_serialize';
CREATE FUNCTION weir.class_estimate_deserialize(bytes bytea, state internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_class_estimate_deserialize';
CREATE FUNCTION weir.class_estimate_final(state internal) RETURNS weir.estimated_metric[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_class_estimate_final';
CREATE FUNCTION weir.expected_confusion_final(state internal) RETURNS weir.expected_cell[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_expected_confusion_final';
COMMENT ON FUNCTION weir.class_estimate_accumulate(internal, "any", float8[], jsonb) IS 'Step of the aggregates estimate_class_performance and expected_confusion_matrix.';
COMMENT ON FUNCTION weir.class_estimate_accumulate(internal, "any", float8[], jsonb, float8) IS 'Step of the aggregate estimate_class_performance.';
COMMENT ON FUNCTION weir.class_estimate_combine(internal, internal) IS 'Joins the states of parallel workers.';
COMMENT ON FUNCTION weir.class_estimate_serialize(internal) IS 'The state of a parallel worker.';
COMMENT ON FUNCTION weir.class_estimate_deserialize(bytea, internal) IS 'The state of a parallel worker.';
COMMENT ON FUNCTION weir.class_estimate_final(internal) IS 'Result of the aggregate estimate_class_performance.';
COMMENT ON FUNCTION weir.expected_confusion_final(internal) IS 'Result of the aggregate expected_confusion_matrix.';

CREATE AGGREGATE weir.estimate_class_performance(prediction "any", probabilities float8[], calibrator jsonb) (
    SFUNC = weir.class_estimate_accumulate, STYPE = internal, SSPACE = 200000, FINALFUNC = weir.class_estimate_final, COMBINEFUNC = weir.class_estimate_combine,
    SERIALFUNC = weir.class_estimate_serialize, DESERIALFUNC = weir.class_estimate_deserialize, PARALLEL = SAFE
);
CREATE AGGREGATE weir.estimate_class_performance(prediction "any", probabilities float8[], calibrator jsonb, confidence float8) (
    SFUNC = weir.class_estimate_accumulate, STYPE = internal, SSPACE = 200000, FINALFUNC = weir.class_estimate_final, COMBINEFUNC = weir.class_estimate_combine,
    SERIALFUNC = weir.class_estimate_serialize, DESERIALFUNC = weir.class_estimate_deserialize, PARALLEL = SAFE
);
CREATE AGGREGATE weir.expected_confusion_matrix(prediction "any", probabilities float8[], calibrator jsonb) (
    SFUNC = weir.class_estimate_accumulate, STYPE = internal, SSPACE = 200000, FINALFUNC = weir.expected_confusion_final, COMBINEFUNC = weir.class_estimate_combine,
    SERIALFUNC = weir.class_estimate_serialize, DESERIALFUNC = weir.class_estimate_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.estimate_class_performance("any", float8[], jsonb) IS 'As estimate_class_performance with confidence 0.95.';
COMMENT ON AGGREGATE weir.estimate_class_performance("any", float8[], jsonb, float8) IS
    'What the performance of a model of several classes will be once labels are there (confidence-based estimation, as NannyML''s CBPE): SELECT e.* FROM unnest((SELECT '
    'weir.estimate_class_performance(prediction, probabilities, calibrator) FROM t)) e. probabilities: in the order of the calibrator''s classes (fit_class_calibrator), mended one '
    'against the rest and scaled to sum to 1. Rows: accuracy; precision, recall, f1, specificity and roc_auc of each class against the rest; their means (macro_...; a class without '
    'a prediction counts as 0). low, high: normal, delta method; of macro_roc_auc the mean of the classes'' half-widths. roc_auc: by 2048 bins of the raw probability. Rows with a NULL are left '
    'out; another prediction than a class raises 22023. It sees changes of the inputs, not of what they mean. NULL over no rows.';
COMMENT ON AGGREGATE weir.expected_confusion_matrix("any", float8[], jsonb) IS
    'The confusion matrix that estimate_class_performance expects, as an array of (label, prediction, n); n may be a fraction. Arguments as there.';

CREATE FUNCTION weir.fit_loss_model_accumulate(state internal, label float8, prediction float8) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_loss_model_accumulate';
CREATE FUNCTION weir.fit_loss_model_accumulate(state internal, label float8, prediction float8, features float8[]) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_loss_model_accumulate';
CREATE FUNCTION weir.fit_loss_model_final(state internal) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_loss_model_final';
COMMENT ON FUNCTION weir.fit_loss_model_accumulate(internal, float8, float8) IS 'Step of the aggregate fit_loss_model.';
COMMENT ON FUNCTION weir.fit_loss_model_accumulate(internal, float8, float8, float8[]) IS 'Step of the aggregate fit_loss_model.';
COMMENT ON FUNCTION weir.fit_loss_model_final(internal) IS 'Result of the aggregate fit_loss_model.';

CREATE AGGREGATE weir.fit_loss_model(label float8, prediction float8) (
    SFUNC = weir.fit_loss_model_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.fit_loss_model_final, PARALLEL = SAFE
);
CREATE AGGREGATE weir.fit_loss_model(label float8, prediction float8, features float8[]) (
    SFUNC = weir.fit_loss_model_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.fit_loss_model_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.fit_loss_model(float8, float8) IS
    'As fit_loss_model with no feature but the prediction: for estimate_regression over summaries. Past 262,144 rows their order decides.';
COMMENT ON AGGREGATE weir.fit_loss_model(float8, float8, float8[]) IS
    'A second model that says how large the error of the first one is for a row (direct loss estimation, as NannyML''s DLE), fitted on labelled rows: gradient boosting of regression '
    'trees over histograms with LightGBM''s defaults (100 trees of up to 31 leaves, rate 0.1, 20 rows per leaf, 255 bins) on the prediction and the features (up to 999; NULL, NaN or infinite: '
    'missing), for the absolute, squared, percentage (no label may be 0) and squared logarithmic (labels and predictions above -1) error. Categories: give each a number of its own, or 0/1 '
    'features. Rows without a finite label and prediction are left out; past 262,144 every other row is dropped, in the order in which they come. NULL over no rows.';

CREATE FUNCTION weir.expected_loss(model bytea, prediction float8, features float8[] DEFAULT NULL, loss text DEFAULT 'absolute') RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'weir_expected_loss';
COMMENT ON FUNCTION weir.expected_loss(bytea, float8, float8[], text) IS
    'What fit_loss_model''s model expects the error of this prediction to be; loss: absolute, squared, percentage or squared_logarithmic. NULL where that was not fitted or the prediction is '
    'none. Fit the model once, not per row.';

CREATE FUNCTION weir.estimate_regression_accumulate(state internal, prediction float8, features float8[], model bytea) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_estimate_regression_accumulate';
CREATE FUNCTION weir.estimate_regression_accumulate(state internal, prediction float8, features float8[], model bytea, confidence float8) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_estimate_regression_accumulate';
CREATE FUNCTION weir.estimate_regression_accumulate(state internal, prediction float8, model bytea) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_estimate_regression_bare_accumulate';
CREATE FUNCTION weir.estimate_regression_combine(state internal, other internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_estimate_regression_combine';
CREATE FUNCTION weir.estimate_regression_serialize(state internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_estimate_regression_serialize';
CREATE FUNCTION weir.estimate_regression_deserialize(bytes bytea, state internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_estimate_regression_deserialize';
CREATE FUNCTION weir.estimate_regression_final(state internal) RETURNS weir.estimated_metric[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_estimate_regression_final';
COMMENT ON FUNCTION weir.estimate_regression_accumulate(internal, float8, float8[], bytea) IS 'Step of the aggregate estimate_regression_performance.';
COMMENT ON FUNCTION weir.estimate_regression_accumulate(internal, float8, float8[], bytea, float8) IS 'Step of the aggregate estimate_regression_performance.';
COMMENT ON FUNCTION weir.estimate_regression_accumulate(internal, float8, bytea) IS 'Step of the aggregate estimate_regression_performance.';
COMMENT ON FUNCTION weir.estimate_regression_combine(internal, internal) IS 'Joins the states of parallel workers.';
COMMENT ON FUNCTION weir.estimate_regression_serialize(internal) IS 'The state of a parallel worker.';
COMMENT ON FUNCTION weir.estimate_regression_deserialize(bytea, internal) IS 'The state of a parallel worker.';
COMMENT ON FUNCTION weir.estimate_regression_final(internal) IS 'Result of the aggregate estimate_regression_performance.';

CREATE AGGREGATE weir.estimate_regression_performance(prediction float8, features float8[], model bytea) (
    SFUNC = weir.estimate_regression_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.estimate_regression_final,
    COMBINEFUNC = weir.estimate_regression_combine, SERIALFUNC = weir.estimate_regression_serialize, DESERIALFUNC = weir.estimate_regression_deserialize, PARALLEL = SAFE
);
CREATE AGGREGATE weir.estimate_regression_performance(prediction float8, features float8[], model bytea, confidence float8) (
    SFUNC = weir.estimate_regression_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.estimate_regression_final,
    COMBINEFUNC = weir.estimate_regression_combine, SERIALFUNC = weir.estimate_regression_serialize, DESERIALFUNC = weir.estimate_regression_deserialize, PARALLEL = SAFE
);
CREATE AGGREGATE weir.estimate_regression_performance(prediction float8, model bytea) (
    SFUNC = weir.estimate_regression_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.estimate_regression_final,
    COMBINEFUNC = weir.estimate_regression_combine, SERIALFUNC = weir.estimate_regression_serialize, DESERIALFUNC = weir.estimate_regression_deserialize, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.estimate_regression_performance(float8, float8[], bytea) IS 'As estimate_regression_performance with confidence 0.95.';
COMMENT ON AGGREGATE weir.estimate_regression_performance(float8, bytea) IS 'As estimate_regression_performance with confidence 0.95, of a model without features.';
COMMENT ON AGGREGATE weir.estimate_regression_performance(float8, float8[], bytea, float8) IS
    'What the errors of a regression will be once labels are there: means of expected_loss, as rows: SELECT e.* FROM unnest((SELECT weir.estimate_regression_performance(prediction, '
    'features, model) FROM t)) e. low, high: the error of a sample of n rows, from the deviation of the losses on the reference (as NannyML''s sampling error), normal; of roots those of '
    'the means. Rows without a finite prediction are left out. It sees changes of the inputs, not of what they mean. NULL over no rows.';

CREATE FUNCTION weir.estimate_regression(predictions weir.summary, model bytea, confidence float8 DEFAULT 0.95) RETURNS weir.estimated_metric[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_estimate_regression';
COMMENT ON FUNCTION weir.estimate_regression(weir.summary, bytea, float8) IS
    'The same from a summary of predictions, such as a window of a monitor has, and a model fitted without features: the expected errors of its bins.';

CREATE FUNCTION weir.reference_limits(reference float8[], width float8 DEFAULT 3, lowest float8 DEFAULT NULL, highest float8 DEFAULT NULL, OUT low float8, OUT high float8)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT greatest(s.mean - width * s.deviation, lowest), least(s.mean + width * s.deviation, highest)
    FROM (SELECT avg(v) AS mean, stddev_pop(v) AS deviation FROM unnest(reference) v WHERE v NOT IN ('NaN', 'Infinity', '-Infinity')) s;
END;
COMMENT ON FUNCTION weir.reference_limits(float8[], float8, float8, float8) IS
    'Thresholds from the values that a metric had in windows of the reference, as NannyML learns them: mean less and plus width standard deviations (of the population), not beyond '
    'lowest and highest (of a rate, 0 and 1). NULLs and what is not finite are skipped; NULL where nothing is left.';
