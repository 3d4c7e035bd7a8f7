/*
 * labelled_table.c
 *		Tables of predictions with their labels: the SQL that makes and compares them.
 *
 * Predictions and labels lie in two tables and are joined by a key.  weir keeps the join as a table, which a monitor watches like
 *any other: a label that comes late is an update of a row.  Keeping it is told by keys alone: capture notes which keys changed, and
 *a worker makes the rows of such a key what the two tables say under one snapshot.  So what it does can be repeated, and the order
 * in which things happened does not show.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/sql.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "monitor/labelled_table.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static List *
names_of(int column)
{
	List	   *names = NIL;
	bool		is_null;
	Datum	   *values;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(sql_value(0, column, &is_null)), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, TextDatumGetCString(values[i]));
	return names;
}

bool
labelled_table_load(Oid relation, LabelledTable *table, MemoryContext context)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(relation);
	MemoryContext old;
	bool		is_null;

	if (sql_execute("SELECT join_id, predictions::oid, labels::oid, owner::oid, key::text[], label_key::text[], columns::text[], "
					"label_columns::text[] FROM weir.label_join WHERE relation = $1",
					1, &type, &value, NULL) == 0)
		return false;
	old = MemoryContextSwitchTo(context);
	table->relation = relation;
	table->join_id = DatumGetInt32(sql_value(0, 1, &is_null));
	table->predictions = DatumGetObjectId(sql_value(0, 2, &is_null));
	table->labels = DatumGetObjectId(sql_value(0, 3, &is_null));
	table->owner = DatumGetObjectId(sql_value(0, 4, &is_null));
	table->key = names_of(5);
	table->label_key = names_of(6);
	table->columns = names_of(7);
	table->label_columns = names_of(8);
	MemoryContextSwitchTo(old);
	return true;
}

/* ---- what may be joined ---- */

bool
labelled_table_is_key_type(Oid type)
{
	switch (getBaseType(type))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NUMERICOID:
		case UUIDOID: return true;
		default: return false;
	}
}

static void
check_types(Oid source, List *columns, Oid relation)
{
	ListCell   *cell;

	foreach(cell, columns)
	{
		AttrNumber	from = get_attnum(source, lfirst(cell));
		AttrNumber	to = get_attnum(relation, lfirst(cell));

		if (from > 0 && to > 0 && get_atttype(source, from) != get_atttype(relation, to))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" is of type %s in \"%s\" and of type %s in \"%s\"", (char *) lfirst(cell),
							format_type_be(get_atttype(source, from)), get_rel_name(source),
							format_type_be(get_atttype(relation, to)), get_rel_name(relation)),
					 errhint("Give it the same type in both, then call weir.resume_labels.")));
	}
}

void
labelled_table_refuse_row_security(Oid source)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(source));
	bool		row_security = HeapTupleIsValid(tuple) && ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (row_security)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" has row security, which a table of its rows with their labels would not have",
						get_rel_name(source)),
				 errdetail("Whoever may read that table would see all of its rows."),
				 errhint("Join a table that holds only what all of its readers may see.")));
}

static void
check_is_table(Oid source)
{
	char		kind;

	LockRelationOid(source, AccessShareLock);
	kind = get_rel_relkind(source);
	if (kind != '\0' && kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is no table any more", get_rel_name(source))));
	labelled_table_refuse_row_security(source);
}

void
labelled_table_check(const LabelledTable *table)
{
	ListCell   *cell;

	check_is_table(table->predictions);
	check_is_table(table->labels);
	check_types(table->predictions, table->columns, table->relation);
	check_types(table->labels, table->label_columns, table->relation);
	foreach(cell, table->label_key)
	{
		AttrNumber	attribute = get_attnum(table->labels, lfirst(cell));

		if (attribute > 0 && !labelled_table_is_key_type(get_atttype(table->labels, attribute)))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("key column \"%s\" is of type %s", (char *) lfirst(cell),
							format_type_be(get_atttype(table->labels, attribute))),
					 errhint("Keys are integers, text, numeric or uuid.")));
	}
}

/* ---- SQL ---- */

static const char *
name_of(Oid relation)
{
	char	   *name = get_rel_name(relation);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("a table of predictions or of labels was dropped")));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

/* "prefix.a, prefix.b" */
static void
append_columns(StringInfo query, const char *prefix, List *names)
{
	ListCell   *cell;

	foreach(cell, names)
		appendStringInfo(query, "%s%s%s", foreach_current_index(cell) > 0 ? ", " : "", prefix, quote_identifier(lfirst(cell)));
}

/* "a.x = b.y AND …" */
static void
append_equal(StringInfo query, const char *a, List *names, const char *b, List *others)
{
	ListCell   *cell;

	foreach(cell, names)
		appendStringInfo(query, "%s%s%s OPERATOR(pg_catalog.=) %s%s", foreach_current_index(cell) > 0 ? " AND " : "", a,
						 quote_identifier(lfirst(cell)), b, quote_identifier(list_nth(others, foreach_current_index(cell))));
}

static void
append_all_columns(StringInfo query, const char *prefix, const char *label_prefix, const LabelledTable *table)
{
	append_columns(query, prefix, table->columns);
	appendStringInfoString(query, ", ");
	append_columns(query, label_prefix, table->label_columns);
}

char *
labelled_table_query(const LabelledTable *table)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT ");
	append_all_columns(&query, "p.", "l.", table);
	appendStringInfo(&query, " FROM %s p LEFT JOIN %s l ON ", name_of(table->predictions), name_of(table->labels));
	append_equal(&query, "p.", table->key, "l.", table->label_key);
	return query.data;
}

/* The key as a jsonb array, and the row as text: so types need no equality. */
static void
append_image(StringInfo query, const LabelledTable *table)
{
	ListCell   *cell;

	appendStringInfoString(query, "SELECT pg_catalog.jsonb_build_array(");
	foreach(cell, table->key)
		appendStringInfo(query, "%sr.%s::text", foreach_current_index(cell) > 0 ? ", " : "", quote_identifier(lfirst(cell)));
	appendStringInfoString(query, ") AS key, ROW(");
	append_all_columns(query, "r.", "r.", table);
	appendStringInfoString(query, ")::text AS image");
}

char *
labelled_table_differences(const LabelledTable *table)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfoString(&query, "WITH wanted AS MATERIALIZED (");
	append_image(&query, table);
	appendStringInfo(&query, " FROM (%s) r), kept AS MATERIALIZED (", labelled_table_query(table));
	append_image(&query, table);
	appendStringInfo(&query,
					 " FROM %s r) SELECT DISTINCT d.key FROM ((TABLE wanted EXCEPT ALL TABLE kept) UNION ALL "
					 "(TABLE kept EXCEPT ALL TABLE wanted)) d",
					 name_of(table->relation));
	return query.data;
}

/*
 * Rows of a key are paired in the order of their text: pairs that differ are updated, what is left over is deleted or inserted.
 */
char *
labelled_table_update(const LabelledTable *table)
{
	StringInfoData query;
	ListCell   *cell;

	initStringInfo(&query);
	appendStringInfoString(&query, "WITH k AS MATERIALIZED (SELECT DISTINCT ");
	foreach(cell, table->key)
		appendStringInfo(&query, "%s(e OPERATOR(pg_catalog.->>) %d)::%s AS %s", foreach_current_index(cell) > 0 ? ", " : "",
						 foreach_current_index(cell),
						 format_type_be_qualified(get_atttype(table->relation, get_attnum(table->relation, lfirst(cell)))),
						 quote_identifier(lfirst(cell)));
	appendStringInfoString(
		&query,
		" FROM pg_catalog.jsonb_array_elements($1) e), wanted AS MATERIALIZED (SELECT r.*, pg_catalog.row_number() OVER (PARTITION BY ");
	append_columns(&query, "r.", table->key);
	appendStringInfoString(&query, " ORDER BY r.\"weir: image\" COLLATE \"C\") AS \"weir: number\" FROM (SELECT ");
	append_all_columns(&query, "p.", "l.", table);
	appendStringInfoString(&query, ", ROW(");
	append_all_columns(&query, "p.", "l.", table);
	appendStringInfo(&query, ")::text AS \"weir: image\" FROM k JOIN %s p ON ", name_of(table->predictions));
	append_equal(&query, "p.", table->key, "k.", table->key);
	appendStringInfo(&query, " LEFT JOIN %s l ON ", name_of(table->labels));
	append_equal(&query, "p.", table->key, "l.", table->label_key);
	appendStringInfoString(&query, ") r), kept AS MATERIALIZED (SELECT r.*, pg_catalog.row_number() OVER (PARTITION BY ");
	append_columns(&query, "r.", table->key);
	appendStringInfoString(
		&query, " ORDER BY r.\"weir: image\" COLLATE \"C\") AS \"weir: number\" FROM (SELECT t.ctid AS \"weir: place\", ");
	append_columns(&query, "t.", table->key);
	appendStringInfoString(&query, ", ROW(");
	append_all_columns(&query, "t.", "t.", table);
	appendStringInfo(&query, ")::text AS \"weir: image\" FROM k JOIN %s t ON ", name_of(table->relation));
	append_equal(&query, "t.", table->key, "k.", table->key);
	appendStringInfoString(&query, ") r), updated AS (UPDATE ");
	appendStringInfo(&query, "%s t SET (", name_of(table->relation));
	append_all_columns(&query, "", "", table);
	appendStringInfoString(&query, ") = ROW(");
	append_all_columns(&query, "w.", "w.", table);
	appendStringInfoString(&query, ") FROM wanted w JOIN kept o ON ");
	append_equal(&query, "w.", table->key, "o.", table->key);
	appendStringInfoString(
		&query,
		" AND w.\"weir: number\" OPERATOR(pg_catalog.=) o.\"weir: number\" WHERE "
		"w.\"weir: image\" COLLATE \"C\" OPERATOR(pg_catalog.<>) o.\"weir: image\" AND t.ctid OPERATOR(pg_catalog.=) "
		"o.\"weir: place\" AND ");
	append_equal(&query, "t.", table->key, "o.", table->key);
	appendStringInfo(&query,
					 " RETURNING 1), deleted AS (DELETE FROM %s t USING kept o WHERE t.ctid OPERATOR(pg_catalog.=) "
					 "o.\"weir: place\" AND ",
					 name_of(table->relation));
	append_equal(&query, "t.", table->key, "o.", table->key);
	appendStringInfoString(&query, " AND NOT EXISTS (SELECT FROM wanted w WHERE ");
	append_equal(&query, "w.", table->key, "o.", table->key);
	appendStringInfo(
		&query, " AND w.\"weir: number\" OPERATOR(pg_catalog.=) o.\"weir: number\") RETURNING 1), inserted AS (INSERT INTO %s (",
		name_of(table->relation));
	append_all_columns(&query, "", "", table);
	appendStringInfoString(&query, ") SELECT ");
	append_all_columns(&query, "w.", "w.", table);
	appendStringInfoString(&query, " FROM wanted w WHERE NOT EXISTS (SELECT FROM kept o WHERE ");
	append_equal(&query, "w.", table->key, "o.", table->key);
	appendStringInfoString(&query,
						   " AND w.\"weir: number\" OPERATOR(pg_catalog.=) o.\"weir: number\") RETURNING 1) "
						   "SELECT (SELECT pg_catalog.count(*) FROM updated), (SELECT pg_catalog.count(*) FROM deleted), "
						   "(SELECT pg_catalog.count(*) FROM inserted)");
	return query.data;
}
