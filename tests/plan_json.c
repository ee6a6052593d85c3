/* Prints, one case to a line, what tests/plan_interpreter.py is given and what it has to find: a plan as JSON, a linear
 * model, the normals of the plan's draws, and the final state of the library's own run in f64. */
#include "demist.h"
#include <stdio.h>
#include <stdlib.h>

enum { N_ELEMENT = 37, SEED = 11, SAMPLE = 5, N_BRANCH = 2 };

static const double model_p[N_BRANCH] = {0.7, 0.45}, model_q[N_BRANCH] = {0.05, -0.2};

static const struct {
	const char *sampler, *schedule, *grid, *model, *guidance;
} cases[] = {
    {"ddim:eta=1", "linear", "trailing:steps=12", "epsilon", "none"},
    {"ddim:eta=0.5", "squared_cosine", "leading:steps=7", "v", "cfg:scale=3"},
    {"ddim", "linear", "trailing:steps=1", "x0", "none"},
    {"ddpm:variance=large", "linear", "linspace:steps=9", "epsilon", "none"},
    {"euler:s_churn=3", "ve", "karras:steps=8", "edm:input=scaled", "none"},
    {"euler_ancestral", "scaled_linear", "karras:steps=9", "v", "none"},
    {"heun", "linear", "exponential:steps=6", "epsilon:input=scaled", "none"},
    {"heun:s_churn=2", "flow", "flow:steps=6,shift=3", "flow", "cfg:scale=1.5"},
    {"dpmpp_2m", "linear", "trailing:steps=10", "v", "cfg:scale=2|clip"},
    {"dpmpp_2m", "edm", "karras:steps=8", "edm:input=scaled", "clip"},
    {"unipc:order=3", "vp", "log_snr:steps=9", "v", "none"},
    {"unipc:order=3,variant=bh1", "linear", "trailing:steps=8,final=last", "x0", "none"},
    {"ddim:eta=0.3", "linear", "trailing:steps=6", "epsilon", "cfg:scale=4|threshold:ratio=0.8,max=3"},
};
enum { N_CASE = sizeof cases / sizeof *cases };

static dm_status predict(void *user, const dm_request *rq)
{
	(void)user;
	for (int32_t b = 0; b < rq->n_branch; b++)
		for (size_t j = 0; j < rq->n_element; j++)
			((double *)rq->out[b])[j] = model_p[b] * ((const double *)rq->x)[j] + model_q[b];
	return DM_OK;
}

static void check(dm_status st, const dm_error *err, const char *what)
{
	if (st == DM_OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, dm_status_name(st), err->message);
	exit(EXIT_FAILURE);
}

static dm_plan *create_plan(int i, dm_error *err)
{
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	dm_schedule *schedule;
	dm_grid *grid;
	dm_sampler *sampler;
	dm_model *model;
	dm_guidance *guidance;
	dm_plan *plan;
	check(dm_schedule_create(&schedule, cases[i].schedule, NULL, err), err, cases[i].schedule);
	check(dm_grid_create(&grid, schedule, cases[i].grid, NULL, err), err, cases[i].grid);
	check(dm_sampler_create(&sampler, cases[i].sampler, NULL, err), err, cases[i].sampler);
	check(dm_model_create(&model, cases[i].model, &ops, NULL, NULL, err), err, cases[i].model);
	check(dm_guidance_create(&guidance, cases[i].guidance, NULL, err), err, cases[i].guidance);
	check(dm_plan_create(&plan, schedule, grid, sampler, model, guidance, NULL, NULL, err), err, cases[i].sampler);
	dm_schedule_free(schedule);
	dm_grid_free(grid);
	dm_sampler_free(sampler);
	dm_model_free(model);
	dm_guidance_free(guidance);
	return plan;
}

static void print_array(const double *value)
{
	for (int j = 0; j < N_ELEMENT; j++)
		printf("%s%.17g", j ? "," : "[", value[j]);
	printf("]");
}

/* The plan's text on one line. */
static void print_plan(const dm_plan *plan, dm_error *err)
{
	size_t length;
	check(dm_plan_print(plan, "json", NULL, 0, &length, err), err, "print");
	char *text = malloc(length + 1);
	if (!text)
		exit(EXIT_FAILURE);
	check(dm_plan_print(plan, "json", text, length + 1, &length, err), err, "print");
	for (size_t k = 0; k < length; k++)
		putchar(text[k] == '\n' ? ' ' : text[k]);
	free(text);
}

static void print_normals(const dm_plan *plan, dm_error *err)
{
	double value[N_ELEMENT];
	int64_t next = -1; /* ordinals rise by one, from -1 for the start */
	for (size_t r = 0; r < dm_plan_count(plan); r++) {
		const dm_row *row = dm_plan_row(plan, r);
		for (int32_t i = 0; i < row->n_in; i++) {
			if (row->in[i].slot >= 0 || row->in[i].draw_ordinal != next)
				continue;
			check(dm_normals(SEED, SAMPLE, row->in[i].draw, 0, N_ELEMENT, DM_F64, value, err), err, "normals");
			printf("%s\"%d\":", next < 0 ? "" : ",", (int)next);
			print_array(value);
			next++;
		}
	}
}

static void print_state(const dm_plan *plan, dm_error *err)
{
	double value[N_ELEMENT];
	char options[64];
	dm_array *array;
	dm_run *run;
	snprintf(options, sizeof options, "seed=%d,first_sample=%d", SEED, SAMPLE);
	check(dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err), err, "array");
	check(dm_run_create(&run, plan, array, NULL, 1, N_ELEMENT, options, NULL, 0, err), err, "run");
	check(dm_run_all(run, err), err, "run");
	check(dm_run_state(run, value, DM_F64, err), err, "state");
	print_array(value);
	dm_run_free(run);
	dm_array_free(array);
}

int main(void)
{
	for (int i = 0; i < N_CASE; i++) {
		dm_error err = {0};
		dm_plan *plan = create_plan(i, &err);
		printf("{\"name\":\"%s %s %s %s %s\",\"plan\":", cases[i].sampler, cases[i].schedule, cases[i].grid,
		       cases[i].model, cases[i].guidance);
		print_plan(plan, &err);
		printf(",\"model\":[[%.17g,%.17g],[%.17g,%.17g]],\"normals\":{", model_p[0], model_q[0], model_p[1],
		       model_q[1]);
		print_normals(plan, &err);
		printf("},\"state\":");
		print_state(plan, &err);
		printf("}\n");
		dm_plan_free(plan);
	}
	return 0;
}
