/*
 * blame.h
 *		For whom the worker failed, or died, and how often: remembered across its restarts.  Inside this room only.
 *
 * An ordinary error of a monitor sets it aside at once.  Where memory runs out, or the process dies, somebody else may be the
 * cause; but when that happens for the same monitor again and again, and capture gets no further, it is set aside as well.
 */
#ifndef WEIR_CAPTURE_BLAME_H
#define WEIR_CAPTURE_BLAME_H

#include "postgres.h"

#include "access/xlogdefs.h"

/*
 * Has definition_blame write where the next process finds it.  Returns the monitor that the last process died for too often, with
 * the reason, or 0.  position is where the stream begins.
 */
extern int	blame_open(XLogRecPtr position, const char **reason);

/* One more failure of the monitor; true when they are too many.  position is what is stored by now. */
extern bool blame_count(int monitor_id, XLogRecPtr position);

/* Capture retires from the database, or it is dropped. */
extern void blame_forget(Oid database);

#endif
