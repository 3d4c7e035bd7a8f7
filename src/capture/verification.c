/*
 * verification.c
 *		What verify() asks of capture, and where the answer is found.
 */
#include "postgres.h"

#include "base/sql.h"
#include "capture/build.h"
#include "capture/status.h"
#include "capture/verification.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/* What is told after the transaction that wrote the builds is committed. */
typedef struct TakenRequest
{
	uint32		serial;
	int			build_id;
} TakenRequest;

static TakenRequest taken_requests[CAPTURE_MAX_REQUESTS];

bool
verification_take(void)
{
	bool		taken = false;

	for (int i = 0; i < CAPTURE_MAX_REQUESTS; i++)
	{
		CaptureStatus *status = status_lock(MyDatabaseId);
		VerifyRequest request = status->requests[i];
		Oid			types[] = {INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
		Datum		values[3];
		bool		is_null;

		status_unlock();
		taken_requests[i].serial = 0;
		if (!request.used || request.build_id != 0)
			continue;
		values[0] = Int32GetDatum(request.monitor_id);
		values[1] = TimestampTzGetDatum(request.since);
		values[2] = TimestampTzGetDatum(request.until);
		sql_execute(
			"INSERT INTO weir.build (monitor_id, kind, since, until, state, error) SELECT $1, 'verify', $2, $3, "
			"CASE WHEN active THEN 'requested' ELSE 'failed' END, CASE WHEN NOT active THEN 'it is not captured' END "
			"FROM (SELECT EXISTS (SELECT FROM weir.monitor_state WHERE monitor_id = $1 AND state <> 'disabled')) s (active) "
			"RETURNING build_id",
			3, types, values, NULL);
		taken_requests[i].serial = request.serial;
		taken_requests[i].build_id = DatumGetInt32(sql_value(0, 1, &is_null));
		taken = true;
	}
	return taken;
}

/* Who called verify() may have been cancelled, or ended. */
bool
verification_abandon(List *monitors)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	int			awaited[CAPTURE_MAX_REQUESTS];
	int			n = 0;

	for (int i = 0; i < CAPTURE_MAX_REQUESTS; i++)
		if (status->requests[i].used && status->requests[i].build_id != 0)
			awaited[n++] = status->requests[i].build_id;
	status_unlock();
	return build_abandon_verifications(monitors, awaited, n);
}

void
verification_tell(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	for (int i = 0; i < CAPTURE_MAX_REQUESTS; i++)
		if (taken_requests[i].serial != 0 && status->requests[i].used && status->requests[i].serial == taken_requests[i].serial)
			status->requests[i].build_id = taken_requests[i].build_id;
	status_unlock();
}

bool
verification_is_asked(void)
{
	CaptureStatus *status = status_lock(MyDatabaseId);
	bool		found = false;

	for (int i = 0; i < CAPTURE_MAX_REQUESTS; i++)
		found |= status->requests[i].used && status->requests[i].build_id == 0;
	status_unlock();
	return found;
}
