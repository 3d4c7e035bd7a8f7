-- fairness: confusion counts by group, rates, differences and ratios ----------------------------------------------------------------------

CREATE TYPE weir.fairness_table;

CREATE FUNCTION weir.fairness_table_in(cstring) RETURNS weir.fairness_table
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_in';
CREATE FUNCTION weir.fairness_table_out(weir.fairness_table) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_out';
CREATE FUNCTION weir.fairness_table_recv(internal) RETURNS weir.fairness_table
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_recv';
CREATE FUNCTION weir.fairness_table_send(weir.fairness_table) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_send';
COMMENT ON FUNCTION weir.fairness_table_in(cstring) IS 'Text form of a fairness table: JSON.';
COMMENT ON FUNCTION weir.fairness_table_out(weir.fairness_table) IS 'Text form of a fairness table: JSON.';
COMMENT ON FUNCTION weir.fairness_table_recv(internal) IS
    'Binary form of a fairness table: versioned, the same bytes for the same counts.';
COMMENT ON FUNCTION weir.fairness_table_send(weir.fairness_table) IS
    'Binary form of a fairness table: versioned, the same bytes for the same counts.';

CREATE TYPE weir.fairness_table (
    INPUT = weir.fairness_table_in, OUTPUT = weir.fairness_table_out, RECEIVE = weir.fairness_table_recv, SEND = weir.fairness_table_send,
    STORAGE = extended
);
COMMENT ON TYPE weir.fairness_table IS
    'Predictions against labels, counted by group (each negative, positive or unknown): mergeable with + and merge(), '
    'retractable with -, read by fairness_groups() and fairness_metrics(). Text form: JSON, counts[prediction][label].';

CREATE FUNCTION weir.fairness_accumulate(state weir.fairness_table, label "any", prediction "any", VARIADIC groups "any")
    RETURNS weir.fairness_table LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_accumulate';
CREATE FUNCTION weir.fairness_positive_accumulate(state weir.fairness_table, positive text, label "any", prediction "any", VARIADIC groups "any")
    RETURNS weir.fairness_table LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_positive_accumulate';
CREATE FUNCTION weir.fairness_combine(state weir.fairness_table, other weir.fairness_table)
    RETURNS weir.fairness_table LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_combine';
CREATE FUNCTION weir.fairness_merge_accumulate(state weir.fairness_table, other weir.fairness_table)
    RETURNS weir.fairness_table LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_merge_accumulate';
COMMENT ON FUNCTION weir.fairness_accumulate(weir.fairness_table, "any", "any", "any") IS 'Step of the aggregate fairness.';
COMMENT ON FUNCTION weir.fairness_positive_accumulate(weir.fairness_table, text, "any", "any", "any") IS
    'Step of the aggregate fairness_positive.';
COMMENT ON FUNCTION weir.fairness_combine(weir.fairness_table, weir.fairness_table) IS 'Joins the states of parallel workers.';
COMMENT ON FUNCTION weir.fairness_merge_accumulate(weir.fairness_table, weir.fairness_table) IS
    'Step of the aggregate merge(fairness_table).';

CREATE AGGREGATE weir.fairness(label "any", prediction "any", VARIADIC groups "any") (
    SFUNC = weir.fairness_accumulate, STYPE = weir.fairness_table, SSPACE = 1024, COMBINEFUNC = weir.fairness_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.fairness("any", "any", "any") IS
    'Counts predictions against labels by group. label and prediction: boolean, or a number that is 0 or 1 (another number '
    'raises 22023: for a score write score >= 0.5; other types raise 42804); NULL is counted as unknown. groups: one or more '
    'protected columns, read as text; NULL is a group of its own, ''(unknown)''. At most 1000 groups (54000 beyond). NULL over '
    'no rows.';

CREATE AGGREGATE weir.fairness_positive(positive text, label "any", prediction "any", VARIADIC groups "any") (
    SFUNC = weir.fairness_positive_accumulate, STYPE = weir.fairness_table, SSPACE = 1024, COMBINEFUNC = weir.fairness_combine, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.fairness_positive(text, "any", "any", "any") IS
    'As fairness(), where label and prediction are categories: positive is the text of the positive one, every other value is '
    'negative, NULL is unknown. A boolean is read as itself unless positive is ''true'' or ''false'', a number as 0 or 1 '
    'unless positive is a number.';

CREATE AGGREGATE weir.merge(weir.fairness_table) (
    SFUNC = weir.fairness_merge_accumulate, STYPE = weir.fairness_table, SSPACE = 1024, COMBINEFUNC = weir.fairness_merge_accumulate, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.merge(weir.fairness_table) IS
    'The fairness table of all rows of the tables together; NULLs are skipped. Tables of different numbers of group columns '
    'raise 42804.';

CREATE FUNCTION weir.fairness_table_add(a weir.fairness_table, b weir.fairness_table) RETURNS weir.fairness_table
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_add';
CREATE FUNCTION weir.fairness_table_subtract(a weir.fairness_table, b weir.fairness_table) RETURNS weir.fairness_table
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_subtract';
COMMENT ON FUNCTION weir.fairness_table_add(weir.fairness_table, weir.fairness_table) IS
    'The counts of a and b together; behind the operator +.';
COMMENT ON FUNCTION weir.fairness_table_subtract(weir.fairness_table, weir.fairness_table) IS
    'The counts of a without those of b; behind the operator -. What b holds and a does not becomes negative: rates of such a '
    'group are undefined.';
CREATE OPERATOR weir.+ (LEFTARG = weir.fairness_table, RIGHTARG = weir.fairness_table, FUNCTION = weir.fairness_table_add, COMMUTATOR = OPERATOR(weir.+));
CREATE OPERATOR weir.- (LEFTARG = weir.fairness_table, RIGHTARG = weir.fairness_table, FUNCTION = weir.fairness_table_subtract);
COMMENT ON OPERATOR weir.+ (weir.fairness_table, weir.fairness_table) IS 'The counts of both together.';
COMMENT ON OPERATOR weir.- (weir.fairness_table, weir.fairness_table) IS 'The counts of the left without those of the right.';

CREATE FUNCTION weir.fairness_tables_equal(a weir.fairness_table, b weir.fairness_table) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_tables_equal';
COMMENT ON FUNCTION weir.fairness_tables_equal(weir.fairness_table, weir.fairness_table) IS
    'True when both hold the same counts of the same groups.';

CREATE FUNCTION weir.fairness_groups(f weir.fairness_table, min_group_size int DEFAULT 1, confidence float8 DEFAULT 0.95, small_groups text DEFAULT 'mark')
    RETURNS TABLE(group_name text, n bigint, n_positive bigint, n_negative bigint, selection_rate float8, selection_rate_low float8,
                  selection_rate_high float8, base_rate float8, accuracy float8, tpr float8, fpr float8, tnr float8, fnr float8, ppv float8,
                  npv float8, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_fairness_groups';
COMMENT ON FUNCTION weir.fairness_groups(weir.fairness_table, int, float8, text) IS
    'One row per group, by name. group_name joins the values of several columns: ''F | 25-40''; an unknown value reads '
    '''(unknown)''. n: rows; n_positive, n_negative: rows labelled so. Rates in [0, 1]: selection_rate = predicted positive / '
    'predictions known, with its Wilson interval; base_rate = labelled positive / labels known; the others over rows with both '
    'known. A rate with an empty denominator is NULL. status: ok; insufficient where n < min_group_size (the rates are shown, '
    'but prove nothing); undefined where no prediction is known or a count is negative. small_groups: mark (as said), suppress (counts and rates of '
    'groups below min_group_size are NULL, for privacy), shrink (every rate is the posterior mean under a beta prior fitted to all groups, empirical '
    'Bayes by the method of moments, Kleinman 1973: small groups are drawn towards the rate of all). f NULL: no rows.';

CREATE FUNCTION weir.fairness_metrics(f weir.fairness_table, reference text DEFAULT NULL, metrics text[] DEFAULT NULL, min_group_size int DEFAULT 30,
                                      confidence float8 DEFAULT 0.95, small_groups text DEFAULT 'mark')
    RETURNS TABLE(metric text, group_name text, reference_group text, value float8, low float8, high float8, p_value float8, n bigint,
                  n_reference bigint, threshold float8, verdict text, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'weir_fairness_metrics';
COMMENT ON FUNCTION weir.fairness_metrics(weir.fairness_table, text, text[], int, float8, text) IS
    'Each metric for each group against the reference group (NULL: the largest whose values are known), and over all groups '
    '(group_name NULL): the largest difference or the smallest ratio between any two, as Fairlearn has it. Sign: a difference '
    'is group minus reference, a ratio is group / reference. metrics NULL: all of fairness_metric_names(); an unknown name '
    'raises 22023. low, high: Newcombe''s interval for differences (1998, method 10), Katz''s for ratios (1978; half a success '
    'and half a failure added where a rate is 0 or 1); of overall rows and of the worst of two rates simultaneous (Bonferroni), '
    'and none over more than 200 groups. p_value, that the rates are equal: two-proportion z test, Fisher''s exact test where '
    'an expected count is below 5, Pearson''s chi-square over more than two groups. n, n_reference: the denominators; below '
    'min_group_size the status is insufficient, and overall rows leave such groups out. An empty denominator, a reference rate '
    'of 0 under a ratio, or a reference group that is not there: value NULL, status undefined. threshold: 0.8 for ratios (and '
    'its inverse, 1.25), 0.1 for the size of differences; within it the verdict is ok, beyond it alert where p_value < 1 - '
    'confidence, else warning; NULL unless status is ok. small_groups: mark, or suppress (value, interval, p and counts of '
    'insufficient rows are NULL, for privacy). For many groups: weir.adjusted_p_value(p_value, ''holm'') OVER (PARTITION BY metric).';

CREATE FUNCTION weir.fairness_metric_names() RETURNS text[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_metric_names';
COMMENT ON FUNCTION weir.fairness_metric_names() IS 'Names of the metrics that fairness_metrics() knows, in the order of its rows.';

-- what auditors ask beside it

CREATE FUNCTION weir.fairness_clarify(f weir.fairness_table, advantaged text DEFAULT NULL)
    RETURNS TABLE(metric text, title text, phase text, group_name text, advantaged_group text, value float8, fair_value float8, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'weir_fairness_clarify';
COMMENT ON FUNCTION weir.fairness_clarify(weir.fairness_table, text) IS
    'The bias metrics of SageMaker Clarify under its abbreviations, of each group (d) against the advantaged one (a; NULL: the largest): before training, of the labels: CI, DPL, KL '
    '(nats, a from d), JS, LP (p = 2), TVD, KS; after it, of the predictions: DPPL, DI (d / a), DCA, DCR, RD, SD, DAR, DRR, AD, TE. A positive value disadvantages d where the metric '
    'is a minus d. NULL and undefined where a denominator is empty or the divergence infinite. CDDL and CDDPL: fairness_stratified(); GE: fairness_inequality(); FT: flip_test(). '
    '22023 where there is no group of that name.';

CREATE FUNCTION weir.fairness_inequality(f weir.fairness_table, alpha float8 DEFAULT 2)
    RETURNS TABLE(measure text, value float8, between_groups float8, within_groups float8, n bigint, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 3 AS 'MODULE_PATHNAME', 'weir_fairness_inequality';
COMMENT ON FUNCTION weir.fairness_inequality(weir.fairness_table, float8) IS
    'How unequally benefits fall on people (Speicher et al. 2018), a row''s benefit being prediction - label + 1: generalized_entropy of order alpha (0: mean logarithmic deviation), '
    'theil (order 1), coefficient_of_variation (standard deviation over mean; AIF360 has the square root of 2 times that). between_groups: were each given the mean of its group; '
    'within_groups: the rest. Rows with both prediction and label. NULL and undefined where nobody benefits.';

CREATE FUNCTION weir.fairness_differential(f weir.fairness_table, concentration float8 DEFAULT 1)
    RETURNS TABLE(outcome text, epsilon float8, lowest_group text, highest_group text, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 3 AS 'MODULE_PATHNAME', 'weir_fairness_differential';
COMMENT ON FUNCTION weir.fairness_differential(weir.fairness_table, float8) IS
    'Smoothed empirical differential fairness (Foulds et al. 2020): epsilon is the largest log ratio of the probability of an outcome between two (intersectional) groups, each '
    'probability smoothed by a Dirichlet prior of that concentration; of labels, of predictions, and the amplification, that of predictions less that of labels. 0 is fair.';

CREATE FUNCTION weir.fairness_spread(f weir.fairness_table, min_group_size int DEFAULT 1)
    RETURNS TABLE(rate text, overall float8, lowest float8, lowest_group text, highest float8, highest_group text, difference float8, ratio float8,
                  difference_to_overall float8, ratio_to_overall float8, n_groups int, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 11 AS 'MODULE_PATHNAME', 'weir_fairness_spread';
COMMENT ON FUNCTION weir.fairness_spread(weir.fairness_table, int) IS
    'Each rate over all rows and its worst and best group, as Fairlearn''s MetricFrame: difference = highest - lowest, ratio = lowest / highest (between groups); '
    'difference_to_overall: the largest distance of a group from the whole, ratio_to_overall: the smallest ratio to it, either way. Groups with fewer than min_group_size rows in the '
    'denominator are left out.';

CREATE FUNCTION weir.fairness_project(f weir.fairness_table, columns int[]) RETURNS weir.fairness_table
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_project';
COMMENT ON FUNCTION weir.fairness_project(weir.fairness_table, int[]) IS
    'The same rows grouped by fewer columns: columns are positions, from 1, of those to keep. fairness(label, prediction, sex, race, age) counted once gives every intersection.';

CREATE FUNCTION weir.fairness_stratified(f weir.fairness_table, strata int[], reference text DEFAULT NULL, outcome text DEFAULT 'prediction',
                                         confidence float8 DEFAULT 0.95, min_group_size int DEFAULT 30)
    RETURNS TABLE(group_name text, reference_group text, n_strata int, n bigint, difference float8, difference_low float8, difference_high float8, odds_ratio float8,
                  odds_ratio_low float8, odds_ratio_high float8, p_value float8, demographic_disparity float8, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'weir_fairness_stratified';
COMMENT ON FUNCTION weir.fairness_stratified(weir.fairness_table, int[], text, text, float8, int) IS
    'Disparity between groups that strata do not explain. strata: positions, from 1, of the group columns that are strata; the others make the group. outcome: rate of positive '
    'predictions or of positive labels. difference: Mantel and Haenszel''s risk difference, interval by Sato (1989); odds_ratio: Mantel and Haenszel''s, interval by Robins et al. (1986); '
    'p_value: Cochran-Mantel-Haenszel test without continuity correction; over the strata that have rows of both. demographic_disparity: Clarify''s CDD (its CDDPL for predictions, CDDL for '
    'labels), the share of the refused less the share of the chosen, over all strata weighted by size.';
