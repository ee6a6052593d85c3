/* The network as the library's model: the callback that answers its requests. */
#ifndef DIGITS_DENOISER_H
#define DIGITS_DENOISER_H

#include "args.h"
#include "demist.h"
#include "labels.h"
#include "net.h"
#include "progress.h"
#include "training.h"

struct digits_steer;

/* How a row is put to the network and its answer back: the network sees scale x at `time`, and the callback returns
 * from_x x + from_raw (its output). */
struct digits_view {
	double time;
	float scale, from_x, from_raw;
};

struct digits_denoiser {
	struct digits_net net;
	const struct digits_labels *labels;
	const char *prediction; /* what the callback returns, by its name in the library */
	const char *raw;        /* what the network returns */
	struct digits_training training;
	unsigned workers;
	struct digits_net_scratch *scratch; /* one per worker */
	struct digits_net_tape *tape;       /* one per worker */
	struct digits_steer *steer;         /* answers requests for gradients; lent */
	struct digits_view *view;           /* one per time of a request */
	struct digits_progress *progress;
	atomic_int *stop; /* not 0: give up */
};

/* Loads the weights that `args` ask for. `lent` has the labels, the progress, the flag and the classifier; they must stay
 * valid.
 * 0, or -1 and a text. */
int digits_denoiser_create(struct digits_denoiser *denoiser, const struct digits_denoiser *lent,
                           const struct digits_args *args, const char *program, struct digits_error *error);
void digits_denoiser_free(struct digits_denoiser *denoiser);

/* The spec of the model that digits_denoiser_predict is. */
const char *digits_denoiser_spec(const struct digits_args *args);

/* Answer requests, every row and branch, spread over threads. user: the denoiser. predict evaluates the network, vjp goes
 * through it backwards, gradient asks the classifier. */
dm_status digits_denoiser_predict(void *user, const dm_request *rq);
dm_status digits_denoiser_vjp(void *user, const dm_request *rq);
dm_status digits_denoiser_gradient(void *user, const dm_request *rq);

#endif
