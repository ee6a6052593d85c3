/* What the digits program draws, looked at by independent judges: the classifier of noisy digits at time 0, and nearest
 * neighbours. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"
#include "digits_judge.h"

enum { MAX_COUNT = 100 };

#define RAW_FILE "test_digits_quality.raw"

struct job {
	const char *options;
	size_t count;
	double least; /* share of the samples that shows its label */
};

static const struct job jobs[] = {
    {"--sampler dpmpp_2m --steps 15 --guidance cfg:scale=2 --labels all", 100, 0.95},
    {"--guidance cfg:scale=2", 50, 0.9}, /* the default picture, guided */
    {"--guidance cfg:scale=2 --steps 50 --sampler ddim", 50, 0.95},
    {"--guidance cfg:scale=2 --steps 50 --sampler ddpm", 50, 0.95},
    {"--guidance cfg:scale=2 --steps 50 --sampler euler", 50, 0.95},
    {"--guidance cfg:scale=2 --steps 50 --sampler heun", 50, 0.95},
    {"--guidance cfg:scale=2 --steps 50 --sampler euler_ancestral", 50, 0.95},
    {"--guidance cfg:scale=2 --steps 50 --sampler unipc", 50, 0.95},
    {"--guidance cfg:scale=2 --sampler dpm_adaptive", 50, 0.95},
    {"--guidance cfg:scale=2 --model flow --steps 50 --sampler euler", 50, 0.95},
    {"--guidance cfg:scale=2 --model flow --steps 50 --sampler heun", 50, 0.95},
    /* the networks on schedules that they were not trained on */
    {"--guidance cfg:scale=2 --schedule edm --grid karras", 50, 0.95},
    {"--guidance cfg:scale=2 --schedule flow --grid flow --sampler euler", 50, 0.95},
    {"--guidance cfg:scale=2 --schedule linear --grid trailing --model flow", 50, 0.95},
};

static struct digits_classifier judge;
static const char *drawn_neighbours; /* a file, or NULL */

static void draw(const char *options, size_t count, float *samples)
{
	draw_digits(RAW_FILE, options, count, samples);
}

static int recognise(const float *sample)
{
	static struct digits_classifier_scratch scratch;
	float clipped[DIGITS_PIXELS], logits[DIGITS_LOGITS];
	int best = 0;

	for (size_t i = 0; i < DIGITS_PIXELS; i++)
		clipped[i] = fminf(fmaxf(sample[i], -1), 1);
	digits_classifier_logits(&judge, clipped, 0, logits, &scratch);
	for (int k = 1; k < DIGITS_LOGITS; k++)
		if (logits[k] > logits[best])
			best = k;
	return best;
}

/* The share of samples that show digit i % 10. */
static double score(const float *samples, size_t count)
{
	size_t right = 0;

	for (size_t i = 0; i < count; i++)
		right += recognise(samples + i * DIGITS_PIXELS) == (int)(i % 10);
	return (double)right / (double)count;
}

static void samples_are_recognised(void **state)
{
	static float samples[MAX_COUNT * DIGITS_PIXELS];
	int failed = 0;

	(void)state;
	for (size_t k = 0; k < sizeof(jobs) / sizeof(*jobs); k++) {
		double share;

		draw(jobs[k].options, jobs[k].count, samples);
		share = score(samples, jobs[k].count);
		print_message("%5.1f %% of %lu: %s\n", 100 * share, (unsigned long)jobs[k].count, jobs[k].options);
		failed += share < jobs[k].least;
	}
	assert_int_equal(failed, 0);
}

/* The classifier cannot judge what it steered. */
static void neighbours_recognise(void **state)
{
	static const struct job steered[] = {
	    {"--sampler ddim --steps 25 --guidance classifier:scale=3", 60, 0.85}, /* the network without labels */
	    {"--sampler dpmpp_2m --steps 15 --guidance cfg:scale=2", 60, 0.97},
	};
	static float samples[MAX_COUNT * DIGITS_PIXELS];
	float *neighbours = create_neighbours(drawn_neighbours, RAW_FILE);
	int failed = 0;

	(void)state;
	for (size_t k = 0; k < sizeof(steered) / sizeof(*steered); k++) {
		double share;

		draw(steered[k].options, steered[k].count, samples);
		share = recognised(neighbours, samples, steered[k].count);
		print_message("%5.1f %% of %lu by neighbours: %s\n", 100 * share, (unsigned long)steered[k].count,
		              steered[k].options);
		failed += share < steered[k].least;
	}
	free(neighbours);
	assert_int_equal(failed, 0);
}

/* A label that is asked for is drawn, and without labels the digits are of several kinds. */
static void labels_are_obeyed(void **state)
{
	static float samples[20 * DIGITS_PIXELS];
	unsigned seen = 0, kinds = 0, right = 0;

	(void)state;
	draw("--labels 7,2 --guidance cfg:scale=2", 20, samples);
	for (size_t i = 0; i < 20; i++)
		right += recognise(samples + i * DIGITS_PIXELS) == (i % 2 ? 2 : 7);
	assert_in_range(right, 19, 20);
	draw("--labels none", 20, samples);
	for (size_t i = 0; i < 20; i++)
		seen |= 1u << recognise(samples + i * DIGITS_PIXELS);
	for (; seen; seen &= seen - 1)
		kinds++;
	assert_in_range(kinds, 4, 10);
}

static double rms_difference(const float *a, const float *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
	return sqrt(sum / (double)n);
}

/* Conversion in the callback instead of the library, and f64 states, change nothing but roundings: they are about 1e-6,
 * a wrong conversion is about 1. */
static void code_paths_agree(void **state)
{
	enum { COUNT = 20 };
	static const char *const options[] = {"--predict epsilon", "--predict x0", "--dtype f64",
	                                      "--predict epsilon --dtype f64", "--predict x0 --dtype f64"};
	static float reference[COUNT * DIGITS_PIXELS], samples[COUNT * DIGITS_PIXELS];

	(void)state;
	draw("--predict v", COUNT, reference);
	for (size_t k = 0; k < sizeof(options) / sizeof(*options); k++) {
		double difference;

		draw(options[k], COUNT, samples);
		difference = rms_difference(samples, reference, COUNT * DIGITS_PIXELS);
		print_message("rms %.1e: %s\n", difference, options[k]);
		assert_true(difference < 1e-4);
		for (size_t i = 0; i < COUNT; i++)
			assert_int_equal(recognise(samples + i * DIGITS_PIXELS), recognise(reference + i * DIGITS_PIXELS));
	}
}

static int load_judge(void **state)
{
	struct digits_error error;

	(void)state;
	if (digits_classifier_load(&judge, DIGITS_DIR "/classifier.bin", &error) == 0)
		return 0;
	print_error("%s\n", error.text);
	return -1;
}

static int free_judge(void **state)
{
	(void)state;
	digits_classifier_free(&judge);
	return 0;
}

/* usage: test_digits_quality [FILE_OF_NEIGHBOURS] */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(samples_are_recognised),
	    cmocka_unit_test(neighbours_recognise),
	    cmocka_unit_test(labels_are_obeyed),
	    cmocka_unit_test(code_paths_agree),
	};

	drawn_neighbours = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, load_judge, free_judge);
}
