#include "setup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "denoiser.h"
#include "steer.h"
#include "task.h"

int digits_spec_sets(const char *spec, const char *name)
{
	const size_t n = strlen(name);

	for (const char *at = strpbrk(spec, ":,|"); at && *at != '|'; at = strpbrk(at + 1, ",|"))
		if (strncmp(at + 1, name, n) == 0 && at[1 + n] == '=')
			return 1;
	return 0;
}

/* Whether the method whose name a spec begins with has an option of this name. */
static int knows(const char *spec, const char *name)
{
	const size_t n = strcspn(spec, ":|");
	const dm_method *method;
	const dm_option *option;

	for (int32_t i = 0; (method = dm_method_at(DM_KIND_GUIDANCE, i)) != NULL; i++)
		if (strlen(method->name) == n && strncmp(method->name, spec, n) == 0)
			for (int32_t k = 0; (option = dm_method_option(DM_KIND_GUIDANCE, i, k)) != NULL; k++)
				if (strcmp(option->name, name) == 0)
					return 1;
	return 0;
}

enum { MAX_ADDED = 64 };

/* What the program adds to a stage that takes it and does not set it: --noise, and that --labels says where a classifier
 * steers to. */
static void print_added(char to[MAX_ADDED], const char *stage, const struct digits_args *args)
{
	int length = 0;

	*to = 0;
	if (args->task != DIGITS_TASK_DRAW && knows(stage, "noise") && !digits_spec_sets(stage, "noise"))
		length += snprintf(to, MAX_ADDED, ",noise=%.9g", args->noise);
	if (knows(stage, "target") && !digits_spec_sets(stage, "target"))
		snprintf(to + length, (size_t)(MAX_ADDED - length), ",target=%d", DIGITS_TARGET_LABEL);
}

/* The n letters of a stage or grid and further options, ",name=value,...". */
static size_t append(char *to, size_t size, const char *text, size_t n, const char *options)
{
	const size_t name = strcspn(text, ":");
	const char *between = name >= n ? ":" : name + 1 == n ? "" : ",";

	return (size_t)snprintf(to, size, "%.*s%s%s", (int)n, text, *options ? between : "", options + (*options == ','));
}

/* The guidance, every stage with what the program adds. NULL: out of memory. */
static char *create_chain(const struct digits_args *args)
{
	const char *from = args->guidance;
	size_t stages = 1, length = 0;
	char *spec, added[MAX_ADDED];

	for (const char *c = from; *c; c++)
		stages += *c == '|';
	const size_t size = strlen(from) + MAX_ADDED * stages + 1;

	spec = malloc(size);
	for (; spec; from++) {
		const size_t n = strcspn(from, "|");

		print_added(added, from, args);
		length += append(spec + length, size - length, from, n, added);
		from += n;
		if (!*from)
			break;
		length += (size_t)snprintf(spec + length, size - length, "|");
	}
	return spec;
}

static dm_status out_of_memory(dm_error *err)
{
	err->status = DM_ERR_MEMORY;
	snprintf(err->message, sizeof(err->message), "out of memory");
	return err->status;
}

/* A chain that begins with a classifier steers the network without labels, which it knows as cfg at scale 0. */
static dm_status create_guidance(dm_guidance **out, const struct digits_args *args, dm_error *err)
{
	dm_guidance *unconditional = NULL;
	dm_operator *op = NULL;
	char *spec = create_chain(args);
	dm_status status = spec ? digits_task_operator(&op, args, err) : out_of_memory(err);

	if (status == DM_OK && strncmp(args->guidance, "classifier", strlen("classifier")) == 0)
		status = dm_guidance_create(&unconditional, "cfg:scale=0", NULL, err);
	if (status == DM_OK)
		status = dm_guidance_create_over(out, spec, unconditional, op, NULL, err);
	dm_guidance_free(unconditional);
	dm_operator_free(op);
	free(spec);
	return status;
}

/* The grid with --steps as an option of its own, unless the spec says how many steps there are. */
static dm_status create_grid(dm_grid **out, const struct digits_args *args, const dm_schedule *schedule, dm_error *err)
{
	const int asked = (args->given & 1u << DIGITS_ARG_STEPS) != 0, counted = digits_spec_sets(args->grid, "at");
	const size_t size = strlen(args->grid) + 2 * MAX_ADDED, n = strcspn(args->grid, "|"); /* edits follow behind */
	char *spec, steps[MAX_ADDED];
	dm_status status;

	if (!asked && (counted || digits_spec_sets(args->grid, "steps")))
		return dm_grid_create(out, schedule, args->grid, NULL, err);
	spec = malloc(size);
	if (!spec)
		return out_of_memory(err);
	snprintf(steps, sizeof(steps), ",steps=%" PRIu64, args->steps);
	strcpy(spec + append(spec, size, args->grid, n, steps), args->grid + n);
	status = dm_grid_create(out, schedule, spec, NULL, err);
	free(spec);
	return status;
}

void digits_objects_free(struct digits_objects *objects)
{
	dm_model_free(objects->model);
	dm_grid_free(objects->grid);
	dm_schedule_free(objects->schedule);
	*objects = (struct digits_objects){0};
}

dm_status digits_objects_create(struct digits_objects *objects, const struct digits_args *args, const dm_model_ops *ops,
                                void *user, dm_error *err)
{
	dm_status status;

	*objects = (struct digits_objects){0};
	status = dm_schedule_create(&objects->schedule, args->schedule, NULL, err);
	if (status == DM_OK)
		status = create_grid(&objects->grid, args, objects->schedule, err);
	if (status == DM_OK)
		status = dm_model_create(&objects->model, digits_denoiser_spec(args), ops, user, NULL, err);
	if (status != DM_OK)
		digits_objects_free(objects);
	return status;
}

dm_status digits_plan_create(dm_plan **out, const struct digits_args *args, const dm_model_ops *ops, void *user,
                             dm_error *err)
{
	const char *const options = args->trajectory ? "preview=1" : NULL;
	struct digits_objects objects;
	dm_sampler *sampler = NULL;
	dm_guidance *guidance = NULL;
	dm_status status = digits_objects_create(&objects, args, ops, user, err);

	*out = NULL;
	if (status == DM_OK)
		status = dm_sampler_create(&sampler, args->sampler, NULL, err);
	if (status == DM_OK)
		status = create_guidance(&guidance, args, err);
	if (status == DM_OK)
		status =
		    dm_plan_create(out, objects.schedule, objects.grid, sampler, objects.model, guidance, options, NULL, err);
	dm_guidance_free(guidance);
	dm_sampler_free(sampler);
	digits_objects_free(&objects);
	return status;
}

dm_status digits_run_create(dm_run **out, const struct digits_args *args, const dm_plan *plan, dm_error *err)
{
	const int32_t type = args->dtype == DIGITS_DTYPE_F64 ? DM_F64 : DM_F32;
	char options[96];
	dm_array *array = NULL;
	dm_status status = dm_array_create_host(&array, type, NULL, NULL, NULL, err);

	*out = NULL;
	snprintf(options, sizeof(options), "seed=%" PRIu64 ",first_sample=%" PRIu64, args->seed, args->first_sample);
	if (status == DM_OK)
		status = dm_run_create(out, plan, array, NULL, (size_t)args->count, DIGITS_PIXELS, options, NULL, 0, err);
	dm_array_free(array);
	return status;
}

int digits_plan_show(const dm_plan *plan, FILE *out, struct digits_error *error)
{
	size_t length;
	dm_error err;
	char *text;
	int status = 0;

	if (dm_plan_print(plan, "table", NULL, 0, &length, &err) != DM_OK)
		return digits_fail(error, "%s", err.message);
	text = malloc(length + 1);
	if (!text)
		return digits_fail(error, "out of memory for the plan");
	if (dm_plan_print(plan, "table", text, length + 1, NULL, &err) != DM_OK)
		status = digits_fail(error, "%s", err.message);
	else
		fputs(text, out);
	free(text);
	return status;
}
