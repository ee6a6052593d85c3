/* demist/particles.h: samples given a measurement, by twisted sequential Monte Carlo (Wu 2023, algorithm 1).
 *
 * K particles go together through the ancestral chain of a grid. At every node the likelihood of the measurement, taken
 * at the model's estimate x0, weighs them; its gradient moves the next proposal; where the weights become uneven, the
 * particles are drawn anew. The weights correct for all that is approximate on the way: as K grows the weighted particles
 * become those of the chain given the measurement, whatever the likelihood was taken to be before the last node. */
#ifndef DEMIST_PARTICLES_H
#define DEMIST_PARTICLES_H

#include "grid.h"
#include "model.h"
#include "operator.h"

typedef struct dm_particles dm_particles;

/* n_group groups of n_particle >= 2 particles; groups know nothing of each other. Particle k of group g is row
 * g * n_particle + k, and has the keys (seed, first_sample + that row). The grid falls from node to node and ends at
 * sigma = 0; it starts at noise of standard deviation sigma. type: DM_F32 or DM_F64, that of the network's input and output
 * where the model asks for none; everything else is computed in f64.
 *
 * With an operator, y = A x0 + noise: n_y = n_out numbers (the same for all groups) or n_group * n_out, copied; the model's
 * vjp gives the gradient. Without (op and y NULL, n_y 0) the likelihood is asked for with DM_ASK_GRADIENT, whose log_value
 * wants ln p(y | x) of every row beside the gradient. options (NULL: none), "name=value,...":
 *   noise      standard deviation of the measurement's noise; above 0, required with an operator
 *   data       standard deviation of the data, for what x0 may differ from its estimate: r^2 = sigma^2 data^2 /
 *              (alpha^2 data^2 + sigma^2) is added to noise^2 before the last node. Default 1. 0: nothing is added, as
 *              algorithm 1 of Wu 2023 has it (its code for pictures adds a variance that follows the level, too); then a
 *              proposal overshoots where noise is small against what x0 may be off by, and the weights are of no use
 *   twist      x0 (default): gradients are asked for at the estimate x0, with respect to it (alpha 1, sigma 0, time 0), and
 *              taken to the state by the model's vjp; state: at the state, with respect to what the model reads. At the last
 *              node both are asked at the sample itself
 *   target     number handed on in these requests
 *   jacobian   exact (default): by the model's vjp; none: x0 is moved by r^2 times the gradient at x0, without vjp; needs data
 *   scale      of the gradient in the proposal, 1; 0: not moved, without vjp
 *   threshold  draw anew where the effective sample size is below threshold * n_particle; in (0, 1], default 0.5
 *   resample   systematic (default), multinomial
 *   variance   of the chain's steps: small (default), large, as of the sampler "ddpm"
 *   seed, first_sample  as of a run */
DM_API dm_status dm_particles_create(dm_particles **out, const dm_schedule *schedule, const dm_grid *grid,
                                     const dm_model *model, const dm_operator *op, const double *y, size_t n_y,
                                     const char *options, int32_t type, size_t n_group, size_t n_particle,
                                     size_t n_element, const dm_allocator *allocator, dm_error *err);
DM_API void dm_particles_free(dm_particles *particles);

/* Step mode: DM_EVAL with a DM_ASK_PREDICTION, DM_ASK_GRADIENT or DM_ASK_VJP to be answered before the next call, DM_DONE at
 * the end. Driver mode: that loop around the model's callbacks. After an error both go on with the same request. Every
 * request holds all particles; step is the number of the node. */
DM_API dm_status dm_particles_next(dm_particles *particles, const dm_request **rq, dm_error *err);
DM_API dm_status dm_particles_all(dm_particles *particles, dm_error *err);

/* At the end (DM_ERR_STATE before): the particles, n_group * n_particle rows of n_element numbers; and, each pointer may be
 * NULL: their weights, which add up to 1 in every group; of every group the estimate of ln p(y). */
DM_API dm_status dm_particles_state(const dm_particles *particles, void *out, int32_t type, dm_error *err);
DM_API dm_status dm_particles_weights(const dm_particles *particles, double *weight, double *log_evidence,
                                      dm_error *err);

/* At the end, each pointer may be NULL: ess[n_node][n_group], the effective sample size before drawing anew; and
 * ancestor[n_node - 1][n_group * n_particle], which particle of the group goes on from the node in this one's place (itself
 * where nothing was drawn). n_node must be that of the grid. */
DM_API dm_status dm_particles_history(const dm_particles *particles, double *ess, int32_t *ancestor, size_t n_node,
                                      dm_error *err);

#endif
