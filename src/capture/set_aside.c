/*
 * set_aside.c
 *		Monitors that stop the others.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "capture/blame.h"
#include "capture/definition.h"
#include "capture/set_aside.h"
#include "catalog/pg_type.h"

void
set_aside_disable(int monitor_id, const char *reason, const char *logged)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(monitor_id);

	if (sql_execute("SELECT name FROM weir.monitor WHERE monitor_id = $1", 1, &type, &value, NULL) == 1)
		ereport(LOG, (errmsg("weir disables monitor \"%s\": %s", sql_text(0, 1), logged)));
	definition_disable(monitor_id, reason);
}

/* What may be over at the next try, whoever is worked for. */
static bool
may_pass(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_INSUFFICIENT_RESOURCES || category == ERRCODE_OPERATOR_INTERVENTION ||
		category == ERRCODE_TRANSACTION_ROLLBACK || category == ERRCODE_SYSTEM_ERROR || sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

void
set_aside_monitor(int monitor_id, const ErrorData *error, XLogRecPtr position)
{
	SqlScope	scope;
	bool		lacks_memory = error->sqlerrcode == ERRCODE_OUT_OF_MEMORY;
	const char *reason;

	if (may_pass(error->sqlerrcode) && !(lacks_memory && blame_count(monitor_id, position)))
		return;
	AbortOutOfAnyTransaction();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	sql_begin(&scope);
	if (lacks_memory)
		reason = psprintf("capture ran out of memory for it again and again: %s. Lower options.max_groups, drop columns or "
						  "segments, and run weir.rebuild",
						  error->detail ? error->detail : error->message);
	else
		reason = definition_reason(error);
	set_aside_disable(monitor_id, reason, lacks_memory ? reason : message_without_values(error));
	sql_end(&scope);
	CommitTransactionCommand();
}
