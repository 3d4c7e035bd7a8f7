/*
 * fairness_seen.h
 *		Groups seen lately, by their values as the server has them; internal to this room.
 *
 * Making the text of a group's values, and finding it, costs more than counting.  Where the same few groups come again and again,
 * their values are compared as bytes instead.
 */
#ifndef WEIR_FAIRNESS_SEEN_H
#define WEIR_FAIRNESS_SEEN_H

#include "postgres.h"

#include "fmgr.h"
#include "summary/summary_datum.h"

typedef struct SeenGroups SeenGroups;

/* What the caller keeps of a group: see fairness_places. */
typedef struct SeenGroup
{
	uint64		places;			/* 0: nothing yet */
	size_t		place;
} SeenGroup;

/* NULL when values of these types cannot be compared as bytes. */
extern SeenGroups *seen_groups_create(int n_columns, const ValueReader *readers, MemoryContext context);

/* What is kept of the group of these values, emptied when another one had its place; NULL when it cannot be remembered. */
extern SeenGroup *seen_groups_find(SeenGroups *groups, const NullableDatum *values, int n_columns);

#endif
