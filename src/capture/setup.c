/*
 * setup.c
 *		What of the setup is missing, and how to mend it.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/result.h"
#include "base/sql.h"
#include "base/version.h"
#include "capture/capture.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "worker/worker.h"

PG_FUNCTION_INFO_V1(weir_check_setup);

/*
 * $1 the caller, $2 weir is preloaded, $3 one monitor only or NULL.  Rows: check_name, ok, found, needed, remedy.
 *
 * Worker processes: one launcher, scheduler, capture, builder and job, PostgreSQL's own launcher of logical replication, and per
 * subscription an apply worker and a table synchronisation.
 */
static const char *const checks =
	"WITH keep AS (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size'),"
	" budget AS (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'weir.max_wal'),"
	" server(check_name, ok, found, needed, remedy) AS ("
	" SELECT v.* FROM keep, budget, pg_catalog.pg_extension extension LEFT JOIN pg_catalog.pg_available_extensions files ON files.name = 'weir',"
	" LATERAL (VALUES ('shared_preload_libraries', $2, pg_catalog.current_setting('shared_preload_libraries'), 'weir among them',"
	"  'ALTER SYSTEM SET shared_preload_libraries = ' || pg_catalog.concat_ws(', ', nullif(pg_catalog.current_setting('shared_preload_libraries'), ''), 'weir') || '; then restart the server'),"
	" ('version', extension.extversion = '" WEIR_VERSION "', extension.extversion, '" WEIR_VERSION
	", as the library that is loaded',"
	"  CASE WHEN extension.extversion = files.default_version THEN 'Restart the server: it has loaded another release of the library' ELSE 'ALTER EXTENSION weir UPDATE' END),"
	" ('wal_level', pg_catalog.current_setting('wal_level') IN ('logical', '" WAL_LEVEL_FOR_DECODING
	"'), pg_catalog.current_setting('wal_level'), '" WAL_LEVEL_FOR_DECODING "',"
	"  'ALTER SYSTEM SET wal_level = " WAL_LEVEL_FOR_DECODING "; then restart the server'),"
	" ('output_plugin_libraries', coalesce(pg_catalog.current_setting('output_plugin_libraries', true) ~ '(^|[, \"])weir($|[, \"])', true),"
	"  coalesce(pg_catalog.current_setting('output_plugin_libraries', true), 'not a setting of this server'), 'weir among them',"
	"  'ALTER SYSTEM SET output_plugin_libraries = ' || coalesce(pg_catalog.current_setting('output_plugin_libraries', true), '') || ', weir; SELECT pg_reload_conf()'),"
	" ('weir.databases', coalesce(pg_catalog.current_setting('weir.databases', true), '') = ''"
	"   OR pg_catalog.current_database() = ANY (pg_catalog.regexp_split_to_array(pg_catalog.current_setting('weir.databases', true), '[[:space:]]*,[[:space:]]*')),"
	"  coalesce(nullif(pg_catalog.current_setting('weir.databases', true), ''), 'empty'), 'empty, or this database among them; a slot that was made keeps WAL',"
	"  'ALTER SYSTEM RESET weir.databases; SELECT pg_reload_conf()'),"
	" ('max_replication_slots', (SELECT count(*) FROM pg_catalog.pg_replication_slots) < pg_catalog.current_setting('max_replication_slots')::int"
	"   OR EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE plugin = 'weir' AND database = pg_catalog.current_database()),"
	"  (SELECT count(*) FROM pg_catalog.pg_replication_slots) || ' of ' || pg_catalog.current_setting('max_replication_slots') || ' in use', 'one for this database',"
	"  'ALTER SYSTEM SET max_replication_slots = ' || pg_catalog.current_setting('max_replication_slots')::int + 4 || '; then restart the server'),"
	" ('max_worker_processes', pg_catalog.current_setting('max_worker_processes')::int >= 6 + 2 * (SELECT count(*) FROM pg_catalog.pg_subscription),"
	"  pg_catalog.current_setting('max_worker_processes'), '6 and 2 for each subscription',"
	"  'ALTER SYSTEM SET max_worker_processes = ' || 8 + 2 * (SELECT count(*) FROM pg_catalog.pg_subscription) || '; then restart the server'),"
	" ('max_slot_wal_keep_size', keep.setting <> '-1', CASE keep.setting WHEN '-1' THEN 'no limit' ELSE pg_catalog.current_setting('max_slot_wal_keep_size') END,"
	"  'a limit, of every slot of the server, above weir.max_wal (' || pg_catalog.current_setting('weir.max_wal') || '): it holds even where no worker of weir can start',"
	"  pg_catalog.format('ALTER SYSTEM SET max_slot_wal_keep_size = ''%sGB''; SELECT pg_reload_conf()', greatest(20, 2 * (budget.setting::bigint / 1024))))"
	") v WHERE extension.extname = 'weir'), mine AS ("
	" SELECT m.*, s.state, s.reason, s.segment_limit, s.other_since FROM weir._captured_monitor m JOIN weir.monitor_state s USING (monitor_id)"
	" WHERE pg_catalog.pg_has_role($1, m.owner::oid, 'USAGE') AND ($3 IS NULL OR m.monitor_id = $3)"
	"), tables AS ("
	" SELECT m.name, t.oid::regclass AS relation, t.relreplident FROM mine m"
	" CROSS JOIN LATERAL (WITH RECURSIVE children(oid) AS (SELECT m.source::oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN children c ON i.inhparent = c.oid)"
	"  SELECT c.oid, c.relreplident FROM pg_catalog.pg_class c JOIN children USING (oid) WHERE c.relkind = 'r') t"
	" WHERE NOT coalesce((m.options->>'insert_only')::boolean, false)"
	") "
	"SELECT check_name, ok, found, needed, CASE WHEN NOT ok THEN remedy END FROM server WHERE $3 IS NULL OR (NOT ok AND check_name <> 'max_slot_wal_keep_size') "
	"UNION ALL SELECT 'monitor ' || name, state <> 'disabled', coalesce(reason, state), 'not disabled', "
	" CASE WHEN state = 'disabled' THEN pg_catalog.format('Mend the cause, then run SELECT weir.rebuild(%L)', name) END FROM mine WHERE $3 IS NULL "
	"UNION ALL SELECT 'segments of monitor ' || name, segment_limit IS NULL, CASE WHEN segment_limit IS NULL THEN 'all kept apart' "
	" ELSE pg_catalog.format('about %s %% kept apart, the others together as (other) since %s', "
	" pg_catalog.round(100.0 * segment_limit / 9223372036854775807.0, 3), pg_catalog.date_trunc('second', other_since)) END, "
	" pg_catalog.format('at most %s in a pane (option max_groups)', coalesce(options->>'max_groups', '10000')), "
	" CASE WHEN segment_limit IS NOT NULL THEN pg_catalog.format('SELECT weir.alter_monitor(%L, options => ''{\"max_groups\": %s}'')', name, "
	" 2 * coalesce((options->>'max_groups')::bigint, 10000)) END FROM mine WHERE $3 IS NULL AND pg_catalog.cardinality(segment_by) > 0 "
	"UNION ALL SELECT pg_catalog.format('replica identity of %s (monitor %s)', relation, name), relreplident = 'f', "
	" CASE relreplident WHEN 'f' THEN 'full' WHEN 'd' THEN 'default' WHEN 'i' THEN 'index' ELSE 'nothing' END, "
	" 'full, for updates and deletes to be taken back exactly; each then writes the whole old row to WAL', "
	" CASE WHEN relreplident <> 'f' THEN pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY FULL', relation) END FROM tables";

Datum
weir_check_setup(PG_FUNCTION_ARGS)
{
	Oid			types[] = {OIDOID, BOOLOID, INT4OID};
	Datum		values[] = {ObjectIdGetDatum(GetUserId()), BoolGetDatum(worker_is_preloaded()), (Datum) 0};

	return result_of_statement(fcinfo, checks, 3, types, values, "  n");
}

void
capture_report_setup(int monitor_id)
{
	Oid			types[] = {OIDOID, BOOLOID, INT4OID};
	Datum		values[] = {ObjectIdGetDatum(GetUserId()), BoolGetDatum(worker_is_preloaded()), Int32GetDatum(monitor_id)};
	SqlScope	scope;
	uint64		n;
	bool		is_null;

	sql_begin(&scope);
	n = sql_execute(checks, 3, types, values, NULL);
	for (uint64 row = 0; row < n; row++)
		if (!DatumGetBool(sql_value(row, 2, &is_null)))
			ereport(NOTICE,
					(errmsg("%s is %s; needed: %s", sql_text(row, 1), sql_text(row, 3), sql_text(row, 4)),
					 errhint("%s", sql_text(row, 5))));
	sql_end(&scope);
}
