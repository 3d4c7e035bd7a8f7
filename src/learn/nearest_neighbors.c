/*
 * nearest_neighbors.c
 *		The nearest neighbours of a row among those learned last (Aha, Kibler and Albert 1991): classes by their votes, numbers by
 *		their mean.
 *
 * Distances are Euclidean; numbers in standard deviations where scaled (features of 0 and 1 that a step made of a category as they
 * are); another category is at distance 1, a missing value too (Wilson and Martinez 1997). Rows that no longer fit into the window,
 *or into the memory given, make room for new ones.
 */
#include "learn/learner_method.h"
#include "learn/spread.h"

enum
{
	MAX_MEMORY,
	NEIGHBORS,
	WINDOW,
	WEIGHTED,					/* by the inverse of the distance */
	SCALE
};

#define MAX_NEIGHBORS 100
#define MAX_WINDOW 100000
#define FIRST_CAPACITY 16

#define NEIGHBOR_OPTIONS \
	MEMORY_OPTION, COUNT_OPTION("neighbors", 5, 1, MAX_NEIGHBORS), COUNT_OPTION("window", 1000, 1, MAX_WINDOW), \
		BOOLEAN_OPTION("weighted", 1), BOOLEAN_OPTION("scale", 1)

static const Option class_options[] = {NEIGHBOR_OPTIONS};
static const Option number_options[] = {NEIGHBOR_OPTIONS, INTERVAL_OPTIONS};

typedef struct Neighbors
{
	int			n;
	int			next;			/* where the next row goes */
	int			capacity;
	double	   *rows;			/* capacity by features */
	double	   *targets;
	Spread	   *scales;			/* per feature, of all rows so far */
} Neighbors;

static size_t
row_size(const Learner *learner)
{
	return (size_t) (learner->features.n + 1) * sizeof(double);
}

static void
neighbors_start(Learner *learner)
{
	((Neighbors *) learner->state)->scales = learner_room(learner, (size_t) learner->features.n * sizeof(Spread));
}

static void
neighbors_finish(Learner *learner)
{
	Neighbors  *neighbors = learner->state;
	size_t		n_features = (size_t) learner->features.n;

	learner_release(learner, neighbors->rows, (size_t) neighbors->capacity * n_features * sizeof(double));
	learner_release(learner, neighbors->targets, (size_t) neighbors->capacity * sizeof(double));
	learner_release(learner, neighbors->scales, n_features * sizeof(Spread));
}

/* More room for rows, as long as there is some; else the oldest one makes room. */
static void
make_room(Learner *learner, Neighbors *neighbors)
{
	int			window = (int) learner->options[WINDOW];
	int			capacity = neighbors->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : 2 * neighbors->capacity;
	size_t		n_features = (size_t) learner->features.n;
	size_t		old = (size_t) neighbors->capacity;

	if (neighbors->n < neighbors->capacity || neighbors->capacity >= window)
		return;
	capacity = capacity < window ? capacity : window;
	/* As many as fit. */
	while (capacity > neighbors->capacity &&
		   !learner_has_room(learner, (size_t) (capacity - neighbors->capacity) * row_size(learner)))
		capacity = neighbors->capacity + (capacity - neighbors->capacity) / 2;
	if (capacity == neighbors->capacity)
		return;
	/* Rows wrap around only where there was no room: then there is none later. */
	if (neighbors->next != 0)
		return;
	neighbors->rows = learner_grow(learner->allocator, neighbors->rows, old * n_features * sizeof(double),
								   (size_t) capacity * n_features * sizeof(double));
	neighbors->targets =
		learner_grow(learner->allocator, neighbors->targets, old * sizeof(double), (size_t) capacity * sizeof(double));
	neighbors->next = neighbors->n;
	neighbors->capacity = capacity;
}

static void
keep(Neighbors *neighbors, int n_features, const double *row, double target)
{
	memcpy(neighbors->rows + (ptrdiff_t) neighbors->next * n_features, row, (size_t) n_features * sizeof(double));
	neighbors->targets[neighbors->next] = target;
	neighbors->next = (neighbors->next + 1) % neighbors->capacity;
	if (neighbors->n < neighbors->capacity)
		neighbors->n++;
}

static void
neighbors_learn(Learner *learner, const double *row, double target, double weight)
{
	Neighbors  *neighbors = learner->state;
	int			n_features = learner->features.n;

	make_room(learner, neighbors);
	if (neighbors->capacity > 0)
		keep(neighbors, n_features, row, target);
	for (int i = 0; i < n_features; i++)
		if (!learner->is_categorical[i] && !isnan(row[i]))
			spread_add(&neighbors->scales[i], row[i], weight);
}

/* ---- asking ---- */

typedef struct Neighbor
{
	double		distance;
	double		target;
} Neighbor;

/* What a difference of one is worth, squared: per feature. */
static void
factors_of(const Learner *learner, const Neighbors *neighbors, double *factors)
{
	for (int i = 0; i < learner->features.n; i++)
	{
		const Spread *scale = &neighbors->scales[i];

		factors[i] = 1;
		if (!learner->is_categorical[i] && !learner->is_indicator[i] && learner->options[SCALE] != 0)
			factors[i] = scale->squares > 0 ? scale->n / scale->squares : 0;
	}
}

static double
squared_distance(const Learner *learner, const double *factors, const double *a, const double *b, double limit)
{
	double		sum = 0;

	for (int i = 0; i < learner->features.n && sum < limit; i++)
	{
		double		difference = a[i] - b[i];

		if (learner->is_categorical[i])
			sum += a[i] != b[i];
		else
			sum += isnan(difference) ? 1 : factors[i] * difference * difference;
	}
	return sum;
}

/* The nearest rows, nearest first, of equally near ones those that came first; how many. */
static int
find_nearest(const Learner *learner, const double *row, Neighbor *nearest)
{
	const Neighbors *neighbors = learner->state;
	int			wanted = (int) learner->options[NEIGHBORS];
	int			n = 0;
	double		factors[LEARNER_MAX_FEATURES];

	factors_of(learner, neighbors, factors);
	for (int i = 0; i < neighbors->n; i++)
	{
		int			number = neighbors->n < neighbors->capacity ? i : (neighbors->next + i) % neighbors->capacity;
		double		limit = n < wanted ? INFINITY : nearest[n - 1].distance;
		double		distance =
			squared_distance(learner, factors, row, neighbors->rows + (ptrdiff_t) number * learner->features.n, limit);
		int			at;

		if (!(distance < limit) && n >= wanted)
			continue;
		at = n < wanted ? n++ : n - 1;
		for (; at > 0 && distance < nearest[at - 1].distance; at--)
			nearest[at] = nearest[at - 1];
		nearest[at] = (Neighbor){.distance = distance, .target = neighbors->targets[number]};
	}
	for (int i = 0; i < n; i++)
		nearest[i].distance = sqrt(nearest[i].distance);
	return n;
}

/* A row that is the same decides alone. */
static double
weight_of(const Learner *learner, const Neighbor *nearest, int i)
{
	if (nearest[0].distance == 0)
		return i == 0;
	return learner->options[WEIGHTED] != 0 ? 1 / nearest[i].distance : 1;
}

static void
neighbors_predict(const Learner *learner, const double *row, double *prediction)
{
	Neighbor	nearest[MAX_NEIGHBORS] = {{0}};
	int			n = find_nearest(learner, row, nearest);
	double		sum = 0;
	double		weights = 0;

	if (learner->method->task == LEARNER_CLASSES)
	{
		memset(prediction, 0, (size_t) learner->classes.n * sizeof(double));
		for (int i = 0; i < n; i++)
			prediction[(int) nearest[i].target] += weight_of(learner, nearest, i);
		probabilities_of_votes(prediction, learner->classes.n);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		weights += weight_of(learner, nearest, i);
		sum += weight_of(learner, nearest, i) * nearest[i].target;
	}
	/* Weights of what is infinitely far are 0. */
	prediction[0] = weights > 0 ? sum / weights : n > 0 ? nearest[0].target : NAN;
}

/* ---- the stored form ---- */

static void
neighbors_archive(Learner *learner, Archive *archive)
{
	Neighbors  *neighbors = learner->state;
	int			n_features = learner->features.n;
	int			n = neighbors->n;
	int			capacity = neighbors->capacity;

	archive_count(archive, &n, 0, (int) learner->options[WINDOW]);
	archive_count(archive, &capacity, n, n < FIRST_CAPACITY ? FIRST_CAPACITY : 2 * n);
	archive_count(archive, &neighbors->next, 0, n == 0 ? 0 : n < capacity ? n : n - 1);
	if (archive_reads(archive))
	{
		if ((n == 0) != (capacity == 0) || capacity > (int) learner->options[WINDOW] || (n < capacity && neighbors->next != n) ||
			(uint64_t) n * (uint64_t) (n_features + 1) * 8 > archive_left(archive))
			archive_refuse(archive);
		if (archive_is_corrupt(archive))
			return;
		if (capacity > 0)
		{
			neighbors->rows = learner_room(learner, (size_t) capacity * (size_t) n_features * sizeof(double));
			neighbors->targets = learner_room(learner, (size_t) capacity * sizeof(double));
		}
		neighbors->n = n;
		neighbors->capacity = capacity;
	}
	for (int i = 0; i < n_features; i++)
		archive_spread(archive, &neighbors->scales[i]);
	for (int i = 0; i < n * n_features; i++)
		archive_double(archive, &neighbors->rows[i]);
	for (int i = 0; i < n; i++)
	{
		double	   *target = &neighbors->targets[i];

		archive_double(archive, target);
		if (archive_reads(archive) && learner->method->task == LEARNER_CLASSES &&
			!(*target >= 0 && *target < learner->classes.n && *target == floor(*target)))
			archive_refuse(archive);
	}
}

#define NEIGHBORS_METHOD(the_name, the_task, the_options) \
	{ \
		.name = the_name, .reference = "Aha, Kibler and Albert 1991", .task = the_task, .options = the_options, \
		.n_options = N_OPTIONS(the_options), .state_size = sizeof(Neighbors), .start = neighbors_start, \
		.finish = neighbors_finish, .learn = neighbors_learn, .predict = neighbors_predict, .archive = neighbors_archive \
	}

const LearnerMethod nearest_neighbors_method = NEIGHBORS_METHOD("nearest_neighbors", LEARNER_CLASSES, class_options);
const LearnerMethod nearest_neighbors_regression_method =
	NEIGHBORS_METHOD("nearest_neighbors_regression", LEARNER_REGRESSION, number_options);
