/* The digits example's networks against golden values, and the loader of their weights against broken files. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"
#include "crc.h"
#include "net.h"
#include "workers.h"

#define GOLDEN TEST_DATA_DIR "/digits/golden.bin"
#define SCRATCH_FILE "test_digits_net.bin"

enum { CASES = 4, PIXELS = DIGITS_PIXELS };

static void *need(void *memory)
{
	assert_non_null(memory);
	return memory;
}

/* Scratch memory full of NaN: whatever a forward pass does not set itself must not matter. */
static void *dirty(size_t size)
{
	return memset(need(malloc(size)), 0xff, size);
}

static const float *golden(const struct digits_weights *file, const char *name)
{
	for (uint32_t i = 0; i < file->count; i++)
		if (strcmp(file->tensors[i].name, name) == 0)
			return file->tensors[i].data;
	fail_msg("no golden %s", name);
	return NULL;
}

static void load_golden(struct digits_weights *file)
{
	struct digits_error error;

	if (digits_weights_load(file, GOLDEN, DIGITS_GOLDEN, &error))
		fail_msg("%s", error.text);
}

static void load_net(struct digits_net *net, const char *path, enum digits_kind kind)
{
	struct digits_error error;

	if (digits_net_load(net, path, kind, &error))
		fail_msg("%s", error.text);
}

static void assert_near(const float *found, const float *expected, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabsf(found[i] - expected[i]) <= 1e-4f))
			fail_msg("[%d]: %.9g, expected %.9g", (int)i, (double)found[i], (double)expected[i]);
}

static void check_net(const char *path, enum digits_kind kind, const char *x, const char *t, float time_factor,
                      const char *out)
{
	struct digits_net_scratch *scratch = dirty(sizeof(*scratch));
	struct digits_weights file;
	struct digits_net net;
	float raw[PIXELS];

	load_golden(&file);
	load_net(&net, path, kind);
	for (size_t i = 0; i < CASES; i++) {
		digits_net_forward(&net, golden(&file, x) + i * PIXELS, (double)(time_factor * golden(&file, t)[i]),
		                   (int)golden(&file, "class")[i], raw, scratch);
		assert_near(raw, golden(&file, out) + i * PIXELS, PIXELS);
	}
	digits_net_free(&net);
	digits_weights_free(&file);
	free(scratch);
}

static void unet_gives_golden_values(void **state)
{
	(void)state;
	check_net(DIGITS_DIR "/unet.bin", DIGITS_UNET, "x", "t", 1, "unet.raw");
}

static void flow_gives_golden_values(void **state)
{
	(void)state;
	check_net(DIGITS_DIR "/unet_flow.bin", DIGITS_FLOW, "flow.x", "flow.s", 1000, "flow.velocity");
}

static void classifier_gives_golden_values(void **state)
{
	struct digits_classifier_scratch *scratch = dirty(sizeof(*scratch));
	struct digits_classifier classifier;
	struct digits_weights file;
	struct digits_error error;
	float logits[DIGITS_LOGITS], gradient[PIXELS], logp;

	(void)state;
	load_golden(&file);
	assert_int_equal(digits_classifier_load(&classifier, DIGITS_DIR "/classifier.bin", &error), 0);
	for (size_t i = 0; i < CASES; i++) {
		const float *x = golden(&file, "x") + i * PIXELS;
		double t = (double)golden(&file, "t")[i];

		digits_classifier_logits(&classifier, x, t, logits, scratch);
		assert_near(logits, golden(&file, "cls.logits") + i * DIGITS_LOGITS, DIGITS_LOGITS);
		memset(scratch, 0xff, sizeof(*scratch));
		logp = digits_classifier_gradient(&classifier, x, t, (int)golden(&file, "cls.y")[i], gradient, scratch);
		assert_near(&logp, golden(&file, "cls.logp") + i, 1);
		assert_near(gradient, golden(&file, "cls.grad") + i * PIXELS, PIXELS);
	}
	digits_classifier_free(&classifier);
	digits_weights_free(&file);
	free(scratch);
}

struct batch {
	const struct digits_net *net;
	const float *x;
	struct digits_net_scratch *scratch; /* one per worker */
	float *raw;
};

static void forward_one(void *context, size_t index, unsigned worker)
{
	const struct batch *batch = context;
	float *raw = batch->raw + index * PIXELS;

	/* in place, as the header allows */
	memcpy(raw, batch->x + index % CASES * PIXELS, PIXELS * sizeof(*raw));
	digits_net_forward(batch->net, raw, 500, (int)index % 11, raw, batch->scratch + worker);
}

static void threads_change_no_bit(void **state)
{
	enum { BATCH = 12, THREADS = 3, SIZE = BATCH * PIXELS * sizeof(float) };
	struct digits_weights file;
	struct digits_net net;
	float *expected = need(malloc(SIZE));
	struct batch batch = {&net, NULL, dirty(THREADS * sizeof(*batch.scratch)), need(malloc(SIZE))};

	(void)state;
	load_golden(&file);
	load_net(&net, DIGITS_DIR "/unet.bin", DIGITS_UNET);
	batch.x = golden(&file, "x");
	for (size_t i = 0; i < BATCH; i++)
		digits_net_forward(&net, batch.x + i % CASES * PIXELS, 500, (int)i % 11, expected + i * PIXELS, batch.scratch);
	digits_run_workers(BATCH, THREADS, forward_one, &batch);
	assert_memory_equal(batch.raw, expected, SIZE);
	digits_net_free(&net);
	digits_weights_free(&file);
	free(batch.scratch);
	free(batch.raw);
	free(expected);
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

/* The loader must refuse `path`, naming it and saying `word`. */
static void assert_refused(const char *path, enum digits_kind kind, const char *word)
{
	struct digits_error error = {""};
	struct digits_weights weights;

	if (digits_weights_load(&weights, path, kind, &error) == 0)
		fail_msg("accepted, expected: %s", word);
	if (!strstr(error.text, path) || !strstr(error.text, word))
		fail_msg("\"%s\" does not say \"%s\"", error.text, word);
	assert_null(weights.tensors);
}

static void assert_bytes_refused(const unsigned char *bytes, size_t size, const char *word)
{
	write_all(SCRATCH_FILE, bytes, size);
	assert_refused(SCRATCH_FILE, DIGITS_GOLDEN, word);
	remove(SCRATCH_FILE);
}

static void missing_file_is_refused(void **state)
{
	struct digits_error error = {""};
	struct digits_net net;

	(void)state;
	assert_refused("no/such/file.bin", DIGITS_UNET, "cannot open");
	assert_int_equal(digits_net_load(&net, "no/such/file.bin", DIGITS_UNET, &error), -1);
	assert_non_null(strstr(error.text, "no/such/file.bin: cannot open"));
}

static void truncated_file_is_refused(void **state)
{
	static const size_t lengths[] = {1, 7, 8, 20, 63, 64, 65, 500, 832, 40000};
	size_t size;
	unsigned char *bytes = read_all(GOLDEN, &size);

	(void)state;
	assert_bytes_refused(bytes, 0, "empty");
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		assert_bytes_refused(bytes, lengths[i], "truncated");
	assert_bytes_refused(bytes, size - 1, "truncated");
	bytes[size] = 0;
	assert_bytes_refused(bytes, size + 1, "longer");
	free(bytes);
}

static void flipped_bit_is_refused(void **state)
{
	size_t size;
	unsigned char *bytes = read_all(GOLDEN, &size);

	(void)state;
	for (size_t at = 0; at < size; at += at < 64 ? 1 : 1999) { /* every byte of the header, some of the rest */
		unsigned char bit = (unsigned char)(1 << at % 8);

		bytes[at] ^= bit;
		assert_bytes_refused(bytes, size, at < 64 ? "" : "corrupted: CRC-32");
		bytes[at] ^= bit;
	}
	free(bytes);
}

static void wrong_kind_is_refused(void **state)
{
	(void)state;
	assert_refused(DIGITS_DIR "/unet.bin", DIGITS_FLOW, "holds U-Net (diffusion) (kind 1), expected U-Net (flow)");
	assert_refused(DIGITS_DIR "/unet_flow.bin", DIGITS_UNET, "holds U-Net (flow) (kind 2)");
	assert_refused(DIGITS_DIR "/classifier.bin", DIGITS_UNET, "holds classifier (kind 3)");
	assert_refused(DIGITS_DIR "/PROVENANCE.md", DIGITS_UNET, "not a weights file");
}

static void put_u32(unsigned char *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> 8 * i & 255);
}

struct field {
	size_t at;
	uint32_t value;
};

/* Changes fields and makes the CRC right again, so that only the check of these fields can refuse the file. */
static void assert_fields_refused(const struct field *fields, size_t count, const char *word)
{
	size_t size;
	unsigned char *bytes = read_all(GOLDEN, &size);

	for (size_t i = 0; i < count; i++)
		put_u32(bytes + fields[i].at, fields[i].value);

	put_u32(bytes + 24, digits_crc32(0, bytes + 64, size - 64));
	assert_bytes_refused(bytes, size, word);
	free(bytes);
}

static void assert_field_refused(size_t at, uint32_t value, const char *word)
{
	const struct field field = {at, value};

	assert_fields_refused(&field, 1, word);
}

static void impossible_header_is_refused(void **state)
{
	(void)state;
	assert_field_refused(8, 2, "format version 2, expected 1");
	assert_field_refused(12, 0, "a table of 0 tensors");
	assert_field_refused(12, 0xffffffff, "a table of 4294967295 tensors");
	assert_field_refused(12, 11, "entry 0 ");
	assert_field_refused(20, 10, "header says 10 bytes, expected 64 to");
	assert_field_refused(20, 0xfffffff0, "header says 4294967280 bytes, expected 64 to");
	assert_field_refused(28, 999, "network constants");
}

static void impossible_table_is_refused(void **state)
{
	const size_t last = 64 + 11 * 64; /* the entry of cls.grad, 4 x 28 x 28 */

	(void)state;
	assert_field_refused(last + 28, 0xffffffff, "entry 11 ");      /* name without an end */
	assert_field_refused(last + 32, 5, "entry 11 ");               /* rank */
	assert_field_refused(last + 36, 0x40000000, "entry 11 ");      /* a dimension whose product overflows */
	assert_field_refused(last + 40, 27, "entry 11 ");              /* product differs from the count */
	assert_field_refused(last + 52, 64064 + 64, "entry 11 ");      /* leaves a gap */
	assert_field_refused(last + 52, 0x7fffffc0, "entry 11 ");      /* lies past the end */
	assert_field_refused(last - 64 + 52, 64001, "entry 10 ");      /* not aligned */
	assert_field_refused(last + 52, 64000, "entry 11 ");           /* overlaps the one before */
	assert_field_refused(last - 64 + 56, 0x40000004, "entry 10 "); /* count whose bytes overflow 32 bits */
}

/* Shapes that agree with their counts and still cannot be. */
static void impossible_shape_is_refused(void **state)
{
	const size_t last = 64 + 11 * 64;
	const struct field too_many[] = {{last + 36, 5}, {last + 56, 5 * PIXELS}};
	const struct field too_few[] = {{last + 36, 3}, {last + 56, 3 * PIXELS}};
	const struct field empty[] = {{last + 36, 0}, {last + 56, 0}};
	/* 2^26 * 2^26 * 2^12 is 0 in 64 bits */
	const struct field overflow[] = {{last + 36, 1 << 26}, {last + 40, 1 << 26}, {last + 44, 1 << 12}, {last + 56, 0}};

	(void)state;
	assert_fields_refused(too_many, 2, "entry 11 ");
	assert_fields_refused(too_few, 2, "3136 bytes after its last tensor");
	assert_fields_refused(overflow, 4, "entry 11 ");
	assert_fields_refused(empty, 2, "entry 11 ");
}

/* The file ends in the gap before its last tensor. */
static void tensor_behind_the_end_is_refused(void **state)
{
	const uint32_t shorter = 64064 - 10;
	size_t size;
	unsigned char *bytes = read_all(GOLDEN, &size);

	(void)state;
	put_u32(bytes + 20, shorter);
	put_u32(bytes + 24, digits_crc32(0, bytes + 64, shorter - 64));
	assert_bytes_refused(bytes, shorter, "entry 11 ");
	free(bytes);
}

static void wrong_tensors_are_refused(void **state)
{
	const size_t shape[4] = {4, 28, 28, 1};
	struct digits_error error = {""};
	struct digits_weights file;
	const float *data;

	(void)state;
	load_golden(&file);
	assert_int_equal(digits_weights_find(&file, "x", shape, &data, &error), 0);
	assert_ptr_equal(data, golden(&file, "x"));
	assert_int_equal(digits_weights_find(&file, "t", shape, &data, &error), -1);
	assert_non_null(strstr(error.text, "tensor t is 4 x 1 x 1 x 1, expected 4 x 28 x 28 x 1"));
	assert_int_equal(digits_weights_find(&file, "y", shape, &data, &error), -1);
	assert_non_null(strstr(error.text, "no tensor y"));
	digits_weights_free(&file);
}

/* The backward pass of the U-Net against central differences of the forward pass, in random directions, from dirty
 * memory, for both networks and with and without a label. f32 differences with a step of 0.001 are good to about 3e-3. */
static void net_gradients_match_differences(void **state)
{
	static const struct {
		const char *file;
		enum digits_kind kind;
		double t;
		int label;
	} rows[] = {{"/unet.bin", DIGITS_UNET, 300, 3},
	            {"/unet.bin", DIGITS_UNET, 20, DIGITS_NO_LABEL},
	            {"/unet_flow.bin", DIGITS_FLOW, 700, 8}};
	struct digits_net_scratch *scratch = dirty(sizeof(*scratch));
	struct digits_net_tape *tape = dirty(sizeof(*tape));
	uint64_t random = 1;

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
		struct digits_net net;
		char path[512];
		float x[PIXELS], cotangent[PIXELS], gradient[PIXELS], direction[PIXELS], moved[PIXELS], raw[2][PIXELS],
		    out[PIXELS];
		float *const filled[] = {x, cotangent, direction};

		snprintf(path, sizeof(path), "%s%s", DIGITS_DIR, rows[row].file);
		load_net(&net, path, rows[row].kind);
		for (size_t k = 0; k < 3; k++)
			for (size_t i = 0; i < PIXELS; i++) {
				random = random * 6364136223846793005u + 1442695040888963407u;
				filled[k][i] = (float)((double)(random >> 11) / 4503599627370496.0 - 1);
			}
		digits_net_record(&net, x, rows[row].t, rows[row].label, out, scratch, tape);
		digits_net_back(&net, cotangent, gradient, tape);
		digits_net_forward(&net, x, rows[row].t, rows[row].label, raw[0], scratch);
		assert_memory_equal(out, raw[0], sizeof(out));
		double along = 0, difference = 0;

		for (int side = 0; side < 2; side++) {
			for (size_t i = 0; i < PIXELS; i++)
				moved[i] = x[i] + (side ? 0.001f : -0.001f) * direction[i];
			digits_net_forward(&net, moved, rows[row].t, rows[row].label, raw[side], scratch);
		}
		for (size_t i = 0; i < PIXELS; i++) {
			along += (double)gradient[i] * direction[i];
			difference += (double)cotangent[i] * ((double)raw[1][i] - raw[0][i]) / 0.002;
		}
		if (!(fabs(along - difference) < 5e-3 * fmax(1, fabs(difference))))
			fail_msg("%s: %g along the gradient, %g by differences", rows[row].file, along, difference);
		digits_net_free(&net);
	}
	free(scratch);
	free(tape);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(net_gradients_match_differences),
	    cmocka_unit_test(unet_gives_golden_values),
	    cmocka_unit_test(flow_gives_golden_values),
	    cmocka_unit_test(classifier_gives_golden_values),
	    cmocka_unit_test(threads_change_no_bit),
	    cmocka_unit_test(missing_file_is_refused),
	    cmocka_unit_test(truncated_file_is_refused),
	    cmocka_unit_test(flipped_bit_is_refused),
	    cmocka_unit_test(wrong_kind_is_refused),
	    cmocka_unit_test(impossible_header_is_refused),
	    cmocka_unit_test(impossible_table_is_refused),
	    cmocka_unit_test(impossible_shape_is_refused),
	    cmocka_unit_test(tensor_behind_the_end_is_refused),
	    cmocka_unit_test(wrong_tensors_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
