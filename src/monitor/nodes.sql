-- monitor: panes that databases publish, and monitors that put those of many together ------------------------------------------------------

CREATE TABLE weir.pane_publication (
    monitor_id int PRIMARY KEY REFERENCES weir.monitor ON DELETE CASCADE,
    monitor text NOT NULL,                -- its name, for when it is gone
    node text NOT NULL,
    min_group_size int NOT NULL CHECK (min_group_size >= 1),
    published_by regrole NOT NULL,
    exact_numbers boolean NOT NULL DEFAULT false, -- with min_group_size above 1: numbers are not put together into groups
    UNIQUE (monitor, node)
);
COMMENT ON TABLE weir.pane_publication IS 'Monitors of this database whose panes are published; read the view weir.published_monitors.';
SELECT pg_catalog.pg_extension_config_dump('weir.pane_publication', '');

-- These two are what logical replication carries: a node writes its rows, whoever subscribes gets them.
CREATE TABLE weir.node (
    monitor text NOT NULL,
    node text NOT NULL,
    definition jsonb NOT NULL,            -- weir._pane_definition
    levels jsonb NOT NULL DEFAULT '[]',   -- [{"pane_size", "before"}]: what of it was rolled up
    min_group_size int NOT NULL,
    n_suppressed bigint NOT NULL,         -- rows of panes that are not published, for they are small or not final, in steps of min_group_size
    final_before timestamptz,             -- what happened before is final there
    published_at timestamptz NOT NULL,    -- at least every ten seconds, while the node lives
    PRIMARY KEY (monitor, node)
);
COMMENT ON TABLE weir.node IS 'Monitors whose panes are published, here or by databases that this one subscribes to; read the view weir.nodes.';

CREATE TABLE weir.node_pane (
    monitor text NOT NULL,
    node text NOT NULL,
    pane_start timestamptz NOT NULL,
    pane_end timestamptz,
    segment text[] NOT NULL,
    n bigint NOT NULL,
    n_labelled bigint NOT NULL,
    n_late bigint NOT NULL,
    marks int NOT NULL,
    summaries weir.summary[] NOT NULL,    -- by the ordinals of the definition
    fairness weir.fairness_table[] NOT NULL,
    version xid NOT NULL,                 -- of the pane it was made of
    PRIMARY KEY (monitor, node, pane_start, segment)
);
ALTER TABLE weir.node_pane ALTER summaries SET STORAGE EXTERNAL, ALTER fairness SET STORAGE EXTERNAL;
COMMENT ON TABLE weir.node_pane IS 'Panes that are published, here or by databases that this one subscribes to. Whoever may read it sees their summaries.';

-- Of the node's own, where small groups stay: two states of a pane must not differ by a few rows, else they would tell of these.
CREATE TABLE weir.published_pane (
    monitor_id int NOT NULL,
    pane_start timestamptz NOT NULL,
    segment text[] NOT NULL,
    n bigint NOT NULL,
    n_labelled bigint NOT NULL,
    summaries weir.summary[] NOT NULL,    -- of each column when it was last told: numbers of all rows, categories as they were told
    fairness weir.fairness_table[] NOT NULL, -- of each group when it was last told
    version xid NOT NULL,                 -- of the pane it was last compared with
    PRIMARY KEY (monitor_id, pane_start, segment)
);
ALTER TABLE weir.published_pane ALTER summaries SET STORAGE EXTERNAL, ALTER fairness SET STORAGE EXTERNAL;
COMMENT ON TABLE weir.published_pane IS 'What was last told of each part of a pane that is published with a min_group_size above 1; it is told anew when enough of it has changed.';

CREATE TABLE weir.node_origin (
    monitor text NOT NULL,
    node text NOT NULL,
    subscription oid NOT NULL,
    PRIMARY KEY (monitor, node)
);
COMMENT ON TABLE weir.node_origin IS 'Which subscription brings each node: no other may.';

CREATE TABLE weir.node_merge (
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    node text NOT NULL,
    positions int[] NOT NULL,             -- by ordinal of the monitor: that of the node; NULL: the node has no such column
    segment_positions int[] NOT NULL,     -- by position in segment_by: that of the node's, 0 for the node itself
    first_protected int NOT NULL,         -- of the node
    refused text,                         -- why its panes cannot be put together with the others
    is_refused_by_panes boolean NOT NULL DEFAULT false, -- for those in weir.refused_pane
    merged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (monitor_id, node)
);
COMMENT ON TABLE weir.node_merge IS 'How the panes of each node become panes of a monitor; read the view weir.nodes.';

CREATE TABLE weir.refused_pane (
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    node text NOT NULL,
    pane_start timestamptz NOT NULL,
    segment text[] NOT NULL,              -- both of the node
    reason text NOT NULL,
    differs_from_own boolean NOT NULL,    -- from other panes of its node, which may be what has to go
    PRIMARY KEY (monitor_id, node, pane_start, segment)
);
COMMENT ON TABLE weir.refused_pane IS 'Panes for which a node is refused: it comes in again when none is left; read the view weir.nodes.';

-- ---- when windows are final ----

CREATE FUNCTION weir._is_heard_of(published_at timestamptz, options jsonb) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- By its clock: one that is far ahead would otherwise be waited for when it is no more.
    SELECT $1 > now() - s.silent_after AND $1 < now() + s.silent_after FROM (SELECT coalesce(($2 ->> 'silent_after')::interval, interval '10 minutes') AS silent_after) s;
END;
COMMENT ON FUNCTION weir._is_heard_of(timestamptz, jsonb) IS 'Whether a node told of itself not longer ago than option silent_after. Internal.';

CREATE FUNCTION weir._nodes_final_before(monitor_id int) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(min(n.final_before) FILTER (WHERE weir._is_heard_of(n.published_at, m.options)),
        max(n.final_before))
    FROM weir.monitor m JOIN weir.node_merge g USING (monitor_id) JOIN weir.node n ON n.monitor = m.options ->> 'nodes' AND n.node = g.node
    WHERE m.monitor_id = $1 AND g.refused IS NULL;
END;
COMMENT ON FUNCTION weir._nodes_final_before(int) IS
    'What happened before this is final at each node that is heard of; those that have been silent for longer than option silent_after are not waited for. Internal.';

CREATE FUNCTION weir._final_before(monitor_id int) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- When nothing has arrived for a while, and not because capture is behind, the wall clock counts.
    -- Where the calendar begins, nothing can be taken from a time: nothing is final there.
    SELECT CASE WHEN l.latest >= timestamptz '4700-01-01 00:00:00+00 BC' THEN l.latest - m.lateness END
    FROM weir.monitor m LEFT JOIN weir.monitor_state s USING (monitor_id),
        LATERAL (SELECT CASE WHEN m.options ? 'nodes' THEN weir._nodes_final_before(m.monitor_id) ELSE greatest(s.watermark,
            CASE WHEN now() - coalesce(s.last_change_at, m.created_at)
                      > greatest(m.lateness, coalesce((m.options ->> 'idle_grace')::interval, interval '1 minute'))
                      AND NOT EXISTS (SELECT FROM weir.capture_progress, weir._capture_status() c
                                      WHERE c.lag IS NULL OR c.lag > interval '10 s')
                 THEN now() END) END AS latest) l
    WHERE m.monitor_id = $1;
END;
COMMENT ON FUNCTION weir._final_before(int) IS
    'What happened before this is final: no more rows of that time are expected. Internal.';

-- ---- at the node ----

CREATE FUNCTION weir._pane_definition(monitor_id int) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp SET IntervalStyle = 'postgres'
BEGIN ATOMIC
    SELECT jsonb_build_object('pane_size', m.pane_size, 'time_zone', coalesce(m.time_zone, 'UTC'), 'segment_by', m.segment_by,
        'prediction', m.prediction, 'score', m.score, 'label', m.label, 'positive', m.positive,
        'protected', m.protected, 'first_protected', m.first_protected,
        'columns', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', c.column_name, 'ordinal', c.ordinal, 'kind', c.kind, 'type', c.data_type::text) ORDER BY c.ordinal), '[]')
                    FROM weir.monitor_column c WHERE c.monitor_id = m.monitor_id AND c.retired_at IS NULL AND NOT weir._is_withheld(c.class)),
        'derived', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', d.derivation || '.' || d.part, 'ordinal', d.ordinal) ORDER BY d.ordinal), '[]')
                    FROM weir.derived_column d WHERE d.monitor_id = m.monitor_id
                        AND NOT EXISTS (SELECT FROM unnest(ARRAY[m.prediction, m.score, m.label]) u (name) WHERE weir._is_withheld(weir.column_class(m.source, u.name)))))
    FROM weir.monitor m WHERE m.monitor_id = $1;
END;
COMMENT ON FUNCTION weir._pane_definition(int) IS
    'What the panes of a monitor hold, and where: what is personal or sensitive is not in it. Internal.';

CREATE FUNCTION weir._told_summary(name text, told weir.summary, summary weir.summary, min_group_size int, exact_numbers boolean) RETURNS weir.summary[]
    AS 'MODULE_PATHNAME', 'weir_told_summary' LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION weir._told_summary(text, weir.summary, weir.summary, int, boolean) IS
    'What is told of a column, or of a part of a derived one, by its name in the definition, and what was told last, to compare with the next time; both NULL where nothing is. Each '
    'thing told is of at least min_group_size rows: rare categories are put together as (rare), numbers with their neighbours unless exact_numbers. So is each difference '
    'from what was told before: numbers stay as they were told until so many have changed, and the rows of a category are told in steps of so many. NULL where too few rows have a value, and where not all categories are known. Internal.';

CREATE FUNCTION weir._told_fairness(told weir.fairness_table, fairness weir.fairness_table, min_group_size int) RETURNS weir.fairness_table[]
    AS 'MODULE_PATHNAME', 'weir_told_fairness' LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE;
COMMENT ON FUNCTION weir._told_fairness(weir.fairness_table, weir.fairness_table, int) IS
    'What is told of a fairness table, and what was told last of each group, to compare with the next time. It is without groups of fewer rows, and without the next smallest where '
    'what is left out would have fewer rows; a group stays as it was told until so many of its rows have changed. Internal.';

CREATE VIEW weir._finer_published AS
    SELECT u.monitor_id, u.monitor, u.node, k.pane_start, k.segment, p.pane_start AS coarse_start, p.pane_end AS coarse_end
    FROM weir.pane_publication u JOIN weir.monitor m USING (monitor_id) JOIN weir.node_pane k ON k.monitor = u.monitor AND k.node = u.node
        CROSS JOIN LATERAL (SELECT v.pane_size FROM weir.pane_level v WHERE v.monitor_id = u.monitor_id AND v.before > k.pane_start ORDER BY v.before LIMIT 1) l
        JOIN weir.pane p ON p.monitor_id = u.monitor_id AND p.generation = 0 AND p.part = 'b' AND p.segment = k.segment
            AND p.pane_start = weir.tumble(k.pane_start, l.pane_size, NULL, m.time_zone)
    WHERE u.min_group_size > 1 AND k.pane_end IS DISTINCT FROM p.pane_end;
COMMENT ON VIEW weir._finer_published IS 'Panes that were published before those of their time were rolled up, where small groups stay here. Internal.';

CREATE FUNCTION weir._roll_up_published(monitor_id int) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $body$
    WITH finer AS MATERIALIZED (
        SELECT f.* FROM weir._finer_published f WHERE f.monitor_id = $1
    ), coarse AS MATERIALIZED (
        SELECT f.monitor, f.node, f.segment, f.coarse_start, f.coarse_end, array_agg(f.pane_start) AS starts FROM finer f GROUP BY 1, 2, 3, 4, 5
    ), published AS (
        INSERT INTO weir.node_pane AS o (monitor, node, pane_start, pane_end, segment, n, n_labelled, n_late, marks, summaries, fairness, version)
        SELECT c.monitor, c.node, c.coarse_start, c.coarse_end, c.segment, k.n, k.n_labelled, k.n_late, k.marks,
            ARRAY(SELECT CASE WHEN count(s.summary) = cardinality(c.starts) THEN weir.merge(s.summary) END
                  FROM weir.node_pane p, unnest(p.summaries) WITH ORDINALITY s (summary, ordinal)
                  WHERE p.monitor = c.monitor AND p.node = c.node AND p.segment = c.segment AND p.pane_start = ANY (c.starts) GROUP BY s.ordinal ORDER BY s.ordinal),
            ARRAY(SELECT weir.merge(f.fairness) FROM weir.node_pane p, unnest(p.fairness) WITH ORDINALITY f (fairness, position)
                  WHERE p.monitor = c.monitor AND p.node = c.node AND p.segment = c.segment AND p.pane_start = ANY (c.starts) GROUP BY f.position ORDER BY f.position), '0'
        FROM coarse c, LATERAL (SELECT sum(p.n) AS n, sum(p.n_labelled) AS n_labelled, sum(p.n_late) AS n_late, bit_or(p.marks) AS marks FROM weir.node_pane p
                                WHERE p.monitor = c.monitor AND p.node = c.node AND p.segment = c.segment AND p.pane_start = ANY (c.starts)) k
        ON CONFLICT (monitor, node, pane_start, segment) DO UPDATE SET pane_end = excluded.pane_end, n = excluded.n, n_labelled = excluded.n_labelled, n_late = excluded.n_late,
            marks = excluded.marks, summaries = excluded.summaries, fairness = excluded.fairness, version = excluded.version
    ), compared AS (
        INSERT INTO weir.published_pane AS o (monitor_id, pane_start, segment, n, n_labelled, summaries, fairness, version)
        SELECT $1, c.coarse_start, c.segment, k.n, k.n_labelled,
            -- Also of a column that one of them did not tell: what the others told of it has left.
            ARRAY(SELECT weir.merge(s.summary)
                  FROM weir.published_pane p, unnest(p.summaries) WITH ORDINALITY s (summary, ordinal)
                  WHERE p.monitor_id = $1 AND p.segment = c.segment AND p.pane_start = ANY (c.starts) GROUP BY s.ordinal ORDER BY s.ordinal),
            ARRAY(SELECT weir.merge(f.fairness) FROM weir.published_pane p, unnest(p.fairness) WITH ORDINALITY f (fairness, position)
                  WHERE p.monitor_id = $1 AND p.segment = c.segment AND p.pane_start = ANY (c.starts) GROUP BY f.position ORDER BY f.position), '0'
        FROM coarse c, LATERAL (SELECT sum(p.n) AS n, sum(p.n_labelled) AS n_labelled FROM weir.published_pane p
                                WHERE p.monitor_id = $1 AND p.segment = c.segment AND p.pane_start = ANY (c.starts) HAVING count(*) > 0) k
        ON CONFLICT (monitor_id, pane_start, segment) DO UPDATE SET n = excluded.n, n_labelled = excluded.n_labelled,
            summaries = excluded.summaries, fairness = excluded.fairness, version = excluded.version
    ), gone AS (
        DELETE FROM weir.published_pane p USING finer f WHERE p.monitor_id = $1 AND p.pane_start = f.pane_start AND p.segment = f.segment AND f.pane_start <> f.coarse_start
    )
    DELETE FROM weir.node_pane p USING finer f
        WHERE p.monitor = f.monitor AND p.node = f.node AND p.pane_start = f.pane_start AND p.segment = f.segment AND f.pane_start <> f.coarse_start;
$body$;
COMMENT ON FUNCTION weir._roll_up_published(int) IS
    'Merges what was published of panes that have been rolled up since: a coarser pane made anew would tell of the rows that the finer ones had kept here. Internal.';

-- One statement: what is taken away and what is new belong together. Of what has left, each part is told anew only where enough of it has changed: two
-- states that differ by few values would tell of these. Who calls it holds the publication, so that nobody withdraws it meanwhile.
CREATE FUNCTION weir._publish_panes(monitor_id int) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    -- Not BEGIN ATOMIC: PostgreSQL dumps two ON CONFLICT of one statement so that pg_upgrade cannot read them.
    AS $body$
    SELECT weir._roll_up_published($1);
    WITH settings AS MATERIALIZED (
        SELECT u.monitor_id, u.monitor, u.node, u.min_group_size, u.exact_numbers, m.pane_size, coalesce(m.time_zone, 'UTC') AS time_zone,
            -- Exactly, it would tell when each latest row happened; between panes it ends no window earlier.
            CASE WHEN u.min_group_size > 1 THEN weir.tumble(weir._final_before(u.monitor_id), m.pane_size, NULL, m.time_zone) ELSE weir._final_before(u.monitor_id) END AS final_before,
            weir._pane_definition(u.monitor_id) || jsonb_build_object('exact_numbers', u.exact_numbers) AS definition
        FROM weir.pane_publication u JOIN weir.monitor m USING (monitor_id)
        WHERE u.monitor_id = $1 AND NOT EXISTS (SELECT FROM weir._finer_published f WHERE f.monitor_id = $1)  -- rolled up since the statement above
    ), publication AS MATERIALIZED (
        SELECT s.*, (o.definition = s.definition AND o.min_group_size = s.min_group_size) IS NOT TRUE AS is_anew,
            -- What was told with another size is nothing to compare with: it is of other groups.
            (o.min_group_size = s.min_group_size) IS NOT TRUE AS is_of_another_size
        FROM settings s LEFT JOIN weir.node o ON o.monitor = s.monitor AND o.node = s.node
    ), item AS MATERIALIZED (
        SELECT (e ->> 'ordinal')::bigint AS ordinal, e ->> 'name' AS name
        FROM publication u, jsonb_array_elements((u.definition -> 'columns') || (u.definition -> 'derived')) e
    ), here AS MATERIALIZED (
        SELECT p.pane_start, p.segment, p.xmin AS version, p.n, p.marks, k.n AS published_n, k.marks AS published_marks, q.version AS compared_version,
            f.is_final, l.may_leave,
            l.may_leave AND (k.n IS NULL OR u.is_anew OR CASE WHEN u.min_group_size > 1 THEN q.version IS DISTINCT FROM p.xmin ELSE k.version <> p.xmin END) AS is_due,
            -- As it left: when it is not final any more, for the latest time went back or is not known, and while only few rows are gone.
            NOT l.may_leave AND k.n IS NOT NULL AND NOT u.is_anew AND (p.n >= u.min_group_size OR q.n - p.n < u.min_group_size OR u.min_group_size <= 1) IS TRUE AS stays
        FROM publication u JOIN weir.pane p ON p.monitor_id = u.monitor_id AND p.generation = 0 AND p.part = 'b'
            LEFT JOIN weir.node_pane k ON k.monitor = u.monitor AND k.node = u.node AND k.pane_start = p.pane_start AND k.segment = p.segment
            LEFT JOIN weir.published_pane q ON q.monitor_id = u.monitor_id AND q.pane_start = p.pane_start AND q.segment = p.segment
            -- A pane that grows before one's eyes would tell of single rows. Where nothing is known to be final, none is.
            CROSS JOIN LATERAL (SELECT u.min_group_size <= 1 OR coalesce(coalesce(p.pane_end, (p.pane_start AT TIME ZONE u.time_zone + u.pane_size) AT TIME ZONE u.time_zone)
                                                                         <= u.final_before, false) AS is_final) f
            -- Below 0 while a partition that was attached is not read yet, and loses rows already: no other would take it.
            CROSS JOIN LATERAL (SELECT f.is_final AND p.n >= CASE WHEN u.min_group_size > 1 THEN u.min_group_size ELSE 0 END AS may_leave) l
    ), told_pane AS MATERIALIZED (
        -- With a min_group_size: what is told of each pane that is due, and what was told last.
        SELECT h.pane_start, h.segment, h.version, r.n, r.n_labelled,
            coalesce(k.n_late + (p.n_late - k.n_late) / u.min_group_size * u.min_group_size, p.n_late) AS n_late, s.summaries, s.told_summaries, f.fairness, f.told_fairness
        FROM publication u CROSS JOIN here h JOIN weir.pane p ON p.monitor_id = u.monitor_id AND p.generation = 0 AND p.part = 'b'
                AND p.pane_start = h.pane_start AND p.segment = h.segment
            LEFT JOIN weir.node_pane k ON k.monitor = u.monitor AND k.node = u.node AND k.pane_start = h.pane_start AND k.segment = h.segment
            LEFT JOIN weir.published_pane q ON NOT u.is_of_another_size AND q.monitor_id = u.monitor_id AND q.pane_start = h.pane_start AND q.segment = h.segment
            -- In steps from what was told, as in summaries: any two states then differ by so many rows, or not at all.
            CROSS JOIN LATERAL (SELECT coalesce(q.n + (p.n - q.n) / u.min_group_size * u.min_group_size, p.n) AS n,
                                    coalesce(q.n_labelled + (p.n_labelled - q.n_labelled) / u.min_group_size * u.min_group_size, p.n_labelled) AS n_labelled) r
            CROSS JOIN LATERAL (
                SELECT coalesce(array_agg(t.told[1] ORDER BY c.ordinal), '{}') AS summaries, coalesce(array_agg(t.told[2] ORDER BY c.ordinal), '{}') AS told_summaries
                FROM unnest(q.summaries, p.summaries) WITH ORDINALITY c (told, summary, ordinal) LEFT JOIN item i USING (ordinal)
                    CROSS JOIN LATERAL (SELECT CASE WHEN i.ordinal IS NOT NULL THEN weir._told_summary(i.name, c.told, c.summary, u.min_group_size, u.exact_numbers)
                                                    ELSE ARRAY[NULL, c.told] END AS told OFFSET 0) t) s
            CROSS JOIN LATERAL (
                SELECT coalesce(array_agg(t.told[1] ORDER BY c.position), '{}') AS fairness, coalesce(array_agg(t.told[2] ORDER BY c.position), '{}') AS told_fairness
                FROM unnest(q.fairness, p.fairness) WITH ORDINALITY c (told, fairness, position)
                    CROSS JOIN LATERAL (SELECT weir._told_fairness(c.told, c.fairness, u.min_group_size) AS told OFFSET 0) t) f
        WHERE h.is_due AND u.min_group_size > 1
    ), told AS (
        INSERT INTO weir.node AS o (monitor, node, definition, levels, min_group_size, n_suppressed, final_before, published_at)
        SELECT u.monitor, u.node, u.definition,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('pane_size', l.pane_size, 'before', l.before) ORDER BY l.before), '[]')
             FROM weir.pane_level l WHERE l.monitor_id = u.monitor_id),
            u.min_group_size,
            -- In steps: by single rows it would tell, and published_at with it, when each comes.
            CASE WHEN u.min_group_size > 1 THEN
                (SELECT coalesce(sum(greatest(h.n - CASE WHEN h.is_due THEN t.n WHEN h.may_leave OR h.stays THEN h.published_n ELSE 0 END, 0)), 0)::bigint
                 FROM here h LEFT JOIN told_pane t USING (pane_start, segment)) / u.min_group_size * u.min_group_size ELSE 0 END,
            u.final_before, clock_timestamp()
        FROM publication u
        ON CONFLICT (monitor, node) DO UPDATE SET definition = excluded.definition, levels = excluded.levels, min_group_size = excluded.min_group_size,
            n_suppressed = excluded.n_suppressed, final_before = excluded.final_before, published_at = excluded.published_at
        WHERE (o.definition, o.levels, o.min_group_size, o.n_suppressed, o.final_before)
            IS DISTINCT FROM (excluded.definition, excluded.levels, excluded.min_group_size, excluded.n_suppressed, excluded.final_before)
            OR o.published_at < excluded.published_at - interval '10 s'
    ), gone AS (
        DELETE FROM weir.node_pane p USING publication u WHERE p.monitor = u.monitor AND p.node = u.node
            AND NOT EXISTS (SELECT FROM here h WHERE (h.may_leave OR h.stays) AND h.pane_start = p.pane_start AND h.segment = p.segment)
    ), no_more_compared AS (
        -- What is told no more has left all the same: it is compared with when the pane comes back.
        DELETE FROM weir.published_pane p USING publication u WHERE p.monitor_id = u.monitor_id
            AND NOT EXISTS (SELECT FROM here h WHERE u.min_group_size > 1 AND (h.is_due OR NOT u.is_of_another_size) AND h.pane_start = p.pane_start AND h.segment = p.segment)
    ), marked AS (
        UPDATE weir.node_pane p SET marks = h.marks FROM publication u CROSS JOIN here h
        WHERE NOT h.is_due AND (h.may_leave OR h.stays) AND h.marks <> h.published_marks
            AND p.monitor = u.monitor AND p.node = u.node AND p.pane_start = h.pane_start AND p.segment = h.segment
    ), compared AS (
        UPDATE weir.published_pane p SET version = h.version FROM publication u CROSS JOIN here h
        WHERE NOT u.is_of_another_size AND NOT h.is_due AND h.is_final AND h.version <> h.compared_version
            AND p.monitor_id = u.monitor_id AND p.pane_start = h.pane_start AND p.segment = h.segment
    ), kept AS (
        INSERT INTO weir.published_pane AS o (monitor_id, pane_start, segment, n, n_labelled, summaries, fairness, version)
        SELECT u.monitor_id, t.pane_start, t.segment, t.n, t.n_labelled, t.told_summaries, t.told_fairness, t.version FROM publication u CROSS JOIN told_pane t
        ON CONFLICT (monitor_id, pane_start, segment) DO UPDATE SET n = excluded.n, n_labelled = excluded.n_labelled, summaries = excluded.summaries,
            fairness = excluded.fairness, version = excluded.version
    ), leaving AS (
        SELECT p.pane_start, p.pane_end, p.segment, coalesce(t.n, p.n) AS n, coalesce(least(t.n_labelled, t.n), p.n_labelled) AS n_labelled, coalesce(t.n_late, p.n_late) AS n_late, p.marks,
            coalesce(t.summaries, ARRAY(SELECT CASE WHEN i.ordinal IS NOT NULL THEN s.summary END
                                        FROM unnest(p.summaries) WITH ORDINALITY s (summary, ordinal) LEFT JOIN item i USING (ordinal) ORDER BY ordinal)) AS summaries,
            coalesce(t.fairness, p.fairness) AS fairness, h.version
        FROM publication u CROSS JOIN here h JOIN weir.pane p ON p.monitor_id = u.monitor_id AND p.generation = 0 AND p.part = 'b'
                AND p.pane_start = h.pane_start AND p.segment = h.segment
            LEFT JOIN told_pane t ON t.pane_start = h.pane_start AND t.segment = h.segment
        WHERE h.is_due
    )
    INSERT INTO weir.node_pane AS o (monitor, node, pane_start, pane_end, segment, n, n_labelled, n_late, marks, summaries, fairness, version)
    SELECT u.monitor, u.node, l.pane_start, l.pane_end, l.segment, l.n, l.n_labelled, l.n_late, l.marks, l.summaries, l.fairness, l.version
    FROM publication u CROSS JOIN leaving l
        LEFT JOIN weir.node_pane k ON k.monitor = u.monitor AND k.node = u.node AND k.pane_start = l.pane_start AND k.segment = l.segment
    -- Where nothing is told anew, nothing leaves: neither does when it was looked at.
    WHERE u.min_group_size <= 1 OR k.n IS NULL
        OR record_image_ne(ROW(k.pane_end, k.n, k.n_labelled, k.n_late, k.marks, k.summaries, k.fairness),
                           ROW(l.pane_end, l.n, l.n_labelled, l.n_late, l.marks, l.summaries, l.fairness))
    ON CONFLICT (monitor, node, pane_start, segment) DO UPDATE SET pane_end = excluded.pane_end, n = excluded.n, n_labelled = excluded.n_labelled, n_late = excluded.n_late,
        marks = excluded.marks, summaries = excluded.summaries, fairness = excluded.fairness, version = excluded.version;
$body$;
COMMENT ON FUNCTION weir._publish_panes(int) IS 'Makes what is published of a monitor what its panes are now. Internal.';

CREATE FUNCTION weir._withdraw_panes() RETURNS trigger AS 'MODULE_PATHNAME', 'weir_withdrawn' LANGUAGE C;
COMMENT ON FUNCTION weir._withdraw_panes() IS 'Takes back what was published of a monitor. Internal.';
CREATE TRIGGER withdraw AFTER DELETE ON weir.pane_publication FOR EACH ROW EXECUTE FUNCTION weir._withdraw_panes();

CREATE FUNCTION weir.publish_panes(monitor text, node text, min_group_size int DEFAULT 10, exact_numbers boolean DEFAULT false) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_publish_panes' LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.publish_panes(text, text, int, boolean) IS
    'Lets a monitor''s panes be published as those of a node, for a monitor elsewhere that puts those of many nodes together (option nodes of weir.create_monitor): they '
    'are kept in weir.node and weir.node_pane from now on, which an administrator publishes by logical replication. Rows never leave. min_group_size: of how many rows a '
    'pane, a group of a protected column, a category and a number must be to leave by itself: smaller panes and groups stay here (with the next smallest group, where what '
    'stays is of fewer rows, too), rare categories are put together as (rare), numbers with their neighbours into groups told as their mean, '
    'panes leave once they are final, and each part of them again when so many of its values have changed; 1 publishes everything as it is, at once. exact_numbers: numbers are not put together, so that extremes '
    'and single values leave. Columns classed personal or sensitive are left out. Again, with other arguments, changes it. Needs '
    'ownership of the monitor or of its table. Errors: 42704 no such monitor, 22023 a size below 1 or an empty name, 55000 a monitor that puts nodes together itself.';

CREATE FUNCTION weir.withdraw_panes(monitor text) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_withdraw_panes' LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.withdraw_panes(text) IS
    'Takes back what weir.publish_panes published: it goes from those who subscribe, too. Needs ownership of the monitor or of its table. Errors: 42704 no such monitor, '
    '55000 it is not published.';

-- ---- where they are put together ----

CREATE FUNCTION weir._claim_node(monitor text, node text, subscription oid) RETURNS text
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- Asked for each pane: what is claimed already is not locked again.
    INSERT INTO weir.node_origin AS o SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM weir.node_origin c WHERE c.monitor = $1 AND c.node = $2 AND c.subscription = $3)
        ON CONFLICT (monitor, node) DO UPDATE SET subscription = excluded.subscription WHERE NOT EXISTS (SELECT FROM pg_subscription s WHERE s.oid = o.subscription);
    SELECT CASE WHEN EXISTS (SELECT FROM weir.pane_publication u WHERE u.monitor = $1 AND u.node = $2) THEN 'itself'
        ELSE (SELECT format('subscription "%s"', s.subname) FROM weir.node_origin o JOIN pg_subscription s ON s.oid = o.subscription
              WHERE o.monitor = $1 AND o.node = $2 AND o.subscription <> $3) END;
END;
COMMENT ON FUNCTION weir._claim_node(text, text, oid) IS
    'Makes a node that of a subscription, unless it is of another one that is still there; gives who else brings it, or NULL. Internal.';

CREATE FUNCTION weir._is_summary_of(summary weir.summary, kind text, data_type regtype) RETURNS boolean
    AS 'MODULE_PATHNAME', 'weir_is_summary_of' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._is_summary_of(weir.summary, text, regtype) IS 'Whether it is a summary of a column of that type, as that kind. Internal.';
CREATE FUNCTION weir._is_summary_of_part(summary weir.summary, derivation text, part text) RETURNS boolean
    AS 'MODULE_PATHNAME', 'weir_is_summary_of_part' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._is_summary_of_part(weir.summary, text, text) IS 'Whether it is a summary of that part of a derived column. Internal.';
CREATE FUNCTION weir._is_fairness_of(fairness weir.fairness_table, n bigint) RETURNS boolean
    AS 'MODULE_PATHNAME', 'weir_is_fairness_of' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION weir._is_fairness_of(weir.fairness_table, bigint) IS 'Whether it counts the groups of one protected column of at most so many rows. Internal.';

CREATE FUNCTION weir._node_refusal(monitor_id int, definition jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE
        WHEN d ->> 'pane_size' IS DISTINCT FROM m ->> 'pane_size' THEN format('its panes are of %s, not %s', coalesce(d ->> 'pane_size', 'no size'), m ->> 'pane_size')
        WHEN d ->> 'time_zone' IS DISTINCT FROM m ->> 'time_zone' THEN format('its time zone is %s, not %s', coalesce(d ->> 'time_zone', 'none'), m ->> 'time_zone')
        WHEN (SELECT array_agg(v ORDER BY v) FROM jsonb_array_elements_text(d -> 'segment_by') v)
                IS DISTINCT FROM (SELECT array_agg(v ORDER BY v) FROM jsonb_array_elements_text(m -> 'segment_by') v WHERE v <> 'node')
            THEN format('it is segmented by %s, not %s', d -> 'segment_by', (m -> 'segment_by') - 'node')
        WHEN EXISTS (SELECT FROM unnest(ARRAY['prediction', 'score', 'label', 'positive']) r WHERE d ->> r IS DISTINCT FROM m ->> r)
            THEN (SELECT format('its %s is %s, not %s', r, coalesce(d ->> r, 'none'), coalesce(m ->> r, 'none'))
                  FROM unnest(ARRAY['prediction', 'score', 'label', 'positive']) WITH ORDINALITY u (r, o) WHERE d ->> r IS DISTINCT FROM m ->> r ORDER BY o LIMIT 1)
        WHEN d -> 'protected' IS DISTINCT FROM m -> 'protected' THEN format('its protected columns are %s, not %s', d -> 'protected', m -> 'protected')
        -- What it does not publish, being personal, is missing; what it has must be of the same kind.
        WHEN d -> 'derived' <> '[]' AND m -> 'derived' <> '[]' AND EXISTS (SELECT e ->> 'name' FROM jsonb_array_elements(m -> 'derived') e
                                                                          EXCEPT SELECT e ->> 'name' FROM jsonb_array_elements(d -> 'derived') e)
            THEN format('its types of prediction, score and label give %s, not %s',
                (SELECT string_agg(DISTINCT split_part(e ->> 'name', '.', 1), ', ') FROM jsonb_array_elements(d -> 'derived') e),
                (SELECT string_agg(DISTINCT split_part(e ->> 'name', '.', 1), ', ') FROM jsonb_array_elements(m -> 'derived') e))
        ELSE (SELECT format('its column %s is %s (%s), not %s (%s)', a ->> 'name', a ->> 'kind', a ->> 'type', b ->> 'kind', b ->> 'type')
              FROM jsonb_array_elements(d -> 'columns') a JOIN jsonb_array_elements(m -> 'columns') b ON a ->> 'name' = b ->> 'name'
              WHERE a ->> 'kind' <> b ->> 'kind' OR a ->> 'kind' = 'numeric' AND a ->> 'type' <> b ->> 'type' ORDER BY a ->> 'name' LIMIT 1) END
    FROM (SELECT $2 AS d, weir._pane_definition($1) AS m) x;
END;
COMMENT ON FUNCTION weir._node_refusal(int, jsonb) IS 'Why panes of that definition cannot be put into the monitor''s; NULL: they can. Internal.';

-- What a node has put together is of no value, so it must not be taken for the value '(other)': its array begins at 0 in place of 1.
CREATE FUNCTION weir._segment_of_node(positions int[], node text, segment text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN cardinality($3) = 0 AND cardinality($1) > 1 THEN format('[0:%s]=%s', cardinality($1) - 1, s.parts)::text[] ELSE s.parts END
    FROM (SELECT ARRAY(SELECT CASE WHEN p.position = 0 THEN $2 WHEN cardinality($3) = 0 THEN '(other)' ELSE $3[p.position] END
                       FROM unnest($1) WITH ORDINALITY p (position, place) ORDER BY place) AS parts) s;
END;
COMMENT ON FUNCTION weir._segment_of_node(int[], text, text[]) IS
    'The segment of a node where its panes are put together with those of others; positions as in weir.node_merge. Internal.';

CREATE VIEW weir._merged_pane AS
    SELECT g.monitor_id, p.monitor, p.node, p.pane_start AS node_pane_start, p.segment AS node_segment, p.pane_start, p.pane_end,
        weir._segment_of_node(g.segment_positions, p.node, p.segment) AS segment,
        p.n, p.n_labelled, p.n_late, p.marks,
        ARRAY(SELECT p.summaries[s.position] FROM unnest(g.positions) WITH ORDINALITY s (position, ordinal) ORDER BY ordinal) AS summaries,
        array_fill(NULL::weir.fairness_table, ARRAY[m.first_protected]) || p.fairness[g.first_protected + 1 :] AS fairness,
        g.refused IS NOT NULL AS is_refused
    FROM weir.node_merge g JOIN weir.monitor m USING (monitor_id) JOIN weir.node_pane p ON p.monitor = m.options ->> 'nodes' AND p.node = g.node
    WHERE g.refused IS NULL OR g.is_refused_by_panes;
COMMENT ON VIEW weir._merged_pane IS 'Panes of nodes as panes of the monitors that put them together, or would but for others of the node. Internal.';

-- A node may be wrong or hostile: a summary of another kind would be an error in every reading.
CREATE FUNCTION weir._pane_refusal(monitor_id int, pane weir._merged_pane) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- In PL/pgSQL, which keeps its plans: it is asked for each pane.
    RETURN format('its pane of %s has ', pane.node_pane_start) || CASE
        WHEN NOT isfinite(pane.pane_start) OR NOT coalesce(isfinite(pane.pane_end) AND pane.pane_end > pane.pane_start, true) THEN 'no finite range of time'
        -- So many rows that no sum of panes overflows.
        WHEN pane.n NOT BETWEEN 0 AND 1000000000000 OR pane.n_labelled NOT BETWEEN 0 AND pane.n OR pane.n_late NOT BETWEEN 0 AND 1000000000000
            THEN format('%s rows, %s labels, %s late rows', pane.n, pane.n_labelled, pane.n_late)
        WHEN cardinality(pane.node_segment) > 0 AND (array_ndims(pane.node_segment) <> 1 OR array_lower(pane.node_segment, 1) <> 1
                OR cardinality(pane.node_segment) <> (SELECT cardinality(m.segment_by) - 1 FROM weir.monitor m WHERE m.monitor_id = $1))
            THEN format('segment %s', pane.node_segment)
        -- With a min_group_size, groups and rows are each as they were last told, and so may be more than these.
        WHEN EXISTS (SELECT FROM unnest(pane.fairness) f
                     WHERE NOT weir._is_fairness_of(f, (SELECT CASE WHEN o.min_group_size > 1 THEN 1000000000000 ELSE pane.n END FROM weir.node o
                                                        WHERE o.monitor = pane.monitor AND o.node = pane.node))) THEN 'fairness counts that are not of its rows'
        ELSE coalesce((SELECT format('a summary of column %s that is no %s of %s', c.column_name, c.kind, c.data_type) FROM weir.monitor_column c
                       WHERE c.monitor_id = $1 AND c.retired_at IS NULL AND NOT weir._is_summary_of(pane.summaries[c.ordinal], c.kind, c.data_type) ORDER BY c.ordinal LIMIT 1),
            (SELECT format('a summary that is no %s of %s', d.part, d.derivation) FROM weir.derived_column d
             WHERE d.monitor_id = $1 AND NOT weir._is_summary_of_part(pane.summaries[d.ordinal], d.derivation, d.part) ORDER BY d.ordinal LIMIT 1),
            (SELECT format('vectors of %s numbers in column %s, others have %s', weir.vector_dimension(pane.summaries[c.ordinal]), c.column_name, o.dimension)
             FROM weir.monitor_column c, LATERAL (SELECT weir.vector_dimension(p.summaries[c.ordinal]) AS dimension FROM weir.pane p
                                                  WHERE p.monitor_id = $1 AND p.generation = 0 AND weir.vector_dimension(p.summaries[c.ordinal]) IS NOT NULL LIMIT 1) o
             WHERE c.monitor_id = $1 AND c.retired_at IS NULL AND c.kind = 'vector' AND weir.vector_dimension(pane.summaries[c.ordinal]) <> o.dimension ORDER BY c.ordinal LIMIT 1)) END;
END $$;
COMMENT ON FUNCTION weir._pane_refusal(int, weir._merged_pane) IS 'Why a pane of a node cannot be put into the monitor''s; NULL: it can. Internal.';

CREATE FUNCTION weir._forget_node_panes(monitor_id int, node text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM weir.pane p USING weir.monitor m
        WHERE m.monitor_id = $1 AND p.monitor_id = $1 AND p.generation = 0 AND p.segment[array_lower(p.segment, 1) - 1 + array_position(m.segment_by, 'node')] = $2;
END;
COMMENT ON FUNCTION weir._forget_node_panes(int, text) IS 'Takes a node''s panes out of a monitor. Internal.';

CREATE FUNCTION weir._forget_node(monitor_id int, node text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT weir._forget_node_panes($1, $2);
    DELETE FROM weir.refused_pane r WHERE r.monitor_id = $1 AND r.node = $2;
    DELETE FROM weir.node_merge g WHERE g.monitor_id = $1 AND g.node = $2;
END;
COMMENT ON FUNCTION weir._forget_node(int, text) IS 'Takes a node out of a monitor. Internal.';

CREATE FUNCTION weir._refuse_node(monitor_id int, node text, reason text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT weir._forget_node_panes($1, $2);
    DELETE FROM weir.refused_pane r WHERE r.monitor_id = $1 AND r.node = $2;
    INSERT INTO weir.node_merge AS g (monitor_id, node, positions, segment_positions, first_protected, refused) VALUES ($1, $2, '{}', '{}', 0, $3)
        ON CONFLICT (monitor_id, node) DO UPDATE SET refused = excluded.refused, is_refused_by_panes = false;
END;
COMMENT ON FUNCTION weir._refuse_node(int, text, text) IS 'Leaves a node out of a monitor for what it tells of itself, and says why. Internal.';

CREATE FUNCTION weir._refuse_node_for_panes(monitor_id int, node text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT weir._forget_node_panes($1, $2) FROM weir.node_merge g
        WHERE g.monitor_id = $1 AND g.node = $2 AND g.refused IS NULL AND EXISTS (SELECT FROM weir.refused_pane r WHERE r.monitor_id = $1 AND r.node = $2);
    UPDATE weir.node_merge g SET refused = r.reason, is_refused_by_panes = true
        FROM (SELECT r.reason FROM weir.refused_pane r WHERE r.monitor_id = $1 AND r.node = $2 ORDER BY r.pane_start, r.segment LIMIT 1) r
        WHERE g.monitor_id = $1 AND g.node = $2 AND g.refused IS DISTINCT FROM r.reason;
END;
COMMENT ON FUNCTION weir._refuse_node_for_panes(int, text) IS 'Leaves a node out of a monitor if there are panes for which it is refused, and says why of the first. Internal.';

CREATE FUNCTION weir._check_node_levels(monitor_id int, node text) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT count(weir.tumble(l.before, l.pane_size, NULL, m.time_zone))
        FROM weir.monitor m JOIN weir.node n ON n.monitor = m.options ->> 'nodes', jsonb_to_recordset(n.levels) l (pane_size interval, before timestamptz)
        WHERE m.monitor_id = $1 AND n.node = $2;
END;
COMMENT ON FUNCTION weir._check_node_levels(int, text) IS 'An error where a node says that it has panes of a size that no calendar has: else it would be one when somebody reads. Internal.';

CREATE FUNCTION weir._merge_node(monitor_id int, node text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT weir._forget_node($1, $2);
    INSERT INTO weir.node_merge (monitor_id, node, positions, segment_positions, first_protected, refused)
        SELECT m.monitor_id, n.node,
            ARRAY(SELECT e.ordinal FROM generate_series(1, m.last_ordinal) o (ordinal)
                  LEFT JOIN LATERAL (SELECT c.column_name AS name, 'columns' AS part FROM weir.monitor_column c WHERE c.monitor_id = m.monitor_id AND c.ordinal = o.ordinal
                      UNION ALL SELECT d.derivation || '.' || d.part, 'derived' FROM weir.derived_column d WHERE d.monitor_id = m.monitor_id AND d.ordinal = o.ordinal) w ON true
                  LEFT JOIN LATERAL (SELECT min((e.value ->> 'ordinal')::int) AS ordinal FROM jsonb_array_elements(n.definition -> w.part) e
                                     WHERE e.value ->> 'name' = w.name) e ON true
                  ORDER BY o.ordinal),
            ARRAY(SELECT CASE WHEN s.name = 'node' THEN 0 ELSE array_position(ARRAY(SELECT jsonb_array_elements_text(n.definition -> 'segment_by')), s.name::text) END
                  FROM unnest(m.segment_by) WITH ORDINALITY s (name, place) ORDER BY place),
            (n.definition ->> 'first_protected')::smallint, weir._node_refusal(m.monitor_id, n.definition)
        FROM weir.monitor m JOIN weir.node n ON n.monitor = m.options ->> 'nodes' WHERE m.monitor_id = $1 AND n.node = $2;
    SELECT weir._check_node_levels($1, $2);
    INSERT INTO weir.refused_pane (monitor_id, node, pane_start, segment, reason, differs_from_own)
        SELECT $1, $2, r.pane_start, r.segment, r.reason, false
        FROM (SELECT p.node_pane_start AS pane_start, p.node_segment AS segment, weir._pane_refusal($1, p) AS reason FROM weir._merged_pane p WHERE p.monitor_id = $1 AND p.node = $2) r
        WHERE r.reason IS NOT NULL;
    SELECT weir._refuse_node_for_panes($1, $2);
    INSERT INTO weir.pane (monitor_id, generation, pane_start, pane_end, segment, n, n_labelled, n_late, marks, summaries, fairness)
        SELECT p.monitor_id, 0, p.pane_start, p.pane_end, p.segment, p.n, p.n_labelled, p.n_late, p.marks, p.summaries, p.fairness
        FROM weir._merged_pane p WHERE p.monitor_id = $1 AND p.node = $2 AND NOT p.is_refused;
    -- Its own vectors among each other.
    INSERT INTO weir.refused_pane (monitor_id, node, pane_start, segment, reason, differs_from_own)
        SELECT $1, $2, r.pane_start, r.segment, r.reason, true
        FROM (SELECT p.node_pane_start AS pane_start, p.node_segment AS segment, weir._pane_refusal($1, p) AS reason FROM weir._merged_pane p
              WHERE p.monitor_id = $1 AND p.node = $2 AND NOT p.is_refused AND EXISTS (SELECT FROM weir.monitor_column c WHERE c.monitor_id = $1 AND c.kind = 'vector')) r
        WHERE r.reason IS NOT NULL;
    SELECT weir._refuse_node_for_panes($1, $2);
END;
COMMENT ON FUNCTION weir._merge_node(int, text) IS 'Puts a node''s panes into a monitor, in place of those of it that were there. Internal.';

CREATE FUNCTION weir._take_node_levels(node_monitor text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    -- Nodes are told of in transactions of their own: whoever comes second sees what the other one had to say.
    SELECT pg_advisory_xact_lock('weir.pane_level'::regclass::oid::int, hashtext($1));
    INSERT INTO weir.pane_level AS o (monitor_id, pane_size, before)
        SELECT m.monitor_id, l.pane_size, max(l.before)
        FROM weir.monitor m JOIN weir.node_merge g USING (monitor_id) JOIN weir.node n ON n.monitor = m.options ->> 'nodes' AND n.node = g.node,
            jsonb_to_recordset(CASE WHEN g.refused IS NULL THEN n.levels ELSE '[]' END) l (pane_size interval, before timestamptz)
        WHERE n.monitor = $1 GROUP BY m.monitor_id, l.pane_size
        ON CONFLICT (monitor_id, pane_size) DO UPDATE SET before = excluded.before WHERE o.before <> excluded.before;
    DELETE FROM weir.pane_level o USING weir.monitor m WHERE m.options ->> 'nodes' = $1 AND o.monitor_id = m.monitor_id
        AND NOT EXISTS (SELECT FROM weir.node n JOIN weir.node_merge g ON g.monitor_id = m.monitor_id AND g.node = n.node,
                            jsonb_to_recordset(CASE WHEN g.refused IS NULL THEN n.levels ELSE '[]' END) l (pane_size interval)
                        WHERE n.monitor = $1 AND l.pane_size = o.pane_size);
END;
COMMENT ON FUNCTION weir._take_node_levels(text) IS 'Up to where any node has coarser panes. Internal.';

CREATE FUNCTION weir._is_mended(monitor text, node text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    merged record;
    refused record;
    is_mended boolean := false;
BEGIN
    FOR merged IN SELECT g.monitor_id, g.merged_at FROM weir.node_merge g JOIN weir.monitor m USING (monitor_id)
                  WHERE m.options ->> 'nodes' = $1 AND g.node = $2 AND g.is_refused_by_panes LOOP
        -- The first one alone: the others are looked at once it is gone.
        LOOP
            SELECT r.pane_start, r.segment, r.reason,
                (SELECT weir._pane_refusal(p.monitor_id, p) FROM weir._merged_pane p
                 WHERE p.monitor_id = r.monitor_id AND p.node = r.node AND p.node_pane_start = r.pane_start AND p.node_segment = r.segment) AS reason_now
                INTO refused FROM weir.refused_pane r WHERE r.monitor_id = merged.monitor_id AND r.node = $2 AND NOT r.differs_from_own ORDER BY r.pane_start, r.segment LIMIT 1;
            EXIT WHEN refused IS NULL OR refused.reason_now IS NOT NULL;
            DELETE FROM weir.refused_pane r WHERE r.monitor_id = merged.monitor_id AND r.node = $2 AND r.pane_start = refused.pane_start AND r.segment = refused.segment;
        END LOOP;
        -- Which of its own panes another one differs from is not known, and to look at all of them takes long.
        IF refused IS NULL AND merged.merged_at < clock_timestamp() - interval '10 minutes' THEN
            DELETE FROM weir.refused_pane r WHERE r.monitor_id = merged.monitor_id AND r.node = $2;
        END IF;
        PERFORM weir._refuse_node_for_panes(merged.monitor_id, $2);
        is_mended := is_mended OR NOT EXISTS (SELECT FROM weir.refused_pane r WHERE r.monitor_id = merged.monitor_id AND r.node = $2);
    END LOOP;
    RETURN is_mended;
END $$;
COMMENT ON FUNCTION weir._is_mended(text, text) IS 'Whether no pane is left for which a node is refused, in a monitor in which it was; else it says why of the first that is. Internal.';

CREATE FUNCTION weir._take_node_pane(monitor text, node text, pane_start timestamptz, segment text[]) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    looked_at record;
    is_refused boolean := false;
BEGIN
    FOR looked_at IN SELECT p.monitor_id, p.is_refused, weir._pane_refusal(p.monitor_id, p) AS reason FROM weir._merged_pane p
                     WHERE p.monitor = $1 AND p.node = $2 AND p.node_pane_start = $3 AND p.node_segment = $4 LOOP
        CONTINUE WHEN looked_at.reason IS NULL AND NOT looked_at.is_refused;
        is_refused := true;
        DELETE FROM weir.refused_pane r WHERE r.monitor_id = looked_at.monitor_id AND r.node = $2 AND r.pane_start = $3 AND r.segment = $4;
        INSERT INTO weir.refused_pane (monitor_id, node, pane_start, segment, reason, differs_from_own)
            SELECT looked_at.monitor_id, $2, $3, $4, looked_at.reason, false WHERE looked_at.reason IS NOT NULL;
        PERFORM weir._refuse_node_for_panes(looked_at.monitor_id, $2);
    END LOOP;
    INSERT INTO weir.pane AS o (monitor_id, generation, pane_start, pane_end, segment, n, n_labelled, n_late, marks, summaries, fairness)
        SELECT p.monitor_id, 0, p.pane_start, p.pane_end, p.segment, p.n, p.n_labelled, p.n_late, p.marks, p.summaries, p.fairness
        FROM weir._merged_pane p WHERE p.monitor = $1 AND p.node = $2 AND p.node_pane_start = $3 AND p.node_segment = $4 AND NOT p.is_refused
        ON CONFLICT (monitor_id, generation, pane_start, segment, part) DO UPDATE SET pane_end = excluded.pane_end, n = excluded.n,
            n_labelled = excluded.n_labelled, n_late = excluded.n_late, marks = excluded.marks, summaries = excluded.summaries,
            fairness = excluded.fairness, updated_at = clock_timestamp();
    RETURN is_refused AND weir._is_mended($1, $2);
END $$;
COMMENT ON FUNCTION weir._take_node_pane(text, text, timestamptz, text[]) IS
    'Puts one pane of a node into the monitors that put them together. Whether the node is to be merged again, for it was refused for panes of which none is left. Internal.';

CREATE FUNCTION weir._drop_node_pane(monitor text, node text, pane_start timestamptz, segment text[]) RETURNS boolean
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    DELETE FROM weir.pane p USING weir.monitor m JOIN weir.node_merge g USING (monitor_id)
        WHERE m.options ->> 'nodes' = $1 AND g.node = $2 AND g.refused IS NULL AND p.monitor_id = m.monitor_id AND p.generation = 0 AND p.part = 'b' AND p.pane_start = $3
            AND p.segment = weir._segment_of_node(g.segment_positions, $2, $4);
    DELETE FROM weir.refused_pane r USING weir.monitor m WHERE m.options ->> 'nodes' = $1 AND r.monitor_id = m.monitor_id AND r.node = $2 AND r.pane_start = $3 AND r.segment = $4;
    SELECT weir._is_mended($1, $2);
END;
COMMENT ON FUNCTION weir._drop_node_pane(text, text, timestamptz, text[]) IS
    'Takes one pane of a node out of the monitors that put them together. Whether the node is to be merged again, for it was refused for panes of which none is left. Internal.';

CREATE FUNCTION weir._node_changed() RETURNS trigger AS 'MODULE_PATHNAME', 'weir_node_changed' LANGUAGE C;
COMMENT ON FUNCTION weir._node_changed() IS 'What a node tells of itself reaches the monitors that put nodes together. Internal.';
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON weir.node FOR EACH ROW EXECUTE FUNCTION weir._node_changed();

CREATE FUNCTION weir._node_pane_changed() RETURNS trigger AS 'MODULE_PATHNAME', 'weir_node_pane_changed' LANGUAGE C;
COMMENT ON FUNCTION weir._node_pane_changed() IS 'A pane of a node reaches the monitors that put nodes together. Internal.';
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON weir.node_pane FOR EACH ROW EXECUTE FUNCTION weir._node_pane_changed();
CREATE FUNCTION weir._node_arrives() RETURNS trigger AS 'MODULE_PATHNAME', 'weir_node_arrives' LANGUAGE C;
COMMENT ON FUNCTION weir._node_arrives() IS 'A subscription brings its own nodes, and none those of others. Internal.';
CREATE TRIGGER arrives BEFORE INSERT OR UPDATE OR DELETE ON weir.node FOR EACH ROW EXECUTE FUNCTION weir._node_arrives();
CREATE TRIGGER arrives BEFORE INSERT OR UPDATE OR DELETE ON weir.node_pane FOR EACH ROW EXECUTE FUNCTION weir._node_arrives();
CREATE TRIGGER is_truncated BEFORE TRUNCATE ON weir.node FOR EACH STATEMENT EXECUTE FUNCTION weir._node_arrives();
CREATE TRIGGER is_truncated BEFORE TRUNCATE ON weir.node_pane FOR EACH STATEMENT EXECUTE FUNCTION weir._node_arrives();
ALTER TABLE weir.node ENABLE ALWAYS TRIGGER arrives, ENABLE ALWAYS TRIGGER is_truncated;
ALTER TABLE weir.node_pane ENABLE ALWAYS TRIGGER arrives, ENABLE ALWAYS TRIGGER is_truncated;
-- In the transaction that replication applies: exactly once, and what a node takes back goes.
ALTER TABLE weir.node ENABLE ALWAYS TRIGGER changed;
ALTER TABLE weir.node_pane ENABLE ALWAYS TRIGGER changed;

CREATE FUNCTION weir.forget_node(node text) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_forget_node' LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.forget_node(text) IS
    'Takes everything of a node out of this database, and of those that it passes panes on to: of one that is no more, or before it is subscribed to anew because its '
    'slot was lost. Drop the subscription to it first. What this database publishes itself stays. Needs DELETE on weir.node_pane. Errors: 42704 no such node, '
    '42501 no privilege, 22023 an empty name.';

REVOKE ALL ON FUNCTION weir._publish_panes(int), weir._roll_up_published(int), weir._claim_node(text, text, oid), weir._forget_node_panes(int, text),
    weir._refuse_node(int, text, text), weir._refuse_node_for_panes(int, text), weir._is_mended(text, text),
    weir._node_arrives(), weir._withdraw_panes(), weir._forget_node(int, text), weir._merge_node(int, text), weir._take_node_levels(text),
    weir._take_node_pane(text, text, timestamptz, text[]), weir._drop_node_pane(text, text, timestamptz, text[]), weir._node_changed(), weir._node_pane_changed() FROM PUBLIC;
