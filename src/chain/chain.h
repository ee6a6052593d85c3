/* The ancestral chain of a falling grid, on which particles and codebooks go (Ho 2020, eq. 7):
 *
 *     x' = stay x + toward x0 + noise z
 *
 * with the model's x0 in the posterior q(x' | x, x0). An object of this floor begins with a struct dmi_chain. */
#ifndef DMI_CHAIN_H
#define DMI_CHAIN_H

#include "ask/ask.h"

struct dmi_chain_step {
	double stay, toward, noise;
};

struct dmi_chain {
	struct dmi_asker ask;
	size_t n_step, at;           /* at: the node at hand, 0 .. n_step */
	struct dmi_chain_step *step; /* [n_step] */
	double *x, *x_next, *x0;     /* [n_sample][n_element]: state, that of the next node, estimate */
	double row[2], scale;        /* of the node at hand: x0 = row[0] x + row[1] out(scale x) */
};

/* The grid of a chain: there, falling, its last node the only one that may have sigma = 0. */
dm_status dmi_chain_setup(struct dmi_chain *c, dm_error *err);
void dmi_chain_place(struct dmi_chain *c);
/* The coefficients of the steps. */
void dmi_chain_begin(struct dmi_chain *c);

const dm_node *dmi_chain_node(const struct dmi_chain *c);

/* Row i of an array of the chain. */
static inline double *dmi_chain_row(const struct dmi_chain *c, double *array, size_t i)
{
	return array + i * c->ask.n_element;
}

/* Requests for all rows at the node at hand: DM_EVAL, or an error. A gradient is one at the state, or at the estimate x0
 * (at the last node: at the state), which is shown as a clean sample: alpha 1, sigma 0, time 0. A vjp is one with the
 * cotangents given in `array`. A value is one at x_next, a state of the next node. */
dm_status dmi_chain_ask_prediction(struct dmi_chain *c, dm_error *err);
dm_status dmi_chain_ask_gradient(struct dmi_chain *c, int32_t of_x0, int32_t target, dm_error *err);
dm_status dmi_chain_ask_value(struct dmi_chain *c, int32_t target, dm_error *err);
dm_status dmi_chain_ask_vjp(struct dmi_chain *c, double *array, dm_error *err);

/* Their answers: into x0; into `array` as gradients with respect to what they were asked at, or to the state. */
void dmi_chain_take_prediction(struct dmi_chain *c);
void dmi_chain_take_gradient(struct dmi_chain *c, int32_t of_x0, double *array);
void dmi_chain_take_vjp(struct dmi_chain *c, double *array);

/* The state of all rows at the end, as numbers of a type. */
dm_status dmi_chain_state(const struct dmi_chain *c, const char *call, void *out, int32_t type, dm_error *err);

#endif
