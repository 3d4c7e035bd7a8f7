-- The bank: a table of loan applications and a generator of them. Everything here is plain PostgreSQL; the publisher does not have weir.
--
-- Every value is a hash of the application's number, so a run gives the same applications each time, only the dates move: the 60 days end
-- today. What the generator knows and the table does not show: until day 30 incomes are given before tax, from day 30 on after tax (the
-- people and whether they repay are the same as ever), and on day 42 the bank starts lending for parental leave, mostly to women, who repay
-- as well as others.

CREATE TABLE plan (day int PRIMARY KEY, starts_at timestamptz NOT NULL, first_id bigint NOT NULL, n int NOT NULL);
INSERT INTO plan
SELECT day, starts_at, sum(n) OVER (ORDER BY day) - n + 1, n
FROM generate_series(1, 60) day,
    LATERAL (SELECT (date_trunc('day', now() AT TIME ZONE 'UTC') + (day - 61) * interval '1 day') AT TIME ZONE 'UTC' AS starts_at) t,
    LATERAL (SELECT CASE WHEN day % 7 IN (0, 6) THEN 2501 ELSE 3636 END - (day = 60)::int AS n) w;
-- The last one comes in at midnight: it tells everybody that day 60 is over.
INSERT INTO plan SELECT 61, starts_at + interval '1 day', first_id + n, 1 FROM plan WHERE day = 60;

-- How far the bank has come.
CREATE TABLE clock (next_id bigint NOT NULL, judged_id bigint NOT NULL);
INSERT INTO clock VALUES (1, 1);

-- The n-th random number of application id, uniform in [0, 1).
CREATE FUNCTION uniform(id bigint, n int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (hashint8extended(id, n) & 9007199254740991) / 9007199254740992.0::float8;

CREATE FUNCTION normal(id bigint, n int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sqrt(-2 * ln(1 - uniform(id, n))) * cosd(360 * uniform(id, n + 100));

-- Applications as they come in, not yet scored; outcome is what time will tell.
CREATE FUNCTION applications(first_id bigint, last_id bigint,
    OUT id bigint, OUT decided_at timestamptz, OUT income float8, OUT amount numeric, OUT purpose text, OUT region text, OUT sex text,
    OUT age int, OUT outcome int) RETURNS SETOF record LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT i, p.starts_at + (i - p.first_id) * interval '1 day' / p.n,
        round((before_tax * CASE WHEN p.day < 30 THEN 1 ELSE 0.65 END)::numeric, -1)::float8,
        loan, goal, (ARRAY['north', 'south', 'east', 'west'])[1 + floor(4 * uniform(i, 4))::int], gender, years,
        (uniform(i, 5) < 1 / (1 + exp(-(2.2 + 1.3 * (ln(before_tax / loan) - 1.35) + 0.02 * (years - 42)
            + CASE goal WHEN 'home' THEN 0.3 WHEN 'car' THEN 0.1 WHEN 'debts' THEN -0.6 WHEN 'travel' THEN -0.3 WHEN 'parental leave' THEN 0.2 ELSE 0 END))))::int
    FROM plan p
        JOIN generate_series(applications.first_id, applications.last_id) i ON i >= p.first_id AND i < p.first_id + p.n,
        LATERAL (SELECT CASE WHEN uniform(i, 1) < 0.5 THEN 'F' ELSE 'M' END AS gender,
            greatest(19, least(80, round(42 + 12 * normal(i, 2))))::int AS years OFFSET 0) a,
        LATERAL (SELECT exp(10.6 + 0.45 * normal(i, 3) + 0.006 * (years - 42) - CASE gender WHEN 'F' THEN 0.06 ELSE 0 END) AS before_tax,
            CASE WHEN p.day >= 42 AND uniform(i, 6) < CASE gender WHEN 'F' THEN 0.30 ELSE 0.05 END THEN 'parental leave'
                 WHEN uniform(i, 7) < 0.28 THEN 'car' WHEN uniform(i, 7) < 0.50 THEN 'home' WHEN uniform(i, 7) < 0.72 THEN 'debts'
                 WHEN uniform(i, 7) < 0.87 THEN 'education' ELSE 'travel' END AS goal OFFSET 0) b,
        LATERAL (SELECT round(exp(9.25 + 0.3 * (ln(before_tax) - 10.6) + 0.5 * normal(i, 8))::numeric, -2) + 100 AS loan OFFSET 0) c; -- OFFSET 0: computed once
END;

-- Takes in the next applications, how_many of them, scored by the newest scorecard, and enters the outcomes of those a day older. False when there are no more.
CREATE FUNCTION take_in(how_many int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    first bigint := (SELECT next_id FROM clock);
    last bigint := (SELECT least(first + how_many, max(first_id) + 1) - 1 FROM plan);
    judged bigint := (SELECT judged_id FROM clock);
    known bigint := (SELECT before.first_id + (last - today.first_id) * before.n / today.n
                     FROM plan today JOIN plan before ON before.day = today.day - 1 WHERE last >= today.first_id ORDER BY today.day DESC LIMIT 1);
BEGIN
    INSERT INTO loans
    SELECT a.id, a.decided_at, a.income, a.amount, a.purpose, a.region, a.sex, a.age, s, s >= 0.8
    FROM (SELECT points FROM scorecard ORDER BY version DESC LIMIT 1) newest, applications(first, last) a,
        LATERAL (SELECT score(newest.points, a.income, a.amount, a.purpose, a.age) AS s OFFSET 0) scored;
    UPDATE loans SET repaid = a.outcome
    FROM applications(judged, known) a
    WHERE loans.id = a.id AND loans.id BETWEEN judged AND known AND uniform(a.id, 9) < 0.67;
    UPDATE clock SET next_id = last + 1, judged_id = greatest(judged, known + 1);
    RETURN last >= first;
END $$;

-- The first 20 days: a scorecard is fitted to them, and they are decided by it.
CREATE PROCEDURE open_bank() LANGUAGE plpgsql AS $$
DECLARE
    day_21 bigint := (SELECT first_id FROM plan WHERE day = 21);
    day_20 bigint := (SELECT first_id FROM plan WHERE day = 20);
BEGIN
    INSERT INTO loans
    SELECT id, decided_at, income, amount, purpose, region, sex, age, NULL, NULL, CASE WHEN uniform(id, 9) < 0.67 AND id < day_20 THEN outcome END
    FROM applications(1, day_21 - 1);
    INSERT INTO scorecard SELECT 1, fit_scorecard('-infinity');
    UPDATE loans SET score = s, approved = s >= 0.8
    FROM (SELECT l.id, score(points, income, amount, purpose, age) AS s FROM loans l, scorecard OFFSET 0) scored WHERE loans.id = scored.id;
    UPDATE clock SET next_id = day_21, judged_id = day_20;
END $$;
