-- learn: models made from summaries, such as those of windows ----------------------------------------------------------------------------------

CREATE FUNCTION weir.fit_bayes_transition(state internal, label text, feature text, summary weir.summary) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_fit_bayes_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.fit_bayes_transition(internal, text, text, weir.summary) IS 'Internal: transition function of fit_gaussian_naive_bayes.';
CREATE FUNCTION weir.fit_bayes_final(state internal) RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_fit_bayes_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.fit_bayes_final(internal) IS 'Internal: final function of fit_gaussian_naive_bayes.';
CREATE AGGREGATE weir.fit_gaussian_naive_bayes(text, text, weir.summary) (SFUNC = weir.fit_bayes_transition, STYPE = internal, FINALFUNC = weir.fit_bayes_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.fit_gaussian_naive_bayes(text, text, weir.summary) IS
    'fit_gaussian_naive_bayes(label, feature, summary): a gaussian naive Bayes from summaries of numbers, one or several per class and feature, in any order: a weir.learner, for weir.predict and weir.learn. Classes weigh what they have '
    'rows; features come in the order in which they are first met. That of weir.train over the rows, but for rounding. NULLs are left out; NULL over no rows. Raises 42804 for a summary of another kind.';

CREATE FUNCTION weir.fit_ridge(summary weir.summary, features text[], alpha float8 DEFAULT 1) RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_fit_ridge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.fit_ridge(weir.summary, text[], float8) IS
    'A ridge regression with intercept (Hoerl and Kennard 1970) from a summary of vectors that hold the features and, last, the label; at most 64 elements: a weir.learner (linear_regression), for weir.predict_number. features: their names. alpha: weight of '
    'the squared coefficients, 0 for least squares. NULL for fewer than two vectors. Raises 42804, 22023 for vectors of another length, 22000 where the covariance is singular.';

CREATE FUNCTION weir.fit_discriminant_transition(state internal, label text, summary weir.summary, features text[]) RETURNS internal
    AS 'MODULE_PATHNAME', 'weir_fit_discriminant_row' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.fit_discriminant_transition(internal, text, weir.summary, text[]) IS 'Internal: transition function of fit_linear_discriminant.';
CREATE FUNCTION weir.fit_discriminant_final(state internal) RETURNS weir.learner
    AS 'MODULE_PATHNAME', 'weir_fit_discriminant_final' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION weir.fit_discriminant_final(internal) IS 'Internal: final function of fit_linear_discriminant.';
CREATE AGGREGATE weir.fit_linear_discriminant(text, weir.summary, text[]) (SFUNC = weir.fit_discriminant_transition, STYPE = internal, FINALFUNC = weir.fit_discriminant_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE weir.fit_linear_discriminant(text, weir.summary, text[]) IS
    'fit_linear_discriminant(label, summary, features): a linear discriminant (Fisher 1936; with the maximum-likelihood covariance within classes, as scikit-learn) from summaries of vectors of the features, one or several per class, in any order: a weir.learner '
    '(softmax_regression), for weir.predict_proba. features: their names, at most 64. Raises 42804, 22023 for vectors of another length, 22000 for a singular covariance or fewer than two classes. NULL over no rows.';
