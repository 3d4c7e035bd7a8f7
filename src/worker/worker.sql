-- worker ----------------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION weir._wake() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'weir_wake';
COMMENT ON FUNCTION weir._wake() IS 'Internal: trigger on tables of definitions; wakes weir''s workers when the transaction commits.';
REVOKE ALL ON FUNCTION weir._wake() FROM PUBLIC;

