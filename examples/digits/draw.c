#include "draw.h"

#include <signal.h>
#include <stdlib.h>

#include "denoiser.h"
#include "original.h"
#include "output.h"
#include "setup.h"
#include "steer.h"
#include "task.h"

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
	const char *program;
	struct digits_labels labels;
	struct digits_denoiser denoiser;
	struct digits_steer steer;
	struct digits_progress progress;
	struct digits_trajectory trajectory;
	struct digits_task task; /* all 0 where nothing is to be undone */
	dm_plan *plan;
	dm_run *run;
	size_t n_forward; /* passes of the network; 0: not known */
	float *samples;
};

/* A refusal by the library when its objects are made: the command line asked for it, unless memory ran out. */
static int refused(const dm_error *err, struct digits_error *error)
{
	digits_fail(error, "%s", err->message);
	return err->status == DM_ERR_MEMORY ? DIGITS_EXIT_FAILURE : DIGITS_EXIT_USAGE;
}

/* Whatever the text says, after an interruption that is the reason. */
static int failed(struct digits_error *error)
{
	if (!atomic_load(&interrupted))
		return DIGITS_EXIT_FAILURE;
	digits_fail(error, "interrupted; nothing was written");
	return DIGITS_EXIT_INTERRUPTED;
}

static int is_task(const struct job *job)
{
	return job->args->task != DIGITS_TASK_DRAW;
}

static struct digits_denoiser lent_by(struct job *job)
{
	return (struct digits_denoiser){
	    .labels = &job->labels, .progress = &job->progress, .stop = &interrupted, .steer = &job->steer};
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

/* What the program can refuse of a plan that the library made. */
static int check(const struct digits_args *args, const dm_plan *plan, struct digits_labels *labels,
                 struct digits_error *error)
{
	return digits_labels_parse(labels, args->labels, error) || digits_task_check(args, plan, error) ||
	               digits_steer_check(args, labels, plan, error)
	           ? DIGITS_EXIT_USAGE
	           : DIGITS_EXIT_OK;
}

/* What the library can refuse, and then the program. */
static int prepare_objects(struct job *job, dm_plan_info *info, struct digits_error *error)
{
	const dm_model_ops ops = {.struct_size = sizeof(ops),
	                          .predict = digits_denoiser_predict,
	                          .vjp = digits_denoiser_vjp,
	                          .gradient = digits_denoiser_gradient};
	dm_error err;

	if (digits_plan_create(&job->plan, job->args, &ops, &job->denoiser, &err) != DM_OK ||
	    digits_run_create(&job->run, job->args, job->plan, &err) != DM_OK ||
	    dm_plan_facts(job->plan, info, &err) != DM_OK)
		return refused(&err, error);
	return check(job->args, job->plan, &job->labels, error);
}

static int prepare(struct job *job, struct digits_error *error)
{
	const struct digits_denoiser lent = lent_by(job);
	const struct digits_steer lent_to_steer = {.labels = &job->labels, .stop = &interrupted};
	const struct digits_args *args = job->args;
	dm_plan_info info = {.struct_size = sizeof(info)};
	const int status = prepare_objects(job, &info, error);

	if (status != DIGITS_EXIT_OK)
		return status;
	if (digits_output_check(args, error) || (is_task(job) && digits_task_create(&job->task, args, error)))
		return DIGITS_EXIT_FAILURE;
	if (digits_denoiser_create(&job->denoiser, &lent, args, job->program, error))
		return DIGITS_EXIT_FAILURE;
	if (digits_steer_wanted(args) && digits_steer_create(&job->steer, &lent_to_steer, args, job->program, error))
		return DIGITS_EXIT_FAILURE;
	job->samples = malloc((size_t)args->count * DIGITS_PIXELS * sizeof(float));
	if (!job->samples) {
		digits_fail(error, "out of memory for the samples");
		return DIGITS_EXIT_FAILURE;
	}
	job->n_forward = info.n_branch_eval < 0 ? 0 : (size_t)info.n_branch_eval * (size_t)args->count;
	return prepare_trajectory(job, info.n_step, error);
}

/* The digits to be found again, if there is no input, stand in the samples' place for a while. */
static int measure(struct job *job, struct digits_error *error)
{
	const struct digits_denoiser lent = lent_by(job);
	dm_error err;

	if (!job->args->input && digits_original_draw(job->samples, job->args, &lent, job->program, error))
		return -1;
	if (digits_task_measure(&job->task, job->args, job->args->input ? NULL : job->samples, error))
		return -1;
	return digits_task_bind(&job->task, job->plan, job->run, &err) == DM_OK ? 0 : digits_fail(error, "%s", err.message);
}

static int run(struct job *job, struct digits_error *error)
{
	dm_error err;
	dm_status status;

	digits_progress_start(&job->progress, job->n_forward, !job->args->quiet);
	atomic_store(&running, job->run);
	status = dm_run_all(job->run, &err);
	atomic_store(&running, NULL);
	digits_progress_end(&job->progress);
	if (status == DM_OK)
		status = dm_run_state(job->run, job->samples, DM_F32, &err);
	return status == DM_OK ? 0 : digits_fail(error, "%s", err.message);
}

static int compute(struct job *job, struct digits_error *error)
{
	signal(SIGINT, on_interrupt);
	if ((is_task(job) && measure(job, error)) || run(job, error))
		return failed(error);
	return DIGITS_EXIT_OK;
}

static int finish(struct job *job, struct digits_error *error)
{
	if (job->args->trajectory)
		digits_trajectory_close(&job->trajectory);
	return digits_output_write(job->args, job->samples, is_task(job) ? &job->task : NULL,
	                           job->args->trajectory ? &job->trajectory : NULL, error)
	           ? DIGITS_EXIT_FAILURE
	           : DIGITS_EXIT_OK;
}

int digits_draw(const struct digits_args *args, const char *program, struct digits_error *error)
{
	struct job job = {.args = args, .program = program};
	int status = prepare(&job, error);

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
	digits_task_free(&job.task);
	free(job.samples);
	return status;
}

int digits_print_plan(const struct digits_args *args, struct digits_error *error)
{
	struct digits_labels labels = {0};
	dm_plan *plan;
	dm_error err;
	int status;

	if (digits_plan_create(&plan, args, NULL, NULL, &err) != DM_OK)
		return refused(&err, error);
	status = check(args, plan, &labels, error);
	if (status == DIGITS_EXIT_OK && digits_plan_show(plan, stdout, error))
		status = DIGITS_EXIT_FAILURE;
	digits_labels_free(&labels);
	dm_plan_free(plan);
	return status;
}
