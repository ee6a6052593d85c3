/* Inside of a noise process. A family is one file that ends in one const struct dmi_schedule_family, and one line of
 * the registry in schedule.c. */
#ifndef DMI_SCHEDULE_H
#define DMI_SCHEDULE_H

#include "base/object.h"
#include "base/option.h"
#include "demist/schedule.h"

/* The closed forms of a process. They fill t, alpha, sigma and lambda; schedule.c has checked that t or lambda exists
 * (lambda = +inf reaches at_time only, as t_zero) and sets the rest. rates: the drift f = d ln(alpha)/dt and the squared
 * diffusion g2 = d sigma^2/dt - 2 f sigma^2. at_level, optional: the node with sigma/alpha = level, where that is more
 * exact than lambda = -ln(level). slopes, optional: d alpha/dt and d sigma/dt where alpha = 0. time_is_level: fractions of the way are taken in the logarithm of t. */
struct dmi_process {
	dm_status (*at_time)(const dm_schedule *schedule, double t, dm_node *out, dm_error *err);
	dm_status (*at_lambda)(const dm_schedule *schedule, double lambda, dm_node *out, dm_error *err);
	dm_status (*rates)(const dm_schedule *schedule, double t, double *f, double *g2, dm_error *err);
	dm_status (*at_level)(const dm_schedule *schedule, double level, dm_node *out, dm_error *err);
	dm_status (*slopes)(const dm_schedule *schedule, double t, double *d_alpha, double *d_sigma, dm_error *err);
	int time_is_level;
	const char *stands_still; /* for messages: what may hold the noise over a stretch of time; NULL: nothing */
};

/* What can be asked for by name. setup reads schedule->options and fills t_zero, t_clean, t_noise and t_limit, and
 * data and n_table if needed; what it allocated is freed with the schedule, also when it fails. */
struct dmi_schedule_family {
	struct dmi_method method;
	const struct dmi_process *process;
	dm_status (*setup)(dm_schedule *schedule, dm_error *err);
};

struct dm_schedule {
	struct dmi_object object;
	const struct dmi_method *method; /* NULL: the caller's own process */
	const struct dmi_process *process;
	struct dmi_options options; /* owned: they print as the spec */

	double t_zero;                  /* the clean end: sigma = 0; t_clean of a process that does not reach it */
	double t_clean, t_noise;        /* the ends that grids run between */
	double t_limit;                 /* the largest t that exists: t_noise, or more where the level is free */
	double lambda_low, lambda_high; /* at t_limit and t_zero */

	size_t n_table; /* entries T of a discrete table, else 0 */
	size_t n_kept;  /* entries of the table under a continuous time, else 0 */
	double *data;   /* numbers of the family's own, n_data of them, owned */
	size_t n_data;

	dm_schedule_ops ops; /* of the caller's own process, or: */
	dm_sde_ops sde;
	void *user;
};

const struct dmi_method *const *dmi_schedule_registry(int32_t *n);

/* A spec that makes the same schedule again; "custom" for a process of the caller's own. */
void dmi_schedule_print(const dm_schedule *schedule, struct dmi_text *text);

/* The node with sigma/alpha = level (0 is the clean end). Levels that miss the noise end of the process by no more than
 * rounding (1e-9 relative) are taken as that end. */
dm_status dmi_schedule_at_level(const dm_schedule *schedule, double level, dm_node *out, dm_error *err);

/* Makes a schedule of a family from the options, which it takes over, also when it fails. */
dm_status dmi_schedule_make(dm_schedule **out, const struct dmi_schedule_family *family, struct dmi_options *options,
                            const dm_allocator *allocator, dm_error *err);

/* An empty schedule; NULL and an error. */
dm_schedule *dmi_schedule_new(const struct dmi_process *process, const dm_allocator *allocator, dm_error *err);

/* Computes the ends in lambda and hands the schedule out; releases it when that fails. */
dm_status dmi_schedule_finish(dm_schedule **out, dm_schedule *schedule, dm_error *err);

/* The lambda of a process that has no closed form for it: halves the range of t until no double lies between. */
dm_status dmi_schedule_bisect(const dm_schedule *schedule, double lambda, dm_node *out, dm_error *err);

/* What a callback of the caller's returned, as an error. */
dm_status dmi_schedule_callback_failed(dm_error *err, const char *which, dm_status code);

/* The name for messages. */
const char *dmi_schedule_name(const dm_schedule *schedule);

/* n numbers in schedule->data; NULL and an error. */
double *dmi_schedule_data(dm_schedule *schedule, size_t n, dm_error *err);

/* ln(alpha/sigma). */
double dmi_lambda_of(double alpha, double sigma);

/* alpha and sigma of a variance-preserving process at lambda: alpha^2 = 1/(1 + e^(-2 lambda)), alpha^2 + sigma^2 = 1.
 */
void dmi_vp_levels(double lambda, double *alpha, double *sigma);

/* The i-th of n values evenly spaced from a to b, both included; a where n = 1. */
double dmi_even(double a, double b, size_t i, size_t n);

#endif
