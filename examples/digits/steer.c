#include "steer.h"

#include <stdlib.h>
#include <string.h>

#include "find.h"
#include "workers.h"

int digits_steer_wanted(const struct digits_args *args)
{
	return strstr(args->guidance, "classifier") || strstr(args->guidance, "reconstruct");
}

int digits_steer_check(const struct digits_args *args, const struct digits_labels *labels, const dm_plan *plan,
                       struct digits_error *error)
{
	const dm_row *row;

	for (size_t r = 0; (row = dm_plan_row(plan, r)) != NULL; r++) {
		if (row->kind != DM_ROW_GRADIENT)
			continue;
		if (row->map > DIGITS_TARGET_LABEL)
			return digits_fail(error,
			                   "--guidance: target=%d in \"%s\" must be 0 to 9, a digit, or %d, that of --labels",
			                   (int)row->map, args->guidance, DIGITS_TARGET_LABEL);
		if (row->map == DIGITS_TARGET_LABEL && labels->label[0] == DIGITS_NO_LABEL)
			return digits_fail(error,
			                   "--guidance: \"%s\" steers to the digits of --labels, which are none; give them, or a "
			                   "digit as its option target",
			                   args->guidance);
	}
	return 0;
}

static int prepare(struct digits_steer *s, const struct digits_args *args, const char *program,
                   struct digits_error *error)
{
	s->workers = args->threads ? (unsigned)args->threads : digits_default_workers();
	s->scratch = malloc(s->workers * sizeof(*s->scratch));
	s->time = malloc((size_t)args->count * sizeof(*s->time));
	s->scale = malloc((size_t)args->count * sizeof(*s->scale));
	if (!s->scratch || !s->time || !s->scale)
		return digits_fail(error, "out of memory for %u threads", s->workers);
	return digits_training_create(&s->training, "linear", args->schedule, 1, error) ||
	               digits_find_classifier(&s->classifier, args->weights, program, error)
	           ? -1
	           : 0;
}

int digits_steer_create(struct digits_steer *steer, const struct digits_steer *lent, const struct digits_args *args,
                        const char *program, struct digits_error *error)
{
	*steer = *lent;
	if (prepare(steer, args, program, error) == 0)
		return 0;
	digits_steer_free(steer);
	return -1;
}

void digits_steer_free(struct digits_steer *steer)
{
	digits_classifier_free(&steer->classifier);
	digits_training_free(&steer->training);
	free(steer->scratch);
	free(steer->time);
	free(steer->scale);
	*steer = (struct digits_steer){0};
}

struct work {
	const struct digits_steer *steer;
	const dm_request *rq;
};

static void derive(void *context, size_t row, unsigned worker)
{
	const struct work *work = context;
	const struct digits_steer *s = work->steer;
	const dm_request *rq = work->rq;
	const size_t k = rq->n_time == 1 ? 0 : row;
	const float *x = (const float *)rq->x + row * rq->x_stride;
	float *out = (float *)rq->out[0] + row * rq->out_stride;
	const int label = rq->target == DIGITS_TARGET_LABEL ? digits_label_of(s->labels, rq->sample[row]) : rq->target;

	if (atomic_load(s->stop))
		return;
	for (size_t i = 0; i < DIGITS_PIXELS; i++)
		out[i] = s->scale[k] * x[i];
	digits_classifier_gradient(&s->classifier, out, s->time[k], label, out, &s->scratch[worker]);
	for (size_t i = 0; i < DIGITS_PIXELS; i++)
		out[i] *= s->scale[k];
}

dm_status digits_steer_gradient(struct digits_steer *steer, const dm_request *rq)
{
	struct work work = {steer, rq};

	for (size_t k = 0; k < rq->n_time; k++)
		if (digits_training_view(&steer->training, rq, k, &steer->time[k], &steer->scale[k]) != DM_OK)
			return -1;
	digits_run_workers(rq->n_sample, steer->workers, derive, &work);
	return atomic_load(steer->stop) ? -1 : DM_OK;
}
