/*
 * k_means.c
 *		Clusters: each row moves the nearest centre towards itself (MacQueen 1967), by the share that it is of the rows there or, so
 *		that centres follow, by a share that is given.
 *
 * The first rows that differ are the first centres. Numbers alone count, in standard deviations where scaled (features of 0 and 1
 * that a step made of a category as they are); a missing one is left out.
 */
#include "learn/learner_method.h"
#include "learn/spread.h"

enum
{
	MAX_MEMORY,
	CLUSTERS,
	HALFLIFE,					/* the share of the way that a centre moves; NaN: 1 / rows */
	SCALE
};

#define MAX_CLUSTERS 1000

static const Option options_list[] = {MEMORY_OPTION, COUNT_OPTION("clusters", 5, 1, MAX_CLUSTERS),
									  NUMBER_OPTION("halflife", NAN, 0, 1), BOOLEAN_OPTION("scale", 1)};

typedef struct Clusters
{
	int			n;
	double	   *weights;		/* per cluster */
	double	   *centers;		/* clusters by features; NaN: no value seen */
	Spread	   *scales;			/* per feature */
} Clusters;

static void
clusters_start(Learner *learner)
{
	Clusters   *clusters = learner->state;
	size_t		n_clusters = (size_t) learner->options[CLUSTERS];
	size_t		n_features = (size_t) learner->features.n;

	clusters->weights = learner_room(learner, n_clusters * sizeof(double));
	clusters->centers = learner_room(learner, n_clusters * n_features * sizeof(double));
	clusters->scales = learner_room(learner, n_features * sizeof(Spread));
}

static void
clusters_finish(Learner *learner)
{
	Clusters   *clusters = learner->state;
	size_t		n_clusters = (size_t) learner->options[CLUSTERS];
	size_t		n_features = (size_t) learner->features.n;

	learner_release(learner, clusters->weights, n_clusters * sizeof(double));
	learner_release(learner, clusters->centers, n_clusters * n_features * sizeof(double));
	learner_release(learner, clusters->scales, n_features * sizeof(Spread));
}

static double
squared_distance(const Learner *learner, const Clusters *clusters, const double *row, int cluster)
{
	const double *center = clusters->centers + (ptrdiff_t) cluster * learner->features.n;
	double		sum = 0;

	for (int i = 0; i < learner->features.n; i++)
	{
		const Spread *scale = &clusters->scales[i];
		double		difference = row[i] - center[i];
		bool		is_scaled = learner->options[SCALE] != 0 && !learner->is_indicator[i];
		double		factor = !is_scaled ? 1 : scale->squares > 0 ? scale->n / scale->squares : 0;

		if (!learner->is_categorical[i] && !isnan(difference))
			sum += factor * difference * difference;
	}
	return sum;
}

/* The first of the nearest; -1 when there is none yet. */
static int
nearest_cluster(const Learner *learner, const Clusters *clusters, const double *row, double *distance)
{
	int			best = -1;

	*distance = INFINITY;
	for (int i = 0; i < clusters->n; i++)
	{
		double		this = squared_distance(learner, clusters, row, i);

		if (best < 0 || this < *distance)
		{
			best = i;
			*distance = this;
		}
	}
	return best;
}

static bool
is_a_center(const Learner *learner, const Clusters *clusters, const double *row)
{
	for (int cluster = 0; cluster < clusters->n; cluster++)
	{
		bool		is_same = true;

		for (int i = 0; i < learner->features.n; i++)
			if (!learner->is_categorical[i] && row[i] != clusters->centers[(ptrdiff_t) cluster * learner->features.n + i])
				is_same = false;
		if (is_same)
			return true;
	}
	return false;
}

static void
clusters_learn(Learner *learner, const double *row, double target, double weight)
{
	Clusters   *clusters = learner->state;
	int			n_features = learner->features.n;
	double		halflife = learner->options[HALFLIFE];
	double		distance;
	int			cluster;
	double	   *center;
	double		share;

	(void) target;
	for (int i = 0; i < n_features; i++)
		if (!learner->is_categorical[i] && !isnan(row[i]))
			spread_add(&clusters->scales[i], row[i], weight);
	if (clusters->n < (int) learner->options[CLUSTERS] && !is_a_center(learner, clusters, row))
	{
		memcpy(clusters->centers + (ptrdiff_t) clusters->n * n_features, row, (size_t) n_features * sizeof(double));
		clusters->weights[clusters->n++] = weight;
		return;
	}
	cluster = nearest_cluster(learner, clusters, row, &distance);
	center = clusters->centers + (ptrdiff_t) cluster * n_features;
	clusters->weights[cluster] += weight;
	share = isnan(halflife) ? weight / clusters->weights[cluster] : halflife;
	for (int i = 0; i < n_features; i++)
		if (isnan(center[i]))
			center[i] = row[i];
		else if (!learner->is_categorical[i] && !isnan(row[i]))
			center[i] += share * (row[i] - center[i]);
}

static void
clusters_predict(const Learner *learner, const double *row, double *prediction)
{
	double		distance;

	prediction[0] = nearest_cluster(learner, learner->state, row, &distance);
}

static void
clusters_archive(Learner *learner, Archive *archive)
{
	Clusters   *clusters = learner->state;

	archive_count(archive, &clusters->n, learner->n_rows > 0, (int) learner->options[CLUSTERS]);
	for (int i = 0; i < learner->features.n; i++)
		archive_spread(archive, &clusters->scales[i]);
	for (int i = 0; i < clusters->n; i++)
		archive_double(archive, &clusters->weights[i]);
	for (int i = 0; i < clusters->n * learner->features.n; i++)
		archive_double(archive, &clusters->centers[i]);
}

const LearnerMethod k_means_method = {
	.name = "k_means",
	.reference = "MacQueen 1967; Sculley 2010",
	.task = LEARNER_CLUSTERS,
	.options = options_list,
	.n_options = N_OPTIONS(options_list),
	.state_size = sizeof(Clusters),
	.start = clusters_start,
	.finish = clusters_finish,
	.learn = clusters_learn,
	.predict = clusters_predict,
	.archive = clusters_archive,
};
