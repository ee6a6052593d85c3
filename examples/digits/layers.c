#include "layers.h"

#include <math.h>
#include <stdio.h>

enum { TAPS = 9, LANES = 8 };

static int find_pair(const struct digits_weights *weights, const char *name, const size_t shape[4],
                     const float **weight, const float **bias, struct digits_error *error)
{
	const size_t vector[4] = {shape[0], 1, 1, 1};
	char full[64];

	snprintf(full, sizeof(full), "%s.weight", name);
	if (digits_weights_find(weights, full, shape, weight, error))
		return -1;
	snprintf(full, sizeof(full), "%s.bias", name);
	return digits_weights_find(weights, full, vector, bias, error);
}

int digits_linear_find(struct digits_linear *layer, const struct digits_weights *weights, const char *name, size_t out,
                       size_t in, struct digits_error *error)
{
	const size_t shape[4] = {out, in, 1, 1};

	layer->out = out;
	layer->in = in;
	return find_pair(weights, name, shape, &layer->weight, &layer->bias, error);
}

int digits_conv_find(struct digits_conv *layer, const struct digits_weights *weights, const char *name, size_t out,
                     size_t in, size_t kernel, struct digits_error *error)
{
	const size_t shape[4] = {out, in, kernel, kernel};

	layer->out = out;
	layer->in = in;
	return find_pair(weights, name, shape, &layer->weight, &layer->bias, error);
}

int digits_norm_find(struct digits_norm *layer, const struct digits_weights *weights, const char *name, size_t channels,
                     struct digits_error *error)
{
	const size_t shape[4] = {channels, 1, 1, 1};

	layer->channels = channels;
	return find_pair(weights, name, shape, &layer->weight, &layer->bias, error);
}

float digits_silu(float x)
{
	return x / (1.0f + expf(-x)); /* expf may overflow to infinity: the result is then -0, as it should be */
}

float digits_dot(const float *a, const float *b, size_t n)
{
	float lane[LANES] = {0};

	for (size_t i = 0; i < n; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k] += a[i + k] * b[i + k];
	return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

void digits_linear_apply(const struct digits_linear *layer, const float *x, float *y)
{
	for (size_t o = 0; o < layer->out; o++)
		y[o] = layer->bias[o] + digits_dot(layer->weight + o * layer->in, x, layer->in);
}

void digits_time_vector(double t, float vector[DIGITS_TIME])
{
	const double half = DIGITS_TIME / 2;

	for (size_t k = 0; k < DIGITS_TIME / 2; k++) {
		double angle = t * exp(-log(10000.0) * (double)k / half);

		vector[k] = (float)sin(angle);
		vector[k + DIGITS_TIME / 2] = (float)cos(angle);
	}
}

/* out[i] += sum of w[k] in[k][i] over nine taps; the shape of this loop decides how fast everything is */
static inline void add_taps(float *DIGITS_RESTRICT out, const float *const in[TAPS], const float w[TAPS], size_t n)
{
	const float *DIGITS_RESTRICT a = in[0], *DIGITS_RESTRICT b = in[1], *DIGITS_RESTRICT c = in[2],
	                             *DIGITS_RESTRICT d = in[3], *DIGITS_RESTRICT e = in[4], *DIGITS_RESTRICT f = in[5],
	                             *DIGITS_RESTRICT g = in[6], *DIGITS_RESTRICT h = in[7], *DIGITS_RESTRICT j = in[8];
	const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6], w7 = w[7], w8 = w[8];

	for (size_t i = 0; i < n; i++)
		out[i] += (w0 * a[i] + w1 * b[i] + w2 * c[i]) + (w3 * d[i] + w4 * e[i] + w5 * f[i]) +
		          (w6 * g[i] + w7 * h[i] + w8 * j[i]);
}

/* the same loop for each of the three plane sizes: with a constant length compilers vectorise it even at -O2 */
static void add_plane(float *out, const float *const in[TAPS], const float w[TAPS], size_t n)
{
	if (n == DIGITS_FLAT14)
		add_taps(out, in, w, DIGITS_FLAT14);
	else if (n == DIGITS_FLAT7)
		add_taps(out, in, w, DIGITS_FLAT7);
	else
		add_taps(out, in, w, DIGITS_FLAT4);
}

static void fill(float *out, float value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = value;
}

/* For all pairs of planes; tap k reads its input plane at base[k] floats from the plane's origin. */
static void conv_planes(const struct digits_conv *conv, struct digits_grid grid, const float *const base[TAPS],
                        size_t stride, float *flat)
{
	const float *w = conv->weight;
	const size_t n = digits_flat(grid);

	for (size_t o = 0; o < conv->out; o++, flat += n) {
		const float *in[TAPS];

		fill(flat, conv->bias[o], n);
		for (size_t k = 0; k < TAPS; k++)
			in[k] = base[k];
		for (size_t i = 0; i < conv->in; i++, w += TAPS) {
			add_plane(flat, in, w, n);
			for (size_t k = 0; k < TAPS; k++)
				in[k] += stride;
		}
	}
}

void digits_conv3(const struct digits_conv *conv, struct digits_grid grid, const float *padded, float *flat)
{
	const float *base[TAPS], *corner = padded + digits_origin(grid, 0) - grid.pitch - 1;

	for (size_t k = 0; k < TAPS; k++)
		base[k] = corner + k / 3 * grid.pitch + k % 3;
	conv_planes(conv, grid, base, digits_padded(grid), flat);
}

/* What output o passes to input i goes through the same kernel, turned around. */
void digits_conv3_back(const struct digits_conv *conv, struct digits_grid grid, const float *padded, float *flat)
{
	const float *corner = padded + digits_origin(grid, 0) - grid.pitch - 1;
	const size_t n = digits_flat(grid);

	for (size_t i = 0; i < conv->in; i++, flat += n) {
		fill(flat, 0, n);
		for (size_t o = 0; o < conv->out; o++) {
			const float *in[TAPS];

			for (size_t k = 0; k < TAPS; k++)
				in[k] = corner + o * digits_padded(grid) + (TAPS - 1 - k) / 3 * grid.pitch + (TAPS - 1 - k) % 3;
			add_plane(flat, in, conv->weight + (o * conv->in + i) * TAPS, n);
		}
	}
}

/* Output (r, c) reads (2 r + ky - 1, 2 c + kx - 1): ky = 1 is row r of the even phase, ky = 2 row r of the odd one,
 * ky = 0 row r - 1 of the odd one; columns alike. */
void digits_conv3_half(const struct digits_conv *conv, struct digits_grid grid, const float *phases, float *flat)
{
	const float *base[TAPS];

	for (size_t k = 0; k < TAPS; k++) {
		size_t ky = k / 3, kx = k % 3, phase = (ky != 1 ? 2u : 0u) + (kx != 1 ? 1u : 0u);

		base[k] = phases + digits_origin(grid, phase) - (ky == 0 ? grid.pitch : 0) - (kx == 0 ? 1 : 0);
	}
	conv_planes(conv, grid, base, 4 * digits_padded(grid), flat);
}

/* out[i] += sum of w[k] in[k n + i] over eight planes */
static inline void add_eight(float *DIGITS_RESTRICT out, const float *DIGITS_RESTRICT in, const float *w, size_t n)
{
	const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6], w7 = w[7];

	for (size_t i = 0; i < n; i++)
		out[i] += ((w0 * in[i] + w1 * in[n + i]) + (w2 * in[2 * n + i] + w3 * in[3 * n + i])) +
		          ((w4 * in[4 * n + i] + w5 * in[5 * n + i]) + (w6 * in[6 * n + i] + w7 * in[7 * n + i]));
}

void digits_conv1(const struct digits_conv *conv, struct digits_grid grid, const float *in, float *out)
{
	const float *w = conv->weight;
	const size_t n = digits_flat(grid);

	for (size_t o = 0; o < conv->out; o++, out += n) {
		fill(out, conv->bias[o], n);
		for (size_t i = 0; i < conv->in; i += 8, w += 8) {
			if (n == DIGITS_FLAT14)
				add_eight(out, in + i * n, w, DIGITS_FLAT14);
			else
				add_eight(out, in + i * n, w, DIGITS_FLAT7);
		}
	}
}

static void split_plane(const float *in, size_t side, size_t pitch, struct digits_grid grid, float *origin)
{
	const size_t padded = digits_padded(grid);

	for (size_t r = 0; r < side; r++)
		for (size_t c = 0; c < side; c++)
			origin[(2 * (r % 2) + c % 2) * padded + r / 2 * grid.pitch + c / 2] = in[r * pitch + c];
}

void digits_split(const float *in, size_t channels, size_t side, size_t pitch, size_t plane, struct digits_grid grid,
                  float *phases)
{
	for (size_t i = 0; i < channels; i++)
		split_plane(in + i * plane, side, pitch, grid, phases + digits_origin(grid, 4 * i));
}

/* sum of (x - shift)^power over the pixels of some planes */
static double sum_pixels(const float *x, size_t rows, struct digits_grid grid, double shift, int square)
{
	double even = 0, odd = 0;

	for (size_t r = 0; r < rows; r++, x += grid.pitch)
		for (size_t c = 0; c < grid.side; c++) {
			double d = x[c] - shift;

			*(c % 2 ? &odd : &even) += square ? d * d : d;
		}
	return even + odd;
}

void digits_norm_moments(const struct digits_norm *norm, struct digits_grid grid, const float *flat,
                         struct digits_moments *moments)
{
	const size_t rows = norm->channels / DIGITS_GROUPS * grid.side;
	const double count = (double)(rows * grid.side);

	for (size_t k = 0; k < DIGITS_GROUPS; k++, flat += rows * grid.pitch) {
		double mean = sum_pixels(flat, rows, grid, 0, 0) / count;
		double variance = sum_pixels(flat, rows, grid, mean, 1) / count;

		moments->mean[k] = (float)mean;
		moments->rstd[k] = (float)(1 / sqrt(variance + DIGITS_NORM_EPS));
	}
}

void digits_norm_flat(const struct digits_norm *norm, struct digits_grid grid, const float *in, float *out)
{
	struct digits_moments moments;
	const size_t n = digits_flat(grid);

	digits_norm_moments(norm, grid, in, &moments);
	for (size_t c = 0; c < norm->channels; c++, in += n, out += n) {
		size_t group = c / (norm->channels / DIGITS_GROUPS);
		float mean = moments.mean[group], gain = moments.rstd[group] * norm->weight[c];

		for (size_t i = 0; i < n; i++)
			out[i] = (in[i] - mean) * gain + norm->bias[c];
	}
}

/* silu((x - mean) gain + bias) of one plane */
static void silu_plane(const float *in, struct digits_grid grid, float mean, float gain, float bias, float *origin)
{
	for (size_t r = 0; r < grid.side; r++)
		for (size_t c = 0; c < grid.side; c++)
			origin[r * grid.pitch + c] = digits_silu((in[r * grid.pitch + c] - mean) * gain + bias);
}

void digits_norm_silu(const struct digits_norm *norm, struct digits_grid grid, const struct digits_moments *moments,
                      const float *scale, const float *shift, const float *in, float *padded)
{
	for (size_t c = 0; c < norm->channels; c++, in += digits_flat(grid)) {
		size_t group = c / (norm->channels / DIGITS_GROUPS);
		float gain = moments->rstd[group] * norm->weight[c], bias = norm->bias[c];

		if (scale) {
			gain *= 1 + scale[c];
			bias = bias * (1 + scale[c]) + shift[c];
		}
		silu_plane(in, grid, moments->mean[group], gain, bias, padded + digits_origin(grid, c));
	}
}
