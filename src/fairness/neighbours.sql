-- fairness to individuals: are similar rows treated alike? -------------------------------------------------------------------------------

CREATE TYPE weir.flip_test_result AS (value float8, n_refused_like_chosen bigint, n_chosen_like_refused bigint, n_disadvantaged bigint, n_advantaged bigint, status text);
COMMENT ON TYPE weir.flip_test_result IS 'What flip_test() gives.';

CREATE FUNCTION weir.similar_rows_accumulate(state internal, prediction "any", is_disadvantaged boolean, features float8[]) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_similar_rows_accumulate';
CREATE FUNCTION weir.similar_rows_accumulate(state internal, prediction "any", is_disadvantaged boolean, features float8[], neighbours int) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_similar_rows_accumulate';
CREATE FUNCTION weir.consistency_accumulate(state internal, prediction "any", features float8[]) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_consistency_accumulate';
CREATE FUNCTION weir.consistency_accumulate(state internal, prediction "any", features float8[], neighbours int) RETURNS internal
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_consistency_accumulate';
CREATE FUNCTION weir.flip_test_final(state internal) RETURNS weir.flip_test_result
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_flip_test_final';
CREATE FUNCTION weir.consistency_final(state internal) RETURNS float8
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_consistency_final';
COMMENT ON FUNCTION weir.similar_rows_accumulate(internal, "any", boolean, float8[]) IS 'Step of the aggregate flip_test.';
COMMENT ON FUNCTION weir.similar_rows_accumulate(internal, "any", boolean, float8[], int) IS 'Step of the aggregate flip_test.';
COMMENT ON FUNCTION weir.consistency_accumulate(internal, "any", float8[]) IS 'Step of the aggregate consistency.';
COMMENT ON FUNCTION weir.consistency_accumulate(internal, "any", float8[], int) IS 'Step of the aggregate consistency.';
COMMENT ON FUNCTION weir.flip_test_final(internal) IS 'Result of the aggregate flip_test.';
COMMENT ON FUNCTION weir.consistency_final(internal) IS 'Result of the aggregate consistency.';

CREATE AGGREGATE weir.flip_test(prediction "any", is_disadvantaged boolean, features float8[]) (
    SFUNC = weir.similar_rows_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.flip_test_final, PARALLEL = SAFE
);
CREATE AGGREGATE weir.flip_test(prediction "any", is_disadvantaged boolean, features float8[], neighbours int) (
    SFUNC = weir.similar_rows_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.flip_test_final, PARALLEL = SAFE
);
CREATE AGGREGATE weir.consistency(prediction "any", features float8[]) (
    SFUNC = weir.consistency_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.consistency_final, PARALLEL = SAFE
);
CREATE AGGREGATE weir.consistency(prediction "any", features float8[], neighbours int) (
    SFUNC = weir.consistency_accumulate, STYPE = internal, SSPACE = 1000000, FINALFUNC = weir.consistency_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.flip_test("any", boolean, float8[]) IS 'As flip_test with 5 neighbours, order too.';
COMMENT ON AGGREGATE weir.flip_test("any", boolean, float8[], int) IS
    'SageMaker Clarify''s counterfactual flip test (FT): each disadvantaged row against the majority of its nearest advantaged rows (neighbours, 1 to 1000; Euclidean distance over '
    'features, so give them one scale; of equally near ones those that come first: ORDER BY decides). value = (refused whose like are chosen - chosen whose '
    'like are refused) / disadvantaged rows: from -1 '
    'to 1, 0 is fair. prediction: boolean or 0/1. Rows with a NULL or a feature that is not finite are left out. All rows are held in memory. status undefined, value NULL: '
    'one of the two groups has no rows.';
COMMENT ON AGGREGATE weir.consistency("any", float8[]) IS 'As consistency with 5 neighbours, order too.';
COMMENT ON AGGREGATE weir.consistency("any", float8[], int) IS
    'How alike similar rows are predicted (Zemel et al. 2013, as AI Fairness 360 has it): 1 - mean of |prediction - mean prediction of its nearest rows|, the row itself being one of '
    'them; 1 is consistent. neighbours, features, their order and rows that are left out as in flip_test. NULL over no rows.';
