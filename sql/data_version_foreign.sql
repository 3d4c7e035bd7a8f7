-- Fingerprints of what not every server has: foreign tables (file_fdw), and values of XML (libxml).
SET client_min_messages = warning;
BEGIN;
-- Of a partition elsewhere nobody knows how its rows lie: records are hashed, of the others too.
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE TABLE regress_spread (id int, word text) PARTITION BY LIST (id);
CREATE TABLE regress_spread_1 PARTITION OF regress_spread FOR VALUES IN (1);
CREATE FOREIGN TABLE regress_spread_2 PARTITION OF regress_spread FOR VALUES IN (2) SERVER files OPTIONS (program 'echo 2,elsewhere', format 'csv');
INSERT INTO regress_spread VALUES (1, 'here');
EXPLAIN (COSTS OFF, VERBOSE) SELECT weir.fingerprint(spread) FROM regress_spread spread;
SELECT weir.fingerprint(spread) = (SELECT weir.fingerprint(q) FROM (VALUES (1, 'here'), (2, 'elsewhere')) q) AS with_one_elsewhere FROM regress_spread spread;
CREATE TABLE regress_documents (id int, document xml);
INSERT INTO regress_documents SELECT i, CASE WHEN i % 3 > 0 THEN ('<a>' || i || '</a>')::xml END FROM generate_series(1, 100) i;
SELECT (SELECT weir.fingerprint(d) FROM regress_documents d) = (SELECT weir.fingerprint(q) FROM (SELECT * FROM regress_documents OFFSET 0) q) AS documents;
ROLLBACK;
