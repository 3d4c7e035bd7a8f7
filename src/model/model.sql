-- model: models, trainers, jobs, versions -------------------------------------------------------------------------------------------------

-- Definitions and the registry are dumped. Functions are kept by name and roles as regrole: both survive pg_dump and pg_upgrade.
CREATE TABLE weir.model (
    model_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    owner regrole NOT NULL,
    purpose text,
    risk text NOT NULL CHECK (risk IN ('low', 'normal', 'high')),
    approvals int NOT NULL CHECK (approvals >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.model IS 'Models, one row each; read the view weir.models.';

CREATE TABLE weir.model_version (
    model_id int NOT NULL REFERENCES weir.model,
    version int NOT NULL CHECK (version > 0),
    artifact bytea,
    artifact_uri text,
    artifact_hash text,
    metrics jsonb NOT NULL,
    signature jsonb,
    data_version bigint,
    job_id bigint,                        -- jobs are not dumped: no foreign key
    trainer text,                         -- of the job, as its configuration was
    config jsonb,
    code_version text,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by regrole NOT NULL,
    created_by_person regrole NOT NULL DEFAULT weir._person(),
    job_person regrole,                   -- who queued the job; of a rule's or schedule's, who made the trainer
    trainer_person regrole,               -- who made the trainer
    procedure_owner regrole,              -- whose procedure it ran
    note text,
    PRIMARY KEY (model_id, version)
);
ALTER TABLE weir.model_version ALTER artifact SET STORAGE EXTERNAL;
COMMENT ON TABLE weir.model_version IS 'What training produced; read the view weir.model_versions.';

-- Never updated but for until: the history of what was live when. previous is where a roll-back leads.
CREATE TABLE weir.model_alias (
    alias_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id int NOT NULL,
    alias text NOT NULL,
    version int NOT NULL,
    previous int,                         -- alias_id; no foreign key, which pg_dump would call circular
    since timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    until timestamptz,                    -- NULL: now
    set_by regrole NOT NULL,
    reason text,
    FOREIGN KEY (model_id, version) REFERENCES weir.model_version
);
CREATE UNIQUE INDEX model_alias_current ON weir.model_alias (model_id, alias) WHERE until IS NULL;
COMMENT ON TABLE weir.model_alias IS 'Which version each alias of a model meant, and when; read the view weir.model_aliases.';

CREATE TABLE weir.trainer (
    trainer_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    model_id int NOT NULL REFERENCES weir.model,
    owner regrole NOT NULL,
    procedure_schema name,                -- all three NULL: external
    procedure_name name,
    procedure_owner regrole,              -- another owner at launch means another procedure under the same name: refused
    search_path text,                     -- with which it was made, and its jobs run; NULL: external
    config jsonb NOT NULL CHECK (jsonb_typeof(config) = 'object'),
    schedule interval CHECK (schedule >= '1 min' AND schedule <= '10 years'),
    timeout interval NOT NULL CHECK (timeout > '0' AND timeout <= '30 days'),
    max_attempts int NOT NULL CHECK (max_attempts BETWEEN 1 AND 1000),
    cooldown interval NOT NULL CHECK (cooldown >= '0'),
    max_running int CHECK (max_running BETWEEN 1 AND 1000), -- NULL: any number, of external ones
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by_person regrole NOT NULL DEFAULT weir._person(),
    CHECK (num_nulls(procedure_schema, procedure_name, procedure_owner) IN (0, 3))
);
COMMENT ON TABLE weir.trainer IS 'How models are trained, one row per trainer; read the view weir.trainers.';
CREATE TRIGGER wake AFTER INSERT ON weir.trainer FOR EACH STATEMENT EXECUTE FUNCTION weir._wake();

-- Run-time state from here on: not dumped, but for the sequence of job numbers, which versions and alerts go on naming.
CREATE TABLE weir.trainer_state (
    trainer_id int PRIMARY KEY REFERENCES weir.trainer ON DELETE CASCADE,
    next_at timestamptz,
    rests_until timestamptz
);
COMMENT ON TABLE weir.trainer_state IS 'When each trainer with a schedule is due next, and until when its cool-down lasts.';

CREATE TABLE weir.job (
    job_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('procedure', 'external')),
    trainer_id int REFERENCES weir.trainer ON DELETE SET NULL,
    trainer text NOT NULL,
    model text NOT NULL,
    owner regrole NOT NULL,
    alert_id bigint,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'dead')),
    priority int NOT NULL,
    attempt int NOT NULL DEFAULT 0,       -- counted, and committed, before an attempt starts
    max_attempts int NOT NULL,
    timeout interval NOT NULL,
    dedupe_key text,
    coalesced int NOT NULL DEFAULT 0,     -- how often it was asked for while it waited
    config jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by regrole NOT NULL,
    created_by_person regrole,            -- NULL: a rule, a schedule, or another job
    run_after timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    token bigint,                         -- of the last claim; an older one is refused
    claimed_by text,
    lease_until timestamptz,
    pid int,                              -- the worker that runs the procedure
    backend_start timestamptz,            -- with the pid names the process for good
    progress float8,
    message text,
    output text,                          -- messages of an external worker
    result jsonb,
    error text
) WITH (fillfactor = 80);
COMMENT ON TABLE weir.job IS 'The queue of training jobs and its history; read the view weir.jobs.';
-- A retry never collides with a newer job of the same key: only jobs that were not tried yet are unique.
CREATE UNIQUE INDEX job_dedupe_key ON weir.job (trainer_id, dedupe_key) WHERE state = 'queued' AND attempt = 0;
CREATE INDEX job_queue ON weir.job (trainer_id, priority DESC, run_after, job_id) WHERE state = 'queued' AND kind = 'procedure';
CREATE INDEX job_external_queue ON weir.job (priority DESC, run_after, job_id) WHERE state = 'queued' AND kind = 'external';
CREATE INDEX job_lease ON weir.job (lease_until) WHERE state = 'running' AND kind = 'external';
CREATE INDEX job_running ON weir.job (trainer_id) WHERE state = 'running';
CREATE INDEX job_worker ON weir.job (pid) WHERE pid IS NOT NULL;
CREATE INDEX job_history ON weir.job (created_at);
CREATE SEQUENCE weir.job_token_seq;

CREATE TABLE weir.job_attempt (
    job_id bigint NOT NULL REFERENCES weir.job ON DELETE CASCADE,
    attempt int NOT NULL,
    state text NOT NULL CHECK (state IN ('succeeded', 'failed', 'cancelled')),
    worker text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    user_seconds float8,
    system_seconds float8,
    max_memory bigint,
    output text,
    error text,
    PRIMARY KEY (job_id, attempt)
);
COMMENT ON TABLE weir.job_attempt IS 'How each attempt of a job ended; read the view weir.job_log.';

SELECT pg_catalog.pg_extension_config_dump('weir.model', '');
SELECT pg_catalog.pg_extension_config_dump('weir.model_model_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.model_version', '');
SELECT pg_catalog.pg_extension_config_dump('weir.model_alias', '');
SELECT pg_catalog.pg_extension_config_dump('weir.model_alias_alias_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.trainer', '');
SELECT pg_catalog.pg_extension_config_dump('weir.trainer_trainer_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.job_job_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.job_token_seq', '');

-- ---- definitions ----

CREATE FUNCTION weir.create_model(name text, purpose text = NULL, risk text = 'normal', approvals int = 0) RETURNS name
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_model';
COMMENT ON FUNCTION weir.create_model(text, text, text, int) IS
'Registers a model and returns its name. purpose says what it is for; risk is low, normal or high; approvals (>= 0) is how many people must
approve a version before it goes live (weir.request_review). The current user owns it: who is a member of that role adds versions and trainers.';

CREATE FUNCTION weir.drop_model(model text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_model';
COMMENT ON FUNCTION weir.drop_model(text) IS
'Removes a model that has neither versions nor trainers: versions are a record and are kept. For its owner.';

CREATE FUNCTION weir.create_trainer(name text, model text, procedure regproc = NULL, config jsonb = '{}', schedule text = NULL,
    timeout interval = '1 hour', max_attempts int = 3, cooldown interval = '0', max_running int = NULL) RETURNS name
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_trainer';
COMMENT ON FUNCTION weir.create_trainer(text, text, regproc, jsonb, text, interval, int, interval, int) IS
'Declares how a model is trained and returns the trainer''s name. procedure takes exactly (job_id bigint, config jsonb) and runs in a
background worker connected as the trainer''s owner (the current user, who must be able to log in), with the search_path of this session, where
it may COMMIT and use temporary tables; NULL is an external trainer, whose jobs are claimed with claim_job. config (an object) is handed to every job, together with what the
alert knows: monitor, rule, alert_id, window_start, window_end. schedule is an interval (''1 day''; from 1 minute to 10 years). timeout (> 0, at
most 30 days) is for one attempt; after a failure there is another attempt, later each time, up to max_attempts (at most 1000). After a job that
succeeded the next one waits for cooldown (at most 10 years). max_running (1 to 1000) is how many of its jobs may run at once; NULL: one of a
procedure, any number of an external trainer. For the model''s owner.';

CREATE FUNCTION weir.drop_trainer(trainer text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_trainer';
COMMENT ON FUNCTION weir.drop_trainer(text) IS
'Removes a trainer that no rule uses: queued and running jobs are cancelled, the history of its jobs stays. For its owner.';

-- ---- jobs ----

CREATE FUNCTION weir.enqueue_job(trainer text, config jsonb = '{}', run_after timestamptz = NULL, priority int = 0, dedupe_key text = NULL)
    RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_enqueue_job';
COMMENT ON FUNCTION weir.enqueue_job(text, jsonb, timestamptz, int, text) IS
'Queues a job in the current transaction and returns its number. config (an object) is laid over the trainer''s; run_after NULL is now, else finite; higher
priority goes first. While a job of the same trainer and dedupe_key waits for its first attempt, no other is added and its number is
returned; it takes the higher priority and the earlier time of both, and counts in coalesced. NULL never coincides. For members of the trainer''s owner.';

CREATE FUNCTION weir.claim_job(trainers text[] = NULL, lease interval = '5 min', worker text = NULL)
    RETURNS TABLE (job_id bigint, token bigint, trainer text, model text, attempt int, lease_until timestamptz, config jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'weir_claim_job';
COMMENT ON FUNCTION weir.claim_job(text[], interval, text) IS
'Takes the next job of external trainers (of those named, or of all whose owner the current user is a member of) and returns it with its
fencing token; no row when there is none. Never blocks on, nor hands out, a job that somebody else holds. The job is the caller''s until
lease_until, at most 30 days; heartbeat extends it; when it passes, the job is given to another. worker is a label shown in weir.jobs.';

CREATE FUNCTION weir.heartbeat(job_id bigint, token bigint = NULL, progress float8 = NULL, message text = NULL, lease interval = '5 min')
    RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_heartbeat';
COMMENT ON FUNCTION weir.heartbeat(bigint, bigint, float8, text, interval) IS
'Says that a claimed job is alive: extends its lease (never past its timeout) and records progress (0 to 1) and a message. False when the job
is no longer the caller''s (cancelled, lease lost, timed out): stop working on it. token is the one claim_job gave; NULL only inside the
job''s own procedure, where others see the progress once the procedure commits.';

CREATE FUNCTION weir.complete_job(job_id bigint, token bigint, result jsonb = '{}') RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_complete_job';
COMMENT ON FUNCTION weir.complete_job(bigint, bigint, jsonb) IS
'Marks a claimed job as succeeded and keeps result. False, with a warning, when the token is not the current one: somebody else has the job,
and nothing is recorded.';

CREATE FUNCTION weir.fail_job(job_id bigint, token bigint, error text, retry boolean = true) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_fail_job';
COMMENT ON FUNCTION weir.fail_job(bigint, bigint, text, boolean) IS
'Records that an attempt at a claimed job failed. With retry the job is queued again, later each time, and is dead once its attempts are used
up; without, it has failed for good. False, with a warning, when the token is not the current one.';

CREATE FUNCTION weir.cancel_job(job_id bigint) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_cancel_job';
COMMENT ON FUNCTION weir.cancel_job(bigint) IS
'Cancels a job that is queued or running; a running procedure is interrupted, an external worker hears it from its next heartbeat. False when
the job was over already. For members of the trainer''s owner.';

CREATE FUNCTION weir.requeue_job(job_id bigint) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_requeue_job';
COMMENT ON FUNCTION weir.requeue_job(bigint) IS
'Queues a job that is dead, failed or cancelled once more, with all its attempts. False when it is in another state or its trainer is gone.
For members of the trainer''s owner.';

-- ---- versions ----

CREATE FUNCTION weir.create_model_version(model text, artifact bytea = NULL, artifact_uri text = NULL, metrics jsonb = '{}',
    data_version bigint = NULL, job_id bigint = NULL, code_version text = NULL, signature jsonb = NULL, note text = NULL,
    artifact_hash text = NULL) RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_model_version';
COMMENT ON FUNCTION weir.create_model_version(text, bytea, text, jsonb, bigint, bigint, text, jsonb, text, text) IS
'Registers the next version of a model (1, 2, 3) and returns its number. Its artefact is stored here (artifact) or elsewhere (artifact_uri), not
both; artifact_hash is the SHA-256 in hexadecimal, computed here for a stored one. metrics is an object; data_version, of create_data_version, is
what it was trained on; job_id must be a job of this model, whose trainer and configuration are kept with the version. code_version
is whatever names the code; NULL: the SHA-256 of the definition of the job''s procedure. For the model''s owner; one caller at a time per model.';

CREATE FUNCTION weir.model_artifact(model text, version int) RETURNS bytea
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_model_artifact';
COMMENT ON FUNCTION weir.model_artifact(text, int) IS
'The stored artefact of a version; NULL when it is kept elsewhere. For members of the model''s owner and of pg_read_all_data.';

CREATE FUNCTION weir.promote_model(model text, version int, alias text = 'champion', reason text = NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_promote_model';
COMMENT ON FUNCTION weir.promote_model(text, int, text, text) IS
'Lets an alias of the model (champion, challenger) mean this version from now on, and keeps the history. Refused, but
for the aliases challenger and shadow, unless the last review of the version approved it with the approvals that the model asks for. For the
model''s owner.';

CREATE FUNCTION weir.roll_back_model(model text, reason text, alias text = 'champion') RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_roll_back_model';
COMMENT ON FUNCTION weir.roll_back_model(text, text, text) IS
'Lets the alias mean the version it meant before the last promotion, and returns that; repeated, it goes further back. Needs no approval; a reason
is required. Error when there is no earlier version. For the model''s owner.';

-- ---- views ----

CREATE FUNCTION weir._may_see(owner oid) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'weir_may_see';
COMMENT ON FUNCTION weir._may_see(oid) IS 'True for members of the role and of pg_read_all_data: who may see its models and jobs.';

CREATE VIEW weir.models WITH (security_barrier) AS
    SELECT m.name AS model, m.purpose, m.risk, m.approvals, m.owner,
           (SELECT pg_catalog.max(v.version) FROM weir.model_version v WHERE v.model_id OPERATOR(pg_catalog.=) m.model_id) AS latest_version,
           m.created_at
    FROM weir.model m WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.models IS 'Models whose owner the reader is a member of (pg_read_all_data sees all).';
GRANT SELECT ON weir.models TO PUBLIC;

CREATE VIEW weir.model_versions WITH (security_barrier) AS
    SELECT m.name AS model, v.version, a.aliases,
           CASE WHEN a.aliases OPERATOR(pg_catalog.<>) '{}' THEN 'live' WHEN a.n OPERATOR(pg_catalog.>) 0 THEN 'retired' ELSE 'registered' END AS state,
           v.job_id, v.data_version, v.code_version, v.metrics, v.signature,
           v.artifact_uri, v.artifact_hash, v.created_at, v.created_by, v.note, v.trainer, v.config
    FROM weir.model_version v JOIN weir.model m USING (model_id)
        CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS n,
                                   COALESCE(pg_catalog.array_agg(a.alias ORDER BY a.alias) FILTER (WHERE a.until IS NULL), '{}') AS aliases
                            FROM weir.model_alias a
                            WHERE a.model_id OPERATOR(pg_catalog.=) v.model_id AND a.version OPERATOR(pg_catalog.=) v.version) a
    WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.model_versions IS
'Versions of the models in weir.models. state: registered, live (an alias means it), retired (one did). artifact_hash: SHA-256 in hexadecimal;
weir.model_artifact() gives the bytes.';
GRANT SELECT ON weir.model_versions TO PUBLIC;

CREATE VIEW weir.model_aliases WITH (security_barrier) AS
    SELECT m.name AS model, a.alias, a.version, a.since, a.until, a.set_by, a.reason
    FROM weir.model_alias a JOIN weir.model m USING (model_id) WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.model_aliases IS 'Which version each alias meant from since to until (NULL: still does), who decided and why.';
GRANT SELECT ON weir.model_aliases TO PUBLIC;

CREATE VIEW weir.trainers WITH (security_barrier) AS
    SELECT t.name AS trainer, m.name AS model, CASE WHEN t.procedure_name IS NULL THEN 'external' ELSE 'procedure' END AS kind,
           CASE WHEN t.procedure_name IS NOT NULL THEN pg_catalog.format('%I.%I', t.procedure_schema, t.procedure_name) END AS procedure, t.config, t.schedule, s.next_at, t.timeout,
           t.max_attempts, t.owner, t.created_at, t.cooldown, s.rests_until, t.max_running, t.search_path
    FROM weir.trainer t JOIN weir.model m USING (model_id) LEFT JOIN weir.trainer_state s USING (trainer_id) WHERE weir._may_see(t.owner);
COMMENT ON VIEW weir.trainers IS 'Trainers whose owner the reader is a member of (pg_read_all_data sees all). next_at: when the schedule is due;
rests_until: the end of the cool-down that the last success began; search_path: with which its procedure runs.';
GRANT SELECT ON weir.trainers TO PUBLIC;

CREATE VIEW weir.jobs WITH (security_barrier) AS
    SELECT j.job_id, j.kind, j.trainer, j.model, j.alert_id, j.state, j.priority, j.attempt, j.max_attempts, j.created_at, j.run_after,
           j.started_at, j.finished_at,
           COALESCE(j.finished_at, CASE j.state WHEN 'running' THEN pg_catalog.clock_timestamp() END)
               OPERATOR(pg_catalog.-) j.started_at AS duration,
           j.progress, j.claimed_by, j.lease_until, j.error, j.config, j.owner, j.message, j.result, j.pid, j.dedupe_key, j.created_by,
           j.coalesced
    FROM weir.job j WHERE weir._may_see(j.owner);
COMMENT ON VIEW weir.jobs IS
'Jobs of trainers whose owner the reader is a member of (pg_read_all_data sees all). state: queued (also between attempts: then error tells
why the last one failed), running, succeeded, failed (not to be tried again), dead (attempts used up), cancelled. attempt counts from 1;
duration is of the last attempt; progress is 0 to 1; coalesced counts how often it was asked for again while it waited (dedupe_key).';
GRANT SELECT ON weir.jobs TO PUBLIC;

CREATE VIEW weir.job_log WITH (security_barrier) AS
    SELECT a.job_id, a.attempt, j.trainer, j.model, a.state, a.worker, a.started_at, a.finished_at,
           a.finished_at OPERATOR(pg_catalog.-) a.started_at AS duration, a.user_seconds, a.system_seconds, a.max_memory, a.output, a.error, j.owner
    FROM weir.job_attempt a JOIN weir.job j USING (job_id) WHERE weir._may_see(j.owner);
COMMENT ON VIEW weir.job_log IS
'How each attempt of the jobs in weir.jobs ended: state succeeded, failed or cancelled. output: what the procedure raised as NOTICE, WARNING or INFO (of
more than 64 kB the first 16 and the last 48), or the messages of an external worker''s heartbeats (the last 64 kB). user_seconds and
system_seconds are processor time, max_memory the peak of resident memory in bytes, shared memory that was touched included; NULL where the
server does not know: of external jobs, and of workers that died.';
GRANT SELECT ON weir.job_log TO PUBLIC;
