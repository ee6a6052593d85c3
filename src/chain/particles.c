/* The object: options, phases between requests, results. */
#include "base/compiler.h"
#include "chain/particles.h"
#include "base/error.h"
#include "operator/operator.h"
#include <math.h>
#include <string.h>

/* What is asked for next at the node at hand. */
enum { PREDICT, GRADIENT, VJP, END };

static const char *const twists[] = {"x0", "state", NULL};
static const char *const jacobians[] = {"exact", "none", NULL};
static const char *const resamplings[] = {"systematic", "multinomial", NULL};
static const char *const variances[] = {"small", "large", NULL};

/* In the order of the DMI_PARTICLES_... numbers. */
static const dm_option options[] = {
    DMI_REAL("noise", "standard deviation of the measurement's noise", 0, 0, 1e6),
    DMI_REAL("data", "standard deviation of an element of the data, for r^2; 0: r = 0", 1, 0, 1e6),
    DMI_CHOICE("twist", "what gradients are asked at: the estimate x0, or the state", DMI_TWIST_X0, twists),
    DMI_INTEGER("target", "number of the log-probability, handed on in the request", 0, 0, 1e6),
    DMI_CHOICE("jacobian", "of x0 by the state: the model's vjp, or r^2 alone", DMI_JACOBIAN_EXACT, jacobians),
    DMI_REAL("scale", "of the gradient in the proposal", 1, -1e6, 1e6),
    DMI_REAL("threshold", "share of effective particles below which they are drawn anew", 0.5, -1e300, 1e300),
    DMI_CHOICE("resample", "how particles are drawn", DMI_SYSTEMATIC, resamplings),
    DMI_CHOICE("variance", "of the chain's steps", 0, variances),
};

/* ---------------------------------------------------------------------------------------------------------- set-up */

int dmi_particles_use_vjp(const dm_particles *p)
{
	const double *option = p->chain.ask.options.value;
	return (p->op || option[DMI_PARTICLES_TWIST] == DMI_TWIST_X0) &&
	       option[DMI_PARTICLES_JACOBIAN] == DMI_JACOBIAN_EXACT && option[DMI_PARTICLES_SCALE] != 0;
}

static dm_status check_options(const dm_particles *p, dm_error *err)
{
	const struct dmi_asker *a = &p->chain.ask;
	const double *option = a->options.value;
	const uint32_t by_operator = 1u << DMI_PARTICLES_NOISE,
	               by_request = 1u << DMI_PARTICLES_TWIST | 1u << DMI_PARTICLES_TARGET;
	dm_status st = dmi_ask_refuse(a, p->op ? by_request : by_operator, p->op ? "an operator" : "no operator", err);
	if (st == DM_OK && option[DMI_PARTICLES_TWIST] == DMI_TWIST_STATE)
		st = dmi_ask_refuse(a, 1u << DMI_PARTICLES_JACOBIAN | 1u << DMI_PARTICLES_DATA, "twist=state", err);
	if (st != DM_OK)
		return st;
	if (p->op && !(option[DMI_PARTICLES_NOISE] > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles: an operator needs the option noise, above 0; it is %g",
		                option[DMI_PARTICLES_NOISE]);
	if (option[DMI_PARTICLES_JACOBIAN] == DMI_JACOBIAN_NONE && !(option[DMI_PARTICLES_DATA] > 0))
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles: jacobian=none needs the option data, above 0; it is %g",
		                option[DMI_PARTICLES_DATA]);
	if (!p->op && option[DMI_PARTICLES_JACOBIAN] == DMI_JACOBIAN_EXACT)
		st = dmi_ask_refuse(a, 1u << DMI_PARTICLES_DATA, "gradients by the model's vjp", err);
	double threshold = option[DMI_PARTICLES_THRESHOLD];
	if (st == DM_OK && !(threshold > 0 && threshold <= 1))
		st = dmi_fail(err, DM_ERR_ARGUMENT, "particles: threshold = %g must lie in (0, 1]", threshold);
	return st;
}

static dm_status setup(void *object, dm_error *err)
{
	dm_particles *p = object;
	struct dmi_asker *a = &p->chain.ask;
	dm_status st = check_options(p, err);
	if (st == DM_OK)
		st = dmi_chain_setup(&p->chain, err);
	if (st != DM_OK)
		return st;
	const dm_node *last = dm_grid_node(a->grid, p->chain.n_step);
	if (last->sigma != 0)
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles: the grid must end at sigma = 0, not at %g", last->sigma);
	a->cotangents = dmi_particles_use_vjp(p);
	a->values = !p->op;
	a->needs = 1u << DM_ASK_PREDICTION | (p->op ? 0 : 1u << DM_ASK_GRADIENT) | (a->cotangents ? 1u << DM_ASK_VJP : 0);
	return DM_OK;
}

static void place(void *object)
{
	dm_particles *p = object;
	struct dmi_asker *a = &p->chain.ask;
	size_t n_out = p->op ? p->op->n_out : 0, all, bytes;
	dmi_chain_place(&p->chain);
	p->gradient = dmi_ask_take_rows(a, a->n_element, DM_F64);
	double **const of_rows[] = {&p->twist, &p->carried, &p->log_weight, &p->weight};
	for (size_t i = 0; i < sizeof of_rows / sizeof *of_rows; i++)
		*of_rows[i] = dmi_arena_take(&a->arena, a->n_sample, sizeof **of_rows[i]);
	p->log_evidence = dmi_arena_take(&a->arena, p->n_group, sizeof *p->log_evidence);
	if (!dmi_multiply(p->n_group, n_out, &all) || !dmi_multiply(p->chain.n_step + 1, a->n_sample, &bytes)) {
		a->arena.overflow = 1;
		return;
	}
	p->y = dmi_arena_take(&a->arena, all, sizeof *p->y);
	p->work = dmi_arena_take(&a->arena, n_out, sizeof *p->work);
	p->ess = dmi_arena_take(&a->arena, (p->chain.n_step + 1) * p->n_group, sizeof *p->ess);
	p->ancestor = dmi_arena_take(&a->arena, bytes, sizeof *p->ancestor);
}

static dm_status begin(void *object, dm_error *err)
{
	dm_particles *p = object;
	struct dmi_chain *c = &p->chain;
	const dm_input z = {.source = DM_SOURCE_NORMALS, .draw = (uint32_t)DM_DRAW_INIT << 29};
	size_t n_out = p->op ? p->op->n_out : 0;
	(void)err;
	dmi_chain_begin(c);
	for (size_t i = 0; c->ask.options.value[DMI_PARTICLES_VARIANCE] != 0 && i + 1 < c->n_step; i++)
		c->step[i].noise *= dm_grid_node(c->ask.grid, i)->sigma / dm_grid_node(c->ask.grid, i + 1)->sigma;
	for (size_t i = 0; i < c->ask.n_sample; i++)
		dmi_row_sum(&c->ask, i, 1, &z, &dmi_chain_node(c)->sigma, dmi_chain_row(c, c->x, i), DM_F64);
	for (size_t g = 0; g < p->n_group && n_out; g++)
		memcpy(p->y + g * n_out, p->given + (p->n_given == n_out ? 0 : g * n_out), n_out * sizeof *p->y);
	return DM_OK;
}

/* --------------------------------------------------------------------------------------------------------- phases */

static dm_status ask(void *object, dm_error *err)
{
	dm_particles *p = object;
	const double *option = p->chain.ask.options.value;
	if (p->phase == END)
		return DM_DONE;
	if (p->phase == GRADIENT)
		return dmi_chain_ask_gradient(&p->chain, option[DMI_PARTICLES_TWIST] == DMI_TWIST_X0,
		                              (int32_t)option[DMI_PARTICLES_TARGET], err);
	return p->phase == VJP ? dmi_chain_ask_vjp(&p->chain, p->gradient, err) : dmi_chain_ask_prediction(&p->chain, err);
}

/* The step is made; after the last one the operator needs no request. */
static void step(dm_particles *p)
{
	dmi_particles_propose(p);
	p->phase = p->chain.at < p->chain.n_step ? PREDICT : p->op ? END : GRADIENT;
}

/* T is known: weights, then the gradient by the state, where it is wanted. */
static dm_status twisted(dm_particles *p, dm_error *err)
{
	dm_status st = dmi_particles_weigh(p, err);
	if (st != DM_OK)
		return st;
	if (p->chain.at == p->chain.n_step)
		p->phase = END;
	else if (dmi_particles_use_vjp(p) && dmi_chain_node(&p->chain)->alpha > 0 && p->chain.step[p->chain.at].noise > 0)
		p->phase = VJP;
	else
		step(p);
	return DM_OK;
}

static dm_status take_gradient(dm_particles *p, dm_error *err)
{
	struct dmi_asker *a = &p->chain.ask;
	memcpy(p->twist, a->log_value, a->n_sample * sizeof *p->twist);
	dmi_chain_take_gradient(&p->chain, a->options.value[DMI_PARTICLES_TWIST] == DMI_TWIST_X0, p->gradient);
	return twisted(p, err);
}

static dm_status take(void *object, dm_error *err)
{
	dm_particles *p = object;
	dm_status st = DM_OK;
	if (p->phase == GRADIENT)
		return take_gradient(p, err);
	if (p->phase == VJP) {
		dmi_chain_take_vjp(&p->chain, p->gradient);
		step(p);
		return DM_OK;
	}
	dmi_chain_take_prediction(&p->chain);
	if (!p->op) {
		p->phase = GRADIENT;
		return DM_OK;
	}
	st = dmi_particles_measure(p, p->chain.x0, err);
	return st == DM_OK ? twisted(p, err) : st;
}

static dm_status finish(void *object, dm_error *err)
{
	dm_particles *p = object;
	dm_status st = p->op ? dmi_particles_measure(p, p->chain.x, err) : DM_OK;
	return st == DM_OK && p->op ? dmi_particles_weigh(p, err) : st;
}

static void release(void *object)
{
	dm_particles *p = object;
	dmi_object_release(p->op);
}

static const struct dmi_asker_type particles = {.name = "particles",
                                                .driver = "dm_particles_next",
                                                .option = options,
                                                .n_option = sizeof options / sizeof *options,
                                                .setup = setup,
                                                .place = place,
                                                .begin = begin,
                                                .ask = ask,
                                                .take = take,
                                                .finish = finish,
                                                .release = release};

/* ------------------------------------------------------------------------------------------------------- creation */

static dm_status check_groups(size_t n_group, size_t n_particle, size_t *all, dm_error *err)
{
	if (n_particle < 2 || n_particle > INT32_MAX)
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles: n_particle = %z must be 2 to 2147483647", n_particle);
	if (n_group < 1)
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles: n_group = %z must be 1 or more", n_group);
	if (!dmi_multiply(n_group, n_particle, all))
		return dmi_fail(err, DM_ERR_OVERFLOW, "particles: %z groups of %z particles do not fit into memory", n_group,
		                n_particle);
	return DM_OK;
}

static dm_status check_measurement(const dm_operator *op, const double *y, size_t n_y, size_t n_group, size_t n_element,
                                   dm_error *err)
{
	if (!op)
		return y || n_y ? dmi_fail(err, DM_ERR_ARGUMENT, "particles: y and n_y = %z need an operator, op is NULL", n_y)
		                : DM_OK;
	if (!y)
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles: y is NULL, the operator gives %z numbers", op->n_out);
	if (op->n_in != n_element)
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles: n_element = %z, but the operator takes n_in = %z", n_element,
		                op->n_in);
	if (n_y != op->n_out && (n_y % op->n_out || n_y / op->n_out != n_group))
		return dmi_fail(
		    err, DM_ERR_ARGUMENT,
		    "particles: n_y = %z must be n_out = %z (the same for all groups), or that for each of %z groups", n_y,
		    op->n_out, n_group);
	int64_t bad = dmi_first_not_finite(y, DM_F64, n_y);
	return bad < 0 ? DM_OK : dmi_fail(err, DM_ERR_ARGUMENT, "particles: number %l of y is not finite", bad);
}

dm_status dm_particles_create(dm_particles **out, const dm_schedule *schedule, const dm_grid *grid,
                              const dm_model *model, const dm_operator *op, const double *y, size_t n_y,
                              const char *option_text, int32_t type, size_t n_group, size_t n_particle,
                              size_t n_element, const dm_allocator *allocator, dm_error *err)
{
	struct dmi_ask_given given = {schedule, grid, model, option_text, n_group, n_element, type};
	dm_error own;
	if (!err)
		err = &own;
	if (!out)
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles: out is NULL");
	*out = NULL;
	dm_status st = check_groups(n_group, n_particle, &given.n_sample, err);
	if (st == DM_OK)
		st = dmi_ask_check(&particles, &given, err);
	if (st == DM_OK)
		st = check_measurement(op, y, n_y, n_group, n_element, err);
	dm_particles *p = st == DM_OK ? dmi_ask_new(sizeof *p, &particles, &given, allocator, err) : NULL;
	if (!p)
		return err->status;
	p->op = dmi_object_retain(op);
	p->n_group = n_group;
	p->n_particle = n_particle;
	p->given = y;
	p->n_given = n_y;
	st = dmi_ask_fill(p, option_text, err);
	p->given = NULL;
	if (st == DM_OK)
		*out = p;
	else
		dmi_object_release(p);
	return st;
}

void dm_particles_free(dm_particles *p)
{
	dmi_object_release(p);
}

dm_status dm_particles_next(dm_particles *p, const dm_request **rq, dm_error *err)
{
	return dmi_ask_next(p, "particles next", rq, err);
}

dm_status dm_particles_all(dm_particles *p, dm_error *err)
{
	return dmi_ask_all(p, "particles all", err);
}

/* -------------------------------------------------------------------------------------------------------- results */

dm_status dm_particles_state(const dm_particles *p, void *out, int32_t type, dm_error *err)
{
	return dmi_chain_state(p ? &p->chain : NULL, "particles state", out, type, err);
}

static void copy(void *to, const void *from, size_t bytes)
{
	if (to)
		memcpy(to, from, bytes);
}

dm_status dm_particles_weights(const dm_particles *p, double *weight, double *log_evidence, dm_error *err)
{
	dm_status st = dmi_ask_late(p, "particles weights", err);
	if (st != DM_OK)
		return st;
	copy(weight, p->weight, p->chain.ask.n_sample * sizeof *weight);
	copy(log_evidence, p->log_evidence, p->n_group * sizeof *log_evidence);
	return DM_OK;
}

dm_status dm_particles_history(const dm_particles *p, double *ess, int32_t *ancestor, size_t n_node, dm_error *err)
{
	dm_status st = dmi_ask_late(p, "particles history", err);
	if (st != DM_OK)
		return st;
	if (n_node != p->chain.n_step + 1)
		return dmi_fail(err, DM_ERR_ARGUMENT, "particles history: n_node is %z, it must be %z", n_node,
		                p->chain.n_step + 1);
	copy(ess, p->ess, n_node * p->n_group * sizeof *ess);
	copy(ancestor, p->ancestor, p->chain.n_step * p->chain.ask.n_sample * sizeof *ancestor);
	return DM_OK;
}
