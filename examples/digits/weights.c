#include "weights.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"

enum { HEADER = 64, ENTRY = 64, ALIGN = 64, VERSION = 1, MAX_SIZE = 1 << 26, TRAIN_STEPS = 1000 };

static const char magic[8] = {'D', 'I', 'G', 'I', 'T', 'N', 'N', '1'};

/* a file's bytes while it is being verified */
struct source {
	const char *path;
	unsigned char *bytes;
	size_t size;
};

static uint32_t u32_at(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static float f32_at(const unsigned char *p)
{
	uint32_t bits = u32_at(p);
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static const char *kind_name(uint32_t kind)
{
	static const char *const names[] = {"unknown", "U-Net (diffusion)", "U-Net (flow)", "classifier", "golden values"};

	return names[kind < 5 ? kind : 0];
}

static int check_start(const char *path, const unsigned char *header, size_t size, struct digits_error *error)
{
	if (size == 0)
		return digits_fail(error, "%s: the file is empty, expected a weights file", path);
	if (memcmp(header, magic, size < sizeof(magic) ? size : sizeof(magic)) != 0)
		return digits_fail(error, "%s: not a weights file: it does not begin with \"DIGITNN1\"", path);
	if (size < HEADER)
		return digits_fail(error, "%s: truncated: %lu bytes, a header alone has %d", path, (unsigned long)size, HEADER);
	if (u32_at(header + 8) != VERSION)
		return digits_fail(error, "%s: format version %lu, expected %d", path, (unsigned long)u32_at(header + 8),
		                   VERSION);
	return 0;
}

static int check_size(const char *path, uint32_t size, struct digits_error *error)
{
	if (size < HEADER || size > MAX_SIZE)
		return digits_fail(error, "%s: corrupted: its header says %lu bytes, expected %d to %d", path,
		                   (unsigned long)size, HEADER, MAX_SIZE);
	return 0;
}

/* The rest of the file after its header; the header says how long the whole is. */
static int read_rest(FILE *file, struct source *source, const unsigned char *header, struct digits_error *error)
{
	unsigned long want = u32_at(header + 20), got;

	source->bytes = malloc(want);
	if (!source->bytes)
		return digits_fail(error, "%s: out of memory for %lu bytes", source->path, want);
	memcpy(source->bytes, header, HEADER);
	got = HEADER + (unsigned long)fread(source->bytes + HEADER, 1, want - HEADER, file);
	if (ferror(file))
		return digits_fail(error, "%s: cannot read: %s", source->path, strerror(errno));
	if (got < want)
		return digits_fail(error, "%s: truncated: %lu bytes, its header says %lu", source->path, got, want);
	if (fgetc(file) != EOF)
		return digits_fail(error, "%s: corrupted: longer than the %lu bytes its header says", source->path, want);
	source->size = want;
	return 0;
}

static int read_open(FILE *file, struct source *source, struct digits_error *error)
{
	unsigned char header[HEADER];
	size_t size = fread(header, 1, sizeof(header), file);

	if (ferror(file))
		return digits_fail(error, "%s: cannot read: %s", source->path, strerror(errno));
	if (check_start(source->path, header, size, error) || check_size(source->path, u32_at(header + 20), error))
		return -1;
	return read_rest(file, source, header, error);
}

static int read_file(struct source *source, struct digits_error *error)
{
	FILE *file = fopen(source->path, "rb");
	int status;

	if (!file)
		return digits_fail(error, "%s: cannot open: %s", source->path, strerror(errno));
	status = read_open(file, source, error);
	fclose(file);
	return status;
}

/* The CRC does not cover the header, so every field of it is compared with the one value this program can use. */
static int check_constants(const struct source *source, uint32_t kind, struct digits_error *error)
{
	/* length of the time vector, groups; U-Net: widths of the embedding and of both levels; classifier: of its layers
	 */
	static const uint32_t expected[5][6] = {[DIGITS_UNET] = {DIGITS_TIME, DIGITS_GROUPS, 128, 32, 64, 0},
	                                        [DIGITS_FLOW] = {DIGITS_TIME, DIGITS_GROUPS, 128, 32, 64, 0},
	                                        [DIGITS_CLASSIFIER] = {DIGITS_TIME, DIGITS_GROUPS, 0, 32, 64, 96}};
	const unsigned char *p = source->bytes;
	const uint32_t found[6] = {u32_at(p + 32), u32_at(p + 36), u32_at(p + 44),
	                           u32_at(p + 48), u32_at(p + 52), u32_at(p + 56)};

	if (u32_at(p + 28) != TRAIN_STEPS || f32_at(p + 40) != (float)DIGITS_NORM_EPS || u32_at(p + 60) != 0 ||
	    memcmp(found, expected[kind], sizeof(found)) != 0)
		return digits_fail(error, "%s: the network constants in its header are not those of this program's %s",
		                   source->path, kind_name(kind));
	return 0;
}

static int check_content(const struct source *source, enum digits_kind kind, struct digits_error *error)
{
	uint32_t found = u32_at(source->bytes + 16), stored = u32_at(source->bytes + 24);
	uint32_t crc = digits_crc32(0, source->bytes + HEADER, source->size - HEADER);

	if (crc != stored)
		return digits_fail(error, "%s: corrupted: CRC-32 %08lx, its header says %08lx", source->path,
		                   (unsigned long)crc, (unsigned long)stored);
	if (found != (uint32_t)kind)
		return digits_fail(error, "%s: holds %s (kind %lu), expected %s (kind %d)", source->path, kind_name(found),
		                   (unsigned long)found, kind_name((uint32_t)kind), (int)kind);
	return check_constants(source, found, error);
}

/* One table entry: name[32], rank, 4 dimensions, offset, count. 0 when its numbers lie inside the file. */
static int parse_entry(const struct source *source, const unsigned char *entry, struct digits_tensor *tensor,
                       size_t *offset)
{
	uint64_t product = 1;

	memcpy(tensor->name, entry, sizeof(tensor->name));
	tensor->rank = u32_at(entry + 32);
	for (size_t i = 0; i < 4; i++) {
		tensor->dim[i] = u32_at(entry + 36 + 4 * i);
		if (tensor->dim[i] == 0 || tensor->dim[i] > MAX_SIZE)
			return -1;
		product *= tensor->dim[i];
		if (product > MAX_SIZE)
			return -1;
	}
	*offset = u32_at(entry + 52);
	tensor->count = u32_at(entry + 56);
	if (tensor->name[sizeof(tensor->name) - 1] != 0 || tensor->rank < 1 || tensor->rank > 4)
		return -1;
	if (product != tensor->count || *offset % ALIGN != 0 || *offset > source->size)
		return -1;
	return tensor->count > (source->size - *offset) / 4 ? -1 : 0;
}

/* Tensors stand in the file one after the other, so together they are never more numbers than the file holds. */
static int decode_tensors(struct digits_weights *weights, const struct source *source, struct digits_error *error)
{
	size_t last_end = HEADER + (size_t)ENTRY * weights->count;
	float *to = weights->numbers;

	for (uint32_t i = 0; i < weights->count; i++) {
		struct digits_tensor *tensor = &weights->tensors[i];
		size_t offset;

		if (parse_entry(source, source->bytes + HEADER + (size_t)ENTRY * i, tensor, &offset) ||
		    offset - last_end >= ALIGN) /* also, being unsigned, when it begins too early */
			return digits_fail(error, "%s: corrupted: entry %lu of its tensor table is not possible", source->path,
			                   (unsigned long)i);
		tensor->data = to;
		for (size_t k = 0; k < tensor->count; k++)
			*to++ = f32_at(source->bytes + offset + 4 * k);
		last_end = offset + 4 * tensor->count;
	}
	if (source->size - last_end >= ALIGN)
		return digits_fail(error, "%s: corrupted: %lu bytes after its last tensor", source->path,
		                   (unsigned long)(source->size - last_end));
	return 0;
}

static int allocate(struct digits_weights *weights, const struct source *source, struct digits_error *error)
{
	uint32_t count = u32_at(source->bytes + 12);

	if (count == 0 || count > (source->size - HEADER) / ENTRY)
		return digits_fail(error, "%s: corrupted: a table of %lu tensors in %lu bytes", source->path,
		                   (unsigned long)count, (unsigned long)source->size);
	weights->count = count;
	weights->path = malloc(strlen(source->path) + 1);
	weights->tensors = calloc(count, sizeof(*weights->tensors));
	weights->numbers = malloc(source->size);
	if (!weights->path || !weights->tensors || !weights->numbers)
		return digits_fail(error, "%s: out of memory", source->path);
	memcpy(weights->path, source->path, strlen(source->path) + 1);
	return 0;
}

static int load(struct digits_weights *weights, struct source *source, enum digits_kind kind,
                struct digits_error *error)
{
	if (read_file(source, error) || check_content(source, kind, error) || allocate(weights, source, error))
		return -1;
	return decode_tensors(weights, source, error);
}

int digits_weights_load(struct digits_weights *weights, const char *path, enum digits_kind kind,
                        struct digits_error *error)
{
	struct source source = {path, NULL, 0};
	int status;

	memset(weights, 0, sizeof(*weights));
	status = load(weights, &source, kind, error);
	free(source.bytes);
	if (status)
		digits_weights_free(weights);
	return status;
}

void digits_weights_free(struct digits_weights *weights)
{
	free(weights->path);
	free(weights->tensors);
	free(weights->numbers);
	memset(weights, 0, sizeof(*weights));
}

static int same_shape(const struct digits_tensor *tensor, const size_t shape[4])
{
	for (size_t i = 0; i < 4; i++)
		if (tensor->dim[i] != shape[i])
			return 0;
	return 1;
}

static int wrong_shape(const char *path, const struct digits_tensor *tensor, const size_t shape[4],
                       struct digits_error *error)
{
	unsigned long d[8];

	for (size_t i = 0; i < 4; i++) {
		d[i] = tensor->dim[i];
		d[4 + i] = (unsigned long)shape[i];
	}
	return digits_fail(error, "%s: tensor %s is %lu x %lu x %lu x %lu, expected %lu x %lu x %lu x %lu", path,
	                   tensor->name, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
}

int digits_weights_find(const struct digits_weights *weights, const char *name, const size_t shape[4],
                        const float **data, struct digits_error *error)
{
	for (uint32_t i = 0; i < weights->count; i++) {
		const struct digits_tensor *tensor = &weights->tensors[i];

		if (strcmp(tensor->name, name) != 0)
			continue;
		if (!same_shape(tensor, shape))
			return wrong_shape(weights->path, tensor, shape, error);
		*data = tensor->data;
		return 0;
	}
	return digits_fail(error, "%s: no tensor %s", weights->path, name);
}
