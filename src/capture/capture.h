/*
 * capture.h
 *		What other rooms need of capture.
 */
#ifndef WEIR_CAPTURE_H
#define WEIR_CAPTURE_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

/* The values of a monitor's segment columns, of at most 256 bytes each, are in the key of its panes. */
#define CAPTURE_MAX_SEGMENT_COLUMNS 8

/* From _PG_init: settings, shared memory, the capture service, the builder. */
extern void capture_init(void);

/*
 * Parses a monitor's filter over the relation's columns (varno 1), which have other names where a list of String is given (of those
 * not dropped), and refuses what is more than a publication's row filter would take: 42601 not an expression, 0A000 not simple,
 * 42703 no such column, 42804 not boolean.  Takes no lock.
 */
extern Node *capture_parse_filter_of(Relation relation, const char *filter, List *column_names);

/* What is parsed as text that means the same whatever the settings of who reads it, with the relation's own names. */
extern char *capture_filter_text(Node *filter, Oid relation);

/*
 * The filter of a definition as it is to be kept: as it was given, or where it has times, whose text is read as the session's
 * settings say, as text that does not depend on them.
 */
extern char *capture_settled_filter(Oid relation, char *filter);

/* The hash by which capture notes the former name of a label of an enum: that of hashtext in its statements. */
extern int32 capture_label_hash(const char *label, size_t length);

/* weir.wait_for(lsn, timeout), for functions that wait for more. */
extern PGDLLEXPORT Datum weir_wait_for(PG_FUNCTION_ARGS);

/* What is written by this, in a worker of weir, is not decoded by capture.  Ends before the transaction or subtransaction does. */
extern void capture_pass_over(void (*write)(void *argument), void *argument);

/* Raises 53400 when a hundred builds of the monitor are not over: before another one is asked for. Inside an SPI scope. */
extern void capture_require_few_builds(int monitor_id, const char *name);

/* Tells by NOTICE what of the setup is missing for this monitor, each with the command that mends it. */
extern void capture_report_setup(int monitor_id);

#endif
