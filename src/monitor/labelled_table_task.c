/*
 * labelled_table_task.c
 *		The worker that looks up changed keys and makes the rows of tables of predictions with their labels what they should be.
 *
 * A key is looked at once the transaction that changed it is visible, under a snapshot that is taken afterwards, and struck off in
 *the transaction that changes the table: whatever happens in between is noted again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "capture/fault.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "monitor/boundary.h"
#include "monitor/labelled_table.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define BATCH_KEYS "5000"
#define MOST_DIFFERENCES 100000
#define LOOK_AT_FILES_MS 10000
#define RETRY_MS 1000

#define IS_VISIBLE "pg_catalog.pg_visible_in_snapshot(c.xid, pg_catalog.pg_current_snapshot())"

/* ---- the task: starts the worker where there is work ---- */

/* What leaves no trace in the log: partitions that come and go, tables that are rewritten. And tables that are gone. Waits for
 * nobody. */
static void
look_at_files(void)
{
	sql_execute("DELETE FROM weir.label_join j WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = j.relation) "
				"AND join_id IN (SELECT join_id FROM weir.label_join_state FOR UPDATE SKIP LOCKED)",
				0, NULL, NULL, NULL);
	sql_execute(
		"WITH present AS (SELECT j.join_id, (WITH RECURSIVE tree(relation) AS (SELECT pg_catalog.unnest(ARRAY[j.predictions::oid, j.labels::oid]) "
		"UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.relation WHERE NOT i.inhdetachpending) "
		"SELECT pg_catalog.string_agg(t.relation || ':' || coalesce(pg_catalog.pg_relation_filenode(t.relation), 0), ',' ORDER BY t.relation) FROM tree t) AS files "
		"FROM weir.label_join j JOIN (SELECT join_id FROM weir.label_join_state FOR UPDATE SKIP LOCKED) l USING (join_id)), "
		"changed AS (UPDATE weir.label_join_state s SET files = p.files FROM present p WHERE p.join_id = s.join_id "
		"AND s.files IS DISTINCT FROM p.files RETURNING s.join_id) "
		"INSERT INTO weir.label_change (join_id, xid) SELECT join_id, pg_catalog.pg_current_xact_id() FROM changed",
		0, NULL, NULL, NULL);
}

void
labelled_table_task(void)
{
	static TimestampTz next_look = 0;
	static TimestampTz next_start = 0;
	static BackgroundWorkerHandle *handle = NULL;
	TimestampTz now = GetCurrentTimestamp();
	SqlScope	scope;
	bool		is_wanted;
	bool		is_null;
	pid_t		pid;
	MemoryContext old;

	sql_begin(&scope);
	if (now >= next_look)
		look_at_files();
	if (now >= next_look)
		next_look = TimestampTzPlusMilliseconds(now, LOOK_AT_FILES_MS);
	sql_execute("SELECT EXISTS (SELECT FROM weir.label_change c JOIN weir.label_join_state s USING (join_id) "
				"WHERE s.disabled_reason IS NULL AND " IS_VISIBLE ")",
				0, NULL, NULL, NULL);
	is_wanted = DatumGetBool(sql_value(0, 1, &is_null));
	sql_end(&scope);

	if (!is_wanted || now < next_start || (handle != NULL && GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED))
		return;
	if (handle != NULL)
		pfree(handle);
	handle = NULL;
	old = MemoryContextSwitchTo(TopMemoryContext);
	if (!worker_start_one_off("labels", InvalidOid, 0, &handle))
		handle = NULL;
	MemoryContextSwitchTo(old);
	next_start = TimestampTzPlusMilliseconds(now, RETRY_MS);
}

/* ---- the worker ---- */

typedef struct Batch
{
	LabelledTable table;
	Datum		changes;		/* bigint[]: what was noted */
	Jsonb	   *keys;			/* NULL: none */
	bool		has_everything;
} Batch;

/* One worker at a time, whoever started it.  Not by a lock of a row, which capture would meet. */
static bool
be_alone(void)
{
	bool		is_null;

	sql_execute("SELECT pg_catalog.pg_try_advisory_xact_lock('weir.label_join'::pg_catalog.regclass::oid::int, 0)", 0, NULL, NULL,
				NULL);
	return DatumGetBool(sql_value(0, 1, &is_null));
}

/* The first table with visible changes. False when there is none. */
static bool
find_batch(Batch *batch, MemoryContext context)
{
	Oid			type = INT4OID;
	Datum		id;
	bool		is_null;
	Datum		keys;
	MemoryContext old;

	if (sql_execute(
			"SELECT j.relation::oid FROM weir.label_join j JOIN weir.label_join_state s USING (join_id) "
			"WHERE s.disabled_reason IS NULL AND EXISTS (SELECT FROM weir.label_change c WHERE c.join_id = j.join_id AND " IS_VISIBLE
			") ORDER BY j.join_id LIMIT 1",
			0, NULL, NULL, NULL) == 0 ||
		!labelled_table_load(DatumGetObjectId(sql_value(0, 1, &is_null)), &batch->table, context))
		return false;
	id = Int32GetDatum(batch->table.join_id);
	sql_execute("SELECT pg_catalog.array_agg(c.change_id), pg_catalog.jsonb_agg(DISTINCT c.key) FILTER (WHERE c.key IS NOT NULL), "
				"pg_catalog.bool_or(c.key IS NULL) FROM (SELECT c.* FROM weir.label_change c WHERE c.join_id = $1 AND " IS_VISIBLE
				" ORDER BY c.change_id LIMIT " BATCH_KEYS ") c",
				1, &type, &id, NULL);
	batch->changes = sql_value(0, 1, &is_null);
	if (is_null)
		return false;
	old = MemoryContextSwitchTo(context);
	batch->changes = PointerGetDatum(DatumGetArrayTypePCopy(batch->changes));
	keys = sql_value(0, 2, &is_null);
	batch->keys = is_null ? NULL : DatumGetJsonbPCopy(keys);
	batch->has_everything = DatumGetBool(sql_value(0, 3, &is_null));
	MemoryContextSwitchTo(old);
	return true;
}

/* As the owner of the table; rows that row-level security hides from him are an error, and rows are looked up by index. */
static void
enter_as_owner(SqlScope *scope, const LabelledTable *table, bool by_key)
{
	labelled_table_check(table);
	sql_begin_as(scope, table->owner);
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (by_key)
		(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Notes the keys that differ; false when there may be more. */
static bool
note_differences(Batch *batch)
{
	MemoryContext context = CurrentMemoryContext;
	SqlScope	scope;
	Oid			types[] = {INT4OID, JSONBOID};
	Datum		values[2];
	bool		is_null;
	bool		is_all;
	Datum		keys;
	MemoryContext old;

	enter_as_owner(&scope, &batch->table, false);
	sql_execute(psprintf("SELECT pg_catalog.jsonb_agg(d.key), pg_catalog.count(*) < %d FROM (%s LIMIT %d) d", MOST_DIFFERENCES,
						 labelled_table_differences(&batch->table), MOST_DIFFERENCES),
				0, NULL, NULL, NULL);
	is_all = DatumGetBool(sql_value(0, 2, &is_null));
	keys = sql_value(0, 1, &is_null);
	old = MemoryContextSwitchTo(context);
	values[1] = is_null ? (Datum) 0 : JsonbPGetDatum(DatumGetJsonbPCopy(keys));
	MemoryContextSwitchTo(old);
	sql_end(&scope);
	values[0] = Int32GetDatum(batch->table.join_id);
	sql_begin(&scope);
	if (values[1] != (Datum) 0)
		sql_execute("INSERT INTO weir.label_change (join_id, key, xid) SELECT $1, e, pg_catalog.pg_current_xact_id() "
					"FROM pg_catalog.jsonb_array_elements($2) e",
					2, types, values, NULL);
	sql_end(&scope);
	return is_all;
}

static void
work_on(void *argument)
{
	Batch	   *batch = argument;
	SqlScope	scope;
	Oid			types[] = {INT8ARRAYOID, BOOLOID};
	Datum		values[2] = {batch->changes, BoolGetDatum(false)};

	if (batch->has_everything)
		values[1] = BoolGetDatum(!note_differences(batch));
	if (batch->keys != NULL)
	{
		Oid			type = JSONBOID;
		Datum		keys = JsonbPGetDatum(batch->keys);

		enter_as_owner(&scope, &batch->table, true);
		sql_execute(labelled_table_update(&batch->table), 1, &type, &keys, NULL);
		sql_end(&scope);
	}
	sql_begin(&scope);
	sql_execute("DELETE FROM weir.label_change WHERE change_id = ANY ($1) AND NOT ($2 AND key IS NULL)", 2, types, values, NULL);
	sql_end(&scope);
}

static void
disable(const LabelledTable *table, const ErrorData *error)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(table->join_id), CStringGetTextDatum(error->message)};
	SqlScope	scope;

	sql_begin(&scope);
	sql_execute("UPDATE weir.label_join_state SET disabled_reason = $2 WHERE join_id = $1", 2, types, values, NULL);
	sql_end(&scope);
}

/* One batch of one table. False when there is nothing to do, or not now. */
static bool
work_once(void)
{
	Batch		batch = {0};
	MemoryContext context;
	SqlScope	scope;
	bool		found;
	ErrorData  *error = NULL;
	bool		is_passing = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	context = CurrentMemoryContext;
	if (!extension_lock())
	{
		CommitTransactionCommand();
		return false;
	}
	sql_begin(&scope);
	found = be_alone() && find_batch(&batch, context);
	sql_end(&scope);
	if (found)
		error = run_behind_boundary(work_on, &batch);
	if (error != NULL)
	{
		is_passing = !error_is_lasting(error->sqlerrcode);
		ereport(LOG,
				(errmsg("weir could not keep table \"%s\" of predictions with their labels: %s",
						get_rel_name(batch.table.relation) ? get_rel_name(batch.table.relation) : "-",
						message_without_values(error))));
		if (!is_passing)
			disable(&batch.table, error);
	}
	if (found)
		FAULT(FAULT_LABELS_WRITTEN);
	CommitTransactionCommand();
	if (found)
		FAULT(FAULT_LABELS_COMMITTED);
	return found && !is_passing;
}

void
labelled_table_main(int64 argument)
{
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	pgstat_report_activity(STATE_RUNNING, "looking up predictions and their labels");
	while (work_once())
	{
		pgstat_report_stat(true);
		worker_wait(0);
	}
	pgstat_report_stat(true);
}
