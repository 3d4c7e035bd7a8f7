/*
 * query.h
 *		Texts that name a table or hold one SELECT, as users give them: what stands after FROM, and the shape of the rows.
 */
#ifndef WEIR_QUERY_H
#define WEIR_QUERY_H

#include "postgres.h"

#include "access/tupdesc.h"

/* Where the rows come from: after FROM stands "(query) AS rows" or the table's qualified name. */
typedef struct RowSource
{
	bool		is_query;
	char	   *query;			/* one SELECT; of a table: all its rows */
	char	   *from;
	TupleDesc	shape;
} RowSource;

/*
 * Inside SPI, as the current user: raises 22023 unless the text is the name of a table or one SELECT; what names it in the message.
 * n_parameters and types are those of $1, $2, ... in the query.
 */
extern RowSource row_source(const char *text, const char *what, int n_parameters, Oid *types);

#endif
