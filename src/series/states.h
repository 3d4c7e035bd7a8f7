/*
 * states.h
 *		Which state held when: a row says that from its time on a state holds, until the next row.  Plain C.
 *
 * Stored are the changes of state alone, so the size follows how often it changes, not how often it was observed.
 */
#ifndef WEIR_STATES_H
#define WEIR_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/allocator.h"

#define STATE_MAX_LENGTH 1024

typedef struct StateText
{
	char	   *bytes;
	size_t		length;
} StateText;

typedef struct StateRun
{
	int64_t		since;
	int			state;			/* index of its text */
} StateRun;

/* From the first row to the last; the last run has the length until. */
typedef struct States
{
	Allocator	allocator;
	int			n_states;
	int			states_capacity;
	StateText  *states;
	int			n_slots;		/* twice the capacity of states, or 0 */
	int		   *slots;			/* index of a state + 1, by the hash of its text; 0: free */
	size_t		n_runs;
	size_t		runs_capacity;
	StateRun   *runs;
	int64_t		until;			/* time of the last row */
	bool		sorted;
} States;

extern States *states_create(Allocator allocator);
extern void states_free(States *states);

/*
 * A row, in any order; states_compress then leaves only the changes, in the order of time, after which no row may come.  Of several
 * states at one time the last in order holds.
 */
extern void states_add(States *states, const char *bytes, size_t length, int64_t time);
extern void states_compress(States *states);

/* The rows of from, which may have been compressed: its changes, and that its last state held until its end. */
extern void states_append(States *into, const States *from);

/* Versioned, the same on every machine and for the same changes; compressed. decode gives NULL for what no states are. */
extern size_t states_encode(const States *states, uint8_t *buffer); /* NULL: only the size */
extern States *states_decode(Allocator allocator, const uint8_t *bytes, size_t size);

#endif
