/*
 * unit.h
 *		The little that the unit tests need: checks, an allocator that notices leaks, random numbers that can be repeated.
 *
 * A test is a program:
 *
 *		#include "unit.h"
 *		#include "summary/summary.h"
 *
 *		int
 *		main(void)
 *		{
 *			bool		same = true;
 *
 *			CHECK(1 + 1 == 2, "addition of %d and %d", 1, 1);
 *			for (int i = 0; i < 100000; i++)
 *				EXPECT(&same, unit_random() == unit_random(), "draw %d", i);
 *			CHECK(same, "draws repeat");
 *			return unit_summary();
 *		}
 *
 * CHECK prints one "ok" or "not ok" line.  EXPECT is for loops: it prints only what fails, and leaves the counting to one CHECK
 * after the loop.  The seed is printed at the end when something failed; UNIT_SEED=<seed> in the environment repeats the run.
 * UNIT_EFFORT (default 1) multiplies the rounds of a test that asks for it by unit_rounds.
 */
#ifndef UNIT_H
#define UNIT_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/allocator.h"

#define UNIT_MAX_DETAILS 20 /* lines of EXPECT and of failed checks that are explained; more would hide the first */

static struct
{
	int			passed;
	int			failed;
	int			details;
	uint64_t	seed;
	uint64_t	state;
	bool		seeded;
	size_t		allocated;		/* bytes held through unit_allocator now */
	size_t		allocated_peak;
} unit_state;

/* ---- checks ---- */

#define CHECK(condition, ...) unit_check((condition), __FILE__, __LINE__, #condition, __VA_ARGS__)
#define EXPECT(good, condition, ...) \
	do \
	{ \
		if (!(condition)) \
			unit_expect_failed((good), __FILE__, __LINE__, #condition, __VA_ARGS__); \
	} while (0)

static inline bool unit_check(bool condition, const char *file, int line, const char *text, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
static inline void unit_expect_failed(bool *good, const char *file, int line, const char *text, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Equal up to a relative error; NaN equals NaN and infinities equal themselves. */
static inline bool
unit_close(double a, double b, double relative)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b);
	if (isinf(a) || isinf(b))
		return a == b;
	return fabs(a - b) <= relative * fmax(fmax(fabs(a), fabs(b)), 1e-300);
}

static inline bool
unit_check(bool condition, const char *file, int line, const char *text, const char *format, ...)
{
	va_list		arguments;

	printf("%s %d - ", condition ? "ok" : "not ok", unit_state.passed + unit_state.failed + 1);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	if (condition)
		unit_state.passed++;
	else
	{
		unit_state.failed++;
		printf("# %s:%d: %s\n", file, line, text);
	}
	return condition;
}

static inline void
unit_expect_failed(bool *good, const char *file, int line, const char *text, const char *format, ...)
{
	va_list		arguments;

	*good = false;
	if (unit_state.details++ >= UNIT_MAX_DETAILS)
		return;
	printf("# %s:%d: %s: ", file, line, text);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

/* ---- memory ---- */

/* realloc with the contract of Allocator; the size that the caller says it had is checked against the one it was given. */
static inline void *
unit_resize(void *context, void *pointer, size_t old_size, size_t size)
{
	size_t	   *block = pointer == NULL ? NULL : (size_t *) pointer - 2;
	size_t		held = block == NULL ? 0 : block[0];

	(void) context;
	if (pointer != NULL && block[1] != (size_t) 0x77656972)
	{
		printf("not ok - memory that did not come from unit_allocator was resized\n");
		abort();
	}
	if (held != old_size)
	{
		printf("not ok - resize was told that a block has %zu bytes, it has %zu\n", old_size, held);
		abort();
	}
	unit_state.allocated = unit_state.allocated - held + size;
	if (unit_state.allocated > unit_state.allocated_peak)
		unit_state.allocated_peak = unit_state.allocated;
	if (size == 0)
	{
		free(block);
		return NULL;
	}
	block = realloc(block, size + 2 * sizeof(size_t));
	if (block == NULL)
	{
		printf("not ok - out of memory (%zu bytes)\n", size);
		abort();
	}
	block[0] = size;
	block[1] = (size_t) 0x77656972;
	return block + 2;
}

static inline Allocator
unit_allocator(void)
{
	return (Allocator){.resize = unit_resize, .context = NULL};
}

/* Bytes held through unit_allocator now: 0 at the end of a test that frees what it made. */
static inline size_t
unit_allocated(void)
{
	return unit_state.allocated;
}

static inline size_t
unit_allocated_peak(void)
{
	return unit_state.allocated_peak;
}

/* ---- random numbers: splitmix64, the same on every machine ---- */

static inline void
unit_seed(uint64_t seed)
{
	unit_state.seed = unit_state.state = seed;
	unit_state.seeded = true;
}

static inline uint64_t
unit_random(void)
{
	uint64_t	z;

	if (!unit_state.seeded)
	{
		const char *given = getenv("UNIT_SEED");
		struct timespec now;

		clock_gettime(CLOCK_REALTIME, &now);
		unit_seed(given != NULL ? strtoull(given, NULL, 0)
								: (uint64_t) now.tv_sec * 1000003 + (uint64_t) now.tv_nsec + (uint64_t) getpid());
	}
	z = (unit_state.state += UINT64_C(0x9E3779B97F4A7C15));
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* Uniform in [0, limit); limit must not be 0. The bias of a remainder does not matter here. */
static inline uint64_t
unit_random_below(uint64_t limit)
{
	return unit_random() % limit;
}

/* Uniform in [0, 1). */
static inline double
unit_random_uniform(void)
{
	return (double) (unit_random() >> 11) * 0x1p-53;
}

/* Standard normal (Box and Muller 1958). */
static inline double
unit_random_normal(void)
{
	double		u = 1.0 - unit_random_uniform();

	return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * unit_random_uniform());
}

/* Any bit pattern: NaN, infinities, subnormals and both zeros among them. */
static inline double
unit_random_bits(void)
{
	uint64_t	bits = unit_random();
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* The number of rounds of a randomised test: the given one times UNIT_EFFORT. */
static inline int
unit_rounds(int rounds)
{
	const char *effort = getenv("UNIT_EFFORT");
	double		factor = effort == NULL ? 1.0 : atof(effort);

	return factor > 0 ? (int) fmax(1.0, rounds * factor) : rounds;
}

/* ---- end ---- */

/* Prints the totals; the result is the exit status of main. */
static inline int
unit_summary(void)
{
	if (unit_state.seeded && unit_state.failed > 0)
		printf("# UNIT_SEED=%llu repeats this run\n", (unsigned long long) unit_state.seed);
	if (unit_state.passed + unit_state.failed == 0)
	{
		printf("not ok 1 - the test checked nothing\n");
		unit_state.failed = 1;
	}
	printf("%d passed, %d failed\n", unit_state.passed, unit_state.failed);
	return unit_state.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
