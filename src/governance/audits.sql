-- governance: periodic audits --------------------------------------------------------------------------------------------------------------

CREATE TABLE weir.periodic_audit (
    audit_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    owner regrole NOT NULL,
    kind text NOT NULL CHECK (kind IN ('fairness', 'representativeness')),
    column_name name,
    population jsonb,
    schedule interval NOT NULL,
    reviewers regrole[],
    approvals int NOT NULL,
    grace interval NOT NULL,
    next_at timestamptz NOT NULL,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.periodic_audit IS 'Audits that fall due by schedule; read the view weir.audits.';

CREATE TABLE weir.audit_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    audit_id int,                         -- the record stays when the audit goes
    audit text NOT NULL,
    monitor text NOT NULL,
    kind text NOT NULL,
    owner regrole NOT NULL,
    approvals int NOT NULL,
    since timestamptz,
    until timestamptz NOT NULL,
    ran_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    verdict text,
    findings jsonb NOT NULL
);
COMMENT ON TABLE weir.audit_run IS 'What periodic audits found; read the view weir.audit_runs.';
CREATE INDEX ON weir.audit_run (audit_id, until);
SELECT pg_catalog.pg_extension_config_dump('weir.periodic_audit', '');
SELECT pg_catalog.pg_extension_config_dump('weir.periodic_audit_audit_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.audit_run', '');
SELECT pg_catalog.pg_extension_config_dump('weir.audit_run_run_id_seq', '');

CREATE FUNCTION weir._chi_square_p_value(statistic float8, degrees_of_freedom bigint) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_chi_square_p_value';
COMMENT ON FUNCTION weir._chi_square_p_value(float8, bigint) IS 'P(X > statistic) of the chi-square distribution; NULL without degrees of freedom. Internal.';

CREATE FUNCTION weir.representativeness(counts jsonb, population jsonb)
    RETURNS TABLE (group_name text, n bigint, share float8, population_share float8, ratio float8, chi_square float8, p_value float8, effect_size float8)
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH expected AS (
        SELECT p.key AS group_name, p.value::float8 AS weight, sum(p.value::float8) OVER () AS total, coalesce((counts ->> p.key)::bigint, 0) AS n
        FROM jsonb_each_text(population) p
    ), scored AS (
        SELECT e.group_name, e.n, e.weight / e.total AS population_share, sum(e.n) OVER ()::float8 AS known,
            count(*) OVER () AS groups
        FROM expected e
    ), tested AS (
        SELECT s.*, sum((s.n - s.known * s.population_share) ^ 2 / nullif(s.known * s.population_share, 0)) OVER () AS chi_square FROM scored s
    )
    SELECT t.group_name, t.n, t.n / nullif(t.known, 0), t.population_share, t.n / nullif(t.known, 0) / t.population_share, t.chi_square,
        weir._chi_square_p_value(t.chi_square, t.groups - 1), sqrt(t.chi_square / nullif(t.known, 0))
    FROM tested t
    UNION ALL
    SELECT '(other)', o.n, NULL, NULL, NULL, NULL, NULL, NULL
    FROM (SELECT sum(c.value::bigint)::bigint AS n FROM jsonb_each_text(counts) c WHERE NOT population ? c.key) o WHERE o.n > 0;
END;
COMMENT ON FUNCTION weir.representativeness(jsonb, jsonb) IS
'Whether groups are there as often as in a population: counts is {"F": 480, "M": 520}, population {"F": 0.51, "M": 0.49} (positive weights; they are scaled to one). A row
per group of the population: its share among the rows of known groups, the share expected, ratio (1: as in the population; below 0.8 is often called
underrepresented), and of all groups Pearson''s chi-square statistic with its p-value (groups - 1 degrees of freedom) and Cohen''s w as effect size. What
belongs to no group of the population is counted as (other), and left out of shares and test. NULL without rows.';

CREATE FUNCTION weir._audit_findings(monitor_id int, kind text, column_name name, population jsonb, since timestamptz, until timestamptz,
    OUT verdict text, OUT findings jsonb)
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH fairness AS (
        SELECT f.protected::text, f.metric, f.group_name, f.reference_group, count(*) AS n_windows, sum(f.n) AS n,
            count(*) FILTER (WHERE f.verdict = 'alert') AS n_alert, count(*) FILTER (WHERE f.verdict = 'warning') AS n_warning,
            count(f.verdict) AS n_judged, min(f.value) AS low, max(f.value) AS high, (array_agg(f.value ORDER BY f.window_start DESC))[1] AS last,
            max(f.threshold) AS threshold
        FROM (SELECT $1 AS id WHERE $2 = 'fairness') a
            CROSS JOIN LATERAL weir._fairness_scores(a.id, NULL, NULL, $5, $6, false, true, NULL, NULL) f
        WHERE f.is_final AND f.status = 'ok' GROUP BY f.protected, f.metric, f.group_name, f.reference_group
    ), measured AS (
        SELECT r.*
        FROM (SELECT c.monitor_id, c.ordinal, m.window_size FROM weir.monitor_column c JOIN weir.monitor m USING (monitor_id)
              WHERE c.monitor_id = $1 AND c.column_name = $3 AND $2 = 'representativeness') c
            CROSS JOIN LATERAL (SELECT weir.merge(p.summary) AS summary
                                FROM weir._pane_windows(c.monitor_id, 'summaries', c.window_size, c.window_size, $5, $6, false, ARRAY[c.ordinal]) p) s
            CROSS JOIN LATERAL (SELECT jsonb_object_agg(k, coalesce((weir.frequency(s.summary, k)).count, 0)) AS counts FROM jsonb_object_keys($4) k) n
            CROSS JOIN LATERAL weir.representativeness(n.counts || jsonb_build_object('(other)', greatest(weir.value_count(s.summary)
                - (SELECT sum(v::bigint) FROM jsonb_each_text(n.counts) x (k, v)), 0)), $4) r
    )
    SELECT CASE WHEN $2 = 'fairness' THEN (SELECT CASE WHEN sum(f.n_alert) > 0 THEN 'alert' WHEN sum(f.n_warning) > 0 THEN 'warning'
                                                       WHEN sum(f.n_judged) > 0 THEN 'ok' END FROM fairness f)
                ELSE (SELECT CASE WHEN min(r.p_value) < 0.01 AND min(r.ratio) < 0.8 THEN 'alert'
                                  WHEN min(r.p_value) < 0.01 AND max(r.effect_size) >= 0.1 THEN 'warning' WHEN count(r.p_value) > 0 THEN 'ok' END FROM measured r) END,
        coalesce(CASE WHEN $2 = 'fairness' THEN (SELECT jsonb_agg(to_jsonb(f) - 'n_judged' ORDER BY f.protected, f.metric, f.group_name) FROM fairness f)
                      ELSE (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.group_name) FROM measured r) END, '[]');
END;
COMMENT ON FUNCTION weir._audit_findings(int, text, name, jsonb, timestamptz, timestamptz) IS 'What an audit finds in the final windows that begin in [since, until). Internal.';
REVOKE ALL ON FUNCTION weir._audit_findings(int, text, name, jsonb, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION weir.create_audit(name text, monitor text, kind text = 'fairness', schedule interval = '3 months', column_name name = NULL,
    population jsonb = NULL, reviewers text[] = NULL, approvals int = 1, grace interval = '14 days', first_at timestamptz = NULL) RETURNS name
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_audit';
COMMENT ON FUNCTION weir.create_audit(text, text, text, interval, name, jsonb, text[], int, interval, timestamptz) IS
'Declares an audit of a monitor that falls due by schedule (an hour to ten years; first at first_at, NULL: after one schedule) and must be signed off within grace; returns
its name. kind fairness: every metric of weir.fairness_scores over the windows since the last run; representativeness: whether the groups of
column_name are there as in the population ({"F": 0.51, "M": 0.49}; weir.representativeness). Each run asks for a review of kind audit: reviewers, approvals as in
weir.request_review; the audit''s owner cannot sign off himself. For the monitor''s owner.';

CREATE FUNCTION weir.drop_audit(audit text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_audit';
COMMENT ON FUNCTION weir.drop_audit(text) IS 'Ends a periodic audit; its runs and reviews stay. For its owner.';

CREATE FUNCTION weir.run_audit(audit text) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_run_audit';
COMMENT ON FUNCTION weir.run_audit(text) IS
'Runs an audit now, over the windows since its last run (at first: of one schedule), requests its sign-off, and returns the number of the run. For its owner.';

CREATE VIEW weir.audit_runs WITH (security_barrier) AS
    SELECT r.run_id, r.audit, r.monitor, r.kind, r.since, r.until, r.ran_at, r.verdict, r.findings, v.review_id, v.state AS review_state,
        coalesce(v.state = 'open' AND v.due_at < clock_timestamp(), false) AS is_overdue, r.owner
    FROM weir.audit_run r LEFT JOIN LATERAL (SELECT w.review_id, w.state, w.due_at FROM weir.review w
                                             WHERE w.kind = 'audit' AND w.subject = r.run_id::text ORDER BY w.review_id DESC LIMIT 1) v ON true
    WHERE weir._may_see(r.owner) OR EXISTS (SELECT FROM weir.review w, unnest(w.reviewers) u
                                            WHERE w.kind = 'audit' AND w.subject = r.run_id::text AND pg_has_role(u::oid, 'MEMBER'));
COMMENT ON VIEW weir.audit_runs IS
'What periodic audits found, of those that one owns or may sign off. verdict: the worst of the period: ok, warning, alert (fairness: of any window; representativeness: alert
with p < 0.01 and a group below 0.8 of its share, warning with p < 0.01 and an effect size of 0.1), NULL when nothing could be judged. findings: fairness, per metric
and group: windows, of them with warning and alert, lowest, highest and last value; representativeness: the rows of weir.representativeness. review_state:
open until it is signed off (approved, rejected); is_overdue: not within its grace.';
GRANT SELECT ON weir.audit_runs TO PUBLIC;

CREATE VIEW weir.audits WITH (security_barrier) AS
    SELECT a.name AS audit, m.name AS monitor, a.kind, a.column_name, a.population, a.schedule, a.reviewers, a.approvals, a.grace, a.next_at, l.ran_at AS last_run_at,
        l.verdict, l.review_state, coalesce(l.is_overdue, false) OR a.next_at < clock_timestamp() - interval '1 hour' AS is_overdue, a.last_error, a.owner
    FROM weir.periodic_audit a JOIN weir.monitor m USING (monitor_id)
        LEFT JOIN LATERAL (SELECT r.* FROM weir.audit_runs r WHERE r.audit = a.name ORDER BY r.run_id DESC LIMIT 1) l ON true
    WHERE weir._may_see(a.owner);
COMMENT ON VIEW weir.audits IS
'Periodic audits that one owns, with their last run. is_overdue: its sign-off is late, or it should have run an hour ago (last_error may say why it did not).';
GRANT SELECT ON weir.audits TO PUBLIC;
