/*
 * named_model.h
 *		Learners that are versions of models, by name.  Inside this room only.
 */
#ifndef WEIR_NAMED_MODEL_H
#define WEIR_NAMED_MODEL_H

#include "postgres.h"

/* Bytes of the learner that an alias means (a number: that version; current: the model's learner as it is), in the context. Checks
 * the caller. */
extern bytea *named_model_read(const char *name, const char *alias, MemoryContext context);

#endif
