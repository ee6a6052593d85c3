#include "png_read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "inflate.h"

enum { SIDE = 28, MAX_ROW = SIDE * 4 * 2, GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6 };

static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

struct png {
	const char *name;
	struct digits_error *error;
	unsigned depth, colour, channels;
	const unsigned char *palette; /* NULL: none yet */
	size_t n_palette;
	unsigned char *packed; /* all IDAT chunks together */
	size_t n_packed;
	int ended;
};

static uint32_t u32_at(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int fail(const struct png *png, const char *why)
{
	return digits_fail(png->error, "--input: %s: damaged or unusual PNG file: %s", png->name, why);
}

/* ----------------------------------------------------------------------------------------------------------- chunks */

static int read_header(struct png *png, const unsigned char *data, size_t size)
{
	/* bit d: depth d is allowed */
	static const uint32_t depths[7] = {
	    [GREY] = 0x10116, [RGB] = 0x10100, [PALETTE] = 0x116, [GREY_ALPHA] = 0x10100, [RGB_ALPHA] = 0x10100};
	static const unsigned channels[7] = {[GREY] = 1, [RGB] = 3, [PALETTE] = 1, [GREY_ALPHA] = 2, [RGB_ALPHA] = 4};

	if (size != 13)
		return fail(png, "its header is not 13 bytes");
	if (u32_at(data) != SIDE || u32_at(data + 4) != SIDE)
		return digits_fail(png->error, "--input: %s: the picture is %lu x %lu, it must be %d x %d", png->name,
		                   (unsigned long)u32_at(data), (unsigned long)u32_at(data + 4), SIDE, SIDE);
	png->depth = data[8];
	png->colour = data[9];
	if (png->colour > 6 || png->depth > 16 || !(depths[png->colour] >> png->depth & 1))
		return fail(png, "its kind of colour is unknown");
	if (data[10] != 0 || data[11] != 0)
		return fail(png, "its compression is unknown");
	if (data[12] != 0)
		return digits_fail(png->error, "--input: %s: interlaced PNG files are not read; save it without", png->name);
	png->channels = channels[png->colour];
	return 0;
}

static int read_chunk(struct png *png, const unsigned char *letters, const unsigned char *data, size_t size)
{
	const int is_header = memcmp(letters, "IHDR", 4) == 0;

	if (is_header != (png->channels == 0))
		return fail(png, "its header is not its first chunk");
	if (is_header)
		return read_header(png, data, size);
	if (memcmp(letters, "PLTE", 4) == 0) {
		png->palette = data;
		png->n_palette = size / 3;
	} else if (memcmp(letters, "IDAT", 4) == 0) {
		memcpy(png->packed + png->n_packed, data, size);
		png->n_packed += size;
	} else if (memcmp(letters, "IEND", 4) == 0) {
		png->ended = 1;
	} else if (!(letters[0] & 32)) { /* a capital: it may not be skipped */
		return fail(png, "a chunk that it depends on is unknown");
	}
	return 0;
}

/* A chunk: length of its data, four letters, data, CRC-32 of letters and data. */
static int read_chunks(struct png *png, const unsigned char *bytes, size_t size)
{
	size_t at = sizeof(signature);

	while (!png->ended) {
		if (size - at < 12 || u32_at(bytes + at) > size - at - 12)
			return fail(png, "it is cut off");
		const size_t n = u32_at(bytes + at);
		const unsigned char *letters = bytes + at + 4, *data = letters + 4;

		if (digits_crc32(0, letters, 4 + n) != u32_at(data + n))
			return fail(png, "the CRC-32 of a chunk does not match");
		if (read_chunk(png, letters, data, n))
			return -1;
		at += 12 + n;
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------- rows */

static int paeth(int left, int up, int corner)
{
	const int p = left + up - corner, a = abs(p - left), b = abs(p - up), c = abs(p - corner);

	return a <= b && a <= c ? left : b <= c ? up : corner;
}

/* A row is stored as differences from what its first byte says; above: the row before. */
static int unfilter(const struct png *png, unsigned char *row, const unsigned char *above, unsigned kind, size_t n)
{
	const size_t whole = (png->channels * png->depth + 7) / 8; /* bytes of a pixel, at least one */

	if (kind > 4)
		return fail(png, "the filter of a row is unknown");
	for (size_t i = 0; i < n; i++) {
		const int left = i < whole ? 0 : row[i - whole], up = above[i], corner = i < whole ? 0 : above[i - whole];
		const int from[5] = {0, left, up, (left + up) / 2, paeth(left, up, corner)};

		row[i] = (unsigned char)(row[i] + from[kind]);
	}
	return 0;
}

/* The k-th number of a row. */
static unsigned number_at(const struct png *png, const unsigned char *row, size_t k)
{
	const size_t bit = k * png->depth;

	if (png->depth == 16)
		return 256u * row[2 * k] + row[2 * k + 1];
	return row[bit / 8] >> (8 - png->depth - bit % 8) & ((1u << png->depth) - 1);
}

static float luma(const float *rgb)
{
	return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

static int read_pixel(const struct png *png, const unsigned char *row, size_t column, float *grey)
{
	float value[4] = {0};

	if (png->colour == PALETTE) {
		const unsigned k = number_at(png, row, column);

		if (k >= png->n_palette)
			return fail(png, "a colour is not in its palette");
		for (size_t c = 0; c < 3; c++)
			value[c] = (float)png->palette[3 * k + c] / 255;
		*grey = luma(value);
		return 0;
	}
	for (size_t c = 0; c < png->channels; c++)
		value[c] = (float)number_at(png, row, column * png->channels + c) / (float)((1u << png->depth) - 1);
	*grey = png->channels >= 3 ? luma(value) : value[0];
	if (png->channels % 2 == 0)
		*grey *= value[png->channels - 1];
	return 0;
}

static int read_rows(const struct png *png, float *image)
{
	const size_t n = (SIDE * png->channels * png->depth + 7) / 8;
	unsigned char rows[SIDE * (1 + MAX_ROW)], none[MAX_ROW] = {0};
	const char *wrong = digits_inflate(png->packed, png->n_packed, rows, SIDE * (1 + n));

	if (wrong)
		return fail(png, wrong);
	for (size_t r = 0; r < SIDE; r++) {
		unsigned char *row = rows + r * (1 + n) + 1;

		if (unfilter(png, row, r > 0 ? row - 1 - n : none, row[-1], n))
			return -1;
		for (size_t c = 0; c < SIDE; c++)
			if (read_pixel(png, row, c, &image[r * SIDE + c]))
				return -1;
	}
	return 0;
}

int digits_is_png(const unsigned char *bytes, size_t size)
{
	return size >= sizeof(signature) && memcmp(bytes, signature, sizeof(signature)) == 0;
}

int digits_png_read(float *image, const unsigned char *bytes, size_t size, const char *name, struct digits_error *error)
{
	struct png png = {.name = name, .error = error, .packed = malloc(size)};
	int status;

	if (!png.packed)
		return digits_fail(error, "--input: %s: out of memory", name);
	status = read_chunks(&png, bytes, size) || read_rows(&png, image) ? -1 : 0;
	free(png.packed);
	return status;
}
