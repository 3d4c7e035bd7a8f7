/*
 * drift_cells.h
 *		How numbers are cut into cells; internal to this room.  Plain C.
 */
#ifndef WEIR_DRIFT_CELLS_H
#define WEIR_DRIFT_CELLS_H

#include "drift/drift.h"

extern DriftCell *drift_add_cell(DriftPair *pair, DriftCellKind kind);

/* The ways of drift_bins.c; the cells have been allocated. */

/* How many equal widths Doane's or Sturges' rule gives, or the options; at least 1. */
extern int	drift_equal_width_bins(const DriftPair *pair, int n_bins);
extern void drift_make_equal_width_cells(DriftPair *pair, int n_bins);

/* (previous edge, edge], the first and the last open. */
extern void drift_cut_at_edges(DriftPair *pair, const double *edges, int n_edges);

/* At most n_bins cells of the universal grid, and the infinities. */
extern void drift_make_grid_cells(DriftPair *pair, int n_bins);

#endif
