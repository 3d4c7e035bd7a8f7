/*
 * node_check.c
 *		What nodes bring is checked before it reaches readings: who brings it, and whether it can be merged.  A node is another
 *		database, which may be wrong or hostile: it must neither pass for another one nor break what is read of the others.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/memory.h"
#include "base/sql.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fairness/fairness_datum.h"
#include "fmgr.h"
#include "monitor/node.h"
#include "quality/performance_datum.h"
#include "replication/origin.h"
#include "summary/summary_datum.h"
#include "utils/builtins.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(weir_is_summary_of);
PG_FUNCTION_INFO_V1(weir_is_summary_of_part);
PG_FUNCTION_INFO_V1(weir_is_fairness_of);
PG_FUNCTION_INFO_V1(weir_node_arrives);

/* ---- whether it can be merged ---- */

Datum
weir_is_summary_of(PG_FUNCTION_ARGS)
{
	Summary	   *summary = summary_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));
	SummaryKind kind;
	ValueReader reader;

	PG_RETURN_BOOL(summary_kind_of_name(text_to_cstring(PG_GETARG_TEXT_PP(1)), &kind) &&
				   value_reader_init(&reader, PG_GETARG_OID(2), kind, CurrentMemoryContext) && summary_kind(summary) == kind &&
				   summary_unit(summary) == reader.unit);
}

Datum
weir_is_summary_of_part(PG_FUNCTION_ARGS)
{
	Allocator	allocator = allocator_in(CurrentMemoryContext);
	Summary	   *parts[PERFORMANCE_MAX_PARTS] = {NULL};
	char	   *part = text_to_cstring(PG_GETARG_TEXT_PP(2));
	PerformanceKind kind;
	Performance *performance;

	if (!performance_kind_of_derivation(text_to_cstring(PG_GETARG_TEXT_PP(1)), &kind))
		PG_RETURN_BOOL(false);
	for (int i = 0; i < PERFORMANCE_MAX_PARTS && performance_part_name(kind, i) != NULL; i++)
		if (strcmp(performance_part_name(kind, i), part) == 0)
		{
			parts[i] = summary_from_datum(allocator, PG_GETARG_DATUM(0));
			PG_RETURN_BOOL(performance_of_parts(allocator, kind, 0, parts, &performance) == PERFORMANCE_OK);
		}
	PG_RETURN_BOOL(false);
}

/* Of one column, and of no more rows than there are: else sums of panes would pass the limit of counts. */
Datum
weir_is_fairness_of(PG_FUNCTION_ARGS)
{
	FairnessTable *table = fairness_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));
	size_t		n = fairness_groups(table, NULL, 0);
	FairnessGroup *groups = palloc(sizeof(FairnessGroup) * Max(n, 1));
	int64		rows = PG_GETARG_INT64(1);

	if (fairness_n_columns(table) != 1)
		PG_RETURN_BOOL(false);
	fairness_groups(table, groups, n);
	for (size_t i = 0; i < n; i++)
		for (int j = 0; j < 9; j++)
		{
			int64		count = groups[i].counts[j / 3][j % 3];

			if (count < 0 || count > rows)
				PG_RETURN_BOOL(false);
			rows -= count;
		}
	PG_RETURN_BOOL(true);
}

/* ---- who brings it ---- */

/* The subscription that this process applies, or InvalidOid. */
static Oid
subscription_applied(void)
{
	char	   *name;
	Oid			subscription;

	if (SESSION_ORIGIN == InvalidReplOriginId || !replorigin_by_oid(SESSION_ORIGIN, true, &name))
		return InvalidOid;
	/* pg_SUBSCRIPTION, or pg_SUBSCRIPTION_TABLE while a table is copied. */
	return sscanf(name, "pg_%u", &subscription) == 1 ? subscription : InvalidOid;
}

static Datum
key_of(const TriggerData *trigger, HeapTuple row, const char *name)
{
	bool		is_null;

	return SPI_getbinval(row, RelationGetDescr(trigger->tg_relation), SPI_fnumber(RelationGetDescr(trigger->tg_relation), name),
						 &is_null);
}

/* Whose name it is, the first says who brings it; for as long as that subscription is there. */
static void
require_own_name(Datum monitor, Datum node, Oid subscription)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {TEXTOID, TEXTOID, OIDOID};
	Datum		values[] = {monitor, node, ObjectIdGetDatum(subscription)};

	if (sql_execute_kept(&plan, "SELECT weir._claim_node($1, $2, $3)", lengthof(types), types, values, NULL) > 0)
	{
		char	   *other = sql_text(0, 1);

		if (other != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("node \"%s\" already brings the panes of monitor \"%s\" to this database, by %s",
							TextDatumGetCString(node), TextDatumGetCString(monitor), other),
					 errhint("Publish under another name there, then drop this subscription and make it again.")));
	}
}

Datum
weir_node_arrives(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Oid			subscription;
	HeapTuple	row;
	SqlScope	scope;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("this function is of triggers of weir's own tables")));
	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("what nodes publish cannot be truncated"),
				 errdetail("It is of several nodes, and monitors read it."),
				 errhint(
					 "SELECT weir.withdraw_panes('MONITOR') takes back what this database publishes, weir.forget_node('NODE') what "
					 "a node brought.")));
	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	subscription = subscription_applied();
	if (OidIsValid(subscription))
	{
		sql_begin(&scope);
		/* Before and after: a row must not become another node's. */
		require_own_name(key_of(trigger, trigger->tg_trigtuple, "monitor"), key_of(trigger, trigger->tg_trigtuple, "node"),
						 subscription);
		if (row != trigger->tg_trigtuple)
			require_own_name(key_of(trigger, row, "monitor"), key_of(trigger, row, "node"), subscription);
		sql_end(&scope);
	}
	return PointerGetDatum(row);
}
