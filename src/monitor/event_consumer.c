/*
 * event_consumer.c
 *		Consumers of the events of alerts: positions that outlive their sessions.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/audit.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "monitor/rule.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(weir_create_event_consumer);
PG_FUNCTION_INFO_V1(weir_drop_event_consumer);
PG_FUNCTION_INFO_V1(weir_confirm_events);
PG_FUNCTION_INFO_V1(weir_consumer_position);

typedef struct Consumer
{
	int64		confirmed_to;
	int64		expired_to;
	int64		last_event_id;
} Consumer;

/* Raises 42704 or, unless the current user is a member of its owner, 42501. */
static Consumer
require_consumer(const char *name)
{
	Consumer	consumer = {0};
	Oid			owner = InvalidOid;
	SqlScope	scope;
	bool		found;
	bool		is_null;

	sql_begin(&scope);
	found =
		sql_execute(
			"SELECT c.owner::oid, c.confirmed_to, p.expired_to, p.last_event_id FROM weir.event_consumer c, weir.alert_event_position p"
			" WHERE c.consumer = $1",
			1, (Oid[]){TEXTOID}, (Datum[]){CStringGetTextDatum(name)}, NULL) > 0;
	if (found)
	{
		owner = DatumGetObjectId(sql_value(0, 1, &is_null));
		consumer.confirmed_to = DatumGetInt64(sql_value(0, 2, &is_null));
		consumer.expired_to = DatumGetInt64(sql_value(0, 3, &is_null));
		consumer.last_event_id = DatumGetInt64(sql_value(0, 4, &is_null));
	}
	sql_end(&scope);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("event consumer \"%s\" does not exist", name),
				 errhint("SELECT weir.create_event_consumer(%s); makes it.", quote_literal_cstr(name))));
	require_role(owner, psprintf("event consumer \"%s\"", name));
	return consumer;
}

Datum
weir_create_event_consumer(PG_FUNCTION_ARGS)
{
	char	   *name = required_name(fcinfo, 0, "consumer", "event consumer");
	Oid			user = GetUserId();
	int64		position = 0;
	SqlScope	scope;
	bool		is_null;

	if (!PG_ARGISNULL(1) && PG_GETARG_INT64(1) < 0)
		rule_refuse("after_event must not be negative", "after_event => 0: all events that are kept.");
	sql_begin(&scope);
	/* What was given up already is not missed. */
	if (sql_execute(
			"INSERT INTO weir.event_consumer (consumer, owner, confirmed_to)"
			" SELECT $1, $2::regrole, greatest(least(coalesce($3, last_event_id), last_event_id), expired_to) FROM weir.alert_event_position"
			" ON CONFLICT (consumer) DO NOTHING RETURNING confirmed_to",
			3, (Oid[]){TEXTOID, OIDOID, INT8OID},
			(Datum[]){CStringGetTextDatum(name), ObjectIdGetDatum(user),
					  PG_ARGISNULL(1) ? (Datum) 0 : Int64GetDatum(PG_GETARG_INT64(1))},
			PG_ARGISNULL(1) ? "  n" : NULL) == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("event consumer \"%s\" already exists", name)));
	position = DatumGetInt64(sql_value(0, 1, &is_null));
	audit_write("create", "event_consumer", name);
	sql_end(&scope);
	PG_RETURN_INT64(position);
}

Datum
weir_drop_event_consumer(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "consumer");
	SqlScope	scope;

	(void) require_consumer(name);
	sql_begin(&scope);
	sql_execute("DELETE FROM weir.event_consumer WHERE consumer = $1", 1, (Oid[]){TEXTOID}, (Datum[]){CStringGetTextDatum(name)},
				NULL);
	audit_write("drop", "event_consumer", name);
	sql_end(&scope);
	PG_RETURN_VOID();
}

Datum
weir_confirm_events(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "consumer");
	Consumer	consumer = require_consumer(name);
	int64		event_id;
	int64		position = consumer.confirmed_to;
	SqlScope	scope;
	bool		is_null;

	if (PG_ARGISNULL(1))
		PG_RETURN_INT64(position);
	event_id = PG_GETARG_INT64(1);
	if (event_id > consumer.last_event_id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is no event " INT64_FORMAT " yet", event_id),
				 errdetail("The last one is " INT64_FORMAT ".", consumer.last_event_id)));
	sql_begin(&scope);
	if (sql_execute(
			"UPDATE weir.event_consumer SET confirmed_to = greatest(confirmed_to, $2), confirmed_at = now() WHERE consumer = $1 RETURNING confirmed_to",
			2, (Oid[]){TEXTOID, INT8OID}, (Datum[]){CStringGetTextDatum(name), Int64GetDatum(event_id)}, NULL) > 0)
		position = DatumGetInt64(sql_value(0, 1, &is_null));
	sql_end(&scope);
	PG_RETURN_INT64(position);
}

Datum
weir_consumer_position(PG_FUNCTION_ARGS)
{
	char	   *name = required_text(fcinfo, 0, "consumer");
	Consumer	consumer = require_consumer(name);

	if (consumer.confirmed_to < consumer.expired_to)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("event consumer \"%s\" has missed events", name),
				 errdetail("Its position is " INT64_FORMAT ", events up to " INT64_FORMAT
						   " are older than weir.alert_event_retention and gone.",
						   consumer.confirmed_to, consumer.expired_to),
				 errhint("Look at weir.alerts, then SELECT weir.confirm_events(%s, " INT64_FORMAT "); to go on.",
						 quote_literal_cstr(name), consumer.expired_to)));
	PG_RETURN_INT64(consumer.confirmed_to);
}
