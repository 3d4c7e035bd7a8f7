/*
 * half_space_trees.c
 *		Anomalies by half-space trees (Tan, Ting and Liu 2011): trees that halve the space of features at random count how many rows
 *		of a window fall where; a row is the more anomalous, the fewer rows of the window before fell where it does.
 *
 * Numbers alone count, as shares of the range seen so far where scaled (features of 0 and 1 that a step made of a category as they
 * are). A missing one goes where most rows go.
 */
#include "learn/learner_method.h"

enum
{
	MAX_MEMORY,
	N_TREES,
	HEIGHT,
	WINDOW,
	SCALE,
	SEED
};

#define MAX_HEIGHT 12

static const Option options_list[] = {MEMORY_OPTION,
									  COUNT_OPTION("n_trees", 25, 1, 100),
									  COUNT_OPTION("height", 8, 1, MAX_HEIGHT),
									  COUNT_OPTION("window", 250, 2, 1e9),
									  BOOLEAN_OPTION("scale", 1),
									  COUNT_OPTION("seed", 1, 0, 1e15)};

/* Trees are complete: the children of node i are 2 i + 1 and 2 i + 2. */
typedef struct HalfSpace
{
	int			feature;		/* -1: there are no numbers */
	double		threshold;		/* below: the first child */
} HalfSpace;

typedef struct Range
{
	double		low;
	double		high;
} Range;

typedef struct HalfSpaces
{
	int			height;
	int			n_splits;		/* per tree: 2^height - 1 */
	int			n_nodes;		/* per tree: 2^(height + 1) - 1 */
	HalfSpace  *splits;			/* of all trees */
	int64_t	   *latest;			/* rows of this window, per node */
	int64_t	   *reference;		/* rows of the window before */
	Range	   *ranges;			/* per feature; low > high: none seen */
	int64_t		n_in_window;
	bool		has_reference;
} HalfSpaces;

/* Rows of the window below this share of it: the node is not looked into further, as in the paper. */
#define SMALLEST_SHARE 0.1

/* A threshold is not nearer to the end of its range. */
#define PADDING 0.15

static int
draw_number(Learner *learner)
{
	int			n = 0;

	for (int i = 0; i < learner->features.n; i++)
		n += !learner->is_categorical[i];
	if (n == 0)
		return -1;
	n = random_below(&learner->random, n);
	for (int i = 0;; i++)
		if (!learner->is_categorical[i] && n-- == 0)
			return i;
}

static void
draw_splits(Learner *learner, HalfSpace *splits, int n_splits, int node, Range *ranges)
{
	HalfSpace  *split = &splits[node];
	Range		range;
	double		width;

	if (node >= n_splits)
		return;
	split->feature = draw_number(learner);
	if (split->feature < 0)
	{
		draw_splits(learner, splits, n_splits, 2 * node + 1, ranges);
		draw_splits(learner, splits, n_splits, 2 * node + 2, ranges);
		return;
	}
	range = ranges[split->feature];
	width = range.high - range.low;
	split->threshold = range.low + width * (PADDING + (1 - 2 * PADDING) * random_uniform(&learner->random));
	ranges[split->feature].high = split->threshold;
	draw_splits(learner, splits, n_splits, 2 * node + 1, ranges);
	ranges[split->feature] = (Range){.low = split->threshold, .high = range.high};
	draw_splits(learner, splits, n_splits, 2 * node + 2, ranges);
	ranges[split->feature] = range;
}

static int
n_trees(const Learner *learner)
{
	return (int) learner->options[N_TREES];
}

static void
spaces_start(Learner *learner)
{
	HalfSpaces *spaces = learner->state;
	size_t		n = (size_t) n_trees(learner);

	spaces->height = (int) learner->options[HEIGHT];
	/* Trees of the height asked for must fit, into three quarters of what there is. */
	while (spaces->height > 1 &&
		   (double) n * ldexp(1, spaces->height + 1) * (2 * sizeof(int64_t) + sizeof(HalfSpace)) > 0.75 * learner->max_memory)
		spaces->height--;
	spaces->n_splits = (1 << spaces->height) - 1;
	spaces->n_nodes = (2 << spaces->height) - 1;
	spaces->splits = learner_room(learner, n * (size_t) spaces->n_splits * sizeof(HalfSpace));
	spaces->latest = learner_room(learner, n * (size_t) spaces->n_nodes * sizeof(int64_t));
	spaces->reference = learner_room(learner, n * (size_t) spaces->n_nodes * sizeof(int64_t));
	spaces->ranges = learner_room(learner, (size_t) learner->features.n * sizeof(Range));
	for (int tree = 0; tree < n_trees(learner); tree++)
	{
		for (int i = 0; i < learner->features.n; i++)
			spaces->ranges[i] = (Range){.low = 0, .high = 1};
		draw_splits(learner, spaces->splits + (ptrdiff_t) tree * spaces->n_splits, spaces->n_splits, 0, spaces->ranges);
	}
	for (int i = 0; i < learner->features.n; i++)
		spaces->ranges[i] = (Range){.low = INFINITY, .high = -INFINITY};
}

static void
spaces_finish(Learner *learner)
{
	HalfSpaces *spaces = learner->state;
	size_t		n = (size_t) n_trees(learner);

	learner_release(learner, spaces->splits, n * (size_t) spaces->n_splits * sizeof(HalfSpace));
	learner_release(learner, spaces->latest, n * (size_t) spaces->n_nodes * sizeof(int64_t));
	learner_release(learner, spaces->reference, n * (size_t) spaces->n_nodes * sizeof(int64_t));
	learner_release(learner, spaces->ranges, (size_t) learner->features.n * sizeof(Range));
}

/* A row as the trees see it: as shares of the ranges, where scaled. */
static const double *
seen_row(const Learner *learner, const HalfSpaces *spaces, const double *row, double *room)
{
	if (learner->options[SCALE] == 0)
		return row;
	for (int i = 0; i < learner->features.n; i++)
	{
		const Range *range = &spaces->ranges[i];

		if (learner->is_indicator[i])
			room[i] = row[i];
		else
			room[i] = isnan(row[i]) ? NAN : range->high > range->low ? (row[i] - range->low) / (range->high - range->low) : 0;
	}
	return room;
}

/* The child of a node where a row goes. */
static int
child_of(const HalfSpaces *spaces, int tree, int node, const double *row)
{
	const HalfSpace *split = &spaces->splits[(ptrdiff_t) tree * spaces->n_splits + node];
	const int64_t *latest = spaces->latest + (ptrdiff_t) tree * spaces->n_nodes;
	int			child = 2 * node + 1;
	double		value = split->feature < 0 ? NAN : row[split->feature];

	if (isnan(value))
		return latest[child] < latest[child + 1] ? child + 1 : child;
	return value < split->threshold ? child : child + 1;
}

static void
spaces_learn(Learner *learner, const double *row, double target, double weight)
{
	HalfSpaces *spaces = learner->state;
	double		room[LEARNER_MAX_FEATURES];

	(void) target;
	(void) weight;
	for (int i = 0; i < learner->features.n; i++)
		if (!isnan(row[i]))
		{
			spaces->ranges[i].low = fmin(spaces->ranges[i].low, row[i]);
			spaces->ranges[i].high = fmax(spaces->ranges[i].high, row[i]);
		}
	row = seen_row(learner, spaces, row, room);
	for (int tree = 0; tree < n_trees(learner); tree++)
	{
		int64_t	   *latest = spaces->latest + (ptrdiff_t) tree * spaces->n_nodes;
		int			node = 0;

		for (int depth = 0; depth < spaces->height; depth++)
		{
			latest[node]++;
			node = child_of(spaces, tree, node, row);
		}
		latest[node]++;
	}
	if (++spaces->n_in_window >= (int64_t) learner->options[WINDOW])
	{
		size_t		n = (size_t) n_trees(learner) * (size_t) spaces->n_nodes * sizeof(int64_t);

		memcpy(spaces->reference, spaces->latest, n);
		memset(spaces->latest, 0, n);
		spaces->n_in_window = 0;
		spaces->has_reference = true;
	}
}

/* 0: as usual as can be, 1: nothing like it in the window before. */
static void
spaces_predict(const Learner *learner, const double *row, double *prediction)
{
	const HalfSpaces *spaces = learner->state;
	double		window = learner->options[WINDOW];
	double		room[LEARNER_MAX_FEATURES];
	double		sum = 0;

	prediction[0] = 0;
	if (!spaces->has_reference)
		return;
	row = seen_row(learner, spaces, row, room);
	for (int tree = 0; tree < n_trees(learner); tree++)
	{
		const int64_t *reference = spaces->reference + (ptrdiff_t) tree * spaces->n_nodes;
		int			node = 0;

		for (int depth = 0; depth <= spaces->height; depth++)
		{
			sum += (double) reference[node] * ldexp(1, depth);
			if ((double) reference[node] < SMALLEST_SHARE * window || depth == spaces->height)
				break;
			node = child_of(spaces, tree, node, row);
		}
	}
	prediction[0] = 1 - sum / (n_trees(learner) * window * (ldexp(1, spaces->height + 1) - 1));
}

static void
spaces_archive(Learner *learner, Archive *archive)
{
	HalfSpaces *spaces = learner->state;
	ptrdiff_t	n_nodes = (ptrdiff_t) n_trees(learner) * spaces->n_nodes;
	ptrdiff_t	n_splits = (ptrdiff_t) n_trees(learner) * spaces->n_splits;
	int64_t		window = (int64_t) learner->options[WINDOW];

	archive_integer(archive, &spaces->n_in_window, 0, window - 1);
	archive_boolean(archive, &spaces->has_reference);
	for (int i = 0; i < learner->features.n; i++)
	{
		archive_double(archive, &spaces->ranges[i].low);
		archive_double(archive, &spaces->ranges[i].high);
	}
	for (ptrdiff_t i = 0; i < n_splits && !archive_is_corrupt(archive); i++)
	{
		archive_count(archive, &spaces->splits[i].feature, -1, learner->features.n - 1);
		archive_double(archive, &spaces->splits[i].threshold);
	}
	for (ptrdiff_t i = 0; i < n_nodes && !archive_is_corrupt(archive); i++)
	{
		archive_integer(archive, &spaces->latest[i], 0, window);
		archive_integer(archive, &spaces->reference[i], 0, window);
	}
}

const LearnerMethod half_space_trees_method = {
	.name = "half_space_trees",
	.reference = "Tan, Ting and Liu 2011",
	.task = LEARNER_ANOMALIES,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.state_size = sizeof(HalfSpaces),
	.start = spaces_start,
	.finish = spaces_finish,
	.learn = spaces_learn,
	.predict = spaces_predict,
	.archive = spaces_archive,
};
