/*
 * summary_sql.h
 *		What the SQL functions of this room share.
 */
#ifndef WEIR_SUMMARY_SQL_H
#define WEIR_SUMMARY_SQL_H

#include "postgres.h"

#include "fmgr.h"
#include "summary/summary_datum.h"

typedef enum WantedKind
{
	WANT_DEFAULT,				/* the kind the type has by itself */
	WANT_NUMERIC,
	WANT_CATEGORY
} WantedKind;

/* The memory that an aggregate's state lives in; an error when not called by an aggregate. */
extern MemoryContext require_aggregate_context(FunctionCallInfo fcinfo);

/* The reader for argument 1 of a transition function, made at the first call. */
extern const ValueReader *aggregate_value_reader(FunctionCallInfo fcinfo, WantedKind wanted);

/* Raises 22003 unless p is in [0, 1]. */
extern void require_probability(double p);

/* weir.statistics, as the called function returns it. */
extern Datum statistics_datum(FunctionCallInfo fcinfo, SummaryUnit unit, const SummaryStatistics *statistics);

/* Argument 2 of summarize(x, bins), where there is one, else the default. */
extern int	requested_budget(FunctionCallInfo fcinfo);

/* The type itself where stored values are shown as values of it (interval, time, date, timestamps), else InvalidOid. */
extern Oid	summary_result_type(Oid type);

/* A stored value as a value of such a type, or as float8. */
extern Datum summary_value_of_type(Oid type, SummaryUnit unit, double stored);

#endif
