/*
 * generation.c
 *		Which generations of panes a row belongs to.
 */
#include "postgres.h"

#include "capture/generation.h"

void
generation_begin(List *monitors, TransactionId xid, XLogRecPtr end_lsn)
{
	ListCell   *cell;

	foreach(cell, monitors)
	{
		ListCell   *build_cell;

		foreach(build_cell, ((CapturedMonitor *) lfirst(cell))->builds)
		{
			ActiveBuild *build = lfirst(build_cell);

			build->skips_transaction = build->has_cut && end_lsn <= build->cut_lsn && cut_contains(&build->cut, xid);
		}
	}
}

static inline bool
covers(const ActiveBuild *build, TimestampTz start)
{
	return start >= build->since && start < build->until;
}

/* Live panes do not exist yet where an initial build is not over. */
static bool
is_live(CapturedMonitor *monitor, TimestampTz start)
{
	ListCell   *cell;

	foreach(cell, monitor->builds)
	{
		ActiveBuild *build = lfirst(cell);

		if (build->kind == BUILD_INITIAL && covers(build, start))
			return false;
	}
	return true;
}

int
generation_of(CapturedMonitor *monitor, TimestampTz start, int i)
{
	ListCell   *cell;

	if (monitor->builds == NIL)
		return i == 0 ? 0 : -1;
	if (is_live(monitor, start) && i-- == 0)
		return 0;
	foreach(cell, monitor->builds)
	{
		ActiveBuild *build = lfirst(cell);

		if (build->has_cut && !build->skips_transaction && covers(build, start) && i-- == 0)
			return build->generation;
	}
	return -1;
}

ActiveBuild *
generation_keeper(CapturedMonitor *monitor, TimestampTz start, int i)
{
	ListCell   *cell;

	foreach(cell, monitor->builds)
	{
		ActiveBuild *build = lfirst(cell);

		if (build->kept != 0 && covers(build, start) && i-- == 0)
			return build;
	}
	return NULL;
}

bool
generation_is_stale(CapturedMonitor *monitor, TimestampTz start)
{
	ListCell   *cell;

	foreach(cell, monitor->builds)
	{
		ActiveBuild *build = lfirst(cell);

		if (build->heals && covers(build, start))
			return true;
	}
	return false;
}
