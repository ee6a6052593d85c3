/* The digits example's helpers: sheet and PNG writer, text output, workers. */
#ifndef _WIN32
#define _XOPEN_SOURCE 700 /* setrlimit */
#endif

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <signal.h>
#include <sys/resource.h>
#endif

#include "image.h"
#include "workers.h"

#define PNG_FILE "test_digits_image.png"

enum { PIXELS = 28 * 28 };

static void *need(void *memory)
{
	assert_non_null(memory);
	return memory;
}

static unsigned char *read_all(const char *path, size_t *size)
{
	FILE *file = need(fopen(path, "rb"));
	unsigned char *bytes = need(malloc(1 << 21));

	*size = fread(bytes, 1, 1 << 21, file);
	fclose(file);
	return bytes;
}

static void write_all(const char *path, const unsigned char *bytes, size_t size)
{
	FILE *file = need(fopen(path, "wb"));

	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* bit by bit, to check the one of crc.c by half bytes */
static uint32_t slow_crc(const unsigned char *bytes, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size * 8; i++) {
		uint32_t bit = (crc ^ bytes[i / 8] >> i % 8) & 1;

		crc = crc >> 1 ^ (bit ? 0xedb88320 : 0);
	}
	return ~crc;
}

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Checks one chunk and returns where the next one begins. */
static size_t check_chunk(const unsigned char *png, size_t size, size_t at, const char *letters)
{
	size_t length;

	assert_true(at + 12 <= size);
	length = be32(png + at);
	assert_true(length <= size - at - 12);
	assert_memory_equal(png + at + 4, letters, 4);
	assert_int_equal(be32(png + at + 8 + length), slow_crc(png + at + 4, length + 4));
	return at + 12 + length;
}

/* Unpacks stored deflate blocks and returns how many bytes they held. */
static size_t unpack(const unsigned char *zlib, size_t size, unsigned char *raw)
{
	size_t at = 2, n = 0, last = 0;
	uint32_t a = 1, b = 0;

	assert_int_equal((zlib[0] << 8 | zlib[1]) % 31, 0);
	assert_int_equal(zlib[0] & 15, 8);
	while (!last) {
		size_t length = (size_t)(zlib[at + 1] | zlib[at + 2] << 8);

		last = zlib[at];
		assert_in_range(last, 0, 1);
		assert_int_equal(length ^ 0xffff, zlib[at + 3] | zlib[at + 4] << 8);
		assert_true(at + 5 + length + 4 <= size);
		memcpy(raw + n, zlib + at + 5, length);
		n += length;
		at += 5 + length;
	}
	for (size_t i = 0; i < n; i++) {
		a = (a + raw[i]) % 65521;
		b = (b + a) % 65521;
	}
	assert_int_equal(be32(zlib + at), b << 16 | a);
	assert_int_equal(at + 4, size);
	return n;
}

/* Fills images with values on both sides of the displayed range and a NaN. */
static float *test_images(size_t count)
{
	float *images = need(malloc(count * PIXELS * sizeof(*images)));

	for (size_t i = 0; i < count * PIXELS; i++)
		images[i] = (float)(i % 31) / 12 - 1.25f;
	images[3] = NAN;
	return images;
}

static unsigned expected_grey(float x)
{
	return x >= 1 ? 255 : x > -1 ? (unsigned)lroundf((x + 1) * 127.5f) : 0;
}

static void sheet_shows_images(void **state)
{
	enum { COUNT = 5, COLUMNS = 3, WIDTH = 3 * 58 + 2, HEIGHT = 2 * 58 + 2 };
	float *images = test_images(COUNT);
	struct digits_picture sheet;
	struct digits_error error;

	(void)state;
	assert_int_equal(digits_sheet(&sheet, images, COUNT, COLUMNS, &error), 0);
	assert_int_equal(sheet.width, WIDTH);
	assert_int_equal(sheet.height, HEIGHT);
	for (size_t y = 0; y < HEIGHT; y++)
		for (size_t x = 0; x < WIDTH; x++) {
			size_t i = y / 58 * COLUMNS + x / 58, r = (y % 58 - 2) / 2, c = (x % 58 - 2) / 2;
			unsigned want = DIGITS_MARGIN_GREY;

			if (y % 58 >= 2 && x % 58 >= 2 && i < COUNT)
				want = expected_grey(images[i * PIXELS + r * 28 + c]);
			assert_int_equal(sheet.pixels[y * WIDTH + x], want);
		}
	digits_picture_free(&sheet);
	assert_int_equal(digits_sheet(&sheet, images, 0, 3, &error), -1);
	assert_int_equal(digits_sheet(&sheet, images, SIZE_MAX, 3, &error), -1);
	assert_int_equal(digits_sheet(&sheet, images, SIZE_MAX / 2 + 1, 1, &error),
	                 -1); /* its height would overflow to 2 */
	free(images);
}

static void png_decodes_to_the_pixels(void **state)
{
	enum { COUNT = 40 }; /* more than one stored block */
	float *images = test_images(COUNT);
	struct digits_picture sheet;
	struct digits_error error;
	size_t size, idat, iend;
	unsigned char *png, *raw = need(malloc(1 << 21));

	(void)state;
	assert_int_equal(digits_sheet(&sheet, images, COUNT, 10, &error), 0);
	assert_int_equal(digits_png_write(&sheet, PNG_FILE, &error), 0);
	assert_int_equal(digits_png_write(&sheet, PNG_FILE, &error), 0); /* over the one that is there */
	png = read_all(PNG_FILE, &size);
	assert_memory_equal(png, "\x89PNG\r\n\x1a\n", 8);
	idat = check_chunk(png, size, 8, "IHDR");
	iend = check_chunk(png, size, idat, "IDAT");
	assert_int_equal(check_chunk(png, size, iend, "IEND"), size);
	assert_int_equal(be32(png + 16), sheet.width);
	assert_int_equal(be32(png + 20), sheet.height);
	assert_memory_equal(png + 24, "\x08\0\0\0\0", 5);
	assert_int_equal(unpack(png + idat + 8, iend - idat - 12, raw), (sheet.width + 1) * sheet.height);
	for (size_t y = 0; y < sheet.height; y++) {
		assert_int_equal(raw[y * (sheet.width + 1)], 0);
		assert_memory_equal(raw + y * (sheet.width + 1) + 1, sheet.pixels + y * sheet.width, sheet.width);
	}
	remove(PNG_FILE);
	digits_picture_free(&sheet);
	free(images);
	free(png);
	free(raw);
}

static void assert_no_file(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (file)
		fclose(file);
	assert_null(file);
}

static void unwritable_png_is_reported(void **state)
{
	unsigned char pixel[4] = {0};
	struct digits_picture picture = {2, 2, pixel};
	struct digits_error error = {""};

	(void)state;
	assert_int_equal(digits_png_write(&picture, "no/such/directory/a.png", &error), -1);
	assert_non_null(strstr(error.text, "no/such/directory/a.png: cannot write"));
	assert_int_equal(digits_png_write(&picture, DIGITS_DIR, &error), -1);
	assert_non_null(strstr(error.text, "not a regular file"));
	assert_no_file(DIGITS_DIR ".tmp");
}

#ifndef _WIN32
static void failing_write_leaves_the_old_file(void **state)
{
	struct digits_picture picture = {300, 300, need(calloc(300, 300))};
	struct rlimit before, small;
	struct digits_error error = {""};
	size_t size;
	unsigned char *bytes;

	(void)state;
	write_all(PNG_FILE, (const unsigned char *)"old", 3);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 5000;
	signal(SIGXFSZ, SIG_IGN); /* let write() fail instead */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(digits_png_write(&picture, PNG_FILE, &error), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(error.text, PNG_FILE ": cannot write: "));
	assert_no_file(PNG_FILE ".tmp");
	bytes = read_all(PNG_FILE, &size);
	assert_int_equal(size, 3);
	remove(PNG_FILE);
	free(bytes);
	free(picture.pixels);
}
#endif

/* Prints to a file and checks that it is `lines` lines, the longest `width` characters wide. */
static void check_text(const float *images, size_t count, size_t columns, size_t lines, size_t width)
{
	FILE *file = need(tmpfile());
	size_t found_lines = 0, found_width = 0, length = 0;
	int c;

	assert_int_equal(digits_print_text(file, images, count, columns), 0);
	rewind(file);
	while ((c = fgetc(file)) != EOF) {
		assert_non_null(strchr(" .:-=+*#%@\n", c));
		length = c == '\n' ? 0 : length + 1;
		found_lines += c == '\n';
		found_width = length > found_width ? length : found_width;
	}
	fclose(file);
	assert_int_equal(found_lines, lines);
	assert_int_equal(found_width, width);
}

static void text_fits_the_terminal(void **state)
{
	float *images = need(malloc(7 * PIXELS * sizeof(*images)));

	(void)state;
	for (size_t i = 0; i < 7 * PIXELS; i++)
		images[i] = 1;
	check_text(images, 1, 1, 14, 28);
	check_text(images, 3, 2, 14 + 1 + 14, 28 + 1 + 28);
	check_text(images, 7, 4, 7 + 1 + 7, 4 * 15 - 1);
	check_text(images, 7, 20, 7 + 1 + 7, 5 * 15 - 1);
	for (size_t i = 0; i < 7 * PIXELS; i++)
		images[i] = -1;
	check_text(images, 7, 5, 7 + 1 + 7, 0);
	free(images);
}

struct visits {
	unsigned count[60]; /* each index is one thread's alone */
	unsigned workers;
	int strange;
};

static void visit(void *context, size_t index, unsigned worker)
{
	struct visits *visits = context;

	/* long enough for the other threads to get some of the work */
	for (volatile int i = 0; i < 100000; i++)
		continue;
	if (worker >= visits->workers)
		visits->strange = 1;
	visits->count[index]++;
}

static void workers_visit_each_index_once(void **state)
{
	static const size_t sizes[] = {0, 1, 3, 7, 59};

	(void)state;
	for (unsigned workers = 0; workers <= 5; workers++)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
			struct visits visits = {.workers = workers ? workers : digits_default_workers()};

			digits_run_workers(sizes[k], workers, visit, &visits);
			assert_false(visits.strange);
			for (size_t i = 0; i < 60; i++)
				assert_int_equal(visits.count[i], i < sizes[k]);
		}
	assert_in_range(digits_default_workers(), 1, DIGITS_MAX_WORKERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sheet_shows_images),
	    cmocka_unit_test(png_decodes_to_the_pixels),
	    cmocka_unit_test(unwritable_png_is_reported),
#ifndef _WIN32
	    cmocka_unit_test(failing_write_leaves_the_old_file),
#endif
	    cmocka_unit_test(text_fits_the_terminal),
	    cmocka_unit_test(workers_visit_each_index_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
