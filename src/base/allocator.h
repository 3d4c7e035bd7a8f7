/*
 * allocator.h
 *		Memory for the plain-C code, given by the caller.
 *
 * The mathematics of weir compiles without postgres.h.  It grows its state through this one function pointer, which behaves
 * like realloc: old_size and pointer may be 0 and NULL, size 0 frees.  It never returns NULL for a size above 0: inside the
 * server it raises an error, in unit tests it aborts.
 */
#ifndef WEIR_ALLOCATOR_H
#define WEIR_ALLOCATOR_H

#include <stddef.h>

typedef struct Allocator
{
	void	   *(*resize)(void *context, void *pointer, size_t old_size, size_t size);
	void	   *context;
} Allocator;

#endif
