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

/* Columns that are computed when they are read came with 18. */
#include "catalog/pg_attribute.h"
#ifndef ATTRIBUTE_GENERATED_VIRTUAL
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

#endif
