-- capture: definitions of monitors as capture reads them, panes, builds, position -------------------------------------------------------

CREATE TABLE weir.monitor (
    monitor_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    source regclass NOT NULL,
    owner regrole NOT NULL,
    time_column name NOT NULL,
    window_size interval NOT NULL,
    slide interval NOT NULL,              -- = window_size for tumbling windows
    pane_size interval NOT NULL,          -- window_size and slide are whole multiples of it
    lateness interval NOT NULL,
    time_zone text,                       -- NULL: UTC
    segment_by name[] NOT NULL,
    protected name[] NOT NULL,
    model text,
    prediction name,
    score name,
    label name,
    positive text,
    metrics text[],
    filter text,
    backfill boolean NOT NULL,
    retention interval,
    on_delete text NOT NULL CHECK (on_delete IN ('retract', 'ignore')),
    options jsonb NOT NULL,
    last_ordinal int NOT NULL DEFAULT 0,  -- the highest that a column ever had: none is used again
    first_protected int NOT NULL DEFAULT 0, -- position in pane.fairness of the first of protected: none is used again either
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.monitor IS 'Definitions of monitors, one row each; read the view weir.monitors.';

CREATE VIEW weir._captured_monitor AS SELECT m.*, m.xmin AS version FROM weir.monitor m WHERE NOT m.options ? 'nodes';
COMMENT ON VIEW weir._captured_monitor IS 'Monitors whose panes capture writes: those of others come from the nodes that they name. Internal.';

CREATE TRIGGER wake AFTER INSERT ON weir.monitor FOR EACH STATEMENT EXECUTE FUNCTION weir._wake();

CREATE TABLE weir.monitor_column (
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    ordinal int NOT NULL,                 -- position in pane.summaries, from 1
    column_name name NOT NULL,
    data_type regtype NOT NULL,
    kind text NOT NULL CHECK (kind IN ('numeric', 'category', 'vector')),
    retired_at timestamptz,               -- since when the table has it no more, or not as a type that can be read; panes keep its history
    retired_reason text,
    class text,                           -- personal and sensitive: values leave in no form; see weir.classify_column
    PRIMARY KEY (monitor_id, ordinal),
    UNIQUE (monitor_id, column_name)
);
COMMENT ON TABLE weir.monitor_column IS 'The columns each monitor summarizes, in the order of its panes'' summaries.';

CREATE TABLE weir.derived_column (
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    ordinal int NOT NULL,                 -- position in pane.summaries, numbered with those of monitor_column
    derivation text NOT NULL,             -- what is derived of a row, see capture/derived.c
    part text NOT NULL,                   -- which summary of it
    PRIMARY KEY (monitor_id, ordinal),
    UNIQUE (monitor_id, derivation, part)
);
COMMENT ON TABLE weir.derived_column IS 'What each monitor summarizes of several columns of a row together, such as its model''s performance.';
CREATE TABLE weir.class_retention (
    class text PRIMARY KEY,
    retention interval NOT NULL
);
COMMENT ON TABLE weir.class_retention IS 'How long panes with a column of a class are kept; read the view weir.class_retentions.';
SELECT pg_catalog.pg_extension_config_dump('weir.class_retention', '');

-- Tables that hold predictions with their labels, which come in rows of another table (weir.join_labels).
CREATE TABLE weir.label_join (
    join_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation regclass NOT NULL UNIQUE,    -- what weir keeps
    predictions regclass NOT NULL,
    labels regclass NOT NULL,
    key name[] NOT NULL,                  -- of predictions
    label_key name[] NOT NULL,            -- of labels, in the same order
    columns name[] NOT NULL,              -- of predictions that relation has
    label_columns name[] NOT NULL,
    owner regrole NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.label_join IS 'Definitions of tables of predictions with their labels; read the view weir.labelled_tables.';

CREATE TABLE weir.label_join_state (
    join_id int PRIMARY KEY REFERENCES weir.label_join ON DELETE CASCADE,
    followed boolean NOT NULL DEFAULT false, -- capture notes what changes, and has asked for a comparison of everything before
    files text,                           -- of both tables as last looked at: where they change, rows may have changed without a trace in the log
    disabled_reason text
);
COMMENT ON TABLE weir.label_join_state IS 'How each table of predictions with their labels is.';

CREATE TABLE weir.label_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    join_id int NOT NULL,
    key jsonb,                            -- texts of the key columns; NULL: everything
    xid xid8 NOT NULL                     -- by whom: it is looked at when that is visible
);
CREATE INDEX ON weir.label_change (join_id, change_id);
COMMENT ON TABLE weir.label_change IS 'Keys whose prediction or label has changed, to be looked at.';

-- Learners that are fed with the rows of a monitor (weir.create_learner).
CREATE TABLE weir.monitor_learner (
    learner_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    model_id int NOT NULL UNIQUE,         -- of weir.model
    owner regrole NOT NULL,
    person regrole NOT NULL,              -- who created it, and with it the versions that it makes
    learner text NOT NULL,
    options jsonb NOT NULL,
    features name[] NOT NULL,             -- columns of the source, in the order of the learner's features
    feature_names text[] NOT NULL,        -- what the model calls them: renaming a column does not change that
    feature_types regtype[] NOT NULL,
    label name,                           -- NULL: one of clusters or anomalies, which has none
    label_type regtype,
    is_regression boolean NOT NULL,
    from_version int,                     -- of the model: what it goes on from; NULL: it begins untrained
    backfill boolean NOT NULL,
    snapshot_interval interval,
    snapshot_rows bigint,
    on_drift text NOT NULL CHECK (on_drift IN ('keep', 'reset', 'replace')),
    detector text NOT NULL,
    detector_options jsonb NOT NULL,
    keep_predictions boolean NOT NULL,
    prediction_retention interval NOT NULL,
    keep_versions int CHECK (keep_versions > 0), -- of those that it makes by itself; NULL: all
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.monitor_learner IS 'Definitions of learners that are fed with the rows of monitors; read the view weir.monitor_learners.';

-- Run-time state, not dumped: a restored learner begins anew, from the table or from its last version.
CREATE TABLE weir.learner_state (
    learner_id int PRIMARY KEY REFERENCES weir.monitor_learner ON DELETE CASCADE,
    epoch int NOT NULL DEFAULT 0,         -- goes up whenever somebody else than its worker changes it
    followed boolean NOT NULL DEFAULT false, -- capture notes what changes
    disabled_reason text,
    waiting_reason text,                  -- what failed, and is tried again
    cut pg_snapshot,                      -- what had been read from the table when it began: these transactions are not learned again; NULL: it has not begun
    model weir.learner,
    successor weir.learner,               -- since a warning, where on_drift is replace
    detector weir.detector_state,
    evaluation bytea,                     -- see learn/prequential.h
    applied bigint NOT NULL DEFAULT 0,    -- weir.learner_change.change_id, up to which it has learned; below 0 until the rows of before are learned
    n_seen bigint NOT NULL DEFAULT 0,     -- rows
    n_learned bigint NOT NULL DEFAULT 0,
    n_corrected bigint NOT NULL DEFAULT 0, -- labels that changed after they were learned
    n_retracted bigint NOT NULL DEFAULT 0, -- rows that went after they were learned
    n_warnings bigint NOT NULL DEFAULT 0,
    n_drifts bigint NOT NULL DEFAULT 0,
    last_drift_at timestamptz,            -- time of the row at which it was seen
    latest_at timestamptz,                -- time of the latest row learned
    learned_at_snapshot bigint NOT NULL DEFAULT 0,
    snapshot_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    memory_bytes bigint,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
ALTER TABLE weir.learner_state ALTER model SET STORAGE EXTERNAL, ALTER successor SET STORAGE EXTERNAL;
COMMENT ON TABLE weir.learner_state IS 'How far each learner of a monitor has come; read the view weir.monitor_learners.';

-- No foreign key here and below: its check would make capture wait for a transaction that drops a learner. Capture sweeps. And a table of
-- its own: capture can write here, whoever has the state locked.
CREATE TABLE weir.learner_gap (
    learner_id int NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    brought_by xid8,                      -- the transaction that brought the rows: what sees it has read them; NULL: they came one by one
    reason text NOT NULL
);
CREATE INDEX ON weir.learner_gap (learner_id);
COMMENT ON TABLE weir.learner_gap IS 'Why rows may have passed learners unseen; read the view weir.monitor_learners.';

CREATE TABLE weir.learner_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- below 0: rows that were there before the learner began
    learner_id int NOT NULL,
    n bigint NOT NULL,
    changes bytea NOT NULL                -- of rows, in the order of commits, see capture/learner_row.h
);
ALTER TABLE weir.learner_change ALTER changes SET STORAGE EXTERNAL;
CREATE INDEX ON weir.learner_change (learner_id, change_id);
COMMENT ON TABLE weir.learner_change IS 'Rows that wait to be learned: those that were there before, then what capture has written with the position of the stream; removed with the state of the learner.';

CREATE TABLE weir.learner_prediction (
    learner_id int NOT NULL,
    subject text NOT NULL,                -- the row's key: its text, of several columns a JSON array
    at timestamptz NOT NULL,              -- the row's time
    prediction text,                      -- NULL: the learner said nothing
    score float8,                         -- probability of the class predicted; of regression the number
    label text,
    predicted_at timestamptz NOT NULL,
    labelled_at timestamptz,              -- NULL: its label has not come
    PRIMARY KEY (learner_id, subject)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX ON weir.learner_prediction (learner_id, predicted_at);
COMMENT ON TABLE weir.learner_prediction IS 'What learners of monitors said of rows whose label has not come, and of others where they are to be kept; read the view weir.learner_predictions.';

-- Run-time state, not dumped: after a restore it is rebuilt from the source.
CREATE TABLE weir.monitor_state (
    monitor_id int PRIMARY KEY REFERENCES weir.monitor ON DELETE CASCADE,
    state text NOT NULL DEFAULT 'starting' CHECK (state IN ('starting', 'building', 'active', 'disabled')),
    reason text,                          -- why it is disabled
    watermark timestamptz,                -- latest event time folded, never beyond the wall clock
    last_change_at timestamptz,           -- wall clock of the last change folded
    expired_before timestamptz,           -- panes that begin earlier are given up (retention); rows for them are left out
    inexact_since timestamptz,            -- an update or delete arrived that could not be taken back from its pane
    n_untimed bigint NOT NULL DEFAULT 0,  -- rows left out because their time is NULL or infinite
    segment_limit bigint,                 -- the highest hash (of 63 bits) of segments that are kept, the others are counted together; NULL: all are
    other_since timestamptz,              -- since when
    attributes jsonb,                     -- {"column": number} of the source as last looked at: columns are followed when renamed
    shape jsonb                           -- {number: {"name", "type"}} likewise: what has changed goes into schema_change
);
COMMENT ON TABLE weir.monitor_state IS 'How far each monitor has come; read the view weir.monitors.';

-- No foreign keys here and in weir.build: their checks would make capture wait for a transaction that drops a monitor. Capture sweeps.
CREATE TABLE weir.pane (
    monitor_id int NOT NULL,
    generation int NOT NULL,              -- 0: live; otherwise that of a slice of a build, or of the rows that are kept for one
    pane_start timestamptz NOT NULL,
    pane_end timestamptz,                 -- of panes that were rolled up; NULL: one pane_size after pane_start
    segment text[] NOT NULL,              -- values of segment_by, '{}' when there are none, or of those above segment_limit together
    part "char" NOT NULL DEFAULT 'b',     -- b base; of builds also a (added since the cut) and r (removed since the cut)
    n bigint NOT NULL,
    n_labelled bigint NOT NULL,
    n_late bigint NOT NULL,               -- rows that came after their window was final; a property of the arrival, not of the data
    marks int NOT NULL DEFAULT 0,         -- 1 inexact, 2 retained: holds rows that the table has deleted, 4 stale: misses rows until a build is done; of what is kept for a build: 8 there is more
    summaries weir.summary[] NOT NULL,    -- by monitor_column.ordinal; NULL or not there: not known, the column was added later
    fairness weir.fairness_table[] NOT NULL, -- by monitor.first_protected and position in monitor.protected
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (monitor_id, generation, pane_start, segment, part)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE weir.pane ALTER summaries SET STORAGE EXTERNAL, ALTER fairness SET STORAGE EXTERNAL;
COMMENT ON TABLE weir.pane IS 'One row per monitor, slice of event time and segment: mergeable summaries of its columns and fairness counts.';

CREATE TABLE weir.pane_level (
    monitor_id int NOT NULL,
    pane_size interval NOT NULL,
    before timestamptz NOT NULL,          -- panes that begin earlier have this size, or a coarser one
    PRIMARY KEY (monitor_id, pane_size)
);
COMMENT ON TABLE weir.pane_level IS 'Up to where each monitor''s panes were rolled up, and into which size.';

-- A range of event time that is read again from the source, slice by slice. Each slice is a shadow generation: read under one snapshot
-- (the cut) while capture adds what the cut does not see, then swapped in (build, rebuild) or compared with the live panes (verify).
CREATE TABLE weir.build (
    build_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id int NOT NULL,
    kind text NOT NULL CHECK (kind IN ('build', 'rebuild', 'heal', 'verify', 'columns')),
    since timestamptz NOT NULL DEFAULT '-infinity',
    until timestamptz NOT NULL DEFAULT 'infinity',
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'reading', 'done', 'failed')),
    columns int[],                        -- kind columns: ordinals of those that are built
    pane_size_before interval,            -- the live panes have another size than the monitor
    is_prepared boolean NOT NULL DEFAULT false, -- capture has taken note of a definition that all panes have to be built anew for
    heals boolean NOT NULL DEFAULT false, -- until it is done, the live panes of the range miss rows: they are marked stale
    kept int,                             -- generation of what was deleted since the request, for monitors that keep it; NULL: capture has not come to that
    inexact_since timestamptz,            -- rows that are deleted before they are read and cannot be kept, or changes that cannot be taken back, since it began
    requested_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,               -- when it was planned
    finished_at timestamptz,
    method text,                          -- how the range is read, and why so
    rows_total bigint,                    -- estimate
    rows_read bigint,                     -- when it is done
    error text,
    panes bigint, equal bigint, different bigint, marked bigint, compared_lsn pg_lsn, first_difference text
);
CREATE INDEX ON weir.build (monitor_id) WHERE state NOT IN ('done', 'failed');
COMMENT ON TABLE weir.build IS 'Work that reads a range of a source again: initial build, rebuild, verify, columns that were added; read the view weir.progress.';

CREATE SEQUENCE weir.generation AS int CYCLE;
COMMENT ON SEQUENCE weir.generation IS 'Generations of panes: one for each slice of a build that is begun.';

CREATE TABLE weir.build_slice (
    build_id int NOT NULL REFERENCES weir.build ON DELETE CASCADE,
    slice int NOT NULL,                   -- from 1, the newest first
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'reading', 'read', 'done')),
    generation int,                       -- of its panes
    cut pg_snapshot,
    cut_lsn pg_lsn,                       -- past this position every transaction of the stream is outside the cut
    attempt int NOT NULL DEFAULT 0,
    segment_limit bigint,                 -- under which it was read, see monitor_state
    rows_total bigint,                    -- estimate
    rows_read bigint,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (build_id, slice)
);
COMMENT ON TABLE weir.build_slice IS 'The slices of builds that are not over.';

-- What capture last saw of the tables that a monitor's rows are in: some DDL changes rows, or adds and removes them, without a decoded
-- change.
CREATE TABLE weir.source_relation (
    monitor_id int NOT NULL,
    relation oid NOT NULL,                -- the source, or a partition or child of it
    file oid NOT NULL,                    -- relfilenode: another one when the table was rewritten
    columns text NOT NULL,                -- number:type:modifier:version:labels of each column that counts
    link text NOT NULL,                   -- versions of the pg_inherits rows that make it a child
    since timestamptz NOT NULL,           -- event time of the rows that it may hold
    until timestamptz NOT NULL,
    PRIMARY KEY (monitor_id, relation)
);
COMMENT ON TABLE weir.source_relation IS 'The tables that each monitor''s rows are in, as capture last saw them.';

-- Kept until the stream has passed the position at which it was noticed: what was decoded until then belongs before it.
CREATE TABLE weir.source_change (
    monitor_id int NOT NULL,
    noticed_lsn pg_lsn NOT NULL,
    effect text NOT NULL CHECK (effect IN ('rebuild', 'retain')),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL
);
COMMENT ON TABLE weir.source_change IS
    'Ranges of event time whose rows DDL has changed: rebuild (the table says what they are now) or retain (a partition has gone, on_delete => ignore).';

CREATE TABLE weir.schema_change (
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_at timestamptz NOT NULL,        -- the monitor's watermark then
    attribute int NOT NULL,               -- its number, which outlives names
    column_name name NOT NULL,            -- since
    change text NOT NULL CHECK (change IN ('added', 'dropped', 'renamed', 'retyped')),
    name_before name,
    type_before text,
    type_after text
);
CREATE INDEX ON weir.schema_change (monitor_id, event_at);
COMMENT ON TABLE weir.schema_change IS 'What capture has seen change in the columns of sources; read the view weir.schema_changes.';

CREATE TABLE weir.column_rename (
    rename_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id int NOT NULL,
    renames jsonb NOT NULL                -- {"old name": "new name"}
);
COMMENT ON TABLE weir.column_rename IS 'Renamed columns that capture has followed and those who use the names, like rules, have not yet.';

CREATE TABLE weir.label_rename (
    rename_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id int NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    renames jsonb NOT NULL                -- {"number of the column": {"hash of the old name": "new name"}}
);
COMMENT ON TABLE weir.label_rename IS
    'Labels of enums with other names, of which panes are still to be built again, and rules, alerts and baselines to follow.';

CREATE TABLE weir.capture_progress (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    slot name NOT NULL,
    system_identifier bigint NOT NULL,
    database_oid oid NOT NULL,
    captured_lsn pg_lsn,                  -- NULL: a gap was recorded and no slot made since; every commit that ends at or before it is folded, in the transaction that wrote this
    last_commit_at timestamptz,
    follows_labels boolean NOT NULL DEFAULT false, -- since the slot was made, everything of weir.label_join was compared once
    follows_learners boolean NOT NULL DEFAULT false, -- since the slot was made, nothing has passed those of weir.learner_state that are followed
    rows_total bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.capture_progress IS 'Position of capture in this database; written in the transaction that writes the panes.';

CREATE TABLE weir.gap (
    gap_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    reason text NOT NULL,
    attempts int NOT NULL,                -- how often in a row
    retry_at timestamptz NOT NULL,        -- when capture begins again
    from_lsn pg_lsn,
    to_lsn pg_lsn,                        -- NULL: it goes on
    healed_at timestamptz
);
COMMENT ON TABLE weir.gap IS 'Stretches of the stream that capture did not see; read the view weir.gaps.';

CREATE VIEW weir.gaps AS
SELECT gap_id, noticed_at, kind, reason, attempts, retry_at, from_lsn, to_lsn, healed_at FROM weir.gap;
COMMENT ON VIEW weir.gaps IS
'Stretches of the stream of changes that capture did not see, and when the last monitor was healed from its table (healed_at; NULL: not yet, and readings of the monitors that wait for it have the status gap). kind: wal budget, xmin budget, spill budget (weir let go of its slot; attempts counts how often in a row, retry_at is when it begins again), slot invalidated, slot missing, slot ahead, wal missing, position ahead, foreign identity (a copy of a database or a cluster, or one upgraded by pg_upgrade), upgrade. from_lsn, to_lsn: positions between which changes were missed; to_lsn NULL: capture has not begun again.';
GRANT SELECT ON weir.gaps TO PUBLIC;

CREATE TABLE weir.capture_pause (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    paused_at timestamptz NOT NULL DEFAULT now(),
    paused_by text NOT NULL
);
COMMENT ON TABLE weir.capture_pause IS 'A row while somebody has paused capture in this database.';

CREATE FUNCTION weir.check_setup(OUT check_name text, OUT ok boolean, OUT found text, OUT needed text, OUT remedy text) RETURNS SETOF record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'weir_check_setup';
COMMENT ON FUNCTION weir.check_setup() IS
'What weir needs of the server and of the sources of your monitors: one row per check with what was found, what is needed and, where ok is false, the command that mends it.';

CREATE FUNCTION weir.wait_for(lsn pg_lsn DEFAULT NULL, timeout interval DEFAULT '30 s') RETURNS pg_lsn
    LANGUAGE c VOLATILE CALLED ON NULL INPUT AS 'MODULE_PATHNAME', 'weir_wait_for';
COMMENT ON FUNCTION weir.wait_for(pg_lsn, interval) IS
'Waits until everything committed before lsn (a position of this server; NULL: now) is in the panes and no monitor is being built (at once where there is no monitor); returns the position reached. Errors: 57014 after timeout; 25001 inside a transaction that has written, since its own changes cannot be seen; 55000 when weir is not preloaded or wal_level is not logical.';

CREATE FUNCTION weir.verify(monitor text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    OUT panes bigint, OUT equal bigint, OUT different bigint, OUT marked bigint, OUT lsn pg_lsn, OUT first_difference text) RETURNS record
    LANGUAGE c VOLATILE CALLED ON NULL INPUT AS 'MODULE_PATHNAME', 'weir_verify';
COMMENT ON FUNCTION weir.verify(text, timestamptz, timestamptz) IS
'Reads the source again under a snapshot and compares every pane of the range (widened to whole panes) with what capture keeps, while capture goes on. panes: compared; equal: the same multiset of rows in every summary; different: not, the first one named; marked: panes known not to be comparable (inexact after a change without its old row, or holding rows that the table has deleted); lsn: the position at which both were compared. Cancelled with its caller. For the owner of the monitor.';

CREATE FUNCTION weir.rebuild(monitor text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE CALLED ON NULL INPUT AS 'MODULE_PATHNAME', 'weir_rebuild';
COMMENT ON FUNCTION weir.rebuild(text, timestamptz, timestamptz) IS
'Builds the panes of a range (widened to whole panes; NULL: everything) again from the source, in the background from the commit of this transaction on, and swaps them in; returns the number of the build. Panes that hold rows which the table had deleted before (on_delete => ignore) are left as they are; what is deleted from now on is kept. Begins a disabled monitor again, over its whole range. For the owner of the monitor; weir.wait_for waits for it. Error: 53400 a hundred builds of the monitor are not over.';

CREATE FUNCTION weir._category_text("any") RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_category_text';
COMMENT ON FUNCTION weir._category_text("any") IS 'Internal: the text by which segments and groups are kept, that of weir.summarize over categories.';

CREATE FUNCTION weir._outcome(positive text, value "any") RETURNS boolean
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_outcome';
COMMENT ON FUNCTION weir._outcome(text, "any") IS 'Internal: an outcome as capture reads it; NULL where it is neither positive nor negative.';

CREATE FUNCTION weir._capture_status(OUT state text, OUT pid int, OUT captured_lsn pg_lsn, OUT lag_bytes bigint, OUT lag interval,
    OUT rows_per_second float8, OUT memory_bytes bigint, OUT last_error text, OUT last_error_at timestamptz,
    OUT partial_bytes bigint, OUT rows_streamed bigint, OUT transactions_given_up bigint, OUT flush_interval interval, OUT spill_bytes bigint) RETURNS record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'weir_capture_status';
COMMENT ON FUNCTION weir._capture_status() IS 'Internal: what shared memory knows of capture in this database.';

CREATE FUNCTION weir._builders(OUT build_id int, OUT slice int, OUT rows_read bigint) RETURNS SETOF record
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'weir_builders';
COMMENT ON FUNCTION weir._builders() IS 'Internal: the slices that builders of this database are reading, and how far they are.';
CREATE FUNCTION weir.pause_capture() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'weir_pause_capture';
COMMENT ON FUNCTION weir.pause_capture() IS
'Stops capture in this database from the commit of this transaction on, until weir.resume_capture(); restarts do not end it. The slot keeps WAL meanwhile, up to weir.max_wal: past it the slot is dropped and the gap recorded, to be healed after the pause. Panes and scores stay readable. For members of the role that owns the extension (42501).';

CREATE FUNCTION weir.resume_capture() RETURNS void
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'weir_resume_capture';
COMMENT ON FUNCTION weir.resume_capture() IS
'Lets capture go on in this database, from where weir.pause_capture() stopped it or after weir.prepare_upgrade(). For members of the role that owns the extension (42501).';

CREATE FUNCTION weir.prepare_upgrade() RETURNS int
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'weir_prepare_upgrade';
COMMENT ON FUNCTION weir.prepare_upgrade() IS
'Before pg_upgrade: stops capture in every database of the server until it starts again, and drops the slots of weir, which pg_upgrade cannot carry (before 17) or refuses when they are not at the end of WAL (since); returns how many. Definitions, baselines, alerts and panes go through pg_upgrade; the first start of the new cluster notices the gap and heals all monitors from their tables. weir.resume_capture() takes it back. For superusers and roles with REPLICATION (42501). Errors: 55000 when weir is not preloaded; 57014 when a slot is not given up within a minute.';

CREATE VIEW weir.capture_status AS
SELECT current_database() AS database, CASE WHEN u.paused_at IS NOT NULL AND c.pid IS NULL THEN 'paused' ELSE c.state END AS state, c.pid,
    coalesce(p.slot, s.slot_name) AS slot, coalesce(c.captured_lsn, p.captured_lsn) AS captured_lsn, c.lag_bytes, c.lag,
    c.rows_per_second, coalesce(p.rows_total, 0) AS rows_total, c.memory_bytes,
    pg_wal_lsn_diff(CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END, s.restart_lsn)::bigint AS wal_kept_bytes,
    nullif((SELECT g.setting::bigint FROM pg_settings g WHERE g.name = 'weir.max_wal'), -1) * 1024 * 1024 AS wal_budget_bytes,
    (SELECT count(*) FROM weir.gap WHERE healed_at IS NULL) AS gaps, p.last_commit_at, c.last_error, c.last_error_at,
    c.flush_interval, c.partial_bytes, c.rows_streamed, c.transactions_given_up,
    c.spill_bytes, age(s.catalog_xmin) AS xmin_age, u.paused_at, (SELECT max(retry_at) FROM weir.gap WHERE healed_at IS NULL AND to_lsn IS NULL) AS retry_at
FROM weir._capture_status() c
-- Of one row at most: said so, for the planner takes tables that were never analysed for large.
LEFT JOIN (SELECT * FROM weir.capture_progress LIMIT 1) p ON true
LEFT JOIN (SELECT * FROM weir.capture_pause LIMIT 1) u ON true
LEFT JOIN (SELECT * FROM pg_replication_slots WHERE slot_name = 'weir_' || (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1) s ON true;
COMMENT ON VIEW weir.capture_status IS
'Capture in this database. state: not preloaded, in recovery, stopped, paused, prepared for upgrade, starting, creating its slot (which waits for the transactions that run), catching up, streaming, letting go of its slot, backing off (until retry_at). captured_lsn, lag_bytes, lag: position, WAL still to be read, and time since capture was last level with it. rows_per_second, rows_total: changes folded, now and in all. memory_bytes of the worker. wal_kept_bytes: WAL that the slot keeps, of at most wal_budget_bytes (weir.max_wal; NULL: no limit); spill_bytes: changes of large transactions on disk (weir.max_spill); xmin_age: for how many transactions the slot holds back vacuum of the catalogs (weir.max_xmin_age). gaps: not healed yet, see weir.gaps. last_error: for members of pg_monitor. flush_interval: time between the last two flushes (longer than weir.flush_interval where many panes change at a time); partial_bytes: memory for partial panes of transactions in progress; rows_streamed: rows of such transactions folded, transactions_given_up: to a rebuild, since the worker began.';
GRANT SELECT ON weir.capture_status TO PUBLIC;
