/*
 * classification.c
 *		Classes of columns, as security labels: set, read, and copied to what monitors know of the column.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/seclabel.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/classification.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(weir_classify_column);
PG_FUNCTION_INFO_V1(weir_column_class);
PG_FUNCTION_INFO_V1(weir_set_class_retention);

#define PROVIDER "weir"

static void
check_class(const char *class)
{
	if (strcmp(class, "public") != 0 && strcmp(class, "internal") != 0 && strcmp(class, "personal") != 0 &&
		strcmp(class, "sensitive") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown class \"%s\"", class),
				 errhint("A column is public, internal, personal or sensitive.")));
}

static bool
is_withheld(const char *class)
{
	return class != NULL && (strcmp(class, "personal") == 0 || strcmp(class, "sensitive") == 0);
}

bool
classification_is_withheld(Oid relation, AttrNumber attribute)
{
	ObjectAddress object;

	ObjectAddressSubSet(object, RelationRelationId, relation, attribute);
	return is_withheld(GetSecurityLabel(&object, PROVIDER));
}

static char *
class_of_column(Oid source, const char *column)
{
	AttrNumber	attribute = get_attnum(source, column);
	ObjectAddress object;

	if (attribute == InvalidAttrNumber)
		return NULL;
	ObjectAddressSubSet(object, RelationRelationId, source, attribute);
	return GetSecurityLabel(&object, PROVIDER);
}

void
classification_check_segment_column(Oid source, const char *column)
{
	char	   *class = class_of_column(source, column);

	if (is_withheld(class))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" is classified as %s and cannot name segments", column, class),
				 errdetail("Every reading of a segment shows the value that it stands for."),
				 errhint("Segment by a coarser column that is not personal: a region in place of an address.")));
}

/*
 * What monitors of the table know of the column, which may still have its former name there. Alerts lose what they quoted of its
 * values.
 */
static void
copy_class(Oid source, const char *column, const char *class)
{
	SqlParameters parameters = {0};
	SqlScope	scope;

	sql_begin(&scope);
	sql_add_role(&parameters, source);
	sql_add_text(&parameters, column);
	sql_add_text(&parameters, class);
	if (is_withheld(class) &&
		sql_execute("SELECT name FROM weir.monitor WHERE source = $1 AND $2 = ANY (segment_by::text[]) ORDER BY name LIMIT 1", 2,
					parameters.types, parameters.values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("monitor \"%s\" has segments by column \"%s\"", sql_text(0, 1), column),
				 errdetail("Every reading of a segment shows the value that it stands for."),
				 errhint("Drop that monitor, or make it anew without this segment column.")));
	sql_add(&parameters, INT4OID, Int32GetDatum(get_attnum(source, column)), false);
	sql_run("UPDATE weir.monitor_column c SET class = $3 FROM weir.monitor m LEFT JOIN weir.monitor_state s USING (monitor_id)"
			" WHERE m.monitor_id = c.monitor_id AND m.source = $1 AND c.retired_at IS NULL AND c.class IS DISTINCT FROM $3"
			" AND coalesce((s.attributes ->> c.column_name::text)::int = $4, c.column_name = $2)",
			&parameters);
	if (is_withheld(class))
		sql_run(
			"UPDATE weir.alert a SET detail = jsonb_build_object('withheld', $3) FROM weir.monitor m WHERE m.monitor_id = a.monitor_id"
			" AND m.source = $1 AND a.subject = $2 AND NOT a.detail ? 'withheld'",
			&parameters);
	sql_end(&scope);
}

static char *
qualified_column(Oid source, const char *column)
{
	return psprintf("%s.%s", quote_qualified_identifier(get_namespace_name(get_rel_namespace(source)), get_rel_name(source)),
					quote_identifier(column));
}

static void classify(Oid source, const char *column, const char *class);

static int
strictness(const char *class)
{
	static const char *const classes[] = {"public", "internal", "personal", "sensitive"};

	for (int i = 0; class != NULL && i < lengthof(classes); i++)
		if (strcmp(class, classes[i]) == 0)
			return i + 1;
	return 0;
}

/*
 * Tables of weir.join_labels hold copies of the column: their class follows, unless their owner has given them a stricter one.
 */
static void
follow_in_copies(Oid source, const char *column, const char *former, const char *class)
{
	MemoryContext caller = CurrentMemoryContext;
	SqlParameters parameters = {0};
	SqlScope	scope;
	List	   *copies = NIL;
	ListCell   *cell;
	uint64		n;

	sql_begin(&scope);
	sql_add_role(&parameters, source);
	sql_add_text(&parameters, column);
	n = sql_execute("SELECT relation::oid FROM weir.label_join WHERE (predictions = $1 AND $2 = ANY (columns::text[])) "
					"OR (labels = $1 AND $2 = ANY (label_columns::text[])) ORDER BY 1",
					2, parameters.types, parameters.values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		MemoryContext old = MemoryContextSwitchTo(caller);

		copies = lappend_oid(copies, DatumGetObjectId(sql_value(i, 1, &is_null)));
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	foreach(cell, copies)
	{
		Oid			copy = lfirst_oid(cell);
		char	   *own = class_of_column(copy, column);

		if (get_attnum(copy, column) > 0 && strictness(own) != strictness(class) &&
			(strictness(own) == strictness(former) || strictness(own) < strictness(class)))
			classify(copy, column, class);
	}
}

/*
 * SECURITY LABEL FOR weir, after the server has checked that the caller owns the table. In the beginning of a restored dump labels
 * come before the audit log, which is then empty: they are not recorded once more.
 */
static void
check_label(const ObjectAddress *object, const char *class)
{
	char	   *column;
	char	   *former;
	SqlScope	scope;
	bool		is_restore;

	if (!OidIsValid(extension_oid(true)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("extension weir is not created in this database"),
				 errhint("CREATE EXTENSION weir;")));
	if (object->classId != RelationRelationId || object->objectSubId <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("weir classifies columns of tables only"),
				 errhint("SECURITY LABEL FOR weir ON COLUMN loans.income IS 'personal';")));
	if (class != NULL)
		check_class(class);
	column = get_attname(object->objectId, object->objectSubId, false);
	former = class_of_column(object->objectId, column);
	copy_class(object->objectId, column, class);
	sql_begin(&scope);
	is_restore = sql_execute("SELECT FROM weir.audit_entry LIMIT 1", 0, NULL, NULL, NULL) == 0;
	sql_end(&scope);
	if (!is_restore)
		audit_write("classify", "column", qualified_column(object->objectId, column), "class", class);
	follow_in_copies(object->objectId, column, former, class);
}

static void
classify(Oid source, const char *column, const char *class)
{
	ObjectAddress object;
	char	   *former = class_of_column(source, column);

	ObjectAddressSubSet(object, RelationRelationId, source, get_attnum(source, column));
	copy_class(source, column, class);
	SetSecurityLabel(&object, PROVIDER, class);
	CommandCounterIncrement();
	audit_write("classify", "column", qualified_column(source, column), "class", class);
	follow_in_copies(source, column, former, class);
}

void
classification_carry_over(Oid source, const char *column, Oid copy)
{
	char	   *class = class_of_column(source, column);

	if (class != NULL)
		classify(copy, column, class);
}

Datum
weir_classify_column(PG_FUNCTION_ARGS)
{
	char	   *column;
	char	   *class = argument_text(fcinfo, 2);
	Oid			source;

	require_argument(fcinfo, 0, "source");
	require_argument(fcinfo, 1, "column_name");
	source = PG_GETARG_OID(0);
	column = NameStr(*PG_GETARG_NAME(1));
	if (class != NULL)
		check_class(class);
	require_table_owner(source);
	if (get_attnum(source, column) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(source))));
	classify(source, column, class);
	PG_RETURN_VOID();
}

Datum
weir_column_class(PG_FUNCTION_ARGS)
{
	char	   *class = class_of_column(PG_GETARG_OID(0), NameStr(*PG_GETARG_NAME(1)));

	if (class == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(class));
}

Datum
weir_set_class_retention(PG_FUNCTION_ARGS)
{
	char	   *class = required_text(fcinfo, 0, "class");
	SqlParameters parameters = {0};
	SqlScope	scope;

	check_class(class);
	require_role(extension_owner(), "extension \"weir\"");
	sql_begin(&scope);
	sql_add_text(&parameters, class);
	sql_add(&parameters, INTERVALOID, PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	if (!PG_ARGISNULL(1))
	{
		sql_run("SELECT WHERE $2 BETWEEN interval '1 hour' AND interval '1000 years'", &parameters);
		if (SPI_processed == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a retention is at least an hour, and at most 1000 years")));
		sql_run("INSERT INTO weir.class_retention (class, retention) VALUES ($1, $2)"
				" ON CONFLICT (class) DO UPDATE SET retention = EXCLUDED.retention",
				&parameters);
	}
	else
		sql_run("DELETE FROM weir.class_retention WHERE class = $1", &parameters);
	audit_write("set", "class_retention", class, "retention",
				PG_ARGISNULL(1) ? NULL : DatumGetCString(DirectFunctionCall1(interval_out, PG_GETARG_DATUM(1))));
	sql_end(&scope);
	PG_RETURN_VOID();
}

void
classification_init(void)
{
	register_label_provider(PROVIDER, check_label);
}
