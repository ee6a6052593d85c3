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

/* What the backward pass needs of a forward pass; one per thread. */
struct digits_block_tape {
	float in[2 * DIGITS_UPPER * DIGITS_FLAT14], z[DIGITS_UPPER * DIGITS_FLAT14], film[2 * DIGITS_LOWER];
};

struct digits_net_tape {
	struct digits_block_tape block[DIGITS_BLOCKS];
	float attended[DIGITS_LOWER * DIGITS_FLAT7], qkv[3 * DIGITS_LOWER * DIGITS_FLAT7];
	float last[DIGITS_UPPER * DIGITS_FLAT14];
	/* gradients on the way back */
	float d[2 * DIGITS_UPPER * DIGITS_FLAT14], e[2 * DIGITS_UPPER * DIGITS_FLAT14],
	    skip[2 * DIGITS_UPPER * DIGITS_FLAT14];
	float first[DIGITS_UPPER * DIGITS_FLAT14], d_qkv[3 * DIGITS_LOWER * DIGITS_FLAT7];
	float padded[2 * DIGITS_GUARD + DIGITS_LOWER * DIGITS_PADDED14], quarter[4 * DIGITS_FLAT14];
};

/* Loads unet.bin (DIGITS_UNET) or unet_flow.bin (DIGITS_FLOW). 0, or -1 and a text. */
int digits_net_load(struct digits_net *net, const char *path, enum digits_kind kind, struct digits_error *error);
void digits_net_free(struct digits_net *net);

/* x and raw: 784 floats, -1 black, +1 white. t: 0..1000. label: 0..9 or DIGITS_NO_LABEL. raw may be x.
 * With unet.bin, raw is v = sqrt(abar) eps - sqrt(1 - abar) x_0; with unet_flow.bin it is eps - x_0, t being 1000 s. */
void digits_net_forward(const struct digits_net *net, const float *x, double t, int label, float *raw,
                        struct digits_net_scratch *scratch);

/* The same, keeping in tape what digits_net_back reads. */
void digits_net_record(const struct digits_net *net, const float *x, double t, int label, float *raw,
                       struct digits_net_scratch *scratch, struct digits_net_tape *tape);

/* After digits_net_record: gradient[784] of sum_i cotangent_i raw_i with respect to x. They may be one array. */
void digits_net_back(const struct digits_net *net, const float *cotangent, float *gradient,
                     struct digits_net_tape *tape);

#endif
