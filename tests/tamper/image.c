/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sorted array: images are small. A case of damage shares its image from the one that was taken and owns only the bytes
 * that it changed, so thousands of cases cost thousands of small arrays.
 */
#include "tests/tamper/image.h"

#include "backend/mem.h"
#include "tests/lib/test.h"
#include "util/check.h"

#define PATH_BYTES 512

static size_t place_of(const struct image *im, const char *name)
{
	size_t i = 0;

	while (i < im->n && strcmp(im->files[i].name, name) < 0)
		i++;
	return i;
}

const struct image_file *image_find(const struct image *im, const char *name)
{
	size_t i = place_of(im, name);

	return i < im->n && strcmp(im->files[i].name, name) == 0 ? &im->files[i] : NULL;
}

static struct image_file *file_for(struct image *im, const char *name)
{
	size_t i = place_of(im, name);

	if (i < im->n && strcmp(im->files[i].name, name) == 0)
		return &im->files[i];
	im->files = realloc(im->files, (im->n + 1) * sizeof(*im->files));
	CHECK(im->files);
	memmove(im->files + i + 1, im->files + i, (im->n - i) * sizeof(*im->files));
	im->n++;
	im->files[i] = (struct image_file){.name = strdup(name)};
	CHECK(im->files[i].name);
	return &im->files[i];
}

static uint8_t *copy_of(const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	CHECK(copy);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

void image_set(struct image *im, const char *name, const void *data, size_t len)
{
	uint8_t *copy = copy_of(data, len);
	struct image_file *f = file_for(im, name);

	if (f->owned)
		free(f->data);
	f->data = copy;
	f->len = len;
	f->owned = true;
}

void image_remove(struct image *im, const char *name)
{
	size_t i = place_of(im, name);

	if (i == im->n || strcmp(im->files[i].name, name) != 0)
		return;
	if (im->files[i].owned)
		free(im->files[i].data);
	free(im->files[i].name);
	memmove(im->files + i, im->files + i + 1, (im->n - i - 1) * sizeof(*im->files));
	im->n--;
}

void image_share(struct image *im, const struct image *from)
{
	im->n = from->n;
	im->files = malloc((from->n + 1) * sizeof(*im->files));
	CHECK(im->files);
	for (size_t i = 0; i < from->n; i++) {
		im->files[i] = from->files[i];
		im->files[i].name = strdup(from->files[i].name);
		CHECK(im->files[i].name);
		im->files[i].owned = false;
	}
}

void image_done(struct image *im)
{
	for (size_t i = 0; i < im->n; i++) {
		if (im->files[i].owned)
			free(im->files[i].data);
		free(im->files[i].name);
	}
	free(im->files);
	memset(im, 0, sizeof(*im));
}

/* ---- stores ---- */

struct names {
	char name[512][BLOB_NAME_MAX + 1];
	size_t n;
};

static int take_object(void *ctx, const struct blob_info *info)
{
	struct names *names = ctx;

	CHECK(names->n < 512);
	snprintf(names->name[names->n++], BLOB_NAME_MAX + 1, "%s", info->name);
	return 0;
}

void image_of_store(struct image *im, struct blob *store)
{
	static struct names names;

	names.n = 0;
	memset(im, 0, sizeof(*im));
	TEST_MUST(blob_list(store, "", NULL, take_object, &names));
	for (size_t i = 0; i < names.n; i++) {
		struct buf b;

		buf_init(&b, BLOB_MAX_BYTES);
		TEST_MUST(blob_get(store, names.name[i], 0, SIZE_MAX, &b));
		image_set(im, names.name[i], b.data, b.len);
		buf_done(&b);
	}
}

struct blob *image_to_store(const struct image *im)
{
	struct blob *store = mem_new();

	CHECK(store);
	for (size_t i = 0; i < im->n; i++)
		TEST_MUST(blob_put(store, im->files[i].name, im->files[i].data, im->files[i].len));
	return store;
}

/* ---- disks ---- */

struct folder {
	struct image *im;
	struct simdisk *disk;
	const char *top;
	char path[PATH_BYTES]; /* from @top, "" or with a slash at its end */
};

static void take_bytes(struct folder *in, const char *path, const char *name)
{
	struct file *f = NULL;
	uint64_t size = 0;
	uint8_t *data;

	TEST_MUST(file_open(simdisk_io(in->disk), path, FILE_READ, &f));
	TEST_MUST(file_size(f, &size));
	data = malloc(size + 1);
	CHECK(data);
	TEST_MUST(file_pread_all(f, data, size, 0));
	file_close(f);
	image_set(in->im, name, data, size);
	free(data);
}

static int take_file(void *ctx, const char *name)
{
	struct folder *in = ctx;
	struct folder below = *in;
	char path[2 * PATH_BYTES], from_top[PATH_BYTES + 256];
	struct file_info info;

	snprintf(from_top, sizeof(from_top), "%s%s", in->path, name);
	snprintf(path, sizeof(path), "%s/%s", in->top, from_top);
	TEST_MUST(fileio_stat(simdisk_io(in->disk), path, &info));
	if (!info.is_dir) {
		take_bytes(in, path, from_top);
		return 0;
	}
	snprintf(below.path, sizeof(below.path), "%.200s/", from_top);
	return fileio_list(simdisk_io(in->disk), path, take_file, &below);
}

void image_of_disk(struct image *im, struct simdisk *disk, const char *dir)
{
	struct folder in = {.im = im, .disk = disk, .top = dir};

	memset(im, 0, sizeof(*im));
	TEST_MUST(fileio_list(simdisk_io(disk), dir, take_file, &in));
}

void image_to_disk(const struct image *im, struct simdisk *disk, const char *dir)
{
	const struct fileio *io = simdisk_io(disk);
	char path[2 * PATH_BYTES];

	TEST_MUST(fileio_mkdirs(io, dir));
	for (size_t i = 0; i < im->n; i++) {
		const struct image_file *from = &im->files[i];
		struct file *f = NULL;
		char *slash;

		snprintf(path, sizeof(path), "%s/%s", dir, from->name);
		slash = strrchr(path, '/');
		*slash = '\0';
		TEST_MUST(fileio_mkdirs(io, path));
		*slash = '/';
		TEST_MUST(file_open(io, path, FILE_WRITE | FILE_CREATE, &f));
		TEST_MUST(file_pwrite(f, from->data, from->len, 0));
		TEST_MUST(file_sync(f));
		file_close(f);
		*slash = '\0';
		TEST_MUST(fileio_sync_dir(io, path));
	}
}
