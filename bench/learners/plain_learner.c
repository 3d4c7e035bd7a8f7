/*
 * plain_learner.c
 *		Trains a learner on a file of numbers, the class last, outside any server; prints rows per second of learning, of asking,
 *		and how often it was right when asked before it learned.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "learn/learner.h"

#define MAX_CLASSES 5 /* of the file */

static void *
resize(void *context, void *pointer, size_t old_size, size_t size)
{
	(void) context;
	(void) old_size;
	if (size == 0)
	{
		free(pointer);
		return NULL;
	}
	pointer = realloc(pointer, size);
	if (pointer == NULL)
		abort();
	return pointer;
}

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

int
main(int argc, char **argv)
{
	FILE	   *file = argc == 3 ? fopen(argv[2], "r") : NULL;
	int			kind = argc == 3 ? learner_find(argv[1]) : -1;
	char		line[65536];
	double	   *rows = NULL;
	size_t		n_rows = 0;
	int			width = 0;
	double		probabilities[LEARNER_MAX_CLASSES];
	double		best_learning = 0;
	double		best_asking = 0;
	size_t		hits = 0;

	if (file == NULL || kind < 0)
	{
		fprintf(stderr, "usage: plain_learner LEARNER FILE\n");
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char	   *at = line;

		if (width == 0)
			for (char *c = line; *c != '\0'; c++)
				width += *c == ',' || *c == '\n';
		rows = realloc(rows, (n_rows + 1) * (size_t) width * sizeof(double));
		if (rows == NULL)
			abort();
		for (int i = 0; i < width; i++, at++)
			rows[n_rows * (size_t) width + (size_t) i] = strtod(at, &at);
		n_rows++;
	}
	fclose(file);
	for (int round = 0; round < 3; round++)
	{
		Learner	   *learner = new_learner(kind, width - 1);
		double		start;
		int			codes[MAX_CLASSES];

		for (int i = 0; i < MAX_CLASSES; i++)
			codes[i] = class_code(learner, i);
		start = seconds();
		for (size_t i = 0; i < n_rows; i++)
		{
			const double *row = rows + i * (size_t) width;

			learner_learn(learner, row, codes[(int) row[width - 1]], 1);
		}
		if ((double) n_rows / (seconds() - start) > best_learning)
			best_learning = (double) n_rows / (seconds() - start);
		start = seconds();
		for (size_t i = 0; i < n_rows; i++)
		{
			learner_probabilities(learner, rows + i * (size_t) width, probabilities);
			hits += learner_most_probable(learner, probabilities) == codes[(int) rows[i * (size_t) width + (size_t) width - 1]];
		}
		if ((double) n_rows / (seconds() - start) > best_asking)
			best_asking = (double) n_rows / (seconds() - start);
		learner_free(learner);
	}
	printf("%g %g %g\n", best_learning, best_asking, (double) hits / (double) n_rows / 3);
	free(rows);
	return EXIT_SUCCESS;
}
