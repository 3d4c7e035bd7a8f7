/*
 * evaluation.c
 *		How good alarms are, given where the changes were: precision, recall, delay, false alarms.
 */
#include "detect/evaluation.h"

#include <math.h>
#include <stddef.h>

static double
ratio(double a, double b)
{
	return b == 0 ? NAN : a / b;
}

void
evaluate_alarms(const int64_t *alarms, int64_t n_alarms, const int64_t *drifts, int64_t n_drifts, int64_t n, int64_t max_delay,
				Evaluation *evaluation)
{
	double		n_detected = 0;
	double		n_episodes = 0;
	double		delays = 0;
	double		normalized = 0;
	double		precision;
	double		recall;
	int64_t		next = 0;

	for (int64_t i = 0; i < n_drifts; i++)
	{
		int64_t		end = i + 1 < n_drifts ? drifts[i + 1] : n;
		int64_t		time = end - drifts[i] - 1; /* the longest delay there can be */
		int64_t		delay;

		if (time > max_delay)
			time = max_delay;
		while (next < n_alarms && alarms[next] < drifts[i])
			next++;
		if (next == n_alarms || alarms[next] >= end)
			continue;
		n_episodes += 1;
		delay = alarms[next] - drifts[i];
		if (delay > time)
			continue;
		n_detected += 1;
		delays += (double) delay;
		normalized += time == 0 ? 0 : (double) delay / (double) time;
	}
	precision = ratio(n_detected, (double) n_alarms);
	recall = ratio(n_detected, (double) n_drifts);
	evaluation->n_alarms = (double) n_alarms;
	evaluation->n_detected = n_detected;
	evaluation->n_false = (double) n_alarms - n_detected;
	evaluation->precision = precision;
	evaluation->recall = recall;
	evaluation->episode_recall = ratio(n_episodes, (double) n_drifts);
	evaluation->f1 = n_alarms + n_drifts == 0 ? NAN : 2 * n_detected / (double) (n_alarms + n_drifts);
	evaluation->mean_delay = ratio(delays, n_detected);
	evaluation->normalized_delay = ratio(normalized, n_detected);
	evaluation->false_alarm_rate = evaluation->n_false / (double) n;
	evaluation->mean_time_between_false_alarms = ratio((double) n, evaluation->n_false);
	evaluation->mean_time_ratio = ratio(evaluation->mean_time_between_false_alarms * recall, evaluation->mean_delay);
}

#define MAX_PHASES 100
#define MAX_WORK 10000000

/* NaN where no phase has a value, else the mean of those that have. */
static void
add_phase(double *sum, double *count, double value)
{
	if (!isnan(value))
	{
		*sum += value;
		*count += 1;
	}
}

void
evaluate_periodic(int64_t *alarms, int64_t n_alarms, const int64_t *drifts, int64_t n_drifts, int64_t n, int64_t max_delay,
				  Evaluation *evaluation)
{
	enum
	{
		N_FIELDS = sizeof(Evaluation) / sizeof(double)
	};
	double		sums[N_FIELDS] = {0};
	double		counts[N_FIELDS] = {0};
	int64_t		phases = n_alarms == 0 ? 1 : MAX_WORK / n_alarms;

	if (phases > MAX_PHASES)
		phases = MAX_PHASES;
	if (phases < 1)
		phases = 1;
	for (int64_t phase = 0; phase < phases; phase++)
	{
		Evaluation	one;

		for (int64_t i = 0; i < n_alarms; i++)
			alarms[i] = (int64_t) (((double) i + ((double) phase + 0.5) / (double) phases) / (double) n_alarms * (double) n);
		evaluate_alarms(alarms, n_alarms, drifts, n_drifts, n, max_delay, &one);
		for (int field = 0; field < N_FIELDS; field++)
			add_phase(&sums[field], &counts[field], ((const double *) &one)[field]);
	}
	for (int field = 0; field < N_FIELDS; field++)
		((double *) evaluation)[field] = ratio(sums[field], counts[field]);
}
