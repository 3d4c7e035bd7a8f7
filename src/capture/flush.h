/*
 * flush.h
 *		Writes what was folded: panes, states of monitors and the position, in one transaction.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_FLUSH_H
#define WEIR_CAPTURE_FLUSH_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "nodes/pg_list.h"

/* True when there is something to write besides the position. */
extern bool flush_is_needed(List *monitors);

/* True when panes are not in the table as they were folded; the state of a monitor that somebody has locked may wait longer. */
extern bool flush_has_rows(List *monitors);

/* Writes everything, position included. Inside a transaction and an SPI scope. */
extern void flush_write(List *monitors, XLogRecPtr position);

/* After that transaction was committed. */
extern void flush_committed(List *monitors);

#endif
