-- rankings, and what models are measured against --------------------------------------------------------------------------------------------

CREATE FUNCTION weir.ranking_accumulate(state internal, relevance float8, score float8) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_ranking_accumulate';
CREATE FUNCTION weir.ranking_accumulate(state internal, relevance float8, score float8, k int) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_ranking_accumulate';
CREATE FUNCTION weir.ndcg_final(state internal) RETURNS float8 LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_ndcg_final';
CREATE FUNCTION weir.ranking_average_precision_final(state internal) RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_ranking_average_precision_final';
CREATE FUNCTION weir.reciprocal_rank_final(state internal) RETURNS float8 LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_reciprocal_rank_final';
CREATE FUNCTION weir.precision_at_final(state internal) RETURNS float8 LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_precision_at_final';
CREATE FUNCTION weir.recall_at_final(state internal) RETURNS float8 LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_recall_at_final';
CREATE FUNCTION weir.hit_rate_at_final(state internal) RETURNS float8 LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_hit_rate_at_final';
COMMENT ON FUNCTION weir.ranking_accumulate(internal, float8, float8) IS 'Step of the aggregates over rankings.';
COMMENT ON FUNCTION weir.ranking_accumulate(internal, float8, float8, int) IS 'Step of the aggregates over rankings.';
COMMENT ON FUNCTION weir.ndcg_final(internal) IS 'Result of the aggregate ndcg.';
COMMENT ON FUNCTION weir.ranking_average_precision_final(internal) IS 'Result of the aggregate ranking_average_precision.';
COMMENT ON FUNCTION weir.reciprocal_rank_final(internal) IS 'Result of the aggregate reciprocal_rank.';
COMMENT ON FUNCTION weir.precision_at_final(internal) IS 'Result of the aggregate precision_at.';
COMMENT ON FUNCTION weir.recall_at_final(internal) IS 'Result of the aggregate recall_at.';
COMMENT ON FUNCTION weir.hit_rate_at_final(internal) IS 'Result of the aggregate hit_rate_at.';

CREATE AGGREGATE weir.ndcg(relevance float8, score float8) (SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.ndcg_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.ndcg(relevance float8, score float8, k int) (SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.ndcg_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.ranking_average_precision(relevance float8, score float8) (
    SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.ranking_average_precision_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.ranking_average_precision(relevance float8, score float8, k int) (
    SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.ranking_average_precision_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.reciprocal_rank(relevance float8, score float8) (
    SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.reciprocal_rank_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.reciprocal_rank(relevance float8, score float8, k int) (
    SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.reciprocal_rank_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.precision_at(relevance float8, score float8, k int) (SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.precision_at_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.recall_at(relevance float8, score float8, k int) (SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.recall_at_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.hit_rate_at(relevance float8, score float8, k int) (SFUNC = weir.ranking_accumulate, STYPE = internal, FINALFUNC = weir.hit_rate_at_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.ndcg(float8, float8) IS 'As ndcg over all ranks, whatever the order of rows.';
COMMENT ON AGGREGATE weir.ndcg(float8, float8, int) IS
    'Normalized discounted cumulative gain of the first k items of one query, by descending score (Jarvelin and Kekalainen 2002): gain relevance (from 0; for the exponential form pass 2 ^ '
    'relevance - 1), discount log2(rank + 1), by that of the best order. GROUP BY the query, and average over queries. Items of equal scores count by their mean over all orders of '
    'theirs, as in scikit-learn''s ndcg_score, so that the order of rows does not matter. Items with a NULL are left out. NULL where nothing is relevant.';
COMMENT ON AGGREGATE weir.ranking_average_precision(float8, float8) IS 'As ranking_average_precision over all ranks, whatever the order of rows.';
COMMENT ON AGGREGATE weir.ranking_average_precision(float8, float8, int) IS
    'Average precision of the first k items of one query: the sum of the precisions at the ranks of relevant items (relevance above 0) by how many the ranks '
    'can hold, min(relevant items, k). Its mean '
    'over queries is MAP. Items of equal scores count by their expectation over all orders (McSherry and Najork 2008). NULL where nothing is relevant.';
COMMENT ON AGGREGATE weir.reciprocal_rank(float8, float8) IS 'As reciprocal_rank over all ranks, whatever the order of rows.';
COMMENT ON AGGREGATE weir.reciprocal_rank(float8, float8, int) IS
    '1 / rank of the first relevant item of one query, 0 when it lies beyond k. Its mean over queries is MRR. Ties, in whatever order, by expectation. NULL where nothing is relevant.';
COMMENT ON AGGREGATE weir.precision_at(float8, float8, int) IS
    'Relevant items among the first k of one query, by k (also where there are fewer items). Ties, in whatever order, by expectation. NULL over no items.';
COMMENT ON AGGREGATE weir.recall_at(float8, float8, int) IS
    'Relevant items among the first k of one query, by all its relevant items. Ties, in whatever order, by expectation. NULL where nothing is relevant.';
COMMENT ON AGGREGATE weir.hit_rate_at(float8, float8, int) IS
    '1 when one of the first k items of one query is relevant, else 0; where a tie lies across k, in whatever order, the probability. Its mean over queries is the hit rate. NULL '
    'where nothing is relevant.';

CREATE TYPE weir.temporal_performance_result AS (n bigint, accuracy float8, last_label_accuracy float8, majority_accuracy float8, kappa_temporal float8, kappa_majority float8,
    cohen_kappa float8, status text, effective_n float8);
COMMENT ON TYPE weir.temporal_performance_result IS 'What temporal_performance() gives.';
CREATE TYPE weir.temporal_regression_result AS (n bigint, mean_absolute_error float8, last_label_mean_absolute_error float8, mean_absolute_scaled_error float8, status text, effective_n float8);
COMMENT ON TYPE weir.temporal_regression_result IS 'What temporal_regression() gives.';

CREATE FUNCTION weir.temporal_performance_accumulate(state internal, label "any", prediction "any") RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_temporal_performance_accumulate';
CREATE FUNCTION weir.temporal_performance_accumulate(state internal, label "any", prediction "any", fading_factor float8) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_temporal_performance_accumulate';
CREATE FUNCTION weir.temporal_performance_final(state internal) RETURNS weir.temporal_performance_result
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_temporal_performance_final';
CREATE FUNCTION weir.temporal_regression_accumulate(state internal, label float8, prediction float8) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_temporal_regression_accumulate';
CREATE FUNCTION weir.temporal_regression_accumulate(state internal, label float8, prediction float8, fading_factor float8) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_temporal_regression_accumulate';
CREATE FUNCTION weir.temporal_regression_final(state internal) RETURNS weir.temporal_regression_result
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_temporal_regression_final';
COMMENT ON FUNCTION weir.temporal_performance_accumulate(internal, "any", "any") IS 'Step of the aggregate temporal_performance.';
COMMENT ON FUNCTION weir.temporal_performance_accumulate(internal, "any", "any", float8) IS 'Step of the aggregate temporal_performance with a fading factor.';
COMMENT ON FUNCTION weir.temporal_regression_accumulate(internal, float8, float8, float8) IS 'Step of the aggregate temporal_regression with a fading factor.';
COMMENT ON FUNCTION weir.temporal_performance_final(internal) IS 'Result of the aggregate temporal_performance.';
COMMENT ON FUNCTION weir.temporal_regression_accumulate(internal, float8, float8) IS 'Step of the aggregate temporal_regression.';
COMMENT ON FUNCTION weir.temporal_regression_final(internal) IS 'Result of the aggregate temporal_regression.';

CREATE AGGREGATE weir.temporal_performance(label "any", prediction "any") (
    SFUNC = weir.temporal_performance_accumulate, STYPE = internal, SSPACE = 4096, FINALFUNC = weir.temporal_performance_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.temporal_performance("any", "any") IS
    'A model of classes against plain ones, over rows in order: temporal_performance(label, prediction ORDER BY at). Beside its accuracy that of repeating the last label (no-change '
    'classifier) and of always the most frequent one; kappa_temporal = (accuracy - last_label_accuracy) / (1 - last_label_accuracy) (Bifet et al. 2013; Zliobaite et al. 2015), kappa_majority '
    'likewise, and Cohen''s kappa. All over the n rows that have a label, a prediction and a label before them (effective_n: the same without a fading factor). NULL over no rows; undefined where n is 0.';
CREATE AGGREGATE weir.temporal_regression(label float8, prediction float8) (
    SFUNC = weir.temporal_regression_accumulate, STYPE = internal, FINALFUNC = weir.temporal_regression_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.temporal_regression(float8, float8) IS
    'A forecast against repeating the last label, over rows in order: temporal_regression(label, prediction ORDER BY at). mean_absolute_scaled_error (MASE; Hyndman and Koehler 2006, scaled '
    'by the errors of repeating over the same rows) is the quotient of the two mean absolute errors: below 1 the model is better. Rows as in temporal_performance.';

CREATE AGGREGATE weir.temporal_performance(label "any", prediction "any", fading_factor float8) (
    SFUNC = weir.temporal_performance_accumulate, STYPE = internal, SSPACE = 4096, FINALFUNC = weir.temporal_performance_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.temporal_performance("any", "any", float8) IS
    'Prequential evaluation that forgets (Gama, Sebastiao and Rodrigues 2013): temporal_performance(label, prediction, 0.999 ORDER BY at). A row counts fading_factor to the power of how many '
    'rows came after it, in (0, 1], the same for all rows (22023). effective_n: so many rows of equal weight say as much. Over a window (OVER (ORDER BY at)) it is the curve. Otherwise as '
    'without the factor.';
CREATE AGGREGATE weir.temporal_regression(label float8, prediction float8, fading_factor float8) (
    SFUNC = weir.temporal_regression_accumulate, STYPE = internal, FINALFUNC = weir.temporal_regression_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.temporal_regression(float8, float8, float8) IS
    'The same for numbers in order: temporal_regression(label, prediction, 0.999 ORDER BY at). Errors, and those of repeating the last label, fade with every row. fading_factor in (0, 1], the same for all rows (22023); effective_n: so many rows of equal '
    'weight say as much.';
