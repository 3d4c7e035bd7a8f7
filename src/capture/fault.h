/*
 * fault.h
 *		Faults on purpose, for tests: the worker dies, fails or waits at a named point.  For this room, and the rooms that follow it
 *		with workers of their own.
 */
#ifndef WEIR_CAPTURE_FAULT_H
#define WEIR_CAPTURE_FAULT_H

/*
 * The points, in the order in which a change passes them.  weir.fault names one: 'point[:action[:times[:every]]]', action kill
 * (the default: SIGKILL to itself, so the server restarts all its processes), exit (without cleaning up, likewise), error (an
 * ordinary error: the worker starts again), memory (the error that memory has run out) or wait (until the setting changes).  Every
 * every-th pass fires, up to times in all (1 by default, 0 for ever); how often it fired is kept in the file weir_fault_<database>
 * of the data directory, so that it survives the restart it causes, until another setting fires.  An empty setting stops it and
 * counts nothing, so the file stays: the same text again goes on counting.  Another text for the same, such as with ":1" added,
 * counts from the beginning.
 */
typedef enum FaultPoint
{
	FAULT_CHANGE,				/* before a change of a transaction that is over is folded */
	FAULT_FOLD,					/* before a change is folded for a monitor, once for each */
	FAULT_COMMIT,				/* a transaction was folded; not flushed */
	FAULT_STREAM_CHANGE,		/* before a change of a transaction in progress is folded */
	FAULT_STREAM_ABORT,			/* before a (sub)transaction in progress is forgotten */
	FAULT_STREAM_COMMIT,		/* before partial panes are merged */
	FAULT_STREAM_MERGED,		/* after it */
	FAULT_DEFINITIONS,			/* while definitions are loaded: builds are prepared, monitors not yet read */
	FAULT_FLUSH_BEGIN,			/* the transaction of a flush has begun */
	FAULT_FLUSH_DECIDED,		/* whether panes are written in it is decided */
	FAULT_PANE_WRITTEN,			/* after each pane, within that transaction */
	FAULT_LIMIT_LOWERED,		/* segments were put together, within that transaction */
	FAULT_FLUSH_WRITTEN,		/* panes and position are written, not committed */
	FAULT_FLUSH_COMMITTED,		/* committed and flushed to disk; memory does not know yet */
	FAULT_BEFORE_CONFIRM,
	FAULT_AFTER_CONFIRM,
	FAULT_PLAN,					/* a builder is about to plan a build */
	FAULT_CUT,					/* before the snapshot of a slice is taken, where everything is flushed */
	FAULT_CUT_TAKEN,			/* a builder has the snapshot of its slice; what capture says of the cut is not committed */
	FAULT_CUT_COMMITTED,		/* committed; capture does not fold by it yet */
	FAULT_SLICE_READ,			/* a builder has read a slice of its table; its panes are not written */
	FAULT_SLICE_WRITTEN,		/* they are written, not committed */
	FAULT_SLICE_COMMITTED,
	FAULT_SLICE_STEP,			/* a step of finishing a slice is done, not committed */
	FAULT_GAP_WRITTEN,			/* a gap is recorded and the position forgotten, not committed */
	FAULT_GAP_COMMITTED,		/* committed; the slot is still there */
	FAULT_SLOT_CREATED,			/* a slot is there, without a position that is stored */
	FAULT_POSITION_STORED,
	FAULT_LABELS_WRITTEN,		/* a table of predictions with their labels has the rows of keys that changed, not committed */
	FAULT_LABELS_COMMITTED,
	FAULT_LEARNER_BEGUN,		/* the rows of before of a learner are put in front, not committed */
	FAULT_LEARNER_READ,			/* the state of a learner was read into memory */
	FAULT_LEARNER_APPLIED,		/* the worker that feeds learners has applied a chunk of changes in memory */
	FAULT_LEARNER_STORED,		/* the state of a learner is written, not committed */
	FAULT_LEARNER_COMMITTED,
	FAULT_POINTS
} FaultPoint;

extern bool fault_is_set;

extern void fault_reach(FaultPoint point);

#define FAULT(point) \
	do \
	{ \
		if (unlikely(fault_is_set)) \
			fault_reach(point); \
	} while (0)

/* From capture_init: the setting. */
extern void fault_init(void);

#endif
