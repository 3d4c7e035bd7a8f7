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

/* Runs a portal to its end as a top-level statement (tcop/pquery.h); 18 dropped the argument run_once. */
#if PG_VERSION_NUM >= 180000
#define portal_run_all(portal, receiver, completion) PortalRun((portal), FETCH_ALL, true, (receiver), (receiver), (completion))
#else
#define portal_run_all(portal, receiver, completion) PortalRun((portal), FETCH_ALL, true, true, (receiver), (receiver), (completion))
#endif

/* Columns that are computed when they are read came with 18. */
#include "catalog/pg_attribute.h"
#ifndef ATTRIBUTE_GENERATED_VIRTUAL
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

#endif
