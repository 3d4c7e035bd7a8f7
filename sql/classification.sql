-- Classes of columns. t/161_governance.pl has what they withhold.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_weir_holder;
CREATE ROLE regress_weir_stranger;
GRANT CREATE ON SCHEMA public TO regress_weir_holder;
SELECT coalesce(max(audit_id), 0) AS before FROM weir.audit_log \gset
SET ROLE regress_weir_holder;
CREATE TABLE regress_people (id bigint PRIMARY KEY, at timestamptz NOT NULL, income float8, city text, region text);
SELECT weir.classify_column('regress_people', 'city', 'secret');
SELECT weir.classify_column('regress_people', 'no_such', 'personal');
SELECT weir.classify_column('regress_people', 'ctid', 'personal');
SELECT weir.classify_column(NULL, 'city', 'personal');
SELECT weir.classify_column('regress_people', NULL, 'personal');
SELECT weir.classify_column('regress_people', 'city', 'personal');
SELECT weir.classify_column('regress_people', 'region', 'public');
SELECT weir.column_class('regress_people', 'city'), weir.column_class('regress_people', 'income'), weir.column_class('regress_people', 'no_such');
SELECT * FROM weir.column_classes WHERE source = 'regress_people'::regclass ORDER BY 2;
-- It is a security label.
SECURITY LABEL FOR weir ON COLUMN regress_people.income IS 'sensitive';
SECURITY LABEL FOR weir ON COLUMN regress_people.income IS 'very sensitive';
SECURITY LABEL FOR weir ON TABLE regress_people IS 'public';
SECURITY LABEL FOR weir ON COLUMN regress_people.region IS NULL;
ALTER TABLE regress_people RENAME city TO town;
SELECT * FROM weir.column_classes WHERE source = 'regress_people'::regclass ORDER BY 2;
-- Segments are named by values.
SELECT weir.create_monitor('regress by town', 'regress_people', 'at', segment_by => '{town}', backfill => false);
SELECT weir.create_monitor('regress by region', 'regress_people', 'at', segment_by => '{region}', backfill => false);
SELECT weir.classify_column('regress_people', 'region', 'personal');
RESET ROLE;
SELECT column_name, class FROM weir.monitor_column JOIN weir.monitor USING (monitor_id) WHERE name = 'regress by region' ORDER BY 1;
SET ROLE regress_weir_holder;
SELECT weir.alter_monitor('regress by region', drop_columns => '{income}');
SELECT weir.alter_monitor('regress by region', add_columns => '{income}');
SELECT weir.classify_column('regress_people', 'town', 'sensitive');
SELECT weir.classify_column('regress_people', 'town', NULL);
RESET ROLE;
SELECT column_name, class FROM weir.monitor_column JOIN weir.monitor USING (monitor_id) WHERE name = 'regress by region' ORDER BY 1;
-- Renamed, and classified before capture has seen it; what the monitor reads, it has seen.
SELECT count(*) FROM weir.wait_for();
ALTER TABLE regress_people RENAME town TO place;
SELECT weir.classify_column('regress_people', 'place', 'personal');
SELECT class FROM weir.monitor_column JOIN weir.monitor USING (monitor_id) WHERE name = 'regress by region' AND column_name IN ('town', 'place');

-- ---- who may ----
SET ROLE regress_weir_stranger;
SELECT weir.classify_column('regress_people', 'region', NULL);
SECURITY LABEL FOR weir ON COLUMN regress_people.income IS NULL;
SELECT weir.set_class_retention('personal', '30 days');
RESET ROLE;
SELECT weir.set_class_retention('secret', '30 days');
SELECT weir.set_class_retention('personal', '59 min');
SELECT weir.set_class_retention('personal', '2000 years');
SELECT weir.set_class_retention(NULL, '1 day');
SELECT weir.set_class_retention('personal', '30 days'), weir.set_class_retention('sensitive', '1 day');
SELECT weir.set_class_retention('sensitive', NULL);
SELECT * FROM weir.class_retentions;
SELECT role, action, kind, subject, detail FROM weir.audit_log WHERE kind IN ('column', 'class_retention') AND audit_id > :before ORDER BY audit_id;

-- ---- a table that is kept of two others ----
CREATE TABLE regress_predictions (id int PRIMARY KEY, score float8);
CREATE TABLE regress_labels (id int PRIMARY KEY, illness text);
SELECT weir.classify_column('regress_predictions', 'score', 'personal'), weir.classify_column('regress_labels', 'illness', 'sensitive');
SELECT weir.join_labels('regress_joined', 'regress_predictions', 'regress_labels', key => '{id}', label => '{illness}');
SELECT column_name, class FROM weir.column_classes WHERE source = 'regress_joined'::regclass ORDER BY 1;
-- No cast is made where a type is another one: it may be anybody's function.
ALTER TABLE regress_predictions ALTER score TYPE text;
SELECT * FROM weir.verify_labels('regress_joined');
DROP TABLE regress_joined, regress_predictions, regress_labels;
SELECT weir.set_class_retention('personal', NULL);
SELECT weir.drop_monitor('regress by region');
DROP TABLE regress_people;
REVOKE ALL ON SCHEMA public FROM regress_weir_holder;
DROP ROLE regress_weir_holder, regress_weir_stranger;
