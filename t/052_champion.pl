# From drift to a better model, on two years of the New South Wales electricity market: stream, alert, job, a challenger trained on a data version of the last
# weeks, evaluation, approval by somebody else, champion; its predictions over the weeks that follow beside those of the stale champion; the same model
# trained again from its record; and the ways back.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $file = real_data('elec2.csv.gz');
my $node = start_weir('market', 'weir.job_retry_delay' => '100ms');

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }
sub as_role { my ($role, $query) = @_; return sql("SET SESSION AUTHORIZATION $role; SET search_path = lab; $query"); }
sub champion { return sql(q{SELECT version FROM weir.model_aliases WHERE model = 'price direction' AND alias = 'champion' AND until IS NULL}); }
sub rows_until { my ($time) = @_; return as_role('ann', "INSERT INTO market SELECT at, nswprice, vicprice, transfer, class_up,
	part FROM csv WHERE at < '$time' AND at >= coalesce((SELECT max(at) + interval '1 s' FROM market), '-infinity')"); }

sql(q{CREATE ROLE ann LOGIN; CREATE ROLE risk_team; CREATE ROLE rita LOGIN IN ROLE risk_team; CREATE SCHEMA lab AUTHORIZATION ann; GRANT USAGE ON SCHEMA lab TO risk_team; ALTER ROLE ann SET
	search_path = lab;
CREATE TABLE lab.raw(date text, day text, period text, nswprice float8, nswdemand float8, vicprice float8, vicdemand float8, transfer float8, class_up int, n serial)});
sql("COPY lab.raw(date, day, period, nswprice, nswdemand, vicprice, vicdemand, transfer, class_up) FROM PROGRAM 'gzip -dc $file' WITH (FORMAT csv, HEADER)");
sql(q{ALTER TABLE lab.raw OWNER TO ann});
is(sql('SELECT count(*) FROM lab.raw'), 45312, 'the whole file');
as_role('ann', q{SET timezone = 'UTC';
CREATE TABLE csv AS SELECT '1996-05-07 00:00+00'::timestamptz + (n - 1) * interval '30 min' AS at, nswprice, vicprice, transfer, class_up,
  CASE WHEN n / 48 % 2 = 0 THEN 'even' ELSE 'odd' END AS part FROM raw ORDER BY n;
CREATE TABLE market(at timestamptz PRIMARY KEY, nswprice float8, vicprice float8, transfer float8, class_up int, part text);
ALTER TABLE market REPLICA IDENTITY FULL;

-- The model: how often the price rises, by hour and by which sixth of the training prices the last one falls into.
CREATE FUNCTION fit(relation regclass) RETURNS jsonb LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE edges float8[]; shares jsonb;
BEGIN
  EXECUTE format($q$SELECT percentile_cont(ARRAY[1/6.0, 2/6.0, 3/6.0, 4/6.0, 5/6.0]) WITHIN GROUP (ORDER BY nswprice) FROM %s WHERE split = 'train'$q$, relation) INTO edges;
  EXECUTE format($q$SELECT jsonb_object_agg(cell, share) FROM (SELECT extract(hour FROM at) || ' ' || width_bucket(nswprice, $1) AS cell,
    round((sum(class_up) + 1) / (count(*) + 2.0), 6) AS share FROM %s WHERE split = 'train' GROUP BY 1) q$q$, relation) INTO shares USING edges;
  RETURN jsonb_build_object('edges', to_jsonb(edges), 'shares', shares);
END $$;
CREATE FUNCTION predict_up(model jsonb, at timestamptz, nswprice float8) RETURNS float8 LANGUAGE sql STABLE SET timezone = 'UTC'
  RETURN coalesce((model -> 'shares' ->> (extract(hour FROM at) || ' ' || width_bucket(nswprice, ARRAY(SELECT e::float8 FROM jsonb_array_elements_text(model -> 'edges') e))))::float8, 0.5);
CREATE FUNCTION model_of(version int) RETURNS jsonb LANGUAGE sql STABLE
  RETURN convert_from(weir.model_artifact('price direction', version), 'UTF8')::jsonb;

CREATE PROCEDURE train(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
DECLARE until timestamptz := coalesce((config ->> 'until')::timestamptz, (SELECT max(at) FROM market)); data bigint; source text; v int;
BEGIN
  data := weir.create_data_version('market', format('SELECT at, nswprice, part, class_up FROM lab.market WHERE at <= %L AND at > %L', until, until - (config ->> 'days')::int * interval '1 day'),
    validation => format('at > %L', until - interval '7 days'));
  SELECT relation INTO source FROM weir.data_versions WHERE data_version = data;
  PERFORM weir.heartbeat(job_id, progress => 0.5, message => 'data version ' || data);
  v := weir.create_model_version('price direction', artifact => convert_to(fit(source)::text, 'UTF8'), data_version => data, job_id => job_id);
  RAISE NOTICE 'version % from data version %', v, data;
  IF EXISTS (SELECT FROM weir.model_aliases WHERE model = 'price direction' AND alias = 'champion') THEN
    PERFORM weir.promote_model('price direction', v, alias => 'challenger');
    PERFORM weir.evaluate_model('price direction', v, format($q$SELECT class_up AS label, predict_up(c, at, nswprice) AS champion, predict_up(n, at, nswprice) AS challenger, part
      FROM %s, model_of($1) c, model_of($2) n WHERE split = 'validation'$q$, source), protected => '{part}');
  END IF;
END $$;
SELECT weir.create_model('price direction', purpose => 'whether the price rises', approvals => 1);
SELECT weir.set_promotion_policy('price direction', metric => 'accuracy', fairness_tolerance => 0.1, automatic => true);
SELECT weir.create_trainer('price direction', 'price direction', procedure => 'train', config => '{"days": 35}')});

# ---- the first champion, approved by somebody else ----
rows_until('1996-07-02');
my $first = as_role('ann', q{SELECT weir.enqueue_job('price direction', '{"days": 56}')});
wait_until($node, "SELECT state = 'succeeded' FROM weir.jobs WHERE job_id = $first", 'the first training');
isnt($node->psql('postgres', q{SET SESSION AUTHORIZATION ann; SELECT weir.promote_model('price direction', 1)}), 0, 'nobody promotes what was not approved');
my $review = as_role('ann', q{SELECT weir.request_review('model_version', 'price direction/1', reviewers => '{risk_team}')});
isnt($node->psql('postgres', "SET SESSION AUTHORIZATION ann; SELECT weir.review($review, 'approve', 'mine')"), 0, 'nor approves what is his own');
is(as_role('rita', "SELECT weir.review($review, 'approve', 'a beginning')"), 'approved', 'a second role does');
as_role('ann', q{SELECT weir.promote_model('price direction', 1, reason => 'the first')});

# ---- drift, alert, job, challenger, evaluation ----
as_role('ann', q{SELECT weir.create_monitor('market', 'market', 'at', window_size => '7 days', columns => '{vicprice,transfer}');
SELECT weir.create_rule('transfer moves', 'market', 'psi', above => 0.25, column_name => 'transfer', action => 'retrain', trainer => 'price direction', cooldown => '365 days')});
rows_until('1996-11-06');
as_role('ann', q{SELECT weir.set_baseline('market', since => '1996-05-07', until => '1996-11-05')});
rows_until('1997-05-13');
wait_until($node, q{SELECT state = 'succeeded' FROM weir.jobs WHERE alert_id IS NOT NULL}, 'drift has a challenger trained');
is(sql(q{SELECT subject, window_start AT TIME ZONE 'UTC' FROM weir.alerts}), 'transfer|1997-05-05 00:00:00', 'in the week in which the trade between the states begins');
is(sql(q{SELECT model, version, aliases, trainer, config ->> 'rule', data_name, n, n_predictions FROM weir.lineage ORDER BY version DESC LIMIT 1}),
	'price direction|2|{challenger}|price direction|transfer moves|market|1680|0', 'its lineage');
is(sql(q{SELECT version, against, n, passed, reasons FROM weir.evaluations}), '2|1|336|t|{}', 'it passed its evaluation');
note('on the validation week: ' . sql(q{SELECT format('%s %s, of the champion %s, p = %s', metric, round(challenger_value::numeric, 4), round(champion_value::numeric, 4), p_value::numeric(10, 6))
  FROM weir.evaluation_scores WHERE metric = 'accuracy' AND group_name IS NULL}));
is(sql(q{SELECT outcome FROM weir.evaluation_scores WHERE metric = 'accuracy' AND group_name IS NULL}), 'better', 'it is significantly better');
is(champion(), 1, 'and is not champion yet');
like(sql(q{SELECT output FROM weir.job_log ORDER BY job_id DESC LIMIT 1}), qr/^NOTICE: version 2 from data version 2/, 'what the procedure said');

# ---- approved, live, and better ----
is(sql(q{SELECT count(*) FROM weir.reviews WHERE state = 'open' AND subject = 'price direction/2'}), 1, 'the policy asked for a review');
$review = sql(q{SELECT review_id FROM weir.reviews WHERE state = 'open'});
sql("UPDATE weir.review SET reviewers = ARRAY['risk_team'::regrole] WHERE review_id = $review");
is(as_role('rita', "SELECT weir.review($review, 'approve', 'better in the last week, on odd days and on even ones')"), 'approved', 'a second role approves');
as_role('ann', q{SELECT weir.promote_model('price direction', 2)});
rows_until('1997-06-10');
is(as_role('ann', q{SELECT weir.record_predictions('price direction', v, format($q$SELECT at AS subject, predict_up(model_of(%s), at, nswprice) AS score,
	at AS predicted_at FROM market WHERE at >= '1997-05-13'$q$, v))
  FROM generate_series(1, 2) v}), "1344\n1344", 'four more weeks are predicted, by both');
is(sql(q{SELECT version, is_shadow FROM weir.predictions GROUP BY 1, 2 ORDER BY 1}), "1|t\n2|f", 'by one of them in the shadow');
my %of = map { split /\|/ } split /\n/, as_role('ann', q{SET timezone = 'UTC';
  SELECT p.version, round(avg(((p.score >= 0.5)::int = m.class_up)::int), 4) FROM weir.predictions p JOIN market m ON m.at = p.subject::timestamptz GROUP BY 1});
note("accuracy over the four weeks that followed: new champion $of{2}, stale champion $of{1}");
cmp_ok($of{2}, '>', $of{1} + 0.05, "accuracy over the four weeks that followed: new champion $of{2}, stale champion $of{1}");
as_role('ann', q{SET timezone = 'UTC'; SELECT weir.evaluate_model('price direction', 1, $q$SELECT m.class_up AS label, c.score AS champion, n.score AS challenger, m.part FROM lab.market m
  JOIN weir.predictions c ON c.version = $1 AND c.subject::timestamptz = m.at JOIN weir.predictions n ON n.version = $2 AND n.subject::timestamptz = m.at$q$, protected => '{part}')});
is(sql(q{SELECT against, n, passed FROM weir.evaluations ORDER BY evaluation_id DESC LIMIT 1}), '2|1344|f', 'the stale one would not come back');

# ---- the same model again, from its record ----
is(as_role('ann', q{UPDATE market SET nswprice = nswprice / 2;
  SELECT bool_and(encode(sha256(convert_to(fit(l.relation::regclass)::text, 'UTF8')), 'hex') = l.artifact_hash), bool_and(weir.verify_data_version(l.data_version) = 'ok'),
	bool_and(l.code_version ~ '^sha256:[0-9a-f]{64}$'), count(*) FROM weir.lineage l}),
	't|t|t|2', 'both versions, trained again from their data versions after the source was changed, are the same to the byte');

# ---- the ways back: an evaluation that finds the version before to be better, and a rule ----
as_role('ann', q{SELECT weir.drop_promotion_policy('price direction'); SELECT weir.create_model_version('price direction', artifact => convert_to('{"edges": [], "shares": {}}', 'UTF8'),
	note => 'a mistake');
SELECT weir.request_review('model_version', 'price direction/3', reviewers => '{risk_team}')});
as_role('rita', q{SELECT weir.review(max(review_id), 'approve', 'not looked at') FROM weir.reviews WHERE state = 'open'});
as_role('ann', q{SELECT weir.promote_model('price direction', 3);
SELECT weir.create_trainer('watch', 'price direction', procedure => 'weir.run_evaluation', schedule => '1 day', config => jsonb_build_object('version', 'previous', 'roll_back', true, 'query',
  $q$SELECT class_up AS label, lab.predict_up(lab.model_of($1), at, nswprice) AS champion, lab.predict_up(lab.model_of($2), at,
	nswprice) AS challenger FROM lab.csv WHERE at >= '1997-05-13' AND at < '1997-06-10'$q$))});
my $watch = as_role('ann', q{SELECT weir.enqueue_job('watch')});
wait_until($node, "SELECT state = 'succeeded' FROM weir.jobs WHERE job_id = $watch", 'an evaluation by schedule');
is(champion(), 2, 'rolls a mistake back');
like(sql(q{SELECT reason FROM weir.model_aliases WHERE alias = 'champion' AND until IS NULL}), qr/^evaluation \d+: version 2 does better$/, 'and says why');
# Windows are of 1997, decisions of today: as if it had been champion since then. What it says is watched as it is used: five weeks tell what is usual of
# its accuracy; then prices fall where they rose.
sql(q{UPDATE weir.model_alias SET since = '1997-05-12' WHERE until IS NULL});
as_role('ann', q{SET timezone = 'UTC'; CREATE TABLE decisions(at timestamptz PRIMARY KEY, score float8, up int, class_up int);
ALTER TABLE decisions REPLICA IDENTITY FULL;
SELECT weir.create_monitor('decisions', 'decisions', 'at', window_size => '7 days', model => 'price direction', prediction => 'up', score => 'score', label => 'class_up');
SELECT weir.create_rule('falls behind', 'decisions', 'accuracy', learn => '{"since": "1997-05-12", "until": "1997-06-16", "direction": "below"}', windows => 2, out_of => 3,
	action => 'roll_back', trainer => 'price direction', options => '{"history": true}')});
sub decide { my ($since, $until, $label) = @_; return as_role('ann', "SET timezone = 'UTC'; INSERT INTO decisions SELECT at, score, (score >= 0.5)::int, $label FROM (
	SELECT at, predict_up(m, at, nswprice) AS score, class_up FROM csv, model_of(2) m WHERE at >= '$since' AND at < '$until' OFFSET 0) q"); }
decide('1997-05-12', '1997-06-16', 'class_up');
decide('1997-06-16', '1997-07-15', '1 - class_up');
wait_until($node, q{SELECT count(*) >= 1 FROM weir.alerts WHERE rule = 'falls behind'}, 'a rule that rolls back');
is(sql(q{SELECT DISTINCT subject, window_start AT TIME ZONE 'UTC' FROM weir.alerts WHERE rule = 'falls behind' ORDER BY 2 LIMIT 1}), 'up|1997-06-23 00:00:00',
	'in the second week in which the live model is behind what was usual of it');
is(champion(), 1, 'did');
like(sql(q{SELECT reason FROM weir.model_aliases WHERE alias = 'champion' AND until IS NULL}), qr/^rule falls behind: alert \d+$/, 'and says why');
$node->stop;
done_testing();
