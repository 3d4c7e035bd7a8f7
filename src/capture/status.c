/*
 * status.c
 *		What the capture worker of each database shows to other processes.
 */
#include "postgres.h"

#include "capture/status.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

typedef struct CaptureShared
{
	LWLock	   *lock;
	bool		upgrading;
	CaptureStatus databases[CAPTURE_MAX_DATABASES];
} CaptureShared;

static CaptureShared *shared = NULL;
static shmem_request_hook_type previous_shmem_request = NULL;
static shmem_startup_hook_type previous_shmem_startup = NULL;

static void
request_shared_memory(void)
{
	if (previous_shmem_request)
		previous_shmem_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(CaptureShared)));
	RequestNamedLWLockTranche("weir_capture", 1);
}

static void
startup_shared_memory(void)
{
	bool		found;

	if (previous_shmem_startup)
		previous_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("weir capture", sizeof(CaptureShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(CaptureShared));
		shared->lock = &GetNamedLWLockTranche("weir_capture")->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
status_init(void)
{
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	previous_shmem_request = shmem_request_hook;
	shmem_request_hook = request_shared_memory;
	previous_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = startup_shared_memory;
}

void
status_forget(Oid database)
{
	if (shared == NULL)
		return;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < CAPTURE_MAX_DATABASES; i++)
		if (shared->databases[i].database == database)
			memset(&shared->databases[i], 0, sizeof(CaptureStatus));
	LWLockRelease(shared->lock);
}

CaptureStatus *
status_lock(Oid database)
{
	CaptureStatus *unused = NULL;

	if (shared == NULL)
		return NULL;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < CAPTURE_MAX_DATABASES; i++)
	{
		CaptureStatus *status = &shared->databases[i];

		if (status->database == database)
			return status;
		if (!OidIsValid(status->database) && unused == NULL)
			unused = status;
	}
	if (unused == NULL)
	{
		LWLockRelease(shared->lock);
		return NULL;
	}
	memset(unused, 0, sizeof(CaptureStatus));
	unused->database = database;
	return unused;
}

void
status_unlock(void)
{
	LWLockRelease(shared->lock);
}

void
status_set_state(const char *state)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	if (status == NULL)
		return;
	strlcpy(status->state, state, sizeof(status->state));
	status_unlock();
}

void
status_set_error(const char *message)
{
	CaptureStatus *status = status_lock(MyDatabaseId);

	if (status == NULL)
		return;
	strlcpy(status->last_error, message, sizeof(status->last_error));
	status->last_error_at = GetCurrentTimestamp();
	status_unlock();
}

void
status_set_upgrading(bool upgrading)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->upgrading = upgrading;
	LWLockRelease(shared->lock);
}

bool
status_is_upgrading(void)
{
	bool		upgrading;

	if (shared == NULL)
		return false;
	LWLockAcquire(shared->lock, LW_SHARED);
	upgrading = shared->upgrading;
	LWLockRelease(shared->lock);
	return upgrading;
}

void
status_wake_all(void)
{
	LWLockAcquire(shared->lock, LW_SHARED);
	for (int i = 0; i < CAPTURE_MAX_DATABASES; i++)
		if (shared->databases[i].capture_latch != NULL)
			SetLatch(shared->databases[i].capture_latch);
	LWLockRelease(shared->lock);
}
