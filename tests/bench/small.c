/* What does not depend on the elements: the fixed cost of a step, of a plan and a run; allocations and memory. */
#include "bench/bench.h"
#include <stdlib.h>
#include <string.h>

enum { FIXED_STEPS = 1000, FIXED_ELEMENTS = 16 };

struct fixed {
	dm_run *run;
	const char *sampler;
	dm_error err;
	dm_status status;
	int32_t isa;
	size_t n_eval;
};

static void prepare(void *user)
{
	struct fixed *f = user;
	dm_run_free(f->run);
	f->run = NULL;
	f->status = bench_run(&f->run, f->sampler, "none", FIXED_STEPS, 1, FIXED_ELEMENTS, f->isa, NULL, NULL, &f->err);
}

static void step_mode(void *user)
{
	struct fixed *f = user;
	const dm_request *rq;
	if (f->status == DM_OK)
		while ((f->status = dm_run_next(f->run, &rq, &f->err)) == DM_EVAL)
			bench_predict(NULL, rq);
}

static void driver_mode(void *user)
{
	struct fixed *f = user;
	if (f->status == DM_OK)
		f->status = dm_run_all(f->run, &f->err);
}

/* The model alone, as often. */
static void model_alone(void *user)
{
	static float out[FIXED_ELEMENTS];
	void *place = out;
	const dm_request rq = {.n_branch = 1, .n_element = FIXED_ELEMENTS, .out = &place};
	dm_status (*volatile call)(void *, const dm_request *) = bench_predict;
	for (int i = 0; i < FIXED_STEPS; i++)
		call(user, &rq);
}

static void fixed(struct bench *b, const char *sampler, int driver)
{
	struct fixed f = {.sampler = sampler, .isa = b->isa};
	const struct work run = {prepare, driver ? driver_mode : step_mode, &f}, model = {NULL, model_alone, NULL};
	char name[64];
	snprintf(name, sizeof name, "fixed.%s.%s", driver ? "driver" : "step", sampler);
	if (!bench_wants(b, name))
		return;
	struct timing with = bench_time(&run, 1 << 17), without = bench_time(&model, 1 << 16);
	if (f.status < 0)
		bench_fail(b, name, f.err.message);
	bench_report(b, name, "least", FIXED_ELEMENTS, (with.least - without.least) / FIXED_STEPS, "ns/step", 0);
	bench_report(b, name, "median", FIXED_ELEMENTS, (with.median - without.median) / FIXED_STEPS, "ns/step",
	             driver ? 1000 : 1500);
	dm_run_free(f.run);
}

/* ------------------------------------------------------------------------------------------ plan and run of 50 steps */

/* What the plan is made of, which runs share. */
struct parts {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_array *array;
};

struct whole {
	const char *sampler;
	struct parts parts;
	dm_error err;
	dm_status status;
	struct bench_memory memory;
	size_t n_run_allocation, run_bytes, stated;
};

static dm_model_ops ops = {.struct_size = sizeof ops, .predict = bench_predict};

static void open_parts(struct whole *w)
{
	struct parts *p = &w->parts;
	dm_status st = dm_schedule_create(&p->schedule, "linear", NULL, &w->err);
	if (st == DM_OK)
		st = dm_grid_create(&p->grid, p->schedule, "trailing:steps=50", NULL, &w->err);
	if (st == DM_OK)
		st = dm_sampler_create(&p->sampler, w->sampler, NULL, &w->err);
	if (st == DM_OK)
		st = dm_model_create(&p->model, "epsilon", &ops, NULL, NULL, &w->err);
	if (st == DM_OK)
		st = dm_array_create_host(&p->array, DM_F32, NULL, NULL, NULL, &w->err);
	w->status = st;
}

static void close_parts(struct parts *p)
{
	dm_array_free(p->array);
	dm_model_free(p->model);
	dm_sampler_free(p->sampler);
	dm_grid_free(p->grid);
	dm_schedule_free(p->schedule);
}

static void whole(void *user)
{
	struct whole *w = user;
	const struct parts *p = &w->parts;
	dm_allocator allocator = bench_allocator(&w->memory);
	dm_plan *plan = NULL;
	dm_run *run = NULL;
	dm_status st = w->status;
	if (st == DM_OK)
		st = dm_plan_create(&plan, p->schedule, p->grid, p->sampler, p->model, NULL, NULL, &allocator, &w->err);
	if (st == DM_OK)
		st = dm_run_bytes(plan, p->array, NULL, 1, FIXED_ELEMENTS, &w->stated, &w->err);
	size_t before = w->memory.n_allocation;
	if (st == DM_OK)
		st = dm_run_create(&run, plan, p->array, NULL, 1, FIXED_ELEMENTS, NULL, NULL, 0, &w->err);
	if (st == DM_OK)
		st = dm_run_all(run, &w->err);
	w->n_run_allocation = w->memory.n_allocation - before;
	w->status = st;
	dm_run_free(run);
	dm_plan_free(plan);
}

static void plan_and_run(struct bench *b, const char *sampler)
{
	struct whole w = {.sampler = sampler};
	const struct work work = {NULL, whole, &w};
	char name[64];
	snprintf(name, sizeof name, "whole.%s", sampler);
	if (!bench_wants(b, name))
		return;
	open_parts(&w);
	struct timing t = bench_time(&work, 1 << 16);
	close_parts(&w.parts);
	if (w.status != DM_OK)
		bench_fail(b, name, w.err.message);
	bench_report(b, name, "least", 50, t.least / 1000, "us", 0);
	bench_report(b, name, "median", 50, t.median / 1000, "us", 100);
	bench_report(b, name, "allocations, run", 50, (double)w.n_run_allocation, "", 3);
	bench_report(b, name, "allocations, all", 50, (double)w.memory.n_allocation, "", 0);
	bench_report(b, name, "peak bytes", 50, (double)w.memory.peak, "bytes", 0);
}

/* --------------------------------------------------------------------------------------------------------- memory */

/* What a run needs beyond the arrays: those that the plan states, the network's input where it is not the state, and
 * one output for each branch. The difference between two sizes counts the arrays. */
static void memory(struct bench *b, const char *sampler, int32_t arrays)
{
	enum { N = 1 << 16 };
	size_t bytes[2] = {0, 0};
	dm_plan *plan = NULL;
	struct whole w = {.sampler = sampler};
	char name[64];
	snprintf(name, sizeof name, "memory.%s", sampler);
	if (!bench_wants(b, name))
		return;
	open_parts(&w);
	if (w.status == DM_OK)
		w.status = dm_plan_create(&plan, w.parts.schedule, w.parts.grid, w.parts.sampler, w.parts.model, NULL, NULL,
		                          NULL, &w.err);
	for (size_t k = 0; k < 2 && w.status == DM_OK; k++)
		w.status = dm_run_bytes(plan, NULL, NULL, 1, N * (k + 1), &bytes[k], &w.err);
	if (w.status != DM_OK)
		bench_fail(b, name, w.err.message);
	double slots = (double)(bytes[1] - bytes[0]) / (N * sizeof(float));
	bench_report(b, name, "arrays, with 1 output", N, slots, "", arrays);
	bench_report(b, name, "bytes beside arrays", N, (double)(2 * bytes[0] - bytes[1]), "bytes", 65536);
	dm_plan_free(plan);
	close_parts(&w.parts);
}

void bench_small(struct bench *b)
{
	static const struct {
		const char *spec;
		int32_t arrays;
	} sampler[] = {{"euler", 2},       {"ddim", 2}, {"dpmpp_2m", 3}, {"dpmpp_3m", 4},    {"unipc:order=3", 6},
	               {"lms:order=4", 5}, {"heun", 4}, {"ddpm", 2},     {"dpmpp_2m_sde", 3}};
	enum { N = sizeof sampler / sizeof *sampler };
	for (size_t i = 0; i < N; i++) {
		fixed(b, sampler[i].spec, 1);
		fixed(b, sampler[i].spec, 0);
	}
	for (size_t i = 0; i < N; i++)
		plan_and_run(b, sampler[i].spec);
	for (size_t i = 0; i < N; i++)
		memory(b, sampler[i].spec, sampler[i].arrays);
}
