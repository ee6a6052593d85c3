#include "codes_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "layers.h"
#include "setup.h"

enum { MAX_SIZE = 1 << 28, MAX_WORDS = 64, NUMBER = 12 };

static const char first_line[] = "digits codes 1\n";

/* ---------------------------------------------------------------------------------------------------------- writing */

/* What decides the bits of the digits. The number of steps may stand in the grid. */
static int print_options(char *to, size_t size, const struct digits_args *args)
{
	static const char *const models[] = {"v", "flow"}, *const predictions[] = {"epsilon", "v", "x0"};
	const int counted = digits_spec_sets(args->grid, "at") || digits_spec_sets(args->grid, "steps");
	const int flow = args->model == DIGITS_MODEL_FLOW;
	char steps[32] = "";

	if (!counted)
		snprintf(steps, sizeof(steps), "--steps %" PRIu64 "\n", args->steps);
	return snprintf(to, size,
	                "%s--model %s\n%s%s%s--schedule %s\n--grid %s\n%s--labels %s\n--first-sample %" PRIu64
	                "\n--seed %" PRIu64 "\n--count %" PRIu64 "\n--codebook %s\n\n",
	                first_line, models[args->model], flow ? "" : "--predict ", flow ? "" : predictions[args->predict],
	                flow ? "" : "\n", args->schedule, args->grid, steps, args->labels, args->first_sample, args->seed,
	                args->count, args->codebook);
}

int digits_codes_write(const struct digits_args *args, const int32_t *index, size_t n_index, double bits,
                       struct digits_error *error)
{
	const size_t count = (size_t)args->count;
	const int head = print_options(NULL, 0, args);
	const size_t size = (size_t)head + 128 + NUMBER * n_index * count;
	char *text = malloc(size);
	size_t length;
	int status;

	if (!text)
		return digits_fail(error, "%s: out of memory", args->codes);
	print_options(text, size, args);
	length = (size_t)head;
	for (size_t i = 0; i < n_index * count; i++)
		length += (size_t)snprintf(text + length, size - length, "%" PRId32 "%c", index[i],
		                           (i + 1) % n_index == 0 ? '\n' : ' ');
	length += (size_t)snprintf(text + length, size - length, "# %.10g bits for a digit, %.4g for a pixel\n", bits,
	                           bits / DIGITS_PIXELS);
	status = digits_file_write(args->codes, text, length, error);
	free(text);
	return status;
}

/* ---------------------------------------------------------------------------------------------------------- reading */

static int fail(const char *path, const char *why, struct digits_error *error)
{
	return digits_fail(error, "--codes: %s: %s", path, why);
}

/* Lines may have been made to end with CR LF on the way. */
static void end_lines(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (from[0] != '\r' || from[1] != '\n')
			*to++ = *from;
	*to = 0;
}

static int read_text(struct digits_codes *codes, FILE *file, const char *path, struct digits_error *error)
{
	size_t size = 0, room = 0;
	char *more;

	do {
		room = 2 * room + 65536;
		more = room <= MAX_SIZE ? realloc(codes->text, room + 1) : NULL;
		if (!more)
			return room > MAX_SIZE
			           ? digits_fail(error, "--codes: %s: %lu bytes or more, too large", path, (unsigned long)size)
			           : fail(path, "out of memory", error);
		codes->text = more;
		size += fread(more + size, 1, room - size, file);
	} while (size == room);
	if (ferror(file))
		return digits_fail(error, "--codes: %s: cannot read: %s", path, strerror(errno));
	codes->text[size] = 0;
	if (strlen(codes->text) != size)
		return fail(path, "no file of codes: it holds a zero byte", error);
	end_lines(codes->text);
	return 0;
}

static int open_text(struct digits_codes *codes, const char *path, struct digits_error *error)
{
	FILE *file = fopen(path, "rb");
	int status;

	if (!file)
		return digits_fail(error, "--codes: %s: cannot open: %s", path, strerror(errno));
	status = read_text(codes, file, path, error);
	fclose(file);
	return status;
}

/* Lines "--name value" up to the empty one, as if they had been given to encode. *end: what follows. */
static int read_options(struct digits_codes *codes, char **end, const char *path, struct digits_error *error)
{
	char program[] = "digits", task[] = "--task=encode", *word[MAX_WORDS + 3] = {program, task};
	struct digits_error why;
	int n = 2;
	char *at;

	if (strncmp(codes->text, first_line, sizeof(first_line) - 1) != 0)
		return fail(path, "no file of codes: it does not begin with \"digits codes 1\"", error);
	for (at = codes->text + sizeof(first_line) - 1; *at != '\n'; at++) {
		char *blank = strchr(at, ' '), *line = strchr(at, '\n');

		if (!blank || !line || blank > line || n > MAX_WORDS)
			return fail(path, "damaged: its options are no lines of a name and a value", error);
		*blank = *line = 0;
		word[n++] = at;
		word[n++] = blank + 1;
		at = line;
	}
	*end = at + 1;
	if (digits_args_parse(&codes->args, n, word, &why))
		return digits_fail(error, "--codes: %s: %.200s", path, why.text);
	return 0;
}

static int read_numbers(struct digits_codes *codes, const char *at, const char *path, struct digits_error *error)
{
	codes->index = malloc((strlen(at) / 2 + 1) * sizeof(*codes->index)); /* a number has a digit and what ends it */
	if (!codes->index)
		return fail(path, "out of memory", error);
	for (at += strspn(at, " \n"); *at && *at != '#'; at += strspn(at, " \n")) {
		const size_t digits = strspn(at, "0123456789");

		if (digits == 0 || digits > 9 || !strchr(" \n", at[digits]) || !at[digits])
			return fail(path, "damaged: something stands where a number should", error);
		codes->index[codes->n++] = (int32_t)strtol(at, NULL, 10);
		at += digits;
	}
	return 0;
}

int digits_codes_read(struct digits_codes *codes, const struct digits_args *args, struct digits_error *error)
{
	char *numbers;

	*codes = (struct digits_codes){0};
	if (open_text(codes, args->codes, error) || read_options(codes, &numbers, args->codes, error) ||
	    read_numbers(codes, numbers, args->codes, error)) {
		digits_codes_free(codes);
		return -1;
	}
	codes->args.png = args->png;
	codes->args.raw = args->raw;
	codes->args.trajectory = NULL;
	codes->args.quiet = args->quiet;
	codes->args.threads = args->threads;
	codes->args.weights = args->weights;
	return 0;
}

void digits_codes_free(struct digits_codes *codes)
{
	free(codes->text);
	free(codes->index);
	*codes = (struct digits_codes){0};
}
