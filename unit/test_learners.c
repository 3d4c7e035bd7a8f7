/*
 * test_learners.c
 *		Learners stopped, stored and gone on with; what they learn; contributions; memory; changed bytes.
 */
#include "learner_exercise.h"

static Learner *
initial(LearnerKind kind)
{
	double		options[LEARNER_MAX_OPTIONS];
	Learner	   *learner;

	learner_initial_options(kind, options);
	learner = learner_create(unit_allocator(), kind, options);
	learner_name_features(learner);
	return learner;
}

/* The same with a pipeline. */
static Learner *
with_steps(LearnerKind kind)
{
	Learner	   *learner = initial(kind);

	learner_add_steps(learner);
	return learner;
}

/* The same with so little memory that most learners do not have what they want; some begin with more. */
static Learner *
cramped(LearnerKind kind)
{
	double		options[LEARNER_MAX_OPTIONS];
	int			grace_period = learner_find_option(kind, "grace_period");
	Learner	   *learner = initial(kind);

	learner_initial_options(kind, options);
	options[0] = fmax(100000, (double) learner_first_memory(learner) + 10000);
	learner_free(learner);
	if (grace_period >= 0)
		options[grace_period] = 20;
	learner = learner_create(unit_allocator(), kind, options);
	learner_name_features(learner);
	return learner;
}

static bool
same_bytes(const Learner *a, const Learner *b)
{
	LearnerBytes first = learner_bytes(a);
	LearnerBytes second = learner_bytes(b);
	bool		same = first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0;

	free(first.bytes);
	free(second.bytes);
	return same;
}

static Learner *
stored_and_read(const Learner *learner)
{
	LearnerBytes stored = learner_bytes(learner);
	Learner	   *read = NULL;
	LearnerStatus status = learner_decode(unit_allocator(), stored.bytes, stored.size, &read);

	free(stored.bytes);
	return status == LEARNER_OK ? read : NULL;
}

static void
test_catalogue(void)
{
	bool		good = true;

	for (int kind = 0; kind < LEARNER_N_KINDS; kind++)
	{
		EXPECT(&good, learner_find(learner_name(kind)) == kind, "%s is found", learner_name(kind));
		EXPECT(&good, learner_n_options(kind) <= LEARNER_MAX_OPTIONS, "options of %s", learner_name(kind));
		EXPECT(&good, learner_find_option(kind, "max_memory") == 0, "memory of %s", learner_name(kind));
		for (int i = 0; i < learner_n_options(kind); i++)
			EXPECT(&good, option_allows(learner_option(kind, i), learner_option(kind, i)->initial), "initial %s of %s",
				   learner_option(kind, i)->name, learner_name(kind));
	}
	CHECK(good, "the catalogue");
	CHECK(learner_find("Hoeffding_tree") == -1, "an unknown name is not found");
}

/* Stopped anywhere, stored and gone on with: the same model, byte for byte. */
static void
test_resumed(LearnerKind kind, Learner *(*create)(LearnerKind))
{
	bool		good = true;
	uint64_t	seed = unit_random();

	for (int round = 0; round < unit_rounds(create == initial ? 4 : 1); round++)
	{
		int			stop = (int) unit_random_below(2500);
		Learner	   *whole = create(kind);
		Learner	   *first = create(kind);
		Learner	   *rest;
		uint64_t	state = unit_state.state;

		unit_state.state = seed + (uint64_t) round;
		learner_exercise(whole, 0, 2500);
		unit_state.state = seed + (uint64_t) round;
		learner_exercise(first, 0, stop);
		rest = stored_and_read(first);
		EXPECT(&good, rest != NULL && same_bytes(first, rest), "%s after %d rows", learner_name(kind), stop);
		if (rest != NULL)
		{
			learner_exercise(rest, stop, 2500 - stop);
			EXPECT(&good, same_bytes(whole, rest), "%s, stopped after %d rows", learner_name(kind), stop);
			EXPECT(&good, learner_n_rows(rest) == 2500, "rows of %s", learner_name(kind));
			EXPECT(&good, learner_memory(rest) == learner_memory(whole), "memory of %s: %zu is not %zu", learner_name(kind),
				   learner_memory(rest), learner_memory(whole));
			learner_free(rest);
		}
		unit_state.state = state;
		learner_free(whole);
		learner_free(first);
	}
	CHECK(good, "%s: stopped, stored and gone on with%s", learner_name(kind),
		  create == with_steps    ? ", with a pipeline"
			  : create == cramped ? ", with little memory"
								  : "");
}

/* Better than the majority by far, or than the mean, on what it has not seen. */
static void
test_learns(LearnerKind kind)
{
	Learner	   *learner = initial(kind);
	int			hits = 0;
	int			ones = 0;
	double		squares = 0;
	double		sum = 0;
	double		sum_squares = 0;
	const int	n = 1000;
	uint64_t	state = unit_state.state;

	/* The same stream every time: how well a learner does is not what chance should decide here. */
	unit_state.state = 42;
	learner_exercise(learner, 0, 1000);
	for (int i = 0; i < n; i++)
	{
		double		row[EXERCISE_FEATURES];
		double		probabilities[LEARNER_MAX_CLASSES];
		double		target = learner_draw_row(learner, 0, false, row);

		if (learner_task(kind) == LEARNER_REGRESSION)
		{
			double		error = learner_number(learner, row) - target;

			squares += error * error;
			sum += target;
			sum_squares += target * target;
			continue;
		}
		learner_probabilities(learner, row, probabilities);
		hits += learner_most_probable(learner, probabilities) ==
			learner_class(learner, target != 0 ? "yes" : "no", target != 0 ? 3 : 2);
		ones += target != 0;
	}
	if (learner_task(kind) == LEARNER_REGRESSION)
		CHECK(squares < 0.7 * (sum_squares - sum * sum / n), "%s: squared error %g of %g", learner_name(kind), squares,
			  sum_squares - sum * sum / n);
	else
		CHECK(hits > 0.6 * n, "%s: %d of %d right, %d of the more frequent class", learner_name(kind), hits, n,
			  ones > n - ones ? ones : n - ones);
	unit_state.state = state;
	learner_free(learner);
}

/* What contributions of a learner sum to. */
static double
explained(const Learner *learner, const double *row, int class)
{
	double		probabilities[LEARNER_MAX_CLASSES];

	if (!learner_tells_classes(learner_kind(learner)))
		return learner_number(learner, row);
	learner_probabilities(learner, row, probabilities);
	if (learner_kind(learner) >= LEARNER_HOEFFDING_TREE)
		return probabilities[class];
	return log(probabilities[class] / probabilities[1 - class]);
}

static void
test_contributions(LearnerKind kind)
{
	Learner	   *learner = initial(kind);
	bool		good = true;

	learner_exercise(learner, 0, 2000);
	for (int i = 0; i < 300; i++)
	{
		double		row[EXERCISE_FEATURES];
		double		contributions[EXERCISE_FEATURES];
		double		other[EXERCISE_FEATURES];
		double		bias;
		double		other_bias;
		double		sum;

		learner_draw_row(learner, i, false, row);
		learner_contributions(learner, row, 1, &bias, contributions);
		sum = bias;
		for (int j = 0; j < EXERCISE_FEATURES; j++)
			sum += contributions[j];
		/* These say a logarithm of each class; probabilities are shares. */
		if (kind == LEARNER_SOFTMAX_REGRESSION || (kind >= LEARNER_GAUSSIAN_NAIVE_BAYES && kind <= LEARNER_MULTINOMIAL_NAIVE_BAYES))
		{
			learner_contributions(learner, row, 0, &other_bias, other);
			sum -= other_bias;
			for (int j = 0; j < EXERCISE_FEATURES; j++)
				sum -= other[j];
		}
		EXPECT(&good, fabs(sum - explained(learner, row, 1)) < 1e-6 * fmax(1, fabs(sum)), "row %d of %s: %g is not %g", i,
			   learner_name(kind), sum, explained(learner, row, 1));
	}
	CHECK(good, "%s: contributions sum to what it says", learner_name(kind));
	learner_free(learner);
}

/* Rows that make a learner grow as fast as it can: ever more categories and classes, drift. */
static double
greedy_row(Learner *learner, int number, double *row)
{
	double		target = learner_draw_row(learner, number, true, row);

	for (int i = 0; i < learner_n_inputs(learner); i++)
		if (learner_feature_is_categorical(learner, i) && unit_random_below(4) == 0)
		{
			char		name[40];
			int			length = snprintf(name, sizeof(name), "%*d", (int) unit_random_below(30) + 1,
								  (int) unit_random_below((uint64_t) number / 4 + 1));

			row[i] = learner_category_add(learner, i, name, (size_t) length);
		}
	if (learner_tells_classes(learner_kind(learner)))
	{
		int			class = (int) unit_random_below((uint64_t) number / 100 + 2);
		char		name[8];

		if (learner_task(learner_kind(learner)) == LEARNER_BINARY || unit_random_below(3) > 0)
			class = target != 0;
		snprintf(name, sizeof(name), "%d", class);
		return learner_class_add(learner, name, strlen(name));
	}
	return target;
}

/* The budget holds, after each row and each name, whatever it is, if it is no less than what the learner begins with. */
static void
test_memory(LearnerKind kind)
{
	double		options[LEARNER_MAX_OPTIONS];
	static const struct
	{
		const char *name;
		double		value;
	} greedy[] = {{"grace_period", 20}, {"tie_threshold", 1}, {"window", 100000}, {"clusters", 100}, {"intervals", 100}};
	int			option;
	bool		good = true;
	double		first = 0;

	for (int round = 0; round < unit_rounds(12); round++)
	{
		/* Nothing beyond what it begins with, hardly anything, little, some. */
		double		beyond[] = {0, (double) unit_random_below(2000), (double) unit_random_below(30000),
						   (double) unit_random_below(200000)};
		double		budget = fmax(4096, first + beyond[round % 4]);
		Learner	   *learner;

		learner_initial_options(kind, options);
		options[0] = round == 0 ? 64e6 : budget;
		for (size_t i = 0; i < sizeof(greedy) / sizeof(greedy[0]); i++)
			if ((option = learner_find_option(kind, greedy[i].name)) >= 0)
				options[option] = greedy[i].value;
		learner = learner_create(unit_allocator(), kind, options);
		learner_name_features(learner);
		if (round % 2 == 1)
			learner_add_steps(learner);
		/* What it takes: known in the first rounds, with and without a pipeline. */
		first = fmax(round < 2 ? 0 : first, (double) learner_first_memory(learner));
		budget = round < 2 ? 64e6 : budget;
		for (int i = 0; i < 1500 && round > 0; i++)
		{
			double		row[LEARNER_MAX_FEATURES];
			double		target = greedy_row(learner, i, row);

			EXPECT(&good, (double) learner_memory(learner) <= budget, "%s, names of row %d: %zu bytes of %.0f", learner_name(kind),
				   i, learner_memory(learner), budget);
			if (learner_tells_classes(kind) && target < 0)
				continue;
			learner_learn(learner, row, target, 1);
			EXPECT(&good, (double) learner_memory(learner) <= budget, "%s, row %d: %zu bytes of %.0f", learner_name(kind), i,
				   learner_memory(learner), budget);
			if (i % 500 == 499)
			{
				Learner	   *read = stored_and_read(learner);

				EXPECT(&good, read != NULL && learner_memory(read) == learner_memory(learner), "%s is stored and read",
					   learner_name(kind));
				if (read != NULL)
					learner_free(read);
			}
		}
		learner_free(learner);
	}
	CHECK(good, "%s: never more than its budget", learner_name(kind));
}

/* Bytes changed at random are refused, or are those of a learner that can be used. */
static void
test_changed_bytes(LearnerKind kind, Learner *(*create)(LearnerKind))
{
	bool		good = true;
	Learner	   *learner = create(kind);
	LearnerBytes stored;

	learner_exercise(learner, 0, 1500);
	stored = learner_bytes(learner);
	for (int i = 0; i < unit_rounds(300); i++)
	{
		uint8_t	   *bytes = malloc(stored.size);
		size_t		size = unit_random_below(4) == 0 ? (size_t) unit_random_below(stored.size) : stored.size;
		Learner	   *read;

		memcpy(bytes, stored.bytes, stored.size);
		for (uint64_t j = unit_random_below(4); j-- > 0;)
			bytes[unit_random_below(stored.size)] = (uint8_t) unit_random();
		if (learner_decode(unit_allocator(), bytes, size, &read) == LEARNER_OK)
		{
			LearnerBytes again = learner_bytes(read);

			EXPECT(&good, again.size == size && memcmp(again.bytes, bytes, size) == 0, "%s encodes to what was read",
				   learner_name(kind));
			free(again.bytes);
			learner_exercise(read, 0, 50);
			learner_free(read);
		}
		free(bytes);
	}
	CHECK(good, "%s: changed bytes", learner_name(kind));
	free(stored.bytes);
	learner_free(learner);
}

/* What windows add, against what the last rows of the key say by definition; and asking is learning's feature. */
static void
test_window_statistics(void)
{
	static const char *const names[] = {"x", "key", "at", ""};
	enum
	{
		N = 400,
		ROWS = 6,
		KEYS = 5
	};
	static const char *const statistics[] = {"count", "sum", "mean", "min", "max", "deviation", "rate", "lag", "difference", "gap"};
	double		options[LEARNER_MAX_OPTIONS];
	Learner	   *learner;
	int			number;
	double		values[N];
	double		times[N];
	int			keys[N];
	bool		good = true;

	learner_initial_options(LEARNER_NEAREST_NEIGHBORS_REGRESSION, options);
	options[learner_find_option(LEARNER_NEAREST_NEIGHBORS_REGRESSION, "neighbors")] = 1;
	learner = learner_create(unit_allocator(), LEARNER_NEAREST_NEIGHBORS_REGRESSION, options);
	learner_add_feature(learner, "x", 1, false);
	learner_add_feature(learner, "key", 3, true);
	learner_add_feature(learner, "at", 2, false);
	for (int statistic = 0; statistic < 10; statistic++)
	{
		const char *all[STEP_N_NAMES] = {names[0], names[1], names[2], statistics[statistic]};

		learner_add_step(learner, STEP_WINDOW, all, (double[]){statistic, ROWS, NAN, KEYS});
	}
	CHECK(learner_bind_steps(learner, &number) == NULL && learner_n_features(learner) == 13 && learner_n_inputs(learner) == 3,
		  "ten features more");
	for (int i = 0; i < N; i++)
	{
		double		row[13] = {0};
		double		sum = 0;
		double		squares = 0;
		double		low = INFINITY;
		double		high = -INFINITY;
		int			n = 0;
		int			before = -1;
		int			first = i;

		keys[i] = (int) unit_random_below(KEYS);
		values[i] = unit_random_normal();
		times[i] = (i == 0 ? 0 : times[i - 1]) + 1e6 * (1 + (double) unit_random_below(5));
		row[0] = values[i];
		row[1] = learner_category_add(learner, 1, &"vwxyz"[keys[i]], 1);
		row[2] = times[i];
		for (int j = i; j >= 0 && n < ROWS; j--)
			if (keys[j] == keys[i])
			{
				before = j < i && before < 0 ? j : before;
				first = j;
				sum += values[j];
				low = fmin(low, values[j]);
				high = fmax(high, values[j]);
				n++;
			}
		for (int j = i, m = n; m > 0; j--)
			if (keys[j] == keys[i])
			{
				squares += (values[j] - sum / n) * (values[j] - sum / n);
				m--;
			}
		{
			double		seen[13];
			const double expected[10] = {n,
										 sum,
										 sum / n,
										 low,
										 high,
										 n > 1 ? sqrt(squares / (n - 1)) : 0,
										 n > 1 ? (n - 1) / ((times[i] - times[first]) / 1e6) : NAN,
										 before < 0 ? NAN : values[before],
										 before < 0 ? NAN : values[i] - values[before],
										 before < 0 ? NAN : (times[i] - times[before]) / 1e6};

			memcpy(seen, row, sizeof(seen));
			pipeline_apply(learner_pipeline(learner), seen);
			for (int j = 0; j < 10; j++)
				EXPECT(&good, fabs(seen[3 + j] - expected[j]) < 1e-9 || (isnan(seen[3 + j]) && isnan(expected[j])),
					   "row %d: %s is %g, not %g", i, statistics[j], seen[3 + j], expected[j]);
		}
		learner_learn(learner, row, values[i], 1);
	}
	CHECK(good, "windows say what the rows of the key say");
	learner_free(learner);
}

/* A pipeline that makes features of 0 and 1 of a category gives, row by row, what a learner says of such features given by hand. */
static void
test_one_hot(LearnerKind kind, int missing, bool is_given)
{
	enum
	{
		VALUES = 2,
		ROWS = 1200
	};
	double		options[LEARNER_MAX_OPTIONS];
	int			scale = learner_find_option(kind, "scale");
	int			grace_period = learner_find_option(kind, "grace_period");
	int			n_added = VALUES + (missing == 2);
	Learner	   *piped;
	Learner	   *by_hand;
	int			number;
	bool		good = true;

	learner_initial_options(kind, options);
	/* Features of 0 and 1 that a step made are never scaled. */
	if (scale >= 0)
		options[scale] = 0;
	if (grace_period >= 0)
		options[grace_period] = 50;
	piped = learner_create(unit_allocator(), kind, options);
	by_hand = learner_create(unit_allocator(), kind, options);
	for (int i = 0; i < 3; i++)
	{
		learner_add_feature(piped, &"a\0c\0b\0"[2 * i], 1, i == 1);
		learner_add_feature(by_hand, &"a\0c\0b\0"[2 * i], 1, false);
	}
	learner_add_step(piped, STEP_ONE_HOT, (const char *[]){"c", "", "", ""}, (double[]){VALUES, missing});
	if (is_given)
		learner_add_step_value(piped, "q", 1);
	if (is_given)
		learner_add_step_value(piped, "s", 1);
	for (int i = 0; i < n_added; i++)
		learner_add_feature(by_hand, &"d\0e\0f\0"[2 * i], 1, false);
	CHECK(learner_bind_steps(piped, &number) == NULL && learner_n_features(piped) == 3 + n_added && learner_n_inputs(piped) == 3,
		  "%s: %d features", learner_name(kind), 3 + n_added);
	for (int i = 0; i < ROWS; i++)
	{
		double		row[6] = {unit_random_normal(), NAN, unit_random_uniform()};
		double		same[6] = {row[0], 0, row[2]};
		double		said[LEARNER_MAX_CLASSES] = {0};
		double		other[LEARNER_MAX_CLASSES] = {0};
		/* Values that are given, or come first: q and s. */
		int			value = i < 2 ? 2 * i : (int) unit_random_below(5) - 1;
		double		target = row[0] + (value == 0) - 2 * (value == 2) > 0;
		Learner	   *both[] = {piped, by_hand};

		if (value >= 0)
			row[1] = learner_category_add(piped, 1, &"qrst"[value], 1);
		if (value < 0 && missing == 1)
			same[1] = same[3] = same[4] = NAN;
		else
		{
			same[1] = value == 1 || value == 3;
			same[3] = value == 0;
			same[4] = value == 2;
		}
		same[5] = value < 0;
		for (int j = 0; j < 2 && learner_tells_classes(kind); j++)
			target = learner_class_add(both[j], target != 0 ? "yes" : "no", target != 0 ? 3 : 2);
		if (learner_tells_classes(kind))
		{
			learner_probabilities(piped, row, said);
			learner_probabilities(by_hand, same, other);
		}
		else
		{
			said[0] = learner_number(piped, row);
			other[0] = learner_number(by_hand, same);
		}
		EXPECT(&good, memcmp(said, other, sizeof(said)) == 0, "%s, row %d: %g is not %g", learner_name(kind), i, said[0], other[0]);
		if (learner_explains(kind) && i % 16 == 0)
		{
			double		parts[6] = {0};
			double		sums[6] = {0};
			double		expected[6] = {0};
			double		bias;
			double		expected_bias;
			double		sum;

			learner_parts(piped, row, 0, &bias, parts);
			learner_contributions(by_hand, same, 0, &expected_bias, expected);
			EXPECT(&good, memcmp(parts, expected, sizeof(parts)) == 0 && bias == expected_bias, "%s, row %d: parts",
				   learner_name(kind), i);
			learner_contributions(piped, row, 0, &bias, sums);
			sum = parts[1] + parts[3] + parts[4] + parts[5];
			EXPECT(&good,
				   sums[0] == parts[0] && sums[2] == parts[2] && fabs(sums[1] - sum) <= 1e-12 * fmax(1, fabs(sum)) &&
					   sums[3] == 0 && sums[4] == 0 && sums[5] == 0,
				   "%s, row %d: what a category contributes is the sum", learner_name(kind), i);
		}
		learner_learn(piped, row, target, 1);
		learner_learn(by_hand, same, target, 1);
	}
	CHECK(good, "%s: one_hot, missing values %d%s", learner_name(kind), missing, is_given ? ", values given" : "");
	CHECK(learner_n_categories(piped, 1) == VALUES, "%s: values beyond are not remembered", learner_name(kind));
	CHECK(learner_feature_source(piped, 3) == 1 && learner_feature_source(piped, 2) == 2 && learner_feature_value(piped, 4) == 1 &&
			  learner_feature_value(piped, 0) == -1,
		  "%s: where features come from", learner_name(kind));
	learner_free(piped);
	learner_free(by_hand);
}

/* Half of the rows about 0, half about 10: two clusters, and what is far from both is an anomaly. */
static void
test_without_labels(void)
{
	double		options[LEARNER_MAX_OPTIONS];
	Learner	   *clusters;
	Learner	   *anomalies;
	double		row[2];
	double		usual = 0;
	bool		good = true;

	learner_initial_options(LEARNER_K_MEANS, options);
	options[learner_find_option(LEARNER_K_MEANS, "clusters")] = 2;
	clusters = learner_create(unit_allocator(), LEARNER_K_MEANS, options);
	learner_initial_options(LEARNER_HALF_SPACE_TREES, options);
	anomalies = learner_create(unit_allocator(), LEARNER_HALF_SPACE_TREES, options);
	for (int i = 0; i < 2; i++)
	{
		learner_add_feature(clusters, i == 0 ? "a" : "b", 1, false);
		learner_add_feature(anomalies, i == 0 ? "a" : "b", 1, false);
	}
	CHECK(isnan(learner_number(clusters, (double[]){1, 2})), "there is no cluster before the first row");
	for (int i = 0; i < 4000; i++)
	{
		int			side = i % 2;

		row[0] = 10 * side + unit_random_normal();
		row[1] = -10 * side + unit_random_normal();
		if (i >= 3000)
		{
			EXPECT(&good, learner_number(clusters, row) == side, "cluster of row %d", i);
			usual += learner_number(anomalies, row) / 1000;
		}
		/* Something unusual, so that there is room between. */
		if (i % 500 == 0)
		{
			row[0] = 30;
			row[1] = 30;
		}
		learner_learn(anomalies, row, 0, 1);
		if (i % 500 != 0 || i == 0)
		{
			row[0] = i == 0 ? 0 : row[0];
			row[1] = i == 0 ? 0 : row[1];
			learner_learn(clusters, row, 0, 1);
		}
	}
	CHECK(good, "two clusters are told apart");
	CHECK(learner_number(anomalies, (double[]){25, 25}) > usual + 0.2, "what is far off is anomalous: %g, others %g",
		  learner_number(anomalies, (double[]){25, 25}), usual);
	learner_free(clusters);
	learner_free(anomalies);
}

/* Intervals cover as often as they say, through a drift that makes errors ten times as large. */
static void
test_intervals(LearnerKind kind)
{
	double		options[LEARNER_MAX_OPTIONS];
	Learner	   *learner;
	Learner	   *read;
	int			covered = 0;
	int			n = 0;
	bool		good = true;

	learner_initial_options(kind, options);
	options[learner_find_option(kind, "intervals")] = 200;
	options[learner_find_option(kind, "interval_adaptation")] = 0.02;
	learner = learner_create(unit_allocator(), kind, options);
	learner_add_feature(learner, "a", 1, false);
	CHECK(isnan(learner_interval(learner, NAN)), "%s: no interval before the first row", learner_name(kind));
	for (int i = 0; i < 6000; i++)
	{
		double		a = unit_random_normal();
		double		target = 2 * a + 1 + unit_random_normal() * (i < 3000 ? 1 : 10);
		double		width = learner_interval(learner, NAN);

		if (i >= 500)
		{
			covered += fabs(learner_number(learner, &a) - target) <= width;
			n++;
			EXPECT(&good, learner_interval(learner, 0.5) <= learner_interval(learner, 0.95), "row %d", i);
		}
		learner_learn(learner, &a, target, 1);
	}
	CHECK(good, "%s: what covers more is wider", learner_name(kind));
	/* The sum of misses is off by at most 1 / adaptation, of n; chance adds nothing. */
	CHECK(fabs((double) covered / n - 0.9) < 0.02, "%s: %d of %d are covered", learner_name(kind), covered, n);
	read = stored_and_read(learner);
	CHECK(read != NULL && same_bytes(learner, read), "%s with intervals is stored", learner_name(kind));
	learner_free(read);
	learner_free(learner);
}

static void
test_names(void)
{
	Learner	   *learner = initial(LEARNER_LOGISTIC_REGRESSION);
	char		long_name[400];
	size_t		length;

	memset(long_name, 'x', sizeof(long_name));
	CHECK(learner_class_add(learner, "", 0) == 0 && learner_class_add(learner, "b", 1) == 1 &&
			  learner_class_add(learner, "c", 1) == -1,
		  "two classes, one of them without a name, and no third");
	CHECK(learner_category_add(learner, 1, long_name, 400) == 0 && learner_category(learner, 1, long_name, 300) == 0,
		  "long names are cut");
	CHECK(strlen(learner_category_name(learner, 1, 0, &length)) == LEARNER_MAX_NAME && length == LEARNER_MAX_NAME, "at the limit");
	CHECK(learner_add_feature(learner, "a", 1, false) == -1, "no feature has another's name");
	CHECK(learner_find_feature(learner, "e", 1) == 4 && learner_find_feature(learner, "E", 1) == -1, "features are found");
	learner_free(learner);
}

static const char *
present_letter(void *letters, const char *name, size_t length, size_t *present_length)
{
	const char *present = &((const char *) letters)[length == 1 ? name[0] - 'a' : 0];

	*present_length = 1;
	return length == 1 && *present != name[0] ? present : NULL;
}

/* Some letters get the names of others, all at once; one that another keeps is not taken, and so on. */
static void
test_renamed(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(300); round++)
	{
		Learner	   *learner = initial(LEARNER_HOEFFDING_TREE);
		Learner	   *read;
		char		present[] = "abcdefghij";
		char		names[] = "abcdefghij";
		char		expected[10];
		int			n = 1 + (int) unit_random_below(9);
		bool		is_settled = false;

		for (int i = 9; i > 0; i--)
		{
			/* Each letter has one place in both. */
			int			j = (int) unit_random_below((uint64_t) i + 1);
			char		letter = names[i];

			names[i] = names[j];
			names[j] = letter;
			j = (int) unit_random_below((uint64_t) i + 1);
			letter = present[i];
			if (unit_random_below(3) > 0)
			{
				present[i] = present[j];
				present[j] = letter;
			}
		}
		for (int i = 0; i < n; i++)
		{
			(void) learner_class_add(learner, &names[i], 1);
			(void) learner_category_add(learner, 1, &names[i], 1);
			expected[i] = present[names[i] - 'a'];
		}
		while (!is_settled)
		{
			is_settled = true;
			for (int i = 0; i < n; i++)
				for (int j = 0; j < n; j++)
					if (i != j && expected[i] == expected[j])
					{
						is_settled = false;
						if (expected[i] != names[i])
							expected[i] = names[i];
						else
							expected[j] = names[j];
					}
		}
		learner_rename_classes(learner, present_letter, present);
		learner_rename_categories(learner, 1, present_letter, present);
		for (int i = 0; i < n; i++)
			EXPECT(&good, learner_class(learner, &expected[i], 1) == i && learner_category(learner, 1, &expected[i], 1) == i,
				   "of %.10s by %s: %c is not number %d", names, present, expected[i], i);
		read = stored_and_read(learner);
		EXPECT(&good, read != NULL && same_bytes(learner, read) && learner_memory(read) == learner_memory(learner),
			   "stored and read");
		if (read != NULL)
			learner_free(read);
		learner_free(learner);
	}
	CHECK(good, "classes and categories get other names");
}

int
main(void)
{
	test_catalogue();
	test_names();
	test_renamed();
	for (int kind = 0; kind < LEARNER_N_KINDS; kind++)
	{
		test_resumed(kind, initial);
		test_resumed(kind, with_steps);
		test_resumed(kind, cramped);
		if (learner_needs_label(kind) && kind != LEARNER_HOLT_WINTERS)
			test_learns(kind);
		if (learner_explains(kind) && kind != LEARNER_PASSIVE_AGGRESSIVE && kind != LEARNER_ALMA)
			test_contributions(kind);
		test_changed_bytes(kind, initial);
		test_memory(kind);
		if (kind != LEARNER_HOLT_WINTERS)
			test_one_hot(kind, kind % 3, kind % 2 == 0);
	}
	test_changed_bytes(LEARNER_LOGISTIC_REGRESSION, with_steps);
	test_changed_bytes(LEARNER_HOEFFDING_TREE, with_steps);
	test_changed_bytes(LEARNER_K_MEANS, with_steps);
	test_window_statistics();
	test_without_labels();
	test_intervals(LEARNER_LINEAR_REGRESSION);
	test_intervals(LEARNER_HOEFFDING_TREE_REGRESSION);
	CHECK(unit_allocated() == 0, "no memory is left");
	return unit_summary();
}
