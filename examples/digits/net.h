/* The U-Net that draws digits: forward pass for one 28 x 28 image. */
#ifndef DIGITS_NET_H
#define DIGITS_NET_H

#include "layers.h"

enum { DIGITS_CLASSES = 10, DIGITS_NO_LABEL = 10 };

enum { DIGITS_EMBEDDING = 128, DIGITS_UPPER = 32, DIGITS_LOWER = 64, DIGITS_BLOCKS = 5 };

struct digits_block {
	struct digits_norm norm1, norm2;
	struct digits_conv conv1, conv2, skip; /* skip.weight is NULL when the block keeps its number of channels */
	struct digits_linear film;
};

/* The layers point into `weights`. Threads may share a net: a forward pass only reads it. */
struct digits_net {
	struct digits_weights weights;
	struct digits_linear time1, time2;
	const float *classes; /* 11 x 128, the last row for "no label" */
	struct digits_conv conv_in, down, qkv, proj, up, conv_out;
	struct digits_norm attn, norm_out;
	struct digits_block block[DIGITS_BLOCKS];
};

/* Working memory of one forward pass: one per thread. It need not be initialised. See layers.h for the layouts. */
struct digits_net_scratch {
	float embedding[DIGITS_EMBEDDING];
	float padded14[2 * DIGITS_GUARD + DIGITS_LOWER * DIGITS_PADDED14];
	float padded7[2 * DIGITS_GUARD + DIGITS_LOWER * DIGITS_PADDED7];
	float phases[2 * DIGITS_GUARD + 4 * DIGITS_UPPER * DIGITS_PADDED7];
	float joined[DIGITS_LOWER * DIGITS_FLAT14]; /* what comes up in the lower half of the channels, block 1's output */
	float a[DIGITS_UPPER * DIGITS_FLAT14], b[DIGITS_UPPER * DIGITS_FLAT14], hidden[DIGITS_UPPER * DIGITS_FLAT14];
	float qkv[3 * DIGITS_LOWER * DIGITS_FLAT7];
};

/* Loads unet.bin (DIGITS_UNET) or unet_flow.bin (DIGITS_FLOW). 0, or -1 and a text. */
int digits_net_load(struct digits_net *net, const char *path, enum digits_kind kind, struct digits_error *error);
void digits_net_free(struct digits_net *net);

/* x and raw: 784 floats, -1 black, +1 white. t: 0..1000. label: 0..9 or DIGITS_NO_LABEL. raw may be x.
 * With unet.bin, raw is v = sqrt(abar) eps - sqrt(1 - abar) x_0; with unet_flow.bin it is eps - x_0, t being 1000 s. */
void digits_net_forward(const struct digits_net *net, const float *x, double t, int label, float *raw,
                        struct digits_net_scratch *scratch);

#endif
