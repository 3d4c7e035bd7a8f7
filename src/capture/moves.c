/*
 * moves.c
 *		Rows that moved from one partition to another.
 */
#include "postgres.h"

#include "access/heapam_xlog.h"
#include "access/rmgr.h"
#include "capture/moves.h"
#include "utils/memutils.h"

/* 32 MB: a transaction that moves more rows is not remembered. */
#define MAX_MOVES (4 * 1024 * 1024)

static XLogRecPtr *moves = NULL; /* ascending, as records are read in order */
static int	n_moves = 0;
static int	capacity = 0;
static XLogRecPtr unknown_until = InvalidXLogRecPtr;

void
moves_note(XLogReaderState *reader)
{
	if (XLogRecGetRmid(reader) != RM_HEAP_ID || (XLogRecGetInfo(reader) & XLOG_HEAP_OPMASK) != XLOG_HEAP_DELETE ||
		(((xl_heap_delete *) XLogRecGetData(reader))->flags & XLH_DELETE_IS_PARTITION_MOVE) == 0)
		return;
	if (n_moves == MAX_MOVES)
	{
		unknown_until = moves[n_moves - 1];
		n_moves = 0;
	}
	if (n_moves == capacity)
	{
		capacity = Max(64, capacity * 2);
		moves = moves == NULL ? MemoryContextAlloc(TopMemoryContext, capacity * sizeof(XLogRecPtr))
							  : repalloc(moves, capacity * sizeof(XLogRecPtr));
	}
	moves[n_moves++] = reader->ReadRecPtr;
}

/* How many lie before it. */
static int
count_before(XLogRecPtr lsn)
{
	int			low = 0;
	int			high = n_moves;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (moves[middle] < lsn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

MoveAnswer
moves_find(XLogRecPtr lsn)
{
	int			place = count_before(lsn);

	if (place < n_moves && moves[place] == lsn)
		return MOVE_YES;
	return lsn <= unknown_until ? MOVE_UNKNOWN : MOVE_NO;
}

void
moves_forget_before(XLogRecPtr lsn)
{
	int			forgotten = count_before(lsn);

	if (forgotten == 0)
		return;
	n_moves -= forgotten;
	memmove(moves, moves + forgotten, n_moves * sizeof(XLogRecPtr));
}
