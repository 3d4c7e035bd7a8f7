/*
 * labelled_table_sql.c
 *		join_labels, verify_labels, resume_labels.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "monitor/classification.h"
#include "monitor/definition.h"
#include "monitor/labelled_table.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/varlena.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_join_labels);
PG_FUNCTION_INFO_V1(weir_verify_labels);
PG_FUNCTION_INFO_V1(weir_resume_labels);

/* ---- what is joined ---- */

pg_noreturn static void
refuse(int code, const char *message, const char *hint)
{
	ereport(ERROR, (errcode(code), errmsg("%s", message), hint ? errhint("%s", hint) : 0));
}

/* Indexes over the key; unique: over it and nothing else. */
static bool
has_index(Relation relation, List *key, bool unique)
{
	List	   *indexes = RelationGetIndexList(relation);
	ListCell   *cell;
	bool		found = false;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index shape = index->rd_index;
		int			n = list_length(key);
		bool		fits = shape->indisvalid && RelationGetIndexPredicate(index) == NIL && shape->indnkeyatts >= n &&
			(!unique || (shape->indisunique && shape->indimmediate && shape->indnkeyatts == n));

		for (int i = 0; i < n && fits; i++)
		{
			char	   *name = get_attname(RelationGetRelid(relation), shape->indkey.values[i], true);
			ListCell   *name_cell;
			bool		is_of_key = false;

			foreach(name_cell, key)
				is_of_key |= name != NULL && strcmp(name, lfirst(name_cell)) == 0;
			fits = is_of_key;
		}
		found |= fits;
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

/* Permanent, and such that every change tells its key. */
static void
check_side(Oid oid, const char *what, List *key, bool must_be_unique)
{
	Relation	relation = relation_open(oid, AccessShareLock);
	const char *name = RelationGetRelationName(relation);
	Bitmapset  *identity = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	ListCell   *cell;

	if ((relation->rd_rel->relkind != RELKIND_RELATION && relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) ||
		relation->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		refuse(ERRCODE_WRONG_OBJECT_TYPE, psprintf("\"%s\" is not a table whose changes are in the write-ahead log", name),
			   "Use a permanent table, plain or partitioned.");
	labelled_table_refuse_row_security(oid);
	foreach(cell, key)
	{
		AttrNumber	attribute = get_attnum(oid, lfirst(cell));

		if (attribute <= 0)
			refuse(ERRCODE_UNDEFINED_COLUMN,
				   psprintf("key column \"%s\" of %s \"%s\" does not exist", (char *) lfirst(cell), what, name), NULL);
		if (!labelled_table_is_key_type(get_atttype(oid, attribute)))
			refuse(ERRCODE_DATATYPE_MISMATCH,
				   psprintf("key column \"%s\" is of type %s", (char *) lfirst(cell), format_type_be(get_atttype(oid, attribute))),
				   "Keys are integers, text, numeric or uuid.");
		if (!must_be_unique && !TupleDescAttr(RelationGetDescr(relation), attribute - 1)->attnotnull)
			refuse(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				   psprintf("key column \"%s\" of %s \"%s\" may be null", (char *) lfirst(cell), what, name),
				   psprintf("Run ALTER TABLE %s ALTER %s SET NOT NULL.", quote_identifier(name), quote_identifier(lfirst(cell))));
		if (relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_rel->relreplident != REPLICA_IDENTITY_FULL &&
			!bms_is_member(attribute - FirstLowInvalidHeapAttributeNumber, identity))
			refuse(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				   psprintf("key column \"%s\" is not part of the replica identity of \"%s\"", (char *) lfirst(cell), name),
				   psprintf("Run ALTER TABLE %s REPLICA IDENTITY FULL.", quote_identifier(name)));
	}
	if (!has_index(relation, key, must_be_unique))
		refuse(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   psprintf(must_be_unique ? "\"%s\" has no unique index over the key" : "\"%s\" has no index that begins with the key",
						name),
			   must_be_unique ? "A prediction has one label: make the key the primary key of the labels."
							  : "Rows are looked up by key.");
	relation_close(relation, NoLock);
}

static List *
all_columns(Oid oid)
{
	Relation	relation = relation_open(oid, AccessShareLock);
	List	   *names = NIL;

	for (int i = 0; i < RelationGetDescr(relation)->natts; i++)
		if (!TupleDescAttr(RelationGetDescr(relation), i)->attisdropped)
			names = lappend(names, pstrdup(NameStr(TupleDescAttr(RelationGetDescr(relation), i)->attname)));
	relation_close(relation, NoLock);
	return names;
}

static bool
is_in(List *names, const char *name)
{
	ListCell   *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

static void
check_columns(LabelledTable *table)
{
	ListCell   *cell;

	foreach(cell, table->columns)
		if (get_attnum(table->predictions, lfirst(cell)) <= 0)
			refuse(ERRCODE_UNDEFINED_COLUMN, psprintf("column \"%s\" of the predictions does not exist", (char *) lfirst(cell)),
				   NULL);
	foreach(cell, table->label_columns)
	{
		if (get_attnum(table->labels, lfirst(cell)) <= 0)
			refuse(ERRCODE_UNDEFINED_COLUMN, psprintf("column \"%s\" of the labels does not exist", (char *) lfirst(cell)), NULL);
		if (is_in(table->columns, lfirst(cell)))
			refuse(ERRCODE_DUPLICATE_COLUMN, psprintf("predictions and labels both have a column \"%s\"", (char *) lfirst(cell)),
				   "Leave it out of the predictions: columns => '{...}'.");
	}
	/* Rows are found by it. */
	foreach(cell, table->key)
		if (!is_in(table->columns, lfirst(cell)))
			table->columns = lappend(table->columns, lfirst(cell));
}

/* ---- making it ---- */

static void
run(const char *statement)
{
	int			result = SPI_execute(statement, false, 0);

	if (result < 0)
		elog(ERROR, "SPI could not execute \"%s\": %s", statement, SPI_result_code_string(result));
}

static char *
key_list(List *key)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, key)
		appendStringInfo(&text, "%s%s", foreach_current_index(cell) > 0 ? ", " : "", quote_identifier(lfirst(cell)));
	return text.data;
}

/* As the caller: it is his table, and he reads the others. */
static void
make_table(LabelledTable *table, const char *given)
{
	RangeVar   *name = makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(given)));
	char	   *quoted = name->schemaname ? pstrdup(quote_qualified_identifier(name->schemaname, name->relname))
									: pstrdup(quote_identifier(name->relname));
	Relation	predictions = relation_open(table->predictions, NoLock);
	bool		is_unique = has_index(predictions, table->key, true);

	relation_close(predictions, NoLock);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	run(psprintf("CREATE TABLE %s AS %s WITH NO DATA", quoted, labelled_table_query(table)));
	table->relation = RangeVarGetRelid(name, NoLock, false);
	if (get_rel_persistence(table->relation) != RELPERSISTENCE_PERMANENT)
		refuse(ERRCODE_WRONG_OBJECT_TYPE, "a table of predictions with their labels must be permanent", NULL);
	quoted =
		pstrdup(quote_qualified_identifier(get_namespace_name(get_rel_namespace(table->relation)), get_rel_name(table->relation)));
	run(psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", quoted));
	run(psprintf("INSERT INTO %s %s", quoted, labelled_table_query(table)));
	/* A learner remembers by the primary key what it said of a row. */
	run(psprintf(is_unique ? "ALTER TABLE %s ADD PRIMARY KEY (%s)" : "CREATE INDEX ON %s (%s)", quoted, key_list(table->key)));
	run(psprintf("COMMENT ON TABLE %s IS 'Predictions with their labels, kept by weir.join_labels.'", quoted));
	SPI_finish();
}

static void
store(const LabelledTable *table)
{
	Oid			types[] = {OIDOID, OIDOID, OIDOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, OIDOID};
	Datum		values[] = {ObjectIdGetDatum(table->relation),
					  ObjectIdGetDatum(table->predictions),
					  ObjectIdGetDatum(table->labels),
					  PointerGetDatum(text_list_array(table->key)),
					  PointerGetDatum(text_list_array(table->label_key)),
					  PointerGetDatum(text_list_array(table->columns)),
					  PointerGetDatum(text_list_array(table->label_columns)),
					  ObjectIdGetDatum(GetUserId())};
	SqlScope	scope;

	sql_begin(&scope);
	sql_execute(
		"WITH j AS (INSERT INTO weir.label_join (relation, predictions, labels, key, label_key, columns, label_columns, owner) "
		"VALUES ($1, $2, $3, $4::name[], $5::name[], $6::name[], $7::name[], $8) RETURNING join_id) "
		"INSERT INTO weir.label_join_state (join_id) SELECT join_id FROM j",
		lengthof(types), types, values, NULL);
	audit_write("create", "label_join", get_rel_name(table->relation), "predictions", get_rel_name(table->predictions), "labels",
				get_rel_name(table->labels));
	sql_end(&scope);
}

/* What is personal in the predictions or the labels is so here. */
static void
carry_over_classes(const LabelledTable *table)
{
	ListCell   *cell;

	foreach(cell, table->columns)
		classification_carry_over(table->predictions, lfirst(cell), table->relation);
	foreach(cell, table->label_columns)
		classification_carry_over(table->labels, lfirst(cell), table->relation);
}

Datum
weir_join_labels(PG_FUNCTION_ARGS)
{
	static const char *const required[] = {"relation", "predictions", "labels", "key", "label"};
	LabelledTable table = {0};

	for (int i = 0; i < lengthof(required); i++)
		require_argument(fcinfo, i, required[i]);
	table.predictions = PG_GETARG_OID(1);
	table.labels = PG_GETARG_OID(2);
	table.key = text_array_list(PG_GETARG_ARRAYTYPE_P(3), "key");
	table.label_columns = text_array_list(PG_GETARG_ARRAYTYPE_P(4), "label");
	table.label_key = PG_ARGISNULL(5) ? table.key : text_array_list(PG_GETARG_ARRAYTYPE_P(5), "label_key");
	if (table.key == NIL || list_length(table.key) != list_length(table.label_key) || list_length(table.key) > INDEX_MAX_KEYS)
		refuse(ERRCODE_INVALID_PARAMETER_VALUE, "key and label_key must name the same number of columns, at least one", NULL);
	if (table.label_columns == NIL)
		refuse(ERRCODE_INVALID_PARAMETER_VALUE, "label is empty",
			   "Name the columns of labels to take over: label => '{defaulted}'.");
	check_side(table.predictions, "predictions", table.key, false);
	check_side(table.labels, "labels", table.label_key, true);
	table.columns = PG_ARGISNULL(6) ? all_columns(table.predictions) : text_array_list(PG_GETARG_ARRAYTYPE_P(6), "columns");
	check_columns(&table);
	make_table(&table, text_to_cstring(PG_GETARG_TEXT_PP(0)));
	store(&table);
	carry_over_classes(&table);
	worker_wake_at_commit();
	PG_RETURN_OID(table.relation);
}

/* ---- looking after it ---- */

static void
load(Oid relation, LabelledTable *table)
{
	MemoryContext context = CurrentMemoryContext;
	SqlScope	scope;
	bool		found;

	sql_begin(&scope);
	found = labelled_table_load(relation, table, context);
	sql_end(&scope);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("\"%s\" is not a table of weir.join_labels", get_rel_name(relation) ? get_rel_name(relation) : "?"),
				 errhint("SELECT relation FROM weir.labelled_tables lists them.")));
}

Datum
weir_verify_labels(PG_FUNCTION_ARGS)
{
	LabelledTable table;
	TupleDesc	shape;
	Datum		values[3];
	bool		nulls[3] = {false};
	bool		is_null;
	SqlScope	scope;
	Oid			type = INT4OID;
	Datum		id;

	if (get_call_result_type(fcinfo, NULL, &shape) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result is not a row");
	load(PG_GETARG_OID(0), &table);
	labelled_table_check(&table);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	run(psprintf("SELECT (SELECT pg_catalog.count(*) FROM (%s) r), (SELECT pg_catalog.count(*) FROM (%s) d)",
				 labelled_table_query(&table), labelled_table_differences(&table)));
	values[0] = sql_value(0, 1, &is_null);
	values[1] = sql_value(0, 2, &is_null);
	SPI_finish();
	id = Int32GetDatum(table.join_id);
	sql_begin(&scope);
	sql_execute("SELECT pg_catalog.count(*) FROM weir.label_change WHERE join_id = $1", 1, &type, &id, NULL);
	values[2] = sql_value(0, 1, &is_null);
	sql_end(&scope);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(shape), values, nulls)));
}

Datum
weir_resume_labels(PG_FUNCTION_ARGS)
{
	LabelledTable table;
	SqlScope	scope;
	Oid			type = INT4OID;
	Datum		id;

	load(PG_GETARG_OID(0), &table);
	require_role(table.owner, psprintf("table \"%s\"", get_rel_name(table.relation)));
	id = Int32GetDatum(table.join_id);
	sql_begin(&scope);
	sql_execute("UPDATE weir.label_join_state SET disabled_reason = NULL WHERE join_id = $1", 1, &type, &id, NULL);
	sql_execute("INSERT INTO weir.label_change (join_id, xid) VALUES ($1, pg_catalog.pg_current_xact_id())", 1, &type, &id, NULL);
	audit_write("resume", "label_join", get_rel_name(table.relation));
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}
