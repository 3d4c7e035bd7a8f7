/*
 * learner_reader.c
 *		A worker that begins learners: it reads the rows that their tables hold, while others go on learning.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "capture/fault.h"
#include "catalog/pg_type.h"
#include "feed/fed_learner.h"
#include "miscadmin.h"
#include "monitor/boundary.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define RETRY_MS 1000

#define LOCK "pg_catalog.pg_try_advisory_xact_lock('weir.learner_state'::pg_catalog.regclass::oid::int, "

/* Nobody else reads its rows, now or while it was loaded. The lock is this transaction's; what others did before shows in the
 * next statement only. Inside an SPI scope. */
static bool
is_mine(const FedLearner *fed)
{
	Oid			types[] = {INT4OID, INT4OID};
	Datum		values[] = {Int32GetDatum(fed->learner_id), Int32GetDatum(fed->epoch)};

	return sql_execute("SELECT WHERE " LOCK "$1)", 1, types, values, NULL) > 0 &&
		sql_execute("SELECT FROM weir.learner_state WHERE learner_id = $1 AND epoch = $2 AND cut IS NULL", 2, types, values, NULL) >
		0;
}

bool
learner_reader_begin(FedLearner *fed)
{
	SqlScope	scope;
	bool		goes_on;

	sql_begin(&scope);
	goes_on = is_mine(fed);
	if (goes_on)
		fed_learner_begin(fed);
	sql_end(&scope);
	if (!goes_on)
		return false;
	fed_learner_backfill(fed);
	sql_begin(&scope);
	if (!fed_learner_store(fed))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("learner of model \"%s\" is being changed by somebody", fed->model)));
	FAULT(FAULT_LEARNER_BEGUN);
	sql_end(&scope);
	return true;
}

static void
begin(void *argument)
{
	(void) learner_reader_begin(argument);
}

/* Capture need not decode what is written here. */
static void
begin_unseen(void *argument)
{
	capture_pass_over(begin, argument);
}

/* The next learner that is to begin and that nobody else reads for. */
static FedLearner *
find_next(void)
{
	MemoryContext context = CurrentMemoryContext;
	FedLearner *fed = NULL;
	SqlScope	scope;
	bool		is_null;

	sql_begin(&scope);
	fed_learner_follow_owners();
	if (sql_execute(
			"SELECT s.learner_id FROM weir.learner_state s WHERE s.followed AND s.cut IS NULL AND s.disabled_reason IS NULL AND " LOCK
			"s.learner_id) LIMIT 1",
			0, NULL, NULL, NULL) > 0)
		fed = fed_learner_load(DatumGetInt32(sql_value(0, 1, &is_null)), context);
	sql_end(&scope);
	return fed == NULL || fed->has_begun ? NULL : fed;
}

/* One learner. False when there is none, or one that has to wait. */
static bool
begin_one(void)
{
	FedLearner *fed;
	ErrorData  *error = NULL;
	bool		goes_on;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!extension_lock())
	{
		CommitTransactionCommand();
		return false;
	}
	fed = find_next();
	if (fed != NULL)
	{
		pgstat_report_activity(STATE_RUNNING, psprintf("reading rows for a learner: model %s", fed->model));
		error = run_behind_boundary(begin_unseen, fed);
	}
	goes_on = fed != NULL &&
		(error == NULL || !fed_learner_fail(fed->learner_id, psprintf("begin the learner of model \"%s\"", fed->model), error));
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	return goes_on;
}

static void
reader_main(int64 argument)
{
	SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	while (begin_one())
		CHECK_FOR_INTERRUPTS();
	worker_wake();
}

bool
learner_reader_start(void)
{
	static TimestampTz next = 0;
	static BackgroundWorkerHandle *handle = NULL;
	TimestampTz now = GetCurrentTimestamp();
	MemoryContext old;
	pid_t		pid;

	if (now < next || (handle != NULL && GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED))
		return true;
	if (handle != NULL)
		pfree(handle);
	handle = NULL;
	next = TimestampTzPlusMilliseconds(now, RETRY_MS);
	old = MemoryContextSwitchTo(TopMemoryContext);
	if (!worker_start_one_off("learner reader", InvalidOid, 0, &handle))
		handle = NULL;
	MemoryContextSwitchTo(old);
	return handle != NULL;
}

void
learner_reader_init(void)
{
	worker_register_one_off("learner reader", reader_main);
}
