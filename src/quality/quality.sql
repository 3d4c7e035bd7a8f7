-- quality: how good a model's predictions are, and how good data is --------------------------------------------------------------------------

CREATE TYPE weir.performance;

CREATE FUNCTION weir.performance_in(cstring) RETURNS weir.performance
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_in';
CREATE FUNCTION weir.performance_out(weir.performance) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_out';
CREATE FUNCTION weir.performance_recv(internal) RETURNS weir.performance
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_recv';
CREATE FUNCTION weir.performance_send(weir.performance) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_send';
COMMENT ON FUNCTION weir.performance_in(cstring) IS 'Text form of a performance: its binary form in hexadecimal, after \x.';
COMMENT ON FUNCTION weir.performance_out(weir.performance) IS 'Text form of a performance: its binary form in hexadecimal, after \x.';
COMMENT ON FUNCTION weir.performance_recv(internal) IS 'Binary form of a performance: versioned, the same bytes for the same rows.';
COMMENT ON FUNCTION weir.performance_send(weir.performance) IS 'Binary form of a performance: versioned, the same bytes for the same rows.';

CREATE TYPE weir.performance (
    INPUT = weir.performance_in, OUTPUT = weir.performance_out, RECEIVE = weir.performance_recv, SEND = weir.performance_send, STORAGE = extended
);
COMMENT ON TYPE weir.performance IS
    'Predictions against labels, of a binary model, of one with classes or of a regression: mergeable with + and merge(), retractable with -, '
    'read by performance_metrics(), calibration() and others. A few kB, whatever the number of rows.';

CREATE FUNCTION weir.binary_performance_accumulate(state weir.performance, label "any", score "any") RETURNS weir.performance
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_binary_performance_accumulate';
CREATE FUNCTION weir.class_performance_accumulate(state weir.performance, label "any", prediction "any") RETURNS weir.performance
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_class_performance_accumulate';
CREATE FUNCTION weir.regression_performance_accumulate(state weir.performance, label "any", prediction "any") RETURNS weir.performance
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_regression_performance_accumulate';
CREATE FUNCTION weir.performance_combine(state weir.performance, other weir.performance) RETURNS weir.performance
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_combine';
COMMENT ON FUNCTION weir.binary_performance_accumulate(weir.performance, "any", "any") IS 'Step of the aggregate binary_performance.';
COMMENT ON FUNCTION weir.class_performance_accumulate(weir.performance, "any", "any") IS 'Step of the aggregate class_performance.';
COMMENT ON FUNCTION weir.regression_performance_accumulate(weir.performance, "any", "any") IS 'Step of the aggregate regression_performance.';
COMMENT ON FUNCTION weir.performance_combine(weir.performance, weir.performance) IS
    'Joins the states of parallel workers; step of the aggregate merge(performance).';

CREATE AGGREGATE weir.binary_performance(label "any", score "any") (
    SFUNC = weir.binary_performance_accumulate, STYPE = weir.performance, SSPACE = 32768, COMBINEFUNC = weir.performance_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.binary_performance("any", "any") IS
    'How well a score tells positives from negatives. label: boolean, or a number that is 0 or 1 (another raises 22023); NULL: not known yet. '
    'score: a number, higher is more positive; NULL or NaN: no prediction. Log loss, Brier score and calibration want probabilities in [0, 1]. NULL over no rows.';

CREATE AGGREGATE weir.class_performance(label "any", prediction "any") (
    SFUNC = weir.class_performance_accumulate, STYPE = weir.performance, SSPACE = 4096, COMBINEFUNC = weir.performance_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.class_performance("any", "any") IS
    'Predicted classes against labels, both read as text (longer than 120 bytes: by their beginning and hash); NULL label: not known yet, NULL prediction: none. '
    'Up to 65536 different pairs; past that the metrics are undefined. NULL over no rows.';

CREATE AGGREGATE weir.regression_performance(label "any", prediction "any") (
    SFUNC = weir.regression_performance_accumulate, STYPE = weir.performance, SSPACE = 32768, COMBINEFUNC = weir.performance_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.regression_performance("any", "any") IS
    'Predicted numbers against labels; intervals and times are read in seconds. A label that is NULL, NaN or infinite is not known yet, such a prediction is none. '
    'NULL over no rows.';

CREATE AGGREGATE weir.merge(weir.performance) (
    SFUNC = weir.performance_combine, STYPE = weir.performance, SSPACE = 32768, COMBINEFUNC = weir.performance_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.merge(weir.performance) IS
    'The performance over all rows of the performances together; NULLs are skipped. Performances of different kinds raise 42804.';

CREATE FUNCTION weir.performance_add(a weir.performance, b weir.performance) RETURNS weir.performance
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_add';
CREATE FUNCTION weir.performance_subtract(a weir.performance, b weir.performance) RETURNS weir.performance
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_subtract';
COMMENT ON FUNCTION weir.performance_add(weir.performance, weir.performance) IS 'The rows of a and b together; behind the operator +.';
COMMENT ON FUNCTION weir.performance_subtract(weir.performance, weir.performance) IS 'The rows of a without those of b; behind the operator -.';
CREATE OPERATOR weir.+ (LEFTARG = weir.performance, RIGHTARG = weir.performance, FUNCTION = weir.performance_add, COMMUTATOR = OPERATOR(weir.+));
CREATE OPERATOR weir.- (LEFTARG = weir.performance, RIGHTARG = weir.performance, FUNCTION = weir.performance_subtract);
COMMENT ON OPERATOR weir.+ (weir.performance, weir.performance) IS 'The rows of both together.';
COMMENT ON OPERATOR weir.- (weir.performance, weir.performance) IS 'The rows of the left without those of the right.';

CREATE FUNCTION weir.performances_equal(a weir.performance, b weir.performance) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performances_equal';
COMMENT ON FUNCTION weir.performances_equal(weir.performance, weir.performance) IS
    'True when both say the same of the same rows, as far as both can tell (see summaries_equal).';

CREATE FUNCTION weir.performance_kind(performance weir.performance) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_kind';
COMMENT ON FUNCTION weir.performance_kind(weir.performance) IS 'binary, class or regression.';

CREATE FUNCTION weir.performance_counts(performance weir.performance, OUT n bigint, OUT n_unlabelled bigint, OUT n_unpredicted bigint) RETURNS record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_counts';
COMMENT ON FUNCTION weir.performance_counts(weir.performance) IS
    'n: rows with label and prediction; n_unlabelled: rows without a label; n_unpredicted: rows with a label and no prediction.';

CREATE FUNCTION weir.performance_metrics(performance weir.performance, threshold float8 DEFAULT 0.5, metrics text[] DEFAULT NULL,
                                         confidence float8 DEFAULT 0.95, min_n int DEFAULT 1, beta float8 DEFAULT NULL, n_features int DEFAULT NULL,
                                         quantile float8 DEFAULT NULL)
    RETURNS TABLE(metric text, value float8, low float8, high float8, n bigint, status text, error_bound float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 30 AS 'MODULE_PATHNAME', 'weir_performance_metrics';
COMMENT ON FUNCTION weir.performance_metrics(weir.performance, float8, text[], float8, int, float8, int, float8) IS
    'One row per metric of the performance''s kind. threshold (binary): score >= threshold is predicted positive. metrics NULL: all; a name that the kind does not '
    'have raises 22023. low, high: interval of the confidence given; Wilson (1927) for rates and, by way of the Jaccard index, F1; DeLong et al. (1988) for roc_auc '
    'and gini; Zou and Donner (2008) for balanced accuracy and Youden''s J; Cohen (1960) for kappas; normal for means of losses and errors; NULL for the others. '
    'n: rows in the denominator; below min_n the status is insufficient. An empty denominator: value NULL, status undefined; so are log_loss and brier_score where '
    'a score lies outside [0, 1]. error_bound: how far value may lie from that of the rows, because more than 1024 different scores of a class are kept in bins; 0: '
    'exact. Conventions as scikit-learn''s: precision of a class never predicted counts as 0 in macro means; log loss clips at 2^-52; percentage errors divide by at '
    'least 2^-52; correlation is Pearson''s; median_absolute_error is an observed one (percentile_disc). majority_accuracy: always the most frequent label; kappa_majority: gain over it; brier_skill_score: gain over always the '
    'base rate; mean_forecast_squared_error: always the mean. Given beta there is f_beta (of classes macro_ and weighted_), in which recall counts beta times as much as precision (van Rijsbergen 1979); given n_features, how many the model has, adjusted_r2; given quantile, the one that is forecast, pinball_loss (Koenker and Bassett 1978; its interval is at least as wide as it need be) and coverage, the share of labels at or below the prediction, which should be quantile.';

CREATE FUNCTION weir.performance_metric_names() RETURNS text[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_metric_names';
COMMENT ON FUNCTION weir.performance_metric_names() IS 'Names of the metrics that performance_metrics() knows, of all kinds.';

CREATE FUNCTION weir.performance_metric_name(name text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_metric_name';
COMMENT ON FUNCTION weir.performance_metric_name(text) IS
    'The full name of a metric of performance that is given by it or by a usual short form (auc, pr_auc, brier, mcc, kappa, npv, fpr, fnr, fdr, bias, mae, mse, rmse, mape, smape, '
    'rmsle, fbeta, quantile_loss); NULL when there is none.';

CREATE FUNCTION weir._performance_metric_list() RETURNS TABLE(metric text, better int, lowest float8, highest float8, of_scores boolean, is_baseline boolean, option text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 47 AS 'MODULE_PATHNAME', 'weir_performance_metric_list';
COMMENT ON FUNCTION weir._performance_metric_list() IS
    'What is known of each metric: better 1 higher, -1 lower, 0 neither; the ends of its range; of_scores: needs scores, not decisions; is_baseline: of a model without skill; option: what has to be given for there to be such a metric. Internal.';

CREATE FUNCTION weir.confusion_matrix(performance weir.performance, threshold float8 DEFAULT 0.5)
    RETURNS TABLE(label text, prediction text, n bigint)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_confusion_matrix';
COMMENT ON FUNCTION weir.confusion_matrix(weir.performance, float8) IS
    'How many rows of each label were predicted as what; of a binary performance four rows, negative and positive, score >= threshold being positive. 42804 for a regression.';

CREATE FUNCTION weir.class_report(performance weir.performance, confidence float8 DEFAULT 0.95)
    RETURNS TABLE(class_name text, n bigint, n_predicted bigint, precision_value float8, precision_low float8, precision_high float8,
                  recall float8, recall_low float8, recall_high float8, f1 float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_class_report';
COMMENT ON FUNCTION weir.class_report(weir.performance, float8) IS
    'One row per class that occurs as label or prediction, in byte order: rows labelled so (n), predicted so, precision, recall with Wilson''s intervals, F1; NULL where '
    'a denominator is empty. Needs a performance of classes (42804).';

CREATE FUNCTION weir.threshold_curve(performance weir.performance)
    RETURNS TABLE(threshold float8, true_positives bigint, false_positives bigint, recall float8, false_positive_rate float8, precision_value float8, f1 float8,
                  selection_rate float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 500 AS 'MODULE_PATHNAME', 'weir_threshold_curve';
COMMENT ON FUNCTION weir.threshold_curve(weir.performance) IS
    'ROC and precision-recall curve: one row per score that can be told apart, from the highest down, with what score >= threshold gives. Needs a binary performance (42804).';

CREATE FUNCTION weir.gain_table(performance weir.performance, parts int DEFAULT 10)
    RETURNS TABLE(part int, lowest_score float8, n float8, n_positive float8, positive_rate float8, lift float8, cumulative_gain float8, cumulative_lift float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_gain_table';
COMMENT ON FUNCTION weir.gain_table(weir.performance, int) IS
    'Rows by descending score in parts of the same size: positives in each, their rate against that of all (lift), share of all positives so far (cumulative_gain). Equal '
    'scores are divided evenly between parts, so counts may be fractions. Needs a binary performance (42804).';

CREATE FUNCTION weir.business_value(performance weir.performance, threshold float8, true_positive float8, false_positive float8, true_negative float8 DEFAULT 0,
                                    false_negative float8 DEFAULT 0)
    RETURNS float8 LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_business_value';
COMMENT ON FUNCTION weir.business_value(weir.performance, float8, float8, float8, float8, float8) IS
    'What decisions at the threshold were worth: rows of each cell of the confusion matrix times the value of one (costs are negative). Needs a binary performance (42804).';

CREATE FUNCTION weir._performance_of(derivation text, n bigint, parts text[], summaries weir.summary[]) RETURNS weir.performance
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_performance_of';
COMMENT ON FUNCTION weir._performance_of(text, bigint, text[], weir.summary[]) IS
    'The performance over n rows whose parts (as weir.derived_column names them) have these summaries: what the aggregate over the same rows gives. NULL when a '
    'summary is. Internal.';
REVOKE ALL ON FUNCTION weir._performance_of(text, bigint, text[], weir.summary[]) FROM PUBLIC;

-- calibration and performance without labels

CREATE FUNCTION weir.calibration(performance weir.performance, bins int DEFAULT 10, method text DEFAULT 'width', confidence float8 DEFAULT 0.95)
    RETURNS TABLE(bin int, low_score float8, high_score float8, n bigint, n_positive bigint, mean_score float8, positive_rate float8, positive_rate_low float8,
                  positive_rate_high float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_calibration';
COMMENT ON FUNCTION weir.calibration(weir.performance, int, text, float8) IS
    'Reliability table of a binary performance whose scores are probabilities: per bin of scores the mean score and the rate of positives with its Wilson interval. '
    'method: width (bins of the same width over [0, 1], each without its lower end) or mass (of the same number of rows, as far as equal scores allow). 22023 for scores '
    'outside [0, 1].';

CREATE FUNCTION weir.calibration_metrics(performance weir.performance, bins int DEFAULT 10, method text DEFAULT 'width')
    RETURNS TABLE(metric text, value float8, p_value float8, n bigint, status text, error_bound float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 13 AS 'MODULE_PATHNAME', 'weir_calibration_metrics';
COMMENT ON FUNCTION weir.calibration_metrics(weir.performance, int, text) IS
    'expected_calibration_error (mean gap of a bin weighted by rows; adaptive with method => ''mass''), maximum_ and root_mean_squared_calibration_error; brier_score and '
    'Murphy''s (1973) decomposition: reliability - resolution + uncertainty + within_bins; calibration_in_the_large (base rate - mean score); calibration_slope and '
    '_intercept (logistic curve over the logit of the score, Cox 1958; 1 and 0 when calibrated); hosmer_lemeshow (chi-square, bins - 2 degrees of freedom); spiegelhalter_z '
    '(1986, normal). error_bound as in performance_metrics; NULL: not known.';

CREATE FUNCTION weir.fit_calibrator(performance weir.performance, method text DEFAULT 'isotonic') RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fit_calibrator';
COMMENT ON FUNCTION weir.fit_calibrator(weir.performance, text) IS
    'A curve from scores to probabilities, fitted on labelled rows, for recalibrate(). method: isotonic (Zadrozny and Elkan 2002; linear between the points), platt (1999, with '
    'his smoothed targets; any scores), logit, temperature (Guo et al. 2017) and beta (Kull et al. 2017; probabilities only). NULL where it cannot be fitted: labels of one '
    'class, or classes that the score separates wholly.';

CREATE FUNCTION weir.recalibrate(score float8, calibrator jsonb) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_recalibrate';
COMMENT ON FUNCTION weir.recalibrate(float8, jsonb) IS
    'The probability that the calibrator makes of a score. NaN gives NULL; 22023 when the calibrator is none of fit_calibrator().';

CREATE FUNCTION weir._can_estimate(reference weir.performance, current weir.performance, calibrate text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_can_estimate';
COMMENT ON FUNCTION weir._can_estimate(weir.performance, weir.performance, text) IS
    'Whether weir.estimate_performance has an answer: scores are in [0, 1] in both, and the reference has labels of both classes to mend them by. Internal.';

CREATE FUNCTION weir.estimate_performance(reference weir.performance, current weir.performance, threshold float8 DEFAULT 0.5, calibrate text DEFAULT 'auto',
                                          confidence float8 DEFAULT 0.95, min_n int DEFAULT 1)
    RETURNS TABLE(metric text, value float8, low float8, high float8, n bigint, realised float8, n_realised bigint, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_estimate_performance';
COMMENT ON FUNCTION weir.estimate_performance(weir.performance, weir.performance, float8, text, float8, int) IS
    'What the performance of current will be once its labels are there: confidence-based estimation of a binary model whose scores are probabilities. reference: labelled rows on '
    'which scores are mended (isotonic) before they are believed: calibrate auto (where Hosmer and Lemeshow''s test over deciles rejects them at 5 %), always, never. low, high: where the realised value '
    'lies with that confidence when the probabilities are right. realised: over the rows of current that have labels (n_realised). It sees changes of the inputs, not of what they '
    'mean.';

CREATE FUNCTION weir.class_ranking(class_names text[], performances weir.performance[], confidence float8 DEFAULT 0.95)
    RETURNS TABLE(metric text, class_name text, value float8, low float8, high float8, n bigint, status text, error_bound float8)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH own AS MATERIALIZED (
        SELECT c.i, c.class_name, m.metric, m.value, m.low, m.high, m.n, m.status, m.error_bound,
            (SELECT sum(x.n) FROM weir.confusion_matrix(c.performance, '-Infinity') x WHERE x.label = 'positive')::float8 AS positives
        FROM unnest(class_names, performances) WITH ORDINALITY c (class_name, performance, i),
            LATERAL weir.performance_metrics(c.performance, 0.5, '{roc_auc,average_precision,brier_score}', confidence, 1) m
    ), means AS (
        -- Classes are not independent: at most as wide as the mean of their intervals.
        SELECT k.kind || o.metric AS metric, k.position, CASE WHEN bool_and(o.value IS NOT NULL) THEN sum(o.value * k.weight) / sum(k.weight) END AS value,
            CASE WHEN bool_and(o.low IS NOT NULL) THEN sum(o.low * k.weight) / sum(k.weight) END AS low, CASE WHEN bool_and(o.high IS NOT NULL) THEN sum(o.high * k.weight) / sum(k.weight) END AS high,
            max(o.n) AS n, CASE WHEN bool_and(o.value IS NOT NULL) THEN sum(o.error_bound * k.weight) / sum(k.weight) END AS error_bound
        FROM own o, LATERAL (VALUES ('macro_', 1, 1::float8), ('weighted_', 2, nullif(o.positives, 0))) k (kind, position, weight)
        WHERE o.metric <> 'brier_score' GROUP BY k.kind, k.position, o.metric
        UNION ALL
        SELECT 'brier_score', 3, CASE WHEN bool_and(o.value IS NOT NULL) THEN sum(o.value) END, CASE WHEN bool_and(o.low IS NOT NULL) THEN sum(o.low) END,
            CASE WHEN bool_and(o.high IS NOT NULL) THEN sum(o.high) END, max(o.n), 0
        FROM own o WHERE o.metric = 'brier_score' HAVING count(*) > 0
    )
    SELECT r.metric, r.class_name, r.value, r.low, r.high, r.n, r.status, r.error_bound
    FROM (SELECT o.metric, o.class_name, o.value, o.low, o.high, o.n, o.status, o.error_bound, o.i, 0 AS position FROM own o
          UNION ALL
          SELECT m.metric, NULL, m.value, m.low, m.high, m.n, CASE WHEN m.value IS NULL THEN 'undefined' ELSE 'ok' END, m.error_bound, 1000000, m.position FROM means m) r
    ORDER BY r.i, r.position, r.metric;
END;
COMMENT ON FUNCTION weir.class_ranking(text[], weir.performance[], float8) IS
    'How well the probabilities of several classes tell each from the rest, and from one performance per class: SELECT array_agg(c), array_agg(p) FROM (SELECT c, weir.binary_performance(label = c, '
    'probabilities[i]) AS p FROM t, unnest(''{a,b,c}''::text[]) WITH ORDINALITY k(c, i) GROUP BY c) q. Per class roc_auc (one against the rest), average_precision and brier_score; over all (class_name NULL) '
    'macro_ and weighted_ (by rows labelled so) means of the first two, as scikit-learn has them, and the Brier score, their sum (from 0 to 2). Intervals of means are the means of the classes'' intervals: at '
    'least as wide as they need be. Undefined where a class is never or always the label.';

CREATE FUNCTION weir.estimate_classes(reference weir.performance[], choices weir.performance[], calibrate text DEFAULT 'auto', confidence float8 DEFAULT 0.95)
    RETURNS TABLE(metric text, value float8, low float8, high float8, n bigint, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 4 AS 'MODULE_PATHNAME', 'weir_estimate_classes';
COMMENT ON FUNCTION weir.estimate_classes(weir.performance[], weir.performance[], text, float8) IS
    'What accuracy, macro_precision, macro_recall and macro_f1 of a model of several classes will be, from one performance per class, as monitors keep them. reference: of labelled rows, '
    'weir.binary_performance(label = class, probability of the class); choices: of the rows to estimate, weir.binary_performance(prediction = class, probability of the class), in the same order. '
    'calibrate: as in weir.estimate_performance; each class is mended against the rest. Unlike weir.estimate_class_performance, which reads rows, it scales probabilities of all rows together to as many '
    'rows as there are, not row by row; without calibration, and where probabilities sum to 1, both are the same. Intervals by the delta method, at least as wide as they need be. Classes that are never predicted, or '
    'never expected, count as 0.';
