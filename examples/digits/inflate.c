#include "inflate.h"

#include <stdint.h>
#include <string.h>

#include "crc.h"

enum { MAX_BITS = 15, END_OF_BLOCK = 256, N_LENGTH = 288, N_DISTANCE = 32 };

/* wrong: NULL while all is well; once it is set every function returns 0 and changes nothing. */
struct stream {
	const unsigned char *in;
	size_t in_size, at;
	uint32_t held; /* bits taken from the input, the next one lowest */
	unsigned n_held;
	unsigned char *out;
	size_t out_size, done;
	const char *wrong;
};

/* A canonical Huffman code: how many codes there are of each length, and their symbols in order. */
struct code {
	unsigned count[MAX_BITS + 1];
	uint16_t symbol[N_LENGTH];
};

static unsigned bits(struct stream *s, unsigned n)
{
	unsigned value;

	while (s->n_held < n && !s->wrong) {
		if (s->at == s->in_size)
			s->wrong = "compressed data are cut off";
		else
			s->held |= (uint32_t)s->in[s->at++] << s->n_held;
		s->n_held += 8;
	}
	if (s->wrong)
		return 0;
	value = s->held & ((1u << n) - 1);
	s->held >>= n;
	s->n_held -= n;
	return value;
}

static void put(struct stream *s, unsigned char byte)
{
	if (s->done == s->out_size)
		s->wrong = "more data than the picture has";
	else
		s->out[s->done++] = byte;
}

static void make_code(struct stream *s, struct code *code, const unsigned char *length, unsigned n)
{
	unsigned start[MAX_BITS + 2] = {0}, space = 1;

	memset(code, 0, sizeof(*code));
	for (unsigned i = 0; i < n; i++)
		code->count[length[i]] += length[i] > 0;
	for (unsigned l = 1; l <= MAX_BITS; l++) {
		space *= 2;
		if (code->count[l] > space) {
			s->wrong = "Huffman code has too many symbols";
			return;
		}
		space -= code->count[l];
		start[l + 1] = start[l] + code->count[l];
	}
	for (unsigned i = 0; i < n; i++)
		if (length[i] > 0)
			code->symbol[start[length[i]]++] = (uint16_t)i;
}

/* Codes of one length are consecutive numbers and follow on, doubled, from those of the length before. */
static unsigned symbol(struct stream *s, const struct code *code)
{
	unsigned value = 0, first = 0, passed = 0;

	for (unsigned l = 1; l <= MAX_BITS; l++) {
		value = 2 * value + bits(s, 1);
		first *= 2;
		if (value - first < code->count[l])
			return s->wrong ? 0 : code->symbol[passed + value - first];
		first += code->count[l];
		passed += code->count[l];
	}
	if (!s->wrong)
		s->wrong = "unknown Huffman code";
	return 0;
}

/* A number in the form of a few high bits and the count of those that follow: two or four classes per power of two. */
static unsigned ranged(struct stream *s, unsigned class, unsigned log_classes)
{
	const unsigned n = 1u << log_classes, extra = class < 2 * n ? 0 : (class >> log_classes) - 1;

	return class < n ? class : ((n + class % n) << extra) + bits(s, extra);
}

static void repeat(struct stream *s, unsigned class, const struct code *distances)
{
	const unsigned length = class == 28 ? 258 : 3 + ranged(s, class, 2), far = symbol(s, distances);
	const size_t distance = 1 + ranged(s, far, 1);

	if (!s->wrong && (class > 28 || far > 29 || distance > s->done))
		s->wrong = "reference to data that do not exist";
	for (unsigned i = 0; i < length && !s->wrong; i++)
		put(s, s->out[s->done - distance]);
}

static void packed(struct stream *s, const struct code *lengths, const struct code *distances)
{
	while (!s->wrong) {
		const unsigned k = symbol(s, lengths);

		if (k == END_OF_BLOCK)
			return;
		if (k > END_OF_BLOCK)
			repeat(s, k - END_OF_BLOCK - 1, distances);
		else if (!s->wrong)
			put(s, (unsigned char)k);
	}
}

static void fixed_block(struct stream *s)
{
	unsigned char length[N_LENGTH + N_DISTANCE];
	struct code lengths, distances;

	memset(length, 8, N_LENGTH);
	memset(length + 144, 9, 256 - 144);
	memset(length + 256, 7, 280 - 256);
	memset(length + N_LENGTH, 5, N_DISTANCE);
	make_code(s, &lengths, length, N_LENGTH);
	make_code(s, &distances, length + N_LENGTH, N_DISTANCE);
	packed(s, &lengths, &distances);
}

/* The lengths of the codes, themselves packed: 16 repeats the last one, 17 and 18 are runs of 0. */
static void read_lengths(struct stream *s, const struct code *code, unsigned char *length, unsigned n)
{
	static const unsigned char run_bits[] = {2, 3, 7}, run_base[] = {3, 3, 11};

	for (unsigned i = 0; i < n && !s->wrong;) {
		const unsigned k = symbol(s, code), run = k < 16 ? 1 : run_base[k - 16] + bits(s, run_bits[k - 16]);

		if (!s->wrong && (run > n - i || (k == 16 && i == 0)))
			s->wrong = "Huffman code lengths do not fit";
		else if (!s->wrong)
			memset(length + i, k < 16 ? (int)k : k == 16 ? length[i - 1] : 0, run);
		i += run;
	}
}

static void own_block(struct stream *s)
{
	static const unsigned char order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	const unsigned n_length = 257 + bits(s, 5), n_distance = 1 + bits(s, 5), n = 4 + bits(s, 4);
	unsigned char length[N_LENGTH + N_DISTANCE] = {0};
	struct code lengths, distances;

	for (unsigned i = 0; i < n; i++)
		length[order[i]] = (unsigned char)bits(s, 3);
	make_code(s, &lengths, length, 19);
	memset(length, 0, sizeof(length));
	read_lengths(s, &lengths, length, n_length + n_distance);
	if (s->wrong)
		return;
	make_code(s, &lengths, length, n_length < N_LENGTH ? n_length : N_LENGTH);
	make_code(s, &distances, length + n_length, n_distance);
	packed(s, &lengths, &distances);
}

static void stored_block(struct stream *s)
{
	unsigned size, complement;

	bits(s, s->n_held % 8);
	size = bits(s, 16);
	complement = bits(s, 16);
	if (!s->wrong && (size ^ complement) != 0xffff)
		s->wrong = "stored block has no valid length";
	while (size-- > 0 && !s->wrong)
		put(s, (unsigned char)bits(s, 8));
}

/* High byte first, unlike everything before it. */
static void check_sum(struct stream *s)
{
	uint32_t sum = 0;

	bits(s, s->n_held % 8);
	for (int i = 0; i < 4; i++)
		sum = sum << 8 | bits(s, 8);
	if (!s->wrong && sum != digits_adler32(s->out, s->done))
		s->wrong = "Adler-32 does not match";
}

const char *digits_inflate(const unsigned char *in, size_t in_size, unsigned char *out, size_t out_size)
{
	static void (*const block[])(struct stream *) = {stored_block, fixed_block, own_block};
	struct stream s = {.in = in, .in_size = in_size, .out = out, .out_size = out_size};
	const unsigned method = bits(&s, 8), flags = bits(&s, 8);

	if (!s.wrong && (method % 16 != 8 || method > 0x78 || (256 * method + flags) % 31 != 0 || flags & 32))
		s.wrong = "no zlib stream";
	for (unsigned last = 0; !last && !s.wrong;) {
		last = bits(&s, 1);
		const unsigned kind = bits(&s, 2);

		if (kind > 2)
			s.wrong = "unknown kind of block";
		else if (!s.wrong)
			block[kind](&s);
	}
	if (!s.wrong && s.done < out_size)
		s.wrong = "less data than the picture has";
	if (!s.wrong)
		check_sum(&s);
	return s.wrong;
}
