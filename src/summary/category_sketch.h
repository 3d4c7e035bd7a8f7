/*
 * category_sketch.h
 *		Rows of the categories that a table has no room for: which of them are frequent, and about how frequent.  Plain C.
 *
 * Each category falls, by its hash, into one of a few buckets.  It has an identity of 256 bits: 32 bits of its hash and, under a
 * cover of random bits that follows from these, a check of 16 bits and the first 26 bytes of its text.  A bucket counts its rows,
 * and for every bit of the identity the rows in which it is set.  These are sums over rows: any order, any split and any
 * retraction give the same counts.
 *
 * Each bit is a random sign, with which the rows of other categories cancel: a category whose rows stand out from that noise is
 * read off its bucket bit by bit (Cormode and Muthukrishnan 2005, combinatorial group testing), and the check says whether it was
 * one; with its rows taken off the next may show.  Each bit also gives an unbiased estimate of a category's count (Charikar, Chen
 * and Farach-Colton 2002, count sketch): their mean is taken, and their spread is its error.
 */
#ifndef WEIR_CATEGORY_SKETCH_H
#define WEIR_CATEGORY_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

#define SKETCH_BUCKETS 32
#define SKETCH_IDENTITY 32 /* bytes */
#define SKETCH_BITS (8 * SKETCH_IDENTITY)
#define SKETCH_TEXT 26 /* bytes of the text in the identity, the last ones */

typedef struct SketchBucket
{
	int64_t		rows;
	int64_t		set[SKETCH_BITS]; /* rows whose identity has the bit */
	uint64_t	lanes[SKETCH_IDENTITY]; /* rows gathered since: a byte for each bit */
	int			gathered;
} SketchBucket;

typedef struct CategorySketch
{
	SketchBucket *buckets[SKETCH_BUCKETS]; /* NULL: no rows yet */
} CategorySketch;

extern CategorySketch *sketch_create(Allocator allocator);
extern CategorySketch *sketch_copy(Allocator allocator, const CategorySketch *sketch);
extern void sketch_free(CategorySketch *sketch, Allocator allocator); /* NULL is allowed */

extern void sketch_add(CategorySketch *sketch, Allocator allocator, uint64_t hash, const char *bytes, size_t length, int64_t count);

/* False when a count would have fallen below 0; it is 0 then. */
extern bool sketch_remove(CategorySketch *sketch, uint64_t hash, const char *bytes, size_t length, int64_t count);
extern bool sketch_merge(CategorySketch *into, Allocator allocator, CategorySketch *from, bool subtract);
extern bool sketch_equal(CategorySketch *a, CategorySketch *b);
extern size_t sketch_memory(const CategorySketch *sketch);
extern int64_t sketch_rows(const CategorySketch *sketch);
extern SketchBucket *sketch_new_bucket(Allocator allocator);

/* Brings what is gathered into the counts; before they are read. */
extern void sketch_settle(CategorySketch *sketch);

/* A category that was found to be frequent. */
typedef struct FrequentCategory
{
	int64_t		count;			/* an estimate */
	int64_t		error;			/* three standard errors of it */
	size_t		length;
	bool		is_whole;		/* the text is, else its beginning */
	char		bytes[SKETCH_TEXT];
} FrequentCategory;

#define SKETCH_MOST_FREQUENT 256 /* categories that can be read off, at most */

/* The categories that can be read off, at most capacity; returns how many. */
extern size_t sketch_frequent(CategorySketch *sketch, FrequentCategory *result, size_t capacity);

/* Rows of one category, and the error. */
extern void
sketch_estimate(CategorySketch *sketch, uint64_t hash, const char *bytes, size_t length, int64_t *count, int64_t *error);

#endif
