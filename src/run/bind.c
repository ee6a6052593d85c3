/* Arrays that the caller binds to a run, and the operator that works with them. */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { MEASUREMENT = DM_BOUND_MEASUREMENT };

static const char *const names[] = {"DM_BOUND_KNOWN",    "DM_BOUND_MASK",     "DM_BOUND_REFERENCE",
                                    "DM_BOUND_USER",     "DM_BOUND_USER + 1", "DM_BOUND_USER + 2",
                                    "DM_BOUND_USER + 3", "DM_BOUND_USER + 4", "DM_BOUND_MEASUREMENT"};

static const dm_operator *operator_of(const dm_run *run)
{
	return run->plan->guidance ? run->plan->guidance->op : NULL;
}

static int is_read(const dm_run *run, int32_t which)
{
	return which == MEASUREMENT ? operator_of(run) != NULL
	                            : (int)(run->plan->needs.slots >> (DM_SLOT_BOUND + which) & 1);
}

/* Whether a stage of the guidance may act at no node: what it would read can be bound, and has no place. */
static int has_interval(const dm_run *run)
{
	double ends[2];
	for (int32_t k = 0; dmi_guidance_interval(run->plan->guidance, k, ends); k++)
		if (ends[0] > -INFINITY || ends[1] < INFINITY)
			return 1;
	return 0;
}

dm_status dmi_run_check_bound(const dm_run *run, dm_error *err)
{
	for (int32_t which = 0; which <= MEASUREMENT; which++)
		if ((which == MEASUREMENT ? run->plan->needs.measures : is_read(run, which)) && !(run->bound >> which & 1))
			return dmi_fail(err, DM_ERR_STATE,
			                "run: the guidance reads %s; give it with dm_run_bind before the run starts", names[which]);
	return DM_OK;
}

static double number_at(const void *data, int32_t type, size_t i)
{
	return type == DM_F32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static dm_status check_values(const dm_run *run, int32_t which, const void *data, int32_t type, size_t n, dm_error *err)
{
	int is_mask = dmi_guidance_is_mask(run->plan->guidance, which);
	for (size_t i = 0; i < n; i++) {
		double v = number_at(data, type, i);
		if (!(v - v == 0))
			return dmi_fail(err, DM_ERR_NOT_FINITE, "run bind: value %z of %s is not finite", i, names[which]);
		if (is_mask && !(v >= 0 && v <= 1))
			return dmi_fail(err, DM_ERR_ARGUMENT, "run bind: value %z of %s is %g, it must lie in [0, 1]", i,
			                names[which], v);
	}
	return DM_OK;
}

static dm_status check_call(const dm_run *run, int32_t which, const void *data, int32_t type, size_t n, size_t *one,
                            dm_error *err)
{
	if (!run || !data)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run bind: %s is NULL", run ? "data" : "run");
	if (run->in_callback)
		return dmi_fail(err, DM_ERR_BUSY, "run bind: called from a callback of the same run");
	if (run->started)
		return dmi_fail(err, DM_ERR_STATE, "run bind: the run has already started");
	if (which < 0 || which > MEASUREMENT)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run bind: which = %d must be 0 to %d", which, MEASUREMENT);
	if (type != DM_F32 && type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run bind: type = %d must be DM_F32 or DM_F64", type);
	if (!is_read(run, which) && !has_interval(run))
		return dmi_fail(err, DM_ERR_STATE, "run bind: nothing in the plan reads %s", names[which]);
	if (which == MEASUREMENT && !operator_of(run))
		return dmi_fail(err, DM_ERR_STATE, "run bind: there is no operator to measure %s", names[which]);
	*one = which == MEASUREMENT ? operator_of(run)->n_out : run->n_element;
	if (n != *one && n != *one * run->n_sample)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run bind: n = %z of %s must be %z (the same for all samples) or %z", n,
		                names[which], *one, *one * run->n_sample);
	if (!run->array->host && type != run->array->ops.type)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "run bind: with a custom array the type must be that of its state");
	return check_values(run, which, data, type, n, err);
}

/* Row s of an array that the caller gave. */
static const void *row_of(const void *data, int32_t type, size_t n, size_t one, size_t s)
{
	return (const char *)data + (n == one ? 0 : s * one) * dmi_type_size(type);
}

static dm_status copy_row(dm_run *run, int32_t slot, size_t s, const void *data, int32_t type, dm_error *err)
{
	static const double factor = 1;
	size_t size = dmi_type_size(run->array->ops.type), bytes = run->n_element * size;
	char *to = (char *)run->slot[slot] + s * bytes;
	union {
		const void *in;
		void *out;
	} host = {data};
	if (!run->array->host) {
		dm_status code = run->array->ops.copy(run->array->user, to, host.out, bytes, DM_COPY_TO_BACKEND);
		return code ? dmi_run_array_error(err, "array copy", code) : DM_OK;
	}
	dm_input in = {.data = data, .stride = run->n_element, .type = type, .source = DM_SOURCE_DATA};
	dm_output out = {to, run->n_element, run->array->ops.type, 0};
	dm_job job = {.struct_size = sizeof job, .n_sample = 1, .n_element = run->n_element, .n_in = 1, .n_out = 1};
	job.in = &in;
	job.out = &out;
	job.coefficient = &factor;
	dm_status code = run->array->ops.combine(run->array->user, &job);
	return code ? dmi_run_array_error(err, "array combine", code) : DM_OK;
}

dm_status dm_run_bind(dm_run *run, int32_t which, const void *data, int32_t type, size_t n, dm_error *err)
{
	size_t one = 0;
	dm_status st = check_call(run, which, data, type, n, &one, err);
	if (st != DM_OK)
		return st;
	run->in_callback = 1;
	for (size_t s = 0; st == DM_OK && is_read(run, which) && s < run->n_sample; s++) {
		const void *row = row_of(data, type, n, one, s);
		if (which != MEASUREMENT) {
			st = copy_row(run, DM_SLOT_BOUND + which, s, row, type, err);
			continue;
		}
		for (size_t i = 0; i < one; i++)
			run->measurement[s * one + i] = number_at(row, type, i);
	}
	run->in_callback = 0;
	if (st == DM_OK)
		run->bound |= (uint32_t)1 << which;
	return st;
}

/* out = in for one row, whatever their types and sources. */
static dm_status convert(dm_run *run, const struct dmi_group *g, size_t s, dm_input in, dm_output out, dm_error *err)
{
	static const double factor = 1;
	dm_job job = {.struct_size = sizeof job, .n_sample = 1, .n_element = run->n_element, .n_in = 1, .n_out = 1};
	job.seed = run->seed + g->first + s;
	job.sample = run->sample + g->first + s;
	job.in = &in;
	job.out = &out;
	job.coefficient = &factor;
	dm_status code = run->array->ops.combine(run->array->user, &job);
	return code ? dmi_run_array_error(err, "array combine", code) : DM_OK;
}

/* The operator's error with the place at which it happened. */
static void place(const dm_run *run, const dm_row *row, size_t s, dm_error *err)
{
	if (!err)
		return;
	dm_error what = *err;
	dmi_fail(err, what.status, "%s (guidance, sample %l, step %l)", what.message, run->sample[s], row->step);
	err->user_code = what.user_code;
	err->element = what.element;
	err->sample = run->sample[s];
}

/* Whether what the operator made can be a state. */
static dm_status check_range(const dm_run *run, dm_error *err)
{
	double most = run->array->ops.type == DM_F32 ? (double)FLT_MAX : DBL_MAX;
	for (size_t i = 0; i < run->n_element; i++)
		if (!(fabs(run->operator_result[i]) <= most))
			return dmi_fail(err, DM_ERR_NOT_FINITE,
			                "operator: element %z of its correction, %g, is too large for a state", i,
			                run->operator_result[i]);
	return DM_OK;
}

dm_status dmi_run_operate(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	const dm_operator *op = operator_of(run);
	dm_status st = DM_OK;
	for (size_t s = 0; st == DM_OK && s < g->n; s++) {
		dm_input result = {.data = run->operator_result, .stride = run->n_element, .type = DM_F64};
		dm_output out = run->job_out[0];
		out.data = (char *)out.data + s * out.stride * dmi_type_size(out.type);
		for (int32_t i = 0; st == DM_OK && i < row->n_in; i++) {
			dm_output x = {run->operator_x + (size_t)i * run->n_element, run->n_element, DM_F64, 0};
			dm_input in = run->in[i];
			if (in.data)
				in.data = (const char *)in.data + s * in.stride * dmi_type_size(in.type);
			st = convert(run, g, s, in, x, err);
		}
		if (st == DM_OK)
			st = dmi_operator_make(op, row->map, row->parameter, run->operator_x,
			                       run->measurement + (g->first + s) * op->n_out, run->operator_result,
			                       run->operator_work, err);
		if (st == DM_OK)
			st = check_range(run, err);
		if (st == DM_OK)
			st = convert(run, g, s, result, out, err);
		if (st != DM_OK)
			place(run, row, g->first + s, err);
	}
	return st;
}
