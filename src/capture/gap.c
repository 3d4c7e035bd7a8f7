/*
 * gap.c
 *		Stretches of the stream that capture did not see: recorded, and healed from the tables.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/gap.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"

void
gap_record(const char *reason, XLogRecPtr from, XLogRecPtr to)
{
	SqlScope	scope;
	Oid			types[] = {TEXTOID, LSNOID, LSNOID};
	Datum		values[3];

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	values[0] = CStringGetTextDatum(reason);
	values[1] = LSNGetDatum(from);
	values[2] = LSNGetDatum(to);
	sql_begin(&scope);
	sql_execute("INSERT INTO weir.gap (reason, from_lsn, to_lsn) VALUES ($1, $2, $3)", 3, types, values, NULL);
	build_begin_again(0);
	sql_execute("INSERT INTO weir.build (monitor_id, kind) SELECT monitor_id, 'rebuild' FROM weir.monitor m WHERE NOT EXISTS "
				"(SELECT FROM weir.build b WHERE b.monitor_id = m.monitor_id AND b.kind <> 'verify' AND b.state = 'requested' "
				"AND b.since = '-infinity' AND b.until = 'infinity')",
				0, NULL, NULL, NULL);
	sql_end(&scope);
	CommitTransactionCommand();
	ereport(WARNING,
			(errmsg("weir has a gap from %X/%X to %X/%X: %s", LSN_FORMAT_ARGS(from), LSN_FORMAT_ARGS(to), reason),
			 errdetail("All monitors of this database are rebuilt from their tables.")));
}
