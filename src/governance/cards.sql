-- governance: model cards and data sheets --------------------------------------------------------------------------------------------------
--
-- They are made from views, so nobody reads in them what he may not see elsewhere.

CREATE TABLE weir.model_description (
    model_id int PRIMARY KEY REFERENCES weir.model ON DELETE CASCADE,
    disclosure text,
    intended_use text,
    limitations text,
    contact text
);
COMMENT ON TABLE weir.model_description IS 'What people say about a model; read the view weir.model_descriptions.';
SELECT pg_catalog.pg_extension_config_dump('weir.model_description', '');

CREATE FUNCTION weir.describe_model(model text, disclosure text = NULL, intended_use text = NULL, limitations text = NULL, contact text = NULL)
    RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_describe_model';
COMMENT ON FUNCTION weir.describe_model(text, text, text, text, text) IS
'Records for a model''s card: disclosure (how people are told that a machine decides or helps to), intended_use, limitations, contact; NULL leaves what was said before. For the
model''s owner.';

CREATE VIEW weir.model_descriptions WITH (security_barrier) AS
    SELECT m.name AS model, d.disclosure, d.intended_use, d.limitations, d.contact
    FROM weir.model_description d JOIN weir.model m USING (model_id) WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.model_descriptions IS 'What weir.describe_model recorded, of the models in weir.models.';
GRANT SELECT ON weir.model_descriptions TO PUBLIC;

-- One cell of a Markdown table.
CREATE FUNCTION weir._cell(content text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN coalesce(replace(replace(content, '|', E'\\|'), E'\n', ' '), '');
COMMENT ON FUNCTION weir._cell(text) IS 'Text for a cell of a Markdown table. Internal.';

CREATE FUNCTION weir._lines(heading text, header text, content text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN cardinality(content) > 0
                THEN format(E'\n## %s\n\n', heading) || coalesce('| ' || header || E' |\n| ' || regexp_replace(regexp_replace(header, '[^|]+', ' --- ', 'g'), '^ | $', '', 'g') || E' |\n', '')
                     || array_to_string(content, E'\n') || E'\n' ELSE '' END;
COMMENT ON FUNCTION weir._lines(text, text, text[]) IS 'A section of a card: a Markdown table, or paragraphs without a header; nothing without content. Internal.';

CREATE FUNCTION weir.model_card(model text, version int = NULL) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    m record;
    v record;
    d record;
    data record;
    card text;
BEGIN
    SELECT * INTO m FROM weir.models x WHERE x.model = model_card.model;
    IF NOT FOUND THEN
        RAISE undefined_object USING MESSAGE = format('model "%s" does not exist', model_card.model), HINT = 'SELECT model FROM weir.models;';
    END IF;
    -- The champion, before there is one the newest.
    SELECT * INTO v FROM weir.model_versions x WHERE x.model = m.model AND (model_card.version IS NULL OR x.version = model_card.version)
        ORDER BY 'champion' = ANY (x.aliases) DESC, x.version DESC LIMIT 1;
    IF NOT FOUND AND model_card.version IS NOT NULL THEN
        RAISE undefined_object USING MESSAGE = format('model "%s" has no version %s', m.model, model_card.version);
    END IF;
    SELECT * INTO d FROM weir.model_descriptions x WHERE x.model = m.model;

    card := format(E'# Model card: %s%s\n', m.model, coalesce(' version ' || v.version, ''))
        || weir._lines('Purpose and risk', NULL, ARRAY[format('- Purpose: %s', coalesce(m.purpose, 'not recorded')), format('- Risk class: %s', m.risk),
               format('- Approvals needed before a version goes live: %s', m.approvals), format('- Owner: %s', m.owner)])
        || weir._lines('AI disclosure', NULL, ARRAY[coalesce(d.disclosure, 'Not recorded: weir.describe_model() records how people are told that a machine decides or helps to.')])
        || weir._lines('Intended use', NULL, array_remove(ARRAY[d.intended_use], NULL))
        || weir._lines('Limitations', NULL, array_remove(ARRAY[d.limitations], NULL))
        || weir._lines('Contact', NULL, array_remove(ARRAY[d.contact], NULL));
    IF v.version IS NULL THEN
        RETURN card;
    END IF;
    card := card
        || weir._lines('Version', NULL, array_remove(ARRAY[format('- State: %s%s', v.state, coalesce(' as ' || nullif(array_to_string(v.aliases, ', '), ''), '')),
               format('- Created: %s by %s', v.created_at, v.created_by), '- Code version: ' || v.code_version, '- Trained by job: ' || v.job_id,
               '- Artefact: ' || v.artifact_uri, '- SHA-256 of the artefact: ' || v.artifact_hash, '- Note: ' || v.note], NULL))
        || weir._lines('Metrics', 'metric | value', ARRAY(SELECT format('| %s | %s |', weir._cell(e.key), weir._cell(e.value)) FROM jsonb_each_text(v.metrics) e ORDER BY e.key));
    SELECT * INTO data FROM weir.data_versions x WHERE x.data_version = v.data_version;
    IF FOUND THEN
        card := card || weir._lines('Training data', NULL, array_remove(ARRAY[format('- Data version %s: %s', data.data_version, data.name), format('- Rows: %s', data.n),
            format('- Content hash: %s', data.content_hash), format('- Status: %s', data.status), '- Note: ' || data.note], NULL));
    END IF;
    RETURN card
        || weir._lines('Performance in operation', 'monitor | metric | value | from | to | window | n', ARRAY(
            SELECT format('| %s | %s | %s | %s | %s | %s | %s |', weir._cell(p.monitor), p.metric, round(p.value::numeric, 4), round(p.low::numeric, 4), round(p.high::numeric, 4),
                          p.window_start, p.n)
            FROM weir.monitors o CROSS JOIN LATERAL (
                SELECT DISTINCT ON (s.metric) s.monitor, s.metric, s.value, s.low, s.high, s.window_start, s.n FROM weir.performance_scores(o.monitor) s
                WHERE s.segment IS NULL AND s.is_final AND s.status = 'ok' ORDER BY s.metric, s.window_start DESC) p
            WHERE o.model = m.model ORDER BY p.monitor, p.metric))
        || weir._lines('Fairness', 'monitor | protected | metric | value | threshold | verdict | window', ARRAY(
            SELECT format('| %s | %s | %s | %s | %s | %s | %s |', weir._cell(f.monitor), weir._cell(f.protected::text), f.metric, round(f.value::numeric, 4), f.threshold, f.verdict, f.window_start)
            FROM weir.monitors o CROSS JOIN LATERAL (
                SELECT DISTINCT ON (s.protected, s.metric) s.* FROM weir.fairness_scores(o.monitor) s
                WHERE s.segment IS NULL AND s.group_name IS NULL AND s.is_final AND s.status = 'ok' ORDER BY s.protected, s.metric, s.window_start DESC) f
            WHERE o.model = m.model ORDER BY f.monitor, f.protected, f.metric))
        || weir._lines('Periodic audits', 'audit | kind | ran | verdict | sign-off', ARRAY(
            SELECT format('| %s | %s | %s | %s | %s |', weir._cell(r.audit), r.kind, r.ran_at::date, r.verdict, r.review_state)
            FROM weir.audit_runs r JOIN weir.monitors o ON o.monitor = r.monitor WHERE o.model = m.model ORDER BY r.run_id DESC LIMIT 10))
        || weir._lines('Reviews', 'review | state | person | decision | reason', ARRAY(
            SELECT format('| %s | %s | %s | %s | %s |', r.review_id, r.state, x.e ->> 'person', x.e ->> 'decision', weir._cell(x.e ->> 'reason'))
            FROM weir.reviews r LEFT JOIN LATERAL jsonb_array_elements(r.decisions) x (e) ON true
            WHERE r.kind = 'model_version' AND r.subject = m.model || '/' || v.version ORDER BY r.review_id))
        || weir._lines('History', 'alias | version | since | until | by | reason', ARRAY(
            SELECT format('| %s | %s | %s | %s | %s | %s |', a.alias, a.version, a.since, a.until, a.set_by, weir._cell(a.reason))
            FROM weir.model_aliases a WHERE a.model = m.model ORDER BY a.since DESC LIMIT 20))
        || weir._lines('Complaints', 'group | filed | open | overdue | upheld', ARRAY(
            SELECT format('| %s | %s | %s | %s | %s |', weir._cell(c.group_name), sum(c.n), sum(c.n_open), sum(c.n_overdue), sum(c.n_upheld))
            FROM weir.complaint_counts c WHERE c.model = m.model GROUP BY c.group_name ORDER BY c.group_name));
END $$;
COMMENT ON FUNCTION weir.model_card(text, int) IS
'A model card in Markdown, from what is recorded and what the caller may see: purpose, risk class, AI disclosure, intended use and limitations (weir.describe_model), the version
(NULL: the champion, before there is one the newest), its metrics and training data, performance and fairness in the last final windows of the monitors of
the model, periodic audits, reviews, history of aliases, complaints by group. What is not there is left out. Error: 42704 no such model or version.';

CREATE FUNCTION weir.data_sheet(data_version bigint) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    d record;
BEGIN
    SELECT * INTO d FROM weir.data_versions x WHERE x.data_version = data_sheet.data_version;
    IF NOT FOUND THEN
        RAISE undefined_object USING MESSAGE = format('data version %s does not exist', data_sheet.data_version), HINT = 'SELECT data_version, name FROM weir.data_versions;';
    END IF;
    RETURN format(E'# Data sheet: %s, data version %s\n', d.name, d.data_version)
        || weir._lines('Composition', NULL, array_remove(ARRAY[format('- Rows: %s', d.n), format('- Content hash: %s', d.content_hash), format('- Status: %s', d.status),
               format('- Created: %s by %s', d.created_at, d.created_by), '- Kept in: ' || d.relation::text, '- Note: ' || d.note], NULL))
        || weir._lines('Columns', 'column | type | class', ARRAY(
            SELECT format('| %s | %s | %s |', weir._cell(c.e ->> 'name'), c.e ->> 'type',
                          (SELECT string_agg(DISTINCT k.class, ', ') FROM weir.column_classes k JOIN weir.sources s ON s.source = k.source WHERE k.column_name = c.e ->> 'name'))
            FROM jsonb_array_elements(to_jsonb(d) -> 'columns') WITH ORDINALITY c (e, i) ORDER BY c.i))
        || weir._lines('Collection', NULL, ARRAY['```sql', d.query, '```'])
        || weir._lines('Uses', NULL, ARRAY(SELECT format('- %s version %s (%s)', v.model, v.version, v.state) FROM weir.model_versions v
                                           WHERE v.data_version = d.data_version ORDER BY v.model, v.version));
END $$;
COMMENT ON FUNCTION weir.data_sheet(bigint) IS
'A data sheet in Markdown of a data version in weir.data_versions: rows, hash, columns with types and classes (of columns of that name in described or monitored tables), the query, the
models trained on it. Error: 42704 no such data version.';

CREATE FUNCTION weir.source_sheet(source regclass) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    s record;
BEGIN
    SELECT * INTO s FROM weir.sources x WHERE x.source = source_sheet.source;
    IF NOT FOUND THEN
        RAISE undefined_object USING MESSAGE = format('%s is neither monitored nor described', source_sheet.source), HINT = 'SELECT source FROM weir.sources;';
    END IF;
    RETURN format(E'# Data sheet: %s\n', s.source)
        || weir._lines('Purpose', NULL, ARRAY[format('- Purpose: %s', coalesce(s.purpose, 'not recorded')), format('- Legal basis: %s', coalesce(s.legal_basis, 'not recorded')),
               format('- Steward: %s', coalesce(s.steward::text, 'not recorded')), format('- Owner: %s', s.owner),
               format('- Monitors: %s', coalesce(nullif(array_to_string(s.monitors, ', '), ''), 'none'))])
        || weir._lines('Columns', 'column | type | class | kept for', ARRAY(
            SELECT format('| %s | %s | %s | %s |', weir._cell(a.attname::text), format_type(a.atttypid, a.atttypmod), weir.column_class(s.source, a.attname),
                          (SELECT r.retention FROM weir.class_retentions r WHERE r.class = weir.column_class(s.source, a.attname)))
            FROM pg_attribute a WHERE a.attrelid = s.source AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum))
        || weir._lines('Last window', 'monitor | column | rows | missing share | distinct', ARRAY(
            SELECT format('| %s | %s | %s | %s | %s |', weir._cell(w.monitor), weir._cell(w.column_name::text), w.n, round(w.null_share::numeric, 4), w.distinct_count)
            FROM unnest(s.monitors) o (monitor) CROSS JOIN LATERAL (
                SELECT DISTINCT ON (x.column_name) x.* FROM weir.window_stats(o.monitor) x WHERE x.segment IS NULL AND x.is_final ORDER BY x.column_name, x.window_start DESC) w
            ORDER BY w.monitor, w.column_name));
END $$;
COMMENT ON FUNCTION weir.source_sheet(regclass) IS
'A data sheet in Markdown of a monitored or described table: purpose, legal basis and steward (weir.describe_source), columns with types, classes and retention, and how
complete they are in the last final windows. Error: 42704 the table is neither, or nothing of it may be read.';
