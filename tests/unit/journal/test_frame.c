/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the format is what docs/internals/journal.md says, and damage costs
 * the records that it hits and no others.
 * Method: golden bytes written by hand (sums by another implementation); every
 * cut, every flipped bit and every hole in a small segment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/internal.h"
#include "base/str.h"
#include "journal/frame.h"

enum { SIZE = LLMP_JOURNAL_SEGMENT_MIN, RECORDS = 3 };

static const struct llmp_segment_head head = { .sequence = 0x0102030405060708,
                                               .wall_ns = 1700000000000000000,
                                               .size = SIZE,
                                               .salt = 0xA1B2C3D4 };

static const uint8_t golden[] = {
    'l',  'l',  'm',  'p',  'j',  'r',  'n',  'l',  /* magic */
    1,    0,    0,    0,                            /* version */
    0,    0x10, 0,    0,                            /* size */
    8,    7,    6,    5,    4,    3,    2,    1,    /* sequence */
    0x00, 0x00, 0x2A, 0x36, 0xFE, 0x9C, 0x97, 0x17, /* wall time */
    0xD4, 0xC3, 0xB2, 0xA1,                         /* salt */
    0x0A, 0x7E, 0xC7, 0x58,                         /* sum */
    0,    0,    0,    0,    0,    0,    0,    0,    0,   0,   0,   0,   0,
    0,    0,    0, /* nothing */
    0,    0,    0,    0,    0,    0,    0,    0,    5,   0,   0,   0, /* length
                                                                       */
    0x73, 0x48, 0x8E, 0x35,                                           /* sum */
    1,    2,    0,    0, /* intent, owned */
    7,    0,    0,    0, /* ticket */
    'h',  'e',  'l',  'l',  'o',  0,    0,    0,    0,   0,   0,   0,   0,
    0,    0,    0,    16,   0,    0,    0, /* length */
    0x01, 0xB1, 0x66, 0x71,                /* sum */
    2,    1,    0,    0,                   /* outcome, settled */
    0xFF, 0xFF, 0xFF, 0xFF,                /* no ticket */
    '0',  '1',  '2',  '3',  '4',  '5',  '6',  '7',  '8', '9', 'a', 'b', 'c',
    'd',  'e',  'f',
};

static _Alignas(16) uint8_t segment[SIZE];

static uint32_t write_record(uint32_t at, enum llmp_journal_type type,
                             uint8_t marks, uint32_t ticket,
                             struct llmp_str payload)
{
    struct llmp_frame *frame = llmp_frame_at(segment, at);

    llmp_frame_write(frame, &head, (uint32_t)payload.len, type, marks, ticket,
                     &payload, 1);
    llmp_frame_publish(frame, (uint32_t)payload.len);
    return at + llmp_frame_size((uint32_t)payload.len);
}

static void the_format_is_the_golden_one(void **state)
{
    uint32_t at = LLMP_FRAME_SEGMENT_HEAD;
    struct llmp_segment_head read;
    (void)state;

    memset(segment, 0, SIZE);
    llmp_segment_head_write(segment, &head);
    at = write_record(at, LLMP_JOURNAL_INTENT, LLMP_FRAME_OWNED, 7,
                      LLMP_STR("hello"));
    at = write_record(at, LLMP_JOURNAL_OUTCOME, LLMP_FRAME_SETTLED,
                      LLMP_FRAME_NO_TICKET, LLMP_STR("0123456789abcdef"));
    assert_int_equal(at, sizeof(golden));
    assert_memory_equal(segment, golden, sizeof(golden));

    assert_int_equal(llmp_segment_head_read(golden, SIZE, &read, NULL),
                     LLMP_OK);
    assert_int_equal(read.sequence, head.sequence);
    assert_int_equal(read.wall_ns, head.wall_ns);
    assert_int_equal(read.salt, head.salt);
}

static void a_damaged_head_is_found(void **state)
{
    struct llmp_segment_head read;
    uint8_t copy[LLMP_FRAME_SEGMENT_HEAD];
    (void)state;

    for (size_t bit = 0; bit < 40 * 8; bit++) {
        memcpy(copy, golden, sizeof(copy));
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);

        int rc = llmp_segment_head_read(copy, SIZE, &read, NULL);
        bool version = bit / 8 >= 8 && bit / 8 < 12;

        assert_int_equal(rc, version ? LLMP_E_UNSUPPORTED : LLMP_E_CORRUPT);
    }
    assert_int_equal(llmp_segment_head_read(golden, SIZE * 2, &read, NULL),
                     LLMP_E_UNSUPPORTED);
    memset(copy, 0, sizeof(copy));
    assert_int_equal(llmp_segment_head_read(copy, SIZE, &read, NULL),
                     LLMP_MISS);
}

/* ---- damage -------------------------------------------------------------- */

static uint32_t place[RECORDS + 1];

/* Three records of 40 bytes, that look like nothing in particular. */
static void write_three(void)
{
    static const char text[] = "0123456789012345678901234567890123456789";

    memset(segment, 0, SIZE);
    llmp_segment_head_write(segment, &head);
    place[0] = LLMP_FRAME_SEGMENT_HEAD;
    for (int i = 0; i < RECORDS; i++)
        place[i + 1] =
            write_record(place[i], LLMP_JOURNAL_OUTCOME, 0, 0,
                         (struct llmp_str){ text, sizeof(text) - 1 });
}

/* A bit for each of the three that seeking finds; anything else fails. */
static unsigned found(void)
{
    unsigned bits = 0;
    uint32_t at = LLMP_FRAME_SEGMENT_HEAD;

    while ((at = llmp_frame_seek(segment, &head, at)) < SIZE) {
        int i = 0;

        while (i < RECORDS && place[i] != at)
            i++;
        assert_true(i < RECORDS);
        bits |= 1u << i;
        at += llmp_frame_size(llmp_frame_len(llmp_frame_at(segment, at)));
    }
    return bits;
}

static void every_flipped_bit_costs_one_record(void **state)
{
    (void)state;
    for (uint32_t byte = place[1]; byte < place[1] + LLMP_FRAME_HEAD + 40;
         byte++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bool free_to_change =
                byte == place[1] + 9 ||                          /* marks */
                (byte >= place[1] + 12 && byte < place[1] + 16); /* ticket */

            write_three();
            segment[byte] ^= (uint8_t)(1 << bit);
            assert_int_equal(found(), free_to_change ? 7 : 5);
        }
}

static void every_torn_tail_costs_what_is_torn(void **state)
{
    (void)state;
    write_three();
    for (uint32_t cut = place[3]; cut >= LLMP_FRAME_SEGMENT_HEAD; cut--) {
        write_three();
        memset(segment + cut, 0, SIZE - cut);

        /* The padding behind a record is zeros anyway. */
        unsigned whole = 0;

        for (int i = 0; i < RECORDS; i++)
            if (cut >= place[i] + LLMP_FRAME_HEAD + 40)
                whole |= 1u << i;
        assert_int_equal(found(), whole);
    }
}

static void a_hole_is_passed_over(void **state)
{
    (void)state;
    /* Killed before it was published, with all or some of it written. */
    for (uint32_t written = 0; written < 40; written++) {
        write_three();
        memset(segment + place[0], 0, 4);
        memset(segment + place[0] + LLMP_FRAME_HEAD + written, 0, 40 - written);
        assert_int_equal(found(), 6);
    }
}

/* A client's text that is itself a record, in one that is torn. */
static void text_cannot_pass_for_a_record(void **state)
{
    static uint8_t forged[64];
    struct llmp_segment_head other = head;
    struct llmp_str payload = LLMP_STR("0123456789");
    (void)state;

    other.salt ^= 1; /* what the client cannot know */
    llmp_frame_write((struct llmp_frame *)(void *)forged, &other, 10,
                     LLMP_JOURNAL_OUTCOME, 0, 0, &payload, 1);
    llmp_frame_publish((struct llmp_frame *)(void *)forged, 10);
    memset(segment, 0, SIZE);
    llmp_segment_head_write(segment, &head);
    place[0] = LLMP_FRAME_SEGMENT_HEAD;
    place[1] = write_record(place[0], LLMP_JOURNAL_OUTCOME, 0, 0,
                            (struct llmp_str){ (char *)forged, 32 });
    memset(segment + place[0], 0, 4);
    assert_int_equal(found(), 0);
}

static int fill_places(void **state)
{
    (void)state;
    write_three();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_is_the_golden_one),
        cmocka_unit_test(a_damaged_head_is_found),
        cmocka_unit_test_setup(every_flipped_bit_costs_one_record, fill_places),
        cmocka_unit_test(every_torn_tail_costs_what_is_torn),
        cmocka_unit_test(a_hole_is_passed_over),
        cmocka_unit_test(text_cannot_pass_for_a_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
