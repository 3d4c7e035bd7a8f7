/*
 * present_name.h
 *		SQL: how columns of a monitor's table are called now.  Inside this room only.
 *
 * Definitions name columns; capture follows them by number (weir.monitor_state.attributes), so one may have been renamed since.
 */
#ifndef WEIR_PRESENT_NAME_H
#define WEIR_PRESENT_NAME_H

/* Of a column of the monitor m, whose state is s: names are those that capture has seen last. */
#define PRESENT_NAME(name) \
	"coalesce((SELECT c.attname FROM pg_catalog.pg_attribute c WHERE c.attrelid = m.source AND NOT c.attisdropped " \
	"AND c.attnum = (s.attributes ->> " name "::text)::int), " name ")::text"

/* Whether capture has seen all of them as they are now. */
#define NAMES_ARE_PRESENT \
	"NOT EXISTS (SELECT FROM pg_catalog.jsonb_each_text(s.attributes) e WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute c " \
	"WHERE c.attrelid = m.source AND c.attnum = e.value::int AND c.attname = e.key AND NOT c.attisdropped))"

#endif
