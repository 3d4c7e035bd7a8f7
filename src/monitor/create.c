/*
 * create.c
 *		create_monitor and drop_monitor.
 */
#include "postgres.h"

#include "access/relation.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/definition.h"
#include "monitor/monitor.h"
#include "monitor/node.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_create_monitor);
PG_FUNCTION_INFO_V1(weir_drop_monitor);

static char *
argument_name(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(number)));
}

static Datum
text_or_null(const char *text)
{
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* ---- create ---- */

static void
read_arguments(FunctionCallInfo fcinfo, MonitorDefinition *definition)
{
	static const struct
	{
		int			number;
		const char *name;
	} required[] = {{1, "source"},   {2, "time_column"}, {4, "kinds"},     {5, "segment_by"}, {6, "window_size"},
					{8, "lateness"}, {15, "protected"},  {18, "backfill"}, {20, "on_delete"}, {21, "options"}};

	definition->name = required_name(fcinfo, 0, "name", "monitor");
	for (int i = 0; i < lengthof(required); i++)
		require_argument(fcinfo, required[i].number, required[i].name);
	definition->source = PG_GETARG_OID(1);
	definition->owner = GetUserId();
	definition->time_column = argument_name(fcinfo, 2);
	definition->segment_by = text_array_list(PG_GETARG_ARRAYTYPE_P(5), "segment_by");
	definition->window_size = *PG_GETARG_INTERVAL_P(6);
	definition->slide = PG_ARGISNULL(7) ? definition->window_size : *PG_GETARG_INTERVAL_P(7);
	definition->lateness = *PG_GETARG_INTERVAL_P(8);
	definition->time_zone = argument_text(fcinfo, 9);
	definition->model = argument_text(fcinfo, 10);
	definition->prediction = argument_name(fcinfo, 11);
	definition->score = argument_name(fcinfo, 12);
	definition->label = argument_name(fcinfo, 13);
	definition->positive = argument_text(fcinfo, 14);
	definition->protected_columns = text_array_list(PG_GETARG_ARRAYTYPE_P(15), "protected");
	definition->metrics = PG_ARGISNULL(16) ? NULL : text_list_array(text_array_list(PG_GETARG_ARRAYTYPE_P(16), "metrics"));
	definition->filter = argument_text(fcinfo, 17);
	definition->backfill = PG_GETARG_BOOL(18);
	definition->retention = PG_ARGISNULL(19) ? NULL : PG_GETARG_INTERVAL_P(19);
	definition->on_delete = argument_text(fcinfo, 20);
	definition->options = PG_GETARG_JSONB_P(21);
}

static void
store_monitor(MonitorDefinition *definition)
{
	Oid			types[] = {
		TEXTOID,      OIDOID,       OIDOID,       TEXTOID,     INTERVALOID, INTERVALOID, INTERVALOID, INTERVALOID,
		TEXTOID,      TEXTARRAYOID, TEXTARRAYOID, TEXTOID,     TEXTOID,     TEXTOID,     TEXTOID,     TEXTOID,
		TEXTARRAYOID, TEXTOID,      BOOLOID,      INTERVALOID, TEXTOID,     JSONBOID,    INT4OID,
	};
	Datum		values[] = {CStringGetTextDatum(definition->name),
					  ObjectIdGetDatum(definition->source),
					  ObjectIdGetDatum(definition->owner),
					  CStringGetTextDatum(definition->time_column),
					  IntervalPGetDatum(&definition->window_size),
					  IntervalPGetDatum(&definition->slide),
					  IntervalPGetDatum(&definition->pane_size),
					  IntervalPGetDatum(&definition->lateness),
					  text_or_null(definition->time_zone),
					  PointerGetDatum(text_list_array(definition->segment_by)),
					  PointerGetDatum(text_list_array(definition->protected_columns)),
					  text_or_null(definition->model),
					  text_or_null(definition->prediction),
					  text_or_null(definition->score),
					  text_or_null(definition->label),
					  text_or_null(definition->positive),
					  PointerGetDatum(definition->metrics),
					  text_or_null(definition->filter),
					  BoolGetDatum(definition->backfill),
					  IntervalPGetDatum(definition->retention),
					  CStringGetTextDatum(definition->on_delete),
					  JsonbPGetDatum(definition->options),
					  Int32GetDatum(list_length(definition->columns))};
	char		nulls[lengthof(types) + 1] = {0};
	bool		is_null;

	for (int i = 0; i < lengthof(types); i++)
		nulls[i] = types[i] != BOOLOID && values[i] == (Datum) 0 ? 'n' : ' ';
	/* The constraint decides, so that two sessions cannot both pass. */
	if (sql_execute(
			"INSERT INTO weir.monitor (name, source, owner, time_column, window_size, slide, pane_size, lateness, time_zone, "
			"segment_by, protected, model, prediction, score, label, positive, metrics, filter, backfill, retention, on_delete, options, "
			"last_ordinal) "
			"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::name[], $11::name[], $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, "
			"$23) "
			"ON CONFLICT (name) DO NOTHING RETURNING monitor_id",
			lengthof(types), types, values, nulls) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("monitor \"%s\" already exists", definition->name),
				 errhint("Choose another name, or SELECT weir.drop_monitor(%s) first.", quote_literal_cstr(definition->name))));
	definition->monitor_id = DatumGetInt32(sql_value(0, 1, &is_null));
}

static void
store_columns(const MonitorDefinition *definition)
{
	Oid			types[] = {INT4OID, INT4OID, TEXTOID, OIDOID, TEXTOID};
	ListCell   *cell;

	foreach(cell, definition->columns)
	{
		MonitorColumn *column = lfirst(cell);
		Datum		values[] = {Int32GetDatum(definition->monitor_id), Int32GetDatum(foreach_current_index(cell) + 1),
						  CStringGetTextDatum(column->name), ObjectIdGetDatum(column->type),
						  CStringGetTextDatum(summary_kind_name(column->kind))};

		sql_execute("INSERT INTO weir.monitor_column (monitor_id, ordinal, column_name, data_type, kind, class)"
					" SELECT $1, $2, $3, $4, $5, weir.column_class(source, $3::name) FROM weir.monitor WHERE monitor_id = $1",
					lengthof(types), types, values, NULL);
	}
}

static void
start_monitor(int monitor_id)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	/* The numbers of the columns are those that they have now, whatever is renamed before capture looks. */
	sql_execute("INSERT INTO weir.monitor_state (monitor_id, attributes) SELECT $1, pg_catalog.jsonb_object_agg(attname, attnum) "
				"FROM weir.monitor m JOIN pg_catalog.pg_attribute a ON a.attrelid = m.source "
				"WHERE m.monitor_id = $1 AND attnum > 0 AND NOT attisdropped",
				1, &type, &value, NULL);
	sql_execute("INSERT INTO weir.build (monitor_id, kind) VALUES ($1, 'build')", 1, &type, &value, NULL);
}

Datum
weir_create_monitor(PG_FUNCTION_ARGS)
{
	MonitorDefinition definition = {0};
	List	   *wanted = PG_ARGISNULL(3) ? NIL : text_array_list(PG_GETARG_ARRAYTYPE_P(3), "columns");
	Relation	source;
	MonitorTask task;
	SqlScope	scope;
	Name		result = palloc0(NAMEDATALEN);

	read_arguments(fcinfo, &definition);
	check_words(&definition);
	check_options(definition.options);
	source = open_source(definition.source);
	check_source_columns(&definition, source);
	choose_columns(&definition, source, PG_ARGISNULL(3), wanted, PG_GETARG_JSONB_P(4));
	if (merges_nodes(&definition))
		definition.columns = columns_of_nodes(definition.columns);
	task = monitor_task(&definition, source);
	check_task_columns(&definition, source, task);
	check_sizes(&definition, false);
	check_nodes(&definition);

	sql_begin(&scope);
	check_sources(&definition, NULL);
	store_monitor(&definition);
	store_columns(&definition);
	store_derived_columns(&definition, task);
	if (merges_nodes(&definition))
		start_merging(definition.monitor_id);
	else
		start_monitor(definition.monitor_id);
	audit_write_row("create", "monitor", definition.name, "monitor", "monitor_id", definition.monitor_id);
	sql_end(&scope);
	check_detector_columns(definition.monitor_id);
	relation_close(source, NoLock);

	ereport(NOTICE,
			(errmsg("monitor \"%s\" summarizes %s", definition.name, describe_columns(definition.columns)),
			 errhint("Other kinds: kinds => '{\"column\": \"numeric\"}', \"category\" or \"ignore\".")));
	if (!merges_nodes(&definition))
		capture_report_setup(definition.monitor_id);
	worker_wake_at_commit();
	namestrcpy(result, definition.name);
	PG_RETURN_NAME(result);
}

/* ---- drop ---- */

Datum
weir_drop_monitor(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "monitor");
	Oid			type = INT4OID;
	Datum		monitor_id = Int32GetDatum(monitor_require_owner(name));
	SqlScope	scope;

	sql_begin(&scope);
	audit_write_row("drop", "monitor", name, "monitor", "monitor_id", DatumGetInt32(monitor_id));
	sql_execute("DELETE FROM weir.monitor WHERE monitor_id = $1", 1, &type, &monitor_id, NULL);
	drop_orphaned_node_panes(DatumGetInt32(monitor_id));
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}
