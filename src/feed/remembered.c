/*
 * remembered.c
 *		Predictions of rows whose label is not there yet, by the key of the row.
 *
 * They lie in weir.learner_prediction; what a batch of changes asks for is read at once, kept in memory, and written at once.
 */
#include "postgres.h"

#include "base/sql.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "feed/fed_learner.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct Key
{
	const char *bytes;
	int			length;
} Key;

typedef enum RememberedState
{
	REMEMBERED_WAITS,			/* for its label */
	REMEMBERED_LABELLED,
	REMEMBERED_WITHDRAWN,		/* it had a label, which was learned */
	REMEMBERED_GONE
} RememberedState;

typedef struct Remembered
{
	Key			key;
	RememberedState state;
	bool		is_stored;		/* in the table */
	bool		is_new;			/* the row has come again, and was predicted again */
	bool		is_changed;
	TimestampTz at;
	Prediction	prediction;
	char	   *label;
} Remembered;

/* ---- in memory ---- */

static uint32
hash_of_key(const void *key, Size size)
{
	return hash_bytes((const unsigned char *) ((const Key *) key)->bytes, ((const Key *) key)->length);
}

static int
compare_keys(const void *a, const void *b, Size size)
{
	const Key  *first = a;
	const Key  *second = b;

	return first->length == second->length ? memcmp(first->bytes, second->bytes, first->length) : 1;
}

static Remembered *
find(FedLearner *fed, const char *bytes, int length, bool create)
{
	Key			key = {.bytes = bytes, .length = length};
	Remembered *entry;
	bool		found;

	if (fed->remembered == NULL && !create)
		return NULL;
	if (fed->remembered == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(Key), .entrysize = sizeof(Remembered), .hash = hash_of_key, .match = compare_keys};

		fed->remembered_context = AllocSetContextCreate(fed->context, "weir remembered", ALLOCSET_DEFAULT_SIZES);
		control.hcxt = fed->remembered_context;
		fed->remembered = hash_create("weir remembered", 1024, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	}
	entry = hash_search(fed->remembered, &key, create ? HASH_ENTER : HASH_FIND, &found);
	if (create && !found)
	{
		memset((char *) entry + sizeof(Key), 0, sizeof(Remembered) - sizeof(Key));
		entry->key.bytes = MemoryContextAlloc(fed->remembered_context, Max(length, 1));
		memcpy((char *) entry->key.bytes, bytes, length);
	}
	return entry;
}

static void
set_prediction(FedLearner *fed, Remembered *entry, const Prediction *prediction)
{
	entry->prediction = *prediction;
	if (prediction->text != NULL)
		entry->prediction.text = MemoryContextStrdup(fed->remembered_context, prediction->text);
}

const Prediction *
remembered_find(FedLearner *fed, const char *key, int length)
{
	Remembered *entry = find(fed, key, length, false);

	return entry != NULL && entry->state == REMEMBERED_WAITS ? &entry->prediction : NULL;
}

void
remembered_add(FedLearner *fed, const char *key, int length, TimestampTz at, const Prediction *prediction, const char *label)
{
	Remembered *entry = find(fed, key, length, true);

	entry->state = label == NULL ? REMEMBERED_WAITS : REMEMBERED_LABELLED;
	entry->is_changed = true;
	entry->is_new = true;
	entry->at = at;
	set_prediction(fed, entry, prediction);
	entry->label = label == NULL ? NULL : MemoryContextStrdup(fed->remembered_context, label);
}

void
remembered_label(FedLearner *fed, const char *key, int length, const char *label)
{
	Remembered *entry = find(fed, key, length, false);

	entry->state = REMEMBERED_LABELLED;
	entry->is_changed = true;
	entry->label = MemoryContextStrdup(fed->remembered_context, label);
}

void
remembered_withdraw(FedLearner *fed, const char *key, int length, TimestampTz at)
{
	Remembered *entry = find(fed, key, length, true);

	entry->state = REMEMBERED_WITHDRAWN;
	entry->is_changed = true;
	entry->at = at;
	entry->label = NULL;
}

bool
remembered_restore(FedLearner *fed, const char *key, int length, const char *label)
{
	Remembered *entry = find(fed, key, length, false);

	if (entry == NULL || entry->state != REMEMBERED_WITHDRAWN)
		return false;
	remembered_label(fed, key, length, label);
	return true;
}

void
remembered_rekey(FedLearner *fed, const char *key, int length, const char *new_key, int new_length)
{
	Remembered *entry = find(fed, key, length, false);
	Remembered	old;

	if (entry == NULL || entry->state == REMEMBERED_GONE)
		return;
	old = *entry;
	entry->state = REMEMBERED_GONE;
	entry->is_changed = true;
	entry = find(fed, new_key, new_length, true);
	entry->state = old.state;
	entry->is_changed = true;
	entry->is_new = true;
	entry->at = old.at;
	entry->prediction = old.prediction;
	entry->label = old.label;
}

bool
remembered_forget(FedLearner *fed, const char *key, int length)
{
	Remembered *entry = find(fed, key, length, false);
	bool		has_waited;

	if (entry == NULL || entry->state == REMEMBERED_LABELLED || entry->state == REMEMBERED_GONE)
		return false;
	has_waited = entry->state == REMEMBERED_WAITS;
	entry->state = REMEMBERED_GONE;
	entry->is_changed = true;
	return has_waited;
}

/* ---- arrays ---- */

typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
} Column;

static void
add(Column *column, Datum value, bool is_null)
{
	if ((column->n & (column->n - 1)) == 0)
	{
		int			capacity = Max(64, 2 * column->n);

		column->values = column->n == 0 ? palloc(sizeof(Datum) * capacity) : repalloc(column->values, sizeof(Datum) * capacity);
		column->nulls = column->n == 0 ? palloc(sizeof(bool) * capacity) : repalloc(column->nulls, sizeof(bool) * capacity);
	}
	column->values[column->n] = value;
	column->nulls[column->n++] = is_null;
}

static Datum
array_of(const Column *column, Oid type)
{
	int			lower = 1;
	int			n = column->n;
	bool		is_text = type == TEXTOID;

	if (n == 0)
		return PointerGetDatum(construct_empty_array(type));
	return PointerGetDatum(construct_md_array(column->values, column->nulls, 1, &n, &lower, type, is_text ? -1 : 8,
											  is_text ? false : FLOAT8PASSBYVAL, is_text ? TYPALIGN_INT : TYPALIGN_DOUBLE));
}

static Datum
text_of(const char *text)
{
	return text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}

/* ---- the table ---- */

void
remembered_read(FedLearner *fed, const char *changes, Size size)
{
	Size		position = 0;
	LearnerRow	row = fed->change;
	Column		keys = {0};
	Oid			types[] = {INT4OID, TEXTARRAYOID};
	Datum		values[2];
	uint64		n;

	while (learner_row_read(changes, size, &position, &row, fed->n_features + 1))
		if (row.kind != LEARNER_ROW_NEW && row.kind != LEARNER_ROW_CORRECTED && row.key_length > 0 &&
			find(fed, row.key, row.key_length, false) == NULL)
			add(&keys, PointerGetDatum(cstring_to_text_with_len(row.key, row.key_length)), false);
	if (keys.n == 0)
		return;
	values[0] = Int32GetDatum(fed->learner_id);
	values[1] = array_of(&keys, TEXTOID);
	n = sql_execute("SELECT subject, prediction, score, at, labelled_at IS NULL, label FROM weir.learner_prediction "
					"WHERE learner_id = $1 AND subject = ANY ($2)",
					2, types, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *subject = sql_text(i, 1);
		char	   *label = sql_text(i, 6);
		Prediction	prediction = {.text = sql_text(i, 2)};
		bool		is_null;
		Datum		score = sql_value(i, 3, &is_null);
		Remembered *entry = find(fed, subject, (int) strlen(subject), true);

		prediction.is_known = prediction.text != NULL;
		prediction.number = is_null ? 0 : DatumGetFloat8(score);
		set_prediction(fed, entry, &prediction);
		entry->at = DatumGetTimestampTz(sql_value(i, 4, &is_null));
		if (DatumGetBool(sql_value(i, 5, &is_null)))
			entry->state = REMEMBERED_WAITS;
		else
			entry->state = label == NULL ? REMEMBERED_WITHDRAWN : REMEMBERED_LABELLED;
		entry->label = label == NULL ? NULL : MemoryContextStrdup(fed->remembered_context, label);
		entry->is_stored = true;
	}
}

static void
execute(FedLearner *fed, const char *statement, int n_columns, const Column *columns, const Oid *element_types)
{
	SqlParameters parameters = {0};

	if (columns[0].n == 0)
		return;
	sql_add(&parameters, INT4OID, Int32GetDatum(fed->learner_id), false);
	for (int i = 0; i < n_columns; i++)
		sql_add(&parameters, get_array_type(element_types[i]), array_of(&columns[i], element_types[i]), false);
	sql_run(statement, &parameters);
}

void
remembered_write(FedLearner *fed)
{
	static const Oid types[] = {TEXTOID, TIMESTAMPTZOID, TEXTOID, FLOAT8OID, TEXTOID, TIMESTAMPTZOID};
	Column		inserted[6] = {0};
	Column		labelled[2] = {0};
	Column		gone[1] = {0};
	HASH_SEQ_STATUS scan;
	Remembered *entry;
	TimestampTz now = GetCurrentTimestamp();

	if (fed->remembered == NULL)
		return;
	hash_seq_init(&scan, fed->remembered);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		bool		is_kept = entry->state == REMEMBERED_WAITS || entry->state == REMEMBERED_WITHDRAWN ||
			(entry->state == REMEMBERED_LABELLED && fed->keeps_predictions);
		Datum		key;

		if (!entry->is_changed)
			continue;
		key = PointerGetDatum(cstring_to_text_with_len(entry->key.bytes, entry->key.length));
		if (!is_kept && entry->is_stored)
			add(&gone[0], key, false);
		else if (is_kept && entry->is_stored && !entry->is_new)
		{
			add(&labelled[0], key, false);
			add(&labelled[1], text_of(entry->label), entry->label == NULL);
		}
		else if (is_kept)
		{
			add(&inserted[0], key, false);
			add(&inserted[1], TimestampTzGetDatum(entry->at), false);
			add(&inserted[2], text_of(entry->prediction.text), entry->prediction.text == NULL);
			add(&inserted[3], Float8GetDatum(entry->prediction.number), !entry->prediction.is_known);
			add(&inserted[4], text_of(entry->label), entry->label == NULL);
			add(&inserted[5], TimestampTzGetDatum(now), entry->state == REMEMBERED_WAITS);
		}
	}
	execute(fed, "DELETE FROM weir.learner_prediction WHERE learner_id = $1 AND subject = ANY ($2)", 1, gone, types);
	execute(fed,
			"UPDATE weir.learner_prediction p SET label = u.label, labelled_at = pg_catalog.clock_timestamp() "
			"FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) u (subject, label) "
			"WHERE p.learner_id = $1 AND p.subject = u.subject",
			2, labelled, (const Oid[]){TEXTOID, TEXTOID});
	execute(
		fed,
		"INSERT INTO weir.learner_prediction AS p (learner_id, subject, at, prediction, score, label, predicted_at, labelled_at) "
		"SELECT $1, u.subject, u.at, u.prediction, u.score, u.label, pg_catalog.clock_timestamp(), "
		"u.labelled_at FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5), "
		"pg_catalog.unnest($6), pg_catalog.unnest($7)) u (subject, at, prediction, score, label, labelled_at) ON CONFLICT (learner_id, subject) DO UPDATE SET at = excluded.at, "
		"prediction = excluded.prediction, score = excluded.score, label = excluded.label, "
		"predicted_at = excluded.predicted_at, labelled_at = excluded.labelled_at",
		6, inserted, types);
	MemoryContextDelete(fed->remembered_context);
	fed->remembered = NULL;
	fed->remembered_context = NULL;
}

void
remembered_expire(void)
{
	sql_execute("DELETE FROM weir.learner_prediction p USING weir.monitor_learner l WHERE p.learner_id = l.learner_id "
				"AND p.predicted_at < pg_catalog.clock_timestamp() - l.prediction_retention",
				0, NULL, NULL, NULL);
}

static char *
present_text(FedLearner *fed, char *text, PresentLabel present, void *context)
{
	size_t		length = 0;
	const char *name = text == NULL ? NULL : present(context, text, strlen(text), &length);
	char	   *copy;

	if (name == NULL)
		return text;
	copy = MemoryContextAlloc(fed->remembered_context, length + 1);
	memcpy(copy, name, length);
	copy[length] = '\0';
	return copy;
}

void
remembered_rename(FedLearner *fed, PresentLabel present, void *context, Datum hashes, Datum names)
{
	SqlParameters parameters = {0};
	HASH_SEQ_STATUS scan;
	Remembered *entry;

	sql_add(&parameters, INT4OID, Int32GetDatum(fed->learner_id), false);
	sql_add(&parameters, INT4ARRAYOID, hashes, false);
	sql_add(&parameters, TEXTARRAYOID, names, false);
	sql_run("UPDATE weir.learner_prediction p SET "
			"prediction = coalesce($3[pg_catalog.array_position($2, pg_catalog.hashtext(p.prediction))], p.prediction), "
			"label = coalesce($3[pg_catalog.array_position($2, pg_catalog.hashtext(p.label))], p.label) "
			"WHERE p.learner_id = $1 AND (pg_catalog.hashtext(p.prediction) = ANY ($2) OR pg_catalog.hashtext(p.label) = ANY ($2))",
			&parameters);
	if (fed->remembered == NULL)
		return;
	hash_seq_init(&scan, fed->remembered);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		entry->prediction.text = present_text(fed, entry->prediction.text, present, context);
		entry->label = present_text(fed, entry->label, present, context);
	}
}
