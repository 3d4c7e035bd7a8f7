/*
 * loop.h
 *		The loop of the capture worker.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_LOOP_H
#define WEIR_CAPTURE_LOOP_H

#include "postgres.h"

#include "access/xlogdefs.h"

/* Captures the database; returns when the worker has to end, or to begin again. Outside any transaction. */
extern void loop_run(void);

/* The position of the stream up to which everything is stored. */
extern XLogRecPtr loop_position(void);

#endif
