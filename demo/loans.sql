-- What both servers have: the table of loans, and the scorecard by which they are decided.

CREATE TABLE loans (
    id bigint PRIMARY KEY,
    decided_at timestamptz NOT NULL,
    income float8,
    amount numeric(10, 2),
    purpose text,
    region text,
    sex text,
    age int,
    score float8,                         -- by the newest scorecard: the probability that the loan is repaid
    approved boolean,
    repaid int                            -- 1 or 0 once it is known, about a day later, for two applications in three
);

-- The scorecard: naive Bayes over what an applicant earns for each unit that he borrows (and his age), both taken as normal with one variance,
-- and over what the loan is for. Fitted by aggregates alone; both servers have it: the bank scores by it, the subscriber fits it.

CREATE TABLE scorecard (version int PRIMARY KEY, points jsonb NOT NULL);

CREATE FUNCTION score(points jsonb, income float8, amount numeric, purpose text, age int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1 / (1 + exp(-((points ->> 'base')::float8 + (points ->> 'capacity')::float8 * ln(income / amount::float8) + (points ->> 'age')::float8 * age
        -- What a scorecard has never seen gets the fewest points it knows.
        + coalesce(points -> 'purpose' ->> purpose, points ->> 'unknown purpose')::float8)));

CREATE FUNCTION fit_scorecard(since timestamptz, until timestamptz DEFAULT 'infinity') RETURNS jsonb LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH labelled AS (
        SELECT repaid = 1 AS good, ln(income / amount::float8) AS capacity, age, purpose
        FROM loans WHERE decided_at >= since AND decided_at < until AND repaid IS NOT NULL AND id % 5 <> 0 -- the fifth is kept for the test
    ), total AS (
        SELECT count(*) FILTER (WHERE good) AS good, count(*) FILTER (WHERE NOT good) AS bad,
            avg(capacity) FILTER (WHERE good) AS capacity1, avg(capacity) FILTER (WHERE NOT good) AS capacity0,
            (regr_sxx(capacity, capacity) FILTER (WHERE good) + regr_sxx(capacity, capacity) FILTER (WHERE NOT good)) / count(*) AS capacity_variance,
            avg(age) FILTER (WHERE good) AS age1, avg(age) FILTER (WHERE NOT good) AS age0,
            (regr_sxx(age, age) FILTER (WHERE good) + regr_sxx(age, age) FILTER (WHERE NOT good)) / count(*) AS age_variance
        FROM labelled
    ), slope AS (
        SELECT *, (capacity1 - capacity0) / capacity_variance AS capacity, ((age1 - age0) / age_variance)::float8 AS age FROM total
    ), evidence AS (
        SELECT l.purpose, ln((count(*) FILTER (WHERE l.good) + 1.0) / (t.good + 1) * (t.bad + 1) / (count(*) FILTER (WHERE NOT l.good) + 1.0))::float8 AS weight
        FROM labelled l, total t GROUP BY l.purpose, t.good, t.bad HAVING count(*) >= 30
    )
    SELECT jsonb_build_object('base', ln(s.good::float8 / s.bad) - s.capacity * (s.capacity1 + s.capacity0) / 2 - s.age * (s.age1 + s.age0)::float8 / 2,
        'capacity', s.capacity, 'age', s.age, 'purpose', jsonb_object_agg(e.purpose, e.weight), 'unknown purpose', min(e.weight) - 1, 'fitted to', s.good + s.bad)
    FROM slope s, evidence e GROUP BY s.good, s.bad, s.capacity, s.capacity1, s.capacity0, s.age, s.age1, s.age0;
END;

-- The area under the ROC curve of a scorecard: how often it puts one who repays above one who does not, among loans kept from the fit.
CREATE FUNCTION scorecard_auc(points jsonb, since timestamptz, until timestamptz DEFAULT 'infinity') RETURNS float8 LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT (sum(r) FILTER (WHERE repaid = 1) - n1 * (n1 + 1) / 2.0) / nullif(n1 * n0, 0)
    FROM (
        SELECT repaid, rank() OVER w + (count(*) OVER (PARTITION BY s) - 1) / 2.0 AS r, count(*) FILTER (WHERE repaid = 1) OVER () AS n1,
            count(*) FILTER (WHERE repaid = 0) OVER () AS n0
        FROM loans, LATERAL score(scorecard_auc.points, income, amount, purpose, age) s
        WHERE decided_at >= since AND decided_at < until AND repaid IS NOT NULL AND id % 5 = 0
        WINDOW w AS (ORDER BY s)
    ) ranked GROUP BY n1, n0;
END;

-- What share of those loans a scorecard expects to be repaid, and what share was.
CREATE FUNCTION scorecard_calibration(points jsonb, since timestamptz, until timestamptz DEFAULT 'infinity', OUT expected numeric, OUT repaid numeric)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT round(avg(score(scorecard_calibration.points, income, amount, purpose, age))::numeric, 3), round(avg(l.repaid), 3)
    FROM loans l WHERE decided_at >= since AND decided_at < until AND l.repaid IS NOT NULL AND id % 5 = 0;
END;
