-- Sources, complaints, labelling, periodic audits, erasure, cards, record matching: what is refused, and to whom. t/162_people.pl has them at work.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_weir_ml LOGIN;
CREATE ROLE regress_weir_ann LOGIN;
CREATE ROLE regress_weir_ben LOGIN;
CREATE ROLE regress_weir_clerk LOGIN;
CREATE ROLE regress_weir_labellers;
CREATE ROLE regress_weir_stranger LOGIN;
GRANT regress_weir_labellers TO regress_weir_ann, regress_weir_ben;
GRANT CREATE ON SCHEMA public TO regress_weir_ml;
CREATE EXTENSION pg_trgm;
SELECT coalesce(max(audit_id), 0) AS before FROM weir.audit_log \gset
CREATE FUNCTION sees() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', (SELECT count(*) FROM weir.sources WHERE source::text LIKE 'regress%'), (SELECT count(*) FROM weir.complaints), (SELECT count(*) FROM weir.complaint_counts),
        (SELECT count(*) FROM weir.labelling_queues), (SELECT count(*) FROM weir.labelling_items), (SELECT count(*) FROM weir.labelling_agreement),
        (SELECT count(*) FROM weir.audits), (SELECT count(*) FROM weir.audit_runs), (SELECT count(*) FROM weir.matchings), (SELECT count(*) FROM weir.match_pairs),
        (SELECT count(*) FROM weir.golden_records), (SELECT count(*) FROM weir.model_descriptions)) $$;
SET ROLE regress_weir_ml;
CREATE TABLE regress_loans (id bigint PRIMARY KEY, at timestamptz NOT NULL, income float8, email text, sex text, score float8, challenger float8, approved boolean, repaid boolean);
INSERT INTO regress_loans SELECT i, '2026-01-01'::timestamptz + i * interval '1 hour', i, 'p' || i % 10, (ARRAY['F', 'M'])[1 + i % 2], i / 100.0, (100 - i) / 100.0, i >= 50, NULL
    FROM generate_series(0, 99) i;
SELECT weir.create_model('regress m', purpose => 'approve loans', risk => 'high');
SELECT weir.create_model_version('regress m', metrics => '{"auc": 0.8}');
SELECT weir.create_monitor('regress loans', 'regress_loans', 'at', columns => '{income}', model => 'regress m', prediction => 'approved', score => 'score', label => 'repaid',
    protected => '{sex}', backfill => false);
SELECT weir.classify_column('regress_loans', 'email', 'personal');

-- ---- sources ----
SELECT weir.describe_source('regress_loans', steward => 'nobody at all');
SELECT weir.describe_source('regress_loans', purpose => ' ');
SELECT weir.describe_source(NULL);
SELECT weir.describe_source('regress_loans', steward => 'regress_weir_ann', purpose => 'small loans');
SELECT weir.describe_source('regress_loans', legal_basis => 'contract');
SELECT source, steward, purpose, legal_basis, owner, monitors, classes, described_by FROM weir.sources WHERE source = 'regress_loans'::regclass;

-- ---- complaints ----
SELECT weir.file_complaint('no such', '1', 'x');
SELECT weir.file_complaint('regress loans', '1000', 'x');
SELECT weir.file_complaint('regress loans', '7', ' ');
SELECT weir.file_complaint('regress loans', '7', 'x', model_version => 9);
SELECT weir.file_complaint('regress loans', '7', 'x', due_at => 'yesterday');
SELECT weir.promote_model('regress m', 1);
RESET ROLE;
UPDATE weir.model_alias SET since = '2025-01-01';
GRANT SELECT ON regress_loans TO regress_weir_clerk;
SET ROLE regress_weir_clerk;
SELECT weir.file_complaint('regress loans', '7', 'I earn enough', complainant => 'Jo', explanation => '{"income": -0.4}') AS c \gset
SELECT weir.file_complaint('regress loans', '8', 'me, too', due_at => now() + interval '2 days') AS c2 \gset
SELECT monitor, model, model_version, row_key, prediction, explanation, group_name, complaint, complainant, state, filed_by, due_at - filed_at AS within, is_overdue
    FROM weir.complaints ORDER BY complaint_id;
\set VERBOSITY sqlstate
SELECT weir.answer_complaint(:c, 'upheld', 'no business of mine');
SET ROLE regress_weir_ml;
SELECT weir.answer_complaint(0, 'upheld', 'x');
\set VERBOSITY terse
SELECT weir.answer_complaint(:c, 'ignored', 'x');
SELECT weir.answer_complaint(:c, 'upheld', '');
SELECT weir.answer_complaint(:c, 'partly_upheld', 'we looked again');
\set VERBOSITY sqlstate
SELECT weir.answer_complaint(:c, 'rejected', 'and again');
\set VERBOSITY terse
RESET ROLE;
UPDATE weir.complaint SET due_at = now() - interval '1 day' WHERE complaint_id = :c2;
SET ROLE regress_weir_ml;
SELECT * FROM weir.complaint_counts ORDER BY group_name;

-- ---- labelling ----
SELECT weir.create_labelling_queue('regress q', 'regress loans', labels_per_item => 0);
SELECT weir.create_labelling_queue('regress q', 'regress loans', uncertain => 1.1);
SELECT weir.create_labelling_queue('regress q', 'regress loans', uncertain => 'NaN');
SELECT weir.create_labelling_queue('regress q', 'regress loans', uncertain => 0, random_share => 0);
SELECT weir.create_labelling_queue('regress q', 'regress loans', threshold => 'Infinity');
SELECT weir.create_labelling_queue('regress q', 'regress loans', labellers => '{}');
SELECT weir.create_labelling_queue('regress q', 'regress loans', labellers => '{no such}');
SELECT weir.create_labelling_queue('regress q', 'regress loans', challenger_score => 'no_such');
SELECT weir.create_labelling_queue('regress q', 'regress loans', label_column => 'no_such');
SELECT weir.create_labelling_queue('regress q', 'regress loans', labellers => '{regress_weir_labellers}', labels_per_item => 2, challenger_score => 'challenger');
SELECT weir.create_labelling_queue('regress shadow', 'regress loans', challenger_score => 'challenger', challenger => 'shadow');
SELECT weir.create_labelling_queue('regress q', 'regress loans');
SELECT weir.fill_labelling_queue('no such');
SELECT weir.fill_labelling_queue('regress q', 0);
SELECT weir.fill_labelling_queue('regress q', 10);
SELECT reason, array_agg(row_key ORDER BY item_id) FROM weir.labelling_items WHERE reason <> 'random' GROUP BY 1 ORDER BY 1;
SELECT reason, count(*) FROM weir.labelling_items GROUP BY 1 ORDER BY 1;
SELECT weir.fill_labelling_queue('regress q', 1000), weir.fill_labelling_queue('regress q', 10);
SELECT weir.claim_labelling_item('regress q');
SET ROLE regress_weir_stranger;
SELECT weir.claim_labelling_item('regress q');
SELECT weir.fill_labelling_queue('regress q');
SELECT weir.drop_labelling_queue('regress q');
SELECT weir.create_labelling_queue('regress mine', 'regress loans');
SELECT weir.file_complaint('regress loans', '7', 'x');
SELECT weir.describe_source('regress_loans', purpose => 'mine');
SELECT weir.describe_model('regress m', disclosure => 'mine');
SELECT weir.create_audit('regress mine', 'regress loans');
SELECT weir.erase_subject('regress_loans', 'id', '7', 'x');
SELECT weir.create_matching('regress mine', '{"a": {"table": "regress_loans", "key": "id", "columns": {"name": "email"}}}', '{"name": {"method": "equal"}}');
SELECT weir.model_card('regress m');
SELECT weir.source_sheet('regress_loans');
SELECT sees();
SET ROLE regress_weir_ann;
SELECT weir.claim_labelling_item('regress q', lease => '0');
SELECT weir.claim_labelling_item('regress q', lease => '-1 day');
-- neither prediction, scores, label nor what is personal is shown
SELECT item_id AS i, features FROM weir.claim_labelling_item('regress q') \gset a_
SELECT :'a_features'::jsonb ? 'income' AS shows_income, (SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(:'a_features'::jsonb) k) AS shown;
SELECT item_id = :a_i AS the_same FROM weir.claim_labelling_item('regress q');
SELECT weir.label_item(0, 'true');
\set VERBOSITY sqlstate
SELECT weir.label_item(:a_i, 'perhaps');
SELECT weir.label_item(:a_i, NULL);
SELECT weir.label_item(:a_i, 't', note => 'sure');
SELECT weir.label_item(:a_i, 'f');
SET ROLE regress_weir_ben;
SELECT weir.label_item(:a_i, 'f');
\set VERBOSITY terse
SELECT item_id = :a_i AS the_same FROM weir.claim_labelling_item('regress q');
SELECT weir.label_item(:a_i, 'no');
-- a tie: one more is asked for
SET ROLE regress_weir_ml;
SELECT state, wanted, label, jsonb_array_length(labels) FROM weir.labelling_items WHERE item_id = :a_i;
SELECT n, agreement, kappa FROM weir.labelling_agreement WHERE first_person IS NOT NULL;
RESET ROLE;
GRANT regress_weir_labellers TO regress_weir_clerk;
SET ROLE regress_weir_clerk;
SELECT item_id = :a_i AS the_same FROM weir.claim_labelling_item('regress q');
SELECT weir.label_item(:a_i, 'yes');
SET ROLE regress_weir_ml;
SELECT i.state, i.wanted, i.label, l.repaid FROM weir.labelling_items i JOIN regress_loans l ON l.id::text = i.row_key WHERE item_id = :a_i;
SELECT count(*) FROM regress_loans WHERE repaid IS NOT NULL;
-- disagreement with the shadow predictions of another version
SELECT weir.create_labelling_queue('regress shadow', 'regress loans', challenger => ' ');
BEGIN;
SELECT weir.create_model_version('regress m') AS shadow \gset
SELECT weir.record_predictions('regress m', :shadow, $$SELECT id AS subject, CASE WHEN id IN (91, 92, 3) THEN 1 - score ELSE score END AS score FROM regress_loans$$);
SELECT weir.create_labelling_queue('regress shadow', 'regress loans', uncertain => 0, disagreeing => 1, random_share => 0, challenger => 'shadow');
SELECT weir.fill_labelling_queue('regress shadow', 10);
SELECT weir.promote_model('regress m', :shadow, alias => 'shadow');
SELECT weir.fill_labelling_queue('regress shadow', 2), weir.fill_labelling_queue('regress shadow', 10);
SELECT row_key, reason FROM weir.labelling_items WHERE queue = 'regress shadow' ORDER BY item_id;
SELECT challenger FROM weir.labelling_queues WHERE queue = 'regress shadow';
ROLLBACK;
-- labels into a table of their own
CREATE TABLE regress_labels (loan bigint PRIMARY KEY, outcome boolean);
SELECT weir.create_labelling_queue('regress late', 'regress loans', uncertain => 0, random_share => 1, label_table => 'regress_labels', label_key => 'loan', label_column => 'outcome');
SELECT weir.fill_labelling_queue('regress late', 1);
SELECT weir.label_item((SELECT item_id FROM weir.claim_labelling_item('regress late')), 'true');
SELECT count(*), bool_and(outcome) FROM regress_labels;
SELECT queue, labellers, labels_per_item, n_open, n_done FROM weir.labelling_queues ORDER BY 1;
SELECT weir.drop_labelling_queue('regress late');

-- ---- periodic audits ----
SELECT weir.create_audit('regress a', 'no such');
SELECT weir.create_audit('regress a', 'regress loans', 'beauty');
SELECT weir.create_audit('regress a', 'regress loans', schedule => '1 min');
SELECT weir.create_audit('regress a', 'regress loans', 'representativeness');
SELECT weir.create_audit('regress a', 'regress loans', population => '{"a": 1, "b": 1}');
SELECT weir.create_audit('regress a', 'regress loans', 'representativeness', column_name => 'sex', population => '{"F": 0.5, "M": 0.5}');
SELECT weir.create_audit('regress a', 'regress loans', 'representativeness', column_name => 'income', population => '{"F": 1}');
SELECT weir.create_audit('regress a', 'regress loans', 'representativeness', column_name => 'income', population => '{"F": 1, "M": -1}');
SELECT weir.create_audit('regress a', 'regress loans', 'representativeness', column_name => 'income', population => '[1, 2]');
SELECT weir.create_audit('regress a', 'regress loans', 'representativeness', column_name => 'income', population => '{"F": 51, "M": 49}');
SELECT weir.create_audit('regress a', 'regress loans', reviewers => '{regress_weir_ann}', first_at => '2100-01-01');
SELECT weir.create_audit('regress a', 'regress loans');
SELECT weir.run_audit('no such');
SELECT weir.run_audit('regress a') AS run \gset
SELECT audit, kind, verdict, findings, review_state, is_overdue FROM weir.audit_runs;
SELECT audit, reviewers, next_at > now() AS later, verdict, review_state, is_overdue, last_error FROM weir.audits;
SELECT review_id AS review FROM weir.audit_runs \gset
\set VERBOSITY sqlstate
SELECT weir.review(:review, 'approve', 'my own audit');
\set VERBOSITY terse
SET ROLE regress_weir_ann;
SELECT count(*) AS sees FROM weir.audit_runs;
SELECT weir.review(:review, 'reject', 'there is nothing in it');
SET ROLE regress_weir_ml;
SELECT review_state FROM weir.audit_runs;
SELECT weir.request_review('audit', 'x');
SELECT weir.request_review('audit', '0');
SELECT weir.request_review('audit', :'run') > :review AS again;

-- ---- cards ----
SELECT weir.describe_model('no such');
SELECT weir.describe_model('regress m', disclosure => 'Letters say that a score was used.', limitations => 'Not for | firms.');
SELECT weir.model_card('no such');
SELECT weir.model_card('regress m', 7);
SELECT weir.data_sheet(0);
SELECT weir.source_sheet('regress_labels');
SELECT weir.create_data_version('regress data', 'SELECT id, income, email FROM regress_loans') AS data \gset
SELECT weir.create_model_version('regress m', data_version => :data) AS v \gset
SELECT line FROM regexp_split_to_table(weir.model_card('regress m', :v), '\n') line WHERE line ~ '^#|disclos|Letters|firms|Rows|Purpose|Risk';
SELECT line FROM regexp_split_to_table(weir.data_sheet(:data), '\n') line WHERE line ~ '^\|';
SELECT line FROM regexp_split_to_table(weir.source_sheet('regress_loans'), '\n') line WHERE line ~ '^-|personal';

-- ---- record matching ----
CREATE TABLE regress_crm (id int PRIMARY KEY, full_name text, town text, updated date);
CREATE TABLE regress_web (mail text PRIMARY KEY, name text, city text);
INSERT INTO regress_crm VALUES (1, 'Anna Schmidt', 'Berlin', '2026-01-01'), (2, 'Bob Miller', 'Paris', '2026-02-01'), (3, 'Ana Schmid', 'Berlin', '2026-03-01'), (4, 'Zed', NULL, NULL);
INSERT INTO regress_web VALUES ('a@x', 'Anna Schmidt', 'berlin'), ('b@x', 'Robert Miller', 'Paris'), ('c@x', 'Carl', 'Rome');
SELECT weir.create_matching('regress people', '[]', '{}');
SELECT weir.create_matching('regress people', '{"crm": {"table": "regress_crm"}}', '{}');
SELECT weir.create_matching('regress people', '{"crm": {"table": "regress_crm", "key": "id", "columns": {"name": "full_name"}}}', '{"name": {"method": "smell"}}');
SELECT weir.create_matching('regress people', '{"crm": {"table": "regress_crm", "key": "id", "columns": {"name": "full_name"}}}', '{"name": {"method": "equal", "weight": -1}}');
SELECT weir.create_matching('regress people', '{"crm": {"table": "regress_crm", "key": "id", "columns": {"name": "full_name"}}}', '{"nome": {"method": "equal"}}');
SELECT weir.create_matching('regress people', '{"crm": {"table": "regress_crm", "key": "id", "columns": {"name": "full_name"}}}', '{"name": {"method": "equal"}}', match_from => 0.5);
SELECT weir.create_matching('regress people', '{"crm": {"table": "regress_crm", "key": "id", "columns": {"name": "full_name"}}}', '{"name": {"method": "equal"}}',
    survivorship => '{"name": "fittest"}');
SELECT weir.create_matching('regress people', '{"crm": {"table": "regress_crm", "key": "ix", "columns": {"name": "full_name"}}}', '{"name": {"method": "equal"}}');
SELECT weir.create_matching('regress people', '{"crm": {"table": "no_such", "key": "id", "columns": {"name": "full_name"}}}', '{"name": {"method": "equal"}}');
\set VERBOSITY default
SELECT weir.create_matching('regress people', '{"crm": {"table": "regress_crm", "key": "id", "columns": {"name": "full_name"}}}', '{"name": {"method": "levenshtein"}}');
\set VERBOSITY terse
SELECT weir.create_matching('regress people',
    '{"crm": {"table": "regress_crm", "key": "id", "place": 2, "columns": {"name": "full_name", "city": "town", "updated": "updated"}},
      "web": {"table": "regress_web", "key": "mail", "place": 1, "columns": {"name": "name", "city": "city"}}}',
    '{"name": {"method": "trigram", "weight": 3}, "city": {"method": "equal"}}', block_by => '{city}', match_from => 0.6, review_from => 0.4,
    survivorship => '{"name": "longest", "city": "most_frequent", "updated": "latest:updated"}');
SELECT * FROM weir.run_matching('no such');
SELECT * FROM weir.run_matching('regress people');
SELECT left_source, left_key, right_source, right_key, round(score::numeric, 2) AS score, state FROM weir.match_pairs ORDER BY 1, 2, 3, 4;
SELECT attributes, lineage -> 'name' AS name_from, lineage -> 'updated' AS updated_from, members FROM weir.golden_records ORDER BY members::text;
SELECT pair_id AS pair FROM weir.match_pairs WHERE state = 'review' \gset
SELECT weir.decide_match(:pair, 'perhaps', 'x');
SELECT weir.decide_match(:pair, 'match', '');
SELECT weir.decide_match(0, 'match', 'x');
SELECT weir.decide_match(:pair, 'match', 'the same telephone');
SELECT * FROM weir.run_matching('regress people');
SELECT members FROM weir.golden_records WHERE n_members = 2;
SELECT weir.decide_match(:pair, 'distinct', 'brothers');
SELECT * FROM weir.run_matching('regress people');

-- ---- erasure ----
SELECT weir.erase_subject('regress_loans', 'no_such', '7', 'x');
SELECT weir.erase_subject('regress_loans', 'id', '7', ' ');
SELECT weir.erase_subject('regress_loans', 'id', NULL, 'x');
SELECT weir.erase_subject('regress_loans', 'id', 'seven', 'x');
BEGIN;
SELECT what, n FROM weir.erase_subject('regress_loans', 'id', '0007.0'::numeric::int::text, 'x') WHERE what = 'rows';
SELECT what, n FROM weir.erase_subject('regress_loans', 'id', ' 0008', 'x') WHERE what = 'rows';
SELECT what, n FROM weir.erase_subject('regress_loans', 'at', '2026-01-02 03:00+00', 'x') WHERE what = 'rows';
ROLLBACK;
SELECT weir.record_predictions('regress m', 1, 'SELECT id AS subject, 0.5 AS score FROM regress_loans WHERE id IN (7, 9)');
SELECT what, n, note IS NOT NULL AS noted FROM weir.erase_subject('regress_loans', 'id', '7', 'asked to be forgotten') WHERE what <> 'panes';
SELECT what, n, note IS NOT NULL AS noted FROM weir.erase_subject('regress_loans', 'id', '7', 'asked again') WHERE what <> 'panes';
SELECT subject FROM weir.predictions WHERE model = 'regress m';
SELECT what, n FROM weir.erase_subject('regress_loans', 'email', 'p8', 'asked to be forgotten') WHERE what <> 'panes';
SELECT what, n FROM weir.erase_subject('regress_web', 'mail', 'a@x', 'asked to be forgotten');
-- What another table calls alike may be another subject: told, and left alone. A query through a view reads the table.
BEGIN;
CREATE TABLE regress_other AS SELECT id, id * 2 AS x FROM regress_loans WHERE id BETWEEN 10 AND 20;
CREATE VIEW regress_view AS SELECT l.id, l.income FROM regress_loans l;
SELECT weir.create_data_version('regress other', 'regress_other') AS other, weir.create_data_version('regress view', 'SELECT * FROM regress_view') AS view \gset
SELECT name, tables FROM weir.data_versions WHERE name IN ('regress other', 'regress view') ORDER BY 1;
CREATE TABLE regress_joined AS SELECT id FROM regress_loans;
RESET ROLE;
INSERT INTO weir.label_join (relation, predictions, labels, key, label_key, columns, label_columns, owner)
    VALUES ('regress_joined', 'regress_loans', 'regress_other', '{id}', '{id}', '{id}', '{x}', 'regress_weir_ml');
SET ROLE regress_weir_ml;
SELECT what, CASE WHEN what = 'data version' THEN (SELECT d.name FROM weir.data_versions d WHERE d.data_version::text = e.name) ELSE name END, n, note
    FROM weir.erase_subject('regress_loans', 'id', '12', 'asked to be forgotten') e WHERE what IN ('data version', 'labelled table') ORDER BY 1, 2;
SELECT name, status FROM weir.data_versions WHERE name IN ('regress other', 'regress view') ORDER BY 1;
ROLLBACK;
SELECT count(*) FROM regress_loans;
SELECT row_key, prediction, complaint, complainant, answer, group_name, outcome FROM weir.complaints ORDER BY complaint_id;
SELECT count(*) FROM weir.golden_records WHERE members::text LIKE '%a@x%';
SELECT status FROM weir.data_versions WHERE data_version = :data;
SELECT role, action, kind, detail FROM weir.audit_log WHERE audit_id > :before AND action IN ('erase', 'decide', 'file', 'answer', 'describe', 'fill') ORDER BY audit_id;
SELECT detail::text ~ '(p8|a@x|"7")' AS tells_who FROM weir.audit_log WHERE action = 'erase' AND detail::text ~ '(p8|a@x|"7")';
RESET ROLE;
SELECT first_broken, reason FROM weir.verify_audit_log();

-- ---- clean up ----
SET ROLE regress_weir_ml;
SELECT weir.drop_matching('regress people'), weir.drop_audit('regress a'), weir.drop_labelling_queue('regress q'), weir.drop_monitor('regress loans');
SELECT weir.drop_data_version(:data, true);
RESET ROLE;
SELECT sees();
DELETE FROM weir.review_decision;
DELETE FROM weir.review;
DELETE FROM weir.audit_run;
DELETE FROM weir.complaint;
DELETE FROM weir.source;
DELETE FROM weir.prediction;
DELETE FROM weir.model_alias;
DELETE FROM weir.model_version;
DELETE FROM weir.data_version;
DELETE FROM weir.model;
DROP FUNCTION sees();
DROP TABLE regress_loans, regress_labels, regress_crm, regress_web;
DROP EXTENSION pg_trgm;
REVOKE ALL ON SCHEMA public FROM regress_weir_ml;
DROP OWNED BY regress_weir_ml;
DROP ROLE regress_weir_ml, regress_weir_ann, regress_weir_ben, regress_weir_clerk, regress_weir_labellers, regress_weir_stranger;
