-- learn: models that learn one row at a time ------------------------------------------------------------------------------------------------

CREATE TYPE weir.learner;
CREATE FUNCTION weir.learner_in(cstring) RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_learner_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.learner_in(cstring) IS 'Text input of weir.learner: base64 as its output gives it. Raises 22P02 for other text, 22P03 for what is not a learner.';
CREATE FUNCTION weir.learner_out(weir.learner) RETURNS cstring
    AS 'MODULE_PATHNAME', 'weir_learner_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.learner_out(weir.learner) IS 'Text output of weir.learner: its stored form in base64, lossless.';
CREATE FUNCTION weir.learner_recv(internal) RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_learner_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.learner_recv(internal) IS 'Binary input of weir.learner: its stored form. Raises 22P03 for what is not a learner.';
CREATE FUNCTION weir.learner_send(weir.learner) RETURNS bytea
    AS 'MODULE_PATHNAME', 'weir_learner_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.learner_send(weir.learner) IS 'Binary output of weir.learner: its stored form, lossless, the same on every machine.';
CREATE TYPE weir.learner (
    INPUT = weir.learner_in, OUTPUT = weir.learner_out, RECEIVE = weir.learner_recv, SEND = weir.learner_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended
);
COMMENT ON TYPE weir.learner IS
    'A model as it stands after some rows: weir.train makes one, weir.learn and weir.train go on with it, weir.predict, weir.predict_number, weir.predict_proba '
    'and weir.explain ask it. It knows its features and classes by name. Stored and gone on with, it is the model of one run, bit for bit.';

CREATE FUNCTION weir._learners() RETURNS TABLE (learner text, task text, options jsonb, reference text)
    AS 'MODULE_PATHNAME', 'weir_learner_catalogue' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION weir._learners() IS 'The rows of weir.learners. Internal.';
CREATE VIEW weir.learners AS SELECT learner, task, options, reference FROM weir._learners();
COMMENT ON VIEW weir.learners IS
    'The learners that weir.train and weir.test_then_train know. task: what labels are (two classes; classes; regression: a number), or that there are '
    'none (clusters, anomalies). options: all of them with '
    'their initial values; null: follows from others. reference: the paper or textbook that is followed.';
GRANT SELECT ON weir.learners TO PUBLIC;

-- learning

CREATE FUNCTION weir.train_transition(state internal, learner text, features "any", label "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_train_begin' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.train_transition(internal, text, "any", "any") IS 'Internal: transition function of train.';
CREATE FUNCTION weir.train_transition(state internal, learner text, features "any", label "any", options jsonb) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_train_begin' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.train_transition(internal, text, "any", "any", jsonb) IS 'Internal: transition function of train.';
CREATE FUNCTION weir.train_transition(state internal, model weir.learner, features "any", label "any") RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_train_continue' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.train_transition(internal, weir.learner, "any", "any") IS 'Internal: transition function of train.';
CREATE FUNCTION weir.train_final(state internal) RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_train_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.train_final(internal) IS 'Internal: final function of train.';

CREATE AGGREGATE weir.train(text, "any", "any") (SFUNC = weir.train_transition, STYPE = internal, FINALFUNC = weir.train_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.train(text, "any", "any", jsonb) (SFUNC = weir.train_transition, STYPE = internal, FINALFUNC = weir.train_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.train(weir.learner, "any", "any") (SFUNC = weir.train_transition, STYPE = internal, FINALFUNC = weir.train_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.train(text, "any", "any") IS
    'train(learner, features, label ORDER BY ...): a model that has learned the rows in that order. learner: as in weir.learners, with its initial options. features: a row '
    '(ROW(a, b), or a subquery''s, whose column names are kept) or an array of numbers. Numbers, times and intervals are numbers, boolean is 0 or 1, text and enums are categories; '
    'NULL, NaN, infinity and numbers beyond 1e100 are missing values. label: a class (boolean, integer, text, enum) or, for regression, a number; learners '
    'of clusters and anomalies take NULL. Rows without features, or a label that is needed, are left out. '
    'NULL over no rows. Raises 22023 for an unknown learner, 42804 for a type that cannot be read, 54000 for a third class where two can be told apart, and where max_memory is less than what the learner begins with.';
COMMENT ON AGGREGATE weir.train(text, "any", "any", jsonb) IS
    'train(learner, features, label, options ORDER BY ...): as weir.train without options; options are those of the first row, as weir.learners shows them, and "pipeline", an array of steps '
    'that make of a row what the learner sees, kept with the model: {"step": "impute", "feature": "a", "with": "mean" | "last" | "most_frequent" | "constant", "value": 0}; '
    '{"step": "target_encode", "feature": "a", "smoothing": 10}; {"step": "scale", "feature": "a", "with": "standard" | "min_max"}; {"step": "window", "feature": "a", "statistic": '
    '"count" | "sum" | "mean" | "min" | "max" | "deviation" | "rate" | "lag" | "difference" | "gap", "rows": 100, "seconds": null, "by": "key", "time": "at", "max_keys": 1000, '
    '"as": "name"}; {"step": "one_hot", "feature": "a", "values": ["x", "y"], "max_values": 20, "missing": "zero" | "missing" | "feature"}, where without values those met first count, up to '
    'max_values. "features": ["a", "b"] instead of "feature" is such a step of each. Raises 22023 for an '
    'unknown option or a value that it cannot have.';
COMMENT ON AGGREGATE weir.train(weir.learner, "any", "any") IS
    'train(model, features, label ORDER BY ...): the model after the rows in that order; the model is that of the first row. Features are found by name where the row has '
    'names, else by place. Gives what one run over all rows would have given, bit for bit. NULL over no rows.';

CREATE FUNCTION weir.untrained_learner(learner text, options jsonb DEFAULT '{}') RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_untrained_learner' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.untrained_learner(text, jsonb) IS
    'A model (as in weir.learners) before its first row, which gives it its features. Raises 22023 for an unknown learner or option. NULL for NULL.';
CREATE FUNCTION weir.learn(model weir.learner, features "any", label "any") RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_learn' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.learn(weir.learner, "any", "any") IS
    'The model after one more row: features and label as in weir.train. The model itself where one of them is NULL. NULL for a NULL model.';
CREATE FUNCTION weir.test_then_train(learner text, features "any", label "any", options jsonb DEFAULT '{}') RETURNS text
    AS 'MODULE_PATHNAME', 'weir_test_then_train' LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.test_then_train(text, "any", "any", jsonb) IS
    'Window function: what a model says of each row of the partition, in its order, before it learns the row: a class, or a number as text. Give an '
    'ORDER BY that leaves no ties; the frame does not matter. '
    'learner, features, label, options: as in weir.train; those of the first row hold for the partition. A row without label is predicted and not '
    'learned; NULL without features, and before the first label. What a model scores so is what it would have scored in use.';

-- asking

CREATE FUNCTION weir.predict(model weir.learner, features "any") RETURNS text
    AS 'MODULE_PATHNAME', 'weir_predict' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.predict(weir.learner, "any") IS
    'What the model says of the features: the most probable class (of several the first by name; boolean labels are true and false), or as '
    'text a number, the number of a cluster (from 0), how anomalous they are (0 to 1). Features are found by name where the row has names, else by place; '
    'categories that were not learned are missing values. NULL for NULL and before the first row. Raises 42703 for a feature that is missing in the row, '
    '42804 for one of another kind.';
CREATE FUNCTION weir.predict_number(model weir.learner, features "any") RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_predict_number' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.predict_number(weir.learner, "any") IS
    'The number that a model of regression says of the features, in the unit of the labels; of clusters and anomalies as weir.predict; otherwise as that. Raises 0A000 for a model of classes.';
CREATE FUNCTION weir.predict_proba(model weir.learner, features "any") RETURNS jsonb
    AS 'MODULE_PATHNAME', 'weir_predict_proba' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.predict_proba(weir.learner, "any") IS
    'The probability (0 to 1) of each class, as {"class": probability}; otherwise as weir.predict. Raises 0A000 for a model of regression.';
CREATE FUNCTION weir.predict_proba(model weir.learner, features "any", class text) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_predict_proba_of' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.predict_proba(weir.learner, "any", text) IS
    'The probability (0 to 1) of one class, such as ''true''; 0 for one that was not learned; otherwise as weir.predict. Raises 0A000 for a model of regression.';
CREATE FUNCTION weir.predict_interval(model weir.learner, features "any", coverage float8 DEFAULT NULL, OUT low float8, OUT high float8)
    AS 'MODULE_PATHNAME', 'weir_predict_interval' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.predict_interval(weir.learner, "any", float8) IS
    'Between what numbers the label of the features lies, in a share of all rows that is coverage (0 to 1): a conformal interval (Vovk, Gammerman and Shafer 2005) of the errors of late '
    'about what a model of regression says, which keeps as many as its option intervals says. coverage NULL: that of option interval_coverage, adapted so that it holds in the '
    'long run whatever the stream does (Gibbs and Candes 2021). In the unit of the labels. NULLs while too few errors are known; NULL for NULL and before the first row. Raises '
    '0A000 for a model without option intervals, 22023 for a coverage out of range.';
CREATE FUNCTION weir.explain(model weir.learner, features "any", class text DEFAULT NULL, by_value boolean DEFAULT false) RETURNS TABLE (feature text, contribution float8)
    AS 'MODULE_PATHNAME', 'weir_explain' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION weir.explain(weir.learner, "any", text, boolean) IS
    'What each feature contributes to what the model says of a class (NULL: the predicted one): with "(bias)" first, contributions sum to it exactly. '
    'Linear models: log-odds of the class (softmax: its score; '
    'passive_aggressive and alma: the margin; regression: the number). Naive Bayes: the logarithm of the joint likelihood. Trees and forests: the '
    'probability, of regression the number, by path-dependent SHAP values '
    '(Lundberg, Erion and Lee 2018) over the weights that nodes have seen. What a category contributes of which step one_hot makes features is their sum; by_value: each of them apart, as feature=value, and '
    'under the name of the category what values have that are none of these. No rows for NULL and before the first row.';

-- what a model says of itself

CREATE FUNCTION weir.learner_stats(model weir.learner, OUT learner text, OUT task text, OUT options jsonb, OUT n bigint, OUT n_features int, OUT n_classes int, OUT memory_bytes bigint)
    AS 'MODULE_PATHNAME', 'weir_learner_stats' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.learner_stats(weir.learner) IS 'What a model is and has seen: learner, task and options as in weir.learners, n rows learned, memory in use in bytes. NULL for NULL.';
CREATE FUNCTION weir.learner_features(model weir.learner) RETURNS TABLE (feature text, kind text, n_categories int, is_added boolean, contribution float8, is_nil boolean, source text)
    AS 'MODULE_PATHNAME', 'weir_learner_features' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION weir.learner_features(weir.learner) IS 'The features of a model in order: their kind (number, category) and, of categories, how many it knows; is_added: a step of its pipeline adds it. contribution: how large what it '
    'contributes (see weir.explain) is in the mean, over one in 256 of the rows learned, those of late counting most; NULL where none was looked at or the learner has no '
    'contributions. is_nil: that is no more than a thousandth of the largest one, so that the feature can be left out; NULL before 5000 rows. source: of a feature of 0 and 1 that stands for a value of '
    'a category (step one_hot), the category, whose contribution is theirs together; else NULL. NULL for NULL.';
CREATE FUNCTION weir.learner_classes(model weir.learner) RETURNS SETOF text
    AS 'MODULE_PATHNAME', 'weir_learner_classes' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION weir.learner_classes(weir.learner) IS 'The classes of a model, in the order in which it met them. None for regression.';
CREATE FUNCTION weir.model_memory(model weir.learner) RETURNS bigint
    AS 'MODULE_PATHNAME', 'weir_model_memory' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.model_memory(weir.learner) IS
    'Bytes that a model takes in memory, never more than its option max_memory: where there is no room, trees stop observing in the leaves that promise least, and new categories are missing values.';

-- streams to try learners and detectors on

CREATE FUNCTION weir.generate_stream(generator text, n_rows bigint, seed bigint DEFAULT 1, concept int DEFAULT 0, drift_at bigint DEFAULT NULL, drift_width bigint DEFAULT 1,
    noise float8 DEFAULT 0) RETURNS TABLE (i bigint, x float8[], label int)
    AS 'MODULE_PATHNAME', 'weir_generate_stream' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION weir.generate_stream(text, bigint, bigint, int, bigint, bigint, float8) IS
    'Rows made by rule, to try learners and detectors on: numbered from 0, features x, class label. generator: sea (Street and Kim 2001; 3 features, concepts 0 to 3), agrawal (Agrawal, Imielinski '
    'and Swami 1993; 9, 0 to 9), led (Breiman et al. 1984; 7 segments and 17 that say nothing, 10 classes, concepts 0 to 6: so many segments changed '
    'places), rbf (10 features, 5 classes), hyperplane (Hulten, Spencer and Domingos '
    '2001; 10), random_tree (Domingos and Hulten 2000; 10). seed: the same gives the same rows. drift_at: the row in the middle of the change to the '
    'next concept, NULL for none; drift_width: rows that it takes, 1 '
    'is at once. noise: the share of rows whose class is drawn anew (led: of segments turned over). Raises 22023 for what there is not.';

-- how good predictions were that were made before the label was known

CREATE TYPE weir.prequential_metric AS (scope text, metric text, value float8, majority float8, last_label float8, n bigint);
COMMENT ON TYPE weir.prequential_metric IS
    'A metric of predictions that were made before their labels were known. scope: all rows, sliding (the latest 1000) or fading (each row weighs 0.999 of the next). value: of the predictions; majority: what predicting '
    'the class that was most frequent so far scores on the same rows, of numbers the mean so far; last_label: what repeating the label before scores. n: rows.';
CREATE FUNCTION weir.prequential_class_transition(state internal, label "any", prediction text) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_prequential_class' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.prequential_class_transition(internal, "any", text) IS 'Internal: transition function of prequential_performance.';
CREATE FUNCTION weir.prequential_number_transition(state internal, label float8, prediction float8) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_prequential_number' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.prequential_number_transition(internal, float8, float8) IS 'Internal: transition function of prequential_performance.';
CREATE FUNCTION weir.prequential_final(state internal) RETURNS weir.prequential_metric[]
    AS 'MODULE_PATHNAME', 'weir_prequential_final' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.prequential_final(internal) IS 'Internal: final function of prequential_performance.';
CREATE AGGREGATE weir.prequential_performance("any", text) (SFUNC = weir.prequential_class_transition, STYPE = internal, FINALFUNC = weir.prequential_final, PARALLEL = SAFE);
CREATE AGGREGATE weir.prequential_performance(float8, float8) (SFUNC = weir.prequential_number_transition, STYPE = internal, FINALFUNC = weir.prequential_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.prequential_performance("any", text) IS
    'prequential_performance(label, prediction ORDER BY ...): how good predictions of classes were, in the order in which labels came; such as those of weir.test_then_train. Metrics: accuracy; kappa '
    '(Cohen); kappa_temporal: against repeating the last label (Zliobaite et al. 2015), kappa_majority: against the majority so far (Bifet et al. 2015), both 1 at best, 0 where the model is no better. Rows '
    'without label are left out, a NULL prediction is wrong, and the first label, which has none before it, does not count. SELECT m.* FROM unnest((SELECT weir.prequential_performance(...) FROM ...)) m. NULL over no rows.';
COMMENT ON AGGREGATE weir.prequential_performance(float8, float8) IS
    'prequential_performance(label, prediction ORDER BY ...): how good predictions of numbers were. Metrics: mean_absolute_error and root_mean_squared_error, in the unit of the label; r2: 1 less '
    'the squared error over that of the mean of the labels. Rows without a label that is finite are left out, and without a prediction from the model''s. NULL over no rows.';
CREATE FUNCTION weir._prequential_metrics(evaluation bytea) RETURNS weir.prequential_metric[]
    AS 'MODULE_PATHNAME', 'weir_prequential_metrics' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._prequential_metrics(bytea) IS 'Metrics of an evaluation that weir has stored. Internal.';
