/*
 * options.h
 *		Options of methods that are chosen by name: detectors, learners.  Plain C.
 *
 * Every option is a number: a count is a whole one, a boolean is 0 or 1, a choice the place in its list.
 */
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H

#include <stdbool.h>

typedef enum OptionType
{
	OPTION_IS_NUMBER,
	OPTION_IS_COUNT,
	OPTION_IS_BOOLEAN,
	OPTION_IS_CHOICE
} OptionType;

typedef struct Option
{
	const char *name;
	OptionType	type;
	double		initial;		/* NaN: not given, and what is not given is estimated or follows from others */
	double		low;
	double		high;			/* low and high are allowed themselves */
	const char *const *choices; /* ends with NULL */
} Option;

#define N_OPTIONS(list) ((int) (sizeof(list) / sizeof((list)[0])))

#define COUNT_OPTION(name, initial, low, high) \
	{ \
		name, OPTION_IS_COUNT, initial, low, high, NULL \
	}
#define NUMBER_OPTION(name, initial, low, high) \
	{ \
		name, OPTION_IS_NUMBER, initial, low, high, NULL \
	}
#define BOOLEAN_OPTION(name, initial) \
	{ \
		name, OPTION_IS_BOOLEAN, initial, 0, 1, NULL \
	}
#define CHOICE_OPTION(name, list, initial) \
	{ \
		name, OPTION_IS_CHOICE, initial, 0, N_OPTIONS(list) - 2, list \
	}

/* The bounds of options: something strictly above 0, below 1. */
#define ABOVE_ZERO 1e-300
#define BELOW_ONE 0.9999999999999999

/* A bound that none is. */
#define OPTION_UNBOUNDED 1e100

/* -1 when there is none of that name. */
extern int	option_find(const Option *options, int n, const char *name);

/* Whether the value is one that the option can have. */
extern bool option_allows(const Option *option, double value);

/* Fills in the initial values. */
extern void options_initial(const Option *options, int n, double *values);

#endif
