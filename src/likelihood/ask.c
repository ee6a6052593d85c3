/* Requests: making them, checking their answers, and the loop around them. */
#include "base/compiler.h"
#include "likelihood/likelihood.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>
#include <string.h>

/* ----------------------------------------------------------------------------------------------------------- rows */

void dmi_likelihood_rows(dm_likelihood *l, size_t n, size_t n_time)
{
	for (size_t k = 0; k < n; k++) {
		l->rq_seed[k] = l->seed[l->row[k]];
		l->rq_sample[k] = l->sample[l->row[k]];
	}
	l->rq.n_sample = n;
	l->rq.n_time = n_time;
}

dm_status dmi_likelihood_node(dm_likelihood *l, size_t k, const dm_node *at, dm_error *err)
{
	l->alpha[k] = at->alpha;
	l->sigma[k] = at->sigma;
	return dm_model_time(l->model, l->schedule, at, &l->time[k], err);
}

void *dmi_likelihood_input(const dm_likelihood *l, size_t k)
{
	return (char *)l->x + k * l->rq.x_stride * dmi_type_size(l->rq.x_type);
}

dm_input dmi_likelihood_answer(const dm_likelihood *l, size_t k)
{
	const char *out = l->out[0];
	return (dm_input){.data = out + k * l->rq.out_stride * dmi_type_size(l->rq.out_type), .type = l->rq.out_type};
}

void dmi_row_sum(const dm_likelihood *l, size_t sample, int32_t n, const dm_input *in, const double *c, void *out,
                 int32_t type)
{
	const dm_output to = {.data = out, .type = type};
	const dm_job job = {.struct_size = sizeof job,
	                    .n_sample = 1,
	                    .n_element = l->n_element,
	                    .seed = &l->seed[sample],
	                    .sample = &l->sample[sample],
	                    .n_in = n,
	                    .n_out = 1,
	                    .in = in,
	                    .out = &to,
	                    .coefficient = c};
	dmi_kernels_f64.combine(&job, 0, 0, l->n_element);
}

double dmi_row_product(const dm_likelihood *l, dm_input a, dm_input b)
{
	static const double identity[4] = {1, 0, 0, 1};
	double gram[4], sum[2];
	const dm_input in[2] = {a, b};
	const dm_job job = {.struct_size = sizeof job,
	                    .n_sample = 1,
	                    .n_element = l->n_element,
	                    .n_in = 2,
	                    .n_out = 2,
	                    .in = in,
	                    .coefficient = identity};
	dmi_kernels_f64.stats(&job, 0, gram, sum);
	return gram[1];
}

dm_status dmi_likelihood_decode(const dm_likelihood *l, int32_t space, const dm_node *at, double row[2], dm_error *err)
{
	struct dmi_level level;
	dmi_model_level(l->model, l->schedule, at, &level);
	dmi_prediction_row(l->model->kind, space, &level, row);
	if (dmi_is_finite(row[0]) && dmi_is_finite(row[1]))
		return DM_OK;
	return dmi_fail(err, DM_ERR_UNSUPPORTED,
	                "%s: prediction \"%s\" says nothing about %s at t = %g (alpha = %g, sigma = %g)", l->kind->name,
	                l->model->kind->method.info.name, space == DM_SPACE_X0 ? "x0" : "the direction of the equation",
	                at->t, at->alpha, at->sigma);
}

/* ------------------------------------------------------------------------------------------------------- requests */

dm_status dmi_likelihood_ask(dm_likelihood *l, int32_t kind)
{
	dm_request *rq = &l->rq;
	int variance = kind == DM_ASK_PREDICTION && dmi_model_has_variance(l->model);
	rq->kind = kind;
	rq->eval = l->n_eval;
	rq->cotangent = kind == DM_ASK_VJP ? l->cotangent : NULL;
	rq->out_variance = variance ? l->out_variance : NULL;
	l->out[0] = l->own_out;
	l->out_variance[0] = l->own_variance;
	for (size_t k = 0; k < rq->n_sample; k++) {
		size_t at = k * rq->out_stride * dmi_type_size(rq->out_type);
		dmi_poison_row((char *)l->own_out + at, rq->out_type, l->n_element);
		if (variance)
			dmi_poison_row((char *)l->own_variance + at, rq->out_type, l->n_element);
	}
	l->scratch.message[0] = 0;
	l->asked = 1;
	return DM_EVAL;
}

/* All rows of an output: written, and finite. */
static dm_status check(const dm_likelihood *l, const void *data, const char *who, dm_error *err)
{
	const dm_request *rq = &l->rq;
	if (!data)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: the output of a request is NULL", l->kind->name);
	for (size_t k = 0; k < rq->n_sample; k++) {
		const char *row = (const char *)data + k * rq->out_stride * dmi_type_size(rq->out_type);
		int64_t element = dmi_first_not_finite(row, rq->out_type, l->n_element);
		if (element < 0)
			continue;
		int unwritten = dmi_is_poison(row, rq->out_type, (size_t)element);
		dm_status st = unwritten ? DM_ERR_NOT_WRITTEN : DM_ERR_NOT_FINITE;
		dmi_fail(err, st,
		         unwritten ? "%s: the %s reported success but did not write element %l of sample %l (evaluation %l)"
		                   : "%s: the %s's element %l of sample %l is not finite (evaluation %l)",
		         l->kind->name, who, element, rq->sample[k], rq->eval);
		if (err) {
			err->step = rq->step;
			err->eval = rq->eval;
			err->branch = 0;
			err->sample = rq->sample[k];
			err->element = element;
			err->value = NAN;
		}
		return st;
	}
	return DM_OK;
}

static dm_status take(dm_likelihood *l, dm_error *err)
{
	int prediction = l->rq.kind == DM_ASK_PREDICTION;
	dm_status st = check(l, l->out[0], prediction ? "model" : "model's vjp", err);
	if (st == DM_OK && l->rq.out_variance)
		st = check(l, l->out_variance[0], "model's variance", err);
	if (st == DM_OK)
		st = l->kind->take(l, err);
	if (st != DM_OK)
		return st;
	l->n_eval += prediction;
	for (size_t k = 0; prediction && k < l->rq.n_sample; k++)
		l->eval_of[l->row[k]]++;
	return DM_OK;
}

/* ask gives the same request again until its answer was taken. */
static dm_status next(dm_likelihood *l, dm_error *err)
{
	if (l->done)
		return DM_DONE;
	dm_status st = l->asked ? take(l, err) : DM_OK;
	l->asked = 0;
	if (st == DM_OK)
		st = l->kind->ask(l, err);
	if (st == DM_DONE) {
		dm_status finished = l->kind->finish(l, err);
		l->done = finished == DM_OK;
		return l->done ? DM_DONE : finished;
	}
	return st;
}

static dm_status entry(const dm_likelihood *l, const char *call, dm_error *err)
{
	if (!l)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: likelihood is NULL", call);
	if (l->in_callback)
		return dmi_fail(err, DM_ERR_BUSY, "%s: called from a callback of the same object", call);
	return DM_OK;
}

dm_status dm_likelihood_next(dm_likelihood *l, const dm_request **rq, dm_error *err)
{
	dm_status st = entry(l, "likelihood next", err);
	if (st == DM_OK && !rq)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "likelihood next: rq is NULL");
	if (st != DM_OK)
		return st;
	*rq = NULL;
	l->begun = 1;
	l->in_callback = 1; /* the schedule's callbacks may not come back */
	st = next(l, err);
	l->in_callback = 0;
	if (st == DM_EVAL)
		*rq = &l->rq;
	return st;
}

static dm_status answer(dm_likelihood *l, const dm_request *rq, dm_error *err)
{
	const dm_model_ops *ops = &l->model->ops;
	int prediction = rq->kind == DM_ASK_PREDICTION;
	dm_status (*callback)(void *, const dm_request *) = prediction ? ops->predict : ops->vjp;
	if (!callback)
		return dmi_fail(err, DM_ERR_STATE, "%s: the model has no %s callback; drive it with dm_likelihood_next",
		                l->kind->name, prediction ? "predict" : "vjp");
	l->in_callback = 1;
	dm_status code = callback(l->model->user, rq);
	l->in_callback = 0;
	if (!code)
		return DM_OK;
	l->scratch.message[sizeof l->scratch.message - 1] = 0;
	dmi_fail_callback(err, prediction ? "model predict" : "model vjp", code, l->scratch.message);
	if (err) {
		err->step = rq->step;
		err->eval = rq->eval;
	}
	return DM_ERR_CALLBACK;
}

dm_status dm_likelihood_all(dm_likelihood *l, dm_error *err)
{
	const dm_request *rq;
	dm_status st;
	while ((st = dm_likelihood_next(l, &rq, err)) == DM_EVAL) {
		st = answer(l, rq, err);
		if (st == DM_OK)
			continue;
		l->asked = 0;
		return st;
	}
	return st == DM_DONE ? DM_OK : st;
}
