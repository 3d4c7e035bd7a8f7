/*
 * backfill.c
 *		The rows that were there before a learner began: read once, in the order of their time, under one snapshot.
 *
 * Capture notes what changes from before the snapshot on. The transactions that the snapshot sees are left out when their turn
 * comes, so every row is learned exactly once.  What is read is put in front of what capture notes, and learned like that, turn by
 * turn: so the snapshot is held only while the table is read, other learners have their turns meanwhile, and a crash repeats
 *little.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "feed/fed_learner.h"
#include "feed/present_name.h"
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
#define CHUNK_SIZE (64 * 1024)

/* Numbers of rows of before: each learner has 2^31 of them, all below those that capture gives. */
#define FIRST_OF_BEFORE (-(INT64CONST(1) << 62))

typedef struct Reading
{
	Oid			source;
	Oid			owner;
	int			n_columns;		/* features, then the label, if there is one */
	bool		has_label;
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

	/* Names are those that capture has seen last; a column may have been renamed since. */
	sql_execute("SELECT m.source::oid, l.owner::oid, " PRESENT_NAME(
					"m.time_column") ", m.filter FROM weir.monitor_learner l JOIN weir.monitor m "
									 "USING (monitor_id) LEFT JOIN weir.monitor_state s USING (monitor_id) WHERE l.learner_id = $1",
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
		"SELECT " PRESENT_NAME(
			"u.name") " FROM weir.monitor_learner l JOIN weir.monitor m USING (monitor_id) "
					  "LEFT JOIN weir.monitor_state s USING (monitor_id), LATERAL (SELECT f.name, false, f.i FROM "
					  "pg_catalog.unnest(l.features) WITH ORDINALITY f (name, i) UNION ALL SELECT l.label, true, 0 WHERE l.label IS NOT NULL) u (name, is_label, i) "
					  "WHERE l.learner_id = $1 ORDER BY u.is_label, u.i",
		1, &type, &id, NULL);
	old = MemoryContextSwitchTo(context);
	reading->n_columns = (int) n;
	reading->has_label = (int) n > fed->n_features;
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
	if (!reading->has_label)
		learner_row_add(bytes, NULL, (Datum) 0, true);
	learner_row_append(changes, 0, bytes->data, bytes->len);
}

/* Puts the rows in front of what capture notes. */
static void
store(const FedLearner *fed, int64 change_id, int64 n, StringInfo changes)
{
	Oid			types[] = {INT8OID, INT4OID, INT8OID, BYTEAOID};
	Datum		values[4];
	bytea	   *bytes = palloc(VARHDRSZ + changes->len);
	SqlScope	scope;

	SET_VARSIZE(bytes, VARHDRSZ + changes->len);
	memcpy(VARDATA(bytes), changes->data, changes->len);
	values[0] = Int64GetDatum(change_id);
	values[1] = Int32GetDatum(fed->learner_id);
	values[2] = Int64GetDatum(n);
	values[3] = PointerGetDatum(bytes);
	sql_begin(&scope);
	sql_execute(
		"INSERT INTO weir.learner_change (change_id, learner_id, n, changes) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)", 4,
		types, values, NULL);
	sql_end(&scope);
	pfree(bytes);
	resetStringInfo(changes);
}

/* As the owner of the table. Returns the number of the first change; 0: there are no rows. */
static int64
read_rows(FedLearner *fed, Reading *reading)
{
	int64		first = FIRST_OF_BEFORE + ((int64) fed->learner_id << 31);
	int64		n_chunks = 0;
	int64		n_rows = 0;
	StringInfoData changes;
	StringInfoData bytes;
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "weir rows of before", ALLOCSET_DEFAULT_SIZES);
	SqlScope	scope;
	Portal		portal;
	bool		has_more = true;

	initStringInfo(&changes);
	initStringInfo(&bytes);
	sql_begin_as(&scope, reading->owner);
	portal = SPI_cursor_open_with_args(NULL, reading->query, 0, NULL, NULL, NULL, true, 0);
	while (has_more)
	{
		SPITupleTable *rows;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, ROWS_PER_FETCH);
		rows = SPI_tuptable;
		has_more = SPI_processed > 0;
		for (uint64 i = 0, n = SPI_processed; i < n; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(batch);

			write_row(reading, i, &changes, &bytes);
			MemoryContextSwitchTo(old);
			MemoryContextReset(batch);
			n_rows++;
			if (changes.len < CHUNK_SIZE)
				continue;
			store(fed, first + n_chunks++, n_rows, &changes);
			SPI_tuptable = rows;
			n_rows = 0;
		}
		SPI_freetuptable(rows);
	}
	SPI_cursor_close(portal);
	sql_end(&scope);
	if (n_rows > 0)
		store(fed, first + n_chunks++, n_rows, &changes);
	return n_chunks > 0 ? first : 0;
}

void
fed_learner_backfill(FedLearner *fed)
{
	MemoryContext context = CurrentMemoryContext;
	SqlScope	scope;
	Reading	   *reading;
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum(fed->learner_id);
	int64		first;

	/* A read-only cursor reads under the active snapshot. */
	PushActiveSnapshot(GetLatestSnapshot());
	fed_learner_set_cut(fed, DatumGetCString(DirectFunctionCall1(pg_snapshot_out, OidFunctionCall0(F_PG_CURRENT_SNAPSHOT))));
	sql_begin(&scope);
	/* Of a beginning before this one. */
	sql_execute("DELETE FROM weir.learner_change WHERE learner_id = $1 AND change_id < 0", 1, &type, &id, NULL);
	reading = fed->backfill ? prepare(fed, context) : NULL;
	sql_end(&scope);
	fed->applied = Max(fed->applied, 0);
	if (reading != NULL)
	{
		first = read_rows(fed, reading);
		if (first < 0)
			fed->applied = first - 1;
	}
	PopActiveSnapshot();
}
