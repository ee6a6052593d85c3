#include "base/compiler.h"
#include "base/error.h"
#include "base/option.h"
#include "noise/noise.h"
#include "noise/path.h"
#include "noise/torch.h"
#include <string.h>

/* ------------------------------------------------------------------------------------------- normals by address */

/* draw = domain in bits 29 .. 31, tag in 24 .. 28, visit in 0 .. 23: different names, different numbers. */
static const int64_t max_domain = DM_DRAW_USER, max_tag = 31, max_visit = (1 << 24) - 1;

static dm_status check_field(const char *name, int64_t value, int64_t max, dm_error *err)
{
	if (value >= 0 && value <= max)
		return DM_OK;
	return dmi_fail(err, DM_ERR_OVERFLOW, "draw: %s is %l, it must be 0 to %l", name, value, max);
}

dm_status dm_draw(int32_t domain, int64_t visit, int32_t tag, uint32_t *out, dm_error *err)
{
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "draw: out is NULL");
	*out = 0;
	dm_status st = check_field("domain", domain, max_domain, err);
	if (st == DM_OK)
		st = check_field("visit", visit, max_visit, err);
	if (st == DM_OK)
		st = check_field("tag", tag, max_tag, err);
	if (st == DM_OK)
		*out = (uint32_t)domain << 29 | (uint32_t)tag << 24 | (uint32_t)visit;
	return st;
}

dm_status dm_normals(uint64_t seed, int64_t sample, uint32_t draw, uint64_t first, size_t n, int32_t type, void *out,
                     dm_error *err)
{
	const uint64_t limit = UINT64_C(1) << 34;
	if (sample < 0)
		return dmi_fail(err, DM_ERR_ARGUMENT, "normals: sample is %l, it must be 0 or more", sample);
	if (type != DM_F32 && type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "normals: type is %d, it must be DM_F32 (1) or DM_F64 (2)", type);
	if (!out && n)
		return dmi_fail(err, DM_ERR_ARGUMENT, "normals: out is NULL, it must hold %z numbers", n);
	if (first > limit || n > limit - first)
		return dmi_fail(err, DM_ERR_OVERFLOW, "normals: first (%g) + n (%z) passes 2^34 elements", (double)first, n);
	if (type == DM_F32)
		dmi_normals_f32(seed, sample, draw, first, n, out);
	else
		dmi_normals_f64(seed, sample, draw, first, n, out);
	return DM_OK;
}

dm_status dm_path(uint64_t seed, int64_t sample, double lambda_from, double lambda_to, size_t n, int32_t type,
                  void *out, dm_error *err)
{
	if (sample < 0)
		return dmi_fail(err, DM_ERR_ARGUMENT, "path: sample is %l, it must be 0 or more", sample);
	if (type != DM_F32 && type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "path: type is %d, it must be DM_F32 (1) or DM_F64 (2)", type);
	if (lambda_from != lambda_from || lambda_to != lambda_to)
		return dmi_fail(err, DM_ERR_ARGUMENT, "path: lambda_from = %g and lambda_to = %g must not be NaN", lambda_from,
		                lambda_to);
	if (!out && n)
		return dmi_fail(err, DM_ERR_ARGUMENT, "path: out is NULL, it must hold %z numbers", n);
	if (n > UINT64_C(1) << 34)
		return dmi_fail(err, DM_ERR_OVERFLOW, "path: n (%z) passes 2^34 elements", n);
	if (type == DM_F32)
		dmi_path_f32(seed, sample, lambda_from, lambda_to, 0, n, out);
	else
		dmi_path_f64(seed, sample, lambda_from, lambda_to, 0, n, out);
	return DM_OK;
}

/* ------------------------------------------------------------------------------------------------ noise sources */

struct replay {
	const unsigned char *value; /* [draw][sample][element], lent */
	int32_t type;
	size_t n_draw, n_sample, n_element;
	dm_allocator allocator; /* the one it came from */
};

static void finish_noise(void *object)
{
	dm_noise *noise = object;
	if (noise->ops.destroy)
		noise->ops.destroy(noise->user);
}

static dm_status new_noise(dm_noise **out, const dm_allocator *allocator, dm_error *err)
{
	dm_error own;
	if (!err)
		err = &own;
	*out = dmi_object_new(sizeof **out, allocator, finish_noise, err);
	return *out ? DM_OK : err->status;
}

static const struct dmi_noise_type philox = {
    DMI_METHOD_PLAIN("philox", "unit normals addressed by seed, sample, draw and element", "Salmon 2011"),
    NULL,
};

static dm_status make_noise(dm_noise **out, const struct dmi_noise_type *type, const char *options,
                            const dm_allocator *allocator, dm_error *err)
{
	const dm_method *info = &type->method.info;
	struct dmi_options values;
	dm_status st =
	    dmi_options_parse(&values, "noise", info->name, type->method.option, info->n_option, options, allocator, err);
	if (st == DM_OK)
		st = new_noise(out, allocator, err);
	if (st != DM_OK)
		return st;
	dm_noise *noise = *out;
	noise->type = type;
	noise->options = values;
	noise->builtin = !type->call;
	noise->own_fill = !!type->call;
	noise->ops.fill = type->call ? dmi_torch_fill : NULL;
	noise->user = noise;
	return DM_OK;
}

dm_status dm_noise_create(dm_noise **out, const char *spec, const dm_allocator *allocator, dm_error *err)
{
	static const struct dmi_method *const registry[] = {&philox.method, &dmi_noise_torch_cpu.method,
	                                                    &dmi_noise_torch_cuda.method};
	const char *text;
	dm_error own;
	if (!err)
		err = &own;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "noise: out is NULL");
	*out = NULL;
	const struct dmi_method *method =
	    dmi_method_find(registry, sizeof registry / sizeof *registry, "noise", spec, &text, err);
	return method ? make_noise(out, (const struct dmi_noise_type *)method, text, allocator, err) : err->status;
}

dm_status dm_noise_create_custom(dm_noise **out, const dm_noise_ops *ops, void *user, const dm_allocator *allocator,
                                 dm_error *err)
{
	dm_noise_ops own = {0};
	if (out)
		*out = NULL;
	dm_status st = dmi_struct_copy(&own, sizeof own, ops, sizeof own, "noise ops", err);
	if (st == DM_OK && !out)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "noise: out is NULL");
	if (st == DM_OK)
		st = new_noise(out, allocator, err);
	if (st == DM_OK) {
		(*out)->ops = own;
		(*out)->user = user;
	} else if (own.destroy) {
		own.destroy(user);
	}
	return st;
}

void dm_noise_free(dm_noise *noise)
{
	dmi_object_release(noise);
}

/* -------------------------------------------------------------------------------------------------------- replay */

static dm_status check_replay(const struct replay *r, const dm_request *rq)
{
	if (rq->n_element != r->n_element)
		return dmi_fail(rq->error, DM_ERR_ARGUMENT, "replay: rows have %z elements, the record has %z", rq->n_element,
		                r->n_element);
	if (rq->draw_ordinal < 0)
		return dmi_fail(rq->error, DM_ERR_STATE,
		                "replay: the record does not hold the noise of the start; give a state");
	if ((uint64_t)rq->draw_ordinal >= r->n_draw)
		return dmi_fail(rq->error, DM_ERR_STATE, "replay: draw %l is asked for, the record holds %z draws",
		                rq->draw_ordinal, r->n_draw);
	if (rq->out_type != DM_F32 && rq->out_type != DM_F64)
		return dmi_fail(rq->error, DM_ERR_ARGUMENT, "replay: type is %d, it must be DM_F32 (1) or DM_F64 (2)",
		                rq->out_type);
	for (size_t i = 0; i < rq->n_sample; i++)
		if (rq->row[i] >= r->n_sample)
			return dmi_fail(rq->error, DM_ERR_ARGUMENT, "replay: row %z is asked for, the record holds %z samples",
			                rq->row[i], r->n_sample);
	return DM_OK;
}

/* n numbers of one type from another. */
static void copy_numbers(void *to, int32_t to_type, const void *from, int32_t from_type, size_t n)
{
	if (to_type == from_type) {
		memcpy(to, from, n * (to_type == DM_F32 ? sizeof(float) : sizeof(double)));
	} else if (to_type == DM_F32) {
		for (size_t i = 0; i < n; i++)
			((float *)to)[i] = (float)((const double *)from)[i];
	} else {
		for (size_t i = 0; i < n; i++)
			((double *)to)[i] = (double)((const float *)from)[i];
	}
}

static dm_status fill_replay(void *user, const dm_request *rq)
{
	const struct replay *r = user;
	dm_status st = check_replay(r, rq);
	if (st != DM_OK)
		return st;
	size_t size = r->type == DM_F32 ? sizeof(float) : sizeof(double);
	size_t out_size = rq->out_type == DM_F32 ? sizeof(float) : sizeof(double);
	for (size_t i = 0; i < rq->n_sample; i++) {
		size_t row = (size_t)rq->draw_ordinal * r->n_sample + rq->row[i];
		copy_numbers((unsigned char *)rq->out[0] + i * rq->out_stride * out_size, rq->out_type,
		             r->value + row * r->n_element * size, r->type, r->n_element);
	}
	return DM_OK;
}

static void destroy_replay(void *user)
{
	struct replay *r = user;
	dm_allocator allocator = r->allocator;
	dmi_release_memory(&allocator, r, sizeof *r);
}

static dm_status check_record(const struct replay *r, dm_error *err)
{
	size_t rows, numbers, bytes;
	if (!r->value)
		return dmi_fail(err, DM_ERR_ARGUMENT, "replay: value is NULL");
	if (r->type != DM_F32 && r->type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "replay: type is %d, it must be DM_F32 (1) or DM_F64 (2)", r->type);
	if (!r->n_sample || !r->n_element)
		return dmi_fail(err, DM_ERR_ARGUMENT, "replay: n_sample (%z) and n_element (%z) must be 1 or more", r->n_sample,
		                r->n_element);
	if (!dmi_multiply(r->n_draw, r->n_sample, &rows) || !dmi_multiply(rows, r->n_element, &numbers) ||
	    !dmi_multiply(numbers, sizeof(double), &bytes))
		return dmi_fail(err, DM_ERR_OVERFLOW, "replay: %z draws of %z samples of %z elements do not fit into memory",
		                r->n_draw, r->n_sample, r->n_element);
	return DM_OK;
}

dm_status dm_noise_create_replay(dm_noise **out, const void *value, int32_t type, size_t n_draw, size_t n_sample,
                                 size_t n_element, const dm_allocator *allocator, dm_error *err)
{
	const dm_noise_ops ops = {sizeof ops, fill_replay, destroy_replay};
	struct replay record = {.value = value, .type = type, .n_draw = n_draw};
	dm_error own;
	if (!err)
		err = &own;
	record.n_sample = n_sample;
	record.n_element = n_element;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "replay: out is NULL");
	*out = NULL;
	dm_status st = check_record(&record, err);
	if (st == DM_OK)
		st = dmi_allocator_copy(&record.allocator, allocator, err);
	if (st != DM_OK)
		return st;
	struct replay *r = dmi_allocate(&record.allocator, 1, sizeof *r, err);
	if (!r)
		return err->status;
	*r = record;
	st = dm_noise_create_custom(out, &ops, r, allocator, err);
	if (st == DM_OK)
		(*out)->own_fill = 1;
	return st;
}

void dmi_noise_print(const dm_noise *noise, struct dmi_text *text)
{
	const struct dmi_method *method = noise->type ? &noise->type->method : NULL;
	if (method)
		dmi_options_print(text, method->info.name, method->option, method->info.n_option, &noise->options);
	else
		dmi_text_string(text, noise->own_fill ? "replay" : "custom");
}
