/*
 * class_arguments.h
 *		What aggregates over classes and their probabilities read; internal to this room.
 */
#ifndef WEIR_CLASS_ARGUMENTS_H
#define WEIR_CLASS_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"
#include "summary/summary_datum.h"

/* How this place of the query reads arguments 1 and 2, a label and a prediction, as classes. */
typedef struct ClassReaders
{
	ValueReader sides[2];		/* of an untyped literal: type is UNKNOWNOID */
} ClassReaders;

extern const ClassReaders *class_readers(FunctionCallInfo fcinfo);

/* The text of a class, shortened to what a pair can hold; NULL when there is none. */
extern char *read_class_name(FunctionCallInfo fcinfo, const ValueReader *reader, int argument, size_t *length);

/* How this place of the query reads argument 1, a label or a prediction. */
extern const ValueReader *class_reader(FunctionCallInfo fcinfo, const char *what);

/* The number of the class; raises 22023 when it is none. */
extern int	class_of(char *const *names, int n_classes, const char *bytes, size_t length, const char *what);

/* False when the row has no probabilities; raises 22023 for a wrong number of them, or one outside [0, 1]. */
extern bool read_probabilities(FunctionCallInfo fcinfo, int argument, int n_classes, double *raw);

/* Raises 22023: all rows of an aggregate must name the same. */
extern void check_same_classes(char *const *a, int n_a, char *const *b, int n_b);

#endif
