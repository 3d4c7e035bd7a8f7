/*
 * drift_detail.h
 *		Why a score is what it is, as jsonb; internal to this room.
 */
#ifndef WEIR_DRIFT_DETAIL_H
#define WEIR_DRIFT_DETAIL_H

#include "postgres.h"

#include "drift/drift.h"

extern Datum drift_detail(const DriftPair *pair, DriftMetric metric, const DriftScore *score);

#endif
