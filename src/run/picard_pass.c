#include "base/compiler.h"
#include "run/picard.h"
#include "base/error.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

/* A copy of the run's block, but for the flag that other threads set. */
static void copy_run(void *to, const void *from, size_t bytes)
{
	size_t flag = offsetof(dm_run, cancelled), after = flag + sizeof((dm_run *)NULL)->cancelled;
	memcpy(to, from, flag);
	memcpy((char *)to + after, (const char *)from + after, bytes - after);
}

/* Whether the input of a sample's evaluation is near enough to where the model was asked. */
static dm_status is_near(dm_picard *p, size_t eval, size_t sample, const char *x, int *near, dm_error *err)
{
	static const double difference[2] = {1, -1};
	const dm_run *run = p->run;
	const dm_node *at = p->eval[eval]->at;
	const char *asked = dmi_picard_x(p, eval, sample);
	double square, sum;
	*near = !memcmp(x, asked, p->x_bytes);
	if (*near || p->tolerance == 0)
		return DM_OK;
	dm_input in[2] = {{.data = x, .stride = p->n_element, .type = run->rq.x_type},
	                  {.data = asked, .stride = p->n_element, .type = run->rq.x_type}};
	dm_output nowhere = {0};
	dm_job job = {.struct_size = sizeof job, .n_sample = 1, .n_element = p->n_element, .n_in = 2, .n_out = 1};
	job.in = in;
	job.out = &nowhere;
	job.coefficient = difference;
	dm_status code = run->array->ops.stats(run->array->user, &job, &square, &sum);
	double rms = sqrt(square / (double)p->n_element) / dmi_model_input_scale(run->plan->model, at);
	*near = rms <= p->tolerance * at->sigma;
	return code ? dmi_run_array_error(err, "array stats", code) : DM_OK;
}

/* A front that the rings cannot hold together with the common one waits for the others. */
static size_t target_of(const dm_picard *p, size_t sample)
{
	const struct dmi_picard_sample *s = &p->sample[sample];
	size_t target = s->front + (s->end == 0 ? 1 : p->window);
	if (target > p->n_eval)
		target = p->n_eval;
	return target <= p->front + p->capacity ? target : s->front;
}

/* At evaluation i: moves the fronts that stand here, and calls back those that have passed where the input has changed
 * since: where a method looks at the batch, it depends on samples behind. The first that does not move is the common
 * one. */
static dm_status settle(dm_picard *p, size_t i, const dm_request *rq, dm_error *err)
{
	int stands = 0;
	for (size_t k = 0; k < p->n_sample; k++) {
		struct dmi_picard_sample *s = &p->sample[k];
		int near = 0;
		dm_status st = DM_OK;
		if (s->target)
			continue;
		if (i < s->end)
			st = is_near(p, i, k, (const char *)rq->x + k * rq->x_stride * dmi_type_size(rq->x_type), &near, err);
		if (st != DM_OK)
			return st;
		if (!near || s->front == i)
			s->front = i + (size_t)near;
		stands |= !near;
	}
	if (stands && p->front == SIZE_MAX) {
		p->front = i;
		copy_run(p->saved, p->run, p->run_bytes);
		p->has_saved = 1;
	}
	for (size_t k = 0; k < p->n_sample; k++)
		if (p->sample[k].front == i && !p->sample[k].target)
			p->sample[k].target = target_of(p, k);
	return DM_OK;
}

static int is_asked(const struct dmi_picard_sample *s, size_t i)
{
	return i >= s->front && i < s->target;
}

static void collect(dm_picard *p, size_t i, const dm_request *rq)
{
	size_t stride = rq->x_stride * dmi_type_size(rq->x_type);
	for (size_t k = 0; k < p->n_sample; k++)
		if (is_asked(&p->sample[k], i))
			memcpy(dmi_picard_x(p, i, k), (const char *)rq->x + k * stride, p->x_bytes);
}

/* Whether the pass has anything to do behind evaluation i. */
static int goes_on(const dm_picard *p, size_t i)
{
	for (size_t k = 0; k < p->n_sample; k++) {
		const struct dmi_picard_sample *s = &p->sample[k];
		if (s->target ? s->target > i + 1 : s->front < p->n_eval)
			return 1;
	}
	return p->front == SIZE_MAX;
}

/* The guess: what was said last of this evaluation, or, where it was not asked for yet, of the last one that was. */
static void guess(dm_picard *p, size_t i, const dm_request *rq)
{
	size_t stride = rq->out_stride * dmi_type_size(rq->out_type);
	int32_t n = rq->n_branch;
	for (size_t k = 0; k < p->n_sample; k++) {
		size_t end = p->sample[k].end, known = i < end ? i : end - 1;
		int32_t n_known = p->eval[known]->n_branch;
		for (int32_t b = 0; b < p->eval[i]->n_out; b++) {
			int32_t branch = b % n < n_known ? b % n : n_known - 1;
			char *to = (char *)(b < n ? rq->out[b] : rq->out_variance[b - n]) + k * stride;
			memcpy(to, dmi_picard_answer(p, known, branch + b / n * n_known, k), p->answer_bytes);
		}
	}
}

static void begin(dm_picard *p)
{
	if (p->has_saved) {
		copy_run(p->run, p->saved, p->run_bytes);
		p->run->asked = DMI_ASK_AGAIN;
	}
	for (size_t k = 0; k < p->n_sample; k++)
		p->sample[k].target = 0;
	p->front = SIZE_MAX;
	p->in_pass = 1;
}

static void end(dm_picard *p, int done)
{
	p->in_pass = 0;
	p->from = p->to = p->front;
	p->phase = done ? DMI_PICARD_DONE : DMI_PICARD_ASK;
	p->info.n_settled = (int64_t)(done ? p->n_eval : p->front);
	for (size_t k = 0; k < p->n_sample; k++)
		p->sample[k].broken = SIZE_MAX;
}

dm_status dmi_picard_pass(dm_picard *p, dm_error *err)
{
	const dm_request *rq;
	dm_status st;
	if (!p->in_pass)
		begin(p);
	while ((st = dm_run_next(p->run, &rq, err)) == DM_EVAL) {
		size_t i = (size_t)rq->eval;
		st = settle(p, i, rq, err);
		if (st != DM_OK) {
			p->run->asked = DMI_ASK_AGAIN;
			return st;
		}
		collect(p, i, rq);
		if (!goes_on(p, i))
			break;
		guess(p, i, rq);
	}
	if (st < 0)
		return st;
	end(p, p->front == SIZE_MAX);
	return DM_OK;
}
