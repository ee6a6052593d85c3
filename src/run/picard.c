/* The public face of the Picard iteration, and its memory. */
#include "base/compiler.h"
#include "run/picard.h"
#include "base/error.h"
#include "base/option.h"
#include "run/options.h"
#include <stddef.h>
#include <string.h>

enum { WINDOW, TOLERANCE, MAX_ITERATIONS, ALIGN = 64, MAX_TEXT = 256 };

static const dm_option options[] = {
    DMI_INTEGER("window", "evaluations of a sample asked for at once; 0: all", 0, 0, 16777215),
    DMI_REAL("tolerance", "how far an input may move, over sigma", 0, 0, 1e6),
    DMI_INTEGER("max_iterations", "before DM_ERR_LIMIT; 0: no limit", 0, 0, 9007199254740992.0),
};

/* --------------------------------------------------------------------------------------------------------- options */

static dm_status append(char to[MAX_TEXT], const char *item, size_t n, dm_error *err)
{
	size_t length = strlen(to);
	if (length + n + 2 > MAX_TEXT)
		return dmi_fail(err, DM_ERR_ARGUMENT, "picard: options are longer than %d characters", MAX_TEXT - 2);
	if (length)
		to[length++] = ',';
	memcpy(to + length, item, n);
	to[length + n] = 0;
	return DM_OK;
}

/* Sorts the options into those of the run and those read here. */
static dm_status parse(const char *text, struct dmi_options *own, char run[MAX_TEXT], dm_error *err)
{
	static const dm_allocator unused = {0}; /* no option is a list */
	char mine[MAX_TEXT] = "";
	run[0] = 0;
	while (text && *text) {
		size_t n = strcspn(text, ","), name = strcspn(text, "=,");
		dm_status st = append(dmi_run_option_exists(text, name) ? run : mine, text, n, err);
		if (st != DM_OK)
			return st;
		text += n + (text[n] == ',');
		if (!*text && text[-1] == ',')
			return dmi_fail(err, DM_ERR_ARGUMENT, "picard: nothing follows the last comma");
	}
	return dmi_options_parse(own, "picard", NULL, options, (int32_t)(sizeof options / sizeof *options), mine, &unused,
	                         err);
}

/* ---------------------------------------------------------------------------------------------------------- memory */

/* count * size, or so much that no memory holds it. */
static size_t times(size_t count, size_t size)
{
	size_t bytes;
	return dmi_multiply(count, size, &bytes) ? bytes : SIZE_MAX;
}

static void place(dm_picard *p, struct dmi_arena *a)
{
	size_t n = times(p->window, p->n_sample), ring = times(p->capacity, p->n_sample), k = (size_t)p->n_answer;
	p->eval = dmi_arena_take(a, p->n_eval, sizeof *p->eval);
	p->sample = dmi_arena_take(a, p->n_sample, sizeof *p->sample);
	p->x = dmi_arena_take(a, ring, p->x_bytes);
	p->answer = dmi_arena_take(a, times(ring, k), p->answer_bytes);
	p->rq_x = dmi_arena_take(a, n, times(p->rq.x_stride, dmi_type_size(p->rq.x_type)));
	p->rq_answer_bytes = times(n, times(p->rq.out_stride, dmi_type_size(p->rq.out_type)));
	p->rq_answer = dmi_arena_take(a, k, p->rq_answer_bytes);
	p->rq_sample = dmi_arena_take(a, n, sizeof *p->rq_sample);
	p->rq_seed = dmi_arena_take(a, n, sizeof *p->rq_seed);
	p->rq_row = dmi_arena_take(a, n, sizeof *p->rq_row);
	p->rq_eval = dmi_arena_take(a, n, sizeof *p->rq_eval);
	p->rq_time = dmi_arena_take(a, n, sizeof *p->rq_time);
	p->rq_alpha = dmi_arena_take(a, n, sizeof *p->rq_alpha);
	p->rq_sigma = dmi_arena_take(a, n, sizeof *p->rq_sigma);
	size_t n_to = p->two_times ? n : 0;
	p->rq_time_to = dmi_arena_take(a, n_to, sizeof *p->rq_time_to);
	p->rq_alpha_to = dmi_arena_take(a, n_to, sizeof *p->rq_alpha_to);
	p->rq_sigma_to = dmi_arena_take(a, n_to, sizeof *p->rq_sigma_to);
	p->bad = dmi_arena_take(a, times(n, k), sizeof *p->bad);
}

/* The types and strides of the model's input and outputs, over the state's type. */
static void set_shapes(dm_picard *p, const dm_plan *plan, int32_t state)
{
	const dm_model *model = plan->model;
	int reads_state = dmi_model_reads_state(model);
	p->rq.x_type = reads_state ? state : dmi_model_x_type(model, state);
	p->rq.x_stride = reads_state ? p->n_element : dmi_model_x_stride(model, p->n_element);
	p->rq.out_type = dmi_model_out_type(model, state);
	p->rq.out_stride = dmi_model_out_stride(model, p->n_element);
	p->x_bytes = times(p->n_element, dmi_type_size(p->rq.x_type));
	p->answer_bytes = times(p->n_element, dmi_type_size(p->rq.out_type));
	p->n_answer = plan->needs.branch * (1 + dmi_model_has_variance(model));
	p->two_times = dmi_model_has_two_times(model);
}

static dm_status check_plan(const dm_plan *plan, const dm_array *array, const dm_noise *noise, dm_error *err)
{
	if (!plan)
		return dmi_fail(err, DM_ERR_ARGUMENT, "picard: plan is NULL");
	const dm_plan_info *info = &plan->info;
	const double *option = plan->options.value;
	const char *why = info->adaptive ? "the plan is adaptive: which evaluations it makes depends on their outputs"
	                  : option[DMI_PLAN_PROGRESS] != 0 || option[DMI_PLAN_PREVIEW] != 0
	                      ? "the plan reports its steps (progress or preview), but many are made at once"
	                  : info->n_vjp > 0 || info->n_gradient > 0
	                      ? "the plan asks the model for derivatives, not for predictions alone"
	                  : noise && !noise->builtin && !noise->ops.fill
	                      ? "the noise is asked for one draw after another; give it a fill function"
	                  : array && !array->host ? "the array is not in host memory"
	                                          : NULL;
	return why ? dmi_fail(err, DM_ERR_UNSUPPORTED, "picard: %s", why) : DM_OK;
}

/* What is known before there is memory; *run_bytes: of the run. */
static dm_status describe(dm_picard *p, const dm_plan *plan, const dm_array *array, const dm_noise *noise,
                          size_t n_sample, size_t n_element, const char *text, char run_options[MAX_TEXT],
                          dm_error *err)
{
	struct dmi_options own;
	memset(p, 0, sizeof *p);
	dm_status st = check_plan(plan, array, noise, err);
	if (st == DM_OK)
		st = parse(text, &own, run_options, err);
	if (st == DM_OK)
		st = dm_run_bytes(plan, array, noise, n_sample, n_element, &p->run_bytes, err);
	if (st != DM_OK)
		return st;
	p->allocator = plan->object.allocator;
	p->n_sample = n_sample;
	p->n_element = p->rq.n_element = n_element;
	p->n_eval = (size_t)plan->info.n_eval;
	p->window = (size_t)own.value[WINDOW];
	p->window = p->window == 0 || p->window > p->n_eval ? p->n_eval : p->window;
	p->capacity = 2 * p->window < p->n_eval ? 2 * p->window : p->n_eval;
	p->tolerance = own.value[TOLERANCE];
	p->max_iterations = (int64_t)own.value[MAX_ITERATIONS];
	set_shapes(p, plan, array ? array->ops.type : DM_F32);
	return DM_OK;
}

static dm_status lay_out(dm_picard *p, char *memory, char **run_memory, size_t *bytes, dm_error *err)
{
	struct dmi_arena a = {memory, 0, 0};
	dmi_arena_take(&a, 1, sizeof *p);
	place(p, &a);
	*run_memory = dmi_arena_take(&a, 1, p->run_bytes);
	p->saved = dmi_arena_take(&a, 1, p->run_bytes);
	*bytes = a.used + ALIGN; /* the allocator may align to less */
	return a.overflow ? dmi_fail(err, DM_ERR_OVERFLOW, "picard: %z samples of %z elements, %z at once, do not fit",
	                             p->n_sample, p->n_element, p->window)
	                  : DM_OK;
}

dm_status dm_picard_bytes(const dm_plan *plan, const dm_array *array, const dm_noise *noise, size_t n_sample,
                          size_t n_element, const char *text, size_t *bytes, dm_error *err)
{
	dm_picard draft;
	char run_options[MAX_TEXT], *run_memory;
	if (!bytes)
		return dmi_fail(err, DM_ERR_ARGUMENT, "picard bytes: bytes is NULL");
	dm_status st = describe(&draft, plan, array, noise, n_sample, n_element, text, run_options, err);
	return st == DM_OK ? lay_out(&draft, NULL, &run_memory, bytes, err) : st;
}

/* -------------------------------------------------------------------------------------------------- birth and death */

static void set_up(dm_picard *p)
{
	size_t n = 0;
	const dm_plan *plan = p->run->plan;
	for (size_t r = 0; r < dmi_program_count(&plan->program); r++)
		if (dmi_program_row(&plan->program, r)->kind == DM_ROW_EVAL)
			p->eval[n++] = dmi_program_row(&plan->program, r);
	p->info.struct_size = sizeof p->info;
	p->info.n_eval = plan->info.n_eval;
	p->rq.struct_size = sizeof p->rq;
	p->rq.kind = DM_ASK_PREDICTION;
	p->rq.n_step = plan->info.n_step;
	p->rq.sample = p->rq_sample;
	p->rq.seed = p->rq_seed;
	p->rq.row = p->rq_row;
	p->rq.time = p->rq_time;
	p->rq.alpha = p->rq_alpha;
	p->rq.sigma = p->rq_sigma;
	if (p->two_times) {
		p->rq.time_to = p->rq_time_to;
		p->rq.alpha_to = p->rq_alpha_to;
		p->rq.sigma_to = p->rq_sigma_to;
	}
	p->rq.x = p->rq_x;
	p->rq.error = &p->scratch;
}

dm_status dm_picard_create(dm_picard **out, const dm_plan *plan, const dm_array *array, const dm_noise *noise,
                           size_t n_sample, size_t n_element, const char *text, dm_error *err)
{
	dm_picard draft;
	char run_options[MAX_TEXT], *run_memory;
	size_t bytes = 0;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "picard: out is NULL");
	*out = NULL;
	dm_status st = describe(&draft, plan, array, noise, n_sample, n_element, text, run_options, err);
	if (st == DM_OK)
		st = lay_out(&draft, NULL, &run_memory, &bytes, err);
	char *memory = st == DM_OK ? dmi_allocate(&draft.allocator, 1, bytes, err) : NULL;
	if (!memory)
		return st == DM_OK ? DM_ERR_MEMORY : st;
	dm_picard *p = (void *)(memory + (ALIGN - (uintptr_t)memory % ALIGN) % ALIGN);
	*p = draft;
	p->memory = memory;
	lay_out(p, (char *)p, &run_memory, &bytes, NULL);
	p->bytes = bytes;
	st = dm_run_create(&p->run, plan, array, noise, n_sample, n_element, run_options, run_memory, p->run_bytes, err);
	if (st == DM_OK) {
		set_up(p);
		*out = p;
	} else {
		dmi_release_memory(&draft.allocator, memory, bytes);
	}
	return st;
}

void dm_picard_free(dm_picard *p)
{
	if (!p)
		return;
	dm_allocator allocator = p->allocator;
	dm_plan *plan = dmi_object_retain(p->run->plan); /* owns the allocator's user: released last */
	dm_run_free(p->run);
	dmi_release_memory(&allocator, p->memory, p->bytes);
	dmi_object_release(plan);
}

dm_run *dm_picard_run(dm_picard *p)
{
	return p ? p->run : NULL;
}

/* -------------------------------------------------------------------------------------------------------- stepping */

static dm_status entry(const dm_picard *p, const char *call, dm_error *err)
{
	if (!p)
		return dmi_fail(err, DM_ERR_ARGUMENT, "%s: picard is NULL", call);
	if (p->in_callback)
		return dmi_fail(err, DM_ERR_BUSY, "%s: called from a callback of the same object", call);
	return DM_OK;
}

dm_status dm_picard_next(dm_picard *p, const dm_request **rq, dm_error *err)
{
	dm_status st = entry(p, "picard next", err);
	if (st == DM_OK && !rq)
		st = dmi_fail(err, DM_ERR_ARGUMENT, "picard next: rq is NULL");
	if (st != DM_OK)
		return st;
	if (p->asked == DMI_ASKED)
		st = dmi_picard_take(p, err);
	p->in_callback = 1; /* a fill function may not come back */
	while (st == DM_OK && p->phase != DMI_PICARD_DONE)
		st = p->phase == DMI_PICARD_PASS ? dmi_picard_pass(p, err) : dmi_picard_ask(p, err);
	p->in_callback = 0;
	*rq = &p->rq;
	return st == DM_OK ? DM_DONE : st;
}

dm_status dm_picard_retry(dm_picard *p, dm_error *err)
{
	dm_status st = entry(p, "picard retry", err);
	if (st != DM_OK)
		return st;
	if (p->asked == DMI_NOT_ASKED)
		return dmi_fail(err, DM_ERR_STATE, "picard retry: there is no request at hand");
	p->asked = DMI_ASK_AGAIN;
	return DM_OK;
}

dm_status dm_picard_all(dm_picard *p, dm_error *err)
{
	const dm_request *rq;
	dm_status st;
	while ((st = dm_picard_next(p, &rq, err)) == DM_EVAL) {
		const dm_model *model = p->run->plan->model;
		if (!model->ops.predict) {
			p->asked = DMI_ASK_AGAIN;
			return dmi_fail(err, DM_ERR_STATE, "picard all: the model has no callback; use dm_picard_next");
		}
		p->in_callback = 1;
		dm_status code = model->ops.predict(model->user, rq);
		p->in_callback = 0;
		if (!code)
			continue;
		p->asked = DMI_ASK_AGAIN;
		p->scratch.message[sizeof p->scratch.message - 1] = 0;
		dmi_fail_callback(err, "model predict", code, p->scratch.message);
		if (err) {
			err->step = rq->step;
			err->eval = rq->eval;
		}
		return DM_ERR_CALLBACK;
	}
	return st == DM_DONE ? DM_OK : st;
}

dm_status dm_picard_facts(const dm_picard *p, dm_picard_info *info, dm_error *err)
{
	if (!p || !info)
		return dmi_fail(err, DM_ERR_ARGUMENT, "picard facts: %s is NULL", p ? "info" : "picard");
	return dmi_info_copy(info, sizeof *info, &p->info, offsetof(dm_picard_info, n_settled) + sizeof info->n_settled,
	                     "picard info", err);
}
