/*
 * fairness_named.h
 *		The groups of a fairness table with their names for people; internal to this room.
 */
#ifndef WEIR_FAIRNESS_NAMED_H
#define WEIR_FAIRNESS_NAMED_H

#include "postgres.h"

#include "fairness/fairness.h"

typedef struct NamedGroup
{
	char	   *name;			/* for people */
	FairnessGroup group;
} NamedGroup;

/* By name. */
extern NamedGroup *fairness_named_groups(Datum table, size_t *n);

/*
 * The one asked for, or (name NULL) the largest whose values are all known, or the largest; the first by name among equals. NULL
 * when there is none of that name.
 */
extern const NamedGroup *fairness_reference_group(const NamedGroup *groups, size_t n, const char *name);

/* Raises 22023. */
extern void fairness_check_options(int32 min_group_size, double confidence);

#endif
