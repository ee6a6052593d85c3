/* The object: its memory, its options, its parts, its keys. */
#include "base/compiler.h"
#include "likelihood/likelihood.h"
#include "base/error.h"
#include "run/options.h"
#include "schedule/grid.h"
#include <string.h>

/* --------------------------------------------------------------------------------------------------------- memory */

void *dmi_likelihood_take(dm_likelihood *l, size_t count, size_t size)
{
	enum { ALIGN = 64 };
	size_t bytes, at = l->used;
	if (!dmi_multiply(count, size, &bytes) || bytes > SIZE_MAX / 4 || at > SIZE_MAX / 4) {
		l->overflow = 1;
		return NULL;
	}
	l->used = at + (bytes + ALIGN - 1) / ALIGN * ALIGN;
	return l->memory ? l->memory + at : NULL;
}

void *dmi_likelihood_take_rows(dm_likelihood *l, size_t stride, int32_t type)
{
	size_t count;
	if (!dmi_multiply(l->n_sample, stride, &count)) {
		l->overflow = 1;
		return NULL;
	}
	return dmi_likelihood_take(l, count, dmi_type_size(type));
}

static void place(dm_likelihood *l)
{
	size_t n = l->n_sample;
	const dm_request *rq = &l->rq;
	l->used = 0;
	l->seed = dmi_likelihood_take(l, n, sizeof *l->seed);
	l->sample = dmi_likelihood_take(l, n, sizeof *l->sample);
	l->eval_of = dmi_likelihood_take(l, n, sizeof *l->eval_of);
	l->log_density = dmi_likelihood_take(l, n, sizeof *l->log_density);
	l->row = dmi_likelihood_take(l, n, sizeof *l->row);
	l->rq_seed = dmi_likelihood_take(l, n, sizeof *l->rq_seed);
	l->rq_sample = dmi_likelihood_take(l, n, sizeof *l->rq_sample);
	l->time = dmi_likelihood_take(l, n, sizeof *l->time);
	l->alpha = dmi_likelihood_take(l, n, sizeof *l->alpha);
	l->sigma = dmi_likelihood_take(l, n, sizeof *l->sigma);
	l->start = dmi_likelihood_take_rows(l, l->n_element, DM_F64);
	l->x = dmi_likelihood_take_rows(l, rq->x_stride, rq->x_type);
	l->own_out = dmi_likelihood_take_rows(l, rq->out_stride, rq->out_type);
	l->own_variance =
	    dmi_model_has_variance(l->model) ? dmi_likelihood_take_rows(l, rq->out_stride, rq->out_type) : NULL;
	l->kind->place(l);
}

/* Measures with memory NULL, then places. */
static dm_status lay_out(dm_likelihood *l, dm_error *err)
{
	place(l);
	if (l->overflow)
		return dmi_fail(err, DM_ERR_OVERFLOW, "%s: %z samples of %z elements do not fit into memory", l->kind->name,
		                l->n_sample, l->n_element);
	l->memory = dmi_allocate(&l->object.allocator, l->used, 1, err);
	if (!l->memory)
		return DM_ERR_MEMORY;
	l->bytes = l->used;
	place(l);
	return DM_OK;
}

static void finish(void *object)
{
	dm_likelihood *l = object;
	dmi_release_memory(&l->object.allocator, l->memory, l->bytes);
	dmi_options_free(&l->options, &l->object.allocator);
	dmi_object_release(l->model);
	dmi_object_release(l->grid);
	dmi_object_release(l->schedule);
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

static dm_status parse(dm_likelihood *l, const char *text, dm_error *err)
{
	const dm_allocator *memory = &l->object.allocator;
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
	dm_status st = dmi_run_options_parse(&run, own + size, l->n_sample, err);
	if (st == DM_OK)
		st = dmi_options_parse(&l->options, l->kind->name, NULL, l->kind->option, l->kind->n_option, own, memory, err);
	dmi_release_memory(memory, own, 2 * size);
	if (st != DM_OK)
		return st;
	l->first_seed = run.seed;
	l->first_sample = run.first_sample;
	l->max_eval = run.max_eval;
	return DM_OK;
}

dm_status dmi_likelihood_refuse(const dm_likelihood *l, uint32_t set, const char *why, dm_error *err)
{
	set &= l->options.given;
	for (int32_t k = 0; k < l->kind->n_option; k++)
		if (set >> k & 1)
			return dmi_fail(err, DM_ERR_UNSUPPORTED, "%s: option %s has no effect with %s", l->kind->name,
			                l->kind->option[k].name, why);
	return DM_OK;
}

/* ------------------------------------------------------------------------------------------------------- creation */

static dm_status set_request(dm_likelihood *l, dm_error *err)
{
	dm_request *rq = &l->rq;
	rq->struct_size = sizeof *rq;
	rq->n_branch = 1;
	rq->branch = &l->branch;
	rq->n_element = l->n_element;
	rq->x_type = dmi_model_x_type(l->model, l->type);
	rq->out_type = dmi_model_out_type(l->model, l->type);
	rq->x_stride = dmi_model_x_stride(l->model, l->n_element);
	rq->out_stride = dmi_model_out_stride(l->model, l->n_element);
	rq->out = l->out;
	rq->error = &l->scratch;
	if (rq->x_stride < l->n_element || rq->out_stride < l->n_element)
		return dmi_fail(err, DM_ERR_ARGUMENT, "model: %s = %z must be at least n_element = %z",
		                rq->x_stride < l->n_element ? "x_stride" : "out_stride",
		                rq->x_stride < l->n_element ? rq->x_stride : rq->out_stride, l->n_element);
	return DM_OK;
}

static dm_status copy_start(dm_likelihood *l, const void *x0, dm_error *err)
{
	static const double one = 1;
	for (size_t i = 0; i < l->n_sample; i++) {
		const char *row = (const char *)x0 + i * l->n_element * dmi_type_size(l->type);
		int64_t element = dmi_first_not_finite(row, l->type, l->n_element);
		if (element >= 0)
			return dmi_fail(err, DM_ERR_ARGUMENT, "%s: element %l of sample %z of x0 is not finite", l->kind->name,
			                element, i);
		const dm_input in = {.data = row, .type = l->type};
		dmi_row_sum(l, i, 1, &in, &one, l->start + i * l->n_element, DM_F64);
		l->seed[i] = l->first_seed;
		l->sample[i] = l->first_sample + (int64_t)i;
	}
	l->rq.row = l->row;
	l->rq.seed = l->rq_seed;
	l->rq.sample = l->rq_sample;
	l->rq.x = l->x;
	l->rq.time = l->time;
	l->rq.alpha = l->alpha;
	l->rq.sigma = l->sigma;
	return DM_OK;
}

static dm_status fill(dm_likelihood *l, const char *options, const void *x0, dm_error *err)
{
	dm_status st = set_request(l, err);
	if (st == DM_OK)
		st = parse(l, options, err);
	if (st == DM_OK)
		st = l->kind->setup(l, err);
	if (st == DM_OK)
		st = lay_out(l, err);
	if (st == DM_OK)
		st = copy_start(l, x0, err);
	return st == DM_OK ? l->kind->begin(l, err) : st;
}

/* What a create function was given. */
struct given {
	const dm_schedule *schedule;
	const dm_grid *grid;
	const dm_model *model;
	const char *options;
	const void *x0;
	int32_t type;
	size_t n_sample, n_element;
};

static dm_status check(const char *name, const struct given *g, dm_error *err)
{
	const char *missing = !g->schedule ? "schedule" : !g->model ? "model" : !g->x0 ? "x0" : NULL;
	if (missing)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: %s is NULL", name, missing);
	if (g->type != DM_F32 && g->type != DM_F64)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: type is %d, it must be DM_F32 (1) or DM_F64 (2)", name, g->type);
	if (!g->n_sample || !g->n_element || g->n_element > UINT64_C(1) << 34)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "%s: n_sample = %z must be 1 or more, n_element = %z must be 1 to 2^34 (17179869184)", name,
		                g->n_sample, g->n_element);
	if (g->grid && g->grid->schedule != g->schedule)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: the grid was made from another schedule than the one given", name);
	return DM_OK;
}

static dm_status create(dm_likelihood **out, const struct dmi_estimate *kind, const struct given *g,
                        const dm_allocator *allocator, dm_error *err)
{
	dm_error own;
	if (!err)
		err = &own;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: out is NULL", kind->name);
	*out = NULL;
	dm_status st = check(kind->name, g, err);
	dm_likelihood *l = st == DM_OK ? dmi_object_new(sizeof *l, allocator, finish, err) : NULL;
	if (!l)
		return err->status;
	l->kind = kind;
	l->schedule = dmi_object_retain(g->schedule);
	l->grid = dmi_object_retain(g->grid);
	l->model = dmi_object_retain(g->model);
	l->type = g->type;
	l->n_sample = g->n_sample;
	l->n_element = g->n_element;
	st = fill(l, g->options, g->x0, err);
	if (st == DM_OK)
		*out = l;
	else
		dmi_object_release(l);
	return st;
}

dm_status dm_likelihood_create(dm_likelihood **out, const dm_schedule *schedule, const dm_model *model,
                               const char *options, const void *x0, int32_t type, size_t n_sample, size_t n_element,
                               const dm_allocator *allocator, dm_error *err)
{
	const struct given given = {schedule, NULL, model, options, x0, type, n_sample, n_element};
	return create(out, &dmi_estimate_ode, &given, allocator, err);
}

dm_status dm_likelihood_create_bound(dm_likelihood **out, const dm_schedule *schedule, const dm_grid *grid,
                                     const dm_model *model, const char *options, const void *x0, int32_t type,
                                     size_t n_sample, size_t n_element, const dm_allocator *allocator, dm_error *err)
{
	const struct given given = {schedule, grid, model, options, x0, type, n_sample, n_element};
	return create(out, &dmi_estimate_bound, &given, allocator, err);
}

void dm_likelihood_free(dm_likelihood *l)
{
	dmi_object_release(l);
}

/* ---------------------------------------------------------------------------------------------------------- keys */

static dm_status check_early(const dm_likelihood *l, const char *call, dm_error *err)
{
	if (!l)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: likelihood is NULL", call);
	if (l->begun)
		return dmi_fail(err, DM_ERR_STATE, "%s: must be called before the first request", call);
	return DM_OK;
}

dm_status dm_likelihood_keys(dm_likelihood *l, const uint64_t *seed, const int64_t *sample, size_t n, dm_error *err)
{
	dm_status st = check_early(l, "likelihood keys", err);
	if (st != DM_OK)
		return st;
	if (!seed || !sample || n != l->n_sample)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "likelihood keys: seed and sample must hold n_sample = %z numbers each, n is %z", l->n_sample,
		                n);
	for (size_t i = 0; i < n; i++)
		if (sample[i] < 0)
			return dmi_fail(err, DM_ERR_ARGUMENT, "likelihood keys: sample[%z] is %l, it must be 0 or more", i,
			                sample[i]);
	memcpy(l->seed, seed, n * sizeof *seed);
	memcpy(l->sample, sample, n * sizeof *sample);
	return DM_OK;
}

dm_status dm_likelihood_probes(dm_likelihood *l, const void *probe, int32_t type, size_t n_probe, dm_error *err)
{
	dm_status st = check_early(l, "likelihood probes", err);
	if (st != DM_OK)
		return st;
	if (l->kind != &dmi_estimate_ode)
		return dmi_fail(err, DM_ERR_STATE, "likelihood probes: a bound has none");
	if (!probe || (type != DM_F32 && type != DM_F64))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "likelihood probes: probe must not be NULL, type (%d) must be DM_F32 (1) or DM_F64 (2)", type);
	if (n_probe != l->ode.n_probe)
		return dmi_fail(err, DM_ERR_ARGUMENT, "likelihood probes: n_probe is %z, the option n_probe says %z", n_probe,
		                l->ode.n_probe);
	for (size_t k = 0; k < n_probe * l->n_sample; k++) {
		int64_t element =
		    dmi_first_not_finite((const char *)probe + k * l->n_element * dmi_type_size(type), type, l->n_element);
		if (element >= 0)
			return dmi_fail(err, DM_ERR_ARGUMENT, "likelihood probes: element %l of row %z is not finite", element, k);
	}
	l->ode.given = probe;
	l->ode.given_type = type;
	return DM_OK;
}
