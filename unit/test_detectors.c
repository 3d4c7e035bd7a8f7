/*
 * test_detectors.c
 *		Detectors stopped, stored and gone on with; values that are none; changed bytes; what e_process promises; evaluation.
 */
#include "detector_exercise.h"

#include "detect/evaluation.h"
#include "detect/mersenne.h"

/* Bytes of a level of ADWIN's window, as it is at first: six buckets of two numbers. */
#define ADWIN_LEVEL (6 * 2 * sizeof(double))

static Detector *
initial(DetectorKind kind)
{
	double		options[DETECTOR_MAX_OPTIONS];

	detector_initial_options(kind, options);
	return detector_create(unit_allocator(), kind, options);
}

/* Numbers that the option can have, not too large for a test. */
static void
random_options(DetectorKind kind, double *options)
{
	do
	{
		detector_initial_options(kind, options);
		for (int i = 0; i < detector_n_options(kind); i++)
		{
			const Option *option = detector_option(kind, i);
			double		value = option->type == OPTION_IS_NUMBER
				? option->initial * (0.5 + unit_random_uniform())
				: floor(option->initial * (0.2 + unit_random_uniform()) + unit_random_below(3));

			if (unit_random_below(2) == 0 && option_allows(option, value))
				options[i] = value;
		}
	} while (detector_check_options(kind, options) != NULL);
}

static bool
same_bytes(const Detector *a, const Detector *b)
{
	DetectorBytes first = detector_bytes(a);
	DetectorBytes second = detector_bytes(b);
	bool		same = first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0;

	free(first.bytes);
	free(second.bytes);
	return same;
}

static void
test_catalogue(void)
{
	bool		good = true;

	for (int kind = 0; kind < DETECTOR_N_KINDS; kind++)
	{
		EXPECT(&good, detector_find(detector_name(kind)) == kind, "%s is found", detector_name(kind));
		EXPECT(&good, detector_n_options(kind) <= DETECTOR_MAX_OPTIONS, "options of %s", detector_name(kind));
		for (int i = 0; i < detector_n_options(kind); i++)
		{
			const Option *option = detector_option(kind, i);

			EXPECT(&good, option_allows(option, option->initial), "initial %s of %s", option->name, detector_name(kind));
			EXPECT(&good, detector_find_option(kind, option->name) == i, "option %s of %s", option->name, detector_name(kind));
			EXPECT(&good, !option_allows(option, option->high * 2 + 1), "bound of %s of %s", option->name, detector_name(kind));
		}
	}
	CHECK(good, "the catalogue agrees with itself");
	CHECK(detector_find("ADWIN") == -1 && detector_find_option(DETECTOR_ADWIN, "lambda") == -1, "unknown names are not found");
}

/* One detector runs through, the other is stored and read again at random moments. */
static void
test_stop_and_go(void)
{
	for (int kind = 0; kind < DETECTOR_N_KINDS; kind++)
	{
		bool		good = true;
		int64_t		n_drifts = 0;

		for (int round = 0; round < unit_rounds(12); round++)
		{
			double		options[DETECTOR_MAX_OPTIONS];
			double		mean = 0.2;
			Detector   *whole;
			Detector   *parts;

			if (round == 0)
				detector_initial_options(kind, options);
			else
				random_options(kind, options);
			whole = detector_create(unit_allocator(), kind, options);
			parts = detector_create(unit_allocator(), kind, options);
			for (int i = 0; i < 2500; i++)
			{
				DetectorSignal expected;
				DetectorSignal signal;
				bool		observed;
				double		x;

				if (unit_random_below(300) == 0)
					mean = unit_random_uniform();
				x = unit_random_below(50) == 0 ? NAN : detector_value(whole, mean);
				expected = signal = DETECTOR_STABLE;
				detector_advance(whole, x, &expected, &observed);
				if (unit_random_below(40) == 0)
				{
					DetectorBytes stored = detector_bytes(parts);

					detector_free(parts);
					EXPECT(&good, detector_decode(unit_allocator(), stored.bytes, stored.size, &parts) == DETECTOR_OK,
						   "decodes at %d", i);
					free(stored.bytes);
				}
				detector_advance(parts, x, &signal, &observed);
				EXPECT(&good, signal == expected, "%s at %d: %d, in one run %d", detector_name(kind), i, signal, expected);
			}
			EXPECT(&good, same_bytes(whole, parts), "%s: both end alike", detector_name(kind));
			n_drifts += detector_n_drifts(whole);
			detector_free(whole);
			detector_free(parts);
		}
		CHECK(good && n_drifts > 2, "%s: stop and go is one run (%lld drifts)", detector_name(kind), (long long) n_drifts);
	}
}

static void
test_no_values(void)
{
	bool		good = true;

	for (int kind = 0; kind < DETECTOR_N_KINDS; kind++)
	{
		Detector   *detector = initial(kind);
		Detector   *skipped = initial(kind);
		DetectorSignal signal;
		bool		observed = true;
		double		none[] = {NAN, INFINITY, -INFINITY};

		for (int i = 0; i < 3; i++)
		{
			EXPECT(&good, detector_advance(detector, none[i], &signal, &observed) == DETECTOR_OK && !observed, "%g is no value",
				   none[i]);
			detector_skip(skipped);
		}
		EXPECT(&good, same_bytes(detector, skipped) && detector_n_rows(detector) == 3 && detector_n_values(detector) == 0,
			   "%s: rows without value are counted", detector_name(kind));
		switch (detector_input(kind))
		{
			case DETECTOR_ERROR:
				EXPECT(&good, detector_advance(detector, 0.5, &signal, &observed) == DETECTOR_NOT_AN_ERROR, "0.5 is no error");
				break;
			case DETECTOR_SHARE:
			case DETECTOR_BOUNDED:
				EXPECT(&good, detector_advance(detector, 1.0001, &signal, &observed) == DETECTOR_OUTSIDE, "1.0001 is outside");
				EXPECT(&good, detector_advance(detector, -0.0001, &signal, &observed) == DETECTOR_OUTSIDE, "-0.0001 is outside");
				break;
			case DETECTOR_NUMBER:
				EXPECT(&good, detector_advance(detector, 1e200, &signal, &observed) == DETECTOR_TOO_LARGE, "1e200 is too large");
				for (int i = 0; i < 2000; i++)
					EXPECT(&good,
						   detector_advance(skipped, DETECTOR_LARGEST * (unit_random_uniform() - 0.5), &signal, &observed) ==
							   DETECTOR_OK,
						   "as large as can be");
				break;
		}
		EXPECT(&good, detector_n_rows(detector) == 3, "%s: what is refused leaves it as it was", detector_name(kind));
		detector_free(detector);
		detector_free(skipped);
	}
	CHECK(good, "NaN, infinities and values out of range");
}

/* Nothing that decodes may do harm; most of it does not decode. */
static void
test_changed_bytes(void)
{
	int			n_decoded = 0;

	for (int round = 0; round < unit_rounds(4000); round++)
	{
		Detector   *detector = initial((DetectorKind) unit_random_below(DETECTOR_N_KINDS));
		DetectorBytes stored;
		size_t		size;

		detector_exercise(detector, (int) unit_random_below(400));
		stored = detector_bytes(detector);
		detector_free(detector);
		for (int i = (int) unit_random_below(4); i >= 0; i--)
			stored.bytes[unit_random_below(stored.size)] = (uint8_t) unit_random();
		size = unit_random_below(3) == 0 ? unit_random_below(stored.size + 1) : stored.size;
		if (detector_decode(unit_allocator(), stored.bytes, size, &detector) == DETECTOR_OK)
		{
			DetectorBytes again = detector_bytes(detector);

			if (again.size != size || memcmp(again.bytes, stored.bytes, size) != 0)
				n_decoded = -1000000;
			free(again.bytes);
			n_decoded++;
			detector_exercise(detector, 200);
			detector_free(detector);
		}
		free(stored.bytes);
	}
	CHECK(n_decoded > 100, "changed bytes do no harm, and what decodes encodes to the same (%d decoded)", n_decoded);
}

/* As python3 -c 'import random; r = random.Random(42); ...' says. */
static void
test_mersenne(void)
{
	Mersenne	random;
	uint32_t	last = 0;
	uint64_t	drawn[16] = {0};
	static const int few[] = {261, 367, 637, 707, 759, 814};
	bool		good = true;

	mersenne_seed(&random, 42);
	CHECK(mersenne_next(&random) == UINT32_C(2746317213) && mersenne_next(&random) == UINT32_C(478163327) &&
			  mersenne_next(&random) == UINT32_C(107420369),
		  "first draws of seed 42");
	mersenne_seed(&random, 0);
	for (int i = 0; i < 1000; i++)
		last = mersenne_next(&random);
	CHECK(last == UINT32_C(2971151651), "thousandth draw of seed 0 is %u", last);
	mersenne_seed(&random, 5);
	mersenne_sample(&random, 1000, 6, drawn);
	for (int i = 0; i < 6; i++)
		EXPECT(&good, drawn[few[i] >> 6] >> (few[i] & 63) & 1, "%d is drawn", few[i]);
	CHECK(good, "six of a thousand of seed 5");
}

/* Share of streams, of one distribution that does not change, with any alarm; at most alpha. */
static double
share_with_alarm(double alpha, double mean, int shape, int n_streams, int n)
{
	double		options[DETECTOR_MAX_OPTIONS];
	int			n_alarmed = 0;

	detector_initial_options(DETECTOR_E_PROCESS, options);
	options[detector_find_option(DETECTOR_E_PROCESS, "alpha")] = alpha;
	for (int stream = 0; stream < n_streams; stream++)
	{
		Detector   *detector = detector_create(unit_allocator(), DETECTOR_E_PROCESS, options);
		DetectorSignal signal;
		bool		observed;

		for (int i = 0; i < n && detector_n_drifts(detector) == 0; i++)
		{
			double		u = unit_random_uniform();

			/* Errors; uniform around the mean; or alternating, where only the mean is constant. */
			double		x = shape == 0 ? u < mean
				: shape == 1      ? mean + (u - 0.5) * fmin(mean, 1 - mean) * 2
				: i % 2 == 0      ? (u < mean)
								  : mean;

			detector_advance(detector, x, &signal, &observed);
		}
		n_alarmed += detector_n_drifts(detector) > 0;
		detector_free(detector);
	}
	return (double) n_alarmed / n_streams;
}

static void
test_e_process(void)
{
	static const double means[] = {0.01, 0.2, 0.25, 0.5, 0.507, 0.9};
	double		alpha = 0.1;
	int			n_streams = unit_rounds(300);
	double		most = 0;
	double		options[DETECTOR_MAX_OPTIONS];
	int			in_time = 0;

	for (int shape = 0; shape < 3; shape++)
		for (int i = 0; i < 6; i++)
			most = fmax(most, share_with_alarm(alpha, means[i], shape, n_streams, 4000));
	/* Four standard errors, so that chance fails this test once in many thousand runs. */
	CHECK(most <= alpha + 4 * sqrt(alpha * (1 - alpha) / n_streams),
		  "e_process: at most %g of streams without a change have an alarm: %g", alpha, most);
	CHECK(share_with_alarm(0.5, 0.3, 0, n_streams, 4000) <= 0.5 + 2 / sqrt(n_streams), "e_process: at alpha 0.5 too");

	detector_initial_options(DETECTOR_E_PROCESS, options);
	for (int stream = 0; stream < 100; stream++)
	{
		Detector   *detector = detector_create(unit_allocator(), DETECTOR_E_PROCESS, options);
		DetectorSignal signal;
		bool		observed;

		for (int i = 0; i < 5000 + 600; i++)
			detector_advance(detector, unit_random_uniform() < (i < 5000 ? 0.2 : 0.4), &signal, &observed);
		in_time += detector_n_drifts(detector) == 1 && detector_last_drift(detector) >= 5000;
		detector_free(detector);
	}
	CHECK(in_time >= 95, "e_process: 0.2 to 0.4 after 5000 values is seen within 600 (%d of 100)", in_time);
}

/* Counts and sums stay right, and nothing that is kept grows with the stream, but ADWIN's levels with its logarithm. */
static void
test_long_run(void)
{
	for (int kind = 0; kind < DETECTOR_N_KINDS; kind++)
	{
		Detector   *detector = initial(kind);
		int			n = unit_rounds(kind == DETECTOR_BOCD ? 20000 : 400000);
		size_t		held = unit_allocated();
		size_t		most = held + (kind == DETECTOR_ADWIN ? (size_t) log2(n) * ADWIN_LEVEL : 0);
		DetectorSignal signal = DETECTOR_STABLE;
		bool		observed;
		bool		good = held == detector_memory(detector_kind(detector), detector_options(detector));

		for (int i = 0; i < n; i++)
		{
			size_t		next = unit_allocated() + detector_growth(detector);

			detector_advance(detector, detector_value(detector, 0.3), &signal, &observed);
			good &= unit_allocated() <= next;
		}
		CHECK(good && unit_allocated() <= most && detector_n_values(detector) == n, "%s: %d values in %zu bytes",
			  detector_name(kind), n, unit_allocated());
		detector_free(detector);
	}
}

/* The window of ADWIN keeps to the memory that it is left, sees a change there, and takes as much when it is read. */
static void
test_narrow(void)
{
	double		options[DETECTOR_MAX_OPTIONS];
	bool		good = true;
	int64_t		n_narrowed = 0;
	int64_t		n_drifts = 0;

	for (int round = 0; round < unit_rounds(20); round++)
	{
		Detector   *detector;
		size_t		limit;

		if (round == 0)
			detector_initial_options(DETECTOR_ADWIN, options);
		else
			random_options(DETECTOR_ADWIN, options);
		detector = detector_create(unit_allocator(), DETECTOR_ADWIN, options);
		limit = unit_allocated() + 500;
		for (int i = 0; i < 4000; i++)
		{
			DetectorSignal signal;
			bool		observed;

			if (unit_allocated() + detector_growth(detector) > limit)
			{
				detector_narrow(detector);
				n_narrowed++;
				EXPECT(&good, detector_growth(detector) == 0, "no more is wanted");
			}
			detector_advance(detector, i / 1000 % 2 + 0.1 * unit_random_normal(), &signal, &observed);
			n_drifts += signal == DETECTOR_DRIFT;
			EXPECT(&good, unit_allocated() <= limit, "%zu bytes of %zu", unit_allocated(), limit);
			if (i % 500 == 499)
			{
				DetectorBytes stored = detector_bytes(detector);
				size_t		held = unit_allocated();
				Detector   *read = NULL;

				EXPECT(&good, detector_decode(unit_allocator(), stored.bytes, stored.size, &read) == DETECTOR_OK, "is read");
				EXPECT(&good, unit_allocated() == 2 * held, "%zu bytes, read %zu", held, unit_allocated() - held);
				if (read != NULL)
					detector_free(read);
				free(stored.bytes);
			}
		}
		detector_free(detector);
	}
	CHECK(good && n_narrowed > 0 && n_drifts >= 3 * unit_rounds(20), "adwin in little memory (%lld times too little, %lld drifts)",
		  (long long) n_narrowed, (long long) n_drifts);
}

static void
test_evaluation(void)
{
	int64_t		alarms[] = {10, 110, 130, 390};
	int64_t		drifts[] = {100, 200, 300};
	int64_t		scratch[4];
	Evaluation	e;

	evaluate_alarms(alarms, 4, drifts, 3, 400, 50, &e);
	CHECK(e.n_detected == 1 && e.n_false == 3 && e.precision == 0.25 && unit_close(e.recall, 1.0 / 3, 1e-15) &&
			  unit_close(e.episode_recall, 2.0 / 3, 1e-15) && e.mean_delay == 10 && e.normalized_delay == 0.2,
		  "one of three drifts in time, another late");
	evaluate_alarms(alarms, 0, drifts, 3, 400, 50, &e);
	CHECK(isnan(e.precision) && e.recall == 0 && isnan(e.mean_delay) && e.f1 == 0 && e.false_alarm_rate == 0, "no alarms");
	evaluate_alarms(alarms, 4, drifts, 0, 400, 50, &e);
	CHECK(isnan(e.recall) && e.precision == 0 && e.false_alarm_rate == 0.01 && e.mean_time_between_false_alarms == 100,
		  "no drifts");
	evaluate_alarms(alarms, 0, drifts, 0, 400, 50, &e);
	CHECK(isnan(e.f1) && isnan(e.recall) && isnan(e.precision), "neither");
	/* An alarm every hundred rows, at any phase: one in each of the three episodes of a hundred. */
	evaluate_periodic(scratch, 4, drifts, 3, 400, INT64_MAX, &e);
	CHECK(unit_close(e.recall, 1, 1e-12) && unit_close(e.mean_delay, 49.5, 0.02) && e.n_alarms == 4, "periodic alarms: delay %g",
		  e.mean_delay);
}

int
main(void)
{
	test_catalogue();
	test_stop_and_go();
	test_no_values();
	test_changed_bytes();
	test_mersenne();
	test_e_process();
	test_long_run();
	test_narrow();
	test_evaluation();
	CHECK(unit_allocated() == 0, "all memory is given back");
	return unit_summary();
}
