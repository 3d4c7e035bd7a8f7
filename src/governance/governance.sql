-- governance: sources ----------------------------------------------------------------------------------------------------------------------

CREATE TABLE weir.source (
    source regclass PRIMARY KEY,
    steward regrole,
    purpose text,
    legal_basis text,
    described_by regrole NOT NULL,
    described_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.source IS 'Who is responsible for a table and what it is for; read the view weir.sources.';
SELECT pg_catalog.pg_extension_config_dump('weir.source', '');

CREATE FUNCTION weir.describe_source(source regclass, steward text = NULL, purpose text = NULL, legal_basis text = NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_describe_source';
COMMENT ON FUNCTION weir.describe_source(regclass, text, text, text) IS
'Records who answers for the data of a table (steward, a role), what they are collected and used for (purpose) and on what legal basis; NULL leaves what
was said before. Shown in weir.sources, model cards and data sheets. For the table''s owner. Error: 42704 no such role.';

CREATE VIEW weir.sources WITH (security_barrier) AS
    SELECT t.source, s.steward, s.purpose, s.legal_basis, c.relowner::regrole AS owner,
        ARRAY(SELECT m.name FROM weir.monitor m WHERE m.source = t.source ORDER BY m.name) AS monitors,
        (SELECT jsonb_object_agg(k.class, k.columns) FROM (SELECT k.class, array_agg(k.column_name ORDER BY k.column_name) AS columns
                                                        FROM weir.column_classes k WHERE k.source = t.source GROUP BY k.class) k) AS classes,
        s.described_by, s.described_at
    FROM (SELECT m.source::oid::regclass AS source FROM weir.monitor m UNION SELECT s.source FROM weir.source s) t
        JOIN pg_class c ON c.oid = t.source LEFT JOIN weir.source s ON s.source = t.source
    WHERE has_any_column_privilege(t.source::oid, 'SELECT');
COMMENT ON VIEW weir.sources IS
'Tables that are monitored or described, of which one may read something: steward, purpose and legal basis (weir.describe_source), their monitors, and columns
by class (weir.classify_column) as {"personal": ["name"], ...}.';
GRANT SELECT ON weir.sources TO PUBLIC;
