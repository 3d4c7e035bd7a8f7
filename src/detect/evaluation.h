/*
 * evaluation.h
 *		How good alarms are, given where the changes were.  Plain C.
 */
#ifndef WEIR_EVALUATION_H
#define WEIR_EVALUATION_H

#include <stdint.h>

typedef struct Evaluation
{
	double		n_alarms;
	double		n_detected;		/* drifts with an alarm in time */
	double		n_false;		/* alarms that are not the first in time after a drift */
	double		precision;		/* NaN where undefined, as all that follow */
	double		recall;
	double		episode_recall; /* drifts with an alarm before the next drift, in time or not */
	double		f1;
	double		mean_delay;
	double		normalized_delay; /* delays as shares of the time there was */
	double		false_alarm_rate; /* per row */
	double		mean_time_between_false_alarms;
	double		mean_time_ratio;
} Evaluation;

/*
 * Both sorted, without repetitions, within [0, n), n above 0. An alarm is in time when it comes before the next drift and at most
 * max_delay rows after the drift.
 */
extern void evaluate_alarms(const int64_t *alarms, int64_t n_alarms, const int64_t *drifts, int64_t n_drifts, int64_t n,
							int64_t max_delay, Evaluation *evaluation);

/* The mean over all phases of as many alarms at equal distances; alarms is scratch of that many. */
extern void evaluate_periodic(int64_t *alarms, int64_t n_alarms, const int64_t *drifts, int64_t n_drifts, int64_t n,
							  int64_t max_delay, Evaluation *evaluation);

#endif
