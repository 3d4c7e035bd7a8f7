/*
 * capture_watch.c
 *		Keeps the minutes of capture that rules watch: its lag must be seen while it lags, so they are of the wall clock.
 *
 * Nothing is written while no rule asks for it: a row a minute would keep an idle server from being idle.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "monitor/rule.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* The minute that is under way, in the scheduler. */
typedef struct Minute
{
	TimestampTz begin;
	int64		samples;
	double		worst[4];		/* lag, lag_bytes, wal_kept_bytes, gaps */
	char	   *quiet;			/* JSON: {"monitor_id": seconds since its source last changed}; NULL: of none */
} Minute;

static Minute minute;

static void
write_minute(void)
{
	Oid			types[] = {TIMESTAMPTZOID, INT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, FLOAT8OID, TEXTOID};
	Datum		values[] = {TimestampTzGetDatum(minute.begin),
					  Int64GetDatum(minute.samples),
					  Float8GetDatum(minute.worst[0]),
					  Float8GetDatum(minute.worst[1]),
					  Float8GetDatum(minute.worst[2]),
					  Float8GetDatum(minute.worst[3]),
					  CStringGetTextDatum(minute.quiet ? minute.quiet : "{}")};

	sql_execute(
		"INSERT INTO weir.capture_minute (minute, samples, lag, lag_bytes, wal_kept_bytes, gaps, quiet) VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb) "
		"ON CONFLICT (minute) DO UPDATE SET samples = capture_minute.samples + excluded.samples, "
		"lag = greatest(capture_minute.lag, excluded.lag), lag_bytes = greatest(capture_minute.lag_bytes, excluded.lag_bytes), "
		"wal_kept_bytes = greatest(capture_minute.wal_kept_bytes, excluded.wal_kept_bytes), "
		"gaps = greatest(capture_minute.gaps, excluded.gaps), quiet = excluded.quiet",
		7, types, values, NULL);
	sql_execute("DELETE FROM weir.capture_minute WHERE minute < now() - interval '7 days'", 0, NULL, NULL, NULL);
}

static void
forget_quiet(void)
{
	if (minute.quiet != NULL)
		pfree(minute.quiet);
	minute.quiet = NULL;
}

/*
 * How long the sources of monitors that rules watch have been without a change, at the last sample of the minute.  While capture is
 * behind the log, rows may be on their way: nothing is known then.
 */
static void
sample_quiet(void)
{
	forget_quiet();
	sql_execute(
		"SELECT jsonb_object_agg(m.monitor_id, extract(epoch FROM clock_timestamp() - greatest(s.last_change_at, m.created_at)))::text"
		" FROM weir.monitor m JOIN weir.monitor_state s USING (monitor_id) WHERE s.state = 'active'"
		" AND EXISTS (SELECT FROM weir.rule r WHERE r.monitor_id = m.monitor_id AND r.family = 'capture' AND r.metric = 'time_without_rows')"
		" AND EXISTS (SELECT FROM weir._capture_status() c WHERE c.lag <= interval '10 s')",
		0, NULL, NULL, NULL);
	if (sql_text(0, 1) != NULL)
		minute.quiet = MemoryContextStrdup(TopMemoryContext, sql_text(0, 1));
}

void
capture_watch_task(void)
{
	SqlScope	scope;
	TimestampTz begin = GetCurrentTimestamp();
	bool		is_null;

	begin -= begin % USECS_PER_MINUTE;
	sql_begin(&scope);
	if (sql_execute("SELECT FROM weir.rule WHERE family = 'capture' LIMIT 1", 0, NULL, NULL, NULL) > 0)
	{
		if (minute.samples > 0 && minute.begin != begin)
		{
			write_minute();
			minute.samples = 0;
		}
		if (minute.samples == 0)
		{
			forget_quiet();
			minute = (Minute){.begin = begin};
		}
		/* Where capture has not been level with the log since the server started, that is how far it is behind. */
		sql_execute(
			"SELECT extract(epoch FROM coalesce(lag, now() - pg_postmaster_start_time()))::float8, coalesce(lag_bytes, 0)::float8, "
			"coalesce(wal_kept_bytes, 0)::float8, gaps::float8 FROM weir.capture_status",
			0, NULL, NULL, NULL);
		for (int i = 0; i < lengthof(minute.worst); i++)
			minute.worst[i] = Max(minute.worst[i], DatumGetFloat8(sql_value(0, i + 1, &is_null)));
		sample_quiet();
		minute.samples++;
	}
	else
		minute.samples = 0;
	sql_end(&scope);
}
