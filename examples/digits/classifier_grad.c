/* Backward pass of the classifier: the chain rule from log softmax(logits)[label] down to the image. */
#include "classifier.h"

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

/* d silu(u) / du = s (1 + u (1 - s)) with s = 1 / (1 + exp(-u)) */
static float silu_slope(float u)
{
	float s = 1 / (1 + expf(-u));

	return s * (1 + u * (1 - s));
}

/* Of one plane: turns the gradient by silu(xhat weight + bias) into the one by xhat; adds up d and d xhat. */
static void back_silu(float weight, float bias, float mean, float rstd, struct digits_grid grid, const float *z,
                      float *d, double sums[2])
{
	for (size_t r = 0; r < grid.side; r++)
		for (size_t c = r * grid.pitch; c < r * grid.pitch + grid.side; c++) {
			float xhat = (z[c] - mean) * rstd;

			d[c] *= silu_slope(xhat * weight + bias) * weight;
			sums[0] += d[c];
			sums[1] += d[c] * xhat;
		}
}

/* Back through silu(norm(z)), in place: dz = rstd (d - mean(d) - xhat mean(d xhat)) in each group, d being the
 * gradient by xhat. */
static void back_activation(const struct digits_norm *norm, struct digits_grid grid,
                            const struct digits_moments *moments, const float *z, float *d)
{
	const size_t width = norm->channels / DIGITS_GROUPS, n = digits_flat(grid);
	const double count = (double)(width * grid.side * grid.side);

	for (size_t k = 0; k < DIGITS_GROUPS; k++, z += width * n, d += width * n) {
		const float mean = moments->mean[k], rstd = moments->rstd[k];
		double sums[2] = {0, 0};
		float mean_d, mean_dx;

		for (size_t c = 0; c < width; c++)
			back_silu(norm->weight[k * width + c], norm->bias[k * width + c], mean, rstd, grid, z + c * n, d + c * n,
			          sums);
		mean_d = (float)(sums[0] / count);
		mean_dx = (float)(sums[1] / count);
		for (size_t i = 0; i < width * n; i++)
			d[i] = rstd * (d[i] - mean_d - (z[i] - mean) * rstd * mean_dx);
	}
}

/* flat -> padded: the taps below read one pixel beyond the right and the lower edge and must find zero there */
static void pad(const float *flat, size_t channels, struct digits_grid grid, float *padded)
{
	const size_t row = grid.side * sizeof(*padded);

	memset(padded, 0, (2 * DIGITS_GUARD + channels * digits_padded(grid)) * sizeof(*padded));
	for (size_t c = 0; c < channels; c++)
		for (size_t r = 0; r < grid.side; r++)
			memcpy(padded + digits_origin(grid, c) + r * grid.pitch, flat + c * digits_flat(grid) + r * grid.pitch,
			       row);
}

/* Adds to the four phases of an input plane what one output plane d passes back through its kernel w. The forward pass
 * read input (2 r + ky - 1, 2 c + kx - 1) for output (r, c): an even row gets ky = 1 of r, an odd one 2 r + 1
 * gets ky = 2 of r and ky = 0 of r + 1; columns alike. */
static void back_taps(const float *w, struct digits_grid grid, const float *DIGITS_RESTRICT d, float *phases)
{
	const size_t n = digits_flat(grid);
	const float *DIGITS_RESTRICT below = d + grid.pitch;
	float *DIGITS_RESTRICT even_even = phases, *DIGITS_RESTRICT even_odd = phases + n;
	float *DIGITS_RESTRICT odd_even = phases + 2 * n, *DIGITS_RESTRICT odd_odd = phases + 3 * n;
	const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6], w7 = w[7], w8 = w[8];

	for (size_t i = 0; i < n; i++) {
		even_even[i] += w4 * d[i];
		even_odd[i] += w5 * d[i] + w3 * d[i + 1];
		odd_even[i] += w7 * d[i] + w1 * below[i];
		odd_odd[i] += (w8 * d[i] + w6 * d[i + 1]) + (w2 * below[i] + w0 * below[i + 1]);
	}
}

/* Of the four phases (flat, of `grid`) into one plane of `side` rows, the inverse of digits_split. */
static void join(const float *phases, struct digits_grid grid, size_t side, size_t pitch, float *out)
{
	for (size_t r = 0; r < side; r++)
		for (size_t c = 0; c < side; c++)
			out[r * pitch + c] = phases[(2 * (r % 2) + c % 2) * digits_flat(grid) + r / 2 * grid.pitch + c / 2];
}

/* Back through a convolution of stride 2: gradient by its output, flat of `grid`, to the one by its input, planes of
 * `side` rows. */
static void back_conv(const struct digits_conv *conv, struct digits_grid grid, const float *d, size_t side,
                      size_t pitch, float *out, struct digits_classifier_scratch *s)
{
	pad(d, conv->out, grid, s->padded);
	for (size_t i = 0; i < conv->in; i++) {
		memset(s->quarter, 0, 4 * digits_flat(grid) * sizeof(*s->quarter));
		for (size_t o = 0; o < conv->out; o++)
			back_taps(conv->weight + (o * conv->in + i) * 9, grid, s->padded + digits_origin(grid, o), s->quarter);
		join(s->quarter, grid, side, pitch, out + i * side * pitch);
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
	back_activation(&c->norm3, DIGITS_GRID4, &s->moments3, s->z3, s->gradient);
	back_conv(&c->conv3, DIGITS_GRID4, s->gradient, 7, DIGITS_GRID7.pitch, s->gradient, s);
	back_activation(&c->norm2, DIGITS_GRID7, &s->moments2, s->z2, s->gradient);
	back_conv(&c->conv2, DIGITS_GRID7, s->gradient, 14, DIGITS_GRID14.pitch, s->gradient, s);
	back_activation(&c->norm1, DIGITS_GRID14, &s->moments1, s->z1, s->gradient);
	back_conv(&c->conv1, DIGITS_GRID14, s->gradient, DIGITS_SIDE, DIGITS_SIDE, gradient, s);
	return logp;
}
