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
                   CASE WHEN m.metric LIKE '%\_ratio' OR m.metric = 'disparate_impact' THEN abs(ln(CASE WHEN m.value > 0 THEN m.value ELSE 1e-300 END)) ELSE abs(m.value) END DESC NULLS LAST,
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
    'theil (order 1), coefficient_of_variation (standard deviation over mean). between_groups: were each given the mean of its group; '
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

-- helpers and catalogues

CREATE FUNCTION weir.band(value float8, edges float8[], labels text[] DEFAULT NULL) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_band';
COMMENT ON FUNCTION weir.band(float8, float8[], text[]) IS
    'The class of a number, for groups: band(age, ''{25,40,60}'') is ''<25'', ''25-40'' (25 is in, 40 is not), ''40-60'' or ''>=60''. labels: other names, one more than there '
    'are edges. NULL for NULL and NaN, which fairness() keeps as a group of their own. Edges that do not ascend, or labels that do not match, raise 22023.';

CREATE FUNCTION weir.fairness_aequitas(f weir.fairness_table, reference text DEFAULT NULL, tau float8 DEFAULT 0.8, min_group_size int DEFAULT 1)
    RETURNS TABLE(group_name text, reference_group text, metric text, value float8, reference_value float8, disparity float8, is_fair boolean, status text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 50 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH g AS MATERIALIZED (
        SELECT x.*, x.n >= min_group_size AS is_large, x.selection_rate * x.n / nullif(sum(x.selection_rate * x.n) OVER (), 0) AS share FROM weir.fairness_groups(f) x
    ), rates AS (
        SELECT g.group_name, g.n, g.is_large, r.position, r.metric, r.value
        FROM g, LATERAL (VALUES (1, 'ppr', g.share), (2, 'pprev', g.selection_rate), (3, 'precision', g.ppv), (4, 'fdr', 1 - g.ppv),
                                (5, 'for', 1 - g.npv), (6, 'fpr', g.fpr), (7, 'fnr', g.fnr), (8, 'tpr', g.tpr), (9, 'tnr', g.tnr), (10, 'npv', g.npv)) r (position, metric, value)
    ), referenced AS (
        SELECT rates.*, CASE WHEN reference = 'min_metric'
                THEN first_value(rates.group_name) OVER (PARTITION BY rates.metric ORDER BY rates.is_large AND rates.value IS NOT NULL DESC, rates.value, rates.group_name)
                ELSE coalesce(nullif(reference, 'largest'),
                    first_value(rates.group_name) OVER (PARTITION BY rates.metric ORDER BY rates.group_name LIKE '%(unknown)%', rates.n DESC, rates.group_name)) END AS reference_group
        FROM rates
    )
    SELECT a.group_name, a.reference_group, a.metric, a.value, b.value, a.value / nullif(b.value, 0),
        CASE WHEN a.is_large THEN a.value / nullif(b.value, 0) BETWEEN tau AND 1 / tau END,
        CASE WHEN a.value / nullif(b.value, 0) IS NULL THEN 'undefined' WHEN NOT a.is_large THEN 'insufficient' ELSE 'ok' END
    FROM referenced a LEFT JOIN rates b ON b.metric = a.metric AND b.group_name = a.reference_group
    ORDER BY a.group_name, a.position;
END;
COMMENT ON FUNCTION weir.fairness_aequitas(weir.fairness_table, text, float8, int) IS
    'Aequitas'' metrics under its names, of each group: ppr (its share of all predicted positives), pprev (predicted positive rate), precision, fdr, for, fpr, fnr, tpr, tnr, npv; '
    'disparity = value / that of the reference group (a name; NULL or largest: its ref_groups_method majority; min_metric: for each metric the group with the smallest value); '
    'is_fair: tau <= disparity <= 1 / tau. NULL and undefined where a denominator or the reference''s value is 0. Groups below min_group_size get no is_fair.';

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
