-- Scores between a baseline and a current sample, of arrays and of summaries.
SET search_path = public, weir;
CREATE TABLE samples AS
SELECT i, (i * 7919 % 1000) / 10.0::float8 AS x, (i * 7919 % 1000) / 10.0 + 15 AS shifted, 'c' || i % 3 AS category, 'c' || i % 4 AS wider
FROM generate_series(1, 1000) i;
CREATE TABLE arrays AS
SELECT array_agg(x ORDER BY i) AS x, array_agg(shifted::float8 ORDER BY i) AS shifted, array_agg(category ORDER BY i) AS category, array_agg(wider ORDER BY i) AS wider,
       summarize(x) AS x_summary, summarize(shifted::float8) AS shifted_summary, summarize(category) AS category_summary, summarize(wider) AS wider_summary
FROM samples;

SELECT metric, round(value::numeric, 6) AS value, p_value < 1e-6 AS significant, round(threshold::numeric, 4) AS threshold, n_baseline, n_current, error_bound,
       is_primary, verdict, status
FROM arrays, drift(x, shifted);
SELECT metric, round(value::numeric, 6) AS value, p_value < 1e-6 AS significant, round(threshold::numeric, 4) AS threshold, n_baseline, n_current, error_bound,
       is_primary, verdict, status
FROM arrays, drift(category, wider);
-- summaries that hold every value say the same
SELECT a.metric, round(a.value::numeric, 10) = round(s.value::numeric, 10) AS same_value, (a.verdict, a.status, a.n_baseline) = (s.verdict, s.status, s.n_baseline) AS same_words
FROM arrays, drift(x, shifted) a JOIN drift(x_summary, shifted_summary) s USING (metric)
UNION ALL
SELECT a.metric, round(a.value::numeric, 10) = round(s.value::numeric, 10), (a.verdict, a.status, a.n_baseline) = (s.verdict, s.status, s.n_baseline)
FROM arrays, drift(category, wider) a JOIN drift(category_summary, wider_summary) s USING (metric);

-- each score by name
SELECT round(psi(x, shifted)::numeric, 6) AS psi, round(kolmogorov_smirnov(x, shifted)::numeric, 6) AS kolmogorov_smirnov,
       round(jensen_shannon(x, shifted)::numeric, 6) AS jensen_shannon, round(wasserstein(x, shifted)::numeric, 6) AS wasserstein,
       round(wasserstein_normalized(x, shifted)::numeric, 6) AS wasserstein_normalized, round(hellinger(x, shifted)::numeric, 6) AS hellinger,
       round(total_variation(x, shifted)::numeric, 6) AS total_variation, round(kullback_leibler(x, shifted)::numeric, 6) AS kullback_leibler
FROM arrays;
SELECT round(psi(x_summary, shifted_summary)::numeric, 6) AS psi, round(kolmogorov_smirnov(x_summary, shifted_summary)::numeric, 6) AS kolmogorov_smirnov,
       round(jensen_shannon(x_summary, shifted_summary)::numeric, 6) AS jensen_shannon, round(wasserstein(x_summary, shifted_summary)::numeric, 6) AS wasserstein,
       round(wasserstein_normalized(x_summary, shifted_summary)::numeric, 6) AS wasserstein_normalized, round(hellinger(x_summary, shifted_summary)::numeric, 6) AS hellinger,
       round(total_variation(x_summary, shifted_summary)::numeric, 6) AS total_variation, round(kullback_leibler(x_summary, shifted_summary)::numeric, 6) AS kullback_leibler,
       chi_square(x_summary, shifted_summary) AS not_for_numbers, kolmogorov_smirnov(category_summary, wider_summary) AS not_for_categories
FROM arrays;
SELECT round(psi(category, wider)::numeric, 6) AS psi, round(jensen_shannon(category, wider)::numeric, 6) AS jensen_shannon,
       round(chi_square(category, wider)::numeric, 6) AS chi_square, round(cramers_v(category, wider)::numeric, 6) AS cramers_v,
       round(hellinger(category, wider)::numeric, 6) AS hellinger, round(total_variation(category, wider)::numeric, 6) AS total_variation,
       round(kullback_leibler(category, wider)::numeric, 6) AS kullback_leibler, round(l_infinity(category, wider)::numeric, 6) AS l_infinity
FROM arrays;
SELECT round(chi_square(category_summary, wider_summary)::numeric, 6) AS chi_square, round(cramers_v(category_summary, wider_summary)::numeric, 6) AS cramers_v,
       round(l_infinity(category_summary, wider_summary)::numeric, 6) AS l_infinity
FROM arrays;

-- exact p-values, with ties
SELECT metric, round(value::numeric, 6) AS value, round(p_value::numeric, 8) AS p_value, detail ->> 'test' AS test
FROM drift('{1,2,2,3,3,3,4,5,6,7}'::float8[], '{3,4,5,6,6,7,8,8,9,10,11}'::float8[], '{ks}');

-- a constant: the same is exactly 0; one that begins to move alerts
SELECT metric, value, p_value, verdict FROM drift(array_fill(5.0::float8, '{100}'), array_fill(5.0::float8, '{50}'));
SELECT metric, round(value::numeric, 4) AS value, verdict, status, detail ->> 'reason' AS reason
FROM drift(array_fill(5.0::float8, '{100}'), (SELECT array_agg(4 + i % 7 / 10.0) FROM generate_series(1, 50) i)::float8[]);

-- missing values are a bin; NaN is missing; infinities have ranks but no distance
SELECT metric, round(value::numeric, 4) AS value, n_baseline, n_current, verdict, status
FROM drift((SELECT array_agg(CASE WHEN i % 2 = 0 THEN i END) FROM generate_series(1, 40) i)::float8[],
           (SELECT array_agg(CASE WHEN i % 4 = 0 THEN 'NaN'::float8 ELSE i END) FROM generate_series(1, 40) i)::float8[], '{psi,ks,wasserstein}');
SELECT metric, round(value::numeric, 4) AS value, status, detail ->> 'reason' AS reason
FROM drift((SELECT array_agg(i) FROM generate_series(1, 40) i)::float8[], (SELECT array_agg(i::float8) || '{Infinity}' FROM generate_series(1, 40) i)::float8[],
           '{ks,wasserstein,wasserstein_normalized}');
SELECT metric, round(value::numeric, 4) AS value, verdict, status, detail -> 'bins' -> 0 ->> 'part' AS part
FROM drift((SELECT array_agg(i) FROM generate_series(1, 40) i)::float8[], array_fill(NULL::float8, '{40}'), '{psi,ks}');

-- too few, none, NULL
SELECT metric, round(value::numeric, 4) AS value, n_baseline, n_current, verdict, status FROM drift('{1,2,3}'::float8[], '{1,2,4}'::float8[], '{psi,ks}');
SELECT metric, value, n_baseline, n_current, verdict, status, detail FROM drift('{}'::float8[], '{1,2,4}'::float8[], '{psi,ks}');
SELECT metric, value, n_baseline, n_current, verdict, status, detail FROM drift('{a}'::text[], '{}'::text[], '{psi}');
SELECT psi('{}'::float8[], '{}'::float8[]) IS NULL AS none, psi(NULL::float8[], '{1}') IS NULL AS null_in;
SELECT count(*) FROM drift(NULL::weir.summary, NULL::weir.summary);

-- detail: what moved, and names that are new or gone
SELECT jsonb_pretty(detail)
FROM drift(array_fill('b'::text, '{15}') || array_fill('a'::text, '{10}'),
           array_fill('b'::text, '{15}') || array_fill('z'::text, '{10}') || array_fill(NULL::text, '{5}'), '{l_infinity}');
SELECT bin ->> 'lower' AS lower, bin ->> 'upper' AS upper, bin ->> 'baseline' AS baseline, bin ->> 'current' AS current, round((bin ->> 'contribution')::numeric, 4) AS contribution
FROM arrays, drift(x, shifted, '{psi}') d, jsonb_array_elements(d.detail -> 'bins') bin;
-- durations and times are shown in seconds
SELECT metric, round(value::numeric, 3) AS value, round((detail ->> 'baseline_stddev')::numeric, 3) AS baseline_stddev, detail ->> 'at' AS at
FROM (SELECT summarize(make_interval(secs => x)) AS b, summarize(make_interval(secs => x + 15)) AS c FROM samples) q, drift(b, c, '{wasserstein,ks}');
SELECT metric, round(value::numeric, 3) AS value, detail ->> 'at' AS at
FROM (SELECT summarize('2026-01-01 00:00 UTC'::timestamptz + make_interval(secs => i % 10)) AS b, summarize('2026-01-01 00:01 UTC'::timestamptz + make_interval(secs => i % 10)) AS c FROM samples) q,
     drift(b, c, '{wasserstein,ks}');

-- one primary row, whatever is asked for; names and short names
SELECT metric, is_primary FROM drift('{1,2,3}'::float8[], '{1,2,4}'::float8[], '{js,ks,chi2}');
SELECT drift_metric_names(common_only => true);
SELECT drift_metric_name('ks'), drift_metric_name('psi'), drift_metric_name('nothing');

-- errors say what to do
SELECT * FROM drift('{1}'::float8[], '{1}'::float8[], '{nothing}');
SELECT * FROM drift('{1}'::float8[], '{1}'::float8[], '{NULL}');
SELECT count(*) FROM arrays, drift(x_summary, category_summary);
SELECT psi(x_summary, category_summary) FROM arrays;
DROP TABLE samples, arrays;
