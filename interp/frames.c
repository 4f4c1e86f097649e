/* Frames: what a front and a session tell each other.
 * SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "interp/frames.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION  1
#define FIXED    16         /* bytes before the head */
#define MOST     (1u << 30) /* of head or body: more is damage */
#define NAME_END "\":"

/* CRC-32 of IEEE 802.3, four bits at a time. */
static uint32_t checksum(const char *bytes, size_t size)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t sum = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        sum ^= (unsigned char)bytes[i];
        sum = (sum >> 4) ^ table[sum & 15];
        sum = (sum >> 4) ^ table[sum & 15];
    }
    return ~sum;
}

static void put(unsigned char *at, uint32_t number)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (unsigned char)(number >> (8 * i));
    }
}

static uint32_t get(const char *at)
{
    uint32_t number = 0;
    for (int i = 0; i < 4; i++) {
        number |= (uint32_t)(unsigned char)at[i] << (8 * i);
    }
    return number;
}

void pi_frame_add(pi_text *text, pi_frame_kind kind, const char *head, const char *body,
                  size_t size)
{
    unsigned char fixed[FIXED] = {'p', 'S', VERSION, (unsigned char)kind};
    size_t length = strlen(head), start = text->used + FIXED;
    put(fixed + 4, (uint32_t)length);
    put(fixed + 8, (uint32_t)size);
    pi_text_add(text, (const char *)fixed, sizeof fixed);
    pi_text_add(text, head, length);
    pi_text_add(text, body, size);
    put((unsigned char *)text->bytes + start - 4, checksum(text->bytes + start, length + size));
}

int pi_frame_look(const char *bytes, size_t size, pi_frame *frame)
{
    if (size < FIXED) {
        return 0;
    }
    size_t head = get(bytes + 4), body = get(bytes + 8);
    if (bytes[0] != 'p' || bytes[1] != 'S' || bytes[2] != VERSION || head > MOST || body > MOST) {
        return -1;
    }
    if (size - FIXED < head + body) {
        return 0;
    }
    *frame = (pi_frame){.kind = (pi_frame_kind)(unsigned char)bytes[3],
                        .bytes = bytes,
                        .size = FIXED + head + body,
                        .head = bytes + FIXED,
                        .head_size = head,
                        .body = bytes + FIXED + head,
                        .body_size = body};
    return checksum(frame->head, head + body) == get(bytes + 12) ? 1 : -1;
}

/* What stands behind `"name":` and spaces; NULL when the name is not there. */
static const char *find(const pi_frame *frame, const char *name)
{
    char key[32];
    snprintf(key, sizeof key, "\"%s" NAME_END, name);
    const char *at = memmem(frame->head, frame->head_size, key, strlen(key));
    const char *end = frame->head + frame->head_size;
    for (at = at ? at + strlen(key) : NULL; at && at < end && *at == ' '; at++) {
    }
    return at && at < end ? at : NULL;
}

bool pi_frame_word(const pi_frame *frame, const char *name, char *word, size_t size)
{
    const char *at = find(frame, name);
    size_t left = at ? (size_t)(frame->head + frame->head_size - at) : 0;
    const char *end = left && *at == '"' ? memchr(at + 1, '"', left - 1) : NULL;
    if (!end || (size_t)(end - at) > size) {
        return false;
    }
    memcpy(word, at + 1, (size_t)(end - at - 1));
    word[end - at - 1] = '\0';
    return true;
}

bool pi_frame_flag(const pi_frame *frame, const char *name)
{
    const char *at = find(frame, name);
    return at && (size_t)(frame->head + frame->head_size - at) >= 4 && memcmp(at, "true", 4) == 0;
}

long pi_frame_number(const pi_frame *frame, const char *name)
{
    const char *at = find(frame, name);
    return at ? strtol(at, NULL, 10) : 0; /* a head ends in a bracket */
}

void pi_frame_quote(pi_text *text, const char *bytes, size_t size)
{
    pi_text_add_string(text, "\"");
    for (size_t i = 0; i < size; i++) {
        unsigned char one = (unsigned char)bytes[i];
        char escape[8];
        if (one < 0x20 || one == '"' || one == '\\') {
            snprintf(escape, sizeof escape, "\\u%04x", one);
            pi_text_add_string(text, escape);
        } else {
            pi_text_add(text, bytes + i, 1);
        }
    }
    pi_text_add_string(text, "\"");
}
