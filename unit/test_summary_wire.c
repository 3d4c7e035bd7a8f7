/*
 * test_summary_wire.c
 *		The stored form: pinned examples, and that no bytes whatever do harm.
 */
#include "summary_bytes.h"
#include "summary_data.h"
#include "summary_exercise.h"

static Summary *
random_summary(void)
{
	int			budget = unit_random_below(2) == 0 ? 16 : 1024;
	Summary	   *summary;
	size_t		n = (size_t) unit_random_below(unit_random_below(2) == 0 ? 20 : 1500);

	if (unit_random_below(3) == 0)
	{
		summary = summary_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, budget);
		for (size_t i = 0; i < n; i++)
		{
			char		buffer[40];

			summary_add_category(summary, buffer, (size_t) sprintf(buffer, "%llu", (unsigned long long) unit_random_below(60)));
		}
	}
	else
	{
		const DataSet *set = &data_sets[unit_random_below(N_DATA_SETS)];

		summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, (SummaryUnit) unit_random_below(3), budget);
		for (size_t i = 0; i < n; i++)
		{
			double		value = set->draw();

			summary_add_number(summary, value);
			if (unit_random_below(8) == 0)
				summary_remove_number(summary, value);
		}
		if (unit_random_below(4) == 0)
			summary_add_number(summary, NAN);
	}
	if (unit_random_below(4) == 0)
		summary_add_null(summary);
	return summary;
}

static void
corrupt(Bytes *bytes)
{
	int			n_changes = 1 + (int) unit_random_below(3);

	for (int i = 0; i < n_changes && bytes->size > 0; i++)
	{
		size_t		at = (size_t) unit_random_below(unit_random_below(2) == 0 && bytes->size > 24 ? 24 : bytes->size);

		switch (unit_random_below(4))
		{
			case 0: bytes->bytes[at] = (uint8_t) unit_random(); break;
			case 1: bytes->bytes[at] ^= (uint8_t) (1 << unit_random_below(8)); break;
			case 2: bytes->size = at; break;
			default:
				memmove(bytes->bytes + at, bytes->bytes + at + 1, bytes->size - at - 1);
				bytes->size--;
				break;
		}
	}
}

static void
test_corruption(void)
{
	int			n_accepted = 0;
	int			n_refused = 0;
	bool		canonical = true;
	bool		bounded = true;

	for (int round = 0; round < unit_rounds(6000); round++)
	{
		Summary	   *summary = random_summary();
		Bytes		bytes = encode(summary);
		Summary	   *decoded;
		size_t		before;

		summary_free(summary);
		corrupt(&bytes);
		before = unit_allocated();
		if (summary_decode(unit_allocator(), bytes.bytes, bytes.size, &decoded) == SUMMARY_OK)
		{
			Bytes		again = encode(decoded);

			n_accepted++;
			EXPECT(&canonical, again.size == bytes.size && memcmp(again.bytes, bytes.bytes, bytes.size) == 0,
				   "accepted bytes are canonical");
			EXPECT(&bounded, unit_allocated() - before < 4096 + 200 * bytes.size, "%zu bytes take %zu", bytes.size,
				   unit_allocated() - before);
			free(again.bytes);
			exercise(decoded);
			summary_free(decoded);
		}
		else
		{
			n_refused++;
			EXPECT(&bounded, unit_allocated() == before, "a refusal leaves nothing behind");
		}
		free(bytes.bytes);
	}
	CHECK(n_refused > 0 && n_accepted > 0, "damaged bytes: %d refused, %d accepted and used", n_refused, n_accepted);
	CHECK(canonical, "whatever is accepted encodes to the same bytes");
	CHECK(bounded, "memory stays within a constant times the input");
}

static void
test_noise(void)
{
	int			n_accepted = 0;

	for (int round = 0; round < unit_rounds(20000); round++)
	{
		uint8_t		bytes[64];
		size_t		size = (size_t) unit_random_below(sizeof(bytes));
		Summary	   *decoded;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t) unit_random_below(unit_random_below(2) == 0 ? 256 : 20);
		if (size > 0)
			bytes[0] = 1;
		if (size > 3)
			bytes[2] = 16;
		if (summary_decode(unit_allocator(), bytes, size, &decoded) == SUMMARY_OK)
		{
			n_accepted++;
			exercise(decoded);
			summary_free(decoded);
		}
	}
	CHECK(true, "noise: %d of it accepted and used", n_accepted);
}

static void
check_bytes(const Summary *summary, const char *expected, const char *what)
{
	Bytes		bytes = encode(summary);
	char	   *text = malloc(2 * bytes.size + 1);

	for (size_t i = 0; i < bytes.size; i++)
		sprintf(text + 2 * i, "%02x", bytes.bytes[i]);
	CHECK(strcmp(text, expected) == 0, "%s is stored as %s", what, text);
	free(text);
	free(bytes.bytes);
}

#define EXPECTED_SMALL "0140800801010100000733ff0f0202030003fc0f05fc0f030002"
#define EXPECTED_COARSE \
	"01021000340e0080100203fd07030002040408080e121c2436128000000000000000c0c3248000000000068601780a140a8c022099" \
	"fb43070e920380e270a7b92203109904" \
	"d2d157411f387901"
#define EXPECTED_CATEGORIES \
	"01411000adb7ac2ecf297a222b10016202017111016909017313016707017212016b0b016101016d0d016404017010016505016c0c016303016a0a017414"

/* Stored summaries outlive a version: these bytes must stay what they are. */
static void
test_pinned(void)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 1024);
	Summary	   *decoded;
	uint8_t		unknown[] = {2, 0, 16, 0, 0, 0};

	check_bytes(summary,
				"010080080000"
				"00",
				"the empty summary");
	for (int i = -3; i <= 3; i++)
		summary_add_number(summary, i);
	summary_add_number(summary, 1);
	summary_add_number(summary, NAN);
	summary_add_number(summary, INFINITY);
	summary_add_null(summary);
	check_bytes(summary, EXPECTED_SMALL, "a small one");
	summary_free(summary);

	summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_INTERVAL, 16);
	for (int i = 0; i < 100; i++)
		summary_add_number(summary, i * i);
	check_bytes(summary, EXPECTED_COARSE, "a coarse one");
	summary_free(summary);

	summary = summary_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, 16);
	for (int i = 0; i < 20; i++)
	{
		char		letter = (char) ('a' + i);

		for (int j = 0; j <= i; j++)
			summary_add_category(summary, &letter, 1);
	}
	check_bytes(summary, EXPECTED_CATEGORIES, "a sample of categories");
	summary_free(summary);
	CHECK(summary_decode(unit_allocator(), unknown, sizeof(unknown), &decoded) == SUMMARY_VERSION_UNKNOWN,
		  "an unknown version says so");
	CHECK(summary_decode(unit_allocator(), unknown, 0, &decoded) == SUMMARY_CORRUPT, "nothing is no summary");
}

int
main(void)
{
	test_pinned();
	test_corruption();
	test_noise();
	CHECK(unit_allocated() == 0, "all memory given back");
	return unit_summary();
}
