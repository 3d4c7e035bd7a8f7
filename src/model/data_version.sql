-- data versions: the rows that models are trained on, recorded ------------------------------------------------------------------------------

CREATE FUNCTION weir.fingerprint_transition(state bytea, one_row record) RETURNS bytea
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fingerprint_transition';
COMMENT ON FUNCTION weir.fingerprint_transition(bytea, record) IS 'Internal: transition function of fingerprint(record).';
CREATE FUNCTION weir.fingerprint_slot_transition(state bytea, columns integer) RETURNS bytea
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fingerprint_slot_transition';
COMMENT ON FUNCTION weir.fingerprint_slot_transition(bytea, integer) IS 'Internal: transition function of _fingerprint_of_slot.';
CREATE FUNCTION weir.fingerprint_combine(state bytea, other bytea) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fingerprint_combine';
COMMENT ON FUNCTION weir.fingerprint_combine(bytea, bytea) IS 'Internal: combine function of fingerprint(record).';
CREATE FUNCTION weir.fingerprint_final(state bytea) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fingerprint_final';
COMMENT ON FUNCTION weir.fingerprint_final(bytea) IS 'Internal: final function of fingerprint(record).';

CREATE AGGREGATE weir.fingerprint(one_row record) (
    SFUNC = weir.fingerprint_transition, STYPE = bytea, SSPACE = 20, COMBINEFUNC = weir.fingerprint_combine,
    FINALFUNC = weir.fingerprint_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.fingerprint(record) IS
'A hash of the rows, 128 bits as 32 hexadecimal digits: SELECT weir.fingerprint(t) FROM t. It depends neither on their order nor on how a query was
run, but on how often each row is there; NULL differs from every value; the names of columns do not count, their order does. Equal in every
database and release: values of PostgreSQL''s own types are hashed by their bytes (so 1::integer differs from 1::bigint), others (enums, composites, types of
extensions) by their text. Zeros over no rows. It finds changes, and is not made against somebody who looks for two sets of rows with the same hash.';

CREATE FUNCTION weir.row_fingerprint(one_row record) RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_row_fingerprint';
COMMENT ON FUNCTION weir.row_fingerprint(record) IS
'What weir.fingerprint gives of this row alone, 32 hexadecimal digits; of NULL too. merge_fingerprints(row_fingerprint(t)) is fingerprint(t): for tables whose
rows are on several servers.';

CREATE FUNCTION weir.merge_fingerprints_transition(state bytea, fingerprint text) RETURNS bytea
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_merge_fingerprints_transition';
COMMENT ON FUNCTION weir.merge_fingerprints_transition(bytea, text) IS 'Internal: transition function of merge_fingerprints(text).';
CREATE AGGREGATE weir.merge_fingerprints(fingerprint text) (
    SFUNC = weir.merge_fingerprints_transition, STYPE = bytea, SSPACE = 20, COMBINEFUNC = weir.fingerprint_combine,
    FINALFUNC = weir.fingerprint_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir.merge_fingerprints(text) IS
'The fingerprint of a whole from those of its parts (partitions, shards, servers, days), each row of it in one part: as weir.fingerprint of all rows. NULLs are
left out; zeros over nothing. Raises 22P02 for what is no fingerprint.';

CREATE AGGREGATE weir._fingerprint_of_slot(columns integer) (
    SFUNC = weir.fingerprint_slot_transition, STYPE = bytea, SSPACE = 20, COMBINEFUNC = weir.fingerprint_combine,
    FINALFUNC = weir.fingerprint_final, FINALFUNC_MODIFY = READ_ONLY, PARALLEL = SAFE
);
COMMENT ON AGGREGATE weir._fingerprint_of_slot(integer) IS
'Internal: what plans hold in the place of fingerprint(t), the fingerprint of the first columns of the rows that the executor holds. Of use in no query.';

-- Roles as regrole and relations by name: both survive pg_dump, whatever is restored first.
CREATE SEQUENCE weir.data_version_seq;
CREATE TABLE weir.data_version (
    data_version bigint PRIMARY KEY,
    name text NOT NULL,
    owner regrole NOT NULL,
    query text NOT NULL,
    search_path text NOT NULL,            -- with which the query was written
    validation text,
    relation_schema name,                 -- both NULL: not materialised
    relation_name name,
    columns jsonb NOT NULL,               -- [{"name": "income", "type": "double precision"}]
    n bigint NOT NULL,
    n_validation bigint NOT NULL,
    content_hash text NOT NULL,
    lsn pg_lsn NOT NULL,
    snapshot text NOT NULL,               -- text: a restored cluster has other transaction numbers, the record stays
    retention interval CHECK (retention > '0'),
    status text NOT NULL DEFAULT 'ok' CHECK (status IN ('ok', 'changed', 'dropped')),
    checked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by regrole NOT NULL,
    note text,
    tables text[] NOT NULL                -- that the query read
);
COMMENT ON TABLE weir.data_version IS 'Sets of rows that models are trained on; read the view weir.data_versions.';
CREATE INDEX data_version_name ON weir.data_version (name);
SELECT pg_catalog.pg_extension_config_dump('weir.data_version', '');
SELECT pg_catalog.pg_extension_config_dump('weir.data_version_seq', '');

CREATE FUNCTION weir.create_data_version(name text, query text, validation text = NULL, materialize boolean = true, note text = NULL,
    retention interval = NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_data_version';
COMMENT ON FUNCTION weir.create_data_version(text, text, text, boolean, text, interval) IS
'Records a set of rows and returns its number: query is one SELECT, or the name of a table, run with the caller''s rights. Recorded are the
query, columns and types, number of rows, weir.fingerprint of the rows, the snapshot they were seen with and the position in the log. Several
versions may have one name. materialize => true keeps the rows in a table of the caller''s, <name>_data_<number>, in the schema where new tables
go; false keeps the query alone, whose rows may be others later: weir.verify_data_version tells. validation is a condition on the rows
(decided_at > ''2026-06-01''): those for which it holds are for validation, the others for training; a materialised version keeps that in a
column split. retention (> 0): when the table is dropped by itself, unless an alias means a model that was trained on it; the record stays.';

CREATE FUNCTION weir.verify_data_version(data_version bigint) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_verify_data_version';
COMMENT ON FUNCTION weir.verify_data_version(bigint) IS
'Reads the rows again and compares number and hash with what was recorded: ok or changed, which is recorded with the time; dropped or missing when
there is nothing to read. For members of its owner who can read the table; of a version that is not materialised for its owner only (SET ROLE), as
the query runs again.';

CREATE FUNCTION weir.drop_data_version(data_version bigint, force boolean = false) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_data_version';
COMMENT ON FUNCTION weir.drop_data_version(bigint, boolean) IS
'Drops the table of a data version and keeps the record, status dropped. Refused while an alias means a model that was trained on it, unless
force. For its owner.';

CREATE FUNCTION weir.data_version_rows(data_version bigint, split text = NULL) RETURNS SETOF jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'weir_data_version_rows';
COMMENT ON FUNCTION weir.data_version_rows(bigint, text) IS
'The rows of a data version as objects: split => train, validation, or NULL for all. For who can read its table; of a version that is not
materialised for its owner only, as the query runs again.';

CREATE FUNCTION weir.compare_data_versions(a bigint, b bigint)
    RETURNS TABLE (aspect text, column_name text, value_a text, value_b text, metric text, value float8, p_value float8, verdict text, status text)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME', 'weir_compare_data_versions';
COMMENT ON FUNCTION weir.compare_data_versions(bigint, bigint) IS
'What differs between two data versions. aspect: content (the hashes; verdict ok when equal, else warning), rows (their number), schema (columns
that only one has, or with another type), drift (the primary score of every column that both have, a as baseline, as weir.compare gives it).
For who can read both.';

CREATE VIEW weir.data_versions WITH (security_barrier) AS
    SELECT d.data_version, d.name,
           CASE WHEN d.relation_name IS NOT NULL AND c.oid IS NOT NULL THEN pg_catalog.format('%I.%I', d.relation_schema, d.relation_name) END AS relation,
           d.n, d.n OPERATOR(pg_catalog.-) d.n_validation AS n_train, d.n_validation, d.content_hash,
           CASE WHEN d.status OPERATOR(pg_catalog.<>) 'dropped' AND d.relation_name IS NOT NULL AND c.oid IS NULL THEN 'missing' ELSE d.status END AS status,
           d.checked_at, d.relation_name IS NOT NULL AS materialized, d.columns, d.query, d.validation, d.lsn, d.snapshot,
           pg_catalog.pg_total_relation_size(c.oid) AS bytes, d.retention, d.created_at, d.created_by, d.owner, d.note, d.tables
    FROM weir.data_version d
        LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid OPERATOR(pg_catalog.=) c.relnamespace)
            ON s.nspname OPERATOR(pg_catalog.=) d.relation_schema AND c.relname OPERATOR(pg_catalog.=) d.relation_name
               AND c.relkind OPERATOR(pg_catalog.=) 'r'
    WHERE weir._may_see(d.owner);
COMMENT ON VIEW weir.data_versions IS
'Data versions whose owner the reader is a member of (pg_read_all_data sees all). relation: the table that holds the rows, NULL when there is none;
status: ok, changed (the rows were others when verify_data_version looked, at checked_at), missing (the table is gone), dropped; tables: those that the
query read, as they were called then, views looked into.';
GRANT SELECT ON weir.data_versions TO PUBLIC;
