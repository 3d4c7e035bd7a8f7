/*
 * memory.c
 *		The server's Allocator: memory taken from a memory context.
 */
#include "postgres.h"

#include "base/memory.h"
#include "utils/memutils.h"

#define OBJECT_MEMORY "weir states"

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

MemoryContext
object_memory(MemoryContext parent)
{
	for (MemoryContext child = parent->firstchild; child != NULL; child = child->nextchild)
		if (strcmp(child->name, OBJECT_MEMORY) == 0)
			return child;
	/* Small to begin with, where each group has its own; never in pieces that would make much of what a query may use. */
	return AllocSetContextCreate(parent, OBJECT_MEMORY, ALLOCSET_SMALL_MINSIZE, ALLOCSET_SMALL_INITSIZE, 256 * 1024);
}
