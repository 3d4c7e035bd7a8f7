/*
 * memory_inline.h
 *		The Allocator's one function under the names of what is wanted.  Plain C, private to this room.
 */
#ifndef WEIR_MEMORY_INLINE_H
#define WEIR_MEMORY_INLINE_H

#include "base/allocator.h"

static inline void *
allocate(Allocator allocator, size_t size)
{
	return allocator.resize(allocator.context, NULL, 0, size);
}

static inline void *
reallocate(Allocator allocator, void *pointer, size_t old_size, size_t size)
{
	return allocator.resize(allocator.context, pointer, old_size, size);
}

static inline void
release(Allocator allocator, void *pointer, size_t size)
{
	if (pointer != NULL)
		allocator.resize(allocator.context, pointer, size, 0);
}

#endif
