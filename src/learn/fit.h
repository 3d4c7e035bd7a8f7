/*
 * fit.h
 *		Models made at once from what summaries hold, without a row: they are learners like others, and can be gone on with.
 *
 * Plain C.
 */
#ifndef WEIR_LEARN_FIT_H
#define WEIR_LEARN_FIT_H

#include "learn/learner.h"

/* ---- naive_bayes.c: a gaussian naive Bayes that has its features and classes ---- */

/* So much weight is of the class. */
extern void fit_bayes_class(Learner *learner, int class, double weight);

/* Of the class, n values of the feature with this mean and sum of squared deviations. */
extern void fit_bayes_number(Learner *learner, int class, int feature, double n, double mean, double squares);

/* ---- linear.c: a linear model that has its features and classes, and does not scale ---- */

/* Output: the class; of regression 0. Every output is to be set. */
extern void fit_linear_output(Learner *learner, int output, int n_outputs, const double *coefficients, double intercept);

/* ---- learner.c ---- */

/* It has learned so many rows. */
extern void fit_rows(Learner *learner, int64_t n);

/* ---- fit.c ---- */

/*
 * Ridge regression (Hoerl and Kennard 1970) with an intercept: minimises squared errors + alpha times the squared coefficients.
 * scatter: sums of products of deviations of n_features features and, last, the label; mean likewise; room for n_features squared.
 * False where the matrix is singular.
 */
extern bool fit_ridge(int n_features, const double *scatter, const double *mean, double alpha, double *room, double *coefficients,
					  double *intercept);

/*
 * Linear discriminant (Fisher 1936), with the classes' shares as priors. covariance: pooled within classes, destroyed; means:
 * n_classes times n_features. An output per class: its log-likelihood but for what all have in common. False where the matrix is
 * singular.
 */
extern bool fit_discriminant(int n_features, int n_classes, double *covariance, const double *means, const double *shares,
							 double *coefficients, double *intercepts);

#endif
