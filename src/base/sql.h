/*
 * sql.h
 *		Running weir's own SQL safely from C.
 *
 * weir's tables carry no grants.  A function that changes them first checks the caller's privileges (privileges.h), then opens a
 * scope: SPI is connected, the user is the extension's owner and search_path is pinned to pg_catalog, pg_temp, so that nothing a
 *user created can be picked up.  An error leaves the scope by itself: transaction abort restores user and settings. Nothing that a
 *user wrote (a query, a filter, an expression) may run inside a scope; use sql_begin_as for that.
 */
#ifndef WEIR_SQL_H
#define WEIR_SQL_H

#include "postgres.h"

#include "executor/spi.h"

typedef struct SqlScope
{
	Oid			saved_user;
	int			saved_security_context;
	int			guc_level;
	bool		pushed_snapshot; /* there was none: a background worker's transaction */
} SqlScope;

/* Opens a scope as the extension's owner. */
extern void sql_begin(SqlScope *scope);

/*
 * Opens a scope as another role, in a security-restricted operation: for SQL that a user wrote (trainers' queries, a baseline's
 * query, reads of a source table on behalf of a monitor's owner).
 */
extern void sql_begin_as(SqlScope *scope, Oid role);

/* Connects SPI and changes nothing else: for SQL that the current user gave, run as he would. Ended by SPI_finish. */
extern void sql_connect(void);

/* Closes the scope; SPI memory is freed, so copy results out first (SPI_palloc, or switch the memory context). */
extern void sql_end(SqlScope *scope);

/*
 * Executes one statement with parameters; returns the number of rows processed, rows in SPI_tuptable.  nulls may be NULL (none is
 * NULL) or a string of ' ' and 'n' per parameter, as SPI has it.  Raises an error when SPI reports one.
 */
extern uint64 sql_execute(const char *statement, int n_parameters, const Oid *types, const Datum *values, const char *nulls);

/*
 * The same, with a plan that this process keeps in *plan, NULL before the first time: for statements that are short and frequent,
 * of which planning would be the most. The types must be the same each time.
 */
extern uint64 sql_execute_kept(SPIPlanPtr *plan, const char *statement, int n_parameters, const Oid *types, const Datum *values,
							   const char *nulls);

/* The parameters of one statement, added one by one; begin with one that is all zero. */
#define SQL_MAX_PARAMETERS 24
typedef struct SqlParameters
{
	int			n;
	Oid			types[SQL_MAX_PARAMETERS];
	Datum		values[SQL_MAX_PARAMETERS];
	char		nulls[SQL_MAX_PARAMETERS + 1];
} SqlParameters;

extern void sql_add(SqlParameters *parameters, Oid type, Datum value, bool is_null);
extern void sql_add_text(SqlParameters *parameters, const char *value); /* NULL: null */
extern void sql_add_int(SqlParameters *parameters, int64 value); /* a bigint */
extern void sql_add_role(SqlParameters *parameters, Oid role); /* an oid */

/* As sql_execute. */
extern uint64 sql_run(const char *statement, const SqlParameters *parameters);

/* Column (1-based) of row (0-based) of the last result. */
extern Datum sql_value(uint64 row, int column, bool *is_null);

/* The same as C text in the caller's SPI memory; NULL when null. */
extern char *sql_text(uint64 row, int column);

#endif
