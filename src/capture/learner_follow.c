/*
 * learner_follow.c
 *		Which learners there are, since when all that changes is noted for them, and when no more.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/capture.h"
#include "capture/learner_change.h"
#include "capture/stream.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* What may wait to be learned, of one learner: past it, the learner is set aside. */
#define MOST_WAITING (INT64CONST(4) * 1024 * 1024 * 1024)
#define LOOK_AT_WAITING_MS 10000

static int *known_learners = NULL;
static int	n_known_learners = 0;
static bool wants_restart = false;

/* ---- definitions ---- */

static bool
is_known_learner(int learner_id)
{
	for (int i = 0; i < n_known_learners; i++)
		if (known_learners[i] == learner_id)
			return true;
	return false;
}

static void
remember_learners(List *monitors)
{
	ListCell   *cell;
	ListCell   *learner_cell;
	bool		is_first = known_learners == NULL;
	int			n = 0;
	int		   *ids;

	foreach(cell, monitors)
	{
		n += list_length(((CapturedMonitor *) lfirst(cell))->learners);
		foreach(learner_cell, ((CapturedMonitor *) lfirst(cell))->learners)
			if (!is_first && learner_change_is_in_progress() &&
				!is_known_learner(((CapturedLearner *) lfirst(learner_cell))->learner_id))
				wants_restart = true;
	}
	ids = MemoryContextAlloc(TopMemoryContext, sizeof(int) * (n + 1));
	n_known_learners = 0;
	foreach(cell, monitors)
		foreach(learner_cell, ((CapturedMonitor *) lfirst(cell))->learners)
			ids[n_known_learners++] = ((CapturedLearner *) lfirst(learner_cell))->learner_id;
	if (known_learners != NULL)
		pfree(known_learners);
	known_learners = ids;
}

bool
learner_follow_has_any(void)
{
	return n_known_learners > 0;
}

void
learner_change_decode_anew(void)
{
	wants_restart |= learner_change_is_in_progress();
}

bool
learner_change_wants_restart(void)
{
	return wants_restart;
}

/* One learner of the monitor, from its columns: those of the features in order, then the label. */
static void
add_columns(CapturedMonitor *monitor, CapturedLearner *learner, MemoryContext context)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(learner->learner_id);
	bool		is_null;
	uint64		n = sql_execute(
		"SELECT u.name::text, u.type::oid, u.is_label AND l.is_regression, u.is_label FROM weir.monitor_learner l, LATERAL ("
		"SELECT f.name, f.type, false, f.i FROM ROWS FROM (pg_catalog.unnest(l.features), pg_catalog.unnest(l.feature_types)) "
		"WITH ORDINALITY f (name, type, i) UNION ALL SELECT l.label, l.label_type, true, 0 WHERE l.label IS NOT NULL) "
		"u (name, type, is_label, i) "
		"WHERE l.learner_id = $1 ORDER BY u.is_label, u.i",
		1, &type, &id, NULL);
	MemoryContext old = MemoryContextSwitchTo(context);

	learner->has_label = n > 0 && DatumGetBool(sql_value(n - 1, 4, &is_null));
	learner->n_features = (int) n - learner->has_label;
	learner->features = palloc0(sizeof(CapturedColumn) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_label = DatumGetBool(sql_value(i, 4, &is_null));
		CapturedColumn *column = is_label ? &learner->label : &learner->features[i];
		Oid			column_type = DatumGetObjectId(sql_value(i, 2, &is_null));
		ValueReader reader;
		bool		is_number =
			is_label ? DatumGetBool(sql_value(i, 3, &is_null)) : value_reader_init(&reader, column_type, SUMMARY_NUMERIC, context);

		definition_find_column(monitor, column, sql_text(i, 1), is_number ? SUMMARY_NUMERIC : SUMMARY_CATEGORY, column_type);
		if (column->retired && learner->failure == NULL)
			learner->failure =
				psprintf("column \"%s\" was dropped, or has a type that cannot be read as it was. Mend it, then call "
						 "weir.resume_learner, or drop the learner and create another.",
						 NameStr(column->name));
	}
	MemoryContextSwitchTo(old);
}

#define ROWS_MAY_HAVE_PASSED \
	"(s.disabled_reason IS NOT NULL OR coalesce(m.state = 'disabled', true) " \
	"OR NOT coalesce((SELECT follows_learners FROM weir.capture_progress), false))"

#define WHY_THEY_PASSED \
	"CASE WHEN s.disabled_reason IS NOT NULL THEN 'it was set aside: ' || s.disabled_reason " \
	"WHEN coalesce(m.state = 'disabled', true) THEN 'its monitor was disabled' || coalesce(': ' || m.reason, '') " \
	"ELSE coalesce('the stream has a gap: ' || (SELECT g.reason FROM weir.gap g ORDER BY g.noticed_at DESC LIMIT 1), " \
	"'the stream was not read from where it was left') END"

/*
 * Where rows may have passed unseen, a learner that had begun has a gap; one that had not reads them from the table.  Capture waits
 * for nobody who has a state locked: false when there are such, to be tried again before any learner is said to be followed.
 */
static bool
record_gaps(List *monitors)
{
	ListCell   *cell;
	ListCell   *learner_cell;
	bool		is_null;
	uint64		n = sql_execute(
		"WITH passed AS (UPDATE weir.learner_state s SET followed = false "
		"FROM (SELECT learner_id FROM weir.learner_state WHERE followed FOR UPDATE SKIP LOCKED) k "
		"JOIN weir.monitor_learner l USING (learner_id) LEFT JOIN weir.monitor_state m USING (monitor_id) "
		"WHERE s.learner_id = k.learner_id AND " ROWS_MAY_HAVE_PASSED
		" RETURNING s.learner_id, s.cut IS NOT NULL AS has_begun, " WHY_THEY_PASSED " AS reason), "
		"gap AS (INSERT INTO weir.learner_gap (learner_id, reason) SELECT learner_id, reason FROM passed WHERE has_begun) "
		"SELECT learner_id FROM passed",
		0, NULL, NULL, NULL);

	for (uint64 i = 0; i < n; i++)
		foreach(cell, monitors)
			foreach(learner_cell, ((CapturedMonitor *) lfirst(cell))->learners)
			{
				CapturedLearner *learner = lfirst(learner_cell);

				if (learner->learner_id == DatumGetInt32(sql_value(i, 1, &is_null)))
					learner->is_followed = false;
			}
	return sql_execute("SELECT FROM weir.learner_state s JOIN weir.monitor_learner l USING (learner_id) "
					   "LEFT JOIN weir.monitor_state m USING (monitor_id) WHERE s.followed AND " ROWS_MAY_HAVE_PASSED " LIMIT 1",
					   0, NULL, NULL, NULL) == 0;
}

void
learner_change_load(List *monitors, MemoryContext context)
{
	ListCell   *cell;
	ListCell   *learner_cell;
	uint64		n;

	/* What pg_restore brought has no state. */
	sql_execute("INSERT INTO weir.learner_state (learner_id) SELECT learner_id FROM weir.monitor_learner "
				"WHERE learner_id NOT IN (SELECT learner_id FROM weir.learner_state)",
				0, NULL, NULL, NULL);
	sql_execute("DELETE FROM weir.learner_change c WHERE NOT EXISTS (SELECT FROM weir.learner_state s "
				"WHERE s.learner_id = c.learner_id AND s.disabled_reason IS NULL)",
				0, NULL, NULL, NULL);
	sql_execute("DELETE FROM weir.learner_prediction WHERE learner_id NOT IN (SELECT learner_id FROM weir.monitor_learner)", 0,
				NULL, NULL, NULL);
	sql_execute("DELETE FROM weir.learner_gap WHERE learner_id NOT IN (SELECT learner_id FROM weir.monitor_learner)", 0, NULL, NULL,
				NULL);
	(void) record_gaps(NIL);
	n = sql_execute(
		"SELECT l.learner_id, l.monitor_id, s.followed FROM weir.monitor_learner l JOIN weir.learner_state s USING (learner_id) "
		"WHERE s.disabled_reason IS NULL ORDER BY 1",
		0, NULL, NULL, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		int			monitor_id = DatumGetInt32(sql_value(i, 2, &is_null));

		foreach(cell, monitors)
		{
			CapturedMonitor *monitor = lfirst(cell);
			CapturedLearner *learner;
			MemoryContext old;

			if (monitor->monitor_id != monitor_id)
				continue;
			old = MemoryContextSwitchTo(context);
			learner = palloc0(sizeof(CapturedLearner));
			learner->learner_id = DatumGetInt32(sql_value(i, 1, &is_null));
			learner->is_followed = DatumGetBool(sql_value(i, 3, &is_null));
			monitor->learners = lappend(monitor->learners, learner);
			MemoryContextSwitchTo(old);
		}
	}
	foreach(cell, monitors)
		foreach(learner_cell, ((CapturedMonitor *) lfirst(cell))->learners)
			add_columns(lfirst(cell), lfirst(learner_cell), context);
	remember_learners(monitors);
}

/* ---- followed ---- */

void
learner_change_follow(List *monitors)
{
	ListCell   *cell;
	ListCell   *learner_cell;
	bool		is_new = false;

	foreach(cell, monitors)
		foreach(learner_cell, ((CapturedMonitor *) lfirst(cell))->learners)
			is_new |= !((CapturedLearner *) lfirst(learner_cell))->is_followed;
	if (!is_new || wants_restart || !stream_is_within(GetActiveSnapshot()) || !record_gaps(monitors))
		return;
	foreach(cell, monitors)
		foreach(learner_cell, ((CapturedMonitor *) lfirst(cell))->learners)
		{
			CapturedLearner *learner = lfirst(learner_cell);
			Oid			type = INT4OID;
			Datum		id = Int32GetDatum(learner->learner_id);

			/* Capture waits for nobody who has the row locked. */
			if (!learner->is_followed && learner->failure == NULL)
				learner->is_followed =
					sql_execute(
						"UPDATE weir.learner_state s SET followed = true, waiting_reason = NULL FROM (SELECT learner_id FROM weir.learner_state "
						"WHERE learner_id = $1 FOR UPDATE SKIP LOCKED) k WHERE s.learner_id = k.learner_id",
						1, &type, &id, NULL) == 1;
		}
	sql_execute("UPDATE weir.capture_progress SET follows_learners = true WHERE NOT follows_learners", 0, NULL, NULL, NULL);
}

/* ---- rows that no change tells of ---- */

/*
 * The latest transaction that the link names has brought them: a learner whose rows of before were read when it could be seen has
 * read them, too.  That is for the reader of the gap to say, since learners may be reading now.
 */
void
learner_note_attached(int monitor_id, const char *table, const char *link)
{
	Oid			types[] = {INT4OID, TEXTOID, TEXTOID};
	Datum		values[] = {
		Int32GetDatum(monitor_id),
		CStringGetTextDatum(psprintf(
			"table \"%s\" was attached, and the rows that it brought are not learned: weir.reset_learner learns the table as it is",
			table)),
		CStringGetTextDatum(link)};

	sql_execute(
		"INSERT INTO weir.learner_gap (learner_id, brought_by, reason) SELECT l.learner_id, b.xid, $2 FROM weir.monitor_learner l, "
		"(SELECT pg_catalog.max(n.next - ((n.next - t.xid[1]::bigint) & 4294967295))::text::xid8 AS xid FROM "
		"pg_catalog.regexp_matches($3, ':([0-9]+):', 'g') t (xid), "
		"(SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint AS next) n) b "
		"WHERE l.monitor_id = $1 AND NOT EXISTS (SELECT FROM weir.learner_gap g WHERE g.learner_id = l.learner_id AND g.brought_by = b.xid)",
		3, types, values, NULL);
}

/* ---- set aside ---- */

bool
learner_set_aside(int learner_id, const char *reason)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[] = {Int32GetDatum(learner_id), CStringGetTextDatum(reason)};

	if (sql_execute(
			"UPDATE weir.learner_state s SET disabled_reason = $2, waiting_reason = NULL, epoch = s.epoch + 1 FROM (SELECT learner_id FROM "
			"weir.learner_state WHERE learner_id = $1 FOR UPDATE SKIP LOCKED) k WHERE s.learner_id = k.learner_id",
			2, types, values, NULL) == 0)
		return false;
	ereport(LOG, (errmsg("weir sets learner %d aside: %s", learner_id, reason)));
	sql_execute("DELETE FROM weir.learner_change WHERE learner_id = $1", 1, types, values, NULL);
	return true;
}

void
learner_limit_waiting(void)
{
	static TimestampTz next_look = 0;
	TimestampTz now = GetCurrentTimestamp();
	Oid			type = INT8OID;
	Datum		most = Int64GetDatum(MOST_WAITING);
	uint64		n;

	if (now < next_look)
		return;
	next_look = TimestampTzPlusMilliseconds(now, LOOK_AT_WAITING_MS);
	/* Rows of before are as many as the table has, and become no more. */
	n = sql_execute("SELECT learner_id FROM weir.learner_change WHERE change_id > 0 GROUP BY 1 "
					"HAVING pg_catalog.sum(pg_catalog.octet_length(changes)) > $1",
					1, &type, &most, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		SPITupleTable *rows = SPI_tuptable;

		(void) learner_set_aside(
			DatumGetInt32(sql_value(i, 1, &is_null)),
			"it learns more slowly than rows come, and too many wait. Choose a faster learner, or call weir.reset_learner");
		SPI_tuptable = rows;
	}
}
