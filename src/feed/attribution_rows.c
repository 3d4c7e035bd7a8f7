/*
 * attribution_rows.c
 *		Explains some rows of a monitor's table, chosen by a hash of themselves; what that gives of the baseline is kept.
 */
#include "postgres.h"

#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "feed/attribution_rows.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MOST_ROWS 1000 /* of a pane, and of the baseline */

static int64
rows_of_baseline(const Attribution *attribution)
{
	Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {Int32GetDatum(attribution->monitor_id), TimestampTzGetDatum(attribution->baseline_since),
					  TimestampTzGetDatum(attribution->baseline_until)};
	bool		is_null;

	sql_execute("SELECT coalesce(sum(n), 0)::bigint FROM weir.pane WHERE monitor_id = $1 AND generation = 0 AND pane_start >= $2 "
				"AND pane_start < $3",
				3, types, values, NULL);
	return DatumGetInt64(sql_value(0, 1, &is_null));
}

Explained
attribution_explain(const Attribution *attribution, const char *rows, TimestampTz since, TimestampTz until, int64 n_rows,
					MemoryContext context)
{
	Explained	explained = {0};
	SqlScope	scope;
	SqlParameters parameters = {0};
	MemoryContext old;
	bool		is_null;

	sql_add(&parameters, extension_type("learner"), PointerGetDatum(attribution->bytes), false);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(since), false);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(until), false);
	sql_add_int(&parameters, (int64) (1048576.0 * MOST_ROWS / (double) Max(n_rows, MOST_ROWS)));
	sql_begin_as(&scope, attribution->owner);
	sql_run(
		psprintf(
			"SELECT e.n, ARRAY(SELECT u.feature FROM pg_catalog.unnest(e.a) u ORDER BY u.feature), "
			"ARRAY(SELECT u.mean_absolute FROM pg_catalog.unnest(e.a) u ORDER BY u.feature) FROM (SELECT pg_catalog.count(*) AS n, "
			"weir.feature_attributions($1, l.f) AS a FROM (SELECT r.f FROM (%s) r WHERE r.at >= $2 AND r.at < $3 AND ($4 >= 1048576 OR "
			"r.h & 1048575 < $4) LIMIT %d) l) e",
			rows, 2 * MOST_ROWS),
		&parameters);
	explained.n = DatumGetInt64(sql_value(0, 1, &is_null));
	old = MemoryContextSwitchTo(context);
	explained.features = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 2, &is_null)));
	explained.absolute = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 3, &is_null)));
	MemoryContextSwitchTo(old);
	sql_end(&scope);
	return explained;
}

/* What decides how the baseline is explained: the model, what is read, and the panes that say whether their rows have changed.
 * Inside an SPI scope. */
static char *
key_of_baseline(const Attribution *attribution, const char *rows)
{
	SqlParameters parameters = {0};

	sql_add(&parameters, INT4OID, Int32GetDatum(attribution->monitor_id), false);
	sql_add(&parameters, BYTEAOID, PointerGetDatum(attribution->bytes), false);
	sql_add_text(&parameters, rows);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(attribution->baseline_since), false);
	sql_add(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(attribution->baseline_until), false);
	sql_run("SELECT pg_catalog.concat_ws(' ', pg_catalog.encode(pg_catalog.sha256($2), 'hex'), pg_catalog.md5($3), "
			"extract(epoch FROM $4), extract(epoch FROM $5), pg_catalog.count(*), pg_catalog.sum(p.n), "
			"pg_catalog.sum(extract(epoch FROM p.updated_at) * (p.n + 1))) FROM weir.pane p "
			"JOIN weir.monitor m USING (monitor_id) WHERE m.monitor_id = $1 AND p.generation = 0 AND p.pane_start < $5 "
			"AND coalesce(p.pane_end, p.pane_start + 2 * m.pane_size) > $4",
			&parameters);
	return sql_text(0, 1);
}

/* Of the baseline, as it was kept with this key; false when it was not. Inside an SPI scope. */
static bool
find_baseline(const Attribution *attribution, const char *key, Explained *baseline, MemoryContext context)
{
	SqlParameters parameters = {0};
	MemoryContext old;
	bool		is_null;

	sql_add(&parameters, INT4OID, Int32GetDatum(attribution->monitor_id), false);
	sql_add_text(&parameters, attribution->model);
	sql_add_text(&parameters, key);
	if (sql_run(
			"SELECT baseline_n, baseline_features, baseline_absolute FROM weir.attribution WHERE monitor_id = $1 AND model = $2 "
			"AND baseline_key = $3",
			&parameters) == 0)
		return false;
	old = MemoryContextSwitchTo(context);
	baseline->n = DatumGetInt64(sql_value(0, 1, &is_null));
	baseline->features = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 2, &is_null)));
	baseline->absolute = PointerGetDatum(DatumGetArrayTypePCopy(sql_value(0, 3, &is_null)));
	MemoryContextSwitchTo(old);
	return true;
}

static void
keep_baseline(const Attribution *attribution, const char *key, const Explained *baseline)
{
	SqlParameters parameters = {0};

	sql_add(&parameters, INT4OID, Int32GetDatum(attribution->monitor_id), false);
	sql_add_text(&parameters, attribution->model);
	sql_add_text(&parameters, key);
	sql_add_int(&parameters, baseline->n);
	sql_add(&parameters, TEXTARRAYOID, baseline->features, false);
	sql_add(&parameters, FLOAT8ARRAYOID, baseline->absolute, false);
	sql_run("UPDATE weir.attribution SET baseline_key = $3, baseline_n = $4, baseline_features = $5, baseline_absolute = $6, "
			"baseline_explained_at = pg_catalog.clock_timestamp() WHERE monitor_id = $1 AND model = $2",
			&parameters);
	/* A version says today what it said of the rows of its panes, a learner that learns does not. */
	if (attribution->version == 0)
		return;
	sql_add(&parameters, INT4OID, Int32GetDatum(attribution->version), false);
	sql_run("UPDATE weir.attribution_pane SET n_baseline = $4, baseline_absolute = $6, explained_at = pg_catalog.clock_timestamp() "
			"WHERE monitor_id = $1 AND model = $2 AND version = $7 AND features = $5 AND baseline_absolute <> $6",
			&parameters);
}

Explained
attribution_explain_baseline(const Attribution *attribution, const char *rows, MemoryContext context)
{
	Explained	baseline = {0};
	SqlScope	scope;
	char	   *key;
	int64		n_rows;
	bool		is_kept;

	sql_begin(&scope);
	key = MemoryContextStrdup(context, key_of_baseline(attribution, rows));
	n_rows = rows_of_baseline(attribution);
	is_kept = find_baseline(attribution, key, &baseline, context);
	sql_end(&scope);
	if (is_kept)
		return baseline;
	baseline = attribution_explain(attribution, rows, attribution->baseline_since, attribution->baseline_until, n_rows, context);
	sql_begin(&scope);
	keep_baseline(attribution, key, &baseline);
	sql_end(&scope);
	return baseline;
}
