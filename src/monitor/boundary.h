/*
 * boundary.h
 *		An error boundary within a task: what fails is undone, and its error told.
 */
#ifndef WEIR_MONITOR_BOUNDARY_H
#define WEIR_MONITOR_BOUNDARY_H

#include "postgres.h"

/* NULL when run(argument) succeeded, else its error, everything it did undone. Cancellation and shutdown are raised again. */
extern ErrorData *run_behind_boundary(void (*run)(void *argument), void *argument);

/* An error that is what failed's own fault, as against one that passes. */
extern bool error_is_lasting(int sqlstate);

#endif
