/*
 * learner_exercise.h
 *		Streams for learners, and everything one can ask of a learner, for the unit test and the fuzzer.
 */
#ifndef LEARNER_EXERCISE_H
#define LEARNER_EXERCISE_H

#include "learn/learner.h"
#include "unit.h"

#define EXERCISE_FEATURES 5

typedef struct LearnerBytes
{
	uint8_t	   *bytes;
	size_t		size;
} LearnerBytes;

static inline LearnerBytes
learner_bytes(const Learner *learner)
{
	LearnerBytes stored = {.size = learner_encoded_size(learner)};

	stored.bytes = malloc(stored.size);
	learner_encode(learner, stored.bytes);
	return stored;
}

/* Every kind of step, and windows of every statistic. */
static inline void
learner_add_steps(Learner *learner)
{
	static const struct
	{
		StepKind	kind;
		const char *names[STEP_N_NAMES];
		double		options[STEP_MAX_OPTIONS];
	} steps[] = {
		{STEP_IMPUTE, {"a", "", "", ""}, {0, 0}},
		{STEP_IMPUTE, {"c", "", "", ""}, {1, 0}},
		{STEP_IMPUTE, {"b", "", "", ""}, {2, 0}},
		{STEP_WINDOW, {"a", "b", "", "mean"}, {2, 10, NAN, 3}},
		{STEP_WINDOW, {"c", "b", "e", "sum"}, {1, 7, 1e-7, 1000}},
		{STEP_WINDOW, {"", "d", "e", "rate"}, {6, 100, NAN, 2}},
		{STEP_WINDOW, {"", "a", "", "count"}, {0, 5, NAN, 50}},
		{STEP_WINDOW, {"c", "", "", "deviation"}, {5, 30, NAN, 1}},
		{STEP_WINDOW, {"c", "d", "", "lag"}, {7, 2, NAN, 10}},
		{STEP_WINDOW, {"", "d", "e", "gap"}, {9, 2, NAN, 10}},
		{STEP_TARGET_ENCODE, {"b", "", "", ""}, {10}},
		{STEP_SCALE, {"c", "", "", ""}, {0}},
		{STEP_SCALE, {"e", "", "", ""}, {1}},
		{STEP_ONE_HOT, {"d", "", "", ""}, {2, 2}},
	};
	int			number;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		learner_add_step(learner, steps[i].kind, steps[i].names, steps[i].options);
	/* Values that come first, of others those that are given. */
	if (learner_kind(learner) % 2 == 1 && !(learner_add_step_value(learner, "q", 1) && learner_add_step_value(learner, "z", 1)))
		abort();
	if (learner_bind_steps(learner, &number) != NULL)
		abort();
}

/* Three numbers and two categories. */
static inline void
learner_name_features(Learner *learner)
{
	learner_add_feature(learner, "a", 1, false);
	learner_add_feature(learner, "b", 1, true);
	learner_add_feature(learner, "c", 1, false);
	learner_add_feature(learner, "d", 1, true);
	learner_add_feature(learner, "e", 1, false);
}

/* A row of a concept that changes every 1000 rows; values are missing now and then. The class, or a number. */
static inline double
learner_draw_row(Learner *learner, int number, bool learning, double *row)
{
	int			concept = number / 1000 % 2;
	double		a = unit_random_normal();
	double		c = unit_random_normal() * 10;
	int			category = (int) unit_random_below(4);
	bool		positive = concept == 0 ? a + c / 10 + (category == 3) > 0.25 : a < 0.5;

	for (int i = 0; i < learner_n_inputs(learner); i++)
		if (learner_feature_is_categorical(learner, i))
		{
			char		name[2] = {(char) ('p' + (i == 1 ? category : (int) unit_random_below(3)))};

			row[i] = learning ? learner_category_add(learner, i, name, 1) : learner_category(learner, i, name, 1);
		}
		else
			row[i] = i == 0 ? a : i == 2 ? c : unit_random_uniform();
	if (unit_random_below(20) == 0)
		row[unit_random_below((uint64_t) learner_n_inputs(learner))] = NAN;
	if (learner_task(learner_kind(learner)) == LEARNER_REGRESSION)
		return 3 * a - c / 5 + category;
	return positive;
}

/* Learns so many rows, asking before each. */
static inline void
learner_exercise(Learner *learner, int first, int n)
{
	bool		is_number = !learner_tells_classes(learner_kind(learner));

	for (int i = first; i < first + n; i++)
	{
		double		row[LEARNER_MAX_FEATURES];
		double		probabilities[LEARNER_MAX_CLASSES];
		double		target = learner_draw_row(learner, i, true, row);
		int			class;

		if (is_number)
			(void) learner_number(learner, row);
		else
			learner_probabilities(learner, row, probabilities);
		if (!is_number)
		{
			const char *name = target != 0 ? "yes" : "no";

			class = learner_class_add(learner, name, strlen(name));
			if (class < 0)
				continue;
			target = class;
		}
		learner_learn(learner, row, target, 1);
	}
}

#endif
