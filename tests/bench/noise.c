/* Normals on every instruction set, and what the guards cost. */
#include "array/array.h"
#include "bench/bench.h"
#include <string.h>

struct fill {
	dm_array *array;
	float *out;
	size_t n;
	uint32_t draw;
};

/* The array's combine, out = 1 normal, as a stochastic step takes it in. */
static void fill(void *user)
{
	static const double one = 1;
	static const uint64_t seed = 1;
	static const int64_t sample = 0;
	struct fill *f = user;
	dm_input in = {.source = DM_SOURCE_NORMALS, .type = DM_F32, .draw = f->draw++ % 1000};
	dm_output out = {f->out, f->n, DM_F32, 0};
	dm_job job = {.struct_size = sizeof job, .n_sample = 1, .n_element = f->n, .n_in = 1, .n_out = 1};
	job.seed = &seed;
	job.sample = &sample;
	job.in = &in;
	job.out = &out;
	job.coefficient = &one;
	f->array->ops.combine(f->array->user, &job);
}

static void normals(struct bench *b, int32_t isa, const char *name, double goal)
{
	enum { N = 1 << 16 };
	struct fill f = {.n = N};
	struct work w = {NULL, fill, &f};
	if (!bench_wants(b, name))
		return;
	if (dm_array_create_host(&f.array, DM_F32, NULL, NULL, NULL, NULL) != DM_OK ||
	    dm_array_set_isa(f.array, isa, NULL) != DM_OK) {
		printf("%-24s not measured: this machine or build lacks it\n", name);
	} else {
		f.out = bench_array(N, 0);
		struct timing t = bench_time(&w, N);
		bench_report(b, name, "median", N, t.median / N, "ns/element", goal);
		bench_report(b, name, "least", N, t.least / N, "ns/element", 0);
		bench_array_free(f.out);
	}
	dm_array_free(f.array);
}

/* A step of three terms through the array alone: no request, no poison, no check. */
struct bare {
	dm_array *array;
	float *x, *out[2], *network;
	size_t n;
	dm_run *run;
	const dm_request *rq;
	dm_error err;
	dm_status status;
};

static void write_bare(void *user)
{
	struct bare *s = user;
	for (int k = 0; k < 2; k++)
		memcpy(s->out[k], s->network, s->n * sizeof(float));
}

static void combine_bare(void *user)
{
	static const double coefficient[3] = {0.9, 0.02, -0.01};
	struct bare *s = user;
	dm_input in[3] = {{s->x, s->n, DM_F32, DM_SOURCE_DATA, 0, 0, 0, 0},
	                  {s->out[0], s->n, DM_F32, DM_SOURCE_DATA, 0, 0, 0, 0},
	                  {s->out[1], s->n, DM_F32, DM_SOURCE_DATA, 0, 0, 0, 0}};
	dm_output out = {s->x, s->n, DM_F32, 0};
	dm_job job = {.struct_size = sizeof job, .n_sample = 1, .n_element = s->n, .n_in = 3, .n_out = 1};
	job.in = in;
	job.out = &out;
	job.coefficient = coefficient;
	s->array->ops.combine(s->array->user, &job);
}

static void write_step(void *user)
{
	struct bare *s = user;
	for (int k = 0; k < 2 && s->status == DM_EVAL; k++)
		memcpy(s->rq->out[k], s->network, s->n * sizeof(float));
}

static void next_step(void *user)
{
	struct bare *s = user;
	s->status = dm_run_next(s->run, &s->rq, &s->err);
}

static void guards(struct bench *b, size_t n)
{
	struct bare s = {.n = n};
	const struct work with = {write_step, next_step, &s}, without = {write_bare, combine_bare, &s};
	s.x = bench_array(n, 1);
	s.out[0] = bench_array(n, 0.01f);
	s.out[1] = bench_array(n, 0.01f);
	s.network = bench_array(n, 0.01f);
	s.status = bench_run(&s.run, "euler", "cfg:scale=3", 1000, 1, n, b->isa, NULL, NULL, &s.err);
	if (s.status == DM_OK && dm_array_create_host(&s.array, DM_F32, NULL, NULL, NULL, &s.err) == DM_OK &&
	    dm_array_set_isa(s.array, b->isa, &s.err) == DM_OK) {
		next_step(&s);
		struct pair p = bench_pair(&with, &without, n);
		bench_pair_report(b, "guards", n, &p, n >= 1 << 14 ? 1.1 : 0);
	}
	if (s.status != DM_EVAL)
		bench_fail(b, "guards", s.err.message);
	dm_run_free(s.run);
	dm_array_free(s.array);
	bench_array_free(s.x);
	bench_array_free(s.out[0]);
	bench_array_free(s.out[1]);
	bench_array_free(s.network);
}

void bench_noise(struct bench *b)
{
	normals(b, DM_ISA_PLAIN, "normals.plain", 4);
	normals(b, DM_ISA_SSE2, "normals.sse2", 2.5);
	normals(b, DM_ISA_AVX2, "normals.avx2", 1.3);
	normals(b, DM_ISA_AVX512, "normals.avx512", 0.8);
	for (int k = 0; k < b->n_size && bench_wants(b, "guards"); k++)
		guards(b, b->size[k]);
}
