/*
 * class_performance.h
 *		The classes of a model, with their margins; internal to this room.  Plain C.
 */
#ifndef WEIR_CLASS_PERFORMANCE_H
#define WEIR_CLASS_PERFORMANCE_H

#include "quality/performance.h"

typedef struct ClassCounts
{
	const char *name;			/* owned by the performance */
	size_t		length;
	int64_t		n_labelled;
	int64_t		n_predicted;
	int64_t		n_correct;
} ClassCounts;

/* In byte order of their names; the caller frees n + 1 with the allocator. */
extern ClassCounts *performance_classes(const Performance *performance, Allocator allocator, size_t *n);

#endif
