/* Requests: making them, and taking their answers. */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include <math.h>
#include <string.h>

/* The rows of a request: groups first .. end - 1, in the order in which their inputs stand. */
static void set_rows(dm_run *run, size_t first, size_t end)
{
	size_t n = 0;
	for (size_t i = first; i < end; i++) {
		const struct dmi_group *g = &run->group[i];
		for (size_t s = g->first; !g->done && s < g->first + g->n; s++, n++) {
			run->rq_sample[n] = run->sample[s];
			run->rq_seed[n] = run->seed[s];
			run->rq_row[n] = s;
		}
	}
	run->rq.n_sample = n;
}

static void begin(dm_run *run, int32_t kind)
{
	dm_request *rq = &run->rq;
	memset(rq, 0, sizeof *rq);
	rq->struct_size = sizeof *rq;
	rq->kind = kind;
	rq->eval = run->info.n_eval;
	rq->n_step = run->plan->info.n_step;
	rq->n_element = run->n_element;
	rq->sample = run->rq_sample;
	rq->seed = run->rq_seed;
	rq->row = run->rq_row;
	rq->time = run->rq_time;
	rq->alpha = run->rq_alpha;
	rq->sigma = run->rq_sigma;
	rq->n_time = 1;
	rq->error = &run->scratch;
	run->scratch.message[0] = 0;
}

static dm_status current_row(dm_run *run, struct dmi_group *g, const dm_row **row, dm_error *err)
{
	const struct dmi_program *program;
	dm_status st = dmi_run_program(run, g, &program, err);
	if (st == DM_OK)
		*row = dmi_program_row(program, g->row);
	return st;
}

static int32_t kind_of(const dm_row *row)
{
	return row->kind == DM_ROW_VJP ? DM_ASK_VJP : row->kind == DM_ROW_GRADIENT ? DM_ASK_GRADIENT : DM_ASK_PREDICTION;
}

/* Whether a row wants what the request asks for already. */
static int joins(const dm_run *run, const dm_row *row)
{
	const dm_request *rq = &run->rq;
	return rq->kind == kind_of(row) && rq->n_branch == row->n_branch &&
	       !memcmp(run->branch, row->branch, (size_t)row->n_branch * sizeof *run->branch) &&
	       (rq->kind != DM_ASK_GRADIENT || rq->target == row->map);
}

/* Row n goes to a node. */
static void set_aim(dm_run *run, size_t n, const dm_node *to)
{
	run->rq_time_to[n] = to->time;
	run->rq_alpha_to[n] = to->alpha;
	run->rq_sigma_to[n] = to->sigma;
	run->rq.time_to = run->rq_time_to;
	run->rq.alpha_to = run->rq_alpha_to;
	run->rq.sigma_to = run->rq_sigma_to;
}

/* Takes in the groups from ask_first on that want the same thing, and their times, one per row. */
static dm_status gather(dm_run *run, const dm_row **row, dm_error *err)
{
	size_t n = 0;
	run->ask_end = run->ask_first;
	for (size_t i = run->ask_first; i < run->n_group; i++) {
		struct dmi_group *g = &run->group[i];
		if (g->done) {
			run->ask_end = i + 1;
			continue;
		}
		dm_status st = current_row(run, g, row, err);
		if (st != DM_OK)
			return st;
		if (n > 0 && !joins(run, *row))
			break;
		run->rq.kind = kind_of(*row);
		run->rq.target = run->rq.kind == DM_ASK_GRADIENT ? (*row)->map : 0;
		run->rq.n_branch = (*row)->n_branch;
		memcpy(run->branch, (*row)->branch, (size_t)(*row)->n_branch * sizeof *run->branch);
		run->ask_end = i + 1;
		for (size_t s = 0; s < g->n; s++, n++) {
			run->rq_time[n] = (*row)->at->time;
			run->rq_alpha[n] = (*row)->at->alpha;
			run->rq_sigma[n] = (*row)->at->sigma;
			if ((*row)->to)
				set_aim(run, n, (*row)->to);
		}
		run->rq.step = (*row)->step;
	}
	run->rq.eval -= run->rq.kind != DM_ASK_PREDICTION; /* they belong to the prediction before them */
	return DM_OK;
}

static size_t first_active(const dm_run *run, size_t i)
{
	while (i < run->n_group && run->group[i].done)
		i++;
	return i;
}

static dm_output output(const dm_run *run, const struct dmi_group *g, int32_t slot)
{
	dm_output out = {0};
	out.data = dmi_run_slot(run, g, slot, &out.stride, &out.type);
	return out;
}

/* The answers that a request wants: one for each branch, then the second outputs; or the gradient. */
static int32_t n_answer(const dm_run *run)
{
	int variance = run->rq.kind == DM_ASK_PREDICTION && dmi_model_has_variance(run->plan->model);
	return run->rq.kind == DM_ASK_GRADIENT ? 1 : run->rq.n_branch * (1 + variance);
}

static int32_t answer_slot(const dm_run *run, int32_t k)
{
	int32_t n = run->rq.n_branch;
	return run->rq.kind == DM_ASK_GRADIENT ? DM_SLOT_GRADIENT : k < n ? DM_SLOT_OUT + k : DM_SLOT_VARIANCE + k - n;
}

/* Where the k-th answer stands in run->out and run->answer. */
static int32_t answer_index(const dm_run *run, int32_t k)
{
	return dmi_run_answer_index(answer_slot(run, k));
}

static dm_status place_answers(dm_run *run, const struct dmi_group *g, dm_error *err)
{
	dm_request *rq = &run->rq;
	for (int32_t k = 0; k < n_answer(run); k++) {
		int32_t slot = answer_slot(run, k);
		run->answer[answer_index(run, k)] = run->slot[slot];
		dm_output out = output(run, g, slot);
		run->out[answer_index(run, k)] = out.data;
		rq->out_stride = out.stride;
		rq->out_type = out.type;
		dm_status code = run->array->ops.poison(run->array->user, &out, rq->n_sample, run->n_element);
		if (code)
			return dmi_run_array_error(err, "array poison", code);
	}
	rq->out = run->out + answer_index(run, 0);
	if (rq->kind == DM_ASK_PREDICTION && dmi_model_has_variance(run->plan->model))
		rq->out_variance = run->out + DM_GUIDANCE_MAX_BRANCH;
	return DM_OK;
}

dm_status dmi_run_ask_model(dm_run *run, dm_error *err)
{
	dm_request *rq = &run->rq;
	const dm_row *row = NULL;
	run->ask_first = first_active(run, run->ask_first);
	begin(run, DM_ASK_PREDICTION);
	dm_status st = gather(run, &row, err);
	if (st != DM_OK)
		return st;
	if (run->info.n_eval >= run->max_eval && run->plan->info.adaptive)
		return dmi_fail(err, DM_ERR_LIMIT, "run: max_eval = %l evaluations are used up", run->max_eval);
	struct dmi_group *g = &run->group[run->ask_first], reader = *g;
	reader.filled = g->position;
	set_rows(run, run->ask_first, run->ask_end);
	rq->branch = run->branch;
	rq->n_time = run->plan->info.adaptive ? rq->n_sample : 1;
	dm_output x = output(run, &reader, DM_SLOT_INPUT);
	rq->x = x.data;
	rq->x_stride = x.stride;
	rq->x_type = x.type;
	if (rq->kind == DM_ASK_VJP)
		rq->cotangent = output(run, g, DM_SLOT_COTANGENT).data;
	st = place_answers(run, g, err);
	if (st != DM_OK)
		return st;
	run->asked = DMI_ASKED;
	return DM_EVAL;
}

/* --------------------------------------------------------------------------------------------------------- answers */

/* What kind of number stands at the place in input k, for the message. */
static dm_status describe(dm_run *run, const dm_input *in, size_t row, int64_t element, int32_t k, const char *what,
                          dm_error *err)
{
	int32_t unwritten = 0, n_branch = run->rq.n_branch ? run->rq.n_branch : 1, branch = k % n_branch;
	const char *variance = k >= n_branch && run->rq.out_variance ? " of out_variance" : "";
	dm_status code = run->array->ops.poisoned(run->array->user, in, row, (size_t)element, &unwritten);
	if (code)
		return dmi_run_array_error(err, "array poisoned", code);
	dm_status st = unwritten ? DM_ERR_NOT_WRITTEN : DM_ERR_NOT_FINITE;
	dmi_fail(err, st,
	         unwritten
	             ? "%s callback reported success but did not write element %l of sample %l%s (step %l, branch %d, "
	               "evaluation %l)"
	             : "%s: element %l of sample %l%s is not finite (step %l, branch %d, evaluation %l)",
	         what, element, run->rq_sample[row], variance, run->rq.step, branch, run->rq.eval);
	if (err) {
		err->step = run->rq.step;
		err->eval = run->rq.eval;
		err->branch = branch;
		err->sample = run->rq_sample[row];
		err->element = element;
		err->value = NAN;
	}
	return st;
}

/* Checks n_in inputs over the rows of the request; branch of input i is i % n_branch. */
static dm_status check(dm_run *run, const dm_input *in, int32_t n_in, const char *what, dm_error *err)
{
	dm_job job = {.struct_size = sizeof job, .n_sample = run->rq.n_sample, .n_element = run->n_element, .n_in = n_in};
	job.in = in;
	dm_status code = run->array->ops.check(run->array->user, &job, run->bad);
	if (code)
		return dmi_run_array_error(err, "array check", code);
	for (size_t s = 0; s < run->rq.n_sample; s++)
		for (int32_t i = 0; i < n_in; i++) {
			int64_t element = run->bad[s * (size_t)n_in + (size_t)i];
			if (element >= 0)
				return describe(run, &in[i], s, element, i, what, err);
		}
	return DM_OK;
}

static int overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
	return x < y + b_bytes && y < x + a_bytes;
}

/* Whether rows of two outputs, stride apart in both, share memory; rows may stand between each other's. */
static int rows_meet(const void *a, const void *b, size_t row, size_t stride, size_t n)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b, distance = x < y ? y - x : x - y;
	size_t rows = distance / stride, rest = distance % stride;
	return (rows < n && rest < row) || (rows + 1 < n && stride - rest < row);
}

/* Whether an output before the k-th shares memory with it. */
static int meets_another(const dm_run *run, int32_t k)
{
	const dm_request *rq = &run->rq;
	size_t size = dmi_type_size(rq->out_type);
	for (int32_t i = 0; i < k; i++)
		if (rows_meet(run->in[i].data, run->in[k].data, rq->n_element * size, rq->out_stride * size, rq->n_sample))
			return 1;
	return 0;
}

static dm_status misplaced(const dm_run *run, int32_t k, const char *what, dm_error *err)
{
	int32_t n = run->rq.n_branch;
	return dmi_fail(err, DM_ERR_ARGUMENT, "run: %s[%d] %s", k < n || n == 0 ? "out" : "out_variance", n ? k % n : k,
	                what);
}

/* The outputs as inputs of a job; the caller may have pointed them elsewhere. */
static dm_status set_answers(dm_run *run, int32_t n, dm_error *err)
{
	dm_request *rq = &run->rq;
	size_t x_bytes = ((rq->n_sample - 1) * rq->x_stride + rq->n_element) * dmi_type_size(rq->x_type);
	size_t bytes = ((rq->n_sample - 1) * rq->out_stride + rq->n_element) * dmi_type_size(rq->out_type);
	for (int32_t k = 0; k < n; k++) {
		void *data = run->out[answer_index(run, k)];
		if (!data)
			return misplaced(run, k, "was set to NULL", err);
		if (run->array->host && overlap(data, bytes, rq->x, x_bytes))
			return misplaced(run, k, "overlaps x; every output needs memory of its own", err);
		run->in[k] = (dm_input){.data = data, .stride = rq->out_stride, .type = rq->out_type};
		if (run->array->host && meets_another(run, k))
			return misplaced(run, k, "overlaps another output; every output needs memory of its own", err);
	}
	return DM_OK;
}

/* Outputs in the caller's own memory: used in place where all rows were asked at once, else copied in. */
static dm_status adopt(dm_run *run, int32_t n, dm_error *err)
{
	static const double one = 1;
	struct dmi_group *g = &run->group[run->ask_first];
	for (int32_t k = 0; k < n; k++) {
		int32_t index = answer_index(run, k);
		dm_output own = output(run, g, answer_slot(run, k));
		if (run->out[index] == own.data)
			continue;
		if (!run->plan->info.adaptive) {
			run->answer[index] = run->out[index];
			continue;
		}
		dm_job job = {.struct_size = sizeof job, .n_sample = run->rq.n_sample, .n_element = run->n_element, .n_in = 1};
		job.in = &run->in[k];
		job.n_out = 1;
		job.out = &own;
		job.coefficient = &one;
		dm_status code = run->array->ops.combine(run->array->user, &job);
		if (code)
			return dmi_run_array_error(err, "array combine", code);
	}
	return DM_OK;
}

static dm_status take_model(dm_run *run, dm_error *err)
{
	static const char *const names[] = {
	    [DM_ASK_PREDICTION] = "model", [DM_ASK_VJP] = "vjp", [DM_ASK_GRADIENT] = "gradient"};
	int64_t *const counts[] = {[DM_ASK_PREDICTION] = &run->info.n_eval,
	                           [DM_ASK_VJP] = &run->info.n_vjp,
	                           [DM_ASK_GRADIENT] = &run->info.n_gradient};
	int32_t n = n_answer(run);
	dm_status st = set_answers(run, n, err);
	if (st == DM_OK)
		st = check(run, run->in, n, names[run->rq.kind], err);
	if (st == DM_OK)
		st = adopt(run, n, err);
	if (st != DM_OK)
		return st;
	(*counts[run->rq.kind])++;
	run->ask_first = first_active(run, run->ask_end);
	if (run->ask_first < run->n_group)
		return DM_OK;
	for (size_t i = 0; i < run->n_group; i++)
		run->group[i].row += !run->group[i].done;
	run->phase = DMI_PHASE_ROWS;
	run->cursor = run->filled = 0;
	return DM_OK;
}

static dm_status take_noise(dm_run *run, dm_error *err)
{
	dm_input in = {.data = run->noise_out, .stride = run->rq.out_stride, .type = run->rq.out_type};
	if (run->out[0] != run->noise_out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: out[0] of a noise request must be filled where it stands");
	dm_status st = check(run, &in, 1, "noise", err);
	if (st == DM_OK)
		run->n_noise++;
	return st;
}

dm_status dmi_run_take_answer(dm_run *run, dm_error *err)
{
	dm_status st = DM_OK;
	if (run->rq.kind == DM_ASK_NOISE)
		st = take_noise(run, err);
	else if (run->rq.kind == DM_ASK_STEP)
		run->group[run->cursor].row++;
	else
		st = take_model(run, err);
	run->asked = st == DM_OK ? DMI_NOT_ASKED : DMI_ASK_AGAIN;
	return st;
}

/* ------------------------------------------------------------------------------------------------- steps and noise */

void dmi_run_ask_step(dm_run *run, struct dmi_group *g, const dm_row *row)
{
	begin(run, DM_ASK_STEP);
	dm_output x = output(run, g, row->in[0].slot);
	run->rq.step = row->step;
	run->rq.x = x.data;
	run->rq.x_type = x.type;
	run->rq.x_stride = x.stride;
	run->shown_x0 = row->n_in > 1 ? row->in[1].slot : -1;
	run->rq.x0 = row->n_in > 1 ? output(run, g, row->in[1].slot).data : NULL;
	run->rq.n_time = 0;
	set_rows(run, (size_t)(g - run->group), (size_t)(g - run->group) + 1);
	run->asked = DMI_ASKED;
}

dm_status dmi_run_poison_noise(dm_run *run, dm_error *err)
{
	dm_output out = {run->noise_out, run->rq.out_stride, run->rq.out_type, 0};
	run->out[0] = run->noise_out;
	dm_status code = run->array->ops.poison(run->array->user, &out, run->rq.n_sample, run->n_element);
	return code ? dmi_run_array_error(err, "array poison", code) : DM_OK;
}

dm_status dmi_run_fill_noise(dm_run *run, struct dmi_group *g, int32_t k, const dm_operand *draw, int64_t step,
                             dm_error *err)
{
	dm_request *rq = &run->rq;
	begin(run, DM_ASK_NOISE);
	for (size_t s = 0; s < g->n; s++) {
		run->rq_sample[s] = run->sample[g->first + s];
		run->rq_seed[s] = run->seed[g->first + s];
		run->rq_row[s] = g->first + s;
	}
	rq->n_sample = g->n;
	rq->n_time = 0;
	rq->step = step;
	rq->draw = draw->draw;
	rq->draw_ordinal = g->n_draw + draw->draw_ordinal;
	rq->out_type = run->array->ops.type;
	rq->out_stride = run->n_element;
	run->noise_out = (char *)run->noise_slot[k] + g->first * run->n_element * dmi_type_size(rq->out_type);
	rq->out = run->out;
	dm_status st = dmi_run_poison_noise(run, err);
	if (st != DM_OK)
		return st;
	if (!run->noise->ops.fill) {
		run->asked = DMI_ASKED;
		return DM_EVAL;
	}
	dm_status code = run->noise->ops.fill(run->noise->user, rq);
	run->scratch.message[sizeof run->scratch.message - 1] = 0;
	if (code) {
		if (err)
			*err = run->scratch;
		return run->noise->own_fill && code < 0 ? code
		                                        : dmi_fail_callback(err, "noise fill", code, run->scratch.message);
	}
	return take_noise(run, err);
}
