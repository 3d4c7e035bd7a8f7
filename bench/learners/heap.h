/*
 * heap.h
 *		Memory for learners outside any server.
 */
#ifndef WEIR_BENCH_HEAP_H
#define WEIR_BENCH_HEAP_H

#include <stdlib.h>

static void *
resize(void *context, void *pointer, size_t old_size, size_t size)
{
	(void) context;
	(void) old_size;
	if (size == 0)
	{
		free(pointer);
		return NULL;
	}
	pointer = realloc(pointer, size);
	if (pointer == NULL)
		abort();
	return pointer;
}

#endif
