/*
 * change_learner.c
 *		The functions that end feeding a learner, change how it goes on, and wait for it.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "feed/fed_learner.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "model/model.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_drop_learner);
PG_FUNCTION_INFO_V1(weir_snapshot_learner);
PG_FUNCTION_INFO_V1(weir_reset_learner);
PG_FUNCTION_INFO_V1(weir_resume_learner);
PG_FUNCTION_INFO_V1(weir_wait_for_learners);

#define POLL_MS 50

/* The learner of a model that the caller owns; its model's row is locked, inside an SPI scope. */
static int
learner_of(const char *name, Oid user)
{
	Model		model = model_find(name, true);
	bool		is_null;

	model_require_owner(user, model.owner, "model", name);
	if (sql_execute("SELECT learner_id FROM weir.monitor_learner WHERE model_id = $1 FOR UPDATE", 1, (Oid[]){INT4OID},
					(Datum[]){Int32GetDatum(model.model_id)}, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" has no learner", name),
				 errhint("SELECT model FROM weir.monitor_learners lists those that have.")));
	return DatumGetInt32(sql_value(0, 1, &is_null));
}

static void
execute(const char *statement, int learner_id)
{
	sql_execute(statement, 1, (Oid[]){INT4OID}, (Datum[]){Int32GetDatum(learner_id)}, NULL);
}

/* A version of what is stored; 0: there is nothing new. Its worker reads the state anew. Inside an SPI scope. */
static int
snapshot(int learner_id, const char *note)
{
	FedLearner *fed;
	int			version;

	/* The worker passes over a row that is locked, and tries again. */
	execute("SELECT FROM weir.learner_state WHERE learner_id = $1 FOR UPDATE", learner_id);
	fed = fed_learner_load(learner_id, CurrentMemoryContext);
	if (fed == NULL || !fed->has_begun || fed->n_learned == fed->learned_at_snapshot)
		return 0;
	version = snapshot_make(fed, note, false);
	sql_execute("UPDATE weir.learner_state SET epoch = epoch + 1, learned_at_snapshot = $2, snapshot_at = $3 WHERE learner_id = $1",
				3, (Oid[]){INT4OID, INT8OID, TIMESTAMPTZOID},
				(Datum[]){Int32GetDatum(learner_id), Int64GetDatum(fed->learned_at_snapshot),
						  TimestampTzGetDatum(fed->snapshot_at)},
				NULL);
	return version;
}

Datum
weir_drop_learner(PG_FUNCTION_ARGS)
{
	char	   *model = required_text(fcinfo, 0, "model");
	Oid			user = GetUserId();
	SqlScope	scope;
	int			learner_id;
	int			version = 0;

	require_argument(fcinfo, 1, "snapshot");
	sql_begin(&scope);
	learner_id = learner_of(model, user);
	if (PG_GETARG_BOOL(1))
		version = snapshot(learner_id, "as it was when its learner was dropped");
	audit_write_row("drop", "learner", model, "monitor_learner", "learner_id", learner_id);
	execute("DELETE FROM weir.monitor_learner WHERE learner_id = $1", learner_id);
	sql_end(&scope);
	worker_wake_at_commit();
	if (version == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(version);
}

Datum
weir_snapshot_learner(PG_FUNCTION_ARGS)
{
	char	   *model = required_text(fcinfo, 0, "model");
	char	   *note = argument_text(fcinfo, 1);
	Oid			user = GetUserId();
	SqlScope	scope;
	int			version;

	sql_begin(&scope);
	version = snapshot(learner_of(model, user), note != NULL ? note : "on request");
	sql_end(&scope);
	if (version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the learner of model \"%s\" has learned nothing since its last version", model),
				 errhint("SELECT * FROM weir.monitor_learners tells how it is.")));
	PG_RETURN_INT32(version);
}

Datum
weir_reset_learner(PG_FUNCTION_ARGS)
{
	char	   *model = required_text(fcinfo, 0, "model");
	Oid			user = GetUserId();
	SqlScope	scope;
	int			learner_id;

	sql_begin(&scope);
	learner_id = learner_of(model, user);
	if (!PG_ARGISNULL(1))
		sql_execute("UPDATE weir.monitor_learner SET backfill = $2 WHERE learner_id = $1", 2, (Oid[]){INT4OID, BOOLOID},
					(Datum[]){Int32GetDatum(learner_id), PG_GETARG_DATUM(1)}, NULL);
	execute(
		"UPDATE weir.learner_state SET epoch = epoch + 1, cut = NULL, model = NULL, successor = NULL, detector = NULL, evaluation = NULL, "
		"disabled_reason = NULL, waiting_reason = NULL, n_seen = 0, n_learned = 0, n_corrected = 0, n_retracted = 0, n_warnings = 0, "
		"n_drifts = 0, last_drift_at = NULL, latest_at = NULL, learned_at_snapshot = 0, memory_bytes = NULL WHERE learner_id = $1",
		learner_id);
	execute("DELETE FROM weir.learner_prediction WHERE learner_id = $1", learner_id);
	execute("DELETE FROM weir.learner_gap WHERE learner_id = $1", learner_id);
	audit_write("reset", "learner", model);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}

Datum
weir_resume_learner(PG_FUNCTION_ARGS)
{
	char	   *model = required_text(fcinfo, 0, "model");
	Oid			user = GetUserId();
	SqlScope	scope;
	int			learner_id;

	sql_begin(&scope);
	learner_id = learner_of(model, user);
	execute("SELECT FROM weir.learner_state WHERE learner_id = $1 FOR UPDATE", learner_id);
	/* Capture may not have been able to note the gap, while this row was locked. */
	execute("INSERT INTO weir.learner_gap (learner_id, reason) SELECT learner_id, 'it was set aside: ' || disabled_reason "
			"FROM weir.learner_state WHERE learner_id = $1 AND disabled_reason IS NOT NULL AND followed AND cut IS NOT NULL",
			learner_id);
	/* Whether the reason is mended is seen only when it goes on. */
	execute(
		"UPDATE weir.learner_state SET epoch = epoch + 1, waiting_reason = 'it is to go on, and was set aside: ' || disabled_reason, "
		"disabled_reason = NULL, followed = false WHERE learner_id = $1 AND disabled_reason IS NOT NULL",
		learner_id);
	audit_write("resume", "learner", model);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}

/* ---- waiting ---- */

static bool
something_waits(void)
{
	SqlScope	scope;
	bool		is_null;
	bool		waits;

	sql_begin(&scope);
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute("SELECT EXISTS (SELECT FROM weir.monitor_learner l LEFT JOIN weir.learner_state s USING (learner_id) "
					"JOIN weir.monitor_state m USING (monitor_id) WHERE m.state <> 'disabled' AND s.disabled_reason IS NULL "
					"AND (coalesce(s.cut IS NULL OR NOT s.followed, true) "
					"OR EXISTS (SELECT FROM weir.learner_change c WHERE c.learner_id = l.learner_id AND c.change_id > s.applied)))",
					true, 0) != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not look for what waits to be learned")));
	PopActiveSnapshot();
	waits = DatumGetBool(sql_value(0, 1, &is_null));
	sql_end(&scope);
	return waits;
}

Datum
weir_wait_for_learners(PG_FUNCTION_ARGS)
{
	LOCAL_FCINFO(call, 2);
	TimestampTz end = DatumGetTimestampTz(
		DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()), PG_GETARG_DATUM(0)));

	InitFunctionCallInfoData(*call, NULL, 2, InvalidOid, NULL, NULL);
	call->args[0].value = (Datum) 0;
	call->args[0].isnull = true;
	call->args[1].value = PG_GETARG_DATUM(0);
	call->args[1].isnull = false;
	(void) weir_wait_for(call);
	while (something_waits())
	{
		if (GetCurrentTimestamp() >= end)
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED), errmsg("learners have not learned everything in time"),
					 errhint("See SELECT * FROM weir.monitor_learners.")));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, POLL_MS, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_VOID();
}
