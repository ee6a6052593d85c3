/* The sizes and places of everything a run needs. The same walk measures (memory NULL) and places. */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include <string.h>

enum { TRIAL_FACTOR = 2 };

/* Bytes of a slot's array, with the strides and types that the model asks for. */
static dm_status slot_bytes(const dm_run *run, int32_t slot, size_t *bytes, dm_error *err)
{
	const dm_model *model = run->plan->model;
	int32_t type = run->array->ops.type;
	size_t stride = run->n_element;
	int of_model = slot < DM_SLOT_STATE || slot == DM_SLOT_GRADIENT || slot == DM_SLOT_COTANGENT;
	if (of_model && !(slot == DM_SLOT_INPUT && dmi_model_reads_state(model))) {
		type = slot == DM_SLOT_INPUT ? dmi_model_x_type(model, type) : dmi_model_out_type(model, type);
		stride = slot == DM_SLOT_INPUT ? dmi_model_x_stride(model, run->n_element)
		                               : dmi_model_out_stride(model, run->n_element);
		if (stride < run->n_element)
			return dmi_fail(err, DM_ERR_ARGUMENT, "model: %s = %z must be at least n_element = %z",
			                slot == DM_SLOT_INPUT ? "x_stride" : "out_stride", stride, run->n_element);
	}
	if (!dmi_multiply(run->n_sample, stride, bytes) || !dmi_multiply(*bytes, dmi_type_size(type), bytes))
		return dmi_fail(err, DM_ERR_OVERFLOW, "run: %z samples of %z elements do not fit into memory", run->n_sample,
		                stride);
	return DM_OK;
}

static void place_arrays(dm_run *run, struct dmi_arena *a)
{
	size_t n = run->n_sample, b = (size_t)(run->plan->needs.branch > run->plan->needs.stats ? run->plan->needs.branch
	                                                                                        : run->plan->needs.stats);
	int stats = run->plan->needs.stats > 0;
	run->rq_sample = dmi_arena_take(a, n, sizeof *run->rq_sample);
	run->rq_seed = dmi_arena_take(a, n, sizeof *run->rq_seed);
	run->rq_row = dmi_arena_take(a, n, sizeof *run->rq_row);
	run->rq_time = dmi_arena_take(a, n, sizeof *run->rq_time);
	run->rq_alpha = dmi_arena_take(a, n, sizeof *run->rq_alpha);
	run->rq_sigma = dmi_arena_take(a, n, sizeof *run->rq_sigma);
	size_t n_to = dmi_model_has_two_times(run->plan->model) ? n : 0;
	run->rq_time_to = dmi_arena_take(a, n_to, sizeof *run->rq_time_to);
	run->rq_alpha_to = dmi_arena_take(a, n_to, sizeof *run->rq_alpha_to);
	run->rq_sigma_to = dmi_arena_take(a, n_to, sizeof *run->rq_sigma_to);
	run->seed = dmi_arena_take(a, n, sizeof *run->seed);
	run->sample = dmi_arena_take(a, n, sizeof *run->sample);
	run->bad = dmi_arena_take(a, n, 2 * b * sizeof *run->bad);
	run->stats = dmi_arena_take(a, stats ? n : 0, sizeof *run->stats);
	run->gram = dmi_arena_take(a, stats ? n : 0, b * b * sizeof *run->gram);
	run->sum = dmi_arena_take(a, stats ? n : 0, b * sizeof *run->sum);
	run->weight = dmi_arena_take(a, stats ? n : 0, b * sizeof *run->weight);
	run->coefficient = dmi_arena_take(a, stats ? n : 0, (size_t)run->plan->needs.weighted * sizeof *run->coefficient);
	run->error_sum = dmi_arena_take(a, n, sizeof *run->error_sum);
	run->in = dmi_arena_take(a, DMI_MAX_BASE + 2, sizeof *run->in);
	run->job_out = dmi_arena_take(a, DMI_MAX_SLOT, sizeof *run->job_out);
	run->group = dmi_arena_take(a, run->n_group, sizeof *run->group);
	const dm_operator *op = run->plan->guidance ? run->plan->guidance->op : NULL;
	run->measurement = dmi_arena_take(a, op ? n : 0, (op ? op->n_out : 0) * sizeof *run->measurement);
	run->operator_x = dmi_arena_take(a, op ? op->n_in : 0, 2 * sizeof *run->operator_x);
	run->operator_result = dmi_arena_take(a, op ? op->n_in : 0, sizeof *run->operator_result);
	run->operator_work = dmi_arena_take(a, op ? dmi_operator_work(op) : 0, sizeof *run->operator_work);
}

static void place_trials(dm_run *run, struct dmi_arena *a)
{
	const struct dmi_program *like = &run->plan->program;
	int32_t n_value = run->plan->max_value * 3 / 2, n_term = run->plan->max_term * 3 / 2;
	run->compiler = dmi_compiler_place(a, n_value < DMI_MAX_VALUE ? n_value : DMI_MAX_VALUE, n_term);
	void *memory = dmi_arena_take(a, 1, dmi_program_bytes(like, TRIAL_FACTOR));
	if (memory)
		dmi_program_place(&run->trial_program, like, TRIAL_FACTOR, memory);
}

dm_status dmi_run_layout(dm_run *run, char *memory, size_t *bytes, dm_error *err)
{
	struct dmi_arena a = {memory, 0, 0};
	const dm_plan *plan = run->plan;
	dmi_arena_take(&a, 1, sizeof *run);
	const dm_operator *op = plan->guidance ? plan->guidance->op : NULL;
	if (op && op->n_in != run->n_element)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run: n_element = %z, but the guidance's operator takes n_in = %z",
		                run->n_element, op->n_in);
	if (op && !run->array->host)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "run: an operator of the guidance needs arrays in host memory");
	run->n_group = plan->info.adaptive && plan->norm == DM_NORM_SAMPLE ? run->n_sample : 1;
	place_arrays(run, &a);
	if (plan->info.adaptive)
		place_trials(run, &a);
	for (int32_t slot = 0; slot < DMI_MAX_SLOT; slot++) {
		run->slot_bytes[slot] = 0;
		if (!(plan->needs.slots >> slot & 1))
			continue;
		dm_status st = slot_bytes(run, slot, &run->slot_bytes[slot], err);
		if (st != DM_OK)
			return st;
		if (run->array->host)
			run->slot[slot] = dmi_arena_take(&a, 1, run->slot_bytes[slot]);
	}
	/* draws of a source of the caller's are arrays; the start draw needs one too */
	int32_t n_noise = run->noise && !run->noise->builtin ? (plan->needs.draw > 1 ? plan->needs.draw : 1) : 0;
	run->noise_bytes = n_noise ? run->n_sample * run->n_element * dmi_type_size(run->array->ops.type) : 0;
	for (int32_t k = 0; k < n_noise && run->array->host; k++)
		run->noise_slot[k] = dmi_arena_take(&a, 1, run->noise_bytes);
	run->n_noise_slot = n_noise;
	*bytes = a.used;
	return a.overflow ? dmi_fail(err, DM_ERR_OVERFLOW, "run: %z samples of %z elements do not fit into memory",
	                             run->n_sample, run->n_element)
	                  : DM_OK;
}
