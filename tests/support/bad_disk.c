/* A disk gone bad, for LD_PRELOAD. BAD_DISK holds the trouble, BAD_DISK_DIR the folder it is about:
 *   fsync:N         the N-th fsync of a write-ahead log there fails with EIO, and all after it
 *   full:FILE       while FILE exists, writing there fails with ENOSPC, and nothing is free
 *   readonly:FILE   while FILE exists, whatever would change anything there fails with EROFS
 *   low:FILE        while FILE exists, as many MB are free there as stand in it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

static const char *trouble(const char *kind) {
    const char *said = getenv("BAD_DISK");
    size_t n = strlen(kind);
    return said && !strncmp(said, kind, n) ? said + n : NULL;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The file that switches a trouble on, if it exists. */
static const char *flagged(const char *kind) {
    const char *flag = trouble(kind);
    return flag && !REAL(access)(flag, F_OK) ? flag : NULL;
}

static int below(const char *path) {
    const char *dir = getenv("BAD_DISK_DIR");
    return dir && path && !strncmp(path, dir, strlen(dir));
}

static int there(int fd, const char *ending) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    if (!below(path)) return 0;
    size_t e = strlen(ending);
    return (size_t)n >= e && !strcmp(path + n - e, ending);
}

/* What writing to this file fails with, or 0. */
static int refused(int fd) {
    if (flagged("full:") && there(fd, "")) return ENOSPC;
    if (flagged("readonly:") && there(fd, "")) return EROFS;
    return 0;
}

static int unchangeable(const char *path) { return below(path) && flagged("readonly:"); }

static int sync_fails(int fd) {
    static int done;
    const char *nth = trouble("fsync:");
    if (!nth || !there(fd, "-wal")) return 0;
    return ++done >= atoi(nth);
}

#define FAIL_WITH(error) do { int e = (error); if (e) { errno = e; return -1; } } while (0)

int fsync(int fd) {
    FAIL_WITH(sync_fails(fd) ? EIO : 0);
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    FAIL_WITH(sync_fails(fd) ? EIO : 0);
    return REAL(fdatasync)(fd);
}

ssize_t write(int fd, const void *data, size_t n) {
    FAIL_WITH(refused(fd));
    return REAL(write)(fd, data, n);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    FAIL_WITH(refused(fd));
    return REAL(pwrite)(fd, data, n, at);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    FAIL_WITH(refused(fd));
    return REAL(pwrite64)(fd, data, n, at);
}

/* Each also by the name it has where offsets are long. */
#define FREE_SPACE(name, type)                                                                     \
    int name(const char *path, struct type *found) {                                               \
        int status = REAL(name)(path, found);                                                      \
        if (!status && below(path)) {                                                              \
            long mb = free_mb();                                                                   \
            if (mb >= 0) found->f_bavail = found->f_bfree = (unsigned long)mb * 1000000 / found->f_frsize; \
        }                                                                                          \
        return status;                                                                             \
    }

/* -1 for as many as there are. */
static long free_mb(void) {
    if (flagged("full:")) return 0;
    const char *flag = flagged("low:");
    if (!flag) return -1;
    FILE *file = fopen(flag, "r");
    long mb = -1;
    if (!file || fscanf(file, "%ld", &mb) != 1) mb = -1;
    if (file) fclose(file);
    return mb;
}

FREE_SPACE(statvfs, statvfs)
FREE_SPACE(statvfs64, statvfs64)

/* --- a read-only disk: opening to write, and whatever changes names */

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                   \
        va_end(rest);                                                                              \
        FAIL_WITH((flags & O_ACCMODE) != O_RDONLY && unchangeable(path) ? EROFS : 0);               \
        return REAL(name)(path, flags, mode);                                                      \
    }

OPEN(open)
OPEN(open64)

int access(const char *path, int mode) {
    FAIL_WITH(mode & W_OK && unchangeable(path) ? EROFS : 0);
    return REAL(access)(path, mode);
}

int mkdir(const char *path, mode_t mode) {
    /* what exists is said to exist, whether it could be made or not */
    FAIL_WITH(REAL(access)(path, F_OK) && unchangeable(path) ? EROFS : 0);
    return REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to) {
    FAIL_WITH(unchangeable(from) || unchangeable(to) ? EROFS : 0);
    return REAL(rename)(from, to);
}

int unlink(const char *path) {
    FAIL_WITH(!REAL(access)(path, F_OK) && unchangeable(path) ? EROFS : 0);
    return REAL(unlink)(path);
}

#define TRUNCATE(name, type)                                                                       \
    int name(int fd, type size) {                                                                  \
        FAIL_WITH(flagged("readonly:") && there(fd, "") ? EROFS : 0);                              \
        return REAL(name)(fd, size);                                                               \
    }

TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)
