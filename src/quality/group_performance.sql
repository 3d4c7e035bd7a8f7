-- fairness from the performances of groups: scores, numbers, several thresholds, several classes ----------------------------------------------

CREATE FUNCTION weir.abroca(a weir.performance, b weir.performance) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_abroca';
COMMENT ON FUNCTION weir.abroca(weir.performance, weir.performance) IS
    'Area between the ROC curves of two binary performances (Gardner, Brooks and Baker 2019): the integral of the size of their difference, from 0 (the same curve) to 1. As exact as roc_auc '
    'of performance_metrics. NULL where a class is missing.';

CREATE FUNCTION weir.score_fairness(group_names text[], performances weir.performance[], reference text DEFAULT NULL, min_group_size int DEFAULT 30, confidence float8 DEFAULT 0.95)
    RETURNS TABLE(metric text, group_name text, reference_group text, value float8, low float8, high float8, p_value float8, n bigint, n_reference bigint, threshold float8,
                  verdict text, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 30 AS 'MODULE_PATHNAME', 'weir_score_fairness';
COMMENT ON FUNCTION weir.score_fairness(text[], weir.performance[], text, int, float8) IS
    'Whether scores, or predicted numbers, treat groups alike: each group against the reference (a name; NULL or largest: that with most rows), differences being group minus reference. Both '
    'arrays from one query: SELECT array_agg(sex), array_agg(p) FROM (SELECT sex, weir.binary_performance(label, score) AS p FROM t GROUP BY sex) q. Binary: abroca; roc_auc_difference '
    '(DeLong); mean_score_difference; positive_ and negative_class_balance_difference (mean scores of those labelled so, Kleinberg et al. 2017; AI Fairness 360''s generalized rates); '
    'score_kolmogorov_smirnov and score_wasserstein, distances of the distributions of scores; of probabilities also calibration_in_the_large_difference (label less score), '
    'calibration_within_groups_difference (labels within ten bins of scores: Mantel-Haenszel risk difference, Sato''s interval, Cochran-Mantel-Haenszel p), calibration_gap (its '
    'size by bin, weighted by rows) and expected_calibration_error_difference. Regression: differences of mean_prediction, mean_label, mean_error, mean_absolute_error, '
    'root_mean_squared_error (and its ratio); distances of predictions and of errors. low, high of means: normal; p_value: Welch''s t, Kolmogorov''s asymptotic. threshold 0.1 for '
    'differences of probabilities: within it ok, beyond it alert where p_value < 1 - confidence, else warning. Below min_group_size rows: insufficient.';

CREATE FUNCTION weir.fairness_at(group_names text[], performances weir.performance[], threshold float8 DEFAULT 0.5) RETURNS weir.fairness_table
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_at';
COMMENT ON FUNCTION weir.fairness_at(text[], weir.performance[], float8) IS
    'The fairness table of score >= threshold from binary performances of groups: one pass over the rows serves any threshold. A NULL name is an unknown group. Exact while each class of a '
    'group has at most 1024 different scores, or for a threshold that is a power of two. Rows with a label and no score are not in it.';

CREATE FUNCTION weir.fairness_of_class(group_names text[], performances weir.performance[], class_name text) RETURNS weir.fairness_table
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_of_class';
COMMENT ON FUNCTION weir.fairness_of_class(text[], weir.performance[], text) IS
    'The fairness table of one class against the rest, from class performances of groups. Rows without a label or a prediction are not in it.';

CREATE FUNCTION weir.class_fairness(group_names text[], performances weir.performance[], reference text DEFAULT NULL, metrics text[] DEFAULT NULL, min_group_size int DEFAULT 30,
                                    confidence float8 DEFAULT 0.95, rule text DEFAULT 'four_fifths', thresholds jsonb DEFAULT NULL, adjust text DEFAULT 'none')
    RETURNS TABLE(class_name text, metric text, group_name text, reference_group text, value float8, low float8, high float8, p_value float8, n bigint, n_reference bigint,
                  threshold float8, verdict text, status text, p_adjusted float8)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.class_name, m.metric, m.group_name, m.reference_group, m.value, m.low, m.high, m.p_value, m.n, m.n_reference, m.threshold, m.verdict, m.status, m.p_adjusted
    FROM weir.class_report((SELECT weir.merge(p) FROM unnest(performances) p)) c,
        LATERAL weir.fairness_metrics(weir.fairness_of_class(group_names, performances, c.class_name), reference, metrics, min_group_size, confidence, 'mark', rule, thresholds,
                                      adjust) m;
END;
COMMENT ON FUNCTION weir.class_fairness(text[], weir.performance[], text, text[], int, float8, text, jsonb, text) IS
    'fairness_metrics of each class against the rest, from class performances of groups: SELECT array_agg(sex), array_agg(p) FROM (SELECT sex, weir.class_performance(label, prediction) '
    'AS p FROM t GROUP BY sex) q. Columns and other arguments as there.';

CREATE FUNCTION weir.subset_scan(group_values text[], performances weir.performance[], penalty float8 DEFAULT 0, restarts int DEFAULT 10, permutations int DEFAULT 199,
                                 seed bigint DEFAULT 1)
    RETURNS TABLE(direction text, subset jsonb, score float8, odds_ratio float8, n bigint, observed bigint, expected float8, p_value float8, n_permutations int, is_exact boolean,
                  status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000 ROWS 2 AS 'MODULE_PATHNAME', 'weir_score_subset_scan';
COMMENT ON FUNCTION weir.subset_scan(text[], weir.performance[], float8, int, int, bigint) IS
    'Bias scan of a model''s probabilities: of all subsets of the values of the group columns, the one whose labels depart most from what the scores expect (multi-dimensional subset '
    'scan, Zhang and Neill 2016; AI Fairness 360''s MDSS with Bernoulli scoring: direction higher is its positive, groups that the model underrates). Both arrays from one query: SELECT '
    'array_agg(ARRAY[sex, race]), array_agg(p) FROM (SELECT sex, race, weir.binary_performance(label, score) AS p FROM t GROUP BY sex, race) q. Columns as in subset_scan of a fairness '
    'table; observed: rows labelled positive, expected: the sum of the scores. p_value: by drawing the labels anew from the scores. Exact while each class of a group has at most 1024 '
    'different scores, then with the middle of their bins. Scores outside of 0 and 1 raise 22023.';
