/*
 * request.c
 *		Where the stream comes to the commit of a transaction that asks for a build.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "capture/definition.h"
#include "capture/request.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* What has written its commit record is seen in no time, but for what waits for a standby. */
#define PATIENCE_MS 5000

/* Columns of weir.build. */
#define BUILD_ID 1
#define MONITOR_ID 2
#define KIND 3

typedef struct Request
{
	TransactionId top_xid;
	TransactionId xid;
	int			build_id;
} Request;

static Oid	build_table;
static List *captured;			/* CapturedMonitor */
static List *noted;				/* Request, of transactions that are not over */
static List *builds;			/* asked for by the one that the stream stands at */
static TransactionId pending_xid = InvalidTransactionId;
static TimestampTz pending_since;
static TransactionId passed_xid = InvalidTransactionId; /* unseen when the stream went on */

void
request_init(void)
{
	build_table = get_relname_relid("build", get_namespace_oid("weir", true));
}

void
request_set_monitors(List *monitors)
{
	captured = monitors;
}

/* Nothing is kept for what follows deletes.  A build of the kind 'build' comes with a definition, which may ignore them from now
 * on. */
static bool
keeps_nothing(Relation relation, HeapTuple inserted)
{
	bool		is_null;
	int			monitor_id = DatumGetInt32(heap_getattr(inserted, MONITOR_ID, RelationGetDescr(relation), &is_null));
	Datum		kind = heap_getattr(inserted, KIND, RelationGetDescr(relation), &is_null);
	ListCell   *cell;

	if (strcmp(TextDatumGetCString(kind), "build") == 0)
		return false;
	foreach(cell, captured)
	{
		CapturedMonitor *monitor = lfirst(cell);

		if (monitor->monitor_id == monitor_id)
			return monitor->retracts_deletes;
	}
	return false;
}

void
request_note(TransactionId top_xid, TransactionId xid, Relation relation, HeapTuple inserted)
{
	MemoryContext old;
	Request	   *request;
	bool		is_null;

	if (RelationGetRelid(relation) != build_table || keeps_nothing(relation, inserted))
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	request = palloc(sizeof(Request));
	request->top_xid = top_xid;
	request->xid = xid;
	request->build_id = DatumGetInt32(heap_getattr(inserted, BUILD_ID, RelationGetDescr(relation), &is_null));
	noted = lappend(noted, request);
	MemoryContextSwitchTo(old);
}

void
request_abort(TransactionId top_xid, TransactionId xid)
{
	ListCell   *cell;

	foreach(cell, noted)
	{
		Request	   *request = lfirst(cell);

		if (request->top_xid != top_xid || (request->xid != xid && xid != top_xid))
			continue;
		noted = foreach_delete_current(noted, cell);
		pfree(request);
	}
}

void
request_commit(TransactionId top_xid)
{
	ListCell   *cell;
	MemoryContext old;

	if (noted == NIL)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	foreach(cell, noted)
	{
		Request	   *request = lfirst(cell);

		if (request->top_xid != top_xid)
			continue;
		builds = lappend_int(builds, request->build_id);
		pending_xid = top_xid;
		pending_since = GetCurrentTimestamp();
		noted = foreach_delete_current(noted, cell);
		pfree(request);
	}
	MemoryContextSwitchTo(old);
}

bool
request_is_pending(void)
{
	return builds != NIL;
}

static bool
is_unseen(TransactionId xid, Snapshot snapshot)
{
	return TransactionIdIsValid(xid) && XidInMVCCSnapshot(xid, snapshot);
}

bool
request_must_wait(Snapshot snapshot)
{
	if (!is_unseen(passed_xid, snapshot))
		passed_xid = InvalidTransactionId;
	if (builds == NIL || !is_unseen(pending_xid, snapshot))
		return false;
	/* While the standby is silent, the next one waits for it too. */
	if (!TransactionIdIsValid(passed_xid))
	{
		if (!TimestampDifferenceExceeds(pending_since, GetCurrentTimestamp(), PATIENCE_MS))
			return true;
		passed_xid = pending_xid;
	}
	ereport(
		LOG,
		(errmsg("weir goes on while transaction %u, which asks for a build, is committed and not yet visible", pending_xid),
		 errdetail(
			 "Of rows that are deleted until it is, nothing is kept for the build: panes that lost some stay as they are, a new "
			 "monitor is marked inexact."),
		 errhint("A synchronous standby may not answer: see synchronous_standby_names.")));
	request_taken();
	return false;
}

ArrayType *
request_builds(void)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(builds), 1));
	ListCell   *cell;

	foreach(cell, builds)
		values[foreach_current_index(cell)] = Int32GetDatum(lfirst_int(cell));
	return construct_array(values, list_length(builds), INT4OID, sizeof(int32), true, TYPALIGN_INT);
}

void
request_taken(void)
{
	list_free(builds);
	builds = NIL;
}
