/*
 * arguments.c
 *		Arguments of SQL functions as lists of text, and back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "monitor/definition.h"
#include "utils/builtins.h"

List *
text_array_list(ArrayType *array, const char *argument)
{
	List	   *list = NIL;
	Datum	   *values;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not contain NULL", argument)));
		list = lappend(list, TextDatumGetCString(values[i]));
	}
	return list;
}

ArrayType *
text_list_array(List *list)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(list_length(list), 1));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, list)
		values[n++] = CStringGetTextDatum((char *) lfirst(cell));
	return n == 0 ? construct_empty_array(TEXTOID) : construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT);
}
