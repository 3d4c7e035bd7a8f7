/*
 * constraints.h
 *		Constraints on the quality of data: whether they are ones that can be checked.
 */
#ifndef WEIR_CONSTRAINTS_H
#define WEIR_CONSTRAINTS_H

#include "postgres.h"

#include "utils/jsonb.h"

/* Raises 22023, saying which and why, unless the value is an array of constraints. */
extern void constraints_require_valid(const JsonbValue *constraints);

#endif
