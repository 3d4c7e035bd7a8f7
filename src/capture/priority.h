/*
 * priority.h
 *		How much processor time capture and builders may take from others.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_PRIORITY_H
#define WEIR_CAPTURE_PRIORITY_H

#include "postgres.h"

/* Gives this process the priority that weir.capture_nice says, where that is lower than the present one. */
extern void priority_lower(void);

/* The setting asks for a higher one, which only a new process can have. */
extern bool priority_wants_new_process(void);

extern void priority_init(void);

#endif
