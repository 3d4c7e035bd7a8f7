/*
 * audit.h
 *		The audit log: what was decided and configured, by whom, each entry chained to the one before.
 *
 * An entry is written in the transaction of what it tells about.  Its place in the chain is found when that transaction commits,
 * under a lock held for the commit alone: a transaction that trains for an hour keeps nobody waiting, and what is rolled back
 *leaves neither entry nor gap.
 */
#ifndef WEIR_AUDIT_H
#define WEIR_AUDIT_H

#include "postgres.h"

/*
 * Records that action ("create", "promote") was taken on the object of that kind ("model") and name.  What follows are pairs of key
 * and value (const char *; NULL: left out).  Opens an SQL scope of its own, inside another or not.
 */
#define audit_write(...) audit_write_pairs(__VA_ARGS__, (const char *) NULL)
extern void audit_write_pairs(const char *action, const char *kind, const char *name, ...) __attribute__((sentinel));

/*
 * The same with a whole row as its detail: the definition, as it is after a change or before a removal. table is one of weir's; key
 * its integer key column.
 */
extern void
audit_write_row(const char *action, const char *kind, const char *name, const char *table, const char *key_column, int64 key);

/* From _PG_init. */
extern void audit_init(void);

#endif
