/* The command line. */
#ifndef DIGITS_ARGS_H
#define DIGITS_ARGS_H

#include <stdint.h>
#include <stdio.h>

#include "error.h"

/* Every option has a bit in digits_args.given. */
enum {
	DIGITS_ARG_SAMPLER,
	DIGITS_ARG_SCHEDULE,
	DIGITS_ARG_GRID,
	DIGITS_ARG_STEPS,
	DIGITS_ARG_GUIDANCE,
	DIGITS_ARG_TASK,
	DIGITS_ARG_INPUT,
	DIGITS_ARG_MEASURED,
	DIGITS_ARG_NOISE,
	DIGITS_ARG_CODES,
	DIGITS_ARG_CODEBOOK,
	DIGITS_ARG_LABELS,
	DIGITS_ARG_COUNT,
	DIGITS_ARG_SEED,
	DIGITS_ARG_FIRST_SAMPLE,
	DIGITS_ARG_DTYPE,
	DIGITS_ARG_MODEL,
	DIGITS_ARG_PREDICT,
	DIGITS_ARG_THREADS,
	DIGITS_ARG_WEIGHTS,
	DIGITS_ARG_PNG,
	DIGITS_ARG_RAW,
	DIGITS_ARG_TRAJECTORY,
	DIGITS_ARG_PLAN,
	DIGITS_ARG_LIST,
	DIGITS_ARG_OPTIONS,
	DIGITS_ARG_QUIET,
	DIGITS_ARG_HELP,
	DIGITS_N_ARG
};

enum {
	DIGITS_TASK_DRAW,
	DIGITS_TASK_INPAINT,
	DIGITS_TASK_DEBLUR,
	DIGITS_TASK_SUPER_RESOLVE,
	DIGITS_TASK_DENOISE,
	DIGITS_TASK_ENCODE,
	DIGITS_TASK_DECODE
};
enum { DIGITS_DTYPE_F32, DIGITS_DTYPE_F64 };
enum { DIGITS_MODEL_V, DIGITS_MODEL_FLOW };
enum { DIGITS_PREDICT_EPSILON, DIGITS_PREDICT_V, DIGITS_PREDICT_X0 };

/* Texts point into argv or are constants. png, raw, trajectory: NULL where nothing is to be written; input: NULL where the
 * originals are drawn. */
struct digits_args {
	const char *sampler, *schedule, *grid, *guidance, *labels, *input, *codes, *codebook, *weights, *png, *raw,
	    *trajectory, *options;
	uint64_t steps, count, seed, first_sample, threads;
	double noise;
	int32_t task, dtype, model, predict; /* one of the enums above */
	int32_t measured, plan, list, quiet, help;
	uint32_t given;
};

/* Reads the command line, fills in the defaults and checks what can be checked without the library.
 * 0, or -1 and a text. */
int digits_args_parse(struct digits_args *args, int argc, char *const *argv, struct digits_error *error);

void digits_args_help(FILE *out);

#endif
