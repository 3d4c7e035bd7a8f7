/*
 * stream.c
 *		Streams made by rule, to try learners and detectors on.
 */
#include "learn/stream.h"

#define N_CENTRES 50
#define TREE_DEPTH 5
#define TREE_SPLITS ((1 << TREE_DEPTH) - 1)
#define TREE_LEAVES (1 << TREE_DEPTH)
#define LED_SEGMENTS 7

/* What is random about a concept; two of them, before the drift and after. */
typedef struct Concept
{
	int			number;
	double		centres[N_CENTRES][STREAM_MAX_FEATURES];
	double		radius[N_CENTRES];
	double		weights[STREAM_MAX_FEATURES];
	double		cumulated[N_CENTRES];
	int			classes[N_CENTRES];
	int			features[TREE_SPLITS];
	double		thresholds[TREE_SPLITS];
	int			leaves[TREE_LEAVES];
} Concept;

struct Stream
{
	Allocator	allocator;
	StreamKind	kind;
	Random		random;
	int64_t		next;
	int64_t		drift_at;
	int64_t		drift_width;
	double		noise;
	Concept		concepts[2];
};

typedef struct StreamMethod
{
	const char *name;
	int			n_features;
	int			n_classes;
	int			n_concepts;
	void		(*start)(Random *random, int n_features, Concept *concept);
	int			(*next)(Stream *stream, const Concept *concept, double *row);
} StreamMethod;

/* ---- SEA ---- */

static int
sea_next(Stream *stream, const Concept *concept, double *row)
{
	static const double thresholds[] = {8, 9, 7, 9.5};

	for (int i = 0; i < 3; i++)
		row[i] = 10 * random_uniform(&stream->random);
	return row[0] + row[1] <= thresholds[concept->number];
}

/* ---- Agrawal ---- */

enum
{
	SALARY,
	COMMISSION,
	AGE,
	EDUCATION,
	CAR,
	ZIP,
	HOUSE_VALUE,
	HOUSE_YEARS,
	LOAN
};

static bool
is_between(double value, double low, double high)
{
	return value >= low && value <= high;
}

/* One of three bounds, by age: below 40, below 60, older. */
static bool
salary_by_age(const double *row, const double (*bounds)[2])
{
	int			which = row[AGE] < 40 ? 0 : row[AGE] < 60 ? 1 : 2;

	return is_between(row[SALARY], bounds[which][0], bounds[which][1]);
}

static bool
agrawal_group(int function, const double *row)
{
	static const double by_age[3][2] = {{50000, 100000}, {75000, 125000}, {25000, 75000}};
	double		age = row[AGE];
	double		education = row[EDUCATION];
	double		salary = row[SALARY];
	double		income = salary + row[COMMISSION];
	double		equity = row[HOUSE_YEARS] < 20 ? 0 : 0.1 * row[HOUSE_VALUE] * (row[HOUSE_YEARS] - 20);

	switch (function)
	{
		case 0: return age < 40 || age >= 60;
		case 1: return salary_by_age(row, by_age);
		case 2: return age < 40 ? education <= 1 : age < 60 ? is_between(education, 1, 3) : is_between(education, 2, 4);
		case 3:
			if (age < 40)
				return education <= 1 ? is_between(salary, 25000, 75000) : is_between(salary, 50000, 100000);
			if (age < 60)
				return is_between(education, 1, 3) ? is_between(salary, 50000, 100000) : is_between(salary, 75000, 125000);
			return is_between(education, 2, 4) ? is_between(salary, 50000, 100000) : is_between(salary, 25000, 75000);
		case 4:
			if (age < 40)
				return is_between(salary, 50000, 100000) ? is_between(row[LOAN], 100000, 300000)
														 : is_between(row[LOAN], 200000, 400000);
			if (age < 60)
				return is_between(salary, 75000, 125000) ? is_between(row[LOAN], 200000, 400000)
														 : is_between(row[LOAN], 300000, 500000);
			return is_between(salary, 25000, 75000) ? is_between(row[LOAN], 300000, 500000) : is_between(row[LOAN], 100000, 300000);
		case 5:
			return age < 40 ? is_between(income, 50000, 100000)
				: age < 60  ? is_between(income, 75000, 125000)
							: is_between(income, 25000, 75000);
		case 6: return 0.67 * income - 0.2 * row[LOAN] - 20000 > 0;
		case 7: return 0.67 * income - 5000 * education - 20000 > 0;
		case 8: return 0.67 * income - 5000 * education - 0.2 * row[LOAN] - 10000 > 0;
		default: return 0.67 * income - 5000 * education + 0.2 * equity - 10000 > 0;
	}
}

static int
agrawal_next(Stream *stream, const Concept *concept, double *row)
{
	Random	   *random = &stream->random;

	row[SALARY] = 20000 + 130000 * random_uniform(random);
	row[COMMISSION] = row[SALARY] >= 75000 ? 0 : 10000 + 65000 * random_uniform(random);
	row[AGE] = 20 + random_below(random, 61);
	row[EDUCATION] = random_below(random, 5);
	row[CAR] = random_below(random, 20);
	row[ZIP] = random_below(random, 9);
	row[HOUSE_VALUE] = (9 - row[ZIP]) * 100000 * (0.5 + random_uniform(random));
	row[HOUSE_YEARS] = 1 + random_below(random, 30);
	row[LOAN] = 500000 * random_uniform(random);
	/* Class 0 is the paper's group A. */
	return !agrawal_group(concept->number, row);
}

/* ---- LED ---- */

static int
led_next(Stream *stream, const Concept *concept, double *row)
{
	static const char *const digits[] = {"1110111", "0010010", "1011101", "1011011", "0111010",
										 "1101011", "1101111", "1010010", "1111111", "1111011"};
	int			digit = random_below(&stream->random, 10);

	for (int i = 0; i < STREAM_MAX_FEATURES; i++)
		row[i] = i < LED_SEGMENTS ? digits[digit][i] == '1' : random_below(&stream->random, 2);
	for (int i = 0; i < LED_SEGMENTS; i++)
		if (random_uniform(&stream->random) < stream->noise)
			row[i] = 1 - row[i];
	/* A later concept: some segments changed places with what says nothing. */
	for (int i = 0; i < concept->number; i++)
	{
		double		segment = row[i];

		row[i] = row[LED_SEGMENTS + i];
		row[LED_SEGMENTS + i] = segment;
	}
	return digit;
}

/* ---- balls ---- */

static void
rbf_start(Random *random, int n_features, Concept *concept)
{
	double		sum = 0;

	for (int i = 0; i < N_CENTRES; i++)
	{
		for (int j = 0; j < n_features; j++)
		concept->centres[i][j] = random_uniform(random);
		concept->radius[i] = random_uniform(random);
		concept->classes[i] = random_below(random, 5);
		sum += random_uniform(random);
		concept->cumulated[i] = sum;
	}
}

static int
rbf_next(Stream *stream, const Concept *concept, double *row)
{
	int			n = stream_n_features(stream->kind);
	double		at = random_uniform(&stream->random) * concept->cumulated[N_CENTRES - 1];
	int			centre = 0;
	double		length = 0;
	double		distance;

	while (centre < N_CENTRES - 1 && concept->cumulated[centre] <= at)
		centre++;
	for (int i = 0; i < n; i++)
	{
		row[i] = random_normal(&stream->random);
		length += row[i] * row[i];
	}
	distance = random_normal(&stream->random) * concept->radius[centre] / sqrt(length);
	for (int i = 0; i < n; i++)
	row[i] = concept->centres[centre][i] + distance * row[i];
	return concept->classes[centre];
}

/* ---- planes ---- */

static void
hyperplane_start(Random *random, int n_features, Concept *concept)
{
	for (int i = 0; i < n_features; i++)
	concept->weights[i] = random_uniform(random);
}

static int
hyperplane_next(Stream *stream, const Concept *concept, double *row)
{
	double		sum = 0;
	double		threshold = 0;

	for (int i = 0; i < stream_n_features(stream->kind); i++)
	{
		row[i] = random_uniform(&stream->random);
		sum += concept->weights[i] * row[i];
		threshold += concept->weights[i] / 2;
	}
	return sum >= threshold;
}

/* ---- trees ---- */

static void
random_tree_start(Random *random, int n_features, Concept *concept)
{
	for (int i = 0; i < TREE_SPLITS; i++)
	{
		concept->features[i] = random_below(random, n_features);
		concept->thresholds[i] = 0.2 + 0.6 * random_uniform(random);
	}
	for (int i = 0; i < TREE_LEAVES; i++)
	concept->leaves[i] = random_below(random, 2);
}

static int
random_tree_next(Stream *stream, const Concept *concept, double *row)
{
	int			node = 0;

	for (int i = 0; i < stream_n_features(stream->kind); i++)
		row[i] = random_uniform(&stream->random);
	while (node < TREE_SPLITS)
		node = 2 * node + 1 + (row[concept->features[node]] > concept->thresholds[node]);
	return concept->leaves[node - TREE_SPLITS];
}

/* ---- all ---- */

#define ANY_NUMBER 1000000

static const StreamMethod methods[STREAM_N_KINDS] = {
	[STREAM_SEA] = {.name = "sea", .n_features = 3, .n_classes = 2, .n_concepts = 4, .next = sea_next},
	[STREAM_AGRAWAL] = {.name = "agrawal", .n_features = 9, .n_classes = 2, .n_concepts = 10, .next = agrawal_next},
	[STREAM_LED] =
		{.name = "led", .n_features = STREAM_MAX_FEATURES, .n_classes = 10, .n_concepts = LED_SEGMENTS, .next = led_next},
	[STREAM_RBF] =
		{.name = "rbf", .n_features = 10, .n_classes = 5, .n_concepts = ANY_NUMBER, .start = rbf_start, .next = rbf_next},
	[STREAM_HYPERPLANE] = {.name = "hyperplane",
						   .n_features = 10,
						   .n_classes = 2,
						   .n_concepts = ANY_NUMBER,
						   .start = hyperplane_start,
						   .next = hyperplane_next},
	[STREAM_RANDOM_TREE] = {.name = "random_tree",
							.n_features = 10,
							.n_classes = 2,
							.n_concepts = ANY_NUMBER,
							.start = random_tree_start,
							.next = random_tree_next},
};

const char *
stream_name(StreamKind kind)
{
	return methods[kind].name;
}

int
stream_find(const char *name)
{
	for (int kind = 0; kind < STREAM_N_KINDS; kind++)
		if (strcmp(methods[kind].name, name) == 0)
			return kind;
	return -1;
}

int
stream_n_concepts(StreamKind kind)
{
	return methods[kind].n_concepts;
}

int
stream_n_features(StreamKind kind)
{
	return methods[kind].n_features;
}

Stream *
stream_create(Allocator allocator, StreamKind kind, uint64_t seed, int concept, int64_t drift_at, int64_t drift_width, double noise)
{
	Stream	   *stream = allocator.resize(allocator.context, NULL, 0, sizeof(Stream));

	*stream = (Stream){.allocator = allocator, .kind = kind, .drift_at = drift_at, .drift_width = drift_width, .noise = noise};
	random_seed(&stream->random, seed);
	for (int i = 0; i < 2; i++)
	{
		Random		random;

		/* The concept after a drift is the next one, whichever drew it first. */
		stream->concepts[i].number = (concept + i) % methods[kind].n_concepts;
		random_seed(&random, seed * UINT64_C(1000003) + (uint64_t) stream->concepts[i].number + 1);
		if (methods[kind].start != NULL)
			methods[kind].start(&random, methods[kind].n_features, &stream->concepts[i]);
	}
	return stream;
}

int
stream_next(Stream *stream, double *row)
{
	const StreamMethod *method = &methods[stream->kind];
	double		after = stream->drift_at < 0 ? 0
		: stream->drift_width <= 1
		? stream->next >= stream->drift_at
		: 1 / (1 + exp(-4.0 * (double) (stream->next - stream->drift_at) / (double) stream->drift_width));
	int			class;

	/* One draw for each row, whether there is a drift or not: rows before it are the same. */
	class = method->next(stream, &stream->concepts[random_uniform(&stream->random) < after], row);
	stream->next++;
	if (stream->kind != STREAM_LED && random_uniform(&stream->random) < stream->noise)
		class = random_below(&stream->random, method->n_classes);
	return class;
}

void
stream_free(Stream *stream)
{
	stream->allocator.resize(stream->allocator.context, stream, sizeof(Stream), 0);
}
