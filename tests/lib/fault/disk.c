/* SPDX-License-Identifier: ISC */
/*
 * Files and folders are nodes. A node holds its durable content or entries, and the changes that came since,
 * in order; a change that is synced moves into the durable part. A cut marks the changes that are there;
 * building applies them to a copy of the durable part.
 */
#include "fault/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

struct node;

struct entry {
    char *name;
    struct node *node; /* NULL in a change: the entry goes away */
};

struct change {
    struct change *next; /* of the same node */
    struct node *owner;
    unsigned number;        /* in the order of all changes */
    struct change *partner; /* the other half of a rename */
    /* of a folder */
    char *name; /* NULL: only its time */
    struct node *node;
    int64_t time;
    /* of a file */
    const struct fault_step *step;
    /* by the last cut */
    bool there;
    size_t length; /* of a write: how much of it */
};

struct content {
    unsigned char *bytes;
    size_t length, room;
};

struct node {
    struct node *all; /* list of all nodes */
    unsigned id;
    bool is_folder;
    unsigned version; /* how often something of it became durable */
    struct content content;
    struct entry *entries;
    size_t entry_count;
    int64_t time;
    struct change *changes, **end;
    char *built_at; /* by the build that is going on */
};

struct disk {
    struct node *root, *all;
    unsigned nodes, changes, files_room;
    struct node **files; /* by the number in the record */
    const struct fault_step *next;
    enum disk_cut cut;
    struct change *torn; /* the step that comes next, for one build */
};

/* ---- nodes ---- */

static struct node *new_node(struct disk *disk, bool is_folder)
{
    struct node *node = calloc(1, sizeof(*node));
    node->is_folder = is_folder;
    node->id = ++disk->nodes;
    node->end = &node->changes;
    node->all = disk->all;
    disk->all = node;
    return node;
}

static struct entry *find_entry(struct entry *entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

static void set_entry(struct entry **entries, size_t *count, const char *name, struct node *node)
{
    struct entry *entry = find_entry(*entries, *count, name);
    if (entry && node) {
        entry->node = node;
    } else if (entry) {
        free(entry->name);
        *entry = (*entries)[--*count];
    } else if (node) {
        *entries = realloc(*entries, (*count + 1) * sizeof(**entries));
        (*entries)[(*count)++] = (struct entry){.name = strdup(name), .node = node};
    }
}

/* What the running system sees under a name. */
static struct node *current(const struct node *folder, const char *name)
{
    struct entry *entry = find_entry(folder->entries, folder->entry_count, name);
    struct node *node = entry ? entry->node : NULL;
    for (struct change *change = folder->changes; change; change = change->next) {
        if (change->name && strcmp(change->name, name) == 0) {
            node = change->node;
        }
    }
    return node;
}

/* The folder of a path, and the last part of it. */
static struct node *find_folder(struct disk *disk, const char *path, char name_r[NAME_MAX + 1])
{
    struct node *folder = disk->root;
    const char *slash;
    while (folder && (slash = strchr(path, '/'))) {
        snprintf(name_r, NAME_MAX + 1, "%.*s", (int)(slash - path), path);
        folder = current(folder, name_r);
        path = slash + 1;
    }
    snprintf(name_r, NAME_MAX + 1, "%s", path);
    return folder;
}

static struct node *find_node(struct disk *disk, const char *path)
{
    char name[NAME_MAX + 1];
    struct node *folder = find_folder(disk, path, name);
    return !folder || !name[0] ? folder : current(folder, name);
}

/* ---- content ---- */

static void set_length(struct content *content, size_t length)
{
    if (length > content->room) {
        content->room = length * 2;
        content->bytes = realloc(content->bytes, content->room);
    }
    if (length > content->length) {
        memset(content->bytes + content->length, 0, length - content->length);
    }
    content->length = length;
}

static void apply_to_content(struct content *content, const struct fault_step *step, size_t length)
{
    if (step->kind == STEP_TRUNCATE) {
        set_length(content, (size_t)step->offset);
    } else if (length) {
        if ((size_t)step->offset + length > content->length) {
            set_length(content, (size_t)step->offset + length);
        }
        memcpy(content->bytes + step->offset, step->data, length);
    }
}

/* ---- what happens ---- */

static struct change *add_change(struct disk *disk, struct node *node)
{
    struct change *change = calloc(1, sizeof(*change));
    change->owner = node;
    change->number = ++disk->changes;
    *node->end = change;
    node->end = &change->next;
    return change;
}

static struct change *change_entry(struct disk *disk, const char *path, struct node *node, int64_t time)
{
    char name[NAME_MAX + 1];
    struct node *folder = find_folder(disk, path, name);
    if (!folder) {
        fprintf(stderr, "disk: no folder for %s\n", path);
        abort();
    }
    struct change *change = add_change(disk, folder);
    change->name = strdup(name);
    change->node = node;
    change->time = time;
    return change;
}

static void take_out(struct change *change)
{
    struct node *node = change->owner;
    struct change **place = &node->changes;
    while (*place != change) {
        place = &(*place)->next;
    }
    *place = change->next;
    if (!*place) {
        node->end = place;
    }
}

static void free_change(struct change *change)
{
    if (change->partner) {
        change->partner->partner = NULL;
    }
    free(change->name);
    free(change);
}

static void make_durable(struct change *change);

/* Whatever happened to the same name before is history then, with the other halves of renames. */
static void make_entry_durable(struct change *change)
{
    struct node *node = change->owner;
    struct change *earlier = node->changes;
    while (earlier != change) {
        struct change *next = earlier->next;
        if (change->name && earlier->name && strcmp(earlier->name, change->name) == 0) {
            make_durable(earlier);
            next = node->changes; /* a rename within the folder took two */
        }
        earlier = next;
    }
    if (change->name) {
        set_entry(&node->entries, &node->entry_count, change->name, change->node);
    }
    node->time = change->time;
}

static void make_durable(struct change *change)
{
    struct change *partner = change->partner;
    if (change->owner->is_folder) {
        make_entry_durable(change);
    } else {
        apply_to_content(&change->owner->content, change->step, change->step->length);
    }
    change->owner->version++;
    take_out(change);
    free_change(change);
    if (partner) {
        make_durable(partner);
    }
}

static void remember_file(struct disk *disk, unsigned file, struct node *node)
{
    if (file >= disk->files_room) {
        unsigned room = 2 * file + 16;
        disk->files = realloc(disk->files, room * sizeof(struct node *));
        memset(disk->files + disk->files_room, 0, (room - disk->files_room) * sizeof(struct node *));
        disk->files_room = room;
    }
    disk->files[file] = node;
}

static struct node *file_of(struct disk *disk, const struct fault_step *step)
{
    struct node *node = step->file < disk->files_room ? disk->files[step->file] : NULL;
    if (!node) {
        fprintf(stderr, "disk: file %u was not opened\n", step->file);
        abort();
    }
    return node;
}

static void play_rename(struct disk *disk, const struct fault_step *step)
{
    struct node *node = find_node(disk, step->path);
    struct change *from = change_entry(disk, step->path, NULL, step->folder_time);
    struct change *to = change_entry(disk, step->path2, node, step->folder_time2);
    from->partner = to;
    to->partner = from;
}

void disk_play(struct disk *disk, const struct fault_step *step)
{
    struct node *node;
    switch (step->kind) {
    case STEP_OPEN:
        remember_file(disk, step->file, find_node(disk, step->path));
        break;
    case STEP_CREATE:
        node = new_node(disk, false);
        change_entry(disk, step->path, node, step->folder_time);
        remember_file(disk, step->file, node);
        break;
    case STEP_WRITE:
    case STEP_TRUNCATE:
        add_change(disk, file_of(disk, step))->step = step;
        break;
    case STEP_SYNC:
        node = file_of(disk, step);
        while (node->changes) {
            make_durable(node->changes);
        }
        break;
    case STEP_RENAME:
        play_rename(disk, step);
        break;
    case STEP_LINK:
        change_entry(disk, step->path2, find_node(disk, step->path), step->folder_time2);
        break;
    case STEP_UNLINK:
        change_entry(disk, step->path, NULL, step->folder_time);
        break;
    case STEP_MKDIR:
        change_entry(disk, step->path, new_node(disk, true), step->folder_time);
        break;
    case STEP_TIME:
        add_change(disk, file_of(disk, step))->time = step->folder_time;
        break;
    }
}

void disk_next(struct disk *disk, const struct fault_step *step)
{
    disk->next = step;
}

/* ---- what a cut leaves ---- */

static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    return value ^ (value >> 33);
}

/* How much of a write is there: all, nothing, or up to a sector. */
static size_t torn_length(const struct fault_step *step, uint64_t random)
{
    size_t first = SECTOR - (size_t)step->offset % SECTOR;
    size_t sectors = step->length > first ? 1 + (step->length - first) / SECTOR : 0;
    if (random % 3 == 0 || sectors == 0) {
        return random % 2 ? step->length : 0;
    }
    if (random % 3 == 1) {
        return random / 3 % 2 ? step->length : 0;
    }
    return first + random / 3 % sectors * SECTOR;
}

static void decide_content(struct change *change, enum disk_cut cut, uint64_t random)
{
    bool torn = cut == CUT_RANDOM || cut == CUT_ORDER;
    change->there = cut == CUT_KILL || cut == CUT_KILL_TORN || cut == CUT_CONTENT || torn;
    change->length = change->step->length;
    if (torn && change->step->kind == STEP_WRITE) {
        change->length = torn_length(change->step, random);
        change->there = change->length > 0;
    } else if (torn) {
        change->there = random % 2;
    }
}

static void decide(struct disk *disk, struct change *change, enum disk_cut cut, unsigned seed)
{
    /* Both halves of a rename by the same number. */
    unsigned number = change->number;
    if (change->partner && change->partner->number < number) {
        number = change->partner->number;
    }
    uint64_t random = mix(((uint64_t)seed << 32) + number);
    if (!change->owner->is_folder) {
        decide_content(change, cut, random);
    } else if (cut == CUT_RANDOM) {
        change->there = random % 2;
    } else if (cut == CUT_ORDER) {
        unsigned back = (unsigned)(mix(seed + 1) % 12);
        change->there = number + back <= disk->changes;
    } else {
        change->there = cut == CUT_KILL || cut == CUT_KILL_TORN || cut == CUT_NAMES;
    }
}

static struct change *torn_step(struct disk *disk)
{
    const struct fault_step *step = disk->next;
    if (disk->cut != CUT_KILL_TORN || !step || step->kind != STEP_WRITE || step->length < 2) {
        return NULL;
    }
    struct change *change = add_change(disk, file_of(disk, step));
    change->step = step;
    change->there = true;
    change->length = step->length / 2;
    return change;
}

uint64_t disk_cut(struct disk *disk, enum disk_cut cut, unsigned seed)
{
    uint64_t hash = 0;
    disk->cut = cut;
    for (struct node *node = disk->all; node; node = node->all) {
        hash += mix(((uint64_t)node->id << 32) + node->version);
        for (struct change *change = node->changes; change; change = change->next) {
            decide(disk, change, cut, seed);
            if (change->there) {
                hash += mix(((uint64_t)change->number << 40) + change->length + 1);
            }
        }
    }
    if (cut == CUT_KILL_TORN && disk->next && disk->next->kind == STEP_WRITE && disk->next->length > 1) {
        hash += mix((uint64_t)disk->changes << 41);
    }
    return hash;
}

static void build_node(struct node *node, const char *path);

static void build_file(struct node *node, const char *path)
{
    struct content content = {0};
    set_length(&content, node->content.length);
    if (content.length) {
        memcpy(content.bytes, node->content.bytes, content.length);
    }
    for (struct change *change = node->changes; change; change = change->next) {
        if (change->there) {
            apply_to_content(&content, change->step, change->length);
        }
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, content.bytes, content.length) != (ssize_t)content.length) {
        perror(path);
        abort();
    }
    close(fd);
    free(content.bytes);
}

static void build_folder(struct node *node, const char *path)
{
    char child[PATH_MAX];
    struct entry *entries = calloc(node->entry_count + 1, sizeof(*entries));
    size_t count = 0;
    int64_t time = node->time;
    for (size_t i = 0; i < node->entry_count; i++) {
        set_entry(&entries, &count, node->entries[i].name, node->entries[i].node);
    }
    for (struct change *change = node->changes; change; change = change->next) {
        if (change->there && change->name) {
            set_entry(&entries, &count, change->name, change->node);
        }
        time = change->there ? change->time : time;
    }
    mkdir(path, 0700);
    for (size_t i = 0; i < count; i++) {
        snprintf(child, sizeof(child), "%s/%s", path, entries[i].name);
        build_node(entries[i].node, child);
        free(entries[i].name);
    }
    free(entries);
    struct timespec times[2] = {{0, UTIME_OMIT}, {time / 1000000000, time % 1000000000}};
    utimensat(AT_FDCWD, path, times, 0);
}

static void build_node(struct node *node, const char *path)
{
    if (node->is_folder) {
        build_folder(node, path);
    } else if (!node->built_at) {
        build_file(node, path);
        node->built_at = strdup(path);
    } else if (link(node->built_at, path) != 0) {
        perror(path);
        abort();
    }
}

void disk_build(struct disk *disk, const char *folder)
{
    struct change *torn = torn_step(disk);
    build_node(disk->root, folder);
    for (struct node *node = disk->all; node; node = node->all) {
        free(node->built_at);
        node->built_at = NULL;
    }
    if (torn) {
        take_out(torn);
        free_change(torn);
        disk->changes--;
    }
}

/* ---- from and off the real disk ---- */

struct loaded {
    struct loaded *next;
    ino_t inode;
    struct node *node;
};

static void load_content(struct node *node, const char *path, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    set_length(&node->content, size);
    if (fd < 0 || read(fd, node->content.bytes, size) != (ssize_t)size) {
        perror(path);
        abort();
    }
    close(fd);
}

static struct node *load(struct disk *disk, const char *path, struct loaded **links);

static void load_entries(struct disk *disk, struct node *folder, const char *path, struct loaded **links)
{
    char child[PATH_MAX];
    DIR *directory = opendir(path);
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
            set_entry(&folder->entries, &folder->entry_count, entry->d_name, load(disk, child, links));
        }
    }
    closedir(directory);
}

static struct node *load(struct disk *disk, const char *path, struct loaded **links)
{
    struct stat info;
    if (lstat(path, &info) != 0) {
        perror(path);
        abort();
    }
    for (struct loaded *other = *links; other && info.st_nlink > 1; other = other->next) {
        if (other->inode == info.st_ino) {
            return other->node;
        }
    }
    struct node *node = new_node(disk, S_ISDIR(info.st_mode));
    if (node->is_folder) {
        node->time = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
        load_entries(disk, node, path, links);
        return node;
    }
    load_content(node, path, (size_t)info.st_size);
    if (info.st_nlink > 1) {
        struct loaded *loaded = malloc(sizeof(*loaded));
        *loaded = (struct loaded){.next = *links, .inode = info.st_ino, .node = node};
        *links = loaded;
    }
    return node;
}

struct disk *disk_load(const char *folder)
{
    struct disk *disk = calloc(1, sizeof(*disk));
    struct loaded *links = NULL;
    disk->root = load(disk, folder, &links);
    while (links) {
        struct loaded *next = links->next;
        free(links);
        links = next;
    }
    return disk;
}

static void free_node(struct node *node)
{
    while (node->changes) {
        struct change *change = node->changes;
        take_out(change);
        free_change(change);
    }
    for (size_t i = 0; i < node->entry_count; i++) {
        free(node->entries[i].name);
    }
    free(node->entries);
    free(node->content.bytes);
    free(node);
}

void disk_free(struct disk *disk)
{
    while (disk->all) {
        struct node *next = disk->all->all;
        free_node(disk->all);
        disk->all = next;
    }
    free(disk->files);
    free(disk);
}

void disk_remove(const char *folder)
{
    char child[PATH_MAX];
    DIR *directory = opendir(folder);
    struct dirent *entry;
    if (!directory) {
        return;
    }
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(child, sizeof(child), "%s/%s", folder, entry->d_name);
            if (unlink(child) != 0) {
                disk_remove(child);
            }
        }
    }
    closedir(directory);
    rmdir(folder);
}
