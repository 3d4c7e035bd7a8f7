/*
 * range_wire.c
 *		The stored forms of summaries of ranges of time.
 *
 * Byte version (1), byte flags (1 linear or gauge, 2 seconds), then numbers of 8 bytes, most significant first, doubles by their
 * bits.  Time-weighted: n, first time, first value, last time, last value, integral (high, low).  Counter: n, resets, changes,
 *first time, first value, previous time, previous value, last time, last value, increase (high, low).
 */
#include "series/range_wire.h"

#include <math.h>
#include <string.h>

#define VERSION 1
#define FLAG_KIND 1
#define FLAG_SECONDS 2
#define COUNT_LIMIT (INT64_MAX / 16)

static uint8_t *
put(uint8_t *next, uint64_t word)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*next++ = (uint8_t) (word >> shift);
	return next;
}

static uint8_t *
put_double(uint8_t *next, double value)
{
	uint64_t	bits;

	value += 0.0;				/* never -0 */
	memcpy(&bits, &value, sizeof(bits));
	return put(next, bits);
}

static const uint8_t *
get(const uint8_t *next, int64_t *value)
{
	uint64_t	word = 0;

	for (int i = 0; i < 8; i++)
		word = word << 8 | *next++;
	*value = (int64_t) word;
	return next;
}

/* Clears good for what is not finite. */
static const uint8_t *
get_double(const uint8_t *next, double *value, bool *good)
{
	int64_t		bits;

	next = get(next, &bits);
	memcpy(value, &bits, sizeof(bits));
	*good = *good && isfinite(*value) && bits != INT64_MIN;
	return next;
}

static bool
is_count(int64_t value, int64_t least, int64_t most)
{
	return value >= least && value <= most;
}

static bool
is_sum(DoubleDouble sum)
{
	return sum.high + sum.low == sum.high;
}

void
time_weighted_encode(const TimeWeighted *weighted, uint8_t *buffer)
{
	*buffer++ = VERSION;
	*buffer++ = (uint8_t) ((weighted->linear ? FLAG_KIND : 0) | (weighted->seconds ? FLAG_SECONDS : 0));
	buffer = put(buffer, (uint64_t) weighted->n);
	buffer = put(buffer, (uint64_t) weighted->first_time);
	buffer = put_double(buffer, weighted->first_value);
	buffer = put(buffer, (uint64_t) weighted->last_time);
	buffer = put_double(buffer, weighted->last_value);
	buffer = put_double(buffer, weighted->integral.high);
	put_double(buffer, weighted->integral.low);
}

bool
time_weighted_decode(const uint8_t *bytes, size_t size, TimeWeighted *result)
{
	bool		good = true;

	if (size != TIME_WEIGHTED_SIZE || bytes[0] != VERSION || bytes[1] > (FLAG_KIND | FLAG_SECONDS))
		return false;
	result->linear = (bytes[1] & FLAG_KIND) != 0;
	result->seconds = (bytes[1] & FLAG_SECONDS) != 0;
	bytes = get(bytes + 2, &result->n);
	bytes = get(bytes, &result->first_time);
	bytes = get_double(bytes, &result->first_value, &good);
	bytes = get(bytes, &result->last_time);
	bytes = get_double(bytes, &result->last_value, &good);
	bytes = get_double(bytes, &result->integral.high, &good);
	get_double(bytes, &result->integral.low, &good);
	return good && is_count(result->n, 1, COUNT_LIMIT) && result->first_time <= result->last_time && is_sum(result->integral);
}

void
counter_encode(const Counter *counter, uint8_t *buffer)
{
	*buffer++ = VERSION;
	*buffer++ = (uint8_t) ((counter->gauge ? FLAG_KIND : 0) | (counter->seconds ? FLAG_SECONDS : 0));
	buffer = put(buffer, (uint64_t) counter->n);
	buffer = put(buffer, (uint64_t) counter->resets);
	buffer = put(buffer, (uint64_t) counter->changes);
	buffer = put(buffer, (uint64_t) counter->first_time);
	buffer = put_double(buffer, counter->first_value);
	buffer = put(buffer, (uint64_t) counter->previous_time);
	buffer = put_double(buffer, counter->previous_value);
	buffer = put(buffer, (uint64_t) counter->last_time);
	buffer = put_double(buffer, counter->last_value);
	buffer = put_double(buffer, counter->increase.high);
	put_double(buffer, counter->increase.low);
}

bool
counter_decode(const uint8_t *bytes, size_t size, Counter *result)
{
	bool		good = true;

	if (size != COUNTER_SIZE || bytes[0] != VERSION || bytes[1] > (FLAG_KIND | FLAG_SECONDS))
		return false;
	result->gauge = (bytes[1] & FLAG_KIND) != 0;
	result->seconds = (bytes[1] & FLAG_SECONDS) != 0;
	bytes = get(bytes + 2, &result->n);
	bytes = get(bytes, &result->resets);
	bytes = get(bytes, &result->changes);
	bytes = get(bytes, &result->first_time);
	bytes = get_double(bytes, &result->first_value, &good);
	bytes = get(bytes, &result->previous_time);
	bytes = get_double(bytes, &result->previous_value, &good);
	bytes = get(bytes, &result->last_time);
	bytes = get_double(bytes, &result->last_value, &good);
	bytes = get_double(bytes, &result->increase.high, &good);
	get_double(bytes, &result->increase.low, &good);
	return good && is_count(result->n, 1, COUNT_LIMIT) && is_count(result->changes, 0, result->n - 1) &&
		is_count(result->resets, 0, result->changes) && result->first_time <= result->previous_time &&
		result->previous_time <= result->last_time && is_sum(result->increase);
}
