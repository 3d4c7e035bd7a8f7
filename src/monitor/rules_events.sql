-- monitor: what happened to alerts, as an ordered list that is read from a position on -----------------------------------------------------------
--
-- Whoever changes an alert writes an event without a position in the same transaction. The scheduler, and nobody else, numbers those that are committed:
-- a position is given, and told by NOTIFY, after every lower one is visible, whichever transaction commits first and however long others run.

CREATE TABLE weir.alert_event (
    entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id bigint UNIQUE,               -- its position; NULL: not told yet
    alert_id bigint NOT NULL REFERENCES weir.alert ON DELETE CASCADE,
    event text NOT NULL CHECK (event IN ('opened', 'escalated', 'acknowledged', 'reminded', 'resolved')),
    state text NOT NULL,                  -- of the alert then, like severity
    severity text NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alert_event_untold ON weir.alert_event (entry) WHERE event_id IS NULL;
CREATE INDEX ON weir.alert_event (alert_id);
COMMENT ON TABLE weir.alert_event IS 'The outbox of alerts; read the view weir.alert_events, or call weir.read_events.';

-- Run-time state, not dumped, like the events.
CREATE TABLE weir.alert_event_position (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    last_event_id bigint NOT NULL,
    expired_to bigint NOT NULL            -- events up to here may be gone
);
INSERT INTO weir.alert_event_position (last_event_id, expired_to) VALUES (0, 0);
COMMENT ON TABLE weir.alert_event_position IS 'The last position given to an event, and up to where events were given up.';

CREATE TABLE weir.event_consumer (
    consumer text PRIMARY KEY,
    owner regrole NOT NULL,
    confirmed_to bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz
);
COMMENT ON TABLE weir.event_consumer IS 'How far each consumer of events has come; read the view weir.event_consumers.';

CREATE FUNCTION weir.create_event_consumer(consumer text, after_event bigint = NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_event_consumer';
COMMENT ON FUNCTION weir.create_event_consumer(text, bigint) IS
'Makes a position of that name in the events of alerts, owned by the caller, and returns it: events after after_event are to be read (NULL: those
that happen from now on; 0: all that are kept). Events are kept for weir.alert_event_retention, read or not. Error: 42710 the name is taken.';

CREATE FUNCTION weir.drop_event_consumer(consumer text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_event_consumer';
COMMENT ON FUNCTION weir.drop_event_consumer(text) IS 'Forgets a position in the events of alerts. For its owner. Error: 42704 no such consumer.';

CREATE FUNCTION weir.confirm_events(consumer text, event_id bigint) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_confirm_events';
COMMENT ON FUNCTION weir.confirm_events(text, bigint) IS
'Says that a consumer is done with all events up to this one, and returns its position, which never moves back (NULL: it stays). For its owner. Errors: 42704 no such
consumer, 22023 an event that there is not yet.';

CREATE FUNCTION weir._consumer_position(consumer text) RETURNS bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'weir_consumer_position';
COMMENT ON FUNCTION weir._consumer_position(text) IS
'The position of a consumer that the caller owns; error 55000 when events after it are gone. Internal.';
