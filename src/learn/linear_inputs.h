/*
 * linear_inputs.h
 *		Rows as linear models see them: numbers, standardised as they come if asked to, and a 0/1 input per category.
 *
 * Features of 0 and 1 that a step made of a category are taken as they are. A missing value adds nothing, which of a standardised
 *number is its mean; likewise a category that is not known.
 */
#ifndef WEIR_LINEAR_INPUTS_H
#define WEIR_LINEAR_INPUTS_H

#include "learn/learner_method.h"

/* A coefficient, and what its optimiser keeps of it. */
typedef struct Coefficient
{
	double		value;
	double		first;			/* Adam: mean gradient; FTRL: z */
	double		second;			/* AdaGrad, Adam, FTRL: (mean) squared gradient */
	double		penalty;		/* L1: what was taken from it so far */
} Coefficient;

/* Mean and variance so far of the values of one number. */
typedef struct Scale
{
	double		n;
	double		mean;
	double		variance;
} Scale;

typedef struct LinearInputs
{
	int			n_features;
	int			n_outputs;
	bool		is_scaled;
	Scale	   *scales;			/* per feature */
	int		   *n_inputs;		/* per feature: 1, or categories */
	Coefficient **coefficients; /* per feature: n_inputs by n_outputs */
	Coefficient *intercepts;	/* n_outputs */
} LinearInputs;

extern void linear_inputs_start(Learner *learner, LinearInputs *inputs, int n_outputs, bool is_scaled);
extern void linear_inputs_free(Learner *learner, LinearInputs *inputs);

/* Bytes of inputs of one output with the coefficients of others; NULL: with none. */
extern size_t linear_inputs_size(const Learner *learner, const LinearInputs *from);

/* Into inputs that were started alike, and have seen nothing. */
extern void linear_inputs_copy(Learner *learner, LinearInputs *inputs, const LinearInputs *from);

/* Takes a row into the scales, and makes room for its categories and for so many outputs, as far as there is memory. */
extern void linear_inputs_prepare(Learner *learner, LinearInputs *inputs, const double *row, int n_outputs);

/* The outputs of a row: intercepts and the sum of coefficients times inputs. */
extern void linear_outputs(const Learner *learner, const LinearInputs *inputs, const double *row, double *outputs);

/* What each feature adds to one of the outputs. */
extern void linear_contributions(const Learner *learner, const LinearInputs *inputs, const double *row, int output, double *bias,
								 double *contributions);
extern void archive_linear_inputs(Archive *archive, LinearInputs *inputs);

/*
 * The input that a feature gives: *coefficients are those of its outputs, and the result is its value; NULL coefficients where it
 * gives none.
 */
static inline double
linear_input(const Learner *learner, const LinearInputs *inputs, const double *row, int feature, Coefficient **coefficients)
{
	double		value = row[feature];
	const Scale *scale = &inputs->scales[feature];

	*coefficients = NULL;
	if (isnan(value))
		return 0;
	if (learner->is_categorical[feature])
	{
		if (value < inputs->n_inputs[feature])
			*coefficients = inputs->coefficients[feature] + (ptrdiff_t) value * inputs->n_outputs;
		return 1;
	}
	if (inputs->n_inputs[feature] == 0)
		return 0;
	*coefficients = inputs->coefficients[feature];
	if (!inputs->is_scaled || learner->is_indicator[feature])
		return value;
	return scale->variance > 0 ? (value - scale->mean) / sqrt(scale->variance) : 0;
}

#endif
