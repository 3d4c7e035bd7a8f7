/*
 * priority.c
 *		How much processor time capture and builders may take from others.
 */
#include "postgres.h"

#include <sched.h>
#include <sys/resource.h>

#include "capture/priority.h"
#include "utils/guc.h"

/* Above the nice values: processor time that nobody else wants. */
#define NICE_IDLE 20

static int	nice_wanted = 0;
static int	nice_applied = 0;

static bool
be_idle(void)
{
#ifdef SCHED_IDLE
	struct sched_param none = {0};

	if (sched_setscheduler(0, SCHED_IDLE, &none) == 0)
		return true;
#endif
	return false;
}

static bool
be_nice(int value)
{
	/* The server itself may have been started with less. */
	return setpriority(PRIO_PROCESS, 0, Max(Min(value, NICE_IDLE - 1), getpriority(PRIO_PROCESS, 0))) == 0;
}

void
priority_lower(void)
{
	if (nice_wanted <= nice_applied)
		return;
	nice_applied = nice_wanted;
	if (!(nice_wanted == NICE_IDLE && be_idle()) && !be_nice(nice_wanted))
		ereport(LOG, (errmsg("weir could not lower its priority: %m")));
}

bool
priority_wants_new_process(void)
{
	return nice_wanted < nice_applied;
}

void
priority_init(void)
{
	DefineCustomIntVariable(
		"weir.capture_nice",
		"Nice value of capture workers and builders: how much they give way to others where processors are busy.",
		"0: as any backend; 19: they get little where others want all; 20: on Linux only time that nobody else wants.",
		&nice_wanted, 0, 0, NICE_IDLE, PGC_SUSET, 0, NULL, NULL, NULL);
}
