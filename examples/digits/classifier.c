#include "classifier.h"

#include <string.h>

static int find_all(struct digits_classifier *c, struct digits_error *error)
{
	const struct digits_weights *w = &c->weights;

	return digits_linear_find(&c->time1, w, "time1", DIGITS_C1, DIGITS_TIME, error) ||
	               digits_linear_find(&c->time2, w, "time2", DIGITS_C1, DIGITS_C1, error) ||
	               digits_conv_find(&c->conv1, w, "conv1", DIGITS_C1, 1, 3, error) ||
	               digits_norm_find(&c->norm1, w, "norm1", DIGITS_C1, error) ||
	               digits_conv_find(&c->conv2, w, "conv2", DIGITS_C2, DIGITS_C1, 3, error) ||
	               digits_norm_find(&c->norm2, w, "norm2", DIGITS_C2, error) ||
	               digits_conv_find(&c->conv3, w, "conv3", DIGITS_C3, DIGITS_C2, 3, error) ||
	               digits_norm_find(&c->norm3, w, "norm3", DIGITS_C3, error) ||
	               digits_linear_find(&c->fc, w, "fc", DIGITS_LOGITS, DIGITS_FEATURES, error)
	           ? -1
	           : 0;
}

int digits_classifier_load(struct digits_classifier *classifier, const char *path, struct digits_error *error)
{
	if (digits_weights_load(&classifier->weights, path, DIGITS_CLASSIFIER, error))
		return -1;
	if (find_all(classifier, error)) {
		digits_weights_free(&classifier->weights);
		return -1;
	}
	return 0;
}

void digits_classifier_free(struct digits_classifier *classifier)
{
	digits_weights_free(&classifier->weights);
}

/* time2(silu(time1(vector(t)))), 64 -> 32 -> 32 */
static void embed(const struct digits_classifier *c, double t, float e[DIGITS_C1])
{
	float vector[DIGITS_TIME], hidden[DIGITS_C1];

	digits_time_vector(t, vector);
	digits_linear_apply(&c->time1, vector, hidden);
	for (size_t i = 0; i < DIGITS_C1; i++)
		hidden[i] = digits_silu(hidden[i]);
	digits_linear_apply(&c->time2, hidden, e);
}

/* silu(norm(z)), flat -> padded, keeping the moments */
static void activate(const struct digits_norm *norm, struct digits_grid grid, const float *z,
                     struct digits_moments *moments, float *padded)
{
	digits_norm_moments(norm, grid, z, moments);
	digits_norm_silu(norm, grid, moments, NULL, NULL, z, padded);
}

/* z1 = conv1(x) + e, the time embedding being one more bias of each channel */
static void first_layer(const struct digits_classifier *c, const float *x, double t,
                        struct digits_classifier_scratch *s)
{
	struct digits_conv conv = c->conv1;
	float bias[DIGITS_C1];

	embed(c, t, bias);
	for (size_t i = 0; i < DIGITS_C1; i++)
		bias[i] += c->conv1.bias[i];
	conv.bias = bias;
	digits_split(x, 1, DIGITS_SIDE, DIGITS_SIDE, DIGITS_PIXELS, DIGITS_GRID14, s->phases0);
	digits_conv3_half(&conv, DIGITS_GRID14, s->phases0, s->z1);
}

/* From a padded buffer to the phases the next convolution, of half the side, wants. */
static void split_padded(const float *padded, size_t channels, struct digits_grid from, struct digits_grid to,
                         float *phases)
{
	digits_split(padded + digits_origin(from, 0), channels, from.side, from.pitch, digits_padded(from), to, phases);
}

static void clear(struct digits_classifier_scratch *s)
{
	/* afterwards only pixels are written into these, so their pads and guards stay zero */
	memset(s->phases0, 0, sizeof(s->phases0));
	memset(s->phases1, 0, sizeof(s->phases1));
	memset(s->phases2, 0, sizeof(s->phases2));
}

/* features: index = channel * 16 + row * 4 + column */
static void gather_features(const float *padded, float *features)
{
	const float *origin = padded + digits_origin(DIGITS_GRID4, 0);

	for (size_t c = 0; c < DIGITS_C3; c++)
		for (size_t i = 0; i < 16; i++)
			features[16 * c + i] = origin[c * DIGITS_PADDED4 + i / 4 * DIGITS_GRID4.pitch + i % 4];
}

void digits_classifier_logits(const struct digits_classifier *classifier, const float *x, double t,
                              float logits[DIGITS_LOGITS], struct digits_classifier_scratch *scratch)
{
	const struct digits_classifier *c = classifier;
	struct digits_classifier_scratch *s = scratch;

	clear(s);
	first_layer(c, x, t, s);
	activate(&c->norm1, DIGITS_GRID14, s->z1, &s->moments1, s->padded);
	split_padded(s->padded, DIGITS_C1, DIGITS_GRID14, DIGITS_GRID7, s->phases1);
	digits_conv3_half(&c->conv2, DIGITS_GRID7, s->phases1, s->z2);
	activate(&c->norm2, DIGITS_GRID7, s->z2, &s->moments2, s->padded);
	split_padded(s->padded, DIGITS_C2, DIGITS_GRID7, DIGITS_GRID4, s->phases2);
	digits_conv3_half(&c->conv3, DIGITS_GRID4, s->phases2, s->z3);
	activate(&c->norm3, DIGITS_GRID4, s->z3, &s->moments3, s->padded);
	gather_features(s->padded, s->features);
	digits_linear_apply(&c->fc, s->features, logits);
}
