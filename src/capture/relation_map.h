/*
 * relation_map.h
 *		Which monitors a decoded relation belongs to, and where their columns stand in it.  Inside this room only.
 *
 * Looked up while decoding, so the catalogs are those of the time of the change.
 */
#ifndef WEIR_CAPTURE_RELATION_MAP_H
#define WEIR_CAPTURE_RELATION_MAP_H

#include "postgres.h"

#include "capture/definition.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

/* A column to summarize, as it stands in one relation: what every row needs of it, close together. */
typedef struct MappedColumn
{
	AttrNumber	attribute;		/* 0: not there, nothing is added to its summary */
	ValueWay	way;			/* of its reader */
	int			place;			/* in rows of batches */
} MappedColumn;

/* One monitor seen from one relation: the monitored table or a child of it, whose columns may stand elsewhere. */
typedef struct MonitorMap
{
	CapturedMonitor *monitor;
	AttrNumber	time;
	MappedColumn *columns;		/* one for each of the monitor's */
	AttrNumber *segments;
	AttrNumber *protected_columns;
	AttrNumber	label;
	AttrNumber	prediction;
	AttrNumber	score;			/* 0: not there, or not needed */
	bool		precedes;		/* its rows are older than columns that the monitor cannot do without: a build has them, or will */
	List	   *learners;		/* LearnerMap, see learner_change.h */
	bool		identity_places_rows; /* the replica identity has time and segments */
	ExprState  *filter;			/* NULL: none */
} MonitorMap;

typedef struct RelationMap
{
	Oid			relation;
	bool		valid;
	bool		complete;		/* no error came while it was made */
	MemoryContext context;
	List	   *monitors;		/* MonitorMap; NIL: not monitored */
	List	   *label_keys;		/* see label_change.h; NIL: none */
	TupleTableSlot *slot;		/* for filters */
	ExprContext *expression_context;
} RelationMap;

/* Forgets all relations; from now on they are looked up among these monitors. */
extern void relation_map_reset(List *monitors, MemoryContext context);

extern RelationMap *relation_map_get(Relation relation);

/* Where a column of the monitored table stands in the relation, and its reader reads what stands there; 0: nowhere. */
extern AttrNumber relation_map_attribute(Relation relation, CapturedMonitor *monitor, CapturedColumn *column);

/* The change that is decoded was written before the definition was loaded, from catalogs that may be newer. */
extern bool relation_map_is_older(const CapturedMonitor *monitor);

/* The columns of a map, in the current memory context, none of which stands anywhere yet. */
extern MappedColumn *relation_map_columns(const CapturedMonitor *monitor);

static inline void
relation_map_place(MappedColumn *mapped, const CapturedColumn *column, AttrNumber attribute)
{
	*mapped = (MappedColumn){.attribute = attribute, .way = column->reader.way, .place = column->place};
}

/* True when the relation is the ancestor, or inherits from it: partitions, and children by plain inheritance. */
extern bool relation_descends_from(Oid relation, Oid ancestor);

#endif
