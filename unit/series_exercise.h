/*
 * series_exercise.h
 *		Everything that can be done with stored summaries of pairs and of ranges of time that came from outside.
 */
#ifndef WEIR_SERIES_EXERCISE_H
#define WEIR_SERIES_EXERCISE_H

#include "series/pairs.h"
#include "series/range_wire.h"
#include "series/states.h"
#include "unit.h"

/* Aborts when what decodes does not encode to the same bytes. */
static bool
exercise_pairs(const uint8_t *bytes, size_t size)
{
	Pairs	   *pairs = pairs_decode(unit_allocator(), bytes, size);
	Pairs	   *copy;
	uint8_t	   *again;
	Regression	regression;

	if (pairs == NULL)
		return false;
	again = malloc(pairs_encode(pairs, NULL));
	if (pairs_encode(pairs, again) != size || memcmp(again, bytes, size) != 0)
		abort();
	free(again);
	pairs_regression(pairs, &regression);
	copy = pairs_copy(unit_allocator(), pairs);
	for (int i = 0; i < 70; i++)
		pairs_merge(copy, i % 3 == 0 ? pairs : copy, false);
	pairs_regression(copy, &regression);
	pairs_add(copy, unit_random_bits(), unit_random_bits());
	pairs_remove(copy, 1e300, 1e-300);
	pairs_merge(copy, pairs, true);
	pairs_regression(copy, &regression);
	pairs_encode(copy, NULL);
	pairs_free(copy);
	pairs_free(pairs);
	return true;
}

static bool
exercise_ranges(const uint8_t *bytes, size_t size)
{
	TimeWeighted weighted;
	TimeWeighted other;
	Counter		counter;
	Counter		next;
	uint8_t		again[COUNTER_SIZE];
	double		result;

	if (time_weighted_decode(bytes, size, &weighted))
	{
		time_weighted_encode(&weighted, again);
		if (memcmp(again, bytes, size) != 0)
			abort();
		other = weighted;
		time_weighted_append(&other, &weighted);
		time_weighted_extend(&other, INT64_MIN, INT64_MAX, &weighted, &weighted);
		time_weighted_mean(&other);
		time_weighted_integral(&other);
		return true;
	}
	if (counter_decode(bytes, size, &counter))
	{
		counter_encode(&counter, again);
		if (memcmp(again, bytes, size) != 0)
			abort();
		next = counter;
		counter_append(&next, &counter);
		counter_rate(&next, &result);
		counter_instant_rate(&next, &result);
		counter_extrapolated_increase(&next, INT64_MIN, INT64_MAX, &result);
		return true;
	}
	return false;
}

static bool
exercise_states(const uint8_t *bytes, size_t size)
{
	States	   *states = states_decode(unit_allocator(), bytes, size);
	States	   *copy;
	uint8_t	   *again;

	if (states == NULL)
		return false;
	again = malloc(states_encode(states, NULL));
	if (states_encode(states, again) != size || memcmp(again, bytes, size) != 0)
		abort();
	copy = states_create(unit_allocator());
	states_append(copy, states);
	states_add(copy, "elsewhere", 9, (int64_t) unit_random());
	states_append(copy, states);
	states_compress(copy);
	states_encode(copy, NULL);
	states_free(copy);
	states_free(states);
	free(again);
	return true;
}

static bool
exercise_bytes(const uint8_t *bytes, size_t size)
{
	bool		pairs = exercise_pairs(bytes, size);
	bool		states = exercise_states(bytes, size);

	return exercise_ranges(bytes, size) || pairs || states;
}

#endif
