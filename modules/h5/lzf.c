/* h5py's own filter, "lzf": chunks by LibLZF, which is fast and packs little.
 * SPDX-License-Identifier: MIT */
#include "modules/h5/lzf.h"

#include "config.h"

#ifdef PYMPI_LZF

#include <errno.h>
#include <liblzf/lzf.h>

/* What h5py writes with each dataset, so that it reads ours: revision of the filter, LibLZF's version, bytes of
 * a chunk. */
enum { REVISION = 4, REVISION_AT = 0, VERSION_AT, CHUNK_AT, VALUES };

static herr_t note_chunk(hid_t list, hid_t type, hid_t Py_UNUSED(space))
{
    unsigned flags, values[VALUES];
    size_t count = VALUES, size = H5Tget_size(type);
    hsize_t lengths[H5S_MAX_RANK];
    int rank = H5Pget_chunk(list, H5S_MAX_RANK, lengths);
    if (rank < 0 || size == 0 ||
        H5Pget_filter_by_id2(list, PH_LZF, &flags, &count, values, 0, NULL, NULL) < 0) {
        return -1;
    }
    for (int i = 0; i < rank; i++) {
        size *= (size_t)lengths[i];
    }
    values[REVISION_AT] = REVISION;
    values[VERSION_AT] = LZF_VERSION;
    values[CHUNK_AT] = (unsigned)size; /* HDF5's chunks are shorter than 4 GiB */
    return H5Pmodify_filter(list, PH_LZF, flags, VALUES, values);
}

/* Bytes in *out, of which there are room; 0: it did not become shorter, and stays as it is. */
static size_t pack(const void *in, size_t length, void **out, size_t *room)
{
    *room = length;
    *out = H5allocate_memory(length, false);
    return *out ? lzf_compress(in, (unsigned)length, *out, (unsigned)length - 1) : 0;
}

/* The same back; what made the file may not have noted how long it becomes. 0: it is damaged. */
static size_t unpack(const void *in, size_t length, void **out, size_t *room)
{
    size_t made = 0;
    for (; *room < UINT32_MAX; *room *= 2) {
        *out = H5allocate_memory(*room, false);
        made = *out ? lzf_decompress(in, (unsigned)length, *out, (unsigned)*room) : 0;
        if (made || !*out || errno != E2BIG) {
            break;
        }
        H5free_memory(*out);
        *out = NULL;
    }
    return made;
}

static size_t filter(unsigned flags, size_t count, const unsigned *values, size_t length,
                     size_t *room, void **bytes)
{
    size_t made, more;
    void *out = NULL;
    if (length < 2) {
        return 0;
    }
    if (flags & H5Z_FLAG_REVERSE) {
        more = count > CHUNK_AT && values[CHUNK_AT] ? values[CHUNK_AT] : *room;
        made = unpack(*bytes, length, &out, &more);
    } else {
        made = pack(*bytes, length, &out, &more);
    }
    if (made) {
        H5free_memory(*bytes);
        *bytes = out;
        *room = more;
    } else {
        H5free_memory(out);
    }
    return made;
}

static const H5Z_class2_t lzf = {
    .version = H5Z_CLASS_T_VERS,
    .id = PH_LZF,
    .encoder_present = 1,
    .decoder_present = 1,
    .name = "lzf",
    .set_local = note_chunk,
    .filter = filter,
};

herr_t ph_lzf_setup(void)
{
    return H5Zregister(&lzf);
}

#else

herr_t ph_lzf_setup(void)
{
    return 0;
}

#endif
