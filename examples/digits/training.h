/* The noise schedule that a network was trained on, and how to ask it on another one. */
#ifndef DIGITS_TRAINING_H
#define DIGITS_TRAINING_H

#include "demist.h"
#include "error.h"

struct digits_training {
	dm_schedule *schedule; /* NULL where the run uses it too */
	dm_node clean, noise;  /* its ends */
	double time_scale;     /* the network's time at process time 1 */
};

/* name: the schedule of the training; used: that of the run. 0, or -1 and a text. */
int digits_training_create(struct digits_training *training, const char *name, const char *used, double time_scale,
                           struct digits_error *error);
void digits_training_free(struct digits_training *training);

/* On the schedule of its training a network takes x and the time as they are. On another one it is asked at the same
 * signal-to-noise ratio: scale x, with the ratio of the two schedules' hypot(alpha, sigma), at that place's time. k: of
 * the request's times. */
dm_status digits_training_view(const struct digits_training *training, const dm_request *rq, size_t k, double *time,
                               float *scale);

#endif
