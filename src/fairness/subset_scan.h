/*
 * subset_scan.h
 *		Which subset of the values of several columns has outcomes that depart most from what is expected: multi-dimensional
 *		subset scan (Zhang and Neill 2016) with the Bernoulli likelihood ratio.  Plain C.
 *
 * A subset names, for each attribute, which of its values are in it.  Its score is the log likelihood ratio of the odds of the
 * outcome being q times those expected in it, at the best q, less a penalty for each value named.
 */
#ifndef WEIR_SUBSET_SCAN_H
#define WEIR_SUBSET_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

#define SCAN_MAX_ODDS 1000.0 /* q lies between 1 / this and this */

/* So many rows for which the outcome is expected with this probability. */
typedef struct ScanExpectation
{
	double		probability;
	int64_t		n;
} ScanExpectation;

/* The rows that have the same value in every attribute. */
typedef struct ScanCell
{
	const int  *values;			/* by attribute, from 0 */
	int64_t		observed;		/* outcomes */
	size_t		n_expectations;
	const ScanExpectation *expectations;
} ScanCell;

typedef struct ScanProblem
{
	int			n_attributes;
	const int  *n_values;		/* by attribute */
	size_t		n_cells;
	const ScanCell *cells;
	double		penalty;		/* for each value named, of attributes whose values are not all in the subset */
	int			n_restarts;		/* from random subsets, where not every subset can be looked at */
	uint64_t	seed;
	void		(*pause)(void); /* called often, and may not return; NULL: nobody waits */
} ScanProblem;

typedef struct ScanResult
{
	bool		is_exact;		/* no subset has a higher score; else none was found */
	bool	   *included;		/* of all attributes' values, one attribute after the other; freed by scan_free */
	double		score;
	double		odds;			/* q */
	int64_t		n;				/* rows of the subset */
	int64_t		observed;
	double		expected;
} ScanResult;

typedef struct SubsetScan SubsetScan;

extern SubsetScan *scan_create(Allocator allocator, const ScanProblem *problem);

/* The best subset with more outcomes than expected, or with fewer. The result is good until the next call, or scan_free. */
extern const ScanResult *scan_find(SubsetScan *scan, bool higher);

/*
 * Outcomes drawn anew: each row's by its expectation; or, conserve_total, as many as there were dealt out to all rows alike (what
 * is expected of all is then their share).  Returns the best score of these in the direction.
 */
extern double scan_simulate(SubsetScan *scan, bool higher, bool conserve_total);
extern void scan_free(SubsetScan *scan);

#endif
