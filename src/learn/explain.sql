-- learn: what matters to a model, as a whole ---------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.learner_trees(model weir.learner) RETURNS TABLE (tree int, node int, parent int, depth int, feature text, relation text, threshold float8, category text, takes_missing boolean,
    is_leaf boolean, weight float8, class_shares jsonb, mean float8, vote float8)
    AS 'MODULE_PATHNAME', 'weir_learner_trees' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION weir.learner_trees(weir.learner) IS
    'The trees of a model, a row per node, to look at or to export: tree and node number from 0, parents before children. Rows come from the parent where feature is <= or > the threshold, or is (=) or is not (<>) the category; '
    'takes_missing: those whose feature is missing, or of a category met later, come here. weight: of the rows that came here. class_shares: of the classes among them when the node was last a leaf, {"class": share}; mean: of regression, of their '
    'numbers. vote: what the tree weighs in a forest. Leaves that predict by naive Bayes or by a linear model say something else of a row, and trees that grow aside to replace others are left out. '
    'Raises 0A000 for a model that is not made of trees. No rows before the first row.';

CREATE TYPE weir.feature_importance AS (feature text, importance float8, stddev float8, score float8, n bigint);
COMMENT ON TYPE weir.feature_importance IS
    'How much worse a model is without a feature: importance: its score on n rows (accuracy; of numbers R squared) less that with the values of the feature dealt out anew, the mean over the rounds, and their stddev. See weir.permutation_importance.';
CREATE TYPE weir.dependence_point AS (value text, prediction float8, n bigint);
COMMENT ON TYPE weir.dependence_point IS 'What a model says on average of n rows (the probability of a class, or the number) when a feature has this value in all of them. See weir.partial_dependence.';
CREATE TYPE weir.feature_attribution AS (feature text, mean_absolute float8, share float8, mean float8, n bigint);
COMMENT ON TYPE weir.feature_attribution IS
    'What a feature contributes to what a model says of n rows: the mean of the absolute contribution, its share in the sum over all features (0 to 1), and the mean contribution. See weir.feature_attributions.';

CREATE FUNCTION weir.importance_transition(state internal, model weir.learner, features "any", label "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_importance_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.importance_transition(internal, weir.learner, "any", "any") IS 'Internal: transition function of permutation_importance.';
CREATE FUNCTION weir.importance_transition(state internal, model weir.learner, features "any", label "any", rounds int, seed bigint) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_importance_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.importance_transition(internal, weir.learner, "any", "any", int, bigint) IS 'Internal: transition function of permutation_importance.';
CREATE FUNCTION weir.importance_final(state internal) RETURNS weir.feature_importance[]
    AS 'MODULE_PATHNAME', 'weir_importance_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.importance_final(internal) IS 'Internal: final function of permutation_importance.';
CREATE FUNCTION weir.dependence_transition(state internal, model weir.learner, features "any", feature text) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_dependence_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.dependence_transition(internal, weir.learner, "any", text) IS 'Internal: transition function of partial_dependence.';
CREATE FUNCTION weir.dependence_transition(state internal, model weir.learner, features "any", feature text, class text) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_dependence_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.dependence_transition(internal, weir.learner, "any", text, text) IS 'Internal: transition function of partial_dependence.';
CREATE FUNCTION weir.dependence_transition(state internal, model weir.learner, features "any", feature text, class text, resolution int) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_dependence_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.dependence_transition(internal, weir.learner, "any", text, text, int) IS 'Internal: transition function of partial_dependence.';
CREATE FUNCTION weir.dependence_final(state internal) RETURNS weir.dependence_point[]
    AS 'MODULE_PATHNAME', 'weir_dependence_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.dependence_final(internal) IS 'Internal: final function of partial_dependence.';
CREATE FUNCTION weir.attributions_transition(state internal, model weir.learner, features "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_attributions_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.attributions_transition(internal, weir.learner, "any") IS 'Internal: transition function of feature_attributions.';
CREATE FUNCTION weir.attributions_transition(state internal, model weir.learner, features "any", class text) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_attributions_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.attributions_transition(internal, weir.learner, "any", text) IS 'Internal: transition function of feature_attributions.';
CREATE FUNCTION weir.attributions_final(state internal) RETURNS weir.feature_attribution[]
    AS 'MODULE_PATHNAME', 'weir_attributions_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.attributions_final(internal) IS 'Internal: final function of feature_attributions.';

CREATE AGGREGATE weir.permutation_importance(weir.learner, "any", "any") (SFUNC = weir.importance_transition, STYPE = internal, FINALFUNC = weir.importance_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.permutation_importance(weir.learner, "any", "any", int, bigint) (SFUNC = weir.importance_transition, STYPE = internal, FINALFUNC = weir.importance_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.permutation_importance(weir.learner, "any", "any") IS
    'permutation_importance(model, features, label): how much worse the model is on these rows without each feature (Breiman 2001; as scikit-learn): the values of one feature are dealt out anew among the rows, 5 times. SELECT i.* FROM '
    'unnest((SELECT weir.permutation_importance(...) FROM ...)) i. Take rows that the model has not learned. Of the model, that of the first row. The order of rows decides what is drawn. Raises 54000 past 256 MB of rows, 55000 for a model before its first row. NULL over no rows.';
COMMENT ON AGGREGATE weir.permutation_importance(weir.learner, "any", "any", int, bigint) IS
    'permutation_importance(model, features, label, rounds, seed): the same, with so many rounds (1 to 1000); the same seed over the same order of rows draws the same.';
CREATE AGGREGATE weir.partial_dependence(weir.learner, "any", text) (SFUNC = weir.dependence_transition, STYPE = internal, FINALFUNC = weir.dependence_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.partial_dependence(weir.learner, "any", text, text) (SFUNC = weir.dependence_transition, STYPE = internal, FINALFUNC = weir.dependence_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.partial_dependence(weir.learner, "any", text, text, int) (SFUNC = weir.dependence_transition, STYPE = internal, FINALFUNC = weir.dependence_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.partial_dependence(weir.learner, "any", text) IS
    'partial_dependence(model, features, feature): what the model says on average of the rows if the feature had this value in all of them, whatever the order of rows (Friedman 2001; as scikit-learn, method brute): of two classes the probability of the second by name, such as '
    'true. Values: those that there are, or, of 20 and more, 20 equal steps between the 5th and 95th percentile; of categories all. SELECT p.* FROM unnest((SELECT weir.partial_dependence(...) FROM ...)) p. Raises 42703 for an unknown feature. NULL over no rows.';
COMMENT ON AGGREGATE weir.partial_dependence(weir.learner, "any", text, text) IS 'partial_dependence(model, features, feature, class): the same for the probability of a class, whatever the order of rows. Raises 22023 for an unknown class.';
COMMENT ON AGGREGATE weir.partial_dependence(weir.learner, "any", text, text, int) IS
    'partial_dependence(model, features, feature, class, resolution): the same at resolution (2 to 1000) values, whatever the order of rows; class is NULL for regression, or for the second of two.';
CREATE AGGREGATE weir.feature_attributions(weir.learner, "any") (SFUNC = weir.attributions_transition, STYPE = internal, FINALFUNC = weir.attributions_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.feature_attributions(weir.learner, "any", text) (SFUNC = weir.attributions_transition, STYPE = internal, FINALFUNC = weir.attributions_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.feature_attributions(weir.learner, "any") IS
    'feature_attributions(model, features): what each feature contributes to what the model says of the rows (weir.explain, of the class predicted for each), over all of them in any order: the global explanation. SELECT a.* FROM '
    'unnest((SELECT weir.feature_attributions(...) FROM ...)) a. Raises 0A000 for a model without contributions. NULL over no rows.';
COMMENT ON AGGREGATE weir.feature_attributions(weir.learner, "any", text) IS 'feature_attributions(model, features, class): the same for one class, in any order of rows. Raises 22023 for an unknown class.';

CREATE FUNCTION weir.attribution_drift(baseline weir.feature_attribution[], current weir.feature_attribution[])
    RETURNS TABLE (metric text, value float8, verdict text, feature text, baseline_share float8, current_share float8)
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp ROWS 3
BEGIN ATOMIC
    WITH f AS (
        SELECT coalesce(b.feature, c.feature) AS feature, coalesce(b.share, 0) AS baseline_share, coalesce(c.share, 0) AS current_share,
            row_number() OVER (ORDER BY coalesce(c.share, 0) DESC, coalesce(b.feature, c.feature)) AS current_rank,
            row_number() OVER (ORDER BY coalesce(b.share, 0) DESC, coalesce(b.feature, c.feature)) AS baseline_rank
        FROM unnest(baseline) b FULL JOIN unnest(current) c USING (feature)),
    s AS (SELECT sum(f.baseline_share / log(2.0, f.current_rank + 1)::float8) / nullif(sum(f.baseline_share / log(2.0, f.baseline_rank + 1)::float8), 0) AS ndcg,
            sum(abs(f.baseline_share - f.current_share)) / 2 AS total_variation FROM f)
    SELECT v.metric, v.value, CASE WHEN v.value IS NULL THEN NULL WHEN v.value > v.limits[2] THEN 'alert' WHEN v.value > v.limits[1] THEN 'warning' ELSE 'ok' END,
        m.feature, m.baseline_share, m.current_share
    FROM s, LATERAL (VALUES ('attribution_ndcg_loss', 1 - s.ndcg, ARRAY[0.05, 0.1]), ('attribution_total_variation', s.total_variation, ARRAY[0.1, 0.2])) v (metric, value, limits),
        LATERAL (SELECT f.* FROM f ORDER BY abs(f.baseline_share - f.current_share) DESC, f.feature LIMIT 1) m;
END;
COMMENT ON FUNCTION weir.attribution_drift(weir.feature_attribution[], weir.feature_attribution[]) IS
    'Whether a model has come to rest on other features: baseline and current are weir.feature_attributions of the same model over two sets of rows. attribution_ndcg_loss: 1 less the normalised discounted cumulative gain of the features ranked by '
    'current, with their shares in baseline as relevance (0 to 1, 0: the same order; above 0.1, as SageMaker has it, alert). attribution_total_variation: half the sum of absolute differences of shares (0 to 1). '
    'feature: the one whose share has changed most. NULL without contributions.';
