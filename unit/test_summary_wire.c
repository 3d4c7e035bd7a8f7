/*
 * test_summary_wire.c
 *		The stored form: pinned examples, and that no bytes whatever do harm.
 */
#include "summary/wire_format.h"
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
			/* What the damage made one of version 1 is written as version 2. */
			EXPECT(&canonical,
				   bytes.bytes[0] == WIRE_VERSION_1 ||
					   (again.size == bytes.size && memcmp(again.bytes, bytes.bytes, bytes.size) == 0),
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
			bytes[0] = (uint8_t) (1 + unit_random_below(2));
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

/* Stored summaries outlive a version: what the bytes say must stay what it is, and version 2 is written like this. */
#define SMALL_1 "0140800801010100000733ff0f0202030003fc0f05fc0f030002"
#define COARSE_1 \
	"01021000340e0080100203fd07030002040408080e121c2436128000000000000000c0c3248000000000068601780a140a8c022099" \
	"fb43070e920380e270a7b92203109904" \
	"d2d157411f387901"
#define CATEGORIES_1 \
	"01411000adb7ac2ecf297a222b10016202017111016909017313016707017212016b0b016101016d0d016404017010016505016c0c016303016a0a017414"
#define SMALL_2 "0240800801010100000733ff0f5e01e87fd8070f5080"
#define COARSE_2 \
	"02021000340e00801006f0ffc1c08003032c30e0010b70011520053c8000000000000000c0c3248000000000068601780a140a8c022099" \
	"fb43070e920380e270a7b92203109904d2d157411f38790102dfffffffffff93faff7ffdffffffff77fff2c4ffffffffffffffffff3ff1" \
	"fdc9ffffffebbffcffffffcbffcbffffffffd4fdffffff7f2ffff7cb13fffffffdffffffff2f3ff9ffffff2f3ff5ffffffbffcff2ff7ff" \
	"fffffdff13ffffbffefffff7ffffffffffffffffafc4ffff7ff2cbffffffffffffffffff4f7d4ffcdafffffffffffffffffffffffffdff" \
	"ffffffffffffff7dffffffffd7ffdfffffcbfff2fdfffffffff2ffff4ffeffffcbd7ffddffffdfffcbffffff13ffffffebffb2fcffffff" \
	"ffffffdfffffffffff7ffdffffffffffadffff7fdfffff4fbcfc7fffffffebfffdf2fffffffffffffdfdffdfdfb2fedffff7cb3fc213fd" \
	"ffffdffffffffffffffaffffffffff3ff9fffffffff7ff03"
#define CATEGORIES_2 \
	"02411000adb7ac2ecf297a222b01c7e3d13c83c2a0689a666996a5599a65699aa65996a6599aa65996a5699a656996656996a669966569" \
	"9aa6599a66699666599aa65996666996a6699a66699a655996a66996a55996a66996a56996a65996a6599a66699a655996a5599a65699a" \
	"a5599a66699666699666699a656996a55996a6699a655996a5599aa55996a6599665699aa65996655996666996a6599aa55996665996a5" \
	"699aa5699aa65996656996a56996a5599666699666699aa56996a65996a5699a65599aa56996a65996a6597f08305050482486285a9628" \
	"8a96255aa2288aa2285aa2258aa2285a96255a966889966559966589a26559a26559a2655996285aa2655996255a966589a2255a966559" \
	"966859a2258aa26589a26859a2688996688996255a96288aa2288aa2285a966559a2285aa2685996285a966589a2288a966559a2258a96" \
	"655996255aa26889966889a2258aa26889966589a2688996285a966559a26859a2285aa2258aa2288aa26559a2688996255a966559a268" \
	"8996688996288a966589a265599668899668553fa79c5382209c30ca18a38c524a29658c31c618a38c31c61865943246296394324a1965" \
	"8c51ca18a38c52c618a39452c628a38c314619638c524619a594324a29a39432ca186394514a29638c324a19639431c628a38c52ca1865" \
	"8c32ca18a39432c628a58c32c618639432c628a58c324629a38c32c618a39431ca28638c524629659452ca186594524a19659431461963" \
	"9451c628a38c52ca286594524619a3cc31080486a11827a573ce39e7a494ce49e9a4744e3a299d73ce3929a594d239e79c74d239e79c74" \
	"ce49e9a474d24927a594ce49299d73ce39e99c93d23927a593ce39e99c74d24927a573524a279d73ce3929a593523ae7a4934e4a29a514" \
	"5e3a279d73ce39e99c74523ae99c73ce49e9a493d249e9a473d249299d93ce49e9a494ce39e79c93d249279d93523a279d74523a27a593" \
	"523a299d734e4ae79c94524a27fb10016202017111016909017313016707017212016b0b016101016d0d016404017010016505016c0c01" \
	"6303016a0a017414"

static Summary *
small_summary(void)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 1024);

	for (int i = -3; i <= 3; i++)
		summary_add_number(summary, i);
	summary_add_number(summary, 1);
	summary_add_number(summary, NAN);
	summary_add_number(summary, INFINITY);
	summary_add_null(summary);
	return summary;
}

static Summary *
coarse_summary(void)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_INTERVAL, 16);

	for (int i = 0; i < 100; i++)
		summary_add_number(summary, i * i);
	return summary;
}

static Summary *
category_summary(void)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_CATEGORY, SUMMARY_PLAIN, 16);

	for (int i = 0; i < 20; i++)
	{
		char		letter = (char) ('a' + i);

		for (int j = 0; j <= i; j++)
			summary_add_category(summary, &letter, 1);
	}
	return summary;
}

static Summary *
from_hexadecimal(const char *text)
{
	Bytes		bytes = {strlen(text) / 2, malloc(strlen(text) / 2)};
	Summary	   *result;
	unsigned	byte;

	for (size_t i = 0; i < bytes.size; i++)
	{
		sscanf(text + 2 * i, "%2x", &byte);
		bytes.bytes[i] = (uint8_t) byte;
	}
	result = decode(bytes);
	free(bytes.bytes);
	return result;
}

static void
check_stored(Summary *summary, const char *version_1, const char *version_2, const char *what)
{
	Summary	   *old = from_hexadecimal(version_1);
	Summary	   *new;
	Summary	   *both = summary_copy(unit_allocator(), old);
	Summary	   *twice = summary_copy(unit_allocator(), summary);
	Summary	   *upgraded;
	SummaryStatistics expected;
	SummaryStatistics found;

	check_bytes(summary, version_2, what);
	new = from_hexadecimal(version_2);
	CHECK(summary_equal(old, summary) && summary_equal(summary, old), "%s of version 1 says the same", what);
	CHECK(same_bytes(new, summary), "%s of version 2 reads as it was written", what);
	summary_statistics(summary, &expected);
	summary_statistics(old, &found);
	CHECK(memcmp(&expected, &found, sizeof(expected)) == 0, "%s of version 1 has the same statistics", what);
	upgraded = recode(old);
	CHECK(summary_equal(upgraded, summary), "%s of version 1 is upgraded when it is written", what);

	/* What version 1 did not keep is unknown from then on, and all else goes on. */
	summary_merge(both, summary);
	summary_merge(twice, summary);
	CHECK(summary_equal(both, twice), "%s of version 1 merges", what);
	summary_subtract(both, summary);
	CHECK(summary_equal(both, summary) && !summary_is_inexact(both), "%s of version 1 takes back", what);
	summary_free(old);
	summary_free(new);
	summary_free(both);
	summary_free(twice);
	summary_free(upgraded);
	summary_free(summary);
}

static void
test_pinned(void)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_NUMERIC, SUMMARY_PLAIN, 1024);
	Summary	   *decoded;
	uint8_t		unknown[] = {3, 0, 16, 0, 0, 0};
	double		estimate;
	double		error;
	bool		known;

	check_stored(summary, "01008008000000", "02008008000000", "the empty summary");
	check_stored(small_summary(), SMALL_1, SMALL_2, "a small one");
	check_stored(coarse_summary(), COARSE_1, COARSE_2, "a coarse one");
	check_stored(category_summary(), CATEGORIES_1, CATEGORIES_2, "a sample of categories");
	decoded = from_hexadecimal(COARSE_1);
	CHECK(!summary_distinct(decoded, &estimate, &error), "version 1 does not tell how many distinct values there are");
	summary_free(decoded);
	decoded = from_hexadecimal(COARSE_2);
	known = summary_distinct(decoded, &estimate, &error);
	CHECK(known && fabs(estimate - 100) < 10, "version 2 does: %g", estimate);
	summary_free(decoded);
	CHECK(summary_decode(unit_allocator(), unknown, sizeof(unknown), &decoded) == SUMMARY_VERSION_UNKNOWN,
		  "an unknown version says so");
	CHECK(summary_decode(unit_allocator(), unknown, 0, &decoded) == SUMMARY_CORRUPT, "nothing is no summary");
}

static Summary *
random_vectors(void)
{
	Summary	   *summary = summary_create(unit_allocator(), SUMMARY_VECTOR, SUMMARY_PLAIN, unit_random_below(2) == 0 ? 16 : 1024);
	size_t		n = (size_t) unit_random_below(200);

	for (size_t i = 0; i < n; i++)
	{
		double		vector[3];

		for (int k = 0; k < 3; k++)
			vector[k] = data_sets[unit_random_below(N_DATA_SETS)].draw();
		(void) summary_add_vector(summary, vector, 3);
	}
	return summary;
}

/* More can be taken away than there was: what is left says so, and is read again. */
static void
test_taken_away(void)
{
	bool		is_read = true;

	for (int round = 0; round < unit_rounds(3000); round++)
	{
		bool		are_vectors = unit_random_below(4) == 0;
		Summary	   *summary = are_vectors ? random_vectors() : random_summary();
		Summary	   *other = are_vectors ? random_vectors() : random_summary();
		Bytes		bytes;
		Summary	   *decoded;

		if (are_vectors || unit_random_below(2) == 0)
			(void) summary_subtract(summary, other);
		else if (summary_kind(summary) == SUMMARY_NUMERIC)
			for (int i = 0; i < 100; i++)
				summary_remove_number(summary, data_sets[unit_random_below(N_DATA_SETS)].draw());
		bytes = encode(summary);
		if (summary_decode(unit_allocator(), bytes.bytes, bytes.size, &decoded) == SUMMARY_OK)
		{
			EXPECT(&is_read, same_bytes(summary, decoded), "round %d: read as it was written", round);
			summary_free(decoded);
		}
		else
			EXPECT(&is_read, false, "round %d: kind %d of level %d cannot be read", round, summary_kind(summary),
				   summary_level(summary));
		free(bytes.bytes);
		summary_free(summary);
		summary_free(other);
	}
	CHECK(is_read, "whatever is taken away, what is left is read");
}

int
main(void)
{
	test_pinned();
	test_taken_away();
	test_corruption();
	test_noise();
	CHECK(unit_allocated() == 0, "all memory given back");
	return unit_summary();
}
