/*
 * loop.c
 *		The loop of the capture worker: reads the stream, folds it into panes, writes them.
 *
 * Between two transactions of the stream it may flush (panes and position in one transaction), take note of new definitions, hand
 * over cuts and finish builds; so each of these happens at an exact position.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/privileges.h"
#include "base/sql.h"
#include "capture/blame.h"
#include "capture/build.h"
#include "capture/definition.h"
#include "capture/enum_label.h"
#include "capture/fault.h"
#include "capture/flush.h"
#include "capture/fold.h"
#include "capture/gap.h"
#include "capture/label_change.h"
#include "capture/learner_change.h"
#include "capture/loop.h"
#include "capture/pace.h"
#include "capture/pane.h"
#include "capture/partial.h"
#include "capture/priority.h"
#include "capture/request.h"
#include "capture/retention.h"
#include "capture/set_aside.h"
#include "capture/settings.h"
#include "capture/slot.h"
#include "capture/source.h"
#include "capture/status.h"
#include "capture/stream.h"
#include "capture/verification.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/slot.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/worker.h"

#define READ_SLICE_MS 50
#define IDLE_WAIT_MS 20
#define LOOK_AROUND_MS 1000
#define LOOK_AROUND_BUILDING_MS 100

#define LOOK_AT_SLOT_MS 1000

/* A transaction that has written its commit record is seen soon; when it waits for a standby, the stream goes on, see request.h. */
#define REQUEST_WAIT_MS 2

#define IDLE_ADVANCE_MS 10000
#define IDLE_ADVANCE_BYTES (16 * 1024 * 1024)
#define IDLE_ADVANCE_LEAST_BYTES (64 * 1024)

static MemoryContext definition_context = NULL;
static List *monitors = NIL;
static char *fingerprint = NULL;
static XLogRecPtr stored_position;
static TimestampTz stored_at;
static bool must_start_again = false;

/* ---- status ---- */

static void
show_status(bool caught_up)
{
	static TimestampTz last_at = 0;
	static uint64 last_rows = 0;
	TimestampTz now = GetCurrentTimestamp();
	CaptureStatus *status = status_lock(MyDatabaseId);

	if (status == NULL)
		return;
	/* What DDL has changed belongs to what is visible: until that is marked and its build requested, nothing is. */
	if (!source_changes_are_pending(monitors))
		status->visible_lsn = flush_has_rows(monitors) ? Max(status->visible_lsn, stored_position) : stream_position();
	if (caught_up)
		status->caught_up_at = now;
	strlcpy(status->state, caught_up ? "streaming" : "catching up", sizeof(status->state));
	if (stream_last_commit_at() != 0)
		status->last_commit_at = stream_last_commit_at();
	if (now - last_at >= USECS_PER_SEC)
	{
		if (last_at != 0)
			status->rows_per_second = (fold_row_count() - last_rows) * (double) USECS_PER_SEC / (now - last_at);
		status->rows_total += fold_row_count() - last_rows;
		status->memory_bytes = MemoryContextMemAllocated(TopMemoryContext, true);
		status->partial_bytes = partial_memory();
		status->rows_streamed = fold_streamed_row_count();
		status->given_up = partial_given_up_count();
		status->flush_interval_ms = pace_interval_ms();
		last_rows = fold_row_count();
		last_at = now;
	}
	status_unlock();
}

/* ---- definitions ---- */

static bool
definitions_changed(void)
{
	char	   *present = definition_fingerprint();

	return (present == NULL) != (fingerprint == NULL) || (present != NULL && strcmp(present, fingerprint) != 0);
}

/* Everything folded must be flushed. Inside a transaction and an SPI scope. */
static void
load_definitions(void)
{
	/* Panes know their monitors: they go first. */
	partial_give_up_all(monitors);
	pane_reset();
	if (definition_context != NULL)
		MemoryContextDelete(definition_context);
	definition_context = AllocSetContextCreate(TopMemoryContext, "weir definitions", ALLOCSET_DEFAULT_SIZES);
	sql_execute("DELETE FROM weir.pane WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL, NULL);
	sql_execute("DELETE FROM weir.build WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL, NULL);
	sql_execute("DELETE FROM weir.pane_level WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL, NULL);
	/* Definitions that pg_restore brought have no state: they are built like new ones. */
	sql_execute(
		"WITH restored AS (INSERT INTO weir.monitor_state (monitor_id) SELECT monitor_id FROM weir._captured_monitor "
		"WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor_state) RETURNING monitor_id) "
		"INSERT INTO weir.build (monitor_id, kind, kept) SELECT monitor_id, 'build', pg_catalog.nextval('weir.generation') FROM restored",
		0, NULL, NULL, NULL);
	sql_execute("DELETE FROM weir.source_relation WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL,
				NULL);
	sql_execute("DELETE FROM weir.source_change WHERE monitor_id NOT IN (SELECT monitor_id FROM weir.monitor)", 0, NULL, NULL,
				NULL);
	/*
	 * The fingerprint before all of what it stands for, and all of that as of one moment: each statement sees what was committed by
	 * then, and nothing may be folded for a build that is not prepared.
	 */
	do
	{
		fingerprint = definition_fingerprint();
		fingerprint = fingerprint ? MemoryContextStrdup(definition_context, fingerprint) : NULL;
		/* Before anything is read of them: whatever DDL does to the sources from now on will be noticed. */
		(void) source_look();
		enum_label_load();
		build_prepare();
		FAULT(FAULT_DEFINITIONS);
		monitors = definition_load(definition_context);
	} while (definitions_changed());
	gap_close_healed();
	definition_load_builds(monitors, definition_context);
	label_change_load();
	learner_change_load(monitors, definition_context);
	source_note_pending(monitors);
	request_set_monitors(monitors);
	fold_set_monitors(monitors);
	partial_take_up(monitors);
}

/* ---- flushing ---- */

/* ALTER DATABASE ... SET takes effect with the next start of a process. Within an SPI scope. */
static bool
database_settings_changed(void)
{
	static char *known = NULL;
	Oid			type = OIDOID;
	Datum		database = ObjectIdGetDatum(MyDatabaseId);
	char	   *present;
	bool		changed;

	sql_execute(
		"SELECT coalesce((SELECT setconfig::text FROM pg_catalog.pg_db_role_setting WHERE setdatabase = $1 AND setrole = 0), '')",
		1, &type, &database, NULL);
	present = sql_text(0, 1);
	if (known == NULL)
		known = MemoryContextStrdup(TopMemoryContext, present);
	changed = strcmp(known, present) != 0;
	return changed;
}

/* Somebody waits for what was folded and is not written. */
static bool
flush_is_wanted(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	bool		wanted = status->wanted_lsn > status->visible_lsn && stream_position() >= status->wanted_lsn;

	status_unlock();
	return wanted;
}

/* ---- one step ---- */

/*
 * Without rows to write the position is stored for the sake of the slot alone, rarely: storing it writes WAL itself.  A slot learns
 * only with the next confirmation that it can let go of more WAL.
 */
static bool
is_worth_advancing(XLogRecPtr position, TimestampTz now)
{
	XLogRecPtr	moved = position - stored_position;

	if (moved >= IDLE_ADVANCE_BYTES || slot_needs_flush(moved))
		return true;
	if (moved == 0 || now - stored_at < IDLE_ADVANCE_MS * INT64CONST(1000))
		return false;
	return moved >= IDLE_ADVANCE_LEAST_BYTES || position - MyReplicationSlot->data.restart_lsn >= IDLE_ADVANCE_BYTES;
}

/*
 * Flushes what there is, then looks at what others want.  Everything in one transaction, so that a build's end, the panes and the
 * position belong together.
 */
static void
flush_and_look_around(bool flush_is_due)
{
	SqlScope	scope;
	bool		needs_flush = flush_is_due && flush_is_needed(monitors);
	XLogRecPtr	position = stream_position();
	TimestampTz now = GetCurrentTimestamp();
	bool		advances = needs_flush || (!flush_has_rows(monitors) && is_worth_advancing(position, now));
	bool		sources_changed = false;
	bool		is_loaded = false;
	bool		builds_changed;
	List	   *passed;

	build_note_builders();
	pgstat_report_activity(STATE_RUNNING, "flushing panes");
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!extension_lock())
	{
		CommitTransactionCommand();
		slot_retire();
		proc_exit(0);
	}
	sql_begin(&scope);
	/* It has written its commit record, and others do not see it yet: nothing is stored of what lies behind. */
	if (request_must_wait(GetActiveSnapshot()))
	{
		sql_end(&scope);
		CommitTransactionCommand();
		return;
	}
	FAULT(FAULT_FLUSH_BEGIN);
	pace_flush_begins(pane_n_dirty());
	definition_load_builds(monitors, definition_context);
	/* What is new takes effect only where everything is flushed, and so do cuts and the ends of slices. */
	if (!needs_flush && flush_has_rows(monitors) &&
		(build_wants_flush(monitors, position) || source_wants_flush(monitors, position) || definitions_changed()))
		advances = true;
	advances |= request_is_pending();
	FAULT(FAULT_FLUSH_DECIDED);
	stream_forget_ended(GetActiveSnapshot());
	if (advances)
	{
		flush_write(monitors, position);
		if (request_is_pending())
			build_keep_requested();
		definition_load_builds(monitors, definition_context);
	}
	passed = build_find_passed(monitors, position);
	if (passed != NIL)
	{
		/* What was deleted before must not be decoded again and kept. */
		if (!advances)
			flush_write(monitors, position);
		advances = true;
		build_keep_passed(passed);
		definition_load_builds(monitors, definition_context);
	}
	if (advances || !flush_has_rows(monitors))
	{
		if (source_look_is_due())
			sources_changed = source_look();
		if (source_apply_changes(monitors, position))
			definition_load_builds(monitors, definition_context);
	}
	if (build_advance(monitors, position, advances || !flush_has_rows(monitors)))
	{
		/* Without its cut nothing keeps apart any more what lies before: never decode it again. */
		if (!advances)
			flush_write(monitors, position);
		advances = true;
		definition_load_builds(monitors, definition_context);
	}
	builds_changed = verification_abandon(monitors);
	builds_changed |= verification_take();
	if (builds_changed)
		definition_load_builds(monitors, definition_context);
	if (advances || !flush_has_rows(monitors))
		retention_apply(monitors);
	/*
	 * What is new takes effect at this position, in the transaction that makes it final.  Where rows still wait in memory it has
	 * come only now, and they are flushed first: at the next look.
	 */
	if ((advances || !flush_has_rows(monitors)) && (sources_changed || definitions_changed()))
	{
		flush_committed(monitors);
		load_definitions();
		is_loaded = true;
	}
	/* Of transactions in progress what was deleted so far is not kept for these: they are folded from their beginnings again. */
	if (build_keeps_anew(monitors, is_loaded))
		must_start_again = true;
	label_change_follow();
	learner_change_follow(monitors);
	must_start_again |= learner_change_wants_restart() || database_settings_changed() || priority_wants_new_process();
	priority_lower();
	sql_end(&scope);
	if (advances)
		FAULT(FAULT_FLUSH_WRITTEN);
	CommitTransactionCommand();
	verification_tell();
	request_taken();
	if (advances)
	{
		FAULT(FAULT_FLUSH_COMMITTED);
		flush_committed(monitors);
		pace_flush_ended(position);
		stored_position = position;
		stored_at = now;
		FAULT(FAULT_BEFORE_CONFIRM);
		slot_confirm(position, XactLastCommitEnd);
		FAULT(FAULT_AFTER_CONFIRM);
	}
	else
		slot_confirm(InvalidXLogRecPtr, InvalidXLogRecPtr);
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* ---- the loop ---- */

static bool
has_monitors(void)
{
	SqlScope	scope;
	bool		is_null;
	bool		found = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (OidIsValid(extension_oid(true)))
	{
		sql_begin(&scope);
		sql_execute("SELECT EXISTS (SELECT FROM weir._captured_monitor)", 0, NULL, NULL, NULL);
		found = DatumGetBool(sql_value(0, 1, &is_null));
		sql_end(&scope);
	}
	CommitTransactionCommand();
	return found;
}

/* Half is for what waits to be flushed, half for transactions in progress, which no flush makes smaller. */
static bool
is_over_memory(void)
{
	size_t		half = (size_t) capture_memory_kb * 1024 / 2;

	return pane_memory() > half && pane_memory() - Min(partial_memory(), pane_memory()) > half;
}

void
loop_run(void)
{
	XLogRecPtr	position;
	TimestampTz next_look = 0;
	TimestampTz next_slot_look = 0;
	GapReason	reason;
	SqlScope	scope;
	int			monitor_to_blame;
	const char *blame_reason;

	if (!has_monitors())
	{
		slot_retire();
		return;
	}
	pane_init(TopMemoryContext);
	partial_init(TopMemoryContext);
	slot_set_up_origin();
	position = slot_find_position();
	if (position == InvalidXLogRecPtr)
		return;
	stored_position = position;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	sql_begin(&scope);
	monitor_to_blame = blame_open(position, &blame_reason);
	if (monitor_to_blame != 0)
		set_aside_disable(monitor_to_blame, blame_reason, blame_reason);
	load_definitions();
	(void) build_keeps_anew(monitors, true);
	sql_end(&scope);
	CommitTransactionCommand();
	stream_open(position);
	stored_at = GetCurrentTimestamp();
	pace_begin(position);

	for (;;)
	{
		bool		caught_up = stream_read(Min(READ_SLICE_MS, capture_flush_interval_ms));
		TimestampTz now = GetCurrentTimestamp();
		bool		over_memory = is_over_memory();
		bool		asked = verification_is_asked();
		bool		requested = request_is_pending();
		bool		flush_is_due = flush_is_needed(monitors) &&
			(requested || over_memory || asked || slot_needs_flush(stream_position() - stored_position) ||
			 pace_is_due(stream_position(), pane_n_dirty(), caught_up, flush_is_wanted()));

		if (flush_is_due || now >= next_look || asked || requested)
		{
			flush_and_look_around(flush_is_due);
			if (request_is_pending())
				worker_wait(REQUEST_WAIT_MS);
			if (monitors == NIL && !has_monitors())
			{
				slot_retire();
				return;
			}
			/* Nothing may be decoded before the build is known with its cut. */
			if (!flush_has_rows(monitors) && build_hand_over_cuts(monitors, fingerprint))
				flush_and_look_around(true);
			next_look = build_took_step()
				? now
				: TimestampTzPlusMilliseconds(now,
											  build_is_under_way(monitors) || source_changes_are_pending(monitors)
												  ? LOOK_AROUND_BUILDING_MS
												  : LOOK_AROUND_MS);
			build_start_builders(monitors);
		}
		if (must_start_again)
		{
			flush_and_look_around(true);
			return;
		}
		show_status(caught_up);
		slot_offer_restart();
		if (now >= next_slot_look || slot_keeps_too_much() || status_is_upgrading())
		{
			if (slot_must_go(&reason))
			{
				/* What was read and not confirmed may be all that was too much. */
				flush_and_look_around(true);
				if (!reason.over_budget || slot_must_go(&reason))
				{
					slot_let_go(&reason);
					return;
				}
			}
			next_slot_look = TimestampTzPlusMilliseconds(now, LOOK_AT_SLOT_MS);
		}
		if (caught_up)
		{
			TimestampTz next = flush_is_needed(monitors) ? Min(pace_next(), next_look) : next_look;
			long		wait_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);

			if (worker_wait(Max(1, Min(wait_ms, IDLE_WAIT_MS))))
				next_look = 0;
			pace_caught_up();
		}
	}
}

XLogRecPtr
loop_position(void)
{
	return stored_position;
}
