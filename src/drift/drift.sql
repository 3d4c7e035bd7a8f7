-- drift: how far a sample of a column is from its baseline ------------------------------------------------------------------------------

CREATE FUNCTION weir.drift(baseline weir.summary, current weir.summary, metrics text[] DEFAULT NULL)
    RETURNS TABLE(metric text, value float8, p_value float8, threshold float8, n_baseline bigint, n_current bigint, error_bound float8,
                  is_primary boolean, verdict text, status text, detail jsonb)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 8 AS 'MODULE_PATHNAME', 'weir_drift_summaries';
COMMENT ON FUNCTION weir.drift(weir.summary, weir.summary, text[]) IS
    'Drift between two summaries of the same kind and unit (else 42804). One row per score that applies to the kind of the '
    'column, the primary one first: psi unless metrics leaves it out. metrics: names of drift_metric_names() or their usual '
    'short forms (ks, js, kl, ...); NULL: all; an unknown name raises 22023. n_baseline, n_current: rows behind the score, '
    'missing ones (NULL, NaN) included for scores on bins and categories, excluded for kolmogorov_smirnov and wasserstein. '
    'p_value: Kolmogorov-Smirnov for these two (exact while n_baseline * n_current <= 100000, given the ties; else '
    'asymptotic), for the others the chi-square test on the same bins. threshold: above it the verdict is alert; '
    'detail.warning_threshold: warning; both only where p_value < 0.05. error_bound: how far the score can be from that of '
    'the values themselves because summaries keep bins. status: insufficient below 10 rows on either side (value NULL where '
    'a side is empty); undefined where no value exists, with detail.reason. detail: the bins (lower, upper] or categories '
    'that contribute most, with their shares; categories that are new or vanished. A NULL argument: no rows.';

CREATE FUNCTION weir.drift(baseline float8[], current float8[], metrics text[] DEFAULT NULL)
    RETURNS TABLE(metric text, value float8, p_value float8, threshold float8, n_baseline bigint, n_current bigint, error_bound float8,
                  is_primary boolean, verdict text, status text, detail jsonb)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 8 AS 'MODULE_PATHNAME', 'weir_drift_numbers';
COMMENT ON FUNCTION weir.drift(float8[], float8[], text[]) IS
    'Drift between two samples of numbers. One row per score that applies to the kind of the column, the primary one first: '
    'psi unless metrics leaves it out. metrics: names of drift_metric_names() or their usual short forms (ks, js, kl, ...); '
    'NULL: all; an unknown name raises 22023. n_baseline, n_current: rows behind the score, missing ones (NULL, NaN) '
    'included for scores on bins and categories, excluded for kolmogorov_smirnov and wasserstein. p_value: '
    'Kolmogorov-Smirnov for these two (exact while n_baseline * n_current <= 100000, given the ties; else asymptotic), for '
    'the others the chi-square test on the same bins. threshold: above it the verdict is alert; detail.warning_threshold: '
    'warning; both only where p_value < 0.05. error_bound: how far the score can be from that of the values themselves '
    'because summaries keep bins. status: insufficient below 10 rows on either side (value NULL where a side is empty); '
    'undefined where no value exists, with detail.reason. detail: the bins (lower, upper] or categories that contribute '
    'most, with their shares; categories that are new or vanished. A NULL argument: no rows.';

CREATE FUNCTION weir.drift(baseline text[], current text[], metrics text[] DEFAULT NULL)
    RETURNS TABLE(metric text, value float8, p_value float8, threshold float8, n_baseline bigint, n_current bigint, error_bound float8,
                  is_primary boolean, verdict text, status text, detail jsonb)
    LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 8 AS 'MODULE_PATHNAME', 'weir_drift_texts';
COMMENT ON FUNCTION weir.drift(text[], text[], text[]) IS
    'Drift between two samples of categories. One row per score that applies to the kind of the column, the primary one '
    'first: psi unless metrics leaves it out. metrics: names of drift_metric_names() or their usual short forms (ks, js, '
    'kl, ...); NULL: all; an unknown name raises 22023. n_baseline, n_current: rows behind the score, missing ones (NULL, '
    'NaN) included for scores on bins and categories, excluded for kolmogorov_smirnov and wasserstein. p_value: '
    'Kolmogorov-Smirnov for these two (exact while n_baseline * n_current <= 100000, given the ties; else asymptotic), for '
    'the others the chi-square test on the same bins. threshold: above it the verdict is alert; detail.warning_threshold: '
    'warning; both only where p_value < 0.05. error_bound: how far the score can be from that of the values themselves '
    'because summaries keep bins. status: insufficient below 10 rows on either side (value NULL where a side is empty); '
    'undefined where no value exists, with detail.reason. detail: the bins (lower, upper] or categories that contribute '
    'most, with their shares; categories that are new or vanished. A NULL argument: no rows.';

CREATE FUNCTION weir.psi(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_psi_summaries';
CREATE FUNCTION weir.psi(baseline float8[], current float8[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_psi_numbers';
CREATE FUNCTION weir.psi(baseline text[], current text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_psi_texts';
COMMENT ON FUNCTION weir.psi(weir.summary, weir.summary) IS
    'Population stability index, natural logarithm, >= 0: sum of (c - b) ln(c / b) over the shares of current and baseline '
    'on bins: the deciles of the baseline, frozen, first and last open, a value that alone holds a tenth of it a bin of its '
    'own; categories as they are, rare ones together; missing values a bin. An empty bin is given the share of half a row, '
    'at least 0.0001; one empty on both sides adds 0. NULL where a side is empty.';
COMMENT ON FUNCTION weir.psi(float8[], float8[]) IS
    'Population stability index, natural logarithm, >= 0: sum of (c - b) ln(c / b) over the shares of current and baseline '
    'on bins: the deciles of the baseline, frozen, first and last open, a value that alone holds a tenth of it a bin of its '
    'own; categories as they are, rare ones together; missing values a bin. An empty bin is given the share of half a row, '
    'at least 0.0001; one empty on both sides adds 0. NULL where a side is empty.';
COMMENT ON FUNCTION weir.psi(text[], text[]) IS
    'Population stability index, natural logarithm, >= 0: sum of (c - b) ln(c / b) over the shares of current and baseline '
    'on bins: the deciles of the baseline, frozen, first and last open, a value that alone holds a tenth of it a bin of its '
    'own; categories as they are, rare ones together; missing values a bin. An empty bin is given the share of half a row, '
    'at least 0.0001; one empty on both sides adds 0. NULL where a side is empty.';

CREATE FUNCTION weir.kolmogorov_smirnov(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_kolmogorov_smirnov_summaries';
CREATE FUNCTION weir.kolmogorov_smirnov(baseline float8[], current float8[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_kolmogorov_smirnov_numbers';
COMMENT ON FUNCTION weir.kolmogorov_smirnov(weir.summary, weir.summary) IS
    'Two-sample Kolmogorov-Smirnov statistic in [0, 1]: the largest distance between the distribution functions; infinities '
    'count, NULL and NaN do not. NULL where a side is empty.';
COMMENT ON FUNCTION weir.kolmogorov_smirnov(float8[], float8[]) IS
    'Two-sample Kolmogorov-Smirnov statistic in [0, 1]: the largest distance between the distribution functions; infinities '
    'count, NULL and NaN do not. NULL where a side is empty.';

CREATE FUNCTION weir.jensen_shannon(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_jensen_shannon_summaries';
CREATE FUNCTION weir.jensen_shannon(baseline float8[], current float8[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_jensen_shannon_numbers';
CREATE FUNCTION weir.jensen_shannon(baseline text[], current text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_jensen_shannon_texts';
COMMENT ON FUNCTION weir.jensen_shannon(weir.summary, weir.summary) IS
    'Jensen-Shannon distance in [0, 1]: the square root of the divergence to base 2, on bins: the deciles of the baseline, '
    'frozen, first and last open, a value that alone holds a tenth of it a bin of its own; categories as they are, rare '
    'ones together; missing values a bin. NULL where a side is empty.';
COMMENT ON FUNCTION weir.jensen_shannon(float8[], float8[]) IS
    'Jensen-Shannon distance in [0, 1]: the square root of the divergence to base 2, on bins: the deciles of the baseline, '
    'frozen, first and last open, a value that alone holds a tenth of it a bin of its own; categories as they are, rare '
    'ones together; missing values a bin. NULL where a side is empty.';
COMMENT ON FUNCTION weir.jensen_shannon(text[], text[]) IS
    'Jensen-Shannon distance in [0, 1]: the square root of the divergence to base 2, on bins: the deciles of the baseline, '
    'frozen, first and last open, a value that alone holds a tenth of it a bin of its own; categories as they are, rare '
    'ones together; missing values a bin. NULL where a side is empty.';

CREATE FUNCTION weir.wasserstein(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_wasserstein_summaries';
CREATE FUNCTION weir.wasserstein(baseline float8[], current float8[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_wasserstein_numbers';
COMMENT ON FUNCTION weir.wasserstein(weir.summary, weir.summary) IS
    'Wasserstein-1 (earth mover''s) distance in units of the column (durations and times in seconds): the area between the '
    'distribution functions. NULL where a sample holds infinities; NULL and NaN do not count. NULL where a side is empty.';
COMMENT ON FUNCTION weir.wasserstein(float8[], float8[]) IS
    'Wasserstein-1 (earth mover''s) distance in units of the column (durations and times in seconds): the area between the '
    'distribution functions. NULL where a sample holds infinities; NULL and NaN do not count. NULL where a side is empty.';

CREATE FUNCTION weir.wasserstein_normalized(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_wasserstein_normalized_summaries';
CREATE FUNCTION weir.wasserstein_normalized(baseline float8[], current float8[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_wasserstein_normalized_numbers';
COMMENT ON FUNCTION weir.wasserstein_normalized(weir.summary, weir.summary) IS
    'Wasserstein-1 distance divided by the sample standard deviation of the baseline; NULL where the baseline does not vary '
    'and current differs. NULL where a side is empty.';
COMMENT ON FUNCTION weir.wasserstein_normalized(float8[], float8[]) IS
    'Wasserstein-1 distance divided by the sample standard deviation of the baseline; NULL where the baseline does not vary '
    'and current differs. NULL where a side is empty.';

CREATE FUNCTION weir.chi_square(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_chi_square_summaries';
CREATE FUNCTION weir.chi_square(baseline text[], current text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_chi_square_texts';
COMMENT ON FUNCTION weir.chi_square(weir.summary, weir.summary) IS
    'Pearson''s chi-square statistic that both samples have the same distribution of categories (rare ones together, '
    'missing a category). NULL for numbers. NULL where a side is empty.';
COMMENT ON FUNCTION weir.chi_square(text[], text[]) IS
    'Pearson''s chi-square statistic that both samples have the same distribution of categories (rare ones together, '
    'missing a category). NULL for numbers. NULL where a side is empty.';

CREATE FUNCTION weir.cramers_v(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_cramers_v_summaries';
CREATE FUNCTION weir.cramers_v(baseline text[], current text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_cramers_v_texts';
COMMENT ON FUNCTION weir.cramers_v(weir.summary, weir.summary) IS
    'Cramer''s V in [0, 1]: the square root of chi_square / (n_baseline + n_current). NULL for numbers. NULL where a side '
    'is empty.';
COMMENT ON FUNCTION weir.cramers_v(text[], text[]) IS
    'Cramer''s V in [0, 1]: the square root of chi_square / (n_baseline + n_current). NULL for numbers. NULL where a side '
    'is empty.';

CREATE FUNCTION weir.hellinger(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_hellinger_summaries';
CREATE FUNCTION weir.hellinger(baseline float8[], current float8[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_hellinger_numbers';
CREATE FUNCTION weir.hellinger(baseline text[], current text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_hellinger_texts';
COMMENT ON FUNCTION weir.hellinger(weir.summary, weir.summary) IS
    'Hellinger distance in [0, 1], on bins: the deciles of the baseline, frozen, first and last open, a value that alone '
    'holds a tenth of it a bin of its own; categories as they are, rare ones together; missing values a bin. NULL where a '
    'side is empty.';
COMMENT ON FUNCTION weir.hellinger(float8[], float8[]) IS
    'Hellinger distance in [0, 1], on bins: the deciles of the baseline, frozen, first and last open, a value that alone '
    'holds a tenth of it a bin of its own; categories as they are, rare ones together; missing values a bin. NULL where a '
    'side is empty.';
COMMENT ON FUNCTION weir.hellinger(text[], text[]) IS
    'Hellinger distance in [0, 1], on bins: the deciles of the baseline, frozen, first and last open, a value that alone '
    'holds a tenth of it a bin of its own; categories as they are, rare ones together; missing values a bin. NULL where a '
    'side is empty.';

CREATE FUNCTION weir.total_variation(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_total_variation_summaries';
CREATE FUNCTION weir.total_variation(baseline float8[], current float8[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_total_variation_numbers';
CREATE FUNCTION weir.total_variation(baseline text[], current text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_total_variation_texts';
COMMENT ON FUNCTION weir.total_variation(weir.summary, weir.summary) IS
    'Total variation distance in [0, 1]: half the sum of the absolute differences of the shares, on bins: the deciles of '
    'the baseline, frozen, first and last open, a value that alone holds a tenth of it a bin of its own; categories as they '
    'are, rare ones together; missing values a bin. NULL where a side is empty.';
COMMENT ON FUNCTION weir.total_variation(float8[], float8[]) IS
    'Total variation distance in [0, 1]: half the sum of the absolute differences of the shares, on bins: the deciles of '
    'the baseline, frozen, first and last open, a value that alone holds a tenth of it a bin of its own; categories as they '
    'are, rare ones together; missing values a bin. NULL where a side is empty.';
COMMENT ON FUNCTION weir.total_variation(text[], text[]) IS
    'Total variation distance in [0, 1]: half the sum of the absolute differences of the shares, on bins: the deciles of '
    'the baseline, frozen, first and last open, a value that alone holds a tenth of it a bin of its own; categories as they '
    'are, rare ones together; missing values a bin. NULL where a side is empty.';

CREATE FUNCTION weir.kullback_leibler(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_kullback_leibler_summaries';
CREATE FUNCTION weir.kullback_leibler(baseline float8[], current float8[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_kullback_leibler_numbers';
CREATE FUNCTION weir.kullback_leibler(baseline text[], current text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_kullback_leibler_texts';
COMMENT ON FUNCTION weir.kullback_leibler(weir.summary, weir.summary) IS
    'Kullback-Leibler divergence of current from baseline in nats, on bins: the deciles of the baseline, frozen, first and '
    'last open, a value that alone holds a tenth of it a bin of its own; categories as they are, rare ones together; '
    'missing values a bin. An empty bin of the baseline is given the share of half a row, at least 0.0001. NULL where a '
    'side is empty.';
COMMENT ON FUNCTION weir.kullback_leibler(float8[], float8[]) IS
    'Kullback-Leibler divergence of current from baseline in nats, on bins: the deciles of the baseline, frozen, first and '
    'last open, a value that alone holds a tenth of it a bin of its own; categories as they are, rare ones together; '
    'missing values a bin. An empty bin of the baseline is given the share of half a row, at least 0.0001. NULL where a '
    'side is empty.';
COMMENT ON FUNCTION weir.kullback_leibler(text[], text[]) IS
    'Kullback-Leibler divergence of current from baseline in nats, on bins: the deciles of the baseline, frozen, first and '
    'last open, a value that alone holds a tenth of it a bin of its own; categories as they are, rare ones together; '
    'missing values a bin. An empty bin of the baseline is given the share of half a row, at least 0.0001. NULL where a '
    'side is empty.';

CREATE FUNCTION weir.l_infinity(baseline weir.summary, current weir.summary) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_l_infinity_summaries';
CREATE FUNCTION weir.l_infinity(baseline text[], current text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_l_infinity_texts';
COMMENT ON FUNCTION weir.l_infinity(weir.summary, weir.summary) IS
    'The largest difference of a category''s share, in [0, 1] (rare categories together, missing a category). NULL for '
    'numbers. NULL where a side is empty.';
COMMENT ON FUNCTION weir.l_infinity(text[], text[]) IS
    'The largest difference of a category''s share, in [0, 1] (rare categories together, missing a category). NULL for '
    'numbers. NULL where a side is empty.';

CREATE FUNCTION weir.drift_metric_names() RETURNS text[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_metric_names';
COMMENT ON FUNCTION weir.drift_metric_names() IS
    'Names of the scores that drift() knows, in the order of its rows.';
CREATE FUNCTION weir.drift_metric_name(name text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_drift_metric_name';
COMMENT ON FUNCTION weir.drift_metric_name(text) IS
    'The name under which drift() shows a score given by any of its names (ks: kolmogorov_smirnov); NULL when there is none.';
