/*
 * build_read.c
 *		Reads a range of a source into panes, under one snapshot.
 *
 * A plain scan of the columns that matter, row by row into the same code that folds decoded changes: nothing is sorted, and no
 * aggregate is called.  Rows come in batches; between two of them panes are written when they take too much memory, and the builder
 * sleeps when it is faster than it may be.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/capture.h"
#include "capture/other.h"
#include "capture/pane_table.h"
#include "capture/priority.h"
#include "capture/row.h"
#include "capture/settings.h"
#include "capture/source.h"
#include "capture/status.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define BATCH_ROWS 5000

/* Takes the rows of the query; columns stand where the map says. */
typedef struct RowReceiver
{
	DestReceiver receiver;
	CapturedMonitor *monitor;
	MonitorMap	map;
	int			generation;
	List	   *names;			/* of char *: the columns of the query */
	int64		n_rows;
	MemoryContext row_context;
	Pane	   *last_pane;		/* rows mostly come in the order of time */
} RowReceiver;

/* ---- the query ---- */

static AttrNumber
place_of(RowReceiver *receiver, const CapturedColumn *column)
{
	ListCell   *cell;

	foreach(cell, receiver->names)
		if (strcmp(lfirst(cell), NameStr(column->name)) == 0)
			return (AttrNumber) (foreach_current_index(cell) + 1);
	receiver->names = lappend(receiver->names, pstrdup(NameStr(column->name)));
	return (AttrNumber) list_length(receiver->names);
}

static AttrNumber *
places_of(RowReceiver *receiver, const CapturedColumn *columns, int n)
{
	AttrNumber *places = palloc(sizeof(AttrNumber) * Max(n, 1));

	for (int i = 0; i < n; i++)
		places[i] = columns[i].retired ? InvalidAttrNumber : place_of(receiver, &columns[i]);
	return places;
}

static MappedColumn *
map_summarized(RowReceiver *receiver, const Bitmapset *only)
{
	CapturedMonitor *monitor = receiver->monitor;
	MappedColumn *mapped = relation_map_columns(monitor);

	for (int i = 0; i < monitor->n_columns; i++)
		if (!monitor->columns[i].retired && !monitor->columns[i].is_derived && (only == NULL || bms_is_member(i, only)))
			relation_map_place(&mapped[i], &monitor->columns[i], place_of(receiver, &monitor->columns[i]));
	return mapped;
}

/* Only those that one of the columns belongs to. */
static void
keep_derivations(CapturedMonitor *monitor, const Bitmapset *only)
{
	int			n = 0;

	for (int i = 0; i < monitor->n_derivations; i++)
	{
		bool		wanted = false;

		for (int part = 0; part < DERIVED_MAX_PARTS; part++)
			wanted |= monitor->derivations[i].columns[part] >= 0 && bms_is_member(monitor->derivations[i].columns[part], only);
		if (wanted)
			monitor->derivations[n++] = monitor->derivations[i];
	}
	monitor->n_derivations = n;
}

static void
map_columns(RowReceiver *receiver, const Bitmapset *only)
{
	CapturedMonitor *monitor = receiver->monitor;
	MonitorMap *map = &receiver->map;

	map->monitor = monitor;
	map->time = place_of(receiver, &monitor->time);
	map->columns = map_summarized(receiver, only);
	map->segments = places_of(receiver, monitor->segments, monitor->n_segments);
	if (only != NULL)
	{
		keep_derivations(monitor, only);
		/* Fairness is not asked for, and labels only by derivations. */
		monitor->has_label = monitor->n_derivations > 0;
		monitor->n_protected = 0;
	}
	map->protected_columns = places_of(receiver, monitor->protected_columns, monitor->n_protected);
	if (monitor->has_label)
		map->label = place_of(receiver, &monitor->label_column);
	if ((monitor->n_protected > 0 && !monitor->decides_by_score) || (monitor->n_derivations > 0 && monitor->needs_prediction))
		map->prediction = place_of(receiver, &monitor->prediction_column);
	if ((monitor->n_protected > 0 && monitor->decides_by_score) ||
		(monitor->n_derivations > 0 && monitor->needs_score && monitor->score_column.attribute != InvalidAttrNumber))
		map->score = place_of(receiver, &monitor->score_column);
}

/* The bound in the type of the column, so that its indexes and partitions serve. */
static void
append_bound(StringInfo query, CapturedMonitor *monitor, const char *operator, int parameter)
{
	appendStringInfo(query, monitor->time_type == TIMESTAMPTZOID ? "%s %s %s $%d" : "%s %s %s pg_catalog.timezone('UTC', $%d)",
					 strstr(query->data, " WHERE ") ? " AND" : " WHERE", quote_identifier(NameStr(monitor->time.name)), operator,
					 parameter);
}

static char *
source_query(RowReceiver *receiver, TimestampTz since, TimestampTz until)
{
	CapturedMonitor *monitor = receiver->monitor;
	StringInfoData query;
	ListCell   *cell;

	initStringInfo(&query);
	foreach(cell, receiver->names)
		appendStringInfo(&query, "%s%s", query.len == 0 ? "SELECT " : ", ", quote_identifier(lfirst(cell)));
	appendStringInfo(&query, " FROM %s",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(monitor->source)),
												get_rel_name(monitor->source)));
	if (!TIMESTAMP_IS_NOBEGIN(since))
		append_bound(&query, monitor, "OPERATOR(pg_catalog.>=)", 1);
	if (!TIMESTAMP_IS_NOEND(until))
		append_bound(&query, monitor, "OPERATOR(pg_catalog.<)", 2);
	if (monitor->filter != NULL)
	{
		Relation	source = table_open(monitor->source, AccessShareLock);

		appendStringInfo(&query, "%s (%s)", strstr(query.data, " WHERE ") ? " AND" : " WHERE",
						 deparse_expression(definition_filter(monitor, source),
											deparse_context_for(RelationGetRelationName(source), monitor->source), false, false));
		table_close(source, NoLock);
	}
	return query.data;
}

/* ---- rows ---- */

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;
	CapturedMonitor *monitor = receiver->monitor;
	MemoryContext old = MemoryContextSwitchTo(receiver->row_context);
	RowImage	row;
	Place		place;

	slot_getallattrs(slot);
	row.values = slot->tts_values;
	row.nulls = slot->tts_isnull;
	row_find_place(NULL, &receiver->map, &row, &place);
	receiver->n_rows++;
	if (place.inside)
	{
		Pane	   *pane = receiver->last_pane;

		if (pane == NULL || pane->key.segment != place.segment || pane->key.start != place.start)
		{
			pane = pane_get(monitor, receiver->generation, place.start, place.segment);
			pane_mark_dirty(pane);
			receiver->last_pane = pane;
		}
		row_add(&receiver->map, &pane->added, &row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->row_context);
	return true;
}

static void
start_receiving(DestReceiver *self, int operation, TupleDesc shape)
{
}

static void
stop_receiving(DestReceiver *self)
{
}

/* ---- panes ---- */

void
build_write_panes(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "weir build", ALLOCSET_DEFAULT_SIZES);
	dlist_iter	iterator;

	dlist_foreach(iterator, pane_dirty_list())
	{
		Pane	   *pane = dlist_container(Pane, node, iterator.cur);
		MemoryContext old = MemoryContextSwitchTo(context);
		PaneRow		row = {.monitor_id = pane->key.monitor_id,
					   .generation = pane->key.generation,
					   .start = pane->key.start,
					   .segment = pane_table_segment(pane->key.segment),
					   .part = 'b'};
		PaneRow		stored = row;
		PanePart	part;

		/* Written before, when memory was short. */
		if (pane_table_read(&stored))
		{
			SPITupleTable *read = SPI_tuptable;

			pane_table_decode(pane->monitor, &stored, &part);
			pane_part_merge(pane->monitor, &pane->added, &part);
			pane_part_close(pane->monitor, &part);
			SPI_freetuptable(read);
		}
		pane_part_open(pane->monitor, &pane->added);
		pane_table_encode(pane->monitor, &pane->added, &row);
		pane_table_write(&row);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextDelete(context);
	pane_reset();
}

/* Shows how far the slice is; sleeps when more rows were read than the rate allows. */
static void
pace(int64 n_rows, TimestampTz started_at)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	int			n_builders = 0;

	for (int i = 0; status != NULL && i < CAPTURE_MAX_BUILDERS; i++)
	{
		n_builders += status->builders[i].pid != 0;
		if (status->builders[i].pid == MyProcPid)
			status->builders[i].rows_read = n_rows;
	}
	if (status != NULL)
		status_unlock();
	worker_wait(0);				/* interrupts, another rate, another priority */
	priority_lower();
	source_give_way();
	while (build_rate > 0)
	{
		int64		due = n_rows * USECS_PER_SEC * Max(n_builders, 1) / build_rate;
		int64		ahead = started_at + due - GetCurrentTimestamp();

		if (ahead <= 1000)
			break;
		worker_wait(Min(ahead / 1000, 100));
		source_give_way();
	}
}

/* Under the source's owner, who may have changed since. Rows that row-level security hides even from him are an error. */
static void
enter_as_owner(SqlScope *scope, CapturedMonitor *monitor, bool by_index)
{
	sql_begin_as(scope, relation_owner(monitor->source));
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	/*
	 * The plan of the build has looked at the table; the planner, asked about one slice, may know less of it.  A bitmap of the
	 * slice spares looking for the page of each row; the order of rows does not matter.
	 */
	if (by_index)
	{
		(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		(void) set_config_option("enable_indexscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
}

int64
build_read_source(CapturedMonitor *monitor, const Bitmapset *only, int generation, TimestampTz since, TimestampTz until,
				  bool by_index)
{
	RowReceiver receiver = {.receiver = {.receiveSlot = receive_row,
										 .rStartup = start_receiving,
										 .rShutdown = stop_receiving,
										 .rDestroy = stop_receiving,
										 .mydest = DestNone},
							.monitor = monitor,
							.generation = generation};
	Oid			types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[] = {TimestampTzGetDatum(Max(since, monitor->expired_before)), TimestampTzGetDatum(until)};
	TimestampTz started_at = GetCurrentTimestamp();
	SqlScope	scope;
	Portal		portal;
	uint64		n;

	map_columns(&receiver, only);
	receiver.row_context = AllocSetContextCreate(CurrentMemoryContext, "weir row", ALLOCSET_DEFAULT_SIZES);
	enter_as_owner(&scope, monitor, by_index);
	portal = SPI_cursor_open_with_args(NULL, source_query(&receiver, Max(since, monitor->expired_before), until), 2, types, values,
									   NULL, true, CURSOR_OPT_NO_SCROLL);
	do
	{
		n = PortalRunFetch(portal, FETCH_FORWARD, BATCH_ROWS, &receiver.receiver);
		if (monitor->has_many_segments || pane_memory() > (size_t) capture_memory_kb * 1024)
		{
			SqlScope	inner;

			sql_begin(&inner);
			build_write_panes();
			other_limit_generation(monitor, generation);
			sql_end(&inner);
			receiver.last_pane = NULL;
		}
		pace(receiver.n_rows, started_at);
	} while (n > 0);
	SPI_cursor_close(portal);
	source_require_unchanged(monitor->source);
	sql_end(&scope);
	MemoryContextDelete(receiver.row_context);
	return receiver.n_rows;
}
