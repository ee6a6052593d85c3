#include "plan/plan.h"
#include "base/error.h"
#include "base/math.h"
#include "plan/expr.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const noises[] = {"independent", "path", NULL};
static const char *const kepts[] = {"none", "left", "given", NULL};

static const dm_option options[] = {
    DMI_INTEGER("start", "node to start from; the history starts empty there", 0, 0, 16777215),
    DMI_INTEGER("progress", "1: a DM_ASK_STEP request after every step", 0, 0, 1),
    DMI_INTEGER("preview", "1: the same, with the estimate of x0", 0, 0, 1),
    DMI_CHOICE("noise", "independent: draws of every step for itself; path: the Brownian path of the seed", 0, noises),
    DMI_CHOICE("kept", "left: what the sampler keeps can be read at the end; given: and is given at the start",
               DMI_KEPT_NONE, kepts),
    DMI_INTEGER("climb", "0: climbs go to the level; q: as diffusers' RePaint, the q table entries from there on", 0, 0,
                16777215),
    DMI_INTEGER("refine", "Langevin steps at every node, one evaluation each, before the sampler's own", 0, 0, 29),
    DMI_REAL("refine_noise", "share of the noise that such a step replaces", 0.2, 1e-6, 1),
};

const dm_option *dmi_plan_options(int32_t *n)
{
	*n = (int32_t)(sizeof options / sizeof *options);
	return options;
}

static void finish(void *object)
{
	dm_plan *plan = object;
	dmi_program_free(&plan->program);
	dmi_object_release(plan->schedule);
	dmi_object_release(plan->grid);
	dmi_object_release(plan->sampler);
	dmi_object_release(plan->model);
	dmi_object_release(plan->guidance);
}

void dmi_plan_compiler(const dm_plan *plan, struct dmi_compiler *c)
{
	memset(c, 0, offsetof(struct dmi_compiler, emit) + offsetof(dm_emit, value_room));
	c->schedule = plan->schedule;
	c->sampler = plan->sampler;
	c->model = plan->model;
	c->guidance = plan->guidance;
	c->adaptive = plan->sampler->ops.control != NULL;
	c->end = dm_grid_node(plan->grid, plan->end);
	c->grid = c->adaptive ? NULL : dm_grid_node(plan->grid, 0);
	c->preview = plan->options.value[DMI_PLAN_PREVIEW] != 0;
	c->path = plan->options.value[DMI_PLAN_NOISE] != 0;
	c->kept_left = plan->options.value[DMI_PLAN_KEPT] != DMI_KEPT_NONE;
	c->refine = (int32_t)plan->options.value[DMI_PLAN_REFINE];
	c->refine_noise = plan->options.value[DMI_PLAN_REFINE_NOISE];
	c->climb = (int32_t)plan->options.value[DMI_PLAN_CLIMB];
	c->kept_given = plan->options.value[DMI_PLAN_KEPT] == DMI_KEPT_GIVEN;
	c->step_rows = c->preview || plan->options.value[DMI_PLAN_PROGRESS] != 0;
	c->identity = dmi_model_reads_state(plan->model) && !c->adaptive;
	c->n_slot = DM_SLOT_STATE + 1;
	for (int i = 0; i < DMI_MAX_RECENT; i++)
		c->recent[i].ordinal = -1;
}

/* Kept values can be handed over where they are all that a method carries beside the state. They belong to an end of the
 * grid. */
static dm_status check_kept(const dm_plan *plan, dm_error *err)
{
	const dm_sampler *sampler = plan->sampler;
	if (plan->options.value[DMI_PLAN_KEPT] == DMI_KEPT_NONE)
		return DM_OK;
	if (plan->first > 0)
		return dmi_fail(err, DM_ERR_UNSUPPORTED, "plan: kept values need start = 0; it is %z", plan->first);
	if (sampler->ops.n_kept > 0 && sampler->ops.n_past == 0 && !sampler->ops.control)
		return DM_OK;
	return dmi_fail(err, DM_ERR_UNSUPPORTED, "plan: kept values are asked for, but sampler \"%s\" %s", sampler->name,
	                sampler->ops.control      ? "is adaptive"
	                : sampler->ops.n_past > 0 ? "also carries earlier predictions, which cannot be given"
	                                          : "keeps no values");
}

/* The slots in which the kept values stand now. */
static dm_status find_kept(const struct dmi_compiler *c, int32_t *slot, dm_error *err)
{
	for (int32_t k = 0; k < c->sampler->ops.n_kept; k++) {
		int32_t base = c->kept_set >> k & 1 ? dmi_expr_single(&c->kept[k]) : -1;
		if (base < 0 || c->base[base].kind != DMI_BASE_SLOT)
			return dmi_fail(err, DM_ERR_SAMPLER, "sampler \"%s\": kept value %d is no array at the end",
			                c->sampler->name, k);
		slot[k] = c->base[base].slot;
	}
	return DM_OK;
}

/* 1: the noise rises from node i to the next one. */
static int climbs(const dm_plan *plan, size_t i)
{
	const dm_node *from = dm_grid_node(plan->grid, i), *to = dm_grid_node(plan->grid, i + 1);
	return to->lambda < from->lambda;
}

int dmi_plan_is_mixed(const dm_plan *plan)
{
	int up = 0, down = 0;
	for (size_t i = plan->first; i + 1 < dm_grid_count(plan->grid); i++) {
		up |= climbs(plan, i);
		down |= dm_grid_node(plan->grid, i + 1)->lambda > dm_grid_node(plan->grid, i)->lambda;
	}
	return up && down;
}

/* To the sampler every fall is a run of its own: its steps count from where it begins. */
static void begin_fall(const dm_plan *plan, struct dmi_compiler *c, size_t i, int mixed)
{
	size_t n = dm_grid_count(plan->grid) - 1, end = i;
	if (!mixed) {
		c->visit = 0;
		c->n_step = (int64_t)n;
		return;
	}
	while (end < n && !climbs(plan, end))
		end++;
	c->visit = (int64_t)i;
	c->n_step = (int64_t)(end - i);
	c->grid = dm_grid_node(plan->grid, i);
}

static dm_status compile_fixed(dm_plan *plan, struct dmi_compiler *c, dm_error *err)
{
	size_t n = dm_grid_count(plan->grid) - 1;
	int mixed = dmi_plan_is_mixed(plan), climbed = 1;
	if (mixed && c->path)
		return dmi_fail(
		    err, DM_ERR_UNSUPPORTED,
		    "plan: noise=path goes with a grid that falls: where it climbs, a second fall would meet the same noise");
	dm_status st = dmi_compile_start(c, dm_grid_node(plan->grid, plan->first), err);
	if (st == DM_OK && c->kept_given)
		st = find_kept(c, plan->kept_start, err);
	for (size_t i = plan->first; st == DM_OK && i < n; i++) {
		const dm_node *from = dm_grid_node(plan->grid, i), *to = dm_grid_node(plan->grid, i + 1);
		int climb = mixed && climbs(plan, i);
		if (!climb && climbed)
			begin_fall(plan, c, i, mixed);
		climbed = climb;
		st = climb ? dmi_compile_climb(c, (int64_t)i, from, to, i + 1 == n, err)
		           : dmi_compile_interval(c, (int64_t)i, from, to, i + 1 == n, err);
	}
	if (st == DM_OK && c->kept_left)
		st = find_kept(c, plan->kept_end, err);
	plan->info.n_step = (int64_t)(n - plan->first);
	plan->info.n_eval = c->n_eval;
	plan->info.n_branch_eval = c->n_branch_eval;
	plan->info.n_draw = c->n_draw;
	plan->info.n_vjp = c->n_vjp;
	plan->info.n_gradient = c->n_gradient;
	dmi_program_seal(&plan->program);
	if (st == DM_OK)
		dmi_program_add_needs(&plan->program, &plan->needs);
	return st;
}

static void settle_facts(dm_plan *plan, const struct dmi_compiler *c)
{
	dm_plan_info *info = &plan->info;
	if (c->adaptive) /* later trials may take other slots than the one printed */
		for (int32_t slot = DM_SLOT_STATE; slot < c->n_slot; slot++)
			plan->needs.slots |= (uint64_t)1 << slot;
	plan->max_value = c->most_value;
	plan->max_term = c->most_term;
	for (int32_t k = 0; k < plan->sampler->ops.n_kept; k++) {
		plan->needs.slots |= (uint64_t)c->kept_given << plan->kept_start[k];
		plan->needs.slots |= (uint64_t)c->kept_left << plan->kept_end[k];
	}
	info->struct_size = sizeof *info;
	info->adaptive = c->adaptive;
	info->departs = c->departs;
	info->n_past = plan->sampler->ops.n_past;
	info->n_kept = plan->sampler->ops.n_kept;
	info->n_slot = info->n_state_slot = 0;
	for (int slot = 0; slot < 64; slot++)
		if (plan->needs.slots >> slot & 1) {
			info->n_slot++;
			info->n_state_slot += (slot >= DM_SLOT_STATE && slot < DM_SLOT_GRADIENT) || slot >= DM_SLOT_BOUND ||
			                      (slot == DM_SLOT_INPUT && c->identity);
		}
}

/* What the plan will ask for must be there, where the model answers by callbacks at all. */
static dm_status check_callbacks(const dm_plan *plan, const struct dmi_compiler *c, dm_error *err)
{
	const dm_model_ops *ops = &plan->model->ops;
	const char *missing = c->n_vjp && !ops->vjp ? "vjp" : c->n_gradient && !ops->gradient ? "gradient" : NULL;
	if (!ops->predict || !missing)
		return DM_OK;
	int32_t stage = c->n_vjp && !ops->vjp ? c->vjp_stage : c->gradient_stage;
	return dmi_fail(err, DM_ERR_ARGUMENT, "guidance \"%s\": it needs the %s callback, which is NULL in the model's ops",
	                plan->guidance->stage[stage - 1].name, missing);
}

/* full: the steps emit more than `room` values, or too many terms. */
static dm_status compile_within(dm_plan *plan, int32_t room, int *full, dm_error *err)
{
	enum { TERMS = DMI_MAX_TERM / DMI_MAX_VALUE };
	const dm_allocator *allocator = &plan->object.allocator;
	struct dmi_compiler *c = NULL;
	struct dmi_check *check = NULL;
	void *memory = NULL;
	size_t bytes = 0;
	*full = 0;
	for (int placing = 0; placing < 2; placing++) {
		struct dmi_arena arena = {memory, 0, 0};
		c = dmi_compiler_place(&arena, room, room * TERMS);
		check = dmi_check_place(&arena, room);
		bytes = arena.used;
		if (!placing && !(memory = dmi_allocate_unset(allocator, 1, bytes, err)))
			return DM_ERR_MEMORY;
	}
	dmi_plan_compiler(plan, c);
	dmi_program_clear(&plan->program);
	c->program = &plan->program;
	c->check = c->adaptive ? NULL : check;
	dm_status st = c->adaptive ? dmi_plan_try(plan, c, check, err) : compile_fixed(plan, c, err);
	*full = st != DM_OK && c->emit.is_full;
	if (st == DM_OK && c->n_slot > DM_SLOT_GRADIENT)
		st = dmi_fail(err, DM_ERR_SAMPLER, "sampler \"%s\" needs more than %d arrays at once", plan->sampler->name,
		              DM_SLOT_GRADIENT - DM_SLOT_STATE);
	if (st == DM_OK)
		st = check_callbacks(plan, c, err);
	if (st == DM_OK)
		settle_facts(plan, c);
	dmi_release_memory(allocator, memory, bytes);
	return st;
}

/* Most steps emit few values; where they are more than there is room for, all is compiled again in more of it. */
static dm_status compile(dm_plan *plan, dm_error *err)
{
	int full = 1;
	dm_status st = DM_OK;
	for (int32_t room = 64; full && room <= DMI_MAX_VALUE; room *= 2)
		st = compile_within(plan, room, &full, err);
	return st;
}

/* Schedules made alike are the same; one of the caller's own is only itself. */
static int same_schedule(const dm_schedule *a, const dm_schedule *b)
{
	char text[2][512];
	struct dmi_text out[2] = {{text[0], sizeof text[0], 0}, {text[1], sizeof text[1], 0}};
	if (a == b || !a->method || !b->method)
		return a == b;
	dmi_schedule_print(a, &out[0]);
	dmi_schedule_print(b, &out[1]);
	return out[0].length == out[1].length && out[0].length < sizeof text[0] && !strcmp(text[0], text[1]);
}

static dm_status check_arguments(dm_plan **out, const dm_schedule *schedule, const dm_grid *grid,
                                 const dm_sampler *sampler, const dm_model *model, dm_error *err)
{
	const char *missing = !out        ? "out"
	                      : !schedule ? "schedule"
	                      : !grid     ? "grid"
	                      : !sampler  ? "sampler"
	                      : !model    ? "model"
	                                  : NULL;
	if (missing)
		return dmi_fail(err, DM_ERR_ARGUMENT, "plan: %s is NULL", missing);
	if (!same_schedule(schedule, grid->schedule))
		return dmi_fail(err, DM_ERR_ARGUMENT, "plan: the grid was made from another schedule than the one given");
	return DM_OK;
}

dm_status dm_plan_create(dm_plan **out, const dm_schedule *schedule, const dm_grid *grid, const dm_sampler *sampler,
                         const dm_model *model, const dm_guidance *guidance, const char *option_text,
                         const dm_allocator *allocator, dm_error *err)
{
	dm_error local;
	if (!err)
		err = &local;
	if (out)
		*out = NULL;
	dm_status st = check_arguments(out, schedule, grid, sampler, model, err);
	dm_plan *plan = st == DM_OK ? dmi_object_new(sizeof *plan, allocator, finish, err) : NULL;
	if (!plan)
		return err->status;
	dmi_program_init(&plan->program, &plan->object.allocator);
	plan->schedule = dmi_object_retain(schedule);
	plan->grid = dmi_object_retain(grid);
	plan->sampler = dmi_object_retain(sampler);
	plan->model = dmi_object_retain(model);
	plan->guidance = dmi_object_retain(guidance);
	st = dmi_options_parse(&plan->options, "plan", NULL, options, (int32_t)(sizeof options / sizeof *options),
	                       option_text, &plan->object.allocator, err);
	plan->first = st == DM_OK ? (size_t)plan->options.value[DMI_PLAN_START] : 0;
	plan->end = dm_grid_count(grid) - 1;
	while (plan->end > 0 && !(dm_grid_node(grid, plan->end)->sigma > 0))
		plan->end--;
	if (st == DM_OK && plan->first + 1 >= dm_grid_count(grid))
		st = dmi_fail(err, DM_ERR_ARGUMENT, "plan: start = %g must be below the number of steps (%z)",
		              (double)plan->first, dm_grid_count(grid) - 1);
	if (st == DM_OK)
		st = check_kept(plan, err);
	if (st == DM_OK)
		st = compile(plan, err);
	if (st == DM_OK)
		*out = plan;
	else
		dmi_object_release(plan);
	return st;
}

void dm_plan_free(dm_plan *plan)
{
	dmi_object_release(plan);
}

dm_status dm_plan_facts(const dm_plan *plan, dm_plan_info *info, dm_error *err)
{
	if (!plan || !info)
		return dmi_fail(err, DM_ERR_ARGUMENT, "plan facts: %s is NULL", plan ? "info" : "plan");
	return dmi_info_copy(info, sizeof *info, &plan->info, offsetof(dm_plan_info, n_kept) + sizeof info->n_kept,
	                     "plan info", err);
}

size_t dm_plan_count(const dm_plan *plan)
{
	return plan ? dmi_program_count(&plan->program) : 0;
}

const dm_row *dm_plan_row(const dm_plan *plan, size_t i)
{
	return plan && i < dmi_program_count(&plan->program) ? dmi_program_row(&plan->program, i) : NULL;
}
