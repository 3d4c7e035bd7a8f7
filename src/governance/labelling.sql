-- governance: labelling --------------------------------------------------------------------------------------------------------------------

CREATE TABLE weir.labelling_queue (
    queue_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    owner regrole NOT NULL,
    monitor_id int NOT NULL REFERENCES weir.monitor ON DELETE CASCADE,
    labellers regrole[],                  -- NULL: members of the owner
    labels_per_item int NOT NULL,
    uncertain float8 NOT NULL,            -- shares
    disagreeing float8 NOT NULL,
    random_share float8 NOT NULL,
    threshold float8 NOT NULL,
    challenger_score name,
    challenger text,                      -- an alias of the monitor's model
    label_table regclass NOT NULL,
    label_key name NOT NULL,
    label_column name NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.labelling_queue IS 'Queues of rows that people label; read the view weir.labelling_queues.';

CREATE TABLE weir.labelling_item (
    item_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue_id int NOT NULL REFERENCES weir.labelling_queue ON DELETE CASCADE,
    row_key text NOT NULL,
    reason text NOT NULL CHECK (reason IN ('uncertain', 'disagreeing', 'random')),
    score float8,
    place bigint NOT NULL,                -- lower ones first
    wanted int NOT NULL,                  -- labels, until they decide
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'disputed', 'gone')),
    label text,
    added_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (queue_id, row_key)
);
COMMENT ON TABLE weir.labelling_item IS 'Rows to label; read the view weir.labelling_items.';
CREATE INDEX labelling_item_open ON weir.labelling_item (queue_id, place, item_id) WHERE state = 'open';

CREATE TABLE weir.labelling_label (
    item_id bigint NOT NULL REFERENCES weir.labelling_item ON DELETE CASCADE,
    person regrole NOT NULL,
    lease_until timestamptz NOT NULL,
    label text,                           -- NULL: claimed
    note text,
    labelled_at timestamptz,
    PRIMARY KEY (item_id, person)
);
COMMENT ON TABLE weir.labelling_label IS 'Who labels and has labelled what; read the view weir.labelling_items.';

SELECT pg_catalog.pg_extension_config_dump('weir.labelling_queue', '');
SELECT pg_catalog.pg_extension_config_dump('weir.labelling_queue_queue_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.labelling_item', '');
SELECT pg_catalog.pg_extension_config_dump('weir.labelling_item_item_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.labelling_label', '');

CREATE FUNCTION weir.cohen_kappa(first_labels text[], second_labels text[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_cohen_kappa';
COMMENT ON FUNCTION weir.cohen_kappa(text[], text[]) IS
'Agreement of two raters beyond chance (Cohen 1960): 1 is perfect, 0 what chance gives, negative less than that. Label i of both is of the same thing; pairs
with a NULL are left out. NULL without a pair, or when both always say one and the same. Labels have at most 255 bytes.';

CREATE FUNCTION weir.fleiss_kappa(counts bigint[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_fleiss_kappa';
COMMENT ON FUNCTION weir.fleiss_kappa(bigint[]) IS
'Agreement of any number of raters beyond chance (Fleiss 1971): counts[i][j] raters of subject i chose category j; 1 is perfect, 0 what chance gives. Subjects with
less than two raters are left out; their numbers may differ. NULL without a subject, or when one category takes all.';

CREATE FUNCTION weir.krippendorff_alpha(counts bigint[]) RETURNS float8
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'weir_krippendorff_alpha';
COMMENT ON FUNCTION weir.krippendorff_alpha(bigint[]) IS
'Krippendorff''s alpha of categories without an order (Krippendorff 2011): 1 less observed by expected disagreement; 1 is perfect, 0 what chance gives, below 0 worse.
counts[i][j] raters of subject i chose category j; each label counts alike, however many raters its subject has, so it is the one to read where their numbers differ.
Subjects with less than two raters are left out. NULL without a subject, or when one category takes all.';

CREATE FUNCTION weir.create_labelling_queue(name text, monitor text, labellers text[] = NULL, labels_per_item int = 1, uncertain float8 = 0.6,
    disagreeing float8 = 0.2, random_share float8 = 0.2, threshold float8 = 0.5, challenger_score name = NULL, label_table regclass = NULL,
    label_key name = NULL, label_column name = NULL, challenger text = NULL) RETURNS name
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_create_labelling_queue';
COMMENT ON FUNCTION weir.create_labelling_queue(text, text, text[], int, float8, float8, float8, float8, name, regclass, name, name, text) IS
'Declares a queue of rows of a monitor''s source that people label, and returns its name. labellers: roles whose members label (NULL: the owner''s); labels_per_item (1 to
9) different people label each row, more than half of them decide, a tie asks for one more. Shares of what is put into it: uncertain (score nearest to threshold),
disagreeing (on different sides of threshold are score and challenger_score, a column too, or the last score in weir.predictions of the version that the alias challenger
of the monitor''s model means when rows are chosen, such as challenger or shadow, whose subject is the row''s primary key; most first), random_share. A label goes to label_column of the row with
that label_key in label_table, as the queue''s owner: by default the source''s own label, so that it is a late label of the monitor; in another table a
row is added where there is none. For the owner of the source, which needs a primary key of one column.';

CREATE FUNCTION weir.drop_labelling_queue(queue text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_drop_labelling_queue';
COMMENT ON FUNCTION weir.drop_labelling_queue(text) IS 'Removes a labelling queue with its items; labels that were written back stay. For its owner.';

CREATE FUNCTION weir.fill_labelling_queue(queue text, n int = 100, since timestamptz = NULL, until timestamptz = NULL, seed bigint = 0) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_fill_labelling_queue';
COMMENT ON FUNCTION weir.fill_labelling_queue(text, int, timestamptz, timestamptz, bigint) IS
'Puts up to n (1 to 1000000) rows without a label into the queue, those of [since, until) that are not in it yet, and returns how many. Where there are too few of one
kind, others make up for it. The same seed chooses the same random rows. For the owner of the queue, who must be able to read the source.';

CREATE FUNCTION weir.claim_labelling_item(queue text, lease interval = '15 min') RETURNS TABLE (item_id bigint, features jsonb)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'weir_claim_labelling_item';
COMMENT ON FUNCTION weir.claim_labelling_item(text, interval) IS
'Takes the next item of the queue that one has not labelled, for as long as the lease; what one holds already comes first. No row when there is none. features: the row,
without prediction, scores, label and columns classified as personal or sensitive. Several people at once get different items, as far as there are.
For labellers.';

CREATE FUNCTION weir.label_item(item_id bigint, label text, note text = NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_label_item';
COMMENT ON FUNCTION weir.label_item(bigint, text, text) IS
'Labels a claimed item, once per person, and returns its state: open (others are to label it, too), done (the label was written back), disputed (nine labels without a
majority). The label must be a value of the label column''s type. For labellers.';

CREATE VIEW weir.labelling_queues WITH (security_barrier) AS
    SELECT q.name AS queue, m.name AS monitor, q.owner, q.labellers, q.labels_per_item, q.uncertain, q.disagreeing, q.random_share, q.threshold, q.challenger_score,
        q.label_table, q.label_key, q.label_column, i.n_open, i.n_done, i.n_disputed, i.n_gone, q.created_at, q.challenger
    FROM weir.labelling_queue q JOIN weir.monitor m USING (monitor_id),
        LATERAL (SELECT count(*) FILTER (WHERE state = 'open') AS n_open, count(*) FILTER (WHERE state = 'done') AS n_done,
                     count(*) FILTER (WHERE state = 'disputed') AS n_disputed, count(*) FILTER (WHERE state = 'gone') AS n_gone
                 FROM weir.labelling_item i WHERE i.queue_id = q.queue_id) i
    WHERE weir._may_see(q.owner) OR EXISTS (SELECT FROM unnest(q.labellers) r WHERE pg_has_role(r::oid, 'MEMBER'));
COMMENT ON VIEW weir.labelling_queues IS
'Labelling queues that one owns or labels for, and how many items are open, done, disputed (no majority) and gone (the row was deleted).';
GRANT SELECT ON weir.labelling_queues TO PUBLIC;

CREATE VIEW weir.labelling_items WITH (security_barrier) AS
    SELECT q.name AS queue, i.item_id, i.row_key, i.reason, i.score, i.state, i.label, i.wanted, i.added_at, l.labels
    FROM weir.labelling_item i JOIN weir.labelling_queue q USING (queue_id),
        LATERAL (SELECT coalesce(jsonb_agg(jsonb_build_object('person', l.person, 'label', l.label, 'note', l.note, 'labelled_at', l.labelled_at)
                                           ORDER BY l.labelled_at, l.person::oid), '[]') AS labels
                 FROM weir.labelling_label l WHERE l.item_id = i.item_id AND l.label IS NOT NULL) l
    WHERE weir._may_see(q.owner);
COMMENT ON VIEW weir.labelling_items IS
'Items of the labelling queues that one owns: why the row was chosen (uncertain, disagreeing, random), its score then, the label that was agreed on, how many labels
are wanted, and those given.';
GRANT SELECT ON weir.labelling_items TO PUBLIC;

CREATE VIEW weir.labelling_agreement WITH (security_barrier) AS
    WITH given AS (
        SELECT q.name AS queue, i.item_id, l.person, l.label, count(*) OVER (PARTITION BY i.item_id) AS n_labels
        FROM weir.labelling_label l JOIN weir.labelling_item i USING (item_id) JOIN weir.labelling_queue q USING (queue_id)
        WHERE l.label IS NOT NULL AND weir._may_see(q.owner)
    ), labels AS (
        SELECT DISTINCT queue, label FROM given
    ), counted AS (
        SELECT s.queue, s.item_id, array_agg((SELECT count(*) FROM given g WHERE g.item_id = s.item_id AND g.label = b.label) ORDER BY b.label) AS counts
        FROM (SELECT DISTINCT queue, item_id FROM given WHERE n_labels >= 2) s JOIN labels b USING (queue) GROUP BY s.queue, s.item_id
    )
    SELECT a.queue, NULL::regrole AS first_person, NULL::regrole AS second_person, count(*) AS n, NULL::float8 AS agreement,
        weir.fleiss_kappa(array_agg(a.counts ORDER BY a.item_id)) AS kappa, weir.krippendorff_alpha(array_agg(a.counts ORDER BY a.item_id)) AS alpha
    FROM counted a GROUP BY a.queue
    UNION ALL
    SELECT a.queue, a.person, b.person, count(*), avg((a.label = b.label)::int)::float8, weir.cohen_kappa(array_agg(a.label), array_agg(b.label)), NULL
    FROM given a JOIN given b ON b.item_id = a.item_id AND b.person::oid > a.person::oid GROUP BY a.queue, a.person, b.person;
COMMENT ON VIEW weir.labelling_agreement IS
'How far labellers agree, per queue that one owns: over all (both persons NULL) Fleiss'' kappa and Krippendorff''s alpha of the n items with two labels or more; per pair of persons
the share of their n common items on which they agree, and Cohen''s kappa.';
GRANT SELECT ON weir.labelling_agreement TO PUBLIC;
