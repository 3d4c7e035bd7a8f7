/*
 * sparkline.h
 *		Numbers as a line of small bars.
 */
#ifndef WEIR_SPARKLINE_H
#define WEIR_SPARKLINE_H

#include "postgres.h"

#include "lib/stringinfo.h"

/*
 * Appends one bar per number, from the lowest for `smallest` (or below) to the full one for the largest; a space for what is not
 * finite.
 */
extern void sparkline_append(StringInfo out, const double *values, int n, double smallest);

#endif
