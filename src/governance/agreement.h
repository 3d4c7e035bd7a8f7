/*
 * agreement.h
 *		How far people who label the same agree beyond chance. Plain C.
 */
#ifndef WEIR_AGREEMENT_H
#define WEIR_AGREEMENT_H

#include <stdint.h>

/*
 * Cohen's kappa of two raters (Cohen 1960): (observed - expected) / (1 - expected) agreement, where expected follows from how often
 * each uses each category. first and second hold n categories from 0 to n_categories - 1; counts is room for 2 * n_categories. NaN
 * without a pair, or when both use one and the same category only.
 */
extern double cohen_kappa(const int32_t *first, const int32_t *second, int64_t n, int n_categories, int64_t *counts);

/*
 * Fleiss' kappa of any number of raters (Fleiss 1971): counts[i * n_categories + j] of the raters of subject i chose category j.
 * Subjects may have different numbers of raters: the agreement of each counts alike, its labels as often as there are. Subjects
 * with less than two are left out. NaN when there are none, or one category takes all.
 */
extern double fleiss_kappa(const int64_t *counts, int64_t n_subjects, int n_categories);

/*
 * Krippendorff's alpha of categories without an order (Krippendorff 2011): 1 less observed by expected disagreement, over all pairs
 * of labels of one subject; of a subject with many labels each weighs no more than another.  Counts and subjects as of
 * fleiss_kappa, of which it differs where subjects have different numbers of raters, and where there are few.
 */
extern double krippendorff_alpha(const int64_t *counts, int64_t n_subjects, int n_categories);

#endif
