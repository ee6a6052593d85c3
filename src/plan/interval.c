/* One interval as values: what the engine and the sampler emit, and how long each value lives. */
#include "base/compiler.h"
#include "plan/interval.h"
#include "base/error.h"
#include "plan/guide.h"
#include <math.h>

static void use(dm_emit *e, dm_val v, int32_t by)
{
	if (v && e->value[v - 1].last_use < by)
		e->value[v - 1].last_use = by;
}

/* Entries come first: the state, past predictions, then the kept values that are set. */
void dmi_interval_mark_uses(struct dmi_compiler *c, int32_t n_past, int32_t kept_set, dm_val preview)
{
	dm_emit *e = &c->emit;
	for (int32_t i = 0; i < e->n_value; i++)
		e->value[i].last_use = -1;
	for (int32_t i = 0; i < e->n_value; i++) {
		const struct dmi_value *v = &e->value[i];
		for (int32_t t = v->first_term; t < v->first_term + v->n_term; t++)
			use(e, e->term[t].value, i);
		if (v->kind == DMI_PREDICTION || v->kind == DMI_GRADIENT)
			use(e, v->of, i);
		if (v->kind == DMI_VJP) /* the network reads the same value again */
			use(e, e->value[v->of - 1].of, i);
	}
	use(e, e->state, DMI_MAX_VALUE);
	use(e, preview, DMI_MAX_VALUE);
	for (int32_t i = 0; i < e->n_push; i++)
		use(e, e->push[i].prediction, DMI_MAX_VALUE);
	for (int32_t i = 0; i < n_past && i + e->n_push < c->sampler->ops.n_past; i++)
		use(e, 2 + i, DMI_MAX_VALUE);
	dm_val entry = 2 + n_past;
	for (int32_t k = 0; k < e->n_kept; k++) {
		use(e, e->keep[k], DMI_MAX_VALUE);
		if (kept_set >> k & 1) {
			use(e, entry, e->keep[k] && !c->adaptive ? -1 : DMI_MAX_VALUE);
			entry++;
		}
	}
	for (int i = 0; i < 3; i++)
		use(e, e->estimate[i], DMI_MAX_VALUE);
	if (c->adaptive) /* a rejected trial goes back to it */
		use(e, 1, DMI_MAX_VALUE);
}

struct dmi_compiler *dmi_compiler_place(struct dmi_arena *arena, int32_t n_value, int32_t n_term)
{
	struct dmi_compiler *c = dmi_arena_take(arena, 1, sizeof *c);
	struct dmi_value *value = dmi_arena_take(arena, (size_t)n_value, sizeof *value);
	dm_term *term = dmi_arena_take(arena, (size_t)n_term, sizeof *term);
	struct dmi_expr *expr = dmi_arena_take(arena, (size_t)n_value, sizeof *expr);
	if (!c)
		return NULL;
	c->emit.value_room = n_value;
	c->emit.term_room = n_term;
	c->emit.value = value;
	c->emit.term = term;
	c->expr = expr;
	return c;
}

void dmi_interval_begin(struct dmi_compiler *c, int32_t n_past, int32_t kept_set, dm_past *past, dm_val *kept)
{
	dm_emit *e = &c->emit;
	dmi_emit_begin(e, c->sampler->ops.n_kept);
	e->step = c->step - c->visit;
	e->visit = c->visit;
	e->n_step = c->adaptive ? -1 : c->n_step;
	e->path = c->path;
	e->schedule = c->schedule;
	e->guidance = dmi_guidance_emits(c->guidance) ? c->guidance : NULL;
	c->expr[dmi_emit_entry(&c->emit) - 1] = c->state;
	for (int32_t i = 0; i < n_past; i++) {
		past[i] = c->past[i];
		past[i].prediction = dmi_emit_entry(&c->emit);
		c->expr[past[i].prediction - 1] = c->past_expr[i];
	}
	for (int32_t k = 0; k < c->sampler->ops.n_kept; k++) {
		kept[k] = kept_set >> k & 1 ? dmi_emit_entry(&c->emit) : 0;
		if (kept[k])
			c->expr[kept[k] - 1] = c->kept[k];
	}
}

dm_val dmi_interval_fresh(dm_emit *e, int32_t tag)
{
	e->inner = 1;
	dm_val z = dm_emit_renoise(e, tag, 0);
	e->inner = 0;
	if (z)
		e->value[z - 1].inner = 0; /* the check follows it */
	return z;
}

/* x = alpha x0 + sigma (sqrt(1 - r^2) epsilon + r z), several times: to first order in r^2 the Langevin step of size
 * (r sigma)^2 / 2, in a form that keeps the noise variance. */
static dm_val refine(struct dmi_compiler *c, const dm_node *at)
{
	dm_emit *e = &c->emit;
	dm_val x = 1;
	double r = c->refine_noise;
	for (int32_t k = 0; k < c->refine && at->sigma > 0 && at->alpha > 0; k++) {
		dm_val x0 = dm_emit_eval_to(e, x, at, at, DM_SPACE_X0);
		dm_val epsilon = dm_emit_part(e, x0, DM_PART_PREDICTION, DM_SPACE_EPSILON), z = dmi_interval_fresh(e, 2 + k);
		x = dm_emit_linear(e, 3,
		                   (dm_term[]){{at->alpha, x0}, {at->sigma * sqrt(1 - r * r), epsilon}, {at->sigma * r, z}});
	}
	return x;
}

dm_status dmi_interval_blame(const struct dmi_compiler *c, dm_status st, int is_lost, const dm_node *from,
                             const dm_node *to, dm_error *err)
{
	if (st != DM_ERR_SAMPLER || !is_lost || *c->sampler->own_name)
		return st;
	return dmi_fail(
	    err, DM_ERR_UNSUPPORTED,
	    "sampler \"%s\": a step from sigma/alpha = %g to %g loses too many digits here: put nodes between them",
	    c->sampler->name, from->sigma / from->alpha, to->sigma / to->alpha);
}

/* The error of what was emitted. */
static dm_status emitted(const dm_emit *e, dm_error *err)
{
	if (e->error.status != DM_OK && err)
		*err = e->error;
	return e->error.status;
}

dm_status dmi_interval_record(struct dmi_compiler *c, dm_step *s, dm_error *err)
{
	const dm_sampler *sampler = c->sampler;
	dm_emit *e = &c->emit;
	s->struct_size = sizeof *s;
	s->option = sampler->options.value;
	s->schedule = c->schedule;
	s->end = c->end;
	e->from = s->from;
	e->to = s->to;
	e->end = s->end;
	e->start = s->x = refine(c, s->from);
	e->evaluation = 0; /* stages that act at the end of the step look at the sampler's own */
	dm_status code = sampler->ops.step(sampler->user, s, e);
	if (e->guidance && e->error.status == DM_OK && !code && e->state)
		dmi_guide_state(e, s->to);
	dm_status st = dmi_interval_blame(c, emitted(e, err), e->is_lost, s->from, s->to, err);
	if (st == DM_OK && code)
		st = dmi_fail_callback(err, "sampler step", code, NULL);
	else if (st == DM_OK && !e->state)
		st = dmi_fail(err, DM_ERR_SAMPLER, "sampler \"%s\": step emitted no state", sampler->name);
	else if (st == DM_OK && c->adaptive && !e->estimate[0])
		st = dmi_fail(err, DM_ERR_SAMPLER, "sampler \"%s\": an adaptive step needs an error estimate", sampler->name);
	if (st != DM_OK && err)
		err->step = s->step;
	return st;
}

dm_status dmi_interval_preview(struct dmi_compiler *c, dm_val *preview, dm_error *err)
{
	dm_emit *e = &c->emit;
	int32_t i = c->preview ? e->n_value : 0;
	while (i > 0 && e->value[i - 1].kind != DMI_GUIDED &&
	       (e->value[i - 1].kind != DMI_PREDICTION || e->value[i - 1].inner))
		i--;
	*preview = i > 0 ? dm_emit_part(e, i, DM_PART_PREDICTION, DM_SPACE_X0) : 0;
	return emitted(e, err);
}
