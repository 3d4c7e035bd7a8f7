/*
 * withhold.h
 *		Values of rows do not go to the server's log: it is read by people who may not read the tables.
 *
 * Messages, details, hints and contexts of some errors quote values ("invalid input syntax for type integer: ..."). In weir's own
 *processes, which read tables on behalf of their owners, they are withheld from the log; where an error is kept
 *(weir.monitors.reason and the like), a view shows it to those who may read the table.
 */
#ifndef WEIR_WITHHOLD_H
#define WEIR_WITHHOLD_H

#include "postgres.h"

/* What the log, and views that are not about a table, may tell of an error: its message, or that it is withheld. */
extern const char *message_without_values(const ErrorData *error);

/* Its hint, or NULL where it has none or that is withheld. */
extern const char *hint_without_values(const ErrorData *error);

/* This process withholds values from the log from now on. */
extern void withhold_values(void);

#endif
