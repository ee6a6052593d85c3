/* The benchmark: the library beside loops written by hand, in one process, in paired and alternating rounds. */
#ifndef BENCH_H
#define BENCH_H

#include "demist.h"
#include <stddef.h>
#include <stdio.h>

enum { BENCH_MAX_SIZE = 32, BENCH_MAX_READ = 8, BENCH_MAX_WRITE = 3 };

struct bench {
	const char *filter; /* part of a case's name; NULL: all */
	size_t size[BENCH_MAX_SIZE];
	int n_size, failed, n_result;
	FILE *json;
	int32_t isa; /* of the arrays, DM_ISA_... */
	int peers;   /* whether other programs are timed, too */
	char **argument;
};

/* What a case does: prepare is not timed. */
struct work {
	void (*prepare)(void *user);
	void (*run)(void *user);
	void *user;
};

struct timing {
	double least, median; /* ns */
};

/* Times two pieces of work in alternating rounds, the order swapped in every other round. `ratio` is the median over
 * the rounds of a's time over b's of the same round. size: elements of a round, from which the number of rounds
 * follows. */
struct pair {
	struct timing a, b;
	double ratio;
};
struct pair bench_pair(const struct work *a, const struct work *b, size_t size);
/* Rounds of everything, in place of the number that the size asks for. */
void bench_set_rounds(size_t n);
struct timing bench_time(const struct work *a, size_t size);
/* The clock for work on so many elements, in ns, and the least that two readings of it differ by. */
double bench_now(size_t size);
double bench_clock_cost(size_t size);

/* Whether the case is wanted; and one line of the report. value in `unit`, goal 0: none. */
int bench_wants(const struct bench *b, const char *name);
void bench_report(struct bench *b, const char *name, const char *what, size_t n, double value, const char *unit,
                  double goal);
void bench_pair_report(struct bench *b, const char *name, size_t n, const struct pair *p, double goal);
void bench_json(struct bench *b, const char *name, const char *what, size_t n, double value, double goal);
void bench_fail(struct bench *b, const char *name, const char *message);

/* write[w][j] = sum over r of c[w][r] read[r][j]: what a programmer would write for one step, every array touched once.
 * Numbers of arrays that no method has are refused with 0. */
typedef void bench_loop(float *const *write, const float *const *read, const float c[][BENCH_MAX_READ], size_t n);
bench_loop *bench_loop_of(int n_read, int n_write);

/* An allocator that counts; and an array of finite numbers, aligned to 64 bytes, from it. */
struct bench_memory {
	size_t n_allocation, bytes, peak;
};
dm_allocator bench_allocator(struct bench_memory *memory);
float *bench_array(size_t n, float scale);
void bench_array_free(float *array);

/* A run of one spec on the linear schedule, model "epsilon"; and its callback, which answers 0.01 for one sample. */
dm_status bench_predict(void *user, const dm_request *rq);
dm_status bench_run(dm_run **run, const char *sampler, const char *guidance, int steps, size_t n_sample, size_t n,
                    int32_t isa, dm_parallel_for parallel, void *parallel_user, dm_error *err);

void bench_steps(struct bench *b);
void bench_noise(struct bench *b);
void bench_small(struct bench *b);
void bench_growth(struct bench *b);
void bench_guidance(struct bench *b);
void bench_threads(struct bench *b);
void bench_peers(struct bench *b);

#endif
