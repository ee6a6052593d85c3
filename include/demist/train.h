/* demist/train.h: what surrounds the training of a denoiser, as pure functions. */
#ifndef DEMIST_TRAIN_H
#define DEMIST_TRAIN_H

#include "grid.h"
#include "model.h"

/* The weight of the squared error at n levels (alpha[i], sigma[i]), each at least 0 and not both. spec: a name of
 * DM_KIND_WEIGHT; with u = sigma / alpha, s = sigma / (alpha + sigma), snr = 1 / u^2:
 *   snr           snr, on x0                              min_snr     min(snr, gamma), on x0
 *   soft_min_snr  (u sd)^2 / (u^2 + sd^2)^2, on edm       p2          (k + snr)^-gamma, on epsilon
 *   edm           (u^2 + sd^2) / (u sd)^2, on x0          sigma_sqrt  s^-2, on x0
 *   cosmap        2 / (pi (1 - 2 s + 2 s^2)), on flow
 * options of all: sigma_data (sd); loss = x0, epsilon, v, flow, edm: the prediction whose error is weighted (kinds as in
 * model.h), where it is not the one above: the weight of the same loss, whatever the network predicts.
 * DM_ERR_UNSUPPORTED where it is infinite or undefined, as on x0 at sigma = 0 and on epsilon at alpha = 0. */
DM_API dm_status dm_loss_weight(const char *spec, size_t n, const double *alpha, const double *sigma, double *weight,
                                dm_error *err);

/* What "analytic_dpm" needs to know (Bao 2022, eq. 8): for every step of the grid, at the node it starts from,
 *
 *     gamma[step] = mean of epsilon^2 over elements, samples and draws, at x = alpha x0 + sigma z
 *
 * with the model's prediction, unguided, asked through its predict. 1 - gamma is the share of the noise that the model cannot
 * tell from the data. x0: n_sample x n_element numbers of type DM_F32 or DM_F64, that of the model's input too; samples of the
 * data, in batches of any size: the mean over equal batches is that over all. n_draw draws z for every sample: those of the start
 * of runs with the keys (seed + draw, sample), the same at every node. gamma has n_gamma entries, one for every step. Every
 * node but the last needs sigma > 0. */
DM_API dm_status dm_analytic_variance(const dm_schedule *schedule, const dm_grid *grid, const dm_model *model,
                                      const void *x0, int32_t type, size_t n_sample, size_t n_element, size_t n_draw,
                                      uint64_t seed, double *gamma, size_t n_gamma, const dm_allocator *allocator,
                                      dm_error *err);

/* Spherical interpolation between two arrays of n numbers, each as one vector: with c the cosine of their angle,
 *
 *     sin((1 - t) acos c) / sin(acos c) a + sin(t acos c) / sin(acos c) b,    or (1 - t) a + t b where |c| > threshold
 *
 * or one of them is 0. threshold is 0 to 1, customarily 0.9995. type: DM_F32 or DM_F64; out may be a or b. */
DM_API dm_status dm_slerp(const void *a, const void *b, size_t n, double t, double threshold, int32_t type, void *out,
                          dm_error *err);

#endif
