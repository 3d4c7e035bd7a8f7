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
#define SHARE 0.45

/* However little the source writes, this much WAL per second is nobody's concern. */
#define FLOOR_BYTES_PER_SECOND (512.0 * 1024)

/* Credit of a quiet time, to be spent at once. */
#define MOST_CREDIT (4.0 * 1024 * 1024)

/* However dear a flush is, nobody waits longer for his rows. */
#define LONGEST_INTERVAL_MS 60000

/* While behind: this many times as long as a flush will take, and at the most. */
#define BEHIND_FACTOR 39
#define LONGEST_BEHIND_MS 10000

/* Where somebody waits for it. */
#define WANTED_FACTOR 4

/* What a flush takes beside its panes is that of so many. */
#define PANES_BESIDE 8

static TimestampTz flush_began;
static uint64 wal_before;
static TimestampTz last_ended;
static int64 last_duration;		/* microseconds */
static int	n_flushed_panes;
static int64 pane_duration;		/* of each in the last flush that had any; microseconds */
static TimestampTz caught_up_at;
static TimestampTz last_began;
static int	interval_ms;
static double credit_left;		/* bytes of WAL, after the last flush */
static double price;			/* of the last flush: what the next will cost, about */
static double read_since;		/* bytes that the source wrote since then */
static double own_bytes;		/* written by flushes and not yet read back from the stream */
static XLogRecPtr read_position;

void
pace_begin(XLogRecPtr position)
{
	last_ended = last_began = caught_up_at = GetCurrentTimestamp();
	read_position = position;
	credit_left = MOST_CREDIT;
	price = 0;
	read_since = 0;
	own_bytes = 0;
	last_duration = 0;
	pane_duration = 0;
	interval_ms = 0;
}

void
pace_caught_up(void)
{
	caught_up_at = GetCurrentTimestamp();
}

void
pace_flush_begins(int n_panes)
{
	n_flushed_panes = n_panes;
	flush_began = GetCurrentTimestamp();
	wal_before = pgWalUsage.wal_bytes;
}

static double
credit_at(XLogRecPtr position, TimestampTz now)
{
	double		read = (double) (position - read_position);
	double		own = Min(own_bytes, read);
	double		by_time = FLOOR_BYTES_PER_SECOND * (double) (now - last_ended) / USECS_PER_SEC;

	own_bytes -= own;
	read_since += read - own;
	read_position = position;
	return Min(Max(MOST_CREDIT, price), credit_left + Max(by_time, SHARE * read_since));
}

void
pace_flush_ended(XLogRecPtr position)
{
	TimestampTz now = GetCurrentTimestamp();

	price = (double) (pgWalUsage.wal_bytes - wal_before);
	credit_left = credit_at(position, now) - price;
	own_bytes += price;
	read_since = 0;
	last_ended = now;
	last_duration = last_ended - flush_began;
	if (n_flushed_panes > 0)
		pane_duration = last_duration / (n_flushed_panes + PANES_BESIDE);
	interval_ms = (int) Min((flush_began - last_began) / 1000, PG_INT32_MAX);
	last_began = flush_began;
}

/* Whether what was read since it was caught up, or flushed, is worth a flush of these panes. */
static bool
is_worth_while_behind(TimestampTz now, int n_panes)
{
	int64		duration = Max(last_duration, pane_duration * (n_panes + PANES_BESIDE));

	return now - Max(last_ended, caught_up_at) >= Min(BEHIND_FACTOR * duration, LONGEST_BEHIND_MS * INT64CONST(1000));
}

bool
pace_is_due(XLogRecPtr position, int n_panes, bool caught_up, bool wanted)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		waited = now - last_ended;

	if (waited < capture_flush_interval_ms * INT64CONST(1000))
		return wanted && waited >= last_duration;
	if (wanted && waited >= WANTED_FACTOR * last_duration)
		return true;
	if (!caught_up && !is_worth_while_behind(now, n_panes))
		return false;
	return wanted || credit_at(position, now) >= price || waited >= LONGEST_INTERVAL_MS * INT64CONST(1000);
}

TimestampTz
pace_next(void)
{
	TimestampTz next = TimestampTzPlusMilliseconds(last_ended, capture_flush_interval_ms);
	TimestampTz earned = last_ended + (int64) (Max(0.0, price - credit_left) / FLOOR_BYTES_PER_SECOND * USECS_PER_SEC);

	/* What the source writes may earn it sooner. */
	return Max(next, Min(earned, GetCurrentTimestamp() + USECS_PER_SEC));
}

int
pace_interval_ms(void)
{
	return Max(interval_ms, capture_flush_interval_ms);
}
