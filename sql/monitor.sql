-- Definitions of monitors: what create_monitor stores, what it refuses, and that nothing is left of what it refused.
-- In one transaction that is rolled back, so that a running capture never sees these monitors.
\set VERBOSITY default
\set ON_ERROR_ROLLBACK on
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;
DELETE FROM weir.monitor;
CREATE SCHEMA monitor_test;
SET search_path = monitor_test, public;
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE DOMAIN moment AS timestamptz;
CREATE TABLE loans(id bigint PRIMARY KEY, decided_at timestamptz NOT NULL, code text UNIQUE, amount numeric(12,2), wait interval, purpose text,
    region text, sex text, age int, score float8, approved boolean, repaid int, shade colour, extra jsonb, day date, local timestamp, at moment);

-- ---- kinds, defaults, panes ----
SELECT weir.create_monitor('loans', 'loans', 'decided_at', window_size => '1 day', segment_by => '{region}', model => 'loan_model',
    prediction => 'approved', score => 'score', label => 'repaid', protected => '{sex}', kinds => '{"repaid": "category", "code": "category", "day": "ignore"}');
SELECT monitor, state, columns, segment_by, window_size, slide, pane_size, baseline FROM weir.monitors WHERE monitor = 'loans' \gx
SELECT kind, since, until, state FROM weir.build b JOIN weir.monitor m USING (monitor_id) WHERE m.name = 'loans';
SELECT weir.create_monitor('named', 'loans', 'day', columns => '{id, decided_at, amount}', metrics => '{psi, ks, demographic_parity_ratio}');
SELECT columns, time_column, pane_size, metrics FROM weir.monitors WHERE monitor = 'named';

CREATE FUNCTION pane_size(window_size interval, slide interval DEFAULT NULL, time_zone text DEFAULT NULL, options jsonb DEFAULT '{}') RETURNS interval
    LANGUAGE plpgsql AS $$
DECLARE result interval;
BEGIN
    PERFORM weir.create_monitor('sizes', 'loans', 'local', columns => '{amount}', window_size => window_size, slide => slide, time_zone => time_zone,
        options => options);
    SELECT m.pane_size INTO result FROM weir.monitor m WHERE name = 'sizes';
    PERFORM weir.drop_monitor('sizes');
    RETURN result;
END $$;
SELECT pane_size('1 second'), pane_size('7 minutes'), pane_size('1 hour'), pane_size('1 hour', '1 min'), pane_size('1 day'), pane_size('1 week', '1 day'),
    pane_size('1 month'), pane_size('30 days'), pane_size('1 day', options => '{"pane_size": "30 min"}') \gx
-- In a zone panes must fit local midnights, all the year round.
SELECT pane_size('1 day', time_zone => 'Asia/Kolkata') AS kolkata, pane_size('1 day', time_zone => 'America/New_York') AS new_york,
    pane_size('1 day', time_zone => 'Australia/Lord_Howe') AS lord_howe, pane_size('1 month', time_zone => 'America/New_York') AS months;

-- ---- tables that are refused ----
CREATE VIEW a_view AS SELECT * FROM loans;
CREATE MATERIALIZED VIEW a_materialized_view AS SELECT * FROM loans;
CREATE UNLOGGED TABLE an_unlogged_table(at timestamptz, x int);
CREATE TEMPORARY TABLE a_temporary_table(at timestamptz, x int);
CREATE FOREIGN DATA WRAPPER monitor_test_wrapper;
CREATE SERVER monitor_test_server FOREIGN DATA WRAPPER monitor_test_wrapper;
CREATE FOREIGN TABLE a_foreign_table(at timestamptz, x int) SERVER monitor_test_server;
CREATE TABLE root(at timestamptz, x int) PARTITION BY RANGE (at);
CREATE TABLE leaf PARTITION OF root DEFAULT;
CREATE SEQUENCE a_sequence;
SELECT weir.create_monitor('bad', 'a_view', 'decided_at');
SELECT weir.create_monitor('bad', 'a_materialized_view', 'decided_at');
SELECT weir.create_monitor('bad', 'a_foreign_table', 'at');
SELECT weir.create_monitor('bad', 'an_unlogged_table', 'at');
SELECT weir.create_monitor('bad', 'a_temporary_table', 'at');
SELECT weir.create_monitor('bad', 'pg_catalog.pg_class', 'relname');
SELECT weir.create_monitor('bad', 'weir.pane', 'pane_start');
SELECT weir.create_monitor('bad', 'leaf', 'at');
SELECT weir.create_monitor('bad', 'a_sequence', 'at');
SELECT weir.create_monitor('bad', 4294967295::regclass, 'at');
SELECT weir.create_monitor('of a partitioned table', 'root', 'at');

-- ---- columns that are refused ----
SELECT weir.create_monitor('bad', 'loans', 'nowhere');
SELECT weir.create_monitor('bad', 'loans', 'age');
SELECT weir.create_monitor('of a domain', 'loans', 'at', columns => '{amount}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', columns => '{amount, nowhere}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', columns => '{amount, amount}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', columns => '{amount, extra}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', columns => '{amount, NULL}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', columns => '{}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', kinds => '{"nowhere": "numeric"}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', kinds => '{"age": "ordinal"}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', kinds => '{"purpose": "numeric"}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', kinds => '[1]');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', segment_by => '{nowhere}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', segment_by => '{region, region}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', segment_by => '{extra}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', prediction => 'approved', protected => '{nowhere}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', protected => '{sex}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', prediction => 'nowhere');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', prediction => 'purpose');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', label => 'nowhere');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', score => 'nowhere');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', score => 'purpose');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', filter => 'amount > random()');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', filter => 'amount');

-- ---- settings that are refused ----
SELECT weir.create_monitor('loans', 'loans', 'decided_at');
SELECT weir.create_monitor('', 'loans', 'decided_at');
SELECT weir.create_monitor(NULL, 'loans', 'decided_at');
SELECT weir.create_monitor('bad', NULL, 'decided_at');
SELECT weir.create_monitor(repeat('x', 64), 'loans', 'decided_at');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '0');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '-1 day');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '1 day', slide => '0');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '1 day', slide => '7 hours');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '1 month', slide => '1 day');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '1 month 1 day');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', time_zone => 'Mars/Olympus');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', lateness => '-1 hour');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '1 day', retention => '1 hour');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', on_delete => 'forget');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', metrics => '{psi, wisdom}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"colour": 1}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"min_n": 1.5}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"confidence": 95}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"reference": {"sex": 1}}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"adjust": "hope"}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"pane_size": "7 minutes"}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"idle_grace": "soon"}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '[]');
-- What would end the calendar, be read as another number, or make too many windows of every row.
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '11 years');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', window_size => '1 day', slide => '8 seconds');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', lateness => '11 years');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', lateness => '178000000 years');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', lateness => '2 days -1 hour');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"idle_grace": "178000000 years"}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"idle_grace": "2 days -1 hour"}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"min_n": 30.0}');
SELECT weir.create_monitor('bad', 'loans', 'decided_at', options => '{"min_group_size": 1e10}');

-- ---- nobody but the owner ----
CREATE ROLE monitor_test_other;
GRANT ALL ON SCHEMA monitor_test TO monitor_test_other;
GRANT SELECT ON loans TO monitor_test_other;
SET ROLE monitor_test_other;
SELECT weir.create_monitor('bad', 'loans', 'decided_at');
SELECT weir.alter_monitor('loans', lateness => '1 hour');
SELECT weir.set_baseline('loans', moving => 'previous_window');
SELECT weir.drop_monitor('loans');
SELECT name FROM weir.monitor;
RESET ROLE;
SELECT name FROM weir.monitor WHERE name IN ('loans', 'named', 'bad', 'of a domain', 'of a partitioned table') ORDER BY monitor_id;

-- ---- alter ----
SELECT weir.alter_monitor('loans', window_size => '12 hours');
SELECT weir.alter_monitor('loans', lateness => '1 hour', metrics => '{psi}', retention => '90 days', on_delete => 'ignore', options => '{"min_n": 5, "adjust": "none"}');
SELECT window_size, slide, pane_size, lateness, metrics, retention, on_delete, options FROM weir.monitors WHERE monitor = 'loans';
SELECT weir.alter_monitor('loans', window_size => '1 day', slide => '6 hours', options => '{"adjust": null}');
SELECT weir.alter_monitor('loans', window_size => '2 days');
SELECT window_size, slide, options FROM weir.monitors WHERE monitor = 'loans';
SELECT weir.alter_monitor('loans', window_size => '3 hours', slide => '3 hours');
SELECT weir.alter_monitor('loans', options => '{"pane_size": "7 minutes"}');
SELECT weir.alter_monitor('loans', options => '{"min_n": "many"}');
SELECT weir.alter_monitor('loans', on_delete => 'forget');
SELECT weir.alter_monitor('nobody', lateness => '1 hour');
SELECT weir.alter_monitor('loans', lateness => '178000000 years');
SELECT weir.alter_monitor('loans', options => '{"min_n": 30.0}');
SELECT weir.alter_monitor('loans', window_size => '3000 days', slide => '6 hours');

-- ---- baselines that are refused ----
SELECT weir.set_baseline('loans');
SELECT weir.set_baseline('loans', since => '2026-01-01');
SELECT weir.set_baseline('loans', since => '2026-01-02', until => '2026-01-01');
SELECT weir.set_baseline('loans', since => '2026-01-01', until => '2026-01-02', moving => 'trailing');
SELECT weir.set_baseline('loans', since => '2026-01-01 01:00', until => '2026-01-01 02:00');
SELECT weir.set_baseline('loans', moving => 'sideways');
SELECT weir.set_baseline('loans', moving => 'trailing');
SELECT weir.set_baseline('loans', moving => 'trailing', span => '1 hour');
SELECT weir.set_baseline('loans', moving => 'previous_window', span => '1 day');
SELECT weir.set_baseline('loans', moving => 'same_hour_of_week', span => '1 day');
SELECT weir.set_baseline('loans', moving => 'same_hour_of_week', span => '100000 years');
SELECT weir.set_baseline('loans', moving => 'trailing', span => '11 years');
SELECT weir.set_baseline('loans', query => 'SELECT 1 AS nothing');
SELECT weir.set_baseline('loans', query => 'SELECT ''a'' AS amount');
SELECT weir.set_baseline('loans', query => 'SELECT now() AS amount');
SELECT weir.set_baseline('loans', query => 'DELETE FROM loans RETURNING amount');
SELECT weir.set_baseline('loans', query => 'SELECT 1 AS amount; SELECT 2 AS amount');
SELECT weir.set_baseline('loans', query => 'SELECT amount FROM');
SELECT weir.set_baseline('nobody', moving => 'previous_window');
SELECT baseline FROM weir.monitors WHERE monitor = 'loans';

-- ---- drop ----
SELECT weir.set_baseline('loans', query => 'SELECT 1.5 AS amount, ''car'' AS purpose');
SELECT baseline FROM weir.monitors WHERE monitor = 'loans';
SELECT count(*) FROM weir.baseline_summary b JOIN weir.monitor m USING (monitor_id) WHERE m.name = 'loans';
SELECT weir.drop_monitor('loans');
SELECT weir.drop_monitor('loans');
SELECT count(*) FROM weir.monitors WHERE monitor = 'loans';
ROLLBACK;
