-- report: results for people ------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir.sparkline(points float8[]) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_sparkline';
COMMENT ON FUNCTION weir.sparkline(float8[]) IS
    'One bar per number, from the lowest (U+2581) for the smallest to the full one (U+2588) for the largest; where all are '
    'equal, the lowest. NULL, NaN and infinities are spaces. In a database that is not UTF-8 the bars are the digits 1 to 8.';
