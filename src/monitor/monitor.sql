-- monitor: definitions and baselines -----------------------------------------------------------------------------------------------------

CREATE TABLE weir.baseline (
    monitor_id int PRIMARY KEY REFERENCES weir.monitor ON DELETE CASCADE,
    form text NOT NULL CHECK (form IN ('range', 'query', 'data_version', 'moving')),
    since timestamptz,                    -- range: panes that begin in [since, until)
    until timestamptz,
    query text,
    data_version bigint,
    moving text CHECK (moving IN ('previous_window', 'trailing', 'same_hour_of_week')),
    span interval,                        -- trailing, same_hour_of_week: how far back
    n bigint,                             -- query, data_version: rows that it gave
    set_by regrole NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.baseline IS
    'What each monitor''s drift is measured against; set by weir.set_baseline, shown in weir.monitors.';

CREATE TABLE weir.baseline_summary (
    monitor_id int NOT NULL REFERENCES weir.baseline ON DELETE CASCADE,
    segment text[],                       -- NULL: all rows
    summaries weir.summary[] NOT NULL,    -- by monitor_column.ordinal; NULL where the query has no such column
    UNIQUE (monitor_id, segment)
);
COMMENT ON TABLE weir.baseline_summary IS
    'Summaries of a baseline that came from a query or a data version, taken once when it was set.';

CREATE TABLE weir.loss_model (
    monitor_id int PRIMARY KEY REFERENCES weir.monitor ON DELETE CASCADE,
    model bytea NOT NULL,                 -- of weir.fit_loss_model(label, prediction)
    set_by regrole NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.loss_model IS 'What tells the errors of a monitored regression before its labels are there; set by weir.set_loss_model.';

-- What is watched of capture itself.
CREATE TABLE weir.capture_minute (
    minute timestamptz PRIMARY KEY,
    samples bigint NOT NULL,
    lag float8 NOT NULL,                  -- seconds; like the others, the worst of the minute
    lag_bytes float8 NOT NULL,
    wal_kept_bytes float8 NOT NULL,
    gaps float8 NOT NULL,
    quiet jsonb NOT NULL DEFAULT '{}'     -- {"monitor_id": seconds since its source last changed}, of those that a rule watches
);
COMMENT ON TABLE weir.capture_minute IS 'How capture was, minute by minute; read the view weir.capture_history.';

CREATE VIEW weir.capture_history AS
    SELECT minute AS began_at, samples, lag, lag_bytes, wal_kept_bytes, gaps FROM weir.capture_minute;
COMMENT ON VIEW weir.capture_history IS
'How capture in this database was, minute by minute of the wall clock, for a week; kept while a rule watches it. The worst of each minute: lag in seconds since capture was last level with the log, WAL still to be read and WAL kept by the slot in bytes, gaps not healed.';
GRANT SELECT ON weir.capture_history TO PUBLIC;

CREATE FUNCTION weir._capture_metric_names() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN ARRAY['capture_lag', 'capture_lag_bytes', 'capture_wal_kept_bytes', 'capture_gaps', 'time_without_rows'];
COMMENT ON FUNCTION weir._capture_metric_names() IS 'Metrics of capture that rules may watch. Internal.';

-- Definitions are dumped, what was measured is not: after a restore it is built again from the sources.
SELECT pg_catalog.pg_extension_config_dump('weir.monitor', '');
SELECT pg_catalog.pg_extension_config_dump('weir.monitor_monitor_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.monitor_column', '');
SELECT pg_catalog.pg_extension_config_dump('weir.derived_column', '');
SELECT pg_catalog.pg_extension_config_dump('weir.baseline', '');
SELECT pg_catalog.pg_extension_config_dump('weir.baseline_summary', '');
SELECT pg_catalog.pg_extension_config_dump('weir.loss_model', '');

CREATE FUNCTION weir.create_monitor(name text, source regclass, time_column name, columns text[] DEFAULT NULL, kinds jsonb DEFAULT '{}',
    segment_by text[] DEFAULT '{}', window_size interval DEFAULT '1 hour', slide interval DEFAULT NULL, lateness interval DEFAULT '0',
    time_zone text DEFAULT NULL, model text DEFAULT NULL, prediction name DEFAULT NULL, score name DEFAULT NULL, label name DEFAULT NULL,
    positive text DEFAULT NULL, protected text[] DEFAULT '{}', metrics text[] DEFAULT NULL, filter text DEFAULT NULL,
    backfill boolean DEFAULT true, retention interval DEFAULT NULL, on_delete text DEFAULT 'retract', options jsonb DEFAULT '{}')
    RETURNS name AS 'MODULE_PATHNAME', 'weir_create_monitor' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.create_monitor(text, regclass, name, text[], jsonb, text[], interval, interval, interval, text, text, name, name, name,
    text, text[], text[], text, boolean, interval, text, jsonb) IS
    'Declares a monitor on a table and returns its name. It returns at once: rows already there are read in the background '
    '(backfill), later changes are captured from the write-ahead log. A NOTICE tells which columns are summarized and as what, '
    'and what of the setup is missing. columns: NULL takes all but the time column, identifiers (unique by themselves) and types '
    'without a summary. kinds: {"column": "numeric" | "category" | "vector" | "ignore"}, in place of the kind of its type. segment_by: every '
    'score also per combination of their values. window_size, slide: windows of that size, one beginning every slide (NULL: '
    'window_size, so that they do not overlap), at calendar boundaries of time_zone (NULL: UTC). lateness: how long after its end '
    'a window is still expected to get rows. prediction, label: boolean, 0/1, or any value where positive names the one that '
    'counts, or classes or numbers where option task says so or nothing else fits (see docs/performance.md); score: a number, higher is more positive; protected: columns whose groups are compared for fairness. metrics: those of drift, fairness and performance, NULL for all that apply. filter: '
    'rows to take, as simple as a publication''s row filter. retention: how long panes are kept (NULL: for ever). on_delete: '
    'retract (deleted rows leave their windows) or ignore (deletion is only housekeeping). options: pane_size (interval; chosen '
    'when left out), min_n (rows below which a window is insufficient, 30), min_group_size (rows below which a group is, 30), '
    'max_groups (segments that a pane keeps apart, 10000: where there are more, some are put together as segment (other)), '
    'confidence (0.95), reference ({"protected column": "group"}; the largest group when left out), adjust (of p-values over '
    'columns: none, bonferroni, holm; holm), constraints (see weir.set_constraints), classes (names of the classes whose probabilities the score, a double precision[], holds in this order), sources ("segments", or names of other monitors: see weir.source_scores), roll_up ([{"after": age, "size": pane size}, ...]: older panes are merged into larger ones, see docs/retention.md), nodes (the name of a monitor in other databases, whose panes this one puts together, and silent_after, how long to wait for a node: see weir.publish_panes and docs/nodes.md), idle_grace (how long without any change until wall-clock time makes windows final, 1 '
    'minute), task (binary, class, regression or none: what the model does; taken from the columns), performance ({"threshold": from which score on the decision is positive, 0.5, '
    '"thresholds": {metric: number | [lowest, highest]}, "calibrate": auto | always | never, "estimate": boolean}: see weir.performance_scores). Sizes, lateness and idle_grace are at most ten years, a window at most 10000 slides. Needs ownership of the table. '
    'Errors: 42809 not a table that can be monitored, 42703 no such column, 42804 a type '
    'that does not fit, 42710 the name is taken, 22023 a setting that makes no sense, 42501 not the owner.';

CREATE FUNCTION weir.alter_monitor(monitor text, window_size interval DEFAULT NULL, slide interval DEFAULT NULL, lateness interval DEFAULT NULL,
    metrics text[] DEFAULT NULL, retention interval DEFAULT NULL, on_delete text DEFAULT NULL, options jsonb DEFAULT NULL,
    add_columns text[] DEFAULT NULL, drop_columns text[] DEFAULT NULL, kinds jsonb DEFAULT NULL, filter text DEFAULT NULL,
    model text DEFAULT NULL, prediction name DEFAULT NULL, score name DEFAULT NULL, label name DEFAULT NULL, positive text DEFAULT NULL,
    protected text[] DEFAULT NULL, reset text[] DEFAULT NULL)
    RETURNS void AS 'MODULE_PATHNAME', 'weir_alter_monitor' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.alter_monitor(text, interval, interval, interval, text[], interval, text, jsonb, text[], text[], jsonb, text, text, name,
    name, name, text, text[], text[]) IS
    'Changes a monitor; NULL leaves a setting as it is, reset names settings that go back to their defaults. Arguments are as in '
    'create_monitor. window_size and slide must be whole multiples of the monitor''s panes; windows that did not overlap go on not to '
    'unless slide is given. options are merged into those that are set; a null member goes back to its default. add_columns, '
    'drop_columns: columns to summarize from now on, or no more; kinds: of columns that are added, or another kind of one that is '
    'there. A column that is added is read from the table in the background, alone, and put into the panes that there are; until then, '
    'and where a pane holds rows which the table has deleted, it has no readings. A change of filter, prediction, score, label, positive, option task, '
    'protected or option pane_size builds everything anew in the background: what was there is read, as it was, until it is '
    'replaced, the newest first (weir.progress shows how far it is). Needs ownership of the monitor or of its table, and of the table '
    'where columns are looked at. Errors: 42704 no such monitor, 42703 no such column, 42701 a column that is summarized already, '
    '22023 and 42804 as in create_monitor, 55000 panes that cannot be built anew from the table, 53400 a hundred builds of the monitor are not over.';

CREATE FUNCTION weir.drop_monitor(monitor text) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_drop_monitor' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.drop_monitor(text) IS
    'Removes a monitor with its panes, its baseline and what belongs to it. With the last monitor of a database capture stops and '
    'lets go of the write-ahead log. Needs ownership of the monitor or of its table. Error: 42704 no such monitor.';

CREATE FUNCTION weir.set_baseline(monitor text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, query text DEFAULT NULL,
    data_version bigint DEFAULT NULL, moving text DEFAULT NULL, span interval DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_set_baseline' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.set_baseline(text, timestamptz, timestamptz, text, bigint, text, interval) IS
    'Sets what the monitor''s drift is measured against, in place of what was set before. Exactly one form: since and until (the '
    'monitor''s own panes that begin in [since, until), read anew with every score, so that late rows count); query (a SELECT run '
    'once, now, as the caller; its columns are taken by name and summarized as the monitor does; a column that it lacks has no '
    'baseline); data_version (its rows, likewise); moving => previous_window (the window that ended where this one begins), '
    'trailing (the span before the window) or same_hour_of_week (windows that began at the same time of the week, in the weeks of '
    'the span; 4 weeks by default, at most ten years). Segments are compared with their own baseline. Needs ownership of the monitor or of its '
    'table. Errors: 42704 no such monitor, 22023 not exactly one form or a span that does not fit, 42703 a query without any of '
    'the columns, 42804 a query''s column of another type.';

CREATE FUNCTION weir.set_loss_model(monitor text, model bytea) RETURNS void
    AS 'MODULE_PATHNAME', 'weir_set_loss_model' LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION weir.set_loss_model(text, bytea) IS
    'Lets a monitored regression tell its errors before labels are there: weir.performance_scores then has rows with is_estimate. model: weir.fit_loss_model(label, prediction) over '
    'labelled rows of the reference, without features, since a window knows how its predictions are distributed and nothing of single rows; NULL takes it away. The '
    'prediction must be summarized as numeric. Needs ownership of the monitor or of its table. Errors: 42704 no such monitor, 22023 not such a model, 55000 a monitor '
    'without a regression.';
