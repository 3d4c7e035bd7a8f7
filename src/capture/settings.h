/*
 * settings.h
 *		The settings of capture.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_SETTINGS_H
#define WEIR_CAPTURE_SETTINGS_H

extern int	capture_flush_interval_ms; /* weir.flush_interval */
extern int	capture_memory_kb;	/* weir.capture_memory */
extern int	capture_decoding_memory_kb; /* weir.decoding_memory */

#endif
