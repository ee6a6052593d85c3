#include "training.h"

#include <math.h>
#include <string.h>

int digits_training_create(struct digits_training *training, const char *name, const char *used, double time_scale,
                           struct digits_error *error)
{
	dm_error err;
	double t_clean, t_noise;

	*training = (struct digits_training){.time_scale = time_scale};
	if (strcmp(name, used) == 0)
		return 0;
	if (dm_schedule_create(&training->schedule, name, NULL, &err) != DM_OK)
		return digits_fail(error, "%s", err.message);
	dm_schedule_range(training->schedule, &t_clean, &t_noise);
	if (dm_schedule_at_time(training->schedule, t_clean, &training->clean, &err) == DM_OK &&
	    dm_schedule_at_time(training->schedule, t_noise, &training->noise, &err) == DM_OK)
		return 0;
	digits_training_free(training);
	return digits_fail(error, "%s", err.message);
}

void digits_training_free(struct digits_training *training)
{
	dm_schedule_free(training->schedule);
	*training = (struct digits_training){0};
}

/* The place with the same signal-to-noise ratio, or the nearest end. */
static dm_status place(const struct digits_training *t, double alpha, double sigma, dm_node *node, dm_error *err)
{
	const double lambda = log(alpha / sigma);

	*node = lambda > t->noise.lambda ? t->clean : t->noise;
	if (!(lambda > t->noise.lambda && lambda < t->clean.lambda))
		return DM_OK;
	return dm_schedule_at_lambda(t->schedule, lambda, node, err);
}

dm_status digits_training_view(const struct digits_training *training, const dm_request *rq, size_t k, double *time,
                               float *scale)
{
	const double alpha = rq->alpha[k], sigma = rq->sigma[k];
	dm_node node;

	*time = rq->time[k];
	*scale = 1;
	if (!training->schedule)
		return DM_OK;
	if (place(training, alpha, sigma, &node, rq->error) != DM_OK)
		return -1;
	*time = node.t * training->time_scale;
	*scale = (float)(hypot(node.alpha, node.sigma) / hypot(alpha, sigma));
	return DM_OK;
}
