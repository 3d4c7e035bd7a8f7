/*
 * options_datum.h
 *		Options of methods that are chosen by name, from and to jsonb.
 */
#ifndef WEIR_OPTIONS_DATUM_H
#define WEIR_OPTIONS_DATUM_H

#include "postgres.h"

#include "base/options.h"
#include "utils/jsonb.h"

/*
 * Fills in initial values, then what the object says; null is the initial value. what and name ("detector", "adwin") are for
 * messages. Raises 22023 for what is no object, an unknown option, a value that the option cannot have.
 */
extern void options_from_jsonb(const char *what, const char *name, const Option *options, int n, Jsonb *jsonb, double *values);
extern Jsonb *options_to_jsonb(const Option *options, int n, const double *values);

#endif
