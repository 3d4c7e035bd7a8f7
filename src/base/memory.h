/*
 * memory.h
 *		The server's Allocator: memory taken from a memory context.
 */
#ifndef WEIR_MEMORY_H
#define WEIR_MEMORY_H

#include "postgres.h"

#include "base/allocator.h"

/* An allocator whose memory lives and dies with the given context. */
extern Allocator allocator_in(MemoryContext context);

/*
 * The memory for expanded objects that are states of aggregates: one context under the aggregate's for all of them.
 *
 * At every new group, hashed aggregation adds up all contexts below the aggregate's, so a context for each state would make many
 * groups take quadratic time.  Deleting one such object deletes them all.  The executor does so only where a step of an aggregate
 * returns another object than it was given: steps must return the same.
 */
extern MemoryContext object_memory(MemoryContext parent);

#endif
