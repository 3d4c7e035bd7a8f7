-- Learners: trained in order, asked, explained, stored and gone on with; kinds of features; errors.
SET search_path = public, weir;
CREATE TABLE loans AS
SELECT i AS id, (i * 7919 % 1000) / 10.0 AS income, (i * 104729 % 100) / 100.0::float8 AS debt, (ARRAY['car', 'house', 'trip'])[1 + i * 31 % 3] AS purpose,
       i * 13 % 7 = 0 AS member, (i * 7919 % 1000) / 1000.0 - (i * 104729 % 100) / 200.0 + (i * 31 % 3 = 1)::int * 0.3 > 0.25 AS repaid
FROM generate_series(1, 2000) i;
CREATE TYPE features AS (income numeric, debt float8, purpose text, member boolean);
CREATE VIEW rows AS SELECT id, repaid, income, purpose, ROW(income, debt, purpose, member)::features AS f, ARRAY[income, debt] AS a FROM loans;

SELECT learner, task, reference IS NOT NULL AS has_reference FROM learners ORDER BY learner;

-- every learner of classes beats the majority when it is asked before it learns
SELECT l.learner, avg((said = repaid::text)::int) > (SELECT greatest(avg(repaid::int), 1 - avg(repaid::int)) FROM loans) AS better
FROM learners l, LATERAL (SELECT repaid, test_then_train(l.learner, f, repaid) OVER (ORDER BY id) AS said FROM rows) s
WHERE task IN ('classes', 'two classes') AND learner NOT IN ('bernoulli_naive_bayes', 'multinomial_naive_bayes') GROUP BY 1 ORDER BY 1;
-- and every one of numbers the mean
SELECT l.learner, sum((predict_number(model, f) - debt) ^ 2) < 0.2 * (SELECT var_pop(debt) * count(*) FROM loans) AS better
FROM (SELECT learner, (SELECT train(learner, (SELECT r FROM (SELECT debt * 3 AS z, purpose) r), debt ORDER BY id) FROM loans) AS model
      FROM learners WHERE task = 'regression' AND learner <> 'holt_winters' OFFSET 0) l,
     LATERAL (SELECT debt, (SELECT r FROM (SELECT debt * 3 AS z, purpose) r) AS f FROM loans) s GROUP BY 1 ORDER BY 1;

-- what a model is
CREATE TABLE models AS SELECT learner, (SELECT train(learner, f, repaid ORDER BY id) FROM rows) AS model
FROM unnest(ARRAY['logistic_regression', 'gaussian_naive_bayes', 'hoeffding_tree', 'adaptive_random_forest']) AS learner;
SELECT m.learner, s.task, n, n_features, n_classes, memory_bytes > 0 AS has_memory, model_memory(model) = memory_bytes AS same FROM models m, learner_stats(model) s ORDER BY 1;
SELECT feature, kind, n_categories FROM models, learner_features(model) WHERE learner = 'hoeffding_tree';
SELECT learner_classes(model) FROM models WHERE learner = 'hoeffding_tree';
-- its trees: every node but the root has a condition, siblings share the rows of their parent, leaves the rows of all
SELECT learner, count(DISTINCT tree) AS trees, bool_and((parent IS NULL) = (feature IS NULL) AND coalesce(relation IN ('=', '<>'), false) = (category IS NOT NULL)
       AND (parent IS NULL OR parent < node)) AS conditions, bool_and((SELECT sum(v::float8) FROM jsonb_each_text(class_shares) AS e (k, v)) BETWEEN 0.999 AND 1.001) AS shares,
       count(*) FILTER (WHERE NOT is_leaf) > 0 AS has_splits, count(*) FILTER (WHERE takes_missing) = count(*) FILTER (WHERE NOT is_leaf) AS one_takes_missing
FROM models, learner_trees(model) WHERE learner IN ('hoeffding_tree', 'adaptive_random_forest') GROUP BY 1 ORDER BY 1;
SELECT tree, node, parent, depth, feature, relation, round(threshold::numeric, 1) AS threshold, category, takes_missing, is_leaf, round(weight::numeric) AS weight,
       round(mean::numeric, 1) AS mean, vote
FROM (SELECT train('hoeffding_tree_regression', (SELECT f FROM (SELECT income, purpose) f), CASE WHEN purpose = 'car' THEN 10 WHEN income > 50 THEN 3 ELSE 0 END,
                   '{"grace_period": 500}' ORDER BY id) AS m FROM loans) s, learner_trees(m) ORDER BY 1, 2;
SELECT count(*) FROM learner_trees(untrained_learner('hoeffding_tree'));
SELECT * FROM models, learner_trees(model) WHERE learner = 'logistic_regression';

-- asking: by name, whatever else the row has and in whatever order; by place without names
SELECT learner, count(*) FILTER (WHERE predict(model, f) = predict(model, g)) AS same, count(*) FILTER (WHERE predict(model, f) = predict(model, r)) AS by_place,
       avg((predict(model, f) = repaid::text)::int) > 0.8 AS good
FROM models, (SELECT repaid, f, (SELECT g FROM (SELECT member, purpose, 'x'::text AS other, '{}'::jsonb AS document, debt, income) g) AS g, ROW(income, debt, purpose, member) AS r
              FROM loans JOIN rows USING (id, repaid, income, purpose)) s GROUP BY 1 ORDER BY 1;
SELECT learner, abs((predict_proba(model, f) ->> 'true')::float8 - predict_proba(model, f, 'true')) < 1e-15 AS same, predict_proba(model, f, 'maybe') AS unknown,
       abs(predict_proba(model, f, 'true') + predict_proba(model, f, 'false') - 1) < 1e-12 AS sums FROM models, rows WHERE id = 7 ORDER BY 1;
-- missing values, categories that were not learned, NULL
SELECT learner, predict(model, ROW(NULL, NULL, NULL, NULL)) IS NOT NULL AS nothing_known, predict(model, ROW('NaN'::float8, 1e300, 'boat', NULL)) IS NOT NULL AS nothing_usable,
       predict(model, NULL::record) AS no_row FROM models ORDER BY 1;
SELECT predict(NULL::learner, ROW(1)) AS no_model, predict_proba(untrained_learner('hoeffding_tree'), ROW(1)) AS no_rows,
       train('alma', f, repaid) IS NULL AS over_no_rows FROM rows WHERE false;
SELECT predict(untrained_learner('hoeffding_tree'), ROW(1)) AS no_rows;

-- contributions sum to what is said
SELECT learner, (SELECT array_agg(feature) FROM explain(model, f)) AS features,
       abs((SELECT sum(contribution) FROM explain(model, f, 'true')) - CASE learner WHEN 'logistic_regression' THEN ln(predict_proba(model, f, 'true') / predict_proba(model, f, 'false'))
           ELSE predict_proba(model, f, 'true') END) < 1e-9 AS sums
FROM models, rows WHERE id = 11 AND learner <> 'gaussian_naive_bayes' ORDER BY 1;
SELECT abs(exp((SELECT sum(contribution) FROM explain(model, f, 'true')) - (SELECT sum(contribution) FROM explain(model, f, 'false')))
       - predict_proba(model, f, 'true') / predict_proba(model, f, 'false')) < 1e-6
FROM models, rows WHERE id = 11 AND learner = 'gaussian_naive_bayes';

-- in one run, in two, row by row, and through text: the same bytes
SELECT learner, (SELECT train((SELECT train(learner, f, repaid ORDER BY id) FROM rows WHERE id <= 1234), f, repaid ORDER BY id) FROM rows WHERE id > 1234)::text = model::text AS same,
       model::text::weir.learner::text = model::text AS through_text FROM models ORDER BY 1;
WITH RECURSIVE steps(id, model) AS (
    SELECT 0, untrained_learner('hoeffding_tree') UNION ALL SELECT rows.id, learn(model, f, repaid) FROM steps JOIN rows ON rows.id = steps.id + 1 WHERE rows.id <= 300)
SELECT (SELECT model::text FROM steps WHERE id = 300) = (SELECT train('hoeffding_tree', f, repaid ORDER BY id)::text FROM rows WHERE id <= 300) AS same;
SELECT learn(model, NULL::record, true)::text = model::text AS no_features, learn(model, f, NULL::boolean)::text = model::text AS no_label
FROM models, rows WHERE id = 1 AND learner = 'hoeffding_tree';

-- arrays, types of labels, options
SELECT predict(train('logistic_regression', a, repaid ORDER BY id), ARRAY[90, 0.1]) AS boolean, predict(train('logistic_regression', a, repaid::int ORDER BY id), '{90,0.1}'::real[]) AS int,
       predict(train('softmax_regression', a, purpose, '{"optimizer": "adam", "learning_rate": 0.01}' ORDER BY id), '{90,0.1}'::numeric[]) IS NOT NULL AS text,
       round(predict_number(train('recursive_least_squares', a, income * 2 + 1 ORDER BY id), '{10,0}'::int[])::numeric, 3) AS number FROM rows;
SELECT round(predict(train('recursive_least_squares', ROW(x, member), y ORDER BY x), ROW(2, true))::numeric, 1) AS as_text
FROM (SELECT x, x % 3 = 0 AS member, 3 * x + 5 * (x % 3 = 0)::int AS y FROM generate_series(1, 90) x) s;

-- without labels, of one series, and intervals
SELECT predict(m, ROW(1)) AS low, predict(m, ROW(99)) AS high, predict_number(m, ROW(99)) AS number, (learner_stats(m)).n, (learner_stats(m)).task
FROM (SELECT train('k_means', (SELECT f FROM (SELECT CASE WHEN id % 2 = 0 THEN id % 7 ELSE 90 + id % 7 END AS x) f), NULL, '{"clusters": 2}' ORDER BY id) AS m FROM loans) s;
SELECT predict_number(m, ROW(500, 500)) > predict_number(m, ROW(50, 0.5)) + 0.02 AS more_anomalous FROM (SELECT train('half_space_trees', ROW(income, debt), NULL ORDER BY id) AS m FROM loans) s;
SELECT said FROM (SELECT id, test_then_train('k_means', a, NULL, '{"clusters": 2}') OVER (ORDER BY id) AS said FROM rows WHERE id < 4) s ORDER BY id;
SELECT round(predict_number(train('holt_winters', ROW(1), 5 + 2 * t + (ARRAY[10, -10, 0])[1 + t % 3], '{"beta": 0.1, "gamma": 0.1, "seasonality": 3}' ORDER BY t), ROW(h))::numeric) AS said,
       5 + 2 * (300 + h) + (ARRAY[10, -10, 0])[1 + (300 + h) % 3] AS is
FROM generate_series(1, 300) t, (VALUES (1), (2), (5)) v (h) GROUP BY h ORDER BY h;
SELECT low < 50 AND high > 50 AS about_the_middle, round((high - low)::numeric / 98, 1) AS width, (wide).high > high AS wider
FROM (SELECT train('linear_regression', ROW(debt * 0), income, '{"intervals": 500}' ORDER BY id) AS m FROM loans) s, predict_interval(m, ROW(0), 0.9),
     LATERAL (SELECT predict_interval(m, ROW(0), 0.99) AS wide) w;
SELECT low IS NULL AS too_few FROM (SELECT train('linear_regression', ROW(debt), income, '{"intervals": 500}' ORDER BY id) AS m FROM loans WHERE id < 5) s, predict_interval(m, ROW(0)) LIMIT 1;

-- pipelines: kept with the model, by name; steps add features, and change them
CREATE TABLE piped AS SELECT train('linear_regression', (SELECT f FROM (SELECT CASE WHEN id % 10 > 0 THEN income END AS income, purpose, id AS at, 7 AS same) f), debt, '{"pipeline": [
    {"step": "impute", "feature": "income"}, {"step": "window", "feature": "income", "by": "purpose", "rows": 3, "as": "mean_income"},
    {"step": "window", "by": "purpose", "time": "at", "statistic": "gap", "as": "gap"}, {"step": "target_encode", "feature": "purpose"}, {"step": "scale", "feature": "at", "with": "min_max"}]}'
    ORDER BY id) AS model FROM loans;
SELECT feature, kind, n_categories, is_added, contribution IS NOT NULL AS has_contribution, is_nil FROM piped, learner_features(model);
SELECT (learner_stats(model)).n_features, jsonb_array_length((learner_stats(model)).options -> 'pipeline') AS steps, (learner_stats(model)).options #> '{pipeline,3}' AS fourth FROM piped;
SELECT model::text::weir.learner::text = model::text AS same, predict_number(model, ROW(NULL, 'car', 2001, 7)) IS NOT NULL AS predicts,
       (SELECT count(*) FROM explain(model, ROW(NULL, 'boat', 2001, 7))) AS contributions FROM piped;
SELECT (train('hoeffding_tree', ROW(debt), repaid, '{"pipeline": [{"step": "impute", "feature": "f1"}, {"step": "scale", "feature": "f2"}]}')) FROM loans;
SELECT (train('hoeffding_tree', ROW(purpose), repaid, '{"pipeline": [{"step": "scale", "feature": "f1"}]}')) FROM loans;
SELECT (train('hoeffding_tree', ROW(debt), repaid, '{"pipeline": [{"step": "fill", "feature": "f1"}]}')) FROM loans;
SELECT (train('hoeffding_tree', ROW(debt), repaid, '{"pipeline": [{"step": "window", "feature": "f1", "rows": 1, "as": "w"}]}')) FROM loans;
SELECT (train('hoeffding_tree', ROW(debt), repaid, '{"pipeline": [{"step": "window", "feature": "f1"}]}')) FROM loans;
SELECT (train('hoeffding_tree', ROW(debt), repaid, '{"pipeline": {"step": "window"}}')) FROM loans;
SELECT train('hoeffding_tree', ROW(debt), 'yes') FROM loans;
DROP TABLE piped;
-- features that say nothing are told, once enough rows have been learned
SELECT learner, feature, is_nil FROM (SELECT learner, train(learner, (SELECT f FROM (SELECT i * 7919 % 1000 AS x, 7 AS same, 'a'::text AS one_kind) f), i * 7919 % 1000 > 500 ORDER BY i) AS m
  FROM unnest('{logistic_regression,hoeffding_tree}'::text[]) learner, generate_series(1, 6000) i GROUP BY 1 OFFSET 0) s, learner_features(m) ORDER BY 1, 2;
SELECT feature, is_nil FROM (SELECT train('logistic_regression', ROW(i % 10, 7), i % 10 > 5 ORDER BY i) AS m FROM generate_series(1, 4000) i) s, learner_features(m);
-- one_hot: a feature of 0 and 1 per value, of values that are given or come first; the others together stand under the category's own name
CREATE TABLE piped AS SELECT learner, (SELECT train(learner, (SELECT f FROM (SELECT income, purpose, CASE WHEN id % 5 > 0 THEN id % 3 = 0 END::text AS twin) f), repaid, '{"pipeline": [
    {"step": "one_hot", "feature": "purpose", "max_values": 2}, {"step": "one_hot", "feature": "twin", "values": ["true", "maybe"], "missing": "feature"},
    {"step": "window", "feature": "twin=true", "rows": 10, "as": "twins"}]}' ORDER BY id) FROM loans) AS model
FROM unnest('{logistic_regression,adaptive_random_forest,half_space_trees}'::text[]) learner;
SELECT feature, kind, n_categories, is_added, source FROM piped, learner_features(model) WHERE learner = 'logistic_regression';
SELECT (learner_stats(model)).options -> 'pipeline' AS pipeline FROM piped WHERE learner = 'logistic_regression';
SELECT learner, model::text::weir.learner::text = model::text AS same FROM piped ORDER BY 1;
SELECT learner, purpose, twin, x.features, abs(x.sum - y.sum) < 1e-12 AS sums, y.features AS summed
FROM piped, (VALUES (1, 'car', 'true'), (2, 'trip', 'false'), (3, 'boat', NULL)) v (n, purpose, twin), LATERAL (SELECT f FROM (SELECT 5.0 AS income, purpose, twin) f) r,
    LATERAL (SELECT string_agg(e.feature, ' ' ORDER BY n) AS features, sum(contribution) AS sum FROM explain(model, f, 'true', by_value => true) WITH ORDINALITY e (feature, contribution, n)) x,
    LATERAL (SELECT string_agg(e.feature, ' ' ORDER BY n) AS features, sum(contribution) AS sum FROM explain(model, f, 'true') WITH ORDINALITY e (feature, contribution, n)) y
WHERE learner <> 'half_space_trees' ORDER BY learner, v.n;
SELECT max(abs(s.contribution - p.sum)) < 1e-12 AS is_sum_of_parts FROM piped, LATERAL (SELECT f FROM (SELECT 5.0 AS income, 'trip' AS purpose, 'true' AS twin) f) r, explain(model, f, 'true') s,
    LATERAL (SELECT sum(e.contribution) AS sum FROM explain(model, f, 'true', true) e LEFT JOIN learner_features(model) l USING (feature) WHERE coalesce(l.source, e.feature) = s.feature) p
WHERE learner <> 'half_space_trees';
SELECT p.value, p.prediction BETWEEN 0 AND 1 AS is_share FROM piped,
    unnest((SELECT partial_dependence(model, (SELECT f FROM (SELECT income, purpose, 'true'::text AS twin) f), 'purpose') FROM loans WHERE id < 50)) p
WHERE learner = 'logistic_regression' ORDER BY 1;
SELECT i.feature FROM piped, unnest((SELECT permutation_importance(model, (SELECT f FROM (SELECT income, purpose, 'true'::text AS twin) f), repaid) FROM loans WHERE id < 50)) i
WHERE learner = 'logistic_regression';
SELECT round(sum(a.share)::numeric, 9) AS shares, array_agg(a.feature ORDER BY a.feature) AS features FROM piped,
    unnest((SELECT feature_attributions(model, (SELECT f FROM (SELECT income, purpose, 'true'::text AS twin) f)) FROM loans WHERE id < 50)) a WHERE learner = 'logistic_regression';
SELECT partial_dependence(model, (SELECT f FROM (SELECT income, purpose, 'true'::text AS twin) f), 'twins') FROM piped, loans WHERE learner = 'logistic_regression';
-- of a linear model categories are so already: the same model
SELECT max(abs(predict_proba(native, f, 'true') - predict_proba(piped, f, 'true'))) < 1e-12 AS same
FROM (SELECT train('logistic_regression', f, repaid ORDER BY id) AS native, train('logistic_regression', f, repaid, '{"pipeline": [{"step": "one_hot", "feature": "purpose"}]}' ORDER BY id) AS piped
      FROM rows) m, rows;
SELECT train('k_means', ROW(debt), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1"}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot"}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1"}, {"step": "target_encode", "feature": "f1"}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "target_encode", "feature": "f1"}, {"step": "one_hot", "feature": "f1"}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1", "values": []}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1", "values": ["car", 1]}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1", "values": ["car", "car"]}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1", "values": ["car"], "max_values": 2}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1", "max_values": 0}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1", "missing": "other"}]}') FROM loans;
SELECT train('k_means', (SELECT f FROM (SELECT purpose, 1 AS "purpose#2") f), NULL, '{"pipeline": [{"step": "one_hot", "feature": "purpose"}]}') FROM loans;
SELECT train('k_means', ROW(purpose, purpose), NULL, '{"pipeline": [{"step": "one_hot", "features": ["f1", "f2"], "max_values": 600}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "feature": "f1", "features": ["f1"]}]}') FROM loans;
SELECT train('k_means', ROW(purpose), NULL, '{"pipeline": [{"step": "one_hot", "features": "f1"}]}') FROM loans;
SELECT train('k_means', ROW(debt), NULL, '{"pipeline": [{"step": "scale", "feature": "f1", "values": ["car"]}]}') FROM loans;
DROP TABLE piped;

-- errors
SELECT predict_interval(train('linear_regression', ROW(debt), income), ROW(0)) FROM loans;
SELECT predict_interval(train('linear_regression', ROW(debt), income, '{"intervals": 9}'), ROW(0), 1) FROM loans;
SELECT train('holt_winters', ROW(1), income, '{"gamma": 0.1}') FROM loans;
SELECT train('hoefding_tree', a, repaid) FROM rows;
SELECT train(NULL::text, a, repaid) FROM rows;
SELECT train('alma', a, purpose) FROM rows;
SELECT train('linear_regression', a, purpose) FROM rows;
SELECT train('hoeffding_tree', purpose, repaid) FROM rows;
SELECT train('hoeffding_tree', ROW('{}'::jsonb), repaid) FROM rows;
SELECT train('hoeffding_tree', (SELECT x FROM (SELECT income, income) x), repaid) FROM rows;
SELECT train('hoeffding_tree', '{}'::float8[], repaid) FROM rows;
SELECT train('hoeffding_tree', CASE WHEN id < 3 THEN a ELSE '{1}' END, repaid ORDER BY id) FROM rows;
SELECT train('hoeffding_tree', a, repaid, '{"grace_period": 0.5}') FROM rows;
SELECT train('hoeffding_tree', a, repaid, '{"grace": 5}') FROM rows;
SELECT train('hoeffding_tree', a, repaid, '{"criterion": "entropy"}') FROM rows;
SELECT train('logistic_regression', a, repaid, '{"l1": 1, "l2": 1}') FROM rows;
SELECT train('hoeffding_tree', a, repaid, '[]') FROM rows;
SELECT train('k_means', a, NULL, '{"max_memory": 4096, "clusters": 1000}') FROM rows;
-- whatever the learner, never more than its memory, from what it begins with on
SELECT learner, budget
FROM (SELECT learner, task, more + CASE WHEN learner ~ 'adaptive_random|patches' THEN 150000 WHEN learner ~ 'bagging' THEN 70000 ELSE 10000 END AS budget
      FROM learners, unnest('{4096,5555,17777,60001,222221}'::int[]) more WHERE learner <> 'holt_winters') l,
    LATERAL (SELECT train(learner, f, CASE task WHEN 'regression' THEN income ELSE repaid::int END, jsonb_build_object('max_memory', budget, 'pipeline', '[
        {"step": "window", "feature": "debt", "by": "purpose", "as": "mean_debt"}, {"step": "one_hot", "feature": "purpose", "max_values": 2}]'::jsonb) ORDER BY id) AS model
        FROM rows WHERE id < 400 OFFSET 0) t
WHERE model_memory(model) > budget;
SELECT predict(model, (SELECT x FROM (SELECT 1 AS income) x)) FROM models WHERE learner = 'hoeffding_tree';
SELECT predict(model, ROW(1, 2, 3, 4)) FROM models WHERE learner = 'hoeffding_tree';
SELECT predict(model, ROW('1', 2, 'car', true)) FROM models WHERE learner = 'hoeffding_tree';
SELECT predict(model, ARRAY[1, 2]) FROM models WHERE learner = 'hoeffding_tree';
SELECT predict_number(model, f) FROM models, rows WHERE learner = 'hoeffding_tree' AND id = 1;
SELECT predict_proba(train('linear_regression', a, income), '{1,2}'::float8[]) FROM rows;
SELECT explain(model, f, 'perhaps') FROM models, rows WHERE learner = 'hoeffding_tree' AND id = 1;
SELECT 'AAAA'::weir.learner;
SELECT '?'::weir.learner;
SELECT test_then_train('alma', a, repaid, NULL) OVER (ORDER BY id) FROM rows;
-- rows whose label is not there say nothing of what the features are
SELECT min(id) FILTER (WHERE said IS NOT NULL), min(id) FILTER (WHERE said_of_array IS NOT NULL)
FROM (SELECT id, test_then_train('alma', f, CASE WHEN id > 3 THEN repaid END) OVER (ORDER BY id) AS said,
    test_then_train('alma', ARRAY[1, id], CASE WHEN id > 3 THEN repaid END) OVER (ORDER BY id) AS said_of_array FROM rows) s;
DROP VIEW rows;
DROP TABLE loans, models;
DROP TYPE features;

-- streams made by rule: the same seed, the same rows; a drift is one
SELECT g, count(*), count(DISTINCT label) AS classes, array_length(min(x), 1) AS features, md5(string_agg(x::text || label, ',' ORDER BY i)) = (SELECT md5(string_agg(x::text || label, ',' ORDER BY i))
    FROM generate_stream(g, 1000)) AS repeats FROM unnest('{sea,agrawal,led,rbf,hyperplane,random_tree}'::text[]) g, generate_stream(g, 1000) GROUP BY g ORDER BY g;
SELECT concept, avg((label = (x[1] + x[2] <= (ARRAY[8, 9, 7, 9.5])[concept + 1])::int)::int) AS agree
FROM generate_series(0, 3) concept, generate_stream('sea', 500, concept => concept) GROUP BY 1 ORDER BY 1;
SELECT i < 500 AS before, avg((label = (x[1] + x[2] <= 8)::int)::int) = 1 AS first, avg((label = (x[1] + x[2] <= 9)::int)::int) = 1 AS second
FROM generate_stream('sea', 1000, drift_at => 500) GROUP BY 1 ORDER BY 1 DESC;
SELECT count(*) FROM (SELECT i, avg((label = (x[1] + x[2] <= 8)::int)::int) OVER (ORDER BY i ROWS 99 PRECEDING) AS old FROM generate_stream('sea', 3000, drift_at => 1500, drift_width => 1000)) s
WHERE i = 800 AND old > 0.97 OR i = 2400 AND old < 0.97;
SELECT g, avg((said = label::text)::int) > 0.6 AS learned FROM unnest('{sea,agrawal,rbf,random_tree}'::text[]) g,
    LATERAL (SELECT i, label, test_then_train('adaptive_random_forest', x, label) OVER (ORDER BY i) AS said FROM generate_stream(g, 3000)) s WHERE i > 1500 GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM generate_stream('sea', 0);
SELECT count(*) FROM generate_stream('seas', 1);
SELECT count(*) FROM generate_stream('sea', 1, concept => 4);
SELECT count(*) FROM generate_stream('sea', 1, noise => 2);
SELECT count(*) FROM generate_stream('sea', NULL);
