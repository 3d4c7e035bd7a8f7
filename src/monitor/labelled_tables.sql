-- monitor: tables of predictions with their labels, which come in rows of another table -------------------------------------------------------

CREATE FUNCTION weir.join_labels(relation text, predictions regclass, labels regclass, key text[], label text[], label_key text[] DEFAULT NULL,
    columns text[] DEFAULT NULL) RETURNS regclass
    AS 'MODULE_PATHNAME', 'weir_join_labels' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.join_labels(text, regclass, regclass, text[], text[], text[], text[]) IS
    'Makes a table of the predictions with their labels and keeps it: predictions LEFT JOIN labels USING (key), for a monitor to watch. relation: its name, in the first schema of the '
    'search path where none is given; it belongs to the caller, has REPLICA IDENTITY FULL, and nobody else may write to it; columns have the classes (weir.classify_column) that they have in the two tables, also those that are set later, unless the owner gives them stricter ones; DROP TABLE ends it. key: columns of predictions that '
    'are NOT NULL, of integers, text, numeric or uuid, with an index; label_key: the same of labels, where they are called otherwise; it must be unique there. label: columns of labels '
    'to take over. columns: of predictions; NULL: all. It is filled at once. From then on a background worker looks up, in both tables as they are, each key that was inserted, '
    'updated or deleted in either, and makes the rows of relation with that key what they should be; so a label may come before its prediction, late, change or go, through logical replication or not, and '
    'restarts, replays and the order of arrival do not show. A label that comes is an UPDATE of the row of its prediction: its window is that of the prediction. Changes of keys are noted while '
    'capture runs in this database, that is while it has a monitor; after a time in which it did not, everything is compared. weir.labelled_tables tells how many keys are still to be looked at, '
    'weir.verify_labels compares. Needs SELECT on both tables, and CREATE on the schema. Errors: 42P07 relation exists, 42703 no such column, 42804 a key of another '
    'type, 42809 not a table whose changes are logged, 0A000 one with row security (which also stops a table that was joined before), 55000 a key that may be null, is not unique in labels, has no index, or is not part of the replica identity.';

CREATE FUNCTION weir.verify_labels(relation regclass, OUT n bigint, OUT different bigint, OUT pending bigint) RETURNS record
    AS 'MODULE_PATHNAME', 'weir_verify_labels' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.verify_labels(regclass) IS
    'Compares a table of weir.join_labels with what its two tables say now, under one snapshot: n rows it should have, different: keys whose rows are others, among them those that are pending: '
    'noted as changed and not looked at yet. Reads all three tables as the caller. Errors: 42704 not such a table, 42501 not readable.';

CREATE VIEW weir.labelled_tables WITH (security_barrier) AS
    SELECT j.relation, j.predictions, j.labels, j.key, j.label_key, j.columns, j.label_columns, coalesce(s.followed AND (SELECT p.follows_labels FROM weir.capture_progress p), false) AS followed,
        (SELECT count(*) FROM weir.label_change c WHERE c.join_id = j.join_id) AS n_pending, s.disabled_reason, j.owner, j.created_at
    FROM weir.label_join j LEFT JOIN weir.label_join_state s USING (join_id)
    WHERE pg_has_role(j.owner::oid, 'USAGE') OR has_table_privilege(j.relation::oid, 'SELECT');
COMMENT ON VIEW weir.labelled_tables IS
    'Tables of predictions with their labels (weir.join_labels) that one may read: followed: capture notes the keys that change; n_pending: keys, or wishes to compare everything, that are noted '
    'and not looked at yet; disabled_reason: why it stands still; once that is mended, weir.resume_labels(relation) goes on.';
GRANT SELECT ON weir.labelled_tables TO PUBLIC;

CREATE FUNCTION weir.resume_labels(relation regclass) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_resume_labels' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.resume_labels(regclass) IS
    'Compares everything in a table of weir.join_labels anew, and goes on where it was disabled. For its owner. Errors: 42704 not such a table, 42501 not the owner.';

SELECT pg_catalog.pg_extension_config_dump('weir.label_join', '');
SELECT pg_catalog.pg_extension_config_dump('weir.label_join_join_id_seq', '');
