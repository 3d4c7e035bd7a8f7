/*
 * node_merge.c
 *		Monitors that put the panes of nodes together, the triggers by which these arrive, and how a node is forgotten.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/compat.h"
#include "base/sql.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/boundary.h"
#include "monitor/node.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(weir_node_changed);
PG_FUNCTION_INFO_V1(weir_node_pane_changed);
PG_FUNCTION_INFO_V1(weir_forget_node);

#define NODE_COLUMN "node"

/* ---- definitions ---- */

bool
merges_nodes(const MonitorDefinition *definition)
{
	return option_text(definition->options, "nodes") != NULL;
}

pg_noreturn static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

static bool
has_option(const MonitorDefinition *definition, const char *name)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(&definition->options->root, name, strlen(name), &value) != NULL;
}

static bool
has_node_segment(const MonitorDefinition *definition)
{
	ListCell   *cell;

	foreach(cell, definition->segment_by)
		if (strcmp(lfirst(cell), NODE_COLUMN) == 0)
			return true;
	return false;
}

static Oid
node_panes(void)
{
	return get_relname_relid("node_pane", get_namespace_oid("weir", false));
}

void
check_nodes(const MonitorDefinition *definition)
{
	static const char *const of_tables[] = {"roll_up", "max_groups", "detectors", "insert_only"};

	if (!merges_nodes(definition))
	{
		if (has_option(definition, "silent_after"))
			refuse("option silent_after is of monitors that put nodes together",
				   "Give option nodes, too: options => '{\"nodes\": \"the monitor there\"}'.");
		return;
	}
	/* Whose panes they are, the name says: who may read them all may have any of them. */
	if (pg_class_aclcheck(node_panes(), GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for the panes of nodes"),
				 errhint("An administrator may GRANT SELECT ON weir.node_pane.")));
	if (!has_node_segment(definition))
		refuse("a monitor with option nodes is not segmented by node",
			   "Its table needs a column node, of type text, and segment_by must have it: segment_by => '{node}'.");
	for (int i = 0; i < lengthof(of_tables); i++)
		if (has_option(definition, of_tables[i]))
			refuse(psprintf("option %s does not go with option nodes", of_tables[i]), "Give it to the monitors at the nodes.");
	if (definition->filter != NULL)
		refuse("a filter does not go with option nodes", "Give it to the monitors at the nodes.");
	if (definition->retention != NULL)
		refuse("retention does not go with option nodes", "What nodes give up goes here, too: give it to the monitors there.");
}

List *
columns_of_nodes(List *columns)
{
	ListCell   *cell;

	foreach(cell, columns)
		if (strcmp(((MonitorColumn *) lfirst(cell))->name, NODE_COLUMN) == 0)
			columns = foreach_delete_current(columns, cell);
	return columns;
}

/* ---- merging ---- */

#define MERGE "SELECT weir._merge_node($1, $2)"
#define MERGED \
	"SELECT m.monitor_id, $2 FROM weir.monitor m LEFT JOIN weir.node_merge g ON g.monitor_id = m.monitor_id AND g.node = $2 " \
	"WHERE m.options ->> 'nodes' = $1"
#define CHECK_LEVELS "SELECT weir._check_node_levels($1, $2)"

typedef struct Merging
{
	const char *statement;
	Datum		monitor_id;
	Datum		node;
} Merging;

static void
merge_unsafely(void *argument)
{
	Merging	   *merging = argument;

	sql_execute(merging->statement, 2, (Oid[]){INT4OID, TEXTOID}, (Datum[]){merging->monitor_id, merging->node}, NULL);
}

/*
 * What a node tells of itself may be anything.  An error here would be raised again and again, and hold up all that its
 * subscription brings: the node is refused instead.
 */
static void
merge_nodes(const char *statement, const char *which, int n_parameters, const Oid *types, const Datum *values)
{
	uint64		n = sql_execute(which, n_parameters, types, values, NULL);
	SPITupleTable *table = SPI_tuptable;

	for (uint64 row = 0; row < n; row++)
	{
		bool		is_null;
		Merging		merging = {statement, SPI_getbinval(table->vals[row], table->tupdesc, 1, &is_null),
						   SPI_getbinval(table->vals[row], table->tupdesc, 2, &is_null)};
		ErrorData  *error = run_behind_boundary(merge_unsafely, &merging);

		if (error == NULL)
			continue;
		if (!error_is_lasting(error->sqlerrcode))
			ReThrowError(error);
		sql_execute("SELECT weir._refuse_node($1, $2, $3)", 3, (Oid[]){INT4OID, TEXTOID, TEXTOID},
					(Datum[]){merging.monitor_id, merging.node,
							  CStringGetTextDatum(psprintf("what it tells of itself cannot be read: %s", error->message))},
					NULL);
	}
}

void
merge_anew(int monitor_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	/* What arrives meanwhile waits: it is either seen below, or comes after the monitor is there. */
	sql_execute("LOCK TABLE weir.node, weir.node_pane IN SHARE ROW EXCLUSIVE MODE", 0, NULL, NULL, NULL);
	sql_execute("SELECT weir._forget_node(monitor_id, node) FROM weir.node_merge WHERE monitor_id = $1", 1, &type, &value, NULL);
	sql_execute("DELETE FROM weir.pane_level WHERE monitor_id = $1", 1, &type, &value, NULL);
	merge_nodes(MERGE,
				"SELECT m.monitor_id, n.node FROM weir.monitor m JOIN weir.node n ON n.monitor = m.options ->> 'nodes' "
				"WHERE m.monitor_id = $1",
				1, &type, &value);
	sql_execute("SELECT weir._take_node_levels(options ->> 'nodes') FROM weir.monitor WHERE monitor_id = $1", 1, &type, &value,
				NULL);
}

void
start_merging(int monitor_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	sql_execute("INSERT INTO weir.monitor_state (monitor_id, state) VALUES ($1, 'active')", 1, &type, &value, NULL);
	merge_anew(monitor_id);
}

void
drop_orphaned_node_panes(int monitor_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	sql_execute("DELETE FROM weir.pane WHERE monitor_id = $1 AND NOT EXISTS (SELECT FROM weir._captured_monitor)", 1, &type, &value,
				NULL);
	sql_execute("DELETE FROM weir.pane_level WHERE monitor_id = $1 AND NOT EXISTS (SELECT FROM weir._captured_monitor)", 1, &type,
				&value, NULL);
}

/* ---- SQL ---- */

Datum
weir_forget_node(PG_FUNCTION_ARGS)
{
	/* What this database publishes itself is not of others. */
	static const char *const deletions[] =
		{"DELETE FROM weir.node_pane p WHERE p.node = $1 AND NOT EXISTS (SELECT FROM weir.pane_publication u WHERE u.node = $1 AND "
		 "u.monitor = p.monitor)",
		 "DELETE FROM weir.node n WHERE n.node = $1 AND NOT EXISTS (SELECT FROM weir.pane_publication u WHERE u.node = $1 AND "
		 "u.monitor = n.monitor)"};
	char	   *node = required_name(fcinfo, 0, "node", "node");
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(node);
	uint64		n = 0;
	SqlScope	scope;

	if (pg_class_aclcheck(node_panes(), GetUserId(), ACL_DELETE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for the panes of nodes"),
				 errhint("An administrator may GRANT DELETE ON weir.node_pane.")));
	sql_begin(&scope);
	for (int i = 0; i < lengthof(deletions); i++)
		n += sql_execute(deletions[i], 1, &type, &value, NULL);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("no node \"%s\" publishes panes to this database", node),
				 errhint("SELECT node FROM weir.nodes lists those that do.")));
	audit_write("forget", "node", node);
	sql_end(&scope);
	PG_RETURN_VOID();
}

/* ---- triggers ---- */

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("this function is of triggers of weir's own tables")));
	return trigger;
}

static Datum
field(const TriggerData *trigger, HeapTuple row, const char *name, bool *is_null)
{
	TupleDesc	shape = RelationGetDescr(trigger->tg_relation);

	return SPI_getbinval(row, shape, SPI_fnumber(shape, name), is_null);
}

#define LOCK_OF_NODE(node) "'weir.node'::pg_catalog.regclass::oid::int, pg_catalog.hashtext($1 || ' ' || " node ")"

/* What a node tells of a monitor, and its panes, may arrive in two transactions at once: whoever comes second sees the other's. */
static void
be_alone_for(const Datum *monitor_and_node)
{
	static const Oid types[] = {TEXTOID, TEXTOID};

	sql_execute("SELECT pg_catalog.pg_advisory_xact_lock(" LOCK_OF_NODE("$2") ")", 2, types, monitor_and_node, NULL);
}

static bool
is_same(const TriggerData *trigger, const char *name)
{
	bool		is_null;

	return DatumGetBool(DirectFunctionCall2(jsonb_eq, field(trigger, trigger->tg_trigtuple, name, &is_null),
											field(trigger, trigger->tg_newtuple, name, &is_null)));
}

Datum
weir_node_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	bool		is_delete = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	bool		is_null;
	SqlScope	scope;
	Oid			types[] = {TEXTOID, TEXTOID};
	Datum		values[2];

	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && is_same(trigger, "definition") && is_same(trigger, "levels"))
		return PointerGetDatum(NULL);
	sql_begin(&scope);
	values[0] = field(trigger, trigger->tg_trigtuple, "monitor", &is_null);
	values[1] = field(trigger, trigger->tg_trigtuple, "node", &is_null);
	be_alone_for(values);
	if (is_delete)
	{
		sql_execute("SELECT weir._forget_node(g.monitor_id, g.node) FROM weir.node_merge g JOIN weir.monitor m USING (monitor_id) "
					"WHERE m.options ->> 'nodes' = $1 AND g.node = $2",
					2, types, values, NULL);
		sql_execute("DELETE FROM weir.node_origin WHERE monitor = $1 AND node = $2", 2, types, values, NULL);
		/* Others may have been refused for what differed from this one. Who is busy is not waited for, and looked at with its
		 * panes. */
		merge_nodes(MERGE,
					"SELECT g.monitor_id, g.node FROM weir.node_merge g JOIN weir.monitor m USING (monitor_id) "
					"WHERE m.options ->> 'nodes' = $1 AND CASE WHEN g.is_refused_by_panes THEN "
					"pg_catalog.pg_try_advisory_xact_lock(" LOCK_OF_NODE("g.node") ") END",
					1, types, values);
	}
	else
	{
		bool		is_only_levels = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && is_same(trigger, "definition");

		if (is_only_levels)
			merge_nodes(CHECK_LEVELS, MERGED " AND g.refused IS NULL", 2, types, values);
		merge_nodes(MERGE, is_only_levels ? MERGED " AND g.refused IS NOT NULL" : MERGED, 2, types, values);
	}
	sql_execute("SELECT weir._take_node_levels($1)", 1, types, values, NULL);
	sql_end(&scope);
	return PointerGetDatum(NULL);
}

Datum
weir_node_pane_changed(PG_FUNCTION_ARGS)
{
	static const char *const key[] = {"monitor", "node", "pane_start", "segment"};
	TriggerData *trigger = trigger_data(fcinfo);
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	Oid			types[] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID};
	Datum		values[lengthof(key)];
	bool		is_null;
	SqlScope	scope;

	sql_begin(&scope);
	for (int i = 0; i < lengthof(key); i++)
		values[i] = field(trigger, row, key[i], &is_null);
	be_alone_for(values);
	/* Keys are never changed: a node deletes and inserts. */
	sql_execute(TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ? "SELECT weir._drop_node_pane($1, $2, $3, $4)"
														   : "SELECT weir._take_node_pane($1, $2, $3, $4)",
				lengthof(key), types, values, NULL);
	if (DatumGetBool(sql_value(0, 1, &is_null)))
	{
		merge_nodes(MERGE,
					MERGED " AND g.is_refused_by_panes AND NOT EXISTS (SELECT FROM weir.refused_pane r WHERE r.monitor_id = "
						   "g.monitor_id AND r.node = g.node)",
					2, types, values);
		sql_execute("SELECT weir._take_node_levels($1)", 1, types, values, NULL);
	}
	sql_end(&scope);
	return PointerGetDatum(NULL);
}
