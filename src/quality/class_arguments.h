/*
 * class_arguments.h
 *		What aggregates over probabilities of classes read; internal to this room.
 */
#ifndef WEIR_CLASS_ARGUMENTS_H
#define WEIR_CLASS_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"
#include "summary/summary_datum.h"

/* How this place of the query reads argument 1, a label or a prediction. */
extern const ValueReader *class_reader(FunctionCallInfo fcinfo, const char *what);

/* The number of the class; raises 22023 when it is none. */
extern int	class_of(char *const *names, int n_classes, const char *bytes, size_t length, const char *what);

/* False when the row has no probabilities; raises 22023 for a wrong number of them, or one outside [0, 1]. */
extern bool read_probabilities(FunctionCallInfo fcinfo, int argument, int n_classes, double *raw);

/* Raises 22023: all rows of an aggregate must name the same. */
extern void check_same_classes(char *const *a, int n_a, char *const *b, int n_b);

#endif
