/* The vectors of a step. With direction g, the first is the one whose product with g is largest. Matching pursuit goes on
 * from the noise e that was found: of all vectors z and all coefficients u = 1/L .. (L - 1)/L
 *
 *     e' = (sqrt(u) e + sqrt(1 - u) z) / rms
 *
 * is taken where its product with g is largest and larger than that of e; otherwise e stays, coefficient 0. */
#include "base/compiler.h"
#include "chain/codebook.h"
#include "noise/noise.h"
#include <math.h>
#include <string.h>

int32_t *dmi_codebook_indices(const dm_codebook *b, size_t i)
{
	return b->index + i * b->n_index + b->coded * (2 * b->n_pursuit - 1);
}

void dmi_codebook_draw(dm_codebook *b, size_t k)
{
	const struct dmi_asker *a = &b->chain.ask;
	uint32_t draw = (uint32_t)DM_DRAW_STEP << 29 | (uint32_t)b->chain.at;
	dmi_normals_f64(a->first_seed, (int64_t)k, draw, 0, a->n_element, b->vector);
}

/* Products of noise e, vector z and direction g. */
struct products {
	double ee, ez, zz, eg, zg;
};

static struct products products_of(dm_codebook *b, size_t i)
{
	double gram[9];
	const dm_input in[3] = {dmi_row(dmi_chain_row(&b->chain, b->noise, i)), dmi_row(b->vector),
	                        dmi_row(dmi_chain_row(&b->chain, b->direction, i))};
	dmi_row_gram(&b->chain.ask, i, 3, in, gram);
	return (struct products){gram[0], gram[1], gram[4], gram[2], gram[5]};
}

/* The weights of e and z for a level of the coefficient; both 0 where nothing is left of them. */
static void weights_of(const dm_codebook *b, const struct products *p, size_t level, double weight[2])
{
	double u = (double)level / (double)b->n_level, own = sqrt(u), other = sqrt(1 - u);
	double square = u * p->ee + 2 * own * other * p->ez + (1 - u) * p->zz;
	double scale = square > 0 ? 1 / sqrt(square / (double)b->chain.ask.n_element) : 0;
	weight[0] = own * scale;
	weight[1] = other * scale;
}

/* Whether vector k is better than what row i has; with m = 0 alone, else at some level. */
static void try_vector(dm_codebook *b, size_t i, size_t m, size_t k)
{
	int32_t *index = dmi_codebook_indices(b, i) + (m ? 2 * m - 1 : 0);
	const struct products p = products_of(b, i);
	for (size_t level = 1; m && level < b->n_level; level++) {
		double weight[2];
		weights_of(b, &p, level, weight);
		double value = weight[0] * p.eg + weight[1] * p.zg;
		if (value > b->best[i]) {
			b->best[i] = value;
			index[0] = (int32_t)level;
			index[1] = (int32_t)k;
		}
	}
	if (m == 0 && p.zg > b->best[i]) {
		b->best[i] = p.zg;
		index[0] = (int32_t)k;
	}
}

void dmi_codebook_choose(dm_codebook *b, size_t m)
{
	const struct dmi_asker *a = &b->chain.ask;
	for (size_t i = 0; i < a->n_sample; i++) {
		int32_t *index = dmi_codebook_indices(b, i) + (m ? 2 * m - 1 : 0);
		memset(index, 0, (m ? 2 : 1) * sizeof *index);
		b->best[i] = -INFINITY;
		if (m)
			b->best[i] = dmi_row_product(a, dmi_row(dmi_chain_row(&b->chain, b->noise, i)),
			                             dmi_row(dmi_chain_row(&b->chain, b->direction, i)));
	}
	for (size_t k = 0; k < b->size; k++) {
		dmi_codebook_draw(b, k);
		for (size_t i = 0; i < a->n_sample; i++)
			try_vector(b, i, m, k);
	}
}

void dmi_codebook_combine(dm_codebook *b, size_t m)
{
	const struct dmi_asker *a = &b->chain.ask;
	for (size_t i = 0; i < a->n_sample; i++) {
		const int32_t *index = dmi_codebook_indices(b, i) + (m ? 2 * m - 1 : 0);
		double *noise = dmi_chain_row(&b->chain, b->noise, i), weight[2], gram[4];
		const dm_input in[2] = {dmi_row(noise), dmi_row(b->vector)};
		if (m && index[0] == 0)
			continue;
		dmi_codebook_draw(b, (size_t)index[m ? 1 : 0]);
		if (m == 0) {
			memcpy(noise, b->vector, a->n_element * sizeof *noise);
			continue;
		}
		dmi_row_gram(a, i, 2, in, gram);
		weights_of(b, &(struct products){.ee = gram[0], .ez = gram[1], .zz = gram[3]}, (size_t)index[0], weight);
		dmi_row_sum(a, i, 2, in, weight, noise, DM_F64);
	}
}
