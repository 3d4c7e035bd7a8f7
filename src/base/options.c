/*
 * options.c
 *		Options of methods that are chosen by name.
 */
#include "base/options.h"

#include <math.h>
#include <string.h>

int
option_find(const Option *options, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (strcmp(options[i].name, name) == 0)
			return i;
	return -1;
}

bool
option_allows(const Option *option, double value)
{
	if (isnan(value))
		return isnan(option->initial);
	return value >= option->low && value <= option->high && (option->type == OPTION_IS_NUMBER || value == floor(value));
}

void
options_initial(const Option *options, int n, double *values)
{
	for (int i = 0; i < n; i++)
		values[i] = options[i].initial;
}
