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
    'Bayes by the method of moments, Kleinman 1973: small groups are drawn towards the rate of all). fairness_rates gives every rate its interval. f NULL: no rows.';

CREATE FUNCTION weir.fairness_rates(f weir.fairness_table, rates text[] DEFAULT NULL, min_group_size int DEFAULT 1, confidence float8 DEFAULT 0.95,
                                    small_groups text DEFAULT 'mark')
    RETURNS TABLE(rate text, group_name text, value float8, low float8, high float8, n bigint, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'weir_fairness_rates';
COMMENT ON FUNCTION weir.fairness_rates(weir.fairness_table, text[], int, float8, text) IS
    'One row per rate and group, in the order in which rates names them (NULL: all that fairness_spread lists; another name raises 22023): value in [0, 1], low and high its Wilson '
    'interval (1927, without continuity correction), n the rows it counts over (its denominator). Rates as in fairness_groups: true_positive_rate is tpr, positive_predictive_value ppv '
    '(precision), false_discovery_rate 1 - ppv, false_omission_rate 1 - npv. status: ok; insufficient where n < min_group_size; undefined where n is 0 or a count is negative: value, low and high '
    'are NULL. small_groups: mark, or suppress (value, interval and n of insufficient rows are NULL, for privacy). f NULL: no rows.';

CREATE FUNCTION weir.fairness_metrics(f weir.fairness_table, reference text DEFAULT NULL, metrics text[] DEFAULT NULL, min_group_size int DEFAULT 30,
                                      confidence float8 DEFAULT 0.95, small_groups text DEFAULT 'mark', rule text DEFAULT 'four_fifths',
                                      thresholds jsonb DEFAULT NULL, adjust text DEFAULT 'none')
    RETURNS TABLE(metric text, group_name text, reference_group text, value float8, low float8, high float8, p_value float8, n bigint,
                  n_reference bigint, threshold float8, verdict text, status text, p_adjusted float8)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'weir_fairness_metrics';
COMMENT ON FUNCTION weir.fairness_metrics(weir.fairness_table, text, text[], int, float8, text, text, jsonb, text) IS
    'Each metric for each group against the reference group, and over all groups (group_name NULL): the largest difference or the smallest ratio between any '
    'two, as Fairlearn has it. reference: the name of a group; NULL or largest: the largest whose values are known; best: for each metric the group that fares best '
    'by it. Sign: a difference is group minus reference, a ratio is group / reference. metrics NULL: all of fairness_metric_names(); an unknown name '
    'raises 22023. low, high: Newcombe''s interval for differences (1998, method 10), Katz''s for ratios (1978; half a success '
    'and half a failure added where a rate is 0 or 1), Woolf''s (1955) for the ratio of treatment equality; of overall rows and of the worst of two rates simultaneous '
    '(Bonferroni), and none over more than 200 groups. p_value, that the rates are equal: two-proportion z test, Fisher''s exact test where '
    'an expected count is below 5, Pearson''s chi-square over more than two groups; p_adjusted: that of the groups of a metric with status ok, corrected as adjust says '
    '(none, bonferroni, holm, benjamini_hochberg, benjamini_yekutieli). n, n_reference: the denominators; below '
    'min_group_size the status is insufficient, and overall rows leave such groups out. An empty denominator, a reference rate '
    'of 0 under a ratio, or a reference group that is not there: value NULL, status undefined. threshold: what the rule (fairness_rules()) has for ratios, whose '
    'inverse counts too, and for the size of differences; thresholds replaces it: {"ratio": 0.9, "difference": 0.05, "disparate_impact": 0.8}. Within it the verdict is '
    'ok, beyond it alert where p_adjusted < 1 - confidence, else warning (rule practical: alert in any case; two_standard_deviations: by p_adjusted alone); NULL unless '
    'status is ok. small_groups: mark, or suppress (value, interval, p and counts of insufficient rows are NULL, for privacy).';

CREATE FUNCTION weir.fairness_rules() RETURNS TABLE(rule text, ratio float8, difference float8, evidence text, source text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 4 AS 'MODULE_PATHNAME', 'weir_fairness_rules';
COMMENT ON FUNCTION weir.fairness_rules() IS
    'The named rules of fairness_metrics: below which ratio (or above its inverse) and beyond which difference a group is treated unequally; evidence: grades (an alert '
    'where chance does not explain it, else a warning), ignored (an alert in any case) or decides (an alert where chance does not explain it, however small).';

CREATE FUNCTION weir.fairness_verdict(f weir.fairness_table, reference text DEFAULT NULL, metrics text[] DEFAULT '{demographic_parity_ratio,equalized_odds_difference,predictive_parity_ratio}',
                                      min_group_size int DEFAULT 30, confidence float8 DEFAULT 0.95, rule text DEFAULT 'four_fifths', thresholds jsonb DEFAULT NULL,
                                      adjust text DEFAULT 'holm')
    RETURNS TABLE(metric text, verdict text, group_name text, value float8, low float8, high float8, p_adjusted float8, threshold float8, n_groups int, n_unfair int,
                  n_insufficient int)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 3 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- The group that is farthest from the reference says it for all.
    WITH m AS MATERIALIZED (
        SELECT row_number() OVER () AS position, x.* FROM weir.fairness_metrics(f, reference, metrics, min_group_size, confidence, 'mark', rule, thresholds, adjust) x
    ), judged AS (
        SELECT m.*, row_number() OVER (PARTITION BY m.metric ORDER BY (m.verdict = 'alert') DESC NULLS LAST, (m.verdict = 'warning') DESC NULLS LAST,
                   CASE WHEN m.metric LIKE E'%\\_ratio' OR m.metric = 'disparate_impact' THEN abs(ln(CASE WHEN m.value > 0 THEN m.value ELSE 1e-300 END)) ELSE abs(m.value) END DESC NULLS LAST,
                   m.position) AS rank
        FROM m WHERE m.group_name IS NOT NULL
    ), summed AS (
        -- Where there is nobody to compare with, only the row over all groups is there.
        SELECT m.metric, min(m.position) AS position, count(m.group_name)::int AS n_groups, (count(*) FILTER (WHERE m.verdict = 'alert' AND m.group_name IS NOT NULL))::int AS n_unfair,
            (count(*) FILTER (WHERE m.status <> 'ok' AND m.group_name IS NOT NULL))::int AS n_insufficient
        FROM m GROUP BY m.metric
    )
    SELECT s.metric, CASE WHEN s.n_unfair > 0 THEN 'unfair' WHEN s.n_insufficient = s.n_groups OR j.verdict = 'warning' THEN 'insufficient' ELSE 'fair' END,
        j.group_name, j.value, j.low, j.high, j.p_adjusted, j.threshold, s.n_groups, s.n_unfair, s.n_insufficient
    FROM summed s LEFT JOIN judged j ON j.metric = s.metric AND j.rank = 1 ORDER BY s.position;
END;
COMMENT ON FUNCTION weir.fairness_verdict(weir.fairness_table, text, text[], int, float8, text, jsonb, text) IS
    'One verdict per metric: unfair where a group is beyond the threshold and chance does not explain it (fairness_metrics'' alert), insufficient where no group has enough '
    'rows, or where one is beyond the threshold and chance may explain it, else fair. The group that says so, or that is farthest from the reference, is shown. Of n_groups '
    'compared, n_unfair are alerts and n_insufficient have too few rows or no value. Arguments as those of fairness_metrics.';

CREATE FUNCTION weir.fairness_permutation(f weir.fairness_table, reference text DEFAULT NULL, metrics text[] DEFAULT NULL, min_group_size int DEFAULT 30,
                                          permutations int DEFAULT 1000, seed bigint DEFAULT 1)
    RETURNS TABLE(metric text, group_name text, reference_group text, value float8, p_value float8, n_permutations bigint, n bigint, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000 ROWS 50 AS 'MODULE_PATHNAME', 'weir_fairness_permutation';
COMMENT ON FUNCTION weir.fairness_permutation(weir.fairness_table, text, text[], int, int, bigint) IS
    'Permutation tests of fairness_metrics: of each group against the reference, and of all groups (group_name NULL). value: the size of the difference or the ratio (at most '
    '1) between the two, or the largest difference and smallest ratio of any two. p_value: (k + 1) / (permutations + 1), where k of the permutations (at most 1,000,000), '
    'which deal the rows that the rates count out anew to groups of the same sizes, are at least as far from equality. The same seed gives the same p. n: rows in the '
    'denominators of all groups; groups below min_group_size are left out. For few rows in groups, and where one p over many groups is wanted.';

CREATE FUNCTION weir.fairness_metric_names() RETURNS text[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fairness_metric_names';
COMMENT ON FUNCTION weir.fairness_metric_names() IS 'Names of the metrics that fairness_metrics() knows, in the order of its rows.';

-- what auditors ask beside it

CREATE FUNCTION weir.fairness_clarify(f weir.fairness_table, advantaged text DEFAULT NULL)
    RETURNS TABLE(metric text, title text, phase text, group_name text, advantaged_group text, value float8, fair_value float8, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'weir_fairness_clarify';
COMMENT ON FUNCTION weir.fairness_clarify(weir.fairness_table, text) IS
    'The bias metrics of SageMaker Clarify under its abbreviations, of each group (d) against the advantaged one (a; NULL or largest: the largest; best: that '
    'with the highest selection rate): before training, of the labels: CI, DPL, KL '
    '(nats, a from d), JS, LP (p = 2), TVD, KS; after it, of the predictions: DPPL, DI (d / a), DCA, DCR, RD, SD, DAR, DRR, AD, TE. A positive value disadvantages d where the metric '
    'is a minus d. NULL and undefined where a denominator is empty or the divergence infinite. CDDL and CDDPL: fairness_stratified(); GE: fairness_inequality(); FT: flip_test(). '
    '22023 where there is no group of that name.';

CREATE FUNCTION weir.fairness_inequality(f weir.fairness_table, alpha float8 DEFAULT 2)
    RETURNS TABLE(measure text, value float8, between_groups float8, within_groups float8, n bigint, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 3 AS 'MODULE_PATHNAME', 'weir_fairness_inequality';
COMMENT ON FUNCTION weir.fairness_inequality(weir.fairness_table, float8) IS
    'How unequally benefits fall on people (Speicher et al. 2018), a row''s benefit being prediction - label + 1: generalized_entropy of order alpha (0: mean logarithmic deviation), '
    'theil (order 1), coefficient_of_variation (standard deviation over mean). between_groups: were each given the mean of its group, over all groups (AI Fairness 360''s '
    'between_all_groups; of its between_group, over those that the table holds: count the two groups alone); within_groups: the rest, which a coefficient of variation does not leave. Rows with both prediction and label. NULL and undefined where nobody benefits.';

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

CREATE FUNCTION weir.subset_scan(f weir.fairness_table, rate text DEFAULT 'selection_rate', penalty float8 DEFAULT 0, restarts int DEFAULT 10, permutations int DEFAULT 199,
                                 seed bigint DEFAULT 1)
    RETURNS TABLE(direction text, subset jsonb, score float8, odds_ratio float8, n bigint, observed bigint, expected float8, p_value float8, n_permutations int, is_exact boolean,
                  status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000 ROWS 2 AS 'MODULE_PATHNAME', 'weir_subset_scan';
COMMENT ON FUNCTION weir.subset_scan(weir.fairness_table, text, float8, int, int, bigint) IS
    'Bias scan: of all subsets of the values of the group columns, the one whose rate departs most from that of all rows (multi-dimensional subset scan, Zhang and Neill 2016; AI '
    'Fairness 360''s MDSS with Bernoulli scoring and no expectations). rate: as fairness_spread names them. Two rows, direction higher and lower. subset: by position of the column, '
    'from 1, the values in it (null: unknown); a column that is left out is not restricted. score: the largest log likelihood ratio of the odds being odds_ratio times those expected '
    '(1/1000 to 1000), less penalty for each value named. n: rows that the rate counts there, observed: its successes, expected: how many the rate of all would give. p_value: '
    '(k + 1) / (permutations + 1), where k permutations, which deal the successes out anew to all rows alike, have a subset that scores as high: it allows for the search. '
    'is_exact: no subset scores higher; else (more than 4096 combinations of the other columns'' values) it is the best that was found from the whole and from so many restarts at random. '
    'The same seed gives the same result. undefined where every row is a success, or none is.';

CREATE FUNCTION weir.fairness_subgroups(f weir.fairness_table, rate text DEFAULT 'false_positive_rate', depth int DEFAULT NULL, permutations int DEFAULT 999, seed bigint DEFAULT 1)
    RETURNS TABLE(family text, gamma float8, group_rate float8, overall_rate float8, difference float8, n bigint, share float8, subset jsonb, members text[], p_value float8, status text)
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000 ROWS 3 AS 'MODULE_PATHNAME', 'weir_fairness_subgroups';
COMMENT ON FUNCTION weir.fairness_subgroups(weir.fairness_table, text, int, int, bigint) IS
    'Rich subgroup fairness (Kearns et al. 2018): the subgroup with the largest gamma = its share of the rows times the size of the difference of its rate to that of all. rate: '
    'false_positive_rate (the paper''s), or another that fairness_spread names. One row per family of subgroups: conjunction (one value of up to depth columns, NULL: all; every one is '
    'looked at), linear (a half-space over the values as 0 and 1, found by least squares: the auditor of Kearns et al. 2019 and of AI Fairness 360; of its two sides, whose gamma is the '
    'same, the one that concerns fewer), any (the worst set of groups whatsoever: no family goes beyond its gamma). share: rows that the rate counts in it (n) of all rows whose outcome is known. subset: what a '
    'conjunction names, as in subset_scan; members: the groups that are in it. p_value: (k + 1) / (permutations + 1) by dealing the successes out anew to all rows alike; it allows for '
    'the search. 54000 where there are too many conjunctions.';

-- helpers and catalogues

CREATE FUNCTION weir.band(value float8, edges float8[], labels text[] DEFAULT NULL) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_band';
COMMENT ON FUNCTION weir.band(float8, float8[], text[]) IS
    'The class of a number, for groups: band(age, ''{25,40,60}'') is ''<25'', ''25-40'' (25 is in, 40 is not), ''40-60'' or ''>=60''. labels: other names, one more than there '
    'are edges. NULL for NULL and NaN, which fairness() keeps as a group of their own. Edges that do not ascend, or labels that do not match, raise 22023.';

CREATE FUNCTION weir.fairness_aequitas(f weir.fairness_table, reference text DEFAULT NULL, tau float8 DEFAULT 0.8, min_group_size int DEFAULT 1,
                                       test text DEFAULT 'proportions', confidence float8 DEFAULT 0.95)
    RETURNS TABLE(group_name text, reference_group text, metric text, value float8, reference_value float8, disparity float8, is_fair boolean, status text,
                  p_value float8, is_significant boolean)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'weir_fairness_aequitas';
COMMENT ON FUNCTION weir.fairness_aequitas(weir.fairness_table, text, float8, int, text, float8) IS
    'Aequitas'' metrics under its names, of each group: ppr (its share of all predicted positives), pprev (predicted positive rate), precision, fdr, for, fpr, fnr, tpr, tnr, npv; '
    'disparity = value / that of the reference group (a name; NULL or largest: its ref_groups_method majority; min_metric: for each metric the group with the smallest value); '
    'is_fair: tau <= disparity <= 1 / tau. NULL and undefined where a denominator or the reference''s value is 0. Groups below min_group_size get no is_fair. p_value: that the '
    'group has the rate of the reference. test: proportions (two-proportion z, or Fisher''s exact test, as fairness_metrics), welch (t of the outcomes with a variance for each group), '
    'brown_forsythe (Aequitas'' own: one variance for both, unless the test of Brown and Forsythe tells the variances apart at 1 - confidence). Each rate is tested over its own '
    'denominator; Aequitas tests fpr and tnr over the predicted positives (that is fdr), fnr and tpr over the predicted negatives (for), ppr as pprev. ppr depends on how large groups '
    'are, so equality of it is no hypothesis: it has no p_value. is_significant: p_value < 1 - confidence.';

CREATE FUNCTION weir.fairness_intersections(f weir.fairness_table, depth int DEFAULT 2) RETURNS TABLE(columns int[], counts weir.fairness_table)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH RECURSIVE width AS (
        SELECT (f::text::jsonb ->> 'columns')::int AS n
    ), chosen (columns) AS (
        SELECT ARRAY[i] FROM width w, generate_series(1, w.n) i
        UNION ALL
        SELECT c.columns || i FROM chosen c, width w, generate_series(c.columns[cardinality(c.columns)] + 1, w.n) i WHERE cardinality(c.columns) < depth
    )
    SELECT c.columns, weir.fairness_project(f, c.columns) FROM chosen c ORDER BY cardinality(c.columns), c.columns;
END;
COMMENT ON FUNCTION weir.fairness_intersections(weir.fairness_table, int) IS
    'The same rows by each single group column, each pair, and so on up to depth columns together: columns are their positions, from 1, counts the fairness table of these. '
    'SELECT i.columns, g.* FROM weir.fairness_intersections(f, 2) i, weir.fairness_groups(i.counts) g.';
