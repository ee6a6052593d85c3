/* Noise from codebooks (Ohayon 2025). The vector k of the step from node i is the noise that the run with the keys (seed, k)
 * draws there, so (DM_DRAW_STEP, i, 0) of sample k; all rows start at sigma times the start noise of sample 0. The files:
 * codebook.c the object, vectors.c choosing and combining. */
#ifndef DMI_CODEBOOK_H
#define DMI_CODEBOOK_H

#include "chain/chain.h"
#include "demist/codebook.h"

enum { DMI_CODEBOOK_SIZE, DMI_CODEBOOK_PURSUIT, DMI_CODEBOOK_BITS, DMI_CODEBOOK_SCORE, DMI_CODEBOOK_TARGET };
enum { DMI_SCORE_X0, DMI_SCORE_STATE, DMI_SCORE_CANDIDATES };

struct dm_codebook {
	struct dmi_chain chain;
	const void *given;         /* x0 or indices of the caller's, while the object is made */
	size_t n_given;            /* indices of the caller's */
	int32_t decodes, targeted; /* targeted: towards x0 of the caller's */
	int32_t phase;
	size_t size, n_pursuit, n_level; /* vectors in a book, of a step; values of a coefficient */
	size_t n_index, n_coded;         /* indices of a sample; steps with noise */
	size_t coded;                    /* such steps before the node at hand */
	size_t candidate;                /* vector that values are asked for */

	int32_t *index;    /* [n_sample][n_index] */
	double *target;    /* [n_sample][n_element] */
	double *direction; /* [n_sample][n_element]: what vectors are to be aligned with */
	double *noise;     /* [n_sample][n_element]: of the step, as far as it is combined */
	double *vector;    /* [n_element]: the one at hand */
	double *best;      /* [n_sample]: of what was tried so far */
};

/* Indices of a row for the step at hand. */
int32_t *dmi_codebook_indices(const dm_codebook *b, size_t i);

/* Vector k of the step at hand, into b->vector. */
void dmi_codebook_draw(dm_codebook *b, size_t k);

/* The m-th vector of the step at hand for all rows: chosen by alignment with direction; taken into noise by its index. */
void dmi_codebook_choose(dm_codebook *b, size_t m);
void dmi_codebook_combine(dm_codebook *b, size_t m);

#endif
