/* Getting states into a run and out of it. */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include <string.h>

static dm_status check_call(const dm_run *run, const char *call, const char *name, const void *data, int32_t type,
                            dm_error *err)
{
	if (!run || !data)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: %s is NULL", call, run ? name : "run");
	if (run->in_callback)
		return dmi_fail(err, DM_ERR_BUSY, "%s: called from a callback of the same run", call);
	if (type != DM_F32 && type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: type = %d must be DM_F32 or DM_F64", call, type);
	if (!run->array->host && type != run->array->ops.type)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "%s: with a custom array the type must be that of its state", call);
	return DM_OK;
}

/* out = factor * in over the whole batch, converting types; one of them is host memory of the caller's. */
static dm_status scale(dm_run *run, dm_input in, dm_output out, double factor, dm_error *err)
{
	dm_job job = {.struct_size = sizeof job, .n_sample = run->n_sample, .n_element = run->n_element};
	job.seed = run->seed;
	job.sample = run->sample;
	job.n_in = job.n_out = 1;
	job.in = &in;
	job.out = &out;
	job.coefficient = &factor;
	dm_status code = run->array->ops.combine(run->array->user, &job);
	return code ? dmi_run_array_error(err, "array combine", code) : DM_OK;
}

/* Rows of a custom array's slot from or to host rows, both of the state's type. */
static dm_status copy_rows(dm_run *run, char *backend, size_t backend_stride, char *host, size_t host_stride,
                           int32_t direction, dm_error *err)
{
	size_t size = dmi_type_size(run->array->ops.type), bytes = run->n_element * size;
	for (size_t s = 0; s < run->n_sample; s++) {
		char *inside = backend + s * backend_stride * size, *outside = host + s * host_stride * size;
		dm_status code = direction == DM_COPY_TO_BACKEND
		                     ? run->array->ops.copy(run->array->user, inside, outside, bytes, direction)
		                     : run->array->ops.copy(run->array->user, outside, inside, bytes, direction);
		if (code)
			return dmi_run_array_error(err, "array copy", code);
	}
	return DM_OK;
}

/* What was given must be finite, or every prediction from it would be blamed on the model. */
static dm_status check_given(dm_run *run, const char *call, const dm_output *given, dm_error *err)
{
	dm_input in = {.data = given->data, .stride = given->stride, .type = given->type, .source = DM_SOURCE_DATA};
	dm_job job = {.struct_size = sizeof job, .n_sample = run->n_sample, .n_element = run->n_element, .n_in = 1};
	job.in = &in;
	dm_status code = run->array->ops.check(run->array->user, &job, run->bad);
	if (code)
		return dmi_run_array_error(err, "array check", code);
	for (size_t s = 0; s < run->n_sample; s++)
		if (run->bad[s] >= 0)
			return dmi_fail(err, DM_ERR_NOT_FINITE, "%s: element %l of row %z is not finite", call, run->bad[s], s);
	return DM_OK;
}

/* Into a slot before the start; *given becomes kind, or 0 where what stood there is lost. */
static dm_status give(dm_run *run, const char *call, const char *name, const void *x, int32_t type, size_t stride,
                      int32_t slot, int32_t *given, int32_t kind, dm_error *err)
{
	dm_status st = check_call(run, call, name, x, type, err);
	if (st != DM_OK)
		return st;
	if (run->started)
		return dmi_fail(err, DM_ERR_STATE, "%s: the run has already started", call);
	if (stride == 0)
		stride = run->n_element;
	size_t bytes;
	if (stride < run->n_element)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: stride = %z must be 0 or at least n_element = %z", call, stride,
		                run->n_element);
	if (!dmi_multiply(stride, run->n_sample, &bytes) || !dmi_multiply(bytes, dmi_type_size(type), &bytes))
		return dmi_fail(err, DM_ERR_OVERFLOW, "%s: %z rows, stride = %z apart, do not fit into memory", call,
		                run->n_sample, stride);
	union {
		const void *in;
		char *out;
	} host = {x};
	dm_input in = {.data = x, .stride = stride, .type = type, .source = DM_SOURCE_DATA};
	dm_output out = {run->slot[slot], run->n_element, run->array->ops.type, 0};
	run->in_callback = 1;
	st = run->array->host ? scale(run, in, out, 1, err)
	                      : copy_rows(run, run->slot[slot], run->n_element, host.out, stride, DM_COPY_TO_BACKEND, err);
	if (st == DM_OK)
		st = check_given(run, call, &out, err);
	run->in_callback = 0;
	*given = st == DM_OK ? kind : 0;
	return st;
}

static int32_t start_slot(const dm_run *run)
{
	return run && !run->plan->info.adaptive && dmi_model_reads_state(run->plan->model) ? DM_SLOT_INPUT : DM_SLOT_STATE;
}

dm_status dm_run_start_state(dm_run *run, const void *x, int32_t type, size_t stride, dm_error *err)
{
	int32_t *given = run ? &run->start_kind : NULL;
	return give(run, "run start_state", "x", x, type, stride, start_slot(run), given, DMI_START_STATE, err);
}

dm_status dm_run_start_clean(dm_run *run, const void *x0, int32_t type, size_t stride, dm_error *err)
{
	int32_t *given = run ? &run->start_kind : NULL;
	return give(run, "run start_clean", "x0", x0, type, stride, start_slot(run), given, DMI_START_CLEAN, err);
}

static dm_status check_kept(const dm_run *run, const char *call, int32_t k, int needed, dm_error *err)
{
	if (run->plan->options.value[DMI_PLAN_KEPT] < needed)
		return dmi_fail(err, DM_ERR_STATE, "%s: the plan must be made with kept=%s", call,
		                needed == DMI_KEPT_LEFT ? "left or given" : "given");
	if (k < 0 || k >= run->plan->info.n_kept)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: k = %d must be from 0 to %d", call, k, run->plan->info.n_kept - 1);
	return DM_OK;
}

dm_status dm_run_start_kept(dm_run *run, int32_t k, const void *x, int32_t type, size_t stride, dm_error *err)
{
	dm_status st = check_call(run, "run start_kept", "x", x, type, err);
	if (st == DM_OK)
		st = check_kept(run, "run start_kept", k, DMI_KEPT_GIVEN, err);
	if (st != DM_OK)
		return st;
	return give(run, "run start_kept", "x", x, type, stride, run->plan->kept_start[k], &run->kept_given[k], 1, err);
}

/* What stands in a slot, times a factor, to tight rows of the caller's. */
static dm_status show(dm_run *run, int32_t slot, double factor, void *out, int32_t type, dm_error *err)
{
	struct dmi_group all = {.n = run->n_sample};
	dm_input in = {.source = DM_SOURCE_DATA};
	in.data = dmi_run_slot(run, &all, slot, &in.stride, &in.type);
	dm_output to = {out, run->n_element, type, 0};
	if (!run->array->host && (factor != 1 || in.type != type))
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "run state: the state is not in an array of its own at this request");
	run->in_callback = 1;
	dm_status st = run->array->host
	                   ? scale(run, in, to, factor, err)
	                   : copy_rows(run, run->slot[slot], in.stride, out, run->n_element, DM_COPY_FROM_BACKEND, err);
	run->in_callback = 0;
	return st;
}

dm_status dm_run_state(dm_run *run, void *out, int32_t type, dm_error *err)
{
	dm_status st = check_call(run, "run state", "out", out, type, err);
	if (st != DM_OK)
		return st;
	if (!run->started || run->shown_slot < 0)
		return dmi_fail(err, DM_ERR_STATE, "run state: the run has not started");
	return show(run, run->shown_slot, 1 / run->shown_scale, out, type, err);
}

dm_status dm_run_kept(dm_run *run, int32_t k, void *out, int32_t type, dm_error *err)
{
	dm_status st = check_call(run, "run kept", "out", out, type, err);
	if (st == DM_OK)
		st = check_kept(run, "run kept", k, DMI_KEPT_LEFT, err);
	if (st != DM_OK)
		return st;
	if (run->phase != DMI_PHASE_DONE)
		return dmi_fail(err, DM_ERR_STATE, "run kept: the run has not finished");
	return show(run, run->plan->kept_end[k], 1, out, type, err);
}

dm_status dm_run_x0(dm_run *run, void *out, int32_t type, dm_error *err)
{
	dm_status st = check_call(run, "run x0", "out", out, type, err);
	if (st != DM_OK)
		return st;
	if (run->plan->options.value[DMI_PLAN_PREVIEW] == 0)
		return dmi_fail(err, DM_ERR_STATE, "run x0: the plan must be made with preview=1");
	if (run->shown_x0 < 0 || run->plan->info.adaptive)
		return dmi_fail(err, DM_ERR_STATE, "run x0: no step has ended yet (adaptive runs show it in DM_ASK_STEP only)");
	return show(run, run->shown_x0, 1, out, type, err);
}
