/* Requests: making them, checking their answers, and the loop around them. */
#include "base/compiler.h"
#include "ask/ask.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

/* What a kind of request is called, and who answers it. */
static const struct {
	const char *callback, *who;
} kinds[] = {[DM_ASK_PREDICTION] = {"predict", "model's prediction"},
             [DM_ASK_VJP] = {"vjp", "model's vjp"},
             [DM_ASK_GRADIENT] = {"gradient", "model's gradient"},
             [DM_ASK_VALUE] = {"gradient", "model's value"}};

static dm_status (*callback_of(const struct dmi_asker *a, int32_t kind))(void *, const dm_request *)
{
	const dm_model_ops *ops = &a->model->ops;
	return kind == DM_ASK_PREDICTION ? ops->predict : kind == DM_ASK_VJP ? ops->vjp : ops->gradient;
}

dm_status dmi_ask_make(struct dmi_asker *a, int32_t kind)
{
	dm_request *rq = &a->rq;
	int variance = kind == DM_ASK_PREDICTION && dmi_model_has_variance(a->model);
	int value = kind == DM_ASK_VALUE || (kind == DM_ASK_GRADIENT && a->values);
	rq->kind = kind;
	rq->eval = a->n_eval;
	rq->n_branch = kind == DM_ASK_PREDICTION || kind == DM_ASK_VJP;
	rq->out = kind == DM_ASK_VALUE ? NULL : a->out;
	rq->cotangent = kind == DM_ASK_VJP ? a->cotangent : NULL;
	rq->out_variance = variance ? a->out_variance : NULL;
	rq->log_value = value ? a->log_value : NULL;
	int two_times = rq->n_branch && dmi_model_has_two_times(a->model); /* the prediction at the level itself */
	rq->time_to = two_times ? a->time : NULL;
	rq->alpha_to = two_times ? a->alpha : NULL;
	rq->sigma_to = two_times ? a->sigma : NULL;
	a->out[0] = a->own_out;
	a->out_variance[0] = a->own_variance;
	for (size_t k = 0; k < rq->n_sample; k++) {
		size_t at = k * rq->out_stride * dmi_type_size(rq->out_type);
		dmi_poison_row((char *)a->own_out + at, rq->out_type, a->n_element);
		if (variance)
			dmi_poison_row((char *)a->own_variance + at, rq->out_type, a->n_element);
	}
	for (size_t k = 0; value && k < rq->n_sample; k++)
		dmi_poison_row(&a->log_value[k], DM_F64, 1);
	a->scratch.message[0] = 0;
	a->asked = 1;
	return DM_EVAL;
}

/* ------------------------------------------------------------------------------------------------------- answers */

/* An error at an element of row k; -1: at its log-probability. */
static dm_status bad(const struct dmi_asker *a, size_t k, int64_t element, int unwritten, const char *who,
                     dm_error *err)
{
	const dm_request *rq = &a->rq;
	char place[64];
	struct dmi_text text = {place, sizeof place, 0};
	if (element >= 0)
		dmi_text_format(&text, "element %l", element);
	else
		dmi_text_format(&text, "log_value");
	dm_status st = unwritten ? DM_ERR_NOT_WRITTEN : DM_ERR_NOT_FINITE;
	dmi_fail(err, st,
	         unwritten
	             ? "%s: success was reported, but %s of the %s was not written (sample %l, evaluation %l, step %l)"
	             : "%s: %s of the %s is not finite (sample %l, evaluation %l, step %l)",
	         a->type->name, place, who, rq->sample[k], rq->eval, rq->step);
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

static int overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
	return x < y + b_bytes && y < x + a_bytes;
}

static size_t bytes_of(const dm_request *rq, size_t stride, int32_t type)
{
	return ((rq->n_sample - 1) * stride + rq->n_element) * dmi_type_size(type);
}

/* All rows of an output: written, and finite. */
static dm_status check(const struct dmi_asker *a, const void *data, const char *who, dm_error *err)
{
	const dm_request *rq = &a->rq;
	size_t bytes = bytes_of(rq, rq->out_stride, rq->out_type);
	if (!data)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: the output of a request is NULL", a->type->name);
	if (overlap(data, bytes, rq->x, bytes_of(rq, rq->x_stride, rq->x_type)) ||
	    (rq->cotangent && overlap(data, bytes, rq->cotangent, bytes)))
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: out[0] overlaps what the request gives; it needs memory of its own",
		                a->type->name);
	for (size_t k = 0; k < rq->n_sample; k++) {
		const char *row = (const char *)data + k * rq->out_stride * dmi_type_size(rq->out_type);
		int64_t element = dmi_first_not_finite(row, rq->out_type, a->n_element);
		if (element >= 0)
			return bad(a, k, element, dmi_is_poison(row, rq->out_type, (size_t)element), who, err);
	}
	return DM_OK;
}

/* A log-probability may be -infinity. */
static dm_status check_values(const struct dmi_asker *a, dm_error *err)
{
	for (size_t k = 0; a->rq.log_value && k < a->rq.n_sample; k++)
		if (!(a->log_value[k] < INFINITY))
			return bad(a, k, -1, dmi_is_poison(a->log_value, DM_F64, k), kinds[a->rq.kind].who, err);
	return DM_OK;
}

static dm_status take(struct dmi_asker *a, dm_error *err)
{
	dm_status st = a->rq.out ? check(a, a->out[0], kinds[a->rq.kind].who, err) : DM_OK;
	if (st == DM_OK && a->rq.out_variance)
		st = check(a, a->out_variance[0], "model's variance", err);
	if (st == DM_OK)
		st = check_values(a, err);
	if (st == DM_OK)
		st = a->type->take(a, err);
	if (st == DM_OK)
		a->n_eval += a->rq.kind == DM_ASK_PREDICTION;
	return st;
}

/* ask gives the same request again until its answer was taken. */
static dm_status next(struct dmi_asker *a, dm_error *err)
{
	if (a->done)
		return DM_DONE;
	dm_status st = a->asked ? take(a, err) : DM_OK;
	a->asked = 0;
	if (st == DM_OK)
		st = a->type->ask(a, err);
	if (st == DM_DONE) {
		dm_status finished = a->type->finish(a, err);
		a->done = finished == DM_OK;
		return a->done ? DM_DONE : finished;
	}
	return st;
}

/* --------------------------------------------------------------------------------------------------------- driving */

static dm_status entry(const struct dmi_asker *a, const char *call, dm_error *err)
{
	if (!a)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: the object is NULL", call);
	if (a->in_callback)
		return dmi_fail(err, DM_ERR_BUSY, "%s: called from a callback of the same object", call);
	return DM_OK;
}

dm_status dmi_ask_next(void *object, const char *call, const dm_request **rq, dm_error *err)
{
	struct dmi_asker *a = object;
	dm_status st = entry(a, call, err);
	if (st == DM_OK && !rq)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "%s: rq is NULL", call);
	if (st != DM_OK)
		return st;
	*rq = NULL;
	a->begun = 1;
	a->in_callback = 1; /* callbacks made from here may not come back */
	st = next(a, err);
	a->in_callback = 0;
	if (st == DM_EVAL)
		*rq = &a->rq;
	return st;
}

static dm_status missing(const struct dmi_asker *a, int32_t kind, dm_error *err)
{
	return dmi_fail(err, DM_ERR_STATE, "%s: the model has no %s callback; drive it with %s", a->type->name,
	                kinds[kind].callback, a->type->driver);
}

static dm_status answer(struct dmi_asker *a, const dm_request *rq, dm_error *err)
{
	dm_status (*callback)(void *, const dm_request *) = callback_of(a, rq->kind);
	if (!callback)
		return missing(a, rq->kind, err);
	a->in_callback = 1;
	dm_status code = callback(a->model->user, rq);
	a->in_callback = 0;
	if (!code)
		return DM_OK;
	char name[32];
	struct dmi_text text = {name, sizeof name, 0};
	dmi_text_format(&text, "model %s", kinds[rq->kind].callback);
	a->scratch.message[sizeof a->scratch.message - 1] = 0;
	dmi_fail_callback(err, name, code, a->scratch.message);
	if (err) {
		err->step = rq->step;
		err->eval = rq->eval;
	}
	return DM_ERR_CALLBACK;
}

dm_status dmi_ask_all(void *object, const char *call, dm_error *err)
{
	struct dmi_asker *a = object;
	const dm_request *rq;
	dm_status st = entry(a, call, err);
	for (int32_t kind = DM_ASK_PREDICTION; st == DM_OK && kind <= DM_ASK_GRADIENT; kind++)
		if (a->needs >> kind & 1 && !callback_of(a, kind))
			st = missing(a, kind, err);
	if (st != DM_OK)
		return st;
	while ((st = dmi_ask_next(object, call, &rq, err)) == DM_EVAL) {
		st = answer(a, rq, err);
		if (st == DM_OK)
			continue;
		a->asked = 0;
		return st;
	}
	return st == DM_DONE ? DM_OK : st;
}

dm_status dmi_ask_early(const void *object, const char *call, dm_error *err)
{
	const struct dmi_asker *a = object;
	if (!a)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: the object is NULL", call);
	if (a->begun)
		return dmi_fail(err, DM_ERR_STATE, "%s: must be called before the first request", call);
	return DM_OK;
}

dm_status dmi_ask_late(const void *object, const char *call, dm_error *err)
{
	const struct dmi_asker *a = object;
	if (!a)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: the object is NULL", call);
	if (!a->done)
		return dmi_fail(err, DM_ERR_STATE, "%s: not yet, the last request is still to come", call);
	return DM_OK;
}
