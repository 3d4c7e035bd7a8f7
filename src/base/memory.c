/*
 * memory.c
 *		The server's Allocator: memory taken from a memory context.
 */
#include "postgres.h"

#include "base/memory.h"
#include "utils/memutils.h"

static void *
resize_in_context(void *context, void *pointer, size_t old_size, size_t size)
{
	(void) old_size;
	if (size == 0)
	{
		if (pointer != NULL)
			pfree(pointer);
		return NULL;
	}
	if (pointer == NULL)
		return MemoryContextAllocHuge((MemoryContext) context, size);
	return repalloc_huge(pointer, size);
}

Allocator
allocator_in(MemoryContext context)
{
	return (Allocator){.resize = resize_in_context, .context = context};
}
