-- summary --------------------------------------------------------------------------------------------------------------------------------

CREATE TYPE weir.summary;
CREATE FUNCTION weir.summary_in(cstring) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summary_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_in(cstring) IS 'Text input of weir.summary: base64 as its output gives it. Raises 22P02 for what is not base64, 22P03 for what is not a summary.';
CREATE FUNCTION weir.summary_out(weir.summary) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_summary_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_out(weir.summary) IS 'Text output of weir.summary: its stored form in base64, lossless.';
CREATE FUNCTION weir.summary_recv(internal) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summary_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_recv(internal) IS 'Binary input of weir.summary: its stored form. Raises 22P03 for what is not a summary.';
CREATE FUNCTION weir.summary_send(weir.summary) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_summary_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_send(weir.summary) IS 'Binary output of weir.summary: its stored form, lossless, the same on every machine.';
CREATE TYPE weir.summary (
    INPUT = weir.summary_in, OUTPUT = weir.summary_out, RECEIVE = weir.summary_recv, SEND = weir.summary_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE weir.summary IS 'Mergeable, retractable, canonical summary of the values of one column: counts of rows, NULLs, NaN and infinities; for numbers, durations and times exact moments and a histogram over a universal binary grid; for other types counts per category. The same rows give the same bytes, whatever their order and however they were split and merged.';

CREATE TYPE weir.quantile_state;
CREATE FUNCTION weir.quantile_state_in(cstring) RETURNS weir.quantile_state
    AS 'MODULE_PATHNAME', 'weir_quantile_state_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_state_in(cstring) IS 'Text input of weir.quantile_state: base64 as its output gives it. Raises 22P02 for what is not base64, 22P03 for what is not a state of quantile.';
CREATE FUNCTION weir.quantile_state_out(weir.quantile_state) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_quantile_state_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_state_out(weir.quantile_state) IS 'Text output of weir.quantile_state: its stored form in base64, lossless.';
CREATE FUNCTION weir.quantile_state_recv(internal) RETURNS weir.quantile_state
    AS 'MODULE_PATHNAME', 'weir_quantile_state_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_state_recv(internal) IS 'Binary input of weir.quantile_state: its stored form. Raises 22P03 for what is not a state of quantile.';
CREATE FUNCTION weir.quantile_state_send(weir.quantile_state) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_quantile_state_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile_state_send(weir.quantile_state) IS 'Binary output of weir.quantile_state: its stored form, lossless, the same on every machine.';
CREATE TYPE weir.quantile_state (
    INPUT = weir.quantile_state_in, OUTPUT = weir.quantile_state_out, RECEIVE = weir.quantile_state_recv, SEND = weir.quantile_state_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE weir.quantile_state IS 'State of the aggregate quantile(x, p): a summary and the p that were asked for.';

CREATE TYPE weir.statistics AS (
    n bigint, null_count bigint, sum float8, mean float8, stddev float8, skewness float8, kurtosis float8, min float8, max float8
);
COMMENT ON TYPE weir.statistics IS 'Result of weir.stats: count of values, count of NULLs, sum, mean, sample standard deviation (n - 1), skewness g1, excess kurtosis g2, minimum, maximum.';

-- operators

CREATE FUNCTION weir.summary_plus(a weir.summary, b weir.summary) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summary_plus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_plus(weir.summary, weir.summary) IS
    'The summary of the rows of both. NULL when one is NULL. Of different budgets the smaller wins. Raises 42804 when one summarizes numbers and the other categories, or their units differ.';

CREATE FUNCTION weir.summary_minus(a weir.summary, b weir.summary) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_summary_minus' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_minus(weir.summary, weir.summary) IS
    'The summary of the rows of a without those of b, which must be among them: exact but for the level, which stays as coarse as it was, and for minimum and maximum, which become bounds where b touched them (weir.extremes_stale). Where b is not part of a, weir.is_inexact is true afterwards. NULL when one is NULL. Raises 42804 when kinds or units differ.';

CREATE OPERATOR weir.+ (FUNCTION = weir.summary_plus, LEFTARG = weir.summary, RIGHTARG = weir.summary, COMMUTATOR = OPERATOR(weir.+));
COMMENT ON OPERATOR weir.+ (weir.summary, weir.summary) IS 'The summary of the rows of both.';
CREATE OPERATOR weir.- (FUNCTION = weir.summary_minus, LEFTARG = weir.summary, RIGHTARG = weir.summary);
COMMENT ON OPERATOR weir.- (weir.summary, weir.summary) IS 'The summary of the rows of the left without those of the right.';

CREATE FUNCTION weir.summaries_equal(a weir.summary, b weir.summary) RETURNS boolean
    AS 'MODULE_PATHNAME', 'weir_summaries_equal' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summaries_equal(weir.summary, weir.summary) IS
    'Whether both can be of the same rows: counts, moments and categories exactly, histograms at the coarser of the two levels, categories at the smaller of the two samples, minimum and maximum where neither has become a bound. Where nothing was ever taken back this is equality of the bytes. NULL when one is NULL.';

-- accessors

CREATE FUNCTION weir.stats(summary weir.summary) RETURNS weir.statistics
    AS 'MODULE_PATHNAME', 'weir_stats' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.stats(weir.summary) IS
    'Count of values (NaN and infinities included), count of NULLs; over the finite values sum, mean, sample standard deviation (n - 1), skewness g1 and excess kurtosis g2 (population, as scipy.stats.skew and kurtosis), all from exact sums; minimum and maximum (infinities count, NaN does not). Undefined ones are NULL: all of no value, the standard deviation of one value, skewness and kurtosis of a constant. Of categories only the counts. Intervals and times in seconds (since 1970-01-01 UTC).';

CREATE FUNCTION weir.quantile(summary weir.summary, p float8) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_quantile' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile(weir.summary, float8) IS
    'The smallest value whose share of the values at or below it is at least p, as percentile_disc: exactly at level 0, else within weir.error_bound(summary); between minimum and maximum, and never falling as p rises. NaN is left out. Intervals and times in seconds (since 1970-01-01 UTC). NULL without values or for NULL arguments. Raises 22003 for p outside 0 to 1, 42804 for categories.';

CREATE FUNCTION weir.quantile(summary weir.summary, p float8[]) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'weir_quantile_array' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.quantile(weir.summary, float8[]) IS
    'The quantile for each p, in the order of p; NULL for a NULL p. See weir.quantile(summary, float8).';

CREATE FUNCTION weir.value_count(summary weir.summary) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_value_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.value_count(weir.summary) IS
    'How many values there are: NULLs not, NaN and infinities included. NULL for a NULL summary.';

CREATE FUNCTION weir.null_count(summary weir.summary) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_null_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.null_count(weir.summary) IS
    'How many NULLs there are. NULL for a NULL summary.';

CREATE FUNCTION weir.null_share(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_null_share' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.null_share(weir.summary) IS
    'Share of the rows that are NULL, 0 to 1; NULL without rows.';

CREATE FUNCTION weir.value_sum(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_value_sum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.value_sum(weir.summary) IS
    'Sum of the finite values, rounded once; NULL when there are none, and for categories. Intervals and times in seconds (since 1970-01-01 UTC).';

CREATE FUNCTION weir.min_value(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_min_value' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.min_value(weir.summary) IS
    'Smallest value, infinities included, NaN not; a lower bound when weir.extremes_stale. NULL without values, and for categories. Intervals and times in seconds (since 1970-01-01 UTC).';

CREATE FUNCTION weir.max_value(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_max_value' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.max_value(weir.summary) IS
    'Largest value, infinities included, NaN not; an upper bound when weir.extremes_stale. NULL without values, and for categories. Intervals and times in seconds (since 1970-01-01 UTC).';

CREATE FUNCTION weir.mean(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.mean(weir.summary) IS
    'Mean of the finite values, rounded once from the exact sum; NULL when there are none, and for categories. Intervals and times in seconds (since 1970-01-01 UTC).';

CREATE FUNCTION weir.sample_variance(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_sample_variance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.sample_variance(weir.summary) IS
    'Sample variance (n - 1) of the finite values, rounded once from exact sums; NULL for fewer than two, and for categories. Intervals and times in square seconds.';

CREATE FUNCTION weir.sample_stddev(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_sample_stddev' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.sample_stddev(weir.summary) IS
    'Sample standard deviation (n - 1) of the finite values; NULL for fewer than two, and for categories. Intervals and times in seconds.';

CREATE FUNCTION weir.skewness(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_skewness' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.skewness(weir.summary) IS
    'Skewness g1 of the finite values (population, as scipy.stats.skew); NULL when they are all equal, and for categories.';

CREATE FUNCTION weir.kurtosis(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_kurtosis' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.kurtosis(weir.summary) IS
    'Excess kurtosis g2 of the finite values (population, as scipy.stats.kurtosis); NULL when they are all equal, and for categories.';

CREATE FUNCTION weir.distinct_count(summary weir.summary) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_distinct_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.distinct_count(weir.summary) IS
    'How many different values there are, NULL not counted. Exact while all fit the budget; beyond that an estimate: of numbers by HyperLogLog (Flajolet and others 2007, estimator of Ertl 2017), of categories from the kept ones (bottom-k sketch, Cohen and Kaplan 2007); weir.distinct_error(summary) is its standard error. After values were taken back it may be too high: weir.distinct_stale(summary). NULL for a NULL summary, and for more numbers than the budget that an early version stored.';

CREATE FUNCTION weir.distinct_error(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_distinct_error' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.distinct_error(weir.summary) IS
    'Relative standard error of weir.distinct_count(summary): 0 when that is exact, 0.0325 for numbers, one over the square root of the kept categories for categories. In 95 % of cases the count lies within twice this. NULL where the count is.';

CREATE FUNCTION weir.distinct_stale(summary weir.summary) RETURNS boolean
    AS 'MODULE_PATHNAME', 'weir_distinct_stale' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.distinct_stale(weir.summary) IS
    'Whether numbers were taken back after there were too many to count them one by one, so that weir.distinct_count may count some that are gone. NULL for a NULL summary.';

CREATE FUNCTION weir._without_nulls(summary weir.summary) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_without_nulls' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._without_nulls(weir.summary) IS 'Internal: the summary as if no NULL had been added.';
REVOKE ALL ON FUNCTION weir._without_nulls(weir.summary) FROM PUBLIC;

CREATE FUNCTION weir.error_bound(summary weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_error_bound' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.error_bound(weir.summary) IS
    'Largest difference between p and the share of values at or below quantile(summary, p), and between cdf(summary, x) and the true share: the mass of the heaviest bin; 0 at level 0. For categories the share of the rows whose category is not kept. NULL for a NULL summary.';

CREATE FUNCTION weir.kind(summary weir.summary) RETURNS text
    AS 'MODULE_PATHNAME', 'weir_kind' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.kind(weir.summary) IS
    'What is summarised: numeric or category. NULL for a NULL summary.';

CREATE FUNCTION weir.unit(summary weir.summary) RETURNS text
    AS 'MODULE_PATHNAME', 'weir_unit' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.unit(weir.summary) IS
    'The unit in which values are shown: seconds for intervals and times of day, seconds since 1970-01-01 UTC for dates and timestamps, NULL for plain numbers and categories.';

CREATE FUNCTION weir.summary_level(summary weir.summary) RETURNS int
    AS 'MODULE_PATHNAME', 'weir_summary_level' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_level(weir.summary) IS
    'Level of the histogram: bins are 2^level neighbouring doubles wide; 0 counts every value by itself. 0 for categories. NULL for a NULL summary.';

CREATE FUNCTION weir.summary_budget(summary weir.summary) RETURNS int
    AS 'MODULE_PATHNAME', 'weir_summary_budget' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.summary_budget(weir.summary) IS
    'The most bins or categories that are kept. NULL for a NULL summary.';

CREATE FUNCTION weir.is_inexact(summary weir.summary) RETURNS boolean
    AS 'MODULE_PATHNAME', 'weir_is_inexact' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.is_inexact(weir.summary) IS
    'Whether more was taken back than had been put in, so that counts were cut off at 0. NULL for a NULL summary.';

CREATE FUNCTION weir.extremes_stale(summary weir.summary) RETURNS boolean
    AS 'MODULE_PATHNAME', 'weir_extremes_stale' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.extremes_stale(weir.summary) IS
    'Whether values were taken back that may have been the minimum or maximum, so that these are bounds now. NULL for a NULL summary.';

CREATE FUNCTION weir.cdf(summary weir.summary, x float8) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_cdf' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.cdf(weir.summary, float8) IS
    'Share of the values that are at most x, 0 to 1: exactly at level 0, else within weir.error_bound(summary). NaN is left out. x in the unit of the summary (weir.unit): intervals and times in seconds (since 1970-01-01 UTC), as extract(epoch FROM x) gives them. NULL without values or for NULL arguments, and for a NaN x. Raises 42804 for categories.';

CREATE FUNCTION weir.histogram(summary weir.summary, n int) RETURNS TABLE (bucket int, lower_bound float8, upper_bound float8, count bigint, share float8)
    AS 'MODULE_PATHNAME', 'weir_histogram' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION weir.histogram(weir.summary, int) IS
    'The finite values in n buckets of equal width between minimum and maximum, 1 to 65536: bounds (the lower one belongs to the bucket, the upper one only to the last), count, share of the finite values. A bin of the summary that a bound cuts is shared out as if its values were spread evenly. One bucket when all values are equal; no rows without finite values. Intervals and times in seconds (since 1970-01-01 UTC). Raises 42804 for categories.';

CREATE FUNCTION weir.top(summary weir.summary, k int) RETURNS TABLE (value text, count bigint, share float8, count_error bigint)
    AS 'MODULE_PATHNAME', 'weir_top' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION weir.top(weir.summary, int) IS
    'The k most frequent values with their counts and shares of all values, most frequent first, equal counts in ascending order. All are known, and count_error is 0, while all categories fit the budget. Of more categories some are kept with exact counts, chosen by hash; those others that stand out are found in a sketch, with an estimate of their count and three standard errors of it in count_error, and of long ones only the beginning. Of numbers above level 0 none is known. Raises 22023 for a negative k.';

CREATE FUNCTION weir.frequency(summary weir.summary, value text, OUT count bigint, OUT low bigint, OUT high bigint, OUT share float8)
    AS 'MODULE_PATHNAME', 'weir_frequency' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.frequency(weir.summary, text) IS
    'How many of the values are this one, with bounds, and its share of all values. Exact (low = high) while all categories fit the budget and for those that are kept; of the others an unbiased estimate (count sketch, Charikar, Chen and Farach-Colton 2002) with bounds of three standard errors. Of numbers, written as shown (weir.unit), exact at level 0, NULL above. NULL for NULL arguments. Raises 22P02 for what is no number.';

CREATE FUNCTION weir.trimmed_mean(summary weir.summary, low float8 DEFAULT 0.1, high float8 DEFAULT 0.1) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_trimmed_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.trimmed_mean(weir.summary, float8, float8) IS
    'Mean without the share low of the smallest and the share high of the largest values, each cut down to whole values (as scipy.stats.trim_mean). Exact at level 0, else within weir.trimmed_mean_error(summary, low, high). Infinities have their place in the order, NaN is left out. Intervals and times in seconds (since 1970-01-01 UTC). NULL without values or for NULL arguments. Raises 22003 unless both shares are at least 0 and together below 1, 42804 for categories.';

CREATE FUNCTION weir.trimmed_mean_error(summary weir.summary, low float8 DEFAULT 0.1, high float8 DEFAULT 0.1) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_trimmed_mean_error' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.trimmed_mean_error(weir.summary, float8, float8) IS
    'How far weir.trimmed_mean can be from the true one, in its unit: 0 at level 0. Arguments and errors are the same.';
