/*
 * utility.h
 *		Commands that capture must know of before they run.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_UTILITY_H
#define WEIR_CAPTURE_UTILITY_H

/* From capture_init, preloaded only. */
extern void utility_init(void);

#endif
