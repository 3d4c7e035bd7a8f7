-- drift: how far a sample of a column is from its baseline ------------------------------------------------------------------------------

CREATE FUNCTION weir.drift(baseline weir.summary, current weir.summary, metrics text[] DEFAULT NULL, options jsonb DEFAULT '{}')
    RETURNS TABLE(metric text, value float8, p_value float8, threshold float8, n_baseline bigint, n_current bigint, error_bound float8,
                  is_primary boolean, verdict text, status text, detail jsonb)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'weir_drift_summaries';
COMMENT ON FUNCTION weir.drift(weir.summary, weir.summary, text[], jsonb) IS
    'Drift between two summaries of the same kind and unit (else 42804). One row per score that applies, the primary one first: psi '
    'unless metrics leaves it out. metrics: names of drift_metric_names() or their usual short forms (ks, js, kl, ...); NULL: all; '
    'an unknown name raises 22023. value: never negative (but anderson_darling), larger where there is more drift. n_baseline, '
    'n_current: rows behind the score, missing ones (NULL, NaN) included for scores on bins and categories only. p_value: of the '
    'test that detail.test names. threshold: from it on the verdict is alert, from detail.warning_threshold on warning; both only '
    'where p_value < significance. error_bound: how far the score can be from that of the values themselves, which a summary '
    'does not keep; NULL where that is not known. status: insufficient below min_n rows on either side (value NULL where a side is '
    'empty); undefined where no value exists, with detail.reason. detail: bins (lower, upper] or categories that contribute most, '
    'with their shares; categories that are new or vanished; statistic and standard error of tests. options: bins (quantile, '
    'equal_width, doane, sturges, edges, grid), n_bins (10), edges, range (baseline, pooled), smoothing of empty bins (floor, none, '
    'laplace), floor, alpha, base of logarithms ("e", 2), missing_as_category (true), top_k, test (auto, exact, asymptotic), '
    'significance (0.05), min_n (10), of vectors permutations (500), seed (1), max_rows (1000) and explained (0.65), thresholds ({"psi": 0.2, "ks": [0.05, 0.1]}); others raise 22023. A NULL argument: no rows.';

CREATE FUNCTION weir.drift(baseline float8[], current float8[], metrics text[] DEFAULT NULL, options jsonb DEFAULT '{}')
    RETURNS TABLE(metric text, value float8, p_value float8, threshold float8, n_baseline bigint, n_current bigint, error_bound float8,
                  is_primary boolean, verdict text, status text, detail jsonb)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'weir_drift_numbers';
COMMENT ON FUNCTION weir.drift(float8[], float8[], text[], jsonb) IS
    'Drift between two samples of numbers, every score exact. Arguments, columns and errors as in weir.drift(weir.summary, '
    'weir.summary, text[], jsonb). NULL and NaN are missing values. Of arrays of two dimensions each row is a vector, as array_agg of a '
    'float8[] column gives them: scores of vectors.';

CREATE FUNCTION weir.drift(baseline text[], current text[], metrics text[] DEFAULT NULL, options jsonb DEFAULT '{}')
    RETURNS TABLE(metric text, value float8, p_value float8, threshold float8, n_baseline bigint, n_current bigint, error_bound float8,
                  is_primary boolean, verdict text, status text, detail jsonb)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'weir_drift_texts';
COMMENT ON FUNCTION weir.drift(text[], text[], text[], jsonb) IS
    'Drift between two samples of categories, every score exact. Arguments, columns and errors as in weir.drift(weir.summary, '
    'weir.summary, text[], jsonb).';

CREATE FUNCTION weir._drift_transition(internal, "any", boolean) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_transition';
CREATE FUNCTION weir._drift_combine(internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_combine';
CREATE FUNCTION weir._drift_serialize(internal) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_serialize';
CREATE FUNCTION weir._drift_deserialize(bytea, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_deserialize';

-- Each score by its name: of two summaries, of two arrays, and as an aggregate over (value, is_current).
DO $$
DECLARE
    metric record;
    pair record;
    made text;
BEGIN
    FOR metric IN
        SELECT m.metric_name, m.kinds, m.meaning
            || CASE WHEN on_cells THEN ' On bins: the deciles of the baseline, frozen, first and last open, a value that alone holds a tenth of it '
                    'a bin of its own (options bins, n_bins, edges, range change that); categories as they are, rare ones together; missing '
                    'values a bin.' ELSE ' NULL and NaN do not count.' END
            || ' NULL where a side is empty or no value exists. options: as in weir.drift.' AS meaning
        FROM (VALUES
            ('psi', 'ntx', true, 'Population stability index, natural logarithm, >= 0: sum of (c - b) ln(c / b) over the shares of current and baseline. An '
             'empty bin is given the share of half a row, at least 0.0001 (options smoothing, floor, alpha); one empty on both sides adds 0.'),
            ('jensen_shannon', 'ntx', true, 'Jensen-Shannon distance in [0, 1]: the square root of the divergence to base 2 (option base).'),
            ('jensen_shannon_divergence', 'ntx', true, 'Jensen-Shannon divergence in [0, 1], to base 2 (option base).'),
            ('kullback_leibler', 'ntx', true, 'Kullback-Leibler divergence of current from baseline in nats (option base): sum of c ln(c / b). An empty bin of the '
             'baseline is given the share of half a row, at least 0.0001 (options smoothing, floor, alpha).'),
            ('hellinger', 'ntx', true, 'Hellinger distance in [0, 1].'),
            ('bhattacharyya', 'ntx', true, 'Bhattacharyya distance, >= 0: the negative logarithm of the sum of sqrt(b c); NULL, for infinite, where the samples share no bin.'),
            ('total_variation', 'ntx', true, 'Total variation distance in [0, 1]: half the sum of the absolute differences of the shares.'),
            ('histogram_intersection', 'ntx', true, 'One minus the intersection of the histograms, in [0, 1]: 1 - sum of min(b, c).'),
            ('chi_square', 'tx', true, 'Pearson''s chi-square statistic that both samples have the same distribution of categories, without Yates'' correction. NULL for numbers.'),
            ('g_test', 'tx', true, 'G statistic (log-likelihood ratio) that both samples have the same distribution of categories. NULL for numbers.'),
            ('cramers_v', 'tx', true, 'Cramer''s V in [0, 1]: the square root of chi_square / (n_baseline + n_current). NULL for numbers.'),
            ('l_infinity', 'tx', true, 'The largest difference of a category''s share, in [0, 1]. NULL for numbers.'),
            ('fisher_exact', 'ntx', false, 'Of a column with two values: Cohen''s h, the difference of the angles 2 asin(sqrt(share)), in [0, pi]; weir.drift gives '
             'the p-value of Fisher''s exact test and the odds ratio with it. NULL where there are not exactly two values.'),
            ('two_proportion_z', 'ntx', false, 'Of a column with two values: absolute value of z, the difference of the shares by its pooled standard error. NULL where '
             'there are not exactly two values.'),
            ('kolmogorov_smirnov', 'nx', false, 'Two-sample Kolmogorov-Smirnov statistic in [0, 1]: the largest distance between the distribution functions; infinities count.'),
            ('kuiper', 'nx', false, 'Kuiper''s statistic in [0, 1]: the largest distance of the distribution functions upwards plus that downwards; infinities count.'),
            ('wasserstein', 'nx', false, 'Wasserstein-1 (earth mover''s) distance in units of the column (durations and times in seconds): the area between the '
             'distribution functions. NULL where a sample holds infinities.'),
            ('wasserstein_normalized', 'nx', false, 'Wasserstein-1 distance divided by the sample standard deviation of the baseline; NULL where the baseline does not vary and '
             'current differs, or where a sample holds infinities.'),
            ('energy_distance', 'nx', false, 'Energy distance (Szekely): the square root of twice the integral of (F - G)^2, in square roots of the column''s unit. NULL where a sample '
             'holds infinities.'),
            ('cramer_von_mises', 'nx', false, 'T of Cramer and von Mises for two samples (Anderson 1962): n m / (n + m)^2 times the sum of (F - G)^2 over all values.'),
            ('anderson_darling', 'nx', false, 'Anderson and Darling''s statistic for two samples with ranks in the middle of ties, less its mean, by its standard deviation (Scholz and '
             'Stephens 1987): negative where the samples are more alike than by chance. NULL where all values are equal.'),
            ('mann_whitney', 'nx', false, 'Effect size of the Mann-Whitney test, Cliff''s delta without its sign, in [0, 1]: the share of pairs in which one side is larger less '
             'that in which the other is; weir.drift gives U and p with it.'),
            ('welch_t', 'nx', false, 'Absolute value of Welch''s t, for unequal variances. NULL where neither sample varies or one has a single value, or infinities.'),
            ('student_t', 'nx', false, 'Absolute value of Student''s t, with the pooled variance. NULL where neither sample varies or one has a single value, or infinities.'),
            ('epps_singleton', 'nx', false, 'W of Epps and Singleton (1986): the distance of the empirical characteristic functions at 0.4 and 0.8 half interquartile ranges. NULL '
             'below five values, or where half of the values are equal, or with infinities.'),
            ('mean_difference', 'nx', false, 'Absolute difference of the means, in units of the column. NULL where a sample holds infinities.'),
            ('median_difference', 'nx', false, 'Absolute difference of the medians, in units of the column. NULL where a sample holds infinities.'),
            ('mmd', 'nx', false, 'Of vectors (an array of two dimensions, summaries of vectors, as an aggregate float8[]): the squared maximum mean discrepancy. Of '
             'arrays the unbiased estimate with a Gaussian kernel whose bandwidth is the median distance (Gretton et al. 2012), over at most max_rows vectors of each '
             'side; of summaries that of their embeddings, less what chance alone gives. Both can be a little below 0.'),
            ('hotelling_t_square', 'nx', false, 'Of vectors with up to 64 elements: Hotelling''s T-square for two samples.'),
            ('mahalanobis', 'nx', false, 'Of vectors with up to 64 elements: the distance of the means in standard deviations of the baseline, whose covariance it takes.'),
            ('covariance_difference', 'nx', false, 'Of vectors with up to 64 elements: the Frobenius norm of the difference of the covariances, elements in standard deviations of '
             'the baseline, relative to the baseline''s.'),
            ('correlation_difference', 'nx', false, 'Of vectors with up to 64 elements: the largest change of a correlation of two elements, in [0, 2].'),
            ('pca_reconstruction_error', 'nx', false, 'Of vectors with up to 64 elements: relative change, up or down, of the root mean squared error with which the principal '
             'components of the baseline (standardised, as many as explain option explained, 0.65, of its variance) reproduce the vectors.'),
            ('centroid_cosine', 'nx', false, 'Of vectors: one minus the cosine of the angle between the means, in [0, 2].'),
            ('drifted_dimensions', 'nx', false, 'Of vectors: the share of elements that drift, in [0, 1]: by the Kolmogorov-Smirnov test (of arrays; distance at least 0.1) or by '
             'Welch''s (of summaries; at least 0.2 standard deviations), p-values after Benjamini and Hochberg.'),
            ('domain_classifier_auc', 'n', false, 'Of vectors, as an array of two dimensions: area under the ROC curve with which boosted trees tell the samples apart in five-fold '
             'cross-validation; 0.5: not at all, 1: perfectly. Over at most max_rows vectors of each side.'),
            ('spread_difference', 'nx', false, 'Absolute difference of the sample standard deviations, in units of the column. NULL where a sample has a single value, or infinities.')
        ) AS m (metric_name, kinds, on_cells, meaning)
    LOOP
        FOR pair IN
            SELECT t.kind, t.type_name, t.symbol
            FROM (VALUES ('x', 'weir.summary', 'weir_score_summaries'), ('n', 'float8[]', 'weir_score_numbers'), ('t', 'text[]', 'weir_score_texts')) AS t (kind, type_name, symbol)
            WHERE pg_catalog.strpos(metric.kinds, t.kind) > 0
        LOOP
            EXECUTE pg_catalog.format('CREATE FUNCTION weir.%I(baseline %s, current %s, options jsonb DEFAULT ''{}'') RETURNS float8'
                ' LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', %L', metric.metric_name, pair.type_name, pair.type_name, pair.symbol);
            EXECUTE pg_catalog.format('COMMENT ON FUNCTION weir.%I(%s, %s, jsonb) IS %L', metric.metric_name, pair.type_name, pair.type_name, metric.meaning);
        END LOOP;
        CONTINUE WHEN pg_catalog.strpos(metric.kinds, 'x') = 0;
        made := pg_catalog.format('_%s_final', metric.metric_name);
        EXECUTE pg_catalog.format('CREATE FUNCTION weir.%I(internal) RETURNS float8'
            ' LANGUAGE c IMMUTABLE PARALLEL SAFE AS ''MODULE_PATHNAME'', ''weir_drift_final''', made);
        EXECUTE pg_catalog.format('CREATE AGGREGATE weir.%I("any", boolean) (SFUNC = weir._drift_transition, STYPE = internal, SSPACE = 32768,'
            ' COMBINEFUNC = weir._drift_combine, SERIALFUNC = weir._drift_serialize, DESERIALFUNC = weir._drift_deserialize,'
            ' FINALFUNC = weir.%I, PARALLEL = SAFE)', metric.metric_name, made);
        EXECUTE pg_catalog.format('COMMENT ON AGGREGATE weir.%I("any", boolean) IS %L', metric.metric_name,
            'Of (value, is_current): rows where is_current is false are the baseline, true the current sample, NULL neither. Both are held as '
            'summaries: exact up to their budget of different values (1536), beyond that as weir.' || metric.metric_name || ' of two summaries. ' || metric.meaning);
    END LOOP;
END $$;

CREATE FUNCTION weir.drift_metric_names(common_only boolean DEFAULT false) RETURNS text[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_metric_names';
COMMENT ON FUNCTION weir.drift_metric_names(boolean) IS
    'Names of the scores that drift() knows, in the order of its rows. common_only: those that a monitor computes when its metrics are NULL.';
CREATE FUNCTION weir.drift_metric_name(name text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_metric_name';
COMMENT ON FUNCTION weir.drift_metric_name(text) IS
    'The name under which drift() shows a score given by any of its names (ks: kolmogorov_smirnov); NULL when there is none.';

CREATE FUNCTION weir.drift_metric_limit(name text) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_metric_limit';
COMMENT ON FUNCTION weir.drift_metric_limit(text) IS
    'The largest value that a score can have, given by any of its names (1 for distances between shares, ...); NULL where there is no limit, or no '
    'such score.';

CREATE FUNCTION weir.adjust_p_values(p_values float8[], method text DEFAULT 'holm') RETURNS float8[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_adjust_p_values';
COMMENT ON FUNCTION weir.adjust_p_values(float8[], text) IS
    'p-values corrected for how many they are, in their places. method: none, bonferroni, holm, benjamini_hochberg (bh, fdr_bh) or '
    'benjamini_yekutieli (by, fdr_by); as statsmodels'' multipletests and R''s p.adjust. holm and bonferroni bound the chance of any false alarm, '
    'the other two the expected share of false ones among the alarms. NULLs stay NULL and do not count. Raises 22023 for another method or a '
    'p outside [0, 1].';

CREATE FUNCTION weir.adjusted_p_value(p_value float8, method text DEFAULT 'holm') RETURNS float8
    LANGUAGE c IMMUTABLE WINDOW PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_adjusted_p_value';
COMMENT ON FUNCTION weir.adjusted_p_value(float8, text) IS
    'Window function: p_value corrected for the p-values of its partition, as weir.adjust_p_values: adjusted_p_value(p, ''holm'') OVER (PARTITION BY '
    '...). ORDER BY and frames do not matter. NULL stays NULL. Raises 22023 for another method or a p outside [0, 1].';

CREATE FUNCTION weir.compare(baseline text, current text, columns text[] DEFAULT NULL, metrics text[] DEFAULT NULL, adjust text DEFAULT 'none',
    options jsonb DEFAULT '{}')
    RETURNS TABLE(column_name name, kind text, metric text, value float8, p_value float8, p_adjusted float8, threshold float8, n_baseline bigint,
                  n_current bigint, is_primary boolean, verdict text, status text, detail jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 200 AS 'MODULE_PATHNAME', 'weir_compare';
COMMENT ON FUNCTION weir.compare(text, text, text[], text[], text, jsonb) IS
    'Drift of every column between two tables or queries: baseline and current are the name of a table or view, or one SELECT, each read '
    'once, as the caller. Columns are matched by name; one that only one side has, or with another type there, has one row with status '
    'undefined and detail.reason. columns: those to compare (NULL: all whose type can be summarized; 42703 when neither side has one). '
    'metrics: names of scores; NULL: all that apply. adjust: how p_adjusted corrects the p-values of a metric for the number of columns (none, '
    'bonferroni, holm, benjamini_hochberg, benjamini_yekutieli); a verdict other than ok needs p_adjusted < significance. options: those of '
    'weir.drift, and kinds ({"postcode": "category", "note": "ignore"}). Other columns as in weir.drift. Columns are held as summaries: exact up '
    'to their budget of different values (1536).';

CREATE FUNCTION weir._compare_summaries(baseline text, current text, columns text[], metrics text[], adjust text, options jsonb)
    RETURNS TABLE(column_name name, kind text, metric text, value float8, p_value float8, p_adjusted float8, threshold float8, n_baseline bigint,
                  n_current bigint, is_primary boolean, verdict text, status text, detail jsonb, baseline_summary weir.summary, current_summary weir.summary)
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 200 AS 'MODULE_PATHNAME', 'weir_compare';
COMMENT ON FUNCTION weir._compare_summaries(text, text, text[], text[], text, jsonb) IS
    'weir.compare, with the two summaries that were compared in the primary row of each column. Internal.';

-- inlined: the queries in its arguments are read with the caller's search_path
CREATE FUNCTION weir.drifted_columns(baseline text, current text, columns text[] DEFAULT NULL, metrics text[] DEFAULT '{psi,mmd}',
    adjust text DEFAULT 'holm', share_threshold float8 DEFAULT 0.5, options jsonb DEFAULT '{}')
    RETURNS TABLE(n_columns bigint, n_drifted bigint, share float8, threshold float8, verdict text, drifted name[])
    LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 1
BEGIN ATOMIC
    SELECT c.n_columns, c.n_drifted, c.n_drifted::float8 / nullif(c.n_columns, 0), share_threshold,
        CASE WHEN c.n_columns > 0 THEN CASE WHEN c.n_drifted >= c.n_columns * share_threshold AND c.n_drifted > 0 THEN 'alert' ELSE 'ok' END END, c.drifted
    FROM (SELECT count(*) FILTER (WHERE s.verdict IS NOT NULL) AS n_columns, count(*) FILTER (WHERE s.verdict <> 'ok') AS n_drifted,
            array_agg(s.column_name ORDER BY s.column_name) FILTER (WHERE s.verdict <> 'ok') AS drifted
          FROM weir.compare(baseline, current, columns, metrics, adjust, options) s WHERE s.is_primary) c;
END;
COMMENT ON FUNCTION weir.drifted_columns(text, text, text[], text[], text, float8, jsonb) IS
    'How many columns drift between two tables or queries: columns with a verdict, those of them whose primary score (psi, else the first row of weir.compare) has a '
    'verdict of warning or alert, and their share; verdict: alert from share_threshold on. Arguments as in weir.compare. NULL verdict: no column '
    'could be judged.';
