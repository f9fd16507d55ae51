/* SPDX-License-Identifier: ISC */
/* Files: durable replacement, whole reads under a cap, folders, and the lock between processes. */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/fsio.h"

struct place {
    char *folder;
    struct arena arena;
    struct buf content;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    place->folder = check_temporary_directory();
    buf_init(&place->content, 200000);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    check_remove_directory(place->folder);
    arena_free(&place->arena);
    buf_free(&place->content);
    free(place);
    return 0;
}

static const char *in(struct place *place, const char *name)
{
    return arena_printf(&place->arena, "%s/%s", place->folder, name);
}

static int entries_of(const char *folder)
{
    int count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

static void writing_replaces_the_whole_file(void **state)
{
    struct place *place = *state;
    const char *path = in(place, "file");
    struct stat info;
    assert_ok(fs_write_durable(path, S("a longer first text"), 0600));
    assert_ok(fs_write_durable(path, S("second\0"), 0640));
    assert_ok(fs_read_file(path, &place->content));
    assert_slice(buf_slice(&place->content), S("second\0"));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640); /* whatever the umask is */
    assert_int_equal(entries_of(place->folder), 1);
}

static void a_failed_write_leaves_the_old_file_and_no_rest(void **state)
{
    struct place *place = *state;
    assert_err(fs_write_durable(in(place, "none/file"), S("x"), 0600), ERR_NOT_FOUND);
    assert_int_equal(mkdir(in(place, "folder"), 0700), 0);
    assert_true(fs_write_durable(in(place, "folder"), S("x"), 0600) != ERR_OK); /* rename over a folder */
    assert_int_equal(entries_of(place->folder), 1);
    assert_int_equal(entries_of(in(place, "folder")), 0);
}

static void names_without_a_folder_mean_here(void **state)
{
    struct place *place = *state;
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(place->folder), 0);
    enum err err = fs_write_durable("plain", S("x"), 0600);
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_ok(err);
    assert_ok(fs_read_file(in(place, "plain"), &place->content));
}

static void reading_stops_at_the_cap(void **state)
{
    struct place *place = *state;
    const char *path = in(place, "file");
    struct buf small;
    buf_init(&small, 10);
    assert_ok(fs_write_durable(path, S("12345"), 0600));
    assert_ok(fs_read_file(path, &small));
    assert_ok(fs_read_file(path, &small)); /* appends, and fits to the byte */
    assert_text(buf_slice(&small), "1234512345");
    buf_truncate(&small, 6);
    assert_err(fs_read_file(path, &small), ERR_TOO_LONG);
    assert_text(buf_slice(&small), "123451"); /* as before the call */
    assert_err(fs_read_file(in(place, "none"), &small), ERR_NOT_FOUND);
    assert_err(fs_read_file(place->folder, &small), ERR_IO);
    buf_free(&small);
}

static void files_larger_than_a_chunk(void **state)
{
    struct place *place = *state;
    const char *path = in(place, "file");
    char *large = malloc(200000);
    for (size_t i = 0; i < 200000; i++) {
        large[i] = (char)(i % 253);
    }
    assert_ok(fs_write_durable(path, slice_of(large, 200000), 0600));
    assert_ok(fs_read_file(path, &place->content));
    assert_true(slice_eq(buf_slice(&place->content), slice_of(large, 200000)));
    free(large);
}

static void folders_are_made_on_the_way(void **state)
{
    struct place *place = *state;
    struct stat info;
    assert_ok(fs_make_directories(in(place, "a/b//c/"), 0700));
    assert_int_equal(stat(in(place, "a/b/c"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_ok(fs_make_directories(in(place, "a/b/c"), 0755)); /* left as it is */
    assert_int_equal(stat(in(place, "a/b/c"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_ok(fs_write_durable(in(place, "file"), S("x"), 0600));
    assert_err(fs_make_directories(in(place, "file"), 0700), ERR_EXISTS);
    assert_err(fs_make_directories(in(place, "file/below"), 0700), ERR_EXISTS);
    assert_ok(fs_sync_directory(place->folder));
    assert_err(fs_sync_directory(in(place, "none")), ERR_NOT_FOUND);
}

static void writing_to_a_pipe_in_pieces(void **state)
{
    (void)state;
    enum { SIZE = 300000 }; /* more than a pipe holds */
    int ends[2];
    char *data = malloc(SIZE);
    memset(data, 'x', SIZE);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        char piece[777];
        size_t total = 0;
        close(ends[1]);
        for (ssize_t got; (got = read(ends[0], piece, sizeof(piece))) > 0;) {
            total += (size_t)got;
        }
        _exit(total == SIZE ? 0 : 1);
    }
    close(ends[0]);
    assert_ok(fs_write_all(ends[1], slice_of(data, SIZE)));
    close(ends[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    free(data);
    assert_err(fs_write_all(-1, S("x")), ERR_IO);
}

/* Takes the lock in a child, tells so through `ready`, and holds it until `ready` is closed by the parent. */
static pid_t hold_lock(const char *path, int *control)
{
    int ready[2], release[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(release), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd;
        close(release[1]);
        if (fs_lock_file(path, true, &fd) || write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        _exit(read(release[0], &byte, 1) == 0 ? 0 : 1); /* the lock ends with the process */
    }
    assert_true(child > 0);
    close(ready[1]);
    close(release[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *control = release[1];
    return child;
}

static void one_process_at_a_time_has_the_lock(void **state)
{
    struct place *place = *state;
    const char *path = in(place, "lock");
    int control, status;
    int fd = -7;
    pid_t child = hold_lock(path, &control);
    assert_err(fs_lock_file(path, false, &fd), ERR_BUSY);
    assert_int_equal(fd, -7);
    close(control);
    assert_ok(fs_lock_file(path, true, &fd)); /* waits for the child's end */
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    int second;
    assert_err(fs_lock_file(path, false, &second), ERR_BUSY); /* also within one process */
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
    assert_ok(fs_lock_file(path, false, &second));
    close(second);
    assert_err(fs_lock_file(in(place, "none/lock"), true, &second), ERR_NOT_FOUND);
}

static void errno_values_have_their_outcome(void **state)
{
    (void)state;
    assert_err(err_from_errno(ENOSPC), ERR_NO_SPACE);
    assert_err(err_from_errno(EDQUOT), ERR_NO_SPACE);
    assert_err(err_from_errno(ENOENT), ERR_NOT_FOUND);
    assert_err(err_from_errno(EEXIST), ERR_EXISTS);
    assert_err(err_from_errno(EACCES), ERR_DENIED);
    assert_err(err_from_errno(EPERM), ERR_DENIED);
    assert_err(err_from_errno(EMFILE), ERR_IO);
    assert_string_equal(err_text(ERR_OK), "done");
    assert_string_equal(err_text(ERR_CONFIG), "the configuration is wrong");
    assert_string_equal(err_text((enum err)9999), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writing_replaces_the_whole_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old_file_and_no_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_without_a_folder_mean_here, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_stops_at_the_cap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_larger_than_a_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_are_made_on_the_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writing_to_a_pipe_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_process_at_a_time_has_the_lock, set_up, tear_down),
        cmocka_unit_test(errno_values_have_their_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
