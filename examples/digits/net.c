#include "net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct block_shape {
	const char *name;
	size_t in, out;
};

static const struct block_shape shapes[DIGITS_BLOCKS] = {{"block1", DIGITS_UPPER, DIGITS_UPPER},
                                                         {"block2", DIGITS_LOWER, DIGITS_LOWER},
                                                         {"block3", DIGITS_LOWER, DIGITS_LOWER},
                                                         {"block4", 2 * DIGITS_UPPER, DIGITS_UPPER},
                                                         {"block5", DIGITS_UPPER, DIGITS_UPPER}};

static const char *part(char name[32], const struct block_shape *shape, const char *suffix)
{
	snprintf(name, 32, "%s.%s", shape->name, suffix);
	return name;
}

static int find_block(struct digits_block *block, const struct digits_weights *w, const struct block_shape *shape,
                      struct digits_error *error)
{
	const size_t in = shape->in, out = shape->out;
	char name[32];

	block->skip = (struct digits_conv){0};
	if (in != out && digits_conv_find(&block->skip, w, part(name, shape, "skip"), out, in, 1, error))
		return -1;
	return digits_norm_find(&block->norm1, w, part(name, shape, "norm1"), in, error) ||
	               digits_conv_find(&block->conv1, w, part(name, shape, "conv1"), out, in, 3, error) ||
	               digits_linear_find(&block->film, w, part(name, shape, "film"), 2 * out, DIGITS_EMBEDDING, error) ||
	               digits_norm_find(&block->norm2, w, part(name, shape, "norm2"), out, error) ||
	               digits_conv_find(&block->conv2, w, part(name, shape, "conv2"), out, out, 3, error)
	           ? -1
	           : 0;
}

static int find_embedding(struct digits_net *net, struct digits_error *error)
{
	const size_t classes[4] = {DIGITS_CLASSES + 1, DIGITS_EMBEDDING, 1, 1};
	const struct digits_weights *w = &net->weights;

	return digits_linear_find(&net->time1, w, "time1", DIGITS_EMBEDDING, DIGITS_TIME, error) ||
	               digits_linear_find(&net->time2, w, "time2", DIGITS_EMBEDDING, DIGITS_EMBEDDING, error) ||
	               digits_weights_find(w, "cls.weight", classes, &net->classes, error)
	           ? -1
	           : 0;
}

static int find_rest(struct digits_net *net, struct digits_error *error)
{
	const struct digits_weights *w = &net->weights;

	return digits_conv_find(&net->conv_in, w, "conv_in", DIGITS_UPPER, 4, 3, error) ||
	               digits_conv_find(&net->down, w, "down", DIGITS_LOWER, DIGITS_UPPER, 3, error) ||
	               digits_norm_find(&net->attn, w, "attn.norm", DIGITS_LOWER, error) ||
	               digits_conv_find(&net->qkv, w, "attn.qkv", 3 * DIGITS_LOWER, DIGITS_LOWER, 1, error) ||
	               digits_conv_find(&net->proj, w, "attn.proj", DIGITS_LOWER, DIGITS_LOWER, 1, error) ||
	               digits_conv_find(&net->up, w, "up", DIGITS_UPPER, DIGITS_LOWER, 1, error) ||
	               digits_norm_find(&net->norm_out, w, "norm_out", DIGITS_UPPER, error) ||
	               digits_conv_find(&net->conv_out, w, "conv_out", 4, DIGITS_UPPER, 3, error)
	           ? -1
	           : 0;
}

static int find_all(struct digits_net *net, struct digits_error *error)
{
	for (size_t i = 0; i < DIGITS_BLOCKS; i++)
		if (find_block(&net->block[i], &net->weights, &shapes[i], error))
			return -1;
	return find_embedding(net, error) || find_rest(net, error) ? -1 : 0;
}

int digits_net_load(struct digits_net *net, const char *path, enum digits_kind kind, struct digits_error *error)
{
	if (digits_weights_load(&net->weights, path, kind, error))
		return -1;
	if (find_all(net, error)) {
		digits_weights_free(&net->weights);
		return -1;
	}
	return 0;
}

void digits_net_free(struct digits_net *net)
{
	digits_weights_free(&net->weights);
}

/* e = silu(time2(silu(time1(vector(t)))) + classes[label]), 64 -> 128 -> 128 */
static void embed(const struct digits_net *net, double t, int label, float *e)
{
	const float *class_row = net->classes + (size_t)label * DIGITS_EMBEDDING;
	float vector[DIGITS_TIME], hidden[DIGITS_EMBEDDING];

	digits_time_vector(t, vector);
	digits_linear_apply(&net->time1, vector, hidden);
	for (size_t i = 0; i < DIGITS_EMBEDDING; i++)
		hidden[i] = digits_silu(hidden[i]);
	digits_linear_apply(&net->time2, hidden, e);
	for (size_t i = 0; i < DIGITS_EMBEDDING; i++)
		e[i] = digits_silu(e[i] + class_row[i]);
}

static void add_to(float *sum, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += x[i];
}

/* conv2(silu(film(norm2(conv1(silu(norm1(x))))))) + skip(x), flat -> flat; `padded` fits the grid */
static void run_block(const struct digits_block *block, struct digits_grid grid, const float *in, float *out,
                      float *padded, struct digits_net_scratch *s, struct digits_block_tape *tape)
{
	const size_t channels = block->conv2.out, size = channels * digits_flat(grid);
	float film[2 * DIGITS_LOWER]; /* scale of each channel, then shift of each */
	struct digits_moments moments;

	digits_linear_apply(&block->film, s->embedding, film);
	digits_norm_moments(&block->norm1, grid, in, &moments);
	digits_norm_silu(&block->norm1, grid, &moments, NULL, NULL, in, padded);
	digits_conv3(&block->conv1, grid, padded, s->hidden);
	if (tape) {
		memcpy(tape->in, in, block->conv1.in * digits_flat(grid) * sizeof(*in));
		memcpy(tape->z, s->hidden, size * sizeof(*in));
		memcpy(tape->film, film, sizeof(film));
	}
	digits_norm_moments(&block->norm2, grid, s->hidden, &moments);
	digits_norm_silu(&block->norm2, grid, &moments, film, film + channels, s->hidden, padded);
	digits_conv3(&block->conv2, grid, padded, out);
	if (block->skip.weight) {
		digits_conv1(&block->skip, grid, in, s->hidden);
		in = s->hidden;
	}
	add_to(out, in, size);
}

/* Turns scores into weights that sum to 1 over the pixels of a plane, 0 in its pads. */
static void softmax_plane(float *score, struct digits_grid grid)
{
	const size_t n = digits_flat(grid);
	float highest = score[0], sum = 0;

	for (size_t j = 0; j < n; j++)
		if (j % grid.pitch < grid.side && score[j] > highest)
			highest = score[j];
	for (size_t j = 0; j < n; j++) {
		score[j] = j % grid.pitch < grid.side ? expf(score[j] - highest) : 0;
		sum += score[j];
	}
	for (size_t j = 0; j < n; j++)
		score[j] /= sum;
}

/* o[c] at position i: sum over j of softmax_j(sum over c of q[c][i] k[c][j] / 8) v[c][j] */
static void attend(const float *qkv, size_t i, float *o)
{
	const size_t n = DIGITS_FLAT7;
	const float *q = qkv, *k = q + DIGITS_LOWER * n, *v = k + DIGITS_LOWER * n;
	float score[DIGITS_FLAT7] = {0};

	for (size_t c = 0; c < DIGITS_LOWER; c++) {
		float query = q[c * n + i] / 8;

		for (size_t j = 0; j < DIGITS_FLAT7; j++)
			score[j] += query * k[c * n + j];
	}
	softmax_plane(score, DIGITS_GRID7);
	for (size_t c = 0; c < DIGITS_LOWER; c++)
		o[c * n + i] = digits_dot(score, v + c * n, n);
}

/* x += proj(attention(qkv(norm(x)))) over the 49 positions of 64 x 7 x 7 */
static void attention(const struct digits_net *net, float *x, float *spare, struct digits_net_scratch *s,
                      struct digits_net_tape *tape)
{
	digits_norm_flat(&net->attn, DIGITS_GRID7, x, spare);
	digits_conv1(&net->qkv, DIGITS_GRID7, spare, s->qkv);
	if (tape) {
		memcpy(tape->attended, x, sizeof(tape->attended));
		memcpy(tape->qkv, s->qkv, sizeof(tape->qkv));
	}
	for (size_t i = 0; i < DIGITS_FLAT7; i++)
		if (i % DIGITS_GRID7.pitch < DIGITS_GRID7.side)
			attend(s->qkv, i, spare);
	digits_conv1(&net->proj, DIGITS_GRID7, spare, s->hidden);
	add_to(x, s->hidden, DIGITS_LOWER * DIGITS_FLAT7);
}

/* up 64 -> 32 at 7 x 7, then every pixel twice in both directions: 14 x 14 */
static void run_up(const struct digits_net *net, const float *in, float *small, float *out)
{
	digits_conv1(&net->up, DIGITS_GRID7, in, small);
	for (size_t c = 0; c < DIGITS_UPPER; c++)
		for (size_t r = 0; r < 14; r++)
			for (size_t k = 0; k < 16; k++)
				out[c * DIGITS_FLAT14 + r * 16 + k] = small[c * DIGITS_FLAT7 + r / 2 * 8 + k / 2];
}

/* channel 2 i + j at (r, c) -> pixel (2 r + i, 2 c + j) */
static void join_phases(const float *flat, float *raw)
{
	for (size_t r = 0; r < DIGITS_SIDE; r++)
		for (size_t c = 0; c < DIGITS_SIDE; c++)
			raw[r * DIGITS_SIDE + c] = flat[(2 * (r % 2) + c % 2) * DIGITS_FLAT14 + r / 2 * 16 + c / 2];
}

static struct digits_block_tape *block_tape(struct digits_net_tape *tape, size_t i)
{
	return tape ? &tape->block[i] : NULL;
}

/* 4 x 14 x 14 -> blocks 1 to 3 -> 64 x 7 x 7 in s->b; block 1's output stays in s->joined */
static void run_down(const struct digits_net *net, struct digits_net_scratch *s, struct digits_net_tape *tape)
{
	float *first = s->joined + DIGITS_UPPER * DIGITS_FLAT14;

	digits_conv3(&net->conv_in, DIGITS_GRID14, s->padded14, s->a);
	run_block(&net->block[0], DIGITS_GRID14, s->a, first, s->padded14, s, block_tape(tape, 0));
	digits_split(first, DIGITS_UPPER, 14, 16, DIGITS_FLAT14, DIGITS_GRID7, s->phases);
	digits_conv3_half(&net->down, DIGITS_GRID7, s->phases, s->a);
	run_block(&net->block[1], DIGITS_GRID7, s->a, s->b, s->padded7, s, block_tape(tape, 1));
	attention(net, s->b, s->a, s, tape);
	run_block(&net->block[2], DIGITS_GRID7, s->b, s->a, s->padded7, s, block_tape(tape, 2));
}

/* 64 x 7 x 7 in s->a -> blocks 4 and 5 -> 4 x 14 x 14 in s->b */
static void run_back(const struct digits_net *net, struct digits_net_scratch *s, struct digits_net_tape *tape)
{
	struct digits_moments moments;

	run_up(net, s->a, s->b, s->joined);
	run_block(&net->block[3], DIGITS_GRID14, s->joined, s->a, s->padded14, s, block_tape(tape, 3));
	run_block(&net->block[4], DIGITS_GRID14, s->a, s->b, s->padded14, s, block_tape(tape, 4));
	if (tape)
		memcpy(tape->last, s->b, sizeof(tape->last));
	digits_norm_moments(&net->norm_out, DIGITS_GRID14, s->b, &moments);
	digits_norm_silu(&net->norm_out, DIGITS_GRID14, &moments, NULL, NULL, s->b, s->padded14);
	digits_conv3(&net->conv_out, DIGITS_GRID14, s->padded14, s->a);
}

void digits_net_record(const struct digits_net *net, const float *x, double t, int label, float *raw,
                       struct digits_net_scratch *scratch, struct digits_net_tape *tape)
{
	/* afterwards only pixels are written into these three, so their pads and guards stay zero */
	memset(scratch->padded14, 0, sizeof(scratch->padded14));
	memset(scratch->padded7, 0, sizeof(scratch->padded7));
	memset(scratch->phases, 0, sizeof(scratch->phases));
	embed(net, t, label, scratch->embedding);
	digits_split(x, 1, DIGITS_SIDE, DIGITS_SIDE, DIGITS_PIXELS, DIGITS_GRID14, scratch->padded14);
	run_down(net, scratch, tape);
	run_back(net, scratch, tape);
	join_phases(scratch->a, raw);
}

void digits_net_forward(const struct digits_net *net, const float *x, double t, int label, float *raw,
                        struct digits_net_scratch *scratch)
{
	digits_net_record(net, x, t, label, raw, scratch, NULL);
}
