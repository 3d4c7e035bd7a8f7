/*
 * result.c
 *		Set-returning functions whose rows are those of one fixed statement.
 */
#include "postgres.h"

#include "base/result.h"
#include "base/sql.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/tuplestore.h"

Datum
result_of_statement(FunctionCallInfo fcinfo, const char *statement, int n_parameters, const Oid *types, const Datum *values,
					const char *nulls)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SqlScope	scope;
	uint64		n;

	InitMaterializedSRF(fcinfo, 0);
	sql_begin(&scope);
	n = sql_execute(statement, n_parameters, types, values, nulls);
	if (SPI_tuptable->tupdesc->natts != result->setDesc->natts)
		elog(ERROR, "the statement gives %d columns, the function has %d", SPI_tuptable->tupdesc->natts, result->setDesc->natts);
	for (int i = 0; i < result->setDesc->natts; i++)
		if (TupleDescAttr(SPI_tuptable->tupdesc, i)->atttypid != TupleDescAttr(result->setDesc, i)->atttypid)
			elog(ERROR, "column %d of the statement has type %u, that of the function %u", i + 1,
				 TupleDescAttr(SPI_tuptable->tupdesc, i)->atttypid, TupleDescAttr(result->setDesc, i)->atttypid);
	for (uint64 row = 0; row < n; row++)
	{
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[row]);
		CHECK_FOR_INTERRUPTS();
	}
	sql_end(&scope);
	return (Datum) 0;
}
