/*
 * timeline.h
 *		Windows, drift, alerts, jobs and model versions on one axis of time; internal to this room.
 */
#ifndef WEIR_TIMELINE_H
#define WEIR_TIMELINE_H

#include "postgres.h"

#include "report/report.h"
#include "report/sections.h"

/* Appends the picture; returns the query behind it, but for what drifts. */
extern char *timeline_append(Report *report, const DriftReadings *drift);

#endif
