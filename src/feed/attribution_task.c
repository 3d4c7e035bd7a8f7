/*
 * attribution_task.c
 *		Keeps what features contribute to what models say, pane by pane of a monitor, beside the baseline.
 *
 * Once a pane is final, some of its rows, chosen by a hash of themselves, are explained by the model as it is then, and so are some
 *of the baseline: both by the same version, for else a model that learns would seem to drift.  So a pane costs the same however
 *many rows it has.  A pane into which rows came late is explained again.  Rows are read as the owner of the table.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "base/withhold.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "feed/attribution.h"
#include "feed/attribution_rows.h"
#include "feed/fed_learner.h"
#include "feed/present_name.h"
#include "learn/learner_datum.h"
#include "monitor/boundary.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "window/window.h"

#define PERIOD_MS 1000
#define LOOK_FOR_LATE "2 seconds"
#define LOOK_FOR_GONE "1 minute" /* panes that go, and those that are built, are no change of the monitor */
#define PANES_AT_FIRST "100"
#define PANES_PER_TURN 20
#define TURN_MS 1000 /* learners take turns with this */

/* What is to be explained: the learners of monitors, and the models that monitors are about. */
#define CHAMPION \
	"weir.model_alias a JOIN weir.model_version v ON v.model_id = a.model_id AND v.version = a.version " \
	"AND v.artifact IS NOT NULL AND v.signature ? 'learner' WHERE a.alias = 'champion' AND a.until IS NULL"
#define OF_MONITORS \
	"SELECT o.monitor_id, m.name FROM weir.monitor o JOIN weir.model m ON m.name = o.model JOIN weir.baseline b USING (monitor_id) " \
	"WHERE b.form = 'range' AND pg_catalog.pg_has_role(o.owner, m.owner, 'USAGE') AND EXISTS (SELECT FROM " CHAMPION \
	" AND a.model_id = m.model_id)"
#define OF_LEARNERS \
	"SELECT l.monitor_id, m.name FROM weir.monitor_learner l JOIN weir.model m USING (model_id) JOIN weir.baseline b USING (monitor_id) " \
	"WHERE b.form = 'range'"

bool
attribution_is_wanted(void)
{
	return sql_execute(OF_MONITORS " LIMIT 1", 0, NULL, NULL, NULL) > 0;
}

/* ---- which ---- */

/* Waits for nobody who is dropping or altering a monitor. */
static void
settle(void)
{
	sql_execute("DELETE FROM weir.attribution WHERE (monitor_id, model) IN (SELECT a.monitor_id, a.model FROM weir.attribution a "
				"WHERE (a.monitor_id, a.model) NOT IN (" OF_LEARNERS " UNION " OF_MONITORS
				") OR EXISTS (SELECT FROM weir.baseline b "
				"WHERE b.monitor_id = a.monitor_id AND b.set_at <> a.baseline_set_at) FOR UPDATE OF a SKIP LOCKED)",
				0, NULL, NULL, NULL);
	/* A learner begins to be explained when it knows the rows of before. */
	sql_execute(
		"INSERT INTO weir.attribution (monitor_id, model, baseline_set_at, read_since, read_until) SELECT w.monitor_id, w.name, b.set_at, "
		"f.since, f.since FROM (" OF_LEARNERS
		" AND EXISTS (SELECT FROM weir.learner_state s WHERE s.learner_id = l.learner_id AND s.cut IS NOT NULL "
		"AND s.applied >= 0 AND s.n_learned > 0) UNION " OF_MONITORS ") w JOIN weir.baseline b USING (monitor_id) "
		"JOIN weir.monitor_state s USING (monitor_id) JOIN weir.monitor o USING (monitor_id) CROSS JOIN LATERAL "
		"(SELECT CASE WHEN pg_catalog.count(*) = " PANES_AT_FIRST
		" THEN pg_catalog.min(p.pane_start) ELSE '-infinity' END AS since FROM (SELECT DISTINCT p.pane_start FROM weir.pane p "
		"WHERE p.monitor_id = w.monitor_id AND p.generation = 0 AND p.pane_start < weir._final_before(w.monitor_id) "
		"ORDER BY 1 DESC LIMIT " PANES_AT_FIRST ") p) f WHERE s.state = 'active' AND NOT EXISTS "
		"(SELECT FROM weir.attribution e WHERE e.monitor_id = w.monitor_id AND e.model = w.name) FOR KEY SHARE OF o SKIP LOCKED",
		0, NULL, NULL, NULL);
}

/* The next that has panes to be explained. False when there is none. Results in the context. */
static bool
find_next(Attribution *attribution, MemoryContext context)
{
	MemoryContext old;
	bool		is_null;
	Datum		value;

	if (sql_execute(
			"SELECT a.monitor_id, a.model, m.source::oid, " PRESENT_NAME(
				"m.time_column") ", m.filter, coalesce(b.since, '-infinity'), "
								 "coalesce(b.until, 'infinity'), a.read_until, f.target, a.read_until >= f.target, coalesce(c.version, 0), " NAMES_ARE_PRESENT
								 ", greatest(a.read_since, a.read_until - m.retention), m.name, coalesce(s.last_change_at, '-infinity') "
								 "FROM weir.attribution a JOIN weir.monitor m USING (monitor_id) JOIN weir.monitor_state s USING (monitor_id) "
								 "JOIN weir.baseline b USING (monitor_id) JOIN weir.model o ON o.name = a.model "
								 "LEFT JOIN LATERAL (SELECT a.version FROM " CHAMPION " AND a.model_id = o.model_id) c ON true, "
								 "LATERAL (SELECT weir._final_before(m.monitor_id) AS final_before) d, LATERAL (SELECT CASE WHEN isfinite(d.final_before) "
								 "THEN weir.tumble(d.final_before, m.pane_size, NULL, m.time_zone) END AS target) f "
								 "WHERE (a.disabled_reason IS NULL OR a.version IS DISTINCT FROM c.version) AND s.state = 'active' AND f.target IS NOT NULL "
								 "AND (a.read_until < f.target OR a.looked_at < clock_timestamp() - interval '" LOOK_FOR_LATE "' "
								 "AND (s.last_change_at IS DISTINCT FROM a.changes_seen_at OR a.looked_at < clock_timestamp() - interval '" LOOK_FOR_GONE
								 "' "
								 "OR EXISTS (SELECT FROM weir.build u WHERE u.monitor_id = a.monitor_id AND u.finished_at > a.looked_at))) "
								 "ORDER BY a.read_until >= f.target, a.looked_at LIMIT 1 FOR UPDATE OF a SKIP LOCKED",
			0, NULL, NULL, NULL) == 0)
		return false;
	old = MemoryContextSwitchTo(context);
	attribution->monitor_id = DatumGetInt32(sql_value(0, 1, &is_null));
	attribution->model = sql_text(0, 2);
	attribution->source = DatumGetObjectId(sql_value(0, 3, &is_null));
	attribution->time_column = sql_text(0, 4);
	attribution->filter = sql_text(0, 5);
	attribution->baseline_since = DatumGetTimestampTz(sql_value(0, 6, &is_null));
	attribution->baseline_until = DatumGetTimestampTz(sql_value(0, 7, &is_null));
	attribution->read_until = DatumGetTimestampTz(sql_value(0, 8, &is_null));
	attribution->target = DatumGetTimestampTz(sql_value(0, 9, &is_null));
	value = sql_value(0, 10, &is_null);
	attribution->looks_for_late = DatumGetBool(value);
	attribution->version = DatumGetInt32(sql_value(0, 11, &is_null));
	value = sql_value(0, 12, &is_null);
	attribution->names_are_present = DatumGetBool(value);
	value = sql_value(0, 13, &is_null);
	attribution->read_since = DatumGetTimestampTz(value);
	attribution->monitor = sql_text(0, 14);
	value = sql_value(0, 15, &is_null);
	attribution->changed_at = DatumGetTimestampTz(value);
	MemoryContextSwitchTo(old);
	return true;
}

/* ---- the model ---- */

static void
read_model(Attribution *attribution, MemoryContext context)
{
	Oid			types[] = {TEXTOID, INT4OID, INT4OID};
	Datum		values[] = {CStringGetTextDatum(attribution->model), Int32GetDatum(attribution->version),
					  Int32GetDatum(attribution->monitor_id)};
	MemoryContext old;
	bool		is_null;
	Datum		value = (Datum) 0;
	uint64		n;

	if (attribution->version > 0)
		n = sql_execute(
			"SELECT v.artifact FROM weir.model_version v JOIN weir.model m USING (model_id) WHERE m.name = $1 AND v.version = $2",
			2, types, values, NULL);
	else
		n = sql_execute("SELECT s.model FROM weir.learner_state s JOIN weir.monitor_learner l USING (learner_id) JOIN weir.model m "
						"USING (model_id) WHERE m.name = $1 AND s.n_learned > 0",
						1, types, values, NULL);
	is_null = true;
	if (n > 0)
		value = sql_value(0, 1, &is_null);
	old = MemoryContextSwitchTo(context);
	if (!is_null)
		attribution->bytes = (bytea *) PG_DETOAST_DATUM_COPY(value);
	MemoryContextSwitchTo(old);
	n = sql_execute(
		"SELECT u.feature, " PRESENT_NAME(
			"u.name") " FROM weir.monitor_learner l JOIN weir.model o USING (model_id) JOIN weir.monitor m USING (monitor_id) "
					  "JOIN weir.monitor_state s USING (monitor_id), ROWS FROM (pg_catalog.unnest(l.feature_names), "
					  "pg_catalog.unnest(l.features)) u (feature, name) WHERE o.name = $1 AND m.monitor_id = $3",
		3, types, values, NULL);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
	{
		attribution->features = lappend(attribution->features, sql_text(i, 1));
		attribution->columns = lappend(attribution->columns, sql_text(i, 2));
	}
	MemoryContextSwitchTo(old);
}

/* What the learner that is fed reads as this feature. A version may have others, which are called like their columns. */
static char *
column_of(const Attribution *attribution, char *feature)
{
	ListCell   *name;
	ListCell   *column;

	forboth(name, attribution->features, column, attribution->columns)
	{
		if (strcmp(lfirst(name), feature) == 0)
			return lfirst(column);
	}
	return feature;
}

/* ---- panes ---- */

#define PANES \
	"SELECT p.pane_start, max(p.updated_at), sum(p.n)::bigint, max(p.pane_end), m.pane_size, m.time_zone FROM weir.monitor m " \
	"JOIN weir.pane p ON p.monitor_id = m.monitor_id AND p.generation = 0 "

/* Those that are to be explained: the next, or those that have changed, or have come where there was none. */
static void
find_panes(Attribution *attribution, MemoryContext context)
{
	Oid			types[] = {INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(attribution->monitor_id), CStringGetTextDatum(attribution->model),
					  TimestampTzGetDatum(attribution->looks_for_late ? attribution->read_since : attribution->read_until),
					  TimestampTzGetDatum(attribution->looks_for_late ? attribution->read_until : attribution->target)};
	MemoryContext old;
	uint64		n;

	n = sql_execute(attribution->looks_for_late ? PANES
						"LEFT JOIN weir.attribution_pane x ON x.monitor_id = $1 AND x.model = $2 AND x.pane_start = p.pane_start "
						"WHERE m.monitor_id = $1 AND p.pane_start >= $3 AND p.pane_start < $4 GROUP BY m.monitor_id, p.pane_start "
						"HAVING max(p.updated_at) IS DISTINCT FROM max(x.pane_updated_at) ORDER BY 1 LIMIT " CppAsString2(
							PANES_PER_TURN)
												: PANES
						"WHERE m.monitor_id = $1 AND p.pane_start >= $3 AND p.pane_start < $4 GROUP BY m.monitor_id, p.pane_start "
						"ORDER BY 1 LIMIT " CppAsString2(PANES_PER_TURN),
					4, types, values, NULL);
	old = MemoryContextSwitchTo(context);
	attribution->n = (int) n;
	attribution->starts = palloc(sizeof(TimestampTz) * (n + 1));
	attribution->ends = palloc(sizeof(TimestampTz) * (n + 1));
	attribution->updated = palloc(sizeof(TimestampTz) * (n + 1));
	attribution->n_rows = palloc(sizeof(int64) * (n + 1));
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;

		attribution->starts[i] = DatumGetTimestampTz(sql_value(i, 1, &is_null));
		attribution->updated[i] = DatumGetTimestampTz(sql_value(i, 2, &is_null));
		attribution->n_rows[i] = DatumGetInt64(sql_value(i, 3, &is_null));
		attribution->ends[i] = DatumGetTimestampTz(sql_value(i, 4, &is_null));
		if (is_null)
			attribution->ends[i] =
				window_add(attribution->starts[i], DatumGetIntervalP(sql_value(i, 5, &is_null)), window_zone(sql_text(i, 6)));
	}
	MemoryContextSwitchTo(old);
}

/* ---- writing ---- */

static void
store_pane(const Attribution *attribution, int i, const Explained *explained, const Explained *baseline)
{
	SqlParameters parameters = {0};
	SqlScope	scope;

	sql_add(&parameters, INT4OID, Int32GetDatum(attribution->monitor_id), false);
	sql_add_text(&parameters, attribution->model);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(attribution->starts[i]), false);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(attribution->updated[i]), false);
	sql_add(&parameters, INT4OID, Int32GetDatum(attribution->version), attribution->version == 0);
	sql_add_int(&parameters, attribution->n_rows[i]);
	sql_add_int(&parameters, explained->n);
	sql_add_int(&parameters, baseline->n);
	sql_add(&parameters, TEXTARRAYOID, baseline->n > 0 ? baseline->features : explained->features, false);
	sql_add(&parameters, FLOAT8ARRAYOID, explained->absolute, false);
	sql_add(&parameters, FLOAT8ARRAYOID, baseline->absolute, false);
	sql_begin(&scope);
	sql_run(
		"INSERT INTO weir.attribution_pane (monitor_id, model, pane_start, pane_updated_at, version, n_rows, n, n_baseline, features, "
		"absolute, baseline_absolute) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (monitor_id, model, pane_start) "
		"DO UPDATE SET pane_updated_at = $4, version = $5, n_rows = $6, n = $7, n_baseline = $8, features = $9, absolute = $10, "
		"baseline_absolute = $11, explained_at = pg_catalog.clock_timestamp()",
		&parameters);
	sql_end(&scope);
}

/* True when the reason is another than before. */
static bool
store_progress(const Attribution *attribution, const char *disabled_reason, const char *waiting_reason)
{
	SqlParameters parameters = {0};
	SqlScope	scope;
	bool		is_null;
	bool		is_another;

	sql_add(&parameters, INT4OID, Int32GetDatum(attribution->monitor_id), false);
	sql_add_text(&parameters, attribution->model);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(attribution->until), false);
	sql_add(&parameters, INT4OID, Int32GetDatum(attribution->version), attribution->version == 0);
	sql_add_text(&parameters, disabled_reason);
	sql_add_text(&parameters, waiting_reason);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(attribution->changed_at),
			!attribution->looks_for_late || !attribution->is_whole || TIMESTAMP_IS_NOBEGIN(attribution->changed_at));
	sql_begin(&scope);
	is_another =
		sql_run(
			"SELECT (disabled_reason, waiting_reason) IS DISTINCT FROM ($5, $6) FROM weir.attribution WHERE monitor_id = $1 AND model = $2",
			&parameters) > 0 &&
		DatumGetBool(sql_value(0, 1, &is_null));
	sql_run(
		"UPDATE weir.attribution a SET read_until = $3, version = $4, looked_at = pg_catalog.clock_timestamp(), disabled_reason = $5, "
		"waiting_reason = $6, changes_seen_at = coalesce($7, a.changes_seen_at), explained_at = greatest(a.explained_at, (SELECT pg_catalog.max(p.explained_at) FROM "
		"weir.attribution_pane p WHERE p.monitor_id = $1 AND p.model = $2)) WHERE monitor_id = $1 AND model = $2",
		&parameters);
	sql_run(
		"DELETE FROM weir.attribution_pane p USING weir.monitor m WHERE p.monitor_id = $1 AND p.model = $2 AND m.monitor_id = $1 "
		"AND isfinite($3) AND p.pane_start < $3 - m.retention",
		&parameters);
	/* Panes that were rolled up into another, or deleted. */
	if (attribution->looks_for_late)
		sql_run(
			"DELETE FROM weir.attribution_pane x WHERE x.monitor_id = $1 AND x.model = $2 AND NOT EXISTS (SELECT FROM weir.pane p "
			"WHERE p.monitor_id = $1 AND p.generation = 0 AND p.pane_start = x.pane_start)",
			&parameters);
	sql_end(&scope);
	return is_another;
}

/* ---- a turn ---- */

/* A column that is not there may be one whose new name capture has not seen yet. */
static bool
is_lasting(const Attribution *attribution, int sqlstate)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(attribution->monitor_id);
	SqlScope	scope;
	bool		are_present;

	if (sqlstate != ERRCODE_UNDEFINED_COLUMN)
		return error_is_lasting(sqlstate);
	sql_begin(&scope);
	are_present = sql_execute("SELECT FROM weir.monitor m JOIN weir.monitor_state s USING (monitor_id) WHERE m.monitor_id = $1 "
							  "AND " NAMES_ARE_PRESENT,
							  1, &type, &id, NULL) > 0;
	sql_end(&scope);
	return attribution->names_are_present && are_present;
}

static void
advance(void *argument)
{
	Attribution *attribution = argument;
	MemoryContext context = CurrentMemoryContext;
	Learner	   *learner;
	SqlScope	scope;
	char	  **columns;
	char	   *rows;
	Explained	baseline;
	TimestampTz started_at = GetCurrentTimestamp();

	sql_begin(&scope);
	read_model(attribution, context);
	find_panes(attribution, context);
	sql_end(&scope);
	attribution->until = attribution->read_until;
	attribution->is_whole = attribution->bytes != NULL;
	if (attribution->bytes == NULL || attribution->n == 0)
	{
		/* Without rows nothing is left to be explained; without a model, everything. */
		if (attribution->is_whole && !attribution->looks_for_late)
			attribution->until = attribution->target;
		store_progress(attribution, NULL, NULL);
		return;
	}
	if (get_rel_name(attribution->source) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table of the monitor was dropped")));
	attribution->owner = relation_owner(attribution->source);
	learner = learner_from_bytes(CurrentMemoryContext, VARDATA(attribution->bytes), VARSIZE(attribution->bytes) - VARHDRSZ);
	columns = palloc(sizeof(char *) * Max(learner_n_inputs(learner), 1));
	for (int i = 0; i < learner_n_inputs(learner); i++)
	{
		size_t		length;
		const char *name = learner_feature_name(learner, i, &length);

		columns[i] = column_of(attribution, pnstrdup(name, length));
	}
	rows = attribution_rows_query(attribution->source, attribution->time_column, attribution->filter, learner, columns, true);
	learner_free(learner);
	baseline = attribution_explain_baseline(attribution, rows, context);
	for (int i = 0; i < attribution->n && attribution->is_whole; i++)
	{
		Explained	explained =
			attribution_explain(attribution, rows, attribution->starts[i], attribution->ends[i], attribution->n_rows[i], context);

		store_pane(attribution, i, &explained, &baseline);
		if (!attribution->looks_for_late)
			attribution->until = Min(attribution->ends[i], attribution->target);
		attribution->is_whole = i + 1 < attribution->n ? !TimestampDifferenceExceeds(started_at, GetCurrentTimestamp(), TURN_MS)
													   : attribution->n < PANES_PER_TURN;
	}
	if (attribution->is_whole && !attribution->looks_for_late)
		attribution->until = attribution->target;
	store_progress(attribution, NULL, NULL);
}

/* Once, until it is another: what fails every time is tried again every second. */
static void
tell_failure(Attribution *attribution, const ErrorData *error)
{
	bool		lasts = is_lasting(attribution, error->sqlerrcode);
	const char *what_next = lasts ? ""
		: error->sqlerrcode == ERRCODE_UNDEFINED_COLUMN
		? ". Capture has not seen yet how the columns of the table are called now: it is tried again until it has"
		: ". It is tried again";
	char	   *reason = psprintf("%s%s", error->message, what_next);

	attribution->until = attribution->read_until;
	attribution->is_whole = false;
	if (store_progress(attribution, lasts ? error->message : NULL, lasts ? NULL : reason))
		ereport(LOG,
				(errmsg("weir could not explain model \"%s\" for monitor \"%s\": %s%s", attribution->model, attribution->monitor,
						message_without_values(error), what_next),
				 errhint("SELECT model, disabled_reason, waiting_reason FROM weir.window_attributions tells how it is. %s",
						 lasts ? "Where it is mended, weir.set_baseline begins anew."
							   : "weir.resume_capture() goes on with capture that is paused.")));
}

static void
advance_unseen(void *argument)
{
	capture_pass_over(advance, argument);
}

void
attribution_turn(void)
{
	static TimestampTz next = 0;
	Attribution attribution = {0};
	SqlScope	scope;
	ErrorData  *error = NULL;
	bool		found;
	MemoryContext context;

	if (GetCurrentTimestamp() < next)
		return;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	context = CurrentMemoryContext;
	if (!extension_lock())
	{
		CommitTransactionCommand();
		return;
	}
	sql_begin(&scope);
	settle();
	found = find_next(&attribution, context);
	sql_end(&scope);
	if (found)
	{
		pgstat_report_activity(STATE_RUNNING, psprintf("explaining: model %s", attribution.model));
		error = run_behind_boundary(advance_unseen, &attribution);
	}
	if (error != NULL)
	{
		tell_failure(&attribution, error);
	}
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	/* What is behind goes on at once, between turns of learners. */
	next = found && error == NULL && !attribution.looks_for_late && attribution.n > 0
		? 0
		: TimestampTzPlusMilliseconds(GetCurrentTimestamp(), PERIOD_MS);
}
