#include "image.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "file.h"

enum {
	SIDE = 28,
	CELL = SIDE * DIGITS_ZOOM + DIGITS_MARGIN,
	MAX_PIXELS = 1 << 28,
	MAX_STORED = 65535, /* bytes in one stored block of a deflate stream */
	LINE = 80
};

/* bytes being put together; they have been allocated before, so adding cannot fail */
struct buffer {
	unsigned char *bytes;
	size_t size;
};

static unsigned char grey(float x)
{
	if (!(x > -1))
		return 0;
	return x < 1 ? (unsigned char)((x + 1) * 127.5f + 0.5f) : 255;
}

static void draw(struct digits_picture *sheet, const float *image, size_t left, size_t top)
{
	for (size_t r = 0; r < SIDE * DIGITS_ZOOM; r++)
		for (size_t c = 0; c < SIDE * DIGITS_ZOOM; c++)
			sheet->pixels[(top + r) * sheet->width + left + c] = grey(image[r / DIGITS_ZOOM * SIDE + c / DIGITS_ZOOM]);
}

int digits_sheet(struct digits_picture *sheet, const float *images, size_t count, size_t columns,
                 struct digits_error *error)
{
	size_t rows;

	memset(sheet, 0, sizeof(*sheet));
	if (count == 0 || columns == 0)
		return digits_fail(error, "a sheet needs at least one image and one column");
	columns = columns < count ? columns : count;
	rows = (count - 1) / columns + 1;
	if (columns > MAX_PIXELS / CELL || rows > MAX_PIXELS / CELL || rows * CELL > MAX_PIXELS / (columns * CELL))
		return digits_fail(error, "a sheet of %lu x %lu images is too large", (unsigned long)columns,
		                   (unsigned long)rows);
	sheet->width = columns * CELL + DIGITS_MARGIN;
	sheet->height = rows * CELL + DIGITS_MARGIN;
	sheet->pixels = malloc(sheet->width * sheet->height);
	if (!sheet->pixels)
		return digits_fail(error, "out of memory for a sheet of %lu images", (unsigned long)count);
	memset(sheet->pixels, DIGITS_MARGIN_GREY, sheet->width * sheet->height);
	for (size_t i = 0; i < count; i++)
		draw(sheet, images + i * SIDE * SIDE, i % columns * CELL + DIGITS_MARGIN, i / columns * CELL + DIGITS_MARGIN);
	return 0;
}

void digits_picture_free(struct digits_picture *picture)
{
	free(picture->pixels);
	memset(picture, 0, sizeof(*picture));
}

static void put(struct buffer *buffer, const void *bytes, size_t size)
{
	memcpy(buffer->bytes + buffer->size, bytes, size);
	buffer->size += size;
}

static void put_byte(struct buffer *buffer, unsigned byte)
{
	buffer->bytes[buffer->size++] = (unsigned char)byte;
}

static void put_u32(struct buffer *buffer, uint32_t value)
{
	for (unsigned shift = 32; shift > 0; shift -= 8)
		put_byte(buffer, value >> (shift - 8) & 255);
}

/* A chunk: length of its data, four letters, data, CRC-32 of letters and data. */
static size_t begin_chunk(struct buffer *png, size_t size, const char *letters)
{
	put_u32(png, (uint32_t)size);
	put(png, letters, 4);
	return png->size - 4;
}

static void end_chunk(struct buffer *png, size_t start)
{
	put_u32(png, digits_crc32(0, png->bytes + start, png->size - start));
}

static void put_header(struct buffer *png, const struct digits_picture *picture)
{
	/* 8 bits, grey, deflate, the only filter method, no interlace */
	static const unsigned char format[5] = {8, 0, 0, 0, 0};
	size_t start = begin_chunk(png, 13, "IHDR");

	put_u32(png, (uint32_t)picture->width);
	put_u32(png, (uint32_t)picture->height);
	put(png, format, sizeof(format));
	end_chunk(png, start);
}

/* Each row begins with its filter type, 0: as it is. */
static void put_rows(struct buffer *raw, const struct digits_picture *picture)
{
	for (size_t r = 0; r < picture->height; r++) {
		put_byte(raw, 0);
		put(raw, picture->pixels + r * picture->width, picture->width);
	}
}

static size_t stored_size(size_t raw)
{
	return 2 + raw + 5 * ((raw + MAX_STORED - 1) / MAX_STORED) + 4;
}

/* A zlib stream of stored blocks: [last?] [length] [its complement] [bytes], lengths little-endian. */
static void put_stored(struct buffer *png, const struct buffer *raw)
{
	put_byte(png, 0x78);
	put_byte(png, 0x01);
	for (size_t at = 0; at < raw->size; at += MAX_STORED) {
		size_t left = raw->size - at;
		unsigned n = left < MAX_STORED ? (unsigned)left : MAX_STORED;

		put_byte(png, left <= MAX_STORED);
		put_byte(png, n & 255);
		put_byte(png, n >> 8);
		put_byte(png, ~n & 255);
		put_byte(png, ~n >> 8 & 255);
		put(png, raw->bytes + at, n);
	}
	put_u32(png, digits_adler32(raw->bytes, raw->size));
}

static void put_png(struct buffer *png, struct buffer *raw, const struct digits_picture *picture)
{
	size_t start;

	put_rows(raw, picture);
	put(png, "\x89PNG\r\n\x1a\n", 8);
	put_header(png, picture);
	start = begin_chunk(png, stored_size(raw->size), "IDAT");
	put_stored(png, raw);
	end_chunk(png, start);
	end_chunk(png, begin_chunk(png, 0, "IEND"));
}

int digits_png_write(const struct digits_picture *picture, const char *path, struct digits_error *error)
{
	const size_t raw_size = (picture->width + 1) * picture->height;
	struct buffer raw = {malloc(raw_size), 0};
	struct buffer png = {malloc(8 + 25 + 12 + stored_size(raw_size) + 12), 0};
	int status;

	if (raw.bytes && png.bytes) {
		put_png(&png, &raw, picture);
		status = digits_file_write(path, png.bytes, png.size, error);
	} else {
		status = digits_fail(error, "%s: out of memory", path);
	}
	free(raw.bytes);
	free(png.bytes);
	return status;
}

/* The mean grey of a cell of w x 2 w pixels, as a character that is as bright: characters are twice as high as wide. */
static char cell_char(const float *image, size_t w)
{
	static const char ramp[] = " .:-=+*#%@";
	size_t sum = 0;

	for (size_t r = 0; r < 2 * w; r++)
		for (size_t c = 0; c < w; c++)
			sum += grey(image[r * SIDE + c]);
	return ramp[sum * (sizeof(ramp) - 1) / (2 * w * w * 256)];
}

/* One line of characters through `count` images, without trailing blanks. */
static void print_line(FILE *out, const float *images, size_t count, size_t row, size_t w)
{
	char line[LINE + 1];
	size_t length = 0, used = 0;

	for (size_t i = 0; i < count; i++) {
		const float *image = images + (i * SIDE + row * 2 * w) * SIDE;

		if (i > 0)
			line[length++] = ' ';
		for (size_t c = 0; c < SIDE; c += w) {
			line[length++] = cell_char(image + c, w);
			used = line[length - 1] == ' ' ? used : length;
		}
	}
	fprintf(out, "%.*s\n", (int)used, line);
}

int digits_print_text(FILE *out, const float *images, size_t count, size_t columns)
{
	const size_t w = columns <= 2 ? 1 : 2, most = w == 1 ? 2 : 5;

	columns = columns == 0 ? 1 : columns < most ? columns : most;
	for (size_t i = 0; i < count; i += columns) {
		if (i > 0)
			fputc('\n', out);
		for (size_t row = 0; row < SIDE / (2 * w); row++)
			print_line(out, images + i * SIDE * SIDE, count - i < columns ? count - i : columns, row, w);
	}
	return fflush(out) != 0 || ferror(out) ? -1 : 0;
}
