/*
 * compat.h
 *		The only place with PostgreSQL version conditionals: 15 to 19.
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

/* The headers of 19 may have been configured for C23, whose name for this our C11 does not know; those of 15 are none of C23. */
#if PG_VERSION_NUM >= 190000 && defined(HAVE_TYPEOF_UNQUAL) && !defined(typeof_unqual)
#define typeof_unqual __typeof_unqual__
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
 * failover (and that is no such copy). Since 19 it switches logical decoding on where wal_level = replica
 * (replication/logicalctl.h).
 */
#if PG_VERSION_NUM >= 190000
#include "replication/logicalctl.h"
#define replication_slot_create(name) \
	do \
	{ \
		ReplicationSlotCreate((name), true, RS_EPHEMERAL, false, false, true, false); \
		EnsureLogicalDecodingEnabled(); \
	} while (0)
#elif PG_VERSION_NUM >= 170000
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

/* Who holds a slot (storage/proc.h); 0: nobody. */
#if PG_VERSION_NUM >= 190000
#define SLOT_IS_ACTIVE(slot) ((slot)->active_proc != INVALID_PROC_NUMBER)
#define SLOT_ACTIVE_PID(slot) (SLOT_IS_ACTIVE(slot) ? GetPGProcByNumber((slot)->active_proc)->pid : 0)
#else
#define SLOT_IS_ACTIVE(slot) ((slot)->active_pid != 0)
#define SLOT_ACTIVE_PID(slot) ((slot)->active_pid)
#endif

/* Whether a logical slot may be made, and the lowest wal_level for it. */
#if PG_VERSION_NUM >= 190000
#define LOGICAL_DECODING_IS_POSSIBLE() XLogIsNeeded()
#define WAL_LEVEL_FOR_DECODING "replica"
#else
#define LOGICAL_DECODING_IS_POSSIBLE() XLogLogicalInfoActive()
#define WAL_LEVEL_FOR_DECODING "logical"
#endif

/* 19 added whether it is for REPACK: no (replication/logical.h). */
#if PG_VERSION_NUM >= 190000
#define check_logical_decoding_requirements() CheckLogicalDecodingRequirements(false)
#define create_init_decoding_context(plugin, reader) \
	CreateInitDecodingContext((plugin), NIL, false, false, InvalidXLogRecPtr, (reader), NULL, NULL, NULL)
#else
#define check_logical_decoding_requirements() CheckLogicalDecodingRequirements()
#define create_init_decoding_context(plugin, reader) \
	CreateInitDecodingContext((plugin), NIL, false, InvalidXLogRecPtr, (reader), NULL, NULL, NULL)
#endif

/* When a decoded transaction was committed. */
#if PG_VERSION_NUM >= 190000
#define COMMIT_TIME_OF(transaction) ((transaction)->commit_time)
#else
#define COMMIT_TIME_OF(transaction) ((transaction)->xact_time.commit_time)
#endif

/* The origin that records of this session carry (replication/origin.h). */
#if PG_VERSION_NUM >= 190000
#define SESSION_ORIGIN replorigin_xact_state.origin
#else
#define SESSION_ORIGIN replorigin_session_origin
#define ReplOriginId RepOriginId
#define InvalidReplOriginId InvalidRepOriginId
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

/* A hook of the planner (optimizer/planner.h): 19 tells it what EXPLAIN asks for. */
#if PG_VERSION_NUM >= 190000
#define PLANNER_PARAMETERS Query *query, const char *text, int options, ParamListInfo parameters, struct ExplainState *explain
#define PLANNER_ARGUMENTS query, text, options, parameters, explain
#else
#define PLANNER_PARAMETERS Query *query, const char *text, int options, ParamListInfo parameters
#define PLANNER_ARGUMENTS query, text, options, parameters
#endif

/* The level from which on this process logs (utils/guc.h); 19 has one for each kind of process. */
#if PG_VERSION_NUM >= 190000
#define LOG_MIN_MESSAGES (log_min_messages[MyBackendType])
#else
#define LOG_MIN_MESSAGES log_min_messages
#endif

/* What jsonb is built up in, and in the end its value; before 19 there was the stack alone. */
#if PG_VERSION_NUM < 190000
#include "utils/jsonb.h"
typedef struct JsonbInState
{
	JsonbValue *result;
	JsonbParseState *parseState;
} JsonbInState;
#define pushJsonbValue(state, token, value) ((void) ((state)->result = pushJsonbValue(&(state)->parseState, (token), (value))))
#endif

/* What columns of an entry of the range table that stands for GROUP BY are made of (nodes/parsenodes.h); such entries came with 18.
 */
#if PG_VERSION_NUM >= 180000
#define group_expressions_of(entry) ((entry)->rtekind == RTE_GROUP ? (entry)->groupexprs : NIL)
#else
#define group_expressions_of(entry) ((void) (entry), NIL)
#endif

#endif
