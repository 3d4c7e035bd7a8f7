/*
 * source_reading.c
 *		While a builder reads a source: DDL that changes what it reads, or waits for it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/sql.h"
#include "capture/source.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* How long DDL waits at most for a builder to notice. */
#define GIVE_WAY_MS 200

void
source_require_unchanged(Oid source)
{
	Oid			type = OIDOID;
	Datum		value = ObjectIdGetDatum(source);
	bool		is_null;
	uint64		n;

	n = sql_execute("WITH RECURSIVE tree(relation) AS (SELECT $1 UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i "
					"JOIN tree t ON i.inhparent = t.relation) SELECT c.oid, c.relfilenode FROM tree t "
					"JOIN pg_catalog.pg_class c ON c.oid = t.relation",
					1, &type, &value, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		/* The caches tell of now, whatever the snapshot. */
		HeapTuple	tuple = SearchSysCache1(RELOID, sql_value(i, 1, &is_null));
		bool		same = HeapTupleIsValid(tuple) &&
			((Form_pg_class) GETSTRUCT(tuple))->relfilenode == DatumGetObjectId(sql_value(i, 2, &is_null));

		if (HeapTupleIsValid(tuple))
			ReleaseSysCache(tuple);
		if (!same)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the source was changed by DDL while it was read"),
					 errdetail("It is read again.")));
	}
}

/* True when it waits for the one mode that reading holds up: on the source, a partition, or an index that finds its rows. */
static bool
waits_for_me(const LockData *locks, const LockInstanceData *waiting)
{
	if (waiting->waitLockMode != AccessExclusiveLock || waiting->locktag.locktag_type != LOCKTAG_RELATION ||
		waiting->locktag.locktag_field1 != MyDatabaseId)
		return false;
	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *held = &locks->locks[i];

		if (held->pid == MyProcPid && held->holdMask != 0 && held->locktag.locktag_type == LOCKTAG_RELATION &&
			held->locktag.locktag_field1 == MyDatabaseId && held->locktag.locktag_field2 == waiting->locktag.locktag_field2)
			return true;
	}
	return false;
}

void
source_give_way(void)
{
	static TimestampTz next = 0;
	TimestampTz now = GetCurrentTimestamp();
	LockData   *locks;
	bool		found = false;

	/* Looking at all locks of the server has its price. */
	if (now < next)
		return;
	next = TimestampTzPlusMilliseconds(now, GIVE_WAY_MS);
	locks = GetLockStatusData();
	for (int i = 0; i < locks->nelements && !found; i++)
		found = waits_for_me(locks, &locks->locks[i]);
	pfree(locks->locks);
	pfree(locks);
	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the reading of a source gives way to DDL"),
				 errdetail("It is read again.")));
}
