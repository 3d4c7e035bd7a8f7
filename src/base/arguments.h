/*
 * arguments.h
 *		Arguments of SQL functions that may be NULL, and names of weir's own objects.
 */
#ifndef WEIR_ARGUMENTS_H
#define WEIR_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

/* Text argument as a C string, or NULL. */
static inline char *
argument_text(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/* Raises 22004 when the argument is NULL. */
static inline void
require_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", name)));
}

static inline char *
required_text(FunctionCallInfo fcinfo, int number, const char *name)
{
	require_argument(fcinfo, number, name);
	return argument_text(fcinfo, number);
}

/* A name somebody gives to a monitor, a rule, a model…; what names the kind of thing. Raises 22023 when empty, 42622 when too long.
 */
static inline char *
required_name(FunctionCallInfo fcinfo, int number, const char *name, const char *what)
{
	char	   *value = required_text(fcinfo, number, name);

	if (value[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the name of a %s must not be empty", what)));
	if (strlen(value) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG), errmsg("the name of a %s can have at most %d bytes", what, NAMEDATALEN - 1),
				 errdetail("\"%s\" has %zu.", value, strlen(value))));
	return value;
}

#endif
