/*
 * init.c
 *		Calls each room's init, nothing else.
 */
#include "postgres.h"

#include "base/audit.h"
#include "base/person.h"
#include "capture/capture.h"
#include "feed/feed.h"
#include "fmgr.h"
#include "governance/governance.h"
#include "model/model.h"
#include "monitor/monitor.h"
#include "monitor/rule.h"
#include "worker/worker.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	person_init();
	audit_init();
	worker_init();
	capture_init();
	monitor_init();
	/* Before rules, as tasks take their turns in this order: a rule with a long history keeps no job waiting. */
	model_init();
	feed_init();
	governance_init();
	rule_init();
}
