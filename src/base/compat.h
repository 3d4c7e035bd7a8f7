/*
 * compat.h
 *		The only place with PostgreSQL version conditionals: 15 to 18.
 */
#ifndef WEIR_COMPAT_H
#define WEIR_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "weir needs PostgreSQL 15 or newer"
#endif

#endif
