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

#endif
