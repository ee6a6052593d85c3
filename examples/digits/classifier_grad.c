/* Backward pass of the classifier: the chain rule from log softmax(logits)[label] down to the image. */
#include "classifier.h"
#include "layers_back.h"

#include <math.h>
#include <string.h>

/* log p(label), and d log p / d logit[k] = [k = label] - p(k) */
static float log_softmax(const float *logits, int label, float *gradient)
{
	float highest = logits[0], sum = 0, logp;

	for (size_t k = 1; k < DIGITS_LOGITS; k++)
		highest = logits[k] > highest ? logits[k] : highest;
	for (size_t k = 0; k < DIGITS_LOGITS; k++)
		sum += expf(logits[k] - highest);
	logp = logits[label] - highest - logf(sum);
	for (size_t k = 0; k < DIGITS_LOGITS; k++)
		gradient[k] = -expf(logits[k] - highest) / sum;
	gradient[label] += 1;
	return logp;
}

/* Through fc: 10 -> 96 x 4 x 4, flat. */
static void back_fc(const struct digits_linear *fc, const float *gradient, float *flat)
{
	for (size_t i = 0; i < DIGITS_FEATURES; i++) {
		float sum = 0;

		for (size_t k = 0; k < DIGITS_LOGITS; k++)
			sum += gradient[k] * fc->weight[k * DIGITS_FEATURES + i];
		flat[i / 16 * DIGITS_FLAT4 + i % 16 / 4 * DIGITS_GRID4.pitch + i % 4] = sum;
	}
}

float digits_classifier_gradient(const struct digits_classifier *classifier, const float *x, double t, int label,
                                 float *gradient, struct digits_classifier_scratch *scratch)
{
	const struct digits_classifier *c = classifier;
	struct digits_classifier_scratch *s = scratch;
	float logits[DIGITS_LOGITS], by_logit[DIGITS_LOGITS], logp;

	digits_classifier_logits(c, x, t, logits, s);
	logp = log_softmax(logits, label, by_logit);
	memset(s->gradient, 0, sizeof(s->gradient)); /* its pads take part in sums that are thrown away */
	back_fc(&c->fc, by_logit, s->gradient);
	digits_back_norm_silu(&c->norm3, DIGITS_GRID4, &s->moments3, NULL, NULL, s->z3, s->gradient);
	digits_back_conv3_half(&c->conv3, DIGITS_GRID4, s->gradient, 7, DIGITS_GRID7.pitch, s->gradient, s->padded,
	                       s->quarter);
	digits_back_norm_silu(&c->norm2, DIGITS_GRID7, &s->moments2, NULL, NULL, s->z2, s->gradient);
	digits_back_conv3_half(&c->conv2, DIGITS_GRID7, s->gradient, 14, DIGITS_GRID14.pitch, s->gradient, s->padded,
	                       s->quarter);
	digits_back_norm_silu(&c->norm1, DIGITS_GRID14, &s->moments1, NULL, NULL, s->z1, s->gradient);
	digits_back_conv3_half(&c->conv1, DIGITS_GRID14, s->gradient, DIGITS_SIDE, DIGITS_SIDE, gradient, s->padded,
	                       s->quarter);
	return logp;
}
