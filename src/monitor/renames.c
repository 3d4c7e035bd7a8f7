/*
 * renames.c
 *		What was taken down by names that columns and labels of enums no longer have: rules, their states, alerts, baselines.
 *
 * Capture follows what a definition says and notes what was renamed (weir.column_rename, weir.label_rename).  What follows here may
 *be locked by anybody, so it is the scheduler's.  Of labels it waits until the monitor's panes are built again: until then rules
 *would find some rows of a segment by its former name, and some by the new one.
 */
#include "postgres.h"

#include "base/sql.h"
#include "base/withhold.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "monitor/boundary.h"
#include "monitor/renames.h"
#include "monitor/rule.h"
#include "monitor/windows.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* ---- columns ---- */

/* A subject is a column, or "column: group". Two columns may change names with each other: so in two steps. */
static void
rename_subjects(const char *table, Datum monitor_id, Datum renames)
{
	Oid			types[] = {INT4OID, JSONBOID};
	Datum		values[] = {monitor_id, renames};

	sql_execute(
		psprintf(
			"UPDATE weir.%s t SET subject = E'\\t' || ($2 ->> n.name) || pg_catalog.substr(t.subject, pg_catalog.length(n.name) + 1) "
			"FROM weir.rule r, pg_catalog.jsonb_object_keys($2) n(name) WHERE r.rule_id = t.rule_id AND r.monitor_id = $1 "
			"AND (t.subject = n.name OR pg_catalog.starts_with(t.subject, n.name || ': '))",
			table),
		2, types, values, NULL);
	sql_execute(psprintf("UPDATE weir.%s t SET subject = pg_catalog.substr(t.subject, 2) FROM weir.rule r "
						 "WHERE r.rule_id = t.rule_id AND r.monitor_id = $1 AND pg_catalog.starts_with(t.subject, E'\\t')",
						 table),
				1, types, values, NULL);
}

static void
follow_columns(Datum monitor_id)
{
	Oid			type = INT4OID;
	uint64		n = sql_execute("WITH taken AS (DELETE FROM weir.column_rename WHERE monitor_id = $1 RETURNING *) "
						   "SELECT renames FROM taken ORDER BY rename_id",
						   1, &type, &monitor_id, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		Oid			types[] = {INT4OID, JSONBOID};
		bool		is_null;
		Datum		values[] = {monitor_id, SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null)};

		sql_execute("UPDATE weir.rule SET column_name = $2 ->> column_name::text WHERE monitor_id = $1 AND $2 ? column_name::text",
					2, types, values, NULL);
		rename_subjects("rule_subject", values[0], values[1]);
		rename_subjects("alert", values[0], values[1]);
	}
}

/* ---- labels ---- */

static LabelRenames
read_labels(Datum monitor_id, Datum renames, Datum noticed_at)
{
	Oid			types[] = {INT4OID, JSONBOID};
	Datum		values[] = {monitor_id, renames};
	LabelRenames result = {.monitor_id = monitor_id, .noticed_at = noticed_at};
	bool		is_null;

	result.n = sql_execute(
		"SELECT c.name, coalesce(pg_catalog.array_position(m.segment_by, c.name::name), 0), coalesce(d.ordinal, 0), "
		"coalesce(m.label = c.name::name, false), coalesce(m.prediction = c.name::name, false), l.hash::int, l.label "
		"FROM weir.monitor m JOIN weir.monitor_state s USING (monitor_id) CROSS JOIN LATERAL pg_catalog.jsonb_each_text(s.attributes) c(name, number) "
		"CROSS JOIN LATERAL pg_catalog.jsonb_each_text($2 -> c.number) l(hash, label) LEFT JOIN weir.monitor_column d "
		"ON d.monitor_id = m.monitor_id AND d.column_name = c.name::name AND d.retired_at IS NULL AND d.kind = 'category' WHERE m.monitor_id = $1",
		2, types, values, NULL);
	result.labels = palloc(sizeof(RenamedLabel) * Max(result.n, 1));
	for (int i = 0; i < result.n; i++)
		result.labels[i] = (RenamedLabel){.column = sql_text(i, 1),
										  .segment_position = DatumGetInt32(sql_value(i, 2, &is_null)),
										  .ordinal = DatumGetInt32(sql_value(i, 3, &is_null)),
										  .is_label = DatumGetBool(sql_value(i, 4, &is_null)),
										  .is_prediction = DatumGetBool(sql_value(i, 5, &is_null)),
										  .hash = DatumGetInt32(sql_value(i, 6, &is_null)),
										  .name = sql_text(i, 7)};
	return result;
}

const char *
renames_segment_value(void *context, int position, const char *value)
{
	const LabelRenames *renames = context;
	int32		hash = capture_label_hash(value, strlen(value));

	for (int i = 0; i < renames->n; i++)
		if (renames->labels[i].segment_position == position && renames->labels[i].hash == hash)
			return renames->labels[i].name;
	return NULL;
}

static char *
renamed_segment(const char *segment, LabelRenames *renames)
{
	return segment_display_renamed(segment, renames_segment_value, renames);
}

/* Of a group: "column: group". */
static char *
renamed_subject(const char *subject, LabelRenames *renames)
{
	for (int i = 0; i < renames->n; i++)
	{
		size_t		length = strlen(renames->labels[i].column);

		if (strncmp(subject, renames->labels[i].column, length) == 0 && strncmp(subject + length, ": ", 2) == 0 &&
			renames->labels[i].hash == capture_label_hash(subject + length + 2, strlen(subject + length + 2)))
			return psprintf("%s: %s", renames->labels[i].column, renames->labels[i].name);
	}
	return NULL;
}

/* ---- of rules and alerts ---- */

/* $1 monitor, $2 and $3 the former and the new names, $4 when they were noticed. unnest of two is not qualified: it is grammar. */
static void
execute_for_names(const char *statement, const LabelRenames *renames, const Datum names[2])
{
	Oid			types[] = {INT4OID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID};
	Datum		values[] = {renames->monitor_id, names[0], names[1], renames->noticed_at};

	sql_execute(statement, 4, types, values, NULL);
}

/* Which of the names that the query gives are others now. False: none. */
static bool
find_names(const char *query, LabelRenames *renames, char *(*renamed)(const char *name, LabelRenames *renames), Datum names[2])
{
	Oid			type = INT4OID;
	uint64		n = sql_execute(query, 1, &type, &renames->monitor_id, NULL);
	Datum	   *former = palloc(sizeof(Datum) * Max(n, 1));
	Datum	   *present = palloc(sizeof(Datum) * Max(n, 1));
	int			n_names = 0;

	for (uint64 row = 0; row < n; row++)
	{
		char	   *name = sql_text(row, 1);
		char	   *other = renamed(name, renames);

		if (other == NULL)
			continue;
		former[n_names] = CStringGetTextDatum(name);
		present[n_names++] = CStringGetTextDatum(other);
	}
	names[0] = PointerGetDatum(construct_array(former, n_names, TEXTOID, -1, false, TYPALIGN_INT));
	names[1] = PointerGetDatum(construct_array(present, n_names, TEXTOID, -1, false, TYPALIGN_INT));
	return n_names > 0;
}

/* One that was opened under a name which an earlier one gets now tells of the same: the earlier one goes on. */
static void
resolve_doubled_alerts(const char *field, const char *other, Datum monitor_id)
{
	Oid			type = INT4OID;
	uint64		n = sql_execute(
		psprintf("SELECT a.alert_id FROM weir.alert a JOIN weir.alert o ON o.rule_id = a.rule_id AND o.family = a.family "
				 "AND o.%s = E'\\t' || a.%s AND o.%s IS NOT DISTINCT FROM a.%s "
				 "WHERE a.monitor_id = $1 AND a.resolved_at IS NULL AND o.resolved_at IS NULL",
				 field, field, other, other),
		1, &type, &monitor_id, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;

		alert_resolve(DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null)), InvalidOid, NULL,
					  "an earlier alert of the same goes on: a label was renamed");
	}
}

/* In two steps, as of columns. An alert has it in its sentence and its query, too. */
static void
rename_field(const char *field, const char *other, const char *before, const char *behind, const LabelRenames *renames,
			 const Datum names[2])
{
	execute_for_names(psprintf("UPDATE weir.rule_subject s SET %s = E'\\t' || n.present FROM weir.rule r, "
							   "unnest($2, $3) n(former, present) "
							   "WHERE r.rule_id = s.rule_id AND r.monitor_id = $1 AND s.%s = n.former",
							   field, field),
					  renames, names);
	execute_for_names(
		psprintf("DELETE FROM weir.rule_subject s USING weir.rule_subject o, weir.rule r "
				 "WHERE r.rule_id = s.rule_id AND r.monitor_id = $1 AND o.rule_id = s.rule_id AND o.family = s.family "
				 "AND o.%s = E'\\t' || s.%s AND o.%s IS NOT DISTINCT FROM s.%s",
				 field, field, other, other),
		renames, names);
	execute_for_names(psprintf("UPDATE weir.rule_subject s SET %s = n.present FROM weir.rule r, unnest($3) n(present) "
							   "WHERE r.rule_id = s.rule_id AND r.monitor_id = $1 AND s.%s = E'\\t' || n.present",
							   field, field),
					  renames, names);
	execute_for_names(
		psprintf("UPDATE weir.alert a SET %s = E'\\t' || n.present, "
				 "message = pg_catalog.replace(a.message, '%s' || n.former || '%s', '%s' || n.present || '%s'), "
				 "detail = a.detail || coalesce(pg_catalog.jsonb_build_object('query', pg_catalog.replace(a.detail ->> 'query', "
				 "' AND %s = ' || pg_catalog.quote_literal(n.former), ' AND %s = ' || pg_catalog.quote_literal(n.present))), '{}') "
				 "FROM unnest($2, $3) n(former, present) WHERE a.monitor_id = $1 AND a.%s = n.former",
				 field, before, behind, before, behind, field, field, field),
		renames, names);
	resolve_doubled_alerts(field, other, renames->monitor_id);
	execute_for_names(psprintf("UPDATE weir.alert a SET %s = n.present FROM unnest($3) n(present) "
							   "WHERE a.monitor_id = $1 AND a.%s = E'\\t' || n.present",
							   field, field),
					  renames, names);
}

static void
follow_in_rules(LabelRenames *renames)
{
	Datum		names[2];

	if (find_names(
			"SELECT segment FROM weir.rule WHERE monitor_id = $1 AND segment <> '*' UNION "
			"SELECT s.segment FROM weir.rule_subject s JOIN weir.rule r USING (rule_id) WHERE r.monitor_id = $1 AND s.segment IS NOT NULL UNION "
			"SELECT segment FROM weir.alert WHERE monitor_id = $1 AND segment IS NOT NULL",
			renames, renamed_segment, names))
	{
		/* Whoever made one later knew the label. */
		execute_for_names("UPDATE weir.rule r SET segment = n.present FROM unnest($2, $3) n(former, present) "
						  "WHERE r.monitor_id = $1 AND r.segment = n.former AND r.created_at < $4",
						  renames, names);
		rename_field("segment", "subject", ", segment ", ",", renames, names);
	}
	if (find_names(
			"SELECT s.subject FROM weir.rule_subject s JOIN weir.rule r USING (rule_id) WHERE r.monitor_id = $1 AND s.subject IS NOT NULL UNION "
			"SELECT subject FROM weir.alert WHERE monitor_id = $1 AND subject IS NOT NULL",
			renames, renamed_subject, names))
		rename_field("subject", "segment", " of ", " is ", renames, names);
}

/* ---- when ---- */

/* Of a monitor m: its panes have the labels that were noticed. In the transaction that notes them, what is to be built is noted. */
#define PANES_ARE_BUILT \
	"NOT EXISTS (SELECT FROM weir.source_change c WHERE c.monitor_id = m.monitor_id) AND NOT EXISTS (SELECT FROM weir.build b " \
	"WHERE b.monitor_id = m.monitor_id AND b.kind <> 'verify' AND b.state NOT IN ('done', 'failed'))"

static void
follow_labels(Datum monitor_id)
{
	Oid			type = INT4OID;
	uint64		n =
		sql_execute("WITH taken AS (DELETE FROM weir.label_rename m WHERE monitor_id = $1 AND " PANES_ARE_BUILT " RETURNING *) "
					"SELECT renames, noticed_at FROM taken ORDER BY rename_id",
					1, &type, &monitor_id, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		LabelRenames renames = read_labels(monitor_id, SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null),
										   SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &is_null));

		if (renames.n == 0)
			continue;
		follow_in_rules(&renames);
		renames_follow_in_baseline(&renames);
	}
}

static void
follow(void *monitor_id)
{
	SqlScope	scope;

	sql_begin(&scope);
	follow_columns(Int32GetDatum(*(int *) monitor_id));
	follow_labels(Int32GetDatum(*(int *) monitor_id));
	sql_end(&scope);
}

/* Monitors whose turn it is. */
static List *
list_monitors(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *monitors = NIL;
	SqlScope	scope;
	uint64		n;

	sql_begin(&scope);
	sql_execute("DELETE FROM weir.column_rename WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL,
				NULL);
	sql_execute("DELETE FROM weir.label_rename WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL, NULL);
	n = sql_execute(
		"SELECT monitor_id FROM weir.column_rename UNION SELECT monitor_id FROM weir.label_rename m WHERE " PANES_ARE_BUILT, 0,
		NULL, NULL, NULL);
	for (uint64 row = 0; row < n; row++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		is_null;

		monitors = lappend_int(monitors, DatumGetInt32(sql_value(row, 1, &is_null)));
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	return monitors;
}

void
renames_follow(void)
{
	ListCell   *cell;

	foreach(cell, list_monitors())
	{
		int			monitor_id = lfirst_int(cell);
		ErrorData  *error = run_behind_boundary(follow, &monitor_id);

		if (error == NULL)
			continue;
		ereport(LOG,
				(errmsg("weir could not yet give rules of monitor %d the names that were changed: %s", monitor_id,
						message_without_values(error))));
		FreeErrorData(error);
	}
}
