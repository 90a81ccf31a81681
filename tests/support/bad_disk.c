/* A disk gone bad, for LD_PRELOAD. BAD_DISK holds the trouble, BAD_DISK_DIR the folder it is about:
 *   fsync:N     the N-th fsync of a write-ahead log there fails with EIO, and all after it
 *   full:FILE   while FILE exists, writing there fails with ENOSPC, and nothing is free
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

static const char *trouble(const char *kind) {
    const char *said = getenv("BAD_DISK");
    size_t n = strlen(kind);
    return said && !strncmp(said, kind, n) ? said + n : NULL;
}

static int there(int fd, const char *ending) {
    char link[64], path[4096];
    const char *dir = getenv("BAD_DISK_DIR");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0 || !dir || strncmp(path, dir, strlen(dir))) return 0;
    path[n] = 0;
    size_t e = strlen(ending);
    return (size_t)n >= e && !strcmp(path + n - e, ending);
}

static int full(int fd) {
    const char *flag = trouble("full:");
    return flag && !access(flag, F_OK) && there(fd, "");
}

static int sync_fails(int fd) {
    static int done;
    const char *nth = trouble("fsync:");
    if (!nth || !there(fd, "-wal")) return 0;
    return ++done >= atoi(nth);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) {
    if (sync_fails(fd)) { errno = EIO; return -1; }
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    if (sync_fails(fd)) { errno = EIO; return -1; }
    return REAL(fdatasync)(fd);
}

ssize_t write(int fd, const void *data, size_t n) {
    if (full(fd)) { errno = ENOSPC; return -1; }
    return REAL(write)(fd, data, n);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) {
    if (full(fd)) { errno = ENOSPC; return -1; }
    return REAL(pwrite)(fd, data, n, at);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) {
    if (full(fd)) { errno = ENOSPC; return -1; }
    return REAL(pwrite64)(fd, data, n, at);
}

int statvfs(const char *path, struct statvfs *found) {
    int status = REAL(statvfs)(path, found);
    const char *flag = trouble("full:");
    if (!status && flag && !access(flag, F_OK)) found->f_bavail = found->f_bfree = 0;
    return status;
}
