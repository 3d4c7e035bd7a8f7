-- base ----------------------------------------------------------------------------------------------------------------------------------

-- Plain CREATE: where somebody made this schema before, the installation fails instead of trusting what is in it.
CREATE SCHEMA weir;
COMMENT ON SCHEMA weir IS 'weir: streaming analytics and model monitoring.';
GRANT USAGE ON SCHEMA weir TO PUBLIC;
