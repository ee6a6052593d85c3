#include "base/compiler.h"
#include "noise/torch.h"
#include "base/error.h"
#include "noise/torch_cpu.h"

enum { PER_SAMPLE, INIT, CALLS_PER_STEP, FIRST_STEP };

static const dm_option options[] = {
    DMI_INTEGER("per_sample",
                "0: a draw is one call for the whole batch; 1: every sample has a generator, seed + sample", 0, 0, 1),
    DMI_INTEGER("init", "1: the first call makes the noise of the start; 0: the stream does not hold it", 0, 0, 1),
    DMI_INTEGER("calls_per_step", "0: one call for every draw of the plan; n: n calls for every step, used or not", 0,
                0, 32),
    DMI_INTEGER("first_step", "the step at which the calls begin, with calls_per_step", 0, 0, 16777215),
};

const struct dmi_noise_type dmi_noise_torch_cpu = {
    DMI_METHOD("torch_cpu", "randn of PyTorch on a CPU, call after call", "PyTorch; Matsumoto 1998", options),
    dmi_torch_cpu_call,
};

const struct dmi_noise_type dmi_noise_torch_cuda = {
    DMI_METHOD("torch_cuda", "randn of PyTorch on a CUDA device, call after call", "PyTorch; Salmon 2011", options),
    dmi_torch_cuda_call,
};

void dmi_rows_put(const struct dmi_rows *rows, size_t first, size_t n, const float *value)
{
	size_t row = first / rows->n_element, element = first % rows->n_element;
	for (size_t i = 0; i < n; i++, element++) {
		if (element == rows->n_element) {
			element = 0;
			row++;
		}
		size_t at = row * rows->stride + element;
		if (rows->type == DM_F32)
			((float *)rows->data)[at] = value[i];
		else
			((double *)rows->data)[at] = (double)value[i];
	}
}

/* ------------------------------------------------------------------------------------------------------- a source */

/* The call of a draw that is named by its step. */
static dm_status call_of_step(const dm_noise *noise, const dm_request *rq, uint64_t *call)
{
	const char *name = noise->type->method.info.name;
	int32_t n = (int32_t)noise->options.value[CALLS_PER_STEP], tag = (int32_t)(rq->draw >> 24 & 31);
	int64_t first = (int64_t)noise->options.value[FIRST_STEP], step = (int64_t)(rq->draw & 0xffffff);
	uint32_t domain = rq->draw >> 29;
	if (domain != DM_DRAW_STEP && domain != DM_DRAW_PATH)
		return dmi_fail(rq->error, DM_ERR_UNSUPPORTED, "%s: draw %l belongs to no step; leave out calls_per_step", name,
		                (int64_t)rq->draw);
	if (tag >= n)
		return dmi_fail(rq->error, DM_ERR_STATE, "%s: step %l asks for its draw %d, with calls_per_step=%d it has %d",
		                name, step, tag, n, n);
	if (step < first)
		return dmi_fail(rq->error, DM_ERR_STATE, "%s: step %l draws, but the calls begin at first_step=%l", name, step,
		                first);
	*call = (uint64_t)(step - first) * (uint64_t)n + (uint64_t)tag;
	return DM_OK;
}

static dm_status call_of(const dm_noise *noise, const dm_request *rq, uint64_t *call)
{
	uint64_t init = noise->options.value[INIT] != 0;
	*call = 0;
	if (rq->draw_ordinal < 0)
		return init ? DM_OK
		            : dmi_fail(rq->error, DM_ERR_STATE,
		                       "%s: the stream does not hold the noise of the start; give a state, or init=1",
		                       noise->type->method.info.name);
	dm_status st = DM_OK;
	if (noise->options.value[CALLS_PER_STEP] != 0)
		st = call_of_step(noise, rq, call);
	else
		*call = (uint64_t)rq->draw_ordinal;
	*call += init;
	return st;
}

/* One call draws for rows 0 .. n - 1, from one seed. */
static dm_status check_batch(const char *name, const dm_request *rq)
{
	for (size_t i = 0; i < rq->n_sample; i++) {
		if (rq->row[i] != i)
			return dmi_fail(rq->error, DM_ERR_UNSUPPORTED,
			                "%s: row %z is asked for apart from the batch; per_sample=1 allows that", name, rq->row[i]);
		if (rq->seed[i] != rq->seed[0])
			return dmi_fail(rq->error, DM_ERR_UNSUPPORTED,
			                "%s: row %z has another seed than row 0; per_sample=1 allows that", name, i);
	}
	return DM_OK;
}

static dm_status check_type(const char *name, int32_t type, dm_error *err)
{
	if (type == DM_F32 || type == DM_F64)
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT, "%s: type is %d, it must be DM_F32 (1) or DM_F64 (2)", name, type);
}

dm_status dmi_torch_fill(void *user, const dm_request *rq)
{
	const dm_noise *noise = user;
	const char *name = noise->type->method.info.name;
	int per_sample = noise->options.value[PER_SAMPLE] != 0;
	struct dmi_rows rows = {rq->out[0], rq->out_type, rq->n_element, rq->out_stride};
	size_t size = rq->out_type == DM_F32 ? sizeof(float) : sizeof(double);
	uint64_t call;
	dm_status st = check_type(name, rq->out_type, rq->error);
	if (st == DM_OK)
		st = call_of(noise, rq, &call);
	if (st == DM_OK && !per_sample)
		st = check_batch(name, rq);
	if (st != DM_OK)
		return st;
	if (!per_sample)
		noise->type->call(rq->seed[0], call, rq->n_sample * rq->n_element, &rows);
	for (size_t i = 0; per_sample && i < rq->n_sample; i++) {
		rows.data = (unsigned char *)rq->out[0] + i * rq->out_stride * size;
		noise->type->call(rq->seed[i] + (uint64_t)rq->sample[i], call, rq->n_element, &rows);
	}
	return DM_OK;
}

/* ------------------------------------------------------------------------------------------------ without a run */

static dm_status check_out(const char *name, const void *out, size_t n, int32_t type, dm_error *err)
{
	const uint64_t limit = UINT64_C(1) << 34;
	dm_status st = check_type(name, type, err);
	if (st == DM_OK && (n > limit || n > SIZE_MAX / sizeof(double)))
		st = dmi_fail(err, DM_ERR_OVERFLOW, "%s: %z numbers are asked for, 2^34 are the most", name, n);
	if (st == DM_OK && !out && n)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "%s: out is NULL, it must hold %z numbers", name, n);
	return st;
}

dm_status dm_torch_cpu_normals(uint64_t seed, const size_t *size, size_t n_call, int32_t type, void *out, dm_error *err)
{
	struct dmi_torch_cpu g;
	size_t total = 0;
	if (!size && n_call)
		return dmi_fail(err, DM_ERR_ARGUMENT, "torch_cpu: size is NULL, it must hold the sizes of %z calls", n_call);
	for (size_t i = 0; i < n_call; i++)
		total = size[i] < SIZE_MAX - total ? total + size[i] : SIZE_MAX;
	dm_status st = check_out("torch_cpu", out, total, type, err);
	if (st != DM_OK)
		return st;
	dmi_torch_cpu_seed(&g, seed);
	for (size_t i = 0, at = 0; i < n_call; at += size[i++]) {
		unsigned char *to = (unsigned char *)out + at * (type == DM_F32 ? sizeof(float) : sizeof(double));
		dmi_torch_cpu_normals(&g, size[i], &(struct dmi_rows){to, type, size[i], size[i]});
	}
	return DM_OK;
}

dm_status dm_torch_cpu_uniforms(uint64_t seed, size_t n, int32_t type, void *out, dm_error *err)
{
	struct dmi_torch_cpu g;
	struct dmi_rows rows = {out, type, n, n};
	dm_status st = check_out("torch_cpu", out, n, type, err);
	if (st != DM_OK)
		return st;
	dmi_torch_cpu_seed(&g, seed);
	for (size_t i = 0; i < n; i++) {
		float value = dmi_torch_cpu_uniform(&g);
		dmi_rows_put(&rows, i, 1, &value);
	}
	return DM_OK;
}

dm_status dm_torch_cuda_normals(uint64_t seed, uint64_t call, size_t n, int32_t type, void *out, dm_error *err)
{
	dm_status st = check_out("torch_cuda", out, n, type, err);
	if (st == DM_OK)
		dmi_torch_cuda_call(seed, call, n, &(struct dmi_rows){out, type, n, n});
	return st;
}
