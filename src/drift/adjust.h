/*
 * adjust.h
 *		p-values corrected for how many they are.  Plain C.
 */
#ifndef WEIR_DRIFT_ADJUST_H
#define WEIR_DRIFT_ADJUST_H

#include <stddef.h>

#include "base/allocator.h"

typedef enum Adjustment
{
	ADJUST_NONE = 0,
	ADJUST_BONFERRONI,
	ADJUST_HOLM,
	ADJUST_BENJAMINI_HOCHBERG,
	ADJUST_BENJAMINI_YEKUTIELI
} Adjustment;

/* By any of its names; -1 when there is none. */
extern int	adjustment_find(const char *name);
extern const char *adjustment_name(Adjustment adjustment);

/* In place; NaN stands for none and does not count. */
extern void adjust_p_values(Allocator allocator, double *p_values, size_t n, Adjustment adjustment);

#endif
