/* SPDX-License-Identifier: ISC */
/* Rows in pages: finding, walking, inserting, removing. */
#include "rows.h"

#include <string.h>

#include "base/mem.h"

static struct page *page_new(void)
{
    struct page *page = mem_new(struct page);
    atomic_init(&page->users, 1);
    return page;
}

static void page_release(struct page *page)
{
    if (atomic_fetch_sub(&page->users, 1) == 1) {
        for (size_t i = 0; i < page->count; i++) {
            row_release(&page->rows[i]);
        }
        mem_free(page);
    }
}

static struct page *own_page(struct mailbox *mailbox, size_t index)
{
    struct page *old = mailbox->pages[index];
    if (atomic_load(&old->users) == 1) {
        return old;
    }
    struct page *copy = page_new();
    copy->count = old->count;
    for (size_t i = 0; i < old->count; i++) {
        copy->rows[i] = row_share(&old->rows[i]);
    }
    page_release(old);
    mailbox->pages[index] = copy;
    return copy;
}

static void vanished_release(struct vanished *vanished)
{
    if (vanished && atomic_fetch_sub(&vanished->users, 1) == 1) {
        mem_free(vanished->ranges);
        mem_free(vanished);
    }
}

struct mailbox *mailbox_new(struct slice name, struct slice special_use)
{
    struct mailbox *mailbox = mem_new(struct mailbox);
    atomic_init(&mailbox->users, 1);
    mailbox->name = text_new(name);
    mailbox->special_use = text_new(special_use);
    mailbox->viewers = table_new(false);
    mailbox->status.uidnext = 1;
    mailbox->status.first_recent = 1;
    return mailbox;
}

struct mailbox *mailbox_share(struct mailbox *mailbox)
{
    atomic_fetch_add(&mailbox->users, 1);
    return mailbox;
}

void mailbox_release(struct mailbox *mailbox)
{
    if (atomic_fetch_sub(&mailbox->users, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < mailbox->page_count; i++) {
        page_release(mailbox->pages[i]);
    }
    mem_free(mailbox->pages);
    text_release(mailbox->name);
    text_release(mailbox->special_use);
    vanished_release(mailbox->vanished);
    table_release(mailbox->viewers);
    mem_free(mailbox);
}

struct mailbox *mailbox_own(struct mailbox **mailbox)
{
    struct mailbox *old = *mailbox;
    if (atomic_load(&old->users) == 1) {
        return old;
    }
    struct mailbox *copy = mem_new(struct mailbox);
    atomic_init(&copy->users, 1);
    copy->status = old->status;
    copy->attr_modseq = old->attr_modseq;
    memcpy(copy->guid, old->guid, sizeof(copy->guid));
    copy->name = text_share(old->name);
    copy->special_use = text_share(old->special_use);
    copy->page_count = old->page_count;
    copy->page_room = old->page_count + 1;
    copy->pages = mem_realloc_array(NULL, copy->page_room, sizeof(struct page *));
    for (size_t i = 0; i < old->page_count; i++) {
        copy->pages[i] = old->pages[i];
        atomic_fetch_add(&copy->pages[i]->users, 1);
    }
    copy->viewers = table_share(old->viewers);
    copy->vanished = old->vanished;
    if (copy->vanished) {
        atomic_fetch_add(&copy->vanished->users, 1);
    }
    mailbox_release(old);
    *mailbox = copy;
    return copy;
}

/* --- finding --- */

const struct row *mailbox_row(const struct mailbox *mailbox, struct place place)
{
    return place.page < mailbox->page_count ? &mailbox->pages[place.page]->rows[place.index] : NULL;
}

struct place mailbox_next(const struct mailbox *mailbox, struct place place)
{
    place.index++;
    if (place.page < mailbox->page_count && place.index == mailbox->pages[place.page]->count) {
        place = (struct place){place.page + 1, 0};
    }
    return place;
}

static uint32_t last_uid(const struct page *page)
{
    return page->rows[page->count - 1].uid;
}

struct place mailbox_seek(const struct mailbox *mailbox, uint32_t uid)
{
    struct place place = {0};
    size_t high = mailbox->page_count;
    while (place.page < high) {
        size_t middle = place.page + (high - place.page) / 2;
        if (last_uid(mailbox->pages[middle]) < uid) {
            place.page = middle + 1;
        } else {
            high = middle;
        }
    }
    if (place.page < mailbox->page_count) {
        while (mailbox->pages[place.page]->rows[place.index].uid < uid) {
            place.index++;
        }
    }
    return place;
}

const struct row *mailbox_find(const struct mailbox *mailbox, uint32_t uid)
{
    const struct row *row = mailbox_row(mailbox, mailbox_seek(mailbox, uid));
    return row && row->uid == uid ? row : NULL;
}

struct row_walk row_walk(const struct mailbox *mailbox, const struct uid_set *set)
{
    return (struct row_walk){.mailbox = mailbox, .set = set};
}

const struct row *row_walk_next(struct row_walk *walk)
{
    if (walk->told) {
        walk->place = mailbox_next(walk->mailbox, walk->place);
    }
    walk->told = true;
    for (; walk->range < walk->set->count; walk->range++) {
        const struct uid_range *range = &walk->set->ranges[walk->range];
        const struct row *row = walk->positioned ? mailbox_row(walk->mailbox, walk->place) : NULL;
        if (walk->positioned && !row) {
            return NULL; /* behind the last one */
        }
        if (!row || row->uid < range->first) {
            walk->place = mailbox_seek(walk->mailbox, range->first);
            row = mailbox_row(walk->mailbox, walk->place);
            walk->positioned = true;
        }
        if (row && row->uid <= range->last) {
            return row;
        }
    }
    return NULL;
}

/* --- changing --- */

static void count_row(struct mailbox *mailbox, const struct row *row, int sign)
{
    uint64_t one = (uint64_t)(int64_t)sign; /* unsigned arithmetic wraps: minus works */
    mailbox->status.messages += one;
    mailbox->status.unseen += (row->flags & MESSAGE_SEEN) ? 0 : one;
    mailbox->status.deleted += (row->flags & MESSAGE_DELETED) ? one : 0;
    mailbox->status.bytes += one * row->body->summary.size;
}

static void insert_page(struct mailbox *mailbox, size_t at, struct page *page)
{
    if (mailbox->page_count == mailbox->page_room) {
        mailbox->page_room = mailbox->page_room ? 2 * mailbox->page_room : 4;
        mailbox->pages = mem_realloc_array(mailbox->pages, mailbox->page_room, sizeof(struct page *));
    }
    memmove(&mailbox->pages[at + 1], &mailbox->pages[at], (mailbox->page_count - at) * sizeof(struct page *));
    mailbox->pages[at] = page;
    mailbox->page_count++;
}

/* The page that a row of this UID belongs into, with room for it. New mail fills page after page; what comes
 * in between others halves a full one. */
static size_t page_with_room(struct mailbox *mailbox, uint32_t uid)
{
    size_t at = mailbox_seek(mailbox, uid).page;
    bool behind = at == mailbox->page_count;
    if (behind && at > 0 && mailbox->pages[at - 1]->count < PAGE_ROWS) {
        return at - 1;
    }
    if (behind) {
        insert_page(mailbox, at, page_new());
        return at;
    }
    if (mailbox->pages[at]->count == PAGE_ROWS) {
        struct page *low = own_page(mailbox, at), *high = page_new();
        high->count = PAGE_ROWS / 2;
        low->count = PAGE_ROWS - high->count;
        memcpy(high->rows, &low->rows[low->count], high->count * sizeof(struct row));
        insert_page(mailbox, at + 1, high);
        at += last_uid(low) < uid ? 1 : 0;
    }
    return at;
}

void mailbox_insert(struct mailbox *mailbox, struct row row)
{
    struct page *page = own_page(mailbox, page_with_room(mailbox, row.uid));
    size_t at = page->count;
    while (at > 0 && page->rows[at - 1].uid > row.uid) {
        at--;
    }
    memmove(&page->rows[at + 1], &page->rows[at], (page->count - at) * sizeof(row));
    page->rows[at] = row;
    page->count++;
    count_row(mailbox, &row, 1);
}

void mailbox_remove(struct mailbox *mailbox, uint32_t uid)
{
    struct place place = mailbox_seek(mailbox, uid);
    struct page *page = own_page(mailbox, place.page);
    struct row *row = &page->rows[place.index];
    count_row(mailbox, row, -1);
    row_release(row);
    page->count--;
    memmove(row, row + 1, (page->count - place.index) * sizeof(*row));
    if (page->count == 0) {
        page_release(page);
        mailbox->page_count--;
        memmove(&mailbox->pages[place.page], &mailbox->pages[place.page + 1],
                (mailbox->page_count - place.page) * sizeof(struct page *));
    }
}

struct row *mailbox_edit(struct mailbox *mailbox, struct place place)
{
    return &own_page(mailbox, place.page)->rows[place.index];
}

void mailbox_flags_changed(struct mailbox *mailbox, uint32_t before, uint32_t after)
{
    mailbox->status.unseen += !(after & MESSAGE_SEEN);
    mailbox->status.unseen -= !(before & MESSAGE_SEEN);
    mailbox->status.deleted += !!(after & MESSAGE_DELETED);
    mailbox->status.deleted -= !!(before & MESSAGE_DELETED);
}

static struct vanished *own_vanished(struct mailbox *mailbox)
{
    struct vanished *old = mailbox->vanished;
    if (old && atomic_load(&old->users) == 1) {
        return old;
    }
    struct vanished *copy = mem_new(struct vanished);
    atomic_init(&copy->users, 1);
    if (old) {
        copy->count = old->count;
        copy->room = old->count + 1;
        copy->ranges = mem_realloc_array(NULL, copy->room, sizeof(*copy->ranges));
        memcpy(copy->ranges, old->ranges, old->count * sizeof(*copy->ranges));
    }
    vanished_release(old);
    mailbox->vanished = copy;
    return copy;
}

/* The older half goes, and with it all of the commit in which the forgetting ends. */
static void forget_oldest(struct mailbox *mailbox, struct vanished *vanished)
{
    size_t gone = vanished->count / 2;
    mailbox->status.vanished_floor = vanished->ranges[gone].modseq;
    while (gone < vanished->count && vanished->ranges[gone].modseq == mailbox->status.vanished_floor) {
        gone++;
    }
    vanished->count -= gone;
    memmove(vanished->ranges, &vanished->ranges[gone], vanished->count * sizeof(*vanished->ranges));
}

void mailbox_note_vanished(struct mailbox *mailbox, uint64_t modseq, struct uid_range uids, size_t max)
{
    struct vanished *vanished = own_vanished(mailbox);
    struct vanished_range *last = vanished->count ? &vanished->ranges[vanished->count - 1] : NULL;
    if (last && last->modseq == modseq && last->uids.last + 1 == uids.first) {
        last->uids.last = uids.last;
        return;
    }
    if (vanished->count == vanished->room) {
        vanished->room = vanished->room ? 2 * vanished->room : 8;
        vanished->ranges = mem_realloc_array(vanished->ranges, vanished->room, sizeof(*vanished->ranges));
    }
    /* There is an array when there is room. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    vanished->ranges[vanished->count++] = (struct vanished_range){.modseq = modseq, .uids = uids};
    if (vanished->count > max) {
        forget_oldest(mailbox, vanished);
    }
}
