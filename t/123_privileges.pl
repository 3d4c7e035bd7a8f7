# What roles without superuser may do and see: owners of tables, readers of some columns, strangers; row-level security; owners that change.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('local');

sub sql { return $node->safe_psql('postgres', $_[0]) }

# The same as another role.
sub sql_as { my ($role, $query) = @_; return $node->safe_psql('postgres', $query, extra_params => [ '-U', $role ]) }

sub error_as
{
	my ($role, $query) = @_;
	my ($code, $stdout, $stderr) = $node->psql('postgres', $query, extra_params => [ '-U', $role ]);
	return $stderr;
}

# --- a table's owner needs nobody once the extension is there
sql(q{CREATE ROLE holder LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE partial LOGIN; CREATE ROLE nobody LOGIN; CREATE ROLE heir LOGIN; CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
CREATE SCHEMA bank AUTHORIZATION holder; GRANT USAGE ON SCHEMA bank TO PUBLIC});
sql_as('holder', q{CREATE TABLE bank.loans(id bigint PRIMARY KEY, at timestamptz, income float8, region text, sex text, approved boolean, repaid int);
ALTER TABLE bank.loans REPLICA IDENTITY FULL;
INSERT INTO bank.loans SELECT i, '2026-01-01'::timestamptz + i * interval '10 min', i % 97, (ARRAY['north', 'south'])[1 + i % 2], (ARRAY['F',
	'M'])[1 + i / 2 % 2], i % 3 = 0, i % 2 FROM generate_series(1, 2000) i;
GRANT SELECT ON bank.loans TO reader; GRANT SELECT (at, income) ON bank.loans TO partial;
SELECT weir.create_monitor('loans', 'bank.loans', 'at', window_size => '1 day', segment_by => '{region}', prediction => 'approved', label => 'repaid', protected => '{sex}');
SELECT weir.set_baseline('loans', since => '2026-01-01', until => '2026-01-04'); SELECT weir.create_rule('r', 'loans', 'psi', above => 0.0)});
sql_as('holder', q{SELECT weir.wait_for()});
is(sql_as('holder', q{SELECT panes > 0 AND equal = panes FROM weir.verify('loans')}), 't', 'a table owner without superuser creates and verifies a monitor');
sql_as('holder', q{SELECT weir.rebuild('loans')}); sql_as('holder', q{SELECT weir.wait_for()});
sql_as('holder', q{SELECT weir.alter_monitor('loans', lateness => '1 hour'); UPDATE bank.loans SET income = 3 WHERE id = 7; DELETE FROM bank.loans WHERE id = 8});
is(sql_as('holder', q{SELECT weir.wait_for() IS NOT NULL; SELECT equal = panes FROM weir.verify('loans')}), "t\nt", 'alters it, and it is captured');
wait_until($node, q{SELECT count(*) > 0 FROM weir.alert}, 'its rule finds something');
like(error_as('reader', q{SELECT weir.create_monitor('mine', 'bank.loans', 'at')}), qr/must be owner of table loans/, 'who may only read creates none');

# --- who sees what
my %rows = (
	windows => q{SELECT count(*) > 0, count(n_labelled) > 0, count(segment) > 0 FROM weir.windows},
	window_stats => q{SELECT string_agg(DISTINCT column_name::text, ',' ORDER BY column_name::text), count(segment) > 0 FROM weir.window_stats},
	drift_scores => q{SELECT string_agg(DISTINCT column_name::text, ',' ORDER BY column_name::text) FROM weir.drift_scores},
	fairness_scores => q{SELECT count(*) > 0 FROM weir.fairness_scores},
	alerts => q{SELECT count(*) > 0 FROM weir.alerts WHERE subject IS DISTINCT FROM 'income'});
my %seen = (
	reader => { windows => 't|t|t', window_stats => 'approved,income,region,repaid,sex|t', drift_scores => 'approved,income,region,repaid,sex', fairness_scores => 't', alerts => 't' },
	partial => { windows => 't|f|f', window_stats => 'income|f', drift_scores => 'income', fairness_scores => 'f', alerts => 'f' });
for my $role (sort keys %seen)
{
	is(sql_as($role, $rows{$_}), $seen{$role}{$_}, "$role sees of $_ what the table shows") for sort keys %rows;
}

# --- a stranger: every view is empty that tells of tables, every function on a monitor refuses
my @shown;
for my $view (split /\n/, sql(q{SELECT c.relname FROM pg_class c WHERE relnamespace = 'weir'::regnamespace AND relkind = 'v' ORDER BY 1}))
{
	push @shown, $view if error_as('nobody', "SELECT count(*) FROM weir.$view") eq '' && sql_as('nobody', "SELECT count(*) FROM weir.$view") > 0;
}
is("@shown", 'capture_status detectors learners prometheus_metrics quality_checks', 'views that tell of tables show a stranger nothing');
is(sql_as('nobody', q{SELECT count(*) FROM weir.prometheus_metrics m WHERE m::text ~ 'loans'}), 0, 'and metrics for Prometheus nothing of a monitor');
for my $call (split /\n/, sql(q{
	SELECT format('SELECT * FROM %s(%s)', p.oid::regproc, string_agg(CASE WHEN a.name = 'monitor' THEN $$monitor => 'loans'$$ END, ', '))
	FROM pg_proc p, unnest(p.proargnames[1:p.pronargs]) WITH ORDINALITY a(name, i)
	WHERE pronamespace = 'weir'::regnamespace AND proname !~ '^_' AND prokind = 'f'
	GROUP BY p.oid HAVING count(*) FILTER (WHERE a.name = 'monitor') = 1 AND max(p.pronargs) - max(p.pronargdefaults) <= 1 ORDER BY 1}))
{
	like(error_as('nobody', $call), qr/permission denied|must be owner|may not read|does not exist|exactly one/, "$call refuses a stranger");
}
is(sql(q{SELECT string_agg(c.oid::regclass::text, ',') FROM pg_class c WHERE relnamespace = 'weir'::regnamespace AND relkind IN ('r', 'S') AND
	(has_table_privilege('nobody', c.oid, 'SELECT') OR (relkind = 'r' AND has_any_column_privilege('nobody', c.oid, 'SELECT, INSERT, UPDATE'))) AND
	c.relname NOT IN (SELECT unnest(ARRAY[]::name[]))}), '', 'no table of weir can be read');
is(sql(q{SELECT string_agg(p.oid::regprocedure::text, ',') FROM pg_proc p WHERE pronamespace = 'weir'::regnamespace AND prosecdef}), '', 'no function runs with privileges of somebody else');

# --- reasons and errors tell values of columns only to who may read all of the table
sql_as('holder', q{SELECT weir.create_monitor('fragile', 'bank.loans', 'at', columns => '{income}', filter => $$100 / repaid > 0 OR repaid > 0$$)});
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE '%division by zero%' FROM weir.monitors WHERE monitor = 'fragile'}, 'an error in a value disables the monitor');
is(sql_as('holder', q{SELECT weir.wait_for() IS NOT NULL; SELECT equal = panes FROM weir.verify('loans')}), "t\nt", 'and only that');
is(sql_as('partial', q{SELECT count(*) FROM weir.monitors WHERE monitor = 'fragile'}), 0, 'a filter tells of columns that one may not read');
sql(q{UPDATE weir.monitor_state SET reason = 'value "secret" is not good' WHERE monitor_id = (SELECT monitor_id FROM weir.monitor WHERE name = 'loans')});
is(sql_as('partial', q{SELECT reason IS NULL FROM weir.monitors WHERE monitor = 'loans'}), 't', 'and so may a reason');
is(sql_as('reader', q{SELECT reason FROM weir.monitors WHERE monitor = 'loans'}), 'value "secret" is not good', 'which is for those who may read the table');
is(sql_as('partial', q{SELECT count(*) FROM weir.check_setup() WHERE check_name LIKE '%loans%'}), 0, 'check_setup tells only owners of monitors');
is(sql_as('reader', q{SELECT last_error IS NULL FROM weir.capture_status}), 't', 'the last error is for monitoring roles');
is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'weir%' AND query ~* '(select|income|loans|from)'}), 0, 'pg_stat_activity shows no query of the workers');
sql_as('holder', q{SELECT weir.drop_monitor('fragile')});

# --- values of rows are nowhere but in the table and the panes: not in the log, with all that it tells of an error, and not where those look who may not read the table
sql_as('holder', q{
CREATE TABLE bank.vault(id bigint PRIMARY KEY, at timestamptz, code text, amount numeric, segment text, label text, score float8);
ALTER TABLE bank.vault REPLICA IDENTITY FULL;
CREATE FUNCTION bank.fill(first int, last int, what text) RETURNS void LANGUAGE sql AS
$$INSERT INTO bank.vault SELECT i, '2026-01-01'::timestamptz + i * interval '1 min', what || i, i, 'classi' || 'fied' || i % 3, i % 2, i % 10 / 10.0 FROM generate_series(first, last) i$$;
SELECT bank.fill(1, 300, '');
GRANT SELECT (at, id) ON bank.vault TO partial});
my @refusing = (
	[ 'numbers', q{code::int > -1} ], [ 'documents', q{code::jsonb IS NOT NULL} ], [ 'divisors', q{100 / (length(code) - 15) < 100} ],
	[ 'patterns', q{code ~ ('(' || code || ')')} ], [ 'ranges', q{int4range(-5, code::int) IS NOT NULL} ]);
sub create_refusing
{
	sql_as('holder', qq{SELECT weir.create_monitor('$_->[0]', 'bank.vault', 'at', columns => '{amount}', filter => \$\$$_->[1]\$\$)}) for @refusing;
	return;
}
my $refused = q{SELECT count(*) = } . @refusing . q{ FROM weir.monitors WHERE state = 'disabled' AND monitor IN (} . join(', ', map { "'$_->[0]'" } @refusing) . ')';

# In the stream: of one row, and of a transaction in progress.
create_refusing();
sql_as('holder', q{SELECT weir.create_monitor('vault', 'bank.vault', 'at', segment_by => '{segment}', score => 'score', label => 'label', positive => '1', window_size => '1 hour')});
all_equal($node, $_, "$_: before what is refused") for 'vault', map { $_->[0] } @refusing;
sql_as('holder', q{SELECT bank.fill(301, 301, 'classi' || 'fied[(')});
wait_until($node, $refused, 'the stream: a value that a filter cannot read disables each');
like(sql_as('holder', q{SELECT string_agg(reason, ' ') FROM weir.monitors}), qr/classified\[\(301/, 'whose owner is told which');
# In a build.
sql_as('holder', qq{SELECT weir.rebuild('$_->[0]')}) for @refusing;
wait_until($node, qq{SELECT ($refused) AND NOT EXISTS (SELECT FROM weir.progress WHERE phase NOT IN ('done', 'failed'))}, 'a build: likewise');
# Wherever capture and builders fail.
for my $fault ('fold:error', 'pane_written:error', 'flush_written:error', 'slice_read:error', 'slice_written:error')
{
	set_fault($node, $fault);
	sql_as('holder', q{SELECT bank.fill(n::int + 1, n::int + 5, 'classi' || 'fied') FROM (SELECT max(id) AS n FROM bank.vault) m; UPDATE bank.vault SET label = 'classi' || 'fied' WHERE id = 7});
	sql_as('holder', q{SELECT weir.rebuild('vault')}) if $fault =~ /slice/;
	wait_for_fault($node, $fault, 1);
	set_fault($node, '');
	wait_until($node, q{SELECT state <> 'stopped' FROM weir.capture_status}, "$fault: capture begins again");
}
# Learners, tables of predictions with their labels, procedures of trainers, rules, baselines: with what their owners put in the way.
sql_as('holder', q{
CREATE FUNCTION bank.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no % here', NEW.code USING DETAIL = NEW.code; END $$;
CREATE TABLE bank.outcomes(id bigint PRIMARY KEY, outcome text); ALTER TABLE bank.outcomes REPLICA IDENTITY FULL;
INSERT INTO bank.outcomes SELECT i, 'classi' || 'fied' || i FROM generate_series(1, 10) i;
SELECT weir.join_labels('bank.joined', 'bank.vault', 'bank.outcomes', key => '{id}', label => '{outcome}')});
wait_until($node, q{SELECT count(*) FILTER (WHERE followed AND n_pending = 0) = 1 FROM weir.labelled_tables}, 'predictions are joined with their labels');
sql_as('holder', q{CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON bank.joined FOR EACH ROW EXECUTE FUNCTION bank.refuse();
	UPDATE bank.vault SET code = 'classi' || 'fied' WHERE id = 9});
wait_until($node, q{SELECT disabled_reason LIKE '%classi' || 'fied%' FROM weir.labelled_tables}, 'a trigger is in the way of labels');
sql_as('holder', q{
SELECT weir.create_model('of secrets');
CREATE PROCEDURE bank.train(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$DECLARE n int; BEGIN SELECT code::int INTO n FROM bank.vault WHERE id = 301; END $$;
SELECT weir.create_trainer('fails', 'of secrets', 'bank.train', max_attempts => 1); SELECT weir.enqueue_job('fails')});
wait_until($node, q{SELECT count(*) = 1 FROM weir.job_log}, 'a procedure stumbles over a value');
like(sql_as('holder', q{SELECT error FROM weir.job_log}), qr/classified/, 'which its owner is told');

# Who may not read the table, but looks after the server; who may read two columns; and nobody.
for my $role ('watcher', 'partial', 'nobody')
{
	my @telling;
	for my $view (split /\n/, sql(q{SELECT c.relname FROM pg_class c WHERE relnamespace = 'weir'::regnamespace AND relkind = 'v' ORDER BY 1}))
	{
		next if error_as($role, "SELECT count(*) FROM weir.$view") ne '';
		push @telling, $view if sql_as($role, "SELECT count(*) FROM weir.$view v WHERE v::text LIKE '%classi' || 'fied%'") > 0;
	}
	is("@telling", '', "no view tells $role of values");
}
is(sql(q{SELECT count(*) FROM pg_stat_activity a WHERE backend_type LIKE 'weir%' AND a::text LIKE '%classi' || 'fied%'}), 0, 'nor does pg_stat_activity');
my $log = slurp_file($node->logfile);
cmp_ok(scalar(() = $log =~ /error \w+, whose message may quote values of rows/g), '>=', 2 * @refusing, 'the log has what was refused');
is(join("\n", grep { /classified/ } split /\n/, $log), '', 'and no value');
sql_as('holder', q{SELECT weir.drop_monitor(monitor) FROM weir.monitors WHERE monitor <> 'loans'; DROP TABLE bank.vault CASCADE});

# --- row-level security
sql_as('holder', q{CREATE POLICY northern ON bank.loans FOR SELECT TO reader USING (region = 'north'); ALTER TABLE bank.loans ENABLE ROW LEVEL SECURITY});
is(sql_as('reader', q{SELECT count(*) FROM weir.windows}), 0, 'row-level security hides a monitor from whom it hides rows');
is(sql_as('holder', q{SELECT weir.wait_for() IS NOT NULL; SELECT equal = panes FROM weir.verify('loans')}), "t\nt", 'not from the owner');
sql_as('holder', q{ALTER TABLE bank.loans FORCE ROW LEVEL SECURITY});
like(error_as('holder', q{SELECT weir.create_monitor('forced', 'bank.loans', 'at')}), qr/cannot be monitored.*row-level security.*HINT/s, 'a table whose policies bind its owner is refused');
sql_as('holder', q{SELECT weir.rebuild('loans')});
wait_until($node, q{SELECT state = 'disabled' AND reason LIKE '%row-level security%' FROM weir.monitors WHERE monitor = 'loans'}, 'and cannot be built again');
sql_as('holder', q{ALTER TABLE bank.loans NO FORCE ROW LEVEL SECURITY; ALTER TABLE bank.loans DISABLE ROW LEVEL SECURITY; SELECT weir.rebuild('loans')});
all_equal($node, 'loans', 'until they bind him no more');

# --- owners that change
sql(q{REASSIGN OWNED BY holder TO heir});
wait_until($node, q{SELECT owner = 'heir'::regrole FROM weir.monitors WHERE monitor = 'loans'}, 'a monitor goes to the new owner of its table');
is(sql_as('heir', q{SELECT weir.rebuild('loans') > 0; SELECT weir.wait_for() IS NOT NULL; SELECT equal = panes FROM weir.verify('loans')}), "t\nt\nt", 'who may do with it what he likes');
like(error_as('holder', q{SELECT weir.rebuild('loans')}), qr/must be owner/, 'and the old one no more');
sql(q{DROP OWNED BY holder; DROP ROLE holder; ALTER ROLE heir RENAME TO successor});
sql_as('successor', q{INSERT INTO bank.loans SELECT 10000 + i, '2026-01-02', i, 'north', 'F', true, 1 FROM generate_series(1, 100) i});
all_equal($node, 'loans', 'the old owner is dropped, the new one renamed');
sql_as('successor', q{DROP TABLE bank.loans});
wait_until($node, q{SELECT state = 'disabled' FROM weir.monitor_state}, 'the table is dropped');
is(sql_as('successor', q{SELECT count(*) > 0 FROM weir.windows WHERE monitor = 'loans'}), 't', 'its owner still reads what was known of it');
is(sql_as('partial', q{SELECT count(*) FROM weir.windows}), 0, 'and nobody else');
sql_as('successor', q{SELECT weir.drop_monitor('loans')});

$node->stop;
done_testing();
