/* A sampler of your own, written outside the library: Adams-Bashforth of order 2 with unequal steps. In y = x / alpha
 * and u = sigma / alpha the probability flow is dy/du = epsilon, so with r = (u' - u) / (u - u_old)
 *
 *     x' = (alpha'/alpha) x + alpha' (u' - u) ((1 + r/2) epsilon - (r/2) epsilon_old)
 *
 * Plans check it like the library's own methods: a careless version that forgets the factor alpha' is refused. Run on
 * Gaussian data, where the exact answer is known, halving the step divides the error by four. */
#include <math.h>
#include <stdio.h>

#include "demist.h"

/* ------------------------------------------------------------------------------------------------------ the sampler */

static double level(const dm_node *at)
{
	return at->sigma / at->alpha;
}

static dm_status ab2(void *user, const dm_step *s, dm_emit *e)
{
	const dm_node *from = s->from, *to = s->to;
	const double du = level(to) - level(from), order = s->option[0];
	double r = 0;
	dm_val epsilon = dm_emit_eval(e, s->x, from, DM_SPACE_EPSILON), old = 0;

	(void)user;
	if (order > 1 && s->n_past > 0) {
		old = s->past[0].prediction;
		r = du / (level(from) - level(&s->past[0].at));
	}
	dm_emit_state(e, dm_emit_linear(e, 3,
	                                (dm_term[]){{to->alpha / from->alpha, s->x},
	                                            {to->alpha * du * (1 + r / 2), epsilon},
	                                            {-to->alpha * du * r / 2, old}}));
	dm_emit_push(e, from, epsilon, old ? 2 : 1);
	return DM_OK;
}

static dm_status careless(void *user, const dm_step *s, dm_emit *e)
{
	const double du = level(s->to) - level(s->from);
	dm_val epsilon = dm_emit_eval(e, s->x, s->from, DM_SPACE_EPSILON);

	(void)user;
	dm_emit_state(e, dm_emit_linear(e, 2, (dm_term[]){{s->to->alpha / s->from->alpha, s->x}, {du, epsilon}}));
	return DM_OK;
}

static const dm_option options[] = {
    {sizeof(dm_option), "order", "1: Euler, 2: Adams-Bashforth", DM_OPTION_INTEGER, 2, 1, 2, NULL}};

static const dm_sampler_ops ab2_ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = 1, .step = ab2};
static const dm_sampler_ops careless_ops = {.struct_size = sizeof(dm_sampler_ops), .step = careless};

/* ------------------------------------------------------------------------------------------ data that are N(M, S^2) */

static const double M = 0.5, S = 0.3;

/* E[x0 | x] = M + alpha S^2 / v (x - alpha M), v = alpha^2 S^2 + sigma^2 */
static dm_status predict(void *user, const dm_request *rq)
{
	const double a = rq->alpha[0], v = a * a * S * S + rq->sigma[0] * rq->sigma[0];

	(void)user;
	*(double *)rq->out[0] = M + a * S * S / v * (*(const double *)rq->x - a * M);
	return DM_OK;
}

/* The flow keeps (x - alpha M) / sqrt(v). */
static double exact(double x, const dm_node *start)
{
	return M + S * (x - start->alpha * M) / sqrt(start->alpha * start->alpha * S * S + start->sigma * start->sigma);
}

/* ----------------------------------------------------------------------------------------------------------- running
 */

/* From one state to one sample, in f64. */
static dm_status run_plan(const dm_plan *plan, double x, double *sample, dm_error *err)
{
	dm_array *array;
	dm_run *run = NULL;
	dm_status st = dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err);

	if (st == DM_OK)
		st = dm_run_create(&run, plan, array, NULL, 1, 1, NULL, NULL, 0, err);
	if (st == DM_OK)
		st = dm_run_start_state(run, &x, DM_F64, 0, err);
	if (st == DM_OK)
		st = dm_run_all(run, err);
	if (st == DM_OK)
		st = dm_run_state(run, sample, DM_F64, err);
	dm_run_free(run);
	dm_array_free(array);
	return st;
}

/* The error of a sampler with a number of steps. */
static dm_status measure(const dm_sampler *sampler, int steps, double *error, dm_error *err)
{
	const dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	const double x = 1.3;
	char spec[64];
	double sample = 0;
	dm_schedule *schedule = NULL;
	dm_grid *grid = NULL;
	dm_model *model = NULL;
	dm_plan *plan = NULL;
	dm_status st = dm_schedule_create(&schedule, "vp", NULL, err);

	snprintf(spec, sizeof spec, "karras:steps=%d", steps);
	if (st == DM_OK)
		st = dm_grid_create(&grid, schedule, spec, NULL, err);
	if (st == DM_OK)
		st = dm_model_create(&model, "x0", &ops, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_plan_create(&plan, schedule, grid, sampler, model, NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = run_plan(plan, x, &sample, err);
	if (st == DM_OK)
		*error = fabs(sample - exact(x, dm_grid_node(grid, 0)));
	dm_plan_free(plan);
	dm_model_free(model);
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return st;
}

/* Prints the error at 40, 80 and 160 steps; returns by what the last halving of the step divided it, or 0. */
static double convergence(const char *spec)
{
	double error[3] = {0};
	dm_sampler *sampler;
	dm_error err;
	dm_status st = dm_sampler_create_custom(&sampler, spec, &ab2_ops, NULL, options, 1, NULL, &err);

	for (int i = 0; i < 3 && st == DM_OK; i++)
		st = measure(sampler, 40 << i, &error[i], &err);
	dm_sampler_free(sampler);
	if (st != DM_OK) {
		printf("%s: %s\n", spec, err.message);
		return 0;
	}
	printf("%-12s error at 40, 80, 160 steps: %.2e %.2e %.2e\n", spec, error[0], error[1], error[2]);
	return error[1] / error[2];
}

static dm_status refusal(void)
{
	double error;
	dm_sampler *sampler;
	dm_error err;
	dm_status st = dm_sampler_create_custom(&sampler, "careless", &careless_ops, NULL, NULL, 0, NULL, &err);

	if (st == DM_OK)
		st = measure(sampler, 40, &error, &err);
	dm_sampler_free(sampler);
	printf("careless     %s\n", st == DM_OK ? "was not refused" : err.message);
	return st;
}

int main(void)
{
	const double first = convergence("ab2:order=1"), second = convergence("ab2");

	return first > 1.7 && second > 3.4 && refusal() == DM_ERR_SAMPLER ? 0 : 1;
}
