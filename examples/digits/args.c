#include "args.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "workers.h"

enum type { TEXT, NUMBER, REAL, CHOICE, FLAG };

/* One option. initial: the default, read as if it had been given (NULL: the field stays zero). */
struct option {
	const char *name, *value, *initial, *help;
	enum type type;
	size_t offset;
	uint64_t low, high;
	const char *const *word;
};

static const char *const tasks[] = {"draw", "inpaint", "deblur", "super-resolve", "denoise", "encode", "decode", NULL};
static const char *const dtypes[] = {"f32", "f64", NULL};
static const char *const models[] = {"v", "flow", NULL};
static const char *const predictions[] = {"epsilon", "v", "x0", NULL};

/* The largest count whose sheet is a picture of reasonable size. */
enum { MAX_COUNT = 50000, MAX_STEPS = 1000000, MAX_NOISE = 100 };

/* the last five members of an option */
#define TEXT_IN(field) TEXT, offsetof(struct digits_args, field), 0, 0, NULL
#define NUMBER_IN(field, low, high) NUMBER, offsetof(struct digits_args, field), low, high, NULL
#define REAL_IN(field, low, high) REAL, offsetof(struct digits_args, field), low, high, NULL
#define CHOICE_IN(field, words) CHOICE, offsetof(struct digits_args, field), 0, 0, words
#define FLAG_IN(field) FLAG, offsetof(struct digits_args, field), 0, 0, NULL

static const struct option options[DIGITS_N_ARG] = {
    [DIGITS_ARG_SAMPLER] = {"sampler", "SPEC", NULL, "sampler (dpmpp_2m; with --model flow: euler)", TEXT_IN(sampler)},
    [DIGITS_ARG_SCHEDULE] = {"schedule", "SPEC", NULL,
                             "noise schedule (the network's own: linear, with --model flow: flow)", TEXT_IN(schedule)},
    [DIGITS_ARG_GRID] = {"grid", "SPEC", NULL, "grid (trailing, final level zero; with --model flow: flow)",
                         TEXT_IN(grid)},
    [DIGITS_ARG_STEPS] = {"steps", "N", "15", "steps from noise to digits (15)", NUMBER_IN(steps, 1, MAX_STEPS)},
    [DIGITS_ARG_GUIDANCE] = {"guidance", "SPEC", "none", "guidance, such as cfg:scale=2 (none)", TEXT_IN(guidance)},
    [DIGITS_ARG_TASK] = {"task", "NAME", "draw",
                         "draw; undo: inpaint, deblur, super-resolve, denoise; encode, decode (draw)",
                         CHOICE_IN(task, tasks)},
    [DIGITS_ARG_INPUT] = {"input", "FILE", NULL,
                          "picture for a task: PGM or PNG, 28 x 28, white on black (digits of the network's own)",
                          TEXT_IN(input)},
    [DIGITS_ARG_MEASURED] = {"measured", NULL, NULL, "the input is damaged already: leave it as it is",
                             FLAG_IN(measured)},
    [DIGITS_ARG_NOISE] = {"noise", "S", "0.05", "standard deviation of the measurement's noise (0.05)",
                          REAL_IN(noise, 0, MAX_NOISE)},
    [DIGITS_ARG_CODES] = {"codes", "FILE", "digits.codes", "what encode writes and decode reads (digits.codes)",
                          TEXT_IN(codes)},
    [DIGITS_ARG_CODEBOOK] = {"codebook", "LIST", "size=256",
                             "of encode: size=N, pursuit=N, coefficient_bits=N (size=256)", TEXT_IN(codebook)},
    [DIGITS_ARG_LABELS] = {"labels", "LIST", "all",
                           "digits to draw in turn: all (0 to 9), none, or a list as 3,1,4 (all)", TEXT_IN(labels)},
    [DIGITS_ARG_COUNT] = {"count", "N", "50", "number of samples (50)", NUMBER_IN(count, 1, MAX_COUNT)},
    [DIGITS_ARG_SEED] = {"seed", "S", "0", "seed of the noise (0)", NUMBER_IN(seed, 0, UINT64_MAX)},
    [DIGITS_ARG_FIRST_SAMPLE] = {"first-sample", "I", "0", "index of the first sample, for its noise and label (0)",
                                 NUMBER_IN(first_sample, 0, INT64_MAX)},
    [DIGITS_ARG_DTYPE] = {"dtype", "TYPE", "f32", "numbers of the state, f32 or f64 (f32)", CHOICE_IN(dtype, dtypes)},
    [DIGITS_ARG_MODEL] = {"model", "NAME", "v", "network: v (diffusion) or flow (v)", CHOICE_IN(model, models)},
    [DIGITS_ARG_PREDICT] = {"predict", "KIND", "v", "what the network v is used to predict: epsilon, v or x0 (v)",
                            CHOICE_IN(predict, predictions)},
    [DIGITS_ARG_THREADS] = {"threads", "N", "0", "threads for the network; 0: one per processor (0)",
                            NUMBER_IN(threads, 0, DIGITS_MAX_WORKERS)},
    [DIGITS_ARG_WEIGHTS] = {"weights", "DIR", NULL,
                            "folder of unet.bin, unet_flow.bin, classifier.bin (found by itself)", TEXT_IN(weights)},
    [DIGITS_ARG_PNG] = {"png", "FILE", "digits.png", "sheet of the samples; none: no sheet (digits.png)", TEXT_IN(png)},
    [DIGITS_ARG_RAW] = {"raw", "FILE", "none", "samples as little-endian f32, N x 28 x 28, unclipped (none)",
                        TEXT_IN(raw)},
    [DIGITS_ARG_TRAJECTORY] = {"trajectory", "FILE", "none",
                               "sheet of x0 estimates: a row per sample, a column per step (none)",
                               TEXT_IN(trajectory)},
    [DIGITS_ARG_PLAN] = {"plan", NULL, NULL, "print the computation as a table and stop", FLAG_IN(plan)},
    [DIGITS_ARG_LIST] = {"list", NULL, NULL, "print a line for every method and stop", FLAG_IN(list)},
    [DIGITS_ARG_OPTIONS] = {"options", "NAME", NULL, "print the options of a method and stop", TEXT_IN(options)},
    [DIGITS_ARG_QUIET] = {"quiet", NULL, NULL, "no progress bar and no text", FLAG_IN(quiet)},
    [DIGITS_ARG_HELP] = {"help", NULL, NULL, "print this and stop", FLAG_IN(help)},
};

static int read_number(uint64_t *number, const struct option *option, const char *text, struct digits_error *error)
{
	uint64_t n = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9'; c++) {
		unsigned digit = (unsigned)(*c - '0');

		if (n > (UINT64_MAX - digit) / 10)
			break;
		n = 10 * n + digit;
	}
	if (c == text || *c || n < option->low || n > option->high)
		return digits_fail(error, "--%s: \"%s\" is no whole number from %llu to %llu", option->name, text,
		                   (unsigned long long)option->low, (unsigned long long)option->high);
	*number = n;
	return 0;
}

static int read_real(double *number, const struct option *option, const char *text, struct digits_error *error)
{
	char *end;

	*number = strtod(text, &end);
	if (end == text || *end || text[strspn(text, "+-.0123456789eE")] ||
	    !(*number >= (double)option->low && *number <= (double)option->high))
		return digits_fail(error, "--%s: \"%s\" is no number from %llu to %llu", option->name, text,
		                   (unsigned long long)option->low, (unsigned long long)option->high);
	return 0;
}

static int read_choice(int32_t *choice, const struct option *option, const char *text, struct digits_error *error)
{
	char words[64] = "";

	for (int32_t i = 0; option->word[i]; i++) {
		if (strcmp(option->word[i], text) == 0) {
			*choice = i;
			return 0;
		}
		strcat(words, i ? ", " : "");
		strcat(words, option->word[i]);
	}
	return digits_fail(error, "--%s: \"%s\" is none of %s", option->name, text, words);
}

static int set(struct digits_args *args, const struct option *option, const char *text, struct digits_error *error)
{
	void *field = (char *)args + option->offset;

	switch (option->type) {
	case NUMBER:
		return read_number(field, option, text, error);
	case REAL:
		return read_real(field, option, text, error);
	case CHOICE:
		return read_choice(field, option, text, error);
	case FLAG:
		*(int32_t *)field = 1;
		return 0;
	default:
		if (!*text)
			return digits_fail(error, "--%s: needs a value, got an empty text", option->name);
		*(const char **)field = text;
		return 0;
	}
}

/* The number of letters to insert, delete or replace (Levenshtein); words are cut at 31 letters. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], n = strlen(b) < 31 ? strlen(b) : 31;

	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; a[i] && i < 31; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t k = 1; k <= n; k++) {
			size_t above = row[k], best = diagonal + (a[i] != b[k - 1]);

			best = above + 1 < best ? above + 1 : best;
			row[k] = row[k - 1] + 1 < best ? row[k - 1] + 1 : best;
			diagonal = above;
		}
	}
	return row[n];
}

static int unknown(const char *word, const char *name, struct digits_error *error)
{
	const char *nearest = NULL;
	size_t least = 3;

	for (size_t i = 0; i < DIGITS_N_ARG; i++)
		if (distance(name, options[i].name) < least) {
			nearest = options[i].name;
			least = distance(name, nearest);
		}
	return nearest ? digits_fail(error, "unknown option \"%s\"; did you mean --%s?", word, nearest)
	               : digits_fail(error, "unknown option \"%s\"", word);
}

/* The option that a word "--name" or "--name=value" names; *value points behind the sign, or is NULL. */
static int find(size_t *found, const char *word, const char **value, struct digits_error *error)
{
	char name[32] = "";
	size_t n;

	*value = NULL;
	if (strcmp(word, "-h") == 0)
		word = "--help";
	if (strncmp(word, "--", 2) != 0)
		return digits_fail(error, "unexpected argument \"%s\"", word);
	n = strcspn(word + 2, "=");
	if (word[2 + n])
		*value = word + 2 + n + 1;
	strncat(name, word + 2, n < sizeof(name) - 1 ? n : sizeof(name) - 1);
	for (*found = 0; *found < DIGITS_N_ARG; ++*found)
		if (strcmp(options[*found].name, name) == 0)
			return 0;
	return unknown(word, name, error);
}

/* Reads the option at argv[*i] and leaves *i at its last word. */
static int read_option(struct digits_args *args, char *const *argv, int *i, struct digits_error *error)
{
	const char *value;
	size_t k;

	if (find(&k, argv[*i], &value, error))
		return -1;
	if (args->given & 1u << k)
		return digits_fail(error, "--%s is given twice", options[k].name);
	args->given |= 1u << k;
	if (options[k].type == FLAG && value)
		return digits_fail(error, "--%s takes no value", options[k].name);
	if (options[k].type != FLAG && !value) {
		value = argv[++*i];
		if (!value)
			return digits_fail(error, "--%s: needs a value (%s)", options[k].name, options[k].value);
	}
	return set(args, &options[k], value, error);
}

/* "none" is no file. */
static void drop_none(const char **path)
{
	if (*path && strcmp(*path, "none") == 0)
		*path = NULL;
}

static int same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static int has(const struct digits_args *args, int option)
{
	return (args->given >> option & 1) != 0;
}

static int undoes(const struct digits_args *args)
{
	return args->task != DIGITS_TASK_DRAW && args->task < DIGITS_TASK_ENCODE;
}

/* What stands in the place of options that were not given where something is to be undone: 25 steps of ddim with
 * fresh noise, which makes up for errors of the steps before, most of them near the data; a pixel of the digits, from -1
 * to 1, deviates by about 0.5. */
static void complete_undoing(struct digits_args *args)
{
	if (!args->sampler)
		args->sampler = "ddim:eta=1";
	if (!args->grid && !args->schedule && args->model == DIGITS_MODEL_V)
		args->grid = "karras";
	if (!has(args, DIGITS_ARG_GUIDANCE))
		args->guidance = "pgdm:data=0.5";
}

static void complete_task(struct digits_args *args)
{
	if (undoes(args))
		complete_undoing(args);
	if (!has(args, DIGITS_ARG_STEPS))
		args->steps = undoes(args) ? 25 : 100;
	if (args->input && args->task == DIGITS_TASK_ENCODE)
		args->count = 1;
	else if (!has(args, DIGITS_ARG_COUNT))
		args->count = 10;
	if (args->input && !has(args, DIGITS_ARG_LABELS))
		args->labels = "none";
}

/* The tasks that an option belongs to, a bit for each. */
enum {
	DRAW = 1 << DIGITS_TASK_DRAW,
	ENCODE = 1 << DIGITS_TASK_ENCODE,
	DECODE = 1 << DIGITS_TASK_DECODE,
	UNDO =
	    1 << DIGITS_TASK_INPAINT | 1 << DIGITS_TASK_DEBLUR | 1 << DIGITS_TASK_SUPER_RESOLVE | 1 << DIGITS_TASK_DENOISE
};

static const struct {
	int32_t option, tasks;
} belongs[] = {
    {DIGITS_ARG_INPUT, UNDO | ENCODE},
    {DIGITS_ARG_MEASURED, UNDO},
    {DIGITS_ARG_NOISE, UNDO},
    {DIGITS_ARG_CODES, ENCODE | DECODE},
    {DIGITS_ARG_CODEBOOK, ENCODE},
    {DIGITS_ARG_SAMPLER, DRAW | UNDO},
    {DIGITS_ARG_GUIDANCE, DRAW | UNDO},
    {DIGITS_ARG_TRAJECTORY, DRAW | UNDO},
    {DIGITS_ARG_DTYPE, DRAW | UNDO},
    {DIGITS_ARG_PLAN, DRAW | UNDO},
    {DIGITS_ARG_SCHEDULE, DRAW | UNDO | ENCODE},
    {DIGITS_ARG_GRID, DRAW | UNDO | ENCODE},
    {DIGITS_ARG_STEPS, DRAW | UNDO | ENCODE},
    {DIGITS_ARG_LABELS, DRAW | UNDO | ENCODE},
    {DIGITS_ARG_COUNT, DRAW | UNDO | ENCODE},
    {DIGITS_ARG_SEED, DRAW | UNDO | ENCODE},
    {DIGITS_ARG_MODEL, DRAW | UNDO | ENCODE},
    {DIGITS_ARG_FIRST_SAMPLE, DRAW | UNDO | ENCODE},
    {DIGITS_ARG_PREDICT, DRAW | UNDO | ENCODE},
};

static int check_task(const struct digits_args *args, struct digits_error *error)
{
	char words[96] = "";

	for (size_t i = 0; i < sizeof(belongs) / sizeof(*belongs); i++) {
		if (!has(args, belongs[i].option) || belongs[i].tasks >> args->task & 1)
			continue;
		for (int32_t k = 0; tasks[k]; k++)
			if (belongs[i].tasks >> k & 1) {
				strcat(words, *words ? ", " : "");
				strcat(words, tasks[k]);
			}
		return digits_fail(error, "--%s does not belong to --task %s, but to: %s", options[belongs[i].option].name,
		                   tasks[args->task], words);
	}
	if (args->measured && !args->input)
		return digits_fail(error, "--measured needs an --input");
	if (args->task == DIGITS_TASK_ENCODE && args->input && has(args, DIGITS_ARG_COUNT) && args->count != 1)
		return digits_fail(error, "--count: %llu digits to encode, but --input gives 1",
		                   (unsigned long long)args->count);
	return 0;
}

static int complete(struct digits_args *args, struct digits_error *error)
{
	const int flow = args->model == DIGITS_MODEL_FLOW;

	if (flow && has(args, DIGITS_ARG_PREDICT))
		return digits_fail(error, "--predict: the network of --model flow gives a velocity and nothing else");
	if (check_task(args, error))
		return -1;
	if (args->task != DIGITS_TASK_DRAW)
		complete_task(args);
	if (!args->sampler)
		args->sampler = flow ? "euler" : "dpmpp_2m";
	if (!args->schedule)
		args->schedule = flow ? "flow" : "linear";
	if (!args->grid)
		args->grid = flow ? "flow" : "trailing";
	drop_none(&args->png);
	drop_none(&args->raw);
	drop_none(&args->trajectory);
	if (args->task == DIGITS_TASK_ENCODE && (same(args->codes, args->png) || same(args->codes, args->raw)))
		return digits_fail(error, "two outputs have the same name \"%s\"", args->codes);
	if (same(args->png, args->raw) || same(args->png, args->trajectory) || same(args->raw, args->trajectory))
		return digits_fail(error, "two outputs have the same name \"%s\"",
		                   same(args->raw, args->trajectory) ? args->raw : args->png);
	return 0;
}

int digits_args_parse(struct digits_args *args, int argc, char *const *argv, struct digits_error *error)
{
	memset(args, 0, sizeof(*args));
	for (size_t k = 0; k < DIGITS_N_ARG; k++)
		if (options[k].initial && set(args, &options[k], options[k].initial, error))
			return -1;
	for (int i = 1; i < argc; i++)
		if (read_option(args, argv, &i, error))
			return -1;
	return complete(args, error);
}

void digits_args_help(FILE *out)
{
	fputs("usage: digits [option]...\n"
	      "Draws handwritten digits with a small trained network. Defaults stand in brackets.\n"
	      "For a --task to undo they are: --sampler ddim:eta=1 --grid karras --steps 25 --count 10,\n"
	      "--guidance pgdm:data=0.5, --labels none with an --input; options noise of the guidance get --noise.\n"
	      "For encode: --steps 100 --count 10. All that decode needs stands in the file of codes.\n\n",
	      out);
	for (size_t k = 0; k < DIGITS_N_ARG; k++)
		fprintf(out, "  --%-12s %-4s  %s\n", options[k].name, options[k].value ? options[k].value : "",
		        options[k].help);
	fputs(
	    "\nA SPEC is a name with options, name:option=value,option=value. --list shows the names, --options NAME the\n"
	    "options. A guidance may be several with | between. One that begins with classifier steers the network "
	    "without\n"
	    "labels; the target of classifier and reconstruct is a digit, or 10: that of --labels.\n",
	    out);
}
