#include "setup.h"
#include "levels.h"
#include "translate.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Whether the method has an option for what the original computes. */
static int is_compatible(const struct test_case *c)
{
	char spec[SPEC_SIZE];
	struct verdict unused;
	return !translate_sampler(c, spec, &unused) && strstr(spec, "compat=");
}

/* Where the original's formula is a defect and the library has the repaired one alone: why its numbers do not apply. */
static const struct {
	const char *sampler, *reason;
} repaired[] = {
    {"deis_rhoab_stale",
     "the original keeps the coefficients of step 3 for every later step; deis integrates each step's"},
    {"dpmpp_2s_ancestral_cfg_pp_shipped",
     "in the original the second evaluation overwrites the unguided prediction of the first, which is then subtracted; "
     "dpmpp_2s_ancestral_cfg_pp adds the guidance of the first"},
    {"dpmpp_2s_ancestral_rf_cfg_pp",
     "the original puts its second evaluation at the made-up level 0.9999 where the step starts at alpha = 0; "
     "dpmpp_2s_ancestral_cfg_pp splits in sigma/alpha and needs alpha > 0"},
    {"euler_ancestral_cfg_pp",
     "from alpha = 0 the original renoises fully whatever eta; euler_ancestral_cfg_pp by eta"},
    {"res_multistep_cfg_pp",
     "the original multiplies the guidance by e^(-h) from the second step on; res_multistep_cfg_pp adds it whole"},
};

static int skip_literal(const struct test_case *c, struct verdict *verdict)
{
	for (size_t i = 0; i < sizeof repaired / sizeof *repaired; i++)
		if (case_is(c, "sampler", repaired[i].sampler))
			return say(verdict, VERDICT_SKIP, "literal 1: %s", repaired[i].reason);
	return say(verdict, VERDICT_SKIP, "literal 1: a defect of the original");
}

/* Settings that change the loop around a method, and what they may be. */
static int check_quirks(const struct test_case *c, struct verdict *verdict)
{
	if (case_is(c, "quirk.rescaled_state", "1"))
		return say(verdict, VERDICT_SKIP, "quirk.rescaled_state 1");
	if (case_is(c, "literal", "1") && !is_compatible(c))
		return skip_literal(c, verdict);
	return VERDICT_PASS;
}

static int failed(struct verdict *verdict, const char *what, const char *spec, const dm_error *err)
{
	return say(verdict, VERDICT_FAIL, "%s \"%.120s\": %s", what, spec, err->message);
}

static int make_schedule(struct setup *s, const struct test_case *c, struct verdict *verdict)
{
	char spec[SPEC_SIZE];
	dm_error err;
	if (translate_schedule(c, spec, verdict))
		return verdict->kind;
	if (dm_schedule_create(&s->schedule, spec, NULL, &err) != DM_OK)
		return failed(verdict, "schedule", spec, &err);
	return VERDICT_PASS;
}

/* The method comes first: where it is missing its name says most. */
static int make_parts(struct setup *s, const struct test_case *c, struct verdict *verdict)
{
	char sampler[SPEC_SIZE], guidance[SPEC_SIZE], model[SPEC_SIZE];
	dm_error err;
	if (check_quirks(c, verdict) || translate_sampler(c, sampler, verdict) ||
	    translate_guidance(c, guidance, verdict) || make_schedule(s, c, verdict) ||
	    translate_model(c, model, &s->sign, verdict))
		return verdict->kind;
	if (dm_sampler_create(&s->sampler, sampler, NULL, &err) != DM_OK)
		return failed(verdict, "sampler", sampler, &err);
	if (dm_guidance_create(&s->guidance, guidance, NULL, &err) != DM_OK)
		return failed(verdict, "guidance", guidance, &err);
	if (dm_model_create(&s->model, model, NULL, NULL, NULL, &err) != DM_OK)
		return failed(verdict, "model", model, &err);
	return VERDICT_PASS;
}

int setup_make(struct setup *s, const struct test_case *c, size_t piece, struct check *check)
{
	char options[64];
	dm_error err;
	memset(s, 0, sizeof *s);
	if (make_parts(s, c, check->verdict) || build_grid(c, s->schedule, s->model, piece, check, &s->grid))
		return check->verdict->kind;
	double entries = case_number(c, "schedule.T", 0) / case_number(c, "grid.steps", 1);
	if (case_is(c, "sampler", "repaint"))
		snprintf(options, sizeof options, "climb=%.0f", floor(entries));
	else
		snprintf(options, sizeof options, "start=%.0f", case_number(c, "grid.first_eval", 0));
	if (dm_plan_create(&s->plan, s->schedule, s->grid, s->sampler, s->model, s->guidance, options, NULL, &err) != DM_OK)
		return failed(check->verdict, "plan", case_text(c, "sampler"), &err);
	return VERDICT_PASS;
}

void setup_free(struct setup *s)
{
	dm_plan_free(s->plan);
	dm_guidance_free(s->guidance);
	dm_sampler_free(s->sampler);
	dm_grid_free(s->grid);
	dm_model_free(s->model);
	dm_schedule_free(s->schedule);
	memset(s, 0, sizeof *s);
}
