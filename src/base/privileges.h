/*
 * privileges.h
 *		Who may do what, checked in C; and where weir's own objects are.
 */
#ifndef WEIR_PRIVILEGES_H
#define WEIR_PRIVILEGES_H

#include "postgres.h"

/* OID of the extension in this database, or InvalidOid when it is not created (missing_ok) or an error otherwise. */
extern Oid	extension_oid(bool missing_ok);

/*
 * Keeps the extension from being dropped until the end of the transaction; false when it is gone.  Workers take this before any
 * other lock, as DROP EXTENSION does: so neither is the victim of a deadlock.
 */
extern bool extension_lock(void);

/* The role that owns the extension: its tables belong to it. */
extern Oid	extension_owner(void);

/* The version that this database's catalogue has: another than that of the library until ALTER EXTENSION weir UPDATE. */
extern char *extension_version(void);

/* OID of schema weir. */
extern Oid	extension_schema(void);

/* OID of the type weir.<name>; error when there is none. */
extern Oid	extension_type(const char *name);

/* The owner of a relation. */
extern Oid	relation_owner(Oid relation);

/* Raises 42501 unless the current user is a member of the owner of the relation. */
extern void require_table_owner(Oid relation);

/* Raises 42501 unless the current user is a member of the role; what names the object in the message ('monitor "loans"'). */
extern void require_role(Oid role, const char *what);

/*
 * True when the current user may read the whole of the relation: SELECT on the table and no row-level security that would filter
 * for this user.  A dropped relation can be read by nobody but superusers.
 */
extern bool may_read_table(Oid relation);

/* True when the current user may read this column of it (column privileges count), and row-level security does not filter. */
extern bool may_read_column(Oid relation, const char *column);

#endif
