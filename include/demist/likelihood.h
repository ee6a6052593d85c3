/* demist/likelihood.h: how probable given samples are under a model.
 *
 * Two measures, as two kinds of one object: the log-density by the probability-flow ODE (Song 2021, section 4.3 and
 * appendix D.2), and the variational bound of the discrete chain (Ho 2020, eq. 5; Nichol 2021). Both are driven like a
 * run: by the callbacks of the model, or request by request. */
#ifndef DEMIST_LIKELIHOOD_H
#define DEMIST_LIKELIHOOD_H

#include "grid.h"
#include "model.h"

typedef struct dm_likelihood dm_likelihood;

/* Domains of noise.h for the draws below: draw number domain * 2^29 + tag * 2^24 + visit, with dm_normals the same
 * numbers. PROBE: visit = number of the probe. BOUND: visit = number of the term, tag = number of the draw. */
enum { DM_DRAW_PROBE = 5, DM_DRAW_BOUND = 6 };

/* The log-density. With r = sqrt(alpha^2 + sigma^2), y = x / r and the angle a, tan a = sigma / alpha, the equation is
 * dy/da = v(y, a), the model's prediction of v, which is smooth at both ends of every process. The samples are followed
 * from t_min to t_max, and with them the integral of the divergence of v:
 *
 *     ln p(x) = ln N(x(t_max); 0, prior_std^2) + n ln(r(t_max) / r(t_min)) + integral of div v da
 *
 * The divergence is the mean of probe . (J probe) over the probes (Hutchinson's estimator; Skilling 1989), which stay
 * the same on the whole way. It is unbiased for ln p. x0: n_sample x n_element numbers of type DM_F32 or DM_F64, tightly
 * packed, copied; the type is also that of the network's input and output where the model asks for none. Everything
 * else is computed in f64. options (NULL: none), "name=value,...":
 *   method       rk45 (adaptive 5(4) pair, the default), rk4, heun, midpoint, euler
 *   steps, grid  of a fixed-step method: 32 steps, uniform in the angle (grid=angle), in lambda (log_snr), or in t (time)
 *   times        a fixed-step method's nodes themselves, in rising process time: times=0.001/0.1/1
 *   t_min, t_max ends in process time; where they are not given, the range of the schedule
 *   rtol, atol   tolerances of rk45 on y and the integral, 1e-5; h_init: its first step as a fraction of the way, 0.01
 *   norm         sample: every sample has steps of its own; batch: one step for all, by the rms over the whole batch
 *   divergence   vjp: the model's vjp; difference: central differences along the probe; auto: vjp where there is one
 *   difference_step  distance of the differences in y; 0: the cube root of the coarser number type's precision
 *   probe        rademacher (signs of the normals), normal, exact (the unit vectors, n_element of them: no estimate)
 *   n_probe      number of probes, 1
 *   start        state: x0 is the state at t_min (Song 2021); clean: alpha(t_min) x0 is, and the density is that of x0
 *   prior_std    standard deviation of the Gaussian at t_max; 0: sigma(t_max)
 *   offset       added to the bits per dimension: log2 of the number of levels per unit of x0
 *   seed, first_sample, max_eval  as in dm_run_create; probes of row i are those of (seed, first_sample + i)
 * A model whose prediction says nothing about v at an end (epsilon at alpha = 0, x0 at sigma = 0) is refused there. */
DM_API dm_status dm_likelihood_create(dm_likelihood **out, const dm_schedule *schedule, const dm_model *model,
                                      const char *options, const void *x0, int32_t type, size_t n_sample,
                                      size_t n_element, const dm_allocator *allocator, dm_error *err);

/* The bound on -log2 p(x0), in bits per dimension, over the chain of a grid that goes down in N steps to sigma = 0
 * (NULL: all entries of the schedule's table). Its N + 1 terms:
 *   0         KL(q(x_T | x0) | N(0, prior_std^2))
 *   1 .. N-1  KL(q(x_s | x_t, x0) | p(x_s | x_t)) of step k - 1, at x_t = alpha_t x0 + sigma_t z
 *   N         -log2 p(x0 | x_s) of the last step
 * The reverse steps have the posterior's mean with the model's x0, and a variance. options:
 *   variance  small, large, learned, learned_log, learned_range: as of the sampler "ddpm"; in the last step, where small
 *             would be 0, small and large are the small one of the step before (Nichol 2021)
 *   last      discretized: x0 lies on `levels` (256) values from -1 to 1, probability of its bin; continuous: density
 *   cdf       exact, or tanh: the approximation of the original, with its floor of 1e-12
 *   clip      the model's x0 is clipped to [-clip, clip]; 0: it is not
 *   at        terms to compute of 1 .. N-1, rising: at=1/500/999. The rest are NaN, and the bound is estimated with the
 *             mean of those computed
 *   n_draw    draws z for each term, 1 to 32
 *   prior_std 0: sigma of the first node
 *   seed, first_sample as above */
DM_API dm_status dm_likelihood_create_bound(dm_likelihood **out, const dm_schedule *schedule, const dm_grid *grid,
                                            const dm_model *model, const char *options, const void *x0, int32_t type,
                                            size_t n_sample, size_t n_element, const dm_allocator *allocator,
                                            dm_error *err);
DM_API void dm_likelihood_free(dm_likelihood *likelihood);

/* Before the first request, each optional: the keys of every row; probes of the caller's in place of drawn ones,
 * probe[n_probe][n_sample][n_element] of type DM_F32 or DM_F64, lent until the last request. */
DM_API dm_status dm_likelihood_keys(dm_likelihood *likelihood, const uint64_t *seed, const int64_t *sample, size_t n,
                                    dm_error *err);
DM_API dm_status dm_likelihood_probes(dm_likelihood *likelihood, const void *probe, int32_t type, size_t n_probe,
                                      dm_error *err);

/* Step mode: DM_EVAL with a DM_ASK_PREDICTION or DM_ASK_VJP to be answered before the next call, DM_DONE at the end.
 * Driver mode: that loop around the model's callbacks. After an error both go on with the same request. */
DM_API dm_status dm_likelihood_next(dm_likelihood *likelihood, const dm_request **rq, dm_error *err);
DM_API dm_status dm_likelihood_all(dm_likelihood *likelihood, dm_error *err);

/* Results at the end; DM_ERR_STATE before. Of every sample, each pointer may be NULL: the log-density in nats (of a
 * bound: minus the bound), -log2 of it per dimension plus the offset, and the predictions asked for. latent: the states
 * at t_max, n_sample x n_element. term: n_sample x n_term, n_term = N + 1, in bits per dimension. */
DM_API dm_status dm_likelihood_values(const dm_likelihood *likelihood, double *log_density, double *bits,
                                      int64_t *n_eval, dm_error *err);
DM_API dm_status dm_likelihood_latent(const dm_likelihood *likelihood, void *latent, int32_t type, dm_error *err);
DM_API dm_status dm_likelihood_terms(const dm_likelihood *likelihood, double *term, size_t n_term, dm_error *err);

/* From samples to results in one call; every result may be NULL. latent has the type of x0. */
DM_API dm_status dm_log_likelihood(const dm_schedule *schedule, const dm_model *model, const char *options,
                                   const void *x0, int32_t type, size_t n_sample, size_t n_element, double *log_density,
                                   double *bits, void *latent, int64_t *n_eval, const dm_allocator *allocator,
                                   dm_error *err);
DM_API dm_status dm_variational_bound(const dm_schedule *schedule, const dm_grid *grid, const dm_model *model,
                                      const char *options, const void *x0, int32_t type, size_t n_sample,
                                      size_t n_element, double *bits, double *term, size_t n_term,
                                      const dm_allocator *allocator, dm_error *err);

#endif
