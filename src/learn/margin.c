/*
 * margin.c
 *		Linear models that move only when a row lies on the wrong side of its margin: passive-aggressive (Crammer et al. 2006) and
 *		the approximate large margin algorithm (Gentile 2001, p = 2).
 */
#include "learn/linear_inputs.h"

enum
{
	MAX_MEMORY,
	SCALE,
	AGGRESSIVENESS,				/* C */
	MODE,						/* how C bounds the step: the paper's PA, PA-I, PA-II */
	INTERCEPT,
	EPSILON						/* of regression: an error that does not count */
};

enum
{
	ALMA_ALPHA = AGGRESSIVENESS,
	ALMA_B,
	ALMA_C
};

static const char *const modes[] = {"pa", "pa1", "pa2", NULL};

#define PASSIVE_AGGRESSIVE_OPTIONS \
	MEMORY_OPTION, BOOLEAN_OPTION("scale", 1), NUMBER_OPTION("aggressiveness", 1, ABOVE_ZERO, 1e6), \
		CHOICE_OPTION("mode", modes, 1), BOOLEAN_OPTION("intercept", 1)

static const Option passive_aggressive_options[] = {PASSIVE_AGGRESSIVE_OPTIONS};
static const Option passive_aggressive_regression_options[] = {PASSIVE_AGGRESSIVE_OPTIONS, NUMBER_OPTION("epsilon", 0.1, 0, 1e6),
															   INTERVAL_OPTIONS};
static const Option alma_options[] = {MEMORY_OPTION, BOOLEAN_OPTION("scale", 1), NUMBER_OPTION("alpha", 0.9, ABOVE_ZERO, 1),
									  NUMBER_OPTION("b", 1 / 0.9, ABOVE_ZERO, 1e6),
									  NUMBER_OPTION("c", 1.4142135623730951, ABOVE_ZERO, 1e6)};

typedef struct Margin
{
	double		n_steps;		/* of ALMA: mistakes so far, plus 1 */
	LinearInputs inputs;
} Margin;

static void
margin_start(Learner *learner)
{
	Margin	   *margin = learner->state;

	margin->n_steps = 1;
	linear_inputs_start(learner, &margin->inputs, 1, learner->options[SCALE] != 0);
}

static void
margin_finish(Learner *learner)
{
	linear_inputs_free(learner, &((Margin *) learner->state)->inputs);
}

static double
squared_length(const Learner *learner, const LinearInputs *inputs, const double *row)
{
	double		sum = 0;

	for (int i = 0; i < inputs->n_features; i++)
	{
		Coefficient *coefficients;
		double		value = linear_input(learner, inputs, row, i, &coefficients);

		if (coefficients != NULL)
			sum += value * value;
	}
	return sum;
}

static void
move(const Learner *learner, LinearInputs *inputs, const double *row, double step)
{
	for (int i = 0; i < inputs->n_features; i++)
	{
		Coefficient *coefficients;
		double		value = linear_input(learner, inputs, row, i, &coefficients);

		if (coefficients != NULL)
			coefficients->value += step * value;
	}
}

/* ---- passive-aggressive ---- */

static void
passive_aggressive_step(Learner *learner, const double *row, double loss, double direction)
{
	LinearInputs *inputs = &((Margin *) learner->state)->inputs;
	double		length = squared_length(learner, inputs, row);
	double		c = learner->options[AGGRESSIVENESS];
	double		step = 0;

	if (learner->options[MODE] == 2)
		step = loss / (length + 0.5 / c);
	else if (length > 0)
		step = learner->options[MODE] == 1 ? fmin(c, loss / length) : loss / length;
	move(learner, inputs, row, step * direction);
	if (learner->options[INTERCEPT] != 0)
		inputs->intercepts[0].value += step * direction;
}

static void
passive_aggressive_learn(Learner *learner, const double *row, double target, double weight)
{
	Margin	   *margin = learner->state;
	double		direction = target != 0 ? 1 : -1;
	double		output;

	linear_inputs_prepare(learner, &margin->inputs, row, 1);
	linear_outputs(learner, &margin->inputs, row, &output);
	passive_aggressive_step(learner, row, weight * fmax(0, 1 - direction * output), direction);
}

static void
passive_aggressive_regression_learn(Learner *learner, const double *row, double target, double weight)
{
	Margin	   *margin = learner->state;
	double		output;

	linear_inputs_prepare(learner, &margin->inputs, row, 1);
	linear_outputs(learner, &margin->inputs, row, &output);
	passive_aggressive_step(learner, row, weight * fmax(0, fabs(target - output) - learner->options[EPSILON]),
							target > output ? 1 : -1);
}

/* ---- ALMA ---- */

static double
largest_length(LinearInputs *inputs)
{
	double		sum = 0;

	for (int i = 0; i < inputs->n_features; i++)
		for (int j = 0; j < inputs->n_inputs[i]; j++)
			sum += inputs->coefficients[i][j].value * inputs->coefficients[i][j].value;
	return fmax(1, sqrt(sum));
}

/* The coefficients of what the row has are brought back to length 1 at most, as River does; the paper's projection is of all. */
static void
shrink(const Learner *learner, LinearInputs *inputs, const double *row, double by)
{
	for (int i = 0; i < inputs->n_features; i++)
	{
		Coefficient *coefficients;

		linear_input(learner, inputs, row, i, &coefficients);
		if (coefficients != NULL)
			coefficients->value /= by;
	}
}

static void
alma_learn(Learner *learner, const double *row, double target, double weight)
{
	Margin	   *margin = learner->state;
	double		direction = target != 0 ? 1 : -1;
	double		output;

	linear_inputs_prepare(learner, &margin->inputs, row, 1);
	linear_outputs(learner, &margin->inputs, row, &output);
	if (direction * output >= (1 - learner->options[ALMA_ALPHA]) * learner->options[ALMA_B] / sqrt(margin->n_steps))
		return;
	move(learner, &margin->inputs, row, weight * learner->options[ALMA_C] / sqrt(margin->n_steps) * direction);
	shrink(learner, &margin->inputs, row, largest_length(&margin->inputs));
	margin->n_steps += 1;
}

/* ---- asking ---- */

static void
margin_predict(const Learner *learner, const double *row, double *prediction)
{
	double		output;

	linear_outputs(learner, &((const Margin *) learner->state)->inputs, row, &output);
	if (learner->method->task == LEARNER_REGRESSION)
		prediction[0] = output;
	else if (learner->classes.n < 2)
		prediction[0] = 1;
	else
	{
		prediction[0] = 1 / (1 + exp(output));
		prediction[1] = 1 / (1 + exp(-output));
	}
}

static void
margin_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	linear_contributions(learner, &((const Margin *) learner->state)->inputs, row, 0, bias, contributions);
	if (class == 1 || learner->method->task == LEARNER_REGRESSION)
		return;
	*bias = -*bias;
	for (int i = 0; i < learner->features.n; i++)
		contributions[i] = -contributions[i];
}

static void
margin_archive(Learner *learner, Archive *archive)
{
	Margin	   *margin = learner->state;

	archive_double(archive, &margin->n_steps);
	archive_linear_inputs(archive, &margin->inputs);
	if (archive_reads(archive) && margin->inputs.n_outputs != 1)
		archive_refuse(archive);
}

#define MARGIN_METHOD(which, the_name, the_reference, the_task) \
	{ \
		.name = the_name, .reference = the_reference, .task = the_task, .options = which##_options, \
		.n_options = N_OPTIONS(which##_options), .state_size = sizeof(Margin), .start = margin_start, .finish = margin_finish, \
		.learn = which##_learn, .predict = margin_predict, .contribute = margin_contribute, .archive = margin_archive \
	}

const LearnerMethod passive_aggressive_method =
	MARGIN_METHOD(passive_aggressive, "passive_aggressive", "Crammer et al. 2006", LEARNER_BINARY);
const LearnerMethod passive_aggressive_regression_method =
	MARGIN_METHOD(passive_aggressive_regression, "passive_aggressive_regression", "Crammer et al. 2006", LEARNER_REGRESSION);
const LearnerMethod alma_method = MARGIN_METHOD(alma, "alma", "Gentile 2001", LEARNER_BINARY);
