/*
 * feature_reader.h
 *		Rows and labels of the server as learners take them.
 *
 * Features are the columns of a record (a table's row, a subquery's, ROW(...)) or the elements of an array of numbers, then called
 *x1, x2 and so on. Numbers, times and intervals are numbers; boolean is 0 or 1; text, enums and the like are categories.
 */
#ifndef WEIR_FEATURE_READER_H
#define WEIR_FEATURE_READER_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "learn/learner.h"
#include "summary/summary_datum.h"

typedef struct FeatureReader
{
	MemoryContext context;		/* where all of this lives */
	Learner	   *learner;
	Oid			type;			/* of the argument */
	Oid			record_type;	/* of the rows read last */
	int32		record_typmod;
	TupleDesc	description;
	ValueReader *readers;		/* per column; of an array, the one of its elements */
	Oid			element;		/* of an array */
	int16		element_length;
	bool		element_by_value;
	char		element_alignment;
	int		   *columns;		/* per feature: its column */
	Datum	   *values;
	bool	   *nulls;
	double	   *row;			/* what was read */
	ValueReader label;
	bool		has_label;
} FeatureReader;

/* type: of the argument that holds features. Raises 42804 when it can hold none. */
extern void feature_reader_init(FeatureReader *reader, MemoryContext context, Learner *learner, Oid type);

/* The learner's features are named: steps of its pipeline find theirs; raises 22023 for one that cannot, 54000 where max_memory is
 * less than a learner begins with. */
extern void learner_require_steps(Learner *learner);

/* The type of labels; raises 42804 when the learner cannot learn them. */
extern void feature_reader_init_label(FeatureReader *reader, Oid type);

/*
 * Reads features into reader->row. The first row that is learned gives a learner its features; categories that are new become known
 * when learning. Raises 42703 when a feature of the learner is missing, 42804 when one has another kind, 22023 for an array of
 * another length.
 */
extern void feature_reader_read(FeatureReader *reader, Datum features, bool learning);

/* The target of a label: false when it is none (a number that is not finite; a class for which there is no room raises 54000). */
extern bool feature_reader_target(FeatureReader *reader, Datum label, double *target);

#endif
