/*
 * result.h
 *		Set-returning functions whose rows are those of one fixed statement.
 */
#ifndef WEIR_RESULT_H
#define WEIR_RESULT_H

#include "postgres.h"

#include "fmgr.h"

/*
 * Executes the statement in a scope of its own (as the extension's owner) and returns all its rows through the function's
 * materialised result. The caller's privileges must have been checked, or travel as parameters.  Columns must have the types of the
 * function's result.
 */
extern Datum result_of_statement(FunctionCallInfo fcinfo, const char *statement, int n_parameters, const Oid *types,
								 const Datum *values, const char *nulls);

#endif
