/*
 * vector_wire.h
 *		The stored form of VectorSums.  Plain C, private to this room.
 */
#ifndef WEIR_VECTOR_WIRE_H
#define WEIR_VECTOR_WIRE_H

#include "summary/vector_sums.h"

/* Writes nothing when buffer is NULL; returns the size. */
extern size_t vector_sums_encode(const VectorSums *sums, uint8_t *buffer);

/* Returns how many bytes it has read; 0 and no result when they are corrupt. */
extern size_t vector_sums_decode(Allocator allocator, const uint8_t *bytes, size_t size, VectorSums **result);

#endif
