/* demist/schedule.h: the noise process.
 *
 *     x_t = alpha(t) x0 + sigma(t) epsilon,    lambda(t) = ln(alpha / sigma)   (half the log signal-to-noise ratio)
 *
 * The process time t grows with the noise; its unit is the schedule's own: table index 0..T-1 for discrete tables
 * (fractions allowed, lambda is linear between entries; the clean end alpha = 1, sigma = 0 is t = -1), [0, 1] for vp
 * and flow (t = s), sigma itself for ve and edm. */
#ifndef DEMIST_SCHEDULE_H
#define DEMIST_SCHEDULE_H

#include "base.h"

typedef struct dm_schedule dm_schedule;

/* A place on the way from noise to data. */
typedef struct dm_node {
	double t;                    /* process time, in the schedule's unit */
	double time;                 /* what the model receives; NaN: the model's own time map decides */
	double alpha, sigma, lambda; /* lambda is +inf at sigma = 0 and -inf at alpha = 0 */
	int64_t visit;               /* position in the grid; -1 for a node a method made itself */
} dm_node;

/* A process of the caller's own. level: alpha >= 0 and sigma >= 0 at t, not both 0, lambda falling as t grows.
 * time: the t with ln(alpha/sigma) = lambda (optional: found by bisection where NULL). Both must be pure functions.
 * A non-zero return comes back as DM_ERR_CALLBACK. destroy (optional) is called once, also when create fails. */
typedef struct dm_schedule_ops {
	size_t struct_size;
	dm_status (*level)(void *user, double t, double *alpha, double *sigma);
	void (*destroy)(void *user);
	dm_status (*time)(void *user, double lambda, double *t);
} dm_schedule_ops;

/* By name: "linear", "scaled_linear:beta_start=0.00085,beta_end=0.012", "squared_cosine", "vp", "ve", "edm", "flow". */
DM_API dm_status dm_schedule_create(dm_schedule **out, const char *spec, const dm_allocator *allocator, dm_error *err);

/* A discrete table of the caller's: n betas, each in (0, 1) (the last may be 1: zero terminal SNR), or n alpha-bars in
 * [0, 1), falling. Copied. */
DM_API dm_status dm_schedule_create_betas(dm_schedule **out, const double *beta, size_t n,
                                          const dm_allocator *allocator, dm_error *err);
DM_API dm_status dm_schedule_create_alpha_bars(dm_schedule **out, const double *alpha_bar, size_t n,
                                               const dm_allocator *allocator, dm_error *err);

/* The caller's process between t_clean (least noise) and t_noise (most). */
DM_API dm_status dm_schedule_create_custom(dm_schedule **out, const dm_schedule_ops *ops, void *user, double t_clean,
                                           double t_noise, const dm_allocator *allocator, dm_error *err);
DM_API void dm_schedule_free(dm_schedule *schedule);

/* The node at a time t of the process, and at a lambda (any lambda that the process reaches; +inf is the clean end). */
DM_API dm_status dm_schedule_at_time(const dm_schedule *schedule, double t, dm_node *out, dm_error *err);
DM_API dm_status dm_schedule_at_lambda(const dm_schedule *schedule, double lambda, dm_node *out, dm_error *err);

/* The number of table entries T; 0 for a continuous process. */
DM_API size_t dm_schedule_table_size(const dm_schedule *schedule);

/* The two ends of the process: t of least and of most noise (for a table 0 and T-1). Either pointer may be NULL. */
DM_API void dm_schedule_range(const dm_schedule *schedule, double *t_clean, double *t_noise);

#endif
