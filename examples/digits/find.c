#include "find.h"

#include <stdio.h>
#include <string.h>

enum { PATH = 4096 };

#ifdef _WIN32
#define SEPARATORS "/\\"
#else
#define SEPARATORS "/"
#endif

/* Relative to the program's own folder: beside it, or a build folder inside the source tree. */
static const char *const neighbours[] = {"", "../examples/digits/", "../../examples/digits/",
                                         "../../../examples/digits/"};

static size_t folder_length(const char *program)
{
	size_t n = 0;

	for (size_t i = 0; program[i]; i++)
		if (strchr(SEPARATORS, program[i]))
			n = i + 1;
	return n;
}

static int join(char path[PATH], const char *folder, size_t n, const char *more, const char *name)
{
	const char *slash = more[0] || n == 0 || strchr(SEPARATORS, folder[n - 1]) ? "" : "/";
	int length = snprintf(path, PATH, "%.*s%s%s%s", (int)(n < PATH ? n : PATH), folder, slash, more, name);

	return length >= 0 && length < PATH ? 0 : -1;
}

static int exists(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (file)
		fclose(file);
	return file != NULL;
}

static int search(char path[PATH], const char *program, const char *name)
{
	const size_t n = folder_length(program);

#ifdef DIGITS_DIR
	if (join(path, DIGITS_DIR, strlen(DIGITS_DIR), "", name) == 0 && exists(path))
		return 0;
#endif
	for (size_t i = 0; i < sizeof(neighbours) / sizeof(*neighbours); i++)
		if (join(path, program, n, neighbours[i], name) == 0 && exists(path))
			return 0;
	return -1;
}

static int find_file(char path[PATH], const char *folder, const char *program, const char *name,
                     struct digits_error *error)
{
	if (folder && join(path, folder, strlen(folder), "", name))
		return digits_fail(error, "--weights: the path is too long");
	if (!folder && search(path, program, name))
		return digits_fail(error,
		                   "%s: not found, neither where this program was built from nor beside it; give "
		                   "its folder with --weights DIR",
		                   name);
	return 0;
}

static int loading_failed(const char *folder, struct digits_error *error)
{
	return folder ? digits_fail_at(error, "weights") : -1;
}

int digits_find_net(struct digits_net *net, const char *folder, const char *program, enum digits_kind kind,
                    struct digits_error *error)
{
	char path[PATH];

	if (find_file(path, folder, program, kind == DIGITS_FLOW ? "unet_flow.bin" : "unet.bin", error))
		return -1;
	return digits_net_load(net, path, kind, error) ? loading_failed(folder, error) : 0;
}

int digits_find_classifier(struct digits_classifier *classifier, const char *folder, const char *program,
                           struct digits_error *error)
{
	char path[PATH];

	if (find_file(path, folder, program, "classifier.bin", error))
		return -1;
	return digits_classifier_load(classifier, path, error) ? loading_failed(folder, error) : 0;
}
