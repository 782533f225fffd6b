// Calls of the disk for which Node has no words: a path that the kernel itself keeps below an open folder (openat2(2)),
// and the names of a folder together with what bears them (getdents64(2), fstatat(2)). Each answers a number: below
// zero it is the errno. What a file is goes to memory that JavaScript sees, too, as do names.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <node_api.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Numbers that tell what a file is, in this order: mode, size, uid, gid, atime, mtime, nlink, dev, ino.
#define FIELDS 9
// Longest path, with its zero (PATH_MAX).
#define MOST_PATH 4097
// Bytes of entries asked of the kernel at a time: one takes from 24 to 280.
#define MOST_ENTRIES 12288
#define LEAST_ENTRY 24
#define LARGEST_ENTRY 280
#define MOST_NAMES (MOST_ENTRIES / LEAST_ENTRY)

struct lent {
  double *numbers;
  uint8_t *names;
};

// No link on the way, no way out, and no /proc/PID/fd: whoever meets one walks by name (vfs/jail).
static int open_below(int folder, const char *path, uint64_t flags, uint64_t mode) {
  struct open_how how = {
      .flags = flags | O_CLOEXEC,
      .mode = mode,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
  };
  long made = syscall(SYS_openat2, folder, path, &how, sizeof how);
  return made < 0 ? -errno : (int)made;
}

static void tell(double *to, const struct stat *found) {
  to[0] = found->st_mode;
  to[1] = (double)found->st_size;
  to[2] = found->st_uid;
  to[3] = found->st_gid;
  to[4] = (double)found->st_atim.tv_sec;
  to[5] = (double)found->st_mtim.tv_sec;
  to[6] = (double)found->st_nlink;
  to[7] = (double)found->st_dev;
  to[8] = (double)found->st_ino;
}

// What a descriptor is; with an error it is closed.
static int told(int descriptor, double *to) {
  struct stat found;
  if (fstat(descriptor, &found) == 0) {
    tell(to, &found);
    return descriptor;
  }
  int error = errno;
  close(descriptor);
  return -error;
}

// Whether the lowest free descriptor is below `most`, so that nothing need be unmade.
static int is_room(int folder, int most) {
  int lowest = fcntl(folder, F_DUPFD_CLOEXEC, 0);
  if (lowest < 0) return 0;
  close(lowest);
  return lowest < most;
}

// As open(2) of exactly the inode that was looked at: nothing else that bears the name by then is opened.
static int open_regular(int folder, const char *path, int access, double *to) {
  int inode = open_below(folder, path, O_PATH | O_NOFOLLOW, 0);
  if (inode < 0) return inode;
  int found = told(inode, to);
  if (found < 0) return found;
  int made = -EACCES;
  if (S_ISREG((mode_t)to[0])) {
    char again[32];
    snprintf(again, sizeof again, "/proc/self/fd/%d", inode);
    made = open(again, access | O_CLOEXEC);
    if (made < 0) made = -errno;
  }
  close(inode);
  return made;
}

// The next names of an open folder, at most `most` (but as many as one call gives): how many; 0 at the end.
static int list(struct lent *lent, int folder, int most) {
  char entries[MOST_ENTRIES] __attribute__((aligned(8)));
  size_t size = most < MOST_NAMES ? (size_t)most * LEAST_ENTRY : MOST_ENTRIES;
  if (size < LARGEST_ENTRY) size = LARGEST_ENTRY;
  for (;;) {
    long got = syscall(SYS_getdents64, folder, entries, size);
    if (got < 0) {
      // A folder that was removed is at its end, as for readdir(3).
      if (errno == ENOENT) return 0;
      // FUSE and others know longer names than NAME_MAX.
      if (errno != EINVAL || size == MOST_ENTRIES) return -errno;
      size = MOST_ENTRIES;
      continue;
    }
    if (got == 0) return 0;
    int count = 0;
    uint8_t *name_to = lent->names;
    for (long at = 0; at < got;) {
      const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
      at += entry->d_reclen;
      const char *name = entry->d_name;
      if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
      struct stat found;
      if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        // Gone since it was read.
        if (errno == ENOENT) continue;
        return -errno;
      }
      tell(lent->numbers + count++ * FIELDS, &found);
      size_t length = strlen(name);
      memcpy(name_to, name, length);
      name_to[length] = '/';
      name_to += length + 1;
    }
    if (count == 0) continue;
    lent->numbers[MOST_NAMES * FIELDS] = (double)(name_to - lent->names);
    return count;
  }
}

// The arguments of a call: a descriptor, and a path or a number.
struct asked {
  struct lent *lent;
  int32_t folder;
  int32_t number[3];
  char path[MOST_PATH];
};

static int number_of(napi_env env, napi_value value, int32_t *to) {
  return napi_get_value_int32(env, value, to) == napi_ok;
}

// FOLDER PATH NUMBER… as bytes of latin1. 0, or the errno of what was not given as it must be.
static int path_call(napi_env env, napi_callback_info info, struct asked *asked, size_t numbers) {
  size_t count = 5, length;
  napi_value given[5];
  void *lent;
  if (napi_get_cb_info(env, info, &count, given, NULL, &lent) != napi_ok || count < 2 + numbers) return -EINVAL;
  asked->lent = lent;
  if (!number_of(env, given[0], &asked->folder)) return -EINVAL;
  if (napi_get_value_string_latin1(env, given[1], asked->path, MOST_PATH, &length) != napi_ok) return -EINVAL;
  if (length == MOST_PATH - 1) return -ENAMETOOLONG;
  if (length == 0 || strlen(asked->path) != length) return -EINVAL;
  for (size_t i = 0; i < numbers; i++)
    if (!number_of(env, given[2 + i], &asked->number[i])) return -EINVAL;
  return 0;
}

static napi_value answer(napi_env env, int number) {
  napi_value value = NULL;
  napi_create_int32(env, number, &value);
  return value;
}

static napi_value make_call(napi_env env, napi_callback_info info) {
  struct asked asked;
  int result = path_call(env, info, &asked, 3);
  if (result == 0 && !is_room(asked.folder, asked.number[2])) result = -EMFILE;
  if (result == 0) {
    uint64_t flags = (uint32_t)asked.number[0] | O_CREAT | O_EXCL | O_NOFOLLOW;
    result = open_below(asked.folder, asked.path, flags, (uint32_t)asked.number[1]);
    if (result >= 0) result = told(result, asked.lent->numbers);
  }
  return answer(env, result);
}

static napi_value open_call(napi_env env, napi_callback_info info) {
  struct asked asked;
  int result = path_call(env, info, &asked, 1);
  if (result == 0) result = open_regular(asked.folder, asked.path, asked.number[0], asked.lent->numbers);
  return answer(env, result);
}

static napi_value look_call(napi_env env, napi_callback_info info) {
  struct asked asked;
  int result = path_call(env, info, &asked, 0);
  if (result == 0) {
    result = open_below(asked.folder, asked.path, O_PATH | O_NOFOLLOW, 0);
    if (result >= 0) result = told(result, asked.lent->numbers);
    if (result >= 0) {
      close(result);
      result = 0;
    }
  }
  return answer(env, result);
}

static napi_value list_call(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value given[2];
  void *lent;
  int32_t folder, most;
  if (napi_get_cb_info(env, info, &count, given, NULL, &lent) != napi_ok || count < 2 ||
      !number_of(env, given[0], &folder) || !number_of(env, given[1], &most) || most < 1)
    return answer(env, -EINVAL);
  return answer(env, list(lent, folder, most));
}

static void give_back(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

static int call_named(napi_env env, napi_value exports, const char *name, napi_callback call, struct lent *lent) {
  napi_value made;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, call, lent, &made) == napi_ok &&
         napi_set_named_property(env, exports, name, made) == napi_ok;
}

// Memory that the calls fill: it is never moved, and kept as long as the thread that loaded this lives.
static void *memory_named(napi_env env, napi_value exports, const char *name, napi_typedarray_type type, size_t length,
                          size_t size) {
  void *memory;
  napi_value buffer, made;
  napi_ref held;
  int done = napi_create_arraybuffer(env, length * size, &memory, &buffer) == napi_ok &&
             napi_create_typedarray(env, type, length, buffer, 0, &made) == napi_ok &&
             napi_create_reference(env, made, 1, &held) == napi_ok &&
             napi_set_named_property(env, exports, name, made) == napi_ok;
  return done ? memory : NULL;
}

NAPI_MODULE_INIT() {
  struct lent *lent = calloc(1, sizeof *lent);
  if (lent == NULL || napi_set_instance_data(env, lent, give_back, NULL) != napi_ok) {
    free(lent);
    return NULL;
  }
  lent->numbers = memory_named(env, exports, "numbers", napi_float64_array, MOST_NAMES * FIELDS + 1, sizeof(double));
  lent->names = memory_named(env, exports, "names", napi_uint8_array, MOST_ENTRIES, 1);
  int done = lent->numbers != NULL && lent->names != NULL && call_named(env, exports, "make", make_call, lent) &&
             call_named(env, exports, "open", open_call, lent) && call_named(env, exports, "look", look_call, lent) &&
             call_named(env, exports, "list", list_call, lent);
  if (!done) napi_throw_error(env, NULL, "The calls of the disk could not be made");
  return exports;
}
