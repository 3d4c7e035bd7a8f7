/*
 * plain_learner.c
 *		Trains a learner on a file of numbers, the class or the number to learn last, outside any server; prints rows per second of
 *		learning, of asking, and how often it was right when asked afterwards. With a third argument: rows per second when it is
 *		asked about each of so many rows before it learns it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heap.h"
#include "learn/learner.h"

#define MAX_CLASSES 5 /* of the file */

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static Learner *
new_learner(int kind, int n_features)
{
	double		options[LEARNER_MAX_OPTIONS];
	Learner	   *learner;

	learner_initial_options(kind, options);
	learner = learner_create((Allocator){.resize = resize}, kind, options);
	for (int i = 0; i < n_features; i++)
	{
		char		name[16];

		snprintf(name, sizeof(name), "x%d", i + 1);
		learner_add_feature(learner, name, strlen(name), false);
	}
	return learner;
}

/* The code that the learner gives to a class. */
static int
class_code(Learner *learner, double class)
{
	char		name[16];

	snprintf(name, sizeof(name), "%d", (int) class);
	return learner_class_add(learner, name, strlen(name));
}

typedef struct Rows
{
	double	   *values;
	size_t		n;
	int			width;			/* the target is last */
} Rows;

static Rows
read_rows(FILE *file)
{
	Rows		rows = {0};
	char		line[65536];

	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *at = line;

		if (rows.width == 0)
			for (char *c = line; *c != '\0'; c++)
				rows.width += *c == ',' || *c == '\n';
		if (rows.width == 0)
			break;
		rows.values = realloc(rows.values, (rows.n + 1) * (size_t) rows.width * sizeof(double));
		if (rows.values == NULL)
			abort();
		for (int i = 0; i < rows.width; i++, at++)
			rows.values[rows.n * (size_t) rows.width + (size_t) i] = strtod(at, &at);
		rows.n++;
	}
	return rows;
}

static const double *
row_of(const Rows *rows, size_t i)
{
	return rows->values + i * (size_t) rows->width;
}

static double
faster(double best, size_t n, double start)
{
	double		rate = (double) n / (seconds() - start);

	return rate > best ? rate : best;
}

/* What the learner is to learn of a row. */
static double
target_of(int kind, const int *codes, const Rows *rows, size_t i)
{
	double		target = row_of(rows, i)[rows->width - 1];

	return learner_tells_classes(kind) ? codes[(int) target] : learner_needs_label(kind) ? target : 0;
}

static void
test_then_train(int kind, const Rows *rows, size_t n)
{
	double		probabilities[LEARNER_MAX_CLASSES];
	double		best = 0;

	for (int round = 0; round < 3; round++)
	{
		Learner	   *learner = new_learner(kind, rows->width - 1);
		int			codes[MAX_CLASSES];
		double		start;

		for (int i = 0; i < MAX_CLASSES && learner_tells_classes(kind); i++)
			codes[i] = class_code(learner, i);
		start = seconds();
		for (size_t i = 0; i < n; i++)
		{
			if (learner_tells_classes(kind))
				learner_probabilities(learner, row_of(rows, i), probabilities);
			else
				(void) learner_number(learner, row_of(rows, i));
			learner_learn(learner, row_of(rows, i), target_of(kind, codes, rows, i), 1);
		}
		best = faster(best, n, start);
		learner_free(learner);
	}
	printf("%g\n", best);
}

static void
train_then_test(int kind, const Rows *rows)
{
	double		probabilities[LEARNER_MAX_CLASSES];
	double		best_learning = 0;
	double		best_asking = 0;
	size_t		hits = 0;

	for (int round = 0; round < 3; round++)
	{
		Learner	   *learner = new_learner(kind, rows->width - 1);
		double		start;
		int			codes[MAX_CLASSES];

		for (int i = 0; i < MAX_CLASSES; i++)
			codes[i] = class_code(learner, i);
		start = seconds();
		for (size_t i = 0; i < rows->n; i++)
			learner_learn(learner, row_of(rows, i), target_of(kind, codes, rows, i), 1);
		best_learning = faster(best_learning, rows->n, start);
		start = seconds();
		for (size_t i = 0; i < rows->n; i++)
		{
			learner_probabilities(learner, row_of(rows, i), probabilities);
			hits += learner_most_probable(learner, probabilities) == (int) target_of(kind, codes, rows, i);
		}
		best_asking = faster(best_asking, rows->n, start);
		learner_free(learner);
	}
	printf("%g %g %g\n", best_learning, best_asking, (double) hits / (double) rows->n / 3);
}

int
main(int argc, char **argv)
{
	FILE	   *file = argc == 3 || argc == 4 ? fopen(argv[2], "r") : NULL;
	int			kind = file != NULL ? learner_find(argv[1]) : -1;
	size_t		n = argc == 4 ? (size_t) atol(argv[3]) : 0;
	Rows		rows;

	if (kind < 0)
	{
		fprintf(stderr, "usage: plain_learner LEARNER FILE [ROWS]\n");
		return EXIT_FAILURE;
	}
	rows = read_rows(file);
	fclose(file);
	if (argc == 4)
		test_then_train(kind, &rows, n < rows.n ? n : rows.n);
	else
		train_then_test(kind, &rows);
	free(rows.values);
	return EXIT_SUCCESS;
}
