# The queue under load: workers that are used again, limits, cool-down, what the log keeps, claimers through crashes; data versions that expire and are dumped.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('queue', 'weir.job_retry_delay' => '100ms', 'weir.max_running_jobs' => 4, 'weir.job_worker_idle' => '1min');

sub sql { my ($query) = @_; return $node->safe_psql('postgres', $query); }
sub as_ann { my ($query) = @_; return sql("SET SESSION AUTHORIZATION ann; $query"); }
sub done { my ($condition, $n, $what) = @_; return wait_until($node, "SELECT count(*) = $n AND bool_and(state = 'succeeded') FROM weir.jobs WHERE $condition", $what); }
# A job of its own trainer that is queued last and has run: the scheduler and the workers have looked at all others since.
sub everybody_looked { as_ann('SELECT weir.enqueue_job(\'marker\')'); return done(q{trainer = 'marker'}, sql(q{SELECT count(*) FROM weir.jobs WHERE trainer = 'marker'}),
	'a job queued later runs'); }

sql(q{CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE SCHEMA lab AUTHORIZATION ann; CREATE SCHEMA bobs AUTHORIZATION bob;
ALTER ROLE ann SET search_path = lab; ALTER ROLE bob SET search_path = bobs});
as_ann(q{SET search_path = lab;
CREATE TABLE ran(job_id bigint, what text, pid int DEFAULT pg_backend_pid(), at timestamptz DEFAULT clock_timestamp());
CREATE PROCEDURE quick(job_id bigint, config jsonb) LANGUAGE sql AS 'INSERT INTO lab.ran(job_id) VALUES (job_id)';
CREATE PROCEDURE session(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
  CREATE TEMP TABLE scratch AS SELECT 1;
  INSERT INTO ran(job_id, what) VALUES (job_id, current_setting('search_path') || ' ' || current_setting('work_mem') || ' ' || coalesce(current_setting('my.own', true), ''));
  SET search_path = nowhere; SET work_mem = '1MB'; SET my.own = 'left'; PERFORM pg_advisory_lock(42);
  COMMIT;
END $$;
CREATE PROCEDURE talk(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
  RAISE DEBUG 'not heard'; RAISE NOTICE 'the first % %', chr(228), job_id; RAISE WARNING 'beware' USING DETAIL = 'of the dog';
  FOR i IN 1 .. (config ->> 'lines')::int LOOP RAISE INFO 'line % %', i, repeat('x', 990); END LOOP;
  RAISE NOTICE 'the last';
END $$;
CREATE PROCEDURE gated(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); END $$;
SELECT weir.create_model('m');
SELECT weir.create_trainer('session', 'm', 'session'), weir.create_trainer('marker', 'm', 'quick'), weir.create_trainer('talk', 'm', 'talk', '{"lines": 0}'),
  weir.create_trainer('gated', 'm', 'gated', max_running => 3), weir.create_trainer('rests', 'm', 'quick', cooldown => '1 hour'),
  weir.create_trainer('many', 'm', 'quick', max_running => 4), weir.create_trainer('outside', 'm', max_running => 2), weir.create_trainer('free', 'm', max_attempts => 100)});
sql(q{SET SESSION AUTHORIZATION bob; SET search_path = bobs;
  CREATE PROCEDURE quick(job_id bigint, config jsonb) LANGUAGE sql AS 'SELECT 1'; SELECT weir.create_model('b'); SELECT weir.create_trainer('bob', 'b', 'quick')});

# ---- a worker is used again, and its session is new each time ----
as_ann(q{SELECT weir.enqueue_job('session') FROM generate_series(1, 5)});
done(q{trainer = 'session'}, 5, 'five jobs that leave their session untidy');
is(sql(q{SELECT DISTINCT what FROM lab.ran WHERE what IS NOT NULL}), 'lab 4MB ', 'none sees what another left');
cmp_ok(sql(q{SELECT count(DISTINCT pid) FROM lab.ran WHERE what IS NOT NULL}), '<', 5, 'a worker takes several jobs');
wait_until($node, q{SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'}, 'locks of a session are gone');

# ---- what they say and use ----
my $talk = as_ann(q{SELECT weir.enqueue_job('talk')});
my $talkative = as_ann(q{SELECT weir.enqueue_job('talk', '{"lines": 200}')});
done(q{trainer = 'talk'}, 2, 'jobs that say something');
is(sql("SELECT output = format(E'NOTICE: the first %s %s\\nWARNING: beware\\nDETAIL: of the dog\\nNOTICE: the last\\n', chr(228), job_id) FROM weir.job_log WHERE job_id = $talk"),
	't', 'the log has the messages');
is(sql("SELECT output ~ '^NOTICE: the first', output ~ 'NOTICE: the last\\n\$', output ~ '\\[\\d+ bytes left out\\]', octet_length(output) < 66000 FROM weir.job_log WHERE job_id = $talkative"),
	't|t|t|t', 'of very many the first and the last');
is(sql("SELECT attempt, state, worker, user_seconds >= 0, max_memory > 1000000, duration > '0', error FROM weir.job_log WHERE job_id = $talk"),
	'1|succeeded|weir job|t|t|t|', 'and what the attempt used');

# ---- asked for again while it waits ----
my $waits = as_ann(q{SELECT weir.enqueue_job('talk', run_after => now() + interval '1 day', dedupe_key => 'once')});
is(as_ann(q{SELECT weir.enqueue_job('talk', run_after => now() + interval '2 h', priority => 7, dedupe_key => 'once')}), $waits, 'it is the same job');
as_ann(q{SELECT weir.enqueue_job('talk', run_after => now() + interval '3 h', priority => 1, dedupe_key => 'once')});
is(sql("SELECT coalesced, priority, run_after BETWEEN now() + interval '1 h' AND now() + interval '2 h' FROM weir.jobs WHERE job_id = $waits"),
	'2|7|t', 'with the higher priority and the earlier time');
as_ann("SELECT weir.cancel_job($waits)");

# ---- cool-down ----
as_ann(q{SELECT weir.enqueue_job('rests'), weir.enqueue_job('rests')});
wait_until($node, q{SELECT count(*) = 1 FROM weir.jobs WHERE trainer = 'rests' AND state = 'succeeded'}, 'a job of a trainer with a cool-down');
everybody_looked();
is(sql(q{SELECT state FROM weir.jobs WHERE trainer = 'rests' AND state <> 'succeeded'}), 'queued', 'the next one waits');
is(sql(q{SELECT rests_until BETWEEN now() + interval '50 min' AND now() + interval '1 h' FROM weir.trainers WHERE trainer = 'rests'}), 't', 'for as long as the view says');
sql(q{UPDATE weir.trainer_state SET rests_until = clock_timestamp() WHERE trainer_id = (SELECT trainer_id FROM weir.trainer WHERE name = 'rests')});
done(q{trainer = 'rests'}, 2, 'then it runs');

# ---- at most so many of a trainer ----
my $gate = $node->background_psql('postgres', on_error_stop => 1);
$gate->query_safe('BEGIN; SELECT pg_advisory_xact_lock(7)');
as_ann(q{SELECT weir.enqueue_job('gated') FROM generate_series(1, 6)});
wait_until($node, q{SELECT count(*) = 3 FROM weir.jobs WHERE trainer = 'gated' AND state = 'running'}, 'three of six jobs run');
everybody_looked();
is(sql(q{SELECT count(*) FROM weir.jobs WHERE trainer = 'gated' AND state = 'running'}), 3, 'no more');
$gate->query_safe('COMMIT');
$gate->quit;
done(q{trainer = 'gated'}, 6, 'all of them in the end');
as_ann(q{SELECT weir.enqueue_job('outside') FROM generate_series(1, 3)});
is(as_ann(q{SELECT count(*) FROM (SELECT (weir.claim_job('{outside}')).* FROM generate_series(1, 3)) q WHERE job_id IS NOT NULL}), 2, 'an external trainer has a limit, too');
is(as_ann(q{SELECT count(*) FROM weir.claim_job()}), 0, 'nothing else is handed out');
my $token = sql(q{SELECT job_id || ', ' || token FROM weir.job WHERE trainer = 'outside' AND state = 'running' LIMIT 1});
as_ann("SELECT weir.heartbeat($token, 0.5, 'epoch 1'); SELECT weir.heartbeat($token, 0.6, 'epoch 2'); SELECT weir.complete_job($token)");
is(sql(q{SELECT output FROM weir.job_log WHERE trainer = 'outside'}), "epoch 1\nepoch 2", 'its messages are in the log');
is(as_ann(q{SELECT count(*) FROM weir.claim_job()}), 1, 'and the third is handed out');
as_ann(q{SELECT weir.cancel_job(job_id) FROM weir.jobs WHERE trainer = 'outside' AND state = 'running'});
is(sql(q{SELECT count(*) FROM weir.job_log WHERE trainer = 'outside' AND state = 'cancelled'}), 2, 'cancelled ones are in the log');

# ---- one owner's long queue and another's only job ----
sql(q{BEGIN; SET LOCAL ROLE ann; SELECT weir.enqueue_job('many', priority => 10) FROM generate_series(1, 300); SET LOCAL ROLE bob; SELECT weir.enqueue_job('bob'); COMMIT});
done(q{trainer IN ('many', 'bob')}, 301, 'three hundred jobs of one owner, one of another');
is(sql(q{SELECT (SELECT token FROM weir.job WHERE trainer = 'bob') < (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY token) FROM weir.job WHERE trainer = 'many')}),
	't', 'who is not at the end');
is(sql(q{SELECT count(*) = count(DISTINCT job_id), count(DISTINCT job_id) FROM lab.ran WHERE job_id IN (SELECT job_id FROM weir.jobs WHERE trainer = 'many')}), 't|300', 'each ran once');

# ---- eight claimers, crashes of the server, a restart: none is lost, none counts twice ----
sub claimers
{
	return map { IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'SET ROLE ann', '-c', q{
DO $$ DECLARE job record; BEGIN LOOP
  IF (SELECT count(*) FROM lab.ran WHERE what = 'free') >= (SELECT up_to FROM lab.gate) THEN
    PERFORM pg_sleep(0.02);
    CONTINUE;
  END IF;
  SELECT * INTO job FROM weir.claim_job('{free}', lease => '1 s');
  COMMIT;
  IF job.job_id IS NULL THEN
    EXIT WHEN NOT EXISTS (SELECT FROM weir.jobs WHERE trainer = 'free' AND state IN ('queued', 'running'));
    PERFORM pg_sleep(0.05);
    CONTINUE;
  END IF;
  INSERT INTO lab.ran(job_id, what) VALUES (job.job_id, 'free');
  IF NOT weir.complete_job(job.job_id, job.token) THEN ROLLBACK; ELSE COMMIT; END IF;
END LOOP; END $$} ], '>', \my $out, '2>', \my $error) } 1 .. 8;
}
# They go on to the gate and stay there, so that however fast they are, there is one to kill.
as_ann(q{CREATE TABLE lab.gate AS SELECT 600 AS up_to; SELECT count(weir.enqueue_job('free')) FROM generate_series(1, 2000)});
my @claimers = claimers();
for my $n (300, 700)
{
	as_ann("UPDATE lab.gate SET up_to = $n + 300");
	wait_until($node, "SELECT count(*) >= $n FROM weir.jobs WHERE trainer = 'free' AND state = 'succeeded'", "$n jobs are done");
	kill 'KILL', sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%claim_job%' AND pid <> pg_backend_pid() AND backend_type = 'client backend' LIMIT 1});
	$_->finish for @claimers;
	$node->poll_query_until('postgres', 'SELECT true');
	@claimers = claimers();
}
as_ann('UPDATE lab.gate SET up_to = 1500');
wait_until($node, q{SELECT count(*) >= 1100 FROM weir.jobs WHERE trainer = 'free' AND state = 'succeeded'}, 'a thousand');
$node->stop('immediate');
$node->start;
$_->finish for @claimers;
as_ann('UPDATE lab.gate SET up_to = 3000');
@claimers = claimers();
$_->finish for @claimers;
is(sql(q{SELECT count(*), count(DISTINCT job_id) FROM lab.ran WHERE what = 'free'}), '2000|2000', 'two thousand jobs took effect once each');
is(sql(q{SELECT DISTINCT state FROM weir.jobs WHERE trainer = 'free'}), 'succeeded', 'and are done');

# ---- data versions ----
as_ann(q{SET search_path = lab;
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE loans AS SELECT i AS id, i % 10 AS income, CASE WHEN i % 2 = 0 THEN 'glad' ELSE 'sad' END::mood AS mood FROM generate_series(1, 100) i;
SELECT weir.create_data_version('old', 'loans', retention => '1 h'), weir.create_data_version('live', 'loans', retention => '1 h'),
  weir.create_data_version('young', 'loans', retention => '1 day', validation => 'id > 90'), weir.create_data_version('query', 'loans', materialize => false);
SELECT weir.create_model_version('m', data_version => (SELECT data_version FROM weir.data_versions WHERE name = 'live')); SELECT weir.promote_model('m', 1)});
sql(q{UPDATE weir.data_version SET created_at = created_at - interval '2 h'});
$node->restart; # the scheduler looks when it starts, and once an hour
wait_until($node, q{SELECT status = 'dropped' AND relation IS NULL FROM weir.data_versions WHERE name = 'old'}, 'a table whose time has passed is dropped');
is(sql(q{SELECT string_agg(name || ' ' || status || ' ' || n, ', ' ORDER BY name) FROM weir.data_versions WHERE name <> 'old'}),
	'live ok 100, query ok 100, young ok 100', 'not one that a live model needs');
my $dump = $node->basedir . '/dump.sql';
command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'a dump');
sql('CREATE DATABASE restored');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'restored');
is($node->safe_psql('restored', q{SET SESSION AUTHORIZATION ann; SET search_path = lab;
SELECT string_agg(name || ' ' || weir.verify_data_version(data_version), ', ' ORDER BY name) FROM weir.data_versions}),
	'live ok, old dropped, query ok, young ok', 'has the same rows, by hash');
is($node->safe_psql('restored', q{SET SESSION AUTHORIZATION ann; SET search_path = lab;
SELECT weir.create_data_version('next', 'loans') > max(data_version) FROM weir.data_versions}), 't', 'and numbers go on');
$node->stop;
done_testing();
