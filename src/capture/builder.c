/*
 * builder.c
 *		The worker that reads sources: plans builds, and reads slice after slice as capture hands them out.
 *
 * A slice is read in a transaction that imports the snapshot which capture exported at its present position, as the source's owner;
 * its panes are written in another, so that the snapshot is gone by then.  Capture goes on meanwhile and keeps apart what the cut
 * does not see.  A builder ends when no slice waits.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/fault.h"
#include "capture/level.h"
#include "capture/pane.h"
#include "capture/priority.h"
#include "capture/status.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define LOOK_AGAIN_MS 1000
#define CUT_WAIT_MS 60000
#define PAUSE_MS 1000
#define IDLE_MS 100
#define IDLE_LOOKS 10

static MemoryContext builder_context;
static int	builder_place;		/* among those in shared memory */

static void
begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

/* ---- presence ---- */

static void
leave(int code, Datum argument)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	if (status == NULL)
		return;
	if (status->builders[builder_place].pid == MyProcPid)
		memset(&status->builders[builder_place], 0, sizeof(BuilderStatus));
	status_unlock();
	worker_wake();
}

/* False when there is no place left. */
static bool
enter(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	bool		entered = false;

	if (status == NULL)
		return false;
	for (int i = 0; i < CAPTURE_MAX_BUILDERS && !entered; i++)
		if (status->builders[i].pid == 0)
		{
			builder_place = i;
			status->builders[i] = (BuilderStatus){.pid = MyProcPid, .latch = MyLatch};
			entered = true;
		}
	status_unlock();
	if (entered)
		before_shmem_exit(leave, (Datum) 0);
	return entered;
}

/* ---- failures ---- */

/* What cannot be read ends the build; without its history, or with a gap that was not healed, a monitor does not go on. */
static void
report_failure(int build_id, const char *message)
{
	SqlScope	scope;
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[2];

	begin_transaction();
	values[0] = Int32GetDatum(build_id);
	values[1] = CStringGetTextDatum(message);
	sql_begin(&scope);
	sql_execute("DELETE FROM weir.pane WHERE generation IN (SELECT generation FROM weir.build_slice WHERE build_id = $1 "
				"UNION ALL SELECT kept FROM weir.build WHERE build_id = $1)",
				1, types, values, NULL);
	sql_execute("DELETE FROM weir.build_slice WHERE build_id = $1", 1, types, values, NULL);
	sql_execute(
		"UPDATE weir.build SET state = 'failed', error = $2, finished_at = pg_catalog.clock_timestamp() WHERE build_id = $1", 2,
		types, values, NULL);
	sql_execute("UPDATE weir.monitor_state s SET state = 'disabled', reason = $2 FROM weir.build b "
				"WHERE b.build_id = $1 AND s.monitor_id = b.monitor_id AND "
				"(b.kind IN ('build', 'heal') OR b.kind = 'rebuild' AND b.since = '-infinity' AND b.until = 'infinity')",
				2, types, values, NULL);
	/* What waits for it, waits for ever. */
	sql_execute("UPDATE weir.build b SET state = 'failed', error = $2, finished_at = pg_catalog.clock_timestamp() "
				"FROM weir.build f JOIN weir.monitor_state s USING (monitor_id) WHERE f.build_id = $1 AND s.state = 'disabled' "
				"AND b.monitor_id = f.monitor_id AND b.kind = 'verify' AND b.state NOT IN ('done', 'failed')",
				2, types, values, NULL);
	sql_execute("UPDATE weir.monitor_state s SET reason = 'the last rebuild failed: ' || $2 FROM weir.build b "
				"WHERE b.build_id = $1 AND b.kind = 'rebuild' AND s.monitor_id = b.monitor_id AND s.state <> 'disabled'",
				2, types, values, NULL);
	sql_end(&scope);
	CommitTransactionCommand();
}

/* Errors that say nothing of the source or of its monitor: it is read once more, however often. */
static bool
is_passing(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	/* Given up for a deadlock or DDL, cancelled by somebody; or space that others need, too. */
	return category == ERRCODE_TRANSACTION_ROLLBACK || category == ERRCODE_OPERATOR_INTERVENTION ||
		sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || sqlerrcode == ERRCODE_DISK_FULL;
}

/* Forgets what was begun. */
static void
give_up(void)
{
	bool		at_once = geterrcode() == ERRCODE_T_R_SERIALIZATION_FAILURE; /* it was DDL, or capture */
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PAUSE_MS);

	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	pane_reset();
	while (!at_once && GetCurrentTimestamp() < end)
		worker_wait(PAUSE_MS);
}

static void
fail_build(int build_id)
{
	ErrorData  *error;

	MemoryContextSwitchTo(builder_context);
	error = CopyErrorData();
	EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	pane_reset();
	report_failure(build_id, error->message);
}

/* Somebody may keep the source locked: there may be other builds meanwhile. Until AtEOXact_GUC of what it returns, or an error. */
static int
limit_lock_waits(void)
{
	int			level = NewGUCNestLevel();

	(void) set_config_option("lock_timeout", "1s", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/* ---- planning ---- */

static CapturedMonitor *
load_monitor(int monitor_id)
{
	List	   *monitors;
	SqlScope	scope;

	sql_begin(&scope);
	monitors = definition_load(builder_context);
	sql_end(&scope);
	return definition_find(monitors, monitor_id);
}

/* Another builder may have planned it meanwhile. */
static void
store_plan(int build_id, const BuildPlan *plan)
{
	SqlScope	scope;
	Oid			types[] = {INT4OID, INT8OID, TEXTOID, TIMESTAMPTZARRAYOID, INT8ARRAYOID};
	int			n = plan->n_slices;
	Datum	   *bounds = palloc(sizeof(Datum) * (n + 1));
	Datum	   *rows = palloc(sizeof(Datum) * n);
	Datum		values[5];

	for (int i = 0; i <= n; i++)
		bounds[i] = TimestampTzGetDatum(plan->bounds[i]);
	for (int i = 0; i < n; i++)
		rows[i] = Int64GetDatum(plan->slice_rows[i]);
	values[0] = Int32GetDatum(build_id);
	values[1] = Int64GetDatum(plan->rows);
	values[2] = CStringGetTextDatum(plan->method);
	values[3] = PointerGetDatum(construct_array(bounds, n + 1, TIMESTAMPTZOID, sizeof(TimestampTz), true, TYPALIGN_DOUBLE));
	values[4] = PointerGetDatum(construct_array(rows, n, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
	sql_begin(&scope);
	if (sql_execute("UPDATE weir.build SET state = 'reading', rows_total = $2, method = $3, since = ($4)[1], "
					"until = ($4)[pg_catalog.cardinality($4)], "
					"started_at = coalesce(started_at, pg_catalog.clock_timestamp()) WHERE build_id = $1 AND state = 'requested'",
					4, types, values, NULL) > 0)
		/* The newest first: that is what people look at. */
		sql_execute("INSERT INTO weir.build_slice (build_id, slice, since, until, rows_total) "
					"SELECT $1, pg_catalog.cardinality($5) + 1 - i, ($4)[i], ($4)[i + 1], ($5)[i] "
					"FROM pg_catalog.generate_series(1, pg_catalog.cardinality($5)) i",
					5, types, values, NULL);
	sql_end(&scope);
}

typedef struct Unplanned
{
	int			build_id;
	int			monitor_id;
	bool		is_initial;
	bool		heals;
	TimestampTz since;
	TimestampTz until;
	bool		has_old_size;
	Interval	old_size;		/* of the live panes, where it is another one */
} Unplanned;

/* The first build that nobody has planned. False when there is none. */
static bool
find_unplanned(Unplanned *build)
{
	SqlScope	scope;
	bool		found;
	bool		is_null;

	begin_transaction();
	sql_begin(&scope);
	found =
		sql_execute(
			"SELECT b.build_id, b.monitor_id, b.kind = 'build', b.since, b.until, b.pane_size_before, b.kind = 'heal' FROM" PENDING_BUILDS
			"b "
			"JOIN weir.monitor_state m USING (monitor_id) WHERE b.state = 'requested' AND" BUILD_MAY_BEGIN
			"AND (b.kind <> 'build' OR b.is_prepared)" IN_TURN " LIMIT 1",
			0, NULL, NULL, NULL) > 0;
	if (found)
	{
		Datum		old_size;

		*build = (Unplanned){.build_id = DatumGetInt32(sql_value(0, 1, &is_null)),
							 .monitor_id = DatumGetInt32(sql_value(0, 2, &is_null)),
							 .is_initial = DatumGetBool(sql_value(0, 3, &is_null)),
							 .since = DatumGetTimestampTz(sql_value(0, 4, &is_null)),
							 .until = DatumGetTimestampTz(sql_value(0, 5, &is_null)),
							 .heals = DatumGetBool(sql_value(0, 7, &is_null))};
		old_size = sql_value(0, 6, &is_null);
		build->has_old_size = !is_null;
		if (!is_null)
			build->old_size = *DatumGetIntervalP(old_size);
	}
	sql_end(&scope);
	CommitTransactionCommand();
	return found;
}

static void
plan_build(const Unplanned *build)
{
	CapturedMonitor *monitor;
	BuildPlan	plan = {0};
	MemoryContext old;

	begin_transaction();
	monitor = load_monitor(build->monitor_id);
	old = MemoryContextSwitchTo(builder_context);
	if (monitor != NULL && build->is_initial && !monitor->backfill)
	{
		/* Nothing is read: the cut alone counts. */
		plan = (BuildPlan){.n_slices = 1, .method = "without backfill"};
		plan.bounds = palloc(sizeof(TimestampTz) * 2);
		plan.bounds[0] = build->since;
		plan.bounds[1] = build->until;
		plan.slice_rows = palloc0(sizeof(int64));
	}
	else if (monitor != NULL)
	{
		TimestampTz since = level_start(monitor, build->since);
		int			guc_level = limit_lock_waits();

		PushActiveSnapshot(GetTransactionSnapshot());
		build_plan(monitor, build->has_old_size ? &build->old_size : NULL, build->heals ? Max(since, monitor->begins) : since,
				   level_ceiling(monitor, build->until), &plan);
		PopActiveSnapshot();
		AtEOXact_GUC(true, guc_level);
	}
	if (monitor != NULL)
		store_plan(build->build_id, &plan);
	MemoryContextSwitchTo(old);
	CommitTransactionCommand();
}

/* False when there is none to plan. */
static bool
plan_next_build(void)
{
	Unplanned	build;

	if (!find_unplanned(&build))
		return false;
	FAULT(FAULT_PLAN);
	pgstat_report_activity(STATE_RUNNING, "planning a build");
	PG_TRY();
	{
		plan_build(&build);
	}
	PG_CATCH();
	{
		if (is_passing(geterrcode()))
			give_up();
		else
			fail_build(build.build_id);
	}
	PG_END_TRY();
	MemoryContextReset(builder_context);
	worker_wake();
	return true;
}

/* ---- obtaining a slice ---- */

/* True when a slice of a build that is planned waits for somebody to read it. */
static bool
slices_wait(void)
{
	SqlScope	scope;
	bool		is_null;
	bool		waiting;

	begin_transaction();
	sql_begin(&scope);
	sql_execute("SELECT EXISTS (SELECT FROM weir.build b JOIN weir.monitor_state m USING (monitor_id) "
				"JOIN weir.build_slice s USING (build_id) WHERE" BUILD_MAY_BEGIN "AND b.state = 'reading' "
				"AND s.state = 'requested')",
				0, NULL, NULL, NULL);
	waiting = DatumGetBool(sql_value(0, 1, &is_null));
	sql_end(&scope);
	CommitTransactionCommand();
	return waiting;
}

/* Takes back a wish that was not granted. False when it was granted at the last moment. */
static bool
withdraw(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	BuilderStatus *place = &status->builders[builder_place];
	bool		withdrawn = place->rendezvous != RENDEZVOUS_OFFERED;

	if (withdrawn)
		place->rendezvous = RENDEZVOUS_NONE;
	status_unlock();
	return withdrawn;
}

/* Waits for capture to offer a slice; false when it does not, no slice waits any more, or a build has to be planned. */
static bool
obtain_slice(BuilderStatus *offered)
{
	Unplanned	unplanned;
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CUT_WAIT_MS);
	TimestampTz next_look = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_AGAIN_MS);
	CaptureStatus *status = status_lock(MyDatabaseId);
	BuilderStatus *place = &status->builders[builder_place];

	place->rendezvous = RENDEZVOUS_WANTED;
	place->build = 0;
	if (status->capture_latch != NULL)
		SetLatch(status->capture_latch);
	status_unlock();
	for (;;)
	{
		TimestampTz now;
		bool		found;

		worker_wait(100);
		(void) status_lock(MyDatabaseId);
		found = place->rendezvous == RENDEZVOUS_OFFERED;
		/* Capture gave up waiting for an answer: asked for once more. */
		if (place->rendezvous == RENDEZVOUS_NONE)
			place->rendezvous = RENDEZVOUS_WANTED;
		*offered = *place;
		status_unlock();
		if (found)
			return true;
		now = GetCurrentTimestamp();
		if (now < next_look)
			continue;
		next_look = TimestampTzPlusMilliseconds(now, LOOK_AGAIN_MS);
		/* The slices that wait may be of a monitor that somebody has locked. */
		if ((now >= end || !slices_wait() || find_unplanned(&unplanned)) && withdraw())
			return false;
	}
}

static void
take_cut(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	status->builders[builder_place].rendezvous = RENDEZVOUS_TAKEN;
	if (status->capture_latch != NULL)
		SetLatch(status->capture_latch);
	status_unlock();
}

static void
give_back(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	BuilderStatus *place = &status->builders[builder_place];

	place->rendezvous = RENDEZVOUS_NONE;
	place->build = place->slice = place->generation = 0;
	place->rows_read = 0;
	status_unlock();
	worker_wake();
}

/* ---- one slice ---- */

typedef struct SliceFacts
{
	int			monitor_id;
	bool		reads;			/* not an initial build without backfill */
	bool		of_columns;		/* not of all of them */
	bool		by_index;		/* one of several: the plan knows that an index serves */
	TimestampTz since;
	TimestampTz until;
} SliceFacts;

static bool
find_slice(const BuilderStatus *offered, SliceFacts *facts)
{
	SqlScope	scope;
	Oid			types[] = {INT4OID, INT4OID};
	Datum		values[] = {Int32GetDatum(offered->build), Int32GetDatum(offered->slice)};
	bool		is_null;
	bool		found;

	sql_begin(&scope);
	found = sql_execute("SELECT b.monitor_id, b.kind <> 'build' OR m.backfill, s.since, s.until, "
						"EXISTS (SELECT FROM weir.build_slice o WHERE o.build_id = $1 AND o.slice <> $2), b.kind = 'columns' "
						"FROM weir.build b JOIN weir.build_slice s USING (build_id) JOIN weir.monitor m USING (monitor_id) "
						"WHERE b.build_id = $1 AND s.slice = $2",
						2, types, values, NULL) > 0;
	if (found)
		*facts = (SliceFacts){.monitor_id = DatumGetInt32(sql_value(0, 1, &is_null)),
							  .reads = DatumGetBool(sql_value(0, 2, &is_null)),
							  .since = DatumGetTimestampTz(sql_value(0, 3, &is_null)),
							  .until = DatumGetTimestampTz(sql_value(0, 4, &is_null)),
							  .by_index = DatumGetBool(sql_value(0, 5, &is_null)),
							  .of_columns = DatumGetBool(sql_value(0, 6, &is_null))};
	sql_end(&scope);
	return found;
}

/*
 * Writes the panes and tells the outcome, unless capture has given the slice up meanwhile (its generation is another one then):
 * that leaves nothing behind.
 */
static void
report_read(const BuilderStatus *offered, int64 n_rows, int64 segment_limit)
{
	SqlScope	scope;
	Oid			types[] = {INT4OID, INT4OID, INT4OID, INT8OID, INT8OID};
	Datum		values[] = {Int32GetDatum(offered->build), Int32GetDatum(offered->slice), Int32GetDatum(offered->generation),
					  Int64GetDatum(n_rows), Int64GetDatum(segment_limit)};
	int			present = 0;
	bool		is_null;

	begin_transaction();
	sql_begin(&scope);
	/* Waits for capture to commit the cut: so the generation is not part of the condition, by which the row is found before that.
	 */
	if (sql_execute("SELECT generation FROM weir.build_slice WHERE build_id = $1 AND slice = $2 FOR UPDATE", 2, types, values,
					NULL) > 0)
		present = DatumGetInt32(sql_value(0, 1, &is_null));
	if (present == offered->generation)
	{
		build_write_panes();
		sql_execute("UPDATE weir.build_slice SET state = 'read', rows_read = $4, segment_limit = $5 "
					"WHERE build_id = $1 AND slice = $2",
					5, types, values, NULL);
	}
	else
	{
		pane_reset();
		sql_execute("DELETE FROM weir.pane WHERE generation = $3", 3, types, values, NULL);
	}
	sql_end(&scope);
	FAULT(FAULT_SLICE_WRITTEN);
	CommitTransactionCommand();
	FAULT(FAULT_SLICE_COMMITTED);
}

/* Reading again because of DDL is nobody's failure. */
static void
forgive_attempt(const BuilderStatus *offered)
{
	SqlScope	scope;
	Oid			types[] = {INT4OID, INT4OID, INT4OID};
	Datum		values[] = {Int32GetDatum(offered->build), Int32GetDatum(offered->slice), Int32GetDatum(offered->generation)};

	begin_transaction();
	sql_begin(&scope);
	/* Waits for capture to commit the cut, as above. */
	if (sql_execute("SELECT FROM weir.build_slice WHERE build_id = $1 AND slice = $2 FOR UPDATE", 2, types, values, NULL) > 0)
		sql_execute("UPDATE weir.build_slice SET attempt = attempt - 1 WHERE build_id = $1 AND slice = $2 AND generation = $3", 3,
					types, values, NULL);
	sql_end(&scope);
	CommitTransactionCommand();
}

static Bitmapset *
columns_to_build(CapturedMonitor *monitor, int build)
{
	SqlScope	scope;
	MemoryContext caller = CurrentMemoryContext;
	Bitmapset  *columns;
	MemoryContext old;

	sql_begin(&scope);
	columns = build_columns(monitor, build);
	old = MemoryContextSwitchTo(caller);
	columns = bms_copy(columns);
	MemoryContextSwitchTo(old);
	sql_end(&scope);
	return columns;
}

static void
run_slice(const BuilderStatus *offered)
{
	volatile int64 n_rows = 0;
	volatile bool taken = false;
	volatile bool gave_way = false;

	pgstat_report_activity(STATE_RUNNING, "reading the source of a monitor");
	PG_TRY();
	{
		SliceFacts	facts;
		CapturedMonitor *monitor = NULL;

		begin_transaction();
		XactIsoLevel = XACT_REPEATABLE_READ;
		ImportSnapshot(offered->snapshot);
		take_cut();
		taken = true;
		/* Under the cut: capture has made sure that it folds by the same definition. */
		if (find_slice(offered, &facts))
			monitor = load_monitor(facts.monitor_id);
		if (monitor != NULL && facts.reads)
		{
			int			guc_level = limit_lock_waits();

			PushActiveSnapshot(GetTransactionSnapshot());
			n_rows = build_read_source(monitor, facts.of_columns ? columns_to_build(monitor, offered->build) : NULL,
									   offered->generation, facts.since, facts.until, facts.by_index);
			PopActiveSnapshot();
			AtEOXact_GUC(true, guc_level);
		}
		CommitTransactionCommand();
		FAULT(FAULT_SLICE_READ);
		report_read(offered, n_rows, monitor != NULL ? monitor->segment_limit : SEGMENT_KEEP_ALL);
	}
	PG_CATCH();
	{
		/* What is not over for good is read again: capture sees that nobody is at the slice. */
		if (taken && !is_passing(geterrcode()))
			fail_build(offered->build);
		else
		{
			/* Or capture has withdrawn the snapshot: it will offer another. */
			gave_way = taken;
			give_up();
		}
	}
	PG_END_TRY();
	if (gave_way)
		forgive_attempt(offered);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}

void
builder_main(int64 argument)
{
	BuilderStatus offered;

	builder_context = AllocSetContextCreate(TopMemoryContext, "weir builder", ALLOCSET_DEFAULT_SIZES);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	pane_init(TopMemoryContext);
	SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
	priority_lower();
	if (!enter())
		return;
	for (int idle = 0; idle < IDLE_LOOKS;)
	{
		if (plan_next_build())
			idle = IDLE_LOOKS - 1;
		else if (slices_wait() && obtain_slice(&offered))
		{
			run_slice(&offered);
			give_back();
			MemoryContextReset(builder_context);
			idle = IDLE_LOOKS - 1;
		}
		else if (++idle < IDLE_LOOKS)
			/* What is requested waits for somebody: the next builder would find no more. */
			worker_wait(IDLE_MS);
	}
}
