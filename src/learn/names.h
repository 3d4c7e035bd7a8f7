/*
 * names.h
 *		Names numbered in the order in which they came: features, categories, classes.
 */
#ifndef WEIR_NAMES_H
#define WEIR_NAMES_H

#include "learn/archive.h"
#include "learn/present_label.h"

typedef struct NumberedName
{
	char	   *bytes;			/* not terminated */
	size_t		length;
	uint32_t	hash;
} NumberedName;

typedef struct Names
{
	int			n;
	int			capacity;
	NumberedName *names;
	int			n_buckets;		/* a power of two, or 0 */
	int		   *buckets;		/* number + 1; 0 is empty */
	int			last;			/* found last: runs of the same name are common */
} Names;

/* -1 for one that is not there. */
extern int	names_find(const Names *names, const char *name, size_t length);

/* The number of the name, which is added when it is not there and there are fewer than limit; else -1. */
extern int	names_add(Allocator allocator, Names *names, const char *name, size_t length, int limit);

/* Renames; what another one has that keeps its name is not taken. Numbers stay. */
extern void names_rename(Allocator allocator, Names *names, PresentLabel present, void *context);

/* Bytes that this needs at most. */
extern size_t names_rename_growth(const Names *names, PresentLabel present, void *context);

/* Bytes that a new name of such a length would take. */
extern size_t names_growth(const Names *names, size_t length);
extern void names_free(Allocator allocator, Names *names);
extern size_t names_memory(const Names *names);

/* Whether name a comes before name b, byte by byte. */
extern bool names_before(const Names *names, int a, int b);
extern void archive_names(Archive *archive, Names *names, int limit);

#endif
