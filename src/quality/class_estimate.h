/*
 * class_estimate.h
 *		What the confusion matrix of a model of several classes will be, before the labels are there.  Plain C.
 *
 * Confidence-based estimation as NannyML has it: the probabilities of each class, mended by a calibrator of its own (one class
 * against the rest) and scaled to sum to 1, say with which probability each row belongs to each class.  The state holds sums of
 * these, as integers in units of a power of two, so that it does not depend on the order of rows: it merges exactly.
 */
#ifndef WEIR_CLASS_ESTIMATE_H
#define WEIR_CLASS_ESTIMATE_H

#include "quality/calibration.h"

#define CLASS_ESTIMATE_MAX_CLASSES 64
#define CLASS_ESTIMATE_BINS 2048 /* of raw probabilities, for the ranking of each class against the rest */

typedef __int128 ExactSum __attribute__((aligned(8))); /* palloc aligns no further */

typedef struct ClassEstimate
{
	int			n_classes;
	int64_t		n;
	int64_t		n_predicted[CLASS_ESTIMATE_MAX_CLASSES];
	ExactSum   *expected;		/* [prediction][class]: sums of probabilities */
	int64_t	   *products;		/* [prediction][class][class]: sums of their products, for variances */
	int64_t	   *bin_rows;		/* [class][bin of its raw probability] */
	ExactSum   *bin_expected;
} ClassEstimate;

/* Zeroed. The arrays are one block of that many bytes, beginning at expected. */
extern size_t class_estimate_size(int n_classes);
extern void class_estimate_init(ClassEstimate *estimate, int n_classes, void *memory);

/* raw and mended: probabilities of each class; the latter sum to 1. */
extern void class_estimate_add(ClassEstimate *estimate, int prediction, const double *raw, const double *mended);
extern void class_estimate_merge(ClassEstimate *into, const ClassEstimate *from);

/* Mends probabilities: calibrators[i] NULL takes those of the class as they are. Uniform where all of them come to 0. */
extern void class_estimate_mend(int n_classes, const Calibrator *const *calibrators, const double *raw, double *mended);

typedef struct ClassScore
{
	const char *name;
	int			class;			/* -1: over all classes */
	double		value;			/* NaN: undefined */
	double		half_width;		/* of the interval, at z = 1; NaN: none */
} ClassScore;

typedef void (*ClassScoreSink)(void *context, const ClassScore *score);

extern void class_estimate_scores(const ClassEstimate *estimate, Allocator allocator, ClassScoreSink sink, void *context);

/* How many rows predicted so are expected to be of the class. */
extern double class_estimate_expected(const ClassEstimate *estimate, int prediction, int class);

#endif
