/*
 * partial.c
 *		Partial panes of transactions in progress.
 */
#include "postgres.h"

#include "capture/partial.h"
#include "capture/relation_map.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* More subtransactions than this have no set of their own; so many are joined at a time. */
#define MOST_SETS 64
#define JOINED_AT_ONCE 32

/* One in so many new panes looks whether memory is short. */
#define NEW_PANES_UNCHECKED 256

/* Subtransactions have neighbouring ids: 64 to an entry. */
typedef struct JoinedBlock
{
	TransactionId block;		/* id / 64 */
	uint64		members;
} JoinedBlock;

static MemoryContext partial_context;
static List *transactions;		/* Streamed */
static int	last_number;		/* of a set */
static int	new_panes;

void
partial_init(MemoryContext parent)
{
	partial_context = AllocSetContextCreate(parent, "weir partial panes", ALLOCSET_DEFAULT_SIZES);
	transactions = NIL;
}

/* ---- transactions and sets ---- */

List *
partial_transactions(void)
{
	return transactions;
}

Streamed *
partial_transaction(TransactionId xid, bool create)
{
	ListCell   *cell;
	Streamed   *streamed;
	MemoryContext old;

	foreach(cell, transactions)
	{
		streamed = lfirst(cell);
		if (streamed->xid == xid)
			return streamed;
	}
	if (!create)
		return NULL;
	old = MemoryContextSwitchTo(partial_context);
	streamed = palloc0(sizeof(Streamed));
	streamed->xid = xid;
	dlist_init(&streamed->sets);
	transactions = lappend(transactions, streamed);
	MemoryContextSwitchTo(old);
	return streamed;
}

static PartialSet *
find_set(Streamed *streamed, TransactionId xid, int epoch)
{
	dlist_iter	iterator;

	dlist_reverse_foreach(iterator, &streamed->sets)
	{
		PartialSet *set = dlist_container(PartialSet, node, iterator.cur);

		if (set->xid == xid && set->epoch == epoch)
			return set;
	}
	return NULL;
}

static PartialSet *
make_set(Streamed *streamed, TransactionId xid, int epoch)
{
	PartialSet *set = MemoryContextAllocZero(partial_context, sizeof(PartialSet));

	set->xid = xid;
	set->epoch = epoch;
	/* Ids wrap around where an int ends, long after the sets that had them before. */
	set->number = last_number = last_number == PG_INT32_MIN ? -1 : last_number - 1;
	dlist_init(&set->panes);
	dlist_push_tail(&streamed->sets, &set->node);
	streamed->n_sets++;
	return set;
}

static void
close_panes(PartialSet *set)
{
	dlist_mutable_iter iterator;

	dlist_foreach_modify(iterator, &set->panes)
		pane_remove(dlist_container(Pane, node, iterator.cur));
}

static void
drop_set(Streamed *streamed, PartialSet *set)
{
	close_panes(set);
	dlist_delete(&set->node);
	list_free_deep(set->totals);
	pfree(set);
	streamed->n_sets--;
}

static void
drop_sets(Streamed *streamed)
{
	dlist_mutable_iter iterator;

	dlist_foreach_modify(iterator, &streamed->sets)
		drop_set(streamed, dlist_container(PartialSet, node, iterator.cur));
}

Pane *
partial_pane(PartialSet *set, CapturedMonitor *monitor, TimestampTz start, Segment *segment)
{
	Pane	   *pane = pane_get(monitor, set->number, start, segment);

	if (pane->node.next == NULL)
	{
		dlist_push_tail(&set->panes, &pane->node);
		new_panes++;
	}
	return pane;
}

PartialTotals *
partial_totals(PartialSet *set, CapturedMonitor *monitor)
{
	ListCell   *cell;
	PartialTotals *totals;
	MemoryContext old;

	foreach(cell, set->totals)
	{
		totals = lfirst(cell);
		if (totals->monitor == monitor)
			return totals;
	}
	old = MemoryContextSwitchTo(partial_context);
	totals = palloc0(sizeof(PartialTotals));
	totals->monitor_id = monitor->monitor_id;
	totals->monitor = monitor;
	totals->watermark = DT_NOBEGIN;
	set->totals = lappend(set->totals, totals);
	MemoryContextSwitchTo(old);
	return totals;
}

/* ---- joining ---- */

static void
remember_joined(Streamed *streamed, TransactionId xid)
{
	HASHCTL		control = {.keysize = sizeof(TransactionId), .entrysize = sizeof(JoinedBlock), .hcxt = partial_context};
	TransactionId block = xid / 64;
	bool		found;
	JoinedBlock *entry;

	if (streamed->joined == NULL)
		streamed->joined = hash_create("weir joined subtransactions", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	entry = hash_search(streamed->joined, &block, HASH_ENTER, &found);
	if (!found)
		entry->members = 0;
	entry->members |= UINT64CONST(1) << (xid % 64);
}

static bool
is_joined(const Streamed *streamed, TransactionId xid)
{
	TransactionId block = xid / 64;
	JoinedBlock *entry = streamed->joined == NULL ? NULL : hash_search(streamed->joined, &block, HASH_FIND, NULL);

	return entry != NULL && (entry->members >> (xid % 64) & 1) != 0;
}

static void
join_set(Streamed *streamed, PartialSet *set)
{
	PartialSet *into = find_set(streamed, streamed->xid, set->epoch);
	dlist_mutable_iter iterator;
	ListCell   *cell;

	if (into == NULL)
		into = make_set(streamed, streamed->xid, set->epoch);
	dlist_foreach_modify(iterator, &set->panes)
	{
		Pane	   *pane = dlist_container(Pane, node, iterator.cur);
		Pane	   *joined = partial_pane(into, pane->monitor, pane->key.start, pane->key.segment);

		pane_part_move(pane->monitor, &joined->added, &pane->added);
		pane_part_move(pane->monitor, &joined->removed, &pane->removed);
		pane_part_move(pane->monitor, &joined->base, &pane->base);
		joined->marks |= pane->marks;
		pane_remove(pane);
	}
	foreach(cell, set->totals)
	{
		PartialTotals *from = lfirst(cell);
		PartialTotals *totals = partial_totals(into, from->monitor);

		totals->watermark = Max(totals->watermark, from->watermark);
		totals->n_untimed += from->n_untimed;
		totals->inexact |= from->inexact;
	}
	into->n_rows += set->n_rows;
	remember_joined(streamed, set->xid);
	drop_set(streamed, set);
}

/* The sets that were used longest ago belong to subtransactions that are over, most likely. */
static void
join_some(Streamed *streamed)
{
	for (int i = 0; i < JOINED_AT_ONCE; i++)
	{
		PartialSet *set = dlist_head_element(PartialSet, node, &streamed->sets);

		if (set->xid != streamed->xid)
			join_set(streamed, set);
		else
		{
			dlist_delete(&set->node);
			dlist_push_tail(&streamed->sets, &set->node);
		}
	}
}

PartialSet *
partial_set(Streamed *streamed, TransactionId xid)
{
	PartialSet *set;

	if (is_joined(streamed, xid))
		xid = streamed->xid;
	if (!dlist_is_empty(&streamed->sets))
	{
		set = dlist_tail_element(PartialSet, node, &streamed->sets);
		if (set->xid == xid && set->epoch == streamed->epoch)
			return set;
	}
	set = find_set(streamed, xid, streamed->epoch);
	if (set == NULL)
	{
		if (streamed->n_sets >= MOST_SETS)
			join_some(streamed);
		return make_set(streamed, xid, streamed->epoch);
	}
	dlist_delete(&set->node);
	dlist_push_tail(&streamed->sets, &set->node);
	return set;
}

/* ---- what it touched ---- */

void
partial_note_relation(Streamed *streamed, Oid relation)
{
	MemoryContext old;

	if (list_member_oid(streamed->relations, relation))
		return;
	old = MemoryContextSwitchTo(partial_context);
	streamed->relations = lappend_oid(streamed->relations, relation);
	MemoryContextSwitchTo(old);
}

void
partial_truncate(Streamed *streamed, TransactionId xid, int monitor_id, Oid part)
{
	MemoryContext old = MemoryContextSwitchTo(partial_context);
	PartialTruncation *truncation = palloc(sizeof(PartialTruncation));

	*truncation = (PartialTruncation){.xid = xid,
									  .epoch = OidIsValid(part) ? streamed->epoch : ++streamed->epoch,
									  .monitor_id = monitor_id,
									  .part = part};
	streamed->truncations = lappend(streamed->truncations, truncation);
	MemoryContextSwitchTo(old);
}

int
partial_first_epoch(const Streamed *streamed, int monitor_id)
{
	ListCell   *cell;
	int			epoch = 0;

	foreach(cell, streamed->truncations)
	{
		PartialTruncation *truncation = lfirst(cell);

		if (truncation->monitor_id == monitor_id && !OidIsValid(truncation->part))
			epoch = Max(epoch, truncation->epoch);
	}
	return epoch;
}

/* ---- the end ---- */

void
partial_abort(Streamed *streamed, TransactionId xid)
{
	dlist_mutable_iter iterator;
	ListCell   *cell;

	if (xid == streamed->xid)
	{
		partial_forget(streamed);
		return;
	}
	foreach(cell, streamed->truncations)
	{
		PartialTruncation *truncation = lfirst(cell);

		if (truncation->xid != xid)
			continue;
		streamed->truncations = foreach_delete_current(streamed->truncations, cell);
		pfree(truncation);
	}
	/* What was joined cannot be told apart any more. */
	if (is_joined(streamed, xid))
	{
		ereport(LOG,
				(errmsg("weir gives up folding transaction %u, which is in progress: a subtransaction was rolled back late",
						streamed->xid),
				 errdetail("What it touched is rebuilt from the tables after it commits.")));
		partial_give_up(streamed);
	}
	dlist_foreach_modify(iterator, &streamed->sets)
	{
		PartialSet *set = dlist_container(PartialSet, node, iterator.cur);

		if (set->xid == xid)
			drop_set(streamed, set);
	}
}

void
partial_forget(Streamed *streamed)
{
	drop_sets(streamed);
	list_free_deep(streamed->truncations);
	list_free_deep(streamed->touched);
	list_free(streamed->relations);
	list_free(streamed->known_monitors);
	if (streamed->joined != NULL)
		hash_destroy(streamed->joined);
	transactions = list_delete_ptr(transactions, streamed);
	pfree(streamed);
}

/* ---- memory ---- */

static size_t
memory_of(const Streamed *streamed)
{
	size_t		memory = sizeof(Streamed);
	dlist_iter	set_iterator;

	dlist_foreach(set_iterator, &((Streamed *) streamed)->sets)
	{
		PartialSet *set = dlist_container(PartialSet, node, set_iterator.cur);
		dlist_iter	iterator;

		memory += sizeof(PartialSet);
		dlist_foreach(iterator, &set->panes)
		{
			Pane	   *pane = dlist_container(Pane, node, iterator.cur);

			memory += sizeof(Pane) + pane_part_memory(pane->monitor, &pane->added) +
				pane_part_memory(pane->monitor, &pane->removed) + pane_part_memory(pane->monitor, &pane->base);
		}
	}
	return memory;
}

size_t
partial_memory(void)
{
	ListCell   *cell;
	size_t		memory = 0;

	foreach(cell, transactions)
		memory += memory_of(lfirst(cell));
	return memory;
}

void
partial_limit(size_t memory)
{
	new_panes = 0;
	for (;;)
	{
		Streamed   *largest = NULL;
		size_t		most = 0;
		size_t		total = 0;
		ListCell   *cell;

		foreach(cell, transactions)
		{
			size_t		one = memory_of(lfirst(cell));

			total += one;
			if (one > most && !((Streamed *) lfirst(cell))->given_up)
			{
				most = one;
				largest = lfirst(cell);
			}
		}
		if (total <= memory || largest == NULL)
			return;
		ereport(LOG,
				(errmsg("weir gives up folding transaction %u, which is in progress: its partial panes take %zu kB", largest->xid,
						most / 1024),
				 errdetail("What it touched is rebuilt from the tables after it commits."), errhint("Raise weir.capture_memory.")));
		partial_give_up(largest);
	}
}

void
partial_limit_now_and_then(size_t memory)
{
	if (new_panes >= NEW_PANES_UNCHECKED)
		partial_limit(memory);
}

bool
partial_touches_source(const CapturedMonitor *monitor)
{
	ListCell   *cell;

	foreach(cell, transactions)
	{
		ListCell   *relation_cell;

		foreach(relation_cell, ((Streamed *) lfirst(cell))->relations)
			if (relation_descends_from(lfirst_oid(relation_cell), monitor->source))
				return true;
	}
	return false;
}
