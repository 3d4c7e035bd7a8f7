/*
 * set_aside.h
 *		Monitors that stop the others.  Inside this room only.
 *
 * A change that cannot be folded would stop capture at the same place for ever: its monitor is disabled with the reason, and the
 * others go on.
 */
#ifndef WEIR_CAPTURE_SET_ASIDE_H
#define WEIR_CAPTURE_SET_ASIDE_H

#include "postgres.h"

#include "access/xlogdefs.h"

/* Disables it, and says so in the log (logged: the reason without values of rows).  Inside an SPI scope. */
extern void set_aside_disable(int monitor_id, const char *reason, const char *logged);

/*
 * For an error that was met while the monitor was worked for: disables it, unless the error may be over at the next try.  position
 * is what is stored by now.  Ends the transaction in which the error was met; outside any, then.
 */
extern void set_aside_monitor(int monitor_id, const ErrorData *error, XLogRecPtr position);

#endif
