-- monitor: what is published, and what nodes bring -----------------------------------------------------------------------------------------

CREATE VIEW weir.published_monitors WITH (security_barrier) AS
    SELECT m.monitor, u.node, u.min_group_size, (SELECT count(*) FROM weir.node_pane p WHERE p.monitor = u.monitor AND p.node = u.node) AS panes,
        n.n_suppressed, n.final_before AS final_until, n.published_at, u.published_by
    FROM weir.monitors m JOIN weir.monitor d ON d.name = m.monitor JOIN weir.pane_publication u USING (monitor_id) LEFT JOIN weir.node n ON n.monitor = u.monitor AND n.node = u.node;
COMMENT ON VIEW weir.published_monitors IS
    'Monitors of this database whose panes are published (weir.publish_panes), of those that one may read: as which node, since which size panes and groups leave, how many '
    'panes have left, rows of panes that have not (n_suppressed, in steps of min_group_size), up to when windows are final, when that was last told, and who published it.';
GRANT SELECT ON weir.published_monitors TO PUBLIC;

CREATE VIEW weir.nodes WITH (security_barrier) AS
    SELECT m.monitor, n.node,
        CASE WHEN g.refused IS NOT NULL THEN 'refused'
             WHEN weir._is_heard_of(n.published_at, d.options) THEN 'active' ELSE 'silent' END AS state,
        g.refused AS reason, p.panes, p.n, n.n_suppressed, n.min_group_size, n.final_before AS final_until, n.published_at,
        (SELECT array_agg(c.column_name::text ORDER BY c.ordinal) FROM weir.monitor_column c
         WHERE c.monitor_id = d.monitor_id AND g.positions[c.ordinal] IS NULL) AS missing_columns,
        (SELECT count(*) FROM weir.refused_pane r WHERE r.monitor_id = d.monitor_id AND r.node = g.node) AS refused_panes
    FROM weir.monitors m JOIN weir.monitor d ON d.name = m.monitor JOIN weir.node_merge g USING (monitor_id)
        JOIN weir.node n ON n.monitor = d.options ->> 'nodes' AND n.node = g.node,
        LATERAL (SELECT count(*) AS panes, least(coalesce(sum(k.n), 0), 9223372036854775807)::bigint AS n FROM weir.node_pane k WHERE k.monitor = n.monitor AND k.node = n.node) p;
COMMENT ON VIEW weir.nodes IS
    'Nodes of the monitors with option nodes that one may read. state: active, silent (not heard of for option silent_after, 10 minutes by default: windows become final '
    'without it; or its clock is that far ahead) or refused (reason says how its monitor differs, or what cannot be read: its panes are left out, until it agrees, or what cannot be read is replaced or withdrawn). panes and n rows in them; n_suppressed: rows that stay at the node because panes '
    'are small or not final, in steps of min_group_size there; final_until: up to when windows are final there; published_at: when it was last heard of, by its clock; missing_columns: columns '
    'that it does not publish, personal ones for example: windows with its rows have no readings of them; refused_panes: how many of its panes cannot be put together with the others; the first is in reason.';
GRANT SELECT ON weir.nodes TO PUBLIC;
