/*
 * fairness_type.c
 *		Text and binary forms of weir.fairness_table.
 *
 * The text form is JSON: {"columns": 1, "groups": [{"group": ["F"], "counts": [[12, 3, 0], [4, 9, 1], [0, 0, 0]]}]}, where
 * counts has one row per prediction (negative, positive, unknown) of one count per label (negative, positive, unknown), and
 * null in group is an unknown value.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/memory.h"
#include "fairness/fairness_datum.h"
#include "fairness/fairness_expanded.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(weir_fairness_in);
PG_FUNCTION_INFO_V1(weir_fairness_out);
PG_FUNCTION_INFO_V1(weir_fairness_recv);
PG_FUNCTION_INFO_V1(weir_fairness_send);

static void
append_group(StringInfo out, const FairnessGroup *group)
{
	size_t		offset = 0;
	const char *value;
	size_t		length;
	bool		first = true;

	appendStringInfoString(out, "{\"group\": [");
	while (fairness_key_next(group->key, group->length, &offset, &value, &length))
	{
		if (!first)
			appendStringInfoString(out, ", ");
		first = false;
		if (value == NULL)
			appendStringInfoString(out, "null");
		else
			escape_json(out, pnstrdup(value, length));
	}
	appendStringInfoString(out, "], \"counts\": [");
	for (int i = 0; i < 3; i++)
		appendStringInfo(out, "%s[" INT64_FORMAT ", " INT64_FORMAT ", " INT64_FORMAT "]", i == 0 ? "" : ", ", group->counts[i][0],
						 group->counts[i][1], group->counts[i][2]);
	appendStringInfoString(out, "]}");
}

Datum
weir_fairness_out(PG_FUNCTION_ARGS)
{
	FairnessTable *table = fairness_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));
	size_t		n = fairness_groups(table, NULL, 0);
	FairnessGroup *groups = palloc(mul_size(n + 1, sizeof(FairnessGroup)));
	StringInfoData out;

	fairness_groups(table, groups, n);
	initStringInfo(&out);
	appendStringInfo(&out, "{\"columns\": %d, \"groups\": [", fairness_n_columns(table));
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(&out, ", ");
		append_group(&out, &groups[i]);
	}
	appendStringInfoString(&out, "]}");
	PG_RETURN_CSTRING(out.data);
}

pg_noreturn static void
reject_text(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("invalid input syntax for type weir.fairness_table"),
			 errdetail("%s", detail)));
}

static JsonbContainer *
array_of(const JsonbValue *value, const char *what)
{
	if (value == NULL || value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		reject_text(what);
	return value->val.binary.data;
}

static int64
integer_of(const JsonbValue *value, const char *what)
{
	if (value == NULL || value->type != jbvNumeric)
		reject_text(what);
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric)));
}

static JsonbValue *
field(JsonbContainer *object, const char *name)
{
	return getKeyJsonValueFromContainer(object, name, strlen(name), NULL);
}

static const char counts_rule[] = "\"counts\" must be three arrays of three integers.";

static void
parse_group(FairnessTable *table, const JsonbValue *item, int n_columns)
{
	JsonbContainer *names;
	JsonbContainer *rows;
	const char **values = palloc0(sizeof(char *) * (n_columns + 1));
	size_t	   *lengths = palloc0(sizeof(size_t) * (n_columns + 1));
	int64_t		counts[3][3];
	char	   *key;
	size_t		length;

	if (item == NULL || item->type != jbvBinary || !JsonContainerIsObject(item->val.binary.data))
		reject_text("\"groups\" must be an array of objects.");
	names = array_of(field(item->val.binary.data, "group"), "Each group needs an array \"group\".");
	rows = array_of(field(item->val.binary.data, "counts"), "Each group needs an array \"counts\".");
	if (JsonContainerSize(names) != n_columns || JsonContainerSize(rows) != 3)
		reject_text("\"group\" must have \"columns\" elements and \"counts\" three.");
	for (int i = 0; i < n_columns; i++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(names, i);

		if (name->type == jbvNull)
			continue;
		if (name->type != jbvString)
			reject_text("The values of a group must be strings or null.");
		values[i] = name->val.string.val;
		lengths[i] = name->val.string.len;
	}
	for (int i = 0; i < 3; i++)
	{
		JsonbContainer *row = array_of(getIthJsonbValueFromContainer(rows, i), counts_rule);

		if (JsonContainerSize(row) != 3)
			reject_text(counts_rule);
		for (int j = 0; j < 3; j++)
			counts[i][j] = integer_of(getIthJsonbValueFromContainer(row, j), counts_rule);
	}
	key = palloc(fairness_key_size(n_columns, values, lengths) + 1);
	length = fairness_key(n_columns, values, lengths, key);
	fairness_check_status(fairness_add_counts(table, key, length, counts));
}

Datum
weir_fairness_in(PG_FUNCTION_ARGS)
{
	Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, PG_GETARG_DATUM(0)));
	JsonbContainer *groups;
	FairnessTable *table;
	int64		n_columns;

	if (!JB_ROOT_IS_OBJECT(json))
		reject_text("It must be a JSON object.");
	n_columns = integer_of(field(&json->root, "columns"), "It needs an integer \"columns\".");
	if (n_columns < 0 || n_columns > FAIRNESS_MAX_COLUMNS)
		reject_text("\"columns\" is out of range.");
	groups = array_of(field(&json->root, "groups"), "It needs an array \"groups\".");
	table = fairness_create(allocator_in(CurrentMemoryContext), (int) n_columns, 0);
	for (uint32 i = 0; i < JsonContainerSize(groups); i++)
	{
		CHECK_FOR_INTERRUPTS();
		parse_group(table, getIthJsonbValueFromContainer(groups, i), (int) n_columns);
	}
	PG_RETURN_DATUM(fairness_to_datum(table));
}

/* What comes in must also be text of this database, or it could not be shown. */
static void
verify_encoding(const FairnessTable *table)
{
	size_t		n = fairness_groups(table, NULL, 0);
	FairnessGroup *groups = palloc(mul_size(n + 1, sizeof(FairnessGroup)));

	fairness_groups(table, groups, n);
	for (size_t i = 0; i < n; i++)
	{
		size_t		offset = 0;
		const char *value;
		size_t		length;

		while (fairness_key_next(groups[i].key, groups[i].length, &offset, &value, &length))
			if (value != NULL)
				(void) pg_verifymbstr(value, (int) length, false);
	}
	pfree(groups);
}

Datum
weir_fairness_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buffer = (StringInfo) PG_GETARG_POINTER(0);
	int			size = buffer->len - buffer->cursor;
	const char *bytes = pq_getmsgbytes(buffer, size);
	FairnessTable *table;

	fairness_check_status(fairness_decode(allocator_in(CurrentMemoryContext), (const uint8_t *) bytes, size, &table));
	verify_encoding(table);
	PG_RETURN_DATUM(fairness_to_datum(table));
}

Datum
weir_fairness_send(PG_FUNCTION_ARGS)
{
	FairnessTable *table = fairness_from_datum(allocator_in(CurrentMemoryContext), PG_GETARG_DATUM(0));
	size_t		size = fairness_encoded_size(table);
	bytea	   *result = palloc(VARHDRSZ + size);

	SET_VARSIZE(result, VARHDRSZ + size);
	fairness_encode(table, (uint8_t *) VARDATA(result));
	PG_RETURN_BYTEA_P(result);
}
