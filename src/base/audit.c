/*
 * audit.c
 *		The audit log: writing entries, chaining them at commit, verifying the chain.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "base/audit.h"
#include "base/person.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(weir_refuse_change);
PG_FUNCTION_INFO_V1(weir_verify_audit_log);

/* The entries that this transaction wrote, those of subtransactions that were rolled back among them. */
static int64 *pending = NULL;
static int	n_pending = 0;
static int	pending_capacity = 0;

static void
remember(int64 audit_id)
{
	if (n_pending == pending_capacity)
	{
		int			capacity = Max(16, 2 * pending_capacity);

		pending = pending == NULL ? MemoryContextAlloc(TopTransactionContext, capacity * sizeof(int64))
								  : repalloc_huge(pending, capacity * sizeof(int64));
		pending_capacity = capacity;
	}
	pending[n_pending++] = audit_id;
}

/* detail is an expression of the one parameter that there is already. */
static void
write_entry(const char *detail, SqlParameters *parameters, const char *action, const char *kind, const char *name)
{
	bool		is_null;

	sql_add_text(parameters, role_name(GetOuterUserId()));
	sql_add_text(parameters, role_name(GetSessionUserId()));
	sql_add_text(parameters, action);
	sql_add_text(parameters, kind);
	sql_add_text(parameters, name);
	sql_run(psprintf("INSERT INTO weir.audit_entry (role, session_role, action, kind, subject, detail)"
					 " VALUES ($2, $3, $4, $5, $6, coalesce(%s, '{}')) RETURNING audit_id",
					 detail),
			parameters);
	remember(DatumGetInt64(sql_value(0, 1, &is_null)));
}

void
audit_write_pairs(const char *action, const char *kind, const char *name, ...)
{
	StringInfoData detail;
	SqlParameters parameters = {0};
	SqlScope	scope;
	va_list		pairs;
	const char *key;

	initStringInfo(&detail);
	appendStringInfoChar(&detail, '{');
	va_start(pairs, name);
	while ((key = va_arg(pairs, const char *)) != NULL)
	{
		const char *value = va_arg(pairs, const char *);

		if (value == NULL)
			continue;
		if (detail.len > 1)
			appendStringInfoString(&detail, ", ");
		escape_json(&detail, key);
		appendStringInfoString(&detail, ": ");
		escape_json(&detail, value);
	}
	va_end(pairs);
	appendStringInfoChar(&detail, '}');

	sql_begin(&scope);
	sql_add_text(&parameters, detail.data);
	write_entry("$1::jsonb", &parameters, action, kind, name);
	sql_end(&scope);
}

void
audit_write_row(const char *action, const char *kind, const char *name, const char *table, const char *key_column, int64 key)
{
	SqlParameters parameters = {0};
	SqlScope	scope;

	sql_begin(&scope);
	sql_add_int(&parameters, key);
	write_entry(psprintf("(SELECT to_jsonb(t) FROM weir.%s t WHERE %s = $1)", table, key_column), &parameters, action, kind, name);
	sql_end(&scope);
}

/*
 * Gives the entries of this transaction their places. The lock lasts until the commit is visible, so the next one to get it sees
 * them; the end of the chain is read by a snapshot taken under the lock, whatever the transaction's isolation. What is locked is
 * part 1 of the table, which nothing else locks: it is in the way of nobody who vacuums or dumps.
 */
static void
chain_entries(void)
{
	Oid			chain = get_relname_relid("audit_chain", extension_schema());
	SqlScope	scope;
	int64		number = 0;
	const char *hash = "";
	bool		is_null;

	LockDatabaseObject(RelationRelationId, chain, 1, ExclusiveLock);
	PushActiveSnapshot(GetLatestSnapshot());
	sql_begin(&scope);
	/* Read-only, so that it goes by the active snapshot. */
	if (SPI_execute("SELECT number, hash FROM weir.audit_chain ORDER BY number DESC LIMIT 1", true, 1) == SPI_OK_SELECT &&
		SPI_processed > 0)
	{
		number = DatumGetInt64(sql_value(0, 1, &is_null));
		hash = sql_text(0, 2);
	}
	for (int i = 0; i < n_pending; i++)
	{
		SqlParameters parameters = {0};

		CHECK_FOR_INTERRUPTS();
		sql_add_int(&parameters, number + 1);
		sql_add_text(&parameters, hash);
		sql_add_int(&parameters, pending[i]);
		if (sql_run("INSERT INTO weir.audit_chain (number, audit_id, hash)"
					" SELECT $1, audit_id, weir._audit_hash($2, $1, e) FROM weir.audit_entry e WHERE audit_id = $3 RETURNING hash",
					&parameters) == 0)
			continue;			/* taken back by a subtransaction */
		number++;
		hash = sql_text(0, 1);
	}
	sql_end(&scope);
	PopActiveSnapshot();
}

static void
at_end_of_transaction(XactEvent event, void *argument)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			/* The extension may have been dropped in the same transaction. */
			if (n_pending > 0 && OidIsValid(extension_oid(true)))
				chain_entries();
			n_pending = 0;
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (n_pending > 0)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot PREPARE a transaction that has written to weir's audit log"),
						 errdetail(
							 "Every other transaction that decides or configures something would wait for COMMIT PREPARED.")));
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
			pending = NULL;		/* freed with the transaction's memory */
			n_pending = pending_capacity = 0;
			break;
		default: break;
	}
}

/* ---- reading ---- */

/* Entries and the chain are only ever added to: the trigger of both tables. */
Datum
weir_refuse_change(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("the audit log is append-only"),
			 errdetail("Entries are neither changed nor removed, by nobody.")));
	PG_RETURN_NULL();
}

/* The entries of this transaction, which have no place yet. */
static Datum
pending_array(void)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n_pending, 1));

	for (int i = 0; i < n_pending; i++)
		elements[i] = Int64GetDatum(pending[i]);
	return PointerGetDatum(construct_array(elements, n_pending, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum
weir_verify_audit_log(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext old;
	TupleDesc	descriptor;
	SqlScope	scope;
	SqlParameters parameters = {0};
	Datum		values[5];
	bool		nulls[5];
	HeapTuple	tuple;

	(void) get_call_result_type(fcinfo, NULL, &descriptor);
	if (PG_ARGISNULL(0) != PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("head_number and head_hash go together"),
				 errhint("Give both as an earlier verification returned them, or neither.")));
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_DATA) && !has_privs_of_role(GetUserId(), extension_owner()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to verify the audit log"),
				 errhint("It is for members of pg_read_all_data and for the owner of the extension.")));

	sql_begin(&scope);
	sql_add(&parameters, INT8OID, PG_ARGISNULL(0) ? (Datum) 0 : PG_GETARG_DATUM(0), PG_ARGISNULL(0));
	sql_add(&parameters, TEXTOID, PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	sql_add(&parameters, INT8ARRAYOID, pending_array(), false);
	sql_run(
		"WITH link AS ("
		" SELECT c.number, c.audit_id, c.hash, row_number() OVER w AS place, lag(c.hash, 1, '') OVER w AS previous, e"
		" FROM weir.audit_chain c LEFT JOIN weir.audit_entry e USING (audit_id) WINDOW w AS (ORDER BY c.number)),"
		" broken AS ("
		" SELECT place AS number, CASE WHEN number <> place THEN 'a link of the chain is missing'"
		" WHEN (e).audit_id IS NULL THEN 'the entry is missing' ELSE 'the entry or its hash was changed' END AS reason"
		" FROM link WHERE number <> place OR (e).audit_id IS NULL OR hash IS DISTINCT FROM weir._audit_hash(previous, number, e)"
		" UNION ALL"
		" SELECT $1, 'the hash noted earlier is not that of this entry' WHERE $1 IS NOT NULL"
		" AND NOT EXISTS (SELECT FROM weir.audit_chain WHERE number = $1 AND hash = lower($2))"
		" UNION ALL"
		" SELECT NULL, format('entry with audit_id %s is not part of the chain', min(audit_id)) FROM weir.audit_entry e"
		" WHERE NOT EXISTS (SELECT FROM weir.audit_chain c WHERE c.audit_id = e.audit_id) AND audit_id <> ALL ($3)"
		" HAVING count(*) > 0)"
		" SELECT (SELECT count(*) FROM weir.audit_chain), b.number, b.reason, h.number, h.hash"
		" FROM (SELECT) one LEFT JOIN LATERAL (SELECT * FROM broken ORDER BY number NULLS LAST LIMIT 1) b ON true"
		" LEFT JOIN LATERAL (SELECT number, hash FROM weir.audit_chain ORDER BY number DESC LIMIT 1) h ON true",
		&parameters);
	old = MemoryContextSwitchTo(caller);
	for (int i = 0; i < 5; i++)
	{
		values[i] = sql_value(0, i + 1, &nulls[i]);
		if (!nulls[i] && (i == 2 || i == 4))
			values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[i]));
	}
	tuple = heap_form_tuple(BlessTupleDesc(descriptor), values, nulls);
	MemoryContextSwitchTo(old);
	sql_end(&scope);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}

void
audit_init(void)
{
	RegisterXactCallback(at_end_of_transaction, NULL);
}
