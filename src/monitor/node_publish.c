/*
 * node_publish.c
 *		Publishing a monitor's panes as those of a node, and the task that keeps it what the panes are.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/boundary.h"
#include "monitor/monitor.h"
#include "monitor/node.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_publish_panes);
PG_FUNCTION_INFO_V1(weir_withdraw_panes);
PG_FUNCTION_INFO_V1(weir_withdrawn);

#define PERIOD_MS 1000
/* Comparing all panes takes at most this share of the scheduler's time. */
#define REST_FACTOR 20
/* Also after a look that took long because it waited for somebody. */
#define LONGEST_REST_MS 60000

/* ---- the task ---- */

/* The next monitor. Who holds its publication, to withdraw it for example, is not waited for: its turn comes at the next look. */
static bool
find_next(int *monitor_id)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(*monitor_id);
	bool		is_null;
	bool		found;
	SqlScope	scope;

	sql_begin(&scope);
	found = sql_execute("SELECT monitor_id FROM weir.pane_publication WHERE monitor_id > $1 ORDER BY monitor_id LIMIT 1 "
						"FOR KEY SHARE SKIP LOCKED",
						1, &type, &id, NULL) > 0;
	if (found)
		*monitor_id = DatumGetInt32(sql_value(0, 1, &is_null));
	sql_end(&scope);
	return found;
}

static void
publish_unsafely(void *argument)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(*(int *) argument);
	SqlScope	scope;

	sql_begin(&scope);
	sql_execute("SELECT weir._publish_panes($1)", 1, &type, &id, NULL);
	sql_end(&scope);
}

/* False when the extension is no more. */
static bool
begin_next_transaction(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	return extension_lock();
}

/* A transaction for each: who waits for one publication does not wait for all. Nor does an error stop the others; it is tried
 * again at each look, and told once in a while. */
static void
publish_task(void)
{
	static TimestampTz next = 0;
	static TimestampTz told_at = 0;
	TimestampTz begin = GetCurrentTimestamp();
	bool		tells = begin - told_at >= LONGEST_REST_MS * INT64CONST(1000);
	TimestampTz now;
	int			monitor_id = 0;

	if (begin < next)
		return;
	while (find_next(&monitor_id))
	{
		ErrorData  *error = run_behind_boundary(publish_unsafely, &monitor_id);

		if (error != NULL && tells)
		{
			ereport(LOG, (errmsg("weir could not publish panes of monitor %d: %s", monitor_id, message_without_values(error))));
			told_at = begin;
		}
		if (!begin_next_transaction())
			break;
	}
	now = GetCurrentTimestamp();
	next = now + Min(Max(PERIOD_MS * INT64CONST(1000), (now - begin) * REST_FACTOR), LONGEST_REST_MS * INT64CONST(1000));
}

void
node_publish_init(void)
{
	worker_register_task("publish panes", PERIOD_MS, publish_task);
}

/* ---- SQL ---- */

Datum
weir_publish_panes(PG_FUNCTION_ARGS)
{
	char	   *monitor = required_text(fcinfo, 0, "monitor");
	char	   *node = required_name(fcinfo, 1, "node", "node");
	int			monitor_id;
	SqlScope	scope;
	SqlParameters parameters = {0};

	require_argument(fcinfo, 2, "min_group_size");
	require_argument(fcinfo, 3, "exact_numbers");
	if (PG_GETARG_INT32(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_group_size must be at least 1"),
				 errdetail("It is %d.", PG_GETARG_INT32(2)), errhint("1 publishes every pane as it is.")));
	monitor_id = monitor_require_owner(monitor);
	sql_add(&parameters, INT4OID, Int32GetDatum(monitor_id), false);
	sql_add_text(&parameters, monitor);
	sql_add_text(&parameters, node);
	sql_add(&parameters, INT4OID, PG_GETARG_DATUM(2), false);
	sql_add_role(&parameters, GetUserId());
	sql_add(&parameters, BOOLOID, PG_GETARG_DATUM(3), false);
	sql_begin(&scope);
	if (sql_execute("SELECT FROM weir.monitor WHERE monitor_id = $1 AND options ? 'nodes'", 1, parameters.types, parameters.values,
					NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("monitor \"%s\" puts nodes together itself", monitor),
				 errhint("Publish the monitors at the nodes; several databases may subscribe to them.")));
	if (sql_execute("SELECT FROM weir.node_origin WHERE monitor = $1 AND node = $2", 2, parameters.types + 1, parameters.values + 1,
					NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("a subscription brings the panes of monitor \"%s\" from node \"%s\"", monitor, node),
				 errhint("Publish under another name, or SELECT weir.forget_node('%s') if it is no more.", node)));
	/* Under another name it would be another node. */
	sql_execute("DELETE FROM weir.pane_publication WHERE monitor_id = $1 AND node <> $2", 2, (Oid[]){INT4OID, TEXTOID},
				(Datum[]){parameters.values[0], parameters.values[2]}, NULL);
	sql_run("INSERT INTO weir.pane_publication (monitor_id, monitor, node, min_group_size, published_by, exact_numbers) "
			"VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (monitor_id) DO UPDATE SET min_group_size = excluded.min_group_size, "
			"published_by = excluded.published_by, exact_numbers = excluded.exact_numbers",
			&parameters);
	audit_write_row("publish", "monitor", monitor, "pane_publication", "monitor_id", monitor_id);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}

Datum
weir_withdraw_panes(PG_FUNCTION_ARGS)
{
	char	   *monitor = required_text(fcinfo, 0, "monitor");
	Oid			type = INT4OID;
	Datum		monitor_id = Int32GetDatum(monitor_require_owner(monitor));
	SqlScope	scope;

	sql_begin(&scope);
	if (sql_execute("DELETE FROM weir.pane_publication WHERE monitor_id = $1", 1, &type, &monitor_id, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the panes of monitor \"%s\" are not published", monitor),
				 errhint("SELECT monitor FROM weir.published_monitors lists those that are.")));
	audit_write("withdraw", "monitor", monitor);
	sql_end(&scope);
	PG_RETURN_VOID();
}

/* Whatever ended the publication: withdraw_panes, another name, or the monitor was dropped. */
Datum
weir_withdrawn(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	shape;
	Oid			types[] = {TEXTOID, TEXTOID, INT4OID};
	Datum		values[lengthof(types)];
	bool		is_null;
	SqlScope	scope;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_DELETE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("this function is of a trigger of weir's own tables")));
	shape = RelationGetDescr(trigger->tg_relation);
	sql_begin(&scope);
	values[0] = SPI_getbinval(trigger->tg_trigtuple, shape, SPI_fnumber(shape, "monitor"), &is_null);
	values[1] = SPI_getbinval(trigger->tg_trigtuple, shape, SPI_fnumber(shape, "node"), &is_null);
	sql_execute("DELETE FROM weir.node_pane WHERE monitor = $1 AND node = $2", 2, types, values, NULL);
	sql_execute("DELETE FROM weir.node WHERE monitor = $1 AND node = $2", 2, types, values, NULL);
	values[2] = SPI_getbinval(trigger->tg_trigtuple, shape, SPI_fnumber(shape, "monitor_id"), &is_null);
	sql_execute("DELETE FROM weir.published_pane WHERE monitor_id = $1", 1, types + 2, values + 2, NULL);
	sql_end(&scope);
	return PointerGetDatum(NULL);
}
