/*
 * verification.h
 *		Requests of verify(), which stand in shared memory: each becomes a build, whose number its caller is told.  Inside this room
 *		only.
 */
#ifndef WEIR_CAPTURE_VERIFICATION_H
#define WEIR_CAPTURE_VERIFICATION_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Whether one waits. */
extern bool verification_is_asked(void);

/*
 * Within an SPI scope.  Makes builds of those that wait; ends builds whose callers were cancelled or have ended.  True when builds
 * must be loaded again.
 */
extern bool verification_take(void);
extern bool verification_abandon(List *monitors);

/* When the transaction that took them is committed. */
extern void verification_tell(void);

#endif
