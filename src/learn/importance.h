/*
 * importance.h
 *		What matters to a model, told from rows: permutation importance and partial dependence.
 *
 * Plain C. Rows are kept as the model reads them, one array of numbers each; what is asked of them comes afterwards.
 */
#ifndef WEIR_IMPORTANCE_H
#define WEIR_IMPORTANCE_H

#include "learn/learner.h"

typedef struct KeptRows
{
	Allocator	allocator;
	const Learner *learner;
	int			n_features;		/* that come from outside */
	size_t		n;
	size_t		capacity;
	double	   *rows;			/* n times n_features */
	double	   *targets;		/* code of a class, -1 for one that the model does not know, or a number */
	double	   *scratch;		/* one row */
	void		(*interrupt)(void); /* called now and then, so that what takes long can be cancelled; NULL: not */
} KeptRows;

extern KeptRows *kept_rows_create(Allocator allocator, const Learner *learner);
extern void kept_rows_add(KeptRows *kept, const double *row, double target);

/* Bytes that they take. */
extern size_t kept_rows_memory(const KeptRows *kept);

/*
 * How good the model is on the rows: accuracy, or of numbers R². With a permutation (of 0 to n - 1), the feature of each row is
 * that of another. NaN where that has no value.
 */
extern double kept_rows_score(KeptRows *kept, int feature, const size_t *permutation);

/* A permutation that follows from the seed and the number. */
extern void permutation_draw(size_t *permutation, size_t n, uint64_t seed, uint64_t number);

/* The mean over the rows of what the model says, with the feature set to value: the probability of the class, or the number. */
extern double kept_rows_mean_prediction(KeptRows *kept, int feature, double value, int class);

/*
 * Values at which partial dependence is looked at, ascending; at most resolution of them, whose number is returned: those that
 * there are, or, of more, equal steps between the 5th and 95th percentile (by Hazen's kin with 0.4 and 0.4, as SciPy's mquantiles).
 */
extern int	kept_rows_grid(const KeptRows *kept, int feature, int resolution, double *grid);

#endif
