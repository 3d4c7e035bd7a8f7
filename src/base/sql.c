/*
 * sql.c
 *		Running weir's own SQL safely from C.
 */
#include "postgres.h"

#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

void
sql_connect(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
}

static void
open_scope(SqlScope *scope, Oid role, int security_context)
{
	GetUserIdAndSecContext(&scope->saved_user, &scope->saved_security_context);
	SetUserIdAndSecContext(role, scope->saved_security_context | security_context);
	scope->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	scope->pushed_snapshot = !ActiveSnapshotSet();
	if (scope->pushed_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	sql_connect();
}

void
sql_begin(SqlScope *scope)
{
	open_scope(scope, extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
}

void
sql_begin_as(SqlScope *scope, Oid role)
{
	open_scope(scope, role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void
sql_end(SqlScope *scope)
{
	SPI_finish();
	if (scope->pushed_snapshot)
		PopActiveSnapshot();
	AtEOXact_GUC(true, scope->guc_level);
	SetUserIdAndSecContext(scope->saved_user, scope->saved_security_context);
}

static void
refuse_result(const char *statement, int result)
{
	elog(ERROR, "SPI could not run \"%s\": %s", statement, SPI_result_code_string(result));
}

uint64
sql_execute(const char *statement, int n_parameters, const Oid *types, const Datum *values, const char *nulls)
{
	MemoryContext old = CurrentMemoryContext;
	int			result = SPI_execute_with_args(statement, n_parameters, (Oid *) types, (Datum *) values, nulls, false, 0);

	MemoryContextSwitchTo(old); /* SPI leaves its own behind */
	if (result < 0)
		refuse_result(statement, result);
	return SPI_processed;
}

uint64
sql_execute_kept(SPIPlanPtr *plan, const char *statement, int n_parameters, const Oid *types, const Datum *values,
				 const char *nulls)
{
	MemoryContext old = CurrentMemoryContext;
	int			result;

	if (*plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare(statement, n_parameters, (Oid *) types);

		if (made == NULL)
			refuse_result(statement, SPI_result);
		SPI_keepplan(made);
		*plan = made;
	}
	result = SPI_execute_plan(*plan, (Datum *) values, nulls, false, 0);
	MemoryContextSwitchTo(old);
	if (result < 0)
		refuse_result(statement, result);
	return SPI_processed;
}

void
sql_add(SqlParameters *parameters, Oid type, Datum value, bool is_null)
{
	Assert(parameters->n < SQL_MAX_PARAMETERS);
	parameters->types[parameters->n] = type;
	parameters->values[parameters->n] = is_null ? (Datum) 0 : value;
	parameters->nulls[parameters->n] = is_null ? 'n' : ' ';
	parameters->n++;
}

void
sql_add_text(SqlParameters *parameters, const char *value)
{
	sql_add(parameters, TEXTOID, value == NULL ? (Datum) 0 : CStringGetTextDatum(value), value == NULL);
}

void
sql_add_int(SqlParameters *parameters, int64 value)
{
	sql_add(parameters, INT8OID, Int64GetDatum(value), false);
}

void
sql_add_role(SqlParameters *parameters, Oid role)
{
	sql_add(parameters, OIDOID, ObjectIdGetDatum(role), false);
}

uint64
sql_run(const char *statement, const SqlParameters *parameters)
{
	return sql_execute(statement, parameters->n, parameters->types, parameters->values, parameters->nulls);
}

Datum
sql_value(uint64 row, int column, bool *is_null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, is_null);
}

char *
sql_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}
