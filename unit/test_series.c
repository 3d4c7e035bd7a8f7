/*
 * test_series.c
 *		Exact sums, summaries of pairs, their stored forms and those of ranges of time; that no bytes whatever do harm.
 */
#include "series_exercise.h"

static double
draw(void)
{
	double		value = ldexp(unit_random_normal(), (int) unit_random_below(80) - 40);

	if (unit_random_below(3) == 0)
		value = unit_random_bits();
	return isfinite(value) ? value : 1.5;
}

/* Against integers of 128 bits. */
static void
test_exact_sums(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(2000); round++)
	{
		ExactSum	sum = {0};
		ExactSum	product = {0};
		__int128	expected = 0;
		__int128	expected_product = 0;
		WideInteger value;
		int			low;

		for (int i = (int) unit_random_below(50); i > 0; i--)
		{
			int64_t		a = (int64_t) unit_random_below(1 << 30) - (1 << 29);
			int64_t		b = (int64_t) unit_random_below(1 << 30) - (1 << 29);
			bool		subtract = unit_random_below(3) == 0;

			exact_sum_add(&sum, unit_allocator(), (double) a, subtract);
			exact_sum_add_product(&product, unit_allocator(), (double) a, (double) b, subtract);
			expected += subtract ? -a : a;
			expected_product += subtract ? -(__int128) a * b : (__int128) a * b;
		}
		exact_sum_get(&sum, &value, &low);
		EXPECT(&good, wide_quotient(&value, 1, 1, 64 * low - 1074) == (double) expected, "sum in round %d", round);
		exact_sum_get(&product, &value, &low);
		EXPECT(&good, wide_quotient(&value, 1, 1, 64 * low - 2148) == (double) expected_product, "sum of products in round %d",
			   round);
		exact_sum_free(&sum, unit_allocator());
		exact_sum_free(&product, unit_allocator());
	}
	CHECK(good, "sums are exact");
}

static bool
same_bytes(const Pairs *a, const Pairs *b)
{
	size_t		size = pairs_encode(a, NULL);
	uint8_t	   *first = malloc(size);
	uint8_t	   *second = malloc(size);
	bool		same = pairs_encode(b, NULL) == size;

	if (same)
	{
		pairs_encode(a, first);
		pairs_encode(b, second);
		same = memcmp(first, second, size) == 0;
	}
	free(first);
	free(second);
	return same;
}

/* Whatever order, split, or detour: the same bytes. */
static void
test_canonical(void)
{
	bool		good = true;

	for (int round = 0; round < unit_rounds(1500); round++)
	{
		Pairs	   *whole = pairs_create(unit_allocator(), false, true);
		Pairs	   *parts[3] = {pairs_create(unit_allocator(), false, true), pairs_create(unit_allocator(), false, true),
						   pairs_create(unit_allocator(), false, true)};
		Pairs	   *decoded;
		uint8_t	   *bytes;

		for (int i = (int) unit_random_below(40); i > 0; i--)
		{
			double		y = draw();
			double		x = draw();

			pairs_add(whole, y, x);
			pairs_add(parts[unit_random_below(3)], y, x);
			if (unit_random_below(4) == 0)
			{
				y = draw();
				pairs_add(whole, y, x);
				pairs_remove(whole, y, x);
			}
		}
		pairs_merge(parts[1], parts[2], false);
		pairs_merge(parts[0], parts[1], false);
		EXPECT(&good, same_bytes(whole, parts[0]), "merged in round %d", round);
		bytes = malloc(pairs_encode(whole, NULL));
		decoded = pairs_decode(unit_allocator(), bytes, pairs_encode(whole, bytes));
		EXPECT(&good, decoded != NULL && same_bytes(decoded, whole), "stored in round %d", round);
		pairs_merge(decoded, parts[1], true);
		pairs_merge(whole, parts[2], true);
		pairs_merge(parts[1], parts[2], true);
		pairs_merge(whole, parts[1], true);
		EXPECT(&good, same_bytes(decoded, whole), "taken back in round %d", round);
		free(bytes);
		pairs_free(decoded);
		pairs_free(whole);
		for (int part = 0; part < 3; part++)
			pairs_free(parts[part]);
	}
	CHECK(good, "the same pairs give the same bytes");
}

static void
test_corruption(void)
{
	int			n_accepted = 0;
	int			n_refused = 0;

	for (int round = 0; round < unit_rounds(20000); round++)
	{
		uint8_t		bytes[4096];
		size_t		size;
		Points		points;

		points_init(&points, unit_allocator());
		for (int i = (int) unit_random_below(5); i >= 0; i--)
			points_add(&points, (int64_t) unit_random_below(1000), unit_random_normal());
		points_sort(&points);
		switch (unit_random_below(4))
		{
			case 0:
			{
				Pairs	   *pairs = pairs_create(unit_allocator(), false, false);

				for (int i = (int) unit_random_below(5); i > 0; i--)
					pairs_add(pairs, draw(), draw());
				size = pairs_encode(pairs, bytes);
				pairs_free(pairs);
				break;
			}
			case 1:
			{
				States	   *states = states_create(unit_allocator());

				for (int i = (int) unit_random_below(6); i > 0; i--)
					states_add(states, "abcabc", (size_t) unit_random_below(4), (int64_t) unit_random_below(100) - 50);
				states_compress(states);
				size = states_encode(states, bytes);
				states_free(states);
				break;
			}
			case 2:
			{
				TimeWeighted weighted;

				time_weighted_of_points(&weighted, &points, false, true);
				time_weighted_encode(&weighted, bytes);
				size = TIME_WEIGHTED_SIZE;
				break;
			}
			default:
			{
				Counter		counter;

				counter_of_points(&counter, &points, false, true);
				counter_encode(&counter, bytes);
				size = COUNTER_SIZE;
				break;
			}
		}
		points_free(&points);
		for (int change = (int) unit_random_below(3); change > 0; change--)
			bytes[unit_random_below(size)] ^= (uint8_t) (1 << unit_random_below(8));
		if (unit_random_below(8) == 0)
			size = (size_t) unit_random_below(size + 1);
		if (exercise_bytes(bytes, size))
			n_accepted++;
		else
			n_refused++;
	}
	CHECK(n_accepted > 0 && n_refused > 0, "damaged bytes are refused (%d), or read as they stand (%d)", n_refused, n_accepted);
}

/* Whatever the order: the state of every time is that of the last row before. */
static void
test_states(void)
{
	static const char *const texts[] = {"", "a", "b", "ab"};
	bool		good = true;

	for (int round = 0; round < unit_rounds(2000); round++)
	{
		int			n = 1 + (int) unit_random_below(30);
		int64_t		times[31];
		int			which[31];
		States	   *states = states_create(unit_allocator());

		for (int i = 0; i < n; i++)
		{
			times[i] = (int64_t) unit_random_below(60) - 30;
			which[i] = (int) unit_random_below(4);
			states_add(states, texts[which[i]], strlen(texts[which[i]]), times[i]);
		}
		states_compress(states);
		for (int64_t time = -31; time <= 31; time++)
		{
			const char *expected = NULL;
			const char *found = NULL;
			int64_t		latest = INT64_MIN;
			size_t		length = 0;

			for (int i = 0; i < n; i++)
				if (times[i] <= time &&
					(times[i] > latest || (times[i] == latest && (expected == NULL || strcmp(texts[which[i]], expected) > 0))))
				{
					latest = times[i];
					expected = texts[which[i]];
				}
			for (size_t i = 0; i < states->n_runs && states->runs[i].since <= time; i++)
			{
				found = states->states[states->runs[i].state].bytes;
				length = states->states[states->runs[i].state].length;
				if (length == 0)
					found = "";
			}
			EXPECT(&good,
				   (expected == NULL) == (found == NULL) &&
					   (found == NULL || (length == strlen(expected) && memcmp(found, expected, length) == 0)),
				   "state at %d in round %d", (int) time, round);
		}
		for (size_t i = 1; i < states->n_runs; i++)
			EXPECT(&good, states->runs[i].since > states->runs[i - 1].since && states->runs[i].state != states->runs[i - 1].state,
				   "changes in round %d", round);
		states_free(states);
	}
	CHECK(good, "states hold until the next row, in whatever order rows come");
}

int
main(void)
{
	test_exact_sums();
	test_canonical();
	test_states();
	test_corruption();
	CHECK(unit_allocated() == 0, "no memory is left");
	return unit_summary();
}
