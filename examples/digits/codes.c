#include "codes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "codes_file.h"
#include "denoiser.h"
#include "draw.h"
#include "file.h"
#include "input.h"
#include "original.h"
#include "output.h"
#include "setup.h"

struct job {
	const struct digits_args *args;
	const char *program;
	struct digits_labels labels;
	struct digits_denoiser denoiser;
	struct digits_progress progress;
	atomic_int stop; /* stays 0 */
	struct digits_objects objects;
	dm_codebook *codebook;
	dm_codebook_info info;
	float *originals, *samples;
	int32_t *index;
};

static int create_objects(struct job *job, dm_error *err)
{
	const dm_model_ops ops = {.struct_size = sizeof(ops), .predict = digits_denoiser_predict};

	return digits_objects_create(&job->objects, job->args, &ops, &job->denoiser, err);
}

static struct digits_denoiser lent_by(struct job *job)
{
	return (struct digits_denoiser){.labels = &job->labels, .progress = &job->progress, .stop = &job->stop};
}

/* codes: NULL to encode. */
static dm_status create_codebook(struct job *job, const struct digits_codes *codes, dm_error *err)
{
	const struct digits_objects *o = &job->objects;
	const size_t count = (size_t)job->args->count;
	char options[256];
	dm_status status;

	snprintf(options, sizeof(options), "%s,seed=%" PRIu64 ",first_sample=%" PRIu64, job->args->codebook,
	         job->args->seed, job->args->first_sample);
	status = codes ? dm_codebook_create_decode(&job->codebook, o->schedule, o->grid, o->model, options, codes->index,
	                                           codes->n, DM_F32, count, DIGITS_PIXELS, NULL, err)
	               : dm_codebook_create_encode(&job->codebook, o->schedule, o->grid, o->model, options, job->originals,
	                                           DM_F32, count, DIGITS_PIXELS, NULL, err);
	job->info.struct_size = sizeof(job->info);
	return status == DM_OK ? dm_codebook_facts(job->codebook, &job->info, err) : status;
}

/* What the list of --codebook may not say, because the program has options for it. */
static int check_list(const char *list, struct digits_error *error)
{
	static const struct {
		const char *name, *option;
	} own[] = {{"seed=", "--seed"}, {"first_sample=", "--first-sample"}};

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
			if (strncmp(at, own[i].name, strlen(own[i].name)) == 0)
				return digits_fail(error, "--codebook: \"%s\" names what %s is for", list, own[i].option);
	}
	return 0;
}

/* A refusal by the library, of what the command line or the file of codes asks for. */
static int refused(const struct digits_codes *codes, const char *path, const dm_error *err, struct digits_error *error)
{
	digits_fail(error, "%s%s%s%s", codes ? "--codes: " : "", codes ? path : "", codes ? ": " : "", err->message);
	return codes ? DIGITS_EXIT_FAILURE : DIGITS_EXIT_USAGE;
}

static int prepare(struct job *job, struct digits_error *error)
{
	const size_t count = (size_t)job->args->count;
	const struct digits_denoiser lent = lent_by(job);

	job->originals = calloc(count * DIGITS_PIXELS, sizeof(float));
	job->samples = malloc(count * DIGITS_PIXELS * sizeof(float));
	if (!job->originals || !job->samples)
		return digits_fail(error, "out of memory for the samples");
	if (digits_output_check(job->args, error))
		return -1;
	return digits_denoiser_create(&job->denoiser, &lent, job->args, job->program, error);
}

static int compute(struct job *job, struct digits_error *error)
{
	const size_t count = (size_t)job->args->count, n = count * job->info.n_index;
	const size_t n_forward = dm_grid_count(job->objects.grid) - 1;
	dm_status status;
	dm_error err;

	job->index = malloc(n * sizeof(*job->index) + 1);
	if (!job->index)
		return digits_fail(error, "out of memory for the codes");
	digits_progress_start(&job->progress, n_forward * count, !job->args->quiet);
	status = dm_codebook_all(job->codebook, &err);
	digits_progress_end(&job->progress);
	if (status == DM_OK)
		status = dm_codebook_state(job->codebook, job->samples, DM_F32, &err);
	if (status == DM_OK)
		status = dm_codebook_index(job->codebook, job->index, n, &err);
	return status == DM_OK ? 0 : digits_fail(error, "%s", err.message);
}

static void free_job(struct job *job)
{
	dm_codebook_free(job->codebook);
	digits_objects_free(&job->objects);
	digits_denoiser_free(&job->denoiser);
	digits_labels_free(&job->labels);
	free(job->originals);
	free(job->samples);
	free(job->index);
}

/* ----------------------------------------------------------------------------------------------------------- encode */

static int find_originals(struct job *job, struct digits_error *error)
{
	const struct digits_denoiser lent = lent_by(job);

	return job->args->input ? digits_input_read(job->originals, job->args->input, error)
	                        : digits_original_draw(job->originals, job->args, &lent, job->program, error);
}

static int write_all(const struct job *job, struct digits_error *error)
{
	/* originals in the measurements' place */
	const struct digits_task sheet = {.picture = job->originals, .count = (size_t)job->args->count};

	if (digits_codes_write(job->args, job->index, job->info.n_index, job->info.bits, error))
		return digits_fail_at(error, "codes");
	if (digits_output_write(job->args, job->samples, &sheet, NULL, error))
		return -1;
	if (!job->args->quiet && digits_is_terminal(1))
		printf("%.10g bits for a digit, %.4g for a pixel, in %s\n", job->info.bits, job->info.bits_per_element,
		       job->args->codes);
	return 0;
}

int digits_encode(const struct digits_args *args, const char *program, struct digits_error *error)
{
	struct job job = {.args = args, .program = program};
	int status = DIGITS_EXIT_OK;
	dm_error err;

	if (digits_labels_parse(&job.labels, args->labels, error) || check_list(args->codebook, error))
		status = DIGITS_EXIT_USAGE;
	else if ((digits_file_check(args->codes, error) && digits_fail_at(error, "codes")) || prepare(&job, error))
		status = DIGITS_EXIT_FAILURE;
	/* once with empty originals, to hear of bad options before the work */
	else if (create_objects(&job, &err) != DM_OK || create_codebook(&job, NULL, &err) != DM_OK)
		status = refused(NULL, NULL, &err, error);
	else if (find_originals(&job, error))
		status = DIGITS_EXIT_FAILURE;
	dm_codebook_free(job.codebook);
	job.codebook = NULL;
	if (status == DIGITS_EXIT_OK && create_codebook(&job, NULL, &err) != DM_OK)
		status = refused(NULL, NULL, &err, error);
	if (status == DIGITS_EXIT_OK && (compute(&job, error) || write_all(&job, error)))
		status = DIGITS_EXIT_FAILURE;
	free_job(&job);
	return status;
}

/* ----------------------------------------------------------------------------------------------------------- decode */

int digits_decode(const struct digits_args *args, const char *program, struct digits_error *error)
{
	struct digits_codes codes;
	struct job job = {.args = &codes.args, .program = program};
	int status = DIGITS_EXIT_OK;
	dm_error err;

	if (digits_codes_read(&codes, args, error))
		return DIGITS_EXIT_FAILURE;
	if (create_objects(&job, &err) != DM_OK || create_codebook(&job, &codes, &err) != DM_OK)
		status = refused(&codes, args->codes, &err, error);
	else if (digits_labels_parse(&job.labels, codes.args.labels, error) || prepare(&job, error) ||
	         compute(&job, error) || digits_output_write(job.args, job.samples, NULL, NULL, error))
		status = DIGITS_EXIT_FAILURE;
	free_job(&job);
	digits_codes_free(&codes);
	return status;
}
