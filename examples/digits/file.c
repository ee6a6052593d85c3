#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef _WIN32
#include <windows.h>
#endif

enum target { TARGET_FILE, TARGET_DEVICE, TARGET_DIRECTORY };

static enum target target_at(const char *path)
{
	struct stat info;

	if (stat(path, &info) != 0 || S_ISREG(info.st_mode))
		return TARGET_FILE;
	return S_ISDIR(info.st_mode) ? TARGET_DIRECTORY : TARGET_DEVICE;
}

static int close_file(FILE *file, int status)
{
	if (fclose(file) != 0 && status == 0)
		return errno ? errno : EIO;
	return status;
}

/* 0, or the errno of what failed */
static int write_bytes(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");
	int status = 0;

	if (!file)
		return errno;
	errno = 0;
	if (size > 0 && fwrite(bytes, 1, size, file) != size)
		status = errno ? errno : EIO;
	return close_file(file, status);
}

static int replace_file(const char *from, const char *to)
{
#ifdef _WIN32 /* whose rename() refuses a name that exists */
	return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING) ? 0 : EACCES;
#else
	return rename(from, to) == 0 ? 0 : errno;
#endif
}

static char *temporary_name(const char *path)
{
	char *name = malloc(strlen(path) + 5);

	if (name) {
		strcpy(name, path);
		strcat(name, ".tmp");
	}
	return name;
}

static int cannot_write(const char *path, int status, struct digits_error *error)
{
	return digits_fail(error, "%s: cannot write: %s", path, strerror(status));
}

/* Creates the temporary file; keeps it under the name `path` where `keep`, removes it otherwise. */
static int write_beside(const char *path, const void *bytes, size_t size, int keep, struct digits_error *error)
{
	char *temporary = temporary_name(path);
	int status;

	if (!temporary)
		return digits_fail(error, "%s: out of memory", path);
	status = write_bytes(temporary, bytes, size);
	if (status == 0 && keep)
		status = replace_file(temporary, path);
	if (status != 0 || !keep)
		remove(temporary);
	free(temporary);
	return status == 0 ? 0 : cannot_write(path, status, error);
}

static int write_target(const char *path, const void *bytes, size_t size, int keep, struct digits_error *error)
{
	enum target target = target_at(path);
	int status;

	if (target == TARGET_DIRECTORY)
		return digits_fail(error, "%s: cannot write: it exists and is not a regular file", path);
	if (target == TARGET_FILE)
		return write_beside(path, bytes, size, keep, error);
	status = keep ? write_bytes(path, bytes, size) : 0;
	return status == 0 ? 0 : cannot_write(path, status, error);
}

int digits_file_check(const char *path, struct digits_error *error)
{
	return write_target(path, NULL, 0, 0, error);
}

int digits_file_write(const char *path, const void *bytes, size_t size, struct digits_error *error)
{
	return write_target(path, bytes, size, 1, error);
}
