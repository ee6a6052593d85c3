/* Twisted sequential Monte Carlo (Wu 2023, algorithm 1). With the twisting function T(x), the likelihood at the model's
 * estimate x0(x), particles x_a at a node go on to
 *
 *     x' = stay x_a + toward (x0_a + f g_a) + s z,    g = gradient of ln T, f = sigma^2 / alpha
 *     w' = w T(x') / T(x_a) p(x' | x_a) / q(x' | x_a)
 *
 * with p the chain's step and q the one above: normals with the same s, whose means are d = toward f g_a apart, so
 *
 *     ln p / q = -(d^2 + 2 s d z) / (2 s^2)
 *
 * At the last node T is the likelihood itself. The files: particles.c the object, twist.c T and its gradient, weigh.c
 * weights and drawing anew. */
#ifndef DMI_PARTICLES_H
#define DMI_PARTICLES_H

#include "chain/chain.h"
#include "demist/particles.h"

enum {
	DMI_PARTICLES_NOISE,
	DMI_PARTICLES_DATA,
	DMI_PARTICLES_TWIST,
	DMI_PARTICLES_TARGET,
	DMI_PARTICLES_JACOBIAN,
	DMI_PARTICLES_SCALE,
	DMI_PARTICLES_THRESHOLD,
	DMI_PARTICLES_RESAMPLE,
	DMI_PARTICLES_VARIANCE
};
enum { DMI_TWIST_X0, DMI_TWIST_STATE };
enum { DMI_JACOBIAN_EXACT, DMI_JACOBIAN_NONE };
enum { DMI_SYSTEMATIC, DMI_MULTINOMIAL };

struct dm_particles {
	struct dmi_chain chain;
	dm_operator *op; /* NULL: gradients are asked for */
	size_t n_group, n_particle;
	const double *given; /* y of the caller's, while the object is made */
	size_t n_given;
	int32_t phase;

	double *y, *work;     /* [n_group][n_out]; [n_out] */
	double *gradient;     /* [n_sample][n_element]: of ln T, by x0 or by the state */
	double *twist;        /* [n_sample]: ln T */
	double *carried;      /* [n_sample]: ln of the weight but for T at this node */
	double *log_weight;   /* [n_sample]: with it, since the last drawing */
	double *weight;       /* [n_sample]: scratch; at the end the weights */
	double *log_evidence; /* [n_group] */
	double *ess;          /* [n_step + 1][n_group] */
	int32_t *ancestor;    /* [n_step][n_sample] */
};

/* Whether the proposal needs the model's vjp; r^2 at a node (0 where data is 0). */
int dmi_particles_use_vjp(const dm_particles *p);
double dmi_particles_spread(const dm_particles *p, const dm_node *at);

/* ln T and its gradient by x0 at an array of estimates, from the operator. */
dm_status dmi_particles_measure(dm_particles *p, double *x0, dm_error *err);

/* The weights at the node at hand from carried and twist; draws anew where that is due. Changes nothing when it fails. */
dm_status dmi_particles_weigh(dm_particles *p, dm_error *err);

/* To the next node. */
void dmi_particles_propose(dm_particles *p);

#endif
