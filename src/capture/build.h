/*
 * build.h
 *		Shadow generations: read from the source under a cut, completed by capture, swapped in or compared.  Inside this room only.
 *
 * build.c, build_prepare.c, build_cut.c, build_kept.c and build_finish.c are capture's side, build_plan.c, build_read.c and
 *builder.c the builder's.
 */
#ifndef WEIR_CAPTURE_BUILD_H
#define WEIR_CAPTURE_BUILD_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "capture/definition.h"
#include "capture/pane.h"
#include "nodes/bitmapset.h"

/* ---- capture's side ---- */

/* All builds of all monitors, one after the other; begins with .monitors set and all else zero. */
typedef struct BuildCursor
{
	List	   *monitors;
	int			next_monitor;
	int			next_build;
	CapturedMonitor *monitor;	/* of the build that was given last */
} BuildCursor;

/* NULL at the end. */
extern ActiveBuild *build_next(BuildCursor *cursor);

/* Passes over what is left of the present monitor. */
extern void build_leave_monitor(BuildCursor *cursor);

/* Remembers which builders are at work.  Before builds are loaded, so that one that ends in between has told its outcome. */
extern void build_note_builders(void);

/* True while there are builds that are not over. */
extern bool build_is_under_way(List *monitors);

/* Starts builders where slices wait and fewer run than weir.build_workers allows. */
extern void build_start_builders(List *monitors);

/* A flush for the sake of the monitor's builds has come to something, or not: then the next is wanted later. */
extern void build_note_try(CapturedMonitor *monitor, bool succeeded);

/* Whether it waits for a builder to read it. */
extern bool build_waits_for_builder(const CapturedMonitor *monitor, const ActiveBuild *slice);

/*
 * Gives a slice and a cut, taken at the present position, to every builder that waits for one.  Everything decoded must be flushed;
 * fingerprint is that of the definitions loaded. Outside any transaction. Returns true when a cut was taken: builds must be loaded
 * again.
 */
extern bool build_hand_over_cuts(List *monitors, const char *fingerprint);

/*
 * True when a builder waits for its cut, or a slice that is read for its next step: both happen only where everything decoded is
 * flushed.  Nothing else of a build needs that.
 */
extern bool build_wants_flush(List *monitors, XLogRecPtr position);

/*
 * Where everything is flushed, finishes the slices that are read and whose cut lies behind position, one step at a time; begins
 * those again whose builder died.  Within the flush transaction and an SPI scope, after the panes were written.  Returns true when
 * something changed: builds must be loaded again.
 */
extern bool build_advance(List *monitors, XLogRecPtr position, bool is_flushed);

/*
 * Ends verifications whose caller has gone: awaited are those of the others.  Within an SPI scope. Returns true when there was one:
 * builds must be loaded again.
 */
extern bool build_abandon_verifications(List *monitors, const int *awaited, int n);

/* Whether the last call took a step: there may be more. */
extern bool build_took_step(void);

/* Begins the builds of the monitor (0: of all) again: their cuts are worth nothing any more.  Inside an SPI scope. */
extern void build_begin_again(int monitor_id);

/* The same for the slices that were read, or are being read, and have to do with the range. */
extern void build_begin_slices_again(int monitor_id, TimestampTz since, TimestampTz until);

/* Where the next step of finishing a slice ends: between panes, or at the end of the slice. */
extern TimestampTz build_step_end(const CapturedMonitor *monitor, const ActiveBuild *slice);

/*
 * Inside an SPI scope, with the monitor's state locked: compares the slice's panes with the live ones, or puts them in their place.
 * The slice may be a part of one, up to the end of a step.
 */
extern void build_compare_slice(CapturedMonitor *monitor, const ActiveBuild *slice, XLogRecPtr position);
extern void build_swap_slice(CapturedMonitor *monitor, const ActiveBuild *slice);

/* The same for columns that were added: only their summaries are put into the live panes. */
extern void build_complete_slice(CapturedMonitor *monitor, const ActiveBuild *slice);

/* Which columns of the monitor a build of kind BUILD_COLUMNS is about. */
extern Bitmapset *build_columns(const CapturedMonitor *monitor, int build);

/*
 * Rows that are deleted before they are read, and kept.  From here on: for the builds that were asked for at this position, or all
 * that there are.  Both within a transaction that stores the position.
 */
extern void build_keep_requested(void);
extern void build_keep_all(void);

/*
 * Builds (int) for which nothing is kept although the stream has passed the commit that asked for them: it was not visible then.
 * They keep from here on, and what may be lost is marked.  The latter within a transaction that stores the position.
 */
extern List *build_find_passed(List *monitors, XLogRecPtr position);
extern void build_keep_passed(List *passed);

/*
 * Whether a build keeps rows that did not the last time, or (all) whether any does, of a table that a transaction in progress has
 * changed: what that deleted before is not among them.
 */
extern bool build_keeps_anew(List *monitors, bool all);

/* Gives a slice what was kept until its cut; drops what was kept for one that is done. */
extern void build_give_kept(const ActiveBuild *slice);
extern void build_drop_kept(const ActiveBuild *slice);

/* Whether a pane that is kept for the first time had lost rows before. */
extern bool build_lost_before(const Pane *kept, Datum segment);

/*
 * What is kept in the range is not all that its panes lost; or rows were deleted there that the stream does not tell.  Monitor 0:
 * of all. What is in memory is marked or forgotten by the caller.
 */
extern void build_mark_kept(int monitor_id, TimestampTz since, TimestampTz until);
extern void build_mark_lost(int monitor_id, TimestampTz since, TimestampTz until);

/* Forgets what is kept and in memory.  Flush first. */
extern void build_forget_kept(CapturedMonitor *monitor);

/* Generations of panes that outlive the cuts: the live one, and those that are kept for builds. */
#define BUILD_LASTING_GENERATIONS \
	" (SELECT 0 UNION ALL SELECT kept FROM weir.build WHERE kept IS NOT NULL AND state NOT IN ('done', 'failed')) "

/*
 * Takes note of builds that came with a definition which makes all panes anew, and merges those that would read the table twice.
 * Where definitions are loaded, before they are.
 */
extern void build_prepare(void);

/*
 * Of weir.build b, weir.monitor_state m: verify compares nothing with panes that are not live yet, are those of another definition,
 * or have a gap that is being healed.  It waits for that.  A table that somebody keeps locked holds up its own builds alone.
 */
#define BUILD_MAY_BEGIN \
	" m.state <> 'disabled' AND (b.kind <> 'verify' OR m.state = 'active' AND NOT EXISTS (SELECT FROM weir.build first " \
	"WHERE first.monitor_id = b.monitor_id AND first.kind IN ('build', 'heal') AND first.state NOT IN ('done', 'failed'))) " \
	"AND b.monitor_id NOT IN (SELECT r.monitor_id FROM weir.source_relation r JOIN pg_catalog.pg_locks l ON l.relation = r.relation " \
	"WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted " \
	"AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())) "

/*
 * weir.build, those that are not over; served: when the last one of the same monitor was over. Who was served longest ago is next,
 * so that no monitor waits for all builds of another.
 */
#define PENDING_BUILDS \
	" (SELECT p.*, o.served FROM weir.build p LEFT JOIN (SELECT monitor_id, max(finished_at) AS served FROM weir.build " \
	"GROUP BY monitor_id) o USING (monitor_id) WHERE p.state NOT IN ('done', 'failed')) "
#define IN_TURN " ORDER BY b.served NULLS FIRST, b.build_id"

/* What weir.build is set to when it begins again: nothing is compared twice. */
#define BUILD_BEGINS_AGAIN \
	" state = 'requested', panes = NULL, equal = NULL, different = NULL, marked = NULL, first_difference = NULL "

/* Statements about a slice share their parameters: $1 monitor, $2 build, $3 slice, $4 generation, $5 since, $6 until. */
extern uint64 build_execute(const char *statement, const ActiveBuild *slice);

/* ---- the builder's side ---- */

/* The one-off worker that reads sources. */
extern void builder_main(int64 argument);

/* How a range is to be read: in slices of event time, the newest first, or in one pass. */
typedef struct BuildPlan
{
	int64		rows;			/* estimate */
	int			n_slices;
	TimestampTz *bounds;		/* ascending, n_slices + 1: slice i is [bounds[i], bounds[i + 1]) */
	int64	   *slice_rows;		/* estimates */
	const char *method;			/* why so: 'slices of time', 'one slice', ... */
} BuildPlan;

/* Looks at the source through a sample; old_size (may be NULL) is the size of the live panes, to whose begins the bounds keep too.
 * Inside a transaction; in the current memory context. */
extern void build_plan(CapturedMonitor *monitor, const Interval *old_size, TimestampTz since, TimestampTz until, BuildPlan *plan);

/*
 * Reads the rows of [since, until) into panes in memory, under the active snapshot; returns their number.  only (may be NULL) are
 * the columns to summarize.
 */
extern int64 build_read_source(CapturedMonitor *monitor, const Bitmapset *only, int generation, TimestampTz since,
							   TimestampTz until, bool by_index);

/* Writes the panes in memory that build_read_source did not have to write already, and forgets them.  Inside an SPI scope. */
extern void build_write_panes(void);

#endif
