/*
 * builder.c
 *		The worker that reads sources: the panes of a range under one snapshot.
 *
 * It asks capture for a cut, imports the snapshot that capture exported at its present position, and computes the panes with the
 *same aggregates that anybody may use, as the source's owner.  Capture goes on meanwhile and keeps apart what the cut does not see.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/capture.h"
#include "capture/pane_table.h"
#include "capture/status.h"
#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "worker/worker.h"

#define CUT_WAIT_MS 60000

static void
append_column(StringInfo query, const char *function, const CapturedColumn *column)
{
	appendStringInfo(query, "%s(%s)", function, quote_identifier(NameStr(column->name)));
}

/* As capture reads outcomes: what is neither 0 nor 1 is unknown. */
static void
append_outcome(StringInfo query, CapturedMonitor *monitor, const CapturedColumn *column)
{
	if (column == NULL)
		appendStringInfoString(query, "NULL::pg_catalog.bool, ");
	else
		appendStringInfo(query, "weir._outcome(%s, %s), ", monitor->positive ? quote_literal_cstr(monitor->positive) : "NULL",
						 quote_identifier(NameStr(column->name)));
}

/* By name, for the kind that the monitor says may not be the one that the type has by itself. */
static const char *
aggregate_of_kind(SummaryKind kind)
{
	return kind == SUMMARY_NUMERIC ? "weir.summarize_numeric"
		: kind == SUMMARY_CATEGORY ? "weir.summarize_category"
								   : "weir.summarize";
}

/* The panes of the source between $1 and $2, one row each. */
static char *
build_query(CapturedMonitor *monitor)
{
	StringInfoData query;
	const char *time = quote_identifier(NameStr(monitor->time.name));
	const char *format = monitor->time_type == TIMESTAMPTZOID ? "%s"
		: monitor->time_type == TIMESTAMPOID                  ? "pg_catalog.timezone('UTC', %s)"
															  : "pg_catalog.timezone('UTC', %s::pg_catalog.timestamp)";
	const char *bound = monitor->time_type == TIMESTAMPTZOID ? "%s %s $%d" : "%s %s pg_catalog.timezone('UTC', $%d)";

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT weir.tumble(");
	appendStringInfo(&query, format, time);
	appendStringInfo(&query, ", %s::pg_catalog.interval, NULL, %s), ARRAY[", quote_literal_cstr(monitor->pane_size),
					 monitor->time_zone ? quote_literal_cstr(monitor->time_zone) : "NULL");
	for (int i = 0; i < monitor->n_segments; i++)
	{
		appendStringInfoString(&query, i > 0 ? ", " : "");
		append_column(&query, "weir._category_text", &monitor->segments[i]);
	}
	appendStringInfoString(&query, "]::pg_catalog.text[], pg_catalog.count(*), ");
	if (monitor->has_label)
		append_column(&query, "pg_catalog.count", &monitor->label_column);
	else
		appendStringInfoString(&query, "0::pg_catalog.int8");
	appendStringInfoString(&query, ", ARRAY[");
	for (int i = 0; i < monitor->n_columns; i++)
	{
		appendStringInfoString(&query, i > 0 ? ", " : "");
		append_column(&query, aggregate_of_kind(monitor->columns[i].reader.kind), &monitor->columns[i]);
	}
	appendStringInfoString(&query, "]::weir.summary[], ARRAY[");
	for (int i = 0; i < monitor->n_protected; i++)
	{
		appendStringInfoString(&query, i > 0 ? ", weir.fairness(" : "weir.fairness(");
		append_outcome(&query, monitor, monitor->has_label ? &monitor->label_column : NULL);
		append_outcome(&query, monitor, &monitor->prediction_column);
		appendStringInfo(&query, "%s)", quote_identifier(NameStr(monitor->protected_columns[i].name)));
	}
	appendStringInfo(&query, "]::weir.fairness_table[] FROM %s WHERE pg_catalog.isfinite(%s) AND ",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(monitor->source)),
												get_rel_name(monitor->source)),
					 time);
	appendStringInfo(&query, bound, time, ">=", 1);
	appendStringInfoString(&query, " AND ");
	appendStringInfo(&query, bound, time, "<", 2);
	/* Dates reach further than times do. */
	if (monitor->time_type == DATEOID)
		appendStringInfo(&query, " AND %s < '294276-12-31'::pg_catalog.date", time);
	if (monitor->filter != NULL)
		appendStringInfo(&query, " AND (%s)",
						 deparse_expression(capture_parse_filter(monitor->source, monitor->filter),
											deparse_context_for(get_rel_name(monitor->source), monitor->source), false, false));
	appendStringInfoString(&query, " GROUP BY 1, 2");
	return query.data;
}

/*
 * Runs the query as the owner of the source, who may have changed since; in parallel where the planner likes it, so nothing may be
 * written meanwhile.  Rows that row-level security would hide even from its owner are an error: capture sees them.
 */
static void
run_query(CapturedMonitor *monitor, ActiveBuild *build, Tuplestorestate *rows)
{
	DestReceiver *receiver = CreateDestReceiver(DestTuplestore);
	SPIExecuteOptions options = {.read_only = true, .dest = receiver};
	ParamListInfo parameters = makeParamList(2);
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	SPIPlanPtr	plan;
	SqlScope	scope;

	SetTuplestoreDestReceiverParams(receiver, rows, CurrentMemoryContext, false, NULL, NULL);
	for (int i = 0; i < 2; i++)
		parameters->params[i] =
			(ParamExternData){.value = TimestampTzGetDatum(i == 0 ? Max(build->since, monitor->expired_before) : build->until),
							  .pflags = PARAM_FLAG_CONST,
							  .ptype = TIMESTAMPTZOID};
	options.params = parameters;
	sql_begin_as(&scope, relation_owner(monitor->source));
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	plan = SPI_prepare_cursor(build_query(monitor), 2, types, CURSOR_OPT_PARALLEL_OK);
	if (plan == NULL)
		elog(ERROR, "could not prepare the reading of a source: %s", SPI_result_code_string(SPI_result));
	if (SPI_execute_plan_extended(plan, &options) < 0)
		elog(ERROR, "could not read a source: %s", SPI_result_code_string(SPI_result));
	sql_end(&scope);
	receiver->rDestroy(receiver);
}

static int64
write_panes(CapturedMonitor *monitor, ActiveBuild *build, Tuplestorestate *rows, TupleDesc shape)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(shape, &TTSOpsMinimalTuple);
	int64		n_rows = 0;
	SqlScope	scope;

	sql_begin(&scope);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		PaneRow		row = {.monitor_id = monitor->monitor_id, .generation = build->build_id, .part = 'b'};

		slot_getallattrs(slot);
		row.start = DatumGetTimestampTz(slot->tts_values[0]);
		row.segment = slot->tts_values[1];
		row.n = DatumGetInt64(slot->tts_values[2]);
		row.n_labelled = DatumGetInt64(slot->tts_values[3]);
		row.summaries = slot->tts_values[4];
		row.fairness = slot->tts_values[5];
		n_rows += row.n;
		pane_table_write(&row);
		CHECK_FOR_INTERRUPTS();
	}
	sql_end(&scope);
	ExecDropSingleTupleTableSlot(slot);
	return n_rows;
}

/* Within the transaction that imported the cut. */
static int64
read_source(CapturedMonitor *monitor, ActiveBuild *build)
{
	Tuplestorestate *rows;
	TupleDesc	shape;
	int64		n_rows;

	if (build->kind == BUILD_INITIAL && !monitor->backfill)
		return 0;
	rows = tuplestore_begin_heap(false, false, work_mem);
	PushActiveSnapshot(GetTransactionSnapshot());
	run_query(monitor, build, rows);
	PopActiveSnapshot();

	shape = CreateTemplateTupleDesc(6);
	TupleDescInitEntry(shape, 1, "pane_start", TIMESTAMPTZOID, -1, 0);
	TupleDescInitEntry(shape, 2, "segment", TEXTARRAYOID, -1, 0);
	TupleDescInitEntry(shape, 3, "n", INT8OID, -1, 0);
	TupleDescInitEntry(shape, 4, "n_labelled", INT8OID, -1, 0);
	TupleDescInitEntry(shape, 5, "summaries", get_array_type(extension_type("summary")), -1, 0);
	TupleDescInitEntry(shape, 6, "fairness", get_array_type(extension_type("fairness_table")), -1, 0);
	n_rows = write_panes(monitor, build, rows, shape);
	tuplestore_end(rows);
	return n_rows;
}

/* ---- asking for a cut ---- */

static void
leave(int code, Datum argument)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	if (status == NULL)
		return;
	if (status->builder_pid == MyProcPid)
	{
		status->builder_pid = 0;
		status->builder_latch = NULL;
		status->rendezvous = RENDEZVOUS_NONE;
	}
	status_unlock();
	worker_wake();
}

/* False when another builder is at work. */
static bool
enter(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	bool		entered;

	if (status == NULL)
		return false;
	entered = status->builder_pid == 0;
	if (entered)
	{
		status->builder_pid = MyProcPid;
		status->builder_latch = MyLatch;
	}
	status_unlock();
	if (entered)
		before_shmem_exit(leave, (Datum) 0);
	return entered;
}

/* Waits for capture's offer; copies the exported snapshot's name. False when capture does not answer. */
static bool
obtain_cut(int build_id, char *snapshot)
{
	TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CUT_WAIT_MS);
	CaptureStatus *status = status_lock(MyDatabaseId);
	bool		offered = false;

	status->rendezvous = RENDEZVOUS_WANTED;
	status->build_id = build_id;
	if (status->capture_latch != NULL)
		SetLatch(status->capture_latch);
	status_unlock();
	while (!offered && GetCurrentTimestamp() < end)
	{
		worker_wait(100);
		status = status_lock(MyDatabaseId);
		offered = status->rendezvous == RENDEZVOUS_OFFERED;
		if (offered)
			strlcpy(snapshot, status->snapshot, CAPTURE_SNAPSHOT_LENGTH);
		status_unlock();
	}
	return offered;
}

static void
take_cut(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	status->rendezvous = RENDEZVOUS_TAKEN;
	if (status->capture_latch != NULL)
		SetLatch(status->capture_latch);
	status_unlock();
}

/* ---- one build ---- */

/* Tells the outcome, unless capture has given the build up meanwhile (its cut is another one then): that leaves nothing behind. */
static void
report_read(int build_id, const char *cut, int64 n_rows)
{
	SqlScope	scope;
	Oid			types[] = {INT4OID, INT8OID};
	Datum		values[] = {Int32GetDatum(build_id), Int64GetDatum(n_rows)};
	char	   *present = NULL;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	sql_begin(&scope);
	/* Waits for capture to commit the cut. */
	if (sql_execute("SELECT cut::text FROM weir.build WHERE build_id = $1 AND state <> 'done' FOR UPDATE", 1, types, values, NULL) >
		0)
		present = sql_text(0, 1);
	if (present != NULL && strcmp(present, cut) == 0)
		sql_execute("UPDATE weir.build SET state = 'read', rows_read = $2 WHERE build_id = $1", 2, types, values, NULL);
	else
		sql_execute("DELETE FROM weir.pane WHERE generation = $1 AND part = 'b'", 1, types, values, NULL);
	sql_end(&scope);
	CommitTransactionCommand();
}

static void
report_failure(int build_id, const char *message)
{
	SqlScope	scope;
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[2];

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	values[0] = Int32GetDatum(build_id);
	values[1] = CStringGetTextDatum(message);
	sql_begin(&scope);
	sql_execute("DELETE FROM weir.pane WHERE generation = $1", 1, types, values, NULL);
	sql_execute(
		"UPDATE weir.build SET state = 'failed', error = $2, finished_at = pg_catalog.clock_timestamp() WHERE build_id = $1", 2,
		types, values, NULL);
	/* Without its history, or with a gap that could not be healed, a monitor does not go on as if nothing were missing. */
	sql_execute("UPDATE weir.monitor_state s SET state = 'disabled', reason = $2 FROM weir.build b "
				"WHERE b.build_id = $1 AND s.monitor_id = b.monitor_id AND "
				"(b.kind = 'build' OR b.kind = 'rebuild' AND b.since = '-infinity' AND b.until = 'infinity')",
				2, types, values, NULL);
	sql_execute("UPDATE weir.monitor_state s SET reason = 'the last rebuild failed: ' || $2 FROM weir.build b "
				"WHERE b.build_id = $1 AND b.kind = 'rebuild' AND s.monitor_id = b.monitor_id AND s.state <> 'disabled'",
				2, types, values, NULL);
	sql_end(&scope);
	CommitTransactionCommand();
}

static char *
present_cut(MemoryContext context)
{
	SqlScope	scope;
	char	   *cut;

	sql_begin(&scope);
	sql_execute("SELECT pg_catalog.pg_current_snapshot()::text", 0, NULL, NULL, NULL);
	cut = MemoryContextStrdup(context, sql_text(0, 1));
	sql_end(&scope);
	return cut;
}

/* False when capture gave no cut. */
static bool
run_build(CapturedMonitor *monitor, ActiveBuild *build, MemoryContext context)
{
	char		snapshot[CAPTURE_SNAPSHOT_LENGTH];
	char	   *cut = NULL;
	volatile int64 n_rows = 0;
	volatile bool taken = false;

	if (!obtain_cut(build->build_id, snapshot))
		return false;
	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		XactIsoLevel = XACT_REPEATABLE_READ;
		ImportSnapshot(snapshot);
		take_cut();
		taken = true;
		cut = present_cut(context);
		n_rows = read_source(monitor, build);
		CommitTransactionCommand();
		report_read(build->build_id, cut, n_rows);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		if (taken)
			report_failure(build->build_id, error->message);
	}
	PG_END_TRY();
	return true;
}

/* The first build that was requested, with its monitor; false when there is none. */
static bool
next_build(MemoryContext context, CapturedMonitor **monitor, ActiveBuild **build)
{
	SqlScope	scope;
	List	   *monitors;
	ListCell   *cell;
	bool		found = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	sql_begin(&scope);
	monitors = definition_load(context);
	definition_load_builds(monitors, context);
	sql_end(&scope);
	CommitTransactionCommand();
	foreach(cell, monitors)
	{
		ListCell   *build_cell;

		foreach(build_cell, ((CapturedMonitor *) lfirst(cell))->builds)
		{
			ActiveBuild *candidate = lfirst(build_cell);

			if (candidate->state == BUILD_REQUESTED && (!found || candidate->build_id < (*build)->build_id))
			{
				*monitor = lfirst(cell);
				*build = candidate;
				found = true;
			}
		}
	}
	return found;
}

void
builder_main(int64 argument)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "weir builder", ALLOCSET_DEFAULT_SIZES);
	CapturedMonitor *monitor;
	ActiveBuild *build;

	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	if (!enter())
		return;
	while (next_build(context, &monitor, &build))
	{
		pgstat_report_activity(STATE_RUNNING, "reading the source of a monitor");
		if (!run_build(monitor, build, context))
			break;
		pgstat_report_stat(true);
		worker_wake();
		MemoryContextReset(context);
	}
}
