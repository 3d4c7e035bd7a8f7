/*
 * aggregate.h
 *		What the steps of aggregates share.
 */
#ifndef WEIR_AGGREGATE_H
#define WEIR_AGGREGATE_H

#include "postgres.h"

#include "fmgr.h"

/* The memory in which the state lives. */
static inline MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("called outside of an aggregate")));
	return context;
}

#endif
