/*
 * pace.c
 *		When to flush.
 */
#include "postgres.h"

#include "capture/pace.h"
#include "capture/settings.h"
#include "executor/instrument.h"
#include "utils/timestamp.h"

/* Of the WAL that was read, less what flushes wrote themselves: so much may they write. */
#define SHARE 0.4

/* However little the source writes, this much WAL per second is nobody's concern. */
#define FLOOR_BYTES_PER_SECOND (512.0 * 1024)

/* Credit of a quiet time, to be spent at once. */
#define MOST_CREDIT (4.0 * 1024 * 1024)

/* However dear a flush is, nobody waits longer for his rows. */
#define LONGEST_INTERVAL_MS 60000

/* While behind: this many times as long as a flush takes, and at the most. */
#define BEHIND_FACTOR 19
#define LONGEST_BEHIND_MS 10000

static TimestampTz flush_began;
static uint64 wal_before;
static TimestampTz last_ended;
static int64 last_duration;		/* microseconds */
static TimestampTz last_began;
static int	interval_ms;
static double credit;			/* bytes of WAL; below 0: to be earned first */
static double own_bytes;		/* written by flushes and not yet read back from the stream */
static TimestampTz credit_at;
static XLogRecPtr credit_position;

void
pace_begin(XLogRecPtr position)
{
	last_ended = last_began = credit_at = GetCurrentTimestamp();
	credit_position = position;
	credit = MOST_CREDIT;
	own_bytes = 0;
	last_duration = 0;
	interval_ms = 0;
}

void
pace_flush_begins(void)
{
	flush_began = GetCurrentTimestamp();
	wal_before = pgWalUsage.wal_bytes;
}

static void
earn(XLogRecPtr position, TimestampTz now)
{
	double		read = (double) (position - credit_position);
	double		own = Min(own_bytes, read);
	double		by_time = FLOOR_BYTES_PER_SECOND * (double) (now - credit_at) / USECS_PER_SEC;

	own_bytes -= own;
	credit = Min(MOST_CREDIT, credit + Max(by_time, SHARE * (read - own)));
	credit_position = position;
	credit_at = now;
}

void
pace_flush_ended(XLogRecPtr position)
{
	double		written = (double) (pgWalUsage.wal_bytes - wal_before);

	last_ended = GetCurrentTimestamp();
	last_duration = last_ended - flush_began;
	interval_ms = (int) Min((flush_began - last_began) / 1000, PG_INT32_MAX);
	last_began = flush_began;
	earn(position, last_ended);
	credit -= written;
	own_bytes += written;
}

bool
pace_is_due(XLogRecPtr position, bool caught_up, bool wanted)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		waited = now - last_ended;

	if (waited < capture_flush_interval_ms * INT64CONST(1000))
		return wanted && waited >= last_duration;
	if (!caught_up && waited < Min(BEHIND_FACTOR * last_duration, LONGEST_BEHIND_MS * INT64CONST(1000)))
		return false;
	earn(position, now);
	return wanted || credit >= 0 || waited >= LONGEST_INTERVAL_MS * INT64CONST(1000);
}

TimestampTz
pace_next(void)
{
	TimestampTz next = TimestampTzPlusMilliseconds(last_ended, capture_flush_interval_ms);
	int64		to_earn = credit >= 0 ? 0 : (int64) (-credit / FLOOR_BYTES_PER_SECOND * USECS_PER_SEC);

	return Max(next, credit_at + Min(to_earn, 1000 * 1000));
}

int
pace_interval_ms(void)
{
	return Max(interval_ms, capture_flush_interval_ms);
}
