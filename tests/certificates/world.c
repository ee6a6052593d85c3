#include "base/compiler.h"
#include "certificates/world.h"
#include "base/math.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct target gaussian = {1, {1}, {0.7}, {0.4}};
const struct target mixture = {2, {0.35, 0.65}, {-1.1, 0.9}, {0.35, 0.5}};

const struct process processes[N_PROCESS] = {{"VP", "vp", "v"}, {"VE", "ve", "x0"}, {"flow", "flow", "flow"}};

double exact_x0(const struct target *t, double x, double alpha, double sigma)
{
	double log_p[2] = {0}, x0[2] = {0}, top = -INFINITY, sum = 0, mean = 0;
	for (int32_t k = 0; k < t->n; k++) {
		double s2 = t->deviation[k] * t->deviation[k], v = alpha * alpha * s2 + sigma * sigma;
		double d = x - alpha * t->mean[k];
		log_p[k] = dmi_log(t->weight[k]) - 0.5 * dmi_log(v) - 0.5 * d * d / v;
		x0[k] = t->mean[k] + alpha * s2 / v * d;
		top = fmax(top, log_p[k]);
	}
	for (int32_t k = 0; k < t->n; k++) {
		double p = dmi_exp(log_p[k] - top);
		sum += p;
		mean += p * x0[k];
	}
	return mean / sum;
}

void output_weights(const char *kind, double alpha, double sigma, double weight[2])
{
	double n = sqrt(alpha * alpha + sigma * sigma), of_epsilon = 0, of_x0 = 1;
	if (kind[0] == 'v') {
		of_epsilon = alpha / n;
		of_x0 = -sigma / n;
	} else if (kind[0] == 'f') {
		of_epsilon = 1;
		of_x0 = -1;
	}
	weight[0] = of_epsilon / sigma;
	weight[1] = of_x0 - of_epsilon * alpha / sigma;
}

/* Row i of the batch. */
static void predict_row(const struct world *w, const dm_request *rq, size_t i)
{
	size_t k = rq->n_time == 1 ? 0 : i;
	double alpha = rq->alpha[k], sigma = rq->sigma[k], weight[2];
	output_weights(w->model, alpha, sigma, weight);
	for (size_t e = 0; e < rq->n_element; e++) {
		double x = ((const double *)rq->x)[i * rq->x_stride + e];
		double said = weight[0] * x + weight[1] * exact_x0(w->target, x, alpha, sigma);
		for (int32_t b = 0; b < rq->n_branch; b++) {
			((double *)rq->out[b])[i * rq->out_stride + e] = said;
			if (rq->out_variance)
				((double *)rq->out_variance[b])[i * rq->out_stride + e] = SAID_OF_VARIANCE;
		}
	}
}

static dm_status predict(void *user, const dm_request *rq)
{
	struct world *w = user;
	w->evaluations++;
	for (size_t i = 0; i < rq->n_sample; i++)
		predict_row(w, rq, i);
	return DM_OK;
}

void find_ends(const struct process *p, dm_node node[2])
{
	dm_schedule *schedule;
	dm_schedule_create(&schedule, p->schedule, NULL, NULL);
	dm_schedule_at_lambda(schedule, -dmi_log(TOP), &node[0], NULL);
	dm_schedule_at_lambda(schedule, -dmi_log(BOTTOM), &node[1], NULL);
	dm_schedule_free(schedule);
}

dm_plan *make_plan(const char *sampler, const struct process *p, const char *grid, struct world *world, dm_error *err)
{
	dm_schedule *s = NULL;
	dm_grid *g = NULL;
	dm_sampler *m = NULL;
	dm_model *network = NULL;
	dm_plan *plan = NULL;
	dm_model_ops ops = {.struct_size = sizeof ops, .predict = predict};
	char kind[64];
	snprintf(kind, sizeof kind, strstr(sampler, "variance=learned") ? "%s:variance=1" : "%s", p->model);
	if (dm_schedule_create(&s, p->schedule, NULL, err) == DM_OK && dm_grid_create(&g, s, grid, NULL, err) == DM_OK &&
	    dm_sampler_create(&m, sampler, NULL, err) == DM_OK &&
	    dm_model_create(&network, kind, &ops, world, NULL, err) == DM_OK)
		dm_plan_create(&plan, s, g, m, network, NULL, NULL, NULL, err);
	dm_model_free(network);
	dm_sampler_free(m);
	dm_grid_free(g);
	dm_schedule_free(s);
	return plan;
}

dm_plan_info facts_of(const dm_plan *plan)
{
	dm_plan_info info = {.struct_size = sizeof info};
	dm_plan_facts(plan, &info, NULL);
	return info;
}

dm_status run_plan(const dm_plan *plan, const double *start, double x[N_START], dm_error *err)
{
	dm_array *array = NULL;
	dm_run *run = NULL;
	dm_status st = dm_array_create_host(&array, DM_F64, NULL, NULL, NULL, err);
	if (st == DM_OK)
		st = dm_run_create(&run, plan, array, NULL, 1, N_START, "max_eval=1000000", NULL, 0, err);
	if (st == DM_OK && start)
		st = dm_run_start_state(run, start, DM_F64, 0, err);
	if (st == DM_OK)
		st = dm_run_all(run, err);
	if (st == DM_OK)
		st = dm_run_state(run, x, DM_F64, err);
	dm_run_free(run);
	dm_array_free(array);
	return st;
}

int is_of_method(const char *spec, const char *method)
{
	size_t n = strlen(method);
	return !strncmp(spec, method, n) && (spec[n] == 0 || spec[n] == ':');
}
