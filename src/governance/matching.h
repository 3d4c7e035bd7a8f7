/*
 * matching.h
 *		Record matching. Inside this room only.
 */
#ifndef WEIR_MATCHING_H
#define WEIR_MATCHING_H

#include "postgres.h"

/* The number of a matching that the current user owns; raises 42704 or 42501. Outside of an SQL scope. */
extern int	matching_require_owner(const char *name);

/* An SQL expression of how alike two texts are, from 0 to 1; raises 22023, or 42704 when an extension is missing. */
extern char *matching_similarity(const char *method, const char *a, const char *b);

/* An SQL expression that is the same for records that are compared. */
extern char *matching_block(const char *method, const char *a);

#endif
