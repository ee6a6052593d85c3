/* What the tests of models, guidances, plans and runs share: checks of refusals, a denoiser with a known answer for
 * every kind of prediction and number type, and the objects of a run in one struct. */
#ifndef RUN_TESTING_H
#define RUN_TESTING_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "array/half.h"
#include "demist.h"

/* ------------------------------------------------------------------------------------------------------ refusals */

static inline void check_refusal(const char *file, int line, const char *call, dm_status got, dm_status quiet,
                                 dm_status wanted, const dm_error *err, const char *const *word)
{
	if (got != wanted || quiet != wanted || err->status != wanted)
		fail_msg("%s:%d: %s returned %s, without dm_error %s, in dm_error %s; not %s (%s)", file, line, call,
		         dm_status_name(got), dm_status_name(quiet), dm_status_name(err->status), dm_status_name(wanted),
		         err->message);
	assert_non_null(memchr(err->message, 0, sizeof err->message));
	for (; *word; word++)
		if (!strstr(err->message, *word))
			fail_msg("%s:%d: %s: \"%s\" is not in the message \"%s\"", file, line, call, *word, err->message);
}

/* The call, made with a dm_error and without, returns `wanted` both times and its message holds all the words. */
#define REFUSE(wanted, call, ...)                                                                                      \
	do {                                                                                                               \
		dm_error error_ = {0}, *err = &error_;                                                                         \
		dm_status got_ = (call);                                                                                       \
		err = NULL;                                                                                                    \
		dm_status quiet_ = (call);                                                                                     \
		(void)err;                                                                                                     \
		check_refusal(__FILE__, __LINE__, #call, got_, quiet_, wanted, &error_,                                        \
		              (const char *const[]){__VA_ARGS__, NULL});                                                       \
	} while (0)

/* The call succeeds. */
#define DO(call)                                                                                                       \
	do {                                                                                                               \
		dm_error error_ = {0}, *err = &error_;                                                                         \
		dm_status got_ = (call);                                                                                       \
		if (got_ != DM_OK)                                                                                             \
			fail_msg("%s:%d: %s: %s: %s", __FILE__, __LINE__, #call, dm_status_name(got_), error_.message);            \
	} while (0)

/* ------------------------------------------------------------------------------------------------------ denoiser */

static inline double get(const void *p, int32_t type, size_t i)
{
	float wide = 0;
	if (type == DM_F16)
		dmi_widen_f16((const uint16_t *)p + i, &wide, 1);
	else if (type == DM_BF16)
		dmi_widen_bf16((const uint16_t *)p + i, &wide, 1);
	return type == DM_F64 ? ((const double *)p)[i] : type == DM_F32 ? (double)((const float *)p)[i] : (double)wide;
}

static inline void put(void *p, int32_t type, size_t i, double value)
{
	if (type == DM_F64)
		((double *)p)[i] = value;
	else if (type == DM_F32)
		((float *)p)[i] = (float)value;
	else if (type == DM_F16)
		dmi_narrow_f16_f64(&value, (uint16_t *)p + i, 1);
	else
		dmi_narrow_bf16_f64(&value, (uint16_t *)p + i, 1);
}

enum { EPSILON, X0, V, SCORE, FLOW, EDM };
static const char *const kind_names[] = {"epsilon", "x0", "v", "score", "flow", "edm"};

/* A denoiser for data of variance 0.25 around a mean that depends on the element and on the condition. */
struct denoiser {
	int kind, scaled;       /* what it predicts; its input is scaled with sigma_data = 0.5 */
	int calls, branches;    /* answered so far */
	int fail_at, fail_code; /* call number (from 1) that fails; 0: none */
	int destroyed;
	dm_run *run; /* for callbacks that come back */
};

static inline double mean_of(const dm_branch *branch, size_t element)
{
	double e = (double)element, further = 0.2 * branch->model * cos(2 * e) + 0.3 * branch->perturbation * sin(3 * e);
	if (branch->condition > DM_CONDITION_NONE)
		return further + 0.25 * sin(branch->condition * (e + 1));
	return further + (branch->condition == DM_CONDITION_GIVEN ? 0.4 * sin(e + 1) : 0.1 * cos(e));
}

static inline double true_x0(double x, double alpha, double sigma, double mean)
{
	double q = 0.25 * alpha * alpha + sigma * sigma;
	return (0.25 * alpha * x + sigma * sigma * mean) / q;
}

static inline double encode(int kind, double x, double x0, double alpha, double sigma)
{
	double epsilon = (x - alpha * x0) / sigma, q = sigma * sigma + 0.25 * alpha * alpha;
	switch (kind) {
	case EPSILON:
		return epsilon;
	case X0:
		return x0;
	case V:
		return (alpha * epsilon - sigma * x0) / sqrt(alpha * alpha + sigma * sigma);
	case SCORE:
		return -epsilon / sigma;
	case FLOW:
		return epsilon - x0;
	default:
		return (x0 - 0.25 * alpha / q * x) * sqrt(q) / (sigma * 0.5);
	}
}

static inline void denoise(const struct denoiser *d, const dm_request *rq)
{
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (size_t s = 0; s < rq->n_sample; s++)
			for (size_t j = 0; j < rq->n_element; j++) {
				double alpha = rq->alpha[rq->n_time == 1 ? 0 : s], sigma = rq->sigma[rq->n_time == 1 ? 0 : s];
				double scale = d->scaled ? sqrt(0.25 * alpha * alpha + sigma * sigma) : 1;
				double x = scale * get(rq->x, rq->x_type, s * rq->x_stride + j);
				double x0 = true_x0(x, alpha, sigma, mean_of(&rq->branch[b], j));
				put(rq->out[b], rq->out_type, s * rq->out_stride + j, encode(d->kind, x, x0, alpha, sigma));
			}
}

static inline dm_status predict(void *user, const dm_request *rq)
{
	struct denoiser *d = user;
	if (++d->calls == d->fail_at)
		return d->fail_code;
	d->branches += rq->n_branch;
	denoise(d, rq);
	return 0;
}

static inline void count_destroy(void *user)
{
	++*(int *)user;
}

static inline void destroy_denoiser(void *user)
{
	((struct denoiser *)user)->destroyed++;
}

/* ------------------------------------------------------------------------------------------------------- objects */

struct setup {
	const char *sampler, *schedule, *grid, *model, *guidance, *plan, *run;
	int32_t dtype; /* 0: DM_F64 */
	const dm_sampler *own_sampler;
	const dm_guidance *own_guidance;
	const dm_noise *noise;
	const dm_array *array;
	size_t n_sample, n_element; /* 0: 3 samples of 5 elements */
};

static inline dm_status make_plan(dm_plan **out, const struct setup *s, struct denoiser *d, dm_error *error)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict, .destroy = destroy_denoiser};
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler = NULL;
	dm_model *model;
	dm_guidance *guidance = NULL;
	DO(dm_schedule_create(&schedule, s->schedule ? s->schedule : "linear", NULL, err));
	DO(dm_grid_create(&grid, schedule, s->grid ? s->grid : "trailing:steps=4", NULL, err));
	if (!s->own_sampler)
		DO(dm_sampler_create(&sampler, s->sampler ? s->sampler : "ddim", NULL, err));
	DO(dm_model_create(&model, s->model ? s->model : kind_names[d->kind], &ops, d, NULL, err));
	if (s->guidance)
		DO(dm_guidance_create(&guidance, s->guidance, NULL, err));
	dm_status st = dm_plan_create(out, schedule, grid, s->own_sampler ? s->own_sampler : sampler, model,
	                              s->own_guidance ? s->own_guidance : guidance, s->plan, NULL, error);
	dm_guidance_free(guidance);
	dm_model_free(model);
	dm_sampler_free(sampler);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return st;
}

static inline size_t samples_of(const struct setup *s)
{
	return s->n_sample ? s->n_sample : 3;
}

static inline size_t elements_of(const struct setup *s)
{
	return s->n_element ? s->n_element : 5;
}

static inline dm_run *make_run(const struct setup *s, struct denoiser *d)
{
	dm_plan *plan;
	dm_array *array = NULL;
	dm_run *run;
	DO(make_plan(&plan, s, d, err));
	if (!s->array)
		DO(dm_array_create_host(&array, s->dtype ? s->dtype : DM_F64, NULL, NULL, NULL, err));
	DO(dm_run_create(&run, plan, s->array ? s->array : array, s->noise, samples_of(s), elements_of(s), s->run, NULL, 0,
	                 err));
	dm_plan_free(plan);
	dm_array_free(array);
	d->run = run;
	return run;
}

/* The samples of a whole run, n_sample x n_element doubles. */
static inline double *state_of(dm_run *run, const struct setup *s)
{
	double *out = calloc(samples_of(s) * elements_of(s), sizeof *out);
	assert_non_null(out);
	DO(dm_run_state(run, out, DM_F64, err));
	return out;
}

static inline double *sample_all(const struct setup *s, struct denoiser *d)
{
	dm_run *run = make_run(s, d);
	DO(dm_run_all(run, err));
	double *out = state_of(run, s);
	dm_run_free(run);
	return out;
}

static inline void check_same(const char *what, const double *got, const double *want, size_t n, double tolerance)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabs(got[i] - want[i]) <= tolerance * fmax(1, fabs(want[i]))))
			fail_msg("%s: element %zu is %.17g instead of %.17g", what, i, got[i], want[i]);
}

#endif
