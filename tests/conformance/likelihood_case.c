#include "likelihood_case.h"
#include "mixture.h"
#include "rows.h"
#include "translate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct likelihood {
	const struct test_case *c;
	struct check *check;
	dm_schedule *schedule;
	dm_model *model;
	dm_likelihood *likelihood;
	double sign; /* of the mixture's prediction */
	size_t n, rows;
	double *x, *v, *out, *other; /* one batch each */
};

/* -------------------------------------------------------------------------------------------------------- answers */

/* The mixture at x + h v. */
static int predict(struct likelihood *r, const dm_request *rq, double h, double *out)
{
	for (size_t row = 0; row < rq->n_sample; row++) {
		size_t at = rq->n_time > 1 ? row : 0;
		double *x = r->x + row * r->n;
		for (size_t i = 0; i < r->n; i++)
			x[i] += h * r->v[row * r->n + i];
		if (mixture_predict(r->c, rq->alpha[at], rq->sigma[at], x, 1, out + row * r->n, r->check->verdict))
			return r->check->verdict->kind;
		for (size_t i = 0; i < r->n; i++)
			x[i] -= h * r->v[row * r->n + i];
	}
	return VERDICT_PASS;
}

/* The Jacobian of a mixture is symmetric, so the vjp is a derivative along the cotangent. */
static int answer(struct likelihood *r, const dm_request *rq)
{
	const double h = 1e-5;
	size_t n = rq->n_sample * r->n;
	int vjp = rq->kind == DM_ASK_VJP;
	rows_read(r->x, rq->x, rq->x_type, rq->x_stride, rq->n_sample, r->n);
	memset(r->v, 0, n * sizeof *r->v);
	if (vjp)
		rows_read(r->v, rq->cotangent, rq->out_type, rq->out_stride, rq->n_sample, r->n);
	if (predict(r, rq, h, r->out) || (vjp && predict(r, rq, -h, r->other)))
		return r->check->verdict->kind;
	for (size_t i = 0; i < n; i++)
		r->out[i] = r->sign * (vjp ? (r->out[i] - r->other[i]) / (2 * h) : r->out[i]);
	rows_write(rq->out[0], rq->out_type, rq->out_stride, r->out, rq->n_sample, r->n);
	return VERDICT_PASS;
}

/* -------------------------------------------------------------------------------------------------------- the loop */

static int failed(const struct likelihood *r, const dm_error *err)
{
	return r->check->verdict->kind ? r->check->verdict->kind
	                               : say(r->check->verdict, VERDICT_FAIL, "likelihood: %s", err->message);
}

/* Which Gaussian the original takes: of variance 1 where the process keeps it, else that of the largest level. */
static double prior_std(const struct test_case *c)
{
	return case_is(c, "schedule", "vp_sde") || case_is(c, "schedule", "subvp_sde") ? 1 : 0;
}

static int make(struct likelihood *r, int32_t type, const struct case_array *start, const struct case_array *probe)
{
	const struct test_case *c = r->c;
	char schedule[SPEC_SIZE], model[SPEC_SIZE], options[400];
	float narrow[256];
	dm_error err;
	double a = case_number(c, "grid.t_start", 0), b = case_number(c, "grid.t_end", 1);
	if (translate_schedule(c, schedule, r->check->verdict) || translate_model(c, model, &r->sign, r->check->verdict))
		return r->check->verdict->kind;
	snprintf(options, sizeof options,
	         "divergence=vjp,norm=batch,t_min=%.17g,t_max=%.17g,rtol=%.17g,atol=%.17g,offset=%.17g,prior_std=%.17g",
	         fmin(a, b), fmax(a, b), case_number(c, "sampler.rtol", 1e-5), case_number(c, "sampler.atol", 1e-5),
	         case_number(c, "sampler.offset", 0), prior_std(c));
	if (start->n > 256)
		return say(r->check->verdict, VERDICT_SKIP, "likelihood of more than 256 numbers");
	rows_write(narrow, DM_F32, start->n, start->value, 1, start->n);
	const void *x0 = type == DM_F32 ? (const void *)narrow : start->value;
	if (dm_schedule_create(&r->schedule, schedule, NULL, &err) != DM_OK ||
	    dm_model_create(&r->model, model, NULL, NULL, NULL, &err) != DM_OK ||
	    dm_likelihood_create(&r->likelihood, r->schedule, r->model, options, x0, type, r->rows, r->n, NULL, &err) !=
	        DM_OK ||
	    dm_likelihood_probes(r->likelihood, probe->value, DM_F64, 1, &err) != DM_OK)
		return failed(r, &err);
	return VERDICT_PASS;
}

static int loop(struct likelihood *r)
{
	const dm_request *rq;
	dm_status st;
	dm_error err;
	struct case_array *latent = case_array(r->c, "latent"), *final = case_array(r->c, "final");
	while ((st = dm_likelihood_next(r->likelihood, &rq, &err)) == DM_EVAL)
		if (answer(r, rq))
			return r->check->verdict->kind;
	if (st == DM_DONE)
		st = dm_likelihood_latent(r->likelihood, r->x, DM_F64, &err);
	if (st == DM_OK)
		st = dm_likelihood_values(r->likelihood, NULL, r->out, NULL, &err);
	if (st != DM_OK)
		return failed(r, &err);
	if (!final)
		return say(r->check->verdict, VERDICT_FAIL, "the case has no final array");
	if (latent && compare(r->check, latent, r->x, r->n * r->rows, "latent"))
		return r->check->verdict->kind;
	return compare(r->check, final, r->out, r->rows, "final");
}

int likelihood_case(const struct test_case *c, int32_t type, struct check *check)
{
	struct likelihood r = {.c = c, .check = check, .n = case_elements(c), .rows = case_batch(c)};
	const struct case_array *start = case_array(c, "start"), *probe = case_array(c, "probe");
	size_t n = r.n * r.rows;
	if (!case_is(c, "sampler.unit", "bits_per_dim"))
		return say(check->verdict, VERDICT_SKIP, "sampler.unit %s", case_text(c, "sampler.unit"));
	if (!start || !probe || start->n != n || probe->n != n || !mixture_given(c))
		return say(check->verdict, VERDICT_FAIL, "no start, probe and mixture of the size of the shape");
	double *memory = calloc(4 * n, sizeof *memory);
	if (!memory)
		return say(check->verdict, VERDICT_FAIL, "out of memory");
	r.x = memory;
	r.v = memory + n;
	r.out = memory + 2 * n;
	r.other = memory + 3 * n;
	int kind = make(&r, type, start, probe);
	if (!kind)
		kind = loop(&r);
	dm_likelihood_free(r.likelihood);
	dm_model_free(r.model);
	dm_schedule_free(r.schedule);
	free(memory);
	return kind;
}
