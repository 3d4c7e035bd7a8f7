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

/* A row of weir.model, read inside an SQL scope; raises 42704 when there is none. */
typedef struct Model
{
	int			model_id;
	Oid			owner;
	int			approvals;
} Model;

extern Model model_find(const char *name, bool lock);

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

/* The end of an attempt, inside an SQL scope; false when the token is not the current one. */
extern bool job_record_success(int64 job_id, int64 token, const Jsonb *result);
extern bool job_record_failure(int64 job_id, int64 token, const char *error, bool retry);

/* Ends a job that no further attempt would help, inside an SQL scope. */
extern void job_fail_for_good(int64 job_id, const char *error);

/*
 * Why the job cannot be run as its trainer's owner, or NULL, and then which procedure it calls and whose that is; inside an SQL
 * scope. Asked each time, when it is launched and by its worker: roles and procedures change.
 */
extern char *job_obstacle(int64 job_id, Oid *procedure, Oid *procedure_owner);

/* Ends attempts of external jobs whose lease has passed, inside an SQL scope. */
extern void job_expire_leases(void);

/* The action "retrain" of rules; see rule.h. */
extern void retrain_check(const char *trainer_name, Oid user);
extern int64 retrain_run(const RuleFiring *firing);

/* The scheduler's task and the one-off worker. */
extern void job_task(void);
extern void job_run(int64 job_id);

#endif
