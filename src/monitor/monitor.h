/*
 * monitor.h
 *		What init.c and other rooms need of monitors.
 */
#ifndef WEIR_MONITOR_H
#define WEIR_MONITOR_H

#include "postgres.h"

/* From _PG_init: monitors keep this database's scheduler running. */
extern void monitor_init(void);

/*
 * The id of a monitor. 42704 when there is none; 42501 unless the current user is a member of its owner or of the owner of its source.
 * For functions that change what belongs to a monitor.
 */
extern int	monitor_require_owner(const char *name);

#endif
