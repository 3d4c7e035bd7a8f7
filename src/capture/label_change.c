/*
 * label_change.c
 *		Keys of predictions and of labels that changed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "base/sql.h"
#include "capture/label_change.h"
#include "capture/relation_map.h"
#include "capture/stream.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* Past so many keys of a transaction, or between two flushes, everything is looked at. */
#define MOST_KEYS 100000

typedef struct LabelJoin
{
	int			join_id;
	bool		followed;
	Oid			relations[2];	/* predictions, labels */
	List	   *columns[2];		/* of char * */
} LabelJoin;

/* The key of a join in one relation. */
typedef struct LabelKey
{
	int			join_id;
	bool		is_readable;	/* all columns are there, and an old row has them */
	int			n;
	AttrNumber *attributes;
	FmgrInfo   *outputs;
} LabelKey;

typedef struct NotedKey
{
	int			join_id;
	TransactionId xid;
	char	   *key;			/* a JSON array of texts; NULL: everything */
} NotedKey;

typedef struct NotedKeys
{
	TransactionId xid;			/* of a stream */
	MemoryContext context;
	int			n;
	int			capacity;
	NotedKey   *keys;
} NotedKeys;

static MemoryContext join_context = NULL;
static List *joins = NIL;
static NotedKeys committed;		/* since the last flush */
static HTAB *streams = NULL;	/* of NotedKeys by xid */
static NotedKeys *current = &committed;
static TransactionId current_xid;

/* ---- which tables ---- */

static List *
names_of(Datum array, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *names = NIL;
	Datum	   *values;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, TextDatumGetCString(values[i]));
	MemoryContextSwitchTo(old);
	return names;
}

void
label_change_load(void)
{
	uint64		n;

	if (join_context != NULL)
		MemoryContextDelete(join_context);
	join_context = AllocSetContextCreate(TopMemoryContext, "weir joined tables", ALLOCSET_SMALL_SIZES);
	joins = NIL;
	/* What pg_restore brought has no state. */
	sql_execute("INSERT INTO weir.label_join_state (join_id) SELECT join_id FROM weir.label_join "
				"WHERE join_id NOT IN (SELECT join_id FROM weir.label_join_state)",
				0, NULL, NULL, NULL);
	sql_execute("DELETE FROM weir.label_change WHERE join_id NOT IN (SELECT join_id FROM weir.label_join)", 0, NULL, NULL, NULL);
	/* After a gap, none is. */
	n = sql_execute("SELECT j.join_id, j.predictions::oid, j.labels::oid, j.key::text[], j.label_key::text[], "
					"s.followed AND coalesce((SELECT follows_labels FROM weir.capture_progress), false) "
					"FROM weir.label_join j JOIN weir.label_join_state s USING (join_id) ORDER BY 1",
					0, NULL, NULL, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		LabelJoin  *join = MemoryContextAllocZero(join_context, sizeof(LabelJoin));
		MemoryContext old;
		bool		is_null;

		join->join_id = DatumGetInt32(sql_value(i, 1, &is_null));
		for (int side = 0; side < 2; side++)
		{
			join->relations[side] = DatumGetObjectId(sql_value(i, 2 + side, &is_null));
			join->columns[side] = names_of(sql_value(i, 4 + side, &is_null), join_context);
		}
		join->followed = DatumGetBool(sql_value(i, 6, &is_null));
		old = MemoryContextSwitchTo(join_context);
		joins = lappend(joins, join);
		MemoryContextSwitchTo(old);
	}
}

bool
label_change_is_wanted(Oid relation)
{
	ListCell   *cell;

	foreach(cell, joins)
		for (int side = 0; side < 2; side++)
			if (relation_descends_from(relation, ((LabelJoin *) lfirst(cell))->relations[side]))
				return true;
	return false;
}

static LabelKey *
find_key(Relation relation, const LabelJoin *join, List *columns)
{
	LabelKey   *key = palloc0(sizeof(LabelKey));
	Bitmapset  *identity = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	ListCell   *cell;

	key->join_id = join->join_id;
	key->n = list_length(columns);
	key->attributes = palloc0(sizeof(AttrNumber) * key->n);
	key->outputs = palloc0(sizeof(FmgrInfo) * key->n);
	key->is_readable = true;
	foreach(cell, columns)
	{
		int			i = foreach_current_index(cell);
		AttrNumber	attribute = get_attnum(RelationGetRelid(relation), lfirst(cell));
		Oid			output;
		bool		is_varlena;

		key->attributes[i] = attribute;
		if (attribute <= 0 || attribute > RelationGetDescr(relation)->natts ||
			(relation->rd_rel->relreplident != REPLICA_IDENTITY_FULL &&
			 !bms_is_member(attribute - FirstLowInvalidHeapAttributeNumber, identity)))
		{
			key->is_readable = false;
			continue;
		}
		getTypeOutputInfo(TupleDescAttr(RelationGetDescr(relation), attribute - 1)->atttypid, &output, &is_varlena);
		fmgr_info_cxt(output, &key->outputs[i], CurrentMemoryContext);
	}
	return key;
}

List *
label_change_keys(Relation relation, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *keys = NIL;
	ListCell   *cell;

	foreach(cell, joins)
	{
		LabelJoin  *join = lfirst(cell);

		for (int side = 0; side < 2; side++)
			if (relation_descends_from(RelationGetRelid(relation), join->relations[side]))
				keys = lappend(keys, find_key(relation, join, join->columns[side]));
	}
	MemoryContextSwitchTo(old);
	return keys;
}

/* ---- transactions ---- */

void
label_change_begin(TransactionId xid)
{
	current = &committed;
	current_xid = xid;
}

static NotedKeys *
find_stream(TransactionId xid, HASHACTION action)
{
	HASHCTL		control = {.keysize = sizeof(TransactionId), .entrysize = sizeof(NotedKeys)};
	bool		found;
	NotedKeys  *stream;

	if (streams == NULL && action != HASH_ENTER)
		return NULL;
	if (streams == NULL)
		streams = hash_create("weir keys of streams", 16, &control, HASH_ELEM | HASH_BLOBS);
	stream = hash_search(streams, &xid, action, &found);
	if (action == HASH_ENTER && !found)
		memset((char *) stream + sizeof(TransactionId), 0, sizeof(NotedKeys) - sizeof(TransactionId));
	return stream;
}

void
label_change_begin_stream(TransactionId xid)
{
	if (joins == NIL)
		return;
	current = find_stream(xid, HASH_ENTER);
	current_xid = xid;
}

static void
forget(NotedKeys *noted)
{
	if (noted->context != NULL)
		MemoryContextDelete(noted->context);
	noted->context = NULL;
	noted->keys = NULL;
	noted->n = noted->capacity = 0;
}

void
label_change_abort_stream(TransactionId xid)
{
	NotedKeys  *stream = find_stream(xid, HASH_FIND);

	if (stream == NULL)
		return;
	forget(stream);
	find_stream(xid, HASH_REMOVE);
	current = &committed;
}

/* ---- noting ---- */

/* key NULL: everything. */
static void
note(NotedKeys *noted, int join_id, const char *key)
{
	if (noted->n >= MOST_KEYS)
		key = NULL;
	/* Everything is what comes last, so that it stands for all keys of before. */
	if (noted->n > 0 && noted->keys[noted->n - 1].key == NULL && noted->keys[noted->n - 1].join_id == join_id &&
		noted->keys[noted->n - 1].xid == current_xid)
		return;
	if (noted->context == NULL)
		noted->context = AllocSetContextCreate(TopMemoryContext, "weir noted keys", ALLOCSET_DEFAULT_SIZES);
	if (noted->n == noted->capacity)
	{
		noted->capacity = Max(64, 2 * noted->capacity);
		noted->keys = noted->keys == NULL ? MemoryContextAlloc(noted->context, sizeof(NotedKey) * noted->capacity)
										  : repalloc(noted->keys, sizeof(NotedKey) * noted->capacity);
	}
	noted->keys[noted->n++] =
		(NotedKey){.join_id = join_id, .xid = current_xid, .key = key != NULL ? MemoryContextStrdup(noted->context, key) : NULL};
}

static void
note_key(const LabelKey *key, Relation relation, HeapTuple tuple)
{
	StringInfoData text;
	TupleDesc	shape = RelationGetDescr(relation);

	initStringInfo(&text);
	for (int i = 0; i < key->n; i++)
	{
		bool		is_null;
		Datum		value = heap_getattr(tuple, key->attributes[i], shape, &is_null);
		Form_pg_attribute attribute = TupleDescAttr(shape, key->attributes[i] - 1);

		/* A row without a key is joined with nothing. */
		if (is_null)
			return;
		if (attribute->attlen == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
		{
			note(current, key->join_id, NULL);
			return;
		}
		appendStringInfoChar(&text, i == 0 ? '[' : ',');
		escape_json(&text, OutputFunctionCall((FmgrInfo *) &key->outputs[i], value));
	}
	appendStringInfoChar(&text, ']');
	note(current, key->join_id, text.data);
}

void
label_change_note(List *keys, Relation relation, HeapTuple old_tuple, HeapTuple new_tuple)
{
	ListCell   *cell;

	foreach(cell, keys)
	{
		LabelKey   *key = lfirst(cell);

		/* An old row that is not there has the key of the new one, where the key belongs to the identity. */
		if (!key->is_readable || (old_tuple == NULL && new_tuple == NULL))
		{
			note(current, key->join_id, NULL);
			continue;
		}
		if (old_tuple != NULL)
			note_key(key, relation, old_tuple);
		if (new_tuple != NULL)
			note_key(key, relation, new_tuple);
	}
}

void
label_change_note_truncate(int n_relations, const Oid *relations)
{
	ListCell   *cell;

	foreach(cell, joins)
	{
		LabelJoin  *join = lfirst(cell);

		for (int i = 0; i < n_relations; i++)
			if (relation_descends_from(relations[i], join->relations[0]) ||
				relation_descends_from(relations[i], join->relations[1]))
			{
				note(current, join->join_id, NULL);
				break;
			}
	}
}

void
label_change_commit_stream(TransactionId xid, bool missed)
{
	NotedKeys  *stream = find_stream(xid, HASH_FIND);
	ListCell   *cell;

	label_change_begin(xid);
	for (int i = 0; stream != NULL && i < stream->n; i++)
		note(&committed, stream->keys[i].join_id, stream->keys[i].key);
	if (stream != NULL)
		label_change_abort_stream(xid);
	if (missed)
		foreach(cell, joins)
			note(&committed, ((LabelJoin *) lfirst(cell))->join_id, NULL);
}

/* ---- writing ---- */

bool
label_change_is_noted(void)
{
	return committed.n > 0;
}

/* The stream's transactions are within two billion of the next. */
static uint64
widened(TransactionId xid)
{
	uint64		next = U64FromFullTransactionId(ReadNextFullTransactionId());

	return next + (int64) (int32) (xid - (uint32) next);
}

void
label_change_write(void)
{
	Oid			types[] = {INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID};
	Datum		values[3];
	int			n = committed.n;
	Datum	   *columns[3];
	bool	   *nulls;
	int			lower_bound = 1;

	if (n == 0)
		return;
	for (int i = 0; i < 3; i++)
		columns[i] = palloc(sizeof(Datum) * n);
	nulls = palloc(sizeof(bool) * n);
	for (int i = 0; i < n; i++)
	{
		const NotedKey *key = &committed.keys[i];

		columns[0][i] = Int32GetDatum(key->join_id);
		nulls[i] = key->key == NULL;
		columns[1][i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(key->key);
		columns[2][i] = CStringGetTextDatum(psprintf(UINT64_FORMAT, widened(key->xid)));
	}
	values[0] = PointerGetDatum(construct_array(columns[0], n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_md_array(columns[1], nulls, 1, &n, &lower_bound, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(columns[2], n, TEXTOID, -1, false, TYPALIGN_INT));
	sql_execute("INSERT INTO weir.label_change (join_id, key, xid) SELECT DISTINCT u.join_id, u.key::jsonb, u.xid::xid8 "
				"FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) u (join_id, key, xid)",
				3, types, values, NULL);
	forget(&committed);
}

void
label_change_follow(void)
{
	ListCell   *cell;
	bool		changed = false;

	foreach(cell, joins)
		changed |= !((LabelJoin *) lfirst(cell))->followed;
	if (!changed || !stream_is_within(GetActiveSnapshot()))
		return;
	changed = true;
	foreach(cell, joins)
	{
		LabelJoin  *join = lfirst(cell);
		Oid			type = INT4OID;
		Datum		id = Int32GetDatum(join->join_id);

		if (join->followed)
			continue;
		/* Capture waits for nobody who has the row locked. */
		join->followed =
			sql_execute("UPDATE weir.label_join_state s SET followed = true FROM (SELECT join_id FROM weir.label_join_state "
						"WHERE join_id = $1 FOR UPDATE SKIP LOCKED) l WHERE s.join_id = l.join_id",
						1, &type, &id, NULL) == 1;
		if (join->followed)
			sql_execute("INSERT INTO weir.label_change (join_id, xid) VALUES ($1, pg_catalog.pg_current_xact_id())", 1, &type, &id,
						NULL);
		changed &= join->followed;
	}
	if (changed)
		sql_execute("UPDATE weir.capture_progress SET follows_labels = true", 0, NULL, NULL, NULL);
}
