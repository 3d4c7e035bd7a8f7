/*
 * label_item.c
 *		People at work on a labelling queue: they claim an item, label it, and what they agree on goes back to the table.
 */
#include "postgres.h"

#include "base/arguments.h"
#include "base/person.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "governance/governance.h"
#include "governance/labelling.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(weir_claim_labelling_item);
PG_FUNCTION_INFO_V1(weir_label_item);

static void
require_labeller(const LabellingQueue *queue, Oid user)
{
	Datum	   *roles;
	int			n;

	if (queue->labellers == NULL)
	{
		require_role(queue->owner, psprintf("labelling queue \"%s\"", queue->name));
		return;
	}
	deconstruct_array(queue->labellers, REGROLEOID, sizeof(Oid), true, TYPALIGN_INT, &roles, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		if (is_member_of_role_nosuper(user, DatumGetObjectId(roles[i])))
			return;
	}
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be a labeller of labelling queue \"%s\"", queue->name)));
}

/* What the labeller sees of the row: not what models said of it, nor what is personal. NULL when it is gone. */
static Jsonb *
read_features(const LabellingQueue *queue, const char *key, MemoryContext context)
{
	const GovernedMonitor *monitor = queue->monitor;
	SqlParameters parameters = {0};
	SqlScope	scope;
	Jsonb	   *features = NULL;

	sql_begin_as(&scope, queue->owner);
	sql_add_text(&parameters, key);
	sql_add_text(&parameters, monitor->prediction);
	sql_add_text(&parameters, monitor->score);
	sql_add_text(&parameters, queue->challenger_score);
	sql_add_text(&parameters, queue->label_column);
	sql_add_text(&parameters, monitor->label);
	sql_add_role(&parameters, monitor->source);
	if (sql_run(psprintf("SELECT to_jsonb(r) - array_remove(ARRAY[$2, $3, $4, $5, $6], NULL) - ARRAY(SELECT column_name::text"
						 " FROM weir.column_classes WHERE source = $7::regclass AND class IN ('personal', 'sensitive'))"
						 " FROM %s r WHERE %s::text = $1",
						 monitor->relation, quote_identifier(monitor->key_column)),
				&parameters) > 0)
	{
		bool		is_null;
		Datum		value = sql_value(0, 1, &is_null);
		MemoryContext inside = MemoryContextSwitchTo(context);

		features = DatumGetJsonbPCopy(value);
		MemoryContextSwitchTo(inside);
	}
	sql_end(&scope);
	return features;
}

Datum
weir_claim_labelling_item(PG_FUNCTION_ARGS)
{
	LabellingQueue *queue = labelling_queue_find(required_text(fcinfo, 0, "queue"), 0);
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller = CurrentMemoryContext;
	Oid			who = person();
	Interval   *lease;

	require_argument(fcinfo, 1, "lease");
	lease = PG_GETARG_INTERVAL_P(1);
	if (lease->month < 0 || lease->day < 0 || lease->time < 0 || lease->month > 12 || lease->day > 366 ||
		(lease->month == 0 && lease->day == 0 && lease->time == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"lease\" must be longer than zero and at most a year")));
	require_labeller(queue, GetUserId());
	InitMaterializedSRF(fcinfo, 0);
	for (;;)
	{
		SqlParameters parameters = {0};
		SqlScope	scope;
		int64		item_id;
		char	   *key;
		Jsonb	   *features;
		Datum		values[2];
		bool		nulls[2] = {false, false};
		bool		is_null;

		CHECK_FOR_INTERRUPTS();
		sql_begin(&scope);
		sql_add_int(&parameters, queue->queue_id);
		sql_add_role(&parameters, who);
		/* What somebody holds already comes first; claims that ran out count no more. */
		if (sql_run(
				"SELECT item_id, row_key FROM weir.labelling_item i WHERE queue_id = $1 AND state = 'open'"
				" AND NOT EXISTS (SELECT FROM weir.labelling_label l WHERE l.item_id = i.item_id AND l.person = $2 AND l.label IS NOT NULL)"
				" AND (SELECT count(*) FROM weir.labelling_label l WHERE l.item_id = i.item_id AND l.person <> $2"
				"  AND (l.label IS NOT NULL OR l.lease_until > clock_timestamp())) < i.wanted"
				" ORDER BY EXISTS (SELECT FROM weir.labelling_label l WHERE l.item_id = i.item_id AND l.person = $2) DESC,"
				" i.place, i.item_id LIMIT 1 FOR UPDATE OF i SKIP LOCKED",
				&parameters) == 0)
		{
			sql_end(&scope);
			return (Datum) 0;
		}
		item_id = DatumGetInt64(sql_value(0, 1, &is_null));
		key = MemoryContextStrdup(caller, sql_text(0, 2));
		sql_end(&scope);

		features = read_features(queue, key, caller);
		memset(&parameters, 0, sizeof(parameters));
		sql_begin(&scope);
		sql_add_int(&parameters, item_id);
		sql_add_role(&parameters, who);
		sql_add(&parameters, INTERVALOID, PG_GETARG_DATUM(1), false);
		if (features == NULL)
			sql_execute("UPDATE weir.labelling_item SET state = 'gone' WHERE item_id = $1", 1, parameters.types, parameters.values,
						NULL);
		else
			sql_run(
				"INSERT INTO weir.labelling_label (item_id, person, lease_until) VALUES ($1, $2::regrole, clock_timestamp() + $3)"
				" ON CONFLICT (item_id, person) DO UPDATE SET lease_until = EXCLUDED.lease_until",
				&parameters);
		sql_end(&scope);
		if (features == NULL)
			continue;
		values[0] = Int64GetDatum(item_id);
		values[1] = JsonbPGetDatum(features);
		tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
		return (Datum) 0;
	}
}

/* The label as the column writes it: true for t. Raises what the type's input function does. */
static char *
canonical_label(const LabellingQueue *queue, const char *label, MemoryContext context)
{
	Oid			type = get_atttype(queue->label_table, get_attnum(queue->label_table, queue->label_column));
	SqlParameters parameters = {0};
	SqlScope	scope;
	char	   *result;

	sql_begin_as(&scope, queue->owner);
	sql_add_text(&parameters, label);
	sql_run(psprintf("SELECT CAST($1 AS %s)::text", format_type_be_qualified(type)), &parameters);
	result = MemoryContextStrdup(context, sql_text(0, 1));
	sql_end(&scope);
	return result;
}

/* The label goes to where the queue's owner said it should, with his rights. */
static void
write_back(const LabellingQueue *queue, const char *key, const char *label)
{
	Oid			type = get_atttype(queue->label_table, get_attnum(queue->label_table, queue->label_column));
	Oid			key_type = get_atttype(queue->label_table, get_attnum(queue->label_table, queue->label_key));
	char	   *table = qualified_relation(queue->label_table);
	SqlParameters parameters = {0};
	SqlScope	scope;

	sql_begin_as(&scope, queue->owner);
	sql_add_text(&parameters, key);
	sql_add_text(&parameters, label);
	if (sql_run(psprintf("UPDATE %s SET %s = CAST($2 AS %s) WHERE %s::text = $1", table, quote_identifier(queue->label_column),
						 format_type_be_qualified(type), quote_identifier(queue->label_key)),
				&parameters) == 0 &&
		queue->label_table != queue->monitor->source)
		sql_run(psprintf("INSERT INTO %s (%s, %s) VALUES (CAST($1 AS %s), CAST($2 AS %s))", table,
						 quote_identifier(queue->label_key), quote_identifier(queue->label_column),
						 format_type_be_qualified(key_type), format_type_be_qualified(type)),
				&parameters);
	sql_end(&scope);
}

Datum
weir_label_item(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *label = required_text(fcinfo, 1, "label");
	char	   *note = argument_text(fcinfo, 2);
	Oid			who = person();
	SqlParameters parameters = {0};
	SqlScope	scope;
	LabellingQueue *queue;
	int			queue_id = 0;
	int64		item_id;
	char	   *key = NULL;
	char	   *agreed = NULL;
	const char *state;
	bool		is_null;

	require_argument(fcinfo, 0, "item_id");
	item_id = PG_GETARG_INT64(0);
	sql_begin(&scope);
	sql_add_int(&parameters, item_id);
	if (sql_run("SELECT queue_id, row_key FROM weir.labelling_item WHERE item_id = $1", &parameters) > 0)
	{
		queue_id = DatumGetInt32(sql_value(0, 1, &is_null));
		key = MemoryContextStrdup(caller, sql_text(0, 2));
	}
	sql_end(&scope);
	if (queue_id == 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("labelling item " INT64_FORMAT " does not exist", item_id)));
	queue = labelling_queue_find(NULL, queue_id);
	require_labeller(queue, GetUserId());
	label = canonical_label(queue, label, caller);

	sql_begin(&scope);
	sql_run("SELECT state FROM weir.labelling_item WHERE item_id = $1 FOR UPDATE", &parameters);
	state = SPI_processed > 0 ? sql_text(0, 1) : "gone";
	if (strcmp(state, "open") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("labelling item " INT64_FORMAT " is %s already", item_id, state)));
	sql_add_role(&parameters, who);
	sql_add_text(&parameters, label);
	sql_add_text(&parameters, note);
	if (sql_run("UPDATE weir.labelling_label SET label = $3, note = $4, labelled_at = clock_timestamp()"
				" WHERE item_id = $1 AND person = $2 AND label IS NULL AND lease_until > clock_timestamp()",
				&parameters) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("labelling item " INT64_FORMAT " is not claimed by %s", item_id, role_name(who)),
				 errdetail("A claim ends with its lease, and with the label."),
				 errhint("SELECT * FROM weir.claim_labelling_item(%s);", quote_literal_cstr(queue->name))));
	/* More than half decide; a tie asks for one more label, up to a limit. */
	sql_run("WITH labels AS (SELECT label, count(*) AS n, sum(count(*)) OVER () AS total FROM weir.labelling_label"
			"  WHERE item_id = $1 AND label IS NOT NULL GROUP BY label),"
			" best AS (SELECT * FROM labels ORDER BY n DESC, label LIMIT 1)"
			" UPDATE weir.labelling_item i SET label = CASE WHEN b.total >= i.wanted AND 2 * b.n > b.total THEN b.label END,"
			" state = CASE WHEN b.total < i.wanted THEN 'open' WHEN 2 * b.n > b.total THEN 'done'"
			"  WHEN i.wanted >= 9 THEN 'disputed' ELSE 'open' END,"
			" wanted = CASE WHEN b.total >= i.wanted AND 2 * b.n <= b.total AND i.wanted < 9 THEN i.wanted + 1 ELSE i.wanted END"
			" FROM best b WHERE i.item_id = $1 RETURNING i.state, i.label",
			&parameters);
	state = MemoryContextStrdup(caller, sql_text(0, 1));
	if (sql_text(0, 2) != NULL)
		agreed = MemoryContextStrdup(caller, sql_text(0, 2));
	sql_end(&scope);
	if (agreed != NULL)
		write_back(queue, key, agreed);
	PG_RETURN_TEXT_P(cstring_to_text(state));
}
