#include "input.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers.h"
#include "png_read.h"

enum { SIDE = 28, MAX_SIZE = 1 << 20, MAX_VALUE = 65535 };

struct pgm {
	const char *name;
	struct digits_error *error;
	const unsigned char *bytes;
	size_t size, at;
};

static int fail(const struct pgm *pgm, const char *why)
{
	return digits_fail(pgm->error, "--input: %s: damaged PGM file: %s", pgm->name, why);
}

/* A whole number after blanks and comments, which go from # to the end of the line. */
static int read_number(struct pgm *pgm, unsigned *number)
{
	const unsigned char *b = pgm->bytes;

	while (pgm->at < pgm->size && (isspace(b[pgm->at]) || b[pgm->at] == '#'))
		if (b[pgm->at++] == '#')
			while (pgm->at < pgm->size && b[pgm->at] != '\n')
				pgm->at++;
	if (pgm->at == pgm->size)
		return fail(pgm, "it is cut off");
	if (!isdigit(b[pgm->at]))
		return fail(pgm, "something stands where a number should");
	for (*number = 0; pgm->at < pgm->size && isdigit(b[pgm->at]); pgm->at++)
		if ((*number = 10 * *number + b[pgm->at] - '0') > MAX_VALUE)
			return fail(pgm, "a number is above 65535");
	return 0;
}

static int read_header(struct pgm *pgm, unsigned *most)
{
	unsigned width, height;

	if (read_number(pgm, &width) || read_number(pgm, &height) || read_number(pgm, most))
		return -1;
	if (width != SIDE || height != SIDE)
		return digits_fail(pgm->error, "--input: %s: the picture is %u x %u, it must be %d x %d", pgm->name, width,
		                   height, SIDE, SIDE);
	return *most ? 0 : fail(pgm, "its largest grey is 0");
}

/* The next grey of a P5 file: a byte, or two with the high one first. */
static int read_binary(struct pgm *pgm, unsigned most, unsigned *value)
{
	const size_t n = most < 256 ? 1 : 2;

	if (pgm->size - pgm->at < n)
		return fail(pgm, "it is cut off");
	*value = n == 1 ? pgm->bytes[pgm->at] : 256u * pgm->bytes[pgm->at] + pgm->bytes[pgm->at + 1];
	pgm->at += n;
	return 0;
}

static int read_pgm(struct pgm *pgm, float *image)
{
	const int binary = pgm->bytes[1] == '5';
	unsigned most, value;

	if (read_header(pgm, &most))
		return -1;
	if (binary && (pgm->at == pgm->size || !isspace(pgm->bytes[pgm->at++])))
		return fail(pgm, "no blank after its header");
	for (size_t i = 0; i < DIGITS_PIXELS; i++) {
		if (binary ? read_binary(pgm, most, &value) : read_number(pgm, &value))
			return -1;
		if (value > most)
			return fail(pgm, "a grey is above the largest one");
		image[i] = (float)value / (float)most;
	}
	return 0;
}

static int read_file(unsigned char *bytes, size_t *size, const char *path, struct digits_error *error)
{
	FILE *file = fopen(path, "rb");
	int bad;

	if (!file)
		return digits_fail(error, "--input: %s: cannot open: %s", path, strerror(errno));
	errno = 0;
	*size = fread(bytes, 1, MAX_SIZE + 1, file);
	bad = ferror(file);
	fclose(file);
	if (bad)
		return digits_fail(error, "--input: %s: cannot read: %s", path, strerror(errno));
	if (*size > MAX_SIZE)
		return digits_fail(error, "--input: %s: larger than %d bytes", path, MAX_SIZE);
	return 0;
}

static int read_picture(float *image, const unsigned char *bytes, size_t size, const char *path,
                        struct digits_error *error)
{
	struct pgm pgm = {path, error, bytes, size, 2};

	if (digits_is_png(bytes, size))
		return digits_png_read(image, bytes, size, path, error);
	if (size >= 3 && bytes[0] == 'P' && (bytes[1] == '2' || bytes[1] == '5'))
		return read_pgm(&pgm, image);
	return digits_fail(error, "--input: %s: neither PGM (P2, P5) nor PNG", path);
}

int digits_input_read(float *image, const char *path, struct digits_error *error)
{
	unsigned char *bytes = malloc(MAX_SIZE + 1);
	size_t size = 0;
	int status;

	if (!bytes)
		return digits_fail(error, "--input: %s: out of memory", path);
	status = read_file(bytes, &size, path, error) || read_picture(image, bytes, size, path, error) ? -1 : 0;
	free(bytes);
	for (size_t i = 0; status == 0 && i < DIGITS_PIXELS; i++)
		image[i] = 2 * image[i] - 1;
	return status;
}
