/*
 * recursive_least_squares.c
 *		Linear regression that is exact after every row, with old rows forgotten at a steady rate (Haykin, Adaptive Filter Theory,
 *		ch. 9).
 *
 * An input per number, one per category as they come, and a constant one. Up to MAX_INPUTS of them; categories beyond are missing.
 */
#include "learn/learner_method.h"

enum
{
	MAX_MEMORY,
	FORGETTING,					/* what a row's weight becomes with each row that follows */
	REGULARIZATION				/* the inverse of the first covariance: how strongly coefficients are drawn to 0 */
};

static const Option options_list[] = {MEMORY_OPTION, NUMBER_OPTION("forgetting", 1, 0.5, 1),
									  NUMBER_OPTION("regularization", 0.001, 1e-12, 1e12), INTERVAL_OPTIONS};

#define MAX_INPUTS 256

typedef struct LeastSquares
{
	int			n_inputs;		/* the constant one is number 0 */
	int			n_features;
	int		   *n_slots;		/* per feature */
	int		  **slots;			/* per feature and category (of numbers, the one): the number of the input, 0 for none */
	double	   *coefficients;	/* n_inputs */
	double	   *covariance;		/* n_inputs by n_inputs, symmetric: the inverse of the rows' sum of squares */
} LeastSquares;

static void
add_input(Learner *learner, LeastSquares *squares)
{
	size_t		old = (size_t) squares->n_inputs;
	size_t		n = old + 1;
	double	   *covariance;

	squares->coefficients = learner_grow(learner->allocator, squares->coefficients, old * sizeof(double), n * sizeof(double));
	covariance = learner_grow(learner->allocator, squares->covariance, old * old * sizeof(double), n * n * sizeof(double));
	for (size_t i = old; i-- > 0;)
	{
		memmove(covariance + i * n, covariance + i * old, old * sizeof(double));
		covariance[i * n + old] = 0;
	}
	memset(covariance + old * n, 0, n * sizeof(double));
	covariance[old * n + old] = 1 / learner->options[REGULARIZATION];
	squares->covariance = covariance;
	squares->n_inputs++;
}

/* Bytes of one input more. */
static size_t
input_growth(const LeastSquares *squares)
{
	size_t		n = (size_t) squares->n_inputs;

	return (1 + 2 * n + 1) * sizeof(double);
}

static void
least_squares_start(Learner *learner)
{
	LeastSquares *squares = learner->state;
	size_t		n = (size_t) learner->features.n;

	squares->n_features = (int) n;
	if (n > 0)
	{
		squares->n_slots = learner_room(learner, n * sizeof(int));
		squares->slots = learner_room(learner, n * sizeof(int *));
	}
}

static void
least_squares_finish(Learner *learner)
{
	LeastSquares *squares = learner->state;
	size_t		n = (size_t) squares->n_inputs;

	for (int i = 0; i < squares->n_features; i++)
		learner_release(learner, squares->slots[i], (size_t) squares->n_slots[i] * sizeof(int));
	learner_release(learner, squares->n_slots, (size_t) squares->n_features * sizeof(int));
	learner_release(learner, squares->slots, (size_t) squares->n_features * sizeof(int *));
	learner_release(learner, squares->coefficients, n * sizeof(double));
	learner_release(learner, squares->covariance, n * n * sizeof(double));
}

/* The number of the input that a value is, 0 for none; *value becomes what the input gets. */
static int
input_of(const Learner *learner, const LeastSquares *squares, int feature, double *value)
{
	int			slot = 0;

	if (isnan(*value))
		return 0;
	if (learner->is_categorical[feature])
	{
		slot = (int) *value;
		*value = 1;
	}
	return slot < squares->n_slots[feature] ? squares->slots[feature][slot] : 0;
}

static void
make_room(Learner *learner, LeastSquares *squares, const double *row)
{
	if (squares->n_inputs == 0 && learner_has_room(learner, input_growth(squares)))
		add_input(learner, squares);
	for (int i = 0; i < squares->n_features; i++)
	{
		double		value = row[i];
		int			slot = learner->is_categorical[i] && !isnan(value) ? (int) value : 0;

		if (isnan(value) || input_of(learner, squares, i, &value) != 0 || squares->n_inputs >= MAX_INPUTS || squares->n_inputs == 0)
			continue;
		if (!learner_has_room(learner, input_growth(squares) + (size_t) (slot + 1) * sizeof(int)))
			continue;
		if (slot >= squares->n_slots[i])
		{
			squares->slots[i] = learner_grow(learner->allocator, squares->slots[i], (size_t) squares->n_slots[i] * sizeof(int),
											 (size_t) (slot + 1) * sizeof(int));
			squares->n_slots[i] = slot + 1;
		}
		squares->slots[i][slot] = squares->n_inputs;
		add_input(learner, squares);
	}
}

/* The row as numbers of inputs and their values; how many. */
static int
sparse(const Learner *learner, const LeastSquares *squares, const double *row, int *places, double *values)
{
	int			n = 0;

	if (squares->n_inputs == 0)
		return 0;
	places[0] = 0;
	values[n++] = 1;
	for (int i = 0; i < squares->n_features; i++)
	{
		double		value = row[i];
		int			place = input_of(learner, squares, i, &value);

		if (place == 0)
			continue;
		places[n] = place;
		values[n++] = value;
	}
	return n;
}

static void
least_squares_predict(const Learner *learner, const double *row, double *prediction)
{
	const LeastSquares *squares = learner->state;
	int			places[MAX_INPUTS];
	double		values[MAX_INPUTS];
	int			n = sparse(learner, squares, row, places, values);

	prediction[0] = 0;
	for (int i = 0; i < n; i++)
		prediction[0] += squares->coefficients[places[i]] * values[i];
}

static void
least_squares_learn(Learner *learner, const double *row, double target, double weight)
{
	LeastSquares *squares = learner->state;
	double		forgetting = learner->options[FORGETTING];
	int			places[MAX_INPUTS];
	double		values[MAX_INPUTS];
	double		gain[MAX_INPUTS] = {0};
	double		error = target;
	double		spread = forgetting / weight;
	int			n_inputs;
	int			n;

	make_room(learner, squares, row);
	n_inputs = squares->n_inputs;
	n = sparse(learner, squares, row, places, values);
	for (int i = 0; i < n_inputs; i++)
	{
		gain[i] = 0;
		for (int j = 0; j < n; j++)
			gain[i] += squares->covariance[i * n_inputs + places[j]] * values[j];
	}
	for (int j = 0; j < n; j++)
	{
		spread += gain[places[j]] * values[j];
		error -= squares->coefficients[places[j]] * values[j];
	}
	/* Rounding can make it so of what is collinear to the last digit: such a row tells nothing new. */
	if (!(spread > 0) || !isfinite(spread))
		return;
	for (int i = 0; i < n_inputs; i++)
	{
		double		share = gain[i] / spread;

		squares->coefficients[i] += share * error;
		for (int j = 0; j <= i; j++)
		{
			double		covariance = (squares->covariance[i * n_inputs + j] - share * gain[j]) / forgetting;

			squares->covariance[i * n_inputs + j] = squares->covariance[j * n_inputs + i] = covariance;
		}
	}
}

static void
least_squares_contribute(const Learner *learner, const double *row, int class, double *bias, double *contributions)
{
	const LeastSquares *squares = learner->state;

	(void) class;
	if (squares->n_inputs > 0)
		*bias = squares->coefficients[0];
	for (int i = 0; i < squares->n_features; i++)
	{
		double		value = row[i];
		int			place = input_of(learner, squares, i, &value);

		if (place != 0)
			contributions[i] = squares->coefficients[place] * value;
	}
}

static void
least_squares_archive(Learner *learner, Archive *archive)
{
	LeastSquares *squares = learner->state;
	int			n_inputs = squares->n_inputs;

	archive_count(archive, &n_inputs, 0, MAX_INPUTS);
	for (int i = 0; i < squares->n_features && !archive_is_corrupt(archive); i++)
	{
		int			n = squares->n_slots[i];

		archive_count(archive, &n, 0, LEARNER_MAX_CATEGORIES);
		if (archive_reads(archive))
		{
			squares->slots[i] = archive_room(archive, n, sizeof(int));
			squares->n_slots[i] = squares->slots[i] == NULL ? 0 : n;
		}
		for (int j = 0; j < squares->n_slots[i]; j++)
			archive_count(archive, &squares->slots[i][j], 0, n_inputs > 0 ? n_inputs - 1 : 0);
	}
	if (archive_reads(archive))
	{
		if ((uint64_t) n_inputs * (uint64_t) (n_inputs + 1) * 8 > archive_left(archive))
			archive_refuse(archive);
		if (archive_is_corrupt(archive) || n_inputs == 0)
			return;
		squares->coefficients = archive_room(archive, n_inputs, sizeof(double));
		squares->covariance = archive_room(archive, n_inputs * n_inputs, sizeof(double));
		squares->n_inputs = n_inputs;
	}
	for (int i = 0; i < n_inputs; i++)
		archive_double(archive, &squares->coefficients[i]);
	for (int i = 0; i < n_inputs * n_inputs; i++)
		archive_double(archive, &squares->covariance[i]);
}

const LearnerMethod recursive_least_squares_method = {
	.name = "recursive_least_squares",
	.reference = "Haykin, Adaptive Filter Theory, ch. 9",
	.task = LEARNER_REGRESSION,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.state_size = sizeof(LeastSquares),
	.start = least_squares_start,
	.finish = least_squares_finish,
	.learn = least_squares_learn,
	.predict = least_squares_predict,
	.contribute = least_squares_contribute,
	.archive = least_squares_archive,
};
