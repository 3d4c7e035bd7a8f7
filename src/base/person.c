/*
 * person.c
 *		Who it is that decides something.
 */
#include "postgres.h"

#include "base/person.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(weir_person);

enum
{
	BY_SESSION_USER,
	BY_CURRENT_USER
};

static int	identify_by = BY_SESSION_USER;

static const struct config_enum_entry identify_by_options[] = {{"session_user", BY_SESSION_USER, false},
															   {"current_user", BY_CURRENT_USER, false},
															   {NULL, 0, false}};

Oid
person(void)
{
	/* The outer user is what SET ROLE chose, whatever functions made of it. */
	if (identify_by == BY_CURRENT_USER || superuser_arg(GetSessionUserId()))
		return GetOuterUserId();
	return GetSessionUserId();
}

char *
role_name(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	return name != NULL ? name : psprintf("unknown (OID %u)", role);
}

Datum
weir_person(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(person());
}

void
person_init(void)
{
	DefineCustomEnumVariable("weir.identify_by", "Which role stands for the person who decides in a review.",
							 "current_user is for pools that log in once and SET ROLE for each client.", &identify_by,
							 BY_SESSION_USER, identify_by_options, PGC_SUSET, 0, NULL, NULL, NULL);
}
