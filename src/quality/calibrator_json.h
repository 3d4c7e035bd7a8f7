/*
 * calibrator_json.h
 *		Calibrators as jsonb; internal to this room.
 */
#ifndef WEIR_CALIBRATOR_JSON_H
#define WEIR_CALIBRATOR_JSON_H

#include "postgres.h"

#include "base/compat.h"
#include "quality/calibration.h"
#include "utils/jsonb.h"

/* Raises 22023 for a method that there is not. */
extern CalibratorMethod calibrator_method(const char *name);

/* Adds the calibrator as an object. */
extern void calibrator_push(JsonbInState *state, const Calibrator *calibrator);

/* Memory from the current context; raises 22023 when the object is no calibrator. */
extern void calibrator_read(JsonbContainer *object, Calibrator *calibrator);

/* Whether Hosmer and Lemeshow's test over deciles rejects the scores at 5 %. */
extern bool calibrator_is_needed(const ScoreCell *cells, size_t n_cells);

#endif
