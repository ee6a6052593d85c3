/* UniPC (Zhao 2023, algorithms 1 and 2), a predictor and a corrector of order p. Over a step s -> t with h = lambda_t -
 * lambda_s, m the predictions (x0, or epsilon), m0 at s:
 *
 *     x0:      z = -h,  base = (sigma_t/sigma_s) x - alpha_t (e^z - 1) m0,   F = alpha_t
 *     epsilon: z = +h,  base = (alpha_t/alpha_s) x - sigma_t (e^z - 1) m0,   F = sigma_t
 *     x_t = base - F sum_k c_k (m_k - m0),   c_k of unipc_weights.h
 *
 * The predictor takes the p - 1 earlier nodes, the corrector also the new one. The corrector redoes the last step from
 * its own start when the next prediction arrives, so it costs no evaluation. Where the predictor's order is p the
 * corrector's is p + 1. lower_order_final = 1: the order falls to 1 at the last step, which makes the whole of order 2.
 * compat=original: vary_coeff as published (order 1). State: four earlier predictions, the start of the last step. */
#include "base/compiler.h"
#include "sampler/adams.h"
#include "sampler/nominal.h"
#include "sampler/unipc_weights.h"
#include "base/error.h"
#include "base/math.h"
#include <math.h>

enum { ORDER, VARIANT, PREDICT, CORRECTOR, LOWER, LOWER_AT_START, DISABLED, START, COMPAT, ANALYTIC };
enum { PREDICT_X0, PREDICT_EPSILON };
enum { UNCORRECTED = -1 /* pushed as the order of a step that is not to be corrected */ };

static const char *const variants[] = {"bh1", "bh2", "vary_coeff", NULL};
static const char *const predictions[] = {"x0", "epsilon", NULL};
static const char *const compats[] = {"none", "original", NULL};

static const dm_option options[] = {
    DMI_INTEGER("order", "order of the predictor; the corrector adds one", 2, 1, DMI_UNIPC_MAX),
    DMI_CHOICE("variant", "B(h): bh1 = h, bh2 = e^h - 1; vary_coeff: none", DMI_UNIPC_BH2, variants),
    DMI_CHOICE("predict", "what is extrapolated", PREDICT_X0, predictions),
    DMI_INTEGER("corrector", "1: correct every step but the last", 1, 0, 1),
    DMI_INTEGER("lower_order_final", "1: the order falls towards the end, to 1 at the last step", 1, 0, 1),
    DMI_INTEGER("lower_at_start", "1: also where it still rises; 0: as the authors' code, not there", 1, 0, 1),
    DMI_LIST("disable_corrector", "numbers of the steps that are not corrected", 0, DMI_MOST_STEPS),
    DMI_START,
    DMI_CHOICE("compat", "original: the corrector of variant=vary_coeff as published", 0, compats),
    DMI_ANALYTIC_FIRST,
};

/* One step s -> t. */
struct update {
	const dm_node *s, *t;
	dm_val x, m0, new_m; /* new_m: of a corrector; 0: predictor */
	struct dmi_history earlier;
	int order;
};

static double lambda_of(const dm_node *at)
{
	return at->lambda;
}

static dm_val emit(dm_emit *e, const dm_step *s, const struct update *u)
{
	int x0 = s->option[PREDICT] == PREDICT_X0, variant = (int)s->option[VARIANT];
	double h = dmi_lambda_step(u->s, u->t), z = x0 ? -h : h, scale = x0 ? u->t->alpha : u->t->sigma, c[DMI_MAX_ADAMS];
	struct dmi_nodes nodes = dmi_emit_nodes(e, u->s, u->t, &u->earlier, lambda_of, u->order);
	dm_term term[2 + DMI_MAX_ADAMS];
	int corrects = u->new_m != 0 && dmi_is_finite(h) && h != 0, n = nodes.n - 1 + corrects;
	if (corrects) {
		nodes.theta[nodes.n] = 1;
		nodes.value[nodes.n] = u->new_m;
	}
	double start = x0 ? (u->t->sigma > 0 ? u->t->sigma / u->s->sigma : 0) : u->t->alpha / u->s->alpha;
	double first = u->t->sigma > 0 ? -scale * dmi_expm1(z) : x0 ? scale : -u->t->alpha * dmi_level(u->s);
	if (n && corrects && variant == DMI_UNIPC_VARY && s->option[COMPAT] != 0)
		dmi_unipc_published(z, n, nodes.theta + 1, c);
	else if (n)
		dmi_unipc_weights(variant, z, n, nodes.theta + 1, c);
	for (int k = 0; k < n; k++) {
		term[2 + k] = (dm_term){-scale * c[k], nodes.value[1 + k]};
		first += scale * c[k];
	}
	term[0] = (dm_term){start, u->x};
	term[1] = (dm_term){first, u->m0};
	return dm_emit_linear(e, 2 + n, term);
}

/* The order allowed by the history and the end of the grid. */
static int order_now(const dm_step *s, int wanted, int have)
{
	int64_t left = s->n_step - s->step;
	int rises = have < s->option[ORDER], falls = s->option[LOWER] != 0 && (!rises || s->option[LOWER_AT_START] != 0);
	int order = wanted < have ? wanted : have;
	return falls && left < order ? (int)left : order;
}

static int is_corrected(const dm_step *s, const struct dmi_options *given)
{
	if (!s->n_past || s->option[CORRECTOR] == 0 || !dmi_is_finite(s->past[0].at.lambda) ||
	    s->past[0].order == UNCORRECTED)
		return 0;
	for (size_t i = 0; given && i < given->n_list; i++)
		if (given->list[i] == (double)(s->step - 1))
			return 0;
	return 1;
}

/* Whether the steps that are not corrected are some of the grid; of one that climbs in between every fall has its own. */
static int has_listed(dm_emit *e, const dm_step *s, const struct dmi_options *given)
{
	const dm_node *last = &s->grid[s->n_step];
	int is_whole = s->grid->visit == 0 && (last->sigma == 0 || last->lambda == s->end->lambda);
	for (size_t i = 0; is_whole && i < given->n_list; i++)
		if (given->list[i] >= (double)s->n_step) {
			dmi_refuse(e, DM_ERR_ARGUMENT,
			           "sampler \"unipc\": disable_corrector = %g: the steps of this grid are 0 to %l", given->list[i],
			           s->n_step - 1);
			return 0;
		}
	return 1;
}

static dm_status step(void *user, const dm_step *s, dm_emit *e)
{
	int analytic = s->option[ANALYTIC] != 0, x0 = s->option[PREDICT] == PREDICT_X0, wanted = (int)s->option[ORDER];
	int order = order_now(s, wanted, s->n_past + 1);
	dm_val x = s->x, to;
	if (!has_listed(e, s, user))
		return DM_OK;
	if (!x0 && s->from->alpha == 0) {
		dm_emit_fail(e, DM_ERR_UNSUPPORTED,
		             "sampler \"unipc\": predict=epsilon cannot start at alpha = 0; use predict=x0");
		return DM_OK;
	}
	struct dmi_seen seen = dmi_see(e, s, analytic);
	dm_val m = dmi_view(e, &seen, x0 ? DM_SPACE_X0 : DM_SPACE_EPSILON);
	if (is_corrected(s, user)) {
		struct dmi_history earlier = {s->past + 1, s->n_past - 1, analytic};
		if (analytic) /* the start that every correction goes back to has never been right */
			dm_emit_departs(e, DM_DEPARTS_MEAN | DM_DEPARTS_VARIANCE);
		x = emit(e, s,
		         &(struct update){&s->past[0].at, s->from, s->kept[0], s->past[0].prediction, m, earlier,
		                          (int)s->past[0].order});
	}
	/* the corrector's order, so far as the grid leaves room for it */
	int reach = order_now(s, wanted + (s->option[CORRECTOR] != 0), DMI_UNIPC_MAX);
	int starts = x == s->x && dmi_starts(s, (int)s->option[START], reach, s->n_past + 1);
	if (starts)
		to = dmi_emit_start(e, s, &seen, reach);
	else
		to = emit(e, s, &(struct update){s->from, s->to, x, m, 0, {s->past, s->n_past, analytic}, order});
	dm_emit_state(e, to);
	dm_emit_keep(e, 0, x);
	dm_emit_push(e, s->from, m, starts ? UNCORRECTED : order);
	return DM_OK;
}

/* The corrector adds one. A start of order 1 leaves an error of h^2, of h^3 where it is corrected. */
static int32_t order(const struct dmi_options *given)
{
	const double *o = given->value;
	int corrects = o[CORRECTOR] != 0, most = (int)o[ORDER] + corrects, start = corrects && !given->n_list ? 3 : 2;
	if (o[COMPAT] != 0)
		return 0;
	if (o[START] == DMI_START_EULER && most > start)
		most = start;
	return o[ANALYTIC] != 0 ? 1 : dmi_order_with_end(o[LOWER], most);
}

static dm_status check(const struct dmi_options *given, dm_error *err)
{
	static const struct dmi_need needs[] = {{DISABLED, CORRECTOR, 1}};
	const double *o = given->value;
	if (o[COMPAT] != 0 && o[VARIANT] != DMI_UNIPC_VARY)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "sampler \"unipc\": compat=original is about variant=vary_coeff, not variant=%s",
		                variants[(int)o[VARIANT]]);
	for (size_t i = 0; i < given->n_list; i++)
		if (floor(given->list[i]) != given->list[i])
			return dmi_fail(err, DM_ERR_ARGUMENT, "sampler \"unipc\": disable_corrector = %g must be a whole number",
			                given->list[i]);
	return dmi_options_check_needs(given, "sampler", "unipc", options, needs, 1, err);
}

const struct dmi_sampler_type dmi_sampler_unipc = {
    DMI_METHOD_KNOWN("unipc", "unified predictor-corrector, orders 1 to 4", "Zhao 2023, algorithms 1-2", options,
                     "diffusers: UniPCMultistepScheduler; ComfyUI: uni_pc (variant=bh1), uni_pc_bh2 (variant=bh2)"),
    {.struct_size = sizeof(dm_sampler_ops), .n_past = DMI_UNIPC_MAX, .n_kept = 1, .step = step},
    .order = order,
    .check = check,
};
