#include "output.h"

#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "image.h"
#include "layers.h"
#include "progress.h"

enum { SHEET_COLUMNS = 10, SHEET_ROWS = 10, TASK_COLUMNS = 4, TEXT_COLUMNS = 5, MAX_TEXT = 50 };

int digits_output_check(const struct digits_args *args, struct digits_error *error)
{
	const struct {
		const char *option, *path;
	} files[] = {{"png", args->png}, {"raw", args->raw}, {"trajectory", args->trajectory}};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i].path && digits_file_check(files[i].path, error))
			return digits_fail_at(error, files[i].option);
	return 0;
}

static int write_sheet(const char *path, const float *images, size_t count, size_t columns, struct digits_error *error)
{
	struct digits_picture sheet;
	int status = digits_sheet(&sheet, images, count, columns, error);

	if (status == 0)
		status = digits_png_write(&sheet, path, error);
	digits_picture_free(&sheet);
	return status;
}

/* The pictures of a sample stand side by side; further samples below, or from SHEET_ROWS on also beside. */
static int write_task(const char *path, const struct digits_task *task, const float *samples, size_t count,
                      struct digits_error *error)
{
	size_t n, beside = (count - 1) / SHEET_ROWS + 1;
	float *images = digits_task_sheet(task, samples, count, &n);
	int status;

	if (!images)
		return digits_fail(error, "%s: out of memory", path);
	status = write_sheet(path, images, n * count, n * (beside < TASK_COLUMNS ? beside : TASK_COLUMNS), error);
	free(images);
	return status;
}

/* Little-endian, whatever the machine is. */
static int write_raw(const char *path, const float *samples, size_t n, struct digits_error *error)
{
	unsigned char *bytes = malloc(4 * n);
	int status;

	if (!bytes)
		return digits_fail(error, "%s: out of memory", path);
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;

		memcpy(&bits, &samples[i], sizeof(bits));
		for (unsigned k = 0; k < 4; k++)
			bytes[4 * i + k] = (unsigned char)(bits >> 8 * k & 255);
	}
	status = digits_file_write(path, bytes, 4 * n, error);
	free(bytes);
	return status;
}

static int show(const struct digits_args *args, const float *samples, const struct digits_task *task,
                struct digits_error *error)
{
	const size_t count = (size_t)args->count, shown = count < MAX_TEXT ? count : MAX_TEXT;

	if (args->quiet || !digits_is_terminal(1))
		return 0;
	if (digits_print_text(stdout, samples, shown, TEXT_COLUMNS))
		return digits_fail(error, "cannot write to the terminal");
	if (task && task->op)
		printf("\nroot mean square of A x - y: %.3f\n", digits_task_residual(task, samples, count));
	if (args->png)
		printf("\n%llu digits in %s\n", (unsigned long long)count, args->png);
	return 0;
}

int digits_output_write(const struct digits_args *args, const float *samples, const struct digits_task *task,
                        const struct digits_trajectory *trajectory, struct digits_error *error)
{
	const size_t count = (size_t)args->count;

	if (args->raw && write_raw(args->raw, samples, count * DIGITS_PIXELS, error))
		return digits_fail_at(error, "raw");
	if (args->png && (task ? write_task(args->png, task, samples, count, error)
	                       : write_sheet(args->png, samples, count, SHEET_COLUMNS, error)))
		return digits_fail_at(error, "png");
	if (trajectory && write_sheet(args->trajectory, trajectory->images, trajectory->rows * trajectory->columns,
	                              trajectory->columns, error))
		return digits_fail_at(error, "trajectory");
	return show(args, samples, task, error);
}
