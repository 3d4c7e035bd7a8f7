/*
 * erase.c
 *		Erasing what is known of one person or case, and giving up what a class of columns may be kept for no longer.
 *
 * Rows, and tables that others own, are touched as the caller.  The audit log learns that somebody was erased and why, not who.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "governance/governance.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_erase_subject);

#define MAX_REBUILDS 200 /* of one monitor; where there were more, one covers them all */

/* One call: what is erased, and where its result goes. */
typedef struct Erasure
{
	Oid			source;
	char	   *relation;
	char	   *column;
	char	   *value;			/* as the column's type writes it */
	Oid			type;			/* of the column, without domains; InvalidOid: it has no equality, texts are compared */
	char	   *condition;		/* of the rows of the source; $1 is the value */
	Datum		keys;			/* text[]: primary keys of the rows */
	Datum		quotes;			/* text[]: the key, and what only these rows have of what alerts quote */
	Oid			user;
	ReturnSetInfo *set;
	MemoryContext context;
	int64		total;
} Erasure;

static void
report(Erasure *erasure, const char *what, const char *name, int64 n, const char *note)
{
	Datum		values[] = {CStringGetTextDatum(what), CStringGetTextDatum(name), Int64GetDatum(n),
					  note ? CStringGetTextDatum(note) : (Datum) 0};
	bool		nulls[] = {false, false, n < 0, note == NULL};

	tuplestore_putvalues(erasure->set->setResult, erasure->set->setDesc, values, nulls);
	if (n > 0)
		erasure->total += n;
}

/* Runs a statement with the value as $1 as the caller; copies the first column of the first row when that is an array. */
static int64
run_as_user(Erasure *erasure, const char *statement, Datum *array)
{
	SqlParameters parameters = {0};
	SqlScope	scope;
	uint64		n;

	sql_begin_as(&scope, erasure->user);
	sql_add_text(&parameters, erasure->value);
	n = sql_run(statement, &parameters);
	if (array != NULL)
	{
		bool		is_null;
		Datum		value = sql_value(0, 1, &is_null);
		MemoryContext inside = MemoryContextSwitchTo(erasure->context);

		*array = PointerGetDatum(DatumGetArrayTypePCopy(value));
		MemoryContextSwitchTo(inside);
	}
	sql_end(&scope);
	return (int64) n;
}

/* A statement on weir's own tables with source, keys and value as $1 to $3; its rows are copied as text. */
static char ***
run_as_owner(Erasure *erasure, const char *statement, int n_columns, uint64 *n)
{
	SqlParameters parameters = {0};
	SqlScope	scope;
	char	 ***rows;
	MemoryContext inside;

	sql_begin(&scope);
	sql_add_role(&parameters, erasure->source);
	sql_add(&parameters, TEXTARRAYOID, erasure->keys, false);
	sql_add_text(&parameters, erasure->column);
	*n = sql_run(statement, &parameters);
	inside = MemoryContextSwitchTo(erasure->context);
	rows = palloc0(sizeof(char **) * Max(*n, 1));
	for (uint64 i = 0; i < *n && n_columns > 0; i++)
	{
		rows[i] = palloc0(sizeof(char *) * n_columns);
		for (int j = 0; j < n_columns; j++)
			rows[i][j] = sql_text(i, j + 1);
	}
	MemoryContextSwitchTo(inside);
	sql_end(&scope);
	return rows;
}

/* ---- which rows ---- */

/* The key as a value of its column's type: 7 is found by '07'. */
static void
read_key(Erasure *erasure)
{
	Oid			type = getBaseType(get_atttype(erasure->source, get_attnum(erasure->source, erasure->column)));
	Oid			input;
	Oid			parameter;
	Oid			output;
	bool		is_varlena;

	if (!OidIsValid(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr))
		return;
	erasure->type = type;
	getTypeInputInfo(type, &input, &parameter);
	getTypeOutputInfo(type, &output, &is_varlena);
	erasure->value = OidOutputFunctionCall(output, OidInputFunctionCall(input, erasure->value, parameter, -1));
}

/* The condition of rows of a relation that has the column; by its type's own equality, so that an index serves. */
static char *
key_condition(const Erasure *erasure, Oid relation)
{
	char	   *column = pstrdup(quote_identifier(erasure->column));
	Oid			type = getBaseType(get_atttype(relation, get_attnum(relation, erasure->column)));
	HeapTuple	tuple;
	Form_pg_operator equality;
	char	   *condition;

	if (!OidIsValid(erasure->type) || type != erasure->type)
		return psprintf("%s::text = $1", column);
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr));
	if (!HeapTupleIsValid(tuple))
		return psprintf("%s::text = $1", column);
	equality = (Form_pg_operator) GETSTRUCT(tuple);
	condition = psprintf("%s OPERATOR(%s.%s) $1::%s", column, quote_identifier(get_namespace_name(equality->oprnamespace)),
						 NameStr(equality->oprname), format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY));
	ReleaseSysCache(tuple);
	return condition;
}

/* ---- monitors: panes that held the rows are built anew ---- */

static void
rebuild_panes(Erasure *erasure)
{
	uint64		n;
	char	 ***monitors = run_as_owner(erasure,
									"SELECT m.name, m.time_column::text, m.pane_size::text, m.on_delete, coalesce(b.form, '')"
									" FROM weir.monitor m LEFT JOIN weir.baseline b USING (monitor_id)"
									" WHERE m.source = $1 ORDER BY 1",
									5, &n);

	for (uint64 i = 0; i < n; i++)
	{
		char	   *name = monitors[i][0];
		char	   *panes = psprintf("SELECT DISTINCT weir.tumble(%s::timestamptz, interval %s) AS p FROM %s WHERE %s AND isfinite(%s)",
							   quote_identifier(monitors[i][1]), quote_literal_cstr(monitors[i][2]), erasure->relation,
							   erasure->condition, quote_identifier(monitors[i][1]));
		Datum		begins;
		Datum	   *times;
		int			n_panes;

		if (strcmp(monitors[i][4], "query") == 0 || strcmp(monitors[i][4], "data_version") == 0)
			report(erasure, "baseline", name, -1,
				   "it was taken from rows once: set it again with weir.set_baseline() where they were among them");
		/* Together where there are many, from the first to the last. */
		run_as_user(erasure, psprintf("WITH p AS (%s) SELECT ARRAY(SELECT p FROM p ORDER BY 1)", panes), &begins);
		deconstruct_array(DatumGetArrayTypeP(begins), TIMESTAMPTZOID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &times, NULL,
						  &n_panes);
		if (n_panes == 0)
			continue;
		if (strcmp(monitors[i][3], "ignore") == 0)
		{
			report(erasure, "panes", name, -1,
				   "the monitor keeps what its table has deleted: weir.rebuild() gives up all that the table no longer has");
			continue;
		}
		if (!worker_is_preloaded())
		{
			report(erasure, "panes", name, -1, "weir is not preloaded: run weir.rebuild() when it is");
			continue;
		}
		for (int j = 0; j < (n_panes > MAX_REBUILDS ? 1 : n_panes); j++)
		{
			SqlParameters parameters = {0};
			SqlScope	scope;

			sql_begin_as(&scope, erasure->user);
			sql_add_text(&parameters, name);
			sql_add(&parameters, TIMESTAMPTZOID, times[j], false);
			sql_add_text(&parameters, monitors[i][2]);
			sql_add(&parameters, TIMESTAMPTZOID, n_panes > MAX_REBUILDS ? times[n_panes - 1] : times[j], false);
			sql_run("SELECT weir.rebuild($1, $2, $4 + $3::interval)", &parameters);
			sql_end(&scope);
		}
		report(erasure, "panes", name, n_panes, "built anew in the background, see weir.progress");
	}
}

/* ---- data versions: tables of rows, and the models trained on them ---- */

/* Whether a row of a data version has the key, where its query read other tables: what is called alike need not be the same
 * subject. */
static void
report_unrelated_data_version(Erasure *erasure, const char *number, Oid relation, const char *tables)
{
	if (run_as_user(erasure,
					psprintf("SELECT FROM %s WHERE %s LIMIT 1", qualified_relation(relation), key_condition(erasure, relation)),
					NULL) > 0)
		report(erasure, "data version", number, -1,
			   psprintf("it is made of %s, where the key may be somebody else's: erase the subject there if it is not", tables));
}

static void
erase_from_data_versions(Erasure *erasure)
{
	uint64		n;
	char	 ***versions = run_as_owner(
		erasure,
		"SELECT d.data_version::text, c.oid::text, d.owner::oid::text, (SELECT string_agg(format('%s/%s', m.name, v.version), ', '"
		" ORDER BY m.name, v.version) FROM weir.model_version v JOIN weir.model m USING (model_id) WHERE v.data_version = d.data_version),"
		/* The table, others of its partition tree, and what weir.join_labels keeps of it. */
		" (EXISTS (SELECT FROM unnest(d.tables) t, LATERAL (SELECT to_regclass(t) AS relation) r WHERE"
		"   coalesce(pg_partition_root(r.relation), r.relation) = coalesce(pg_partition_root($1), $1)"
		"   OR EXISTS (SELECT FROM weir.label_join j WHERE j.relation = r.relation AND $1 IN (j.predictions, j.labels))))::text,"
		" array_to_string(d.tables, ', ')"
		" FROM weir.data_version d JOIN pg_namespace s ON s.nspname = d.relation_schema JOIN pg_class c ON c.relnamespace = s.oid"
		" AND c.relname = d.relation_name WHERE d.status <> 'dropped' AND EXISTS (SELECT FROM jsonb_array_elements(d.columns) k"
		"  WHERE k ->> 'name' = $3) ORDER BY d.data_version",
		6, &n);

	for (uint64 i = 0; i < n; i++)
	{
		Oid			relation = (Oid) strtoul(versions[i][1], NULL, 10);
		bool		is_mine = has_privs_of_role(erasure->user, (Oid) strtoul(versions[i][2], NULL, 10));
		int64		n_deleted;

		if (strcmp(versions[i][4], "true") != 0)
		{
			if (is_mine)
				report_unrelated_data_version(erasure, versions[i][0], relation, versions[i][5]);
			else
				report(erasure, "data version", versions[i][0], -1,
					   "it belongs to somebody else: ask its owner whether the subject is there");
			continue;
		}
		if (!is_mine)
		{
			report(erasure, "data version", versions[i][0], -1,
				   "it belongs to somebody else: ask its owner to erase the subject there");
			continue;
		}
		n_deleted =
			run_as_user(erasure,
						psprintf("DELETE FROM %s WHERE %s", qualified_relation(relation), key_condition(erasure, relation)), NULL);
		if (n_deleted == 0)
			continue;
		{
			SqlParameters parameters = {0};
			SqlScope	scope;

			sql_begin(&scope);
			sql_add_int(&parameters, strtoll(versions[i][0], NULL, 10));
			sql_run("UPDATE weir.data_version SET status = 'changed', checked_at = clock_timestamp() WHERE data_version = $1",
					&parameters);
			sql_end(&scope);
		}
		report(erasure, "data version", versions[i][0], n_deleted,
			   versions[i][3] == NULL ? NULL : psprintf("models were trained on these rows: %s; train them again", versions[i][3]));
	}
}

/* ---- weir's own tables ---- */

static void
erase_own(Erasure *erasure, const char *what, const char *name, const char *statement)
{
	uint64		n;

	(void) run_as_owner(erasure, statement, 0, &n);
	if (n > 0)
		report(erasure, what, name, (int64) n, NULL);
}

/* What models said of the rows; of a model that the caller has no part in, that it is there. */
static void
erase_predictions(Erasure *erasure)
{
	uint64		n;
	char	 ***others;

	erase_own(erasure, "predictions", erasure->relation,
			  psprintf("DELETE FROM weir.prediction p USING weir.model o WHERE p.model_id = o.model_id AND o.name IN"
					   " (SELECT m.model FROM weir.monitor m WHERE m.source = $1) AND p.subject = ANY ($2)"
					   " AND pg_has_role(%u, o.owner::oid, 'USAGE')",
					   erasure->user));
	erase_own(erasure, "predictions of learners", erasure->relation,
			  "DELETE FROM weir.learner_prediction p USING weir.monitor_learner l JOIN weir.monitor m USING (monitor_id)"
			  " WHERE p.learner_id = l.learner_id AND m.source = $1 AND p.subject = ANY ($2)");
	others = run_as_owner(
		erasure,
		psprintf("SELECT o.name FROM weir.model o WHERE o.name IN (SELECT m.model FROM weir.monitor m WHERE m.source = $1)"
				 " AND NOT pg_has_role(%u, o.owner::oid, 'USAGE') AND EXISTS (SELECT FROM weir.prediction p"
				 "  WHERE p.model_id = o.model_id AND p.subject = ANY ($2)) ORDER BY 1",
				 erasure->user),
		1, &n);
	for (uint64 i = 0; i < n; i++)
		report(erasure, "predictions", others[i][0], -1,
			   "the model belongs to somebody else: erase again as a member of its owner, too");
}

/* What holds the rows and cannot forget them here and now: learners that learned from them, tables of predictions with labels. */
static void
report_what_remains(Erasure *erasure)
{
	static const char *const followed =
		"(SELECT j.relation FROM weir.label_join j WHERE $1::regclass IN (j.predictions, j.labels))";
	uint64		n;
	char	 ***found;

	found = run_as_owner(
		erasure,
		psprintf(
			"SELECT o.name FROM weir.monitor_learner l JOIN weir.monitor m USING (monitor_id) JOIN weir.model o USING (model_id)"
			" WHERE m.source = $1 OR m.source IN %s ORDER BY 1",
			followed),
		1, &n);
	for (uint64 i = 0; i < n; i++)
		report(erasure, "learner", found[i][0], -1,
			   "it has learned from such rows: weir.reset_learner() trains it anew; versions that it made keep what it knew then");
	found = run_as_owner(
		erasure,
		psprintf("SELECT r.relation::regclass::text, (SELECT string_agg(m.name, ', ' ORDER BY m.name) FROM weir.monitor m"
				 " WHERE m.source = r.relation) FROM %s r ORDER BY 1",
				 followed),
		2, &n);
	for (uint64 i = 0; i < n; i++)
		report(erasure, "labelled table", found[i][0], -1,
			   found[i][1] == NULL
				   ? "its rows follow those deleted"
				   : psprintf("its rows follow those deleted; then weir.rebuild() has its monitors forget: %s", found[i][1]));
}

/*
 * What alerts quote and nobody but the subject has tells of him as the key does: of the strings that explanations quote those that
 * are in a column of his rows and of no others.  Before the rows are gone.
 */
static void
find_quotes(Erasure *erasure)
{
	const char *strings =
		"SELECT DISTINCT v #>> '{}' FROM weir.alert a JOIN weir.monitor m USING (monitor_id),"
		" jsonb_path_query(a.detail -> 'explanation', 'strict $.** ? (@.type() == \"string\")') v WHERE m.source = $1";
	uint64		n;
	char	 ***quoted = run_as_owner(erasure, strings, 1, &n);
	Relation	source = table_open(erasure->source, AccessShareLock);
	TupleDesc	shape = RelationGetDescr(source);
	StringInfoData query;
	Datum	   *found = NULL;
	Datum	   *values;
	int			n_found = 0;
	int			n_values = 0;

	/* Those in his rows, each with the number of its column. */
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ARRAY(SELECT DISTINCT x.i || ' ' || x.v FROM (SELECT * FROM ");
	appendStringInfo(&query, "%s WHERE %s) r, LATERAL (VALUES (0, NULL)", erasure->relation, erasure->condition);
	for (int i = 0; i < shape->natts; i++)
		if (!TupleDescAttr(shape, i)->attisdropped)
			appendStringInfo(&query, ", (%d, r.%s::text)", i + 1, quote_identifier(NameStr(TupleDescAttr(shape, i)->attname)));
	appendStringInfoString(&query, ") x (i, v) WHERE x.v IN (NULL");
	for (uint64 i = 0; i < n; i++)
		appendStringInfo(&query, ", %s", quote_literal_cstr(quoted[i][0]));
	appendStringInfoString(&query, "))");
	if (n > 0)
	{
		Datum		array;

		run_as_user(erasure, query.data, &array);
		deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &found, NULL, &n_found);
	}

	values = palloc(sizeof(Datum) * (n_found + 1));
	values[n_values++] = CStringGetTextDatum(erasure->value);
	for (int i = 0; i < n_found; i++)
	{
		char	   *pair = TextDatumGetCString(found[i]);
		char	   *value = strchr(pair, ' ') + 1;
		char	   *column = NameStr(TupleDescAttr(shape, atoi(pair) - 1)->attname);

		CHECK_FOR_INTERRUPTS();
		if (run_as_user(erasure,
						psprintf("SELECT FROM %s WHERE %s::text = %s AND (%s) IS NOT TRUE LIMIT 1", erasure->relation,
								 quote_identifier(column), quote_literal_cstr(value), erasure->condition),
						NULL) == 0)
			values[n_values++] = CStringGetTextDatum(value);
	}
	table_close(source, NoLock);
	erasure->quotes = PointerGetDatum(construct_array(values, n_values, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Labels that were written into tables of their own. */
static void
erase_labels(Erasure *erasure)
{
	uint64		n;
	char	 ***tables =
		run_as_owner(erasure,
					 "SELECT DISTINCT q.label_table::oid::text, q.label_key::text FROM weir.labelling_queue q JOIN weir.monitor m"
					 " USING (monitor_id) WHERE m.source = $1 AND q.label_table <> m.source",
					 2, &n);

	for (uint64 i = 0; i < n; i++)
	{
		char	   *table = qualified_relation((Oid) strtoul(tables[i][0], NULL, 10));
		SqlParameters parameters = {0};
		SqlScope	scope;
		int64		n_deleted;

		if (table == NULL)
			continue;
		sql_begin_as(&scope, erasure->user);
		sql_add(&parameters, TEXTARRAYOID, erasure->keys, false);
		n_deleted = (int64) sql_run(psprintf("DELETE FROM %s WHERE %s::text = ANY ($1)", table, quote_identifier(tables[i][1])),
									&parameters);
		sql_end(&scope);
		report(erasure, "labels", table, n_deleted, NULL);
	}
}

static void
erase_from_alerts(Erasure *erasure)
{
	SqlParameters parameters = {0};
	SqlScope	scope;
	int64		n;

	sql_begin(&scope);
	sql_add_role(&parameters, erasure->source);
	sql_add(&parameters, TEXTARRAYOID, erasure->quotes, false);
	n = (int64)
		sql_run("UPDATE weir.alert a SET detail = a.detail - 'explanation' FROM weir.monitor m WHERE m.monitor_id = a.monitor_id"
				" AND m.source = $1 AND EXISTS (SELECT FROM unnest($2) q WHERE jsonb_path_exists(a.detail -> 'explanation',"
				" 'strict $.** ? (@ == $key)', jsonb_build_object('key', q)))",
				&parameters);
	sql_end(&scope);
	if (n > 0)
		report(erasure, "alerts", erasure->relation, n, NULL);
}

Datum
weir_erase_subject(PG_FUNCTION_ARGS)
{
	Erasure		erasure = {.user = GetUserId(), .set = (ReturnSetInfo *) fcinfo->resultinfo, .context = CurrentMemoryContext};
	char	   *reason = required_text(fcinfo, 3, "reason");
	char	   *key_column;
	bool		delete_rows;

	require_argument(fcinfo, 0, "source");
	require_argument(fcinfo, 1, "key_column");
	require_argument(fcinfo, 4, "delete_rows");
	erasure.source = PG_GETARG_OID(0);
	erasure.column = NameStr(*PG_GETARG_NAME(1));
	erasure.value = required_text(fcinfo, 2, "key");
	delete_rows = PG_GETARG_BOOL(4);
	require_words(reason, "reason");
	require_table_owner(erasure.source);
	if (get_attnum(erasure.source, erasure.column) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", erasure.column, get_rel_name(erasure.source))));
	erasure.relation = qualified_relation(erasure.source);
	read_key(&erasure);
	erasure.condition = key_condition(&erasure, erasure.source);
	key_column = single_key_column(erasure.source);
	InitMaterializedSRF(fcinfo, 0);

	/* Which rows there are, by primary key; the key itself stands for one that is gone. */
	if (key_column == NULL)
		erasure.keys = PointerGetDatum(construct_empty_array(TEXTOID));
	else
		run_as_user(&erasure,
					psprintf("SELECT ARRAY(SELECT %s::text FROM %s WHERE %s)%s", quote_identifier(key_column), erasure.relation,
							 erasure.condition, strcmp(key_column, erasure.column) == 0 ? " || ARRAY[$1]" : ""),
					&erasure.keys);
	find_quotes(&erasure);
	rebuild_panes(&erasure);
	if (delete_rows)
		report(&erasure, "rows", erasure.relation,
			   run_as_user(&erasure, psprintf("DELETE FROM %s WHERE %s", erasure.relation, erasure.condition), NULL), NULL);
	erase_from_data_versions(&erasure);
	erase_labels(&erasure);
	erase_predictions(&erasure);
	report_what_remains(&erasure);
	erase_from_alerts(&erasure);
	erase_own(&erasure, "labelling items", erasure.relation,
			  "DELETE FROM weir.labelling_item i USING weir.labelling_queue q, weir.monitor m WHERE q.queue_id = i.queue_id"
			  " AND m.monitor_id = q.monitor_id AND m.source = $1 AND i.row_key = ANY ($2)");
	erase_own(
		&erasure, "complaints", erasure.relation,
		"UPDATE weir.complaint c SET row_key = NULL, prediction = NULL, explanation = NULL, complaint = NULL, complainant = NULL, answer = NULL"
		" FROM weir.monitor m WHERE m.monitor_id = c.monitor_id AND m.source = $1 AND c.row_key = ANY ($2)");
	erase_own(
		&erasure, "golden records", erasure.relation,
		"DELETE FROM weir.golden_record g WHERE EXISTS (SELECT FROM weir.golden_member r JOIN weir.matching_source s"
		" ON s.matching_id = r.matching_id AND s.name = r.source WHERE r.matching_id = g.matching_id AND r.golden_id = g.golden_id"
		" AND s.relation = $1 AND r.row_key = ANY ($2))");
	erase_own(&erasure, "matched pairs", erasure.relation,
			  "DELETE FROM weir.match_pair p USING weir.matching_source s WHERE s.matching_id = p.matching_id AND s.relation = $1"
			  " AND (s.name = p.left_source AND p.left_key = ANY ($2) OR s.name = p.right_source AND p.right_key = ANY ($2))");
	audit_write("erase", "subject", erasure.relation, "key_column", erasure.column, "reason", reason, "erased",
				psprintf(INT64_FORMAT, erasure.total));
	return (Datum) 0;
}

/* ---- retention ---- */

void
retention_of_classes(void)
{
	/* Their own task drops the tables then, but for what a live model was trained on. */
	sql_execute(
		"UPDATE weir.data_version d SET retention = k.retention FROM (SELECT d.data_version, min(r.retention) AS retention"
		"  FROM weir.data_version d, jsonb_array_elements(d.columns) c JOIN weir.column_classes l ON l.column_name = c ->> 'name'"
		"  JOIN weir.class_retention r USING (class) WHERE d.status <> 'dropped' AND d.relation_name IS NOT NULL GROUP BY d.data_version) k"
		" WHERE k.data_version = d.data_version AND (d.retention IS NULL OR d.retention > k.retention)",
		0, NULL, NULL, NULL);
#define RETENTION_OF_MONITOR \
	"(SELECT c.monitor_id, min(r.retention) AS retention FROM weir.monitor_column c JOIN weir.class_retention r USING (class) GROUP BY 1) k"
	sql_execute("DELETE FROM weir.labelling_item i USING weir.labelling_queue q JOIN " RETENTION_OF_MONITOR
				" USING (monitor_id) WHERE q.queue_id = i.queue_id AND i.state <> 'open' AND i.added_at < now() - k.retention",
				0, NULL, NULL, NULL);
	sql_execute(
		"UPDATE weir.complaint c SET row_key = NULL, prediction = NULL, explanation = NULL, complaint = NULL, complainant = NULL, answer = NULL"
		" FROM " RETENTION_OF_MONITOR
		" WHERE k.monitor_id = c.monitor_id AND c.answered_at < now() - k.retention AND num_nonnulls(row_key, prediction, explanation, complaint, complainant, answer) > 0",
		0, NULL, NULL, NULL);
}
