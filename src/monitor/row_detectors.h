/*
 * row_detectors.h
 *		Change detectors over the rows of a monitored table.  Inside this room only.
 */
#ifndef WEIR_ROW_DETECTORS_H
#define WEIR_ROW_DETECTORS_H

#include "postgres.h"

/* The scheduler's task: reads the rows whose time has become final. */
extern void row_detector_task(void);

/* After a monitor's options were stored: detectors that are new begin, those that are gone or changed end. */
extern void settle_row_detectors(int monitor_id);

#endif
