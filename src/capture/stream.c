/*
 * stream.c
 *		The stream of committed changes: slot, output plugin, in-process decoding.
 *
 * The plugin is weir's own and serves only the worker that opened the stream in the same process.  Decoding contexts are created
 *inside a transaction: one created outside would let vacuum ignore this backend's snapshots until the slot is released
 *(PROC_IN_LOGICAL_DECODING).
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "access/xlogreader.h"
#include "access/xlogutils.h"
#include "base/compat.h"
#include "capture/definition.h"
#include "capture/fault.h"
#include "capture/fold.h"
#include "capture/moves.h"
#include "capture/request.h"
#include "capture/slot.h"
#include "capture/stream.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/decode.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "replication/slot.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

/* A record that is only partly flushed will be complete soon. */
#define PARTIAL_RECORD_WAIT_MS 2

/* So much WAL is read at a time where there is as much, in whole pages. */
#define READ_AHEAD (16 * XLOG_BLCKSZ)

/* So many changes are read before it is looked again what the slot keeps. */
#define CHANGES_UNLOOKED 1024

/* What is fetched of a tuple beforehand: its header and the first columns; the processor goes on from there. */
#define CACHE_LINE 64
#define PREFETCHED_TUPLE 256

PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

static LogicalDecodingContext *stream = NULL;
static MemoryContext stream_context;
static bool opening = false;
static bool is_past_budget = false;
static XLogRecPtr position;
static TimestampTz last_commit_at;
static int64 untold_bytes;		/* decoded, for the statistics of the slot */

/* Transactions that were decoded and whose end other backends may not see yet. */
static TransactionId *decoded_transactions;
static int	n_decoded_transactions;
static int	decoded_capacity;

/* ---- output plugin ---- */

static void
plugin_startup(LogicalDecodingContext *context, OutputPluginOptions *options, bool is_init)
{
	if (!opening)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("output plugin \"weir\" serves weir's own worker only"),
				 errhint("Use pgoutput or test_decoding to read changes yourself.")));
	options->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
}

static void
plugin_begin(LogicalDecodingContext *context, ReorderBufferTXN *transaction)
{
	fold_begin(transaction->xid, transaction->end_lsn);
}

typedef struct DecodedChange
{
	HeapTuple	old_tuple;
	HeapTuple	new_tuple;
	bool		old_complete;
	bool		is_insert;
	MoveAnswer	moves;
} DecodedChange;

/*
 * The changes of a transaction lie about in memory, cold: those that come next are fetched while this one is folded.  Spilled ones
 * change lists while they are handed out, so that nothing is known of what follows.
 */
static inline void
prefetch_next(const ReorderBufferChange *change)
{
	ReorderBufferTXN *transaction = change->txn;
	dlist_node *end = &transaction->changes.head;
	dlist_node *next = change->node.next;

	if (transaction->nentries != transaction->nentries_mem || next == end)
		return;
	if (next->next != end)
	{
		const char *after_next = (const char *) dlist_container(ReorderBufferChange, node, next->next);

		for (size_t i = 0; i < sizeof(ReorderBufferChange); i += CACHE_LINE)
			__builtin_prefetch(after_next + i);
	}
	/* Where it is no change of a row this is no address, which harms nobody. */
	for (size_t i = 0; i < PREFETCHED_TUPLE; i += CACHE_LINE)
		__builtin_prefetch((const char *) dlist_container(ReorderBufferChange, node, next)->data.tp.newtuple + i);
}

/* False when it is no change of a row. */
static bool
read_change(Relation relation, ReorderBufferChange *change, DecodedChange *decoded)
{
	*decoded = (DecodedChange){.old_complete = relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL};
	switch (change->action)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
			decoded->new_tuple = DECODED_TUPLE(change->data.tp.newtuple);
			decoded->old_complete = decoded->is_insert = true;
			return true;
		case REORDER_BUFFER_CHANGE_UPDATE:
			decoded->old_tuple = DECODED_TUPLE(change->data.tp.oldtuple);
			decoded->new_tuple = DECODED_TUPLE(change->data.tp.newtuple);
			decoded->old_complete &= decoded->old_tuple != NULL;
			return true;
		case REORDER_BUFFER_CHANGE_DELETE:
			decoded->old_tuple = DECODED_TUPLE(change->data.tp.oldtuple);
			decoded->old_complete &= decoded->old_tuple != NULL;
			decoded->moves = moves_find(change->lsn);
			return true;
		default: return false;
	}
}

static void
let_go_when_past_budget(void)
{
	if (!slot_keeps_too_much())
		return;
	definition_blame(0);
	is_past_budget = true;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("the slot of weir keeps more WAL than weir.max_wal while one transaction is read")));
}

/* One transaction may take longer to read than its budget of WAL lasts. */
static inline void
look_at_budget(void)
{
	static int	changes = 0;

	if (++changes % CHANGES_UNLOOKED == 0)
		let_go_when_past_budget();
}

bool
stream_is_past_budget(void)
{
	return is_past_budget;
}

static void
plugin_change(LogicalDecodingContext *context, ReorderBufferTXN *transaction, Relation relation, ReorderBufferChange *change)
{
	DecodedChange decoded;

	prefetch_next(change);
	look_at_budget();
	if (!read_change(relation, change, &decoded))
		return;
	FAULT(FAULT_CHANGE);
	if (decoded.is_insert)
		request_note(transaction->xid, transaction->xid, relation, decoded.new_tuple);
	fold_change(relation, decoded.old_tuple, decoded.new_tuple, decoded.old_complete, decoded.moves);
}

static void
plugin_truncate(LogicalDecodingContext *context, ReorderBufferTXN *transaction, int n_relations, Relation relations[],
				ReorderBufferChange *change)
{
	Oid		   *ids = palloc(sizeof(Oid) * n_relations);

	for (int i = 0; i < n_relations; i++)
		ids[i] = RelationGetRelid(relations[i]);
	fold_truncate(n_relations, ids);
	pfree(ids);
}

static void
remember_decoded(TransactionId xid)
{
	if (n_decoded_transactions == decoded_capacity)
	{
		decoded_capacity = Max(64, decoded_capacity * 2);
		decoded_transactions = decoded_transactions == NULL
			? MemoryContextAlloc(TopMemoryContext, decoded_capacity * sizeof(TransactionId))
			: repalloc_huge(decoded_transactions, decoded_capacity * sizeof(TransactionId));
	}
	decoded_transactions[n_decoded_transactions++] = xid;
}

/*
 * The decoder tells the statistics of the slot after each transaction, as long as there is something to tell; after many small ones
 * at once is as good, and cheaper.
 */
static void
keep_statistics(ReorderBuffer *buffer)
{
	untold_bytes += buffer->totalBytes;
	buffer->totalBytes = 0;
}

static void
tell_statistics(void)
{
	stream->reorder->totalBytes += untold_bytes;
	untold_bytes = 0;
	UpdateDecodingStats(stream);
}

static void
plugin_commit(LogicalDecodingContext *context, ReorderBufferTXN *transaction, XLogRecPtr commit_lsn)
{
	keep_statistics(context->reorder);
	fold_commit(COMMIT_TIME_OF(transaction));
	last_commit_at = COMMIT_TIME_OF(transaction);
	remember_decoded(transaction->xid);
	request_commit(transaction->xid);
	FAULT(FAULT_COMMIT);
}

/* ---- transactions in progress ---- */

/*
 * Large transactions arrive in blocks before they are over.  The transaction that the callbacks are given is the top one, except in
 * stream_abort; a change tells its own.
 */
static void
plugin_stream_start(LogicalDecodingContext *context, ReorderBufferTXN *transaction)
{
	fold_stream_start(transaction->xid);
}

static void
plugin_stream_stop(LogicalDecodingContext *context, ReorderBufferTXN *transaction)
{
	fold_stream_stop();
}

static void
plugin_stream_change(LogicalDecodingContext *context, ReorderBufferTXN *transaction, Relation relation, ReorderBufferChange *change)
{
	DecodedChange decoded;

	prefetch_next(change);
	look_at_budget();
	if (!read_change(relation, change, &decoded))
		return;
	FAULT(FAULT_STREAM_CHANGE);
	if (decoded.is_insert)
		request_note(transaction->xid, change->txn->xid, relation, decoded.new_tuple);
	fold_stream_change(change->txn->xid, relation, decoded.old_tuple, decoded.new_tuple, decoded.old_complete, decoded.moves);
}

static void
plugin_stream_truncate(LogicalDecodingContext *context, ReorderBufferTXN *transaction, int n_relations, Relation relations[],
					   ReorderBufferChange *change)
{
	Oid		   *ids = palloc(sizeof(Oid) * n_relations);

	for (int i = 0; i < n_relations; i++)
		ids[i] = RelationGetRelid(relations[i]);
	fold_stream_truncate(change->txn->xid, n_relations, ids);
	pfree(ids);
}

/* Of what a crash left, only the top transaction is aborted, without a position. */
static void
plugin_stream_abort(LogicalDecodingContext *context, ReorderBufferTXN *transaction, XLogRecPtr abort_lsn)
{
	TransactionId top_xid = transaction->toptxn != NULL ? transaction->toptxn->xid : transaction->xid;

	FAULT(FAULT_STREAM_ABORT);
	request_abort(top_xid, transaction->xid);
	fold_stream_abort(top_xid, transaction->xid);
}

static void
plugin_stream_commit(LogicalDecodingContext *context, ReorderBufferTXN *transaction, XLogRecPtr commit_lsn)
{
	FAULT(FAULT_STREAM_COMMIT);
	fold_stream_commit(transaction->xid, transaction->end_lsn);
	FAULT(FAULT_STREAM_MERGED);
	plugin_commit(context, transaction, commit_lsn);
}

static bool
plugin_filter_by_origin(LogicalDecodingContext *context, ReplOriginId origin)
{
	return origin != InvalidReplOriginId && origin == SESSION_ORIGIN;
}

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	callbacks->startup_cb = plugin_startup;
	callbacks->begin_cb = plugin_begin;
	callbacks->change_cb = plugin_change;
	callbacks->truncate_cb = plugin_truncate;
	callbacks->commit_cb = plugin_commit;
	callbacks->filter_by_origin_cb = plugin_filter_by_origin;
	callbacks->stream_start_cb = plugin_stream_start;
	callbacks->stream_stop_cb = plugin_stream_stop;
	callbacks->stream_change_cb = plugin_stream_change;
	callbacks->stream_truncate_cb = plugin_stream_truncate;
	callbacks->stream_abort_cb = plugin_stream_abort;
	callbacks->stream_commit_cb = plugin_stream_commit;
	/* No two-phase callbacks: a prepared transaction arrives when it is committed. */
}

/* ---- reading WAL ---- */

/* What was read of WAL lately: pages from the first on, and of the last perhaps its beginning. */
static char *wal_read = NULL;
static XLogRecPtr wal_read_first;
static int	wal_read_length;
static TimeLineID wal_read_timeline;

/* Fills what was read anew, from this page on; of its segment only, for the reader goes by the one that was opened last. */
static void
read_wal(XLogReaderState *reader, XLogRecPtr page, XLogRecPtr flushed)
{
	WALReadError error;
	int			left = wal_segment_size - (int) XLogSegmentOffset(page, wal_segment_size);
	int			length = (int) Min((XLogRecPtr) Min(READ_AHEAD, left), flushed - page);

	if (wal_read == NULL)
		wal_read = MemoryContextAlloc(TopMemoryContext, READ_AHEAD);
	wal_read_length = 0;
	if (!WALRead(reader, wal_read, page, length, reader->currTLI, &error))
		WALReadRaiseError(&error);
	wal_read_first = page;
	wal_read_length = length;
	wal_read_timeline = reader->currTLI;
}

/*
 * Unlike read_local_xlog_page this waits on the latch, and unlike read_local_xlog_page_no_wait it leaves the reader's private data
 * alone, which is the decoding context.
 *
 * Nobody sets the latch for new WAL, so both this and the idle loop look now and then.  The server wakes those of its walsender
 * array, which a background worker has no place in; since 16 by condition variables, which one could join, but then every commit
 * would pay for waking capture, and capture would begin a transaction for each, where now it reads what 20 ms have brought.
 */
static int
read_page(XLogReaderState *reader, XLogRecPtr page, int wanted_length, XLogRecPtr target, char *buffer)
{
	XLogRecPtr	flushed;
	int			length;

	/* A new slot waits for the transactions that run, and keeps WAL meanwhile. */
	if (stream == NULL)
		let_go_when_past_budget();
	while ((flushed = GetFlushRecPtr(NULL)) < page + wanted_length)
	{
		worker_wait(PARTIAL_RECORD_WAIT_MS);
		if (stream == NULL)
			let_go_when_past_budget();
	}

	XLogReadDetermineTimeline(reader, page, wanted_length, GetWALInsertionTimeLine());
	if (page < wal_read_first || page + wanted_length > wal_read_first + wal_read_length || reader->currTLI != wal_read_timeline)
		read_wal(reader, page, flushed);
	length = (int) Min((XLogRecPtr) XLOG_BLCKSZ, wal_read_first + wal_read_length - page);
	memcpy(buffer, wal_read + (page - wal_read_first), length);
	return length;
}

/* ---- slot ---- */

const char *
stream_slot_name(void)
{
	static char name[NAMEDATALEN];

	snprintf(name, sizeof(name), "weir_%u", MyDatabaseId);
	return name;
}

bool
stream_slot_exists(void)
{
	return SearchNamedReplicationSlot(stream_slot_name(), true) != NULL;
}

XLogRecPtr
stream_slot_confirmed(void)
{
	ReplicationSlot *slot = SearchNamedReplicationSlot(stream_slot_name(), true);
	XLogRecPtr	confirmed;

	if (slot == NULL || SLOT_IS_INVALIDATED(slot))
		return InvalidXLogRecPtr;
	SpinLockAcquire(&slot->mutex);
	confirmed = slot->data.confirmed_flush;
	SpinLockRelease(&slot->mutex);
	return confirmed;
}

static XLogReaderRoutine reader_routine = {.page_read = read_page,
										   .segment_open = wal_segment_open,
										   .segment_close = wal_segment_close};

/* A context that was created outside a transaction would let vacuum remove rows that this worker's ordinary queries still see. */
static void
require_honoured_snapshots(void)
{
	if (MyProc->statusFlags & PROC_IN_LOGICAL_DECODING)
		elog(ERROR, "vacuum would ignore the snapshots of the capture worker");
}

XLogRecPtr
stream_create_slot(void)
{
	LogicalDecodingContext *context;
	XLogRecPtr	start;
	MemoryContext old;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	old = MemoryContextSwitchTo(TopMemoryContext); /* the decoding context outlives this transaction */
	check_logical_decoding_requirements();
	replication_slot_create(stream_slot_name());
	opening = true;
	context = create_init_decoding_context("weir", &reader_routine);
	opening = false;
	require_honoured_snapshots();
	MemoryContextSwitchTo(old);
	CommitTransactionCommand();

	/* Waits for running transactions to end; holds none of its own meanwhile. */
	DecodingContextFindStartpoint(context);
	start = MyReplicationSlot->data.confirmed_flush;
	FreeDecodingContext(context);
	ReplicationSlotPersist();
	ReplicationSlotRelease();
	return start;
}

void
stream_drop_slot(void)
{
	if (stream_slot_exists())
		ReplicationSlotDrop(stream_slot_name(), true);
}

/* ---- stream ---- */

void
stream_open(XLogRecPtr from)
{
	MemoryContext old;

	stream_context = AllocSetContextCreate(TopMemoryContext, "weir stream", ALLOCSET_DEFAULT_SIZES);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	old = MemoryContextSwitchTo(stream_context);
	replication_slot_acquire(stream_slot_name());
	opening = true;
	stream = CreateDecodingContext(from, NIL, false, &reader_routine, NULL, NULL, NULL);
	opening = false;
	require_honoured_snapshots();
	request_init();
	MemoryContextSwitchTo(old);
	CommitTransactionCommand();
	wal_read_length = 0;

	/* The relation caches may hold what an earlier historic snapshot put there. */
	InvalidateSystemCaches();
	XLogBeginRead(stream->reader, MyReplicationSlot->data.restart_lsn);
	position = from;
}

bool
stream_read(int milliseconds)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz end = TimestampTzPlusMilliseconds(now, milliseconds);
	MemoryContext old = CurrentMemoryContext;
	XLogRecPtr	flushed = GetFlushRecPtr(NULL);
	ResourceOwner owner;
	int			records = 0;
	bool		caught_up = false;

	if (request_is_pending())
		return false;
	if (stream->reader->EndRecPtr >= flushed)
		return true;

	/* Within a transaction the decoder opens a subtransaction for each that it replays, which costs half as much as a transaction.
	 */
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	owner = CurrentResourceOwner;
	MemoryContextSwitchTo(stream_context);
	fold_tick(now);
	for (;;)
	{
		char	   *error = NULL;
		XLogRecord *record;

		/* A record ends on a page's last byte: the next begins behind the page's header, which may not be written for a long time.
		 */
		if (stream->reader->EndRecPtr >= flushed && stream->reader->EndRecPtr >= (flushed = GetFlushRecPtr(NULL)))
		{
			caught_up = true;
			break;
		}

		/*
		 * What was replayed in a subtransaction, or only its invalidations, leaves the transaction's memory context behind; the
		 * buffer that the reader makes for a long record must outlive the transaction.
		 */
		MemoryContextSwitchTo(stream_context);
		CurrentResourceOwner = owner;
		record = XLogReadRecord(stream->reader, &error);
		if (record == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("could not read WAL at %X/%X: %s", LSN_FORMAT_ARGS(stream->reader->EndRecPtr),
							error ? error : "no message")));
		moves_note(stream->reader);
		LogicalDecodingProcessRecord(stream, stream->reader);
		position = Max(position, stream->reader->EndRecPtr);
		CHECK_FOR_INTERRUPTS();
		/* What was committed later is folded with the build in mind. */
		if (request_is_pending())
			break;
		if (++records % 256 != 0)
			continue;
		now = GetCurrentTimestamp();
		fold_tick(now);
		if (now >= end)
			break;
	}
	CurrentResourceOwner = owner;
	tell_statistics();
	CommitTransactionCommand();
	MemoryContextSwitchTo(old);
	return caught_up;
}

XLogRecPtr
stream_position(void)
{
	return position;
}

XLogRecPtr
stream_record(void)
{
	return stream->reader->ReadRecPtr;
}

void
stream_confirm(XLogRecPtr confirmed)
{
	ReorderBufferTXN *oldest = ReorderBufferGetOldestTXN(stream->reorder);

	LogicalConfirmReceivedLocation(confirmed);
	moves_forget_before(oldest != NULL ? oldest->first_lsn : confirmed);

	/* The slot's own requirements are computed lazily otherwise; a server that restarts soon would keep more WAL than needed. */
	ReplicationSlotMarkDirty();
}

TimestampTz
stream_last_commit_at(void)
{
	return last_commit_at;
}

void
stream_forget_ended(Snapshot snapshot)
{
	int			kept = 0;

	for (int i = 0; i < n_decoded_transactions; i++)
		if (XidInMVCCSnapshot(decoded_transactions[i], snapshot))
			decoded_transactions[kept++] = decoded_transactions[i];
	n_decoded_transactions = kept;
}

bool
stream_is_within(Snapshot snapshot)
{
	stream_forget_ended(snapshot);
	if (n_decoded_transactions > 0)
		return false;

	/*
	 * After a restart of this worker nothing is remembered: a transaction that wrote its commit record but waits for a standby is
	 * the case that matters.
	 */
	for (uint32 i = 0; i < snapshot->xcnt; i++)
		if (TransactionIdDidCommit(snapshot->xip[i]))
			return false;
	return true;
}
