/*
 * source.c
 *		Start of the room; sources: who is responsible for a table, and what it is for.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "governance/governance.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_describe_source);

char *
qualified_relation(Oid relation)
{
	char	   *name = get_rel_name(relation);

	return name == NULL ? NULL : pstrdup(quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name));
}

char *
single_key_column(Oid relation)
{
	Relation	table = table_open(relation, AccessShareLock);
	Oid			key;
	char	   *column = NULL;

	(void) RelationGetIndexList(table);
	key = table->rd_pkindex;
	if (OidIsValid(key))
	{
		Relation	index = index_open(key, AccessShareLock);

		if (index->rd_index->indnkeyatts == 1 && index->rd_index->indkey.values[0] > 0)
			column = get_attname(relation, index->rd_index->indkey.values[0], false);
		index_close(index, AccessShareLock);
	}
	table_close(table, AccessShareLock);
	return column;
}

int
governance_owned(const char *what, const char *table, const char *key, const char *name)
{
	SqlParameters parameters = {0};
	SqlScope	scope;
	int			number = 0;
	Oid			owner = InvalidOid;
	bool		is_null;

	sql_begin(&scope);
	sql_add_text(&parameters, name);
	if (sql_run(psprintf("SELECT %s, owner::oid FROM weir.%s WHERE name = $1", key, table), &parameters) > 0)
	{
		number = DatumGetInt32(sql_value(0, 1, &is_null));
		owner = DatumGetObjectId(sql_value(0, 2, &is_null));
	}
	sql_end(&scope);
	if (number == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("%s \"%s\" does not exist", what, name)));
	require_role(owner, psprintf("%s \"%s\"", what, name));
	return number;
}

void
require_words(const char *text, const char *what)
{
	if (text[strspn(text, " \t\r\n")] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"%s\" must say something", what)));
}

GovernedMonitor *
governed_monitor(const char *name)
{
	GovernedMonitor *monitor = palloc0(sizeof(GovernedMonitor));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inside;
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		is_null;
	bool		found;

	sql_begin(&scope);
	sql_add_text(&parameters, name);
	found =
		sql_run("SELECT monitor_id, owner::oid, source::oid, time_column::text, model, prediction::text, score::text, label::text,"
				" protected::text[] FROM weir.monitor WHERE name = $1",
				&parameters) > 0;
	if (found)
	{
		Datum	   *elements;

		inside = MemoryContextSwitchTo(caller);
		monitor->name = pstrdup(name);
		monitor->monitor_id = DatumGetInt32(sql_value(0, 1, &is_null));
		monitor->owner = DatumGetObjectId(sql_value(0, 2, &is_null));
		monitor->source = DatumGetObjectId(sql_value(0, 3, &is_null));
		monitor->time_column = sql_text(0, 4);
		monitor->model = sql_text(0, 5);
		monitor->prediction = sql_text(0, 6);
		monitor->score = sql_text(0, 7);
		monitor->label = sql_text(0, 8);
		deconstruct_array(DatumGetArrayTypePCopy(sql_value(0, 9, &is_null)), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
						  &monitor->n_protected);
		monitor->protected_columns = palloc(sizeof(char *) * Max(monitor->n_protected, 1));
		for (int i = 0; i < monitor->n_protected; i++)
			monitor->protected_columns[i] = TextDatumGetCString(elements[i]);
		MemoryContextSwitchTo(inside);
	}
	sql_end(&scope);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("monitor \"%s\" does not exist", name),
				 errhint("SELECT monitor FROM weir.monitors lists them.")));
	monitor->relation = qualified_relation(monitor->source);
	if (monitor->relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the source of monitor \"%s\" was dropped", name)));
	monitor->key_column = single_key_column(monitor->source);
	if (monitor->key_column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source %s of monitor \"%s\" has no primary key of one column", monitor->relation, name),
				 errdetail("Rows are named by their key."),
				 errhint("Add a generated key: ALTER TABLE %s ADD row_id bigint"
						 " GENERATED ALWAYS AS IDENTITY PRIMARY KEY.",
						 monitor->relation)));
	return monitor;
}

Datum
weir_describe_source(PG_FUNCTION_ARGS)
{
	char	   *steward = argument_text(fcinfo, 1);
	char	   *purpose = argument_text(fcinfo, 2);
	char	   *legal_basis = argument_text(fcinfo, 3);
	Oid			user = GetUserId();
	Oid			role = InvalidOid;
	SqlParameters parameters = {0};
	SqlScope	scope;
	Oid			source;

	require_argument(fcinfo, 0, "source");
	source = PG_GETARG_OID(0);
	require_table_owner(source);
	if (steward != NULL)
		role = get_role_oid(steward, false);
	if (purpose != NULL)
		require_words(purpose, "purpose");
	sql_begin(&scope);
	sql_add_role(&parameters, source);
	sql_add(&parameters, OIDOID, ObjectIdGetDatum(role), !OidIsValid(role));
	sql_add_text(&parameters, purpose);
	sql_add_text(&parameters, legal_basis);
	sql_add_role(&parameters, user);
	sql_run("INSERT INTO weir.source (source, steward, purpose, legal_basis, described_by)"
			" VALUES ($1::regclass, $2::regrole, $3, $4, $5::regrole) ON CONFLICT (source) DO UPDATE"
			" SET steward = coalesce(EXCLUDED.steward, source.steward), purpose = coalesce(EXCLUDED.purpose, source.purpose),"
			" legal_basis = coalesce(EXCLUDED.legal_basis, source.legal_basis), described_by = EXCLUDED.described_by,"
			" described_at = now()",
			&parameters);
	audit_write("describe", "source", qualified_relation(source), "steward", steward, "purpose", purpose, "legal_basis",
				legal_basis);
	sql_end(&scope);
	PG_RETURN_VOID();
}

static bool
something_is_due(void)
{
	SqlScope	scope;
	bool		is_due;

	sql_begin(&scope);
	is_due =
		sql_execute("SELECT FROM weir.periodic_audit UNION ALL SELECT FROM weir.review WHERE state = 'open' AND due_at IS NOT NULL"
					" UNION ALL SELECT FROM weir.class_retention LIMIT 1",
					0, NULL, NULL, NULL) > 0;
	sql_end(&scope);
	return is_due;
}

void
governance_init(void)
{
	review_register_kind(&audit_kind);
	worker_register_task("periodic audits", 5000, periodic_audit_task);
	worker_register_presence(something_is_due);
}
