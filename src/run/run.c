/* The public face of a run. */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include "run/options.h"
#include <stddef.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------- birth and death */

static void release_slots(dm_run *run)
{
	const dm_array_ops *ops = &run->array->ops;
	for (int32_t slot = 0; slot < DMI_MAX_SLOT; slot++)
		if (run->slot[slot])
			ops->release(run->array->user, run->slot[slot], run->slot_bytes[slot]);
	for (int32_t k = 0; k < run->n_noise_slot; k++)
		if (run->noise_slot[k])
			ops->release(run->array->user, run->noise_slot[k], run->noise_bytes);
}

void dm_run_free(dm_run *run)
{
	if (!run)
		return;
	if (!run->array->host)
		release_slots(run);
	dm_allocator allocator = run->allocator;
	dm_plan *plan = run->plan; /* owns the allocator's user: released last */
	dmi_object_release(run->noise);
	dmi_object_release(run->array);
	if (run->own_memory)
		dmi_release_memory(&allocator, run, run->bytes);
	dmi_object_release(plan);
}

static dm_status allocate_slots(dm_run *run, dm_error *err)
{
	const dm_array_ops *ops = &run->array->ops;
	for (int32_t i = 0; i < DMI_MAX_SLOT + run->n_noise_slot; i++) {
		size_t bytes = i < DMI_MAX_SLOT ? run->slot_bytes[i] : run->noise_bytes;
		void **place = i < DMI_MAX_SLOT ? &run->slot[i] : &run->noise_slot[i - DMI_MAX_SLOT];
		dm_status code = bytes ? ops->allocate(run->array->user, bytes, place) : 0;
		if (code)
			return dmi_run_array_error(err, "array allocate", code);
		if (bytes && !*place)
			return dmi_fail(err, DM_ERR_MEMORY, "array allocate returned 0 but left no memory of %z bytes", bytes);
	}
	return DM_OK;
}

/* Where a run is told what it works with, before it has memory of its own. */
static dm_status describe(dm_run *run, const dm_plan *plan, const dm_array *array, const dm_noise *noise,
                          size_t n_sample, size_t n_element, dm_error *err)
{
	memset(run, 0, sizeof *run);
	if (!plan)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: plan is NULL");
	if (n_sample == 0 || n_element == 0)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: n_sample = %z and n_element = %z must be at least 1", n_sample,
		                n_element);
	if (n_element > (size_t)1 << 34)
		return dmi_fail(err, DM_ERR_OVERFLOW, "run: n_element = %z must be at most 2^34, the elements of a draw",
		                n_element);
	run->allocator = plan->object.allocator;
	run->plan = dmi_object_retain(plan);
	run->noise = dmi_object_retain(noise);
	run->n_sample = n_sample;
	run->n_element = n_element;
	dm_status st = DM_OK;
	if (array)
		run->array = dmi_object_retain(array);
	else
		st = dm_array_create_host(&run->array, DM_F32, NULL, NULL, &run->allocator, err);
	return st;
}

static void forget(dm_run *run)
{
	dmi_object_release(run->noise);
	dmi_object_release(run->array);
	dmi_object_release(run->plan);
}

dm_status dm_run_bytes(const dm_plan *plan, const dm_array *array, const dm_noise *noise, size_t n_sample,
                       size_t n_element, size_t *bytes, dm_error *err)
{
	dm_run run;
	if (!bytes)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run bytes: bytes is NULL");
	dm_status st = describe(&run, plan, array, noise, n_sample, n_element, err);
	if (st == DM_OK)
		st = dmi_run_layout(&run, NULL, bytes, err);
	forget(&run);
	return st;
}

static void set_keys(dm_run *run, const struct dmi_run_options *options)
{
	for (size_t i = 0; i < run->n_sample; i++) {
		run->seed[i] = options->seed;
		run->sample[i] = options->first_sample + (int64_t)i;
	}
}

static void set_out_of_the_way(dm_run *run)
{
	run->shown_slot = run->shown_x0 = -1;
	run->shown_scale = 1;
	run->loaded_group = SIZE_MAX;
	run->info.struct_size = sizeof run->info;
	for (size_t i = 0; i < run->n_group; i++) {
		run->group[i] = (struct dmi_group){.first = i, .n = 1, .position = i};
		run->group[i].row = run->plan->info.adaptive ? 0 : 1; /* row 0 of a plan is the start */
	}
	if (run->n_group == 1)
		run->group[0].n = run->n_sample;
	if (run->compiler) {
		dmi_plan_compiler(run->plan, run->compiler);
		run->compiler->program = &run->trial_program;
	}
}

static dm_status get_memory(const dm_run *draft, void *memory, size_t bytes, size_t needed, dm_run **out, dm_error *err)
{
	if (memory && bytes < needed)
		return dmi_fail(err, DM_ERR_MEMORY, "run: bytes = %z, %z are needed", bytes, needed);
	if (memory && (uintptr_t)memory % 64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: memory must be aligned to 64 bytes");
	*out = memory ? memset(memory, 0, needed) : dmi_allocate(&draft->allocator, 1, needed, err);
	return *out ? DM_OK : DM_ERR_MEMORY;
}

dm_status dm_run_create(dm_run **out, const dm_plan *plan, const dm_array *array, const dm_noise *noise,
                        size_t n_sample, size_t n_element, const char *option_text, void *memory, size_t bytes,
                        dm_error *err)
{
	dm_run draft, *run = NULL;
	size_t needed = 0;
	struct dmi_run_options options;
	if (out)
		*out = NULL;
	else
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: out is NULL");
	dm_status st = describe(&draft, plan, array, noise, n_sample, n_element, err);
	if (st == DM_OK)
		st = dmi_run_options_parse(&options, option_text, n_sample, err);
	if (st == DM_OK)
		st = dmi_run_layout(&draft, NULL, &needed, err);
	if (st == DM_OK)
		st = get_memory(&draft, memory, bytes, needed, &run, err);
	if (st != DM_OK) {
		forget(&draft);
		return st;
	}
	*run = draft;
	run->own_memory = memory == NULL;
	run->bytes = needed;
	run->max_eval = options.max_eval;
	dmi_run_layout(run, (char *)run, &needed, NULL);
	set_keys(run, &options);
	set_out_of_the_way(run);
	st = run->array->host ? DM_OK : allocate_slots(run, err);
	if (st == DM_OK)
		*out = run;
	else
		dm_run_free(run);
	return st;
}

/* ---------------------------------------------------------------------------------------- before the first request */

static dm_status entry(const dm_run *run, const char *call, int before_start, dm_error *err)
{
	if (!run)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: run is NULL", call);
	if (run->in_callback)
		return dmi_fail(err, DM_ERR_BUSY, "%s: called from a callback of the same run", call);
	if (before_start && run->started)
		return dmi_fail(err, DM_ERR_STATE, "%s: the run has already started", call);
	return DM_OK;
}

dm_status dm_run_keys(dm_run *run, const uint64_t *seed, const int64_t *sample, size_t n, dm_error *err)
{
	dm_status st = entry(run, "run keys", 1, err);
	if (st != DM_OK)
		return st;
	if (!seed || !sample)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run keys: %s is NULL", seed ? "sample" : "seed");
	if (n != run->n_sample)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run keys: n = %z must be n_sample = %z", n, run->n_sample);
	for (size_t i = 0; i < n; i++)
		if (sample[i] < 0)
			return dmi_fail(err, DM_ERR_ARGUMENT, "run keys: sample[%z] = %l must be at least 0", i, sample[i]);
	memcpy(run->seed, seed, n * sizeof *seed);
	memcpy(run->sample, sample, n * sizeof *sample);
	return DM_OK;
}

dm_status dm_run_on_step(dm_run *run, dm_status (*hook)(void *user, const dm_request *rq), void *user, dm_error *err)
{
	dm_status st = entry(run, "run on_step", 1, err);
	if (st != DM_OK)
		return st;
	if (!hook)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run on_step: hook is NULL");
	const double *option = run->plan->options.value;
	if (option[DMI_PLAN_PROGRESS] == 0 && option[DMI_PLAN_PREVIEW] == 0)
		return dmi_fail(err, DM_ERR_STATE, "run on_step: the plan must be made with progress=1 or preview=1");
	run->on_step = hook;
	run->on_step_user = user;
	return DM_OK;
}

/* -------------------------------------------------------------------------------------------------------- stepping */

static dm_status start(dm_run *run, dm_error *err)
{
	dm_status st = dmi_run_check_bound(run, err);
	if (st == DM_OK)
		st = dmi_run_start(run, err);
	run->started = st >= DM_OK; /* after an error another start may be given */
	if (st == DM_OK)
		run->start_kind = DMI_START_STATE; /* it is made once, whatever fails after it */
	for (size_t i = 0; st == DM_OK && run->plan->info.adaptive && i < run->n_group; i++)
		st = dmi_run_begin_trials(run, &run->group[i], err);
	if (st != DM_OK)
		return st;
	run->n_noise = 0;
	run->phase = DMI_PHASE_ROWS;
	return DM_OK;
}

/* A model's outputs are looked at when they come; what is made of them may still overflow. */
static dm_status check_end(dm_run *run, dm_error *err)
{
	struct dmi_group all = {.n = run->n_sample};
	dm_input in = {.source = DM_SOURCE_DATA};
	in.data = dmi_run_slot(run, &all, run->shown_slot, &in.stride, &in.type);
	dm_job job = {.struct_size = sizeof job, .n_sample = run->n_sample, .n_element = run->n_element, .n_in = 1};
	job.in = &in;
	dm_status code = run->array->ops.check(run->array->user, &job, run->bad);
	if (code)
		return dmi_run_array_error(err, "array check", code);
	for (size_t s = 0; s < run->n_sample; s++)
		if (run->bad[s] >= 0) {
			dmi_fail(
			    err, DM_ERR_NOT_FINITE,
			    "run: element %l of sample %l is not finite at the end, though all model outputs were: the numbers "
			    "of the state are too large for its type",
			    run->bad[s], run->sample[s]);
			if (err) {
				err->sample = run->sample[s];
				err->element = run->bad[s];
			}
			return DM_ERR_NOT_FINITE;
		}
	return DM_OK;
}

/* Lets every group run up to its next evaluation. DM_EVAL: a request was made on the way. */
static dm_status advance(dm_run *run, dm_error *err)
{
	for (; run->cursor < run->n_group; run->cursor++) {
		struct dmi_group *g = &run->group[run->cursor];
		g->filled = run->filled;
		dm_status st = dmi_run_rows(run, g, err);
		if (st != DM_OK)
			return st;
		if (g->done)
			continue;
		st = dmi_run_move_answers(run, g, g->filled, err);
		if (st != DM_OK)
			return st;
		run->filled += g->n;
	}
	dm_status st = run->filled ? DM_OK : check_end(run, err);
	if (st != DM_OK)
		return st;
	run->phase = run->filled ? DMI_PHASE_ASK : DMI_PHASE_DONE;
	run->ask_first = 0;
	return DM_OK;
}

/* The request at hand once more: as it was, its buffers poisoned again. */
static dm_status ask_again(dm_run *run, const dm_request **rq, dm_error *err)
{
	dm_status st = run->rq.kind == DM_ASK_NOISE  ? dmi_run_poison_noise(run, err)
	               : run->rq.kind == DM_ASK_STEP ? DM_OK
	                                             : dmi_run_ask_model(run, err);
	if (st < 0)
		return st;
	run->scratch.message[0] = 0;
	run->asked = DMI_ASKED;
	*rq = &run->rq;
	return DM_EVAL;
}

static dm_status next(dm_run *run, const dm_request **rq, dm_error *err)
{
	dm_status st = DM_OK;
	if (run->asked == DMI_ASK_AGAIN)
		return ask_again(run, rq, err);
	if (run->asked == DMI_ASKED)
		st = dmi_run_take_answer(run, err);
	while (st == DM_OK) {
		if (run->phase == DMI_PHASE_DONE)
			return DM_DONE;
		st = run->phase == DMI_PHASE_START  ? start(run, err)
		     : run->phase == DMI_PHASE_ROWS ? advance(run, err)
		                                    : dmi_run_ask_model(run, err);
	}
	if (st == DM_EVAL)
		*rq = &run->rq;
	return st;
}

dm_status dm_run_next(dm_run *run, const dm_request **rq, dm_error *err)
{
	dm_status st = entry(run, "run next", 0, err);
	if (st != DM_OK)
		return st;
	if (!rq)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run next: rq is NULL");
	*rq = NULL;
	if (dmi_atomic_take(&run->cancelled)) {
		if (run->asked == DMI_ASKED)
			run->asked = DMI_ASK_AGAIN;
		dmi_fail(err, DM_ERR_CANCELLED, "run: cancelled; the next call goes on from here");
		if (err)
			err->eval = run->info.n_eval;
		return DM_ERR_CANCELLED;
	}
	run->in_callback = 1; /* callbacks made from here may not come back */
	st = next(run, rq, err);
	run->in_callback = 0;
	return st;
}

dm_status dm_run_retry(dm_run *run, dm_error *err)
{
	dm_status st = entry(run, "run retry", 0, err);
	if (st != DM_OK)
		return st;
	if (run->asked == DMI_NOT_ASKED)
		return dmi_fail(err, DM_ERR_STATE, "run retry: there is no request at hand");
	run->asked = DMI_ASK_AGAIN;
	return DM_OK;
}

/* Answers a request with the callbacks of model, noise and hook; returns what they return. */
static dm_status answer(dm_run *run, const dm_request *rq, const char **who, dm_error *err)
{
	const dm_model *model = run->plan->model;
	dm_status (*call)(void *, const dm_request *) = rq->kind == DM_ASK_PREDICTION ? model->ops.predict
	                                                : rq->kind == DM_ASK_VJP      ? model->ops.vjp
	                                                : rq->kind == DM_ASK_GRADIENT ? model->ops.gradient
	                                                                              : NULL;
	*who = rq->kind == DM_ASK_STEP       ? "step"
	       : rq->kind == DM_ASK_VJP      ? "model vjp"
	       : rq->kind == DM_ASK_GRADIENT ? "model gradient"
	                                     : "model predict";
	if (rq->kind == DM_ASK_STEP)
		return run->on_step ? run->on_step(run->on_step_user, rq) : 0;
	if (call)
		return call(model->user, rq);
	dmi_fail(err, DM_ERR_STATE, "run all: the %s has no callback%s; drive the run with dm_run_next",
	         rq->kind == DM_ASK_NOISE ? "noise" : "model",
	         rq->kind == DM_ASK_VJP        ? " vjp"
	         : rq->kind == DM_ASK_GRADIENT ? " gradient"
	                                       : "");
	*who = NULL;
	return DM_ERR_STATE;
}

dm_status dm_run_all(dm_run *run, dm_error *err)
{
	const dm_request *rq;
	const char *who;
	dm_status st;
	while ((st = dm_run_next(run, &rq, err)) == DM_EVAL) {
		run->in_callback = 1;
		dm_status code = answer(run, rq, &who, err);
		run->in_callback = 0;
		if (!code)
			continue;
		run->asked = DMI_ASK_AGAIN;
		if (!who)
			return code;
		run->scratch.message[sizeof run->scratch.message - 1] = 0;
		dmi_fail_callback(err, who, code, run->scratch.message);
		if (err) {
			err->step = rq->step;
			err->eval = rq->eval;
		}
		return DM_ERR_CALLBACK;
	}
	return st == DM_DONE ? DM_OK : st;
}

void dm_run_cancel(dm_run *run)
{
	if (run)
		dmi_atomic_set(&run->cancelled, 1);
}

dm_status dm_run_facts(const dm_run *run, dm_run_info *info, dm_error *err)
{
	if (!run || !info)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run facts: %s is NULL", run ? "info" : "run");
	dm_status st = entry(run, "run facts", 0, err);
	if (st != DM_OK)
		return st;
	return dmi_info_copy(info, sizeof *info, &run->info, offsetof(dm_run_info, n_rejected) + sizeof info->n_rejected,
	                     "run info", err);
}
