/* Running the digits program, and a judge of what it draws that has nothing to do with the classifier that steers: the nearest
 * neighbour among digits of the program's own, drawn with guidance. */
#ifndef DIGITS_JUDGE_H
#define DIGITS_JUDGE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers.h"

static inline void read_digits(const char *raw_file, size_t count, float *samples)
{
	const size_t size = count * DIGITS_PIXELS * 4;
	unsigned char *bytes = malloc(size + 1);
	size_t got;
	FILE *file = fopen(raw_file, "rb");

	assert_non_null(file);
	assert_non_null(bytes);
	got = fread(bytes, 1, size + 1, file);
	fclose(file);
	assert_int_equal(got, size);
	for (size_t i = 0; i < count * DIGITS_PIXELS; i++) {
		const unsigned char *b = bytes + 4 * i;
		uint32_t bits = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;

		memcpy(&samples[i], &bits, sizeof(bits));
	}
	free(bytes);
}

/* Runs the program, which leaves the samples in raw_file for a moment. */
static inline void draw_digits(const char *raw_file, const char *options, size_t count, float *samples)
{
	char command[2048];

	snprintf(command, sizeof(command), "\"%s\" --quiet --png none --raw %s --count %lu %s", DIGITS_PROGRAM, raw_file,
	         (unsigned long)count, options);
	assert_int_equal(system(command), 0);
	read_digits(raw_file, count, samples);
	remove(raw_file);
}

enum { N_NEIGHBOUR = 1000 };

/* The neighbours: digit i % 10 at place i, drawn with the options DIGITS_NEIGHBOURS; drawn: the file that has them already,
 * or NULL. To be freed. */
static inline float *create_neighbours(const char *drawn, const char *raw_file)
{
	float *samples = malloc(sizeof(float) * N_NEIGHBOUR * DIGITS_PIXELS);

	assert_non_null(samples);
	if (drawn)
		read_digits(drawn, N_NEIGHBOUR, samples);
	else
		draw_digits(raw_file, DIGITS_NEIGHBOURS, N_NEIGHBOUR, samples);
	return samples;
}

static inline float clip_grey(float x)
{
	return x < -1 ? -1 : x > 1 ? 1 : x;
}

static inline float squared_distance(const float *a, const float *b)
{
	float sum = 0;

	for (size_t k = 0; k < DIGITS_PIXELS; k++) {
		const float d = clip_grey(a[k]) - clip_grey(b[k]);

		sum += d * d;
	}
	return sum;
}

static inline int nearest_digit(const float *neighbours, const float *sample)
{
	size_t best = 0;
	float least = squared_distance(neighbours, sample);

	for (size_t i = 1; i < N_NEIGHBOUR; i++) {
		const float d = squared_distance(neighbours + i * DIGITS_PIXELS, sample);

		if (d < least) {
			least = d;
			best = i;
		}
	}
	return (int)(best % 10);
}

/* The share of samples that show digit i % 10. */
static inline double recognised(const float *neighbours, const float *samples, size_t count)
{
	size_t right = 0;

	for (size_t i = 0; i < count; i++)
		right += nearest_digit(neighbours, samples + i * DIGITS_PIXELS) == (int)(i % 10);
	return (double)right / (double)count;
}

#endif
