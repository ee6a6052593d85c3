#include "layers_back.h"

#include <math.h>
#include <string.h>

/* d silu(u) / du = s (1 + u (1 - s)) with s = 1 / (1 + exp(-u)) */
static float silu_slope(float u)
{
	float s = 1 / (1 + expf(-u));

	return s * (1 + u * (1 - s));
}

/* Of one plane: turns the gradient by f(xhat weight + bias), f = silu or the identity, into the one by xhat; adds up d
 * and d xhat. */
static void back_plane(float weight, float bias, int silu, float mean, float rstd, struct digits_grid grid,
                       const float *z, float *d, double sums[2])
{
	for (size_t r = 0; r < grid.side; r++)
		for (size_t c = r * grid.pitch; c < r * grid.pitch + grid.side; c++) {
			float xhat = (z[c] - mean) * rstd;

			d[c] *= (silu ? silu_slope(xhat * weight + bias) : 1) * weight;
			sums[0] += d[c];
			sums[1] += d[c] * xhat;
		}
}

/* dz = rstd (d - mean(d) - xhat mean(d xhat)) in each group, d being the gradient by xhat. */
static void back(const struct digits_norm *norm, struct digits_grid grid, const struct digits_moments *moments,
                 const float *scale, const float *shift, int silu, const float *z, float *d)
{
	const size_t width = norm->channels / DIGITS_GROUPS, n = digits_flat(grid);
	const double count = (double)(width * grid.side * grid.side);

	for (size_t k = 0; k < DIGITS_GROUPS; k++, z += width * n, d += width * n) {
		const float mean = moments->mean[k], rstd = moments->rstd[k];
		double sums[2] = {0, 0};
		float mean_d, mean_dx;

		for (size_t c = 0; c < width; c++) {
			const size_t channel = k * width + c;
			const float gain = scale ? 1 + scale[channel] : 1, offset = shift ? shift[channel] : 0;

			back_plane(norm->weight[channel] * gain, norm->bias[channel] * gain + offset, silu, mean, rstd, grid,
			           z + c * n, d + c * n, sums);
		}
		mean_d = (float)(sums[0] / count);
		mean_dx = (float)(sums[1] / count);
		for (size_t i = 0; i < width * n; i++)
			d[i] = rstd * (d[i] - mean_d - (z[i] - mean) * rstd * mean_dx);
	}
}

void digits_back_norm_silu(const struct digits_norm *norm, struct digits_grid grid,
                           const struct digits_moments *moments, const float *scale, const float *shift, const float *z,
                           float *d)
{
	back(norm, grid, moments, scale, shift, 1, z, d);
}

void digits_back_norm(const struct digits_norm *norm, struct digits_grid grid, const struct digits_moments *moments,
                      const float *z, float *d)
{
	back(norm, grid, moments, NULL, NULL, 0, z, d);
}

/* flat -> padded: the taps read one pixel beyond every edge and must find zero there */
static void pad(const float *flat, size_t channels, struct digits_grid grid, float *padded)
{
	const size_t row = grid.side * sizeof(*padded);

	memset(padded, 0, (2 * DIGITS_GUARD + channels * digits_padded(grid)) * sizeof(*padded));
	for (size_t c = 0; c < channels; c++)
		for (size_t r = 0; r < grid.side; r++)
			memcpy(padded + digits_origin(grid, c) + r * grid.pitch, flat + c * digits_flat(grid) + r * grid.pitch,
			       row);
}

void digits_back_conv3(const struct digits_conv *conv, struct digits_grid grid, const float *d, float *out,
                       float *padded)
{
	pad(d, conv->out, grid, padded);
	digits_conv3_back(conv, grid, padded, out);
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

void digits_back_conv3_half(const struct digits_conv *conv, struct digits_grid grid, const float *d, size_t side,
                            size_t pitch, float *out, float *padded, float *quarter)
{
	pad(d, conv->out, grid, padded);
	for (size_t i = 0; i < conv->in; i++) {
		memset(quarter, 0, 4 * digits_flat(grid) * sizeof(*quarter));
		for (size_t o = 0; o < conv->out; o++)
			back_taps(conv->weight + (o * conv->in + i) * 9, grid, padded + digits_origin(grid, o), quarter);
		join(quarter, grid, side, pitch, out + i * side * pitch);
	}
}

void digits_back_conv1(const struct digits_conv *conv, struct digits_grid grid, const float *d, float *out)
{
	const size_t n = digits_flat(grid);

	for (size_t i = 0; i < conv->in; i++) {
		float *DIGITS_RESTRICT to = out + i * n;

		memset(to, 0, n * sizeof(*to));
		for (size_t o = 0; o < conv->out; o++) {
			const float *DIGITS_RESTRICT from = d + o * n;
			const float w = conv->weight[o * conv->in + i];

			for (size_t j = 0; j < n; j++)
				to[j] += w * from[j];
		}
	}
}
