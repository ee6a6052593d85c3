/* Runs every registered sampler over one schedule of each kind, in f32 and f64, and prints a hash of the plan and one
 * of the samples. Two builds of the library that promise the same bits print the same text. The denoiser uses nothing
 * but
 * + - * /, so that only the library can make a difference. */
#include "base/compiler.h" /* this file's own arithmetic is not contracted either */
#include "demist.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_SAMPLE = 3, N_ELEMENT = 100, MAX_SPEC = 2048 };

static const struct {
	const char *schedule, *grid;
} process[] = {
    {"linear", "trailing:steps=9"},
    {"vp", "log_snr:steps=9"},
    {"flow", "flow:steps=9,shift=2"},
    {"ve", "karras:steps=9"},
};

static uint64_t hash(const void *bytes, size_t n)
{
	const unsigned char *byte = bytes;
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	for (size_t i = 0; i < n; i++)
		h = (h ^ byte[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* The exact x0 for data of variance 1/4, bent a little; the branch without a condition sees half of it. */
static dm_status predict(void *user, const dm_request *rq)
{
	(void)user;
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (size_t i = 0; i < rq->n_sample; i++) {
			size_t k = rq->n_time == 1 ? 0 : i;
			double alpha = rq->alpha[k], sigma = rq->sigma[k];
			double c = alpha * 0.25 / (alpha * alpha * 0.25 + sigma * sigma);
			float cf;
			if (rq->branch[b].condition == DM_CONDITION_NONE)
				c = c * 0.5;
			cf = (float)c;
			for (size_t j = 0; j < rq->n_element; j++)
				if (rq->x_type == DM_F64) {
					double x = ((const double *)rq->x)[i * rq->x_stride + j];
					((double *)rq->out[b])[i * rq->out_stride + j] = c * x / (1 + x * x / 64);
				} else {
					float x = ((const float *)rq->x)[i * rq->x_stride + j];
					((float *)rq->out[b])[i * rq->out_stride + j] = cf * x / (1 + x * x / 64);
				}
		}
	return DM_OK;
}

/* What one case is made of. */
struct parts {
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_guidance *guidance;
	dm_plan *plan;
};

static dm_status create(struct parts *p, int k, const char *sampler, const char *guidance, dm_error *err)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	dm_status st = dm_schedule_create(&p->schedule, process[k].schedule, NULL, err);
	if (st == DM_OK)
		st = dm_grid_create(&p->grid, p->schedule, process[k].grid, NULL, err);
	if (st == DM_OK)
		st = dm_sampler_create(&p->sampler, sampler, NULL, err);
	if (st == DM_OK)
		st = dm_model_create(&p->model, "x0", &ops, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_guidance_create(&p->guidance, guidance, NULL, err);
	if (st == DM_OK)
		st = dm_plan_create(&p->plan, p->schedule, p->grid, p->sampler, p->model, p->guidance, NULL, NULL, err);
	return st;
}

static void release(struct parts *p)
{
	dm_schedule_free(p->schedule);
	dm_grid_free(p->grid);
	dm_sampler_free(p->sampler);
	dm_model_free(p->model);
	dm_guidance_free(p->guidance);
	dm_plan_free(p->plan);
}

static dm_status print_plan(const dm_plan *plan, dm_error *err)
{
	size_t length;
	dm_status st = dm_plan_print(plan, "json", NULL, 0, &length, err);
	char *text = st == DM_OK ? malloc(length + 1) : NULL;
	if (!text)
		return st == DM_OK ? DM_ERR_MEMORY : st;
	st = dm_plan_print(plan, "json", text, length + 1, &length, err);
	printf(" plan %016" PRIx64, hash(text, length));
	free(text);
	return st;
}

static dm_status print_samples(const dm_plan *plan, int32_t type, dm_error *err)
{
	static double samples[N_SAMPLE * N_ELEMENT];
	dm_array *array;
	dm_run *run = NULL;
	dm_status st = dm_array_create_host(&array, type, NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_run_create(&run, plan, array, NULL, N_SAMPLE, N_ELEMENT, "seed=1099511627781,first_sample=4294967294",
		                   NULL, 0, err);
	if (st == DM_OK)
		st = dm_run_all(run, err);
	if (st == DM_OK)
		st = dm_run_state(run, samples, type, err);
	if (st == DM_OK)
		printf(" %s %016" PRIx64, type == DM_F64 ? "f64" : "f32",
		       hash(samples, sizeof samples / (type == DM_F64 ? 1 : 2)));
	dm_run_free(run);
	dm_array_free(array);
	return st;
}

/* Whether the case has a meaning and was run. */
static int run_case(int k, const char *sampler, const char *guidance)
{
	struct parts p = {NULL, NULL, NULL, NULL, NULL, NULL};
	dm_error err = {0};
	printf("%s %s %s:", sampler, process[k].schedule, guidance);
	dm_status st = create(&p, k, sampler, guidance, &err);
	if (st == DM_OK)
		st = print_plan(p.plan, &err);
	if (st == DM_OK)
		st = print_samples(p.plan, DM_F32, &err);
	if (st == DM_OK)
		st = print_samples(p.plan, DM_F64, &err);
	if (st != DM_OK)
		printf(" %s: %s", dm_status_name(st), err.message);
	printf("\n");
	release(&p);
	return st == DM_OK;
}

/* A sampler's name with options that take it other ways: noise drawn, the highest order, the last choice. */
static void other_spec(char out[MAX_SPEC], int32_t i)
{
	const dm_option *option;
	char separator = ':';
	int n = snprintf(out, MAX_SPEC, "%s", dm_method_at(DM_KIND_SAMPLER, i)->name);
	for (int32_t k = 0; (option = dm_method_option(DM_KIND_SAMPLER, i, k)) != NULL; k++) {
		size_t room = MAX_SPEC - (size_t)n;
		int at = n;
		if (option->type == DM_OPTION_CHOICE)
			n += snprintf(out + n, room, "%c%s=%s", separator, option->name, option->choice[(int)option->high]);
		else if (!strcmp(option->name, "eta") || !strcmp(option->name, "s_churn"))
			n += snprintf(out + n, room, "%c%s=%g", separator, option->name, option->high < 2 ? 1 : 2.0);
		else if (!strcmp(option->name, "order"))
			n += snprintf(out + n, room, "%c%s=%g", separator, option->name, option->high);
		if (n > at)
			separator = ',';
	}
}

int main(void)
{
	const dm_method *method;
	int failed = 0;
	for (int32_t i = 0; (method = dm_method_at(DM_KIND_SAMPLER, i)) != NULL; i++) {
		char other[MAX_SPEC];
		int done = 0;
		other_spec(other, i);
		for (int k = 0; k < (int)(sizeof process / sizeof *process); k++) {
			done += run_case(k, method->name, "none");
			if (strcmp(other, method->name) != 0)
				done += run_case(k, other, "none");
		}
		done += run_case(0, method->name, "cfg:scale=3|rescale:phi=0.7|threshold:ratio=0.9");
		if (!done) {
			fprintf(stderr, "sampler %s ran on no schedule\n", method->name);
			failed = 1;
		}
	}
	return failed;
}
