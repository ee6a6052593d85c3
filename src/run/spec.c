/* A run from one line of text: "sampler=... schedule=... grid=... model=... key=value ...". */
#include "base/compiler.h"
#include "run/run.h"
#include "base/error.h"
#include "run/options.h"
#include <string.h>

enum { SAMPLER, SCHEDULE, GRID, MODEL, N_REQUIRED, GUIDANCE = N_REQUIRED, DTYPE, N_KEY };

static const char *const keys[N_KEY] = {"sampler", "schedule", "grid", "model", "guidance", "dtype"};

/* The parts of the line. plan and run collect the options of those two. All point into one block of memory. */
struct parts {
	const char *value[N_KEY];
	char *plan, *run;
	size_t plan_length, run_length;
};

static int is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == ';';
}

static int is_word(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && !memcmp(word, name, n);
}

static void append(char *to, size_t *length, const char *item)
{
	size_t n = strlen(item);
	if (*length)
		to[(*length)++] = ',';
	memcpy(to + *length, item, n + 1);
	*length += n;
}

static dm_status unknown_key(const char *item, size_t n, dm_error *err)
{
	static const char *const all[] = {"sampler",  "schedule", "grid",  "model", "guidance", "dtype",        "start",
	                                  "progress", "preview",  "noise", "kept",  "seed",     "first_sample", "max_eval"};
	char word[64] = {0};
	const char *nearest = dmi_nearest(item, n, all, sizeof all / sizeof *all);
	memcpy(word, item, n < sizeof word - 1 ? n : sizeof word - 1);
	if (item[n] != '=')
		return dmi_fail(err, DM_ERR_ARGUMENT, "spec: \"%s\" is not of the form key=value", word);
	return dmi_fail(err, DM_ERR_NAME,
	                nearest ? "spec: unknown key \"%s\", did you mean \"%s\"?" : "spec: unknown key \"%s\"", word,
	                nearest);
}

static dm_status sort_item(struct parts *p, char *item, dm_error *err)
{
	int32_t n_option;
	const dm_option *option = dmi_plan_options(&n_option);
	size_t n = strcspn(item, "=");
	for (int k = 0; item[n] == '=' && k < N_KEY; k++)
		if (is_word(item, n, keys[k])) {
			if (p->value[k])
				return dmi_fail(err, DM_ERR_ARGUMENT, "spec: %s is given twice", keys[k]);
			p->value[k] = item + n + 1;
			return DM_OK;
		}
	for (int32_t k = 0; k < n_option; k++)
		if (is_word(item, n, option[k].name)) {
			append(p->plan, &p->plan_length, item);
			return DM_OK;
		}
	if (!dmi_run_option_exists(item, n))
		return unknown_key(item, n, err);
	append(p->run, &p->run_length, item);
	return DM_OK;
}

/* Cuts the line (a copy in work, three times its size) into its parts. */
static dm_status cut(struct parts *p, const char *spec, char *work, size_t length, dm_error *err)
{
	memset(p, 0, sizeof *p);
	char *line = work;
	p->plan = work + length + 1;
	p->run = work + 2 * (length + 1);
	p->plan[0] = p->run[0] = 0;
	memcpy(line, spec, length + 1);
	while (*line) {
		while (is_space(*line))
			*line++ = 0;
		char *item = line;
		while (*line && !is_space(*line))
			line++;
		if (line == item)
			break;
		if (*line)
			*line++ = 0;
		dm_status st = sort_item(p, item, err);
		if (st != DM_OK)
			return st;
	}
	for (int k = 0; k < N_REQUIRED; k++)
		if (!p->value[k])
			return dmi_fail(err, DM_ERR_ARGUMENT, "spec: %s=... is missing", keys[k]);
	return DM_OK;
}

static dm_status make_array(dm_array **out, const char *dtype, const dm_allocator *allocator, dm_error *err)
{
	if (dtype && strcmp(dtype, "f32") && strcmp(dtype, "f64"))
		return dmi_fail(err, DM_ERR_NAME, "spec: dtype \"%s\" must be f32 or f64", dtype);
	return dm_array_create_host(out, dtype && !strcmp(dtype, "f64") ? DM_F64 : DM_F32, NULL, NULL, allocator, err);
}

/* Whether the keys are what options can say: one seed and consecutive samples. */
static int plain_keys(const dm_run *run)
{
	int plain = 1;
	for (size_t i = 1; i < run->n_sample; i++)
		plain &= run->seed[i] == run->seed[0] && run->sample[i] == run->sample[0] + (int64_t)i;
	return plain;
}

/* 64 bits, which the signed formats do not hold. */
static void print_seed(struct dmi_text *text, uint64_t seed)
{
	char digits[20];
	size_t n = 0;
	do
		digits[n++] = (char)('0' + seed % 10);
	while (seed /= 10);
	while (n)
		dmi_text_put(text, &digits[--n], 1);
}

dm_status dm_run_spec(const dm_run *run, char *text, size_t capacity, size_t *length, dm_error *err)
{
	struct dmi_text out = {text, text ? capacity : 0, 0};
	if (!run)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run spec: run is NULL");
	dmi_plan_print_spec(run->plan, &out);
	if (run->array->ops.type == DM_F64)
		dmi_text_string(&out, " dtype=f64");
	if (plain_keys(run) && run->seed[0]) {
		dmi_text_string(&out, " seed=");
		print_seed(&out, run->seed[0]);
	}
	if (plain_keys(run) && run->sample[0])
		dmi_text_format(&out, " first_sample=%l", run->sample[0]);
	if (length)
		*length = out.length;
	if (text && out.length + 1 > capacity)
		return dmi_fail(err, DM_ERR_ARGUMENT, "run spec: capacity is %z, %z bytes are needed", capacity,
		                out.length + 1);
	return DM_OK;
}

/* Everything a run is made from. The run retains what it needs. */
struct objects {
	dm_sampler *sampler;
	dm_schedule *schedule;
	dm_grid *grid;
	dm_guidance *guidance;
	dm_array *array;
	dm_plan *plan;
};

static dm_status make(struct objects *o, const struct parts *p, const dm_model *model, const dm_allocator *allocator,
                      dm_error *err)
{
	dm_status st = dm_sampler_create(&o->sampler, p->value[SAMPLER], allocator, err);
	if (st == DM_OK)
		st = dm_schedule_create(&o->schedule, p->value[SCHEDULE], allocator, err);
	if (st == DM_OK)
		st = dm_grid_create(&o->grid, o->schedule, p->value[GRID], allocator, err);
	if (st == DM_OK)
		st = dm_guidance_create(&o->guidance, p->value[GUIDANCE] ? p->value[GUIDANCE] : "none", allocator, err);
	if (st == DM_OK)
		st = make_array(&o->array, p->value[DTYPE], allocator, err);
	if (st == DM_OK)
		st = dm_plan_create(&o->plan, o->schedule, o->grid, o->sampler, model, o->guidance, p->plan, allocator, err);
	return st;
}

dm_status dm_run_create_spec(dm_run **out, const char *spec, const dm_model_ops *ops, void *user, size_t n_sample,
                             size_t n_element, const dm_allocator *allocator, dm_error *err)
{
	dm_allocator own;
	dm_model *model = NULL;
	char *work = NULL;
	struct parts p;
	struct objects o = {0};
	size_t length = spec ? strlen(spec) : 0;
	if (out)
		*out = NULL;
	dm_status st = out && spec ? DM_OK : dmi_fail(err, DM_ERR_ARGUMENT, "run: %s is NULL", out ? "spec" : "out");
	if (st == DM_OK)
		st = dmi_allocator_copy(&own, allocator, err);
	if (st == DM_OK && (work = dmi_allocate(&own, 3, length + 2, err)) == NULL)
		st = DM_ERR_MEMORY;
	if (st == DM_OK)
		st = cut(&p, spec, work, length, err);
	/* the model is made whatever happened: its destroy must be called once */
	dm_error quiet;
	dm_status made = dm_model_create(&model, st == DM_OK ? p.value[MODEL] : "epsilon", ops, user,
	                                 st == DM_OK ? allocator : NULL, st == DM_OK ? err : &quiet);
	st = st == DM_OK ? made : st;
	if (st == DM_OK)
		st = make(&o, &p, model, allocator, err);
	if (st == DM_OK)
		st = dm_run_create(out, o.plan, o.array, NULL, n_sample, n_element, p.run, NULL, 0, err);
	dm_plan_free(o.plan);
	dm_array_free(o.array);
	dm_guidance_free(o.guidance);
	dm_grid_free(o.grid);
	dm_schedule_free(o.schedule);
	dm_sampler_free(o.sampler);
	dm_model_free(model);
	if (work)
		dmi_release_memory(&own, work, 3 * (length + 2));
	return st;
}
