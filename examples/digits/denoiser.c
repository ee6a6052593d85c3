#include "denoiser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"
#include "workers.h"

/* Every way of using a network; the state may be f64, the network computes in f32. */
static const struct usage {
	const char *name, *spec;
} usages[] = {
    [DIGITS_PREDICT_EPSILON] = {"epsilon", "epsilon:x=f32,out=f32"},
    [DIGITS_PREDICT_V] = {"v", "v:x=f32,out=f32"},
    [DIGITS_PREDICT_X0] = {"x0", "x0:x=f32,out=f32"},
    {"flow", "flow:time=1000t,x=f32,out=f32"},
};

static const struct usage *usage_of(const struct digits_args *args)
{
	return args->model == DIGITS_MODEL_FLOW ? &usages[DIGITS_PREDICT_X0 + 1] : &usages[args->predict];
}

const char *digits_denoiser_spec(const struct digits_args *args)
{
	return usage_of(args)->spec;
}

/* ------------------------------------------------------------------------------------------------------- creation */

static int prepare_schedule(struct digits_denoiser *d, const char *name, const char *used, struct digits_error *error)
{
	dm_error err;
	double t_clean, t_noise;

	if (strcmp(name, used) == 0)
		return 0;
	if (dm_schedule_create(&d->trained, name, NULL, &err) != DM_OK)
		return digits_fail(error, "%s", err.message);
	dm_schedule_range(d->trained, &t_clean, &t_noise);
	if (dm_schedule_at_time(d->trained, t_clean, &d->clean, &err) != DM_OK ||
	    dm_schedule_at_time(d->trained, t_noise, &d->noise, &err) != DM_OK)
		return digits_fail(error, "%s", err.message);
	return 0;
}

static int prepare(struct digits_denoiser *d, const struct digits_args *args, const char *program,
                   struct digits_error *error)
{
	const int flow = args->model == DIGITS_MODEL_FLOW;

	d->raw = flow ? "flow" : "v";
	d->prediction = usage_of(args)->name;
	d->time_scale = flow ? 1000 : 1;
	d->workers = args->threads ? (unsigned)args->threads : digits_default_workers();
	d->scratch = malloc(d->workers * sizeof(*d->scratch));
	d->view = malloc((size_t)args->count * sizeof(*d->view));
	if (!d->scratch || !d->view)
		return digits_fail(error, "out of memory for %u threads", d->workers);
	return prepare_schedule(d, flow ? "flow" : "linear", args->schedule, error) ||
	               digits_find_net(&d->net, args->weights, program, flow ? DIGITS_FLOW : DIGITS_UNET, error)
	           ? -1
	           : 0;
}

int digits_denoiser_create(struct digits_denoiser *denoiser, const struct digits_denoiser *lent,
                           const struct digits_args *args, const char *program, struct digits_error *error)
{
	*denoiser = *lent;
	if (prepare(denoiser, args, program, error) == 0)
		return 0;
	digits_denoiser_free(denoiser);
	return -1;
}

void digits_denoiser_free(struct digits_denoiser *denoiser)
{
	digits_net_free(&denoiser->net);
	dm_schedule_free(denoiser->trained);
	free(denoiser->scratch);
	free(denoiser->view);
	*denoiser = (struct digits_denoiser){0};
}

/* ------------------------------------------------------------------------------------------------------- evaluation */

/* The place of the trained schedule with the same signal-to-noise ratio, or its nearest end. */
static dm_status place(const struct digits_denoiser *d, double alpha, double sigma, dm_node *node, dm_error *err)
{
	const double lambda = log(alpha / sigma);

	*node = lambda > d->noise.lambda ? d->clean : d->noise;
	if (!(lambda > d->noise.lambda && lambda < d->clean.lambda))
		return DM_OK;
	return dm_schedule_at_lambda(d->trained, lambda, node, err);
}

/* On the schedule of its training the network takes x and the time as they are. On another one it is asked at the
 * same signal-to-noise ratio: x times the ratio of the two schedules' hypot(alpha, sigma). What it returns, v or the
 * velocity, is the same on all schedules. */
static dm_status view_of(const struct digits_denoiser *d, const dm_request *rq, size_t k, struct digits_view *view)
{
	const double alpha = rq->alpha[k], sigma = rq->sigma[k];
	double coefficient[2];
	dm_node node;

	*view = (struct digits_view){.time = rq->time[k], .scale = 1};
	if (d->trained) {
		if (place(d, alpha, sigma, &node, rq->error) != DM_OK)
			return -1;
		view->time = node.t * d->time_scale;
		view->scale = (float)(hypot(node.alpha, node.sigma) / hypot(alpha, sigma));
	}
	if (dm_convert(d->raw, d->prediction, alpha, sigma, 1, coefficient, rq->error) != DM_OK)
		return -1;
	view->from_x = (float)coefficient[0];
	view->from_raw = (float)coefficient[1];
	return DM_OK;
}

struct work {
	const struct digits_denoiser *denoiser;
	const dm_request *rq;
};

/* One row and branch. */
static void evaluate(void *context, size_t index, unsigned worker)
{
	const struct work *work = context;
	const struct digits_denoiser *d = work->denoiser;
	const dm_request *rq = work->rq;
	const size_t row = index / (size_t)rq->n_branch, b = index % (size_t)rq->n_branch;
	const struct digits_view *view = &d->view[rq->n_time == 1 ? 0 : row];
	const float *x = (const float *)rq->x + row * rq->x_stride;
	float *out = (float *)rq->out[b] + row * rq->out_stride;
	float input[DIGITS_PIXELS];
	int label = DIGITS_NO_LABEL;

	if (atomic_load(d->stop))
		return;
	if (rq->branch[b].condition == DM_CONDITION_GIVEN)
		label = digits_label_of(d->labels, rq->sample[row]);
	for (size_t i = 0; i < DIGITS_PIXELS; i++)
		input[i] = view->scale * x[i];
	digits_net_forward(&d->net, input, view->time, label, out, &d->scratch[worker]);
	if (view->from_x != 0 || view->from_raw != 1)
		for (size_t i = 0; i < DIGITS_PIXELS; i++)
			out[i] = view->from_x * x[i] + view->from_raw * out[i];
	digits_progress_add(d->progress, worker == 0);
}

/* The network knows a label and no label, nothing else. */
static dm_status check_branches(const dm_request *rq)
{
	for (int32_t b = 0; b < rq->n_branch; b++) {
		const dm_branch *branch = &rq->branch[b];

		if (branch->model == 0 && branch->perturbation == 0 && branch->condition <= DM_CONDITION_NONE)
			continue;
		if (rq->error)
			snprintf(rq->error->message, sizeof(rq->error->message),
			         "the digits network has no model %d, condition %d, perturbation %d", (int)branch->model,
			         (int)branch->condition, (int)branch->perturbation);
		return -1;
	}
	return DM_OK;
}

dm_status digits_denoiser_predict(void *user, const dm_request *rq)
{
	struct digits_denoiser *d = user;
	struct work work = {d, rq};

	if (check_branches(rq) != DM_OK)
		return -1;
	for (size_t k = 0; k < rq->n_time; k++)
		if (view_of(d, rq, k, &d->view[k]) != DM_OK)
			return -1;
	digits_run_workers(rq->n_sample * (size_t)rq->n_branch, d->workers, evaluate, &work);
	return atomic_load(d->stop) ? -1 : DM_OK;
}
