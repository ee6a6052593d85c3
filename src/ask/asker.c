/* Birth and death of an object that asks: checks, options, one block of memory, keys. */
#include "base/compiler.h"
#include "ask/ask.h"
#include "base/error.h"
#include "run/options.h"
#include "schedule/grid.h"
#include <string.h>

/* --------------------------------------------------------------------------------------------------------- memory */

void *dmi_ask_take_rows(struct dmi_asker *a, size_t stride, int32_t type)
{
	size_t count;
	if (!dmi_multiply(a->n_sample, stride, &count)) {
		a->arena.overflow = 1;
		return NULL;
	}
	return dmi_arena_take(&a->arena, count, dmi_type_size(type));
}

static void place(struct dmi_asker *a)
{
	size_t n = a->n_sample;
	const dm_request *rq = &a->rq;
	a->arena.used = 0;
	a->seed = dmi_arena_take(&a->arena, n, sizeof *a->seed);
	a->sample = dmi_arena_take(&a->arena, n, sizeof *a->sample);
	a->row = dmi_arena_take(&a->arena, n, sizeof *a->row);
	a->rq_seed = dmi_arena_take(&a->arena, n, sizeof *a->rq_seed);
	a->rq_sample = dmi_arena_take(&a->arena, n, sizeof *a->rq_sample);
	a->time = dmi_arena_take(&a->arena, n, sizeof *a->time);
	a->alpha = dmi_arena_take(&a->arena, n, sizeof *a->alpha);
	a->sigma = dmi_arena_take(&a->arena, n, sizeof *a->sigma);
	a->x = dmi_ask_take_rows(a, rq->x_stride, rq->x_type);
	a->own_out = dmi_ask_take_rows(a, rq->out_stride, rq->out_type);
	a->own_variance = dmi_model_has_variance(a->model) ? dmi_ask_take_rows(a, rq->out_stride, rq->out_type) : NULL;
	a->cotangent = a->cotangents ? dmi_ask_take_rows(a, rq->out_stride, rq->out_type) : NULL;
	a->log_value = a->values ? dmi_arena_take(&a->arena, n, sizeof *a->log_value) : NULL;
	a->type->place(a);
}

/* Measures with memory NULL, then places. */
static dm_status lay_out(struct dmi_asker *a, dm_error *err)
{
	place(a);
	if (a->arena.overflow)
		return dmi_fail(err, DM_ERR_OVERFLOW, "%s: %z samples of %z elements do not fit into memory", a->type->name,
		                a->n_sample, a->n_element);
	a->arena.memory = dmi_allocate(&a->object.allocator, a->arena.used, 1, err);
	if (!a->arena.memory)
		return DM_ERR_MEMORY;
	a->bytes = a->arena.used;
	place(a);
	return DM_OK;
}

static void finish(void *object)
{
	struct dmi_asker *a = object;
	if (a->type && a->type->release)
		a->type->release(object);
	dmi_release_memory(&a->object.allocator, a->arena.memory, a->bytes);
	dmi_options_free(&a->options, &a->object.allocator);
	dmi_object_release(a->model);
	dmi_object_release(a->grid);
	dmi_object_release(a->schedule);
}

/* -------------------------------------------------------------------------------------------------------- options */

/* The options of a run go to `run`, the others to `own`; each has room for the whole text. */
static void sort_options(const char *text, char *own, char *run)
{
	while (text && *text) {
		size_t length = strcspn(text, ","), name = strcspn(text, ",=");
		char **to = dmi_run_option_exists(text, name) ? &run : &own;
		memcpy(*to, text, length);
		*to += length;
		text += length;
		if (!*text)
			break;
		text++;
		*(*to)++ = ',';
	}
}

static void drop_comma(char *text, const char *whole)
{
	size_t n = strlen(text), m = strlen(whole);
	if (n && text[n - 1] == ',' && m && whole[m - 1] != ',')
		text[n - 1] = 0;
}

static dm_status parse(struct dmi_asker *a, const char *text, dm_error *err)
{
	const dm_allocator *memory = &a->object.allocator;
	const struct dmi_asker_type *type = a->type;
	struct dmi_run_options run;
	size_t size = text ? strlen(text) + 2 : 2;
	char *own = dmi_allocate(memory, size, 2, err);
	if (!own)
		return DM_ERR_MEMORY;
	sort_options(text, own, own + size);
	if (text) {
		drop_comma(own, text);
		drop_comma(own + size, text);
	}
	dm_status st = dmi_run_options_parse(&run, own + size, a->n_sample, err);
	if (st == DM_OK)
		st = dmi_options_parse(&a->options, type->name, NULL, type->option, type->n_option, own, memory, err);
	dmi_release_memory(memory, own, 2 * size);
	if (st != DM_OK)
		return st;
	a->first_seed = run.seed;
	a->first_sample = run.first_sample;
	a->max_eval = run.max_eval;
	return DM_OK;
}

dm_status dmi_ask_refuse(const struct dmi_asker *a, uint32_t set, const char *why, dm_error *err)
{
	set &= a->options.given;
	for (int32_t k = 0; k < a->type->n_option; k++)
		if (set >> k & 1)
			return dmi_fail(err, DM_ERR_UNSUPPORTED, "%s: option %s has no effect with %s", a->type->name,
			                a->type->option[k].name, why);
	return DM_OK;
}

/* ------------------------------------------------------------------------------------------------------- creation */

dm_status dmi_ask_check(const struct dmi_asker_type *type, const struct dmi_ask_given *g, dm_error *err)
{
	const char *name = type->name, *missing = !g->schedule ? "schedule" : !g->model ? "model" : NULL;
	if (missing)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: %s is NULL", name, missing);
	if (g->number != DM_F32 && g->number != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: type is %d, it must be DM_F32 (1) or DM_F64 (2)", name, g->number);
	if (!g->n_sample || !g->n_element || g->n_element > UINT64_C(1) << 34)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "%s: n_sample = %z must be 1 or more, n_element = %z must be 1 to 2^34 (17179869184)", name,
		                g->n_sample, g->n_element);
	if (g->grid && g->grid->schedule != g->schedule)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: the grid was made from another schedule than the one given", name);
	return DM_OK;
}

void *dmi_ask_new(size_t bytes, const struct dmi_asker_type *type, const struct dmi_ask_given *g,
                  const dm_allocator *allocator, dm_error *err)
{
	struct dmi_asker *a = dmi_object_new(bytes, allocator, finish, err);
	if (!a)
		return NULL;
	a->type = type;
	a->schedule = dmi_object_retain(g->schedule);
	a->grid = dmi_object_retain(g->grid);
	a->model = dmi_object_retain(g->model);
	a->number = g->number;
	a->n_sample = g->n_sample;
	a->n_element = g->n_element;
	return a;
}

static dm_status set_request(struct dmi_asker *a, dm_error *err)
{
	dm_request *rq = &a->rq;
	rq->struct_size = sizeof *rq;
	rq->branch = &a->branch;
	rq->n_element = a->n_element;
	rq->x_type = dmi_model_x_type(a->model, a->number);
	rq->out_type = dmi_model_out_type(a->model, a->number);
	rq->x_stride = dmi_model_x_stride(a->model, a->n_element);
	rq->out_stride = dmi_model_out_stride(a->model, a->n_element);
	rq->out = a->out;
	rq->error = &a->scratch;
	if (rq->x_stride < a->n_element || rq->out_stride < a->n_element)
		return dmi_fail(err, DM_ERR_ARGUMENT, "model: %s = %z must be at least n_element = %z",
		                rq->x_stride < a->n_element ? "x_stride" : "out_stride",
		                rq->x_stride < a->n_element ? rq->x_stride : rq->out_stride, a->n_element);
	return DM_OK;
}

static void set_arrays(struct dmi_asker *a)
{
	for (size_t i = 0; i < a->n_sample; i++) {
		a->seed[i] = a->first_seed;
		a->sample[i] = a->first_sample + (int64_t)i;
	}
	a->rq.row = a->row;
	a->rq.seed = a->rq_seed;
	a->rq.sample = a->rq_sample;
	a->rq.x = a->x;
	a->rq.time = a->time;
	a->rq.alpha = a->alpha;
	a->rq.sigma = a->sigma;
}

dm_status dmi_ask_fill(void *object, const char *options, dm_error *err)
{
	struct dmi_asker *a = object;
	dm_status st = set_request(a, err);
	if (st == DM_OK)
		st = parse(a, options, err);
	if (st == DM_OK)
		st = a->type->setup(object, err);
	if (st == DM_OK)
		st = lay_out(a, err);
	if (st != DM_OK)
		return st;
	set_arrays(a);
	return a->type->begin(object, err);
}

dm_status dmi_ask_check_rows(const struct dmi_asker *a, const char *name, const void *data, int32_t type, size_t n,
                             dm_error *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *row = (const char *)data + i * a->n_element * dmi_type_size(type);
		int64_t element = dmi_first_not_finite(row, type, a->n_element);
		if (element >= 0)
			return dmi_fail(err, DM_ERR_ARGUMENT, "%s: element %l of %s %z is not finite", a->type->name, element, name,
			                i);
	}
	return DM_OK;
}
