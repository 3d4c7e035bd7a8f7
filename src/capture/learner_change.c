/*
 * learner_change.c
 *		Rows that learners are to be told of: noted as they are decoded, written with the position.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "capture/learner_change.h"
#include "capture/learner_row.h"
#include "capture/learner_spool.h"
#include "capture/stream.h"
#include "catalog/pg_type.h"
#include "learn/learner.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* A turn of a learner ends behind a whole chunk. */
#define CHUNK_SIZE (64 * 1024)
#define MOST_MOVED 100

/* The old half of a row that moves to another partition. */
typedef struct MovedRow
{
	int			learner_id;
	TransactionId xid;
	TransactionId top_xid;		/* as current_top_xid */
	char	   *key;
	uint64		change;			/* which change it was, of those of the tables of learners */
	Oid			relation;		/* where it was */
	bool		is_known;		/* whether it had a label */
	char	   *label;			/* as it is written; NULL: it had none, or is not known */
	int			label_length;
} MovedRow;

static Spool committed;			/* since the last flush */
static HTAB *streams = NULL;	/* of Spool by xid */
static List *streams_in_progress = NIL; /* of xids, whether or not anything is gathered */
static Spool *current = &committed;
static TransactionId current_xid;
static TransactionId current_top_xid; /* of a transaction in progress; invalid: it is over */
static List *moved_rows = NIL;
static uint64 n_changes = 0;

/* ---- columns ---- */

static void
fail(CapturedLearner *learner, const char *reason)
{
	if (learner->failure == NULL)
		learner->failure = MemoryContextStrdup(GetMemoryChunkContext(learner), reason);
}

static AttrNumber
column_here(Relation relation, CapturedMonitor *monitor, LearnerMap *map, CapturedColumn *column)
{
	AttrNumber	attribute = relation_map_attribute(relation, monitor, column);

	if (attribute == InvalidAttrNumber && relation_map_is_older(monitor))
		map->precedes = true;
	else if (attribute == InvalidAttrNumber)
		fail(map->learner,
			 psprintf("column \"%s\" was dropped, or has a type that cannot be read as it was. Mend it, then call "
					  "weir.resume_learner, or drop the learner and create another.",
					  NameStr(column->name)));
	return attribute;
}

static void
find_key(Relation relation, LearnerMap *map)
{
	Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	int			member = -1;

	if (bms_is_empty(key))
		return;
	map->key = palloc(sizeof(AttrNumber) * bms_num_members(key));
	map->key_readers = palloc0(sizeof(ValueReader) * bms_num_members(key));
	while ((member = bms_next_member(key, member)) >= 0)
	{
		AttrNumber	attribute = member + FirstLowInvalidHeapAttributeNumber;

		if (attribute <= 0 ||
			!value_reader_init(&map->key_readers[map->n_key], TupleDescAttr(RelationGetDescr(relation), attribute - 1)->atttypid,
							   SUMMARY_CATEGORY, CurrentMemoryContext))
		{
			map->n_key = 0;
			return;
		}
		map->key[map->n_key++] = attribute;
	}
}

List *
learner_change_map(Relation relation, CapturedMonitor *monitor, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	List	   *maps = NIL;
	ListCell   *cell;

	foreach(cell, monitor->learners)
	{
		CapturedLearner *learner = lfirst(cell);
		LearnerMap *map = palloc0(sizeof(LearnerMap));

		map->learner = learner;
		map->label = learner->has_label ? column_here(relation, monitor, map, &learner->label) : InvalidAttrNumber;
		map->features = palloc(sizeof(AttrNumber) * learner->n_features);
		for (int i = 0; i < learner->n_features; i++)
			map->features[i] = column_here(relation, monitor, map, &learner->features[i]);
		find_key(relation, map);
		maps = lappend(maps, map);
	}
	MemoryContextSwitchTo(old);
	return maps;
}

/* ---- transactions ---- */

static void
free_moved(MovedRow *moved)
{
	pfree(moved->key);
	if (moved->label != NULL)
		pfree(moved->label);
	pfree(moved);
}

/* A change that has no values. */
static void
note_key(int learner_id, TransactionId xid, LearnerRowKind kind, TimestampTz at, const char *key)
{
	StringInfoData bytes;
	SpoolHeader header = {.learner_id = learner_id, .xid = xid};

	initStringInfo(&bytes);
	learner_row_begin(&bytes, kind, at, key);
	header.length = bytes.len;
	spool_put(current, &header, bytes.data);
	pfree(bytes.data);
}

/* Longer keys are not followed: nothing is remembered of the row any more. */
static void
note_rekeyed(int learner_id, TimestampTz at, const char *old_key, const char *key)
{
	StringInfoData bytes;
	SpoolHeader header = {.learner_id = learner_id, .xid = current_xid};

	if (strcmp(old_key, key) == 0 || strlen(key) > LEARNER_MAX_NAME)
		return;
	initStringInfo(&bytes);
	learner_row_begin(&bytes, LEARNER_ROW_REKEYED, at, old_key);
	learner_row_add_text(&bytes, key, (int) strlen(key));
	header.length = bytes.len;
	spool_put(current, &header, bytes.data);
	pfree(bytes.data);
}

/* The second half has not come: a trigger has kept the row from its new partition. */
static void
note_moved_away(MovedRow *moved, TimestampTz at)
{
	note_key(moved->learner_id, moved->xid,
			 moved->is_known && moved->label_length == 0 ? LEARNER_ROW_GONE_UNLABELLED : LEARNER_ROW_GONE, at, moved->key);
	free_moved(moved);
}

/*
 * The transaction is over, or a part of it (xid, if valid) was rolled back: rows of it that are left have moved away, or, after a
 * rollback, not at all.
 */
static void
end_moved(TransactionId top_xid, TransactionId xid, bool is_committed)
{
	ListCell   *cell;

	foreach(cell, moved_rows)
	{
		MovedRow   *moved = lfirst(cell);

		if (moved->top_xid != top_xid || (TransactionIdIsValid(xid) && moved->xid != xid))
			continue;
		moved_rows = foreach_delete_current(moved_rows, cell);
		if (is_committed)
			note_moved_away(moved, DT_NOBEGIN);
		else
			free_moved(moved);
	}
}

void
learner_change_begin(TransactionId xid)
{
	current = &committed;
	if (moved_rows != NIL)
		end_moved(InvalidTransactionId, InvalidTransactionId, true);
	current_xid = xid;
	current_top_xid = InvalidTransactionId;
}

static Spool *
find_stream(TransactionId xid, HASHACTION action)
{
	HASHCTL		control = {.keysize = sizeof(TransactionId), .entrysize = sizeof(Spool)};
	bool		found;
	Spool	   *spool;

	if (streams == NULL && action != HASH_ENTER)
		return NULL;
	if (streams == NULL)
		streams = hash_create("weir learner changes of streams", 16, &control, HASH_ELEM | HASH_BLOBS);
	spool = hash_search(streams, &xid, action, &found);
	if (action == HASH_ENTER && !found)
		*spool = (Spool){.xid = xid};
	return spool;
}

void
learner_change_begin_stream(TransactionId top_xid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	streams_in_progress = list_append_unique_int(streams_in_progress, (int) top_xid);
	MemoryContextSwitchTo(old);
	if (learner_follow_has_any())
		current = find_stream(top_xid, HASH_ENTER);
	current_xid = top_xid;
	current_top_xid = top_xid;
}

void
learner_change_within(TransactionId xid)
{
	current_xid = xid;
}

static void
forget_stream(TransactionId top_xid)
{
	Spool	   *spool = find_stream(top_xid, HASH_FIND);

	streams_in_progress = list_delete_int(streams_in_progress, (int) top_xid);
	if (spool == NULL)
		return;
	spool_close(spool);
	find_stream(top_xid, HASH_REMOVE);
	current = &committed;
}

void
learner_change_abort_stream(TransactionId top_xid, TransactionId xid)
{
	Spool	   *spool = find_stream(top_xid, HASH_FIND);
	HASHCTL		control = {.keysize = sizeof(TransactionId), .entrysize = sizeof(TransactionId)};

	if (top_xid == xid)
	{
		end_moved(top_xid, InvalidTransactionId, false);
		forget_stream(top_xid);
		return;
	}
	end_moved(top_xid, xid, false);
	if (spool == NULL || spool->context == NULL)
		return;
	control.hcxt = spool->context;
	if (spool->aborted == NULL)
		spool->aborted = hash_create("weir rolled back", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	(void) hash_search(spool->aborted, &xid, HASH_ENTER, NULL);
}

void
learner_change_commit_stream(TransactionId top_xid)
{
	Spool	   *spool = find_stream(top_xid, HASH_FIND);
	SpoolScan	scan;
	SpoolHeader header;
	const char *bytes;

	learner_change_begin(top_xid);
	if (spool != NULL)
	{
		current = spool;
		end_moved(top_xid, InvalidTransactionId, true);
		current = &committed;
		spool_scan_begin(&scan, spool);
		while (spool_scan_next(&scan, &header, &bytes))
		{
			CHECK_FOR_INTERRUPTS();
			if (spool->aborted != NULL && hash_search(spool->aborted, &header.xid, HASH_FIND, NULL) != NULL)
				continue;
			header.xid = top_xid;
			spool_put(&committed, &header, bytes);
		}
	}
	forget_stream(top_xid);
}

bool
learner_change_is_in_progress(void)
{
	return streams_in_progress != NIL;
}

/* ---- noting ---- */

static bool
is_readable(Relation relation, AttrNumber attribute, const RowImage *row)
{
	return TupleDescAttr(RelationGetDescr(relation), attribute - 1)->attlen != -1 || row->nulls[attribute - 1] ||
		!VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(row->values[attribute - 1]));
}

static bool
is_all_readable(Relation relation, const RowImage *row)
{
	for (int i = 1; i <= RelationGetDescr(relation)->natts; i++)
		if (!TupleDescAttr(RelationGetDescr(relation), i - 1)->attisdropped && !is_readable(relation, i, row))
			return false;
	return true;
}

static char *
key_of(Relation relation, const LearnerMap *map, const RowImage *row)
{
	char	   *texts[INDEX_MAX_KEYS];

	if (map->n_key == 0 || row == NULL)
		return NULL;
	for (int i = 0; i < map->n_key; i++)
	{
		int			at = map->key[i] - 1;

		/* Of an old row that is not all there, other columns are NULL. */
		if (row->nulls[at] || !is_readable(relation, map->key[i], row))
			return NULL;
		texts[i] = value_reader_text(&map->key_readers[i], row->values[at]);
	}
	return learner_row_key(map->n_key, texts);
}

/* One that is stored out of line and did not change has been told before. */
static bool
has_label(Relation relation, const LearnerMap *map, const RowImage *row)
{
	return map->learner->has_label && !row->nulls[map->label - 1] && is_readable(relation, map->label, row);
}

static void
note(Relation relation, const LearnerMap *map, LearnerRowKind kind, TimestampTz at, const char *key, const RowImage *row)
{
	CapturedLearner *learner = map->learner;
	StringInfoData bytes;
	SpoolHeader header = {.learner_id = learner->learner_id, .xid = current_xid};

	initStringInfo(&bytes);
	learner_row_begin(&bytes, kind, at, key);
	for (int i = 0; i < learner->n_features; i++)
	{
		int			number = map->features[i] - 1;

		learner_row_add(&bytes, &learner->features[i].reader, row->values[number],
						row->nulls[number] || !is_readable(relation, map->features[i], row));
	}
	if (has_label(relation, map, row))
		learner_row_add(&bytes, &learner->label.reader, row->values[map->label - 1], false);
	else
		learner_row_add(&bytes, NULL, (Datum) 0, true);
	header.length = bytes.len;
	spool_put(current, &header, bytes.data);
	pfree(bytes.data);
}

/* The label as it is written; empty: there is none. */
static void
write_label(Relation relation, StringInfo bytes, const LearnerMap *map, const RowImage *row)
{
	initStringInfo(bytes);
	if (has_label(relation, map, row))
		learner_row_add(bytes, &map->learner->label.reader, row->values[map->label - 1], false);
}

/* The row was there before, with old_label, if that is known (not NULL). */
static void
note_update(Relation relation, const LearnerMap *map, const StringInfoData *old_label, const RowImage *new_row, TimestampTz at,
			const char *key)
{
	StringInfoData label;

	write_label(relation, &label, map, new_row);
	if (old_label == NULL)
	{
		if (label.len > 0 && key != NULL)
			note(relation, map, LEARNER_ROW_MAYBE_LABELLED, at, key, new_row);
	}
	else if (old_label->len == 0 && label.len > 0)
		note(relation, map, LEARNER_ROW_LABELLED, at, key, new_row);
	else if (old_label->len != label.len || (label.len > 0 && memcmp(old_label->data, label.data, label.len) != 0))
		note_key(map->learner->learner_id, current_xid, label.len == 0 ? LEARNER_ROW_WITHDRAWN : LEARNER_ROW_CORRECTED, at, key);
	pfree(label.data);
}

/* ---- rows that move to another partition: a delete, then an insert ---- */

/* The second half follows at once, but for what triggers do: the oldest of a transaction have none, if it has that many. */
static void
note_oldest_moved(void)
{
	MovedRow   *oldest = NULL;
	int			n = 0;
	ListCell   *cell;

	foreach(cell, moved_rows)
	{
		MovedRow   *moved = lfirst(cell);

		/* Others are for their own transactions to settle: who knows how those end. */
		if (moved->top_xid != current_top_xid)
			continue;
		if (oldest == NULL)
			oldest = moved;
		n++;
	}
	if (n <= MOST_MOVED)
		return;
	moved_rows = list_delete_ptr(moved_rows, oldest);
	note_moved_away(oldest, DT_NOBEGIN);
}

/* label NULL: it is not known. */
static void
remember_moved(Relation relation, const LearnerMap *map, const char *key, const StringInfoData *label)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	MovedRow   *moved = palloc0(sizeof(MovedRow));

	moved->learner_id = map->learner->learner_id;
	moved->xid = current_xid;
	moved->top_xid = current_top_xid;
	moved->change = n_changes;
	moved->relation = RelationGetRelid(relation);
	moved->key = pstrdup(key);
	moved->is_known = label != NULL;
	if (label != NULL && label->len > 0)
	{
		moved->label = palloc(label->len);
		memcpy(moved->label, label->data, label->len);
		moved->label_length = label->len;
	}
	moved_rows = lappend(moved_rows, moved);
	MemoryContextSwitchTo(old);
	if (list_length(moved_rows) > MOST_MOVED)
		note_oldest_moved();
}

/*
 * The old half of this row, taken away; NULL when it is new.  Where what makes the partition is part of the key, that has changed:
 * so a row that comes right behind is it, unless it comes where the old half was.
 */
static MovedRow *
take_moved(Relation relation, const LearnerMap *map, const char *key)
{
	ListCell   *cell;

	foreach(cell, moved_rows)
	{
		MovedRow   *moved = lfirst(cell);

		if (moved->learner_id != map->learner->learner_id || moved->xid != current_xid ||
			((moved->change + 1 != n_changes || moved->relation == RelationGetRelid(relation)) && strcmp(moved->key, key) != 0))
			continue;
		moved_rows = foreach_delete_current(moved_rows, cell);
		return moved;
	}
	return NULL;
}

/* ---- changes ---- */

void
learner_change_next(void)
{
	n_changes++;
}

static void
note_inserted(Relation relation, const LearnerMap *map, const RowImage *row, TimestampTz at, const char *key)
{
	MovedRow   *moved = moved_rows != NIL && key != NULL ? take_moved(relation, map, key) : NULL;
	StringInfoData label = {0};

	if (moved == NULL)
	{
		note(relation, map, LEARNER_ROW_NEW, at, key, row);
		return;
	}
	note_rekeyed(map->learner->learner_id, at, moved->key, key);
	label.data = moved->label;
	label.len = moved->label_length;
	note_update(relation, map, moved->is_known ? &label : NULL, row, at, key);
	free_moved(moved);
}

void
learner_change_note(Relation relation, RelationMap *map, MonitorMap *entry, RowImage *old_row, RowImage *new_row, bool old_complete,
					MoveAnswer moves)
{
	bool		is_insert = old_row == NULL && old_complete;
	bool		was_inside = !is_insert;
	bool		is_inside = false;
	bool		is_known = old_row != NULL && old_complete;
	Place		place = {0};
	ListCell   *cell;

	if (is_known)
	{
		row_find_place(map, entry, old_row, &place);
		was_inside = place.inside;
	}
	if (new_row != NULL && (old_complete || is_all_readable(relation, new_row)))
	{
		row_find_place(map, entry, new_row, &place);
		is_inside = place.inside;
	}
	else if (new_row != NULL)	/* what decides did not change, as far as it can be seen */
		is_inside = !new_row->nulls[entry->time - 1] &&
			definition_time(entry->monitor->time_type, new_row->values[entry->time - 1], &place.time);
	foreach(cell, entry->learners)
	{
		LearnerMap *learner = lfirst(cell);
		StringInfoData old_label;
		char	   *key;

		if (learner->learner->failure != NULL || learner->precedes || (!was_inside && !is_inside && moved_rows == NIL))
			continue;
		key = key_of(relation, learner, new_row != NULL ? new_row : old_row);
		if (!was_inside && !is_inside)
		{
			MovedRow   *moved = key != NULL ? take_moved(relation, learner, key) : NULL;

			/* It has moved to another partition, and out of what the monitor takes. */
			if (moved != NULL)
				note_moved_away(moved, place.time);
			continue;
		}
		if (is_known)
			write_label(relation, &old_label, learner, old_row);
		if (new_row == NULL && moves == MOVE_YES && key != NULL)
			remember_moved(relation, learner, key, is_known ? &old_label : NULL);
		else if (!is_inside)
			note_key(learner->learner->learner_id, current_xid,
					 is_known && old_label.len == 0 ? LEARNER_ROW_GONE_UNLABELLED : LEARNER_ROW_GONE, place.time, key);
		else if (was_inside)
		{
			char	   *old_key = key == NULL ? NULL : key_of(relation, learner, old_row);

			if (old_key != NULL)
				note_rekeyed(learner->learner->learner_id, place.time, old_key, key);
			note_update(relation, learner, is_known ? &old_label : NULL, new_row, place.time, key);
		}
		else
			note_inserted(relation, learner, new_row, place.time, key);
	}
}

/* ---- writing ---- */

bool
learner_change_is_noted(void)
{
	ListCell   *cell;

	foreach(cell, moved_rows)
		if (!TransactionIdIsValid(((MovedRow *) lfirst(cell))->top_xid))
			return true;
	return !spool_is_empty(&committed);
}

/* The stream's transactions are within two billion of the next. */
static uint64
widened(TransactionId xid)
{
	uint64		next = U64FromFullTransactionId(ReadNextFullTransactionId());

	return next + (int64) (int32) (xid - (uint32) next);
}

typedef struct Chunk
{
	int			learner_id;
	int64		n;
	StringInfoData changes;
} Chunk;

static void
write_chunk(Chunk *chunk)
{
	Oid			types[] = {INT4OID, INT8OID, BYTEAOID};
	Datum		values[3];
	bytea	   *bytes;

	if (chunk->n == 0)
		return;
	bytes = palloc(VARHDRSZ + chunk->changes.len);
	SET_VARSIZE(bytes, VARHDRSZ + chunk->changes.len);
	memcpy(VARDATA(bytes), chunk->changes.data, chunk->changes.len);
	values[0] = Int32GetDatum(chunk->learner_id);
	values[1] = Int64GetDatum(chunk->n);
	values[2] = PointerGetDatum(bytes);
	sql_execute("INSERT INTO weir.learner_change (learner_id, n, changes) VALUES ($1, $2, $3)", 3, types, values, NULL);
	pfree(bytes);
	chunk->n = 0;
	resetStringInfo(&chunk->changes);
}

static Chunk *
chunk_of(List **chunks, int learner_id)
{
	ListCell   *cell;
	Chunk	   *chunk;

	foreach(cell, *chunks)
		if (((Chunk *) lfirst(cell))->learner_id == learner_id)
			return lfirst(cell);
	chunk = palloc0(sizeof(Chunk));
	chunk->learner_id = learner_id;
	initStringInfo(&chunk->changes);
	*chunks = lappend(*chunks, chunk);
	return chunk;
}

void
learner_change_put(int learner_id, const char *bytes, int length)
{
	Chunk		chunk = {.learner_id = learner_id, .n = 1};

	initStringInfo(&chunk.changes);
	learner_row_append(&chunk.changes, U64FromFullTransactionId(GetTopFullTransactionId()), bytes, length);
	write_chunk(&chunk);
}

void
learner_change_write(List *monitors)
{
	SpoolScan	scan;
	SpoolHeader header;
	const char *bytes;
	List	   *chunks = NIL;
	ListCell   *cell;
	ListCell   *learner_cell;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "weir learner changes", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Spool	   *stream = current;

	/* What a transaction that is over has left of them belongs to this position. */
	current = &committed;
	end_moved(InvalidTransactionId, InvalidTransactionId, true);
	current = stream;
	if (learner_change_is_noted())
	{
		spool_scan_begin(&scan, &committed);
		while (spool_scan_next(&scan, &header, &bytes))
		{
			Chunk	   *chunk = chunk_of(&chunks, header.learner_id);

			learner_row_append(&chunk->changes, widened(header.xid), bytes, header.length);
			chunk->n++;
			if (chunk->changes.len >= CHUNK_SIZE)
				write_chunk(chunk);
			CHECK_FOR_INTERRUPTS();
		}
		foreach(cell, chunks)
			write_chunk(lfirst(cell));
		spool_close(&committed);
		learner_limit_waiting();
	}
	foreach(cell, monitors)
		foreach(learner_cell, ((CapturedMonitor *) lfirst(cell))->learners)
		{
			CapturedLearner *learner = lfirst(learner_cell);

			if (learner->failure != NULL && !learner->failure_told)
				learner->failure_told = learner_set_aside(learner->learner_id, learner->failure);
		}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
