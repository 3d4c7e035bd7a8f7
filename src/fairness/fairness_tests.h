/*
 * fairness_tests.h
 *		Tests that two groups have the same rate, beside that of fairness_metrics: Student's t of outcomes that are 0 or 1.  Plain
 *		C.
 */
#ifndef WEIR_FAIRNESS_TESTS_H
#define WEIR_FAIRNESS_TESTS_H

#include "fairness/fairness_metrics.h"

typedef enum ProportionTest
{
	TEST_PROPORTIONS,			/* two-proportion z, or Fisher's exact test, as fairness_metrics has it */
	TEST_WELCH,					/* t with a variance for each group */
	TEST_BROWN_FORSYTHE,		/* t with one variance unless Brown and Forsythe's test tells the variances apart, else Welch's */
	N_PROPORTION_TESTS
} ProportionTest;

extern const char *const proportion_test_names[N_PROPORTION_TESTS];

/* NaN where it does not exist. significance: at which variances are told apart. */
extern double proportion_test(ProportionTest test, Proportion a, Proportion b, double significance);

#endif
