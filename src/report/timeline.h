/*
 * timeline.h
 *		Windows, drift, alerts, jobs and model versions on one axis of time; internal to this room.
 */
#ifndef WEIR_TIMELINE_H
#define WEIR_TIMELINE_H

#include "postgres.h"

#include "report/report.h"

/* Appends the picture; returns the query behind it. */
extern char *timeline_append(Report *report);

#endif
