/* Worlds with known answers, and the machinery to send every method through them. */
#ifndef PROPERTIES_H
#define PROPERTIES_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "demist.h"

/* ----------------------------------------------------------------------------------------------------- a known world
 */

/* Data whose elements are drawn independently from a mixture of Gaussians; n = 0: none, but a prediction that depends on
 * the noise level alone, and is flat at both ends of sigma/alpha = TOP .. BOTTOM. */
struct target {
	int32_t n;
	double weight[2], mean[2], sd[2];
};

static const struct target gaussian = {1, {1}, {0.7}, {0.4}};
static const struct target bump = {0, {0}, {0}, {0}};
static const struct target mixture = {2, {0.35, 0.65}, {-1.1, 0.9}, {0.35, 0.5}};

static const double TOP = 20, BOTTOM = 0.05; /* sigma/alpha at the ends of most grids */

/* E[x0 | x] of the target. */
static inline double exact_x0(const struct target *t, double x, double alpha, double sigma)
{
	if (t->n == 0)
		return pow(sin(acos(-1) * log(TOP * alpha / sigma) / log(TOP / BOTTOM)), 8);
	double log_p[2], x0[2], top = -INFINITY, sum = 0, mean = 0;
	for (int32_t k = 0; k < t->n; k++) {
		double v = alpha * alpha * t->sd[k] * t->sd[k] + sigma * sigma, d = x - alpha * t->mean[k];
		log_p[k] = log(t->weight[k]) - 0.5 * log(v) - 0.5 * d * d / v;
		x0[k] = t->mean[k] + alpha * t->sd[k] * t->sd[k] / v * d;
		top = fmax(top, log_p[k]);
	}
	for (int32_t k = 0; k < t->n; k++) {
		double p = exp(log_p[k] - top);
		sum += p;
		mean += p * x0[k];
	}
	return mean / sum;
}

/* The network's output is out[0] x + out[1] x0: the definitions of the kinds, written down once more. */
static inline void output_of(const char *kind, double alpha, double sigma, double out[2])
{
	double of_x0 = 0, of_epsilon = 0, sd = 0.5, n = sqrt(alpha * alpha + sigma * sigma);
	if (!strcmp(kind, "x0"))
		of_x0 = 1;
	else if (!strcmp(kind, "epsilon"))
		of_epsilon = 1;
	else if (!strcmp(kind, "score"))
		of_epsilon = -1 / sigma;
	else if (!strcmp(kind, "v")) {
		of_x0 = -sigma / n;
		of_epsilon = alpha / n;
	} else if (!strcmp(kind, "flow")) {
		of_x0 = -1;
		of_epsilon = 1;
	} else { /* edm: F = (x0 - c_skip x / alpha) / c_out over the level u */
		double u = sigma / alpha, q = u * u + sd * sd;
		out[0] = -sd / (u * sqrt(q) * alpha);
		out[1] = sqrt(q) / (u * sd);
		return;
	}
	out[0] = of_epsilon / sigma;
	out[1] = of_x0 - of_epsilon * alpha / sigma;
}

/* What the network reads, over the state. */
static inline double input_scale(const char *kind, double alpha, double sigma)
{
	return strcmp(kind, "edm") ? 1 : 1 / sqrt(alpha * alpha * 0.25 + sigma * sigma);
}

/* The model of a kind; a method with a learned variance reads its second output too. */
static inline const char *model_of(const char *sampler, const char *kind)
{
	static const char *const models[] = {"x0:variance=1", "epsilon:variance=1", "v:variance=1", "flow:variance=1",
	                                     "edm:variance=1"};
	for (int i = 0; i < 5 && strstr(sampler, "variance=learned"); i++)
		if (!strncmp(models[i], kind, strlen(kind)) && models[i][strlen(kind)] == ':')
			return models[i];
	return kind;
}

static const double SAID_OF_VARIANCE = 0.25; /* the second output, everywhere */

/* A denoiser that counts. target NULL: it predicts the constant of the element whatever it sees. */
struct world {
	const char *kind;
	const struct target *target;
	int32_t alike; /* all branches say the same */
	double said;   /* the second output; 0: SAID_OF_VARIANCE */
	int64_t calls, branches;
	double last_x0[64]; /* said last about the first sample */
};

static inline double constant_of(size_t element)
{
	return 0.3 + 0.2 * (double)(element % 5) - 0.9 * (double)(element % 3);
}

static inline double number_at(const void *array, int32_t type, size_t i)
{
	return type == DM_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static inline void put_number(void *array, int32_t type, size_t i, double value)
{
	if (type == DM_F32)
		((float *)array)[i] = (float)value;
	else
		((double *)array)[i] = value;
}

/* Branch b says a little more than branch 0, so that guidance has something to guide. */
static inline void answer(struct world *w, const dm_request *rq)
{
	for (size_t i = 0; i < rq->n_sample; i++) {
		size_t k = rq->n_time == 1 ? 0 : i;
		double alpha = rq->alpha[k], sigma = rq->sigma[k], scale = input_scale(w->kind, alpha, sigma), out[2];
		output_of(w->kind, alpha, sigma, out);
		for (size_t e = 0; e < rq->n_element; e++) {
			double x = number_at(rq->x, rq->x_type, i * rq->x_stride + e) / scale;
			double x0 = w->target ? exact_x0(w->target, x, alpha, sigma) : constant_of(e);
			if (i == 0 && e < sizeof w->last_x0 / sizeof *w->last_x0)
				w->last_x0[e] = x0;
			for (int32_t b = 0; b < rq->n_branch; b++)
				put_number(rq->out[b], rq->out_type, i * rq->out_stride + e,
				           out[0] * x + out[1] * (x0 - (w->alike ? 0 : 0.01 * rq->branch[b].condition)));
			for (int32_t b = 0; rq->out_variance && b < rq->n_branch; b++)
				put_number(rq->out_variance[b], rq->out_type, i * rq->out_stride + e,
				           w->said != 0 ? w->said : SAID_OF_VARIANCE);
		}
	}
}

static inline dm_status predict(void *user, const dm_request *rq)
{
	struct world *w = user;
	w->calls++;
	w->branches += rq->n_branch;
	answer(w, rq);
	return 0;
}

/* ------------------------------------------------------------------------------------------------------- the objects
 */

/* What a plan is made from: specs, or the grid as nodes. */
struct recipe {
	const char *sampler, *schedule, *grid, *model, *guidance, *options;
	const dm_node *node;
	size_t n_node;
};

struct objects {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_guidance *guidance;
	dm_plan *plan;
};

static inline void free_objects(struct objects *o)
{
	dm_plan_free(o->plan);
	dm_guidance_free(o->guidance);
	dm_model_free(o->model);
	dm_sampler_free(o->sampler);
	dm_grid_free(o->grid);
	dm_schedule_free(o->schedule);
}

static inline dm_status make_grid(struct objects *o, const struct recipe *r, const dm_allocator *a, dm_error *err)
{
	if (r->node)
		return dm_grid_create_nodes(&o->grid, o->schedule, r->node, r->n_node, a, err);
	return dm_grid_create(&o->grid, o->schedule, r->grid, a, err);
}

static inline dm_status make_objects(struct objects *o, const struct recipe *r, const dm_model_ops *ops, void *user,
                                     const dm_allocator *a, dm_error *err)
{
	memset(o, 0, sizeof *o);
	dm_status st = dm_schedule_create(&o->schedule, r->schedule, a, err);
	if (st == DM_OK)
		st = make_grid(o, r, a, err);
	if (st == DM_OK)
		st = dm_sampler_create(&o->sampler, r->sampler, a, err);
	if (st == DM_OK)
		st = dm_model_create(&o->model, r->model, ops, user, a, err);
	if (st == DM_OK)
		st = dm_guidance_create(&o->guidance, r->guidance ? r->guidance : "none", a, err);
	if (st == DM_OK)
		st = dm_plan_create(&o->plan, o->schedule, o->grid, o->sampler, o->model, o->guidance, r->options, a, err);
	return st;
}

/* The plan alone, or a failed test. */
static inline dm_plan *make_plan(const struct recipe *r, dm_status (*callback)(void *, const dm_request *), void *user)
{
	struct objects o;
	dm_error err = {0};
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = callback};
	if (make_objects(&o, r, &ops, user, NULL, &err) != DM_OK)
		fail_msg("%s over %s, %s: %s", r->sampler, r->schedule, r->grid ? r->grid : "nodes", err.message);
	dm_plan *plan = o.plan;
	o.plan = NULL;
	free_objects(&o);
	return plan;
}

static inline dm_plan_info facts_of(const dm_plan *plan)
{
	dm_plan_info info = {.struct_size = sizeof info};
	assert_int_equal(dm_plan_facts(plan, &info, NULL), DM_OK);
	return info;
}

static inline dm_run *make_run(const dm_plan *plan, int32_t type, size_t n_sample, size_t n_element,
                               const char *options)
{
	dm_array *array;
	dm_run *run;
	dm_error err = {0};
	assert_int_equal(dm_array_create_host(&array, type, NULL, NULL, NULL, &err), DM_OK);
	if (dm_run_create(&run, plan, array, NULL, n_sample, n_element, options, NULL, 0, &err) != DM_OK)
		fail_msg("run: %s", err.message);
	dm_array_free(array);
	return run;
}

static inline size_t size_of(int32_t type)
{
	return type == DM_F32 ? sizeof(float) : sizeof(double);
}

/* To the end, in driver mode; the samples in the state's own type. */
static inline void finish_run(dm_run *run, int32_t type, void *out)
{
	dm_error err = {0};
	if (dm_run_all(run, &err) != DM_OK)
		fail_msg("run: %s", err.message);
	assert_int_equal(dm_run_state(run, out, type, &err), DM_OK);
	dm_run_free(run);
}

/* --------------------------------------------------------------------------------------------- a plan without arrays
 */

/* A plan carried out over linear forms: [0] the constant 1, [1] the start noise, [2 ..] the draws, then the pieces of
 * the Brownian path between all ends of its increments, so that increments which overlap hang together; all of unit
 * variance. The denoiser must be affine: of a Gaussian target, or the constant 1. */
enum { MAX_PIECE = 480, FORM = 2 + 480 + MAX_PIECE, N_SLOT = 64 };

struct walk {
	const char *kind;
	const struct target *target; /* one Gaussian; NULL: x0 = 1 */
	double slot[N_SLOT][FORM];
	int n; /* how much of a form is used */
	int first_piece, n_cut;
	double cut[MAX_PIECE + 1]; /* ends of the pieces, lambda rising */
	double state[FORM];        /* after the step at hand, at last the result */
	void (*on_step)(const struct walk *walk, int64_t step, void *user);
	void *user;
};

/* The clock of the path stands still beyond its ends. */
static inline double clock_of(double lambda)
{
	return fmin(fmax(lambda, -20), 20);
}

static inline int is_increment(const dm_operand *in)
{
	return in->slot < 0 && in->path_from != in->path_to;
}

static inline int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static inline void walk_cut(struct walk *w, const dm_plan *plan)
{
	static double end[16 * MAX_PIECE];
	size_t n = 0;
	for (size_t r = 0; r < dm_plan_count(plan); r++) {
		const dm_row *row = dm_plan_row(plan, r);
		for (int32_t i = 0; i < row->n_in; i++)
			if (is_increment(&row->in[i])) {
				assert_true(n + 2 <= sizeof end / sizeof *end);
				end[n++] = clock_of(row->in[i].path_from);
				end[n++] = clock_of(row->in[i].path_to);
			}
	}
	qsort(end, n, sizeof *end, compare_numbers);
	w->n_cut = 0;
	for (size_t i = 0; i < n; i++)
		if (w->n_cut == 0 || end[i] != w->cut[w->n_cut - 1]) {
			assert_true(w->n_cut <= MAX_PIECE);
			w->cut[w->n_cut++] = end[i];
		}
}

/* form += c times what an operand stands for. */
static inline void walk_add(const struct walk *w, const dm_operand *in, double c, double *form)
{
	double from = clock_of(in->path_from), to = clock_of(in->path_to), low = fmin(from, to), high = fmax(from, to);
	for (int k = 0; in->slot >= 0 && k < w->n; k++)
		form[k] += c * w->slot[in->slot][k];
	if (in->slot < 0 && !is_increment(in))
		form[2 + in->draw_ordinal] += c; /* the start has the ordinal -1 */
	for (int i = 0; is_increment(in) && i + 1 < w->n_cut; i++)
		if (w->cut[i] >= low && w->cut[i + 1] <= high)
			form[w->first_piece + i] += (to > from ? c : -c) * sqrt((w->cut[i + 1] - w->cut[i]) / (high - low));
}

static inline void walk_combine(struct walk *w, const dm_row *row)
{
	static double sum[N_SLOT][FORM];
	memset(sum, 0, (size_t)row->n_out * sizeof *sum);
	for (int32_t o = 0; o < row->n_out; o++)
		for (int32_t i = 0; i < row->n_in; i++)
			walk_add(w, &row->in[i], row->coefficient[o * row->n_in + i], sum[o]);
	for (int32_t o = 0; o < row->n_out; o++)
		memcpy(w->slot[row->out[o]], sum[o], sizeof sum[o]);
}

static inline void walk_eval(struct walk *w, const dm_row *row)
{
	double alpha = row->at->alpha, sigma = row->at->sigma, out[2], of_x = 0, of_one = 1;
	const double *x = w->slot[row->in[0].slot];
	double scale = input_scale(w->kind, alpha, sigma);
	output_of(w->kind, alpha, sigma, out);
	if (w->target) { /* x0 = m + k (x - alpha m) */
		double m = w->target->mean[0], s2 = w->target->sd[0] * w->target->sd[0];
		of_x = alpha * s2 / (alpha * alpha * s2 + sigma * sigma);
		of_one = m * (1 - of_x * alpha);
	}
	for (int32_t b = 0; b < row->n_out; b++)
		for (int k = 0; k < w->n; k++)
			w->slot[row->out[b]][k] = b < row->n_branch
			                              ? (out[0] + out[1] * of_x) * x[k] / scale + (k ? 0 : out[1] * of_one)
			                              : (k ? 0 : SAID_OF_VARIANCE);
}

/* A learned deviation of a second output that is the same everywhere. */
static inline void walk_map(struct walk *w, const dm_row *row)
{
	assert_int_equal(row->map, DM_MAP_LEARNED_STD);
	const double *p = row->parameter;
	double said = w->slot[row->in[1].slot][0], std = p[2] != 0 ? sqrt(said) : exp(p[0] + p[1] * said);
	double form[FORM] = {0};
	walk_add(w, &row->in[0], 1, form);
	for (int k = 0; k < FORM; k++)
		w->slot[row->out[0]][k] = std * form[k];
}

/* From alpha x0 + sigma noise with x0 the constant 1, or a sample of the target. */
static inline void walk_start(const struct walk *w, const dm_node *at, double *form)
{
	const struct target *t = w->target;
	form[0] = at->alpha * (t ? t->mean[0] : 1);
	if (t)
		form[1] = sqrt(at->alpha * at->alpha * t->sd[0] * t->sd[0] + at->sigma * at->sigma);
}

static inline void walk_plan(struct walk *w, const dm_plan *plan)
{
	walk_cut(w, plan);
	w->first_piece = (int)facts_of(plan).n_draw + 2;
	w->n = w->first_piece + (w->n_cut ? w->n_cut - 1 : 0);
	assert_true(w->n <= FORM);
	for (size_t r = 0; r < dm_plan_count(plan); r++) {
		const dm_row *row = dm_plan_row(plan, r);
		if (row->kind == DM_ROW_COMBINE)
			walk_combine(w, row);
		else if (row->kind == DM_ROW_EVAL)
			walk_eval(w, row);
		else if (row->kind == DM_ROW_MAP)
			walk_map(w, row);
		else if (row->kind == DM_ROW_STEP) {
			memcpy(w->state, w->slot[row->in[0].slot], sizeof w->state);
			if (w->on_step)
				w->on_step(w, row->step, w->user);
		}
		if (r == 0)
			walk_start(w, row->at, w->slot[row->out[0]]);
	}
}

/* The variance of a form. */
static inline double form_variance(const double *form)
{
	double sum = 0;
	for (int k = 1; k < FORM; k++)
		sum += form[k] * form[k];
	return sum;
}

/* ------------------------------------------------------------------------------------------------------------- grids
 */

/* A repeatable number in [0, 1). */
static inline double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 9007199254740992.0;
}

enum { N_RANDOM = 9 };

enum { END_NOISY, END_CLEAN, END_REPEATS };

/* Nodes at random lambdas between sigma/alpha = TOP and BOTTOM. */
static inline void random_nodes(const char *spec, uint64_t seed, int end, dm_node node[N_RANDOM])
{
	dm_schedule *schedule;
	double lambda = -log(TOP);
	assert_int_equal(dm_schedule_create(&schedule, spec, NULL, NULL), DM_OK);
	for (int i = 0; i < N_RANDOM; i++) {
		int clean = end == END_CLEAN && i == N_RANDOM - 1;
		assert_int_equal(dm_schedule_at_lambda(schedule, clean ? INFINITY : lambda, &node[i], NULL), DM_OK);
		lambda += (0.05 + 1.9 * uniform(&seed)) * log(TOP / BOTTOM) / (2 * N_RANDOM);
	}
	if (end == END_REPEATS)
		node[N_RANDOM - 1] = node[N_RANDOM - 2];
	dm_schedule_free(schedule);
}

#endif
