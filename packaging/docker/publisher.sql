-- The publisher: thirty days of loans, and the publication.
CREATE TABLE loans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    decided_at timestamptz NOT NULL DEFAULT now(),
    income float8,
    purpose text,
    sex text,
    approved boolean,
    repaid int
);
ALTER TABLE loans REPLICA IDENTITY FULL;
INSERT INTO loans (decided_at, income, purpose, sex, approved, repaid)
SELECT now() - i * interval '1 min', 3000 * exp(random()), (ARRAY['car', 'home', 'study'])[1 + i % 3], (ARRAY['F', 'M'])[1 + i % 2], random() < 0.6, (random() < 0.9)::int
FROM generate_series(1, 43200) i;
CREATE PUBLICATION weir FOR TABLE loans;
