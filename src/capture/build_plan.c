/*
 * build_plan.c
 *		How a build reads its range: in slices of event time, or in one pass.
 *
 * A sample of whole blocks tells when rows happened, how many there are, and how the heap lies.  Slices hold about equally many
 * rows.  To read one of them costs the blocks that have any of its rows where an index (or BRIN) finds them, a whole partition
 *where only its bounds do, and the whole table where nothing does.  So the sample also tells how often a block would be read in
 *all: once where rows lie in the order of time, as often as there are slices where they do not.  There are as many slices as keep
 *the cost of that below MAX_COST, and one, hence one pass under one snapshot, where nothing does.  (Slices of blocks would be no
 *way out: a row that is updated may move from a block that was read to one that was not, and the stream does not tell the blocks.)
 */
#include "postgres.h"

#include "base/privileges.h"
#include "base/sql.h"
#include "capture/build.h"
#include "capture/level.h"
#include "capture/settings.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "storage/itemptr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define SAMPLE_PAGES 500
#define MAX_SLICES 10000

/* What it costs to read a block once more, by index, in readings of the table: from memory, where the table fits into it, or not.
 */
#define MEMORY_READ_COST 0.05
#define DISK_READ_COST 0.5
#define MAX_COST 0.5 /* of reading blocks more than once, in readings of the table */
#define MIN_SLICES 4 /* fewer are not worth it */
#define PARALLEL_SLICE_ROWS INT64CONST(500000) /* nor are smaller ones, for the sake of several builders */

/* So long may a snapshot be held where the rate is limited. */
#define RATE_SECONDS 10

/* Where rows are wide, so much of a table is read under one snapshot: 2 GB. */
#define MOST_SLICE_PAGES (INT64CONST(2) * 1024 * 1024 * 1024 / BLCKSZ)

typedef struct SampledRow
{
	Oid			relation;
	BlockNumber block;
	TimestampTz time;
} SampledRow;

/* A table that has rows: the source itself, a partition, a child. */
typedef struct Leaf
{
	Oid			relation;
	bool		has_index;		/* on time: only blocks with rows of a slice are read */
	bool		is_pruned;		/* its bounds are of time: it is left out where it has no rows of a slice */
} Leaf;

typedef struct Sample
{
	double		pages;			/* of the whole source */
	double		share;			/* of the pages that was read */
	double		stored_pages;	/* and what of it is stored apart, in TOAST */
	double		rows_per_page;	/* of these, whatever their time */
	int			n_leaves;
	Leaf	   *leaves;
	int			n;
	SampledRow *rows;			/* in the order of the heap */
	TimestampTz *times;			/* ascending */
} Sample;

static int
compare_times(const void *a, const void *b)
{
	TimestampTz left = *(const TimestampTz *) a;
	TimestampTz right = *(const TimestampTz *) b;

	return left < right ? -1 : left > right;
}

/* ---- looking at the source ---- */

static void
find_leaves(CapturedMonitor *monitor, Sample *sample)
{
	Oid			types[] = {OIDOID, TEXTOID};
	Datum		values[] = {ObjectIdGetDatum(monitor->source), CStringGetTextDatum(NameStr(monitor->time.name))};
	MemoryContext caller = CurrentMemoryContext;
	SqlScope	scope;
	bool		is_null;
	uint64		n;

	sql_begin(&scope);
	n = sql_execute(
		"WITH RECURSIVE tree (relid, pruned) AS (SELECT $1, false UNION ALL "
		"SELECT i.inhrelid, t.pruned OR EXISTS (SELECT FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = p.partrelid "
		"AND a.attnum = p.partattrs[0] WHERE p.partrelid = t.relid AND p.partstrat = 'r' AND a.attname = $2) "
		"FROM tree t JOIN pg_inherits i ON i.inhparent = t.relid) "
		"SELECT t.relid, (pg_relation_size(t.relid) / current_setting('block_size')::int)::float8, t.pruned, "
		"EXISTS (SELECT FROM pg_index x JOIN pg_class ic ON ic.oid = x.indexrelid JOIN pg_am m ON m.oid = ic.relam "
		"JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attname = $2 WHERE x.indrelid = t.relid AND x.indisvalid "
		"AND x.indpred IS NULL AND (m.amname = 'btree' AND x.indkey[0] = a.attnum OR m.amname = 'brin' AND a.attnum = ANY (x.indkey))), "
		"(coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) / current_setting('block_size')::int)::float8 "
		"FROM tree t JOIN pg_class c ON c.oid = t.relid WHERE c.relkind = 'r'",
		2, types, values, NULL);
	sample->leaves = MemoryContextAllocZero(caller, sizeof(Leaf) * Max(n, 1));
	sample->n_leaves = (int) n;
	for (uint64 i = 0; i < n; i++)
	{
		Leaf	   *leaf = &sample->leaves[i];

		leaf->relation = DatumGetObjectId(sql_value(i, 1, &is_null));
		sample->pages += DatumGetFloat8(sql_value(i, 2, &is_null));
		sample->stored_pages += DatumGetFloat8(sql_value(i, 2, &is_null)) + DatumGetFloat8(sql_value(i, 5, &is_null));
		leaf->is_pruned = DatumGetBool(sql_value(i, 3, &is_null));
		leaf->has_index = DatumGetBool(sql_value(i, 4, &is_null));
	}
	sql_end(&scope);
	sample->share = sample->pages <= SAMPLE_PAGES ? 1 : SAMPLE_PAGES / sample->pages;
}

static void
take_sample(CapturedMonitor *monitor, TimestampTz since, TimestampTz until, Sample *sample)
{
	const char *time = quote_identifier(NameStr(monitor->time.name));
	MemoryContext caller = CurrentMemoryContext;
	SqlScope	scope;
	StringInfoData query;
	bool		is_null;
	uint64		n;

	find_leaves(monitor, sample);
	initStringInfo(&query);
	appendStringInfo(&query, "SELECT tableoid, ctid, %s FROM %s TABLESAMPLE pg_catalog.system(%.9g) WHERE %s IS NOT NULL", time,
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(monitor->source)),
												get_rel_name(monitor->source)),
					 100 * sample->share, time);
	sql_begin_as(&scope, relation_owner(monitor->source));
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	n = sql_execute(query.data, 0, NULL, NULL, NULL);
	sample->rows = MemoryContextAllocHuge(caller, sizeof(SampledRow) * Max(n, 1));
	sample->times = MemoryContextAllocHuge(caller, sizeof(TimestampTz) * Max(n, 1));
	sample->rows_per_page = n / Max(sample->stored_pages * sample->share, 1);
	for (uint64 i = 0; i < n; i++)
	{
		SampledRow *row = &sample->rows[sample->n];

		if (!definition_time(monitor->time_type, sql_value(i, 3, &is_null), &row->time) || row->time < since || row->time >= until)
			continue;
		row->relation = DatumGetObjectId(sql_value(i, 1, &is_null));
		row->block = ItemPointerGetBlockNumberNoCheck((ItemPointer) DatumGetPointer(sql_value(i, 2, &is_null)));
		sample->times[sample->n++] = row->time;
	}
	sql_end(&scope);
	qsort(sample->times, sample->n, sizeof(TimestampTz), compare_times);
}

/* ---- live panes of another size ---- */

/* What a slice replaces are whole panes, too. */
typedef struct OldPanes
{
	WindowClock clock;
	int			n;
	PaneBounds *coarse;			/* rolled up, ascending */
} OldPanes;

/* Each says where it ends, see build_prepare. */
static OldPanes *
load_old_panes(const CapturedMonitor *monitor, const Interval *size)
{
	Oid			types[] = {INT4OID, INTERVALOID};
	Datum		values[] = {Int32GetDatum(monitor->monitor_id), IntervalPGetDatum(size)};
	OldPanes   *old = palloc0(sizeof(OldPanes));
	MemoryContext caller = CurrentMemoryContext;
	SqlScope	scope;
	bool		is_null;

	window_clock_init(&old->clock, size, NULL, monitor->time_zone);
	sql_begin(&scope);
	old->n = (int) sql_execute("SELECT DISTINCT pane_start, pane_end FROM weir.pane WHERE monitor_id = $1 AND generation = 0 "
							   "AND pane_end > pane_start + $2 ORDER BY 1",
							   2, types, values, NULL);
	old->coarse = MemoryContextAllocHuge(caller, sizeof(PaneBounds) * Max(old->n, 1));
	for (int i = 0; i < old->n; i++)
		old->coarse[i] = (PaneBounds){.start = DatumGetTimestampTz(sql_value(i, 1, &is_null)),
									  .end = DatumGetTimestampTz(sql_value(i, 2, &is_null))};
	sql_end(&scope);
	return old;
}

/* The begin of the pane that the time falls into. */
static TimestampTz
old_start(const OldPanes *old, TimestampTz time)
{
	TimestampTz start = window_start(&old->clock, time);
	int			low = 0;
	int			high = old->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (old->coarse[middle].start <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && start < old->coarse[low - 1].end ? old->coarse[low - 1].start : start;
}

/* ---- slices ---- */

/* The slice that the time falls into: bounds[i] <= time < bounds[i + 1]. */
static int
slice_of(const BuildPlan *plan, TimestampTz time)
{
	int			low = 0;
	int			high = plan->n_slices - 1;

	while (low < high)
	{
		int			middle = (low + high + 1) / 2;

		if (plan->bounds[middle] <= time)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* Bounds at begins of panes, with about equally many rows between them; fewer than n where panes are larger than that. */
static void
choose_bounds(CapturedMonitor *monitor, const OldPanes *old, TimestampTz since, TimestampTz until, const Sample *sample, int n,
			  BuildPlan *plan)
{
	plan->n_slices = 0;
	plan->bounds[plan->n_slices++] = since;
	for (int i = 1; i < n; i++)
	{
		TimestampTz bound = level_start(monitor, sample->times[(int64) sample->n * i / n]);

		if (old != NULL)
		{
			bound = old_start(old, bound);
			if (level_start(monitor, bound) != bound)
				continue;
		}
		if (bound > plan->bounds[plan->n_slices - 1] && bound < until)
			plan->bounds[plan->n_slices++] = bound;
	}
	plan->bounds[plan->n_slices] = until;
}

/* How many slices have rows among those from first to end. */
static int
count_slices(const BuildPlan *plan, const Sample *sample, int first, int end, int *seen, int mark)
{
	int			n = 0;

	for (int i = first; i < end; i++)
	{
		int			slice = slice_of(plan, sample->rows[i].time);

		if (seen[slice] == mark)
			continue;
		seen[slice] = mark;
		n++;
	}
	return n;
}

static const Leaf *
find_leaf(const Sample *sample, Oid relation)
{
	for (int i = 0; i < sample->n_leaves; i++)
		if (sample->leaves[i].relation == relation)
			return &sample->leaves[i];
	return NULL;
}

/* What the plan costs more than one reading of the table, as a share of that. The sample's rows lie together by table and block. */
static double
cost_of_slices(const BuildPlan *plan, const Sample *sample)
{
	int		   *seen = palloc0(sizeof(int) * plan->n_slices);
	int			mark = 0;
	double		indexed_cost = sample->pages < effective_cache_size ? MEMORY_READ_COST : DISK_READ_COST;
	double		cost = 0;
	double		blocks = 0;

	for (int first = 0, end; first < sample->n; first = end)
	{
		Oid			relation = sample->rows[first].relation;
		const Leaf *leaf = find_leaf(sample, relation);
		bool		has_index = leaf != NULL && leaf->has_index;
		int			n_blocks = 0;
		double		reads = 0;	/* of blocks of this table */

		for (end = first; end < sample->n && sample->rows[end].relation == relation;)
		{
			int			block_end = end;

			while (block_end < sample->n && sample->rows[block_end].relation == relation &&
				   sample->rows[block_end].block == sample->rows[end].block)
				block_end++;
			n_blocks++;
			if (has_index)
				reads += count_slices(plan, sample, end, block_end, seen, ++mark);
			end = block_end;
		}
		if (!has_index)
			reads = (double) n_blocks *
				(leaf != NULL && leaf->is_pruned ? count_slices(plan, sample, first, end, seen, ++mark) : plan->n_slices);
		cost += (reads - n_blocks) * (has_index ? indexed_cost : 1);
		blocks += n_blocks;
	}
	pfree(seen);
	return blocks > 0 ? cost / blocks : 0;
}

/* Bounds at the first pane of each table: where partitions are of time, and have no index, each is best read by itself. */
static void
try_partitions(CapturedMonitor *monitor, TimestampTz since, TimestampTz until, const Sample *sample, BuildPlan *plan)
{
	BuildPlan	partitions = {0};
	TimestampTz *firsts = palloc(sizeof(TimestampTz) * sample->n_leaves);

	if (sample->n_leaves < 2 || sample->n_leaves > MAX_SLICES)
		return;
	for (int i = 0; i < sample->n_leaves; i++)
		firsts[i] = DT_NOEND;
	for (int i = 0; i < sample->n; i++)
	{
		const Leaf *leaf = find_leaf(sample, sample->rows[i].relation);

		if (leaf != NULL)
			firsts[leaf - sample->leaves] = Min(firsts[leaf - sample->leaves], sample->rows[i].time);
	}
	qsort(firsts, sample->n_leaves, sizeof(TimestampTz), compare_times);
	partitions.bounds = palloc(sizeof(TimestampTz) * (sample->n_leaves + 1));
	partitions.bounds[partitions.n_slices++] = since;
	for (int i = 1; i < sample->n_leaves; i++)
	{
		TimestampTz bound = level_start(monitor, firsts[i]);

		if (bound > partitions.bounds[partitions.n_slices - 1] && bound < until)
			partitions.bounds[partitions.n_slices++] = bound;
	}
	partitions.bounds[partitions.n_slices] = until;
	if (partitions.n_slices <= plan->n_slices || cost_of_slices(&partitions, sample) > MAX_COST)
		return;
	plan->n_slices = partitions.n_slices;
	plan->bounds = partitions.bounds;
}

/* The work of several builders comes in at least as many slices. */
static int64
rows_of_slices(int64 rows, double rows_per_page)
{
	int64		most = Min(build_slice_rows, Max((int64) (rows_per_page * MOST_SLICE_PAGES), 1));

	if (build_rate > 0)
		most = Min(most, Max((int64) build_rate * RATE_SECONDS, 1000));
	if (build_workers > 1)
		most = Min(most, Max(rows / build_workers, PARALLEL_SLICE_ROWS));
	return most;
}

void
build_plan(CapturedMonitor *monitor, const Interval *old_size, TimestampTz since, TimestampTz until, BuildPlan *plan)
{
	OldPanes   *old = old_size != NULL ? load_old_panes(monitor, old_size) : NULL;
	Sample		sample = {0};
	int64		most;
	int			wanted;
	int			n;

	take_sample(monitor, Max(since, monitor->expired_before), until, &sample);
	plan->rows = (int64) (sample.n / sample.share);
	most = rows_of_slices(plan->rows, sample.rows_per_page);
	wanted = n = (int) Max(1, Min(MAX_SLICES, (plan->rows + most - 1) / most));
	plan->bounds = palloc(sizeof(TimestampTz) * (n + 1));
	choose_bounds(monitor, old, since, until, &sample, n, plan);
	while (plan->n_slices > 1 && cost_of_slices(plan, &sample) > MAX_COST)
	{
		n = n / 2 < MIN_SLICES ? 1 : n / 2;
		choose_bounds(monitor, old, since, until, &sample, n, plan);
	}
	if (n < wanted && old_size == NULL)
		try_partitions(monitor, since, until, &sample, plan);
	plan->method = wanted == 1 ? "one slice"
		: n == wanted          ? "slices of time"
		: plan->n_slices > 1   ? "fewer slices of time: rows are not in its order"
							   : "one pass: neither an index nor the order of rows finds a slice of time";
	plan->slice_rows = palloc0(sizeof(int64) * plan->n_slices);
	for (int i = 0; i < sample.n; i++)
		plan->slice_rows[slice_of(plan, sample.times[i])]++;
	for (int i = 0; i < plan->n_slices; i++)
		plan->slice_rows[i] = (int64) (plan->slice_rows[i] / sample.share);
}
