/*
 * compat.h
 *		The only place with PostgreSQL version conditionals: 15 to 18.
 */
#ifndef WEIR_COMPAT_H
#define WEIR_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "weir needs PostgreSQL 15 or newer"
#endif

/* VARDATA and its kin left postgres.h with 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Stands before a function that does not return, since 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* Before 17 every interval was finite. */
#if PG_VERSION_NUM < 170000
#define INTERVAL_IS_NOBEGIN(interval) ((void) (interval), false)
#define INTERVAL_IS_NOEND(interval) ((void) (interval), false)
#endif

/* A decoded tuple: wrapped in a buffer before 17. */
#if PG_VERSION_NUM >= 170000
#define DECODED_TUPLE(tuple) (tuple)
#else
#define DECODED_TUPLE(buffer) ((buffer) != NULL ? &(buffer)->tuple : NULL)
#endif

/* Whether a slot has lost the WAL it needs. */
#if PG_VERSION_NUM >= 160000
#define SLOT_IS_INVALIDATED(slot) ((slot)->data.invalidated != RS_INVAL_NONE)
#else
#define SLOT_IS_INVALIDATED(slot) ((slot)->data.invalidated_at != InvalidXLogRecPtr)
#endif

/* Is the role the owner of the database, or a member of him (utils/acl.h)? 16 has one function for all kinds of objects. */
#if PG_VERSION_NUM >= 160000
#define database_ownercheck(database, role) object_ownercheck(DatabaseRelationId, (database), (role))
#else
#define database_ownercheck(database, role) pg_database_ownercheck((database), (role))
#endif

/*
 * Makes a logical slot that lasts once it is persisted (replication/slot.h); since 17 one that standbys may keep a copy of, for a
 * failover (and that is no such copy).
 */
#if PG_VERSION_NUM >= 170000
#define replication_slot_create(name) ReplicationSlotCreate((name), true, RS_EPHEMERAL, false, true, false)
#else
#define replication_slot_create(name) ReplicationSlotCreate((name), true, RS_EPHEMERAL, false)
#endif

/* Whether the standbys that must not fall behind logical slots (synchronized_standby_slots) have WAL up to here; those came
 * with 17. */
#if PG_VERSION_NUM >= 170000
#define named_standbys_have(lsn) StandbySlotsHaveCaughtup((lsn), DEBUG1)
#define SLOT_IS_COPIED(slot) ((slot)->data.failover)
#else
#define named_standbys_have(lsn) ((void) (lsn), true)
#define SLOT_IS_COPIED(slot) ((void) (slot), false)
#endif

/* Acquires a slot without waiting for whoever holds it; 18 added whether a slot that lost its WAL is an error. */
#if PG_VERSION_NUM >= 180000
#define replication_slot_acquire(name) ReplicationSlotAcquire((name), true, true)
#else
#define replication_slot_acquire(name) ReplicationSlotAcquire((name), true)
#endif

/* The second argument is the process that may share the origin: none. */
#if PG_VERSION_NUM >= 160000
#define REPLORIGIN_SESSION_SETUP(origin) replorigin_session_setup(origin, 0)
#else
#define REPLORIGIN_SESSION_SETUP(origin) replorigin_session_setup(origin)
#endif

/* Columns that are computed when they are read came with 18. */
#include "catalog/pg_attribute.h"
#ifndef ATTRIBUTE_GENERATED_VIRTUAL
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

/* Runs a portal to its end as a top-level statement (tcop/pquery.h); 18 dropped the argument run_once. */
#if PG_VERSION_NUM >= 180000
#define portal_run_all(portal, receiver, completion) PortalRun((portal), FETCH_ALL, true, (receiver), (receiver), (completion))
#else
#define portal_run_all(portal, receiver, completion) \
	PortalRun((portal), FETCH_ALL, true, true, (receiver), (receiver), (completion))
#endif

/* What columns of an entry of the range table that stands for GROUP BY are made of (nodes/parsenodes.h); such entries came with 18.
 */
#if PG_VERSION_NUM >= 180000
#define group_expressions_of(entry) ((entry)->rtekind == RTE_GROUP ? (entry)->groupexprs : NIL)
#else
#define group_expressions_of(entry) ((void) (entry), NIL)
#endif

#endif
