/*
 * model.h
 *		Models, trainers and jobs.  Nothing stands below this room but what init.c calls.
 */
#ifndef WEIR_MODEL_H
#define WEIR_MODEL_H

#include "postgres.h"

#include "monitor/rule.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* Called by init.c. */
extern void model_init(void);

/* ---- inside this room only ---- */

/* Settings. */
extern int	model_max_running_jobs;
extern int	model_job_retry_delay_ms;
extern int	model_job_retention_s;
extern int	model_job_worker_idle_ms;
extern int	model_prediction_retention_s;

/* A row of weir.model, read inside an SQL scope; raises 42704 when there is none. */
typedef struct Model
{
	int			model_id;
	Oid			owner;
	int			approvals;
} Model;

extern Model model_find(const char *name, bool lock);

/* Lets an alias mean a version, as weir.promote_model does with all its checks; outside of an SQL scope. */
extern void model_promote(const char *name, int version, const char *alias, const char *reason);

/* As weir.roll_back_model, on behalf of a role whose privileges were checked; inside an SQL scope. 0: there is no earlier version.
 */
extern int	model_roll_back(const char *name, const char *alias, const char *reason, Oid user);

/* The version that the alias means, inside an SQL scope; 0: none. */
extern int	model_alias_version(int model_id, const char *alias);

/* The action "roll_back" of rules; see rule.h. */
extern int64 roll_back_run(const RuleFiring *firing);

/* A row of weir.trainer, read inside an SQL scope; raises 42704 when there is none. */
typedef struct Trainer
{
	int			trainer_id;
	Oid			owner;
	bool		is_external;
} Trainer;

extern Trainer trainer_find(const char *name);

/* Raises 42501 unless the role is a member of the owner; what is "model" or "trainer". */
extern void model_require_owner(Oid role, Oid owner, const char *what, const char *name);

/*
 * Tells who listens (NOTIFY weir_models) which model to look at: names alone, as anybody may listen.  version 0 and alias NULL:
 * none. Inside an SQL scope.
 */
extern void model_notify(const char *event, const char *model, int version, const char *alias);

/* Raises 22023 unless the value is a JSON object; what names the argument. */
extern void model_require_object(const Jsonb *value, const char *what);

/*
 * The length of an interval that is added to times, with days and months as comparisons have them; -1 when a part of it is
 * negative, as months forth and days back may overflow a timestamp, or lead into the past, whatever their sum.
 */
extern double model_interval_seconds(const Interval *interval);

/* Raises 22023 unless the interval is above zero and at most 30 days. */
extern void model_require_duration(const Interval *interval, const char *what);

/* Queues a job inside an SQL scope; see weir.enqueue_job. alert_id 0: none; run_after NULL: now. */
extern int64 job_enqueue(const Trainer *trainer, const Jsonb *config, const TimestampTz *run_after, int priority,
						 const char *dedupe_key, int64 alert_id, Oid created_by);

/* What an attempt used and said, as far as the server knows: of procedures. */
typedef struct JobUsage
{
	double		user_seconds;
	double		system_seconds;
	int64		max_memory;		/* bytes; 0: not known */
	const char *output;
} JobUsage;

/*
 * The end of an attempt, and its line in weir.job_log, inside an SQL scope; false when the token is not the current one. usage
 * NULL: the job ran elsewhere.
 */
extern bool job_record_success(int64 job_id, int64 token, const Jsonb *result, const JobUsage *usage);
extern bool job_record_failure(int64 job_id, int64 token, const char *error, bool retry, const JobUsage *usage);

/* The worker of a job that was cancelled has ended: inside an SQL scope. */
extern void job_record_cancelled(int64 job_id, int64 token, const char *error, const JobUsage *usage);

/* Attempts of external jobs that were cancelled, of one job or one trainer; inside an SQL scope. */
extern void job_log_cancelled(int64 job_id, int trainer_id);

/* Ends a job that no further attempt would help, inside an SQL scope. */
extern void job_fail_for_good(int64 job_id, const char *error);

/*
 * Why the job cannot be run as its trainer's owner, or NULL, and then which procedure it calls and whose that is; inside an SQL
 * scope. Asked each time, when it is launched and by its worker: roles and procedures change.
 */
extern char *job_obstacle(int64 job_id, Oid *procedure, Oid *procedure_owner);

/* Which procedures may start now, inside an SQL scope, with the lock that whoever starts one holds to the end of his transaction.
 */
typedef struct JobCandidate
{
	int64		job_id;
	Oid			owner;
} JobCandidate;

extern void job_lock_starts(void);
extern List *job_candidates(void);

/* Locks a job that waits; false when somebody else has it. */
extern bool job_lock_queued(int64 job_id);

/* Ends attempts of external jobs whose lease has passed, inside an SQL scope. */
extern void job_expire_leases(void);

/* The action "retrain" of rules; see rule.h. */
extern void retrain_check(const char *trainer_name, Oid user);
extern int64 retrain_run(const RuleFiring *firing);

/* The scheduler's task and the one-off worker. */
extern void job_task(void);
extern void job_work(int64 job_id);

/* A procedure's job that this process has claimed. */
typedef struct RunningJob
{
	int64		job_id;
	int64		token;
	char	   *schema;
	char	   *procedure;
	Oid			procedure_oid;
	Oid			procedure_owner;
	char	   *search_path;
	char	   *timeout;		/* as people write it */
	int64		timeout_ms;
	Jsonb	   *config;
} RunningJob;

/* How the call of a job's procedure ended. */
typedef enum JobEnd
{
	JOB_SUCCEEDED,
	JOB_FAILED,
	JOB_INTERRUPTED				/* timed out or cancelled: a signal may be on its way */
} JobEnd;

/* Calls the procedure and records how it ended. Memory is that of context. */
extern JobEnd job_run(const RunningJob *job, MemoryContext context);

/* A transaction for SQL of weir's own, whatever the role's defaults are: SPI wants a snapshot outside of itself. */
extern void job_begin_own_transaction(void);
extern void job_end_own_transaction(void);

/* What the job says (NOTICE, WARNING, INFO) and uses is kept from begin to end. */
extern void job_meter_begin(void);
extern JobUsage job_meter_end(void);

#endif
