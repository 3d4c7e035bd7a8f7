/*
 * fairness_subgroup.h
 *		Rich subgroup fairness (Kearns, Neel, Roth and Wu 2018): of all subgroups that a family can describe, the one whose rate is
 *		farthest from that of all, weighted by how many it concerns.  Plain C.
 */
#ifndef WEIR_FAIRNESS_SUBGROUP_H
#define WEIR_FAIRNESS_SUBGROUP_H

#include "fairness/fairness_metrics.h"

#define SUBGROUP_MAX_CANDIDATES (1 << 17) /* conjunctions times cells */

typedef enum SubgroupFamily
{
	SUBGROUP_CONJUNCTION,		/* one value of some of the attributes: sex = F and age = old */
	SUBGROUP_LINEAR,			/* a half-space over the values as 0 and 1, found by least squares (Kearns et al. 2019) */
	SUBGROUP_ANY,				/* any set of cells: no family of subgroups goes beyond it */
	SUBGROUP_N_FAMILIES
} SubgroupFamily;

typedef struct SubgroupProblem
{
	int			n_attributes;
	const int  *n_values;
	size_t		n_cells;
	const int *const *values;	/* of each cell, by attribute */
	const Proportion *rates;	/* of each cell */
	int64_t		n_rows;			/* what gamma is a share of */
	int			depth;			/* attributes that a conjunction may name */
	void		(*pause)(void); /* called often, and may not return; NULL: nobody waits */
} SubgroupProblem;

typedef struct Subgroup
{
	double		gamma;			/* share of the rows that the subgroup's rate counts, times the size of the difference; NaN: none */
	Proportion	rate;
	bool	   *members;		/* by cell */
	uint64_t	named;			/* conjunction: which attributes */
	size_t		example;		/* conjunction: a cell that is in it */
} Subgroup;

typedef struct SubgroupSearch SubgroupSearch;

/* How many places a search for conjunctions takes; to be compared with SUBGROUP_MAX_CANDIDATES before. */
extern double subgroup_n_candidates(const SubgroupProblem *problem);
extern SubgroupSearch *subgroup_create(Allocator allocator, const SubgroupProblem *problem);

/* The subgroup is good until the next call. */
extern const Subgroup *subgroup_find(SubgroupSearch *search, SubgroupFamily family);

/* The largest gamma when the successes are dealt out anew to all rows alike. */
extern void subgroup_simulate(SubgroupSearch *search, uint64_t *state, double gammas[SUBGROUP_N_FAMILIES]);
extern void subgroup_free(SubgroupSearch *search);

#endif
