/*
 * states.c
 *		Which state held when.
 *
 * Stored form: byte version (1), then integers (LEB128, 7 bits per byte, least significant first, no superfluous byte): states; per
 * state, in the order in which they first held, length and bytes; runs; begin of the first (zigzag); per run its state, and from
 *the second on the time since the one before; the time from the last run to the last row.
 */
#include "series/states.h"

#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "summary/categories.h"

#define VERSION 1

static void *
resize(Allocator allocator, void *pointer, size_t old_size, size_t size)
{
	return allocator.resize(allocator.context, pointer, old_size, size);
}

States *
states_create(Allocator allocator)
{
	States	   *states = resize(allocator, NULL, 0, sizeof(States));

	memset(states, 0, sizeof(States));
	states->allocator = allocator;
	states->sorted = true;
	return states;
}

void
states_free(States *states)
{
	Allocator	allocator = states->allocator;

	for (int i = 0; i < states->n_states; i++)
		if (states->states[i].length > 0)
			resize(allocator, states->states[i].bytes, states->states[i].length, 0);
	if (states->states_capacity > 0)
		resize(allocator, states->states, sizeof(StateText) * (size_t) states->states_capacity, 0);
	if (states->n_slots > 0)
		resize(allocator, states->slots, sizeof(int) * (size_t) states->n_slots, 0);
	if (states->runs_capacity > 0)
		resize(allocator, states->runs, sizeof(StateRun) * states->runs_capacity, 0);
	resize(allocator, states, sizeof(States), 0);
}

static int
compare_texts(const StateText *a, const StateText *b)
{
	size_t		shorter = a->length < b->length ? a->length : b->length;
	int			order = shorter == 0 ? 0 : memcmp(a->bytes, b->bytes, shorter);

	return order != 0 ? order : a->length < b->length ? -1 : a->length > b->length;
}

/* The slot that holds the text, or the free one where it belongs. */
static int *
slot_of(const States *states, const StateText *text)
{
	uint32_t	mask = (uint32_t) states->n_slots - 1;
	uint32_t	slot = (uint32_t) category_hash(text->bytes, text->length) & mask;

	while (states->slots[slot] != 0 && compare_texts(&states->states[states->slots[slot] - 1], text) != 0)
		slot = (slot + 1) & mask;
	return &states->slots[slot];
}

static void
make_slots(States *states)
{
	if (states->n_slots > 0)
		resize(states->allocator, states->slots, sizeof(int) * (size_t) states->n_slots, 0);
	states->n_slots = 2 * states->states_capacity;
	states->slots = resize(states->allocator, NULL, 0, sizeof(int) * (size_t) states->n_slots);
	memset(states->slots, 0, sizeof(int) * (size_t) states->n_slots);
	for (int i = 0; i < states->n_states; i++)
		*slot_of(states, &states->states[i]) = i + 1;
}

static int
new_state(States *states, const char *bytes, size_t length)
{
	StateText  *text;

	if (states->n_states == states->states_capacity)
	{
		int			capacity = states->states_capacity == 0 ? 8 : 2 * states->states_capacity;

		states->states = resize(states->allocator, states->states, sizeof(StateText) * (size_t) states->states_capacity,
								sizeof(StateText) * (size_t) capacity);
		states->states_capacity = capacity;
		make_slots(states);
	}
	text = &states->states[states->n_states];
	text->length = length;
	text->bytes = NULL;
	if (length > 0)
	{
		text->bytes = resize(states->allocator, NULL, 0, length);
		memcpy(text->bytes, bytes, length);
	}
	*slot_of(states, text) = states->n_states + 1;
	return states->n_states++;
}

static int
find_state(States *states, const char *bytes, size_t length)
{
	StateText	wanted = {(char *) bytes, length};
	int			found;

	/* The one that held last is the likeliest. */
	if (states->n_runs > 0 && compare_texts(&states->states[states->runs[states->n_runs - 1].state], &wanted) == 0)
		return states->runs[states->n_runs - 1].state;
	found = states->n_slots > 0 ? *slot_of(states, &wanted) : 0;
	return found > 0 ? found - 1 : new_state(states, bytes, length);
}

static void
add_run(States *states, int state, int64_t since)
{
	if (states->n_runs == states->runs_capacity)
	{
		size_t		capacity = states->runs_capacity == 0 ? 16 : 2 * states->runs_capacity;

		states->runs =
			resize(states->allocator, states->runs, sizeof(StateRun) * states->runs_capacity, sizeof(StateRun) * capacity);
		states->runs_capacity = capacity;
	}
	states->runs[states->n_runs++] = (StateRun){since, state};
}

void
states_add(States *states, const char *bytes, size_t length, int64_t time)
{
	int			state = find_state(states, bytes, length);

	if (states->n_runs > 0 && time <= states->runs[states->n_runs - 1].since)
		states->sorted = false;
	if (states->n_runs == 0 || time > states->until)
		states->until = time;
	add_run(states, state, time);
}

void
states_append(States *into, const States *from)
{
	for (size_t i = 0; i < from->n_runs; i++)
	{
		const StateText *text = &from->states[from->runs[i].state];

		states_add(into, text->bytes, text->length, from->runs[i].since);

		/* Where nothing was left out, the last row is among them. */
		if (i + 1 == from->n_runs && from->sorted && from->until > from->runs[i].since)
			states_add(into, text->bytes, text->length, from->until);
	}
}

/* qsort has no context; this runs in one thread. */
static const States *sorted_states;

static int
compare_runs(const void *a, const void *b)
{
	const StateRun *first = a;
	const StateRun *second = b;

	if (first->since != second->since)
		return first->since < second->since ? -1 : 1;
	return compare_texts(&sorted_states->states[first->state], &sorted_states->states[second->state]);
}

/* Numbers the states in the order in which they first hold, and drops those that never do. */
static void
renumber(States *states)
{
	size_t		size = sizeof(int) * (size_t) states->n_states;
	int		   *numbers;
	StateText  *ordered;
	int			n = 0;

	if (states->n_states == 0)
		return;
	numbers = resize(states->allocator, NULL, 0, size);
	ordered = resize(states->allocator, NULL, 0, sizeof(StateText) * (size_t) states->states_capacity);
	for (int i = 0; i < states->n_states; i++)
		numbers[i] = -1;
	for (size_t i = 0; i < states->n_runs; i++)
	{
		int			state = states->runs[i].state;

		if (numbers[state] < 0)
		{
			ordered[n] = states->states[state];
			numbers[state] = n++;
		}
		states->runs[i].state = numbers[state];
	}
	for (int i = 0; i < states->n_states; i++)
		if (numbers[i] < 0 && states->states[i].length > 0)
			resize(states->allocator, states->states[i].bytes, states->states[i].length, 0);
	resize(states->allocator, states->states, sizeof(StateText) * (size_t) states->states_capacity, 0);
	resize(states->allocator, numbers, size, 0);
	states->states = ordered;
	states->n_states = n;
	make_slots(states);
}

void
states_compress(States *states)
{
	size_t		kept = 0;

	if (!states->sorted)
	{
		sorted_states = states;
		qsort(states->runs, states->n_runs, sizeof(StateRun), compare_runs);
	}
	for (size_t i = 0; i < states->n_runs; i++)
	{
		/* Of several at one time the last holds. */
		if (i + 1 < states->n_runs && states->runs[i + 1].since == states->runs[i].since)
			continue;
		if (kept > 0 && states->runs[kept - 1].state == states->runs[i].state)
			continue;
		states->runs[kept++] = states->runs[i];
	}
	states->n_runs = kept;
	states->sorted = true;
	renumber(states);
}

/* ---- stored form ---- */

size_t
states_encode(const States *states, uint8_t *buffer)
{
	size_t		position = wire_put_byte(buffer, 0, VERSION);
	int64_t		first = states->n_runs > 0 ? states->runs[0].since : 0;

	position = wire_put_integer(buffer, position, (uint64_t) states->n_states);
	for (int i = 0; i < states->n_states; i++)
	{
		position = wire_put_integer(buffer, position, states->states[i].length);
		if (buffer != NULL && states->states[i].length > 0)
			memcpy(buffer + position, states->states[i].bytes, states->states[i].length);
		position += states->states[i].length;
	}
	position = wire_put_integer(buffer, position, states->n_runs);
	if (states->n_runs == 0)
		return position;
	position = wire_put_integer(buffer, position, wire_zigzag(first));
	for (size_t i = 0; i < states->n_runs; i++)
	{
		position = wire_put_integer(buffer, position, (uint64_t) states->runs[i].state);
		if (i > 0)
			position = wire_put_integer(buffer, position, (uint64_t) states->runs[i].since - (uint64_t) states->runs[i - 1].since);
	}
	return wire_put_integer(buffer, position, (uint64_t) states->until - (uint64_t) states->runs[states->n_runs - 1].since);
}

static void
get_texts(WireReader *reader, States *states)
{
	uint64_t	n = wire_get_integer(reader);

	for (uint64_t i = 0; i < n && !reader->corrupt; i++)
	{
		uint64_t	length = wire_get_integer(reader);
		StateText	text = {(char *) reader->bytes + reader->position, (size_t) length};

		if (length > STATE_MAX_LENGTH || length > reader->size - reader->position)
			reader->corrupt = true;
		if (!reader->corrupt && states->n_slots > 0)
			reader->corrupt = *slot_of(states, &text) != 0;
		if (reader->corrupt)
			return;
		new_state(states, text.bytes, text.length);
		reader->position += length;
	}
}

/* Times after the first, which must not run over. */
static int64_t
get_later(WireReader *reader, int64_t time, uint64_t least)
{
	uint64_t	distance = wire_get_integer(reader);

	if (distance < least || distance > (uint64_t) INT64_MAX - (uint64_t) time)
		reader->corrupt = true;
	return reader->corrupt ? time : (int64_t) ((uint64_t) time + distance);
}

static void
get_runs(WireReader *reader, States *states)
{
	uint64_t	n = wire_get_integer(reader);
	int64_t		time;
	int			n_met = 0;

	if (n == 0)
	{
		reader->corrupt |= states->n_states > 0;
		return;
	}
	time = wire_unzigzag(wire_get_integer(reader));
	for (uint64_t i = 0; i < n && !reader->corrupt; i++)
	{
		uint64_t	state = wire_get_integer(reader);

		if (i > 0)
			time = get_later(reader, time, 1);
		if (state > (uint64_t) n_met || state >= (uint64_t) states->n_states ||
			(i > 0 && (int) state == states->runs[states->n_runs - 1].state))
			reader->corrupt = true;
		if (reader->corrupt)
			return;
		if ((int) state == n_met)
			n_met++;
		add_run(states, (int) state, time);
	}
	states->until = get_later(reader, time, 0);
	reader->corrupt |= n_met != states->n_states;
}

States *
states_decode(Allocator allocator, const uint8_t *bytes, size_t size)
{
	WireReader	reader = {bytes, size, 0, false};
	States	   *states;

	if (size == 0 || bytes[reader.position++] != VERSION)
		return NULL;
	states = states_create(allocator);
	get_texts(&reader, states);
	if (!reader.corrupt)
		get_runs(&reader, states);
	if (reader.corrupt || reader.position != size)
	{
		states_free(states);
		return NULL;
	}
	return states;
}
