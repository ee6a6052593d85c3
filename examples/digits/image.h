/* Showing digits: a sheet of images as a grey PNG file, or as characters in a terminal.
 * Images are 28 x 28 floats each, -1 black to +1 white, clipped; what is not a number shows as black. */
#ifndef DIGITS_IMAGE_H
#define DIGITS_IMAGE_H

#include <stddef.h>
#include <stdio.h>

#include "error.h"

/* 8-bit grey, row by row */
struct digits_picture {
	size_t width, height;
	unsigned char *pixels;
};

enum { DIGITS_ZOOM = 2, DIGITS_MARGIN = 2, DIGITS_MARGIN_GREY = 64 };

/* Lays `count` images out in rows of `columns`, twice as large, with a margin around each. 0, or -1 and a text. */
int digits_sheet(struct digits_picture *sheet, const float *images, size_t count, size_t columns,
                 struct digits_error *error);
void digits_picture_free(struct digits_picture *picture);

/* Writes a PNG file, as digits_file_write does. */
int digits_png_write(const struct digits_picture *picture, const char *path, struct digits_error *error);

/* Prints images in rows of `columns` as grey characters, at most 80 per line: up to two images in a row are 28 x 14
 * characters each, more are 14 x 7; five are the most that fit. 0, or -1 when writing failed. */
int digits_print_text(FILE *out, const float *images, size_t count, size_t columns);

#endif
