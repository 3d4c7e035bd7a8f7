/*
 * person.h
 *		Who it is that decides something.
 */
#ifndef WEIR_PERSON_H
#define WEIR_PERSON_H

#include "postgres.h"

/*
 * The role that stands for the person at the other end: the one that logged in, since whoever is a member of several roles could
 * else be several people by SET ROLE.  For superusers, who can be anybody, and where a superuser has set weir.identify_by to
 * current_user (for a pool that logs in once and sets the role of each client), it is the role that SET ROLE chose.
 */
extern Oid	person(void);

/* The name of a role as audit records keep it; "unknown (OID 1)" when it is gone. */
extern char *role_name(Oid role);

/* From _PG_init. */
extern void person_init(void);

#endif
