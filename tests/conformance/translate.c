#include "translate.h"
#include "translate_rules.h"
#include "demist.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* --------------------------------------------------------------------------------------------------------- models */

static const struct {
	const char *format, *demist;
	double sign;
} predictions[] = {
    {"epsilon", "epsilon", 1},
    {"minus_epsilon", "minus_epsilon", 1},
    {"sample", "x0", 1},
    {"v", "v", 1},
    {"flow", "flow", 1},
    {"flow_reversed", "flow_reversed", 1},
    {"score", "score", 1},
    {"edm_F", "edm", 1},
    {"edm_F_negated", "edm_negated", 1},
    {"consistency_F", "consistency", 1},
    {"trigflow", "trigflow", 1},
};

static const struct {
	const char *format, *demist;
} times[] = {
    {"index", "index"},
    {"index_log_interp", "index"},
    {"index_log_interp_round", "index_round_visits"},
    {"index_log_interp_trunc", "index_trunc_visits"},
    {"index_nearest", "index_round"},
    {"unit_times_last_index", "last_index"},
    {"unit_times_999", "last_index"},
    {"reversed_index", "reversed_index"},
    {"sigma", "sigma"},
    {"quarter_log_sigma", "quarter_log_sigma"},
    {"250_log_sigma", "250_log_sigma"},
    {"atan_sigma_2_over_pi", "atan_sigma"},
    {"flow1000", "1000t"},
    {"flow1000_trunc", "1000t_trunc"},
    {"one_minus_sigma", "one_minus_t"},
    {"unit", "t"},
    {"unit_minus_first_times_1000", "t_minus_first"},
    {"angle", "angle"},
    {"angle_2_over_pi", "angle_unit"},
};

/* ------------------------------------------------------------------------------------------------------------- */

/* Appends an option; the name before it, if nothing else, ends in neither ':' nor ','. */
static void append(char *spec, const char *option, const char *value)
{
	size_t n = strlen(spec);
	int takes = option[strlen(option) - 1] == '=';
	snprintf(spec + n, SPEC_SIZE - n, "%c%s", strchr(spec, ':') ? ',' : ':', option);
	n += strlen(spec + n);
	snprintf(spec + n, SPEC_SIZE - n, "%s", takes ? value : "");
	for (char *c = spec + n; *c; c++) /* a list */
		*c = *c == ' ' || *c == ',' ? '/' : *c;
}

static void append_number(char *spec, const char *option, double value)
{
	char text[32];
	snprintf(text, sizeof text, "%.17g", value);
	append(spec, option, text);
}

/* "if KEY=VALUE" */
static int holds(const struct test_case *c, const char *condition)
{
	char key[64];
	const char *equals = strchr(condition, '=');
	snprintf(key, sizeof key, "%.*s", (int)(equals - condition), condition);
	return case_is(c, key, equals + 1);
}

static int fits(const struct test_case *c, const struct rule *rule, const char *key, const char *value)
{
	if (strcmp(rule->key, key))
		return 0;
	if (rule->value && !strncmp(rule->value, "if ", 3))
		return holds(c, rule->value + 3);
	return !rule->value || !strcmp(rule->value, value);
}

static const struct rule *find_rule(const struct test_case *c, const struct rule *rule, const char *key,
                                    const char *value)
{
	while (rule->key && !fits(c, rule, key, value))
		rule++;
	return rule->key ? rule : NULL;
}

/* The number of points of an index grid beyond its steps. */
static const char *extra_points(const struct test_case *c, const char *points)
{
	double steps = case_number(c, "grid.steps", NAN), extra = case_number(c, "grid.points", NAN) - steps;
	return !strcmp(points, "N+1") || extra == 1 ? "1" : "0";
}

/* The options for every setting that starts with prefix. */
static int options(const struct test_case *c, const char *prefix, const struct rule *own, const struct rule *common,
                   char *spec, struct verdict *verdict)
{
	for (size_t i = 0; i < c->n_setting; i++) {
		const char *key = c->setting[i].key, *value = c->setting[i].value;
		if (strncmp(key, prefix, strlen(prefix)))
			continue;
		const struct rule *rule = find_rule(c, own, key + strlen(prefix), value);
		if (!rule)
			rule = find_rule(c, common, key + strlen(prefix), value);
		if (!rule || !rule->option)
			return say(verdict, VERDICT_SKIP, "%s %.100s", key, value);
		if (*rule->option)
			append(spec, rule->option, strcmp(key, "grid.points") ? value : extra_points(c, value));
	}
	return VERDICT_PASS;
}

/* "NAME" or "NAME if KEY=VALUE" */
static int is_for(const struct test_case *c, const char *format, const char *asked)
{
	const char *condition = strstr(format, " if ");
	size_t n = condition ? (size_t)(condition - format) : strlen(format);
	return strlen(asked) == n && !strncmp(format, asked, n) && (!condition || holds(c, condition + 4));
}

static int translate(const struct test_case *c, const char *prefix, const char *setting, const struct method *table,
                     const struct rule *common, char *spec, struct verdict *verdict)
{
	const char *asked = case_text(c, setting);
	if (!asked)
		return say(verdict, VERDICT_FAIL, "the case has no setting %s", setting);
	while (table->format && !is_for(c, table->format, asked))
		table++;
	if (!table->format)
		return say(verdict, VERDICT_SKIP, "%s %s", setting, asked);
	snprintf(spec, SPEC_SIZE, "%s", table->demist);
	return options(c, prefix, table->rule, common, spec, verdict);
}

int translate_sampler(const struct test_case *c, char *spec, struct verdict *verdict)
{
	return translate(c, "sampler.", "sampler", sampler_methods, any_sampler, spec, verdict);
}

/* The clean end of a process over time is where the grids over its time stop. */
static int stops_early(const struct test_case *c, double *t_min)
{
	static const char *const timed[] = {"vp_sde", "subvp_sde", "ve_sde", "vp_table", "vp_cosine"};
	*t_min = fmin(case_number(c, "grid.t_end", 0), case_number(c, "grid.t_start", 1));
	for (size_t i = 0; i < sizeof timed / sizeof *timed; i++)
		if (case_is(c, "schedule", timed[i]))
			return *t_min > 0;
	return 0;
}

int translate_schedule(const struct test_case *c, char *spec, struct verdict *verdict)
{
	int table = case_is(c, "schedule", "vp_table");
	const char *setting = table || case_is(c, "schedule", "discrete") ? "schedule.betas" : "schedule";
	double t_min;
	if (translate(c, "schedule.", setting, schedule_methods, any_schedule, spec, verdict))
		return verdict->kind;
	if (table)
		append(spec, "continuous=1", "");
	if (stops_early(c, &t_min))
		append_number(spec, "t_min=", t_min);
	return VERDICT_PASS;
}

/* What a grid takes from elsewhere: the shift of a flow model's table, the spec of respaced, ends that follow from T. */
static void more_of_grid(const struct test_case *c, char *spec)
{
	const char *shift = case_text(c, "schedule.shift"), *rule = case_text(c, "grid.rule");
	const char *kept = case_is(c, "grid", "respaced") ? case_text(c, "grid.spec") : NULL;
	double t = case_number(c, "schedule.T", 1000);
	if (shift && !case_is(c, "grid", "flow"))
		append(spec, "shift=", shift);
	if (kept)
		append(spec, strncmp(kept, "ddim", 4) ? "sections=" : "ddim=", strncmp(kept, "ddim", 4) ? kept : kept + 4);
	if (rule && !strcmp(rule, "descend_to_shifted"))
		append_number(spec, "top=", 1 - 1 / t);
	if (rule && !strcmp(rule, "linear_1_to_1/T_drop_last"))
		append_number(spec, "bottom=", 1 / t);
}

/* Whether the last value of a grid is the schedule's least noise already. */
static int values_end_at_least(const struct test_case *c, const char *grid_spec)
{
	char schedule_spec[SPEC_SIZE];
	struct verdict unnamed = {0};
	dm_schedule *schedule = NULL;
	dm_grid *grid = NULL;
	dm_error err;
	double clean;
	if (translate_schedule(c, schedule_spec, &unnamed) == VERDICT_PASS &&
	    dm_schedule_create(&schedule, schedule_spec, NULL, &err) == DM_OK)
		dm_grid_create(&grid, schedule, grid_spec, NULL, &err);
	const dm_node *last = dm_grid_node(grid, dm_grid_count(grid) - 1);
	dm_schedule_range(schedule, &clean, NULL);
	int found = last && fabs(last->t - clean) < 1e-6;
	dm_grid_free(grid);
	dm_schedule_free(schedule);
	return found;
}

int translate_grid(const struct test_case *c, size_t steps, char *spec, struct verdict *verdict)
{
	char value[32], repeated[SPEC_SIZE];
	const char *last;
	if (translate(c, "grid.", "grid", grid_methods, any_grid, spec, verdict))
		return verdict->kind;
	more_of_grid(c, spec);
	snprintf(value, sizeof value, "%zu", steps);
	append(spec, "steps=", value);
	if ((last = strstr(spec, "final=last")) == NULL)
		return VERDICT_PASS;
	/* the originals write the least level behind the values even where they end with it */
	snprintf(repeated, sizeof repeated, "%.*sfinal=repeat%.500s", (int)(last - spec), spec,
	         last + strlen("final=last"));
	if (values_end_at_least(c, repeated))
		memcpy(spec, repeated, sizeof repeated);
	return VERDICT_PASS;
}

const char *translate_prediction(const char *kind, double *sign)
{
	for (size_t i = 0; i < sizeof predictions / sizeof *predictions; i++)
		if (!strcmp(predictions[i].format, kind)) {
			*sign = predictions[i].sign;
			return predictions[i].demist;
		}
	return NULL;
}

int only_grid_times_are_whole(const struct test_case *c)
{
	static const char *const methods[] = {"dpm2", "dpm2_ancestral", "dpmpp_sde"};
	int found = 0;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		found |= case_is(c, "sampler", methods[i]);
	return found && (case_is(c, "time", "index_log_interp_round") || case_is(c, "time", "index_log_interp_trunc"));
}

/* The word of the time map; NULL where there is none, "" where the case says nothing. Tables of flow grids do not say
 * that theirs are 1000 s. */
static const char *time_word(const struct test_case *c)
{
	const char *time = only_grid_times_are_whole(c) ? "index" : case_text(c, "time");
	for (size_t i = 0; time && i < sizeof times / sizeof *times; i++)
		if (!strcmp(times[i].format, time))
			return times[i].demist;
	if (!time && case_is(c, "grid", "sin2_angle"))
		return "angle_unit";
	return time ? NULL : case_is(c, "schedule", "flow") ? "1000t" : "";
}

int translate_clock(const struct test_case *c, char *spec, struct verdict *verdict)
{
	const char *word = time_word(c);
	if (!word)
		return say(verdict, VERDICT_SKIP, "time %s", case_text(c, "time"));
	snprintf(spec, SPEC_SIZE, *word ? "x0:time=%s" : "x0", word);
	return VERDICT_PASS;
}

int translate_model(const struct test_case *c, char *spec, double *sign, struct verdict *verdict)
{
	const char *kind = case_text(c, "prediction"), *word = time_word(c), *sd;
	const char *name = kind ? translate_prediction(kind, sign) : NULL;
	if (!name)
		return say(verdict, VERDICT_SKIP, "prediction %s", kind ? kind : "(none given)");
	if (!word)
		return say(verdict, VERDICT_SKIP, "time %s", case_text(c, "time"));
	snprintf(spec, SPEC_SIZE, "%s", name);
	if (*word)
		append(spec, "time=", word);
	size_t first = case_next_block(c, BLOCK_EVAL, 0);
	if (first < c->n_block && case_block_array(c, first, "variance"))
		append(spec, "variance=1", "");
	if ((sd = case_text(c, "schedule.sigma_data")) != NULL)
		append(spec, "sigma_data=", sd);
	if (case_is(c, "prediction", "consistency_F"))
		append(spec, "sigma_min=", case_text(c, "grid.sigma_min"));
	if (case_is(c, "time", "unit_times_last_index") || case_is(c, "time", "reversed_index"))
		append(spec, "time_n=", case_text(c, "grid.steps"));
	if (case_is(c, "schedule", "edm"))
		append(spec, case_is(c, "quirk.raw_input", "1") ? "input=state" : "input=scaled", "");
	if (case_is(c, "schedule.scaling", "vp"))
		append(spec, "input=ve", "");
	return VERDICT_PASS;
}

int translate_guidance(const struct test_case *c, char *spec, struct verdict *verdict)
{
	static const struct {
		const char *format, *demist, *key[2];
	} maps[] = {
	    {"none", "none", {NULL, NULL}},
	    {"clip", "clip:range=%s", {"sampler.threshold.range", NULL}},
	    {"dynamic", "threshold:ratio=%s,max=%s", {"sampler.threshold.ratio", "sampler.threshold.max"}},
	    {"dynamic_official",
	     "threshold:ratio=%s,max=%s,form=floor",
	     {"sampler.threshold.ratio", "sampler.threshold.max"}},
	};
	const char *asked = case_text(c, "sampler.threshold"), *value[2] = {"", ""};
	size_t i = 0, n = sizeof maps / sizeof *maps;
	if (case_is(c, "guidance", "cfg_pp")) {
		snprintf(spec, SPEC_SIZE, "cfg:scale=%s", case_text(c, "guidance.scale"));
		return VERDICT_PASS;
	}
	if (case_is(c, "sampler.clip", "1")) {
		snprintf(spec, SPEC_SIZE, "clip:range=1");
		return VERDICT_PASS;
	}
	if (case_text(c, "guidance"))
		return say(verdict, VERDICT_SKIP, "guidance %s", case_text(c, "guidance"));
	while (asked && i < n && strcmp(maps[i].format, asked))
		i++;
	if (i == n)
		return say(verdict, VERDICT_SKIP, "sampler.threshold %s", asked);
	for (size_t k = 0; k < 2 && maps[i].key[k]; k++)
		if ((value[k] = case_text(c, maps[i].key[k])) == NULL)
			return say(verdict, VERDICT_FAIL, "the case has no setting %s", maps[i].key[k]);
	snprintf(spec, SPEC_SIZE, maps[i].demist, value[0], value[1]);
	if (case_is(c, "sampler", "repaint")) {
		char map[SPEC_SIZE];
		snprintf(map, sizeof map, "%s", spec);
		snprintf(spec, SPEC_SIZE, "inpaint:mode=replace%s%.900s", i ? "|" : "", i ? map : "");
	}
	return VERDICT_PASS;
}
