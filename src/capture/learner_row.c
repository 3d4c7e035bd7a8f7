/*
 * learner_row.c
 *		A change of a row as learners take it, in bytes.
 */
#include "postgres.h"

#include "capture/learner_row.h"
#include "learn/learner.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

/* Longer texts are cut by learners too. */
#define MOST_TEXT LEARNER_MAX_NAME

enum
{
	TAG_MISSING,
	TAG_NUMBER,
	TAG_TEXT
};

/* ---- writing ---- */

void
learner_row_begin(StringInfo bytes, LearnerRowKind kind, TimestampTz at, const char *key)
{
	int			length = key == NULL ? 0 : pg_mbcliplen(key, (int) strlen(key), PG_UINT16_MAX);

	pq_sendbyte(bytes, (uint8) kind);
	pq_sendint64(bytes, (uint64) at);
	pq_sendint16(bytes, (uint16) length);
	if (length > 0)
		appendBinaryStringInfo(bytes, key, length);
}

void
learner_row_add_text(StringInfo bytes, const char *text, int length)
{
	length = pg_mbcliplen(text, length, MOST_TEXT);
	pq_sendbyte(bytes, TAG_TEXT);
	pq_sendbyte(bytes, (uint8) length);
	appendBinaryStringInfo(bytes, text, length);
}

void
learner_row_add(StringInfo bytes, const ValueReader *reader, Datum value, bool is_null)
{
	CategoryText text;

	if (is_null)
		pq_sendbyte(bytes, TAG_MISSING);
	else if (reader->kind == SUMMARY_NUMERIC)
	{
		pq_sendbyte(bytes, TAG_NUMBER);
		pq_sendfloat8(bytes, value_reader_number(reader, value));
	}
	else
	{
		value_reader_get_text(reader, value, &text);
		learner_row_add_text(bytes, text.bytes, (int) text.length);
		category_text_free(&text);
	}
}

void
learner_row_add_label(StringInfo bytes, int place, int32 hash, const char *name)
{
	pq_sendint32(bytes, (uint32) place);
	pq_sendint32(bytes, (uint32) hash);
	learner_row_add_text(bytes, name, (int) strlen(name));
}

void
learner_row_append(StringInfo changes, uint64 xid, const char *bytes, int length)
{
	pq_sendint32(changes, (uint32) length);
	pq_sendint64(changes, xid);
	appendBinaryStringInfo(changes, bytes, length);
}

char *
learner_row_key(int n, char **texts)
{
	StringInfoData key;

	if (n == 1)
		return texts[0];
	initStringInfo(&key);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(&key, i == 0 ? "[" : ", ");
		escape_json(&key, texts[i]);
	}
	appendStringInfoChar(&key, ']');
	return key.data;
}

/* ---- reading ---- */

static LearnerValue
read_value(StringInfo message)
{
	LearnerValue value = {0};

	switch (pq_getmsgbyte(message))
	{
		case TAG_MISSING: value.is_missing = true; break;
		case TAG_NUMBER:
			value.is_number = true;
			value.number = pq_getmsgfloat8(message);
			break;
		case TAG_TEXT:
			value.length = pq_getmsgbyte(message);
			value.text = pq_getmsgbytes(message, value.length);
			break;
		default: ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row that waits to be learned cannot be read")));
	}
	return value;
}

bool
learner_row_read(const char *changes, Size size, Size *position, LearnerRow *row, int most_values)
{
	StringInfoData message = {.data = (char *) changes, .len = (int) size, .maxlen = (int) size, .cursor = (int) *position};
	int			length;
	int			end;

	if (*position >= size)
		return false;
	length = (int) pq_getmsgint(&message, 4);
	row->xid = (uint64) pq_getmsgint64(&message);
	if (length < 0 || length > message.len - message.cursor)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row that waits to be learned cannot be read")));
	end = message.cursor + length;
	row->kind = (LearnerRowKind) pq_getmsgbyte(&message);
	row->at = pq_getmsgint64(&message);
	row->key_length = (int) pq_getmsgint(&message, 2);
	row->key = pq_getmsgbytes(&message, row->key_length);
	row->n_values = 0;
	row->labels = message.data + message.cursor;
	row->labels_length = row->kind == LEARNER_ROW_RENAMED ? Max(end - message.cursor, 0) : 0;
	message.cursor += row->labels_length;
	while (message.cursor < end)
	{
		if (row->n_values == most_values)
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row that waits to be learned has other features")));
		row->values[row->n_values++] = read_value(&message);
	}
	*position = (Size) end;
	return true;
}

bool
learner_row_next_label(const LearnerRow *row, int *position, RenamedLearnerLabel *label)
{
	StringInfoData message = {.data = (char *) row->labels,
							  .len = row->labels_length,
							  .maxlen = row->labels_length,
							  .cursor = *position};
	LearnerValue name;

	if (*position >= row->labels_length)
		return false;
	label->place = (int) pq_getmsgint(&message, 4);
	label->hash = (int32) pq_getmsgint(&message, 4);
	name = read_value(&message);
	label->name = name.text;
	label->length = name.length;
	*position = message.cursor;
	return true;
}
