/*
 * monitor.c
 *		What workers do for monitors; finding one by name.
 */
#include "postgres.h"

#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "monitor/classification.h"
#include "monitor/labelled_table.h"
#include "monitor/monitor.h"
#include "monitor/node.h"
#include "monitor/row_detectors.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "worker/worker.h"

static bool
monitors_exist(void)
{
	SqlScope	scope;
	bool		is_null;
	bool		result;

	sql_begin(&scope);
	sql_execute("SELECT EXISTS (SELECT FROM weir.monitor)", 0, NULL, NULL, NULL);
	result = DatumGetBool(sql_value(0, 1, &is_null));
	sql_end(&scope);
	return result;
}

void
monitor_init(void)
{
	classification_init();
	worker_register_presence(monitors_exist);
	worker_register_task("row detectors", 1000, row_detector_task);
	worker_register_task("labels", 500, labelled_table_task);
	worker_register_one_off("labels", labelled_table_main);
	node_publish_init();
}

int
monitor_require_owner(const char *name)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	SqlScope	scope;
	int			monitor_id = 0;
	Oid			source = InvalidOid;
	Oid			owner = InvalidOid;
	bool		is_null;

	sql_begin(&scope);
	if (sql_execute("SELECT monitor_id, source::oid, owner::oid FROM weir.monitor WHERE name = $1", 1, &type, &value, NULL) == 1)
	{
		monitor_id = DatumGetInt32(sql_value(0, 1, &is_null));
		source = DatumGetObjectId(sql_value(0, 2, &is_null));
		owner = DatumGetObjectId(sql_value(0, 3, &is_null));
	}
	sql_end(&scope);

	if (monitor_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("monitor \"%s\" does not exist", name),
				 errhint("SELECT monitor FROM weir.monitors lists them.")));
	if (!(get_rel_name(source) != NULL && has_privs_of_role(GetUserId(), relation_owner(source))))
		require_role(owner, psprintf("monitor \"%s\"", name));
	return monitor_id;
}
