/*
 * sparkline.h
 *		Numbers as bars of characters.
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

/*
 * Appends a lying bar, up to width places long for `largest`, in eighths of a place; what is above zero can always be seen. Nothing
 * for NaN and for what is not above zero. In a database that is not UTF-8 it is made of #.
 */
extern void bar_append(StringInfo out, double value, double largest, int width);

#endif
