/* How fast a rank reads memory: the line that no reduction can be above. A library for reductions_rank.py.
 * SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>

typedef uint64_t words __attribute__((vector_size(64), aligned(8)));

uint64_t stream_read(const uint64_t *from, size_t count)
{
    words all[4] = {0};
    for (size_t i = 0; i + 32 <= count; i += 32) {
        for (int j = 0; j < 4; j++) {
            all[j] ^= *(const words *)(from + i + 8 * j);
        }
    }
    uint64_t sum = 0;
    for (int j = 0; j < 32; j++) {
        sum ^= all[j / 8][j % 8];
    }
    return sum;
}
