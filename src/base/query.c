/*
 * query.c
 *		Texts that name a table or hold one SELECT, as users give them.
 */
#include "postgres.h"

#include <ctype.h>

#include "base/query.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/varlena.h"

/* Whether the text is a query: more than one word, or VALUES(...) and the like; else it is the name of a table. */
static bool
is_query(const char *text)
{
	bool		quoted = false;
	size_t		length = strlen(text);

	while (length > 0 && isspace((unsigned char) text[length - 1]))
		length--;
	for (size_t i = strspn(text, " \t\r\n\f\v"); i < length; i++)
	{
		if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (isspace((unsigned char) text[i]) || text[i] == '('))
			return true;
	}
	return false;
}

static char *
qualified_name(const char *text)
{
	List	   *names = textToQualifiedNameList(cstring_to_text(text));
	Oid			relation = RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, false);

	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
}

/* The shape of its rows; the query must be one SELECT by itself, so that it can stand in parentheses. */
static TupleDesc
shape_of(const char *query, const char *what, int n_parameters, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare(query, n_parameters, types);

	if (plan == NULL || !SPI_is_cursor_plan(plan) || list_length(SPI_plan_get_plan_sources(plan)) != 1 ||
		((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->commandTag != CMDTAG_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be the name of a table or one SELECT", what)));
	return ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->resultDesc;
}

RowSource
row_source(const char *text, const char *what, int n_parameters, Oid *types)
{
	RowSource	source;

	source.is_query = is_query(text);
	if (source.is_query)
	{
		source.query = pstrdup(text);
		source.shape = shape_of(text, what, n_parameters, types);
		source.from = psprintf("(\n%s\n) AS rows", text);
	}
	else
	{
		/* the table itself: only columns that are looked at need to be readable */
		source.from = qualified_name(text);
		source.query = psprintf("SELECT * FROM %s", source.from);
		source.shape = shape_of(source.query, what, n_parameters, types);
	}
	return source;
}
