/* The chain of stages and how their weights compose. A stage's result is a weighted sum of the result so far and of the
 * branches, so any chain is one weighted sum of the branches; and the statistics a stage asks for follow from the Gram
 * matrix of the branches alone. One pass over memory serves the whole chain. */
#include "base/compiler.h"
#include "guidance/guidance.h"
#include "base/error.h"
#include <stddef.h>
#include <string.h>

enum { MAX_BRANCH = DM_GUIDANCE_MAX_BRANCH, MAX_N = MAX_BRANCH + 1 };

static void finish(void *object)
{
	dm_guidance *g = object;
	for (int32_t i = g->n_stage - g->n_own; i < g->n_stage; i++) {
		if (!g->stage[i].type && g->stage[i].ops.destroy)
			g->stage[i].ops.destroy(g->stage[i].user);
		dmi_options_free(&g->stage[i].options, &g->object.allocator);
	}
	dmi_object_release(g->base);
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
	if (g->n_stage == DMI_MAX_STAGE)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: more than %d stages", DMI_MAX_STAGE);
	if (type->ops.weights && g->n_stage && g->stage[g->n_stage - 1].type->map)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "guidance: \"%s\" combines branches, so it must stand before the map \"%s\"", method->info.name,
		                g->stage[g->n_stage - 1].name);
	struct dmi_stage *stage = &g->stage[g->n_stage];
	dm_status st = dmi_options_parse(&stage->options, "guidance", method->info.name, method->option,
	                                 method->info.n_option, text, &g->object.allocator, err);
	if (st != DM_OK)
		return st;
	stage->type = type;
	stage->name = method->info.name;
	stage->ops = type->ops;
	stage->user = stage->options.value;
	g->n_stage++;
	g->n_own++;
	return DM_OK;
}

/* Splits at '|'. "none" alone is the empty chain. */
static dm_status parse_chain(dm_guidance *g, const char *spec, dm_error *err)
{
	char one[512];
	if (!strcmp(spec, "none"))
		return DM_OK;
	for (;;) {
		size_t length = strcspn(spec, "|");
		if (length >= sizeof one)
			return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: a stage of %z characters is too long", length);
		memcpy(one, spec, length);
		one[length] = 0;
		dm_status st = add_stage(g, one, err);
		if (st != DM_OK || !spec[length])
			return st;
		spec += length + 1;
	}
}

dm_status dm_guidance_create(dm_guidance **out, const char *spec, const dm_allocator *allocator, dm_error *err)
{
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	if (!out || !spec)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: %s is NULL", out ? "spec" : "out");
	dm_guidance *g = dmi_object_new(sizeof *g, allocator, finish, err);
	if (!g)
		return err->status;
	dm_status st = parse_chain(g, spec, err);
	if (st == DM_OK)
		*out = g;
	else
		dmi_object_release(g);
	return st;
}

static dm_status check_custom(dm_guidance **out, const char *name, const dm_guidance *base, const dm_guidance_ops *own,
                              dm_error *err)
{
	if (!out || !name)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: %s is NULL", out ? "name" : "out");
	if (!dmi_name_is_good(name, strlen(name)))
		return dmi_fail(err, DM_ERR_ARGUMENT,
		                "guidance: name \"%s\" must have 1 to 63 characters, no space and none of | : , ; = \" \\",
		                name);
	if (!own->branches || !own->weights)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance \"%s\": ops need branches and weights", name);
	if (base && base->n_stage == DMI_MAX_STAGE)
		return dmi_fail(err, DM_ERR_ARGUMENT, "guidance: more than %d stages", DMI_MAX_STAGE);
	if (base && base->n_stage && base->stage[base->n_stage - 1].type && base->stage[base->n_stage - 1].type->map)
		return dmi_fail(err, DM_ERR_UNSUPPORTED,
		                "guidance \"%s\" combines branches, so its base must not end in the map \"%s\"", name,
		                base->stage[base->n_stage - 1].name);
	return DM_OK;
}

dm_status dm_guidance_create_custom(dm_guidance **out, const char *name, const dm_guidance *base,
                                    const dm_guidance_ops *ops, void *user, const dm_allocator *allocator,
                                    dm_error *err)
{
	dm_guidance_ops own;
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	dm_status st = dmi_struct_copy(&own, sizeof own, ops, offsetof(dm_guidance_ops, destroy) + sizeof own.destroy,
	                               "guidance ops", err);
	if (st == DM_OK)
		st = check_custom(out, name, base, &own, err);
	dm_guidance *g = st == DM_OK ? dmi_object_new(sizeof *g, allocator, finish, err) : NULL;
	if (!g) {
		if (own.destroy)
			own.destroy(user);
		return err->status;
	}
	if (base) {
		g->base = dmi_object_retain(base);
		memcpy(g->stage, base->stage, sizeof g->stage);
		g->n_stage = base->n_stage;
	}
	memcpy(g->name, name, strlen(name));
	g->stage[g->n_stage] = (struct dmi_stage){.name = g->name, .ops = own, .user = user};
	g->n_stage++;
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

static int combines(const struct dmi_stage *stage)
{
	return stage->ops.weights != NULL;
}

dm_status dmi_guidance_branches(const dm_guidance *guidance, const dm_node *at, dm_branch *branch, int32_t *n,
                                dm_error *err)
{
	*n = 0;
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++) {
		dm_status st = combines(&guidance->stage[i]) ? stage_branches(&guidance->stage[i], at, branch, n, err) : DM_OK;
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
		needs |= combines(&guidance->stage[i]) && guidance->stage[i].ops.needs_stats;
	return needs;
}

/* Statistics of (result, branches) from those of the branches: result = sum_b r_b branch_b. */
static void extend(const dm_stats *stats, const double *r, int32_t n, double *gram, double *sum)
{
	int32_t m = n + 1;
	double cross[MAX_BRANCH];
	gram[0] = sum[0] = 0;
	for (int32_t i = 0; i < n; i++) {
		cross[i] = 0;
		for (int32_t j = 0; j < n; j++) {
			cross[i] += r[j] * stats->gram[i * n + j];
			gram[(i + 1) * m + j + 1] = stats->gram[i * n + j];
		}
		gram[i + 1] = gram[(i + 1) * m] = cross[i];
		gram[0] += r[i] * cross[i];
		sum[0] += r[i] * stats->sum[i];
		sum[i + 1] = stats->sum[i];
	}
}

static dm_status stage_weights(const struct dmi_stage *stage, const dm_node *at, const dm_branch *branch, int32_t n,
                               const dm_stats *stats, double *r, dm_error *err)
{
	double gram[MAX_N * MAX_N], sum[MAX_N], weight[MAX_N] = {0};
	dm_stats own = {sizeof own, n + 1, 0, gram, sum};
	if (stage->ops.needs_stats) {
		own.n_element = stats->n_element;
		extend(stats, r, n, gram, sum);
	}
	dm_status code = stage->ops.weights(stage->user, at, branch, n, stage->ops.needs_stats ? &own : NULL, weight);
	if (code)
		return dmi_fail_callback(err, "guidance weights", code, NULL);
	for (int32_t b = 0; b < n; b++) {
		r[b] = weight[0] * r[b] + weight[1 + b];
		if (!(r[b] - r[b] == 0))
			return dmi_fail(err, DM_ERR_NOT_FINITE, "guidance \"%s\": weight %g of branch %d is not finite",
			                stage->name, r[b], b);
	}
	return DM_OK;
}

dm_status dmi_guidance_weights(const dm_guidance *guidance, const dm_node *at, const dm_branch *branch, int32_t n,
                               const dm_stats *stats, double *weight, dm_error *err)
{
	int combined = 0;
	memset(weight, 0, (size_t)n * sizeof *weight);
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++) {
		if (!combines(&guidance->stage[i]))
			continue;
		if (!combined)
			weight[0] = 1; /* a first stage that builds on a result builds on the first branch */
		combined = 1;
		dm_status st = stage_weights(&guidance->stage[i], at, branch, n, stats, weight, err);
		if (st != DM_OK)
			return st;
	}
	if (!combined)
		weight[0] = 1;
	return DM_OK;
}

int32_t dmi_guidance_map(const dm_guidance *guidance, int32_t k, double parameter[4])
{
	memset(parameter, 0, 4 * sizeof *parameter);
	for (int32_t i = 0; guidance && i < guidance->n_stage; i++) {
		const struct dmi_stage *stage = &guidance->stage[i];
		if (combines(stage) || k-- > 0)
			continue;
		stage->type->parameters(stage->options.value, parameter);
		return stage->type->map;
	}
	return 0;
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
