-- base: the audit log ---------------------------------------------------------------------------------------------------------------------

-- Names, not references: what was done stays said when the role or the object is gone.
CREATE TABLE weir.audit_entry (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    role text NOT NULL,
    session_role text NOT NULL,
    action text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL
);
COMMENT ON TABLE weir.audit_entry IS 'What was decided and configured; read the view weir.audit_log.';

-- No foreign key: what is missing is for weir.verify_audit_log to tell, and a dump loads in any order.
CREATE TABLE weir.audit_chain (
    number bigint PRIMARY KEY,            -- 1, 2, 3 without a gap, in the order of commits
    audit_id bigint NOT NULL UNIQUE,
    hash text NOT NULL
);
COMMENT ON TABLE weir.audit_chain IS 'The place of each entry of the audit log: its hash covers the entry and the hash before it.';

SELECT pg_catalog.pg_extension_config_dump('weir.audit_entry', '');
SELECT pg_catalog.pg_extension_config_dump('weir.audit_entry_audit_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.audit_chain', '');

CREATE FUNCTION weir._refuse_change() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_refuse_change';
COMMENT ON FUNCTION weir._refuse_change() IS 'Refuses what the trigger is for: the audit log is only ever added to.';
REVOKE ALL ON FUNCTION weir._refuse_change() FROM PUBLIC;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON weir.audit_entry FOR EACH STATEMENT EXECUTE FUNCTION weir._refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON weir.audit_chain FOR EACH STATEMENT EXECUTE FUNCTION weir._refuse_change();
-- Whatever session_replication_role is.
ALTER TABLE weir.audit_entry ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE weir.audit_chain ENABLE ALWAYS TRIGGER append_only;

CREATE FUNCTION weir._audit_hash(previous text, number bigint, entry weir.audit_entry) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT encode(sha256(convert_to(jsonb_build_array($1, $2, ($3).audit_id, (extract(epoch FROM ($3).recorded_at) * 1000000)::bigint, ($3).role,
        ($3).session_role, ($3).action, ($3).kind, ($3).subject, ($3).detail)::text, 'UTF8')), 'hex');
END;
COMMENT ON FUNCTION weir._audit_hash(text, bigint, weir.audit_entry) IS
'SHA-256, in hexadecimal, of the hash before, the number in the chain and the entry, as the text of a jsonb array in UTF-8.';

CREATE FUNCTION weir.verify_audit_log(head_number bigint = NULL, head_hash text = NULL,
    OUT entries bigint, OUT first_broken bigint, OUT reason text, OUT last_number bigint, OUT last_hash text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_verify_audit_log';
COMMENT ON FUNCTION weir.verify_audit_log(bigint, text) IS
'Computes the chain of the audit log anew. first_broken is the number of the first entry that was changed, removed or put in by hand, reason says
which; both NULL: the log is what was written (reason alone: an entry was added outside of the chain). last_number and last_hash are the
end of the chain: note them elsewhere and give them as head_number and head_hash later, and entries cut off at the end, or a chain that was
written anew, show too. For members of pg_read_all_data and the owner of the extension; reads the whole log.';

-- The reader's own: of roles that he is a member of.
CREATE VIEW weir.audit_log WITH (security_barrier) AS
    SELECT e.audit_id, c.number, e.recorded_at, e.role, e.session_role, e.action, e.kind, e.subject, e.detail, c.hash
    FROM weir.audit_entry e LEFT JOIN weir.audit_chain c USING (audit_id)
    WHERE pg_catalog.pg_has_role('pg_read_all_data', 'USAGE')
        OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[e.role, e.session_role])
                   AND pg_catalog.pg_has_role(r.oid, 'USAGE'));
COMMENT ON VIEW weir.audit_log IS
'Every decision and every change of configuration, written in its own transaction: action on a subject of a kind (model, monitor, rule, review, ...), by
role (as SET ROLE has it) in a session of session_role. number is the place in the chain, NULL until the transaction commits; hash is
SHA-256 over the entry and the hash before: weir.verify_audit_log() computes it anew. Members of pg_read_all_data see all, others what roles did
that they are a member of.';
GRANT SELECT ON weir.audit_log TO PUBLIC;

CREATE FUNCTION weir._person() RETURNS oid
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'weir_person';
COMMENT ON FUNCTION weir._person() IS 'The role that stands for the person at the other end; see the setting weir.identify_by.';
