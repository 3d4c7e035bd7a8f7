-- governance: record matching --------------------------------------------------------------------------------------------------------------

CREATE TABLE weir.matching (
    matching_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    owner regrole NOT NULL,
    compare jsonb NOT NULL,
    block_by text[] NOT NULL,
    match_from float8 NOT NULL,
    review_from float8 NOT NULL,
    survivorship jsonb NOT NULL,
    ran_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.matching IS 'How records of several tables are matched; read the view weir.matchings.';

CREATE TABLE weir.matching_source (
    matching_id int NOT NULL REFERENCES weir.matching ON DELETE CASCADE,
    name text NOT NULL,
    place int NOT NULL,
    relation regclass NOT NULL,
    key_column name NOT NULL,
    columns jsonb NOT NULL,               -- {"canonical name": "column"}
    PRIMARY KEY (matching_id, name)
);
COMMENT ON TABLE weir.matching_source IS 'The tables of each matching; read the view weir.matchings.';

CREATE TABLE weir.match_pair (
    pair_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    matching_id int NOT NULL REFERENCES weir.matching ON DELETE CASCADE,
    left_source text NOT NULL,
    left_key text NOT NULL,
    right_source text NOT NULL,
    right_key text NOT NULL,
    score float8 NOT NULL,
    similarities jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('match', 'review', 'distinct')),
    decided_by regrole,                   -- NULL: by its score
    reason text,
    decided_at timestamptz,
    UNIQUE (matching_id, left_source, left_key, right_source, right_key)
);
COMMENT ON TABLE weir.match_pair IS 'Pairs of records that are alike; read the view weir.match_pairs.';

CREATE TABLE weir.golden_record (
    matching_id int NOT NULL REFERENCES weir.matching ON DELETE CASCADE,
    golden_id int NOT NULL,
    attributes jsonb NOT NULL,
    lineage jsonb NOT NULL,
    PRIMARY KEY (matching_id, golden_id)
);
COMMENT ON TABLE weir.golden_record IS 'One record for what was matched; read the view weir.golden_records.';

CREATE TABLE weir.golden_member (
    matching_id int NOT NULL,
    golden_id int NOT NULL,
    source text NOT NULL,
    row_key text NOT NULL,
    PRIMARY KEY (matching_id, source, row_key),
    FOREIGN KEY (matching_id, golden_id) REFERENCES weir.golden_record ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE weir.golden_member IS 'The records that a golden record was made of; read the view weir.golden_records.';
CREATE INDEX ON weir.golden_member (matching_id, golden_id);

SELECT pg_catalog.pg_extension_config_dump('weir.matching', '');
SELECT pg_catalog.pg_extension_config_dump('weir.matching_matching_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.matching_source', '');
SELECT pg_catalog.pg_extension_config_dump('weir.match_pair', '');
SELECT pg_catalog.pg_extension_config_dump('weir.match_pair_pair_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.golden_record', '');
SELECT pg_catalog.pg_extension_config_dump('weir.golden_member', '');

CREATE FUNCTION weir.create_matching(name text, sources jsonb, compare jsonb, block_by text[] = NULL, match_from float8 = 0.9, review_from float8 = 0.7,
    survivorship jsonb = '{}') RETURNS name
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_matching';
COMMENT ON FUNCTION weir.create_matching(text, jsonb, jsonb, text[], float8, float8, jsonb) IS
'Declares how records of one or several tables are matched into golden records, and returns its name. sources: {"crm": {"table": "crm.people", "key": "id", "place": 1, "columns":
{"name": "full_name", "city": "town"}}, ...}: key is a unique column, columns gives each column its common name, place ranks the sources (by name when left out).
compare: {"name": {"method": "trigram", "weight": 2}, "city": {"method": "equal"}}: the score of a pair is the weighted mean of its similarities in [0, 1], over columns that
both have. Methods: equal (whatever the case), trigram (pg_trgm), levenshtein (1 - distance / length), metaphone, soundex (fuzzystrmatch). block_by: only records that agree in one of
these are compared, {"city", "name:metaphone"}; NULL: all with all. From match_from a pair is a match, from review_from it is for people to decide.
survivorship: which value of a column a golden record takes: {"name": "longest" | "most_frequent" | "latest:<column>" | "first_source"}; first_source by default. Needs SELECT on
the tables. Errors: 42704 an extension is missing, 22023 what is no definition.';

CREATE FUNCTION weir.run_matching(matching text, OUT records bigint, OUT matches bigint, OUT to_review bigint, OUT golden_records bigint)
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_run_matching';
COMMENT ON FUNCTION weir.run_matching(text) IS
'Reads the tables as the caller, scores pairs, and makes golden records anew: one for all records that matches connect, directly or not. What people decided about pairs
holds. Error: 54000 more than a million pairs above review_from. For the owner of the matching.';

CREATE FUNCTION weir.decide_match(pair_id bigint, decision text, reason text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_decide_match';
COMMENT ON FUNCTION weir.decide_match(bigint, text, text) IS
'Says that a pair is a match or distinct, whatever its score, from the next weir.run_matching on; a reason is required. For the owner of the matching.';

CREATE FUNCTION weir.drop_matching(matching text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_matching';
COMMENT ON FUNCTION weir.drop_matching(text) IS 'Removes a matching with its pairs and golden records. For its owner.';

CREATE VIEW weir.matchings WITH (security_barrier) AS
    SELECT m.name AS matching, m.owner, s.sources, m.compare, m.block_by, m.match_from, m.review_from, m.survivorship, m.ran_at, m.created_at
    FROM weir.matching m, LATERAL (SELECT jsonb_object_agg(s.name, jsonb_build_object('table', s.relation::text, 'key', s.key_column, 'place', s.place, 'columns', s.columns)) AS sources
                                   FROM weir.matching_source s WHERE s.matching_id = m.matching_id) s
    WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.matchings IS 'Matchings that one owns, as weir.create_matching declared them, and when they ran last.';
GRANT SELECT ON weir.matchings TO PUBLIC;

CREATE VIEW weir.match_pairs WITH (security_barrier) AS
    SELECT p.pair_id, m.name AS matching, p.left_source, p.left_key, p.right_source, p.right_key, p.score, p.similarities, p.state, p.decided_by, p.reason, p.decided_at
    FROM weir.match_pair p JOIN weir.matching m USING (matching_id) WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.match_pairs IS
'Pairs of records above review_from of the matchings that one owns: their score, the similarity of each column, and state: match, review (in the band between review_from and match_from,
and nobody has decided), distinct. decided_by NULL: by its score.';
GRANT SELECT ON weir.match_pairs TO PUBLIC;

CREATE VIEW weir.golden_records WITH (security_barrier) AS
    SELECT m.name AS matching, g.golden_id, g.attributes, g.lineage, r.members, r.n_members
    FROM weir.golden_record g JOIN weir.matching m USING (matching_id),
        LATERAL (SELECT jsonb_agg(jsonb_build_object('source', r.source, 'key', r.row_key) ORDER BY r.source, r.row_key) AS members, count(*) AS n_members
                 FROM weir.golden_member r WHERE r.matching_id = g.matching_id AND r.golden_id = g.golden_id) r
    WHERE weir._may_see(m.owner);
COMMENT ON VIEW weir.golden_records IS
'Golden records of the matchings that one owns: attributes; lineage, for each the source and key of the record that it came from; members, all records that were
matched. golden_id is of the last run.';
GRANT SELECT ON weir.golden_records TO PUBLIC;
