/* demist/schedule.h: the noise process.
 *
 *     x_t = alpha(t) x0 + sigma(t) epsilon,    lambda(t) = ln(alpha / sigma)   (half the log signal-to-noise ratio)
 *
 * The process time t grows with the noise; its unit is the schedule's own: table index 0..T-1 for discrete tables
 * (fractions allowed, lambda is linear between entries; the clean end alpha = 1, sigma = 0 is t = -1), [0, 1] for vp
 * and its relatives, for tables with continuous=1 and for flow (t = s), sigma itself for ve and edm, the angle for
 * trigflow. */
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
	/* f = d ln(alpha)/dt and g2 = d sigma^2/dt - 2 f sigma^2 (optional: by differences of level where NULL) */
	dm_status (*rates)(void *user, double t, double *f, double *g2);
} dm_schedule_ops;

/* A process of the caller's own by its stochastic differential equation dx = f(t) x dt + g(t) dw. Both must be pure
 * functions, finite over the range. They are called while the schedule is made, and by dm_schedule_sde. */
typedef struct dm_sde_ops {
	size_t struct_size;
	dm_status (*drift)(void *user, double t, double *f);
	dm_status (*diffusion)(void *user, double t, double *g);
	void (*destroy)(void *user);
} dm_sde_ops;

/* By name: "linear", "scaled_linear:beta_start=0.00085,beta_end=0.012", "squared_cosine", "vp", "ve", "edm", "flow".
 * Tables have the options zero_snr = none, exact, floor, on_alphas_cumprod; snr_shift; continuous = 1 (time in (0, 1]).
 */
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

/* The process that starts from the data at t_data (alpha = 1, sigma = 0): ln alpha and sigma^2 are integrated from f
 * and g to 1e-10. Grids run between t_clean (above t_data) and t_noise. A function that fails, or returns NaN or an
 * infinity, or cannot be integrated, is an error here. */
DM_API dm_status dm_schedule_create_sde(dm_schedule **out, const dm_sde_ops *ops, void *user, double t_data,
                                        double t_clean, double t_noise, const dm_allocator *allocator, dm_error *err);
DM_API void dm_schedule_free(dm_schedule *schedule);

/* The node at a time t of the process, and at a lambda (any lambda that the process reaches; +inf is the clean end). */
DM_API dm_status dm_schedule_at_time(const dm_schedule *schedule, double t, dm_node *out, dm_error *err);
DM_API dm_status dm_schedule_at_lambda(const dm_schedule *schedule, double lambda, dm_node *out, dm_error *err);

/* Ways to name a place on the process. LEVEL: sigma/alpha. INDEX: of a table, 0..T-1. PERCENT: the fraction p of the
 * way from the noise end: index (1 - p) (T - 1) of a table, in the logarithm of sigma for ve and edm, else in t; 0 and
 * 1 are the noise end and the clean end (sigma = 0). */
enum { DM_BY_TIME = 1, DM_BY_LEVEL = 2, DM_BY_LAMBDA = 3, DM_BY_INDEX = 4, DM_BY_PERCENT = 5 };

/* How a place between two table entries is taken: as it is (ln(sigma/alpha) linear in the index), the entry nearest in
 * ln(sigma/alpha), or the less noisy of the two. */
enum { DM_ROUND_NONE = 0, DM_ROUND_NEAREST = 1, DM_ROUND_DOWN = 2 };

/* The node with a value of one of these, and the value of a node. Rounding needs a table. */
DM_API dm_status dm_schedule_find(const dm_schedule *schedule, int32_t by, double value, int32_t rounding, dm_node *out,
                                  dm_error *err);
DM_API dm_status dm_schedule_measure(const dm_schedule *schedule, const dm_node *at, int32_t by, double *value,
                                     dm_error *err);

/* The equation dx = f x dt + sqrt(g2) dw of which the process is the solution: f = d ln(alpha)/dt, g2 = d sigma^2/dt -
 * 2 f sigma^2. For a table t is the index and lambda is linear between entries. DM_ERR_UNSUPPORTED where they are
 * infinite (flow at s = 1). */
DM_API dm_status dm_schedule_sde(const dm_schedule *schedule, double t, double *f, double *g2, dm_error *err);

/* d alpha/dt and d sigma/dt, the two factors of the probability-flow equation dx/dt = alpha' x0 + sigma' epsilon. Finite
 * where f is not, at alpha = 0 of flow, trigflow and the caller's own process (there by differences of level);
 * DM_ERR_UNSUPPORTED where they are infinite too, as at sigma = 0 of vp. */
DM_API dm_status dm_schedule_slopes(const dm_schedule *schedule, double t, double *d_alpha, double *d_sigma,
                                    dm_error *err);

/* q(x_s | x_t, x_0) of any process for a node s with less noise than t: mean = mean[0] x_t + mean[1] x_0, and the
 * variance of every element. Reads alpha and sigma of the nodes alone. */
DM_API dm_status dm_posterior(const dm_node *t, const dm_node *s, double mean[2], double *variance, dm_error *err);

/* mu of the dynamic shift of flow grids for a number of tokens: the straight line through (base_tokens, base_shift) and
 * (max_tokens, max_shift); Flux: 256, 4096, 0.5, 1.15. */
DM_API double dm_flow_mu(double tokens, double base_tokens, double max_tokens, double base_shift, double max_shift);

/* The number of table entries T; 0 for a continuous process. */
DM_API size_t dm_schedule_table_size(const dm_schedule *schedule);

/* The two ends of the process: t of least and of most noise (for a table 0 and T-1). Either pointer may be NULL. */
DM_API void dm_schedule_range(const dm_schedule *schedule, double *t_clean, double *t_noise);

#endif
