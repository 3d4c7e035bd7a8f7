/*
 * status.h
 *		What the capture worker of each database shows to other processes, and where it meets the builder.  Inside this room only.
 */
#ifndef WEIR_CAPTURE_STATUS_H
#define WEIR_CAPTURE_STATUS_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#define CAPTURE_MAX_DATABASES 64
#define CAPTURE_MAX_REQUESTS 8
#define CAPTURE_MAX_BUILDERS 8
#define CAPTURE_ERROR_LENGTH 512
#define CAPTURE_SNAPSHOT_LENGTH 64

/* The handing over of a cut: see build.c. */
typedef enum Rendezvous
{
	RENDEZVOUS_NONE,
	RENDEZVOUS_WANTED,			/* the builder waits for a slice with its cut */
	RENDEZVOUS_OFFERED,			/* capture has exported it and waits */
	RENDEZVOUS_TAKEN			/* the builder has imported it */
} Rendezvous;

/* A builder of the database, and the slice that capture gave it. */
typedef struct BuilderStatus
{
	int			pid;			/* 0: free */
	Latch	   *latch;
	Rendezvous	rendezvous;
	int			build;			/* 0: none */
	int			slice;
	int			generation;
	char		snapshot[CAPTURE_SNAPSHOT_LENGTH];
	int64		rows_read;		/* of the slice, so far */
} BuilderStatus;

/* verify() waits for its result, so its request cannot travel in a table. */
typedef struct VerifyRequest
{
	bool		used;
	uint32		serial;			/* a place that is used again is another request */
	int			monitor_id;
	TimestampTz since;
	TimestampTz until;
	int			build_id;		/* 0 until capture has taken it */
} VerifyRequest;

typedef struct CaptureStatus
{
	Oid			database;		/* InvalidOid: free */
	int			pid;			/* 0: capture is not running */
	char		state[24];
	XLogRecPtr	visible_lsn;	/* every commit that ends at or before it is in the tables */
	XLogRecPtr	wanted_lsn;		/* somebody waits for this to be visible */
	TimestampTz caught_up_at;	/* when nothing was left to read */
	TimestampTz last_commit_at;
	uint64		rows_total;
	double		rows_per_second;
	uint64		memory_bytes;
	uint64		partial_bytes;
	uint64		rows_streamed;	/* since the worker began, like those that follow */
	uint64		given_up;
	int			flush_interval_ms;
	char		last_error[CAPTURE_ERROR_LENGTH];
	TimestampTz last_error_at;

	/* The guard of the slot, see slot_budget.c. */
	int			pressed_pid;	/* the worker that was found past its budget, since pressed_at */
	TimestampTz pressed_at;
	char		must_go[24];	/* the budget for which it was ended; empty: none */

	Latch	   *capture_latch;
	BuilderStatus builders[CAPTURE_MAX_BUILDERS];

	uint32		last_serial;
	VerifyRequest requests[CAPTURE_MAX_REQUESTS];
} CaptureStatus;

/* Locks out others; status_unlock lets them in. NULL (and no lock held) when weir is not preloaded or no place is left. */
extern CaptureStatus *status_lock(Oid database);
extern void status_unlock(void);

/* The database is gone: its place is free. */
extern void status_forget(Oid database);

extern void status_init(void);

/* Short forms for the capture worker itself. */
extern void status_set_state(const char *state);
extern void status_set_error(const char *message);

/* weir.prepare_upgrade() was called: no worker of any database takes up a slot until the server starts again. */
extern void status_set_upgrading(bool upgrading);
extern bool status_is_upgrading(void);

/* Wakes the capture worker of every database. */
extern void status_wake_all(void);

#endif
