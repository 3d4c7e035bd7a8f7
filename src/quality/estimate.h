/*
 * estimate.h
 *		Performance of a binary model before the labels are there.  Plain C.
 *
 * Confidence-based estimation: where scores, mended by a calibrator fitted on labelled rows, are probabilities, each row is a
 * positive with that probability, and what the confusion matrix will be can be expected.  It sees changes of the inputs, not
 * of what they mean: concept drift stays unseen.
 */
#ifndef WEIR_ESTIMATE_H
#define WEIR_ESTIMATE_H

#include "quality/calibration.h"

/*
 * Each metric with the interval in which the realised value lies with the confidence of z when the probabilities are right
 * (delta method).  calibrator NULL: scores are taken as they are. All scored rows count, with a label or without.
 */
extern void performance_estimate(const Performance *performance, const Calibrator *calibrator, double threshold, double z,
								 int64_t min_n, PerformanceSink sink, void *context);

#endif
