/*
 * fairness.h
 *		Confusion counts by group: the mergeable state behind every fairness metric.  Plain C.
 *
 * A group is a tuple of values of the protected columns, each text or unknown (NULL), held as one byte string (fairness_key).  Per group nine
 * counts: prediction negative, positive or unknown × label negative, positive or unknown.  Canonical: groups are kept in byte order.
 */
#ifndef WEIR_FAIRNESS_H
#define WEIR_FAIRNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

#define FAIRNESS_DEFAULT_MAX_GROUPS 1000

typedef enum Outcome
{
	OUTCOME_NEGATIVE = 0,
	OUTCOME_POSITIVE = 1,
	OUTCOME_UNKNOWN = 2
} Outcome;

typedef struct FairnessGroup
{
	const char *key;			/* see fairness_key; owned by the table */
	size_t		length;
	int64_t		counts[3][3];	/* [prediction][label] */
} FairnessGroup;

typedef struct FairnessTable FairnessTable;

typedef enum FairnessStatus
{
	FAIRNESS_OK = 0,
	FAIRNESS_CORRUPT,
	FAIRNESS_TOO_MANY_GROUPS,
	FAIRNESS_COLUMNS_DIFFER
} FairnessStatus;

extern FairnessTable *fairness_create(Allocator allocator, int n_columns, int max_groups);
extern FairnessTable *fairness_copy(Allocator allocator, const FairnessTable *table);
extern void fairness_free(FairnessTable *table);
extern size_t fairness_memory(const FairnessTable *table);

/*
 * Writes the key of a tuple into buffer (which must hold fairness_key_size bytes) and returns its length; values[i] NULL is unknown.
 * A key decodes without ambiguity: per value a flag byte, a 4-byte length in network order, the bytes.
 */
extern size_t fairness_key_size(int n_columns, const char *const *values, const size_t *lengths);
extern size_t fairness_key(int n_columns, const char *const *values, const size_t *lengths, char *buffer);

/* For people: 'F | 25-40'; an unknown value reads '(unknown)'. Returns the length; writes at most capacity bytes. */
extern size_t fairness_key_display(const char *key, size_t length, char *buffer, size_t capacity);

/* count is 1 to add a row, -1 to take one back. */
extern FairnessStatus fairness_add(FairnessTable *table, const char *key, size_t length, Outcome prediction, Outcome label, int64_t count);
extern FairnessStatus fairness_merge(FairnessTable *into, const FairnessTable *from);
extern FairnessStatus fairness_subtract(FairnessTable *into, const FairnessTable *from);

/* Groups with any count other than zero, in byte order of their keys. */
extern size_t fairness_groups(const FairnessTable *table, FairnessGroup *groups, size_t capacity);
extern int	fairness_n_columns(const FairnessTable *table);
extern bool fairness_equal(const FairnessTable *a, const FairnessTable *b);

extern size_t fairness_encoded_size(const FairnessTable *table);
extern size_t fairness_encode(const FairnessTable *table, uint8_t *buffer);
extern FairnessStatus fairness_decode(Allocator allocator, const uint8_t *bytes, size_t size, FairnessTable **result);

#endif
