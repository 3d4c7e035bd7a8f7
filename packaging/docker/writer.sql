-- A loan a second, from incomes that have fallen by a third.
INSERT INTO loans (income, purpose, sex, approved, repaid)
SELECT 2000 * exp(random()), (ARRAY['car', 'home', 'study'])[1 + floor(random() * 3)::int], (ARRAY['F', 'M'])[1 + floor(random() * 2)::int], random() < 0.6, (random() < 0.9)::int
\watch 1
