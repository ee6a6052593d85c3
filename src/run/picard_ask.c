#include "base/compiler.h"
#include "run/picard.h"
#include "base/error.h"
#include <math.h>
#include <string.h>

static int is_asked(const struct dmi_picard_sample *s, size_t i)
{
	return i >= s->front && i < s->target;
}

static int is_wanted(const dm_picard *p, size_t i)
{
	int wanted = 0;
	for (size_t k = 0; k < p->n_sample; k++)
		wanted |= is_asked(&p->sample[k], i);
	return wanted;
}

static int same_branches(const dm_row *a, const dm_row *b)
{
	return a->n_branch == b->n_branch && !memcmp(a->branch, b->branch, (size_t)a->n_branch * sizeof *a->branch);
}

/* The next evaluations that are wanted, as long as they want the same branches. */
static int find_range(dm_picard *p)
{
	while (p->from < p->n_eval && !is_wanted(p, p->from))
		p->from++;
	p->to = p->from;
	while (p->to < p->n_eval && is_wanted(p, p->to) && same_branches(p->eval[p->from], p->eval[p->to]))
		p->to++;
	return p->to > p->from;
}

static void fill_rows(dm_picard *p)
{
	const dm_run *run = p->run;
	size_t n = 0, stride = p->rq.x_stride * dmi_type_size(p->rq.x_type);
	for (size_t i = p->from; i < p->to; i++)
		for (size_t k = 0; k < p->n_sample; k++) {
			const dm_node *at = p->eval[i]->at, *to = p->eval[i]->to;
			if (!is_asked(&p->sample[k], i))
				continue;
			memcpy(p->rq_x + n * stride, dmi_picard_x(p, i, k), p->x_bytes);
			p->rq_sample[n] = run->sample[k];
			p->rq_seed[n] = run->seed[k];
			p->rq_row[n] = k;
			p->rq_eval[n] = i;
			if (to) {
				p->rq_time_to[n] = to->time;
				p->rq_alpha_to[n] = to->alpha;
				p->rq_sigma_to[n] = to->sigma;
			}
			p->rq_time[n] = at->time;
			p->rq_alpha[n] = at->alpha;
			p->rq_sigma[n++] = at->sigma;
		}
	p->rq.n_sample = p->rq.n_time = n;
}

static dm_status place_answers(dm_picard *p, dm_error *err)
{
	const dm_array *array = p->run->array;
	for (int32_t k = 0; k < p->eval[p->from]->n_out; k++) {
		dm_output out = {p->rq_answer + (size_t)k * p->rq_answer_bytes, p->rq.out_stride, p->rq.out_type, 0};
		p->out[k] = out.data;
		dm_status code = array->ops.poison(array->user, &out, p->rq.n_sample, p->n_element);
		if (code)
			return dmi_run_array_error(err, "array poison", code);
	}
	p->rq.out = p->out;
	p->rq.out_variance = p->eval[p->from]->n_out > p->rq.n_branch ? p->out + p->rq.n_branch : NULL;
	return DM_OK;
}

dm_status dmi_picard_ask(dm_picard *p, dm_error *err)
{
	dm_request *rq = &p->rq;
	if (!find_range(p))
		return DM_DONE;
	if (p->max_iterations && p->info.n_iteration >= p->max_iterations)
		return dmi_fail(err, DM_ERR_LIMIT, "picard: max_iterations = %l are used up with %l of %l evaluations settled",
		                p->max_iterations, p->info.n_settled, p->info.n_eval);
	rq->eval = p->info.n_request;
	rq->step = p->eval[p->from]->step;
	rq->n_branch = p->eval[p->from]->n_branch;
	rq->branch = p->eval[p->from]->branch;
	p->scratch.message[0] = 0;
	fill_rows(p);
	dm_status st = place_answers(p, err);
	if (st != DM_OK)
		return st;
	p->asked = DMI_ASKED;
	return DM_EVAL;
}

/* --------------------------------------------------------------------------------------------------------- answers */

static int overlap(const void *a, const void *b, size_t a_bytes, size_t b_bytes)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
	return x < y + b_bytes && y < x + a_bytes;
}

/* The outputs, which the caller may have pointed elsewhere, as inputs of a job. */
static dm_status set_inputs(const dm_picard *p, int32_t n, dm_input *in, dm_error *err)
{
	const dm_request *rq = &p->rq;
	size_t x_bytes = rq->n_sample * rq->x_stride * dmi_type_size(rq->x_type);
	size_t bytes = ((rq->n_sample - 1) * rq->out_stride + rq->n_element) * dmi_type_size(rq->out_type);
	for (int32_t k = 0; k < n; k++) {
		if (!p->out[k] || overlap(p->out[k], rq->x, bytes, x_bytes))
			return dmi_fail(err, DM_ERR_ARGUMENT, "picard: out[%d] %s", k,
			                p->out[k] ? "overlaps x; every output needs memory of its own" : "was set to NULL");
		in[k] = (dm_input){.data = p->out[k], .stride = rq->out_stride, .type = rq->out_type};
	}
	return DM_OK;
}

/* An element that is not finite: an error where the row is a sample's front or was not written, else no guess. */
static dm_status judge(dm_picard *p, const dm_input *in, size_t row, int32_t k, int64_t element, dm_error *err)
{
	const dm_array *array = p->run->array;
	struct dmi_picard_sample *s = &p->sample[p->rq_row[row]];
	int32_t unwritten = 0;
	dm_status code = array->ops.poisoned(array->user, in, row, (size_t)element, &unwritten);
	if (code)
		return dmi_run_array_error(err, "array poisoned", code);
	if (!unwritten && p->rq_eval[row] > s->front) {
		s->broken = p->rq_eval[row] < s->broken ? p->rq_eval[row] : s->broken;
		return DM_OK;
	}
	dm_status st = dmi_fail(err, unwritten ? DM_ERR_NOT_WRITTEN : DM_ERR_NOT_FINITE,
	                        "model: element %l of sample %l%s %s (branch %d, evaluation %z)", element,
	                        p->rq_sample[row], k >= p->rq.n_branch ? " of out_variance" : "",
	                        unwritten ? "was not written" : "is not finite", k % p->rq.n_branch, p->rq_eval[row]);
	if (err) {
		err->step = p->eval[p->rq_eval[row]]->step;
		err->eval = (int64_t)p->rq_eval[row];
		err->branch = k % p->rq.n_branch;
		err->sample = p->rq_sample[row];
		err->element = element;
		err->value = NAN;
	}
	return st;
}

static dm_status check(dm_picard *p, const dm_input *in, int32_t n, dm_error *err)
{
	const dm_array *array = p->run->array;
	dm_job job = {.struct_size = sizeof job, .n_sample = p->rq.n_sample, .n_element = p->n_element, .n_in = n};
	job.in = in;
	dm_status code = array->ops.check(array->user, &job, p->bad);
	if (code)
		return dmi_run_array_error(err, "array check", code);
	for (size_t row = 0; row < p->rq.n_sample; row++)
		for (int32_t k = 0; k < n; k++) {
			int64_t element = p->bad[row * (size_t)n + (size_t)k];
			dm_status st = element >= 0 ? judge(p, &in[k], row, k, element, err) : DM_OK;
			if (st != DM_OK)
				return st;
		}
	return DM_OK;
}

static void store(dm_picard *p, int32_t n)
{
	size_t stride = p->rq.out_stride * dmi_type_size(p->rq.out_type);
	for (size_t row = 0; row < p->rq.n_sample; row++)
		for (int32_t k = 0; k < n; k++)
			memcpy(dmi_picard_answer(p, p->rq_eval[row], k, p->rq_row[row]), (char *)p->out[k] + row * stride,
			       p->answer_bytes);
}

/* All requests of the iteration are answered: they are the guess from now on, up to what is not finite. */
static void end_iteration(dm_picard *p)
{
	for (size_t k = 0; k < p->n_sample; k++) {
		struct dmi_picard_sample *s = &p->sample[k];
		if (s->target > s->front)
			s->end = s->broken < s->target ? s->broken : s->target;
	}
	p->info.n_iteration++;
	p->phase = DMI_PICARD_PASS;
}

dm_status dmi_picard_take(dm_picard *p, dm_error *err)
{
	dm_input in[2 * DM_GUIDANCE_MAX_BRANCH];
	int32_t n = p->eval[p->from]->n_out;
	dm_status st = set_inputs(p, n, in, err);
	if (st == DM_OK)
		st = check(p, in, n, err);
	p->asked = st == DM_OK ? DMI_NOT_ASKED : DMI_ASK_AGAIN;
	if (st != DM_OK)
		return st;
	store(p, n);
	p->info.n_request++;
	p->info.n_row += (int64_t)p->rq.n_sample;
	p->from = p->to;
	if (!find_range(p))
		end_iteration(p);
	return DM_OK;
}
