/*
 * test_estimation.c
 *		Models of losses: they learn, their bytes come back, damaged ones are refused; estimates of classes merge exactly.
 */
#include "unit.h"

#include "quality/class_estimate.h"
#include "quality/loss_model.h"

static void
no_interrupt(void)
{
}

/* Rows of label, prediction, one feature; the error is as large as the feature, which is missing at times. */
static LossModel *
fit(size_t n)
{
	double	   *rows = malloc(n * 3 * sizeof(double));
	LossModel  *model;

	for (size_t i = 0; i < n; i++)
	{
		double		x = unit_random_below(5) == 0 ? NAN : (double) unit_random_below(10);

		rows[3 * i + 1] = 10 * unit_random_uniform();
		rows[3 * i] = rows[3 * i + 1] + (isnan(x) ? 3 : x) * (unit_random_below(2) == 0 ? 1 : -1);
		rows[3 * i + 2] = x;
	}
	model = loss_model_fit(unit_allocator(), rows, n, 2, no_interrupt);
	free(rows);
	return model;
}

static double
expected(const LossModel *model, LossKind kind, double prediction, double x)
{
	double		features[2] = {prediction, x};
	uint8_t		bins[2];

	loss_model_bins(model, features, bins);
	return loss_trees_apply(model->trees[kind], bins);
}

static void
test_losses(void)
{
	LossModel  *model = fit(3000);
	size_t		size = loss_model_encode(model, NULL);
	uint8_t	   *bytes = malloc(size + 1);
	LossModel  *copy;
	bool		near = true;
	bool		same = true;

	for (int x = 0; x < 10; x++)
	{
		EXPECT(&near, fabs(expected(model, LOSS_ABSOLUTE, 5, x) - x) < 0.2, "error %f of %d", expected(model, LOSS_ABSOLUTE, 5, x),
			   x);
		EXPECT(&near, fabs(expected(model, LOSS_SQUARED, 5, x) - x * x) < 2, "square %f of %d", expected(model, LOSS_SQUARED, 5, x),
			   x);
	}
	CHECK(near, "the model knows how large errors are");
	CHECK(fabs(expected(model, LOSS_ABSOLUTE, 5, NAN) - 3) < 0.2, "and where the feature is missing");
	CHECK(model->trees[LOSS_SQUARED_LOGARITHMIC] == NULL, "labels below -1 have no logarithmic error");
	CHECK(loss_model_encode(model, bytes) == size, "size of the bytes");
	copy = loss_model_decode(unit_allocator(), bytes, size);
	CHECK(copy != NULL, "bytes are read back");
	for (int i = 0; i < 200 && copy != NULL; i++)
	{
		double		prediction = 12 * unit_random_uniform() - 1;
		double		x = unit_random_below(4) == 0 ? NAN : 12 * unit_random_uniform() - 1;

		EXPECT(&same, expected(model, LOSS_ABSOLUTE, prediction, x) == expected(copy, LOSS_ABSOLUTE, prediction, x), "%f %f",
			   prediction, x);
	}
	CHECK(same, "and say the same");
	if (copy != NULL)
		loss_model_free(copy);
	for (int i = 0; i < 3000; i++)
	{
		size_t		length = unit_random_below(3) == 0 ? unit_random_below(size + 1) : size;
		uint8_t	   *damaged = malloc(length + 1);
		LossModel  *read;

		memcpy(damaged, bytes, length);
		for (uint64_t j = unit_random_below(4); j > 0 && length > 0; j--)
			damaged[unit_random_below(length)] = (uint8_t) unit_random();
		read = loss_model_decode(unit_allocator(), damaged, length);
		if (read != NULL)
		{
			/* What is read can be used. */
			for (int kind = 0; kind < LOSS_N_KINDS; kind++)
				if (read->trees[kind] != NULL && read->bins->n_features == 2)
					(void) expected(read, (LossKind) kind, 5, NAN);
			loss_model_free(read);
		}
		free(damaged);
	}
	free(bytes);
	loss_model_free(model);
	CHECK(true, "damaged bytes do no harm");
}

static void
test_few_rows(void)
{
	for (size_t n = 1; n < 60; n += 7)
	{
		LossModel  *model = fit(n);

		CHECK(expected(model, LOSS_ABSOLUTE, 5, 5) >= 0, "%zu rows", n);
		loss_model_free(model);
	}
}

static void
test_classes(void)
{
	size_t		size = class_estimate_size(3);
	ClassEstimate estimates[3];
	void	   *memory[3];

	for (int i = 0; i < 3; i++)
	{
		memory[i] = calloc(1, size);
		class_estimate_init(&estimates[i], 3, memory[i]);
	}
	for (int i = 0; i < 500; i++)
	{
		double		raw[3] = {unit_random_uniform(), unit_random_uniform(), unit_random_uniform()};
		const Calibrator *none[3] = {NULL, NULL, NULL};
		double		mended[3];
		int			prediction = (int) unit_random_below(3);

		class_estimate_mend(3, none, raw, mended);
		class_estimate_add(&estimates[0], prediction, raw, mended);
		class_estimate_add(&estimates[1 + unit_random_below(2)], prediction, raw, mended);
	}
	class_estimate_merge(&estimates[1], &estimates[2]);
	CHECK(estimates[0].n == estimates[1].n && memcmp(memory[0], memory[1], size) == 0,
		  "merged estimates are those of one pass, bit for bit");
	for (int i = 0; i < 3; i++)
		free(memory[i]);
}

int
main(void)
{
	test_losses();
	test_few_rows();
	test_classes();
	CHECK(unit_allocated() == 0, "no memory is left");
	return unit_summary();
}
