/* A step through dm_run_next, with prediction conversion, guidance of two branches and all guards, beside the loop. */
#include "bench/bench.h"
#include "noise/isa.h"
#include "noise/normals.h"
#include <stdlib.h>
#include <string.h>

/* What the step of a method has to read (the normals among it) and to write, and which of `cycle` requests is timed. */
struct method {
	const char *name, *spec;
	int n_read, n_write, cycle, phase, noise;
};

static const struct method method[] = {
    {"euler", "euler", 3, 1, 1, 0, 0},
    {"ddim", "ddim", 3, 1, 1, 0, 0},
    {"dpmpp_2m", "dpmpp_2m", 4, 2, 1, 0, 0},
    {"dpmpp_3m", "dpmpp_3m", 5, 2, 1, 0, 0},
    {"unipc_3", "unipc:order=3", 7, 3, 1, 0, 0},
    {"lms_4", "lms:order=4", 6, 2, 1, 0, 0},
    {"heun_first", "heun", 3, 2, 2, 0, 0},
    {"heun_second", "heun", 4, 1, 2, 1, 0},
    {"ddpm", "ddpm", 4, 1, 1, 0, 1},
    {"dpmpp_2m_sde", "dpmpp_2m_sde", 5, 2, 1, 0, 1},
};

enum { N_BRANCH = 2, NOISE_BLOCK = 1024, WARM_UP = 12 };

struct stepper {
	const struct method *m;
	dm_run *run;
	const dm_request *rq;
	size_t n;
	float *network[N_BRANCH]; /* what the network answers */
	float *array[BENCH_MAX_READ];
	float noise[NOISE_BLOCK];
	dmi_fill_normals *fill; /* as wide as those of the run */
	uint32_t draw;
	dm_error err;
	dm_status status;
};

/* The network, not timed: it leaves its answers where a real one would have left them, in memory just written. */
static void answer(struct stepper *s)
{
	for (int b = 0; b < N_BRANCH; b++)
		memcpy(s->rq->out[b], s->network[b], s->n * sizeof(float));
}

static void next(struct stepper *s)
{
	s->status = dm_run_next(s->run, &s->rq, &s->err);
}

static void prepare_step(void *user)
{
	struct stepper *s = user;
	for (int k = 1; k < s->m->cycle && s->status == DM_EVAL; k++) {
		answer(s);
		next(s);
	}
	if (s->status == DM_EVAL)
		answer(s);
}

static void step(void *user)
{
	next(user);
}

static void prepare_loop(void *user)
{
	struct stepper *s = user;
	for (int b = 0; b < N_BRANCH; b++)
		memcpy(s->array[s->m->n_read - s->m->noise - 1 - b], s->network[b], s->n * sizeof(float));
}

static const float coefficient[BENCH_MAX_WRITE][BENCH_MAX_READ] = {
    {0.9f, 0.02f, 0.03f, -0.02f, 0.04f, 0.01f, 0.01f},
    {0.1f, 0.6f, 0.03f, -0.02f, 0.04f, 0.01f, 0.01f},
    {0.1f, 0.02f, 0.5f, -0.02f, 0.04f, 0.01f, 0.01f},
};

/* The state and what is kept stand first; the outputs and, generated block by block, the normals last. */
static void loop(void *user)
{
	struct stepper *s = user;
	bench_loop *body = bench_loop_of(s->m->n_read, s->m->n_write);
	size_t block = s->m->noise ? NOISE_BLOCK : s->n;
	for (size_t first = 0; first < s->n; first += block) {
		const float *read[BENCH_MAX_READ] = {NULL};
		float *write[BENCH_MAX_WRITE] = {NULL};
		size_t count = s->n - first < block ? s->n - first : block;
		for (int r = 0; r < s->m->n_read; r++)
			read[r] = s->array[r] + (r < s->m->n_read - s->m->noise ? first : 0);
		for (int w = 0; w < s->m->n_write; w++)
			write[w] = s->array[w] + first;
		if (s->m->noise)
			dmi_normals_f32_by(s->fill, 1, 0, s->draw, first, count, s->noise);
		body(write, read, coefficient, count);
	}
	s->draw = (s->draw + 1) % 1000;
}

static void open_stepper(struct stepper *s, const struct method *m, size_t n, int32_t isa)
{
	memset(s, 0, sizeof *s);
	s->m = m;
	s->fill = dmi_normals_by(isa == DM_ISA_BEST ? dmi_isa_best() : isa);
	s->n = n;
	for (int b = 0; b < N_BRANCH; b++)
		s->network[b] = bench_array(n, 0.01f);
	for (int r = 0; r < m->n_read - m->noise; r++)
		s->array[r] = bench_array(n, 1);
	if (m->noise)
		s->array[m->n_read - 1] = s->noise;
	s->status = bench_run(&s->run, m->spec, "cfg:scale=3", 1000, 1, n, isa, NULL, NULL, &s->err);
	if (s->status == DM_OK)
		next(s);
	for (int i = 0; i < WARM_UP + m->phase && s->status == DM_EVAL; i++) {
		answer(s);
		next(s);
	}
}

static void close_stepper(struct stepper *s)
{
	dm_run_free(s->run);
	for (int b = 0; b < N_BRANCH; b++)
		bench_array_free(s->network[b]);
	for (int r = 0; r < s->m->n_read - s->m->noise; r++)
		bench_array_free(s->array[r]);
}

static void one(struct bench *b, const struct method *m, size_t n)
{
	struct stepper s;
	const struct work step_work = {prepare_step, step, &s}, loop_work = {prepare_loop, loop, &s};
	char name[64];
	snprintf(name, sizeof name, "step.%s", m->name);
	if (!bench_wants(b, name))
		return;
	open_stepper(&s, m, n, b->isa);
	struct pair p = bench_pair(&step_work, &loop_work, n);
	if (s.status == DM_EVAL)
		bench_pair_report(b, name, n, &p, n >= 1 << 14 ? 1.25 : 0);
	else
		bench_fail(b, name, s.err.message);
	close_stepper(&s);
}

void bench_steps(struct bench *b)
{
	for (size_t i = 0; i < sizeof method / sizeof *method; i++)
		for (int k = 0; k < b->n_size; k++)
			one(b, &method[i], b->size[k]);
}
