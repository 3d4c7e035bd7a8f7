/*
 * enum_label.h
 *		Labels of enums as capture knows them.  Inside this room only.
 *
 * A label may be renamed while transactions are in progress that have written it, and decoding would tell each by the name that it
 *had then.  A table tells them all by the name that they have; so does capture, from the look on that finds the renaming: what is
 *built again for it and what is folded behind the cut have the same names.
 */
#ifndef WEIR_CAPTURE_ENUM_LABEL_H
#define WEIR_CAPTURE_ENUM_LABEL_H

#include "postgres.h"

/* Reads the labels of the columns of all sources, and lets every value of them be told by these.  Inside an SPI scope. */
extern void enum_label_load(void);

#endif
