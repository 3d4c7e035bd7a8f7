/*
 * test_performance.c
 *		Performances: any order and split gives the same bytes, retraction undoes, bytes read back, damaged bytes are refused, no
 *		leaks.
 */
#include "quality/estimate.h"
#include "unit.h"

typedef struct Row
{
	int			label;
	double		score;
} Row;

static const char *const names[] = {"a", "b", "", "long name of a class", "\xc3\xa9"};

static void
add(Performance *performance, const Row *row)
{
	if (performance->kind == PERFORMANCE_BINARY)
		performance_add_binary(performance, row->label, row->score);
	else if (performance->kind == PERFORMANCE_CLASS)
	{
		const char *label = row->label < 0 ? NULL : names[row->label];
		const char *prediction = isnan(row->score) ? NULL : names[(int) (row->score * 40) % 5];

		performance_add_class(performance, label, label != NULL ? strlen(label) : 0, prediction,
							  prediction != NULL ? strlen(prediction) : 0);
	}
	else
		performance_add_regression(performance, row->label >= 0, row->label * 3.7, row->score);
}

static void
ignore(void *context, const PerformanceScore *score)
{
	*(int *) context += score->has_value;
}

static uint8_t *
encode(const Performance *performance, size_t *size)
{
	uint8_t	   *bytes;

	*size = performance_encoded_size(performance);
	bytes = malloc(*size);
	if (performance_encode(performance, bytes) != *size)
		abort();
	return bytes;
}

static bool
same_bytes(const Performance *a, const Performance *b)
{
	size_t		sizes[2];
	uint8_t	   *bytes[2] = {encode(a, &sizes[0]), encode(b, &sizes[1])};
	bool		same = sizes[0] == sizes[1] && memcmp(bytes[0], bytes[1], sizes[0]) == 0;

	free(bytes[0]);
	free(bytes[1]);
	return same;
}

static void
check_kind(PerformanceKind kind, bool *order, bool *retraction, bool *wire, bool *damage)
{
	enum
	{
		N = 3000
	};
	static Row	rows[N];
	Performance *whole = performance_create(unit_allocator(), kind);
	Performance *parts[2] = {performance_create(unit_allocator(), kind), performance_create(unit_allocator(), kind)};
	Performance *copy;
	Performance *read;
	uint8_t	   *bytes;
	size_t		size;
	int			n_values = 0;

	for (int i = 0; i < N; i++)
	{
		rows[i].label = (int) unit_random_below(kind == PERFORMANCE_BINARY ? 3 : 5) - 1;
		rows[i].score = unit_random_below(50) == 0 ? NAN : (double) unit_random_below(1 << 20) / (1 << 20);
		add(whole, &rows[i]);
	}
	for (int i = N; i-- > 0;)
		add(parts[unit_random_below(2)], &rows[i]);
	copy = performance_copy(unit_allocator(), parts[0]);
	performance_merge(parts[0], parts[1]);
	EXPECT(order, same_bytes(whole, parts[0]), "kind %d", kind);
	performance_subtract(parts[0], parts[1]);
	EXPECT(retraction, performance_equal(parts[0], copy) && performance_n(parts[0]) == performance_n(copy), "kind %d", kind);

	bytes = encode(whole, &size);
	EXPECT(wire, performance_decode(unit_allocator(), bytes, size, &read) == PERFORMANCE_OK && same_bytes(whole, read), "kind %d",
		   kind);
	performance_free(read);
	for (int i = 0; i < 2000; i++)
	{
		size_t		cut = unit_random_below(3) == 0 ? unit_random_below((uint32_t) size) : size;
		size_t		at = unit_random_below((uint32_t) size);
		uint8_t		kept = bytes[at];

		bytes[at] ^= (uint8_t) (1 + unit_random_below(255));
		if (performance_decode(unit_allocator(), bytes, cut, &read) == PERFORMANCE_OK)
		{
			EXPECT(damage, cut == size, "kind %d, cut", kind);
			if (kind == PERFORMANCE_BINARY)
				performance_binary_scores(read, &(PerformanceOptions){.threshold = 0.5, .z = 2, .min_n = 1, .beta = 2}, ignore,
										  &n_values);
			else if (kind == PERFORMANCE_CLASS)
				performance_class_scores(read,
										 &(PerformanceOptions){.z = 2, .min_n = 1, .beta = 2, .n_features = 2, .quantile = 0.9},
										 ignore, &n_values);
			else
				performance_regression_scores(read,
											  &(PerformanceOptions){.z = 2,
																	.min_n = 1,
																	.beta = 2,
																	.n_features = 2,
																	.quantile = 0.9},
											  ignore, &n_values);
			performance_free(read);
		}
		bytes[at] = kept;
	}
	free(bytes);
	performance_free(whole);
	performance_free(parts[0]);
	performance_free(parts[1]);
	performance_free(copy);
}

int
main(void)
{
	bool		order = true;
	bool		retraction = true;
	bool		wire = true;
	bool		damage = true;

	for (int round = 0; round < 3; round++)
		for (int kind = PERFORMANCE_BINARY; kind <= PERFORMANCE_REGRESSION; kind++)
			check_kind((PerformanceKind) kind, &order, &retraction, &wire, &damage);
	CHECK(order, "the same bytes in any order and split");
	CHECK(retraction, "what is taken back was never there");
	CHECK(wire, "bytes read back");
	CHECK(damage, "damaged bytes are refused, or read");
	CHECK(unit_allocated() == 0, "nothing leaks: %zu bytes", unit_allocated());
	return unit_summary();
}
