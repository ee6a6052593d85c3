#include "original.h"

#include "setup.h"

/* The program's defaults with guidance, and what decides which digits they are. */
static int choose(struct digits_args *own, const struct digits_args *args, struct digits_error *error)
{
	char name[] = "digits", model[] = "--model", v[] = "v", flow[] = "flow";
	char *argv[] = {name, model, args->model == DIGITS_MODEL_FLOW ? flow : v, NULL};

	if (digits_args_parse(own, (int)(sizeof(argv) / sizeof(*argv)) - 1, argv, error))
		return -1;
	own->guidance = "cfg:scale=2";
	own->seed = ~args->seed; /* from the run's own noise the run would find them by itself */
	own->first_sample = args->first_sample;
	own->count = args->count;
	own->labels = args->labels;
	own->threads = args->threads;
	own->weights = args->weights;
	own->quiet = args->quiet;
	return 0;
}

static dm_status draw(float *pictures, const struct digits_args *own, struct digits_denoiser *denoiser, dm_error *err)
{
	const dm_model_ops ops = {.struct_size = sizeof(ops), .predict = digits_denoiser_predict};
	dm_plan_info info = {.struct_size = sizeof(info)};
	dm_plan *plan;
	dm_run *run = NULL;
	dm_status status = digits_plan_create(&plan, own, &ops, denoiser, err);

	if (status == DM_OK)
		status = dm_plan_facts(plan, &info, err);
	if (status == DM_OK)
		status = digits_run_create(&run, own, plan, err);
	if (status == DM_OK) {
		digits_progress_start(denoiser->progress, (size_t)info.n_branch_eval * (size_t)own->count, !own->quiet);
		status = dm_run_all(run, err);
		digits_progress_end(denoiser->progress);
	}
	if (status == DM_OK)
		status = dm_run_state(run, pictures, DM_F32, err);
	dm_run_free(run);
	dm_plan_free(plan);
	return status;
}

int digits_original_draw(float *pictures, const struct digits_args *args, const struct digits_denoiser *lent,
                         const char *program, struct digits_error *error)
{
	struct digits_args own;
	struct digits_denoiser denoiser;
	dm_status status;
	dm_error err;

	if (choose(&own, args, error) || digits_denoiser_create(&denoiser, lent, &own, program, error))
		return -1;
	status = draw(pictures, &own, &denoiser, &err);
	digits_denoiser_free(&denoiser);
	return status == DM_OK ? 0 : digits_fail(error, "%s", err.message);
}
