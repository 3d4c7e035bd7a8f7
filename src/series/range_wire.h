/*
 * range_wire.h
 *		The stored forms of summaries of ranges of time: versioned, the same on every machine.  Plain C.
 */
#ifndef WEIR_RANGE_WIRE_H
#define WEIR_RANGE_WIRE_H

#include "series/counter.h"
#include "series/time_weighted.h"

#define TIME_WEIGHTED_SIZE 58
#define COUNTER_SIZE 90

extern void time_weighted_encode(const TimeWeighted *weighted, uint8_t *buffer);
extern void counter_encode(const Counter *counter, uint8_t *buffer);

/* False for bytes that no summary has: damaged, or of a newer version. */
extern bool time_weighted_decode(const uint8_t *bytes, size_t size, TimeWeighted *result);
extern bool counter_decode(const uint8_t *bytes, size_t size, Counter *result);

#endif
