/*
 * build_prepare.c
 *		Builds of everything that come with another definition, see build.c.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/build.h"
#include "catalog/pg_type.h"
#include "utils/array.h"

/* Of weir.build: what a definition is made anew by. */
#define IS_OF_EVERYTHING " kind = 'build' AND since = '-infinity' AND until = 'infinity' "

/*
 * A build of everything that comes while another one waits, or has just begun again, would read the table a second time: the
 * earlier one makes panes by the present definition already, and goes on keeping what is deleted before it is read.  Where both
 * found panes of another size the bounds of slices have to respect two sizes, so each is for itself; so is what waits since the
 * monitor was disabled, for in between nothing was kept.
 */
static void
merge_builds(const char *is_new, Datum builds)
{
	Oid			type = INT4ARRAYOID;

	sql_execute(
		psprintf("WITH merged AS (DELETE FROM weir.build b USING (SELECT monitor_id, min(build_id) AS earliest FROM weir.build "
				 "WHERE" IS_OF_EVERYTHING "AND state NOT IN ('done', 'failed') GROUP BY monitor_id "
				 "HAVING count(pane_size_before) <= 1) e WHERE %s AND b.monitor_id = e.monitor_id "
				 "AND b.build_id > e.earliest AND" IS_OF_EVERYTHING "AND EXISTS (SELECT FROM weir.monitor_state s "
				 "WHERE s.monitor_id = b.monitor_id AND (s.state IN ('building', 'active') OR s.state = 'starting' "
				 "AND NOT EXISTS (SELECT FROM weir.build o WHERE o.monitor_id = b.monitor_id AND o.state IN ('done', 'failed')))) "
				 "RETURNING e.earliest, b.pane_size_before, b.inexact_since) "
				 "UPDATE weir.build b SET pane_size_before = coalesce(b.pane_size_before, m.pane_size_before), "
				 "inexact_since = coalesce(b.inexact_since, m.inexact_since) FROM (SELECT earliest, "
				 "max(pane_size_before) AS pane_size_before, min(inexact_since) AS inexact_since FROM merged GROUP BY earliest) m "
				 "WHERE b.build_id = m.earliest",
				 is_new),
		1, &type, &builds, NULL);
}

/*
 * Live panes of another size say where they end, so that no window takes one for a smaller one; what was begun under the definition
 * before is begun again.
 */
void
build_prepare(void)
{
	const char *is_new = "b.build_id = ANY ($1)";
	Oid			type = INT4ARRAYOID;
	Datum		builds;
	bool		is_null;

	/* Each statement sees what was committed by then: all of them are about the same builds. */
	sql_execute("SELECT ARRAY(SELECT build_id FROM weir.build WHERE kind = 'build' AND state = 'requested' AND NOT is_prepared)", 0,
				NULL, NULL, NULL);
	builds = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 1, &is_null)));
	/* Where the size was changed more than once since the last time, live panes have that of before the first. */
	sql_execute(
		psprintf("UPDATE weir.pane p SET pane_end = CASE WHEN m.time_zone IS NULL THEN p.pane_start + b.pane_size_before "
				 "ELSE pg_catalog.timezone(m.time_zone, pg_catalog.timezone(m.time_zone, p.pane_start) + b.pane_size_before) END "
				 "FROM (SELECT DISTINCT ON (monitor_id) monitor_id, pane_size_before FROM weir.build b WHERE %s "
				 "AND pane_size_before IS NOT NULL ORDER BY monitor_id, build_id) b JOIN weir.monitor m USING (monitor_id) "
				 "WHERE p.monitor_id = b.monitor_id AND p.generation = 0 AND p.pane_end IS NULL",
				 is_new),
		1, &type, &builds, NULL);
	sql_execute(psprintf("DELETE FROM weir.pane_level l USING weir.build b WHERE %s AND b.pane_size_before IS NOT NULL "
						 "AND l.monitor_id = b.monitor_id",
						 is_new),
				1, &type, &builds, NULL);
	sql_execute(psprintf("WITH again AS (UPDATE weir.build o SET" BUILD_BEGINS_AGAIN "FROM weir.build b WHERE %s "
						 "AND o.monitor_id = b.monitor_id AND o.state = 'reading' RETURNING o.build_id) "
						 "DELETE FROM weir.build_slice WHERE build_id IN (SELECT build_id FROM again)",
						 is_new),
				1, &type, &builds, NULL);
	/* What was kept for these was so under the definition before, and what it would be under this one nobody knows. */
	sql_execute(
		psprintf(
			"UPDATE weir.build b SET inexact_since = pg_catalog.clock_timestamp() WHERE %s AND EXISTS (SELECT FROM weir.build o "
			"JOIN weir.pane p ON p.monitor_id = o.monitor_id AND p.generation = o.kept AND p.n > 0 "
			"WHERE o.monitor_id = b.monitor_id AND o.build_id < b.build_id AND o.kind <> 'columns' "
			"AND o.state NOT IN ('done', 'failed'))",
			is_new),
		1, &type, &builds, NULL);
	sql_execute(psprintf("DELETE FROM weir.pane p USING weir.build b, weir.build o WHERE %s AND o.monitor_id = b.monitor_id "
						 "AND o.build_id < b.build_id AND o.state NOT IN ('done', 'failed') AND p.monitor_id = o.monitor_id "
						 "AND p.generation = o.kept",
						 is_new),
				1, &type, &builds, NULL);
	/* Every segment apart again, but where rows that the table has deleted cannot be told apart. */
	sql_execute(
		psprintf("UPDATE weir.monitor_state s SET segment_limit = NULL, other_since = NULL "
				 "FROM (SELECT o.monitor_id FROM weir.monitor_state o WHERE o.segment_limit IS NOT NULL AND EXISTS "
				 "(SELECT FROM weir.build b WHERE %s AND b.monitor_id = o.monitor_id) AND NOT EXISTS (SELECT FROM weir.pane p "
				 "WHERE p.monitor_id = o.monitor_id AND p.generation = 0 AND p.segment = '{}' AND p.marks & 2 <> 0) "
				 "FOR UPDATE SKIP LOCKED) l WHERE s.monitor_id = l.monitor_id",
				 is_new),
		1, &type, &builds, NULL);
	sql_execute(psprintf("UPDATE weir.build b SET is_prepared = true WHERE %s", is_new), 1, &type, &builds, NULL);
	merge_builds(is_new, builds);
}
