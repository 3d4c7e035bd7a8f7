/*
 * source.h
 *		Watches the tables that monitors' rows come from, for DDL that changes rows or columns.  Inside this room only.
 *
 * Decoding tells of rows one by one.  It tells nothing of a table that is rewritten with other values, of partitions that come
 *filled or go away, or of a column that has another name.  Capture compares the catalogs with what it saw last
 *(weir.source_relation, weir.monitor_state.attributes), and notes the ranges of event time that have to be built again, or kept as
 *they are (weir.source_change).
 */
#ifndef WEIR_CAPTURE_SOURCE_H
#define WEIR_CAPTURE_SOURCE_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "capture/definition.h"

/* True when something may have happened to a source since the last look. */
extern bool source_look_is_due(void);

/*
 * Looks at all sources.  Returns true when definitions have to be loaded again.  Inside a transaction and an SPI scope; takes no
 * lock on a source that anybody could wait for, and waits for nobody.
 */
extern bool source_look(void);

/*
 * Disables monitors that have failed, takes note of the partitions that were truncated, and does what was noticed before the
 * stream's position; the rest is noted in source_change_lsn.  Everything folded must be flushed.  Returns true when builds were
 * requested.
 */
extern bool source_apply_changes(List *monitors, XLogRecPtr position);

/*
 * Raises 40001 when DDL has given the source, or a partition of it, another file or taken it away since the active snapshot was
 * taken: what was read under the snapshot is not what it should see.
 */
extern void source_require_unchanged(Oid source);

/* Raises 40001 when somebody waits for an exclusive lock on a table or an index that this process reads: DDL goes first. */
extern void source_give_way(void);

/*
 * In a query over weir.monitor m, with a column's name as col.name (a text): true when the column has a part in the monitor.  One
 * that the filter may use counts, and so does one of its learners'.
 */
#define SOURCE_COLUMN_COUNTS \
	"coalesce(col.name IN (m.time_column::text, m.prediction::text, m.score::text, m.label::text) OR col.name = ANY (m.segment_by::text[]) " \
	"OR col.name = ANY (m.protected::text[]) OR pg_catalog.strpos(m.filter, pg_catalog.replace(col.name, '\"', '\"\"')) > 0, false) " \
	"OR EXISTS (SELECT FROM weir.monitor_column mc WHERE mc.monitor_id = m.monitor_id AND mc.retired_at IS NULL " \
	"AND mc.column_name::text = col.name) " \
	"OR EXISTS (SELECT FROM weir.monitor_learner ml WHERE ml.monitor_id = m.monitor_id AND col.name = ANY (ml.features || ml.label))"

/* The same note for monitors that were just loaded. Inside an SPI scope. */
extern void source_note_pending(List *monitors);

/* True when nobody has looked since DDL, or source_apply_changes has something to do, now or when the stream has come further. */
extern bool source_changes_are_pending(List *monitors);

/* True when it has something to do now, at this position, or source_look has: both where everything is flushed. */
extern bool source_wants_flush(List *monitors, XLogRecPtr position);

/* ---- source_columns.c ---- */

/*
 * Follows a source's columns: renames them in the definition, retires those that cannot be read any more, takes those back that can
 * be read again.  Returns true when the definition changed; sets *replaced when values of a column are others than before.  False
 * and *busy when somebody holds the definition.
 */
extern bool source_follow_columns(int monitor_id, Oid source, bool *replaced, bool *busy);

/* False when somebody is altering or dropping the monitor: capture waits for nobody. */
extern bool source_lock_definition(int monitor_id, Oid source);

/* ---- source_labels.c ---- */

/*
 * Follows labels of enums that were renamed since the last look, in what the definition says of values, and notes them for those
 * who follow later (weir.label_rename).  Columns have the names that they have.  Returns true when some were: labels have to be
 * loaded again; false and *busy when somebody holds the definition.
 */
extern bool source_follow_labels(int monitor_id, Oid source, bool *busy);

/* Why the monitor cannot go on: its positive value is no label of the enum that it is looked for in.  NULL: it is none of those. */
extern char *source_problem_of_positive(int monitor_id, Oid source);

#endif
