-- governance: complaints -------------------------------------------------------------------------------------------------------------------

CREATE TABLE weir.complaint (
    complaint_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id int,                       -- the record stays when the monitor goes
    monitor text NOT NULL,
    owner regrole NOT NULL,               -- of the monitor, then
    model text,
    model_version int,
    row_key text,                         -- NULL, as what follows: erased
    prediction jsonb,
    explanation jsonb,
    group_name text,
    complaint text,
    complainant text,
    filed_by regrole NOT NULL,
    filed_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL,
    outcome text CHECK (outcome IN ('upheld', 'partly_upheld', 'rejected', 'withdrawn')),
    answer text,
    answered_by regrole,
    answered_at timestamptz
);
COMMENT ON TABLE weir.complaint IS 'Complaints about decisions; read the view weir.complaints.';
CREATE INDEX ON weir.complaint (monitor_id, row_key);
SELECT pg_catalog.pg_extension_config_dump('weir.complaint', '');
SELECT pg_catalog.pg_extension_config_dump('weir.complaint_complaint_id_seq', '');

CREATE FUNCTION weir.file_complaint(monitor text, row_key text, complaint text, complainant text = NULL, model_version int = NULL,
    explanation jsonb = NULL, due_at timestamptz = NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_file_complaint';
COMMENT ON FUNCTION weir.file_complaint(text, text, text, text, int, jsonb, timestamptz) IS
'Records a complaint about the decision on one row of a monitor''s source and returns its number. row_key: the value of the table''s primary key; the row''s
time, prediction, score and protected groups are kept with the complaint as they are now. complainant: whose it is, as far as it should be known.
model_version: which version decided; NULL: the champion at the time of the row, where the monitor names a model. explanation: why so, as weir.explain or
another gives it. due_at: when an answer is due; NULL: in 30 days. For who may read those columns of the row. Errors: 42704 no such monitor or version,
02000 no such row, 55000 a source without a primary key of one column.';

CREATE FUNCTION weir.answer_complaint(complaint_id bigint, outcome text, answer text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_answer_complaint';
COMMENT ON FUNCTION weir.answer_complaint(bigint, text, text) IS
'Ends a complaint: outcome is upheld, partly_upheld, rejected or withdrawn; the answer is required. For the owner of its monitor.';

CREATE VIEW weir.complaints WITH (security_barrier) AS
    SELECT c.complaint_id, c.monitor, c.model, c.model_version, c.row_key, c.prediction, c.explanation, c.group_name, c.complaint, c.complainant,
        CASE WHEN c.outcome IS NULL THEN 'open' ELSE 'answered' END AS state, c.filed_by, c.filed_at, c.due_at,
        c.outcome IS NULL AND c.due_at < clock_timestamp() AS is_overdue, c.outcome, c.answer, c.answered_by, c.answered_at
    FROM weir.complaint c LEFT JOIN weir.monitor m USING (monitor_id)
    WHERE weir._may_see(coalesce(m.owner, c.owner)) OR weir._may_see(c.filed_by);
COMMENT ON VIEW weir.complaints IS
'Complaints about decisions that one filed, or of monitors whose owner one is a member of (pg_read_all_data sees all). state: open, answered; prediction: decided_at,
prediction and score of the row when the complaint was filed; group_name: the values of its protected columns, joined by " | ". What was erased is NULL.';
GRANT SELECT ON weir.complaints TO PUBLIC;

CREATE VIEW weir.complaint_counts WITH (security_barrier) AS
    SELECT monitor, model, model_version, group_name, count(*) AS n, count(*) FILTER (WHERE state = 'open') AS n_open,
        count(*) FILTER (WHERE is_overdue) AS n_overdue, count(*) FILTER (WHERE outcome IN ('upheld', 'partly_upheld')) AS n_upheld,
        count(*) FILTER (WHERE outcome IN ('upheld', 'partly_upheld'))::float8 / nullif(count(*) FILTER (WHERE state = 'answered' AND outcome <> 'withdrawn'), 0)
            AS upheld_share
    FROM weir.complaints GROUP BY monitor, model, model_version, group_name;
COMMENT ON VIEW weir.complaint_counts IS
'The complaints of weir.complaints counted by model version and group: open, overdue, upheld (wholly or in part), and the share upheld of those that were answered and
not withdrawn.';
GRANT SELECT ON weir.complaint_counts TO PUBLIC;
