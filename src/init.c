/*
 * init.c
 *		Calls each room's init, nothing else.
 */
#include "postgres.h"

#include "fmgr.h"
#include "monitor/monitor.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	worker_init();
	monitor_init();
}
