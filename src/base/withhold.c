/*
 * withhold.c
 *		Values of rows do not go to the server's log.
 */
#include "postgres.h"

#include "base/withhold.h"

static emit_log_hook_type next_hook = NULL;

/* Of these classes a message may quote a value: of data, constraints and functions that users wrote. */
static bool
may_quote_values(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case MAKE_SQLSTATE('2', '2', '0', '0', '0'): /* data exception */
		case MAKE_SQLSTATE('2', '3', '0', '0', '0'): /* integrity constraint violation */
		case MAKE_SQLSTATE('3', '8', '0', '0', '0'): /* external routine exception */
		case MAKE_SQLSTATE('3', '9', '0', '0', '0'): /* external routine invocation exception */
		case MAKE_SQLSTATE('4', '4', '0', '0', '0'): /* WITH CHECK OPTION violation */
		case MAKE_SQLSTATE('P', '0', '0', '0', '0'): /* PL/pgSQL */ return true;
		default: return false;
	}
}

static char *
withheld(int sqlerrcode)
{
	static char text[128];

	snprintf(text, sizeof(text), "error %s, whose message may quote values of rows", unpack_sql_state(sqlerrcode));
	return text;
}

const char *
message_without_values(const ErrorData *error)
{
	return may_quote_values(error->sqlerrcode) ? withheld(error->sqlerrcode) : error->message;
}

const char *
hint_without_values(const ErrorData *error)
{
	return may_quote_values(error->sqlerrcode) ? NULL : error->hint;
}

static void
forget(char **text)
{
	if (*text != NULL)
		pfree(*text);
	*text = NULL;
}

/* Whoever needs the message has copied it before. What stands here is freed afterwards, so it has to be allocated as the rest. */
static void
withhold(ErrorData *error)
{
	if ((error->elevel == LOG || error->elevel >= ERROR) && may_quote_values(error->sqlerrcode))
	{
		forget(&error->message);
		forget(&error->detail);
		forget(&error->detail_log);
		forget(&error->hint);
		forget(&error->context);
		forget(&error->internalquery);
		error->message = pstrdup(withheld(error->sqlerrcode));
	}
	if (next_hook != NULL)
		next_hook(error);
}

void
withhold_values(void)
{
	next_hook = emit_log_hook;
	emit_log_hook = withhold;
}
