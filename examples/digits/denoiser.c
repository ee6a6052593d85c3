#include "denoiser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "find.h"
#include "steer.h"
#include "workers.h"

/* What every network knows: a label and no label, no other model, no perturbation of its layers. */
#define KNOWS "x=f32,out=f32,models=1,conditions=2,perturbations=0"

/* Every way of using a network; the state may be f64, the network computes in f32. */
static const struct usage {
	const char *name, *spec;
} usages[] = {
    [DIGITS_PREDICT_EPSILON] = {"epsilon", "epsilon:" KNOWS},
    [DIGITS_PREDICT_V] = {"v", "v:" KNOWS},
    [DIGITS_PREDICT_X0] = {"x0", "x0:" KNOWS},
    {"flow", "flow:" KNOWS},
};

static const struct usage *usage_of(const struct digits_args *args)
{
	return args->model == DIGITS_MODEL_FLOW ? &usages[DIGITS_PREDICT_X0 + 1] : &usages[args->predict];
}

const char *digits_denoiser_spec(const struct digits_args *args)
{
	/* away from the schedule it was trained on, the network's time comes from training.c, not from the library */
	return args->model == DIGITS_MODEL_FLOW && strcmp(args->schedule, "flow") == 0 ? "flow:time=1000t," KNOWS
	                                                                               : usage_of(args)->spec;
}

/* ------------------------------------------------------------------------------------------------------- creation */

static int prepare(struct digits_denoiser *d, const struct digits_args *args, const char *program,
                   struct digits_error *error)
{
	const int flow = args->model == DIGITS_MODEL_FLOW;

	d->raw = flow ? "flow" : "v";
	d->prediction = usage_of(args)->name;
	d->workers = args->threads ? (unsigned)args->threads : digits_default_workers();
	d->scratch = malloc(d->workers * sizeof(*d->scratch));
	d->tape = malloc(d->workers * sizeof(*d->tape));
	d->view = malloc((size_t)args->count * sizeof(*d->view));
	if (!d->scratch || !d->tape || !d->view)
		return digits_fail(error, "out of memory for %u threads", d->workers);
	return digits_training_create(&d->training, flow ? "flow" : "linear", args->schedule, flow ? 1000 : 1, error) ||
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
	digits_training_free(&denoiser->training);
	free(denoiser->scratch);
	free(denoiser->tape);
	free(denoiser->view);
	*denoiser = (struct digits_denoiser){0};
}

/* ------------------------------------------------------------------------------------------------------- evaluation */

/* What the network returns, v or the velocity, is the same on all schedules. */
static dm_status view_of(const struct digits_denoiser *d, const dm_request *rq, size_t k, struct digits_view *view)
{
	double coefficient[2];

	if (digits_training_view(&d->training, rq, k, &view->time, &view->scale) != DM_OK)
		return -1;
	if (dm_convert(d->raw, d->prediction, rq->alpha[k], rq->sigma[k], 1, coefficient, rq->error) != DM_OK)
		return -1;
	view->from_x = (float)coefficient[0];
	view->from_raw = (float)coefficient[1];
	return DM_OK;
}

struct work {
	const struct digits_denoiser *denoiser;
	const dm_request *rq;
};

/* One row and branch of a request. */
struct piece {
	const float *x, *cotangent;
	float *out;
	const struct digits_view *view;
	int label;
};

static struct piece piece_of(const struct work *work, size_t index)
{
	const dm_request *rq = work->rq;
	const size_t row = index / (size_t)rq->n_branch, b = index % (size_t)rq->n_branch;
	struct piece p = {.label = DIGITS_NO_LABEL};

	p.x = (const float *)rq->x + row * rq->x_stride;
	p.out = (float *)rq->out[b] + row * rq->out_stride;
	if (rq->cotangent)
		p.cotangent = (const float *)rq->cotangent + row * rq->out_stride;
	p.view = &work->denoiser->view[rq->n_time == 1 ? 0 : row];
	if (rq->branch[b].condition == DM_CONDITION_GIVEN)
		p.label = digits_label_of(work->denoiser->labels, rq->sample[row]);
	return p;
}

static void scale_input(const struct piece *p, float input[DIGITS_PIXELS])
{
	for (size_t i = 0; i < DIGITS_PIXELS; i++)
		input[i] = p->view->scale * p->x[i];
}

static void evaluate(void *context, size_t index, unsigned worker)
{
	const struct work *work = context;
	const struct digits_denoiser *d = work->denoiser;
	const struct piece p = piece_of(work, index);
	const struct digits_view *view = p.view;
	float input[DIGITS_PIXELS];

	if (atomic_load(d->stop))
		return;
	scale_input(&p, input);
	digits_net_forward(&d->net, input, view->time, p.label, p.out, &d->scratch[worker]);
	if (view->from_x != 0 || view->from_raw != 1)
		for (size_t i = 0; i < DIGITS_PIXELS; i++)
			p.out[i] = view->from_x * p.x[i] + view->from_raw * p.out[i];
	digits_progress_add(d->progress, worker == 0);
}

/* The chain rule for from_x x + from_raw net(scale x). */
static void derive(void *context, size_t index, unsigned worker)
{
	const struct work *work = context;
	const struct digits_denoiser *d = work->denoiser;
	const struct piece p = piece_of(work, index);
	const struct digits_view *view = p.view;
	float input[DIGITS_PIXELS], unused[DIGITS_PIXELS];

	if (atomic_load(d->stop))
		return;
	scale_input(&p, input);
	digits_net_record(&d->net, input, view->time, p.label, unused, &d->scratch[worker], &d->tape[worker]);
	digits_net_back(&d->net, p.cotangent, p.out, &d->tape[worker]);
	for (size_t i = 0; i < DIGITS_PIXELS; i++)
		p.out[i] = view->from_x * p.cotangent[i] + view->from_raw * view->scale * p.out[i];
}

static dm_status answer(struct digits_denoiser *d, const dm_request *rq, void (*one)(void *, size_t, unsigned))
{
	struct work work = {d, rq};

	for (size_t k = 0; k < rq->n_time; k++)
		if (view_of(d, rq, k, &d->view[k]) != DM_OK)
			return -1;
	digits_run_workers(rq->n_sample * (size_t)rq->n_branch, d->workers, one, &work);
	return atomic_load(d->stop) ? -1 : DM_OK;
}

dm_status digits_denoiser_predict(void *user, const dm_request *rq)
{
	return answer(user, rq, evaluate);
}

dm_status digits_denoiser_vjp(void *user, const dm_request *rq)
{
	return answer(user, rq, derive);
}

dm_status digits_denoiser_gradient(void *user, const dm_request *rq)
{
	const struct digits_denoiser *d = user;

	return digits_steer_gradient(d->steer, rq);
}
