/*
 * fairness.h
 *		Confusion counts by group: the mergeable state behind every fairness metric.  Plain C.
 *
 * A group is a tuple of values of the protected columns, each text or unknown (NULL), held as one byte string (fairness_key).
 * Per group nine counts: prediction negative, positive or unknown × label negative, positive or unknown.  Canonical: groups are
 * kept in byte order.
 */
#ifndef WEIR_FAIRNESS_H
#define WEIR_FAIRNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

#define FAIRNESS_DEFAULT_MAX_GROUPS 1000
#define FAIRNESS_MAX_COLUMNS 64
#define FAIRNESS_MAX_KEY_BYTES (16 * 1024 * 1024) /* all keys of one table together */
#define FAIRNESS_MAX_COUNT \
	(INT64_C(1) << 53) /* all counts of one table together, signs aside: each sum stays exact as a double \
						*/

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
	FAIRNESS_CORRUPT,			/* also: counts beyond FAIRNESS_MAX_COUNT */
	FAIRNESS_TOO_MANY_GROUPS,	/* also: keys beyond FAIRNESS_MAX_KEY_BYTES */
	FAIRNESS_COLUMNS_DIFFER
} FairnessStatus;

/*
 * max_groups 0: as many as fit in FAIRNESS_MAX_KEY_BYTES. A copy keeps the limit; a decoded table has the default one, or its
 * own size.
 */
extern FairnessTable *fairness_create(Allocator allocator, int n_columns, int max_groups);
extern void fairness_set_max_groups(FairnessTable *table, int max_groups);
extern FairnessTable *fairness_copy(Allocator allocator, const FairnessTable *table);
extern void fairness_free(FairnessTable *table);
extern size_t fairness_memory(const FairnessTable *table);
extern Allocator fairness_allocator(const FairnessTable *table);

/*
 * Writes the key of a tuple into buffer (which must hold fairness_key_size bytes) and returns its length; values[i] NULL is
 * unknown. A key decodes without ambiguity: per value a flag byte, a 4-byte length in network order, the bytes.
 */
extern size_t fairness_key_size(int n_columns, const char *const *values, const size_t *lengths);
extern size_t fairness_key(int n_columns, const char *const *values, const size_t *lengths, char *buffer);

/*
 * Steps through a key: returns false at its end, or when it is not a key. value NULL is unknown. offset starts at 0; it equals
 * length after the last value of a whole key.
 */
extern bool fairness_key_next(const char *key, size_t length, size_t *offset, const char **value, size_t *value_length);

/* True when the bytes are a key of n_columns values. */
extern bool fairness_key_valid(const char *key, size_t length, int n_columns);

/* For people: 'F | 25-40'; an unknown value reads '(unknown)'. Returns the length; writes at most capacity bytes. */
extern size_t fairness_key_display(const char *key, size_t length, char *buffer, size_t capacity);

/*
 * count is 1 to add a row, -1 to take one back.  Counts may pass below zero (a removal can arrive before what it removes):
 * addition stays associative; metrics of a group with a negative count are undefined.  Anything but FAIRNESS_OK leaves the
 * table as it was.
 */
extern FairnessStatus
fairness_add(FairnessTable *table, const char *key, size_t length, Outcome prediction, Outcome label, int64_t count);

/*
 * The same in two steps, for a caller that meets the same keys again and again: the place of a key (made where it is new), and
 * counting there.  A place is good as long as the table's places are the same: fairness_places gives a number that no other table
 * has had, and that changes when places do.
 */
extern FairnessStatus fairness_place(FairnessTable *table, const char *key, size_t length, size_t *place);
extern uint64_t fairness_places(const FairnessTable *table);
extern FairnessStatus fairness_add_at(FairnessTable *table, size_t place, Outcome prediction, Outcome label, int64_t count);
extern FairnessStatus fairness_add_counts(FairnessTable *table, const char *key, size_t length, int64_t counts[3][3]);
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
