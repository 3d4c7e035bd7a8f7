/*
 * trailing.c
 *		The merge of the slices of the last so much time, moving forward.
 *
 * Summaries are not taken back out of a merge: that can leave it coarser than a fresh one.  Instead two stacks make a queue: the
 *front holds, for each of its slices, the merge of that slice with all newer ones of the front; the back is merged as it grows.
 *When the front is empty the back moves over.  Each slice is merged about three times, however long the time looked back on.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "monitor/windows.h"
#include "utils/memutils.h"

typedef struct Slice
{
	TimestampTz start;
	Datum	   *packed;			/* in front: merged with all newer ones of the front */
} Slice;

struct Trailing
{
	MemoryContext context;
	int			n_summaries;
	List	   *front;			/* oldest last */
	List	   *back;			/* oldest first */
	Bundle	   *back_merge;
};

Trailing *
trailing_create(MemoryContext context, int n_summaries)
{
	Trailing   *trailing = MemoryContextAllocZero(context, sizeof(Trailing));

	trailing->context = context;
	trailing->n_summaries = n_summaries;
	trailing->back_merge = bundle_create(context, n_summaries, 0);
	return trailing;
}

void
trailing_push(Trailing *trailing, TimestampTz start, Datum *packed)
{
	MemoryContext old = MemoryContextSwitchTo(trailing->context);
	Slice	   *slice = palloc(sizeof(Slice));

	slice->start = start;
	slice->packed = packed;
	trailing->back = lappend(trailing->back, slice);
	bundle_add_packed(trailing->back_merge, packed);
	MemoryContextSwitchTo(old);
}

static void
slice_free(Trailing *trailing, Slice *slice)
{
	packed_free(slice->packed, trailing->n_summaries);
	pfree(slice);
}

/* Moves the back to the front, but for what begins before limit. */
static void
move_over(Trailing *trailing, TimestampTz limit)
{
	MemoryContext old = MemoryContextSwitchTo(trailing->context);
	Bundle	   *merge = bundle_create(trailing->context, trailing->n_summaries, 0);

	for (int i = list_length(trailing->back) - 1; i >= 0; i--)
	{
		Slice	   *slice = list_nth(trailing->back, i);

		CHECK_FOR_INTERRUPTS();
		if (slice->start < limit)
		{
			slice_free(trailing, slice);
			continue;
		}
		bundle_add_packed(merge, slice->packed);
		packed_free(slice->packed, trailing->n_summaries);
		slice->packed = bundle_pack(merge, trailing->context);
		trailing->front = lappend(trailing->front, slice);
	}
	list_free(trailing->back);
	trailing->back = NIL;
	bundle_reset(trailing->back_merge);
	bundle_free(merge);
	MemoryContextSwitchTo(old);
}

void
trailing_evict(Trailing *trailing, TimestampTz limit)
{
	while (trailing->front != NIL && ((Slice *) llast(trailing->front))->start < limit)
	{
		slice_free(trailing, llast(trailing->front));
		trailing->front = list_delete_last(trailing->front);
	}
	if (trailing->front == NIL && trailing->back != NIL && ((Slice *) linitial(trailing->back))->start < limit)
		move_over(trailing, limit);
}

Datum *
trailing_merge(Trailing *trailing, MemoryContext context)
{
	Bundle	   *merge;
	Datum	   *result;

	if (trailing->front == NIL && trailing->back == NIL)
		return NULL;
	if (trailing->front == NIL)
		return bundle_pack(trailing->back_merge, context);
	merge = bundle_create(context, trailing->n_summaries, 0);
	bundle_add_packed(merge, ((Slice *) llast(trailing->front))->packed);
	bundle_add(merge, trailing->back_merge);
	result = bundle_pack(merge, context);
	bundle_free(merge);
	return result;
}
