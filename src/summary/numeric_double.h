/*
 * numeric_double.h
 *		numeric to double, fast for the usual short numbers.
 */
#ifndef WEIR_NUMERIC_DOUBLE_H
#define WEIR_NUMERIC_DOUBLE_H

#include "postgres.h"

/* What numeric::float8 gives; beyond the range of doubles infinite instead of an error. */
extern double numeric_to_double(Datum value);

#endif
