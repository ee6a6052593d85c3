/* Cost against elements, steps, samples and order of the history; guidance with statistics; two threads. */
#define _POSIX_C_SOURCE 200809L
#include "bench/bench.h"
#include <pthread.h>
#include <string.h>
#include <time.h>

struct sampling {
	const char *sampler, *guidance;
	int steps;
	size_t n_sample, n;
	int32_t isa;
	dm_parallel_for parallel;
	dm_run *run;
	const dm_request *rq;
	float *network;
	dm_error err;
	dm_status status;
};

static void begin(struct sampling *s)
{
	s->run = NULL;
	s->status =
	    bench_run(&s->run, s->sampler, s->guidance, s->steps, s->n_sample, s->n, s->isa, s->parallel, NULL, &s->err);
	if (s->status == DM_OK)
		s->status = dm_run_next(s->run, &s->rq, &s->err);
}

static void answer(void *user)
{
	struct sampling *s = user;
	if (s->status == DM_DONE) {
		dm_run_free(s->run);
		begin(s);
	}
	for (int b = 0; b < s->rq->n_branch && s->status == DM_EVAL; b++)
		memcpy(s->rq->out[b], s->network, s->n_sample * s->n * sizeof(float));
}

static void next(void *user)
{
	struct sampling *s = user;
	s->status = dm_run_next(s->run, &s->rq, &s->err);
}

static void open_sampling(struct sampling *s)
{
	s->network = bench_array(s->n_sample * s->n, 0.01f);
	begin(s);
	for (int i = 0; i < 8 && s->status == DM_EVAL; i++) {
		answer(s);
		next(s);
	}
}

static void close_sampling(struct bench *b, const char *name, struct sampling *s)
{
	if (s->status < 0)
		bench_fail(b, name, s->err.message);
	dm_run_free(s->run);
	bench_array_free(s->network);
}

static void grow(struct bench *b, const char *name, const char *sampler, size_t n_sample, size_t n)
{
	struct sampling s = {
	    .sampler = sampler, .guidance = "none", .steps = 1000, .n_sample = n_sample, .n = n, .isa = b->isa};
	const struct work work = {answer, next, &s};
	open_sampling(&s);
	struct timing t = bench_time(&work, n_sample * n);
	bench_report(b, name, n_sample > 1 ? "step, per sample" : "step", n_sample > 1 ? n_sample : n,
	             t.median / (double)n_sample, "ns", 0);
	close_sampling(b, name, &s);
}

static void all_steps(void *user)
{
	struct sampling *s = user;
	while (s->status == DM_EVAL) {
		answer(s);
		next(s);
	}
}

static void restart(void *user)
{
	struct sampling *s = user;
	dm_run_free(s->run);
	begin(s);
}

static void grow_steps(struct bench *b, int steps)
{
	struct sampling s = {
	    .sampler = "dpmpp_2m", .guidance = "none", .steps = steps, .n_sample = 1, .n = 16, .isa = b->isa};
	const struct work work = {restart, all_steps, &s};
	s.network = bench_array(s.n, 0.01f);
	begin(&s);
	struct timing t = bench_time(&work, 1 << 16);
	bench_report(b, "growth.steps", "run", (size_t)steps, t.median / steps, "ns/step", 0);
	close_sampling(b, "growth.steps", &s);
}

void bench_growth(struct bench *b)
{
	size_t largest = 0;
	for (int k = 0; k < b->n_size; k++)
		largest = b->size[k] > largest ? b->size[k] : largest;
	for (size_t n = 16; n <= largest && bench_wants(b, "growth.elements"); n *= 8)
		grow(b, "growth.elements", "euler", 1, n);
	for (int steps = 1; steps <= 1000 && bench_wants(b, "growth.steps"); steps *= 10)
		grow_steps(b, steps);
	for (size_t n = 1; n <= 4096 && bench_wants(b, "growth.samples"); n *= 8)
		grow(b, "growth.samples", "euler", n, 64);
	for (int order = 1; order <= 4 && bench_wants(b, "growth.order"); order++) {
		char spec[32], name[32];
		snprintf(spec, sizeof spec, "lms:order=%d", order);
		snprintf(name, sizeof name, "growth.order %d", order);
		grow(b, name, spec, 1, largest < 16384 ? largest : 16384);
	}
}

/* ------------------------------------------------------------------------------------------------------- guidance */

/* The loops that the passes of a stage need at the least: each reads its arrays and writes them once. */
struct passes {
	float *array[4];
	size_t n;
	int reads[4]; /* arrays that pass k reads; 0: no more */
};

static void stream(void *user)
{
	static const float c[BENCH_MAX_WRITE][BENCH_MAX_READ] = {{0.5f, 0.2f, 0.1f}};
	struct passes *p = user;
	const float *const read[BENCH_MAX_READ] = {p->array[0], p->array[1], p->array[2]};
	float *const write[BENCH_MAX_WRITE] = {p->array[0]};
	for (int k = 0; k < 4 && p->reads[k]; k++)
		bench_loop_of(p->reads[k], 1)(write, read, c, p->n);
}

static void guide(struct bench *b, const char *name, const char *guidance, size_t n, const int reads[4])
{
	struct sampling s = {.sampler = "euler", .guidance = guidance, .steps = 1000, .n_sample = 1, .n = n, .isa = b->isa};
	struct passes p = {.n = n, .reads = {reads[0], reads[1], reads[2], reads[3]}};
	const struct work work = {answer, next, &s}, bound = {NULL, stream, &p};
	for (int k = 0; k < 3; k++)
		p.array[k] = bench_array(n, 1);
	open_sampling(&s);
	struct pair pair = bench_pair(&work, &bound, n);
	bench_pair_report(b, name, n, &pair, n >= 1 << 14 ? 2.5 : 0);
	for (int k = 0; k < 3; k++)
		bench_array_free(p.array[k]);
	close_sampling(b, name, &s);
}

void bench_guidance(struct bench *b)
{
	static const struct {
		const char *name, *spec;
		int reads[4];
	} stage[] = {
	    /* sums of two outputs, then the step; a third output where the state takes part in the sums; for the threshold
	       the three sweeps over the digits of the magnitudes and the step */
	    {"guidance.rescale", "cfg:scale=3|rescale:phi=0.7", {2, 3, 0, 0}},
	    {"guidance.apg", "apg:scale=3", {3, 3, 0, 0}},
	    {"guidance.threshold", "cfg:scale=3|threshold:ratio=0.9", {3, 2, 2, 2}},
	};
	for (size_t i = 0; i < sizeof stage / sizeof *stage; i++)
		for (int k = 0; k < b->n_size && bench_wants(b, stage[i].name); k++)
			guide(b, stage[i].name, stage[i].spec, b->size[k], stage[i].reads);
}

/* -------------------------------------------------------------------------------------------------------- threads */

struct share {
	size_t first, end;
	void (*body)(void *, size_t);
	void *arg;
};

static void *do_share(void *user)
{
	struct share *s = user;
	for (size_t i = s->first; i < s->end; i++)
		s->body(s->arg, i);
	return NULL;
}

static void two_threads(void *user, size_t n, void (*body)(void *, size_t), void *arg)
{
	pthread_t other;
	struct share half[2] = {{0, n / 2, body, arg}, {n / 2, n, body, arg}};
	(void)user;
	int made = !pthread_create(&other, NULL, do_share, &half[1]);
	do_share(&half[0]);
	if (made)
		pthread_join(other, NULL);
	else
		do_share(&half[1]);
}

static double wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Wall clock: the least of the alternating rounds of both. */
static void threads(struct bench *b, const char *name, const char *sampler, size_t n)
{
	struct sampling s[2] = {
	    {.sampler = sampler, .guidance = "none", .steps = 1000, .n_sample = 1, .n = n, .isa = b->isa}};
	double least[2] = {1e18, 1e18};
	s[1] = s[0];
	s[1].parallel = two_threads;
	open_sampling(&s[0]);
	open_sampling(&s[1]);
	for (int i = 0; i < 15; i++)
		for (int k = 0; k < 2; k++) {
			answer(&s[k]);
			double start = wall();
			next(&s[k]);
			double t = wall() - start;
			least[k] = t < least[k] ? t : least[k];
		}
	bench_report(b, name, "2 threads, times", n, least[0] / least[1], "(goal at least 1.7)", 0);
	close_sampling(b, name, &s[0]);
	close_sampling(b, name, &s[1]);
}

/* What the memory gives to two threads: the plain loop of euler, in halves. */
struct halves {
	float *array[2];
	size_t n;
};

static void half_loop(void *user, size_t i)
{
	static const float c[BENCH_MAX_WRITE][BENCH_MAX_READ] = {{0.5f, 0.2f}};
	struct halves *h = user;
	size_t first = i * (h->n / 2);
	const float *const read[BENCH_MAX_READ] = {h->array[0] + first, h->array[1] + first};
	float *const write[BENCH_MAX_WRITE] = {h->array[0] + first};
	bench_loop_of(2, 1)(write, read, c, h->n / 2);
}

static void plain_threads(struct bench *b, size_t n)
{
	struct halves h = {{bench_array(n, 1), bench_array(n, 1)}, n};
	double least[2] = {1e18, 1e18};
	for (int i = 0; i < 15; i++)
		for (int k = 0; k < 2; k++) {
			double start = wall();
			if (k)
				two_threads(NULL, 2, half_loop, &h);
			else
				half_loop(&h, 0), half_loop(&h, 1);
			double t = wall() - start;
			least[k] = t < least[k] ? t : least[k];
		}
	bench_report(b, "threads.loop", "2 threads, times", n, least[0] / least[1], "", 0);
	bench_array_free(h.array[0]);
	bench_array_free(h.array[1]);
}

void bench_threads(struct bench *b)
{
	for (int k = 0; k < b->n_size; k++) {
		if (bench_wants(b, "threads.loop"))
			plain_threads(b, b->size[k]);
		if (bench_wants(b, "threads.euler"))
			threads(b, "threads.euler", "euler", b->size[k]);
		if (bench_wants(b, "threads.ddpm"))
			threads(b, "threads.ddpm", "ddpm", b->size[k]);
	}
}
