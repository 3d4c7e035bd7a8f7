/*
 * baseline.c
 *		set_baseline: what a monitor's drift is measured against.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/compat.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/baseline_query.h"
#include "monitor/definition.h"
#include "monitor/monitor.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "window/window.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_set_baseline);

static char *(*data_version_query)(int64 data_version) = NULL;

typedef struct Baseline
{
	int			monitor_id;
	const char *form;
	bool		is_range;
	TimestampTz since;
	TimestampTz until;
	char	   *query;
	bool		is_data_version;
	int64		data_version;
	char	   *moving;
	Interval   *span;
	int64		n;				/* rows of the query; -1: none was run */
} Baseline;

void
monitor_register_data_versions(char *(*query_of)(int64 data_version))
{
	data_version_query = query_of;
}

pg_noreturn static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", message), errhint("%s", hint)));
}

/* ---- forms ---- */

static void
read_arguments(FunctionCallInfo fcinfo, Baseline *baseline)
{
	int			n_forms;

	baseline->is_range = !PG_ARGISNULL(1) || !PG_ARGISNULL(2);
	baseline->query = argument_text(fcinfo, 3);
	baseline->is_data_version = !PG_ARGISNULL(4);
	baseline->moving = argument_text(fcinfo, 5);
	baseline->span = PG_ARGISNULL(6) ? NULL : PG_GETARG_INTERVAL_P(6);
	baseline->n = -1;
	n_forms = baseline->is_range + (baseline->query != NULL) + baseline->is_data_version + (baseline->moving != NULL);
	if (n_forms != 1)
		refuse(n_forms == 0 ? "no baseline is given" : "more than one baseline is given",
			   "Give exactly one of: since and until; query; data_version; moving.");
	if (baseline->is_range)
	{
		baseline->form = "range";
		if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
			refuse("a range needs both since and until", "For example since => '2026-01-01', until => '2026-02-01'.");
		baseline->since = PG_GETARG_TIMESTAMPTZ(1);
		baseline->until = PG_GETARG_TIMESTAMPTZ(2);
		if (baseline->since >= baseline->until)
			refuse("since must be before until", "The range is [since, until).");
	}
	else if (baseline->is_data_version)
	{
		baseline->form = "data_version";
		baseline->data_version = PG_GETARG_INT64(4);
	}
	else
		baseline->form = baseline->query ? "query" : "moving";
	if (baseline->span != NULL && baseline->moving == NULL)
		refuse("span belongs to a moving baseline", "Give moving => 'trailing' or 'same_hour_of_week' with it.");
	if (baseline->span != NULL)
		check_not_too_long(baseline->span, "span");
}

/* Panes are whole: the range is those that begin in it. */
static void
check_range(Baseline *baseline, const Interval *pane_size, const char *time_zone)
{
	WindowClock clock;
	TimestampTz *ends[] = {&baseline->since, &baseline->until};
	bool		moved = false;

	window_clock_init(&clock, pane_size, NULL, time_zone);
	for (int i = 0; i < lengthof(ends); i++)
	{
		TimestampTz start = window_start(&clock, *ends[i]);

		if (start == *ends[i])
			continue;
		*ends[i] = window_next(&clock, start);
		moved = true;
	}
	if (moved)
		ereport(NOTICE,
				(errmsg("the baseline is the range from %s to %s", pstrdup(timestamptz_to_str(baseline->since)),
						pstrdup(timestamptz_to_str(baseline->until))),
				 errdetail("It is made of the panes of %s that begin in the range given.", interval_text(pane_size))));
	if (baseline->since >= baseline->until)
		refuse("no pane begins in the range", psprintf("Panes of this monitor are %s long.", interval_text(pane_size)));
}

static void
check_moving(Baseline *baseline, const Interval *window_size, const Interval *slide)
{
	static const Interval four_weeks = {.day = 28};

	if (strcmp(baseline->moving, "previous_window") == 0)
	{
		if (baseline->span != NULL)
			refuse("previous_window takes no span", "moving => 'trailing' looks back on a longer time.");
	}
	else if (strcmp(baseline->moving, "trailing") == 0)
	{
		if (baseline->span == NULL)
			refuse("a trailing baseline needs a span", "For example span => '30 days'.");
		if (interval_length(baseline->span) < interval_length(slide))
			refuse("span is shorter than the step between windows", psprintf("Give at least %s.", interval_text(slide)));
	}
	else if (strcmp(baseline->moving, "same_hour_of_week") == 0)
	{
		if (baseline->span == NULL)
			baseline->span = (Interval *) &four_weeks;
		if (interval_length(baseline->span) < 7 * USECS_PER_DAY)
			refuse("span is shorter than a week", "For example span => '4 weeks'.");
		if (slide->month != 0 || 7 * USECS_PER_DAY % interval_length(slide) != 0)
			refuse(psprintf("windows that begin every %s do not begin at the same time every week", interval_text(slide)),
				   "Use moving => 'trailing', or a monitor whose slide divides 7 days.");
		if (interval_length(window_size) > 7 * USECS_PER_DAY)
			refuse("windows are longer than a week", "Use moving => 'trailing'.");
	}
	else
		refuse(psprintf("there is no moving baseline \"%s\"", baseline->moving),
			   "moving is 'previous_window', 'trailing' or 'same_hour_of_week'.");
}

/* What the forms are checked against. */
static void
check_against_monitor(Baseline *baseline)
{
	Oid			type = INT4OID;
	Datum		value = Int32GetDatum(baseline->monitor_id);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext inside;
	SqlScope	scope;
	bool		is_null;
	Interval	window_size;
	Interval	slide;
	Interval	pane_size;
	char	   *time_zone;

	sql_begin(&scope);
	sql_execute("SELECT window_size, slide, pane_size, time_zone FROM weir.monitor WHERE monitor_id = $1", 1, &type, &value, NULL);
	inside = MemoryContextSwitchTo(caller);
	window_size = *DatumGetIntervalP(sql_value(0, 1, &is_null));
	slide = *DatumGetIntervalP(sql_value(0, 2, &is_null));
	pane_size = *DatumGetIntervalP(sql_value(0, 3, &is_null));
	time_zone = sql_text(0, 4);
	MemoryContextSwitchTo(inside);
	sql_end(&scope);

	if (baseline->is_range)
		check_range(baseline, &pane_size, time_zone);
	if (baseline->moving != NULL)
		check_moving(baseline, &window_size, &slide);
}

/* ---- storing ---- */

static void
store_baseline(const Baseline *baseline)
{
	Oid			types[] = {
		INT4OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, INT8OID, TEXTOID, INTERVALOID, INT8OID, OIDOID,
	};
	Datum		values[] = {Int32GetDatum(baseline->monitor_id),
					  CStringGetTextDatum(baseline->form),
					  TimestampTzGetDatum(baseline->since),
					  TimestampTzGetDatum(baseline->until),
					  baseline->query ? CStringGetTextDatum(baseline->query) : (Datum) 0,
					  Int64GetDatum(baseline->data_version),
					  baseline->moving ? CStringGetTextDatum(baseline->moving) : (Datum) 0,
					  IntervalPGetDatum(baseline->span),
					  Int64GetDatum(baseline->n),
					  ObjectIdGetDatum(GetUserId())};
	char		nulls[] = "          ";

	nulls[2] = nulls[3] = baseline->is_range ? ' ' : 'n';
	nulls[4] = baseline->query ? ' ' : 'n';
	nulls[5] = baseline->is_data_version ? ' ' : 'n';
	nulls[6] = baseline->moving ? ' ' : 'n';
	nulls[7] = baseline->span ? ' ' : 'n';
	nulls[8] = baseline->n >= 0 ? ' ' : 'n';
	sql_execute("DELETE FROM weir.baseline WHERE monitor_id = $1", 1, types, values, NULL);
	sql_execute("INSERT INTO weir.baseline (monitor_id, form, since, until, query, data_version, moving, span, n, set_by) "
				"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
				lengthof(types), types, values, nulls);
}

Datum
weir_set_baseline(PG_FUNCTION_ARGS)
{
	Baseline	baseline = {0};
	BaselineRows *rows = NULL;
	char	   *query = NULL;
	SqlScope	scope;

	baseline.monitor_id = monitor_require_owner(required_text(fcinfo, 0, "monitor"));
	read_arguments(fcinfo, &baseline);
	check_against_monitor(&baseline);
	if (baseline.is_data_version)
	{
		if (data_version_query == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("this build of weir has no data versions"),
					 errhint("Use query => 'SELECT ...' with the rows of the baseline.")));
		query = data_version_query(baseline.data_version);
	}
	else
		query = baseline.query;
	if (query != NULL)
	{
		rows = baseline_query_run(baseline.monitor_id, query);
		baseline.n = baseline_query_n(rows);
	}

	sql_begin(&scope);
	store_baseline(&baseline);
	if (rows != NULL)
		baseline_query_store(rows);
	audit_write_row("set", "baseline", text_to_cstring(PG_GETARG_TEXT_PP(0)), "baseline", "monitor_id", baseline.monitor_id);
	sql_end(&scope);
	worker_wake_at_commit();
	PG_RETURN_VOID();
}
