/*
 * feed.h
 *		Learners that are fed with the rows of monitors.
 */
#ifndef WEIR_FEED_H
#define WEIR_FEED_H

#include "postgres.h"

/* From _PG_init: the service that learns. */
extern void feed_init(void);

#endif
