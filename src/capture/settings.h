/*
 * settings.h
 *		The settings of capture.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_SETTINGS_H
#define WEIR_CAPTURE_SETTINGS_H

extern int	capture_flush_interval_ms; /* weir.flush_interval */
extern int	capture_memory_kb;	/* weir.capture_memory */
extern int	capture_decoding_memory_kb; /* weir.decoding_memory */
extern int	capture_max_wal_mb; /* weir.max_wal, -1: no limit */
extern int	capture_max_spill_mb; /* weir.max_spill, -1: no limit */
extern int	capture_max_xmin_age; /* weir.max_xmin_age */

extern int	build_workers;		/* weir.build_workers */
extern int	build_slice_rows;	/* weir.build_slice_rows */
extern int	build_rate;			/* weir.build_rate, 0: as fast as it can */

/* Defines them: from capture_init. */
extern void settings_init(void);

#endif
