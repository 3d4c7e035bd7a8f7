/*
 * moving_merge_sql.c
 *		merge over frames that slide.
 *
 * Summaries are not taken back out of a merge: that can leave it coarser than a fresh one.  Rows leave a frame in the order in
 * which they entered, so two stacks make a queue: the front holds, for each of its summaries, the merge of it with all newer ones
 * of the front; the back is merged as it grows.  When the front is empty the back moves over.  Each summary is merged about three
 * times, whatever the size of the frame.
 */
#include "postgres.h"

#include "base/memory.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "summary/summary_datum.h"
#include "summary/summary_object.h"
#include "summary/summary_sql.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(weir_moving_merge_enter);
PG_FUNCTION_INFO_V1(weir_moving_merge_leave);
PG_FUNCTION_INFO_V1(weir_moving_merge_final);

typedef struct MovingMerge
{
	MemoryContext context;
	int			room;			/* in both stacks */
	int			n_front;
	int			n_back;
	Datum	   *front;			/* flat; the oldest last, merged with all newer ones of the front */
	Datum	   *back;			/* flat; the oldest first */
	MemoryContext merge_context;
	Summary	   *back_merge;		/* NULL: the back is empty */
} MovingMerge;

static MovingMerge *
create_state(MemoryContext context)
{
	MovingMerge *state = MemoryContextAllocZero(context, sizeof(MovingMerge));

	state->context = context;
	state->merge_context = AllocSetContextCreate(context, "weir moving merge", ALLOCSET_DEFAULT_SIZES);
	state->room = 16;
	state->front = MemoryContextAlloc(context, sizeof(Datum) * (Size) state->room);
	state->back = MemoryContextAlloc(context, sizeof(Datum) * (Size) state->room);
	return state;
}

static void
make_room(MovingMerge *state)
{
	if (state->n_back < state->room)
		return;
	if (state->room > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many summaries in a frame"),
				 errhint("Merge them into coarser ones first.")));
	state->room *= 2;
	state->front = repalloc_huge(state->front, sizeof(Datum) * (Size) state->room);
	state->back = repalloc_huge(state->back, sizeof(Datum) * (Size) state->room);
}

/* The summary in as few bytes as it takes, in the context. */
static Datum
flat_summary(const Summary *summary, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum		flat = summary_to_datum(summary);

	MemoryContextSwitchTo(old);
	return flat;
}

static void
merge_into(Summary **merge, const Summary *summary, MemoryContext context)
{
	if (*merge == NULL)
		*merge = summary_copy(allocator_in(context), summary);
	else
		summary_check_status(summary_merge(*merge, summary));
}

Datum
weir_moving_merge_enter(PG_FUNCTION_ARGS)
{
	MemoryContext context = require_aggregate_context(fcinfo);
	MovingMerge *state = PG_ARGISNULL(0) ? create_state(context) : (MovingMerge *) PG_GETARG_POINTER(0);

	if (!PG_ARGISNULL(1))
	{
		const Summary *summary = summary_borrow(PG_GETARG_DATUM(1));

		make_room(state);
		merge_into(&state->back_merge, summary, state->merge_context);
		state->back[state->n_back++] = flat_summary(summary, state->context);
	}
	PG_RETURN_POINTER(state);
}

/* The back becomes the front, without its oldest. */
static void
move_over(MovingMerge *state)
{
	MemoryContext working = AllocSetContextCreate(CurrentMemoryContext, "weir moving merge", ALLOCSET_DEFAULT_SIZES);
	Summary	   *merge = NULL;

	for (int i = state->n_back - 1; i > 0; i--)
	{
		Summary	   *summary = summary_from_datum(allocator_in(working), state->back[i]);

		CHECK_FOR_INTERRUPTS();
		merge_into(&merge, summary, working);
		summary_free(summary);
		pfree(DatumGetPointer(state->back[i]));
		state->front[state->n_front++] = flat_summary(merge, state->context);
	}
	if (state->n_back > 0)
		pfree(DatumGetPointer(state->back[0]));
	state->n_back = 0;
	state->back_merge = NULL;
	MemoryContextReset(state->merge_context);
	MemoryContextDelete(working);
}

Datum
weir_moving_merge_leave(PG_FUNCTION_ARGS)
{
	MovingMerge *state;

	require_aggregate_context(fcinfo);
	state = (MovingMerge *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		if (state->n_front > 0)
			pfree(DatumGetPointer(state->front[--state->n_front]));
		else
			move_over(state);
	}
	PG_RETURN_POINTER(state);
}

Datum
weir_moving_merge_final(PG_FUNCTION_ARGS)
{
	const MovingMerge *state = PG_ARGISNULL(0) ? NULL : (const MovingMerge *) PG_GETARG_POINTER(0);
	Summary	   *merge;

	if (state == NULL || (state->n_front == 0 && state->back_merge == NULL))
		PG_RETURN_NULL();
	if (state->n_front == 0)
		PG_RETURN_DATUM(summary_to_datum(state->back_merge));
	merge = summary_from_datum(allocator_in(CurrentMemoryContext), state->front[state->n_front - 1]);
	if (state->back_merge != NULL)
		summary_check_status(summary_merge(merge, state->back_merge));
	PG_RETURN_DATUM(summary_to_datum(merge));
}
