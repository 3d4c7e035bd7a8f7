/*
 * stream.h
 *		The stream of committed changes: slot, output plugin, in-process decoding.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_STREAM_H
#define WEIR_CAPTURE_STREAM_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "utils/snapshot.h"

/* Name of this database's slot: weir_<database oid>. */
extern const char *stream_slot_name(void);

/* True when the slot exists. */
extern bool stream_slot_exists(void);

/* Position that the slot has confirmed; InvalidXLogRecPtr when there is no such slot. */
extern XLogRecPtr stream_slot_confirmed(void);

/* Creates the slot; waits for the transactions that are running. Returns the position from which it decodes. Outside any
 * transaction. */
extern XLogRecPtr stream_create_slot(void);

/* Drops the slot if it is there and not in use. */
extern void stream_drop_slot(void);

/* Opens the stream so that the first transaction given is the first whose commit is not before position. */
extern void stream_open(XLogRecPtr position);

/*
 * Decodes records that are already flushed, for at most about milliseconds, or until nothing is left; committed transactions go to
 * fold. Returns true when it stopped for lack of records.  Outside any transaction.
 */
extern bool stream_read(int milliseconds);

/* Reading ended with an error because the slot is past weir.max_wal: it has to go. */
extern bool stream_is_past_budget(void);

/* Every commit that ends at or before this was given to fold. */
extern XLogRecPtr stream_position(void);

/* Where the record that is decoded begins. */
extern XLogRecPtr stream_record(void);

/* Tells the slot that everything up to position is durable elsewhere. */
extern void stream_confirm(XLogRecPtr position);

/* Commit time of the last transaction decoded, 0 when none. */
extern TimestampTz stream_last_commit_at(void);

/*
 * True when every transaction decoded so far had ended for the snapshot: then the snapshot sees at least all that was folded.
 */
extern bool stream_is_within(Snapshot snapshot);

/* Forgets the transactions that the snapshot sees; at every flush, so that few are remembered. */
extern void stream_forget_ended(Snapshot snapshot);

#endif
