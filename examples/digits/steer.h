/* The classifier as a log-probability that steers: the callback that answers DM_ASK_GRADIENT. */
#ifndef DIGITS_STEER_H
#define DIGITS_STEER_H

#include <stdatomic.h>

#include "args.h"
#include "classifier.h"
#include "labels.h"
#include "training.h"

/* The target of a gradient: the digit 0 to 9 to steer to, or this, the label of the sample. */
enum { DIGITS_TARGET_LABEL = 10 };

struct digits_steer {
	struct digits_classifier classifier;
	struct digits_training training;
	const struct digits_labels *labels;
	unsigned workers;
	struct digits_classifier_scratch *scratch; /* one per worker */
	double *time;                              /* one per time of a request, with the scale of x there */
	float *scale;
	atomic_int *stop; /* not 0: give up */
};

/* Whether the guidance asks for gradients. */
int digits_steer_wanted(const struct digits_args *args);

/* Whether there is a digit to steer to, wherever the plan asks for gradients. 0, or -1 and a text. */
int digits_steer_check(const struct digits_args *args, const struct digits_labels *labels, const dm_plan *plan,
                       struct digits_error *error);

/* Loads the classifier. `lent` has the labels and the flag; they must stay valid. 0, or -1 and a text. */
int digits_steer_create(struct digits_steer *steer, const struct digits_steer *lent, const struct digits_args *args,
                        const char *program, struct digits_error *error);
void digits_steer_free(struct digits_steer *steer);

/* The gradient of log p(target of the request | x, t), for every row. */
dm_status digits_steer_gradient(struct digits_steer *steer, const dm_request *rq);

#endif
