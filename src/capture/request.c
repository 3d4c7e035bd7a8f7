/*
 * request.c
 *		Where the stream comes to the commit of a transaction that asks for a build.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "capture/request.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

typedef struct Request
{
	TransactionId top_xid;
	TransactionId xid;
	int			build_id;
} Request;

static Oid	build_table;
static List *noted;				/* Request, of transactions that are not over */
static List *builds;			/* asked for by the one that the stream stands at */
static TransactionId pending_xid = InvalidTransactionId;

void
request_init(void)
{
	build_table = get_relname_relid("build", get_namespace_oid("weir", true));
}

void
request_note(TransactionId top_xid, TransactionId xid, Relation relation, HeapTuple inserted)
{
	MemoryContext old;
	Request	   *request;
	bool		is_null;

	if (RelationGetRelid(relation) != build_table)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	request = palloc(sizeof(Request));
	request->top_xid = top_xid;
	request->xid = xid;
	request->build_id = DatumGetInt32(heap_getattr(inserted, 1, RelationGetDescr(relation), &is_null));
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

bool
request_is_visible(Snapshot snapshot)
{
	return builds == NIL || !XidInMVCCSnapshot(pending_xid, snapshot);
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
