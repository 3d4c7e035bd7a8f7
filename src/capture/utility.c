/*
 * utility.c
 *		Commands that capture must know of before they run, or could not know of afterwards.
 *
 * DROP DATABASE refuses a database with an active slot, WITH (FORCE) too, and RENAME, SET TABLESPACE and copies by TEMPLATE one
 *with anybody connected: weir's processes leave before the command runs, and are let in again when it is over.  The slot stays, so
 *nothing is lost when the command fails; DROP DATABASE removes it with the database, and here goes the origin of weir's own writes.
 *
 * SET LOGGED leaves no trace in the catalogs that tells it from CLUSTER, and what was written while the table was unlogged is not
 *in WAL.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "base/compat.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "base/version.h"
#include "capture/blame.h"
#include "capture/capture.h"
#include "capture/slot.h"
#include "capture/status.h"
#include "capture/utility.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/pg_lsn.h"
#include "utils/syscache.h"
#include "worker/worker.h"

static ProcessUtility_hook_type previous_hook = NULL;

/* ---- commands on databases ---- */

static bool
may_copy(Oid database)
{
	HeapTuple	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	bool		is_template = HeapTupleIsValid(tuple) && ((Form_pg_database) GETSTRUCT(tuple))->datistemplate;
	HeapTuple	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	bool		may_create = HeapTupleIsValid(role) && ((Form_pg_authid) GETSTRUCT(role))->rolcreatedb;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (HeapTupleIsValid(role))
		ReleaseSysCache(role);
	return superuser() || (may_create && (is_template || database_ownercheck(database, GetUserId())));
}

static const char *
option_value(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem	   *option = lfirst(cell);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

/*
 * The database that the command needs to itself, if the caller may run it: who may not, must not disturb anybody by trying.
 * InvalidOid: none.
 */
static Oid
wanted_database(Node *statement)
{
	const char *name = NULL;
	Oid			database;

	switch (nodeTag(statement))
	{
		case T_DropdbStmt: name = ((DropdbStmt *) statement)->dbname; break;
		case T_RenameStmt:
			if (((RenameStmt *) statement)->renameType == OBJECT_DATABASE)
				name = ((RenameStmt *) statement)->subname;
			break;
		case T_AlterDatabaseStmt:
			if (option_value(((AlterDatabaseStmt *) statement)->options, "tablespace") != NULL)
				name = ((AlterDatabaseStmt *) statement)->dbname;
			break;
		case T_CreatedbStmt: name = option_value(((CreatedbStmt *) statement)->options, "template"); break;
		default: break;
	}
	if (name == NULL)
		return InvalidOid;
	database = get_database_oid(name, true);
	if (!OidIsValid(database) || database == MyDatabaseId)
		return InvalidOid;
	if (IsA(statement, CreatedbStmt) ? !may_copy(database) : !database_ownercheck(database, GetUserId()))
		return InvalidOid;
	return database;
}

static void
let_in(int code, Datum database)
{
	worker_let_in(DatumGetObjectId(database), true);
}

/* ---- tables that come back to the log ---- */

static Oid
logged_table(Node *statement)
{
	AlterTableStmt *alter;
	ListCell   *cell;

	if (!IsA(statement, AlterTableStmt))
		return InvalidOid;
	alter = (AlterTableStmt *) statement;
	foreach(cell, alter->cmds)
		if (((AlterTableCmd *) lfirst(cell))->subtype == AT_SetLogged)
			return RangeVarGetRelid(alter->relation, NoLock, true);
	return InvalidOid;
}

/* All its rows are read again, from the commit of this transaction on. */
static void
note_logged_table(Oid table)
{
	SqlScope	scope;
	Oid			types[] = {OIDOID, LSNOID};
	Datum		values[] = {ObjectIdGetDatum(table), LSNGetDatum(GetXLogInsertRecPtr())};

	if (!OidIsValid(extension_oid(true)))
		return;
	/* Another version's tables are not known here, and nobody's command may fail for that. */
	if (strcmp(extension_version(), WEIR_VERSION) != 0)
	{
		ereport(WARNING,
				(errmsg("weir cannot take note of what was written to table \"%s\" while it was unlogged", get_rel_name(table)),
				 errdetail("The extension is of another version than the library that the server has loaded."),
				 errhint("Run ALTER EXTENSION weir UPDATE, then weir.rebuild for the monitors of this table.")));
		return;
	}
	sql_begin(&scope);
	sql_execute(
		"WITH RECURSIVE above(relation) AS (SELECT $1 UNION SELECT i.inhparent FROM pg_catalog.pg_inherits i "
		"JOIN above a ON i.inhrelid = a.relation) INSERT INTO weir.source_change (monitor_id, noticed_lsn, effect, since, until) "
		"SELECT monitor_id, $2, 'rebuild', '-infinity', 'infinity' FROM weir._captured_monitor WHERE source::oid IN (SELECT relation FROM above)",
		2, types, values, NULL);
	sql_end(&scope);
	worker_wake_at_commit();
}

/* ---- the hook ---- */

static void
run_command(PlannedStmt *planned, const char *query, bool read_only, ProcessUtilityContext context, ParamListInfo parameters,
			QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	(previous_hook ? previous_hook : standard_ProcessUtility)(planned, query, read_only, context, parameters, environment, receiver,
															  completion);
}

static void
process_utility(PlannedStmt *planned, const char *query, bool read_only, ProcessUtilityContext context, ParamListInfo parameters,
				QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	Node	   *statement = planned->utilityStmt;
	bool		drops = IsA(statement, DropdbStmt);
	volatile Oid database = wanted_database(statement); /* over setjmp */
	Oid			table = logged_table(statement);

	if (!OidIsValid(database))
		run_command(planned, query, read_only, context, parameters, environment, receiver, completion);
	else
	{
		PG_ENSURE_ERROR_CLEANUP(let_in, ObjectIdGetDatum(database));
		{
			worker_keep_out(database);
			run_command(planned, query, read_only, context, parameters, environment, receiver, completion);
		}
		PG_END_ENSURE_ERROR_CLEANUP(let_in, ObjectIdGetDatum(database));
		if (drops)
		{
			status_forget(database);
			blame_forget(database);
			slot_forget_origin(database);
		}
		worker_let_in(database, !drops);
	}
	if (OidIsValid(table))
		note_logged_table(table);
}

void
utility_init(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
