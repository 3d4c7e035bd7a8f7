/*
 * linear.c
 *		Linear models learned by stochastic gradient descent: linear, logistic, softmax and quantile regression.
 *
 * Optimisers: plain steps (Robbins and Monro 1951), AdaGrad (Duchi, Hazan and Singer 2011), Adam (Kingma and Ba 2015),
 *FTRL-proximal (McMahan et al. 2013). L1 is the cumulative penalty (Tsuruoka, Tsujii and Ananiadou 2009). The order of operations
 *is River's.
 */
#include "learn/fit.h"
#include "learn/linear_inputs.h"

enum
{
	MAX_MEMORY,
	OPTIMIZER,
	LEARNING_RATE,
	INTERCEPT_LEARNING_RATE,
	L1,
	L2,
	SCALE,
	QUANTILE					/* of quantile regression alone */
};

enum
{
	SGD,
	ADAGRAD,
	ADAM,
	FTRL
};

static const char *const optimizers[] = {"sgd", "adagrad", "adam", "ftrl", NULL};

#define LINEAR_OPTIONS \
	MEMORY_OPTION, CHOICE_OPTION("optimizer", optimizers, SGD), NUMBER_OPTION("learning_rate", NAN, ABOVE_ZERO, 1e6), \
		NUMBER_OPTION("intercept_learning_rate", 0.01, 0, 1e6), NUMBER_OPTION("l1", 0, 0, 1e6), NUMBER_OPTION("l2", 0, 0, 1e6), \
		BOOLEAN_OPTION("scale", 1)

static const Option linear_options[] = {LINEAR_OPTIONS};
static const Option regression_options[] = {LINEAR_OPTIONS, INTERVAL_OPTIONS};
static const Option quantile_options[] = {LINEAR_OPTIONS, NUMBER_OPTION("quantile", 0.5, ABOVE_ZERO, BELOW_ONE), INTERVAL_OPTIONS};

/* A gradient above is cut, so that one absurd row does not end a model. */
#define LARGEST_GRADIENT 1e12

typedef struct Linear
{
	int64_t		n_steps;
	double		l1;				/* penalty due so far to every coefficient */
	LinearInputs inputs;
} Linear;

static const char *
linear_check(const double *options)
{
	return options[L1] > 0 && options[L2] > 0 ? "at most one of l1 and l2 can be above 0" : NULL;
}

static void
linear_start(Learner *learner)
{
	Linear	   *linear = learner->state;

	linear_inputs_start(learner, &linear->inputs, learner->method->task == LEARNER_CLASSES ? 0 : 1, learner->options[SCALE] != 0);
}

static void
linear_finish(Learner *learner)
{
	linear_inputs_free(learner, &((Linear *) learner->state)->inputs);
}

static double
initial_rate(const double *options)
{
	static const double rates[] = {[SGD] = 0.01, [ADAGRAD] = 0.1, [ADAM] = 0.1, [FTRL] = 0.05};

	return isnan(options[LEARNING_RATE]) ? rates[(int) options[OPTIMIZER]] : options[LEARNING_RATE];
}

/* ---- one coefficient's step against its gradient ---- */

typedef struct Step
{
	int			optimizer;
	double		rate;
	double		adam_rate;		/* with the corrections for the first steps */
} Step;

static void
take_step(const Step *step, Coefficient *coefficient, double gradient)
{
	double		squared = gradient * gradient;
	double		root;

	switch (step->optimizer)
	{
		case SGD: coefficient->value -= step->rate * gradient; break;
		case ADAGRAD:
			coefficient->second += squared;
			coefficient->value -= step->rate / sqrt(coefficient->second + 1e-8) * gradient;
			break;
		case ADAM:
			coefficient->first = 0.9 * coefficient->first + (1 - 0.9) * gradient;
			coefficient->second = 0.999 * coefficient->second + (1 - 0.999) * squared;
			coefficient->value -= step->adam_rate * coefficient->first / (sqrt(coefficient->second) + 1e-8);
			break;
		default:
			root = sqrt(coefficient->second);
			if (coefficient->first != 0)
				coefficient->value = -coefficient->first / ((1 + root) / step->rate + 1);
			coefficient->first += gradient - (sqrt(coefficient->second + squared) - root) / step->rate * coefficient->value;
			coefficient->second += squared;
	}
}

static void
take_penalty(double due, Coefficient *coefficient)
{
	double		before = coefficient->value;

	if (before > 0)
		coefficient->value = fmax(0, before - (due + coefficient->penalty));
	else if (before < 0)
		coefficient->value = fmin(0, before + (due - coefficient->penalty));
	coefficient->penalty += coefficient->value - before;
}

/* Follows the gradients of the outputs, one per output. */
static void
follow(Learner *learner, const double *row, const double *gradients)
{
	Linear	   *linear = learner->state;
	LinearInputs *inputs = &linear->inputs;
	double		rate = initial_rate(learner->options);
	Step		step = {.optimizer = (int) learner->options[OPTIMIZER], .rate = rate, .adam_rate = rate};
	double		l2 = learner->options[L2];

	if (step.optimizer == ADAM)
		step.adam_rate = rate * sqrt(1 - pow(0.999, (double) linear->n_steps + 1)) / (1 - pow(0.9, (double) linear->n_steps + 1));
	for (int output = 0; output < inputs->n_outputs; output++)
		inputs->intercepts[output].value -= learner->options[INTERCEPT_LEARNING_RATE] * gradients[output];
	linear->l1 += learner->options[L1] * rate;
	for (int i = 0; i < inputs->n_features; i++)
	{
		Coefficient *coefficients;
		double		value = linear_input(learner, inputs, row, i, &coefficients);

		if (coefficients == NULL)
			continue;
		for (int output = 0; output < inputs->n_outputs; output++)
		{
			take_step(&step, &coefficients[output], gradients[output] * value + l2 * coefficients[output].value);
			if (linear->l1 > 0)
				take_penalty(linear->l1, &coefficients[output]);
		}
	}
	linear->n_steps++;
}

static double
cut_gradient(double gradient)
{
	return fmax(-LARGEST_GRADIENT, fmin(LARGEST_GRADIENT, gradient));
}

static inline double
logistic(double x)
{
	return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* ---- regression ---- */

static void
regression_learn(Learner *learner, const double *row, double target, double weight)
{
	Linear	   *linear = learner->state;
	double		output;
	double		gradient;

	linear_inputs_prepare(learner, &linear->inputs, row, 1);
	linear_outputs(learner, &linear->inputs, row, &output);
	gradient =
		learner->kind == LEARNER_QUANTILE_REGRESSION ? (target < output) - learner->options[QUANTILE] : 2 * (output - target);
	gradient = cut_gradient(gradient * weight);
	follow(learner, row, &gradient);
}

static void
regression_predict(const Learner *learner, const double *row, double *prediction)
{
	linear_outputs(learner, &((const Linear *) learner->state)->inputs, row, prediction);
}

static void
regression_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	(void) class;
	linear_contributions(learner, &((const Linear *) learner->state)->inputs, row, 0, bias, contributions);
}

/* ---- two classes: the output is the log-odds of class 1 against class 0 ---- */

static void
logistic_learn(Learner *learner, const double *row, double target, double weight)
{
	Linear	   *linear = learner->state;
	double		output;
	double		gradient;

	linear_inputs_prepare(learner, &linear->inputs, row, 1);
	linear_outputs(learner, &linear->inputs, row, &output);
	gradient = target != 0 ? -logistic(-output) : logistic(output);
	gradient = cut_gradient(gradient * weight);
	follow(learner, row, &gradient);
}

static void
logistic_predict(const Learner *learner, const double *row, double *probabilities)
{
	double		output;

	linear_outputs(learner, &((const Linear *) learner->state)->inputs, row, &output);
	if (learner->classes.n < 2)
	{
		probabilities[0] = 1;
		return;
	}
	probabilities[0] = logistic(-output);
	probabilities[1] = logistic(output);
}

static void
logistic_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	linear_contributions(learner, &((const Linear *) learner->state)->inputs, row, 0, bias, contributions);
	if (class == 1)
		return;
	*bias = -*bias;
	for (int i = 0; i < learner->features.n; i++)
		contributions[i] = -contributions[i];
}

/* ---- any number of classes: an output each ---- */

static void
softmax_predict(const Learner *learner, const double *row, double *probabilities)
{
	const Linear *linear = learner->state;
	int			n = linear->inputs.n_outputs;

	linear_outputs(learner, &linear->inputs, row, probabilities);
	probabilities_of_logarithms(probabilities, n);
	/* A class that nothing was learned of is not expected. */
	for (int i = n; i < learner->classes.n; i++)
		probabilities[i] = 0;
}

static void
softmax_learn(Learner *learner, const double *row, double target, double weight)
{
	Linear	   *linear = learner->state;
	int			n_before = linear->inputs.n_outputs;
	double		gradients[LEARNER_MAX_CLASSES] = {0};

	linear_inputs_prepare(learner, &linear->inputs, row, learner->classes.n);
	linear_outputs(learner, &linear->inputs, row, gradients);
	probabilities_of_logarithms(gradients, n_before);
	for (int i = n_before; i < learner->classes.n; i++)
		gradients[i] = 0;
	gradients[(int) target] -= 1;
	for (int i = 0; i < learner->classes.n; i++)
		gradients[i] = cut_gradient(gradients[i] * weight);
	follow(learner, row, gradients);
}

static void
softmax_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	const Linear *linear = learner->state;

	if (class < linear->inputs.n_outputs)
		linear_contributions(learner, &linear->inputs, row, class, bias, contributions);
}

/* ---- made at once ---- */

void
fit_linear_output(Learner *learner, int output, int n_outputs, const double *coefficients, double intercept)
{
	LinearInputs *inputs;

	if (!learner->is_started)
		learner_start(learner);
	inputs = &((Linear *) learner->state)->inputs;
	/* Room for all of them, as a row has it made: without scaling its values do not matter. */
	if (output == 0)
		linear_inputs_prepare(learner, inputs, coefficients, n_outputs);
	if (output >= inputs->n_outputs)
		return;
	for (int i = 0; i < inputs->n_features; i++)
		if (inputs->n_inputs[i] > 0)
			inputs->coefficients[i][output].value = coefficients[i];
	inputs->intercepts[output].value = intercept;
}

/* ---- the stored form ---- */

static void
linear_archive(Learner *learner, Archive *archive)
{
	Linear	   *linear = learner->state;

	archive_integer(archive, &linear->n_steps, 0, INT64_C(1) << 60);
	archive_double(archive, &linear->l1);
	archive_linear_inputs(archive, &linear->inputs);
	if (archive_reads(archive) && linear->inputs.n_outputs > (learner->method->task == LEARNER_CLASSES ? learner->classes.n : 1))
		archive_refuse(archive);
}

#define LINEAR_METHOD(the_name, the_reference, the_task, the_options, which) \
	{ \
		.name = the_name, .reference = the_reference, .task = the_task, .options = the_options, \
		.n_options = N_OPTIONS(the_options), .check = linear_check, .state_size = sizeof(Linear), .start = linear_start, \
		.finish = linear_finish, .learn = which##_learn, .predict = which##_predict, .contribute = which##_contribute, \
		.archive = linear_archive \
	}

const LearnerMethod linear_regression_method =
	LINEAR_METHOD("linear_regression", "squared loss by stochastic gradient descent (Robbins and Monro 1951)", LEARNER_REGRESSION,
				  regression_options, regression);
const LearnerMethod logistic_regression_method =
	LINEAR_METHOD("logistic_regression", "logistic loss by stochastic gradient descent (Robbins and Monro 1951)", LEARNER_BINARY,
				  linear_options, logistic);
const LearnerMethod softmax_regression_method =
	LINEAR_METHOD("softmax_regression", "cross-entropy by stochastic gradient descent (Robbins and Monro 1951)", LEARNER_CLASSES,
				  linear_options, softmax);
const LearnerMethod quantile_regression_method =
	LINEAR_METHOD("quantile_regression", "quantile loss (Koenker and Bassett 1978) by stochastic gradient descent",
				  LEARNER_REGRESSION, quantile_options, regression);
