/*
 * detector_datum.h
 *		Detectors made from the server's values, and fed with them.
 */
#ifndef WEIR_DETECTOR_DATUM_H
#define WEIR_DETECTOR_DATUM_H

#include "postgres.h"

#include "base/compat.h"
#include "detect/detector.h"
#include "fmgr.h"
#include "utils/jsonb.h"

/* Raises 22023 for what is not known or not valid. */
extern Detector *detector_from_names(MemoryContext context, const char *name, Jsonb *options);

/* From the arguments that follow number - 1, as far as they are there; 22004 for NULL. */
extern Detector *detector_from_arguments(MemoryContext context, FunctionCallInfo fcinfo, int number, const char *initial);
extern Jsonb *detector_options_jsonb(DetectorKind kind, const double *options);

/* A row: false when it was no observation (NULL, NaN, infinite). Raises 22003 for what the detector cannot take. */
extern bool detector_feed(Detector *detector, double value, bool is_null, DetectorSignal *signal);

/* Some of the values, up to a drift at most: how many. Raises 22003 as above. */
extern Size detector_feed_numbers(Detector *detector, const double *values, Size n);

/* The error of a status; detector may be NULL when there is none, and the status is one of decoding. */
pg_noreturn extern void detector_refuse(const Detector *detector, DetectorStatus status, double value);

#endif
