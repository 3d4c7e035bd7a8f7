/*
 * enum_label.c
 *		Labels of enums as capture knows them.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/enum_label.h"
#include "summary/summary_datum.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

typedef struct EnumLabel
{
	Oid			value;
	char		label[NAMEDATALEN];
} EnumLabel;

static HTAB *labels = NULL;

/* What was added since is told by the catalogs. */
static const char *
label_of(Oid value)
{
	EnumLabel  *known = hash_search(labels, &value, HASH_FIND, NULL);

	return known != NULL ? known->label : NULL;
}

void
enum_label_load(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(EnumLabel), .hcxt = TopMemoryContext};
	uint64		n =
		sql_execute("WITH RECURSIVE base(type) AS (SELECT a.atttypid FROM weir._captured_monitor m JOIN pg_catalog.pg_attribute a "
					"ON a.attrelid = m.source::oid AND a.attnum > 0 AND NOT a.attisdropped UNION SELECT t.typbasetype "
					"FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type WHERE t.typbasetype <> 0) "
					"SELECT e.oid, e.enumlabel::text FROM base JOIN pg_catalog.pg_enum e ON e.enumtypid = base.type",
					0, NULL, NULL, NULL);

	if (labels != NULL)
		hash_destroy(labels);
	labels = hash_create("weir labels of enums", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (uint64 i = 0; i < n; i++)
	{
		bool		is_null;
		Oid			value = DatumGetObjectId(sql_value(i, 1, &is_null));
		EnumLabel  *known = hash_search(labels, &value, HASH_ENTER, NULL);

		strlcpy(known->label, sql_text(i, 2), NAMEDATALEN);
	}
	value_reader_name_enums(label_of);
}
