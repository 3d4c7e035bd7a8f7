/*
 * fairness_named.h
 *		The groups of a fairness table with their names for people; internal to this room.
 */
#ifndef WEIR_FAIRNESS_NAMED_H
#define WEIR_FAIRNESS_NAMED_H

#include "postgres.h"

#include "fairness/fairness_metrics.h"
#include "fmgr.h"

typedef struct NamedGroup
{
	char	   *name;			/* for people */
	FairnessGroup group;
} NamedGroup;

typedef struct NamedRate
{
	const char *name;
	FairnessRate rate;
} NamedRate;

/* The rates that people may ask for, in the order in which they are shown. */
extern const NamedRate fairness_named_rates[];
extern const int fairness_n_named_rates;

/* NULL when there is none of that name. */
extern const NamedRate *fairness_rate_find(const char *name);

/* By name. */
extern NamedGroup *fairness_named_groups(Datum table, size_t *n);

/* How many group columns the table has. */
extern int	fairness_datum_columns(Datum table);

/* The same without names. */
extern FairnessGroup *fairness_bare_groups(const NamedGroup *groups, size_t n);

/*
 * The one of that name; or (name NULL or 'largest') the largest whose values are all known, or the largest; or ('best') the one
 * that fares best by the metric, among those with min_group_size rows in its denominators. The first by name among equals. NULL
 * when there is none.
 */
extern const NamedGroup *
fairness_reference_group(const NamedGroup *groups, size_t n, const char *name, int metric, int64 min_group_size);

/* The metrics that an argument (text[]) names, or all. Raises 22023. */
extern int *fairness_read_metrics(FunctionCallInfo fcinfo, int argument, int *n);

/* What becomes of a group below min_group_size. */
typedef enum SmallGroups
{
	SMALL_GROUPS_MARK,			/* shown, with status insufficient */
	SMALL_GROUPS_SUPPRESS,		/* its counts and rates are not shown: privacy */
	SMALL_GROUPS_SHRINK			/* every rate is drawn towards that of all, the more the smaller its group */
} SmallGroups;

/* What an argument (text) says of small groups. Raises 22023. */
extern SmallGroups fairness_read_small_groups(FunctionCallInfo fcinfo, int argument, bool may_shrink);

/* Raises 22023. */
extern void fairness_check_options(int32 min_group_size, double confidence);

#endif
