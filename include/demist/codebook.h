/* demist/codebook.h: samples as a few bits: the noise of every step is one of a codebook's vectors (DDCM; Ohayon 2025).
 *
 * The ancestral chain of a grid adds noise at every step. Where each noise is one of `size` vectors that both sides can
 * make, their numbers are the sample: the decoder follows the same chain with the same model and arrives at the same bits.
 * The encoder chooses at every step the vector that leads towards a given sample, or along a caller's score. */
#ifndef DEMIST_CODEBOOK_H
#define DEMIST_CODEBOOK_H

#include "grid.h"
#include "model.h"

typedef struct dm_codebook dm_codebook;

/* An encoder. x0: the targets, n_sample x n_element numbers of type DM_F32 or DM_F64, tightly packed, copied; or NULL: the
 * vectors are chosen by requests. type is also that of the network's input and output where the model asks for none;
 * everything else is computed in f64. The grid falls from node to node. options (NULL: none), "name=value,...":
 *   size              vectors in the codebook of a step, 2 to 2^24, default 256
 *   pursuit           vectors that are combined at every step, 1 to 32, default 1
 *   coefficient_bits  of each but the first of them, 1 to 8, default 3
 *   score             without targets, what vectors are chosen by. x0 (default): the gradient of a log-probability at the
 *                     estimate x0 (DM_ASK_GRADIENT with alpha 1, sigma 0, time 0); state: that at the state; each vector counts
 *                     by its product with the gradient. candidates: the states that the vectors lead to, each counts by the
 *                     log-probability that it is given (DM_ASK_VALUE, at the next node, for every vector; pursuit 1)
 *   target            number handed on in these requests
 *   seed              of the codebook
 *   first_sample      as of a run, for the requests alone: what a row becomes does not depend on it */
DM_API dm_status dm_codebook_create_encode(dm_codebook **out, const dm_schedule *schedule, const dm_grid *grid,
                                           const dm_model *model, const char *options, const void *x0, int32_t type,
                                           size_t n_sample, size_t n_element, const dm_allocator *allocator,
                                           dm_error *err);

/* The decoder of indices that dm_codebook_index gave, n_index in all, under the same schedule, grid, model, type and options
 * (score and target do not matter). Copied. */
DM_API dm_status dm_codebook_create_decode(dm_codebook **out, const dm_schedule *schedule, const dm_grid *grid,
                                           const dm_model *model, const char *options, const int32_t *index,
                                           size_t n_index, int32_t type, size_t n_sample, size_t n_element,
                                           const dm_allocator *allocator, dm_error *err);
DM_API void dm_codebook_free(dm_codebook *codebook);

/* n_index: of one sample, n_step (2 pursuit - 1): for every step that adds noise the first vector's number, then for each
 * further one its coefficient's and its own. bits: n_step (pursuit log2(size) + (pursuit - 1) coefficient_bits). */
typedef struct dm_codebook_info {
	size_t struct_size;
	size_t n_index;
	int64_t n_step;
	double bits, bits_per_element; /* of one sample */
} dm_codebook_info;
DM_API dm_status dm_codebook_facts(const dm_codebook *codebook, dm_codebook_info *info, dm_error *err);

/* Step mode: DM_EVAL with a DM_ASK_PREDICTION, DM_ASK_GRADIENT or DM_ASK_VALUE to be answered before the next call, DM_DONE at
 * the end. Driver mode: that loop around the model's callbacks (`gradient` answers both of the latter). After an error both
 * go on with the same request. */
DM_API dm_status dm_codebook_next(dm_codebook *codebook, const dm_request **rq, dm_error *err);
DM_API dm_status dm_codebook_all(dm_codebook *codebook, dm_error *err);

/* At the end (DM_ERR_STATE before): the samples, n_sample rows of n_element numbers; and their indices, n_index = n_sample
 * times that of the facts. */
DM_API dm_status dm_codebook_state(const dm_codebook *codebook, void *out, int32_t type, dm_error *err);
DM_API dm_status dm_codebook_index(const dm_codebook *codebook, int32_t *index, size_t n_index, dm_error *err);

#endif
