#define _POSIX_C_SOURCE 200809L
#include "bench/bench.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The thread's own time, which a busy machine does not count in, costs a system call; short work is timed by the
 * monotonic clock, where the least and the median leave out the rounds that were interrupted. */
double bench_now(size_t size)
{
	struct timespec t;
	clock_gettime(size >= 1 << 17 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double once(const struct work *w, size_t size)
{
	if (w->prepare)
		w->prepare(w->user);
	double start = bench_now(size);
	w->run(w->user);
	return bench_now(size) - start;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static struct timing summary(double *time, size_t n)
{
	qsort(time, n, sizeof *time, by_value);
	return (struct timing){time[0], time[n / 2]};
}

enum { MAX_ROUND = 301 };

static size_t wanted_rounds;

void bench_set_rounds(size_t n)
{
	wanted_rounds = n < MAX_ROUND ? n : MAX_ROUND;
}

static size_t rounds(size_t size)
{
	if (wanted_rounds)
		return wanted_rounds;
	size_t n = ((size_t)1 << 24) / (size + 1);
	return n < 7 ? 7 : n > MAX_ROUND ? MAX_ROUND : n;
}

double bench_clock_cost(size_t size)
{
	double least = 1e9;
	for (int i = 0; i < 50; i++) {
		double start = bench_now(size), end = bench_now(size);
		least = end - start < least ? end - start : least;
	}
	return least;
}

struct pair bench_pair(const struct work *a, const struct work *b, size_t size)
{
	static double time[2][MAX_ROUND], ratio[MAX_ROUND];
	size_t n = rounds(size);
	double clock = bench_clock_cost(size);
	once(a, size);
	once(b, size);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < 2; k++) {
			size_t which = (i + k) % 2;
			double t = once(which ? b : a, size) - clock;
			time[which][i] = t > 1 ? t : 1;
		}
		ratio[i] = time[0][i] / time[1][i];
	}
	struct pair p = {summary(time[0], n), summary(time[1], n), summary(ratio, n).median};
	return p;
}

struct timing bench_time(const struct work *a, size_t size)
{
	static double time[MAX_ROUND];
	size_t n = rounds(size);
	once(a, size);
	for (size_t i = 0; i < n; i++)
		time[i] = once(a, size);
	return summary(time, n);
}

/* --------------------------------------------------------------------------------------------------------- memory */

static void *count_allocate(void *user, size_t bytes)
{
	struct bench_memory *m = user;
	m->n_allocation++;
	m->bytes += bytes;
	m->peak = m->bytes > m->peak ? m->bytes : m->peak;
	return malloc(bytes);
}

static void count_release(void *user, void *memory, size_t bytes)
{
	struct bench_memory *m = user;
	m->bytes -= bytes;
	free(memory);
}

dm_allocator bench_allocator(struct bench_memory *memory)
{
	dm_allocator a = {.struct_size = sizeof a, .allocate = count_allocate, .release = count_release, .user = memory};
	memset(memory, 0, sizeof *memory);
	return a;
}

float *bench_array(size_t n, float scale)
{
	float *array = aligned_alloc(64, (n * sizeof *array + 63) / 64 * 64);
	for (size_t j = 0; array && j < n; j++)
		array[j] = scale * (float)((int)(j * 2654435761u % 2001) - 1000) / 1000;
	if (!array) {
		fprintf(stderr, "bench: no memory for %zu floats\n", n);
		exit(1);
	}
	return array;
}

void bench_array_free(float *array)
{
	free(array);
}
