/* A plan as text: a table for people, JSON for programs, the spec it can be made from again. */
#include "base/compiler.h"
#include "plan/plan.h"
#include "base/error.h"
#include <string.h>

static const char *const kinds[] = {
    [DM_ROW_COMBINE] = "combine", [DM_ROW_EVAL] = "eval", [DM_ROW_STATS] = "stats", [DM_ROW_MAP] = "map",
    [DM_ROW_ERROR] = "error",     [DM_ROW_STEP] = "step", [DM_ROW_VJP] = "vjp",     [DM_ROW_GRADIENT] = "gradient",
};

void dmi_plan_print_spec(const dm_plan *plan, struct dmi_text *text)
{
	int32_t n;
	const dm_option *table = dmi_plan_options(&n);
	dmi_text_string(text, "sampler=");
	dmi_sampler_print(plan->sampler, text);
	dmi_text_string(text, " schedule=");
	dmi_schedule_print(plan->schedule, text);
	dmi_text_string(text, " grid=");
	dmi_grid_print(plan->grid, text);
	dmi_text_string(text, " model=");
	dmi_model_print(plan->model, text);
	if (plan->guidance && plan->guidance->n_stage) {
		dmi_text_string(text, " guidance=");
		dmi_guidance_print(plan->guidance, text);
	}
	for (int32_t k = 0; k < n; k++) {
		if (plan->options.value[k] == table[k].value)
			continue;
		dmi_text_format(text, " %s=", table[k].name);
		if (table[k].type == DM_OPTION_CHOICE)
			dmi_text_string(text, table[k].choice[(size_t)plan->options.value[k]]);
		else
			dmi_text_format(text, "%g", plan->options.value[k]);
	}
}

/* ------------------------------------------------------------------------------------------------------------ JSON */

static void json_operand(struct dmi_text *text, const dm_operand *in)
{
	if (in->slot >= 0)
		dmi_text_format(text, "%d", in->slot);
	else if (in->path_from != in->path_to)
		dmi_text_format(text, "{\"draw\":%l,\"ordinal\":%l,\"path\":[%g,%g]}", (int64_t)in->draw, in->draw_ordinal,
		                in->path_from, in->path_to);
	else
		dmi_text_format(text, "{\"draw\":%l,\"ordinal\":%l}", (int64_t)in->draw, in->draw_ordinal);
}

static void json_numbers(struct dmi_text *text, const double *number, int32_t n)
{
	dmi_text_string(text, "[");
	for (int32_t i = 0; i < n; i++)
		dmi_text_format(text, i ? ",%g" : "%g", number[i]);
	dmi_text_string(text, "]");
}

/* How many weighted sums of its inputs a row lists; a weighted one lists those that its weights belong to. */
static int32_t rows_of_coefficients(const dm_row *row)
{
	if (row->weighted)
		return row[-1].n_out;
	return row->kind == DM_ROW_COMBINE || row->kind == DM_ROW_STATS || row->kind == DM_ROW_ERROR ? row->n_out : 0;
}

static void json_eval(struct dmi_text *text, const dm_row *row)
{
	dmi_text_format(text, ",\"t\":%g,\"time\":%g,\"alpha\":%g,\"sigma\":%g,", row->at->t, row->at->time, row->at->alpha,
	                row->at->sigma);
	if (row->to)
		dmi_text_format(text, "\"time_to\":%g,\"alpha_to\":%g,\"sigma_to\":%g,", row->to->time, row->to->alpha,
		                row->to->sigma);
	dmi_text_string(text, "\"branches\":[");
	for (int32_t b = 0; b < row->n_branch; b++)
		dmi_text_format(text, b ? ",[%d,%d,%d]" : "[%d,%d,%d]", row->branch[b].model, row->branch[b].condition,
		                row->branch[b].perturbation);
	dmi_text_string(text, "]");
}

static void json_row(struct dmi_text *text, const dm_row *row)
{
	dmi_text_format(text, "{\"op\":\"%s\",\"step\":%l,\"in\":[", kinds[row->kind], row->step);
	for (int32_t i = 0; i < row->n_in; i++) {
		if (i)
			dmi_text_string(text, ",");
		json_operand(text, &row->in[i]);
	}
	dmi_text_string(text, "],\"out\":[");
	for (int32_t i = 0; i < row->n_out; i++)
		dmi_text_format(text, i ? ",%d" : "%d", row->out[i]);
	dmi_text_string(text, "]");
	if (rows_of_coefficients(row)) {
		dmi_text_string(text, row->weighted ? ",\"weighted\":[" : ",\"coefficient\":[");
		for (int32_t o = 0; o < rows_of_coefficients(row); o++) {
			if (o)
				dmi_text_string(text, ",");
			json_numbers(text, row->coefficient + o * row->n_in, row->n_in);
		}
		dmi_text_string(text, "]");
	}
	int by_rule = row->kind == DM_ROW_STATS && !row->at;
	if (row->kind == DM_ROW_MAP || by_rule || row->kind == DM_ROW_GRADIENT)
		dmi_text_format(text,
		                by_rule                   ? ",\"rule\":%d"
		                : row->kind == DM_ROW_MAP ? ",\"map\":%d"
		                                          : ",\"target\":%d",
		                row->map);
	if (row->stage)
		dmi_text_format(text, ",\"stage\":%d", row->stage);
	if (row->kind == DM_ROW_MAP || row->kind == DM_ROW_ERROR || by_rule) {
		dmi_text_string(text, ",\"parameter\":");
		json_numbers(text, row->parameter, row->kind == DM_ROW_ERROR ? 2 : 4);
	}
	if (row->at && row->kind != DM_ROW_COMBINE)
		json_eval(text, row);
	dmi_text_string(text, "}");
}

/* Of every kept value the slot at the start (-1: it is not given) and at the end. */
static int32_t kept_start(const dm_plan *plan, int32_t k)
{
	return plan->options.value[DMI_PLAN_KEPT] == DMI_KEPT_GIVEN ? plan->kept_start[k] : -1;
}

static void json_kept(struct dmi_text *text, const dm_plan *plan)
{
	for (int32_t k = 0; k < plan->info.n_kept; k++)
		dmi_text_format(text, k ? ",[%d,%d]" : "\"kept\":[[%d,%d]", kept_start(plan, k), plan->kept_end[k]);
	dmi_text_string(text, "],");
}

static void print_json(const dm_plan *plan, struct dmi_text *text)
{
	const dm_plan_info *info = &plan->info;
	dmi_text_string(text, "{\"demist_plan\":1,\"spec\":\"");
	dmi_plan_print_spec(plan, text);
	dmi_text_format(text,
	                "\",\"steps\":%l,\"evaluations\":%l,\"branch_evaluations\":%l,\"draws\":%l,\"state_slots\":%d,"
	                "\"adaptive\":%d,\"departs\":%d,\n",
	                info->n_step, info->n_eval, info->n_branch_eval, info->n_draw, info->n_state_slot, info->adaptive,
	                info->departs);
	if (plan->options.value[DMI_PLAN_KEPT] != DMI_KEPT_NONE)
		json_kept(text, plan);
	dmi_text_string(text, "\"rows\":[\n");
	for (size_t i = 0; i < dm_plan_count(plan); i++) {
		if (i)
			dmi_text_string(text, ",\n");
		json_row(text, dm_plan_row(plan, i));
	}
	dmi_text_string(text, "\n]}\n");
}

/* ----------------------------------------------------------------------------------------------------------- table */

static void slot_name(struct dmi_text *text, int32_t slot)
{
	if (slot == DM_SLOT_INPUT)
		dmi_text_string(text, "x");
	else if (slot < DM_SLOT_VARIANCE)
		dmi_text_format(text, "out%d", slot - DM_SLOT_OUT);
	else if (slot < DM_SLOT_STATE)
		dmi_text_format(text, "var%d", slot - DM_SLOT_VARIANCE);
	else if (slot >= DM_SLOT_GRADIENT)
		dmi_text_format(text,
		                slot == DM_SLOT_GRADIENT    ? "gradient"
		                : slot == DM_SLOT_COTANGENT ? "cotangent"
		                                            : "bound%d",
		                slot - DM_SLOT_BOUND);
	else
		dmi_text_format(text, "s%d", slot - DM_SLOT_STATE);
}

static void operand_name(struct dmi_text *text, const dm_operand *in)
{
	if (in->slot >= 0)
		slot_name(text, in->slot);
	else if (in->draw_ordinal < 0)
		dmi_text_string(text, "start noise");
	else
		dmi_text_format(text, "noise%l", in->draw_ordinal);
}

static void table_sums(struct dmi_text *text, const dm_row *row)
{
	for (int32_t o = 0; o < rows_of_coefficients(row); o++) {
		dmi_text_string(text, o ? "; " : " ");
		if (row->weighted)
			dmi_text_format(text, o ? "w%d of " : "by weights: w%d of ", o);
		else if (row->out[o] >= 0) {
			slot_name(text, row->out[o]);
			dmi_text_string(text, " = ");
		}
		int first = 1;
		for (int32_t i = 0; i < row->n_in; i++) {
			double c = row->coefficient[o * row->n_in + i];
			if (c == 0)
				continue;
			dmi_text_format(text, first ? "%g " : " + %g ", c);
			operand_name(text, &row->in[i]);
			first = 0;
		}
		if (first)
			dmi_text_string(text, "0");
	}
}

static void table_row(struct dmi_text *text, const dm_row *row)
{
	dmi_text_format(text, "%l\t%s\t", row->step, kinds[row->kind]);
	if (row->kind == DM_ROW_EVAL || row->kind == DM_ROW_VJP || row->kind == DM_ROW_GRADIENT) {
		dmi_text_format(text, " time %g, alpha %g, sigma %g, branches %d", row->at->time, row->at->alpha,
		                row->at->sigma, row->n_branch);
		if (row->to)
			dmi_text_format(text, ", to time %g", row->to->time);
	} else if (rows_of_coefficients(row)) {
		table_sums(text, row);
	} else {
		for (int32_t i = 0; i < row->n_in; i++) {
			dmi_text_string(text, " ");
			operand_name(text, &row->in[i]);
		}
		if (row->kind == DM_ROW_MAP) {
			dmi_text_format(text, " by map %d (%g, %g) to ", row->map, row->parameter[0], row->parameter[1]);
			slot_name(text, row->out[0]);
		}
	}
	dmi_text_string(text, "\n");
}

static void table_kept(struct dmi_text *text, const dm_plan *plan)
{
	for (int32_t k = 0; k < plan->info.n_kept; k++) {
		dmi_text_format(text, "\tkept%d\t", k);
		if (kept_start(plan, k) >= 0) {
			dmi_text_string(text, " given in ");
			slot_name(text, plan->kept_start[k]);
		}
		dmi_text_string(text, " left in ");
		slot_name(text, plan->kept_end[k]);
		dmi_text_string(text, "\n");
	}
}

static void print_table(const dm_plan *plan, struct dmi_text *text)
{
	dmi_plan_print_spec(plan, text);
	dmi_text_format(
	    text, "\nsteps %l, evaluations %l (branches %l), draws %l, arrays of the state's type %d\nstep\trow\n",
	    plan->info.n_step, plan->info.n_eval, plan->info.n_branch_eval, plan->info.n_draw, plan->info.n_state_slot);
	if (plan->options.value[DMI_PLAN_KEPT] != DMI_KEPT_NONE)
		table_kept(text, plan);
	for (size_t i = 0; i < dm_plan_count(plan); i++)
		table_row(text, dm_plan_row(plan, i));
}

dm_status dm_plan_print(const dm_plan *plan, const char *form, char *text, size_t capacity, size_t *length,
                        dm_error *err)
{
	static const struct {
		const char *name;
		void (*print)(const dm_plan *, struct dmi_text *);
	} forms[] = {{"table", print_table}, {"json", print_json}, {"spec", dmi_plan_print_spec}};
	if (!plan || !form)
		return dmi_fail(err, DM_ERR_ARGUMENT, "plan print: %s is NULL", plan ? "form" : "plan");
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (strcmp(form, forms[i].name))
			continue;
		struct dmi_text out = {text, text ? capacity : 0, 0};
		forms[i].print(plan, &out);
		if (length)
			*length = out.length;
		if (text && out.length + 1 > capacity)
			return dmi_fail(err, DM_ERR_ARGUMENT, "plan print: capacity is %z, %z bytes are needed", capacity,
			                out.length + 1);
		return DM_OK;
	}
	return dmi_fail(err, DM_ERR_NAME, "plan print: form \"%s\" is none of table, json, spec", form);
}
