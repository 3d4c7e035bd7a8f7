-- monitor: silences: periods, once or recurring, in which alerts are told to nobody, or whose windows decide nothing --------------------------

CREATE TABLE weir.silence (
    silence_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    rule_id int REFERENCES weir.rule ON DELETE CASCADE, -- NULL: all rules of the monitor
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    every interval,                       -- recurs so often, in days and hours of time_zone
    repeat_until timestamptz,             -- begins no more from here on
    time_zone text NOT NULL,
    applies_to text NOT NULL CHECK (applies_to IN ('notifications', 'windows')),
    reason text,
    created_by regrole NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (since < until)
);
COMMENT ON TABLE weir.silence IS 'Periods in which rules are silent; read the view weir.silences.';
CREATE INDEX ON weir.silence (monitor_id);
SELECT pg_catalog.pg_extension_config_dump('weir.silence', '');
SELECT pg_catalog.pg_extension_config_dump('weir.silence_silence_id_seq', '');

CREATE FUNCTION weir._covers(since timestamptz, until timestamptz, every interval, repeat_until timestamptz, time_zone text, first timestamptz,
    last timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN every IS NULL THEN since < last AND until > first
        -- A clock that is put forward or back moves an occurrence by less than a day: one more on both sides is looked at.
        ELSE EXISTS (SELECT FROM generate_series(
                floor(greatest(0, extract(epoch FROM first - until) / extract(epoch FROM every) - 1 - 86400 / extract(epoch FROM every)))::bigint,
                ceil(extract(epoch FROM last - since) / extract(epoch FROM every) + 1 + 86400 / extract(epoch FROM every))::bigint) k,
            LATERAL (SELECT ((since AT TIME ZONE time_zone) + k * every) AT TIME ZONE time_zone AS begins,
                         ((until AT TIME ZONE time_zone) + k * every) AT TIME ZONE time_zone AS ends) o
            WHERE o.begins < last AND o.ends > first AND (repeat_until IS NULL OR o.begins < repeat_until)) END;
END;
COMMENT ON FUNCTION weir._covers(timestamptz, timestamptz, interval, timestamptz, text, timestamptz, timestamptz) IS
'Whether a silence, or an occurrence of it, overlaps [first, last). Internal.';

CREATE FUNCTION weir._is_silenced(rule_id int, applies_to text, first timestamptz, last timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM weir.rule r JOIN weir.silence s ON s.monitor_id = r.monitor_id AND (s.rule_id IS NULL OR s.rule_id = r.rule_id)
        WHERE r.rule_id = $1 AND s.applies_to = $2 AND weir._covers(s.since, s.until, s.every, s.repeat_until, s.time_zone, $3, $4));
END;
COMMENT ON FUNCTION weir._is_silenced(int, text, timestamptz, timestamptz) IS
'Whether a silence of this kind, of the rule or of its monitor, overlaps [first, last). Internal.';
REVOKE ALL ON FUNCTION weir._is_silenced(int, text, timestamptz, timestamptz) FROM PUBLIC;

CREATE FUNCTION weir.create_silence(monitor text = NULL, rule text = NULL, since timestamptz = NULL, until timestamptz = NULL, every interval = NULL,
    repeat_until timestamptz = NULL, time_zone text = NULL, applies_to text = 'notifications', reason text = NULL) RETURNS int
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_silence';
COMMENT ON FUNCTION weir.create_silence(text, text, timestamptz, timestamptz, interval, timestamptz, text, text, text) IS
'Silences a rule, or all rules of a monitor, from since (NULL: now) until until, and returns the number of the silence. every: again after that interval, of
days and times of day in time_zone (NULL: the monitor''s), as long as it begins before repeat_until (NULL: for ever). applies_to: notifications (of the wall
clock: alerts open, but nobody is told and no action is taken before the silence is over; one that has resolved by then is never told of) or
windows (of event time: windows that overlap it decide nothing). For the monitor''s owner. Errors: 42704 no such monitor or rule, 22023 a period that makes no
sense.';

CREATE FUNCTION weir.drop_silence(silence_id int) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_silence';
COMMENT ON FUNCTION weir.drop_silence(int) IS 'Ends a silence; what it kept back is told now. For the monitor''s owner. Error: 42704 no such silence.';
