/* The chain of stages and how their weights compose. A stage's result is a weighted sum of the result so far and of the
 * branches, so any chain is one weighted sum of the branches; and the statistics a stage asks for follow from the Gram
 * matrix of the branches alone. One pass over memory serves the whole chain. */
#include "base/compiler.h"
#include "guidance/common.h"
#include "base/error.h"
#include <stddef.h>
#include <string.h>

enum { MAX_BRANCH = DM_GUIDANCE_MAX_BRANCH, MAX_VALUE = MAX_BRANCH + DMI_MAX_GUIDE_KEPT, MAX_N = MAX_BRANCH + 2 };

static void finish(void *object)
{
	dm_guidance *g = object;
	for (int32_t i = g->n_stage - g->n_own; i < g->n_stage; i++) {
		if (!g->stage[i].type && g->stage[i].ops.destroy)
			g->stage[i].ops.destroy(g->stage[i].user);
		dmi_options_free(&g->stage[i].options, &g->object.allocator);
	}
	dmi_object_release(g->op);
	dmi_object_release(g->base);
}

static int combines(const struct dmi_stage *stage)
{
	return stage->ops.weights != NULL;
}

/* The first stage that acts on what the branches became; NULL where all weigh branches. */
static const struct dmi_stage *first_after_branches(const dm_guidance *g)
{
	for (int32_t i = 0; i < g->n_stage; i++)
		if (!g->stage[i].ops.branches)
			return &g->stage[i];
	return NULL;
}

/* Where a stage that weighs branches may stand. */
static dm_status fits_order(const dm_guidance *g, const struct dmi_stage *stage, dm_error *err)
{
	const struct dmi_stage *last = g->n_stage ? &g->stage[g->n_stage - 1] : NULL, *after = first_after_branches(g);
	if (last && stage->type && stage->type->first)
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "guidance: \"%s\" makes its result of the branches alone, so it must stand first, before \"%s\"",
		    stage->name, g->stage[0].name);
	if (!last && stage->type && stage->type->compares)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "guidance: \"%s\" compares what is guided with the given prediction, so it must stand behind a "
		                "stage that guides",
		                stage->name);
	if (after && (stage->type ? stage->type->ops.weights && !stage->type->space : combines(stage)))
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "guidance: \"%s\" combines branches, so it must stand before \"%s\", which acts on their combination",
		    stage->name, after->name);
	if (last && combines(stage) && !combines(last))
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "guidance: \"%s\", a stage of the caller's with weights(), must stand before \"%s\", which weighs "
		    "branches after the evaluation",
		    stage->name, last->name);
	return DM_OK;
}

/* Whether a stage may stand at the end of the chain, and has what it works with. */
static dm_status fits(const dm_guidance *g, const struct dmi_stage *stage, dm_error *err)
{
	if (g->n_stage == DMI_MAX_STAGE)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: more than %d stages", DMI_MAX_STAGE);
	dm_status st = fits_order(g, stage, err);
	if (st != DM_OK)
		return st;
	if (stage->ops.keep && dmi_guidance_kept(g) == DMI_MAX_GUIDE_KEPT)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: more than %d stages keep a value", DMI_MAX_GUIDE_KEPT);
	if (stage->type && stage->type->needs_operator && !g->op)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: \"%s\" needs an operator; give one to dm_guidance_create_over",
		                stage->name);
	return DM_OK;
}

/* Whether a stage must weigh its branches after the evaluation: in another space, behind a stage that does so, or
 * because it does more there. */
static int is_elsewhere(const dm_guidance *g, const struct dmi_stage *stage)
{
	int32_t space = stage->type->space;
	if (!combines(stage))
		return 0;
	return (space && stage->options.value[space] != 0) || stage->ops.after ||
	       (g->n_stage && !combines(&g->stage[g->n_stage - 1]));
}

static dm_status add_stage(dm_guidance *g, const char *spec, dm_error *err)
{
	int32_t n;
	const char *text;
	const struct dmi_method *const *registry = dmi_guidance_registry(&n);
	const struct dmi_method *method = dmi_method_find(registry, n, "guidance", spec, &text, err);
	if (!method)
		return DM_ERR_NAME;
	const struct dmi_guidance_type *type = (const struct dmi_guidance_type *)method;
	struct dmi_stage draft = {.type = type, .name = method->info.name, .ops = type->ops};
	if (g->n_stage == DMI_MAX_STAGE)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: more than %d stages", DMI_MAX_STAGE);
	struct dmi_stage *stage = &g->stage[g->n_stage];
	dm_status st = dmi_options_parse(&draft.options, "guidance", method->info.name, method->option,
	                                 method->info.n_option, text, &g->object.allocator, err);
	if (st != DM_OK)
		return st;
	*stage = draft;
	stage->user = stage->options.value;
	st = type->check ? type->check(type, &stage->options, &stage->ops, err) : DM_OK;
	if (st == DM_OK && is_elsewhere(g, stage))
		st = dmi_space_adapt(stage, err);
	if (st == DM_OK)
		st = fits(g, stage, err);
	if (st != DM_OK) {
		dmi_options_free(&stage->options, &g->object.allocator);
		return st;
	}
	g->n_stage++;
	g->n_own++;
	return DM_OK;
}

/* Splits at '|'. "none" alone is the empty chain. */
static dm_status parse_chain(dm_guidance *g, const char *spec, dm_error *err)
{
	size_t size = strlen(spec) + 1;
	if (!strcmp(spec, "none"))
		return DM_OK;
	char *chain = dmi_allocate(&g->object.allocator, size, 1, err), *one = chain;
	if (!chain)
		return DM_ERR_MEMORY;
	memcpy(chain, spec, size);
	dm_status st = DM_OK;
	int32_t n = 1;
	for (int more = 1; st == DM_OK && more; n++) {
		size_t length = strcspn(one, "|");
		more = one[length] != 0;
		one[length] = 0;
		st = length ? add_stage(g, one, err) : dmi_fail(err, DM_ERR_NAME, "guidance: stage %d has no name", n);
		one += length + 1;
	}
	dmi_release_memory(&g->object.allocator, chain, size);
	return st;
}

static void inherit(dm_guidance *g, const dm_guidance *base)
{
	g->base = dmi_object_retain(base);
	g->op = dmi_object_retain(base->op);
	memcpy(g->stage, base->stage, sizeof g->stage);
	g->n_stage = base->n_stage;
}

dm_status dm_guidance_create_over(dm_guidance **out, const char *spec, const dm_guidance *base, const dm_operator *op,
                                  const dm_allocator *allocator, dm_error *err)
{
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	if (!out || !spec)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: %s is NULL", out ? "spec" : "out");
	if (op && base && base->op && base->op != op)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: op differs from the operator of the base chain");
	dm_guidance *g = dmi_object_new(sizeof *g, allocator, finish, err);
	if (!g)
		return err->status;
	if (base)
		inherit(g, base);
	if (!g->op)
		g->op = dmi_object_retain(op);
	dm_status st = parse_chain(g, spec, err);
	if (st == DM_OK)
		*out = g;
	else
		dmi_object_release(g);
	return st;
}

dm_status dm_guidance_create(dm_guidance **out, const char *spec, const dm_allocator *allocator, dm_error *err)
{
	return dm_guidance_create_over(out, spec, NULL, NULL, allocator, err);
}

static dm_status check_custom(dm_guidance **out, const char *name, const dm_guidance_ops *own, dm_error *err)
{
	int emits = own->before || own->after || own->state;
	if (!out || !name)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: %s is NULL", out ? "name" : "out");
	if (!dmi_name_is_good(name, strlen(name)))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "guidance: name \"%s\" must have 1 to 63 characters, no space and none of | : , ; = \" \\",
		                name);
	if (!emits && (!own->branches || !own->weights))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "guidance \"%s\": ops need branches and weights, or one of before, after and state", name);
	if (emits && own->weights)
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "guidance \"%s\": weights goes with none of before, after and state: make two stages of it",
		                name);
	return DM_OK;
}

dm_status dm_guidance_create_custom(dm_guidance **out, const char *name, const dm_guidance *base,
                                    const dm_guidance_ops *ops, void *user, const dm_allocator *allocator,
                                    dm_error *err)
{
	static const dm_guidance none = {.n_stage = 0};
	dm_guidance_ops own;
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	dm_status st = dmi_struct_copy(&own, sizeof own, ops, offsetof(dm_guidance_ops, destroy) + sizeof own.destroy,
	                               "guidance ops", err);
	if (st == DM_OK)
		st = check_custom(out, name, &own, err);
	struct dmi_stage stage = {.ops = own, .user = user, .name = name};
	if (st == DM_OK)
		st = fits(base ? base : &none, &stage, err);
	dm_guidance *g = st == DM_OK ? dmi_object_new(sizeof *g, allocator, finish, err) : NULL;
	if (!g) {
		if (own.destroy)
			own.destroy(user);
		return err->status;
	}
	if (base)
		inherit(g, base);
	memcpy(g->name, name, strlen(name));
	stage.name = g->name;
	g->stage[g->n_stage++] = stage;
	g->n_own = 1;
	*out = g;
	return DM_OK;
}

void dm_guidance_free(dm_guidance *guidance)
{
	dmi_object_release(guidance);
}

static int32_t find_branch(const dm_branch *branch, int32_t n, const dm_branch *wanted)
{
	int32_t i = 0;
	while (i < n && memcmp(&branch[i], wanted, sizeof *wanted))
		i++;
	return i;
}

int32_t dmi_find_branch(const dm_branch *branch, int32_t n, int32_t condition)
{
	return find_branch(branch, n, &(dm_branch){0, condition, 0});
}

/* Adds the stage's branches to the list, once each. */
static dm_status stage_branches(const struct dmi_stage *stage, const dm_node *at, dm_branch *branch, int32_t *n,
                                dm_error *err)
{
	dm_branch all[2 * MAX_BRANCH];
	int32_t count = *n;
	memcpy(all, branch, (size_t)*n * sizeof *branch);
	dm_status code = stage->ops.branches(stage->user, at, all, &count);
	if (code)
		return dmi_fail_callback(err, "guidance branches", code, NULL);
	if (count < *n || count > 2 * MAX_BRANCH)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "guidance \"%s\": branches left n = %d, it must be %d to %d",
		                stage->name, count, *n, MAX_BRANCH);
	for (int32_t i = *n; i < count; i++) {
		if (find_branch(branch, *n, &all[i]) < *n)
			continue;
		if (*n == MAX_BRANCH)
			return dmi_fail(err, DM_ERR_UNSUPPORTED, "guidance: more than %d branches", MAX_BRANCH);
		branch[(*n)++] = all[i];
	}
	return DM_OK;
}

dm_status dmi_guidance_branches(const dm_guidance *guidance, const dm_node *at, dm_branch *branch, int32_t *n,
                                dm_error *err)
{
	*n = 0;
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++) {
		dm_status st =
		    guidance->stage[i].ops.branches ? stage_branches(&guidance->stage[i], at, branch, n, err) : DM_OK;
		if (st != DM_OK)
			return st;
	}
	if (*n == 0)
		branch[(*n)++] = (dm_branch){0, DM_CONDITION_GIVEN, 0};
	return DM_OK;
}

int dmi_guidance_needs_stats(const dm_guidance *guidance)
{
	int needs = 0;
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++)
		needs |= combines(&guidance->stage[i]) && (guidance->stage[i].ops.needs_stats || guidance->stage[i].ops.keep);
	return needs;
}

const char *dmi_guidance_without_jacobian(const dm_guidance *guidance)
{
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++) {
		const struct dmi_stage *stage = &guidance->stage[i];
		if (combines(stage) ? stage->ops.needs_stats || stage->ops.keep
		                    : stage->type && stage->ops.branches && stage->ops.after)
			return stage->name;
	}
	return NULL;
}

int32_t dmi_guidance_kept(const dm_guidance *guidance)
{
	int32_t n = 0;
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++)
		n += guidance->stage[i].ops.keep != NULL;
	return n;
}

int dmi_guidance_emits(const dm_guidance *guidance)
{
	int emits = 0;
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++)
		emits |= guidance->stage[i].ops.before || guidance->stage[i].ops.after || guidance->stage[i].ops.state;
	return emits;
}

int dmi_guidance_is_mask(const dm_guidance *guidance, int32_t which)
{
	int found = which == DM_BOUND_MASK;
	for (int32_t i = 0; guidance && which >= DM_BOUND_USER && which < DM_BOUND_MEASUREMENT && i < guidance->n_stage;
	     i++) {
		const struct dmi_stage *stage = &guidance->stage[i];
		found |= stage->type && stage->type->masks && stage->options.value[stage->type->masks] != 0;
	}
	return found;
}

/* What a stage sees: the result so far, r over all values; the branches; its own kept value where own >= 0. */
static int32_t seen_by(int32_t n_branch, int32_t own, int32_t *index)
{
	for (int32_t b = 0; b < n_branch; b++)
		index[b] = b;
	if (own >= 0)
		index[n_branch] = n_branch + own;
	return n_branch + (own >= 0);
}

/* Their statistics from those of all values: result = sum_i r_i value_i. */
static void extend(const dm_stats *stats, const double *r, const int32_t *index, int32_t n, double *gram, double *sum)
{
	int32_t m = n + 1;
	double cross[MAX_VALUE];
	gram[0] = sum[0] = 0;
	for (int32_t i = 0; i < stats->n; i++) {
		cross[i] = 0;
		for (int32_t j = 0; j < stats->n; j++)
			cross[i] += r[j] * stats->gram[i * stats->n + j];
		gram[0] += r[i] * cross[i];
		sum[0] += r[i] * stats->sum[i];
	}
	for (int32_t i = 0; i < n; i++) {
		gram[i + 1] = gram[(i + 1) * m] = cross[index[i]];
		sum[i + 1] = stats->sum[index[i]];
		for (int32_t j = 0; j < n; j++)
			gram[(i + 1) * m + j + 1] = stats->gram[index[i] * stats->n + index[j]];
	}
}

/* n_value: branches and kept values of all stages; own: which of these is the stage's, or -1. */
static dm_status stage_weights(const struct dmi_stage *stage, const dm_node *at, const dm_branch *branch, int32_t n,
                               int32_t n_value, int32_t own, const dm_stats *stats, double *r, dm_error *err)
{
	double gram[MAX_N * MAX_N], sum[MAX_N], weight[MAX_N] = {0};
	int32_t index[MAX_N], m = seen_by(n, own, index);
	dm_stats seen = {sizeof seen, m + 1, 0, gram, sum};
	if (stage->ops.needs_stats) {
		seen.n_element = stats->n_element;
		extend(stats, r, index, m, gram, sum);
	}
	dm_status code = stage->ops.weights(stage->user, at, branch, n, stage->ops.needs_stats ? &seen : NULL, weight);
	if (code)
		return dmi_fail_callback(err, "guidance weights", code, NULL);
	for (int32_t i = 0; i < n_value; i++)
		r[i] *= weight[0];
	for (int32_t i = 0; i < m; i++)
		r[index[i]] += weight[1 + i];
	for (int32_t i = 0; i < n_value; i++)
		if (!(r[i] - r[i] == 0))
			return dmi_fail(err, DM_ERR_NOT_FINITE, "guidance \"%s\": weight %g of value %d is not finite", stage->name,
			                r[i], i);
	return DM_OK;
}

dm_status dmi_guidance_weights(const dm_guidance *guidance, const dm_node *at, const dm_branch *branch, int32_t n,
                               const dm_stats *stats, double *weight, dm_error *err)
{
	int32_t n_value = n + dmi_guidance_kept(guidance), own = 0;
	memset(weight, 0, (size_t)n_value * sizeof *weight);
	weight[0] = 1; /* a first stage that builds on a result builds on the first branch */
	for (int32_t i = 0; guidance && i < guidance->n_stage && combines(&guidance->stage[i]); i++) {
		const struct dmi_stage *stage = &guidance->stage[i];
		int keeps = stage->ops.keep != NULL;
		dm_status st = stage_weights(stage, at, branch, n, n_value, keeps ? own : -1, stats, weight, err);
		if (st != DM_OK)
			return st;
		own += keeps;
	}
	return DM_OK;
}

dm_status dmi_guidance_keep(const dm_guidance *guidance, int32_t k, const dm_node *at, const dm_branch *branch,
                            int32_t n, double *weight, dm_error *err)
{
	double own[MAX_N] = {0};
	int32_t i = 0;
	for (int32_t left = k; !guidance->stage[i].ops.keep || left-- > 0;)
		i++;
	dm_status code = guidance->stage[i].ops.keep(guidance->stage[i].user, at, branch, n, own);
	if (code)
		return dmi_fail_callback(err, "guidance keep", code, NULL);
	if (own[0] != 0)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance \"%s\": keep gave its result the weight %g, it must be 0",
		                guidance->stage[i].name, own[0]);
	memset(weight, 0, (size_t)(n + dmi_guidance_kept(guidance)) * sizeof *weight);
	memcpy(weight, own + 1, (size_t)n * sizeof *weight);
	weight[n + k] = own[1 + n];
	return DM_OK;
}

int32_t dmi_guidance_map(const dm_guidance *guidance, const dm_node *at, int32_t k, double parameter[4])
{
	memset(parameter, 0, 4 * sizeof *parameter);
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++) {
		const struct dmi_stage *stage = &guidance->stage[i];
		if (!stage->type || !stage->type->map || !dmi_acts_at(stage->options.value, at) || k-- > 0)
			continue;
		stage->type->parameters(stage->options.value, parameter);
		return stage->type->map;
	}
	return 0;
}

int dmi_guidance_interval(const dm_guidance *guidance, int32_t k, double ends[2])
{
	ends[0] = -INFINITY;
	ends[1] = INFINITY;
	if (!guidance || k >= guidance->n_stage)
		return 0;
	const struct dmi_stage *stage = &guidance->stage[k];
	for (int32_t i = 0; stage->type && i < stage->type->method.info.n_option; i++) {
		const char *name = stage->type->method.option[i].name;
		if (!strcmp(name, "from"))
			ends[0] = stage->options.value[i];
		if (!strcmp(name, "to"))
			ends[1] = stage->options.value[i];
	}
	return 1;
}

void dmi_guidance_print(const dm_guidance *guidance, struct dmi_text *text)
{
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++) {
		const struct dmi_stage *stage = &guidance->stage[i];
		if (i)
			dmi_text_string(text, "|");
		if (stage->type)
			dmi_options_print(text, stage->name, stage->type->method.option, stage->type->method.info.n_option,
			                  &stage->options);
		else
			dmi_text_string(text, stage->name);
	}
	if (!guidance || !guidance->n_stage)
		dmi_text_string(text, "none");
}
