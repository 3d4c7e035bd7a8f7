/*
 * relation_map.c
 *		Which monitors a decoded relation belongs to, and where their columns stand in it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "capture/capture.h"
#include "capture/label_change.h"
#include "capture/learner_change.h"
#include "capture/relation_map.h"
#include "capture/stream.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static MemoryContext map_context;
static HTAB *relations = NULL;
static List *served_monitors;
static RelationMap *latest_map = NULL; /* rows mostly come from one table */

static void
relation_changed(Datum argument, Oid relation)
{
	HASH_SEQ_STATUS scan;
	RelationMap *map;

	if (relations == NULL)
		return;
	if (OidIsValid(relation))
	{
		map = hash_search(relations, &relation, HASH_FIND, NULL);
		if (map != NULL)
			map->valid = false;
		return;
	}
	hash_seq_init(&scan, relations);
	while ((map = hash_seq_search(&scan)) != NULL)
		map->valid = false;
}

void
relation_map_reset(List *monitors, MemoryContext context)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(RelationMap), .hcxt = context};
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		registered = true;
	}
	map_context = context;
	served_monitors = monitors;
	latest_map = NULL;
	relations = hash_create("weir relations", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

bool
relation_descends_from(Oid relation, Oid ancestor)
{
	Relation	catalog;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *parents = NIL;
	ListCell   *cell;

	if (relation == ancestor)
		return true;
	catalog = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
	scan = systable_beginscan(catalog, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	/* A partition that is being detached concurrently is none any more for whoever begins to look. */
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		if (!((Form_pg_inherits) GETSTRUCT(tuple))->inhdetachpending)
			parents = lappend_oid(parents, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	foreach(cell, parents)
		if (relation_descends_from(lfirst_oid(cell), ancestor))
			return true;
	return false;
}

/* A column of the monitored table as it stands in this relation, at the time of the change; NULL when it is not there. */
static Form_pg_attribute
find_shape_here(Relation relation, CapturedMonitor *monitor, AttrNumber attribute)
{
	Form_pg_attribute shape;

	if (RelationGetRelid(relation) != monitor->source)
	{
		char	   *name = get_attname(monitor->source, attribute, true);

		attribute = name ? get_attnum(RelationGetRelid(relation), name) : InvalidAttrNumber;
	}
	if (attribute <= 0 || attribute > RelationGetDescr(relation)->natts)
		return NULL;
	shape = TupleDescAttr(RelationGetDescr(relation), attribute - 1);
	return shape->attisdropped ? NULL : shape;
}

/*
 * Where the column stands in this relation, 0 when it is not there.  The change may be older or newer than the definition: its rows
 * have the type that the column had then, and the reader follows.
 */
AttrNumber
relation_map_attribute(Relation relation, CapturedMonitor *monitor, CapturedColumn *column)
{
	Form_pg_attribute shape = find_shape_here(relation, monitor, column->attribute);

	if (shape == NULL || (shape->atttypid != column->type && !definition_read_as(monitor, column, shape->atttypid, map_context)))
		return InvalidAttrNumber;
	return shape->attnum;
}

/* The change was written before the definition was loaded, from catalogs that may be newer. */
bool
relation_map_is_older(const CapturedMonitor *monitor)
{
	return stream_record() < monitor->loaded_lsn;
}

/*
 * A column without which the monitor cannot be.  When it is not there yet, the row precedes it; when it is not any more, the
 * monitor fails, which is told at the next flush.
 */
static AttrNumber
attribute_here(Relation relation, MonitorMap *entry, CapturedColumn *column)
{
	CapturedMonitor *monitor = entry->monitor;
	AttrNumber	attribute = relation_map_attribute(relation, monitor, column);

	if (attribute == InvalidAttrNumber && relation_map_is_older(monitor))
		entry->precedes = true;
	else if (attribute == InvalidAttrNumber)
	{
		char	   *reason = psprintf("column \"%s\" was dropped, or has a type that cannot be read as what it is for. "
								"Mend it, or have weir.alter_monitor leave it out, then run weir.rebuild.",
								NameStr(column->name));

		definition_fail(monitor, reason, reason);
	}
	return attribute;
}

static AttrNumber *
attributes_here(Relation relation, MonitorMap *entry, CapturedColumn *columns, int n)
{
	AttrNumber *attributes = palloc(sizeof(AttrNumber) * Max(n, 1));

	for (int i = 0; i < n; i++)
		attributes[i] = attribute_here(relation, entry, &columns[i]);
	return attributes;
}

/* Whether the filter's columns are those that it was parsed over when the definition was loaded. */
static bool
filter_fits(Relation relation, CapturedMonitor *monitor)
{
	for (int i = 0; i < monitor->n_filter_columns; i++)
	{
		Form_pg_attribute shape = find_shape_here(relation, monitor, monitor->filter_columns[i].attribute);

		if (shape == NULL || shape->atttypid != monitor->filter_columns[i].type)
			return false;
	}
	return true;
}

MappedColumn *
relation_map_columns(const CapturedMonitor *monitor)
{
	return palloc0(sizeof(MappedColumn) * Max(monitor->n_columns, 1));
}

/* Of columns that are only summarized, those are left out that the relation does not have. */
static MappedColumn *
summarized_here(Relation relation, CapturedMonitor *monitor)
{
	MappedColumn *mapped = relation_map_columns(monitor);

	for (int i = 0; i < monitor->n_columns; i++)
		if (!monitor->columns[i].retired && !monitor->columns[i].is_derived)
			relation_map_place(&mapped[i], &monitor->columns[i], relation_map_attribute(relation, monitor, &monitor->columns[i]));
	return mapped;
}

static bool
identity_places_rows(Relation relation, MonitorMap *map)
{
	Bitmapset  *identity = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
	bool		places = bms_is_member(map->time - FirstLowInvalidHeapAttributeNumber, identity);

	for (int i = 0; i < map->monitor->n_segments; i++)
		places &= bms_is_member(map->segments[i] - FirstLowInvalidHeapAttributeNumber, identity);
	return places;
}

RelationMap *
relation_map_get(Relation relation)
{
	Oid			id = RelationGetRelid(relation);
	bool		found;
	RelationMap *map = latest_map;
	ListCell   *cell;

	if (map != NULL && map->relation == id && map->valid && map->complete)
		return map;
	latest_map = map = hash_search(relations, &id, HASH_ENTER, &found);
	if (found && map->valid && map->complete)
		return map;
	if (found && map->context != NULL)
		MemoryContextDelete(map->context);
	/* An invalidation that arrives while the catalogs are read says that this is stale already. */
	map->valid = true;
	map->complete = false;
	map->monitors = NIL;
	map->label_keys = NIL;
	map->context = NULL;
	map->slot = NULL;
	if (label_change_is_wanted(id))
	{
		map->context = AllocSetContextCreate(map_context, "weir relation", ALLOCSET_SMALL_SIZES);
		map->label_keys = label_change_keys(relation, map->context);
	}
	foreach(cell, served_monitors)
	{
		CapturedMonitor *monitor = lfirst(cell);
		MonitorMap *entry;
		MemoryContext old;

		if (monitor->failure != NULL || !relation_descends_from(id, monitor->source))
			continue;
		definition_blame(monitor->monitor_id);
		if (map->context == NULL)
			map->context = AllocSetContextCreate(map_context, "weir relation", ALLOCSET_SMALL_SIZES);
		old = MemoryContextSwitchTo(map->context);
		entry = palloc0(sizeof(MonitorMap));
		entry->monitor = monitor;
		entry->time = attribute_here(relation, entry, &monitor->time);
		entry->columns = summarized_here(relation, monitor);
		entry->segments = attributes_here(relation, entry, monitor->segments, monitor->n_segments);
		entry->protected_columns = attributes_here(relation, entry, monitor->protected_columns, monitor->n_protected);
		if (monitor->has_label)
			entry->label = attribute_here(relation, entry, &monitor->label_column);
		if ((monitor->n_protected > 0 && !monitor->decides_by_score) || monitor->needs_prediction)
			entry->prediction = attribute_here(relation, entry, &monitor->prediction_column);
		if (monitor->decides_by_score)
			entry->score = attribute_here(relation, entry, &monitor->score_column);
		else if (monitor->needs_score && monitor->score_column.attribute != InvalidAttrNumber)
			entry->score = relation_map_attribute(relation, monitor, &monitor->score_column);
		if (monitor->failure != NULL)
		{
			MemoryContextSwitchTo(old);
			continue;
		}
		entry->precedes |= monitor->filter != NULL && relation_map_is_older(monitor) && !filter_fits(relation, monitor);
		if (!entry->precedes)
			entry->learners = learner_change_map(relation, monitor, map->context);
		if (!entry->precedes)
			entry->identity_places_rows = identity_places_rows(relation, entry);
		if (monitor->filter != NULL && !entry->precedes)
		{
			if (map->slot == NULL)
			{
				map->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(relation)), &TTSOpsVirtual);
				map->expression_context = CreateStandaloneExprContext();
			}
			/* What does not compile any more reads catalogs: its error may not be caught here, and capture begins again without it.
			 */
			entry->filter = ExecInitExpr((Expr *) definition_filter(monitor, relation), NULL);
		}
		map->monitors = lappend(map->monitors, entry);
		MemoryContextSwitchTo(old);
	}
	definition_blame(0);
	map->complete = true;
	return map;
}
