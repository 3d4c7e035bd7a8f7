/*
 * source_watch.c
 *		Watches the tables that monitors' rows come from, for DDL that changes rows without a decoded change.
 *
 * What it looks for: another relfilenode together with another version of a column that counts (the table was rewritten with other
 *values; CLUSTER and the like touch no column), another type, labels of an enum that have other names (so have all rows that were
 *there), and partitions or children that come or go.  A partition that was created in place has had no row that was not decoded;
 *one that was attached has.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "base/sql.h"
#include "capture/learner_change.h"
#include "capture/source.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Whatever no invalidation tells of is found this often. */
#define LOOK_MS 10000

/* More ranges than these are taken as one. */
#define MAX_RANGES 16

static HTAB *watched = NULL;	/* relations that an invalidation must name to count */
static bool anything_changed = true;
static bool nobody_has_looked = true; /* since something changed */
static TimestampTz next_look = 0;

/* ---- when to look ---- */

static void
relation_changed(Datum argument, Oid relation)
{
	if (!OidIsValid(relation) || watched == NULL || hash_search(watched, &relation, HASH_FIND, NULL) != NULL)
		anything_changed = nobody_has_looked = true;
}

/* Which tables an enum is for, the look finds out. */
static void
enum_changed(Datum argument, int cache, uint32 hash)
{
	anything_changed = nobody_has_looked = true;
}

static void
begin_watching(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Oid), .hcxt = TopMemoryContext};
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(ENUMOID, enum_changed, (Datum) 0);
	}
	registered = true;
	if (watched != NULL)
		hash_destroy(watched);
	watched = hash_create("weir watched relations", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	anything_changed = nobody_has_looked = false;
	next_look = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_MS);
}

bool
source_look_is_due(void)
{
	return anything_changed || GetCurrentTimestamp() >= next_look;
}

/* ---- ranges of event time ---- */

typedef struct TimeRange
{
	TimestampTz since;
	TimestampTz until;
} TimeRange;

typedef struct RangeList
{
	int			n;
	TimeRange	ranges[MAX_RANGES];
} RangeList;

static void
add_range(RangeList *list, TimestampTz since, TimestampTz until)
{
	for (int i = 0; i < list->n; i++)
		if (list->n == MAX_RANGES || (since <= list->ranges[i].until && until >= list->ranges[i].since))
		{
			list->ranges[i].since = Min(list->ranges[i].since, since);
			list->ranges[i].until = Max(list->ranges[i].until, until);
			return;
		}
	list->ranges[list->n++] = (TimeRange){since, until};
}

/* The value that bounds the first key of a partition, if it is a time. */
static bool
bound_time(List *datums, Oid type, TimestampTz *result)
{
	PartitionRangeDatum *first = datums == NIL ? NULL : linitial(datums);

	return first != NULL && first->kind == PARTITION_RANGE_DATUM_VALUE && IsA(first->value, Const) &&
		!((Const *) first->value)->constisnull && definition_time(type, ((Const *) first->value)->constvalue, result);
}

/* Narrows the range to what the bounds of one partition let in, when its parent is partitioned by ranges of the time column. */
static void
narrow_by_bounds(Oid partition, Oid parent, const char *time_column, TimeRange *range)
{
	HeapTuple	tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(parent));
	Form_pg_partitioned_table key;
	Oid			type;
	bool		by_time;
	bool		is_null;
	bool		single;
	Datum		stored;
	PartitionBoundSpec *bounds;
	TimestampTz bound;

	if (!HeapTupleIsValid(tuple))
		return;
	key = (Form_pg_partitioned_table) GETSTRUCT(tuple);
	by_time = key->partstrat == PARTITION_STRATEGY_RANGE && key->partattrs.values[0] != 0 &&
		key->partattrs.values[0] == get_attnum(parent, time_column);
	single = key->partnatts == 1;
	type = by_time ? getBaseType(get_atttype(parent, key->partattrs.values[0])) : InvalidOid;
	ReleaseSysCache(tuple);
	if (!by_time || (type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID))
		return;

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(partition));
	if (!HeapTupleIsValid(tuple))
		return;
	stored = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &is_null);
	bounds = is_null ? NULL : stringToNode(TextDatumGetCString(stored));
	ReleaseSysCache(tuple);
	if (bounds == NULL || bounds->is_default)
		return;
	if (bound_time(bounds->lowerdatums, type, &bound))
		range->since = Max(range->since, bound);
	/* With more keys than one, rows of the bound itself are in. */
	if (bound_time(bounds->upperdatums, type, &bound))
		range->until = Min(range->until, single ? bound : bound + (type == DATEOID ? USECS_PER_DAY : 1));
}

static TimeRange
range_of(Oid relation, Oid source, const char *time_column)
{
	TimeRange	range = {DT_NOBEGIN, DT_NOEND};

	while (relation != source && get_rel_relispartition(relation))
	{
		Oid			parent = get_partition_parent(relation, true);

		narrow_by_bounds(relation, parent, time_column, &range);
		relation = parent;
	}
	return range;
}

/* ---- what has changed ---- */

/* One column of a table as it is stored: "number:type:modifier:version:labels,"; labels are "value=hash/" for each, of an enum. */
typedef struct ColumnVersion
{
	int			number;
	unsigned	type;
	int			modifier;
	unsigned	version;
	const char *labels;
	size_t		labels_length;
} ColumnVersion;

/* The text behind the column, or NULL at the end. */
static const char *
next_column(const char *text, ColumnVersion *column)
{
	int			length = 0;

	if (*text == '\0')
		return NULL;
	if (sscanf(text, "%d:%u:%d:%u%n", &column->number, &column->type, &column->modifier, &column->version, &length) != 4)
		elog(ERROR, "unexpected description of columns \"%s\"", text);
	/* What an earlier version wrote has none. */
	column->labels = text + length + (text[length] == ':');
	column->labels_length = strcspn(column->labels, ",");
	return column->labels + column->labels_length + 1;
}

/* Values of an enum are only ever added; but a label may become another one. */
static bool
has_other_labels(const ColumnVersion *known, const ColumnVersion *present)
{
	const char *end = known->labels + known->labels_length;

	for (const char *label = known->labels; label < end;)
	{
		const char *next = label + strcspn(label, "/") + 1;
		bool		found = false;

		for (const char *other = present->labels; other < present->labels + present->labels_length && !found;
			 other += strcspn(other, "/") + 1)
			found = strncmp(label, other, next - label) == 0;
		if (!found)
			return true;
		label = next;
	}
	return false;
}

/*
 * True when rows of the relation have other values than capture has decoded.  Versions and modifiers mean something only when the
 * file is another one.
 */
static bool
was_rewritten(const char *before, const char *after, bool other_file)
{
	ColumnVersion present;

	while ((after = next_column(after, &present)) != NULL)
	{
		ColumnVersion known;

		for (const char *rest = before; (rest = next_column(rest, &known)) != NULL;)
			if (known.number == present.number &&
				(known.type != present.type || has_other_labels(&known, &present) ||
				 (other_file && (known.modifier != present.modifier || known.version != present.version))))
				return true;
	}
	return false;
}

/* False when there is surely no row in it. Waits for no lock. */
static bool
may_hold_rows(Oid relation)
{
	Relation	table;
	bool		result = true;

	if (!ConditionalLockRelationOid(relation, AccessShareLock))
		return true;
	table = try_table_open(relation, NoLock);
	if (table != NULL)
	{
		if (table->rd_rel->relkind == RELKIND_RELATION)
			result = RelationGetNumberOfBlocks(table) > 0;
		table_close(table, NoLock);
	}
	UnlockRelationOid(relation, AccessShareLock);
	return result;
}

/* What is looked at of one monitor. */
typedef struct Look
{
	int			monitor_id;
	char	   *name;
	Oid			source;
	char	   *time_column;
	bool		retracts_deletes;
	bool		insert_only;
	bool		is_first;		/* nothing is known yet */
	bool		has_labels;		/* what is known has columns of enums */
	bool		has_positive;
	RangeList	rebuild;
	RangeList	retain;
} Look;

/* Columns of the query below. */
enum
{
	CHILD_RELATION = 1,
	CHILD_IS_THERE,
	CHILD_IS_KNOWN,
	CHILD_NAME,
	CHILD_PROBLEM,
	CHILD_IDENTITY,
	CHILD_FILE,
	CHILD_COLUMNS,
	CHILD_LINK,
	CHILD_IN_PLACE,
	CHILD_KNOWN_FILE,
	CHILD_KNOWN_COLUMNS,
	CHILD_KNOWN_LINK,
	CHILD_KNOWN_SINCE,
	CHILD_KNOWN_UNTIL
};

/*
 * Tables of a monitor's rows that are not as they are known. $1 monitor, $2 source.
 *
 * in_place: created as a partition or child, and so is what it is part of.  Attaching writes all inherited columns anew, so it
 * shows in the versions of columns beside those of system columns, which nothing changes.  Of what is known and has no children
 * nobody asks.
 */
static const char *const changed_relations =
	"WITH RECURSIVE known AS (SELECT * FROM weir.source_relation WHERE monitor_id = $1), "
	"tree(relation, link, in_place) AS (SELECT $2, '', true UNION "
	" SELECT i.inhrelid, l.link, t.in_place AND (CASE WHEN g.relhassubclass THEN EXISTS (SELECT FROM known k WHERE pg_catalog.strpos(k.link, l.link || '/') > 0) "
	"  ELSE i.inhrelid IN (SELECT relation FROM known) END "
	"  OR EXISTS (SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_attribute s ON s.attrelid = a.attrelid AND s.attnum = -6 "
	"   WHERE a.attrelid = i.inhrelid AND a.attnum > 0 AND a.attinhcount > 0 AND a.xmin = s.xmin AND a.cmin = s.cmin)) "
	" FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.relation JOIN pg_catalog.pg_class g ON g.oid = i.inhrelid "
	" CROSS JOIN LATERAL (SELECT t.link || '/' || i.inhparent || ':' || i.xmin || ':' || i.cmin) l(link) WHERE NOT i.inhdetachpending), "
	"counting AS MATERIALIZED (SELECT col.name, (WITH RECURSIVE base(type) AS (SELECT a.atttypid UNION SELECT t.typbasetype FROM pg_catalog.pg_type t "
	"  JOIN base ON t.oid = base.type WHERE t.typbasetype <> 0) "
	"  SELECT coalesce(pg_catalog.string_agg(e.oid || '=' || pg_catalog.hashtext(e.enumlabel::text) || '/', '' ORDER BY e.oid), '') "
	"  FROM pg_catalog.pg_enum e JOIN base ON e.enumtypid = base.type) AS labels FROM weir.monitor m CROSS JOIN pg_catalog.pg_attribute a CROSS JOIN LATERAL (SELECT a.attname::text) col(name) "
	" WHERE m.monitor_id = $1 AND a.attrelid = $2 AND a.attnum > 0 AND NOT a.attisdropped AND (" SOURCE_COLUMN_COUNTS ")), "
	"present AS (SELECT c.oid AS relation, c.relname, c.relreplident, c.relfilenode AS file, "
	" CASE WHEN c.relkind = 'f' THEN 'a foreign table' WHEN c.relpersistence = 'u' AND c.relkind = 'r' THEN 'unlogged' END AS problem, "
	" (SELECT coalesce(pg_catalog.string_agg(a.attnum || ':' || a.atttypid || ':' || a.atttypmod || ':' || a.xmin || ':' || labels || ',', '' ORDER BY a.attnum), '') "
	"  FROM pg_catalog.pg_attribute a JOIN counting ON a.attname = name WHERE a.attrelid = c.oid AND NOT a.attisdropped) AS columns, "
	" t.link, t.in_place FROM (SELECT relation, pg_catalog.string_agg(link, ' ' ORDER BY link) AS link, pg_catalog.bool_and(in_place) AS in_place "
	"  FROM tree GROUP BY relation) t JOIN pg_catalog.pg_class c ON c.oid = t.relation WHERE c.relkind IN ('r', 'f') OR c.oid = $2) "
	"SELECT coalesce(p.relation, k.relation), p.relation IS NOT NULL, k.relation IS NOT NULL, p.relname::text, p.problem, "
	"p.relreplident, p.file, p.columns, p.link, p.in_place, k.file, k.columns, k.link, k.since, k.until "
	"FROM present p FULL JOIN known k ON k.relation = p.relation "
	"WHERE p.problem IS NOT NULL OR (p.file, p.columns, p.link) IS DISTINCT FROM (k.file, k.columns, k.link)";

static void
store_relation(const Look *look, Oid relation, HeapTuple row, TupleDesc shape, TimeRange range)
{
	Oid			types[] = {INT4OID, OIDOID, OIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	bool		is_null;
	Datum		values[] = {Int32GetDatum(look->monitor_id),
					  ObjectIdGetDatum(relation),
					  SPI_getbinval(row, shape, CHILD_FILE, &is_null),
					  SPI_getbinval(row, shape, CHILD_COLUMNS, &is_null),
					  SPI_getbinval(row, shape, CHILD_LINK, &is_null),
					  TimestampTzGetDatum(range.since),
					  TimestampTzGetDatum(range.until)};

	sql_execute("INSERT INTO weir.source_relation (monitor_id, relation, file, columns, link, since, until) "
				"VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (monitor_id, relation) DO UPDATE "
				"SET file = $3, columns = $4, link = $5, since = $6, until = $7",
				7, types, values, NULL);
}

static void
forget_relation(const Look *look, Oid relation)
{
	Oid			types[] = {INT4OID, OIDOID};
	Datum		values[] = {Int32GetDatum(look->monitor_id), ObjectIdGetDatum(relation)};

	sql_execute("DELETE FROM weir.source_relation WHERE monitor_id = $1 AND relation = $2", 2, types, values, NULL);
}

static void
note_attached(const Look *look, HeapTuple row, TupleDesc shape)
{
	learner_note_attached(look->monitor_id, SPI_getvalue(row, shape, CHILD_NAME), SPI_getvalue(row, shape, CHILD_LINK));
}

/* Takes note of one table that is not as it was known. */
static void
look_at_relation(Look *look, HeapTuple row, TupleDesc shape)
{
	bool		is_null;
	Oid			relation = DatumGetObjectId(SPI_getbinval(row, shape, CHILD_RELATION, &is_null));
	bool		is_there = DatumGetBool(SPI_getbinval(row, shape, CHILD_IS_THERE, &is_null));
	bool		is_known = DatumGetBool(SPI_getbinval(row, shape, CHILD_IS_KNOWN, &is_null));
	bool		in_place = DatumGetBool(SPI_getbinval(row, shape, CHILD_IN_PLACE, &is_null)) && !is_null;
	TimeRange	range = {DT_NOBEGIN, DT_NOEND};
	TimeRange	known = {DT_NOBEGIN, DT_NOEND};

	if (is_known)
	{
		known.since = DatumGetTimestampTz(SPI_getbinval(row, shape, CHILD_KNOWN_SINCE, &is_null));
		known.until = DatumGetTimestampTz(SPI_getbinval(row, shape, CHILD_KNOWN_UNTIL, &is_null));
	}
	if (!is_there)
	{
		add_range(look->retracts_deletes ? &look->rebuild : &look->retain, known.since, known.until);
		forget_relation(look, relation);
		return;
	}
	range = range_of(relation, look->source, look->time_column);
	store_relation(look, relation, row, shape, range);
	if (!is_known)
	{
		if (look->is_first)
			return;
		if (DatumGetChar(SPI_getbinval(row, shape, CHILD_IDENTITY, &is_null)) != REPLICA_IDENTITY_FULL && !look->insert_only)
			ereport(LOG,
					(errmsg("table \"%s\" now belongs to monitor \"%s\", and its replica identity is not full",
							SPI_getvalue(row, shape, CHILD_NAME), look->name),
					 errdetail("Updates and deletes of its rows cannot be taken back exactly."),
					 errhint("Run ALTER TABLE %s REPLICA IDENTITY FULL.", SPI_getvalue(row, shape, CHILD_NAME))));
		if (!in_place && may_hold_rows(relation))
		{
			add_range(&look->rebuild, range.since, range.until);
			note_attached(look, row, shape);
		}
		return;
	}
	/* It was away in between: nobody knows what happened to it there. */
	if (strcmp(SPI_getvalue(row, shape, CHILD_LINK), SPI_getvalue(row, shape, CHILD_KNOWN_LINK)) != 0)
	{
		add_range(&look->rebuild, Min(range.since, known.since), Max(range.until, known.until));
		if (may_hold_rows(relation))
			note_attached(look, row, shape);
		return;
	}
	if (was_rewritten(SPI_getvalue(row, shape, CHILD_KNOWN_COLUMNS), SPI_getvalue(row, shape, CHILD_COLUMNS),
					  SPI_getbinval(row, shape, CHILD_FILE, &is_null) != SPI_getbinval(row, shape, CHILD_KNOWN_FILE, &is_null)))
		add_range(&look->rebuild, range.since, range.until);
}

static void
store_changes(const Look *look, const RangeList *list, const char *effect)
{
	for (int i = 0; i < list->n; i++)
	{
		Oid			types[] = {INT4OID, LSNOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
		Datum		values[] = {Int32GetDatum(look->monitor_id), LSNGetDatum(GetXLogInsertRecPtr()), CStringGetTextDatum(effect),
						  TimestampTzGetDatum(list->ranges[i].since), TimestampTzGetDatum(list->ranges[i].until)};

		sql_execute("INSERT INTO weir.source_change (monitor_id, noticed_lsn, effect, since, until) VALUES ($1, $2, $3, $4, $5)", 5,
					types, values, NULL);
		ereport(LOG,
				(errmsg("the table of monitor \"%s\" was changed", look->name),
				 errdetail("Its panes from %s to %s %s.", pstrdup(timestamptz_to_str(list->ranges[i].since)),
						   pstrdup(timestamptz_to_str(list->ranges[i].until)),
						   strcmp(effect, "retain") == 0 ? "are kept as they are" : "are built again")));
	}
}

/* Intermediate tables count, too: it is they that a new partition invalidates. */
static void
watch_tree(Oid source)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(source);
	bool		is_null;
	uint64		n = sql_execute("WITH RECURSIVE tree(relation) AS (SELECT $1 UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i "
						   "JOIN tree t ON i.inhparent = t.relation) SELECT relation FROM tree",
						   1, &type, &value, NULL);

	for (uint64 i = 0; i < n; i++)
	{
		Oid			relation = DatumGetObjectId(sql_value(i, 1, &is_null));

		(void) hash_search(watched, &relation, HASH_ENTER, NULL);
	}
}

/* True when the monitor has to be loaded again. */
static bool
look_at_monitor(Look *look)
{
	Oid			types[] = {INT4OID, OIDOID};
	Datum		values[] = {Int32GetDatum(look->monitor_id), ObjectIdGetDatum(look->source)};
	bool		replaced = false;
	bool		busy = false;
	bool		changed;
	char	   *no_label;
	uint64		n;
	SPITupleTable *rows;

	if (get_rel_name(look->source) == NULL)
		return true;			/* loading disables it */
	changed = source_follow_columns(look->monitor_id, look->source, &replaced, &busy);
	changed |= !busy && look->has_labels && source_follow_labels(look->monitor_id, look->source, &busy);
	watch_tree(look->source);
	if (busy)
	{
		anything_changed = true;
		if (replaced)
			add_range(&look->rebuild, DT_NOBEGIN, DT_NOEND);
		store_changes(look, &look->rebuild, "rebuild");
		return changed;
	}
	no_label = look->has_positive ? source_problem_of_positive(look->monitor_id, look->source) : NULL;
	if (no_label != NULL)
	{
		definition_disable(look->monitor_id, no_label);
		return true;
	}
	n = sql_execute(changed_relations, 2, types, values, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		char	   *problem = SPI_getvalue(rows->vals[i], rows->tupdesc, CHILD_PROBLEM);

		if (problem != NULL)
		{
			definition_disable(
				look->monitor_id,
				psprintf("table \"%s\" is %s: its changes are not in the write-ahead log. Mend that, and run weir.rebuild",
						 SPI_getvalue(rows->vals[i], rows->tupdesc, CHILD_NAME), problem));
			return true;
		}
		look_at_relation(look, rows->vals[i], rows->tupdesc);
	}
	if (replaced)
		add_range(&look->rebuild, DT_NOBEGIN, DT_NOEND);
	store_changes(look, &look->rebuild, "rebuild");
	store_changes(look, &look->retain, "retain");
	return changed;
}

/* A monitor belongs to whom its table belongs to, unless its owner still is one of them: roles come and go. */
static void
follow_owners(void)
{
	sql_execute(
		"UPDATE weir.monitor m SET owner = o.relowner::regrole FROM (SELECT d.monitor_id, c.relowner FROM weir.monitor d "
		"JOIN pg_catalog.pg_class c ON c.oid = d.source WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r "
		"WHERE r.oid = d.owner::oid AND pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE')) FOR NO KEY UPDATE OF d SKIP LOCKED) o "
		"WHERE o.monitor_id = m.monitor_id",
		0, NULL, NULL, NULL);
}

bool
source_look(void)
{
	uint64		n;
	SPITupleTable *rows;
	bool		changed = false;

	begin_watching();
	follow_owners();
	n = sql_execute(
		"SELECT m.monitor_id, m.name, m.source::oid, m.time_column::text, m.on_delete = 'retract', "
		"coalesce((m.options ->> 'insert_only')::boolean, false), "
		"NOT EXISTS (SELECT FROM weir.source_relation r WHERE r.monitor_id = m.monitor_id), "
		"EXISTS (SELECT FROM weir.source_relation r WHERE r.monitor_id = m.monitor_id AND pg_catalog.strpos(r.columns, '=') > 0), "
		"m.positive IS NOT NULL "
		"FROM weir._captured_monitor m JOIN weir.monitor_state s USING (monitor_id) WHERE s.state <> 'disabled' ORDER BY 1",
		0, NULL, NULL, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	row = rows->vals[i];
		TupleDesc	shape = rows->tupdesc;
		bool		is_null;
		Look		look = {.monitor_id = DatumGetInt32(SPI_getbinval(row, shape, 1, &is_null)),
					 .name = SPI_getvalue(row, shape, 2),
					 .source = DatumGetObjectId(SPI_getbinval(row, shape, 3, &is_null)),
					 .time_column = SPI_getvalue(row, shape, 4),
					 .retracts_deletes = DatumGetBool(SPI_getbinval(row, shape, 5, &is_null)),
					 .insert_only = DatumGetBool(SPI_getbinval(row, shape, 6, &is_null)),
					 .is_first = DatumGetBool(SPI_getbinval(row, shape, 7, &is_null)),
					 .has_labels = DatumGetBool(SPI_getbinval(row, shape, 8, &is_null)),
					 .has_positive = DatumGetBool(SPI_getbinval(row, shape, 9, &is_null))};

		definition_blame(look.monitor_id);
		changed |= look_at_monitor(&look);
		definition_blame(0);
		CHECK_FOR_INTERRUPTS();
	}
	return changed;
}

static bool
has_pending_change(const CapturedMonitor *monitor, XLogRecPtr position)
{
	return monitor->failure != NULL || monitor->truncated_parts != NIL ||
		(monitor->source_change_lsn != InvalidXLogRecPtr && monitor->source_change_lsn <= position);
}

bool
source_changes_are_pending(List *monitors)
{
	ListCell   *cell;

	/* The invalidations of DDL are decoded with its commit. */
	if (nobody_has_looked)
		return true;
	foreach(cell, monitors)
		if (has_pending_change(lfirst(cell), PG_UINT64_MAX))
			return true;
	return false;
}

bool
source_wants_flush(List *monitors, XLogRecPtr position)
{
	ListCell   *cell;

	if (anything_changed)
		return true;
	foreach(cell, monitors)
		if (has_pending_change(lfirst(cell), position))
			return true;
	return false;
}
