/*
 * summary_object.h
 *		weir.summary in memory: an expanded object, so that an aggregate's state is a live summary and is flattened only when it
 *		leaves the process.
 *
 * The same object serves weir.quantile_state, the state of quantile(x, p): a summary with the p that were asked for.
 */
#ifndef WEIR_SUMMARY_OBJECT_H
#define WEIR_SUMMARY_OBJECT_H

#include "postgres.h"

#include "summary/summary.h"
#include "utils/expandeddatum.h"

/* What quantile(x, p) was asked: NaN stands for a NULL p. */
typedef struct QuantileRequest
{
	bool		is_array;
	int			n;
	double	   *p;
} QuantileRequest;

typedef struct SummaryObject
{
	ExpandedObjectHeader header;
	Summary	   *summary;
	QuantileRequest *request;	/* NULL in a weir.summary */
} SummaryObject;

/* An object without a summary yet, in object_memory(parent): make the summary in header.eoh_context. */
extern SummaryObject *summary_object_create(MemoryContext parent);

/* The object behind a datum that may be changed: the datum's own when it is a live state, else a copy under parent. */
extern SummaryObject *summary_object_for_change(Datum datum, MemoryContext parent);

/*
 * The summary behind a weir.summary, to be read only: that of a live object, or decoded into the current memory context.
 */
extern const Summary *summary_borrow(Datum datum);

/* The same for a weir.quantile_state. */
extern SummaryObject *quantile_object_for_change(Datum datum, MemoryContext parent);
extern const SummaryObject *quantile_object_borrow(Datum datum);

/* The flat form of a live object. */
extern Datum summary_object_flatten(SummaryObject *object);

/* Decodes the flat form of a weir.quantile_state; error 22P03 when it is corrupt. */
extern SummaryObject *quantile_object_decode(const char *bytes, Size size, MemoryContext parent);

#endif
