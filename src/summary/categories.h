/*
 * categories.h
 *		Counts per category, exact up to a budget, beyond it for a canonical sample of the categories.  Plain C.
 *
 * Each category has a 64-bit hash.  Kept are the categories whose hash is at most the threshold; all rows of the others are
 * counted together as "other".  When the kept categories pass the budget, the threshold falls to just below the first hash that
 * is too many, so it depends only on which categories there are.  A kept category's count is always exact, for its hash was
 * below every earlier threshold.  The rows of the others are in a sketch (category_sketch.h), from which the frequent ones can
 * be read.
 */
#ifndef WEIR_CATEGORIES_H
#define WEIR_CATEGORIES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"
#include "summary/category_sketch.h"
#include "summary/summary.h"

/* A longer value is kept as its beginning, three dots and the hash of the whole in hexadecimal digits. */
#define CATEGORY_MAX_LENGTH 256
#define CATEGORY_MAX_PREFIX (CATEGORY_MAX_LENGTH - 19)

typedef struct CategoryEntry
{
	uint64_t	hash;
	int64_t		count;
	size_t		offset;			/* of its bytes in Categories.bytes */
	size_t		length;
} CategoryEntry;

typedef struct Categories
{
	uint64_t	threshold;		/* UINT64_MAX: every category is kept */
	int64_t		other;			/* rows of categories that are not kept */
	int64_t		total;			/* rows of all */
	CategorySketch *sketch;		/* of the others; NULL while every category is kept */
	int			n_kept;			/* entries with a count above 0 */

	int			n_entries;		/* those whose count came back to 0 included */
	int			entry_room;
	CategoryEntry *entries;
	int			n_slots;		/* a power of two, or 0; hash table of positions in entries */
	int32_t	   *slots;			/* -1: free */
	size_t		n_bytes;
	size_t		byte_room;
	char	   *bytes;
} Categories;

extern void categories_init(Categories *categories);
extern void categories_free(Categories *categories, Allocator allocator);
extern void categories_copy(Categories *into, Allocator allocator, const Categories *from);
extern size_t categories_memory(const Categories *categories);

/* The hash that decides which categories are kept; part of the stored form, the same on every machine, never 0. */
extern uint64_t category_hash(const char *bytes, size_t length);

/* How much of a value longer than CATEGORY_MAX_LENGTH is kept: as many bytes as end with a whole character of UTF-8. */
extern size_t category_prefix(const char *bytes);

/* The form in which such a value is kept; buffer holds CATEGORY_MAX_LENGTH bytes. Returns its length. */
extern size_t category_shorten(const char *bytes, size_t length, size_t prefix, char *buffer);

/* A value as it is kept: itself, or when it is too long its short form, in the buffer of CATEGORY_MAX_LENGTH bytes. */
extern const char *category_as_kept(const char *bytes, size_t *length, char *buffer);

/* A budget that nothing passes. */
#define CATEGORIES_NO_BUDGET (INT_MAX / 2)

/* False when a count passed the limit of counts. */
extern bool
categories_add(Categories *categories, Allocator allocator, const char *bytes, size_t length, int64_t count, int budget);

/* False when there are none of it: then, but for a sketch that told so, nothing changed. */
extern bool categories_remove(Categories *categories, const char *bytes, size_t length);

/* True and the count when the category is kept, or would be if there were any of it. */
extern bool categories_count(const Categories *categories, uint64_t hash, const char *bytes, size_t length, int64_t *count);

extern bool categories_merge(Categories *into, Allocator allocator, const Categories *from, bool subtract, int budget);

/* Lowers the threshold until the kept categories fit the budget, and drops what is not kept. */
extern void categories_fit(Categories *categories, Allocator allocator, int budget);

/* Rows of others that no sketch knows of, since they were stored by version 1. */
extern int64_t categories_unsketched(const Categories *categories);

/* Lowers the threshold to at most this one. */
extern void categories_lower(Categories *categories, Allocator allocator, uint64_t threshold);

/* The n_kept categories by hash, then bytes; in memory of the allocator, the caller's to release. */
extern SummaryCategory *categories_by_hash(const Categories *categories, Allocator allocator);

#endif
