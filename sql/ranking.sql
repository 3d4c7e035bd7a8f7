-- Rankings of items by query; models against what repeats the last label.
SET search_path = public, weir;
CREATE TABLE results (query int, item int, relevance float8, score float8);
INSERT INTO results VALUES (1, 1, 3, 0.9), (1, 2, 0, 0.8), (1, 3, 2, 0.7), (1, 4, 0, 0.6), (1, 5, 1, 0.5),
  (2, 1, 0, 0.9), (2, 2, 0, 0.8), (2, 3, 1, 0.7), (3, 1, 0, 0.5), (3, 2, 1, 0.5), (3, 3, 0, 0.5), (3, 4, 1, 0.1), (4, 1, 0, 1), (4, 2, 0, 0.5), (5, 1, NULL, 1);
SELECT query, round(ndcg(relevance, score)::numeric, 6) AS ndcg, round(ndcg(relevance, score, 2)::numeric, 6) AS ndcg_2, round(ranking_average_precision(relevance, score)::numeric, 6) AS ap,
       round(ranking_average_precision(relevance, score, 2)::numeric, 6) AS ap_2, round(reciprocal_rank(relevance, score)::numeric, 6) AS rr,
       round(reciprocal_rank(relevance, score, 2)::numeric, 6) AS rr_2,
       round(precision_at(relevance, score, 2)::numeric, 6) AS precision_2, round(recall_at(relevance, score, 2)::numeric, 6) AS recall_2, round(hit_rate_at(relevance, score, 2)::numeric, 6) AS hit_2
FROM results GROUP BY query ORDER BY query;
-- over queries: MAP, MRR, with their deviation
SELECT n, round(mean::numeric, 6) AS map, round(stddev::numeric, 6) AS stddev
FROM (SELECT (stats(ap)).* FROM (SELECT ranking_average_precision(relevance, score) AS ap FROM results GROUP BY query) q) s;
-- the order of rows does not matter
SELECT bool_and(a = b) FROM (SELECT ndcg(relevance, score, 3 ORDER BY item) AS a, ndcg(relevance, score, 3 ORDER BY item DESC) AS b FROM results GROUP BY query) q;
SELECT ndcg(relevance, score) IS NULL AS none FROM results WHERE false;

CREATE TABLE series AS SELECT i, (ARRAY['up', 'down'])[1 + i / 5 % 2] AS label, (ARRAY['up', 'down'])[1 + (i + (i % 7 = 0)::int) / 5 % 2] AS prediction, i + i % 3 AS y, i + 1 AS p
FROM generate_series(1, 100) i;
SELECT n, round(accuracy::numeric, 4) AS accuracy, round(last_label_accuracy::numeric, 4) AS last_label, round(majority_accuracy::numeric, 4) AS majority,
       round(kappa_temporal::numeric, 4) AS kappa_temporal,
       round(kappa_majority::numeric, 4) AS kappa_majority, round(cohen_kappa::numeric, 4) AS cohen_kappa, status
FROM (SELECT (temporal_performance(label, prediction ORDER BY i)).* FROM series) q;
WITH r AS (SELECT *, lag(label) OVER (ORDER BY i) AS last, lag(y) OVER (ORDER BY i) AS last_y FROM series)
SELECT abs(t.accuracy - avg((label = prediction)::int)) < 1e-12 AS accuracy, abs(t.last_label_accuracy - avg((label = last)::int)) < 1e-12 AS last_label,
       abs(u.mean_absolute_scaled_error - avg(abs(y - p)) / avg(abs(y - last_y))) < 1e-12 AS scaled
FROM r, (SELECT (temporal_performance(label, prediction ORDER BY i)).* FROM series) t, (SELECT (temporal_regression(y, p ORDER BY i)).* FROM series) u
WHERE last IS NOT NULL GROUP BY t.accuracy, t.last_label_accuracy, u.mean_absolute_scaled_error;
SELECT (temporal_performance(label, prediction)).* FROM series WHERE i = 1;
SELECT (temporal_regression(5, p ORDER BY i)).* FROM series WHERE i < 4;
SELECT temporal_performance(label, prediction) IS NULL AS none FROM series WHERE false;
SELECT (temporal_performance(CASE WHEN i % 2 = 0 THEN label END, prediction ORDER BY i)).n AS labelled FROM series;

\set VERBOSITY default
SELECT precision_at(relevance, score, 0) FROM results;
SELECT ndcg(-1, score) FROM results;
SELECT temporal_performance(to_json(1), 1);
DROP TABLE results, series;
