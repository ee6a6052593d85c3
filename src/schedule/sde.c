/* The process of a stochastic differential equation dx = f(t) x dt + g(t) dw of the caller's (Song et al. 2021, eq. 5):
 *
 *     ln alpha(t) = integral of f,    sigma^2(t) = alpha^2(t) * integral of g^2 / alpha^2,    both from t_data on.
 *
 * The range is cut into panels. On each, f and w(t) = g^2(t) e^(-2 (ln alpha(t) - ln alpha(t_0))), t_0 the panel's start,
 * are Chebyshev series of N terms whose last two are negligible; a panel where they are not is halved. From the values
 * at t_0 then
 *
 *     ln alpha(t) = ln alpha(t_0) + D,  sigma^2(t) = e^(2 D) (sigma^2(t_0) + integral of w),  D = integral of f,
 *
 * a sum of positive terms, whose integrals Gauss's rule of N/2 points takes exactly. The caller's functions are not
 * called again. */
#include "base/compiler.h"
#include "schedule/schedule.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

enum { N = 16, MAX_PANEL = 20000 };

struct panel {
	double t, ln_alpha, sigma2; /* at its start */
	double f[N], w[N];
};

/* data holds the panels, then one more that has only a start: the noise end. */
enum { PANEL = sizeof(struct panel) / sizeof(double) };

static const double pi = 3.141592653589793;

static double series(const double *c, double x)
{
	double b1 = 0, b2 = 0;
	for (int j = N - 1; j > 0; j--) {
		double b0 = 2 * x * b1 - b2 + c[j];
		b2 = b1;
		b1 = b0;
	}
	return x * b1 - b2 + c[0];
}

/* The integral of a series from -1 to x. */
static double integral(const double *c, double x)
{
	static const double node[4] = {0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363};
	static const double weight[4] = {0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763};
	double half = (x + 1) / 2, sum = 0;
	for (int k = 0; k < 4; k++)
		sum += weight[k] * (series(c, half * (1 + node[k]) - 1) + series(c, half * (1 - node[k]) - 1));
	return half * sum;
}

static double chebyshev_point(int k)
{
	return -dmi_cos(pi * (k + 0.5) / N);
}

/* The series through N values at the Chebyshev points. */
static void fit(const double *value, double *c)
{
	for (int j = 0; j < N; j++) {
		double sum = 0;
		for (int k = 0; k < N; k++)
			sum += value[k] * dmi_cos(pi * j * (k + 0.5) / N);
		c[j] = (j % 2 ? -2 : 2) * sum / N; /* the points rise: x -> -x */
	}
	c[0] /= 2;
}

static double largest(const double *c, int from)
{
	double most = 0;
	for (int j = from; j < N; j++)
		most = fmax(most, fabs(c[j]));
	return most;
}

/* --------------------------------------------------------------------------------------------------------- queries */

static const struct panel *panels(const dm_schedule *s)
{
	return (const struct panel *)(const void *)s->data;
}

static const struct panel *find_panel(const dm_schedule *s, double t)
{
	const struct panel *p = panels(s);
	size_t low = 0, high = s->n_data / PANEL - 2;
	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;
		if (p[middle].t <= t)
			low = middle;
		else
			high = middle - 1;
	}
	return &p[low];
}

/* ln alpha and sigma^2 at x in [-1, 1] of a panel of that width. */
static void inside(const struct panel *p, double width, double x, double *ln_alpha, double *sigma2)
{
	double d = width / 2 * integral(p->f, x);
	*ln_alpha = p->ln_alpha + d;
	*sigma2 = dmi_exp(2 * d) * (p->sigma2 + width / 2 * integral(p->w, x));
}

static dm_status at_time(const dm_schedule *s, double t, dm_node *out, dm_error *err)
{
	(void)err;
	const struct panel *p = find_panel(s, t);
	double width = p[1].t - p->t, ln_alpha, sigma2;
	inside(p, width, 2 * (t - p->t) / width - 1, &ln_alpha, &sigma2);
	out->t = t;
	out->alpha = dmi_exp(ln_alpha);
	out->sigma = sqrt(sigma2);
	out->lambda = ln_alpha - dmi_log(sigma2) / 2;
	return DM_OK;
}

static dm_status call(const dm_schedule *s, double t, double *f, double *g, dm_error *err)
{
	*f = *g = NAN;
	dm_status code = s->sde.drift(s->user, t, f);
	if (code)
		return dmi_schedule_callback_failed(err, "schedule drift", code);
	code = s->sde.diffusion(s->user, t, g);
	if (code)
		return dmi_schedule_callback_failed(err, "schedule diffusion", code);
	if (dmi_is_finite(*f) && dmi_is_finite(*g))
		return DM_OK;
	return dmi_fail(err, DM_ERR_ARGUMENT, "schedule sde: drift = %g and diffusion = %g at t = %g; both must be finite",
	                *f, *g, t);
}

static dm_status rates(const dm_schedule *s, double t, double *f, double *g2, dm_error *err)
{
	double g;
	dm_status st = call(s, t, f, &g, err);
	*g2 = g * g;
	return st;
}

static const struct dmi_process process = {.at_time = at_time, .at_lambda = dmi_schedule_bisect, .rates = rates};

/* ----------------------------------------------------------------------------------------------------- integration */

/* Fills the series of the panel that starts at p->t. *good: they are exact enough. */
static dm_status sample(const dm_schedule *s, struct panel *p, double width, int *good, dm_error *err)
{
	const double small = 1e-13, steep = 20; /* e^(2 steep) is still an ordinary number */
	double f[N], w[N], g[N];
	dm_status st = DM_OK;
	for (int k = 0; st == DM_OK && k < N; k++)
		st = call(s, p->t + width * (chebyshev_point(k) + 1) / 2, &f[k], &g[k], err);
	*good = 0;
	if (st != DM_OK)
		return st;
	fit(f, p->f);
	double tail = largest(p->f, N - 2);
	if (!(tail * width <= small || tail <= small * largest(p->f, 0) / 10) || largest(p->f, 0) * width > steep)
		return DM_OK;
	for (int k = 0; k < N; k++)
		w[k] = g[k] * g[k] * dmi_exp(-width * integral(p->f, chebyshev_point(k)));
	fit(w, p->w);
	tail = largest(p->w, N - 2);
	*good = tail * width <= small * p->sigma2 || tail <= small * largest(p->w, 0);
	return DM_OK;
}

/* Room for twice as many panels. */
static dm_status grow(dm_schedule *s, size_t *capacity, dm_error *err)
{
	const dm_allocator *memory = &s->object.allocator;
	size_t n = 2 * *capacity + 14;
	struct panel *p = dmi_allocate(memory, n, sizeof *p, err);
	if (!p)
		return DM_ERR_MEMORY;
	if (*capacity)
		memcpy(p, s->data, *capacity * sizeof *p);
	dmi_release_memory(memory, s->data, s->n_data * sizeof(double));
	s->data = (double *)p;
	s->n_data = n * PANEL;
	*capacity = n;
	return DM_OK;
}

static dm_status too_rough(double t, dm_error *err)
{
	return dmi_fail(
	    err, DM_ERR_ARGUMENT,
	    "schedule sde: drift and diffusion cannot be integrated near t = %g: there one of them has no bound, or is "
	    "too rough",
	    t);
}

/* How far on from t the diffusion is 0, to 1e-7 of the range: by steps that double, and are halved where it is not. */
static double still_until(const dm_schedule *s, double t, double width, dm_error *err)
{
	const double least = 1e-7 * (s->t_noise - s->t_zero);
	double f, g;
	for (width = fmax(width, least); width >= least && t < s->t_noise;) {
		int k = 1;
		width = fmin(width, s->t_noise - t);
		while (k <= N && call(s, t + width * k / N, &f, &g, err) == DM_OK && g == 0)
			k++;
		t += k > N ? width : 0;
		width *= k > N ? 2 : 0.5;
	}
	return t;
}

/* To a millionth of the range: where the diffusion vanishes is known no better. */
static double rounded(const dm_schedule *s, double t)
{
	double unit = 1;
	while (unit * (s->t_noise - s->t_zero) < 1e6)
		unit *= 10;
	return rint(t * unit) / unit;
}

/* lambda falls by g^2 / (2 sigma^2): what is good enough at a panel's start must also go on at its end. */
static dm_status check_panel(const dm_schedule *s, const struct panel *p, dm_error *err)
{
	if (largest(p->w, 0) == 0)
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "schedule sde: diffusion is 0 from t = %g to %g, so that lambda does not fall there; it may be 0 at "
		    "single times only",
		    rounded(s, p->t), rounded(s, still_until(s, p[1].t, p[1].t - p->t, err)));
	if (!dmi_is_finite(dmi_exp(p[1].ln_alpha)) || !dmi_is_finite(p[1].sigma2))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "schedule sde: alpha = %g and sigma^2 = %g at t = %g; both must be finite",
		                dmi_exp(p[1].ln_alpha), p[1].sigma2, p[1].t);
	return DM_OK;
}

/* Shortens the panel at p until it is good; *width: what was tried last, and what to try next. */
static dm_status fill_panel(const dm_schedule *s, struct panel *p, double *width, double *used, dm_error *err)
{
	double left = s->t_noise - p->t;
	int good = 0;
	for (;;) {
		*used = fmin(*width, left);
		/* no sliver at the end */
		if (left - *used < *used / 100)
			*used = left;
		dm_status st = sample(s, p, *used, &good, err);
		if (st != DM_OK)
			return st;
		if (good)
			break;
		*width = *used / 2;
		if (!(p->t + *width / N > p->t))
			return too_rough(p->t, err);
	}
	*width = *used * 2;
	return DM_OK;
}

static dm_status integrate(dm_schedule *s, dm_error *err)
{
	double width = (s->t_noise - s->t_zero) / 4, used;
	size_t capacity = 0, n = 0;
	dm_status st = grow(s, &capacity, err);
	if (st != DM_OK)
		return st;
	((struct panel *)(void *)s->data)[0] = (struct panel){.t = s->t_zero};
	for (struct panel *p; (p = (struct panel *)(void *)s->data + n)->t < s->t_noise; n++) {
		if (n > MAX_PANEL)
			return too_rough(p->t, err);
		st = fill_panel(s, p, &width, &used, err);
		if (st == DM_OK && n + 2 > capacity)
			st = grow(s, &capacity, err);
		if (st != DM_OK)
			return st;
		p = (struct panel *)(void *)s->data + n;
		double end = p->t + used;
		p[1] = (struct panel){.t = end >= s->t_noise || used == s->t_noise - p->t ? s->t_noise : end};
		inside(p, used, 1, &p[1].ln_alpha, &p[1].sigma2);
		st = check_panel(s, p, err);
		if (st != DM_OK)
			return st;
	}
	/* give back what is not used, so that n_data tells the number of panels */
	struct panel *exact = dmi_allocate(&s->object.allocator, n + 1, sizeof *exact, err);
	if (!exact)
		return DM_ERR_MEMORY;
	memcpy(exact, s->data, (n + 1) * sizeof *exact);
	dmi_release_memory(&s->object.allocator, s->data, s->n_data * sizeof(double));
	s->data = (double *)exact;
	s->n_data = (n + 1) * PANEL;
	return DM_OK;
}

/* -------------------------------------------------------------------------------------------------------- creation */

static dm_status check(const dm_sde_ops *ops, double t_data, double t_clean, double t_noise, dm_error *err)
{
	if (!ops->drift || !ops->diffusion)
		return dmi_fail(err, DM_ERR_ARGUMENT, "sde ops: %s is NULL", ops->drift ? "diffusion" : "drift");
	if (!(t_data > -INFINITY && t_data < t_clean && t_clean < t_noise && t_noise < INFINITY))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "schedule sde: t_data (%g) must be below t_clean (%g) and that below t_noise (%g), all finite",
		                t_data, t_clean, t_noise);
	return DM_OK;
}

static dm_status create(dm_schedule **out, const dm_sde_ops *ops, void *user, double t_data, double t_clean,
                        double t_noise, const dm_allocator *allocator, dm_error *err)
{
	dm_allocator memory;
	dm_status st = check(ops, t_data, t_clean, t_noise, err);
	if (st == DM_OK)
		st = dmi_allocator_copy(&memory, allocator, err);
	if (st != DM_OK)
		return st;
	dm_schedule *s = dmi_schedule_new(&process, &memory, err);
	if (!s)
		return DM_ERR_MEMORY;
	s->sde = *ops;
	s->sde.destroy = NULL; /* set once nothing can fail any more */
	s->user = user;
	s->t_zero = t_data;
	s->t_clean = t_clean;
	s->t_noise = s->t_limit = t_noise;
	st = integrate(s, err);
	if (st != DM_OK) {
		dmi_object_release(s);
		return st;
	}
	st = dmi_schedule_finish(out, s, err);
	if (st == DM_OK)
		s->sde.destroy = ops->destroy;
	return st;
}

dm_status dm_schedule_create_sde(dm_schedule **out, const dm_sde_ops *ops, void *user, double t_data, double t_clean,
                                 double t_noise, const dm_allocator *allocator, dm_error *err)
{
	dm_sde_ops own;
	if (out)
		*out = NULL;
	dm_status st =
	    dmi_struct_copy(&own, sizeof own, ops, offsetof(dm_sde_ops, destroy) + sizeof own.destroy, "sde ops", err);
	if (st != DM_OK)
		return st;
	if (out)
		st = create(out, &own, user, t_data, t_clean, t_noise, allocator, err);
	else
		st = dmi_fail(err, DM_ERR_ARGUMENT, "schedule sde: out is NULL");
	if (st != DM_OK && own.destroy)
		own.destroy(user);
	return st;
}
