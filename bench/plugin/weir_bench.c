/*
 * weir_bench.c
 *		What capture is measured against: an output plugin that deforms each new row and does nothing with it, drained in-process.
 *
 * Any capture that reads these columns through logical decoding does at least this much.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "access/xlogreader.h"
#include "access/xlogutils.h"
#include "base/compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "replication/decode.h"
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "replication/slot.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/resowner.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

static int64 n_rows;
static bool in_progress = false;
static volatile Datum sink;		/* so that no compiler leaves the work out */

static void
plugin_startup(LogicalDecodingContext *context, OutputPluginOptions *options, bool is_init)
{
	options->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
	context->streaming &= in_progress;
}

static void
plugin_begin(LogicalDecodingContext *context, ReorderBufferTXN *transaction)
{
}

static void
plugin_commit(LogicalDecodingContext *context, ReorderBufferTXN *transaction, XLogRecPtr commit_lsn)
{
}

static void
plugin_change(LogicalDecodingContext *context, ReorderBufferTXN *transaction, Relation relation, ReorderBufferChange *change)
{
	Datum		values[MaxHeapAttributeNumber];
	bool		nulls[MaxHeapAttributeNumber];
	HeapTuple	tuple;

	/* Only the tables of the benchmark: what else is written meanwhile is not the matter. */
	if (change->action != REORDER_BUFFER_CHANGE_INSERT || strncmp(RelationGetRelationName(relation), "bench_", 6) != 0)
		return;
	tuple = DECODED_TUPLE(change->data.tp.newtuple);
	heap_deform_tuple(tuple, RelationGetDescr(relation), values, nulls);
	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
		if (!nulls[i])
			sink = values[i];
	n_rows++;
}

static void
plugin_block(LogicalDecodingContext *context, ReorderBufferTXN *transaction)
{
}

/* Changes that were written under an origin are weir's own here: its capture leaves them out too. */
static bool
plugin_filter_by_origin(LogicalDecodingContext *context, RepOriginId origin)
{
	return origin != InvalidRepOriginId;
}

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	callbacks->startup_cb = plugin_startup;
	callbacks->begin_cb = plugin_begin;
	callbacks->change_cb = plugin_change;
	callbacks->commit_cb = plugin_commit;
	callbacks->filter_by_origin_cb = plugin_filter_by_origin;
	callbacks->stream_start_cb = plugin_block;
	callbacks->stream_stop_cb = plugin_block;
	callbacks->stream_change_cb = plugin_change;
	callbacks->stream_abort_cb = plugin_commit;
	callbacks->stream_commit_cb = plugin_commit;
}

PG_FUNCTION_INFO_V1(weir_bench_drain);
Datum
weir_bench_drain(PG_FUNCTION_ARGS)
{
	ResourceOwner owner = CurrentResourceOwner;
	XLogRecPtr	end = GetFlushRecPtr(NULL);
	LogicalDecodingContext *context;
	TupleDesc	row_type;
	instr_time	start;
	instr_time	duration;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	if (get_call_result_type(fcinfo, NULL, &row_type) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	INSTR_TIME_SET_CURRENT(start);
	n_rows = 0;
	in_progress = PG_GETARG_BOOL(1);
	replication_slot_acquire(NameStr(*PG_GETARG_NAME(0)));
	context = CreateDecodingContext(InvalidXLogRecPtr, NIL, false,
									XL_ROUTINE(.page_read = read_local_xlog_page, .segment_open = wal_segment_open,
											   .segment_close = wal_segment_close),
									NULL, NULL, NULL);
	InvalidateSystemCaches();
	XLogBeginRead(context->reader, MyReplicationSlot->data.restart_lsn);
	while (context->reader->EndRecPtr < end)
	{
		char	   *error = NULL;

		if (XLogReadRecord(context->reader, &error) == NULL)
			elog(ERROR, "could not read WAL: %s", error != NULL ? error : "no message");
		LogicalDecodingProcessRecord(context, context->reader);
		CHECK_FOR_INTERRUPTS();
	}
	CurrentResourceOwner = owner;
	LogicalConfirmReceivedLocation(context->reader->EndRecPtr);
	ReplicationSlotMarkDirty();
	FreeDecodingContext(context);
	ReplicationSlotRelease();
	InvalidateSystemCaches();
	INSTR_TIME_SET_CURRENT(duration);
	INSTR_TIME_SUBTRACT(duration, start);

	values[0] = Int64GetDatum(n_rows);
	values[1] = Float8GetDatum(INSTR_TIME_GET_DOUBLE(duration));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row_type), values, nulls)));
}
