-- monitor: what explains an alert ------------------------------------------------------------------------------------------------------------------

-- The only place where values of the data enter an alert: bins, categories and groups of one column.
CREATE FUNCTION weir._explained_values(monitor_id int, column_name text, detail jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT nullif(jsonb_strip_nulls(jsonb_build_object(
        'bins', (SELECT jsonb_agg(b.bin ORDER BY b.ordinality) FROM jsonb_array_elements(detail -> 'bins') WITH ORDINALITY b (bin, ordinality) WHERE b.ordinality <= 5),
        'categories', (SELECT jsonb_agg(b.bin ORDER BY b.ordinality) FROM jsonb_array_elements(detail -> 'categories') WITH ORDINALITY b (bin, ordinality) WHERE b.ordinality <= 5),
        'appeared', detail -> 'appeared', 'vanished', detail -> 'vanished', 'at', detail -> 'at')), '{}');
END;
COMMENT ON FUNCTION weir._explained_values(int, text, jsonb) IS
'Of the detail of a drift score: the bins or categories that moved most, those that appeared or vanished, the value where distribution functions are farthest apart. Internal.';

CREATE FUNCTION weir._baseline_text(monitor_id int) RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE b.form WHEN 'range' THEN format('range %s to %s', b.since, b.until)
                       WHEN 'query' THEN format('query (%s rows)', b.n)
                       WHEN 'data_version' THEN format('data version %s (%s rows)', b.data_version, b.n)
                       WHEN 'moving' THEN concat_ws(' ', b.moving, b.span) END
    FROM weir.baseline b WHERE b.monitor_id = $1;
END;
COMMENT ON FUNCTION weir._baseline_text(int) IS 'The baseline of a monitor in words, as in weir.monitors. Internal.';

CREATE FUNCTION weir._explanation(rule_id int, subject text, segment text, window_start timestamptz) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE
        WHEN r.parts IS NOT NULL THEN jsonb_build_object('parts', (
            SELECT jsonb_agg(jsonb_build_object('rule', p.name, 'holds', coalesce(q.holds, false), 'subjects', q.subjects) ORDER BY p.name)
            FROM weir.rule p LEFT JOIN (
                SELECT x.part, bool_or(x.holds) AS holds,
                    jsonb_agg(jsonb_strip_nulls(jsonb_build_object('subject', x.subject, 'segment', x.segment, 'value', x.value, 'threshold', x.threshold, 'n', x.n))
                              ORDER BY x.subject, x.segment) FILTER (WHERE x.holds AND x.ordinal <= 10) AS subjects
                FROM (SELECT y.*, row_number() OVER (PARTITION BY y.part, y.holds ORDER BY y.subject, y.segment) AS ordinal
                      FROM weir._part_readings(r.rule_id, $4, $4 + interval '1 microsecond') y) x GROUP BY x.part) q ON q.part = p.rule_id
            WHERE p.rule_id = ANY (r.parts)))
        WHEN r.share IS NOT NULL THEN jsonb_build_object('out_of_bounds', (
            SELECT jsonb_agg(jsonb_build_object('subject', s.subject, 'value', s.value, 'n', s.n) ORDER BY s.distance DESC, s.subject)
            FROM (SELECT x.subject, x.value, x.n, greatest(x.value - r.above, r.below - x.value) AS distance
                  FROM weir._rule_scores(r.rule_id, $4, $4 + interval '1 microsecond') x
                  WHERE x.segment IS NOT DISTINCT FROM $3 AND x.is_decided AND (x.value > r.above OR x.value < r.below)
                  ORDER BY 4 DESC, 1 LIMIT 20) s))
        WHEN r.family = 'drift' THEN (
            WITH scores AS MATERIALIZED (
                SELECT d.* FROM (SELECT ARRAY(SELECT c.ordinal FROM weir.monitor_column c WHERE c.monitor_id = r.monitor_id AND c.column_name::text = $2) AS ordinals) k,
                    LATERAL weir._drift_scores(r.monitor_id, NULL, NULL, $4, $4 + interval '1 microsecond', $3 IS NOT NULL, true, k.ordinals, '{}',
                        ARRAY[r.metric, 'psi']) d
                WHERE d.segment IS NOT DISTINCT FROM $3)
            SELECT jsonb_strip_nulls(jsonb_build_object('p_value', d.p_value, 'n', d.n, 'n_baseline', d.n_baseline, 'error_bound', d.error_bound,
                    'test', d.detail -> 'test', 'baseline', weir._baseline_text(r.monitor_id)))
                -- A metric without bins is explained by those of the population stability index.
                || coalesce(weir._explained_values(r.monitor_id, $2, (SELECT v.detail FROM scores v
                    ORDER BY v.detail ?| ARRAY['bins', 'categories'] DESC NULLS LAST, v.metric = r.metric DESC LIMIT 1)), '{}')
            FROM scores d WHERE d.metric = r.metric LIMIT 1)
        WHEN r.family = 'fairness' THEN (
            SELECT jsonb_build_object('groups', jsonb_agg(jsonb_strip_nulls(jsonb_build_object('group', f.group_name, 'reference_group', f.reference_group,
                    'metric', f.metric, 'value', f.value, 'low', f.low, 'high', f.high, 'p_value', f.p_value, 'n', f.n, 'n_reference', f.n_reference))
                ORDER BY f.metric <> r.metric, f.group_name NULLS FIRST))
            FROM weir._fairness_scores(r.monitor_id, NULL, NULL, $4, $4 + interval '1 microsecond', $3 IS NOT NULL, true, NULL, NULL, ARRAY[r.metric, 'selection_rate']) f
            WHERE f.segment IS NOT DISTINCT FROM $3 AND f.protected::text = (SELECT p::text FROM weir.monitor m, unnest(m.protected) p
                WHERE m.monitor_id = r.monitor_id AND ($2 = p::text OR starts_with($2, p || ': ')) ORDER BY length(p::text) DESC LIMIT 1))
        WHEN r.family = 'performance' THEN (
            SELECT jsonb_strip_nulls(jsonb_build_object('low', p.low, 'high', p.high, 'baseline_value', p.baseline_value, 'usual_threshold', p.threshold,
                'verdict', p.verdict, 'n', p.n, 'label_share', p.label_share, 'baseline', weir._baseline_text(r.monitor_id)))
            FROM weir._performance_scores(r.monitor_id, NULL, NULL, $4, $4 + interval '1 microsecond', $3 IS NOT NULL, true, ARRAY[r.metric]) p
            WHERE p.metric = r.metric AND p.subject IS NOT DISTINCT FROM $2 AND p.segment IS NOT DISTINCT FROM $3 LIMIT 1)
        WHEN r.family = 'quality' THEN (
            SELECT jsonb_strip_nulls(jsonb_build_object('baseline_value', q.baseline_value, 'usual_threshold', q.threshold, 'verdict', q.verdict, 'n', q.n,
                'baseline', weir._baseline_text(r.monitor_id)))
            FROM weir._quality_scores(r.monitor_id, NULL, NULL, $4, $4 + interval '1 microsecond', $3 IS NOT NULL, true, NULL, NULL, ARRAY[r.metric]) q
            WHERE q.metric = r.metric AND q.column_name::text IS NOT DISTINCT FROM $2 AND q.segment IS NOT DISTINCT FROM $3 LIMIT 1)
        ELSE (
            SELECT jsonb_strip_nulls(jsonb_build_object('p_value', s.p_value, 'n', s.n, 'usual_threshold', s.threshold, 'verdict', s.verdict))
            FROM weir._all_scores(r.monitor_id, NULL, NULL, $4, $4 + interval '1 microsecond', $3 IS NOT NULL, true, NULL, NULL, ARRAY[r.metric]) s
            WHERE s.family = r.family AND s.metric = r.metric AND s.subject IS NOT DISTINCT FROM $2 AND s.segment IS NOT DISTINCT FROM $3 LIMIT 1)
        END
    FROM weir.rule r WHERE r.rule_id = $1;
END;
COMMENT ON FUNCTION weir._explanation(int, text, text, timestamptz) IS
'What stands behind a window of a rule: p-values, n, the baseline, the bins or categories that moved most, groups, or the parts that hold. Internal.';

REVOKE ALL ON FUNCTION weir._explained_values(int, text, jsonb), weir._baseline_text(int), weir._explanation(int, text, text, timestamptz) FROM PUBLIC;
