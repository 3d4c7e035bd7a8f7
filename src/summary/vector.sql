-- summaries of vectors ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.vector_dimension(summary weir.summary) RETURNS int
    AS 'MODULE_PATHNAME', 'weir_vector_dimension' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.vector_dimension(weir.summary) IS
    'How many elements the vectors have; NULL without vectors. Raises 42804 for a summary of anything else.';

CREATE FUNCTION weir.vector_mean(summary weir.summary) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'weir_vector_mean' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.vector_mean(weir.summary) IS
    'The mean vector; NULL without vectors. Vectors with an element that is NULL, NaN, infinite or beyond 2^480 are left out. Raises 42804 for a summary of anything else.';

CREATE FUNCTION weir.vector_variance(summary weir.summary) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'weir_vector_variance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.vector_variance(weir.summary) IS
    'Sample variance (n - 1) of each element, the diagonal of the covariance; NULL for fewer than two vectors. Raises 42804 for a summary of anything else.';

CREATE FUNCTION weir.vector_covariance(summary weir.summary) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'weir_vector_covariance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.vector_covariance(weir.summary) IS
    'Sample covariance matrix (n - 1), an array of dimension x dimension; NULL for fewer than two vectors, and for more than 64 dimensions, of which only vector_variance is kept. Raises 42804 for a summary of anything else.';

CREATE FUNCTION weir.vector_norms(summary weir.summary) RETURNS weir.summary
    AS 'MODULE_PATHNAME', 'weir_vector_norms' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.vector_norms(weir.summary) IS
    'The summary of the Euclidean norms of the vectors, as numbers: for drift, histogram and the like. stats, quantile, cdf and histogram of a summary of vectors are of its norms, too. Raises 42804 for a summary of anything else.';

CREATE FUNCTION weir.vector_embedding(summary weir.summary) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'weir_vector_embedding' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.vector_embedding(weir.summary) IS
    'The mean of 512 random Fourier features of the vectors, each from -1 to 1: for bandwidths 1/4, 1, 4, ... 4096 the cosines, then the sines of 32 projections (Rahimi and Recht 2007; orthogonal random features, Yu et al. 2016). The same projections for all vectors of a dimension. NULL without vectors. Raises 42804 for a summary of anything else.';

CREATE FUNCTION weir.vector_distance(a weir.summary, b weir.summary) RETURNS float8
    AS 'MODULE_PATHNAME', 'weir_vector_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir.vector_distance(weir.summary, weir.summary) IS
    'Maximum mean discrepancy between the distributions of two sets of vectors, 0 to 2: the distance of their mean embeddings (see vector_embedding), for the mean of eight Gaussian kernels of bandwidths 1/4 to 4096 (Gretton et al. 2012, biased estimate). 0 for equal sets; up to about sqrt(1/n + 1/m), for samples of one distribution. NULL when one has no vectors. Raises 22000 for different dimensions, 42804 for summaries of anything else.';
