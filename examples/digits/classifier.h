/* The classifier of noisy digits, p(digit | x_t, t), and the gradient that steers a sampler with it. */
#ifndef DIGITS_CLASSIFIER_H
#define DIGITS_CLASSIFIER_H

#include "layers.h"

enum { DIGITS_C1 = 32, DIGITS_C2 = 64, DIGITS_C3 = 96, DIGITS_FEATURES = DIGITS_C3 * 4 * 4, DIGITS_LOGITS = 10 };

/* The layers point into `weights`. Threads may share a classifier. */
struct digits_classifier {
	struct digits_weights weights;
	struct digits_linear time1, time2, fc;
	struct digits_conv conv1, conv2, conv3;
	struct digits_norm norm1, norm2, norm3;
};

/* Working memory of one pass: one per thread. It need not be initialised. See layers.h for the layouts.
 * z1, z2, z3 are what the convolutions gave, and the moments belong to them: the backward pass starts from these. */
struct digits_classifier_scratch {
	float phases0[2 * DIGITS_GUARD + 4 * DIGITS_PADDED14];
	float phases1[2 * DIGITS_GUARD + 4 * DIGITS_C1 * DIGITS_PADDED7];
	float phases2[2 * DIGITS_GUARD + 4 * DIGITS_C2 * DIGITS_PADDED4];
	float z1[DIGITS_C1 * DIGITS_FLAT14], z2[DIGITS_C2 * DIGITS_FLAT7], z3[DIGITS_C3 * DIGITS_FLAT4];
	float padded[2 * DIGITS_GUARD + DIGITS_C1 * DIGITS_PADDED14];
	struct digits_moments moments1, moments2, moments3;
	float features[DIGITS_FEATURES];
	float gradient[DIGITS_C1 * DIGITS_FLAT14];
	float quarter[4 * DIGITS_FLAT14];
};

int digits_classifier_load(struct digits_classifier *classifier, const char *path, struct digits_error *error);
void digits_classifier_free(struct digits_classifier *classifier);

/* x: 784 floats, t: 0..1000 */
void digits_classifier_logits(const struct digits_classifier *classifier, const float *x, double t,
                              float logits[DIGITS_LOGITS], struct digits_classifier_scratch *scratch);

/* Stores the gradient of log p(label | x, t) with respect to x, 784 floats; returns log p(label | x, t).
 * gradient may be x. */
float digits_classifier_gradient(const struct digits_classifier *classifier, const float *x, double t, int label,
                                 float *gradient, struct digits_classifier_scratch *scratch);

#endif
