/* Files of trained weights: a header, a table of named float32 tensors, the numbers. All little-endian. */
#ifndef DIGITS_WEIGHTS_H
#define DIGITS_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum digits_kind { DIGITS_UNET = 1, DIGITS_FLOW = 2, DIGITS_CLASSIFIER = 3, DIGITS_GOLDEN = 4 };

enum { DIGITS_TIME = 64, DIGITS_GROUPS = 8 };
#define DIGITS_NORM_EPS 1e-5

struct digits_tensor {
	char name[32];
	uint32_t rank;
	uint32_t dim[4]; /* 1 beyond rank */
	size_t count;    /* dim[0] * dim[1] * dim[2] * dim[3] */
	const float *data;
};

struct digits_weights {
	char *path; /* for messages */
	uint32_t count;
	struct digits_tensor *tensors;
	float *numbers; /* all tensors, in host byte order */
};

/* Reads and verifies a whole file: magic, version, kind, size, CRC-32, network constants, tensor table.
 * 0 on success. On failure -1, nothing is kept and `error` names the file, what was found and what was expected. */
int digits_weights_load(struct digits_weights *weights, const char *path, enum digits_kind kind,
                        struct digits_error *error);
void digits_weights_free(struct digits_weights *weights);

/* Finds a tensor by its name and stores where its numbers begin; it must have this shape (unused dimensions: 1). */
int digits_weights_find(const struct digits_weights *weights, const char *name, const size_t shape[4],
                        const float **data, struct digits_error *error);

#endif
