/*
 * present_label.h
 *		Labels of an enum that have other names than when they were learned.  Plain C.
 */
#ifndef WEIR_PRESENT_LABEL_H
#define WEIR_PRESENT_LABEL_H

#include <stddef.h>

/* The name that one has now, of *present_length bytes; NULL: the same. All of a call are renamed together. */
typedef const char *(*PresentLabel)(void *context, const char *name, size_t length, size_t *present_length);

#endif
