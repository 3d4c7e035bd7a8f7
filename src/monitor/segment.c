/*
 * segment.c
 *		Segments' identities, and what is kept for each.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "monitor/windows.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define N_BUCKETS 1024

typedef struct Entry
{
	SegmentKey	key;
	void	   *value;
} Entry;

struct SegmentMap
{
	MemoryContext context;
	List	   *buckets[N_BUCKETS];
};

SegmentKey
overall_key(void)
{
	return (SegmentKey){.overall = true};
}

/*
 * Values that would make two segments read alike are quoted, quotes in them doubled: those in which a separator could be seen,
 * those that look quoted, and what NULL and the segments that are put together read as.
 */
static void
append_value(StringInfo display, const char *value)
{
	size_t		length = strlen(value);

	if (strstr(value, " | ") == NULL && strncmp(value, "| ", 2) != 0 && strcmp(value, "|") != 0 &&
		(length < 2 || strcmp(value + length - 2, " |") != 0) && value[0] != '"' && strcmp(value, "(unknown)") != 0 &&
		strcmp(value, "(other)") != 0)
	{
		appendStringInfoString(display, value);
		return;
	}
	appendStringInfoChar(display, '"');
	for (; *value != '\0'; value++)
	{
		if (*value == '"')
			appendStringInfoChar(display, '"');
		appendStringInfoChar(display, *value);
	}
	appendStringInfoChar(display, '"');
}

SegmentKey
segment_key(Datum segment, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	ArrayType  *array = DatumGetArrayTypeP(segment);
	SegmentKey	key = {.length = VARSIZE(array) - VARHDRSZ, .bytes = VARDATA(array)};
	StringInfoData display;
	Datum	   *values;
	bool	   *nulls;
	bool		put_together;
	int			n;

	key.hash = hash_bytes((unsigned char *) key.bytes, key.length);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	initStringInfo(&display);
	/* Of a node, what is put together begins at 0 (weir._segment_of_node), and the value that says so is no value. */
	put_together = n > 0 && ARR_LBOUND(array)[0] == 0;
	if (n == 0)
		appendStringInfoString(&display, "(other)");
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(&display, " | ");
		if (nulls[i])
			appendStringInfoString(&display, "(unknown)");
		else if (put_together && strcmp(TextDatumGetCString(values[i]), "(other)") == 0)
			appendStringInfoString(&display, "(other)");
		else
			append_value(&display, TextDatumGetCString(values[i]));
	}
	key.display = display.data;
	MemoryContextSwitchTo(old);
	return key;
}

/* The value that a display begins with, and how many bytes of the display it takes; NULL for one that is none. */
static char *
displayed_value(const char *display, size_t *length)
{
	const char *end;
	StringInfoData value;

	if (*display != '"')
	{
		end = strstr(display, " | ");
		*length = end != NULL ? end - display : strlen(display);
		value.data = pnstrdup(display, *length);
		return strcmp(value.data, "(unknown)") == 0 || strcmp(value.data, "(other)") == 0 ? NULL : value.data;
	}
	initStringInfo(&value);
	for (end = display + 1; *end != '\0' && (*end != '"' || end[1] == '"'); end++)
	{
		appendStringInfoChar(&value, *end);
		end += *end == '"';
	}
	*length = end - display + (*end == '"');
	return value.data;
}

char *
segment_display_renamed(const char *display, SegmentValueName name, void *context)
{
	StringInfoData renamed;
	bool		is_other = false;

	initStringInfo(&renamed);
	for (int position = 1;; position++)
	{
		size_t		length;
		char	   *value = displayed_value(display, &length);
		const char *present = value != NULL ? name(context, position, value) : NULL;

		if (present != NULL)
			append_value(&renamed, present);
		else
			appendBinaryStringInfo(&renamed, display, length);
		is_other |= present != NULL;
		display += length;
		if (strncmp(display, " | ", 3) != 0)
			break;
		display += 3;
		appendStringInfoString(&renamed, " | ");
	}
	return is_other ? renamed.data : NULL;
}

SegmentKey
segment_key_copy(const SegmentKey *key, MemoryContext context)
{
	SegmentKey	copy = *key;

	if (key->overall)
		return copy;
	copy.bytes = MemoryContextAlloc(context, key->length);
	memcpy(copy.bytes, key->bytes, key->length);
	copy.display = MemoryContextStrdup(context, key->display);
	return copy;
}

bool
segment_key_equal(const SegmentKey *a, const SegmentKey *b)
{
	/* All rows together have no bytes, not even an address of any. */
	return a->overall == b->overall && a->hash == b->hash && a->length == b->length &&
		(a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

SegmentMap *
segment_map_create(MemoryContext context)
{
	SegmentMap *map = MemoryContextAllocZero(context, sizeof(SegmentMap));

	map->context = context;
	return map;
}

void **
segment_map_find(SegmentMap *map, const SegmentKey *key)
{
	List	  **bucket = &map->buckets[key->hash % N_BUCKETS];
	MemoryContext old;
	ListCell   *cell;
	Entry	   *entry;

	foreach(cell, *bucket)
	{
		entry = lfirst(cell);
		if (segment_key_equal(&entry->key, key))
			return &entry->value;
	}
	old = MemoryContextSwitchTo(map->context);
	entry = palloc(sizeof(Entry));
	entry->key = segment_key_copy(key, map->context);
	entry->value = NULL;
	*bucket = lappend(*bucket, entry);
	MemoryContextSwitchTo(old);
	return &entry->value;
}
