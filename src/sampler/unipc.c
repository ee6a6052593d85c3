/* UniPC (Zhao 2023, algorithms 1 and 2), a predictor and a corrector of order p. Over a step s -> t with h = lambda_t -
 * lambda_s, m the predictions (x0, or epsilon), m0 at s, and earlier nodes r_k = (lambda_k - lambda_s) / h:
 *
 *     x0:      z = -h,  base = (sigma_t/sigma_s) x - alpha_t (e^z - 1) m0,   F = alpha_t
 *     epsilon: z = +h,  base = (alpha_t/alpha_s) x - sigma_t (e^z - 1) m0,   F = sigma_t
 *     x_t = base - F B sum_k rho_k (m_k - m0) / r_k,   B = z (bh1) or e^z - 1 (bh2)
 *     sum_k rho_k r_k^(j-1) = z phi_(j+1)(z) j! / B,   j = 1 ..
 *
 * The predictor takes the p - 1 earlier nodes (rho = 1/2 at order 2), the corrector also the new one, r = 1 (rho = 1/2
 * at order 1). The corrector redoes the last step from its own start when the next prediction arrives, so it costs no
 * evaluation. State: three earlier predictions and the start of the last step. */
#include "base/compiler.h"
#include "sampler/phi.h"
#include "sampler/step.h"
#include "base/math.h"
#include <math.h>

enum { ORDER, VARIANT, PREDICT, CORRECTOR, LOWER_ORDER_FINAL, MAX_ORDER = 3 };
enum { BH1, BH2 };
enum { PREDICT_X0, PREDICT_EPSILON };

static const char *const variants[] = {"bh1", "bh2", NULL};
static const char *const predictions[] = {"x0", "epsilon", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the predictor; the corrector adds one", 2, 1, MAX_ORDER),
    DMI_CHOICE("variant", "B(h): bh1 = h, bh2 = e^h - 1", BH2, variants),
    DMI_CHOICE("predict", "what is extrapolated", PREDICT_X0, predictions),
    DMI_INTEGER("corrector", "1: correct every step but the last", 1, 0, 1),
    DMI_INTEGER("lower_order_final", "1: the order falls towards the end, to 1 at the last step", 1, 0, 1),
};

/* One step s -> t: the nodes, how many of the earlier ones take part, and the new prediction of a corrector (0:
 * predictor). */
struct update {
	const dm_node *s, *t;
	dm_val x, m0, new_m;
	const dm_past *earlier; /* of m0, newest first */
	int order;
};

static void weights(double z, double big_b, int n, const double *r, double *rho)
{
	double matrix[MAX_ORDER * MAX_ORDER], factorial = 1;
	if (n == 1) { /* the published choice, of the same order as the solution */
		rho[0] = 0.5;
		return;
	}
	for (int j = 0; j < n; j++) {
		factorial *= j + 1;
		rho[j] = z * dmi_phi(j + 2, z) * factorial / big_b;
		for (int k = 0; k < n; k++)
			matrix[j * n + k] = j ? matrix[(j - 1) * n + k] * r[k] : 1;
	}
	dmi_solve(n, matrix, rho);
}

static dm_val emit(dm_emit *e, const dm_step *s, const struct update *u)
{
	int x0 = s->option[PREDICT] == PREDICT_X0, n = 0;
	double h = dmi_lambda_step(u->s, u->t), z = x0 ? -h : h, r[MAX_ORDER], rho[MAX_ORDER], first;
	double scale = x0 ? u->t->alpha : u->t->sigma;
	dm_term term[2 + MAX_ORDER];
	dm_val m[MAX_ORDER];
	for (; n < u->order - 1; n++) {
		m[n] = u->earlier[n].prediction;
		r[n] = (u->earlier[n].at.lambda - u->s->lambda) / h;
	}
	if (u->new_m) {
		m[n] = u->new_m;
		r[n++] = 1;
	}
	double start = x0 ? (u->t->sigma > 0 ? u->t->sigma / u->s->sigma : 0) : u->t->alpha / u->s->alpha;
	first = u->t->sigma > 0 || x0 ? -scale * dmi_expm1(z) : -u->t->alpha * dmi_level(u->s);
	if (n) {
		double big_b = s->option[VARIANT] == BH1 ? z : dmi_expm1(z);
		weights(z, big_b, n, r, rho);
		for (int k = 0; k < n; k++) {
			double c = -scale * big_b * rho[k] / r[k];
			term[2 + k] = (dm_term){c, m[k]};
			first -= c;
		}
	}
	term[0] = (dm_term){start, u->x};
	term[1] = (dm_term){first, u->m0};
	return dm_emit_linear(e, 2 + n, term);
}

/* How many nodes a step may use: history, the end of the grid, and only finite lambdas. */
static int order_now(const dm_step *s)
{
	int order = (int)fmin(s->option[ORDER], s->n_past + 1);
	if (s->option[LOWER_ORDER_FINAL])
		order = (int)fmin(order, (double)(s->n_step - s->step));
	if (!dmi_is_finite(s->to->lambda) || !dmi_is_finite(s->from->lambda))
		return 1;
	for (int k = 0; k < order - 1; k++)
		if (!dmi_is_finite(s->past[k].at.lambda))
			order = k + 1;
	return order;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int order = order_now(s), x0 = s->option[PREDICT] == PREDICT_X0;
	dm_val x = s->x, m = dm_emit_eval(e, x, s->from, x0 ? DM_SPACE_X0 : DM_SPACE_EPSILON);
	(void)user;
	if (!x0 && s->from->alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "sampler \"unipc\": predict=epsilon cannot start at alpha = 0; use predict=x0");
		return DM_OK;
	}
	if (s->n_past && s->option[CORRECTOR] && dmi_is_finite(s->past[0].at.lambda))
		x = emit(e, s,
		         &(struct update){&s->past[0].at, s->from, s->kept[0], s->past[0].prediction, m, s->past + 1,
		                          (int)s->past[0].order});
	dm_emit_state(e, emit(e, s, &(struct update){s->from, s->to, x, m, 0, s->past, order}));
	dm_emit_keep(e, 0, x);
	dm_emit_push(e, s->from, m, order);
	return DM_OK;
}

const struct dmi_sampler_type dmi_sampler_unipc = {
    .method = DMI_METHOD("unipc", "unified predictor-corrector, orders 1 to 3", "Zhao 2023, algorithms 1-2", options),
    .ops = {.struct_size = sizeof(dm_sampler_ops), .n_past = MAX_ORDER, .n_kept = 1, .step = step},
};
