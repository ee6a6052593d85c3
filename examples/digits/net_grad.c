/* Backward pass of the U-Net: the chain rule from the output down to the image. */
#include "net.h"

#include <math.h>
#include <string.h>

#include "layers_back.h"

static void add_to(float *sum, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += x[i];
}

/* Through conv2(silu(film(norm2(conv1(silu(norm1(in))))))) + skip(in); d in place. */
static void back_block(const struct digits_block *block, struct digits_grid grid, const struct digits_block_tape *tape,
                       float *d, struct digits_net_tape *t)
{
	const size_t in = block->conv1.in * digits_flat(grid), out = block->conv2.out * digits_flat(grid);
	struct digits_moments moments;

	if (block->skip.weight)
		digits_back_conv1(&block->skip, grid, d, t->skip);
	else
		memcpy(t->skip, d, out * sizeof(*d));
	digits_back_conv3(&block->conv2, grid, d, t->e, t->padded);
	digits_norm_moments(&block->norm2, grid, tape->z, &moments);
	digits_back_norm_silu(&block->norm2, grid, &moments, tape->film, tape->film + block->conv2.out, tape->z, t->e);
	digits_back_conv3(&block->conv1, grid, t->e, d, t->padded);
	digits_norm_moments(&block->norm1, grid, tape->in, &moments);
	digits_back_norm_silu(&block->norm1, grid, &moments, NULL, NULL, tape->in, d);
	add_to(d, t->skip, in);
}

static int is_pixel(size_t i)
{
	return i % DIGITS_GRID7.pitch < DIGITS_GRID7.side;
}

/* p[j] = softmax_j(sum_c q[c][i] k[c][j] / 8) */
static void weights_of(const float *q, const float *k, size_t i, float p[DIGITS_FLAT7])
{
	const size_t n = DIGITS_FLAT7;
	float highest = -INFINITY, sum = 0;

	for (size_t j = 0; j < n; j++) {
		p[j] = 0;
		for (size_t c = 0; c < DIGITS_LOWER; c++)
			p[j] += q[c * n + i] / 8 * k[c * n + j];
		if (is_pixel(j) && p[j] > highest)
			highest = p[j];
	}
	for (size_t j = 0; j < n; j++) {
		p[j] = is_pixel(j) ? expf(p[j] - highest) : 0;
		sum += p[j];
	}
	for (size_t j = 0; j < n; j++)
		p[j] /= sum;
}

/* Of position i: adds to the gradients by q, k and v, one after the other in d_qkv. */
static void back_attend(const float *qkv, const float *d, size_t i, float *d_qkv)
{
	const size_t n = DIGITS_FLAT7, all = DIGITS_LOWER * n;
	const float *q = qkv, *k = q + all, *v = k + all;
	float p[DIGITS_FLAT7], by_p[DIGITS_FLAT7] = {0}, mean = 0;

	weights_of(q, k, i, p);
	for (size_t c = 0; c < DIGITS_LOWER; c++)
		for (size_t j = 0; j < n; j++) {
			by_p[j] += d[c * n + i] * v[c * n + j];
			d_qkv[2 * all + c * n + j] += p[j] * d[c * n + i];
		}
	for (size_t j = 0; j < n; j++)
		mean += p[j] * by_p[j];
	for (size_t j = 0; j < n; j++)
		by_p[j] = p[j] * (by_p[j] - mean) / 8; /* now by the score */
	for (size_t c = 0; c < DIGITS_LOWER; c++)
		for (size_t j = 0; j < n; j++) {
			d_qkv[c * n + i] += by_p[j] * k[c * n + j];
			d_qkv[all + c * n + j] += by_p[j] * q[c * n + i];
		}
}

/* Through x + proj(attention(qkv(norm(x)))); d in place. */
static void back_attention(const struct digits_net *net, float *d, struct digits_net_tape *t)
{
	struct digits_moments moments;

	digits_back_conv1(&net->proj, DIGITS_GRID7, d, t->e);
	memset(t->d_qkv, 0, sizeof(t->d_qkv));
	for (size_t i = 0; i < DIGITS_FLAT7; i++)
		if (is_pixel(i))
			back_attend(t->qkv, t->e, i, t->d_qkv);
	digits_back_conv1(&net->qkv, DIGITS_GRID7, t->d_qkv, t->e);
	digits_norm_moments(&net->attn, DIGITS_GRID7, t->attended, &moments);
	digits_back_norm(&net->attn, DIGITS_GRID7, &moments, t->attended, t->e);
	add_to(d, t->e, DIGITS_LOWER * DIGITS_FLAT7);
}

/* Through the repetition of every pixel, then the 1 x 1 convolution. */
static void back_up(const struct digits_net *net, const float *d, float *small, float *out)
{
	memset(small, 0, DIGITS_UPPER * DIGITS_FLAT7 * sizeof(*small));
	for (size_t c = 0; c < DIGITS_UPPER; c++)
		for (size_t r = 0; r < 14; r++)
			for (size_t k = 0; k < 14; k++)
				small[c * DIGITS_FLAT7 + r / 2 * 8 + k / 2] += d[c * DIGITS_FLAT14 + r * 16 + k];
	digits_back_conv1(&net->up, DIGITS_GRID7, small, out);
}

/* pixel (2 r + i, 2 c + j) -> channel 2 i + j at (r, c) */
static void split_phases(const float *raw, float *flat)
{
	memset(flat, 0, 4 * DIGITS_FLAT14 * sizeof(*flat));
	for (size_t r = 0; r < DIGITS_SIDE; r++)
		for (size_t c = 0; c < DIGITS_SIDE; c++)
			flat[(2 * (r % 2) + c % 2) * DIGITS_FLAT14 + r / 2 * 16 + c / 2] = raw[r * DIGITS_SIDE + c];
}

static void join_phases(const float *flat, float *raw)
{
	for (size_t r = 0; r < DIGITS_SIDE; r++)
		for (size_t c = 0; c < DIGITS_SIDE; c++)
			raw[r * DIGITS_SIDE + c] = flat[(2 * (r % 2) + c % 2) * DIGITS_FLAT14 + r / 2 * 16 + c / 2];
}

/* From the output to what came up from 7 x 7 (in d) and what block 1 gave (in first). */
static void back_to_middle(const struct digits_net *net, struct digits_net_tape *t)
{
	const size_t half = DIGITS_UPPER * DIGITS_FLAT14;
	struct digits_moments moments;

	digits_back_conv3(&net->conv_out, DIGITS_GRID14, t->d, t->d, t->padded);
	digits_norm_moments(&net->norm_out, DIGITS_GRID14, t->last, &moments);
	digits_back_norm_silu(&net->norm_out, DIGITS_GRID14, &moments, NULL, NULL, t->last, t->d);
	back_block(&net->block[4], DIGITS_GRID14, &t->block[4], t->d, t);
	back_block(&net->block[3], DIGITS_GRID14, &t->block[3], t->d, t);
	memcpy(t->first, t->d + half, half * sizeof(*t->d));
	back_up(net, t->d, t->e, t->d);
}

void digits_net_back(const struct digits_net *net, const float *cotangent, float *gradient,
                     struct digits_net_tape *tape)
{
	struct digits_net_tape *t = tape;

	split_phases(cotangent, t->d);
	back_to_middle(net, t);
	back_block(&net->block[2], DIGITS_GRID7, &t->block[2], t->d, t);
	back_attention(net, t->d, t);
	back_block(&net->block[1], DIGITS_GRID7, &t->block[1], t->d, t);
	digits_back_conv3_half(&net->down, DIGITS_GRID7, t->d, 14, DIGITS_GRID14.pitch, t->e, t->padded, t->quarter);
	memcpy(t->d, t->e, DIGITS_UPPER * DIGITS_FLAT14 * sizeof(*t->d));
	add_to(t->d, t->first, DIGITS_UPPER * DIGITS_FLAT14);
	back_block(&net->block[0], DIGITS_GRID14, &t->block[0], t->d, t);
	digits_back_conv3(&net->conv_in, DIGITS_GRID14, t->d, t->d, t->padded);
	join_phases(t->d, gradient);
}
