-- model: reviews ---------------------------------------------------------------------------------------------------------------------------

CREATE TABLE weir.review (
    review_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    subject text NOT NULL,
    owner regrole NOT NULL,               -- of the subject
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'rejected', 'confirmed', 'dismissed', 'withdrawn')),
    requested_by regrole NOT NULL,
    requested_by_person regrole NOT NULL, -- the role that logged in; see base/person.h
    requested_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    reviewers regrole[],                  -- NULL: members of the owner
    approvals int NOT NULL CHECK (approvals > 0),
    note text,
    due_at timestamptz,
    decided_at timestamptz,
    reminded_at timestamptz               -- when NOTIFY told that it is overdue
);
COMMENT ON TABLE weir.review IS 'What people were asked to decide; read the view weir.reviews.';
CREATE UNIQUE INDEX review_open ON weir.review (kind, subject) WHERE state = 'open';
CREATE INDEX review_subject ON weir.review (kind, subject, decided_at);

CREATE TABLE weir.review_decision (
    review_id bigint NOT NULL REFERENCES weir.review,
    person regrole NOT NULL,              -- counted once
    role regrole NOT NULL,                -- in which they decided
    decision text NOT NULL,
    reason text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (review_id, person)
);
COMMENT ON TABLE weir.review_decision IS 'Who decided what in a review, and why; read the view weir.reviews.';

SELECT pg_catalog.pg_extension_config_dump('weir.review', '');
SELECT pg_catalog.pg_extension_config_dump('weir.review_review_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('weir.review_decision', '');

CREATE FUNCTION weir.request_review(kind text, subject text, reviewers text[] = NULL, approvals int = 1, note text = NULL,
    due_at timestamptz = NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_request_review';
COMMENT ON FUNCTION weir.request_review(text, text, text[], int, text, timestamptz) IS
'Asks people to decide and returns the number of the review. kind and subject: model_version and ''loan_model/2'', alert and its number, audit and
its number. reviewers are roles, whose members decide (granted membership: a superuser is none by that alone); NULL: members of the role
that owns the subject. approvals (1 to 100, at least what the model asks for) is how many different people must say the same. due_at, in
the future, is only told (weir.reviews.is_overdue and NOTIFY weir_reviews). One review of a subject is open at a time. For members of the
subject''s owner.';

CREATE FUNCTION weir.review(review_id bigint, decision text, reason text) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_review';
COMMENT ON FUNCTION weir.review(bigint, text, text) IS
'Decides in a review, once per person, and returns its state: open while more approvals are missing, else approved, rejected, confirmed,
dismissed. decision: approve or reject (one rejection is enough) for versions and audits, confirm or dismiss for alerts, which that
resolves. A reason is required. Nobody decides about their own: neither who requested the review nor who made the version, and
SET ROLE does not make another person of anybody (setting weir.identify_by). For reviewers.';

CREATE FUNCTION weir.withdraw_review(review_id bigint, reason text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'weir_withdraw_review';
COMMENT ON FUNCTION weir.withdraw_review(bigint, text) IS
'Ends an open review without a decision; a reason is required. For who requested it and members of the subject''s owner.';

CREATE VIEW weir.reviews WITH (security_barrier) AS
    SELECT r.review_id, r.kind, r.subject, r.state, r.requested_by, r.requested_at, r.reviewers, r.approvals,
           d.n_decisions, r.note, r.due_at,
           COALESCE(r.state OPERATOR(pg_catalog.=) 'open' AND r.due_at OPERATOR(pg_catalog.<) pg_catalog.clock_timestamp(), false) AS is_overdue,
           r.decided_at, d.decisions, r.owner
    FROM weir.review r CROSS JOIN LATERAL (
        SELECT pg_catalog.count(*) AS n_decisions,
               COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('person', d.person, 'role', d.role, 'decision', d.decision,
                   'reason', d.reason, 'decided_at', d.decided_at) ORDER BY d.decided_at, d.person::pg_catalog.oid), '[]') AS decisions
        FROM weir.review_decision d WHERE d.review_id OPERATOR(pg_catalog.=) r.review_id) d
    WHERE weir._may_see(r.owner) OR weir._may_see(r.requested_by)
        OR EXISTS (SELECT FROM pg_catalog.unnest(r.reviewers) AS reviewer WHERE pg_catalog.pg_has_role(reviewer::pg_catalog.oid, 'MEMBER'));
COMMENT ON VIEW weir.reviews IS
'Reviews that the reader requested or may decide in, or whose subject''s owner he is a member of (pg_read_all_data sees all). state: open,
approved, rejected, confirmed, dismissed, withdrawn. reviewers NULL: members of owner. decisions: an array of person, role, decision, reason,
decided_at. is_overdue: open past due_at.';
GRANT SELECT ON weir.reviews TO PUBLIC;
