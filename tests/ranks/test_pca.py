"""The example pca: its numbers on the real images, what a rank holds, and files that are broken.

SPDX-License-Identifier: MIT
"""
# ranks: 1 2 3 4
# timeout: 120

import gzip
import io
import struct
import tempfile
import tracemalloc
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np

import mpi
import support
from pympi.examples import pca

COUNTS = (2503, 1001)       # images of the made files: odd, and more than one piece
GZIP = 768 * 1024           # bytes that gzip holds of its own while it reads, and small change


class OnEveryRank(support.Comms):
    """The example runs on the world; so do its tests, which agree before they assert."""

    over = ("world",)

    def agreed(self, right, message):
        """Fail on every rank when `right` is false on one."""
        wrong = mpi.allgather(None if right else f"rank {mpi.rank}: {message}")
        self.assertEqual([text for text in wrong if text], [])


class RealImages(OnEveryRank):
    """Against serial NumPy over all the images, on rank 0."""

    def test_numbers(self):
        count, mean, covariance = pca.mean_and_covariance(pca.load(pca.FOLDER))
        difference = None
        if mpi.rank == 0:
            variances, _ = pca.principal_components(covariance)
            difference = pca.check(pca.FOLDER, mean, covariance, variances)
        self.assertLessEqual(mpi.bcast(difference), pca.TOLERANCE)
        self.agreed(count == 70000, f"{count} images")
        first = mpi.bcast(covariance)
        self.agreed(np.array_equal(covariance, first), "its covariance is not rank 0's")


class MadeFiles(OnEveryRank):
    """Small files, made by rank 0 in a folder that all ranks of this machine see."""

    def setUp(self):
        self.folder = None
        if mpi.rank == 0:
            self.folder = tempfile.mkdtemp()
            random = np.random.default_rng(2)
            for name, count in zip(pca.FILES, COUNTS):
                self.write(name, image_file(random.integers(0, 256, (count, 784), np.uint8)))
        self.folder = Path(mpi.bcast(str(self.folder)))

    def tearDown(self):
        mpi.barrier()
        if mpi.rank == 0:
            for path in self.folder.iterdir():
                path.unlink()
            self.folder.rmdir()

    def write(self, name, data):
        (Path(self.folder) / name).write_bytes(data)

    def change(self, change, name=pca.FILES[1]):
        """Replace a file by what `change` makes of its unzipped bytes; on rank 0."""
        if mpi.rank == 0:
            data = gzip.decompress((self.folder / name).read_bytes())
            self.write(name, change(data))
        mpi.barrier()

    def error(self):
        """Load, which must fail, and return the message, which must be the same on every rank."""
        text = "loaded"
        try:
            pca.load(self.folder)
        except pca.DataError as error:
            text = str(error)
        self.assertEqual(set(mpi.allgather(text)), {text})
        return text

    def test_shares_are_array_splits(self):
        files = [gzip.decompress((self.folder / name).read_bytes())[16:] for name in pca.FILES]
        images = np.frombuffer(b"".join(files), np.uint8).reshape(-1, 784)
        share = np.array_split(images, mpi.size)[mpi.rank]
        self.agreed(np.array_equal(pca.load(self.folder), share), "not its share")

    def test_no_rank_holds_more_than_its_share_and_a_piece(self):
        tracemalloc.start()
        try:
            share = pca.load(self.folder)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        most = share.nbytes + pca.PIECE * 784 + GZIP
        self.agreed(peak <= most, f"held {peak} bytes, not {most} at most")
        self.agreed(share.flags.owndata, "its share is a view of something larger")

    def test_fewer_images_than_ranks(self):
        for name in pca.FILES:
            self.change(lambda data: image_file(np.zeros((1, 784), np.uint8)), name)
        self.assertEqual(sum(mpi.allgather(len(pca.load(self.folder)))), 2)

    def test_missing(self):
        if mpi.rank == 0:
            (self.folder / pca.FILES[1]).unlink()
        mpi.barrier()
        self.assertIn("package dataset-fashion-mnist", self.error())

    def test_truncated_gzip(self):
        self.change(lambda data: gzip.compress(data)[:300_000], pca.FILES[0])
        self.assertIn("cannot be read", self.error())

    def test_flipped_byte(self):
        def flip(data):
            packed = bytearray(gzip.compress(data))
            packed[-5] ^= 1     # in gzip's sum
            return bytes(packed)
        self.change(flip)
        self.assertIn("cannot be read", self.error())

    def test_not_gzip(self):
        self.change(lambda data: data)
        self.assertIn("cannot be read", self.error())

    def test_empty(self):
        self.change(lambda data: b"")
        self.assertIn("ends early", self.error())

    def test_wrong_magic(self):
        self.change(lambda data: gzip.compress(b"\0\0\x08\x01" + data[4:]))
        self.assertIn("begins with 0x0801", self.error())

    def test_wrong_size(self):
        self.change(lambda data: gzip.compress(struct.pack(">4I", 0x0803, 7, 32, 32) + data[16:]))
        self.assertIn("32 x 32 pixels", self.error())

    def test_fewer_images_than_told(self):
        self.change(lambda data: gzip.compress(data[:-1]))
        self.assertIn("ends early", self.error())

    def test_more_images_than_told(self):
        self.change(lambda data: gzip.compress(data + b"\0"))
        self.assertIn("goes on after", self.error())

    def test_missing_data_ends_the_job_with_one_sentence(self):
        with redirect_stderr(io.StringIO()) as errors:
            status = pca.main(["--data", str(self.folder / "none")])
        self.agreed(status == 1, f"status {status}")
        self.agreed(errors.getvalue().count("\n") == (mpi.rank == 0), "not said once")


def image_file(images):
    """Return the gzipped idx file of images (count, 784)."""
    header = struct.pack(">4I", 0x0803, len(images), 28, 28)
    return gzip.compress(header + images.tobytes(), 1)


if __name__ == "__main__":
    support.main()
