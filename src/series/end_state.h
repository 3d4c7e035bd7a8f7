/*
 * end_state.h
 *		The states of first and last, as other servers send them.
 */
#ifndef WEIR_SERIES_END_STATE_H
#define WEIR_SERIES_END_STATE_H

#include "postgres.h"

#include "fmgr.h"

/*
 * Whether a serialized state is of values of that type, which has a binary form: where the function that reads it is that of first
 * and last, whose states name the type of their value.  Of others it says nothing.
 */
extern bool end_state_is_of(PGFunction read, const char *bytes, Size size, Oid type);

#endif
