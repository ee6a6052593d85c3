#include "draw.h"

#include <signal.h>
#include <stdlib.h>

#include "denoiser.h"
#include "output.h"
#include "setup.h"
#include "steer.h"

/* What a signal handler can reach. */
static _Atomic(dm_run *) running;
static atomic_int interrupted;

static void on_interrupt(int number)
{
	dm_run *run = atomic_load(&running);

	signal(number, SIG_DFL); /* a second one ends the program at once */
	atomic_store(&interrupted, 1);
	if (run)
		dm_run_cancel(run);
}

struct job {
	const struct digits_args *args;
	struct digits_labels labels;
	struct digits_denoiser denoiser;
	struct digits_steer steer;
	struct digits_progress progress;
	struct digits_trajectory trajectory;
	dm_plan *plan;
	dm_run *run;
	float *samples;
};

/* A refusal by the library when its objects are made: the command line asked for it, unless memory ran out. */
static int refused(const dm_error *err, struct digits_error *error)
{
	digits_fail(error, "%s", err->message);
	return err->status == DM_ERR_MEMORY ? DIGITS_EXIT_FAILURE : DIGITS_EXIT_USAGE;
}

static int failed(const dm_error *err, struct digits_error *error)
{
	if (atomic_load(&interrupted)) {
		digits_fail(error, "interrupted; nothing was written");
		return DIGITS_EXIT_INTERRUPTED;
	}
	digits_fail(error, "%s", err->message);
	return DIGITS_EXIT_FAILURE;
}

static int prepare_trajectory(struct job *job, int64_t n_step, struct digits_error *error)
{
	dm_error err;

	if (!job->args->trajectory)
		return DIGITS_EXIT_OK;
	if (digits_trajectory_create(&job->trajectory, (size_t)job->args->count, n_step, error))
		return DIGITS_EXIT_FAILURE;
	if (dm_run_on_step(job->run, digits_trajectory_step, &job->trajectory, &err) != DM_OK)
		return refused(&err, error);
	return DIGITS_EXIT_OK;
}

static int prepare(struct job *job, const char *program, struct digits_error *error)
{
	const dm_model_ops ops = {.struct_size = sizeof(ops),
	                          .predict = digits_denoiser_predict,
	                          .vjp = digits_denoiser_vjp,
	                          .gradient = digits_denoiser_gradient};
	const struct digits_denoiser lent = {
	    .labels = &job->labels, .progress = &job->progress, .stop = &interrupted, .steer = &job->steer};
	const struct digits_steer lent_to_steer = {.labels = &job->labels, .stop = &interrupted};
	const struct digits_args *args = job->args;
	dm_plan_info info = {.struct_size = sizeof(info)};
	dm_error err;

	if (digits_plan_create(&job->plan, args, &ops, &job->denoiser, &err) != DM_OK ||
	    digits_run_create(&job->run, args, job->plan, &err) != DM_OK || dm_plan_facts(job->plan, &info, &err) != DM_OK)
		return refused(&err, error);
	if (digits_labels_parse(&job->labels, args->labels, error))
		return DIGITS_EXIT_USAGE;
	if (digits_output_check(args, error) || digits_denoiser_create(&job->denoiser, &lent, args, program, error))
		return DIGITS_EXIT_FAILURE;
	if (digits_steer_wanted(args) && digits_steer_create(&job->steer, &lent_to_steer, args, program, error))
		return DIGITS_EXIT_FAILURE;
	job->samples = malloc((size_t)args->count * DIGITS_PIXELS * sizeof(float));
	if (!job->samples) {
		digits_fail(error, "out of memory for the samples");
		return DIGITS_EXIT_FAILURE;
	}
	digits_progress_start(&job->progress, info.n_branch_eval < 0 ? 0 : (size_t)info.n_branch_eval * (size_t)args->count,
	                      !args->quiet);
	return prepare_trajectory(job, info.n_step, error);
}

static int compute(struct job *job, struct digits_error *error)
{
	dm_error err;
	dm_status status;

	atomic_store(&running, job->run);
	signal(SIGINT, on_interrupt);
	status = dm_run_all(job->run, &err);
	atomic_store(&running, NULL);
	digits_progress_end(&job->progress);
	if (status == DM_OK)
		status = dm_run_state(job->run, job->samples, DM_F32, &err);
	return status == DM_OK ? DIGITS_EXIT_OK : failed(&err, error);
}

static int finish(struct job *job, struct digits_error *error)
{
	if (job->args->trajectory)
		digits_trajectory_close(&job->trajectory);
	return digits_output_write(job->args, job->samples, job->args->trajectory ? &job->trajectory : NULL, error)
	           ? DIGITS_EXIT_FAILURE
	           : DIGITS_EXIT_OK;
}

int digits_draw(const struct digits_args *args, const char *program, struct digits_error *error)
{
	struct job job = {.args = args};
	int status = prepare(&job, program, error);

	if (status == DIGITS_EXIT_OK)
		status = compute(&job, error);
	if (status == DIGITS_EXIT_OK)
		status = finish(&job, error);
	dm_run_free(job.run);
	dm_plan_free(job.plan);
	digits_trajectory_free(&job.trajectory);
	digits_denoiser_free(&job.denoiser);
	digits_steer_free(&job.steer);
	digits_labels_free(&job.labels);
	free(job.samples);
	return status;
}

int digits_print_plan(const struct digits_args *args, struct digits_error *error)
{
	dm_plan *plan;
	dm_error err;
	int status;

	if (digits_plan_create(&plan, args, NULL, NULL, &err) != DM_OK)
		return refused(&err, error);
	status = digits_plan_show(plan, stdout, error) ? DIGITS_EXIT_FAILURE : DIGITS_EXIT_OK;
	dm_plan_free(plan);
	return status;
}
