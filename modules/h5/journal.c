/* Publishing what a store keeps.
 * SPDX-License-Identifier: MIT
 *
 * head | first page of the file as it was | (address, size, bytes) for each run | sum of all before. Numbers as
 * this machine has them. By that page a journal knows the file that it belongs to. */
#include "modules/h5/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC   "PYMPIH5J"
#define VERSION 2

typedef struct {
    char magic[8];
    uint64_t version, end, runs;
} head;

typedef struct {
    uint64_t at, size;
} run;

typedef struct {
    int fd;
    uint64_t at, sum, runs;
    uint64_t skip; /* pages before this one */
} out;

/* FNV-1a (Fowler, Noll, Vo). */
static uint64_t add_up(uint64_t sum, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ from[i]) * 1099511628211U;
    }
    return sum;
}

#define SUM_OF_NOTHING 14695981039346656037U

static int append(out *to, const void *bytes, size_t size)
{
    to->sum = add_up(to->sum, bytes, size);
    to->at += size;
    return ph_store_write_file(to->fd, to->at - size, bytes, size);
}

static int count_run(void *what, uint64_t at, const uint8_t *bytes, size_t size)
{
    (void)at, (void)bytes, (void)size;
    ((out *)what)->runs++;
    return 0;
}

static int append_run(void *what, uint64_t at, const uint8_t *bytes, size_t size)
{
    const run one = {at, size};
    return append(what, &one, sizeof one) < 0 ? -1 : append(what, bytes, size);
}

int ph_journal_write(const ph_store *store, int fd)
{
    uint8_t page[PH_PAGE];
    out to = {.fd = fd, .sum = SUM_OF_NOTHING};
    ph_overlay_each(&store->overlay, count_run, &to);
    head first = {.version = VERSION, .end = store->end, .runs = to.runs};
    memcpy(first.magic, MAGIC, sizeof first.magic);
    if (ph_store_read_file(store->fd, 0, page, sizeof page) < 0 ||
        append(&to, &first, sizeof first) < 0 || append(&to, page, sizeof page) < 0 ||
        ph_overlay_each(&store->overlay, append_run, &to) < 0) {
        return -1;
    }
    const uint64_t sum = to.sum;
    return append(&to, &sum, sizeof sum) < 0 ? -1 : fsync(fd);
}

/* The first page holds the superblock, by which all else is found. */
static int put_behind(void *what, uint64_t at, const uint8_t *bytes, size_t size)
{
    return at < PH_PAGE ? 0 : ph_store_write_file(((const ph_store *)what)->fd, at, bytes, size);
}

static int put_first(void *what, uint64_t at, const uint8_t *bytes, size_t size)
{
    return at < PH_PAGE ? ph_store_write_file(((const ph_store *)what)->fd, at, bytes, size) : 0;
}

/* Never shorter: others may have written elements behind that end meanwhile. */
static int lengthen(int fd, uint64_t end)
{
    struct stat about;
    return fstat(fd, &about) < 0            ? -1
           : (uint64_t)about.st_size >= end ? 0
                                            : ftruncate(fd, (off_t)end);
}

int ph_journal_apply(ph_store *store)
{
    if (lengthen(store->fd, store->end) < 0 ||
        ph_overlay_each(&store->overlay, put_behind, store) < 0 ||
        ph_overlay_each(&store->overlay, put_first, store) < 0) {
        return -1;
    }
    ph_overlay_clear(&store->overlay);
    return 0;
}

/* All of a file; NULL with errno. */
static uint8_t *read_all(int fd, size_t *size_p)
{
    struct stat about;
    if (fstat(fd, &about) < 0) {
        return NULL;
    }
    *size_p = (size_t)about.st_size;
    uint8_t *bytes = malloc(*size_p + 1);
    if (bytes && ph_store_read_file(fd, 0, bytes, *size_p) < 0) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static bool is_complete(const uint8_t *bytes, size_t size)
{
    uint64_t sum;
    head first;
    if (size < sizeof first + PH_PAGE + sizeof sum) {
        return false;
    }
    memcpy(&first, bytes, sizeof first);
    memcpy(&sum, bytes + size - sizeof sum, sizeof sum);
    return memcmp(first.magic, MAGIC, sizeof first.magic) == 0 && first.version == VERSION &&
           add_up(SUM_OF_NOTHING, bytes, size - sizeof sum) == sum;
}

/* Each run that a complete journal holds. */
static int each_run(const uint8_t *bytes, ph_overlay_take take, void *what)
{
    head first;
    memcpy(&first, bytes, sizeof first);
    const uint8_t *from = bytes + sizeof first + PH_PAGE;
    int code = 0;
    for (uint64_t i = 0; i < first.runs && code == 0; i++) {
        run one;
        memcpy(&one, from, sizeof one);
        code = take(what, one.at, from + sizeof one, one.size);
        from += sizeof one + one.size;
    }
    return code;
}

static int put_run(void *what, uint64_t at, const uint8_t *bytes, size_t size)
{
    return ph_store_write_file(*(const int *)what, at, bytes, size);
}

static int add_to_first(void *what, uint64_t at, const uint8_t *bytes, size_t size)
{
    if (at < PH_PAGE) {
        memcpy((uint8_t *)what + at, bytes, size); /* no run lies in two pages */
    }
    return 0;
}

/* Whether a file is the one that a journal is for: each byte of its first page is as before or as behind it. */
static int belongs(const uint8_t *bytes, int fd)
{
    uint8_t page[PH_PAGE], later[PH_PAGE];
    const uint8_t *before = bytes + sizeof(head);
    memcpy(later, before, sizeof later);
    each_run(bytes, add_to_first, later);
    if (ph_store_read_file(fd, 0, page, sizeof page) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof page; i++) {
        if (page[i] != before[i] && page[i] != later[i]) {
            return 0;
        }
    }
    return 1;
}

static int replay(const uint8_t *bytes, int fd)
{
    head first;
    int ours = belongs(bytes, fd);
    if (ours <= 0) {
        return ours;
    }
    memcpy(&first, bytes, sizeof first);
    return lengthen(fd, first.end) < 0 || each_run(bytes, put_run, &fd) < 0 || fsync(fd) < 0 ? -1
                                                                                             : 1;
}

int ph_journal_replay(int journal, int fd)
{
    size_t size;
    uint8_t *bytes = read_all(journal, &size);
    if (!bytes) {
        return -1;
    }
    int result = is_complete(bytes, size) ? replay(bytes, fd) : 0;
    int code = errno;
    free(bytes);
    errno = code;
    return result;
}
