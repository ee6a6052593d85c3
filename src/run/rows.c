/* Executing rows. */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include <string.h>

dm_status dmi_run_array_error(dm_error *err, const char *what, dm_status code)
{
	return dmi_fail_callback(err, what, code, NULL);
}

int32_t dmi_run_answer_index(int32_t slot)
{
	if (slot == DM_SLOT_GRADIENT || slot == DM_SLOT_COTANGENT)
		return DM_SLOT_STATE - DM_SLOT_OUT + slot - DM_SLOT_GRADIENT;
	return slot >= DM_SLOT_OUT && slot < DM_SLOT_STATE ? slot - DM_SLOT_OUT : -1;
}

void *dmi_run_slot(const dm_run *run, const struct dmi_group *g, int32_t slot, size_t *stride, int32_t *type)
{
	const dm_model *model = run->plan->model;
	int32_t state = run->array->ops.type;
	size_t row = g->first;
	char *base = run->slot[slot];
	*stride = run->n_element;
	*type = state;
	if (slot == DM_SLOT_INPUT && (!dmi_model_reads_state(model) || run->plan->info.adaptive)) {
		row = g->filled;
		*stride = dmi_model_x_stride(model, run->n_element);
		*type = dmi_model_x_type(model, state);
	} else if (dmi_run_answer_index(slot) >= 0) {
		row = g->position;
		if (slot != DM_SLOT_COTANGENT) /* which the run itself writes */
			base = run->answer[dmi_run_answer_index(slot)];
		*stride = dmi_model_out_stride(model, run->n_element);
		*type = dmi_model_out_type(model, state);
	}
	return base ? base + row * *stride * dmi_type_size(*type) : NULL;
}

static dm_job empty_job(const dm_run *run, const struct dmi_group *g)
{
	dm_job job = {.struct_size = sizeof job, .n_sample = g->n, .n_element = run->n_element};
	job.seed = run->seed + g->first;
	job.sample = run->sample + g->first;
	job.in = run->in;
	job.out = run->job_out;
	return job;
}

static void set_in(dm_run *run, const struct dmi_group *g, int32_t i, int32_t slot)
{
	dm_input *in = &run->in[i];
	*in = (dm_input){.source = DM_SOURCE_DATA};
	in->data = dmi_run_slot(run, g, slot, &in->stride, &in->type);
}

static void set_out(dm_run *run, const struct dmi_group *g, int32_t o, int32_t slot)
{
	dm_output *out = &run->job_out[o];
	*out = (dm_output){0};
	out->data = dmi_run_slot(run, g, slot, &out->stride, &out->type);
}

/* A draw as an input: generated on the way, or filled into an array by the caller's source. */
static dm_status set_draw(dm_run *run, struct dmi_group *g, const dm_row *row, int32_t i, int32_t k, dm_error *err)
{
	const dm_operand *from = &row->in[i];
	dm_input *in = &run->in[i];
	*in = (dm_input){.source = DM_SOURCE_NORMALS, .type = run->array->ops.type, .draw = from->draw};
	if (from->draw >> 29 == DM_DRAW_PATH) {
		in->source = DM_SOURCE_PATH;
		in->path_from = from->path_from;
		in->path_to = from->path_to;
	}
	if (!run->noise || run->noise->builtin)
		return DM_OK;
	dm_status st = k < run->n_noise ? DM_OK : dmi_run_fill_noise(run, g, k, from, row->step, err);
	in->source = DM_SOURCE_DATA;
	in->stride = run->n_element;
	in->data = (char *)run->noise_slot[k] + g->first * run->n_element * dmi_type_size(in->type);
	return st;
}

static dm_status set_operands(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	int32_t draws = 0;
	for (int32_t i = 0; i < row->n_in; i++) {
		if (row->in[i].slot >= 0) {
			set_in(run, g, i, row->in[i].slot);
			continue;
		}
		dm_status st = set_draw(run, g, row, i, draws++, err);
		if (st != DM_OK)
			return st;
	}
	return DM_OK;
}

/* The weights of a rule, for all samples of the group at once (the sampler's may look at the whole batch). */
static dm_status rule_weights(dm_run *run, const struct dmi_group *g, const dm_row *row, dm_error *err)
{
	const dm_sampler *sampler = run->plan->sampler;
	size_t n = (size_t)row->n_out;
	dm_stats *stats = run->stats + g->first;
	double *weight = run->weight + g->first * n;
	dm_status code;
	for (size_t s = g->first; s < g->first + g->n; s++)
		run->stats[s] =
		    (dm_stats){sizeof *run->stats, row->n_out, run->n_element, run->gram + s * n * n, run->sum + s * n};
	if (row->stage) {
		const struct dmi_stage *stage = &run->plan->guidance->stage[row->stage - 1];
		code = stage->ops.rule(stage->user, row->map, row->parameter, g->n, stats, weight);
		return code ? dmi_fail_callback(err, "guidance rule", code, NULL) : DM_OK;
	}
	code = sampler->ops.weights(sampler->user, sampler->options.value, row->map, row->parameter, g->n, stats, weight);
	return code ? dmi_fail_callback(err, "sampler weights", code, NULL) : DM_OK;
}

/* The coefficients of a weighted row, per sample, from the weights that the STATS row before it left. */
static void weigh(dm_run *run, const struct dmi_group *g, const dm_row *row)
{
	size_t n_in = (size_t)row->n_in, n = (size_t)row[-1].n_out;
	for (size_t s = g->first; s < g->first + g->n; s++) {
		double *c = run->coefficient + s * n_in, *weight = run->weight + s * n;
		for (size_t i = 0; i < n_in; i++) {
			c[i] = 0;
			for (size_t v = 0; v < n; v++)
				c[i] += weight[v] * row->coefficient[v * n_in + i];
		}
	}
}

static dm_status do_combine(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	dm_job job = empty_job(run, g);
	dm_status st = set_operands(run, g, row, err);
	if (st != DM_OK)
		return st;
	for (int32_t o = 0; o < row->n_out; o++)
		set_out(run, g, o, row->out[o]);
	job.n_in = row->n_in;
	job.n_out = row->n_out;
	job.coefficient = row->coefficient;
	if (row->weighted) {
		weigh(run, g, row);
		job.coefficient = run->coefficient + g->first * (size_t)row->n_in;
		job.coefficient_stride = (size_t)row->n_in;
	}
	dm_status code = run->array->ops.combine(run->array->user, &job);
	return code ? dmi_run_array_error(err, "array combine", code) : DM_OK;
}

static dm_status do_stats(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	size_t n = (size_t)row->n_out;
	double *gram = run->gram + g->first * n * n, *sum = run->sum + g->first * n;
	dm_job job = empty_job(run, g);
	dm_status st = set_operands(run, g, row, err);
	if (st != DM_OK)
		return st;
	job.n_in = row->n_in;
	job.n_out = row->n_out;
	job.coefficient = row->coefficient;
	dm_status code = run->array->ops.stats(run->array->user, &job, gram, sum);
	if (code)
		return dmi_run_array_error(err, "array stats", code);
	if (!row->at)
		return rule_weights(run, g, row, err);
	for (size_t s = 0; s < g->n && st == DM_OK; s++) {
		dm_stats stats = {sizeof stats, row->n_out, run->n_element, gram + s * n * n, sum + s * n};
		double *weight = run->weight + (g->first + s) * n;
		st = dmi_guidance_weights(run->plan->guidance, row->at, row->branch, row->n_branch, &stats, weight, err);
		if (st != DM_OK && err)
			err->sample = run->sample[g->first + s];
	}
	return st;
}

static dm_status do_map(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	dm_job job = empty_job(run, g);
	dm_status st = set_operands(run, g, row, err);
	if (st != DM_OK)
		return st;
	set_out(run, g, 0, row->out[0]);
	job.n_in = row->n_in;
	job.n_out = 1;
	if (row->stage)
		return dmi_run_operate(run, g, row, err);
	dm_status code = run->array->ops.map(run->array->user, row->map, &job, row->parameter);
	return code ? dmi_run_array_error(err, "array map", code) : DM_OK;
}

static dm_status do_error(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	dm_job job = empty_job(run, g);
	dm_status st = set_operands(run, g, row, err);
	if (st != DM_OK)
		return st;
	job.n_in = row->n_in;
	job.n_out = row->n_out;
	job.coefficient = row->coefficient;
	dm_status code = run->array->ops.error(run->array->user, &job, row->parameter, run->error_sum + g->first);
	return code ? dmi_run_array_error(err, "array error", code) : dmi_run_judge_trial(run, g, row, err);
}

dm_status dmi_run_start(dm_run *run, dm_error *err)
{
	static const dm_operand noise = {.slot = -1, .draw_ordinal = -1};
	const dm_node *first = dm_grid_node(run->plan->grid, run->plan->first);
	int adaptive = run->plan->info.adaptive;
	int32_t slot = !adaptive && dmi_model_reads_state(run->plan->model) ? DM_SLOT_INPUT : DM_SLOT_STATE;
	dm_operand in[2] = {noise, {.slot = slot, .draw_ordinal = -1}};
	double coefficient[2] = {first->sigma, first->alpha};
	struct dmi_group all = {.n = run->n_sample};
	dm_row row = {.kind = DM_ROW_COMBINE, .n_in = run->start_kind == DMI_START_CLEAN ? 2 : 1, .n_out = 1, .in = in};
	row.out = &slot;
	row.coefficient = coefficient;
	for (int32_t k = 0; run->plan->options.value[DMI_PLAN_KEPT] == DMI_KEPT_GIVEN && k < run->plan->info.n_kept; k++)
		if (!run->kept_given[k])
			return dmi_fail(err, DM_ERR_STATE,
			                "run: the plan has kept=given, but kept value %d was not given (dm_run_start_kept)", k);
	if (run->start_kind == DMI_START_NOISE && first->sigma == 0)
		return dmi_fail(err, DM_ERR_STATE,
		                "run: sigma is 0 at the start node, so there is no noise to start from; give a state");
	if (first->sigma == 0) { /* a clean start at the clean end: alpha x0 alone */
		row.in = in + 1;
		row.coefficient = coefficient + 1;
		row.n_in = 1;
	}
	dm_status st = run->start_kind == DMI_START_STATE ? DM_OK : do_combine(run, &all, &row, err);
	run->shown_slot = slot;
	return st;
}

static dm_status do_row(dm_run *run, struct dmi_group *g, const dm_row *row, dm_error *err)
{
	static dm_status (*const table[])(dm_run *, struct dmi_group *, const dm_row *, dm_error *) = {
	    [DM_ROW_COMBINE] = do_combine,
	    [DM_ROW_STATS] = do_stats,
	    [DM_ROW_MAP] = do_map,
	    [DM_ROW_ERROR] = do_error,
	};
	dm_status st = table[row->kind](run, g, row, err);
	if (st != DM_OK && err)
		err->step = row->step;
	if (st != DM_OK)
		return st;
	run->n_noise = 0;
	return DM_OK;
}

/* The last step of a plan shows its state even when nobody asked to hear of it. */
static int step_is_asked(const dm_run *run)
{
	const double *option = run->plan->options.value;
	return option[DMI_PLAN_PROGRESS] != 0 || option[DMI_PLAN_PREVIEW] != 0;
}

static void show(dm_run *run, const dm_row *row)
{
	if (run->plan->info.adaptive)
		return; /* states stand in one slot, whatever a trial does */
	if (row->kind == DM_ROW_EVAL) {
		run->shown_slot = row->in[row->n_in - 1].slot;
		run->shown_scale = run->shown_slot == DM_SLOT_INPUT ? dmi_model_input_scale(run->plan->model, row->at) : 1;
	} else {
		run->shown_slot = row->in[0].slot;
		run->shown_scale = 1;
	}
}

dm_status dmi_run_program(dm_run *run, struct dmi_group *g, const struct dmi_program **program, dm_error *err)
{
	*program = &run->plan->program;
	if (!run->plan->info.adaptive)
		return DM_OK;
	*program = &run->trial_program;
	return dmi_run_load_trial(run, g, err);
}

dm_status dmi_run_rows(dm_run *run, struct dmi_group *g, dm_error *err)
{
	const struct dmi_program *program;
	while (!g->done) {
		dm_status st = dmi_run_program(run, g, &program, err);
		if (st != DM_OK)
			return st;
		if (g->row == dmi_program_count(program)) {
			if (run->plan->info.adaptive)
				dmi_run_end_trial(run, g);
			else
				g->done = 1;
			continue;
		}
		const dm_row *row = dmi_program_row(program, g->row);
		if (row->kind == DM_ROW_EVAL || row->kind == DM_ROW_VJP || row->kind == DM_ROW_GRADIENT) {
			if (row->kind == DM_ROW_EVAL)
				show(run, row);
			return DM_OK;
		}
		if (row->kind == DM_ROW_STEP) {
			show(run, row);
			if (step_is_asked(run)) {
				dmi_run_ask_step(run, g, row);
				return DM_EVAL;
			}
			g->row++;
			continue;
		}
		st = do_row(run, g, row, err);
		if (st != DM_OK)
			return st;
		if (row->kind != DM_ROW_ERROR) /* which decides itself where to go on */
			g->row++;
	}
	return DM_OK;
}
