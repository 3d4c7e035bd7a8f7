/*
 * backfill.c
 *		The rows that were there before a learner began: read once, in the order of their time, under one snapshot.
 *
 * Capture notes what changes from before the snapshot on. The transactions that the snapshot sees are left out when their turn
 * comes, so every row is learned exactly once.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "feed/fed_learner.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define ROWS_PER_FETCH 5000

typedef struct Reading
{
	Oid			source;
	Oid			owner;
	int			n_columns;		/* features, then the label */
	ValueReader *readers;
	int			n_key;
	ValueReader *key_readers;
	char	   *query;
} Reading;

static void
add_reader(ValueReader *reader, Oid type, bool is_number)
{
	if (!value_reader_init(reader, type, is_number ? SUMMARY_NUMERIC : SUMMARY_CATEGORY, CurrentMemoryContext))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("a column of type %s cannot be learned", format_type_be(type))));
}

/* The primary key's columns, as capture finds them: in the order of their numbers. */
static void
add_key(Reading *reading, StringInfo query)
{
	Relation	relation = RelationIdGetRelation(reading->source);
	Bitmapset  *key;
	int			member = -1;

	if (relation == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table of the monitor was dropped")));
	key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	reading->key_readers = palloc0(sizeof(ValueReader) * (bms_num_members(key) + 1));
	while ((member = bms_next_member(key, member)) >= 0)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), member + FirstLowInvalidHeapAttributeNumber - 1);

		if (!value_reader_init(&reading->key_readers[reading->n_key], attribute->atttypid, SUMMARY_CATEGORY, CurrentMemoryContext))
		{
			reading->n_key = 0;
			break;
		}
		appendStringInfo(query, ", %s", quote_identifier(NameStr(attribute->attname)));
		reading->n_key++;
	}
	RelationClose(relation);
}

/* Inside an SPI scope; results in the context. */
static Reading *
prepare(const FedLearner *fed, MemoryContext context)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(fed->learner_id);
	MemoryContext old;
	Reading	   *reading;
	StringInfoData query;
	bool		is_null;
	char	   *time;
	char	   *time_name;
	char	   *filter;
	uint64		n;

	sql_execute("SELECT m.source::oid, l.owner::oid, m.time_column::text, m.filter FROM weir.monitor_learner l JOIN weir.monitor m "
				"USING (monitor_id) WHERE l.learner_id = $1",
				1, &type, &id, NULL);
	old = MemoryContextSwitchTo(context);
	reading = palloc0(sizeof(Reading));
	reading->source = DatumGetObjectId(sql_value(0, 1, &is_null));
	reading->owner = DatumGetObjectId(sql_value(0, 2, &is_null));
	time_name = sql_text(0, 3);
	time = pstrdup(quote_identifier(time_name));
	filter = sql_text(0, 4);
	if (get_rel_name(reading->source) == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the table of the monitor was dropped")));
	MemoryContextSwitchTo(old);

	n = sql_execute(
		"SELECT u.name::text, u.is_label FROM weir.monitor_learner l, LATERAL (SELECT f.name, false, f.i FROM "
		"pg_catalog.unnest(l.features) WITH ORDINALITY f (name, i) UNION ALL SELECT l.label, true, 0) u (name, is_label, i) "
		"WHERE l.learner_id = $1 ORDER BY u.is_label, u.i",
		1, &type, &id, NULL);
	old = MemoryContextSwitchTo(context);
	reading->n_columns = (int) n;
	reading->readers = palloc0(sizeof(ValueReader) * n);
	initStringInfo(&query);
	/* As capture has it, times without a zone are UTC. */
	appendStringInfo(&query, "SELECT %s%s", time,
					 getBaseType(get_atttype(reading->source, get_attnum(reading->source, time_name))) == TIMESTAMPTZOID
						 ? ""
						 : "::pg_catalog.timestamp AT TIME ZONE 'UTC'");
	for (int i = 0; i < (int) n; i++)
	{
		char	   *name = sql_text(i, 1);
		AttrNumber	number = get_attnum(reading->source, name);

		if (number == InvalidAttrNumber)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" does not exist", name)));
		add_reader(&reading->readers[i], get_atttype(reading->source, number),
				   i < fed->n_features ? !fed->feature_is_categorical[i] : fed->is_regression);
		appendStringInfo(&query, ", %s", quote_identifier(name));
	}
	add_key(reading, &query);
	appendStringInfo(&query, " FROM %s WHERE pg_catalog.isfinite(%s)%s%s%s ORDER BY %s, tableoid, ctid",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(reading->source)),
												get_rel_name(reading->source)),
					 time, filter != NULL ? " AND (" : "", filter != NULL ? filter : "", filter != NULL ? ")" : "", time);
	reading->query = query.data;
	MemoryContextSwitchTo(old);
	return reading;
}

/* One row of the fetch, as capture would have written it. */
static void
write_row(const Reading *reading, uint64 i, StringInfo changes, StringInfo bytes)
{
	bool		is_null;
	TimestampTz at = DatumGetTimestampTz(sql_value(i, 1, &is_null));
	char	   *texts[INDEX_MAX_KEYS];

	for (int k = 0; k < reading->n_key; k++)
	{
		Datum		value = sql_value(i, 2 + reading->n_columns + k, &is_null);

		texts[k] = value_reader_text(&reading->key_readers[k], value);
	}
	resetStringInfo(bytes);
	learner_row_begin(bytes, LEARNER_ROW_NEW, at, reading->n_key > 0 ? learner_row_key(reading->n_key, texts) : NULL);
	for (int k = 0; k < reading->n_columns; k++)
	{
		Datum		value = sql_value(i, 2 + k, &is_null);

		learner_row_add(bytes, &reading->readers[k], value, is_null);
	}
	learner_row_append(changes, 0, bytes->data, bytes->len);
}

static void
learn_changes(FedLearner *fed, const char *changes, Size size)
{
	Size		position = 0;
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "weir learned row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row_context);
	SqlScope	scope;

	sql_begin(&scope);
	MemoryContextSwitchTo(row_context);
	while (learner_row_read(changes, size, &position, &fed->change, fed->n_features + 1))
	{
		fed_learner_apply(fed);
		MemoryContextReset(row_context);
		CHECK_FOR_INTERRUPTS();
	}
	remembered_write(fed);
	sql_end(&scope);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row_context);
}

void
fed_learner_backfill(FedLearner *fed)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext batch = AllocSetContextCreate(context, "weir rows of before", ALLOCSET_DEFAULT_SIZES);
	SqlScope	scope;
	Reading	   *reading;
	Portal		portal;

	/* A read-only cursor reads under the active snapshot. */
	PushActiveSnapshot(GetLatestSnapshot());
	fed_learner_set_cut(fed, DatumGetCString(DirectFunctionCall1(pg_snapshot_out, OidFunctionCall0(F_PG_CURRENT_SNAPSHOT))));
	if (!fed->backfill)
	{
		PopActiveSnapshot();
		return;
	}
	sql_begin(&scope);
	reading = prepare(fed, context);
	sql_end(&scope);

	sql_begin_as(&scope, reading->owner);
	portal = SPI_cursor_open_with_args(NULL, reading->query, 0, NULL, NULL, NULL, true, 0);
	for (;;)
	{
		StringInfoData changes;
		StringInfoData bytes;
		MemoryContext old;

		SPI_cursor_fetch(portal, true, ROWS_PER_FETCH);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(batch);
		initStringInfo(&changes);
		initStringInfo(&bytes);
		for (uint64 i = 0; i < SPI_processed; i++)
			write_row(reading, i, &changes, &bytes);
		SPI_freetuptable(SPI_tuptable);
		learn_changes(fed, changes.data, changes.len);
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch);
	}
	SPI_cursor_close(portal);
	sql_end(&scope);
	PopActiveSnapshot();
}
