/*
 * slot.h
 *		Care of the replication slot: where to begin, when to let go.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_SLOT_H
#define WEIR_CAPTURE_SLOT_H

#include "postgres.h"

#include "access/xlogdefs.h"

/* Weir's own writes are marked with an origin, so that decoding skips them early. Outside any transaction. */
extern void slot_set_up_origin(void);

/* Where to begin: the stored position, or that of a new slot, with a gap recorded where there was one before. Outside any
 * transaction. */
extern XLogRecPtr slot_find_position(void);

/* Without monitors nobody needs the WAL that the slot keeps. Outside any transaction. */
extern void slot_retire(void);

#endif
