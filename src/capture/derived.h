/*
 * derived.h
 *		Derived columns: summaries of what several columns of a row say together.  Inside this room only.
 *
 * A derivation has one summary for each of its parts, and a row gives each at most one value.  They stand in the arrays of panes
 * like columns, at positions of their own (weir.derived_column).
 */
#ifndef WEIR_CAPTURE_DERIVED_H
#define WEIR_CAPTURE_DERIVED_H

#include "postgres.h"

#include "capture/definition.h"
#include "capture/row.h"

#define DERIVED_MAX_INPUTS 3

typedef struct DerivationMethod
{
	const char *name;			/* as weir.derived_column has it */
	PerformanceKind performance; /* the state whose parts are kept */

	/* Columns that it reads, in the relation of the map; the same one may come twice. */
	void		(*inputs)(const MonitorMap *entry, AttrNumber inputs[DERIVED_MAX_INPUTS]);
	void		(*add)(MonitorMap *entry, const CapturedDerivation *derivation, PanePart *part, char *gathered, RowImage *row);
} DerivationMethod;

/* What the monitor's derivations need of label, prediction and score, before these are looked up.  Inside an SPI scope. */
extern void derived_prepare(CapturedMonitor *monitor, bool has_fairness);

/* Makes one of the monitor's columns a part of a derivation. */
extern void derived_column(CapturedMonitor *monitor, int column, const char *derivation, const char *part);

/* An empty summary of a derived column. */
extern Summary *derived_summary(const CapturedColumn *column, Allocator allocator);

/* True when the relation has all that the derivation reads. */
extern bool derived_is_here(const MonitorMap *entry, const CapturedDerivation *derivation);

/* Adds what the row says to the part, to its row gathered there, where derived columns are said to be missing. */
static inline void
derived_add(MonitorMap *entry, const CapturedDerivation *derivation, PanePart *part, char *gathered, RowImage *row)
{
	if (derived_is_here(entry, derivation))
		derivation->method->add(entry, derivation, part, gathered, row);
}

#endif
