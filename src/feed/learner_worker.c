/*
 * learner_worker.c
 *		The service that learns: one process per database that has learners.
 *
 * Capture writes what changes in the transaction of its position; a turn here reads what waits of one learner, applies it in
 * memory, and writes the new state, what it predicted and how far it has come in one transaction. So a crash of either loses
 *nothing and learns nothing twice. A learner stays in memory from turn to turn; what a turn did that was not committed is
 *forgotten.
 *
 * Learners with work take turns, each of which ends after some time; another process reads the tables of those that begin. So none
 * waits for more than one turn of each other.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/capture.h"
#include "capture/fault.h"
#include "catalog/pg_type.h"
#include "feed/attribution.h"
#include "feed/fed_learner.h"
#include "feed/feed.h"
#include "miscadmin.h"
#include "monitor/boundary.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define CHUNKS_PER_FETCH "16"
#define TURN_MS 1000
#define LOOK_MS 200
#define LEAST_PAUSE_MS 200
#define RETRY_MS 2000
#define EXPIRE_MS 60000

/* A state is written whole: how many bytes of states per second. */
#define STATE_BYTES_PER_MS (8 * 1024)

static List *fed_learners = NIL;

/* ---- presence ---- */

static bool
feed_is_wanted(void)
{
	SqlScope	scope;
	bool		wanted = false;
	bool		is_null;

	if (!OidIsValid(extension_oid(true)) || !OidIsValid(get_relname_relid("monitor_learner", extension_schema())))
		return false;
	sql_begin(&scope);
	sql_execute("SELECT EXISTS (SELECT FROM weir.monitor_learner) OR EXISTS (SELECT FROM weir.attribution)", 0, NULL, NULL, NULL);
	wanted = DatumGetBool(sql_value(0, 1, &is_null)) || attribution_is_wanted();
	sql_end(&scope);
	return wanted;
}

/* ---- a turn ---- */

typedef struct Turn
{
	FedLearner *fed;
	bool		has_more;		/* it ended because it took long */
} Turn;

static void
apply_chunk(FedLearner *fed, bool is_of_before, const char *changes, Size size, MemoryContext row_context)
{
	MemoryContext old = MemoryContextSwitchTo(row_context);
	Size		position = 0;

	remembered_read(fed, changes, size);
	while (learner_row_read(changes, size, &position, &fed->change, fed->n_features + 1))
	{
		if (is_of_before || !fed_learner_has_read(fed, fed->change.xid))
			fed_learner_apply(fed);
		MemoryContextReset(row_context);
		CHECK_FOR_INTERRUPTS();
	}
	remembered_write(fed);
	MemoryContextSwitchTo(old);
	MemoryContextReset(row_context);
	FAULT(FAULT_LEARNER_APPLIED);
}

/* A state is written whole, so a turn of one that is large lasts longer. */
static int
turn_ms(const FedLearner *fed)
{
	return TURN_MS + (int) (fed->state_size / STATE_BYTES_PER_MS);
}

/* What waits, up to some time. */
static void
apply_waiting(Turn *turn)
{
	FedLearner *fed = turn->fed;
	TimestampTz started_at = GetCurrentTimestamp();
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "weir learned row", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		Oid			types[] = {INT4OID, INT8OID};
		Datum		values[] = {Int32GetDatum(fed->learner_id), Int64GetDatum(fed->applied)};
		uint64		n = sql_execute("SELECT change_id, changes FROM weir.learner_change WHERE learner_id = $1 AND change_id > $2 "
							   "ORDER BY change_id LIMIT " CHUNKS_PER_FETCH,
							   2, types, values, NULL);
		SPITupleTable *rows = SPI_tuptable;

		for (uint64 i = 0; i < n; i++)
		{
			bool		is_null;
			int64		change_id = DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &is_null));
			bytea	   *changes = DatumGetByteaPP(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &is_null));

			apply_chunk(fed, change_id < 0, VARDATA_ANY(changes), VARSIZE_ANY_EXHDR(changes), row_context);
			fed->applied = change_id;
			if (TimestampDifferenceExceeds(started_at, GetCurrentTimestamp(), turn_ms(fed)))
			{
				turn->has_more = true;
				return;
			}
		}
		SPI_freetuptable(rows);
		if (n > 0)
			continue;
		/* The rows of before are learned. */
		fed->applied = Max(fed->applied, 0);
		return;
	}
}

static bool
is_time_to_expire(void)
{
	static TimestampTz next = 0;
	TimestampTz now = GetCurrentTimestamp();

	if (now < next)
		return false;
	next = TimestampTzPlusMilliseconds(now, EXPIRE_MS);
	return true;
}

static void
take_turn(void *argument)
{
	Turn	   *turn = argument;
	FedLearner *fed = turn->fed;
	SqlScope	scope;

	if (!fed->has_begun)
	{
		turn->has_more = learner_reader_begin(fed);
		return;
	}
	sql_begin(&scope);
	apply_waiting(turn);
	if (snapshot_is_due(fed))
		(void) snapshot_make(fed, "on schedule", true);
	if (!fed_learner_store(fed))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("learner of model \"%s\" is being changed by somebody", fed->model)));
	FAULT(FAULT_LEARNER_STORED);
	sql_end(&scope);
}

/* Capture need not decode what is written here. */
static void
take_turn_unseen(void *argument)
{
	capture_pass_over(take_turn, argument);
}

static void
forget(FedLearner *fed)
{
	fed_learners = list_delete_ptr(fed_learners, fed);
	fed_learner_free(fed);
}

/* ---- failures ---- */

/* A learner that is tried again, and when. */
typedef struct Retry
{
	int			learner_id;
	TimestampTz at;
} Retry;

static List *retries = NIL;

/* The error of the learner, its rows or its table: it is set aside, or tried again later, and the others go on. */
static void
handle_failure(int learner_id, const char *what, const ErrorData *error)
{
	MemoryContext old;
	Retry	   *retry;

	if (!fed_learner_fail(learner_id, what, error))
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	retry = palloc(sizeof(Retry));
	*retry = (Retry){.learner_id = learner_id, .at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_MS)};
	retries = lappend(retries, retry);
	MemoryContextSwitchTo(old);
}

static bool
has_just_failed(int learner_id, TimestampTz now)
{
	bool		has_failed = false;
	ListCell   *cell;

	foreach(cell, retries)
	{
		Retry	   *retry = lfirst(cell);

		if (retry->at > now)
			has_failed |= retry->learner_id == learner_id;
		else
		{
			retries = foreach_delete_current(retries, cell);
			pfree(retry);
		}
	}
	return has_failed;
}

/* In a transaction of its own. */
static void
turn_of(FedLearner *fed)
{
	Turn		turn = {.fed = fed};
	ErrorData  *error;
	MemoryContext context;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	context = CurrentMemoryContext;
	if (!extension_lock())
	{
		CommitTransactionCommand();
		return;
	}
	pgstat_report_activity(STATE_RUNNING, psprintf("learning: model %s", fed->model));
	error = run_behind_boundary(take_turn_unseen, &turn);
	MemoryContextSwitchTo(context);
	if (error != NULL)
		handle_failure(fed->learner_id, psprintf("feed the learner of model \"%s\"", fed->model), error);
	CommitTransactionCommand();
	pgstat_report_activity(STATE_IDLE, NULL);
	if (error != NULL)
	{
		forget(fed);
		return;
	}
	FAULT(FAULT_LEARNER_COMMITTED);
	fed->next_turn = turn.has_more
		? 0
		: TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LEAST_PAUSE_MS + (int) (fed->state_size / STATE_BYTES_PER_MS));
}

/* ---- the loop ---- */

static FedLearner *
find_fed(int learner_id)
{
	ListCell   *cell;

	foreach(cell, fed_learners)
		if (((FedLearner *) lfirst(cell))->learner_id == learner_id)
			return lfirst(cell);
	return NULL;
}

typedef struct Loading
{
	int			learner_id;
	FedLearner *fed;
} Loading;

static void
load(void *argument)
{
	Loading	   *loading = argument;
	SqlScope	scope;

	sql_begin(&scope);
	loading->fed = fed_learner_load(loading->learner_id, TopMemoryContext);
	sql_end(&scope);
}

/* What a learner is by now, as one row of the look says. Reads it anew where it has changed. */
static void
look_at(uint64 i)
{
	bool		is_null;
	int			learner_id = DatumGetInt32(sql_value(i, 1, &is_null));
	FedLearner *fed = find_fed(learner_id);
	Loading		loading = {0};
	ErrorData  *error;
	MemoryContext old;

	if (fed != NULL && (fed->epoch != DatumGetInt32(sql_value(i, 2, &is_null)) || strcmp(fed->version, sql_text(i, 3)) != 0))
	{
		forget(fed);
		fed = NULL;
	}
	if (fed != NULL)
		return;
	loading.learner_id = learner_id;
	error = run_behind_boundary(load, &loading);
	fed = loading.fed;
	if (error != NULL)
		handle_failure(learner_id, psprintf("read learner %d", learner_id), error);
	if (error != NULL || fed == NULL)
		return;
	old = MemoryContextSwitchTo(TopMemoryContext);
	fed_learners = lappend(fed_learners, fed);
	MemoryContextSwitchTo(old);
}

/* Those that have something to do. False when the extension is gone. */
static bool
look_around(List **turns)
{
	SqlScope	scope;
	ListCell   *cell;
	TimestampTz now = GetCurrentTimestamp();
	bool		is_null;
	bool		is_read_elsewhere = true;
	uint64		n;
	SPITupleTable *rows;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!extension_lock())
	{
		CommitTransactionCommand();
		return false;
	}
	sql_begin(&scope);
	if (is_time_to_expire())
	{
		remembered_expire();
		fed_learner_follow_owners();
	}
	n = sql_execute(
		"SELECT l.learner_id, s.epoch, l.xmin::text || (s.cut IS NULL), s.cut IS NULL OR EXISTS (SELECT FROM weir.learner_change c "
		"WHERE c.learner_id = l.learner_id AND c.change_id > s.applied), s.cut IS NULL FROM weir.monitor_learner l "
		"JOIN weir.learner_state s USING (learner_id) WHERE s.disabled_reason IS NULL AND (s.followed OR s.cut IS NOT NULL)",
		0, NULL, NULL, NULL);
	rows = SPI_tuptable;
	for (uint64 i = 0; i < n && is_read_elsewhere; i++)
		if (DatumGetBool(sql_value(i, 5, &is_null)))
			is_read_elsewhere = learner_reader_start();
	/* Those that are gone. */
	for (;;)
	{
		FedLearner *gone = NULL;

		foreach(cell, fed_learners)
		{
			FedLearner *fed = lfirst(cell);
			bool		is_there = false;

			for (uint64 i = 0; i < n; i++)
				is_there |= DatumGetInt32(sql_value(i, 1, &is_null)) == fed->learner_id;
			if (!is_there)
				gone = fed;
		}
		if (gone == NULL)
			break;
		forget(gone);
	}
	for (uint64 i = 0; i < n; i++)
	{
		FedLearner *fed;
		MemoryContext old;

		SPI_tuptable = rows;
		if ((is_read_elsewhere && DatumGetBool(sql_value(i, 5, &is_null))) ||
			has_just_failed(DatumGetInt32(sql_value(i, 1, &is_null)), now))
			continue;
		look_at(i);
		SPI_tuptable = rows;
		fed = find_fed(DatumGetInt32(sql_value(i, 1, &is_null)));
		if (fed == NULL || fed->next_turn > now || !(DatumGetBool(sql_value(i, 4, &is_null)) || snapshot_is_due(fed)))
			continue;
		old = MemoryContextSwitchTo(TopMemoryContext);
		*turns = lappend(*turns, fed);
		MemoryContextSwitchTo(old);
	}
	sql_end(&scope);
	CommitTransactionCommand();
	return true;
}

static void
feed_main(void)
{
	SetConfigOption("synchronous_commit", "local", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_OVERRIDE);
	for (;;)
	{
		List	   *turns = NIL;
		ListCell   *cell;
		bool		is_busy = false;

		if (!look_around(&turns))
			return;
		foreach(cell, turns)
			turn_of(lfirst(cell));
		attribution_turn();
		is_busy = turns != NIL;
		list_free(turns);
		pgstat_report_stat(false);
		if (fed_learners == NIL)
		{
			bool		wanted;

			SetCurrentStatementStartTimestamp();
			StartTransactionCommand();
			wanted = feed_is_wanted();
			CommitTransactionCommand();
			if (!wanted)
				return;
		}
		worker_wait(is_busy ? 1 : LOOK_MS);
	}
}

void
feed_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	worker_register_service("learners", feed_is_wanted, feed_main);
	learner_reader_init();
}
