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
 * The id of a monitor. 42704 when there is none; 42501 unless the current user is a member of its owner or of the owner of its
 * source. For functions that change what belongs to a monitor.
 */
extern int	monitor_require_owner(const char *name);

/*
 * Lets set_baseline take a data version: the query that reads its rows, as the caller; the function checks that the caller may.
 * Without one set_baseline(data_version => ...) is refused.
 */
extern void monitor_register_data_versions(char *(*query_of)(int64 data_version));

#endif
