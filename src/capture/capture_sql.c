/*
 * capture_sql.c
 *		wait_for, verify, rebuild, capture_status and small helpers in SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "capture/slot.h"
#include "capture/status.h"
#include "capture/stream.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "fairness/fairness_datum.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "summary/summary_datum.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "worker/worker.h"

#define POLL_MS 10
#define CAPTURE_PATIENCE_MS 20000
#define MAX_PENDING_BUILDS 100

PG_FUNCTION_INFO_V1(weir_wait_for);
PG_FUNCTION_INFO_V1(weir_verify);
PG_FUNCTION_INFO_V1(weir_rebuild);
PG_FUNCTION_INFO_V1(weir_capture_status);
PG_FUNCTION_INFO_V1(weir_builders);
PG_FUNCTION_INFO_V1(weir_category_text);
PG_FUNCTION_INFO_V1(weir_outcome);

static void
require_capture(const char *what)
{
	if (!worker_is_preloaded())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s needs weir to be preloaded", what),
				 errhint("Add weir to shared_preload_libraries and restart the server; see SELECT * FROM weir.check_setup().")));
	if (!LOGICAL_DECODING_IS_POSSIBLE())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s needs wal_level = " WAL_LEVEL_FOR_DECODING, what),
				 errhint("Run ALTER SYSTEM SET wal_level = " WAL_LEVEL_FOR_DECODING " and restart the server.")));
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s cannot run on a standby", what),
				 errhint("Capture runs on the primary; panes and scores can be read here as far as they are replicated.")));
}

/* A transaction with an id may be what the slot's creation waits for: then both would wait for ever. */
static void
require_no_transaction_id(const char *what)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("%s cannot run in a transaction that has written", what),
				 errhint("COMMIT first: capture sees only what is committed.")));
}

static void
wait_a_little(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, POLL_MS, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Executes a query under a snapshot of now, so that polling sees what others committed whatever the isolation level. */
static uint64
look_now(const char *statement, int n, const Oid *types, const Datum *values)
{
	int			result;

	PushActiveSnapshot(GetLatestSnapshot());
	result = SPI_execute_with_args(statement, n, (Oid *) types, (Datum *) values, NULL, true, 0);
	PopActiveSnapshot();
	if (result < 0)
		elog(ERROR, "SPI could not execute \"%s\": %s", statement, SPI_result_code_string(result));
	return SPI_processed;
}

static bool
is_so_now(const char *question)
{
	SqlScope	scope;
	bool		is_null;
	bool		answer;

	sql_begin(&scope);
	look_now(question, 0, NULL, NULL);
	answer = DatumGetBool(sql_value(0, 1, &is_null));
	sql_end(&scope);
	return answer;
}

/* While it is paused there is nothing to wait for. */
static void
require_no_pause(const char *what)
{
	if (is_so_now("SELECT EXISTS (SELECT FROM weir.capture_pause)"))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s would wait for capture, which is paused", what),
				 errhint("SELECT weir.resume_capture() lets it go on.")));
	if (status_is_upgrading())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s would wait for capture, which is stopped for an upgrade", what),
				 errhint("SELECT weir.resume_capture() lets it go on.")));
}

static TimestampTz
deadline(Interval *timeout)
{
	return DatumGetTimestampTz(
		DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()), IntervalPGetDatum(timeout)));
}

/* ---- wait_for ---- */

/* The end of WAL may stand behind the header of a page that nobody has begun: nothing is between. */
static XLogRecPtr
without_page_header(XLogRecPtr lsn)
{
	uint64		in_page = lsn % XLOG_BLCKSZ;

	return in_page <= SizeOfXLogLongPHD ? lsn - in_page : lsn;
}

#define BUILDS_ARE_PENDING \
	"SELECT EXISTS (SELECT FROM weir.build b JOIN weir.monitor_state s USING (monitor_id) " \
	"WHERE b.state NOT IN ('done', 'failed') AND b.kind <> 'verify' AND s.state <> 'disabled')"

static XLogRecPtr
visible_position(bool *running, char *error)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	XLogRecPtr	visible;

	*running = false;
	error[0] = '\0';
	if (status == NULL)
		return InvalidXLogRecPtr;
	visible = status->pid != 0 ? status->visible_lsn : InvalidXLogRecPtr;
	*running = status->pid != 0;
	if (!*running)
		strlcpy(error, status->last_error, CAPTURE_ERROR_LENGTH);
	status_unlock();
	return visible;
}

/* Capture then flushes as soon as it has read so far, whatever its pace. */
static void
want_position(XLogRecPtr wanted)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	status->wanted_lsn = Max(status->wanted_lsn, wanted);
	status_unlock();
}

Datum
weir_wait_for(PG_FUNCTION_ARGS)
{
	XLogRecPtr	wanted;
	TimestampTz end;
	bool		asked = false;
	bool		running;
	char		error[CAPTURE_ERROR_LENGTH];
	XLogRecPtr	visible;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("timeout must not be NULL"),
				 errhint("Leave it out for the default of 30 seconds.")));
	require_capture("weir.wait_for");
	require_no_transaction_id("weir.wait_for");
	require_no_pause("weir.wait_for");
	wanted = PG_ARGISNULL(0) ? GetXLogInsertRecPtr() : PG_GETARG_LSN(0);
	end = deadline(PG_GETARG_INTERVAL_P(1));

	for (;;)
	{
		/* A position that WAL has not reached is asked for when it has: the next who waits would wait for it, too. */
		if (!asked && GetXLogInsertRecPtr() >= without_page_header(wanted))
		{
			asked = true;
			/* Decoding reads flushed WAL only; asynchronous commits would make us wait for the WAL writer. */
			XLogFlush(without_page_header(wanted));
			want_position(without_page_header(wanted));
			worker_wake();
		}
		visible = visible_position(&running, error);
		if (visible >= without_page_header(wanted) && !is_so_now(BUILDS_ARE_PENDING))
			PG_RETURN_LSN(visible);
		/* Capture runs for monitors. */
		if (!running && asked && is_so_now("SELECT NOT EXISTS (SELECT FROM weir.monitor)"))
			PG_RETURN_LSN(wanted);
		if (GetCurrentTimestamp() >= end)
			break;
		wait_a_little();
	}
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED), errmsg("weir has not reached %X/%X in time", LSN_FORMAT_ARGS(wanted)),
			 !running                                     ? errdetail("Capture is not running in this database. %s", error)
				 : visible >= without_page_header(wanted) ? errdetail("Capture has reached it, but a monitor is still being built.")
														  : errdetail("Capture has reached %X/%X.", LSN_FORMAT_ARGS(visible)),
			 errhint("See SELECT * FROM weir.capture_status and SELECT * FROM weir.check_setup().")));
}

/* ---- verify and rebuild ---- */

typedef struct MonitorFacts
{
	int			monitor_id;
	Oid			owner;
	Oid			source;
	bool		backfill;
	char		state[16];
	TimestampTz since;
	TimestampTz until;
} MonitorFacts;

/* Looks the monitor up, checks the caller, and widens the range to whole panes. */
static void
find_monitor(const char *name, bool has_since, TimestampTz since, bool has_until, TimestampTz until, MonitorFacts *facts)
{
	SqlScope	scope;
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {CStringGetTextDatum(name), TimestampTzGetDatum(since), TimestampTzGetDatum(until)};
	char		nulls[] = {' ', has_since ? ' ' : 'n', has_until ? ' ' : 'n', '\0'};
	bool		is_null;
	bool		merges_nodes;
	char		what[NAMEDATALEN + 32];

	sql_begin(&scope);
	if (sql_execute(
			"SELECT m.monitor_id, m.owner::oid, m.backfill, s.state, "
			"greatest(weir.tumble($2, m.pane_size, NULL, m.time_zone), s.expired_before, '-infinity'), "
			"CASE WHEN weir.tumble($3, m.pane_size, NULL, m.time_zone) = $3 THEN $3 "
			"ELSE coalesce(weir.tumble(weir.tumble($3, m.pane_size, NULL, m.time_zone) + m.pane_size + m.pane_size / 2, m.pane_size, "
			"NULL, m.time_zone), 'infinity') END, "
			"m.source::oid, m.options ? 'nodes' FROM weir.monitor m JOIN weir.monitor_state s USING (monitor_id) WHERE m.name = $1",
			3, types, values, nulls) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("monitor \"%s\" does not exist", name),
				 errhint("SELECT monitor FROM weir.monitors lists them.")));
	facts->monitor_id = DatumGetInt32(sql_value(0, 1, &is_null));
	facts->owner = DatumGetObjectId(sql_value(0, 2, &is_null));
	facts->backfill = DatumGetBool(sql_value(0, 3, &is_null));
	strlcpy(facts->state, sql_text(0, 4), sizeof(facts->state));
	facts->since = DatumGetTimestampTz(sql_value(0, 5, &is_null));
	facts->until = DatumGetTimestampTz(sql_value(0, 6, &is_null));
	facts->source = DatumGetObjectId(sql_value(0, 7, &is_null));
	merges_nodes = DatumGetBool(sql_value(0, 8, &is_null));
	sql_end(&scope);
	snprintf(what, sizeof(what), "monitor \"%s\"", name);
	require_role(facts->owner, what);
	/* The table may have changed hands. */
	if (get_rel_name(facts->source) != NULL)
		require_table_owner(facts->source);
	if (merges_nodes)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the panes of monitor \"%s\" come from its nodes", name),
				 errdetail("There is no table here that they could be read from again."),
				 errhint("Verify or rebuild the monitors at the nodes.")));
	if (facts->since >= facts->until)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the range is empty"),
				 errhint("since must be before until, and until behind what retention has given up.")));
}

static void
free_request(int request)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	if (status == NULL)
		return;
	memset(&status->requests[request], 0, sizeof(VerifyRequest));
	status_unlock();
}

static int
place_request(const MonitorFacts *facts)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	int			place = -1;

	for (int i = 0; status != NULL && i < CAPTURE_MAX_REQUESTS && place < 0; i++)
		if (!status->requests[i].used)
		{
			place = i;
			status->requests[i] = (VerifyRequest){.used = true,
												  .serial = ++status->last_serial,
												  .monitor_id = facts->monitor_id,
												  .since = facts->since,
												  .until = facts->until};
			if (status->capture_latch != NULL)
				SetLatch(status->capture_latch);
		}
	if (status != NULL)
		status_unlock();
	if (place < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("too many calls of weir.verify at once"),
				 errhint("At most %d run at a time; try again later.", CAPTURE_MAX_REQUESTS)));
	return place;
}

/* Waits until the build is over; the SPI result holds its row. */
static void
await_build(int request, const MonitorFacts *facts)
{
	int			build_id = 0;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz last_running = now;

	worker_wake();
	for (;;)
	{
		CaptureStatus *status = status_lock(MyDatabaseId);
		bool		running = status->pid != 0;
		Oid			type = INT4OID;
		Datum		value;

		build_id = status->requests[request].build_id;
		status_unlock();
		if (build_id != 0)
		{
			value = Int32GetDatum(build_id);
			if (look_now("SELECT panes, equal, different, marked, compared_lsn, first_difference, state, error FROM weir.build "
						 "WHERE build_id = $1",
						 1, &type, &value) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("the monitor was dropped meanwhile"),
						 errhint("SELECT monitor FROM weir.monitors lists those that there are.")));
			if (strcmp(sql_text(0, 7), "done") == 0 || strcmp(sql_text(0, 7), "failed") == 0)
				return;
			SPI_freetuptable(SPI_tuptable);
		}
		now = GetCurrentTimestamp();
		if (running)
			last_running = now;
		else if (now - last_running > CAPTURE_PATIENCE_MS * INT64CONST(1000))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("capture is not running in this database"),
					 errhint("SELECT state, last_error FROM weir.capture_status and SELECT * FROM weir.check_setup() tell more.")));
		wait_a_little();
	}
}

Datum
weir_verify(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "monitor");
	bool		has_since = !PG_ARGISNULL(1);
	bool		has_until = !PG_ARGISNULL(2);
	MonitorFacts facts;
	TupleDesc	shape;
	SqlScope	scope;
	volatile int request;
	Datum		values[6];
	bool		nulls[6];
	HeapTuple	result;
	MemoryContext context = CurrentMemoryContext;

	require_capture("weir.verify");
	require_no_transaction_id("weir.verify");
	require_no_pause("weir.verify");
	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "weir.verify must return a row");
	shape = BlessTupleDesc(shape);
	find_monitor(name, has_since, has_since ? PG_GETARG_TIMESTAMPTZ(1) : 0, has_until, has_until ? PG_GETARG_TIMESTAMPTZ(2) : 0,
				 &facts);
	if (strcmp(facts.state, "disabled") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("monitor \"%s\" is disabled", name),
				 errhint("SELECT reason FROM weir.monitors tells why; weir.rebuild begins it again.")));
	if (!facts.backfill)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("monitor \"%s\" was created with backfill => false", name),
				 errdetail("Its panes leave out rows that the table had before, so they cannot be compared with the table."),
				 errhint("weir.rebuild reads the whole table.")));

	request = place_request(&facts);
	sql_begin(&scope);
	PG_TRY();
	{
		await_build(request, &facts);
	}
	PG_FINALLY();
	{
		free_request(request);
	}
	PG_END_TRY();
	if (strcmp(sql_text(0, 7), "failed") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("monitor \"%s\" could not be verified", name),
				 errdetail("%s", sql_text(0, 8)), errdetail_log("weir.progress tells its owner why."),
				 errhint("The server's log tells more; SELECT * FROM weir.check_setup() what is missing.")));
	for (int i = 0; i < 6; i++)
		values[i] = sql_value(0, i + 1, &nulls[i]);
	MemoryContextSwitchTo(context);
	result = heap_form_tuple(shape, values, nulls);
	sql_end(&scope);
	PG_RETURN_DATUM(HeapTupleGetDatum(result));
}

/* Capture looks at all that are pending, all the time. */
void
capture_require_few_builds(int monitor_id, const char *name)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);
	bool		is_null;
	int64		n;

	sql_execute("SELECT count(*) FROM weir.build WHERE monitor_id = $1 AND state NOT IN ('done', 'failed')", 1, &type, &value,
				NULL);
	n = DatumGetInt64(sql_value(0, 1, &is_null));
	if (n >= MAX_PENDING_BUILDS)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("monitor \"%s\" has " INT64_FORMAT " builds that are not over", name, n),
				 errhint("weir.progress shows how far they are; weir.wait_for waits for them.")));
}

Datum
weir_rebuild(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "monitor");
	bool		has_since = !PG_ARGISNULL(1);
	bool		has_until = !PG_ARGISNULL(2);
	MonitorFacts facts;
	SqlScope	scope;
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID};
	Datum		values[4];
	bool		is_null;
	bool		was_disabled;
	int64		build_id;

	require_capture("weir.rebuild");
	find_monitor(name, has_since, has_since ? PG_GETARG_TIMESTAMPTZ(1) : 0, has_until, has_until ? PG_GETARG_TIMESTAMPTZ(2) : 0,
				 &facts);
	/* While it was disabled it missed changes anywhere: a gap of its own, in which retention may have deleted what its panes have.
	 */
	was_disabled = strcmp(facts.state, "disabled") == 0;
	if (was_disabled)
	{
		facts.since = DT_NOBEGIN;
		facts.until = DT_NOEND;
	}
	values[0] = Int32GetDatum(facts.monitor_id);
	values[1] = TimestampTzGetDatum(facts.since);
	values[2] = TimestampTzGetDatum(facts.until);
	values[3] = CStringGetTextDatum(was_disabled ? "heal" : "rebuild");
	sql_begin(&scope);
	capture_require_few_builds(facts.monitor_id, name);
	if (!facts.backfill && facts.since == DT_NOBEGIN && facts.until == DT_NOEND)
		sql_execute("UPDATE weir.monitor SET backfill = true WHERE monitor_id = $1", 1, types, values, NULL);
	sql_execute("UPDATE weir.monitor_state SET state = 'starting', reason = NULL WHERE monitor_id = $1 AND state = 'disabled'", 1,
				types, values, NULL);
	sql_execute("INSERT INTO weir.build (monitor_id, kind, since, until) VALUES ($1, $4, $2, $3) RETURNING build_id", 4, types,
				values, NULL);
	build_id = DatumGetInt32(sql_value(0, 1, &is_null));
	audit_write("rebuild", "monitor", name);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_INT64(build_id);
}

/* ---- capture_status ---- */

/* For the view: what only shared memory knows of this database's capture. */
Datum
weir_capture_status(PG_FUNCTION_ARGS)
{
	TupleDesc	shape;
	Datum		values[14];
	bool		nulls[14] = {false};
	CaptureStatus copy;
	CaptureStatus *status;
	XLogRecPtr	present = RecoveryInProgress() ? InvalidXLogRecPtr : GetFlushRecPtr(NULL);
	TimestampTz now = GetCurrentTimestamp();
	Oid			user = GetUserId();
	bool		may_see_errors = has_privs_of_role(user, ROLE_PG_MONITOR) || has_privs_of_role(user, extension_owner());

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "weir._capture_status must return a row");
	shape = BlessTupleDesc(shape);
	memset(&copy, 0, sizeof(copy));
	status = status_lock(MyDatabaseId);
	if (status != NULL)
	{
		copy = *status;
		status_unlock();
	}
	if (copy.state[0] == '\0')
		strlcpy(copy.state, worker_is_preloaded() ? "stopped" : "not preloaded", sizeof(copy.state));
	if (status_is_upgrading() && copy.pid == 0)
		strlcpy(copy.state, "prepared for upgrade", sizeof(copy.state));
	if (RecoveryInProgress())
		strlcpy(copy.state, "in recovery", sizeof(copy.state));
	values[0] = CStringGetTextDatum(copy.state);
	values[1] = Int32GetDatum(copy.pid);
	nulls[1] = copy.pid == 0;
	values[2] = LSNGetDatum(copy.visible_lsn);
	nulls[2] = copy.visible_lsn == InvalidXLogRecPtr;
	values[3] = Int64GetDatum((int64) (present - copy.visible_lsn));
	nulls[3] = nulls[2] || present == InvalidXLogRecPtr || copy.visible_lsn > present;
	values[4] = IntervalPGetDatum(palloc0(sizeof(Interval)));
	nulls[4] = copy.caught_up_at == 0;
	if (!nulls[4])
		DatumGetIntervalP(values[4])->time = now - copy.caught_up_at;
	values[5] = Float8GetDatum(copy.rows_per_second);
	nulls[5] = copy.pid == 0;
	values[6] = Int64GetDatum((int64) copy.memory_bytes);
	nulls[6] = copy.pid == 0;
	values[7] = CStringGetTextDatum(copy.last_error);
	nulls[7] = copy.last_error_at == 0 || !may_see_errors;
	values[8] = TimestampTzGetDatum(copy.last_error_at);
	nulls[8] = copy.last_error_at == 0;
	values[9] = Int64GetDatum((int64) copy.partial_bytes);
	values[10] = Int64GetDatum((int64) copy.rows_streamed);
	values[11] = Int64GetDatum((int64) copy.given_up);
	values[12] = IntervalPGetDatum(palloc0(sizeof(Interval)));
	DatumGetIntervalP(values[12])->time = copy.flush_interval_ms * INT64CONST(1000);
	for (int i = 9; i < 13; i++)
		nulls[i] = copy.pid == 0;
	values[13] = Int64GetDatum(slot_spilled_bytes(stream_slot_name()));
	nulls[13] = !stream_slot_exists();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(shape, values, nulls)));
}

/* For weir.progress: where the builders are. */
Datum
weir_builders(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	CaptureStatus *status;
	BuilderStatus builders[CAPTURE_MAX_BUILDERS] = {0};

	InitMaterializedSRF(fcinfo, 0);
	status = status_lock(MyDatabaseId);
	if (status != NULL)
	{
		memcpy(builders, status->builders, sizeof(builders));
		status_unlock();
	}
	for (int i = 0; i < CAPTURE_MAX_BUILDERS; i++)
	{
		const BuilderStatus *builder = &builders[i];
		Datum		values[] = {Int32GetDatum(builder->build), Int32GetDatum(builder->slice), Int64GetDatum(builder->rows_read)};
		bool		nulls[lengthof(values)] = {false};

		if (builder->pid != 0 && builder->build != 0)
			tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* The text by which segments and groups are kept: that of categories. */
Datum
weir_category_text(PG_FUNCTION_ARGS)
{
	ValueReader *reader = fcinfo->flinfo->fn_extra;

	if (reader == NULL)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 0);

		reader = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ValueReader));
		if (!value_reader_init(reader, type, SUMMARY_CATEGORY, fcinfo->flinfo->fn_mcxt))
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("type %s cannot be a category", format_type_be(type))));
		fcinfo->flinfo->fn_extra = reader;
	}
	PG_RETURN_TEXT_P(cstring_to_text(value_reader_text(reader, PG_GETARG_DATUM(0))));
}

/* An outcome as capture reads it: NULL where it is neither positive nor negative. */
Datum
weir_outcome(PG_FUNCTION_ARGS)
{
	OutcomeReader *reader = fcinfo->flinfo->fn_extra;
	Outcome		outcome;
	bool		valid;

	if (reader == NULL)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 1);
		char	   *positive = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

		reader = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(OutcomeReader));
		if (!outcome_reader_init(reader, type, positive, fcinfo->flinfo->fn_mcxt))
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("type %s has no positive outcome", format_type_be(type))));
		fcinfo->flinfo->fn_extra = reader;
	}
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	outcome = outcome_reader_read(reader, PG_GETARG_DATUM(1), false, &valid);
	if (!valid || outcome == OUTCOME_UNKNOWN)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(outcome == OUTCOME_POSITIVE);
}
